// Parts of larger views, by themselves: calls, conversations, times, checks, formats of files, and bodies in each form.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { UserError } from '../../src/base/errors.ts';
import type { Check } from '../../src/capture/check.ts';
import { type Body, bodyLines } from '../../src/output/body-lines.ts';
import { callLines } from '../../src/output/call-lines.ts';
import { checksText } from '../../src/output/checks-text.ts';
import { connectionFacts, conversationPart } from '../../src/output/conversation.ts';
import { csvHeader, csvRecord } from '../../src/output/csv.ts';
import { exchangeDiff } from '../../src/output/exchange-diff.ts';
import { exportFormat } from '../../src/output/export-format.ts';
import { createTheme, plainTheme } from '../../src/output/theme.ts';
import { timingBar } from '../../src/output/timing-bar.ts';
import type { Call } from '../../src/store/exchange-calls.ts';

const call = (more: Partial<Call> = {}): Call => ({
	...{ afterUs: 730, tid: 1, direction: 'out', syscall: 'writev', bytes: 154, capturedBytes: 154, flags: null },
	...more,
});

test('calls have their time, direction, name and bytes in columns; many are left out in the middle', () => {
	const lines = (calls: readonly Call[], areAll = true) => callLines({ calls, areAll });
	assert.deepEqual(lines([]), ['no longer held']);
	assert.deepEqual(lines([call()]), ['+0.730 ms  out  writev  154 bytes']);
	assert.deepEqual(
		lines([
			call({ afterUs: 0, direction: 'in', syscall: 'read', bytes: 1, capturedBytes: 1 }),
			call({ afterUs: 1_234_567, syscall: 'sendfile', capturedBytes: 0, flags: 'zero_copy,part' }),
			call({ bytes: 300, capturedBytes: 154 }),
			call({ syscall: 'recv', bytes: -11, capturedBytes: 0 }),
			call({ direction: null, syscall: 'close', bytes: 0, capturedBytes: 0 }),
		]),
		[
			'   +0.000 ms  in   read      1 byte',
			'+1234.567 ms  out  sendfile  154 bytes (0 captured, zero_copy, part)',
			'   +0.730 ms  out  writev    300 bytes (154 captured)',
			'   +0.730 ms  out  recv      -11 bytes',
			'   +0.730 ms       close',
		],
	);
	assert.deepEqual(lines([call()], false), ['… earlier calls are no longer held', '+0.730 ms  out  writev  154 bytes']);
	const many = (count: number) =>
		lines(Array.from({ length: count }, (_, i) => call({ afterUs: i * 1000, bytes: i === 13 ? -5 : i })));
	assert.equal(many(17).length, 17);
	assert.ok(!many(17).some((line) => line.startsWith('…')));
	const shown = many(19);
	assert.equal(shown.length, 17);
	assert.equal(shown[12], '… 3 more calls, 26 bytes');
	assert.match(shown[11]!, /^\+11\.000 ms/);
	assert.match(shown[13]!, /^\+15\.000 ms/);
});

test('checks have their names in a column, and below them what they affect and how to fix it', () => {
	const checks: Check[] = [
		{ name: 'kernel', status: 'ok', detail: 'Linux 6.1' },
		{ name: 'rights', status: 'failed', detail: 'no\x1b', affects: 'everything', fix: 'use sudo' },
		{ name: 'btf', status: 'warning', detail: 'none', affects: 'sockets' },
	] as unknown as Check[];
	assert.equal(
		checksText(checks, plainTheme),
		[
			'ok       kernel  Linux 6.1',
			'failed   rights  no\\x1b',
			'         affects: everything',
			'         fix: use sudo',
			'warning  btf     none',
			'         affects: sockets',
			'',
			'Live capture is not possible; recordings can be read: tinytap --replay FILE',
			'',
		].join('\n'),
	);
	assert.ok(checksText([checks[0]!, checks[2]!], plainTheme).endsWith('\n\nLive capture is possible.\n'));
	const colored = checksText(checks, createTheme(true));
	for (const text of ['\x1b[32mok     \x1b', '\x1b[31mfailed \x1b', '\x1b[33mwarning\x1b', '\x1b[36mfix:\x1b'])
		assert.ok(colored.includes(text));
});

