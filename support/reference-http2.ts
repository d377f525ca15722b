// A second reader of HTTP/2, only for tests: the same rules in plain TypeScript, written only for clarity. It has both
// streams whole, knows no limits and no loss, and reads only what is well-formed.
import type { FieldRow } from './decoded-rows.ts';
import { HpackDecoder } from './hpack.ts';
import { END_HEADERS, END_STREAM, type HeaderField, PADDED, PREFACE, PRIORITY, TYPES } from './http2-frames.ts';

export type Http2Row = {
	stream: number;
	method: string | null;
	target: string | null;
	host: string | null;
	reqHeaders: FieldRow[];
	reqBody: string;
	reqEnded: boolean;
	interim: number[];
	status: number | null;
	resHeaders: FieldRow[];
	resBody: string;
	resEnded: boolean;
	pushed: boolean;
	/** The error code of the first RST_STREAM before both messages had ended. */
	reset: number | null;
	/** That of the GOAWAY by which the server did not take the request. */
	refused: number | null;
	/** The request came in HTTP/1. */
	upgraded: boolean;
};

type Frame = { type: number; flags: number; stream: number; payload: Buffer };

/** A frame and when it was complete: the number of the call that brought its last byte. */
type Timed = Frame & { readonly time: number };

/** One call of a server: what it received or sent. `unseen`: only the number of bytes is captured. */
export type Http2Call = { readonly direction: 'in' | 'out'; readonly bytes: Uint8Array; readonly unseen?: boolean };

/**
 * The rows of a server's connection, by stream. `ends`: whether RST_STREAM and GOAWAY end streams, or what is sent afterwards
 * belongs to them, too, as it seems to a capture that missed these frames.
 */
export function http2Rows(calls: readonly Http2Call[], ends = true): Http2Row[] {
	const rows = new Map<number, Http2Row>();
	const decoders = { in: new HpackDecoder(), out: new HpackDecoder() };
	const blocks = { in: Buffer.alloc(0), out: Buffer.alloc(0) };
	const over = new Set<number>();
	const begun = { in: { type: 0, flags: 0 }, out: { type: 0, flags: 0 } };
	const frames = (['in', 'out'] as const).flatMap((direction) =>
		framesOf(calls, direction, rows).map((frame) => ({ frame, direction })),
	);
	// What a server sends about a stream comes after what it received.
	frames.sort((a, b) => a.frame.time - b.frame.time);
	for (const { frame, direction } of frames) {
		if (!ends && (frame.type === TYPES.rstStream || frame.type === TYPES.goaway)) continue;
		const { type, flags, stream, payload } = frame;
		const row = rows.get(stream);
		if (type === TYPES.data && row !== undefined && !over.has(stream)) {
			const body = unpadded(frame).toString('latin1');
			if (direction === 'in') row.reqBody += body;
			else row.resBody += body;
			if ((flags & END_STREAM) !== 0) endMessage(row, direction);
		} else if (type === TYPES.headers || type === TYPES.pushPromise || type === TYPES.continuation) {
			if (type !== TYPES.continuation) {
				blocks[direction] = Buffer.alloc(0);
				begun[direction] = { type, flags };
			}
			blocks[direction] = Buffer.concat([blocks[direction], fragment(frame)]);
			if ((flags & END_HEADERS) === 0) continue;
			const first = begun[direction];
			const fields = decoders[direction].decode(
				first.type === TYPES.pushPromise ? blocks[direction].subarray(4) : blocks[direction],
			);
			const id = first.type === TYPES.pushPromise ? blocks[direction].readUInt32BE(0) : stream;
			if (over.has(id)) continue;
			if (direction === 'in' || first.type === TYPES.pushPromise) takeRequest(rows, id, fields, first.type);
			else takeResponse(rows.get(id), fields);
			const own = rows.get(id);
			if (own !== undefined && first.type === TYPES.headers && (first.flags & END_STREAM) !== 0)
				endMessage(own, direction);
		} else if (type === TYPES.rstStream && row !== undefined && !over.has(stream)) {
			if (!(row.reqEnded && row.resEnded)) row.reset = payload.readUInt32BE(0);
			over.add(stream);
		} else if (type === TYPES.goaway && direction === 'out') {
			const last = payload.readUInt32BE(0);
			for (const each of rows.values()) {
				if (each.stream <= last || each.stream % 2 === 0 || each.status !== null || over.has(each.stream)) continue;
				each.refused = payload.readUInt32BE(4);
				over.add(each.stream);
			}
		}
	}
	return [...rows.values()].toSorted((a, b) => a.stream - b.stream);
}

