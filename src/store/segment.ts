// A segment: some thousand finished exchanges in one piece of shared memory. Members of fixed size are in columns.
// The others are in the arena after them: targets from its end downwards, the rest from its beginning upwards. One
// thread appends; readers look only at rows below the count they were given, so they need no lock. Repeated texts and
// field lines (method, host, process names, `accept: */*` …) are kept once per segment.

import { UNHELD_MAX } from '../../decoder-as/assembly/wire/output-layout.ts';

// Each stored column of an exchange is declared here, once. The members are written out, because large objects created
// from lists of names are slow, and each one gets a separate hidden class.

/** 64-bit floats: exact integers up to 2^53, NaN for NULL. */
const f64Columns = (column: () => Float64Array) => ({
	id: column(),
	conn: column(),
	ts: column(),
	duration_ms: column(),
	ttfb_ms: column(),
	req_body_bytes: column(),
	res_body_bytes: column(),
	req_captured_bytes: column(),
	res_captured_bytes: column(),
	res_wire_bytes: column(),
	lost_bytes: column(),
	/** 0 for NULL; set when the other side's row is found. */
	pair_id: column(),
});

/** Unsigned 32-bit integers. In lengths, ABSENT means NULL. */
const u32Columns = (column: () => Uint32Array) => ({
	pid: column(),
	tid: column(),
	anomalies_low: column(),
	anomalies_high: column(),
	/** The row's bytes in the arena: request fields, response fields, bodies, extras. */
	arena_offset: column(),
	/** Its target, then [path] and [query]. Targets are kept together, so that searching them reads little memory. */
	target_offset: column(),
	target_length: column(),
	/** Offsets from target_offset, usually inside the target. */
	path_start: column(),
	path_length: column(),
	query_start: column(),
	query_length: column(),
	req_headers_length: column(),
	res_headers_length: column(),
	req_body_length: column(),
	res_body_length: column(),
	header_count: column(),
});

/** Codes of texts in the segment's dictionary: 0 is NULL, n is entry n-1. */
const textColumns = (column: () => Uint16Array) => ({
	method: column(),
	host: column(),
	status_text: column(),
	interim: column(),
	comm: column(),
	thread_comm: column(),
	cmdline: column(),
	cgroup: column(),
	exe: column(),
	local: column(),
	remote: column(),
	vias: column(),
});

const u16Columns = (column: () => Uint16Array) => ({
	status: column(),
	http_version: column(),
	req_http_version: column(),
});

const u8Columns = (column: () => Uint8Array) => ({
	state: column(),
	reason: column(),
	side: column(),
	via: column(),
	req_via: column(),
	tls: column(),
	flags: column(),
	extra_count: column(),
});

export const ABSENT = 0xffffffff;
/**
 * Rare members of a row, after the bodies: u8 EXTRA_*, u8 reason, f64 number. For bytes that are not held: the reason
 * and their number. The milliseconds in which a request was sent, if they are not 0: NaN means that it was not
 * seen. The id of the parent, if there is one. The number of the HTTP/2 stream.
 */
export const EXTRA_ENTRY_BYTES = 10;
export const EXTRA_REQ_UNHELD = 0;
export const EXTRA_RES_UNHELD = 1;
export const EXTRA_SEND_MS = 2;
export const EXTRA_PARENT_ID = 3;
export const EXTRA_STREAM_ID = 4;
/** The maximum number of such entries per row. */
export const EXTRAS_MAX = 2 * UNHELD_MAX + 3;

export type F64Member = keyof ReturnType<typeof f64Columns>;
export type U32Member = keyof ReturnType<typeof u32Columns>;
export type TextMember = keyof ReturnType<typeof textColumns>;
export type U16Member = keyof ReturnType<typeof u16Columns>;
export type U8Member = keyof ReturnType<typeof u8Columns>;

/** Everything another thread needs to open a segment. */
export type SegmentHandle = {
	/** 1, 2, 3 … in order of creation. */
	readonly number: number;
	readonly buffer: SharedArrayBuffer;
	readonly rowCapacity: number;
	readonly arenaCapacity: number;
};

