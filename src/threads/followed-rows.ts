// What a tail follows: which rows of `exchanges` or `messages` it sends, and what of each.
import * as layout from '../../decoder-as/assembly/wire/output-layout.ts';
import { RecentMap } from '../base/recent-map.ts';
import { redactedTables } from '../output/redacted-tables.ts';
import type { Redactor } from '../output/redaction.ts';
import {
	compileCondition,
	compileProjection,
	compileRowQuery,
	isRowQuery,
	type ResultColumn,
	SqlError,
	type Statement,
} from '../sql/sql.ts';
import { type CaptureSnapshot, openDatabase, type SegmentCache } from '../store/database.ts';
import { EXCHANGE_COLUMNS, exchangeTable } from '../store/exchange-table.ts';
import { entriesOf, type MessageSnapshot } from '../store/message-log.ts';
import { MESSAGE_COLUMNS, messageTable } from '../store/message-table.ts';
import { NO_NAMES } from '../store/remote-names.ts';
import { entryBytes } from '../store/row-writer.ts';
import type { SqlValue, TableSnapshot } from '../store/table.ts';
import type { FollowedTable, TailWanted } from './messages.ts';

/** `condition` undefined: all rows. `values` undefined: they are sent in another way. */
export type Followed = {
	readonly table: FollowedTable;
	readonly columns: readonly ResultColumn[];
	readonly condition: ((table: TableSnapshot, row: number) => boolean) | undefined;
	readonly values: ((table: TableSnapshot, row: number) => SqlValue[]) | undefined;
};

const TABLE_COLUMNS = { exchanges: EXCHANGE_COLUMNS, messages: MESSAGE_COLUMNS } as const;

/** Whether a tail can apply the statement to one row at a time. */
export function isFollowed(statement: Statement): boolean {
	return isRowQuery(statement, 'exchanges') || isRowQuery(statement, 'messages');
}

/** Throws a SqlError if what is wanted is not valid. */
export function followedRows(wanted: TailWanted, prepared: (sql: string) => Statement): Followed {
	if ('sql' in wanted) {
		const statement = prepared(wanted.sql);
		const table = isRowQuery(statement, 'messages') ? 'messages' : 'exchanges';
		const query = compileRowQuery(statement, table, new Map(wanted.parameters));
		if (query === undefined) throw new Error('expected a query that reads one row at a time');
		// Reports parameters without a value before there is a row.
		const none = table === 'messages' ? messageTable(undefined) : exchangeTable([]);
		for (const part of [query.condition, query.values]) part.compile(none);
		return { table, ...query };
	}
	const table = 'blocks' in wanted ? 'exchanges' : (wanted.of ?? 'exchanges');
	try {
		return columnsFollowed(wanted, table);
	} catch (error) {
		throw withTableHint(error, table);
	}
}

function columnsFollowed(wanted: Exclude<TailWanted, { readonly sql: string }>, table: FollowedTable): Followed {
	const columns = TABLE_COLUMNS[table];
	const condition = wanted.where === undefined ? undefined : compileCondition(wanted.where, columns, { table });
	if ('blocks' in wanted) return { table, condition, columns: [], values: undefined };
	return { table, condition, ...compileProjection(wanted.columns, columns, { table }) };
}

/** If a column that does not exist is one of the other table, says so. */
function withTableHint(error: unknown, table: FollowedTable): unknown {
	const [, name] = (error instanceof SqlError && /^unknown column (\w+)$/.exec(error.message)) || [];
	const other = table === 'messages' ? 'exchanges' : 'messages';
	if (name === undefined || !TABLE_COLUMNS[other].some((column) => column.name === name.toLowerCase())) return error;
	const { message, position } = error as SqlError;
	const how = table === 'messages' ? 'leave out --messages' : 'add --messages';
	return new SqlError(message, 'ERR_SQL_NAME', position, `${name} is a column of ${other}: ${how} to follow these`);
}

/** The SNAPSHOT_* mask for what a tail reads besides the stored exchanges. */
export function followedMask(wanted: TailWanted, table: FollowedTable): number {
	if (table === 'messages') return layout.SNAPSHOT_MESSAGES | (isExtended(wanted) ? layout.SNAPSHOT_EXCHANGES : 0);
	return isExtended(wanted) ? layout.SNAPSHOT_MESSAGES : 0;
}

function isExtended(wanted: TailWanted): boolean {
	return 'columns' in wanted && wanted.extended === true;
}

/** The messages after the first `seen` of them; without secrets if there is a redactor. */
export function newMessages(
	snapshot: CaptureSnapshot,
	seen: number,
	redactor: Redactor | undefined,
): { readonly table: TableSnapshot; readonly appended: number } {
	const table = messageTable(snapshot.messages, seen);
	const appended = snapshot.messages?.rows ?? seen;
	if (redactor === undefined) return { table, appended };
	const none = { exchanges: [], inflight: [] };
	const { tables } = redactedTables({ tables: new Map([['messages', table]]) }, none, () => NO_NAMES, redactor);
	return { table: tables.get('messages')!, appended };
}

