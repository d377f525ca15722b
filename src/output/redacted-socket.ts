// Overwrites the secrets in one direction of a WebSocket: in each message, once it is whole. Frames keep their lengths.
import { isUtf8 } from 'node:buffer';
import { BYTES_TO_CHOOSE, contentScanner } from './body-secrets.ts';
import { DeflatedMessages } from './deflated-messages.ts';
import { type Known, MOST_HELD } from './held-content.ts';
import { after, before, decide, type Piece } from './pieces.ts';
import type { SecretFinder } from './secret-finder.ts';

const CLOSE = 8;
const CLOSE_CODE_BYTES = 2;
const BLANK = 0x2a;

/** A part of a message: its bytes, and the first byte of the mask for them. */
type Part = { readonly piece: Piece; readonly mask: Uint8Array | undefined; readonly phase: number };

type Frame = {
	readonly opcode: number;
	readonly isLast: boolean;
	readonly isCompressed: boolean;
	readonly mask: Uint8Array | undefined;
	/** Bytes of its content that have come, and that are still to come. */
	taken: number;
	left: number;
};

export class RedactedSocket {
	readonly #known: Known;
	readonly #finder: SecretFinder;
	readonly #lost: () => void;
	readonly #deflated = new DeflatedMessages();
	/** The header of a frame that has not come as a whole. */
	#header = Buffer.alloc(0);
	#frame: Frame | undefined;
	/** The parts of the current message, and of a control frame in it. */
	#message: { readonly parts: Part[]; isCompressed: boolean; bytes: number } | undefined;
	#control: Part[] = [];
	/** The rest of the current message is blanked. */
	#isBlank = false;
	#isLost = false;

	/** `lost` is called when the rest of the direction has to be blanked. */
	constructor(known: Known, finder: SecretFinder, lost: () => void) {
		this.#known = known;
		this.#finder = finder;
		this.#lost = lost;
	}

