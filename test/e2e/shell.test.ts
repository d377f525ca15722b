// The shell as a user at a terminal sees it, live.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { eventually } from '../../support/eventually.ts';
import { type Nginx, startNginx, startProgram } from '../../support/servers.ts';
import { openTerminal } from '../../support/terminal.ts';
import { runTinytap, startTinytap, TINYTAP } from '../../support/tinytap.ts';

const run = promisify(execFile);
const SHELL = `${TINYTAP.join(' ')}`;

async function withNginx(work: (nginx: Nginx, url: string) => Promise<void>): Promise<void> {
	const nginx = await startNginx({ sendfile: true });
	writeFileSync(join(nginx.root, 'index.html'), '<p>hello</p>\n');
	try {
		await work(nginx, `http://127.0.0.1:${nginx.port}`);
	} finally {
		await nginx.stop();
		nginx.remove();
	}
}

const get = (url: string) => run('curl', ['-s', '-o', '/dev/null', url]);

test('while wrk runs, a statement over two lines returns a result, and later one with more rows', async () => {
	await withNginx(async (nginx, url) => {
		const terminal = await openTerminal(`${SHELL} --port ${nginx.port} --comm nginx`);
		const wrk = startProgram('wrk', ['-t1', '-c2', '-d20s', `${url}/index.html`]);
		try {
			await terminal.shows('tinytap>');
			const counted: number[] = [];
			for (const round of [1, 2]) {
				await terminal.type("SELECT 'rows:' || count(*) || ':' AS n");
				await terminal.press('Enter');
				await terminal.type("FROM exchanges WHERE via='sendfile';");
				await terminal.press('Enter');
				const screen = await terminal.shows(/rows:\d+:/, round);
				counted.push(Number([...screen.matchAll(/rows:(\d+):/g)].at(-1)?.[1]));
				await terminal.shows(/^1 row · /, round);
			}
			assert.ok(counted[0]! >= 0 && counted[1]! > counted[0]!, `counted ${counted}`);
			await terminal.type('.quit');
			await terminal.press('Enter');
			await terminal.shows('[ended 0]');
		} finally {
			await wrk.stop();
			await terminal.close();
		}
	});
});

test('a statement saved in one session runs in the next', async () => {
	const first = await openTerminal(`${SHELL}`);
	try {
		await first.shows('tinytap>');
		await first.type(".save big SELECT 'saved and ' || 'run' AS words");
		await first.press('Enter');
		await first.shows(/saved big|replaced big/);
		await first.type(".save ttfb SELECT 'own'");
		await first.press('Enter');
		await first.shows('it takes the place of the bundled query ttfb while it exists');
		await first.press('C-d');
		await first.shows('[ended 0]');
	} finally {
		await first.close();
	}
	const second = await openTerminal(`${SHELL}`);
	try {
		await second.shows('tinytap>');
		await second.type('.run big');
		await second.press('Enter');
		await second.shows('saved and run');
		await second.press('Up');
		await second.shows('tinytap> .run big', 2);
	} finally {
		await second.close();
	}
	const listed = await runTinytap(['queries']);
	assert.match(listed.stdout, /^big +user/m);
});

test('a tail prints the 404 and none of the 200s, above the line being typed', async () => {
	await withNginx(async (nginx, url) => {
		const terminal = await openTerminal(`${SHELL} --port ${nginx.port}`);
		try {
			await terminal.shows('tinytap>');
			await terminal.type(".tail WHERE status >= 400 AND side = 'server'");
			await terminal.press('Enter');
			await terminal.shows(/^ +id time/);
			await terminal.type('SELECT typed_but_not_');
			await get(`${url}/index.html?fine`);
			await get(`${url}/missing-1`);
			await get(`${url}/index.html?fine`);
			await get(`${url}/missing-2`);
			const screen = await terminal.shows('/missing-2');
			assert.match(screen, /\/missing-1.* 404 /);
			assert.doesNotMatch(screen, /index\.html/);
			assert.match(screen.trimEnd().split('\n').at(-1) ?? '', /^tinytap> SELECT typed_but_not_$/);
			// The first Ctrl-C discards the typed text, the second one ends the tail, and the prompt stays.
			await terminal.press('C-c');
			await terminal.press('C-c');
			await terminal.shows('tail is off');
			await terminal.type('.tail off');
			await terminal.press('Enter');
			await terminal.shows('no tail was running');
		} finally {
			await terminal.close();
		}
	});
});