/** What is sent of a row besides its columns; undefined: the row is not sent. */
export type Extension = (row: number) => SqlValue[] | undefined;

/** The extension for a table with the new rows of a snapshot. */
export type Extender = (snapshot: CaptureSnapshot, table: TableSnapshot) => Extension;

export type ExtenderOptions = {
	readonly cache: SegmentCache;
	/** With a redactor, without secrets. */
	readonly redactor: Redactor | undefined;
	/** A message that was seen from both sides is sent once. */
	readonly onePerExchange: boolean;
};

/** Undefined if no more than the columns is wanted. */
export function createExtender(
	wanted: TailWanted,
	{ table }: Followed,
	options: ExtenderOptions,
): Extender | undefined {
	if (!isExtended(wanted)) return undefined;
	if (table === 'messages') return messageExtender(options);
	const counts = new MessageCounts();
	return ({ messages }, rows) => {
		counts.take(messages);
		const id = rows.reader(columnIndex(rows, 'id'));
		return (row) => [counts.of(Number(id.value(row)))];
	};
}

/** The columns that are sent, with those of the extension. */
export function sentColumns(wanted: TailWanted, { table, columns }: Followed): readonly ResultColumn[] {
	if (!isExtended(wanted)) return columns;
	if (table === 'exchanges') return [...columns, { name: 'messages', type: 'int' }];
	return [...columns, ...['side', 'comm', 'path'].map((name) => ({ name, type: 'text' }) as const)];
}

function columnIndex({ columns }: TableSnapshot, name: string): number {
	return columns.findIndex((column) => column.name === name);
}

/** At least so many exchanges are remembered. */
const REMEMBERED = 16_384;

/** How many messages each exchange has carried so far. */
class MessageCounts {
	#seen = 0;
	#counts = new RecentMap<number, number>(REMEMBERED);

	take(snapshot: MessageSnapshot | undefined): void {
		if (snapshot === undefined || snapshot.rows === this.#seen) return;
		const { chunks, rows } = snapshot;
		// Some were evicted before they were counted.
		if ((chunks[0]?.first ?? rows) > this.#seen) this.#counts = new RecentMap(REMEMBERED);
		for (const { buffer, first, end } of chunks) {
			const { u32, f64 } = entryBytes(buffer);
			for (const at of entriesOf({ u32, end }, this.#seen - first))
				this.#counts.set(f64[(at + layout.MESSAGE_EXCHANGE) >> 3]!, u32[(at + layout.MESSAGE_SEQ) >> 2]!);
		}
		this.#seen = rows;
	}

	/** The number of the last one; 0 if there are none, or if it is not known. */
	of(exchange: number): number {
		return this.#counts.get(exchange) ?? 0;
	}
}

/** What a line of a message says about its exchange. */
const TARGET_COLUMNS = ['side', 'comm', 'path', 'pair_id'] as const;
type Target = Readonly<Record<(typeof TARGET_COLUMNS)[number], SqlValue>>;
const UNKNOWN: Target = { side: null, comm: null, path: null, pair_id: null };
/** The other side's row may become known a little later. */
const LOOKUPS = 3;

function messageExtender({ cache, redactor, onePerExchange }: ExtenderOptions): Extender {
	const known = new RecentMap<number, { readonly target: Target; readonly lookups: number }>(REMEMBERED);
	return (snapshot, rows) => {
		let exchanges: TableSnapshot | undefined;
		const looked = new Set<number>();
		const targetOf = (exchange: number): Target => {
			const before = known.get(exchange);
			const isFinal = before !== undefined && (before.target.pair_id !== null || before.lookups >= LOOKUPS);
			if (before !== undefined && (isFinal || looked.has(exchange))) return before.target;
			looked.add(exchange);
			exchanges ??= exchangesIn(snapshot, cache, redactor);
			const target = targetIn(exchanges, exchange) ?? before?.target ?? UNKNOWN;
			known.set(exchange, { target, lookups: (before?.lookups ?? 0) + 1 });
			return target;
		};
		const id = rows.reader(columnIndex(rows, 'exchange_id'));
		return (row) => {
			const { side, comm, path, pair_id: pair } = targetOf(Number(id.value(row)));
			return onePerExchange && side === 'client' && pair !== null ? undefined : [side, comm, path];
		};
	};
}

/** The table `exchanges`, with the open ones. */
function exchangesIn(snapshot: CaptureSnapshot, cache: SegmentCache, redactor: Redactor | undefined): TableSnapshot {
	const database = openDatabase(snapshot, cache);
	const exchanges = database.tables.get('exchanges')!;
	if (redactor === undefined) return exchanges;
	const names = () => cache.names.learn(database.exchanges);
	return redactedTables({ tables: new Map([['exchanges', exchanges]]) }, database, names, redactor).tables.get(
		'exchanges',
	)!;
}

function targetIn(table: TableSnapshot, exchange: number): Target | undefined {
	const [row] = table.find!(columnIndex(table, 'id'), exchange) ?? [];
	if (row === undefined) return undefined;
	const values = TARGET_COLUMNS.map((name) => [name, table.reader(columnIndex(table, name)).value(row)] as const);
	return Object.fromEntries(values) as Target;
}
