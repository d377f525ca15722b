// Writes the records of a running capture to a recording, or to one file after another. A full disk ends the recording, but
// not the capture.
import { systemCode, UserError } from '../base/errors.ts';
import { fileError } from '../base/file-error.ts';
import type { InvokingUser } from '../base/invoking-user.ts';
import { systemProblem } from '../base/system-problem.ts';
import { type FileIdentity, removeUserFile } from '../base/user-files.ts';
import type { BatchSource } from '../capture/batch-source.ts';
import type { RecordSettings } from '../capture/capture-settings.ts';
import { rotatedPath } from '../capture/record-settings.ts';
import { bodyLimitMeta, FRAME_PAYLOAD_MAX, type RecordingMeta, RecordingWriter } from '../capture/recording.ts';
import { firstRecords, LaterLoss } from '../capture/recording-start.ts';
import type { Decoder } from '../decode/decoder.ts';
import { RecordingRedactor } from '../output/recording-redactor.ts';
import { createRedactor } from '../output/redaction.ts';
import type { RecordingEnd } from './messages.ts';
import { openConnections } from './open-connections.ts';

const KEPT = 'The part already written can be replayed.';
const EXPORT_HINT = 'Record without --redact, and pass on what tinytap export writes, which is redacted.';
/** Number of names tried for a new file while files with these names exist. */
const NAMES = 100;

export type RecorderHost = {
	readonly decoder: Decoder;
	readonly user: InvokingUser;
	readonly bodyLimit: () => number;
	/** Decodes records made in user space, and passes them back to records(). */
	readonly feed: (records: readonly Uint8Array[], source: BatchSource) => void;
	readonly warn: (message: string, hint: string) => void;
	/** Counts bytes that are in no recording (loss: recording_stopped). */
	readonly lost: (bytes: number) => void;
};

/** A file of the recording. */
type WrittenFile = { readonly path: string; readonly file: FileIdentity };

export class CaptureRecorder {
	readonly #host: RecorderHost;
	#settings: RecordSettings | undefined;
	#writer: RecordingWriter | undefined;
	/** Overwrites secrets; undefined without --redact. */
	#redactor: RecordingRedactor | undefined;
	/** The user knows that the recording holds nothing of HTTP/2. */
	#hasWarned = false;
	/** The recording could not be written to its end. */
	#failed = false;
	/** For a recording, or a file of one, that began after the capture. */
	#laterLoss: LaterLoss | undefined;
	/** Answers to the decoder's questions that are not in the recording yet. */
	readonly #unrecorded: Uint8Array[] = [];
	#part = 1;
	#partSince = 0;
	/** Files of a rotation that were not removed, and the size of all earlier files. */
	#files: WrittenFile[] = [];
	#bytesBefore = 0;

	constructor(host: RecorderHost) {
		this.#host = host;
	}

	/** Path of the file being written; undefined if there is none. */
	get path(): string | undefined {
		return this.#writer?.path;
	}

	/** Starts a recording together with the capture. Throws a UserError if the file cannot be created. */
	open(settings: RecordSettings): void {
		this.#settings = settings;
		this.#part = 1;
		this.#files = [];
		this.#bytesBefore = 0;
		this.#failed = false;
		this.#laterLoss = undefined;
		this.#unrecorded.length = 0;
		this.#redactor = settings.redact === true ? new RecordingRedactor() : undefined;
		this.#hasWarned = false;
		this.#writer = this.#newFile();
	}

