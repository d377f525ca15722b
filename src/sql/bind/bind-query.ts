// Resolves a whole query: WITH, FROM, the list of columns, groups, order. The result is a plan without names to look up.

import type { CommonTable, Core, OrderItem, Query, SelectItem, SyntaxExpression } from '../grammar/syntax.ts';
import { SqlError, syntaxError, unsupported } from '../limits/sql-error.ts';
import { bindExpression, bindOrder } from './bind-expression.ts';
import { bindFrom, renamed } from './bind-from.ts';
import type { Bound, OrderTerm, QueryPlan, SelectPlan, SourceColumn } from './bound.ts';
import { commonFacts, facts, UNKNOWN } from './facts.ts';
import { checkGrouped, keysOfAll } from './group-all.ts';
import { didYouMean, meantColumn } from './schema.ts';
import { CLAUSES, type CommonEntry, columnOf, type Environment, Scope } from './scope.ts';
import { timeType } from './times.ts';

/** Maximum number of columns of a result. */
const MAX_COLUMNS = 2_000;

type Tail = {
	readonly order: readonly OrderItem[];
	readonly limit: SyntaxExpression | undefined;
	readonly offset: SyntaxExpression | undefined;
};

const NO_TAIL: Tail = { order: [], limit: undefined, offset: undefined };

export function bindQuery(query: Query, environment: Environment, parent: Scope | undefined): QueryPlan {
	const inner = bindCommonTables(query, environment, parent);
	if (query.rest.length === 0) return bindCore(query.first, inner, parent, query);
	return bindCompound(query, inner, parent);
}

// ---- WITH ---------------------------------------------------------------------------------------------------------

function bindCommonTables(query: Query, environment: Environment, parent: Scope | undefined): Environment {
	let inner = environment;
	for (const table of query.with) {
		const entry = bindCommonTable(table, inner, query.recursive, parent);
		inner = { ...inner, common: new Map(inner.common).set(table.name.toLowerCase(), entry) };
	}
	return inner;
}

/**
 * Binds the table at once, so that errors are reported even if it is never mentioned. Mentions share nothing: each
 * mention after the first binds it again.
 */
function bindCommonTable(
	table: CommonTable,
	environment: Environment,
	mayRecurse: boolean,
	parent: Scope | undefined,
): CommonEntry {
	// Without RECURSIVE, the name of an existing table means that table.
	const name = table.name.toLowerCase();
	const isKnown =
		environment.common.has(name) || [...environment.schema.tables.keys()].some((known) => known.toLowerCase() === name);
	const isRecursive = (mayRecurse || !isKnown) && table.query.rest.length > 0;
	const bind = () =>
		isRecursive ? bindRecursive(table, environment, parent) : bindPlainTable(table, environment, parent);
	let spare: QueryPlan | undefined = bind();
	return {
		name: table.name,
		use: () => {
			const plan = spare ?? bind();
			spare = undefined;
			return plan;
		},
	};
}

function bindPlainTable(table: CommonTable, environment: Environment, parent: Scope | undefined): QueryPlan {
	return renamed(bindQuery(table.query, environment, parent), table.columns, table.at);
}

