// A second decoder, only for tests: the same rules in plain TypeScript, written only for clarity. It keeps whole
// streams as text and rereads a message whenever bytes arrive; it knows no limits and no loss. Where the input is no
// longer well-formed (a malformed head, another protocol) it stops and says so: everything before that must be the same
// in both decoders.
import type { FieldRow } from './decoded-rows.ts';

/** A call of the watched server process: what it received or sent. */
export type Call = { readonly direction: 'in' | 'out'; readonly bytes: string };

/** Stands for a byte of a body that was sent by sendfile and not seen. */
export const UNSEEN = '\u0100';

export type ReferenceRow = {
	method: string;
	target: string;
	version: number;
	reqHeaders: FieldRow[];
	reqBody: string;
	reqEnded: boolean;
	interim: number[];
	status: number | null;
	statusText: string | null;
	resVersion: number;
	resHeaders: FieldRow[];
	resBody: string;
	resEnded: boolean;
	upgraded: boolean;
	/** The trailers are not complete. */
	cut: boolean;
};

export type Reference = {
	readonly rows: ReferenceRow[];
	/** Rows from this index on must not be compared, because something in them is not well-formed. */
	readonly sound: number;
	/** Everything was well-formed, so there are no other rows. */
	readonly whole: boolean;
};

type Head = {
	startLine: string;
	fields: FieldRow[];
	length: number;
};

type Framing = { kind: 'length'; length: bigint } | { kind: 'chunked' } | { kind: 'close' };

type Body = { text: string; trailers: FieldRow[]; used: number; ended: boolean; cut?: boolean };

/** Thrown if the reference has no opinion. */
class Unsound extends Error {}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Rows of one connection that a server accepted. `closed`: the process closed it after the last call. */
export function referenceRows(calls: readonly Call[], closed: boolean): Reference {
	const rows: ReferenceRow[] = [];
	let requests = '';
	let responses = '';
	let opaque = false;
	let unsoundFrom: number | undefined;
	/** A head has begun but is incomplete. */
	let cutHead = false;

	/** Rereads everything from the start. The order of calls only limits how much may be read. */
	const read = (ended: boolean): void => {
		rows.length = 0;
		let requestAt = 0;
		let responseAt = 0;
		let answered = 0;
		opaque = false;
		for (;;) {
			const progress = () => `${requestAt} ${responseAt} ${rows.length} ${answered} ${rows.at(-1)?.status}`;
			const before = progress();
			// Read as many requests as possible first, because a response never comes before its request.
			for (let at = -1; at !== requestAt && !opaque; ) {
				const last = rows[rows.length - 1];
				if (last?.reqEnded === true && rows.length > answered && mayUpgrade(last)) break;
				at = requestAt;
				requestAt = readRequest(requests, requestAt, rows);
			}
			const row = rows[answered];
			if (row !== undefined && !opaque) {
				const result = readResponse(responses, responseAt, row, ended);
				responseAt = result.at;
				// An upgraded connection is opaque; what a CONNECT tunnel carries is read like everything before it.
				if (row.upgraded && row.method !== 'CONNECT') opaque = true;
				if (result.done) answered++;
			} else if (
				responseAt < responses.length &&
				!opaque &&
				responses.slice(responseAt).replace(/[\r\n]/g, '') !== ''
			) {
				throw new Unsound('a response without a request');
			}
			if (progress() === before) {
				const last = rows[rows.length - 1];
				const requestCut = (last === undefined || last.reqEnded) && skipLineEnds(requests, requestAt) < requests.length;
				const answering = rows[answered];
				const responseCut = answering?.status === null && skipLineEnds(responses, responseAt) < responses.length;
				cutHead = requestCut || responseCut;
				return;
			}
		}
	};

	for (const call of calls) {
		if (call.direction === 'in') requests += call.bytes;
		else responses += call.bytes;
		if (unsoundFrom !== undefined) continue;
		try {
			read(false);
		} catch (error) {
			if (!(error instanceof Unsound)) throw error;
			unsoundFrom = soundRows(rows);
		}
	}
	if (unsoundFrom === undefined) {
		try {
			read(closed);
			if (!opaque && (cutHead || rows.some((row) => row.cut || mayUpgrade(row))))
				throw new Unsound('a head that ends early');
		} catch (error) {
			if (!(error instanceof Unsound)) throw error;
			unsoundFrom = soundRows(rows);
		}
	}
	return { rows: [...rows], sound: unsoundFrom ?? rows.length, whole: unsoundFrom === undefined };
}

/** Rows before the first unfinished one: the bad bytes may belong to any later row. */
function soundRows(rows: readonly ReferenceRow[]): number {
	const open = rows.findIndex((row) => !row.resEnded || !row.reqEnded);
	return open < 0 ? Math.max(0, rows.length - 1) : Math.max(0, open - 1);
}

