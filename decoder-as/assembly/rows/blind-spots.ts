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
const EVIDENCE: u32 = 64;
// u32 pid, u32 what, u64 times, u64 last time, 16 bytes comm, u32 length of evidence, the evidence.
const SPOT_BYTES: u32 = 112;
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
	const words = tls ? 'TLS handshake on a connection' : 'HTTP/2 preface on a connection';
	noteSpot(connection.pid, tls ? BLIND_TLS : BLIND_HTTP2, comm, words);
}

/** Undoes that, because the answer is HTTP/1. */
export function forgetProtocol(connection: Connection): void {
	const what = connection.protocol == PROTOCOL_TLS ? BLIND_TLS : BLIND_HTTP2;
	for (let i: u32 = 0; i < spotCount; i++) {
		const spot = spots + i * SPOT_BYTES;
		if (load<u32>(spot) != connection.pid || load<u32>(spot, 4) != what) continue;
		if (load<u64>(spot, 8) != 0) store<u64>(spot, load<u64>(spot, 8) - 1, 8);
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
	}
	store<u64>(spot, load<u64>(spot, 8) + 1, 8);
	store<u64>(spot, now, 16);
	memory.copy(spot + 24, comm, 16);
	const length = min<u32>(<u32>words.length, EVIDENCE);
	store<u32>(spot, length, 40);
	for (let j: u32 = 0; j < length; j++) store<u8>(spot + 44 + j, <u8>load<u16>(changetype<usize>(words) + j * 2));
}

/** Writes ENTRY_BLIND_SPOT for each. */
export function writeSpots(): void {
	for (let i: u32 = 0; i < spotCount; i++) {
		const spot = spots + i * SPOT_BYTES;
		if (load<u64>(spot, 8) == 0) continue;
		const comm = commLength(spot + 24);
		const evidence = load<u32>(spot, 40);
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
		memory.copy(entry + BLIND_SPOT_FIXED_BYTES + comm, spot + 44, evidence);
	}
}
