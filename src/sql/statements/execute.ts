// Runs prepared statements on a snapshot, in slices of a few milliseconds.
import { setImmediate } from 'node:timers/promises';
import type { DatabaseSnapshot, ParameterValue, SqlValue, TableSnapshot } from '../../store/table.ts';
import type { QueryPlan, Source } from '../bind/bound.ts';
import { type Compiler, cursorOf, type Runtime } from '../evaluate/runtime.ts';
import { Guard, type Limits, type Steps } from '../limits/guard.ts';
import { createCompiler } from '../run/compile.ts';
import { explain } from '../run/explain.ts';
import { type EndsWanted, ResultEnds } from '../run/result-ends.ts';
import { runEnds } from '../run/run-query.ts';
import { rowBytes, toReal, toSqlValue, type Value } from '../values/value.ts';
import type { Result, ResultColumn } from './result.ts';
import type { Session } from './session.ts';
import { type Action, type Statement, tooComplex } from './statement.ts';

export type ExecuteOptions = Limits & {
	/** Values of the :parameters, by name without the colon. */
	readonly parameters?: ReadonlyMap<string, ParameterValue> | undefined;
	/** Where views and temporary tables live. */
	readonly session?: Session | undefined;
	/** The rows of tables of FROM that were read before (fetchRows). */
	readonly fetched?: ReadonlyMap<Source, TableSnapshot> | undefined;
	/** Further lines of an EXPLAIN. */
	readonly explained?: readonly string[] | undefined;
	/** Replaces the tables, captured and temporary, with what the statement may see of them. */
	readonly shown?: ((database: DatabaseSnapshot) => DatabaseSnapshot) | undefined;
	/** The value of `now` in microseconds since the epoch; by default the current time. */
	readonly now?: number | undefined;
	/** Disables the shortcuts for batches and bytes. The result must be the same. */
	readonly plain?: boolean | undefined;
	/** Called between slices with the number of rows read so far. */
	readonly onProgress?: ((rows: number) => void) | undefined;
	/** Called between slices. If it returns a promise, the statement waits for it, so that a slow reader can keep up. */
	readonly pause?: (() => Promise<void> | undefined) | undefined;
	/** Receives the result in parts; `rows` of the result is then empty. Returns false if no more rows are wanted. */
	readonly onRows?: ((rows: SqlValue[][]) => boolean | undefined) | undefined;
	/** Set if only the first and last rows of a query are wanted, with their number: `ends` of the result. */
	readonly ends?: EndsWanted | undefined;
};

/** Maximum size of a part for `onRows`, in rows and in bytes, because bodies can be large. */
const PART_ROWS = 500;
const PART_BYTES = 256 * 1024;

/**
 * Runs a statement to its end and yields to the event loop every few milliseconds. Throws a SqlError:
 * ERR_SQL_CANCELLED, ERR_SQL_TIME_LIMIT, ERR_SQL_TOO_LARGE, or one about a value that a function cannot use.
 */
export async function execute(
	statement: Statement,
	database: DatabaseSnapshot,
	options: ExecuteOptions = {},
): Promise<Result> {
	const guard = new Guard(options);
	const ends = options.ends && new ResultEnds(options.ends);
	const steps = run(statement, database, options, guard, ends);
	while (true) {
		const { done, value } = steps.next();
		ends?.flush();
		if (done === true) return value;
		options.onProgress?.(guard.rows);
		await options.pause?.();
		await setImmediate();
	}
}

/** The same without pauses. */
export function executeSync(statement: Statement, database: DatabaseSnapshot, options: ExecuteOptions = {}): Result {
	const steps = run(statement, database, options, new Guard(options));
	while (true) {
		const { done, value } = steps.next();
		if (done === true) return value;
	}
}

function* run(
	statement: Statement,
	database: DatabaseSnapshot,
	options: ExecuteOptions,
	guard: Guard,
	ends?: ResultEnds,
): Steps<Result> {
	guard.poll();
	try {
		return yield* runAction(statement, database, options, guard, ends);
	} catch (error) {
		throw error instanceof RangeError ? tooComplex(error) : error;
	}
}

function compilerFor(database: DatabaseSnapshot, options: ExecuteOptions, guard: Guard): Compiler {
	const all = options.session?.database(database) ?? database;
	const runtime: Runtime = {
		database: options.shown?.(all) ?? all,
		...(options.fetched === undefined ? {} : { fetched: options.fetched }),
		parameters: boundParameters(options.parameters),
		guard,
		plain: options.plain ?? false,
		functions: { now: options.now ?? Date.now() * 1000, poll: () => guard.poll() },
		cursors: new Map(),
		slots: new Map(),
		recursions: new Map(),
	};
	return createCompiler(runtime);
}

