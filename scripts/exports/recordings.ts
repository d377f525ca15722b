// The recordings that `npm run exports` exports: ordinary traffic of every kind, hostile traffic, and much of it.
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { type ConnectionTape, Tape } from '../../support/record-builder.ts';
import { recordTape } from '../../support/tape-recording.ts';

type Talk = (server: ConnectionTape) => unknown;

/** Each conversation is on a connection of its own. */
function record(path: string, talks: readonly Talk[], ends: object = {}): string {
	const tape = new Tape();
	tape.clock(1_795_348_800_000_000_000n);
	for (const [index, talk] of talks.entries()) {
		const remote = `10.0.0.2:${20_000 + index}`;
		talk(tape.server(index + 1, { local: '10.0.0.1:80', remote, ...ends }).open());
		tape.pause(3);
	}
	tape.end();
	recordTape(path, tape);
	return path;
}

function message(line: string, fields: readonly string[], body: string | Uint8Array = ''): Buffer {
	const bytes = Buffer.from(body);
	const length = bytes.length === 0 && !line.startsWith('HTTP') ? [] : [`Content-Length: ${bytes.length}`];
	return Buffer.concat([Buffer.from(`${[line, ...fields, ...length].join('\r\n')}\r\n\r\n`), bytes]);
}

const get = (target: string, ...fields: string[]) =>
	message(`GET ${target} HTTP/1.1`, ['Host: shop.example', ...fields]);
const post = (target: string, type: string, body: string | Uint8Array, ...fields: string[]) =>
	message(`POST ${target} HTTP/1.1`, ['Host: shop.example', `Content-Type: ${type}`, ...fields], body);
const ok = (type: string, body: string | Uint8Array, ...fields: string[]) =>
	message('HTTP/1.1 200 OK', [`Content-Type: ${type}`, ...fields], body);
const pairs = (list: readonly (readonly [request: Uint8Array, response: Uint8Array])[]): Talk[] =>
	list.map(
		([request, response]) =>
			(server) =>
				server.in(request).out(response),
	);

/** Methods, statuses, bodies and codings that servers and clients send. */
export function ordinaryRecording(path: string): string {
	const text = JSON.stringify(
		{ items: Array.from({ length: 200 }, (_, id) => ({ id, name: `Größe ${id}` })) },
		null,
		1,
	);
	const binary = Uint8Array.from({ length: 3000 }, (_, index) => (index * 31) % 256);
	const chunked = (fields: string, ...chunks: string[]) =>
		Buffer.from(
			`HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n${fields}\r\n${chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('')}0\r\n\r\n`,
		);
	const plain: Talk[] = pairs([
		[get('/'), ok('text/html', '<!doctype html><p>hi</p>')],
		[get('/a/b?c=d&e=%20f'), ok('application/json', text)],
		[get('/gzip'), ok('application/json', gzipSync(text), 'Content-Encoding: gzip')],
		[get('/deflate'), ok('text/plain', deflateSync(text), 'Content-Encoding: deflate')],
		[get('/br'), ok('text/plain', brotliCompressSync(text), 'Content-Encoding: br')],
		[get('/image'), ok('image/png', binary)],
		[get('/chunks'), chunked('', 'one ', 'two ', 'x'.repeat(5000))],
		[get('/cookies', 'Cookie: a=1; b=two'), ok('text/plain', 'ok', 'Set-Cookie: c=3; Path=/; HttpOnly')],
		[get('/none'), Buffer.from('HTTP/1.1 204 No Content\r\nX: y\r\n\r\n')],
		[get('/cached'), Buffer.from('HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n')],
		[get('/moved'), message('HTTP/1.1 301 Moved', ['Location: /a'])],
		[get('/missing'), message('HTTP/1.1 404 Not Found', ['Content-Type: text/plain'], 'no')],
		[get('/broken'), message('HTTP/1.1 503 Service Unavailable', [], 'later')],
		[post('/json', 'application/json', '{"a":[1,2,{"b":null}]}'), message('HTTP/1.1 201 Created', [], '{"id":1}')],
		[post('/form', 'application/x-www-form-urlencoded', 'a=1&b=two+words&c=%C3%9F'), ok('text/plain', 'ok')],
		[post('/bytes', 'application/octet-stream', binary), ok('text/plain', 'ok')],
		[post('/packed', 'application/json', gzipSync(text), 'Content-Encoding: gzip'), ok('text/plain', 'ok')],
		[message('PUT /x HTTP/1.1', ['Host: shop.example'], 'new'), message('HTTP/1.1 200 OK', [])],
		[message('DELETE /x HTTP/1.1', ['Host: shop.example']), message('HTTP/1.1 200 OK', [])],
		[message('PATCH /x HTTP/1.1', ['Host: shop.example'], '{}'), ok('text/plain', 'patched')],
		[message('OPTIONS /x HTTP/1.1', ['Host: shop.example']), message('HTTP/1.1 200 OK', ['Allow: GET'])],
		[get('/big'), ok('text/plain', 'line of a long text\n'.repeat(3000))],
	]);
	return record(path, [
		...plain,
		(server) =>
			server.in('HEAD /head HTTP/1.1\r\nHost: h\r\n\r\n').out('HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n'),
		(server) => server.in(get('/file')).out('HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n').sendfile(5000),
		(server) => server.in(get('/part')).out('HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\nbegin').sendfile(4995),
		(server) => server.in('GET /old HTTP/1.0\r\n\r\n').out('HTTP/1.0 200 OK\r\n\r\nuntil the end').close(),
		(server) => server.in(get('/silent')).eof().close(),
	]);
}