test('tinytap tail prints only rows that match the condition, and ends after --count', async () => {
	await withNginx(async (nginx, url) => {
		const tail = startTinytap([
			'tail',
			'--where',
			"status >= 400 AND side = 'server'",
			'--columns',
			'path, status',
			'--format',
			'csv',
			'--count',
			'2',
			'--port',
			String(nginx.port),
		]);
		try {
			await tail.attached();
			for (const path of ['/index.html', '/no-1', '/index.html', '/no-2']) await get(url + path);
			const { code, stdout, stderr } = await tail.finished;
			assert.equal(code, 0, stderr);
			assert.deepEqual(
				stdout.split(/\r?\n/).map((line) => line.replaceAll('"', '')),
				['path,status', '/no-1,404', '/no-2,404', ''],
			);
		} finally {
			await tail.stop();
		}
	});
});

test('a query file runs when --for is over', async () => {
	await withNginx(async (nginx, url) => {
		const file = join(nginx.root, 'report.sql');
		writeFileSync(
			file,
			"-- what was asked\nSELECT path, status\nFROM exchanges WHERE side='server' ORDER BY id;\n.expect rows = 2\nSELECT count(*) AS n FROM exchanges\nWHERE side='server';\n.expect value >= 2\n",
		);
		const running = startTinytap(['run', file, '--for', '3s', '--format', 'csv', '--port', String(nginx.port)]);
		await running.attached();
		await get(`${url}/index.html`);
		await get(`${url}/nothing`);
		const { code, stdout, stderr } = await running.finished;
		assert.equal(code, 0, stderr);
		assert.deepEqual(
			stdout.replaceAll('\r', '').replaceAll('"', ''),
			'path,status\n/index.html,200\n/nothing,404\nn\n2\n',
		);
		// Without --for it runs at once, unless it waits.
		const port = String(nginx.port);
		const idle = await startTinytap(['run', 'slow', '--port', port]).finished;
		assert.match(idle.stderr, /^hint: nothing was captured before the script ran; --for 30s captures first$/m);
		writeFileSync(
			file,
			".wait until SELECT count(*) > 0 FROM exchanges WHERE side = 'server' 60s;\nSELECT count(*) > 0;\n",
		);
		const waiting = startTinytap(['run', file, '--port', port, '--format', 'csv']);
		await waiting.attached();
		await get(`${url}/index.html`);
		const { code: status, stderr: errors } = await waiting.finished;
		assert.equal(status, 0, errors);
		assert.doesNotMatch(errors, /hint/);
	});
});

test('captured escape sequences do not reach the terminal', async () => {
	await withNginx(async (nginx, url) => {
		const terminal = await openTerminal(`${SHELL} --port ${nginx.port}`);
		try {
			await terminal.shows('tinytap>');
			await run('python3', [
				'-c',
				`
import socket
s = socket.create_connection(('127.0.0.1', ${nginx.port}))
s.sendall(b'GET /\\x1b[2J\\x1b[Hfake HTTP/1.1\\r\\nHost: x\\r\\nUser-Agent: \\x1b]0;owned\\x07\\r\\nConnection: close\\r\\n\\r\\n')
while s.recv(65536): pass
`,
			]);
			await get(`${url}/index.html`);
			await terminal.type("SELECT path, user_agent FROM exchanges WHERE side='client' ORDER BY id LIMIT 1;");
			await terminal.press('Enter');
			const screen = await terminal.shows('\\x1b[2J');
			assert.match(screen, /tinytap \d+\.\d+\.\d+/, 'what was above is still there');
			await terminal.type('.show 1');
			await terminal.press('Enter');
			const shown = await terminal.shows('User-Agent: \\x1b]0;owned\\x07');
			assert.match(shown, /tinytap \d+\.\d+\.\d+/);
		} finally {
			await terminal.close();
		}
	});
});

