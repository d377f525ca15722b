// Charts: every number in them is one of the result, whatever the width, the values and the names.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ChartKind, drawChart } from '../../src/output/chart/chart.ts';
import { label, niceScale } from '../../src/output/chart/chart-style.ts';
import { readChartWish, wished } from '../../src/output/chart/chart-wish.ts';
import { displayWidth } from '../../src/output/terminal-text.ts';
import { createTheme, plainTheme } from '../../src/output/theme.ts';
import type { ColumnType, SqlValue } from '../../src/store/table.ts';

const STYLE = { columns: 80, rows: 12, unicode: true, theme: plainTheme, time: (instant: string) => instant };
type Given = readonly (readonly [name: string, type: ColumnType | null])[];

function draw(given: Given, rows: readonly (readonly SqlValue[])[], kind?: ChartKind, style = STYLE): string[] {
	return drawChart({ columns: given.map(([name, type]) => ({ name, type })), rows }, kind, style);
}

const at = (second: number) => new Date(Date.UTC(2026, 10, 30, 12, 0, second)).toISOString().replace('Z', '000Z');

test('bars have the values of the result in full, and lengths in proportion', () => {
	const lines = draw(
		[
			['host', 'text'],
			['n', 'int'],
		],
		[
			['a.example', 50],
			['b.example', 100],
			['none', 0],
			['tiny', 1],
			['nothing', null],
			['large', 9007199254740993n],
		].slice(0, 5) as SqlValue[][],
	);
	assert.deepEqual(
		lines.map((line) =>
			/^\s*(\S+) │(\S*) (\S+)$/
				.exec(line)
				?.slice(1)
				.map((part, i) => (i === 1 ? part.length : part)),
		),
		[
			['a.example', 32, '50'],
			['b.example', 63, '100'],
			['none', 0, '0'],
			['tiny', 1, '1'],
			['nothing', 0, 'NULL'],
		],
	);
	const [big] = draw([['n', 'int']], [[9007199254740993n]], 'bars');
	assert.match(big!, / 9007199254740993$/);
});

test('negative values grow to the left, and each column of numbers has its own scale', () => {
	const lines = draw(
		[
			['status', 'int'],
			['n', 'int'],
			['bytes', 'float'],
		],
		[
			[200, 4, -1e9],
			[500, 2, 5e8],
		],
	);
	assert.deepEqual(
		lines.map((line) => line.replace(/█+/, (bar) => `<${bar.length}>`).replace(/ +/g, ' ')),
		['200 │ <19> 4 n', ' │<37> -1000000000 bytes', '500 │ <9>▌ 2 n', ' │ <18>▌ 500000000 bytes'],
	);
});

test('a histogram counts every value once, in ranges that grow if the values differ much', () => {
	const even = Array.from({ length: 1000 }, (_, i) => i % 100);
	const growing = Array.from({ length: 1000 }, (_, i) => 0.001 * 1.02 ** i);
	for (const [values, ranges] of [
		[even, /^0 below 10 \S+ 100$/],
		[growing, /^0\.001 below 0\.01 \S+ 117$/],
		[[5, 5, 5], /^5 to 6 \S+ 3$/],
		[[-3, 0, 3], /^-3 below -2 \S+ 1$/],
	] as const) {
		const lines = draw(
			[['ms', 'float']],
			values.map((value) => [value]),
			'histogram',
		);
		const counted = lines.reduce((sum, line) => sum + Number(/ (\d+)$/.exec(line)![1]), 0);
		assert.equal(counted, values.length, lines.join('\n'));
		assert.match(lines[0]!.trim().replace('│', ''), ranges);
		assert.ok(lines.length <= 20, `${lines.length} ranges`);
	}
	const odd = draw([['ms', 'float']], [[1], [null], [Number.POSITIVE_INFINITY], [2]], 'histogram');
	assert.equal(odd.at(-1), 'not drawn: 1 infinite, 1 NULL');
});

test('lines over time show smallest, largest and last values, with a gap at NULL', () => {
	const columns: Given = [
		['t', 'datetime'],
		['rate', 'int'],
	];
	const lines = draw(columns, [
		[at(0), 10],
		[at(1), 40],
		[at(2), null],
		[at(3), 20],
	]);
	assert.equal(lines.at(-1), '⠒ rate: min 10, max 40, last 20');
	assert.match(lines.at(-2)!, /^ +2026-11-30 12:00:00\.000 +12:00:03\.000$/);
	const drawn = lines.slice(0, 12).map((line) => line.replace(/^.*│/, ''));
	const gap = drawn.map((line) => line.slice(30, 50)).join('');
	assert.equal(gap.trim(), '', 'nothing is drawn between the value before NULL and the one after it');
	assert.match(drawn.map((line) => line.slice(0, 25)).join(''), /[⠁-⣿]/);
	// Without colours, several lines differ by their marks.
	const two = draw(
		[...columns, ['errors', 'int']],
		[
			[at(0), 10, 1],
			[at(9), 40, 2],
		],
	);
	assert.deepEqual(two.slice(-2), ['* rate: min 10, max 40, last 40', '+ errors: min 1, max 2, last 2']);
	const painted = { ...STYLE, theme: createTheme(true) };
	assert.ok(
		draw([...columns, ['errors', 'int']], [[at(0), 10, 1]], 'line', painted)
			.at(-1)!
			.includes('⠒'),
	);
});

