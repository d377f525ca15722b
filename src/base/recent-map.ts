// A map that remembers what was set recently.

/**
 * Has at least the last `most` entries, and at most twice as many. (Deleting the first entry of a large Map each time would
 * be slow, because finding it means to pass all that were deleted before.)
 */
export class RecentMap<K, V> {
	readonly #most: number;
	#new = new Map<K, V>();
	#old: ReadonlyMap<K, V> = new Map();

	constructor(most: number) {
		this.#most = most;
	}

	has(key: K): boolean {
		return this.#new.has(key) || this.#old.has(key);
	}

	get(key: K): V | undefined {
		return this.#new.get(key) ?? this.#old.get(key);
	}

	set(key: K, value: V): void {
		this.#new.set(key, value);
		if (this.#new.size < this.#most) return;
		this.#old = this.#new;
		this.#new = new Map();
	}
}
