// What a replay reads: a recording of tinytap, or a file of another program that is turned into records.
import type { RecordingDamage } from './recording-damage.ts';
import type { RecordingMeta } from './recording-format.ts';
import type { Warning } from './silence.ts';

/** What a file of another program holds. */
export type FileContents = {
	/** Of a file of packets. */
	readonly packets: number | undefined;
	/** Of a HAR file. */
	readonly entries: number | undefined;
	/** The link layers of its packets, by name. */
	readonly links: readonly string[];
	/** The program that wrote it, if the file says so; '' otherwise. */
	readonly writer: string;
};

export type ReplayFile = {
	readonly format: 'tinytap' | 'pcap' | 'pcapng' | 'har';
	/** Size of the file when it was opened. */
	readonly size: number;
	/** What has been read of a file of another program so far; undefined for a recording. */
	readonly contents?: FileContents;
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
