// docs/ci.md: its script and its workflow do what the page says.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { freePort } from '../../support/servers.ts';
import { TEST_ENV, TINYTAP } from '../../support/tinytap.ts';

const PAGE = readFileSync(join(import.meta.dirname, '../../docs/ci.md'), 'utf8');
const directory = mkdtempSync(join(tmpdir(), 'tinytap-ci-'));
after(() => rmSync(directory, { recursive: true }));

/** What `npm test` runs: a server, and requests to it. */
const TESTS = `
const { createServer } = require('node:http');
const server = createServer((request, response) => {
	if (request.url === '/bare') response.end('no content type');
	else response.writeHead(request.url === '/broken' ? 500 : 200, { 'content-type': 'text/plain' }).end('well');
}).listen(Number(process.env.PORT), '127.0.0.1', async () => {
	for (const path of process.env.PATHS.split(' ')) await fetch('http://127.0.0.1:' + server.address().port + path).then((r) => r.text());
	server.close();
	server.closeAllConnections();
	process.exitCode = Number(process.env.STATUS);
});
`;

/** Runs the step of the workflow that has a script. */
function runStep(paths: string, status: number) {
	rmSync(join(directory, 'http.xml'), { force: true });
	return runScript(/name: Test, .*\n +run: \|\n((?: {10}.*\n)+)/.exec(PAGE)![1]!, { paths, status });
}

function runScript(step: string, { paths = '/a', status = 0, port = 0 }) {
	return spawnSync('sh', ['-e', '-c', step], {
		cwd: directory,
		encoding: 'utf8',
		env: {
			...TEST_ENV,
			PATH: `${directory}/bin:${process.env.PATH}`,
			PATHS: paths,
			STATUS: String(status),
			PORT: String(port),
		},
	});
}

test('the workflow of docs/ci.md fails when the traffic or the tests do, and leaves a report', () => {
	const [, script] = /```sql\n(-- checks\.sql[\s\S]*?)```/.exec(PAGE)!;
	writeFileSync(join(directory, 'checks.sql'), script!);
	writeFileSync(join(directory, 'package.json'), JSON.stringify({ scripts: { test: 'node tests.cjs' } }));
	writeFileSync(join(directory, 'tests.cjs'), TESTS);
	mkdirSync(join(directory, 'bin'));
	symlinkSync(TINYTAP[0]!, join(directory, 'bin/tinytap'));
	const failed = () => {
		const report = readFileSync(join(directory, 'http.xml'), 'utf8');
		return /tests="(\d+)" failures="(\d+)" errors="(\d+)"/.exec(report)!.slice(1).map(Number);
	};
	const good = runStep('/a /b', 0);
	assert.equal(good.status, 0, good.stderr);
	assert.deepEqual(failed(), [4, 0, 0]);

	const bad = runStep('/a /broken /bare', 0);
	assert.equal(bad.status, 4, bad.stderr);
	assert.deepEqual(failed(), [4, 2, 0]);
	assert.match(
		bad.stderr,
		/checks\.sql:3: \.expect failed\n {2}expected: rows = 0\n {2}got: 1 row\n[\s\S]*GET +\| \/broken/,
	);

	assert.equal(runStep('/a', 7).status, 7, 'the status of the tests');
	assert.deepEqual(failed(), [4, 0, 0]);
});

test('the script of docs/ci.md for servers that are already running checks what was recorded of them', async () => {
	const port = await freePort();
	const script = /```sh\n([\s\S]*?)```/.exec(PAGE)![1]!.replace('8080', String(port));
	const good = runScript(script, { paths: '/a /b /c', port });
	assert.equal(good.status, 0, good.stderr);
	assert.match(good.stdout, /count\(\*\)\n-+\n +3\n$/);
});
