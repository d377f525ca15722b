// The two themes, paper, and the pictures of docs/report.md.
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, type Page, waitFor } from './browser.ts';

const DOCS = join(import.meta.dirname, '../../docs');
const PICTURE_BYTES = 150_000;
/** WCAG 2.2, AA, for text of ordinary size. */
const CONTRAST = 4.5;

/** The least contrast between a text and the background that it stands on, in all of the page, and the text. */
const LEAST_CONTRAST = `(() => {
	const channels = (color) => {
		const canvas = new OffscreenCanvas(1, 1).getContext('2d');
		canvas.fillStyle = color;
		canvas.fillRect(0, 0, 1, 1);
		return [...canvas.getImageData(0, 0, 1, 1).data];
	};
	const light = ([r, g, b]) => {
		const [x, y, z] = [r, g, b].map((value) => value / 255).map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
		return 0.2126 * x + 0.7152 * y + 0.0722 * z;
	};
	const behind = (element) => {
		for (let each = element; each !== null; each = each.parentElement) {
			const color = channels(getComputedStyle(each).backgroundColor);
			if (color[3] === 255) return color;
		}
		return [255, 255, 255, 255];
	};
	let least = { ratio: 21, text: '' };
	for (const element of document.querySelectorAll('#report *')) {
		const text = [...element.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data).join('').trim();
		if (text === '' || element.checkVisibility?.() === false) continue;
		const style = getComputedStyle(element);
		const color = element instanceof SVGElement ? style.fill : style.color;
		if (style.filter !== 'none') continue;
		const [one, other] = [light(channels(color)), light(behind(element))];
		const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
		if (ratio < least.ratio) least = { ratio, text: element.localName + '.' + (element.getAttribute('class') ?? '') + ' ' + text.slice(0, 40) };
	}
	return least;
})()`;

export async function readableInBothThemes(browser: Browser, path: string): Promise<string> {
	const said: string[] = [];
	for (const dark of [false, true]) {
		const { page } = await browser.open(path, { dark });
		const theme = dark ? 'dark' : 'light';
		assert.equal(await page.evaluate('document.documentElement.dataset.theme'), theme);
		const background = await page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
		const sum = (background.match(/\d+/g) ?? []).reduce((total, each) => total + Number(each), 0);
		assert.equal(dark ? sum < 150 : sum > 600, true, background);
		const { ratio, text } = await page.evaluate<{ ratio: number; text: string }>(LEAST_CONTRAST);
		assert.equal(ratio >= CONTRAST, true, `${theme}: contrast of ${ratio.toFixed(1)}: ${text}`);
		said.push(`${theme}: contrast of at least ${ratio.toFixed(1)}`);
		// The page follows the system until somebody chooses.
		await page.emulateMedia({ colorScheme: dark ? 'light' : 'dark' });
		await waitFor(page, `document.documentElement.dataset.theme === '${dark ? 'light' : 'dark'}'`);
		for (const width of [360, 700, 1000, 1920]) {
			await page.setViewportSize({ width, height: 800 });
			// It is drawn again a moment later.
			await waitFor(page, `document.documentElement.scrollWidth <= ${width}`);
		}
		await page.close();
	}
	return said.join(', ');
}

export async function onPaper(browser: Browser, path: string): Promise<string> {
	const { page, events } = await browser.open(path, { dark: true });
	const pdf = await page.pdf({ format: 'A4' });
	assert.equal(Buffer.from(pdf.subarray(0, 5)).toString(), '%PDF-');
	const pages =
		Buffer.from(pdf)
			.toString('latin1')
			.match(/\/Type\s*\/Page\b/g)?.length ?? 0;
	assert.equal(pages >= 3 && pages < 15, true, `${pages} pages`);
	// Afterwards it is as it was.
	assert.equal(await page.evaluate("document.documentElement.classList.contains('printing')"), false);
	await page.evaluate("window.dispatchEvent(new Event('beforeprint'))");
	assert.equal(await page.evaluate("document.querySelectorAll('.printed tbody tr').length"), 100);
	assert.equal(await page.evaluate('getComputedStyle(document.body).backgroundColor'), 'rgb(246, 247, 248)');
	await page.evaluate("window.dispatchEvent(new Event('afterprint'))");
	assert.equal(await page.evaluate("document.querySelectorAll('.grid-body .grid-row').length > 10"), true);
	assert.deepEqual(events, []);
	await page.close();
	return `${pages} pages`;
}

/** Writes the pictures of docs/report.md. */
export async function drawPictures(browser: Browser, path: string): Promise<string> {
	const picture = async (name: string, height: number, dark: boolean, prepare: (page: Page) => Promise<void>) => {
		const { page } = await browser.open(path, { width: 1180, dark });
		await page.setViewportSize({ width: 1180, height });
		await prepare(page);
		const file = join(DOCS, name);
		await page.screenshot({ path: file });
		const { size } = statSync(file);
		assert.equal(size < PICTURE_BYTES, true, `${name} has ${size} bytes`);
		await page.close();
		return `${name} ${Math.round(size / 1000)} kB`;
	};
	return [
		await picture('report-overview.png', 760, false, async () => undefined),
		await picture('report-waterfall.png', 760, true, async (page) => {
			await page.evaluate("document.getElementById('waterfall').scrollIntoView()");
		}),
		await picture('report-exchange.png', 620, false, async (page) => {
			await page.fill('#filter', 'post /api/orders status:2xx');
			await page.evaluate("document.getElementById('exchanges').scrollIntoView()");
			await page.click('.grid-body .grid-row:nth-child(5)');
			await waitFor(page, "document.querySelector('.panel .json') !== null");
		}),
	].join(', ');
}
