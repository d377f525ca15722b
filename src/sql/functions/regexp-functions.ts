// Functions that find and replace with regular expressions, with the results of DuckDB and PostgreSQL.
import { SqlError } from '../limits/sql-error.ts';
import { compileRegexp } from '../patterns/regexp.ts';
import { compileFinder, type Finder, type Slots } from '../patterns/regexp-find.ts';
import { MAX_TEXT, toText, type Value } from '../values/value.ts';
import type { ScalarFunction } from './function-table.ts';

const GROUP = { group: 'text', type: 'text', strict: true } as const;
type Known = Exclude<Value, null>;

export const REGEXP_FUNCTIONS: readonly ScalarFunction[] = [
	{
		name: 'regexp_extract',
		signature: 'regexp_extract(text, pattern [, group [, options]])',
		doc: "the first match of a regular expression, or one of its groups; '' if there is none",
		example: ["regexp_extract('/users/42/orders', '/users/(\\d+)', 1)", '42'],
		minArguments: 2,
		maxArguments: 4,
		create: ({ poll }) => {
			const finderOf = rememberingFinder(poll);
			return (text, pattern, group, options) => {
				const { finder, matches } = finderOf(toText(pattern!), optionsOf(options, 'ci'));
				const number = groupOf(group, finder.groups);
				const subject = toText(text!);
				let result = '';
				if (!matches(subject)) return result;
				finder.each(subject, (slots) => {
					result = partOf(subject, slots, number);
					return false;
				});
				return result;
			};
		},
		...GROUP,
	},
	{
		name: 'regexp_replace',
		signature: 'regexp_replace(text, pattern, with [, options])',
		doc: "the first match replaced, or with the option 'g' every one; \\1 in the replacement is the first group, \\0 the match; 'i' ignores case",
		example: ["regexp_replace('/users/42/orders/7', '\\d+', ':id', 'g')", '/users/:id/orders/:id'],
		minArguments: 3,
		maxArguments: 4,
		create: ({ poll }) => {
			const finderOf = rememberingFinder(poll);
			return (text, pattern, by, given) => {
				const options = optionsOf(given, 'cgi');
				const { finder, matches } = finderOf(toText(pattern!), options);
				const parts = replacementOf(toText(by!), finder.groups);
				const subject = toText(text!);
				return matches(subject) ? replaced(subject, finder, parts, options.includes('g')) : subject;
			};
		},
		...GROUP,
	},
];

type Compiled = {
	readonly finder: Finder;
	/** Whether there is a match at all, which is faster than finding it. */
	readonly matches: (text: string) => boolean;
};

/** Compiles the pattern again only if it has changed. */
function rememberingFinder(poll: () => void): (pattern: string, options: string) => Compiled {
	let last: { readonly pattern: string; readonly options: string; readonly compiled: Compiled } | undefined;
	return (pattern, options) => {
		if (last === undefined || last.pattern !== pattern || last.options !== options) {
			const ignoreCase = options.lastIndexOf('i') > options.lastIndexOf('c');
			const matches = compileRegexp(ignoreCase ? `(?i)${pattern}` : pattern, poll);
			last = { pattern, options, compiled: { finder: compileFinder(pattern, ignoreCase, poll), matches } };
		}
		return last.compiled;
	};
}

function optionsOf(given: Value | undefined, known: string): string {
	const options = given === undefined ? '' : toText(given as Known);
	for (const option of options) {
		if (known.includes(option)) continue;
		const list = [...known].map((each) => `'${each}'`);
		throw new SqlError(
			`expected options of the letters ${list.slice(0, -1).join(', ')} and ${list.at(-1)}, got '${options.slice(0, 20)}'`,
			'ERR_SQL_VALUE',
			undefined,
			"'i' ignores case, 'c' does not; regexp_replace() has 'g', for all matches",
		);
	}
	return options;
}

function groupOf(given: Value | undefined, groups: number): number {
	const number = given === undefined ? 0 : given;
	if (typeof number === 'number' && Number.isInteger(number) && number >= 0 && number <= groups) return number;
	const what = groups === 0 ? '0, because the pattern has no groups' : `from 0 to ${groups}`;
	throw new SqlError(
		`expected the number of a group ${what}, got ${toText(number as Known).slice(0, 40)}`,
		'ERR_SQL_VALUE',
		undefined,
		"groups are the parentheses of the pattern: regexp_extract(path, '/users/(\\d+)', 1); options come after the group",
	);
}

function partOf(text: string, slots: Slots, group: number): string {
	const start = slots[2 * group]!;
	const end = slots[2 * group + 1]!;
	// A group that took no part in the match is empty.
	return start < 0 || end < 0 ? '' : text.slice(start, end);
}

/** A replacement as texts and the numbers of groups. */
function replacementOf(text: string, groups: number): (string | number)[] {
	const parts: (string | number)[] = [];
	let at = 0;
	for (const match of text.matchAll(/\\([\s\S]?)/g)) {
		parts.push(text.slice(at, match.index));
		at = match.index + match[0].length;
		const escaped = match[1]!;
		if (escaped === '\\') parts.push('\\');
		else if (escaped === '&') parts.push(0);
		else if (/\d/.test(escaped) && Number(escaped) <= groups) parts.push(Number(escaped));
		else {
			throw new SqlError(
				/\d/.test(escaped)
					? `the replacement has \\${escaped}, but the pattern has ${groups === 0 ? 'no' : groups} ${groups === 1 ? 'group' : 'groups'}`
					: `the replacement has \\${escaped}, which means nothing`,
				'ERR_SQL_VALUE',
				undefined,
				'\\0 is the match, \\1 to \\9 are its groups, and a backslash is written \\\\',
			);
		}
	}
	parts.push(text.slice(at));
	return parts;
}

function replaced(text: string, finder: Finder, parts: readonly (string | number)[], all: boolean): string {
	const pieces: string[] = [];
	let length = 0;
	let at = 0;
	const add = (piece: string) => {
		length += piece.length;
		if (length > MAX_TEXT) throw new SqlError('the result of regexp_replace() is too long', 'ERR_SQL_TOO_LARGE');
		pieces.push(piece);
	};
	finder.each(text, (slots) => {
		add(text.slice(at, slots[0]));
		for (const part of parts) add(typeof part === 'string' ? part : partOf(text, slots, part));
		at = slots[1]!;
		return all;
	});
	add(text.slice(at));
	return pieces.join('');
}
