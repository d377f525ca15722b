// Runs table functions in FROM. Their arguments may read the tables before them, so the function runs again for each
// combination of rows of those tables. Its earlier rows are discarded, except those that groups, windows and ORDER BY
// return to (Cursor.keep).
import type { Source } from '../bind/bound.ts';
import { type Compiler, cursorOf, type Rows, type Test } from '../evaluate/runtime.ts';
import { rowBytes, type Value } from '../values/value.ts';

/** Called when the query begins to run: forgets all rows. */
export function startFunction(source: Source, c: Compiler): () => void {
	const cursor = cursorOf(source, c.runtime);
	return () => {
		cursor.rows = { columns: source.columns.map(() => []), count: 0 };
		cursor.keptRows = 0;
	};
}

/** Finds the rows for the current rows of the preceding tables, and calls `found` for those that pass `test`. */
export function functionPairs(source: Source, test: Test | undefined, c: Compiler): (found: () => boolean) => boolean {
	const { guard } = c.runtime;
	const cursor = cursorOf(source, c.runtime);
	const call = callFunction(source, c);
	return (found) => {
		const first = call();
		const end = cursor.count;
		for (let row = first; row < end; row++) {
			guard.step();
			// `found` may move the cursor.
			cursor.row = row;
			if (test !== undefined && !test()) continue;
			if (!found()) return false;
		}
		return true;
	};
}

/** Returns a function that replaces the rows that are not kept and returns the number of the first new row. */
export function callFunction(source: Source, c: Compiler): () => number {
	const { origin } = source;
	if (origin.kind !== 'function') throw new Error(`${source.name} is not a function`);
	const { guard, functions } = c.runtime;
	const cursor = cursorOf(source, c.runtime);
	const evaluate = origin.function.create(functions);
	const list = origin.arguments.map((argument) => c.any(argument));
	let rows: Rows | undefined;
	/** The memory of each row. */
	const sizes: number[] = [];
	let lastArguments: Value[] | undefined;
	let first = 0;
	const truncate = (count: number) => {
		for (let row = count; row < sizes.length; row++) guard.shrink(sizes[row]!);
		sizes.length = count;
	};
	return () => {
		if (rows !== cursor.rows) {
			// The query runs again.
			truncate(0);
			rows = cursor.rows!;
			lastArguments = undefined;
		}
		const { columns } = rows!;
		const values = list.map((argument) => argument());
		if (lastArguments !== undefined && values.every((value, index) => value === lastArguments![index])) return first;
		lastArguments = values;
		first = cursor.keptRows;
		truncate(first);
		for (const column of columns) column.length = first;
		rows!.count = first;
		if (values.includes(null)) return first;
		evaluate(values as Exclude<Value, null>[], (row) => {
			const bytes = rowBytes(row);
			guard.grow(bytes);
			sizes.push(bytes);
			for (let index = 0; index < columns.length; index++) columns[index]!.push(row[index]!);
			rows!.count++;
		});
		return first;
	};
}
