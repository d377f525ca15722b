// Computes the window functions that are not aggregates.
import { SqlError } from '../limits/sql-error.ts';
import { toInteger, type Value } from '../values/value.ts';

/** One partition: the places from index `start` up to, but not including, index `end` of the sorted list. */
export type Partition = {
	readonly start: number;
	readonly end: number;
	/** The range of rows that sort as equal to the row at `index`: the first one, and the one after the last. */
	readonly peersStart: (index: number) => number;
	readonly peersEnd: (index: number) => number;
	/** Evaluates an argument, by its number, for the row at `index`. */
	readonly argument: (argument: number, index: number) => Value;
	readonly argumentCount: number;
	/** The frame of the row at `index`: from `frameStart` up to, but not including, `frameEnd`. */
	readonly frameStart: (index: number) => number;
	readonly frameEnd: (index: number) => number;
};

type Result = (index: number) => Value;

/** By function name. Called once for each partition. */
export const WINDOW_RESULTS: ReadonlyMap<string, (partition: Partition) => Result> = new Map([
	[
		'row_number',
		({ start }): Result =>
			(index) =>
				index - start + 1,
	],
	[
		'rank',
		({ start, peersStart }): Result =>
			(index) =>
				peersStart(index) - start + 1,
	],
	['dense_rank', denseRank],
	[
		'percent_rank',
		({ start, end, peersStart }): Result =>
			(index) =>
				end - start < 2 ? 0 : (peersStart(index) - start) / (end - start - 1),
	],
	[
		'cume_dist',
		({ start, end, peersEnd }): Result =>
			(index) =>
				(peersEnd(index) - start) / (end - start),
	],
	['ntile', ntile],
	['lag', (partition): Result => neighbour(partition, -1)],
	['lead', (partition): Result => neighbour(partition, 1)],
	['first_value', (partition): Result => inFrame(partition, (start) => start)],
	['last_value', (partition): Result => inFrame(partition, (_, end) => end - 1)],
	['nth_value', nthValue],
]);

function denseRank({ start, peersStart }: Partition): Result {
	let rank = 0;
	// Called for the rows in order.
	return (index) => {
		if (peersStart(index) === index) rank = index === start ? 1 : rank + 1;
		return rank;
	};
}

function ntile({ start, end, argument }: Partition): Result {
	const tiles = Number(toInteger(argument(0, start)) ?? 0);
	if (tiles < 1) throw new SqlError('expected at least 1 as argument of ntile()', 'ERR_SQL_VALUE');
	const size = Math.floor((end - start) / tiles);
	const longer = (end - start) % tiles;
	return (index) => {
		const at = index - start;
		if (at < longer * (size + 1)) return Math.floor(at / (size + 1)) + 1;
		return longer + Math.floor((at - longer * (size + 1)) / size) + 1;
	};
}

function neighbour({ start, end, argument, argumentCount }: Partition, direction: number): Result {
	return (index) => {
		const given = argumentCount > 1 ? toInteger(argument(1, index)) : 1;
		if (given === null) return null;
		const at = index + direction * Number(given);
		if (at >= start && at < end) return argument(0, at);
		return argumentCount > 2 ? argument(2, index) : null;
	};
}

function inFrame(
	{ frameStart, frameEnd, argument }: Partition,
	choose: (start: number, end: number) => number,
): Result {
	return (index) => {
		const start = frameStart(index);
		const end = frameEnd(index);
		return start < end ? argument(0, choose(start, end)) : null;
	};
}

function nthValue({ frameStart, frameEnd, argument }: Partition): Result {
	return (index) => {
		const nth = Number(toInteger(argument(1, index)) ?? 0);
		if (nth < 1) throw new SqlError('expected at least 1 as second argument of nth_value()', 'ERR_SQL_VALUE');
		const at = frameStart(index) + nth - 1;
		return at < frameEnd(index) ? argument(0, at) : null;
	};
}
