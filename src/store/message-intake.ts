// What the capture thread does with the decoder's messages: decompresses them and keeps them in the log.
import * as layout from '../../decoder-as/assembly/wire/output-layout.ts';
import { type CodedPiece, CodedStreams } from '../decode/coded-streams.ts';
import type { Decoder } from '../decode/decoder.ts';
import { MessageInflater } from '../decode/message-inflater.ts';
import { type MessageLimits, MessageLog } from './message-log.ts';
import { type EntryBytes, entryBytes } from './row-writer.ts';

/** What decompression remembers takes at most this part of the memory for messages: for WebSocket, and for bodies. */
const WINDOWS_SHARE = 8;
const BODIES_SHARE = 2;

export class MessageIntake {
	readonly log: MessageLog;
	readonly #inflater: MessageInflater;
	readonly #coded: CodedStreams;
	readonly #bodyLimit: () => number;

	/** `bodyLimit`: maximum bytes held of a message. */
	constructor(limits: MessageLimits, bodyLimit: () => number) {
		this.log = new MessageLog(limits);
		this.#inflater = new MessageInflater(limits.memoryBytes / WINDOWS_SHARE);
		this.#coded = new CodedStreams(limits.memoryBytes / BODIES_SHARE);
		this.#bodyLimit = bodyLimit;
	}

	/** Bytes of memory in use. */
	get memoryBytes(): number {
		return this.log.memoryBytes + this.#inflater.memoryBytes + this.#coded.memoryBytes;
	}

	/** Gives the decoder what it wants decompressed. */
	answer(decoder: Decoder, piece: CodedPiece): void {
		this.#coded.answer(decoder, piece);
	}

	/** Takes the ENTRY_MESSAGE that begins at byte `at`. It is kept, or only what later ones refer to. */
	take(source: EntryBytes, at: number, isKept = true): void {
		const { u32 } = source;
		const isPlain = u32[(at + layout.MESSAGE_CODING) >> 2] === layout.MESSAGE_CODING_NONE;
		const entry = isPlain ? source : this.#decompressed(source, at);
		if (isKept) this.log.append(entry, isPlain ? at : 0);
	}

	/** A copy of the entry whose bytes are decompressed, if possible, and cut at the limit. */
	#decompressed({ bytes, u32, f64 }: EntryBytes, at: number): EntryBytes {
		const word = (offset: number) => u32[(at + offset) >> 2]!;
		const start = word(layout.MESSAGE_DATA);
		const held =
			start === 0 ? bytes.subarray(0, 0) : bytes.subarray(at + start, at + start + word(layout.MESSAGE_DATA + 4));
		const stream = { exchange: f64[(at + layout.MESSAGE_EXCHANGE) >> 3]!, direction: word(layout.MESSAGE_DIRECTION) };
		if ((word(layout.MESSAGE_FLAGS) & layout.MESSAGE_FLAG_AFTER_DROPPED) !== 0) this.#inflater.forget(stream);
		const inflated = this.#inflater.inflate(
			stream,
			word(layout.MESSAGE_CODING),
			held,
			f64[(at + layout.MESSAGE_BYTES) >> 3] === held.byteLength &&
				(word(layout.MESSAGE_FLAGS) & layout.MESSAGE_FLAG_UNENDED) === 0,
		);
		const whole = inflated ?? held;
		const data = whole.subarray(0, Math.min(whole.byteLength, this.#bodyLimit()));
		// Compressed messages have neither names nor ids.
		const size = (layout.MESSAGE_FIXED_BYTES + data.byteLength + 7) & ~7;
		const entry = entryBytes(new ArrayBuffer(size));
		entry.bytes.set(bytes.subarray(at, at + layout.MESSAGE_FIXED_BYTES));
		entry.bytes.set(data, layout.MESSAGE_FIXED_BYTES);
		entry.u32[layout.ENTRY_SIZE >> 2] = size;
		const isHeld = data.byteLength > 0 || whole.byteLength === 0;
		entry.u32[layout.MESSAGE_DATA >> 2] =
			isHeld && (start !== 0 || inflated !== undefined) ? layout.MESSAGE_FIXED_BYTES : 0;
		entry.u32[(layout.MESSAGE_DATA + 4) >> 2] = data.byteLength;
		const limited = layout.MESSAGE_LIMITED >> 3;
		entry.f64[limited] = entry.f64[limited]! + whole.byteLength - data.byteLength;
		if (inflated !== undefined) {
			entry.f64[layout.MESSAGE_BYTES >> 3] = inflated.byteLength;
			entry.u32[layout.MESSAGE_CODING >> 2] = layout.MESSAGE_CODING_NONE;
		}
		return entry;
	}
}
