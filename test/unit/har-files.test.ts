// HAR files as sources of exchanges: of browsers, of tinytap's own exports, and damaged ones.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { UserError } from '../../src/base/errors.ts';
import { processUser } from '../../src/base/invoking-user.ts';
import { recordingInfo } from '../../src/commands/recording-info.ts';
import { charsetText } from '../../src/decode/body-text.ts';
import type { ExchangeRow } from '../../support/decoded-rows.ts';
import { type ReplayedFile, replayFile } from '../../support/replayed-file.ts';
import { temporaryDirectory } from '../../support/servers.ts';
import { parseRows, runTinytap } from '../../support/tinytap.ts';

const directory = temporaryDirectory();
after(directory.remove);
let files = 0;

function replay(file: string | Buffer): ReplayedFile {
	const path = join(directory.path, `${files++}.har`);
	writeFileSync(path, file);
	return replayFile(path);
}

function har(...entries: unknown[]): string {
	return JSON.stringify({ log: { version: '1.2', creator: { name: 'test', version: '1' }, pages: [], entries } });
}

/** The value of a field of the response. */
function field(row: ExchangeRow, wanted: string): string | undefined {
	return row.resHeaders.find(({ name }) => name.toLowerCase() === wanted)?.value;
}

type Fields = Readonly<Record<string, string>>;

function entry({
	url = 'https://example.com/a?b=c#d',
	method = 'GET',
	version = 'HTTP/1.1',
	requestHeaders = {} as Fields,
	headers = {} as Fields,
	status = 200,
	content = { size: 5, mimeType: 'text/plain', text: 'hello' } as object,
	postData = undefined as object | undefined,
	more = {} as object,
}) {
	const list = (fields: Fields) => Object.entries(fields).map(([name, value]) => ({ name, value }));
	return {
		startedDateTime: '2026-11-22T12:00:00.123456Z',
		time: 100,
		request: {
			method,
			url,
			httpVersion: version,
			headers: list(requestHeaders),
			bodySize: -1,
			...(postData && { postData }),
		},
		response: { status, statusText: 'OK', httpVersion: version, headers: list(headers), content, bodySize: -1 },
		timings: { blocked: 10, dns: -1, connect: 5, ssl: 3, send: 2, wait: 40, receive: 8 },
		serverIPAddress: '192.0.2.7',
		...more,
	};
}

test('an entry of a browser is a row of the client, with the times of its phases', () => {
	const { rows, warnings, damage } = replay(har(entry({ requestHeaders: { Host: 'example.com', 'User-Agent': 'b' } })));
	const [row] = rows;
	assert.equal(rows.length, 1);
	assert.deepEqual(
		[row!.state, row!.side, row!.method, row!.path, row!.query],
		['complete', 'client', 'GET', '/a', 'b=c'],
	);
	assert.deepEqual([row!.status, row!.resBody, row!.remote, row!.host], [200, 'hello', '192.0.2.7:443', 'example.com']);
	// Sending begins after waiting for the connection (10 + 5 ms).
	assert.equal(row!.ts, Date.UTC(2026, 10, 22, 12) * 1000 + 123_456 + 15_000);
	assert.deepEqual([row!.durationMs, row!.ttfbMs, row!.sendMs], [50, 40, 2]);
	assert.deepEqual([row!.pid, row!.comm, row!.via, row!.vias], [0, null, null, null]);
	assert.deepEqual(warnings, []);
	assert.equal(damage, undefined);
});

