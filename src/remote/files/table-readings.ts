// How the rows of each table follow from the rows in files. Most are the same; those of `loss` are totals, and those of
// `headers` are in the exchanges.
import { type StoreColumn, type StoreTable, type StoreTableName, storeTable } from '../../agent/store-tables.ts';
import type { SqlValue } from '../../store/table.ts';
import { fieldsJson } from '../fields-json.ts';
import type { RemoteColumn, RemoteTable } from '../store-layout.ts';
import type { StoredRows } from './file-rows.ts';

/** Rows of a table. `value` returns the value of a column by its name; instants are microseconds since 1970. */
export type ReadRows = { readonly count: number; readonly value: (column: string, row: number) => SqlValue };

export type Reading = {
	/** The table whose files are read, and their columns that are needed. */
	readonly table: StoreTable;
	readonly stored: readonly StoreColumn[];
	/** The rows of the table that follow from these; undefined if they only count in `totals`. */
	readonly rows: (rows: StoredRows) => ReadRows | undefined;
	readonly totals?: () => ReadRows;
};

/** How to read these columns of a table. */
export function readingOf(table: RemoteTable, columns: readonly RemoteColumn[]): Reading {
	if (table.name === 'headers') return headersReading();
	if (table.name === 'loss') return lossReading();
	const byName = new Map(columns.map((column) => [column.name, column]));
	const stored = storeTable(table.name as StoreTableName);
	return {
		table: stored,
		stored: only(stored, columns.flatMap(storedNames)),
		rows: (rows) => ({ count: rows.count, value: (column, row) => columnValue(byName.get(column)!, rows, row) }),
	};
}

function only({ columns, key, version }: StoreTable, names: readonly string[]): StoreColumn[] {
	const wanted = new Set(version === undefined ? names : [...names, ...key, version]);
	return columns.filter(({ name }) => wanted.has(name));
}

/** The columns of files that a column is made of. */
function storedNames({ name, fields }: RemoteColumn): string[] {
	return fields === undefined ? [name] : [namesOf(name), fields.values, ...(ABSENT.get(name) ?? [])];
}

function namesOf(name: string): string {
	return `${name.replace(/s$/, '')}_names`;
}

/** Without fields, the message was seen only if this column has a value. */
const ABSENT: ReadonlyMap<string, readonly [string]> = new Map([
	['req_headers', ['method']],
	['res_headers', ['status']],
]);

function columnValue({ name, fields }: RemoteColumn, rows: StoredRows, row: number): SqlValue {
	if (fields === undefined) return rows.columns.get(name)![row] as SqlValue;
	const names = texts(rows, namesOf(name), row);
	const absent = ABSENT.get(name);
	if (names.length === 0 && absent !== undefined && rows.columns.get(absent[0])![row] === null) return null;
	return fieldsJson(names, texts(rows, fields.values, row), fields.foldsNames);
}

function texts(rows: StoredRows, column: string, row: number): readonly string[] {
	return (rows.columns.get(column)![row] ?? []) as readonly string[];
}

/** One row for each field line. */
function headersReading(): Reading {
	const exchanges = storeTable('exchanges');
	const lists = ['req', 'res'].flatMap((message) => ['names', 'values'].map((list) => `${message}_header_${list}`));
	return {
		table: exchanges,
		stored: only(exchanges, ['host_name', 'run', 'id', 'req_trailers', 'res_trailers', ...lists]),
		rows: (rows) => {
			const lines: { readonly exchange: number; readonly message: 'req' | 'res'; readonly seq: number }[] = [];
			for (let exchange = 0; exchange < rows.count; exchange++)
				for (const message of ['req', 'res'] as const)
					for (const seq of texts(rows, `${message}_header_names`, exchange).keys())
						lines.push({ exchange, message, seq });
			return {
				count: lines.length,
				value: (column, line) => {
					const { exchange, message, seq } = lines[line]!;
					const names = texts(rows, `${message}_header_names`, exchange);
					switch (column) {
						case 'exchange_id':
							return rows.columns.get('id')![exchange] as SqlValue;
						case 'message':
							return message === 'req' ? 'request' : 'response';
						case 'seq':
							return seq;
						case 'name':
							return names[seq]!.toLowerCase();
						case 'raw_name':
							return names[seq]!;
						case 'header_value':
							return texts(rows, `${message}_header_values`, exchange)[seq] ?? null;
						case 'trailer':
							return seq >= names.length - Number(rows.columns.get(`${message}_trailers`)![exchange]) ? 1 : 0;
						default:
							return rows.columns.get(column)![exchange] as SqlValue;
					}
				},
			};
		},
	};
}

/** Agents write the totals of a run again and again; the largest count. */
function lossReading(): Reading {
	const table = storeTable('loss');
	const numbers = ['events', 'bytes', 'ts'] as const;
	const totals = new Map<string, Record<string, SqlValue>>();
	return {
		table,
		stored: only(table, ['host_name', 'run', 'reason', 'kind', ...numbers]),
		rows: (rows) => {
			const value = (column: string, row: number) => rows.columns.get(column)![row] as SqlValue;
			for (let row = 0; row < rows.count; row++) {
				const own = ['host_name', 'run', 'reason', 'kind'].map((name) => [name, value(name, row)] as const);
				const id = JSON.stringify(own.slice(0, 3).map(([, each]) => String(each)));
				const known = totals.get(id) ?? Object.fromEntries(own);
				for (const name of numbers) known[name] = Math.max(Number(known[name] ?? 0), Number(value(name, row)));
				totals.set(id, known);
			}
			return undefined;
		},
		totals: () => {
			const rows = [...totals.values()];
			return { count: rows.length, value: (column, row) => rows[row]![column === 'last_ts' ? 'ts' : column] ?? null };
		},
	};
}

/** Of rows with the same key, only the one with the highest version. All of them are in files of the same hour. */
export function newestRows(parts: readonly StoredRows[], { key, version, columns }: StoreTable): StoredRows {
	const newest = new Map<string, { readonly rows: StoredRows; readonly row: number; readonly version: number }>();
	for (const rows of parts) {
		for (let row = 0; row < rows.count; row++) {
			const id = JSON.stringify(key.map((name) => String(rows.columns.get(name)![row])));
			const own = Number(rows.columns.get(version!)![row]);
			if ((newest.get(id)?.version ?? -1) < own) newest.set(id, { rows, row, version: own });
		}
	}
	const found = [...newest.values()];
	const names = columns.map(({ name }) => name).filter((name) => parts[0]?.columns.has(name));
	return {
		count: found.length,
		columns: new Map(names.map((name) => [name, found.map(({ rows, row }) => rows.columns.get(name)![row]!)])),
	};
}
