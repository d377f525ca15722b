// The files that agents write to a directory, as a source of rows for statements that run here.
import { storeTable } from '../../agent/store-tables.ts';
import type { InvokingUser } from '../../base/invoking-user.ts';
import type { BatchColumn, RowBatch, RowCondition, RowSource, WantedRows } from '../../store/row-source.ts';
import type { SqlValue } from '../../store/table.ts';
import { formatTimestamp } from '../../store/timestamp.ts';
import { type RemoteColumn, type RemoteTable, remoteTables } from '../store-layout.ts';
import { conditionTest } from './condition-test.ts';
import { readStoredRows, type StoredRows } from './file-rows.ts';
import { filesOf, type HourOfFiles, hoursOf, storedTables } from './stored-files.ts';
import { newestRows, type ReadRows, readingOf } from './table-readings.ts';

export type FilesSource = RowSource & { readonly tables: ReadonlyMap<string, RemoteTable> };

/** Opens a directory. Throws a UserError if it has no files of exchanges. */
export function filesSource(directory: string, user: InvokingUser): FilesSource {
	const names = (table: (typeof stored)[number]) =>
		storeTable(table).columns.flatMap(({ name }) => (name === 'ingested_at' ? [] : name));
	const stored = storedTables(directory, user);
	const columns = Object.fromEntries(stored.map((table) => [table, names(table)]));
	// Field lines are rows of `headers`, as in a store.
	const tables = remoteTables({ version: '', portable: false, columns: { ...columns, headers: [] } });
	return {
		name: `the files in ${directory}`,
		tables,
		read: (wanted, signal) => readRows(wanted, tables.get(wanted.table)!, { directory, user }, signal),
		explain: (wanted) => explain(wanted, tables.get(wanted.table)!, { directory, user }),
	};
}

type Place = { readonly directory: string; readonly user: InvokingUser };

async function* readRows(
	wanted: WantedRows,
	table: RemoteTable,
	place: Place,
	signal: AbortSignal,
): AsyncGenerator<RowBatch> {
	const needed = new Set([...wanted.columns, ...wanted.conditions.flatMap(columnsOf)]);
	const reading = readingOf(
		table,
		[...needed].map((index) => table.columns[index]!),
	);
	const batch = (rows: ReadRows) => batchOf(rows, wanted, table);
	const { version } = reading.table;
	for (const hour of hoursWithin(wanted, table, place)) {
		const parts: StoredRows[] = [];
		for (const path of filesOf(hour, place.user)) {
			signal.throwIfAborted();
			const part = await readStoredRows(path, reading.stored, place.user);
			if (part === undefined) continue;
			if (version !== undefined) {
				parts.push(part);
				continue;
			}
			const rows = reading.rows(part);
			if (rows !== undefined) yield batch(rows);
		}
		if (parts.length > 0) yield batch(reading.rows(newestRows(parts, reading.table))!);
	}
	if (reading.totals !== undefined) yield batch(reading.totals());
}

function columnsOf(condition: RowCondition): number[] {
	return 'conditions' in condition ? condition.conditions.flatMap(columnsOf) : [condition.column];
}

/** The rows for which the conditions hold. */
function batchOf({ count, value }: ReadRows, { columns, conditions }: WantedRows, table: RemoteTable): RowBatch {
	const reader = (index: number) => {
		const { name } = table.columns[index]!;
		return (row: number) => value(name, row);
	};
	const tests = conditions.map((condition) => conditionTest(condition, reader));
	const rows: number[] = [];
	for (let row = 0; row < count; row++) if (tests.every((test) => test(row))) rows.push(row);
	return {
		rowCount: rows.length,
		columns: columns.map((index) => valuesOf(rows, reader(index), table.columns[index]!)),
	};
}

function valuesOf(rows: readonly number[], value: (row: number) => SqlValue, { type }: RemoteColumn): BatchColumn {
	if (type === 'float' || type === 'datetime')
		return Float64Array.from(rows, (row) => Number(value(row) ?? Number.NaN));
	return rows.map(value);
}

/** The hours whose rows the conditions on the host and on time allow. */
function* hoursWithin(
	{ conditions }: Pick<WantedRows, 'conditions'>,
	table: RemoteTable,
	{ directory, user }: Place,
): Generator<HourOfFiles> {
	const stored = storeTable(table.name === 'headers' ? 'exchanges' : (table.name as never));
	const time = table.name === 'headers' || table.name === 'loss' ? undefined : stored.time;
	const tests = conditions.flatMap(flat).flatMap((condition) => {
		if (!('column' in condition)) return [];
		const { name } = table.columns[condition.column]!;
		if (name === 'host_name') return [(hour: HourOfFiles) => conditionTest(condition, () => () => hour.hostName)(0)];
		return name === time && condition.kind === 'compare' ? [(hour: HourOfFiles) => mayHold(condition, hour)] : [];
	});
	for (const hour of hoursOf(directory, stored.name, user)) if (tests.every((test) => test(hour))) yield hour;
}

function flat(condition: RowCondition): RowCondition[] {
	return condition.kind === 'and' ? condition.conditions.flatMap(flat) : [condition];
}

/** Whether the condition may hold for a time of this hour. */
function mayHold({ operator, value }: RowCondition & { readonly kind: 'compare' }, { from, to }: HourOfFiles): boolean {
	const time = Number(value);
	switch (operator) {
		case '=':
			return from <= time && time < to;
		case '<':
		case '<=':
			return from <= time;
		case '>':
		case '>=':
			return time < to;
		default:
			return true;
	}
}

function explain(wanted: WantedRows, table: RemoteTable, place: Place): string[] {
	const hours = [...hoursWithin(wanted, table, place)];
	const files = hours.reduce((sum, hour) => sum + filesOf(hour, place.user).length, 0);
	const columns = wanted.columns.map((index) => table.columns[index]!.name).join(', ');
	const times = hours.map(({ from }) => from);
	const when =
		hours.length === 0
			? ''
			: ` from ${formatTimestamp(Math.min(...times))} to ${formatTimestamp(Math.max(...hours.map(({ to }) => to)))}`;
	return [
		`read ${columns === '' ? 'the number of rows' : columns} of ${table.name} from ${files === 1 ? '1 file' : `${files} files`}${when}`,
	];
}
