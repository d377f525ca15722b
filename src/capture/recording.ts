// Recordings: the records of a capture in frames with a checksum (docs/recording-format.md). The reader returns every
// whole frame, and says what is missing.
import { closeSync, fstatSync, ftruncateSync, writeSync } from 'node:fs';
import { systemCode, UserError } from '../base/errors.ts';
import { fileError } from '../base/file-error.ts';
import { DEMO_NAME, FILES } from '../base/installation.ts';
import { type InvokingUser, processUser } from '../base/invoking-user.ts';
import { systemProblem } from '../base/system-problem.ts';
import { createUserFile, type FileIdentity, openUserFile, removeUserFile } from '../base/user-files.ts';
import { gapRecord } from './fact-record.ts';
import type { RecordingDamage } from './recording-damage.ts';
import {
	bodyLimitOf,
	FILE_HEADER_BYTES,
	FRAME_BATCH,
	FRAME_END,
	FRAME_HEADER_BYTES,
	FRAME_META,
	fileHeader,
	frameHeader,
	MAGIC,
	newMark,
	RECORDING_VERSION,
	type RecordingMeta,
	readMeta,
	versionOf,
} from './recording-format.ts';
import { type FrameStep, type Frames, foreignCompression, openFrames } from './recording-frames.ts';
import { BLOCK_TARGET_BYTES, compressBlock } from './recording-gzip.ts';

export { bodyLimitMeta, FRAME_PAYLOAD_MAX, type RecordingMeta } from './recording-format.ts';

export type WriterOptions = {
	/** Replaces a regular file. */
	readonly force?: boolean;
	readonly compress?: boolean;
	readonly user: InvokingUser;
};

/**
 * Writes a new recording, mode 0600. Synchronous: a frame is in the page cache when writeBatch() returns, or, if the recording
 * is compressed, when flush() returns.
 */
export class RecordingWriter {
	readonly path: string;
	/** Identifies the file, even if another one gets its path later. */
	readonly file: FileIdentity;
	/** Size of the file. */
	bytes = 0;
	/** The end of the last complete frame or block. */
	#wholeBytes = 0;
	#fd: number;
	readonly #mark = newMark();
	readonly #compress: boolean;
	/** Frames collected for the next block. */
	#block: Uint8Array[] = [];
	#blockBytes = 0;