/** What nobody should send. */
export function hostileRecording(path: string): string {
	const values = [
		...["'; DROP TABLE exchanges; --", '"},{"', '</script><script>alert(1)</script>', '=1+1', '@SUM(A1)', "'quoted'"],
		...['{{x}}', '`', '\\', '\\u{0}', '%00', '\u202ertl', '\ufeff', 'tab\there', '\x1b[2J', '\x7f', '\u2028', ','],
		...['a\0b', '\ud83d\ude00', 'é', '#', '###', '[Options]', 'HTTP 200', ' ', '', '"', 'x'.repeat(5000)],
	];
	const talks: Talk[] = values.map((value) => (server) => {
		const head = `POST /p/${encodeURIComponent(value.slice(0, 9))}?q=${encodeURIComponent(value.slice(0, 99))} HTTP/1.1`;
		const bytes = Buffer.from(value);
		const fields = `Host: shop.example\r\nX-Value: ${value}\r\nX-${value.replace(/[^!#$%&'*+.^_|~`A-Za-z-]/g, '')}z: 1`;
		const type = 'Content-Type: text/plain; charset=utf-8';
		server.in(Buffer.from(`${head}\r\n${fields}\r\n${type}\r\nContent-Length: ${bytes.length}\r\n\r\n`));
		if (bytes.length > 0) server.in(bytes);
		server.out(
			Buffer.from(
				`HTTP/1.1 200 ${value.replace(/[\r\n]/g, '')}\r\nX: ${value}\r\nContent-Length: ${bytes.length}\r\n\r\n`,
			),
		);
		if (bytes.length > 0) server.out(bytes);
	});
	const bytes = (text: string) => Buffer.from(text, 'latin1');
	return record(path, [
		...talks,
		(server) =>
			server
				.in(bytes('GET /\xff\xfe HTTP/1.1\r\nHost: \xe9\r\nX-\xc0: \xc0\xaf\r\n\r\n'))
				.out(bytes('HTTP/1.1 200 \xff\r\nContent-Length: 3\r\n\r\n\0\xff\xfe')),
		(server) => server.in('\x16\x03\x01 nonsense\r\n\r\n').out('HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n'),
		(server) =>
			server
				.in('GET / HTTP/9.9\r\nHost: h\r\nHost: i\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n')
				.out('HTTP/1.1 999 \r\nContent-Length: 0\r\n\r\n'),
		(server) =>
			server
				.in('get / HTTP/1.1\r\nHost: h\r\n\r\n')
				.out('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'),
		(server) => server.out('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nalone').close(),
		(server) =>
			server
				.in('POST / HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"a":\xff}')
				.eof()
				.close(),
		(server) =>
			server
				.in('POST / HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope')
				.out('HTTP/1.1 200 OK\r\n\r\n')
				.close(),
	]);
}

/** `count` exchanges with bodies of about 1 KiB. */
export function largeRecording(path: string, count: number): string {
	const talk: Talk = (server) => {
		for (let id = 1; id <= count; id++) {
			const body = JSON.stringify({ id, text: `item ${(id * 7919) % count} `.repeat(60) });
			server.in(get(`/item/${id}?n=${id % 97}`)).out(ok('application/json', body));
		}
	};
	return record(path, [talk]);
}
