// `.curl`, run: shells execute the printed commands against a server on loopback, and what arrives is compared with what
// was captured. The captures are tapes, which the built CLI replays.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { type Bytes, Tape } from '../../support/record-builder.ts';
import { listening, type Running, startProgram, temporaryDirectory } from '../../support/servers.ts';
import { recordTape } from '../../support/tape-recording.ts';
import { runTinytap } from '../../support/tinytap.ts';

const run = promisify(execFile);
const directory = temporaryDirectory();
const SOCKET = join(directory.path, "it's a socket");
const ABSTRACT = `tinytap-curl-${process.pid}`;
/** The answer with which the server ends each exchange. */
const GZIPPED = 'a compressed answer\n'.repeat(20);

type Request = { readonly line: string; readonly fields: readonly string[]; readonly body: Buffer };

/** Passes on everything from an abstract socket, because Node pads such names with NUL bytes. */
const RELAY = `
import socket, sys, threading
listener = socket.socket(socket.AF_UNIX)
listener.bind("\\0" + sys.argv[1])
listener.listen()
def copy(source, target):
    while data := source.recv(65536):
        target.sendall(data)
    target.shutdown(socket.SHUT_WR)
while True:
    client, _ = listener.accept()
    server = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
    for pair in ((client, server), (server, client)):
        threading.Thread(target=copy, args=pair, daemon=True).start()
`;
const relays: Running[] = [];

/** Requests as they arrived, by connection. */
const arrived: Request[] = [];
const servers: Server[] = [];
let port = 0;

before(async () => {
	const ports = [await listen({ host: '127.0.0.1', port: 0 }), await listen({ host: '::1', port: 0 })];
	port = ports[0]!;
	port6 = ports[1]!;
	await listen({ path: SOCKET });
	const relay = startProgram('python3', ['-c', RELAY, ABSTRACT, String(port)]);
	relays.push(relay);
	await listening(`@${ABSTRACT}`, relay);
});
let port6 = 0;

after(async () => {
	for (const relay of relays) await relay.stop();
	for (const server of servers) server.close();
	directory.remove();
});

/** Starts a server that reads one request from each connection, answers and hangs up. Returns its port. */
async function listen(at: { host: string; port: number } | { path: string }): Promise<number> {
	const server = createServer(answer).listen(at);
	servers.push(server);
	await once(server, 'listening');
	const address = server.address();
	return address !== null && typeof address === 'object' ? address.port : 0;
}

function answer(socket: Socket): void {
	let received = Buffer.alloc(0);
	socket.on('error', () => undefined);
	// A request that does not arrive completely ends its curl, too.
	socket.setTimeout(15_000, () => socket.destroy());
	socket.on('data', (bytes) => {
		received = Buffer.concat([received, bytes]);
		const request = parse(received);
		if (request === undefined) return;
		arrived.push(request);
		const isHead = request.line.startsWith('HEAD');
		const wantsGzip = request.fields.some((field) => /^accept-encoding: .*gzip/i.test(field));
		const body = isHead ? '' : wantsGzip ? gzipSync(GZIPPED) : 'ok\n';
		const coding = wantsGzip ? 'Content-Encoding: gzip\r\n' : '';
		socket.write(`HTTP/1.1 200 OK\r\n${coding}Content-Length: ${body.length}\r\nConnection: close\r\n\r\n`);
		socket.end(body);
	});
}

/** Reads a request; undefined if it is incomplete. Line ends inside values become spaces, as RFC 9112 allows. */
function parse(bytes: Buffer): Request | undefined {
	const text = bytes.toString('latin1');
	const end = text.indexOf('\r\n\r\n');
	if (end < 0) return undefined;
	const [line = '', ...fields] = text
		.slice(0, end)
		.replace(/\r\n(?=[ \t])/g, '  ')
		.split('\r\n')
		.map((each, index) =>
			index === 0 ? each : each.replace(/^([^:]*):[ \t]*(.*?)[ \t]*$/s, '$1: $2').replace(/: $/, ':'),
		);
	const field = (name: string) =>
		fields
			.find((each) => each.toLowerCase().startsWith(`${name}:`))
			?.slice(name.length + 1)
			.trim();
	const rest = bytes.subarray(end + 4);
	if (field('transfer-encoding') !== undefined) {
		const body = unchunked(rest);
		return body === undefined ? undefined : { line, fields, body };
	}
	const length = Number(field('content-length') ?? 0);
	return rest.length < length ? undefined : { line, fields, body: rest };
}

