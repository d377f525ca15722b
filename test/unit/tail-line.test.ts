// The lines of a tail fit the terminal, whatever was captured.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { displayedTime } from '../../src/output/displayed-time.ts';
import { createTailLines, TAIL_COLUMNS } from '../../src/output/tail-line.ts';
import { displayWidth, middleForTerminal } from '../../src/output/terminal-text.ts';
import { createTheme } from '../../src/output/theme.ts';
import type { SqlValue } from '../../src/store/table.ts';

const NAMES = TAIL_COLUMNS.split(', ');

const USUAL: Record<string, SqlValue> = {
	id: 7,
	ts: '2026-11-22T15:55:28.546123Z',
	side: 'server',
	comm: 'nginx',
	method: 'GET',
	path: '/api/items',
	query_string: null,
	status: 200,
	duration_ms: 12.345,
	ttfb_ms: 12,
	res_body_bytes: 51200,
	via: 'sendfile',
	vias: 'writev+sendfile',
	state: 'complete',
	reason: null,
	host: 'shop.example:8080',
	content_type: 'text/html',
};

const row = (values: Record<string, SqlValue> = {}): SqlValue[] =>
	NAMES.map((name) => ({ ...USUAL, ...values })[name] ?? null);

const line = (values: Record<string, SqlValue>, width: number): string => createTailLines({}).line(row(values), width);

test('at 80 columns a line has the id first, then time, side, process, method, path, status, ms, bytes, via', () => {
	assert.equal(line({}, 80), '   7 15:55:28 ← nginx     GET  /api/items            200    12.3  51200 sendfile\n');
	assert.equal(
		line({ side: 'client', id: 12_345, method: 'OPTIONS', status: 404, duration_ms: 1234.5 }, 80),
		'12345 15:55:28 → nginx     OPTIONS /api/items        404    1235  51200 sendfile\n',
	);
});

test('a path that is too long is cut in the middle, a query before it', () => {
	const path = '/api/v1/customers/8812/orders/latest';
	assert.match(line({ path }, 80), / GET {2}\/api\/v1\/cu…ers\/latest 200 /);
	assert.match(line({ path, query_string: 'q=1' }, 80), / GET {2}\/api\/v1\/c…rs\/latest\?… 200 /);
	assert.match(line({ query_string: 'q=1' }, 80), / GET {2}\/api\/items\?q=1 /);
	assert.match(line({ path, query_string: 'q=1' }, 120), / GET {2}\/api\/v1\/customers\/8812\/orders\/latest\?q=1 /);
});

test('what was not seen is a dash, and an exchange that is not complete has a mark', () => {
	assert.equal(
		line({ method: null, path: null, status: null, duration_ms: null, res_body_bytes: null, via: null }, 80),
		'   7 15:55:28 ← nginx     -    -                     -         -      - -\n',
	);
	assert.match(line({ state: 'incomplete', reason: 'peer closed' }, 80), / 200! /);
	assert.match(line({ state: 'incomplete', reason: 'peer closed' }, 200), / 200! .* peer closed\n$/);
	assert.doesNotMatch(line({ state: 'upgraded' }, 80), /!/);
});

test('numbers keep their columns', () => {
	assert.match(line({ duration_ms: 0.734, res_body_bytes: 12_345_678 }, 80), / 200 {4}0\.73 {2}12\.3M sendfile/);
	assert.match(line({ duration_ms: 3_600_000, res_body_bytes: 5e9 }, 80), / 200 {3}3600s {3}5\.0G sendfile/);
	assert.match(line({ res_body_bytes: 12_345_678 }, 120), / 12345678 sendfile/);
});

test('a line takes one line of the terminal at any width, whatever was captured', () => {
	const hostile = [
		'/\x1b[31m\x07\r\n\u202eevil',
		`/${'日本語'.repeat(40)}`,
		`/${'e\u0301\u0302\u0303'.repeat(90)}`,
		`/${'\u{1f468}\u200d\u{1f469}'.repeat(50)}`,
		`/${'x'.repeat(100_000)}`,
		'',
		'\ud800',
	];
	for (const text of hostile) {
		const lines = createTailLines({ theme: createTheme(true) });
		for (let width = 40; width <= 260; width += 7) {
			const values = { path: text, method: text, comm: text, host: text, query_string: text, content_type: text };
			for (const shown of [
				lines.line(row({ ...values, reason: text, via: text, vias: text, state: 'open' }), width),
				lines.head(width),
			]) {
				const plain = stripVTControlCharacters(shown);
				assert.match(plain, /^[^\p{Cc}\u202e]*\n$/u, JSON.stringify(plain));
				assert.ok(displayWidth(plain.slice(0, -1)) <= width, `${width}: ${JSON.stringify(plain)}`);
			}
		}
	}
});

test('a wider id moves the others, in later lines, too', () => {
	const lines = createTailLines({});
	lines.line(row({ id: 1_234_567 }), 80);
	assert.match(lines.line(row({ id: 8 }), 80), /^ {6}8 15:55:28 ← /);
});

test('the status is painted by its class', () => {
	const lines = createTailLines({ theme: createTheme(true) });
	for (const [status, color] of [
		[200, 32],
		[302, 36],
		[404, 33],
		[503, 31],
	] as const)
		assert.ok(lines.line(row({ status }), 80).includes(`\x1b[${color}m${status}\x1b[39m`));
});

test('the time is that of the chosen zone', () => {
	const lines = createTailLines({ time: () => displayedTime('Asia/Kolkata') });
	assert.match(lines.line(row(), 120), /^ {3}7 21:25:28\.546 ←/);
});

test('the middle of a text is cut at characters, and the whole text is kept if it fits', () => {
	assert.equal(middleForTerminal('abcdef', 6), 'abcdef');
	assert.equal(middleForTerminal('abcdefg', 6), 'ab…efg');
	assert.equal(middleForTerminal('日本語日本語', 7), '日…本語');
	assert.equal(middleForTerminal(`a${'x'.repeat(10_000)}\x1b`, 9), 'axxx…\\x1b');
	assert.equal(middleForTerminal('abc', 1), '…');
});
