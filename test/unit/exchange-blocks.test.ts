// Blocks made of kept texts have the same rows as those of exchanges that were redacted as a whole.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { type BlocksWanted, ExchangeBlocks } from '../../src/agent/exchange-blocks.ts';
import {
	createExchangeRow,
	type ExchangeRow,
	jsonText,
	jsonValue,
	ROW_LEAVES_OUT,
	type SentFields,
} from '../../src/agent/exchange-row.ts';
import { nativeLines } from '../../src/agent/native-format.ts';
import type { Origin } from '../../src/agent/origin.ts';
import type { RowBlock } from '../../src/agent/row-block.ts';
import { SENT_COLUMNS } from '../../src/agent/store-tables.ts';
import { redactExchange } from '../../src/output/redacted-exchange.ts';
import { createRedactor, isQuiet, type Redactor } from '../../src/output/redaction.ts';
import { recordReader } from '../../src/store/exchange-detail.ts';
import { NameBook } from '../../src/store/remote-names.ts';
import type { SegmentRows } from '../../src/store/row-locator.ts';
import { formatTimestamp } from '../../src/store/timestamp.ts';
import { Tape } from '../../support/record-builder.ts';
import { stored } from '../../support/stored-exchanges.ts';

const redactor = createRedactor(Buffer.alloc(32, 7));
const ORIGIN: Origin = {
	hostName: 'h',
	run: 1,
	agentVersion: '1.0',
	labels: [
		['env', 'prod'],
		['é', 'x'],
	],
};
const NONE: BlocksWanted = { bodies: { of: 'none' }, bodiesText: 'none', headers: undefined, origin: ORIGIN };

/** Always the same numbers below 1. */
function seeded(seed: number): () => number {
	let state = seed;
	return () => {
		state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
		return state / 2 ** 32;
	};
}

function linesOf({ bytes }: RowBlock): string {
	return nativeLines(gunzipSync(bytes), 'exchanges');
}

/** The lines of all rows, taken in blocks of `step` rows, and how many were made of whole exchanges. */
function made(parts: readonly SegmentRows[], wanted: BlocksWanted, by: Redactor | undefined, step: number) {
	const book = new NameBook();
	const blocks = new ExchangeBlocks(wanted, by, 1);
	let text = '';
	for (const { segment, first, rows } of parts)
		for (let from = first; from < rows; from += step) {
			const some = [{ segment, first: from, rows: Math.min(rows, from + step) }];
			blocks.read(some, () => book.learn(some));
			for (let row = 0; row < some[0]!.rows - from; row++) blocks.add(row);
			text += linesOf(blocks.take());
		}
	return { lines: text.split('\n').slice(0, -1), whole: blocks.wholeRows };
}

/** A row as a line of JSON. */
function lineOf({ values, tsUs, req, res }: ExchangeRow, seq: number): string {
	const list = (texts: readonly string[]) => `[${texts.map(jsonText).join(',')}]`;
	const fields = (message: string, { names, values: texts, trailers }: SentFields) =>
		`"${message}_header_names":${list(names)},"${message}_header_values":${list(texts)},"${message}_trailers":${trailers}`;
	return `{${[
		`"host_name":"h","run":1,"seq":${seq},"agent_version":"1.0","label_names":["env","é"],"label_values":["prod","x"]`,
		...SENT_COLUMNS.map(({ name }, index) =>
			name === 'ts'
				? `"ts":${JSON.stringify(formatTimestamp(tsUs))},"ts_us":${tsUs}`
				: `"${name}":${jsonValue(values[index]!)}`,
		),
		...[fields('req', req), fields('res', res)],
	].join(',')}}`;
}

/** The same, by the way that needs no parts. */
function expected(
	parts: readonly SegmentRows[],
	wanted: BlocksWanted,
	by: Redactor | undefined,
	step: number,
): string[] {
	const book = new NameBook();
	const rowOf = createExchangeRow(wanted);
	const all: string[] = [];
	for (const { segment, first, rows } of parts)
		for (let from = first; from < rows; from += step) {
			const some = [{ segment, first: from, rows: Math.min(rows, from + step) }];
			const names = book.learn(some);
			const read = recordReader(some, () => names, ROW_LEAVES_OUT);
			for (let row = 0; row < some[0]!.rows - from; row++) {
				const record = by === undefined ? read(row) : redactExchange(read(row), by);
				all.push(lineOf(rowOf(record), all.length + 1));
			}
		}
	return all;
}

