// Main's side of the capture thread and the query thread: start, run statements, follow rows, stop.
import { setImmediate } from 'node:timers/promises';
import { MessageChannel, type MessagePort, type Worker } from 'node:worker_threads';
import type { RowBlock } from '../agent/row-block.ts';
import { systemCode, UserError } from '../base/errors.ts';
import { wait } from '../base/wait.ts';
import { explainedByDirectory } from '../base/working-directory.ts';
import type { CaptureFilters, CaptureSettings } from '../capture/capture-settings.ts';
import { ownHostNames } from '../capture/host-facts.ts';
import { explainedByLimits, requireAddressSpace } from '../capture/process-limits.ts';
import { SESSION_KEY } from '../output/redaction.ts';
import { CANCEL_ASKED, CANCEL_TIME, cancelledError, timeLimitError } from '../sql/sql-light.ts';
import { TABLES } from '../store/database.ts';
import type { ExchangeRecord, WantedExchange } from '../store/exchange-detail.ts';
import { type LossTotal, lostReasons } from '../store/loss-table.ts';
import type { NamedTable, ParameterValue, SqlValue } from '../store/table.ts';
import { ATTACHED_MAX, type AttachedEnd, AttachedRecording } from './attached-recording.ts';
import { ATTACHING_LEAST, attachedBytes, attachedShares, memoryShares, THREAD_BYTES } from './memory-shares.ts';
import {
	type BlocksTail,
	type CaptureEntries,
	type CaptureThreadData,
	type CaptureTotals,
	type ColumnValues,
	type DamageMessage,
	type FollowedBy,
	type FromCapture,
	type FromQuery,
	type OpenedStore,
	type OwnTable,
	type QueryThreadData,
	type RecordingEnd,
	type ResultColumn,
	type ResultPart,
	SIGNAL_COUNT,
	SIGNAL_MESSAGE,
	SIGNAL_STOP,
	STATUS_DROPPED_AT,
	STATUS_LENGTH,
	STATUS_LOST_BYTES,
	STATUS_LOST_EVENTS,
	STATUS_ROWS,
	STATUS_STORE_BYTES,
	STATUS_UNPRINTED,
	type StorePlace,
	type TailProgress,
	type TailWanted,
	type ToCapture,
	type ToQuery,
	thrownError,
	unprintedRows,
} from './messages.ts';
import { OwnSockets } from './own-sockets.ts';
import { startThread } from './start-thread.ts';

/** If a query thread has not ended its statement this long after a cancellation, it is terminated. */
const CANCEL_MS = 100;
/** How long the capture thread may take to end by itself. Attaching takes less than this. */
const CLOSE_MS = 3000;

/** How long ending statements in a store may take. */
const SETTLE_MS = 2500;

/** Completion waits at most this long for values. */
const VALUES_MS = 2000;

/** Maximum number of exchanges requested with one message. */
const SHOWN_TOGETHER = 100;

/** Heap of the query thread beyond the memory of a statement: code, cached texts, uncounted memory. */
const QUERY_HEAP_MIB = 40;

export type CaptureEnd = {
	readonly loss: readonly LossTotal[];
	readonly recording?: RecordingEnd;
	readonly damage?: DamageMessage;
};

export type RunOptions = {
	/** 0 if there is no limit. */
	readonly timeoutMs: number;
	readonly parameters?: readonly (readonly [string, ParameterValue])[];
	/** If this is the last query again, use the rows that it saw. */
	readonly again?: boolean | undefined;
	/** The statement sees no secrets. */
	readonly redact?: boolean | undefined;
	/** Return only this many of the first and of the last rows. */
	readonly ends?: { readonly first: number; readonly last: number } | undefined;
	/** The tables are those of this host, even if a store is asked. */
	readonly here?: boolean | undefined;
	/** Ask only those shards of the store that can be reached. */
	readonly skipsShards?: boolean | undefined;
	/** The statement is in ClickHouse's SQL and goes to the store as it is. */
	readonly raw?: boolean | undefined;
};

