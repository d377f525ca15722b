// `.show` and its relatives over the bundled recording, in a pipe and on a terminal.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { scriptedTerminal } from '../../support/scripted-terminal.ts';
import { openTerminal, PROMPT } from '../../support/terminal.ts';
import { CLI, runTinytap, TINYTAP } from '../../support/tinytap.ts';

const DEMO = join(CLI, '../../recordings/demo.tinytap');

/** What a piped shell prints for these lines. */
async function said(...lines: string[]): Promise<string> {
	const { code, stdout, stderr } = await runTinytap(['--quiet', '--replay', DEMO], { input: `${lines.join('\n')}\n` });
	assert.equal(code, 0, stderr);
	return stdout;
}

async function refused(line: string): Promise<string> {
	const { code, stderr } = await runTinytap(['--quiet', '--replay', DEMO], { input: `${line}\n` });
	assert.notEqual(code, 0);
	return stderr;
}

const idsIn = (text: string) => [...text.matchAll(/^exchange (\d+) /gm)].map(([, id]) => Number(id));

test('.show without an id shows the latest exchange, -1 the one before; .next and .prev step from there', async () => {
	// For an exchange seen from both sides, this is the server's row.
	assert.deepEqual(idsIn(await said('.show', '.show -1', '.show -27')), [56, 54, 2]);
	assert.deepEqual(idsIn(await said('.next', '.prev', '.prev', '.next', '.show 3', '.prev')), [56, 54, 52, 54, 3, 2]);
	assert.deepEqual(idsIn(await said('.show 3', '.next')), [3, 6]);
	assert.match(await refused('.show -28'), /there are fewer than 29 exchanges \[ERR_NO_EXCHANGE\]/);
	assert.match(await refused('.show\n.next'), /there is no exchange after 56 \[ERR_NO_EXCHANGE\]/);
});

test('.show lists the calls that carried the exchange, as they were made, and how its time divides', async () => {
	const text = await said('.show 4');
	const calls = [
		'calls       +0.000 ms  in   recvfrom  88 bytes',
		'            +0.019 ms  out  writev    242 bytes',
		'            +0.040 ms  out  sendfile  51200 bytes (0 captured, zero_copy)',
	];
	assert.ok(text.includes(`${calls.join('\n')}\n\nGET /manual.txt`), text);
	assert.match(text, /^timing +▓*░{10,}█{10,} {2}send 0, wait 0\.019, receive 0\.02 ms$/m);
	const client = await said('.show 3');
	assert.match(client, /^calls +\+0\.000 ms {2}out {2}sendto +88 bytes\n +\+0\.\d+ ms {2}in {3}recvfrom +51442 bytes/m);
});

test('every exchange of the recording has its calls, with the bytes of its request', async () => {
	const text = await said(...Array.from({ length: 56 }, (_, i) => `.show ${i + 1}`));
	assert.equal(text.match(/^calls +\+0\.000 ms {2}(in|out) +\w+ +\d+ bytes/gm)?.length, 56);
	assert.doesNotMatch(text, /no longer held/);
});

test('--save writes a body into a new file of mode 0600, decoded or as sent, and never over another file', async () => {
	const folder = mkdtempSync(join(tmpdir(), 'tinytap-save-'));
	const file = (name: string) => join(folder, name);
	writeFileSync(file('mine'), 'mine');
	symlinkSync(file('mine'), file('link'));
	symlinkSync(file('nothing'), file('dangling'));
	const terminal = await openTerminal(`${TINYTAP.join(' ')} --replay ${DEMO}`, { columns: 160, rows: 50 });
	const enter = async (line: string) => {
		await terminal.type(line);
		await terminal.press('Enter');
	};
	try {
		await terminal.shows(PROMPT);
		await enter(`.show 3 --save ${file('page')}`);
		await terminal.shows(/^saved 51200 bytes of the response body to .*page$/);
		await enter(`.show 40 --request --save '${file('a b')}'`);
		await enter(`.show 40 --save ${file('c')}`);
		await terminal.shows(/^saved 22 bytes of the response body to .*c$/);
		for (const [index, name] of ['mine', 'link', 'dangling'].entries()) {
			await enter(`.show 3 --save ${file(name)}`);
			await terminal.shows('[ERR_FILE_EEXIST]', index + 1);
		}
		await enter(`.show 4 --save ${file('none')}`);
		await terminal.shows(/no body of exchange 4 is held \[ERR_NO_BODY\]\nhint: body: 51200 bytes via sendfile/);
	} finally {
		await terminal.close();
	}
	assert.match(readFileSync(file('page'), 'utf8'), /^line 1 of a page that nginx sends by sendfile\n/);
	assert.deepEqual([statSync(file('page')).size, statSync(file('page')).mode & 0o777], [51_200, 0o600]);
	assert.equal(readFileSync(file('a b'), 'utf8'), '{"items":["lamp"],"note":"gift"}');
	assert.equal(readFileSync(file('c'), 'utf8'), '{"id":1207,"bytes":32}');
	assert.equal(readFileSync(file('mine'), 'utf8'), 'mine');
	assert.match(await refused(`.show 3 --save ${file('piped')}`), /\.show works only at the prompt/);
	assert.deepEqual(readdirSync(folder).sort(), ['a b', 'c', 'dangling', 'link', 'mine', 'page']);
});

