// Reads the parts of a stored exchange that have variable length: texts, field lines, bodies, notes. Its only state is
// caches of the segments' dictionaries and of the last decoded bodies.
import * as layout from '../../decoder-as/assembly/wire/output-layout.ts';
import { bodyNote } from '../decode/body-note.ts';
import { charsetText } from '../decode/body-text.ts';
import { bodyCodings, type DecodedContent, decodeContent } from '../decode/content-coding.ts';
import { addressAuthority } from './address-parts.ts';
import { FieldPlaces, fieldValuePlace, hasFields, type Message, onlyFieldPlace } from './field-places.ts';
import {
	ABSENT,
	EXTRA_ENTRY_BYTES,
	EXTRA_PARENT_ID,
	EXTRA_REQ_UNHELD,
	EXTRA_RES_UNHELD,
	EXTRA_SEND_MS,
	EXTRA_STREAM_ID,
	type Segment,
	type TextMember,
} from './segment.ts';
import { otherBytes, wireText } from './wire-text.ts';

/** One field line as sent. */
export type FieldLine = {
	readonly name: string;
	readonly value: string;
	readonly trailer: boolean;
	/** The bytes, if they are not the UTF-8 form of the text; only in lines of exactFieldLines(). */
	readonly nameBytes?: Uint8Array;
	readonly valueBytes?: Uint8Array;
};

/** A text as sent, with its bytes if they are not the UTF-8 form of the text. */
export type ExactText = { readonly text: string; readonly bytes?: Uint8Array };

/** Texts by dictionary code, decoded on first use; shared by all statements that read the segment. */
const dictionaries = new WeakMap<Segment, (string | undefined)[]>();

/** The text of a dictionary member; null for NULL. */
export function dictionaryText(segment: Segment, member: TextMember, row: number): string | null {
	return dictionaryEntry(segment, segment.text[member][row]!);
}

/** The text of dictionary code `code` (0 is NULL). */
export function dictionaryEntry(segment: Segment, code: number): string | null {
	if (code === 0) return null;
	let texts = dictionaries.get(segment);
	if (texts === undefined) {
		texts = [];
		dictionaries.set(segment, texts);
	}
	const known = texts[code];
	if (known !== undefined) return known;
	const start = segment.dictionaryOffset[code - 1]!;
	const text = wireText(segment.arena, start, start + segment.dictionaryLength[code - 1]!);
	texts[code] = text;
	return text;
}

export function targetText(segment: Segment, row: number): string | null {
	return targetPart(segment, row, 0, segment.u32.target_length[row]!);
}

export function exactTarget(segment: Segment, row: number): ExactText | null {
	const length = segment.u32.target_length[row]!;
	if (length === ABSENT) return null;
	const from = segment.u32.target_offset[row]!;
	return exactText(segment, from, from + length);
}

function exactText({ arena }: Segment, start: number, end: number): ExactText {
	const text = wireText(arena, start, end);
	const bytes = otherBytes(arena, start, end, text);
	return bytes === undefined ? { text } : { text, bytes };
}

export function pathText(segment: Segment, row: number): string | null {
	return targetPart(segment, row, segment.u32.path_start[row]!, segment.u32.path_length[row]!);
}

export function queryText(segment: Segment, row: number): string | null {
	return targetPart(segment, row, segment.u32.query_start[row]!, segment.u32.query_length[row]!);
}

/**
 * The absolute URL (RFC 9110 section 7.1): the target itself if it is in absolute-form, `http://` + host + target if it
 * is in origin-form (`https://` in a TLS session, or if a request of HTTP/2 says so), only the authority for CONNECT. Without a host, the
 * server's address is used.
 */