export type TailOptions = {
	/** Also yield the rows that already exist. */
	readonly fromStart?: boolean;
	/** Of an exchange that is seen from both sides, yield only the server's row. */
	readonly onePerExchange?: boolean;
	/** The condition and the columns see no secrets. */
	readonly redact?: boolean;
	/** Called at the end with the number of rows dropped, instead of setting `droppedLines`. */
	readonly onDropped?: (rows: number) => void;
};

/** `dropped`: how many rows of the tail have been dropped so far. */
export type TailRows = {
	readonly columns: readonly ResultColumn[];
	readonly rows: readonly (readonly SqlValue[])[];
	readonly dropped: number;
};

type Waiting = { readonly take: (message: FromQuery) => void; readonly fail: (error: unknown) => void };

/** Rows for a store. */
export type TailBlock = { readonly block: RowBlock; readonly dropped: number };

/** The two worker threads of one capture. */
export class Threads {
	/** Resolves when the probes are attached or the recording is open, with remarks about limits of this kernel. */
	readonly attached: Promise<readonly string[]>;
	/** Resolves when the capture has ended and every row is in the table. */
	readonly ended: Promise<CaptureEnd>;
	/** Path of the recording being written; undefined if there is none. */
	recordingTo: string | undefined;
	/** Whether plaintext of TLS is read, and whether the rows may hold some. */
	readsTls = false;
	holdsTls = false;
	/** Lines that the last tail dropped. */
	droppedLines = 0;
	/** Exchanges with these sockets of this process are no rows. */
	readonly ownSockets = new OwnSockets();
	readonly #settings: CaptureSettings;
	readonly #redactsAll: boolean;
	/** Empty for a recording, which may come from another host. */
	readonly #hostNames: readonly (readonly [ip: string, name: string])[];
	readonly #status = new Float64Array(new SharedArrayBuffer(STATUS_LENGTH * 8));
	#endLoss: readonly LossTotal[] | undefined;
	readonly #signals = new Int32Array(new SharedArrayBuffer(SIGNAL_COUNT * 4));
	readonly #cancel = new Int32Array(new SharedArrayBuffer(4));
	readonly #taken = new Int32Array(new SharedArrayBuffer(4));
	readonly #progress = new Float64Array(new SharedArrayBuffer(8));
	readonly #capture: Worker;
	readonly #waiting = new Map<number, Waiting>();
	#query!: Worker;
	#queryFailure: { readonly error: unknown } | undefined;
	#views: string[] = [];
	/** The user's views and temporary tables, which live in the query thread. */
	ownTables: readonly OwnTable[] = [];
	/** The tables of the attached recordings, as SQL names them. */
	attachedTables: readonly NamedTable[] = [];
	#tables: readonly NamedTable[] = TABLES;
	/** The store that is asked, with its tables and those of this host as statements name them then. */
	#store: { readonly opened: OpenedStore; readonly name: string; readonly tables: readonly NamedTable[] } | undefined;
	/** The messages that started the running tails. */
	readonly #tails = new Map<number, Extract<ToQuery, { type: 'tail' }>>();
	#nextId = 1;
	/** Attached recordings by their names in lower case, and the memory that each of them takes from the rows. */
	readonly #attached = new Map<string, { readonly recording: AttachedRecording; bytes: number }>();
	/** The recording that is being read to be attached. */
	#attaching: AttachedRecording | undefined;
	#closing = false;
	readonly #closed = deferred<void>();
	/** The answer to the last message about TLS. */
	#tls: Deferred<void> | undefined;
	/** The answer to the last message about a recording. */
	#recording: Deferred<RecordingEnd | undefined> | undefined;
	/** Those who wait for totals, in order. */
	readonly #totals: Deferred<CaptureTotals>[] = [];
	readonly #entries: Deferred<CaptureEntries>[] = [];

