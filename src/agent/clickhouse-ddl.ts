// The tables and rights of a ClickHouse store as SQL. The modern form is for ClickHouse from 23.8 on; the portable one
// leaves out what ClickHouse 18 lacks.
import { createHash } from 'node:crypto';
import { microsecondsOf, STORE_TABLES, type StoreColumn, type StoreTable } from './store-tables.ts';

export type StoreForm = {
	readonly database: string;
	/** Tables on each node of this cluster, and distributed ones above them. */
	readonly cluster: string | undefined;
	/** Days after which rows are deleted; undefined: never. The portable form has no deletion. */
	readonly ttlDays: number | undefined;
	readonly portable: boolean;
};

/** Passwords of the users to create; without one, the user is left to whoever runs the statements. */
export type Passwords = { readonly agent?: string | undefined; readonly reader?: string | undefined };

/** A column as a store has it. */
export type DeclaredColumn = {
	readonly name: string;
	/** Its type as system.columns shows it. */
	readonly type: string;
	/** What follows the type: default, codec. */
	readonly rest: string;
};

export const AGENT_ROLE = 'tinytap_agent';
export const READER_ROLE = 'tinytap_reader';

/**
 * Retries of a batch are recognised among this many earlier inserts. A store for many hosts that is unreachable for
 * minutes can receive more in between; then the sorting key makes the second copy disappear when parts are merged.
 */
const DEDUPLICATED_INSERTS = 10_000;

/** The statements that create everything, in order. */
export function storeStatements(form: StoreForm, passwords: Passwords = {}): string[] {
	return [...tableStatements(form), ...rightStatements(form, passwords)];
}

/** The statements that create the database, its tables and views. */
export function tableStatements(form: StoreForm): string[] {
	return [databaseStatement(form), ...STORE_TABLES.flatMap((table) => statementsOf(table, form)), headersView(form)];
}

/** A name as it is written in a statement. */
export function identifier(name: string): string {
	return /^[a-z_][a-z0-9_]*$/i.test(name) ? name : `\`${name.replace(/[\\`]/g, '\\$&')}\``;
}

/** A text as it is written in a statement. */
export function literal(text: string): string {
	return `'${text.replace(/[\\']/g, '\\$&')}'`;
}

function databaseStatement(form: StoreForm): string {
	return `CREATE DATABASE IF NOT EXISTS ${identifier(form.database)}${onCluster(form)}`;
}

/** ON CLUSTER needs a coordination service, which the portable form does without: run its statements on each node. */
function onCluster({ cluster, portable }: StoreForm): string {
	return cluster === undefined || portable ? '' : ` ON CLUSTER ${identifier(cluster)}`;
}

/** The table that holds the rows of one node. */
export function localName(table: string, { cluster }: Pick<StoreForm, 'cluster'>): string {
	return cluster === undefined ? table : `${table}_local`;
}

function statementsOf(table: StoreTable, form: StoreForm): string[] {
	const { database, cluster } = form;
	const local = `${identifier(database)}.${localName(table.name, form)}`;
	const columns = declaredColumns(table, form).map(({ name, type, rest }) => `    ${name} ${type}${rest}`);
	const created = [
		`CREATE TABLE IF NOT EXISTS ${local}${onCluster(form)}`,
		'(',
		[...columns, ...indexes(table, form)].join(',\n'),
		')',
		`ENGINE = ${engine(table, form)}`,
		`PARTITION BY toYYYYMMDD(${table.time})`,
		`ORDER BY (${sortingKey(table, form).join(', ')})`,
		...lifetime(table, form),
		...settings(form),
	].join('\n');
	if (cluster === undefined) return [created];
	const whole = `${identifier(database)}.${table.name}`;
	const target = [cluster, database, localName(table.name, form)].map(identifier).join(', ');
	return [
		created,
		`CREATE TABLE IF NOT EXISTS ${whole}${onCluster(form)} AS ${local}\nENGINE = Distributed(${target}, cityHash64(host_name))`,
	];
}

function engine(table: StoreTable, { cluster, portable, database }: StoreForm): string {
	const version = table.version === undefined ? [] : [table.version];
	if (cluster === undefined || portable)
		return `ReplacingMergeTree${version.length === 0 ? '' : `(${version.join(', ')})`}`;
	const path = `/clickhouse/tables/{shard}/${database}/${localName(table.name, { cluster })}`;
	return `ReplicatedReplacingMergeTree(${[literal(path), "'{replica}'", ...version].join(', ')})`;
}

