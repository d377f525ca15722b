// Prepares statements: parses them and resolves their names against a schema.
import { bindExpression } from '../bind/bind-expression.ts';
import { tableScope } from '../bind/bind-from.ts';
import { bindQuery } from '../bind/bind-query.ts';
import type { Bound, QueryPlan, Source } from '../bind/bound.ts';
import { attachedTable, columnFacts, didYouMean, meantTable, type Schema } from '../bind/schema.ts';
import { CLAUSES, type Environment } from '../bind/scope.ts';
import { parseStatement, type StatementSyntax } from '../grammar/parse-statement.ts';
import type { Query } from '../grammar/syntax.ts';
import { SqlError } from '../limits/sql-error.ts';
import type { ResultColumn } from './result.ts';
import type { Session } from './session.ts';

/** A statement that can run any number of times, on snapshots of the same tables. */
export type Statement = {
	readonly sql: string;
	readonly kind: StatementSyntax['kind'];
	/** The captured tables that it reads. Its snapshots need no others. */
	readonly tables: readonly string[];
	/** The names of its :parameters. */
	readonly parameters: readonly string[];
	/** Empty for statements that return no rows. */
	readonly columns: readonly ResultColumn[];
	readonly action: Action;
};

export type Action =
	| { readonly kind: 'query'; readonly plan: QueryPlan }
	| { readonly kind: 'explain'; readonly plan: QueryPlan }
	| { readonly kind: 'rows'; readonly rows: readonly (readonly (string | null)[])[] }
	| { readonly kind: 'create view'; readonly syntax: Create; readonly exists: boolean }
	| { readonly kind: 'create table'; readonly syntax: Create; readonly plan: QueryPlan; readonly exists: boolean }
	| { readonly kind: 'drop'; readonly what: 'view' | 'table'; readonly name: string }
	| { readonly kind: 'insert'; readonly name: string; readonly plan: QueryPlan; readonly places: readonly number[] }
	| { readonly kind: 'delete'; readonly name: string; readonly source: Source; readonly where: Bound | undefined };

type Create = Extract<StatementSyntax, { kind: 'create view' | 'create table' }>;

/** Throws a SqlError if the text is not a statement or contains unknown names. */
export function prepare(sql: string, schema: Schema, session?: Session): Statement {
	return withinStack(() => prepareStatement(sql, schema, session));
}

/** Turns a stack overflow into an error of the statement. */
export function withinStack<T>(work: () => T): T {
	try {
		return work();
	} catch (error) {
		if (error instanceof RangeError) throw tooComplex(error);
		throw error;
	}
}

/** The error for a limit of JavaScript: the depth of the stack, or the length of strings and arrays. */
export function tooComplex({ message }: RangeError): SqlError {
	return new SqlError(
		`the statement reached a limit: ${message}`,
		'ERR_SQL_TOO_LARGE',
		undefined,
		'make it simpler, or narrow it with WHERE or LIMIT',
	);
}

function prepareStatement(sql: string, schema: Schema, session: Session | undefined): Statement {
	const syntax = parseStatement(sql);
	const all = session?.schema(schema) ?? schema;
	const environment = environmentOf(all);
	const { action, columns } = bindStatement(syntax, environment, schema, session);
	return {
		sql,
		kind: syntax.kind,
		tables: [...environment.tables].filter((name) => schema.tables.has(name)),
		parameters: [...environment.parameters],
		columns,
		action,
	};
}

/** Maximum number of tables in a statement. Those inside views and WITH count at each mention. */
const MAX_TABLES = 1_000;

export function environmentOf(schema: Schema): Environment {
	return {
		schema,
		common: new Map(),
		tables: new Set(),
		parameters: new Set(),
		budget: { tables: MAX_TABLES },
		expanding: [],
		bindQuery,
	};
}

