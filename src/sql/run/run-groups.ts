// Puts rows into groups and computes their aggregates.
import type { AggregateCall, Bound, SelectPlan, Source } from '../bind/bound.ts';
import { batchCursor, batchNumbers, numbersByRow } from '../evaluate/batch.ts';
import { type Compiler, type Cursor, cursorOf } from '../evaluate/runtime.ts';
import type { Accumulator, Argument } from '../functions/function-table.ts';
import { Int32List } from '../values/growing-array.ts';
import { KeySpace } from '../values/key-space.ts';
import { compileGroupNumbers, compileKey } from './group-numbers.ts';

export type Groups = {
	/** Adds the current row to its group. */
	readonly add: () => void;
	/** Adds a batch of rows to their groups. Undefined if there is more than one table, or no batches. */
	readonly addBatch: ((rows: Int32Array, count: number) => void) | undefined;
	/** Adds this many rows at once. Only if there is one table and no aggregate looks at a row, as with count(*). */
	readonly addAll: ((rows: number) => void) | undefined;
	readonly count: () => number;
	/** Makes this the current group: its aggregates can be read, and bare columns read one of its rows. */
	readonly load: (group: number) => void;
	/** Removes all groups. */
	readonly reset: () => void;
};

/** Estimated memory of a group in bytes, without its key and aggregates. */
const GROUP_BYTES = 32;

export function compileGroups(plan: SelectPlan, c: Compiler): Groups {
	const { guard } = c.runtime;
	const cursors = plan.steps.map(({ source }) => cursorOf(source, c.runtime));
	const source = plan.steps.length === 1 ? plan.steps[0]!.source : undefined;
	const accumulators = plan.aggregates.map((call) => compileAggregate(call, c, source));
	const slots = c.runtime.slots.get(plan.owner)!;
	let current = 0;
	accumulators.forEach(({ result }, slot) => {
		slots.aggregates[slot] = () => result(current);
	});
	const numbers = compileGroupNumbers(plan.keys, c, source);
	const rows = new GroupRows(cursors);
	const extreme = plan.aggregates.findIndex((call) => call.function.extreme !== undefined && !call.distinct);
	const feed = feedAggregates(accumulators, extreme, rows, cursors[0]);
	let count = 0;
	const reset = () => {
		rows.reset();
		count = 0;
		numbers.reset();
		for (const accumulator of accumulators) accumulator.reset();
		// Without GROUP BY there is always one group, even if there are no rows.
		if (plan.keys.length === 0) {
			rows.addEmpty();
			count = 1;
		}
	};
	const add = () => {
		const group = numbers.one();
		if (group >= count) {
			count = group + 1;
			guard.grow(GROUP_BYTES + 16 * accumulators.length);
			rows.add();
		} else if (plan.keys.length === 0 && rows.isEmpty) rows.replace(0);
		feed.one(group);
	};
	const load = (group: number) => {
		current = group;
		rows.load(group);
	};
	const { many } = numbers;
	const addBatch = (list: Int32Array, length: number) => {
		if (length === 0) return;
		const groups = many!(list, length);
		const [cursor] = cursors;
		if (plan.keys.length === 0 && rows.isEmpty) {
			cursor!.row = list[0]!;
			rows.replace(0);
		}
		// A number that is not below `count` belongs to a new group.
		for (let i = 0; i < length; i++) {
			if (groups[i]! < count) continue;
			count = groups[i]! + 1;
			guard.grow(GROUP_BYTES + 16 * accumulators.length);
			cursor!.row = list[i]!;
			rows.add();
		}
		feed.many(groups, list, length, count);
	};
	const isCountOnly =
		plan.keys.length === 0 && cursors.length === 1 && accumulators.every(({ addRows }) => addRows !== undefined);
	const addAll = (total: number) => {
		if (total > 0) {
			cursors[0]!.row = 0;
			rows.replace(0);
		}
		for (const accumulator of accumulators) accumulator.addRows!(0, total);
	};
	return {
		add,
		addBatch: many === undefined ? undefined : addBatch,
		addAll: isCountOnly ? addAll : undefined,
		count: () => count,
		load,
		reset,
	};
}

