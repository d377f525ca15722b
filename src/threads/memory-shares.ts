// Divides --max-memory. Each part keeps within its own limit, so together they keep within the whole. Node and its
// threads need additional memory, which does not depend on the setting.

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

/** The parts of `maxMemory` bytes. */
export function memoryShares(maxMemory: number): MemoryShares {
	const decoder = Math.floor(Math.max(maxMemory / 8, Math.min(maxMemory / 4, DECODER_ENOUGH)));
	const connectionLog = Math.floor(maxMemory / 50);
	const statement = Math.floor(maxMemory / 4);
	return { store: maxMemory - decoder - connectionLog - statement, decoder, connectionLog, statement };
}