function unchunked(bytes: Buffer): Buffer | undefined {
	const parts: Buffer[] = [];
	for (let at = 0; ; ) {
		const end = bytes.indexOf('\r\n', at);
		if (end < 0) return undefined;
		const size = Number.parseInt(bytes.toString('latin1', at, end), 16);
		if (size === 0) return bytes.indexOf('\r\n\r\n', end) < 0 ? undefined : Buffer.concat(parts);
		parts.push(bytes.subarray(end + 2, end + 2 + size));
		at = end + 2 + size + 2;
		if (at > bytes.length) return undefined;
	}
}

/** The request that curl can send: Host comes first, under this name, and only once. */
function asCurlSends({ line, fields, body }: Request): Request {
	const hosts = fields.filter((field) => /^host:/i.test(field));
	const others = fields.filter((field) => !/^host:/i.test(field));
	return { line, fields: [...hosts.slice(0, 1).map((field) => field.replace(/^host/i, 'Host')), ...others], body };
}

type Case = {
	readonly raw: Bytes;
	/** The server's address; by default the one on 127.0.0.1. */
	readonly local?: string;
	/** Of the captured answer. */
	readonly answer?: string;
	/** Expected lines before the command. */
	readonly remarks?: readonly string[];
	/** Fields that are not sent. */
	readonly without?: RegExp;
	/** What the shell prints; default: the server's short answer. */
	readonly prints?: string | RegExp;
};

/** The commands of `.curl` for all cases, in order. */
async function commandsFor(cases: readonly Case[], ...options: string[]): Promise<string[]> {
	const tape = new Tape();
	tape.clock(1_700_000_000_000_000_000n);
	for (const [index, { raw, local = `127.0.0.1:${port}`, answer = '' }] of cases.entries()) {
		const isUnix = local.startsWith('unix:');
		const addresses = isUnix ? {} : { local, remote: '10.0.0.2:4000' };
		const server = tape.server(index + 1, addresses).open();
		if (isUnix) tape.factSocket(index + 1, 'socket', local, 'unix:');
		server.in(raw);
		server.out(`HTTP/1.1 405 No\r\n${answer}Content-Length: 0\r\n\r\n`);
		server.close();
	}
	const path = join(directory.path, `tape-${recordings++}`);
	recordTape(path, tape);
	const end = '# the command ends here';
	const input = cases.map((_, index) => `.curl ${index + 1}\n.print ${end}\n`).join('');
	const words = ['--replay', path, '--body-limit', 'none', ...options];
	const { code, stdout, stderr } = await runTinytap(words, { input });
	assert.equal(code, 0, stderr);
	const outputs = stdout.split(`${end}\n`).slice(0, -1);
	assert.equal(outputs.length, cases.length);
	return outputs;
}
let recordings = 0;

/** Runs the command in a shell; returns what it printed. */
async function execute(shell: string, command: string): Promise<string> {
	const script = join(directory.path, 'script');
	writeFileSync(script, command);
	// Without the settings of the user who runs the test.
	const env = { PATH: process.env.PATH, HOME: directory.path, LC_ALL: 'C.UTF-8' };
	const { stdout } = await run(shell, [script], { env, timeout: 60_000 });
	return stdout;
}

/** Each command sends what was captured, from both shells. */
async function sendsWhatWasCaptured(cases: readonly Case[]): Promise<void> {
	const outputs = await commandsFor(cases, '--no-redact');
	for (const [index, each] of cases.entries()) {
		const output = outputs[index]!;
		const title = `${JSON.stringify(String(each.raw).slice(0, 200))}\n${output.slice(0, 1000)}`;
		const remarks = output.split('\n').filter((line) => line.startsWith('# '));
		assert.deepEqual(remarks, each.remarks ?? [], title);
		const bytes = typeof each.raw === 'string' ? Buffer.from(each.raw, 'latin1') : Buffer.from(each.raw);
		const captured = asCurlSends(parse(bytes)!);
		const { without } = each;
		const fields = without === undefined ? captured.fields : captured.fields.filter((field) => !without.test(field));
		for (const shell of ['sh', 'bash']) {
			arrived.length = 0;
			let printed: string;
			try {
				printed = await execute(shell, output);
			} catch (error) {
				throw new Error(`${title}\n${String(error).slice(0, 1000)}`);
			}
			const [request, ...more] = arrived;
			assert.ok(request !== undefined && more.length === 0, title);
			assert.equal(request.line, captured.line, title);
			assert.deepEqual(request.fields, fields, title);
			assert.equal(Buffer.compare(request.body, captured.body), 0, title);
			if (each.prints instanceof RegExp) assert.match(printed, each.prints, title);
			else assert.equal(printed, each.prints ?? 'ok\n', title);
		}
	}
}

