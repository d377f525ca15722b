// What `.show` and related commands print about an exchange besides its heads and its body.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { bodyLines } from '../../src/output/body-lines.ts';
import { callLines } from '../../src/output/call-lines.ts';
import { connectionFacts, conversationPart } from '../../src/output/conversation.ts';
import { detailView } from '../../src/output/detail-view.ts';
import { displayedTime } from '../../src/output/displayed-time.ts';
import { exchangeDiff } from '../../src/output/exchange-diff.ts';
import type { ExchangeDetail } from '../../src/output/exchange-parts.ts';
import { plainTheme } from '../../src/output/theme.ts';
import { timingBar } from '../../src/output/timing-bar.ts';
import { commandWords } from '../../src/shell/command-words.ts';
import { parseShow } from '../../src/shell/show-arguments.ts';
import type { Call } from '../../src/store/exchange-calls.ts';

const shown = { theme: plainTheme, raw: false } as const;

function body(contentType: string, content: string | Uint8Array, note: string | null = null) {
	const raw = typeof content === 'string' ? Buffer.from(content) : content;
	return { raw, total: raw.length, note, contentType, contentEncoding: null };
}

test('the timing bar divides its cells by time, with at least one for each time above 0', () => {
	assert.equal(
		timingBar({ send: 10, firstByte: 10, whole: 30 }),
		`${'▓'.repeat(10)}${'░'.repeat(10)}${'█'.repeat(10)}  send 10, wait 10, receive 10 ms`,
	);
	assert.equal(
		timingBar({ send: 0.001, firstByte: 999, whole: 1000 }),
		`▓${'░'.repeat(28)}█  send 0.001, wait 999, receive 0.999 ms`,
	);
	assert.equal(timingBar({ send: 5, firstByte: -1, whole: 4 })?.includes('-'), false);
	assert.equal(timingBar({ send: null, firstByte: 1, whole: 2 }), null);
	assert.equal(timingBar({ send: 0, firstByte: null, whole: 2 }), null);
});

const call = (afterUs: number, more: Partial<Call> = {}): Call => ({
	afterUs,
	tid: 1,
	syscall: 'write',
	direction: 'out',
	bytes: 100,
	capturedBytes: 100,
	flags: null,
	...more,
});

test('calls have their time, direction, bytes, and what was not captured', () => {
	const calls = [
		call(0, { syscall: 'recvfrom', direction: 'in', bytes: 88, capturedBytes: 88 }),
		call(40, { syscall: 'sendfile', bytes: 51_200, capturedBytes: 0, flags: 'zero_copy,part' }),
		call(12_345, { syscall: 'close', direction: null, bytes: 0, capturedBytes: 0 }),
	];
	assert.deepEqual(callLines({ calls, areAll: true }), [
		' +0.000 ms  in   recvfrom  88 bytes',
		' +0.040 ms  out  sendfile  51200 bytes (0 captured, zero_copy, part)',
		'+12.345 ms       close',
	]);
	assert.deepEqual(callLines({ calls: [call(1)], areAll: false })[0], '… earlier calls are no longer held');
	assert.deepEqual(callLines({ calls: [], areAll: false }), ['no longer held']);
});

test('the first and the last of many calls are shown', () => {
	const lines = callLines({ calls: Array.from({ length: 100 }, (_, i) => call(i * 1000)), areAll: true });
	assert.equal(lines.length, 17);
	assert.equal(lines[12], '… 84 more calls, 8400 bytes');
	assert.equal(lines.at(-1), '+99.000 ms  out  write  100 bytes');
});

const FORM = [
	'--b"1',
	'Content-Disposition: form-data; name="note"',
	'',
	'two\r\nlines',
	'--b"1',
	'Content-Disposition: form-data; name="data"; filename="d\x1b.json"',
	'Content-Type: application/json',
	'',
	'{"a":[1]}',
	'--b"1',
	'Content-Disposition: form-data; name="image"',
	'Content-Type: image/png',
	'',
	'\x89PNG\r\n\x1a\n',
	'--b"1--',
	'',
].join('\r\n');

