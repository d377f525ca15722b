// A tail of a store: asks again and again for rows that have arrived since. Rows become visible some time after the instant
// that the store gives them, and not in its order, so each look reaches back, and rows that have been seen are left out.
import {
	compileCondition,
	compileProjection,
	divideStatement,
	execute,
	type Fetched,
	prepare,
	type ResultColumn,
	SqlError,
	type Statement,
} from '../sql/sql.ts';
import { rowBytes } from '../sql/sql-light.ts';
import type { BatchColumn, RowCondition, RowSource, WantedRows } from '../store/row-source.ts';
import type { Column, ParameterValue, SqlValue } from '../store/table.ts';
import { errorMessage, type FromQuery, type TailWanted } from './messages.ts';
import type { StoreLink } from './store-link.ts';

/** The time between two looks. */
const LOOK_MS = 500;
/** How far a look reaches back. */
const OVERLAP_US = 5_000_000;
/** Exchanges that are older when they arrive are left out: otherwise each look would read all days. */
const OLDEST_US = 86_400_000_000;
/** Rows of one look. */
const LOOK_ROWS = 50_000;
const LOOK_BYTES = 32 << 20;
const LOOK_SECONDS = 20;
/** Main has not printed more than this. */
const ROWS_AHEAD = 10_000;
/** A message has at most about as many bytes. */
const PART_BYTES = 128 << 10;

/** A SELECT over exchanges, row by row. Throws a SqlError if what is wanted is not valid. */
function statementOf(wanted: TailWanted, columns: readonly Column[]): string {
	if ('sql' in wanted) return wanted.sql;
	if ('blocks' in wanted) throw new Error('blocks are made of exchanges of this host');
	const { where } = wanted;
	const table = 'exchanges';
	// These report mistakes where they are.
	if (where !== undefined) compileCondition(where, columns, { table });
	compileProjection(wanted.columns, columns, { table });
	return `SELECT ${wanted.columns}\nFROM exchanges${where === undefined ? '' : ` WHERE (${where}\n)`}`;
}

/** A row with its instant of arrival, the host and run that sent it, and its number there. */
type Arrived = {
	readonly at: number;
	readonly sender: string;
	readonly seq: number;
	readonly key: string;
	readonly values: readonly SqlValue[];
};

export class StoreTail {
	readonly #id: number;
	readonly #post: (message: FromQuery) => void;
	readonly #parameters: ReadonlyMap<string, ParameterValue>;
	readonly #link: StoreLink;
	readonly #statement: Statement;
	readonly #abort = new AbortController();
	/** Instants of arrival of the rows that have been seen, by host, run and number. */
	readonly #seen = new Map<string, number>();
	#sinceUs = 0;
	#unprinted: number[] = [];
	#timer: NodeJS.Timeout | undefined;

	/** Throws a SqlError if the statement is not valid. */
	constructor(id: number, wanted: TailWanted, link: StoreLink, post: (message: FromQuery) => void) {
		this.#id = id;
		this.#post = post;
		this.#parameters = new Map('sql' in wanted ? wanted.parameters : []);
		this.#link = link;
		const { columns } = link.source.tables.get('exchanges')!;
		this.#statement = prepare(statementOf(wanted, columns), { tables: link.source.tables });
	}

	get columns(): readonly ResultColumn[] {
		return this.#statement.columns;
	}

