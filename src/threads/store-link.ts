// The query thread's side of a store of many hosts: its tables, and what statements read from it.
import type { OnSocket } from '../agent/proxy.ts';
import type { StoreAddress } from '../agent/store-address.ts';
import { compareVersions } from '../agent/store-check.ts';
import { redactedRows } from '../output/redacted-tables.ts';
import type { Redactor } from '../output/redaction.ts';
import { type AnyResult, anyResult } from '../remote/any-result.ts';
import { missingRows } from '../remote/missing-rows.ts';
import { lookAtStore } from '../remote/open-store.ts';
import { StoreConnection } from '../remote/store-connection.ts';
import { StoreQueryError } from '../remote/store-errors.ts';
import type { StoreLayout } from '../remote/store-layout.ts';
import { type StatementLimits, storeSource } from '../remote/store-source.ts';
import { storeComputer } from '../remote/translate/store-computer.ts';
import { divideStatement, type Fetched, type PlanComputer, type Statement } from '../sql/sql.ts';
import { CANCEL_ASKED, cancelledError, timeLimitError } from '../sql/sql-light.ts';
import type { WantedRows } from '../store/row-source.ts';
import type { ParameterValue, TableSnapshot } from '../store/table.ts';
import type { OpenedServer, ServerPlace } from './messages.ts';
import { OwnSockets, socketAddress } from './own-sockets.ts';

/** The oldest version in which statements are computed. */
const COMPUTING = '23.8';
/** How often to look whether a statement has been cancelled. */
const LOOK_MS = 15;

export const MISSED_SHARD = 'a shard of the store cannot be reached: the rows of its hosts are missing';

export type ReadOptions = {
	readonly limits: { readonly rows: number; readonly bytes: number };
	readonly parameters: ReadonlyMap<string, ParameterValue>;
	/** Microseconds since 1970. */
	readonly now: number;
	/** The statement must see no secrets. */
	readonly redactor?: Redactor;
	/** Prepares the statement again. */
	readonly again: () => Statement;
	readonly onRows?: (rows: number) => void;
};

export type StoreRead = {
	/** The statement to run. */
	readonly statement: Statement;
	readonly fetched: Fetched;
	/** Lines for EXPLAIN. */
	readonly explained: readonly string[];
	/** Why the store could not compute what it was asked to. */
	readonly refused?: StoreQueryError;
	/** What is missing: sentences. */
	readonly missing: readonly string[];
};

export class StoreLink {
	readonly connection: StoreConnection;
	readonly layout: StoreLayout;
	readonly source: ReturnType<typeof storeSource>;
	readonly #place: ServerPlace;
	#limits: StatementLimits = { seconds: undefined, skipsShards: false };