function bindRecursive(table: CommonTable, environment: Environment, parent: Scope | undefined): QueryPlan {
	const { rest, ...head } = table.query;
	const last = rest.at(-1)!;
	const identity = {};
	let columns: SourceColumn[] | undefined;
	let mentions = 0;
	// Inside its own query, the name means the rows of the previous step.
	const own: CommonEntry = {
		name: table.name,
		use: () => {
			if (columns === undefined)
				throw unsupported(`${table.name} must begin with a SELECT that does not use ${table.name} itself`, table.at);
			mentions++;
			return { columns, recursion: identity };
		},
	};
	const inner: Environment = { ...environment, common: new Map(environment.common).set(table.name.toLowerCase(), own) };
	const start: Query = { ...head, rest: rest.slice(0, -1), order: [], limit: undefined, offset: undefined };
	const first = renamed(bindQuery(start, inner, parent), table.columns, table.at);
	// Later steps may return values of other types than the first rows.
	columns = first.columns.map((column) =>
		timeType(column) === undefined ? { ...column, type: 'any', output: undefined, unit: undefined } : column,
	);
	const step = bindCore(last.core, inner, parent, NO_TAIL);
	checkTimes(columns, step.columns, last.core.at);
	if (mentions === 0) return bindPlainTable(table, environment, parent);
	if (last.operator !== 'UNION' && last.operator !== 'UNION ALL')
		throw unsupported(`a recursive ${table.name} needs UNION or UNION ALL`, table.at);
	checkColumnCount(first.columns.length, step.columns.length, last.operator, last.core.at);
	if (table.query.order.length > 0)
		throw unsupported(`ORDER BY is not supported in the recursive ${table.name}`, table.at);
	const body = { kind: 'recursive', first, step, all: last.operator === 'UNION ALL', identity } as const;
	return limitedTo(
		{ columns, body, outer: new Set([...first.outer, ...step.outer]) },
		table.query,
		environment,
		parent,
	);
}

/** A column of times must contain times in every step. */
function checkTimes(first: readonly SourceColumn[], step: readonly SourceColumn[], at: number): void {
	for (const [index, column] of first.entries()) {
		const type = timeType(column);
		const next = step[index];
		if (type === undefined || next === undefined || next.type === 'null' || timeType(next) === type) continue;
		throw new SqlError(
			`the column ${column.name} begins as ${type}, but a later step gives ${timeType(next) ?? next.type}`,
			'ERR_SQL_TYPE',
			at,
			`convert it: x::${type}`,
		);
	}
}

/** Wraps a recursive table into a query with its LIMIT. */
function limitedTo(
	plan: QueryPlan,
	{ limit, offset }: Tail,
	environment: Environment,
	parent: Scope | undefined,
): QueryPlan {
	if (limit === undefined && offset === undefined) return plan;
	const scope = new Scope(environment, parent);
	const body = {
		kind: 'compound',
		first: plan,
		rest: [],
		order: [],
		...bindLimits({ order: [], limit, offset }, scope),
	} as const;
	return { ...plan, body };
}

// ---- UNION, INTERSECT, EXCEPT -------------------------------------------------------------------------------------

function bindCompound(query: Query, environment: Environment, parent: Scope | undefined): QueryPlan {
	const first = bindCore(query.first, environment, parent, NO_TAIL);
	const outer = new Set(first.outer);
	let columns = first.columns;
	const plans = [first];
	const rest = query.rest.map(({ operator, core }) => {
		const plan = bindCore(core, environment, parent, NO_TAIL);
		checkColumnCount(columns.length, plan.columns.length, operator, core.at);
		for (const source of plan.outer) outer.add(source);
		plans.push(plan);
		return { operator, plan };
	});
	columns = columns.map((column, index) => {
		const common = commonFacts(plans.map((plan) => plan.columns[index]!));
		return { ...column, type: common.type, output: common.output, unit: common.unit };
	});
	const order = eachColumn(query.order, columns.length).map((item) => ({
		column: compoundColumn(item, query, columns),
		descending: item.descending,
		nullsFirst: item.nullsFirst ?? !item.descending,
		nocase: item.expression.kind === 'collate' && item.expression.collation.toLowerCase() === 'nocase',
	}));
	const scope = new Scope(environment, parent);
	const limits = bindLimits(query, scope);
	return { columns, body: { kind: 'compound', first, rest, order, ...limits }, outer };
}

function checkColumnCount(expected: number, got: number, operator: string, at: number): void {
	if (expected === got) return;
	throw new SqlError(`expected ${expected} columns on both sides of ${operator}, got ${got}`, 'ERR_SQL_VALUE', at);
}

