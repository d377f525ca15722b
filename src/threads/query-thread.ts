// The query thread: runs statements on snapshots of the tables, and follows new rows for the tail. It connects
// src/store and src/sql. Statements run one after another; tails continue between their slices.

import { parentPort, workerData } from 'node:worker_threads';
import { ExchangeBlocks } from '../agent/exchange-blocks.ts';
import { usageError } from '../base/errors.ts';
import { createRowRedactor, redactExchange } from '../output/redacted-exchange.ts';
import { redactedExchanges, redactedRecords, redactedTables } from '../output/redacted-tables.ts';
import { createRedactor } from '../output/redaction.ts';
import {
	execute,
	type Fetched,
	prepare,
	type ResultColumn,
	type Schema,
	Session,
	SqlError,
	type Statement,
} from '../sql/sql.ts';
import { CANCEL_ASKED, rowBytes } from '../sql/sql-light.ts';
import { type CaptureSnapshot, openDatabase, snapshotMask, TABLES } from '../store/database.ts';
import { exchangeCalls } from '../store/exchange-calls.ts';
import { type ExchangeRecord, exchangeRecord, recordsById } from '../store/exchange-detail.ts';
import { messagesReader } from '../store/exchange-messages.ts';
import type { StoreSnapshot } from '../store/exchange-store.ts';
import { exchangeTable } from '../store/exchange-table.ts';
import { lostBytes, lostEvents } from '../store/loss-table.ts';
import { type Moment, momentOf, snapshotAt } from '../store/moment.ts';
import { NameBook } from '../store/remote-names.ts';
import type { SegmentRows } from '../store/row-locator.ts';
import type { Column, ColumnType, DatabaseSnapshot, SqlValue, TableSnapshot } from '../store/table.ts';
import { type AttachedRead, AttachedTables } from './attached-tables.ts';
import {
	createExtender,
	type Extender,
	type Extension,
	type Followed,
	followedMask,
	followedRows,
	isFollowed,
	newMessages,
	sentColumns,
} from './followed-rows.ts';
import { LOCAL, localName, renamed, withOthers } from './local-tables.ts';
import {
	errorMessage,
	type FromQuery,
	type OwnTable,
	type QueryThreadData,
	STATUS_DROPPED,
	STATUS_DROPPED_AT,
	type TailProgress,
	type TailWanted,
	type ToQuery,
} from './messages.ts';
import { OnePerExchange, type SideReader, sideReader } from './one-per-exchange.ts';
import { type Link, openLink, reopenLink } from './open-link.ts';
import { SnapshotSource } from './snapshot-source.ts';
import { cancellable, MISSED_SHARD, StoreLink, type StoreRead, socketNoter } from './store-link.ts';
import { StoreTail } from './store-tail.ts';

/** If main has more than this many parts of a result left to take, the statement pauses. */
const PARTS_AHEAD = 4;
/** If there are more than this, because the statement cannot pause, the thread blocks. */
const PARTS_HELD = 16;
/**
 * Maximum number of tail rows that main has not printed yet. Further rows of a capture are dropped and counted, those
 * of a recording, and those for a store, wait.
 */
const TAIL_ROWS_AHEAD = 10_000;
/** The same in bytes. */
const TAIL_BYTES_AHEAD = 4 << 20;
/**
 * How long a client's row waits for the server's, which is then sent in its place. A server reads a request before it
 * answers, so if its row is not known when the response has ended, the server is probably not on this host.
 */
const OTHER_SIDE_MS = { known: 200, unknown: 5 };
/** Limits of completion: the number of values of a column, the length of each, and the cost of finding them. */
const VALUES = 100;
const VALUE_LENGTH = 100;
const VALUES_MS = 600;
const VALUES_MEMORY = 8 << 20;
/** Maximum number of rows that a statement reads of one table of a store. */
const STORE_ROWS = 1_000_000;
/** An answer gets no further exchanges once it has this many bytes. */
const ANSWER_BYTES = 1 << 20;
/** Main formats one part at a time. */
const TAIL_PART_BYTES = 128 << 10;
/** A block for a store, before it is compressed. */
const BLOCK_BYTES = 2 << 20;
/** How often new rows become a block: together they cost less, and nobody looks at them yet. */
const BLOCKS_EVERY_MS = 500;

