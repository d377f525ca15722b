// The engines that ours is compared with, each with the same rows in its own memory.
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Column, SqlValue } from '../../src/store/table.ts';
import type { Engine } from '../../support/queries.ts';

export type Rows = readonly SqlValue[][];

export type Rival = {
	readonly engine: Engine;
	readonly version: string;
	/** Loads a table; `rows` may be iterated only once. */
	load(name: string, columns: readonly Column[], rows: Iterable<SqlValue[]>): Promise<void>;
	query(sql: string): Promise<Rows> | Rows;
	close(): void;
};

type Sqlite = {
	exec(sql: string): void;
	pragma(text: string): void;
	prepare(sql: string): { run(values: readonly unknown[]): void; raw(): { all(): SqlValue[][] } };
	aggregate(name: string, options: object): void;
	close(): void;
};
type SqliteModule = new (path: string) => Sqlite;
type DuckResult = { getRows(): SqlValue[][] };
type DuckConnection = {
	runAndReadAll(sql: string): Promise<DuckResult>;
	run(sql: string): Promise<unknown>;
	closeSync(): void;
};
type DuckModule = { DuckDBInstance: { create(path: string): Promise<{ connect(): Promise<DuckConnection> }> } };
type Alasql = {
	(sql: string): Record<string, SqlValue>[];
	tables: Record<string, { data: Record<string, SqlValue>[] }>;
	aggr: Record<string, (value: number | null, state: number[] | undefined, stage: number) => unknown>;
};

/** The installed engines; `absent` says which are not installed, and why. */
export async function openRivals(modules: string | undefined): Promise<{ rivals: Rival[]; absent: string[] }> {
	const rivals: Rival[] = [];
	const absent: string[] = [];
	const from = createRequire(join(modules ?? installedPeers(), 'package.json'));
	for (const open of [openSqlite, openDuck]) {
		try {
			rivals.push(await open(from));
		} catch (error) {
			absent.push(error instanceof Error ? error.message.split('\n')[0]! : String(error));
		}
	}
	rivals.push(openAlasql());
	return { rivals, absent };
}

/** The folder of the peers' own package.json; installs the packages it names if they are missing. */
function installedPeers(): string {
	const folder = join(import.meta.dirname, 'peers');
	if (existsSync(join(folder, 'node_modules', '.package-lock.json'))) return folder;
	console.log('installing better-sqlite3 and DuckDB: this takes a minute or two if SQLite must be compiled');
	// If this fails, opening the engines reports what is missing.
	spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] });
	return folder;
}

function openSqlite(from: NodeJS.Require): Rival {
	const Database = from('better-sqlite3') as SqliteModule;
	const database = new Database(':memory:');
	database.pragma('temp_store = memory');
	// SQLite has percentiles only if it was built with them.
	database.aggregate('p95', {
		start: () => [],
		step: (list: number[], value: number | null) => {
			if (value !== null) list.push(value);
		},
		result: percentile95,
	});
	const sqlite = database.prepare('SELECT sqlite_version()').raw().all()[0]![0];
	return {
		engine: 'SQLite',
		version: `${sqlite} (better-sqlite3 ${versionOf(from, 'better-sqlite3')})`,
		async load(name, columns, rows) {
			const types: Partial<Record<Column['type'], string>> = { int: 'INTEGER', float: 'REAL' };
			const key = (column: Column) => (column.name === 'id' ? ' PRIMARY KEY' : '');
			database.exec(
				`CREATE TABLE ${name} (${columns.map((c) => `${c.name} ${types[c.type] ?? 'TEXT'}${key(c)}`).join(', ')}); BEGIN`,
			);
			const insert = database.prepare(`INSERT INTO ${name} VALUES (${columns.map(() => '?').join(', ')})`);
			for (const row of rows) insert.run(row);
			database.exec('COMMIT');
			if (name === 'headers') database.exec('CREATE INDEX headers_exchange ON headers (exchange_id)');
			database.exec('ANALYZE');
		},
		query: (sql) => database.prepare(sql).raw().all(),
		close: () => database.close(),
	};
}

