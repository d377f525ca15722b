// Reads the lines of a head: start lines, field lines, and what they say about framing (RFC 9112 sections 2 to 6). An
// observer has to read whatever servers and clients accept, so no line with a meaning is refused; oddities are noted as
// anomalies. Lines are passed without their line ends.
import { note } from '../memory/anomalies';
import {
	begins,
	beginsWord,
	copyBytes,
	findByte,
	hasControl,
	hasOther,
	isDigit,
	isSpace,
	isToken,
	isWord,
	skipSpace,
	trimSpace,
} from '../memory/bytes';
import { allocate, enlarge, release } from '../memory/memory';
import { headerCountLimit } from '../memory/settings';
import { Message } from '../memory/state';
import {
	ANOMALY_INCOMPLETE_HEAD,
	ANOMALY_AFTER_CLOSE,
	ANOMALY_BARE_CR,
	ANOMALY_CONFLICTING_CONTENT_LENGTH,
	ANOMALY_DUPLICATE_CONTENT_LENGTH,
	ANOMALY_DUPLICATE_HOST,
	ANOMALY_EMPTY_HEADER_NAME,
	ANOMALY_INVALID_CONTENT_LENGTH,
	ANOMALY_INVALID_HEADER_NAME,
	ANOMALY_INVALID_HEADER_VALUE,
	ANOMALY_INVALID_METHOD,
	ANOMALY_INVALID_REASON,
	ANOMALY_INVALID_STATUS,
	ANOMALY_INVALID_TARGET,
	ANOMALY_INVALID_TRANSFER_ENCODING,
	ANOMALY_LEADING_GARBAGE,
	ANOMALY_MANY_HEADERS,
	ANOMALY_MISSING_COLON,
	ANOMALY_MISSING_REASON,
	ANOMALY_OBS_FOLD,
	ANOMALY_SPACE_BEFORE_COLON,
	ANOMALY_SPACE_BEFORE_HEADERS,
	ANOMALY_SPACE_IN_TARGET,
	ANOMALY_UNKNOWN_METHOD,
	ANOMALY_UNKNOWN_TRANSFER_CODING,
	ANOMALY_UNSUPPORTED_VERSION,
	ANOMALY_WHITESPACE_IN_START_LINE,
	HEADER_BYTES,
	HEADER_FLAGS,
	HEADER_NAME_LENGTH,
	HEADER_NAME_OFFSET,
	HEADER_VALUE_LENGTH,
	HEADER_VALUE_OFFSET,
} from '../wire/output-layout';

/** What an Upgrade field asks for. */
const UPGRADE_OTHER: u8 = 1;
export const UPGRADE_WEBSOCKET: u8 = 2;
export const UPGRADE_HTTP2: u8 = 3;

/** The kinds of first lines. */
export const LINE_HTTP: u32 = 1;
/** A request line without a version: HTTP/0.9, or another protocol. */
export const LINE_SIMPLE: u32 = 2;
/** It has a version of HTTP but cannot be read. */
export const LINE_MALFORMED: u32 = 3;
export const LINE_OTHER: u32 = 4;
export const LINE_HTTP2: u32 = 5;

/** The field of the previous line, if a folded continuation of it matters. */
export const FIELD_OTHER: u8 = 0;
const FIELD_HOST: u8 = 1;
const FIELD_CONNECTION: u8 = 2;
const FIELD_LENGTH: u8 = 3;
const FIELD_CODINGS: u8 = 4;

/** `HTTP/1.1`, `HTTP/1.0`, `GET `, `POST` as loaded from memory. */
export const HTTP_1_1: u64 = 0x312e312f50545448;
const HTTP_1_0: u64 = 0x302e312f50545448;
export const GET: u32 = 0x20544547;
const POST: u32 = 0x54534f50;

/**
 * Reads a request line: LINE_*. `base` is the head's first byte, [base, end) the line. Everything before the last
 * word is the target, including spaces, as in servers that accept such a line.
 */