const {
	signals: signalsBuffer,
	cancel: cancelBuffer,
	progress: progressBuffer,
	status: statusBuffer,
	taken: takenBuffer,
	memoryLimit,
	views,
	attached: attachedNames,
	store: openedStore,
	hostNames,
	ownSockets: ownBuffer,
	isLive,
	redactionKey,
	redactsAll,
} = workerData as QueryThreadData;
const main = parentPort!;
const cancel = new Int32Array(cancelBuffer);
const valuesCancel = new Int32Array(new SharedArrayBuffer(4));
const progress = new Float64Array(progressBuffer);
const status = new Float64Array(statusBuffer);
const taken = new Int32Array(takenBuffer);
const capture = new SnapshotSource(signalsBuffer, new NameBook(hostNames));
const { cache } = capture;
const attached = new AttachedTables(attachedNames);
const session = new Session();
const redactor = createRedactor(redactionKey);
const noteSocket = socketNoter(ownBuffer);
let store = openedStore === undefined ? undefined : reopenLink(openedStore, noteSocket);
let schema = allTables();

/** Resolves when all statements received so far have ended. */
let queue: Promise<void> = Promise.resolve();
let running: { readonly id: number; posted: number; wake: (() => void) | undefined } | undefined;

type Tail = {
	readonly id: number;
	readonly followed: Followed;
	/** What of a snapshot it reads besides the stored exchanges: SNAPSHOT_*. */
	readonly mask: number;
	readonly extend: Extender | undefined;
	readonly blocks: ExchangeBlocks | undefined;
	/** The condition and the columns see no secrets. */
	readonly redact: boolean;
	/** Rows wait in the store until main has taken some; otherwise they are dropped. */
	readonly waits: boolean;
	/**
	 * How many rows had been appended at the last look. Undefined: it has not looked yet, and earlier rows are not
	 * printed.
	 */
	seen: number | undefined;
	/** Parts that main has not printed yet, and their sums. */
	readonly unprinted: { readonly rows: number; readonly bytes: number }[];
	rows: number;
	bytes: number;
	dropped: number;
	/** A snapshot whose rows are being sent. */
	reading: Reading | undefined;
	/** Rows to be sent next, and their size in bytes. */
	outgoing: SqlValue[][];
	outgoingBytes: number;
	/** Undefined: each side's row is sent. */
	readonly sides: OnePerExchange<SqlValue[]> | undefined;
	/** The end time of the last row of a recording, which serves as its clock. */
	endMs: number;
	/** Fires when a client's row has waited long enough. */
	timer: NodeJS.Timeout | undefined;
};

/** A snapshot, and how many tails still read it. */
type SharedSnapshot = { readonly snapshot: CaptureSnapshot; readers: number };

type Reading = {
	readonly shared: SharedSnapshot;
	readonly ended: boolean;
	/** The table of new rows. */
	readonly table: TableSnapshot;
	readonly extension: Extension | undefined;
	readonly sides: SideReader | undefined;
	/** Next row. */
	row: number;
};
const tails = new Map<number, Tail>();
const storeTails = new Map<number, StoreTail>();
/** The last query that returned columns, with the snapshot and the rows of a store that it used. */
let seen:
	| { readonly sql: string; readonly moment: Moment; readonly statement: Statement; readonly fetched?: Fetched }
	| undefined;

for (const view of views) define(view);
if (views.length > 0) queue = queue.then(async () => post({ type: 'own', id: 0, own: ownTables() }));

