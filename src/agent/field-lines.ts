// Field lines as texts in memory, and the columns that are made from them. A line is known by a number.
import { isQuiet } from '../output/redaction.ts';
import { isSensitiveName } from '../output/sensitive-names.ts';
import { parseTraceContext } from '../store/exchange-table.ts';
import { isGrpcType } from '../store/grpc.ts';
import { wireText } from '../store/wire-text.ts';
import type { Secrets } from './secret-index.ts';
import { SENT_COLUMNS } from './store-tables.ts';
import type { TextPieces } from './text-pieces.ts';

/** Two columns are made from the request's first field with this name. */
const TRACE_FIELD = 'traceparent';
const TYPE_FIELD = 'content-type';
const FORM_TYPE = /^\s*multipart\/form-data\b/i;

/** Columns by the fields from which they are made. */
const FIELD_COLUMNS: ReadonlyMap<string, string> = new Map(
	SENT_COLUMNS.flatMap(({ name, field }) => (field === undefined ? [] : [[field.name, name] as const])),
);
/** Names of these fields, in lower case. */
export const SLOTS: readonly string[] = [...new Set([...FIELD_COLUMNS.keys(), TRACE_FIELD, TYPE_FIELD])];
export const TRACE_SLOT = SLOTS.indexOf(TRACE_FIELD);
export const TYPE_SLOT = SLOTS.indexOf(TYPE_FIELD);

export type FieldName = {
	readonly text: string;
	readonly bytes: Buffer;
	readonly isSent: boolean;
	/** Its place in SLOTS; -1 if it is not there. */
	readonly slot: number;
	/** The name does not say that the value is secret. */
	readonly isOrdinary: boolean;
};

/** What is known of a line. */
export const [LINE_TRAILER, LINE_GRPC, LINE_FORM, LINE_SECRET] = [1, 2, 4, 8] as const;

/** The most names to remember. */
const MOST_NAMES = 1000;

const [SPACE, HYPHEN, COLON, EQUALS, BRACKET, BRACE] = [0x20, 0x2d, 0x3a, 0x3d, 0x5b, 0x7b];
const [LETTER_E, LETTER_I, LETTER_K, LETTER_Y] = [0x65, 0x69, 0x6b, 0x79];

export class FieldLines {
	/** How many there are; their numbers are from 1 to below this. */
	count = 1;
	/** The text of the value. */
	value = new Int32Array(1024);
	/** LINE_TRAILER and the others. */
	flags = new Uint8Array(1024);
	/** The columns that are made from this line: one, or those of a trace. */
	column = new Int32Array(1024);
	second = new Int32Array(1024);
	readonly names: FieldName[] = [];
	readonly #pieces: TextPieces;
	readonly #wanted: ReadonlySet<string> | undefined;
	/** By the hash of their bytes. */
	readonly #known = new Map<number, FieldName[]>();
	#nameCount = 0;

	/** `wanted`: names, in lower case, of the fields that are sent; undefined: all. */
	constructor(pieces: TextPieces, wanted: ReadonlySet<string> | undefined) {
		this.#pieces = pieces;
		this.#wanted = wanted;
	}

	/** Forgets all lines. */
	forget(): void {
		this.count = 1;
	}

	/** What redaction has found in a line. */
	secretsOf(line: number): readonly [Secrets] | undefined {
		return (this.flags[line]! & LINE_SECRET) === 0 ? undefined : this.#pieces.secretsOf(this.value[line]!);
	}

	/** A line of which name and value are in `bytes`. */
	add(bytes: Buffer, nameStart: number, nameEnd: number, valueEnd: number, isTrailer: boolean): number {
		if (this.count === this.value.length) this.#lengthen();
		const line = this.count++;
		const name = this.#name(bytes, nameStart, nameEnd);
		const pieces = this.#pieces;
		this.names[line] = name;
		let flags = isTrailer ? LINE_TRAILER : 0;
		const isPlain = name.isOrdinary && isQuietAscii(bytes, nameEnd, valueEnd);
		if (isPlain) {
			const { memory } = pieces;
			const at = memory.end;
			memory.number(valueEnd - nameEnd);
			memory.copy(bytes, nameEnd, valueEnd);
			this.value[line] = pieces.written(at);
			if (name.slot >= 0) flags |= this.#columns(line, name.slot, undefined, bytes, nameEnd, valueEnd);
		} else {
			const text = wireText(bytes, nameEnd, valueEnd);
			const isSame = name.isOrdinary && isQuiet(text);
			const redacted = isSame ? undefined : pieces.field(name.text, text);
			this.value[line] = pieces.piece(redacted?.text ?? text, redacted?.secrets);
			if (redacted?.secrets !== undefined) flags |= LINE_SECRET;
			if (name.slot >= 0) flags |= this.#columns(line, name.slot, isSame ? undefined : text, bytes, nameEnd, valueEnd);
		}
		this.flags[line] = flags;
		return line;
	}

