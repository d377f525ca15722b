// The settings of the shell: their valid values, their defaults, and how `.set`, the short commands and the
// configuration read them.
import { distance } from 'fastest-levenshtein';
import { usageError } from '../base/errors.ts';
import { isResultFormat, RESULT_FORMATS, type ResultFormat } from '../output/result-format.ts';
import { forTerminal } from '../output/terminal-text.ts';
import { timeZone, timeZoneNames } from '../sql/sql-light.ts';

export type SettingValues = {
	/** The output format. */
	mode: ResultFormat;
	/** Rows of a table on the terminal; further rows are elided in the middle. 0: no limit. */
	maxrows: number;
	/** Maximum width of each column of a table, from the left; 0 leaves the choice to the format. */
	width: readonly number[];
	/** How NULL is shown. */
	nullvalue: string;
	/** Whether tables and CSV begin with the column names. */
	headers: boolean;
	/** Whether the time is printed after each statement. */
	timer: boolean;
	/** The field separator of CSV. */
	separator: string;
	/** Whether scripts print their steps before they run them. */
	echo: boolean;
	/** Whether the first error ends a script. */
	bail: boolean;
	/** Whether long output is shown in $PAGER. */
	pager: boolean;
	/** One line per column: always, never, or if the table would not fit. */
	expanded: 'on' | 'off' | 'auto';
	theme: 'dark' | 'light' | 'none';
	/** The time zone of displayed times: `utc`, `local` or an IANA name. */
	timezone: string;
	/** Whether `.copy` may write to the terminal's clipboard. */
	clipboard: boolean;
	/** Whether charts use block and braille characters; otherwise ASCII. */
	unicode: boolean;
	/** Colours while typing. */
	highlight: boolean;
	/** Whether the newest matching entry of the history is suggested while typing. */
	suggestions: boolean;
	/** Which shards of a store must answer: all of them, or only those that can be reached. */
	shards: 'all' | 'available';
};

export type SettingName = keyof SettingValues;

type Setting<T> = {
	readonly default: T;
	readonly description: string;
	/** A description of valid values, for errors. */
	readonly expected: string;
	/** Values for completion. */
	readonly values?: readonly string[];
	/** Returns undefined if the text is not a valid value. */
	readonly parse: (text: string) => T | undefined;
	readonly print: (value: T) => string;
};

const FORMATS = RESULT_FORMATS.map(({ name }) => name);

export const SETTINGS: { readonly [N in SettingName]: Setting<SettingValues[N]> } = {
	mode: {
		default: 'auto',
		description: 'output format',
		expected: `one of ${FORMATS.join(', ')}`,
		values: FORMATS,
		parse: (text) => (isResultFormat(text) ? text : undefined),
		print: String,
	},
	maxrows: {
		default: 40,
		description: 'maximum rows of a table on the terminal; rows in the middle are left out (0: no limit)',
		expected: 'a whole number',
		parse: (text) => (/^\d{1,9}$/.test(text) ? Number(text) : undefined),
		print: String,
	},
	width: {
		default: [],
		description: 'maximum column widths of a table, from the left (0: automatic)',
		expected: 'whole numbers, as in 20 0 40',
		parse: (text) => (/^(\d{1,5}(\s+|$))*$/.test(text) ? text.split(/\s+/).filter(Boolean).map(Number) : undefined),
		print: (value) => value.join(' '),
	},
	nullvalue: {
		default: 'NULL',
		description: 'how NULL is shown',
		expected: 'a text',
		parse: unquoted,
		print: (value) => JSON.stringify(value),
	},
	headers: onOff(true, 'column names above tables and CSV'),
	timer: onOff(false, 'print the time that each statement took'),
	separator: {
		default: ',',
		description: 'separator of CSV fields',
		expected: 'one visible character, or tab',
		values: ['tab'],
		parse: separatorOf,
		print: (value) => (value === '\t' ? 'tab' : JSON.stringify(value)),
	},
	echo: onOff(false, 'print the statements and commands of scripts before they run'),
	bail: onOff(true, 'end a script at its first error'),
	pager: onOff(true, 'show .last, and exchanges, lists and help longer than the screen, in $PAGER'),
	expanded: choice('off', ['on', 'off', 'auto'], 'one column per line (auto: if the table would not fit)'),
	theme: choice('dark', ['dark', 'light', 'none'], 'colours for this background'),
	timezone: {
		default: 'utc',
		description: 'time zone of displayed times; files stay UTC',
		expected: 'utc, local or an IANA name such as Europe/Berlin',
		get values() {
			return ['utc', 'local', ...timeZoneNames()];
		},
		parse: (text) =>
			/^(utc|local)$/i.test(text) ? text.toLowerCase() : timeZone(text) === undefined ? undefined : text,
		print: String,
	},
	clipboard: onOff(false, 'allow .copy to write to the terminal’s clipboard'),
	unicode: onOff(true, 'block and braille characters in charts; off: ASCII'),
	highlight: onOff(true, 'colours while typing'),
	suggestions: onOff(true, 'suggest the newest matching history entry while typing'),
	shards: choice(
		'all',
		['all', 'available'],
		'which shards of a store must answer (available: and say if one does not)',
	),
};

