// Overwrites the secrets in one direction of a connection with HTTP/2: in header blocks, and in the data of each stream. Frames
// keep their lengths. What cannot be followed is blanked, to the end of the direction.
import { bodyCodings, namesCoding } from '../decode/content-coding.ts';
import { BlankBody, type BodyScanner, bodyScanner } from './body-secrets.ts';
import { HeldContent, type Known, MOST_HELD } from './held-content.ts';
import type { HpackField } from './hpack.ts';
import { HpackSecrets } from './hpack-secrets.ts';
import { after, before, decide, joined, type Piece, spread } from './pieces.ts';
import { RedactedSocket } from './redacted-socket.ts';
import { type SecretFinder, shifted } from './secret-finder.ts';

const HEADER_BYTES = 9;
const [DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION] = [
	0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
];
/** Frames without texts. */
const HARMLESS: ReadonlySet<number> = new Set([PRIORITY, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE]);
const END_STREAM = 1;
const END_HEADERS = 4;
const PADDED = 8;
const HAS_PRIORITY = 32;
/** PRIORITY_UPDATE; and types that mean nothing (0x0b + 0x1f * N). */
const LAST_TYPE = 16;
const FIRST_TEST_TYPE = 0x0b;
const TEST_TYPES = 0x1f;
/** Last stream and code before the text of a GOAWAY. */
const GOAWAY_BYTES = 8;
const LONGEST_BLOCK = 1 << 20;
/** Of more open streams, the oldest one is blanked. */
const MOST_STREAMS = 1000;
const BLANK = 0x2a;

/** What both directions of a connection with HTTP/2 know. */
export type Http2Conversation = Known & {
	/** Streams that carry WebSocket, or another tunnel. */
	readonly tunnels: Map<number, 'websocket' | 'other'>;
	/** A direction cannot be followed any further. */
	readonly lost: () => void;
};

/** The data of a stream. */
type StreamData = {
	readonly take: (piece: Piece) => void;
	readonly gap: () => void;
	readonly hurry: () => void;
	readonly end: () => void;
};

type Frame = {
	readonly type: number;
	readonly flags: number;
	readonly stream: number;
	/** Bytes of the payload that are still to come. */
	left: number;
	/** Bytes of padding at its end; undefined until its length has come. */
	padding: number | undefined;
	/** The payload, of frames that are looked at as a whole. */
	readonly payload: Piece[];
};

/** What looks like a request of HTTP/1 in the preface. */
export const PREFACE_HEAD = 'PRI * HTTP/2.0\r\n\r\n';
/** What a client sends first. */
const PREFACE = Buffer.from(`${PREFACE_HEAD}SM\r\n\r\n`);
/** What a server sends first: the header of its settings, with at most 42 of them. */
const SETTINGS_HEADER: readonly (number | undefined)[] = [0, 0, undefined, SETTINGS, 0, 0, 0, 0, 0];

/** Whether a direction that begins with these bytes carries HTTP/2, and whether it is the client's. */
export function beginningOfHttp2(bytes: Uint8Array): 'client' | 'server' | undefined {
	const first = Buffer.from(bytes.subarray(0, PREFACE.length));
	if (first.length >= 4 && PREFACE.subarray(0, first.length).equals(first)) return 'client';
	const isHeader = SETTINGS_HEADER.every((byte, at) => byte === undefined || at >= first.length || first[at] === byte);
	return isHeader && (first[2] ?? 0) % 6 === 0 ? 'server' : undefined;
}

export class RedactedHttp2 {
	readonly #conversation: Http2Conversation;
	readonly #finder: SecretFinder;
	readonly #hpack: HpackSecrets;
	readonly #streams = new Map<number, StreamData>();
	/** The header of a frame that has not come as a whole. */
	#header: Piece[] = [];
	#frame: Frame | undefined;
	/** The fragments of a header block, and the stream that it is for. */
	#block: { readonly stream: number; readonly fragments: Piece[]; readonly frame: Frame } | undefined;
	/** Bytes of the preface that are still to come. */
	#preface: Uint8Array;
	#isLost = false;