main.on('message', (message: ToQuery) => {
	switch (message.type) {
		case 'port':
			capture.connect(message.port, ({ snapshot, ended }) => followRows(snapshot, ended));
			return;
		case 'attach':
			attached.add(message.name, message.port, message.signals);
			schema = allTables();
			return;
		case 'detach':
			inTurn(message.id, async () => detach(message.id, message.name));
			return;
		case 'connect':
			inTurn(message.id, () => connectStore(message));
			return;
		case 'disconnect':
			inTurn(message.id, async () => disconnectStore(message.id));
			return;
		case 'settle':
			store?.settled().then(
				() => postDone(message.id),
				() => postDone(message.id),
			);
			if (store === undefined) postDone(message.id);
			return;
		case 'values':
			inTurn(message.id, () => findValues(message));
			return;
		case 'run':
			Atomics.store(valuesCancel, 0, CANCEL_ASKED);
			inTurn(message.id, () => (message.raw === true ? runThere(message) : runStatement(message)));
			return;
		case 'check':
			inTurn(message.id, async () => {
				const statement = prepare(message.sql, schema, session);
				const rows = store === undefined && isFollowed(statement);
				const followedBy = statement.kind !== 'query' ? undefined : rows ? 'rows' : 'whole';
				post({ type: 'done', id: message.id, lostEvents: 0, lostBytes: 0, readsCaptured: false, followedBy });
			});
			return;
		case 'show':
			inTurn(message.id, async () => {
				const needed = message.calls ? ['exchanges', 'messages', 'events'] : ['exchanges', 'messages'];
				const snapshot = await capture.snapshot(snapshotMask(needed));
				try {
					const { exchanges: rows, tables } = openDatabase(snapshot, cache);
					const names = () => cache.names.learn(rows);
					const stored = exchangeRecord(rows, message.exchange, names);
					const found = stored && withMessages(stored, messagesReader(tables.get('messages')!));
					const record = found !== undefined && redactsAll ? redactExchange(found, redactor) : found;
					const isWhole = record === undefined || !message.calls;
					const exchange = isWhole
						? record
						: { ...record, calls: exchangeCalls(record.columns, tables.get('events')!) };
					post({ type: 'exchange', id: message.id, exchange });
				} finally {
					capture.release(snapshot);
				}
			});
			return;
		case 'show-all':
			inTurn(message.id, () => sendExchanges(message));
			return;
		case 'more':
			if (running?.id === message.id) running.wake?.();
			return;
		case 'tail':
			startTail(message);
			return;
		case 'printed':
			storeTails.get(message.id)?.printed();
			settlePart(tails.get(message.id));
			return;
		case 'tail-stop':
			storeTails.get(message.id)?.stop();
			storeTails.delete(message.id);
			stopTail(message.id);
	}
});

/** Runs `work` after the current statement. Errors are sent as the answer. */
function inTurn(id: number, work: () => Promise<void>): void {
	queue = queue.then(work).catch((error: unknown) => post({ type: 'error', id, error: errorMessage(error) }));
}

async function runStatement(message: Extract<ToQuery, { type: 'run' }>): Promise<void> {
	const { id, sql, parameters, timeoutMs, again, redact, ends, here } = message;
	const asked = here === true ? undefined : store;
	const before = again === true && seen?.sql === sql ? seen : undefined;
	const statement = before?.statement ?? prepare(sql, asked === undefined ? ownSchema() : schema, session);
	const mask = snapshotMask(statement.tables.map((table) => localName(table, asked !== undefined)));
	const now = await capture.snapshot(mask);
	const { snapshot, evicted } = before === undefined ? { snapshot: now, evicted: 0 } : snapshotAt(before.moment, now);
	if (statement.columns.length > 0 && before === undefined) seen = { sql, moment: momentOf(snapshot), statement };
	if (statement.columns.length > 0) post({ type: 'columns', id, columns: statement.columns.map(resultColumn) });
	const others = await attached.read(statement.tables);
	running = { id, posted: 0, wake: undefined };
	const seesSecrets = redact !== true && !redactsAll;
	try {
		const database = openDatabase(snapshot, cache);
		const remote = asked === undefined ? undefined : await readStore(asked, statement, message, snapshot.nowUs, before);
		if (seen?.statement === statement && remote !== undefined)
			seen = { ...seen, statement: remote.statement, fetched: remote.fetched };
		const result = await execute(remote?.statement ?? statement, withOthers(database, others, asked !== undefined), {
			session,
			parameters: new Map(parameters),
			cancel,
			memoryLimit,
			...(timeoutMs > 0 ? { timeLimitMs: timeoutMs } : {}),
			now: snapshot.nowUs,
			...(seesSecrets ? {} : { shown: withoutSecrets(database, others, asked) }),
			...(remote === undefined ? {} : { fetched: remote.fetched, explained: remote.explained }),
			progress,
			onRows: (rows) => {
				postRows(id, rows);
				return true;
			},
			pause: waitForReader,
			ends: ends && { ...ends, onFirst: (rows) => post({ type: 'first', id, rows }) },
		});
		if (result.rows.length > 0) postRows(id, result.rows);
		post({
			type: 'done',
			id,
			lostEvents: lostEvents(snapshot.loss),
			lostBytes: lostBytes(snapshot.loss),
			// `loss` by itself is always exact.
			readsCaptured: mask !== 0 && ['query', 'create table', 'insert'].includes(statement.kind),
			...(others.loss.length === 0 ? {} : { attachedLoss: others.loss }),
			...(remote === undefined || remote.missing.length === 0 ? {} : { missing: remote.missing }),
			...(evicted === 0 ? {} : { evicted }),
			...(result.ends === undefined ? {} : { ends: result.ends }),
			...(result.message === undefined ? {} : { notice: result.message }),
			...(/ view$/.test(statement.kind) ? { definesView: true } : {}),
			...(/^(create|drop) /.test(statement.kind) ? { own: ownTables() } : {}),
		});
	} finally {
		running = undefined;
		capture.release(snapshot);
		others.release();
	}
}

