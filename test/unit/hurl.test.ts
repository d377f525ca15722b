// Exports as hurl files, read by a strict reader of hurl's grammar.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { createHurlWriter } from '../../src/output/hurl.ts';
import { createRedactor } from '../../src/output/redaction.ts';
import { exchangeRecord } from '../../src/store/exchange-detail.ts';
import { type HurlEntry, readHurl } from '../../support/hurl-entries.ts';
import { type ConnectionTape, Tape } from '../../support/record-builder.ts';
import { GET, OK, stored } from '../../support/stored-exchanges.ts';

type Talk = (server: ConnectionTape) => void;

/** The file of conversations, each on a connection of its own. */
function hurlOf(talks: readonly Talk[], { local = '127.0.0.1:80', redacts = false } = {}) {
	const tape = new Tape();
	tape.clock(1_700_000_000_000_000_000n);
	for (const [index, talk] of talks.entries())
		talk(tape.server(index + 1, { local: '127.0.0.1:80', remote: '127.0.0.1:4000' }).open());
	const { database, rows } = stored(tape);
	const writer = createHurlWriter({ redactor: redacts ? createRedactor() : null, version: '1.2.3' });
	const texts = rows('exchanges').map(({ id }) => {
		const record = exchangeRecord(database.exchanges, { id: Number(id) })!;
		return writer.exchange({ ...record, columns: { ...record.columns, local } });
	});
	const text = writer.begin() + texts.map((each) => each ?? '').join('') + writer.end();
	return { text, entries: readHurl(text), leftOut: texts.filter((each) => each === null).length };
}

const talk =
	(request: string | Uint8Array, response = OK('ok')): Talk =>
	(server) =>
		void server.in(request).out(response);

function post(body: string | Uint8Array, fields = ''): Uint8Array {
	const bytes = typeof body === 'string' ? Buffer.from(body) : body;
	return Buffer.concat([
		Buffer.from(`POST /p HTTP/1.1\r\nHost: example.com\r\nContent-Length: ${bytes.length}\r\n${fields}\r\n`),
		bytes,
	]);
}

