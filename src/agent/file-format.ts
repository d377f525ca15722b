// The formats of the files that an agent writes.
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { createParquetWriter } from '../output/parquet.ts';
import type { SqlValue } from '../store/table.ts';
import { SQL_TYPES, type StoreColumn, type StoreTableName, storeTable } from './store-tables.ts';

const compress = promisify(gzip);

/** How the names of files end, by format. */
export const ENDINGS = { parquet: '.parquet', ndjson: '.ndjson.gz' } as const;

export type FileFormat = {
	/** With the dot. */
	readonly ending: string;
	/** `lines`: JSON objects, one per line. */
	encode(table: StoreTableName, lines: string): Promise<Uint8Array>;
	/** The same for rows with all columns of the table, if that is faster. */
	readonly encodeRows?: (table: StoreTableName, rows: SqlValue[][]) => Promise<Uint8Array>;
};

/** One JSON object per line, compressed by gzip. */
const NDJSON: FileFormat = {
	ending: ENDINGS.ndjson,
	encode: async (_, lines) => await compress(lines, { level: 6 }),
};

const PARQUET: FileFormat = { ending: ENDINGS.parquet, encode: parquet, encodeRows: parquetRows };

/** By the names that --format gives them; the first one is the default. */
export const FILE_FORMATS: ReadonlyMap<string, FileFormat> = new Map([
	['parquet', PARQUET],
	['ndjson', NDJSON],
]);

async function parquet(table: StoreTableName, lines: string): Promise<Uint8Array> {
	const columns = fileColumns(table);
	const rows = lines
		.trimEnd()
		.split('\n')
		.map((line) => {
			const values = new Map<string, unknown>(Object.entries(JSON.parse(line) as object));
			return columns.map(({ name, type }) => sqlValue(values.get(name), type));
		});
	return await parquetRows(table, rows);
}

async function parquetRows(table: StoreTableName, rows: SqlValue[][]): Promise<Uint8Array> {
	const columns = fileColumns(table).map(({ name, type }) => ({ name, type: SQL_TYPES[type] }));
	const writer = await createParquetWriter(columns);
	return Buffer.concat([writer.rows(rows), writer.end()]);
}

/** The store gives the time of arrival, and files have none. */
function fileColumns(table: StoreTableName): readonly StoreColumn[] {
	return storeTable(table).columns.filter(({ name }) => name !== 'ingested_at');
}

function sqlValue(value: unknown, type: StoreColumn['type']): SqlValue {
	if (value === undefined || value === null) return null;
	return type === 'list' ? JSON.stringify(value) : (value as SqlValue);
}
