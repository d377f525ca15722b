// Which rows and columns a statement needs from a source of rows, and reading them. Each mention of a table in FROM has its
// own rows, because its conditions are its own; equal ones are read once.
import type { RowSource, WantedRows } from '../../store/row-source.ts';
import type { TableSnapshot } from '../../store/table.ts';
import type { Bound, QueryPlan, Source } from '../bind/bound.ts';
import { type PlanVisitor, walkExpression, walkPlan } from '../bind/plan-walk.ts';
import type { Compiler } from '../evaluate/runtime.ts';
import { SqlError } from '../limits/sql-error.ts';
import { planJoin } from '../run/run-join.ts';
import { FetchedRows } from './fetched-table.ts';
import { pushedConditions } from './pushed-conditions.ts';

/** What is read at most for one mention of a table. Beyond that, the statement is refused. */
export type RemoteLimits = { readonly rows: number; readonly bytes: number };

/** What a statement reads: its query, or the condition of a DELETE. */
export type Reader = { readonly plan: QueryPlan } | { readonly condition: Bound | undefined };

/** The rows that are needed for each mention of a table of `source`. `c` evaluates constants. */
export function wantedRows(
	reader: Reader,
	source: RowSource,
	{ rows }: RemoteLimits,
	c: Compiler,
): ReadonlyMap<Source, WantedRows> {
	const columns = new Map<Source, Set<number>>();
	const conditions = new Map<Source, readonly Bound[]>();
	const visitor: PlanVisitor = {
		source: (mention) => {
			if (mention.origin.kind === 'table' && source.tables.has(mention.origin.table)) columns.set(mention, new Set());
		},
		select: (plan) => {
			for (const { step, own } of planJoin(plan).steps) conditions.set(step.source, own);
		},
		expression: (expression) => {
			// A table is visited before the expressions that read it.
			if (expression.kind === 'column') columns.get(expression.source)?.add(expression.index);
		},
	};
	if ('plan' in reader) walkPlan(reader.plan, visitor);
	else walkExpression(reader.condition, visitor);
	return new Map(
		[...columns].map(([mention, indexes]) => [
			mention,
			{
				table: (mention.origin as { readonly table: string }).table,
				columns: [...indexes].sort((a, b) => a - b),
				conditions: pushedConditions(conditions.get(mention) ?? [], mention, c),
				atMost: rows,
			},
		]),
	);
}

/** Reads the wanted rows. Throws a SqlError if there are more than `limits`. `onRows` is called with the rows so far. */
export async function readRemoteRows(
	wanted: ReadonlyMap<Source, WantedRows>,
	source: RowSource,
	limits: RemoteLimits,
	signal: AbortSignal,
	onRows: (rows: number) => void = () => undefined,
): Promise<Map<Source, TableSnapshot>> {
	const tables = new Map<Source, TableSnapshot>();
	const known = new Map<string, TableSnapshot>();
	let rows = 0;
	let bytes = 0;
	for (const [mention, want] of wanted) {
		const key = keyOf(want);
		let table = known.get(key);
		if (table === undefined) {
			const fetched = new FetchedRows(want.table, source.tables.get(want.table)!.columns, want.columns);
			for await (const batch of source.read(want, signal)) {
				bytes += fetched.append(batch.rowCount, batch.columns);
				if (fetched.rowCount > want.atMost) throw tooManyRows(want, source);
				if (bytes > limits.bytes) throw tooManyBytes(limits, source);
				onRows(rows + fetched.rowCount);
			}
			rows += fetched.rowCount;
			table = fetched.snapshot();
			known.set(key, table);
		}
		tables.set(mention, table);
	}
	return tables;
}

/** Equal for requests of equal rows. */
export function keyOf(want: WantedRows): string {
	return JSON.stringify(want, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
}

const ADVICE = 'narrow it with WHERE, for example by ts and host_name; EXPLAIN shows what is read from there';

function tooManyRows({ table, atMost }: WantedRows, { name }: RowSource): SqlError {
	return new SqlError(
		`the statement needs more than ${atMost} rows of ${table} from ${name}`,
		'ERR_SQL_TOO_LARGE',
		undefined,
		ADVICE,
	);
}

function tooManyBytes({ bytes }: RemoteLimits, { name }: RowSource): SqlError {
	return new SqlError(
		`the statement needs more than ${Math.round(bytes / 2 ** 20)} MiB of rows from ${name}`,
		'ERR_SQL_TOO_LARGE',
		undefined,
		`${ADVICE}; select fewer columns, or raise --max-memory`,
	);
}
