// Runs FROM and WHERE: nested loops over the tables, in order. If a condition is an equality with an earlier table, the
// rows are looked up in a hash index. Each condition is tested as soon as all its tables have a row.
import type { TableSnapshot } from '../../store/table.ts';
import type { Bound, Comparison, JoinStep, SelectPlan, Source } from '../bind/bound.ts';
import { conjunctsOf, sourcesOf, varies } from '../bind/bound-walk.ts';
import { BATCH_ROWS, batchCursor, fillBatch } from '../evaluate/batch.ts';
import { type BatchFilter, batchFilter, filterByRow } from '../evaluate/batch-filter.ts';
import { converted } from '../evaluate/compile-comparison.ts';
import { type Compiler, type Cursor, cursorOf, type Evaluator, type Test } from '../evaluate/runtime.ts';
import { type Guard, pauseIfDue, type Steps } from '../limits/guard.ts';
import { keyOf, rowBytes, type Value } from '../values/value.ts';
import { indexRows, type RowIndex } from './row-index.ts';
import { callFunction, functionPairs, startFunction } from './run-function.ts';

/** Rows between two checks whether a pause is due, without batches. */
const BATCH = 1024;

/** The table at which each condition is tested. EXPLAIN prints this. */
export type JoinPlan = {
	/** Conditions that read no table of this FROM. */
	readonly before: readonly Bound[];
	readonly steps: readonly StepPlan[];
};

export type StepPlan = {
	readonly step: JoinStep;
	/** The equality by which rows are looked up: `own` reads this table, `other` only earlier ones or outer queries. */
	readonly equality:
		| {
				readonly condition: Bound;
				readonly own: Bound;
				readonly other: Bound;
				readonly comparison: Comparison;
				readonly ownIsLeft: boolean;
		  }
		| undefined;
	/** Conditions on this table alone, tested before a row enters the hash index. */
	readonly own: readonly Bound[];
	/** The other conditions under which a row matches the rows of the preceding tables. */
	readonly pair: readonly Bound[];
	/** Conditions of WHERE, tested after an outer join has added rows of NULLs. */
	readonly after: readonly Bound[];
};

export function planJoin({ steps, where }: SelectPlan): JoinPlan {
	const sources = steps.map((step) => step.source);
	const keepsUnmatched = steps.some(({ kind }) => kind === 'right' || kind === 'full');
	const before: Bound[] = [];
	const filters: Bound[][] = steps.map(() => []);
	const place = (condition: Bound, earliest: number) => {
		// A condition with random() is tested for each combination of rows.
		const used = varies(condition) ? [steps.length - 1] : placesOf(condition, sources);
		const at = Math.max(earliest, ...used);
		if (at < 0) before.push(condition);
		else filters[at]!.push(condition);
	};
	// A RIGHT or FULL join adds rows at the end, which must also pass the whole WHERE.
	for (const condition of conjunctsOf(where)) place(condition, keepsUnmatched ? steps.length - 1 : -1);
	const joinConditions = steps.map(({ kind, on, filter }, index) => {
		const conditions = [...conjunctsOf(filter), ...conjunctsOf(on)];
		if (kind !== 'inner' && kind !== 'cross') return conditions;
		if (!keepsUnmatched) {
			for (const condition of conditions) place(condition, 0);
			return [];
		}
		return index === 0 ? [] : conditions;
	});
	return {
		before,
		steps: steps.map((step, index) =>
			planStep(step, index, joinConditions[index]!, filters[index]!, sources, keepsUnmatched),
		),
	};
}

/** The indexes in FROM of the tables that a condition reads. */
function placesOf(condition: Bound, sources: readonly Source[]): number[] {
	return [...sourcesOf(condition)].map((source) => sources.indexOf(source)).filter((place) => place >= 0);
}

