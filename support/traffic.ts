// Exchanges of a busy server as capture records, always the same ones, and their way into the store: the capture
// thread's path, in one thread.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as layout from '../decoder-as/assembly/wire/output-layout.ts';
import { createDecoder, type Decoder } from '../src/decode/decoder.ts';
import { type CaptureSnapshot, openDatabase, SegmentCache } from '../src/store/database.ts';
import { ExchangeStore } from '../src/store/exchange-store.ts';
import { entryBytes } from '../src/store/row-writer.ts';
import type { DatabaseSnapshot } from '../src/store/table.ts';
import { type ConnectionTape, Tape } from './record-builder.ts';

const CONNECTIONS = 200;
/** Exchanges per batch: about what the capture thread takes from the ring at a time. */
const BATCH_EXCHANGES = 500;

const HOSTS = Array.from({ length: 50 }, (_, index) => `host-${index}.example.org`);
const AGENTS = ['curl/8.5.0', 'Go-http-client/1.1', 'python-requests/2.31.0', 'Mozilla/5.0 (X11; Linux x86_64)'];
const METHODS = ['GET', 'GET', 'GET', 'GET', 'POST', 'POST', 'PUT', 'DELETE'];
const STATUSES = ['200 OK', '200 OK', '200 OK', '200 OK', '201 Created', '304 Not Modified', '404 Not Found'];
const ERRORS = ['500 Internal Server Error', '502 Bad Gateway', '503 Service Unavailable'];
const TYPES = ['application/json', 'application/json', 'text/html; charset=utf-8', 'text/plain'];

/** The amount of data taken in, and how long that took. */
export type Intake = {
	readonly store: ExchangeStore;
	readonly decoder: Decoder;
	readonly rows: number;
	/** Bytes that the processes read and wrote. */
	readonly wireBytes: number;
	/** Seconds spent in the decoder and in the store, without the time to make the records. */
	readonly decodeSeconds: number;
	readonly appendSeconds: number;
	/** CPU time of both, which does not depend on other programs. */
	readonly cpuSeconds: number;
};

