// A segment: some thousand finished exchanges in one piece of shared memory. Fixed-size members lie in typed columns,
// everything of variable length in the arena behind them. One thread appends; readers look only at rows below the count
// they were given, so they need no lock. Texts that repeat (method, host, process names …) are kept once a segment.

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
	/** Where the row's bytes begin in the arena: target, [path], [query], request fields, response fields, bodies, unheld. */
	'arena_offset',
	'target_length',
	/** Offsets from arena_offset: mostly inside the target's bytes. */
	'path_start',
	'path_length',
	'query_start',
	'query_length',
	'req_headers_start',
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
	'local',
	'remote',
	'vias',
] as const;

export const U16_MEMBERS = ['status', 'http_version'] as const;
export const U8_MEMBERS = ['state', 'reason', 'side', 'via', 'req_via', 'flags', 'unheld_count'] as const;

export const ABSENT = 0xffffffff;
/** One reason with its bytes behind the bodies: u8 message (0 request, 1 response), u8 reason, f64 bytes. */
export const UNHELD_ENTRY_BYTES = 10;
/** Before each field line: u32 name length with TRAILER_BIT, u32 value length. */
export const FIELD_PREFIX_BYTES = 8;
export const TRAILER_BIT = 0x80000000;

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

/** Typed views over one segment. */
export type Segment = SegmentHandle & {
	readonly f64: Record<F64Member, Float64Array>;
	readonly u32: Record<U32Member, Uint32Array>;
	readonly text: Record<TextMember, Uint32Array>;
	readonly u16: Record<U16Member, Uint16Array>;
	readonly u8: Record<U8Member, Uint8Array>;
	/** Arena offset and length of each dictionary entry. */
	readonly dictionaryOffset: Uint32Array;
	readonly dictionaryLength: Uint32Array;
	readonly arena: Buffer;
	readonly arenaView: DataView;
};

/** Bytes of memory that a segment of this size takes. */
export function segmentBytes(rowCapacity: number, arenaCapacity: number): number {
	const perRow =
		F64_MEMBERS.length * 8 +
		(U32_MEMBERS.length + TEXT_MEMBERS.length + 2 * DICTIONARY_PER_ROW) * 4 +
		U16_MEMBERS.length * 2 +
		U8_MEMBERS.length;
	return perRow * rowCapacity + arenaCapacity;
}

/** Makes a segment. `rowCapacity` is a multiple of 8. */
export function createSegment(number: number, rowCapacity: number, arenaCapacity: number): Segment {
	const buffer = new SharedArrayBuffer(segmentBytes(rowCapacity, arenaCapacity));
	return openSegment({ number, buffer, rowCapacity, arenaCapacity });
}

/** Views over a segment that this or another thread made. */
export function openSegment(handle: SegmentHandle): Segment {
	const { buffer, rowCapacity, arenaCapacity } = handle;
	let offset = 0;
	const take = <T>(make: (at: number, length: number) => T, bytes: number, length: number): T => {
		const view = make(offset, length);
		offset += bytes * length;
		return view;
	};
	const record = <K extends string, T>(names: readonly K[], make: () => T): Record<K, T> => {
		const views: [K, T][] = names.map((name) => [name, make()]);
		return Object.fromEntries(views) as Record<K, T>;
	};
	const f64 = record(F64_MEMBERS, () => take((at, n) => new Float64Array(buffer, at, n), 8, rowCapacity));
	const newU32 = (length: number) => take((at, n) => new Uint32Array(buffer, at, n), 4, length);
	const u32 = record(U32_MEMBERS, () => newU32(rowCapacity));
	const text = record(TEXT_MEMBERS, () => newU32(rowCapacity));
	const dictionaryOffset = newU32(rowCapacity * DICTIONARY_PER_ROW);
	const dictionaryLength = newU32(rowCapacity * DICTIONARY_PER_ROW);
	const u16 = record(U16_MEMBERS, () => take((at, n) => new Uint16Array(buffer, at, n), 2, rowCapacity));
	const u8 = record(U8_MEMBERS, () => take((at, n) => new Uint8Array(buffer, at, n), 1, rowCapacity));
	const arena = Buffer.from(buffer, offset, arenaCapacity);
	const arenaView = new DataView(buffer, offset, arenaCapacity);
	return { ...handle, f64, u32, text, dictionaryOffset, dictionaryLength, u16, u8, arena, arenaView };
}
