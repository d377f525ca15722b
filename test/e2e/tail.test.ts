// `tinytap tail` and `.tail` on a terminal: one line for each exchange.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { eventually } from '../../support/eventually.ts';
import { type Nginx, startNginx, temporaryDirectory } from '../../support/servers.ts';
import { openTerminal, type Terminal } from '../../support/terminal.ts';
import { CLI, runTinytap, TINYTAP } from '../../support/tinytap.ts';
import { openUnreadTerminal } from '../../support/unread-terminal.ts';

const run = promisify(execFile);
const DEMO = join(CLI, '../../recordings/demo.tinytap');
const TAIL = `${TINYTAP.join(' ')} tail --quiet --replay ${DEMO}`;
/** Number of rows in the recording: two per exchange. */
const DEMO_ROWS = 56;

const SIZES = [
	{ columns: 80, rows: 24 },
	{ columns: 120, rows: 40 },
	{ columns: 200, rows: 50 },
];

async function onTerminal<T>(
	command: string,
	size: { columns: number; rows: number },
	work: (terminal: Terminal) => Promise<T>,
): Promise<T> {
	const terminal = await openTerminal(command, size);
	try {
		return await work(terminal);
	} finally {
		await terminal.close();
	}
}

const idsOf = (screen: string) => [...screen.matchAll(/^ *(\d+) \d\d:\d\d:\d\d/gm)].map(([, id]) => Number(id));

for (const size of SIZES) {
	test(`a tail prints each exchange once, in one line of ${size.columns} columns`, async () => {
		const screen = await onTerminal(`${TAIL} --no-color`, size, async (terminal) => await terminal.shows('[ended 0]'));
		const lines = screen.slice(0, screen.indexOf('[ended 0]')).trimEnd().split('\n');
		assert.equal(lines.length, 1 + DEMO_ROWS / 2, screen);
		assert.match(lines[0]!, /^ +id time +comm +(host +)?method path +code +ms +(ttfb +)?bytes (type +)?via$/);
		for (const line of lines) assert.ok(line.length <= size.columns, line);
		assert.equal(idsOf(screen).length, DEMO_ROWS / 2);
		assert.ok(idsOf(screen).every((id) => id % 2 === 0));
		assert.match(screen, /^ +4 15:55:28(\.546)? ← nginx +(127\.0\.0\.1:8180 +)?GET {2}\/manual\.txt +200 +0\.04 /m);
		assert.match(screen, /^ +54 .* 400! /m);
	});
}

