// Conditions and lists of columns over single rows, for filtering rows as they arrive, as the live tail does.
import type { Column, DatabaseSnapshot, ParameterValue, SqlValue, TableSnapshot } from '../../store/table.ts';
import { bindExpression } from '../bind/bind-expression.ts';
import { tableScope } from '../bind/bind-from.ts';
import { expandStar } from '../bind/bind-query.ts';
import type { Bound, Source } from '../bind/bound.ts';
import { columnFacts, type Schema } from '../bind/schema.ts';
import { CLAUSES } from '../bind/scope.ts';
import { type Cursor, cursorOf, type Evaluator, type Runtime, type Test } from '../evaluate/runtime.ts';
import { parseExpression, parseStatement } from '../grammar/parse-statement.ts';
import type { Core, SyntaxExpression } from '../grammar/syntax.ts';
import { Guard } from '../limits/guard.ts';
import { SqlError, type SqlErrorCode, syntaxError } from '../limits/sql-error.ts';
import { createCompiler } from '../run/compile.ts';
import { toSqlValue } from '../values/value.ts';
import { boundParameters } from './execute.ts';
import type { ResultColumn } from './result.ts';
import { environmentOf, withinStack } from './statement.ts';

export type ConditionOptions = {
	readonly parameters?: ReadonlyMap<string, ParameterValue>;
	/** The table's name, for conditions such as `exchanges.status = 500`. */
	readonly table?: string;
};

const NO_TABLES: Schema = { tables: new Map() };

/**
 * Compiles a condition over one table. The function returns true only if the condition is TRUE, not FALSE or NULL. It
 * accepts any snapshot of a table with these columns; successive calls with the same one are fastest. If the text is not
 * a condition, this throws a SqlError; the function does not.
 */
export function compileCondition(
	text: string,
	columns: readonly Column[],
	options: ConditionOptions = {},
): RowFunction<boolean> {
	const { scope, named } = scopeOf(columns, options);
	const bound = withinStack(() => scope.within(CLAUSES.where, () => bindExpression(parseExpression(text), scope)));
	return perTable(named.source, options, (compiler): Test => compiler.isTrue(bound));
}

export type Projection = {
	readonly columns: readonly ResultColumn[];
	readonly values: RowFunction<SqlValue[]>;
};

/** Compiles a list of columns over one table, such as `id, method, duration(duration_ms) AS took` or `*`. */
export function compileProjection(
	text: string,
	columns: readonly Column[],
	options: ConditionOptions = {},
): Projection {
	const core = parseList(text);
	const { scope, named } = scopeOf(columns, options);
	const outputs: { name: string; bound: Bound }[] = [];
	for (const item of core.items) {
		const bind = (expression: SyntaxExpression) =>
			scope.within({ ...CLAUSES.where, name: 'a list of columns' }, () => bindExpression(expression, scope));
		if (item.kind === 'expression') {
			outputs.push({ name: item.alias ?? item.text, bound: bind(item.expression) });
			continue;
		}
		for (const { name: column, bound, syntax } of expandStar(item, scope))
			outputs.push({ name: column, bound: bound ?? bind(syntax!) });
	}
	const values = perTable(named.source, options, (compiler): (() => SqlValue[]) => {
		const evaluators: Evaluator[] = outputs.map(({ bound }) => compiler.value(bound));
		return () => evaluators.map((evaluate) => toSqlValue(evaluate()));
	});
	return { columns: outputs.map(({ name: column, bound }) => ({ name: column, type: bound.output ?? 'any' })), values };
}

const BEFORE_LIST = 'SELECT ';

/** Parses the list as part of a SELECT that has no other clauses. */
function parseList(text: string): Extract<Core, { kind: 'select' }> {
	try {
		const statement = parseStatement(`${BEFORE_LIST}${text}`);
		const query = statement.kind === 'query' ? statement.query : undefined;
		const core = query?.first;
		const isPlain =
			core?.kind === 'select' &&
			core.from.length === 0 &&
			core.where === undefined &&
			core.group.length === 0 &&
			!core.groupAll;
		if (
			!isPlain ||
			core.having !== undefined ||
			core.distinct ||
			query!.rest.length > 0 ||
			query!.order.length > 0 ||
			query!.limit !== undefined
		) {
			throw syntaxError('expected a list of columns and nothing else', BEFORE_LIST.length);
		}
		return core;
	} catch (error) {
		if (!(error instanceof SqlError) || error.position === undefined) throw error;
		throw new SqlError(
			error.message,
			error.code as SqlErrorCode,
			Math.max(0, error.position - BEFORE_LIST.length),
			error.hint,
		);
	}
}

function scopeOf(columns: readonly Column[], { table }: ConditionOptions) {
	return tableScope(table ?? 'exchanges', columns.map(columnFacts), environmentOf(NO_TABLES));
}

/** What is evaluated for one row of a snapshot. `compile` reports errors that no row is needed for. */
export type RowFunction<T> = ((table: TableSnapshot, row: number) => T) & {
	readonly compile: (table: TableSnapshot) => void;
};

/** Compiles again if the snapshot changes, because closures read through its column readers. */
export function perTable<T>(
	source: Source,
	{ parameters }: ConditionOptions,
	compile: (compiler: ReturnType<typeof createCompiler>) => () => T,
): RowFunction<T> {
	let current: TableSnapshot | undefined;
	let cursor: Cursor | undefined;
	let evaluate: (() => T) | undefined;
	const compileFor = (table: TableSnapshot) => {
		const name = source.origin.kind === 'table' ? source.origin.table : source.name;
		const database: DatabaseSnapshot = { tables: new Map([[name, table]]) };
		const runtime: Runtime = {
			database,
			parameters: boundParameters(parameters),
			guard: new Guard({}),
			plain: false,
			functions: { now: Date.now() * 1000, poll: () => {} },
			cursors: new Map(),
			slots: new Map(),
			recursions: new Map(),
		};
		evaluate = compile(createCompiler(runtime));
		cursor = cursorOf(source, runtime);
		current = table;
	};
	const evaluateRow = (table: TableSnapshot, row: number) => {
		if (table !== current) compileFor(table);
		cursor!.row = row;
		return evaluate!();
	};
	return Object.assign(evaluateRow, { compile: compileFor });
}
