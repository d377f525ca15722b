// Settings of the shell: what is accepted, what errors say, and that each value reads back as it is printed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SETTING_NAMES, SETTINGS, ShellSettings, settingName } from '../../src/shell/shell-settings.ts';

test('each setting accepts what it prints, its default and each value that completion offers', () => {
	for (const name of SETTING_NAMES) {
		const settings = new ShellSettings();
		const before = settings.print(name);
		settings.set(name, before);
		assert.deepEqual(settings.values[name], SETTINGS[name].default, name);
		for (const value of SETTINGS[name].values ?? []) settings.set(name, value);
	}
});

test('values are read as typed', () => {
	const settings = new ShellSettings();
	for (const [name, text, value] of [
		['mode', 'json', 'json'],
		['maxrows', '0', 0],
		['width', '20 0  40', [20, 0, 40]],
		['nullvalue', "''", ''],
		['nullvalue', '∅', '∅'],
		['headers', 'OFF', false],
		['timer', 'yes', true],
		['separator', '\\t', '\t'],
		['separator', ';', ';'],
		['expanded', 'AUTO', 'auto'],
		['timezone', 'LOCAL', 'local'],
		['timezone', 'Europe/Berlin', 'Europe/Berlin'],
	] as const) {
		settings.set(name, text);
		assert.deepEqual(settings.values[name], value, `${name} ${text}`);
	}
});

test('errors say what was expected, and what was probably meant', () => {
	const settings = new ShellSettings();
	for (const [name, text, message, hint] of [
		['mode', 'jsno', /^mode: expected one of auto, table, .*, got "jsno"$/, 'Did you mean json?'],
		['mode', 'column', /^mode: expected one of auto, /, 'auto fits a table to the terminal, table prints all of it.'],
		['mode', 'TSV', /got "TSV"$/, 'csv with .separator tab, or | for example, separates by other characters.'],
		['mode', 'nope', /got "nope"$/, undefined],
		['headers', 'offf', /^headers: expected on or off, got "offf"$/, 'Did you mean off?'],
		['theme', 'blue', /^theme: expected dark, light or none, got "blue"$/, undefined],
		['maxrows', '-1', /^maxrows: expected a whole number, got "-1"$/, undefined],
		['maxrows', '', /^maxrows: expected a whole number, got ""$/, undefined],
		['separator', 'xyz', /^separator: expected one visible character, or tab, got "xyz"$/, undefined],
		// It would reach the terminal between the fields.
		['separator', '\x1b', /^separator: expected one visible character/, undefined],
		['separator', "'\u009b'", /^separator: expected one visible character/, undefined],
		['separator', '"', /^separator: expected one visible character/, undefined],
		['timezone', 'europe/berln', /^timezone: expected utc, local or an IANA name/, 'Did you mean Europe/Berlin?'],
		['timezone', '+05:00', /^timezone: expected utc, local or an IANA name/, undefined],
		['timezone', 'Mars/Base', /^timezone: expected utc, local or an IANA name/, undefined],
		['tiemzone', 'utc', /^there is no setting "tiemzone"$/, 'Did you mean timezone?'],
	] as const) {
		assert.throws(
			() => settings.set(name, text),
			(error: Error & { hint?: string; code?: string }) => {
				assert.match(error.message, message);
				assert.equal(error.hint, hint);
				return error.code === 'ERR_USAGE';
			},
		);
	}
	assert.throws(() => settingName('constructor'), /there is no setting "constructor"/);
	assert.deepEqual(settings.values, new ShellSettings().values, 'nothing has changed');
});
