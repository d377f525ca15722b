// AT-20: a page in which every text is an attack does nothing but show them.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ReportBuilder } from '../../src/report/report-builder.ts';
import type { ReportSummary } from '../../src/report/report-data.ts';
import { pageCode, reportPage } from '../../src/report/report-page.ts';
import { ATTACKS, hostileExchanges } from '../../support/browser-attacks.ts';
import { type Browser, type Page, waitFor } from './browser.ts';

function hostilePage(): string {
	const builder = new ReportBuilder(1 << 20);
	for (const [index, exchange] of hostileExchanges().entries()) builder.add(exchange, ATTACKS[index]!);
	const [recording, where] = [ATTACKS[0]!, ATTACKS[1]!];
	const summary: ReportSummary = {
		...{ version: ATTACKS[2]!, madeAt: '2026-11-30T12:00:00.000Z', recording, where, redacted: false },
		...{
			matched: ATTACKS.length,
			shown: ATTACKS.length,
			left: { bodyLimit: 1, cutBodies: 1, cutHeads: 1, cutItems: 1 },
		},
		loss: ATTACKS.map((text) => ({ reason: text, kind: 'lost', events: 1, bytes: 1, last: text })),
		blindSpots: ATTACKS.map((text) => ({ pid: 1, comm: text, what: text, evidence: text, times: 1 })),
		protocols: ATTACKS.map((text) => ({ protocol: text, connections: 1, bytesIn: 1, bytesOut: 1 })),
		detailsPerPart: 100,
	};
	return [...reportPage(pageCode(), summary, builder.rows(), builder.details())].join('');
}

/** Elements that a report never has, with attributes that it never has, as a list. */
const STRANGERS = `[...document.querySelectorAll('*')].flatMap((element) => {
	const name = element.localName;
	const known = ['script', 'style', 'meta', 'link'].includes(name) ? element.parentElement === document.head || element.parentElement === document.body : true;
	const bad = /^(img|iframe|frame|object|embed|video|audio|source|base|form|link|marquee|math|a|area|template|foreignobject|use|animate|set|applet|x)$/i.test(name);
	const attributes = [...element.attributes].filter((each) => /^on|^src|^href|^formaction|^ping|^action|^data$|^http-equiv/.test(each.name) && name !== 'meta');
	return bad || !known || attributes.length > 0 ? [element.outerHTML.slice(0, 120)] : [];
})`;

/** Shows every exchange, with its bodies in every form, and filters by every attack. */
async function lookAtEverything(page: Page): Promise<void> {
	await page.keyboard.press('8');
	for (let row = 0; row < ATTACKS.length; row++) {
		await page.keyboard.press(row === 0 ? 'ArrowDown' : 'ArrowDown');
		if (row === 0) await page.keyboard.press('Enter');
		if (row === 0) await page.evaluate("document.querySelector('.grid').focus()");
		await waitFor(page, `document.querySelector('.panel h2').textContent === 'Exchange ${row + 1}'`);
		await page.evaluate(`for (const tab of document.querySelectorAll('.panel [role=tab]')) tab.click();
			for (const folded of document.querySelectorAll('.panel details')) folded.open = true;`);
		assert.deepEqual(await page.evaluate(STRANGERS), [], ATTACKS[row]);
	}
	for (const attack of ATTACKS) await page.fill('#filter', attack);
	await page.fill('#filter', '');
	for (const selector of ['.waterfall canvas', '#traffic .plot', '#heat canvas', '#latency .plot'])
		await page.hover(selector, { position: { x: 300, y: 60 }, force: true });
	for (const selector of [
		'.edge',
		'.node',
		'.endpoints .link',
		'.legend-item',
		'.numbers thead button',
		'.grid-head button',
	])
		await page.evaluate(`for (const element of document.querySelectorAll('${selector}')) {
			element.dispatchEvent(new PointerEvent('pointermove', { bubbles: true, clientX: 5, clientY: 5 }));
			element.dispatchEvent(new MouseEvent('click', { bubbles: true }));
		}`);
	await page.keyboard.press('?');
}

export async function attacksRunNothing(browser: Browser, folder: string): Promise<string> {
	const path = join(folder, 'hostile.html');
	writeFileSync(path, hostilePage());
	const { page, requests, events } = await browser.open(path, { binding: 'attack' });
	await page.evaluate(`window.blocked = [];
		document.addEventListener('securitypolicyviolation', (event) => window.blocked.push(event.violatedDirective));`);
	await lookAtEverything(page);
	assert.deepEqual(await page.evaluate(STRANGERS), []);
	// Not even the page's own policy had anything to do.
	assert.deepEqual(await page.evaluate('window.blocked'), []);
	assert.deepEqual([requests, events], [[], []]);
	assert.equal(await page.evaluate('Object.keys(Object.prototype).join() + ({}).attack'), 'undefined');
	const pdf = await page.pdf({ format: 'A4' });
	assert.equal(pdf.length > 10_000, true);
	assert.deepEqual([requests, events], [[], []]);
	await page.close();
	return `${ATTACKS.length} strings in every field, no request`;
}

/** The same strings as markup, without a policy: if this is silent, the check above says nothing. */
export async function theWatchWorks(browser: Browser, folder: string): Promise<string> {
	const path = join(folder, 'careless.html');
	const harmful = ATTACKS.filter((attack) => !/http-equiv|go\.click|<base|textarea/.test(attack));
	const frames = harmful.map((attack) => `<div>${attack}</div>`).join('\n');
	writeFileSync(path, `<!DOCTYPE html><meta charset="utf-8"><body>${frames}`);
	const { page, requests, events } = await browser.open(path, { binding: 'attack' });
	const strangers = await page.evaluate<string[]>(STRANGERS);
	const ran = new Set(events.filter((event) => event.startsWith('attack(')));
	const asked = new Set(requests.filter((url) => url.includes('attack.invalid')));
	await page.close();
	assert.equal(
		ran.size >= 10 && asked.size >= 8 && strangers.length >= 10,
		true,
		`${ran.size} ran, ${asked.size} asked`,
	);
	return `${ran.size} ran, ${asked.size} addresses were asked for`;
}
