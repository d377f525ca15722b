// Which of the held calls belong to an exchange.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EVENT_COLUMNS } from '../../src/store/entry-table.ts';
import { exchangeCalls } from '../../src/store/exchange-calls.ts';
import type { SqlValue, TableSnapshot } from '../../src/store/table.ts';
import { formatTimestamp } from '../../src/store/timestamp.ts';

const T0 = 1_764_000_000_000_000;

type Event = {
	readonly at: number;
	readonly conn?: number;
	readonly syscall: string;
	readonly out?: boolean;
	readonly bytes: number;
};

/** `at`: microseconds after T0. */
function table(events: readonly Event[]): TableSnapshot {
	const value = ({ at, conn = 1, syscall, out = false, bytes }: Event, name: string): SqlValue => {
		if (name === 'ts') return formatTimestamp(T0 + at);
		if (name === 'direction') return bytes === 0 ? null : out ? 'out' : 'in';
		const numbers: Record<string, SqlValue> = { conn, bytes, captured_bytes: bytes, tid: 7, syscall, flags: null };
		return numbers[name] ?? null;
	};
	return {
		name: 'events',
		columns: EVENT_COLUMNS,
		rowCount: events.length,
		reader: (index) => {
			const { name } = EVENT_COLUMNS[index]!;
			return {
				value: (row) => value(events[row]!, name),
				number: (row) => (name === 'ts' ? T0 + events[row]!.at : Number(value(events[row]!, name))),
			};
		},
	};
}

const exchange = (at: number, durationMs: number | null, side = 'server') => ({
	conn: 1,
	side,
	ts: formatTimestamp(T0 + at),
	duration_ms: durationMs,
});

const KEPT_ALIVE: readonly Event[] = [
	{ at: 0, syscall: 'read', bytes: 100 },
	{ at: 400, syscall: 'write', out: true, bytes: 50 },
	{ at: 500, conn: 2, syscall: 'read', bytes: 7 },
	{ at: 600, syscall: 'read', bytes: 110 },
	{ at: 700, syscall: 'epoll_wait', bytes: 0 },
	{ at: 900, syscall: 'writev', out: true, bytes: 60 },
	{ at: 950, syscall: 'close', bytes: 0 },
];

const named = ({ calls }: ReturnType<typeof exchangeCalls>) =>
	calls.map(({ syscall, afterUs }) => `${syscall} ${afterUs}`);

test('an exchange has the calls of its own connection from its first byte to its last', () => {
	assert.deepEqual(named(exchangeCalls(exchange(0, 0.4), table(KEPT_ALIVE))), ['read 0', 'write 400']);
	const second = exchangeCalls(exchange(600, 0.3), table(KEPT_ALIVE));
	assert.deepEqual(named(second), ['read 0', 'epoll_wait 100', 'writev 300']);
	assert.equal(second.areAll, true);
	assert.deepEqual(second.calls[2], {
		afterUs: 300,
		tid: 7,
		syscall: 'writev',
		direction: 'out',
		bytes: 60,
		capturedBytes: 60,
		flags: null,
	});
});

test('the clocks of both tables may differ a little; calls may come in any order', () => {
	const shuffled = [...KEPT_ALIVE].reverse();
	for (const off of [-90, 90])
		assert.deepEqual(named(exchangeCalls(exchange(600 + off, 0.3), table(shuffled))), [
			'read 0',
			'epoll_wait 100',
			'writev 300',
		]);
});

test('a client begins with what it sends', () => {
	const calls = exchangeCalls(exchange(400, 0.2, 'client'), table(KEPT_ALIVE));
	assert.deepEqual(named(calls), ['write 0', 'read 200']);
});

test('an exchange that is still open has all calls so far', () => {
	assert.deepEqual(named(exchangeCalls(exchange(600, null), table(KEPT_ALIVE))), [
		'read 0',
		'epoll_wait 100',
		'writev 300',
		'close 350',
	]);
});

test('if the first call is no longer held, the others are shown with a note that it is missing', () => {
	const calls = exchangeCalls(exchange(-5000, 5.5), table(KEPT_ALIVE));
	assert.deepEqual([named(calls), calls.areAll], [['read 5000', 'write 5400'], false]);
	assert.deepEqual(exchangeCalls(exchange(-5000, 1), table([])), { calls: [], areAll: false });
});

test('the first call may bring a single byte', () => {
	const calls = exchangeCalls(
		exchange(0, 0.4),
		table([
			{ at: 0, syscall: 'read', bytes: 1 },
			{ at: 100, syscall: 'read', bytes: 99 },
			{ at: 400, syscall: 'write', out: true, bytes: 50 },
		]),
	);
	assert.deepEqual([named(calls), calls.areAll], [['read 0', 'read 100', 'write 400'], true]);
});
