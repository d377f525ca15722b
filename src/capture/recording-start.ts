// The first records of a recording of a running capture: the clock, the open connections, and facts about them and
// their processes. With these, it can be replayed on its own, and the bytes before it do not count as loss.
import {
	CAPTURE_CLOCK,
	CAPTURE_LOSS,
	EVENT_CALL_BYTES,
	EVENT_CONN,
	EVENT_KIND,
	EVENT_SIZE,
	EVENT_STREAM_OFFSET,
	EVENT_TIME_NS,
	ROLE_ACCEPTED,
	ROLE_CONNECTED,
	ROLE_UNKNOWN,
} from '../../decoder-as/assembly/wire/capture-event.ts';
import type { BatchSource } from './batch-source.ts';
import { openConnectionRecord, type StreamOffsets, socketFact } from './fact-record.ts';

export type OpenConnection = {
	readonly conn: number;
	readonly pid: number;
	readonly side: 'server' | 'client' | undefined;
	readonly isHttp2: boolean;
	/** The offsets of its streams, if no exchange is in progress. */
	readonly atRest: StreamOffsets | undefined;
	/** Microseconds since the epoch. */
	readonly openedUs: number;
	/** NaN if it is not known. */
	readonly connectMs: number;
	readonly comm: Uint8Array;
	/** '' if it is not known. */
	readonly local: string;
	readonly remote: string;
};

const ROLES = { server: ROLE_ACCEPTED, client: ROLE_CONNECTED } as const;

/** The first records. `periodic`: the present clock reading and counters. */
export function firstRecords(
	source: BatchSource,
	periodic: readonly Uint8Array[],
	connections: readonly OpenConnection[],
): Uint8Array[] {
	const clock = periodic.map(view).find((record) => record.getUint8(EVENT_KIND) === CAPTURE_CLOCK);
	if (clock === undefined) return [...periodic];
	const nowNs = clock.getBigUint64(EVENT_TIME_NS, true);
	const wallNs = clock.getBigUint64(EVENT_STREAM_OFFSET, true);
	const pids = new Set(connections.map(({ pid }) => pid));
	return [
		...periodic,
		...connections.flatMap(({ conn, pid, side, isHttp2, atRest, openedUs, connectMs, comm, local, remote }) => {
			const openedNs = nowNs - (wallNs - BigInt(Math.round(openedUs)) * 1000n);
			const timeNs = openedNs > 0n && openedNs < nowNs ? openedNs : nowNs;
			const connectNs = Number.isNaN(connectMs) ? 0n : BigInt(Math.round(connectMs * 1e6));
			const role = side === undefined ? ROLE_UNKNOWN : ROLES[side];
			return [
				openConnectionRecord(timeNs, { conn, pid, role, isHttp2, comm, atRest, connectNs }),
				socketFact(nowNs, { conn, pid, fd: -1 }, { kind: 'socket', local, remote }),
			];
		}),
		...[...pids].flatMap((pid) => source.answer({ what: 'process', conn: 0, pid, fd: -1 }) ?? []),
	];
}

/** Loss counters are totals since the capture began. In a recording that begins later, they count from its beginning. */
export class LaterLoss {
	readonly #before: ReadonlyMap<number, { readonly events: number; readonly bytes: number }>;

	constructor(totals: readonly { readonly events: number; readonly bytes: number }[]) {
		this.#before = new Map(totals.map(({ events, bytes }, reason) => [reason, { events, bytes }]));
	}

	/** The same records, with counters that start at 0 when the recording begins. */
	rebased(records: Uint8Array): Uint8Array {
		// Buffer’s slice() would share the memory.
		const copy = new Uint8Array(records);
		for (let at = 0; at < copy.byteLength; ) {
			const record = view(copy.subarray(at));
			if (record.getUint8(EVENT_KIND) === CAPTURE_LOSS) {
				const before = this.#before.get(record.getUint32(EVENT_CALL_BYTES, true));
				subtract(record, EVENT_STREAM_OFFSET, before?.events ?? 0);
				subtract(record, EVENT_CONN, before?.bytes ?? 0);
			}
			at += (record.getUint32(EVENT_SIZE, true) + 7) & ~7;
		}
		return copy;
	}
}

function view(bytes: Uint8Array): DataView {
	return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function subtract(record: DataView, at: number, amount: number): void {
	const value = record.getBigUint64(at, true) - BigInt(amount);
	record.setBigUint64(at, value < 0n ? 0n : value, true);
}
