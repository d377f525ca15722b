// Runs the decoder over prepared batches and measures the time spent in it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as layout from '../../decoder-as/assembly/wire/output-layout.ts';
import { createDecoder, type Decoder } from '../../src/decode/decoder.ts';
import { Tape } from '../../support/record-builder.ts';
import type { Found } from './http-parsers.ts';
import type { Kind } from './spoken.ts';

const DECODER_MEMORY = 256 * 2 ** 20;

const wasm = new WebAssembly.Module(readFileSync(join(import.meta.dirname, '../../build/decoder.wasm')));

/** A clock in seconds. */
export type Clock = () => number;

const wallClock: Clock = () => performance.now() / 1000;

export function newDecoder({ bodyLimit }: Pick<Kind, 'bodyLimit'> = {}): Decoder {
	return createDecoder(wasm, { memoryLimit: DECODER_MEMORY, ...(bodyLimit === undefined ? {} : { bodyLimit }) });
}

/**
 * The time to copy a batch into the decoder's memory is not measured: in a capture the addon reads records directly
 * into it.
 */
export function decodeBatches(
	decoder: Decoder,
	batches: readonly Uint8Array[],
	clock: Clock = wallClock,
): Found & { readonly seconds: number } {
	const found: Found = { messages: 0, bodyBytes: 0 };
	let seconds = 0;
	const decode = (bytes: number) => {
		const start = clock();
		decoder.decode(bytes);
		seconds += clock() - start;
		countRows(decoder, found);
	};
	for (const batch of batches) {
		decoder.input(batch.length).set(batch);
		decode(batch.length);
	}
	// Finished rows may wait one more call for facts about their process.
	for (let i = 0; i < 2; i++) decode(0);
	return { ...found, seconds };
}

/** Counts what was decoded and clears the output. */
export function countRows(decoder: Decoder, found: Found): void {
	const output = decoder.output();
	const view = new DataView(output.buffer, output.byteOffset, output.byteLength);
	for (let at = 0; at < output.byteLength; at += view.getUint32(at, true)) {
		if (view.getUint32(at + layout.ENTRY_TYPE, true) !== layout.ENTRY_EXCHANGE) continue;
		if (view.getUint32(at + layout.EXCHANGE_STATE, true) === layout.STATE_COMPLETE) found.messages += 2;
		found.bodyBytes += view.getFloat64(at + layout.EXCHANGE_REQ_BODY_BYTES, true);
		found.bodyBytes += view.getFloat64(at + layout.EXCHANGE_RES_BODY_BYTES, true);
	}
	decoder.clearOutput();
}

/**
 * Records of the connections `first`, `first + 1` …: each is opened, has one exchange and is closed. Four records
 * each.
 */
export function shortConnections(first: number, count: number): Uint8Array {
	const tape = new Tape();
	tape.timeNs = BigInt(first + 1) * 10_000_000n;
	for (let i = first; i < first + count; i++) {
		const remote = `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}:${1024 + (i % 60_000)}`;
		const server = tape.server(i + 1, { local: '10.0.0.1:80', remote }).open();
		server.in('GET / HTTP/1.1\r\nHost: h\r\n\r\n').out('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok').close();
	}
	return tape.batch();
}
