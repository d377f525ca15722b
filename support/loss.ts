// Compares damaged captures with undamaged ones: which rows must be unchanged after records were lost.
import * as wire from '../decoder-as/assembly/wire/capture-event.ts';
import type { Conversation } from './conversations.ts';
import { type Decoded, decodeRecords, type ExchangeRow, type RunOptions } from './decoded-rows.ts';

type Hole = { readonly direction: 'in' | 'out'; readonly start: bigint; readonly end: bigint };

/** The problems of a damaged run, one line each; empty if all promises held. */
export function damageReport(
	conversation: Conversation,
	whole: Decoded,
	removed: ReadonlySet<number>,
	options: RunOptions & { readonly withoutInterims?: boolean } = {},
): string[] {
	const records = conversation.tape.records;
	const damaged = decodeRecords(
		records.filter((_, i) => !removed.has(i)),
		options,
	);
	const holes = mergeHoles([...removed].map((i) => holeOf(records[i]!)).filter((hole) => hole !== undefined));
	const excused = new Set<number>();
	for (const hole of holes) {
		const stream = conversation.ranges.filter((range) => range.direction === hole.direction);
		for (const range of stream) if (range.start < hole.end && range.end > hole.start) excused.add(range.exchange);
		// The search for the next head may skip one message after the hole.
		const next = stream.find((range) => range.start >= hole.end);
		if (next !== undefined) excused.add(next.exchange);
	}
	// Without the record of the connection's end, nobody knows that the last body ended with the connection.
	const ends = [...removed].some((i) => [wire.CAPTURE_CLOSE, wire.CAPTURE_EOF].includes(records[i]![wire.EVENT_KIND]!));
	if (ends) excused.add(Math.max(...conversation.ranges.map((range) => range.exchange)));
	// Addresses come with the record that opens the connection.
	const plain = [...removed].some((i) => records[i]![wire.EVENT_KIND] === wire.CAPTURE_OPEN)
		? withoutAddresses
		: comparable;
	// When an interim response arrives, its exchange may be unknown, and it is not assigned later.
	const shown = (row: ExchangeRow) => (options.withoutInterims === true ? { ...row, interim: null } : row);
	const problems: string[] = [];
	const rows = new Map(damaged.exchanges.map((row) => [row.path, row]));
	for (const row of whole.exchanges) {
		if (excused.has(exchangeOf(row))) continue;
		const found = rows.get(row.path);
		if (found === undefined) problems.push(`${row.path}: no row`);
		else if (plain(shown(found)) !== plain(shown(row)))
			problems.push(`${row.path}: ${plain(found)} instead of ${plain(row)}`);
	}
	for (const row of damaged.exchanges) {
		const named = namesIn(row);
		if (named.size > 1) problems.push(`row ${row.id} mixes exchanges ${[...named].join(' ')}: ${comparable(row)}`);
	}
	return problems;
}

/** The part of a row that must not change when other records are lost. */
export function comparable(row: ExchangeRow): string {
	return JSON.stringify({ ...row, id: 0, pairId: 0 });
}

function withoutAddresses(row: ExchangeRow): string {
	return comparable({ ...row, local: null, remote: null });
}

/** The exchanges named by the path, header and bodies of a row. */
export function namesIn(row: ExchangeRow): Set<string> {
	const names = new Set<string>();
	for (const text of [row.reqBody ?? '', row.resBody ?? '']) {
		for (const [, id] of text.matchAll(/<exchange (\d+) line/g)) names.add(id!);
	}
	// A name in a truncated head may be the beginning of a longer one.
	if (row.anomalies?.includes('incomplete-head')) return names;
	const header = row.resHeaders.find((field) => field.name === 'X-Exchange')?.value;
	if (header !== undefined) names.add(header);
	const path = /^\/exchange\/(\d+)$/.exec(row.path ?? '')?.[1];
	if (path !== undefined) names.add(path);
	return names;
}

function exchangeOf(row: ExchangeRow): number {
	return Number(row.path?.split('/').pop());
}

function holeOf(record: Uint8Array): Hole | undefined {
	const view = new DataView(record.buffer, record.byteOffset);
	if (view.getUint8(wire.EVENT_KIND) !== wire.CAPTURE_DATA) return undefined;
	const start = view.getBigUint64(wire.EVENT_STREAM_OFFSET, true);
	return {
		direction: view.getUint8(wire.EVENT_DIRECTION) === wire.DIRECTION_IN ? 'in' : 'out',
		start,
		end: start + BigInt(view.getUint32(wire.EVENT_BYTES, true)),
	};
}

function mergeHoles(holes: readonly Hole[]): Hole[] {
	const merged: Hole[] = [];
	const sorted = holes.toSorted((a, b) => a.direction.localeCompare(b.direction) || Number(a.start - b.start));
	for (const hole of sorted) {
		const last = merged.at(-1);
		if (last !== undefined && last.direction === hole.direction && last.end === hole.start) {
			merged[merged.length - 1] = { ...last, end: hole.end };
		} else {
			merged.push(hole);
		}
	}
	return merged;
}