	/** `side`: the one that sends these bytes. `read`: how many bytes of the preface have been read before. */
	constructor(conversation: Http2Conversation, finder: SecretFinder, side: 'client' | 'server', read = 0) {
		this.#preface = side === 'client' ? PREFACE.subarray(read) : Buffer.alloc(0);
		this.#conversation = conversation;
		this.#finder = finder;
		this.#hpack = new HpackSecrets(conversation, finder);
	}

	take(piece: Piece): void {
		for (let rest = piece; rest.bytes.length > 0; ) rest = after(rest, this.#step(rest));
	}

	/** So many bytes are missing. */
	gap(bytes: number): void {
		const frame = this.#frame;
		if (frame?.type === DATA && frame.padding !== undefined && bytes <= frame.left - frame.padding) {
			frame.left -= bytes;
			this.#streams.get(frame.stream)?.gap();
			if (frame.left === 0) this.#endOfFrame(frame);
		} else this.lose();
	}

	/** What comes next cannot be understood. */
	lose(): void {
		this.end();
		if (!this.#isLost) this.#conversation.lost();
		this.#isLost = true;
		this.#streams.clear();
		this.#frame = undefined;
		this.#block = undefined;
	}

	/** Decides everything that was taken. The stream may continue. */
	hurry(): void {
		for (const stream of this.#streams.values()) stream.hurry();
		// Half a block cannot be overwritten so that the other half can still be read.
		const isHalf = this.#block !== undefined || this.#header.length > 0 || (this.#frame?.payload.length ?? 0) > 0;
		if (isHalf) this.lose();
	}

	/** Nothing comes after this. */
	end(): void {
		for (const stream of this.#streams.values()) stream.end();
		this.#blank(this.#header.splice(0));
		this.#blank(this.#block?.fragments.splice(0) ?? []);
		this.#blank(this.#frame?.payload.splice(0) ?? []);
	}

	/** Returns the number of bytes used. */
	#step(piece: Piece): number {
		if (this.#isLost) {
			this.#blank([piece]);
			return piece.bytes.length;
		}
		if (this.#preface.length > 0) return this.#readPreface(piece);
		if (this.#frame === undefined) return this.#readHeader(piece);
		const frame = this.#frame;
		const taken = before(piece, Math.min(piece.bytes.length, frame.left));
		if (frame.type === DATA) return this.#data(frame, taken);
		frame.left -= taken.bytes.length;
		if (HARMLESS.has(frame.type)) decide([taken]);
		else if (isLookedAt(frame.type)) frame.payload.push(taken);
		else this.#blank([taken]);
		if (frame.left === 0) this.#endOfFrame(frame);
		return taken.bytes.length;
	}

	#readPreface(piece: Piece): number {
		const used = Math.min(this.#preface.length, piece.bytes.length);
		if (!this.#preface.subarray(0, used).every((byte, at) => byte === piece.bytes[at])) {
			this.lose();
			return 0;
		}
		this.#preface = this.#preface.subarray(used);
		decide([before(piece, used)]);
		return used;
	}

	#readHeader(piece: Piece): number {
		const held = this.#header.reduce((sum, { bytes }) => sum + bytes.length, 0);
		const used = Math.min(HEADER_BYTES - held, piece.bytes.length);
		this.#header.push(before(piece, used));
		if (held + used < HEADER_BYTES) return used;
		const header = joined(this.#header);
		const [type, flags] = [header[3]!, header[4]!];
		if (!isPossible(header)) {
			this.lose();
			return used;
		}
		// There are no secrets in it.
		decide(this.#header.splice(0));
		const isPadded = (type === DATA || type === HEADERS || type === PUSH_PROMISE) && (flags & PADDED) !== 0;
		const frame: Frame = {
			...{ type, flags, left: header.readUIntBE(0, 3), stream: header.readUInt32BE(5) & 0x7fffffff },
			...{ padding: isPadded ? undefined : 0, payload: [] },
		};
		const isExpected = this.#block === undefined || (type === CONTINUATION && frame.stream === this.#block.stream);
		if (!isExpected) {
			this.lose();
			return used;
		}
		this.#frame = frame;
		if (frame.left === 0) this.#endOfFrame(frame);
		return used;
	}

	#data(frame: Frame, piece: Piece): number {
		if (frame.padding === undefined) {
			frame.padding = piece.bytes[0]!;
			frame.left--;
			decide([before(piece, 1)]);
			if (frame.padding > frame.left) this.lose();
			else if (frame.left === 0) this.#endOfFrame(frame);
			return 1;
		}
		const content = Math.max(0, Math.min(piece.bytes.length, frame.left - frame.padding));
		if (content > 0) {
			const stream = this.#streams.get(frame.stream);
			if (stream === undefined) this.#blank([before(piece, content)]);
			else stream.take(before(piece, content));
		}
		const padding = before(after(piece, content), frame.left - content);
		// Nothing but zeros belongs there.
		padding.bytes.fill(0);
		decide([padding]);
		frame.left -= piece.bytes.length;
		if (frame.left === 0) this.#endOfFrame(frame);
		return piece.bytes.length;
	}

	#endOfFrame(frame: Frame): void {
		this.#frame = undefined;
		const { type, flags, stream, payload } = frame;
		if (type === DATA && (flags & END_STREAM) !== 0) this.#endOfStream(stream);
		else if (type === RST_STREAM) this.#endOfStream(stream);
		else if (type === GOAWAY) this.#goAway(payload);
		else if (isLookedAt(type)) this.#fragment(frame);
	}

	/** The text of a GOAWAY may say anything. */
	#goAway(payload: readonly Piece[]): void {
		const bytes = joined(payload);
		const text = bytes.subarray(GOAWAY_BYTES).toString('latin1');
		const places = [
			...shifted(this.#finder.freeText(text), GOAWAY_BYTES),
			...this.#conversation.secrets.placesIn(bytes),
		];
		if (places.length > 0) {
			this.#conversation.replacements.overwrite(bytes, bytes.toString('latin1'), places);
			spread(bytes, payload);
		}
		decide(payload);
	}

	/** The fragment of a header block in a frame. What is around it has no secrets. */
	#fragment(frame: Frame): void {
		const { type, flags, stream, payload } = frame;
		const isPadded = type !== CONTINUATION && (flags & PADDED) !== 0;
		const length = payload.reduce((sum, { bytes }) => sum + bytes.length, 0);
		const padding = isPadded ? (payload[0]?.bytes[0] ?? 0) : 0;
		const start =
			(isPadded ? 1 : 0) + (type === HEADERS && (flags & HAS_PRIORITY) !== 0 ? 5 : type === PUSH_PROMISE ? 4 : 0);
		const end = length - padding;
		if (end < start || (isPadded && length === 0)) {
			this.#blank(payload);
			this.lose();
			return;
		}
		const [head, rest] = split(payload, start);
		const [fragment, tail] = split(rest, end - start);
		decide(head);
		for (const { bytes } of tail) bytes.fill(0);
		decide(tail);
		this.#block ??= { stream, fragments: [], frame };
		this.#block.fragments.push(...fragment);
		const held = this.#block.fragments.reduce((sum, { bytes }) => sum + bytes.length, 0);
		if (held > LONGEST_BLOCK) this.lose();
		else if ((flags & END_HEADERS) !== 0) this.#endOfBlock();
	}

	#endOfBlock(): void {
		const { stream, fragments, frame } = this.#block!;
		const bytes = Buffer.from(joined(fragments));
		const fields = this.#hpack.overwrite(bytes);
		if (fields === undefined) {
			this.lose();
			return;
		}
		this.#block = undefined;
		spread(bytes, fragments);
		decide(fragments);
		// A promise begins no data in this direction.
		if (frame.type !== HEADERS) return;
		if (isInterim(fields)) return;
		if (!this.#streams.has(stream)) this.#begin(stream, fields);
		if ((frame.flags & END_STREAM) !== 0) this.#endOfStream(stream);
	}

	#begin(stream: number, fields: readonly HpackField[]): void {
		const value = (name: string) => fields.find((field) => field.name === name)?.value;
		const { tunnels } = this.#conversation;
		if (value(':method') === 'CONNECT') tunnels.set(stream, value(':protocol') === 'websocket' ? 'websocket' : 'other');
		const tunnel = tunnels.get(stream);
		if (this.#streams.size >= MOST_STREAMS) {
			const [oldest] = this.#streams.keys();
			this.#endOfStream(oldest!);
		}
		const isAnswered = /^2\d\d$/.test(value(':status') ?? '200');
		if (tunnel === 'websocket' && isAnswered)
			this.#streams.set(stream, new RedactedSocket(this.#conversation, this.#finder, this.#conversation.lost));
		else {
			const isBlank = tunnel === 'other' && isAnswered;
			this.#streams.set(stream, new RedactedData(this.#conversation, this.#finder, isBlank ? undefined : fields));
		}
	}

	#endOfStream(stream: number): void {
		this.#streams.get(stream)?.end();
		this.#streams.delete(stream);
	}

	#blank(pieces: readonly Piece[]): void {
		for (const { bytes } of pieces) bytes.fill(BLANK);
		decide(pieces);
	}
}

