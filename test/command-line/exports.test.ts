// Every export format, on the same recording: files that nobody else can read or redirect, without secrets, with the
// bodies that were asked for.
import assert from 'node:assert/strict';
import { readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { parquetReadObjects } from 'hyparquet';
import { FILES } from '../../src/base/installation.ts';
import { processUser } from '../../src/base/invoking-user.ts';
import type { ResultColumn } from '../../src/output/cell-text.ts';
import { EXPORT_FORMATS } from '../../src/output/export-format.ts';
import { createRedactor, type Redactor } from '../../src/output/redaction.ts';
import type { ExportFormat } from '../../src/output/result-format.ts';
import { type Exported, exportExchanges, type FileExport } from '../../src/shell/export.ts';
import { type Report, reportSentence, writeReport } from '../../src/shell/report.ts';
import type { SqlValue } from '../../src/store/table.ts';
import { Threads } from '../../src/threads/threads.ts';
import { readHurl } from '../../support/hurl-entries.ts';
import { Tape } from '../../support/record-builder.ts';
import { replayedCapture } from '../../support/replayed-capture.ts';
import { temporaryDirectory } from '../../support/servers.ts';
import { recordTape } from '../../support/tape-recording.ts';

const FORMATS = EXPORT_FORMATS.map(({ name }) => name);
const directory = temporaryDirectory();
after(directory.remove);
const user = processUser();
const redactor = createRedactor();

/** One for each place in which secrets are sent; each is one whose base64 and URL form are other texts. */
const secrets: string[] = [];
function secret(): string {
	const value = `Canary${secrets.length}/${'x'.repeat(secrets.length % 3)}+Zq8?wK`;
	secrets.push(value);
	return value;
}

/** A body with a secret, packed. */
let zipped = Buffer.alloc(0);

/** Exchanges with secrets in every place; the last one has an error and bodies to keep. */
function tapeWithSecrets(): Tape {
	const tape = new Tape();
	tape.clock(1_700_000_000_000_000_000n);
	const server = tape.server(1, { local: '127.0.0.1:80', remote: '127.0.0.1:4000' }).open();
	const send = (line: string, fields: string, body: string | Buffer, status = 200, more = '') => {
		const bytes = Buffer.from(body);
		server.in(`${line} HTTP/1.1\r\nHost: shop.example\r\nContent-Length: ${bytes.length}\r\n${fields}\r\n`);
		if (bytes.length > 0) server.in(bytes);
		const answer = Buffer.from(more === '' ? 'answer' : more);
		server.out(
			`HTTP/1.1 ${status} Status\r\nContent-Type: application/json\r\nContent-Length: ${answer.length}\r\nSet-Cookie: sid=${secret()}\r\n\r\n`,
		);
		server.out(answer);
	};
	const url = encodeURIComponent;
	send(`GET /a?token=${url(secret())}&n=1`, `Authorization: Bearer ${secret()}\r\nCookie: a=${secret()}\r\n`, '');
	send('POST /json', 'Content-Type: application/json\r\n', JSON.stringify({ password: secret(), n: 1 }));
	send('POST /form', 'Content-Type: application/x-www-form-urlencoded\r\n', `secret=${url(secret())}&m=kept`);
	zipped = gzipSync(JSON.stringify({ access_token: secret() }));
	send('POST /zipped', 'Content-Type: application/json\r\nContent-Encoding: gzip\r\n', zipped);
	const basic = Buffer.from(`user:${secret()}`).toString('base64');
	send('GET /basic', `Authorization: Basic ${basic}\r\nX-Api-Key: ${secret()}\r\n`, '');
	send('POST /error', 'Content-Type: text/plain\r\n', 'request to keep', 500, '{"answer":"kept"}');
	return tape;
}

let threads: Threads;
before(async () => {
	const path = join(directory.path, 'secrets.tinytap');
	recordTape(path, tapeWithSecrets());
	threads = new Threads(replayedCapture(path), (message) => assert.fail(message));
	await threads.attached;
	await threads.ended;
});
after(() => threads.close());

let files = 0;
async function exported(format: ExportFormat, wanted: Partial<FileExport> & { redactor: Redactor | null }) {
	const path = wanted.path ?? join(directory.path, `${files++}.${format}`);
	const ways = { threads, user, parameters: [], timeoutMs: 0, raw: false };
	const result = await exportExchanges(
		{ where: undefined, force: false, format, ...wanted, path },
		{ ...ways, exchanges: (ids) => threads.showAll(ids) },
	);
	return { ...result, path };
}

const bigints = (_: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value);

/** The file, and everything that it has in other forms: unpacked columns, decoded base64, unpacked bodies. */
async function contentsOf(path: string, format: ExportFormat): Promise<string[]> {
	const bytes = readFileSync(path);
	const texts: string[] = [];
	const add = (value: unknown) => {
		if (!(value instanceof Uint8Array))
			return texts.push(typeof value === 'string' ? value : String(JSON.stringify(value, bigints)));
		const held = Buffer.from(value);
		if (held.includes(zipped)) texts.push(gunzipSync(zipped).toString('latin1'));
		return texts.push(held.toString('latin1'));
	};
	add(bytes);
	if (format === 'parquet') {
		const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
		for (const row of await parquetReadObjects({ file, utf8: false }))
			for (const value of Object.values(row)) add(value);
	}
	for (const [digits] of bytes.toString('latin1').matchAll(/[A-Za-z0-9+/]{16,}={0,2}/g))
		add(Buffer.from(digits, 'base64'));
	for (const [, digits] of bytes.toString('latin1').matchAll(/X'([0-9a-f]+)'/g)) add(Buffer.from(digits!, 'hex'));
	return texts;
}

/** The secret as it is, as in a URL, in a form, in HTML, and inside of base64 at each of the three alignments. */
function formsOf(value: string): string[] {
	const inBase64 = [0, 1, 2].map((shift) =>
		Buffer.from(`${'x'.repeat(shift)}${value}`)
			.toString('base64')
			.slice(shift === 0 ? 0 : 4, -4),
	);
	return [value, encodeURIComponent(value), new URLSearchParams({ a: value }).toString().slice(2), ...inBase64];
}

test('no format has a secret in any form; with --no-redact, each has all that it can hold', async () => {
	for (const format of FORMATS) {
		const found = async (chosen: Redactor | null) => {
			const { path } = await exported(format, { redactor: chosen });
			const texts = await contentsOf(path, format);
			return secrets.filter((each) => formsOf(each).some((form) => texts.some((text) => text.includes(form))));
		};
		assert.deepEqual(await found(redactor), [], format);
		// These have only requests; and in a script of curl, packed bytes are escapes of printf.
		const missing = format === 'curl' ? 7 : format === 'hurl' ? 6 : 0;
		assert.equal((await found(null)).length, secrets.length - missing, format);
	}
});

test('every format is written to a new file of the user with mode 0600, never through a link or over another file', async () => {
	const umask = process.umask(0);
	try {
		for (const format of FORMATS) {
			const target = join(directory.path, `target-${format}`);
			const path = join(directory.path, `place-${format}`);
			writeFileSync(target, 'mine', { mode: 0o644 });
			symlinkSync(target, path);
			const refused = { code: 'ERR_FILE_EEXIST' };
			await assert.rejects(exported(format, { path, redactor }), refused, format);
			await assert.rejects(exported(format, { path, redactor, force: true }), refused, format);
			await assert.rejects(exported(format, { path: target, redactor }), refused, format);
			assert.equal(readFileSync(target, 'utf8'), 'mine', format);
			rmSync(path);
			for (const place of [path, target]) {
				await exported(format, { path: place, redactor, force: place === target });
				const { mode, uid, size } = statSync(place);
				assert.deepEqual([mode & 0o777, uid], [0o600, process.geteuid!()], format);
				assert.equal(size > 100, true, format);
			}
		}
	} finally {
		process.umask(umask);
	}
});

test('an export of no exchanges is a valid empty file', async () => {
	for (const format of FORMATS) {
		const { path, written } = await exported(format, { redactor, where: 'false' });
		assert.equal(written, 0, format);
		const bytes = readFileSync(path);
		if (format === 'parquet') {
			const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
			assert.deepEqual(await parquetReadObjects({ file }), []);
		} else if (format === 'json' || format === 'har') JSON.parse(String(bytes));
		else if (format === 'hurl') assert.deepEqual(readHurl(String(bytes)), []);
	}
});

test('a Parquet file has every value of every column', async () => {
	let columns: readonly ResultColumn[] = [];
	const rows: (readonly SqlValue[])[] = [];
	for await (const part of threads.run('SELECT * FROM exchanges ORDER BY id', { timeoutMs: 0 }))
		if (part.type === 'columns') columns = part.columns;
		else if (part.type === 'rows') rows.push(...part.rows);
	const bytes = readFileSync((await exported('parquet', { redactor: null })).path);
	const read = await parquetReadObjects({
		file: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length),
		utf8: false,
		// By itself, it makes dates of milliseconds.
		parsers: { timestampFromMicroseconds: (micros: bigint) => micros } as never,
	});
	assert.equal(columns.length > 50, true);
	const stored = (value: SqlValue, type: ResultColumn['type']) => {
		if (value === null) return null;
		if (type === 'json') return JSON.parse(String(value));
		if (type === 'datetime') return BigInt(Date.parse(String(value))) * 1000n + BigInt(String(value).slice(23, 26));
		return type === 'int' ? BigInt(Number(value)) : value instanceof Uint8Array ? Buffer.from(value) : value;
	};
	assert.deepEqual(
		read.map((row) =>
			columns.map(({ name }) => (row[name] instanceof Uint8Array ? Buffer.from(row[name]) : row[name])),
		),
		rows.map((row) => row.map((value, index) => stored(value, columns[index]!.type))),
	);
});