function mayUpgrade(row: ReferenceRow): boolean {
	if (row.resEnded || row.status !== null) return false;
	return (
		row.method === 'CONNECT' ||
		(list(row.reqHeaders, 'connection').includes('upgrade') && value(row.reqHeaders, 'upgrade') !== '')
	);
}

/** Reads at most one request at `at`: creates its row, or continues the last row's body. Returns where the next begins. */
function readRequest(text: string, at: number, rows: ReferenceRow[]): number {
	const last = rows[rows.length - 1];
	if (last !== undefined && !last.reqEnded) {
		const framing = requestFraming(last);
		const body = readBody(text.slice(at), framing, false);
		last.reqBody = body.text;
		last.reqHeaders = [...last.reqHeaders.filter((field) => !field.trailer), ...body.trailers];
		last.reqEnded = body.ended;
		last.cut = body.cut === true;
		if (!body.ended && list(last.reqHeaders, 'expect').includes('100-continue')) throw new Unsound('an expectation');
		// An unfinished body is reread from its beginning.
		return body.ended ? at + body.used : at;
	}
	const start = skipLineEnds(text, at);
	if (start === text.length) return at;
	const head = readHead(text.slice(start));
	if (head === undefined) return at;
	const line = /^(\S+) (\S+) HTTP\/1\.(\d)$/.exec(head.startLine);
	// The decoder gives up on a method longer than this.
	if (line === null || !TOKEN.test(line[1]!) || line[1]!.length > 60) throw new Unsound('a request line');
	const row: ReferenceRow = {
		method: line[1]!,
		target: line[2]!,
		version: 0x100 | Number(line[3]),
		reqHeaders: head.fields,
		reqBody: '',
		reqEnded: false,
		interim: [],
		status: null,
		statusText: null,
		resVersion: 0,
		resHeaders: [],
		resBody: '',
		resEnded: false,
		upgraded: false,
		cut: false,
	};
	const framing = requestFraming(row);
	rows.push(row);
	if (row.method === 'CONNECT' || (framing.kind === 'length' && framing.length === 0n)) row.reqEnded = true;
	return start + head.length;
}

function requestFraming(row: ReferenceRow): Framing {
	const framing = framingOf(row.reqHeaders);
	return framing ?? { kind: 'length', length: 0n };
}

/** Reads at most one response at `at` for the row. */
function readResponse(text: string, at: number, row: ReferenceRow, ended: boolean): { at: number; done: boolean } {
	const start = skipLineEnds(text, at);
	if (start === text.length) return { at, done: false };
	const head = readHead(text.slice(start));
	if (head === undefined) return { at, done: false };
	const line = /^HTTP\/1\.(\d) ([1-9]\d\d)(?: (.*))?$/s.exec(head.startLine);
	if (line === null) throw new Unsound('a status line');
	const status = Number(line[2]);
	if (status < 200 && status !== 101) {
		if (row.interim.length < 16) row.interim.push(status);
		return { at: start + head.length, done: false };
	}
	// Without the order of calls, bytes sent before and after the switch look the same.
	if (status === 101 && !mayUpgrade(row)) throw new Unsound('an upgrade nobody asked for');
	// At this point the rest of the body may still be read.
	if (status === 101 && !row.reqEnded) throw new Unsound('an upgrade in the middle of a request');
	row.status = status;
	row.resVersion = 0x100 | Number(line[1]);
	row.statusText = line[3] ?? null;
	row.resHeaders = head.fields;
	const bodyAt = start + head.length;
	if (status === 101 || (row.method === 'CONNECT' && status < 300)) {
		row.upgraded = true;
		row.resEnded = true;
		row.reqEnded = true;
		return { at: bodyAt, done: true };
	}
	const bodiless = row.method === 'HEAD' || status === 204 || status === 304;
	const framing: Framing = bodiless
		? { kind: 'length', length: 0n }
		: (framingOf(row.resHeaders) ?? (status === 205 ? { kind: 'length', length: 0n } : { kind: 'close' }));
	const body = readBody(text.slice(bodyAt), framing, ended);
	row.resBody = body.text;
	row.resHeaders = [...head.fields, ...body.trailers];
	row.resEnded = body.ended;
	row.cut ||= body.cut === true;
	return body.ended ? { at: bodyAt + body.used, done: true } : { at, done: false };
}

function skipLineEnds(text: string, at: number): number {
	let start = at;
	while (text[start] === '\r' || text[start] === '\n') start++;
	return start;
}

