// Exports: their arguments, their formats, and files that are whole or not there.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
	chmodSync,
	mkdirSync,
	openSync,
	readdirSync,
	readFileSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { UserError } from '../../src/base/errors.ts';
import { processUser } from '../../src/base/invoking-user.ts';
import { NewFile } from '../../src/base/new-file.ts';
import { createRedactor } from '../../src/output/redaction.ts';
import type { ExportFormat } from '../../src/output/result-format.ts';
import { type ExportWays, exportExchanges, exportSentence, writeExchanges } from '../../src/shell/export.ts';
import { parseExport } from '../../src/shell/export-arguments.ts';
import { fileSink } from '../../src/shell/result-output.ts';
import { writeNewFile } from '../../src/shell/saved-body.ts';
import { SqlError } from '../../src/sql/sql.ts';
import { cancelledError } from '../../src/sql/sql-light.ts';
import { type ExchangeRecord, exchangeRecord } from '../../src/store/exchange-detail.ts';
import { EXCHANGE_COLUMNS } from '../../src/store/exchange-table.ts';
import type { SqlValue } from '../../src/store/table.ts';
import type { ResultPart } from '../../src/threads/messages.ts';
import type { RunOptions, Threads } from '../../src/threads/threads.ts';
import { temporaryDirectory } from '../../support/servers.ts';
import { GET, OK, stored, tableRows, tapeOf } from '../../support/stored-exchanges.ts';

const directory = temporaryDirectory();
after(directory.remove);
let folder = '';
let folders = 0;

/** A test with a new `folder`. */
function testInFolder(title: string, work: () => Promise<void> | void): void {
	test(title, async () => {
		folder = join(directory.path, String(folders++));
		mkdirSync(folder);
		await work();
	});
}

const COUNT = 23;
const { database } = stored(
	tapeOf(
		Array.from({ length: COUNT }, (_, index) => [
			GET(`/item/${index}`, 'Authorization: Bearer s3cretheader\r\n'),
			OK('body'),
		]),
	),
);

/** Threads that answer every statement with all exchanges. */
function threadsWith(fail?: (parts: number) => Error | undefined): {
	readonly threads: Threads;
	readonly asked: { sql: string; options: RunOptions }[];
} {
	const asked: { sql: string; options: RunOptions }[] = [];
	const run = async function* (sql: string, options: RunOptions): AsyncGenerator<ResultPart> {
		asked.push({ sql, options });
		const all = tableRows(database.tables.get('exchanges')!);
		const names = sql.startsWith('SELECT id') ? ['id'] : EXCHANGE_COLUMNS.map(({ name }) => name);
		const columns = EXCHANGE_COLUMNS.filter(({ name }) => names.includes(name));
		yield { type: 'columns', id: 1, columns };
		for (const [index, row] of all.entries()) {
			const problem = fail?.(index);
			if (problem !== undefined) throw problem;
			yield { type: 'rows', id: 1, rows: [names.map((name) => row[name] as SqlValue)] };
		}
		yield { type: 'done', id: 1, lostEvents: 0, lostBytes: 0, readsCaptured: true };
	};
	return { threads: { run } as unknown as Threads, asked };
}

/** What `change` makes of the exchanges. */
function recordsOf(
	change: (record: ExchangeRecord, id: number) => ExchangeRecord | undefined,
): ExportWays['exchanges'] {
	return async function* (ids) {
		for (const id of ids) yield change(exchangeRecord(database.exchanges, { id })!, id);
	};
}

function waysOf(threads: Threads): ExportWays {
	return {
		...{ threads, user: processUser(), parameters: [], timeoutMs: 0, raw: false },
		exchanges: recordsOf((record) => record),
	};
}

function wanted(name: string, format: ExportFormat, more: object = {}) {
	return { path: join(folder, name), format, where: undefined, redactor: null, force: false, ...more };
}

testInFolder(
	'the arguments of .export: options on both sides of the file, quotes, and the condition as it was typed',
	() => {
		const none = {
			format: undefined,
			where: undefined,
			open: false,
			keepBodies: undefined,
			force: false,
			redact: undefined,
		};
		assert.deepEqual(parseExport('a.har'), { ...none, file: 'a.har' });
		assert.deepEqual(parseExport(`"my file.csv" where path = 'x  "y"' -- z`), {
			...none,
			file: 'my file.csv',
			where: `path = 'x  "y"' -- z`,
		});
		assert.deepEqual(parseExport('--force --format har where --no-redact WHERE a = 1'), {
			...{ ...none, file: 'where', format: 'har', where: 'a = 1', force: true, redact: false },
		});
		assert.deepEqual(parseExport('x --redact'), { ...none, file: 'x', redact: true });
		assert.deepEqual(parseExport(`--keep-bodies "status >= '500'" x WHERE b`), {
			...{ ...none, file: 'x', keepBodies: "status >= '500'", where: 'b' },
		});
		for (const [argument, message] of [
			['', /expected the name of a new file/],
			['--force', /expected the name of a new file/],
			['a.har WHERE', /expected a condition after WHERE, got nothing/],
			['a.har b.har', /expected WHERE after the file, got "b\.har"/],
			['a.har status = 500', /expected WHERE after the file, got "status"/],
			['a.har --format', /--format: expected a format, got nothing/],
			['--forc a.har', /expected --force, --format, --keep-bodies, --no-redact, --redact, got "--forc"/],
			['a.har --keep-bodies', /--keep-bodies: expected an SQL condition in quotes, got nothing/],
			['"a.har', /expected a quote around a whole word/],
		] as const)
			assert.throws(() => parseExport(argument), { code: 'ERR_USAGE', message }, argument);
	},
);

