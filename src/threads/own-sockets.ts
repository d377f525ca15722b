// Addresses of this process's own sockets, in memory that main shares with the capture thread. The kernel side leaves
// out this process, but not the other end of its connections, which may be on this host, too.

/** More than are ever open at a time: one connection for each kind of upload, and the addresses of a listener. */
const SLOTS = 64;
/** The longest address, `[v6]:port`, has 47 bytes. */
const SLOT_BYTES = 56;
const BYTES_AT = (SLOTS + 1) * 4;

/** Added to the length of a listener's address. */
const LISTENER = 1 << 16;

/** How long an address stays after its connection was closed: the last exchange may not have been read yet. */
const LINGER_MS = 2000;

export class OwnSockets {
	readonly buffer: SharedArrayBuffer;
	/** For each slot the length of its address, and LISTENER; 0 if it is free. */
	readonly #lengths: Int32Array;
	/** How many slots are in use. */
	readonly #used: Int32Array;
	readonly #bytes: Uint8Array;

	readonly #lingerMs: number;

	constructor(buffer = new SharedArrayBuffer(BYTES_AT + SLOTS * SLOT_BYTES), lingerMs = LINGER_MS) {
		this.#lingerMs = lingerMs;
		this.buffer = buffer;
		this.#lengths = new Int32Array(buffer, 0, SLOTS);
		this.#used = new Int32Array(buffer, SLOTS * 4, 1);
		this.#bytes = new Uint8Array(buffer, BYTES_AT);
	}

	/** Whether there is any address. */
	get inUse(): boolean {
		return this.#used[0] !== 0;
	}

	/**
	 * Adds the address of a connection as the columns `local` and `remote` print it, or that of a listener. The function
	 * returned removes it, a little later.
	 */
	add(address: string, kind: 'connection' | 'listener' = 'connection'): () => void {
		const text = Buffer.from(address);
		const slot = this.#lengths.indexOf(0);
		// With all slots taken, the exchange becomes a row like any other.
		if (slot < 0 || text.length > SLOT_BYTES) return () => undefined;
		this.#bytes.set(text, slot * SLOT_BYTES);
		Atomics.store(this.#lengths, slot, text.length + (kind === 'listener' ? LISTENER : 0));
		Atomics.add(this.#used, 0, 1);
		return () => void setTimeout(() => this.#free(slot), this.#lingerMs).unref();
	}

	/** Whose address the `length` bytes from `start` on are; undefined if they are none of these. */
	find(bytes: Uint8Array, start: number, length: number): 'connection' | 'listener' | undefined {
		if (length === 0) return undefined;
		let left = this.#used[0]!;
		for (let slot = 0; slot < SLOTS && left > 0; slot++) {
			// This is done for each exchange, and an atomic read takes longer.
			const seen = this.#lengths[slot]!;
			if (seen !== 0) left--;
			if (seen % LISTENER !== length) continue;
			const kept = Atomics.load(this.#lengths, slot);
			if (kept % LISTENER !== length) continue;
			let i = 0;
			while (i < length && this.#bytes[slot * SLOT_BYTES + i] === bytes[start + i]) i++;
			if (i === length) return kept >= LISTENER ? 'listener' : 'connection';
		}
		return undefined;
	}

	#free(slot: number): void {
		Atomics.store(this.#lengths, slot, 0);
		Atomics.sub(this.#used, 0, 1);
	}
}

/** The form of an address and a port in the columns `local` and `remote`. */
export function socketAddress(ip: string, port: number): string {
	const plain = ip.replace(/^::ffff:(?=\d+\.)/i, '');
	return plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`;
}
