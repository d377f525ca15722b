// The rows of one file that an agent has written: some of its columns, as values of SQL.
import { closeSync, fstatSync, readSync } from 'node:fs';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { ENDINGS } from '../../agent/file-format.ts';
import type { StoreColumn } from '../../agent/store-tables.ts';
import { systemCode, UserError } from '../../base/errors.ts';
import { fileError } from '../../base/file-error.ts';
import type { InvokingUser } from '../../base/invoking-user.ts';
import { openUserFile } from '../../base/user-files.ts';
import { parseInstant } from '../../sql/sql-light.ts';
import type { SqlValue } from '../../store/table.ts';

const decompress = promisify(gunzip);

/** The lines of a file may take this many bytes. An agent's batch has 8 MiB. */
const LINES_MOST = 256 << 20;

/** Values of a column: texts, numbers (instants in microseconds since 1970), or lists of texts; null for NULL. */
export type StoredValue = SqlValue | readonly string[];
export type StoredRows = { readonly count: number; readonly columns: ReadonlyMap<string, readonly StoredValue[]> };

/**
 * Reads columns of a file, in its order of rows. Columns that the file does not have (it is older) are NULL. Undefined if
 * the file has been removed. Throws a UserError if it cannot be read.
 */
export async function readStoredRows(
	path: string,
	columns: readonly StoreColumn[],
	user: InvokingUser,
): Promise<StoredRows | undefined> {
	let fd: number;
	try {
		fd = openUserFile(path, user);
	} catch (error) {
		if (systemCode(error) === 'ENOENT') return undefined;
		throw fileError(path, error, 'Every file below the directory of a store must be readable.');
	}
	try {
		if (path.endsWith(ENDINGS.parquet)) return await parquetRows(fd, columns);
		return await lineRows(fd, columns);
	} catch (error) {
		if (error instanceof UserError) throw error;
		throw new UserError(
			`cannot read ${path}: it is damaged, or no file that an agent has written`,
			'ERR_STORE',
			'Remove the file, or restore it from a copy; without it, its rows are missing.',
		);
	} finally {
		closeSync(fd);
	}
}

async function parquetRows(fd: number, columns: readonly StoreColumn[]): Promise<StoredRows> {
	const { parquetMetadataAsync, parquetRead, parquetSchema } = await import('../../output/parquet-library.ts');
	const byteLength = fstatSync(fd).size;
	const file = {
		byteLength,
		slice: (from: number, to = byteLength) => bytesOf(fd, from, to),
	};
	const parsers = { timestampFromMicroseconds: Number };
	const metadata = await parquetMetadataAsync(file, { parsers });
	const present = new Set(parquetSchema(metadata).children.map(({ element }) => element.name));
	const count = Number(metadata.num_rows);
	const found = columns.filter(({ name }) => present.has(name));
	const values = new Map<string, StoredValue[]>(columns.map(({ name }) => [name, new Array(count).fill(null)]));
	if (found.length > 0 && count > 0) {
		const types = new Map(columns.map(({ name, type }) => [name, type]));
		await parquetRead({
			file,
			metadata,
			columns: found.map(({ name }) => name),
			parsers,
			onChunk: ({ columnName, columnData, rowStart }) => {
				const into = values.get(columnName)!;
				const type = types.get(columnName)!;
				for (let row = 0; row < columnData.length; row++) into[rowStart + row] = storedValue(columnData[row], type);
			},
		});
	}
	return { count, columns: values };
}

function bytesOf(fd: number, from: number, to: number): ArrayBuffer {
	const bytes = new Uint8Array(to - from);
	for (let at = 0; at < bytes.length; ) {
		const read = readSync(fd, bytes, at, bytes.length - at, from + at);
		if (read === 0) throw new Error('the file has become shorter');
		at += read;
	}
	return bytes.buffer;
}

async function lineRows(fd: number, columns: readonly StoreColumn[]): Promise<StoredRows> {
	const compressed = new Uint8Array(bytesOf(fd, 0, fstatSync(fd).size));
	const lines = (await decompress(compressed, { maxOutputLength: LINES_MOST })).toString('utf8').split('\n');
	if (lines.at(-1) === '') lines.pop();
	const values = new Map<string, StoredValue[]>(columns.map(({ name }) => [name, []]));
	for (const line of lines) {
		const row = new Map<string, unknown>(Object.entries(JSON.parse(line) as object));
		for (const { name, type } of columns) values.get(name)!.push(storedValue(row.get(name), type));
	}
	return { count: lines.length, columns: values };
}

/** A value of a file as one of a column. Throws if it is none. */
function storedValue(value: unknown, type: StoreColumn['type']): StoredValue {
	if (value === undefined || value === null) return null;
	switch (type) {
		case 'list':
			if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) break;
			return value;
		case 'instant':
			if (typeof value === 'number') return value;
			if (typeof value !== 'string') break;
			return microseconds(value);
		case 'int':
		case 'version':
		case 'float':
			if (typeof value === 'bigint') return integer(value);
			if (typeof value === 'number') return value;
			break;
		default:
			if (typeof value === 'string') return value;
	}
	throw new Error('a value has another type than its column');
}

function integer(value: bigint): number | bigint {
	const near = Number(value);
	return Number.isSafeInteger(near) ? near : value;
}

/** Of a time as agents write it: `2026-11-22T12:56:01.123456Z`. */
function microseconds(text: string): number {
	const us = parseInstant(text);
	if (Number.isNaN(us)) throw new Error('expected a time');
	return us;
}