	/** Makes the columns of a line, and returns flags. `other`: the value, if the column is not the same text. */
	#columns(line: number, slot: number, other: string | undefined, bytes: Buffer, start: number, end: number): number {
		const pieces = this.#pieces;
		const name = SLOTS[slot]!;
		if (slot === TRACE_SLOT) {
			if (isTrace(bytes, start, end)) {
				this.column[line] = this.#part(bytes, start + TRACE_ID, TRACE_ID_LENGTH);
				this.second[line] = this.#part(bytes, start + SPAN_ID, SPAN_ID_LENGTH);
				return 0;
			}
			const { traceId, spanId } = parseTraceContext(wireText(bytes, start, end)) ?? { traceId: null, spanId: null };
			this.column[line] = pieces.column('trace_id', traceId);
			this.second[line] = pieces.column('span_id', spanId);
			return 0;
		}
		const column = FIELD_COLUMNS.get(name);
		if (column !== undefined)
			this.column[line] = other === undefined ? this.value[line]! : pieces.column(column, other);
		if (slot !== TYPE_SLOT) return 0;
		const text = wireText(bytes, start, end);
		return (isGrpcType(text) ? LINE_GRPC : 0) | (FORM_TYPE.test(text) ? LINE_FORM : 0);
	}

	/** A part of a value in which nothing is redacted. */
	#part(bytes: Buffer, start: number, length: number): number {
		const { memory } = this.#pieces;
		const at = memory.end;
		memory.number(length);
		memory.copy(bytes, start, start + length);
		return this.#pieces.written(at);
	}

	#name(bytes: Buffer, start: number, end: number): FieldName {
		let hash = end - start;
		for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + bytes[at]!) | 0;
		const known = this.#known.get(hash);
		if (known !== undefined) for (const name of known) if (isSameName(name.bytes, bytes, start, end)) return name;
		if (this.#nameCount++ >= MOST_NAMES) {
			this.#known.clear();
			this.#nameCount = 1;
		}
		const name = this.#newName(
			wireText(bytes, start, end),
			Buffer.from(Uint8Array.prototype.slice.call(bytes, start, end)),
		);
		this.#known.set(hash, [...(this.#known.get(hash) ?? []), name]);
		return name;
	}

	#newName(text: string, bytes: Buffer): FieldName {
		const lower = text.toLowerCase();
		return {
			text,
			bytes,
			isSent: this.#wanted === undefined || this.#wanted.has(lower),
			// As fieldValuePlace() compares names: only ASCII letters have two cases.
			slot: bytes.every((byte) => byte < 0x80) ? SLOTS.indexOf(lower) : -1,
			isOrdinary: !isSensitiveName(text) && !/authorization$|cookie2?$/.test(lower),
		};
	}

	#lengthen(): void {
		const length = this.value.length * 2;
		const longer = (from: Int32Array) => {
			const to = new Int32Array(length);
			to.set(from);
			return to;
		};
		this.value = longer(this.value);
		this.column = longer(this.column);
		this.second = longer(this.second);
		const flags = new Uint8Array(length);
		flags.set(this.flags);
		this.flags = flags;
	}
}

/** Where the ids are in a traceparent as nearly all are: `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`. */
const [TRACE_ID, TRACE_ID_LENGTH, SPAN_ID, SPAN_ID_LENGTH, TRACE_LENGTH] = [3, 32, 36, 16, 55];
const ZERO = 0x30;

/** Whether parseTraceContext() finds both ids in such a value. False also if only parseTraceContext() can tell. */
function isTrace(bytes: Buffer, start: number, end: number): boolean {
	if (end - start !== TRACE_LENGTH) return false;
	let [isTraceZero, isSpanZero] = [true, true];
	for (let place = 0; place < TRACE_LENGTH; place++) {
		const byte = bytes[start + place]!;
		if (place === TRACE_ID - 1 || place === SPAN_ID - 1 || place === SPAN_ID + SPAN_ID_LENGTH) {
			if (byte !== HYPHEN) return false;
			continue;
		}
		const isHex = (byte >= ZERO && byte <= 0x39) || (byte >= 0x61 && byte <= 0x66);
		if (!isHex) return false;
		if (byte === ZERO) continue;
		if (place >= SPAN_ID) isSpanZero &&= place >= SPAN_ID + SPAN_ID_LENGTH;
		else if (place >= TRACE_ID) isTraceZero = false;
	}
	return !isTraceZero && !isSpanZero;
}

function isSameName(name: Buffer, bytes: Buffer, start: number, end: number): boolean {
	if (name.byteLength !== end - start) return false;
	for (let at = start; at < end; at++) if (name[at - start] !== bytes[at]) return false;
	return true;
}

/** Whether bytes are ASCII in which redaction finds nothing (isQuiet). False also if only isQuiet() can tell. */
function isQuietAscii(bytes: Buffer, start: number, end: number): boolean {
	let before = 0;
	let isStart = true;
	for (let at = start; at < end; at++) {
		const byte = bytes[at]!;
		if (byte >= 0x80 || byte === COLON || byte === EQUALS) return false;
		const isSpace = byte === SPACE || (byte >= 9 && byte <= 13);
		if (isStart && !isSpace) {
			if (byte === BRACKET || byte === BRACE) return false;
			isStart = false;
		}
		if (byte === HYPHEN && (before === SPACE || (before >= 9 && before <= 13))) return false;
		// It may be `eyJ` or `like`.
		const letter = byte | 0x20;
		if (letter === LETTER_Y && (before | 0x20) === LETTER_E) return false;
		if (letter === LETTER_K && (before | 0x20) === LETTER_I) return false;
		before = byte;
	}
	return true;
}