testInFolder('every format has each exchange once, in the order of ids, and says how many', async () => {
	for (const format of ['har', 'curl', 'csv', 'json', 'ndjson', 'markdown', 'html', 'table', 'line'] as const) {
		const { threads, asked } = threadsWith();
		const exported = await exportExchanges(wanted(`all.${format}`, format), waysOf(threads));
		assert.deepEqual([exported.written, exported.leftOut], [COUNT, 0], format);
		const text = readFileSync(join(folder, `all.${format}`), 'utf8');
		const places = Array.from({ length: COUNT }, (_, index) => text.search(new RegExp(`/item/${index}\\b`)));
		assert.ok(!places.includes(-1), format);
		assert.deepEqual(
			places,
			places.toSorted((a, b) => a - b),
			format,
		);
		assert.match(text, /s3cretheader/, format);
		assert.equal(statSync(join(folder, `all.${format}`)).mode & 0o777, 0o600);
		assert.deepEqual(
			asked.map(({ options }) => options.redact),
			[false],
		);
	}
	const { threads, asked } = threadsWith();
	for (const format of ['har', 'curl'] as const) {
		await exportExchanges(wanted(`redacted.${format}`, format, { redactor: createRedactor() }), waysOf(threads));
		assert.doesNotMatch(readFileSync(join(folder, `redacted.${format}`), 'utf8'), /s3cretheader/);
	}
	// The others get rows without secrets.
	assert.deepEqual(
		asked.map(({ options }) => options.redact),
		[true, true],
	);
	const script = spawnSync('sh', ['-n', join(folder, 'all.curl')], { encoding: 'utf8' });
	assert.deepEqual([script.status, script.stderr], [0, '']);
});

testInFolder(
	'the statement has the condition in parentheses, and an error shows its position in the condition',
	async () => {
		const { threads, asked } = threadsWith();
		await exportExchanges(wanted('a.csv', 'csv', { where: 'status = 500 -- all' }), waysOf(threads));
		assert.equal(asked[0]!.sql, 'SELECT * FROM exchanges WHERE (status = 500 -- all\n) ORDER BY id');
		const start = 'SELECT * FROM exchanges WHERE ('.length;
		// The parenthesis after the condition is not the user's.
		for (const [position, shown, got] of [
			[start + 4, 4, '")"'],
			[start + 99, 7, 'the end of the condition'],
			[0, 0, '")"'],
		] as const) {
			const failing = threadsWith(() => new SqlError('expected a, got ")"', 'ERR_SQL_NAME', position));
			const where = 'a = bcd';
			await assert.rejects(exportExchanges(wanted('b.csv', 'csv', { where }), waysOf(failing.threads)), {
				...{ code: 'ERR_SQL_NAME', message: `expected a, got ${got}`, position: shown, sql: where },
			});
		}
		assert.deepEqual(readdirSync(folder), ['a.csv']);
	},
);

testInFolder(
	'exchanges evicted in the meantime, and those that curl cannot send, do not count as written',
	async () => {
		const { threads } = threadsWith();
		const ways: ExportWays = {
			...waysOf(threads),
			exchanges: recordsOf((record, id) => {
				if (id === 3) return undefined;
				return id <= 5 ? { ...record, columns: { ...record.columns, method: null } } : record;
			}),
		};
		const har = await exportExchanges(wanted('a.har', 'har'), ways);
		assert.deepEqual([har.written, har.leftOut], [COUNT - 1, 0]);
		const curl = await exportExchanges(wanted('a.sh', 'curl'), ways);
		assert.deepEqual([curl.written, curl.leftOut], [COUNT - 5, 4]);
		assert.equal(
			exportSentence('a.sh', curl),
			'18 exchanges written to a.sh; 4 others that curl cannot send were left out',
		);
		assert.equal(exportSentence('a', { written: 1, leftOut: 0 }), '1 exchange written to a');
	},
);

