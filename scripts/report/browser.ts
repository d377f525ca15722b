// Starts Chromium with playwright-core, which is installed beside this file when it is missing. Only what the checks use is
// declared here, because the project's own packages do not include it.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { eventually } from '../../support/eventually.ts';

const BROWSER = '/usr/bin/chromium';
/** Without these, a new profile asks its maker's servers for updates. */
const FLAGS = [
	...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
	...['--disable-component-update', '--disable-sync'],
];

export type Page = {
	goto(url: string): Promise<unknown>;
	evaluate<T>(code: string): Promise<T>;
	click(selector: string, options?: { position?: { x: number; y: number } }): Promise<void>;
	hover(selector: string, options?: { position?: { x: number; y: number }; force?: boolean }): Promise<void>;
	fill(selector: string, text: string): Promise<void>;
	screenshot(options: { path: string; fullPage?: boolean; clip?: object }): Promise<Uint8Array>;
	pdf(options: { path?: string; format: string }): Promise<Uint8Array>;
	emulateMedia(options: { colorScheme?: string }): Promise<void>;
	setViewportSize(size: { width: number; height: number }): Promise<void>;
	exposeBinding(name: string, called: (source: unknown, ...values: unknown[]) => void): Promise<void>;
	on(event: string, heard: (what: never) => void): void;
	close(): Promise<void>;
	readonly keyboard: { press(key: string): Promise<void>; type(text: string): Promise<void> };
	readonly mouse: { move(x: number, y: number): Promise<void>; down(): Promise<void>; up(): Promise<void> };
};

type Session = { send(method: string, parameters?: object): Promise<{ metrics: { name: string; value: number }[] }> };
type Context = { newPage(): Promise<Page>; newCDPSession(page: Page): Promise<Session>; close(): Promise<void> };
type Playwright = {
	chromium: { launchPersistentContext(profile: string, options: object): Promise<Context> };
};

/** What a page did that it must not do. */
export type Watched = {
	readonly page: Page;
	/** Addresses that it asked for, without that of the page itself. */
	readonly requests: string[];
	/** Errors, messages, dialogs, other pages, blocked attempts. */
	readonly events: string[];
	/** CPU time of the page's main thread so far, in milliseconds. Unlike time, it does not depend on other programs. */
	readonly cpuMs: () => Promise<number>;
};

export type Browser = {
	/** Opens a file. `binding`: a function that the page can call, to see whether anything does. */
	open(path: string, options?: { width?: number; dark?: boolean; binding?: string }): Promise<Watched>;
	close(): Promise<void>;
};

/** Waits until an expression is true. Unlike Playwright's own function, it needs no eval(), which a report forbids. */
export async function waitFor(page: Page, expression: string): Promise<void> {
	await eventually(
		async () => (await page.evaluate<boolean>(`Boolean(${expression})`)) || undefined,
		() => `it did not become true: ${expression}`,
	);
}

export async function startBrowser(): Promise<Browser> {
	const { chromium } = playwright();
	const profile = mkdtempSync(join(tmpdir(), 'tinytap-browser-'));
	const context = await chromium.launchPersistentContext(profile, {
		...{ executablePath: BROWSER, headless: true, args: FLAGS, viewport: { width: 1280, height: 900 } },
	});
	return {
		async open(path, { width = 1280, dark = false, binding } = {}) {
			const page = await context.newPage();
			const url = pathToFileURL(path).href;
			const requests: string[] = [];
			const events: string[] = [];
			page.on('request', (request: { url(): string }) => {
				if (request.url() !== url) requests.push(request.url());
			});
			page.on('pageerror', (error: Error) => events.push(`error: ${error.message}`));
			page.on('console', (message: { text(): string }) => events.push(`console: ${message.text()}`));
			page.on('popup', () => events.push('another page was opened'));
			page.on('framenavigated', (frame: { url(): string }) => {
				if (frame.url().split('#')[0] !== url) events.push(`went to ${frame.url()}`);
			});
			page.on('dialog', (dialog: { message(): string; dismiss(): Promise<void> }) => {
				events.push(`dialog: ${dialog.message()}`);
				void dialog.dismiss();
			});
			if (binding !== undefined)
				await page.exposeBinding(binding, (_, ...values) => events.push(`${binding}(${values.join(', ')})`));
			await page.setViewportSize({ width, height: 900 });
			await page.emulateMedia({ colorScheme: dark ? 'dark' : 'light' });
			const session = await context.newCDPSession(page);
			await session.send('Performance.enable', { timeDomain: 'threadTicks' });
			const cpuMs = async () => {
				const { metrics } = await session.send('Performance.getMetrics');
				return 1000 * (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? Number.NaN);
			};
			await page.goto(url);
			return { page, requests, events, cpuMs };
		},
		async close() {
			await context.close();
			rmSync(profile, { recursive: true, force: true });
		},
	};
}

function playwright(): Playwright {
	const folder = join(import.meta.dirname, 'peers');
	if (!existsSync(join(folder, 'node_modules', '.package-lock.json'))) {
		console.log('installing playwright-core');
		spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts'], {
			cwd: folder,
			stdio: ['ignore', 'inherit', 'inherit'],
		});
	}
	return createRequire(join(folder, 'package.json'))('playwright-core') as Playwright;
}
