// The tables of a store of many hosts. Those of `exchanges` and `loss` follow from the columns of the same tables here,
// so that a new column reaches the stores by itself.
import { EXCHANGE_COLUMNS } from '../store/exchange-table.ts';
import { LOSS_COLUMNS } from '../store/loss-table.ts';

/**
 * `word`: a text that is one of few. `body`: a text that can be large. `instant`: a time with microseconds. `list`: texts in
 * order.
 */
export type StoreType = 'text' | 'word' | 'body' | 'int' | 'float' | 'instant' | 'list';

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
	/** What rows are sorted by. Rows that agree in all of these are one row that was stored twice. */
	readonly key: readonly string[];
	/** The time by which old rows are deleted. */
	readonly time: string;
	/** Columns by whose exact value single rows are looked up. */
	readonly lookedUp: readonly string[];
};

export type StoreTableName = 'exchanges' | 'loss' | 'gaps';

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
const FEW_VALUES: ReadonlySet<string> = new Set(['remote_name', 'content_type', 'content_encoding', 'user_agent']);
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

function storeType({ name, type, words, dictionary }: (typeof EXCHANGE_COLUMNS)[number]): StoreType {
	if (type === 'int' || type === 'float') return type;
	if (type === 'datetime') return 'instant';
	if (name === 'req_body' || name === 'res_body') return 'body';
	const isWord = words !== undefined || (dictionary !== undefined && !MANY_VALUES.has(name)) || FEW_VALUES.has(name);
	return isWord ? 'word' : 'text';
}

const EXCHANGES: StoreTable = {
	name: 'exchanges',
	description: 'One row for each exchange that an agent has seen complete; a loopback exchange has one for each side.',
	columns: [
		...ORIGIN,
		column('seq', 'int', 'number of the row within the run: 1, 2, 3 …'),
		...LABELS,
		...SENT_COLUMNS.map((each) => ({
			name: each.name,
			type: storeType(each),
			nullable: each.name !== 'id' && each.name !== 'ts',
			description: each.description,
		})),
		...FIELD_COLUMNS,
	],
	key: ['host_name', 'ts', 'run', 'seq'],
	time: 'ts',
	lookedUp: ['trace_id', 'request_id'],
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
	lookedUp: [],
};

/** Why exchanges are missing from a store. */
export const GAP_REASONS = ['not running', 'not read in time', 'spool full', 'rejected'] as const;
export type GapReason = (typeof GAP_REASONS)[number];

const GAPS: StoreTable = {
	name: 'gaps',
	description: 'Times from which exchanges are missing, and how many.',
	columns: [
		...ORIGIN,
		column('from_ts', 'instant', 'the gap begins (UTC)'),
		column('to_ts', 'instant', 'the gap ends (UTC)'),
		column('rows', 'int', 'how many exchanges are missing; NULL if that is not known', true),
		column('reason', 'word', `why they are missing: ${GAP_REASONS.join(', ')}`),
	],
	key: ['host_name', 'from_ts', 'to_ts', 'run', 'reason'],
	time: 'from_ts',
	lookedUp: [],
};

/** The tables that agents write. */
export const STORE_TABLES: readonly StoreTable[] = [EXCHANGES, LOSS, GAPS];

/** In the portable form, an instant is two columns: its whole seconds, and this one: microseconds since 1970. */
export function microsecondsOf(name: string): string {
	return `${name}_us`;
}
