// ORDER BY: the order of numbers, texts and NULLs, with and without LIMIT, for keys that are easily confused.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Guard } from '../../src/sql/limits/guard.ts';
import { sortSteps } from '../../src/sql/run/sort-rows.ts';
import { executeSync, prepare } from '../../src/sql/sql.ts';
import type { SqlValue } from '../../src/store/table.ts';
import { rowsOf } from '../../support/sql-run.ts';
import { seeded } from '../../support/sql-sample.ts';
import { testDatabase } from '../../support/sql-table.ts';

const ROWS = 2500;
const random = seeded(5);
const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
/** Several kinds of keys: few and many equal ones, NULLs, and numbers that differ only in their last bits. */
const KINDS: Record<string, () => number | null> = {
	few: () => pick([null, -1.5, 0, 2, 3]),
	many: () => (random() < 0.05 ? null : Math.floor(random() * 1e6) - 5e5),
	near: () => 1e15 + Math.floor(random() * 40) + (random() < 0.7 ? 0 : 1e9 * Math.floor(random() * 1000)),
	partly: () => (random() < 0.06 ? 1 + Math.floor(random() * 2 ** 20) * 2 ** -52 : Math.floor(random() * 1e9)),
	nearer: () => (random() < 0.01 ? null : 1 + Math.floor(random() * 2 ** 20) * 2 ** -52),
};
const table = Array.from({ length: ROWS }, (_, i) => [
	i + 1,
	...Object.values(KINDS).map((make) => make()),
	pick([null, 'a', 'B', 'b', '\uffee', '\u{1f600}', '']),
]) as SqlValue[][];
const database = testDatabase([
	{ name: 'n', columns: ['id int', ...Object.keys(KINDS).map((name) => `${name} float`), 'word text'], rows: table },
]);

/** NULL first, then numbers, then texts by code point. */
function compared(a: SqlValue, b: SqlValue): number {
	if (a === null || b === null) return a === b ? 0 : a === null ? -1 : 1;
	if (typeof a === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b as string));
	return (a as number) - (b as number);
}

/** `0` to `3`: ascending or descending, NULLs first or last. */
const WAYS = [0, 1, 2, 3].map((way) => ({ descending: way > 1, nullsFirst: way % 2 === 0 }));

for (const [index, name] of [...Object.keys(KINDS), 'word'].entries()) {
	for (const { descending, nullsFirst } of WAYS) {
		// The default, without NULLS.
		const nulls = nullsFirst !== descending ? '' : `NULLS ${nullsFirst ? 'FIRST' : 'LAST'}`;
		const order = `ORDER BY ${name} ${descending ? 'DESC' : ''} ${nulls}, id DESC`;
		test(`rows come in the order of their keys, then of a second key; LIMIT takes the first: ${order}`, () => {
			const sorted = table.toSorted(([idA, ...a], [idB, ...b]) => {
				const [x, y] = [a[index]!, b[index]!];
				if ((x === null) !== (y === null)) return (x === null) === nullsFirst ? -1 : 1;
				return compared(x, y) * (descending ? -1 : 1) || (idB as number) - (idA as number);
			});
			for (const [limit, from, to] of [
				['', 0, ROWS],
				['LIMIT 20 OFFSET 3', 3, 23],
				['LIMIT 700', 0, 700],
			] as const) {
				for (const where of ['', "WHERE '' || id <> ''"]) {
					const sql = `SELECT id FROM n ${where} ${order} ${limit}`;
					const wanted = sorted.slice(from, to).map(([id]) => id);
					assert.deepEqual(rowsOf(sql, database).flat(), wanted, sql);
				}
			}
		});
	}
}

test('one key alone gives its values in order, whatever is equal', () => {
	for (const [index, name] of [...Object.keys(KINDS), 'word'].entries()) {
		for (const [descending, limit] of [
			[false, ''],
			[true, ''],
			[false, 'LIMIT 100'],
			[true, 'LIMIT 100'],
		] as const) {
			const values = table.map((row) => row[index + 1]!).sort((a, b) => compared(a, b) * (descending ? -1 : 1));
			const sql = `SELECT ${name} FROM n ORDER BY ${name} ${descending ? 'DESC' : ''} ${limit}`;
			assert.deepEqual(rowsOf(sql, database).flat(), limit === '' ? values : values.slice(0, 100), sql);
		}
	}
});

