// Parquet files as DuckDB reads them: types of columns, and every value.
import type { SqlValue } from '../../src/store/table.ts';
import { requireEqual, type Source } from './source.ts';

type Value = null | number | bigint | boolean | string | { readonly micros?: bigint; readonly bytes?: Uint8Array };
type Connection = {
	runAndReadAll(sql: string): Promise<{ getRows(): Value[][] }>;
};
type Module = { DuckDBInstance: { create(path: string): Promise<{ connect(): Promise<Connection> }> } };

/** The types in DuckDB of the types of SQL. */
const TYPES: Readonly<Record<string, string>> = {
	...{ int: 'BIGINT', float: 'DOUBLE', text: 'VARCHAR', json: 'JSON', blob: 'BLOB' },
	...{ datetime: 'TIMESTAMP WITH TIME ZONE', local: 'TIMESTAMP', date: 'DATE', time: 'TIME', interval: 'BIGINT' },
};

export async function openDuck(from: NodeJS.Require): Promise<{ connection: Connection; version: string }> {
	const { DuckDBInstance } = from('@duckdb/node-api') as Module;
	const connection = await (await DuckDBInstance.create(':memory:')).connect();
	await connection.runAndReadAll("SET TimeZone = 'UTC'");
	const [[version]] = (await connection.runAndReadAll('SELECT version()')).getRows() as [[string]];
	return { connection, version };
}

/** Throws if a type or value differs; returns what was compared. */
export async function compareParquet(source: Source, connection: Connection): Promise<string> {
	const { path, bytes, seconds } = await source.export('parquet');
	const described = (await connection.runAndReadAll(`DESCRIBE SELECT * FROM '${path}'`)).getRows();
	requireEqual(
		'types in DuckDB',
		[{ name: 'column' }, { name: 'type' }],
		described.map(([name, type]) => [name, type]),
		source.columns.map(({ name, type }) => [name, TYPES[type ?? 'text']]),
	);
	const kinds = source.columns.map(({ type }) => type);
	// As bytes, because the decoder of its Node package drops a byte order mark.
	const list = source.columns.map(({ name }, index) =>
		isText(kinds[index]!) ? `encode(CAST("${name}" AS VARCHAR))` : `"${name}"`,
	);
	const read = (await connection.runAndReadAll(`SELECT ${list.join(', ')} FROM '${path}' ORDER BY id`)).getRows();
	requireEqual(
		'values in DuckDB',
		source.columns,
		read.map((row) => row.map(comparable)),
		source.rows.map((row) => row.map((value, index) => stored(value, kinds[index]!))),
	);
	return `${read.length} rows × ${kinds.length} columns, ${bytes} bytes, ${seconds.toFixed(2)} s`;
}

/** What DuckDB should have: texts, numbers, bytes as hex, microseconds. */
function stored(value: SqlValue, type: string | null): unknown {
	if (value === null) return null;
	if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
	if (isText(type)) return Buffer.from(String(value)).toString('hex');
	if (type === 'datetime' && typeof value === 'string') {
		const [, seconds, micros] = /^(.*)\.(\d{6})Z$/.exec(value)!;
		return BigInt(Date.parse(`${seconds}Z`)) * 1000n + BigInt(micros!);
	}
	return type === 'int' ? BigInt(value as number) : value;
}

function isText(type: string | null): boolean {
	return type === 'text' || type === 'json';
}

function comparable(value: Value): unknown {
	if (typeof value !== 'object' || value === null) return value;
	return value.bytes === undefined ? value.micros : Buffer.from(value.bytes).toString('hex');
}
