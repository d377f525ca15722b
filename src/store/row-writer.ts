// Writes rows into one segment: splits the decoder's ENTRY_EXCHANGE into columns and arena.
import * as layout from '../../decoder-as/assembly/wire/output-layout.ts';
import { copyRange, type Memory, type WritableMemory } from './byte-ranges.ts';
import {
	ABSENT,
	createSegment,
	EXTRA_ENTRY_BYTES,
	EXTRA_PARENT_ID,
	EXTRA_REQ_UNHELD,
	EXTRA_RES_UNHELD,
	EXTRA_SEND_MS,
	EXTRA_STREAM_ID,
	EXTRAS_MAX,
	type Segment,
	type TextMember,
	usedBytes,
} from './segment.ts';
import { SegmentDictionary } from './segment-dictionary.ts';

/** The decoder's memory, or a copy of part of it, with entries as defined in output-layout.ts. */
export type EntryBytes = Memory & { readonly u32: Uint32Array; readonly f64: Float64Array };

/** Views for reading entries from `buffer`. New ones are needed when the memory has grown. */
export function entryBytes(buffer: ArrayBufferLike): EntryBytes {
	return {
		bytes: new Uint8Array(buffer),
		view: new DataView(buffer),
		u32: new Uint32Array(buffer, 0, buffer.byteLength >> 2),
		f64: new Float64Array(buffer, 0, buffer.byteLength >> 3),
	};
}

const TEXT_OFFSETS: readonly (readonly [TextMember, number])[] = [
	['method', layout.EXCHANGE_METHOD],
	['host', layout.EXCHANGE_HOST],
	['status_text', layout.EXCHANGE_STATUS_TEXT],
	['interim', layout.EXCHANGE_INTERIM],
	['comm', layout.EXCHANGE_COMM],
	['thread_comm', layout.EXCHANGE_THREAD_COMM],
	['cmdline', layout.EXCHANGE_CMDLINE],
	['cgroup', layout.EXCHANGE_CGROUP],
	['exe', layout.EXCHANGE_EXE],
	['local', layout.EXCHANGE_LOCAL],
	['remote', layout.EXCHANGE_REMOTE],
	['vias', layout.EXCHANGE_VIAS],
];
const OFFSETS = Int32Array.from(TEXT_OFFSETS, ([, offset]) => offset);

/** For bodies this long or longer, memory is touched in advance, in these steps, which is cheaper than page faults. */
const LARGE_BODY = 16_384;
const TOUCHED_AHEAD = 512 << 10;

/** Longer field lines are kept with their row, because they rarely repeat and are slow to hash. */
const MAX_SHARED_LINE = 4096;

/** Upper bound for the row's bytes in the arena: all texts are new, and all field lines are kept with the row. */
export function rowBytesAtMost({ u32 }: EntryBytes, at: number): number {
	const fieldBytes =
		u32[(at + layout.EXCHANGE_REQ_HEADERS + 4) >> 2]! + u32[(at + layout.EXCHANGE_RES_HEADERS + 4) >> 2]!;
	// The entry's size covers each text once, but path and query may be stored in addition to the target.
	return u32[at >> 2]! * 2 + fieldBytes + EXTRAS_MAX * EXTRA_ENTRY_BYTES;
}

/** Used only by the thread that appends. */
export class RowWriter {
	readonly segment: Segment;
	rows = 0;
	readonly #memory: WritableMemory;
	readonly #columns: readonly Uint16Array[];
	readonly #texts: SegmentDictionary;
	readonly #lines: SegmentDictionary;
	/** The code of each text in the previous row, because most texts repeat in the next row. */
	readonly #last = new Uint16Array(OFFSETS.length);
	#codes = new Uint32Array(64);
	#end = 0;
	#targets: number;
	readonly #touch: ((memory: Uint8Array) => void) | undefined;
	/** The arena has been touched in advance up to this offset. */
	#touched = 0;

