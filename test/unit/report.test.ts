// Reports: what is in the page, what it cannot contain, how large it gets, and the file that it is written to.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { processUser } from '../../src/base/invoking-user.ts';
import type { Options } from '../../src/commands/options.ts';
import { reportCommand } from '../../src/commands/report-command.ts';
import { createRedactor } from '../../src/output/redaction.ts';
import { ReportBuilder, whyNotHeld } from '../../src/report/report-builder.ts';
import type { DetailsPart, ReportRows, ReportSummary } from '../../src/report/report-data.ts';
import { fairLimit } from '../../src/report/report-limits.ts';
import { type PageCode, reportPage, securityPolicy } from '../../src/report/report-page.ts';
import { parseExport, REPORT } from '../../src/shell/export-arguments.ts';
import { openPage } from '../../src/shell/open-page.ts';
import { type Report, type ReportWays, reportSentence, writeReport } from '../../src/shell/report.ts';
import { cancelledError } from '../../src/sql/sql-light.ts';
import { exchangeRecord } from '../../src/store/exchange-detail.ts';
import { LOSS_REASONS, lossTable } from '../../src/store/loss-table.ts';
import type { ResultPart } from '../../src/threads/messages.ts';
import type { RunOptions } from '../../src/threads/threads.ts';
import { ATTACKS, hostileExchanges } from '../../support/browser-attacks.ts';
import { temporaryDirectory } from '../../support/servers.ts';
import { rowsOf } from '../../support/sql-run.ts';
import { GET, OK, stored, tapeOf } from '../../support/stored-exchanges.ts';

const directory = temporaryDirectory();
after(directory.remove);
let folders = 0;

function newFolder(): string {
	const folder = join(directory.path, String(folders++));
	mkdirSync(folder);
	return folder;
}

const CODE: PageCode = { script: 'draw("page")', style: 'body{margin:0}' };
const CANARY = 'c4n4ry-S3cr3t/7x';
const COUNT = 23;

const { database } = stored(
	tapeOf(
		Array.from({ length: COUNT }, (_, index) => [
			GET(`/item/${index}?token=${CANARY}`, `Authorization: Bearer ${CANARY}\r\nCookie: session=${CANARY}\r\n`),
			OK(JSON.stringify({ index, password: CANARY }), 'Content-Type: application/json\r\n'),
		]),
	),
);
const loss = LOSS_REASONS.map((_, index) => ({ events: index % 3, bytes: 10 * index, lastUs: 1e15 }));
const tables = { tables: new Map([...database.tables, ['loss', lossTable(loss)]]) };

/** Ways over the stored exchanges, with real SQL but without redaction by the query thread. */
function waysOf(
	more: Partial<ReportWays> = {},
): ReportWays & { readonly asked: { sql: string; options: RunOptions }[] } {
	const asked: { sql: string; options: RunOptions }[] = [];
	const run = async function* (sql: string, options: RunOptions): AsyncGenerator<ResultPart> {
		asked.push({ sql, options });
		yield { type: 'rows', id: 1, rows: rowsOf(sql, tables) };
		yield { type: 'done', id: 1, lostEvents: 5, lostBytes: 50, readsCaptured: true };
	};
	return {
		...{ threads: { run, recording: '/somewhere/shop.tinytap' }, user: processUser(), parameters: [], timeoutMs: 0 },
		exchanges: async function* (ids) {
			for (const id of ids) yield exchangeRecord(database.exchanges, { id });
		},
		...{ code: CODE, now: new Date('2026-11-30T12:00:00Z'), asked },
		...more,
	};
}

function wanted(path: string, more: Partial<Report> = {}): Report {
	return { path, where: undefined, redactor: createRedactor(), force: false, ...more };
}

function microseconds(ts: string): number {
	return Date.parse(`${ts.slice(0, 23)}Z`) * 1000 + Number(ts.slice(23, 26));
}

type Read = { summary: ReportSummary; rows: ReportRows; details: DetailsPart[] };

/** The data of a page, and the page without it. */
function readPage(page: string): Read & { readonly frame: string; readonly islands: readonly string[] } {
	const found = [...page.matchAll(/<script type="application\/json" id="([\w-]+)">([\s\S]*?)<\/script>/g)];
	const data = new Map(found.map(([, id, json]) => [id!, JSON.parse(json!)]));
	return {
		summary: data.get('report-summary'),
		rows: data.get('report-rows'),
		details: found.filter(([, id]) => id!.startsWith('report-details-')).map(([, id]) => data.get(id!)),
		frame: page.replace(/(<script type="application\/json" id="[\w-]+">)[\s\S]*?(<\/script>)/g, '$1$2'),
		islands: found.map(([, , json]) => json!),
	};
}