test('integers that a double cannot hold are in their exact order, also in a LIMIT', () => {
	const big = 2n ** 60n;
	const numbers = Array.from({ length: 200 }, (_, i) => big + BigInt((i * 37) % 200));
	const list = numbers.map((number) => `(${number})`).join(', ');
	for (const [order, from] of [
		['', 0n],
		['DESC', 199n],
	] as const) {
		for (const limit of [200, 5]) {
			const sql = `WITH big(x) AS (VALUES ${list}) SELECT x FROM big ORDER BY x ${order} LIMIT ${limit}`;
			const wanted = Array.from({ length: limit }, (_, i) => big + (order === '' ? BigInt(i) : from - BigInt(i)));
			assert.deepEqual(rowsOf(sql).flat(), wanted);
		}
	}
});

test('a reader that wants no more rows gets no more', () => {
	for (const sql of ['SELECT id FROM n', 'SELECT id FROM n ORDER BY many', 'SELECT a.id FROM n a, n b']) {
		const parts: number[] = [];
		const { rows } = executeSync(prepare(sql, database), database, {
			onRows: (part) => {
				parts.push(part.length);
				return parts.length < 2;
			},
		});
		assert.deepEqual([parts, rows], [[500, 500], []], sql);
	}
});

test('the first of many large integers are exact', () => {
	const start = 2n ** 53n;
	const large = testDatabase([
		{
			name: 'n',
			columns: ['id int', 'big int'],
			rows: Array.from({ length: 3000 }, (_, i) => [i, start + BigInt((i * 7919) % 3001)]),
		},
	]);
	const sorted = Array.from({ length: 3000 }, (_, i) => start + BigInt((i * 7919) % 3001)).sort((a, b) =>
		a < b ? -1 : 1,
	);
	const firsts = (sql: string) => rowsOf(sql, large).map(([big]) => BigInt(big as number));
	assert.deepEqual(firsts('SELECT big FROM n ORDER BY big LIMIT 9'), sorted.slice(0, 9));
	assert.deepEqual(firsts('SELECT big FROM n ORDER BY big DESC LIMIT 9'), sorted.reverse().slice(0, 9));
});

test('a long sort can pause', () => {
	const guard = new Guard({});
	guard.endSlice();
	const steps = sortSteps(10_000, (a, b) => b - a, guard);
	let pauses = 0;
	let step = steps.next();
	for (; step.done !== true; step = steps.next()) pauses++;
	assert.ok(pauses > 0);
	assert.deepEqual(
		[...step.value],
		Array.from({ length: 10_000 }, (_, i) => 9999 - i),
	);
});

test('the first rows are the same in any order of the rows, also if some keys are beyond 2^53', () => {
	const keys = [1, 2, null, 9_007_199_254_740_993n, 9_223_372_036_854_775_807n];
	const next = seeded(11);
	const rows = Array.from({ length: 3000 }, (_, id): SqlValue[] => [id, keys[Math.floor(next() * keys.length)]!]);
	const sql = 'SELECT a, id FROM t ORDER BY a NULLS LAST, id DESC LIMIT 40';
	const table = (given: readonly SqlValue[][]) =>
		testDatabase([{ name: 't', columns: ['id int', 'a int'], rows: given }]);
	const all = rowsOf('SELECT a, id FROM t ORDER BY a NULLS LAST, id DESC', table(rows));
	for (let time = 0; time < 5; time++) {
		const shuffled = [...rows].sort(() => next() - 0.5);
		assert.deepEqual(rowsOf(sql, table(shuffled)), all.slice(0, 40));
		assert.deepEqual(rowsOf(sql, table(shuffled), { plain: true }), all.slice(0, 40));
	}
});
