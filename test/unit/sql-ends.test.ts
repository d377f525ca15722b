// The first and last rows of a result, as a terminal shows them, compared with the complete result.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type ExecuteOptions, execute, prepare, Session, SqlError } from '../../src/sql/sql.ts';
import type { DatabaseSnapshot, ShownValue, SqlValue } from '../../src/store/table.ts';
import { Tape } from '../../support/record-builder.ts';
import { rowsOf } from '../../support/sql-run.ts';
import { databaseOf, databaseOfTape, takeIn } from '../../support/traffic.ts';

const database = databaseOf(takeIn(1203, 64 << 20));
const session = new Session();

/** `parts`: calls with first rows, `empty` of them without a row. */
type Ends = { first: ShownValue[][]; last: readonly ShownValue[][]; total: number; parts: number; empty: number };

async function endsOf(sql: string, first: number, last: number, options: ExecuteOptions = {}): Promise<Ends> {
	const found: ShownValue[][] = [];
	let [parts, empty] = [0, 0];
	const result = await execute(prepare(sql, database, session), database, {
		session,
		...options,
		ends: {
			first,
			last,
			onFirst: (rows) => {
				parts++;
				if (rows.length === 0) empty++;
				found.push(...rows);
			},
		},
	});
	assert.deepEqual(result.rows, []);
	return { first: found, parts, empty, ...result.ends! };
}

const shown = (row: readonly SqlValue[]): ShownValue[] =>
	row.map((value) => (value instanceof Uint8Array ? { bytes: value.length } : value));

describe('the ends of a result are its first and last rows, and all rows are counted, for every kind of query', () => {
	for (const sql of [
		'SELECT * FROM exchanges',
		'SELECT id, path, status FROM exchanges WHERE status >= 400',
		'SELECT id, path FROM exchanges WHERE status >= 400 LIMIT 90 OFFSET 7',
		'SELECT id FROM exchanges LIMIT 10 OFFSET 1198',
		'SELECT id FROM exchanges LIMIT 10 OFFSET 9000',
		'SELECT id FROM exchanges LIMIT 0',
		'SELECT id, path, res_body FROM exchanges ORDER BY path DESC, id',
		'SELECT id, path FROM exchanges ORDER BY duration_ms LIMIT 100 OFFSET 13',
		'SELECT id FROM exchanges ORDER BY id LIMIT 5 OFFSET 6000',
		'SELECT id, upper(path) AS p FROM exchanges WHERE id % 3 = 0',
		'SELECT id, upper(path) AS p FROM exchanges ORDER BY p, id',
		'SELECT DISTINCT host FROM exchanges',
		'SELECT DISTINCT path, status FROM exchanges ORDER BY path, status DESC',
		'SELECT path, count(*), max(duration_ms) FROM exchanges GROUP BY path',
		'SELECT host, count(*) AS n FROM exchanges GROUP BY host HAVING n > 3 ORDER BY n DESC, host',
		'SELECT count(*) FROM exchanges',
		'SELECT id, row_number() OVER (PARTITION BY host ORDER BY id) AS n FROM exchanges ORDER BY host, n',
		'SELECT a.id, b.id FROM exchanges a JOIN exchanges b ON b.id = a.id + 1 WHERE a.id < 300',
		'SELECT * FROM exchanges a LEFT JOIN headers h ON h.exchange_id = a.id + 50 AND h.seq = 1 LIMIT 700 OFFSET 3',
		'SELECT a.id, upper(b.path) FROM exchanges a RIGHT JOIN exchanges b ON a.id = b.id + 900',
		'SELECT * FROM (SELECT id, res_body_raw FROM exchanges WHERE id > 100) WHERE id < 700',
		'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) SELECT i, i / 2.0 FROM n',
		'VALUES (1, 2), (3, NULL)',
		"SELECT id, 'one' AS what FROM exchanges WHERE id < 30 UNION ALL SELECT id, method FROM exchanges",
		'SELECT id FROM exchanges UNION SELECT pid FROM exchanges ORDER BY 1 DESC',
		'SELECT exchange_id, seq, name, header_value FROM headers',
		'SUMMARIZE SELECT * FROM exchanges',
		'SELECT 1 WHERE 1 = 2',
		'SELECT id FROM exchanges LIMIT 1',
		'SELECT id FROM exchanges ORDER BY path LIMIT 1',
	])
		test(sql, async () => {
			const all = rowsOf(sql, database, { session }).map(shown);
			for (const [first, last] of [
				[20, 20],
				[3, 2],
				[1, 0],
				[2000, 10],
			] as const) {
				const ends = await endsOf(sql, first, last);
				const label = `${first} and ${last}`;
				assert.equal(ends.total, all.length, label);
				assert.deepEqual(ends.first, all.slice(0, first), label);
				assert.deepEqual(ends.last, all.slice(Math.max(first, all.length - last)), label);
				assert.equal(ends.empty, 0, label);
			}
		});
});

