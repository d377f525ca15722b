// Parquet files, read back by hyparquet. `npm run exports` compares them with DuckDB.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import type { ResultColumn } from '../../src/output/cell-text.ts';
import { createParquetWriter, type ParquetLimits } from '../../src/output/parquet.ts';
import type { SqlValue } from '../../src/store/table.ts';

async function parquetOf(
	columns: readonly ResultColumn[],
	rows: readonly (readonly SqlValue[])[],
	limits?: ParquetLimits,
): Promise<ArrayBuffer> {
	const writer = await createParquetWriter(columns, limits);
	const bytes = Buffer.concat([...rows.map((row) => writer.rows([row])), writer.end()]);
	return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
}

async function readBack(file: ArrayBuffer): Promise<Record<string, unknown>[]> {
	return await parquetReadObjects({ file, utf8: false });
}

const column = (name: string, type: ResultColumn['type']): ResultColumn => ({ name, type });

test('every type of column has its type in the file, and each value comes back', async () => {
	const columns = [
		column('int', 'int'),
		column('float', 'float'),
		column('text', 'text'),
		column('json', 'json'),
		column('blob', 'blob'),
		column('datetime', 'datetime'),
		column('local', 'local'),
		column('date', 'date'),
		column('time', 'time'),
		column('interval', 'interval'),
	];
	const rows: SqlValue[][] = [
		[
			...[2n ** 63n - 1n, 0.1, 'a\0b\u{1f600}', '{"a":[1,  2]}', Uint8Array.of(0, 255)],
			...[
				'2026-11-22T12:56:01.123456Z',
				'2026-11-22T13:56:01.123456',
				'2026-11-22',
				'12:56:01.5',
				'3 days 04:05:06.000007',
			],
		],
		columns.map(() => null),
		[
			...[-(2 ** 53), Number.NEGATIVE_INFINITY, '', '"\\u00e9"', new Uint8Array(0)],
			...['1969-12-31T23:59:59.999999Z', '9999-12-31T23:59:59.999999', '1969-12-31', '00:00:00', '-00:00:01'],
		],
	];
	const file = await parquetOf(columns, rows);
	const read = await parquetReadObjects({
		file,
		utf8: false,
		parsers: {
			...Object.fromEntries(
				['timestampFromMilliseconds', 'timestampFromMicroseconds', 'timestampFromNanoseconds', 'dateFromDays'].map(
					(name) => [name, (value: unknown) => value],
				),
			),
		} as never,
	});
	const day = 86_400_000_000n;
	const noon = BigInt(Date.UTC(2026, 10, 22, 12, 56, 1)) * 1000n + 123456n;
	assert.deepEqual(
		read.map((row) => columns.map(({ name }) => row[name])),
		[
			[
				...[2n ** 63n - 1n, 0.1, 'a\0b\u{1f600}', { a: [1, 2] }, Uint8Array.of(0, 255)],
				...[
					noon,
					noon + 3_600_000_000n,
					Number((noon - (noon % day)) / day),
					46_561_500_000n,
					3n * day + 14_706_000_007n,
				],
			],
			columns.map(() => null),
			[
				...[-(2n ** 53n), Number.NEGATIVE_INFINITY, '', 'é', new Uint8Array(0)],
				...[-1n, 253_402_300_799_999_999n, -1, 0n, -1_000_000n],
			],
		].map((row) => row.map((value) => value ?? null)),
	);
	const metadata = parquetMetadata(file);
	assert.match(metadata.created_by ?? '', /^tinytap version \d/);
	assert.deepEqual(metadata.key_value_metadata, [{ key: 'tinytap', value: '{"units":{"interval":"microseconds"}}' }]);
	const types = metadata.schema.slice(1).map(({ name, type, logical_type: logical }) => [name, type, logical?.type]);
	assert.deepEqual(types, [
		['int', 'INT64', undefined],
		['float', 'DOUBLE', undefined],
		['text', 'BYTE_ARRAY', 'STRING'],
		['json', 'BYTE_ARRAY', 'JSON'],
		['blob', 'BYTE_ARRAY', undefined],
		['datetime', 'INT64', 'TIMESTAMP'],
		['local', 'INT64', 'TIMESTAMP'],
		['date', 'INT32', 'DATE'],
		['time', 'INT64', 'TIME'],
		['interval', 'INT64', undefined],
	]);
	assert.deepEqual(
		metadata.schema.flatMap(({ name, logical_type: logical, converted_type: converted }) =>
			logical?.type === 'TIMESTAMP' ? [[name, logical.isAdjustedToUTC, converted]] : [],
		),
		[
			['datetime', true, 'TIMESTAMP_MICROS'],
			['local', false, undefined],
		],
	);
});