/** The values of the parameters as expressions use them. */
export function boundParameters(values: ExecuteOptions['parameters']): Map<string, Value> {
	return new Map(Array.from(values ?? [], ([name, value]) => [name, boundValue(value)]));
}

function boundValue(value: ParameterValue): Value {
	return value !== null && typeof value === 'object' && 'real' in value ? toReal(value.real) : value;
}

function* runAction(
	{ action, columns }: Statement,
	database: DatabaseSnapshot,
	options: ExecuteOptions,
	guard: Guard,
	ends: ResultEnds | undefined,
): Steps<Result> {
	const c = compilerFor(database, options, guard);
	switch (action.kind) {
		case 'query':
			if (ends !== undefined) {
				const last = yield* runEnds(action.plan, c, ends);
				return { columns, rows: [], ends: { total: ends.total, last } };
			}
			return { columns, rows: yield* runQuery(action.plan, c, options.onRows) };
		case 'explain':
			return { columns, rows: [...explain(action.plan), ...(options.explained ?? [])].map((line) => [line]) };
		case 'rows':
			return { columns, rows: action.rows.map((row) => [...row]) };
		default:
			return yield* runChange(action, c, options.session);
	}
}

function* runQuery(plan: QueryPlan, c: Compiler, onRows: ExecuteOptions['onRows']): Steps<SqlValue[][]> {
	const { guard } = c.runtime;
	let rows: SqlValue[][] = [];
	let partBytes = 0;
	let wantsMore = true;
	yield* c.query(plan).run((row) => {
		const bytes = rowBytes(row);
		partBytes += bytes;
		if (onRows === undefined) guard.grow(bytes);
		for (let index = 0; index < row.length; index++) row[index] = toSqlValue(row[index]!);
		rows.push(row as SqlValue[]);
		if (onRows !== undefined && (rows.length >= PART_ROWS || partBytes >= PART_BYTES)) {
			wantsMore = onRows(rows) !== false;
			// The reader of the rows may want a pause before many more are produced.
			guard.endSlice();
			rows = [];
			partBytes = 0;
		}
		return wantsMore;
	});
	if (onRows !== undefined && rows.length > 0 && wantsMore) onRows(rows);
	return onRows === undefined ? rows : [];
}

function* runChange(
	action: Exclude<Action, { kind: 'query' | 'explain' | 'rows' }>,
	c: Compiler,
	session: Session | undefined,
): Steps<Result> {
	if (session === undefined) throw new Error('a statement that changes something needs a session');
	const done = (message: string): Result => ({ columns: [], rows: [], message });
	switch (action.kind) {
		case 'create view': {
			const { name, columns, query, text } = action.syntax;
			if (!action.exists) session.setView({ name, columns, query, text });
			return done(`view ${name} ${action.exists ? 'already exists' : 'created'}`);
		}
		case 'create table': {
			const { name, columns } = action.syntax;
			if (action.exists) return done(`table ${name} already exists`);
			const rows = yield* runQuery(action.plan, c, undefined);
			const named = action.plan.columns.map(
				(column, index): ResultColumn => ({ name: columns?.[index] ?? column.name, type: column.output ?? 'any' }),
			);
			return done(`table ${name} created with ${count(session.createTable(name, named, rows))}`);
		}
		case 'drop': {
			const existed = action.what === 'view' ? session.dropView(action.name) : session.dropTable(action.name);
			return done(`${action.what} ${action.name} ${existed ? 'dropped' : 'does not exist'}`);
		}
		case 'insert': {
			const rows = yield* runQuery(action.plan, c, undefined);
			const width = session.columnsOf(action.name)!.length;
			session.insert(
				action.name,
				rows.map((row) => spread(row, action.places, width)),
			);
			return done(`${count(rows.length)} inserted`);
		}
		default:
			return done(`${count(runDelete(action, c, session))} deleted`);
	}
}

function count(rows: number): string {
	return rows === 1 ? '1 row' : `${rows} rows`;
}

function spread(row: readonly SqlValue[], places: readonly number[], width: number): SqlValue[] {
	const full = new Array<SqlValue>(width).fill(null);
	places.forEach((place, index) => {
		full[place] = row[index]!;
	});
	return full;
}

function runDelete(
	{ name, source, where }: Extract<Action, { kind: 'delete' }>,
	c: Compiler,
	session: Session,
): number {
	const cursor = cursorOf(source, c.runtime);
	const isDeleted = where === undefined ? () => true : c.isTrue(where);
	const kept: number[] = [];
	const total = cursor.count;
	for (let row = 0; row < total; row++) {
		c.runtime.guard.step();
		cursor.row = row;
		if (!isDeleted()) kept.push(row);
	}
	session.keep(name, kept);
	return total - kept.length;
}
