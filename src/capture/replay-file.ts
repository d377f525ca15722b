// What a replay reads: a recording of tinytap, or a file of another program that is turned into records.
import type { RecordingDamage } from './recording-damage.ts';
import type { RecordingMeta } from './recording-format.ts';
import type { Warning } from './silence.ts';

export type ReplayFile = {
	/** Metadata of the capture; empty if there is none. */
	readonly meta: RecordingMeta;
	/** The body limit of the capture, Infinity if unlimited; undefined if the file does not say. */
	readonly bodyLimit: number | undefined;
	/** Set if the file ends early or is damaged. */
	readonly damage: RecordingDamage | undefined;
	/** Copies the next batch into `into`, at least FRAME_PAYLOAD_MAX long. Returns its length; 0 at the end. */
	nextBatch(into: Uint8Array): number;
	/** Bytes of this stream before offset `until` are not wanted (BatchSource.skip). */
	skip?(conn: number, direction: number, until: number): void;
	/** Sentences for the user, each returned once. */
	warnings?(): readonly Warning[];
	/** May be called twice. */
	close(): void;
};
