// Overwrites the secrets in one direction of a connection: finds the messages of HTTP/1, and in them the secrets. What
// belongs to no message that it understands is blanked.
import { bodyCodings, namesCoding } from '../decode/content-coding.ts';
import { BlankBody, type BodyScanner, bodyScanner, type Extent } from './body-secrets.ts';
import {
	type Field,
	type HeadSecrets,
	headSecrets,
	isStart,
	isWholeStart,
	maybeStart,
	type ReadHead,
	readHead,
} from './head-secrets.ts';
import { HeldContent, type Known, MOST_HELD } from './held-content.ts';
import { after, before, decide, joined, type Piece, spread } from './pieces.ts';
import { beginningOfHttp2, PREFACE_HEAD, RedactedHttp2 } from './redacted-http2.ts';
import { RedactedSocket } from './redacted-socket.ts';
import { type Place, SecretFinder, shifted } from './secret-finder.ts';

/** What both directions of a connection know. */
export type Conversation = Known & {
	/** Methods of requests without a final response. */
	readonly methods: string[];
	/** The connection is no longer HTTP/1, or another one inside it begins. */
	readonly upgrade: (to: 'websocket' | 'other') => void;
	/** Streams of HTTP/2 that carry something else. */
	readonly tunnels: Map<number, 'websocket' | 'other'>;
	/** HTTP/2 or WebSocket in it can no longer be followed. */
	readonly lost: () => void;
};

/** Longest head, and longest line of chunk framing. */
const LONGEST_HEAD = 256 << 10;
const LONGEST_CHUNK_LINE = 16 << 10;
const MOST_METHODS = 1000;

const LF = 10;
const CR = 13;
/** First bytes of a TLS handshake. It contains no secrets. */
const TLS_HANDSHAKE = 22;

type State =
	/** Before the first byte of a head, or within one. */
	| 'head'
	/** A body of known length, until the connection ends, or the data of a chunk. */
	| 'body'
	| 'chunk-size'
	| 'chunk-end'
	| 'trailer'
	/** Not within a message: everything is blanked until a call begins with a start line. */
	| 'outside';

/** A head or a trailer that waits for its body. */
type Section = HeadSecrets & { readonly pieces: readonly Piece[] };

export class RedactedStream {
	readonly #conversation: Conversation;
	readonly #finder: SecretFinder;
	#state: State = 'head';
	/** The head, trailer or chunk size being read. */
	#lines: Piece[] = [];
	#linesBytes = 0;
	#isLineEmpty = true;
	#sections: Section[] = [];
	/** The body of the message. */
	#content: HeldContent;
	#head: ReadHead | undefined;
	/** Bytes left of the body or the chunk; Infinity until the connection ends. */
	#left = 0;
	#isChunked = false;
	/** At the beginning of a body that may not be there: the response to HEAD, or a request after Expect. */
	#mayHaveNoBody = false;
	/** Nothing was read before, or the connection has changed its protocol. */
	#isFresh = true;
	/** What reads the bytes instead, once they are not HTTP/1. */
	#inner: RedactedHttp2 | RedactedSocket | undefined;

	constructor(conversation: Conversation, isOutside: boolean) {
		this.#conversation = conversation;
		this.#content = this.#newContent();
		this.#finder = new SecretFinder((secret) => conversation.secrets.add(secret));
		if (isOutside) this.#state = 'outside';
	}