test('the facts about a connection are those that are known', () => {
	const columns = {
		...{
			id: 7,
			comm: 'nginx',
			pid: 12,
			protocol: 'http1',
			side: 'client',
			local: '10.0.0.1:4000',
			remote: 'unix:\x1b',
		},
		...{ opened: '2026-11-22T12:00:00.000000Z', closed: '2026-11-22T12:00:01.000000Z', bytes_in: 5, bytes_out: 6n },
		syscalls: 'read,write',
	};
	assert.equal(
		connectionFacts(columns),
		[
			'connection 7  nginx, pid 12, http1',
			'addresses     10.0.0.1:4000 → unix:\\x1b',
			'opened        2026-11-22T12:00:00.000000Z, closed 2026-11-22T12:00:01.000000Z',
			'bytes         5 in, 6 out',
			'calls         read, write',
			'',
		].join('\n'),
	);
	assert.equal(connectionFacts({ id: 8 }), 'connection 8  no longer held\n');
	assert.ok(connectionFacts({ ...columns, side: 'server', closed: null }).includes('4000 ← unix'));
	assert.ok(connectionFacts({ ...columns, closed: null }).includes('opened        2026-11-22T12:00:00.000000Z\n'));
	assert.ok(connectionFacts({ id: 9, remote: '10.0.0.2:80' }).includes('addresses     null ← 10.0.0.2:80\n'));
	assert.ok(connectionFacts({ id: 9, local: '10.0.0.2:80' }).includes('addresses     10.0.0.2:80 ← null\n'));
});

test('a part of a conversation has its messages marked, and says when it began and why it is not complete', () => {
	const exchange = {
		columns: {
			...{
				id: 3,
				ts: '2026-11-22T12:00:00.500400Z',
				state: 'complete',
				method: 'GET',
				path: '/a',
				req_http_version: '1.1',
			},
			...{
				http_version: '1.1',
				status: 200,
				status_text: 'OK',
				res_body_raw: Buffer.from('one\n\ntwo\n'),
				res_body_bytes: 9,
			},
		},
		requestHeaders: [{ name: 'Host', value: 'h', trailer: false }],
		responseHeaders: [{ name: 'X', value: '', trailer: false }],
	};
	const begin = Date.parse('2026-11-22T12:00:00.000Z');
	assert.equal(
		conversationPart(exchange, begin),
		'exchange 3, after 500 ms\n> GET /a HTTP/1.1\n> Host: h\n< HTTP/1.1 200 OK\n< X:\n<\n< one\n<\n< two\n',
	);
	const title = (more: object) =>
		conversationPart({ ...exchange, columns: { ...exchange.columns, ...more } }, begin).split('\n', 1)[0];
	assert.equal(title({ ts: null }), 'exchange 3');
	assert.equal(title({ state: 'open' }), 'exchange 3, after 500 ms, open');
	assert.equal(title({ state: 'incomplete', reason: null }), 'exchange 3, after 500 ms, incomplete');
	assert.equal(title({ state: 'incomplete', reason: 'a\x1b' }), 'exchange 3, after 500 ms, incomplete (a\\x1b)');
});

