// Rows as a Parquet file.
import type { ParquetWriter, SchemaElement } from 'hyparquet-writer';
import { UserError } from '../base/errors.ts';
import { version } from '../base/installation.ts';
import { parseInterval, rowBytes, totalMicros } from '../sql/sql-light.ts';
import type { ColumnType, SqlValue } from '../store/table.ts';
import { numberText, type ResultColumn } from './cell-text.ts';
import { distinctNames } from './column-names.ts';

/** Rows are held until they take this many bytes; then they become a row group. */
const GROUP_BYTES = 8 << 20;
/** A page of a Parquet file has a length of 31 bits, and each value is in one page. */
const VALUE_BYTES = 2 ** 30;
const INT64_LEAST = -(2n ** 63n);
const INT64_MOST = 2n ** 63n - 1n;
const DAY_MS = 86_400_000;

export type ParquetLimits = { readonly groupBytes: number; readonly valueBytes: number };

/** Returns the bytes of each step, often none: rows any number of times, end once. */
export type ParquetRowWriter = {
	rows(rows: readonly (readonly SqlValue[])[]): Uint8Array;
	end(): Uint8Array;
};

/**
 * Writes one table. Columns have the types of the result; a column without one gets that of its values in the first row
 * group. A later value of another type, or a value that is too long, is a UserError.
 */
export async function createParquetWriter(
	columns: readonly ResultColumn[],
	limits: ParquetLimits = { groupBytes: GROUP_BYTES, valueBytes: VALUE_BYTES },
): Promise<ParquetRowWriter> {
	const library = await import('./parquet-library.ts');
	const names = distinctNames(columns.map(({ name }) => name));
	const bytes = new library.ByteWriter();
	let held: (readonly SqlValue[])[] = [];
	let heldBytes = 0;
	let written = 0;
	let file:
		| { readonly writer: ParquetWriter; readonly kinds: readonly ColumnType[]; readonly schema: SchemaElement[] }
		| undefined;

	const begin = () => {
		const kinds = columns.map(({ type }, index) => kindOf(names[index]!, type, held, index));
		const schema: SchemaElement[] = [
			{ name: 'root', num_children: names.length },
			...kinds.map((kind, i) => element(names[i]!, kind)),
		];
		const writer = new library.ParquetWriter({
			writer: bytes,
			schema,
			kvMetadata: [{ key: 'tinytap', value: JSON.stringify({ units: units(names, kinds) }) }],
			createdBy: `tinytap version ${version()}`,
		});
		return { writer, kinds, schema };
	};
	const flush = () => {
		file ??= begin();
		const { writer, kinds } = file;
		const columnData = kinds.map((kind, index) => ({
			name: names[index]!,
			data: held.map((row, at) => {
				const value = row[index] ?? null;
				if (value === null) return null;
				if (lengthOf(value) > limits.valueBytes)
					throw tooLong(names[index]!, written + at + 1, value, limits.valueBytes);
				const physical = PHYSICAL[kind](value);
				if (physical === undefined) throw otherType(names[index]!, written + at + 1, kind, value);
				return physical;
			}),
			// Those of long texts would make the end of the file, which every reader reads first, large.
			statistics: kind !== 'json' && kind !== 'blob',
		}));
		if (held.length > 0) writer.write({ columnData, rowGroupSize: held.length });
		written += held.length;
		held = [];
		heldBytes = 0;
	};
	const take = () => {
		const taken = bytes.getBytes().slice();
		bytes.index = 0;
		return taken;
	};
	return {
		rows(rows) {
			for (const row of rows) {
				held.push(row);
				heldBytes += rowBytes(row);
				if (heldBytes >= limits.groupBytes) flush();
			}
			return take();
		},
		end() {
			flush();
			// Not before: the library would encode the texts of these columns as JSON once more.
			for (const column of file!.schema) if (column.logical_type?.type === 'JSON') column.converted_type = 'JSON';
			file!.writer.finish();
			return take();
		},
	};
}

/** Columns whose type does not say the unit of their numbers. */
function units(names: readonly string[], kinds: readonly ColumnType[]): Record<string, string> {
	return Object.fromEntries(
		names.flatMap((name, index) => (kinds[index] === 'interval' ? [[name, 'microseconds']] : [])),
	);
}

/** The type of a column: that of the result, unless the first values are others. */
function kindOf(
	name: string,
	declared: ColumnType | null,
	rows: readonly (readonly SqlValue[])[],
	index: number,
): ColumnType {
	if (declared !== null && !['int', 'float', 'text', 'blob'].includes(declared)) return declared;
	const found = new Set<ColumnType>();
	for (const row of rows) {
		const value = row[index] ?? null;
		if (value !== null) found.add(typeOf(value));
	}
	if (found.size === 0) return declared ?? 'text';
	if (found.has('blob')) {
		if (found.size === 1) return 'blob';
		throw new UserError(`column ${name}: expected values of one type, got blobs and others`, 'ERR_FORMAT', ONE_TYPE);
	}
	if (found.has('text') || declared === 'text') return 'text';
	return found.has('float') || declared === 'float' ? 'float' : 'int';
}