test('Ctrl-C ends a running statement and keeps the shell; twice at an empty prompt leaves', async () => {
	const terminal = await openTerminal(SHELL);
	try {
		await terminal.shows('tinytap>');
		await terminal.type(
			'WITH a AS (SELECT * FROM loss) SELECT count(*) FROM a a1, a a2, a a3, a a4, a a5, a a6, a a7, a a8, a a9;',
		);
		await terminal.press('Enter');
		await terminal.press('C-c');
		await terminal.shows(/interrupted|cancelled/i);
		await terminal.type("SELECT 'still ' || 'here' AS x;");
		await terminal.press('Enter');
		await terminal.shows('still here');
		await terminal.press('C-c');
		await terminal.shows('Ctrl-C again');
		await terminal.press('C-c');
		await terminal.shows('[ended 0]');
	} finally {
		await terminal.close();
	}
});

test('a mistake at the prompt gets a sentence and a hint, no stack trace', async () => {
	const terminal = await openTerminal(SHELL);
	try {
		await terminal.shows('tinytap>');
		const mistakes: [string, RegExp][] = [
			['SELEC 1;', /tinytap: error: /],
			['SELECT pth FROM exchanges;', /did you mean path/i],
			['.shwo 1', /Did you mean \.show/],
			['.show x', /\.show: expected the id of an exchange/],
			['.show 999999', /there is no exchange 999999/],
			['DELETE FROM exchanges;', /read-only|not supported|cannot/i],
		];
		for (const [typed, answer] of mistakes) {
			await terminal.type(typed);
			await terminal.press('Enter');
			await terminal.shows(answer);
		}
		assert.doesNotMatch(await terminal.screen(), /^\s+at /m);
	} finally {
		await terminal.close();
	}
});

test('loss is reported once below a result, and again if there is more or after .clear', async () => {
	await withNginx(async (nginx, url) => {
		writeFileSync(join(nginx.root, 'big.bin'), 'x'.repeat(3_000_000));
		// A ring too small for a large body.
		const terminal = await openTerminal(`${SHELL} --ring-size 4KiB --body-limit none --port ${nginx.port} --comm curl`);
		const told = /^tinytap: \d+ events? (was|were) lost/;
		const enter = async (line: string) => {
			await terminal.type(line);
			await terminal.press('Enter');
		};
		const lastLine = async () => (await terminal.screen()).trimEnd().split('\n').at(-1) ?? '';
		let asked = 0;
		/** How often loss has been reported after `sql` has run. */
		const tellings = async (sql: string): Promise<number> => {
			await enter(`SELECT 'answer ' || ${++asked} AS x FROM (${sql}) LIMIT 1;`);
			await terminal.shows(new RegExp(`^ answer ${asked}$`));
			await terminal.shows(/^1 row · .* s$/, asked);
			// Everything about a result is printed above the next prompt.
			await terminal.shows(/1 row · .*(\n.*)?\ntinytap.*>\s*$(?![\s\S])/);
			return [...(await terminal.screen()).matchAll(new RegExp(told, 'gm'))].length;
		};
		/** Makes traffic until the prompt, which waits with a typed text, shows that more was lost. */
		const lose = async () => {
			await terminal.type('SELECT typed');
			await terminal.press('Left');
			await eventually(
				async () => {
					await get(`${url}/big.bin`);
					return /^tinytap\*> SELECT typed$/.test(await lastLine()) || undefined;
				},
				() => 'nothing was lost',
			);
			// The cursor is where it was.
			await terminal.type('x');
			await terminal.shows(/^tinytap\*> SELECT typexd$/);
			await terminal.press('End');
			await terminal.press('C-u');
			await terminal.shows(/^tinytap\*>\s*$(?![\s\S])/);
			// The kernel's counters are read a few times per second.
			await enter('.wait 2s');
		};
		const captured = 'SELECT count(*) FROM exchanges';
		try {
			await terminal.shows('tinytap>');
			await lose();
			assert.equal(await tellings('SELECT 1'), 0);
			assert.equal(await tellings(captured), 1);
			assert.equal(await tellings(captured), 1);
			await enter('.clear');
			assert.equal(await tellings(captured), 1);
			assert.match(await lastLine(), /^tinytap>/);
			await lose();
			assert.equal(await tellings(captured), 2);
			assert.equal(await tellings(captured), 2);
		} finally {
			await terminal.close();
		}
	});
});
