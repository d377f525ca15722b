// How the time of an exchange divides: sending the request, waiting for the response, receiving it.

const BAR_COLUMNS = 30;
const LEAST_BAR_COLUMNS = 6;
const GAP = '  ';
const PHASES = [
	{ name: 'send', cell: '▓' },
	{ name: 'wait', cell: '░' },
	{ name: 'receive', cell: '█' },
] as const;

/** Milliseconds; null if unknown. */
export type ExchangeTimes = {
	readonly send: number | null;
	readonly firstByte: number | null;
	readonly whole: number | null;
};

/**
 * `▓░░░░░░░░░████  send 0.1, wait 9.3, receive 4 ms`; null unless all times are known. The bar is shorter if it would not
 * fit into `columns`.
 */
export function timingBar(
	{ send, firstByte, whole }: ExchangeTimes,
	columns = Number.POSITIVE_INFINITY,
): string | null {
	if (send === null || firstByte === null || whole === null) return null;
	// A response may begin before the request has ended.
	const wait = Math.max(0, Math.min(firstByte, whole - send));
	const times = [send, wait, Math.max(0, whole - send - wait)];
	const told = `${PHASES.map(({ name }, index) => `${name} ${short(times[index]!)}`).join(', ')} ms`;
	const room = columns - told.length - GAP.length;
	const cells = cellsOf(times, Math.min(BAR_COLUMNS, Math.max(LEAST_BAR_COLUMNS, room)));
	return PHASES.map(({ cell }, index) => cell.repeat(cells[index]!)).join('') + GAP + told;
}

/** Cells in proportion to the times, but at least one for every time above 0. */
function cellsOf(times: readonly number[], columns: number): number[] {
	const sum = times.reduce((total, time) => total + time, 0);
	if (sum === 0) return times.map(() => 0);
	const cells = times.map((time) => (time === 0 ? 0 : Math.max(1, Math.round((time / sum) * columns))));
	const longest = times.indexOf(Math.max(...times));
	cells[longest]! += columns - cells.reduce((total, count) => total + count, 0);
	return cells;
}

/** Up to three digits after the point, without trailing zeros. */
function short(milliseconds: number): string {
	return String(Number(milliseconds.toFixed(3)));
}