test('a heat map counts every value once, and is chosen for many values at one time', () => {
	const columns: Given = [
		['ts', 'datetime'],
		['ms', 'float'],
	];
	const rows = Array.from({ length: 600 }, (_, i) => [at(i % 60), 0.5 * 1.01 ** i]);
	const lines = draw(columns, rows);
	assert.match(lines.at(-1)!, /^ms: 600 values, min 0\.5, max 193\.\d+; 1 to \d+ rows in a cell \(░▒▓█\)$/);
	// One row a cell: as many cells as rows.
	const few = draw(columns, rows.slice(0, 10), 'heat');
	const cells = few
		.slice(0, 12)
		.join('')
		.match(/[░▒▓█]/g)!.length;
	assert.ok(cells > 1 && cells <= 10, `${cells} cells`);
	assert.match(draw(columns, [...rows, [null, 1], [at(1), null]], 'heat').at(-1)!, /^not drawn: 2 without/);
});

test('no chart is wider than the screen, ASCII has only ASCII, and names cannot control the terminal', () => {
	const hostile = '\x1b[2J\u202eevil\u0007 ünïcödé 漢字'.repeat(3);
	const columns: Given = [
		['ts', 'datetime'],
		[hostile, 'text'],
		['n', 'int'],
	];
	const rows = Array.from({ length: 90 }, (_, i) => [at(i), `${hostile}${i}`, i * 1e6]);
	for (const width of [40, 80, 200])
		for (const unicode of [true, false])
			for (const kind of ['bars', 'line', 'histogram', 'heat'] as const) {
				const lines = draw(columns, rows, kind, { ...STYLE, columns: width, unicode });
				for (const line of lines) {
					// A legend may wrap; a drawing may not.
					if (!/min|not drawn/.test(line)) assert.ok(displayWidth(line) <= width, `${kind} ${width}: ${line}`);
					assert.doesNotMatch(line, /[\x00-\x1f\x7f\u202e]/);
					if (!unicode && kind !== 'bars') assert.match(line, /^[\x20-\x7e]*$/);
				}
			}
	assert.equal(draw(columns, rows, 'bars').at(-1), 'not drawn: 30 more rows (LIMIT or GROUP BY gives fewer)');
	const aliased = draw(
		[
			['ts', 'datetime'],
			[hostile, 'int'],
		],
		[[at(0), 1]],
		'line',
	);
	assert.doesNotMatch(aliased.join('\n'), /[\x1b\u202e\u0007]/);
});

test('columns that do not suit are refused with an example; no rows are no chart', () => {
	const text: Given = [['path', 'text']];
	assert.throws(() => draw(text, [['/']]), { code: 'ERR_USAGE', message: '.chart bars: expected a column of numbers' });
	assert.throws(() => draw(text, [['/']], 'line'), {
		code: 'ERR_USAGE',
		message: /a column of times and one of numbers/,
	});
	assert.throws(() => draw(text, [['/']], 'histogram'), { code: 'ERR_USAGE', message: /one column of numbers, got 0/ });
	assert.deepEqual(draw([['n', 'int']], []), ['(0 rows)']);
	// Of an expression whose type is not known, the values tell.
	assert.equal(draw([['x', null]], [[1], [2]]).length, 2);
});

test('the header of a saved query names its chart', () => {
	assert.deepEqual(readChartWish(['graph requests from a to b', 'bar ttfb_ms, total_ms by path']), {
		kind: 'bars',
		values: ['ttfb_ms', 'total_ms'],
		by: 'path',
	});
	const lines = readChartWish(['line p95 over start by host'])!;
	assert.deepEqual(lines, { kind: 'line', values: ['p95'], over: 'start', by: 'host' });
	for (const text of ['line p95', 'bar n over t', 'pie n by x', ''])
		assert.equal(readChartWish([text]), undefined, text);
	const columns = ['start', 'host', 'n', 'p95'].map(
		(name) => ({ name, type: name === 'start' ? 'datetime' : null }) as const,
	);
	const rows = [
		[at(0), 'a', 1, 10],
		[at(0), 'b', 2, 20],
		[at(1), 'a', 3, 30],
	];
	assert.deepEqual(wished({ columns, rows }, lines)?.rows, [
		[at(0), 10, 20],
		[at(1), 30, null],
	]);
	assert.deepEqual(wished({ columns, rows }, { kind: 'bars', values: ['p95', 'n'], by: 'host' })?.rows[1], [
		'b',
		20,
		2,
	]);
	assert.equal(wished({ columns, rows }, { kind: 'bars', values: ['gone'], by: 'host' }), undefined);
});

test('scales enclose their numbers with round steps', () => {
	for (const [low, high] of [
		[0, 1],
		[0.031797, 351.221],
		[-7, 12345],
		[5, 5],
		[0, 0],
		[1e-9, 2e-9],
		[0, 1e300],
	] as const) {
		const scale = niceScale(low, high, 5);
		assert.ok(scale.low <= low && scale.high >= high && scale.high > scale.low, `${low} to ${high}`);
		assert.match(scale.step.toExponential(0), /^[125]e/);
	}
	assert.deepEqual([0.25, 1200, 3.5e21, -7, 0].map(label), ['0.25', '1,200', '3.5e+21', '-7', '0']);
});