	/** Takes the next bytes. `isStart`: they are the first of a call. */
	take(piece: Piece, isCallStart: boolean): void {
		let rest = piece;
		let isStartOfCall = isCallStart;
		while (rest.bytes.length > 0) {
			const used = this.#step(rest, isStartOfCall);
			isStartOfCall = false;
			rest = after(rest, used);
		}
		if (this.#content.bytes > MOST_HELD) {
			this.#settle('soft');
			if (this.#content.bytes > MOST_HELD) this.#settle('hard');
		}
	}

	/** So many bytes are missing. */
	gap(bytes: number): void {
		if (this.#inner !== undefined) {
			this.#inner.gap(bytes);
			return;
		}
		this.#isFresh = false;
		if (this.#state === 'body' && bytes <= this.#left) {
			this.#left -= bytes;
			this.#mayHaveNoBody = false;
			this.#settle('final');
			this.#content.gap();
			if (this.#left === 0) this.#endOfData();
		} else this.lose();
	}

	/** What comes next belongs to no known message. */
	lose(): void {
		if (this.#inner !== undefined) {
			this.#inner.lose();
			return;
		}
		this.end();
		this.#leave();
	}

	/** The connection is something else from here on. */
	change(to: 'websocket' | 'other'): void {
		this.lose();
		this.#isFresh = true;
		const { lost } = this.#conversation;
		if (to === 'websocket') this.#inner = new RedactedSocket(this.#conversation, this.#finder, lost);
	}

	/** Decides everything that was taken. The stream may continue. */
	hurry(): void {
		this.#inner?.hurry();
		this.#settle('hard');
		const isFraming = this.#state === 'chunk-size' || this.#state === 'chunk-end';
		if (!isFraming || !/^\s*[0-9a-f]{0,13}\s*$/i.test(joined(this.#lines).toString('latin1'))) this.#cutLines();
		else {
			decide(this.#lines);
			this.#lines = this.#lines.map(({ bytes }) => ({ bytes, decided: () => undefined }));
		}
	}

	/** Nothing comes after this. */
	end(): void {
		this.#inner?.end();
		this.#settle('final');
		this.#cutLines();
	}

	/** Returns the number of bytes used. */
	#step(piece: Piece, isCallStart: boolean): number {
		if (this.#inner !== undefined) {
			this.#inner.take(piece);
			return piece.bytes.length;
		}
		if (this.#state === 'outside' || (this.#state === 'head' && this.#linesBytes === 0)) {
			const used = this.#between(piece, isCallStart);
			if (used > 0) return used;
		}
		if (this.#state === 'body') return this.#body(piece, isCallStart);
		return this.#line(piece);
	}

	/** Between two messages. Returns 0 if a head begins here. */
	#between(piece: Piece, isCallStart: boolean): number {
		const { bytes } = piece;
		if (this.#isFresh) {
			this.#isFresh = false;
			if (bytes[0] === TLS_HANDSHAKE && bytes[1] === 3) {
				this.#leave();
				piece.decided(bytes.length);
				return bytes.length;
			}
			const side = beginningOfHttp2(bytes);
			if (side !== undefined) {
				this.#leave();
				this.#inner = new RedactedHttp2(this.#conversation, this.#finder, side);
				this.#inner.take(piece);
				return bytes.length;
			}
		}
		if (this.#state === 'head') {
			if (maybeStart(bytes)) return 0;
			this.#leave();
		}
		if (isCallStart && isStart(bytes)) {
			this.#state = 'head';
			return 0;
		}
		this.#blank([piece], bytes.length);
		return bytes.length;
	}

	#leave(): void {
		this.#state = 'outside';
		this.#lines = [];
		this.#linesBytes = 0;
		this.#isLineEmpty = true;
		this.#content = this.#newContent();
		this.#head = undefined;
		this.#conversation.methods.length = 0;
	}

	/** A head, a trailer, or the framing of chunks: everything that consists of lines. */
	#line(piece: Piece): number {
		const { bytes } = piece;
		for (let at = 0; at < bytes.length; at++) {
			const byte = bytes[at];
			if (byte === CR) continue;
			if (byte !== LF) {
				this.#isLineEmpty = false;
				if (this.#state === 'chunk-end') {
					// The line end after the data is missing.
					this.#decideLines(before(piece, at));
					this.#state = 'chunk-size';
					this.#isLineEmpty = true;
					return at;
				}
				continue;
			}
			const isEmpty = this.#isLineEmpty;
			this.#isLineEmpty = true;
			const isFirst = this.#state === 'head' && this.#firstLineBytes === 0;
			if (this.#isDone(isEmpty)) {
				this.#endOfLines(before(piece, at + 1));
				return at + 1;
			}
			if (isFirst && !isEmpty && !this.#isStartLine(before(piece, at + 1))) return at + 1;
		}
		this.#lines.push(piece);
		this.#linesBytes += bytes.length;
		const most = this.#state === 'chunk-size' ? LONGEST_CHUNK_LINE : LONGEST_HEAD;
		if (this.#linesBytes > most) this.lose();
		return bytes.length;
	}

	/** Length of the start line, once it is complete. */
	#firstLineBytes = 0;

	#isDone(isEmpty: boolean): boolean {
		if (this.#state === 'head') return isEmpty && this.#firstLineBytes > 0;
		return this.#state === 'trailer' ? isEmpty : !isEmpty || this.#state === 'chunk-end';
	}

	/** Checks the first line of a head; if it is none, blanks it. */
	#isStartLine(piece: Piece): boolean {
		const bytes = this.#linesBytes + piece.bytes.length;
		if (isStart(joined([...this.#lines, piece]))) {
			this.#firstLineBytes = bytes;
			return true;
		}
		this.#blank([...this.#lines, piece], bytes);
		this.#leave();
		return false;
	}

	/** The lines end with this piece. */
	#endOfLines(piece: Piece): void {
		const pieces = [...this.#lines, piece];
		const bytes = joined(pieces);
		this.#lines = [];
		this.#linesBytes = 0;
		this.#firstLineBytes = 0;
		const text = bytes.toString('latin1');
		if (this.#state === 'head') this.#endOfHead(pieces, text);
		else if (this.#state === 'trailer') {
			this.#sections.push({ pieces, ...headSecrets(text, this.#finder, false) });
			this.#endOfMessage();
		} else {
			if (this.#state === 'chunk-size') this.#chunkSize(pieces, bytes, text);
			else {
				decide(pieces);
				this.#state = 'chunk-size';
			}
		}
	}

	/** Lines that are only framing. */
	#decideLines(piece: Piece): void {
		decide([...this.#lines, piece]);
		this.#lines = [];
		this.#linesBytes = 0;
	}

	#chunkSize(pieces: readonly Piece[], bytes: Buffer, line: string): void {
		const size = /^\s*([0-9a-f]{1,13})[ \t]*(?:;|\r?\n)/i.exec(line)?.[1];
		if (size === undefined) {
			this.#blank(pieces, bytes.length);
			this.lose();
			return;
		}
		const extensions = line.indexOf(';') + 1;
		if (extensions > 0) {
			const places = shifted(this.#finder.freeText(line.slice(extensions).trimEnd()), extensions);
			this.#overwrite(pieces, bytes, [...places, ...this.#conversation.secrets.placesIn(bytes)]);
		}
		decide(pieces);
		this.#left = Number.parseInt(size, 16);
		this.#state = this.#left === 0 ? 'trailer' : 'body';
	}

	#endOfHead(pieces: readonly Piece[], text: string): void {
		if (text === PREFACE_HEAD) {
			decide(pieces);
			this.#leave();
			this.#inner = new RedactedHttp2(this.#conversation, this.#finder, 'client', text.length);
			return;
		}
		const head = readHead(text, this.#finder);
		this.#sections.push({ pieces, places: head.places, framing: head.framing });
		const { methods, upgrade } = this.#conversation;
		this.#head = head;
		this.#content = this.#newContent();
		const isInterim = head.status !== undefined && head.status >= 100 && head.status < 200 && head.status !== 101;
		const method = head.status === undefined || isInterim ? undefined : methods.shift();
		if (head.method !== undefined && methods.length < MOST_METHODS) methods.push(head.method);
		const isTunnel = method === 'CONNECT' && head.status! >= 200 && head.status! < 300;
		if (head.status === 101 || isTunnel) {
			this.#endOfMessage();
			const isSocket = head.status === 101 && /^websocket$/i.test(fieldValue(head.fields, 'upgrade') ?? '');
			upgrade(isSocket ? 'websocket' : 'other');
			return;
		}
		if (isInterim || head.status === 204 || head.status === 304 || method === 'HEAD' || head.isSimple) {
			this.#endOfMessage();
			return;
		}
		if (head.isUncertain) {
			this.lose();
			return;
		}
		this.#isChunked = head.isChunked;
		this.#mayHaveNoBody = head.status === undefined ? fieldValue(head.fields, 'expect') !== null : method === undefined;
		if (head.isChunked) this.#state = 'chunk-size';
		else {
			this.#left = head.length ?? (head.status === undefined ? 0 : Number.POSITIVE_INFINITY);
			this.#state = 'body';
			if (this.#left === 0) this.#endOfMessage();
		}
	}

	#body(piece: Piece, isCallStart: boolean): number {
		if (this.#mayHaveNoBody && isCallStart && !this.#isChunked && isWholeStart(piece.bytes)) {
			this.#endOfMessage();
			return 0;
		}
		this.#mayHaveNoBody = false;
		const taken = before(piece, Math.min(piece.bytes.length, this.#left));
		this.#content.take(taken);
		this.#left -= taken.bytes.length;
		if (this.#left === 0) this.#endOfData();
		return taken.bytes.length;
	}

	#endOfData(): void {
		if (this.#isChunked) this.#state = 'chunk-end';
		else this.#endOfMessage();
	}

	#endOfMessage(): void {
		this.#settle('final');
		this.#state = 'head';
		this.#content = this.#newContent();
		this.#head = undefined;
	}

	/** Decides what is held of the message, as far as `extent` says. */
	#settle(extent: Extent): void {
		if (!this.#content.settle(extent)) return;
		// After the body, because its secrets may occur in the head.
		for (const { pieces, places, framing } of this.#sections) {
			const bytes = joined(pieces);
			const known = this.#conversation.secrets.placesIn(bytes);
			this.#overwrite(pieces, bytes, [...places, ...apartFrom(framing, known)]);
			decide(pieces);
		}
		this.#sections = [];
	}

	#newContent(): HeldContent {
		return new HeldContent(this.#conversation, (beginning) => this.#chooseScanner(beginning));
	}

	#chooseScanner(beginning: Uint8Array): BodyScanner {
		const { fields = [] } = this.#head ?? {};
		const codings = bodyCodings(fields);
		const { secrets, replacements } = this.#conversation;
		if (this.#head?.hasUnknownCoding === true) return new BlankBody();
		return bodyScanner(
			{ contentType: fieldValue(fields, 'content-type'), coding: namesCoding(codings) ? codings : null },
			beginning,
			this.#finder,
			(bytes) => secrets.placesIn(bytes),
			(bytes, text, places) => replacements.overwrite(bytes, text, places),
		);
	}

	/** Decides the beginning of a head or a line, whose end may never come. */
	#cutLines(): void {
		if (this.#linesBytes === 0) return;
		const pieces = this.#lines;
		const bytes = joined(pieces);
		if (this.#state === 'head' || this.#state === 'trailer') {
			const text = bytes.toString('latin1');
			// The last line is not complete: neither its name nor its value is certain.
			const whole = text.lastIndexOf('\n') + 1;
			const { places } = headSecrets(text.slice(0, whole), this.#finder, this.#state === 'head');
			this.#overwrite(pieces, bytes, [...places, ...this.#conversation.secrets.placesIn(bytes)]);
			if (whole < text.length) this.#overwrite(pieces, bytes, [{ start: whole, end: text.length, secret: null }]);
			decide(pieces);
		} else this.#blank(pieces, bytes.length);
		this.#firstLineBytes = 0;
		this.#leave();
	}

	#overwrite(pieces: readonly Piece[], bytes: Buffer, places: readonly Place[]): void {
		if (places.length === 0) return;
		this.#conversation.replacements.overwrite(bytes, bytes.toString('latin1'), places);
		spread(bytes, pieces);
	}

	#blank(pieces: readonly Piece[], bytes: number): void {
		this.#overwrite(pieces, joined(pieces), [{ start: 0, end: bytes, secret: null }]);
		decide(pieces);
	}
}

/** The places that do not touch the others. */
function apartFrom(others: readonly Place[], places: readonly Place[]): Place[] {
	return places.filter(({ start, end }) => !others.some((other) => start < other.end && other.start < end));
}

function fieldValue(fields: readonly Field[], name: string): string | null {
	return fields.find((field) => field.name.toLowerCase() === name)?.value ?? null;
}
