// `tinytap --tls`: what programs say inside TLS, by their libraries. Each response states the client's address and the path, so a
// row that mixes two connections, or lacks one, is noticed.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { eventually } from '../../support/eventually.ts';
import {
	freePort,
	listening,
	type Running,
	startNginx,
	startProgram,
	temporaryDirectory,
} from '../../support/servers.ts';
import { parseRows, runTinytap, startTinytap, TINYTAP, type Tinytap } from '../../support/tinytap.ts';
import { makeCertificate } from '../../support/tls-handshake.ts';
import { enter, promptOf } from '../../support/typing.ts';

const run = promisify(execFile);
const PYTHON = '/usr/bin/python3';
const SUPPORT = join(import.meta.dirname, '../../support');
const TALK_PY = join(SUPPORT, 'tls-talk.py');
const TALK_MJS = join(SUPPORT, 'tls-talk.mjs');
const CONNECTIONS = 50;
const REQUESTS = 10;
const ROWS = `SELECT side, comm, path, status, state, tls, via, req_via, url, res_body, local, remote, anomalies, pair_id, id, lost_bytes
	FROM exchanges ORDER BY id`;

const directory = temporaryDirectory();
const cert = join(directory.path, 'cert.pem');
const key = join(directory.path, 'key.pem');
const stopped: (() => Promise<void> | void)[] = [];

before(() => {
	const made = makeCertificate();
	writeFileSync(cert, made.cert);
	writeFileSync(key, made.key);
});
after(async () => {
	for (const stop of stopped.reverse()) await stop();
	directory.remove();
});

type Row = Record<string, string | number | null>;

/** What a client printed about one exchange: its own address, the path, and the body of the response. */
type Told = { readonly client: string; readonly path: string; readonly body: string };

function toldIn(output: string): Told[] {
	return output
		.trim()
		.split('\n')
		.map((line) => {
			const [, client = '', path = '', body = ''] = /^(\S+) (\S+) = (.*)$/.exec(line) ?? [];
			return { client, path, body };
		});
}

/** A server on a free port, as `tls-talk` words say. */
async function server(command: string, words: readonly string[], env?: NodeJS.ProcessEnv): Promise<number> {
	const port = await freePort();
	const running: Running = startProgram(command, [...words, String(port), cert, key], env === undefined ? {} : { env });
	stopped.push(running.stop);
	await listening(port, running);
	return port;
}

/** Captures the port until `talk` has ended and all of its rows are there; then the rows. */
async function captured(
	port: number,
	talk: (tinytap: Tinytap) => Promise<unknown>,
	options: readonly string[] = [],
): Promise<{ rows: Row[]; stderr: string }> {
	const tinytap = startTinytap(['query', ROWS, '--tls', '--port', String(port), '--format', 'ndjson', ...options]);
	stopped.push(tinytap.stop);
	await tinytap.attached();
	await talk(tinytap);
	tinytap.interrupt();
	const { stdout, stderr, code } = await tinytap.finished;
	assert.equal(code, 0, stderr);
	return { rows: parseRows(stdout) as Row[], stderr };
}

/** Every exchange is a whole row, on each side that is given with its library, and no row says anything else. */
function check(
	rows: readonly Row[],
	told: readonly Told[],
	port: number,
	sides: Readonly<Record<string, RegExp>>,
): void {
	const server = `127.0.0.1:${port}`;
	for (const [side, comm] of Object.entries(sides)) {
		const own = rows.filter((row) => row.side === side);
		const found = own
			.map((row) => `${row.path} ${side === 'server' ? row.remote : row.local} ${row.res_body}`)
			.toSorted();
		assert.deepEqual(found, told.map(({ client, path, body }) => `${path} ${client} ${body}`).toSorted(), side);
		for (const row of own) {
			assert.match(String(row.comm), comm);
			assert.deepEqual(
				[row.state, row.tls, row.anomalies, side === 'server' ? row.local : row.remote, row.lost_bytes],
				['complete', 'openssl', null, server, 0],
				JSON.stringify(row),
			);
			assert.match(String(row.url), /^https:/);
			const calls = side === 'server' ? [row.req_via, row.via] : [row.via, row.req_via];
			assert.deepEqual(calls, ['SSL_read', 'SSL_write']);
		}
	}
	// Each response names the socket that it went to.
	for (const { client, path, body } of told) assert.equal(body, `${client} ${path}`);
}

