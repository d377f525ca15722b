// The parser's cursor over a statement's tokens, without spaces and comments.

import { syntaxError } from '../limits/sql-error.ts';
import { type TokenKind, tokenize, unquote } from '../text/lexer.ts';
import { placeElsewhere, wordElsewhere } from '../text/other-dialects.ts';
import { parseInterval } from '../values/interval.ts';
import type { Query } from './syntax.ts';

/** Maximum length of a statement, in UTF-16 units. */
const MAX_STATEMENT_LENGTH = 1_000_000;
/** Maximum nesting of parentheses, CASEs and subqueries. Keeps every recursive walk of the tree within the stack. */
const MAX_DEPTH = 200;
/** Maximum number, in the whole statement, of operators in chains such as `a || b || c`. */
const MAX_LINKS = 1_000;

export type ParseToken = {
	readonly kind: Exclude<TokenKind, 'space' | 'comment'> | 'end';
	/** As written. */
	readonly text: string;
	/** What the grammar compares: a word in capitals, or an operator; empty for other tokens. */
	readonly word: string;
	readonly start: number;
	readonly end: number;
};

/** Words that cannot begin an expression, nor be a name without quotes or AS. */
const RESERVED = new Set(
	`SELECT FROM WHERE GROUP HAVING ORDER LIMIT OFFSET UNION INTERSECT EXCEPT ON USING JOIN INNER CROSS NATURAL AND OR NOT
	IN IS LIKE ILIKE GLOB REGEXP BETWEEN CASE WHEN THEN ELSE AS DISTINCT WITH INTO COLLATE ISNULL NOTNULL ESCAPE`.split(
		/\s+/,
	),
);

/** Words that cannot be an alias without AS. */
const NOT_AN_ALIAS = new Set([...RESERVED, 'LEFT', 'RIGHT', 'FULL', 'WINDOW', 'VALUES', 'ASC', 'DESC', 'END', 'SET']);

export class TokenReader {
	readonly sql: string;
	readonly tokens: readonly ParseToken[];
	/** Reads a subquery. Passed in, because expressions and queries would otherwise import each other. */
	readonly readQuery: (reader: TokenReader) => Query;
	#position = 0;
	#depth = 0;
	#links = 0;

	constructor(sql: string, readQuery: (reader: TokenReader) => Query) {
		this.sql = sql;
		this.readQuery = readQuery;
		if (sql.length > MAX_STATEMENT_LENGTH) {
			throw syntaxError(`the statement has ${sql.length} characters, more than the limit of ${MAX_STATEMENT_LENGTH}`);
		}
		this.tokens = parseTokens(sql);
	}

	get position(): number {
		return this.#position;
	}