export function readRequestLine(message: Message, base: usize, end: usize): u32 {
	if (readPlainRequestLine(message, base, end)) return LINE_HTTP;
	let at = skipSpace(base, end);
	if (at != base) note(message, ANOMALY_WHITESPACE_IN_START_LINE);
	const methodStart = at;
	let invalid = false;
	while (at < end && !isSpace(load<u8>(at))) {
		if (!isToken(load<u8>(at))) invalid = true;
		at++;
	}
	const methodEnd = at;
	if (methodEnd == methodStart || methodEnd == end) return LINE_OTHER;
	at = skipSpace(at, end);
	if (at - methodEnd != 1 || load<u8>(methodEnd) != 32) note(message, ANOMALY_WHITESPACE_IN_START_LINE);
	const last = trimSpace(at, end);
	if (last != end) note(message, ANOMALY_WHITESPACE_IN_START_LINE);
	if (at == last) return LINE_OTHER;
	let word = last;
	while (word > at && !isSpace(load<u8>(word - 1))) word--;

	message.method = <u32>(methodStart - base);
	message.methodLength = <u32>(methodEnd - methodStart);
	message.target = <u32>(at - base);
	let version = readVersion(word, last);
	if (version < 0 && word > at) version = readOddVersion(message, word, last);
	if (version < 0) {
		message.targetLength = <u32>(last - at);
		if (invalid || word != at) return LINE_OTHER;
		// HTTP/0.9 targets are paths; `GET key` is a cache protocol.
		const isPath = load<u8>(at) == 47 || begins(at, last, 'http://', false);
		return isPath && isKnownMethod(methodStart, methodEnd) ? LINE_SIMPLE : LINE_OTHER;
	}
	message.version = <u32>version;
	let targetEnd = word > at ? word - 1 : at;
	const trimmed = trimSpace(at, targetEnd);
	if (trimmed != targetEnd) note(message, ANOMALY_WHITESPACE_IN_START_LINE);
	targetEnd = trimmed;
	message.targetLength = <u32>(targetEnd - at);
	if (targetEnd == at) {
		note(message, ANOMALY_INVALID_TARGET);
		return LINE_MALFORMED;
	}
	if (invalid) {
		note(message, ANOMALY_INVALID_METHOD);
		return LINE_MALFORMED;
	}
	if (version >> 8 != 1) {
		if (version == 0x200 && isWord(methodStart, methodEnd, 'pri')) return LINE_HTTP2;
		note(message, ANOMALY_UNSUPPORTED_VERSION);
	}
	readMethod(message, methodStart, methodEnd);
	checkTarget(message, at, targetEnd);
	return LINE_HTTP;
}

/** Reads a usual request line: a common method, a path, HTTP/1. Returns false for any other line and does nothing. */
function readPlainRequestLine(message: Message, base: usize, end: usize): bool {
	if (end - base < 14) return false;
	const version = load<u64>(end - 8);
	if ((version != HTTP_1_1 && version != HTTP_1_0) || load<u8>(end - 9) != 32) return false;
	const begin = load<u32>(base);
	const length: u32 = begin == GET ? 3 : begin == POST && load<u8>(base, 4) == 32 ? 4 : 0;
	const target = base + length + 1;
	if (length == 0 || load<u8>(target) != 47 || hasOther(target, end - 9)) return false;
	message.methodLength = length;
	message.target = length + 1;
	message.targetLength = <u32>(end - 9 - target);
	message.version = version == HTTP_1_1 ? 0x101 : 0x100;
	return true;
}

/** Reads method and target of a line that is not a request line, if it begins with a known method. */
export function readOddRequestLine(message: Message, base: usize, end: usize): void {
	const method = skipSpace(base, end);
	let at = method;
	while (at < end && isToken(load<u8>(at))) at++;
	const known = isKnownMethod(method, at) && (at == end || isSpace(load<u8>(at)));
	message.version = 0;
	message.method = <u32>(method - base);
	message.methodLength = known ? <u32>(at - method) : 0;
	// Without a method the whole line is the target.
	const target = known ? skipSpace(at, end) : method;
	message.target = <u32>(target - base);
	message.targetLength = base == 0 ? 0 : <u32>(trimSpace(target, end) - target);
	note(message, !known ? ANOMALY_INVALID_METHOD : message.targetLength == 0 ? ANOMALY_INVALID_TARGET : ANOMALY_UNSUPPORTED_VERSION);
}

/** Reads a request line of which only the beginning, [base, end), and the version at its end were kept. */
export function readCutRequestLine(message: Message, base: usize, end: usize, version: u32): bool {
	readRequestLine(message, base, end);
	if (message.targetLength == 0) return false;
	message.version = version;
	const target = base + message.target;
	message.targetLength = <u32>(end - target);
	readMethod(message, base + message.method, base + message.method + message.methodLength);
	checkTarget(message, target, end);
	return true;
}

/** `HTTP/` digit `.` digit as major << 8 | minor; -1 for another word. */
export function readVersion(at: usize, end: usize): i32 {
	if (end - at != 8 || !begins(at, end, 'HTTP/', false)) return -1;
	const major = load<u8>(at, 5);
	const minor = load<u8>(at, 7);
	if (!isDigit(major) || load<u8>(at, 6) != 46 || !isDigit(minor)) return -1;
	return ((<i32>major - 48) << 8) | (<i32>minor - 48);
}