/**
 * The column of the result that a term of a compound's ORDER BY refers to: by position, by name or as the same
 * expression.
 */
function compoundColumn(item: OrderItem, query: Query, columns: readonly SourceColumn[]): number {
	const expression = item.expression.kind === 'collate' ? item.expression.operand : item.expression;
	const position = positionOf(expression, columns.length, 'ORDER BY');
	if (position !== undefined) return position;
	if (expression.kind === 'name' && expression.table === undefined) {
		const name = expression.column.toLowerCase();
		for (const core of [query.first, ...query.rest.map((part) => part.core)]) {
			const names = core === query.first ? columns.map((column) => column.name) : namesOf(core);
			const index = names.findIndex((candidate) => candidate?.toLowerCase() === name);
			if (index >= 0) return index;
		}
	}
	const text = textOf(expression);
	for (const core of [query.first, ...query.rest.map((part) => part.core)]) {
		if (core.kind !== 'select' || core.items.some((candidate) => candidate.kind === 'all')) continue;
		const index = core.items.findIndex(
			(candidate) => candidate.kind === 'expression' && textOf(candidate.expression) === text,
		);
		if (index >= 0) return index;
	}
	throw new SqlError(
		'ORDER BY after UNION, INTERSECT or EXCEPT must name a column of the result',
		'ERR_SQL_NAME',
		item.expression.at,
		'use the name or the number of a column',
	);
}

function namesOf(core: Core): (string | undefined)[] {
	if (core.kind !== 'select') return [];
	return core.items.map((item) => (item.kind === 'expression' ? (item.alias ?? nameOf(item.expression)) : undefined));
}

function nameOf(expression: SyntaxExpression): string | undefined {
	return expression.kind === 'name' ? expression.column : undefined;
}

/** The same text for expressions that differ only in position and in the letter case of names. */
function textOf(expression: SyntaxExpression): string {
	return JSON.stringify(expression, (key, value: unknown) => {
		if (key === 'at' || key === 'quoted') return undefined;
		if (key === 'column' || key === 'table') return typeof value === 'string' ? value.toLowerCase() : value;
		return typeof value === 'bigint' ? `${value}n` : value;
	});
}

/** ORDER BY ALL as a list of all columns by their positions. */
function eachColumn(order: readonly OrderItem[], columns: number): readonly OrderItem[] {
	const [item] = order;
	if (item?.all !== true) return order;
	const { at } = item.expression;
	return Array.from({ length: columns }, (_, index) => ({
		expression: { kind: 'literal', at, value: index + 1 },
		descending: item.descending,
		nullsFirst: item.nullsFirst,
	}));
}

/** A whole number in ORDER BY or GROUP BY is the position of a column: `2` is the second one. */
function positionOf(expression: SyntaxExpression, columns: number, clause: string): number | undefined {
	if (expression.kind !== 'literal' || typeof expression.value !== 'number' || !Number.isSafeInteger(expression.value))
		return undefined;
	if (expression.value < 1 || expression.value > columns) {
		throw new SqlError(
			`expected a column number from 1 to ${columns} in ${clause}, got ${expression.value}`,
			'ERR_SQL_NAME',
			expression.at,
		);
	}
	return expression.value - 1;
}

// ---- SELECT -------------------------------------------------------------------------------------------------------

