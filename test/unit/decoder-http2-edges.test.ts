// HTTP/2 in the decoder: faults in the frames of peers, and rare orders of them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CAPTURE_CONN_HTTP2, FLAG_MIDSTREAM, ROLE_ACCEPTED } from '../../decoder-as/assembly/wire/capture-event.ts';
import {
	type Decoded,
	decodeRecords,
	type ExchangeRow,
	feedRecords,
	newDecoder,
	takeOutput,
} from '../../support/decoded-rows.ts';
import {
	data,
	END_HEADERS,
	END_STREAM,
	frame,
	type HeaderField,
	headers,
	indexedField,
	integer,
	literalBlock,
	number32,
	PREFACE,
	PRIORITY,
	requestBlock,
	responseBlock,
	settings,
	tableField,
} from '../../support/http2-frames.ts';
import { grpcMessage } from '../../support/message-frames.ts';
import { type ConnectionTape, Tape } from '../../support/record-builder.ts';

function decoded(write: (server: ConnectionTape) => void): Decoded {
	const tape = new Tape();
	const server = tape.server(1).open().in(PREFACE).in(settings()).out(settings());
	write(server);
	server.close();
	return decodeRecords(tape.records);
}

/** A connection that was open before the capture, and that the kernel knows to be HTTP/2. */
function older(write: (server: ConnectionTape) => void): Decoded {
	const tape = new Tape();
	const server = tape.server(1, { flags: FLAG_MIDSTREAM, role: ROLE_ACCEPTED | CAPTURE_CONN_HTTP2 });
	write(server);
	server.close();
	return decodeRecords(tape.records);
}

const shown = (row: ExchangeRow) => [row.streamId, row.target, row.status, row.state, row.reason, row.anomalies];
const LEAST = 2 << 20;
const GRPC: HeaderField = ['content-type', 'application/grpc'];

test('the dependency of a priority is no padding, whatever its first byte is', () => {
	const { exchanges } = decoded((server) => {
		const dependency = Buffer.concat([number32(0x0500_0003), Uint8Array.of(15)]);
		server
			.in(frame('headers', 1, Buffer.concat([dependency, requestBlock('/p')]), PRIORITY | END_HEADERS | END_STREAM))
			.out(headers(1, responseBlock(200), true));
	});
	assert.deepEqual(exchanges.map(shown), [[1, '/p', 200, 'complete', null, null]]);
});

test('a server may answer what was not seen as a request', () => {
	// On a connection of which everything was captured, too.
	const { exchanges, questions } = decoded((server) => {
		server.in(headers(1, requestBlock('/1'), true)).out(headers(1, responseBlock(200), true));
		server.out(headers(5, responseBlock(500), true));
	});
	assert.deepEqual(exchanges.map(shown), [
		[1, '/1', 200, 'complete', null, null],
		[5, null, 500, 'incomplete', 'request not seen', null],
	]);
	assert.ok(questions.length > 0);
	// The addresses are asked for at the first row, whichever it is.
	const first = older((server) => server.out(headers(5, responseBlock(500), true)));
	assert.deepEqual(first.questions.filter(({ conn }) => conn === 1).length > 0, true);
});

test('what comes after a reset is no exchange, also on an older connection', () => {
	for (const begin of [decoded, older]) {
		const { exchanges } = begin((server) => {
			server
				.in(headers(5, requestBlock('/5')))
				.in(frame('rstStream', 5, number32(8)))
				.out(headers(5, responseBlock(200)))
				.out(data(5, 'late', true))
				.in(headers(7, requestBlock('/7'), true))
				.out(headers(7, responseBlock(204), true));
		});
		assert.deepEqual(
			exchanges.map(({ streamId, target, status, reason }) => [streamId, target, status, reason]),
			[
				[5, '/5', 0, 'reset: CANCEL'],
				[7, '/7', 204, null],
			],
		);
	}
});