/** Compares both ways; returns the share of rows that had to be redacted as a whole. */
function compare(
	tape: Tape,
	wanted: BlocksWanted,
	by: Redactor | undefined,
	step = 50,
	bodyLimit: number | undefined = 0,
) {
	const limits = { memoryBytes: 64 << 20, rows: Number.POSITIVE_INFINITY };
	const { database } = stored(tape, limits, false, [], undefined, undefined, bodyLimit);
	const should = expected(database.exchanges, wanted, by, step);
	const { lines, whole } = made(database.exchanges, wanted, by, step);
	// One by one: the message for all of them would be too long.
	for (const [i, line] of should.entries()) assert.equal(lines[i], line);
	assert.equal(lines.length, should.length);
	return { rows: should.length, whole, lines };
}

const SECRETS = [
	...['c4n4ry-S3cr3t', 'tok.en/with+signs=99', 'sécrèt-ÿ-value', 'a"quoted\\secret', 'REDACTED', 'complete', 'short'],
	...[
		'REDACTED-13-0a1b2c3d',
		'req_trailers',
		'AAAAAAAA',
		'192.168.0.1',
		'x-request-id',
		'hunter2',
		'%41%42%43%44%45%46',
	],
];
const QUIET = [
	'',
	'a',
	'application/json',
	'Mozilla/5.0 (X11)',
	'no-cache',
	'caf\u00e9',
	'\u00c3\u00a9t\u00c3\u00a9',
	'tab\tand "quotes"',
];
const NAMES = [
	...[
		'Authorization',
		'authorization',
		'X-Authorization',
		'Cookie',
		'Set-Cookie',
		'cookie2',
		'X-Api-Key',
		'X-Auth-Token',
	],
	...[
		'X-Request-Id',
		'traceparent',
		'User-Agent',
		'Accept',
		'Content-Type',
		'Referer',
		'X-Note',
		'X-Caf\u00e9',
		'password',
	],
];

/** Field lines, targets and command lines in which secrets are marked, unmarked, coded, or look like something else. */
class Adversary {
	readonly random: () => number;

	constructor(seed: number) {
		this.random = seeded(seed);
	}

	pick<T>(list: readonly T[]): T {
		return list[Math.floor(this.random() * list.length)]!;
	}

	value(): string {
		const secret = this.pick(SECRETS);
		const coded = this.pick([
			secret,
			encodeURIComponent(secret),
			Buffer.from(secret).toString('base64'),
			Buffer.from(`user:${secret}`).toString('base64'),
		]);
		return this.pick([
			coded,
			`Bearer ${coded}`,
			`Basic ${coded}`,
			`session=${coded}; theme=${this.pick(SECRETS)}; c=1`,
			`password=${coded}`,
			`{"token":"${secret}","n":1}`,
			`["access_token\\u003d${coded}"]`,
			`https://user:${coded}@host/?token=${coded}#f`,
			`see ${coded} there`,
			'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlLXRleHQ',
			'00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
			...QUIET,
			...QUIET,
		]);
	}

	fields(): string {
		const count = Math.floor(this.random() * 7);
		return Array.from({ length: count }, () => `${this.pick(NAMES)}: ${this.value()}\r\n`).join('');
	}

	target(): string {
		const secret = encodeURIComponent(this.pick(SECRETS));
		return this.pick([
			...['/', '/a/b', '/a?', '/a?b', '/a?x=1&y=2', '*', '/p@th', '/a?q=x@y', '/a#b?c=d', '/caf\u00e9', '/a?\u00e9=1'],
			...[`/a?token=${secret}&y=1`, `/a;token=${secret}`, `/${secret}/x`, `/a?q=${secret}`, `/"x\\y"?z="1"`],
			...[`http://u:${secret}@host/x?sig=${secret}`, 'http://host', `/r?next=https%3A%2F%2Fh%2F%3Ftoken%3D${secret}`],
			`/a?code=${secret}#access_token=${secret}`,
		]);
	}

