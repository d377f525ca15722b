// The redaction of a recording while it arrives: what each direction of a connection decides, and when.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as wire from '../../decoder-as/assembly/wire/capture-event.ts';
import { Replacements, SoughtSecrets } from '../../src/output/overwriting.ts';
import { RecordingRedactor } from '../../src/output/recording-redactor.ts';
import { type Conversation, RedactedStream } from '../../src/output/redacted-stream.ts';
import { buildBatch, buildRecord, Tape } from '../../support/record-builder.ts';

const SECRET = 'c4n4ry-S3cr3t';

/** One direction, with everything that it took. */
class Direction {
	readonly stream: RedactedStream;
	readonly pieces: Buffer[] = [];
	/** Bytes that are not decided. */
	open = 0;

	constructor(conversation: Conversation, isOutside = false) {
		this.stream = new RedactedStream(conversation, isOutside);
	}

	/** A call, or the rest of one. */
	take(text: string, isCallStart = true): this {
		const bytes = Buffer.from(text, 'latin1');
		this.pieces.push(bytes);
		this.open += bytes.length;
		let left = bytes.length;
		const decided = (count: number) => {
			assert.ok(count <= left, 'no byte is decided twice');
			left -= count;
			this.open -= count;
		};
		this.stream.take({ bytes, decided }, isCallStart);
		return this;
	}

	/** Everything as it is now. */
	get text(): string {
		return Buffer.concat(this.pieces).toString('latin1');
	}

	/** Checks that all of it is decided, and what it became; replacements are written as R. */
	became(expected: string): void {
		assert.equal(this.text.replaceAll(/REDACTED-[0-9a-f]{8}-*/g, 'R'), expected);
		assert.equal(this.open, 0);
	}
}

function conversation(): Conversation {
	const secrets = new SoughtSecrets(100);
	const replacements = new Replacements(Buffer.alloc(32, 7));
	return { secrets, replacements, methods: [], upgrade: () => undefined, tunnels: new Map(), lost: () => undefined };
}

function direction(isOutside = false): Direction {
	return new Direction(conversation(), isOutside);
}

const stars = (text: string) => '*'.repeat(text.length);
const HEAD = 'GET /a HTTP/1.1\r\nHost: shop\r\n\r\n';
const post = (length: number, type: string, fields = '') =>
	`POST /a HTTP/1.1\r\n${fields}Content-Type: ${type}\r\nContent-Length: ${length}\r\n\r\n`;
const CHUNKED = 'POST /a HTTP/1.1\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n';
/** A request whose target has a secret, as the bytes of an image might have. */
const INSIDE = `GET /?token=${SECRET} HTTP/1.1\r\n\r\n`;

test('a mebibyte of a body may wait for its end; of a longer one, what is not complete is blanked', () => {
	const string = `"${'x'.repeat((1 << 20) - 1)}`;
	const head = post(2 << 20, 'application/json');
	const one = direction().take(head + string);
	assert.equal(one.open, head.length + string.length);
	assert.equal(one.take('x', false).open, 0);
	one.became(`${head}"${'*'.repeat(1 << 20)}`);
});

test('after missing bytes at its beginning, a body is not what its type says', () => {
	const json = direction().take(post(30, 'application/json'));
	json.stream.gap(10);
	json.take('"a":"kept","b":"cd"}');
	json.became(post(30, 'application/json') + '*'.repeat(20));
	const lines = direction().take(post(30, 'text/plain'));
	lines.stream.gap(10);
	lines.take('of a line\nkept line\n'.padEnd(20)).take(HEAD);
	lines.became(`${post(30, 'text/plain')}*********\nkept line\n${HEAD}`);
	// The next body has its type again.
	const next = post(9, 'application/json');
	json.take(`${next}{"a":"bc"`).became(`${post(30, 'application/json')}${'*'.repeat(20)}${next}{"a":"bc"`);
});

