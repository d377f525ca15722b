// The names that an expression can use: the tables and column aliases of its SELECT and of enclosing queries. Names are
// looked up in lower case, and only in Maps.
import type { Query, SyntaxExpression, Window } from '../grammar/syntax.ts';
import { SqlError } from '../limits/sql-error.ts';
import { wordElsewhere } from '../text/other-dialects.ts';
import type { AggregateCall, Bound, QueryPlan, Source, SourceColumn, WindowCall } from './bound.ts';
import { didYouMean, meantColumn, type Schema } from './schema.ts';

/** Maximum number of columns that an error lists if no name is near. */
const MAX_LISTED = 12;

/** A table of WITH. */
export type CommonEntry = {
	readonly name: string;
	/** Returns its query, bound for one mention in a FROM clause; inside its own query, the rows of the previous step. */
	readonly use: () => QueryPlan | { readonly columns: readonly SourceColumn[]; readonly recursion: object };
};

/** A table of FROM with the names for its columns. */
export type NamedTable = {
	readonly name: string;
	readonly columns: readonly SourceColumn[];
	readonly source: Source;
	/** If `source` has replaced a simple subquery: the expressions of the subquery's columns. */
	readonly outputs: readonly Bound[] | undefined;
};

/** State that all parts of a statement share while its names are resolved. */
export type Environment = {
	readonly schema: Schema;
	/** The visible tables of WITH, by lower-case name. */
	readonly common: ReadonlyMap<string, CommonEntry>;
	/** Names of the captured and temporary tables that the statement reads. */
	readonly tables: Set<string>;
	readonly parameters: Set<string>;
	/** How many more tables the statement can mention, counting those inside views and WITH. */
	readonly budget: { tables: number };
	/** The views being expanded, to detect views that contain themselves. */
	readonly expanding: readonly string[];
	/** Binds a subquery. Passed in, because expressions and queries would otherwise import each other. */
	readonly bindQuery: (query: Query, environment: Environment, parent: Scope | undefined) => QueryPlan;
};

/** A place in a SELECT, and whether expressions there can contain aggregates and window functions. */
export type Clause = { readonly name: string; readonly aggregates: boolean; readonly windows: boolean };

export const CLAUSES = {
	where: { name: 'WHERE', aggregates: false, windows: false },
	from: { name: 'FROM', aggregates: false, windows: false },
	on: { name: 'ON', aggregates: false, windows: false },
	group: { name: 'GROUP BY', aggregates: false, windows: false },
	argument: { name: "an aggregate's argument", aggregates: false, windows: false },
	window: { name: "a window function's argument", aggregates: true, windows: false },
	having: { name: 'HAVING', aggregates: true, windows: false },
	select: { name: 'SELECT', aggregates: true, windows: true },
	order: { name: 'ORDER BY', aggregates: true, windows: true },
	limit: { name: 'LIMIT', aggregates: false, windows: false },
} as const satisfies Record<string, Clause>;

export class Scope {
	readonly environment: Environment;
	readonly parent: Scope | undefined;
	readonly tables: NamedTable[] = [];
	/** Columns merged by USING or NATURAL, by lower-case name. */
	readonly merged = new Map<string, Bound>();
	/** Column aliases by lower-case name. */
	readonly aliases = new Map<string, SyntaxExpression>();
	readonly busyAliases = new Set<string>();
	readonly aggregates: AggregateCall[] = [];
	readonly windows: WindowCall[] = [];
	windowDefinitions: ReadonlyMap<string, Window> = new Map();
	/** The sources of enclosing queries that this query uses. */
	readonly outer = new Set<Source>();
	readonly owner: object = {};
	clause: Clause = CLAUSES.where;

	constructor(environment: Environment, parent: Scope | undefined) {
		this.environment = environment;
		this.parent = parent;
	}

	/** Runs `read` for an expression in `clause`. */
	within<T>(clause: Clause, read: () => T): T {
		const before = this.clause;
		this.clause = clause;
		try {
			return read();
		} finally {
			this.clause = before;
		}
	}

