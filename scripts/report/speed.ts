// How quickly a page with many exchanges appears, filters, sorts and scrolls.
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { type Browser, waitFor } from './browser.ts';

const OPENINGS = 3;
const DRAWN_MS = 1000;
const FILTER_MS = 100;
const FILTERS = ['p', 'payments', 'status:5xx', 'duration>100ms -path:/api/search', 'shop.example/api/orders/10', ''];

/** Milliseconds from a change of the filter until everything has been drawn again, table and charts. */
const FILTERED = (text: string) => `new Promise((done) => {
	const input = document.querySelector('#filter');
	const began = performance.now();
	input.value = ${JSON.stringify(text)};
	input.dispatchEvent(new Event('input'));
	requestAnimationFrame(() => {
		const channel = new MessageChannel();
		channel.port1.onmessage = () => done(performance.now() - began);
		channel.port2.postMessage(0);
	});
})`;

const PAINTED = "performance.getEntriesByName('first-contentful-paint')[0].startTime";
const DRAWN = "performance.getEntriesByName('drawn')[0].startTime";

export async function quickWithManyRows(browser: Browser, path: string): Promise<string> {
	const openings: { painted: number; drawn: number }[] = [];
	const filters: number[] = [];
	for (let opening = 0; opening < OPENINGS; opening++) {
		const { page, events } = await browser.open(path);
		await waitFor(page, `performance.getEntriesByName('first-contentful-paint').length > 0`);
		openings.push({ painted: await page.evaluate<number>(PAINTED), drawn: await page.evaluate<number>(DRAWN) });
		const times: number[] = [];
		for (const text of FILTERS) times.push(await page.evaluate<number>(FILTERED(text)));
		filters.push(Math.max(...times));
		await page.evaluate(`document.querySelector('.grid').scrollTop = 1e9`);
		await waitFor(
			page,
			`[...document.querySelectorAll('.grid-body .grid-row')].some((row) => row.getAttribute('aria-rowindex') === document.querySelector('.grid').getAttribute('aria-rowcount'))`,
		);
		const elements = await page.evaluate<number>("document.querySelectorAll('.grid-row').length");
		assert.equal(elements < 120, true, `${elements} rows are elements`);
		assert.deepEqual(events, []);
		await page.close();
	}
	// Other programs can only make it slower.
	const [drawn, painted, filter] = [
		Math.min(...openings.map((each) => each.drawn)),
		Math.min(...openings.map((each) => each.painted)),
		Math.min(...filters),
	];
	const text = `first paint after ${painted.toFixed(0)} ms, drawn after ${drawn.toFixed(0)} ms, slowest filter ${filter.toFixed(0)} ms, ${(statSync(path).size / 2 ** 20).toFixed(1)} MiB`;
	assert.equal(painted < DRAWN_MS && drawn < DRAWN_MS && filter < FILTER_MS, true, text);
	return text;
}
