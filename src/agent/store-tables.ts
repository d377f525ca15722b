// The tables of a store of many hosts. Their columns follow from those of the same tables here, so that a new column
// reaches the stores by itself.
import { BLIND_SPOT_COLUMNS, CONNECTION_COLUMNS } from '../store/entry-table.ts';
import { EXCHANGE_COLUMNS } from '../store/exchange-table.ts';
import { LOSS_COLUMNS } from '../store/loss-table.ts';
import type { ColumnType } from '../store/table.ts';

/**
 * `word`: a text that is one of few. `body`: a text that can be large. `instant`: a time with microseconds. `list`: texts in
 * order. `version`: a number that grows with each version of a row.
 */
export type StoreType = 'text' | 'word' | 'body' | 'int' | 'float' | 'instant' | 'list' | 'version';

/** What SQL calls these types. A list is JSON, which every reader of Parquet knows how to take apart. */
export const SQL_TYPES: Readonly<Record<StoreType, ColumnType>> = {
	text: 'text',
	word: 'text',
	body: 'text',
	int: 'int',
	version: 'int',
	float: 'float',
	instant: 'datetime',
	list: 'json',
};

export type StoreColumn = {
	readonly name: string;
	readonly type: StoreType;
	readonly nullable: boolean;
	readonly description: string;
};

export type StoreTable = {
	readonly name: StoreTableName;
	readonly description: string;
	readonly columns: readonly StoreColumn[];
	/** What rows are sorted by. Rows that agree in all of these are one row that was stored twice, or versions of a row. */
	readonly key: readonly string[];
	/** Of rows that agree in the key, the one with the highest value of this column stays. Undefined: they are equal. */
	readonly version?: string;
	/** The time that says in which partition or file a row is. It is the same in all versions of a row. */
	readonly time: string;
	/** The time by which old rows are deleted. */
	readonly expires: string;
	/** Columns by whose exact value single rows are looked up. */
	readonly lookedUp: readonly string[];
};

export type StoreTableName = 'exchanges' | 'connections' | 'loss' | 'blind_spots' | 'gaps';

/** The columns that say where a row comes from. The agent gives them, and the store `ingested_at`. */
const ORIGIN: readonly StoreColumn[] = [
	column('host_name', 'word', 'name of the host on which the agent runs'),
	column('run', 'int', 'when the agent started, in milliseconds since 1970; ids are unique within a run'),
	column('ingested_at', 'instant', 'when the store received the row (UTC)'),
];

const LABELS: readonly StoreColumn[] = [
	column('agent_version', 'word', "the agent's version of tinytap"),
	column('label_names', 'list', 'names of the labels given to the agent'),
	column('label_values', 'list', 'values of these labels, in the same order'),
];

function column(name: string, type: StoreType, description: string, nullable = false): StoreColumn {
	return { name, type, nullable, description };
}

/** Columns with a text for each connection, which repeat too little to be words. */
const MANY_VALUES: ReadonlySet<string> = new Set(['local', 'remote']);
/** Texts of few values that the tables here do not keep in a dictionary. */
const FEW_VALUES: ReadonlySet<string> = new Set([
	...['remote_name', 'content_type', 'content_encoding', 'user_agent'],
	...['comm', 'side', 'protocol', 'syscalls', 'what', 'evidence'],
]);
/** Only texts are sent, and field lines as lists instead of JSON. */
export const NOT_SENT: ReadonlySet<string> = new Set(['req_body_raw', 'res_body_raw']);

const FIELD_COLUMNS: readonly StoreColumn[] = (['req', 'res'] as const).flatMap((message) => {
	const what = message === 'req' ? 'request' : 'response';
	return [
		column(`${message}_header_names`, 'list', `names of the ${what}'s fields as sent, in order, trailers last`),
		column(`${message}_header_values`, 'list', 'values of these fields, in the same order'),
		column(`${message}_trailers`, 'int', 'how many of these fields, at the end, are trailers'),
	];
});

/** The columns of `exchanges` that are sent as they are. */
export const SENT_COLUMNS = EXCHANGE_COLUMNS.filter(({ name, type }) => type !== 'json' && !NOT_SENT.has(name));

type LocalColumn = Pick<(typeof EXCHANGE_COLUMNS)[number], 'name' | 'type' | 'description' | 'words' | 'dictionary'>;

function storeType({ name, type, words, dictionary }: LocalColumn): StoreType {
	if (type === 'int' || type === 'float') return type;
	if (type === 'datetime') return 'instant';
	if (name === 'req_body' || name === 'res_body') return 'body';
	const isWord = words !== undefined || (dictionary !== undefined && !MANY_VALUES.has(name)) || FEW_VALUES.has(name);
	return isWord ? 'word' : 'text';
}

