// `tinytap agent` captures live and sends to a store on the same host; and a spool on a disk that is full.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { Agent } from '../../src/agent/agent.ts';
import { clickhouseDestination } from '../../src/agent/clickhouse-destination.ts';
import { storeAddress } from '../../src/agent/store-address.ts';
import { StoreClient } from '../../src/agent/store-client.ts';
import { processUser } from '../../src/base/invoking-user.ts';
import { eventually } from '../../support/eventually.ts';
import { startFakeStore } from '../../support/fake-store.ts';
import { blockOfRows } from '../../support/row-blocks.ts';
import { temporaryDirectory } from '../../support/servers.ts';
import { startTinytap } from '../../support/tinytap.ts';

/** In a network namespace of its own, a client asks from the port `from`, which another program uses outside. */
function askElsewhere(port: number, from: number): void {
	const script = `const { createServer, get } = require('node:http');
		createServer((q, r) => r.end('hello')).listen(${port}, '127.0.0.1', () =>
			get({ host: '127.0.0.1', port: ${port}, localPort: ${from}, path: '/?token=canary' }, (r) => r.resume().on('end', () => process.exit())))`;
	const name = `tinytap-test-${process.pid}`;
	const words = [
		'netns',
		'exec',
		name,
		'sh',
		'-c',
		'ip link set lo up && exec "$@"',
		'sh',
		process.execPath,
		'-e',
		script,
	];
	for (const each of [['netns', 'add', name], words, ['netns', 'delete', name]]) {
		const { status, stderr } = spawnSync('ip', each, { encoding: 'utf8' });
		assert.equal(status, 0, stderr);
	}
}

test('exchanges arrive once, from both sides, without secrets; uploads to a store on this host are none', async () => {
	const store = await startFakeStore();
	// Every other upload needs a new connection.
	store.behave = (request) => (request % 2 === 0 ? 'ok' : 'die');
	const directory = temporaryDirectory();
	const server = createServer((_, response) => response.setHeader('set-cookie', 'id=canary-in-a-cookie').end('hello'));
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	// An alert of TLS, so that both directions are TLS.
	const tls = createTcpServer((socket) => socket.once('data', () => socket.end(Buffer.from('15030100020228', 'hex'))));
	await once(tls.listen(0, '127.0.0.1'), 'listening');
	const [port, tlsPort] = [server, tls].map((each) => (each.address() as AddressInfo).port) as [number, number];
	const ports = [port, tlsPort, Number(new URL(store.url).port)].flatMap((each) => ['--port', String(each)]);
	const agent = startTinytap(
		['agent', '--to', store.url, ...ports, '--spool', join(directory.path, 'spool'), '--bodies', 'all'],
		{ env: { CLICKHOUSE_USER: 'u', CLICKHOUSE_PASSWORD: 'canary-of-the-store' } },
	);
	try {
		await agent.attached();
		const ask = async (count: number) => {
			for (let i = 0; i < count; i++)
				await fetch(`http://127.0.0.1:${port}/?token=canary-in-a-query`, {
					headers: { authorization: 'Bearer canary' },
				});
		};
		const arrived = async (count: number) =>
			await eventually(
				() => (store.rows('exchanges').length >= count ? true : undefined),
				() => `${store.rows('exchanges').length} of ${count} rows: ${agent.stderr()}`,
			);
		const socket = connect(tlsPort, '127.0.0.1', () => socket.write(Buffer.from('1603010005010000010000', 'hex')));
		await once(socket.resume(), 'close');
		await ask(23);
		await arrived(46);
		await eventually(
			() => (store.rows('blind_spots').length > 0 ? true : undefined),
			() => `no blind spot: ${agent.stderr()}`,
		);
		askElsewhere(port, store.requests.at(-1)!.fromPort);
		// The upload would be a row of the next batch.
		await ask(7);
		agent.child.kill('SIGTERM');
		const { code, stderr } = await agent.finished;
		assert.equal(code, 0, stderr);
		assert.match(stderr, /^tinytap: sent 62 exchanges$/m);
		const rows = store.rows('exchanges');
		assert.equal(rows.length, 62);
		for (const side of ['client', 'server']) assert.equal(rows.filter((row) => row.side === side).length, 31);
		for (const row of rows) {
			assert.deepEqual([row.status, row.res_body, row.path], [200, 'hello', '/']);
			assert.match(String(row.query_string), /^token=REDACTED-(?:17|6)-[0-9a-f]{8}$/);
		}
		assert.doesNotMatch(JSON.stringify([...store.tables]), /canary/);
		assert.equal(store.rows('gaps').length, 0);
		const [spot, ...others] = store.rows('blind_spots');
		assert.deepEqual(
			[spot?.pid, spot?.what, spot?.evidence, others],
			[process.pid, 'tls', 'TLS handshake on a connection', []],
		);
		const ofRows = new Set(rows.map(({ conn }) => conn));
		const connections = store.rows('connections');
		for (const { local, remote } of connections)
			assert.equal(
				[port, tlsPort].some((each) => [local, remote].includes(`127.0.0.1:${each}`)),
				true,
				`${local} ${remote}`,
			);
		assert.deepEqual(new Set(connections.filter(({ exchanges }) => exchanges !== 0).map(({ id }) => id)), ofRows);
		assert.equal(
			store.requests.every(({ headers }) => headers['x-clickhouse-key'] === 'canary-of-the-store'),
			true,
		);
	} finally {
		await agent.stop();
		server.closeAllConnections();
		server.close();
		tls.close();
		await store.close();
		directory.remove();
	}
});

test('on a disk that is full, the oldest rows give way, and all that are missing are counted', async () => {
	const directory = temporaryDirectory();
	const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k,mode=0700', 'tmpfs', directory.path]);
	assert.equal(mounted.status, 0, String(mounted.stderr));
	const store = await startFakeStore();
	store.behave = () => ({ status: 503, text: '' });
	const user = processUser();
	const options = { option: '--to', credentials: undefined, ca: undefined, user, environment: {} };
	const origin = { hostName: 'h', run: 1, agentVersion: '1', labels: [] };
	const agent = await Agent.start({
		destination: clickhouseDestination(new StoreClient(storeAddress(store.url, options))),
		origin,
		limits: { rows: 10, bytes: 1 << 20, ms: 10 },
		backoff: { leastMs: 1, mostMs: 20 },
		spool: { path: directory.path, limitBytes: 1 << 30, user },
		isLive: true,
		tell: () => undefined,
	});
	const forever = new AbortController().signal;
	try {
		for (let id = 1; id <= 600; id++) {
			const row = { id, ts_us: id * 1000, path: randomBytes(1500).toString('hex') };
			await agent.take(blockOfRows(origin, id, [row]), 0, forever);
			if (id === 500) store.behave = () => 'ok';
		}
		await agent.finish(forever);
		const seqs = store.rows('exchanges').map(({ seq }) => Number(seq));
		const lost = store.rows('gaps').reduce((sum, { rows }) => sum + Number(rows), 0);
		assert.equal(new Set(seqs).size, seqs.length);
		assert.equal(seqs.length + lost, 600, `${seqs.length} are stored, ${lost} are counted`);
		assert.equal(lost > 300 && seqs.includes(600), true, `${lost} are counted`);
	} finally {
		agent.close();
		await store.close();
		spawnSync('umount', [directory.path]);
		directory.remove();
	}
});