/** A request to the server; `fields` end in CRLF. */
const get = (fields: string, target = '/items?page=2') =>
	`GET ${target} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${fields}\r\n`;
const post = (body: Bytes, fields = 'Content-Type: text/plain\r\n', method = 'POST'): Buffer => {
	const bytes = typeof body === 'string' ? Buffer.from(body, 'latin1') : Buffer.from(body);
	const head = `${method} /items HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${fields}Content-Length: ${bytes.length}\r\n\r\n`;
	return Buffer.concat([Buffer.from(head, 'latin1'), bytes]);
};
const chunked = (parts: readonly Bytes[], fields = '', trailers = ''): Buffer => {
	const head = `POST /items HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${fields}Transfer-Encoding: chunked\r\n\r\n`;
	const chunks = parts.map((part) => {
		const bytes = typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part);
		return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);
	});
	return Buffer.concat([Buffer.from(head, 'latin1'), ...chunks, Buffer.from(`0\r\n${trailers}\r\n`)]);
};
const everyByte = Uint8Array.from({ length: 256 }, (_, i) => i);

test('fields arrive in their order, case and number, and curl adds none', async () => {
	await sendsWhatWasCaptured([
		{ raw: get('') },
		{ raw: get('User-Agent: x\r\nAccept: */*\r\n') },
		{ raw: get('accept: text/html\r\nuser-agent: y\r\nACCEPT-language: de\r\n') },
		{ raw: get('X-A: 1\r\nX-B: 2\r\nX-A: 3\r\nx-a: 1\r\n') },
		{ raw: get('User-Agent:\r\nAccept:\r\nX-Empty:\r\nX-Blank:   \r\n') },
		{ raw: get('Cookie: a=1; b="2"\r\nAuthorization: Basic YTpi\r\nReferer: http://h/?a#b\r\nRange: bytes=1-2\r\n') },
		{ raw: get('If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\nIf-None-Match: "x"\r\nCookie: second=1\r\n') },
		{ raw: get('Connection: close\r\n') },
		{ raw: get('TE: trailers, deflate\r\nConnection: TE, keep-alive\r\nKeep-Alive: timeout=5\r\n') },
		{ raw: get('Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n') },
		{ raw: get('Proxy-Connection: keep-alive\r\nProxy-Authorization: Basic YTpi\r\nVia: 1.1 x\r\n') },
		{ raw: get('Expect: 100-continue\r\nContent-Length: 0\r\n') },
	]);
});

test('hostile fields arrive as they were, and none becomes an option, a file or a command', async () => {
	const values = [
		'\'"`$(id)$HOME\\ \\n %s !! * ~ # & | < > ( ) ; ;',
		'@/etc/passwd',
		'-o /dev/null',
		';',
		'a;',
		'a:',
		'"',
		"'",
		'\\',
		'\\\\',
		'x\ty',
		'Gr\xc3\xbc\xc3\x9fe \xf0\x9f\x98\x80 \xe2\x80\xae',
		'\xff\xfe latin1 \xfc',
		'\xc3',
		'\x01\x02\x1b[2J\x7f\x80',
		'first\r\n second\r\n\tthird',
		'a'.repeat(60_000),
	];
	const names = ['-o', '--data', '-', "X!#$%&'*+.^_`|~9", 'x_y.z', 'X-\xfc'];
	await sendsWhatWasCaptured([
		...values.map((value) => ({ raw: get(`X-Value: ${value}\r\nY: 1\r\n`) })),
		{ raw: get(values.map((value, i) => `X-${i}: ${value}\r\n`).join('')) },
		...names.map((name) => ({ raw: get(`${name}: x\r\n${name}:\r\n`) })),
		{
			raw: get('@/etc/passwd: x\r\nY: 1\r\n'),
			without: /^@/,
			remarks: ['# field @/etc/passwd is left out: curl would take it for a file'],
		},
	]);
});

