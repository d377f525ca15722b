// The completions at the cursor: only what is valid there.
import { TABLES } from '../../store/database.ts';
import type { Schema } from '../bind/schema.ts';
import type { FunctionDoc } from '../functions/function-table.ts';
import { FUNCTION_DOCS } from '../functions/functions.ts';
import { tokenize } from '../text/lexer.ts';
import { type Context, contextAfter } from './context.ts';
import { KEYWORDS } from './keywords.ts';
import { isName, type Mentioned, mentioned, type Word, wordsOf } from './names.ts';
import { type ValuesAt, valuesAt } from './values.ts';

export type Completion = {
	/** The text that replaces the word before the cursor. */
	readonly text: string;
	readonly kind: 'keyword' | 'function' | 'table' | 'column' | 'alias';
	/** A description of one line. */
	readonly doc: string;
};

export type CompletionsAt = {
	/** Start of the word to replace. */
	readonly start: number;
	readonly completions: readonly Completion[];
	/** Set if values of a column are valid here, too. */
	readonly values?: ValuesAt;
};

/** The completions at `position`. */
export function completionsAt(text: string, position: number, schema: Schema): CompletionsAt {
	const tokens = tokenize(text.slice(0, position));
	const before = wordsOf(text, tokens);
	const all = wordsOf(text, tokenize(text));
	const begin = before.findLastIndex((word) => word.text === ';') + 1;
	const statement = all.slice(begin);
	const end = statement.findIndex((word) => word.text === ';' && word.token.start >= position);
	const scope = mentioned(end < 0 ? statement : statement.slice(0, end), schema);
	const values = valuesAt(before, position, scope, schema);
	const last = tokens.at(-1);
	// No names inside strings, comments and numbers.
	const isOpen =
		last === undefined ||
		/^(space|word|operator)$/.test(last.kind) ||
		(last.kind === 'comment' && last.closed && text.startsWith('/*', last.start));
	if (!isOpen) return { start: position, completions: [], ...(values === undefined ? {} : { values }) };
	const typed = before.at(-1);
	const hasWord = typed !== undefined && typed.token.kind === 'word' && typed.token.end === position;
	const word = hasWord ? typed.lower : '';
	const earlier = before.slice(begin, hasWord ? -1 : undefined);
	const found = candidates(earlier, statement, scope, schema).filter((each) =>
		each.text.toLowerCase().startsWith(word),
	);
	return {
		start: position - word.length,
		completions: [...new Map(found.map((completion) => [completion.text, completion])).values()],
		...(values === undefined || word !== '' ? {} : { values }),
	};
}

function candidates(
	before: readonly Word[],
	statement: readonly Word[],
	scope: Mentioned,
	schema: Schema,
): Completion[] {
	if (before.at(-1)?.text === '.') return membersOf(before.at(-2)?.lower ?? '', scope, schema);
	const context = contextAfter(before);
	const rest = phraseRests(before);
	switch (context.expected) {
		case 'statement':
			return [
				...(/^(describe|desc|summarize)$/.test(before.at(-1)?.lower ?? '') ? tablesOf(schema) : []),
				...keywords(
					context.clause === 'start' && context.opener === 'none' && before.length === 0
						? [...STATEMENTS, 'ATTACH', 'DETACH']
						: QUERIES,
				),
				...(/^explain$/.test(before.at(-1)?.lower ?? '') ? keywords(STATEMENTS) : []),
				...rest,
			];
		case 'operand':
			return [...operands(context, before, statement, scope, schema), ...rest];
		case 'operator':
			return [
				...(context.clause === 'limit' ? [] : keywords(operatorsFor(context))),
				...keywords(afterClause(context)),
				...rest,
			];
		case 'table':
			// Captured tables cannot be changed.
			if (/^(drop|insert|delete)$/.test(context.clause)) return ownTables(schema);
			return [
				...tablesOf(schema),
				...ctes(statement),
				...(context.clause === 'from' ? tableFunctions() : []),
				...(/^(describe|desc|summarize)$/.test(before.at(-1)?.lower ?? '') ? keywords(QUERIES) : []),
			];
		case 'after table':
			if (context.clause === 'delete') return keywords(['WHERE']);
			return [...keywords([...AFTER_TABLE, ...AFTER_WHERE]), ...rest];
		case 'phrase':
			return [...rest, ...phraseStarts(context, before)];
		case 'type':
			return keywords(['INTEGER', 'REAL', 'TEXT', 'BLOB', 'DATE', 'TIME', 'DATETIME', 'INTERVAL', 'JSON']);
		case 'column name':
			return columnsOf(scope, schema);
		default:
			return [];
	}
}