function bindCore(core: Core, environment: Environment, parent: Scope | undefined, tail: Tail): QueryPlan {
	if (core.kind === 'values') return bindValues(core, environment, parent, tail);
	if (core.kind === 'summarize') return bindSummary(core, environment, parent);
	const scope = new Scope(environment, parent);
	scope.windowDefinitions = core.windows;
	const steps = bindFrom(core.from, scope);
	const items = expandItems(core, scope);
	for (const item of items)
		if (item.alias !== undefined && item.syntax !== undefined && !scope.aliases.has(item.alias.toLowerCase()))
			scope.aliases.set(item.alias.toLowerCase(), item.syntax);
	const where =
		core.where === undefined ? undefined : scope.within(CLAUSES.where, () => bindExpression(core.where!, scope));
	const written = scope.within(CLAUSES.group, () => core.group.map((item) => bindGroupKey(item, items, scope)));
	const outputs = scope.within(CLAUSES.select, () =>
		items.map((item) => item.bound ?? bindExpression(item.syntax!, scope)),
	);
	const having =
		core.having === undefined ? undefined : scope.within(CLAUSES.having, () => bindExpression(core.having!, scope));
	const order = scope.within(CLAUSES.order, () =>
		eachColumn(tail.order, outputs.length).map((item) => bindOrderTerm(item, items, outputs, scope)),
	);
	const keys = core.groupAll ? keysOfAll(outputs) : written;
	if (core.groupAll) {
		const clauses = outputs.map((output, index) => ({
			expressions: [output],
			at: items[index]!.syntax?.at ?? core.at,
		}));
		if (having !== undefined) clauses.push({ expressions: [having], at: core.having!.at });
		for (const [index, { expression }] of order.entries())
			clauses.push({ expressions: [expression], at: (tail.order[index] ?? tail.order[0]!).expression.at });
		checkGrouped(keys, clauses, scope);
	}
	const grouped = keys.length > 0 || core.group.length > 0 || scope.aggregates.length > 0;
	if (having !== undefined && !grouped) {
		throw new SqlError(
			'HAVING needs GROUP BY or an aggregate',
			'ERR_SQL_SYNTAX',
			core.having!.at,
			'conditions on rows belong in WHERE',
		);
	}
	// Without GROUP BY, even no rows give one group, whose columns are NULL.
	if (grouped && keys.length === 0) for (const { source } of scope.tables) source.nullable = true;
	const columns = items.map((item, index): SourceColumn => {
		const { type, affinity, nocase, output, unit } = outputs[index]!;
		return { name: item.alias ?? item.name, type, affinity, nocase, output, unit };
	});
	const body: SelectPlan = {
		kind: 'select',
		owner: scope.owner,
		steps,
		where,
		grouped,
		keys,
		aggregates: scope.aggregates,
		having,
		windows: scope.windows,
		outputs,
		distinct: core.distinct,
		order,
		...bindLimits(tail, scope),
	};
	return { columns, body, outer: scope.outer };
}

/** The columns that SUMMARIZE returns. */
const SUMMARY_COLUMNS: readonly SourceColumn[] = [
	{ name: 'column_name', ...facts('text') },
	{ name: 'column_type', ...facts('text') },
	{ name: 'min', ...facts('any') },
	{ name: 'max', ...facts('any') },
	{ name: 'approx_unique', ...facts('int') },
	{ name: 'avg', ...facts('real') },
	{ name: 'std', ...facts('real') },
	{ name: 'q25', ...facts('real') },
	{ name: 'q50', ...facts('real') },
	{ name: 'q75', ...facts('real') },
	{ name: 'count', ...facts('int') },
	{ name: 'null_percentage', ...facts('real') },
];

function bindSummary(
	core: Extract<Core, { kind: 'summarize' }>,
	environment: Environment,
	parent: Scope | undefined,
): QueryPlan {
	const of = bindQuery(core.query, environment, parent);
	// The mean of intervals is an interval.
	const isMixed = of.columns.some(
		({ type, output }) => output === 'interval' || (type === 'any' && output === undefined),
	);
	const columns = SUMMARY_COLUMNS.map((column) =>
		isMixed && column.type === 'real' && column.name !== 'null_percentage' ? { name: column.name, ...UNKNOWN } : column,
	);
	return { columns, body: { kind: 'summary', of }, outer: of.outer };
}

