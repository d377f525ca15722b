// First uses, live: what a new user tries in the first ten minutes.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { freePort, listening, startNginx, startProgram, temporaryDirectory } from '../../support/servers.ts';
import { captureRows, startTinytap } from '../../support/tinytap.ts';

const run = promisify(execFile);

/** A text of exactly `bytes` bytes that is different at every position. */
function patternedText(bytes: number): string {
	let text = '';
	for (let line = 0; text.length < bytes; line++) text += `line ${line} of a file that is served\n`;
	return text.slice(0, bytes);
}

const sha256 = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest('hex');

test('a body sent by sendfile shows its size and a note, and the next exchange on the connection is right', async () => {
	const nginx = await startNginx({ sendfile: true });
	try {
		writeFileSync(join(nginx.root, 'big.txt'), patternedText(51200));
		writeFileSync(join(nginx.root, 'small.txt'), 'hello\n');
		const url = `http://127.0.0.1:${nginx.port}`;
		const rows = await captureRows(
			'SELECT id, side, method, path, status, state, res_body_bytes, res_captured_bytes, res_body, via, vias, res_body_note FROM exchanges ORDER BY id',
			['--port', String(nginx.port)],
			async () => {
				// One keep-alive connection: big, missing, big, small.
				await run('curl', [
					'-s',
					'-o',
					'/dev/null',
					`${url}/big.txt`,
					'-o',
					'/dev/null',
					`${url}/missing.txt`,
					'-o',
					'/dev/null',
					`${url}/big.txt?again`,
					'-o',
					'/dev/null',
					`${url}/small.txt`,
				]);
			},
		);
		const server = rows.filter((row) => row.side === 'server');
		assert.deepEqual(
			server.map((row) => [
				row.method,
				row.path,
				row.status,
				row.state,
				row.res_body_bytes,
				row.via,
				row.res_body_note,
			]),
			[
				[
					'GET',
					'/big.txt',
					200,
					'complete',
					51200,
					'sendfile',
					'body: 51200 bytes via sendfile — content not captured',
				],
				['GET', '/missing.txt', 404, 'complete', 153, 'writev', null],
				[
					'GET',
					'/big.txt',
					200,
					'complete',
					51200,
					'sendfile',
					'body: 51200 bytes via sendfile — content not captured',
				],
				['GET', '/small.txt', 200, 'complete', 6, 'sendfile', 'body: 6 bytes via sendfile — content not captured'],
			],
		);
		assert.equal(server[0]?.vias, 'writev+sendfile');
		assert.equal(server[0]?.res_captured_bytes, 0);
		assert.equal(server[0]?.res_body, null);
		const client = rows.filter((row) => row.side === 'client');
		assert.deepEqual(
			client.map((row) => [row.path, row.res_captured_bytes, row.via]),
			[
				['/big.txt', 51200, 'recvfrom'],
				['/missing.txt', 153, 'recvfrom'],
				['/big.txt', 51200, 'recvfrom'],
				['/small.txt', 6, 'recvfrom'],
			],
		);
		assert.equal(client[0]?.res_body, patternedText(51200));
	} finally {
		await nginx.stop();
		nginx.remove();
	}
});

test('events shows a sendfile with its out_fd, the returned count, nothing captured and the flag', async () => {
	const nginx = await startNginx({ sendfile: true });
	try {
		writeFileSync(join(nginx.root, 'big.txt'), patternedText(51200));
		const rows = await captureRows(
			"SELECT syscall, fd, bytes, captured_bytes, flags, direction, comm FROM events WHERE syscall = 'sendfile'",
			['--port', String(nginx.port)],
			async () => {
				await run('curl', ['-s', '-o', '/dev/null', `http://127.0.0.1:${nginx.port}/big.txt`]);
			},
		);
		assert.equal(rows.length, 1);
		const { fd, ...rest } = rows[0]!;
		assert.deepEqual(rest, {
			syscall: 'sendfile',
			bytes: 51200,
			captured_bytes: 0,
			flags: 'zero_copy',
			direction: 'out',
			comm: 'nginx',
		});
		assert.ok(Number(fd) > 2);
	} finally {
		await nginx.stop();
		nginx.remove();
	}
});