function planStep(
	step: JoinStep,
	index: number,
	join: readonly Bound[],
	filters: readonly Bound[],
	sources: readonly Source[],
	keepsUnmatched: boolean,
): StepPlan {
	const isOuter = step.kind === 'left' || step.kind === 'right' || step.kind === 'full';
	// At an inner join WHERE may decide which rows match, unless a RIGHT or FULL join keeps unmatched rows.
	const pairing = isOuter || keepsUnmatched ? join : [...join, ...filters];
	const after = isOuter || keepsUnmatched ? filters : [];
	const mayFilterEarly = step.kind !== 'right' && step.kind !== 'full';
	const own: Bound[] = [];
	const rest: Bound[] = [];
	for (const condition of pairing) {
		const isOwn =
			mayFilterEarly && !varies(condition) && [...sourcesOf(condition)].every((source) => source === step.source);
		(isOwn ? own : rest).push(condition);
	}
	let equality: StepPlan['equality'];
	const pair: Bound[] = [];
	for (const condition of rest) {
		// The rows of a table function change with those of the preceding tables, so an index would be used only once.
		const mayIndex = equality === undefined && step.source.origin.kind !== 'function';
		const found = mayIndex ? equalityOf(condition, step.source, sources.slice(index + 1)) : undefined;
		if (found === undefined) pair.push(condition);
		else equality = found;
	}
	return { step, equality, own, pair, after };
}

/** The condition as `own = other`, if `own` reads only this table and `other` only tables that already have a row. */
function equalityOf(condition: Bound, source: Source, later: readonly Source[]): StepPlan['equality'] {
	if (condition.kind !== 'compare' || condition.operator !== '=' || condition.comparison.scale !== undefined)
		return undefined;
	const { comparison } = condition;
	for (const ownIsLeft of [true, false]) {
		const own = ownIsLeft ? comparison.left : comparison.right;
		const other = ownIsLeft ? comparison.right : comparison.left;
		const ownSources = sourcesOf(own);
		const otherSources = sourcesOf(other);
		if (ownSources.size !== 1 || !ownSources.has(source)) continue;
		if (otherSources.size === 0 || otherSources.has(source) || later.some((table) => otherSources.has(table))) continue;
		return { condition, own, other, comparison, ownIsLeft };
	}
	return undefined;
}

// ---- running ------------------------------------------------------------------------------------------------------

/** Called for each combination of rows. Returns false if no more are wanted. */
export type Emit = () => boolean;

type Stage = {
	readonly cursor: Cursor;
	readonly kind: JoinStep['kind'];
	/** Calls `found` for each row that matches those of the preceding tables. Returns false if `found` did. */
	readonly pairs: (found: () => boolean) => boolean;
	/** For right and full joins: which rows have had a match. */
	readonly matched: { rows: Uint8Array } | undefined;
	readonly after: Test | undefined;
	readonly isReady: () => void;
};

export type Join = {
	readonly run: (emit: Emit) => Steps;
	/** The same rows in batches (batch.ts), if there is one table and it can be read in batches. */
	readonly batches: ((take: TakeBatch) => Steps) | undefined;
};

/** Receives a batch of rows. Returns false if no more are wanted. */
export type TakeBatch = (rows: Int32Array, count: number) => boolean;

export function compileJoin(plan: SelectPlan, c: Compiler): Join {
	const { guard } = c.runtime;
	const { before, steps } = planJoin(plan);
	const preconditions = before.map((condition) => c.isTrue(condition));
	if (steps.length === 0) {
		return {
			*run(emit: Emit): Steps {
				if (preconditions.every((test) => test())) emit();
			},
			batches: undefined,
		};
	}
	const stages = steps.map((step, index) => compileStage(step, index === 0, c));
	// If nothing needs the rows of a subquery again, they are passed on one by one, so that LIMIT can end it early.
	const isStreamed =
		!plan.grouped &&
		plan.order.length === 0 &&
		plan.windows.length === 0 &&
		steps[0]!.step.source.origin.kind === 'query';
	const prepare = steps.slice(isStreamed ? 1 : 0).map(({ step }) => prepareRows(step.source, c));
	const first = steps[0]!.step.source;
	if (first.origin.kind === 'function') {
		const call = callFunction(first, c);
		prepare.push(() => {
			call();
			return NOTHING;
		});
	}
	const driver = isStreamed ? { drive: compileStream(steps[0]!, c) } : compileDriver(steps[0]!, c);
	const batches = steps.length === 1 && 'batches' in driver ? driver.batches : undefined;
	return {
		*run(emit: Emit): Steps {
			if (!preconditions.every((test) => test())) return;
			for (const fill of prepare) yield* fill();
			for (const stage of stages) stage.isReady();
			const next = chain(stages, 1, emit, guard);
			const finished = yield* driver.drive(next, stages.length > 1);
			if (!finished) return;
			for (let index = 1; index < stages.length; index++) if (!emitUnmatched(stages, index, emit, guard)) return;
		},
		batches:
			batches &&
			function* (take: TakeBatch): Steps {
				if (preconditions.every((test) => test())) yield* batches(take);
			},
	};
}