test('a request, its fields, its body and the status become an entry', () => {
	const { text, entries } = hurlOf([
		talk(GET('/a?b=c', 'Accept: */*\r\nX-Empty:\r\n')),
		talk(post('{"a":1}', 'Content-Type: application/json\r\n'), 'HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n'),
	]);
	assert.match(text, /^# Requests captured by tinytap 1\.2\.3, with the statuses of their responses\.\n\n/);
	const options = { 'connect-to': '::127.0.0.1:80' };
	assert.deepEqual(
		entries.map(({ comments: _, ...entry }) => entry),
		[
			{
				...{ method: 'GET', url: 'http://example.com/a?b=c', options, body: undefined, status: 200 },
				fields: [
					['Host', 'example.com'],
					['Accept', '*/*'],
					['X-Empty', ''],
				],
			},
			{
				...{ method: 'POST', url: 'http://example.com/p', options, body: Buffer.from('{"a":1}'), status: 201 },
				fields: [
					['Host', 'example.com'],
					['Content-Type', 'application/json'],
				],
			},
		],
	);
	assert.deepEqual(entries[1]!.comments, ['exchange 2']);
});

test('bodies and values of any bytes come back exactly, and nothing in them becomes a line, a template or an escape', () => {
	const value = fc.string({ unit: 'binary', maxLength: 30 }).map((text) => text.replace(/[\p{Cc}]/gu, '').trim());
	const words = fc.constantFrom('{{', '{{{x}}', '#', '`', '\\', '\\u{7b}', '```', '[Options]', 'HTTP 200', '\u202e');
	const piece = fc.oneof(value, words);
	const values = fc.array(piece, { maxLength: 4 }).map((pieces) => pieces.join(' ').trim());
	const lines = fc.array(fc.oneof(piece, fc.constantFrom('\n', '\r\n', '\t', '\0')), { maxLength: 9 });
	const bodies = fc.oneof(
		lines.map((pieces) => Buffer.from(pieces.join(''))),
		fc.uint8Array({ maxLength: 40 }),
	);
	fc.assert(
		fc.property(fc.array(fc.tuple(values, bodies), { minLength: 1, maxLength: 20 }), (pairs) => {
			const { entries } = hurlOf(pairs.map(([field, body]) => talk(post(body, `X-Value: ${field}\r\n`))));
			assert.equal(entries.length, pairs.length);
			for (const [index, [field, body]] of pairs.entries()) {
				const entry = entries[index]!;
				assert.deepEqual(
					entry.fields.filter(([name]) => name === 'X-Value'),
					[['X-Value', field]],
				);
				assert.deepEqual(Buffer.from(entry.body ?? ''), Buffer.from(body));
				assert.equal(entry.status, 200);
			}
		}),
		{ numRuns: 40 },
	);
});

test('targets are percent-encoded where hurl would not accept them, and sent as they are otherwise', () => {
	const urls = (...targets: string[]) =>
		hurlOf(targets.map((target) => talk(Buffer.from(`GET ${target} HTTP/1.1\r\nHost: example.com\r\n\r\n`, 'latin1'))))
			.entries;
	const of = (entry: HurlEntry | undefined) => [entry?.url, entry?.options['path-as-is'], entry?.comments.length];
	const entries = urls('/a/../b', '/x{{y}}#z"', '/\xff', "/~a+b!c$d'(e);[f]?g=@h,i*j:k%41");
	assert.deepEqual(entries.map(of), [
		['http://example.com/a/../b', 'true', 1],
		['http://example.com/x%7B%7By%7D%7D%23z%22', undefined, 2],
		['http://example.com/%FF', undefined, 2],
		["http://example.com/~a+b!c$d'(e);[f]?g=@h,i*j:k%41", undefined, 1],
	]);
});

test('what hurl cannot send is left out: whole requests, or fields, with a comment', () => {
	const line = (text: string, fields = 'Host: example.com\r\n') => talk(`${text} HTTP/1.1\r\n${fields}\r\n`);
	const { leftOut, entries } = hurlOf([
		line('OPTIONS *'),
		line('GET http://other.example/'),
		line('get /'),
		line('M-SEARCH /'),
		(server) => void server.out(OK('alone')).close(),
		line('GET /', 'Host: example.com\r\nHost: other\r\nX: a\0b\r\nY: \xff\r\nZ!: 1\r\n'),
		(server) => void server.in(GET('/alone')).eof().close(),
	]);
	assert.equal(leftOut, 5);
	const [fields, unanswered] = entries;
	assert.deepEqual(fields!.fields, [
		['Host', 'example.com'],
		['Z!', '1'],
	]);
	assert.deepEqual(
		fields!.comments.slice(1).map((comment) => comment.replace(/field (\S+) is left out: .*/, '$1')),
		['Host', 'X', 'Y'],
	);
	assert.equal(unanswered!.status, undefined);
	assert.match(unanswered!.comments.at(-1)!, /^no response: unanswered/);
});

test('HTTP/1.0 and unix sockets are options; a name in the abstract namespace cannot be given', () => {
	const old = talk('GET / HTTP/1.0\r\nHost: example.com\r\n\r\n', 'HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n');
	const [entry] = hurlOf([old], { local: 'unix:/run/a b#{{.sock' }).entries;
	assert.deepEqual(entry!.options, { 'http1.0': 'true', 'unix-socket': '/run/a b#{{.sock' });
	assert.equal(hurlOf([old], { local: 'unix:@name' }).leftOut, 1);
});

test('secrets are replaced; a body that is not held is a comment, not an empty body', () => {
	const { text } = hurlOf([talk(GET('/?token=s3cret', 'Authorization: Bearer s3cret\r\n'))], { redacts: true });
	assert.doesNotMatch(text, /s3cret/);
	assert.match(text, /\n# Secrets are replaced by REDACTED-LENGTH-HASH\.\n/);
	const zipped = talk(post(gzipSync('{"password":"s3cret"}'), 'Content-Encoding: gzip\r\n'));
	const { entries } = hurlOf([talk(post('plain')), zipped], { redacts: true });
	assert.deepEqual(
		entries.map(({ comments }) => comments.slice(1)),
		[[], ['the body is sent decoded, although Content-Encoding says otherwise']],
	);
	const tape = new Tape();
	tape.clock(1_700_000_000_000_000_000n);
	const client = tape.client(1, { local: '127.0.0.1:4000', remote: '127.0.0.1:80' }).open();
	client.out('POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 100\r\n\r\n').sendfile(100).in(OK('ok'));
	const writer = createHurlWriter({ redactor: null, version: '1.2.3' });
	const [entry] = readHurl(writer.exchange(exchangeRecord(stored(tape).database.exchanges, { id: 1 })!)!);
	assert.equal(entry!.body, undefined);
	assert.deepEqual(entry!.comments.slice(1), ['body: 100 bytes via sendfile — content not captured']);
});
