// The format `auto`: which columns are shown, how wide they are, and what is cut.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
	type AutoLayout,
	type AutoOptions,
	autoGap,
	autoHead,
	autoRow,
	footerText,
	layoutAuto,
} from '../../src/output/auto-table.ts';
import type { ResultColumn } from '../../src/output/cell-text.ts';
import { displayWidth } from '../../src/output/terminal-text.ts';
import { createTheme, plainTheme } from '../../src/output/theme.ts';
import { EXCHANGE_COLUMNS } from '../../src/store/exchange-table.ts';
import type { ShownValue } from '../../src/store/table.ts';

const SCREENS = [80, 120, 200] as const;
const HOSTILE = [
	'\x1b[2J\x1b[H',
	'a\nb\r\tc',
	'\u202eevil',
	'日本語'.repeat(40),
	'👩‍👩‍👧'.repeat(20),
	'e\u0301'.repeat(300),
];

const options = (screenColumns: number, more: Partial<AutoOptions> = {}): AutoOptions => ({
	theme: plainTheme,
	raw: false,
	screenColumns,
	...more,
});

function columnsOf(types: Record<string, ResultColumn['type']>): ResultColumn[] {
	return Object.entries(types).map(([name, type]) => ({ name, type }));
}

function lines(layout: AutoLayout, rows: readonly (readonly ShownValue[])[]): string[] {
	const text = autoHead(layout) + rows.map((row) => autoRow(layout, row)).join('') + autoGap(layout);
	return text.split('\n').slice(0, -1);
}

function table(
	columns: readonly ResultColumn[],
	rows: readonly (readonly ShownValue[])[],
	screenColumns: number,
	more: Partial<AutoOptions> = {},
): string[] {
	return lines(layoutAuto(columns, rows, options(screenColumns, more)), rows);
}

const exchange = (id: number, more: Record<string, ShownValue> = {}): ShownValue[] =>
	EXCHANGE_COLUMNS.map(({ name }) => {
		const values: Record<string, ShownValue> = {
			id,
			ts: `2026-11-22T12:56:${String(id % 60).padStart(2, '0')}.123456Z`,
			state: 'complete',
			side: 'server',
			pid: 4711,
			comm: 'nginx',
			method: 'GET',
			path: `/api/orders/${id}/items/and/more`,
			host: 'shop.example.org',
			status: 200,
			duration_ms: 12.345678,
			res_body_bytes: 51200,
			res_body: { bytes: 51200 },
			via: 'sendfile',
			...more,
		};
		return values[name] ?? null;
	});

const shownNames = (columns: readonly ResultColumn[], rows: readonly (readonly ShownValue[])[], width: number) =>
	layoutAuto(columns, rows, options(width)).shown.map((i) => columns[i]!.name);

const IMPORTANT = ['id', 'ts', 'side', 'comm', 'method', 'path', 'status', 'duration_ms', 'res_body_bytes', 'via'];

test('all of exchanges: the columns that matter come first, others as room allows', () => {
	const rows = [1, 2, 3].map((id) => exchange(id));
	const narrow = shownNames(EXCHANGE_COLUMNS, rows, 80);
	assert.deepEqual(narrow, IMPORTANT.slice(0, narrow.length));
	assert.ok(narrow.includes('status'), narrow.join());
	// Paths are not cut to make room for the last columns.
	assert.equal(narrow.at(-1), 'duration_ms');
	const short = rows.map((row) => row.map((value) => (String(value).startsWith('/api') ? '/a' : value)));
	assert.equal(shownNames(EXCHANGE_COLUMNS, short, 80).at(-1), 'res_body_bytes');
	assert.deepEqual(shownNames(EXCHANGE_COLUMNS, rows, 40), ['id', 'method', 'path', 'status']);
	assert.deepEqual(shownNames(EXCHANGE_COLUMNS, rows, 20), ['path', 'status']);
	assert.deepEqual(shownNames(EXCHANGE_COLUMNS, rows, 8), ['path']);
	const middle = shownNames(EXCHANGE_COLUMNS, rows, 120);
	assert.deepEqual(middle, IMPORTANT);
	const wide = shownNames(EXCHANGE_COLUMNS, rows, 200);
	assert.deepEqual(
		wide.filter((name) => IMPORTANT.includes(name)),
		IMPORTANT,
	);
	assert.ok(wide.includes('host') && wide.length > IMPORTANT.length, wide.join());
	assert.ok(!wide.includes('reason'), 'NULL in all rows');
	// A table as wide as necessary shows everything.
	assert.equal(shownNames(EXCHANGE_COLUMNS, rows, 3000).length, EXCHANGE_COLUMNS.length);
});

