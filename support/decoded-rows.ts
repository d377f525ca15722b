// Runs records through the real decoder and reads its output into plain objects, using only the layout.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as layout from '../decoder-as/assembly/wire/output-layout.ts';
import { type CodedPiece, readCoded } from '../src/decode/coded-streams.ts';
import { createDecoder, type Decoder, type DecoderSettings } from '../src/decode/decoder.ts';
import {
	anomalyWords,
	BLIND_SPOTS,
	DIRECTIONS,
	eventFlags,
	eventName,
	MESSAGE_KINDS,
	PROCESS_SIDES,
	PROTOCOLS,
	REASONS,
	STATES,
	SYSCALL_NAMES,
	syscallList,
	TLS_LIBRARIES,
} from '../src/decode/words.ts';
import { buildBatch } from './record-builder.ts';

/** `debug` keeps the assertions of the decoder's invariants; a failing assertion throws. */
export const DECODER_BUILDS = ['release', 'debug'] as const;
export type DecoderBuild = (typeof DECODER_BUILDS)[number];

/** The build to use if a test does not choose one: TINYTAP_DECODER, otherwise the release build. */
const chosen = DECODER_BUILDS.find((build) => build === (process.env.TINYTAP_DECODER ?? 'release'));
if (chosen === undefined) throw new Error(`expected ${DECODER_BUILDS.join(' or ')} in TINYTAP_DECODER`);
const chosenBuild: DecoderBuild = chosen;

// Compiled once, because tests create thousands of decoders.
const compiled = new Map<DecoderBuild, WebAssembly.Module>();

function moduleOf(build: DecoderBuild): WebAssembly.Module {
	let module = compiled.get(build);
	if (module === undefined) {
		const name = build === 'release' ? 'decoder.wasm' : `decoder-${build}.wasm`;
		module = new WebAssembly.Module(readFileSync(join(import.meta.dirname, '../build', name)));
		compiled.set(build, module);
	}
	return module;
}

/** Room for 65,536 events, the default, takes 4 MiB, and most of the time of a decoder that reads a few records. */
const EVENTS_LIMIT = 2048;

export function newDecoder(own: DecoderSettings = {}, build: DecoderBuild = chosenBuild): Decoder {
	const settings = { eventsLimit: EVENTS_LIMIT, ...own };
	if (build === 'release') return createDecoder(moduleOf(build), settings);
	let memory: WebAssembly.Memory | undefined;
	const abort = (message: number, file: number, line: number, column: number): never => {
		const text = (at: number) => (memory === undefined ? '?' : assemblyText(memory, at >>> 0));
		throw new Error(`assertion failed: ${text(message)} (${text(file)}:${line}:${column})`);
	};
	const decoder = createDecoder(moduleOf(build), settings, { env: { abort } });
	memory = decoder.memory;
	return decoder;
}

/** An AssemblyScript string: UTF-16, preceded by its length in bytes. */
function assemblyText(memory: WebAssembly.Memory, at: number): string {
	if (at === 0) return '';
	const bytes = new DataView(memory.buffer).getUint32(at - 4, true);
	return Buffer.from(memory.buffer, at, bytes).toString('utf16le');
}

export type FieldRow = { name: string; value: string; trailer: boolean };

export type ExchangeRow = {
	id: number;
	conn: number;
	ts: number;
	state: string | null;
	reason: string | null;
	side: string | null;
	pairId: number;
	/** 0: none. */
	parentId: number;
	/** 0: it is not HTTP/2. */
	streamId: number;
	/** Library of the plaintext; null: it is not TLS. */
	tls: string | null;
	pid: number;
	tid: number;
	comm: string | null;
	threadComm: string | null;
	cmdline: string | null;
	cgroup: string | null;
	exe: string | null;
	local: string | null;
	remote: string | null;
	method: string | null;
	target: string | null;
	path: string | null;
	query: string | null;
	host: string | null;
	/** Versions of the request and of the response, as in 0x101; 0 if unknown. */
	reqVersion: number;
	version: number;
	status: number;
	statusText: string | null;
	interim: string | null;
	durationMs: number | null;
	ttfbMs: number | null;
	sendMs: number | null;
	reqBodyBytes: number | null;
	resBodyBytes: number | null;
	reqCaptured: number;
	resCaptured: number;
	resWireBytes: number | null;
	reqHeaders: FieldRow[];
	resHeaders: FieldRow[];
	reqBody: string | null;
	resBody: string | null;
	reqUnheld: number[];
	resUnheld: number[];
	via: string | null;
	vias: string | null;
	reqVia: string | null;
	lostBytes: number;
	anomalies: string | null;
	flags: number;
};