/** `extreme`: the index of the min or max whose row bare columns read, or -1. */
function feedAggregates(
	accumulators: readonly Accumulator[],
	extreme: number,
	rows: GroupRows,
	cursor: Cursor | undefined,
): {
	/** Adds the current row to all aggregates of a group. */
	readonly one: (group: number) => void;
	/** Adds many rows of the only table: `groups[i]` is the group of row `list[i]`. All groups are below `end`. */
	readonly many: (groups: Int32Array, list: Int32Array, length: number, end: number) => void;
} {
	const stepAt = (slot: number, group: number) => {
		const isNewExtreme = accumulators[slot]!.step(group);
		if (isNewExtreme === true && slot === extreme) rows.replace(group);
	};
	return {
		one: (group) => {
			for (let slot = 0; slot < accumulators.length; slot++) stepAt(slot, group);
		},
		many: (groups, list, length, end) => {
			for (let slot = 0; slot < accumulators.length; slot++) {
				const { steps } = accumulators[slot]!;
				if (steps !== undefined) {
					steps(groups, list, length, end);
					continue;
				}
				for (let i = 0; i < length; i++) {
					cursor!.row = list[i]!;
					stepAt(slot, groups[i]!);
				}
			}
		},
	};
}

/** The row of each table that bare columns of a group read, or -1. */
class GroupRows {
	readonly #cursors: readonly Cursor[];
	#rows: Int32List[] = [];

	constructor(cursors: readonly Cursor[]) {
		this.#cursors = cursors;
	}

	reset(): void {
		this.#rows = this.#cursors.map(() => new Int32List());
	}

	/** Adds a group without any row. */
	addEmpty(): void {
		for (const list of this.#rows) list.push(-1);
	}

	/** Whether the first group has no row yet. */
	get isEmpty(): boolean {
		return this.#rows.length > 0 && this.#rows[0]!.at(0) < 0;
	}

	/** Adds a group with the current row. */
	add(): void {
		for (let table = 0; table < this.#rows.length; table++) this.#rows[table]!.push(this.#cursors[table]!.keep());
	}

	/** Makes the current row the group's row. */
	replace(group: number): void {
		for (let table = 0; table < this.#rows.length; table++) this.#rows[table]!.set(group, this.#cursors[table]!.keep());
	}

	/** Makes the group's row the current one. */
	load(group: number): void {
		for (let table = 0; table < this.#rows.length; table++) this.#cursors[table]!.row = this.#rows[table]!.at(group);
	}
}

// ---- aggregates ---------------------------------------------------------------------------------------------------

/** `source`: the table, if there is only one. Batches are lists of its rows. */
export function compileAggregate(
	call: Omit<AggregateCall, 'key'>,
	c: Compiler,
	source: Source | undefined,
): Accumulator {
	const { guard, functions } = c.runtime;
	const context = { ...functions, grow: (bytes: number) => guard.grow(bytes) };
	const list = call.arguments.map((argument) => compileArgument(argument, c, source));
	const order = call.order.map((term) => ({ value: c.any(term.expression), ...term }));
	const plain = call.function.create(list, { ...context, order });
	const counted = call.distinct ? distinct(plain, call.arguments[0]!, c) : plain;
	if (call.filter === undefined) return counted;
	const test = c.isTrue(call.filter);
	return { ...counted, addRows: undefined, steps: undefined, step: (group) => (test() ? counted.step(group) : false) };
}

function compileArgument(argument: Bound, c: Compiler, source: Source | undefined): Argument {
	const base = { type: argument.type, output: argument.output, nocase: argument.nocase, value: c.any(argument) };
	if (argument.type !== 'int' && argument.type !== 'real') return base;
	const number = c.number(argument);
	const cursor = source === undefined ? undefined : batchCursor(source, c);
	if (source === undefined || cursor === undefined) return { ...base, number };
	return { ...base, number, numbers: batchNumbers(argument, source, c) ?? numbersByRow(number, cursor) };
}

/** Passes each distinct value on once per group. */
function distinct(inner: Accumulator, argument: Bound, c: Compiler): Accumulator {
	const { guard } = c.runtime;
	const column = compileKey(argument, c);
	let space = new KeySpace(1, guard);
	/** Whether the first group has already had the value, by the value's number. */
	let inFirst = new Uint8Array(256);
	let inOthers = new Set<number>();
	const isNew = (group: number, value: number): boolean => {
		if (group === 0) {
			if (value >= inFirst.length) {
				const longer = new Uint8Array(2 ** Math.ceil(Math.log2(value + 1)));
				longer.set(inFirst);
				inFirst = longer;
			}
			if (inFirst[value] === 1) return false;
			inFirst[value] = 1;
			return true;
		}
		const pair = group * 2 ** 26 + value;
		if (inOthers.has(pair)) return false;
		guard.grow(40);
		inOthers.add(pair);
		return true;
	};
	return {
		step: (group) => {
			let value: number;
			if (column.isCode) {
				value = column.number();
				if (value < 0) return false;
			} else {
				const key = column.key();
				if (key === null) return false;
				value = space.valueNumber(0, key);
			}
			return isNew(group, value) ? inner.step(group) : false;
		},
		result: inner.result,
		reset: () => {
			space = new KeySpace(1, guard);
			inFirst = new Uint8Array(256);
			inOthers = new Set();
			inner.reset();
		},
	};
}
