// The table of error codes is complete and has no unused entries, and what help and docs/errors.md show.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ERROR_CODES, errorEntry, isErrorCode } from '../../src/base/error-codes.ts';
import { UserError } from '../../src/base/errors.ts';
import { topicHelp } from '../../src/shell/commands/commands.ts';
import { errorHelp } from '../../src/shell/error-help.ts';
import { runTinytap } from '../../support/tinytap.ts';

const root = join(import.meta.dirname, '../..');

/** Codes from Node that tinytap only checks for, and prefixes of codes. */
const OTHERS = new Set([
	'ERR_BUFFER_TOO_LARGE',
	'ERR_WORKER_INIT_FAILED',
	'ERR_STREAM_PREMATURE_CLOSE',
	'ERR_WORKER_OUT_OF_MEMORY',
	'ERR_FILE_',
	'ERR_',
	'ERR_SQL_',
]);

/** Every code that the sources name, outside the table itself. */
function usedCodes(): Set<string> {
	const files = ['src', 'native', 'bin'].flatMap((folder) =>
		readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
			.filter((entry) => entry.isFile() && entry.name !== 'error-codes.ts')
			.map((entry) => join(entry.parentPath, entry.name)),
	);
	const codes = files.flatMap((file) => readFileSync(file, 'utf8').match(/\bERR_[A-Z0-9_]*/g) ?? []);
	return new Set(codes.filter((code) => !OTHERS.has(code)));
}

test('every error code used in the sources has an entry, and every entry is used', () => {
	const used = usedCodes();
	assert.ok(used.size > 30, `${used.size} codes`);
	for (const code of used) assert.ok(isErrorCode(code), code);
	const unused = ERROR_CODES.map(([code]) => code).filter((code) => !code.includes('*') && !used.has(code));
	assert.deepEqual(unused, []);
});

test('every entry consists of full sentences, and docs/errors.md has it with its exit status', () => {
	const page = readFileSync(join(root, 'docs/errors.md'), 'utf8');
	for (const [code, { meaning, hint, exit }] of ERROR_CODES) {
		assert.match(meaning, /^\S.*\.$/, code);
		assert.ok(hint.length > 10 && !/[\n|]/.test(meaning + hint), code);
		assert.ok(page.includes(`\n| \`${code}\` | ${meaning} | ${hint} | ${exit ?? 1} |\n`), code);
	}
});

test('an error takes its exit status from its code', () => {
	for (const [code, exit] of [
		['ERR_USAGE', 2],
		['ERR_LOSS', 3],
		['ERR_EXPECTATION', 4],
		['ERR_INTERRUPTED', 130],
		['ERR_SQL_NAME', 1],
		['ERR_FILE_ENOENT', 1],
	] as const)
		assert.equal(new UserError('x', code).exitCode, exit, code);
});

test('help knows every code, in any case and in the brackets of a message', () => {
	for (const [code, { meaning, hint }] of ERROR_CODES)
		for (const topic of [code, code.toLowerCase(), `[${code}]`]) {
			const text = errorHelp(topic);
			assert.ok(text?.startsWith(`${code}\n`) && text.includes(meaning.split('. ')[0]!) && text.includes(hint), topic);
		}
	assert.match(errorHelp('ERR_FILE_ENOENT') ?? '', /The system says: no such file or directory\./);
	assert.match(errorHelp('ERR_FILE_EMFILE') ?? '', /^ERR_FILE_EMFILE\n/);
	const list = topicHelp('errors');
	assert.equal(list.split('\n').length, ERROR_CODES.length + 1);
	for (const topic of ['', 'exchanges', 'count', 'error', '.show']) assert.equal(errorHelp(topic), undefined, topic);
});

test('an unknown code gives one sentence that suggests a similar one', () => {
	for (const [topic, hint] of [
		['ERR_NOPE', /list the codes/],
		['ERR_USAGES', /Did you mean ERR_USAGE\?/],
		['ERR_', /list the codes/],
		['err_file_', /./],
		['ERR_FILE_NOTHING', /list the codes/],
		['ERR_constructor', /list the codes/],
		['ERR_FILE_toString', /list the codes/],
	] as const) {
		assert.equal(errorEntry(topic.toUpperCase()), undefined, topic);
		assert.throws(
			() => errorHelp(topic),
			(error) =>
				error instanceof UserError &&
				error.message === `help: there is no error code "${topic}"` &&
				hint.test(error.hint ?? ''),
			topic,
		);
	}
});

test('tinytap help and .help print the entry of a code', async () => {
	const entry = errorHelp('ERR_NO_TRACEFS');
	const asked = await runTinytap(['help', 'ERR_NO_TRACEFS']);
	assert.deepEqual([asked.code, asked.stdout, asked.stderr], [0, entry, '']);
	const demo = join(
		root,
		'recordings',
		readdirSync(join(root, 'recordings')).find((name) => name.endsWith('.tinytap'))!,
	);
	const shell = await runTinytap(['--replay', demo, '--quiet'], { input: '.help ERR_NO_TRACEFS\n' });
	assert.deepEqual([shell.code, shell.stdout], [0, entry]);
	const unknown = await runTinytap(['help', 'ERR_NOPE']);
	assert.deepEqual([unknown.code, unknown.stdout], [2, '']);
	assert.match(unknown.stderr, /^tinytap: error: help: there is no error code "ERR_NOPE" \[ERR_USAGE\]\nhint: /);
});
