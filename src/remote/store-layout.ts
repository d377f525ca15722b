// The tables of a store as SQL sees them: which columns they have, and how each is read from ClickHouse.
import { microsecondsOf, SQL_TYPES, STORE_TABLES, type StoreColumn, type StoreTable } from '../agent/store-tables.ts';
import { BLIND_SPOT_COLUMNS, CONNECTION_COLUMNS } from '../store/entry-table.ts';
import { EXCHANGE_COLUMNS } from '../store/exchange-table.ts';
import { HEADER_COLUMNS } from '../store/header-table.ts';
import { LOSS_COLUMNS } from '../store/loss-table.ts';
import type { Column, ColumnType } from '../store/table.ts';

/** What a store has. Plain data, so that threads can pass it on. */
export type StoreLayout = {
	readonly version: string;
	/** The portable form of the tables (clickhouse-ddl.ts). */
	readonly portable: boolean;
	/** The names of the columns, by table. */
	readonly columns: Readonly<Record<string, readonly string[]>>;
};

/**
 * A column of a table of a store. `expression` is its value in ClickHouse: of an instant, microseconds since 1970; of
 * fields, a list of names and one of values.
 */
export type RemoteColumn = Column & {
	readonly expression: string;
	readonly nullable: boolean;
	/** For instants: the stored time, by which rows are found fast. */
	readonly time?: { readonly column: string; readonly type: 'seconds' | 'microseconds' };
	/** For json: the other list, and what tells that there is none. */
	readonly fields?: { readonly values: string; readonly absentIf: string; readonly foldsNames: boolean };
};

export type RemoteTable = {
	readonly name: string;
	readonly columns: readonly RemoteColumn[];
	/** What stands after FROM, without the database: a table, or a subquery with `{database}` in it. */
	readonly from: string;
	/**
	 * Rows that agree in these columns are one row, which is stored twice until ClickHouse merges parts. None: inserts that
	 * are repeated are recognised.
	 */
	readonly uniqueBy: readonly string[];
};

/** Tables here, in the order of whose columns those of a store come. */
const COLUMNS_HERE: Readonly<Record<string, readonly Column[]>> = {
	exchanges: EXCHANGE_COLUMNS,
	connections: CONNECTION_COLUMNS,
	blind_spots: BLIND_SPOT_COLUMNS,
};

const HOST_COLUMNS = ['host_name', 'run', 'ingested_at'];

/** The tables that the store has. */
export function remoteTables(layout: StoreLayout): ReadonlyMap<string, RemoteTable> {
	const tables = STORE_TABLES.flatMap((table) => {
		if (layout.columns[table.name] === undefined) return [];
		return table.name === 'loss' ? [lossTable(table, layout)] : [plainTable(table, layout)];
	});
	if (layout.columns.headers !== undefined) tables.splice(1, 0, headersTable());
	return new Map(tables.map((table) => [table.name, table]));
}

/** A table whose rows are used as they are stored. Columns that tables here have, too, come in the same order. */
function plainTable(table: StoreTable, layout: StoreLayout): RemoteTable {
	const present = new Set(layout.columns[table.name]);
	const stored = new Map(table.columns.filter(({ name }) => present.has(name)).map((each) => [each.name, each]));
	const own = (COLUMNS_HERE[table.name] ?? []).map(({ name }) => name);
	const origin = HOST_COLUMNS.filter((name) => stored.has(name));
	const first = origin.slice(0, 1);
	const rest = [...stored.keys()].filter((name) => !own.includes(name) && !origin.includes(name));
	const names = [...first, ...own, ...rest, ...origin.slice(1)];
	const columns = names.flatMap((name): RemoteColumn[] => {
		const fields = fieldsColumn(name, stored);
		if (fields !== undefined) return [fields];
		const column = stored.get(name);
		return column === undefined || column.type === 'list' || name.endsWith('_trailers')
			? []
			: [plainColumn(column, layout)];
	});
	const isInstant = (name: string) => stored.get(name)?.type === 'instant';
	const { portable } = layout;
	const key = table.key.map((name) => (isInstant(name) && portable ? microsecondsOf(name) : name));
	if (table.version === undefined)
		return { name: table.name, columns, from: table.name, uniqueBy: portable ? key : [] };
	return { name: table.name, columns, from: latestVersions(table, key, portable), uniqueBy: [] };
}

