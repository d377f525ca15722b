// Replays a HAR file: each entry becomes a connection with one exchange, at the times that the entry gives.
import { closeSync } from 'node:fs';
import * as event from '../../../decoder-as/assembly/wire/capture-event.ts';
import {
	CAPTURE_COMM_BYTES,
	DIRECTION_IN,
	DIRECTION_OUT,
	FLAG_CUT_CAPTURE_LIMIT,
	FLAG_ZERO_COPY,
	ROLE_ACCEPTED,
	ROLE_CONNECTED,
	SYSCALL_NONE,
	SYSCALL_SENDFILE,
	SYSCALL_SPLICE,
} from '../../../decoder-as/assembly/wire/capture-event.ts';
import { UserError } from '../../base/errors.ts';
import { RecordBatches, type RecordConnection } from '../record-writer.ts';
import type { RecordingDamage } from '../recording-damage.ts';
import type { RecordingMeta } from '../recording-format.ts';
import type { FileContents, ReplayFile } from '../replay-file.ts';
import type { Warning } from '../silence.ts';
import { HarEntries } from './har-entries.ts';
import { type HarEntry, readEntry } from './har-entry.ts';
import { type SocketMessage, socketFrame } from './har-frames.ts';
import { lacksVersion, mayHaveBody, requestMessage, responseMessage, type WireMessage } from './har-messages.ts';

const BATCH_BYTES = 256 << 10;
const NS_PER_MS = 1_000_000;
const NOTHING = Buffer.alloc(0);

export class HarReader implements ReplayFile {
	readonly meta: RecordingMeta = {};
	// The file has what its program kept: the decoder keeps all of that.
	readonly bodyLimit = undefined;
	damage: RecordingDamage | undefined;
	readonly #path: string;
	readonly #entries: HarEntries;
	readonly #records = new RecordBatches();
	readonly format = 'har';
	readonly size: number;
	#fd: number;
	/** Milliseconds since 1970 of the second of the first entry with a time. */
	#firstMs: number | undefined;
	#connections = 0;
	#entryCount = 0;
	#unread = 0;
	#unheldBytes = 0;
	/** Entries that do not tell something, and what else is not read. */
	#unheldResponses = 0;
	#unsized = 0;
	#unversioned = 0;
	#untimed = 0;
	#unreadSocketMessages = 0;
	#ended = false;
	#warned = false;

