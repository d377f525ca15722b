// A connection that does not carry HTTP/1, or no longer does: its bytes are only counted.
import { AT_START } from '../http1/states';
import { bodyLimit } from '../memory/settings';
import { OPAQUE, NO_EXCHANGE, NO_HELLO, NO_MESSAGE, NO_STREAM, Connection, Stream, isPlaintext } from '../memory/state';
import { noteProtocol } from '../rows/blind-spots';
import { writeSkip } from '../rows/entries';
import * as exchanges from '../rows/exchanges';
import { freeMessage } from '../rows/messages';
import { PROTOCOL_HTTP2, PROTOCOL_OTHER, PROTOCOL_TLS } from '../wire/output-layout';
import { leaveSpill } from './spill';

/** The largest offset that a float represents exactly; it stands for the end of the stream. */
export const SKIPPED_MOST: u64 = (1 << 53) - 1;

/** From here on nothing on the connection is read. */
export function setOpaque(connection: Connection, protocol: i32, isNews: bool = true): void {
	connection.protocol = protocol;
	connection.opaque = true;
	if (connection.incoming != NO_STREAM) makeOpaque(connection.incoming);
	if (connection.outgoing != NO_STREAM) makeOpaque(connection.outgoing);
	if (isNews && (protocol == PROTOCOL_TLS || protocol == PROTOCOL_HTTP2)) noteProtocol(connection);
}

function makeOpaque(stream: Stream): void {
	// TLS begins where nothing has been read yet.
	if (stream.connection.wrapped && stream.state == AT_START) stream.helloAt = stream.next;
	if (stream.state != OPAQUE) skipUnread(stream);
	clearStream(stream);
	stream.state = OPAQUE;
}

/**
 * The same, unless the bytes are TLS whose hello is still to be read. Of a connection that is TLS from its beginning, the
 * kernel side copies little more than the hellos anyway.
 */
export function skipUnread(stream: Stream): void {
	const connection = stream.connection;
	if (connection.protocol == PROTOCOL_TLS) {
		if (!connection.wrapped || stream.hello != NO_HELLO || stream.next == stream.helloAt) return;
	}
	skipOpaque(stream);
}

/** Tells the kernel not to copy bytes that are not HTTP/1, unless everything is to be recorded. */
export function skipOpaque(stream: Stream): void {
	if (bodyLimit == u64.MAX_VALUE || stream.connection.ignored || isPlaintext(stream.connection)) return;
	writeSkip(stream.connection.id, stream.direction, SKIPPED_MOST);
}

/** Ends whatever is being read on the stream. */
export function clearStream(stream: Stream): void {
	const message = stream.message;
	if (message != NO_MESSAGE) {
		stream.message = NO_MESSAGE;
		message.reading = false;
		message.ended = true;
		if (message.exchange == NO_EXCHANGE) freeMessage(message);
	}
	leaveSpill(stream);
	stream.state = AT_START;
	stream.guess = false;
	stream.garbage = false;
	stream.closing = false;
	stream.tentative = false;
	stream.remaining = 0;
	stream.skipped = 0;
}

/** Removes rows that turned out not to be HTTP. */
export function takeBack(connection: Connection): void {
	setOpaque(connection, PROTOCOL_OTHER);
	exchanges.dropRows(connection);
}