test('--keep-bodies keeps the bodies for which it is true; the others have a note and their sizes', async () => {
	for (const chosen of [null, redactor]) {
		for (const format of FORMATS) {
			const { path, written }: Exported & { path: string } = await exported(format, {
				...{ redactor: chosen, keepBodies: 'status >= 500 -- all' },
			});
			assert.equal(written, 6, format);
			const texts = await contentsOf(path, format);
			const has = (text: string) => texts.some((each) => each.includes(text));
			const hasAnswers = format !== 'curl' && format !== 'hurl';
			assert.equal(has('request to keep'), true, format);
			assert.equal(has('answer') && has('kept'), hasAnswers, format);
			assert.equal(has('m=kept'), false, format);
			assert.equal(has('body: 6 bytes left out by --keep-bodies'), hasAnswers, format);
			assert.equal(has(' bytes left out by --keep-bodies'), true, format);
			assert.equal(has('body: 15 bytes left out') || has('body: 17 bytes left out'), false, format);
		}
	}
	const { path } = await exported('har', { redactor, keepBodies: 'false' });
	const { entries } = JSON.parse(readFileSync(path, 'utf8')).log;
	const { request, response } = entries.at(-1);
	assert.deepEqual(
		[request.bodySize, request.postData, request.comment],
		[...[15, undefined, 'body: 15 bytes left out by --keep-bodies']],
	);
	assert.deepEqual(response.content, {
		...{ size: 17, mimeType: 'application/json', comment: 'body: 17 bytes left out by --keep-bodies' },
	});
});

