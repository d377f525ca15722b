// Parses one statement: a query, or one of the few statements about views, temporary tables and plans. Other
// statements are refused by name, with a hint on what to do instead.
import { distance } from 'fastest-levenshtein';
import { SqlError, syntaxError, unsupported } from '../limits/sql-error.ts';
import { READ_ONLY_HINT, REFUSED_STATEMENTS, STATEMENT_WORDS } from '../text/statement-words.ts';
import { readExpression, seesQuery } from './expressions.ts';
import { readQuery } from './parse-query.ts';
import type { Query, SyntaxExpression } from './syntax.ts';
import { TokenReader } from './token-reader.ts';

export type StatementSyntax =
	| { readonly kind: 'query'; readonly query: Query }
	| { readonly kind: 'explain'; readonly query: Query }
	| { readonly kind: 'describe'; readonly schema: string | undefined; readonly table: string; readonly at: number }
	| { readonly kind: 'describe query'; readonly query: Query }
	| {
			readonly kind: 'create view' | 'create table';
			readonly name: string;
			readonly at: number;
			readonly columns: readonly string[] | undefined;
			readonly query: Query;
			/** The query as written. */
			readonly text: string;
			readonly replace: boolean;
			readonly ifNotExists: boolean;
	  }
	| {
			readonly kind: 'drop view' | 'drop table';
			readonly name: string;
			readonly at: number;
			readonly ifExists: boolean;
	  }
	| {
			readonly kind: 'insert';
			readonly name: string;
			readonly at: number;
			readonly columns: readonly string[] | undefined;
			readonly query: Query;
	  }
	| {
			readonly kind: 'delete';
			readonly name: string;
			readonly at: number;
			readonly where: SyntaxExpression | undefined;
	  };

export function parseStatement(sql: string): StatementSyntax {
	const reader = new TokenReader(sql, readQuery);
	const statement = readStatement(reader);
	if (reader.peek().kind !== 'end') throw reader.unexpected('the end of the statement');
	return statement;
}

/** Parses a condition or other expression on its own, such as that of `tail --where`. */
export function parseExpression(text: string): SyntaxExpression {
	const reader = new TokenReader(text, readQuery);
	const expression = readExpression(reader);
	if (reader.peek().kind !== 'end') throw reader.unexpected('the end of the condition');
	return expression;
}

function readStatement(reader: TokenReader): StatementSyntax {
	const token = reader.peek();
	if (token.kind === 'end') throw syntaxError('expected a statement, got nothing', 0);
	if (seesQuery(reader) || token.word === 'VALUES') return { kind: 'query', query: readQuery(reader) };
	if (reader.takes('EXPLAIN')) {
		reader.takes('QUERY', 'PLAN');
		if (!seesQuery(reader)) throw reader.unexpected('a SELECT after EXPLAIN');
		return { kind: 'explain', query: readQuery(reader) };
	}
	if (reader.takes('DESCRIBE') || reader.takes('DESC')) {
		if (seesQuery(reader)) return { kind: 'describe query', query: readQuery(reader) };
		const first = reader.name('a table after DESCRIBE');
		const schema = reader.takes('.') ? first.text : undefined;
		const table = schema === undefined ? first.text : reader.name('a table').text;
		return { kind: 'describe', schema, table, at: first.at };
	}
	if (reader.takes('CREATE')) return readCreate(reader, token.start);
	if (reader.takes('DROP')) return readDrop(reader, token.start);
	if (reader.takes('INSERT')) return readInsert(reader);
	if (reader.takes('DELETE')) return readDelete(reader);
	throw refuse(reader);
}

function refuse(reader: TokenReader): Error {
	const token = reader.peek();
	const hint = REFUSED_STATEMENTS.get(token.word);
	if (hint === READ_ONLY_HINT)
		return new SqlError(
			`${token.word} is not possible: captured tables are read-only`,
			'ERR_SQL_READ_ONLY',
			token.start,
			hint,
		);
	if (hint !== undefined) return unsupported(`the statement ${token.word} is not supported`, token.start, hint);
	const meant =
		token.word === ''
			? undefined
			: STATEMENT_WORDS.find((word) => distance(word, token.word) <= (token.word.length > 3 ? 2 : 1));
	const means =
		'statements are SELECT, FROM, WITH, VALUES, EXPLAIN, DESCRIBE, SUMMARIZE, CREATE VIEW, CREATE TEMP TABLE, DROP, INSERT and DELETE';
	return reader.unexpected('a statement such as SELECT', meant === undefined ? means : `did you mean ${meant}?`);
}

function readCreate(reader: TokenReader, start: number): StatementSyntax {
	const replace = reader.takes('OR', 'REPLACE');
	const isTemp = reader.takes('TEMP') || reader.takes('TEMPORARY');
	const what = reader.peek();
	if (!reader.takes('VIEW') && !reader.takes('TABLE')) {
		throw unsupported(
			`CREATE ${what.text} is not supported`,
			start,
			'CREATE VIEW name AS SELECT … and CREATE TEMP TABLE name AS SELECT … are',
		);
	}
	const isView = what.word === 'VIEW';
	if (!isView && !isTemp) {
		throw new SqlError(
			'only temporary tables can be created',
			'ERR_SQL_READ_ONLY',
			start,
			'write CREATE TEMP TABLE name AS SELECT …',
		);
	}
	const ifNotExists = reader.takes('IF', 'NOT', 'EXISTS');
	const name = reader.name(`the name of the ${isView ? 'view' : 'table'}`);
	const columns = readColumnNames(reader);
	reader.expect('AS', 'and a SELECT');
	const textStart = reader.peek().start;
	const query = readQuery(reader);
	const text = reader.sql.slice(textStart, reader.lastEnd);
	return {
		kind: isView ? 'create view' : 'create table',
		name: name.text,
		at: name.at,
		columns,
		query,
		text,
		replace,
		ifNotExists,
	};
}

function readColumnNames(reader: TokenReader): string[] | undefined {
	if (!reader.takes('(')) return undefined;
	const columns: string[] = [];
	do columns.push(reader.name('a column name').text);
	while (reader.takes(','));
	reader.expect(')', 'after the column names');
	return columns;
}

function readDrop(reader: TokenReader, start: number): StatementSyntax {
	const what = reader.peek();
	if (!reader.takes('VIEW') && !reader.takes('TABLE')) {
		throw unsupported(`DROP ${what.text} is not supported`, start, 'DROP VIEW and DROP TABLE are');
	}
	const ifExists = reader.takes('IF', 'EXISTS');
	const isView = what.word === 'VIEW';
	const name = reader.name(`the name of the ${isView ? 'view' : 'table'}`);
	return { kind: isView ? 'drop view' : 'drop table', name: name.text, at: name.at, ifExists };
}

function readInsert(reader: TokenReader): StatementSyntax {
	reader.expect('INTO', 'after INSERT');
	const name = reader.name('the name of a table');
	const columns = readColumnNames(reader);
	if (!seesQuery(reader)) throw reader.unexpected('VALUES (…) or a SELECT');
	return { kind: 'insert', name: name.text, at: name.at, columns, query: readQuery(reader) };
}

function readDelete(reader: TokenReader): StatementSyntax {
	reader.expect('FROM', 'after DELETE');
	const name = reader.name('the name of a table');
	const where = reader.takes('WHERE') ? readExpression(reader) : undefined;
	return { kind: 'delete', name: name.text, at: name.at, where };
}
