// The parsers that the decoder is compared with: llhttp compiled to WASM with SIMD, as in undici, and the one built into
// Node. Both only report spans and events, which are counted but not kept.
import { createRequire } from 'node:module';
import type { Spoken } from './spoken.ts';

/** Counts of what was found, for comparison. */
export type Found = { messages: number; bodyBytes: number };

export type Rival = {
	readonly name: string;
	readonly version: string;
	/** Prepares for the exchanges and returns the run to be timed. */
	prepare(list: readonly Spoken[]): () => Found;
};

const require = createRequire(import.meta.url);

type Llhttp = {
	readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
	llhttp_alloc(type: number): number;
	llhttp_free(parser: number): void;
	llhttp_execute(parser: number, at: number, length: number): number;
};

/** HTTP_REQUEST and HTTP_RESPONSE of llhttp. */
const REQUEST = 1;
const RESPONSE = 2;
const PAGE_BYTES = 65536;

/**
 * The bytes are in the parser's memory before the clock starts. Two parsers read all exchanges. `keep`: targets and
 * field lines become strings, in an array for each message, as a user of the parser would need them.
 */
export function llhttpWasm(keep: boolean): Rival {
	const module = llhttpModule();
	return {
		name: keep ? 'llhttp (WASM), fields kept' : 'llhttp (WASM), spans counted',
		version: `undici ${(require('undici/package.json') as { version: string }).version}`,
		prepare(list) {
			const found: Found = { messages: 0, bodyBytes: 0 };
			const nothing = () => 0;
			let texts: string[] = [];
			let bytes = Buffer.alloc(0);
			const span = keep
				? (_parser: number, at: number, length: number) => {
						texts.push(bytes.toString('latin1', at, at + length));
						return 0;
					}
				: nothing;
			const instance = new WebAssembly.Instance(module, {
				env: {
					wasm_on_message_begin: () => {
						texts = [];
						return 0;
					},
					wasm_on_url: span,
					wasm_on_status: span,
					wasm_on_header_field: span,
					wasm_on_header_value: span,
					wasm_on_headers_complete: nothing,
					wasm_on_body: (_parser: number, _at: number, length: number) => {
						found.bodyBytes += length;
						return 0;
					},
					wasm_on_message_complete: () => {
						found.messages++;
						return 0;
					},
				},
			});
			const llhttp = instance.exports as unknown as Llhttp;
			const requests = llhttp.llhttp_alloc(REQUEST);
			const responses = llhttp.llhttp_alloc(RESPONSE);
			const total = list.reduce((sum, { request, response }) => sum + request.length + response.length, 0);
			let at = llhttp.memory.grow(Math.ceil(total / PAGE_BYTES)) * PAGE_BYTES;
			bytes = Buffer.from(llhttp.memory.buffer);
			const places = list.flatMap(({ request, response }) =>
				[request, response].map((message, i) => {
					message.copy(bytes, at);
					at += message.length;
					return { parser: i === 0 ? requests : responses, at: at - message.length, length: message.length };
				}),
			);
			return () => {
				for (const place of places) {
					const code = llhttp.llhttp_execute(place.parser, place.at, place.length);
					if (code !== 0) throw new Error(`llhttp stops with code ${code}`);
				}
				return found;
			};
		},
	};
}

/**
 * The nanoseconds per byte that llhttp takes for a client's bytes in pieces of `size`, one call each: the best of
 * several runs, or undefined if it refuses the bytes. Its events are ignored.
 */
export function llhttpByteTime(text: string, size: number, runs: number): number | undefined {
	const nothing = () => 0;
	const names = ['message_begin', 'url', 'status', 'header_field', 'header_value', 'headers_complete', 'body'];
	const env = Object.fromEntries([...names, 'message_complete'].map((name) => [`wasm_on_${name}`, nothing]));
	const llhttp = new WebAssembly.Instance(llhttpModule(), { env }).exports as unknown as Llhttp;
	const start = llhttp.memory.grow(Math.ceil(text.length / PAGE_BYTES)) * PAGE_BYTES;
	Buffer.from(llhttp.memory.buffer).write(text, start, 'latin1');
	const end = start + text.length;
	let best = Number.POSITIVE_INFINITY;
	for (let run = 0; run < runs; run++) {
		const parser = llhttp.llhttp_alloc(REQUEST);
		const began = performance.now();
		let code = 0;
		for (let at = start; at < end && code === 0; at += size)
			code = llhttp.llhttp_execute(parser, at, Math.min(size, end - at));
		best = Math.min(best, performance.now() - began);
		llhttp.llhttp_free(parser);
		if (code !== 0) return undefined;
	}
	return (best * 1e6) / text.length;
}

function llhttpModule(): WebAssembly.Module {
	return new WebAssembly.Module(require('undici/lib/llhttp/llhttp_simd-wasm.js') as Uint8Array);
}

type BuiltInParser = {
	initialize(type: number, resource: object): void;
	execute(bytes: Buffer): number | Error;
	[callback: number]: (...parameters: unknown[]) => unknown;
};
type BuiltInParserClass = (new () => BuiltInParser) & {
	readonly REQUEST: number;
	readonly RESPONSE: number;
	readonly kOnHeaders: number;
	readonly kOnHeadersComplete: number;
	readonly kOnBody: number;
	readonly kOnMessageComplete: number;
};

/** The parser of node:http, which creates an array of field strings for each head. */
export function builtInParser(): Rival {
	const { HTTPParser } = (process as unknown as { binding(name: string): { HTTPParser: BuiltInParserClass } }).binding(
		'http_parser',
	);
	return {
		name: "Node's own",
		version: `llhttp ${process.versions.llhttp}`,
		prepare(list) {
			const found: Found = { messages: 0, bodyBytes: 0 };
			const make = (type: number): BuiltInParser => {
				const parser = new HTTPParser();
				parser.initialize(type, {});
				parser[HTTPParser.kOnHeaders] = () => undefined;
				parser[HTTPParser.kOnHeadersComplete] = () => 0;
				parser[HTTPParser.kOnBody] = (bytes) => {
					found.bodyBytes += (bytes as Buffer).length;
				};
				parser[HTTPParser.kOnMessageComplete] = () => {
					found.messages++;
				};
				return parser;
			};
			const requests = make(HTTPParser.REQUEST);
			const responses = make(HTTPParser.RESPONSE);
			return () => {
				for (const { request, response } of list) {
					const consumed = [requests.execute(request), responses.execute(response)];
					if (consumed[0] !== request.length || consumed[1] !== response.length)
						throw new Error(`the built-in parser stops: ${consumed}`);
				}
				return found;
			};
		},
	};
}