test('the bar of times has thirty cells in proportion, and at least one for each time', () => {
	const bar = (send: number | null, firstByte: number | null, whole: number | null) =>
		timingBar({ send, firstByte, whole });
	assert.equal(bar(null, 1, 2), null);
	assert.equal(bar(1, null, 2), null);
	assert.equal(bar(1, 1, null), null);
	assert.equal(bar(10, 10, 30), `${'▓'.repeat(10)}${'░'.repeat(10)}${'█'.repeat(10)}  send 10, wait 10, receive 10 ms`);
	assert.equal(bar(0, 0, 0), '  send 0, wait 0, receive 0 ms');
	assert.equal(bar(0.0001, 100, 100.5), `▓${'░'.repeat(28)}█  send 0, wait 100, receive 0.5 ms`);
	assert.equal(bar(5, 0, 5.1234), `${'▓'.repeat(29)}█  send 5, wait 0, receive 0.123 ms`);
	const narrow = (columns: number) => timingBar({ send: 0, firstByte: 9, whole: 10 }, columns);
	assert.equal(narrow(40), `${'░'.repeat(9)}█  send 0, wait 9, receive 1 ms`);
	assert.equal(narrow(10), `${'░'.repeat(5)}█  send 0, wait 9, receive 1 ms`);
	assert.equal(bar(2, 5, 4), `${'▓'.repeat(15)}${'░'.repeat(15)}  send 2, wait 2, receive 0 ms`);
});

test('bodies are shown in the form asked for', () => {
	const lines = (more: Partial<Body>, form?: NonNullable<Parameters<typeof bodyLines>[1]['form']>, raw = false) => {
		const body: Body = { raw: null, total: 0, note: null, contentType: null, contentEncoding: null, ...more };
		return bodyLines(body, { theme: plainTheme, raw, ...(form === undefined ? {} : { form }) });
	};
	const coded = { raw: gzipSync('hi\n\x1b'), contentEncoding: 'gzip', contentType: 'text/plain' };
	assert.equal(lines(coded), 'hi\n\\x1b\n');
	assert.match(lines(coded, 'raw'), /^\\x1f\\x8b\\x08/);
	assert.match(lines(coded, 'raw hex'), /^00000000 {2}1f 8b 08/);
	assert.match(lines(coded, 'hex'), /^00000000 {2}68 69 0a 1b /);
	assert.equal(lines({ raw: Buffer.from('a\n\x1b'), note: 'cut' }, 'raw'), 'a\n\\x1b\ncut\n');
	assert.equal(lines({ raw: Buffer.from('a\n\x1b\n') }, 'raw', true), 'a\n\x1b\n');
	const zeros = { raw: new Uint8Array(5000), contentType: null };
	assert.equal(lines(zeros).split('\n').length, 258);
	assert.equal(lines(zeros, 'hex').split('\n').length, 314);
	const part = (head: string, content: string) => `--b\r\n${head}\r\n${content}\r\n`;
	const multipart = `${part('Content-Type: application/json\r\nX\r\n', '{"a":1}')}${part('', '')}${part('content-TYPE:text/plain\r\n', 'text')}--b--\r\n`;
	const type = 'multipart/mixed; boundary=b';
	assert.equal(
		lines({ raw: Buffer.from(multipart), contentType: type }),
		[
			...['part 1 of 3', 'Content-Type: application/json', 'X', '', '{', '  "a": 1', '}', ''],
			...['part 2 of 3', '', 'part 3 of 3', 'content-TYPE:text/plain', '', 'text', ''],
		].join('\n'),
	);
	const cut = lines({
		raw: Buffer.from(multipart.slice(0, multipart.indexOf('text\r') + 2)),
		contentType: type,
		note: 'first bytes',
	});
	assert.ok(cut.endsWith('\nthe rest is not held\nfirst bytes\n'), cut);
	const nested = (depth: number): string =>
		depth === 0
			? 'inside'
			: `--b${depth}\r\nContent-Type: multipart/x; boundary=b${depth - 1}\r\n\r\n${nested(depth - 1)}\r\n--b${depth}--`;
	const shown = lines({ raw: Buffer.from(nested(5)), contentType: 'multipart/x; boundary=b5' });
	assert.equal(shown.match(/^part 1 of 1$/gm)!.length, 3);
	assert.match(shown, /^--b2$/m);
	const long = lines({ raw: new Uint8Array(1024 * 1024 + 1) }, 'hex');
	assert.ok(long.endsWith('\n… and 1 more byte\n'), long.slice(-100));
	// Without parts it is a text.
	assert.equal(lines({ raw: Buffer.from('nothing'), contentType: type }), 'nothing\n');
});