/** Makes `count` exchanges with small bodies and takes them in. More than 200 connections all get an equal share. */
export function takeIn(
	count: number,
	memoryBytes: number,
	{
		connections: connectionCount = CONNECTIONS,
		processes = 4,
		afterBatch = () => undefined,
	}: { connections?: number; processes?: number; afterBatch?: (store: ExchangeStore) => void } = {},
): Intake {
	const wasm = readFileSync(join(import.meta.dirname, '../build/decoder.wasm'));
	const decoder = createDecoder(wasm, { connectionsLimit: Math.max(65_536, connectionCount), memoryLimit: 2 ** 30 });
	const store = new ExchangeStore({ memoryBytes, rows: Number.POSITIVE_INFINITY });
	const tape = new Tape();
	const random = seeded(42);
	tape.clock(1_795_348_800_000_000_000n);
	const connections: ConnectionTape[] = [];
	const connection = (made: number): ConnectionTape => {
		const index = connectionCount > CONNECTIONS ? made % connectionCount : Math.floor(random() * connectionCount);
		connections[index] ??= tape
			.server(index + 1, {
				local: '10.0.0.1:80',
				remote: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}:${40_000 + (index % 20_000)}`,
				pid: 100 + (index % processes),
			})
			.open();
		return connections[index];
	};
	// If there are more connections, more are busy at the same time rather than one after another, so none is idle for
	// minutes.
	const latencyNs = (12_000_000 * CONNECTIONS) / Math.max(CONNECTIONS, connectionCount);
	let wireBytes = 0;
	let decodeSeconds = 0;
	let appendSeconds = 0;
	let cpuUs = 0;
	const flush = () => {
		const batch = tape.batch();
		tape.records.length = 0;
		const before = process.cpuUsage();
		const start = performance.now();
		decoder.input(batch.byteLength).set(batch);
		decoder.decode(batch.byteLength);
		const decoded = performance.now();
		drain(decoder, store);
		decodeSeconds += (decoded - start) / 1000;
		appendSeconds += (performance.now() - decoded) / 1000;
		const { user, system } = process.cpuUsage(before);
		cpuUs += user + system;
		afterBatch(store);
	};
	for (let made = 0; made < count; made++) {
		wireBytes += exchange(tape, connection(made), random, latencyNs);
		if ((made + 1) % BATCH_EXCHANGES === 0) flush();
	}
	flush();
	// A finished row may wait one call for facts about its process.
	for (let i = 0; i < 2; i++) decoder.decode(0);
	drain(decoder, store);
	decoder.finish();
	drain(decoder, store);
	return { store, decoder, rows: store.rows, wireBytes, decodeSeconds, appendSeconds, cpuSeconds: cpuUs / 1e6 };
}

/** Everything on a tape, as a statement sees it. */
export function databaseOfTape(tape: Tape): DatabaseSnapshot {
	const wasm = readFileSync(join(import.meta.dirname, '../build/decoder.wasm'));
	const decoder = createDecoder(wasm, {});
	const store = new ExchangeStore({ memoryBytes: 64 << 20, rows: Number.POSITIVE_INFINITY });
	const batch = tape.batch();
	decoder.input(batch.byteLength).set(batch);
	decoder.decode(batch.byteLength);
	drain(decoder, store);
	decoder.finish();
	drain(decoder, store);
	return databaseOf({ store });
}

/** The store, as a statement sees it. */
export function databaseOf({ store }: Pick<Intake, 'store'>): DatabaseSnapshot {
	const snapshot: CaptureSnapshot = {
		store: store.snapshot(),
		entries: new ArrayBuffer(0),
		loss: [],
		nowUs: 1_795_360_000_000_000,
	};
	return openDatabase(snapshot, new SegmentCache());
}

function drain(decoder: Decoder, store: ExchangeStore): void {
	const output = decoder.output();
	const views = entryBytes(decoder.memory.buffer);
	const end = output.byteOffset + output.byteLength;
	for (let at = output.byteOffset; at < end; at += views.u32[at >> 2]!) {
		const type = views.u32[(at + layout.ENTRY_TYPE) >> 2];
		if (type === layout.ENTRY_EXCHANGE) store.append(views, at);
		else if (type === layout.ENTRY_PAIR)
			store.pair(views.f64[(at + layout.PAIR_A) >> 3]!, views.f64[(at + layout.PAIR_B) >> 3]!);
	}
	decoder.clearOutput();
}

function exchange(tape: Tape, connection: ConnectionTape, random: () => number, latencyNs: number): number {
	const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
	const item = Math.floor(random() ** 2 * 50_000);
	const kind = item % 3;
	const path = kind === 0 ? `/api/users/${item}` : kind === 1 ? `/api/orders/${item}/items` : `/static/file-${item}.js`;
	const query = random() < 0.3 ? `?page=${Math.floor(random() * 100)}` : '';
	const method = pick(METHODS);
	const status = random() < 0.03 ? pick(ERRORS) : pick(STATUSES);
	const sent = method === 'POST' || method === 'PUT' ? `{"item":${item},"note":"${'n'.repeat(item % 60)}"}` : '';
	const received = status.startsWith('304') ? '' : `{"id":${item},"name":"${'x'.repeat(item % 90)}"}`;
	const length = sent === '' ? '' : `Content-Length: ${sent.length}\r\n`;
	const request = `${method} ${path}${query} HTTP/1.1\r\nHost: ${pick(HOSTS)}\r\nUser-Agent: ${pick(AGENTS)}\r\n${length}\r\n${sent}`;
	const response = `HTTP/1.1 ${status}\r\nContent-Type: ${pick(TYPES)}\r\nContent-Length: ${received.length}\r\n\r\n${received}`;
	connection.in(request);
	// A long tail: most exchanges are answered within some ten milliseconds.
	tape.timeNs += BigInt(Math.floor(-Math.log(1 - random()) * latencyNs));
	connection.out(response);
	return request.length + response.length;
}

function seeded(seed: number): () => number {
	let state = seed;
	return () => {
		state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
		return state / 4294967296;
	};
}
