// Finds the field lines of an exchange in its segment's arena. A message's list consists of numbers (seven bits per
// byte, lowest first; the highest bit means that more follow). An odd number is 1 + 2 × the code of a line that the
// segment keeps once. An even number is twice the length of a name; then follow twice the length of the value (plus 1
// for a trailer) and the bytes of both.
import { ABSENT, type Segment } from './segment.ts';

export type Message = 'request' | 'response';

/** The locations of an exchange's field lines: first the request's, then the response's; trailers come last in each. */
export class FieldPlaces {
	count = 0;
	requestCount = 0;
	nameStart = new Int32Array(32);
	/** The value begins here. */
	nameEnd = new Int32Array(32);
	valueEnd = new Int32Array(32);
	isTrailer = new Uint8Array(32);
	/** The codes of lines that the segment keeps once; 0 for others. */
	code = new Int32Array(32);

	/** Finds the lines of a row. */
	find(segment: Segment, row: number): void {
		this.count = 0;
		this.#append(segment, fieldListStart(segment, row, 'request'), fieldListLength(segment, row, 'request'));
		this.requestCount = this.count;
		this.#append(segment, fieldListStart(segment, row, 'response'), fieldListLength(segment, row, 'response'));
	}

	/** Finds the lines of one of its messages. */
	findIn(segment: Segment, row: number, message: Message): void {
		this.count = 0;
		this.#append(segment, fieldListStart(segment, row, message), fieldListLength(segment, row, message));
		this.requestCount = message === 'request' ? this.count : 0;
	}

	#append({ arena, lineOffset, lineNameLength, lineLength }: Segment, start: number, length: number): void {
		if (length === ABSENT) return;
		const end = start + length;
		position = start;
		while (position < end) {
			if (this.count === this.nameStart.length) this.#lengthen();
			const index = this.count++;
			const head = readNumber(arena);
			if ((head & 1) === 1) {
				const code = head >>> 1;
				const offset = lineOffset[code - 1]!;
				this.code[index] = code;
				this.nameStart[index] = offset;
				this.nameEnd[index] = offset + lineNameLength[code - 1]!;
				this.valueEnd[index] = offset + lineLength[code - 1]!;
				this.isTrailer[index] = 0;
				continue;
			}
			const value = readNumber(arena);
			this.code[index] = 0;
			this.nameStart[index] = position;
			position += head >>> 1;
			this.nameEnd[index] = position;
			position += value >>> 1;
			this.valueEnd[index] = position;
			this.isTrailer[index] = value & 1;
		}
	}

	#lengthen(): void {
		const longer = (from: Int32Array) => {
			const to = new Int32Array(from.length * 2);
			to.set(from);
			return to;
		};
		this.nameStart = longer(this.nameStart);
		this.nameEnd = longer(this.nameEnd);
		this.valueEnd = longer(this.valueEnd);
		this.code = longer(this.code);
		const trailers = new Uint8Array(this.nameStart.length);
		trailers.set(this.isTrailer);
		this.isTrailer = trailers;
	}
}

/** Where readNumber() stopped. */
let position = 0;

function readNumber(arena: Uint8Array): number {
	let value = 0;
	for (let shift = 0; ; shift += 7) {
		const byte = arena[position++]!;
		value |= (byte & 0x7f) << shift;
		if (byte < 0x80) return value >>> 0;
	}
}

/** Whether a message's head was seen. */
export function hasFields(segment: Segment, row: number, message: Message): boolean {
	return fieldListLength(segment, row, message) !== ABSENT;
}

/** `code`: the line's code if the segment keeps it once, else 0. */
export type FieldPlace = { start: number; end: number; code: number };

/** Finds the value of the first field line named `lowerName` (ASCII). False if there is none. */
export function fieldValuePlace(
	segment: Segment,
	row: number,
	message: Message,
	lowerName: string,
	place: FieldPlace,
): boolean {
	const length = fieldListLength(segment, row, message);
	if (length === ABSENT) return false;
	const { arena, lineOffset, lineNameLength, lineLength } = segment;
	position = fieldListStart(segment, row, message);
	const end = position + length;
	while (position < end) {
		const head = readNumber(arena);
		if ((head & 1) === 1) {
			const entry = (head >>> 1) - 1;
			if (lineNameLength[entry] !== lowerName.length || !isName(arena, lineOffset[entry]!, lowerName)) continue;
			place.start = lineOffset[entry]! + lowerName.length;
			place.end = lineOffset[entry]! + lineLength[entry]!;
			place.code = entry + 1;
			return true;
		}
		const valueLength = readNumber(arena) >>> 1;
		const nameStart = position;
		const nameLength = head >>> 1;
		position += nameLength + valueLength;
		if (nameLength !== lowerName.length || !isName(arena, nameStart, lowerName)) continue;
		place.start = nameStart + nameLength;
		place.end = position;
		place.code = 0;
		return true;
	}
	return false;
}

const all = new FieldPlaces();

/**
 * The same, but returns 1 if there is exactly one line with this name, 0 if there is none, and 2 if there are several
 * or some name is not ASCII, because its lower-case form could be ASCII.
 */
export function onlyFieldPlace(
	segment: Segment,
	row: number,
	message: Message,
	lowerName: string,
	place: FieldPlace,
): 0 | 1 | 2 {
	all.findIn(segment, row, message);
	let found = false;
	for (let line = 0; line < all.count; line++) {
		const start = all.nameStart[line]!;
		const end = all.nameEnd[line]!;
		for (let at = start; at < end; at++) if (segment.arena[at]! >= 0x80) return 2;
		if (end - start !== lowerName.length || !isName(segment.arena, start, lowerName)) continue;
		if (found) return 2;
		found = true;
		place.start = end;
		place.end = all.valueEnd[line]!;
		place.code = all.code[line]!;
	}
	return found ? 1 : 0;
}

function isName(bytes: Uint8Array, start: number, lowerName: string): boolean {
	for (let i = 0; i < lowerName.length; i++) {
		let byte = bytes[start + i]!;
		if (byte >= 65 && byte <= 90) byte += 32;
		if (byte !== lowerName.charCodeAt(i)) return false;
	}
	return true;
}

function fieldListLength(segment: Segment, row: number, message: Message): number {
	return (message === 'request' ? segment.u32.req_headers_length : segment.u32.res_headers_length)[row]!;
}

function fieldListStart(segment: Segment, row: number, message: Message): number {
	const start = segment.u32.arena_offset[row]!;
	if (message === 'request') return start;
	const before = segment.u32.req_headers_length[row]!;
	return before === ABSENT ? start : start + before;
}