async function pageOf(ways: ReportWays, more: Partial<Report> = {}): Promise<string> {
	const path = join(newFolder(), 'page.html');
	await writeReport(wanted(path, more), ways);
	return readFileSync(path, 'utf8');
}

test('a report has each exchange once, with its columns, heads and bodies, and what the capture missed', async () => {
	const ways = waysOf();
	const { summary, rows, details } = readPage(await pageOf(ways, { redactor: null, where: 'id < 20 -- all' }));
	assert.deepEqual(
		{ ...summary, loss: summary.loss.length, protocols: summary.protocols.length },
		{
			...{ version: summary.version, madeAt: '2026-11-30T12:00:00.000Z', recording: 'shop.tinytap' },
			...{ where: 'id < 20 -- all', redacted: false, matched: 19, shown: 19 },
			...{
				left: { bodyLimit: 262_144, cutBodies: 0, cutHeads: 0, cutItems: 0 },
				loss: LOSS_REASONS.length,
				blindSpots: [],
			},
			...{ protocols: 1, detailsPerPart: 100 },
		},
	);
	assert.deepEqual(summary.loss[1], {
		...{ reason: 'map_full', kind: 'lost', events: 1, bytes: 10, last: '2001-09-09T01:46:40.000000Z' },
	});
	assert.deepEqual(
		rows.numbers.id,
		Array.from({ length: 19 }, (_, index) => index + 1),
	);
	const text = (column: keyof ReportRows['texts'], row: number) => rows.strings[rows.texts[column][row]!];
	assert.deepEqual(
		[text('method', 18), text('path', 18), text('template', 18), text('via', 18), rows.numbers.status[18]],
		['GET', '/item/18', '/item/:id', 'write', 200],
	);
	const sent = rows.numbers.ts.map((ts) => rows.start + ts!);
	assert.deepEqual(
		sent,
		rowsOf('SELECT ts FROM exchanges WHERE id < 20 ORDER BY id', tables).map(([ts]) => microseconds(String(ts))),
	);
	assert.equal(rows.numbers.ts[0], 0);
	const [{ strings, exchanges } = { strings: [], exchanges: [] }] = details;
	const last = exchanges[18]!;
	assert.equal(strings[last.target], `/item/18?token=${CANARY}`);
	assert.deepEqual(
		last.res.fields.map(([name, value]) => [strings[name], strings[value]]),
		[
			['Content-Length', '42'],
			['Content-Type', 'application/json'],
		],
	);
	const body = JSON.stringify({ index: 18, password: CANARY });
	assert.deepEqual(last.res.body, { kind: 'json', type: 'application/json', bytes: body.length, text: body });
	assert.equal(last.req.body, undefined);
	assert.deepEqual(
		new Map(last.facts.map(([name, value]) => [strings[name], strings[value]])).get('http_version'),
		'1.1',
	);
	assert.equal(exchanges.length, 19);
	assert.deepEqual(
		ways.asked.map(({ options }) => options.redact),
		[false, false, false, false],
	);
});