/** The loops over the tables from `index` on. When they run, the preceding tables have a row. */
function chain(stages: readonly Stage[], index: number, emit: Emit, guard: Guard): Emit {
	const stage = stages[index];
	if (stage === undefined) return emit;
	const next = chain(stages, index + 1, emit, guard);
	const { cursor, pairs, matched, after, kind } = stage;
	const withTest = after === undefined ? next : () => (after() ? next() : true);
	const keepsLeft = kind === 'left' || kind === 'full';
	if (!keepsLeft && matched === undefined) return () => pairs(withTest);
	return () => {
		let isPaired = false;
		const wantsMore = pairs(() => {
			isPaired = true;
			if (matched !== undefined) matched.rows[cursor.row] = 1;
			return withTest();
		});
		if (isPaired || !keepsLeft || !wantsMore) return wantsMore;
		cursor.row = -1;
		return withTest();
	};
}

/** Emits the rows of a RIGHT or FULL join's table that had no match, with NULLs for the tables before. */
function emitUnmatched(stages: readonly Stage[], index: number, emit: Emit, guard: Guard): boolean {
	const { cursor, matched, after } = stages[index]!;
	if (matched === undefined) return true;
	const next = chain(stages, index + 1, emit, guard);
	for (let row = 0; row < cursor.count; row++) {
		guard.step();
		if (matched.rows[row] === 1) continue;
		for (let earlier = 0; earlier < index; earlier++) stages[earlier]!.cursor.row = -1;
		cursor.row = row;
		if (after !== undefined && !after()) continue;
		if (!next()) return false;
	}
	return true;
}

/** A finished iterator. */
const NOTHING: Steps = drained();

function* drained(): Steps {
	if (false as boolean) yield;
}

/** Runs a subquery in FROM and stores its rows. It is repeated only if it depends on rows of enclosing queries. */
function prepareRows(source: Source, c: Compiler): () => Steps {
	const { origin } = source;
	const cursor = cursorOf(source, c.runtime);
	if (origin.kind === 'table') return () => NOTHING;
	if (origin.kind === 'function') {
		const start = startFunction(source, c);
		return () => {
			start();
			return NOTHING;
		};
	}
	if (origin.kind === 'recursion') {
		return () => {
			cursor.rows = c.runtime.recursions.get(origin.of);
			cursor.version++;
			return NOTHING;
		};
	}
	const { run } = c.query(origin.plan);
	const { guard } = c.runtime;
	const width = origin.plan.columns.length;
	let isFilled = false;
	return function* fill(): Steps {
		if (isFilled && origin.plan.outer.size === 0) return;
		const columns = Array.from({ length: width }, () => [] as ReturnType<Evaluator>[]);
		const rows = { columns, count: 0 };
		yield* run((row) => {
			guard.grow(rowBytes(row));
			for (let index = 0; index < width; index++) columns[index]!.push(row[index]!);
			rows.count++;
			return true;
		});
		cursor.rows = rows;
		cursor.version++;
		isFilled = true;
	};
}

function allOf(conditions: readonly Bound[], c: Compiler): Test | undefined {
	if (conditions.length === 0) return undefined;
	if (conditions.length === 1) return c.isTrue(conditions[0]!);
	return c.isTrue({ ...conditions[0]!, kind: 'and', operands: conditions, constant: false });
}

function compileStage(plan: StepPlan, isDriver: boolean, c: Compiler): Stage {
	const { guard } = c.runtime;
	const { step, own, pair, after } = plan;
	const cursor = cursorOf(step.source, c.runtime);
	const matched = step.kind === 'right' || step.kind === 'full' ? { rows: new Uint8Array(0) } : undefined;
	const isReady = () => {
		if (matched !== undefined) matched.rows = new Uint8Array(cursor.count);
	};
	const base = { cursor, kind: step.kind, matched, after: allOf(after, c), isReady };
	if (isDriver) return { ...base, pairs: () => true };
	if (step.source.origin.kind === 'function')
		return { ...base, pairs: functionPairs(step.source, allOf([...own, ...pair], c), c) };
	if (plan.equality === undefined) return { ...base, pairs: scanPairs(cursor, allOf([...own, ...pair], c), guard) };
	return { ...base, pairs: lookUpPairs(plan, allOf(pair, c), cursor, c) };
}

