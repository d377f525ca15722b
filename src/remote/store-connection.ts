// Queries to a store: always read-only and limited, ended there when they are cancelled here.
import { randomUUID } from 'node:crypto';
import { literal } from '../agent/clickhouse-ddl.ts';
import type { OnSocket } from '../agent/proxy.ts';
import type { StoreAddress } from '../agent/store-address.ts';
import { NoAnswer, RESET, type StoreAnswer, StoreClient, type StoreRequest } from '../agent/store-client.ts';
import { UserError } from '../base/errors.ts';
import { STORE_ERRORS, StoreQueryError, storeError } from './store-errors.ts';
import { TabSeparatedReader } from './tab-separated.ts';

/** The time limit of a statement that has none. */
export const DEFAULT_SECONDS = 60;
/** How much longer than its limit a query may be silent, before it counts as lost. */
const GRACE_SECONDS = 20;
/** How long ending a query may take. */
const KILL_PATIENCE = { connectMs: 2000, silentMs: 2000 };

/** Which of our settings the store's user may change. */
export type SettingRights = 'all' | 'limits' | 'none';

export type QueryOptions = {
	readonly signal: AbortSignal;
	/** Undefined: DEFAULT_SECONDS. */
	readonly seconds?: number | undefined;
	/** More rows are an error. */
	readonly maxRows: number;
	/** If a shard cannot be reached, ask the others; `missedShard` says so. */
	readonly skipsShards?: boolean;
	/** Further settings of ClickHouse. */
	readonly settings?: Readonly<Record<string, string | number>>;
	/** The format of the answer, if it is not for rows(). */
	readonly format?: string;
};

type Settings = Record<string, string | number>;

export class StoreConnection {
	/** For messages. */
	readonly name: string;
	readonly database: string;
	readonly #address: StoreAddress;
	readonly #client: StoreClient;
	#rights: SettingRights;
	/** Whether a shard could not be reached, and others were asked. */
	missedShard = false;
	/** Queries that are being ended. */
	readonly #kills = new Set<Promise<unknown>>();

