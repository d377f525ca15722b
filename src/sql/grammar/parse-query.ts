// Parses a query: WITH, SELECTs combined by UNION and the like, ORDER BY and LIMIT. alasql's grammar (alasql.ts) parses
// the clauses of each SELECT from a text with placeholders (select-text.ts). This file replaces the placeholders.
import { distance } from 'fastest-levenshtein';
import { syntaxError, unsupported } from '../limits/sql-error.ts';
import { type Clauses, parseClauses } from './alasql.ts';
import { readExpressionList, seesQuery, seesSummarize } from './expressions.ts';
import { readSelectText, type SelectText } from './select-text.ts';
import type {
	CommonTable,
	CompoundOperator,
	Core,
	OrderItem,
	Query,
	SelectItem,
	SyntaxExpression,
	TableReference,
} from './syntax.ts';
import type { TokenReader } from './token-reader.ts';

type Tail = {
	readonly order: readonly OrderItem[];
	readonly limit: SyntaxExpression | undefined;
	readonly offset: SyntaxExpression | undefined;
};

const NO_TAIL: Tail = { order: [], limit: undefined, offset: undefined };

/** Reads a query up to a closing parenthesis or the end of the statement. */
export function readQuery(reader: TokenReader): Query {
	const at = reader.peek().start;
	const recursive = reader.takes('WITH') && reader.takes('RECURSIVE');
	const common: CommonTable[] = [];
	if (reader.tokens[reader.position - 1]?.word === 'WITH' || recursive) {
		do common.push(readCommonTable(reader));
		while (reader.takes(','));
	}
	let { core, tail } = readCore(reader);
	const first = core;
	const rest: { operator: CompoundOperator; core: Core }[] = [];
	while (true) {
		const operatorAt = reader.peek().start;
		const operator = readOperator(reader);
		if (operator === undefined) break;
		if (tail !== NO_TAIL) {
			throw syntaxError(
				`ORDER BY and LIMIT must come after the last SELECT, not before ${operator}`,
				operatorAt,
				'put this SELECT into a subquery: SELECT * FROM (SELECT …)',
			);
		}
		({ core, tail } = readCore(reader));
		rest.push({ operator, core });
	}
	const next = reader.peek();
	if (next.kind !== 'end' && next.word !== ')') throw unexpectedRest(reader);
	return { at, recursive, with: common, first, rest, ...tail };
}

function readOperator(reader: TokenReader): CompoundOperator | undefined {
	if (reader.takes('UNION')) {
		if (reader.takes('ALL')) return 'UNION ALL';
		reader.takes('DISTINCT');
		return 'UNION';
	}
	if (reader.takes('INTERSECT')) return 'INTERSECT';
	return reader.takes('EXCEPT') ? 'EXCEPT' : undefined;
}

function readCommonTable(reader: TokenReader): CommonTable {
	const name = reader.name('the name of a table after WITH');
	let columns: string[] | undefined;
	if (reader.takes('(')) {
		columns = [];
		do columns.push(reader.name('a column name').text);
		while (reader.takes(','));
		reader.expect(')', 'after the column names');
	}
	reader.expect('AS', `after ${name.text}`);
	if (reader.takes('NOT', 'MATERIALIZED') || reader.takes('MATERIALIZED')) {
		// Ignored: it affects only speed.
	}
	reader.expect('(', 'after AS');
	const query = reader.nested(() => readQuery(reader));
	reader.expect(')', 'after the subquery');
	return { name: name.text, at: name.at, columns, query };
}

function readCore(reader: TokenReader): { core: Core; tail: Tail } {
	if (reader.sees('VALUES')) return readValues(reader);
	if (seesSummarize(reader)) return readSummarize(reader);
	if (!reader.sees('SELECT') && !reader.sees('FROM')) throw reader.unexpected('SELECT');
	const select = readSelectText(reader);
	return assemble(select, parseClauses(select, reader.sql));
}

/** Reads SUMMARIZE with a table or a query. A query ends with its own ORDER BY and LIMIT. */
function readSummarize(reader: TokenReader): { core: Core; tail: Tail } {
	const at = reader.next().start;
	const summary = (query: Query) => ({ core: { kind: 'summarize', at, query } as const, tail: NO_TAIL });
	if (seesQuery(reader)) return summary(reader.nested(() => readQuery(reader)));
	if (reader.takes('(')) {
		if (!seesQuery(reader)) throw reader.unexpected('a SELECT after SUMMARIZE (');
		const query = reader.nested(() => readQuery(reader));
		reader.expect(')', 'after the subquery');
		return summary(query);
	}
	const first = reader.name('a table or a SELECT after SUMMARIZE');
	const schema = reader.takes('.') ? first.text : undefined;
	const name = schema === undefined ? first.text : reader.name('a table').text;
	const next = reader.peek();
	if (['WHERE', 'GROUP', 'ORDER', 'LIMIT', 'JOIN'].includes(next.word)) {
		const hint =
			next.word === 'ORDER' || next.word === 'LIMIT'
				? `write SELECT * FROM (SUMMARIZE ${name}) ${next.word} …`
				: `write SUMMARIZE SELECT * FROM ${name} ${next.word} …`;
		throw syntaxError(`SUMMARIZE ${name} cannot have ${next.word}`, next.start, hint);
	}
	return summary(wholeTable(schema, name, first.at));
}