function scanPairs(cursor: Cursor, test: Test | undefined, guard: Guard): Stage['pairs'] {
	return (found) => {
		const { count } = cursor;
		for (let row = 0; row < count; row++) {
			guard.step();
			cursor.row = row;
			if (test !== undefined && !test()) continue;
			if (!found()) return false;
		}
		return true;
	};
}

function lookUpPairs(plan: StepPlan, test: Test | undefined, cursor: Cursor, c: Compiler): Stage['pairs'] {
	const { guard } = c.runtime;
	const lookUp = compileLookUp(plan, cursor, c);
	return (found) => {
		// `found` may move the cursor, so `row` is kept here.
		for (let row = lookUp.first(); row >= 0; row = lookUp.next(row)) {
			guard.step();
			cursor.row = row;
			if (test !== undefined && !test()) continue;
			if (!found()) return false;
		}
		return true;
	};
}

/** Finds rows whose `own` side equals the current value of the `other` side, and which pass the `own` conditions. */
function compileLookUp(
	{ equality, own }: StepPlan,
	cursor: Cursor,
	c: Compiler,
): { first: () => number; next: (row: number) => number } {
	const { comparison, ownIsLeft } = equality!;
	const left = converted(c.any(comparison.left), comparison.leftAffinity, comparison.nocase);
	const right = converted(c.any(comparison.right), comparison.rightAffinity, comparison.nocase);
	const ownKey = ownIsLeft ? left : right;
	const otherKey = ownIsLeft ? right : left;
	const ownTest = allOf(own, c);
	const find = compileFind(equality!.own, cursor);
	let index: RowIndex | undefined;
	let version = cursor.version;
	let list: readonly number[] | undefined;
	let place = 0;
	const nextInList = () => {
		while (place < list!.length) {
			cursor.row = list![place++]!;
			if (ownTest === undefined || ownTest()) return cursor.row;
		}
		return -1;
	};
	return {
		first: () => {
			const value = otherKey();
			if (value === null) return -1;
			const key = keyOf(value);
			list = index === undefined && typeof key === 'number' ? find?.(key) : undefined;
			if (list !== undefined) {
				place = 0;
				return nextInList();
			}
			if (index === undefined || version !== cursor.version) {
				index = indexRows(cursor, ownKey, ownTest, c.runtime.guard);
				version = cursor.version;
			}
			return index.first(key);
		},
		next: (row) => (list === undefined ? index!.next(row) : nextInList()),
	};
}

/** The table's lookup of rows by the value of an int column, if it has one. */
function compileFind(own: Bound, cursor: Cursor): ((value: number) => readonly number[] | undefined) | undefined {
	const table = cursor.table;
	if (own.kind !== 'column' || own.type !== 'int' || table?.find === undefined) return undefined;
	return (value) => table.find!(own.index, value);
}

// ---- the driving table ----------------------------------------------------------------------------------------------

type Driver = {
	/** Goes through the first table row by row. Returns false if `next` did. */
	readonly drive: (next: Emit, isJoin: boolean) => Steps<boolean>;
	readonly batches?: (take: TakeBatch) => Steps;
};

function compileDriver(plan: StepPlan, c: Compiler): Driver {
	const { guard } = c.runtime;
	const { source } = plan.step;
	const cursor = cursorOf(source, c.runtime);
	const { own, pair, after, equality } = plan;
	// An equality with a value of an enclosing query: the subquery runs for each of its rows, so an index pays off.
	if (equality !== undefined) return { drive: driveLookUp(plan, cursor, c) };
	const found = ownLookUp(own, cursor, c);
	const conditions = [...own, ...pair, ...after];
	if (found !== undefined) return { drive: driveList(found, allOf(conditions, c), cursor, guard) };
	const table = batchCursor(source, c)?.table;
	if (table === undefined) return { drive: driveAll(allOf(conditions, c), cursor, guard) };
	const { filter, others } = batchFilter(conditions, source, c);
	return driveBatches(table, cursor, filter, allOf(others, c), guard);
}

function driveLookUp(plan: StepPlan, cursor: Cursor, c: Compiler): Driver['drive'] {
	const { guard } = c.runtime;
	const lookUp = compileLookUp(plan, cursor, c);
	const test = allOf([...plan.pair, ...plan.after], c);
	// biome-ignore lint/correctness/useYield: looking up is quick
	return function* drive(next: Emit): Steps<boolean> {
		for (let row = lookUp.first(); row >= 0; row = lookUp.next(row)) {
			guard.step();
			cursor.row = row;
			if (test !== undefined && !test()) continue;
			if (!next()) return false;
		}
		return true;
	};
}

