// The only file that instantiates the WASM module. Calls pass numbers; bytes are read through views of its memory. The
// output format is in decoder-as/assembly/wire/output-layout.ts. Readers must copy the output before the next call.
import * as event from '../../decoder-as/assembly/wire/capture-event.ts';
import * as layout from '../../decoder-as/assembly/wire/output-layout.ts';

/** The decoder's settings. Missing settings have the decoder's defaults. */
export type DecoderSettings = {
	/** Maximum body bytes held per message; -1 for no limit. Default 65536. */
	readonly bodyLimit?: number;
	/** Maximum bytes kept of a request or status line. Default 65536. */
	readonly startLineLimit?: number;
	/** Maximum bytes kept of a header block. Default 131072. */
	readonly headerBytesLimit?: number;
	/** Maximum field lines kept of a header block. Default 1000. */
	readonly headerCountLimit?: number;
	/** Maximum requests of one connection that wait for a response. Default 100. */
	readonly waitingLimit?: number;
	/** Maximum connections followed. The least recently used one is evicted first. Default 65536. */
	readonly connectionsLimit?: number;
	/** Milliseconds after which an incomplete message is given up. Default 300000. */
	readonly idleLimitMs?: number;
	/** Maximum WASM memory in bytes. Default 64 MiB. */
	readonly memoryLimit?: number;
	/** Maximum calls kept for table `events`. Default 65536. */
	readonly eventsLimit?: number;
};

/** One row of table `loss`: totals since the start. `lastTs` is in microseconds since the epoch, 0 for never. */
export type DecoderLoss = { readonly events: number; readonly bytes: number; readonly lastTs: number };

export type Decoder = {
	/** The memory that pointers refer to. Its buffer is replaced when it grows, so read this again after every call. */
	readonly memory: WebAssembly.Memory;
	/** Changes settings from the next record on. */
	configure(settings: DecoderSettings): void;
	/**
	 * The address of room for a batch of `bytes` bytes, valid until more room is requested. May grow the memory, even
	 * beyond the limit. Throws a RangeError if the host has no memory left.
	 */
	inputPointer(bytes: number): number;
	/** The same room as a view. */
	input(bytes: number): Uint8Array;
	/**
	 * Decodes a batch of `bytes` bytes at the input pointer. Call it with 0 if nothing arrived for a while: anything
	 * that waits for a late record (a response before its request, a gap that may still be filled, an answer to a
	 * question) is decided by the next call.
	 */
	decode(bytes: number): void;
	/**
	 * The same from byte `from` of the batch on, but stops between two records if the output should be taken first, because it
	 * is large (the memory limit includes it) or contains questions. Returns where it stopped: `bytes` at the end of the batch,
	 * else where the next part begins. Call settle() after the last part.
	 */
	decodePart(from: number, bytes: number): number;
	/** Takes records that answer questions, between two parts of a batch or after the last part. */
	answer(records: Uint8Array): void;
	/**
	 * Decides what had to wait for the end of the batch. If it returns false, take the output and call settle()
	 * again. It can also be called again after later answers.
	 */
	settle(): boolean;
	/** The entries that have accumulated since `clearOutput`, as a view that the next call may invalidate. */
	output(): Uint8Array;
	clearOutput(): void;
	/** Appends open exchanges, live connections, recent events, blind spots (a mask of SNAPSHOT_*) to the output. */
	snapshot(mask: number): void;
	/** Ends the capture: adds all open rows to the output. */
	finish(): void;
	/** By enum capture_loss. */
	loss(): DecoderLoss[];
	/** Takes decompressed bytes that answer an ENTRY_CODED; `flags` (CODED_FLAG_*) and `time` are those of the entry. */
	takeDecoded(id: number, flags: number, time: bigint, bytes: Uint8Array): void;
	/** Bytes of memory in use. */
	memoryUsed(): number;
};