/** Reads what a statement needs from the store, unless it has been read before. */
async function readStore(
	link: Link,
	statement: Statement,
	{ sql, parameters, timeoutMs, redact, skipsShards = false }: Extract<ToQuery, { type: 'run' }>,
	now: number,
	before: typeof seen,
): Promise<StoreRead> {
	if (before?.fetched !== undefined) return { statement, fetched: before.fetched, explained: [], missing: [] };
	link.setLimits(timeoutMs, skipsShards);
	const hidesSecrets = redact === true || redactsAll;
	const options = {
		limits: { rows: STORE_ROWS, bytes: memoryLimit / 2 },
		parameters: new Map(parameters),
		now,
		...(hidesSecrets ? { redactor } : {}),
		again: () => prepare(sql, schema, session),
		onRows: (rows: number) => {
			progress[0] = rows;
		},
	};
	return await cancellable(cancel, timeoutMs, (signal) => link.read(statement, options, signal));
}

/** Runs a statement of ClickHouse's SQL. */
async function runThere({
	id,
	sql,
	timeoutMs,
	redact,
	skipsShards = false,
}: Extract<ToQuery, { type: 'run' }>): Promise<void> {
	if (!(store instanceof StoreLink))
		throw usageError('.store: files are asked, which have no SQL of their own', 'Write the statement without .store.');
	const link = store;
	link.setLimits(timeoutMs, skipsShards);
	running = { id, posted: 0, wake: undefined };
	try {
		await cancellable(cancel, timeoutMs, async (signal) => {
			const { columns, rows } = await link.ask(sql, STORE_ROWS, signal);
			post({ type: 'columns', id, columns });
			const hide = redact === true || redactsAll ? createRowRedactor(columns, redactor) : undefined;
			for await (const some of rows) {
				postRows(id, hide === undefined ? some : some.map((row) => [...hide(row)]));
				await waitForReader();
			}
		});
		postDone(id, link.connection.missedShard ? [MISSED_SHARD] : []);
	} finally {
		running = undefined;
	}
}

async function connectStore({ id, place }: Extract<ToQuery, { type: 'connect' }>): Promise<void> {
	const opened = await cancellable(cancel, 0, (signal) => openLink(place, noteSocket, signal));
	const taken = [...opened.source.tables.keys()].find((name) => session.has(name) !== undefined);
	if (taken !== undefined) {
		opened.close();
		throw new SqlError(
			`the store has a table ${taken}, and so have you`,
			'ERR_SQL_NAME',
			undefined,
			`DROP ${session.has(taken)!.toUpperCase()} ${taken} first`,
		);
	}
	store?.close();
	store = opened;
	seen = undefined;
	schema = allTables();
	// Plain columns: others cannot be sent.
	const tables = [...schema.tables]
		.filter(([name]) => !attached.columns.some(([key]) => key === name))
		.map(([name, table]) => ({ name, columns: table.columns.map(plainColumn) }));
	post({ type: 'connected', id, store: opened.opened, tables });
}

function plainColumn({ name, type, description }: Column): Column {
	return { name, type, description };
}

function disconnectStore(id: number): void {
	store?.close();
	store = undefined;
	seen = undefined;
	schema = allTables();
	postDone(id);
}

function postDone(id: number, missing: readonly string[] = []): void {
	post({ type: 'done', id, lostEvents: 0, lostBytes: 0, readsCaptured: false, missing });
}

/** Sends the first of the wanted exchanges, as many as fit into one message. */
async function sendExchanges({ id, ids }: Extract<ToQuery, { type: 'show-all' }>): Promise<void> {
	const snapshot = await capture.snapshot(snapshotMask(['exchanges', 'messages']));
	try {
		const { exchanges: rows, tables } = openDatabase(snapshot, cache);
		const messages = messagesReader(tables.get('messages')!);
		const record = recordsById(rows, () => cache.names.learn(rows));
		const exchanges: (ExchangeRecord | undefined)[] = [];
		for (let bytes = 0; exchanges.length < ids.length && bytes < ANSWER_BYTES; ) {
			const stored = record(ids[exchanges.length]!);
			const found = stored && withMessages(stored, messages);
			bytes += found === undefined ? 0 : rowBytes(Object.values(found.columns)) + messageBytes(found);
			exchanges.push(found !== undefined && redactsAll ? redactExchange(found, redactor) : found);
		}
		post({ type: 'exchanges', id, exchanges });
	} finally {
		capture.release(snapshot);
	}
}