test('bodies are coded again as their fields say, and read back', () => {
	const text = 'x'.repeat(3000);
	const content = { size: 3000, mimeType: 'text/plain', text };
	for (const coding of ['gzip', 'deflate', 'br', 'identity', 'gzip, br']) {
		const [row] = replay(har(entry({ headers: { 'Content-Encoding': coding, 'Content-Length': '12' }, content }))).rows;
		assert.equal(row!.state, 'complete', coding);
		assert.equal(field(row!, 'content-encoding'), coding);
		if (coding === 'gzip') assert.equal(gunzipSync(Buffer.from(row!.resBody!, 'latin1')).toString(), text);
	}
	// This coding cannot be made: the field would be untrue.
	const [odd] = replay(har(entry({ headers: { 'Content-Encoding': 'aes128gcm' }, content }))).rows;
	assert.equal(odd!.resBody, text);
	assert.equal(field(odd!, 'content-encoding'), undefined);
	const [chunked] = replay(har(entry({ headers: { 'Transfer-Encoding': 'chunked' }, content }))).rows;
	assert.equal(chunked!.resBody, text);
	assert.equal(field(chunked!, 'transfer-encoding'), 'chunked');
	const binary = { size: 3, mimeType: 'image/png', text: Buffer.of(0, 255, 10).toString('base64'), encoding: 'base64' };
	assert.equal(replay(har(entry({ content: binary }))).rows[0]!.resBody, '\x00\xff\n');
});

test('request bodies: text, base64, forms, and one that is not held', () => {
	const post = (postData: object, more: object = {}) =>
		replay(har({ ...entry({ method: 'POST', postData }), ...more })).rows[0]!;
	assert.equal(post({ mimeType: 'text/plain', text: 'häß' }).reqBody, Buffer.from('häß').toString('latin1'));
	assert.equal(post({ mimeType: 'x', text: 'AP8=', _encoding: 'base64' }).reqBody, '\x00\xff');
	const params = [
		{ name: 'a', value: '1 2' },
		{ name: 'b', value: '&' },
	];
	assert.equal(post({ mimeType: 'application/x-www-form-urlencoded', params }).reqBody, 'a=1+2&b=%26');
	const unheld = entry({ method: 'POST' });
	const { rows } = replay(har({ ...unheld, request: { ...unheld.request, bodySize: 77 } }));
	assert.deepEqual([rows[0]!.reqBodyBytes, rows[0]!.reqCaptured, rows[0]!.state], [77, 0, 'complete']);
});

test('bodies that the file does not hold have their size, and are counted', () => {
	const { rows, warnings } = replay(
		har(entry({ content: { size: 4321, mimeType: 'text/html' } }), entry({ content: { size: 9, text: '' } })),
	);
	assert.deepEqual(
		rows.map(({ state, resBodyBytes, resCaptured }) => [state, resBodyBytes, resCaptured]),
		[
			['complete', 4321, 0],
			['complete', 9, 0],
		],
	);
	assert.deepEqual(warnings, ['FILE: it does not hold 4330 bytes of bodies']);
});

test('answers without a body, no answer, and other versions of HTTP', () => {
	const headers = { 'Content-Length': '500' };
	const { rows } = replay(
		har(
			entry({ method: 'HEAD', headers }),
			entry({ status: 304, headers }),
			entry({ status: 204 }),
			entry({ status: 0, content: {} }),
			entry({ version: 'h2', requestHeaders: { ':authority': 'h2.example', ':path': '/a' } }),
			entry({ version: 'HTTP/3' }),
			entry({ version: 'http/1.0' }),
		),
	);
	assert.deepEqual(
		rows.map(({ state, status, resBodyBytes, version }) => [state, status, resBodyBytes, version.toString(16)]),
		[
			['complete', 200, 0, '101'],
			['complete', 304, 0, '101'],
			['complete', 204, 0, '101'],
			['unanswered', 0, null, '0'],
			['complete', 200, 5, '200'],
			['complete', 200, 5, '300'],
			['complete', 200, 5, '100'],
		],
	);
	assert.equal(rows[4]!.host, 'h2.example');
	assert.equal(rows[4]!.reqHeaders.filter(({ name }) => name.startsWith(':')).length, 0);
});

