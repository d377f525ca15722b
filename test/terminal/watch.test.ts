// `.watch`, the zone of displayed times and the hint about empty results, on a terminal.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scriptedTerminal } from '../../support/scripted-terminal.ts';
import { runTinytap, TINYTAP } from '../../support/tinytap.ts';
import { DEMO, enter, promptOf, SHELL } from '../../support/typing.ts';

const atPrompt = promptOf({ columns: 80, rows: 24 });

const count = (text: string, wanted: RegExp) => [...text.matchAll(wanted)].length;

for (const [columns, rows] of [
	[80, 24],
	[120, 40],
	[200, 50],
] as const) {
	test(`.watch draws its result in place at ${columns}×${rows}, as much as fits, until q`, async () => {
		await atPrompt(
			async (terminal) => {
				await enter(terminal, '.watch 0.2 SELECT id, url, req_headers, via FROM exchanges');
				await terminal.shows(/every 0\.2 s; q or Ctrl-C ends it/);
				const first = /^(\d\d:\d\d:\d\d) {2}every/m.exec(await terminal.screen())?.[1];
				// Several frames later there is still only one.
				await terminal.shows(new RegExp(`^(?!${first})\\d\\d:\\d\\d:\\d\\d {2}every`));
				const screen = await terminal.screen();
				assert.equal(count(screen, /every 0\.2 s/g), 1, screen);
				assert.equal(count(screen, /^56 rows .*$/gm), 1, screen);
				const frame = screen.slice(screen.lastIndexOf('\n', screen.indexOf('  every')) + 1);
				for (const line of frame.split('\n')) assert.ok(line.length <= columns, line);
				await terminal.press('q');
				await terminal.shows(/^56 rows .*\ntinytap \(demo\.tinytap\)>\s*$(?![\s\S])/);
				await enter(terminal, "SELECT 'still ' || 'here' AS x;");
				await terminal.shows('still here');
			},
			{ columns, rows },
		);
	});
}

