// Turns one SELECT (without UNION and the like) into the text for alasql's grammar: its clauses, with a placeholder for
// everything else that the user wrote. `e5` is the fifth expression, `t0` the first table of FROM, `n7` the name at
// token 7. So alasql never sees the user's strings and names, nor any of its own syntax beyond the clauses of a SELECT.

import { syntaxError, unsupported } from '../limits/sql-error.ts';
import { readExpression, readExpressionList, readNulls, readWindow, seesQuery } from './expressions.ts';
import type { StarChanges, SyntaxExpression, TableOrigin, Window } from './syntax.ts';
import type { TokenReader } from './token-reader.ts';

/** One piece of the text for alasql, and the offset of the same piece in the user's text. */
export type Piece = { readonly text: string; readonly at: number };

export type SelectText = {
	readonly at: number;
	readonly pieces: Piece[];
	/** `all` marks the ALL of ORDER BY. */
	readonly expressions: { expression: SyntaxExpression; text: string; nullsFirst: boolean | undefined; all?: true }[];
	/** EXCLUDE and REPLACE of each `*`, in order. */
	readonly stars: StarChanges[];
	/** Whether there is GROUP BY ALL. */
	groupAll: boolean;
	readonly tables: { origin: TableOrigin; at: number; outer: 'left' | 'right' | 'full' | undefined }[];
	readonly names: Map<string, { text: string; at: number }>;
	readonly windows: Map<string, Window>;
};

/** The words that begin clauses. */
const CLAUSES = new Map([
	['FROM', 'from'],
	['WHERE', 'where'],
	['GROUP', 'group'],
	['HAVING', 'having'],
	['ORDER', 'order'],
	['LIMIT', 'limit'],
	['OFFSET', 'offset'],
	['WINDOW', 'window'],
] as const);

type Clause = 'select' | (typeof CLAUSES extends Map<string, infer T> ? T : never);

const ALASQL_JOINS = { inner: 'JOIN', left: 'LEFT JOIN', right: 'RIGHT JOIN', full: 'FULL OUTER JOIN' } as const;

const JOIN_WORDS = new Set(['NATURAL', 'INNER', 'LEFT', 'RIGHT', 'FULL', 'OUTER', 'CROSS', 'JOIN']);

const NO_CHANGES: StarChanges = { exclude: [], replace: [] };

/** Reads from SELECT, or from a FROM that comes first, up to a set operator, a closing parenthesis, or the end. */
export function readSelectText(reader: TokenReader): SelectText {
	const select: SelectText = {
		at: reader.peek().start,
		pieces: [],
		expressions: [],
		stars: [],
		groupAll: false,
		tables: [],
		names: new Map(),
		windows: new Map(),
	};
	const emit = (text: string, at: number) => select.pieces.push({ text, at });
	const from = reader.sees('FROM') ? readLeadingFrom(reader, select) : [];
	if (from.length > 0 && !reader.sees('SELECT')) {
		emit('SELECT *', select.at);
		select.stars.push(NO_CHANGES);
	} else {
		emit('SELECT', reader.expect('SELECT', '').start);
		if (reader.sees('DISTINCT')) emit('DISTINCT', reader.next().start);
		else reader.takes('ALL');
		readItems(reader, select);
	}
	select.pieces.push(...from);
	const seen = new Set<Clause>();
	while (true) {
		const token = reader.peek();
		const clause = CLAUSES.get(token.word as 'FROM');
		if (clause === undefined) break;
		reader.next();
		if (clause === 'having' && !seen.has('group')) {
			// alasql requires GROUP BY before HAVING. `n` is not a placeholder of an expression: alasql.ts drops it.
			emit('GROUP BY n', token.start);
		}
		seen.add(clause);
		if (clause === 'offset') emit('LIMIT 0', token.start);
		if (clause !== 'offset' && clause !== 'window') emit(token.word, token.start);
		readClause(reader, select, clause);
	}
	return select;
}

