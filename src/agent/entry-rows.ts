// The tables `connections` and `blind_spots` as rows for a store. A row can be sent again with other values: as a newer
// version of the same row.
import * as layout from '../../decoder-as/assembly/wire/output-layout.ts';
import { BLIND_SPOT_COLUMNS, CONNECTION_COLUMNS, entryTable } from '../store/entry-table.ts';
import type { TableSnapshot } from '../store/table.ts';
import { formatTimestamp } from '../store/timestamp.ts';
import { jsonValue } from './exchange-row.ts';
import type { Row } from './row-lines.ts';
import { microsecondsOf } from './store-tables.ts';

/** What a capture knows at one instant: the decoder's entries, and the time in microseconds since 1970. */
export type EntriesNow = { readonly entries: ArrayBuffer; readonly nowUs: number };

/** How long nothing is sent of a blind spot that is known. */
const SPOT_MS = 3_600_000;

type Open = { readonly openedUs: number; readonly activity: number };
type Spot = { readonly firstUs: number; readonly times: number; readonly sentMs: number };

/** Makes rows for one run of an agent. */
export class EntryRows {
	readonly #startUs: number;
	/** The connections that were open when they were sent last. */
	#open = new Map<number, Open>();
	#spots = new Map<string, Spot>();

	/** `startUs`: the time of what has none. */
	constructor(startUs: number) {
		this.#startUs = startUs;
	}

	/** Rows of connections that have ended, and of open ones that were used since they were sent. */
	connections({ entries, nowUs }: EntriesNow): Row[] {
		const table = entryTable('connections', CONNECTION_COLUMNS, layout.ENTRY_CONNECTION, entries);
		const numberOf = numbers(table);
		const [ids, opened, closed] = [numberOf('id'), numberOf('opened'), numberOf('closed')];
		const activities = ['bytes_in', 'bytes_out', 'exchanges'].map(numberOf);
		const encode = encoder(table);
		const rows: Row[] = [];
		const open = new Map<number, Open>();
		for (let row = 0; row < table.rowCount; row++) {
			const id = ids(row);
			const before = this.#open.get(id);
			// A step of the clock changes it, and it must be the same in all versions.
			const openedUs = before?.openedUs ?? (opened(row) || this.#startUs);
			const closedUs = closed(row);
			const activity = activities.reduce((sum, number) => sum + number(row), 0);
			if (Number.isNaN(closedUs)) open.set(id, { openedUs, activity });
			else this.#open.delete(id);
			if (activity === before?.activity && Number.isNaN(closedUs)) continue;
			const times = [...instant('opened', openedUs), ...instant('last_ts', closedUs || nowUs)];
			rows.push([[...times, ...encode(row, 'opened')].join(','), openedUs]);
		}
		// Without any, they were not asked for.
		if (open.size > 0) this.#open = open;
		return rows;
	}

	/**
	 * Rows of blind spots that are new, and of those that continue, if the last row was sent long enough ago or this is the
	 * last time. `nowMs`: by a clock that is not set.
	 */
	blindSpots({ entries, nowUs }: EntriesNow, nowMs: number, isLast: boolean): Row[] {
		const table = entryTable('blind_spots', BLIND_SPOT_COLUMNS, layout.ENTRY_BLIND_SPOT, entries);
		const numberOf = numbers(table);
		const [pids, times, lastUs] = [numberOf('pid'), numberOf('times'), numberOf('last_ts')];
		const what = table.reader(table.columns.findIndex(({ name }) => name === 'what'));
		const encode = encoder(table);
		const rows: Row[] = [];
		const spots = new Map<string, Spot>();
		for (let row = 0; row < table.rowCount; row++) {
			const key = `${pids(row)} ${what.value(row)}`;
			const before = this.#spots.get(key);
			const isDue = before === undefined || isLast || nowMs - before.sentMs >= SPOT_MS;
			if (before !== undefined && (!isDue || before.times === times(row))) {
				spots.set(key, before);
				continue;
			}
			const us = lastUs(row) || nowUs;
			const firstUs = before?.firstUs ?? us;
			spots.set(key, { firstUs, times: times(row), sentMs: nowMs });
			const instants = [...instant('ts', firstUs), ...instant('last_ts', us)];
			rows.push([[...instants, ...encode(row, 'last_ts')].join(','), firstUs]);
		}
		this.#spots = spots;
		return rows;
	}
}

/** Reads a column as numbers. */
function numbers(table: TableSnapshot): (name: string) => (row: number) => number {
	return (name) => table.reader(table.columns.findIndex((column) => column.name === name)).number!;
}

/** The columns of a row as members of a JSON object, without the one named. */
function encoder(table: TableSnapshot): (row: number, without: string) => string[] {
	const columns = table.columns.map(({ name, type }, index) => ({ name, type, reader: table.reader(index) }));
	return (row, without) =>
		columns.flatMap(({ name, type, reader }) => {
			if (name === without) return [];
			return type === 'datetime' ? instant(name, reader.number!(row)) : [`"${name}":${jsonValue(reader.value(row))}`];
		});
}

/** A time as members of a JSON object: as a text, and as microseconds since 1970. */
function instant(name: string, us: number): string[] {
	const text = formatTimestamp(us);
	return [
		`"${name}":${text === null ? 'null' : JSON.stringify(text)}`,
		`"${microsecondsOf(name)}":${text === null ? 'null' : us}`,
	];
}
