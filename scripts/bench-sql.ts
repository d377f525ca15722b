// How long queries over a million rows take here and in SQLite: node --import tsx scripts/bench-sql.ts [--rows 1000000]
// [--runs 5] [--sqlite] [--only LIKE]. The rows are in memory as columns, as in the store.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compileCondition, executeSync, prepare } from '../src/sql/sql.ts';
import type { Column, ColumnReader, DatabaseSnapshot, TableSnapshot } from '../src/store/table.ts';
import { formatTimestamp } from '../src/store/timestamp.ts';

const QUERIES: readonly (readonly [name: string, sql: string])[] = [
	['filter and count', "SELECT count(*) FROM exchanges WHERE status >= 500 AND method = 'POST'"],
	['count of all', 'SELECT count(*) FROM exchanges'],
	['group by text', 'SELECT host, count(*), avg(duration_ms), max(res_body_bytes) FROM exchanges GROUP BY host'],
	['group by path', 'SELECT path, count(*), avg(duration_ms) FROM exchanges GROUP BY path ORDER BY 2 DESC LIMIT 10'],
	['group by two', 'SELECT method, status, count(*), sum(res_body_bytes) FROM exchanges GROUP BY method, status'],
	['group by expression', 'SELECT status / 100, count(*) FROM exchanges GROUP BY status / 100'],
	['LIKE prefix', "SELECT count(*) FROM exchanges WHERE path LIKE '/api/users%'"],
	['LIKE anywhere', "SELECT count(*) FROM exchanges WHERE path LIKE '%orders%7%'"],
	['order by, limit', 'SELECT id, path, duration_ms FROM exchanges ORDER BY duration_ms DESC LIMIT 20'],
	['order by text, limit', 'SELECT id, path FROM exchanges ORDER BY path, id LIMIT 20'],
	['filter, 4 columns', 'SELECT id, method, path, status FROM exchanges WHERE duration_ms > 180'],
	['order all', 'SELECT id FROM exchanges WHERE status = 200 ORDER BY duration_ms'],
	['distinct', 'SELECT DISTINCT host, method FROM exchanges'],
	['count distinct', 'SELECT count(DISTINCT path) FROM exchanges'],
	['arithmetic', 'SELECT sum(res_body_bytes * 8 / (duration_ms + 1)) FROM exchanges'],
	[
		'case',
		"SELECT sum(CASE WHEN status < 400 THEN 1 ELSE 0 END), sum(CASE WHEN method IN ('GET', 'HEAD') THEN duration_ms END) FROM exchanges",
	],
	['join', 'SELECT c.comm, count(*) FROM exchanges e JOIN connections c ON c.id = e.conn GROUP BY c.comm'],
	[
		'time range',
		"SELECT count(*) FROM exchanges WHERE ts >= '2026-11-22T12:10:00.000000Z' AND ts < '2026-11-22T12:20:00.000000Z'",
	],
	[
		'window',
		'SELECT max(r) FROM (SELECT row_number() OVER (PARTITION BY host ORDER BY id) AS r FROM exchanges WHERE status = 500)',
	],
	['in subquery', "SELECT count(*) FROM exchanges WHERE conn IN (SELECT id FROM connections WHERE comm = 'nginx')"],
	['text functions', "SELECT count(*) FROM exchanges WHERE length(path) > 20 AND substr(path, 2, 3) = 'api'"],
];

const { values: options } = parseArgs({
	options: {
		rows: { type: 'string', default: '1000000' },
		runs: { type: 'string', default: '5' },
		sqlite: { type: 'boolean', default: false },
		only: { type: 'string' },
	},
});
const rows = Number(options.rows);
const runs = Number(options.runs);
const queries = QUERIES.filter(([name]) => options.only === undefined || name.includes(options.only));

// ---- data ---------------------------------------------------------------------------------------------------------

let seed = 42;
function random(): number {
	seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
	return seed / 4294967296;
}

type Data = { readonly column: Column; readonly reader: ColumnReader };

function numbers(name: string, type: 'int' | 'float', make: (row: number) => number): Data {
	const data = new Float64Array(rows);
	for (let row = 0; row < rows; row++) data[row] = make(row);
	const value = (row: number) => (Number.isNaN(data[row]!) ? null : data[row]!);
	return { column: { name, type, description: '' }, reader: { value, number: (row) => data[row]! } };
}

function coded(name: string, texts: readonly (string | null)[]): Data {
	const data = new Uint8Array(rows);
	for (let row = 0; row < rows; row++) data[row] = Math.floor(random() * texts.length);
	const reader = {
		value: (row: number) => texts[data[row]!]!,
		code: (row: number) => (texts[data[row]!] === null ? -1 : data[row]!),
	};
	return { column: { name, type: 'text', description: '' }, reader };
}

function texts(name: string, make: (row: number) => string | null): Data {
	const data: (string | null)[] = [];
	for (let row = 0; row < rows; row++) data.push(make(row));
	return { column: { name, type: 'text', description: '' }, reader: { value: (row) => data[row]! } };
}

function times(name: string): Data {
	const start = Date.UTC(2026, 10, 22, 12) * 1000;
	const data = new Float64Array(rows);
	for (let row = 0; row < rows; row++) data[row] = start + row * 3600 + Math.floor(random() * 1000);
	return {
		column: { name, type: 'datetime', description: '' },
		reader: { value: (row) => formatTimestamp(data[row]!), number: (row) => data[row]! },
	};
}

function tableOf(name: string, count: number, data: readonly Data[]): TableSnapshot {
	return { name, columns: data.map(({ column }) => column), rowCount: count, reader: (index) => data[index]!.reader };
}