test('AT-20: whatever was captured, the page outside of its JSON is the same, and the JSON has no markup', () => {
	assert.equal(ATTACKS.length >= 60, true);
	const summary: ReportSummary = {
		...{
			version: '1.2.3',
			madeAt: '2026-11-30T12:00:00.000Z',
			recording: ATTACKS[0]!,
			where: ATTACKS[1]!,
			redacted: true,
		},
		...{ matched: 1, shown: 1, left: { bodyLimit: 1, cutBodies: 0, cutHeads: 0, cutItems: 0 }, detailsPerPart: 100 },
		loss: [{ reason: ATTACKS[2]!, kind: ATTACKS[3]!, events: 1, bytes: 1, last: ATTACKS[4]! }],
		blindSpots: ATTACKS.map((text) => ({ pid: 1, comm: text, what: text, evidence: text, times: 1 })),
		protocols: ATTACKS.map((text) => ({ protocol: text, connections: 1, bytesIn: 1, bytesOut: 1 })),
	};
	const builder = new ReportBuilder(1 << 20);
	for (const [index, exchange] of hostileExchanges().entries()) builder.add(exchange, ATTACKS[index]!);
	const page = [...reportPage(CODE, summary, builder.rows(), builder.details())].join('');
	const empty = new ReportBuilder(1);
	empty.add({ columns: { id: 1 }, requestHeaders: [], responseHeaders: [] }, null);
	const harmless = { ...summary, recording: null, where: null, loss: [], blindSpots: [], protocols: [] };
	const { frame, islands, details, rows } = readPage(page);
	assert.equal(frame, readPage([...reportPage(CODE, harmless, empty.rows(), empty.details())].join('')).frame);
	for (const json of islands) assert.doesNotMatch(json, /[<\u2028\u2029\u0000-\u001f\u007f-\u009f\u202a-\u202e\ufeff]/);
	// It is all there, unchanged.
	assert.deepEqual(
		rows.texts.path.map((code) => rows.strings[code]),
		ATTACKS,
	);
	const [{ strings, exchanges } = { strings: [], exchanges: [] }] = details;
	for (const [index, { req, target }] of exchanges.entries()) {
		assert.equal(strings[target], ATTACKS[index]);
		assert.equal(strings[req.fields[1]![1]], ATTACKS[index]);
	}
	// Elements of the frame are closed in order.
	const open: string[] = [];
	for (const [, slash, name = ''] of frame.matchAll(/<(\/?)([a-z0-9]+)[^>]*>/g)) {
		if (['meta', 'link'].includes(name)) continue;
		if (slash === '') open.push(name);
		else assert.equal(open.pop(), name);
	}
	assert.deepEqual(open, []);
	assert.match(
		frame,
		/^<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy"/,
	);
});

