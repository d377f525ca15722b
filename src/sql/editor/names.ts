// The names that a text may use: tables and columns of the schema, and what the text itself defines.
import type { Schema } from '../bind/schema.ts';
import { TABLE_FUNCTIONS } from '../functions/functions.ts';
import type { TableFunction } from '../functions/table-functions.ts';
import { type Token, unquote } from '../text/lexer.ts';
import { KEYWORD_WORDS } from './keywords.ts';

/** Words that are names except in certain places: types, units of time, collations, parts of phrases. */
const SOFT_WORDS: ReadonlySet<string> = new Set(
	`integer int bigint real double float text varchar char blob boolean date time datetime timestamp interval json numeric decimal
	year years month months week weeks day days hour hours minute minutes second seconds millisecond milliseconds microsecond
	microseconds quarter decade century epoch dow doy isodow nocase binary rtrim utc zone at within first last only ties others
	precision temp temporary query plan analyze current_timestamp current_date current_time no following preceding row rows
	materialized lateral if exists symmetric trailing leading both filter`.split(/\s+/),
);

/** The tables that a text mentions. */
export type Mentioned = {
	/** Table names by name and by alias, in lower case. */
	readonly tables: ReadonlyMap<string, string>;
	readonly functions: ReadonlyMap<string, TableFunction>;
};

/** Tokens without spaces and comments, with their text. */
export type Word = { readonly token: Token; readonly index: number; readonly text: string; readonly lower: string };

export function wordsOf(text: string, tokens: readonly Token[]): Word[] {
	const words: Word[] = [];
	for (const [index, token] of tokens.entries()) {
		if (token.kind === 'space' || token.kind === 'comment') continue;
		const raw = text.slice(token.start, token.end);
		const name = token.kind === 'quoted' && token.closed ? unquote(raw) : raw;
		words.push({ token, index, text: raw, lower: name.toLowerCase() });
	}
	return words;
}

export function isName({ token, text }: Word): boolean {
	return token.kind === 'quoted' || (token.kind === 'word' && !KEYWORD_WORDS.has(text.toUpperCase()));
}

export function mentioned(words: readonly Word[], schema: Schema): Mentioned {
	const byName = new Map([...schema.tables.keys()].map((name) => [name.toLowerCase(), name]));
	const tables = new Map<string, string>();
	const functions = new Map<string, TableFunction>();
	for (const [at, word] of words.entries()) {
		if (word.token.kind !== 'word' && word.token.kind !== 'quoted') continue;
		const table = byName.get(qualified(words, at) ?? '') ?? byName.get(word.lower);
		if (table !== undefined) {
			tables.set(word.lower, table);
			const alias = aliasAfter(words, at);
			if (alias !== undefined) tables.set(alias, table);
			continue;
		}
		const called = TABLE_FUNCTIONS.get(word.lower);
		if (called === undefined || words[at + 1]?.text !== '(') continue;
		functions.set(called.name, called);
		const alias = aliasAfter(words, closing(words, at + 1));
		if (alias !== undefined) functions.set(alias, called);
	}
	return { tables, functions };
}

/** The word at `at` with the name and the dot before it. */
function qualified(words: readonly Word[], at: number): string | undefined {
	return words[at - 1]?.text === '.' ? `${words[at - 2]?.lower ?? ''}.${words[at]!.lower}` : undefined;
}

/** The name given to the expression that ends at `at`, with or without AS. */
function aliasAfter(words: readonly Word[], at: number): string | undefined {
	const next = words[at + 1]?.lower === 'as' ? words[at + 2] : words[at + 1];
	return next !== undefined && isName(next) ? next.lower : undefined;
}

/** Index of the bracket that closes the one at `at`. */
export function closing(words: readonly Word[], at: number): number {
	let depth = 0;
	for (let index = at; index < words.length; index++) {
		if (words[index]!.text === '(') depth++;
		if (words[index]!.text === ')' && --depth === 0) return index;
	}
	return words.length;
}

