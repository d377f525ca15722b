// Decodes recordings for tests.
import { processUser } from '../src/base/invoking-user.ts';
import { openReplay } from '../src/capture/open-replay.ts';
import { FRAME_PAYLOAD_MAX } from '../src/capture/recording.ts';
import { Records } from '../src/capture/records.ts';
import { decodeRecords, type ExchangeRow } from './decoded-rows.ts';

/** The records of a recording, or of a file of another program, with their padding. */
export function recordsOf(path: string): Uint8Array[] {
	const reader = openReplay(path, processUser());
	const frame = new Uint8Array(FRAME_PAYLOAD_MAX);
	const all: Uint8Array[] = [];
	try {
		for (let length = reader.nextBatch(frame); length > 0; length = reader.nextBatch(frame)) {
			const records = new Records(frame.subarray(0, length));
			while (records.step()) all.push(new Uint8Array(records.record));
		}
	} finally {
		reader.close();
	}
	return all;
}

/** Its exchanges in order of their ids. */
export function rowsOfRecording(path: string): ExchangeRow[] {
	return decodeRecords(recordsOf(path)).exchanges;
}

/** The part of a row that does not depend on other rows of its recording. */
export function ownRow({
	id: _id,
	conn: _conn,
	pairId: _pairId,
	...row
}: ExchangeRow): Omit<ExchangeRow, 'id' | 'conn' | 'pairId'> {
	return row;
}
