// HTTP/2 in clear text between real programs, both ends of each connection captured.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { temporaryDirectory } from '../../support/servers.ts';
import { parseRows, runTinytap } from '../../support/tinytap.ts';

const PEERS = join(import.meta.dirname, '../fixtures/http2-peers.mjs');

type Row = {
	readonly id: number;
	readonly pair_id: number | null;
	readonly side: string;
	readonly stream_id: number | null;
	readonly xid: string | null;
	readonly echo: string | null;
	readonly [column: string]: unknown;
};

const COLUMNS = `id, pair_id, side, stream_id, comm, method, path, query_string, host, http_version, req_http_version, status, interim,
	state, reason, anomalies, lost_bytes, req_body_bytes, req_captured_bytes, res_body_bytes, res_captured_bytes, res_body_note, via,
	grpc_service, grpc_method, grpc_status, grpc_message, json_extract(req_headers, '$.x-id') AS xid,
	json_extract(res_headers, '$.x-id') AS echo, json_extract(res_headers, '$.x-got') AS got, json_extract(res_headers, '$.x-sent') AS sent`;

describe('HTTP/2 between real programs', () => {
	const temporary = temporaryDirectory();
	let rows: Row[] = [];
	let others: Record<string, unknown>[] = [];
	before(async () => {
		const script = join(temporary.path, 'all.sql');
		writeFileSync(
			script,
			`SELECT ${COLUMNS} FROM exchanges ORDER BY id;
SELECT protocol, count(*) AS connections FROM connections GROUP BY protocol;
SELECT sum(events) AS lost FROM loss WHERE kind = 'lost';
SELECT count(*) AS spots FROM blind_spots;`,
		);
		const args = [
			'run',
			script,
			'--format',
			'ndjson',
			'--body-limit',
			'1MiB',
			'--',
			process.execPath,
			PEERS,
			temporary.path,
		];
		const { code, stdout, stderr } = await runTinytap(args);
		assert.equal(code, 0, stderr);
		const all = parseRows(stdout);
		rows = all.filter((row) => 'stream_id' in row) as Row[];
		others = all.filter((row) => !('stream_id' in row));
	});
	after(() => temporary.remove());

	it('every stream has a row on each side, and they name each other', () => {
		const byId = new Map(rows.map((row) => [row.id, row]));
		for (const row of rows) {
			const pair = byId.get(row.pair_id ?? 0);
			assert.deepEqual(
				[pair?.pair_id, pair?.stream_id, pair?.method, pair?.path, pair?.xid, pair?.side === row.side],
				[row.id, row.stream_id, row.method, row.path, row.xid, false],
				JSON.stringify(row),
			);
		}
		const of = (path: string) =>
			rows.filter((row) => row.side === 'client' && String(row.path).startsWith(path)).length;
		// Two for a request that passed a proxy.
		assert.deepEqual(
			['/node', '/curl/', '/nghttp', '/h2load', '/page.txt', '/style.css', '/file.bin', '/upgrade'].map(of),
			[23, 1, 7, 200, 1, 1, 1, 2],
		);
		assert.deepEqual(others.at(-2), { lost: 0 });
		assert.deepEqual(others.at(-1), { spots: 0 });
		const protocols = new Map(others.slice(0, -2).map((row) => [row.protocol, row.connections]));
		assert.equal(Number(protocols.get('http2')) >= 20, true);
	});

	it('the answer to each request is that of the server', () => {
		const answered = rows.filter((row) => row.sent !== null);
		assert.equal(answered.length, 2 * (23 + 1 + 7 + 200 + 2));
		for (const row of answered) {
			assert.deepEqual(
				[
					row.state,
					row.status,
					row.http_version,
					row.echo,
					row.req_body_bytes,
					row.req_captured_bytes,
					row.res_body_bytes,
					row.res_captured_bytes,
				],
				['complete', 200, '2', row.xid ?? '', Number(row.got), Number(row.got), Number(row.sent), Number(row.sent)],
				JSON.stringify(row),
			);
			assert.equal(row.anomalies, null);
		}
	});

	it('gRPC, a reset, a push, an upgrade and sendfile are told', () => {
		const one = (side: string, path: string) => rows.find((row) => row.side === side && row.path === path)!;
		for (const side of ['server', 'client']) {
			const call = one(side, '/shop.Stock/Get');
			assert.deepEqual(
				[call.grpc_service, call.grpc_method, call.grpc_status, call.grpc_message],
				['shop.Stock', 'Get', 5, 'no such €'],
			);
			assert.deepEqual([one(side, '/never').state, one(side, '/never').reason], ['unanswered', 'reset: CANCEL']);
			assert.equal(one(side, '/style.css').anomalies, 'pushed');
		}
		const upgraded = rows.filter((row) => row.path === '/upgrade' && row.interim === '101');
		assert.deepEqual(
			upgraded.map((row) => [row.stream_id, row.req_http_version, row.http_version]),
			[
				[1, '1.1', '2'],
				[1, '1.1', '2'],
			],
		);
		const [sent, got] = [one('server', '/file.bin'), one('client', '/file.bin')];
		assert.deepEqual([sent.res_body_bytes, got.res_body_bytes, got.res_captured_bytes], [300_000, 300_000, 300_000]);
		assert.equal(sent.via, 'sendfile');
	});
});

it('a connection that was open before the capture is recognised by its frames', async () => {
	const script = `
		const http2 = require('node:http2');
		const server = http2.createServer((request, response) => response.end('tick'));
		server.listen(0, '127.0.0.1', () => {
			const { port } = server.address();
			const client = http2.connect('http://127.0.0.1:' + port);
			let i = 0;
			setInterval(() => client.request({ ':path': '/tick/' + i++, 'x-same': 'same' }).resume(), 20);
			client.once('remoteSettings', () => console.log(port));
		});`;
	const peer = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
	try {
		const port = String((await once(peer.stdout, 'data'))[0]).trim();
		const sql = `SELECT id, pair_id, side, state, path, status, res_body, anomalies FROM exchanges WHERE path LIKE '/tick/%' AND state = 'complete' ORDER BY id`;
		const { stdout, stderr } = await runTinytap(['query', sql, '--port', port, '--count', '40', '--format', 'ndjson']);
		const rows = parseRows(stdout);
		assert.ok(rows.length > 20, stderr);
		for (const row of rows) assert.deepEqual([row.status, row.res_body], [200, 'tick']);
		// A field that was indexed before the capture stays unknown.
		assert.equal(rows.at(-1)!.anomalies, 'hpack-unknown');
		const sides = new Set(rows.map((row) => row.side));
		assert.deepEqual([...sides].toSorted(), ['client', 'server']);
	} finally {
		peer.kill('SIGKILL');
	}
});