const STATEMENTS = [
	...['SELECT', 'FROM', 'WITH', 'EXPLAIN', 'DESCRIBE', 'SUMMARIZE', 'VALUES'],
	...['CREATE VIEW', 'CREATE TEMP TABLE', 'DROP VIEW', 'DROP TABLE', 'INSERT INTO', 'DELETE FROM'],
];
const QUERIES = ['SELECT', 'FROM', 'WITH', 'VALUES'];
const OPERANDS = ['NOT', 'NULL', 'TRUE', 'FALSE', 'CASE', 'CAST', 'EXISTS', 'INTERVAL'];
const OPERATORS = [
	...['AND', 'OR', 'NOT', 'IN', 'BETWEEN', 'LIKE', 'ILIKE', 'GLOB', 'REGEXP', 'ESCAPE'],
	...['IS NULL', 'IS NOT NULL', 'IS DISTINCT FROM', 'COLLATE', 'AT TIME ZONE'],
];
const JOINS = ['JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN', 'CROSS JOIN', 'NATURAL JOIN'];
const SET_OPERATIONS = ['UNION', 'UNION ALL', 'INTERSECT', 'EXCEPT'];
const AFTER_GROUPS = ['HAVING', 'WINDOW', 'ORDER BY', 'ORDER BY ALL', 'LIMIT', 'OFFSET', ...SET_OPERATIONS];
const AFTER_WHERE = ['GROUP BY', 'GROUP BY ALL', ...AFTER_GROUPS];
const AFTER_TABLE = ['AS', ...JOINS, 'ON', 'USING', 'WHERE'];
const FRAMES = ['ROWS', 'RANGE', 'GROUPS'];

/** Phrases in addition to those of the keywords. */
const PHRASES: readonly string[] = [
	...KEYWORDS.map(({ word }) => word).filter((word) => word.includes(' ')),
	...['LEFT OUTER JOIN', 'RIGHT OUTER JOIN', 'FULL OUTER JOIN', 'INNER JOIN', 'IS NOT DISTINCT FROM'],
	...['NOT IN', 'NOT LIKE', 'NOT ILIKE', 'NOT GLOB', 'NOT REGEXP', 'NOT BETWEEN', 'NOT EXISTS'],
	...['UNBOUNDED PRECEDING', 'UNBOUNDED FOLLOWING', 'EXPLAIN QUERY PLAN', 'WITH RECURSIVE', 'SELECT DISTINCT'],
];

/** The remaining words of each phrase that the last words begin. */
function phraseRests(before: readonly Word[]): Completion[] {
	const rests = new Set<string>();
	for (const phrase of PHRASES) {
		const words = phrase.toLowerCase().split(' ');
		for (let length = 1; length < words.length; length++) {
			const last = before.slice(-length).map(({ lower }) => lower);
			if (last.length === length && last.every((word, index) => word === words[index]))
				rests.add(phrase.split(' ').slice(length).join(' '));
		}
	}
	return keywords([...rests]);
}

/** What may begin where a phrase is expected but none has begun. */
function phraseStarts({ opener, clause }: Context, before: readonly Word[]): Completion[] {
	const last = before.at(-1);
	if (opener === 'over' && last?.text === '(') return keywords(['PARTITION BY', 'ORDER BY', ...FRAMES]);
	// `WITH x(a, b) `
	if (clause === 'with' && last?.text === ')') return keywords(['AS']);
	if (last === undefined || !isName(last)) return [];
	if (clause === 'with' || clause === 'create' || clause === 'window') return keywords(['AS']);
	return clause === 'insert' ? keywords(QUERIES) : [];
}

function operatorsFor(context: Context): string[] {
	const { opener, cases, isAfterCall, isAfterStar } = context;
	return [
		...(isAfterStar ? ['EXCLUDE', 'REPLACE'] : OPERATORS),
		...(cases > 0 ? ['WHEN', 'THEN', 'ELSE', 'END'] : []),
		...(isAfterCall ? ['FILTER', 'OVER', 'WITHIN GROUP'] : []),
		...(opener === 'cast' ? ['AS'] : []),
	];
}

/** Keywords that may follow a clause. */
function afterClause({ clause, opener, cases }: Context): string[] {
	if (cases > 0) return [];
	switch (clause) {
		case 'select':
			return ['AS', 'FROM', 'WHERE', 'ORDER BY', 'LIMIT', ...SET_OPERATIONS];
		case 'on':
			return [...JOINS, 'WHERE', ...AFTER_WHERE];
		case 'where':
			return AFTER_WHERE;
		case 'group':
		case 'having':
			return AFTER_GROUPS;
		case 'order':
			return opener === 'over'
				? ['ASC', 'DESC', 'NULLS FIRST', 'NULLS LAST', 'ORDER BY', ...FRAMES]
				: ['ASC', 'DESC', 'NULLS FIRST', 'NULLS LAST', 'LIMIT', 'OFFSET', ...SET_OPERATIONS];
		case 'limit':
			return ['OFFSET'];
		case 'window':
			return opener === 'over' ? ['AND', 'PRECEDING', 'FOLLOWING'] : [];
		default:
			return [];
	}
}

