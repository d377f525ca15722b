// Parses one expression, with SQLite's precedences. alasql's grammar has unusual precedences (`NOT a IN (…)`,
// `a = b IS NULL`, `a < b = c`) and lacks many forms (FILTER, frames, IS DISTINCT FROM, `->>`, COLLATE). It sees
// placeholders in place of expressions (select-text.ts).

import { syntaxError, unsupported } from '../limits/sql-error.ts';
import { unquote } from '../text/lexer.ts';
import { literalBlob, literalNumber } from '../text/literals.ts';
import { functionElsewhere } from '../text/other-dialects.ts';
import { isIntervalUnit } from '../values/interval.ts';
import {
	type BinaryOperator,
	type Frame,
	type FrameBound,
	type MatchOperator,
	type OrderItem,
	plainCall,
	type SyntaxCall,
	type SyntaxExpression,
	type Window,
} from './syntax.ts';
import type { TokenReader } from './token-reader.ts';

/** SQLite's precedence levels, loosest first. */
const LEVEL = {
	or: 1,
	and: 2,
	not: 3,
	equality: 4,
	relation: 5,
	escape: 6,
	bits: 7,
	sum: 8,
	product: 9,
	concat: 10,
	unary: 12,
};

const BINARY = new Map<string, { level: number; operator: BinaryOperator }>([
	['=', { level: LEVEL.equality, operator: '=' }],
	['==', { level: LEVEL.equality, operator: '=' }],
	['<>', { level: LEVEL.equality, operator: '<>' }],
	['!=', { level: LEVEL.equality, operator: '<>' }],
	['<', { level: LEVEL.relation, operator: '<' }],
	['<=', { level: LEVEL.relation, operator: '<=' }],
	['>', { level: LEVEL.relation, operator: '>' }],
	['>=', { level: LEVEL.relation, operator: '>=' }],
	['&', { level: LEVEL.bits, operator: '&' }],
	['|', { level: LEVEL.bits, operator: '|' }],
	['<<', { level: LEVEL.bits, operator: '<<' }],
	['>>', { level: LEVEL.bits, operator: '>>' }],
	['+', { level: LEVEL.sum, operator: '+' }],
	['-', { level: LEVEL.sum, operator: '-' }],
	['*', { level: LEVEL.product, operator: '*' }],
	['/', { level: LEVEL.product, operator: '/' }],
	['%', { level: LEVEL.product, operator: '%' }],
	['||', { level: LEVEL.concat, operator: '||' }],
	['->', { level: LEVEL.concat, operator: '->' }],
	['->>', { level: LEVEL.concat, operator: '->>' }],
]);

const MATCH = new Map<string, MatchOperator>([
	['LIKE', 'LIKE'],
	['ILIKE', 'LIKE'],
	['GLOB', 'GLOB'],
	['REGEXP', 'REGEXP'],
]);

/** Reads an expression of operators that bind at least as tightly as `level`. */
export function readExpression(reader: TokenReader, level = LEVEL.or): SyntaxExpression {
	return reader.nested(() => {
		let left = readPrefix(reader);
		for (let links = 0; ; links++) {
			const longer = readInfix(reader, left, level);
			if (longer === undefined) return left;
			if (links > 0 && longer !== left) reader.countLink();
			left = longer;
		}
	});
}

export function readExpressionList(reader: TokenReader): SyntaxExpression[] {
	const list = [readExpression(reader)];
	while (reader.takes(',')) list.push(readExpression(reader));
	return list;
}

function readPrefix(reader: TokenReader): SyntaxExpression {
	const token = reader.peek();
	const at = token.start;
	if (token.word === 'NOT') {
		reader.next();
		return { kind: 'not', at, operand: readExpression(reader, LEVEL.not) };
	}
	if (token.word === '-' || token.word === '+' || token.word === '~') {
		reader.next();
		if (token.word === '-' && reader.peek().kind === 'number') {
			// -9223372036854775808 is an integer, but 9223372036854775808 is not.
			const value = literalNumber(`-${reader.next().text}`);
			return readPostfix(reader, { kind: 'literal', at, value });
		}
		return { kind: 'unary', at, operator: token.word, operand: readExpression(reader, LEVEL.unary) };
	}
	return readPostfix(reader, readPrimary(reader));
}

