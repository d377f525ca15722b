// A segment: some thousand finished exchanges in one piece of shared memory. Fixed-size members lie in typed columns,
// everything of variable length in the arena behind them: targets from its end down, the rest from its beginning up. One
// thread appends; readers look only at rows below the count they were given, so they need no lock. Texts and field lines
// that repeat (method, host, process names, `accept: */*` …) are kept once a segment.

/** Members kept as 64-bit floats: exact integers up to 2^53, NaN for NULL. */
export const F64_MEMBERS = [
	'id',
	'conn',
	'ts',
	'duration_ms',
	'ttfb_ms',
	'req_body_bytes',
	'res_body_bytes',
	'req_captured_bytes',
	'res_captured_bytes',
	'res_wire_bytes',
	'lost_bytes',
	/** 0 for NULL; written again when the other side's row is found. */
	'pair_id',
] as const;

/** Members kept as unsigned 32-bit integers. Lengths: ABSENT for NULL. */
export const U32_MEMBERS = [
	'pid',
	'tid',
	'anomalies_low',
	'anomalies_high',
	/** Where the row's bytes begin in the arena: request fields, response fields, bodies, unheld. */
	'arena_offset',
	/** Where its target lies, then [path], [query]: all targets together, so that searching them reads little memory. */
	'target_offset',
	'target_length',
	/** Offsets from target_offset: mostly inside the target's bytes. */
	'path_start',
	'path_length',
	'query_start',
	'query_length',
	'req_headers_length',
	'res_headers_length',
	'req_body_length',
	'res_body_length',
	'header_count',
] as const;

/** Texts kept in the segment's dictionary: 0 is NULL, n is dictionary entry n-1. */
export const TEXT_MEMBERS = [
	'method',
	'host',
	'status_text',
	'interim',
	'comm',
	'thread_comm',
	'cmdline',
	'cgroup',
	'exe',
	'local',
	'remote',
	'vias',
] as const;

export const U16_MEMBERS = ['status', 'http_version', 'req_http_version'] as const;
export const U8_MEMBERS = ['state', 'reason', 'side', 'via', 'req_via', 'flags', 'unheld_count'] as const;

export const ABSENT = 0xffffffff;
/** One reason with its bytes behind the bodies: u8 message (0 request, 1 response), u8 reason, f64 bytes. */
export const UNHELD_ENTRY_BYTES = 10;

export type F64Member = (typeof F64_MEMBERS)[number];
export type U32Member = (typeof U32_MEMBERS)[number];
export type TextMember = (typeof TEXT_MEMBERS)[number];
export type U16Member = (typeof U16_MEMBERS)[number];
export type U8Member = (typeof U8_MEMBERS)[number];

/** What is needed to see a segment from another thread. */
export type SegmentHandle = {
	/** 1, 2, 3 … in order of making. */
	readonly number: number;
	readonly buffer: SharedArrayBuffer;
	readonly rowCapacity: number;
	readonly arenaCapacity: number;
};

/** Dictionary entries for each row of capacity, at the most; a segment whose dictionary is full is closed early. */
const DICTIONARY_PER_ROW = 3;
/** Codes of texts have 16 bits. */
const MAX_SEGMENT_ROWS = Math.floor(0xffff / DICTIONARY_PER_ROW / 8) * 8;
/** Field lines kept once, for each row of capacity; what comes when there are as many is kept with its row. */
const LINES_PER_ROW = 1;

/** Typed views over one segment. */
export type Segment = SegmentHandle & {
	readonly f64: Record<F64Member, Float64Array>;
	readonly u32: Record<U32Member, Uint32Array>;
	readonly text: Record<TextMember, Uint16Array>;
	readonly u16: Record<U16Member, Uint16Array>;
	readonly u8: Record<U8Member, Uint8Array>;
	/** Arena offset and length of each dictionary entry. */
	readonly dictionaryOffset: Uint32Array;
	readonly dictionaryLength: Uint32Array;
	/** Field lines that are kept once: name and value lie one behind the other. */
	readonly lineOffset: Uint32Array;
	readonly lineNameLength: Uint32Array;
	readonly lineLength: Uint32Array;
	readonly arena: Buffer;
	readonly arenaView: DataView;
};

/** Bytes that each row takes in the columns. */
const ROW_BYTES =
	F64_MEMBERS.length * 8 + U32_MEMBERS.length * 4 + (TEXT_MEMBERS.length + U16_MEMBERS.length) * 2 + U8_MEMBERS.length;
const DICTIONARY_ENTRY_BYTES = 8;
const LINE_ENTRY_BYTES = 12;