	/** The token `offset` places ahead. */
	peek(offset = 0): ParseToken {
		return this.tokens[Math.min(this.#position + offset, this.tokens.length - 1)]!;
	}

	next(): ParseToken {
		const token = this.peek();
		this.#position++;
		return token;
	}

	/** The end of the last token taken. */
	get lastEnd(): number {
		return this.#position === 0 ? 0 : this.tokens[Math.min(this.#position, this.tokens.length) - 1]!.end;
	}

	/** Whether the next tokens are these words or operators. */
	sees(...words: string[]): boolean {
		return words.every((word, offset) => this.peek(offset).word === word);
	}

	/** Takes the next tokens if they are these words or operators. */
	takes(...words: string[]): boolean {
		if (!this.sees(...words)) return false;
		this.#position += words.length;
		return true;
	}

	expect(word: string, where: string): ParseToken {
		if (this.peek().word !== word) throw this.unexpected(`${display(word)} ${where}`);
		return this.next();
	}

	/** The error for an unexpected next token. */
	unexpected(expected: string, hint?: string): Error {
		const token = this.peek();
		const before = this.tokens[this.#position - 1]?.word;
		const elsewhere =
			hint ?? placeElsewhere(token.word, before, this.tokens[0]?.word) ?? wordElsewhere(token.word, before);
		return syntaxError(`expected ${expected}, got ${describeToken(token)}`, token.start, elsewhere);
	}

	/** Whether the next token can be a name: a quoted name, or a word that is not reserved. */
	seesName(offset = 0): boolean {
		const token = this.peek(offset);
		return token.kind === 'quoted' || (token.kind === 'word' && !RESERVED.has(token.word));
	}

	/** Takes a name: quoted, or any word that is not reserved. */
	name(what: string): { text: string; at: number; quoted: boolean } {
		const token = this.peek();
		if (!this.seesName()) {
			const hint = token.kind === 'word' ? `to use ${token.text} as a name, write "${token.text}"` : undefined;
			throw this.unexpected(what, hint);
		}
		return nameOf(this.next());
	}

	/** Takes an alias. After AS it may be any word, quoted name or string; otherwise it must not be a keyword. */
	alias(): { text: string; at: number; index: number } | undefined {
		const index = this.#position;
		if (this.takes('AS')) {
			const token = this.peek();
			if (token.kind !== 'word' && token.kind !== 'quoted' && token.kind !== 'string')
				throw this.unexpected('a name after AS');
			this.next();
			return { ...nameOf(token), index: index + 1 };
		}
		const token = this.peek();
		if (
			token.kind === 'quoted' ||
			token.kind === 'string' ||
			(token.kind === 'word' && !NOT_AN_ALIAS.has(token.word))
		) {
			this.next();
			return { ...nameOf(token), index };
		}
		return undefined;
	}

	/** Runs `read` one level deeper. */
	nested<T>(read: () => T): T {
		if (this.#depth >= MAX_DEPTH) {
			throw syntaxError(`the statement nests deeper than ${MAX_DEPTH} levels`, this.peek().start);
		}
		this.#depth++;
		const result = read();
		this.#depth--;
		return result;
	}

	/** Counts one more operator of a chain. */
	countLink(): void {
		if (++this.#links > MAX_LINKS) {
			throw syntaxError(`the statement has chains of more than ${MAX_LINKS} operators`, this.peek().start);
		}
	}
}

function nameOf(token: ParseToken): { text: string; at: number; quoted: boolean } {
	const isQuoted = token.kind !== 'word';
	return { text: isQuoted ? unquote(token.text) : token.text, at: token.start, quoted: isQuoted };
}

function parseTokens(sql: string): ParseToken[] {
	const tokens: ParseToken[] = [];
	for (const { kind, start, end, closed } of tokenize(sql)) {
		const text = sql.slice(start, end);
		if (!closed) {
			const what = kind === 'comment' ? 'a comment' : kind === 'quoted' ? 'a quoted name' : 'a text';
			throw syntaxError(`${what} that begins here is not closed`, start, UNCLOSED[text[0]!]);
		}
		if (kind === 'space' || kind === 'comment') continue;
		if (kind === 'bad') throw badToken(text, start);
		const word = kind === 'word' ? text.toUpperCase() : kind === 'operator' ? text : '';
		tokens.push({ kind, text, word, start, end });
	}
	while (tokens.at(-1)?.word === ';') tokens.pop();
	const extra = tokens.find((token) => token.word === ';');
	if (extra !== undefined) throw syntaxError('expected one statement, got more after the ;', extra.start);
	tokens.push({ kind: 'end', text: '', word: '', start: sql.length, end: sql.length });
	return tokens;
}

/** How to close a token, by its first character. */
const UNCLOSED: Readonly<Record<string, string>> = {
	"'": "a string ends with ', and a ' inside is written ''",
	'"': 'a name ends with ", and a " inside is written ""',
	'`': 'a name ends with `, and a ` inside is written twice',
	'[': 'a name ends with ]',
	'/': 'a comment ends with */',
};

function badToken(text: string, start: number): Error {
	if (/^[0-9.]/.test(text)) {
		const hint = parseInterval(text) === undefined ? undefined : `a duration is written in quotes: '${text}'`;
		return syntaxError(`${text} is neither a number nor a name`, start, hint);
	}
	return syntaxError(`the character ${text} has no meaning in SQL`, start, wordElsewhere(text));
}

function display(word: string): string {
	return /^\w/.test(word) ? word : `"${word}"`;
}

function describeToken(token: ParseToken): string {
	if (token.kind === 'end') return 'the end of the statement';
	const text = token.text.length > 40 ? `${token.text.slice(0, 40)}…` : token.text;
	return token.kind === 'operator' ? `"${text}"` : text;
}