/** Reads COLLATE, `::`, `[…]` and AT TIME ZONE, which bind tighter than all operators except signs. */
function readPostfix(reader: TokenReader, operand: SyntaxExpression): SyntaxExpression {
	let result = operand;
	while (true) {
		if (reader.takes('COLLATE')) {
			reader.countLink();
			result = {
				kind: 'collate',
				at: reader.peek().start,
				operand: result,
				collation: reader.name('a collation').text,
			};
		} else if (reader.takes('::')) {
			reader.countLink();
			result = { kind: 'cast', at: result.at, operand: result, type: readTypeName(reader) };
		} else if (reader.sees('[')) {
			reader.countLink();
			result = readSubscript(reader, result);
		} else if (reader.takes('AT', 'TIME', 'ZONE')) {
			reader.countLink();
			result = { kind: 'zone', at: result.at, operand: result, zone: readExpression(reader, LEVEL.unary) };
		} else if (reader.sees('.') && result !== operand) {
			const { kind, text } = reader.peek(1);
			const part = kind === 'word' || kind === 'quoted' ? unquoted(kind, text) : 'name';
			throw reader.unexpected('an operator', `a part of JSON is written ['${part.replaceAll("'", "''")}']`);
		} else {
			return result;
		}
	}
}

function unquoted(kind: string, text: string): string {
	return kind === 'quoted' ? unquote(text) : text;
}

function readSubscript(reader: TokenReader, operand: SyntaxExpression): SyntaxExpression {
	const at = reader.next().start;
	if (operand.kind === 'name' && !operand.quoted && operand.column.toUpperCase() === 'ARRAY')
		throw unsupported('ARRAY[…] is not supported', operand.at, "json_array('a', 'b') makes an array");
	const { text, kind } = reader.peek();
	if (reader.seesName() && reader.peek(1).word === ']' && !reader.sees('NULL')) {
		const name = unquoted(kind, text);
		throw syntaxError(
			`expected a text or a number in [ ], got the name ${name}`,
			reader.peek().start,
			`the part of this name is ['${name.replaceAll("'", "''")}'], the part that a column names is ->> ${text}; an alias needs AS`,
		);
	}
	const key = readExpression(reader);
	reader.expect(']', 'after the name or the index of a part');
	if (operand.kind === 'subscript') return { ...operand, keys: [...operand.keys, key] };
	return { kind: 'subscript', at, operand, keys: [key] };
}

/** Reads one more operator after `left`. Undefined if the next one is looser than `level` or not an operator. */
function readInfix(reader: TokenReader, left: SyntaxExpression, level: number): SyntaxExpression | undefined {
	const word = reader.peek().word;
	const at = reader.peek().start;
	if (word === '') return undefined;
	const binary = BINARY.get(word);
	if (binary !== undefined) {
		if (binary.level < level) return undefined;
		reader.next();
		return { kind: 'binary', at, operator: binary.operator, left, right: readExpression(reader, binary.level + 1) };
	}
	if (word === 'OR' || word === 'AND') {
		const kind = word === 'OR' ? 'or' : 'and';
		if (LEVEL[kind] < level) return undefined;
		const operands = [left];
		while (reader.takes(word)) operands.push(readExpression(reader, LEVEL[kind] + 1));
		return { kind, at, operands };
	}
	if (level > LEVEL.equality) return undefined;
	return readPredicate(reader, left, at);
}