test('a body of more than a kibibyte is represented by its size and never decoded; other long texts are shortened', async () => {
	const tape = new Tape();
	tape.clock(1_795_348_800_000_000_000n);
	const body = 'x'.repeat(3000);
	const connection = tape.server(1).open();
	for (const sent of ['short', body]) {
		connection.in(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${sent.length}\r\n\r\n${sent}`);
		// Not gzip: decoding it would leave its bytes as they are, with a note.
		connection.out(`HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
	}
	const { columns, rows } = await shownOf(tape, 'SELECT req_body, res_body, req_body_raw, res_body_raw FROM exchanges');
	assert.deepEqual(columns, ['req_body', 'res_body', 'req_body_raw', 'res_body_raw']);
	assert.deepEqual(rows, [
		['short', { bytes: 3000 }, { bytes: 5 }, { bytes: 3000 }],
		[{ bytes: 3000 }, { bytes: 3000 }, { bytes: 3000 }, { bytes: 3000 }],
	]);
	const joined = 'SELECT b.res_body FROM exchanges a LEFT JOIN exchanges b ON b.id = a.id AND a.id = 1 ORDER BY a.id';
	assert.deepEqual((await shownOf(tape, joined)).rows, [[{ bytes: 3000 }], [null]]);
	const long = (await shownOf(tape, `SELECT replace('${'x'.repeat(40_000)}', 'x', 'abc') AS long`)).rows[0]![0];
	assert.ok(typeof long === 'string' && long.length > 10_000 && long.length < 100_000 && /^(abc)+/.test(long));
});

test('the first rows arrive before a long statement has ended, and an error in a row that is not shown is reported', async () => {
	const sql = 'SELECT a.id FROM exchanges a, exchanges b, exchanges c';
	const cancel = new Int32Array(new SharedArrayBuffer(4));
	let rows = 0;
	const running = execute(prepare(sql, database), database, {
		cancel,
		ends: {
			first: 20,
			last: 20,
			onFirst: (found) => {
				rows += found.length;
				if (rows === 20) cancel[0] = 1;
			},
		},
	});
	await assert.rejects(running, (error) => error instanceof SqlError && error.code === 'ERR_SQL_CANCELLED');
	assert.equal(rows, 20);
	const failing = "SELECT id, path REGEXP CASE WHEN id = 700 THEN '(' ELSE 'x' END FROM exchanges";
	await assert.rejects(endsOf(failing, 20, 20), /not closed/i);
});

async function shownOf(tape: Tape, sql: string): Promise<{ columns: string[]; rows: ShownValue[][] }> {
	const found: DatabaseSnapshot = databaseOfTape(tape);
	const rows: ShownValue[][] = [];
	const statement = prepare(sql, found);
	await execute(statement, found, { ends: { first: 20, last: 20, onFirst: (some) => void rows.push(...some) } });
	return { columns: statement.columns.map(({ name }) => name), rows };
}
