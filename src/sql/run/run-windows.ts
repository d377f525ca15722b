// Computes window functions over the saved rows (places) of a SELECT, or over its groups.
import type { TableSnapshot } from '../../store/table.ts';
import type { BoundFrame, BoundFrameBound, SelectPlan, Source, WindowCall } from '../bind/bound.ts';
import { timeType } from '../bind/times.ts';
import { BATCH_ROWS, batchCursor } from '../evaluate/batch.ts';
import { compileMeasure, scaleOfTime } from '../evaluate/compile-comparison.ts';
import type { Compiler, Evaluator } from '../evaluate/runtime.ts';
import type { Accumulator } from '../functions/function-table.ts';
import { type Guard, pauseIfDue, type Steps } from '../limits/guard.ts';
import { SqlError } from '../limits/sql-error.ts';
import { Interval, shiftInstant, totalMicros } from '../values/interval.ts';
import { toDouble, type Value } from '../values/value.ts';
import { compileGroupNumbers, type GroupNumbers } from './group-numbers.ts';
import type { Places } from './places.ts';
import { compileAggregate } from './run-groups.ts';
import { compileKeyColumns, type KeyColumn } from './sort-keys.ts';
import { sortPartitions } from './sort-rows.ts';
import { type Partition, WINDOW_RESULTS } from './window-results.ts';

export type Windows = {
	readonly compute: (places: Places) => Steps;
	/** Makes expressions read the results of this place. */
	readonly select: (place: number) => void;
	readonly selected: () => number;
};

export function compileWindows(plan: SelectPlan, c: Compiler): Windows {
	const slots = c.runtime.slots.get(plan.owner)!;
	// If there is one table and no groups, the places are rows of this table.
	const [only] = plan.steps;
	const source = plan.steps.length === 1 && !plan.grouped ? only!.source : undefined;
	let selected = 0;
	const results: Value[][] = plan.windows.map(() => []);
	const compute = plan.windows.map((call, slot) => {
		slots.windows[slot] = () => results[slot]![selected] ?? null;
		return compileWindow(call, results[slot]!, source, c);
	});
	return {
		*compute(places) {
			for (const each of compute) yield* each(places);
		},
		select: (place) => {
			selected = place;
		},
		selected: () => selected,
	};
}

function compileWindow(
	call: WindowCall,
	results: Value[],
	source: Source | undefined,
	c: Compiler,
): (places: Places) => Steps {
	const { guard } = c.runtime;
	const numbers = compileGroupNumbers(call.partition, c, source);
	const table = source === undefined ? undefined : batchCursor(source, c)?.table;
	const list = call.arguments.map((argument) => c.any(argument));
	const typed = call.arguments.map((argument) => c.value(argument));
	const accumulator =
		'create' in call.function
			? compileAggregate({ ...call, function: call.function, distinct: false, order: [] }, c, undefined)
			: undefined;
	const isMixed =
		typeof call.function.type === 'function' &&
		call.function.type(call.arguments.map((argument) => argument.type)) === 'any';
	return function* compute(places: Places): Steps {
		numbers.reset();
		const keys = compileKeyColumns(call.order, c, source);
		const compareKeys = (a: number, b: number) => {
			for (const key of keys) {
				const order = key.compare(a, b);
				if (order !== 0) return order;
			}
			return 0;
		};
		const count = places.count();
		guard.grow(count * 36);
		const partitions = yield* readPlaces(places, numbers, keys, table, guard);
		const order = yield* sortPartitions(partitions, keys, guard);
		results.length = 0;
		// Filled from the front, so that V8 keeps the array packed.
		for (let place = 0; place < count; place++) results.push(null);
		for (let start = 0; start < count; ) {
			let end = start + 1;
			while (end < count && partitions[order[end]!] === partitions[order[start]!]) end++;
			const values = isMixed ? list : typed;
			const partition = partitionOf(order, start, end, compareKeys, values, call, places, c);
			if (accumulator === undefined) {
				const result = WINDOW_RESULTS.get(call.function.name)!(partition);
				for (let index = start; index < end; index++) {
					if ((index & 0x3ff) === 0x3ff) yield* pauseIfDue(guard);
					results[order[index]!] = result(index);
				}
			} else {
				yield* aggregateFrames(partition, accumulator, order, places, results, guard);
			}
			start = end;
			yield* pauseIfDue(guard);
		}
	};
}