	/** Starts a recording of a running capture. Its first records are the clock and the open connections. */
	start(settings: RecordSettings, source: BatchSource): void {
		if (this.#writer !== undefined)
			throw new UserError(
				`a recording is already being written: ${this.#writer.path}`,
				'ERR_USAGE',
				'.record stop ends it.',
			);
		this.open(settings);
		const writer = this.#writer!;
		this.#writer = undefined;
		try {
			this.#begin(writer, source);
		} catch (error) {
			writer.abandon();
			throw fileError(writer.path, error, KEPT);
		}
	}

	/** Ends the recording with the last counters. The capture continues. */
	stop(source: BatchSource): RecordingEnd {
		if (this.#writer === undefined)
			throw new UserError('no recording is being written', 'ERR_USAGE', '.record start FILE begins a recording.');
		this.#writeLast(source);
		const end = this.close()!;
		this.#writer = undefined;
		this.#laterLoss = undefined;
		return end;
	}

	/** Closes the recording; undefined if there is none. */
	close(): RecordingEnd | undefined {
		if (this.#writer === undefined) return undefined;
		if (!this.#failed) this.#guarded(0, (writer) => this.#end(writer));
		const rotation = this.#settings?.rotate === undefined ? {} : { files: this.#part, kept: this.#files.length };
		const bytes = this.#bytesBefore + this.#writer.bytes;
		return { path: this.#writer.path, bytes, complete: !this.#failed, ...rotation };
	}

	/** Closes the recording after an error of the capture. */
	abandon(): void {
		this.#writer?.abandon();
	}

	/** Adds decoded records. `counters`: they are clocks and counters from user space. */
	records(records: Uint8Array, counters: boolean): void {
		if (this.#writer === undefined) return;
		if (this.#failed) {
			this.#host.lost(records.byteLength);
			return;
		}
		this.#guarded(records.byteLength, (writer) => {
			const counted = counters && this.#laterLoss !== undefined ? this.#laterLoss.rebased(records) : records;
			for (const frame of this.#withAnswers(counted)) this.#write(writer, frame);
		});
	}

	/** Adds answers to the decoder's questions, before the next records. */
	answers(records: readonly Uint8Array[]): void {
		if (this.#writer !== undefined) this.#unrecorded.push(...records);
	}

	/** Must be called several times a second, between two batches. */
	tick(): void {
		if (this.#writer === undefined || this.#failed) return;
		this.#guarded(0, (writer) => {
			for (const frame of this.#redactor?.tick() ?? []) writer.writeBatch(frame);
			writer.flush();
		});
	}

	/** Starts the next file if this one has reached its size or age. Must be called between two batches. */
	rotateIfDue(source: BatchSource): void {
		const { rotate } = this.#settings ?? {};
		if (rotate === undefined || this.#writer === undefined || this.#failed) return;
		const { bytes, waitingBytes } = this.#writer;
		const all = bytes + waitingBytes + (this.#redactor?.waitingBytes ?? 0);
		if (all < rotate.bytes && performance.now() - this.#partSince < rotate.ms) return;
		this.#writeLast(source);
		if (this.#failed) return;
		this.#guarded(0, (writer) => this.#end(writer));
		if (this.#failed) return;
		const before = this.#writer;
		this.#writer = undefined;
		this.#bytesBefore += before.bytes;
		this.#part++;
		try {
			this.#begin(this.#newFile(), source);
			this.#removeOldest();
		} catch (error) {
			this.#part--;
			this.#bytesBefore -= before.bytes;
			this.#writer = before;
			this.#fail(before, error, 0);
		}
	}

	/** Writes the current counters, and the end record. */
	#writeLast(source: BatchSource): void {
		const last = source.lastRecords();
		this.#host.feed(last.slice(0, -1), source);
		if (last.length > 0) this.records(last.at(-1)!, false);
	}

	/** Starts a file with the clock and the open connections; its counters start at 0. */
	#begin(writer: RecordingWriter, source: BatchSource): void {
		const { decoder, feed } = this.#host;
		const periodic = source.periodicRecords();
		// The source reports a counter only once, and this file counts from here on.
		feed(periodic, source);
		this.#laterLoss = new LaterLoss(decoder.loss());
		this.#unrecorded.length = 0;
		for (const batch of packed(firstRecords(source, periodic, openConnections(decoder)))) {
			this.#write(writer, this.#laterLoss.rebased(batch));
		}
		this.#writer = writer;
	}

	#newFile(): RecordingWriter {
		const { path, force, compress = false, rotate, meta } = this.#settings!;
		const { user } = this.#host;
		const started = new Date();
		this.#partSince = performance.now();
		const shown = this.#redactor === undefined ? meta : redactedMeta(meta);
		const facts = { started: started.toISOString(), ...shown, ...bodyLimitMeta(this.#host.bodyLimit()) };
		if (rotate === undefined) return new RecordingWriter(path, facts, { force, compress, user });
		const numbered = { ...facts, part: this.#part };
		for (let tries = 0; ; tries++) {
			const name = rotatedPath(path, started, this.#part + tries);
			try {
				const writer = new RecordingWriter(name, numbered, { compress, user });
				this.#files.push({ path: name, file: writer.file });
				return writer;
			} catch (error) {
				if (!(error instanceof UserError) || error.code !== 'ERR_FILE_EEXIST' || tries === NAMES) throw error;
			}
		}
	}

	#removeOldest(): void {
		const { keep = Number.POSITIVE_INFINITY } = this.#settings!;
		while (this.#files.length > keep) {
			const { path, file } = this.#files.shift()!;
			try {
				removeUserFile(path, this.#host.user, file);
			} catch (error) {
				const problem = error instanceof UserError ? error.message : systemProblem(systemCode(error) ?? String(error));
				this.#host.warn(`${path} could not be removed: ${problem}`, 'Remove it yourself if the space is needed.');
			}
		}
	}

	/** Frames of earlier answers and `records`; a single one if possible, because each frame is a batch in a replay. */
	#withAnswers(records: Uint8Array): Uint8Array[] {
		if (this.#unrecorded.length === 0) return [records];
		const answers = Buffer.concat(this.#unrecorded.splice(0));
		if (answers.byteLength + records.byteLength > FRAME_PAYLOAD_MAX) return [answers, records];
		return [Buffer.concat([answers, records])];
	}

	/** Adds a frame; if secrets are overwritten, once it is known which of its bytes are secret. */
	#write(writer: RecordingWriter, frame: Uint8Array): void {
		const redactor = this.#redactor;
		if (redactor === undefined) {
			writer.writeBatch(frame);
			return;
		}
		for (const ready of redactor.take(frame)) writer.writeBatch(ready);
		if (redactor.blankedConnections === 0 || this.#hasWarned) return;
		this.#hasWarned = true;
		this.#host.warn(
			'a connection with HTTP/2 or WebSocket could not be followed, so --redact blanks the rest of it in the recording',
			EXPORT_HINT,
		);
	}

	#end(writer: RecordingWriter): void {
		for (const frame of this.#redactor?.drain() ?? []) writer.writeBatch(frame);
		writer.close();
	}

	/** Runs `work`; an error ends the recording. `bytes`: size of the records that are then missing. */
	#guarded(bytes: number, work: (writer: RecordingWriter) => void): void {
		const writer = this.#writer!;
		try {
			work(writer);
		} catch (error) {
			this.#fail(writer, error, Math.max(bytes, writer.waitingBytes) + (this.#redactor?.waitingBytes ?? 0));
		}
	}

	#fail(writer: RecordingWriter, error: unknown, bytes: number): void {
		writer.abandon();
		this.#failed = true;
		this.#host.lost(bytes);
		const problem = error instanceof UserError ? error.message : systemProblem(systemCode(error) ?? String(error));
		this.#host.warn(`recording to ${writer.path} stopped: ${problem}; the capture continues`, KEPT);
	}
}

/** Filters may be the arguments of a program, and conditions may contain values. */
function redactedMeta(meta: RecordingMeta): RecordingMeta {
	const redactor = createRedactor();
	return Object.fromEntries(
		Object.entries(meta).map(([name, value]) => [name, typeof value === 'string' ? redactor.text(value) : value]),
	);
}

/** Batches that fit into a frame. */
function* packed(records: readonly Uint8Array[]): Generator<Buffer> {
	let frame: Uint8Array[] = [];
	let length = 0;
	for (const record of records) {
		if (length + record.byteLength > FRAME_PAYLOAD_MAX) {
			yield Buffer.concat(frame);
			frame = [];
			length = 0;
		}
		frame.push(record);
		length += record.byteLength;
	}
	yield Buffer.concat(frame);
}