test('with sendfile off the body is sent by writev and held whole', async () => {
	const nginx = await startNginx({ sendfile: false });
	try {
		for (const bytes of [8192, 51200]) writeFileSync(join(nginx.root, `${bytes}.txt`), patternedText(bytes));
		const rows = await captureRows(
			"SELECT path, status, via, res_body, res_body_bytes, res_captured_bytes, res_body_note FROM exchanges WHERE side = 'server' ORDER BY id",
			['--port', String(nginx.port)],
			async () => {
				for (const bytes of [8192, 51200])
					await run('curl', ['-s', '-o', '/dev/null', `http://127.0.0.1:${nginx.port}/${bytes}.txt`]);
			},
		);
		assert.deepEqual(
			rows.map((row) => [row.path, row.status, row.via, row.res_body_bytes, row.res_captured_bytes, row.res_body_note]),
			[
				['/8192.txt', 200, 'writev', 8192, 8192, null],
				['/51200.txt', 200, 'writev', 51200, 51200, null],
			],
		);
		for (const row of rows) {
			assert.equal(sha256(String(row.res_body)), sha256(readFileSync(join(nginx.root, String(row.path).slice(1)))));
		}
	} finally {
		await nginx.stop();
		nginx.remove();
	}
});

const NODE_SERVER = `
const body = require('node:fs').readFileSync(process.argv[1]);
require('node:http').createServer((request, response) => {
	// cork: head and body leave in one writev.
	response.socket.cork();
	response.writeHead(200, { 'content-type': 'text/plain', 'content-length': body.length });
	response.end(body);
	response.socket.uncork();
}).listen(Number(process.argv[2]), '127.0.0.1');
`;

test('a Node server that writes head and body in one vectored call shows the whole body', async () => {
	const directory = temporaryDirectory();
	const file = join(directory.path, 'body.txt');
	writeFileSync(file, patternedText(51200));
	const port = await freePort();
	const server = startProgram(process.execPath, ['-e', NODE_SERVER, file, String(port)]);
	try {
		await listening(port, server);
		const rows = await captureRows(
			"SELECT via, vias, res_body, res_captured_bytes, res_body_note, req_via FROM exchanges WHERE side = 'server'",
			['--port', String(port)],
			async () => {
				await run('curl', ['-s', '-o', '/dev/null', `http://127.0.0.1:${port}/`]);
			},
		);
		assert.equal(rows.length, 1);
		assert.equal(rows[0]?.via, 'writev');
		assert.equal(rows[0]?.req_via, 'read');
		assert.equal(rows[0]?.res_captured_bytes, 51200);
		assert.equal(rows[0]?.res_body_note, null);
		assert.equal(rows[0]?.res_body, patternedText(51200));
	} finally {
		await server.stop();
		directory.remove();
	}
});

const VECTORED = `
import os, socket, sys
role, port, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
def read_all(fd, enough):
    data = b''
    while not enough(data):
        parts = [bytearray(1000), bytearray(3000), bytearray(60000)]
        n = os.readv(fd, parts)
        if n == 0: break
        data += b''.join(parts)[:n]
    return data
if role == 'server':
    body = open(path, 'rb').read()
    listener = socket.create_server(('127.0.0.1', port))
    print('ready', flush=True)
    while True:
        connection, _ = listener.accept()
        request = read_all(connection.fileno(), lambda d: b'\\r\\n\\r\\n' in d)
        if request:
            head = b'HTTP/1.1 200 OK\\r\\nContent-Type: text/plain\\r\\nContent-Length: %d\\r\\n\\r\\n' % len(body)
            rest = [head, body[:100], b'', body[100:]]
            total = sum(map(len, rest)); sent = os.writev(connection.fileno(), rest)
            while sent < total:
                sent += os.writev(connection.fileno(), [b''.join(rest)[sent:]])
        connection.close()
else:
    connection = socket.create_connection(('127.0.0.1', port))
    os.writev(connection.fileno(), [b'GET /vec', b'tored HTTP/1.1\\r\\n', b'Host: x\\r\\n\\r\\n'])
    read_all(connection.fileno(), lambda d: b'\\r\\n\\r\\n' in d and len(d.split(b'\\r\\n\\r\\n', 1)[1]) >= int(path))
`;

test('if server and client use readv and writev, both rows hold the body and name the calls', async () => {
	const directory = temporaryDirectory();
	const script = join(directory.path, 'vectored.py');
	const file = join(directory.path, 'body.txt');
	writeFileSync(script, VECTORED);
	writeFileSync(file, patternedText(51200));
	const port = await freePort();
	const server = startProgram('python3', [script, 'server', String(port), file]);
	try {
		await listening(port, server);
		const rows = await captureRows(
			'SELECT side, path, req_via, via, res_body, res_body_bytes, pair_id, id FROM exchanges ORDER BY side',
			['--port', String(port)],
			async () => {
				await run('python3', [script, 'client', String(port), '51200']);
			},
		);
		assert.deepEqual(
			rows.map((row) => [row.side, row.path, row.req_via, row.via, row.res_body_bytes]),
			[
				['client', '/vectored', 'writev', 'readv', 51200],
				['server', '/vectored', 'readv', 'writev', 51200],
			],
		);
		for (const row of rows) assert.equal(row.res_body, patternedText(51200));
		assert.equal(rows[0]?.pair_id, rows[1]?.id);
		assert.equal(rows[1]?.pair_id, rows[0]?.id);
	} finally {
		await server.stop();
		directory.remove();
	}
});