	take(piece: Piece): void {
		for (let rest = piece; rest.bytes.length > 0; ) rest = after(rest, this.#step(rest));
	}

	/** Bytes are missing: nothing tells where the next frame begins. */
	gap(): void {
		this.lose();
	}

	lose(): void {
		this.end();
		if (!this.#isLost) this.#lost();
		this.#isLost = true;
	}

	/** Decides everything that was taken. The stream may continue. */
	hurry(): void {
		this.#giveUpMessage();
		this.#blank(this.#control.splice(0));
	}

	/** Nothing comes after this. */
	end(): void {
		this.#blank(this.#message?.parts.splice(0) ?? []);
		this.#blank(this.#control.splice(0));
		this.#message = undefined;
	}

	#step(piece: Piece): number {
		if (this.#isLost) {
			piece.bytes.fill(BLANK);
			decide([piece]);
			return piece.bytes.length;
		}
		if (this.#frame === undefined) return this.#readHeader(piece);
		const frame = this.#frame;
		const taken = before(piece, Math.min(piece.bytes.length, frame.left));
		const part = { piece: taken, mask: frame.mask, phase: frame.taken % 4 };
		frame.taken += taken.bytes.length;
		frame.left -= taken.bytes.length;
		if (frame.opcode >= CLOSE) this.#control.push(part);
		else if (this.#isBlank || this.#message === undefined) this.#blank([part]);
		else {
			this.#message.parts.push(part);
			this.#message.bytes += taken.bytes.length;
			if (this.#message.bytes > MOST_HELD) this.#giveUpMessage();
		}
		if (frame.left === 0) this.#endOfFrame(frame);
		return taken.bytes.length;
	}

	#readHeader(piece: Piece): number {
		const needed = headerBytes(this.#header);
		const used = Math.min(needed - this.#header.length, piece.bytes.length);
		const taken = before(piece, used);
		this.#header = Buffer.concat([this.#header, taken.bytes]);
		// There are no secrets in it.
		decide([taken]);
		const header = this.#header;
		if (header.length < needed || headerBytes(header) > header.length) return used;
		this.#header = Buffer.alloc(0);
		const isMasked = (header[1]! & 0x80) !== 0;
		const short = header[1]! & 0x7f;
		const left = short < 126 ? short : short === 126 ? header.readUInt16BE(2) : Number(header.readBigUInt64BE(2));
		const frame: Frame = {
			opcode: header[0]! & 15,
			isLast: (header[0]! & 0x80) !== 0,
			isCompressed: (header[0]! & 0x40) !== 0,
			mask: isMasked ? Uint8Array.from(header.subarray(-4)) : undefined,
			...{ taken: 0, left },
		};
		// Other bits and opcodes mean nothing that is known here.
		const isKnown = (header[0]! & 0x30) === 0 && [0, 1, 2, 8, 9, 10].includes(frame.opcode);
		if (!isKnown) {
			this.lose();
			return used;
		}
		if (frame.opcode === 1 || frame.opcode === 2) {
			this.#blank(this.#message?.parts.splice(0) ?? []);
			this.#message = { parts: [], isCompressed: frame.isCompressed, bytes: 0 };
			this.#isBlank = false;
		}
		this.#frame = frame;
		if (frame.left === 0) this.#endOfFrame(frame);
		return used;
	}

	#endOfFrame(frame: Frame): void {
		this.#frame = undefined;
		if (frame.opcode >= CLOSE) {
			this.#settle(this.#control.splice(0), frame.opcode === CLOSE ? CLOSE_CODE_BYTES : 0, false);
			return;
		}
		if (!frame.isLast || this.#message === undefined) return;
		const { parts, isCompressed } = this.#message;
		this.#message = undefined;
		if (this.#isBlank) {
			if (isCompressed) this.lose();
			return;
		}
		if (!this.#settle(parts, 0, isCompressed)) this.lose();
	}

	/** The current message is too long, or must not wait. */
	#giveUpMessage(): void {
		if (this.#message === undefined || this.#message.parts.length === 0) return;
		this.#blank(this.#message.parts.splice(0));
		this.#isBlank = true;
	}

	/** Overwrites the secrets in a message. False: it is blanked, and what comes next could refer to it. */
	#settle(parts: readonly Part[], from: number, isCompressed: boolean): boolean {
		const payload = unmasked(parts);
		const shown = isCompressed ? this.#deflated.overwrite(payload, (content) => this.#overwrite(content, 0)) : payload;
		if (shown === undefined) {
			this.#blank(parts);
			return false;
		}
		if (!isCompressed) this.#overwrite(payload, from);
		writeMasked(shown, parts);
		decide(parts.map(({ piece }) => piece));
		return true;
	}

	/** Overwrites the secrets in the bytes after the first `from`. Returns whether there are any. */
	#overwrite(bytes: Buffer, from: number): boolean {
		const content = bytes.subarray(from);
		const text = content.toString('latin1');
		const known = this.#known.secrets.placesIn(content);
		const found = isUtf8(content)
			? contentScanner(null, content.subarray(0, BYTES_TO_CHOOSE), this.#finder).scan(content, text, 'final').places
			: [];
		const places = [...found, ...known];
		if (places.length === 0) return false;
		this.#known.replacements.overwrite(content, text, places);
		return true;
	}

	#blank(parts: readonly Part[]): void {
		for (const { piece } of parts) piece.bytes.fill(BLANK);
		decide(parts.map(({ piece }) => piece));
	}
}

/** How many bytes the header has, as far as its first bytes tell. */
function headerBytes(header: Uint8Array): number {
	if (header.length < 2) return 2;
	const short = header[1]! & 0x7f;
	return 2 + (short === 126 ? 2 : short === 127 ? 8 : 0) + ((header[1]! & 0x80) === 0 ? 0 : 4);
}

function unmasked(parts: readonly Part[]): Buffer {
	const bytes = Buffer.concat(parts.map(({ piece }) => piece.bytes));
	applyMasks(bytes, parts);
	return bytes;
}

function writeMasked(payload: Uint8Array, parts: readonly Part[]): void {
	const bytes = Buffer.from(payload);
	applyMasks(bytes, parts);
	let at = 0;
	for (const { piece } of parts) {
		piece.bytes.set(bytes.subarray(at, at + piece.bytes.length));
		at += piece.bytes.length;
	}
}

function applyMasks(bytes: Uint8Array, parts: readonly Part[]): void {
	let at = 0;
	for (const { piece, mask, phase } of parts) {
		if (mask !== undefined) for (let i = 0; i < piece.bytes.length; i++) bytes[at + i]! ^= mask[(phase + i) & 3]!;
		at += piece.bytes.length;
	}
}