	async run(): Promise<void> {
		try {
			this.#sinceUs = await this.#storeNow();
			await this.#look();
		} catch (error) {
			if (!this.#abort.signal.aborted) this.#post({ type: 'error', id: this.#id, error: errorMessage(error) });
			this.stop();
		}
	}

	/** Main has printed the oldest part. */
	printed(): void {
		this.#unprinted.shift();
	}

	stop(): void {
		clearTimeout(this.#timer);
		this.#abort.abort();
	}

	/** The time on the clock that gives rows their time of arrival. */
	async #storeNow(): Promise<number> {
		const { connection, layout } = this.#link;
		const sql = layout.portable ? 'toInt64(toUnixTimestamp(now())) * 1000000' : 'toUnixTimestamp64Micro(now64(6))';
		const options = { signal: this.#abort.signal, seconds: LOOK_SECONDS, maxRows: 1 };
		return Number((await connection.all(`SELECT ${sql}`, options))[0]![0]);
	}

	async #look(): Promise<void> {
		while (!this.#abort.signal.aborted) {
			const ahead = this.#unprinted.reduce((sum, rows) => sum + rows, 0);
			if (ahead < ROWS_AHEAD) await this.#send();
			await new Promise((resolve) => {
				this.#timer = setTimeout(resolve, LOOK_MS);
			});
		}
	}

	async #send(): Promise<void> {
		const parameters = this.#parameters;
		const limits = { rows: LOOK_ROWS, bytes: LOOK_BYTES };
		this.#link.setLimits(LOOK_SECONDS * 1000, false);
		const { fetch } = divideStatement(this.#statement, { source: this.#arrived(), limits, parameters });
		const fetched: Fetched = await fetch(this.#abort.signal);
		const { rows } = await execute(this.#statement, { tables: new Map() }, { fetched, parameters });
		for (let from = 0; from < rows.length; ) {
			const part: SqlValue[][] = [];
			for (let bytes = 0; from < rows.length && bytes < PART_BYTES; from++) {
				part.push(rows[from]!);
				bytes += rowBytes(rows[from]!);
			}
			this.#unprinted.push(part.length);
			this.#post({ type: 'rows', id: this.#id, rows: part });
		}
	}

	/** The store's tables, of whose exchanges only those that have arrived since the last look can be read. */
	#arrived(): RowSource {
		const { source } = this.#link;
		const columns = source.tables.get('exchanges')!.columns.map(({ name }) => name);
		const [arrival, ts] = [columns.indexOf('ingested_at'), columns.indexOf('ts')];
		const keys = [arrival, ...['host_name', 'run', 'seq'].map((name) => columns.indexOf(name))];
		const since = (column: number, value: number): RowCondition => ({ kind: 'compare', column, operator: '>=', value });
		const conditions = [since(arrival, this.#sinceUs), since(ts, this.#sinceUs - OLDEST_US)];
		const read = (wanted: WantedRows, signal: AbortSignal) => this.#newRows(wanted, keys, conditions, signal);
		return { ...source, read };
	}

	/** The rows that have not been seen, in the order of their arrival. */
	async *#newRows(
		wanted: WantedRows,
		keys: readonly number[],
		conditions: readonly RowCondition[],
		signal: AbortSignal,
	): ReturnType<RowSource['read']> {
		const all = [...new Set([...wanted.columns, ...keys])].sort((a, b) => a - b);
		const want = { ...wanted, columns: all, conditions: [...wanted.conditions, ...conditions] };
		const places = keys.map((key) => all.indexOf(key));
		const found: Arrived[] = [];
		for await (const { rowCount, columns } of this.#link.source.read(want, signal))
			for (let row = 0; row < rowCount; row++) {
				const values = columns.map((column) => valueAt(column, row));
				const [at, host, run, seq] = places.map((place) => values[place]!);
				const sender = `${host}\0${run}`;
				found.push({ at: Number(at), sender, seq: Number(seq), key: `${sender}\0${seq}`, values });
			}
		if (found.length > wanted.atMost)
			throw new SqlError(
				`more than ${wanted.atMost} exchanges arrived at once`,
				'ERR_SQL_TOO_LARGE',
				undefined,
				'follow fewer with a condition, for example on host_name or status',
			);
		const fresh = found.filter(({ key }) => !this.#seen.has(key));
		fresh.sort(inOrderOfArrival);
		for (const { key, at } of fresh) this.#seen.set(key, at);
		this.#sinceUs = Math.max(this.#sinceUs, (fresh.at(-1)?.at ?? 0) - OVERLAP_US);
		for (const [key, at] of this.#seen) if (at < this.#sinceUs) this.#seen.delete(key);
		const kept = wanted.columns.map((column) => all.indexOf(column));
		yield { rowCount: fresh.length, columns: kept.map((place) => fresh.map(({ values }) => values[place]!)) };
	}
}

function inOrderOfArrival(a: Arrived, b: Arrived): number {
	if (a.at !== b.at) return a.at - b.at;
	if (a.sender !== b.sender) return a.sender < b.sender ? -1 : 1;
	return a.seq - b.seq;
}

function valueAt(column: BatchColumn, row: number): SqlValue {
	const value = column[row]!;
	return typeof value === 'number' && Number.isNaN(value) ? null : value;
}
