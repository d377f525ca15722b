// The one file that instantiates the WASM module: numbers in, numbers out, bytes in shared views. The output format is in
// decoder-as/assembly/wire/output-layout.ts; readers must copy the output before the next call.
import * as event from '../../decoder-as/assembly/wire/capture-event.ts';
import * as layout from '../../decoder-as/assembly/wire/output-layout.ts';

/** The decoder's settings; a missing one has the decoder's default. */
export type DecoderSettings = {
	/** Maximum body bytes held per message; -1: no limit. Default 65536. */
	readonly bodyLimit?: number;
	/** Bytes of a request or status line that are kept. Default 65536. */
	readonly startLineLimit?: number;
	/** Bytes of a header block that are kept. Default 131072. */
	readonly headerBytesLimit?: number;
	/** Field lines of a header block that are kept. Default 1000. */
	readonly headerCountLimit?: number;
	/** Requests of one connection that may wait for a response. Default 100. */
	readonly waitingLimit?: number;
	/** Maximum connections followed; the least recently used is evicted first. Default 65536. */
	readonly connectionsLimit?: number;
	/** Milliseconds after which a half-open message is given up. Default 300000. */
	readonly idleLimitMs?: number;
	/** Bytes of WASM memory the decoder may use. Default 64 MiB. */
	readonly memoryLimit?: number;
	/** Calls kept for table `events`. Default 65536. */
	readonly eventsLimit?: number;
};

/** One line of table `loss`: totals since the start; `lastTs` is microseconds since the epoch, 0 for never. */
export type DecoderLoss = { readonly events: number; readonly bytes: number; readonly lastTs: number };

export type Decoder = {
	/** The memory that the pointers refer to. Its buffer is replaced when it grows: read it again after every call. */
	readonly memory: WebAssembly.Memory;
	/** Changes settings from the next record on. */
	configure(settings: DecoderSettings): void;
	/**
	 * Address of room for a batch of `bytes` bytes; stays valid until a larger one is asked for. May grow the memory, also
	 * beyond the limit. Throws RangeError when the host has none left.
	 */
	inputPointer(bytes: number): number;
	/** The same as a view. */
	input(bytes: number): Uint8Array;
	/**
	 * Decodes a batch of `bytes` bytes at the input pointer. Call it with 0 if nothing came for a while: anything waiting for a
	 * late record (a response before its request, a gap that may still be filled, an answer to a question) is decided by the
	 * next call.
	 */
	decode(bytes: number): void;
	/**
	 * The same from byte `from` of the batch on, but stops between two records if the output should be taken first, because it
	 * is large (the memory limit includes it) or contains questions. Returns where it stopped: `bytes` at the end of the batch,
	 * else where the next part begins. Call settle() after the last part.
	 */
	decodePart(from: number, bytes: number): number;
	/** Takes records that answer questions, between two parts of a batch or after the last. */
	answer(records: Uint8Array): void;
	/**
	 * Decides what waited for the end of the batch. False: take the output first, then call settle() again. It may also be
	 * called again after later answers.
	 */
	settle(): boolean;
	/** The entries that have accumulated since `clearOutput`, as a view that the next call may invalidate. */
	output(): Uint8Array;
	clearOutput(): void;
	/** Appends open exchanges, live connections, recent events, blind spots (a mask of SNAPSHOT_*) to the output. */
	snapshot(mask: number): void;
	/** The capture ended: hands out all open rows. */
	finish(): void;
	/** By enum capture_loss. */
	loss(): DecoderLoss[];
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
 * Makes a decoder from the bytes of build/decoder.wasm or a module compiled from them. Throws WebAssembly.CompileError for
 * other bytes. `imports`: what a debug build imports; the release build imports nothing.
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
	/** The view that was asked for last. */
	let input = new Uint8Array(0);
	const decoder: Decoder = {
		memory,
		configure(changed) {
			for (const [name, key] of SETTING_KEYS) {
				const value = changed[name];
				if (value !== undefined) wasmExports.configure(key, value);
			}
		},
		// A pointer of 2 GiB and more comes out of WASM as a negative number.
		inputPointer: (bytes) => wasmExports.inputPointer(bytes) >>> 0,
		input(bytes) {
			// Get the pointer first, because making room may replace the memory's buffer.
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
