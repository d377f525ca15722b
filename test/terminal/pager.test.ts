// `.last` and the pager, on a real terminal.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { eventually } from '../../support/eventually.ts';
import { Tape } from '../../support/record-builder.ts';
import { temporaryDirectory } from '../../support/servers.ts';
import { sessionOfUser } from '../../support/session-of-user.ts';
import { recordTape } from '../../support/tape-recording.ts';
import { openTerminal, PROMPT, type Terminal } from '../../support/terminal.ts';
import { CLI, runTinytap, TINYTAP } from '../../support/tinytap.ts';

const DEMO = join(CLI, '../../recordings/demo.tinytap');
const QUERY = 'SELECT id, path FROM exchanges ORDER BY id;';
const AT_80 = { columns: 80, rows: 24 };

const directory = temporaryDirectory();
after(directory.remove);

type Ways = { readonly env?: string; readonly recording?: string; readonly size?: { columns: number; rows: number } };

/** At the end the shell is left, and the terminal must be as it was before. */
async function atPrompt(
	{ env = '', recording = DEMO, size = AT_80 }: Ways,
	work: (terminal: Terminal) => Promise<void>,
): Promise<void> {
	const modes = join(directory.path, `modes-${process.pid}`);
	const shell = `env ${env} ${TINYTAP.join(' ')} --replay ${recording}`;
	const terminal = await openTerminal(
		// Like a shell, it gives tinytap a process group of its own, which gets the signals of the keys.
		script('shell', `set -m\nstty -g > ${modes}.before\n${shell} || exit\nstty -g > ${modes}.after`),
		size,
	);
	try {
		await terminal.shows(PROMPT);
		await work(terminal);
		// What is typed before the prompt is back goes to the pager.
		await terminal.shows(/^tinytap \(.+\)>\s*$(?![\s\S])/);
		await enter(terminal, "SELECT 'still ' || 'here' AS x;");
		await terminal.shows('still here');
		await enter(terminal, '.quit');
		await terminal.shows('[ended 0]');
		assert.equal(readFileSync(`${modes}.after`, 'utf8'), readFileSync(`${modes}.before`, 'utf8'));
		assert.deepEqual(await terminal.modes(), { cursor: true, alternate: false });
	} finally {
		await terminal.close();
	}
}

async function enter(terminal: Terminal, line: string): Promise<void> {
	await terminal.type(line);
	await terminal.press('Enter');
}

/** A pager that is a shell script. */
function script(name: string, text: string): string {
	const path = join(directory.path, name);
	writeFileSync(path, `#!/bin/sh\n${text}\n`);
	chmodSync(path, 0o755);
	return path;
}

/** Ids of the processes called `name` below this one. */
function pagers(name: string): number[] {
	const text = execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' });
	return text
		.split('\n')
		.filter((line) => line.trim().endsWith(name))
		.map((line) => Number.parseInt(line, 10));
}

test('.last shows all rows and columns in less, which scrolls both ways; then the prompt is back', async () => {
	await atPrompt({}, async (terminal) => {
		await enter(terminal, 'SELECT * FROM exchanges ORDER BY id;');
		await terminal.shows(/^56 rows \(40 shown\)/);
		await enter(terminal, '.last');
		await terminal.shows(/^ id \| ts +\| state +\| reason .*>$/);
		await terminal.shows(/^:$/);
		for (let i = 0; i < 4; i++) await terminal.press('Right');
		await terminal.shows(/\| thread_comm +\| cmdline/);
		for (let i = 0; i < 4; i++) await terminal.press('Left');
		await terminal.press('G');
		await terminal.shows('(END)');
		await terminal.shows(/^ 40 \| 2026-/);
		await terminal.shows(/^ 56 \| 2026-/);
		await terminal.shows(/^\(56 rows\)$/);
		await terminal.press('C-c');
		await terminal.type('q');
		await terminal.shows(/\(56 rows\)[\s\S]*^tinytap \(demo\.tinytap\)>\s*$(?![\s\S])/);
		// Vertically printed rows are printed vertically again.
		await enter(terminal, 'SELECT id, path FROM exchanges WHERE id = 3 \\gx');
		await terminal.shows('1. row');
		await enter(terminal, '.last');
		await terminal.shows('1. row', 2);
	});
});