function withMessages(record: ExchangeRecord, read: ReturnType<typeof messagesReader>): ExchangeRecord {
	const messages = read(Number(record.columns.id));
	return messages === undefined ? record : { ...record, messages };
}

function messageBytes({ messages }: ExchangeRecord): number {
	return messages?.messages.reduce((sum, { raw }) => sum + (raw?.byteLength ?? 0), 0) ?? 0;
}

/** The tables of the schema, without those of the user. */
function allTables(): Schema {
	const own = TABLES.map(({ name, columns }) => [name, { columns }] as const);
	if (store === undefined) return { tables: new Map([...own, ...attached.columns]) };
	const here = own.map(([name, table]) => [`${LOCAL}.${name}`, table] as const);
	return { tables: new Map([...store.source.tables, ...here, ...attached.columns]) };
}

/** The tables of this host alone. */
function ownSchema(): Schema {
	if (store === undefined) return schema;
	return { tables: new Map([...TABLES.map(({ name, columns }) => [name, { columns }] as const), ...attached.columns]) };
}

/** Forgets an attached recording that no view reads. */
function detach(id: number, name: string): void {
	const reader = session.views.find((view) => readsAttached(view.name, name));
	if (reader !== undefined)
		throw new SqlError(
			`${name} cannot be detached: the view ${reader.name} reads it`,
			'ERR_SQL_NAME',
			undefined,
			`DROP VIEW ${reader.name} first`,
		);
	attached.remove(name);
	schema = allTables();
	post({ type: 'done', id, lostEvents: 0, lostBytes: 0, readsCaptured: false });
}

function readsAttached(view: string, name: string): boolean {
	try {
		const { tables } = prepare(`FROM "${view.replaceAll('"', '""')}"`, schema, session);
		return tables.some((table) => table.startsWith(`${name}.`));
	} catch (error) {
		// The view uses a table that has been dropped.
		if (error instanceof SqlError) return false;
		throw error;
	}
}

/**
 * Returns a function that redacts the tables of a statement: those of `database`, those of attached recordings, and
 * temporary ones.
 */
function withoutSecrets(
	database: ReturnType<typeof openDatabase>,
	others: AttachedRead,
	asked: Link | undefined,
): (all: DatabaseSnapshot) => DatabaseSnapshot {
	const names = () => cache.names.learn(database.exchanges);
	return (all) => {
		const given = [...all.tables].filter(([key]) => !others.tables.has(key));
		const temporary = given.filter(([key]) => localName(key, asked !== undefined) === '');
		const own = new Map(asked === undefined ? given : [...database.tables, ...temporary]);
		const redacted = redactedTables({ tables: own }, database, names, redactor);
		const named = asked === undefined ? redacted : renamed(redacted, database);
		return { tables: new Map([...named.tables, ...others.redacted(redactor)]) };
	};
}

/** Sends values of a column. A statement that the user runs in the meantime ends the search. */
async function findValues({ id, table, column, where, typed }: Extract<ToQuery, { type: 'values' }>): Promise<void> {
	Atomics.store(valuesCancel, 0, 0);
	const name = `"${column.replaceAll('"', '""')}"`;
	const text = (value: string) => `'${value.replaceAll("'", "''")}'`;
	const conditions = [
		`${name} IS NOT NULL AND length(${name}) BETWEEN 1 AND ${VALUE_LENGTH}`,
		...(where === undefined ? [] : [`"${where[0]}" = ${text(where[1])}`]),
		...(typed === '' ? [] : [`${name} LIKE ${text(`${typed.replace(/[\\%_]/g, '\\$&')}%`)} ESCAPE '\\'`]),
	];
	const from = `"${table.replaceAll('"', '""')}"`;
	// A store would have to read all its rows for each Tab.
	if (store !== undefined) {
		post({ type: 'values', id, values: [] });
		return;
	}
	const statement = prepare(
		`SELECT DISTINCT ${name} FROM ${from} WHERE ${conditions.join(' AND ')} LIMIT ${VALUES}`,
		schema,
		session,
	);
	const snapshot = await capture.snapshot(snapshotMask(statement.tables));
	const others = await attached.read(statement.tables);
	try {
		const database = openDatabase(snapshot, cache);
		const { rows } = await execute(statement, withOthers(database, others, false), {
			session,
			...(redactsAll ? { shown: withoutSecrets(database, others, undefined) } : {}),
			cancel: valuesCancel,
			memoryLimit: VALUES_MEMORY,
			timeLimitMs: VALUES_MS,
			now: snapshot.nowUs,
		});
		post({ type: 'values', id, values: rows.map(([value]) => value ?? null) });
	} finally {
		capture.release(snapshot);
		others.release();
	}
}