test('23 requests by curl against http.server give 23 server rows and 23 client rows', async () => {
	const directory = temporaryDirectory();
	writeFileSync(join(directory.path, 'x.txt'), 'x'.repeat(200));
	const port = await freePort();
	const server = startProgram('python3', [
		'-m',
		'http.server',
		'--bind',
		'127.0.0.1',
		'--directory',
		directory.path,
		String(port),
	]);
	try {
		await listening(port, server);
		const rows = await captureRows(
			"SELECT side, count(*) AS n, count(DISTINCT id) AS ids, sum(state = 'complete') AS complete, count(pair_id) AS paired, min(comm) AS comm FROM exchanges WHERE path LIKE '/x.txt%' GROUP BY side ORDER BY side",
			['--port', String(port)],
			async () => {
				for (let i = 0; i < 23; i++)
					await run('curl', ['-s', '-o', '/dev/null', `http://127.0.0.1:${port}/x.txt?${i}`]);
			},
		);
		assert.deepEqual(rows, [
			{ side: 'client', n: 23, ids: 23, complete: 23, paired: 23, comm: 'curl' },
			{ side: 'server', n: 23, ids: 23, complete: 23, paired: 23, comm: rows[1]?.comm },
		]);
		assert.match(String(rows[1]?.comm), /^python3/);
	} finally {
		await server.stop();
		directory.remove();
	}
});

test("rows show the executable, and the peer's address, port and name", async () => {
	const nginx = await startNginx({ sendfile: true });
	try {
		const rows = await captureRows(
			'SELECT side, exe, local_ip, local_port, remote_ip, remote_port, remote_name, req_http_version FROM exchanges ORDER BY side',
			['--port', String(nginx.port)],
			async () => {
				// The client is this process, which is still alive when its executable is looked up.
				const options = { port: nginx.port, host: '127.0.0.1', headers: { Host: 'files.example.com' } };
				const [response] = (await once(get(options), 'response')) as [IncomingMessage];
				await once(response.resume(), 'close');
			},
		);
		const [client, server] = rows;
		assert.equal(rows.length, 2);
		const ownPort = client?.local_port;
		assert.ok(Number(ownPort) > 0);
		assert.deepEqual(client, {
			side: 'client',
			exe: realpathSync(process.execPath),
			local_ip: '127.0.0.1',
			local_port: ownPort,
			remote_ip: '127.0.0.1',
			remote_port: nginx.port,
			remote_name: 'files.example.com',
			req_http_version: '1.1',
		});
		assert.deepEqual(server, {
			side: 'server',
			exe: realpathSync('/usr/sbin/nginx'),
			local_ip: '127.0.0.1',
			local_port: nginx.port,
			remote_ip: '127.0.0.1',
			remote_port: ownPort,
			remote_name: 'files.example.com',
			req_http_version: '1.1',
		});
	} finally {
		await nginx.stop();
		nginx.remove();
	}
});

test('10,000 requests over 20 connections give 10,000 server rows and nothing is lost', async () => {
	const nginx = await startNginx({ sendfile: true, server: 'location /r { return 200 "0123456789"; }', workers: 2 });
	const directory = temporaryDirectory();
	const load = join(directory.path, 'load.py');
	writeFileSync(load, LOAD);
	const tinytap = startTinytap([
		'query',
		"SELECT count(*) AS n, count(DISTINCT path || '?' || query_string) AS requests, sum(state = 'complete') AS complete, sum(status = 200) AS ok FROM exchanges WHERE side = 'server'; SELECT reason, events FROM loss WHERE kind = 'lost' AND events > 0;",
		'--port',
		String(nginx.port),
		'--format',
		'ndjson',
		'--comm',
		'nginx',
	]);
	try {
		await tinytap.attached();
		await run('python3', [load, String(nginx.port), '20', '500']);
		tinytap.interrupt();
		const { code, stdout, stderr } = await tinytap.finished;
		assert.equal(code, 0, stderr);
		assert.deepEqual(stdout, '{"n":10000,"requests":10000,"complete":10000,"ok":10000}\n');
	} finally {
		await tinytap.stop();
		await nginx.stop();
		nginx.remove();
		directory.remove();
	}
});