const PYTHON_ASK = [TALK_PY, 'ask'];
const ASYNC_ASK = [TALK_PY, 'ask-async'];
const NODE_ASK = [TALK_MJS, 'ask'];

describe(`${CONNECTIONS} connections with ${REQUESTS} requests each: nothing wrong, nothing missing`, () => {
	const pairs = [
		{
			name: 'threads of Python, both ends',
			serve: [PYTHON, TALK_PY, 'serve'],
			ask: [PYTHON, ...PYTHON_ASK],
			comms: [/python/, /python/],
		},
		{
			name: 'asyncio, both ends',
			serve: [PYTHON, TALK_PY, 'serve-async'],
			ask: [PYTHON, ...ASYNC_ASK],
			comms: [/python/, /python/],
		},
		{
			name: 'Node.js, asked by threads of Python',
			serve: [process.execPath, TALK_MJS, 'serve'],
			ask: [PYTHON, ...PYTHON_ASK],
			comms: [/node/, /python/],
		},
		{
			name: 'threads of Python, asked by Node.js',
			serve: [PYTHON, TALK_PY, 'serve'],
			ask: [process.execPath, ...NODE_ASK],
			comms: [/python/, /node/],
		},
	] as const;
	for (const { name, serve, ask, comms } of pairs) {
		it(name, async () => {
			const [command, ...words] = serve;
			const port = await server(command, words);
			let told: Told[] = [];
			const { rows } = await captured(port, async () => {
				const [program, ...more] = ask;
				const { stdout } = await run(program, [...more, String(port), String(CONNECTIONS), String(REQUESTS)]);
				told = toldIn(stdout);
			});
			assert.equal(told.length, CONNECTIONS * REQUESTS);
			check(rows, told, port, { server: comms[0], client: comms[1] });
			const ids = new Set(rows.map((row) => row.id));
			assert.ok(
				rows.every((row) => ids.has(row.pair_id)),
				'both ends are paired',
			);
		});
	}

	it('nginx, whose SSL objects have addresses used before, and curl', async () => {
		const port = await freePort();
		const nginx = await startNginx({
			sendfile: true,
			server: `listen 127.0.0.1:${port} ssl; ssl_certificate ${cert}; ssl_certificate_key ${key};
				location / { default_type text/plain; return 200 "$remote_addr:$remote_port $uri"; }`,
		});
		stopped.push(nginx.remove, nginx.stop);
		const told: Told[] = [];
		const { rows } = await captured(port, async () => {
			for (let connection = 0; connection < CONNECTIONS; connection++) {
				const urls = Array.from({ length: REQUESTS }, (_, i) => `https://127.0.0.1:${port}/curl/${connection}/${i}`);
				const { stdout } = await run('curl', [
					'-sk',
					'--http1.1',
					'-w',
					'\n%{local_ip}:%{local_port} %{url}\n',
					...urls,
				]);
				const lines = stdout.trim().split('\n');
				for (let at = 0; at < lines.length; at += 2) {
					const [client = '', url = ''] = lines[at + 1]!.split(' ');
					told.push({ client, path: new URL(url).pathname, body: lines[at]! });
				}
			}
		});
		assert.equal(told.length, CONNECTIONS * REQUESTS);
		check(rows, told, port, { server: /nginx/, client: /curl/ });
	});
});