	/** The column with this name in the SELECT's own tables, or undefined. Throws if there are several. */
	ownColumn(table: string | undefined, column: string, at: number): Bound | undefined {
		const name = column.toLowerCase();
		const wantedTable = table?.toLowerCase();
		if (wantedTable === undefined) {
			const merged = this.merged.get(name);
			if (merged !== undefined) return merged;
		}
		const found: Bound[] = [];
		const tables: string[] = [];
		for (const named of this.tables) {
			if (wantedTable !== undefined && named.name.toLowerCase() !== wantedTable) continue;
			const index = named.columns.findIndex((candidate) => candidate.name.toLowerCase() === name);
			if (index < 0) continue;
			found.push(columnOf(named, index));
			tables.push(named.name);
		}
		if (found.length > 1) {
			throw new SqlError(
				`the column ${column} is in ${tables.join(' and in ')}`,
				'ERR_SQL_NAME',
				at,
				`write ${tables[0]}.${column}`,
			);
		}
		return found[0];
	}

	has(source: Source): boolean {
		return this.tables.some((named) => named.source === source);
	}

	/** Notes that this query uses `source`, unless it is one of its own. */
	noteOuter(source: Source): void {
		if (!this.has(source)) this.outer.add(source);
	}
}

export function columnOf({ source, columns, outputs }: NamedTable, index: number): Bound {
	const output = outputs?.[index];
	if (output === undefined) {
		const { type, affinity, nocase, output: columnType, unit } = columns[index]!;
		return { kind: 'column', source, index, type, affinity, nocase, output: columnType, unit, constant: false };
	}
	// An outer join also sets computed columns to NULL.
	return output.kind === 'column' ? output : { ...output, kind: 'present', source, operand: output, constant: false };
}

/** Request methods: if they are not found as columns, the quotes were probably forgotten. */
const METHOD = /^(GET|HEAD|POST|PUT|DELETE|PATCH|OPTIONS|CONNECT|TRACE)$/;

/** The error for an unknown column, with the nearest names. */
export function unknownColumn(
	scope: Scope,
	table: string | undefined,
	column: string,
	at: number,
	isQuoted: boolean,
): SqlError {
	const tables: NamedTable[] = [];
	const names: string[] = [];
	const isArgument = scope.clause === CLAUSES.from;
	const before = 'a table function sees only the tables before it in FROM';
	for (let level: Scope | undefined = scope; level !== undefined; level = level.parent) {
		tables.push(...level.tables);
		if (table === undefined) names.push(...level.aliases.keys());
	}
	if (table !== undefined) {
		const named = tables.filter((candidate) => candidate.name.toLowerCase() === table.toLowerCase());
		if (named.length === 0) {
			const known = tables.map((candidate) => candidate.name);
			const json = tables.some(({ columns }) =>
				columns.some((candidate) => candidate.name.toLowerCase() === table.toLowerCase()),
			);
			const hint = json
				? `for a value inside JSON write ${table}->>'${column}'`
				: didYouMean(
						table,
						known,
						isArgument ? before : known.length === 0 ? 'there is no FROM' : `tables here: ${known.join(', ')}`,
					);
			return new SqlError(`unknown table ${table}`, 'ERR_SQL_NAME', at, hint);
		}
		for (const { columns } of named) names.push(...columns.map((candidate) => candidate.name));
		const listed = names.slice(0, MAX_LISTED).join(', ') + (names.length > MAX_LISTED ? ' …' : '');
		const hint = meantColumn(column, names, `columns of ${table}: ${listed}`);
		return new SqlError(`unknown column ${column} in ${table}`, 'ERR_SQL_NAME', at, hint);
	}
	for (const { columns } of tables) names.push(...columns.map((candidate) => candidate.name));
	const quotes = `write text in single quotes: '${column}'`;
	// DuckDB's list ['a', 'b'] is a quoted name here.
	if (isQuoted && /^\s*'.*'\s*$/.test(column))
		return new SqlError(`unknown column ${column}`, 'ERR_SQL_NAME', at, `json_array(${column}) is a list`);
	if (METHOD.test(column)) return new SqlError(`unknown column ${column}`, 'ERR_SQL_NAME', at, quotes);
	const [captured] = tables.flatMap(({ source, outputs }) =>
		source.origin.kind === 'table' && outputs === undefined ? [source.origin.table] : [],
	);
	const otherwise =
		captured !== undefined && !isQuoted
			? `DESCRIBE ${captured} lists the columns; ${quotes}`
			: isQuoted || tables.length > 0
				? quotes
				: isArgument
					? before
					: 'there is no FROM, so there are no columns';
	const hint = isQuoted ? undefined : wordElsewhere(column);
	return new SqlError(`unknown column ${column}`, 'ERR_SQL_NAME', at, hint ?? meantColumn(column, names, otherwise));
}