test('a body that is missing as a whole ends there, and the next call begins a message', () => {
	const one = direction().take(post(10, 'text/plain'));
	one.stream.gap(10);
	one.became(post(10, 'text/plain'));
	// Only the beginning of a call may have other blanks than a head between messages.
	one.take(`\f${HEAD}`).became(`${post(10, 'text/plain')}\f${HEAD}`);
	const chunks = direction().take(`${CHUNKED}5\r\n`);
	chunks.stream.gap(5);
	chunks.take(`\r\n0\r\n\r\n${HEAD}`).became(`${CHUNKED}5\r\n\r\n0\r\n\r\n${HEAD}`);
	// More is missing than the body has.
	const more = direction().take(post(10, 'text/plain'));
	more.stream.gap(11);
	more.take('rest', false).became(`${post(10, 'text/plain')}****`);
});

test('the framing of chunks is decided in a hurry and goes on afterwards', () => {
	const one = direction().take(`${CHUNKED}1`);
	one.stream.hurry();
	one.became(`${CHUNKED}1`);
	one.take('0\r\n0123456789abcde\n\r');
	one.stream.hurry();
	one.take(`\n0\r\n\r\n${HEAD}`);
	one.became(`${CHUNKED}10\r\n0123456789abcde\n\r\n0\r\n\r\n${HEAD}`);
	// An extension may be a secret.
	const extended = direction().take(`${CHUNKED}5;token=abc`);
	extended.stream.hurry();
	extended.became(`${CHUNKED}${stars('5;token=abc')}`);
	extended.take('def\r\n', false).became(`${CHUNKED}${stars('5;token=abcdef\r\n')}`);
});

test('chunks have the data that their sizes say, even without the line end after it', () => {
	const one = direction().take(`${CHUNKED}3\r\nabc\r5\r\nhello\r\n0\r\nX-Token: ${SECRET}\r\n\r\n${HEAD}`);
	one.became(one.text.replaceAll(/REDACTED-[0-9a-f]{8}-*/g, 'R'));
	assert.ok(one.text.startsWith(`${CHUNKED}3\r\nabc\r5\r\nhello\r\n0\r\nX-Token: `));
	assert.ok(!one.text.includes(SECRET) && one.text.endsWith(`\r\n\r\n${HEAD}`));
});

test('only the first bytes of a connection can be TLS or HTTP/2', () => {
	const handshake = `\x16\x03\x01${'h'.repeat(50)}`;
	const tls = direction().take(handshake);
	tls.became(handshake);
	tls.take(handshake).became(handshake + stars(handshake));
	direction().take('\x16\x02').became('**');
	const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
	direction()
		.take(`${preface}\0\0\0${SECRET}`)
		.became(preface + stars(`\0\0\0${SECRET}`));
	const later = direction().take(HEAD).take(handshake);
	later.became(HEAD + stars(handshake));
	// A gap comes before.
	const cut = direction();
	cut.stream.gap(1);
	cut.take(handshake).became(stars(handshake));
	// A protocol that begins on the same connection.
	const changed = direction().take(HEAD);
	changed.stream.change('other');
	changed.take(handshake).became(HEAD + handshake);
});

test('a head of 256 KiB is read, also after bytes outside of messages', () => {
	for (const isOutside of [false, true]) {
		const begin = 'GET / HTTP/1.1\r\nX-Long: ';
		const longest = begin.padEnd(256 << 10, 'x');
		const one = direction();
		if (isOutside) one.stream.lose();
		one.take(longest);
		assert.equal(one.open, 256 << 10);
		one.take('\r\n\r\n', false).became(`${longest}\r\n\r\n`);
		const other = direction(isOutside).take(`${longest}x`);
		other.became(`GET / HTTP/1.1\r\n${'*'.repeat(longest.length + 1 - 16)}`);
	}
});

test('what follows a message must begin with a start line', () => {
	const line = `AUTH ${SECRET}\r\n`;
	direction()
		.take(HEAD + line)
		.became(HEAD + stars(line));
	// The same after a head that was cut.
	const cut = direction().take('GET /a HTTP/1.1\r\nHost: sh');
	cut.stream.hurry();
	cut.became(`GET /a HTTP/1.1\r\n${stars('Host: sh')}`);
	cut.take('BREW /c4n4ry');
	cut.take('-x\r\n', false).became(`GET /a HTTP/1.1\r\n${stars('Host: shBREW /c4n4ry-x\r\n')}`);
});