/** A column that a store has as the table here does. */
function likeHere(column: LocalColumn, nullable: boolean): StoreColumn {
	return { name: column.name, type: storeType(column), nullable, description: column.description };
}

/** The number of a row that can have several versions. */
const VERSION = column('seq', 'version', 'grows with each version of a row; the highest one counts');

const EXCHANGES: StoreTable = {
	name: 'exchanges',
	description: 'One row for each exchange that an agent has seen complete; a loopback exchange has one for each side.',
	columns: [
		...ORIGIN,
		column('seq', 'int', 'number of the row within the run: 1, 2, 3 …'),
		...LABELS,
		...SENT_COLUMNS.map((each) => likeHere(each, each.name !== 'id' && each.name !== 'ts')),
		...FIELD_COLUMNS,
	],
	key: ['host_name', 'ts', 'run', 'seq'],
	time: 'ts',
	expires: 'ts',
	lookedUp: ['trace_id', 'request_id'],
};

const CONNECTIONS: StoreTable = {
	name: 'connections',
	description:
		'One row for each connection that carried a recognised protocol: sent when it has ended, and once a minute while it is open and in use.',
	columns: [
		...ORIGIN,
		VERSION,
		...LABELS,
		...CONNECTION_COLUMNS.map((each) => likeHere(each, !['id', 'opened'].includes(each.name))),
		column('last_ts', 'instant', 'when it ended, or when the numbers were read (UTC)'),
	],
	key: ['host_name', 'opened', 'run', 'id'],
	version: 'seq',
	time: 'opened',
	expires: 'last_ts',
	lookedUp: [],
};

const LOSS: StoreTable = {
	name: 'loss',
	description:
		'What the agents have not captured: a row for a reason whenever its numbers have changed, at most once a minute.',
	columns: [
		...ORIGIN,
		column('ts', 'instant', 'when the numbers were read (UTC)'),
		...LOSS_COLUMNS.filter(({ name }) => name !== 'last_ts').map(({ name, type, description }) =>
			column(name, type === 'int' ? 'int' : 'word', type === 'int' ? `${description} in this run so far` : description),
		),
	],
	key: ['host_name', 'ts', 'run', 'reason'],
	time: 'ts',
	expires: 'ts',
	lookedUp: [],
};

const SPOTS: StoreTable = {
	name: 'blind_spots',
	description:
		'Processes that did something tinytap cannot follow: a row for each and what it did, sent when it was first seen and then once an hour while it continues.',
	columns: [
		...ORIGIN,
		VERSION,
		...LABELS,
		column('ts', 'instant', 'when the agent first saw it (UTC)'),
		...BLIND_SPOT_COLUMNS.map((each) => likeHere(each, !['what', 'last_ts'].includes(each.name))),
	],
	key: ['host_name', 'ts', 'run', 'pid', 'what'],
	version: 'seq',
	time: 'ts',
	expires: 'last_ts',
	lookedUp: [],
};

/** Why exchanges are missing from a store. */
export const GAP_REASONS = ['not running', 'not read in time', 'spool full', 'rejected'] as const;
export type GapReason = (typeof GAP_REASONS)[number];

const GAPS: StoreTable = {
	name: 'gaps',
	description: 'Times from which rows are missing, and how many.',
	columns: [
		...ORIGIN,
		column('from_ts', 'instant', 'the gap begins (UTC)'),
		column('to_ts', 'instant', 'the gap ends (UTC)'),
		column('rows', 'int', 'how many rows are missing; NULL if that is not known', true),
		column('reason', 'word', `why they are missing: ${GAP_REASONS.join(', ')}`),
		column('table_name', 'word', 'the table they are missing from: exchanges, connections or blind_spots'),
	],
	key: ['host_name', 'from_ts', 'to_ts', 'run', 'reason', 'table_name'],
	time: 'from_ts',
	expires: 'from_ts',
	lookedUp: [],
};

/** The tables that agents write. */
export const STORE_TABLES: readonly StoreTable[] = [EXCHANGES, CONNECTIONS, LOSS, SPOTS, GAPS];

/** A table by its name. */
export function storeTable(name: StoreTableName): StoreTable {
	return STORE_TABLES.find((table) => table.name === name)!;
}

/** In the portable form, an instant is two columns: its whole seconds, and this one: microseconds since 1970. */
export function microsecondsOf(name: string): string {
	return `${name}_us`;
}