/**
 * Reads a word that begins like a version but is not HTTP/1: its two numbers if each fits in a byte, 0 if they do
 * not, -1 for a word that is not a version of HTTP.
 */
function readOddVersion(message: Message, from: usize, end: usize): i32 {
	if (end - from < 5 || !isWord(from, from + 5, 'http/')) return -1;
	note(message, ANOMALY_UNSUPPORTED_VERSION);
	let at = from + 5;
	let major: u32 = 0;
	while (at < end && isDigit(load<u8>(at)) && major < 256) major = major * 10 + load<u8>(at++) - 48;
	if (at == from + 5 || at + 1 >= end || load<u8>(at++) != 46) return 0;
	let minor: u32 = 0;
	while (at < end && isDigit(load<u8>(at)) && minor < 256) minor = minor * 10 + load<u8>(at++) - 48;
	return at == end && major < 256 && minor < 256 ? <i32>((major << 8) | minor) : 0;
}

/** Methods of the registry (RFC 9110, WebDAV and friends) and those in wide use, by their first letter. */
const METHODS = `ACL BIND BASELINE-CONTROL COPY CONNECT CHECKIN CHECKOUT DELETE GET HEAD LINK LOCK LABEL MOVE MERGE MKCOL
	M-SEARCH MKACTIVITY MKCALENDAR MKWORKSPACE MKREDIRECTREF NOTIFY OPTIONS ORDERPATCH POST PUT PATCH PURGE PROPFIND
	PROPPATCH QUERY REPORT REBIND SEARCH SOURCE SUBSCRIBE TRACE UPDATE UNLOCK UNBIND UNLINK UNCHECKOUT UNSUBSCRIBE
	VERSION-CONTROL `;
/** The address of the first method for each letter; 0 if there is none. */
const firstMethods = memory.data(26 * 4, 4);

export function prepareMethods(): void {
	const words = changetype<usize>(METHODS);
	for (let i = METHODS.length - 1; i >= 0; i--) {
		const begins = load<u16>(words + (i << 1)) > 32 && (i == 0 || load<u16>(words + ((i - 1) << 1)) <= 32);
		if (begins) store<u32>(firstMethods + ((load<u16>(words + (i << 1)) - 65) << 2), <u32>(words + (i << 1)));
	}
}

/** Whether it is one of these methods. Other methods are only noted in `anomalies`. */
export function isKnownMethod(at: usize, end: usize): bool {
	return matchMethod(at, end, false) != 0;
}

/** Whether [at, end) could begin a request line with a known method: part of a method, or a method and a space. */
export function beginsKnownMethod(at: usize, end: usize): bool {
	let space = at;
	while (space < end && load<u8>(space) != 32) space++;
	return space == end ? matchMethod(at, end, true) != 0 : matchMethod(at, space, false) != 0;
}

/** Length of the longest known method that [from, end) ends with; 0 if there is none. */
export function knownMethodSuffix(from: usize, end: usize): u32 {
	for (let at = max<usize>(from, end - min<usize>(end - from, 17)); at < end; at++) {
		if (matchMethod(at, end, false) != 0) return <u32>(end - at);
	}
	return 0;
}

/** Length of the method at [at, end), or with `partly` of the method that it begins; 0 if there is none. */
function matchMethod(at: usize, end: usize, partly: bool): u32 {
	const length = <u32>(end - at);
	if (length == 0) return 0;
	const letter = <u32>load<u8>(at) - 65;
	if (letter >= 26) return 0;
	let word = <usize>load<u32>(firstMethods + (letter << 2));
	if (word == 0) return 0;
	if (partly && length == 1) return 1;
	const wordsEnd = changetype<usize>(METHODS) + (METHODS.length << 1);
	while (word < wordsEnd && <u32>load<u16>(word) == letter + 65) {
		let i: u32 = 0;
		while (i < length && <u32>load<u16>(word + (i << 1)) == <u32>load<u8>(at + i)) i++;
		if (i == length && (partly || load<u16>(word + (i << 1)) <= 32)) return length;
		while (load<u16>(word) > 32) word += 2;
		while (word < wordsEnd && load<u16>(word) <= 32) word += 2;
	}
	return 0;
}

function readMethod(message: Message, at: usize, end: usize): void {
	message.isHead = begins(at, end, 'HEAD', false) && end - at == 4;
	message.isConnect = begins(at, end, 'CONNECT', false) && end - at == 7;
	if (!isKnownMethod(at, end)) note(message, ANOMALY_UNKNOWN_METHOD);
}

