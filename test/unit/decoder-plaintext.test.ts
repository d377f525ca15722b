// Plaintext of TLS (FLAG_PLAINTEXT): sessions on a connection whose own bytes are ciphertext.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as wire from '../../decoder-as/assembly/wire/capture-event.ts';
import * as layout from '../../decoder-as/assembly/wire/output-layout.ts';
import {
	type BlindSpotRow,
	type ConnectionRow,
	DECODER_BUILDS,
	type Decoded,
	type DecoderBuild,
	decodeRecords,
	feedRecords,
	newDecoder,
	takeOutput,
} from '../../support/decoded-rows.ts';
import { data, headers, PREFACE, requestBlock, responseBlock, settings } from '../../support/http2-frames.ts';
import { type ConnectionTape, Tape } from '../../support/record-builder.ts';

const CIPHERTEXT = Buffer.from('1703030010000102030405060708090a0b0c0d0e0f', 'hex');
const BATCHES = [undefined, 1, 2, 3];
const ADDRESSES = { local: '127.0.0.1:443', remote: '127.0.0.1:50000' };
const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: shop.example\r\n\r\n`;
const ok = (body: string) => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

/** A server's connection after its handshake, and the plaintext on it. */
function serverSession(tape: Tape, conn = 1, options = {}): [carrier: ConnectionTape, session: ConnectionTape] {
	const carrier = tape
		.server(conn, { ...ADDRESSES, ...options })
		.open()
		.shakeHands();
	return [carrier, carrier.plaintext()];
}

/** Each build, with several sizes of batches. */
function decodings(tape: Tape): { decoded: Decoded; what: string }[] {
	return DECODER_BUILDS.flatMap((build) =>
		BATCHES.map((recordsPerBatch) => ({
			decoded: decodeRecords(tape.records, { recordsPerBatch, build }),
			what: `${build}, ${recordsPerBatch} records a batch`,
		})),
	);
}

/** Connections and blind spots that are open after the records. */
function present(tape: Tape, build: DecoderBuild): { connections: ConnectionRow[]; blindSpots: BlindSpotRow[] } {
	const decoder = newDecoder({}, build);
	feedRecords(decoder, tape.records);
	decoder.snapshot(layout.SNAPSHOT_CONNECTIONS | layout.SNAPSHOT_BLIND_SPOTS);
	return takeOutput(decoder);
}

test('plaintext between ciphertext makes rows; the ciphertext makes no hole', () => {
	const tape = new Tape();
	const [carrier, session] = serverSession(tape);
	for (let i = 1; i <= 23; i++) {
		carrier.in(CIPHERTEXT);
		session.in(get(`/${i}`));
		session.out(ok(`body ${i}`));
		carrier.out(CIPHERTEXT);
	}
	session.close();
	carrier.close();
	for (const { decoded, what } of decodings(tape)) {
		assert.equal(decoded.exchanges.length, 23, what);
		for (const [index, row] of decoded.exchanges.entries()) {
			assert.deepEqual(
				[row.path, row.resBody, row.state, row.tls, row.via, row.vias, row.reqVia, row.lostBytes, row.anomalies],
				[`/${index + 1}`, `body ${index + 1}`, 'complete', 'openssl', 'SSL_write', 'SSL_write', 'SSL_read', 0, null],
				what,
			);
			assert.deepEqual([row.conn, row.side, row.local, row.remote], [1, 'server', ADDRESSES.local, ADDRESSES.remote]);
			assert.equal(row.flags & layout.EXCHANGE_FLAG_HTTPS, layout.EXCHANGE_FLAG_HTTPS);
		}
		assert.deepEqual(decoded.skips, [], `nothing of plaintext can be skipped in the kernel: ${what}`);
		assert.equal(decoded.connections.length, 1, what);
		const [connection] = decoded.connections;
		const ciphertext = 23 * CIPHERTEXT.length;
		assert.deepEqual(
			[connection!.protocol, connection!.exchanges, connection!.side, connection!.syscalls],
			['http1', 23, 'server', 'accept4+read+write+SSL_read+SSL_write+close'],
			what,
		);
		assert.ok(connection!.bytesIn > ciphertext && connection!.bytesIn < ciphertext + 100, what);
	}
});

test('an open connection shows its session, and is no blind spot', () => {
	for (const build of DECODER_BUILDS) {
		const tape = new Tape();
		const [, session] = serverSession(tape);
		assert.deepEqual(
			present(tape, build).blindSpots.map(({ what, times }) => [what, times]),
			[['tls', 1]],
		);
		session.in(get('/')).out(ok('a'));
		const { connections, blindSpots } = present(tape, build);
		assert.deepEqual(
			connections.map(({ protocol, exchanges }) => [protocol, exchanges]),
			[['http1', 1]],
		);
		assert.deepEqual(blindSpots, []);
		// Another connection of the process stays unread.
		serverSession(tape, 2);
		assert.deepEqual(
			present(tape, build).blindSpots.map(({ what, times, evidence }) => [what, times, evidence]),
			[['tls', 1, 'TLS handshake on a connection']],
		);
	}
});

test('calls of plaintext are events of their connection', () => {
	const tape = new Tape();
	const [carrier, session] = serverSession(tape);
	session.in(get('/')).out(ok('a'.repeat(50)), { part: 20 });
	carrier.close();
	const decoder = newDecoder();
	feedRecords(decoder, tape.records);
	decoder.snapshot(layout.SNAPSHOT_EVENTS);
	const events = takeOutput(decoder).events.filter(({ flags }) => flags?.includes('plaintext'));
	assert.deepEqual(
		events.map(({ syscall, conn, bytes, direction }) => [syscall, conn, bytes, direction]),
		[
			['SSL_read', 1, get('/').length, 'in'],
			['SSL_write', 1, ok('a'.repeat(50)).length, 'out'],
		],
	);
});

test('both ends are paired, and a call made while answering has its parent', () => {
	const tape = new Tape();
	const [serverCarrier, server] = serverSession(tape);
	const ends = { local: ADDRESSES.remote, remote: ADDRESSES.local };
	const clientCarrier = tape.client(2, ends).open().shakeHands();
	const client = clientCarrier.plaintext({ library: wire.TLS_LIBRARY_GNUTLS });
	const upstream = tape.client(3, { pid: 100, tid: 100, local: '127.0.0.1:1', remote: '127.0.0.1:80' }).open();
	for (let i = 1; i <= 5; i++) {
		client.out(get(`/${i}`));
		server.in(get(`/${i}`));
		upstream.out(get(`/up/${i}`)).in(ok('up'));
		server.out(ok('x'));
		client.in(ok('x'));
	}
	client.close();
	clientCarrier.close();
	server.close();
	serverCarrier.close();
	for (const { decoded, what } of decodings(tape)) {
		const rows = decoded.exchanges.toSorted((a, b) => a.id - b.id);
		const pairs = new Map(decoded.pairs.flatMap(({ a, b }) => [[a, b] as const, [b, a] as const]));
		const at = (conn: number) => rows.filter((row) => row.conn === conn);
		assert.deepEqual([at(1).length, at(2).length, at(3).length], [5, 5, 5], what);
		for (const [index, row] of at(1).entries()) {
			const other = at(2)[index]!;
			assert.equal(row.pairId || pairs.get(row.id), other.id, what);
			assert.equal(other.pairId || pairs.get(other.id), row.id, what);
			assert.deepEqual([row.tls, other.tls, at(3)[index]!.tls], ['openssl', 'gnutls', null]);
			assert.equal(at(3)[index]!.parentId, row.id, what);
		}
	}
});

test('HTTP/2 and WebSocket inside are read', () => {
	const tape = new Tape();
	const [carrier, session] = serverSession(tape);
	session.in(Buffer.concat([Buffer.from(PREFACE), settings(), headers(1, requestBlock('/two'), true)]));
	session.out(Buffer.concat([settings(), headers(1, responseBlock(200)), data(1, Buffer.from('hi'), true)]));
	session.close();
	carrier.close();
	const [second, talk] = serverSession(tape, 2, { remote: '127.0.0.1:50001' });
	talk.in('GET /talk HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
	talk.out('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
	talk.out(Buffer.from([0x81, 2, 104, 105]));
	talk.close();
	second.close();
	for (const { decoded, what } of decodings(tape)) {
		assert.deepEqual(
			decoded.exchanges
				.map(({ path, state, streamId, resBody, tls }) => [path, state, streamId, resBody, tls])
				.toSorted(),
			[
				['/talk', 'upgraded', 0, '', 'openssl'],
				['/two', 'complete', 1, 'hi', 'openssl'],
			],
			what,
		);
		assert.deepEqual(decoded.connections.map(({ protocol }) => protocol).toSorted(), ['http2', 'websocket'], what);
		assert.deepEqual(
			decoded.messages.map(({ kind, data: text }) => [kind, text]),
			[['text', 'hi']],
			what,
		);
	}
});

test('plaintext that is not HTTP makes no row, and its connection stays tls', () => {
	const tape = new Tape();
	const [carrier, session] = serverSession(tape);
	session.in('EHLO example\r\n').out('250 ok\r\n');
	session.close();
	carrier.close();
	for (const { decoded, what } of decodings(tape)) {
		assert.deepEqual(decoded.exchanges, [], what);
		assert.deepEqual(
			decoded.connections.map(({ protocol }) => protocol),
			['tls'],
			what,
		);
		assert.deepEqual(decoded.skips, [], what);
	}
});

test('a session that has ended is followed by another on the same connection', () => {
	for (const endBefore of [true, false]) {
		const tape = new Tape();
		const [carrier, first] = serverSession(tape);
		first.in(get('/one')).out(ok('1'));
		first.close();
		const second = carrier.plaintext();
		second.in(get('/two')).out(ok('2'));
		if (endBefore) second.close();
		carrier.close();
		if (!endBefore) second.close();
		for (const { decoded, what } of decodings(tape)) {
			assert.deepEqual(
				decoded.exchanges.map(({ path, state, lostBytes }) => [path, state, lostBytes]).toSorted(),
				[
					['/one', 'complete', 0],
					['/two', 'complete', 0],
				],
				what,
			);
			assert.deepEqual(
				decoded.connections.map(({ exchanges }) => exchanges),
				[2],
				what,
			);
		}
	}
});

/** A conversation of which calls were lost. */
function holed(talk: ConnectionTape): void {
	const lose = () => talk.tape.records.pop();
	talk.in(get('/one')).out(ok('one'));
	talk.in(get('/two'));
	talk.out(ok('lost'));
	lose();
	talk.in(get('/three')).out(ok('three'));
	talk.tape.pause(1000);
	talk.in(get('/four')).out('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nthe first half ');
	talk.out('is seen, this is not');
	lose();
	talk.close();
}

test('bytes that were lost are a hole of the session, as they are without TLS', () => {
	const clear = new Tape();
	holed(clear.server(1, ADDRESSES).open());
	const tape = new Tape();
	const [carrier, session] = serverSession(tape);
	carrier.in(CIPHERTEXT);
	tape.records.pop();
	holed(session);
	carrier.close();
	const shown = (decoded: Decoded) =>
		decoded.exchanges
			.toSorted((a, b) => a.id - b.id)
			.map(({ path, state, reason, resBody, resBodyBytes, lostBytes }) => [
				path,
				state,
				reason,
				resBody,
				resBodyBytes,
				lostBytes,
			]);
	for (const [index, { decoded, what }] of decodings(tape).entries()) {
		const expected = shown(decodings(clear)[index]!.decoded);
		assert.deepEqual(expected.at(-1)!.slice(-1), ['is seen, this is not'.length], what);
		assert.deepEqual(shown(decoded), expected, what);
	}
});

test('a session older than the probes begins with the first byte seen', () => {
	const tape = new Tape();
	const carrier = tape.server(1, { ...ADDRESSES, flags: wire.FLAG_MIDSTREAM });
	carrier.in(CIPHERTEXT, { offset: 5000n });
	const session = carrier.plaintext({ flags: wire.FLAG_MIDSTREAM });
	session.inOffset = 700n;
	session.outOffset = 900n;
	session.out('the rest of an earlier response');
	tape.pause(1000);
	session.in(get('/one')).out(ok('1'));
	tape.pause(1000);
	session.in(get('/two')).out(ok('2'));
	session.close();
	carrier.close();
	for (const { decoded, what } of decodings(tape)) {
		const rows = decoded.exchanges.toSorted((a, b) => a.id - b.id);
		assert.deepEqual(
			rows.map(({ path, state, resBody, tls }) => [path, state, resBody, tls]),
			[
				['/one', 'complete', '1', 'openssl'],
				['/two', 'complete', '2', 'openssl'],
			],
			what,
		);
		assert.deepEqual(
			rows.map(({ lostBytes }) => lostBytes),
			[0, 0],
			what,
		);
	}
});

test('a session whose connection is not known has rows without addresses that say so', () => {
	const tape = new Tape();
	const session = tape.unmapped(9, { pid: 100, tid: 101, comm: 'server' });
	session.add({ kind: wire.CAPTURE_OPEN });
	session.in(get('/one')).out(ok('1'));
	session.in(get('/two')).out(ok('2'));
	session.close();
	const late = tape.unmapped(10, { pid: 100, flags: wire.FLAG_MIDSTREAM });
	late.inOffset = 10_000n;
	late.outOffset = 20_000n;
	late.in(get('/late')).out(ok('l'));
	late.in(get('/later')).out(ok('m'));
	late.close();
	for (const { decoded, what } of decodings(tape)) {
		const rows = decoded.exchanges.toSorted((a, b) => a.id - b.id);
		assert.deepEqual(
			rows
				.filter(({ conn }) => conn === 9)
				.map(({ path, state, anomalies, tls, local, remote, side, pid }) => [
					path,
					state,
					anomalies,
					tls,
					local,
					remote,
					side,
					pid,
				]),
			['/one', '/two'].map((path) => [path, 'complete', 'tls-unmapped', 'openssl', null, null, 'server', 100]),
			what,
		);
		const lost = rows.reduce((sum, row) => sum + row.lostBytes, 0);
		assert.equal(lost, 0, what);
		assert.ok(
			rows.some(({ conn, path }) => conn === 10 && path === '/later'),
			what,
		);
		assert.ok(
			rows.every(({ anomalies }) => anomalies === 'tls-unmapped'),
			what,
		);
		assert.deepEqual(
			decoded.questions.filter(({ what: kind }) => kind === layout.QUESTION_SOCKET),
			[],
			what,
		);
		assert.equal(decoded.connections.length, 2, what);
	}
});

test('the end of the socket ends a body of unknown length, though its last bytes are read later', () => {
	const tape = new Tape();
	const ends = { local: ADDRESSES.remote, remote: ADDRESSES.local };
	const carrier = tape.client(1, ends).open().shakeHands();
	const session = carrier.plaintext();
	session.out(get('/'));
	session.in('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nfirst ');
	carrier.in(CIPHERTEXT).eof();
	session.in('and last');
	carrier.close();
	session.close();
	for (const { decoded, what } of decodings(tape)) {
		assert.deepEqual(
			decoded.exchanges.map(({ state, reason, resBody }) => [state, reason, resBody]),
			[['complete', null, 'first and last']],
			what,
		);
	}
});

test('a process that ends, a reset, and a capture that ends tell why an exchange is not complete', () => {
	const cases: readonly [(tape: Tape, carrier: ConnectionTape) => void, string][] = [
		[(tape) => tape.processExit(100), 'process exited'],
		[(_, carrier) => carrier.error(104).close(), 'connection reset'],
		[(_, carrier) => carrier.eof().close(), 'peer closed'],
		[() => {}, 'capture ended'],
		[(_, carrier) => carrier.close(), 'closed'],
	];
	for (const [end, reason] of cases) {
		const tape = new Tape();
		const [carrier, session] = serverSession(tape);
		session.in(get('/'));
		end(tape, carrier);
		for (const { decoded, what } of decodings(tape)) {
			assert.deepEqual(
				decoded.exchanges.map((row) => [row.state, row.reason]),
				[['unanswered', reason]],
				what,
			);
		}
	}
});

test('after CONNECT the exchanges in the tunnel are rows of the same connection', () => {
	const tape = new Tape();
	const ends = { local: ADDRESSES.remote, remote: '127.0.0.1:3128' };
	const carrier = tape.client(1, ends).open();
	carrier.out('CONNECT shop.example:443 HTTP/1.1\r\nHost: shop.example:443\r\n\r\n');
	carrier.in('HTTP/1.1 200 Connection established\r\n\r\n').shakeHands();
	const session = carrier.plaintext();
	session.out(get('/inside')).in(ok('x'));
	session.close();
	carrier.close();
	for (const { decoded, what } of decodings(tape)) {
		assert.deepEqual(
			decoded.exchanges.map(({ method, state, tls, conn }) => [method, state, tls, conn]).toSorted(),
			[
				['CONNECT', 'upgraded', null, 1],
				['GET', 'complete', 'openssl', 1],
			],
			what,
		);
	}
});

test('the body limit is applied to plaintext by the decoder', () => {
	const tape = new Tape();
	const [carrier, session] = serverSession(tape);
	const body = 'b'.repeat(50_000);
	session.in(get('/')).out(ok(body));
	session.in(get('/next')).out(ok('n'));
	session.close();
	carrier.close();
	for (const build of DECODER_BUILDS) {
		const { exchanges, skips } = decodeRecords(tape.records, {
			recordsPerBatch: 1,
			build,
			settings: { bodyLimit: 1000 },
		});
		assert.deepEqual(
			exchanges.map((row) => [row.path, row.resBodyBytes, row.resCaptured, row.state]),
			[
				['/', 50_000, 1000, 'complete'],
				['/next', 1, 1, 'complete'],
			],
		);
		assert.deepEqual(skips, []);
	}
});

test('with many connections, sessions are given up with their connections', () => {
	const tape = new Tape();
	for (let conn = 1; conn <= 40; conn++) {
		const [carrier, session] = serverSession(tape, conn, { remote: `127.0.0.1:${50_000 + conn}` });
		session.in(get(`/${conn}`));
		carrier.in(CIPHERTEXT);
	}
	for (const build of DECODER_BUILDS) {
		const { exchanges } = decodeRecords(tape.records, {
			recordsPerBatch: 7,
			build,
			settings: { connectionsLimit: 10 },
		});
		assert.equal(exchanges.length, 40);
		assert.equal(exchanges.filter(({ reason }) => reason === 'evicted').length > 30, true);
	}
});

test('a session whose connection becomes known goes on there, with its rows', () => {
	for (const before of [0, 1, 2]) {
		const tape = new Tape();
		const carrier = tape.server(1, ADDRESSES).open().shakeHands();
		const unmapped = tape.unmapped(77, { pid: 100, comm: 'server' });
		unmapped.add({ kind: wire.CAPTURE_OPEN });
		const client = tape.client(2, { local: ADDRESSES.remote, remote: ADDRESSES.local }).open().shakeHands().plaintext();
		client.out(get('/one'));
		unmapped.in(get('/one'));
		if (before > 0) unmapped.out('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n');
		if (before > 1) unmapped.out('first');
		const session = unmapped.mapTo(carrier);
		if (before < 1) session.out('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n');
		if (before < 2) session.out('first');
		client.in(ok('first')).out(get('/two'));
		session.in(get('/two')).out(ok('second'));
		client.in(ok('second'));
		session.close();
		carrier.close();
		for (const { decoded, what } of decodings(tape)) {
			const rows = decoded.exchanges.filter(({ side }) => side === 'server').toSorted((a, b) => a.id - b.id);
			assert.deepEqual(
				rows.map((row) => [row.conn, row.path, row.resBody, row.anomalies, row.local, row.lostBytes]),
				[
					[1, '/one', 'first', null, ADDRESSES.local, 0],
					[1, '/two', 'second', null, ADDRESSES.local, 0],
				],
				`${what}, ${before} calls before`,
			);
			const paired = decoded.exchanges.filter((row) => row.pairId !== 0).length + decoded.pairs.length * 2;
			assert.equal(paired, 4, what);
			assert.deepEqual(
				decoded.connections.map(({ id, exchanges }) => [id, exchanges]).toSorted(),
				[
					[1, 2],
					[2, 2],
				],
				what,
			);
		}
	}
});

test('rows wait only a second for their connection to be known', () => {
	for (const build of DECODER_BUILDS) {
		const tape = new Tape();
		const session = tape.unmapped(9, { pid: 100 });
		session.in(get('/one')).out(ok('1'));
		const decoder = newDecoder({}, build);
		assert.equal(feedRecords(decoder, tape.records).exchanges.length, 0);
		const later = new Tape();
		later.timeNs = tape.timeNs + 1_100_000_000n;
		later.clock(0n);
		const { exchanges } = feedRecords(decoder, later.records);
		assert.deepEqual(
			exchanges.map(({ path, anomalies }) => [path, anomalies]),
			[['/one', 'tls-unmapped']],
		);
	}
});