	private constructor(place: ServerPlace, connection: StoreConnection, layout: StoreLayout) {
		this.#place = place;
		this.connection = connection;
		this.layout = layout;
		this.source = storeSource(connection, layout, () => this.#limits);
	}

	/** Looks at the store. Throws a UserError if it cannot be used. */
	static async open(place: ServerPlace, onSocket: OnSocket, signal: AbortSignal): Promise<StoreLink> {
		const connection = new StoreConnection(addressOf(place), onSocket);
		try {
			return new StoreLink(place, connection, await lookAtStore(connection, signal));
		} catch (error) {
			connection.close();
			throw error;
		}
	}

	/** The same as an earlier thread has opened it. */
	static reopen({ place, layout, rights }: OpenedServer, onSocket: OnSocket): StoreLink {
		return new StoreLink(place, new StoreConnection(addressOf(place), onSocket, rights), layout);
	}

	/** Reads what a statement needs: the parts of it that the store computes, and rows for the others. */
	async read(
		statement: Statement,
		{ again, redactor, onRows, ...options }: ReadOptions,
		signal: AbortSignal,
	): Promise<StoreRead> {
		const shown = redactedBy(redactor);
		// What the store computes has been computed with secrets.
		const computer = redactor === undefined ? this.#computer : undefined;
		const divide = (of: Statement, by: PlanComputer | undefined) =>
			divideStatement(of, { ...options, source: this.source, computer: by, shown });
		let [current, divided] = [statement, divide(statement, computer)];
		if (statement.kind === 'explain')
			return { statement, fetched: new Map(), explained: divided.explain(), missing: [] };
		let fetched: Fetched;
		let refused: StoreQueryError | undefined;
		try {
			fetched = await divided.fetch(signal, onRows);
		} catch (error) {
			// A value that has another result there, or a version that lacks a function: compute here.
			if (computer === undefined || !(error instanceof StoreQueryError) || error.code !== 'ERR_STORE') throw error;
			refused = error;
			current = again();
			divided = divide(current, undefined);
			fetched = await divided.fetch(signal, onRows);
		}
		const missing = await this.missing(divided.reads, signal);
		return { statement: current, fetched, explained: [], missing, ...(refused === undefined ? {} : { refused }) };
	}

	/** What can be computed in the store. */
	get #computer(): PlanComputer | undefined {
		const { portable, version } = this.layout;
		if (portable || compareVersions(version, COMPUTING) < 0) return undefined;
		const store = { tables: this.source.remote, database: this.connection.database };
		return storeComputer(this.connection, store, () => this.#limits);
	}

	/** Sets the limits of the statement that runs next. */
	setLimits(timeoutMs: number, skipsShards: boolean): void {
		this.connection.missedShard = false;
		this.#limits = { seconds: timeoutMs > 0 ? Math.ceil(timeoutMs / 1000) : undefined, skipsShards };
	}

	/** What is missing in the rows that a statement read: sentences. */
	async missing(reads: readonly Pick<WantedRows, 'table' | 'conditions'>[], signal: AbortSignal): Promise<string[]> {
		const gaps = await missingRows(this.connection, this.source.remote, reads, this.#limits, signal);
		return this.connection.missedShard ? [MISSED_SHARD, ...gaps] : gaps;
	}

	/** The result of a statement of ClickHouse's SQL. */
	async ask(sql: string, maxRows: number, signal: AbortSignal): Promise<AnyResult> {
		return await anyResult(this.connection, sql, { ...this.#limits, maxRows, signal });
	}

	get opened(): OpenedServer {
		return { place: this.#place, layout: this.layout, rights: this.connection.rights };
	}

	/** Waits until statements that were cancelled have ended in the store, too. */
	async settled(): Promise<void> {
		await this.connection.settled();
	}

	close(): void {
		this.connection.close();
	}
}

/** What a statement sees of the rows that were read: without a redactor, the rows themselves. */
export function redactedBy(redactor: Redactor | undefined) {
	if (redactor === undefined) return undefined;
	return (table: TableSnapshot, columns: readonly number[]) => redactedRows(table, columns, redactor);
}

/** Notes connections, whose exchanges are no rows. */
export function socketNoter(buffer: SharedArrayBuffer | undefined): OnSocket {
	const sockets = buffer === undefined ? undefined : new OwnSockets(buffer);
	return (socket) => {
		const { localAddress, localPort } = socket;
		if (sockets === undefined || localAddress === undefined || localPort === undefined) return;
		socket.once('close', sockets.add(socketAddress(localAddress, localPort)));
	};
}

function addressOf({ url, ...rest }: ServerPlace): StoreAddress {
	return { ...rest, url: new URL(url) };
}

/** Runs `work` with a signal that aborts when the statement is cancelled, and then throws the error that says so. */
export async function cancellable<T>(
	cancel: Int32Array,
	timeoutMs: number,
	work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
	const abort = new AbortController();
	// Cancelling sends no message, so it has to be polled.
	const timer = setInterval(() => {
		if (Atomics.load(cancel, 0) !== 0) abort.abort();
	}, LOOK_MS);
	try {
		return await work(abort.signal);
	} catch (error) {
		const asked = Atomics.load(cancel, 0);
		if (asked === 0) throw error;
		throw asked === CANCEL_ASKED ? cancelledError() : timeLimitError(timeoutMs);
	} finally {
		clearInterval(timer);
	}
}
