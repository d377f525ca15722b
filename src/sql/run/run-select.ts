// Runs one SELECT: rows of FROM and WHERE, groups, HAVING, windows, order, DISTINCT, LIMIT.
import type { Bound, SelectPlan, Source } from '../bind/bound.ts';
import type { BatchFilter } from '../evaluate/batch-filter.ts';
import { type CompiledQuery, type Compiler, cursorOf, type Sink } from '../evaluate/runtime.ts';
import { pauseIfDue, type Steps } from '../limits/guard.ts';
import { SqlError } from '../limits/sql-error.ts';
import { rowBytes, toInteger, type Value } from '../values/value.ts';
import { compileGroupNumbers } from './group-numbers.ts';
import { compilePlaces } from './places.ts';
import { compileGroups } from './run-groups.ts';
import { compileJoin } from './run-join.ts';
import { compileWindows } from './run-windows.ts';
import { compileKeyColumns } from './sort-keys.ts';
import { RowSorter } from './sort-rows.ts';

export function compileSelect(plan: SelectPlan, c: Compiler): CompiledQuery {
	const { runtime } = c;
	runtime.slots.set(plan.owner, { aggregates: [], windows: [] });
	const join = compileJoin(plan, c);
	const groups = plan.grouped ? compileGroups(plan, c) : undefined;
	// The only table when all of its rows take part.
	const [only] = plan.steps;
	const isWhole = plan.steps.length === 1 && plan.where === undefined && only!.filter === undefined;
	const whole = isWhole && only!.source.origin.kind === 'table' ? cursorOf(only!.source, runtime) : undefined;
	const having = plan.having === undefined ? undefined : c.isTrue(plan.having);
	const windows = plan.windows.length > 0 ? compileWindows(plan, c) : undefined;
	const outputs = plan.outputs.map((output) => c.value(output));
	const places = compilePlaces(plan, groups, c);
	const limits = compileLimits(plan.limit, plan.offset, c);

	/** Calls `accept` for each row of FROM or each group. */
	function* rows(accept: () => boolean): Steps {
		if (groups === undefined) return yield* join.run(accept);
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
			if ((group & 0x3ff) === 0x3ff) yield* pauseIfDue(runtime.guard);
			groups.load(group);
			places.group = group;
			if (having !== undefined && !having()) continue;
			if (!accept()) return;
		}
	}

	/** The same with window functions computed; they need all rows first. */
	function* windowRows(accept: () => boolean): Steps {
		if (windows === undefined) return yield* rows(accept);
		places.reset();
		if (batches !== undefined) {
			yield* batches((list, count) => {
				places.saveAll(list, count);
				return true;
			});
		} else {
			yield* rows(() => {
				places.save();
				return true;
			});
		}
		yield* windows.compute(places);
		for (let place = 0; place < places.count(); place++) {
			if ((place & 0x3ff) === 0x3ff) yield* pauseIfDue(runtime.guard);
			places.load(place);
			windows.select(place);
			if (!accept()) return;
		}
	}

	/** The rows of the only table, where there are no groups. */
	const batches = groups === undefined ? join.batches : undefined;
	const source = plan.steps.length === 1 && groups === undefined ? only!.source : undefined;
	const cursor = source === undefined ? undefined : cursorOf(source, runtime);
	const outputRow = () => outputs.map((output) => output());

	function* run(sink: Sink): Steps {
		const { limit, offset } = limits();
		if (limit === 0) return;
		const limited = limitedSink(sink, limit, offset);
		const isNew = plan.distinct ? newRows(plan.outputs, c, source) : undefined;
		if (plan.order.length === 0) {
			const { keepNew } = isNew ?? {};
			if (keepNew !== undefined && windows === undefined && batches !== undefined) {
				return yield* batches((list, count) => {
					const kept = keepNew(list, count);
					for (let i = 0; i < kept; i++) {
						cursor!.row = list[i]!;
						if (!limited(outputRow())) return false;
					}
					return true;
				});
			}
			return yield* windowRows(() => {
				return isNew !== undefined && !isNew.test() ? true : limited(outputRow());
			});
		}
		const sorter = new RowSorter(compileKeyColumns(plan.order, c, source), limit + offset, runtime.guard);
		if (isNew !== undefined) {
			// Only the output tells which rows are the same, so it is made before sorting.
			const kept: Value[][] = [];
			const keep = (row: Value[]) => {
				runtime.guard.grow(rowBytes(row));
				return kept.push(row) - 1;
			};
			yield* windowRows(() => {
				if (isNew.test()) sorter.add(() => keep(outputRow()));
				return true;
			});
			for (const tag of yield* sorter.finish()) if (!limited(kept[tag]!)) return;
			return;
		}
		if (windows === undefined) places.reset();
		if (windows === undefined && batches !== undefined) {
			yield* batches((list, count) => {
				sorter.addAll(list, count, cursor!, places.save);
				return true;
			});
		} else {
			yield* windowRows(() => {
				sorter.add(windows === undefined ? places.save : windows.selected);
				return true;
			});
		}
		const tags = yield* sorter.finish();
		for (let index = 0; index < tags.length; index++) {
			places.load(tags[index]!);
			windows?.select(tags[index]!);
			if (!limited(outputRow())) return;
			if ((index & 0x3ff) === 0x3ff) yield* pauseIfDue(runtime.guard);
		}
	}
	return { run };
}

/** Tells rows whose output has not come before: the current one, or those of a batch, which it moves to the front. */
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

/** Infinity for no limit, as in SQLite for a negative one. */
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