test('a block of a stream that was reset meanwhile is read for its table only', () => {
	const { exchanges } = decoded((server) => {
		const block = Buffer.concat([requestBlock('/1', [], 'POST'), indexedField(['x-id', 'one'])]);
		const trailers = indexedField(['x-sum', 'two']);
		server
			.in(headers(1, block))
			// Trailers that the other side's reset interrupts.
			.in(frame('headers', 1, trailers.subarray(0, 4), END_STREAM))
			.out(frame('rstStream', 1, number32(2)))
			.in(frame('continuation', 1, trailers.subarray(4), END_HEADERS))
			.in(headers(3, Buffer.concat([requestBlock('/3'), tableField(62), tableField(63)]), true))
			.out(headers(3, responseBlock(200), true));
	});
	assert.deepEqual(exchanges.map(shown).at(-1), [3, '/3', 200, 'complete', null, null]);
	assert.deepEqual(
		exchanges.at(-1)!.reqHeaders.map(({ name, value }) => `${name}=${value}`),
		['x-sum=two', 'x-id=one'],
	);
	assert.equal(exchanges.length, 2);
});

test('a target that is too long is left out, and the row says so', () => {
	const { exchanges } = decoded((server) => {
		const long = literalBlock([
			[':method', 'GET'],
			[':scheme', 'http'],
			[':path', `/${'x'.repeat(200_000)}`],
			['x-after', 'kept?'],
		]);
		const pieces = Array.from({ length: Math.ceil(long.length / 16_000) }, (_, i) =>
			long.subarray(i * 16_000, (i + 1) * 16_000),
		);
		for (const [i, piece] of pieces.entries()) {
			const flags = i === pieces.length - 1 ? END_HEADERS : 0;
			server.in(i === 0 ? frame('headers', 1, piece, flags | END_STREAM) : frame('continuation', 1, piece, flags));
		}
		server.out(headers(1, responseBlock(200), true));
		server.in(headers(3, requestBlock('/3'), true)).out(headers(3, responseBlock(200), true));
	});
	assert.deepEqual(exchanges.map(shown), [
		[1, null, 200, 'complete', null, 'long-headers'],
		[3, '/3', 200, 'complete', null, null],
	]);
});

test('of a table that is larger than what is kept, older entries are unknown, not wrong', () => {
	const { exchanges } = decoded((server) => {
		const grows = integer(200_000, 5, 0x20);
		const entries = Array.from({ length: 20 }, (_, i) =>
			indexedField([`x-${i}`, String(i).repeat(5000).slice(0, 5000)]),
		);
		server.in(headers(1, Buffer.concat([grows, requestBlock('/1'), ...entries.slice(0, 3)]), true));
		for (let i = 1; i < 6; i++)
			server.in(
				headers(2 * i + 1, Buffer.concat([requestBlock(`/${2 * i + 1}`), ...entries.slice(3 * i, 3 * i + 3)]), true),
			);
		// The first entry is the oldest of 18.
		server.in(headers(13, Buffer.concat([requestBlock('/13'), tableField(62 + 17), tableField(62)]), true));
		for (let i = 0; i < 7; i++) server.out(headers(2 * i + 1, responseBlock(200), true));
	});
	const last = exchanges.find(({ streamId }) => streamId === 13)!;
	assert.deepEqual(shown(last), [13, '/13', 200, 'complete', null, 'hpack-unknown']);
	assert.deepEqual(
		last.reqHeaders.map(({ name }) => name),
		['x-17'],
	);
});

test('a table that was emptied is known as a whole: an index beyond it is a fault', () => {
	const wrong = (sizes: readonly number[]) =>
		older((server) => {
			const resized = Buffer.concat(sizes.map((size) => integer(size, 5, 0x20)));
			server.in(headers(5, Buffer.concat([resized, requestBlock('/5'), tableField(70)]), true));
			server.out(headers(5, responseBlock(200), true));
		}).exchanges.map(({ streamId, anomalies }) => [streamId, anomalies]);
	assert.deepEqual(wrong([]), [[5, 'hpack-unknown']]);
	assert.deepEqual(wrong([0, 4096]), [[5, 'hpack-unknown,invalid-header-block']]);
});

