// Divides --max-memory. Each part keeps within its own limit, so together they keep within the whole. The process may
// take 128 MiB more: Node and its threads need most of that, and under heavy load a little more.

export type MemoryShares = {
	/** Rows: segments of shared memory. */
	readonly store: number;
	/** The decoder's WASM memory: connections and open exchanges. */
	readonly decoder: number;
	readonly connectionLog: number;
	/** One statement: its groups, sorts, joins and result. */
	readonly statement: number;
};

/** Enough for the decoder's open exchanges, unless bodies are large. */
const DECODER_ENOUGH = 64 << 20;

/** From this setting up, the 128 MiB above --max-memory are enough for Node and its threads. */
const ROOMY = 320 << 20;

/** Below that setting, the rows leave this much for garbage that is collected late on a busy machine. */
const SPARE = 4 << 20;

/** The smallest limit that can be kept. */
export const MAX_MEMORY_LEAST = 64 << 20;

/** The decoder cannot be sure to read every recording with less. */
const DECODER_LEAST = 12 << 20;

/** What one more thread takes besides its tables. */
export const THREAD_BYTES = 8 << 20;

/** With less memory no recording is attached. */
export const ATTACHED_LEAST = 32 << 20;

/** The rows of the capture keep at least this much room when a recording is attached. */
const ROOM_LEAST = 8 << 20;

/** Free memory without which no recording is attached. */
export const ATTACHING_LEAST = ATTACHED_LEAST + ROOM_LEAST;

/** How much of `free` bytes a recording may take, at most half if that is enough. 0: too little is free. */
export function attachedBytes(free: number): number {
	return free < ATTACHING_LEAST ? 0 : Math.floor(Math.max(free / 2, ATTACHED_LEAST));
}

/** The parts of `bytes` for an attached recording. Statements have theirs already. */
export function attachedShares(bytes: number): MemoryShares {
	const all = bytes - THREAD_BYTES;
	const decoder = Math.floor(Math.max(DECODER_LEAST, Math.min(all / 3, DECODER_ENOUGH)));
	const connectionLog = Math.floor(all / 50);
	return { store: all - decoder - connectionLog, decoder, connectionLog, statement: 0 };
}

/** The parts of `maxMemory` bytes. */
export function memoryShares(maxMemory: number): MemoryShares {
	// The compiler, the buffers between the threads and garbage take the same, however small the limit is.
	const all = maxMemory - Math.max(0, Math.floor((ROOMY - maxMemory) / 8));
	const decoder = Math.floor(Math.max(all / 8, Math.min(all / 3, DECODER_ENOUGH)));
	const connectionLog = Math.floor(all / 50);
	const statement = Math.floor(all / 4);
	const spare = maxMemory < ROOMY ? Math.floor(Math.min(SPARE, (maxMemory - MAX_MEMORY_LEAST) / 8)) : 0;
	return { store: all - decoder - connectionLog - statement - spare, decoder, connectionLog, statement };
}
