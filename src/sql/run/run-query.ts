// Runs whole queries: SELECT, VALUES, UNION and the like, and recursive tables.
import type { CompoundPlan, QueryPlan, RecursivePlan, SourceColumn, ValuesPlan } from '../bind/bound.ts';
import type { CompiledQuery, Compiler, Rows, Sink } from '../evaluate/runtime.ts';
import { pauseIfDue, type Steps } from '../limits/guard.ts';
import { KeySpace } from '../values/key-space.ts';
import { compareValues, foldAscii, rowBytes, toReal, type Value } from '../values/value.ts';
import { type ResultEnds, type ShownRow, shown } from './result-ends.ts';
import { compileLimits, compileSelect, giveEnds, limitedSink } from './run-select.ts';
import { sortSteps } from './sort-rows.ts';
import { compileSummary } from './summarize.ts';

export function compileQuery(plan: QueryPlan, c: Compiler): CompiledQuery {
	switch (plan.body.kind) {
		case 'select':
			return compileSelect(plan.body, c);
		case 'values':
			return compileValues(plan.body, plan.columns, c);
		case 'compound':
			return compileCompound(plan.body, plan.columns, c);
		case 'summary':
			return compileSummary(plan.body.of, plan.columns, c);
		default:
			return compileRecursive(plan.body, plan.columns, c);
	}
}

/** Passes the first rows of a query's result to `ends`, which also counts all rows, and returns the last rows. */
export function* runEnds(plan: QueryPlan, c: Compiler, ends: ResultEnds): Steps<ShownRow[]> {
	if (plan.body.kind === 'select') return yield* giveEnds(plan.body, c, ends);
	yield* compileQuery(plan, c).run((row) => {
		ends.addRow(row.map(shown));
		return true;
	});
	return ends.lastRows();
}

/** Converts rows to columns of more general types: a plain number of a `real` column becomes a Real object. */
function retyped(from: readonly SourceColumn[], to: readonly SourceColumn[]): (row: Value[]) => Value[] {
	const boxed = from.flatMap((column, index) => (column.type === 'real' && to[index]!.type !== 'real' ? [index] : []));
	if (boxed.length === 0) return (row) => row;
	return (row) => {
		for (const index of boxed) {
			const value = row[index]!;
			if (typeof value === 'number') row[index] = toReal(value);
		}
		return row;
	};
}

function compileValues(plan: ValuesPlan, columns: readonly SourceColumn[], c: Compiler): CompiledQuery {
	const rows = plan.rows.map((row) =>
		row.map((item, index) => (columns[index]!.type === 'any' ? c.any(item) : c.value(item))),
	);
	return {
		*run(sink) {
			for (const row of rows) if (!sink(row.map((item) => item()))) return;
		},
	};
}

function compileCompound(plan: CompoundPlan, columns: readonly SourceColumn[], c: Compiler): CompiledQuery {
	const { guard } = c.runtime;
	const parts = [{ operator: 'UNION ALL' as const, plan: plan.first }, ...plan.rest].map(
		({ operator, plan: part }) => ({
			operator,
			run: c.query(part).run,
			retype: retyped(part.columns, columns),
		}),
	);
	const nocase = columns.map((column) => column.nocase);
	const limits = compileLimits(plan.limit, plan.offset, c);
	const isPlain = plan.order.length === 0 && plan.rest.every(({ operator }) => operator === 'UNION ALL');
	return {
		*run(sink) {
			const { limit, offset } = limits();
			if (limit === 0) return;
			const limited = limitedSink(sink, limit, offset);
			if (isPlain) return yield* concatenate(parts, limited);
			let rows: Value[][] = [];
			for (const { operator, run, retype } of parts) {
				const next: Value[][] = [];
				yield* run((row) => {
					guard.grow(rowBytes(row));
					next.push(retype(row));
					return true;
				});
				rows = combine(operator, rows, next, new KeySpace(columns.length, guard), nocase);
			}
			const entries =
				plan.order.length === 0 ? rows.keys() : yield* sortSteps(rows.length, compareRows(rows, plan.order), guard);
			for (const entry of entries) if (!limited(rows[entry]!)) return;
		},
	};
}

