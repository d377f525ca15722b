// Output that nobody reads: a terminal after Ctrl-S, a pipe whose reader sleeps. tinytap still answers signals, and
// counts rows that could not be printed.
import assert from 'node:assert/strict';
import { execFile, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { wait } from '../../src/base/wait.ts';
import { eventually } from '../../support/eventually.ts';
import { startNginx } from '../../support/servers.ts';
import { CLI, TEST_ENV, TINYTAP } from '../../support/tinytap.ts';
import { type Ended, openUnreadTerminal, type UnreadTerminal } from '../../support/unread-terminal.ts';

const run = promisify(execFile);
const DEMO = join(CLI, '../../recordings/demo.tinytap');
/** Rows of the demo recording. */
const DEMO_ROWS = 56;
/** 175,616 rows. */
const MUCH = 'SELECT a.id, a.url FROM exchanges a, exchanges b, exchanges c';
/** 5,000 characters. */
const LONG = "replace('xxxxx', 'x', replace('xxxxxxxxxx', 'x', replace('xxxxxxxxxx', 'x', '0123456789')))";

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Resolves when nothing has been written for a moment: the terminal is full, or there is nothing to write. */
async function isFull(pid: number): Promise<void> {
	const written = () => Number(/^wchar: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1]);
	let before = -1;
	await eventually(
		() => {
			const now = written();
			const isQuiet = now === before && now > 10_000;
			before = now;
			return isQuiet ? true : undefined;
		},
		() => `it is still writing: ${before}`,
		30,
		300,
	);
}

/** Runs `work` on a terminal that nobody reads, then closes it. */
async function onTerminal(
	args: readonly string[],
	work: (terminal: UnreadTerminal) => Promise<void>,
	options?: Parameters<typeof openUnreadTerminal>[1],
): Promise<void> {
	const terminal = await openUnreadTerminal(args, options);
	try {
		await work(terminal);
	} finally {
		terminal.close();
	}
}

/** Seconds until the program ended after `signal`, and how. */
async function afterSignal(terminal: UnreadTerminal, signal: NodeJS.Signals): Promise<Ended> {
	process.kill(terminal.pid, signal);
	return await terminal.ended(1.5);
}

for (const signal of SIGNALS) {
	test(`a statement whose terminal nobody reads ends within a second of ${signal}`, async () => {
		await onTerminal(['query', MUCH, '--replay', DEMO, '--no-color', '--format', 'table'], async (terminal) => {
			await isFull(terminal.pid);
			assert.equal((await afterSignal(terminal, signal)).status, 130);
		});
	});

	test(`tail on a terminal that nobody reads ends within a second of ${signal}; rows not printed are counted`, async () => {
		const args = ['tail', '--replay', DEMO, '--columns', `id, ${LONG} AS long`, '--format', 'ndjson', '--strict'];
		await onTerminal(
			args,
			async (terminal) => {
				await isFull(terminal.pid);
				const { status } = await afterSignal(terminal, signal);
				assert.equal(status, 3, '--strict: rows are lost');
				terminal.read();
				await wait(500);
				const printed = [...terminal.shown().matchAll(/^\{"id":\d+,"long":"\d{5000}"\}$/gm)].length;
				const dropped = Number(/^tinytap: (\d+) rows could not be printed/m.exec(terminal.errors())?.[1]);
				assert.equal(printed + dropped, DEMO_ROWS, terminal.errors());
				assert.ok(printed > 0 && dropped > 30, `${printed} printed, ${dropped} dropped`);
			},
			{ errorsApart: true },
		);
	});
}