test('bodies arrive byte for byte, of any length, with and without NUL bytes', async () => {
	const hostile = '@/etc/passwd \'"`$(id)$HOME\\n %s %% \\101 !!\r\n\n-x\n';
	const texts = [
		'a=b&c=d+e%20f',
		hostile,
		'@/etc/passwd',
		'-x',
		'--data',
		'%s\\n',
		'\\',
		'\n',
		'\r\n',
		' ',
		"'",
		'\xff',
		'\0',
	];
	const long = hostile.repeat(4000);
	await sendsWhatWasCaptured([
		...texts.map((text) => ({ raw: post(text) })),
		{ raw: post(everyByte) },
		{ raw: post(everyByte.subarray(1)) },
		{ raw: post(randomBytes(200_000)) },
		{ raw: post('Grüße 😀') },
		...[1025, 131_070, 131_071, 131_072, 131_073].map((length) => ({ raw: post('x'.repeat(length)) })),
		{ raw: post(`-${long}`) },
		{ raw: post('y'.repeat(1_100_000)) },
		{ raw: post('{"a":1}', 'content-type: application/json\r\nExpect: 100-continue\r\n') },
		{ raw: post('no type', '') },
		{ raw: post('a', 'Content-Type: x\r\n', 'GET') },
		{ raw: post(gzipSync('compressed'), 'Content-Type: text/plain\r\nContent-Encoding: gzip\r\n', 'PUT') },
		{ raw: `POST / HTTP/1.1\r\nContent-Length: 3\r\ncontent-type: a/b\r\nHost: 127.0.0.1:${port}\r\nX: y\r\n\r\nabc` },
	]);
});

test('the length of an empty body is sent exactly if it was in the request', async () => {
	await sendsWhatWasCaptured([
		...['POST', 'PUT', 'DELETE', 'PATCH', 'GET'].map((method) => ({ raw: post('', '', method) })),
		...['POST', 'PUT', 'DELETE', 'PATCH'].map((method) => ({
			raw: `${method} / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`,
		})),
		{ raw: `POST / HTTP/1.1\r\ncontent-length: 0\r\nhost: 127.0.0.1:${port}\r\nContent-Type: a/b\r\n\r\n` },
		{ raw: chunked([]) },
		{ raw: chunked([], 'Content-Type: a/b\r\n') },
	]);
});

test('chunks arrive as chunks, without trailers', async () => {
	await sendsWhatWasCaptured([
		{ raw: chunked(['one', 'two ', '\r\n0\r\n\r\n']) },
		{ raw: chunked([everyByte, randomBytes(150_000)], 'Content-Type: a/b\r\n') },
		{ raw: chunked(['z'.repeat(140_000)], 'Expect: 100-continue\r\n') },
		{
			raw: chunked(['one'], 'Trailer: X-Sum\r\n', 'X-Sum: 1\r\n'),
			remarks: ['# field X-Sum is left out: it is a trailer'],
		},
	]);
});

test('methods, versions and targets arrive as they were', async () => {
	const methods = ['OPTIONS', 'PROPFIND', 'M-SEARCH', 'get', 'BREW', '-o', "!#$%&'*+.^_`|~-x", 'TRACE'];
	const targets = [
		'/',
		'//double//slashes',
		'/a/../b/./c/%2e%2e/%7e',
		'/[1-3]{a,b}?x[]=1&y={2}',
		'/a?',
		'/a?b?c=/?d',
		'/?',
		'/\'$(id)`id`"',
		'/a#fragment',
		'/a;b=c:80@d',
		'/<>"\\^',
		'/Gr\xc3\xbc\xc3\x9fe?q=\xc3\xbc',
		'/\xff\xfe?\xfc',
		'http://other.example/x?y#z',
		'http://joe:secret@other.example:81/',
		'https://other.example/',
		'ftp://other.example/file',
		'file:///etc/passwd',
	];
	const host = `Host: 127.0.0.1:${port}\r\n`;
	await sendsWhatWasCaptured([
		...methods.map((method) => ({ raw: `${method} /m HTTP/1.1\r\n${host}\r\n` })),
		{ raw: `HEAD /h HTTP/1.1\r\n${host}X: y\r\n\r\n`, prints: /^HTTP\/1\.1 200 OK\r\n/ },
		{
			raw: `HEAD /h HTTP/1.1\r\n${host}Content-Length: 3\r\n\r\nabc`,
			prints: '',
			remarks: ['# curl waits for a body that the answer to HEAD does not have: end it with Ctrl-C'],
		},
		{ raw: `OPTIONS * HTTP/1.1\r\n${host}\r\n` },
		{ raw: 'CONNECT other.example:443 HTTP/1.1\r\nHost: other.example:443\r\n\r\n' },
		...targets.map((target) => ({ raw: get('', target) })),
		{ raw: 'GET /old HTTP/1.0\r\n\r\n' },
		{ raw: `GET /old HTTP/1.0\r\n${host}Connection: keep-alive\r\n\r\n` },
		{ raw: `POST /old HTTP/1.0\r\n${host}Content-Length: 3\r\n\r\nabc` },
	]);
});