/** A complete head at the beginning of `text`; undefined if it is incomplete. */
function readHead(text: string): Head | undefined {
	const end = /\r?\n\r?\n/.exec(text);
	if (end === null) {
		// A malformed first line is already an error, before the head is complete.
		if (text.includes(UNSEEN)) throw new Unsound('an unseen head');
		const line = /^(.*?)\r?\n/s.exec(text)?.[1];
		if (line !== undefined && !/^HTTP\/1\.\d [1-9]\d\d( |$)| HTTP\/1\.\d$/.test(line))
			throw new Unsound('a first line');
		return undefined;
	}
	const head = text.slice(0, end.index);
	if (head.includes(UNSEEN)) throw new Unsound('an unseen head');
	if (head.length > 60_000) throw new Unsound('a head at the limits');
	if (/\r(?!\n)/.test(head)) throw new Unsound('a bare CR');
	const [startLine = '', ...lines] = head.split(/\r?\n/);
	const fields: FieldRow[] = lines.map((line) => {
		const colon = line.indexOf(':');
		const name = line.slice(0, Math.max(colon, 0));
		if (!TOKEN.test(name)) throw new Unsound('a field line');
		const content = line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '');
		if (/[\x00-\x08\x0a-\x1f\x7f]/.test(content)) throw new Unsound('a field value');
		return { name, value: content, trailer: false };
	});
	if (fields.length > 1000) throw new Unsound('many fields');
	return { startLine, fields, length: end.index + end[0].length };
}

/** By RFC 9112 section 6.3; undefined if the fields do not frame a body. */
function framingOf(fields: readonly FieldRow[]): Framing | undefined {
	const codings = list(fields, 'transfer-encoding');
	const lengths = fields.filter((field) => field.name.toLowerCase() === 'content-length').map((field) => field.value);
	if (codings.length > 0) {
		if (codings.some((coding) => coding !== 'chunked' && coding !== 'identity')) throw new Unsound('a coding');
		if (codings.at(-1) !== 'chunked') throw new Unsound('a coding');
		return { kind: 'chunked' };
	}
	if (fields.some((field) => field.name.toLowerCase() === 'transfer-encoding')) throw new Unsound('an empty coding');
	const values = lengths.flatMap((text) => text.split(',').map(trimSpace));
	if (values.length === 0) return undefined;
	if (!values.every((text) => /^\d{1,19}$/.test(text))) throw new Unsound('a length');
	const numbers = values.map(BigInt);
	if (numbers.some((number) => number !== numbers[0])) throw new Unsound('different lengths');
	return { kind: 'length', length: numbers[0]! };
}

function readBody(text: string, framing: Framing, ended: boolean): Body {
	if (framing.kind === 'close') return { text, trailers: [], used: text.length, ended };
	if (framing.kind === 'length') {
		const whole = BigInt(text.length) >= framing.length;
		const used = whole ? Number(framing.length) : text.length;
		return { text: text.slice(0, used), trailers: [], used, ended: whole };
	}
	let at = 0;
	let content = '';
	for (;;) {
		const line = /^([^\r\n]*)\r?\n/.exec(text.slice(at));
		if (line === null) {
			if (/^[^\r\n]*\r[^\n]/.test(text.slice(at)) || !/^[0-9a-fA-F]*[ \t]*(;.*)?\r?$/s.test(text.slice(at)))
				throw new Unsound('a chunk size');
			return { text: content, trailers: [], used: at, ended: false };
		}
		const size = /^([0-9a-fA-F]+)[ \t]*(?:;[^\r]*)?$/.exec(line[1]!);
		if (size === null || size[1]!.replace(/^0+/, '').length > 12 || line[1]!.includes(UNSEEN))
			throw new Unsound('a chunk size');
		at += line[0].length;
		const length = Number.parseInt(size[1]!, 16);
		if (length === 0) break;
		content += text.slice(at, at + length);
		if (text.length < at + length) return { text: content, trailers: [], used: text.length, ended: false };
		at += length;
		const end = /^\r?\n/.exec(text.slice(at));
		if (end === null) {
			if (at < text.length && text.slice(at) !== '\r') throw new Unsound('a chunk end');
			return { text: content, trailers: [], used: at, ended: false };
		}
		at += end[0].length;
	}
	const rest = text.slice(at);
	const empty = /^\r?\n/.exec(rest);
	if (empty !== null) return { text: content, trailers: [], used: at + empty[0].length, ended: true };
	const end = /\r?\n\r?\n/.exec(rest);
	if (end === null) {
		if (rest.includes(UNSEEN)) throw new Unsound('unseen trailers');
		return { text: content, trailers: [], used: at, ended: false, cut: rest !== '' };
	}
	const trailers = readHead(`X\r\n${rest.slice(0, end.index + end[0].length)}`)!.fields;
	return {
		text: content,
		trailers: trailers.map((field) => ({ ...field, trailer: true })),
		used: at + end.index + end[0].length,
		ended: true,
	};
}

/** Elements of a list field, in lower case. */
function list(fields: readonly FieldRow[], name: string): string[] {
	return fields
		.filter((field) => field.name.toLowerCase() === name && !field.trailer)
		.flatMap((field) => field.value.split(','))
		.map((element) => trimSpace(element).toLowerCase())
		.filter((element) => element !== '');
}

function value(fields: readonly FieldRow[], name: string): string {
	return fields.find((field) => field.name.toLowerCase() === name)?.value ?? '';
}

/** Trims the white space of HTTP; JavaScript's trim() removes more. */
function trimSpace(text: string): string {
	return text.replace(/^[ \t]+|[ \t]+$/g, '');
}
