// The calls that carried an exchange, as far as the table `events` still holds them.
import { EVENT_COLUMNS } from './entry-table.ts';
import type { SqlValue, TableSnapshot } from './table.ts';

/** One call; plain data, so that threads can pass it on. */
export type Call = {
	/** Microseconds after the call that brought the request's first byte. */
	readonly afterUs: number;
	readonly tid: number;
	readonly syscall: string;
	/** `in` or `out`; null if the call moves no bytes. */
	readonly direction: string | null;
	readonly bytes: number;
	readonly capturedBytes: number;
	readonly flags: string | null;
};

export type ExchangeCalls = {
	readonly calls: readonly Call[];
	/** False if earlier ones are no longer held. */
	readonly areAll: boolean;
};

/** The two clocks differ by the corrections made between them. */
const CLOCK_US = 1000;
/** Allowance for the rounding of times. */
const SLACK_US = 2;

/** The calls of the exchange's connection from its first byte to its last. */
export function exchangeCalls(exchange: Readonly<Record<string, SqlValue>>, events: TableSnapshot): ExchangeCalls {
	const number = (name: string) => events.reader(indexOf(name)).number!;
	const value = (name: string) => {
		const reader = events.reader(indexOf(name));
		return (row: number) => reader.value(row);
	};
	const [conn, ts, bytes] = [number('conn'), number('ts'), number('bytes')];
	const direction = value('direction');
	const rows: number[] = [];
	for (let row = 0; row < events.rowCount; row++) if (conn(row) === exchange.conn) rows.push(row);
	rows.sort((a, b) => ts(a) - ts(b));

	const began = Date.parse(String(exchange.ts)) * 1000 + Number(String(exchange.ts).slice(23, 26));
	const brings = exchange.side === 'client' ? 'out' : 'in';
	const distance = (row: number) => Math.abs(ts(row) - began);
	const candidates = rows.filter((row) => direction(row) === brings && bytes(row) > 0 && distance(row) <= CLOCK_US);
	const first = candidates.sort((a, b) => distance(a) - distance(b))[0];
	const from = first === undefined ? began : ts(first);
	const to = typeof exchange.duration_ms === 'number' ? from + exchange.duration_ms * 1000 + SLACK_US : Infinity;

	const [tid, syscall, captured, flags] = [number('tid'), value('syscall'), number('captured_bytes'), value('flags')];
	const text = (found: SqlValue) => (typeof found === 'string' ? found : null);
	const calls = rows
		.filter((row) => ts(row) >= from && ts(row) <= to)
		.map((row) => ({
			afterUs: ts(row) - from,
			tid: tid(row),
			syscall: String(syscall(row)),
			direction: text(direction(row)),
			bytes: bytes(row),
			capturedBytes: captured(row),
			flags: text(flags(row)),
		}));
	return { calls, areAll: first !== undefined };
}

function indexOf(name: string): number {
	return EVENT_COLUMNS.findIndex((column) => column.name === name);
}