function readPredicate(reader: TokenReader, left: SyntaxExpression, at: number): SyntaxExpression | undefined {
	if (reader.takes('ISNULL')) return isNull(left, at, false);
	if (reader.takes('NOTNULL') || reader.takes('NOT', 'NULL')) return isNull(left, at, true);
	if (reader.takes('IS')) return readIs(reader, left, at);
	const not = reader.sees('NOT') && reader.peek(1).kind === 'word';
	const word = reader.peek(not ? 1 : 0).word;
	const operator = MATCH.get(word);
	if (operator === undefined && word !== 'BETWEEN' && word !== 'IN') return undefined;
	if (not) reader.next();
	reader.next();
	if (word === 'BETWEEN') {
		const low = readExpression(reader, LEVEL.relation);
		reader.expect('AND', 'after BETWEEN and its first value');
		return { kind: 'between', at, not, operand: left, low, high: readExpression(reader, LEVEL.relation) };
	}
	if (word === 'IN') return readIn(reader, left, at, not);
	const pattern = readExpression(reader, LEVEL.relation);
	const escaping = reader.takes('ESCAPE') ? readExpression(reader, LEVEL.bits) : undefined;
	return { kind: 'match', at, operator: operator!, not, operand: left, pattern, escape: escaping };
}

function isNull(left: SyntaxExpression, at: number, not: boolean): SyntaxExpression {
	return { kind: 'is', at, not, left, right: { kind: 'literal', at, value: null } };
}

function readIs(reader: TokenReader, left: SyntaxExpression, at: number): SyntaxExpression {
	const not = reader.takes('NOT');
	if (reader.takes('DISTINCT', 'FROM')) {
		return { kind: 'is', at, not: !not, left, right: readExpression(reader, LEVEL.relation) };
	}
	if (reader.sees('TRUE') || reader.sees('FALSE')) {
		return { kind: 'is truth', at, not, truth: reader.next().word === 'TRUE', operand: left };
	}
	return { kind: 'is', at, not, left, right: readExpression(reader, LEVEL.relation) };
}

function readIn(reader: TokenReader, operand: SyntaxExpression, at: number, not: boolean): SyntaxExpression {
	if (reader.peek().text.startsWith('[')) throw reader.unexpected('"(" after IN', "lists are written IN ('a', 'b')");
	if (reader.seesName()) {
		throw syntaxError(
			'expected "(" after IN',
			reader.peek().start,
			`for the values of a table's column write IN (SELECT column FROM ${reader.peek().text})`,
		);
	}
	reader.expect('(', 'after IN');
	if (seesQuery(reader)) {
		const query = reader.nested(() => reader.readQuery(reader));
		reader.expect(')', 'after the subquery');
		return { kind: 'in query', at, not, operand, query };
	}
	const items = reader.sees(')') ? [] : readExpressionList(reader);
	reader.expect(')', 'after the list of IN');
	return { kind: 'in list', at, not, operand, items };
}

/** Whether a query begins at the next token, just after a parenthesis. */
export function seesQuery(reader: TokenReader): boolean {
	return (
		reader.sees('SELECT') ||
		reader.sees('FROM') ||
		reader.sees('WITH') ||
		reader.sees('VALUES', '(') ||
		seesSummarize(reader)
	);
}

/** Inside a statement SUMMARIZE is an ordinary name unless a table or a query follows. */
export function seesSummarize(reader: TokenReader): boolean {
	if (!reader.sees('SUMMARIZE')) return false;
	if (reader.position === 0) return true;
	const { word } = reader.peek(1);
	return reader.seesName(1) || word === 'SELECT' || word === 'FROM' || word === 'WITH';
}

function readPrimary(reader: TokenReader): SyntaxExpression {
	const token = reader.peek();
	const at = token.start;
	switch (token.kind) {
		case 'number':
			reader.next();
			return { kind: 'literal', at, value: literalNumber(token.text) };
		case 'string':
			reader.next();
			return { kind: 'literal', at, value: unquote(token.text) };
		case 'blob':
			reader.next();
			return { kind: 'literal', at, value: literalBlob(token.text, at) };
		case 'parameter':
			reader.next();
			return { kind: 'parameter', at, name: token.text.slice(1) };
		default:
			break;
	}
	if (token.word === '(') return readParenthesis(reader);
	if (token.kind === 'word') {
		const special = readSpecial(reader, token.word, at);
		if (special !== undefined) return special;
	}
	if (!reader.seesName()) {
		const hint =
			token.word === '*'
				? 'a * stands alone in the list of columns or in count(*)'
				: token.kind === 'word' && reader.peek(1).word === '(' && functionElsewhere(token.text) !== undefined
					? functionElsewhere(token.text)
					: token.kind === 'word' && !STARTS_CLAUSE.has(token.word)
						? `to use ${token.text} as a name, write "${token.text}"`
						: undefined;
		throw reader.unexpected('an expression', hint);
	}
	return readNameOrCall(reader);
}

