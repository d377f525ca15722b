// Column readers that create no values: they return numbers, codes of texts and locations of texts, for one row or
// many. Loops over many rows use only typed arrays.
import { dictionaryEntry } from './exchange-row.ts';
import { fieldValuePlace, type Message } from './field-places.ts';
import type { RowLocator } from './row-locator.ts';
import type { Segment, TextMember, U32Member } from './segment.ts';
import type { ColumnReader, TextSpans } from './table.ts';
import { TextCodes } from './text-codes.ts';

/** An array of a segment with a column's numbers. NULL is NaN, or 0 if that cannot be a value. */
export type NumberArray = {
	readonly of: (segment: Segment) => Float64Array | Uint32Array | Uint16Array;
	readonly zeroIsNull: boolean;
};

/** An array of codes that mean the same in every segment. */
export type WordArray = {
	readonly of: (segment: Segment) => Uint8Array | Uint16Array;
	readonly isNull: (code: number) => boolean;
};

export function arrayReader(
	{ of, zeroIsNull }: NumberArray,
	rows: RowLocator,
): Required<Pick<ColumnReader, 'value' | 'number' | 'numbers'>> {
	let data: Float64Array | Uint32Array | Uint16Array = new Float64Array(0);
	let start = 0;
	let end = 0;
	let shift = 0;
	const seek = (row: number) => {
		rows.seek(row);
		({ start, end, shift } = rows);
		data = of(rows.segment);
	};
	const plain = (row: number) => {
		if (row < start || row >= end) seek(row);
		return data[row + shift]!;
	};
	return {
		value: (row) => {
			const number = plain(row);
			return Number.isNaN(number) || (zeroIsNull && number === 0) ? null : number;
		},
		number: zeroIsNull ? (row) => plain(row) || Number.NaN : plain,
		numbers: (list, count, into) => {
			if (count === 0) return;
			const first = list[0]!;
			if (first < start || first >= end) seek(first);
			if (data instanceof Float64Array) {
				if (list[count - 1]! - first === count - 1) into.set(data.subarray(first + shift, first + shift + count));
				else gatherDoubles(data, shift, list, count, into);
			} else if (data instanceof Uint16Array) gatherShorts(data, shift, list, count, into);
			else gatherWords(data, shift, list, count, into);
			if (zeroIsNull) zerosToNull(into, count);
		},
	};
}

// One loop for each kind of array, because a loop over several kinds is slow for all of them.

function gatherDoubles(data: Float64Array, shift: number, list: Int32Array, count: number, into: Float64Array): void {
	for (let i = 0; i < count; i++) into[i] = data[list[i]! + shift]!;
}

function gatherWords(data: Uint32Array, shift: number, list: Int32Array, count: number, into: Float64Array): void {
	for (let i = 0; i < count; i++) into[i] = data[list[i]! + shift]!;
}

function gatherShorts(data: Uint16Array, shift: number, list: Int32Array, count: number, into: Float64Array): void {
	for (let i = 0; i < count; i++) into[i] = data[list[i]! + shift]!;
}

function zerosToNull(values: Float64Array, count: number): void {
	for (let i = 0; i < count; i++) values[i] = values[i]! === 0 ? Number.NaN : values[i]!;
}

export function wordReader(
	{ of, isNull }: WordArray,
	rows: RowLocator,
): Required<Pick<ColumnReader, 'code' | 'codes'>> {
	const code = (row: number) => {
		const inner = rows.seek(row);
		const word = of(rows.segment)[inner]!;
		return isNull(word) ? -1 : word;
	};
	return {
		code,
		codes: (list, count, into) => {
			if (count === 0) return;
			rows.seek(list[0]!);
			const { shift } = rows;
			const data = of(rows.segment);
			if (data instanceof Uint8Array) for (let i = 0; i < count; i++) into[i] = data[list[i]! + shift]!;
			else for (let i = 0; i < count; i++) into[i] = data[list[i]! + shift]!;
			for (let i = 0; i < count; i++) if (isNull(into[i]!)) into[i] = -1;
		},
	};
}

/** Codes of the dictionary's texts, or of the results of `derive` for them (null for NULL). */
export function dictionaryReader(
	member: TextMember,
	rows: RowLocator,
	derive?: (text: string) => string | null,
): Required<Pick<ColumnReader, 'code' | 'codes'>> {
	const shared = new Map<string, number>();
	const bySegment = new Map<Segment, Int32Array>();
	let data: Uint16Array = new Uint16Array(0);
	/** The column's code for each code of the segment; -2 if not determined yet. */
	let codes: Int32Array = new Int32Array(0);
	let segment: Segment;
	let start = 0;
	let end = 0;
	let shift = 0;
	const seek = (row: number) => {
		rows.seek(row);
		({ start, end, shift, segment } = rows);
		data = segment.text[member];
		let known = bySegment.get(segment);
		if (known === undefined) {
			known = new Int32Array(segment.dictionaryOffset.length + 1).fill(-2);
			known[0] = -1;
			bySegment.set(segment, known);
		}
		codes = known;
	};
	const learn = (own: number): number => {
		const entry = dictionaryEntry(segment, own)!;
		const text = derive === undefined ? entry : derive(entry);
		let code = text === null ? -1 : shared.get(text);
		if (code === undefined) {
			code = shared.size;
			shared.set(text!, code);
		}
		codes[own] = code;
		return code;
	};
	return {
		code: (row) => {
			if (row < start || row >= end) seek(row);
			const own = data[row + shift]!;
			const known = codes[own]!;
			return known === -2 ? learn(own) : known;
		},
		codes: (list, count, into) => {
			if (count === 0) return;
			const first = list[0]!;
			if (first < start || first >= end) seek(first);
			const own = data;
			const table = codes;
			for (let i = 0; i < count; i++) {
				const known = table[own[list[i]! + shift]!]!;
				into[i] = known === -2 ? learn(own[list[i]! + shift]!) : known;
			}
		},
	};
}