test('lines are coloured by status, unless --no-color or NO_COLOR is given', async () => {
	const size = { columns: 100, rows: 45 };
	const painted = async (command: string) =>
		await onTerminal(command, size, async (terminal) => {
			await terminal.shows('[ended 0]');
			return await terminal.painted();
		});
	const colors = await painted(TAIL);
	assert.match(colors, /\x1b\[32m200/);
	assert.match(colors, /\x1b\[33m404/);
	assert.match(colors, /\x1b\[31m500/);
	assert.doesNotMatch(await painted(`${TAIL} --no-color`), /\x1b\[/);
	assert.doesNotMatch(await painted(`env NO_COLOR=1 ${TAIL}`), /\x1b\[/);
});

test('--both prints both sides, as do --format and a pipe', async () => {
	const size = { columns: 80, rows: 70 };
	const both = await onTerminal(`${TAIL} --both`, size, async (terminal) => await terminal.shows('[ended 0]'));
	assert.equal(idsOf(both).length, DEMO_ROWS);
	assert.match(both, /^ +3 15:55:28 → curl /m);
	const csv = await onTerminal(
		`${TAIL} --format csv --columns id`,
		size,
		async (terminal) => await terminal.shows('[ended 0]'),
	);
	assert.equal(csv.match(/^\d+$/gm)?.length, DEMO_ROWS);
	const columns = await onTerminal(
		`${TAIL} --columns id,method`,
		size,
		async (terminal) => await terminal.shows('[ended 0]'),
	);
	assert.equal(columns.match(/^ +\d+ \| (GET|POST)$/gm)?.length, DEMO_ROWS / 2, columns);
	const { stdout } = await runTinytap(['tail', '--quiet', '--replay', DEMO, '--columns', 'id']);
	assert.equal(stdout.match(/^ +\d+$/gm)?.length, DEMO_ROWS);
});

test('--count counts the lines; a side whose other side does not match the condition is printed', async () => {
	const size = { columns: 80, rows: 40 };
	const five = await onTerminal(`${TAIL} --count 5`, size, async (terminal) => await terminal.shows('[ended 0]'));
	assert.equal(idsOf(five).length, 5);
	const clients = await onTerminal(
		`${TAIL} --where "comm = 'curl'"`,
		size,
		async (terminal) => await terminal.shows('[ended 0]'),
	);
	assert.ok(idsOf(clients).length > 5);
	assert.ok(idsOf(clients).every((id) => id % 2 === 1));
	assert.match(clients, /^ +3 15:55:28 → curl /m);
});

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

test('a live tail has one line for a request that both sides show, and one for each of a client without a server', async () => {
	await withNginx(async (nginx, url) => {
		const size = { columns: 80, rows: 40 };
		const requests = async (terminal: Terminal) => {
			await terminal.shows('tinytap: capturing');
			for (let i = 0; i < 7; i++) await run('curl', ['-s', '-o', '/dev/null', `${url}/index.html?${i}`]);
			// The last one arrives after everything that waited before.
			return await terminal.shows('[ended 0]');
		};
		const tail = `${TINYTAP.join(' ')} tail --port ${nginx.port} --count 7`;
		const both = await onTerminal(tail, size, requests);
		assert.equal(both.match(/ ← nginx .*\/index\.html\?\d +200 /g)?.length, 7, both);
		assert.doesNotMatch(both, /→/);
		const clients = await onTerminal(`${tail} --comm curl`, size, requests);
		assert.equal(clients.match(/ → curl .*\/index\.html\?\d +200 /g)?.length, 7, clients);
	});
});

test('a query that needs all rows is redrawn in place; bodies are below the line of their exchange', async () => {
	const directory = temporaryDirectory();
	const file = join(directory.path, 'count.sql');
	writeFileSync(
		file,
		"SELECT status, count(*) AS n, 'rows' AS what FROM exchanges WHERE side = 'server' GROUP BY status",
	);
	const size = { columns: 80, rows: 24 };
	try {
		await withNginx(async (nginx, url) => {
			const get = async (name: string) => await run('curl', ['-s', '-o', '/dev/null', `${url}/${name}`]);
			const tail = `${TINYTAP.join(' ')} tail --quiet --port ${nginx.port}`;
			await onTerminal(`${tail} --query ${file} --every 100ms`, size, async (terminal) => {
				await terminal.shows(/count\.sql, every 0\.1 s; Ctrl-C ends it/);
				for (let i = 0; i < 3; i++) await get('index.html');
				await terminal.shows(/^ +200 +3 +rows/);
				for (let i = 0; i < 2; i++) await get('missing');
				await terminal.shows(/^ +404 +2 +rows/);
				await terminal.press('C-c');
				const screen = await terminal.shows('[ended 0]');
				assert.equal(screen.match(/every 0\.1 s/g)?.length, 1, screen);
				assert.equal(screen.match(/^ +200 +3 +rows/gm)?.length, 1, screen);
			});
		});
		const screen = await onTerminal(
			`${TAIL} --bodies --where 'id = 40'`,
			size,
			async (terminal) => await terminal.shows('[ended 0]'),
		);
		assert.match(
			screen,
			/^ +40 .* POST \/api\/orders +201 .*\n {4}> \{\n {4}> {3}"items": \[\n(?: {4}> .*\n){4} {4}< \{\n {4}< {3}"id": 1207,\n {4}< {3}"bytes": 32\n {4}< \}\n\[ended/m,
		);
	} finally {
		directory.remove();
	}
});

test('a tail at a prompt of 80 columns keeps the prompt intact, and typing meanwhile works', async () => {
	await withNginx(async (nginx, url) => {
		const size = { columns: 80, rows: 24 };
		await onTerminal(`${TINYTAP.join(' ')} --port ${nginx.port}`, size, async (terminal) => {
			// Three lines greet.
			const source = `tinytap: capturing HTTP/1\\.x and HTTP/2 of port ${nginx.port} \\(as root, without capabilities\\)`;
			await terminal.shows(new RegExp(`^${source}\ntinytap .*\nTry: \\.tail .*\ntinytap\\*?>`));
			await terminal.type('.tail');
			await terminal.press('Enter');
			await terminal.shows(/^ +id time +comm/);
			await terminal.type("SELECT 'typed ' ||");
			const get = async (name: string) => await run('curl', ['-s', '-o', '/dev/null', `${url}/${name}`]);
			for (let i = 0; i < 30; i++) await get(`index.html?${'long-'.repeat(40)}${i}`);
			await get('missing');
			await terminal.shows(/ 404 /);
			await terminal.type(" 'meanwhile' AS x;");
			const typed = /^tinytap\*?> SELECT 'typed ' \|\| 'meanwhile' AS x;$/;
			const before = (await terminal.shows(typed)).trimEnd();
			assert.match(before, /^tinytap\*?> SELECT 'typed ' \|\| 'meanwhile' AS x;$(?![\s\S])/m);
			assert.equal(
				before.match(/^ +\d+ \d\d:\d\d:\d\d ← nginx +GET {2}\/index\.html\?… +200 .* sendfile$/gm)?.length,
				30,
				before,
			);
			assert.doesNotMatch(before, /→/);
			await terminal.press('Enter');
			await terminal.shows(/^ typed meanwhile$/);
			await terminal.type('.tail --both');
			await terminal.press('Enter');
			await terminal.shows(/^ +id time +comm/, 2);
			await get('other');
			const both = await terminal.shows(/ → curl +GET {2}\/other +404 /);
			assert.match(both, / ← nginx +GET {2}\/other +404 /);
			// Ctrl-L clears the screen, and the tail continues.
			await terminal.press('C-l');
			await terminal.shows(/^tinytap\*?>\s*$(?![\s\S])/);
			await get('after-clearing');
			await terminal.shows(/ ← nginx +GET {2}\/after-clearing +404 /);
			assert.doesNotMatch(await terminal.painted(), /GET {2}\/other/);
			// Above the area that .watch draws in place.
			await terminal.type('.watch 0.3 SELECT count(*) AS n FROM exchanges');
			await terminal.press('Enter');
			await terminal.shows('every 0.3 s');
			await get('while-watching');
			await terminal.shows(/ ← nginx +GET {2}\/while-watching +404 /);
			await terminal.press('q');
			const watched = await terminal.shows(/^1 row .*\ntinytap\*?>\s*$(?![\s\S])/);
			assert.equal(watched.match(/every 0\.3 s/g)?.length, 1, watched);
			assert.ok(watched.indexOf('every 0.3 s') > watched.lastIndexOf('/while-watching'));
		});
	});
});

test('lines that a terminal does not take are counted, one for each exchange, and --strict makes them an error', async () => {
	await withNginx(async (nginx, url) => {
		const args = ['tail', '--port', String(nginx.port), '--no-color', '--strict'];
		const terminal = await openUnreadTerminal(args, { errorsApart: true, captures: true });
		try {
			await eventually(
				() => (terminal.errors().includes('tinytap: capturing') ? true : undefined),
				() => terminal.errors(),
			);
			const { stdout } = await run('wrk', ['-t1', '-c4', '-d4s', `${url}/index.html`]);
			const sent = Number(/(\d+) requests in/.exec(stdout)?.[1]);
			process.kill(terminal.pid, 'SIGINT');
			terminal.read();
			assert.equal((await terminal.ended(10)).status, 3, terminal.errors());
			const printed = idsOf(terminal.shown()).length;
			const dropped = Number(/^tinytap: (\d+) rows could not be printed in time/m.exec(terminal.errors())?.[1]);
			assert.ok(printed > 0 && dropped > 0, `${printed} printed, ${dropped} dropped: ${terminal.errors()}`);
			assert.match(terminal.errors(), new RegExp(`loss: (.*, )?output_dropped ${dropped}[,)]`));
			const lost = [...(/; loss: (.*)\)/.exec(terminal.errors())?.[1]?.matchAll(/(\w+) (\d+)/g) ?? [])]
				.filter(([, why]) => why !== 'output_dropped')
				.reduce((sum, [, , events]) => sum + Number(events), 0);
			// wrk does not count responses that it no longer waits for; a lost event costs at most two rows.
			assert.ok(
				printed + dropped >= sent - 2 * lost && printed + dropped <= sent + 4 + 2 * lost,
				`${printed} + ${dropped} of ${sent}, ${lost} lost`,
			);
			assert.doesNotMatch(terminal.shown(), /→/);
		} finally {
			terminal.close();
		}
	});
});
