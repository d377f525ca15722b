// TLS sessions whose plaintext is seen. A session is a connection of its own beside the one that carries it: it has the same
// id and addresses, streams of plaintext, and rows. The carrier keeps the ciphertext, whose bytes are only counted, and the
// row of table `connections`. Sessions follow one another on a carrier, but there is only one at a time.
import { Connection, NO_CONNECTION, NO_STREAM, Stream, isPlaintext } from '../memory/state';
import { beginMidstream } from '../protocols/alignment';
import { setOpaque } from '../protocols/protocol';
import { copyAddresses } from '../rows/addresses';
import { forgetProtocol } from '../rows/blind-spots';
import * as exchanges from '../rows/exchanges';
import { findMirror, forgetMirror } from '../rows/mirrors';
import { addSession, makeDue, moveToCarrier } from '../tables/connections';
import { dropHolds, holdProcess } from '../tables/processes';
import * as call from '../wire/call';
import { DIRECTION_IN, FLAG_MIDSTREAM, TLS_LIBRARY_MAX } from '../wire/capture-event';
import { PROTOCOL_TLS } from '../wire/output-layout';
import { recordBytes, recordDirection, recordFlags, recordLibrary, recordOffset } from '../wire/record';
import { beginClose, endNow, expectEnd, makeRoom } from './lifecycle';

/** The session that the plaintext record belongs to, begun if it is the first one; NO_CONNECTION without memory. */
export function sessionFor(carrier: Connection, record: usize): Connection {
	const present = carrier.session;
	if (present != NO_CONNECTION && !present.gone) {
		if (!present.closed || mayBeLate(present, record)) return present;
		endNow(present);
	}
	return beginSession(carrier, record);
}

/** Whether the bytes are missing in a session that has ended. Otherwise they belong to the next one. */
function mayBeLate(session: Connection, record: usize): bool {
	const stream = recordDirection(record) == DIRECTION_IN ? session.incoming : session.outgoing;
	if (stream == NO_STREAM) return false;
	const offset = recordOffset(record);
	return offset >= stream.next && offset + recordBytes(record) <= stream.finalOffset;
}

function beginSession(carrier: Connection, record: usize): Connection {
	makeRoom();
	if (carrier.buried) return NO_CONNECTION;
	const session = addSession(carrier);
	if (session == NO_CONNECTION) return session;
	if (!carrier.carries) beginCarrying(carrier);
	session.process = holdProcess(call.pid);
	session.fd = carrier.fd;
	session.role = carrier.role;
	session.answered = carrier.answered;
	session.endReason = carrier.endReason;
	noteLibrary(session, record);
	copyAddresses(carrier, session);
	findMirror(session);
	session.midstream = carrier.midstream || (recordFlags(record) & FLAG_MIDSTREAM) != 0;
	if (session.midstream) beginMidstream(session);
	return session;
}

/**
 * It is known now which connection carries the session that `unmapped` has stood for: the session goes on there, with those
 * of its rows that are not written yet.
 */
export function mapSession(unmapped: Connection, carrier: Connection): void {
	if (!unmapped.unmapped || unmapped.gone || carrier.gone || carrier.ignored || isPlaintext(carrier)) return;
	const present = carrier.session;
	if (present != NO_CONNECTION && !present.gone) endNow(present);
	moveToCarrier(unmapped, carrier);
	if (!carrier.carries) beginCarrying(carrier);
	dropHolds(unmapped);
	unmapped.unmapped = false;
	unmapped.fd = carrier.fd;
	if (unmapped.role == 0) unmapped.role = carrier.role;
	if (unmapped.endReason == 0) unmapped.endReason = carrier.endReason;
	unmapped.answered = carrier.answered;
	copyAddresses(carrier, unmapped);
	findMirror(unmapped);
	makeDue(unmapped);
	if (carrier.closed) beginClose(unmapped, carrier.endReason, carrier.closedAt);
}

/** From here on the connection's own bytes are ciphertext, whatever they have looked like so far. */
function beginCarrying(carrier: Connection): void {
	carrier.carries = true;
	if (carrier.protocol == PROTOCOL_TLS) forgetProtocol(carrier);
	if (!carrier.opaque) {
		setOpaque(carrier, PROTOCOL_TLS, false);
		exchanges.dropSuspected(carrier);
	}
	// The session is what the other side's rows are compared with.
	forgetMirror(carrier);
}

/** Notes which library the plaintext comes from. */
export function noteLibrary(session: Connection, record: usize): void {
	const library = recordLibrary(record);
	if (library < <u32>TLS_LIBRARY_MAX) session.library = <u8>library;
}

/** What became known about the carrier is true of its sessions. */
export function informSessions(carrier: Connection): void {
	for (let session = carrier.session; session != NO_CONNECTION; session = session.earlierSession) {
		session.answered = carrier.answered;
		copyAddresses(carrier, session);
		findMirror(session);
	}
}

/**
 * A direction of the carrier has ended, with REASON_*. A program may get the last of the plaintext later, so the session's
 * stream ends with the connection.
 */
export function foretellEnd(carrier: Connection, isIncoming: bool, reason: i32, orderly: bool): void {
	const session = carrier.session;
	if (session == NO_CONNECTION || session.closed) return;
	if (session.endReason == 0) session.endReason = carrier.endReason;
	const stream: Stream = isIncoming ? session.incoming : session.outgoing;
	if (stream != NO_STREAM) expectEnd(stream, reason, orderly);
}