function bindStatement(
	syntax: StatementSyntax,
	environment: Environment,
	schema: Schema,
	session: Session | undefined,
): { action: Action; columns: readonly ResultColumn[] } {
	switch (syntax.kind) {
		case 'query': {
			const plan = bindQuery(syntax.query, environment, undefined);
			return { action: { kind: 'query', plan }, columns: columnsOf(plan) };
		}
		case 'explain':
			return {
				action: { kind: 'explain', plan: bindQuery(syntax.query, environment, undefined) },
				columns: [{ name: 'plan', type: 'text' }],
			};
		case 'describe':
			return describe(syntax, environment);
		case 'describe query':
			return describeQuery(syntax.query, environment);
		case 'create view':
		case 'create table':
			return bindCreate(syntax, environment, schema, session);
		case 'drop view':
		case 'drop table': {
			const what = syntax.kind === 'drop view' ? 'view' : 'table';
			const owned = session?.has(syntax.name);
			if (owned !== what) {
				if (owned === undefined && hasTable(schema, syntax.name)) throw readOnly(syntax.name, syntax.at);
				const hint =
					owned === undefined ? undefined : `${syntax.name} is a ${owned}: write DROP ${owned.toUpperCase()}`;
				if (!syntax.ifExists || owned !== undefined)
					throw new SqlError(`you have no ${what} named ${syntax.name}`, 'ERR_SQL_NAME', syntax.at, hint);
			}
			return { action: { kind: 'drop', what, name: syntax.name }, columns: [] };
		}
		case 'insert':
			return bindInsert(syntax, environment, schema, session);
		default:
			return bindDelete(syntax, environment, schema, session);
	}
}

function columnsOf(plan: QueryPlan): ResultColumn[] {
	return plan.columns.map(({ name, output }) => ({ name, type: output ?? 'any' }));
}

function hasTable(schema: Schema, name: string): boolean {
	return [...schema.tables.keys()].some((known) => known.toLowerCase() === name.toLowerCase());
}

function readOnly(name: string, at: number): SqlError {
	return new SqlError(
		`${name} is read-only: it holds what was captured`,
		'ERR_SQL_READ_ONLY',
		at,
		'make your own tables with CREATE TEMP TABLE name AS SELECT …',
	);
}

const DESCRIPTION_COLUMNS: readonly ResultColumn[] = ['column', 'type', 'description'].map((name) => ({
	name,
	type: 'text',
}));

function describe(
	syntax: Extract<StatementSyntax, { kind: 'describe' }>,
	environment: Environment,
): { action: Action; columns: readonly ResultColumn[] } {
	const isAttached = syntax.schema !== undefined && !/^(main|temp)$/i.test(syntax.schema);
	const key = isAttached ? attachedTable(syntax.schema, syntax.table, syntax.at, environment.schema) : syntax.table;
	const name = key.toLowerCase();
	const columns = DESCRIPTION_COLUMNS;
	const view = isAttached ? undefined : environment.schema.views?.get(name);
	if (view !== undefined) {
		const plan = bindQuery(view.query, { ...environment, expanding: [name] }, undefined);
		const rows = plan.columns.map((column, index) => [
			view.columns?.[index] ?? column.name,
			column.output ?? 'any',
			null,
		]);
		return { action: { kind: 'rows', rows }, columns };
	}
	for (const [known, table] of environment.schema.tables) {
		if (known.toLowerCase() !== name) continue;
		return {
			action: { kind: 'rows', rows: table.columns.map((column) => [column.name, column.type, column.description]) },
			columns,
		};
	}
	const names = [...environment.schema.tables.keys(), ...(environment.schema.views?.keys() ?? [])];
	throw new SqlError(
		`unknown table ${syntax.table}`,
		'ERR_SQL_NAME',
		syntax.at,
		meantTable(syntax.table, names, `tables are ${names.join(', ')}`),
	);
}

/** The columns that a query would return. It reads no rows, so the statement needs no tables and no parameters. */
function describeQuery(query: Query, environment: Environment): { action: Action; columns: readonly ResultColumn[] } {
	const { columns, body } = bindQuery(query, { ...environment, tables: new Set(), parameters: new Set() }, undefined);
	const rows = columns.map(({ name, output }, index) => {
		const column = body.kind === 'select' ? body.outputs[index]! : undefined;
		const isCaptured = column?.kind === 'column' && column.source.origin.kind === 'table';
		const table = isCaptured ? environment.schema.tables.get(column.source.origin.table) : undefined;
		return [name, output ?? 'any', isCaptured ? (table?.columns[column.index]?.description ?? null) : null];
	});
	return { action: { kind: 'rows', rows }, columns: DESCRIPTION_COLUMNS };
}

