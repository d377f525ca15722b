// The detail view of an exchange, and JSON texts.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { detailView } from '../../src/output/detail-view.ts';
import type { ExchangeDetail } from '../../src/output/exchange-parts.ts';
import { hexDump } from '../../src/output/hex-dump.ts';
import { reformatJson } from '../../src/output/json-text.ts';
import type { SqlValue } from '../../src/store/table.ts';

type Parts = {
	readonly columns?: Readonly<Record<string, SqlValue>>;
	readonly request?: readonly (readonly [name: string, value: string, trailer?: boolean])[];
	readonly response?: readonly (readonly [name: string, value: string, trailer?: boolean])[];
};

const usual: Readonly<Record<string, SqlValue>> = {
	id: 7,
	ts: '2026-11-22T12:56:01.123456Z',
	state: 'complete',
	reason: null,
	side: 'server',
	pair_id: 6,
	pid: 812,
	tid: 813,
	comm: 'shop',
	thread_comm: 'worker-1',
	cmdline: 'shop --port 80',
	cgroup: '/system.slice/shop.service',
	conn: 3,
	local: '127.0.0.1:80',
	remote: '127.0.0.1:41234',
	method: 'GET',
	path: '/items',
	query_string: 'page=2',
	http_version: '1.1',
	req_http_version: '1.1',
	status: 200,
	status_text: 'OK',
	duration_ms: 12.25,
	ttfb_ms: 3,
	req_body_bytes: 0,
	res_body_bytes: 0,
	via: 'sendfile',
	vias: 'write+sendfile',
	req_via: 'read',
	lost_bytes: 0,
	anomalies: null,
};

const facts = [
	'exchange 7  complete, server, 2026-11-22T12:56:01.123456Z',
	'process     shop, pid 812, thread 813 worker-1',
	'command     shop --port 80',
	'cgroup      /system.slice/shop.service',
	'connection  3: 127.0.0.1:80 ← 127.0.0.1:41234',
	'pair        exchange 6, seen from the other side',
	'time        12.25 ms, first byte after 3 ms',
	'via         request read, response write+sendfile',
	'',
].join('\n');

function exchange({ columns, request = [], response = [] }: Parts): ExchangeDetail {
	const lines = (list: typeof request) => list.map(([name, value, trailer = false]) => ({ name, value, trailer }));
	return { columns: { ...usual, ...columns }, requestHeaders: lines(request), responseHeaders: lines(response) };
}

/** What the view shows below the response's head. */
function responseBody(
	contentType: string | null,
	raw: Uint8Array | string | null,
	more: Parts['columns'] = {},
): string {
	const bytes = typeof raw === 'string' ? Buffer.from(raw) : raw;
	const view = detailView(
		exchange({
			columns: { res_body_raw: bytes, res_body_bytes: bytes?.length ?? 0, ...more },
			response: [['X', 'y'], ...(contentType === null ? [] : ([['Content-Type', contentType]] as const))],
		}),
	);
	const head = `\nHTTP/1.1 200 OK\nX: y\n${contentType === null ? '' : `Content-Type: ${contentType}\n`}`;
	const at = view.indexOf(head);
	assert.ok(at > 0, view);
	return view.slice(at + head.length);
}