test('a terminal that is read again after a while shows the whole result', async () => {
	await onTerminal(['query', MUCH, '--replay', DEMO, '--format', 'csv'], async (terminal) => {
		await isFull(terminal.pid);
		terminal.read();
		assert.equal((await terminal.ended(60)).status, 0);
		// The progress line is drawn only where no row has begun.
		const rows = terminal.shown().replace(/^(\r\x1b\[K(running for [^;]*; Ctrl-C ends it)?)+/gm, '');
		assert.equal([...rows.matchAll(/^\d+,"http[^"\r]*"$/gm)].length, DEMO_ROWS ** 3);
	});
});

test('a capture that ends by itself does not wait for a terminal that nobody reads', async () => {
	await onTerminal(
		['tail', '--replay', DEMO, '--columns', `id, ${LONG} AS long`, '--format', 'ndjson'],
		async (terminal) => {
			const { status } = await terminal.ended(10);
			assert.equal(status, 0);
			assert.match(terminal.errors(), /^tinytap: \d+ rows could not be printed in time \(loss: output_dropped\)$/m);
		},
		{ errorsApart: true },
	);
});

test('another user’s terminal, as after su, does not block either', async () => {
	const asNobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
	await onTerminal(
		['query', MUCH, '--replay', DEMO, '--no-color', '--format', 'table'],
		async (terminal) => {
			await isFull(terminal.pid);
			assert.equal((await afterSignal(terminal, 'SIGTERM')).status, 130);
		},
		{ under: asNobody },
	);
});

test('the prompt of a terminal that nobody reads still takes keys: Ctrl-C ends the statement, SIGTERM the shell', async () => {
	await onTerminal(['--replay', DEMO, '--no-color', '--format', 'table'], async (terminal) => {
		await wait(3000);
		terminal.type(`${MUCH};\r`);
		await isFull(terminal.pid);
		terminal.type('\x03');
		terminal.type("SELECT 'still ' || 'here';\r");
		await wait(1000);
		terminal.read();
		await eventually(
			() => (terminal.shown().includes('still here') ? true : undefined),
			() => terminal.shown().slice(-2000),
		);
		assert.match(terminal.shown(), /cancelled/);
		terminal.type(`${MUCH};\r`);
		const { status, isRaw } = await afterSignal(terminal, 'SIGTERM');
		assert.deepEqual([status, isRaw], [0, false]);
	});
});

test('the tail of a recording waits for a slow reader', async () => {
	// 100,000 characters each, more than may wait.
	const columns = `id, replace('xxxxxxxxxxxxxxxxxxxx', 'x', ${LONG}) AS long`;
	const args = ['tail', '--replay', DEMO, '--columns', columns, '--format', 'csv', '--strict'];
	const { stdout, stderr } = await run(
		'bash',
		['-o', 'pipefail', '-c', '"$0" "$@" | (sleep 2; wc -l)', TINYTAP[0]!, ...args],
		{
			env: TEST_ENV,
		},
	);
	assert.equal(Number(stdout), DEMO_ROWS + 1, stderr);
});

test('AT-32 a reader that leaves, or no reader at all, is a quiet success', () => {
	const shell = (script: string) =>
		spawnSync('bash', ['-o', 'pipefail', '-c', script, ...TINYTAP], {
			encoding: 'utf8',
			env: { ...TEST_ENV, MUCH, DEMO },
		});
	for (const end of ['| head -n 1', '| true', '>&-', '> /dev/null 2>&-', '>&- 2>&-']) {
		for (const command of [
			'query "$MUCH" --quiet --replay "$DEMO"',
			'tail --quiet --replay "$DEMO"',
			'queries',
			'help functions',
			'doctor',
		]) {
			const { status, stderr } = shell(`"$0" "$@" ${command} ${end}`);
			assert.deepEqual([status, stderr], [0, ''], `${command} ${end}`);
		}
	}
	// A tail that has nothing to write notices it, too. It would take eleven minutes.
	const { status, stderr } = shell(
		'timeout 60 "$0" "$@" tail --quiet --replay "$DEMO" --realtime x0.001 --where 0 --format ndjson | true',
	);
	assert.deepEqual([status, stderr], [0, '']);
});

test('AT-32 a full pipe whose reader sleeps 10 s under load: rows are dropped and counted, memory is bounded', async () => {
	const nginx = await startNginx({ sendfile: true, server: 'location / { return 200 "ok"; }', workers: 1 });
	const tail = spawn(
		TINYTAP[0]!,
		['tail', '--port', String(nginx.port), '--comm', 'nginx', '--format', 'ndjson', '--columns', `id, ${LONG} AS long`],
		{ stdio: ['ignore', 'pipe', 'pipe'], env: TEST_ENV },
	);
	let errors = '';
	let out = '';
	tail.stderr.setEncoding('utf8').on('data', (chunk: string) => {
		errors += chunk;
	});
	const finished = new Promise<number | null>((resolve) => tail.on('close', resolve));
	try {
		await eventually(
			() => (errors.includes('tinytap: capturing') ? true : undefined),
			() => errors,
		);
		const load = run('wrk', ['-t1', '-c8', '-d10s', `http://127.0.0.1:${nginx.port}/`]);
		let most = 0;
		const watch = setInterval(() => {
			const resident = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${tail.pid}/status`, 'utf8'))?.[1];
			most = Math.max(most, Number(resident));
		}, 100);
		const { stdout } = await load;
		clearInterval(watch);
		assert.match(errors, /^tinytap: rows are being dropped because they are not read in time/m);
		const sent = Number(/(\d+) requests in/.exec(stdout)?.[1]);
		assert.ok(sent > 15_000, stdout);
		assert.ok(most < (256 + 128) * 1024, `it grew to ${most} KiB`);
		tail.stdout.setEncoding('utf8').on('data', (chunk: string) => {
			out += chunk;
		});
		tail.kill('SIGINT');
		assert.equal(await finished, 0, errors);
		assert.doesNotMatch(errors, /^ {4}at /m);
		const printed = [...out.matchAll(/^\{"id":\d+,"long":"\d{5000}"\}$/gm)].length;
		const dropped = Number(/^tinytap: (\d+) rows could not be printed/m.exec(errors)?.[1]);
		assert.ok(printed > 0 && dropped > 0, `${printed} printed, ${dropped} dropped`);
		// If a busy machine loses anything else at full speed, it is reported: no event costs more than two rows. wrk
		// does not count responses that it no longer waits for.
		const reasons = [...(/; loss: (.*)\)/.exec(errors)?.[1]?.matchAll(/(\w+) (\d+)/g) ?? [])];
		const lost = reasons.reduce((sum, [, why, events]) => sum + (why === 'output_dropped' ? 0 : Number(events)), 0);
		const rows = printed + dropped;
		assert.ok(
			rows >= sent - 2 * lost && rows <= sent + 8,
			`${printed} + ${dropped} of ${sent}, ${lost} lost: ${errors}`,
		);
	} finally {
		tail.kill('SIGKILL');
		await nginx.stop();
		nginx.remove();
	}
});