function bindValues(
	core: Extract<Core, { kind: 'values' }>,
	environment: Environment,
	parent: Scope | undefined,
	tail: Tail,
): QueryPlan {
	const scope = new Scope(environment, parent);
	const rows = core.rows.map((row) => row.map((item) => bindExpression(item, scope)));
	const columns = rows[0]!.map(
		(_, index): SourceColumn => ({ name: `column${index + 1}`, ...commonFacts(rows.map((row) => row[index]!)) }),
	);
	if (tail.order.length > 0)
		throw syntaxError(
			'VALUES cannot have ORDER BY',
			core.at,
			'put it into a subquery: SELECT * FROM (VALUES …) ORDER BY 1',
		);
	return { columns, body: { kind: 'values', rows }, outer: scope.outer };
}

function bindLimits(tail: Tail, scope: Scope): { limit: Bound | undefined; offset: Bound | undefined } {
	const bind = (syntax: SyntaxExpression | undefined) => {
		if (syntax === undefined) return undefined;
		// LIMIT must not read columns, not even those of enclosing queries.
		const alone = new Scope(scope.environment, undefined);
		return alone.within(CLAUSES.limit, () => bindExpression(syntax, alone));
	};
	return { limit: bind(tail.limit), offset: bind(tail.offset) };
}

type Item = {
	readonly name: string;
	readonly alias: string | undefined;
	readonly syntax: SyntaxExpression | undefined;
	readonly bound: Bound | undefined;
};

function expandItems(core: Extract<Core, { kind: 'select' }>, scope: Scope): Item[] {
	const items: Item[] = [];
	for (const item of core.items) {
		if (item.kind === 'expression') {
			items.push({
				name: nameOf(item.expression) ?? item.text,
				alias: item.alias,
				syntax: item.expression,
				bound: undefined,
			});
		} else {
			items.push(...expandStar(item, scope));
		}
	}
	if (items.length > MAX_COLUMNS)
		throw syntaxError(`the result has ${items.length} columns, more than the limit of ${MAX_COLUMNS}`, core.at);
	return items;
}

type Star = Extract<SelectItem, { kind: 'all' }>;

/** The columns of `*` or `table.*`, after applying its EXCLUDE and REPLACE. */
export function expandStar(star: Star, scope: Scope): Item[] {
	const all = columnsOfStar(star.table, star.at, scope);
	const changes = changesOf(star, all);
	const items = all.flatMap(({ table, name, bound }): Item[] => {
		const lower = name.toLowerCase();
		if (changes.excluded.has(lower) || changes.excluded.has(`${table.toLowerCase()}.${lower}`)) return [];
		const replaced = changes.replaced.get(lower);
		if (replaced === undefined) return [{ name, alias: undefined, syntax: undefined, bound }];
		return [{ name, alias: name, syntax: replaced, bound: undefined }];
	});
	if (items.length === 0 && all.length > 0)
		throw syntaxError('EXCLUDE leaves no columns', star.exclude[0]!.at, 'exclude fewer columns');
	return items;
}

/** The names, or the first of many. */
function shortList(names: readonly string[]): string {
	return names.length > 8 ? `${names.slice(0, 7).join(', ')} … (${names.length} columns)` : names.join(', ');
}

/** EXCLUDE and REPLACE by the names of their columns, in lower case. Throws if a column is missing or named twice. */
function changesOf({ exclude, replace }: Star, all: readonly { table: string; name: string }[]) {
	const excluded = new Set<string>();
	const replaced = new Map<string, SyntaxExpression>();
	const known = new Set(
		all.flatMap(({ table, name }) => [name.toLowerCase(), `${table.toLowerCase()}.${name.toLowerCase()}`]),
	);
	const check = (word: string, name: string, at: number) => {
		if (!known.has(name.toLowerCase())) {
			const names = all.map((column) => column.name);
			const hint = meantColumn(name, names, `* stands for ${shortList(names)}`);
			throw new SqlError(`unknown column ${name} in ${word}`, 'ERR_SQL_NAME', at, hint);
		}
		if (excluded.has(name.toLowerCase()) || replaced.has(name.toLowerCase()))
			throw new SqlError(`the column ${name} occurs twice in EXCLUDE and REPLACE`, 'ERR_SQL_NAME', at);
	};
	for (const { table, name, at } of exclude) {
		const full = table === undefined ? name : `${table}.${name}`;
		check('EXCLUDE', full, at);
		excluded.add(full.toLowerCase());
	}
	for (const { name, at, expression } of replace) {
		check('REPLACE', name, at);
		replaced.set(name.toLowerCase(), expression);
	}
	return { excluded, replaced };
}

