// Runs one SELECT: rows of FROM and WHERE, groups, HAVING, windows, order, DISTINCT, LIMIT.
import type { Bound, SelectPlan } from './bound.ts';
import { pauseIfDue, type Steps } from './guard.ts';
import { compilePlaces } from './places.ts';
import { compileGroupNumber, compileGroups } from './run-groups.ts';
import { compileJoin } from './run-join.ts';
import { compileWindows } from './run-windows.ts';
import { type CompiledQuery, type Compiler, cursorOf, type Sink } from './runtime.ts';
import { compileKeyColumns } from './sort-keys.ts';
import { RowSorter } from './sort-rows.ts';
import { SqlError } from './sql-error.ts';
import { rowBytes, toInteger, type Value } from './value.ts';

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
		if (groups === undefined) return yield* join(accept);
		groups.reset();
		if (whole !== undefined && groups.addAll !== undefined) groups.addAll(whole.count);
		else {
			yield* join(() => {
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
		yield* rows(() => {
			places.save();
			return true;
		});
		yield* windows.compute(places);
		for (let place = 0; place < places.count(); place++) {
			if ((place & 0x3ff) === 0x3ff) yield* pauseIfDue(runtime.guard);
			places.load(place);
			windows.select(place);
			if (!accept()) return;
		}
	}

	const outputRow = () => outputs.map((output) => output());

	function* run(sink: Sink): Steps {
		const { limit, offset } = limits();
		if (limit === 0) return;
		const limited = limitedSink(sink, limit, offset);
		const isNew = plan.distinct ? newRows(plan.outputs, c) : undefined;
		if (plan.order.length === 0) {
			return yield* windowRows(() => {
				return isNew !== undefined && !isNew() ? true : limited(outputRow());
			});
		}
		const sorter = new RowSorter(compileKeyColumns(plan.order, c), limit + offset, runtime.guard);
		if (isNew !== undefined) {
			// Only the output tells which rows are the same, so it is made before sorting.
			const kept: Value[][] = [];
			const keep = (row: Value[]) => {
				runtime.guard.grow(rowBytes(row));
				return kept.push(row) - 1;
			};
			yield* windowRows(() => {
				if (isNew()) sorter.add(() => keep(outputRow()));
				return true;
			});
			for (const tag of yield* sorter.finish()) if (!limited(kept[tag]!)) return;
			return;
		}
		if (windows === undefined) places.reset();
		yield* windowRows(() => {
			sorter.add(windows === undefined ? places.save : windows.selected);
			return true;
		});
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

/** Whether the current row's output has not come before. */
function newRows(outputs: readonly Bound[], c: Compiler): () => boolean {
	const number = compileGroupNumber(outputs, c);
	let count = 0;
	return () => {
		if (number() < count) return false;
		count++;
		return true;
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