test('row groups are written as soon as they are large enough, and the end of the file stays small', async () => {
	const columns = [column('id', 'int'), column('body', 'blob')];
	const rows = Array.from({ length: 23 }, (_, id) => [id, Buffer.alloc(1000, String(id))]);
	const writer = await createParquetWriter(columns, { groupBytes: 5000, valueBytes: 1000 });
	const parts = rows.map((row) => writer.rows([row]));
	const end = writer.end();
	assert.equal(parts.filter(({ length }) => length > 0).length >= 4, true);
	const bytes = Buffer.concat([...parts, end]);
	const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
	const metadata = parquetMetadata(file);
	assert.equal(metadata.row_groups.length, parts.filter(({ length }) => length > 0).length + 1);
	// Bodies are not repeated in the statistics.
	assert.equal(metadata.row_groups[0]!.columns[1]!.meta_data!.statistics, undefined);
	assert.deepEqual(
		(await readBack(file)).map(({ id, body }) => [Number(id), Buffer.from(body as Uint8Array)]),
		rows,
	);
});

test('columns without a type get that of their values, and repeated names get numbers', async () => {
	const columns = ['a', 'A', 'a', 'b', 'c', 'd'].map((name) => column(name, null));
	columns.push(column('e', 'int'), column('f', 'float'), column('g', 'text'));
	const rows = [
		[null, 1, 1, 1, Uint8Array.of(1), null, 1, 1, 1],
		[null, 2n, 1.5, 'x', null, null, 2.5, 2n, Number.POSITIVE_INFINITY],
	];
	assert.deepEqual(await readBack(await parquetOf(columns, rows)), [
		{ a: null, A_2: 1n, a_3: 1, b: '1', c: Uint8Array.of(1), d: null, e: 1, f: 1, g: '1' },
		{ a: null, A_2: 2n, a_3: 1.5, b: 'x', c: null, d: null, e: 2.5, f: 2, g: 'Inf' },
	]);
});

test('a result without rows is a table without rows', async () => {
	const file = await parquetOf([column('id', 'int'), column('x', null)], []);
	assert.deepEqual(await readBack(file), []);
	assert.deepEqual(
		parquetMetadata(file).schema.map(({ name }) => name),
		['root', 'id', 'x'],
	);
});

test('a value that does not fit is an error that names its column and row', async () => {
	const small = { groupBytes: 1, valueBytes: 3 };
	const fails = async (type: ResultColumn['type'], values: readonly SqlValue[], message: RegExp) =>
		await assert.rejects(
			parquetOf(
				[column('x', type)],
				values.map((value) => [value]),
				small,
			),
			{ code: 'ERR_FORMAT', message },
		);
	await fails(null, [1, 'a'], /column x, row 2: expected an integer of 64 bits, got a text/);
	await fails('int', [1, 1.5], /column x, row 2: expected an integer of 64 bits, got the number 1\.5/);
	await fails('int', [2n ** 63n], /row 1: expected an integer of 64 bits, got the number 9223372036854775808/);
	await fails('float', [0.5, 2n ** 53n + 1n], /row 2: expected a number, got the number 9007199254740993/);
	await fails('text', ['a', Uint8Array.of(1)], /row 2: expected a text, got a blob/);
	await fails('int', [1, '5'], /row 2: expected an integer of 64 bits, got a text/);
	for (const [type, value] of [
		['datetime', '2026-11-22T12:56:01'],
		['local', '2026-11-22T12:56:01Z'],
	] as const)
		await assert.rejects(parquetOf([column('x', type)], [[value]]), new RegExp(`row 1: expected .* type ${type}, got`));
	await assert.rejects(parquetOf([column('x', 'date')], [['2026-11-22'], [null], ['x']]), /column x, row 3: /);
	await fails('blob', [Uint8Array.of(1), 'a'], /row 2: expected a value of the type blob, got a text/);
	await fails('datetime', ['x'], /row 1: expected a value of the type datetime, got a text/);
	await fails(
		'text',
		['abc', 'abcd'],
		/row 2: expected at most 3 bytes, the limit of a value in a Parquet file, got 4/,
	);
	await assert.rejects(parquetOf([column('x', null)], [['a'], [Uint8Array.of(1)]]), {
		...{ code: 'ERR_FORMAT', message: 'column x: expected values of one type, got blobs and others' },
	});
});