	/** `touch` is called for new memory before large bodies are written to it. */
	constructor(segment: Segment, touch?: (memory: Uint8Array) => void) {
		this.segment = segment;
		this.#touch = touch;
		this.#memory = { bytes: segment.arena, view: segment.arenaView };
		this.#columns = TEXT_OFFSETS.map(([member]) => segment.text[member]);
		const { dictionaryOffset, dictionaryLength, lineOffset, lineLength, lineNameLength } = segment;
		this.#texts = new SegmentDictionary(this.#memory, { offset: dictionaryOffset, length: dictionaryLength });
		this.#lines = new SegmentDictionary(this.#memory, {
			offset: lineOffset,
			length: lineLength,
			firstLength: lineNameLength,
		});
		this.#targets = segment.arenaCapacity;
	}

	/** Whether there is room for a row of at most this many bytes. */
	hasRoom(bytes: number): boolean {
		return (
			this.rows < this.segment.rowCapacity && this.#end + bytes <= this.#targets && this.#texts.hasRoom(OFFSETS.length)
		);
	}

	/** Bytes of the segment that were written or touched in advance. */
	get usedBytes(): number {
		const arena = Math.max(this.#end, this.#touched) + this.segment.arenaCapacity - this.#targets;
		return usedBytes(this.rows, this.#texts.count, this.#lines.count, arena);
	}

	/** Appends the ENTRY_EXCHANGE that begins at byte `at`; there must be room. */
	write(source: EntryBytes, at: number): void {
		const row = this.rows;
		this.#writeNumbers(source, at, row);
		this.#writeTexts(source, at, row);
		this.#writeTarget(source, at, row);
		const { u32 } = this.segment;
		const requestFields = this.#internFields(source, at, layout.EXCHANGE_REQ_HEADERS, 0);
		const responseFields = this.#internFields(source, at, layout.EXCHANGE_RES_HEADERS, Math.max(0, requestFields));
		u32.arena_offset[row] = this.#end;
		u32.header_count[row] = Math.max(0, requestFields) + Math.max(0, responseFields);
		u32.req_headers_length[row] = this.#writeFields(source, at, layout.EXCHANGE_REQ_HEADERS, requestFields, 0);
		u32.res_headers_length[row] = this.#writeFields(
			source,
			at,
			layout.EXCHANGE_RES_HEADERS,
			responseFields,
			Math.max(0, requestFields),
		);
		u32.req_body_length[row] = this.#writeBody(source, at, layout.EXCHANGE_REQ_BODY);
		u32.res_body_length[row] = this.#writeBody(source, at, layout.EXCHANGE_RES_BODY);
		this.#writeExtras(source, at, row);
		this.rows++;
	}

	#writeNumbers({ u32: inU32, f64: inF64 }: EntryBytes, at: number, row: number): void {
		const { f64, u32, u16, u8 } = this.segment;
		f64.id[row] = inF64[(at + layout.EXCHANGE_ID) >> 3]!;
		f64.conn[row] = inF64[(at + layout.EXCHANGE_CONN) >> 3]!;
		f64.ts[row] = inF64[(at + layout.EXCHANGE_TS) >> 3]!;
		f64.duration_ms[row] = inF64[(at + layout.EXCHANGE_DURATION_MS) >> 3]!;
		f64.ttfb_ms[row] = inF64[(at + layout.EXCHANGE_TTFB_MS) >> 3]!;
		f64.req_body_bytes[row] = inF64[(at + layout.EXCHANGE_REQ_BODY_BYTES) >> 3]!;
		f64.res_body_bytes[row] = inF64[(at + layout.EXCHANGE_RES_BODY_BYTES) >> 3]!;
		f64.req_captured_bytes[row] = inF64[(at + layout.EXCHANGE_REQ_CAPTURED_BYTES) >> 3]!;
		f64.res_captured_bytes[row] = inF64[(at + layout.EXCHANGE_RES_CAPTURED_BYTES) >> 3]!;
		f64.res_wire_bytes[row] = inF64[(at + layout.EXCHANGE_RES_WIRE_BYTES) >> 3]!;
		f64.lost_bytes[row] = inF64[(at + layout.EXCHANGE_LOST_BYTES) >> 3]!;
		f64.pair_id[row] = inF64[(at + layout.EXCHANGE_PAIR_ID) >> 3]!;
		u32.pid[row] = inU32[(at + layout.EXCHANGE_PID) >> 2]!;
		u32.tid[row] = inU32[(at + layout.EXCHANGE_TID) >> 2]!;
		u32.anomalies_low[row] = inU32[(at + layout.EXCHANGE_ANOMALIES) >> 2]!;
		u32.anomalies_high[row] = inU32[(at + layout.EXCHANGE_ANOMALIES + 4) >> 2]!;
		u16.status[row] = inU32[(at + layout.EXCHANGE_STATUS) >> 2]!;
		u16.http_version[row] = inU32[(at + layout.EXCHANGE_HTTP_VERSION) >> 2]!;
		u16.req_http_version[row] = inU32[(at + layout.EXCHANGE_REQ_HTTP_VERSION) >> 2]!;
		u8.state[row] = inU32[(at + layout.EXCHANGE_STATE) >> 2]!;
		u8.reason[row] = inU32[(at + layout.EXCHANGE_REASON) >> 2]!;
		u8.side[row] = inU32[(at + layout.EXCHANGE_SIDE) >> 2]!;
		u8.via[row] = inU32[(at + layout.EXCHANGE_VIA) >> 2]!;
		u8.req_via[row] = inU32[(at + layout.EXCHANGE_REQ_VIA) >> 2]!;
		u8.tls[row] = inU32[(at + layout.EXCHANGE_TLS) >> 2]!;
		u8.flags[row] = inU32[(at + layout.EXCHANGE_FLAGS) >> 2]!;
	}

	#writeTexts(source: EntryBytes, at: number, row: number): void {
		const texts = this.#texts;
		const last = this.#last;
		texts.arenaEnd = this.#end;
		for (let member = 0; member < OFFSETS.length; member++) {
			const word = (at + OFFSETS[member]!) >> 2;
			const start = source.u32[word]!;
			if (start === 0) {
				this.#columns[member]![row] = 0;
				continue;
			}
			const length = source.u32[word + 1]!;
			let code = last[member]!;
			if (code === 0 || !texts.is(code, source, at + start, length)) {
				code = texts.intern(source, at + start, length);
				last[member] = code;
			}
			this.#columns[member]![row] = code;
		}
		this.#end = texts.arenaEnd;
	}

	/** Writes the target, and path and query if they are not part of it. */
	#writeTarget(source: EntryBytes, at: number, row: number): void {
		const { u32 } = this.segment;
		const target = source.u32[(at + layout.EXCHANGE_TARGET) >> 2]!;
		const targetLength = source.u32[(at + layout.EXCHANGE_TARGET + 4) >> 2]!;
		const path = source.u32[(at + layout.EXCHANGE_PATH) >> 2]!;
		const pathLength = source.u32[(at + layout.EXCHANGE_PATH + 4) >> 2]!;
		const query = source.u32[(at + layout.EXCHANGE_QUERY) >> 2]!;
		const queryLength = source.u32[(at + layout.EXCHANGE_QUERY + 4) >> 2]!;
		const held = target === 0 ? 0 : targetLength;
		const isPathInside = target !== 0 && path >= target && path + pathLength <= target + targetLength;
		const isQueryInside = target !== 0 && query >= target && query + queryLength <= target + targetLength;
		const ownPath = path === 0 || isPathInside ? 0 : pathLength;
		const ownQuery = query === 0 || isQueryInside ? 0 : queryLength;
		const start = this.#targets - held - ownPath - ownQuery;
		this.#targets = start;
		u32.target_offset[row] = start;
		u32.target_length[row] = target === 0 ? ABSENT : targetLength;
		u32.path_start[row] = isPathInside ? path - target : held;
		u32.path_length[row] = path === 0 ? ABSENT : pathLength;
		u32.query_start[row] = isQueryInside ? query - target : held + ownPath;
		u32.query_length[row] = query === 0 ? ABSENT : queryLength;
		if (held > 0) copyRange(source, at + target, this.#memory, start, held);
		if (ownPath > 0) copyRange(source, at + path, this.#memory, start + held, ownPath);
		if (ownQuery > 0) copyRange(source, at + query, this.#memory, start + held + ownPath, ownQuery);
	}

	/**
	 * Finds the codes of a message's field lines, 0 for lines kept with the row. Returns their number, or -1 if there
	 * is no head.
	 */
	#internFields(source: EntryBytes, at: number, offset: number, place: number): number {
		const { u32 } = source;
		const start = u32[(at + offset) >> 2]!;
		if (start === 0) return -1;
		const count = Math.floor(u32[(at + offset + 4) >> 2]! / layout.HEADER_BYTES);
		if (place + count > this.#codes.length) {
			const longer = new Uint32Array((place + count) * 2);
			longer.set(this.#codes);
			this.#codes = longer;
		}
		const lines = this.#lines;
		lines.arenaEnd = this.#end;
		for (let i = 0; i < count; i++) {
			const field = (at + start + i * layout.HEADER_BYTES) >> 2;
			const nameLength = u32[field + 1]!;
			const valueLength = u32[field + 3]!;
			const isShared = (u32[field + 4]! & 1) === 0 && nameLength + valueLength <= MAX_SHARED_LINE;
			this.#codes[place + i] = isShared
				? lines.internPair(source, at + u32[field]!, nameLength, at + u32[field + 2]!, valueLength)
				: 0;
		}
		this.#end = lines.arenaEnd;
		return count;
	}

	/** Writes the list of a message's field lines as field-places.ts reads it; returns its length. */
	#writeFields(source: EntryBytes, at: number, offset: number, count: number, place: number): number {
		if (count < 0) return ABSENT;
		const { u32 } = source;
		const start = u32[(at + offset) >> 2]!;
		const before = this.#end;
		for (let i = 0; i < count; i++) {
			const code = this.#codes[place + i]!;
			if (code > 0) {
				this.#writeNumber(code * 2 + 1);
				continue;
			}
			const field = (at + start + i * layout.HEADER_BYTES) >> 2;
			const nameLength = u32[field + 1]!;
			const valueLength = u32[field + 3]!;
			this.#writeNumber(nameLength * 2);
			this.#writeNumber(valueLength * 2 + (u32[field + 4]! & 1));
			copyRange(source, at + u32[field]!, this.#memory, this.#end, nameLength);
			copyRange(source, at + u32[field + 2]!, this.#memory, this.#end + nameLength, valueLength);
			this.#end += nameLength + valueLength;
		}
		return this.#end - before;
	}

	/** Writes seven bits per byte, lowest first; the highest bit means that more follow. */
	#writeNumber(value: number): void {
		const { bytes } = this.#memory;
		let rest = value;
		for (; rest >= 0x80; rest >>>= 7) bytes[this.#end++] = (rest & 0x7f) | 0x80;
		bytes[this.#end++] = rest;
	}

	#writeBody(source: EntryBytes, at: number, offset: number): number {
		const start = source.u32[(at + offset) >> 2]!;
		if (start === 0) return ABSENT;
		const length = source.u32[(at + offset + 4) >> 2]!;
		if (length >= LARGE_BODY) this.#touchUpTo(this.#end + length);
		copyRange(source, at + start, this.#memory, this.#end, length);
		this.#end += length;
		return length;
	}

	#touchUpTo(end: number): void {
		if (this.#touch === undefined || end <= this.#touched) return;
		const start = Math.max(this.#end, this.#touched);
		this.#touched = Math.min(end + TOUCHED_AHEAD, this.#targets);
		this.#touch(this.segment.arena.subarray(start, this.#touched));
	}

	#writeExtras({ f64, u32 }: EntryBytes, at: number, row: number): void {
		const before = this.#end;
		for (let message = 0; message < 2; message++) {
			const first = (at + (message === 0 ? layout.EXCHANGE_REQ_UNHELD : layout.EXCHANGE_RES_UNHELD)) >> 3;
			for (let reason = 0; reason < layout.UNHELD_MAX; reason++) {
				const bytes = f64[first + reason]!;
				if (bytes === 0) continue;
				this.#writeExtra(message === 0 ? EXTRA_REQ_UNHELD : EXTRA_RES_UNHELD, reason, bytes);
			}
		}
		const sendMs = f64[(at + layout.EXCHANGE_SEND_MS) >> 3]!;
		if (sendMs !== 0) this.#writeExtra(EXTRA_SEND_MS, 0, sendMs);
		const parentId = f64[(at + layout.EXCHANGE_PARENT_ID) >> 3]!;
		if (parentId !== 0) this.#writeExtra(EXTRA_PARENT_ID, 0, parentId);
		const streamId = u32[(at + layout.EXCHANGE_STREAM_ID) >> 2]!;
		if (streamId !== 0) this.#writeExtra(EXTRA_STREAM_ID, 0, streamId);
		this.segment.u8.extra_count[row] = (this.#end - before) / EXTRA_ENTRY_BYTES;
	}

	#writeExtra(kind: number, reason: number, value: number): void {
		const { view } = this.#memory;
		view.setUint8(this.#end, kind);
		view.setUint8(this.#end + 1, reason);
		view.setFloat64(this.#end + 2, value, true);
		this.#end += EXTRA_ENTRY_BYTES;
	}
}

/** Rows per segment of segmentsOfEntries(): few enough to have room even if each row has its own texts. */
const OPEN_ROWS = 4096;

/** Segments with exactly the given ENTRY_EXCHANGE entries, the open rows of one instant. */
export function segmentsOfEntries(
	source: EntryBytes,
	offsets: readonly number[],
): { segment: Segment; rows: number }[] {
	const parts: { segment: Segment; rows: number }[] = [];
	for (let from = 0; from < offsets.length; from += OPEN_ROWS) {
		const some = offsets.slice(from, from + OPEN_ROWS);
		const arena = some.reduce((sum, at) => sum + rowBytesAtMost(source, at), 0);
		const rowCapacity = Math.ceil((some.length * OFFSETS.length) / 24 + 1) * 8;
		const writer = new RowWriter(createSegment(0, rowCapacity, arena));
		for (const at of some) writer.write(source, at);
		parts.push({ segment: writer.segment, rows: some.length });
	}
	return parts;
}