function readSpecial(reader: TokenReader, word: string, at: number): SyntaxExpression | undefined {
	const isCall = reader.peek(1).word === '(';
	if (word === 'NULL' || word === 'TRUE' || word === 'FALSE') {
		reader.next();
		return { kind: 'literal', at, value: word === 'NULL' ? null : word === 'TRUE' ? 1 : 0 };
	}
	if (word === 'INTERVAL' && startsAmount(reader)) return readInterval(reader, at);
	if (TYPED_LITERALS.has(word) && reader.peek(1).kind === 'string') {
		const type = reader.next().text;
		const literal = reader.next();
		const operand: SyntaxExpression = { kind: 'literal', at: literal.start, value: unquote(literal.text) };
		return { kind: 'cast', at, operand, type };
	}
	if (word === 'EXTRACT' && isCall) return readExtract(reader, at);
	if (word === 'CASE') return readCase(reader);
	if (word === 'CAST' && isCall) return readCast(reader);
	if (word === 'EXISTS' && isCall) {
		reader.next();
		reader.next();
		if (!seesQuery(reader)) throw reader.unexpected('a subquery after EXISTS');
		const query = reader.nested(() => reader.readQuery(reader));
		reader.expect(')', 'after the subquery');
		return { kind: 'exists', at, query };
	}
	if ((word === 'CURRENT_TIMESTAMP' || word === 'CURRENT_DATE' || word === 'CURRENT_TIME') && !isCall) {
		reader.next();
		return {
			...plainCall(word, at),
			name: word === 'CURRENT_TIMESTAMP' ? 'datetime' : word === 'CURRENT_DATE' ? 'date' : 'time',
		};
	}
	return undefined;
}

/** Whether an amount comes after INTERVAL, so that it is not a column's name. */
function startsAmount(reader: TokenReader): boolean {
	const { kind, word } = reader.peek(1);
	if (word === '-') return reader.peek(2).kind === 'number' && isIntervalUnit(reader.peek(3).text);
	return kind === 'string' || kind === 'number' || kind === 'parameter' || word === '(';
}

/** `timestamp '2026-11-22 12:56'` is a cast. */
const TYPED_LITERALS: ReadonlySet<string> = new Set(['TIMESTAMP', 'TIMESTAMPTZ', 'DATETIME', 'DATE', 'TIME']);

function readInterval(reader: TokenReader, at: number): SyntaxExpression {
	reader.next();
	const isNegative = reader.takes('-');
	const given = readPrimary(reader);
	const amount: SyntaxExpression = isNegative ? { kind: 'unary', at: given.at, operator: '-', operand: given } : given;
	const token = reader.peek();
	const literal = amount.kind === 'literal' ? amount.value : undefined;
	// After a text with a unit, the word is an alias.
	const isWhole = typeof literal === 'string' && !/^\s*[+-]?[\d.]+\s*$/.test(literal);
	const isUnit = isIntervalUnit(token.text) || (literal !== undefined && typeof literal !== 'string');
	if (token.kind !== 'word' || isWhole || !isUnit) return { kind: 'interval', at, amount, unit: undefined };
	reader.next();
	return { kind: 'interval', at, amount, unit: { name: token.text, at: token.start } };
}

/** `extract(hour FROM ts)`; also `extract('hour', ts)`. */
function readExtract(reader: TokenReader, at: number): SyntaxExpression {
	const field = reader.peek(2);
	if (reader.peek(3).word !== 'FROM' || (field.kind !== 'word' && field.kind !== 'string')) {
		return readCall(reader, reader.next().text, at);
	}
	for (let skipped = 0; skipped < 4; skipped++) reader.next();
	const value = field.kind === 'string' ? unquote(field.text) : field.text;
	const operand = readExpression(reader);
	reader.expect(')', 'to close extract(');
	return { ...plainCall('extract', at), arguments: [{ kind: 'literal', at: field.start, value }, operand] };
}