function bindCreate(
	syntax: Create,
	environment: Environment,
	schema: Schema,
	session: Session | undefined,
): { action: Action; columns: readonly ResultColumn[] } {
	const what = syntax.kind === 'create view' ? 'view' : 'table';
	if (session === undefined) throw new SqlError(`a ${what} cannot be made here`, 'ERR_SQL_READ_ONLY', syntax.at);
	if (hasTable(schema, syntax.name)) throw readOnly(syntax.name, syntax.at);
	const owned = session.has(syntax.name);
	const exists = owned === what && syntax.ifNotExists;
	if (owned !== undefined && !exists && !(syntax.replace && owned === what)) {
		throw new SqlError(
			`there is already a ${owned} named ${syntax.name}`,
			'ERR_SQL_NAME',
			syntax.at,
			`drop it with DROP ${owned.toUpperCase()} ${syntax.name}`,
		);
	}
	// Bind it now, so that errors in the view are reported when it is created.
	const plan = bindQuery(syntax.query, { ...environment, expanding: [syntax.name.toLowerCase()] }, undefined);
	checkColumns(syntax, plan);
	if (syntax.kind === 'create view') {
		if (environment.parameters.size > 0)
			throw new SqlError('a view cannot have parameters', 'ERR_SQL_PARAMETER', syntax.at);
		return { action: { kind: 'create view', syntax, exists }, columns: [] };
	}
	return { action: { kind: 'create table', syntax, plan, exists }, columns: [] };
}

function checkColumns({ columns, name, at }: Create, plan: QueryPlan): void {
	if (columns !== undefined && columns.length !== plan.columns.length) {
		throw new SqlError(`expected ${plan.columns.length} column names, got ${columns.length}`, 'ERR_SQL_NAME', at);
	}
	const seen = new Set<string>();
	for (const column of columns ?? plan.columns.map((known) => known.name)) {
		if (seen.has(column.toLowerCase()))
			throw new SqlError(
				`${name} would have two columns named ${column}`,
				'ERR_SQL_NAME',
				at,
				'rename one of them with AS',
			);
		seen.add(column.toLowerCase());
	}
}

function bindInsert(
	syntax: Extract<StatementSyntax, { kind: 'insert' }>,
	environment: Environment,
	schema: Schema,
	session: Session | undefined,
): { action: Action; columns: readonly ResultColumn[] } {
	const columns = ownTable(syntax.name, syntax.at, schema, session);
	const plan = bindQuery(syntax.query, environment, undefined);
	const names = syntax.columns ?? columns.map((column) => column.name);
	const places = names.map((name) => {
		const place = columns.findIndex((column) => column.name.toLowerCase() === name.toLowerCase());
		if (place < 0)
			throw new SqlError(
				`unknown column ${name} in ${syntax.name}`,
				'ERR_SQL_NAME',
				syntax.at,
				didYouMean(
					name,
					columns.map((column) => column.name),
				),
			);
		return place;
	});
	if (plan.columns.length !== names.length)
		throw new SqlError(`expected ${names.length} values a row, got ${plan.columns.length}`, 'ERR_SQL_VALUE', syntax.at);
	return { action: { kind: 'insert', name: syntax.name, plan, places }, columns: [] };
}

function bindDelete(
	syntax: Extract<StatementSyntax, { kind: 'delete' }>,
	environment: Environment,
	schema: Schema,
	session: Session | undefined,
): { action: Action; columns: readonly ResultColumn[] } {
	const columns = ownTable(syntax.name, syntax.at, schema, session);
	const known = session!.tableNames.find((name) => name.toLowerCase() === syntax.name.toLowerCase())!;
	environment.tables.add(known);
	const { scope, named } = tableScope(known, columns.map(columnFacts), environment);
	const where =
		syntax.where === undefined ? undefined : scope.within(CLAUSES.where, () => bindExpression(syntax.where!, scope));
	return { action: { kind: 'delete', name: syntax.name, source: named.source, where }, columns: [] };
}

function ownTable(name: string, at: number, schema: Schema, session: Session | undefined) {
	const columns = session?.columnsOf(name);
	if (columns !== undefined) return columns;
	if (hasTable(schema, name)) throw readOnly(name, at);
	throw new SqlError(
		`unknown table ${name}`,
		'ERR_SQL_NAME',
		at,
		didYouMean(name, session?.tableNames ?? [], 'make it with CREATE TEMP TABLE name AS SELECT …'),
	);
}
