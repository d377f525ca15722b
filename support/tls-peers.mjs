// Servers and clients of TLS on loopback: node support/tls-peers.mjs CERT KEY. Prints a line of JSON for each connection: its
// client's port and what both ends know of it. Run by test/e2e/tls-hellos.test.ts.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect as connectPlainly, createServer as createPlainServer } from 'node:net';
import { connect, createServer } from 'node:tls';
import { promisify } from 'node:util';

const [certFile, keyFile] = process.argv.slice(2);
const certificate = { cert: readFileSync(certFile), key: readFileSync(keyFile) };

function listen(server) {
	return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));
}

/** A server that sends back what it gets, and answers curl. */
const seen = new Map();
function echo(options) {
	const server = createServer({ ...certificate, ...options }, (socket) => {
		seen.set(socket.remotePort, { version: socket.getProtocol(), cipher: socket.getCipher().standardName });
		socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'));
		socket.on('error', () => undefined);
	});
	return server;
}

function tell(port, name, protocols, { version, cipher }) {
	process.stdout.write(`${JSON.stringify({ port, name, protocols, version, cipher })}\n`);
}

async function ask(port, options) {
	const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options });
	let session;
	socket.on('session', (ticket) => (session = ticket));
	socket.write('hello');
	const from = await new Promise((resolve, reject) => {
		socket.once('error', reject);
		socket.once('data', () => resolve(socket.localPort));
	});
	const known = { version: socket.getProtocol(), cipher: socket.getCipher().standardName };
	if (options.session !== undefined && !socket.isSessionReused()) throw new Error('the session was not resumed');
	tell(options.told ?? from, options.servername ?? null, options.ALPNProtocols ?? [], known);
	socket.destroy();
	return session;
}

const server = echo({ ALPNProtocols: ['http/1.1'], ecdhCurve: 'P-384' });
const port = await listen(server);
for (const maxVersion of ['TLSv1.2', 'TLSv1.3']) {
	const session = await ask(port, { servername: 'one.example', maxVersion, ALPNProtocols: ['h2', 'http/1.1'] });
	await ask(port, { servername: 'again.example', maxVersion, session });
	await ask(port, { maxVersion });
}
// The first hello offers no key for the server's curve, so the server asks for another.
await ask(port, { servername: 'retried.example', ecdhCurve: 'X25519:P-384' });

/** A relay that passes on a few bytes at a time. */
const relay = createPlainServer((near) => {
	const far = connectPlainly(port, '127.0.0.1');
	for (const [from, to] of [
		[near, far],
		[far, near],
	]) {
		to.setNoDelay(true);
		from.on('data', (bytes) => {
			for (let at = 0; at < bytes.length; at += 7) to.write(bytes.subarray(at, at + 7));
		});
		from.on('error', () => undefined);
		from.on('close', () => to.end());
	}
});
await ask(await listen(relay), { servername: 'pieces.example' });

const run = promisify(execFile);
const { stdout } = await run('curl', [
	...['-sk', '--resolve', `curl.example:${port}:127.0.0.1`, `https://curl.example:${port}/`],
	...['-o', '/dev/null', '-w', '%{local_port}'],
]);
tell(Number(stdout), 'curl.example', ['h2', 'http/1.1'], seen.get(Number(stdout)));
const PYTHON = `import socket, ssl, sys
context = ssl._create_unverified_context()
with context.wrap_socket(socket.create_connection(("127.0.0.1", ${port})), server_hostname="python.example") as s:
    s.sendall(b"x"); print(s.getsockname()[1]); s.recv(100)`;
const python = await run('python3', ['-c', PYTHON]);
tell(Number(python.stdout), 'python.example', [], seen.get(Number(python.stdout)));
server.close();
relay.close();