/** FROM for a table whose rows have versions. FINAL fails on distributed tables of old versions of ClickHouse. */
function latestVersions({ name, version }: StoreTable, key: readonly string[], portable: boolean): string {
	if (!portable) return `${name} FINAL`;
	return `(SELECT * FROM {database}.${name} ORDER BY ${version} DESC LIMIT 1 BY ${key.join(', ')})`;
}

function plainColumn(column: StoreColumn, { portable }: StoreLayout): RemoteColumn {
	const { name, type, nullable, description } = column;
	const base = { name, type: SQL_TYPES[type], description, nullable };
	if (type === 'version') return { ...base, expression: `toInt64(${name})` };
	if (type !== 'instant') return { ...base, expression: name };
	if (!portable)
		return { ...base, expression: `toUnixTimestamp64Micro(${name})`, time: { column: name, type: 'microseconds' } };
	const seconds = { column: name, type: 'seconds' } as const;
	// The store gives the time of arrival, in whole seconds.
	if (name === 'ingested_at')
		return { ...base, expression: `toInt64(toUnixTimestamp(${name})) * 1000000`, time: seconds };
	return { ...base, expression: microsecondsOf(name), time: seconds };
}

/** `req_headers`, `res_headers` and `labels` are two lists each in a store. */
function fieldsColumn(name: string, stored: ReadonlyMap<string, StoreColumn>): RemoteColumn | undefined {
	const stem = name.replace(/_names$/, '').replace(/s$/, '');
	const [names, values] = [`${stem}_names`, `${stem}_values`];
	const isFields = name === 'req_headers' || name === 'res_headers';
	if ((!isFields && name !== 'label_names') || !stored.has(names) || !stored.has(values)) return undefined;
	const own = EXCHANGE_COLUMNS.find((column) => column.name === name);
	return {
		name: `${stem}s`,
		type: 'json',
		description: own?.description ?? 'labels given to the agent: name → value',
		expression: names,
		nullable: isFields,
		fields: {
			values,
			// A response that has fields has a status.
			absentIf: name === 'req_headers' ? 'isNull(method)' : name === 'res_headers' ? 'isNull(status)' : '0',
			foldsNames: isFields,
		},
	};
}

/** One row for each field line. */
function headersTable(): RemoteTable {
	const column = (name: string, type: ColumnType, description: string): RemoteColumn => {
		return { name, type, description, expression: name, nullable: false };
	};
	const [hostName, run] = STORE_TABLES[0]!.columns;
	return {
		name: 'headers',
		columns: [
			column('host_name', 'text', hostName!.description),
			...HEADER_COLUMNS.map(({ name, type, description }) => column(name, type, description)),
			column('run', 'int', run!.description),
		],
		from: 'headers',
		uniqueBy: [],
	};
}

/** One row for each host, run and reason: agents send the totals of a run again and again. */
function lossTable(table: StoreTable, layout: StoreLayout): RemoteTable {
	const ts = plainColumn(table.columns.find(({ name }) => name === 'ts')!, layout).expression;
	const described = (name: string) =>
		[...LOSS_COLUMNS, ...table.columns].find((column) => column.name === name)!.description;
	const column = (name: string, type: ColumnType): RemoteColumn => {
		return { name, type, description: described(name), expression: name, nullable: false };
	};
	return {
		name: 'loss',
		columns: [
			column('host_name', 'text'),
			column('reason', 'text'),
			column('kind', 'text'),
			column('events', 'int'),
			column('bytes', 'int'),
			column('last_ts', 'datetime'),
			column('run', 'int'),
		],
		from: `(SELECT host_name, run, reason, any(kind) AS kind, max(events) AS events, max(bytes) AS bytes, max(${ts}) AS last_ts FROM {database}.loss GROUP BY host_name, run, reason)`,
		uniqueBy: [],
	};
}