/** Whether the name at an index of `tokens` is known. */
export function knownNames(text: string, tokens: readonly Token[], schema: Schema): (index: number) => boolean {
	const words = wordsOf(text, tokens);
	const { tables, functions } = mentioned(words, schema);
	const columns = new Set<string>();
	const used = new Set(tables.values());
	if (used.size === 0 && functions.size === 0 && schema.tables.has('exchanges')) used.add('exchanges');
	for (const name of used)
		for (const column of schema.tables.get(name)!.columns) columns.add(column.name.toLowerCase());
	for (const called of functions.values()) for (const { name } of called.columns) columns.add(name);
	const allTables = new Set([...schema.tables.keys()].map((name) => name.toLowerCase()));
	// Names of attached recordings stand before their tables.
	const recordings = new Set([...allTables].filter((name) => name.includes('.')).map((name) => name.split('.')[0]!));
	const defined = definedNames(words, schema);
	const unknown = new Set<number>();
	for (const [at, word] of words.entries()) {
		if (!isName(word) || SOFT_WORDS.has(word.lower) || defined.names.has(word.lower)) continue;
		const before = words[at - 1];
		if (before?.text === '.') {
			if (allTables.has(qualified(words, at)!)) continue;
			const owner = words[at - 2]?.lower ?? '';
			const table = tables.get(owner);
			if (table === undefined && recordings.has(owner)) unknown.add(word.index);
			const own = table === undefined ? undefined : schema.tables.get(table)!.columns;
			if (own !== undefined && !own.some(({ name }) => name.toLowerCase() === word.lower)) unknown.add(word.index);
			continue;
		}
		if (defined.at.has(at)) continue;
		const isTable =
			allTables.has(word.lower) || recordings.has(word.lower) || functions.has(word.lower) || tables.has(word.lower);
		const isColumn = columns.has(word.lower) || /^column\d+$/.test(word.lower);
		if (isAfterFrom(words, at) ? !isTable : !isTable && !isColumn) unknown.add(word.index);
	}
	return (index) => !unknown.has(index);
}

function isAfterFrom(words: readonly Word[], at: number): boolean {
	return /^(from|join|into|describe|summarize)$/.test(words[at - 1]?.lower ?? '');
}

/** Names that the text defines: aliases, CTEs, views, windows. `at`: indexes of the words that define them. */
function definedNames(words: readonly Word[], schema: Schema): { names: Set<string>; at: Set<number> } {
	const names = new Set<string>();
	const at = new Set<number>();
	const define = (index: number) => {
		at.add(index);
		names.add(words[index]!.lower);
	};
	const isCreate = words[0]?.lower === 'create' || words[0]?.lower === 'drop';
	for (const [index, word] of words.entries()) {
		if (!isName(word)) continue;
		const before = words[index - 1];
		const after = words[index + 1];
		if (before?.lower === 'as' || after?.lower === 'as') {
			// `x AS y` defines y; `x AS (…)` defines x.
			if (before?.lower === 'as' || words[index + 2]?.text === '(') define(index);
		} else if (isCreate && /^(view|table|exists)$/.test(before?.lower ?? '')) define(index);
		else if (before !== undefined && endsOperand(before) && !schema.tables.has(word.lower) && after?.text !== '(') {
			define(index);
		} else if (after?.text === '(' && words[closing(words, index + 1) + 1]?.lower === 'as') {
			// `WITH x(a, b) AS (…)`
			define(index);
			for (let inner = index + 2; inner < closing(words, index + 1); inner++) if (isName(words[inner]!)) define(inner);
		}
	}
	return { names, at };
}

/** Whether a name after this word is an alias. */
function endsOperand(word: Word): boolean {
	const { token, text } = word;
	if (token.kind === 'string' || token.kind === 'number' || text === ')' || text === ']') return true;
	return isName(word) || /^(end|null|true|false)$/i.test(text);
}
