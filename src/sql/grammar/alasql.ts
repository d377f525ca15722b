// The only file that imports alasql, and only for its grammar: `alasql.parse` parses the clauses of a SELECT. alasql's
// executor can read files, reach the network and run JavaScript. It is never called, and as a precaution its tables of
// engines, sources and targets are emptied here. The parsed text comes from select-text.ts: only placeholders and
// clause words.
import alasql from 'alasql';
import { syntaxError } from '../limits/sql-error.ts';
import { wordElsewhere } from '../text/other-dialects.ts';
import type { SelectText } from './select-text.ts';
import type { JoinKind } from './syntax.ts';

/** The clauses of one SELECT, by the numbers and names of placeholders. */
export type Clauses = {
	readonly distinct: boolean;
	/** `e5`, `*` or `n7.*`, and the placeholder of its alias. */
	readonly items: readonly { readonly item: string; readonly alias: string | undefined }[];
	readonly tables: readonly {
		readonly table: string;
		readonly alias: string | undefined;
		readonly join: JoinKind;
		readonly natural: boolean;
		readonly on: string | undefined;
		readonly using: readonly string[] | undefined;
	}[];
	readonly where: string | undefined;
	readonly group: readonly string[];
	readonly having: string | undefined;
	readonly order: readonly { readonly expression: string; readonly descending: boolean }[];
	/** Numbers of expressions; 0 if there is none. */
	readonly limit: number;
	readonly offset: number;
};

type ErrorHash = { text?: string; loc?: { last_column: number }; expected?: string[] };

class GrammarError extends Error {
	readonly hash: ErrorHash;
	constructor(message: string, hash: ErrorHash) {
		super(message);
		this.hash = hash;
	}
}

type Grammar = {
	parse(text: string): unknown;
	parser: { yy: { parseError: (message: string, hash: ErrorHash) => never; exists?: unknown; queries?: unknown } };
	engines: Record<string, unknown>;
	from: Record<string, unknown>;
	into: Record<string, unknown>;
};

const grammar = alasql as unknown as Grammar;
grammar.parser.yy.parseError = (message, hash) => {
	throw new GrammarError(message, hash);
};
for (const entries of [grammar.engines, grammar.from, grammar.into]) {
	for (const name of Object.keys(entries)) delete entries[name];
}

/** Parses the clauses of a SELECT. Throws a SqlError that points at the unexpected word of the user's text. */
export function parseClauses(select: SelectText, sql: string): Clauses {
	const text = select.pieces.map((piece) => piece.text).join(' ');
	let tree: unknown;
	try {
		grammar.parser.yy.exists = undefined;
		grammar.parser.yy.queries = undefined;
		tree = grammar.parse(text);
	} catch (error) {
		if (error instanceof GrammarError) throw explain(error.hash, select, text, sql);
		throw error;
	}
	return clausesOf(tree);
}

/** alasql's token names, as error messages call them. */
const EXPECTED = new Map([
	['COMMA', 'a comma'],
	['LITERAL', 'a name'],
	...['AS', 'FROM', 'ON', 'USING', 'WHERE', 'GROUP', 'HAVING', 'ORDER', 'LIMIT', 'OFFSET'].map(
		(word) => [word, word] as const,
	),
	['EOF', 'the end of the statement'],
]);

function explain(hash: ErrorHash, select: SelectText, text: string, sql: string): Error {
	const column = text.indexOf(hash.text ?? '', hash.loc?.last_column ?? 0);
	let at = sql.length;
	let start = 0;
	for (const piece of select.pieces) {
		if (column >= 0 && column < start + piece.text.length && column < text.length) {
			at = piece.at;
			break;
		}
		start += piece.text.length + 1;
	}
	const expected = new Set<string>();
	for (const [token, words] of EXPECTED) if (hash.expected?.includes(`'${token}'`)) expected.add(words);
	const got = at >= sql.length ? 'the end of the statement' : (/^(\w+|\S)/.exec(sql.slice(at))?.[0] ?? 'this');
	const list = [...expected].slice(0, 8);
	const words = list.length < 2 ? (list[0] ?? 'something else') : `${list.slice(0, -1).join(', ')} or ${list.at(-1)}`;
	return syntaxError(`expected ${words}, got ${got}`, at, wordElsewhere(got));
}

// ---- the allow-list: the only shapes of alasql's tree that are accepted ---------------------------------------------

type Tree = Record<string, unknown>;

/** Checks that a tree node has no properties but `allowed`, apart from undefined ones. */
function node(value: unknown, what: string, allowed: readonly string[]): Tree {
	if (value === null || typeof value !== 'object' || Array.isArray(value)) throw refusal(what, typeof value);
	for (const [name, member] of Object.entries(value)) {
		if (member !== undefined && !allowed.includes(name)) throw refusal(what, name);
	}
	return value as Tree;
}