test('a multipart body is shown part by part, each by its own type', () => {
	const type = 'multipart/form-data; boundary=b"1';
	assert.equal(
		bodyLines(body(type, Buffer.from(FORM, 'latin1')), shown),
		[
			'part 1 of 3',
			'Content-Disposition: form-data; name="note"',
			'',
			'two',
			'lines',
			'',
			'part 2 of 3',
			'Content-Disposition: form-data; name="data"; filename="d\\x1b.json"',
			'Content-Type: application/json',
			'',
			'{',
			'  "a": [',
			'    1',
			'  ]',
			'}',
			'',
			'part 3 of 3',
			'Content-Disposition: form-data; name="image"',
			'Content-Type: image/png',
			'',
			'[image/png, 8 bytes]',
			'',
		].join('\n'),
	);
});

test('parts inside parts, a part that is cut, and a body without its boundary', () => {
	const inner = '--in\r\n\r\ninner text\r\n--in--\r\n';
	const nested = `--out\r\nContent-Type: multipart/mixed; boundary=in\r\n\r\n${inner}--out--\r\n`;
	assert.match(
		bodyLines(body('multipart/mixed; boundary=out', nested), shown),
		/^part 1 of 1\nContent-Type: multipart\/mixed; boundary=in\n\npart 1 of 1\n\ninner text\n$/,
	);
	const cut = bodyLines(
		body('multipart/mixed; boundary=b', '--b\r\nA: b\r\n\r\nhalf', 'body: first 18 of 90 bytes'),
		shown,
	);
	assert.equal(cut, 'part 1 of 1\nA: b\n\nhalf\nthe rest is not held\nbody: first 18 of 90 bytes\n');
	assert.equal(bodyLines(body('multipart/mixed; boundary=b', 'no parts'), shown), 'no parts\n');
	const deep = Array.from(
		{ length: 9 },
		(_, i) => `--b${i}\r\nContent-Type: multipart/mixed; boundary=b${i + 1}\r\n\r\n`,
	);
	assert.equal(bodyLines(body('multipart/mixed; boundary=b0', deep.join('')), shown).match(/part 1 of 1/g)?.length, 3);
});

test('--raw shows the body as it was sent, --hex the bytes, both together the bytes as sent', () => {
	const sent = gzipSync('{"a":1}');
	const packed = { ...body('application/json', sent), contentEncoding: 'gzip' };
	assert.equal(bodyLines(packed, shown), '{\n  "a": 1\n}\n');
	assert.match(bodyLines(packed, { ...shown, form: 'raw' }), /^\\x1f\\x8b/);
	assert.match(bodyLines(packed, { ...shown, form: 'hex' }), /^00000000 {2}7b 22 61 22 3a 31 7d .*\|\{"a":1\}\|\n$/);
	assert.match(bodyLines(packed, { ...shown, form: 'raw hex' }), /^00000000 {2}1f 8b 08/);
	assert.equal(bodyLines(body('application/json', '{"a":1}\x07'), { ...shown, form: 'raw' }), '{"a":1}\\x07\n');
});

const exchange = (columns: ExchangeDetail['columns'], bodyText: string): ExchangeDetail => ({
	columns: {
		id: 5,
		ts: '2026-11-22T12:00:00.250000Z',
		state: 'complete',
		side: 'server',
		method: 'GET',
		path: '/a',
		status: 200,
		status_text: 'OK',
		res_body_raw: Buffer.from(bodyText),
		res_body_bytes: bodyText.length,
		...columns,
	},
	requestHeaders: [{ name: 'Host', value: 'shop', trailer: false }],
	responseHeaders: [{ name: 'Content-Type', value: 'application/json', trailer: false }],
	sendMs: 0,
});

