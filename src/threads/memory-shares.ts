// How --max-memory is shared out. Each part keeps within its own, so that together they keep within the whole; what Node
// and its threads take besides is the same whatever the setting is.

export type MemoryShares = {
	/** Rows: segments of shared memory. */
	readonly store: number;
	/** The decoder's WASM memory: connections and open exchanges. */
	readonly decoder: number;
	readonly connectionLog: number;
	/** One statement: its groups, sorts, joins and result. */
	readonly statement: number;
};

/** The decoder needs no more for what is open at a time, unless bodies are large; then there is much memory, too. */
const DECODER_ENOUGH = 64 << 20;

/** The parts of `maxMemory` bytes. */
export function memoryShares(maxMemory: number): MemoryShares {
	const decoder = Math.floor(Math.max(maxMemory / 8, Math.min(maxMemory / 4, DECODER_ENOUGH)));
	const connectionLog = Math.floor(maxMemory / 50);
	const statement = Math.floor(maxMemory / 4);
	return { store: maxMemory - decoder - connectionLog - statement, decoder, connectionLog, statement };
}
