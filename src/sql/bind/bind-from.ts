// Resolves FROM: tables, views, subqueries and their joins, and the columns that USING and NATURAL merge.
import { SCALAR_FUNCTIONS, TABLE_FUNCTIONS } from '../functions/functions.ts';
import type { TableReference } from '../grammar/syntax.ts';
import { SqlError, syntaxError, unsupported } from '../limits/sql-error.ts';
import { tableElsewhere } from '../text/other-dialects.ts';
import { checkCount } from './bind-call.ts';
import { bindExpression, compare, withoutJsonCall } from './bind-expression.ts';
import type { Bound, JoinStep, QueryPlan, SelectPlan, Source, SourceColumn } from './bound.ts';
import { partsOf, subqueryOf, varies } from './bound-walk.ts';
import { commonFacts, facts, INTEGER } from './facts.ts';
import { attachedTable, columnFacts, didYouMean, meantTable } from './schema.ts';
import { CLAUSES, columnOf, type Environment, type NamedTable, Scope } from './scope.ts';

/** Maximum number of tables in one FROM clause. */
const MAX_TABLES = 64;
/** Maximum nesting of views. */
const MAX_VIEW_DEPTH = 50;

/** Adds the tables to `scope`. */
export function bindFrom(references: readonly TableReference[], scope: Scope): JoinStep[] {
	if (references.length > MAX_TABLES)
		throw syntaxError(`FROM has ${references.length} tables, more than the limit of ${MAX_TABLES}`, references[0]!.at);
	const steps: JoinStep[] = [];
	// Otherwise the unmatched rows that a RIGHT or FULL join adds would bypass the WHERE of a replaced subquery.
	const mayReplace = references.every(({ join }) => join !== 'right' && join !== 'full');
	for (const reference of references) {
		const { named, filter } = bindTable(reference, scope, mayReplace);
		const { source } = named;
		const before = [...scope.tables];
		scope.tables.push(named);
		if (reference.join === 'left' || reference.join === 'full') source.nullable = true;
		if (reference.join === 'right' || reference.join === 'full')
			for (const earlier of before) earlier.source.nullable = true;
		const on = bindJoinCondition(reference, named, before, scope);
		const kind = reference.join === 'cross' && on !== undefined ? 'inner' : reference.join;
		steps.push({ source, kind: before.length === 0 ? 'cross' : kind, on, filter });
	}
	return steps;
}

// ---- conditions of joins --------------------------------------------------------------------------------------------

function bindJoinCondition(
	reference: TableReference,
	named: NamedTable,
	before: readonly NamedTable[],
	scope: Scope,
): Bound | undefined {
	if (reference.on !== undefined) return scope.within(CLAUSES.on, () => bindExpression(reference.on!, scope));
	let names = reference.using ?? [];
	if (reference.natural) {
		const earlier = new Set(before.flatMap(({ columns }) => columns.map((column) => column.name.toLowerCase())));
		names = named.columns
			.filter((column) => earlier.has(column.name.toLowerCase()))
			.map((column) => ({ name: column.name, at: reference.at }));
	}
	const conditions = names.map(({ name, at }) => mergeColumn(name, at, reference, named, before, scope));
	if (conditions.length === 0) return undefined;
	return conditions.length === 1 ? conditions[0] : { kind: 'and', operands: conditions, constant: false, ...INTEGER };
}

/** One column of USING: `left.c = right.c`. `c` alone means whichever side is not missing. */
function mergeColumn(
	name: string,
	at: number,
	reference: TableReference,
	named: NamedTable,
	before: readonly NamedTable[],
	scope: Scope,
): Bound {
	const lower = name.toLowerCase();
	const right = columnByName(named, lower);
	const left =
		scope.merged.get(lower) ?? before.map((table) => columnByName(table, lower)).find((column) => column !== undefined);
	if (left === undefined || right === undefined)
		throw new SqlError(`the column ${name} of USING is not in both tables`, 'ERR_SQL_NAME', at);
	const isOuter = reference.join === 'right' || reference.join === 'full';
	const { affinity, nocase } = left;
	const both: Bound = {
		kind: 'coalesce',
		operands: [left, right],
		constant: false,
		...commonFacts([left, right]),
		affinity,
		nocase,
	};
	scope.merged.set(lower, isOuter ? both : left);
	return compare('=', left, right, [at, at]);
}