test('a head that is cut keeps its whole lines without their secrets', () => {
	const one = direction().take(`GET /a HTTP/1.1\r\nHost: shop\r\nX-Token: ${SECRET}\r\nAuthoriz`);
	one.stream.end();
	const [, , token, rest] = one.text.split('\r\n');
	assert.equal(one.text.startsWith('GET /a HTTP/1.1\r\nHost: shop\r\nX-Token: '), true);
	assert.equal(token!.includes(SECRET), false);
	assert.equal(rest, stars('Authoriz'));
	const trailer = direction().take(`${CHUNKED}0\r\nX-Kept: yes\r\nX-Cut`);
	trailer.stream.end();
	trailer.became(`${CHUNKED}0\r\nX-Kept: yes\r\n${stars('X-Cut')}`);
});

test('the response to HEAD has no body, whatever its fields say', () => {
	const shared = conversation();
	new Direction(shared).take(HEAD.replace('GET', 'HEAD') + HEAD);
	const first = 'HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 1000\r\n\r\n';
	const answers = new Direction(shared).take(
		`${first}HTTP/1.1 200 OK\r\nSet-Cookie: a=${SECRET}\r\nContent-Length: 2\r\n\r\nok`,
	);
	assert.equal(answers.open, 0);
	assert.equal(answers.text.includes(SECRET), false);
	assert.equal(answers.text.startsWith(`${first}HTTP/1.1 200 OK\r\nSet-Cookie: a=`), true);
	assert.equal(answers.text.endsWith('\r\nContent-Length: 2\r\n\r\nok'), true);
});

test('a body may be left out after Expect, and after a request that was not seen; no other', () => {
	const expecting = post(INSIDE.length, 'image/png', 'Expect: 100-continue\r\n');
	// The request gives up, and another one comes.
	const left = direction().take(expecting).take(INSIDE);
	assert.equal(left.text.includes(SECRET), false);
	assert.equal(left.open, 0);
	// The body begins, so what looks like a request belongs to it.
	const begun = post(INSIDE.length + 4, 'image/png', 'Expect: 100-continue\r\n');
	direction().take(begun).take('\x89PNG').take(INSIDE).became(`${begun}\x89PNG${INSIDE}`);
	const rest = direction().take(expecting).take(INSIDE, false);
	rest.became(expecting + INSIDE);
	const usual = post(INSIDE.length, 'image/png');
	direction()
		.take(usual)
		.take(INSIDE)
		.became(usual + INSIDE);
	// A response without its request may be one to HEAD.
	const answer = `HTTP/1.1 200 OK\r\nSet-Cookie: a=${SECRET}\r\nContent-Length: 0\r\n\r\n`;
	const response = `HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: ${answer.length}\r\n\r\n`;
	assert.equal(direction().take(response).take(answer).text.includes(SECRET), false);
	const shared = conversation();
	new Direction(shared).take(HEAD);
	new Direction(shared)
		.take(response)
		.take(answer)
		.became(response + answer);
});

test('a body whose coding is none is read as it comes', () => {
	const head =
		'POST /a HTTP/1.1\r\nContent-Type: text/plain\r\nContent-Encoding: identity\r\nContent-Length: 99\r\n\r\n';
	const one = direction().take(`${head}a kept line\nand`);
	one.stream.hurry();
	one.became(`${head}a kept line\n***`);
});

/** Records as one batch. */
function taped(record: (tape: Tape) => void): Uint8Array {
	const tape = new Tape();
	record(tape);
	return tape.batch();
}

/** The payloads of the batches' records, joined. */
function payloads(batches: readonly Uint8Array[]): string {
	let text = '';
	for (const batch of batches) {
		const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
		for (let at = 0; at < batch.length; at += (view.getUint32(at, true) + 7) & ~7)
			text += Buffer.from(batch.subarray(at + wire.CAPTURE_EVENT_HEADER_BYTES, at + view.getUint32(at, true))).toString(
				'latin1',
			);
	}
	return text;
}

