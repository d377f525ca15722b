// Recognises other protocols by their first bytes, and lists activity that was noticed but cannot be followed (table
// `blind_spots`).
import { begins } from '../memory/bytes';
import { allocateZeroed } from '../memory/memory';
import { reserve } from '../memory/output';
import { Connection } from '../memory/state';
import { now, wallMicroseconds } from '../wire/clock';
import {
	BLIND_HTTP2,
	BLIND_SPOT_COMM,
	BLIND_SPOT_EVIDENCE,
	BLIND_SPOT_FIXED_BYTES,
	BLIND_SPOT_LAST_TS,
	BLIND_SPOT_PID,
	BLIND_SPOT_TIMES,
	BLIND_SPOT_WHAT,
	BLIND_TLS,
	ENTRY_BLIND_SPOT,
	PROTOCOL_HTTP2,
	PROTOCOL_OTHER,
	PROTOCOL_TLS,
} from '../wire/output-layout';
import { commLength } from './entries';

/** Maximum number of blind spots kept; the one seen longest ago is replaced. */
const SPOTS: u32 = 1024;
const EVIDENCE: u32 = 500;
// u32 pid, u32 what, u64 times, u64 last time, 16 bytes comm, u32 length of evidence, the evidence.
const EVIDENCE_LENGTH: usize = 40;
const EVIDENCE_AT: usize = 44;
const SPOT_BYTES: u32 = 544;
/** A longer name is not the name of a host (RFC 1035 section 2.3.4). */
const NAME_MOST: u32 = 255;
const HANDSHAKE_WORDS = 'TLS handshake on a connection';
/** Ends the list of names that have no room. */
const OTHERS = ', and others';
const SPACE: u8 = 32;
const COMMA: u8 = 44;
let spots: usize = 0;
let spotCount: u32 = 0;

/** PROTOCOL_* for a first line, or first bytes, that are not HTTP/1. */
export function protocolOf(at: usize, end: usize): i32 {
	// A TLS record of type handshake, version 3.x.
	if (end - at >= 2 && load<u8>(at) == 0x16 && load<u8>(at, 1) == 3) return PROTOCOL_TLS;
	if (begins(at, end, 'PRI * HTTP/2', false)) return PROTOCOL_HTTP2;
	return PROTOCOL_OTHER;
}

/** A connection turned out to be TLS or HTTP/2. */
export function noteProtocol(connection: Connection): void {
	const tls = connection.protocol == PROTOCOL_TLS;
	const comm = changetype<usize>(connection) + offsetof<Connection>('comm0');
	const words = tls ? HANDSHAKE_WORDS : 'HTTP/2 preface on a connection';
	noteSpot(connection.pid, tls ? BLIND_TLS : BLIND_HTTP2, comm, words);
}

/** Undoes that, because the answer is HTTP/1, or the plaintext is seen. */
export function forgetProtocol(connection: Connection): void {
	const what = connection.protocol == PROTOCOL_TLS ? BLIND_TLS : BLIND_HTTP2;
	for (let i: u32 = 0; i < spotCount; i++) {
		const spot = spots + i * SPOT_BYTES;
		if (load<u32>(spot) != connection.pid || load<u32>(spot, 4) != what) continue;
		if (load<u64>(spot, 8) != 0) store<u64>(spot, load<u64>(spot, 8) - 1, 8);
		// The names may be those of connections that are read.
		if (load<u64>(spot, 8) == 0 && what == BLIND_TLS) store<u32>(spot, HANDSHAKE_WORDS.length, EVIDENCE_LENGTH);
		return;
	}
}

/** Notes something that cannot be followed: BLIND_*. The comm is copied. */
export function noteSpot(pid: u32, what: u32, comm: usize, words: string): void {
	if (spots == 0) {
		spots = allocateZeroed(SPOTS * SPOT_BYTES);
		if (spots == 0) return;
	}
	let spot = spots;
	let stalest = spots;
	let i: u32 = 0;
	for (; i < spotCount; i++) {
		spot = spots + i * SPOT_BYTES;
		if (load<u32>(spot) == pid && load<u32>(spot, 4) == what) break;
		if (load<u64>(spot, 16) < load<u64>(stalest, 16)) stalest = spot;
	}
	if (i == spotCount) {
		if (spotCount < SPOTS) spot = spots + spotCount++ * SPOT_BYTES;
		else spot = stalest;
		store<u32>(spot, pid);
		store<u32>(spot, what, 4);
		store<u64>(spot, 0, 8);
		store<u32>(spot, 0, EVIDENCE_LENGTH);
		addWords(spot, words);
	}
	store<u64>(spot, load<u64>(spot, 8) + 1, 8);
	store<u64>(spot, now, 16);
	memory.copy(spot + 24, comm, 16);
}