function columnByName(named: NamedTable, lower: string): Bound | undefined {
	const index = named.columns.findIndex((column) => column.name.toLowerCase() === lower);
	return index < 0 ? undefined : columnOf(named, index);
}

// ---- tables ---------------------------------------------------------------------------------------------------------

type BoundTable = { readonly named: NamedTable; readonly filter: Bound | undefined };

function bindTable(reference: TableReference, scope: Scope, mayReplace: boolean): BoundTable {
	const { environment } = scope;
	if (--environment.budget.tables < 0)
		throw syntaxError('the statement uses too many tables, counting those inside views and WITH', reference.at);
	if (reference.kind === 'query') {
		// A subquery in FROM does not see the other tables of this FROM, only those of enclosing queries.
		const plan = environment.bindQuery(reference.query, environment, scope.parent);
		return queryTable(reference.alias ?? 'subquery', plan, scope, mayReplace);
	}
	if (reference.kind === 'function') return functionTable(reference, scope);
	if (reference.schema !== undefined && !/^(main|temp)$/i.test(reference.schema))
		return capturedTable(
			attachedTable(reference.schema, reference.name, reference.at, environment.schema),
			reference,
			scope,
		);
	const name = reference.name.toLowerCase();
	const alias = reference.alias ?? reference.name;
	const common = reference.schema === undefined ? environment.common.get(name)?.use() : undefined;
	if (common !== undefined) {
		if ('body' in common) return queryTable(alias, common, scope, mayReplace);
		return plainTable({
			name: alias,
			columns: common.columns,
			origin: { kind: 'recursion', of: common.recursion },
			nullable: false,
		});
	}
	const view = environment.schema.views?.get(name);
	if (view !== undefined) {
		if (environment.expanding.includes(name))
			throw new SqlError(`the view ${view.name} contains itself`, 'ERR_SQL_NAME', reference.at);
		if (environment.expanding.length >= MAX_VIEW_DEPTH)
			throw syntaxError(`views nest deeper than ${MAX_VIEW_DEPTH} levels`, reference.at);
		const inner: Environment = { ...environment, common: new Map(), expanding: [...environment.expanding, name] };
		const plan = renamed(environment.bindQuery(view.query, inner, undefined), view.columns, reference.at);
		return queryTable(alias, plan, scope, mayReplace);
	}
	for (const known of environment.schema.tables.keys())
		if (known.toLowerCase() === name) return capturedTable(known, reference, scope);
	throw unknownTable(reference.name, reference.at, environment);
}

/** A table of the schema, by its name there. */
function capturedTable(
	known: string,
	{ alias, name }: TableReference & { kind: 'table' },
	{ environment }: Scope,
): BoundTable {
	environment.tables.add(known);
	return plainTable({
		name: alias ?? name,
		columns: environment.schema.tables.get(known)!.columns.map(columnFacts),
		origin: { kind: 'table', table: known },
		nullable: false,
	});
}

/** A table function. Its arguments see the tables before it in FROM. */
function functionTable(reference: TableReference & { kind: 'function' }, scope: Scope): BoundTable {
	const { name, at } = reference;
	const entry = TABLE_FUNCTIONS.get(name.toLowerCase());
	if (entry === undefined) {
		const tables = [...scope.environment.schema.tables.keys(), ...TABLE_FUNCTIONS.keys()];
		// A function that returns JSON.
		const isJson = SCALAR_FUNCTIONS.get(name.toLowerCase())?.output === 'json';
		const otherwise = isJson
			? `${name.toLowerCase()}(…) is JSON: json_each(${name.toLowerCase()}(…)) has its members as rows`
			: 'SQL can read captured tables, but no files';
		const hint = tableElsewhere(name) ?? (isJson ? otherwise : didYouMean(name, tables, otherwise));
		throw unsupported(`${name}(…) is not a table`, at, hint);
	}
	checkCount(entry, reference.arguments.length, at);
	if (reference.join === 'right' || reference.join === 'full') {
		throw unsupported(
			`${entry.name}() cannot be on the right of a ${reference.join.toUpperCase()} JOIN`,
			at,
			`put it into a subquery: (SELECT * FROM ${entry.name}(…))`,
		);
	}
	const list = scope.within(CLAUSES.from, () => reference.arguments.map((argument) => bindExpression(argument, scope)));
	const [json] = list;
	if (json?.output === 'datetime' || json?.output === 'interval' || json?.output === 'blob')
		throw new SqlError(`${entry.name}() expects JSON, got ${json.output}`, 'ERR_SQL_TYPE', at, entry.signature);
	return plainTable({
		name: reference.alias ?? name,
		columns: entry.columns.map((column) => ({ name: column.name, ...facts(column.type, column.output) })),
		origin: { kind: 'function', function: entry, arguments: [withoutJsonCall(json!), ...list.slice(1)] },
		nullable: false,
	});
}