export type ConnectionRow = {
	id: number;
	opened: number;
	closed: number | null;
	bytesIn: number;
	bytesOut: number;
	exchanges: number;
	connectMs: number | null;
	acceptWaitMs: number | null;
	rttMs: number | null;
	retransmits: number | null;
	pid: number;
	side: string | null;
	protocol: string | null;
	comm: string | null;
	local: string | null;
	remote: string | null;
	syscalls: string | null;
};

export type EventRow = {
	ts: number;
	conn: number;
	syscall: string | null;
	direction: string | null;
	bytes: number;
	captured: number;
	pid: number;
	fd: number;
	flags: string | null;
	comm: string;
};

export type QuestionRow = { what: number; conn: number; pid: number; fd: number };
export type BlindSpotRow = {
	what: string | null;
	pid: number;
	times: number;
	comm: string | null;
	evidence: string | null;
};

/** The kernel need not copy this stream's bytes before `until`. */
export type SkipRow = { conn: number; direction: string | null; until: number };

/** A row of table `messages`, before decompression. */
export type MessageRow = {
	exchange: number;
	seq: number;
	ts: number;
	direction: string | null;
	/** Of MESSAGE_KINDS; null for unknown bytes. */
	kind: string | null;
	bytes: number | null;
	data: string | null;
	event: string | null;
	eventId: string | null;
	/** Bytes not held: beyond the limit, for lack of memory, not captured. */
	limited: number;
	noMemory: number;
	missing: number;
	flags: number;
	coding: number;
};

export type Decoded = {
	messages: MessageRow[];
	coded: CodedPiece[];
	exchanges: ExchangeRow[];
	connections: ConnectionRow[];
	events: EventRow[];
	pairs: { a: number; b: number }[];
	questions: QuestionRow[];
	blindSpots: BlindSpotRow[];
	skips: SkipRow[];
};

function nothingDecoded(): Decoded {
	return {
		messages: [],
		coded: [],
		exchanges: [],
		connections: [],
		events: [],
		pairs: [],
		questions: [],
		blindSpots: [],
		skips: [],
	};
}

/** Reads the entries in the decoder's output. Throws if one breaks the layout's rules. */
export function readOutput(output: Uint8Array): Decoded {
	const decoded = nothingDecoded();
	const view = new DataView(output.buffer, output.byteOffset, output.byteLength);
	for (let at = 0; at < output.byteLength; ) {
		const entry = new Entry(view, at);
		const size = entry.u32(layout.ENTRY_SIZE);
		if (size < 8 || size % 8 !== 0 || at + size > output.byteLength) throw new Error(`entry at ${at} has size ${size}`);
		switch (entry.u32(layout.ENTRY_TYPE)) {
			case layout.ENTRY_EXCHANGE:
				decoded.exchanges.push(readExchange(entry));
				break;
			case layout.ENTRY_CONNECTION:
				decoded.connections.push(readConnection(entry));
				break;
			case layout.ENTRY_EVENT:
				decoded.events.push(readEvent(entry));
				break;
			case layout.ENTRY_PAIR:
				decoded.pairs.push({ a: entry.f64(layout.PAIR_A), b: entry.f64(layout.PAIR_B) });
				break;
			case layout.ENTRY_QUESTION:
				decoded.questions.push({
					what: entry.u32(layout.QUESTION_WHAT),
					conn: entry.f64(layout.QUESTION_CONN),
					pid: entry.u32(layout.QUESTION_PID),
					fd: entry.u32(layout.QUESTION_FD) | 0,
				});
				break;
			case layout.ENTRY_SKIP:
				decoded.skips.push({
					conn: entry.f64(layout.SKIP_CONN),
					direction: DIRECTIONS[entry.u32(layout.SKIP_DIRECTION)] ?? null,
					until: entry.f64(layout.SKIP_UNTIL),
				});
				break;
			case layout.ENTRY_MESSAGE:
				decoded.messages.push(readMessage(entry));
				break;
			case layout.ENTRY_CODED:
				decoded.coded.push(readCoded(view, at));
				break;
			case layout.ENTRY_BLIND_SPOT:
				decoded.blindSpots.push({
					what: BLIND_SPOTS[entry.u32(layout.BLIND_SPOT_WHAT)] ?? null,
					pid: entry.u32(layout.BLIND_SPOT_PID),
					times: entry.f64(layout.BLIND_SPOT_TIMES),
					comm: entry.text(layout.BLIND_SPOT_COMM),
					evidence: entry.text(layout.BLIND_SPOT_EVIDENCE),
				});
				break;
			default:
				throw new Error(`entry at ${at} has type ${entry.u32(layout.ENTRY_TYPE)}`);
		}
		at += size;
	}
	return decoded;
}

