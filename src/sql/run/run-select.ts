// Runs one SELECT: FROM, WHERE, groups, HAVING, windows, DISTINCT, order, LIMIT.
import type { Bound, SelectPlan, Source } from '../bind/bound.ts';
import type { BatchFilter } from '../evaluate/batch-filter.ts';
import { type CompiledQuery, type Compiler, cursorOf, type Sink, type Test } from '../evaluate/runtime.ts';
import { pauseIfDue, type Steps } from '../limits/guard.ts';
import { SqlError } from '../limits/sql-error.ts';
import { rowBytes, toInteger, type Value } from '../values/value.ts';
import { compileGroupNumbers } from './group-numbers.ts';
import { compilePlaces, type Places } from './places.ts';
import { compileShown, type ResultEnds, type RowReader, type ShownRow, shown } from './result-ends.ts';
import { compileGroups, type Groups } from './run-groups.ts';
import { compileJoin, type Join } from './run-join.ts';
import { compileWindows, type Windows } from './run-windows.ts';
import { compileKeyColumns } from './sort-keys.ts';
import { RowSorter } from './sort-rows.ts';

/** Calls `accept` for each row until it returns false. */
type Rows = (accept: () => boolean) => Steps;

/** A compiled SELECT, for the functions that return its rows. */
type Select = {
	readonly plan: SelectPlan;
	readonly c: Compiler;
	/** The rows of FROM, or the groups, with their window functions computed. */
	readonly rows: Rows;
	/** The table and its rows in batches, if there is only one table and no groups. */
	readonly source: Source | undefined;
	readonly batches: Join['batches'];
	readonly places: Places;
	readonly windows: Windows | undefined;
	readonly outputRow: () => Value[];
};

export function compileSelect(plan: SelectPlan, c: Compiler): CompiledQuery {
	const { select, limits } = prepareSelect(plan, c, (output) => c.value(output));
	return {
		*run(sink) {
			const { limit, offset } = limits();
			if (limit > 0) yield* giveAll(select, sink, limit, offset);
		},
	};
}

/** Returns only the ends of the result. For the rows between them, only outputs that may fail are evaluated. */
export function* giveEnds(plan: SelectPlan, c: Compiler, ends: ResultEnds): Steps<ShownRow[]> {
	// What compileShown returns passes through as other values do.
	const { select, limits } = prepareSelect(plan, c, (output) => compileShown(output, c) as () => Value);
	const { limit, offset } = limits();
	if (limit === 0) return [];
	const { batches, windows, source } = select;
	if (!plan.distinct && plan.order.length > 0) {
		const { places } = select;
		const tags = yield* tagsInOrder(select, limit + offset);
		const reader = rowReader(select, (tag) => {
			places.load(tag);
			windows?.select(tag);
		});
		for (let from = Math.min(offset, tags.length); from < tags.length; from += PIECE_ROWS) {
			ends.addPlaces(tags, from, Math.min(from + PIECE_ROWS, tags.length), reader);
			yield* pauseIfDue(c.runtime.guard);
		}
		return ends.lastRows(reader);
	}
	if (!plan.distinct && batches !== undefined && windows === undefined) {
		const cursor = cursorOf(source!, c.runtime);
		const reader = rowReader(select, (row) => {
			cursor.row = row;
		});
		let seen = 0;
		yield* batches((list, count) => {
			ends.addPlaces(list, clamp(offset - seen, count), clamp(offset + limit - seen, count), reader);
			seen += count;
			return seen < offset + limit;
		});
		return ends.lastRows(reader);
	}
	const isPlain = !plan.distinct && !plan.grouped && plan.order.length === 0 && windows === undefined;
	if (isPlain && plan.steps.length > 0 && plan.steps.every((step) => step.source.origin.kind === 'table')) {
		return yield* giveEndsOfJoin(select, ends, limit, offset);
	}
	yield* giveAll(
		select,
		(row) => {
			ends.addRow(row.map(shown));
			return true;
		},
		limit,
		offset,
	);
	return ends.lastRows();
}

/** Remembers the tables' rows of the latest combinations, so that only the last ones are read. */
function* giveEndsOfJoin(select: Select, ends: ResultEnds, limit: number, offset: number): Steps<ShownRow[]> {
	const { plan, c, rows } = select;
	const cursors = plan.steps.map(({ source }) => cursorOf(source, c.runtime));
	const kept = Math.max(1, ends.wanted.last);
	const latest = new Int32Array(kept * cursors.length);
	const reader = rowReader(select, (place) => {
		for (const [index, cursor] of cursors.entries()) cursor.row = latest[(place % kept) * cursors.length + index]!;
	});
	let skip = offset;
	const place = [0];
	yield* rows(() => {
		if (skip > 0) {
			skip--;
			return true;
		}
		place[0] = ends.total;
		const at = (ends.total % kept) * cursors.length;
		for (let index = 0; index < cursors.length; index++) latest[at + index] = cursors[index]!.row;
		ends.addPlaces(place, 0, 1, reader);
		return ends.total < limit;
	});
	return ends.lastRows(reader);
}