test('what an entry does not tell is NULL, and what cannot be NULL is told', () => {
	const whole = entry({});
	const times = (more: object) => {
		const { rows, warnings } = replay(har({ ...whole, ...more }));
		const { ts, durationMs, ttfbMs, sendMs, state } = rows[0]!;
		return { ts, times: [durationMs, ttfbMs, sendMs], state, warnings };
	};
	const start = Date.UTC(2026, 10, 22, 12) * 1000 + 123_456;
	// Charles and Fiddler give -1 for phases that there were not; some exporters give no phases at all.
	assert.deepEqual(times({ timings: { send: -1, wait: 40, receive: 8 } }).times, [48, 40, 0]);
	const total = times({ timings: { send: 1, wait: -1, receive: -1 }, time: 77 });
	assert.deepEqual([total.ts, total.times], [start, [77, null, 1]]);
	const none = times({ timings: undefined, time: undefined });
	assert.deepEqual([none.ts, none.times, none.state], [start, [null, null, null], 'complete']);
	assert.deepEqual(times({ timings: undefined, time: 50 }).times, [50, null, null]);
	const unknown = times({ startedDateTime: 'yesterday' });
	assert.deepEqual([unknown.ts, unknown.times], [Number.NaN, [null, null, null]]);
	assert.deepEqual(unknown.warnings, ['FILE: 1 entry without a time: ts and durations are NULL']);

	const message = (request: object, response: object) => {
		const { rows, warnings } = replay(
			har({ ...whole, request: { ...whole.request, ...request }, response: { ...whole.response, ...response } }),
		);
		return { row: rows[0]!, warnings };
	};
	// One of the messages tells the version for both.
	assert.equal(message({ httpVersion: 'unknown' }, { httpVersion: 'http/2.0' }).row.version, 0x200);
	assert.deepEqual(message({ httpVersion: '' }, { httpVersion: 'unknown' }).warnings, [
		'FILE: 1 entry without a version of HTTP: shown as HTTP/1.1',
	]);
	// A body that is not there has the size that any member gives.
	const length = (bytes: string) => [{ name: 'Content-Length', value: bytes }];
	const unheld = message({ headers: length('30'), bodySize: -1 }, { headers: length('500'), content: { size: -1 } });
	assert.deepEqual([unheld.row.reqBodyBytes, unheld.row.resBodyBytes, unheld.row.resCaptured], [30, 500, 0]);
	assert.deepEqual(unheld.warnings, ['FILE: it does not hold 530 bytes of bodies']);
	assert.deepEqual(message({}, { content: {} }).warnings, ['FILE: 1 entry without a body or its size: shown as empty']);
	assert.deepEqual(message({ method: 'HEAD' }, { content: {} }).warnings, []);
	const { rows, warnings } = replay(har({ ...whole, response: undefined }));
	assert.deepEqual(
		[rows[0]!.state, rows[0]!.status, warnings],
		['unanswered', 0, ['FILE: 1 entry without a response: shown as unanswered']],
	);
	const noAddress = replay(har({ ...whole, serverIPAddress: '' })).rows[0]!;
	assert.deepEqual([noAddress.remote, noAddress.local], [null, null]);
});

test('entries of mitmproxy, Chrome and Firefox: errors, WebSockets, joined fields, any order of time', () => {
	const { rows, warnings } = replay(
		har(
			// mitmproxy, without a response.
			entry({
				status: 0,
				version: '',
				content: {},
				more: { _error: 'timed out', startedDateTime: '2026-11-22T12:00:00+00:00' },
			}),
			entry({
				status: 101,
				headers: { Upgrade: 'websocket', Connection: 'Upgrade' },
				requestHeaders: { Upgrade: 'websocket', Connection: 'Upgrade' },
				more: { _webSocketMessages: [{ type: 'send', data: 'x' }, {}] },
			}),
			entry({ headers: { 'Set-Cookie': 'a=1\nb=2' } }),
			entry({ more: { startedDateTime: '2016-11-22T13:00:00.5+01:00' } }),
		),
	);
	assert.deepEqual(
		rows.map(({ state, status }) => [state, status]),
		[
			['unanswered', 0],
			['upgraded', 101],
			['complete', 200],
			['complete', 200],
		],
	);
	assert.deepEqual(
		rows[2]!.resHeaders.filter(({ name }) => name === 'Set-Cookie').map(({ value }) => value),
		['a=1', 'b=2'],
	);
	// Ten years before the first one.
	assert.equal(rows[3]!.ts, (Date.UTC(2016, 10, 22, 12) + 515) * 1000);
	assert.deepEqual(
		warnings,
		[
			'FILE: not read: 2 messages of WebSockets',
			'FILE: 1 entry without a version of HTTP: shown as HTTP/1.1',
		].toReversed(),
	);
});