/** For a tree that no text of select-text.ts should produce: our bug, not the user's mistake. */
function refusal(what: string, got: string): Error {
	return new Error(`unexpected ${got} in alasql's tree of ${what}`);
}

function list(value: unknown, what: string): unknown[] {
	if (value === undefined) return [];
	if (!Array.isArray(value)) throw refusal(what, typeof value);
	return value;
}

function placeholder(value: unknown, what: string, form: RegExp): string {
	if (typeof value !== 'string' || !form.test(value)) throw refusal(what, String(value));
	return value;
}

const SELECT_PARTS = ['columns', 'distinct', 'from', 'joins', 'where', 'group', 'having', 'order', 'limit', 'offset'];

function clausesOf(tree: unknown): Clauses {
	const statements = list(node(tree, 'statements', ['statements']).statements, 'statements');
	if (statements.length !== 1) throw refusal('statements', String(statements.length));
	const select = node(statements[0], 'SELECT', SELECT_PARTS);
	const where = select.where === undefined ? undefined : node(select.where, 'WHERE', ['expression']).expression;
	const from = list(select.from, 'FROM').map((table) => tableOf(table, 'cross'));
	return {
		distinct: select.distinct === true,
		items: list(select.columns, 'columns').map(itemOf),
		tables: [...from, ...list(select.joins, 'joins').map(joinOf)],
		where: where === undefined ? undefined : expressionOf(where),
		// select-text.ts adds `n` because alasql requires GROUP BY before HAVING.
		group: list(select.group, 'GROUP BY').flatMap((item) =>
			(item as Tree).columnid === 'n' ? [] : [expressionOf(item)],
		),
		having: select.having === undefined ? undefined : expressionOf(select.having),
		order: list(select.order, 'ORDER BY').map(orderOf),
		limit: numberOf(select.limit),
		offset: numberOf(select.offset),
	};
}

function expressionOf(value: unknown): string {
	return placeholder(node(value, 'an expression', ['columnid']).columnid, 'an expression', /^e\d+$/);
}

function nameOf(value: unknown): string {
	return placeholder(value, 'a name', /^n\d+$/);
}

function aliasOf(tree: Tree): string | undefined {
	return tree.as === undefined ? undefined : nameOf(tree.as);
}

function itemOf(value: unknown): Clauses['items'][number] {
	const column = node(value, 'a column', ['columnid', 'tableid', 'as']);
	if (column.tableid !== undefined) {
		placeholder(column.columnid, 'a column', /^\*$/);
		return { item: `${nameOf(column.tableid)}.*`, alias: undefined };
	}
	return { item: placeholder(column.columnid, 'a column', /^(e\d+|\*)$/), alias: aliasOf(column) };
}

function tableOf(value: unknown, join: JoinKind): Clauses['tables'][number] {
	const table = node(value, 'a table', ['tableid', 'as']);
	const name = placeholder(table.tableid, 'a table', /^t\d+$/);
	return { table: name, alias: aliasOf(table), join, natural: false, on: undefined, using: undefined };
}

const JOINS = new Map<unknown, JoinKind>([
	['INNER', 'inner'],
	['LEFT', 'left'],
	['RIGHT', 'right'],
	['OUTER', 'full'],
	['CROSS', 'cross'],
	['NATURAL', 'inner'],
]);

function joinOf(value: unknown): Clauses['tables'][number] {
	const join = node(value, 'a join', ['joinmode', 'natural', 'table', 'as', 'on', 'using']);
	const kind = JOINS.get(join.joinmode);
	if (kind === undefined) throw refusal('a join', String(join.joinmode));
	const table = tableOf(join.table, kind);
	return {
		...table,
		alias: aliasOf(join) ?? table.alias,
		natural: join.natural === true,
		on: join.on === undefined ? undefined : expressionOf(join.on),
		using:
			join.using === undefined
				? undefined
				: list(join.using, 'USING').map((item) => nameOf(node(item, 'USING', ['columnid']).columnid)),
	};
}

function orderOf(value: unknown): Clauses['order'][number] {
	const item = node(value, 'ORDER BY', ['expression', 'direction']);
	return { expression: expressionOf(item.expression), descending: item.direction === 'DESC' };
}

function numberOf(value: unknown): number {
	if (value === undefined) return 0;
	const number = node(value, 'LIMIT', ['value']).value;
	if (typeof number !== 'number' || !Number.isInteger(number)) throw refusal('LIMIT', String(number));
	return number;
}