/** Exactly CONNECTIONS × EACH requests, each with its own target, over parallel keep-alive connections. */
const LOAD = `
import socket, sys, threading
port, connections, each = map(int, sys.argv[1:])
def drive(number):
    connection = socket.create_connection(('127.0.0.1', port))
    for i in range(each):
        connection.sendall(b'GET /r?%d.%d HTTP/1.1\\r\\nHost: load\\r\\n\\r\\n' % (number, i))
        data = b''
        while not data.endswith(b'0123456789'):
            more = connection.recv(65536)
            if not more: raise SystemExit('closed early')
            data += more
    connection.close()
threads = [threading.Thread(target=drive, args=(n,)) for n in range(connections)]
for t in threads: t.start()
for t in threads: t.join()
`;

test('binary bodies come back byte for byte', async () => {
	const nginx = await startNginx({ sendfile: false });
	try {
		const bytes = randomBytes(30011);
		writeFileSync(join(nginx.root, 'image.png'), bytes);
		const rows = await captureRows(
			"SELECT res_body_raw, content_type FROM exchanges WHERE side = 'server'",
			['--port', String(nginx.port)],
			async () => {
				await run('curl', ['-s', '-o', '/dev/null', `http://127.0.0.1:${nginx.port}/image.png`]);
			},
		);
		assert.equal(rows.length, 1);
		assert.equal(rows[0]?.content_type, 'image/png');
		assert.equal(sha256(Buffer.from(String(rows[0]?.res_body_raw), 'base64')), sha256(bytes));
	} finally {
		await nginx.stop();
		nginx.remove();
	}
});

const MANY_BUFFERS = `
import os, socket, sys
listener = socket.create_server(('127.0.0.1', int(sys.argv[1])))
while True:
    connection, _ = listener.accept()
    if connection.recv(65536):
        parts = [b'HTTP/1.1 200 OK\\r\\nContent-Length: 69000\\r\\n\\r\\n'] + [b'%03d' % i + b'x' * 997 for i in range(69)]
        assert os.writev(connection.fileno(), parts) == sum(map(len, parts))
    connection.close()
`;

test('a vectored call of 70 buffers is captured whole by default; with a limit of 64 it is cut, and a note says so', async () => {
	const directory = temporaryDirectory();
	const script = join(directory.path, 'buffers.py');
	writeFileSync(script, MANY_BUFFERS);
	const port = await freePort();
	const server = startProgram('python3', [script, String(port)]);
	const body = Array.from({ length: 69 }, (_, i) => String(i).padStart(3, '0') + 'x'.repeat(997)).join('');
	const sql =
		"SELECT res_body_bytes AS bytes, res_captured_bytes AS held, res_body_note AS note, res_body AS body, state, lost_bytes FROM exchanges WHERE side = 'server'; SELECT bytes, captured_bytes, flags FROM events WHERE syscall = 'writev'; SELECT events, bytes FROM loss WHERE reason = 'iovec_bound'";
	const get = async () => {
		await run('curl', ['-s', '-o', '/dev/null', `http://127.0.0.1:${port}/`]);
	};
	try {
		await listening(port, server);
		const head = 'HTTP/1.1 200 OK\r\nContent-Length: 69000\r\n\r\n'.length;
		const whole = await captureRows(sql, ['--port', String(port), '--body-limit', '1MiB'], get);
		assert.deepEqual(whole, [
			{ bytes: 69000, held: 69000, note: null, body, state: 'complete', lost_bytes: 0 },
			{ bytes: head + 69000, captured_bytes: head + 69000, flags: whole[1]?.flags },
			{ events: 0, bytes: 0 },
		]);
		const cut = await captureRows(sql, ['--port', String(port), '--iovec-limit', '64', '--body-limit', '1MiB'], get);
		assert.deepEqual(cut, [
			{
				bytes: 69000,
				held: 63000,
				note: 'body: first 63000 of 69000 bytes (iovec limit)',
				body: body.slice(0, 63000),
				state: cut[0]?.state,
				lost_bytes: cut[0]?.lost_bytes,
			},
			{ bytes: head + 69000, captured_bytes: head + 63000, flags: cut[1]?.flags },
			{ events: 1, bytes: 6000 },
		]);
		assert.match(String(cut[1]?.flags), /\bcut_iovec_limit\b/);
	} finally {
		await server.stop();
		directory.remove();
	}
});
