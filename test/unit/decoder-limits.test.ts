// The decoder's settings at their limits, many connections at once, and addresses of unix sockets.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as wire from '../../decoder-as/assembly/wire/capture-event.ts';
import { EXCHANGE_FLAG_RES_PREFIX } from '../../decoder-as/assembly/wire/output-layout.ts';
import type { DecoderSettings } from '../../src/decode/decoder.ts';
import { decodeRecords, type ExchangeRow, feedRecords, newDecoder, takeOutput } from '../../support/decoded-rows.ts';
import { type ConnectionTape, Tape } from '../../support/record-builder.ts';

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`;
const ok = (body: string) => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

function decoded(settings: DecoderSettings, records: readonly Uint8Array[]): ExchangeRow[] {
	const decoder = newDecoder(settings);
	const rows = feedRecords(decoder, records).exchanges;
	decoder.finish();
	return [...rows, ...takeOutput(decoder).exchanges];
}

function asked(settings: DecoderSettings, bytes: string): ExchangeRow {
	const tape = new Tape();
	tape.server(1).open().in(bytes).out(ok('ok')).eof().close();
	const [row] = decoded(settings, tape.records);
	assert.equal(row?.resBody, 'ok');
	return row;
}

test('limits of heads have lower bounds', () => {
	const ofLine = (length: number) =>
		asked({ startLineLimit: 0 }, `GET /${'a'.repeat(length - 14)} HTTP/1.1\r\nHost: h\r\n\r\n`).anomalies ?? '';
	assert.deepEqual([ofLine(62), /long-start-line/.test(ofLine(63))], ['', true]);
	const ofHead = (length: number) => {
		const begun = 'GET / HTTP/1.1\r\nHost: h\r\nA: ';
		return asked({ headerBytesLimit: 0 }, `${begun}${'a'.repeat(length - begun.length - 4)}\r\n\r\n`).anomalies;
	};
	assert.deepEqual([ofHead(256), ofHead(257)], [null, 'long-headers']);
	const two = 'GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n';
	const one = asked({ headerCountLimit: 0 }, two);
	assert.deepEqual([one.reqHeaders.length, one.anomalies], [1, 'many-headers']);
	const both = asked({ headerCountLimit: 2 }, two);
	assert.deepEqual([both.reqHeaders.length, both.anomalies], [2, null]);
});

test('a version of HTTP is its two numbers if each fits in a byte', () => {
	for (const [word, version] of [
		['HTTP/3.0', 0x300],
		['HTTP/0.9', 9],
		['http/1.1', 0x101],
		['HTTP/00001.1', 0x101],
		['HTTP/10.20', 0x0a14],
		['HTTP/255.255', 0xffff],
		['HTTP/256.1', 0],
		['HTTP/1.256', 0],
		['HTTP/2', 0],
		['HTTP/', 0],
		['HTTP/.1', 0],
		['HTTP/1.', 0],
		['HTTP/1.1.1', 0],
		['HTTP/1x1', 0],
		['HTTP/1.x', 0],
	] as const) {
		const row = asked({}, `GET / ${word}\r\nHost: h\r\n\r\n`);
		assert.deepEqual([row.reqVersion, row.anomalies], [version, 'unsupported-version'], word);
	}
});

test('a thousand connections at once have their own rows, each paired with its other side', () => {
	const tape = new Tape();
	const ends: [client: ConnectionTape, server: ConnectionTape, path: string][] = [];
	const each = (say: (client: ConnectionTape, server: ConnectionTape, path: string) => void) => {
		for (const end of ends) say(...end);
	};
	for (let i = 0; i < 500; i++) {
		const [local, remote] = [`10.0.${i >> 8}.${i & 255}:4000`, '10.1.0.1:80'];
		ends.push([
			tape.client(2 * i + 1, { local, remote }),
			tape.server(2 * i + 2, { local: remote, remote: local }),
			`/${i}`,
		]);
	}
	each((client) => client.open());
	each((client, _, path) => client.out(get(path)));
	each((_, server) => server.open());
	each((_, server, path) => server.in(get(path)).out(ok(path)));
	each((client, _, path) => client.in(ok(path)));
	// Every other connection is closed, and new connections use its addresses again.
	for (const [i, [client, server, path]] of ends.entries()) {
		if (i % 2 !== 0) continue;
		client.close();
		server.close();
		const next = [tape.client(5001 + 2 * i, client.options), tape.server(5002 + 2 * i, server.options)] as const;
		ends[i] = [next[0].open(), next[1].open(), `${path}/again`];
	}
	each((client, server, path) => {
		client.out(get(path));
		server.in(get(path)).out(ok(path));
		client.in(ok(path));
	});
	const { exchanges, pairs } = decodeRecords(tape.records, { recordsPerBatch: 200 });
	assert.equal(exchanges.length, 2000);
	const pairOf = new Map(exchanges.map((row) => [row.id, row.pairId]));
	for (const { a, b } of pairs) {
		pairOf.set(a, b);
		pairOf.set(b, a);
	}
	const rows = new Map(exchanges.map((row) => [row.id, row]));
	for (const row of exchanges) {
		const other = rows.get(pairOf.get(row.id)!);
		assert.deepEqual([row.state, row.resBody], ['complete', row.path]);
		assert.deepEqual([other?.path, other?.side === row.side], [row.path, false], `${row.side} ${row.path}`);
	}
});

test('connections that share a place in the table of connections are told apart', () => {
	const placeOf = (id: number) => BigInt.asUintN(64, BigInt(id) * 0x9e3779b97f4a7c15n) >> 48n;
	const ids = [1];
	for (let id = 2; ids.length < 3; id++) if (placeOf(id) === placeOf(1)) ids.push(id);
	const tape = new Tape();
	const servers = ids.map((id) => tape.server(id).open());
	for (const round of [1, 2]) {
		for (const [i, server] of servers.entries()) server.in(get(`/${i}/${round}`));
		for (const [i, server] of servers.entries()) server.out(ok(`/${i}/${round}`));
		// The first one leaves, and the others can still be found.
		servers.shift()!.close();
	}
	const { exchanges } = decodeRecords(tape.records, { recordsPerBatch: 1 });
	assert.deepEqual(
		exchanges.map((row) => [row.path === row.resBody, row.state]),
		Array(5).fill([true, 'complete']),
	);
});

test('the ends of a unix socket are named and paired by their numbers, without any question to user space', () => {
	const tape = new Tape();
	const end = (numbers: readonly [peer: number, own: number], names: readonly [remote: string, local: string]) => {
		const payload = Buffer.alloc(wire.CAPTURE_OPEN_UNIX_BYTES);
		const [AF_UNIX, lengthsAt] = [1, wire.CAPTURE_ADDRESSES_BYTES];
		for (const [i, name] of names.entries()) {
			payload.writeUInt16LE(AF_UNIX, i * wire.CAPTURE_ADDRESS_BYTES);
			payload.writeBigUInt64LE(BigInt(numbers[i]!), i * wire.CAPTURE_ADDRESS_BYTES + 8);
			payload.writeBigUInt64LE(BigInt(name.length), lengthsAt + 8 * i);
			payload.write(name, lengthsAt + 16 + i * wire.CAPTURE_UNIX_NAME_BYTES, 'latin1');
		}
		return payload;
	};
	const long = `/${'n'.repeat(wire.CAPTURE_UNIX_NAME_BYTES)}`;
	for (const [conn, name, shown] of [
		[1, '/run/app.sock', 'unix:/run/app.sock'],
		[3, '/run/ended\0more', 'unix:/run/ended'],
		[5, '\0abstract\0name', 'unix:@abstract\0name'],
		[7, long, `unix:${long.slice(0, -1)}`],
	] as const) {
		const client = tape.client(conn);
		const server = tape.server(conn + 1);
		client.add({ kind: wire.CAPTURE_OPEN, payload: end([10 * conn, 10 * conn + 1], [name.slice(0, 108), '']) });
		server.add({ kind: wire.CAPTURE_OPEN, payload: end([10 * conn + 1, 10 * conn], ['', name.slice(0, 108)]) });
		client.out(get(`/${conn}`));
		server.in(get(`/${conn}`)).out(ok('ok'));
		client.in(ok('ok'));
		const decoder = newDecoder();
		const { exchanges, questions } = feedRecords(decoder, tape.records.splice(0));
		decoder.finish();
		const rows = [...exchanges, ...takeOutput(decoder).exchanges].sort((a, b) => a.id - b.id);
		assert.deepEqual(
			rows.map((row) => [row.side, row.local, row.remote, row.pairId]),
			[
				['client', null, shown, 2],
				['server', shown, null, 1],
			],
			JSON.stringify(name),
		);
		assert.deepEqual(
			questions.filter(({ fd }) => fd >= 0),
			[],
		);
	}
});

test('a small memory limit is kept, at the cost of bodies and connections, which is counted', () => {
	const tape = new Tape();
	for (let conn = 1; conn <= 200; conn++)
		tape
			.server(conn)
			.open()
			.in(get(`/${conn}`))
			.out(`HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n${'x'.repeat(60_000)}`);
	const used = (memoryLimit: number) => {
		const decoder = newDecoder({ memoryLimit, bodyLimit: -1 });
		const rows = feedRecords(decoder, tape.records, { recordsPerBatch: 10 }).exchanges;
		decoder.finish();
		rows.push(...takeOutput(decoder).exchanges);
		assert.ok(rows.length >= 100 || decoder.loss()[wire.LOSS_TABLE_FULL]!.events > 0, `${rows.length} rows`);
		return decoder.memory.buffer.byteLength;
	};
	const [small, large] = [used(0), used(64 << 20)];
	assert.ok(small < 8 << 20 && large > 12 << 20, `${small}, ${large}`);
	// The smallest limit is 2 MiB. It is kept exactly if batches are small.
	const decoder = newDecoder({ memoryLimit: 0, bodyLimit: -1 });
	for (const record of tape.records) feedRecords(decoder, [record]);
	assert.equal(decoder.memory.buffer.byteLength, 2 << 20);
});

test('bytes of connections that are not HTTP are counted, in whatever calls they come', () => {
	for (const recordsPerBatch of [1, 3, 100]) {
		const tape = new Tape();
		const client = tape.client(1).open().out('\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03').in('\x16\x03\x03\0\x7a');
		for (let i = 1; i <= 10; i++) client.out('x'.repeat(100 * i)).in('y'.repeat(10 * i));
		client.eof().close();
		const { connections, exchanges } = decodeRecords(tape.records, { recordsPerBatch });
		assert.deepEqual(
			[exchanges.length, connections[0]!.protocol, connections[0]!.bytesOut, connections[0]!.bytesIn],
			[0, 'tls', 11 + 5500, 5 + 550],
		);
	}
});

test('a process that executes another program has its name if nothing more is known', () => {
	const tape = new Tape();
	const server = tape.server(1, { pid: 50, comm: 'thread' }).open();
	tape.processExec(50, 'after-exec');
	server.in(get('/')).out(ok('x'));
	const [row] = decodeRecords(tape.records, { recordsPerBatch: 1 }).exchanges;
	assert.deepEqual([row!.comm, row!.threadComm], ['after-exec', 'thread']);
});

test('held bytes on both sides of bytes that were not captured are marked as such', () => {
	const tape = new Tape();
	const server = tape.server(1).open();
	const head = 'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n';
	server.in(get('/gap')).out(`${head}abc`).sendfile(5).out('xyz');
	server.in(get('/end')).out(`${head}abcdef`).sendfile(5);
	server.in(get('/none')).out(ok('whole'));
	assert.deepEqual(
		decodeRecords(tape.records).exchanges.map(({ resBody, flags }) => [
			resBody,
			(flags & EXCHANGE_FLAG_RES_PREFIX) !== 0,
		]),
		[
			['abcxyz', false],
			['abcdef', true],
			['whole', true],
		],
	);
});