/** Numbers derived from the dictionary's texts; null for NULL. */
export function derivedNumberReader(
	member: TextMember,
	rows: RowLocator,
	derive: (text: string) => number | null,
): Required<Pick<ColumnReader, 'number' | 'numbers'>> {
	/** By code of the segment; undefined if not determined yet. */
	const bySegment = new Map<Segment, (number | undefined)[]>();
	const number = (row: number) => {
		const inner = rows.seek(row);
		const { segment } = rows;
		const code = segment.text[member][inner]!;
		if (code === 0) return Number.NaN;
		let known = bySegment.get(segment);
		if (known === undefined) {
			known = [];
			bySegment.set(segment, known);
		}
		known[code] ??= derive(dictionaryEntry(segment, code)!) ?? Number.NaN;
		return known[code];
	};
	return {
		number,
		numbers: (list, count, into) => {
			for (let i = 0; i < count; i++) into[i] = number(list[i]!);
		},
	};
}

/** Parts of the targets, located by these members. */
export function rangeSpans(
	{ start: startMember, length: lengthMember }: { readonly start: U32Member; readonly length: U32Member },
	rows: RowLocator,
): TextSpans {
	// Read as signed numbers, because no offset or length in a segment is that large, and ABSENT becomes negative.
	let bases: Int32Array = new Int32Array(0);
	let offsets: Int32Array = bases;
	let lengths: Int32Array = bases;
	let start = 0;
	let end = 0;
	let shift = 0;
	const seek = (row: number) => {
		rows.seek(row);
		({ start, end, shift } = rows);
		const { u32, arena } = rows.segment;
		bases = signed(u32.target_offset);
		offsets = signed(u32[startMember]);
		lengths = signed(u32[lengthMember]);
		spans.bytes = arena;
	};
	const spans: TextSpans = {
		bytes: new Uint8Array(0),
		start: 0,
		end: 0,
		locate: (row) => {
			if (row < start || row >= end) seek(row);
			const at = row + shift;
			const length = lengths[at]!;
			if (length < 0) return false;
			spans.start = (bases[at]! + offsets[at]!) | 0;
			spans.end = spans.start + length;
			return true;
		},
		locateAll: (list, count, starts, ends) => {
			if (count === 0) return spans.bytes;
			const first = list[0]!;
			if (first < start || first >= end) seek(first);
			for (let i = 0; i < count; i++) {
				const at = list[i]! + shift;
				const length = lengths[at]!;
				const from = (bases[at]! + offsets[at]!) | 0;
				starts[i] = length < 0 ? -1 : from;
				ends[i] = (from + length) | 0;
			}
			return spans.bytes;
		},
	};
	return spans;
}

function signed(words: Uint32Array): Int32Array {
	return new Int32Array(words.buffer, words.byteOffset, words.length);
}

/** The value of a message's first field of a name: its place, and codes, because such values usually repeat. */
export function fieldReader(
	{ message, name }: { readonly message: Message; readonly name: string },
	rows: RowLocator,
): Required<Pick<ColumnReader, 'code' | 'codes'>> {
	const texts = new TextCodes();
	const place = { start: 0, end: 0, code: 0 };
	/** By segment and the code of its line: the text's code + 1. */
	const bySegment = new Map<Segment, Int32Array>();
	let current: Segment | undefined;
	let known: Int32Array = new Int32Array(0);
	const code = (row: number) => {
		const inner = rows.seek(row);
		const { segment } = rows;
		if (!fieldValuePlace(segment, inner, message, name, place)) return -1;
		const line = place.code;
		if (line === 0) return texts.of(segment.arena, place.start, place.end);
		if (segment !== current) {
			known = bySegment.get(segment) ?? new Int32Array(segment.lineOffset.length + 1);
			bySegment.set(segment, known);
			current = segment;
		}
		if (known[line] === 0) known[line] = texts.of(segment.arena, place.start, place.end) + 1;
		return known[line]! - 1;
	};
	return {
		code,
		codes: (list, count, into) => {
			for (let i = 0; i < count; i++) into[i] = code(list[i]!);
		},
	};
}