function checkTarget(message: Message, at: usize, end: usize): void {
	if (load<u8>(at) != 47 ? !hasForm(message, at, end) : message.isConnect) note(message, ANOMALY_INVALID_TARGET);
	if (!hasOther(at, end)) return;
	for (let i = at; i < end; i++) {
		const byte = load<u8>(i);
		if (byte == 32 || byte == 9) note(message, ANOMALY_SPACE_IN_TARGET);
		else if (byte < 32 || byte >= 127) note(message, ANOMALY_INVALID_TARGET);
	}
}

/** Whether a target that is not a path has another form: authority for CONNECT, absolute, asterisk (RFC 9112 section 3.2). */
function hasForm(message: Message, from: usize, end: usize): bool {
	if (load<u8>(from) == 42 && end - from == 1) return true;
	let at = from;
	while (at < end && isToken(load<u8>(at))) at++;
	const absolute = at > from && end - at > 3 && load<u8>(at) == 58 && load<u8>(at, 1) == 47 && load<u8>(at, 2) == 47;
	return absolute != message.isConnect;
}

/** Whether the bytes begin, or could begin, like a status line: a version of HTTP in any case, perhaps after a blank. */
export function isStatusLike(from: usize, end: usize): bool {
	const at = from < end && isSpace(load<u8>(from)) ? from + 1 : from;
	return end - at < 5 ? beginsWord(at, end, 'http/') : isWord(at, at + 5, 'http/');
}

/** Reads a status line: LINE_*. */
export function readStatusLine(message: Message, base: usize, end: usize): u32 {
	// An earlier line may have been read as one.
	message.hasStatusText = false;
	if (readPlainStatusLine(message, base, end)) return LINE_HTTP;
	if (!begins(base, end, 'HTTP/', false)) return isStatusLike(base, end) ? LINE_MALFORMED : LINE_OTHER;
	let at = base;
	while (at < end && !isSpace(load<u8>(at))) at++;
	let version = readVersion(base, at);
	if (version < 0) version = readOddVersion(message, base, at);
	if (version < 0) return LINE_MALFORMED;
	message.version = <u32>version;
	if (version >> 8 != 1) note(message, ANOMALY_UNSUPPORTED_VERSION);
	const status = skipSpace(at, end);
	if (status - at != 1 || load<u8>(at) != 32) note(message, ANOMALY_WHITESPACE_IN_START_LINE);
	at = status;
	let value: u32 = 0;
	while (at < end && isDigit(load<u8>(at)) && at - status < 4) {
		value = value * 10 + load<u8>(at) - 48;
		at++;
	}
	if (at - status != 3 || value < 100 || (at < end && !isSpace(load<u8>(at)))) {
		note(message, ANOMALY_INVALID_STATUS);
		return LINE_MALFORMED;
	}
	message.status = value;
	if (at == end) {
		note(message, ANOMALY_MISSING_REASON);
		return LINE_HTTP;
	}
	at++;
	if (hasControl(at, end)) note(message, findByte(at, end, 13) != end ? ANOMALY_BARE_CR : ANOMALY_INVALID_REASON);
	message.hasStatusText = true;
	message.statusText = <u32>(at - base);
	message.statusTextLength = <u32>(end - at);
	return LINE_HTTP;
}

/** Reads a usual status line of HTTP/1.1. Returns false for any other line and does nothing. */
function readPlainStatusLine(message: Message, base: usize, end: usize): bool {
	if (end - base < 13 || load<u64>(base) != HTTP_1_1 || load<u8>(base, 8) != 32 || load<u8>(base, 12) != 32) return false;
	const hundreds = <u32>load<u8>(base, 9) - 48;
	const tens = <u32>load<u8>(base, 10) - 48;
	const ones = <u32>load<u8>(base, 11) - 48;
	// The reason may be empty, but not the space before it (RFC 9112 section 4).
	if (hundreds - 1 > 8 || tens > 9 || ones > 9 || hasControl(base + 13, end)) return false;
	message.version = 0x101;
	message.status = hundreds * 100 + tens * 10 + ones;
	message.hasStatusText = true;
	message.statusText = 13;
	message.statusTextLength = <u32>(end - base) - 13;
	return true;
}

/**
 * Reads one field line [at, end) of the head that begins at `base`. `trailer`: the line is kept but has no effect.
 * `keep` is false if only the meaning of the line counts (beyond the limits).
 */
export function readField(message: Message, base: usize, at: usize, end: usize, trailer: bool, keep: bool): void {
	let from = at;
	while (from != 0) from = readFieldPart(message, base, from, end, trailer, keep);
}

/**
 * A CR without LF (RFC 9112 section 2.2) before what looks like another field line ends the line: returns where that one
 * begins, 0 if there is none.
 */
