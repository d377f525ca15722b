// A connection after an upgrade to WebSocket: the bytes of both directions are frames.
import { FORM_WEBSOCKET } from '../items/item';
import { NO_EXCHANGE, NO_ITEMS, NO_STREAM, TALKING, Connection, Exchange, Stream } from '../memory/state';
import * as exchanges from '../rows/exchanges';
import { agreesToDeflate, beginItems, endItems, leaveItems } from '../rows/items';
import { PROTOCOL_WEBSOCKET } from '../wire/output-layout';
import { clearStream } from './opaque';

/** The server accepted the upgrade in the response of `exchange`. Returns false if there is no memory, or no row. */
export function beginTalk(connection: Connection, exchange: Exchange): bool {
	if (exchange == NO_EXCHANGE || connection.incoming == NO_STREAM || connection.outgoing == NO_STREAM) return false;
	if (!attachItems(connection.incoming, exchange) || !attachItems(connection.outgoing, exchange)) return false;
	connection.protocol = PROTOCOL_WEBSOCKET;
	turnTo(connection.incoming);
	turnTo(connection.outgoing);
	exchanges.settle(exchange);
	return true;
}

function attachItems(stream: Stream, exchange: Exchange): bool {
	stream.items = beginItems(exchange, FORM_WEBSOCKET, stream.direction);
	if (stream.items == NO_ITEMS) return false;
	stream.items.mayDeflate = agreesToDeflate(exchange.response);
	return true;
}

function turnTo(stream: Stream): void {
	clearStream(stream);
	stream.leading = 0;
	stream.state = TALKING;
}

/** No more bytes will come in this direction. */
export function endTalk(stream: Stream): void {
	if (stream.items != NO_ITEMS) endItems(stream.items, false);
}

/** The stream is freed. */
export function leaveTalk(stream: Stream): void {
	if (stream.items == NO_ITEMS) return;
	endItems(stream.items, false);
	leaveItems(stream.items);
	stream.items = NO_ITEMS;
}