	/** Reads the regular file `fd` of `size` bytes, and closes it at the end. Throws a UserError if it is no HAR file. */
	constructor(path: string, fd: number, size: number) {
		this.#path = path;
		this.#fd = fd;
		this.size = size;
		this.#entries = new HarEntries(fd);
		if (this.#entries.find()) return;
		throw new UserError(
			`expected a HAR file, but ${path} has no array log.entries`,
			'ERR_NOT_A_RECORDING',
			'Give a recording (`tinytap record FILE`), or a pcap, pcapng or HAR file.',
		);
	}

	nextBatch(into: Uint8Array): number {
		while (this.#records.waitingBytes < BATCH_BYTES && !this.#ended) this.#read();
		return this.#records.take(into);
	}

	get contents(): FileContents {
		return { packets: undefined, entries: this.#entryCount, links: [], writer: this.#entries.writer };
	}

	warnings(): readonly Warning[] {
		if (!this.#ended || this.#warned) return [];
		this.#warned = true;
		const messages: Warning[] = [];
		const warn = (count: number, words: string, hint?: string): void => {
			if (count === 0) return;
			const message = `${this.#path}: ${words}`;
			messages.push(hint === undefined ? { message } : { message, hint });
		};
		const entries = (count: number): string => (count === 1 ? '1 entry' : `${count} entries`);
		warn(this.#unread, `not read: ${entries(this.#unread)} without a request`);
		warn(
			this.#unheldBytes,
			`it does not hold ${this.#unheldBytes} bytes of bodies`,
			'They count as capture_limit (table loss). Browsers export bodies with "save all as HAR with content".',
		);
		warn(this.#unheldResponses, `${entries(this.#unheldResponses)} without a response: shown as unanswered`);
		warn(this.#unsized, `${entries(this.#unsized)} without a body or its size: shown as empty`);
		warn(this.#unversioned, `${entries(this.#unversioned)} without a version of HTTP: shown as HTTP/1.1`);
		warn(this.#untimed, `${entries(this.#untimed)} without a time: ts and durations are NULL`);
		const unread = this.#unreadSocketMessages;
		warn(unread, `not read: ${unread === 1 ? '1 message' : `${unread} messages`} of WebSockets`);
		return messages;
	}

	close(): void {
		if (this.#fd < 0) return;
		closeSync(this.#fd);
		this.#fd = -1;
	}

	#read(): void {
		const step = this.#entries.next();
		if (step.kind === 'end') this.#end();
		else if (step.kind === 'problem') this.#stop(step.what, step.detail, step.offset);
		else {
			let value: unknown;
			try {
				value = JSON.parse(step.text);
			} catch {
				this.#stop('damaged', 'an entry is not valid JSON', step.offset);
				return;
			}
			const entry = readEntry(value);
			this.#entryCount++;
			if (entry === undefined) this.#unread++;
			else this.#write(entry);
		}
	}

	#end(): void {
		this.#ended = true;
		this.#records.end();
	}

	#stop(what: 'truncated' | 'damaged', detail: string, offset: number): void {
		this.damage = { what, detail, offset, missingBytes: Math.max(0, this.size - offset), places: 1 };
		this.#end();
	}

	#write(entry: HarEntry): void {
		const records = this.#records;
		const { requestMs, responseMs, own } = entry;
		this.#count(entry);
		if (this.#firstMs === undefined && !Number.isNaN(requestMs[0])) {
			this.#firstMs = Math.floor(requestMs[0] / 1000) * 1000;
			this.#setTime(this.#firstMs);
			records.clock(BigInt(this.#firstMs) * BigInt(NS_PER_MS));
		}
		const connection = this.#open(entry);
		const [asks, answers] = own.isServer ? [DIRECTION_IN, DIRECTION_OUT] : [DIRECTION_OUT, DIRECTION_IN];
		const offsets = { [asks]: 0, [answers]: 0 };
		offsets[asks] = this.#message(connection, asks, requestMessage(entry), requestMs, [SYSCALL_NONE]);
		const response = responseMessage(entry);
		const calls = own.vias.map(syscallNumber).filter((call) => call > 0);
		if (response !== undefined) offsets[answers] = this.#message(connection, answers, response, responseMs, calls);
		this.#setTime([...requestMs, ...responseMs].findLast((ms) => !Number.isNaN(ms)) ?? Number.NaN);
		for (const message of entry.socketMessages) {
			const direction = message.isSent ? asks : answers;
			offsets[direction]! += this.#frame(connection, direction, message, offsets[direction]!);
		}
		// The response may end with the connection.
		if (response !== undefined) records.finished(connection, answers);
		records.close(connection, offsets[DIRECTION_IN]!, offsets[DIRECTION_OUT]!, false);
	}

	#count(entry: HarEntry): void {
		const { requestMs, response, status, hasResponse } = entry;
		if (!hasResponse) this.#unheldResponses++;
		if (Number.isNaN(requestMs[0])) this.#untimed++;
		if (lacksVersion(entry)) this.#unversioned++;
		const { bytes, size } = response.body;
		if (status !== 0 && mayHaveBody(entry) && bytes === undefined && size === undefined) this.#unsized++;
		this.#unreadSocketMessages += entry.unreadSocketMessages;
	}

	#open(entry: HarEntry): RecordConnection {
		const { isServer, pid, comm, local, remote } = entry.own;
		const connection: RecordConnection = {
			id: ++this.#connections,
			flags: isServer ? ROLE_ACCEPTED : ROLE_CONNECTED,
			addresses: NOTHING,
			midstream: false,
			pid,
			comm: Buffer.from(comm).subarray(0, CAPTURE_COMM_BYTES - 1),
		};
		this.#setTime(entry.requestMs[0]);
		this.#records.open(connection);
		const server = remote === '' && !isServer ? serverAddress(entry) : remote;
		if (local !== '' || server !== '') this.#records.addresses(connection, local, server);
		return connection;
	}

	/** Writes a message whose first and last byte came at these times, NaN if unknown. Returns its length. */
	#message(
		connection: RecordConnection,
		direction: number,
		{ head, body, unheld }: WireMessage,
		[firstMs, lastMs]: readonly [number, number],
		calls: readonly number[],
	): number {
		const held = Buffer.concat([head, body]);
		const inKernel = calls.find((call) => call === SYSCALL_SENDFILE || call === SYSCALL_SPLICE);
		const syscall = calls.find((call) => call !== inKernel) ?? calls[0] ?? SYSCALL_NONE;
		const put = (start: number, end: number, length: number, offset: number, call: number, cutFlag: number): void => {
			const stretch = { bytes: held, start, end, length, offset, afterHole: false, skipUntil: 0 };
			this.#records.data(connection, direction, { ...stretch, syscall: call, cutFlag });
		};
		// Two calls, so that both times are kept.
		const split = lastMs !== firstMs ? Math.min(held.length - 1, Math.max(1, head.length - 1)) : 0;
		this.#setTime(firstMs);
		if (split > 0) put(0, split, split, 0, syscall, 0);
		this.#setTime(lastMs);
		const isInKernel = inKernel !== undefined && unheld > 0;
		if (!isInKernel) this.#unheldBytes += unheld;
		put(split, held.length, held.length - split + (isInKernel ? 0 : unheld), split, syscall, FLAG_CUT_CAPTURE_LIMIT);
		if (isInKernel) put(held.length, held.length, unheld, held.length, inKernel, FLAG_ZERO_COPY);
		return held.length + unheld;
	}

	/** Writes a message of a WebSocket at an offset of its stream. Returns the length of its frame. */
	#frame(connection: RecordConnection, direction: number, message: SocketMessage, offset: number): number {
		const frame = socketFrame(message);
		const unheld = message.size - message.bytes.length;
		const length = frame.length + unheld;
		this.#unheldBytes += unheld;
		this.#setTime(message.ms);
		const stretch = { bytes: frame, start: 0, end: frame.length, length, offset, afterHole: false, skipUntil: 0 };
		this.#records.data(connection, direction, { ...stretch, syscall: SYSCALL_NONE, cutFlag: FLAG_CUT_CAPTURE_LIMIT });
		return length;
	}

	/** Times before the first entry's second are possible: entries are in any order. 0 means that the time is unknown. */
	#setTime(ms: number): void {
		const us = Math.round((ms - (this.#firstMs ?? ms)) * 1000) + FIRST_US;
		this.#records.setTimeUs(Number.isNaN(ms) ? 0 : Math.max(1, us));
	}
}

/** Where the first entry's second is in the records' time: 20 years after 0, for entries that began earlier. */
const FIRST_US = 20 * 365 * 86_400 * 1e6;

function syscallNumber(name: string): number {
	const number: unknown = (event as Readonly<Record<string, unknown>>)[`SYSCALL_${name.toUpperCase()}`];
	return typeof number === 'number' ? number : 0;
}

/** The server's address with the port of the URL. */
function serverAddress({ serverIp, url }: HarEntry): string {
	if (!/^[0-9a-f:.]+$/i.test(serverIp)) return '';
	const [, scheme, port] = /^([a-z]+):\/\/(?:[^/?#@]*@)?(?:\[[^\]]*\]|[^/?#:]*)(?::(\d+))?/i.exec(url) ?? [];
	const number = port ?? (/^(?:https|wss)$/i.test(scheme ?? '') ? '443' : '80');
	return serverIp.includes(':') ? `[${serverIp}]:${number}` : `${serverIp}:${number}`;
}