/** At these words an expression is missing: they are hardly meant as column names. */
const STARTS_CLAUSE: ReadonlySet<string> = new Set([
	'FROM',
	'WHERE',
	'HAVING',
	'LIMIT',
	'UNION',
	'ON',
	'AND',
	'OR',
	'THEN',
	'END',
	'AS',
]);

function readParenthesis(reader: TokenReader): SyntaxExpression {
	const at = reader.next().start;
	if (seesQuery(reader)) {
		const query = reader.nested(() => reader.readQuery(reader));
		reader.expect(')', 'after the subquery');
		return { kind: 'query', at, query };
	}
	const expression = readExpression(reader);
	if (reader.sees(','))
		throw unsupported('row values such as (a, b) are not supported', at, 'compare the columns one by one, with AND');
	reader.expect(')', 'to close the parenthesis');
	return expression;
}

function readCase(reader: TokenReader): SyntaxExpression {
	const at = reader.next().start;
	const base = reader.sees('WHEN') ? undefined : readExpression(reader);
	const branches: { when: SyntaxExpression; result: SyntaxExpression }[] = [];
	if (!reader.sees('WHEN')) throw reader.unexpected('WHEN in CASE');
	while (reader.takes('WHEN')) {
		const when = readExpression(reader);
		reader.expect('THEN', 'after the condition of WHEN');
		branches.push({ when, result: readExpression(reader) });
	}
	const otherwise = reader.takes('ELSE') ? readExpression(reader) : undefined;
	reader.expect('END', 'to close CASE');
	return { kind: 'case', at, base, branches, otherwise };
}

function readCast(reader: TokenReader): SyntaxExpression {
	const at = reader.next().start;
	reader.next();
	const operand = readExpression(reader);
	reader.expect('AS', 'in CAST');
	const type = readTypeName(reader);
	reader.expect(')', 'to close CAST');
	return { kind: 'cast', at, operand, type };
}

/** `INTEGER`, `double precision`, `VARCHAR(10)` … */
function readTypeName(reader: TokenReader): string {
	if (reader.peek().kind !== 'word') throw reader.unexpected('a type such as INTEGER, REAL, TEXT or BLOB');
	const words = [reader.next().text];
	while (reader.peek().kind === 'word' && /^(PRECISION|BIG|INT|INTEGER|VARYING|CHARACTER)$/.test(reader.peek().word)) {
		words.push(reader.next().text);
	}
	if (reader.takes('(')) {
		while (reader.peek().kind === 'number' || reader.sees(',')) reader.next();
		reader.expect(')', 'after the length of the type');
	}
	return words.join(' ');
}

function readNameOrCall(reader: TokenReader): SyntaxExpression {
	const first = reader.name('a name');
	if (reader.sees('(') && !first.quoted) return readCall(reader, first.text, first.at);
	if (!reader.takes('.'))
		return { kind: 'name', at: first.at, table: undefined, column: first.text, quoted: first.quoted };
	const token = reader.peek();
	if (token.kind !== 'word' && token.kind !== 'quoted') throw reader.unexpected('a column name after the dot');
	reader.next();
	const column = token.kind === 'quoted' ? unquote(token.text) : token.text;
	if (reader.sees('.')) {
		throw unsupported(
			'expected at most one dot in a name',
			reader.peek().start,
			"for a value inside JSON write column->>'name'",
		);
	}
	return { kind: 'name', at: first.at, table: first.text, column, quoted: token.kind === 'quoted' };
}