test('texts get the bytes of the charset that their reader will assume', () => {
	const body = (text: string, type: string, field = true) => {
		const content = { size: 1, mimeType: type, text };
		const [row] = replay(har(entry({ content, headers: field ? { 'Content-Type': type } : {} }))).rows;
		return Buffer.from(row!.resBody!, 'latin1');
	};
	const read = (text: string, type: string) => assert.equal(charsetText(body(text, type), type), text, type);
	for (const type of ['text/plain', 'text/plain; charset=utf-8', 'text/plain; charset=nonsense', 'text/html'])
		read('Grüße €', type);
	for (const charset of ['iso-8859-1', 'windows-1252', 'utf-16le', 'utf-16be', 'koi8-r'])
		read(charset === 'koi8-r' ? 'привет' : 'Grüße', `text/plain; charset=${charset}`);
	for (const charset of ['shift_jis', 'gbk', 'euc-jp', 'big5']) read('日本', `text/html; charset=${charset}`);
	read('<meta charset=iso-8859-1>Grüße', 'text/html');
	assert.deepEqual(body('é', 'text/plain; charset=iso-8859-1'), Buffer.of(0xe9));
	// The type of the content counts if there is no field.
	assert.deepEqual(body('é', 'text/plain; charset=iso-8859-1', false), Buffer.of(0xe9));
	// The page cannot have been sent in this charset: a mark says what it is now.
	read('日本', 'text/plain; charset=iso-8859-1');
	read('日本', 'text/plain; charset=iso-2022-jp');
});

test('info tells what is in a HAR file', () => {
	const path = join(directory.path, 'info.har');
	writeFileSync(path, har(entry({ more: { startedDateTime: '' } }), entry({ content: { size: 7 } })));
	const { format, entries, packets, link_layers, written_by, exchanges, notes, start } = recordingInfo(
		path,
		processUser(),
	);
	assert.deepEqual(
		{ format, entries, packets, link_layers, written_by, exchanges, notes, start },
		{
			...{ format: 'har', entries: 2, packets: null, link_layers: null, written_by: 'test 1' },
			...{
				exchanges: { server: 0, client: 2, unknown: 0 },
				notes: ['it does not hold 7 bytes of bodies', '1 entry without a time: ts and durations are NULL'],
			},
			start: '2026-11-22T12:00:00.000000Z',
		},
	);
});

test('hostile values stay data: no value ends a line, a field or a message', () => {
	const evil = 'x\r\nInjected: 1\r\n\r\nGET /second HTTP/1.1\r\n\r\n';
	const { rows } = replay(
		har(
			entry({
				method: 'GET /x HTTP/1.1\r\nA: b\r\n\r\n',
				url: `https://example.com/a b${evil}`,
				requestHeaders: { Bad: evil, [`Na me:${evil}`]: 'v', __proto__: 'p', constructor: 'c' },
				headers: { Bad: evil },
				more: { _side: 'server', _comm: 'a name that is much longer than 15 bytes', _pid: -3, _via: '__proto__+max' },
			}),
			entry({ url: 'nonsense' }),
		),
	);
	assert.equal(rows.length, 2);
	const names = rows.flatMap(({ reqHeaders, resHeaders }) => [...reqHeaders, ...resHeaders].map(({ name }) => name));
	assert.equal(names.includes('Injected'), false);
	assert.deepEqual([rows[0]!.state, rows[0]!.side], ['complete', 'server']);
	assert.equal(rows[1]!.state, 'complete');
});

