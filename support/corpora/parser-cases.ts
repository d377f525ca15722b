// llhttp's format: Markdown files of single streams, each with the log of what llhttp's parser reports. Each stream is
// decoded in pieces of every size. A case scores one for each size at which all of this holds:
//
// - Every message that llhttp completes has its row, in order, with the same method, target, version, status, field lines
//   and body; and there is no row for a further message.
// - What llhttp rejects has no row, or a marked one: its reason is `malformed`, or, where RFC 9110 and 9112 let a recipient
//   accept it or its meaning is plain, `anomalies` names the oddity (NAMED below).
// - RTSP and ICE are not HTTP/1: no row.
//
// `skipBody` tells llhttp something that is not in the bytes. For a response it means that the request was HEAD, and we do
// the same. A request has no equivalent, so only the first head of such a case is compared.
import { readFileSync } from 'node:fs';
import * as wire from '../../decoder-as/assembly/wire/capture-event.ts';
import { decodeRecords, type ExchangeRow, type FieldRow } from '../decoded-rows.ts';
import { Tape } from '../record-builder.ts';
import type { Outcome } from './outcome.ts';

type Message = {
	method: string;
	target: string;
	status: number;
	version: string;
	fields: [string, string][];
	body: string;
	complete: boolean;
};

type Case = {
	readonly name: string;
	readonly response: boolean;
	readonly skipBody: boolean;
	readonly input: string;
	readonly messages: readonly Message[];
	/** RTSP or ICE. */
	readonly other: boolean;
	/** llhttp's code for the error at the end of the input; 0 if there is none. */
	readonly refusal: number;
};

/** llhttp codes that are not rejections: it pauses where it is told to, and before anything that is not HTTP/1. */
const PAUSED = new Set([21, 22, 23]);

/**
 * Anomalies that stand for oddities which llhttp rejects with this code although the standard lets a recipient accept
 * them.
 */
const NAMED: Readonly<Record<number, readonly string[]>> = {
	// A line that ends with a bare LF (RFC 9112 section 2.2); an unsupported version that can be read as 1.1.
	9: ['bare-lf', 'whitespace-in-start-line', 'unsupported-version'],
	25: ['bare-lf'],
	// A folded line (section 5.2), a bare LF after an empty value.
	10: ['obs-fold', 'bare-lf'],
	// White space other than a single space (section 3).
	13: ['whitespace-in-start-line'],
	// A message after the one that said `close` (section 9.6).
	5: ['after-close'],
	// Methods that are unregistered or not for HTTP (RFC 9110 section 9.1).
	6: ['unknown-method'],
	8: ['unknown-method'],
	// White space after a chunk's size (RFC 9112 section 7.1.1).
	12: ['space-after-chunk-size'],
	// A head that is incomplete proves nothing.
	30: ['incomplete-head'],
};

/** One outcome for each case of the file: the number of piece sizes at which everything was correct, and of all sizes. */
export function judgeParserCases(path: string, shownPath: string): Outcome[] {
	return readCases(path, shownPath).map(judge);
}

function readCases(path: string, shownPath: string): Case[] {
	const text = readFileSync(path, 'latin1').replaceAll('\r\n', '\n');
	// A case extends from its meta comment to the next one's; there may be text between its two blocks.
	const sections = text.split(/^<!--\s*meta=/m).slice(1);
	return sections.map((section, i) => {
		const meta = section.slice(0, section.indexOf('-->'));
		const input = /^```http\n([\s\S]*?)\n```$/m.exec(section)?.[1] ?? '';
		const log = /^```log\n([\s\S]*?)\n?```$/m.exec(section)?.[1] ?? '';
		const { type, skipBody } = JSON.parse(meta) as { type: string; skipBody?: boolean };
		const code = Number(/ error code=(\d+)/.exec(log)?.[1] ?? 0);
		return {
			name: `${shownPath}#${i + 1}`,
			response: type.startsWith('response'),
			skipBody: skipBody === true,
			input: unescapeInput(input),
			messages: readLog(log),
			other: /span\[protocol\]="(RTSP|ICE)"/.test(log),
			refusal: PAUSED.has(code) ? 0 : code,
		};
	});
}

/** Joins lines ending in a backslash, turns line ends into CRLF and decodes escapes. */
function unescapeInput(text: string): string {
	return unescapeBytes(text.replace(/\\\n/g, '').replace(/\n/g, '\r\n'));
}

function unescapeBytes(text: string): string {
	const letters: Readonly<Record<string, string>> = { r: '\r', n: '\n', t: '\t', f: '\f' };
	return text.replace(
		/\\(r|n|t|f|x[0-9A-Fa-f]{2})/g,
		(_, code: string) => letters[code] ?? String.fromCharCode(Number.parseInt(code.slice(1), 16)),
	);
}