function readMessage(entry: Entry): MessageRow {
	const bytes = entry.f64(layout.MESSAGE_BYTES);
	return {
		exchange: entry.f64(layout.MESSAGE_EXCHANGE),
		seq: entry.u32(layout.MESSAGE_SEQ),
		ts: entry.f64(layout.MESSAGE_TS),
		direction: DIRECTIONS[entry.u32(layout.MESSAGE_DIRECTION)] ?? null,
		kind: MESSAGE_KINDS[entry.u32(layout.MESSAGE_KIND)] ?? null,
		bytes: Number.isNaN(bytes) ? null : bytes,
		data: entry.text(layout.MESSAGE_DATA),
		event: entry.text(layout.MESSAGE_EVENT),
		eventId: entry.text(layout.MESSAGE_EVENT_ID),
		limited: entry.f64(layout.MESSAGE_LIMITED),
		noMemory: entry.f64(layout.MESSAGE_NO_MEMORY),
		missing: entry.f64(layout.MESSAGE_MISSING),
		flags: entry.u32(layout.MESSAGE_FLAGS),
		coding: entry.u32(layout.MESSAGE_CODING),
	};
}

export type RunOptions = {
	settings?: DecoderSettings;
	build?: DecoderBuild;
	/** Records of one batch; by default all are in one. */
	recordsPerBatch?: number;
	/** Do not end the capture. */
	unfinished?: boolean;
	/** Called after each batch, with the decoder, before its output is read. */
	afterBatch?: (decoder: Decoder) => void;
};

/** Feeds records, ends the capture, and returns everything the decoder wrote; exchanges are in id order. */
export function decodeRecords(records: readonly Uint8Array[], options: RunOptions = {}): Decoded {
	const decoder = newDecoder(options.settings, options.build);
	const all = feedRecords(decoder, records, options);
	if (options.unfinished !== true) {
		decoder.finish();
		append(all, takeOutput(decoder));
	}
	all.exchanges.sort((a, b) => a.id - b.id);
	return all;
}

export function feedRecords(decoder: Decoder, records: readonly Uint8Array[], options: RunOptions = {}): Decoded {
	const all = nothingDecoded();
	const step = options.recordsPerBatch ?? Math.max(1, records.length);
	for (let i = 0; i < records.length; i += step) {
		feedBatch(decoder, buildBatch(records.slice(i, i + step)));
		options.afterBatch?.(decoder);
		append(all, takeOutput(decoder));
	}
	return all;
}

export function feedBatch(decoder: Decoder, batch: Uint8Array): void {
	decoder.input(batch.length).set(batch);
	decoder.decode(batch.length);
}

/** What the decoder has written since the last call. */
export function takeOutput(decoder: Decoder): Decoded {
	const decoded = readOutput(decoder.output());
	decoder.clearOutput();
	return decoded;
}

function append(all: Decoded, more: Decoded): void {
	all.exchanges.push(...more.exchanges);
	all.connections.push(...more.connections);
	all.events.push(...more.events);
	all.pairs.push(...more.pairs);
	all.questions.push(...more.questions);
	all.blindSpots.push(...more.blindSpots);
	all.skips.push(...more.skips);
	all.messages.push(...more.messages);
	all.coded.push(...more.coded);
}

class Entry {
	readonly view: DataView;
	readonly at: number;
	readonly size: number;

	constructor(view: DataView, at: number) {
		this.view = view;
		this.at = at;
		this.size = view.getUint32(at + layout.ENTRY_SIZE, true);
	}

	u32(offset: number): number {
		return this.view.getUint32(this.at + offset, true);
	}

	f64(offset: number): number {
		return this.view.getFloat64(this.at + offset, true);
	}

	/** null for NaN. */
	maybe(offset: number): number | null {
		const value = this.f64(offset);
		return Number.isNaN(value) ? null : value;
	}