test('members of any type and missing ones are no problem', () => {
	const whole = entry({});
	const odd = [null, '9999-12-31T00:00:00Z', '1900-01-01T00:00:00Z', 0, 'text', [], {}, true, -1, 1e300, { length: 3 }];
	let entries = 0;
	for (const path of [
		'request',
		'response',
		'timings',
		'startedDateTime',
		'serverIPAddress',
		'_via',
		'_local',
		'_pid',
	]) {
		for (const value of odd) {
			const { rows, damage } = replay(har({ ...whole, [path]: value }));
			assert.equal(rows.length <= 1, true, `${path}: ${JSON.stringify(value)}`);
			assert.equal(damage, undefined);
			entries++;
		}
	}
	for (const phase of ['blocked', 'send', 'wait', 'receive']) {
		const { rows } = replay(har({ ...whole, timings: { ...whole.timings, [phase]: 1e300 } }));
		assert.equal(rows[0]!.state, 'complete', phase);
	}
	for (const member of ['headers', 'content', 'httpVersion', 'status', 'bodySize', 'url', 'method', 'postData']) {
		for (const value of odd) {
			const changed = {
				...whole,
				request: { ...whole.request, [member]: value },
				response: { ...whole.response, [member]: value },
			};
			assert.equal(replay(har(changed)).rows.length, 1, `${member}: ${JSON.stringify(value)}`);
			entries++;
		}
	}
	assert.equal(entries, 16 * odd.length);
	assert.deepEqual(replay(har({ response: {} }, 7 as unknown)).damage, 'damaged: an entry is not an object');
	assert.deepEqual(replay(har({ response: {} })).warnings, ['FILE: not read: 1 entry without a request']);
});

test('the entries are found in any layout; what is no HAR file is refused', () => {
	const one = JSON.stringify(entry({}));
	for (const text of [
		`\ufeff \n{"log":{"entries":[${one}]}}`,
		`{"a":{"entries":[1]},"entries":[2],"log":{"x":[{"entries":[3]}],"creator":{"entries":[4]}, "entries" : [ ${one} ] }}`,
		`{"\\"log":{"entries":[]},"log":\n{"comment":"\\"entries\\":[","entries":\n[\n${one}\n]}}`,
	])
		assert.equal(replay(text).rows.length, 1, text.slice(0, 40));
	for (const text of [
		'{}',
		'{"log":{}}',
		'{"log":[]}',
		'{"log":{"entries":{}}}',
		'{"entries":[{}]}',
		'{',
		'{"log":{"entr',
	])
		assert.throws(
			() => replay(text),
			(error) =>
				error instanceof UserError && error.code === 'ERR_NOT_A_RECORDING' && /log\.entries/.test(error.message),
			text,
		);
	assert.equal(replay('{"log":{"entries":[]}}').rows.length, 0);
});

test('a file cut anywhere gives the entries before, and says so', () => {
	const text = har(entry({}), entry({ url: 'http://b/' }), entry({ url: 'http://c/' }));
	const start = text.indexOf('[{') + 1;
	for (let length = start; length < text.length - 2; length += 41) {
		const { rows, damage } = replay(text.slice(0, length));
		assert.equal(rows.length <= 3, true);
		if (rows.length < 3)
			assert.match(damage!, /^truncated: the file ends (?:inside an entry|before the end of its entries)$/);
	}
	assert.match(replay(text.replace('"GET"', 'GET')).damage!, /^damaged: an entry is not valid JSON$/);
});

test('what tinytap exports as HAR is read back as it was', async () => {
	const demo = join(import.meta.dirname, '../../recordings/demo.tinytap');
	const exported = await runTinytap([
		'query',
		'SELECT * FROM exchanges',
		'--replay',
		demo,
		'--format',
		'har',
		'--no-redact',
	]);
	assert.equal(exported.code, 0);
	const path = join(directory.path, 'demo.har');
	writeFileSync(path, exported.stdout);
	const sql = `SELECT ts, state, side, pid, comm, local, remote, method, url, status, status_text, http_version, req_http_version,
		round(duration_ms, 2) AS duration, round(ttfb_ms, 2) AS ttfb, req_headers, res_headers, req_body_bytes, res_body_bytes,
		res_captured_bytes, req_body, res_body, res_body_note, vias, content_type, anomalies
		FROM exchanges ORDER BY ts, side, url`;
	const rows = async (file: string) => {
		const { code, stdout, stderr } = await runTinytap([
			'query',
			sql,
			'--replay',
			file,
			'--format',
			'ndjson',
			'--quiet',
		]);
		assert.equal(code, 0, stderr);
		return parseRows(stdout);
	};
	const before = await rows(demo);
	const after_ = await rows(path);
	assert.equal(before.length > 20, true, String(before.length));
	assert.deepEqual(after_, before);
});
