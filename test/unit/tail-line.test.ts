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

test('if a path is too long, its query is cut first, then its middle', () => {
	const path = '/api/v1/customers/8812/orders/latest';
	assert.match(line({ path }, 80), / GET {2}\/api\/v1\/cu…ers\/latest 200 /);
	assert.match(line({ path, query_string: 'q=1' }, 80), / GET {2}\/api\/v1\/c…rs\/latest\?… 200 /);
	assert.match(line({ query_string: 'q=1' }, 80), / GET {2}\/api\/items\?q=1 /);
	assert.match(line({ path, query_string: 'q=1' }, 120), / GET {2}\/api\/v1\/customers\/8812\/orders\/latest\?q=1 /);
});

test('missing values are a dash, and an exchange that is not complete has a mark', () => {
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

test('a row takes one line of the terminal at any width, whatever was captured', () => {
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

test('the status is coloured by its class', () => {
	const lines = createTailLines({ theme: createTheme(true) });
	for (const [status, color] of [
		[200, 32],
		[302, 36],
		[404, 33],
		[503, 31],
	] as const)
		assert.ok(lines.line(row({ status }), 80).includes(`\x1b[${color}m${status}\x1b[39m`));
});

test('the time is shown in the chosen zone', () => {
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

test('wider terminals show more columns and wider columns', () => {
	const heads: readonly (readonly [width: number, head: string])[] = [
		[20, '  id   method path  code'],
		[39, '  id   method path                 code'],
		[40, '  id   method path           code     ms'],
		[49, '  id   method path                    code     ms'],
		[50, '  id   comm      method path           code     ms'],
		[55, '  id   comm      method path                code     ms'],
		[56, '  id   comm      method path          code     ms  bytes'],
		[59, '  id   comm      method path             code     ms  bytes'],
		[60, '  id time       comm      method path     code     ms  bytes'],
		[69, '  id time       comm      method path              code     ms  bytes'],
		[70, '  id time       comm      method path      code     ms  bytes via'],
		[99, '  id time       comm      method path                                   code     ms  bytes via'],
		[100, '  id time           comm            method path                          code     ms  bytes via'],
		[
			119,
			'  id time           comm            method path                                             code     ms  bytes via',
		],
		[
			120,
			'  id time           comm            method path                                          code     ms      bytes via',
		],
		[
			139,
			'  id time           comm            method path                                                             code     ms      bytes via',
		],
		[
			140,
			'  id time           comm            host                 method path                                         code     ms      bytes via',
		],
		[
			159,
			'  id time           comm            host                 method path                                                            code     ms      bytes via',
		],
		[
			160,
			'  id time           comm            host                 method path   code     ms   ttfb      bytes type                     via',
		],
		[
			179,
			'  id time           comm            host                 method path                      code     ms   ttfb      bytes type                     via',
		],
		[
			180,
			'  id time           comm            host                         method path               code     ms   ttfb      bytes type                     via',
		],
	];
	const lines = createTailLines({});
	for (const [width, head] of heads) assert.equal(lines.head(width), `${head}\n`, String(width));
	assert.equal(
		line({ reason: 'peer closed the connection', state: 'incomplete', path: '/a' }, 200),
		'   7 15:55:28.546 ← nginx           shop.example:8080            GET  /a                                       200!   12.3   12.0      51200 text/html                writev+sendfile   peer closed the…\n',
	);
	assert.match(line({ host: 'a-long-name-of-a-host.example' }, 140), / a-long-na…st\.example +GET /);
});

test('durations and counts take the fewest columns that keep them exact', () => {
	const durations: readonly (readonly [ms: number, text: string])[] = [
		...[
			[0, '0.00'],
			[9.994, '9.99'],
			[10, '10.0'],
			[99.94, '99.9'],
			[100, '100'],
			[999_999.4, '999999'],
		],
		...[
			[999_999.5, '1000s'],
			[86_400_000, '86400s'],
		],
	] as [number, string][];
	for (const [ms, text] of durations)
		assert.match(line({ duration_ms: ms }, 60), new RegExp(`${text.padStart(6).replace('.', '\\.')}  51200\\n$`), text);
	const counts: readonly (readonly [bytes: number, text: string])[] = [
		...[
			[0, '0'],
			[999_999, '999999'],
			[1_000_000, '1.0M'],
			[12_345_678, '12.3M'],
			[5e9, '5.0G'],
			[7e12, '7.0T'],
		],
		...[
			[8e15, '8.0P'],
			[1_234_500, '1.2M'],
		],
	] as [number, string][];
	for (const [bytes, text] of counts)
		assert.ok(
			line({ res_body_bytes: bytes }, 60).endsWith(` ${text.padStart(6)}\n`),
			`${text}: ${line({ res_body_bytes: bytes }, 60)}`,
		);
	assert.ok(line({ res_body_bytes: 12_345_678_901 }, 130).includes(' 12345.7M '));
});

test('sides have arrows, and texts that are absent have a dash', () => {
	for (const [side, mark] of [
		['client', '→'],
		['server', '←'],
		[null, ' '],
	] as const)
		assert.equal(line({ side }, 80).slice(0, 16), `   7 15:55:28 ${mark} `);
	assert.match(line({ comm: null, ts: null, via: null }, 80), /^ {3}7 - {8}← - {9}GET .* 51200 -\n$/);
	assert.match(
		line({ host: null, content_type: null, vias: null, ttfb_ms: null }, 200),
		/ - {28}GET .* - {6}51200 - {24}-\n$/,
	);
	for (const [state, text] of [
		['complete', '200 '],
		['upgraded', '200 '],
		['open', '200!'],
		[null, '200!'],
	] as const)
		assert.ok(line({ state }, 80).includes(` ${text} `));
	assert.match(line({ status: null, state: 'open' }, 80), / -! /);
	assert.match(line({ method: 'A-VERY-LONG-METHOD' }, 80), / A-VERY-LO… \/api/);
});

test('a line says how many messages an exchange has carried, as long as the terminal has room for it', () => {
	const counted = (messages: number, width: number, values = {}) =>
		createTailLines({}).line([...row(values), messages], width);
	assert.match(counted(12, 100), / GET {2}\/api\/items \(12 messages\) +200 /);
	assert.match(counted(1, 100), / \(1 message\) /);
	assert.match(counted(12, 80, { path: '/api/v1/orders/latest' }), / GET {2}\/api\/…latest \(12 msg\) 200 /);
	assert.equal(counted(0, 80), line({}, 80));
	for (let width = 20; width < 140; width++)
		for (const messages of [1, 12, 123_456]) {
			const shown = counted(messages, width, { path: `/${'p'.repeat(90)}` });
			const others = line({ path: `/${'p'.repeat(90)}` }, width);
			assert.ok(displayWidth(shown.trimEnd()) <= Math.max(width, displayWidth(others.trimEnd())), shown);
		}
});