const hosts = Array.from({ length: 50 }, (_, index) => `host-${index}.example.org`);
const paths = Array.from({ length: 5000 }, (_, index) =>
	index % 3 === 0 ? `/api/users/${index}` : index % 3 === 1 ? `/api/orders/${index}/items` : `/static/file-${index}.js`,
);
const exchanges = tableOf('exchanges', rows, [
	numbers('id', 'int', (row) => row + 1),
	times('ts'),
	coded('state', ['complete', 'complete', 'open', 'incomplete']),
	coded('reason', [null, null, null, 'peer closed']),
	coded('method', ['GET', 'GET', 'GET', 'POST', 'PUT', 'HEAD']),
	texts('path', () => paths[Math.floor(random() ** 2 * paths.length)]!),
	coded('host', hosts),
	numbers('status', 'int', () => [200, 200, 200, 201, 304, 404, 500, Number.NaN][Math.floor(random() * 8)]!),
	numbers('duration_ms', 'float', () => random() * 200),
	numbers('ttfb_ms', 'float', () => random() * 100),
	numbers('res_body_bytes', 'int', () => Math.floor(random() * 100_000)),
	coded('via', ['write', 'writev', 'sendfile']),
	numbers('conn', 'int', () => Math.floor(random() * 20_000) + 1),
	...Array.from({ length: 9 }, (_, index) => numbers(`int_${index}`, 'int', () => Math.floor(random() * 1000))),
	...Array.from({ length: 8 }, (_, index) => coded(`text_${index}`, ['a', 'b', 'c', null])),
]);
const connections = ((): TableSnapshot => {
	const comms = ['nginx', 'node', 'python3', 'curl'];
	const id = numbers('id', 'int', (row) => row + 1);
	const comm = coded('comm', comms);
	return tableOf('connections', 20_000, [id, comm]);
})();
const database: DatabaseSnapshot = {
	tables: new Map([
		['exchanges', exchanges],
		['connections', connections],
	]),
};

// ---- measuring ------------------------------------------------------------------------------------------------------

function median(list: readonly number[]): number {
	const sorted = [...list].sort((a, b) => a - b);
	return sorted[Math.floor(sorted.length / 2)]!;
}

function measureOurs(sql: string): number {
	const times: number[] = [];
	for (let run = 0; run < runs; run++) {
		const start = performance.now();
		executeSync(prepare(sql, database), database);
		times.push(performance.now() - start);
	}
	return median(times);
}

/** Median times of all queries in one sqlite3 process over a file in memory. */
function measureSqlite(): number[] {
	const folder = mkdtempSync(join(tmpdir(), 'tinytap-bench-'));
	try {
		const script = ['.mode list', 'PRAGMA temp_store=memory;'];
		for (const table of [exchanges, connections]) script.push(...sqliteTable(table, folder));
		for (const [index, [, sql]] of queries.entries()) {
			script.push(`.print @@${index}`, '.output /dev/null', '.timer on');
			for (let run = 0; run < runs; run++) script.push(`${sql};`);
			script.push('.timer off', '.output');
		}
		const { stdout, stderr } = spawnSync('sqlite3', ['-batch', ':memory:'], {
			input: script.join('\n'),
			encoding: 'utf8',
			maxBuffer: 1 << 28,
		});
		if (stderr !== '') throw new Error(stderr.slice(0, 1000));
		return queries.map((_, index) => {
			const part = stdout.split(`@@${index}\n`)[1]!.split('@@')[0]!;
			return median([...part.matchAll(/real ([\d.]+)/g)].map((match) => Number(match[1]) * 1000));
		});
	} finally {
		rmSync(folder, { recursive: true });
	}
}

function sqliteTable(table: TableSnapshot, folder: string): string[] {
	const types: Record<string, string> = { int: 'INTEGER', float: 'REAL' };
	const readers = table.columns.map((_, index) => table.reader(index));
	const lines: string[] = [];
	for (let row = 0; row < table.rowCount; row++)
		lines.push(readers.map((reader) => reader.value(row) ?? '').join('\t'));
	const file = join(folder, `${table.name}.tsv`);
	writeFileSync(file, `${lines.join('\n')}\n`);
	const columns = table.columns.map(({ name, type }) => `${name} ${types[type] ?? 'TEXT'}`);
	const nulls = table.columns.map(({ name }) => `${name} = nullif(${name}, '')`);
	return [
		`CREATE TABLE ${table.name} (${columns.join(', ')});`,
		'.mode tabs',
		`.import ${file} ${table.name}`,
		'.mode list',
		`UPDATE ${table.name} SET ${nulls.join(', ')};`,
		table.name === 'connections' ? 'CREATE UNIQUE INDEX connections_id ON connections (id);' : '',
	];
}

const theirs = options.sqlite ? measureSqlite() : undefined;
console.log(`${rows} rows, ${exchanges.columns.length} columns, median of ${runs} runs, ms`);
for (const [index, [name, sql]] of queries.entries()) {
	const ours = measureOurs(sql);
	const their = theirs?.[index];
	const ratio = their === undefined ? '' : `  sqlite3 ${their.toFixed(0).padStart(5)}  ${(their / ours).toFixed(1)}×`;
	console.log(`${name.padEnd(22)} ${ours.toFixed(1).padStart(7)}${ratio}`);
}
for (const text of [
	"status >= 500 AND method = 'POST'",
	"path LIKE '/api/users%' AND duration_ms > 100",
	"ts > '2026-11-22 12:30' AND (host = 'host-3.example.org' OR status IN (404, 500))",
]) {
	const condition = compileCondition(text, exchanges.columns);
	let hits = 0;
	const start = performance.now();
	for (let row = 0; row < rows; row++) if (condition(exchanges, row)) hits++;
	console.log(
		`condition ${text}: ${(rows / (performance.now() - start) / 1000).toFixed(1)} million rows/s, ${hits} true`,
	);
}