/** Reads a FROM before SELECT. Returns its pieces, because alasql wants them after the list of columns. */
function readLeadingFrom(reader: TokenReader, select: SelectText): Piece[] {
	const start = select.pieces.length;
	select.pieces.push({ text: 'FROM', at: reader.next().start });
	readFrom(reader, select);
	return select.pieces.splice(start);
}

function readClause(reader: TokenReader, select: SelectText, clause: Clause): void {
	if (clause === 'from') readFrom(reader, select);
	else if (clause === 'window') readWindows(reader, select);
	else select.pieces.push({ at: reader.peek().start, text: clauseText(reader, select, clause) });
}

function clauseText(reader: TokenReader, select: SelectText, clause: Clause): string {
	switch (clause) {
		case 'group':
			reader.expect('BY', 'after GROUP');
			if (takesAll(reader, 'GROUP BY')) {
				select.groupAll = true;
				return 'BY n';
			}
			return `BY ${readExpressionItems(reader, select)}`;
		case 'order':
			reader.expect('BY', 'after ORDER');
			if (reader.sees('ALL')) return `BY ${readOrderAll(reader, select)}`;
			return `BY ${readOrderItems(reader, select)}`;
		case 'limit':
			return readLimit(reader, select);
		case 'offset':
			// An OFFSET after LIMIT is read with it, so there is no LIMIT here. alasql needs one: 0, which means none.
			return `OFFSET ${number(reader, select)}`;
		default:
			return expression(reader, select);
	}
}

/** Takes ALL, unless it is part of an expression and therefore the name of a column. */
function takesAll(reader: TokenReader, clause: string): boolean {
	const next = reader.peek(1);
	if (!reader.sees('ALL') || (next.kind === 'operator' && next.word !== ')' && next.word !== ',')) return false;
	if (next.word === ',') throw syntaxError(`ALL must be alone in ${clause}`, reader.peek().start);
	reader.next();
	return true;
}

function readOrderAll(reader: TokenReader, select: SelectText): string {
	const { start } = reader.peek();
	if (!takesAll(reader, 'ORDER BY')) return readOrderItems(reader, select);
	const index = keep(select, { kind: 'literal', at: start, value: null }, 'ALL');
	const direction = readDirection(reader, select, index);
	select.expressions[index - 1]!.all = true;
	if (reader.sees(',')) throw syntaxError('ALL must be alone in ORDER BY', start);
	return `e${index}${direction}`;
}

/** Reads ASC or DESC, and NULLS FIRST or LAST. */
function readDirection(reader: TokenReader, select: SelectText, index: number): string {
	const direction = !reader.takes('ASC') && reader.takes('DESC') ? ' DESC' : '';
	select.expressions[index - 1]!.nullsFirst = readNulls(reader);
	return direction;
}

/** Reads an expression and returns its placeholder. */
function expression(reader: TokenReader, select: SelectText): string {
	return `e${number(reader, select)}`;
}

function number(reader: TokenReader, select: SelectText): number {
	const start = reader.peek().start;
	const read = readExpression(reader);
	return keep(select, read, reader.sql.slice(start, reader.lastEnd));
}

/** Numbers begin at 1, because 0 means none. */
function keep(select: SelectText, read: SyntaxExpression, text: string): number {
	return select.expressions.push({ expression: read, text, nullsFirst: undefined });
}

function readExpressionItems(reader: TokenReader, select: SelectText): string {
	return readExpressionList(reader)
		.map((item) => `e${keep(select, item, '')}`)
		.join(', ');
}

function readOrderItems(reader: TokenReader, select: SelectText): string {
	const items: string[] = [];
	do {
		const index = number(reader, select);
		items.push(`e${index}${readDirection(reader, select, index)}`);
	} while (reader.takes(','));
	return items.join(', ');
}