function typeOf(value: NonNullable<SqlValue>): ColumnType {
	if (typeof value === 'string') return 'text';
	if (typeof value === 'bigint') return 'int';
	if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float';
	return 'blob';
}

function element(name: string, kind: ColumnType): SchemaElement {
	return { name, repetition_type: 'OPTIONAL', ...STORED[kind] };
}

/** How each type is stored. */
const STORED: Readonly<Record<ColumnType, Omit<SchemaElement, 'name'>>> = {
	int: { type: 'INT64' },
	float: { type: 'DOUBLE' },
	text: { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } },
	json: { type: 'BYTE_ARRAY', logical_type: { type: 'JSON' } },
	blob: { type: 'BYTE_ARRAY' },
	datetime: timestamp(true),
	local: timestamp(false),
	date: { type: 'INT32', converted_type: 'DATE', logical_type: { type: 'DATE' } },
	time: {
		type: 'INT64',
		converted_type: 'TIME_MICROS',
		logical_type: { type: 'TIME', isAdjustedToUTC: false, unit: 'MICROS' },
	},
	interval: { type: 'INT64' },
};

function timestamp(isAdjustedToUTC: boolean): Omit<SchemaElement, 'name'> {
	return {
		type: 'INT64',
		// The older annotation always means UTC.
		...(isAdjustedToUTC ? { converted_type: 'TIMESTAMP_MICROS' } : {}),
		logical_type: { type: 'TIMESTAMP', isAdjustedToUTC, unit: 'MICROS' },
	};
}

type Physical = bigint | number | string | Uint8Array;

/** The value as it is stored; undefined if it has another type. */
const PHYSICAL: Readonly<Record<ColumnType, (value: NonNullable<SqlValue>) => Physical | undefined>> = {
	int: (value) => {
		if (typeof value === 'number') return Number.isInteger(value) ? inRange(BigInt(value)) : undefined;
		return typeof value === 'bigint' ? inRange(value) : undefined;
	},
	float: (value) => {
		if (typeof value === 'number') return value;
		return typeof value === 'bigint' && BigInt(Number(value)) === value ? Number(value) : undefined;
	},
	text: (value) => {
		if (typeof value === 'string') return value;
		return typeof value === 'number' || typeof value === 'bigint' ? numberText(value) : undefined;
	},
	json: (value) => (typeof value === 'string' ? Buffer.from(value) : undefined),
	blob: (value) => (value instanceof Uint8Array ? value : undefined),
	datetime: (value) => instant(value, /^.+Z$/),
	local: (value) => instant(value, /^.+[^Z]$/),
	date: (value) => {
		const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN;
		return Number.isNaN(ms) ? undefined : Math.floor(ms / DAY_MS);
	},
	time: (value) => (typeof value === 'string' ? instant(`1970-01-01T${value}Z`, /^/) : undefined),
	interval: (value) => {
		const interval = typeof value === 'string' ? parseInterval(value) : undefined;
		return interval == null ? undefined : BigInt(totalMicros(interval));
	},
};

function inRange(value: bigint): bigint | undefined {
	return value >= INT64_LEAST && value <= INT64_MOST ? value : undefined;
}

/** Microseconds since 1970, of `2026-11-22T12:56:01.123456Z`. */
function instant(value: NonNullable<SqlValue>, form: RegExp): bigint | undefined {
	if (typeof value !== 'string' || !form.test(value)) return undefined;
	const [, seconds = '', fraction = ''] = /^(.*?)(?:\.(\d+))?Z?$/.exec(value) ?? [];
	const ms = Date.parse(`${seconds.replace(' ', 'T')}Z`);
	return Number.isNaN(ms) ? undefined : BigInt(ms) * 1000n + BigInt(fraction.slice(0, 6).padEnd(6, '0'));
}

function lengthOf(value: NonNullable<SqlValue>): number {
	return typeof value === 'string' || value instanceof Uint8Array ? value.length : 0;
}

const ONE_TYPE = 'A column of a Parquet file has one type: CAST(… AS TEXT) gives all values the same one.';

function otherType(name: string, row: number, kind: ColumnType, value: NonNullable<SqlValue>): UserError {
	const nouns: Partial<Record<ColumnType, string>> = {
		int: 'an integer of 64 bits',
		float: 'a number',
		text: 'a text',
	};
	const expected = nouns[kind] ?? `a value of the type ${kind}`;
	const got =
		typeof value === 'string' ? 'a text' : value instanceof Uint8Array ? 'a blob' : `the number ${numberText(value)}`;
	return new UserError(`column ${name}, row ${row}: expected ${expected}, got ${got}`, 'ERR_FORMAT', ONE_TYPE);
}

function tooLong(name: string, row: number, value: NonNullable<SqlValue>, most: number): UserError {
	return new UserError(
		`column ${name}, row ${row}: expected at most ${most} bytes, the limit of a value in a Parquet file, got ${lengthOf(value)}`,
		'ERR_FORMAT',
		'Leave the column out, or cut it: substr(x, 1, 1000000).',
	);
}