it('HTTP/2 inside TLS is read', async () => {
	const port = await freePort();
	const nginx = await startNginx({
		sendfile: true,
		server: `listen 127.0.0.1:${port} ssl http2; ssl_certificate ${cert}; ssl_certificate_key ${key};
			location / { default_type text/plain; return 200 "$remote_addr:$remote_port $uri"; }`,
	});
	stopped.push(nginx.remove, nginx.stop);
	const urls = Array.from({ length: 23 }, (_, i) => `https://127.0.0.1:${port}/two/${i}`);
	const { rows } = await captured(port, () => run('curl', ['-sk', '--http2', ...urls]));
	for (const side of ['server', 'client']) {
		const own = rows.filter((row) => row.side === side);
		assert.deepEqual(
			own.map(({ path }) => path),
			urls.map((url) => new URL(url).pathname),
			side,
		);
		for (const row of own)
			assert.deepEqual([row.tls, row.state, String(row.res_body).split(' ')[1]], ['openssl', 'complete', row.path]);
	}
});

it('TLS in the tunnel of an HTTP proxy belongs to the connection to the proxy', async () => {
	const port = await freePort();
	const nginx = await startNginx({
		sendfile: true,
		server: `listen 127.0.0.1:${port} ssl; ssl_certificate ${cert}; ssl_certificate_key ${key};
			location / { default_type text/plain; return 200 "$remote_addr:$remote_port $uri"; }`,
	});
	stopped.push(nginx.remove, nginx.stop);
	const proxy = createServer().on('connect', (request, client) => {
		const [host, targetPort] = request.url!.split(':');
		const upstream = connect(Number(targetPort), host, () => {
			client.write('HTTP/1.1 200 Connection established\r\n\r\n');
			upstream.pipe(client).pipe(upstream);
		});
		upstream.on('error', () => client.destroy());
		client.on('error', () => upstream.destroy());
	});
	await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done));
	stopped.push(() => void proxy.close());
	const proxyPort = (proxy.address() as AddressInfo).port;
	const urls = Array.from({ length: 3 }, (_, i) => `https://127.0.0.1:${port}/tunnel/${i}`);
	const { rows } = await captured(proxyPort, () =>
		run('curl', ['-sk', '-x', `http://127.0.0.1:${proxyPort}`, ...urls]),
	);
	const own = rows.filter((row) => row.side === 'client' && row.tls !== null);
	assert.deepEqual(
		own.map(({ path, remote, tls, anomalies }) => [path, remote, tls, anomalies]),
		urls.map((url) => [new URL(url).pathname, `127.0.0.1:${proxyPort}`, 'openssl', null]),
	);
});

it('a library that is mapped for the first time while capturing', async () => {
	const libraries = join(directory.path, 'libraries');
	mkdirSync(libraries);
	for (const name of ['libssl.so.3', 'libcrypto.so.3'])
		copyFileSync(`/usr/lib/x86_64-linux-gnu/${name}`, join(libraries, name));
	const port = await freePort();
	let told: Told[] = [];
	const { rows } = await captured(port, async () => {
		const env = { ...process.env, LD_LIBRARY_PATH: libraries };
		const running = startProgram(PYTHON, [TALK_PY, 'serve', String(port), cert, key], { env });
		stopped.push(running.stop);
		await listening(port, running);
		// It is attached within milliseconds; until then, what it says is missing.
		await new Promise((resolve) => setTimeout(resolve, 2000));
		told = toldIn((await run(PYTHON, [...PYTHON_ASK, String(port), '5', '5'])).stdout);
	});
	check(rows, told, port, { server: /python/, client: /python/ });
});

