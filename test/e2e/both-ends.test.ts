// An exchange with both ends on this host: two rows that name each other and have each other's addresses reversed.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parseRows, runTinytap } from '../../support/tinytap.ts';

const FIXTURE = join(import.meta.dirname, '../../support/socket_calls/run.py');
const COLUMNS = 'id, pair_id, side, local, remote, status, state';

type Row = { id: number; pair_id: number; side: string; local: string | null; remote: string | null; state: string };

/** The rows that running `program` produces. */
async function rowsOf(...program: readonly string[]): Promise<Row[]> {
	const sql = `SELECT ${COLUMNS} FROM exchanges ORDER BY side DESC, ts`;
	const { code, stdout, stderr } = await runTinytap(['query', sql, '--format', 'ndjson', '--', ...program]);
	assert.equal(code, 0, stderr);
	// Skip the program's own line.
	return parseRows(stdout).filter((row) => 'side' in row) as Row[];
}

/** The server's and the client's row of one exchange, checked to be a pair. */
async function pairOf(...program: readonly string[]): Promise<[server: Row, client: Row]> {
	const [server, client, ...more] = await rowsOf(...program);
	assert.deepEqual(more, []);
	assert.deepEqual([server!.side, client!.side], ['server', 'client']);
	assert.deepEqual([server!.state, client!.state], ['complete', 'complete']);
	assert.deepEqual([server!.pair_id, client!.pair_id], [client!.id, server!.id]);
	return [server!, client!];
}

describe('both ends of an exchange', () => {
	for (const [kind, address] of [
		['v4', /^127\.0\.0\.1:\d+$/],
		['mapped', /^127\.0\.0\.1:\d+$/],
		['v6', /^\[::1\]:\d+$/],
	] as const) {
		it(`a dual-stack server and a client using ${kind} show the same addresses`, async () => {
			const [server, client] = await pairOf('python3', FIXTURE, 'both_ends', kind);
			assert.match(server.local!, address);
			assert.match(client.local!, address);
			assert.equal(server.local, client.remote);
			assert.equal(server.remote, client.local);
		});
	}

	it('a Node server that listens without an address', async () => {
		const script = `require('node:http').createServer((q, r) => r.end('ok')).listen(0, async function () {
			await (await fetch('http://127.0.0.1:' + this.address().port + '/x')).text(); process.exit(); })`;
		const [server, client] = await pairOf(process.execPath, '-e', script);
		assert.match(server.local!, /^127\.0\.0\.1:\d+$/);
		assert.equal(server.remote, client.local);
	});

	it('a unix socket: both rows have its path', async () => {
		const [server, client] = await pairOf('python3', FIXTURE, 'both_ends', 'path');
		assert.match(server.local!, /^unix:\/.*\/sock$/);
		assert.equal(client.remote, server.local);
		assert.deepEqual([server.remote, client.local], [null, null]);
	});

	it('a unix socket whose client also has a name', async () => {
		const [server, client] = await pairOf('python3', FIXTURE, 'both_ends', 'bound');
		assert.match(client.local!, /^unix:\/.*\/sock-client$/);
		assert.deepEqual([server.remote, client.remote], [client.local, server.local]);
	});

	it('a unix socket in the abstract namespace', async () => {
		const [server, client] = await pairOf('python3', FIXTURE, 'both_ends', 'abstract');
		assert.match(server.local!, /^unix:@tinytap-\d+$/);
		assert.equal(client.remote, server.local);
	});

	it('a socketpair', async () => {
		const [server, client] = await pairOf('python3', FIXTURE, 'both_ends', 'socketpair');
		assert.deepEqual([server.local, client.local], [null, null]);
	});

	it('seven clients that send to one path before the server accepts are each paired with their own connection', async () => {
		const rows = await rowsOf('python3', FIXTURE, 'both_ends', 'many');
		assert.equal(rows.length, 14);
		const byId = new Map(rows.map((row) => [row.id, row]));
		for (const row of rows) {
			assert.equal(byId.get(row.pair_id)?.pair_id, row.id);
			assert.notEqual(byId.get(row.pair_id)?.side, row.side);
			assert.match((row.side === 'server' ? row.local : row.remote)!, /\/sock$/);
		}
	});
});
