// CSV and NDJSON as Python reads them, and the SQL script as sqlite3 runs it: every value.
import { spawnSync } from 'node:child_process';
import { openSync } from 'node:fs';
import { join } from 'node:path';
import type { SqlValue } from '../../src/store/table.ts';
import { requireEqual, type Source } from './source.ts';

type Kind = 'csv' | 'ndjson' | 'sql';
const SCRIPT = join(import.meta.dirname, 'read_tables.py');

/** Throws if a value differs; returns what was compared. */
export async function compareTable(source: Source, kind: Kind): Promise<string> {
	const { path, bytes } = await source.export(kind);
	const table = kind === 'sql' ? loaded(path) : path;
	const { stdout, stderr, status } = spawnSync('python3', [SCRIPT, kind, table], { maxBuffer: 1 << 30 });
	if (status !== 0) throw new Error(`python3: ${String(stderr)}`);
	const { names, rows } = JSON.parse(String(stdout)) as { names: string[]; rows: unknown[][] };
	const wanted = source.columns.map(({ name }) => name);
	requireEqual(`names in ${kind}`, source.columns, [names], [wanted]);
	const types = source.columns.map(({ type }) => type);
	requireEqual(
		kind,
		source.columns,
		rows.map((row) => row.map((value, index) => (kind === 'csv' ? value : comparable(value, kind, types[index]!)))),
		source.rows.map((row) => row.map((value, index) => expected(value, kind, types[index]!))),
	);
	return `${rows.length} rows × ${names.length} columns, ${bytes} bytes`;
}

/** Makes a database of the script. */
function loaded(script: string): string {
	const path = `${script}.db`;
	const { stderr, status } = spawnSync('sqlite3', ['-bail', path], { stdio: [openSync(script, 'r'), 'pipe', 'pipe'] });
	if (status !== 0) throw new Error(`sqlite3: ${String(stderr)}`);
	return path;
}

function expected(value: SqlValue, kind: Kind, type: string | null): unknown {
	if (kind === 'csv') {
		if (value === null) return '';
		return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : String(value);
	}
	if (value === null) return null;
	if (value instanceof Uint8Array) return kind === 'sql' ? hex(value) : Buffer.from(value).toString('base64');
	if (type === 'json' && kind === 'ndjson') return JSON.stringify(JSON.parse(String(value)));
	return typeof value === 'bigint' ? Number(value) : value;
}

function comparable(value: unknown, kind: Kind, type: string | null): unknown {
	if (value === null || typeof value !== 'object') {
		return type === 'json' && kind === 'ndjson' && value !== null ? JSON.stringify(value) : value;
	}
	return 'hex' in value && kind === 'sql' ? `hex ${String(value.hex)}` : JSON.stringify(value);
}

function hex(bytes: Uint8Array): string {
	return `hex ${Buffer.from(bytes).toString('hex')}`;
}