/** Maximum dictionary entries per row of capacity; a segment whose dictionary is full is closed early. */
const DICTIONARY_PER_ROW = 3;
/** Codes of texts have 16 bits. */
const MAX_SEGMENT_ROWS = Math.floor(0xffff / DICTIONARY_PER_ROW / 8) * 8;
/** Maximum field lines kept once, per row of capacity. Further lines are kept with their row. */
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
	/** Field lines that are kept once, each a name and then a value. */
	readonly lineOffset: Uint32Array;
	readonly lineNameLength: Uint32Array;
	readonly lineLength: Uint32Array;
	readonly arena: Buffer;
	readonly arenaView: DataView;
};

/** Bytes that each row takes in the columns. */
const ROW_BYTES =
	rowBytes(f64Columns(() => new Float64Array(0))) +
	rowBytes(u32Columns(() => new Uint32Array(0))) +
	rowBytes(textColumns(() => new Uint16Array(0))) +
	rowBytes(u16Columns(() => new Uint16Array(0))) +
	rowBytes(u8Columns(() => new Uint8Array(0)));
const DICTIONARY_ENTRY_BYTES = 8;
const LINE_ENTRY_BYTES = 12;

function rowBytes(columns: Readonly<Record<string, { readonly BYTES_PER_ELEMENT: number }>>): number {
	return Object.values(columns).reduce((sum, { BYTES_PER_ELEMENT }) => sum + BYTES_PER_ELEMENT, 0);
}

/** Bytes of memory that a segment of this size takes. */
export function segmentBytes(rowCapacity: number, arenaCapacity: number): number {
	return usedBytes(rowCapacity, rowCapacity * DICTIONARY_PER_ROW, rowCapacity * LINES_PER_ROW, arenaCapacity);
}

/** Bytes of a segment that are used by this many rows, texts, lines and bytes of the arena. */
export function usedBytes(rows: number, texts: number, lines: number, arena: number): number {
	return rows * ROW_BYTES + texts * DICTIONARY_ENTRY_BYTES + lines * LINE_ENTRY_BYTES + arena;
}

/** Creates a segment. `rowCapacity` is a multiple of 8. */
export function createSegment(number: number, rowCapacity: number, arenaCapacity: number): Segment {
	if (rowCapacity > MAX_SEGMENT_ROWS) throw new Error(`a segment of ${rowCapacity} rows has more texts than codes`);
	const buffer = new SharedArrayBuffer(segmentBytes(rowCapacity, arenaCapacity));
	return openSegment({ number, buffer, rowCapacity, arenaCapacity });
}

/** Creates views over a segment of this or another thread. */
export function openSegment(handle: SegmentHandle): Segment {
	const { number, buffer, rowCapacity, arenaCapacity } = handle;
	let offset = 0;
	const take = <T>(make: (at: number, length: number) => T, bytes: number, length: number): T => {
		const view = make(offset, length);
		offset += bytes * length;
		return view;
	};
	const f64 = f64Columns(() => take((at, n) => new Float64Array(buffer, at, n), 8, rowCapacity));
	const newU32 = (length: number) => take((at, n) => new Uint32Array(buffer, at, n), 4, length);
	const u32 = u32Columns(() => newU32(rowCapacity));
	const dictionaryOffset = newU32(rowCapacity * DICTIONARY_PER_ROW);
	const dictionaryLength = newU32(rowCapacity * DICTIONARY_PER_ROW);
	const lineOffset = newU32(rowCapacity * LINES_PER_ROW);
	const lineNameLength = newU32(rowCapacity * LINES_PER_ROW);
	const lineLength = newU32(rowCapacity * LINES_PER_ROW);
	const shorts = () => take((at, n) => new Uint16Array(buffer, at, n), 2, rowCapacity);
	const text = textColumns(shorts);
	const u16 = u16Columns(shorts);
	const u8 = u8Columns(() => take((at, n) => new Uint8Array(buffer, at, n), 1, rowCapacity));
	const arena = Buffer.from(buffer, offset, arenaCapacity);
	const arenaView = new DataView(buffer, offset, arenaCapacity);
	// No spread: it would give each segment its own hidden class, and V8 would recompile all code that uses segments.
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