function sortingKey(table: StoreTable, { portable }: StoreForm): string[] {
	return table.key.map((name) => {
		const { type, nullable } = table.columns.find((each) => each.name === name)!;
		if (type === 'instant' && portable) return microsecondsOf(name);
		return nullable ? `ifNull(${name}, 0)` : name;
	});
}

function lifetime({ expires }: StoreTable, { ttlDays, portable }: StoreForm): string[] {
	return ttlDays === undefined || portable ? [] : [`TTL toDateTime(${expires}) + INTERVAL ${ttlDays} DAY`];
}

function settings({ portable, ttlDays, cluster }: StoreForm): string[] {
	if (portable) return [];
	const window = cluster === undefined ? 'non_replicated_deduplication_window' : 'replicated_deduplication_window';
	const all = [`${window} = ${DEDUPLICATED_INSERTS}`, ...(ttlDays === undefined ? [] : ['ttl_only_drop_parts = 1'])];
	return [`SETTINGS ${all.join(', ')}`];
}

function indexes({ lookedUp }: StoreTable, { portable }: StoreForm): string[] {
	if (portable) return [];
	return lookedUp.map((name) => `    INDEX ${name}_index ${name} TYPE bloom_filter GRANULARITY 4`);
}

/** The columns of a table in this form. */
export function declaredColumns(table: StoreTable, form: Pick<StoreForm, 'portable'>): DeclaredColumn[] {
	const stored = table.columns.flatMap((column) => (form.portable ? portableColumns(column) : [modernColumn(column)]));
	return form.portable ? stored : [...stored, ...maps(table)];
}

function modernColumn({ name, type, nullable }: StoreColumn): DeclaredColumn {
	const wrapped = (inner: string) => (nullable ? `Nullable(${inner})` : inner);
	switch (type) {
		case 'word':
			return { name, type: `LowCardinality(${wrapped('String')})`, rest: '' };
		case 'text':
			return { name, type: wrapped('String'), rest: ' CODEC(ZSTD(1))' };
		case 'body':
			return { name, type: wrapped('String'), rest: ' CODEC(ZSTD(3))' };
		case 'int':
			return { name, type: wrapped('Int64'), rest: ' CODEC(T64, ZSTD(1))' };
		case 'version':
			return { name, type: 'UInt64', rest: ' CODEC(T64, ZSTD(1))' };
		case 'float':
			return { name, type: wrapped('Float64'), rest: ' CODEC(ZSTD(1))' };
		case 'list':
			// Values of fields repeat too little for a dictionary.
			return name.endsWith('_header_values')
				? { name, type: 'Array(String)', rest: ' CODEC(ZSTD(1))' }
				: { name, type: 'Array(LowCardinality(String))', rest: '' };
		case 'instant':
			return {
				name,
				type: wrapped("DateTime64(6, 'UTC')"),
				rest: `${name === ARRIVAL ? ' DEFAULT now64(6)' : ''} CODEC(Delta, ZSTD(1))`,
			};
	}
}

/** The store gives the time of arrival. */
const ARRIVAL = 'ingested_at';

function portableColumns({ name, type, nullable }: StoreColumn): DeclaredColumn[] {
	const wrapped = (inner: string) => (nullable ? `Nullable(${inner})` : inner);
	if (type === 'list') return [{ name, type: 'Array(String)', rest: '' }];
	if (type === 'int') return [{ name, type: wrapped('Int64'), rest: '' }];
	if (type === 'version') return [{ name, type: 'UInt64', rest: '' }];
	if (type === 'float') return [{ name, type: wrapped('Float64'), rest: '' }];
	if (type !== 'instant') return [{ name, type: wrapped('String'), rest: '' }];
	const arrival = name === ARRIVAL;
	const seconds = { name, type: wrapped("DateTime('UTC')"), rest: arrival ? ' DEFAULT now()' : '' };
	return arrival ? [seconds] : [seconds, { name: microsecondsOf(name), type: wrapped('Int64'), rest: '' }];
}