export const SETTING_NAMES = Object.keys(SETTINGS) as readonly SettingName[];

/** The settings of one shell. */
export class ShellSettings {
	readonly values: SettingValues;

	constructor(given: Partial<SettingValues> = {}) {
		this.values = { ...defaults(), ...given };
	}

	/** Throws a UserError if there is no such setting, or if the value is invalid. */
	set(name: string, text: string): void {
		this.#set(settingName(name), text);
	}

	/** The value as text that `set` accepts. */
	print(name: SettingName): string {
		return this.#print(name);
	}

	#set<N extends SettingName>(name: N, text: string): void {
		const value = SETTINGS[name].parse(text.trim());
		if (value === undefined) {
			const near = nearest(text.trim(), SETTINGS[name].values ?? []);
			throw usageError(
				`${name}: expected ${SETTINGS[name].expected}, got ${JSON.stringify(text.trim())}`,
				(name === 'mode' ? formatElsewhere(text.trim()) : undefined) ??
					(near === undefined ? undefined : `Did you mean ${near}?`),
			);
		}
		this.values[name] = value;
	}

	#print<N extends SettingName>(name: N): string {
		return SETTINGS[name].print(this.values[name]);
	}
}

/** Throws a UserError, with the nearest name, if there is no such setting. */
export function settingName(name: string): SettingName {
	const wanted = name.toLowerCase();
	const found = SETTING_NAMES.find((each) => each === wanted);
	if (found !== undefined) return found;
	const near = nearest(wanted, SETTING_NAMES);
	throw usageError(
		`there is no setting ${JSON.stringify(name)}`,
		near === undefined ? `Settings: ${SETTING_NAMES.join(', ')}.` : `Did you mean ${near}?`,
	);
}

/** Formats to use here → similar formats of sqlite3, duckdb or psql. */
const FORMATS_ELSEWHERE: Readonly<Record<string, string>> = {
	'auto fits a table to the terminal, table prints all of it.': 'column columns duckbox aligned qbox default pretty',
	'csv with .separator tab, or | for example, separates by other characters.':
		'tsv tabs tab list quote ascii unaligned plain text',
	'ndjson prints one JSON object per line.': 'jsonlines jsonl json-lines',
	'line prints one column per line, \\gx does so for one statement.': 'lines vertical expanded wrapped record records',
	'html and markdown are meant for documents.': 'latex latex-longtable asciidoc troff-ms doc',
	'.export FILE.sh writes curl commands.': 'insert tcl curl sh',
};

/** A hint for the name of a format that other shells have. */
export function formatElsewhere(text: string): string | undefined {
	return Object.entries(FORMATS_ELSEWHERE).find(([, names]) => names.split(' ').includes(text.toLowerCase()))?.[0];
}

/** The name that was probably meant; undefined if none is close. */
export function nearest(text: string, names: readonly string[]): string | undefined {
	const letters = (name: string) => [...name.toLowerCase()].sort().join('');
	const far = (name: string) => distance(name.toLowerCase(), text.toLowerCase());
	// A short name with two wrong letters is a different name, unless the letters are only swapped.
	const isNear = (name: string) =>
		far(name) <= 1 || (far(name) === 2 && (text.length > 4 || letters(name) === letters(text)));
	const [first] = names.filter(isNear).sort((a, b) => far(a) - far(b));
	return first;
}

function defaults(): SettingValues {
	const entries = SETTING_NAMES.map((name) => [name, SETTINGS[name].default]);
	return Object.fromEntries(entries) as SettingValues;
}

function onOff(byDefault: boolean, description: string): Setting<boolean> {
	return {
		default: byDefault,
		description,
		expected: 'on or off',
		values: ['on', 'off'],
		parse: (text) => (/^(on|yes|true|1)$/i.test(text) ? true : /^(off|no|false|0)$/i.test(text) ? false : undefined),
		print: (value) => (value ? 'on' : 'off'),
	};
}

function choice<T extends string>(byDefault: T, values: readonly T[], description: string): Setting<T> {
	return {
		default: byDefault,
		description,
		expected: values.join(' or ').replace(/ or (?=.* or )/g, ', '),
		values,
		parse: (text) => values.find((value) => value === text.toLowerCase()),
		print: String,
	};
}

/** A control character would reach the terminal with every row, and quotes are around fields. */
function separatorOf(text: string): string | undefined {
	if (text === 'tab' || text === '\\t') return '\t';
	const separator = unquoted(text);
	const isVisible = forTerminal(separator) === separator && separator !== '"';
	return [...separator].length === 1 && isVisible ? separator : undefined;
}

function unquoted(text: string): string {
	return /^(["']).*\1$/s.test(text) && text.length >= 2 ? text.slice(1, -1) : text;
}