test('other columns are elided in the middle, with a mark where they were', () => {
	const columns = columnsOf(Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`column_${i}`, 'text' as const])));
	const row = columns.map(({ name }) => `value of ${name}`);
	const [head, rule, first] = table(columns, [row], 80);
	assert.match(head!, /^ column_0 .* {2}… {2}.* column_29$/);
	assert.match(rule!, /^ ─+ .* {2}─ {2}.* ─+$/);
	assert.match(first!, /^ value of.* {2}… {2}value of/);
	const shown = layoutAuto(columns, [row], options(80)).shown;
	assert.deepEqual([shown[0], shown.at(-1)], [0, 29]);
	assert.ok(shown.length >= 5 && shown.length < 10, String(shown));
});

test('if the next column from one side does not fit, one from the other side may', () => {
	const types = { a: 'int', b: 'int', wide: 'int', c: 'int', d: 'int', e: 'int' } as const;
	const columns = columnsOf(types);
	assert.deepEqual(shownNames(columns, [[1, 2, 10n ** 30n, 3, 4, 5]], 30), ['a', 'b', 'c', 'd', 'e']);
	const mirrored = columns.toReversed();
	assert.deepEqual(shownNames(mirrored, [[5, 4, 3, 10n ** 30n, 2, 1]], 30), ['e', 'd', 'c', 'b', 'a']);
});

test('no line is wider than the terminal, whatever the texts contain, and nothing in them reaches it raw', () => {
	const columns = columnsOf({
		id: 'int',
		ts: 'datetime',
		path: 'text',
		res_body: 'text',
		raw: 'blob',
		any: null,
		'a \x1b[31m name': 'json',
	});
	const rows: ShownValue[][] = HOSTILE.map((text, i) => [
		10 ** i,
		'2026-11-22T12:56:01.123456Z',
		text,
		text,
		Buffer.from(text),
		i % 2 === 0 ? text : 2n ** 60n,
		text,
	]);
	for (const width of [...SCREENS, 1, 5, 12, 20, 33, 47, 61, 300]) {
		for (const text of table(columns, rows, width)) {
			assert.doesNotMatch(text, /[\x00-\x1f\x7f-\x9f\u202e]/);
			// A number is never cut, so that one may be wider than a very narrow terminal.
			if (width >= 12) assert.ok(displayWidth(text) < width, `${width}: ${displayWidth(text)} ${text}`);
		}
	}
});

test('cells are cut with …, but never numbers; narrow tables are as narrow as their texts', () => {
	const columns = columnsOf({ id: 'int', path: 'text' });
	assert.deepEqual(
		table(
			columns,
			[
				[1, '/a'],
				[1234567, `/${'b'.repeat(100)}`],
			],
			40,
		),
		['      id  path', ` ───────  ${'─'.repeat(29)}`, '       1  /a', ` 1234567  /${'b'.repeat(27)}…`, '       …  …'],
	);
	assert.deepEqual(table(columns, [[1, '/a']], 80), [' id  path', ' ──  ────', '  1  /a', '  …  …']);
});

test('blobs and long bodies are shown by their size, short bodies as text', () => {
	const columns = columnsOf({ res_body: 'text', res_body_raw: 'blob', note: 'text' });
	const rows: ShownValue[][] = [
		['{"a":1}', Buffer.from('{"a":1}'), '{"a":1}'],
		[{ bytes: 51200 }, { bytes: 51200 }, 'x'.repeat(300)],
		['日'.repeat(400), new Uint8Array(1), null],
		['', new Uint8Array(0), ''],
	];
	const [, , ...cells] = table(columns, rows, 80);
	assert.match(cells[0]!, /^ \{"a":1\} +<7 bytes> +\{"a":1\}$/);
	assert.match(cells[1]!, /^ <51,200 bytes> +<51,200 bytes> +x+…$/);
	assert.match(cells[2]!, /^ <1,200 bytes> +<1 byte> +NULL$/);
	assert.match(cells[3]!, /^ +<0 bytes>$/);
});