function readFieldPart(message: Message, base: usize, at: usize, lineEnd: usize, trailer: bool, keep: bool): usize {
	let end = lineEnd;
	let next: usize = 0;
	if (isSpace(load<u8>(at))) {
		foldLine(message, base, at, end, trailer, keep);
		return 0;
	}
	let nameEnd = at;
	while (nameEnd < end && isToken(load<u8>(nameEnd))) nameEnd++;
	let colon = nameEnd;
	if (nameEnd == end || load<u8>(nameEnd) != 58) {
		colon = findByte(nameEnd, end, 58);
		if (colon == end) {
			note(message, ANOMALY_MISSING_COLON);
			message.lastField = FIELD_OTHER;
			if (keep) addField(message, <u32>(at - base), <u32>(trimSpace(at, end) - at), <u32>(end - base), 0, trailer);
			return 0;
		}
		const trimmed = trimSpace(at, colon);
		if (trimmed != colon) note(message, ANOMALY_SPACE_BEFORE_COLON);
		if (trimmed != nameEnd) note(message, ANOMALY_INVALID_HEADER_NAME);
		nameEnd = trimmed;
	}
	if (nameEnd == at) note(message, ANOMALY_EMPTY_HEADER_NAME);
	const valueStart = skipSpace(colon + 1, end);
	let valueEnd = trimSpace(valueStart, end);
	if (hasControl(valueStart, valueEnd)) {
		const bareAt = findByte(valueStart, valueEnd, 13);
		note(message, bareAt != valueEnd ? ANOMALY_BARE_CR : ANOMALY_INVALID_HEADER_VALUE);
		if (bareAt != valueEnd && isFieldLine(bareAt + 1, end, false)) {
			next = bareAt + 1;
			valueEnd = trimSpace(valueStart, bareAt);
		}
	}
	if (keep) {
		const value = <u32>(valueStart - base);
		addField(message, <u32>(at - base), <u32>(nameEnd - at), value, <u32>(valueEnd - valueStart), trailer);
	}
	message.lastField = FIELD_OTHER;
	if (!trailer) readMeaning(message, base, at, nameEnd, valueStart, valueEnd, keep);
	return next;
}

/** After a bare CR in a start line: where a field line begins; `end` if there is none. */
export function fieldAfterBareCr(at: usize, end: usize): usize {
	const bareAt = findByte(at, end, 13);
	return bareAt != end && isFieldLine(bareAt + 1, end, false) ? bareAt + 1 : end;
}

/** Whether the line looks like a field line or the continuation of one. */
export function isFieldLine(at: usize, end: usize, after: bool): bool {
	if (at >= end) return false;
	if (isSpace(load<u8>(at))) return after;
	let nameEnd = at;
	while (nameEnd < end && isToken(load<u8>(nameEnd))) nameEnd++;
	return nameEnd > at && nameEnd < end && load<u8>(nameEnd) == 58;
}

/** Makes room for `count` fields in a message without fields. Returns false if there is no memory. */
export function roomForFields(message: Message, count: u32): bool {
	if (count <= message.fieldCapacity) return true;
	const fields = enlarge(message.fields, 0, count * HEADER_BYTES);
	if (fields == 0) return false;
	message.fields = fields;
	message.fieldCapacity = count;
	return true;
}

export function addField(message: Message, name: u32, nameLength: u32, value: u32, valueLength: u32, trailer: bool): void {
	if (message.fieldCount == message.fieldCapacity) {
		if (message.fieldCount >= headerCountLimit) {
			note(message, ANOMALY_MANY_HEADERS);
			return;
		}
		let capacity = message.fieldCapacity == 0 ? <u32>12 : message.fieldCapacity * 2;
		if (capacity > headerCountLimit) capacity = headerCountLimit;
		const kept = message.fieldCount * HEADER_BYTES;
		const fields = enlarge(message.fields, kept, capacity * HEADER_BYTES);
		if (fields == 0) {
			note(message, ANOMALY_MANY_HEADERS);
			return;
		}
		message.fields = fields;
		message.fieldCapacity = capacity;
	}
	const field = message.fields + message.fieldCount * HEADER_BYTES;
	store<u32>(field, name, HEADER_NAME_OFFSET);
	store<u32>(field, nameLength, HEADER_NAME_LENGTH);
	store<u32>(field, value, HEADER_VALUE_OFFSET);
	store<u32>(field, valueLength, HEADER_VALUE_LENGTH);
	store<u32>(field, trailer ? 1 : 0, HEADER_FLAGS);
	message.fieldCount++;
}

/**
 * obs-fold (RFC 9112 section 5.2): the line continues the value of the previous one. The bytes between stay in the kept head;
 * storeHead turns the line ends inside values into spaces.
 */