/** The user's tables and views, with their columns. */
function ownTables(): OwnTable[] {
	const views = session.views.map(({ name }) => ({ name, isView: true }));
	const tables = session.tableNames.map((name) => ({ name, isView: false }));
	return [...views, ...tables].map((table) => ({ ...table, columns: columnsOf(table.name) }));
}

function columnsOf(table: string): Column[] {
	try {
		const { action } = prepare(`DESCRIBE "${table.replaceAll('"', '""')}"`, schema, session);
		const rows = action.kind === 'rows' ? action.rows : [];
		return rows.map(([name, type, description]) => ({
			name: name ?? '',
			type: (type ?? 'text') as ColumnType,
			description: description ?? '',
		}));
	} catch (error) {
		// The view uses a table that has been dropped.
		if (error instanceof SqlError) return [];
		throw error;
	}
}

function postRows(id: number, rows: readonly SqlValue[][]): void {
	post({ type: 'rows', id, rows });
	if (running === undefined) return;
	running.posted++;
	// A statement that cannot pause must not fill main's queue.
	while (unread(running) > PARTS_HELD && Atomics.load(cancel, 0) === 0) {
		Atomics.wait(taken, 0, Atomics.load(taken, 0), 20);
	}
}

function unread({ posted }: { readonly posted: number }): number {
	return posted - Atomics.load(taken, 0);
}

/** Between two slices: resolves when main has taken most of the parts, or when the statement is cancelled. */
function waitForReader(): Promise<void> | undefined {
	const current = running;
	if (current === undefined || unread(current) <= PARTS_AHEAD) return undefined;
	return new Promise((resolve) => {
		const look = () => {
			if (unread(current) > PARTS_AHEAD && Atomics.load(cancel, 0) === 0) return;
			clearInterval(timer);
			current.wake = undefined;
			resolve();
		};
		// Cancelling sends no message, so it has to be polled.
		const timer = setInterval(look, 20);
		current.wake = look;
	});
}

/** Recreates views of an earlier query thread, in order, because a view may use earlier ones. */
function define(sql: string): void {
	queue = queue
		.then(async () => {
			await execute(prepare(sql, schema, session), { tables: new Map() }, { session });
		})
		// The view may use a temporary table, which is gone. Using the view reports that.
		.catch(() => undefined);
}

/** A tail of the store. Throws a SqlError if what is wanted is not valid. */
function startStoreTail(link: Link, id: number, wanted: TailWanted): void {
	if (!(link instanceof StoreLink))
		throw usageError('files cannot be followed', 'A ClickHouse can: --store URL; so can this host: without --store.');
	const tail = new StoreTail(id, wanted, link, post);
	storeTails.set(id, tail);
	post({ type: 'columns', id, columns: tail.columns.map(resultColumn) });
	void tail.run();
}

function startTail(message: Extract<ToQuery, { type: 'tail' }>): void {
	const { id, wanted, fromStart, onePerExchange, redact, resumed } = message;
	try {
		if (store !== undefined && !('blocks' in wanted)) {
			startStoreTail(store, id, wanted);
			return;
		}
		const followed = followedRows(wanted, (sql) => prepare(sql, schema, session));
		const { table } = followed;
		const isRedacted = redact || redactsAll;
		const blocks =
			'blocks' in wanted
				? new ExchangeBlocks(wanted.blocks, isRedacted ? redactor : undefined, (resumed?.sent ?? 0) + 1)
				: undefined;
		tails.set(id, {
			id,
			followed,
			mask: followedMask(wanted, table),
			extend: createExtender(wanted, followed, {
				...{ cache, onePerExchange },
				redactor: isRedacted ? redactor : undefined,
			}),
			blocks,
			redact: isRedacted,
			waits: !isLive || blocks !== undefined,
			seen: resumed?.read ?? (fromStart ? 0 : undefined),
			unprinted: [],
			rows: 0,
			bytes: 0,
			dropped: resumed?.dropped ?? 0,
			reading: undefined,
			outgoing: [],
			outgoingBytes: 0,
			sides: onePerExchange && table === 'exchanges' ? new OnePerExchange(OTHER_SIDE_MS) : undefined,
			endMs: 0,
			timer: undefined,
		});
		post({ type: 'columns', id, columns: sentColumns(wanted, followed).map(resultColumn) });
		follow();
	} catch (error) {
		post({ type: 'error', id, error: errorMessage(error) });
	}
}