/** Number of rows, in order, between two checks of the clock. */
const PIECE_ROWS = 1024;

function rowReader({ plan, c, outputRow }: Select, load: (place: number) => void): RowReader {
	const risky = plan.outputs
		.filter(({ kind }) => kind !== 'column' && kind !== 'constant')
		.map((each) => c.value(each));
	return {
		read: (place) => {
			load(place);
			return outputRow() as ShownRow;
		},
		check:
			risky.length === 0
				? undefined
				: (place) => {
						load(place);
						for (const evaluate of risky) evaluate();
					},
	};
}

function clamp(place: number, count: number): number {
	return Math.max(0, Math.min(place, count));
}

function* giveAll(select: Select, sink: Sink, limit: number, offset: number): Steps {
	const { plan } = select;
	const limited = limitedSink(sink, limit, offset);
	if (plan.order.length === 0) yield* giveAsTheyCome(select, limited);
	else if (plan.distinct) yield* giveDistinctInOrder(select, limited, limit + offset);
	else yield* giveInOrder(select, limited, limit + offset);
}

function prepareSelect(
	plan: SelectPlan,
	c: Compiler,
	compileOutput: (output: Bound) => () => Value,
): { readonly select: Select; readonly limits: ReturnType<typeof compileLimits> } {
	c.runtime.slots.set(plan.owner, { aggregates: [], windows: [] });
	const join = compileJoin(plan, c);
	const groups = plan.grouped ? compileGroups(plan, c) : undefined;
	const having = plan.having === undefined ? undefined : c.isTrue(plan.having);
	const windows = plan.windows.length > 0 ? compileWindows(plan, c) : undefined;
	const outputs = plan.outputs.map(compileOutput);
	const places = compilePlaces(plan, groups, c);
	const limits = compileLimits(plan.limit, plan.offset, c);
	const plainRows = groups === undefined ? join.run : groupRows(plan, groups, join, having, places, c);
	const batches = groups === undefined ? join.batches : undefined;
	const select: Select = {
		plan,
		c,
		rows: windows === undefined ? plainRows : windowRows(plainRows, batches, windows, places, c),
		source: plan.steps.length === 1 && groups === undefined ? plan.steps[0]!.source : undefined,
		batches,
		places,
		windows,
		outputRow: () => outputs.map((output) => output()),
	};
	return { select, limits };
}

/** The groups of all rows of FROM that pass HAVING. */
function groupRows(
	plan: SelectPlan,
	groups: Groups,
	join: Join,
	having: Test | undefined,
	places: Places,
	c: Compiler,
): Rows {
	const { guard } = c.runtime;
	// All rows of the only table, if there are no conditions.
	const [only] = plan.steps;
	const isWhole = plan.steps.length === 1 && plan.where === undefined && only!.filter === undefined;
	const whole = isWhole && only!.source.origin.kind === 'table' ? cursorOf(only!.source, c.runtime) : undefined;
	return function* rows(accept) {
		groups.reset();
		const { addBatch } = groups;
		if (whole !== undefined && groups.addAll !== undefined) groups.addAll(whole.count);
		else if (addBatch !== undefined && join.batches !== undefined) {
			yield* join.batches((list, count) => {
				addBatch(list, count);
				return true;
			});
		} else {
			yield* join.run(() => {
				groups.add();
				return true;
			});
		}
		for (let group = 0; group < groups.count(); group++) {
			if ((group & 0x3ff) === 0x3ff) yield* pauseIfDue(guard);
			groups.load(group);
			places.group = group;
			if (having !== undefined && !having()) continue;
			if (!accept()) return;
		}
	};
}

/** The same rows with their window functions computed, which needs all rows beforehand. */
function windowRows(plainRows: Rows, batches: Join['batches'], windows: Windows, places: Places, c: Compiler): Rows {
	return function* rows(accept) {
		places.reset();
		if (batches !== undefined) {
			yield* batches((list, count) => {
				places.saveAll(list, count);
				return true;
			});
		} else {
			yield* plainRows(() => {
				places.save();
				return true;
			});
		}
		yield* windows.compute(places);
		for (let place = 0; place < places.count(); place++) {
			if ((place & 0x3ff) === 0x3ff) yield* pauseIfDue(c.runtime.guard);
			places.load(place);
			windows.select(place);
			if (!accept()) return;
		}
	};
}