/** SELECT * FROM name */
function wholeTable(schema: string | undefined, name: string, at: number): Query {
	const table = { kind: 'table', schema, name, at, alias: undefined, join: 'cross', natural: false } as const;
	const first: Core = {
		kind: 'select',
		at,
		distinct: false,
		items: [{ kind: 'all', table: undefined, at, exclude: [], replace: [] }],
		from: [{ ...table, on: undefined, using: undefined }],
		where: undefined,
		group: [],
		groupAll: false,
		having: undefined,
		windows: new Map(),
	};
	return { at, recursive: false, with: [], first, rest: [], ...NO_TAIL };
}

function readValues(reader: TokenReader): { core: Core; tail: Tail } {
	const at = reader.next().start;
	const rows: SyntaxExpression[][] = [];
	do {
		const rowAt = reader.expect('(', 'after VALUES').start;
		const row = readExpressionList(reader);
		reader.expect(')', 'after the values of a row');
		if (rows[0] !== undefined && rows[0].length !== row.length) {
			throw syntaxError(`expected ${rows[0].length} values as in the first row, got ${row.length}`, rowAt);
		}
		rows.push(row);
	} while (reader.takes(','));
	return { core: { kind: 'values', at, rows }, tail: NO_TAIL };
}

/** Replaces the placeholders in the clauses. */
function assemble(select: SelectText, clauses: Clauses): { core: Core; tail: Tail } {
	const entry = (place: string) => select.expressions[Number(place.slice(1)) - 1]!;
	const expression = (place: string | undefined) => (place === undefined ? undefined : entry(place).expression);
	const name = (place: string | undefined) => (place === undefined ? undefined : select.names.get(place)!.text);
	let stars = 0;
	const item = ({ item: place, alias }: Clauses['items'][number]): SelectItem => {
		if (place === '*') return { kind: 'all', table: undefined, at: select.at, ...select.stars[stars++]! };
		if (place.endsWith('.*')) {
			const table = select.names.get(place.slice(0, -2))!;
			return { kind: 'all', table: table.text, at: table.at, ...select.stars[stars++]! };
		}
		return { kind: 'expression', expression: entry(place).expression, alias: name(alias), text: entry(place).text };
	};
	const table = (clause: Clauses['tables'][number]): TableReference => {
		const { origin, at, outer } = select.tables[Number(clause.table.slice(1))]!;
		if (clause.natural && (clause.on ?? clause.using) !== undefined)
			throw syntaxError('a NATURAL join cannot have ON or USING', at);
		return {
			...origin,
			at,
			alias: name(clause.alias),
			join: outer ?? clause.join,
			natural: clause.natural,
			on: expression(clause.on),
			using: clause.using?.map((place) => ({ name: name(place)!, at: select.names.get(place)!.at })),
		};
	};
	const order = clauses.order.map((term) => {
		const { expression: read, nullsFirst, all } = entry(term.expression);
		return { expression: read, descending: term.descending, nullsFirst, ...(all && { all }) };
	});
	const limit = clauses.limit === 0 ? undefined : expression(`e${clauses.limit}`);
	const offset = clauses.offset === 0 ? undefined : expression(`e${clauses.offset}`);
	const isBare = order.length === 0 && limit === undefined && offset === undefined;
	return {
		core: {
			kind: 'select',
			at: select.at,
			distinct: clauses.distinct,
			items: clauses.items.map(item),
			from: clauses.tables.map(table),
			where: expression(clauses.where),
			group: clauses.group.map((place) => entry(place).expression),
			groupAll: select.groupAll,
			having: expression(clauses.having),
			windows: select.windows,
		},
		tail: isBare ? NO_TAIL : { order, limit, offset },
	};
}

const CLAUSE_WORDS = ['SELECT', 'FROM', 'WHERE', 'GROUP', 'HAVING', 'ORDER', 'LIMIT', 'JOIN', 'UNION', 'OFFSET'];

/** The error for a token after the end of a query. It or the token before may be a mistyped clause word. */
function unexpectedRest(reader: TokenReader): Error {
	const token = reader.peek();
	if (token.word === 'INTO')
		return unsupported(
			'SELECT … INTO is not supported: SQL cannot write files',
			token.start,
			'save a result with tinytap query … --format csv > FILE',
		);
	for (const candidate of [token, reader.tokens[reader.position - 1]]) {
		if (candidate?.kind !== 'word' || CLAUSE_WORDS.includes(candidate.word)) continue;
		const meant = CLAUSE_WORDS.find((word) => distance(word, candidate.word) <= 2 && word[0] === candidate.word[0]);
		if (meant !== undefined)
			return syntaxError(
				`expected a comma, a clause or the end, got ${candidate.text}`,
				candidate.start,
				`did you mean ${meant}?`,
			);
	}
	return reader.unexpected('a comma, a clause such as WHERE or ORDER BY, or the end of the statement');
}