export function urlText(segment: Segment, row: number): string | null {
	const target = targetText(segment, row);
	if (target === null) return null;
	if (/^[a-z][a-z0-9+.-]*:\/\//i.test(target)) return target;
	if (target !== '*' && !target.startsWith('/')) return target;
	const prefix = urlPrefix(segment, row);
	return prefix === null ? null : `${prefix}${target === '*' ? '' : target}`;
}

/** What comes before the path in the URL of a target in origin-form; null if neither host nor server is known. */
export function urlPrefix(segment: Segment, row: number): string | null {
	const authority = dictionaryText(segment, 'host', row) || serverAuthority(segment, row);
	if (authority === null) return null;
	const scheme = (segment.u8.flags[row]! & layout.EXCHANGE_FLAG_HTTPS) !== 0 ? 'https' : 'http';
	return `${scheme}://${authority}`;
}

function serverAuthority(segment: Segment, row: number): string | null {
	const side = segment.u8.side[row]!;
	const end = side === layout.SIDE_SERVER ? 'local' : side === layout.SIDE_CLIENT ? 'remote' : null;
	const address = end === null ? null : dictionaryText(segment, end, row);
	return address === null ? null : addressAuthority(address);
}

const places = new FieldPlaces();

/** The field lines of a message in order, trailers last; empty if its head was not seen. */
export function fieldLines(segment: Segment, row: number, message: Message): FieldLine[] {
	places.findIn(segment, row, message);
	return Array.from({ length: places.count }, (_, index) => ({
		name: wireText(segment.arena, places.nameStart[index]!, places.nameEnd[index]!),
		value: wireText(segment.arena, places.nameEnd[index]!, places.valueEnd[index]!),
		trailer: places.isTrailer[index] === 1,
	}));
}

/** The same lines, with their bytes where the text does not determine them. */
export function exactFieldLines(segment: Segment, row: number, message: Message): FieldLine[] {
	const lines = fieldLines(segment, row, message);
	return lines.map((line, index) => {
		const nameEnd = places.nameEnd[index]!;
		const nameBytes = otherBytes(segment.arena, places.nameStart[index]!, nameEnd, line.name);
		const valueBytes = otherBytes(segment.arena, nameEnd, places.valueEnd[index]!, line.value);
		return {
			...line,
			...(nameBytes === undefined ? {} : { nameBytes }),
			...(valueBytes === undefined ? {} : { valueBytes }),
		};
	});
}

const place = { start: 0, end: 0, code: 0 };

/** The value of the first field line called `lowerName`, or null. */
export function fieldValue(segment: Segment, row: number, message: Message, lowerName: string): string | null {
	if (!fieldValuePlace(segment, row, message, lowerName, place)) return null;
	return wireText(segment.arena, place.start, place.end);
}

/** The value of `lowerName` (ASCII) in headersJson(); undefined if only the JSON can tell, as for repeated fields. */
export function headerField(
	segment: Segment,
	row: number,
	message: Message,
	lowerName: string,
): string | null | undefined {
	const lines = onlyFieldPlace(segment, row, message, lowerName, place);
	if (lines === 2) return undefined;
	return lines === 0 ? null : wireText(segment.arena, place.start, place.end);
}

/** Field lines as a JSON object (fieldObject); null if the head was not seen. */
export function headersJson(segment: Segment, row: number, message: Message): string | null {
	return hasFields(segment, row, message) ? fieldObject(fieldLines(segment, row, message)) : null;
}

/**
 * Field lines as a JSON object with lower-case names. Repeated fields are joined by `, ` (RFC 9110 section 5.3),
 * `cookie` by `; ` (RFC 9113 section 8.2.3); repeated `set-cookie` fields are an array. Written without an object, whose
 * keys would be names from the wire.
 */
export function fieldObject(lines: readonly Pick<FieldLine, 'name' | 'value'>[]): string {
	const values = new Map<string, string | string[]>();
	for (const { name, value } of lines) {
		const key = name.toLowerCase();
		const before = values.get(key);
		if (before === undefined) values.set(key, value);
		else if (Array.isArray(before)) before.push(value);
		else if (key === 'set-cookie') values.set(key, [before, value]);
		else values.set(key, `${before}${key === 'cookie' ? '; ' : ', '}${value}`);
	}
	const members = [...values].map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
	return `{${members.join(',')}}`;
}

/** A copy of the held bytes after transfer decoding. Null if nothing was captured, empty if the body is empty. */
export function rawBody(segment: Segment, row: number, message: Message): Uint8Array | null {
	const requestLength = segment.u32.req_body_length[row]!;
	const responseLength = segment.u32.res_body_length[row]!;
	const length = message === 'request' ? requestLength : responseLength;
	if (length === ABSENT) return null;
	let start = segment.u32.arena_offset[row]!;
	start += present(segment.u32.req_headers_length[row]!) + present(segment.u32.res_headers_length[row]!);
	if (message === 'response') start += present(requestLength);
	return new Uint8Array(Uint8Array.prototype.slice.call(segment.arena, start, start + length));
}

/** Held bytes as text: content-decoded and charset-decoded. */
export function readableBody(segment: Segment, row: number, message: Message): string | null {
	const content = decodedBody(segment, row, message);
	return content === null ? null : charsetText(content.bytes, fieldValue(segment, row, message, 'content-type'));
}

/** The last decoded request body and response body, because a body's text and note are usually read in succession. */
const lastDecoded = new Map<Message, { segment: Segment; row: number; content: DecodedContent }>();

/** The held bytes without their content coding; null if nothing was captured. */
function decodedBody(segment: Segment, row: number, message: Message): DecodedContent | null {
	const coding = codings(segment, row, message);
	const last = lastDecoded.get(message);
	if (coding !== null && last?.segment === segment && last.row === row) return last.content;
	const bytes = rawBody(segment, row, message);
	if (bytes === null) return null;
	const content = decodeContent(bytes, coding);
	if (coding !== null) lastDecoded.set(message, { segment, row, content });
	return content;
}

function codings(segment: Segment, row: number, message: Message): string | null {
	const transfer = headerField(segment, row, message, 'transfer-encoding');
	const content = headerField(segment, row, message, 'content-encoding');
	// The usual case: at most one line of each, and no coding other than chunked.
	if (content !== undefined && (transfer === null || transfer === 'chunked')) {
		return content === null ? null : fieldValue(segment, row, message, 'content-encoding');
	}
	return bodyCodings(fieldLines(segment, row, message));
}

/** Why the body is not held in full or cannot be decoded; otherwise null. */
export function noteText(segment: Segment, row: number, message: Message): string | null {
	const request = message === 'request';
	const total = (request ? segment.f64.req_body_bytes : segment.f64.res_body_bytes)[row]!;
	if (Number.isNaN(total)) return null;
	const unheld = new Array<number>(layout.UNHELD_MAX).fill(0);
	for (const { kind, reason, value } of extras(segment, row))
		if (kind === (request ? EXTRA_REQ_UNHELD : EXTRA_RES_UNHELD)) unheld[reason] = value;
	const endedFlag = request ? layout.EXCHANGE_FLAG_REQ_ENDED : layout.EXCHANGE_FLAG_RES_ENDED;
	const prefixFlag = request ? layout.EXCHANGE_FLAG_REQ_PREFIX : layout.EXCHANGE_FLAG_RES_PREFIX;
	return bodyNote({
		total,
		captured: (request ? segment.f64.req_captured_bytes : segment.f64.res_captured_bytes)[row]!,
		unheld,
		prefix: (segment.u8.flags[row]! & prefixFlag) !== 0,
		ended: (segment.u8.flags[row]! & endedFlag) !== 0,
		content: codings(segment, row, message) === null ? null : decodedBody(segment, row, message),
	});
}

/** Milliseconds from the request's first byte to its last one; null if it was not seen. */
export function sendMs(segment: Segment, row: number): number | null {
	const value = extras(segment, row).find(({ kind }) => kind === EXTRA_SEND_MS)?.value ?? 0;
	return Number.isNaN(value) ? null : value;
}

/** The exchange during which the process sent this request; null if there is none, or it is not known. */
export function parentId(segment: Segment, row: number): number | null {
	return extra(segment, row, EXTRA_PARENT_ID);
}

/** The number of its HTTP/2 stream; null for HTTP/1. */
export function streamId(segment: Segment, row: number): number | null {
	return extra(segment, row, EXTRA_STREAM_ID);
}

/** The value of the first extra of this kind; null if there is none. Creates nothing, because it is read for every row. */
function extra(segment: Segment, row: number, kind: number): number | null {
	const count = segment.u8.extra_count[row]!;
	if (count === 0) return null;
	const { arenaView: view } = segment;
	let at = extrasStart(segment, row);
	for (let i = 0; i < count; i++, at += EXTRA_ENTRY_BYTES)
		if (view.getUint8(at) === kind) return view.getFloat64(at + 2, true);
	return null;
}

function extrasStart({ u32 }: Segment, row: number): number {
	return (
		u32.arena_offset[row]! +
		present(u32.req_headers_length[row]!) +
		present(u32.res_headers_length[row]!) +
		present(u32.req_body_length[row]!) +
		present(u32.res_body_length[row]!)
	);
}

function extras(segment: Segment, row: number): { kind: number; reason: number; value: number }[] {
	const { arenaView: view } = segment;
	const first = extrasStart(segment, row);
	return Array.from({ length: segment.u8.extra_count[row]! }, (_, i) => {
		const at = first + i * EXTRA_ENTRY_BYTES;
		return { kind: view.getUint8(at), reason: view.getUint8(at + 1), value: view.getFloat64(at + 2, true) };
	});
}

function present(length: number): number {
	return length === ABSENT ? 0 : length;
}

function targetPart(segment: Segment, row: number, start: number, length: number): string | null {
	if (length === ABSENT) return null;
	const from = segment.u32.target_offset[row]! + start;
	return wireText(segment.arena, from, from + length);
}
