// Where a message begins and ends when that is not plain: odd first lines, framing that cannot be read, tunnels. However
// the bytes are cut into calls, the rows are the same.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Decoded, decodeRecords } from '../support/decoded-rows.ts';
import { type ConnectionTape, Tape } from '../support/record-builder.ts';

const SIZES = [1, 2, 3, 7, 16, 1 << 20];

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`;
const ok = (body: string) => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

/** One end of a connection, whose calls carry at most `size` bytes. */
class End {
	readonly tape = new Tape();
	readonly connection: ConnectionTape;
	private readonly size: number;
	private readonly isServer: boolean;

	constructor(side: 'server' | 'client', size: number) {
		this.isServer = side === 'server';
		this.size = size;
		this.connection = (this.isServer ? this.tape.server(1) : this.tape.client(1)).open();
	}

	request(bytes: string): this {
		return this.move(this.isServer ? 'in' : 'out', bytes);
	}

	response(bytes: string): this {
		return this.move(this.isServer ? 'out' : 'in', bytes);
	}

	/** What happens in `calls` leaves no records. */
	lose(calls: () => void): this {
		const kept = this.tape.records.length;
		calls();
		this.tape.records.length = kept;
		return this;
	}

	/** The client closes, or the server. */
	close(who: 'server' | 'client' = 'client'): Decoded {
		if (this.isServer !== (who === 'server')) this.connection.eof();
		this.connection.close();
		return decodeRecords(this.tape.records);
	}

	private move(direction: 'in' | 'out', bytes: string): this {
		for (let at = 0; at < bytes.length; at += this.size) this.connection[direction](bytes.slice(at, at + this.size));
		return this;
	}
}

/** Runs `check` for both ends of a connection and calls of all sizes. */
function everyWay(check: (end: () => End, shown: string) => void): void {
	for (const side of ['server', 'client'] as const) {
		for (const size of SIZES) check(() => new End(side, size), `${side}, ${size} bytes a call`);
	}
}

test('after a gap between messages a response has its row, however short the calls that bring its first line', () => {
	everyWay((end, shown) => {
		const talk = end().request(get('/0')).response(ok('zero'));
		talk.request(get('/1')).lose(() => talk.response(ok('one')).request(get('/2')));
		const rows = talk.response(ok('two')).close().exchanges;
		assert.deepEqual(
			rows.map((row) => [row.path, row.status, row.reason, row.resBody]),
			[
				['/0', 200, null, 'zero'],
				['/1', 0, 'bytes lost', null],
				[null, 200, 'request not seen', 'two'],
			],
			shown,
		);
	});
});

test('a request has its row whatever its target is, and the word for one that is none', () => {
	for (const [target, anomaly] of [
		['favicon.ico', 'invalid-target'],
		['?q', 'invalid-target'],
		['#f', 'invalid-target'],
		['"q"', 'invalid-target'],
		['%2F', 'invalid-target'],
		['\\x', 'invalid-target'],
		['\xef\xbb\xbf/', 'invalid-target'],
		['host:80', 'invalid-target'],
		['*x', 'invalid-target'],
		['://h/x', 'invalid-target'],
		['\x01', 'invalid-target'],
		['*', null],
		['ftp://h/x', null],
		['ws://h/y?z', null],
		['wss://h', null],
		['coap+tcp://[::1]:80/', null],
	] as const) {
		everyWay((end, shown) => {
			const talk = end().request(`GET ${target} HTTP/1.1\r\nHost: h\r\n\r\n`).response(ok('odd'));
			const rows = talk.request(get('/next')).response(ok('next')).close().exchanges;
			assert.deepEqual(
				rows.map((row) => [row.target, row.state, row.reason, row.anomalies, row.resBody]),
				[
					[target, 'complete', null, anomaly, 'odd'],
					['/next', 'complete', null, null, 'next'],
				],
				`${target}: ${shown}`,
			);
		});
	}
});

test('a request whose line is broken keeps its fields and body, and costs the next one nothing', () => {
	const bad = 'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n';
	for (const [line, method, target, anomalies] of [
		['GET HTTP/1.1', 'GET', null, 'invalid-target'],
		['GET  HTTP/1.0', 'GET', null, 'whitespace-in-start-line,invalid-target'],
		['M-SEARCH HTTP/1.1', 'M-SEARCH', null, 'invalid-target'],
		['G@T /x HTTP/1.1', 'G@T', '/x', 'invalid-method'],
		['{} /x HTTP/1.1', '{}', '/x', 'invalid-method'],
	] as const) {
		const broken = `${line}\r\nHost: h\r\nContent-Length: 4\r\nX: y\r\n\r\nbody`;
		everyWay((end, shown) => {
			for (const before of ['', get('/before')]) {
				for (const pipelined of [true, false]) {
					const talk = end();
					if (before !== '') talk.request(before).response(ok('before'));
					if (pipelined) talk.request(broken + get('/next')).response(bad + ok('next'));
					else talk.request(broken).response(bad).request(get('/next')).response(ok('next'));
					const [row, next] = talk.close('server').exchanges.slice(before === '' ? 0 : 1);
					const told = `${line}${pipelined ? ', pipelined' : ''}${before === '' ? '' : ', later'}: ${shown}`;
					assert.deepEqual(
						[row!.method, row!.target, row!.host, row!.reqBody, row!.status, row!.reason, row!.anomalies],
						[method, target, 'h', 'body', 400, 'malformed', anomalies],
						told,
					);
					assert.deepEqual(
						row!.reqHeaders.map((field) => `${field.name}: ${field.value}`),
						['Host: h', 'Content-Length: 4', 'X: y'],
						told,
					);
					assert.deepEqual([next!.path, next!.state, next!.resBody], ['/next', 'complete', 'next'], told);
				}
			}
		});
	}
});
