// Saves rows in order to return to them later, for sorting and for window functions.
import type { SelectPlan } from '../bind/bound.ts';
import { type Compiler, cursorOf } from '../evaluate/runtime.ts';
import { Int32List } from '../values/growing-array.ts';
import type { Groups } from './run-groups.ts';

/** Saved rows of a FROM clause (by the row numbers of their tables) or groups. */
export type Places = {
	/** The current group, set before `save`. */
	group: number;
	/** Saves the current row or group and returns its place. */
	readonly save: () => number;
	/** Saves many rows. Only if there is one table. */
	readonly saveAll: (rows: Int32Array, count: number) => void;
	/** Copies the rows of `count` places, beginning at `from`. Only if there is one table. */
	readonly rows: (from: number, count: number, into: Int32Array) => void;
	readonly load: (place: number) => void;
	readonly count: () => number;
	readonly reset: () => void;
};

export function compilePlaces(plan: SelectPlan, groups: Groups | undefined, c: Compiler): Places {
	const { guard } = c.runtime;
	const cursors = plan.steps.map(({ source }) => cursorOf(source, c.runtime));
	let lists: Int32List[] = [];
	let count = 0;
	const places: Places = {
		group: 0,
		save: () => {
			guard.grow(4 * lists.length);
			if (groups !== undefined) lists[0]!.push(places.group);
			else for (let table = 0; table < cursors.length; table++) lists[table]!.push(cursors[table]!.keep());
			return count++;
		},
		saveAll: (rows, length) => {
			guard.grow(4 * length);
			lists[0]!.pushAll(rows, length);
			count += length;
		},
		rows: (from, length, into) => lists[0]!.copy(from, length, into),
		load: (place) => {
			if (groups !== undefined) {
				groups.load(lists[0]!.at(place));
				return;
			}
			for (let table = 0; table < cursors.length; table++) cursors[table]!.row = lists[table]!.at(place);
		},
		count: () => count,
		reset: () => {
			lists = groups === undefined ? cursors.map(() => new Int32List()) : [new Int32List()];
			count = 0;
		},
	};
	return places;
}