function unknownTable(name: string, at: number, { schema, common }: Environment): SqlError {
	const names = [
		...schema.tables.keys(),
		...(schema.views?.keys() ?? []),
		...[...common.values()].map((entry) => entry.name),
	];
	const local = `local.${name.toLowerCase()}`;
	if (schema.tables.has(local))
		return new SqlError(
			`unknown table ${name}`,
			'ERR_SQL_NAME',
			at,
			`the store has no such table; ${local} is that of this host`,
		);
	const otherwise = names.length === 0 ? 'other tables cannot be used here' : `tables are ${names.join(', ')}`;
	return new SqlError(`unknown table ${name}`, 'ERR_SQL_NAME', at, meantTable(name, names, otherwise));
}

function plainTable(source: Source): BoundTable {
	return { named: { name: source.name, columns: source.columns, source, outputs: undefined }, filter: undefined };
}

function queryTable(name: string, plan: QueryPlan, scope: Scope, mayReplace: boolean): BoundTable {
	noteOuter(plan, scope);
	const { columns } = plan;
	const simple = mayReplace ? simpleSelect(plan) : undefined;
	if (simple === undefined) return plainTable({ name, columns, origin: { kind: 'query', plan }, nullable: false });
	// The subquery only selects columns and rows of one table, so that table can replace it.
	const [{ source, filter }] = simple.steps as [JoinStep];
	const conditions = [filter, simple.where].filter((condition) => condition !== undefined);
	const all: Bound | undefined =
		conditions.length < 2 ? conditions[0] : { kind: 'and', operands: conditions, constant: false, ...INTEGER };
	return { named: { name, columns, source, outputs: simple.outputs }, filter: all };
}

function simpleSelect({ body }: QueryPlan): SelectPlan | undefined {
	if (body.kind !== 'select' || body.grouped || body.distinct || body.windows.length > 0 || body.order.length > 0)
		return undefined;
	if (body.limit !== undefined || body.offset !== undefined || body.steps.length !== 1) return undefined;
	const { source, on } = body.steps[0]!;
	if (source.origin.kind !== 'table' || on !== undefined) return undefined;
	return body.outputs.every(isCheapAndFixed) ? body : undefined;
}

/** Whether computing it several times per row is cheap and gives the same value. */
function isCheapAndFixed(expression: Bound): boolean {
	if (subqueryOf(expression) !== undefined || varies(expression)) return false;
	return partsOf(expression).every(isCheapAndFixed);
}

function noteOuter(plan: QueryPlan, scope: Scope): void {
	for (const source of plan.outer) {
		for (let level: Scope | undefined = scope; level !== undefined && !level.has(source); level = level.parent)
			level.outer.add(source);
	}
}

/** The query with its columns renamed. */
export function renamed(plan: QueryPlan, names: readonly string[] | undefined, at: number): QueryPlan {
	if (names === undefined) return plan;
	if (names.length !== plan.columns.length) {
		throw new SqlError(`expected ${plan.columns.length} column names, got ${names.length}`, 'ERR_SQL_NAME', at);
	}
	return { ...plan, columns: plan.columns.map((column, index) => ({ ...column, name: names[index]! })) };
}

/** The scope of a condition or a list of expressions over one table, outside any query. */
export function tableScope(
	name: string,
	columns: readonly SourceColumn[],
	environment: Environment,
): { scope: Scope; named: NamedTable } {
	const scope = new Scope(environment, undefined);
	const { named } = plainTable({ name, columns, origin: { kind: 'table', table: name }, nullable: false });
	scope.tables.push(named);
	return { scope, named };
}
