// Replays a file of another program through the decoder, for tests.
import assert from 'node:assert/strict';
import * as layout from '../decoder-as/assembly/wire/output-layout.ts';
import { processUser } from '../src/base/invoking-user.ts';
import { openReplay } from '../src/capture/open-replay.ts';
import { FRAME_PAYLOAD_MAX } from '../src/capture/recording-format.ts';
import { Records } from '../src/capture/records.ts';
import { type Decoded, type ExchangeRow, feedRecords, newDecoder, takeOutput } from './decoded-rows.ts';

export type ReplayedFile = {
	/** In order of their ids. */
	readonly rows: ExchangeRow[];
	/** The path is replaced by FILE. */
	readonly warnings: string[];
	readonly damage: string | undefined;
	/** Lost bytes by LOSS_…. */
	readonly lost: readonly number[];
	readonly connections: Decoded['connections'];
	readonly blindSpots: Decoded['blindSpots'];
};

/** Decodes the whole file, with bodies of any length. */
export function replayFile(path: string): ReplayedFile {
	const reader = openReplay(path, processUser());
	const records: Uint8Array[] = [];
	const batch = new Uint8Array(FRAME_PAYLOAD_MAX);
	for (let length = reader.nextBatch(batch); length > 0; length = reader.nextBatch(batch)) {
		const all = new Records(batch.subarray(0, length));
		while (all.step()) {
			assert.equal(all.isRecord, true);
			records.push(new Uint8Array(all.record));
		}
	}
	const decoder = newDecoder({ bodyLimit: -1 });
	const { exchanges, connections } = feedRecords(decoder, records);
	decoder.snapshot(layout.SNAPSHOT_BLIND_SPOTS);
	const { blindSpots } = takeOutput(decoder);
	const warnings = (reader.warnings?.() ?? []).map(({ message }) => message.replace(path, 'FILE'));
	const { damage } = reader;
	reader.close();
	return {
		rows: exchanges.sort((a, b) => a.id - b.id),
		warnings,
		damage: damage && `${damage.what}: ${damage.detail}`,
		lost: decoder.loss().map(({ bytes }) => bytes),
		connections,
		blindSpots,
	};
}
