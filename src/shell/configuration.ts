// The configuration: shell settings and default options, in TOML. The default file is config.toml in the invoking
// user's directory. `.set NAME VALUE --save` writes it.
import { realpathSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { distance } from 'fastest-levenshtein';
import { parse, stringify, TomlError, type TomlTable, type TomlValue } from 'smol-toml';
import { systemCode, UserError } from '../base/errors.ts';
import { fileError } from '../base/file-error.ts';
import type { InvokingUser } from '../base/invoking-user.ts';
import { parseDuration, parseInteger, parseSize } from '../base/quantity.ts';
import { readOwnFile, UserDirectory } from '../base/user-files.ts';
import { type SettingName, type SettingValues, ShellSettings, settingName } from './shell-settings.ts';

export type ConfigurationFile = {
	readonly path: string;
	/** The file was named on the command line, so it must exist. */
	readonly isGiven: boolean;
	readonly user: InvokingUser;
};

/**
 * Command-line options that may have defaults in the table `[options]`, each with a function that throws if the
 * value is invalid.
 */
const OPTIONS = {
	'body-limit': sizeOrNone,
	'call-limit': sizeOrNone,
	'max-memory': parseSize,
	'max-rows': (text: string, name: string) => parseInteger(text, name, 1, 1e9),
	'ring-size': parseSize,
	timeout: parseDuration,
} as const;
type OptionName = keyof typeof OPTIONS;
const OPTION_NAMES = Object.keys(OPTIONS) as OptionName[];

export type Configuration = {
	readonly settings: Partial<SettingValues>;
	readonly options: { readonly [N in OptionName]?: string };
};

/** Reads the file; a missing file is empty. Throws a UserError with the line of the first mistake. */
export function readConfiguration(file: ConfigurationFile): Configuration {
	const text = readText(file);
	if (text === undefined) return { settings: {}, options: {} };
	const settings = new ShellSettings();
	const names: SettingName[] = [];
	let options: Configuration['options'] = {};
	for (const [key, value] of Object.entries(parsed(text, file.path))) {
		if (key === 'options') {
			options = optionsIn(value, (option) => lineOf(text, option), file.path);
			continue;
		}
		try {
			const name = settingName(key);
			settings.set(name, valueText(value));
			names.push(name);
		} catch (error) {
			if (!(error instanceof UserError)) throw error;
			throw mistake(file.path, lineOf(text, key), error.message, error.hint);
		}
	}
	const given = Object.fromEntries(names.map((name) => [name, settings.values[name]]));
	return { settings: given, options };
}

/** Writes one setting into the file, creating it if needed. Everything else, including comments, is kept. */
export function saveSetting(file: ConfigurationFile, name: SettingName, settings: ShellSettings): void {
	const text = readText({ ...file, isGiven: false }) ?? '';
	const table = { ...parsed(text, file.path), [name]: tomlValue(settings, name) };
	const lines = text.split('\n');
	const line = stringify({ [name]: tomlValue(settings, name) }).trimEnd();
	const at = lineOf(text, name);
	if (at !== undefined) lines[at - 1] = line;
	else {
		const tableAt = lines.findIndex((each) => each.trim().startsWith('['));
		lines.splice(tableAt < 0 ? lines.length : tableAt, 0, line);
	}
	const edited = `${lines.join('\n').trim()}\n`;
	// A multi-line value, or a key written in an unusual way, cannot be replaced in place.
	write(file, holds(edited, table) ? edited : stringify(table));
}

function optionsIn(
	value: TomlValue,
	line: (option: string) => number | undefined,
	path: string,
): Configuration['options'] {
	if (typeof value !== 'object' || Array.isArray(value) || value instanceof Date)
		throw mistake(path, line('options'), 'options: expected a table', 'Write [options] and below it NAME = "VALUE".');
	const entries = Object.entries(value).map(([key, given]) => {
		const name = OPTION_NAMES.find((each) => each === key);
		if (name === undefined) {
			const near = OPTION_NAMES.find((each) => distance(each, key) <= 2);
			const hint = near === undefined ? `Options here: ${OPTION_NAMES.join(', ')}.` : `Did you mean ${near}?`;
			throw mistake(path, line(key), `there is no option ${JSON.stringify(key)} in a configuration`, hint);
		}
		const text = valueText(given);
		try {
			OPTIONS[name](text, name);
		} catch (error) {
			if (!(error instanceof UserError)) throw error;
			throw mistake(path, line(key), error.message, error.hint);
		}
		return [name, text] as const;
	});
	return Object.fromEntries(entries);
}

function sizeOrNone(text: string, name: string): void {
	if (text !== 'none') parseSize(text, name);
}

function parsed(text: string, path: string): TomlTable {
	try {
		return parse(text);
	} catch (error) {
		if (!(error instanceof TomlError)) throw error;
		const what = (error.message.split('\n')[0] ?? '').replace(/^Invalid TOML document: /, '');
		throw mistake(
			path,
			error.line,
			`column ${error.column}: ${what}`,
			'A line is NAME = VALUE; texts are in double quotes.',
		);
	}
}

function holds(text: string, table: TomlTable): boolean {
	const sorted = (each: TomlTable) => JSON.stringify(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)));
	try {
		return sorted(parse(text)) === sorted(table);
	} catch {
		// The edit broke the file's syntax.
		return false;
	}
}

/** The value as text that `.set` would accept. */
function valueText(value: TomlValue): string {
	if (typeof value === 'boolean') return value ? 'on' : 'off';
	if (Array.isArray(value)) return value.map(valueText).join(' ');
	return typeof value === 'object' && !(value instanceof Date) ? JSON.stringify(value) : String(value);
}

function tomlValue(settings: ShellSettings, name: SettingName): TomlValue {
	const value = settings.values[name];
	return typeof value === 'object' ? [...value] : value;
}

/** The line of a key, from 1. */
function lineOf(text: string, key: string): number | undefined {
	const index = text.split('\n').findIndex((line) => /^\s*\[?\s*["']?([^\s"'=\]]+)/.exec(line)?.[1] === key);
	return index < 0 ? undefined : index + 1;
}

function mistake(path: string, line: number | undefined, message: string, hint: string | undefined): UserError {
	return new UserError(`${path}${line === undefined ? '' : `:${line}`}: ${message}`, 'ERR_CONFIGURATION', hint);
}

function readText({ path, isGiven, user }: ConfigurationFile): string | undefined {
	try {
		return readOwnFile(path, user);
	} catch (error) {
		if (!isGiven && ['ENOENT', 'ENOTDIR', 'EACCES'].includes(systemCode(error) ?? '')) return undefined;
		throw fileError(path, error, 'The configuration is a TOML file of settings; `.settings` lists them.');
	}
}

function write({ path, user }: ConfigurationFile, text: string): void {
	try {
		// Write through a link, as dotfile managers use them, instead of replacing it.
		const real = realPath(path);
		const directory = UserDirectory.own(dirname(real), user);
		try {
			directory.replace(basename(real), text);
		} finally {
			directory.close();
		}
	} catch (error) {
		throw fileError(path, error, 'The directory must belong to you and be writable.');
	}
}

function realPath(path: string): string {
	try {
		return realpathSync(path);
	} catch (error) {
		if (systemCode(error) === 'ENOENT') return path;
		throw error;
	}
}