function readLog(log: string): Message[] {
	const messages: Message[] = [];
	let message: Message | undefined;
	let name = '';
	let value = '';
	for (const line of log.split('\n')) {
		if (/message begin/.test(line)) {
			message = { method: '', target: '', status: 0, version: '', fields: [], body: '', complete: false };
			messages.push(message);
			name = '';
			value = '';
		}
		if (message === undefined) continue;
		const span = /span\[(\w+)\]=(?:"([\s\S]*)"|(lf|cr))$/.exec(line);
		if (span !== null) {
			const bytes = span[3] === 'lf' ? '\n' : span[3] === 'cr' ? '\r' : unescapeBytes(span[2]!);
			if (span[1] === 'method') message.method += bytes;
			if (span[1] === 'url') message.target += bytes;
			if (span[1] === 'version') message.version += bytes;
			if (span[1] === 'body') message.body += bytes;
			if (span[1] === 'header_field') name += bytes;
			if (span[1] === 'header_value') value += bytes;
		}
		if (/header_value complete/.test(line)) {
			message.fields.push([name, value]);
			name = '';
			value = '';
		}
		const status = /headers complete .*status=(\d+)/.exec(line);
		if (status !== null) message.status = Number(status[1]);
		if (/message complete/.test(line)) message.complete = true;
	}
	return messages;
}

function judge(entry: Case): Outcome {
	let got = 0;
	let why: string | undefined;
	const want = Math.max(1, entry.input.length);
	for (let size = 1; size <= want; size++) {
		const problem = problemOf(entry, decodeStream(entry, size));
		if (problem === undefined) got++;
		else why ??= `in pieces of ${size}: ${problem}`;
	}
	return { name: entry.name, got, want, why };
}

function decodeStream({ input, messages, response, skipBody, other }: Case, size: number): ExchangeRow[] {
	const tape = new Tape();
	const connection = response ? tape.client(1).open() : tape.server(1).open();
	if (response && !other) {
		// llhttp reads responses alone, but the decoder needs a request for each.
		const method = skipBody ? 'HEAD' : 'GET';
		for (let i = 0; i < Math.max(1, messages.length); i++)
			connection.out(`${method} /${i} HTTP/1.1\r\nHost: h\r\n\r\n`);
	}
	for (let at = 0; at < input.length; at += size)
		connection.in(input.slice(at, at + size), { syscall: wire.SYSCALL_READ });
	connection.eof().close();
	return decodeRecords(tape.records).exchanges;
}

/** What is wrong with the rows; undefined if nothing is. */
function problemOf(entry: Case, rows: readonly ExchangeRow[]): string | undefined {
	if (entry.other) return rows.length === 0 ? undefined : 'a row for something that is not HTTP/1';
	const complete = entry.messages.filter((message) => message.complete && !isInterim(message.status));
	// llhttp skips this body without seeing it; we only have the bytes, so nothing after it can be compared.
	const expected = entry.skipBody && !entry.response ? complete.slice(0, 1) : complete;
	for (const [i, message] of expected.entries()) {
		const problem = differenceOf(entry, rows[i], message);
		if (problem !== undefined) return `message ${i + 1}: ${problem}`;
	}
	if (entry.refusal !== 0) {
		const row = rows[expected.length];
		if (row === undefined || isMarked(row, entry) || (entry.response && row.status === 0 && row.resWireBytes === null))
			return undefined;
		return `refused with code ${entry.refusal}, but there is a row ${row.state} ${row.reason} ${row.anomalies}`;
	}
	// An unfinished message may also have a row.
	const begun = entry.messages.filter((message) => !isInterim(message.status)).length;
	const most = entry.response ? Math.max(1, entry.messages.length) : begun;
	return rows.length <= most || entry.skipBody ? undefined : `${rows.length} rows instead of ${most}`;
}

/** Interim responses have no rows of their own. */
function isInterim(status: number): boolean {
	return status >= 100 && status < 200 && status !== 101;
}

function differenceOf({ response, skipBody }: Case, row: ExchangeRow | undefined, want: Message): string | undefined {
	if (row === undefined) return 'no row';
	if (!response && row.method !== want.method) return `method ${row.method} instead of ${want.method}`;
	if (!response && row.target !== want.target) return `target ${row.target} instead of ${want.target}`;
	if (response && row.status !== want.status) return `status ${row.status} instead of ${want.status}`;
	const seen = want.status === 0 ? row.reqVersion : row.version;
	const version = seen === 9 ? '' : `${seen >> 8}.${seen & 255}`;
	if (version !== want.version) return `version ${version} instead of ${want.version}`;
	const fields = fieldsText(
		(response ? row.resHeaders : row.reqHeaders).map(({ name, value }: FieldRow) => [name, value]),
	);
	// The log shows non-ASCII bytes either as they are or as the UTF-8 encoding of their Latin-1 characters.
	const wanted = fieldsText(want.fields);
	if (fields !== wanted && fields !== Buffer.from(wanted, 'latin1').toString('utf8'))
		return `fields ${fields} instead of ${wanted}`;
	const body = (response ? row.resBody : row.reqBody) ?? '';
	if (!skipBody && body !== want.body) return `body ${JSON.stringify(body)} instead of ${JSON.stringify(want.body)}`;
	return undefined;
}

/** Ignores white space around a value and the way a folded value was folded. */
function fieldsText(fields: readonly (readonly [string, string])[]): string {
	const plain = (text: string) => text.replace(/[ \t\r\n]+/g, ' ').trim();
	return JSON.stringify(fields.map(([name, value]) => [plain(name), plain(value)]));
}

function isMarked(row: ExchangeRow, { refusal }: Case): boolean {
	if (row.reason === 'malformed') return true;
	const words = (row.anomalies ?? '').split(',');
	return (NAMED[refusal] ?? []).some((word) => words.includes(word));
}