async function openDuck(from: NodeJS.Require): Promise<Rival> {
	const { DuckDBInstance } = from('@duckdb/node-api') as DuckModule;
	const connection = await (await DuckDBInstance.create(':memory:')).connect();
	const version = (await connection.runAndReadAll('SELECT version()')).getRows()[0]![0];
	return {
		engine: 'DuckDB',
		version: `${version} (@duckdb/node-api ${versionOf(from, '@duckdb/node-api')})`,
		async load(name, columns, rows) {
			const folder = mkdtempSync(join(tmpdir(), 'tinytap-bench-'));
			try {
				const file = join(folder, 'rows.csv');
				writeCsv(file, rows);
				const types: Partial<Record<Column['type'], string>> = { int: 'BIGINT', float: 'DOUBLE' };
				const list = columns.map((c) => `'${c.name}': '${types[c.type] ?? 'VARCHAR'}'`).join(', ');
				await connection.run(
					`CREATE TABLE ${name} AS FROM read_csv('${file}', header = false, delim = ',', quote = '"', escape = '"', nullstr = '\\N', columns = {${list}})`,
				);
			} finally {
				rmSync(folder, { recursive: true });
			}
		},
		query: async (sql) => (await connection.runAndReadAll(sql)).getRows(),
		close: () => connection.closeSync(),
	};
}

function openAlasql(): Rival {
	const from = createRequire(import.meta.url);
	// A separate copy, because the executor of the one that src/sql parses with is disabled.
	delete from.cache[from.resolve('alasql')];
	const alasql = from('alasql') as Alasql;
	alasql.aggr.p95 = (value, state, stage) => {
		if (stage === 3) return percentile95(state ?? []);
		const list = state ?? [];
		if (value !== null) list.push(value);
		return list;
	};
	alasql.aggr.P95 = alasql.aggr.p95;
	return {
		engine: 'alasql',
		version: versionOf(from, 'alasql'),
		async load(name, columns, rows) {
			alasql(`CREATE TABLE ${name} (${columns.map((c) => `\`${c.name}\``).join(', ')})`);
			// Object literals of one shape, like a typical program's own rows.
			const make = new Function(
				'row',
				`return {${columns.map((c, i) => `${JSON.stringify(c.name)}: row[${i}]`).join(', ')}}`,
			);
			const data = alasql.tables[name]!.data;
			for (const row of rows) data.push(make(row) as Record<string, SqlValue>);
		},
		query(sql) {
			// Quote names that are keywords of its grammar with backquotes.
			const quoted = sql.replace(
				/\b(path|method|host|status|id|name|place|n|a|p|v|count_)\b(?!\()(?=[^']*(?:'[^']*'[^']*)*$)/g,
				'`$1`',
			);
			return alasql(quoted).map((row) => Object.values(row));
		},
		close: () => {},
	};
}

/** Interpolated, like percentile_cont. */
function percentile95(list: number[]): number | null {
	if (list.length === 0) return null;
	const sorted = Float64Array.from(list).sort();
	const place = (sorted.length - 1) * 0.95;
	const below = Math.floor(place);
	const above = Math.min(below + 1, sorted.length - 1);
	return sorted[below]! + (sorted[above]! - sorted[below]!) * (place - below);
}

function writeCsv(file: string, rows: Iterable<SqlValue[]>): void {
	const handle = openSync(file, 'w');
	let text = '';
	const cell = (value: SqlValue) =>
		value === null ? '\\N' : typeof value === 'string' ? `"${value.replaceAll('"', '""')}"` : String(value);
	for (const row of rows) {
		text += `${row.map(cell).join(',')}\n`;
		if (text.length < 1 << 20) continue;
		writeSync(handle, text);
		text = '';
	}
	writeSync(handle, text);
	closeSync(handle);
}

/** The version in the package.json next to or above the file that `name` resolves to. */
function versionOf(from: NodeJS.Require, name: string): string {
	for (let folder = dirname(from.resolve(name)); folder !== dirname(folder); folder = dirname(folder)) {
		try {
			const read = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
				name?: string;
				version?: string;
			};
			if (read.name === name && read.version !== undefined) return read.version;
		} catch {
			// It is not in this folder.
		}
	}
	return 'unknown';
}