/** Maps for people who write SQL by hand. They take no space, and are not in SELECT *. */
function maps(table: StoreTable): DeclaredColumn[] {
	return table.columns
		.filter(({ name, type }) => type === 'list' && name.endsWith('_names'))
		.map(({ name }) => {
			const stem = name.replace(/_names$/, '');
			const values = `${stem}_values`;
			const keys = stem === 'label' ? name : `arrayMap(name -> lower(name), ${name})`;
			return {
				name: `${stem}s`,
				type: 'Map(String, String)',
				rest: ` ALIAS CAST((${keys}, ${values}), 'Map(String, String)')`,
			};
		});
}

/** The table `headers`: one row for each field line. */
function headersView(form: StoreForm): string {
	const { database } = form;
	const part = (message: string, short: string) =>
		[
			`SELECT host_name, run, id AS exchange_id, '${message}' AS message, toInt64(place) - 1 AS seq,`,
			`    lower(raw_name) AS name, raw_name, header_value, toInt64(place > length(${short}_header_names) - ${short}_trailers) AS trailer`,
			`FROM ${identifier(database)}.exchanges`,
			`ARRAY JOIN ${short}_header_names AS raw_name, ${short}_header_values AS header_value, arrayEnumerate(${short}_header_names) AS place`,
		].join('\n');
	return `CREATE VIEW IF NOT EXISTS ${identifier(database)}.headers${onCluster(form)} AS\n${part('request', 'req')}\nUNION ALL\n${part('response', 'res')}`;
}

/** Roles, and users with them. ClickHouse 18 has users only in its configuration. */
export function rightStatements(form: StoreForm, passwords: Passwords): string[] {
	if (form.portable) return [];
	const database = identifier(form.database);
	const where = onCluster(form);
	// A node may forward an insert to the local table of another one as the same user.
	const names = STORE_TABLES.flatMap(({ name }) => [...new Set([name, localName(name, form)])]);
	const written = names.map((name) => `${database}.${name}`);
	return [
		`CREATE ROLE IF NOT EXISTS ${AGENT_ROLE}${where}`,
		...written.map((name) => `GRANT${where} INSERT ON ${name} TO ${AGENT_ROLE}`),
		`CREATE SETTINGS PROFILE IF NOT EXISTS ${READER_ROLE}${where} SETTINGS\n${READER_LIMITS.map((limit) => `    ${limit}`).join(',\n')}`,
		`CREATE ROLE IF NOT EXISTS ${READER_ROLE}${where} SETTINGS PROFILE '${READER_ROLE}'`,
		`GRANT${where} SELECT ON ${database}.* TO ${READER_ROLE}`,
		...userStatements(AGENT_ROLE, passwords.agent, where),
		...userStatements(READER_ROLE, passwords.reader, where),
	];
}

/** A reader may lower these limits, and raise them up to MAX. */
const READER_LIMITS = [
	'readonly = 2',
	'max_execution_time = 60 MIN 1 MAX 300',
	'max_result_rows = 1000000 MIN 1 MAX 10000000',
	'max_memory_usage = 4000000000 MAX 4000000000',
	'max_threads = 4 MIN 1 MAX 8',
];

/** A user with the role of the same name. */
function userStatements(role: string, password: string | undefined, where: string): string[] {
	if (password === undefined) return [];
	const hash = createHash('sha256').update(password).digest('hex');
	return [
		`CREATE USER IF NOT EXISTS ${role}_user${where} IDENTIFIED WITH sha256_hash BY '${hash}' DEFAULT ROLE ${role}`,
		`GRANT${where} ${role} TO ${role}_user`,
	];
}

/** What a store lacks compared with this version: statements that add it. `existing`: columns by table. */
export function missingColumns(form: StoreForm, existing: ReadonlyMap<string, ReadonlySet<string>>): string[] {
	return STORE_TABLES.flatMap((table) => {
		const names = form.cluster === undefined ? [table.name] : [localName(table.name, form), table.name];
		return names.flatMap((name) => {
			const present = existing.get(name);
			if (present === undefined) return [];
			const columns = declaredColumns(table, form);
			return columns.flatMap((column, index) => {
				if (present.has(column.name)) return [];
				// A distributed table has no codecs.
				const rest =
					name === table.name && form.cluster !== undefined ? column.rest.replace(/ CODEC\(.*\)$/, '') : column.rest;
				const after = index === 0 ? '' : ` AFTER ${columns[index - 1]!.name}`;
				return [
					`ALTER TABLE ${identifier(form.database)}.${name}${onCluster(form)} ADD COLUMN ${column.name} ${column.type}${rest}${after}`,
				];
			});
		});
	});
}
