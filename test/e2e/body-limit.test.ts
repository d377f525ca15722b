// The kernel side of --body-limit: bytes beyond the limit are not copied.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { Agent, createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../../support/eventually.ts';
import { temporaryDirectory } from '../../support/servers.ts';
import { parseRows, runTinytap, startTinytap } from '../../support/tinytap.ts';

const LENGTH = 50_000_000;
const LIMIT = 65_536;
const CHUNK = Buffer.alloc(64 * 1024, 'fifty million bytes\n');

test('the ring carries little more of a 50 MB body than the limit, and every byte is counted', async () => {
	let big: ServerResponse | undefined;
	const server = createServer((request, response) => {
		if (request.url !== '/big') {
			response.end('small');
			return;
		}
		big = response;
		response.writeHead(200, { 'Content-Length': LENGTH });
		response.write(CHUNK);
		response.write(CHUNK);
	}).listen(0, '127.0.0.1');
	await once(server, 'listening');
	const { port } = server.address() as AddressInfo;
	const directory = temporaryDirectory();
	const recording = join(directory.path, 'limit.ttap');
	const agent = new Agent({ keepAlive: true, maxSockets: 1 });
	const tinytap = startTinytap(['tail', '--port', String(port), '--record', recording, '--columns', 'path']);
	try {
		await tinytap.attached();
		const response = await ask(port, '/big', agent);
		let received = 0;
		response.on('data', (bytes: Buffer) => {
			received += bytes.length;
		});
		await eventually(
			() => received >= 2 * CHUNK.length || undefined,
			() => `${received} bytes received`,
		);
		// When this exchange is shown, the decoder has seen both sides reach the limit and has told the kernel.
		await whole(await ask(port, '/marker'));
		await eventually(
			() => tinytap.stdout().includes('/marker') || undefined,
			() => `no row: ${tinytap.stdout()}`,
		);
		for (let sent = 2 * CHUNK.length; sent < LENGTH; sent += CHUNK.length) {
			const chunk = CHUNK.subarray(0, Math.min(CHUNK.length, LENGTH - sent));
			if (!big!.write(chunk)) await once(big!, 'drain');
		}
		big!.end();
		await once(response, 'end');
		assert.equal(received, LENGTH);
		await whole(await ask(port, '/after', agent));
		await eventually(
			() => tinytap.stdout().split('/after').length > 2 || undefined,
			() => `no rows: ${tinytap.stdout()}`,
		);
		tinytap.interrupt();
		await tinytap.finished;
		// The rest consists only of record headers, some 80 bytes per call.
		const { size } = statSync(recording);
		assert.ok(size < 5_000_000, `${size} bytes recorded`);
		const sql =
			'SELECT side, path, state, res_body_bytes, res_captured_bytes, res_body_note, lost_bytes FROM exchanges';
		const rows = await replay(recording, `${sql} WHERE path <> '/marker' ORDER BY path, side`);
		const note = `body: first ${LIMIT} of ${LENGTH} bytes (body limit)`;
		assert.deepEqual(rows.map(Object.values), [
			['client', '/after', 'complete', 5, 5, null, 0],
			['server', '/after', 'complete', 5, 5, null, 0],
			['client', '/big', 'complete', LENGTH, LIMIT, note, 0],
			['server', '/big', 'complete', LENGTH, LIMIT, note, 0],
		]);
		const [limited] = await replay(recording, "SELECT bytes FROM loss WHERE reason = 'body_limit'");
		assert.equal(limited!.bytes, 2 * (LENGTH - LIMIT));
		const [sum] = await replay(recording, 'SELECT sum(bytes_in) + sum(bytes_out) AS bytes FROM connections');
		assert.ok(Number(sum!.bytes) > 2 * LENGTH);
	} finally {
		await tinytap.stop();
		agent.destroy();
		server.closeAllConnections();
		server.close();
		directory.remove();
	}
});