/** The frames of one direction. A request in HTTP/1 before them becomes the row of stream 1. */
function framesOf(calls: readonly Http2Call[], direction: 'in' | 'out', rows: Map<number, Http2Row>): Timed[] {
	const ends: number[] = [];
	const parts: Uint8Array[] = [];
	let length = 0;
	for (const call of calls) {
		if (call.direction === direction) {
			parts.push(call.bytes);
			length += call.bytes.length;
		}
		ends.push(length);
	}
	const bytes = Buffer.concat(parts);
	const frames: Timed[] = [];
	const first = direction === 'in' ? takeUpgrade(bytes, rows) + PREFACE.length : lengthOfSwitch(bytes);
	for (let at = first; at + 9 <= bytes.length; ) {
		const end = at + 9 + bytes.readUIntBE(at, 3);
		if (end > bytes.length) break;
		const time = ends.findIndex((reached) => reached >= end);
		frames.push({
			type: bytes[at + 3]!,
			flags: bytes[at + 4]!,
			stream: bytes.readUInt32BE(at + 5) & 0x7fffffff,
			payload: bytes.subarray(at + 9, end),
			time,
		});
		at = end;
	}
	return frames;
}

/** Takes a request with `Upgrade: h2c` at the beginning; returns its length, or 0 if there is none. */
function takeUpgrade(bytes: Buffer, rows: Map<number, Http2Row>): number {
	if (bytes.indexOf(PREFACE) === 0) return 0;
	const headEnd = bytes.indexOf('\r\n\r\n') + 4;
	const [line = '', ...fields] = bytes.toString('latin1', 0, headEnd - 4).split('\r\n');
	const [method = null, target = null] = line.split(' ');
	const reqHeaders = fields.map((field) => {
		const [name = '', value = ''] = field.split(': ');
		return { name, value, trailer: false };
	});
	const fieldOf = (wanted: string) => reqHeaders.find(({ name }) => name === wanted)?.value;
	const end = headEnd + Number(fieldOf('Content-Length') ?? 0);
	rows.set(1, {
		...{ stream: 1, method, target, host: fieldOf('Host') ?? null, reqHeaders, upgraded: true },
		...{ reqBody: bytes.toString('latin1', headEnd, end), reqEnded: true, interim: [101], status: null },
		...{ resHeaders: [], resBody: '', resEnded: false, pushed: false, reset: null, refused: null },
	});
	return end;
}

/** The length of the answer that switches protocols. */
function lengthOfSwitch(bytes: Buffer): number {
	return bytes.indexOf('HTTP/1.1 101') === 0 ? bytes.indexOf('\r\n\r\n') + 4 : 0;
}

function unpadded({ flags, payload }: Frame): Buffer {
	return (flags & PADDED) === 0 ? payload : payload.subarray(1, payload.length - payload[0]!);
}

/** The part of a header block in a frame. */
function fragment(frame: Frame): Buffer {
	if (frame.type === TYPES.continuation) return frame.payload;
	const content = unpadded(frame);
	return frame.type === TYPES.headers && (frame.flags & PRIORITY) !== 0 ? content.subarray(5) : content;
}

function endMessage(row: Http2Row, direction: 'in' | 'out'): void {
	if (direction === 'in') row.reqEnded = true;
	else row.resEnded = true;
}

function fieldRows(fields: readonly HeaderField[], trailer: boolean): FieldRow[] {
	return fields
		.filter(([name]) => !name.startsWith(':') || name === ':protocol')
		.map(([name, value]) => ({ name, value, trailer }));
}

function takeRequest(rows: Map<number, Http2Row>, id: number, fields: readonly HeaderField[], type: number): void {
	const known = rows.get(id);
	if (known !== undefined) {
		known.reqHeaders.push(...fieldRows(fields, true));
		return;
	}
	const fieldOf = (wanted: string) => fields.find(([name]) => name === wanted)?.[1] ?? null;
	const pushed = type === TYPES.pushPromise;
	const host = fieldOf(':authority') ?? fieldOf('host');
	const isConnect = fieldOf(':method') === 'CONNECT';
	rows.set(id, {
		stream: id,
		method: fieldOf(':method'),
		target: fieldOf(':path') ?? (isConnect ? host : null),
		host,
		reqHeaders: fieldRows(fields, false),
		reqBody: '',
		reqEnded: pushed,
		interim: [],
		status: null,
		resHeaders: [],
		resBody: '',
		resEnded: false,
		pushed,
		reset: null,
		refused: null,
		upgraded: false,
	});
}

function takeResponse(row: Http2Row | undefined, fields: readonly HeaderField[]): void {
	if (row === undefined) return;
	const status = Number(fields.find(([name]) => name === ':status')?.[1] ?? 0);
	if (row.status !== null) row.resHeaders.push(...fieldRows(fields, true));
	else if (status < 200) row.interim.push(status);
	else {
		row.status = status;
		row.resHeaders = fieldRows(fields, false);
	}
}