test('.watch paints its frames, unless there are no colours', async () => {
	for (const color of [true, false]) {
		await atPrompt(
			async (terminal) => {
				await enter(terminal, '.watch 0.2 SELECT status, req_headers FROM exchanges LIMIT 3');
				await terminal.shows(/every 0\.2 s/);
				await terminal.shows(/^3 rows/);
				assert.equal(/\x1b\[2m\d\d:\d\d:\d\d {2}every/.test(await terminal.painted()), color);
				if (!color) assert.doesNotMatch(await terminal.painted(), /\x1b\[/);
			},
			{ columns: 80, rows: 24, shell: color ? SHELL : `${SHELL} --no-color` },
		);
	}
});

test('.watch fits a terminal that becomes narrower and lower while it draws', async () => {
	await atPrompt(
		async (terminal) => {
			await enter(terminal, '.watch 0.2 SELECT id, url, req_headers FROM exchanges');
			await terminal.shows(/every 0\.2 s/);
			await terminal.resize(60, 15);
			await terminal.shows(/^56 rows \(9 shown.*$/);
			const visible = (await terminal.painted())
				.replace(/\x1b\[[\d;]*m/g, '')
				.trimEnd()
				.split('\n');
			assert.match(visible[0]!, /every 0\.2 s/);
			assert.equal(visible.filter((line) => /every 0\.2 s/.test(line)).length, 1);
			assert.ok(visible.length <= 15);
			await terminal.press('q');
			await terminal.shows(/^56 rows .*\ntinytap \(demo\.tinytap\)>\s*$(?![\s\S])/);
		},
		{ columns: 120, rows: 40 },
	);
});

test('.watch ends with Ctrl-C, after an error, and in a statement that does not end; keys typed meanwhile do nothing', async () => {
	await atPrompt(async (terminal) => {
		await enter(terminal, "SELECT 'a ' || 'result' AS x \\watch 0.2");
		await terminal.shows('every 0.2 s');
		await terminal.type('SELECT 5;x');
		await terminal.press('C-c');
		await terminal.shows(
			/^a result\n1 row .*\ntinytap \(demo\.tinytap\)>\s*$(?![\s\S])|^ a result\n1 row .*\ntinytap \(demo\.tinytap\)>\s*$(?![\s\S])/,
		);
		await enter(terminal, '.watch 0.2 SELECT nothing FROM exchanges');
		await terminal.shows(/unknown column nothing .*\n {2}SELECT nothing FROM exchanges\n {9}\^$/);
		await enter(
			terminal,
			'.watch 0.2 SELECT count(*) FROM exchanges a, exchanges b, exchanges c, exchanges d, exchanges e',
		);
		await new Promise((resolve) => setTimeout(resolve, 500));
		await terminal.press('q');
		await enter(terminal, "SELECT 'after ' || 'all' AS x;");
		await terminal.shows('after all');
		await enter(terminal, '.watch 0.01 SELECT 1');
		await terminal.shows('.watch: expected 0.1 to 86400 seconds, got 0.01');
		// A saved query, with a value for its parameter.
		await enter(terminal, '.watch 60 slow top=1');
		await terminal.shows(/every 60 s.*\n method .*\n.*\n GET .*\/api\/slow .*\n1 row/);
		await terminal.press('q');
		await enter(terminal, '.watch .run diff before=x', '.tail 404', '.show last', '.run slow 5');
		await terminal.shows('diff: there is no parameter :before');
		await terminal.shows('hint: For example: .tail WHERE status = 404');
		await terminal.shows('expected the id of an exchange, got "last"');
		await terminal.shows('hint: For example: .run slow top=5.');
		// The watched statement is the last one, which \g runs again.
		await enter(terminal, '.mode csv', '.watch 0.2 SELECT 7 AS watched FROM loss LIMIT 1');
		await terminal.shows(/^watched\n7$/);
		await terminal.press('q');
		await enter(terminal, '\\g');
		await terminal.shows(/> \\g\nwatched\n7$/);
		// Over a recording, a tail prints what there is and ends.
		await enter(terminal, '.tail WHERE status = 404');
		await terminal.shows(/^ +id time .*\n +6 .* \/missing\.html .* 404 /);
		await terminal.shows(/tinytap \(demo\.tinytap\)>\s*$(?![\s\S])/);
		await enter(terminal, '.tail off');
		await terminal.shows('no tail was running');
	});
});

test('a frame of .watch is one write over the last one, without clearing the screen first', async () => {
	const terminal = scriptedTerminal([...TINYTAP, '--replay', DEMO, '--no-color']);
	try {
		await terminal.shows(/demo\.tinytap\)> /);
		terminal.type('.watch 0.1 SELECT count(*) AS n FROM exchanges\r');
		await terminal.shows(/every 0\.1 s/, 5);
		// Keys that follow at the same moment are for the prompt.
		terminal.type("qSELECT 'after ' || 'it';\r");
		await terminal.shows(/after it/);
		const frames = terminal
			.shown()
			.split(/(?=\x1b\[\d+A\r\d\d:\d\d:\d\d)/)
			.slice(1);
		assert.ok(frames.length >= 4);
		for (const frame of frames.slice(0, -1)) {
			assert.match(frame, /^\x1b\[5A\r[^\x1b]*\x1b\[K\r\n(?:[^\x1b]*\x1b\[K\r\n){4}\x1b\[J$/);
		}
		terminal.type('.quit\r');
		assert.equal(await terminal.ended, 0);
	} finally {
		terminal.child.kill();
	}
});

test('on a terminal that cannot redraw, frames are printed one below the other, without escape sequences', async () => {
	const terminal = scriptedTerminal([...TINYTAP, '--replay', DEMO], { TERM: 'dumb' });
	try {
		await terminal.shows(/demo\.tinytap\)> /);
		terminal.type('.watch 0.2 SELECT count(*) AS n FROM exchanges\r');
		await terminal.shows(/every 0\.2 s/, 3);
		const frames = terminal.shown().slice(terminal.shown().indexOf('every 0.2 s'));
		assert.doesNotMatch(frames, /\x1b/);
		terminal.type('q');
		await terminal.shows(/demo\.tinytap\)> /, 2);
		terminal.type('.quit\r');
		assert.equal(await terminal.ended, 0);
	} finally {
		terminal.child.kill();
	}
});

test('times are shown in the chosen zone on the terminal: in results, in tails and in .show; files stay UTC', async () => {
	await atPrompt(
		async (terminal) => {
			await enter(terminal, '.set timezone Asia/Kolkata');
			await enter(terminal, 'SELECT ts FROM exchanges WHERE id = 4;');
			await terminal.shows('2026-11-22T21:25:28.546927+05:30');
			await enter(terminal, '.mode csv');
			await enter(terminal, 'SELECT id, ts FROM exchanges WHERE id = 6;');
			await terminal.shows(/2026-11-22T21:25:28\.547089\+05:30/);
			await enter(terminal, '.show 8 --headers');
			await enter(terminal, '.show 8');
			await terminal.shows(/^exchange 8 {2}complete, server, 2026-11-22T21:25:28\.547232\+05:30$/);
			await enter(terminal, '.set timezone local');
			await enter(terminal, 'SELECT max(ts) AS last FROM exchanges WHERE id = 4;');
			await terminal.shows('2026-11-22T10:55:28.546927-05:00');
			await enter(terminal, '.set timezone utc');
			await enter(terminal, 'SELECT min(ts) FROM exchanges WHERE id = 4;');
			await terminal.shows('2026-11-22T15:55:28.546927Z');
			await enter(terminal, '.set timezone Mars/Olympus');
			await terminal.shows(/timezone: expected utc, local or an IANA name/);
		},
		{ columns: 120, rows: 40, shell: `env TZ=America/New_York ${SHELL}` },
	);
	const { stdout } = await runTinytap(['--quiet', '--replay', DEMO, '--format', 'csv'], {
		input: '.set timezone Asia/Kolkata\nSELECT ts FROM exchanges WHERE id = 4;\n',
	});
	assert.match(stdout, /2026-11-22T15:55:28\.546927Z/);
});

test('the first empty result of a capture without exchanges gives a hint, later ones do not', async () => {
	await atPrompt(
		async (terminal) => {
			await enter(terminal, 'SELECT 1 AS x WHERE 1 = 0;');
			await enter(terminal, 'SELECT id FROM exchanges;');
			await terminal.shows('hint: nothing captured yet: is there HTTP traffic? Try .status, .doctor');
			await enter(terminal, 'SELECT id FROM exchanges WHERE 2 = 2;');
			await enter(terminal, "SELECT 'the ' || 'end' AS x;");
			const screen = await terminal.shows('the end');
			assert.equal(count(screen, /nothing captured yet/g), 1, screen);
			assert.ok(screen.indexOf('nothing captured yet') > screen.indexOf('SELECT id FROM exchanges;'));
		},
		{ columns: 100, rows: 40, shell: `${TINYTAP.join(' ')} --port 1` },
	);
	await atPrompt(async (terminal) => {
		await enter(terminal, 'SELECT id FROM exchanges WHERE id < 0;');
		await enter(terminal, "SELECT 'the ' || 'end' AS x;");
		assert.doesNotMatch(await terminal.shows('the end'), /nothing captured yet/);
	});
});