function foldLine(message: Message, base: usize, at: usize, end: usize, trailer: bool, keep: bool): void {
	const last = message.fields + (message.fieldCount - 1) * HEADER_BYTES;
	if (message.fieldCount == 0 || (trailer && load<u32>(last, HEADER_FLAGS) == 0)) {
		note(message, ANOMALY_SPACE_BEFORE_HEADERS);
		return;
	}
	note(message, ANOMALY_OBS_FOLD);
	const valueEnd = trimSpace(at, end);
	if (!trailer && valueEnd != at) foldMeaning(message, base, skipSpace(at, end), valueEnd, keep);
	if (!keep || valueEnd == at || message.fieldCount >= headerCountLimit) return;
	const field = message.fields + (message.fieldCount - 1) * HEADER_BYTES;
	const value = load<u32>(field, HEADER_VALUE_OFFSET);
	if (load<u32>(field, HEADER_VALUE_LENGTH) == 0) {
		const start = skipSpace(at, end);
		store<u32>(field, <u32>(start - base), HEADER_VALUE_OFFSET);
		store<u32>(field, <u32>(valueEnd - start), HEADER_VALUE_LENGTH);
	} else {
		store<u32>(field, <u32>(valueEnd - base) - value, HEADER_VALUE_LENGTH);
	}
}

/** Reads a folded line that continues a field that affects framing. */
function foldMeaning(message: Message, base: usize, at: usize, end: usize, keep: bool): void {
	// No word ends at the fold: the parts on both sides make one invalid word.
	const joined = message.valueOpen || load<u8>(at) == 44;
	const field = message.lastField;
	if (field == FIELD_HOST && message.hostLength == 0) {
		message.hasHost = false;
		readHost(message, base, at, end, keep);
	} else if (field == FIELD_CONNECTION) {
		readConnection(message, at, end);
	} else if (field == FIELD_LENGTH && message.valueOpen) {
		// While it had no value, the line was taken for an invalid one.
		if (!message.badBefore) {
			message.badLength = false;
			message.anomalies &= ~((<u64>1) << ANOMALY_INVALID_CONTENT_LENGTH);
		}
		readLength(message, at, end);
	} else if (field == FIELD_LENGTH) {
		message.badLength = true;
		note(message, ANOMALY_INVALID_CONTENT_LENGTH);
	} else if (field == FIELD_CODINGS && joined) {
		readCodings(message, at, end);
	} else if (field == FIELD_CODINGS) {
		message.chunked = false;
		message.otherCoding = true;
		note(message, ANOMALY_INVALID_TRANSFER_ENCODING);
		readCodings(message, findByte(at, end, 44), end);
	}
	message.valueOpen = load<u8>(end - 1) == 44;
}

/** Turns eight letters to lower case. Other bytes change too: `-` stays, and a control byte may become `-`. */
const LOWER: u64 = 0x2020202020202020;

/** Reads the fields that affect framing, and Host. */
export function readMeaning(
	message: Message, base: usize, name: usize, nameEnd: usize, value: usize, end: usize, keep: bool,
): void {
	switch (<i32>(nameEnd - name)) {
		case 4:
			// `host`
			if (!message.isResponse && (load<u32>(name) | 0x20202020) == 0x74736f68) {
				beginMeaning(message, FIELD_HOST, value, end);
				readHost(message, base, value, end, keep);
			}
			break;
		case 6:
			if (!message.isResponse && isWord(name, nameEnd, 'expect') && isWord(value, end, '100-continue')) message.expectContinue = true;
			break;
		case 7:
			if (isWord(name, nameEnd, 'upgrade') && value != end) {
				message.upgrade = isWord(value, end, 'websocket')
					? UPGRADE_WEBSOCKET
					: isWord(value, end, 'h2c')
						? UPGRADE_HTTP2
						: UPGRADE_OTHER;
			}
			break;
		case 10:
			// `connecti`, `on`
			if ((load<u64>(name) | LOWER) == 0x697463656e6e6f63 && (load<u16>(name, 8) | 0x2020) == 0x6e6f) {
				beginMeaning(message, FIELD_CONNECTION, value, end);
				readConnection(message, value, end);
			}
			break;
		case 14:
			// `content-`
			if ((load<u64>(name) | LOWER) == 0x2d746e65746e6f63 && isWord(name, nameEnd, 'content-length')) {
				beginMeaning(message, FIELD_LENGTH, value, end);
				readLength(message, value, end);
			}
			break;
		case 17:
			if (isWord(name, nameEnd, 'transfer-encoding')) {
				beginMeaning(message, FIELD_CODINGS, value, end);
				readCodings(message, value, end);
			}
			break;
		default:
			break;
	}
}