test('only the own script and style of a page may run, and nothing may be loaded', async () => {
	const hash = (text: string) => `sha256-${createHash('sha256').update(text).digest('base64')}`;
	const policy = securityPolicy(CODE);
	assert.deepEqual(policy.split('; '), [
		"default-src 'none'",
		`script-src '${hash(CODE.script)}'`,
		`style-src '${hash(CODE.style)}'`,
		...["base-uri 'none'", "form-action 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'"],
	]);
	const page = await pageOf(waysOf());
	assert.equal(page.includes(`content="${policy}"`), true);
	assert.deepEqual(page.match(/<script>([\s\S]*?)<\/script>/)?.[1], CODE.script);
	assert.doesNotMatch(page, /<(?:link|img|iframe|base|form|object|a)\b|\s(?:src|href|on[a-z]+|style)=/i);
	// The built code does not end its own element.
	const built = waysOf();
	const whole = await pageOf({ ...built, code: undefined as unknown as PageCode });
	assert.equal(whole.match(/<\/script>/g)?.length, 4);
	assert.equal(whole.match(/<\/style>/g)?.length, 1);
	assert.doesNotMatch(
		whole,
		/\b(?:innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|fetch\(|XMLHttpRequest|WebSocket|sendBeacon|importScripts)\b/,
	);
	assert.equal(
		/^[\n\t\x20-\x7e]*$/.test(whole.slice(whole.indexOf('<style>'), whole.indexOf('<noscript>')).replaceAll('…', '')),
		true,
	);
});

test('AT-9: a canary is nowhere in a report, plain, encoded or in base64, and everywhere with --no-redact', async () => {
	const forms = [CANARY, encodeURIComponent(CANARY), Buffer.from(CANARY).toString('base64').slice(0, -4)];
	const ways = waysOf();
	const redacted = await pageOf(ways, { where: `path LIKE '%' OR query_string = 'token=${CANARY}'` });
	for (const form of forms) assert.equal(redacted.includes(form), false, form);
	assert.match(redacted, /REDACTED-16-[0-9a-f]{8}/);
	assert.deepEqual(
		ways.asked.map(({ options }) => options.redact),
		[true, true, true, true],
	);
	const { summary } = readPage(redacted);
	assert.equal(summary.redacted, true);
	const kept = await pageOf(waysOf(), { redactor: null });
	assert.equal(kept.split(CANARY).length > 3 * COUNT, true);
});

test('a page has the latest exchanges if there are too many, and says how many there are', async () => {
	const { summary, rows } = readPage(await pageOf(waysOf({ most: 5 })));
	assert.deepEqual([summary.matched, summary.shown, rows.numbers.id], [COUNT, 5, [19, 20, 21, 22, 23]]);
	assert.equal(reportSentence('x.html', { matched: 23, shown: 5 }), '5 exchanges written to x.html, the latest of 23');
	assert.equal(reportSentence('x.html', { matched: 1, shown: 1 }), '1 exchange written to x.html');
	// One was evicted in the meantime: the others keep their templates.
	const ways = waysOf();
	const missing = readPage(
		await pageOf({
			...ways,
			exchanges: async function* (ids) {
				for (const id of ids) yield id === 2 ? undefined : exchangeRecord(database.exchanges, { id });
			},
		}),
	);
	assert.deepEqual([missing.summary.shown, missing.rows.texts.template.length], [COUNT - 1, COUNT - 1]);
});

test('long bodies share the room that short ones leave, and a page says what it leaves out', () => {
	assert.equal(fairLimit([], 100, 50), 50);
	assert.equal(fairLimit([10, 10, 10], 100, 50), 50);
	assert.equal(fairLimit([10, 10, 90, 90], 100, 90), 40);
	assert.equal(fairLimit([1, 1000, 1000], 101, 300), 50);
	assert.equal(fairLimit([10, 10], 0, 50), 0);
	const sizes = Array.from({ length: 1000 }, (_, index) => (index * 7919) % 5000);
	const limit = fairLimit(sizes, 1_000_000, 4000);
	const sum = (most: number) => sizes.reduce((total, size) => total + Math.min(size, most), 0);
	assert.equal(sum(limit) <= 1_000_000 && sum(limit + 1) > 1_000_000, true);

	const builder = new ReportBuilder(10);
	const headers = [
		{ name: 'a', value: 'x'.repeat(16_000), trailer: false },
		{ name: 'b', value: 'y'.repeat(1000), trailer: false },
	];
	const columns = {
		id: 1,
		path: `/${'p'.repeat(600)}`,
		res_body_raw: Buffer.from('Gruß: äöü'),
		res_body_bytes: 14,
		res_captured_bytes: 14,
	};
	builder.add({ columns, requestHeaders: headers, responseHeaders: [] }, null);
	const [part] = [...builder.details()].map((json) => JSON.parse(json) as DetailsPart);
	const { req, res } = part!.exchanges[0]!;
	assert.deepEqual([req.fields.length, req.fieldsCut, builder.cutHeads, builder.cutBodies], [1, 1, 1, 1]);
	// Not in the middle of a character.
	assert.deepEqual(res.body, { kind: 'text', type: null, bytes: 13, cut: 4, text: 'Gruß: ä' });
	const rows = JSON.parse(builder.rows()) as ReportRows;
	assert.equal(rows.strings[rows.texts.path[0]!]!.length, 501);

	// The same field line again and again takes no room; others do, until there is none.
	const many = (values: readonly string[]) => {
		const made = new ReportBuilder(10, 10_000);
		for (const value of values)
			made.add(
				{ columns: { id: 1 }, requestHeaders: [{ name: 'a', value, trailer: false }], responseHeaders: [] },
				null,
			);
		return made.cutHeads;
	};
	const values = Array.from({ length: 20 }, (_, index) => `${index}`.padEnd(999, 'x'));
	assert.equal(many(Array.from({ length: 99 }, () => values[0]!)), 0);
	assert.equal(many(values), 10);
});

test('bodies are text, or base64 if they are none; both if the text is in another charset', () => {
	const bodyOf = (bytes: Uint8Array, type: string) => {
		const builder = new ReportBuilder(1000);
		const columns = { id: 1, res_body_raw: bytes, res_body_bytes: bytes.length, res_captured_bytes: bytes.length };
		builder.add(
			{ columns, requestHeaders: [], responseHeaders: [{ name: 'content-type', value: type, trailer: false }] },
			null,
		);
		return (JSON.parse([...builder.details()][0]!) as DetailsPart).exchanges[0]!.res.body;
	};
	assert.deepEqual(bodyOf(Buffer.from([0, 1, 2, 255]), 'application/x-thing'), {
		...{ kind: 'binary', type: 'application/x-thing', bytes: 4, base64: 'AAEC/w==' },
	});
	assert.deepEqual(bodyOf(Buffer.from('caf\xe9', 'latin1'), 'text/plain; charset=iso-8859-1'), {
		...{ kind: 'text', type: 'text/plain', bytes: 4, text: 'café', base64: 'Y2Fm6Q==' },
	});
	for (const [note, why] of [
		['body: 51200 bytes via sendfile — content not captured', 'sent by sendfile'],
		['body: first 65536 of 1048576 bytes (body limit)', 'body limit'],
		['body: 40000 of 51200 bytes; 11200 lost (ring full)', 'lost'],
		['body: first 512 of 51200 bytes; 50688 via splice — content not captured', 'sent by splice'],
		['body: 1234 bytes, not decoded (gzip: damaged data)', 'content coding'],
		['body: 7 bytes of something new', 'not captured'],
		[null, null],
	] as const)
		assert.equal(whyNotHeld(note), why);
});

test('a report is a new file of mode 0600 that is whole or not there; links and other files stay as they are', async () => {
	const folder = newFolder();
	const path = (name: string) => join(folder, name);
	await writeReport(wanted(path('new.html')), waysOf());
	assert.equal(statSync(path('new.html')).mode & 0o777, 0o600);
	writeFileSync(path('there.html'), 'as it was');
	symlinkSync('there.html', path('link.html'));
	await assert.rejects(writeReport(wanted(path('there.html')), waysOf()), { code: 'ERR_FILE_EEXIST', hint: /--force/ });
	for (const force of [false, true])
		await assert.rejects(writeReport(wanted(path('link.html'), { force }), waysOf()), { code: 'ERR_FILE_EEXIST' });
	const cancelled = waysOf({
		exchanges: () => {
			throw cancelledError();
		},
	});
	await assert.rejects(writeReport(wanted(path('there.html'), { force: true }), cancelled), {
		...{ code: 'ERR_INTERRUPTED', message: `the report was cancelled, and ${path('there.html')} was not written` },
	});
	await assert.rejects(writeReport(wanted(path('bad.html'), { where: 'staus = 1' }), waysOf()), {
		...{ code: 'ERR_SQL_NAME', position: 0, sql: 'staus = 1' },
	});
	assert.equal(readFileSync(path('there.html'), 'utf8'), 'as it was');
	assert.deepEqual(readdirSync(folder).sort(), ['link.html', 'new.html', 'there.html']);
	await writeReport(wanted(path('there.html'), { force: true }), waysOf());
	assert.match(readFileSync(path('there.html'), 'utf8'), /^<!DOCTYPE html>/);
});

test('arguments of .report and of tinytap report: one sentence says what was expected', async () => {
	assert.deepEqual(parseExport('--open --force "my page.html" where id = 1', REPORT), {
		...{
			file: 'my page.html',
			format: undefined,
			where: 'id = 1',
			keepBodies: undefined,
			force: true,
			redact: undefined,
			open: true,
		},
	});
	for (const [argument, message] of [
		['', /^\.report: expected the name of a new file$/],
		['a.html WHERE', /^\.report: expected a condition after WHERE, got nothing$/],
		[
			'--format har a.html',
			/^\.report: expected --force, --keep-bodies, --no-redact, --open, --redact, got "--format"$/,
		],
		['a.html b', /^\.report: expected WHERE after the file, got "b"$/],
		['"a', /^\.report: expected a quote around a whole word/],
	] as const)
		assert.throws(() => parseExport(argument, REPORT), { code: 'ERR_USAGE', message }, argument);
	const options = {} as Options;
	await assert.rejects(reportCommand(options, {}), {
		code: 'ERR_USAGE',
		message: 'report: expected a file (-o FILE.html), got none',
	});
	await assert.rejects(reportCommand(options, { output: 'shop.har' }), {
		...{ code: 'ERR_USAGE', message: 'report: expected a file that ends in .html, got "shop.har"' },
	});
});

test('--open starts the browser with the whole path, and says why it could not', async () => {
	const folder = newFolder();
	const told = join(folder, 'told');
	writeFileSync(join(folder, 'browser'), `#!/bin/sh\nprintf '%s' "$1" > ${told}.part && mv ${told}.part ${told}\n`, {
		mode: 0o755,
	});
	assert.equal(await openPage('-page.html', processUser(), [join(folder, 'browser')]), undefined);
	assert.equal(readFileSync(told, 'utf8'), join(process.cwd(), '-page.html'));
	assert.equal(await openPage('x.html', processUser(), ['false']), 'false ended with status 1');
	assert.match((await openPage('x.html', processUser(), [join(folder, 'none')]))!, /^cannot start .*\/none: /);
});
