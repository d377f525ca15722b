// Overwrites the secrets in one direction of a connection: finds the messages of HTTP/1, and in them the secrets. What
// belongs to no message that it understands is blanked.
import { bodyCodings, namesCoding } from '../decode/content-coding.ts';
import { BlankBody, type BodyScanner, BYTES_TO_CHOOSE, bodyScanner, type Extent } from './body-secrets.ts';
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
import type { Replacements, SoughtSecrets } from './overwriting.ts';
import { type Place, SecretFinder, shifted } from './secret-finder.ts';

/** Bytes that a call moved, in memory that may be overwritten. */
export type Piece = {
	readonly bytes: Uint8Array;
	/** Called when so many more of the bytes, from the first one on, are as they will be recorded. */
	readonly decided: (bytes: number) => void;
};

/** What both directions of a connection know. */
export type Conversation = {
	readonly secrets: SoughtSecrets;
	readonly replacements: Replacements;
	/** Methods of requests without a final response. */
	readonly methods: string[];
	/** The connection is no longer HTTP, or another one inside it begins. */
	readonly upgrade: () => void;
	/** HTTP/2 begins, of which nothing is left. */
	readonly meetHttp2: () => void;
};

/** Longest head, and longest line of chunk framing. */
const LONGEST_HEAD = 256 << 10;
const LONGEST_CHUNK_LINE = 16 << 10;
/** More of a body is not held. */
const MOST_HELD = 1 << 20;
const MOST_METHODS = 1000;