/** Notes the field for a line that may continue its value. */
function beginMeaning(message: Message, field: u8, value: usize, end: usize): void {
	message.lastField = field;
	message.valueOpen = value == end || load<u8>(end - 1) == 44;
	message.badBefore = message.badLength;
}

function readHost(message: Message, base: usize, value: usize, end: usize, keep: bool): void {
	if (message.hasHost) {
		note(message, ANOMALY_DUPLICATE_HOST);
		return;
	}
	message.hasHost = true;
	if (!keep) return;
	message.host = <u32>(value - base);
	message.hostLength = <u32>(end - value);
}

function readConnection(message: Message, value: usize, end: usize): void {
	// `keep-ali`, `ve`, `-`
	const length = end - value;
	if (length == 10 && (load<u64>(value) | LOWER) == 0x696c612d7065656b && (load<u16>(value, 8) | 0x2020) == 0x6576 && load<u8>(value, 4) == 45) {
		message.keepAlive = true;
		return;
	}
	let at = value;
	while (at < end) {
		const comma = findByte(at, end, 44);
		const word = skipSpace(at, comma);
		const wordEnd = trimSpace(word, comma);
		if (isWord(word, wordEnd, 'upgrade')) message.connectionUpgrade = true;
		else if (isWord(word, wordEnd, 'close')) message.close = true;
		else if (isWord(word, wordEnd, 'keep-alive')) message.keepAlive = true;
		at = comma + 1;
	}
}

/** Reads one number that is too short to overflow. Returns false for any other value and does nothing. */
function readPlainLength(message: Message, value: usize, end: usize): bool {
	if (value == end || end - value > 18) return false;
	let number: u64 = 0;
	for (let at = value; at < end; at++) {
		const digit = <u32>load<u8>(at) - 48;
		if (digit > 9) return false;
		number = number * 10 + digit;
	}
	message.hasLength = true;
	message.contentLength = number;
	return true;
}

/**
 * Content-Length: digits only; a list of equal values counts once (RFC 9110 section 8.6). A value beyond 64 bits is
 * invalid like any other word.
 */
function readLength(message: Message, value: usize, end: usize): void {
	if (!message.hasLength && readPlainLength(message, value, end)) return;
	let at = value;
	let empty = true;
	while (at < end || empty) {
		empty = false;
		const comma = findByte(at, end, 44);
		const word = skipSpace(at, comma);
		const wordEnd = trimSpace(word, comma);
		let number: u64 = 0;
		let valid = wordEnd > word;
		for (let i = word; i < wordEnd && valid; i++) {
			const byte = load<u8>(i);
			const digit = <u64>byte - 48;
			if (!isDigit(byte) || number > (u64.MAX_VALUE - digit) / 10) valid = false;
			else number = number * 10 + digit;
		}
		if (!valid) {
			message.badLength = true;
			note(message, ANOMALY_INVALID_CONTENT_LENGTH);
		} else if (message.hasLength) {
			if (number == message.contentLength) {
				note(message, ANOMALY_DUPLICATE_CONTENT_LENGTH);
			} else {
				message.conflictingLength = true;
				note(message, ANOMALY_CONFLICTING_CONTENT_LENGTH);
			}
		} else {
			message.hasLength = true;
			message.contentLength = number;
		}
		at = comma + 1;
	}
	if (value == end || load<u8>(end - 1) != 44) return;
	message.badLength = true;
	note(message, ANOMALY_INVALID_CONTENT_LENGTH);
}

/** Transfer-Encoding: `chunked` is set if it is the last coding of all lines; others make the length unknown. */
function readCodings(message: Message, value: usize, end: usize): void {
	message.codingField = true;
	let at = value;
	while (at < end) {
		const comma = findByte(at, end, 44);
		const word = skipSpace(at, comma);
		const wordEnd = trimSpace(word, comma);
		at = comma + 1;
		if (word == wordEnd) continue;
		if (isWord(word, wordEnd, 'chunked')) {
			// `chunked` twice is invalid, but the body is still chunked.
			if (message.chunked) note(message, ANOMALY_INVALID_TRANSFER_ENCODING);
			message.chunked = true;
		} else if (isWord(word, wordEnd, 'identity')) {
			note(message, ANOMALY_UNKNOWN_TRANSFER_CODING);
		} else {
			if (!isRegisteredCoding(word, wordEnd)) note(message, ANOMALY_UNKNOWN_TRANSFER_CODING);
			if (message.chunked) note(message, ANOMALY_INVALID_TRANSFER_ENCODING);
			message.chunked = false;
			message.otherCoding = true;
		}
		message.hasCoding = true;
	}
}

