// Exports of messages as their bytes, read by the lengths that the file gives.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { createRawWriter } from '../../src/output/raw-messages.ts';
import { createRedactor } from '../../src/output/redaction.ts';
import { exchangeRecord } from '../../src/store/exchange-detail.ts';
import { type ConnectionTape, Tape } from '../../support/record-builder.ts';
import { GET, OK, stored } from '../../support/stored-exchanges.ts';

type Read = { readonly lines: string[]; readonly messages: Buffer[] };

/** Writes the exchanges of one connection, and reads the file. */
function rawOf(talk: (server: ConnectionTape) => void, redacts = false, side: 'server' | 'client' = 'server'): Read {
	const tape = new Tape();
	tape.clock(1_700_000_000_000_000_000n);
	talk(tape[side](1, { local: '127.0.0.1:80', remote: '127.0.0.1:4000' }).open());
	const { database, rows } = stored(tape);
	const writer = createRawWriter({ redactor: redacts ? createRedactor() : null, version: '1.2.3' });
	const file = Buffer.concat([
		writer.begin(),
		...rows('exchanges').map(({ id }) => writer.exchange(exchangeRecord(database.exchanges, { id: Number(id) })!)!),
		writer.end(),
	]);
	const read: Read = { lines: [], messages: [] };
	for (let at = 0; at < file.length; ) {
		const end = file.indexOf('\n', at);
		const line = file.toString('utf8', at, end);
		at = end + 1;
		if (line === '') continue;
		assert.match(line, /^### /);
		read.lines.push(line.slice(4));
		const bytes = /^(?:request|response), (\d+) bytes:$/.exec(line.slice(4))?.[1];
		if (bytes === undefined) continue;
		read.messages.push(file.subarray(at, at + Number(bytes)));
		at += Number(bytes);
		assert.equal(file[at++], 10);
	}
	return read;
}

test('messages are the bytes that were sent, whatever they contain', () => {
	const request = Buffer.from(
		'PUT /\xff HTTP/1.1\r\nhost: h\r\nX: \xfe\r\nContent-Length: 25\r\n\r\n### request, 9 bytes:\n\0\xff\n',
		'latin1',
	);
	const response = Buffer.from('HTTP/1.1 200 Fine\r\nContent-Length: 0\r\n\r\n', 'latin1');
	const { lines, messages } = rawOf((server) => void server.in(request).out(response));
	assert.deepEqual(
		messages.map((bytes) => bytes.toString('latin1')),
		[request, response].map((bytes) => bytes.toString('latin1')),
	);
	assert.deepEqual(lines.slice(1), [
		'exchange 1, 2023-11-14T22:13:20.002000Z, server[100], 127.0.0.1:80 ← 127.0.0.1:4000, complete',
		`request, ${request.length} bytes:`,
		`response, ${response.length} bytes:`,
	]);
	const sent = rawOf((client) => void client.out(request).in(response), false, 'client');
	assert.match(sent.lines[1]!, /, 127\.0\.0\.1:80 → 127\.0\.0\.1:4000, complete$/);
});

test('where the bytes are not those of the wire, a line says so', () => {
	const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
	const { lines, messages } = rawOf((server) => {
		server.in(GET('/a')).out(`${chunked}2\r\nab\r\n1\r\nc\r\n0\r\nX: y\r\n\r\n`);
		server.in(GET('/b')).out(`HTTP/1.1 100 Continue\r\n\r\n${OK('')}`);
		server.in(GET('/c')).out('HTTP/1.1 200 OK\r\nContent-Length: 22\r\n\r\nab').sendfile(20);
		server.in(GET('/d')).close();
	});
	assert.equal(String(messages[1]), `${chunked}3\r\nabc\r\n0\r\nX: y\r\n\r\n`);
	assert.match(String(messages[5]), /\r\n\r\nab$/);
	const notes = lines.filter((line) => !/^(exchange|tinytap)|bytes:$/.test(line));
	assert.deepEqual(notes, [
		'response: the chunks of its body are one chunk here',
		'response: interim responses (100) came before it',
		'response: body: first 2 of 22 bytes; 20 via sendfile — content not captured',
		'response: 20 bytes of the body are missing in what follows',
		'response: not seen',
	]);
	assert.match(lines.filter((line) => line.startsWith('exchange')).at(-1)!, /unanswered: closed$/);
});

test('without secrets, lengths are those of what is written', () => {
	const body = gzipSync('{"password":"s3cret","n":1}');
	const { lines, messages } = rawOf((server) => {
		server.in(GET('/', 'Authorization: Bearer s3cret\r\n'));
		server.out(
			`HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`,
		);
		server.out(body);
		server.in(GET('/')).out('HTTP/1.1 200 OK\r\nContent-Length: 22\r\n\r\nab').sendfile(20);
	}, true);
	const text = messages.map(String).join('');
	assert.doesNotMatch(text, /s3cret/);
	const [, head = '', held = ''] = /^([\s\S]*?)\r\n\r\n([\s\S]*)$/.exec(String(messages[1])) ?? [];
	assert.doesNotMatch(head, /encoding/i);
	assert.equal(Number(/content-length: (\d+)/i.exec(head)?.[1]), held.length);
	assert.match(held, /"password":\s*"REDACTED-/);
	assert.equal(lines.includes('response: its body is decoded, and the field Content-Encoding is left out'), true);
	// The part that is not held counts.
	assert.match(String(messages[3]), /Content-Length: 22\r\n\r\nab$/);
});