	/**
	 * `warn` is called for problems that do not end the capture. `redactsAll`: redact every result, exchange and value.
	 */
	constructor(settings: CaptureSettings, warn: (message: string, hint?: string) => void, redactsAll = false) {
		requireAddressSpace();
		this.#settings = settings;
		this.#redactsAll = redactsAll;
		this.recordingTo = settings.record?.path;
		this.#hostNames = this.isCapturing ? ownHostNames() : [];
		const data: CaptureThreadData = {
			settings,
			shares: memoryShares(settings.maxMemory),
			status: this.#status.buffer,
			signals: this.#signals.buffer,
			...(this.isCapturing ? { ownSockets: this.ownSockets.buffer } : {}),
		};
		this.#capture = startThread('capture-thread', { workerData: data, name: 'capture' });
		const attached = deferred<readonly string[]>();
		const ended = deferred<CaptureEnd>();
		const fail = (error: unknown) => {
			attached.reject(error);
			ended.reject(error);
		};
		this.#capture.on('message', (message: FromCapture) => {
			if (message.type === 'attached') {
				this.holdsTls = message.holdsTls;
				this.readsTls = message.holdsTls && this.recording === undefined;
				attached.resolve(message.remarks);
			} else if (message.type === 'ended') {
				this.#endLoss = message.loss;
				ended.resolve(message);
			} else if (message.type === 'warning') warn(message.message, message.hint);
			else if (message.type === 'totals') this.#totals.shift()?.resolve(message);
			else if (message.type === 'entries') this.#entries.shift()?.resolve(message);
			else if (message.type === 'tls-set') {
				if (message.error === undefined) this.#tls?.resolve();
				else this.#tls?.reject(thrownError(message.error));
			} else if (message.type === 'recorded') {
				if (message.error === undefined) this.#recording?.resolve(message.end);
				else this.#recording?.reject(thrownError(message.error));
			} else fail(thrownError(message.error));
		});
		this.#capture.on('error', (error) => fail(explainedByLimits(explainedByDirectory(error))));
		this.#capture.on('exit', (code) => {
			if (!this.#closing) fail(new Error(`the capture thread ended with status ${code}`));
		});
		this.attached = attached.promise;
		this.ended = ended.promise;
		// run() reports the error, so nobody needs to wait for these.
		this.attached.catch(() => undefined);
		this.ended.catch(() => undefined);
		this.#startQuery();
	}

	/** Whether rows come from the kernel. */
	get isCapturing(): boolean {
		return this.#settings.replay === undefined && this.#settings.idle !== true;
	}

	/** Path of the recording being read; undefined for a live capture. */
	get recording(): string | undefined {
		return this.#settings.replay?.path;
	}

	/** The number of finished rows and the loss so far; with its reasons once the capture has ended. */
	get status(): { rows: number; lostEvents: number; lostBytes: number; reasons: readonly string[] | undefined } {
		return {
			reasons: this.#endLoss && lostReasons(this.#endLoss, unprintedRows(this.#status)),
			rows: this.#status[STATUS_ROWS]!,
			lostEvents: this.#status[STATUS_LOST_EVENTS]! + unprintedRows(this.#status),
			lostBytes: this.#status[STATUS_LOST_BYTES]!,
		};
	}

	/** Bytes that the rows take. */
	get storeBytes(): number {
		return this.#status[STATUS_STORE_BYTES]!;
	}

	/** Loss by reason and blind spots now. Does not resolve if the capture has failed. */
	totals(): Promise<CaptureTotals> {
		const answer = deferred<CaptureTotals>();
		this.#totals.push(answer);
		this.#toCapture({ type: 'totals' });
		return answer.promise;
	}

	/**
	 * Blind spots, and connections that were closed after the first `closed`; with `open`, also those that are open. Does not
	 * resolve if the capture has failed.
	 */
	entries(closed: number, open: boolean): Promise<CaptureEntries> {
		const answer = deferred<CaptureEntries>();
		this.#entries.push(answer);
		this.#toCapture({ type: 'entries', closed, open });
		return answer.promise;
	}

	/** Rows of tails that were dropped so far because they could not be printed in time. */
	get unprinted(): number {
		return unprintedRows(this.#status);
	}

	/** Rows that the running statement has read. */
	get progress(): number {
		return this.#attaching?.rows ?? this.#progress[0]!;
	}

	/** The attached recordings. */
	get attachedRecordings(): readonly AttachedRecording[] {
		return [...this.#attached.values()].map(({ recording }) => recording);
	}

	/**
	 * Reads a recording whole into tables of its own, whose names begin with `name` and a dot. Of the memory that the
	 * rows do not use yet, it may take half; what it does not need is given back. `name` must not be in use.
	 */
	async attach(name: string, path: string): Promise<AttachedEnd> {
		if (this.#attached.size >= ATTACHED_MAX)
			throw new UserError(
				`expected at most ${ATTACHED_MAX} attached recordings, got one more`,
				'ERR_ATTACH_LIMIT',
				'DETACH one of them first.',
			);
		const free = Math.max(0, this.#storeLimit - this.#status[STATUS_STORE_BYTES]!);
		const bytes = attachedBytes(free);
		if (bytes === 0) {
			const [least, left] = [ATTACHING_LEAST, free].map((each) => Math.floor(each / 2 ** 20));
			throw new UserError(
				`another recording needs ${least} MiB of free memory, but --max-memory leaves only ${left} MiB`,
				'ERR_ATTACH_LIMIT',
				'Raise --max-memory, or DETACH another recording.',
			);
		}
		const recording = new AttachedRecording(name, path, this.#settings, attachedShares(bytes));
		const entry = { recording, bytes };
		this.#attached.set(name.toLowerCase(), entry);
		this.#attaching = recording;
		this.#limitStore();
		try {
			const end = await recording.read;
			entry.bytes = Math.min(bytes, end.memoryBytes + THREAD_BYTES);
			recording.connect((message, transfer) => this.#toQuery(message, transfer));
			return end;
		} catch (error) {
			await this.#forget(name);
			throw error;
		} finally {
			this.#attaching = undefined;
			this.#limitStore();
			this.#nameTables();
		}
	}

	/** Ends the use of an attached recording, named as in attach(). Rejects if a view reads it. */
	async detach(name: string): Promise<void> {
		await this.#ask((id) => ({ type: 'detach', id, name }));
		await this.#forget(name);
		this.#limitStore();
		this.#nameTables();
	}

	#nameTables(): void {
		this.attachedTables = this.attachedRecordings.flatMap(({ name: schema }) =>
			TABLES.map(({ name, columns }) => ({ name: `${schema}.${name}`, columns })),
		);
		this.#tables = [...(this.#store?.tables ?? TABLES), ...this.attachedTables];
	}

	async #forget(name: string): Promise<void> {
		const entry = this.#attached.get(name.toLowerCase());
		this.#attached.delete(name.toLowerCase());
		await entry?.recording.close();
	}

	/** How many bytes the rows of the capture may take. */
	get #storeLimit(): number {
		const taken = [...this.#attached.values()].reduce((sum, { bytes }) => sum + bytes, 0);
		return memoryShares(this.#settings.maxMemory).store - taken;
	}

	#limitStore(): void {
		this.#toCapture({ type: 'store-limit', bytes: this.#storeLimit });
	}

	/** The name of the store that is asked; undefined if statements read the tables of this host. */
	get storeName(): string | undefined {
		return this.#store?.name;
	}

	/** All tables that statements can use, apart from the user's own. */
	get tables(): readonly NamedTable[] {
		return this.#tables;
	}

	/** From now on, tables are those of a store, and those of this host begin with `local.`. */
	async connect(place: StorePlace): Promise<void> {
		Atomics.store(this.#cancel, 0, 0);
		const part = await this.#ask((id) => ({ type: 'connect', id, place }));
		if (part.type !== 'connected') throw new Error(`expected connected, got ${part.type}`);
		this.#store = {
			opened: part.store,
			name: 'directory' in place ? place.directory : new URL(place.url).host,
			tables: part.tables,
		};
		this.#nameTables();
	}

	/** Tables are those of this host again. */
	async disconnect(): Promise<void> {
		await this.#settleStore();
		await this.#ask((id) => ({ type: 'disconnect', id }));
		this.#store = undefined;
		this.#nameTables();
	}

	/** Waits, but not long, until statements that were cancelled have ended in the store, too. */
	async #settleStore(): Promise<void> {
		if (this.#store === undefined || this.#queryFailure !== undefined) return;
		const patience = new AbortController();
		const settled = this.#ask((id) => ({ type: 'settle', id })).catch(() => undefined);
		await Promise.race([settled, wait(SETTLE_MS, patience.signal)]);
		patience.abort();
	}

	/** Runs one statement. Parts of the result are computed only as fast as the caller takes them. */
	async *run(sql: string, options: RunOptions): AsyncGenerator<ResultPart> {
		Atomics.store(this.#cancel, 0, 0);
		Atomics.store(this.#taken, 0, 0);
		this.#progress[0] = 0;
		let isDropping = false;
		const id = this.#nextId++;
		const parts = new PartQueue();
		this.#waiting.set(id, parts);
		const timer =
			options.timeoutMs > 0
				? setTimeout(
						() => this.#end(CANCEL_TIME, () => timeLimitError(options.timeoutMs)),
						options.timeoutMs + CANCEL_MS,
					)
				: undefined;
		this.#toQuery({
			type: 'run',
			id,
			sql,
			parameters: (options.parameters ?? []).map(([name, value]) => [name, value]),
			timeoutMs: options.timeoutMs,
			again: options.again,
			redact: options.redact,
			ends: options.ends,
			here: options.here,
			skipsShards: options.skipsShards,
			raw: options.raw,
		});
		try {
			for (;;) {
				const part = await parts.next();
				if (part.type === 'error') throw thrownError(part.error, sql);
				if (part.type !== 'columns' && part.type !== 'rows' && part.type !== 'first' && part.type !== 'done') continue;
				// Drop rows that were sent before the statement was cancelled.
				const isRows = part.type === 'rows' || part.type === 'first';
				isDropping ||= isRows && Atomics.load(this.#cancel, 0) === CANCEL_ASKED;
				if (isDropping && part.type === 'done') throw cancelledError();
				if (isDropping) continue;
				if (part.type === 'done' && part.definesView === true) this.#views.push(sql);
				if (part.type === 'done' && part.own !== undefined) this.ownTables = part.own;
				yield part;
				if (part.type === 'done') return;
				if (part.type !== 'rows') continue;
				// Node handles up to a thousand messages before it looks at the keyboard. Ctrl-C must not wait for
				// them.
				await setImmediate();
				Atomics.add(this.#taken, 0, 1);
				Atomics.notify(this.#taken, 0);
				this.#toQuery({ type: 'more', id });
			}
		} finally {
			clearTimeout(timer);
			if (!parts.finished) {
				this.cancel();
				// The next statement resets the request to cancel, so this one must have seen it first.
				await Promise.race([parts.drain(), this.#closed.promise]);
			}
			this.#waiting.delete(id);
		}
	}

	/** Ends the running statement. A query thread that does not respond is replaced. */
	cancel(): void {
		this.#attaching?.close().catch(() => undefined);
		this.#end(CANCEL_ASKED, () =>
			cancelledError(
				this.ownTables.some(({ isView }) => !isView)
					? 'its thread had to be stopped, so temporary tables are gone'
					: undefined,
			),
		);
	}

	#end(why: number, reason: () => Error): void {
		Atomics.store(this.#cancel, 0, why);
		const running = this.#query;
		// Requests made later must not be affected.
		const asked = [...this.#waiting.keys()].filter((id) => !this.#tails.has(id));
		const timer = setTimeout(() => {
			if (running === this.#query && asked.some((id) => this.#waiting.has(id))) this.#replaceQuery(reason());
		}, CANCEL_MS);
		timer.unref();
	}

	/**
	 * Rejects if `sql` is not a valid statement, so that this is reported before the capture begins. Resolves to how a tail
	 * can follow it.
	 */
	async check(sql: string, parameters: RunOptions['parameters'] = []): Promise<FollowedBy> {
		const values = parameters.map(([name, value]) => [name, value] satisfies [string, ParameterValue]);
		const part = await this.#ask((id) => ({ type: 'check', id, sql, parameters: values }), sql);
		return part.type === 'done' ? part.followedBy : undefined;
	}

	/**
	 * An exchange by id or position, for the detail view; undefined if it does not exist. `calls`: include its
	 * system calls.
	 */
	async show(wanted: number | WantedExchange, calls = false): Promise<ExchangeRecord | undefined> {
		const exchange = typeof wanted === 'number' ? { id: wanted } : wanted;
		const part = await this.#ask((id) => ({ type: 'show', id, exchange, calls }));
		return part.type === 'exchange' ? part.exchange : undefined;
	}

	/** Yields exchanges by id, in this order; undefined for one that does not exist. Reads only as many as are taken. */
	async *showAll(ids: readonly number[]): AsyncGenerator<ExchangeRecord | undefined> {
		for (let from = 0; from < ids.length; ) {
			const some = ids.slice(from, from + SHOWN_TOGETHER);
			const part = await this.#ask((id) => ({ type: 'show-all', id, ids: some }));
			if (part.type !== 'exchanges') throw new Error(`expected exchanges, got ${part.type}`);
			yield* part.exchanges;
			from += part.exchanges.length;
		}
	}

	/** Some values of a column, for completion; empty if finding them takes too long. */
	async values(wanted: ColumnValues): Promise<readonly SqlValue[]> {
		const asked = this.#ask((id) => ({ ...wanted, type: 'values', id })).then((part) =>
			part.type === 'values' ? part.values : [],
		);
		// Nobody waits any more, so nobody needs the error.
		asked.catch(() => undefined);
		const patience = new AbortController();
		try {
			return await Promise.race([asked, wait(VALUES_MS, patience.signal).then(() => [])]);
		} finally {
			patience.abort();
		}
	}

	/**
	 * Yields each exchange that ends from now on and matches `where`, until the capture has ended or the loop is
	 * left. Lines that the caller does not take in time are dropped and counted (loss: output_dropped).
	 */
	tail(where: string | undefined, columns: string, options: TailOptions = {}): AsyncGenerator<TailRows> {
		return this.follow({ where, columns }, options);
	}

	/** The same with another table, or with a query that check() calls one of `rows`: yields what it returns for each row. */
	async *follow(wanted: Exclude<TailWanted, BlocksTail>, options: TailOptions = {}): AsyncGenerator<TailRows> {
		let heads: readonly ResultColumn[] = [];
		for await (const part of this.#follow(wanted, options)) {
			if (part.type === 'columns') {
				heads = part.columns;
				yield { columns: heads, rows: [], dropped: 0 };
			} else if (part.type === 'rows') yield { columns: heads, rows: part.rows, dropped: part.progress?.dropped ?? 0 };
		}
	}

	/** The same as blocks for a store. The first one, when the condition has proved valid, is undefined. */
	async *followBlocks(wanted: BlocksTail, options: TailOptions = {}): AsyncGenerator<TailBlock | undefined> {
		for await (const part of this.#follow(wanted, options)) {
			if (part.type === 'columns') yield undefined;
			else if (part.type === 'block') yield { block: part.block, dropped: part.progress.dropped };
		}
	}

	async *#follow(wanted: TailWanted, options: TailOptions): AsyncGenerator<FromQuery> {
		const id = this.#nextId++;
		const parts = new PartQueue();
		this.#waiting.set(id, parts);
		const { fromStart = false, onePerExchange = false, redact = false } = options;
		const start = { type: 'tail', id, wanted, fromStart, onePerExchange, redact } as const;
		this.#tails.set(id, start);
		this.#toQuery(start);
		try {
			for (;;) {
				const part = await parts.next();
				if (part.type === 'error') throw thrownError(part.error, 'sql' in wanted ? wanted.sql : undefined);
				if (part.type === 'tail-end') {
					if (options.onDropped === undefined) this.droppedLines = part.dropped;
					else options.onDropped(part.dropped);
					return;
				}
				yield part;
				if (part.type !== 'rows' && part.type !== 'block') continue;
				await setImmediate();
				this.#toQuery({ type: 'printed', id });
			}
		} finally {
			this.#waiting.delete(id);
			this.#tails.delete(id);
			if (!this.#closing) this.#toQuery({ type: 'tail-stop', id });
		}
	}

	/** Counts rows that were taken but could not be printed (loss: output_dropped). */
	countUnprinted(rows: number): void {
		if (rows === 0) return;
		this.#status[STATUS_UNPRINTED]! += rows;
		this.#status[STATUS_DROPPED_AT] = Date.now() * 1000;
	}

	/** Lets a replay with `awaitsTail` begin. */
	begin(): void {
		this.#toCapture({ type: 'begin' });
	}

	pause(): void {
		this.#toCapture({ type: 'pause' });
	}

	resume(): void {
		this.#toCapture({ type: 'resume' });
	}

	clear(): void {
		this.holdsTls = this.readsTls;
		this.#toCapture({ type: 'clear' });
	}

	/** Changes what is captured from now on. */
	setFilters(filters: CaptureFilters): void {
		this.#toCapture({ type: 'filters', filters });
	}

	/** Begins or ends to read the plaintext of TLS. Rejects if that is not possible. */
	async setTls(on: boolean): Promise<void> {
		const answer = deferred<void>();
		this.#tls = answer;
		this.#toCapture({ type: 'tls', on });
		await Promise.race([answer.promise, this.ended.then(() => answer.promise)]);
		this.readsTls = on;
		this.holdsTls ||= on;
	}

	/**
	 * Begins a recording of what is captured from now on. Rejects if one is being written or the file cannot be
	 * created.
	 */
	async startRecording(record: NonNullable<CaptureSettings['record']>): Promise<void> {
		await this.#record({ type: 'record', record });
		this.recordingTo = record.path;
	}

	/** Ends the recording. Rejects if none is being written. */
	async stopRecording(): Promise<RecordingEnd> {
		const end = await this.#record({ type: 'record-stop' });
		this.recordingTo = undefined;
		return end!;
	}

	async #record(message: ToCapture): Promise<RecordingEnd | undefined> {
		const answer = deferred<RecordingEnd | undefined>();
		this.#recording = answer;
		this.#toCapture(message);
		// A capture that has ended still answers, unless its thread has failed.
		return await Promise.race([answer.promise, this.ended.then(() => answer.promise)]);
	}

	/** Ends the capture: detaches the probes and reads the rest of the ring. Then `ended` resolves. */
	stop(): Promise<CaptureEnd> {
		Atomics.store(this.#signals, SIGNAL_STOP, 1);
		return this.ended;
	}

	/** Ends both threads. May be called twice. */
	async close(): Promise<void> {
		if (!this.#closing) await this.#settleStore();
		this.#closing = true;
		this.#closed.resolve();
		Atomics.store(this.#signals, SIGNAL_STOP, 1);
		// Terminating a thread during a call into the addon would crash the process, so the thread must end the capture
		// first.
		const ended = this.ended.then(
			() => undefined,
			() => undefined,
		);
		await Promise.race([ended, wait(CLOSE_MS)]);
		const attached = this.attachedRecordings.map((recording) => recording.close());
		await Promise.all([this.#capture.terminate(), this.#query.terminate(), ...attached]);
	}

	#startQuery(): void {
		const connected = this.attachedRecordings.filter((recording) => recording !== this.#attaching);
		const data: QueryThreadData = {
			store: this.#store?.opened,
			signals: this.#signals.buffer,
			cancel: this.#cancel.buffer,
			progress: this.#progress.buffer,
			status: this.#status.buffer,
			taken: this.#taken.buffer,
			memoryLimit: memoryShares(this.#settings.maxMemory).statement,
			views: this.#views,
			attached: connected.map(({ name }) => name),
			hostNames: this.#hostNames,
			...(this.isCapturing ? { ownSockets: this.ownSockets.buffer } : {}),
			isLive: this.isCapturing,
			redactionKey: SESSION_KEY,
			redactsAll: this.#redactsAll,
		};
		const query = startThread('query-thread', {
			workerData: data,
			name: 'query',
			resourceLimits: {
				maxOldGenerationSizeMb: Math.ceil(data.memoryLimit / 2 ** 20) + QUERY_HEAP_MIB,
				maxYoungGenerationSizeMb: 12,
			},
		});
		query.on('message', (message: FromQuery) => {
			// What a replaced thread still sends, the new one sends again.
			if (query !== this.#query) return;
			if (message.type === 'own') this.ownTables = message.own;
			else this.#waiting.get(message.id)?.take(message);
			if (message.type === 'rows' || message.type === 'block') this.#noteProgress(message.id, message.progress);
		});
		query.on('error', (error: unknown) => {
			if (query !== this.#query) return;
			const explained = explainedByDirectory(error);
			if (systemCode(error) === 'ERR_WORKER_INIT_FAILED') this.#failQuery(explainedByLimits(error));
			else if (explained !== error) this.#failQuery(explained);
			else this.#replaceQuery(queryThreadError(error));
		});
		this.#query = query;
		// The two threads are connected directly, because main may be busy printing.
		const { port1, port2 } = new MessageChannel();
		query.postMessage({ type: 'port', port: port1 } satisfies ToQuery, [port1]);
		this.#toCapture({ type: 'port', port: port2 }, [port2]);
		for (const recording of connected) recording.connect((message, transfer) => query.postMessage(message, transfer));
	}

	/** If the query thread has to be replaced, a tail continues after the rows that it has sent. */
	#noteProgress(id: number, progress: TailProgress | undefined): void {
		const start = this.#tails.get(id);
		if (start !== undefined && progress?.read !== undefined) this.#tails.set(id, { ...start, resumed: progress });
	}

	/** Sends a message and waits for its answer. */
	async #ask(message: (id: number) => ToQuery, sql?: string): Promise<FromQuery> {
		const id = this.#nextId++;
		const parts = new PartQueue();
		this.#waiting.set(id, parts);
		this.#toQuery(message(id));
		try {
			const part = await parts.next();
			if (part.type === 'error') throw thrownError(part.error, sql);
			return part;
		} finally {
			this.#waiting.delete(id);
		}
	}

	/** The thread could not be started, so starting another one would fail, too. */
	#failQuery(error: unknown): void {
		this.#queryFailure = { error };
		for (const waiting of this.#waiting.values()) waiting.fail(error);
	}

	#replaceQuery(reason: unknown): void {
		const old = this.#query;
		this.#startQuery();
		this.ownTables = this.ownTables.filter(({ isView }) => isView);
		old.terminate().catch(() => undefined);
		for (const [id, waiting] of this.#waiting) {
			const tail = this.#tails.get(id);
			if (tail === undefined) waiting.fail(reason);
			else this.#toQuery(tail);
		}
	}

	#toQuery(message: ToQuery, transfer: readonly MessagePort[] = []): void {
		if (this.#queryFailure !== undefined) throw this.#queryFailure.error;
		this.#query.postMessage(message, transfer);
	}

	#toCapture(message: ToCapture, transfer: readonly MessagePort[] = []): void {
		this.#capture.postMessage(message, transfer);
		Atomics.store(this.#signals, SIGNAL_MESSAGE, 1);
	}
}

/** A queue of messages for one reader. */
class PartQueue implements Waiting {
	/** The last message ended the result. */
	finished = false;
	readonly #parts: FromQuery[] = [];
	#failure: { readonly error: unknown } | undefined;
	#wake: (() => void) | undefined;

	take = (message: FromQuery): void => {
		this.#parts.push(message);
		this.#wake?.();
	};

	fail = (error: unknown): void => {
		this.#failure = { error };
		this.#wake?.();
	};

	/** Waits for the last message and ignores it. */
	async drain(): Promise<void> {
		while (!this.finished) await this.next().catch(() => undefined);
	}

	async next(): Promise<FromQuery> {
		for (;;) {
			const part = this.#parts.shift();
			if (part !== undefined) {
				if (part.type === 'done' || part.type === 'error' || part.type === 'tail-end') this.finished = true;
				return part;
			}
			if (this.#failure !== undefined) {
				this.finished = true;
				throw this.#failure.error;
			}
			await new Promise<void>((resolve) => {
				this.#wake = resolve;
			});
		}
	}
}

type Deferred<T> = {
	readonly promise: Promise<T>;
	readonly resolve: (value: T) => void;
	readonly reject: (error: unknown) => void;
};

/** Promise.withResolvers, which Node 20 does not have. */
function deferred<T>(): Deferred<T> {
	let settle: Omit<Deferred<T>, 'promise'> | undefined;
	const promise = new Promise<T>((resolve, reject) => {
		settle = { resolve, reject };
	});
	return { promise, ...settle! };
}

function queryThreadError(error: unknown): unknown {
	if (error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY') {
		return new UserError(
			'the statement needed more memory than --max-memory leaves for statements',
			'ERR_QUERY_MEMORY',
			'Select fewer columns or rows, add a LIMIT, or raise --max-memory.',
		);
	}
	return error;
}