test('records wait up to 8 MiB of them, and not one more', () => {
	const most = 8 << 20;
	const redactor = new RecordingRedactor(() => 0);
	assert.equal(redactor.take(taped((tape) => tape.server(1).open())).length, 1);
	// The bytes before these may still come.
	const data = { kind: wire.CAPTURE_DATA, conn: 1n, offset: 10n };
	const payload = new Uint8Array(most - wire.CAPTURE_EVENT_HEADER_BYTES);
	assert.equal(redactor.take(buildBatch([buildRecord({ ...data, payload })])).length, 0);
	assert.equal(redactor.waitingBytes, most);
	assert.equal(redactor.take(buildBatch([buildRecord({ kind: wire.CAPTURE_CLOCK })])).length, 2);
	assert.equal(redactor.waitingBytes, 0);
});

test('the payload of a record that no decoder reads is blanked', () => {
	const redactor = new RecordingRedactor(() => 0);
	const version = wire.CAPTURE_EVENT_VERSION + 1;
	const payload = Buffer.from(SECRET);
	const record = buildRecord({ kind: wire.CAPTURE_DATA, version, conn: 1n, payload });
	const [batch] = redactor.take(buildBatch([record]));
	assert.equal(payloads([batch!]), '\0'.repeat(SECRET.length));
});

test('without the beginning of a connection, a message is recognised only at the beginning of a call', () => {
	const readied = (offset: bigint, flags: number, callOffset: number) => {
		const redactor = new RecordingRedactor(() => 0);
		const fields = { kind: wire.CAPTURE_DATA, direction: wire.DIRECTION_IN, conn: 1n, offset, flags, callOffset };
		return payloads(redactor.take(buildBatch([buildRecord({ ...fields, payload: Buffer.from(HEAD) })])));
	};
	assert.equal(readied(0n, 0, 50), HEAD);
	assert.equal(readied(100n, 0, 50), stars(HEAD));
	assert.equal(readied(0n, wire.FLAG_MIDSTREAM, 50), stars(HEAD));
	for (const flags of [0, wire.FLAG_MIDSTREAM]) assert.equal(readied(100n, flags, 0), HEAD);
});

test('a connection at rest when the recording began goes on with a message, in both directions', () => {
	const offsets = new DataView(new ArrayBuffer(wire.CAPTURE_OPEN_AT_REST_BYTES));
	offsets.setBigUint64(0, 100n, true);
	offsets.setBigUint64(8, 200n, true);
	const response = 'HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n';
	for (const isAtRest of [true, false]) {
		const redactor = new RecordingRedactor(() => 0);
		const flags = wire.FLAG_MIDSTREAM;
		const payload = isAtRest ? new Uint8Array(offsets.buffer) : new Uint8Array(8);
		const open = { kind: wire.CAPTURE_OPEN, conn: 1n, flags, payload };
		const data = { kind: wire.CAPTURE_DATA, conn: 1n, callOffset: 5 };
		const batch = buildBatch([
			buildRecord(open),
			buildRecord({ ...data, direction: wire.DIRECTION_IN, offset: 100n, payload: Buffer.from(HEAD) }),
			buildRecord({ ...data, direction: wire.DIRECTION_OUT, offset: 200n, payload: Buffer.from(response) }),
		]);
		const text = payloads(redactor.take(batch)).slice(payload.length);
		assert.equal(text, isAtRest ? HEAD + response : stars(HEAD + response));
	}
});

test('the end of a connection, or of one direction, decides what waits', () => {
	const begun = 'GET /a HTTP/1.1\r\nHost: sh';
	const cut = `GET /a HTTP/1.1\r\n${stars('Host: sh')}`;
	for (const isIn of [true, false]) {
		const redactor = new RecordingRedactor(() => 0);
		const open = taped((tape) => {
			const server = tape.server(1).open();
			if (isIn) server.in(begun);
			else server.out(begun);
		});
		assert.equal(redactor.take(open).length, 0);
		const closed = redactor.take(buildBatch([buildRecord({ kind: wire.CAPTURE_CLOSE, conn: 1n })]));
		assert.equal(closed.length, 2);
		assert.equal(payloads(closed).endsWith(cut), true);
	}
});
