// `.tour`: each step works in the bundled recording, and only there.
import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { FILES } from '../../src/base/installation.ts';
import { TOUR } from '../../src/shell/commands/tour-command.ts';
import { temporaryDirectory } from '../../support/servers.ts';
import { openTerminal } from '../../support/terminal.ts';
import { TINYTAP } from '../../support/tinytap.ts';
import { withTerminal } from '../../support/typing.ts';

test('.tour goes through the bundled recording, a step at a time, and begins again after the last one', async () => {
	await withTerminal(
		async ({ terminal, enter }) => {
			for (const [index, { runs }] of TOUR.entries()) {
				await enter('.tour');
				const last = index === TOUR.length - 1;
				await terminal.shows(last ? /^That was the tour\./m : /^\.tour goes on$/m, last ? 1 : index + 1);
				const screen = await terminal.screen();
				assert.match(screen, new RegExp(`^${index + 1} of ${TOUR.length}$`, 'm'));
				assert.ok(screen.includes(`> ${runs}`), runs);
				assert.doesNotMatch(screen, /tinytap: error/);
			}
			await enter('.tour 3');
			await terminal.shows(new RegExp(`^3 of ${TOUR.length}$`, 'm'), 2);
			await enter('.tour');
			await terminal.shows(new RegExp(`^4 of ${TOUR.length}$`, 'm'), 2);
			await enter('.tour 11');
			await terminal.shows('.tour: expected a step from 1 to 10, got "11" [ERR_USAGE]');
		},
		{ columns: 230, rows: 50 },
	);
});

test('with other exchanges, .tour says how to get to the bundled recording, and goes on there', async () => {
	const directory = temporaryDirectory();
	const path = join(directory.path, 'other.tinytap');
	copyFileSync(FILES.demoRecording, path);
	const terminal = await openTerminal(`${TINYTAP.join(' ')} --replay ${path}`);
	try {
		await terminal.shows(/^tinytap \(.*\)>/m);
		await terminal.type('.tour');
		await terminal.press('Enter');
		await terminal.shows(
			/expected the bundled recording, and other exchanges are open \[ERR_USAGE\]\nhint: \.open demo/,
		);
		await terminal.type('.open demo');
		await terminal.press('Enter');
		await terminal.shows(/^tinytap \(demo\)>/m);
		await terminal.type('.tour');
		await terminal.press('Enter');
		await terminal.shows(/^1 of 10$/m);
		await terminal.shows(/^\.tour goes on$/m);
	} finally {
		await terminal.close();
		directory.remove();
	}
});
