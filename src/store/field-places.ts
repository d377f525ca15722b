// Where the field lines of an exchange lie in its segment's arena.
import { ABSENT, FIELD_PREFIX_BYTES, type Segment, TRAILER_BIT } from './segment.ts';

export type Message = 'request' | 'response';

/** The places of an exchange's field lines: those of the request, then those of the response, trailers last. */
export class FieldPlaces {
	count = 0;
	requestCount = 0;
	nameStart = new Int32Array(32);
	/** Where the value begins, too. */
	nameEnd = new Int32Array(32);
	valueEnd = new Int32Array(32);
	isTrailer = new Uint8Array(32);

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

	#append({ arenaView }: Segment, start: number, length: number): void {
		if (length === ABSENT) return;
		const end = start + length;
		for (let at = start; at < end; ) {
			if (this.count === this.nameStart.length) this.#lengthen();
			const index = this.count++;
			const nameLength = arenaView.getUint32(at, true);
			const nameStart = at + FIELD_PREFIX_BYTES;
			const nameEnd = nameStart + (nameLength & ~TRAILER_BIT);
			this.nameStart[index] = nameStart;
			this.nameEnd[index] = nameEnd;
			this.isTrailer[index] = nameLength >>> 31;
			at = nameEnd + arenaView.getUint32(at + 4, true);
			this.valueEnd[index] = at;
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
		const trailers = new Uint8Array(this.nameStart.length);
		trailers.set(this.isTrailer);
		this.isTrailer = trailers;
	}
}

/** Whether a message's head was seen. */
export function hasFields(segment: Segment, row: number, message: Message): boolean {
	return fieldListLength(segment, row, message) !== ABSENT;
}

/** Where the value of the first field line called `lowerName` (ASCII) lies; false when there is none. */
export function fieldValuePlace(
	segment: Segment,
	row: number,
	message: Message,
	lowerName: string,
	place: { start: number; end: number },
): boolean {
	const length = fieldListLength(segment, row, message);
	if (length === ABSENT) return false;
	const { arenaView, arena } = segment;
	let at = fieldListStart(segment, row, message);
	const end = at + length;
	while (at < end) {
		const nameStart = at + FIELD_PREFIX_BYTES;
		const nameLength = arenaView.getUint32(at, true) & ~TRAILER_BIT;
		const nameEnd = nameStart + nameLength;
		at = nameEnd + arenaView.getUint32(at + 4, true);
		if (nameLength !== lowerName.length || !isName(arena, nameStart, lowerName)) continue;
		place.start = nameEnd;
		place.end = at;
		return true;
	}
	return false;
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
	const start = segment.u32.arena_offset[row]! + segment.u32.req_headers_start[row]!;
	if (message === 'request') return start;
	const before = segment.u32.req_headers_length[row]!;
	return before === ABSENT ? start : start + before;
}
