// Arrays of numbers that become longer as they are written to.

export class Int32List {
	#data = new Int32Array(64);
	length = 0;

	push(value: number): void {
		if (this.length === this.#data.length) this.#data = lengthened(this.#data, new Int32Array(this.length * 2));
		this.#data[this.length++] = value;
	}

	at(index: number): number {
		return this.#data[index]!;
	}

	set(index: number, value: number): void {
		this.#data[index] = value;
	}
}

export class Float64List {
	#data = new Float64Array(64);
	length = 0;

	push(value: number): void {
		if (this.length === this.#data.length) this.#data = lengthened(this.#data, new Float64Array(this.length * 2));
		this.#data[this.length++] = value;
	}

	at(index: number): number {
		return this.#data[index]!;
	}

	set(index: number, value: number): void {
		this.#data[index] = value;
	}

	/** The numbers as they are: valid until the next push. */
	get view(): Float64Array {
		return this.#data.subarray(0, this.length);
	}
}

function lengthened<T extends Int32Array | Float64Array>(from: T, to: T): T {
	to.set(from);
	return to;
}
