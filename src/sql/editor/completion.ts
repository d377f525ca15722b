// What an SQL editor needs: token classes for colours, and completions at the cursor.
import type { Schema } from '../bind/schema.ts';
import type { FunctionDoc } from '../functions/function-table.ts';
import {
	AGGREGATE_FUNCTIONS,
	FUNCTION_DOCS,
	SCALAR_FUNCTIONS,
	TABLE_FUNCTIONS,
	WINDOW_FUNCTIONS,
} from '../functions/functions.ts';
import type { TableFunction } from '../functions/table-functions.ts';
import { type Token, tokenize, unquote } from '../text/lexer.ts';
import { KEYWORD_WORDS, KEYWORDS } from './keywords.ts';

export type TokenClass =
	| 'keyword'
	| 'function'
	| 'name'
	| 'string'
	| 'number'
	| 'parameter'
	| 'operator'
	| 'comment'
	| 'space'
	| 'bad';

export type ClassifiedToken = { readonly start: number; readonly end: number; readonly class: TokenClass };

/** Splits the whole text into classified pieces. */
export function classify(text: string): ClassifiedToken[] {
	const tokens = tokenize(text);
	return tokens.map((token, index) => ({
		start: token.start,
		end: token.end,
		class: classOf(text, tokens, index, token),
	}));
}

function classOf(text: string, tokens: readonly Token[], index: number, token: Token): TokenClass {
	switch (token.kind) {
		case 'word': {
			const word = text.slice(token.start, token.end);
			const next = tokens[index + 1];
			const isCall = next !== undefined && text[next.start] === '(' && isFunction(word);
			return isCall ? 'function' : KEYWORD_WORDS.has(word.toUpperCase()) ? 'keyword' : 'name';
		}
		case 'quoted':
			return token.closed ? 'name' : 'bad';
		case 'string':
		case 'blob':
			return token.closed ? 'string' : 'bad';
		default:
			return token.kind;
	}
}

function isFunction(word: string): boolean {
	const name = word.toLowerCase();
	return (
		TABLE_FUNCTIONS.has(name) ||
		SCALAR_FUNCTIONS.has(name) ||
		AGGREGATE_FUNCTIONS.has(name) ||
		WINDOW_FUNCTIONS.has(name)
	);
}

export type Completion = {
	/** Replaces the word before the cursor. */
	readonly text: string;
	readonly kind: 'keyword' | 'function' | 'table' | 'column';
	/** One line. */
	readonly doc: string;
};

/** The completions at `position`, and the start of the word that they replace. */
export function completionsAt(
	text: string,
	position: number,
	schema: Schema,
): { start: number; completions: Completion[] } {
	const tokens = tokenize(text.slice(0, position)).filter(
		(token) => token.kind !== 'space' && token.kind !== 'comment',
	);
	const last = tokens.at(-1);
	const word =
		last !== undefined && last.kind === 'word' && last.end === position ? text.slice(last.start, position) : '';
	// No completions inside strings, comments and numbers.
	if (!isOpenForNames(text.slice(0, position))) return { start: position, completions: [] };
	const before = word === '' ? tokens : tokens.slice(0, -1);
	const at = (offset: number) => {
		const token = before.at(offset);
		return token === undefined ? '' : text.slice(token.start, token.end);
	};
	const all =
		at(-1) === '.'
			? columnsOf(at(-2), text, schema)
			: /^(from|join|describe|desc|into|summarize)$/i.test(at(-1))
				? [...tablesOf(schema), ...(/^(from|join)$/i.test(at(-1)) ? tableFunctions() : [])]
				: everything(text, schema);
	const wanted = word.toLowerCase();
	const completions = all.filter((candidate) => candidate.text.toLowerCase().startsWith(wanted));
	return { start: position - word.length, completions };
}

function isOpenForNames(before: string): boolean {
	const last = tokenize(before).at(-1);
	if (last === undefined || last.kind === 'space' || last.kind === 'word' || last.kind === 'operator') return true;
	return last.kind === 'comment' ? last.closed && before.startsWith('/*', last.start) : false;
}

function tablesOf(schema: Schema): Completion[] {
	const tables = [...schema.tables.keys()].map((name): Completion => ({ text: name, kind: 'table', doc: 'table' }));
	const views = [...(schema.views?.values() ?? [])].map(
		(view): Completion => ({ text: view.name, kind: 'table', doc: 'view' }),
	);
	return [...tables, ...views];
}