test('CSV marks what a spreadsheet would take for a formula, except intervals', () => {
	const types = [
		{ name: 'a', type: 'text' as const },
		{ name: 'b', type: 'interval' as const },
	];
	assert.equal(csvRecord(['-1 day', '-1 day'], false, types), `"'-1 day","-1 day"\n`);
	assert.equal(csvRecord(['=1', null, 2.5, 3n, Buffer.from('hi')], true, [], ';'), '"=1";;2.5;3;"aGk="\n');
	for (const text of ['=', '+1', '@x', ' "=1', '\t', '\r', '\n', '\uff1d'])
		assert.ok(csvRecord([text], false).startsWith(`"'`), JSON.stringify(text));
	for (const text of ['a=1', '1-2', '', ' a'])
		assert.ok(!csvRecord([text], false).startsWith(`"'`), JSON.stringify(text));
	assert.equal(
		csvHeader(
			[
				{ name: 'a_1', type: null },
				{ name: '1a', type: null },
				{ name: '=b"', type: null },
			],
			false,
		),
		`a_1,"1a","'=b"""\n`,
	);
	assert.equal(
		csvHeader(
			[
				{ name: 'a', type: null },
				{ name: '=b', type: null },
			],
			true,
			'\t',
		),
		'a\t"=b"\n',
	);
});

test('a difference of exchanges counts the equal lines that it leaves out', () => {
	const exchange = (id: number, lines: readonly (string | number)[]) => ({
		columns: {
			...{ id, method: 'GET', path: '/', status: 200, status_text: 'OK', http_version: '1.1', req_http_version: '1.1' },
			...{ res_body_raw: Buffer.from(lines.join('\n')), res_body_bytes: 1 },
		},
		requestHeaders: [],
		responseHeaders: [],
	});
	const diff = (before: readonly (string | number)[], after: readonly (string | number)[]) =>
		exchangeDiff(exchange(1, before), exchange(2, after)).split('\n').slice(0, -1);
	const numbers = [1, 2, 3, 4, 5, 6, 7, 8];
	assert.deepEqual(diff(numbers, numbers), [
		...['- exchange 1', '+ exchange 2', 'request: no difference', 'response: no difference'],
	]);
	assert.deepEqual(diff([...numbers, 'a', ...numbers], [...numbers, 'b', ...numbers]), [
		...[
			'- exchange 1',
			'+ exchange 2',
			'request: no difference',
			'response:',
			'  … 7 equal lines',
			'  6',
			'  7',
			'  8',
		],
		...['- a', '+ b', '  1', '  2', '  3', '  … 5 equal lines'],
	]);
	assert.deepEqual(diff(['a', 1, 2, 3, 4], ['b', 1, 2, 3, 4]).slice(4), [
		...['  HTTP/1.1 200 OK', '', '- a', '+ b', '  1', '  2', '  3', '  … 1 equal line'],
	]);
});

test('the extension of the file chooses the format, unless --format does', () => {
	const formats = ['a.har', 'a.sh', 'b.curl', 'c.csv', 'd.json', 'e.ndjson', 'f.JSONL', 'g.md', 'h.txt', 'i.html'];
	assert.deepEqual(
		formats.map((path) => exportFormat('.export', path, undefined)),
		['har', 'curl', 'curl', 'csv', 'json', 'ndjson', 'ndjson', 'markdown', 'table', 'html'],
	);
	assert.equal(exportFormat('.export', 'x.csv', 'HAR'), 'har');
	const refused = (path: string, name?: string) => {
		try {
			return exportFormat('.export', path, name);
		} catch (error) {
			assert.ok(error instanceof UserError);
			return `${error.code}: ${error.message}`;
		}
	};
	assert.match(refused('x.dat'), /^ERR_USAGE: \.export: expected a file that ends in \.har, .*, got "x\.dat"$/);
	assert.match(refused('x'), /expected a file that ends in/);
	assert.match(refused('x.har', 'xml'), /^ERR_USAGE: \.export --format: expected one of har, curl, .*, got "xml"$/);
});
