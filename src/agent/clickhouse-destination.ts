// A ClickHouse as the destination of an agent.
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { declaredColumns, identifier } from './clickhouse-ddl.ts';
import type { Destination, Outcome } from './destination.ts';
import { nativeLines, withSeconds } from './native-format.ts';
import type { SpoolItem } from './spool.ts';
import { errorLine, NoAnswer, type StoreAnswer, type StoreClient } from './store-client.ts';
import { type StoreTableName, storeTable } from './store-tables.ts';

/** ClickHouse's numbers of errors: the rows cannot be read, now or later. */
const BAD_ROWS: ReadonlySet<number> = new Set([
	6, 25, 26, 27, 33, 38, 41, 53, 69, 70, 72, 117, 130, 131, 349, 441, 469,
]);
/**
 * Errors of the store or its configuration, whatever the status: no privilege, read only, memory, too many parts or
 * queries, an unknown database, table, setting or user.
 */
const LATER: ReadonlySet<number> = new Set([
	60, 81, 115, 159, 164, 192, 193, 194, 202, 209, 210, 241, 242, 243, 252, 279, 285, 319, 425, 439, 497, 516,
]);
const UNKNOWN_SETTING = 115;
const TOO_LARGE = 413;
const NO_SUCH_COLUMN = 16;

const compress = promisify(gzip);
const decompress = promisify(gunzip);
const FAST = { level: 1, chunkSize: 1 << 20 };
/** One JSON object per row. */
const LINES = 'JSONEachRow';

/** Settings of an INSERT that every version knows. */
const SETTINGS = {
	// A store of an earlier version lacks columns. It takes the others; `tinytap fleet check` says what is missing.
	input_format_skip_unknown_fields: 1,
	date_time_input_format: 'best_effort',
	// A distributed table confirms only what a shard has.
	insert_distributed_sync: 1,
};

/** Sends batches to the tables of a store. Close the client yourself. */
export function clickhouseDestination(client: StoreClient): Destination {
	const { host } = client.address.url;
	const database = identifier(client.address.database);
	/** Whether the store knows tokens of inserts, which ClickHouse has had since 22.2. */
	let hasTokens = true;
	/** Versions without tokens set the time of arrival only if the columns are listed, and then need all of them. */
	let hasColumns = true;
	/** Whether blocks are sent as they are. */
	let takesBlocks = true;
	const insert = async ({ table, token }: SpoolItem, format: string, body: Buffer, signal: AbortSignal) => {
		const columns = hasTokens || !hasColumns ? '' : ` (${portableNames(table).join(', ')})`;
		return await client.post({
			query: `INSERT INTO ${database}.${table}${columns} FORMAT ${format}`,
			body,
			settings: hasTokens ? { ...SETTINGS, async_insert: 0, insert_deduplication_token: token } : SETTINGS,
			signal,
		});
	};
	/** The same, in the way that this version of the store knows. */
	const insertKnown = async (
		item: SpoolItem,
		format: string,
		body: () => Promise<Buffer>,
		signal: AbortSignal,
	): Promise<StoreAnswer> => {
		let answer = await insert(item, format, await body(), signal);
		if (hasTokens && answer.errorCode === UNKNOWN_SETTING) {
			hasTokens = false;
			answer = await insert(item, format, await body(), signal);
		}
		if (!hasTokens && hasColumns && answer.errorCode === NO_SUCH_COLUMN) {
			hasColumns = false;
			answer = await insert(item, format, await body(), signal);
		}
		return answer;
	};
	const deliver = async (item: SpoolItem, signal: AbortSignal): Promise<Outcome> => {
		const bytes = await item.read();
		if (item.form === 'lines') return outcomeOf(await insertKnown(item, LINES, async () => bytes, signal));
		if (takesBlocks) {
			// Versions without tokens may not know times with microseconds either.
			const blocks = async () => (hasTokens ? bytes : await compress(withSeconds(await decompress(bytes)), FAST));
			const answer = await insertKnown(item, 'Native', blocks, signal);
			const outcome = outcomeOf(answer);
			if (outcome.what !== 'rejected' || answer.status === TOO_LARGE) return outcome;
		}
		const lines = await compress(nativeLines(await decompress(bytes), item.table), FAST);
		const outcome = outcomeOf(await insertKnown(item, LINES, async () => lines, signal));
		// Then the form is what it does not accept.
		if (outcome.what === 'done') takesBlocks = false;
		return outcome;
	};
	return {
		name: `the store ${host}`,
		deliver: async (item, signal) => {
			try {
				return await deliver(item, signal);
			} catch (error) {
				if (!(error instanceof NoAnswer)) throw error;
				// Another version may run there when it comes back.
				hasTokens = true;
				hasColumns = true;
				takesBlocks = true;
				return { what: 'retry', why: error.message };
			}
		},
		close: () => client.close(),
	};
}

/** The columns of a portable table that agents fill. */
function portableNames(table: StoreTableName): string[] {
	return declaredColumns(storeTable(table), { portable: true })
		.map(({ name }) => name)
		.filter((name) => name !== 'ingested_at');
}

/** What an answer means for the batch. */
export function outcomeOf(answer: StoreAnswer): Outcome {
	const { status, errorCode, retryAfterMs } = answer;
	if (status === 200 && errorCode === undefined) return { what: 'done' };
	const why = errorLine(answer);
	const isForGood = errorCode === undefined ? status === 400 || status === 413 : isRejection(status, errorCode);
	if (isForGood) return { what: 'rejected', why };
	return { what: 'retry', why, ...(retryAfterMs === undefined ? {} : { afterMs: retryAfterMs }) };
}

function isRejection(status: number, errorCode: number): boolean {
	if (LATER.has(errorCode)) return false;
	return BAD_ROWS.has(errorCode) || status === 400 || status === 413;
}
