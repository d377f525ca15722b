// percentile_cont and percentile_disc WITHIN GROUP (ORDER BY …).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { completionsAt } from '../../src/sql/sql.ts';
import { errorOf, rowsOf, scalarOf } from '../../support/sql-run.ts';
import { sampleTables } from '../../support/sql-sample.ts';
import { testDatabase } from '../../support/sql-table.ts';

const database = testDatabase(sampleTables());
const valuesOf = (list: readonly unknown[]) => `(VALUES ${list.map((each) => `(${each ?? 'NULL'})`).join(', ')})`;

test('percentile_cont interpolates and percentile_disc takes a value, in either order, as in PostgreSQL', () => {
	const number = fc.option(fc.integer({ min: -50, max: 50 }), { freq: 8 });
	const input = fc.tuple(fc.array(number, { minLength: 1, maxLength: 20 }), fc.integer({ min: 0, max: 20 }));
	fc.assert(
		fc.property(input, ([list, twentieths]) => {
			const q = twentieths / 20;
			const numbers = list.filter((each) => each !== null).sort((a, b) => a - b);
			for (const direction of ['', ' ASC', ' DESC', ' DESC NULLS LAST']) {
				const sorted = direction.startsWith(' DESC') ? [...numbers].reverse() : numbers;
				const at = q * (sorted.length - 1);
				const low = sorted[Math.floor(at)];
				const high = sorted[Math.ceil(at)];
				const cont = low === undefined ? null : low + (high! - low) * (at - Math.floor(at));
				const disc = sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? null;
				const order = `WITHIN GROUP (ORDER BY column1${direction})`;
				const [row] = rowsOf(
					`SELECT percentile_cont(${q}) ${order}, percentile_disc(${q}) ${order} FROM ${valuesOf(list)}`,
				);
				assert.equal(row![1], disc);
				if (cont === null) assert.equal(row![0], null);
				else assert.ok(Math.abs(Number(row![0]) - cont) < 1e-9, `${row![0]} is not ${cont}`);
			}
		}),
		{ numRuns: 300 },
	);
});

test("with GROUP BY, FILTER, HAVING, ORDER BY, OVER, the form with two arguments, and DuckDB's names", () => {
	const same = (a: string, b: string) => assert.deepEqual(rowsOf(a, database), rowsOf(b, database), a);
	const cont = 'percentile_cont(0.9) WITHIN GROUP (ORDER BY duration_ms)';
	const plain = 'percentile(duration_ms, 0.9)';
	same(
		`SELECT method, ${cont} FROM exchanges GROUP BY ALL ORDER BY 1`,
		`SELECT method, ${plain} FROM exchanges GROUP BY 1 ORDER BY 1`,
	);
	same(
		`SELECT method FROM exchanges GROUP BY 1 HAVING ${cont} > 5 ORDER BY ${cont} DESC, 1`,
		`SELECT method FROM exchanges GROUP BY 1 HAVING ${plain} > 5 ORDER BY ${plain} DESC, 1`,
	);
	same(
		`SELECT ${cont} FILTER (WHERE status = 200) FROM exchanges`,
		`SELECT ${plain} FROM exchanges WHERE status = 200`,
	);
	same(
		`SELECT id, ${cont} OVER (ORDER BY id ROWS 3 PRECEDING) FROM exchanges`,
		`SELECT id, ${plain} OVER (ORDER BY id ROWS 3 PRECEDING) FROM exchanges`,
	);
	same(
		`SELECT percentile_cont(duration_ms, 0.9), quantile_cont(duration_ms, 0.9) FROM exchanges`,
		`SELECT ${plain}, ${plain} FROM exchanges`,
	);
	same(
		'SELECT percentile_disc(status, 0.5), quantile_disc(0.5) WITHIN GROUP (ORDER BY status) FROM exchanges',
		'SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY status), percentile_disc(0.5) WITHIN GROUP (ORDER BY status ASC) FROM exchanges',
	);
	same(
		`SELECT (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY h.seq + e.id) FROM headers h) FROM exchanges e`,
		`SELECT (SELECT median(seq) FROM headers) + e.id FROM exchanges e`,
	);
	same(
		'SELECT percentile_disc(1.0) WITHIN GROUP (ORDER BY id) OVER (PARTITION BY method) FROM exchanges',
		'SELECT max(id) OVER (PARTITION BY method) FROM exchanges',
	);
});

test('percentile_disc keeps the type of its values, which may be of any type', () => {
	const sql =
		'SELECT percentile_disc(1) WITHIN GROUP (ORDER BY ts) AS t, percentile_disc(0) WITHIN GROUP (ORDER BY path) AS p FROM exchanges';
	assert.deepEqual(rowsOf(sql, database), rowsOf('SELECT max(ts), min(path) FROM exchanges', database));
	assert.equal(
		scalarOf(
			`SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY column1) FROM ${valuesOf(["x'00'", "'a'", 1, 2.5, null])}`,
		),
		2.5,
	);
	assert.equal(
		scalarOf(
			`SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY column1 COLLATE NOCASE) FROM ${valuesOf(["'B'", "'a'", "'c'"])}`,
		),
		'B',
	);
	assert.equal(scalarOf(`SELECT percentile_disc(NULL) WITHIN GROUP (ORDER BY column1) FROM ${valuesOf([1])}`), null);
	assert.equal(
		scalarOf('SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY id) FROM exchanges WHERE 0', database),
		null,
	);
	const texts = `SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY CAST(column1 AS REAL)) FROM ${valuesOf(["'1'", "'3'"])}`;
	assert.equal(scalarOf(texts), 2);
});

