// Decides whether a connection is HTTP/1 and which direction carries requests: by the first bytes of either side, by who
// connected, and, if a client begins with something else, by the answer.
import { HTTP_1_1, isStatusLike } from '../http1/head';
import { mayBeStart } from '../http1/resync';
import { mayBeRequest } from '../http1/starts';
import { begins } from '../memory/bytes';
import { CARRIES_REQUESTS, CARRIES_RESPONSES, NO_HTTP2, NO_PREFACE, NO_STREAM, Connection, Stream } from '../memory/state';
import { forgetProtocol, noteProtocol, protocolOf } from '../rows/blind-spots';
import * as exchanges from '../rows/exchanges';
import { ROLE_ACCEPTED, ROLE_CONNECTED } from '../wire/capture-event';
import { PROTOCOL_HTTP1, PROTOCOL_OTHER } from '../wire/output-layout';
import { beginSearch } from './http1-messages';
import { acceptPreface, forgetPreface, hasPreface } from './http2-start';
import { setOpaque } from './opaque';

/** Whether it begins like a status line, or like that of a radio station (ICY), which answers only the first request. */
export function mayBeResponse(connection: Connection, at: usize, end: usize): bool {
	if (end - at >= 8 && load<u64>(at) == HTTP_1_1) return true;
	return isStatusLike(at, end) || (connection.exchanges <= 1 && connection.responsesBegun == 0 && begins(at, end, 'ICY ', true));
}

/** Decides which direction carries requests: by the first bytes of either, otherwise by which side connected. */
export function chooseRole(stream: Stream, at: usize, end: usize): void {
	const connection = stream.connection;
	const incoming = stream == connection.incoming;
	if (begins(at, end, 'HTTP/', true)) {
		const served = connection.role == ROLE_ACCEPTED ? incoming : connection.role == ROLE_CONNECTED && !incoming;
		// The side that connected decides if `H` may also begin HEAD, or if nothing arrived before that this could
		// answer.
		const first = !stream.midstream && connection.doubt == 0 && mayAsk(stream);
		setRole(stream, served && (first || end - at < 5) ? CARRIES_REQUESTS : CARRIES_RESPONSES);
	} else if (connection.midstream ? mayBeStart(at, end, false) : mayBeRequest(at, end)) {
		// In the middle of a stream, any text may come first.
		setRole(stream, CARRIES_REQUESTS);
	}
}

export function setRole(stream: Stream, role: u8): void {
	const connection = stream.connection;
	stream.role = role;
	if (role == CARRIES_REQUESTS) connection.requests = stream;
	else connection.responses = stream;
	const other = stream == connection.incoming ? connection.outgoing : connection.incoming;
	if (other == NO_STREAM) return;
	other.role = role == CARRIES_REQUESTS ? CARRIES_RESPONSES : CARRIES_REQUESTS;
	if (role == CARRIES_REQUESTS) connection.responses = other;
	else connection.requests = other;
}

/** Nothing of the stream could be read yet: the side that connected sends the requests. */
export function roleByConnection(stream: Stream): void {
	const connection = stream.connection;
	const incoming = stream == connection.incoming;
	if (connection.role == ROLE_ACCEPTED) setRole(stream, incoming ? CARRIES_REQUESTS : CARRIES_RESPONSES);
	else if (connection.role == ROLE_CONNECTED) setRole(stream, incoming ? CARRIES_RESPONSES : CARRIES_REQUESTS);
}

/** Gives a new stream the role that its opposite leaves. */
export function inheritRole(stream: Stream): void {
	const connection = stream.connection;
	const other = stream == connection.incoming ? connection.outgoing : connection.incoming;
	if (stream.role != 0 || other == NO_STREAM || other.role == 0) return;
	setRole(other, other.role);
}

/** The first bytes seen of a connection are not HTTP/1. In the middle of a connection they may be part of a body. */
export function beginOther(stream: Stream, at: usize, end: usize): void {
	const connection = stream.connection;
	const protocol = protocolOf(at, end);
	if (protocol == PROTOCOL_OTHER && connection.doubt != 0) {
		beginSearch(stream, !stream.midstream);
		return;
	}
	setOpaque(connection, protocol);
}

/**
 * The first bytes of a connection or tunnel are not a request. If a client sent them, its server may still answer in HTTP.
 * Until then the connection counts as what it looks like, and its rows are held back.
 */
export function suspect(stream: Stream, at: usize, end: usize): bool {
	const connection = stream.connection;
	if (connection.doubt != 0 || stream.midstream || !mayAsk(stream)) return false;
	connection.protocol = protocolOf(at, end);
	if (isSpot(connection)) noteProtocol(connection);
	connection.suspected = true;
	connection.recognised = true;
	if (stream.role == 0) setRole(stream, CARRIES_REQUESTS);
	return true;
}

/** Whether the stream may be that of the client, which sends first. */
function mayAsk(stream: Stream): bool {
	const connection = stream.connection;
	if (stream.role != 0) return stream.role == CARRIES_REQUESTS;
	const incoming = stream == connection.incoming;
	const other = incoming ? connection.outgoing : connection.incoming;
	if (other != NO_STREAM && other.next != other.base) return false;
	return connection.role == ROLE_ACCEPTED ? incoming : connection.role == ROLE_CONNECTED ? !incoming : true;
}

/** Whether an answer that begins with [at, end) may prove the connection to be HTTP. */
export function mayProve(connection: Connection, at: usize, end: usize): bool {
	if (begins(at, end, 'HTTP/1.', false)) prove(connection);
	else if (begins(at, end, 'HTTP/1.', true)) return true;
	else if (hasPreface(connection)) acceptPreface(connection);
	else disprove(connection);
	return !connection.opaque && connection.http2 == NO_HTTP2;
}

/** Whether the connection is a blind spot as long as its answer is not HTTP/1. */
function isSpot(connection: Connection): bool {
	return connection.protocol != PROTOCOL_OTHER && connection.preface == NO_PREFACE;
}

export function prove(connection: Connection): void {
	if (isSpot(connection)) forgetProtocol(connection);
	forgetPreface(connection);
	connection.protocol = PROTOCOL_HTTP1;
	exchanges.proveRows(connection);
}

export function disprove(connection: Connection): void {
	setOpaque(connection, connection.protocol, connection.preface != NO_PREFACE);
	exchanges.dropSuspected(connection);
}
