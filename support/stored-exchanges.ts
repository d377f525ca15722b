// Exchanges in tables, without threads: records go through the decoder into a store.
import * as layout from '../decoder-as/assembly/wire/output-layout.ts';
import { type CodedPiece, readCoded } from '../src/decode/coded-streams.ts';
import { openDatabase, SegmentCache } from '../src/store/database.ts';
import { ExchangeStore, type StoreLimits } from '../src/store/exchange-store.ts';
import { MessageIntake } from '../src/store/message-intake.ts';
import { NameBook } from '../src/store/remote-names.ts';
import { entryBytes } from '../src/store/row-writer.ts';
import type { TableSnapshot } from '../src/store/table.ts';
import { newDecoder } from './decoded-rows.ts';
import { Tape } from './record-builder.ts';

export type Row = Record<string, unknown>;

/** The maximum number of records that the capture thread finds in the ring at a time. */
const BATCH_RECORDS = 2000;
/** The decoder's default. */
const BODY_LIMIT = 65_536;

/**
 * Decodes a tape into a store, as the capture thread does. `open`: do not end the capture, so open exchanges stay
 * open.
 */
export function stored(
	tape: Tape,
	limits: StoreLimits = { memoryBytes: 64 << 20, rows: Number.POSITIVE_INFINITY },
	open = false,
	hosts: readonly (readonly [ip: string, name: string])[] = [],
	afterBatch: (store: ExchangeStore) => void = () => undefined,
	batchRecords = BATCH_RECORDS,
	bodyLimit?: number,
) {
	const decoder = newDecoder();
	if (bodyLimit !== undefined) decoder.configure({ bodyLimit });
	const intake = new MessageIntake({ memoryBytes: limits.memoryBytes }, () => BODY_LIMIT);
	const store = new ExchangeStore({ ...limits, evicted: (id) => intake.log.evict(id) });
	/** Entries of closed connections. */
	const closed: Uint8Array[] = [];
	const pieces: CodedPiece[] = [];
	const drain = () => {
		const output = decoder.output();
		const views = entryBytes(decoder.memory.buffer);
		for (let at = output.byteOffset; at < output.byteOffset + output.byteLength; at += views.u32[at >> 2]!) {
			const type = views.u32[(at + layout.ENTRY_TYPE) >> 2];
			if (type === layout.ENTRY_EXCHANGE) store.append(views, at);
			else if (type === layout.ENTRY_MESSAGE) intake.take(views, at);
			else if (type === layout.ENTRY_CODED) pieces.push(readCoded(views.view, at));
			else if (type === layout.ENTRY_PAIR)
				store.pair(views.f64[(at + layout.PAIR_A) >> 3]!, views.f64[(at + layout.PAIR_B) >> 3]!);
			else if (type === layout.ENTRY_CONNECTION) closed.push(views.bytes.slice(at, at + views.u32[at >> 2]!));
		}
		decoder.clearOutput();
		if (pieces.length === 0) return;
		for (const piece of pieces.splice(0)) intake.answer(decoder, piece);
		drain();
	};
	const records = tape.records.splice(0);
	for (let from = 0; from < records.length; from += batchRecords) {
		tape.records.push(...records.slice(from, from + batchRecords));
		const batch = tape.batch();
		tape.records.length = 0;
		decoder.input(batch.byteLength).set(batch);
		decoder.decode(batch.byteLength);
		drain();
		afterBatch(store);
	}
	// A finished row may wait one more call for facts about its process.
	decoder.decode(0);
	decoder.decode(0);
	if (!open) decoder.finish();
	drain();
	decoder.snapshot(layout.SNAPSHOT_EXCHANGES | layout.SNAPSHOT_EVENTS | layout.SNAPSHOT_CONNECTIONS);
	const entries = new Uint8Array(Buffer.concat([...closed, decoder.output()])).buffer;
	const snapshot = store.snapshot();
	const database = openDatabase(
		{ store: snapshot, messages: intake.log.snapshot(snapshot.id), entries, loss: [], nowUs: 1_700_000_100_000_000 },
		new SegmentCache(new NameBook(hosts)),
	);
	const rows = (name: string): Row[] => tableRows(database.tables.get(name)!);
	return { store, messages: intake.log, database, rows };
}

export function tableRows(table: TableSnapshot): Row[] {
	const readers = table.columns.map(({ name }, index) => [name, table.reader(index)] as const);
	return Array.from({ length: table.rowCount }, (_, row) =>
		Object.fromEntries(readers.map(([name, reader]) => [name, reader.value(row)])),
	);
}

export const GET = (path: string, fields = '') => `GET ${path} HTTP/1.1\r\nHost: example.com\r\n${fields}\r\n`;
export const OK = (body: string, fields = '') =>
	`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n${fields}\r\n${body}`;

/** A tape of one server connection with these exchanges. */
export function tapeOf(exchanges: readonly (readonly [request: string, response: string])[]): Tape {
	const tape = new Tape();
	tape.clock(1_700_000_000_000_000_000n);
	const server = tape.server(1, { local: '127.0.0.1:80', remote: '127.0.0.1:4000' }).open();
	for (const [request, response] of exchanges) {
		server.in(request);
		server.out(response);
	}
	return tape;
}