test('a mistake in either condition is shown where it is', async () => {
	const wrong = (wanted: Partial<FileExport>) => exported('csv', { redactor, ...wanted });
	await assert.rejects(wrong({ keepBodies: 'status >', where: 'id > 0' }), {
		...{ sql: 'status >', position: 8, message: /got the end of the condition/ },
	});
	await assert.rejects(wrong({ keepBodies: 'true', where: 'id > 0 AND staus = 1' }), {
		...{ sql: 'id > 0 AND staus = 1', position: 11 },
	});
	await assert.rejects(wrong({ keepBodies: 'staus = 1' }), { sql: 'staus = 1', position: 0 });
});

async function reported(wanted: Partial<Report> & Pick<Report, 'redactor'>) {
	const path = wanted.path ?? join(directory.path, `${files++}.html`);
	const ways = { threads, user, parameters: [], timeoutMs: 0 };
	const exchanges = (ids: readonly number[]) => threads.showAll(ids);
	const result = await writeReport({ where: undefined, force: false, ...wanted, path }, { ...ways, exchanges });
	return { ...result, path, page: readFileSync(path, 'utf8') };
}

test('a report has no secret in any form, keeps the bodies that it should, and is a page even without exchanges', async () => {
	const found = (page: string) => {
		const texts = [page, ...[...page.matchAll(/[A-Za-z0-9+/]{16,}={0,2}/g)].map(([digits]) => atob64(digits))];
		return secrets.filter((each) => formsOf(each).some((form) => texts.some((text) => text.includes(form))));
	};
	const redacted = await reported({ redactor });
	assert.deepEqual(found(redacted.page), []);
	assert.equal(reportSentence('x.html', redacted), '6 exchanges written to x.html');
	assert.equal(statSync(redacted.path).mode & 0o777, 0o600);
	assert.equal(found((await reported({ redactor: null })).page).length, secrets.length);
	const some = (await reported({ redactor, keepBodies: 'status >= 500 -- all', where: 'id > 0' })).page;
	assert.match(some, /request to keep/);
	assert.match(some, /body: 6 bytes left out by --keep-bodies/);
	assert.doesNotMatch(some, /m=kept/);
	const none = await reported({ redactor, where: 'false' });
	assert.deepEqual([none.matched, none.shown, /<\/html>\n$/.test(none.page)], [0, 0, true]);
	await assert.rejects(reported({ redactor, where: 'id > 0 AND staus = 1' }), {
		...{ sql: 'id > 0 AND staus = 1', position: 11 },
	});
});

function atob64(digits: string): string {
	return Buffer.from(digits, 'base64').toString('latin1');
}

test('what writes Parquet is read only when it is needed', () => {
	const bundle = (name: string) => readFileSync(join(FILES.threads, `${name}.cjs`), 'utf8');
	assert.match(bundle('tinytap'), /import\("\.\/parquet-library\.cjs"\)/);
	for (const name of ['tinytap', 'query-thread', 'capture-thread'])
		assert.equal(bundle(name).includes('parquet required value is undefined'), false, name);
	assert.equal(bundle('parquet-library').includes('parquet required value is undefined'), true);
});