	bytes(from: number, length: number): Uint8Array {
		if (from + length > this.size)
			throw new Error(`range ${from}+${length} leaves the entry of ${this.size} ${new Error().stack}`);
		return new Uint8Array(this.view.buffer, this.view.byteOffset + this.at + from, length);
	}

	/** A range as latin1 text; null for NULL. */
	text(offset: number): string | null {
		const from = this.u32(offset);
		if (from === 0) return null;
		return Buffer.from(this.bytes(from, this.u32(offset + 4))).toString('latin1');
	}

	fields(offset: number): FieldRow[] {
		const rows: FieldRow[] = [];
		const list = this.u32(offset);
		for (let at = list; at < list + this.u32(offset + 4); at += layout.HEADER_BYTES) {
			const text = (start: number, length: number) =>
				Buffer.from(this.bytes(this.u32(at + start), this.u32(at + length))).toString('latin1');
			rows.push({
				name: text(layout.HEADER_NAME_OFFSET, layout.HEADER_NAME_LENGTH),
				value: text(layout.HEADER_VALUE_OFFSET, layout.HEADER_VALUE_LENGTH),
				trailer: (this.u32(at + layout.HEADER_FLAGS) & 1) === 1,
			});
		}
		return rows;
	}
}

function readExchange(entry: Entry): ExchangeRow {
	const unheld = (offset: number) => Array.from({ length: layout.UNHELD_MAX }, (_, i) => entry.f64(offset + i * 8));
	const row: ExchangeRow = {
		id: entry.f64(layout.EXCHANGE_ID),
		conn: entry.f64(layout.EXCHANGE_CONN),
		ts: entry.f64(layout.EXCHANGE_TS),
		state: STATES[entry.u32(layout.EXCHANGE_STATE)] ?? null,
		reason: REASONS[entry.u32(layout.EXCHANGE_REASON)] ?? null,
		side: PROCESS_SIDES[entry.u32(layout.EXCHANGE_SIDE)] ?? null,
		pairId: entry.f64(layout.EXCHANGE_PAIR_ID),
		parentId: entry.f64(layout.EXCHANGE_PARENT_ID),
		streamId: entry.u32(layout.EXCHANGE_STREAM_ID),
		tls: TLS_LIBRARIES[entry.u32(layout.EXCHANGE_TLS)] ?? null,
		pid: entry.u32(layout.EXCHANGE_PID),
		tid: entry.u32(layout.EXCHANGE_TID),
		comm: entry.text(layout.EXCHANGE_COMM),
		threadComm: entry.text(layout.EXCHANGE_THREAD_COMM),
		cmdline: entry.text(layout.EXCHANGE_CMDLINE),
		cgroup: entry.text(layout.EXCHANGE_CGROUP),
		exe: entry.text(layout.EXCHANGE_EXE),
		local: entry.text(layout.EXCHANGE_LOCAL),
		remote: entry.text(layout.EXCHANGE_REMOTE),
		method: entry.text(layout.EXCHANGE_METHOD),
		target: entry.text(layout.EXCHANGE_TARGET),
		path: entry.text(layout.EXCHANGE_PATH),
		query: entry.text(layout.EXCHANGE_QUERY),
		host: entry.text(layout.EXCHANGE_HOST),
		reqVersion: entry.u32(layout.EXCHANGE_REQ_HTTP_VERSION),
		version: entry.u32(layout.EXCHANGE_HTTP_VERSION),
		status: entry.u32(layout.EXCHANGE_STATUS),
		statusText: entry.text(layout.EXCHANGE_STATUS_TEXT),
		interim: entry.text(layout.EXCHANGE_INTERIM),
		durationMs: entry.maybe(layout.EXCHANGE_DURATION_MS),
		ttfbMs: entry.maybe(layout.EXCHANGE_TTFB_MS),
		sendMs: entry.maybe(layout.EXCHANGE_SEND_MS),
		reqBodyBytes: entry.maybe(layout.EXCHANGE_REQ_BODY_BYTES),
		resBodyBytes: entry.maybe(layout.EXCHANGE_RES_BODY_BYTES),
		reqCaptured: entry.f64(layout.EXCHANGE_REQ_CAPTURED_BYTES),
		resCaptured: entry.f64(layout.EXCHANGE_RES_CAPTURED_BYTES),
		resWireBytes: entry.maybe(layout.EXCHANGE_RES_WIRE_BYTES),
		reqHeaders: entry.fields(layout.EXCHANGE_REQ_HEADERS),
		resHeaders: entry.fields(layout.EXCHANGE_RES_HEADERS),
		reqBody: entry.text(layout.EXCHANGE_REQ_BODY),
		resBody: entry.text(layout.EXCHANGE_RES_BODY),
		reqUnheld: unheld(layout.EXCHANGE_REQ_UNHELD),
		resUnheld: unheld(layout.EXCHANGE_RES_UNHELD),
		via: SYSCALL_NAMES[entry.u32(layout.EXCHANGE_VIA)] ?? null,
		vias: syscallList(entry.text(layout.EXCHANGE_VIAS)),
		reqVia: SYSCALL_NAMES[entry.u32(layout.EXCHANGE_REQ_VIA)] ?? null,
		lostBytes: entry.f64(layout.EXCHANGE_LOST_BYTES),
		anomalies: anomalyWords(entry.u32(layout.EXCHANGE_ANOMALIES), entry.u32(layout.EXCHANGE_ANOMALIES + 4)),
		flags: entry.u32(layout.EXCHANGE_FLAGS),
	};
	checkAccount(row, row.reqBodyBytes, row.reqCaptured, row.reqUnheld, row.reqBody);
	checkAccount(row, row.resBodyBytes, row.resCaptured, row.resUnheld, row.resBody);
	return row;
}