/** Reads `n`, `n OFFSET m` or `m, n`, and writes the first or second form, which alasql knows. */
function readLimit(reader: TokenReader, select: SelectText): string {
	const first = number(reader, select);
	if (reader.takes(',')) return `${number(reader, select)} OFFSET ${first}`;
	return reader.takes('OFFSET') ? `${first} OFFSET ${number(reader, select)}` : String(first);
}

function readItems(reader: TokenReader, select: SelectText): void {
	let items = 0;
	do {
		const token = reader.peek();
		if (items++ > 0) select.pieces.push({ text: ',', at: token.start });
		if (reader.takes('*')) {
			select.pieces.push({ text: '*', at: token.start });
			select.stars.push(readStarChanges(reader));
		} else if (reader.seesName() && reader.peek(1).word === '.' && reader.peek(2).word === '*') {
			const { text, at } = reader.name('a table');
			reader.next();
			reader.next();
			select.pieces.push({ text: `${placeName(select, reader.position, text, at)}.*`, at });
			select.stars.push(readStarChanges(reader));
		} else {
			select.pieces.push({ text: expression(reader, select), at: token.start });
			readAlias(reader, select);
		}
	} while (reader.takes(','));
}

function readStarChanges(reader: TokenReader): StarChanges {
	if (reader.sees('EXCEPT', '(') && reader.peek(2).kind !== 'end' && !seesQueryAfter(reader))
		throw syntaxError('* EXCEPT (…) is not supported', reader.peek().start, 'write * EXCLUDE (…)');
	const exclude = reader.takes('EXCLUDE') ? readInParentheses(reader, 'EXCLUDE', readExcluded) : [];
	const replace = reader.takes('REPLACE') ? readInParentheses(reader, 'REPLACE', readReplaced) : [];
	if (reader.sees('EXCLUDE')) throw syntaxError('EXCLUDE must come before REPLACE', reader.peek().start);
	return { exclude, replace };
}

/** Whether a query begins after the next two tokens. */
function seesQueryAfter(reader: TokenReader): boolean {
	return ['SELECT', 'FROM', 'WITH', 'VALUES', '('].includes(reader.peek(2).word);
}

/** Reads one item, or several in parentheses. */
function readInParentheses<T>(reader: TokenReader, word: string, read: (reader: TokenReader) => T): T[] {
	if (!reader.takes('(')) return [read(reader)];
	const items: T[] = [];
	do items.push(read(reader));
	while (reader.takes(','));
	reader.expect(')', `to close the list of ${word}`);
	return items;
}

function readExcluded(reader: TokenReader): StarChanges['exclude'][number] {
	const first = reader.name('the name of a column');
	if (!reader.takes('.')) return { table: undefined, name: first.text, at: first.at };
	return { table: first.text, name: reader.name('the name of a column').text, at: first.at };
}

function readReplaced(reader: TokenReader): StarChanges['replace'][number] {
	const expression = readExpression(reader);
	reader.expect('AS', 'and the name of the column to replace');
	const { text, at } = reader.name('the name of a column');
	return { name: text, at, expression };
}

function readAlias(reader: TokenReader, select: SelectText): void {
	const alias = reader.alias();
	if (alias === undefined) return;
	select.pieces.push({ text: `AS ${placeName(select, alias.index, alias.text, alias.at)}`, at: alias.at });
}

function placeName(select: SelectText, index: number, text: string, at: number): string {
	const place = `n${index}`;
	select.names.set(place, { text, at });
	return place;
}

function readFrom(reader: TokenReader, select: SelectText): void {
	readTable(reader, select);
	while (true) {
		const token = reader.peek();
		if (reader.takes(',')) {
			select.pieces.push({ text: ',', at: token.start });
			readTable(reader, select);
		} else if (JOIN_WORDS.has(token.word)) {
			readJoin(reader, select);
		} else if (token.word === 'ON') {
			reader.next();
			select.pieces.push({ text: `ON ${expression(reader, select)}`, at: token.start });
		} else if (token.word === 'USING') {
			readUsing(reader, select);
		} else {
			return;
		}
	}
}