/** Bytes of memory that a segment of this size takes. */
export function segmentBytes(rowCapacity: number, arenaCapacity: number): number {
	return usedBytes(rowCapacity, rowCapacity * DICTIONARY_PER_ROW, rowCapacity * LINES_PER_ROW, arenaCapacity);
}

/** Bytes of it that so many rows, texts, lines and bytes of the arena have touched. */
export function usedBytes(rows: number, texts: number, lines: number, arena: number): number {
	return rows * ROW_BYTES + texts * DICTIONARY_ENTRY_BYTES + lines * LINE_ENTRY_BYTES + arena;
}

/** Makes a segment. `rowCapacity` is a multiple of 8. */
export function createSegment(number: number, rowCapacity: number, arenaCapacity: number): Segment {
	if (rowCapacity > MAX_SEGMENT_ROWS) throw new Error(`a segment of ${rowCapacity} rows has more texts than codes`);
	const buffer = new SharedArrayBuffer(segmentBytes(rowCapacity, arenaCapacity));
	return openSegment({ number, buffer, rowCapacity, arenaCapacity });
}

/** Views over a segment that this or another thread made. */
export function openSegment(handle: SegmentHandle): Segment {
	const { number, buffer, rowCapacity, arenaCapacity } = handle;
	let offset = 0;
	const take = <T>(make: (at: number, length: number) => T, bytes: number, length: number): T => {
		const view = make(offset, length);
		offset += bytes * length;
		return view;
	};
	// Written out: objects with so many members that are made from lists of names are slow, and each is of a kind of its own.
	const doubles = () => take((at, n) => new Float64Array(buffer, at, n), 8, rowCapacity);
	const f64 = {
		id: doubles(),
		conn: doubles(),
		ts: doubles(),
		duration_ms: doubles(),
		ttfb_ms: doubles(),
		req_body_bytes: doubles(),
		res_body_bytes: doubles(),
		req_captured_bytes: doubles(),
		res_captured_bytes: doubles(),
		res_wire_bytes: doubles(),
		lost_bytes: doubles(),
		pair_id: doubles(),
	};
	const newU32 = (length: number) => take((at, n) => new Uint32Array(buffer, at, n), 4, length);
	const words = () => newU32(rowCapacity);
	const u32 = {
		pid: words(),
		tid: words(),
		anomalies_low: words(),
		anomalies_high: words(),
		arena_offset: words(),
		target_offset: words(),
		target_length: words(),
		path_start: words(),
		path_length: words(),
		query_start: words(),
		query_length: words(),
		req_headers_length: words(),
		res_headers_length: words(),
		req_body_length: words(),
		res_body_length: words(),
		header_count: words(),
	};
	const dictionaryOffset = newU32(rowCapacity * DICTIONARY_PER_ROW);
	const dictionaryLength = newU32(rowCapacity * DICTIONARY_PER_ROW);
	const lineOffset = newU32(rowCapacity * LINES_PER_ROW);
	const lineNameLength = newU32(rowCapacity * LINES_PER_ROW);
	const lineLength = newU32(rowCapacity * LINES_PER_ROW);
	const shorts = () => take((at, n) => new Uint16Array(buffer, at, n), 2, rowCapacity);
	const text = {
		method: shorts(),
		host: shorts(),
		status_text: shorts(),
		interim: shorts(),
		comm: shorts(),
		thread_comm: shorts(),
		cmdline: shorts(),
		cgroup: shorts(),
		exe: shorts(),
		local: shorts(),
		remote: shorts(),
		vias: shorts(),
	};
	const u16 = {
		status: shorts(),
		http_version: shorts(),
		req_http_version: shorts(),
	};
	const bytes = () => take((at, n) => new Uint8Array(buffer, at, n), 1, rowCapacity);
	const u8 = {
		state: bytes(),
		reason: bytes(),
		side: bytes(),
		via: bytes(),
		req_via: bytes(),
		flags: bytes(),
		unheld_count: bytes(),
	};
	const arena = Buffer.from(buffer, offset, arenaCapacity);
	const arenaView = new DataView(buffer, offset, arenaCapacity);
	// No `...` either: with it V8 would take each segment for a kind of its own, and compile all that uses one again.
	return {
		number,
		buffer,
		rowCapacity,
		arenaCapacity,
		f64,
		u32,
		text,
		dictionaryOffset,
		dictionaryLength,
		lineOffset,
		lineNameLength,
		lineLength,
		u16,
		u8,
		arena,
		arenaView,
	};
}