test('the request goes to the server that got it, whatever its Host field says', async () => {
	const hosts = [
		'shop.example',
		`shop.example:${port}`,
		'SHOP.Example',
		'shop.example.',
		'h:80',
		'h:81',
		'h:',
		'h:99999',
		'h:080',
		'',
		'a b',
		'-x',
		'@x',
		'u@x',
		'x/y',
		'x?y#z',
		'127.1',
		'0x7f000001',
		'2130706433',
		'010.0.0.1',
		'300.1.1.1',
		'1.2.3',
		'[::1]',
		'[0:0::1]:80',
		'[x]',
		'gr\xc3\xbcn.example',
		'gr\xfcn.example',
		'a_b.example',
		'localhost',
		"it's",
		'$(id)',
	];
	await sendsWhatWasCaptured([
		...hosts.map((host) => ({ raw: `GET /x?y HTTP/1.1\r\nHost: ${host}\r\nAccept: */*\r\n\r\n` })),
		{ raw: 'GET / HTTP/1.1\r\naccept: */*\r\nhost: shop.example\r\n\r\n' },
		{
			raw: 'GET / HTTP/1.1\r\nHost: one\r\nAccept: */*\r\nhost: two\r\n\r\n',
			remarks: ['# field host is left out: curl sends only one Host'],
		},
		{ raw: 'GET /x HTTP/1.1\r\n\r\n' },
		{ raw: `GET /six HTTP/1.1\r\nHost: [::1]:${port6}\r\n\r\n`, local: `[::1]:${port6}` },
		{ raw: 'GET /six HTTP/1.1\r\nHost: shop.example\r\n\r\n', local: `[::1]:${port6}` },
		{ raw: 'GET /six HTTP/1.0\r\n\r\n', local: `[::1]:${port6}` },
		...[`unix:${SOCKET}`, `unix:@${ABSTRACT}`].flatMap((local) => [
			{ raw: 'GET /u HTTP/1.1\r\nHost: localhost\r\n\r\n', local },
			{ raw: 'POST /u HTTP/1.1\r\nHost: a b\r\nContent-Length: 3\r\n\r\na\0b', local },
			{ raw: 'GET /u HTTP/1.0\r\n\r\n', local },
		]),
	]);
});

test('a compressed answer is printed decompressed, and the request stays the same', async () => {
	const answer = 'Content-Encoding: gzip\r\n';
	await sendsWhatWasCaptured([
		{ raw: get('Accept-Encoding: gzip, br\r\nAccept: */*\r\n'), answer, prints: GZIPPED },
		{ raw: post('x', 'accept-encoding: gzip;q=1.0\r\n'), answer, prints: GZIPPED },
	]);
});

test('a redacted request arrives with a length that fits its body', async () => {
	const secret = 'correct horse battery staple';
	const cases: Case[] = [
		{ raw: post(`password=${encodeURIComponent(secret)}&a=1`, 'Content-Type: application/x-www-form-urlencoded\r\n') },
		{ raw: get(`Authorization: Bearer \xff${secret}\r\n`, `/?token=\xff${encodeURIComponent(secret)}`) },
	];
	for (const output of await commandsFor(cases)) {
		assert.doesNotMatch(output, /horse/);
		arrived.length = 0;
		assert.equal(await execute('sh', output), 'ok\n');
		const [request] = arrived;
		assert.match(`${request!.line}${request!.body}`, /REDACTED/);
	}
});
