// Which response belongs to which request if order alone does not decide: no response is given to the wrong request.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as wire from '../../decoder-as/assembly/wire/capture-event.ts';
import { decodeRecords, type ExchangeRow } from '../../support/decoded-rows.ts';
import { type ConnectionTape, Tape } from '../../support/record-builder.ts';

const BATCHES = [undefined, 1, 2];
const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`;
const ok = (body: string) => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const refused = (status: string) => `HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`;
const SHUT_WR = 1;

/** Requests and responses on a connection, seen from either side. */
class Side {
	readonly tape = new Tape();
	readonly connection: ConnectionTape;
	readonly server: boolean;

	constructor(side: 'server' | 'client', flags = 0) {
		this.server = side === 'server';
		this.connection = this.server ? this.tape.server(1, { flags }) : this.tape.client(1, { flags });
	}

	ask(bytes: string, unread = false): this {
		if (this.server) this.connection.in(bytes);
		else this.connection.out(bytes, { unread });
		return this;
	}

	answer(bytes: string): this {
		if (this.server) this.connection.out(bytes);
		else this.connection.in(bytes);
		return this;
	}

	/** Drops the last record. */
	lose(): this {
		this.tape.records.pop();
		return this;
	}

	serverEnds(): this {
		if (this.server) this.connection.shutdown(SHUT_WR);
		else this.connection.eof();
		return this;
	}

	clientEnds(): this {
		if (this.server) this.connection.eof();
		this.connection.close();
		return this;
	}

	rows(recordsPerBatch: number | undefined): unknown[] {
		return decodeRecords(this.tape.records, { recordsPerBatch }).exchanges.map(shown);
	}
}

function shown({ path, status, state, reason }: ExchangeRow): unknown {
	return [path, status, state, reason];
}

function onEach(check: (side: 'server' | 'client', recordsPerBatch: number | undefined) => void): void {
	for (const side of ['server', 'client'] as const) for (const batch of BATCHES) check(side, batch);
}

for (const [what, junk] of [
	['', ''],
	[', after bytes that are no request', 'x=1'],
] as const) {
	for (const status of ['400 Bad Request', '408 Request Timeout', '503 Unavailable']) {
		for (const ending of ['serverEnds', 'clientEnds'] as const) {
			test(`an unasked ${status} after a lost response answers no request${what} (${ending})`, () => {
				onEach((side, batch) => {
					const talk = new Side(side);
					talk.connection.open();
					talk.ask(`POST /a HTTP/1.1\r\nHost: a\r\n\r\n${junk}`).answer(ok('')).lose().answer(refused(status));
					if (ending === 'serverEnds') talk.serverEnds();
					const rows = talk.clientEnds().rows(batch);
					assert.deepEqual(rows[0], ['/a', 0, 'unanswered', 'bytes lost'], `${side}, ${batch}`);
					assert.deepEqual(rows[1], [null, Number.parseInt(status, 10), 'incomplete', 'request not seen']);
				});
			});
		}
	}
}

test('a response written before its request was read answers the first request of the connection', () => {
	onEach((side, batch) => {
		const talk = new Side(side);
		talk.connection.open();
		talk.answer(ok('first')).ask(get('/a')).ask(get('/b')).answer(ok('second')).clientEnds();
		assert.deepEqual(
			talk.rows(batch),
			['/a', '/b'].map((path) => [path, 200, 'complete', null]),
			`${side}, ${batch}`,
		);
	});
});

test('a 408 sent before a request was read, or left unread until after the request was sent, answers nothing', () => {
	onEach((side, batch) => {
		const talk = new Side(side);
		talk.connection.open();
		talk.answer(refused('408 Request Timeout')).ask(get('/a')).serverEnds().clientEnds();
		const paths = (rows: unknown[]) =>
			(rows as [string, number][]).filter(([, status]) => status === 408).map(([path]) => path);
		assert.deepEqual(paths(talk.rows(batch)), [null], `${side}, ${batch}`);
	});
	const client = new Side('client');
	client.connection.open();
	client.ask(get('/a')).answer(ok('')).tape.pause(30_000);
	client.ask(get('/b'), true).answer(refused('408 Request Timeout')).serverEnds().clientEnds();
	assert.deepEqual(client.rows(undefined), [
		['/a', 200, 'complete', null],
		['/b', 0, 'unanswered', 'peer closed'],
		[null, 408, 'incomplete', 'request not seen'],
	]);
});

test('a capture that begins while a client has requests in flight pairs nothing until a silence', () => {
	onEach((side, batch) => {
		const talk = new Side(side, wire.FLAG_MIDSTREAM);
		talk.answer(ok('0')).ask(get('/2')).answer(ok('1')).ask(get('/3')).answer(ok('2')).answer(ok('3'));
		talk.tape.pause(500);
		talk.ask(get('/4')).answer(ok('4')).ask(get('/5')).answer(ok('5'));
		const rows = talk.rows(batch) as [string | null, number, string, string | null][];
		const certain = rows.filter(([path, status]) => path !== null && status === 200).map(([path]) => path);
		// The last request before the silence is paired afterwards, counting back from the silence.
		assert.deepEqual(certain, ['/3', '/4', '/5'], `${side}, ${batch}`);
		assert.deepEqual(
			rows.find(([path]) => path === '/2'),
			['/2', 0, 'unanswered', 'capture began'],
		);
	});
});

test('a silence in which answers wait unread proves nothing', () => {
	const talk = new Side('client', wire.FLAG_MIDSTREAM);
	talk.answer(ok('0'));
	for (let i = 2; i < 8; i++) {
		talk.tape.pause(100);
		talk.ask(get(`/${i}`), true).answer(ok(String(i - 1)));
	}
	const paired = decodeRecords(talk.tape.records).exchanges.filter(({ path, status }) => path !== null && status !== 0);
	assert.deepEqual(paired, []);
});

test('after a loss on a connection that pipelines, pairing returns with a silence', () => {
	onEach((side, batch) => {
		const talk = new Side(side);
		talk.connection.open();
		talk
			.ask(get('/1') + get('/2'))
			.answer(ok('1'))
			.answer(ok('2'))
			.ask(get('/3'))
			.lose();
		talk.ask(get('/4')).answer(ok('3')).answer(ok('4'));
		talk.tape.pause(2000);
		talk
			.ask(get('/5') + get('/6'))
			.answer(ok('5'))
			.answer(ok('6'))
			.clientEnds();
		const rows = decodeRecords(talk.tape.records, { recordsPerBatch: batch }).exchanges;
		for (const { path, resBody } of rows) if (path !== null && resBody !== null) assert.equal(path, `/${resBody}`);
		const paired = rows.filter(({ path, status }) => path !== null && status === 200).map(({ path }) => path);
		for (const path of ['/1', '/2', '/5', '/6']) assert.ok(paired.includes(path), `${side}, ${batch}: ${path}`);
	});
});

test('a response written long before its request was read still answers it', () => {
	onEach((side) => {
		const talk = new Side(side);
		talk.connection.open();
		talk.answer(ok('first'));
		// Some batches pass before the request arrives.
		for (let i = 0; i < 4; i++) talk.tape.clock(1n);
		talk.ask(get('/a')).ask(get('/b')).answer(ok('second')).clientEnds();
		assert.deepEqual(
			talk.rows(1),
			['/a', '/b'].map((path) => [path, 200, 'complete', null]),
			side,
		);
	});
});

test('after a lost response, an unasked one is not an answer if the server then ends the connection', () => {
	onEach((side, batch) => {
		const talk = new Side(side);
		talk.connection.open();
		for (const path of ['/1', '/2', '/3']) talk.ask(get(path)).answer(ok(path));
		talk.ask(get('/a')).answer(ok('lost')).lose().answer(ok('unasked')).serverEnds();
		const rows = talk.clientEnds().rows(batch);
		assert.deepEqual(rows[3], ['/a', 0, 'unanswered', 'bytes lost'], `${side}, ${batch}`);
	});
});

test("a client's silence proves nothing if the kernel does not report whether it had read everything", () => {
	const talk = new Side('client', wire.FLAG_MIDSTREAM);
	for (let i = 1; i < 6; i++) {
		talk.ask(get(`/${i}`)).answer(ok(String(i)));
		talk.tape.pause(500);
	}
	for (const record of talk.tape.records) {
		const view = new DataView(record.buffer, record.byteOffset);
		view.setUint32(wire.EVENT_FLAGS, view.getUint32(wire.EVENT_FLAGS, true) & ~wire.FLAG_ALL_READ, true);
	}
	const { exchanges } = decodeRecords(talk.tape.records);
	assert.equal(exchanges.length, 10);
	assert.ok(exchanges.every(({ path, status }) => path === null || status === 0));
});

test('the first request seen midstream does not begin a turn, because an earlier one may be lost', () => {
	onEach((side, batch) => {
		const talk = new Side(side, wire.FLAG_MIDSTREAM);
		talk.answer(ok('0')).answer(ok('1'));
		talk.tape.pause(5000);
		talk.ask(get('/2')).lose().ask(get('/3')).answer(ok('2')).answer(ok('3')).ask(get('/4')).answer(ok('4'));
		const rows = decodeRecords(talk.tape.records, { recordsPerBatch: batch }).exchanges;
		const mixed = rows.filter(({ path, resBody }) => path !== null && resBody !== null && path !== `/${resBody}`);
		assert.deepEqual(mixed.map(shown), [], `${side}, ${batch}`);
	});
});

test('the last response may answer a request lost right before the client ended its stream', () => {
	const talk = new Side('client', wire.FLAG_MIDSTREAM);
	talk.ask(get('/1')).answer(ok('1')).ask(get('/2')).answer(ok('2')).lose();
	talk.tape.pause(8000);
	talk.ask(get('/3')).lose();
	talk.connection.shutdown(SHUT_WR);
	talk.answer(ok('3'));
	talk.connection.close();
	for (const batch of BATCHES) {
		const rows = decodeRecords(talk.tape.records, { recordsPerBatch: batch }).exchanges;
		const mixed = rows.filter(({ path, resBody }) => path !== null && resBody !== null && path !== `/${resBody}`);
		assert.deepEqual(mixed.map(shown), [], String(batch));
	}
});

test('the exchange after a request with unreadable framing is paired, even if the server closes or nothing more is seen', () => {
	for (const ending of ['serverEnds', 'none'] as const) {
		for (const body of ['', 'hello', 'some text that is no chunk\r\nand more\r\n']) {
			onEach((side, batch) => {
				const talk = new Side(side);
				talk.connection.open();
				const framing = body === '' ? 'Content-Length: x' : 'Transfer-Encoding: chunked';
				talk.ask(`POST /bad HTTP/1.1\r\nHost: h\r\n${framing}\r\n\r\n${body}`).answer(ok('bad'));
				talk.ask(get('/next')).answer(ok('next'));
				if (ending === 'serverEnds') talk.serverEnds().connection.close();
				const rows = talk.rows(batch) as [string | null, number, string, string | null][];
				assert.deepEqual(
					rows.map(([path, status]) => [path, status]),
					[
						['/bad', 200],
						['/next', 200],
					],
					`${side} ${batch} ${ending} ${body}`,
				);
			});
		}
	}
});

test('a client that may have begun to pipeline in lost requests is not paired by its habit', () => {
	for (const [lost, paired] of [
		[['/3'], true],
		[['/3', '/4', '/5'], false],
	] as const) {
		onEach((side, batch) => {
			const talk = new Side(side);
			talk.connection.open();
			const answered: string[] = [];
			const asked = ['/1', '/2', ...lost, '/6', '/7', '/8'];
			for (const path of ['/1', '/2']) {
				talk.ask(get(path)).answer(ok(path));
				answered.push(path);
			}
			talk.ask(lost.map(get).join('')).lose();
			for (const path of ['/6', '/7', '/8']) {
				const next = asked[answered.length]!;
				talk.answer(ok(next)).ask(get(path));
				answered.push(next);
			}
			for (const path of asked.slice(answered.length)) talk.answer(ok(path));
			talk.clientEnds();
			const rows = decodeRecords(talk.tape.records, { recordsPerBatch: batch }).exchanges;
			for (const { path, resBody } of rows)
				assert.ok(path === null || resBody === null || path === resBody, `${path}: ${resBody}`);
			assert.equal(
				rows.some(({ path, resBody }) => path === '/6' && resBody === '/6'),
				paired,
			);
		});
	}
});

test('if a loss cuts the head after a silence, a pipelining client is paired only after the next silence', () => {
	onEach((side, batch) => {
		const talk = new Side(side, wire.FLAG_MIDSTREAM);
		talk.answer(ok('/0')).ask(get('/2')).answer(ok('/1')).answer(ok('/2'));
		talk.tape.pause(500);
		talk.ask(get('/3') + get('/4') + get('/5') + get('/6'));
		const cut = ok('/3');
		talk.answer(cut.slice(0, 25)).answer(cut.slice(25)).lose().ask(get('/7'));
		// A request sent in the middle of a response is not a fresh start.
		const next = ok('/5');
		talk
			.answer(ok('/4') + next.slice(0, 9))
			.ask(get('/8'))
			.answer(next.slice(9) + ok('/6'));
		talk
			.ask(get('/9'))
			.ask(get('/10'))
			.answer(ok('/7') + ok('/8'));
		talk
			.ask(get('/11'))
			.ask(get('/12'))
			.answer(ok('/9') + ok('/10'))
			.answer(ok('/11'))
			.answer(ok('/12'))
			.clientEnds();
		const rows = decodeRecords(talk.tape.records, { recordsPerBatch: batch }).exchanges;
		for (const { path, resBody } of rows) if (path !== null && resBody !== null) assert.equal(path, resBody);
	});
});

test('a habit is not trusted if the lost bytes cannot contain the responses that it implies', () => {
	onEach((side, batch) => {
		const talk = new Side(side);
		talk.connection.open();
		for (const path of ['/1', '/2', '/3']) talk.ask(get(path)).answer(ok(path));
		for (const path of ['/4', '/5', '/6', '/7', '/8']) talk.ask(get(path));
		talk.answer(ok('/4')).lose().answer(ok('/5'));
		for (const [asked, answered] of [
			['/9', '/6'],
			['/10', '/7'],
			['/11', '/8'],
		] as const)
			talk.ask(get(asked)).answer(ok(answered));
		talk.clientEnds();
		const rows = decodeRecords(talk.tape.records, { recordsPerBatch: batch }).exchanges;
		for (const { path, resBody } of rows) if (path !== null && resBody !== null) assert.equal(path, resBody);
	});
});

test('a response is not kept for a lost request if the requests before it need all responses', () => {
	onEach((side, batch) => {
		const talk = new Side(side);
		talk.connection.open();
		for (const path of ['/1', '/2']) talk.ask(get(path)).answer(ok(path));
		talk.ask(get('/3')).answer(ok('/3')).lose();
		talk.ask(get('/4')).answer(ok('/4'));
		// From here on two are in flight.
		talk.ask(get('/5')).lose().ask(get('/6'));
		for (const [answered, asked] of [
			['/5', '/7'],
			['/6', '/8'],
			['/7', '/9'],
		] as const)
			talk.answer(ok(answered)).ask(get(asked));
		talk.answer(ok('/8')).answer(ok('/9'));
		talk.clientEnds();
		const rows = decodeRecords(talk.tape.records, { recordsPerBatch: batch }).exchanges;
		for (const { path, resBody } of rows) if (path !== null && resBody !== null) assert.equal(path, resBody);
	});
});