function driveList(rows: readonly number[], test: Test | undefined, cursor: Cursor, guard: Guard): Driver['drive'] {
	// biome-ignore lint/correctness/useYield: few rows
	return function* drive(next: Emit): Steps<boolean> {
		for (const row of rows) {
			guard.step();
			cursor.row = row;
			if ((test === undefined || test()) && !next()) return false;
		}
		return true;
	};
}

function driveAll(test: Test | undefined, cursor: Cursor, guard: Guard): Driver['drive'] {
	return function* drive(next: Emit, isJoin: boolean): Steps<boolean> {
		const { count } = cursor;
		// With joins, one row can take long, so pauses must be checked more often.
		const batch = isJoin ? 16 : BATCH;
		for (let from = 0; from < count; from += batch) {
			const to = Math.min(count, from + batch);
			for (let row = from; row < to; row++) {
				cursor.row = row;
				if ((test === undefined || test()) && !next()) return false;
			}
			guard.rows += to - from;
			yield* pauseIfDue(guard);
		}
		return true;
	};
}

/** Tests `filter` on batches, then `test` on each row that is left. */
function driveBatches(
	table: TableSnapshot,
	cursor: Cursor,
	filter: BatchFilter | undefined,
	test: Test | undefined,
	guard: Guard,
): Driver {
	const byRow = test === undefined ? undefined : filterByRow(test, cursor);
	return {
		*drive(next: Emit, isJoin: boolean): Steps<boolean> {
			const rows = new Int32Array(Math.min(BATCH_ROWS, table.rowCount));
			for (let from = 0; from < table.rowCount; ) {
				const length = fillBatch(table, from, rows);
				const count = filter === undefined ? length : filter(rows, length);
				for (let i = 0; i < count; i++) {
					cursor.row = rows[i]!;
					if ((test === undefined || test()) && !next()) return false;
					if (isJoin && (i & 15) === 15) yield* pauseIfDue(guard);
				}
				from += length;
				guard.rows += length;
				yield* pauseIfDue(guard);
			}
			return true;
		},
		*batches(take: TakeBatch): Steps {
			const rows = new Int32Array(Math.min(BATCH_ROWS, table.rowCount));
			for (let from = 0; from < table.rowCount; ) {
				const length = fillBatch(table, from, rows);
				let count = filter === undefined ? length : filter(rows, length);
				if (byRow !== undefined) count = byRow(rows, count);
				if (count > 0 && !take(rows, count)) return;
				from += length;
				guard.rows += length;
				yield* pauseIfDue(guard);
			}
		},
	};
}

/** Passes on the rows of a subquery while it runs. */
function compileStream({ step, own, pair, after, equality }: StepPlan, c: Compiler): (next: Emit) => Steps<boolean> {
	const { origin } = step.source;
	if (origin.kind !== 'query') throw new Error('only subqueries are streamed');
	const cursor = cursorOf(step.source, c.runtime);
	const columns = origin.plan.columns.map((): Value[] => []);
	cursor.rows = { columns, count: 1 };
	const { run } = c.query(origin.plan);
	const conditions = [...own, ...pair, ...after];
	if (equality !== undefined) conditions.push(equality.condition);
	const test = allOf(conditions, c);
	return function* stream(next: Emit): Steps<boolean> {
		let wantsMore = true;
		cursor.row = 0;
		yield* run((row) => {
			for (let index = 0; index < columns.length; index++) columns[index]![0] = row[index]!;
			// An outer join may have moved the cursor.
			cursor.row = 0;
			if (test === undefined || test()) wantsMore = next();
			return wantsMore;
		});
		return wantsMore;
	};
}

/** The rows that the table finds for an equality of an int column with a constant. All conditions are still tested. */
function ownLookUp(own: readonly Bound[], cursor: Cursor, c: Compiler): readonly number[] | undefined {
	for (const condition of own) {
		if (condition.kind !== 'compare' || condition.operator !== '=') continue;
		const { left, right } = condition.comparison;
		for (const [column, constant] of [
			[left, right],
			[right, left],
		] as const) {
			const find = compileFind(column, cursor);
			if (find === undefined || !constant.constant) continue;
			const value = c.any(constant)();
			const rows = typeof value === 'number' ? find(value) : undefined;
			if (rows !== undefined) return rows;
		}
	}
	return undefined;
}