test('.conn prints the conversation of a connection in order, .diff two exchanges line by line', async () => {
	const conversation = await said('.conn 64');
	assert.match(
		conversation,
		/^connection 64 {2}node, pid 27328, http1\naddresses +127\.0\.0\.1:8181 ← 127\.0\.0\.1:56078\n/,
	);
	assert.match(conversation, /^exchange 40, after 0 ms\n> POST \/api\/orders HTTP\/1\.0\n/m);
	assert.match(conversation, /^< HTTP\/1\.1 201 Created\n/m);
	assert.ok((await said('.show 40', '.conn')).includes(conversation));
	assert.match(await refused('.conn 9999'), /there is no connection 9999 \[ERR_NO_CONNECTION\]/);
	const diff = await said('.diff 12 16');
	assert.match(
		diff,
		/^- exchange 12\n\+ exchange 16\nrequest:\n- GET \/api\/orders\/17 HTTP\/1\.0\n\+ GET \/api\/orders\/4 /,
	);
	assert.match(diff, /^- {3}"id": 17,\n\+ {3}"id": 4,$/m);
	assert.match(await refused('.diff 12'), /\.diff: expected two ids/);
});

test('.curl without an id prints the exchange shown last', async () => {
	assert.match(await said('.show 40 --headers', '.curl'), /^curl .*--request 'POST' .*\/api\/orders/m);
	assert.equal(await said('.curl'), await said('.curl 56'));
});

test('.copy sends the curl command to the clipboard of the terminal, only if the setting allows it', async () => {
	const terminal = scriptedTerminal([...TINYTAP, '--replay', DEMO, '--no-color']);
	try {
		await terminal.shows(/demo\.tinytap\)> /);
		terminal.type('.copy 40\r');
		await terminal.shows(/nothing is copied: the clipboard is off, or the terminal has none \[ERR_CLIPBOARD\]/);
		assert.doesNotMatch(terminal.shown(), /\x1b\]52/);
		terminal.type('.set clipboard on\r.copy 40\r');
		await terminal.shows(/copied \d+ characters/);
		const copied = /\x1b\]52;c;([A-Za-z0-9+/=]+)\x07/.exec(terminal.shown())?.[1] ?? '';
		assert.equal(`${Buffer.from(copied, 'base64')}\n`, await said('.curl 40'));
		terminal.type('.quit\r');
		assert.equal(await terminal.ended, 0);
	} finally {
		terminal.child.kill();
	}
});

for (const [columns, rows] of [
	[80, 24],
	[120, 40],
	[200, 50],
] as const) {
	for (const color of [true, false]) {
		test(`.show, .conn and .diff fit ${columns}×${rows}, ${color ? 'with' : 'without'} colours`, async () => {
			const terminal = await openTerminal(
				`env PAGER=cat ${TINYTAP.join(' ')} --replay ${DEMO} ${color ? '' : '--no-color'}`,
				{
					columns,
					rows,
				},
			);
			try {
				await terminal.shows(PROMPT);
				await terminal.type('.show 4');
				await terminal.press('Enter');
				const screen = await terminal.shows('content not captured');
				assert.match(screen, /^ +\+0\.040 ms {2}out {2}sendfile {2}51200 bytes \(0 captured, zero_copy\)$/m);
				assert.match(screen, /^timing +[▓░█]{30} {2}send 0, wait 0\.019, receive 0\.02 ms$/m);
				assert.match(screen, /^HTTP\/1\.1 200 OK$/m);
				const painted = await terminal.painted();
				assert.equal(/\x1b\[32mHTTP\/1\.1 200 OK/.test(painted), color);
				await terminal.type('.conn 64');
				await terminal.press('Enter');
				await terminal.shows(/^< {3}"bytes": 32$/);
				await terminal.type('.diff 12 16');
				await terminal.press('Enter');
				const difference = await terminal.shows(/^\+ {3}"id": 4,$/);
				assert.match(difference, /^- {3}"id": 17,\n\+ {3}"id": 4,\n {4}"total": 129\.5,$/m);
				const lines = await terminal.painted();
				assert.equal(/\x1b\[31m- {3}"id": 17,/.test(lines), color);
				assert.equal(/\x1b\[32m\+ {3}"id": 4,/.test(lines), color);
				if (!color) assert.doesNotMatch(painted + lines, /\x1b\[/);
			} finally {
				await terminal.close();
			}
		});
	}
}

test('only output longer than the screen goes through the pager', async () => {
	const folder = mkdtempSync(join(tmpdir(), 'tinytap-pager-'));
	const pager = join(folder, 'pager');
	writeFileSync(pager, `#!/bin/sh\nwc -l >> ${folder}/lines\necho left the pager\n`, { mode: 0o755 });
	const terminal = await openTerminal(`env PAGER=${pager} ${TINYTAP.join(' ')} --replay ${DEMO}`, {
		columns: 80,
		rows: 24,
	});
	try {
		await terminal.shows(PROMPT);
		for (const [index, command] of ['.show 4', '.conn', '.diff 3 40', '.next'].entries()) {
			await terminal.type(command);
			await terminal.press('Enter');
			await terminal.shows(/^left the pager$/, index + 1);
		}
		await terminal.type('.show 4 --headers');
		await terminal.press('Enter');
		await terminal.shows(/^Accept-Ranges: bytes$/);
		await terminal.type('.pager off');
		await terminal.press('Enter');
		await terminal.type('.show 4');
		await terminal.press('Enter');
		await terminal.shows(/content not captured/);
	} finally {
		await terminal.close();
	}
	const lines = readFileSync(join(folder, 'lines'), 'utf8').trim().split('\n').map(Number);
	assert.equal(lines.length, 4);
	for (const count of lines) assert.ok(count >= 24, lines.join());
});
