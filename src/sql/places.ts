// Rows put aside to come back to: for sorting, and for window functions.
import type { SelectPlan } from './bound.ts';
import { Int32List } from './growing-array.ts';
import type { Groups } from './run-groups.ts';
import { type Compiler, cursorOf } from './runtime.ts';

/** Rows of a FROM clause, or groups, by the row numbers of their tables. */
export type Places = {
	/** The current group, set before `save`. */
	group: number;
	/** Puts the current row aside and gives its number. */
	readonly save: () => number;
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
			else for (let table = 0; table < cursors.length; table++) lists[table]!.push(cursors[table]!.row);
			return count++;
		},
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