describe('the detail view', () => {
	it('prints facts, request and response as they were sent', () => {
		const view = detailView(
			exchange({
				columns: {
					method: 'POST',
					interim: '100,103',
					req_body_raw: Buffer.from('a=b'),
					req_body_bytes: 3,
					res_body_raw: Buffer.from('{"id":12345678901234567890,"tags":[],"price":1.50}'),
					res_body_bytes: 50,
				},
				request: [
					['Host', 'shop.example'],
					['X-Odd-Case', 'one'],
					['x-odd-case', 'two'],
					['Content-Type', 'application/x-www-form-urlencoded'],
				],
				response: [
					['Content-Type', 'application/json'],
					['Checksum', 'abc', true],
				],
			}),
		);
		assert.equal(
			view,
			`${facts}
POST /items?page=2 HTTP/1.1
Host: shop.example
X-Odd-Case: one
x-odd-case: two
Content-Type: application/x-www-form-urlencoded

a=b

interim responses: 100, 103
HTTP/1.1 200 OK
Content-Type: application/json

{
  "id": 12345678901234567890,
  "tags": [],
  "price": 1.50
}

trailers
Checksum: abc
`,
		);
	});

	it('shows what is missing, odd and lost', () => {
		const gone = { method: null, path: null, query_string: null, state: 'incomplete', reason: 'request not seen' };
		const view = detailView(exchange({ columns: { ...gone, lost_bytes: 120, anomalies: 'bare-lf,obs-fold' } }));
		assert.ok(view.startsWith('exchange 7  incomplete (request not seen), server, '));
		assert.ok(
			view.includes('\nanomalies   bare-lf,obs-fold\nlost        120 bytes\n\nrequest not seen\n\nHTTP/1.1 200 OK\n'),
		);
		const waiting = detailView(exchange({ columns: { status: null, status_text: null, state: 'open' } }));
		assert.ok(waiting.endsWith('\nGET /items?page=2 HTTP/1.1\n\nno response yet\n'), waiting);
		const never = detailView(
			exchange({ columns: { status: null, status_text: null, state: 'unanswered', reason: 'peer closed' } }),
		);
		assert.ok(never.endsWith('\n\nno response\n'));
	});

	it('shows an unreadable first line as sent, and a body without a first line', () => {
		const odd = { status: null, res_body_bytes: 4, res_body_raw: Buffer.from('text') };
		const line = detailView(exchange({ columns: { ...odd, status_text: 'HTTP/1.1 2000 OK' }, response: [['X', 'y']] }));
		assert.ok(line.endsWith('\n\nHTTP/1.1 2000 OK\nX: y\n\ntext\n'), line);
		const text = detailView(exchange({ columns: { ...odd, status_text: null } }));
		assert.ok(text.endsWith('\n\ntext\n') && !text.includes('no response'), text);
		const request = {
			method: null,
			path: null,
			query_string: null,
			req_body_bytes: 2,
			req_body_raw: Buffer.from('hi'),
		};
		const junk = detailView(exchange({ columns: request }));
		assert.ok(junk.includes('\n\nhi\n\nHTTP/1.1 200 OK\n'), junk);
	});

	it('works without facts that could not be found', () => {
		const nothing = Object.fromEntries(Object.keys(usual).map((name) => [name, null]));
		const view = detailView({ columns: { ...nothing, id: 1, state: 'open' }, requestHeaders: [], responseHeaders: [] });
		assert.equal(view, 'exchange 1  open\nconnection  : ? ← ?\n\nrequest not seen\n\nno response yet\n');
	});

	it('names what is known of the process, the connection and the carriers, and nothing else', () => {
		const fact = (name: string, columns: Parts['columns']) =>
			new RegExp(`^${name} +(.*)$`, 'm').exec(detailView(exchange({ columns })))?.[1];
		assert.equal(fact('name', {}), undefined);
		assert.equal(fact('name', { remote_name: 'db.example' }), 'db.example');
		assert.equal(fact('executable', { exe: '/usr/bin/shop' }), '/usr/bin/shop');
		assert.equal(fact('connection', { side: 'client' }), '3: 127.0.0.1:80 → 127.0.0.1:41234');
		assert.equal(fact('command', { cmdline: Buffer.from('a\xff', 'latin1') }), 'a\\xff');
		assert.equal(fact('command', { cmdline: null }), undefined);
		assert.equal(fact('process', { thread_comm: 'shop' }), 'shop, pid 812, thread 813');
		assert.equal(fact('process', { pid: 2n ** 60n }), `shop, pid ${2n ** 60n}, thread 813 worker-1`);
		assert.equal(fact('via', { vias: null, req_via: null }), 'response sendfile');
		assert.equal(fact('via', { via: null, req_via: null }), 'response write+sendfile');
		assert.equal(fact('via', { via: null, vias: null }), 'request read');
		assert.equal(fact('via', { via: null, vias: null, req_via: null }), undefined);
		assert.equal(fact('time', { ttfb_ms: null }), '12.25 ms');
		assert.equal(fact('time', { duration_ms: null }), 'first byte after 3 ms');
		assert.equal(fact('lost', { lost_bytes: 1 }), '1 bytes');
		assert.equal(fact('pair', { pair_id: null }), undefined);
		const one = { id: 1, method: 'GET', path: '/' };
		const call = { afterUs: 730, tid: 1, direction: 'out', syscall: 'write', bytes: 5, capturedBytes: 5, flags: null };
		const bare = { columns: one, requestHeaders: [], responseHeaders: [] };
		assert.doesNotMatch(detailView({ ...bare, sendMs: 1 }), /NaN/);
		const calls = detailView({ ...bare, calls: { calls: [call, call], areAll: true } });
		assert.match(
			calls,
			/\ncalls {7}\+0\.730 ms {2}out {2}write {2}5 bytes\n {12}\+0\.730 ms {2}out {2}write {2}5 bytes\n/,
		);
	});

	it('prints no reason after a status without one, and shows a message only if it has a head, fields or a body', () => {
		const view = (columns: Parts['columns'], response: Parts['response'] = []) =>
			detailView(exchange({ columns, request: [['Host', 'h']], response }))
				.split('\n\n')
				.slice(2)
				.join('\n\n');
		assert.equal(view({ status_text: null }), 'HTTP/1.1 200\n');
		assert.equal(view({ status_text: null, http_version: null, status: 204 }), 'HTTP/1.1 204\n');
		assert.equal(view({ status: null, status_text: null }), 'no response\n');
		assert.equal(view({ status: null, status_text: null }, [['X', 'y']]), 'X: y\n');
		assert.equal(view({ status: null, status_text: null, interim: '103' }), 'interim responses: 103\nno response\n');
		const requestOf = (columns: Parts['columns'], request: Parts['request'] = []) =>
			detailView(exchange({ columns, request, response: [['X', 'y']] })).split('\n\n')[1];
		const gone = { method: null, path: null, query_string: null };
		assert.equal(requestOf(gone), 'request not seen');
		assert.equal(requestOf(gone, [['Host', 'h']]), 'Host: h');
		assert.equal(requestOf({ path: null, query_string: null }), 'GET  HTTP/1.1');
		assert.equal(requestOf({ path: null, req_http_version: null }), 'GET ?page=2 HTTP/1.1');
		assert.equal(requestOf({ query_string: null, req_http_version: '1.0' }), 'GET /items HTTP/1.0');
	});

	it('prints a text of 51,200 bytes that is held whole as it is', () => {
		let text = '';
		for (let i = 0; text.length < 51200; i++)
			text += `line ${i}: ${'lorem ipsum \\ "quoted" <b>é</b> '.slice(0, i % 40)}\n`;
		const file = Buffer.from(text).subarray(0, 51200);
		const body = responseBody('text/plain', file);
		assert.equal(body.slice(1, 1 + file.toString().length), file.toString());
		assert.equal(body.trimEnd().length, file.toString().trimEnd().length + 1);
	});

	it('prints text line by line, controls escaped', () => {
		assert.equal(responseBody('text/html', '<b>\r\n\x1b[2J\ttab\\\n'), '\n<b>\n\\x1b[2J\\x09tab\\\\\n');
		assert.equal(responseBody('text/plain', '\ufeff'), '');
		assert.equal(responseBody('text/plain', 'no line end'), '\nno line end\n');
		assert.equal(responseBody(null, 'Grüße'), '\nGrüße\n');
		assert.equal(responseBody('text/plain; charset=iso-8859-1', Uint8Array.of(0x47, 0xfc)), '\nGü\n');
	});

	it('indents JSON, even if it was cut', () => {
		assert.equal(responseBody('application/problem+json', '[1,{"a":null}]'), '\n[\n  1,\n  {\n    "a": null\n  }\n]\n');
		assert.equal(responseBody(null, '{"a":1}'), '\n{\n  "a": 1\n}\n');
		assert.equal(responseBody('application/json', '{"a":1}} '), '\n{"a":1}} \n');
		assert.equal(
			responseBody('application/json', '{"a":[1,"b', { res_body_note: 'body: first 10 of 99 bytes (body limit)' }),
			'\n{\n  "a": [\n    1,\n    "b\nbody: first 10 of 99 bytes (body limit)\n',
		);
	});

	it('decodes the content coding', () => {
		const coded = gzipSync('{"a":1}');
		const view = detailView(
			exchange({
				columns: { res_body_raw: coded, res_body_bytes: coded.length },
				response: [
					['Content-Type', 'application/json'],
					['Content-Encoding', 'gzip'],
				],
			}),
		);
		assert.ok(view.endsWith('\n\n{\n  "a": 1\n}\n'), view);
	});

	it('says in a note why decoding stopped', () => {
		const coded = gzipSync(Buffer.alloc(67108864, 0x61));
		const note = `body: ${coded.length} bytes, not decoded (\x1b[2j: unknown coding)`;
		const view = detailView(
			exchange({
				columns: { res_body_raw: coded, res_body_bytes: coded.length, res_body_note: note },
				response: [
					['Content-Type', 'text/plain'],
					['Content-Encoding', 'gzip, \x1b[2J'],
				],
			}),
		);
		assert.ok(
			view.endsWith(`\nbody: ${coded.length} bytes, not decoded (\\x1b[2j: unknown coding)\n`),
			view.slice(-200),
		);
	});

	it('shows a limited number of binary bytes as hex', () => {
		const bytes = Uint8Array.from({ length: 18 }, (_, i) => i * 15);
		assert.equal(
			responseBody('application/octet-stream', bytes),
			`
00000000  00 0f 1e 2d 3c 4b 5a 69  78 87 96 a5 b4 c3 d2 e1  |...-<KZix.......|
00000010  f0 ff                                             |..|
`,
		);
		const long = responseBody(null, new Uint8Array(5000)).split('\n');
		assert.equal(long.length, 1 + 256 + 2);
		assert.equal(long[257], '… and 904 more bytes');
	});

	it('shows blanks and other printable bytes beside the hex, and how many bytes more there are', () => {
		assert.equal(
			hexDump(Buffer.from(' ~\x7f\x1f!a', 'latin1'), 5),
			`00000000  20 7e 7f 1f 21 ${'   '.repeat(3)} ${'   '.repeat(8)} | ~..!|\n… and 1 more byte\n`,
		);
		assert.equal(hexDump(new Uint8Array(0), 5), '');
		assert.equal(hexDump(new Uint8Array(32), 32).split('\n').length, 3);
	});

	it('names images and archives with their size', () => {
		const png = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
		assert.equal(responseBody('image/png', Buffer.concat([png, Buffer.alloc(60)])), '\n[image/png, 68 bytes]\n');
		assert.equal(responseBody(null, png), '\n[image/png, 8 bytes]\n');
		assert.equal(responseBody('application/zip', Buffer.from('P')), '\n[application/zip, 1 byte]\n');
		assert.equal(responseBody('image/png', png, { res_body_bytes: null }), '\n[image/png, 0 bytes]\n');
		const note = 'body: first 8 of 9000 bytes (body limit)';
		assert.equal(
			responseBody('image/png', png, { res_body_bytes: 9000, res_body_note: note }),
			`\n[image/png, 9000 bytes]\n${note}\n`,
		);
	});

	it('has the note in place of a body that is not held', () => {
		const note = 'body: 51200 bytes via sendfile — content not captured';
		assert.equal(responseBody('text/plain', null, { res_body_bytes: 51200, res_body_note: note }), `\n${note}\n`);
		assert.equal(responseBody('text/plain', '', { res_body_note: note }), `\n${note}\n`);
		const rest = 'body: first 512 of 51200 bytes; 50688 via sendfile — content not captured';
		assert.equal(
			responseBody('text/plain', 'x'.repeat(512), { res_body_note: rest }),
			`\n${'x'.repeat(512)}\n${rest}\n`,
		);
	});

	it('has nothing below the head if the body is empty', () => {
		assert.equal(responseBody('text/plain', ''), '');
		assert.equal(responseBody('text/plain', null), '');
	});
});