async function ask(port: number, path: string, agent?: Agent): Promise<IncomingMessage> {
	const request = get({ host: '127.0.0.1', port, path, ...(agent === undefined ? {} : { agent }) });
	const [response] = (await once(request, 'response')) as [IncomingMessage];
	return response;
}

async function whole(response: IncomingMessage): Promise<void> {
	response.resume();
	await once(response, 'end');
}

async function replay(recording: string, sql: string): Promise<Record<string, unknown>[]> {
	const { code, stdout, stderr } = await runTinytap(['query', sql, '--format', 'ndjson', '--replay', recording]);
	assert.equal(code, 0, stderr);
	return parseRows(stdout);
}

test('a recording is replayed with the limit of its capture', async () => {
	const body = 'x'.repeat(100_000);
	const server = createServer((_, response) => response.end(body)).listen(0, '127.0.0.1');
	await once(server, 'listening');
	const { port } = server.address() as AddressInfo;
	const directory = temporaryDirectory();
	try {
		for (const [limit, held] of [
			['23', 23],
			['none', body.length],
			[undefined, 65_536],
		] as const) {
			const recording = join(directory.path, `limit-${limit}.ttap`);
			const options = limit === undefined ? [] : ['--body-limit', limit];
			const tinytap = startTinytap(['record', recording, '--port', String(port), '--count', '2', ...options]);
			try {
				await tinytap.attached();
				await whole(await ask(port, '/', new Agent()));
				await tinytap.finished;
			} finally {
				await tinytap.stop();
			}
			const rows = await replay(recording, 'SELECT res_captured_bytes AS held FROM exchanges');
			assert.deepEqual(rows, [{ held }, { held }]);
		}
	} finally {
		server.closeAllConnections();
		server.close();
		directory.remove();
	}
});

const FIXTURE = join(import.meta.dirname, '../../support/socket_calls/run.py');

/** Bytes held, note and loss for a body of 8 MiB sent in one call. */
async function largeCall(...options: readonly string[]): Promise<unknown> {
	const sql = `SELECT side, state, res_captured_bytes AS held, res_body_note AS note, lost_bytes,
		(SELECT CASE WHEN events > 0 THEN 1 ELSE 0 END FROM loss WHERE reason = 'capture_limit') AS cut FROM exchanges WHERE side = 'server'`;
	const memory = ['--body-limit', 'none', '--max-memory', '512MiB', '--ring-size', '64MiB'];
	const program = ['python3', FIXTURE, 'large_calls'];
	const words = ['query', sql, '--format', 'ndjson', ...memory, ...options, '--', ...program];
	const { code, stdout, stderr } = await runTinytap(words);
	assert.equal(code, 0, stderr);
	return parseRows(stdout).find((row) => 'side' in row);
}

test('the first bytes of a call beyond --call-limit are kept, and the note says so', async () => {
	const row = { side: 'server', state: 'complete', lost_bytes: 0, cut: 1 };
	assert.deepEqual(await largeCall(), {
		...row,
		held: 4_194_304,
		note: 'body: first 4194304 of 8388608 bytes (call limit)',
	});
	assert.deepEqual(await largeCall('--call-limit', '1MiB'), {
		...row,
		held: 1_048_576,
		note: 'body: first 1048576 of 8388608 bytes (call limit)',
	});
	assert.deepEqual(await largeCall('--call-limit', 'none'), { ...row, cut: 0, held: 8_388_608, note: null });
});

test('--call-limit takes a size large enough for heads, or none', async () => {
	for (const [value, expected] of [
		['0', /--call-limit: expected at least 1KiB, got 0 bytes/],
		['many', /--call-limit: expected/],
		['-1', /--call-limit: expected/],
	] as const) {
		const { code, stderr } = await runTinytap(['query', 'SELECT 1', `--call-limit=${value}`]);
		assert.equal(code, 2);
		assert.match(stderr, expected);
	}
});