/** Returns the number of each place's partition. Also reads the keys of ORDER BY. `table`: if there is only one. */
function* readPlaces(
	places: Places,
	numbers: GroupNumbers,
	keys: readonly KeyColumn[],
	table: TableSnapshot | undefined,
	guard: Guard,
): Steps<Int32Array> {
	const count = places.count();
	const partitions = new Int32Array(count);
	const { many } = numbers;
	if (table !== undefined && many !== undefined && keys.every(({ readAll }) => readAll !== undefined)) {
		const rows = new Int32Array(BATCH_ROWS);
		for (let place = 0; place < count; ) {
			yield* pauseIfDue(guard);
			const length = piece(table, places, place, rows);
			partitions.set(many(rows, length).subarray(0, length), place);
			for (const key of keys) guard.grow(key.readAll!(rows, length, place));
			place += length;
		}
	} else {
		for (let place = 0; place < count; place++) {
			if ((place & 0x3ff) === 0x3ff) yield* pauseIfDue(guard);
			places.load(place);
			partitions[place] = numbers.one();
			for (const key of keys) guard.grow(key.read(place));
		}
	}
	return partitions;
}

/** Reads the rows of the places from `place` on, up to the end of a batch. Returns their number. */
function piece(table: TableSnapshot, places: Places, place: number, rows: Int32Array): number {
	const length = Math.min(rows.length, places.count() - place);
	places.rows(place, length, rows);
	const end = table.pieceEnd?.(rows[0]!) ?? table.rowCount;
	let inPiece = length;
	while (rows[inPiece - 1]! >= end) inPiece--;
	return inPiece;
}

function partitionOf(
	order: Int32Array,
	start: number,
	end: number,
	compareKeys: (a: number, b: number) => number,
	list: readonly Evaluator[],
	call: WindowCall,
	places: Places,
	c: Compiler,
): Partition {
	// Where the peers of each row begin and end, computed on first use.
	let peers: Int32Array | undefined;
	let peerEnds: Int32Array | undefined;
	const findPeers = (): Int32Array => {
		const starts = new Int32Array(end - start);
		for (let index = start; index < end; index++) {
			const isPeer = index > start && compareKeys(order[index - 1]!, order[index]!) === 0;
			starts[index - start] = isPeer ? starts[index - 1 - start]! : index;
		}
		peers = starts;
		return starts;
	};
	const findPeerEnds = (): Int32Array => {
		const starts = peers ?? findPeers();
		const ends = new Int32Array(end - start);
		for (let index = end - 1; index >= start; index--) {
			const isLast = index === end - 1 || starts[index + 1 - start] === index + 1;
			ends[index - start] = isLast ? index + 1 : ends[index + 1 - start]!;
		}
		peerEnds = ends;
		return ends;
	};
	const peersStart = (index: number) => (peers ?? findPeers())[index - start]!;
	const peersEnd = (index: number) => (peerEnds ?? findPeerEnds())[index - start]!;
	const edges = compileFrame(call, { order, start, end, peersStart, peersEnd }, places, c);
	return {
		start,
		end,
		peersStart,
		peersEnd,
		argumentCount: list.length,
		argument: (argument, index) => {
			places.load(order[index]!);
			return list[argument]!();
		},
		frameStart: (index) => Math.min(end, Math.max(start, edges.start(index))),
		frameEnd: (index) => Math.max(start, Math.min(end, edges.end(index))),
	};
}

/** Computes an aggregate over each row's frame. As long as frames only grow, only the new rows are added. */
function* aggregateFrames(
	partition: Partition,
	accumulator: Accumulator,
	order: Int32Array,
	places: Places,
	results: Value[],
	guard: Guard,
): Steps {
	let from = -1;
	let to = -1;
	let last: Value = null;
	for (let index = partition.start; index < partition.end; index++) {
		if ((index & 0x3ff) === 0x3ff) yield* pauseIfDue(guard);
		const start = partition.frameStart(index);
		const end = Math.max(start, partition.frameEnd(index));
		if (start !== from || end < to) {
			accumulator.reset();
			from = start;
			to = start;
			last = accumulator.result(0);
		}
		if (to < end) {
			for (; to < end; to++) {
				guard.step();
				places.load(order[to]!);
				accumulator.step(0);
			}
			last = accumulator.result(0);
		}
		results[order[index]!] = last;
	}
}

// ---- frames -------------------------------------------------------------------------------------------------------

type Rows = {
	order: Int32Array;
	start: number;
	end: number;
	peersStart: (index: number) => number;
	peersEnd: (index: number) => number;
};