test('messages have the direction of their side, whichever side was heard first', () => {
	const talk = (server: ConnectionTape) =>
		server
			.in(headers(5, requestBlock('/chat.Chat/Talk', [GRPC], 'POST')))
			.in(data(5, grpcMessage('question'), true))
			.out(headers(5, responseBlock(200, [GRPC])))
			.out(data(5, grpcMessage('answer'), true));
	const tapes: readonly ((server: ConnectionTape) => void)[] = [
		(server) => {
			// The server's settings come before the preface is read.
			server.open().out(settings()).in(PREFACE).in(settings());
			talk(server);
		},
		(server) => {
			server.open().in(PREFACE).in(settings()).out(settings());
			talk(server);
		},
	];
	const asked = (messages: Decoded['messages']) => messages.map(({ direction, kind }) => [direction, kind]);
	for (const write of tapes) {
		const tape = new Tape();
		const server = tape.server(1);
		write(server);
		server.close();
		assert.deepEqual(asked(decodeRecords(tape.records).messages), [
			['in', 'grpc'],
			['out', 'grpc'],
		]);
	}
	// On an older connection, the first head tells which side asks.
	const first = older((server) => talk(server));
	assert.equal(first.messages.length, 2);
	const answered = older((server) => {
		server.out(headers(3, responseBlock(200, [GRPC]))).out(data(3, grpcMessage('older'), true));
		talk(server);
	});
	assert.deepEqual(
		answered.messages.map(({ direction }) => direction),
		['out', 'in', 'out'],
	);
});

test('without memory, heads and connections are given up, and nothing is read that is not there', () => {
	const decoder = newDecoder({ memoryLimit: LEAST, eventsLimit: 0 });
	const decoded: Decoded[] = [];
	const tape = new Tape();
	const feed = () => {
		decoded.push(feedRecords(decoder, tape.records.splice(0)));
	};
	// Requests whose heads never end, and others with long fields, on more and more connections.
	for (let conn = 1; conn <= 24; conn++) {
		const server = tape.server(conn).open();
		server.in(PREFACE.slice(0, 10)).in(PREFACE.slice(10)).in(settings()).out(settings());
		for (let id = 1; id < 40; id += 2) {
			const long = literalBlock([
				[':method', 'GET'],
				[':path', `/${'p'.repeat(3000)}`],
				['x-long', 'v'.repeat(4000)],
			]);
			if (id % 4 === 1) server.in(headers(id, long));
			else server.in(frame('headers', id, long.subarray(0, 5000)));
			if (id % 4 === 3) server.in(frame('continuation', id, long.subarray(5000), END_HEADERS));
			if (id % 8 === 1) server.out(headers(id, responseBlock(200, [['x-answer', 'a'.repeat(2000)]])));
		}
		// A head that stays incomplete.
		server.in(frame('headers', 41, literalBlock([['x-never', 'n'.repeat(9000)]]).subarray(0, 8000)));
		feed();
	}
	const rows = decoded.flatMap(({ exchanges }) => exchanges);
	const losses = decoder.loss().reduce((sum, { events }) => sum + events, 0);
	assert.ok(losses > 0, 'memory was exhausted');
	for (const { target, status } of rows) {
		assert.ok(target === null || /^\/p{3000}$/.test(target), String(target).slice(0, 50));
		assert.ok(status === 0 || status === 200, String(status));
	}
	// There is memory again once the connections have ended.
	for (let conn = 1; conn <= 24; conn++) tape.server(conn).close();
	feed();
	const server = tape.server(1000).open().in(PREFACE).in(settings()).out(settings());
	server
		.in(headers(1, requestBlock('/after'), true))
		.out(headers(1, responseBlock(204), true))
		.close();
	feed();
	decoder.finish();
	const all = [...decoded.flatMap(({ exchanges }) => exchanges), ...takeOutput(decoder).exchanges];
	assert.equal(all.find(({ target }) => target === '/after')?.status, 204);
});
