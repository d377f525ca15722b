// Classes of tokens, for colours while typing.
import type { Schema } from '../bind/schema.ts';
import {
	AGGREGATE_FUNCTIONS,
	FUNCTION_ALIASES,
	SCALAR_FUNCTIONS,
	TABLE_FUNCTIONS,
	WINDOW_FUNCTIONS,
} from '../functions/functions.ts';
import { type Token, tokenize } from '../text/lexer.ts';
import { KEYWORD_WORDS } from './keywords.ts';
import { knownNames } from './names.ts';

export type TokenClass =
	| 'keyword'
	| 'function'
	| 'name'
	/** A name that no table, column, alias or function has. */
	| 'unknown'
	| 'string'
	| 'number'
	| 'parameter'
	| 'operator'
	| 'comment'
	| 'space'
	| 'bad';

export type ClassifiedToken = { readonly start: number; readonly end: number; readonly class: TokenClass };

/** Splits the whole text into classified pieces. Without a schema no name is unknown. */
export function classify(text: string, schema?: Schema): ClassifiedToken[] {
	const tokens = tokenize(text);
	const isKnown = schema === undefined ? () => true : knownNames(text, tokens, schema);
	return tokens.map((token, index) => {
		const found = classOf(text, tokens, index, token);
		return {
			start: token.start,
			end: token.end,
			class: found === 'name' && !isKnown(index) ? 'unknown' : found,
		};
	});
}

function classOf(text: string, tokens: readonly Token[], index: number, token: Token): TokenClass {
	switch (token.kind) {
		case 'word': {
			const word = text.slice(token.start, token.end);
			const next = tokens[index + 1];
			const isCall = next !== undefined && text[next.start] === '(' && isFunctionName(word);
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

/** Whether a function has this name. */
export function isFunctionName(word: string): boolean {
	const name = word.toLowerCase();
	return (
		TABLE_FUNCTIONS.has(name) ||
		SCALAR_FUNCTIONS.has(name) ||
		AGGREGATE_FUNCTIONS.has(name) ||
		WINDOW_FUNCTIONS.has(name) ||
		FUNCTION_ALIASES.has(name)
	);
}

/**
 * The two brackets that match, if one of them is at the cursor or before it. Brackets in strings and comments do not
 * count.
 */
export function bracketsAt(text: string, tokens: readonly ClassifiedToken[], cursor: number): readonly number[] {
	const open: number[] = [];
	for (const token of tokens) {
		if (token.class !== 'operator') continue;
		const character = text[token.start]!;
		if (character === '(' || character === '[') open.push(token.start);
		if (character !== ')' && character !== ']') continue;
		const start = open.pop();
		if (start === undefined || text[start] !== (character === ')' ? '(' : '[')) return [];
		const isNear = [start, token.start].some((at) => at === cursor || at + 1 === cursor);
		if (isNear) return [start, token.start];
	}
	return [];
}