	/** Creates a file that belongs to the user. Throws a UserError if it exists (unless `force`) or cannot be created. */
	constructor(path: string, meta: RecordingMeta, { force = false, compress = false, user }: WriterOptions) {
		this.path = path;
		this.#compress = compress;
		this.#fd = createFile(path, user, force);
		const { dev, ino } = fstatSync(this.#fd);
		this.file = { dev, ino };
		try {
			this.#add(fileHeader(this.#mark));
			this.#frame(FRAME_META, Buffer.from(JSON.stringify(meta)));
			this.flush();
		} catch (error) {
			// Nothing was captured yet, so nothing is kept.
			this.abandon();
			removeUserFile(path, user);
			throw writeError(path, error);
		}
	}

	/** Size of the frames that are not in the file yet. */
	get waitingBytes(): number {
		return this.#blockBytes;
	}

	/** Adds a batch of records, each beginning at a multiple of 8. Throws the file system's errors (ENOSPC …). */
	writeBatch(batch: Uint8Array): void {
		// Batches of the capture thread always fit into one frame.
		if (batch.byteLength > 0) this.#frame(FRAME_BATCH, batch);
	}

	/** Writes the frames collected for the next block, even if it is not full. */
	flush(): void {
		if (this.#blockBytes === 0) return;
		const block = compressBlock(Buffer.concat(this.#block));
		this.#write(block);
		this.#wholeBytes = this.bytes;
		this.#block = [];
		this.#blockBytes = 0;
	}

	/** Ends the recording. May be called twice. */
	close(): void {
		if (this.#fd < 0) return;
		try {
			this.#frame(FRAME_END, new Uint8Array(0));
			this.flush();
		} finally {
			closeSync(this.#fd);
			this.#fd = -1;
		}
	}

	/** Closes the file after a failed write and truncates it to its last complete frame. */
	abandon(): void {
		if (this.#fd < 0) return;
		try {
			ftruncateSync(this.#fd, this.#wholeBytes);
		} catch {
			// A device cannot be truncated.
		}
		closeSync(this.#fd);
		this.#fd = -1;
		this.bytes = this.#wholeBytes;
	}

	#frame(type: number, payload: Uint8Array): void {
		this.#add(frameHeader(type, payload, this.#mark));
		this.#add(payload);
		if (!this.#compress) this.#wholeBytes = this.bytes;
		else if (this.#blockBytes >= BLOCK_TARGET_BYTES) this.flush();
	}

	#add(bytes: Uint8Array): void {
		if (!this.#compress) {
			this.#write(bytes);
			return;
		}
		// A copy, because the caller reuses its buffer.
		this.#block.push(new Uint8Array(bytes));
		this.#blockBytes += bytes.byteLength;
	}

	#write(bytes: Uint8Array): void {
		for (let done = 0; done < bytes.byteLength; ) done += writeSync(this.#fd, bytes, done);
		this.bytes += bytes.byteLength;
	}
}

/** Reads a recording frame by frame. */
export class RecordingReader {
	readonly format = 'tinytap';
	readonly path: string;
	/** Set if the file ends early or a frame is damaged. */
	damage: RecordingDamage | undefined;
	/** The end frame was read: the recording was closed properly. */
	isComplete = false;
	readonly isCompressed: boolean;
	/** The metadata; empty if there is none. */
	readonly meta: RecordingMeta;
	/** Version of the framing. */
	readonly version: number;
	/** The body limit of the capture, Infinity if unlimited; undefined if the recording does not say. */
	readonly bodyLimit: number | undefined;
	/** Size of the file when it was opened. */
	readonly size: number;
	readonly #frames: Frames;
	/** The first frame, if it is not the meta frame. */
	#first: FrameStep | undefined;
	#fd: number;
	#ended = false;

	/** Throws a UserError if the file is not a recording that this version can read, or the user may not read it. */
	constructor(path: string, user: InvokingUser) {
		this.path = path;
		try {
			this.#fd = path === DEMO_NAME ? openUserFile(FILES.demoRecording, processUser()) : openUserFile(path, user);
		} catch (error) {
			throw fileError(path, error, 'Give a file written by `tinytap record FILE`.');
		}
		try {
			const stat = fstatSync(this.#fd);
			if (!stat.isFile())
				throw notARecording(path, 'it is not a regular file', 'Write the stream into a file first, and give that.');
			this.size = stat.size;
			this.#frames = openFrames(this.#fd);
			this.isCompressed = this.#frames.isCompressed;
			checkHeader(path, this.#frames.header);
			this.version = versionOf(this.#frames.header)!;
			const first = this.#frames.next();
			const isMeta = first.kind === 'frame' && first.type === FRAME_META;
			this.meta = isMeta ? readMeta(first.payload) : {};
			this.bodyLimit = bodyLimitOf(this.meta);
			if (!isMeta) this.#first = first;
		} catch (error) {
			this.close();
			throw error;
		}
	}

	/**
	 * Copies the next batch into `into`, at least FRAME_PAYLOAD_MAX long. Returns the batch's length; 0 at the end. A
	 * record that the decoder counts (loss: decode_gap) replaces frames that cannot be read.
	 */
	nextBatch(into: Uint8Array): number {
		for (;;) {
			const batch = this.#nextBatch();
			if (batch === undefined) return 0;
			// Skips frames of unknown types.
			if (batch.length === 0) continue;
			into.set(batch);
			return batch.length;
		}
	}

	/** May be called twice. */
	close(): void {
		if (this.#fd < 0) return;
		closeSync(this.#fd);
		this.#fd = -1;
	}

	/** Undefined at the end. */
	#nextBatch(): Uint8Array | undefined {
		if (this.#ended) return undefined;
		const at = this.#frames.offset;
		const step = this.#first ?? this.#frames.next();
		this.#first = undefined;
		if (step.kind === 'gap') {
			this.#note(step);
			// A frame with a truncated header has no records.
			const isCutHeader = step.what === 'truncated' && step.bytes < FRAME_HEADER_BYTES;
			return isCutHeader ? new Uint8Array(0) : gapRecord(step.bytes);
		}
		if (step.kind === 'end') {
			this.#ended = true;
			this.#note({ what: 'truncated', detail: 'the file ends without an end frame', offset: at, bytes: 0 });
			return undefined;
		}
		if (step.type === FRAME_BATCH) return step.payload;
		if (step.type === FRAME_END) {
			this.#ended = true;
			this.isComplete = true;
			const { offset } = this.#frames;
			const bytes = fstatSync(this.#fd).size - offset;
			if (bytes > 0) this.#note({ what: 'damaged', detail: 'there are bytes after its end frame', offset, bytes });
			return undefined;
		}
		return new Uint8Array(0);
	}

	#note({ what, detail, offset, bytes }: Omit<Extract<FrameStep, { kind: 'gap' }>, 'kind'>): void {
		const before = this.damage;
		// The end of a truncated file does not count as a second place.
		if (before !== undefined && bytes === 0) return;
		this.damage = {
			offset: before?.offset ?? offset,
			what: before?.what === 'damaged' ? 'damaged' : what,
			detail: before?.detail ?? detail,
			missingBytes: (before?.missingBytes ?? 0) + bytes,
			places: (before?.places ?? 0) + (bytes > 0 ? 1 : 0),
		};
	}
}

function checkHeader(path: string, header: Buffer): void {
	if (header.length < FILE_HEADER_BYTES || !header.subarray(0, MAGIC.length).equals(MAGIC)) {
		const compression = foreignCompression(header);
		if (compression === undefined)
			throw notARecording(path, header.length === 0 ? 'it is empty' : 'it does not begin like a recording');
		throw new UserError(
			`expected a recording, but ${path} was compressed with ${compression.name}, not by tinytap`,
			'ERR_NOT_A_RECORDING',
			`Unpack it with ${compression.unpack} first. Recordings that --compress wrote are read as they are.`,
		);
	}
	const version = versionOf(header)!;
	if (version >= 1 && version <= RECORDING_VERSION) return;
	throw new UserError(
		`expected recording version 1 to ${RECORDING_VERSION}, got version ${version} in ${path}`,
		'ERR_RECORDING_VERSION',
		'Use the version of tinytap that wrote it, or a newer one.',
	);
}

function createFile(path: string, user: InvokingUser, force: boolean): number {
	try {
		// An existing file is replaced, not overwritten, so programs that have it open keep the old one.
		return createUserFile(path, user, force);
	} catch (error) {
		throw fileError(path, error, createHint(systemCode(error), force));
	}
}

function writeError(path: string, error: unknown): unknown {
	const code = systemCode(error);
	if (code === undefined) return error;
	return new UserError(
		`cannot write ${path}: ${systemProblem(code)}`,
		`ERR_FILE_${code}`,
		'Free some space there, or choose another place.',
	);
}

function createHint(code: string | undefined, force: boolean): string {
	if (code !== 'EEXIST') return 'The directory must exist and be writable.';
	return force
		? 'Only regular files can be replaced: choose a new name.'
		: 'Choose a new name, or use --force to replace the file.';
}

function notARecording(
	path: string,
	why: string,
	hint = 'Give a file written by `tinytap record FILE`. --replay and .open also read pcap, pcapng and HAR files.',
): UserError {
	return new UserError(`expected a recording, but ${path} is not one: ${why}`, 'ERR_NOT_A_RECORDING', hint);
}
