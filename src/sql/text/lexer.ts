// Splits SQL text into tokens in linear time: for the parser, the shell's multi-line input, highlighting, completion.
// It accepts any text; invalid parts become tokens of kind `bad`.

export type TokenKind =
	| 'word'
	| 'quoted'
	| 'string'
	| 'blob'
	| 'number'
	| 'parameter'
	| 'operator'
	| 'comment'
	| 'space'
	| 'bad';

export type Token = {
	readonly kind: TokenKind;
	readonly start: number;
	readonly end: number;
	/** False for a string, quoted name or block comment that has no end. */
	readonly closed: boolean;
};

const CODE = (character: string) => character.charCodeAt(0);
const QUOTE = CODE("'");
const STAR = CODE('*');
const SLASH = CODE('/');
const DASH = CODE('-');
const DOT = CODE('.');

/** Operators and punctuation. Longer ones come before those that are their beginnings. */
const OPERATORS = [
	...['->>', '->', '||', '<<', '>>', '<=', '>=', '<>', '!=', '==', '::'],
	...['=', '<', '>', '+', '-', '*', '/', '%', '&', '|', '~', '(', ')', ']', ',', '.', ';'],
];

/** Words after which a `[` begins a name, because no value ends with them. */
const BEFORE_NAMES = new Set(
	`SELECT DISTINCT ALL FROM WHERE GROUP ORDER BY HAVING LIMIT OFFSET WINDOW OVER PARTITION UNION INTERSECT EXCEPT ON USING
	JOIN LATERAL AND OR NOT IN IS LIKE ILIKE GLOB REGEXP ESCAPE BETWEEN CASE WHEN THEN ELSE AS WITH RECURSIVE INTO VALUES
	COLLATE TABLE VIEW EXISTS DESCRIBE DESC SUMMARIZE EXCLUDE REPLACE INSERT DELETE DROP`.split(/\s+/),
);

const OPERATORS_BY_START = new Map<number, string[]>();
for (const operator of OPERATORS) {
	const list = OPERATORS_BY_START.get(CODE(operator)) ?? [];
	list.push(operator);
	OPERATORS_BY_START.set(CODE(operator), list);
}

function isDigit(code: number): boolean {
	return code >= 48 && code <= 57;
}

function isHexDigit(code: number): boolean {
	return isDigit(code) || ((code | 32) >= 97 && (code | 32) <= 102);
}

function isWordStart(code: number): boolean {
	return ((code | 32) >= 97 && (code | 32) <= 122) || code === 95 || (code >= 0x80 && !isSpace(code));
}

function isWordPart(code: number): boolean {
	return isWordStart(code) || isDigit(code) || code === 36;
}

function isSpace(code: number): boolean {
	return (
		(code >= 9 && code <= 13) || code === 32 || code === 0xa0 || code === 0xfeff || code === 0x2028 || code === 0x2029
	);
}

/** All tokens of `text`, including spaces and comments. Concatenated, they are the text. */
export function tokenize(text: string): Token[] {
	return [...tokensFrom(text, 0)];
}

/** The tokens from an offset at which one begins. Each is found when it is asked for. */
export function* tokensFrom(text: string, start: number): Generator<Token, undefined> {
	let at = start;
	/** The last token that is neither space nor comment. */
	let before: Token | undefined;
	while (at < text.length) {
		const token = nextToken(text, at, before);
		yield token;
		at = token.end;
		if (token.kind !== 'space' && token.kind !== 'comment') before = token;
	}
	return undefined;
}

/**
 * Whether the `[` at `start` is a subscript of the value before it, as in `x['name']`, `x[0]` and `x[a || b]`.
 * Otherwise it begins a quoted name, as in `SELECT id [the id]`.
 */
function isSubscript(text: string, start: number, before: Token | undefined): boolean {
	if (before === undefined || !endsValue(text, before)) return false;
	const inside = skip(text, start + 1, isSpace);
	const first = text.charCodeAt(inside);
	const second = text.charCodeAt(inside + 1);
	return (
		before.end === start ||
		first === QUOTE ||
		isDigit(first) ||
		(first === DASH && isDigit(second)) ||
		(first === CODE(':') && isWordStart(second))
	);
}

function endsValue(text: string, { kind, start, end }: Token): boolean {
	if (kind === 'word') return !BEFORE_NAMES.has(text.slice(start, end).toUpperCase());
	if (kind === 'operator') return text[start] === ')' || text[start] === ']';
	return kind === 'quoted' || kind === 'string' || kind === 'parameter';
}