function readCall(reader: TokenReader, name: string, at: number): SyntaxCall {
	reader.expect('(', `after ${name}`);
	const call = plainCall(name, at);
	const star = reader.takes('*');
	const distinct = !star && reader.takes('DISTINCT');
	const list = star || reader.sees(')') ? [] : readExpressionList(reader);
	const order = reader.takes('ORDER', 'BY') ? readOrder(reader) : [];
	reader.expect(')', `to close ${name}(`);
	const within = reader.takes('WITHIN', 'GROUP', '(') ? readWithin(reader) : undefined;
	let filter: SyntaxExpression | undefined;
	if (reader.takes('FILTER', '(')) {
		reader.expect('WHERE', 'in FILTER');
		filter = readExpression(reader);
		reader.expect(')', 'to close FILTER(');
	}
	let over: Window | string | undefined;
	if (reader.takes('OVER', '(')) {
		over = readWindow(reader);
	} else if (reader.sees('OVER') && (reader.peek(1).kind === 'word' || reader.peek(1).kind === 'quoted')) {
		reader.next();
		over = reader.name('the name of a window').text;
	}
	return { ...call, star, distinct, arguments: list, order, ...(within && { within }), filter, over };
}

function readWithin(reader: TokenReader): OrderItem[] {
	reader.expect('ORDER', 'BY in WITHIN GROUP (');
	reader.expect('BY', 'after ORDER');
	const order = readOrder(reader);
	reader.expect(')', 'to close WITHIN GROUP (');
	return order;
}

/** Reads the items after ORDER BY. */
function readOrder(reader: TokenReader): OrderItem[] {
	const items: OrderItem[] = [];
	do {
		const expression = readExpression(reader);
		const descending = !reader.takes('ASC') && reader.takes('DESC');
		items.push({ expression, descending, nullsFirst: readNulls(reader) });
	} while (reader.takes(','));
	return items;
}

/** Reads NULLS FIRST or NULLS LAST, if it is next. */
export function readNulls(reader: TokenReader): boolean | undefined {
	if (!reader.takes('NULLS')) return undefined;
	if (!reader.sees('FIRST') && !reader.sees('LAST')) throw reader.unexpected('FIRST or LAST after NULLS');
	return reader.next().word === 'FIRST';
}

/** Reads a window definition and its closing parenthesis. */
export function readWindow(reader: TokenReader): Window {
	const isClause = ['PARTITION', 'ORDER', 'ROWS', 'RANGE', 'GROUPS', ')'].some((word) => reader.sees(word));
	const base = isClause ? undefined : reader.name('PARTITION BY, ORDER BY or the name of a window').text;
	const partition = reader.takes('PARTITION', 'BY') ? readExpressionList(reader) : [];
	const order = reader.takes('ORDER', 'BY') ? readOrder(reader) : [];
	const frame = readFrame(reader);
	reader.expect(')', 'to close the window');
	return { base, partition, order, frame };
}

function readFrame(reader: TokenReader): Frame | undefined {
	const word = reader.peek().word;
	if (word !== 'ROWS' && word !== 'RANGE' && word !== 'GROUPS') return undefined;
	reader.next();
	const at = reader.peek().start;
	const unit = word === 'ROWS' ? 'rows' : word === 'RANGE' ? 'range' : 'groups';
	let start: FrameBound;
	let end: FrameBound = { kind: 'current row' };
	if (reader.takes('BETWEEN')) {
		start = readFrameBound(reader);
		reader.expect('AND', 'between the bounds of the frame');
		end = readFrameBound(reader);
	} else {
		start = readFrameBound(reader);
	}
	if (reader.sees('EXCLUDE')) {
		if (!reader.takes('EXCLUDE', 'NO', 'OTHERS'))
			throw unsupported('EXCLUDE in a window frame is not supported', reader.peek().start);
	}
	if (start.kind === 'unbounded following' || end.kind === 'unbounded preceding') {
		throw syntaxError('a window frame cannot begin at its end', at);
	}
	return { unit, start, end };
}

function readFrameBound(reader: TokenReader): FrameBound {
	if (reader.takes('UNBOUNDED', 'PRECEDING')) return { kind: 'unbounded preceding' };
	if (reader.takes('UNBOUNDED', 'FOLLOWING')) return { kind: 'unbounded following' };
	if (reader.takes('CURRENT', 'ROW')) return { kind: 'current row' };
	const offset = readExpression(reader, LEVEL.relation);
	if (reader.takes('PRECEDING')) return { kind: 'preceding', offset };
	if (reader.takes('FOLLOWING')) return { kind: 'following', offset };
	throw reader.unexpected('PRECEDING or FOLLOWING');
}