/** For a SELECT without ORDER BY. */
function* giveAsTheyCome({ plan, c, rows, source, batches, windows, outputRow }: Select, sink: Sink): Steps {
	if (!plan.distinct) return yield* rows(() => sink(outputRow()));
	const { test, keepNew } = newRows(plan.outputs, c, source);
	if (keepNew === undefined || windows !== undefined || batches === undefined)
		return yield* rows(() => !test() || sink(outputRow()));
	const cursor = cursorOf(source!, c.runtime);
	yield* batches((list, count) => {
		const kept = keepNew(list, count);
		for (let i = 0; i < kept; i++) {
			cursor.row = list[i]!;
			if (!sink(outputRow())) return false;
		}
		return true;
	});
}

/** DISTINCT compares outputs, so they are computed before sorting. `most`: the number of rows wanted. */
function* giveDistinctInOrder({ plan, c, rows, source, outputRow }: Select, sink: Sink, most: number): Steps {
	const { guard } = c.runtime;
	const { test } = newRows(plan.outputs, c, source);
	const sorter = new RowSorter(compileKeyColumns(plan.order, c, source), most, guard);
	const kept: Value[][] = [];
	const keep = (row: Value[]) => {
		guard.grow(rowBytes(row));
		return kept.push(row) - 1;
	};
	yield* rows(() => {
		if (test()) sorter.add(() => keep(outputRow()));
		return true;
	});
	for (const tag of yield* sorter.finish()) if (!sink(kept[tag]!)) return;
}

/** Sorts the places of the rows, then computes the output of the wanted ones. `most`: the number of rows wanted. */
function* giveInOrder(select: Select, sink: Sink, most: number): Steps {
	const { c, places, windows, outputRow } = select;
	const tags = yield* tagsInOrder(select, most);
	for (let index = 0; index < tags.length; index++) {
		places.load(tags[index]!);
		windows?.select(tags[index]!);
		if (!sink(outputRow())) return;
		if ((index & 0x3ff) === 0x3ff) yield* pauseIfDue(c.runtime.guard);
	}
}

/** The places of the rows, or the numbers that a window selects by, in order. */
function* tagsInOrder(select: Select, most: number): Steps<number[]> {
	const { plan, c, rows, source, batches, places, windows } = select;
	const { guard } = c.runtime;
	const sorter = new RowSorter(compileKeyColumns(plan.order, c, source), most, guard);
	if (windows === undefined) places.reset();
	if (windows === undefined && batches !== undefined) {
		const cursor = cursorOf(source!, c.runtime);
		yield* batches((list, count) => {
			sorter.addAll(list, count, cursor, places.save);
			return true;
		});
	} else {
		yield* rows(() => {
			sorter.add(windows === undefined ? places.save : windows.selected);
			return true;
		});
	}
	return yield* sorter.finish();
}

/** Detects rows with a new output: `test` for the current row; `keepNew` moves those of a batch to its front. */
function newRows(
	outputs: readonly Bound[],
	c: Compiler,
	source: Source | undefined,
): { test: () => boolean; keepNew: BatchFilter | undefined } {
	const { one, many } = compileGroupNumbers(outputs, c, source);
	let count = 0;
	return {
		test: () => {
			if (one() < count) return false;
			count++;
			return true;
		},
		keepNew:
			many &&
			((rows, length) => {
				const numbers = many(rows, length);
				let kept = 0;
				for (let i = 0; i < length; i++) {
					if (numbers[i]! < count) continue;
					count++;
					rows[kept++] = rows[i]!;
				}
				return kept;
			}),
	};
}

export function limitedSink(sink: Sink, limit: number, offset: number): Sink {
	if (limit === Number.POSITIVE_INFINITY && offset === 0) return sink;
	let skip = offset;
	let left = limit;
	return (row) => {
		if (skip > 0) {
			skip--;
			return true;
		}
		left--;
		return sink(row) && left > 0;
	};
}

/** Infinity means no limit. As in SQLite, so does a negative number. */
export function compileLimits(
	limit: Bound | undefined,
	offset: Bound | undefined,
	c: Compiler,
): () => { limit: number; offset: number } {
	const read = (expression: Bound | undefined, word: string, none: number) => {
		if (expression === undefined) return () => none;
		const value = c.any(expression);
		return () => {
			const given = value();
			const number =
				typeof given === 'number'
					? given
					: typeof given === 'string' && /^\s*-?\d+\s*$/.test(given)
						? Number(toInteger(given))
						: Number.NaN;
			if (!Number.isSafeInteger(number)) throw new SqlError(`expected a whole number after ${word}`, 'ERR_SQL_VALUE');
			return number < 0 ? none : number;
		};
	};
	const readLimit = read(limit, 'LIMIT', Number.POSITIVE_INFINITY);
	const readOffset = read(offset, 'OFFSET', 0);
	return () => ({ limit: readLimit(), offset: readOffset() });
}