test('times lose their day and microseconds before columns or texts are cut; with several days they keep the day', () => {
	const columns = columnsOf({ ts: 'datetime', path: 'text', other: 'text' });
	const row = (day: string) => [
		`2026-11-${day}T12:56:01.123456Z`,
		'/a/long/path/to/something',
		'another long text here',
	];
	assert.match(table(columns, [row('22')], 120)[2]!, /^ 2026-11-22T12:56:01\.123456Z {2}/);
	assert.match(table(columns, [row('22')], 60)[2]!, /^ …12:56:01\.123 {2}\/a\/long/);
	const several = table(columns, [row('22'), row('23')], 60);
	assert.match(several[2]!, /^ …11-22T12:56:01 {2}\/a\/long/);
	assert.match(several[3]!, /^ …11-23T12:56:01 {2}\/a\/long/);
});

test('the footer counts what is and what is not shown', () => {
	const facts = { rows: 1_840_212, shownRows: 40, columns: 43, shownColumns: 9, seconds: 0.3123 };
	assert.equal(footerText(facts), '1,840,212 rows (40 shown) · 43 columns (9 shown) · 0.31 s');
	assert.equal(footerText({ ...facts, shownColumns: 43 }), '1,840,212 rows (40 shown) · 0.31 s');
	assert.equal(footerText({ ...facts, rows: 1, shownRows: 1, columns: 1, shownColumns: 1 }), '1 row · 0.31 s');
	assert.equal(footerText({ ...facts, rows: 0, shownRows: 0, columns: 1, shownColumns: 1 }), '0 rows · 0.31 s');
	assert.equal(
		footerText({ ...facts, shownRows: 1_840_212, seconds: 0.0042 }),
		'1,840,212 rows · 43 columns (9 shown) · 0.004 s',
	);
	assert.equal(footerText({ ...facts, seconds: 95.5 }), '1,840,212 rows (40 shown) · 43 columns (9 shown) · 95.50 s');
});

test('NULL, names and the widths of single columns follow the settings', () => {
	const columns = columnsOf({ id: 'int', path: 'text' });
	const rows: ShownValue[][] = [[null, '/a/long/path']];
	assert.deepEqual(table(columns, rows, 80, { nullText: '∅\x1b', headers: false, widest: [0, 6] }), [
		' ∅\\x1b  /a/lo…',
		'     …  …',
	]);
});

