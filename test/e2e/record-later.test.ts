// `.record start` in a running capture: the recording can be replayed on its own.
import assert from 'node:assert/strict';
import { mkdtempSync, statSync } from 'node:fs';
import { Agent, createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../../support/eventually.ts';
import { openTerminal, PROMPT } from '../../support/terminal.ts';
import { runTinytap, TINYTAP } from '../../support/tinytap.ts';

test('.record start records everything from then on, including open connections, and replays without loss', async () => {
	const server = createServer((request, response) => response.end(`answer to ${request.url}`));
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	const { port } = server.address() as AddressInfo;
	const agent = new Agent({ keepAlive: true, maxSockets: 1 });
	const ask = (path: string, kept = true) =>
		new Promise<void>((resolve, reject) => {
			get({ port, host: '127.0.0.1', path, ...(kept ? { agent } : { agent: false }) }, (response) => {
				response.resume().on('end', resolve);
			}).on('error', reject);
		});
	const folder = mkdtempSync(join(tmpdir(), 'tinytap-record-'));
	const file = join(folder, 'later.tinytap');
	const terminal = await openTerminal(`${TINYTAP.join(' ')} --port ${port} --body-limit 6`, { columns: 120, rows: 50 });
	const enter = async (line: string) => {
		await terminal.type(line);
		await terminal.press('Enter');
	};
	/** Makes sure that the row is decoded before the recording begins or ends. */
	const seen = async (path: string) => {
		await eventually(
			async () => {
				await enter(`SELECT 'seen', count(*) FROM exchanges WHERE path = '${path}' AND state = 'complete';`);
				await new Promise((resolve) => setTimeout(resolve, 100));
				return /seen\W+2\b/.test((await terminal.screen()).split('WHERE path').at(-1) ?? '') ? true : undefined;
			},
			() => `${path} was not seen`,
		);
	};
	try {
		await terminal.shows(PROMPT);
		await ask('/before');
		await seen('/before');
		await enter('.record stop');
		await terminal.shows('no recording is being written');
		await enter(`.record start ${file}`);
		await terminal.shows(/^recording to .*later\.tinytap/);
		await enter(`.record start ${file}`);
		await terminal.shows('a recording is already being written');
		// On a connection that began before, a silence proves which request a response answers.
		await ask('/first');
		await seen('/first');
		await ask('/during');
		await ask('/new', false);
		await enter('.status');
		await terminal.shows(
			new RegExp(`^ {2}source +live: port ${port}\n {2}recording +to \\S*later\\.tinytap\n {2}rows +.* per second`),
		);
		await seen('/new');
		await enter('.record stop');
		await terminal.shows(/^recorded \d+ bytes to .*later\.tinytap$/);
		await ask('/after');
		await seen('/after');
		await enter(`.record start ${file}`);
		await terminal.shows('ERR_FILE_EEXIST');
		await enter('.quit');
		await terminal.shows('[ended 0]');
	} finally {
		await terminal.close();
		agent.destroy();
		server.close();
	}
	assert.equal(statSync(file).mode & 0o777, 0o600);
	const replay = async (sql: string) => {
		const { code, stdout, stderr } = await runTinytap(['query', sql, '--replay', file, '--format', 'json', '--strict']);
		assert.equal(code, 0, stderr);
		return JSON.parse(stdout) as Record<string, unknown>[];
	};
	const rows = await replay(
		"SELECT path, side, state, status, comm, local, remote, res_body_bytes, res_body FROM exchanges WHERE path IN ('/before', '/during', '/new', '/after') ORDER BY path, side",
	);
	assert.deepEqual(
		rows.map(({ path, side, state, status }) => [path, side, state, status]),
		['/during', '/new'].flatMap((path) => [
			[path, 'client', 'complete', 200],
			[path, 'server', 'complete', 200],
		]),
	);
	for (const { path, side, comm, local, remote, res_body_bytes, res_body } of rows) {
		assert.match(String(comm), /node|MainThread/);
		const [own, other] = side === 'server' ? [local, remote] : [remote, local];
		assert.equal(own, `127.0.0.1:${port}`, `${path} ${side}`);
		assert.match(String(other), /^127\.0\.0\.1:\d+$/, `${path} ${side}`);
		assert.equal(res_body_bytes, `answer to ${path}`.length);
		assert.equal(res_body, 'answer');
	}
	const older = await replay(
		"SELECT DISTINCT conn FROM exchanges WHERE path = '/first' AND ts > (SELECT min(opened) FROM connections)",
	);
	assert.equal(older.length, 2, 'the connection is older than its first exchange here');
	assert.deepEqual(await replay("SELECT reason FROM loss WHERE kind = 'lost' AND events > 0"), []);
	// It is complete: nothing is missing at its end.
	const { stderr } = await runTinytap(['query', 'SELECT 1', '--replay', file]);
	assert.doesNotMatch(stderr, /warning/);
});