function nextToken(text: string, start: number, before: Token | undefined): Token {
	const code = text.charCodeAt(start);
	const token = (kind: TokenKind, end: number, closed = true): Token => ({ kind, start, end, closed });
	if (isSpace(code)) return token('space', skip(text, start + 1, isSpace));
	const next = start + 1 < text.length ? text.charCodeAt(start + 1) : 0;
	if (code === DASH && next === DASH) {
		const end = text.indexOf('\n', start);
		return token('comment', end < 0 ? text.length : end);
	}
	if (code === SLASH && next === STAR) {
		const end = text.indexOf('*/', start + 2);
		return token('comment', end < 0 ? text.length : end + 2, end >= 0);
	}
	if (code === QUOTE) return quoted('string', text, start, start + 1, "'");
	if ((code | 32) === 120 && next === QUOTE) return quoted('blob', text, start, start + 2, "'");
	if (code === CODE('"')) return quoted('quoted', text, start, start + 1, '"');
	if (code === CODE('`')) return quoted('quoted', text, start, start + 1, '`');
	if (code === CODE('[')) {
		if (isSubscript(text, start, before)) return token('operator', start + 1);
		const end = text.indexOf(']', start);
		return token('quoted', end < 0 ? text.length : end + 1, end >= 0);
	}
	if (isDigit(code) || (code === DOT && isDigit(next))) return numberToken(text, start);
	if (isWordStart(code)) return token('word', skip(text, start + 1, isWordPart));
	if ((code === CODE(':') || code === CODE('@') || code === CODE('$')) && isWordStart(next)) {
		return token('parameter', skip(text, start + 2, isWordPart));
	}
	for (const operator of OPERATORS_BY_START.get(code) ?? []) {
		if (text.startsWith(operator, start)) return token('operator', start + operator.length);
	}
	return token('bad', start + 1);
}

function skip(text: string, from: number, belongs: (code: number) => boolean): number {
	let at = from;
	while (at < text.length && belongs(text.charCodeAt(at))) at++;
	return at;
}

/** A quoted token whose content begins at `content`. Two quotes inside it stand for one. */
function quoted(kind: TokenKind, text: string, start: number, content: number, quote: string): Token {
	let at = content;
	while (true) {
		const end = text.indexOf(quote, at);
		if (end < 0) return { kind, start, end: text.length, closed: false };
		if (text[end + 1] !== quote) return { kind, start, end: end + 1, closed: true };
		at = end + 2;
	}
}

function numberToken(text: string, start: number): Token {
	let at = start;
	if (
		text.charCodeAt(start) === 48 &&
		(text.charCodeAt(start + 1) | 32) === 120 &&
		isHexDigit(text.charCodeAt(start + 2))
	) {
		at = skip(text, start + 2, isHexDigit);
	} else {
		at = skip(text, at, isDigit);
		if (text.charCodeAt(at) === DOT) at = skip(text, at + 1, isDigit);
		if ((text.charCodeAt(at) | 32) === 101) {
			const sign = text[at + 1] === '+' || text[at + 1] === '-' ? 1 : 0;
			if (isDigit(text.charCodeAt(at + 1 + sign))) at = skip(text, at + 1 + sign, isDigit);
		}
	}
	// `12abc` is one bad token, not a number with an alias.
	const end = skip(text, at, isWordPart);
	return { kind: end > at ? 'bad' : 'number', start, end, closed: true };
}

/** The value of a string or quoted name. */
export function unquote(raw: string): string {
	const quote = raw[0]!;
	if (quote === '[') return raw.slice(1, -1);
	return raw.slice(1, -1).replaceAll(quote + quote, quote);
}

export type StatementText = {
	/** Without the `;`, and without surrounding spaces and comments. */
	readonly text: string;
	/** Offset of `text` in the whole text. */
	readonly start: number;
	/** Whether it ends with a `;`. */
	readonly complete: boolean;
};

/** The statements of `text`, in order, without pieces that contain only spaces and closed comments. */
export function splitStatements(text: string): StatementText[] {
	const statements: StatementText[] = [];
	let first = -1;
	let last = -1;
	const finish = (complete: boolean) => {
		if (first >= 0) statements.push({ text: text.slice(first, last), start: first, complete });
		first = -1;
	};
	for (const token of tokenize(text)) {
		if (token.kind === 'space' || (token.kind === 'comment' && token.closed)) continue;
		if (token.kind === 'operator' && text[token.start] === ';') {
			finish(true);
			continue;
		}
		if (first < 0) first = token.start;
		last = token.end;
	}
	finish(false);
	return statements;
}

/** Whether the input is complete: each statement has its `;` and no string or comment is open. */
export function isComplete(text: string): boolean {
	return splitStatements(text).every((statement) => statement.complete);
}