function columnsOfStar(
	table: string | undefined,
	at: number,
	scope: Scope,
): { table: string; name: string; bound: Bound }[] {
	const wanted = table?.toLowerCase();
	const tables = scope.tables.filter((named) => wanted === undefined || named.name.toLowerCase() === wanted);
	if (tables.length === 0) {
		if (table === undefined) throw syntaxError('there is no FROM, so * has no columns', at);
		throw new SqlError(
			`unknown table ${table}`,
			'ERR_SQL_NAME',
			at,
			didYouMean(
				table,
				scope.tables.map((named) => named.name),
			),
		);
	}
	const merged = new Set<string>();
	const columns: { table: string; name: string; bound: Bound }[] = [];
	for (const named of tables) {
		for (const [index, column] of named.columns.entries()) {
			const name = column.name.toLowerCase();
			const joint = wanted === undefined ? scope.merged.get(name) : undefined;
			if (joint === undefined) {
				columns.push({ table: named.name, name: column.name, bound: columnOf(named, index) });
			} else if (!merged.has(name)) {
				merged.add(name);
				columns.push({ table: named.name, name: column.name, bound: joint });
			}
		}
	}
	return columns;
}

/** A text in ORDER BY or GROUP BY is the same for all rows, so one that names a column was meant as that column. */
function checkQuotedName(syntax: SyntaxExpression, scope: Scope, clause: string): void {
	if (syntax.kind !== 'literal' || typeof syntax.value !== 'string') return;
	const name = syntax.value.toLowerCase();
	const isColumn = scope.tables.some(({ columns }) => columns.some((column) => column.name.toLowerCase() === name));
	if (!isColumn && !scope.aliases.has(name)) return;
	throw new SqlError(
		`the text '${syntax.value}' in ${clause} is the same for all rows`,
		'ERR_SQL_TYPE',
		syntax.at,
		`write the column's name without quotes: ${syntax.value}`,
	);
}

function bindGroupKey(syntax: SyntaxExpression, items: readonly Item[], scope: Scope): Bound {
	const position = positionOf(syntax, items.length, 'GROUP BY');
	checkQuotedName(syntax, scope, 'GROUP BY');
	if (position === undefined) return bindExpression(syntax, scope);
	return items[position]!.bound ?? bindExpression(items[position]!.syntax!, scope);
}

/** Binds a term of ORDER BY: the position or alias of an output column, or any expression. */
function bindOrderTerm(item: OrderItem, items: readonly Item[], outputs: readonly Bound[], scope: Scope): OrderTerm {
	const collated = item.expression.kind === 'collate' ? item.expression : undefined;
	const syntax = collated?.operand ?? item.expression;
	let index = positionOf(syntax, outputs.length, 'ORDER BY');
	checkQuotedName(syntax, scope, 'ORDER BY');
	if (index === undefined && syntax.kind === 'name' && syntax.table === undefined) {
		const name = syntax.column.toLowerCase();
		const found = items.findIndex((candidate) => candidate.alias?.toLowerCase() === name);
		if (found >= 0) index = found;
	}
	if (index === undefined) return bindOrder([item], scope)[0]!;
	const nocase = collated === undefined ? outputs[index]!.nocase : collated.collation.toLowerCase() === 'nocase';
	return {
		expression: { ...outputs[index]!, nocase },
		descending: item.descending,
		nullsFirst: item.nullsFirst ?? !item.descending,
	};
}
