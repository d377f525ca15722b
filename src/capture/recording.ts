// Recordings: the records of a capture in frames with a checksum (docs/recording-format.md). The reader reads frame by
// frame, trusts no length, and returns everything before the first damage.
import { closeSync, fstatSync, ftruncateSync, readSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { systemCode, UserError } from '../base/errors.ts';
import { fileError } from '../base/file-error.ts';
import type { InvokingUser } from '../base/invoking-user.ts';
import { systemProblem } from '../base/system-problem.ts';
import { createUserFile, openUserFile, removeUserFile } from '../base/user-files.ts';

const MAGIC = Buffer.from('tinytap\n', 'latin1');
/** Version of the framing. The records have their own version. */
const RECORDING_VERSION = 1;
const FILE_HEADER_BYTES = 16;
/** u32 payload length, u32 type, u32 CRC-32 of type and payload, u32 zero. */
const FRAME_HEADER_BYTES = 16;
/** A longer frame is considered damaged. */
export const FRAME_PAYLOAD_MAX = 1 << 20;

const FRAME_META = 1;
const FRAME_BATCH = 2;
/** Marks a recording that was closed properly; its payload is empty. */
const FRAME_END = 3;

/** What a recording says about itself. Only `body_limit` is read again. */
export type RecordingMeta = Readonly<Record<string, string | number>>;

/** The member `body_limit` of the meta frame: a number of bytes, or `none`. */
export function bodyLimitMeta(limit: number): RecordingMeta {
	return { body_limit: Number.isFinite(limit) ? limit : 'none' };
}

/** Writes a new recording, mode 0600. Synchronous: a frame is in the page cache when write() returns. */
export class RecordingWriter {
	readonly path: string;
	bytes = 0;
	/** The end of the last complete frame. */
	#wholeBytes = 0;
	#fd: number;

	/** Creates a file that belongs to the user. Throws a UserError if it exists (unless `force`) or cannot be created. */
	constructor(path: string, meta: RecordingMeta, options: { force?: boolean; user: InvokingUser }) {
		this.path = path;
		this.#fd = createFile(path, options.user, options.force === true);
		const header = Buffer.alloc(FILE_HEADER_BYTES);
		MAGIC.copy(header);
		header.writeUInt32LE(RECORDING_VERSION, 8);
		try {
			this.#write(header);
			this.#frame(FRAME_META, Buffer.from(JSON.stringify(meta)));
		} catch (error) {
			// Nothing was captured yet, so nothing is kept.
			this.abandon();
			removeUserFile(path, options.user);
			throw writeError(path, error);
		}
	}

	/** Adds a batch of records, each beginning at a multiple of 8. Throws the file system's errors (ENOSPC …). */
	writeBatch(batch: Uint8Array): void {
		// Batches of the capture thread always fit into one frame.
		if (batch.byteLength > 0) this.#frame(FRAME_BATCH, batch);
	}

	/** Ends the recording. May be called twice. */
	close(): void {
		if (this.#fd < 0) return;
		try {
			this.#frame(FRAME_END, new Uint8Array(0));
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
		const header = Buffer.alloc(FRAME_HEADER_BYTES);
		header.writeUInt32LE(payload.byteLength, 0);
		header.writeUInt32LE(type, 4);
		header.writeUInt32LE(frameCheck(type, payload), 8);
		this.#write(header);
		this.#write(payload);
		this.#wholeBytes = this.bytes;
	}

	#write(bytes: Uint8Array): void {
		for (let done = 0; done < bytes.byteLength; ) done += writeSync(this.#fd, bytes, done);
		this.bytes += bytes.byteLength;
	}
}

/** Why reading ended before the end frame. `offset` is the position in the file. */
export type RecordingDamage = {
	readonly offset: number;
	readonly what: 'truncated' | 'damaged';
	readonly detail: string;
};

type Frame = { readonly type: number; readonly payload: Buffer };

/** Reads a recording frame by frame. */
export class RecordingReader {
	readonly path: string;
	/** Set if the file ends early or a frame is damaged. */
	damage: RecordingDamage | undefined;
	/** The capture's body limit, Infinity if unlimited; undefined if the recording does not say. */
	readonly bodyLimit: number | undefined;
	/** The first frame, if it is not the meta frame. */
	#first: Frame | undefined;
	#fd: number;
	#offset = 0;
	#ended = false;

	/** Throws a UserError if the file is not a recording that this version can read, or the user may not read it. */
	constructor(path: string, user: InvokingUser) {
		this.path = path;
		try {
			this.#fd = openUserFile(path, user);
		} catch (error) {
			throw fileError(path, error, 'Give a file written by `tinytap record FILE`.');
		}
		try {
			if (!fstatSync(this.#fd).isFile()) throw notARecording(path, 'it is not a regular file');
			const header = this.#read(FILE_HEADER_BYTES);
			if (header.length < FILE_HEADER_BYTES || !header.subarray(0, 8).equals(MAGIC)) {
				throw notARecording(path, `it does not begin like a recording`);
			}
			const version = header.readUInt32LE(8);
			if (version !== RECORDING_VERSION) {
				throw new UserError(
					`expected recording version ${RECORDING_VERSION}, got version ${version} in ${path}`,
					'ERR_RECORDING_VERSION',
					'Use the version of tinytap that wrote it, or a newer one.',
				);
			}
			const first = this.#nextFrame();
			if (first?.type === FRAME_META) this.bodyLimit = bodyLimitOf(first.payload);
			else this.#first = first;
		} catch (error) {
			this.close();
			throw error;
		}
	}

	/** Copies the next batch into `into`, at least FRAME_PAYLOAD_MAX long. Returns the batch's length; 0 at the end. */
	nextBatch(into: Uint8Array): number {
		for (;;) {
			const frame = this.#first ?? this.#nextFrame();
			this.#first = undefined;
			if (frame === undefined) return 0;
			// Skips frames of unknown types.
			if (frame.type !== FRAME_BATCH || frame.payload.length === 0) continue;
			into.set(frame.payload);
			return frame.payload.length;
		}
	}

	/** May be called twice. */
	close(): void {
		if (this.#fd < 0) return;
		closeSync(this.#fd);
		this.#fd = -1;
	}

	/** Undefined at the end, and after the first damage. */
	#nextFrame(): Frame | undefined {
		if (this.#ended) return undefined;
		const at = this.#offset;
		const header = this.#read(FRAME_HEADER_BYTES);
		if (header.length < FRAME_HEADER_BYTES) return this.#stop(at, 'truncated', 'the file ends without an end frame');
		const length = header.readUInt32LE(0);
		const type = header.readUInt32LE(4);
		if (length > FRAME_PAYLOAD_MAX) {
			return this.#stop(at, 'damaged', `a frame claims ${length} bytes, more than the maximum of ${FRAME_PAYLOAD_MAX}`);
		}
		const payload = this.#read(length);
		if (payload.length < length) return this.#stop(at, 'truncated', 'the file ends inside a frame');
		if (frameCheck(type, payload) !== header.readUInt32LE(8)) {
			return this.#stop(at, 'damaged', "a frame's checksum does not match its bytes");
		}
		if (type !== FRAME_END) return { type, payload };
		this.#ended = true;
		const end = this.#offset;
		if (this.#read(1).length > 0)
			this.damage = { offset: end, what: 'damaged', detail: 'there are bytes after its end frame' };
		return undefined;
	}

	#stop(offset: number, what: RecordingDamage['what'], detail: string): undefined {
		this.#ended = true;
		this.damage = { offset, what, detail };
	}

	#read(length: number): Buffer {
		const bytes = Buffer.allocUnsafe(length);
		let done = 0;
		while (done < length) {
			const got = readSync(this.#fd, bytes, done, length - done, null);
			if (got === 0) break;
			done += got;
		}
		this.#offset += done;
		return bytes.subarray(0, done);
	}
}

/** The limit in a meta frame's payload; undefined if it has no valid one. */
function bodyLimitOf(payload: Buffer): number | undefined {
	let meta: unknown;
	try {
		meta = JSON.parse(payload.toString('utf8'));
	} catch {
		// Anybody may have written the file.
		return undefined;
	}
	if (typeof meta !== 'object' || meta === null || !('body_limit' in meta)) return undefined;
	const { body_limit: limit } = meta;
	if (limit === 'none') return Number.POSITIVE_INFINITY;
	return typeof limit === 'number' && Number.isSafeInteger(limit) && limit >= 0 ? limit : undefined;
}

/** CRC-32 of the type and the payload, so that a changed type is detected, too. */
function frameCheck(type: number, payload: Uint8Array): number {
	const typeBytes = Buffer.alloc(4);
	typeBytes.writeUInt32LE(type);
	const check = crc32(typeBytes);
	// To zlib, an empty view without memory means "start again".
	return payload.byteLength === 0 ? check : crc32(payload, check);
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
		'Make room there, or choose another place.',
	);
}

function createHint(code: string | undefined, force: boolean): string {
	if (code !== 'EEXIST') return 'The directory must exist and be writable.';
	return force
		? 'Only regular files can be replaced: choose a new name.'
		: 'Choose a new name, or use --force to replace the file.';
}

function notARecording(path: string, why: string): UserError {
	return new UserError(
		`expected a recording, but ${path} is not one: ${why}`,
		'ERR_NOT_A_RECORDING',
		'Give a file written by `tinytap record FILE`.',
	);
}