/** Whether it is a registered coding other than `chunked` (RFC 9112 section 7.2), ignoring parameters. */
function isRegisteredCoding(at: usize, wordEnd: usize): bool {
	const end = trimSpace(at, findByte(at, wordEnd, 59));
	const name = end - at > 2 && isWord(at, at + 2, 'x-') ? at + 2 : at;
	return isWord(name, end, 'gzip') || isWord(name, end, 'compress') || isWord(at, end, 'deflate');
}

/** The field lines read so far do not belong to the message: drops them and their anomalies. */
export function forgetFields(message: Message): void {
	message.fieldCount = 0;
	message.hasHost = false;
	message.hasLength = false;
	message.badLength = false;
	message.conflictingLength = false;
	message.chunked = false;
	message.otherCoding = false;
	message.hasCoding = false;
	message.codingField = false;
	message.lastField = FIELD_OTHER;
	message.valueOpen = false;
	message.upgrade = 0;
	message.connectionUpgrade = false;
	message.close = false;
	message.keepAlive = false;
	message.anomalies &= ((<u64>1) << ANOMALY_AFTER_CLOSE) | ((<u64>1) << ANOMALY_LEADING_GARBAGE);
}

/**
 * Copies the head's bytes [base, base + length) into the message if they are not there already, and turns line ends inside
 * folded values into spaces.
 */
export function storeHead(message: Message, base: usize, length: u32): bool {
	if (message.head != base) {
		if (message.headCapacity < length && !makeRoom(message, length)) {
			forgetHead(message);
			return false;
		}
		copyBytes(message.head, base, length);
	}
	message.headLength = length;
	if (message.head == 0) forgetHead(message);
	if (message.anomalies & ((<u64>1) << ANOMALY_OBS_FOLD)) unfold(message, 0);
	return true;
}

/** Replaces the head's buffer by one for `length` bytes. */
function makeRoom(message: Message, length: u32): bool {
	release(message.head);
	message.headCapacity = 0;
	message.head = allocate(length);
	if (message.head != 0) message.headCapacity = length;
	return message.head != 0;
}

/** Resets all offsets, because there was no memory for the bytes they point to. */
export function forgetHead(message: Message): void {
	message.headLength = 0;
	message.fieldCount = 0;
	message.methodLength = 0;
	message.targetLength = 0;
	message.hasHost = false;
	message.hasStatusText = false;
}

/** Unfolds values from field number `first` on. */
export function unfold(message: Message, first: u32): void {
	for (let i = first; i < message.fieldCount; i++) {
		const field = message.fields + i * HEADER_BYTES;
		const value = message.head + load<u32>(field, HEADER_VALUE_OFFSET);
		const end = value + load<u32>(field, HEADER_VALUE_LENGTH);
		for (let at = findByte(value, end, 10); at < end; at = findByte(at + 1, end, 10)) {
			store<u8>(at, 32);
			if (at > value && load<u8>(at - 1) == 13) store<u8>(at - 1, 32);
		}
	}
}

/** The request line is [start, end); the bytes between `base` and it do not belong to it. */
export function beginRequestAt(message: Message, base: usize, start: usize, end: usize): void {
	forgetFields(message);
	note(message, ANOMALY_LEADING_GARBAGE);
	readRequestLine(message, start, end);
	message.method += <u32>(start - base);
	message.target += <u32>(start - base);
}

/** Reads the beginning of a request line. Returns false if it could be anything. */
export function readBegunLine(message: Message): bool {
	const end = message.head + message.headLength;
	let at = message.head;
	while (at < end && isToken(load<u8>(at))) at++;
	if (at == message.head || !isKnownMethod(message.head, at)) return false;
	readRequestLine(message, message.head, end);
	note(message, ANOMALY_INCOMPLETE_HEAD);
	return true;
}

/** Reads the beginning of a status line: a status followed by a space is complete; otherwise the line is shown as sent. */
export function readBegunStatus(message: Message): void {
	const anomalies = message.anomalies;
	const length = message.headLength;
	readStatusLine(message, message.head, message.head + length);
	if (message.hasStatusText) return;
	message.anomalies = anomalies;
	message.version = 0;
	message.status = 0;
	message.hasStatusText = length != 0;
	message.statusText = 0;
	message.statusTextLength = length;
}

/** Returns the end of the line [at, end) without the extra CR of a CR CR LF. */
export function trimCr(message: Message, at: usize, end: usize): usize {
	let last = end;
	while (last > at && load<u8>(last - 1) == 13) last--;
	if (last != end) note(message, ANOMALY_BARE_CR);
	return last;
}