it('sessions that are older than the capture are read from where it began', async () => {
	const port = await server(process.execPath, [TALK_MJS, 'serve']);
	const client = startProgram(process.execPath, [TALK_MJS, 'ask', String(port), '3', '100000', '60']);
	stopped.push(client.stop);
	const said = (connection: number, count: number) =>
		toldIn(client.output()).filter(({ path }) => path.startsWith(`/node/${connection}/`)).length > count;
	const talked = (count: number) =>
		eventually(
			async () => ([0, 1, 2].every((connection) => said(connection, count)) ? true : undefined),
			() => client.output().slice(-500),
		);
	await talked(3);
	let first = 0;
	const { rows } = await captured(port, async () => {
		first = toldIn(client.output()).length / 3;
		await talked(Math.ceil(first) + 25);
	});
	const told = new Map(toldIn(client.output()).map((each) => [each.path, each]));
	const complete = rows.filter((row) => row.state === 'complete' && row.path !== null);
	for (const row of complete) {
		assert.equal(row.res_body, told.get(String(row.path))!.body, JSON.stringify(row));
		assert.deepEqual([row.tls, row.anomalies], ['openssl', null]);
	}
	for (const connection of [0, 1, 2]) {
		for (let i = Math.ceil(first) + 5; i < first + 20; i++) {
			const path = `/node/${connection}/${i}`;
			assert.equal(complete.filter((row) => row.side === 'server' && row.path === path).length, 1, path);
			// Nothing proves to a client's side which response is whose, but nothing is missing.
			assert.equal(rows.filter((row) => row.side === 'client' && row.path === path).length, 1, path);
		}
	}
	const responses = rows
		.filter((row) => row.side === 'client' && row.res_body !== null)
		.map((row) => String(row.res_body));
	for (const { body } of [...told.values()].slice(Math.ceil(first + 5) * 3, Math.floor(first + 20) * 3))
		assert.equal(responses.filter((text) => text === body).length, 1, body);
});

it('where the kernel refuses it, everything else is captured, and the reason is said', async () => {
	const port = await server(PYTHON, [TALK_PY, 'serve']);
	const nginx = await startNginx({ sendfile: true, server: 'location / { return 200 "clear"; }' });
	stopped.push(nginx.remove, nginx.stop);
	const sql = `SELECT path, tls FROM exchanges WHERE side = 'client' ORDER BY id; SELECT count(*) AS attached FROM tls_libraries WHERE attached = 1;
		SELECT evidence FROM blind_spots WHERE what = 'tls' AND comm = 'curl'`;
	const script = `curl -sk https://127.0.0.1:${port}/inside; curl -s http://127.0.0.1:${nginx.port}/clear`;
	const { code, stdout, stderr } = await runTinytap(
		['query', sql, '--tls', '--format', 'ndjson', '--', 'sh', '-c', script],
		{
			under: ['setpriv', '--bounding-set', '-sys_admin'],
		},
	);
	assert.equal(code, 0, stderr);
	assert.match(stderr, /^tinytap: the plaintext of TLS is not read: ./m);
	assert.doesNotMatch(stderr, /also inside TLS/);
	const lines = parseRows(stdout.replace(/^[^{]*/, '')) as Row[];
	assert.deepEqual(
		lines.filter((line) => 'path' in line),
		[{ path: '/clear', tls: null }],
	);
	assert.deepEqual(
		lines.filter((line) => 'attached' in line),
		[{ attached: 0 }],
	);
	assert.equal(lines.filter((line) => String(line.evidence).startsWith('TLS handshake')).length, 1);
});

it('.capture tls off and on, and what the prompt says; without --tls it refuses with a reason', async () => {
	const port = await server(PYTHON, [TALK_PY, 'serve']);
	const curl = (path: string) => run('curl', ['-sk', `https://127.0.0.1:${port}${path}`]);
	const live = promptOf({ columns: 120, rows: 40 });
	await live(
		async (terminal) => {
			await terminal.shows(/also inside TLS/);
			await terminal.shows(/tinytap\*? \(tls\)>/);
			await curl('/before');
			await enter(terminal, '.capture tls off');
			await terminal.shows('the plaintext of TLS is no longer read');
			await curl('/while-off');
			await enter(terminal, '.capture tls on');
			await terminal.shows('reading the plaintext of TLS');
			await curl('/after');
			await enter(terminal, '.wait 1s');
			await enter(
				terminal,
				"SELECT 'seen: ' || group_concat(path, ' ') FROM (SELECT path FROM exchanges WHERE side = 'client' ORDER BY id);",
			);
			await terminal.shows('seen: /before /after');
			await enter(terminal, '.quit');
		},
		{ shell: `${TINYTAP.join(' ')} --tls --port ${port}` },
	);
	await live(
		async (terminal) => {
			await terminal.shows(/tinytap>/);
			await enter(terminal, '.capture tls on');
			await terminal.shows('was started without --tls');
			await enter(terminal, '.quit');
		},
		{ shell: `${TINYTAP.join(' ')} --port ${port}` },
	);
});
