// Odd first lines, unreadable framing and tunnels, from the kernel to SQL: both ends of each connection get their rows.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parseRows, runTinytap } from '../../support/tinytap.ts';

const FIXTURE = join(import.meta.dirname, '../../support/socket_calls/run.py');
const BAD = 'HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbad';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const GET = 'GET /x HTTP/1.1\r\nHost: h\r\n\r\n';

/** The result of `sql` after a program has held the conversations: the client's pieces, then the server's. */
async function ask(
	sql: string,
	...conversations: readonly (readonly [pieces: readonly string[], answers: readonly string[]])[]
): Promise<Record<string, unknown>[]> {
	const hex = (text: string) => Buffer.from(text, 'latin1').toString('hex');
	const spoken = conversations.map((conversation) => conversation.map((pieces) => pieces.map(hex)));
	const program = ['python3', FIXTURE, 'spoken', JSON.stringify(spoken)];
	const { code, stdout, stderr } = await runTinytap(['query', sql, '--format', 'ndjson', '--', ...program]);
	assert.equal(code, 0, stderr);
	// Skip the program's own line.
	return parseRows(stdout).filter((row) => 'found' in row);
}

describe('odd messages', () => {
	it('a connection that begins with something other than a request has rows if the answer is HTTP', async () => {
		const first = [
			'\x16\x03\x01\x00\x05hello',
			`\x16\x03\x01\x02\x00${'\x01'.repeat(512)}`,
			'POST /HTTP/1.1\r\nHost: h\r\n\r\n',
			'OPTIONS\r\nHost: h\r\n\r\n',
			'\xff\0\0\0 GET /x HTTP/1.1\r\nHost: h\r\n\r\n',
			'GET /',
			'junk',
			'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
		];
		const rows = await ask(
			`SELECT side AS found, method, path, host, status, reason, req_body_bytes AS bytes FROM exchanges ORDER BY conn, side`,
			...first.map((bytes) => [[bytes], [BAD]] as const),
		);
		const wanted = [
			[null, null, null, 10],
			[null, null, null, 517],
			['POST', '/HTTP/1.1', 'h', 0],
			['OPTIONS', null, 'h', 0],
			['GET', '/x', 'h', 0],
			['GET', '/', null, 0],
			[null, null, null, 4],
			['PRI', '*', null, 0],
		];
		for (const side of ['client', 'server']) {
			const found = rows.filter((row) => row.found === side);
			assert.deepEqual(found.map((row) => [row.method, row.path, row.host, row.bytes]).sort(), wanted.toSorted(), side);
			for (const row of found) assert.deepEqual([row.status, row.reason], [400, 'malformed'], side);
		}
	});

	it('odd answers and bodies of unknown length keep their bytes', async () => {
		const rows = await ask(
			`SELECT side AS found, status, reason, res_body FROM exchanges ORDER BY conn, side`,
			[[GET], ['just some text']],
			[[GET], ['HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok']],
			[[GET], [`warning: x\n${OK}`]],
			[[GET], ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nplain ', 'text']],
			[[GET], ['HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\nabcd']],
		);
		for (const side of ['client', 'server']) {
			const found = rows.filter((row) => row.found === side).map((row) => [row.status, row.reason, row.res_body]);
			assert.deepEqual(
				found.sort(),
				[
					[null, 'malformed', 'just some text'],
					[null, 'malformed', 'ok'],
					[200, null, 'ok'],
					[200, 'malformed', 'plain text'],
					[200, 'malformed', 'abcd'],
				].sort(),
				side,
			);
		}
	});

	it('plain HTTP in a tunnel makes rows of the same connection, and TLS becomes its protocol', async () => {
		const connect = 'CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n';
		const established = 'HTTP/1.1 200 Connection established\r\n\r\n';
		const conversations = [
			[
				[connect, GET],
				[established, OK],
			],
			[
				[connect, '\x16\x03\x01\x00\x05hello'],
				[established, '\x16\x03\x03\x00\x05hello'],
			],
		] as const;
		const rows = await ask('SELECT side AS found, method, path, state FROM exchanges ORDER BY id', ...conversations);
		for (const side of ['client', 'server']) {
			assert.deepEqual(
				rows
					.filter((row) => row.found === side)
					.map((row) => `${row.method} ${row.path} ${row.state}`)
					.sort(),
				['CONNECT null upgraded', 'CONNECT null upgraded', 'GET /x complete'],
				side,
			);
		}
		const ends = await ask('SELECT side AS found, protocol, exchanges FROM connections', ...conversations);
		assert.deepEqual(ends.map((row) => `${row.found} ${row.protocol} ${row.exchanges}`).sort(), [
			'client http1 2',
			'client tls 1',
			'server http1 2',
			'server tls 1',
		]);
		const spots = await ask(`SELECT what AS found, times FROM blind_spots WHERE comm LIKE 'python%'`, ...conversations);
		assert.deepEqual(spots, [{ found: 'tls', times: 2 }]);
	});
});