	constructor(address: StoreAddress, onSocket?: OnSocket, rights: SettingRights = 'all') {
		this.#address = address;
		this.#client = new StoreClient(address, onSocket, {
			connectMs: 10_000,
			// A query may have a longer limit than the default.
			silentMs: 3_600_000,
		});
		this.#rights = rights;
		this.database = address.database;
		this.name = `the store ${address.url.host}`;
	}

	/** What this user may change, once a query has run. */
	get rights(): SettingRights {
		return this.#rights;
	}

	/** Yields the rows of a query, each a list of cells (tab-separated.ts). Throws a UserError. */
	async *rows(sql: string, options: QueryOptions): AsyncGenerator<string[][]> {
		try {
			yield* this.#rows(sql, options);
		} catch (error) {
			const isMissing = error instanceof StoreQueryError && error.number === STORE_ERRORS.shardUnreachable;
			if (!isMissing || options.skipsShards !== true) throw error;
			// An error comes before the first row (wait_end_of_query).
			this.missedShard = true;
			yield* this.#rows(sql, { ...options, settings: { ...options.settings, skip_unavailable_shards: 1 } });
		}
	}

	async *#rows(sql: string, options: QueryOptions): AsyncGenerator<string[][]> {
		const reader = new TabSeparatedReader();
		for await (const piece of this.pieces(sql, { format: 'TabSeparated', ...options })) {
			const rows = reader.add(piece);
			if (rows.length > 0) yield rows;
		}
		reader.end();
	}

	/** All rows of a small result. */
	async all(sql: string, options: QueryOptions): Promise<string[][]> {
		const all: string[][] = [];
		for await (const rows of this.rows(sql, options)) all.push(...rows);
		return all;
	}

	/** Yields the answer as it arrives. If the reader leaves the loop, or `signal` aborts, the query ends there, too. */
	async *pieces(sql: string, options: QueryOptions): AsyncGenerator<Buffer> {
		const queryId = randomUUID();
		const abort = new AbortController();
		const stop = () => abort.abort();
		if (options.signal.aborted) stop();
		options.signal.addEventListener('abort', stop, { once: true });
		const queue = new PieceQueue();
		const seconds = options.seconds ?? DEFAULT_SECONDS;
		const timer = setTimeout(stop, (seconds + GRACE_SECONDS) * 1000);
		let isDone = false;
		this.#send(sql, queryId, options, abort.signal, queue).then(
			() => {
				isDone = true;
				queue.end();
			},
			(error: unknown) => {
				isDone = error instanceof StoreQueryError;
				queue.fail(error);
			},
		);
		try {
			for (;;) {
				const piece = await queue.next();
				if (piece === undefined) return;
				yield piece;
			}
		} finally {
			clearTimeout(timer);
			options.signal.removeEventListener('abort', stop);
			stop();
			queue.close();
			if (!isDone) this.#kill(queryId);
		}
	}

	/** Sends a query; if the user may not change a setting, again without it. */
	async #send(
		sql: string,
		queryId: string,
		options: QueryOptions,
		signal: AbortSignal,
		queue: PieceQueue,
	): Promise<void> {
		for (;;) {
			const rights = this.#rights;
			const settings = { ...settingsFor(rights, options), query_id: queryId, wait_end_of_query: 1 };
			const { format } = options;
			const query = format === undefined ? sql : `${sql} FORMAT ${format}`;
			const answer = await this.#post({ query, settings, signal, take: queue.put });
			if (answer.errorCode === undefined && answer.status === 200) return;
			const mayNotSet = answer.errorCode === STORE_ERRORS.readOnly && /setting/i.test(answer.text);
			if (!mayNotSet || rights === 'none') throw storeError(answer, this.name);
			this.#rights = rights === 'all' ? 'limits' : 'none';
		}
	}

	async #post(request: StoreRequest, isAgain = false): Promise<StoreAnswer> {
		try {
			return await this.#client.post(request);
		} catch (error) {
			if (!(error instanceof NoAnswer)) throw error;
			// The store has closed a connection that was idle for long.
			if (error.message === RESET && !isAgain && request.signal?.aborted !== true)
				return await this.#post(request, true);
			throw new UserError(
				`${this.name} does not answer: ${error.message}`,
				'ERR_STORE',
				'Check the URL, and that the store runs.',
			);
		}
	}

	/** Ends a query that is no longer wanted. Closing its connection is not enough for every version. */
	#kill(queryId: string): void {
		const killing = killQuery(this.#address, queryId, this.#rights);
		this.#kills.add(killing);
		killing.finally(() => this.#kills.delete(killing)).catch(() => undefined);
	}

	/** Resolves when all queries that were cancelled have been ended, or that has failed. */
	async settled(): Promise<void> {
		await Promise.allSettled(this.#kills);
	}

	close(): void {
		this.#client.close();
	}
}

/** The settings of every query, as far as the user may change them. */
function settingsFor(rights: SettingRights, { seconds = DEFAULT_SECONDS, maxRows, settings }: QueryOptions): Settings {
	if (rights === 'none') return {};
	return {
		...(rights === 'all' ? { readonly: 2 } : {}),
		max_execution_time: seconds,
		max_result_rows: maxRows,
		result_overflow_mode: 'throw',
		...settings,
	};
}

/**
 * Ends a query. A user who may not use KILL QUERY, as read-only users of old versions, starts one with the same id instead,
 * which ends the first one.
 */
async function killQuery(address: StoreAddress, queryId: string, rights: SettingRights): Promise<void> {
	const client = new StoreClient(address, undefined, KILL_PATIENCE);
	try {
		const killed = await client.post({ query: `KILL QUERY WHERE query_id = ${literal(queryId)} ASYNC` });
		if (killed.errorCode === undefined || rights === 'none') return;
		await client.post({ query: 'SELECT 1', settings: { query_id: queryId, replace_running_query: 1 } });
	} catch (error) {
		// The store is gone, and with it the query.
		if (!(error instanceof NoAnswer)) throw error;
	} finally {
		client.close();
	}
}

/** Pieces of an answer between the request, which waits while there are many, and their reader. */
class PieceQueue {
	readonly #pieces: Buffer[] = [];
	#bytes = 0;
	#end: { readonly error: unknown } | undefined;
	#isClosed = false;
	#wakeReader: (() => void) | undefined;
	#wakeWriter: (() => void) | undefined;

	put = async (piece: Buffer): Promise<void> => {
		this.#pieces.push(piece);
		this.#bytes += piece.length;
		this.#wakeReader?.();
		while (this.#bytes > QUEUE_BYTES && !this.#isClosed)
			await new Promise<void>((resolve) => {
				this.#wakeWriter = resolve;
			});
	};

	end(): void {
		this.fail(undefined);
	}

	fail(error: unknown): void {
		this.#end ??= { error };
		this.#wakeReader?.();
	}

	close(): void {
		this.#isClosed = true;
		this.#wakeWriter?.();
	}

	/** Undefined at the end. */
	async next(): Promise<Buffer | undefined> {
		for (;;) {
			const piece = this.#pieces.shift();
			if (piece !== undefined) {
				this.#bytes -= piece.length;
				this.#wakeWriter?.();
				return piece;
			}
			if (this.#end !== undefined) {
				if (this.#end.error !== undefined) throw this.#end.error;
				return undefined;
			}
			await new Promise<void>((resolve) => {
				this.#wakeReader = resolve;
			});
		}
	}
}

const QUEUE_BYTES = 4 << 20;
