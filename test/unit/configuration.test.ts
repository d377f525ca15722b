// Reading and writing the configuration file.
import assert from 'node:assert/strict';
import { chmodSync, lstatSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { UserError } from '../../src/base/errors.ts';
import { processUser } from '../../src/base/invoking-user.ts';
import { readConfiguration, saveSetting } from '../../src/shell/configuration.ts';
import { type SettingName, ShellSettings } from '../../src/shell/shell-settings.ts';

const folder = mkdtempSync(join(tmpdir(), 'tinytap-configuration-'));
after(() => rmSync(folder, { recursive: true }));
let files = 0;

function fileWith(text: string | undefined) {
	const path = join(folder, `config-${files++}.toml`);
	if (text !== undefined) writeFileSync(path, text);
	return { path, isGiven: false, user: processUser() };
}

test('values are numbers, texts, lists and true or false; options are in a table of their own', () => {
	const { settings, options } = readConfiguration(
		fileWith(
			`mode = "json"\nmaxrows = 5\nwidth = [1, 0, 20]\npager = false\nheaders = "on"\n[options]\nmax-memory = "64MiB"\nmax-rows = 5\nbody-limit = "none"\n`,
		),
	);
	assert.deepEqual(settings, { mode: 'json', maxrows: 5, width: [1, 0, 20], pager: false, headers: true });
	assert.deepEqual(options, { 'max-memory': '64MiB', 'max-rows': '5', 'body-limit': 'none' });
	assert.deepEqual(readConfiguration(fileWith(undefined)), { settings: {}, options: {} });
	assert.throws(() => readConfiguration({ ...fileWith(undefined), isGiven: true }), { code: 'ERR_FILE_ENOENT' });
});

test('a mistake is one sentence with its file and line, and a hint', () => {
	const mistakes: [text: string, message: RegExp, hint: RegExp][] = [
		['mode = "json"\n\nmaxrows = "many"\n', /:3: maxrows: expected a whole number, got "many"$/, /^$/],
		['# x\ntimezon = "utc"\n', /:2: there is no setting "timezon"$/, /^Did you mean timezone\?$/],
		['mode = "json"\nmaxrows = = 1\n', /:2: column 11: /, /NAME = VALUE/],
		['mode = "json\n', /:1: column \d+: /, /double quotes/],
		[
			'[options]\nbody-limits = 1\n',
			/:2: there is no option "body-limits" in a configuration$/,
			/^Did you mean body-limit\?$/,
		],
		['[options]\n\nmax-memory = "much"\n', /:3: max-memory: expected a size/, /^/],
		['[options]\ntimeout = 3\n', /:2: timeout: expected a duration/, /^/],
		['options = 3\n', /:1: options: expected a table$/, /\[options\]/],
	];
	for (const [text, message, hint] of mistakes) {
		const file = fileWith(text);
		assert.throws(
			() => readConfiguration(file),
			(error) =>
				error instanceof UserError &&
				error.code === 'ERR_CONFIGURATION' &&
				error.message.startsWith(file.path) &&
				!error.message.includes('\n') &&
				message.test(error.message) &&
				hint.test(error.hint ?? ''),
			text,
		);
	}
});

test('a file that others may write to is not read', () => {
	const file = fileWith('maxrows = 5\n');
	chmodSync(file.path, 0o646);
	assert.throws(() => readConfiguration(file), /cannot trust .*others may write to it/);
	chmodSync(file.path, 0o644);
	assert.deepEqual(readConfiguration(file).settings, { maxrows: 5 });
});

test('saving a setting changes its line or adds one before the first table, and keeps comments', () => {
	const save = (text: string | undefined, name: SettingName, value: string) => {
		const file = fileWith(text);
		const settings = new ShellSettings();
		settings.set(name, value);
		saveSetting(file, name, settings);
		assert.deepEqual(readConfiguration(file).settings[name], settings.values[name]);
		assert.equal(statSync(file.path).mode & 0o777, 0o600);
		return readFileSync(file.path, 'utf8');
	};
	assert.equal(save(undefined, 'maxrows', '9'), 'maxrows = 9\n');
	assert.equal(
		save('# a\nmode = "csv" # b\n\n# c\n[options]\n', 'mode', 'json'),
		'# a\nmode = "json"\n\n# c\n[options]\n',
	);
	assert.equal(
		save('mode = "csv"\n[options]\nmax-rows = 3\n', 'pager', 'off'),
		'mode = "csv"\npager = false\n[options]\nmax-rows = 3\n',
	);
	assert.equal(save('nullvalue = "x"\n', 'nullvalue', '"a \\ b"'), 'nullvalue = "a \\\\ b"\n');
	assert.match(save('width = [\n 1,\n 2,\n]\nmode = "csv"\n', 'width', '3'), /^width = \[ 3 \]\nmode = "csv"\n$/);
});

test('saving through a link keeps the link', () => {
	const target = fileWith('maxrows = 1\n');
	const path = join(folder, 'link.toml');
	symlinkSync(target.path, path);
	const settings = new ShellSettings({ maxrows: 2 });
	saveSetting({ ...target, path }, 'maxrows', settings);
	assert.ok(lstatSync(path).isSymbolicLink());
	assert.equal(readFileSync(target.path, 'utf8'), 'maxrows = 2\n');
});
