// Arrays of numbers that grow when written to.

export class Int32List {
	#data = new Int32Array(64);
	length = 0;

	/** Appends the first `count` values. */
	pushAll(values: Int32Array, count: number): void {
		let room = this.#data.length;
		while (room < this.length + count) room *= 2;
		if (room > this.#data.length) this.#data = lengthened(this.#data, new Int32Array(room));
		this.#data.set(values.subarray(0, count), this.length);
		this.length += count;
	}

	/** Copies `count` numbers, beginning at `from`, to the front of `into`. */
	copy(from: number, count: number, into: Int32Array): void {
		into.set(this.#data.subarray(from, from + count));
	}

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

	/** Grows the list to at least `length` numbers, filling it with `initial`. The array is valid until the list grows. */
	atLeast(length: number, initial: number): Float64Array {
		if (length > this.#data.length) {
			let room = this.#data.length;
			while (room < length) room *= 2;
			this.#data = lengthened(this.#data, new Float64Array(room));
		}
		if (length > this.length) {
			this.#data.fill(initial, this.length, length);
			this.length = length;
		}
		return this.#data;
	}

	/** The numbers without copying, valid until the next push. */
	get view(): Float64Array {
		return this.#data.subarray(0, this.length);
	}
}

function lengthened<T extends Int32Array | Float64Array>(from: T, to: T): T {
	to.set(from);
	return to;
}