test('the pager gets all rows as safe text with colours and nothing more; .pager off turns it off', async () => {
	const tape = new Tape();
	tape.clock(1_795_348_800_000_000_000n);
	const server = tape.server(1).open();
	for (let i = 0; i < 100; i++) {
		server.in(`GET /${i}\x1b[2J\x1b]0;owned\x07 HTTP/1.1\r\nHost: a\r\nUser-Agent: \x1b[31mred\r\n\r\n`);
		server.out(`HTTP/1.1 ${i % 2 === 0 ? 200 : 503} OK\r\nContent-Length: 0\r\n\r\n`);
	}
	const recording = join(directory.path, 'hostile.tinytap');
	recordTape(recording, tape);
	for (const colors of [true, false]) {
		const got = join(directory.path, `got-${colors}`);
		const pager = script(`keeps-${colors}`, `cat > ${got}`);
		await atPrompt({ recording, env: `PAGER=${pager} ${colors ? '' : 'NO_COLOR=1'}` }, async (terminal) => {
			await enter(terminal, 'SELECT id, path, status, user_agent FROM exchanges;');
			await terminal.shows(/^100 rows \(40 shown\)/);
			await enter(terminal, '.last');
			const text = await eventually(
				() =>
					existsSync(got) && readFileSync(got, 'utf8').includes('(100 rows)') ? readFileSync(got, 'utf8') : undefined,
				() => 'the pager got nothing',
			);
			const plain = text.replace(/\x1b\[\d+m/g, '');
			assert.equal(plain !== text, colors);
			assert.doesNotMatch(plain, /[\x00-\x09\x0b-\x1f\x7f]/);
			assert.equal([...plain.matchAll(/^ +\d+ \| \/\d+\\x1b\[2J\\x1b\]0;owned\\x07 +\| /gm)].length, 100);
			await enter(terminal, '.pager off');
			await enter(terminal, '.last');
			await terminal.shows(/^\(100 rows\)$/);
		});
	}
});

test('the pager runs as the user, without descriptors or variables of tinytap', async () => {
	const told = join(directory.path, 'told');
	const pager = script(
		'tells',
		`id -u > ${told}; ls /proc/self/fd >> ${told}; env >> ${told}; cat > /dev/null; echo done >> ${told}`,
	);
	await atPrompt({ env: `PAGER=${pager}` }, async (terminal) => {
		await enter(terminal, 'SELECT 1;');
		await enter(terminal, '.last');
		const text = await eventually(
			() =>
				existsSync(told) && readFileSync(told, 'utf8').endsWith('done\n') ? readFileSync(told, 'utf8') : undefined,
			() => 'the pager did not run',
		);
		const [user, ...lines] = text.split('\n');
		assert.equal(user, String(process.getuid!()));
		const descriptors = lines.filter((line) => /^\d+$/.test(line)).map(Number);
		// The last descriptor is that of ls itself.
		assert.deepEqual(descriptors.slice(0, -1), [0, 1, 2]);
		assert.doesNotMatch(text, /^(TINYTAP_|NODE_)/m);
	});
});

test('after a pager that is missing, ends at once, fails or is killed, the terminal and the prompt are as before', async () => {
	for (const [pager, answer] of [
		[
			'/nonexistent/pager',
			/^cannot start the pager \/nonexistent\/pager: no such file or directory; .*\n[\s\S]*^\(56 rows\)$/,
		],
		['/', /^cannot start the pager \/: permission denied; .*\n[\s\S]*^\(56 rows\)$/],
		['true', undefined],
		['false', undefined],
		["'nonexistent | cat'", /nonexistent.*not found/],
		[script('half', 'stty raw -echo < /dev/tty; head -c 100; exit 3'), undefined],
		[script('dies', 'stty raw -echo < /dev/tty; kill -9 $$'), undefined],
	] as const) {
		await atPrompt({ env: `PAGER=${pager}`, size: { columns: 80, rows: 100 } }, async (terminal) => {
			await enter(terminal, QUERY);
			await terminal.shows(/^56 rows \(40 shown\)/);
			await enter(terminal, '.last');
			if (answer !== undefined) await terminal.shows(answer);
		});
	}
	// The next program gets the modes that the first one got.
	const [marker, found] = [join(directory.path, 'ran'), join(directory.path, 'found')];
	const breaks = script(
		'breaks',
		`stty -g < /dev/tty >> ${found}; test -e ${marker} && exit; touch ${marker}; stty raw -echo < /dev/tty; kill -9 $$`,
	);
	await atPrompt({ env: `PAGER=${breaks}` }, async (terminal) => {
		await enter(terminal, QUERY);
		await terminal.shows(/^56 rows \(40 shown\)/);
		for (let runs = 1; runs <= 2; runs++) {
			await enter(terminal, '.last');
			const lines = await eventually(
				() => {
					const text = existsSync(found) ? readFileSync(found, 'utf8').trim().split('\n') : [];
					return text.length >= runs ? text : undefined;
				},
				() => 'the pager did not run',
			);
			assert.equal(lines.at(-1), lines[0]);
		}
	});
	await atPrompt({ env: 'LESS= PAGER="less -R -S"' }, async (terminal) => {
		await enter(terminal, QUERY);
		await terminal.shows(/^56 rows \(40 shown\)/);
		await enter(terminal, '.last');
		await terminal.shows(/^:$/);
		assert.deepEqual(await terminal.modes(), { cursor: true, alternate: true });
		const [less] = pagers('less -R -S');
		process.kill(less!, 'SIGKILL');
	});
});

test('.last reads the rows again, and counts those that have been evicted since', async () => {
	await atPrompt({ env: 'PAGER=cat' }, async (terminal) => {
		await enter(terminal, QUERY);
		await terminal.shows(/^56 rows \(40 shown\)/);
		await enter(terminal, '.last');
		await terminal.shows(/^\(56 rows\)\ntinytap/);
		await enter(terminal, '.clear');
		await enter(terminal, '.last');
		await terminal.shows(/^\(0 rows\)\n56 rows have been evicted since then$/);
		await enter(terminal, `.open ${DEMO}`);
		await enter(terminal, '.last');
		await terminal.shows(/error: \.last: expected a result, got none/);
	});
});

test('.last without a result is an error; in a pipe it prints everything; it shows what the query saw', async () => {
	await atPrompt({}, async (terminal) => {
		await enter(terminal, '.last');
		await terminal.shows(/error: \.last: expected a result, got none \[ERR_USAGE\]/);
	});
	const { stdout } = await runTinytap(['--replay', DEMO], {
		input: 'SELECT id, :p AS p FROM exchanges ORDER BY id;\n.param p 2\n.last\n'.replace(
			'SELECT',
			".param p 'one'\nSELECT",
		),
	});
	const lines = stdout.trimEnd().split('\n');
	assert.equal(lines.length, 2 * (2 + 56));
	assert.deepEqual(lines.slice(58), lines.slice(0, 58));
});

for (const [title, words] of [
	['root gives up its rights', []],
	['root keeps them', ['--keep-root']],
] as const) {
	test(`the pager and the editor run as the invoking user without rights, in that user's home directory: ${title}`, async () => {
		const { user, place } = sessionOfUser();
		const variables = [
			...Object.entries(user.sudoVariables).map(([name, value]) => `${name}=${value}`),
			'PAGER=id -u; grep CapEff /proc/self/status; echo $HOME; cat > /dev/null',
			'VISUAL=echo editing; id -u; grep CapEff /proc/self/status; true',
		];
		const recording = join(place.path, 'recordings/demo.tinytap');
		const start = [...user.asRoot, 'env', ...variables, place.launcher, ...words, '--replay', recording];
		const terminal = await openTerminal(start.map((word) => `'${word}'`).join(' '), AT_80);
		try {
			await terminal.shows(PROMPT);
			await enter(terminal, 'SELECT 1;');
			await enter(terminal, '.last');
			await terminal.shows(new RegExp(`^${user.uid}\nCapEff:\\s+0+\n${user.home}$`));
			await enter(terminal, '\\e');
			await terminal.shows(new RegExp(`^editing\n${user.uid}\nCapEff:\\s+0+$`));
			// The edited text is at the prompt.
			await terminal.shows(/> SELECT 1;$/, 2);
			await terminal.press('C-u');
			await enter(terminal, '.quit');
			await terminal.shows('[ended 0]');
		} finally {
			await terminal.close();
		}
	});
}