const LF = 10;
const CR = 13;
/** First bytes of a TLS handshake. It contains no secrets. */
const TLS_HANDSHAKE = 22;
const HTTP2_PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

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
	/** Bytes of the body that are not decided. */
	#content: Piece[] = [];
	#contentBytes = 0;
	#scanner: BodyScanner | undefined;
	#head: ReadHead | undefined;
	/** Bytes left of the body or the chunk; Infinity until the connection ends. */
	#left = 0;
	#isChunked = false;
	/** At the beginning of a body that may not be there: the response to HEAD, or a request after Expect. */
	#mayHaveNoBody = false;
	/** Bytes of the body are missing before the first one that was taken. */
	#isAfterGap = false;
	/** Nothing was read before, or the connection has changed its protocol. */
	#isFresh = true;

	constructor(conversation: Conversation, isOutside: boolean) {
		this.#conversation = conversation;
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
		if (this.#contentBytes > MOST_HELD) {
			this.#settle('soft');
			if (this.#contentBytes > MOST_HELD) this.#settle('hard');
		}
	}

	/** So many bytes are missing. */
	gap(bytes: number): void {
		this.#isFresh = false;
		if (this.#state === 'body' && bytes <= this.#left) {
			this.#left -= bytes;
			this.#mayHaveNoBody = false;
			this.#settle('final');
			this.#scanner = this.#scanner?.afterGap();
			this.#isAfterGap = true;
			if (this.#left === 0) this.#endOfData();
		} else this.lose();
	}

	/** What comes next belongs to no known message. */
	lose(): void {
		this.end();
		this.#leave();
	}

	/** The connection is something else from here on. */
	change(): void {
		this.lose();
		this.#isFresh = true;
	}

	/** Decides everything that was taken. The stream may continue. */
	hurry(): void {
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
		this.#settle('final');
		this.#cutLines();
	}

	/** Returns the number of bytes used. */
	#step(piece: Piece, isCallStart: boolean): number {
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
			const text = Buffer.from(bytes.subarray(0, HTTP2_PREFACE.length)).toString('latin1');
			const isTls = bytes[0] === TLS_HANDSHAKE && bytes[1] === 3;
			if (isTls || text === HTTP2_PREFACE) {
				this.#leave();
				if (!isTls) this.#conversation.meetHttp2();
				const kept = isTls ? bytes.length : text.length;
				piece.decided(kept);
				return kept;
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
		this.#scanner = undefined;
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
		const head = readHead(text, this.#finder);
		this.#sections.push({ pieces, places: head.places, framing: head.framing });
		const { methods, upgrade } = this.#conversation;
		this.#head = head;
		this.#scanner = undefined;
		this.#isAfterGap = false;
		const isInterim = head.status !== undefined && head.status >= 100 && head.status < 200 && head.status !== 101;
		const method = head.status === undefined || isInterim ? undefined : methods.shift();
		if (head.method !== undefined && methods.length < MOST_METHODS) methods.push(head.method);
		const isTunnel = method === 'CONNECT' && head.status! >= 200 && head.status! < 300;
		if (head.status === 101 || isTunnel) {
			this.#endOfMessage();
			upgrade();
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
		this.#content.push(taken);
		this.#contentBytes += taken.bytes.length;
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
		this.#scanner = undefined;
		this.#head = undefined;
	}

	/** Decides what is held of the message, as far as `extent` says. */
	#settle(extent: Extent): void {
		const content = joined(this.#content);
		const known = (bytes: Uint8Array): Place[] => this.#conversation.secrets.placesIn(bytes);
		let decided = 0;
		if (content.length > 0) {
			if (extent === 'soft' && this.#scanner === undefined && content.length < BYTES_TO_CHOOSE) return;
			if (this.#scanner === undefined) {
				const scanner = this.#chooseScanner(content.subarray(0, BYTES_TO_CHOOSE));
				this.#scanner = this.#isAfterGap ? scanner.afterGap() : scanner;
			}
			const text = content.toString('latin1');
			const scanned = this.#scanner.scan(content, text, extent);
			decided = scanned.decided;
			if (scanned.bytes === undefined)
				this.#overwrite(this.#content, content, [...scanned.places, ...known(content.subarray(0, decided))]);
			else spread(scanned.bytes, this.#content);
		}
		// After the body, because its secrets may occur in the head.
		for (const { pieces, places, framing } of this.#sections) {
			const bytes = joined(pieces);
			this.#overwrite(pieces, bytes, [...places, ...apartFrom(framing, known(bytes))]);
			decide(pieces);
		}
		this.#sections = [];
		this.#content = decideFirst(this.#content, decided);
		this.#contentBytes -= decided;
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

/** Their bytes; of a single piece, the bytes themselves. */
function joined(pieces: readonly Piece[]): Buffer {
	const [first] = pieces;
	if (pieces.length !== 1 || first === undefined) return Buffer.concat(pieces.map(({ bytes }) => bytes));
	const { buffer, byteOffset, byteLength } = first.bytes;
	return Buffer.from(buffer, byteOffset, byteLength);
}

/** Writes bytes back to where they came from. */
function spread(bytes: Uint8Array, pieces: readonly Piece[]): void {
	let at = 0;
	for (const piece of pieces) {
		const part = bytes.subarray(at, at + piece.bytes.length);
		if (part.buffer !== piece.bytes.buffer || part.byteOffset !== piece.bytes.byteOffset) piece.bytes.set(part);
		at += piece.bytes.length;
	}
}

function decide(pieces: readonly Piece[]): void {
	for (const { bytes, decided } of pieces) decided(bytes.length);
}

/** Decides the first bytes; returns the others. */
function decideFirst(pieces: readonly Piece[], bytes: number): Piece[] {
	let left = bytes;
	return pieces.flatMap((piece) => {
		const used = Math.min(left, piece.bytes.length);
		left -= used;
		if (used > 0) piece.decided(used);
		return used === piece.bytes.length ? [] : [after(piece, used)];
	});
}

function before({ bytes, decided }: Piece, at: number): Piece {
	return { bytes: bytes.subarray(0, at), decided };
}

function after({ bytes, decided }: Piece, at: number): Piece {
	return { bytes: bytes.subarray(at), decided };
}