/** Follows the capture as closely as the tails need. */
function follow(): void {
	const all = [...tails.values()];
	if (all.length === 0) capture.unfollow();
	else {
		const mask = all.reduce((sum, tail) => sum | tail.mask, 0);
		capture.follow(all.every(({ blocks }) => blocks !== undefined) ? BLOCKS_EVERY_MS : 0, mask);
	}
}

function stopTail(id: number): void {
	const current = tails.get(id);
	if (current === undefined) return;
	tails.delete(id);
	clearTimeout(current.timer);
	endReading(current);
	if (tails.size === 0) follow();
}

/** The last tail that ends its reading releases the snapshot. */
function endReading(current: Tail): void {
	const { reading } = current;
	current.reading = undefined;
	if (reading !== undefined && --reading.shared.readers === 0) capture.release(reading.shared.snapshot);
}

/** Sends every tail the rows committed since the last call. */
function followRows(snapshot: CaptureSnapshot, ended: boolean): void {
	const all = [...tails.values()];
	if (all.length === 0) capture.release(snapshot);
	const shared = { snapshot, readers: all.length };
	for (const current of all) {
		try {
			current.reading = newReading(current, shared, ended);
			sendRows(current);
		} catch (error) {
			if (current.reading === undefined && --shared.readers === 0) capture.release(snapshot);
			fail(current, error);
		}
	}
}

function newReading(current: Tail, shared: SharedSnapshot, ended: boolean): Reading {
	const { store } = shared.snapshot;
	if (current.followed.table === 'messages') return { ...newMessageRows(current, shared), shared, ended, row: 0 };
	const parts = unseenRows(current, store);
	const names = () => cache.names.learn(cache.open(store));
	const captured = exchangeTable(parts, names);
	const table = current.redact ? redactedExchanges(captured, redactedRecords(parts, names, redactor)) : captured;
	const sides = current.sides === undefined ? undefined : sideReader(table);
	current.blocks?.read(parts, names);
	return { shared, ended, table, sides, extension: current.extend?.(shared.snapshot, table), row: 0 };
}

function newMessageRows(current: Tail, { snapshot }: SharedSnapshot): Pick<Reading, 'table' | 'sides' | 'extension'> {
	const seen = current.seen ?? snapshot.messages?.rows ?? 0;
	const { table, appended } = newMessages(snapshot, seen, current.redact ? redactor : undefined);
	current.seen = appended;
	countDropped(current, appended - seen - table.rowCount);
	return { table, sides: undefined, extension: current.extend?.(snapshot, table) };
}

/**
 * The rows appended since the last call. Those evicted in the meantime count as dropped, whether or not they match
 * the condition.
 */
function unseenRows(current: Tail, store: StoreSnapshot): SegmentRows[] {
	const seen = current.seen ?? store.appended;
	const parts = cache
		.open(store)
		.map((part) => ({ ...part, first: Math.max(part.first, Math.min(part.rows, seen - part.start)) }));
	const rows = parts.reduce((sum, part) => sum + part.rows - part.first, 0);
	current.seen = store.appended;
	countDropped(current, store.appended - seen - rows);
	return parts;
}

function countDropped(current: Tail, rows: number): void {
	if (rows === 0) return;
	current.dropped += rows;
	status[STATUS_DROPPED]! += rows;
	status[STATUS_DROPPED_AT] = Date.now() * 1000;
}

/** Sends rows of the current snapshot, up to its end or until main has to print some first. */
function sendRows(current: Tail): void {
	const { reading } = current;
	if (reading === undefined) return;
	readRows(current, reading);
	const isRead = reading.row >= reading.table.rowCount;
	if (isRead && reading.ended) for (const row of current.sides?.rest() ?? []) put(current, row);
	send(current);
	if (!isRead) return;
	endReading(current);
	if (!reading.ended) {
		wakeWhenDue(current);
		return;
	}
	post({ type: 'tail-end', id: current.id, dropped: current.dropped });
	stopTail(current.id);
}