function* concatenate(
	parts: readonly { run: CompiledQuery['run']; retype: (row: Value[]) => Value[] }[],
	sink: Sink,
): Steps {
	let isOpen = true;
	for (const { run, retype } of parts) {
		if (!isOpen) return;
		yield* run((row) => {
			isOpen = sink(retype(row));
			return isOpen;
		});
	}
}

/** Combines the rows of two queries. All operators but UNION ALL keep each row once. */
function combine(
	operator: string,
	left: Value[][],
	right: Value[][],
	space: KeySpace,
	nocase: readonly boolean[],
): Value[][] {
	if (operator === 'UNION ALL') return left.length === 0 ? right : left.concat(right);
	const number = (row: Value[]) =>
		space.numberOf(
			nocase.includes(true)
				? row.map((value, index) => (nocase[index] && typeof value === 'string' ? foldAscii(value) : value))
				: row,
		);
	if (operator === 'UNION') return unique([...left, ...right], number, () => true);
	const others = new Set(right.map(number));
	return unique(left, number, (key) => others.has(key) === (operator === 'INTERSECT'));
}

function unique(
	rows: readonly Value[][],
	number: (row: Value[]) => number,
	wanted: (key: number) => boolean,
): Value[][] {
	const seen = new Set<number>();
	return rows.filter((row) => {
		const key = number(row);
		if (seen.has(key) || !wanted(key)) return false;
		seen.add(key);
		return true;
	});
}

function compareRows(rows: readonly Value[][], order: CompoundPlan['order']): (a: number, b: number) => number {
	const fold = (value: Value, nocase: boolean) => (nocase && typeof value === 'string' ? foldAscii(value) : value);
	return (a, b) => {
		for (const { column, descending, nullsFirst, nocase } of order) {
			const x = fold(rows[a]![column]!, nocase);
			const y = fold(rows[b]![column]!, nocase);
			if (x === null || y === null) {
				if (x !== y) return (x === null) === nullsFirst ? -1 : 1;
				continue;
			}
			const result = compareValues(x, y);
			if (result !== 0) return descending ? -result : result;
		}
		return 0;
	};
}

/** Runs `first`, then `step` on the new rows until it returns none. */
function compileRecursive(plan: RecursivePlan, columns: readonly SourceColumn[], c: Compiler): CompiledQuery {
	const { guard, recursions } = c.runtime;
	const first = c.query(plan.first);
	const step = c.query(plan.step);
	const retypeFirst = retyped(plan.first.columns, columns);
	const retypeStep = retyped(plan.step.columns, columns);
	return {
		*run(sink) {
			const seen = plan.all ? undefined : new KeySpace(columns.length, guard);
			let isOpen = true;
			/** Estimated memory of the rows that the next step reads. */
			let bytes = 0;
			let next: Rows = { columns: columns.map(() => []), count: 0 };
			const take = (row: Value[]) => {
				guard.step();
				if (seen !== undefined) {
					const before = seen.size;
					seen.numberOf(row);
					if (seen.size === before) return true;
				}
				guard.grow(rowBytes(row));
				bytes += rowBytes(row);
				for (let index = 0; index < row.length; index++) next.columns[index]!.push(row[index]!);
				next.count++;
				isOpen = sink(row);
				return isOpen;
			};
			yield* first.run((row) => take(retypeFirst(row)));
			while (next.count > 0 && isOpen) {
				const before = next;
				recursions.set(plan.identity, before);
				next = { columns: columns.map(() => []), count: 0 };
				const bytesBefore = bytes;
				bytes = 0;
				yield* step.run((row) => take(retypeStep(row)));
				guard.shrink(bytesBefore);
				yield* pauseIfDue(guard);
			}
		},
	};
}