/** Every byte of a body must be held, or counted under a reason. */
function checkAccount(
	row: ExchangeRow,
	bytes: number | null,
	captured: number,
	unheld: number[],
	body: string | null,
): void {
	const sum = captured + unheld.reduce((a, b) => a + b, 0);
	if (bytes !== null && sum !== bytes && bytes <= Number.MAX_SAFE_INTEGER)
		throw new Error(`row ${row.id}: body of ${bytes} bytes, accounted for ${sum}`);
	if (body !== null && body.length !== captured)
		throw new Error(`row ${row.id}: ${captured} held, ${body.length} there`);
}

function readConnection(entry: Entry): ConnectionRow {
	return {
		id: entry.f64(layout.CONNECTION_ID),
		opened: entry.f64(layout.CONNECTION_OPENED),
		closed: entry.maybe(layout.CONNECTION_CLOSED),
		bytesIn: entry.f64(layout.CONNECTION_BYTES_IN),
		bytesOut: entry.f64(layout.CONNECTION_BYTES_OUT),
		exchanges: entry.f64(layout.CONNECTION_EXCHANGES),
		connectMs: entry.maybe(layout.CONNECTION_CONNECT_MS),
		acceptWaitMs: entry.maybe(layout.CONNECTION_ACCEPT_WAIT_MS),
		rttMs: entry.maybe(layout.CONNECTION_RTT_MS),
		retransmits: entry.maybe(layout.CONNECTION_RETRANSMITS),
		pid: entry.u32(layout.CONNECTION_PID),
		side: PROCESS_SIDES[entry.u32(layout.CONNECTION_SIDE)] ?? null,
		protocol: PROTOCOLS[entry.u32(layout.CONNECTION_PROTOCOL)] ?? null,
		comm: entry.text(layout.CONNECTION_COMM),
		local: entry.text(layout.CONNECTION_LOCAL),
		remote: entry.text(layout.CONNECTION_REMOTE),
		syscalls: syscallList(entry.text(layout.CONNECTION_SYSCALLS)),
	};
}

function readEvent(entry: Entry): EventRow {
	return {
		ts: entry.f64(layout.EVENT_TS),
		conn: entry.f64(layout.EVENT_CONN),
		syscall: eventName(entry.u32(layout.EVENT_SYSCALL), entry.u32(layout.EVENT_KIND)),
		direction: DIRECTIONS[entry.u32(layout.EVENT_DIRECTION)] ?? null,
		bytes: entry.f64(layout.EVENT_BYTES),
		captured: entry.f64(layout.EVENT_CAPTURED_BYTES),
		pid: entry.u32(layout.EVENT_PID),
		fd: entry.u32(layout.EVENT_FD) | 0,
		flags: eventFlags(entry.u32(layout.EVENT_FLAGS)),
		comm: Buffer.from(entry.bytes(layout.EVENT_COMM, 16)).toString('latin1').replace(/\0+$/, ''),
	};
}