	request(): string {
		const method = this.pick(['GET', 'GET', 'POST', 'OPTIONS', 'DELETE']);
		const host = this.pick(['Host: shop\r\n', 'Host: shop\r\n', 'Host: user:hunter2@shop\r\n', 'Host: a/b?c\r\n', '']);
		return `${method} ${this.target()} HTTP/1.1\r\n${host}${this.fields()}`;
	}

	/** The end of a head, and a body in which a secret is marked. It is elsewhere, too. */
	body(): string {
		const secret = this.pick(SECRETS);
		const [type, text] = this.pick([
			['application/json', JSON.stringify({ password: secret })],
			['application/x-www-form-urlencoded', `a=1&token=${encodeURIComponent(secret)}`],
		] as const);
		const bytes = Buffer.from(text).toString('latin1');
		return `X-Copy: ${secret}\r\nContent-Type: ${type}\r\nContent-Length: ${bytes.length}\r\n\r\n${bytes}`;
	}

	response(): string {
		const type = this.pick(['application/json', 'multipart/form-data; boundary=x', 'application/grpc', 'text/plain']);
		const status = this.pick(['200 OK', '304 Not Modified', `404 ${this.pick(SECRETS)}`, '500 Oh']);
		const head = `HTTP/1.1 ${status}\r\n${this.fields()}`;
		return this.pick([
			`${head}Content-Type: ${type}\r\nContent-Length: 0\r\n\r\n`,
			`${head}Content-Length: 5\r\n\r\nhello`,
			`${head}Content-Type: ${type}\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08`,
			`${head}Content-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nGrpc-Status: 5\r\nGrpc-Message: no ${this.pick(SECRETS)}\r\n\r\n`,
		]);
	}
}

function adversarial(seed: number, exchanges: number): Tape {
	const adversary = new Adversary(seed);
	const tape = new Tape();
	tape.clock(1_795_348_800_000_000_000n);
	tape.factProcess(100, 'server', '/a', `node\x1fserver.js\x1f--token\x1f${SECRETS[0]}`, '/usr/bin/node');
	tape.factProcess(200, 'client', '', `curl\x1f-u\x1fme:hunter2\x1f-H\x1fX-Api-Key: ${SECRETS[0]}`);
	for (let made = 0; made < exchanges; ) {
		const conn = made + 1;
		const [local, remote] = [`127.0.0.1:${80 + (conn % 3)}`, `127.0.0.1:${4000 + conn}`];
		const one = adversary.pick(['server', 'client', 'unix'] as const);
		const tapes =
			one === 'server'
				? [tape.server(conn, { local, remote })]
				: [tape.client(conn, one === 'unix' ? {} : { local: remote, remote: local })];
		for (const each of tapes) each.open();
		for (let i = 0; i < 4; i++, made++) {
			const request = adversary.request();
			const response = adversary.response();
			for (const each of tapes) {
				const out = one === 'server' ? each.in.bind(each) : each.out.bind(each);
				const back = one === 'server' ? each.out.bind(each) : each.in.bind(each);
				out(`${request}${adversary.random() < 0.3 ? adversary.body() : '\r\n'}`);
				tape.pause(Math.floor(adversary.random() * 5));
				if (adversary.random() < 0.95) back(response);
			}
		}
		for (const each of tapes) if (adversary.random() < 0.7) each.close();
	}
	return tape;
}

test('lines of adversarial exchanges are those of exchanges redacted as a whole', () => {
	let [rows, whole] = [0, 0];
	for (let seed = 1; seed <= 12; seed++) {
		const found = compare(adversarial(seed, 120), NONE, redactor, [7, 50, 1000][seed % 3]);
		rows += found.rows;
		whole += found.whole;
	}
	// Both ways are taken.
	assert.equal(rows > 1000 && whole > rows * 0.1 && whole < rows * 0.8, true, `${whole} of ${rows} as a whole`);
});

test('the same without redaction, with some fields or none, and with bodies', () => {
	compare(adversarial(20, 120), NONE, undefined);
	for (const headers of [[], ['content-type', 'cookie', 'x-note']])
		compare(adversarial(21, 120), { ...NONE, headers }, redactor);
	for (const bodies of [{ of: 'all' }, { of: 'errors' }, { of: 'sample', every: 2 }] as const)
		compare(adversarial(22, 60), { ...NONE, bodies, bodiesText: '"x"' }, redactor, 50, 65_536);
	// Bodies that are held, but not sent, have secrets, too.
	compare(adversarial(23, 60), NONE, redactor, 50, 65_536);
});