testInFolder(
	'an export that was cancelled or failed leaves nothing, and keeps the file that it would have replaced',
	async () => {
		writeFileSync(join(folder, 'kept.csv'), 'as it was');
		for (const [problem, code] of [
			[cancelledError(), 'ERR_INTERRUPTED'],
			[new SqlError('no', 'ERR_SQL_VALUE'), 'ERR_SQL_VALUE'],
		] as const) {
			const { threads } = threadsWith((rows) => (rows === 7 ? problem : undefined));
			await assert.rejects(exportExchanges(wanted('new.csv', 'csv'), waysOf(threads)), { code });
			await assert.rejects(exportExchanges(wanted('kept.csv', 'csv', { force: true }), waysOf(threads)), { code });
			assert.deepEqual(readdirSync(folder), ['kept.csv']);
			assert.equal(readFileSync(join(folder, 'kept.csv'), 'utf8'), 'as it was');
		}
		const cancelled = recordsOf(() => {
			throw cancelledError();
		});
		const ways = { ...waysOf(threadsWith().threads), exchanges: cancelled };
		await assert.rejects(exportExchanges(wanted('new.har', 'har'), ways), {
			...{
				code: 'ERR_INTERRUPTED',
				message: `the export was cancelled, and ${join(folder, 'new.har')} was not written`,
			},
		});
		assert.deepEqual(readdirSync(folder), ['kept.csv']);
	},
);

testInFolder('a full disk gives one sentence', async () => {
	const sink = fileSink(openSync('/dev/full', 'w'), (code) => new UserError(`cannot write x: ${code}`, 'ERR_OUTPUT'));
	for (const format of ['csv', 'har', 'table'] as const) {
		const writing = writeExchanges(wanted('x', format), waysOf(threadsWith().threads), sink);
		await assert.rejects(writing, { code: 'ERR_OUTPUT', message: 'cannot write x: ENOSPC' });
	}
});

testInFolder('a body that cannot be written in full leaves no file', () => {
	const path = join(folder, 'body');
	const limit = (bytes: string) => spawnSync('prlimit', ['--pid', String(process.pid), `--fsize=${bytes}:`]);
	limit('4096');
	try {
		assert.throws(() => writeNewFile(path, new Uint8Array(10_000), processUser()), {
			code: 'ERR_OUTPUT',
			message: /^cannot write .*body: it would become larger than the limit for files/,
		});
	} finally {
		limit('unlimited');
	}
	assert.deepEqual(readdirSync(folder), []);
	writeNewFile(path, new Uint8Array(10_000), processUser());
	assert.equal(statSync(path).size, 10_000);
});

testInFolder(
	'the file is new: no other file, link or directory is written to or replaced; --force replaces files only',
	async () => {
		const { threads } = threadsWith();
		const attempt = async (name: string, force: boolean) => {
			await exportExchanges(wanted(name, 'csv', { force }), waysOf(threads));
		};
		writeFileSync(join(folder, 'file'), 'as it was');
		chmodSync(join(folder, 'file'), 0o644);
		writeFileSync(join(folder, 'target'), 'as it was');
		symlinkSync('target', join(folder, 'link'));
		symlinkSync('nothing', join(folder, 'dangling'));
		mkdirSync(join(folder, 'directory'));
		const before = readdirSync(folder);
		for (const name of ['file', 'link', 'dangling', 'directory'])
			await assert.rejects(attempt(name, false), { code: 'ERR_FILE_EEXIST', hint: /--force/ }, name);
		for (const name of ['link', 'dangling', 'directory'])
			await assert.rejects(attempt(name, true), { code: 'ERR_FILE_EEXIST', hint: /Only regular files/ }, name);
		await assert.rejects(attempt('none/x', false), { code: 'ERR_FILE_ENOENT', hint: /directory must exist/ });
		await assert.rejects(attempt('file/x', true), { code: 'ERR_FILE_ENOTDIR' });
		assert.deepEqual(readdirSync(folder), before);
		assert.equal(readFileSync(join(folder, 'target'), 'utf8'), 'as it was');
		await attempt('file', true);
		await attempt('new', true);
		assert.match(readFileSync(join(folder, 'file'), 'utf8'), /^id,/);
		for (const name of ['file', 'new']) assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600);
		assert.deepEqual(readdirSync(folder), [...before, 'new'].sort());
	},
);

testInFolder(
	'a file created under the same name in the meantime is not replaced, and a process that ends leaves nothing',
	() => {
		const path = join(folder, 'new');
		const file = new NewFile(path, processUser(), true);
		symlinkSync('elsewhere', path);
		assert.throws(() => file.keep(), { code: 'EEXIST' });
		assert.deepEqual(readdirSync(folder), ['new']);
		const left = new NewFile(join(folder, 'other'), processUser(), false);
		writeFileSync(left.fd, 'a part');
		assert.deepEqual(readdirSync(folder), ['new', 'other']);
		process.listeners('exit').at(-1)!.call(process, 0);
		assert.deepEqual(readdirSync(folder), ['new']);
		left.discard();
	},
);
