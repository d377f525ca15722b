// Puts rows into groups and feeds their aggregates.
import type { AggregateCall, Bound, SelectPlan } from './bound.ts';
import { compileColumnCode } from './compile-column.ts';
import type { Accumulator, Argument } from './function-table.ts';
import { Int32List } from './growing-array.ts';
import { KeySpace } from './key-space.ts';
import { type Compiler, cursorOf } from './runtime.ts';
import { foldAscii, keyOf } from './value.ts';

export type Groups = {
	/** Puts the current row into its group. */
	readonly add: () => void;
	/** Where no aggregate looks at a row: adds all rows of the only table at once. */
	readonly addAll: ((rows: number) => void) | undefined;
	readonly count: () => number;
	/** Makes a group the current one: its aggregates can be read, and bare columns give those of one of its rows. */
	readonly load: (group: number) => void;
	/** Forgets all rows. */
	readonly reset: () => void;
};

/** Bytes of a group besides its key and aggregates. */
const GROUP_BYTES = 32;

export function compileGroups(plan: SelectPlan, c: Compiler): Groups {
	const { guard } = c.runtime;
	const cursors = plan.steps.map(({ source }) => cursorOf(source, c.runtime));
	const accumulators = plan.aggregates.map((call) => compileAggregate(call, c));
	const extreme = plan.aggregates.findIndex((call) => call.function.extreme !== undefined && !call.distinct);
	const slots = c.runtime.slots.get(plan.owner)!;
	let current = 0;
	accumulators.forEach(({ result }, slot) => {
		slots.aggregates[slot] = () => result(current);
	});
	let number = compileGroupNumber(plan.keys, c);
	/** Each group's row in each table, for bare columns. */
	let rows: Int32List[] = [];
	let count = 0;
	const reset = () => {
		rows = cursors.map(() => new Int32List());
		count = 0;
		number = compileGroupNumber(plan.keys, c);
		for (const accumulator of accumulators) accumulator.reset();
		// Aggregates without GROUP BY give one row even when there are no rows.
		if (plan.keys.length === 0) {
			for (const list of rows) list.push(-1);
			count = 1;
		}
	};
	const add = () => {
		const group = number();
		if (group >= count) {
			count = group + 1;
			guard.grow(GROUP_BYTES + 16 * accumulators.length);
			for (let table = 0; table < cursors.length; table++) rows[table]!.push(cursors[table]!.row);
		} else if (plan.keys.length === 0 && cursors.length > 0 && rows[0]!.at(0) < 0) {
			for (let table = 0; table < cursors.length; table++) rows[table]!.set(0, cursors[table]!.row);
		}
		for (let slot = 0; slot < accumulators.length; slot++) {
			const isNewExtreme = accumulators[slot]!.step(group);
			if (isNewExtreme === true && slot === extreme) {
				for (let table = 0; table < cursors.length; table++) rows[table]!.set(group, cursors[table]!.row);
			}
		}
	};
	const load = (group: number) => {
		current = group;
		for (let table = 0; table < cursors.length; table++) cursors[table]!.row = rows[table]!.at(group);
	};
	const isCountOnly =
		plan.keys.length === 0 && cursors.length === 1 && accumulators.every(({ addRows }) => addRows !== undefined);
	const addAll = (total: number) => {
		if (total > 0) rows[0]!.set(0, 0);
		for (const accumulator of accumulators) accumulator.addRows!(0, total);
	};
	return { add, addAll: isCountOnly ? addAll : undefined, count: () => count, load, reset };
}

/** The number of the current row's group. */
export function compileGroupNumber(keys: readonly Bound[], c: Compiler): () => number {
	if (keys.length === 0) return () => 0;
	const space = new KeySpace(keys.length, c.runtime.guard);
	const columns = keys.map((key) => compileKey(key, c));
	const first = columns[0]!;
	if (keys.length === 1) return first.isCode ? byCode(first.number, space) : () => space.valueNumber(0, first.key());
	return () => {
		let number = first.isCode ? first.number() + 1 : space.valueNumber(0, first.key());
		for (let index = 1; index < columns.length; index++) {
			const column = columns[index]!;
			number = space.pairNumber(
				index,
				number,
				column.isCode ? column.number() + 1 : space.valueNumber(index, column.key()),
			);
		}
		return number;
	};
}

type KeyColumn =
	| { readonly isCode: true; readonly number: () => number }
	| { readonly isCode: false; readonly key: () => unknown };

function compileKey(key: Bound, c: Compiler): KeyColumn {
	const code = key.kind === 'column' && !key.nocase ? compileColumnCode(key, c.runtime) : undefined;
	if (code !== undefined) return { isCode: true, number: code };
	if (key.type === 'real' || (key.kind === 'column' && key.type === 'int')) {
		const number = c.number(key);
		const value = c.value(key);
		return {
			isCode: false,
			key: () => {
				const near = number();
				if (Number.isNaN(near)) return null;
				// A double does not tell integers beyond 2^53 apart.
				return near <= Number.MAX_SAFE_INTEGER && near >= -Number.MAX_SAFE_INTEGER ? near : keyOf(value());
			},
		};
	}
	const value = c.value(key);
	if (!key.nocase) return { isCode: false, key: () => keyOf(value()) };
	return {
		isCode: false,
		key: () => {
			const text = value();
			return keyOf(typeof text === 'string' ? foldAscii(text) : text);
		},
	};
}

/** One column of codes: a code's group is found in a list. */
function byCode(code: () => number, space: KeySpace): () => number {
	const groups: number[] = [];
	return () => {
		const index = code() + 1;
		const known = groups[index];
		if (known !== undefined) return known;
		const group = space.valueNumber(0, index);
		groups[index] = group;
		return group;
	};
}

// ---- aggregates ---------------------------------------------------------------------------------------------------

export function compileAggregate(call: Omit<AggregateCall, 'key'>, c: Compiler): Accumulator {
	const { guard, functions } = c.runtime;
	const context = { ...functions, grow: (bytes: number) => guard.grow(bytes) };
	const list = call.arguments.map((argument) => compileArgument(argument, c));
	const order = call.order.map((term) => ({ value: c.any(term.expression), ...term }));
	const plain = call.function.create(list, { ...context, order });
	const counted = call.distinct ? distinct(plain, call.arguments[0]!, c) : plain;
	if (call.filter === undefined) return counted;
	const test = c.isTrue(call.filter);
	return { ...counted, addRows: undefined, step: (group) => (test() ? counted.step(group) : false) };
}

function compileArgument(argument: Bound, c: Compiler): Argument {
	const isNumeric = argument.type === 'int' || argument.type === 'real';
	return {
		type: argument.type,
		output: argument.output,
		nocase: argument.nocase,
		value: c.any(argument),
		...(isNumeric ? { number: c.number(argument) } : {}),
	};
}

/** Lets each value through once a group. */
function distinct(inner: Accumulator, argument: Bound, c: Compiler): Accumulator {
	const { guard } = c.runtime;
	const column = compileKey(argument, c);
	let space = new KeySpace(1, guard);
	/** By the value's number: whether the first group had it. */
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