describe('JSON texts', () => {
	const texts: readonly string[] = [
		...['{}', '[]', '[[]]', '{"a":{}}', '[1,2]', '"x"', '0', '-1.50e+3', 'true', 'null', ' [ 1 , { "a" : "b" } ] '],
		...['{"a":"\\u00e9\\n\\"\\\\"}', '[1e400,0.1,123456789012345678901234567890]', '{"a":1,"a":2}', '["\u2028é日"]'],
		...[
			'"\\u00e9"',
			'["a b\\u0000","!"," "]',
			'{"a":"\\b\\f\\r\\t","":[]}',
			'[-0,0e0,1E-1,10]',
			'[null,false,true]',
			'[1\t,2\r,3\n]',
		],
	];

	it('keep their tokens, however they are indented', () => {
		for (const text of texts) {
			const compact = reformatJson(text, { indent: 0 });
			const pretty = reformatJson(text, { indent: 2 });
			assert.deepEqual(JSON.parse(compact ?? ''), JSON.parse(text));
			assert.equal(reformatJson(pretty ?? '', { indent: 0 }), compact);
			if (!/[eE.]|\d{16}|"a":2/.test(text)) assert.equal(pretty, JSON.stringify(JSON.parse(text), null, 2));
		}
	});

	it('are accepted exactly if JSON.parse accepts them', () => {
		const wrong = [
			...[
				'',
				' ',
				'{',
				'[1,]',
				'{"a":1,}',
				'{"a"}',
				'{a:1}',
				"['a']",
				'01',
				'1.',
				'.5',
				'+1',
				'-',
				'nul',
				'truee',
				'NaN',
			],
			...[
				'[1 2]',
				'{"a" 1}',
				'{"a";1}',
				'{"a" 1 2}',
				'{"a" {1}}',
				'"\n"',
				'"\\x"',
				'"\\u12g4"',
				'"\\u12"',
				'"\\u123"',
				'"\\',
				'"\\u12',
				'"\x1f"',
				'[0-]',
				'[1e]',
				'[-a]',
				'[nulll]',
				'[tru]',
				'"a',
				'[}',
				'{]',
				']',
				'1]',
				'{}{}',
				'[1]]',
				'\ufeff{}',
			],
		];
		for (const text of [...wrong, ...texts]) {
			let parses = true;
			try {
				JSON.parse(text);
			} catch {
				parses = false;
			}
			assert.equal(reformatJson(text, { indent: 0 }) !== null, parses, JSON.stringify(text));
		}
	});

	it('are formatted as far as possible if they end early, at any position', () => {
		for (const text of texts) {
			const compact = reformatJson(text, { indent: 0 }) as string;
			for (let length = 0; length <= compact.length; length++) {
				assert.equal(reformatJson(compact.slice(0, length), { indent: 0, partial: true }), compact.slice(0, length));
			}
		}
		assert.equal(reformatJson('{"a":x', { indent: 0, partial: true }), null);
	});
});
