// The same bytes in other records: smaller ones, or in another order.
import * as wire from '../decoder-as/assembly/wire/capture-event.ts';

/**
 * Cuts the records' bytes into records of the given sizes, in turn. With `calls`, each is a call of its own, made at
 * the time of the original record; otherwise they are parts of one call.
 */
export function cutRecords(records: readonly Uint8Array[], sizes: readonly number[], calls = false): Uint8Array[] {
	let next = 0;
	return records.flatMap((record) => {
		const view = new DataView(record.buffer, record.byteOffset, record.length);
		const captured = view.getUint32(wire.EVENT_CAPTURED_BYTES, true);
		if (record[wire.EVENT_KIND] !== wire.CAPTURE_DATA || captured === 0) return [record];
		const parts: Uint8Array[] = [];
		for (let at = 0; at < captured; ) {
			const size = Math.min(sizes[next++ % sizes.length]!, captured - at);
			const part = new Uint8Array(wire.CAPTURE_EVENT_HEADER_BYTES + size);
			part.set(record.subarray(0, wire.CAPTURE_EVENT_HEADER_BYTES));
			const from = wire.CAPTURE_EVENT_HEADER_BYTES + at;
			part.set(record.subarray(from, from + size), wire.CAPTURE_EVENT_HEADER_BYTES);
			const partView = new DataView(part.buffer);
			partView.setUint32(wire.EVENT_SIZE, part.length, true);
			partView.setUint32(wire.EVENT_CAPTURED_BYTES, size, true);
			partView.setUint32(wire.EVENT_BYTES, size, true);
			if (calls) partView.setUint32(wire.EVENT_CALL_BYTES, size, true);
			else partView.setUint32(wire.EVENT_CALL_OFFSET, at, true);
			const offset = view.getBigUint64(wire.EVENT_STREAM_OFFSET, true) + BigInt(at);
			partView.setBigUint64(wire.EVENT_STREAM_OFFSET, offset, true);
			parts.push(part);
			at += size;
		}
		return parts;
	});
}

/** Merges the lists; each keeps its own order. `picks` chooses the next list. */
export function merge<T>(lists: readonly (readonly T[])[], picks: readonly number[]): T[] {
	const left = lists.map((list) => [...list]);
	const merged: T[] = [];
	for (let i = 0; left.some((list) => list.length > 0); i++) {
		const open = left.filter((list) => list.length > 0);
		merged.push(open[picks[i % picks.length]! % open.length]!.shift()!);
	}
	return merged;
}
