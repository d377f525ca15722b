// parent_id on real services: which request was being answered when a call was made.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePort, listening, startNginx, startProgram, temporaryDirectory } from '../../support/servers.ts';
import { captureRows } from '../../support/tinytap.ts';

/** Answers everything, at once or, with ?slow, after 200 ms: requests to the services before it are open meanwhile. */
const LEAF = `
import http.server, sys, time
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        if 'slow' in self.path: time.sleep(0.2)
        self.send_response(200); self.send_header('Content-Length', '4'); self.end_headers(); self.wfile.write(b'leaf')
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Handler).serve_forever()
`;

/** One thread per connection; calls the leaf with the path of its own request, without any identifying header. */
const THREADS = `
import http.server, sys, urllib.request
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        body = urllib.request.urlopen('http://127.0.0.1:' + sys.argv[2] + self.path).read()
        self.send_response(200); self.send_header('Content-Length', str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Handler).serve_forever()
`;

/** An event loop; passes x-request-id on if there is one. */
const EVENT_LOOP = `
const http = require('node:http');
const [, , port, leaf] = process.argv;
http.createServer((request, response) => {
	const id = request.headers['x-request-id'];
	http.get({ port: leaf, host: '127.0.0.1', path: request.url, headers: id ? { 'x-request-id': id } : {} }, (answer) => answer.pipe(response));
}).listen(Number(port), '127.0.0.1');
`;

type Row = {
	readonly path: string;
	readonly comm: string;
	readonly parent: string | null;
	readonly parent_comm: string | null;
};

test('parent_id: through nginx and an event loop by thread or header, with threads by thread, and never a wrong one', async () => {
	const directory = temporaryDirectory();
	const [leafPort, threadsPort, loopPort] = [await freePort(), await freePort(), await freePort()];
	const file = (name: string, text: string) => {
		writeFileSync(join(directory.path, name), text);
		return join(directory.path, name);
	};
	const python = (name: string, text: string, ...ports: number[]) =>
		startProgram('python3', [file(name, text), ...ports.map(String)]);
	const leaf = python('leaf.py', LEAF, leafPort);
	const threads = python('threads.py', THREADS, threadsPort, leafPort);
	const loop = startProgram(process.execPath, [file('loop.cjs', EVENT_LOOP), String(loopPort), String(leafPort)]);
	const proxied = `location / { proxy_pass http://127.0.0.1:${loopPort}; proxy_set_header X-Request-Id $http_x_request_id; }`;
	const nginx = await startNginx({ sendfile: false, server: proxied });
	try {
		await Promise.all([listening(leafPort, leaf), listening(threadsPort, threads), listening(loopPort, loop)]);
		const get = async (port: number, path: string, id?: string) => {
			const headers: Record<string, string> = id === undefined ? {} : { 'x-request-id': id };
			assert.equal(await (await fetch(`http://127.0.0.1:${port}${path}`, { headers })).text(), 'leaf');
		};
		const sql = `SELECT c.path, c.comm, p.path AS parent, p.comm AS parent_comm FROM exchanges c LEFT JOIN exchanges p ON p.id = c.parent_id
			WHERE c.side = 'client' AND (c.comm = 'nginx' OR c.pid IN (${threads.pid}, ${loop.pid})) ORDER BY c.id`;
		const ports = [nginx.port, loopPort, threadsPort, leafPort].flatMap((port) => ['--port', String(port)]);
		const rows = (await captureRows(sql, ports, async () => {
			await get(nginx.port, '/alone');
			// Requests in flight at the same time.
			await Promise.all(Array.from({ length: 5 }, (_, i) => get(nginx.port, `/marked${i}?slow`, `id-${i}`)));
			await Promise.all(Array.from({ length: 4 }, (_, i) => get(nginx.port, `/unmarked${i}?slow`)));
			await Promise.all(Array.from({ length: 5 }, (_, i) => get(threadsPort, `/thread${i}?slow`)));
		})) as unknown as Row[];
		const of = (prefix: string) => rows.filter(({ path }) => path.startsWith(prefix));
		assert.deepEqual(
			of('/alone').map(({ comm, parent, parent_comm }) => [comm, parent, parent_comm]),
			[
				['nginx', '/alone', 'nginx'],
				['node', '/alone', 'node'],
			],
		);
		for (const [prefix, count] of [
			['/marked', 10],
			['/thread', 5],
		] as const) {
			assert.equal(of(prefix).length, count, prefix);
			for (const row of of(prefix)) assert.deepEqual([row.parent, row.parent_comm], [row.path, row.comm], row.path);
		}
		// Without a header, only the first one has a certain parent, because no other was open yet.
		assert.equal(of('/unmarked').length, 8);
		for (const { path, parent } of of('/unmarked')) assert.ok(parent === null || parent === path, `${path}: ${parent}`);
		assert.ok(of('/unmarked').some(({ parent }) => parent === null));
	} finally {
		await Promise.all([nginx, loop, threads, leaf].map((running) => running.stop()));
		nginx.remove();
		directory.remove();
	}
});