test('mistakes say what to write', () => {
	for (const [marked, message, hint] of [
		[
			'SELECT ‸percentile_cont(0.5) FROM exchanges',
			/needs WITHIN GROUP/,
			/percentile_cont\(0\.95\) WITHIN GROUP \(ORDER BY duration_ms\)/,
		],
		['SELECT ‸percentile_disc(id, 0.5, 1) FROM exchanges', /needs WITHIN GROUP/],
		[
			'SELECT ‸percentile_cont(0.5, 1) WITHIN GROUP (ORDER BY id) FROM exchanges',
			/takes 1 argument, the fraction, got 2/,
		],
		[
			'SELECT ‸percentile_cont(0.5) WITHIN GROUP (ORDER BY id, status) FROM exchanges',
			/exactly one ORDER BY term, got 2/,
		],
		['SELECT ‸percentile_cont(0.5 ORDER BY id) FROM exchanges', /ORDER BY stands in the parentheses of WITHIN GROUP/],
		['SELECT ‸percentile_cont(DISTINCT 0.5) WITHIN GROUP (ORDER BY id) FROM exchanges', /cannot have DISTINCT/],
		['SELECT percentile_cont(0.5) WITHIN GROUP (‸id) FROM exchanges', /expected ORDER BY in WITHIN GROUP/],
		[
			'SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY ‸ts) FROM exchanges',
			/needs a number, got a datetime/,
			/percentile_disc/,
		],
		['SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY ‸path) FROM exchanges', /needs numbers, got text/, /CAST/],
		['SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY ‸path) OVER () FROM exchanges', /needs numbers, got text/],
		[
			'SELECT 1 FROM exchanges WHERE ‸percentile_cont(0.5) WITHIN GROUP (ORDER BY id) > 1',
			/cannot be used in WHERE/,
			/HAVING/,
		],
		['SELECT ‸sum(id) WITHIN GROUP (ORDER BY id) FROM exchanges', /works only with percentile_cont/],
		['SELECT ‸mode() WITHIN GROUP (ORDER BY id) FROM exchanges', /works only with/, /most frequent/],
		[
			"SELECT ‸string_agg(path, ',') WITHIN GROUP (ORDER BY id) FROM exchanges",
			/works only with/,
			/group_concat\(x, ',' ORDER BY y\)/,
		],
		['SELECT ‸nosuch(1) WITHIN GROUP (ORDER BY id) FROM exchanges', /works only with/],
	] as [string, RegExp, RegExp?][]) {
		const error = errorOf(marked.replace('‸', ''), database);
		assert.match(error.message, message, marked);
		if (hint !== undefined) assert.match(error.hint ?? '', hint, marked);
		assert.equal(error.position, marked.indexOf('‸'), marked);
	}
	for (const q of ['95', '-0.1', '1.01']) {
		for (const name of ['percentile_cont', 'percentile_disc']) {
			const error = errorOf(`SELECT ${name}(${q}) WITHIN GROUP (ORDER BY id) FROM exchanges`, database);
			assert.match(error.message, /from 0 to 1/);
			assert.match(error.hint!, /95th percentile/);
		}
	}
	const text = errorOf('SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY value) FROM json_each(\'[1,"x"]\')');
	assert.equal(text.message, "percentile_cont() needs numbers, got 'x'");
});

test('EXPLAIN and completion know the form, and within stays an ordinary name', () => {
	assert.deepEqual(
		rowsOf('EXPLAIN SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY id DESC) FROM exchanges', database).at(-1),
		['one group: percentile_cont(0.5) WITHIN GROUP (ORDER BY id DESC)'],
	);
	const words = completionsAt('SELECT percentile_cont(0.5) WITH', 32, database).completions.map(({ text }) => text);
	assert.ok(words.includes('WITHIN GROUP'));
	assert.equal(rowsOf('SELECT count(*) within FROM exchanges GROUP BY method HAVING within > 0', database).length, 5);
});

test('percentile() takes percents above 1 and fractions up to 1', () => {
	const of = (q: number) => scalarOf(`SELECT percentile(column1, ${q}) FROM ${valuesOf([0, 100])}`);
	assert.deepEqual([of(0), of(0.5), of(1), of(1.5), of(2), of(50), of(100)], [0, 50, 100, 1.5, 2, 50, 100]);
	assert.throws(() => of(100.5), /from 0 to 1, or up to 100 in percent/);
});
