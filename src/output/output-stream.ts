// stdout and stderr. A write never waits inside a system call: while the terminal or pipe accepts nothing, text waits
// in a queue, and the process still answers signals and keys. Node's own streams block if they are terminals.
import { EventEmitter } from 'node:events';
import { constants, fstatSync, openSync, readFileSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { getSystemErrorName } from 'node:util';
import { systemCode } from '../base/errors.ts';
import { FILES } from '../base/installation.ts';
import { loadNativeAddon, type NativeAddon } from '../capture/native-addon.ts';

/** Beyond this, text of a writer that does not wait for room is dropped. */
const QUEUE_BYTES = 1 << 20;
/** A writer that waits for room continues when less than this is queued. */
const ROOM_BYTES = 64 * 1024;
/** Pauses between attempts to write while nothing is accepted. */
const FIRST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 16;

/** How often to look whether a reader is still there. */
const READER_MS = 200;

const OPEN_FLAGS = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/** How long text may wait for a reader. */
export type Patience = {
	/** Maximum time in total. */
	readonly withinMs?: number;
	/** Maximum time since the reader last took something. */
	readonly idleMs?: number;
};

/** Writes some of the bytes and returns how many; 0 if there is no room. Throws system errors. */
type Device = (bytes: Uint8Array) => number;

/** Text in the queue. `rowEnds`: for rows, where each of them ends. */
type Piece = { readonly bytes: Uint8Array; readonly rowEnds: readonly number[]; done: number };

/** The output queued for one descriptor, in order. Emits `resize` if the terminal's size changes. */
export class OutputStream extends EventEmitter {
	readonly isTTY: boolean;
	/** Bytes of text, and rows, that were discarded because the reader did not take them in time. */
	droppedBytes = 0;
	droppedRows = 0;
	/** Code of the system error that ended the output; not set if the reader just went away. */
	failure: string | undefined;
	/** The reader closed its end, or the terminal hung up. */
	closed = false;
	/** Resolves when that happens. */
	readonly gone: Promise<void>;
	readonly #fd: number;
	#device: Device | undefined;
	readonly #queue: Piece[] = [];
	#waiting = 0;
	#timer: NodeJS.Timeout | undefined;
	#pauseMs = FIRST_PAUSE_MS;
	#takenAt = 0;
	#deadline = Number.POSITIVE_INFINITY;
	#idleMs = Number.POSITIVE_INFINITY;
	/** Bytes dropped because the queue was full; reported when there is room again. */
	#unreportedBytes = 0;
	#waiters: { readonly below: number; readonly resolve: () => void }[] = [];
	#tellGone: () => void = () => undefined;

	/** `fd`: 1 or 2; in tests another pipe or file. */
	constructor(fd: number) {
		super();
		this.#fd = fd;
		this.isTTY = isatty(fd);
		this.gone = new Promise((resolve) => {
			this.#tellGone = resolve;
		});
		if (this.isTTY) this.#node.on('resize', () => this.emit('resize'));
	}

	/** Nothing waits, so the cursor is after the last text written. */
	get isIdle(): boolean {
		return this.#waiting === 0;
	}

	/** Width and height of the terminal; the usual size if it does not know its own. */
	get columns(): number | undefined {
		return this.isTTY ? this.#node.columns || 80 : undefined;
	}

	get rows(): number | undefined {
		return this.isTTY ? this.#node.rows || 24 : undefined;
	}

	/** Whether it is a terminal that can move its cursor and erase: anything but TERM=dumb. */
	get canRedraw(): boolean {
		return this.isTTY && process.env.TERM !== 'dumb';
	}

	/** Queues text. Returns false if the writer should wait for `ready()`. `written` is called when it has left the queue. */
	write(text: string, written?: () => void): boolean {
		if (text !== '') this.#add({ bytes: Buffer.from(text), rowEnds: [], done: 0 });
		if (written !== undefined) this.#when(1, written);
		return this.#waiting < ROOM_BYTES;
	}

	/** The same for bytes. */
	writeBytes(bytes: Uint8Array): boolean {
		this.#add({ bytes: Buffer.from(bytes), rowEnds: [], done: 0 });
		return this.#waiting < ROOM_BYTES;
	}

	/** The same for rows, which are counted if they are discarded. */
	writeRows(texts: readonly string[]): boolean {
		let end = 0;
		const rowEnds = texts.map((text) => {
			end += Buffer.byteLength(text);
			return end;
		});
		if (end > 0) this.#add({ bytes: Buffer.from(texts.join('')), rowEnds, done: 0 });
		return this.#waiting < ROOM_BYTES;
	}

	/** Resolves when there is room for more, or when nothing can be written any more. */
	ready(): Promise<void> {
		return new Promise((resolve) => this.#when(ROOM_BYTES, resolve));
	}

	/** Resolves when nothing waits any more: everything was written or discarded. */
	flush(): Promise<void> {
		return new Promise((resolve) => this.#when(1, resolve));
	}

	/** From now on, discards text that waits longer. A later call can only shorten the time. */
	limit({ withinMs, idleMs }: Patience): void {
		if (withinMs !== undefined) this.#deadline = Math.min(this.#deadline, performance.now() + withinMs);
		if (idleMs !== undefined) this.#idleMs = Math.min(this.#idleMs, idleMs);
	}

	/**
	 * Notices that the reader of a pipe or socket has gone even while nothing is written. Without this, `tail | head -1`
	 * would end only at the second row.
	 */
	watchReader(): void {
		const stat = fstatSync(this.#fd);
		const addon = stat.isFIFO() || stat.isSocket() ? nativeAddon() : undefined;
		if (addon === undefined) return;
		const timer = setInterval(() => {
			if (!this.closed && addon.hasReader(this.#fd)) return;
			clearInterval(timer);
			if (!this.closed) this.#fail('EPIPE');
		}, READER_MS).unref();
	}

	/** Discards what waits now, without counting it. */
	discard(): void {
		if (this.#waiting === 0) return;
		this.#queue.length = 0;
		this.#dropAll();
		// The cut may have been inside coloured text, and inside a line.
		if (this.canRedraw) this.write('\x1b[0m\r\x1b[K');
		else if (this.isTTY) this.write('\n');
	}

	/** Node's stream, for the size of the terminal. */
	get #node(): NodeJS.WriteStream {
		return this.#fd === 1 ? process.stdout : process.stderr;
	}

	#add(piece: Piece): void {
		if (this.closed || this.failure !== undefined) return;
		if (this.#waiting > QUEUE_BYTES) {
			this.#unreportedBytes += piece.bytes.length;
			this.#count(piece);
			return;
		}
		if (this.#waiting === 0) this.#takenAt = performance.now();
		this.#queue.push(piece);
		this.#waiting += piece.bytes.length;
		if (this.#timer === undefined) this.#push();
	}

	#push(): void {
		this.#timer = undefined;
		try {
			this.#device ??= openDevice(this.#fd, this.isTTY);
			for (let piece = this.#queue[0]; piece !== undefined; piece = this.#queue[0]) {
				const taken = this.#device(piece.bytes.subarray(piece.done));
				if (taken === 0) break;
				this.#takenAt = performance.now();
				this.#pauseMs = FIRST_PAUSE_MS;
				this.#waiting -= taken;
				piece.done += taken;
				if (piece.done === piece.bytes.length) this.#queue.shift();
			}
		} catch (error) {
			this.#fail(systemCode(error) ?? String(error));
			return;
		}
		const now = performance.now();
		if (this.#waiting > 0 && (now >= this.#deadline || now - this.#takenAt >= this.#idleMs)) this.#dropAll();
		if (this.#waiting > 0) {
			this.#timer = setTimeout(() => this.#push(), this.#pauseMs);
			this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
		} else if (this.#unreportedBytes > 0) {
			const bytes = this.#unreportedBytes;
			this.#unreportedBytes = 0;
			this.write(`\ntinytap: ${bytes} bytes of messages were dropped because they could not be printed in time\n`);
		}
		this.#wake();
	}

	#fail(code: string): void {
		// A terminal that has hung up answers EIO.
		if (code === 'EPIPE' || (code === 'EIO' && this.isTTY)) {
			this.closed = true;
			this.#tellGone();
		} else this.failure = code;
		this.#queue.length = 0;
		this.#waiting = 0;
		this.#wake();
	}

	#dropAll(): void {
		clearTimeout(this.#timer);
		this.#timer = undefined;
		for (const piece of this.#queue) this.#count(piece);
		this.#queue.length = 0;
		this.#waiting = 0;
		this.#wake();
	}

	/** Counts the discarded part of a piece. */
	#count({ bytes, rowEnds, done }: Piece): void {
		if (rowEnds.length === 0) this.droppedBytes += bytes.length - done;
		this.droppedRows += rowEnds.filter((end) => end > done).length;
	}

	#when(below: number, resolve: () => void): void {
		if (this.#waiting < below) resolve();
		else this.#waiters.push({ below, resolve });
	}

	#wake(): void {
		const all = this.#waiters;
		this.#waiters = all.filter(({ below }) => this.#waiting >= below);
		for (const { below, resolve } of all) if (this.#waiting < below) resolve();
	}
}

/** Not opened before something is written. */
function openDevice(fd: number, isTerminal: boolean): Device {
	const stat = fstatSync(fd);
	// O_NONBLOCK belongs to the open file, which other programs share (the shell, the program after --), so open it
	// again.
	if (isTerminal || stat.isFIFO()) {
		const own = reopened(fd, isTerminal ? stat.rdev : undefined);
		if (own !== undefined) return (bytes) => written(own, bytes);
	} else if (!stat.isSocket()) return (bytes) => writeSync(fd, bytes);
	return (stat.isSocket() ? socketDevice(fd) : undefined) ?? nodeDevice(fd === 1 ? process.stdout : process.stderr);
}

/** Sockets cannot be opened again. Undefined without the native addon. */
function socketDevice(fd: number): Device | undefined {
	const addon = nativeAddon();
	return addon === undefined ? undefined : sendingDevice((bytes) => addon.sendNow(fd, bytes));
}

/** `send` returns the number of bytes that were sent, or a negative error number. */
export function sendingDevice(send: (bytes: Uint8Array) => number): Device {
	return (bytes) => {
		const sent = send(bytes);
		if (sent >= 0) return sent;
		const code = getSystemErrorName(sent);
		if (code === 'EAGAIN') return 0;
		throw Object.assign(new Error(code), { code: code === 'ECONNRESET' ? 'EPIPE' : code });
	};
}

/** Undefined if it is not built, or not for this system. */
function nativeAddon(): NativeAddon | undefined {
	try {
		return loadNativeAddon(FILES.addon);
	} catch {
		return undefined;
	}
}

/** A separate descriptor for the pipe or terminal `fd`; undefined if this process may not open it. */
function reopened(fd: number, terminal: number | undefined): number | undefined {
	try {
		return openSync(`/proc/self/fd/${fd}`, OPEN_FLAGS);
	} catch (error) {
		// A pipe without a reader.
		if (terminal === undefined && systemCode(error) === 'ENXIO') throw Object.assign(new Error(), { code: 'EPIPE' });
		// It is another user's terminal, as after su, or this is not Linux.
	}
	try {
		return terminal !== undefined && terminal === controllingTerminal() ? openSync('/dev/tty', OPEN_FLAGS) : undefined;
	} catch {
		return undefined;
	}
}

/** Device number of the terminal that /dev/tty stands for: the seventh field of /proc/self/stat. */
function controllingTerminal(): number {
	const text = readFileSync('/proc/self/stat', 'latin1');
	return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[4]);
}

function written(fd: number, bytes: Uint8Array): number {
	try {
		return writeSync(fd, bytes);
	} catch (error) {
		if (systemCode(error) === 'EAGAIN') return 0;
		throw error;
	}
}

/**
 * One of Node's streams, which does not block if it is a socket or a pipe. Bytes count as taken once they have left
 * the process.
 */
export function nodeDevice(stream: Pick<NodeJS.WriteStream, 'on' | 'write'>): Device {
	let failure: unknown;
	let given: Uint8Array | undefined;
	let isTaken = false;
	stream.on('error', (error) => {
		failure = error;
	});
	return (bytes) => {
		if (failure !== undefined) throw failure;
		if (given?.buffer === bytes.buffer && given.byteOffset === bytes.byteOffset) return isTaken ? bytes.length : 0;
		given = bytes;
		isTaken = false;
		stream.write(bytes, () => {
			isTaken = true;
		});
		return 0;
	};
}

const streams: { [fd in 1 | 2]?: OutputStream } = {};

/** Results. */
export function standardOutput(): OutputStream {
	streams[1] ??= new OutputStream(1);
	return streams[1];
}

/** Messages. */
export function standardError(): OutputStream {
	streams[2] ??= new OutputStream(2);
	return streams[2];
}

/** Limits how long both may still wait for a reader, because the process is about to end. */
export function limitOutput(patience: Patience): void {
	standardOutput().limit(patience);
	standardError().limit(patience);
}
