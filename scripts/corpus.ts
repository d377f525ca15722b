// Runs the cases of a corpus directory through the decoder; see scripts/corpus. A case counts when the decoder finds what
// the corpus says: for libhtp the number of transactions, for llhttp every complete message at every size of pieces, and
// no sound row for what llhttp refuses in every mode.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import * as wire from '../decoder-as/assembly/capture-event.ts';
import { decodeRecords, type ExchangeRow, type FieldRow } from '../test/support/decoded-rows.ts';
import { type ConnectionTape, Tape } from '../test/support/record-builder.ts';

type Outcome = { readonly name: string; readonly got: number; readonly want: number; readonly why?: string };

const root = process.argv[2];
if (root === undefined || !existsSync(root)) {
	console.error('usage: scripts/corpus DIR');
	process.exit(2);
}
const verbose = process.argv.includes('--verbose');
const files = walk(root);
const outcomes = [...libhtpOutcomes(files), ...llhttpOutcomes(files)];
for (const { name, got, want, why } of outcomes) {
	console.log(`${name}: ${got}/${want}${verbose && why !== undefined ? `  ${why}` : ''}`);
}
const good = outcomes.filter(({ got, want }) => got === want).length;
console.log(`total: ${good} of ${outcomes.length}`);

function walk(directory: string): string[] {
	return readdirSync(directory)
		.toSorted()
		.flatMap((name) => {
			const path = join(directory, name);
			return statSync(path).isDirectory() ? walk(path) : [path];
		});
}

// ---- libhtp: conversations, and how many transactions they hold -----------------------------------------------------

function libhtpOutcomes(paths: readonly string[]): Outcome[] {
	const list = paths.find((path) => basename(path) === 'transactions.json');
	if (list === undefined) return [];
	const wanted = new Map(Object.entries(JSON.parse(readFileSync(list, 'utf8')) as Record<string, number>));
	return paths.flatMap((path) => {
		const want = wanted.get(basename(path));
		if (want === undefined) return [];
		return [{ name: basename(path), got: decodeConversation(readFileSync(path, 'latin1')).length, want }];
	});
}

/** `>>>` begins bytes of the client, `<<<` bytes of the server; the line end before a marker belongs to the marker. */
function decodeConversation(text: string): ExchangeRow[] {
	const tape = new Tape();
	const server = tape.server(1).open();
	for (const [, direction, bytes] of text.matchAll(/(>>>|<<<)\r?\n([\s\S]*?)(?=\r?\n(?:>>>|<<<)\r?\n|$(?![\s\S]))/g)) {
		if (bytes === '' || bytes === undefined) continue;
		if (direction === '>>>') server.in(bytes);
		else server.out(bytes);
	}
	server.eof().close();
	return decodeRecords(tape.records).exchanges;
}

// ---- llhttp: single streams, and the spans its parser reports ---------------------------------------------------------

type Message = {
	method: string;
	target: string;
	status: number;
	headers: [string, string][];
	body: string;
	complete: boolean;
};

type Case = {
	readonly name: string;
	readonly response: boolean;
	readonly skipBody: boolean;
	readonly input: string;
	readonly messages: Message[];
	/** llhttp refuses the input. */
	readonly refused: boolean;
};

function llhttpOutcomes(paths: readonly string[]): Outcome[] {
	const cases = paths.filter((path) => path.endsWith('.md') && basename(path) !== 'README.md').flatMap(readCases);
	// What some mode accepts is not refused.
	const accepted = new Set(cases.filter((entry) => !entry.refused).map((entry) => entry.input));
	return cases.map((entry) => judge(entry, accepted));
}

function readCases(path: string): Case[] {
	const text = readFileSync(path, 'latin1');
	const cases: Case[] = [];
	let number = 0;
	const blocks = /<!--\s*meta=(\{.*?\})\s*-->\s*```http\n([\s\S]*?)\n```\s*(?:```log\n([\s\S]*?)\n```)?/g;
	for (const [, meta, input, log] of text.matchAll(blocks)) {
		const { type, skipBody } = JSON.parse(meta!) as { type: string; skipBody?: boolean };
		number++;
		// Whether a request's body is skipped is told to llhttp, it is not in the bytes; RTSP and ICE are no HTTP/1.
		const unknowable = type.startsWith('request') && skipBody === true;
		if (unknowable || /span\[protocol\]="(RTSP|ICE)"/.test(log ?? '')) continue;
		cases.push({
			name: `${relative(root!, path)}#${number}`,
			response: type.startsWith('response'),
			skipBody: skipBody === true,
			input: unescapeInput(input!),
			messages: readLog(log ?? ''),
			refused: /error code=(?!22\b|21\b)\d+/.test(log ?? ''),
		});
	}
	return cases;
}

/** Lines ending in a backslash are joined, line ends become CRLF, escapes are undone. */
function unescapeInput(text: string): string {
	return text
		.replace(/\\\n/g, '')
		.replace(/\n/g, '\r\n')
		.replace(/\\(r|n|t|f|x[0-9A-Fa-f]{2})/g, (_, code: string) => decodeEscape(code));
}

function decodeEscape(code: string): string {
	if (code.startsWith('x')) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
	return { r: '\r', n: '\n', t: '\t', f: '\f' }[code] ?? code;
}

