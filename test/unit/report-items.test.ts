// The messages inside exchanges in a report: which are in the page, and as what.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { redactExchange } from '../../src/output/redacted-exchange.ts';
import { createRedactor } from '../../src/output/redaction.ts';
import { ReportBuilder } from '../../src/report/report-builder.ts';
import type { Detail, DetailsPart } from '../../src/report/report-data.ts';
import { chosenItems } from '../../src/report/report-items.ts';
import { exchangeRecord } from '../../src/store/exchange-detail.ts';
import { type ExchangeMessage, messagesReader } from '../../src/store/exchange-messages.ts';
import { data, headers, PREFACE, requestBlock, responseBlock, settings } from '../../support/http2-frames.ts';
import { BINARY, closeFrame, grpcMessage, socketFrame, TEXT } from '../../support/message-frames.ts';
import { type ConnectionTape, Tape } from '../../support/record-builder.ts';
import { stored } from '../../support/stored-exchanges.ts';

const UPGRADE = 'GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
const SWITCHING = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
const EVENTS = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n';

type Options = { readonly bodyLimit?: number; readonly redacted?: boolean; readonly client?: boolean };

/** The detail of the only exchange, and how many messages the page leaves out. */
function detailOf(
	write: (connection: ConnectionTape, tape: Tape) => void,
	{ bodyLimit = 1 << 20, redacted = false, client = false }: Options = {},
): Detail & { readonly cutItems: number } {
	const tape = new Tape();
	tape.clock(1_700_000_000_000_000_000n);
	write((client ? tape.client(1) : tape.server(1)).open(), tape);
	const { database } = stored(tape);
	const record = exchangeRecord(database.exchanges, { id: 1 })!;
	const messages = messagesReader(database.tables.get('messages')!)(1);
	const exchange = messages === undefined ? record : { ...record, messages };
	const builder = new ReportBuilder(bodyLimit);
	builder.add(redacted ? redactExchange(exchange, createRedactor(Buffer.alloc(32, 7))) : exchange, '/chat');
	const [part] = builder.details();
	const [detail] = (JSON.parse(part!) as DetailsPart).exchanges;
	return { ...detail!, cutItems: builder.cutItems };
}

test('a WebSocket has its messages: direction, time, kind, size, content, code', () => {
	const { items, cutItems } = detailOf((server, tape) => {
		server.in(UPGRADE).out(SWITCHING);
		tape.pause(5);
		server
			.in(socketFrame(TEXT, '{"a":1}', { mask: 7 }))
			.out(socketFrame(BINARY, Buffer.from([1, 0xfe])))
			.out(closeFrame(4001, 'too slow'));
	});
	assert.equal(cutItems, 0);
	const [text, binary, close] = items!.list;
	const { after, ...others } = text!;
	assert.ok(after! >= 5000 && after! < 9000, String(after));
	assert.deepEqual(others, {
		...{ seq: 1, sent: 1, kind: 'text', bytes: 7 },
		body: { kind: 'text', type: 'text/plain', bytes: 7, text: '{"a":1}' },
	});
	assert.deepEqual(
		[binary!.sent, binary!.kind, binary!.body!.base64, binary!.body!.text],
		[0, 'binary', 'Af4=', undefined],
	);
	assert.deepEqual([close!.code, close!.body!.text, close!.bytes], [4001, 'too slow', 10]);
	// What a client sends goes to the server, too.
	const seen = detailOf(
		(client) =>
			client
				.out(UPGRADE)
				.in(SWITCHING)
				.out(socketFrame(TEXT, 'x', { mask: 7 })),
		{
			client: true,
		},
	);
	assert.equal(seen.items!.list[0]!.sent, 1);
});

test('events have names and ids, and fields of protobuf are lines', () => {
	const { items } = detailOf((server) =>
		server.in('GET /chat HTTP/1.1\r\nHost: a\r\n\r\n').out(`${EVENTS}event: token\nid: 7\ndata: hi\n\n`).close(),
	);
	const [event] = items!.list;
	assert.deepEqual([event!.kind, event!.name, event!.id, event!.body!.text], ['event', 'token', '7', 'hi']);
	const grpc = detailOf((server) => {
		const type = ['content-type', 'application/grpc'] as const;
		server.in(PREFACE).in(settings()).out(settings());
		server.in(headers(1, requestBlock('/chat.Chat/Talk', [type], 'POST')));
		server.in(data(1, grpcMessage(Buffer.from([8, 5, 18, 2, 104, 105])), true));
		server.out(headers(1, responseBlock(200, [type]), true));
	});
	assert.equal(grpc.items!.list[0]!.body!.fields, '1 varint: 5\n2 string: "hi"');
});

test('a page has the first and the last messages of an exchange, and says how many it leaves out', () => {
	const { items, cutItems } = detailOf((server) => {
		server.in(UPGRADE).out(SWITCHING);
		for (let i = 0; i < 1000; i++) server.out(socketFrame(TEXT, String(i)));
	});
	assert.deepEqual([items!.list.length, items!.cut, cutItems], [500, { count: 500, after: 400 }, 500]);
	assert.deepEqual([items!.list[399]!.seq, items!.list[400]!.seq, items!.list[499]!.seq], [400, 901, 1000]);
	const message = (seq: number) => ({ seq }) as ExchangeMessage;
	const messages = [1, 2, 3, 4, 5, 6, 7].map(message);
	assert.deepEqual(chosenItems({ messages, more: 0 }, 7), { list: messages });
	// The last ones are not known if there are more.
	const room = chosenItems({ messages, more: 3 }, 5);
	assert.deepEqual([room.list.map(({ seq }) => seq), room.cut], [[1, 2, 3, 4, 5], { count: 5, after: 5 }]);
	const few = chosenItems({ messages, more: 0 }, 5);
	assert.deepEqual([few.list.map(({ seq }) => seq), few.cut], [[1, 2, 3, 4, 7], { count: 2, after: 4 }]);
	assert.deepEqual(chosenItems({ messages, more: 0 }, 0), { list: [], cut: { count: 7, after: 0 } });
});

test('long messages are cut like bodies, and secrets are replaced in them', () => {
	const long = detailOf(
		(server) =>
			server
				.in(UPGRADE)
				.out(SWITCHING)
				.out(socketFrame(TEXT, 'x'.repeat(1000))),
		{
			bodyLimit: 100,
		},
	);
	const { body } = long.items!.list[0]!;
	assert.deepEqual([body!.text!.length, body!.bytes, body!.cut], [100, 1000, 900]);
	const secret = detailOf(
		(server) => server.in(UPGRADE).out(SWITCHING).out(socketFrame(TEXT, '{"password":"c4n4ry-S3cr3t"}')),
		{ redacted: true },
	);
	assert.match(secret.items!.list[0]!.body!.text!, /^\{"password":"REDACTED-\d+-\w+"\}$/);
});