/** Whether it can be the header of a frame: a known type, or one that clients send to test servers. */
function isPossible(header: Uint8Array): boolean {
	const type = header[3]!;
	return header[5]! < 128 && (type <= LAST_TYPE || (type - FIRST_TEST_TYPE) % TEST_TYPES === 0);
}

function isLookedAt(type: number): boolean {
	return type === HEADERS || type === CONTINUATION || type === PUSH_PROMISE || type === GOAWAY;
}

function isInterim(fields: readonly HpackField[]): boolean {
	const status = fields.find(({ name }) => name === ':status')?.value;
	return status !== undefined && /^1\d\d$/.test(status);
}

/** The first bytes of pieces, and the others. */
function split(pieces: readonly Piece[], at: number): [Piece[], Piece[]] {
	const [first, rest]: [Piece[], Piece[]] = [[], []];
	let left = at;
	for (const piece of pieces) {
		const used = Math.min(left, piece.bytes.length);
		left -= used;
		if (used > 0) first.push(before(piece, used));
		if (used < piece.bytes.length) rest.push(after(piece, used));
	}
	return [first, rest];
}

/** The body of a request or a response. */
class RedactedData implements StreamData {
	readonly #content: HeldContent;

	/** `fields` undefined: nobody knows what it is. */
	constructor(known: Known, finder: SecretFinder, fields: readonly HpackField[] | undefined) {
		this.#content = new HeldContent(known, (beginning) =>
			fields === undefined ? new BlankBody() : scannerOf(known, finder, fields, beginning),
		);
	}

	take(piece: Piece): void {
		this.#content.take(piece);
		if (this.#content.bytes <= MOST_HELD) return;
		this.#content.settle('soft');
		if (this.#content.bytes > MOST_HELD) this.#content.settle('hard');
	}

	gap(): void {
		this.#content.gap();
	}

	hurry(): void {
		this.#content.settle('hard');
	}

	end(): void {
		this.#content.settle('final');
	}
}

function scannerOf(
	known: Known,
	finder: SecretFinder,
	fields: readonly HpackField[],
	beginning: Uint8Array,
): BodyScanner {
	const value = (name: string) => fields.find((field) => field.name === name)?.value ?? null;
	const codings = bodyCodings(fields.map(({ name, value: text }) => ({ name, value: text, trailer: false })));
	return bodyScanner(
		{ contentType: value('content-type'), coding: namesCoding(codings) ? codings : null },
		beginning,
		finder,
		(bytes) => known.secrets.placesIn(bytes),
		(bytes, text, places) => known.replacements.overwrite(bytes, text, places),
	);
}