/** Reads a join. alasql drops the LEFT of NATURAL LEFT JOIN, so the kind of a natural join is kept with its table. */
function readJoin(reader: TokenReader, select: SelectText): void {
	const at = reader.peek().start;
	const words: string[] = [];
	while (JOIN_WORDS.has(reader.peek().word) && words.at(-1) !== 'JOIN') words.push(reader.next().word);
	if (words.at(-1) !== 'JOIN') throw reader.unexpected(`JOIN after ${words.join(' ')}`);
	const isNatural = words[0] === 'NATURAL';
	const kind = words.filter((word) => word !== 'NATURAL' && word !== 'OUTER' && word !== 'JOIN');
	const outer = kind[0] === 'LEFT' ? 'left' : kind[0] === 'RIGHT' ? 'right' : kind[0] === 'FULL' ? 'full' : undefined;
	if (kind.length > 1 || (words.includes('OUTER') && outer === undefined))
		throw syntaxError(`${words.join(' ')} is not a kind of join`, at);
	select.pieces.push({ text: isNatural ? 'NATURAL JOIN' : ALASQL_JOINS[outer ?? 'inner'], at });
	readTable(reader, select, isNatural ? outer : undefined);
}

function readUsing(reader: TokenReader, select: SelectText): void {
	const at = reader.next().start;
	reader.expect('(', 'after USING');
	const names: string[] = [];
	do {
		const index = reader.position;
		const name = reader.name('a column name');
		names.push(placeName(select, index, name.text, name.at));
	} while (reader.takes(','));
	reader.expect(')', 'to close USING(');
	select.pieces.push({ text: `USING (${names.join(', ')})`, at });
}

function readTable(reader: TokenReader, select: SelectText, outer?: 'left' | 'right' | 'full'): void {
	const at = reader.peek().start;
	const origin = readOrigin(reader);
	const index = select.tables.push({ origin, at, outer }) - 1;
	select.pieces.push({ text: `t${index}`, at });
	readAlias(reader, select);
	if (reader.sees('('))
		throw unsupported('names for the columns of a table in FROM are not supported', reader.peek().start);
}

function readOrigin(reader: TokenReader): TableOrigin {
	if (reader.takes('(')) {
		if (!seesQuery(reader)) {
			throw unsupported(
				'parentheses in FROM must contain a SELECT',
				reader.peek().start,
				'write the joins one after the other, or use a subquery',
			);
		}
		const query = reader.nested(() => reader.readQuery(reader));
		reader.expect(')', 'after the subquery');
		return { kind: 'query', query };
	}
	if (reader.peek().kind === 'string') {
		throw syntaxError(
			'expected a table, got a string',
			reader.peek().start,
			'write table names without quotes; SQL cannot read files',
		);
	}
	// PostgreSQL's LATERAL before a table function is allowed but not needed: the function sees the tables before it
	// anyway.
	if (reader.sees('LATERAL') && reader.seesName(1) && reader.peek(2).word === '(') reader.next();
	const first = reader.name('a table or a subquery');
	if (reader.takes('(')) {
		const list = reader.sees(')') ? [] : readExpressionList(reader);
		reader.expect(')', `to close ${first.text}(`);
		return { kind: 'function', name: first.text, arguments: list };
	}
	if (!reader.takes('.')) return { kind: 'table', schema: undefined, name: first.text };
	return { kind: 'table', schema: first.text, name: reader.name('a table').text };
}

function readWindows(reader: TokenReader, select: SelectText): void {
	do {
		const name = reader.name('the name of a window');
		reader.expect('AS', 'after the name of a window');
		reader.expect('(', 'after AS');
		select.windows.set(name.text.toLowerCase(), readWindow(reader));
	} while (reader.takes(','));
}
