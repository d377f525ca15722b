// Blocks of rows of exchanges, as agents send them, made of objects.
import { declaredColumns } from '../src/agent/clickhouse-ddl.ts';
import { type NativeValue, nativeBlock, nativeColumn, TIME_TYPE } from '../src/agent/native-format.ts';
import type { Origin } from '../src/agent/origin.ts';
import { type RowBlock, rowBlock } from '../src/agent/row-block.ts';
import { microsecondsOf, storeTable } from '../src/agent/store-tables.ts';

/** Columns by name; `ts_us` is the time. */
export type BlockRow = Readonly<Record<string, NativeValue>> & { readonly ts_us: number };

const COLUMNS = declaredColumns(storeTable('exchanges'), { portable: true }).filter(
	({ name }) => name !== 'ingested_at' && name !== 'ts',
);

/** Rows `first` … of an agent. Columns that no row has are left out. */
export function blockOfRows(
	{ hostName, run, agentVersion, labels }: Origin,
	first: number,
	rows: readonly BlockRow[],
): RowBlock {
	const origin = {
		host_name: hostName,
		run,
		agent_version: agentVersion,
		label_names: labels.map(([name]) => name),
		label_values: labels.map(([, value]) => value),
	};
	const all: Readonly<Record<string, NativeValue>>[] = rows.map((row, index) => ({
		...row,
		...origin,
		seq: first + index,
	}));
	const times = rows.map((row) => row[microsecondsOf('ts')] as number);
	const columns = COLUMNS.flatMap(({ name, type }) => {
		const values = all.map((row) => row[name] ?? (type.startsWith('Array') ? [] : null));
		const isMissing = values.every((value) => value === null || (Array.isArray(value) && value.length === 0));
		return isMissing ? [] : [nativeColumn(name, type, values)];
	});
	const raw = nativeBlock(rows.length, [...columns, nativeColumn('ts', TIME_TYPE, times)]);
	return rowBlock(raw, { first, rows: rows.length, fromUs: Math.min(...times), toUs: Math.max(...times) });
}
