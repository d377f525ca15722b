// Recordings of tapes, as the capture thread would have written them.
import { processUser } from '../src/base/invoking-user.ts';
import { FRAME_PAYLOAD_MAX, RecordingWriter } from '../src/capture/recording.ts';
import { buildBatch, type Tape } from './record-builder.ts';

/** Writes a new recording with everything on the tape. */
export function recordTape(path: string, tape: Tape): void {
	const writer = new RecordingWriter(path, {}, { user: processUser() });
	let frame: Uint8Array[] = [];
	let bytes = 0;
	for (const record of tape.records) {
		// Records are padded to a multiple of 8.
		const padded = record.length + 8;
		if (bytes + padded > FRAME_PAYLOAD_MAX) {
			writer.writeBatch(buildBatch(frame));
			frame = [];
			bytes = 0;
		}
		frame.push(record);
		bytes += padded;
	}
	writer.writeBatch(buildBatch(frame));
	writer.close();
}
