// Everything in a report can be reached and used with the keyboard.
import assert from 'node:assert/strict';
import { type Browser, type Page, waitFor } from './browser.ts';

const FOCUSED = `document.activeElement.closest('section.card')?.id ?? document.activeElement.id`;

async function textOf(page: Page, selector: string): Promise<string> {
	return await page.evaluate<string>(`document.querySelector(${JSON.stringify(selector)})?.textContent ?? ''`);
}

export async function keyboardOnly(browser: Browser, path: string): Promise<string> {
	const { page, events } = await browser.open(path);
	const press = async (...keys: string[]) => {
		for (const key of keys) await page.keyboard.press(key);
	};
	await filterByKeys(page, press);
	await chooseByKeys(page, press);
	await press('?');
	assert.equal(await page.evaluate("document.querySelector('dialog').open"), true);
	await press('Escape');
	assert.equal(await page.evaluate("document.querySelector('dialog').open"), false);
	const before = await page.evaluate('document.documentElement.dataset.theme');
	await press('t');
	assert.notEqual(await page.evaluate('document.documentElement.dataset.theme'), before);
	const count = await tabThrough(page, press);
	assert.deepEqual(events, []);
	await page.close();
	return `${count} places take the focus, all with an outline`;
}

type Press = (...keys: string[]) => Promise<void>;

async function filterByKeys(page: Page, press: Press): Promise<void> {
	const all = await textOf(page, '#filter-said');
	await press('/');
	await page.keyboard.type('status:5xx');
	assert.match(await textOf(page, '#filter-said'), /^\d+ of [\d,]+ exchanges$/);
	await page.keyboard.type(' duration>x');
	assert.match(await textOf(page, '#filter-said'), /^duration: expected a number/);
	await press('Escape', 'Escape');
	assert.equal(await textOf(page, '#filter-said'), all);
	await press('1');
	assert.equal(await page.evaluate(FOCUSED), 'traffic');
	await page.evaluate("document.querySelector('#traffic [tabindex]').focus()");
	await press('ArrowRight', 'ArrowRight', 'Shift+ArrowRight');
	assert.match(await textOf(page, '#filter-said'), /^[\d,]+ of [\d,]+ exchanges$/);
	await press('Escape');
	assert.equal(await textOf(page, '#filter-said'), all);
}

async function chooseByKeys(page: Page, press: Press): Promise<void> {
	await press('8');
	assert.equal(await page.evaluate(FOCUSED), 'exchanges');
	await press('ArrowDown', 'ArrowDown', 'PageDown', 'End', 'Home', 'ArrowDown', 'Enter');
	await waitFor(page, "document.activeElement.classList.contains('panel')");
	const [first] = await page.evaluate<string[]>("[document.querySelector('.panel h2').textContent]");
	assert.equal(
		first,
		`Exchange ${await page.evaluate("document.querySelector('.grid-row.selected').firstChild.textContent")}`,
	);
	await press('Escape');
	assert.equal(await page.evaluate("document.activeElement.classList.contains('grid')"), true);
	await press('4');
	await page.evaluate("document.querySelector('.waterfall').focus()");
	await press('ArrowDown', 'ArrowDown', '+', 'ArrowRight', '-', '0', 'ArrowUp', 'Enter');
	await waitFor(page, "document.activeElement.classList.contains('panel')");
	await press('Escape');
	assert.equal(await page.evaluate("document.activeElement.classList.contains('waterfall')"), true);
	await page.evaluate("document.querySelector('.node[role=button]').focus()");
	await press('Enter');
	assert.match(await page.evaluate<string>("document.querySelector('#filter').value"), /^calle[re]="/);
	await page.evaluate("document.querySelector('.endpoints .link').focus()");
	await press('Enter');
	assert.match(await page.evaluate<string>("document.querySelector('#filter').value"), /endpoint="/);
	await press('/', 'Escape');
	await page.evaluate('document.activeElement.blur()');
}

/** Presses Tab until the focus leaves the page; each place must be visible and have an outline. */
async function tabThrough(page: Page, press: Press): Promise<number> {
	let count = 0;
	const seen = new Set<string>();
	for (; count < 400; count++) {
		await press('Tab');
		const place = await page.evaluate<{ name: string; outline: string; visible: boolean } | null>(`(() => {
			const element = document.activeElement;
			if (element === document.body || element === document.documentElement) return null;
			const all = [...document.querySelectorAll('*')];
			const box = element.getBoundingClientRect();
			const { outlineStyle } = getComputedStyle(element);
			return { name: all.indexOf(element) + ' ' + element.localName, outline: outlineStyle, visible: box.width > 0 && box.height > 0 };
		})()`);
		if (place === null) break;
		assert.equal(place.visible, true, place.name);
		// Parts of a drawing show the focus by their border.
		if (!/ g$/.test(place.name)) assert.notEqual(place.outline, 'none', place.name);
		if (seen.has(place.name)) break;
		seen.add(place.name);
	}
	assert.equal(count > 40 && count < 400, true, `${count} places`);
	return count;
}