test('the bar of times is as long as the screen allows', () => {
	const one = exchange({ duration_ms: 12.25, ttfb_ms: 3 }, '');
	const bar = (columns: number) => /^timing.*$/m.exec(detailView(one, { parts: ['facts'], columns }))![0];
	const whole = bar(Number.POSITIVE_INFINITY).length;
	for (const columns of [whole, whole - 1, whole - 20]) assert.equal(bar(columns).length, columns);
	assert.equal(bar(whole + 5).length, whole);
});

test('the parts of the view can be chosen', () => {
	const one = exchange({ req_body_raw: Buffer.from('q'), req_body_bytes: 1 }, '{"x":1}');
	const head = 'GET /a HTTP/1.1\nHost: shop\n\nHTTP/1.1 200 OK\nContent-Type: application/json\n';
	assert.equal(detailView(one, { parts: ['headers'] }), head);
	assert.equal(detailView(one, { parts: ['body'] }), 'q\n\n{\n  "x": 1\n}\n');
	assert.equal(detailView(one, { parts: ['body'], messages: ['res'] }), '{\n  "x": 1\n}\n');
	assert.match(
		detailView(one, { time: displayedTime('Asia/Tokyo') }),
		/^exchange 5 .* 2026-11-22T21:00:00\.250000\+09:00\n/,
	);
});

test('a difference shows what changed, with a few equal lines around it', () => {
	const items = (last: number) => `[${[...Array(20).keys(), last].join(',')}]`;
	const diff = exchangeDiff(exchange({}, items(1)), exchange({ id: 6 }, items(2)));
	assert.equal(
		diff,
		[
			'- exchange 5',
			'+ exchange 6',
			'request: no difference',
			'response:',
			'  … 21 equal lines',
			'    17,',
			'    18,',
			'    19,',
			'-   1',
			'+   2',
			'  ]',
			'',
		].join('\n'),
	);
});

test('a conversation marks what was sent and what was received, so that no body can imitate the other', () => {
	const begin = Date.parse('2026-11-22T12:00:00Z');
	assert.equal(
		conversationPart(exchange({}, 'plain\nGET /forged HTTP/1.1'), begin),
		[
			'exchange 5, after 250 ms',
			'> GET /a HTTP/1.1',
			'> Host: shop',
			'< HTTP/1.1 200 OK',
			'< Content-Type: application/json',
			'<',
			'< plain',
			'< GET /forged HTTP/1.1',
			'',
		].join('\n'),
	);
	assert.equal(
		connectionFacts({ id: 3, pid: 7, comm: 'a\x1b', protocol: 'http1', side: 'client', local: 'l', remote: 'r' }),
		'connection 3  a\\x1b, pid 7, http1\naddresses     l → r\n',
	);
	assert.equal(connectionFacts({ id: 3 }), 'connection 3  no longer held\n');
});

test('.show takes an id or a distance from the latest exchange, and options in any order', () => {
	assert.deepEqual(parseShow('.show', ''), {
		wanted: { back: 0 },
		parts: ['facts', 'headers', 'body'],
		messages: ['req', 'res'],
		bodies: 'readable',
		save: undefined,
	});
	const { wanted, parts, messages, bodies, save } = parseShow('.show', '--body -2 --raw --hex --response --save "a b"');
	assert.deepEqual([wanted, parts, messages, bodies, save], [{ back: 2 }, ['body'], ['res'], 'raw hex', 'a b']);
	for (const wrong of ['x', '1 2', '--bodies', '0', '--save', '1.5', '"1', '-']) {
		assert.throws(() => parseShow('.show', wrong), { code: 'ERR_USAGE' }, wrong);
	}
});

test('words of an argument may be quoted', () => {
	assert.deepEqual(commandWords(` a  "b c" 'd "e"' `), ['a', 'b c', 'd "e"']);
	assert.deepEqual(commandWords(''), []);
	assert.throws(() => commandWords('"a'), { code: 'ERR_USAGE' });
});