function compileFrame(
	call: WindowCall,
	rows: Rows,
	places: Places,
	c: Compiler,
): { start: (index: number) => number; end: (index: number) => number } {
	const { frame } = call;
	const edge = (bound: BoundFrameBound, isEnd: boolean): ((index: number) => number) => {
		if (bound.kind === 'unbounded preceding') return () => rows.start;
		if (bound.kind === 'unbounded following') return () => rows.end;
		if (bound.kind === 'current row') {
			if (frame.unit === 'rows') return (index) => (isEnd ? index + 1 : index);
			return isEnd ? rows.peersEnd : rows.peersStart;
		}
		if (!('offset' in bound)) throw new Error(`unknown frame bound ${bound.kind}`);
		const offset = c.any(bound.offset)();
		const direction = bound.kind === 'preceding' ? -1 : 1;
		if (frame.unit === 'range' && offset instanceof Interval)
			return rangeEdge(call, rows, intervalMove(offset, direction, call), isEnd, places, c);
		const distance = offsetOf(offset, frame) * direction;
		if (frame.unit === 'rows') return (index) => index + distance + (isEnd ? 1 : 0);
		if (frame.unit === 'groups') return groupsEdge(rows, distance, isEnd);
		return rangeEdge(call, rows, (own) => own + distance, isEnd, places, c);
	};
	return { start: edge(frame.start, false), end: edge(frame.end, true) };
}

function offsetOf(value: Value, frame: BoundFrame): number {
	const offset = value === null || typeof value === 'string' ? Number.NaN : toDouble(value);
	const isValid = offset >= 0 && (frame.unit === 'range' || Number.isInteger(offset));
	if (!isValid)
		throw new SqlError(
			`expected a ${frame.unit === 'range' ? 'number' : 'whole number'} of at least 0 as offset of the window frame`,
			'ERR_SQL_VALUE',
		);
	return offset;
}

/** Moves a key of ORDER BY, which is negated if the order is descending, by an interval. */
function intervalMove(offset: Interval, direction: 1 | -1, { order }: WindowCall): (own: number) => number {
	if (totalMicros(offset) < 0)
		throw new SqlError('expected an interval of at least 0 as offset of the window frame', 'ERR_SQL_VALUE');
	const { expression, descending } = order[0]!;
	const sign = descending ? -1 : 1;
	if (offset.months === 0 || expression.type === 'interval') return (own) => own + direction * totalMicros(offset);
	return (own) => sign * shiftInstant(sign * own, offset, (direction * sign) as 1 | -1);
}

function groupsEdge(rows: Rows, distance: number, isEnd: boolean): (index: number) => number {
	const starts: number[] = [];
	const groups = new Map<number, number>();
	for (let index = rows.start; index < rows.end; index = rows.peersEnd(index)) {
		groups.set(index, starts.length);
		starts.push(index);
	}
	return (index) => {
		const group = groups.get(rows.peersStart(index))! + distance;
		if (group < 0) return rows.start;
		if (group >= starts.length) return rows.end;
		return isEnd ? rows.peersEnd(starts[group]!) : starts[group]!;
	};
}

/**
 * An edge of a RANGE frame. `move` returns the wanted ORDER BY value; if that is not a number, the edge is that of the
 * peers.
 */
function rangeEdge(
	call: WindowCall,
	rows: Rows,
	move: (own: number) => number,
	isEnd: boolean,
	places: Places,
	c: Compiler,
): (index: number) => number {
	const { expression, descending } = call.order[0]!;
	const isTime = timeType(expression) !== undefined;
	const key = isTime ? compileMeasure(expression, scaleOfTime(expression), c) : c.any(expression);
	const sign = descending ? -1 : 1;
	const values = new Float64Array(rows.end - rows.start);
	for (let index = rows.start; index < rows.end; index++) {
		places.load(rows.order[index]!);
		const value = key();
		values[index - rows.start] =
			value === null || typeof value === 'string' || value instanceof Uint8Array ? Number.NaN : toDouble(value) * sign;
	}
	return (index) => {
		const own = values[index - rows.start]!;
		if (Number.isNaN(own)) return isEnd ? rows.peersEnd(index) : rows.peersStart(index);
		const wanted = move(own);
		// All numbers are adjacent; other values are before or after them.
		let low = rows.start;
		let high = rows.end;
		while (low < high) {
			const middle = (low + high) >> 1;
			const value = values[middle - rows.start]!;
			const isBefore = Number.isNaN(value) ? middle < index : isEnd ? value <= wanted : value < wanted;
			if (isBefore) low = middle + 1;
			else high = middle;
		}
		return low;
	};
}