/** A JSON API and its clients. */
function ordinary(exchanges: number): Tape {
	const random = seeded(5);
	const hex = (digits: number) => Array.from({ length: digits }, () => Math.floor(random() * 16).toString(16)).join('');
	const tape = new Tape();
	tape.clock(1_795_348_800_000_000_000n);
	const connections = Array.from({ length: 8 }, (_, i) =>
		tape.server(i + 1, { local: '10.0.0.1:80', remote: `10.0.0.${i + 2}:${40_000 + i}` }).open(),
	);
	for (let made = 0; made < exchanges; made++) {
		const connection = connections[Math.floor(random() * connections.length)]!;
		const id = Math.floor(random() * 50_000);
		connection.in(
			`GET /orders/${id}?page=${id % 5} HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer token-of-${id % 20}\r\nX-Request-Id: ${hex(32)}\r\ntraceparent: 00-${hex(32)}-${hex(16)}-01\r\n\r\n`,
		);
		tape.pause(3);
		connection.out(
			`HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${20 + (id % 9)}\r\n\r\n${'x'.repeat(20 + (id % 9))}`,
		);
	}
	return tape;
}

test('ordinary exchanges are made of kept parts', () => {
	const { rows, whole, lines } = compare(ordinary(1200), NONE, redactor, 400);
	assert.deepEqual([rows, whole], [1200, 0]);
	const text = lines.join('\n');
	assert.doesNotMatch(text, /token-of-/);
	assert.match(text, /"Bearer REDACTED-\d+-[0-9a-f]{8}"/);
});

test('more secrets than are searched for at once are redacted in other places, too', () => {
	const tape = new Tape();
	tape.clock(1_795_348_800_000_000_000n);
	const cookies = Array.from({ length: 60 }, (_, i) => `c${i}=secret-value-${i}-of-60`).join('; ');
	const server = tape.server(1, { local: '10.0.0.1:80', remote: '10.0.0.2:4000' }).open();
	server.in(`GET /secret-value-59-of-60 HTTP/1.1\r\nHost: shop\r\nCookie: ${cookies}\r\n\r\n`);
	server.out('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
	const { whole, lines } = compare(tape, NONE, redactor);
	assert.equal(whole, 1);
	assert.doesNotMatch(lines[0]!, /secret-value/);
});

test('rows continue to be counted after lines were taken, and where another thread stopped', () => {
	const { database } = stored(ordinary(10), undefined, false, [], undefined, undefined, 0);
	const lines = new ExchangeBlocks(NONE, redactor, 41);
	lines.read(database.exchanges, () => new NameBook().learn(database.exchanges));
	for (let row = 0; row < 6; row++) lines.add(row);
	const first = lines.take();
	for (let row = 6; row < 10; row++) lines.add(row);
	const second = lines.take();
	assert.deepEqual([first.first, first.rows, second.first, second.rows, lines.next], [41, 6, 47, 4, 51]);
	const seqs = `${linesOf(first)}${linesOf(second)}`.match(/"seq":\d+/g)!.map((seq) => Number(seq.slice(6)));
	assert.deepEqual(
		seqs,
		Array.from({ length: 10 }, (_, i) => 41 + i),
	);
});

test('what is quiet stays as it is', () => {
	const random = seeded(3);
	const parts = [
		...SECRETS,
		...QUIET,
		'token',
		'=',
		':',
		'&',
		'?',
		'-u ',
		' --token ',
		'like',
		'[',
		'{',
		'"',
		'eyJ',
		'@',
		'//',
	];
	for (let i = 0; i < 20_000; i++) {
		const text = Array.from({ length: Math.ceil(random() * 5) }, () => parts[Math.floor(random() * parts.length)]).join(
			'',
		);
		if (!isQuiet(text)) continue;
		for (const redact of [
			redactor.text,
			redactor.url,
			redactor.form,
			(each: string) => redactor.header('x-note', each),
		])
			assert.equal(redact(text), text);
	}
});