/** Functions that are tables. */
function tableFunctions(): Completion[] {
	return FUNCTION_DOCS.filter(({ group }) => group === 'table').map(functionCompletion);
}

function functionCompletion({ name, signature, doc }: FunctionDoc): Completion {
	return { text: `${name}(`, kind: 'function', doc: `${signature}: ${doc}` };
}

/** Columns of the table that has this name or alias in the text. */
function columnsOf(alias: string, text: string, schema: Schema): Completion[] {
	const name = (alias.startsWith('"') ? unquote(alias) : alias).toLowerCase();
	const called = mentionedFunctions(text).get(name);
	if (called !== undefined) return functionColumns(called);
	const table = mentionedTables(text, schema).get(name);
	return table === undefined ? [] : tableColumns(table, schema);
}

function tableColumns(table: string, schema: Schema): Completion[] {
	const columns = schema.tables.get(table)?.columns ?? [];
	return columns.map((column) => ({ text: column.name, kind: 'column', doc: `${column.type}: ${column.description}` }));
}

function functionColumns({ name, columns }: TableFunction): Completion[] {
	return columns.map((column) => ({ text: column.name, kind: 'column', doc: `a column of ${name}()` }));
}

/** The table functions that the text calls, by name and by alias. */
function mentionedFunctions(text: string): ReadonlyMap<string, TableFunction> {
	const mentioned = new Map<string, TableFunction>();
	const tokens = tokenize(text).filter(({ kind }) => kind !== 'space' && kind !== 'comment');
	const at = (index: number) => {
		const token = tokens[index];
		return token === undefined ? '' : text.slice(token.start, token.end);
	};
	for (let index = 0; index < tokens.length; index++) {
		const called = tokens[index]!.kind === 'word' ? TABLE_FUNCTIONS.get(at(index).toLowerCase()) : undefined;
		if (called === undefined || at(index + 1) !== '(') continue;
		mentioned.set(called.name, called);
		let end = index + 1;
		for (let depth = 0; end < tokens.length; end++) {
			depth += at(end) === '(' ? 1 : at(end) === ')' ? -1 : 0;
			if (depth === 0) break;
		}
		const alias = at(end + (at(end + 1).toUpperCase() === 'AS' ? 2 : 1));
		if (/^\w+$/.test(alias) && !KEYWORD_WORDS.has(alias.toUpperCase())) mentioned.set(alias.toLowerCase(), called);
	}
	return mentioned;
}

/** The tables that the text mentions, by name and by alias. */
function mentionedTables(text: string, schema: Schema): ReadonlyMap<string, string> {
	const byName = new Map([...schema.tables.keys()].map((name) => [name.toLowerCase(), name]));
	const mentioned = new Map<string, string>();
	const words = tokenize(text)
		.filter((token) => token.kind === 'word')
		.map((token) => text.slice(token.start, token.end));
	for (const [index, word] of words.entries()) {
		const table = byName.get(word.toLowerCase());
		if (table === undefined) continue;
		mentioned.set(word.toLowerCase(), table);
		const next = words[index + 1]?.toUpperCase() === 'AS' ? words[index + 2] : words[index + 1];
		if (next !== undefined && !KEYWORD_WORDS.has(next.toUpperCase())) mentioned.set(next.toLowerCase(), table);
	}
	return mentioned;
}

/** Columns of the mentioned tables (of exchanges if there are none), functions and keywords. */
function everything(text: string, schema: Schema): Completion[] {
	const tables = new Set(mentionedTables(text, schema).values());
	if (tables.size === 0 && schema.tables.has('exchanges')) tables.add('exchanges');
	const columns = new Map(
		[
			...[...tables].flatMap((table) => tableColumns(table, schema)),
			...[...new Set(mentionedFunctions(text).values())].flatMap(functionColumns),
		].map((column) => [column.text, column]),
	);
	const functions = FUNCTION_DOCS.map(functionCompletion);
	const keywords = KEYWORDS.map(({ word, doc }): Completion => ({ text: word, kind: 'keyword', doc }));
	const unique = new Map(
		[...columns.values(), ...functions, ...keywords].map((completion) => [completion.text, completion]),
	);
	return [...unique.values(), ...tablesOf(schema)];
}