function readLog(log: string): Message[] {
	const messages: Message[] = [];
	let message: Message | undefined;
	let field = '';
	let value = '';
	for (const line of log.split('\n')) {
		if (/message begin/.test(line)) {
			message = { method: '', target: '', status: 0, headers: [], body: '', complete: false };
			messages.push(message);
			field = '';
			value = '';
		}
		if (message === undefined) continue;
		const span = /span\[(\w+)\]=(?:"([\s\S]*)"|(lf|cr))$/.exec(line);
		if (span !== null) {
			const bytes =
				span[3] !== undefined
					? { lf: '\n', cr: '\r' }[span[3]]!
					: span[2]!.replace(/\\(r|n|t|f|x[0-9A-Fa-f]{2})/g, (_, code: string) => decodeEscape(code));
			if (span[1] === 'method') message.method += bytes;
			if (span[1] === 'url') message.target += bytes;
			if (span[1] === 'body') message.body += bytes;
			if (span[1] === 'header_field') field += bytes;
			if (span[1] === 'header_value') value += bytes;
		}
		if (/header_value complete/.test(line)) {
			message.headers.push([field.toLowerCase().trim(), value.replace(/\s+/g, ' ').trim()]);
			field = '';
			value = '';
		}
		const status = /headers complete .*status=(\d+)/.exec(line);
		if (status !== null) message.status = Number(status[1]);
		if (/message complete/.test(line)) message.complete = true;
	}
	return messages;
}

function judge(entry: Case, accepted: ReadonlySet<string>): Outcome {
	let got = 0;
	let why: string | undefined;
	const sizes = [...new Set([entry.input.length, ...Array.from({ length: entry.input.length }, (_, i) => i + 1)])];
	for (const size of sizes) {
		const problem = judgeRows(entry, decodeStream(entry, size), accepted);
		if (problem === undefined) got++;
		else why ??= `in pieces of ${size}: ${problem}`;
	}
	return { name: entry.name, got, want: sizes.length, ...(why === undefined ? {} : { why }) };
}

function decodeStream(entry: Case, size: number): ExchangeRow[] {
	const tape = new Tape();
	const pieces = Array.from({ length: Math.ceil(entry.input.length / size) }, (_, i) =>
		entry.input.slice(i * size, (i + 1) * size),
	);
	const connection: ConnectionTape = entry.response ? tape.client(1).open() : tape.server(1).open();
	if (entry.response) {
		// llhttp reads responses alone; here each needs a request.
		const count = Math.max(1, entry.messages.length);
		for (let i = 0; i < count; i++)
			connection.out(`${entry.skipBody ? 'HEAD' : 'GET'} /${i} HTTP/1.1\r\nHost: h\r\n\r\n`);
	}
	for (const piece of pieces) connection.in(piece, { syscall: wire.SYSCALL_READ });
	connection.eof().close();
	return decodeRecords(tape.records).exchanges;
}

/** What is wrong with the rows; undefined when they are as they should be. */
function judgeRows(entry: Case, rows: readonly ExchangeRow[], accepted: ReadonlySet<string>): string | undefined {
	// Interim responses are no rows.
	const interim = (status: number) => status >= 100 && status < 200 && status !== 101;
	const complete = entry.messages.filter((message) => message.complete && !interim(message.status));
	for (const [i, message] of complete.entries()) {
		const row = rows[i];
		if (row === undefined) return `message ${i + 1} has no row`;
		if (!entry.response && row.method !== message.method) return `method ${row.method} instead of ${message.method}`;
		if (!entry.response && message.target !== '' && row.target !== message.target)
			return `target ${row.target} instead of ${message.target}`;
		if (entry.response && row.status !== message.status) return `status ${row.status} instead of ${message.status}`;
		const headers = headersOf(entry.response ? row.resHeaders : row.reqHeaders);
		// The log shows bytes beyond ASCII as UTF-8 of what they are in Latin-1, or as they are.
		const wanted = JSON.stringify(message.headers);
		if (headers !== wanted && headers !== Buffer.from(wanted, 'latin1').toString('utf8'))
			return `headers ${headers} instead of ${wanted}`;
		const body = (entry.response ? row.resBody : row.reqBody) ?? '';
		if (!entry.skipBody && body !== message.body)
			return `body ${JSON.stringify(body)} instead of ${JSON.stringify(message.body)}`;
	}
	if (!entry.refused || accepted.has(entry.input)) return undefined;
	// The row of what is refused, if there is one, says that it is malformed, or which oddity had to be looked past.
	const row = rows[complete.length];
	if (row === undefined || row.reason === 'malformed' || oddities(row) !== '') return undefined;
	return entry.response && row.status === 0 ? undefined : `refused, but a row ${row.state} ${row.reason}`;
}

/** Anomalies other than of framing by the connection's end or a host that is missing in the case. */
function oddities(row: ExchangeRow): string {
	return (row.anomalies ?? '').replace('missing-host', '').replaceAll(',', '');
}

function headersOf(fields: readonly FieldRow[]): string {
	return JSON.stringify(fields.map((field) => [field.name.toLowerCase(), field.value.replace(/\s+/g, ' ').trim()]));
}