test('rows that come later fit into columns made for the first ones', () => {
	const columns = columnsOf({ id: 'int', path: 'text', duration_ms: 'float' });
	const layout = layoutAuto(columns, [[1, '/', 0.5]], options(80), true);
	const [head, , first] = lines(layout, [[1, '/', 0.5]]);
	const later = autoRow(layout, [1_000_000, '/a/longer/path', 12_345.678]);
	assert.equal(later.trimEnd().length, head!.length);
	assert.match(later, /^ 1000000 {2}\/a\/longer\/path +12345\.678\n$/);
	assert.match(first!, /^ {7}1 {2}\//);
});

test('statuses are coloured by class; methods, NULL and sizes are dim', () => {
	const columns = columnsOf({ method: 'text', status: 'int', body: 'blob', reason: 'text' });
	const paint = (status: number | null) =>
		table(columns, [['GET', status, { bytes: 5 }, null]], 80, { theme: createTheme(true) })[2]!;
	const dim = (text: string) => `\x1b[2m${text}\x1b[22m`;
	assert.equal(paint(200), ` ${dim('GET')}        \x1b[32m200\x1b[39m  ${dim('<5 bytes>')}  ${dim('NULL')}`);
	assert.match(paint(304), /\x1b\[36m304\x1b/);
	assert.match(paint(404), /\x1b\[33m404\x1b/);
	assert.match(paint(503), /\x1b\[31m503\x1b/);
	assert.match(paint(null), /\x1b\[2mNULL\x1b\[22m {2}/);
});

test('a table that fits exactly is whole; if the screen is one column narrower, a column is left out', () => {
	const columns = columnsOf({ text: 'text', other: 'text' });
	const rows = [['x'.repeat(50), 'y'.repeat(50)]];
	assert.deepEqual(table(columns, rows, 24).slice(0, 3), [
		` text        other`,
		` ${'─'.repeat(10)}  ${'─'.repeat(10)}`,
		` xxxxxxxxx…  yyyyyyyyy…`,
	]);
	assert.deepEqual(table(columns, rows, 23).slice(0, 3), [
		` text                …`,
		` ${'─'.repeat(18)}  ─`,
		` ${'x'.repeat(17)}…  …`,
	]);
	// At least one column is shown.
	assert.deepEqual(layoutAuto(columns, rows, options(8)).shown, [0]);
	assert.equal(table(columns, rows, 8)[2], ' xxxxx…');
	assert.equal(table(columns, rows, 2)[2], ' …');
	assert.deepEqual(layoutAuto(columnsOf({ a: 'text' }), [['']], options(40, { headers: false })).widths, [0]);
});

test('numbers are on the right in columns of any type', () => {
	const columns = columnsOf({ any: null, text: 'text' });
	const rows = [
		[2n ** 60n, ''],
		['a', ''],
		[7, ''],
		[3n, ''],
	];
	assert.deepEqual(table(columns, rows, 40).slice(2, 6), [
		` ${2n ** 60n}`,
		' a',
		`${' '.repeat(19)}7`,
		`${' '.repeat(19)}3`,
	]);
});

test('the headings of numbers are cut before texts are', () => {
	const columns = columnsOf({ a_long_name_of_a_number: 'int', another_long_name: 'int', text: 'text' });
	const rows = [[1, 2, 'x'.repeat(60)]];
	assert.equal(table(columns, rows, 40)[0], ' a_long_…  anoth…  text');
	assert.equal(table(columns, rows, 50)[0], ' a_long_name_of_a_…  anoth…  text');
	assert.equal(table(columns, rows, 66)[0], ' a_long_name_of_a_number  another_long_name  text');
	assert.equal(table(columns, rows, 66)[2]!.length, 65);
});

test('columns get their usual width if more rows will follow', () => {
	const types = {
		text: 'text',
		n: 'int',
		f: 'float',
		d: 'date',
		j: 'json',
		id: 'int',
		path: 'text',
		url: 'text',
	} as const;
	const more = { host: 'text', comm: 'text' } as const;
	const columns = columnsOf({ ...types, ...more });
	const row = columns.map(() => null);
	const widths = layoutAuto(columns, [row], options(300, { nullText: '' }), true).widths;
	assert.deepEqual(widths, [12, 6, 9, 1, 1, 7, 32, 40, 20, 8]);
});

test('all of exchanges: columns that are NULL in all rows come last', () => {
	const rows = [exchange(1, { remote: '10.0.0.1:4000', content_type: 'text/html' })];
	for (let width = 130; width < 600; width += 7) {
		const shown = shownNames(EXCHANGE_COLUMNS, rows, width);
		if (shown.includes('reason')) assert.ok(shown.includes('pid') && shown.includes('state'), `${width}: ${shown}`);
	}
});

test('the columns shown next are the most informative ones', () => {
	const next = [
		'age_ms',
		'host',
		'content_type',
		'query_string',
		'ttfb_ms',
		'req_body_bytes',
		'remote',
		'state',
		'reason',
	];
	const others = Array.from({ length: 30 }, (_, i) => `other_${i}`);
	for (const name of next) {
		const columns = columnsOf(
			Object.fromEntries([...IMPORTANT, ...others, name].map((each) => [each, 'text' as const])),
		);
		const row = columns.map(() => 'a text of 27 characters ...');
		const shown = [...IMPORTANT, name];
		// Wide enough for one more, but not for two.
		const width = 2 + 12 * 22 - 3;
		assert.deepEqual(shownNames(columns, [row], width), shown);
		// If it is NULL in all rows, another one is shown.
		const without = columns.map((column) => (column.name === name ? null : 'a text of 27 characters ...'));
		assert.deepEqual(shownNames(columns, [without], 242), [...IMPORTANT, 'other_0']);
	}
});