/** Sends clients' rows that have waited long enough, if no new snapshot arrives first. */
function wakeWhenDue(current: Tail): void {
	clearTimeout(current.timer);
	const due = isLive ? current.sides?.nextDue : undefined;
	if (due === undefined) return;
	current.timer = setTimeout(
		() => {
			for (const row of current.sides!.due(performance.now())) put(current, row);
			send(current);
			wakeWhenDue(current);
		},
		Math.max(0, due - performance.now()),
	);
}

/** Ends the tail with an error, for example if its condition cannot be evaluated for a row. */
function fail({ id }: Tail, error: unknown): void {
	post({ type: 'error', id, error: errorMessage(error) });
	stopTail(id);
}

/** Reads rows that match the condition. Those that can wait stay unread while too many wait for main. */
function readRows(current: Tail, reading: Reading): void {
	const { sides } = current;
	const { condition, values: valuesOf } = current.followed;
	const { table, extension } = reading;
	while (reading.row < table.rowCount) {
		if (condition !== undefined && !condition(table, reading.row)) {
			reading.row++;
			continue;
		}
		if (current.waits && isFull(current)) return;
		const at = reading.row++;
		if (current.blocks !== undefined) {
			current.blocks.add(at);
			if (current.blocks.isFull || current.blocks.bytes >= BLOCK_BYTES) send(current);
			continue;
		}
		const more = extension?.(at);
		if (extension !== undefined && more === undefined) continue;
		const values = more === undefined ? valuesOf!(table, at) : [...valuesOf!(table, at), ...more];
		if (sides === undefined || reading.sides === undefined) {
			put(current, values);
			continue;
		}
		const { row, endMs } = reading.sides(at);
		current.endMs = Math.max(current.endMs, endMs);
		for (const each of sides.take(row, values, isLive ? performance.now() : current.endMs)) put(current, each);
	}
}

/** Whether the maximum number of rows waits for main. */
function isFull({ rows, bytes, outgoing, outgoingBytes, blocks }: Tail): boolean {
	const allRows = rows + outgoing.length + (blocks?.rows ?? 0);
	return allRows >= TAIL_ROWS_AHEAD || bytes + outgoingBytes + (blocks?.bytes ?? 0) >= TAIL_BYTES_AHEAD;
}

/** Adds a row to those to be sent. If it cannot wait, it is dropped if too many wait for main. */
function put(current: Tail, values: SqlValue[]): void {
	if (!current.waits && isFull(current)) {
		countDropped(current, 1);
		return;
	}
	current.outgoing.push(values);
	current.outgoingBytes += rowBytes(values);
	if (current.outgoingBytes >= TAIL_PART_BYTES) send(current);
}

function send(current: Tail): void {
	if (current.blocks !== undefined) sendBlock(current, current.blocks);
	const { outgoing: rows, outgoingBytes: bytes } = current;
	if (rows.length === 0) return;
	current.outgoing = [];
	current.outgoingBytes = 0;
	current.unprinted.push({ rows: rows.length, bytes });
	current.rows += rows.length;
	current.bytes += bytes;
	post({ type: 'rows', id: current.id, rows, progress: progressOf(current) });
}

function sendBlock(current: Tail, blocks: ExchangeBlocks): void {
	if (blocks.rows === 0) return;
	const block = blocks.take();
	const { rows, bytes } = block;
	current.unprinted.push({ rows, bytes: bytes.byteLength });
	current.rows += rows;
	current.bytes += bytes.byteLength;
	main.postMessage({ type: 'block', id: current.id, block, progress: progressOf(current) } satisfies FromQuery, [
		bytes.buffer as ArrayBuffer,
	]);
}

/** How far the rows sent so far reach. */
function progressOf({ sides, seen = 0, reading, dropped, blocks }: Tail): TailProgress {
	const unread = reading === undefined ? 0 : reading.table.rowCount - reading.row;
	const sent = blocks === undefined ? 0 : blocks.next - 1 - blocks.rows;
	return { read: sides === undefined ? seen - unread : undefined, dropped, sent };
}

/** Main has printed the oldest part. */
function settlePart(current: Tail | undefined): void {
	const part = current?.unprinted.shift();
	if (current === undefined || part === undefined) return;
	current.rows -= part.rows;
	current.bytes -= part.bytes;
	try {
		sendRows(current);
	} catch (error) {
		fail(current, error);
	}
}

/** The engine's type `any` becomes null: then the printer looks at the values. */
function resultColumn({ name, type }: ResultColumn) {
	return { name, type: type === 'any' ? null : type };
}

function post(message: FromQuery): void {
	main.postMessage(message);
}