/** Adds ASCII text to the evidence, as far as there is room. */
function addWords(spot: usize, words: string): void {
	const from = load<u32>(spot, EVIDENCE_LENGTH);
	const length = min<u32>(<u32>words.length, EVIDENCE - from);
	for (let i: u32 = 0; i < length; i++) store<u8>(spot + EVIDENCE_AT + from + i, <u8>load<u16>(changetype<usize>(words) + i * 2));
	store<u32>(spot, from + length, EVIDENCE_LENGTH);
}

/** The connection's handshake named this server: adds the name to the evidence, once, as far as there is room. */
export function noteServerName(connection: Connection, name: usize, length: u32): void {
	if (length == 0 || length > NAME_MOST || connection.carries) return;
	for (let i: u32 = 0; i < spotCount; i++) {
		const spot = spots + i * SPOT_BYTES;
		if (load<u32>(spot) == connection.pid && load<u32>(spot, 4) == BLIND_TLS) return addName(spot, name, length);
	}
}

function addName(spot: usize, name: usize, length: u32): void {
	const list = spot + EVIDENCE_AT;
	const end = load<u32>(spot, EVIDENCE_LENGTH);
	if (names(list, list + end, name, length) || endsWith(list, end, OTHERS)) return;
	const before = end <= <u32>HANDSHAKE_WORDS.length ? '; server names: ' : ', ';
	if (end + <u32>before.length + length + <u32>OTHERS.length > EVIDENCE) {
		addWords(spot, OTHERS);
		return;
	}
	addWords(spot, before);
	const at = load<u32>(spot, EVIDENCE_LENGTH);
	memory.copy(list + at, name, length);
	store<u32>(spot, at + length, EVIDENCE_LENGTH);
}

/** Whether the list [from, end) of names holds this one. */
function names(from: usize, end: usize, name: usize, length: u32): bool {
	for (let at = from + 1; at + length <= end; at++) {
		if (load<u8>(at - 1) != SPACE || (at + length < end && load<u8>(at + length) != COMMA)) continue;
		if (memory.compare(at, name, length) == 0) return true;
	}
	return false;
}

function endsWith(list: usize, length: u32, words: string): bool {
	return length >= <u32>words.length && begins(list + length - words.length, list + length, words, false);
}

/** Writes ENTRY_BLIND_SPOT for each. */
export function writeSpots(): void {
	for (let i: u32 = 0; i < spotCount; i++) {
		const spot = spots + i * SPOT_BYTES;
		if (load<u64>(spot, 8) == 0) continue;
		const comm = commLength(spot + 24);
		const evidence = load<u32>(spot, EVIDENCE_LENGTH);
		const entry = reserve(ENTRY_BLIND_SPOT, BLIND_SPOT_FIXED_BYTES, BLIND_SPOT_FIXED_BYTES + comm + evidence);
		if (entry == 0) return;
		store<f64>(entry, <f64>load<u64>(spot, 8), BLIND_SPOT_TIMES);
		store<f64>(entry, wallMicroseconds(load<u64>(spot, 16)), BLIND_SPOT_LAST_TS);
		store<u32>(entry, load<u32>(spot), BLIND_SPOT_PID);
		store<u32>(entry, load<u32>(spot, 4), BLIND_SPOT_WHAT);
		// Imported packets have no process.
		if (comm != 0) store<u32>(entry, BLIND_SPOT_FIXED_BYTES, BLIND_SPOT_COMM);
		store<u32>(entry, comm, BLIND_SPOT_COMM + 4);
		memory.copy(entry + BLIND_SPOT_FIXED_BYTES, spot + 24, comm);
		store<u32>(entry, BLIND_SPOT_FIXED_BYTES + comm, BLIND_SPOT_EVIDENCE);
		store<u32>(entry, evidence, BLIND_SPOT_EVIDENCE + 4);
		memory.copy(entry + BLIND_SPOT_FIXED_BYTES + comm, spot + EVIDENCE_AT, evidence);
	}
}
