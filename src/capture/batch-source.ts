// The interface of record sources. A live kernel and a recording are interchangeable.
import type { CaptureFilters } from './capture-settings.ts';
import type { RecordingDamage } from './recording-damage.ts';
import type { RecordingMeta } from './recording-format.ts';
import type { Warning } from './silence.ts';
import type { TlsLibrary } from './tls-library.ts';

/** A question that the decoder asks about a connection or a process. */
export type Question = {
	readonly what: 'socket' | 'process';
	readonly conn: number;
	readonly pid: number;
	readonly fd: number;
};

export type BatchSource = {
	/** The body limit of the recorded capture; undefined if there was none or it is unknown. */
	readonly bodyLimit?: number | undefined;
	/** Metadata of a recording's capture. */
	readonly meta?: RecordingMeta;
	/** Exchanges that began earlier are decoded, but dropped: microseconds since the epoch. */
	readonly fromUs?: number | undefined;
	/** Sentences for the user about this kernel's limits and their effects. */
	readonly remarks: readonly string[];
	/** The room that nextBatch() needs. */
	readonly batchBytes: number;
	/**
	 * Fills `into` with whole records, each at a multiple of 8. Waits up to `timeoutMs`, or until another thread sets
	 * one of `signals` to a value other than 0. Returns the number of bytes, 0 if there are no records yet, -1 at the
	 * end.
	 */
	nextBatch(into: Uint8Array, timeoutMs: number, signals: Int32Array): number;
	/**
	 * Records to add to the stream now: clock readings and loss counters. Empty for a recording, which contains its
	 * own.
	 */
	periodicRecords(): readonly Uint8Array[];
	/** Records that end the stream: the last counters, and the end itself. Empty for a recording. */
	lastRecords(): readonly Uint8Array[];
	/** The answer as a record. Undefined for a recording, whose stream contains the answer if there is one. */
	answer(question: Question): Uint8Array | undefined;
	/** A hint: bytes of this stream (`direction`: enum capture_direction) before offset `until` are not needed. */
	skip(conn: number, direction: number, until: number): void;
	/** Changes what is captured from now on; no effect on a recording. */
	setFilters(filters: CaptureFilters): void;
	/** Whether its records hold plaintext of TLS, as far as is known at the start. */
	readonly holdsTls?: boolean;
	/** Begins or ends to read the plaintext of TLS. Throws a UserError if that is not possible; a recording cannot. */
	setTls?(on: boolean): void;
	/** The TLS libraries that are known now. */
	tlsLibraries?(): readonly TlsLibrary[];
	/** Why the plaintext of a process is not read (ASCII); undefined if it is read, or nothing is known. */
	tlsReason?(pid: number): string | undefined;
	/** Prepares new memory that will be written soon, if the system can make that cheaper. */
	touchMemory(memory: Uint8Array): void;
	/**
	 * Returns these pages to the system. The memory stays usable and is zero afterwards. False if that is not possible
	 * here.
	 */
	discardMemory(memory: Uint8Array): boolean;
	/** Returns freed memory to the system, where this does not happen automatically. */
	trimMemory(): void;
	/** Sentences for the user about what has changed since the last call. */
	warnings(): readonly Warning[];
	/** Raises or lowers the priority of the calling thread, where possible. */
	hurry(on: boolean): void;
	/** Counts the pauses of a replay from the last record that was returned: it took longer than its turn. */
	restartClock?(): void;
	/** Stops the source. Buffered records can still be read. */
	stop(): void;
	close(): void;
	/** Why a recording ended early. */
	readonly damage?: (RecordingDamage & { readonly path: string }) | undefined;
};