type Exports = {
	readonly memory: WebAssembly.Memory;
	configure(key: number, value: number): void;
	inputPointer(bytes: number): number;
	decode(bytes: number): void;
	decodePart(from: number, bytes: number): number;
	settle(): number;
	answersPointer(bytes: number): number;
	takeAnswers(): void;
	takeDecoded(id: number, flags: number, time: bigint, bytes: number): void;
	outputPointer(): number;
	outputBytes(): number;
	clearOutput(): void;
	snapshot(mask: number): void;
	finish(): void;
	lossEvents(reason: number): number;
	lossBytes(reason: number): number;
	lossLast(reason: number): number;
	memoryUsed(): number;
};

const SETTING_KEYS: readonly (readonly [keyof DecoderSettings, number])[] = [
	['bodyLimit', layout.SETTING_BODY_LIMIT],
	['startLineLimit', layout.SETTING_START_LINE_LIMIT],
	['headerBytesLimit', layout.SETTING_HEADER_BYTES_LIMIT],
	['headerCountLimit', layout.SETTING_HEADER_COUNT_LIMIT],
	['waitingLimit', layout.SETTING_WAITING_LIMIT],
	['connectionsLimit', layout.SETTING_CONNECTIONS_LIMIT],
	['idleLimitMs', layout.SETTING_IDLE_LIMIT_MS],
	['memoryLimit', layout.SETTING_MEMORY_LIMIT],
	['eventsLimit', layout.SETTING_EVENTS_LIMIT],
];

/**
 * Creates a decoder from the bytes of build/decoder.wasm or from a module compiled from them. Throws a
 * WebAssembly.CompileError for other bytes. `imports`: for a debug build. The release build imports nothing.
 */
export function createDecoder(
	wasm: Uint8Array | WebAssembly.Module,
	settings: DecoderSettings = {},
	imports: ConstructorParameters<typeof WebAssembly.Instance>[1] = {},
): Decoder {
	const module = wasm instanceof WebAssembly.Module ? wasm : new WebAssembly.Module(wasm);
	const instance = new WebAssembly.Instance(module, imports);
	const wasmExports = instance.exports as unknown as Exports;
	const { memory } = wasmExports;
	/** The last view returned. */
	let input = new Uint8Array(0);
	const decoder: Decoder = {
		memory,
		configure(changed) {
			for (const [name, key] of SETTING_KEYS) {
				const value = changed[name];
				if (value !== undefined) wasmExports.configure(key, value);
			}
		},
		// Pointers from 2 GiB on are negative numbers in JavaScript.
		inputPointer: (bytes) => wasmExports.inputPointer(bytes) >>> 0,
		input(bytes) {
			// First, because making room may replace the memory's buffer.
			const pointer = decoder.inputPointer(bytes);
			const { buffer } = memory;
			if (buffer !== input.buffer || pointer !== input.byteOffset || bytes !== input.byteLength)
				input = new Uint8Array(buffer, pointer, bytes);
			return input;
		},
		decode: wasmExports.decode,
		decodePart: (from, bytes) => wasmExports.decodePart(from, bytes) >>> 0,
		settle: () => wasmExports.settle() !== 0,
		answer(records) {
			const pointer = wasmExports.answersPointer(records.byteLength) >>> 0;
			new Uint8Array(memory.buffer, pointer, records.byteLength).set(records);
			wasmExports.takeAnswers();
		},
		takeDecoded(id, flags, time, bytes) {
			const pointer = wasmExports.answersPointer(bytes.byteLength) >>> 0;
			new Uint8Array(memory.buffer, pointer, bytes.byteLength).set(bytes);
			wasmExports.takeDecoded(id, flags, time, bytes.byteLength);
		},
		output() {
			const start = wasmExports.outputPointer() >>> 0;
			return new Uint8Array(memory.buffer, start, wasmExports.outputBytes() >>> 0);
		},
		clearOutput: wasmExports.clearOutput,
		snapshot: wasmExports.snapshot,
		finish: wasmExports.finish,
		loss() {
			const reasons: DecoderLoss[] = [];
			for (let reason = 0; reason < event.LOSS_MAX; reason++) {
				reasons.push({
					events: wasmExports.lossEvents(reason),
					bytes: wasmExports.lossBytes(reason),
					lastTs: wasmExports.lossLast(reason),
				});
			}
			return reasons;
		},
		memoryUsed: wasmExports.memoryUsed,
	};
	decoder.configure(settings);
	return decoder;
}