function operands(
	context: Context,
	before: readonly Word[],
	statement: readonly Word[],
	scope: Mentioned,
	schema: Schema,
): Completion[] {
	const last = before.at(-1)?.lower ?? '';
	const isAfterBracket = last === '(';
	return [
		...columnsOf(scope, schema),
		...aliases(context, statement, scope),
		...FUNCTION_DOCS.filter(({ group }) => group !== 'table').map(functionCompletion),
		...keywords(OPERANDS),
		...(last === 'select' || (isAfterBracket && context.opener === 'call') ? keywords(['DISTINCT']) : []),
		...(isAfterBracket && (context.opener === 'group' || context.opener === 'in') ? keywords(QUERIES) : []),
		...(last === 'case' ? keywords(['WHEN']) : []),
		...(last === 'by' ? keywords(['ALL']) : []),
		...(context.opener === 'over' && /^(rows|range|groups|between|and)$/.test(last)
			? keywords(['BETWEEN', 'UNBOUNDED', 'CURRENT ROW'])
			: []),
	];
}

/** The names of the tables, and the names that the statement gives to values. */
function aliases({ clause }: Context, statement: readonly Word[], scope: Mentioned): Completion[] {
	const tables = [...scope.tables].map(([name, table]): Completion => {
		return { text: name, kind: 'alias', doc: name === table ? 'table' : `the table ${table}` };
	});
	const functions = [...scope.functions].map(([name, { name: called }]): Completion => {
		return { text: name, kind: 'alias', doc: `the rows of ${called}()` };
	});
	const hasSubquery = statement.filter(({ lower }) => lower === 'select').length > 1;
	if (!hasSubquery && !/^(group|having|order)$/.test(clause)) return [...tables, ...functions];
	const values = statement
		.filter((word, at) => statement[at - 1]?.lower === 'as' && isName(word) && !scope.tables.has(word.lower))
		.map((word): Completion => ({ text: word.text, kind: 'alias', doc: 'defined in this statement' }));
	return [...tables, ...functions, ...values];
}

function keywords(words: readonly string[]): Completion[] {
	return words.map((text) => ({ text, kind: 'keyword', doc: KEYWORDS.find(({ word }) => word === text)?.doc ?? '' }));
}

function tablesOf(schema: Schema): Completion[] {
	const tables = [...schema.tables.keys()].map((name): Completion => ({ text: name, kind: 'table', doc: 'table' }));
	const views = [...(schema.views?.values() ?? [])].map(
		(view): Completion => ({ text: view.name, kind: 'table', doc: 'view' }),
	);
	return [...tables, ...views];
}

function ownTables(schema: Schema): Completion[] {
	return tablesOf(schema).filter(({ text }) => !text.includes('.') && !TABLES.some(({ name }) => name === text));
}

/** The names before `AS (`. */
function ctes(statement: readonly Word[]): Completion[] {
	return statement
		.filter((word, at) => isName(word) && statement[at + 1]?.lower === 'as' && statement[at + 2]?.text === '(')
		.map((word) => ({ text: word.text, kind: 'table', doc: 'defined in this statement' }));
}

/** Functions that are tables. */
function tableFunctions(): Completion[] {
	return FUNCTION_DOCS.filter(({ group }) => group === 'table').map(functionCompletion);
}

function functionCompletion({ name, signature, doc }: FunctionDoc): Completion {
	return { text: `${name}(`, kind: 'function', doc: `${signature}: ${doc}` };
}

/** Columns of the table that has this name or alias. */
function membersOf(name: string, scope: Mentioned, schema: Schema): Completion[] {
	const called = scope.functions.get(name);
	if (called !== undefined) return called.columns.map((column) => functionColumn(column.name, called.name));
	const table = scope.tables.get(name);
	return table === undefined ? attachedTables(name, schema) : tableColumns(table, schema);
}

/** The tables of the attached recording that has this name. */
function attachedTables(recording: string, schema: Schema): Completion[] {
	const prefix = `${recording}.`;
	return [...schema.tables.keys()]
		.filter((name) => name.toLowerCase().startsWith(prefix))
		.map((name) => ({ text: name.slice(prefix.length), kind: 'table', doc: `table of ${recording}` }));
}

function tableColumns(table: string, schema: Schema): Completion[] {
	const columns = schema.tables.get(table)?.columns ?? [];
	return columns.map(({ name, type, description }) => ({ text: name, kind: 'column', doc: `${type}: ${description}` }));
}

function functionColumn(name: string, called: string): Completion {
	return { text: name, kind: 'column', doc: `a column of ${called}()` };
}

/** Columns of the mentioned tables; of exchanges if there are none. */
function columnsOf(scope: Mentioned, schema: Schema): Completion[] {
	const tables = new Set(scope.tables.values());
	if (tables.size === 0 && scope.functions.size === 0 && schema.tables.has('exchanges')) tables.add('exchanges');
	const functions = new Set(scope.functions.values());
	return [
		...[...tables].flatMap((table) => tableColumns(table, schema)),
		...[...functions].flatMap(({ name: called, columns }) => columns.map(({ name }) => functionColumn(name, called))),
	];
}
