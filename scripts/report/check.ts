// npm run report-check: makes reports and exports of synthetic traffic, opens them in other programs, and checks what these
// do with them. --pictures also writes the pictures of docs/report.md. Other words choose checks whose titles contain one.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { shopTraffic } from '../../support/shop-traffic.ts';
import { recordTape } from '../../support/tape-recording.ts';
import { runTinytap } from '../../support/tinytap.ts';
import { attacksRunNothing, theWatchWorks } from './attacks.ts';
import { startBrowser } from './browser.ts';
import { csvInSpreadsheet, exportsInPython, recordHostile } from './exports.ts';
import { keyboardOnly } from './keyboard.ts';
import { drawPictures, onPaper, readableInBothThemes } from './looks.ts';
import { quickWithManyRows } from './speed.ts';

const EXCHANGES = 20_000;
const CHOSEN = process.argv.slice(2).filter((word) => !word.startsWith('--'));

const folder = mkdtempSync(join(tmpdir(), 'tinytap-report-'));
const browser = await startBrowser();
let failed = 0;

async function check(title: string, work: () => Promise<string>): Promise<void> {
	if (CHOSEN.length > 0 && !CHOSEN.some((word) => title.includes(word))) return;
	try {
		console.log(`ok: ${title}: ${await work()}`);
	} catch (error) {
		failed++;
		console.log(`not ok: ${title}: ${error instanceof Error ? error.message : String(error)}`);
	}
}

try {
	const recording = join(folder, 'shop.tinytap');
	const page = join(folder, 'shop.html');
	recordTape(recording, shopTraffic(EXCHANGES));
	const made = await runTinytap(['report', '--replay', recording, '-o', page]);
	assert.equal(made.code, 0, made.stderr);
	recordHostile(folder);
	await check('AT-19: a spreadsheet that opens a CSV export computes nothing', () => csvInSpreadsheet(folder));
	await check('what watches the browser notices a page that runs the attacks', () => theWatchWorks(browser, folder));
	await check('AT-20: no attack string runs or asks for anything in a report', () =>
		attacksRunNothing(browser, folder),
	);
	await check('AT-21: Python reads JSON, NDJSON and HAR, and every byte of the bodies', () => exportsInPython(folder));
	await check(`${EXCHANGES} exchanges are drawn in 1 s and filtered in 0.1 s`, () => quickWithManyRows(browser, page));
	await check('everything works with the keyboard alone', () => keyboardOnly(browser, page));
	await check('texts can be read in the dark and the light theme', () => readableInBothThemes(browser, page));
	await check('a report on paper is light and has its table', () => onPaper(browser, page));
	if (process.argv.includes('--pictures')) await check('pictures', () => drawPictures(browser, page));
} finally {
	await browser.close();
	rmSync(folder, { recursive: true, force: true });
}
process.exitCode = failed === 0 ? 0 : 1;
