// Connections between two exchanges. A recording that starts now contains their stream offsets, so that a replay decodes
// them as if it had seen them from the beginning.
import { AT_START } from '../http1/states';
import { Connection, NO_EXCHANGE, NO_HTTP2, NO_MESSAGE, NO_PENDING, NO_PREFACE, NO_STREAM, Stream } from '../memory/state';

/** Whether no exchange is in progress, and all earlier ones were paired without doubt. */
export function isAtRest(connection: Connection): bool {
	if (connection.http2 != NO_HTTP2 || connection.preface != NO_PREFACE) return false;
	if (connection.closed || connection.opaque || connection.ignored || connection.tunnel) return false;
	if (connection.unverified || connection.suspected || connection.stray) return false;
	if (connection.doubt != 0 || connection.unproven || connection.abandoned != 0) return false;
	if (connection.first != NO_EXCHANGE || connection.waiting != NO_EXCHANGE || connection.unboundCount != 0) return false;
	if (connection.early != NO_EXCHANGE || connection.requestGap || connection.responseGap) return false;
	// Nothing may be known about a connection that began before the capture and has carried nothing since.
	if (!connection.recognised && connection.midstream) return false;
	return isBetween(connection.incoming) && isBetween(connection.outgoing);
}

/** Whether the stream is between two messages. */
function isBetween(stream: Stream): bool {
	if (stream == NO_STREAM) return true;
	if (stream.ended || stream.ending || stream.closing || stream.guess) return false;
	if (stream.firstPending != NO_PENDING || stream.spill != NO_MESSAGE || stream.leading != 0) return false;
	return stream.state == AT_START && stream.message == NO_MESSAGE;
}
