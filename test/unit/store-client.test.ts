// Requests to a store: TLS, proxies, and what an address may be.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect, type Server } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type AddressOptions, isUrl, type StoreAddress, storeAddress } from '../../src/agent/store-address.ts';
import { StoreClient } from '../../src/agent/store-client.ts';
import { UserError } from '../../src/base/errors.ts';
import { processUser } from '../../src/base/invoking-user.ts';
import { temporaryDirectory } from '../../support/servers.ts';

const directory = temporaryDirectory();
const at = (name: string) => join(directory.path, name);
const servers: Server[] = [];
/** The requests that the store got. */
const asked: { readonly user: unknown; readonly key: unknown; readonly body: string }[] = [];
/** What the proxy was asked to connect to, and with which credentials. */
const tunnels: { readonly to: string | undefined; readonly credentials: string | undefined }[] = [];
let store: number;
let proxy: number;

before(async () => {
	const made = spawnSync('openssl', [
		...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
		...['-keyout', at('key.pem'), '-out', at('cert.pem'), '-subj', '/CN=localhost'],
		...['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
	]);
	assert.equal(made.status, 0, String(made.stderr));
	const listening = async (server: Server) => {
		servers.push(server);
		await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
		return (server.address() as AddressInfo).port;
	};
	const tls = { cert: readFileSync(at('cert.pem')), key: readFileSync(at('key.pem')) };
	store = await listening(
		createTlsServer(tls, (request, response) => {
			let body = '';
			request.on('data', (chunk: Buffer) => {
				body += chunk.toString('utf8');
			});
			request.on('end', () => {
				const { 'x-clickhouse-user': user, 'x-clickhouse-key': key } = request.headers;
				asked.push({ user, key, body });
				response.end('7\n');
			});
		}),
	);
	const proxying = createHttpServer((_, response) => response.writeHead(405).end());
	proxying.on('connect', (request, socket) => {
		const credentials = request.headers['proxy-authorization'];
		tunnels.push({ to: request.url, credentials });
		if (credentials === undefined) {
			socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
			return;
		}
		const [host, port] = request.url!.split(':');
		const through = connect(Number(port), host!, () => {
			socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
			through.pipe(socket).pipe(through);
		});
		for (const end of [through, socket]) end.on('error', () => undefined);
	});
	proxy = await listening(proxying);
});
after(() => {
	for (const server of servers) server.close();
	directory.remove();
});

const OPTIONS: AddressOptions = {
	...{ option: '--to', credentials: undefined, ca: undefined, user: processUser(), environment: {} },
};

async function ask(address: StoreAddress): Promise<string> {
	const client = new StoreClient(address);
	try {
		return await client.ask('SELECT 7');
	} finally {
		client.close();
	}
}

async function problem(address: StoreAddress): Promise<string> {
	return await ask(address).then(
		() => 'none',
		(error: unknown) => (error as Error).message,
	);
}

test('a certificate is verified, with the given authorities, whatever the environment says', async () => {
	process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
	try {
		const place = `https://localhost:${store}`;
		assert.match(await problem(storeAddress(place, OPTIONS)), /does not answer: self-signed certificate/);
		const trusted = storeAddress(place, { ...OPTIONS, ca: at('cert.pem') });
		assert.equal(await ask(trusted), '7\n');
		const other = { ...trusted, url: new URL(`https://127.0.0.2:${store}/`) };
		assert.notEqual(await problem(other), 'none');
	} finally {
		delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
	}
});

test('requests go through the proxy that the environment names, and TLS ends at the store', async () => {
	const address = storeAddress(`https://localhost:${store}`, {
		...OPTIONS,
		ca: at('cert.pem'),
		environment: { CLICKHOUSE_USER: 'u', CLICKHOUSE_PASSWORD: 'p%' },
	});
	try {
		process.env.HTTPS_PROXY = `http://me:w%40rd@127.0.0.1:${proxy}`;
		asked.length = 0;
		assert.equal(await ask(address), '7\n');
		assert.deepEqual(asked, [{ user: 'u', key: 'p%', body: 'SELECT 7' }]);
		assert.deepEqual(tunnels, [
			{ to: `localhost:${store}`, credentials: `Basic ${Buffer.from('me:w@rd').toString('base64')}` },
		]);
		process.env.HTTPS_PROXY = `http://127.0.0.1:${proxy}`;
		assert.match(await problem(address), /does not answer: the proxy 127\.0\.0\.1:\d+ answered CONNECT with 407/);
		process.env.NO_PROXY = 'example.com,localhost';
		assert.equal(await ask(address), '7\n');
		assert.equal(tunnels.length, 2);
	} finally {
		delete process.env.HTTPS_PROXY;
		delete process.env.NO_PROXY;
	}
});

test('an address has the ports of ClickHouse, a database, and credentials from a file or the environment', () => {
	const read = (text: string, options: Partial<AddressOptions> = {}) => {
		const { url, database, user, password } = storeAddress(text, { ...OPTIONS, ...options });
		return [url.href, database, user, password];
	};
	assert.deepEqual(read('https://host'), ['https://host:8443/', 'tinytap', undefined, undefined]);
	assert.deepEqual(read('http://host/db'), ['http://host:8123/', 'db', undefined, undefined]);
	assert.deepEqual(read('http://host:80/my%20db/'), ['http://host/', 'my db', undefined, undefined]);
	assert.deepEqual(read('https://[::1]:443'), ['https://[::1]/', 'tinytap', undefined, undefined]);
	const environment = { CLICKHOUSE_USER: 'env', CLICKHOUSE_PASSWORD: 'word' };
	assert.deepEqual(read('http://host', { environment }).slice(2), ['env', 'word']);
	assert.deepEqual(read('http://url@host', { environment }).slice(2), ['url', 'word']);
	writeFileSync(at('credentials'), '# of the agent\n\nuser = file\n password=a = b \n', { mode: 0o600 });
	assert.deepEqual(read('http://url@host', { environment, credentials: at('credentials') }).slice(2), [
		'file',
		'a = b',
	]);
	writeFileSync(at('wrong'), 'user = x\npasswort = secret\n', { mode: 0o600 });
	assert.throws(
		() => read('http://host', { credentials: at('wrong') }),
		(error: unknown) =>
			error instanceof UserError && /wrong:2: expected/.test(error.message) && !/secret/.test(error.message),
	);
	writeFileSync(at('open'), 'user = x\n', { mode: 0o644 });
	assert.throws(() => read('http://host', { credentials: at('open') }), /others may read it/);
	assert.deepEqual(['http://x', 'https://x', '/a/b', 'a', 'C:/x', 'relative/http:'].map(isUrl), [
		true,
		true,
		false,
		false,
		false,
		false,
	]);
});
