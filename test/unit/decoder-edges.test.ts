// Single decisions of the decoder, each in the shortest conversation that needs it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as wire from '../../decoder-as/assembly/wire/capture-event.ts';
import { SNAPSHOT_EVENTS, UNHELD_BODY_LIMIT } from '../../decoder-as/assembly/wire/output-layout.ts';
import { type Decoded, decodeRecords, feedRecords, newDecoder, takeOutput } from '../../support/decoded-rows.ts';
import { type ConnectionTape, Tape } from '../../support/record-builder.ts';

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`;
const ok = (body: string) => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const [WRITE, WRITEV] = [wire.SYSCALL_WRITE, wire.SYSCALL_WRITEV].map((syscall) => ({ syscall }));

/** What is decoded of a server's connection. */
function served(say: (server: ConnectionTape, tape: Tape) => void, recordsPerBatch?: number): Decoded {
	const tape = new Tape();
	say(tape.server(1).open(), tape);
	return decodeRecords(tape.records, { recordsPerBatch });
}

test('each call that carries a response is listed once, with the one that carries most of its body', () => {
	const [whole] = served((server) => {
		server.in(get('/')).out('HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n', WRITE);
		server.out('a'.repeat(9), WRITEV).out('b'.repeat(10), WRITE).out('c'.repeat(11), WRITEV);
	}).exchanges;
	assert.deepEqual([whole!.vias, whole!.via], ['write+writev', 'writev']);
	const [odd] = served((server) => {
		server.in(get('/')).out('odd ', WRITE).out('answer without a line end', WRITEV).close();
	}).exchanges;
	assert.deepEqual([odd!.vias, odd!.via, odd!.resBody], ['write+writev', 'writev', 'odd answer without a line end']);
});

test('a method may be longer than the bytes searched for one', () => {
	for (const lineEnd of ['\r\n', '\n']) {
		const method = 'M'.repeat(300);
		const { exchanges } = served((server) => {
			server.in(`${method} /a HTTP/1.1${lineEnd}Host: h\r\n\r\n`).out(ok('ok'));
		});
		assert.deepEqual(
			exchanges.map((row) => [row.method, row.path, row.state, row.anomalies]),
			[[method, '/a', 'complete', lineEnd === '\n' ? 'bare-lf,unknown-method' : 'unknown-method']],
		);
	}
});

test('a request in a tunnel starts a new conversation, and nothing there can be read after a loss', () => {
	const connect = (server: ConnectionTape) =>
		server
			.in('CONNECT x:80 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
			.out('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n');
	const inner = served((server) => void connect(server).in(get('/inner')).out(ok('ok')));
	assert.deepEqual(
		inner.exchanges.map((row) => [row.method, row.path, row.state, row.anomalies]),
		[
			['CONNECT', null, 'upgraded', null],
			['GET', '/inner', 'complete', null],
		],
	);
	const lost = served((server, tape) => {
		connect(server).in('lost');
		tape.records.pop();
		server.in(get('/inner')).out(ok('ok')).close();
	});
	assert.deepEqual([lost.exchanges.length, lost.connections[0]!.protocol], [1, 'other']);
});

test('for a connection opened before the capture, its first bytes determine the side', () => {
	const tape = new Tape();
	// As many bytes as show that it is no HEAD.
	tape.server(1, { flags: wire.FLAG_MIDSTREAM }).in('HTTP/').in('1.1 200 OK\r\nContent-Length: 0\r\n\r\n').close();
	const [row] = decodeRecords(tape.records).exchanges;
	assert.deepEqual([row!.side, row!.status, row!.path], ['client', 200, null]);
});

test('a side that received the first bytes can start an HTTP conversation only with a request', () => {
	const { exchanges, connections } = served((server) => void server.out('\r\n').in('junk\r\n').out(ok('ok')).close());
	assert.deepEqual([exchanges.length, connections[0]!.protocol], [0, 'other']);
});

test('a PROXY protocol preamble names the client, whatever the destination is', () => {
	for (const destination of ['5.6.7.8', '0', '::1', '']) {
		const [row] = served((server) => {
			server.in(`PROXY TCP4 1.2.3.4 ${destination} 4000 80\r\n`).in(get('/')).out(ok('ok'));
		}).exchanges;
		assert.equal(row!.remote, '1.2.3.4:4000', destination);
	}
});

test('bytes beyond the body limit are counted once, even those that turn out to start the next head', () => {
	const tape = new Tape();
	const server = tape.server(1).open();
	server.in('POST /t HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: foo\r\n\r\n').in('x'.repeat(20));
	server.in('GET /b HTT').in('P/1.1\r\nHost: h\r\n\r\n').out(ok('a')).out(ok('b')).close();
	const decoder = newDecoder({ bodyLimit: 4 });
	const rows = feedRecords(decoder, tape.records).exchanges;
	decoder.finish();
	rows.push(...takeOutput(decoder).exchanges);
	assert.deepEqual(
		rows.map((row) => [row.path, row.reqBodyBytes, row.reqUnheld[UNHELD_BODY_LIMIT], row.resBody]),
		[
			['/t', 20, 16, 'a'],
			['/b', 0, 0, 'b'],
		],
	);
	assert.equal(decoder.loss()[wire.LOSS_BODY_LIMIT]!.bytes, 16);
	const other = newDecoder({ bodyLimit: 4 });
	const long = new Tape();
	const post = long.server(1).open().in('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 30\r\n\r\n');
	for (const part of ['a', 'b', 'c']) post.in(part.repeat(10));
	feedRecords(other, long.records);
	const { events, bytes } = other.loss()[wire.LOSS_BODY_LIMIT]!;
	assert.deepEqual([events, bytes], [3, 26]);
});

test('the parts of a call are one event, and only the newest events are kept', () => {
	const tape = new Tape();
	const server = tape.server(1).open().in('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 30\r\n\r\n');
	server
		.out('HTTP/1.1 100 Continue\r\n\r\n')
		.in('x'.repeat(30), { part: 10 })
		.out(ok('y'.repeat(40)), { part: 30 });
	const all = ['accept4  0 0', 'read in 48 48', 'write out 25 25', 'read in 30 30', 'write out 79 79'];
	for (const eventsLimit of [0, 1, 2, 100]) {
		const decoder = newDecoder({ eventsLimit });
		feedRecords(decoder, tape.records);
		decoder.snapshot(SNAPSHOT_EVENTS);
		const shown = takeOutput(decoder).events.map(
			(row) => `${row.syscall} ${row.direction ?? ''} ${row.bytes} ${row.captured}`,
		);
		assert.deepEqual(shown, eventsLimit === 0 ? [] : all.slice(-eventsLimit));
	}
});

test('the other side of a connection is found when its addresses become known', () => {
	const [here, there] = ['10.0.0.1:4000', '10.0.0.2:80'];
	const tape = new Tape();
	const client = tape.client(1, { local: here }).open();
	const server = tape.server(2, { local: there, remote: here }).open();
	client.out(get('/a'));
	server.in(get('/a'));
	tape.factSocket(1, 'socket', here, there);
	server.out(ok('a'));
	client.in(ok('a'));
	const rows = decodeRecords(tape.records).exchanges;
	assert.deepEqual(
		rows.map((row) => [row.side, row.remote, row.pairId]),
		[
			['client', there, 2],
			['server', here, 1],
		],
	);
});

test('of two connections with the same addresses, the other side is the one with the same requests', () => {
	const [here, there] = ['10.0.0.1:4000', '10.0.0.2:80'];
	const tape = new Tape();
	const older = tape.server(1, { local: there, remote: here }).open().in(get('/x'));
	const newer = tape.server(2, { local: there, remote: here }).open().in(get('/y'));
	const client = tape.client(3).open().out(get('/x'));
	tape.factSocket(3, 'socket', here, there);
	for (const server of [older, newer]) server.out(ok('a'));
	client.in(ok('a'));
	const rows = decodeRecords(tape.records).exchanges;
	assert.deepEqual(
		rows.map((row) => [row.side, row.path, row.pairId]),
		[
			['server', '/x', 3],
			['server', '/y', 0],
			['client', '/x', 1],
		],
	);
});

test('CONNECT with a path has a path, and facts of a process may have further parts', () => {
	const { exchanges } = served((server, tape) => {
		server.in('CONNECT /x HTTP/1.1\r\nHost: h\r\n\r\n');
		tape.factProcess(100, 'comm', '/group', 'words', 'exe\0and more');
		server.out('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n');
	});
	const [row] = exchanges;
	assert.deepEqual([row!.path, row!.host, row!.comm, row!.exe], ['/x', 'h', 'comm', 'exe']);
});

test('a request in two pieces is found after a long beginning that is not a request', () => {
	const { exchanges } = served((server) => {
		server
			.in('x y\r\n')
			.in(`${'z'.repeat(99)}\n`.repeat(180))
			.in('GET /b')
			.in(' HTTP/1.1\r\nHost: h\r\n\r\n');
		server.out(ok('a')).out(ok('b'));
	});
	assert.deepEqual(
		exchanges.map((row) => [row.path, row.status, row.anomalies]),
		[
			['/b', 200, 'leading-garbage'],
			[null, 200, null],
		],
	);
});

test('a malformed status line proves that a connection is HTTP, as a good one does', () => {
	const tape = new Tape();
	const client = tape.client(1).open();
	// Longer than what is searched for the end of a request line.
	for (const part of ['HTT', 'P/1', '.1 ', '20 ', 'Bad', '\r\n']) client.in(part);
	client.out('x'.repeat(9000));
	assert.deepEqual(
		decodeRecords(tape.records).exchanges.map((row) => [row.status, row.state, row.reqBodyBytes, row.anomalies]),
		[[0, 'incomplete', 9000, 'invalid-method,invalid-status,early-response']],
	);
});

test('a connection without a process has no name of one, and one at rest did not wait to be read', () => {
	const tape = new Tape();
	tape.server(1, { pid: 0, comm: 'ghost' }).open().in(get('/')).out(ok('ok')).close();
	const offsets = new DataView(new ArrayBuffer(wire.CAPTURE_OPEN_AT_REST_BYTES));
	offsets.setBigUint64(8, 200n, true);
	const resting = tape.server(2, { flags: wire.FLAG_MIDSTREAM });
	resting.add({ kind: wire.CAPTURE_OPEN, payload: new Uint8Array(offsets.buffer) });
	resting.outOffset = 200n;
	resting.in(get('/')).out(ok('ok')).close();
	tape.server(3).open().in(get('/')).out(ok('ok')).close();
	assert.deepEqual(
		decodeRecords(tape.records).connections.map(({ id, comm, acceptWaitMs, bytesIn, bytesOut }) => [
			...[id, comm, acceptWaitMs, bytesIn, bytesOut],
		]),
		[
			[1, null, 1, get('/').length, ok('ok').length],
			[2, 'server', null, get('/').length, ok('ok').length],
			[3, 'server', 1, get('/').length, ok('ok').length],
		],
	);
});
