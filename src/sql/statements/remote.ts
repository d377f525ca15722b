// Statements that read tables whose rows are elsewhere (row-source.ts): divides them, and reads the rows before they run.
import type { RowSource, WantedRows } from '../../store/row-source.ts';
import type { TableSnapshot } from '../../store/table.ts';
import type { Source } from '../bind/bound.ts';
import type { PlanComputer } from '../elsewhere/computed-part.ts';
import { RemotePlan } from '../elsewhere/remote-plan.ts';
import type { Reader, RemoteLimits } from '../elsewhere/remote-rows.ts';
import type { Compiler } from '../evaluate/runtime.ts';
import { Guard } from '../limits/guard.ts';
import { createCompiler } from '../run/compile.ts';
import { boundParameters, type ExecuteOptions } from './execute.ts';
import type { Statement } from './statement.ts';

export type RemoteOptions = Pick<ExecuteOptions, 'parameters' | 'now'> & {
	readonly source: RowSource;
	readonly limits: RemoteLimits;
	/** Undefined: the source only reads rows. */
	readonly computer?: PlanComputer | undefined;
	/** Replaces a table, of which only these columns can be read, with what the statement may see of it. */
	readonly shown?: ((table: TableSnapshot, columns: readonly number[]) => TableSnapshot) | undefined;
};

/** The tables of FROM with the rows that were read for them: `fetched` of ExecuteOptions. */
export type Fetched = ReadonlyMap<Source, TableSnapshot>;

export type RemoteStatement = {
	/** The tables that it reads there, with conditions that hold for all rows that matter. */
	readonly reads: readonly Pick<WantedRows, 'table' | 'conditions'>[];
	/** What is asked of the source, for EXPLAIN. */
	readonly explain: () => readonly string[];
	/**
	 * Reads the rows. Throws a SqlError if they are too many, and what the source throws. `onRows` is called with the number
	 * of rows read so far.
	 */
	readonly fetch: (signal: AbortSignal, onRows?: (rows: number) => void) => Promise<Fetched>;
};

/** Divides a statement, which can afterwards run only with the rows that are fetched. */
export function divideStatement(statement: Statement, options: RemoteOptions): RemoteStatement {
	const { source, limits, computer, shown } = options;
	const reader = readerOf(statement);
	if (reader === undefined) return { reads: [], explain: () => [], fetch: async () => new Map() };
	const plan = new RemotePlan(reader, source, computer, limits, constantCompiler(options));
	return {
		reads: plan.reads,
		explain: () => plan.explain(),
		fetch: async (signal, onRows) => {
			if (statement.kind === 'explain') return new Map();
			const tables = await plan.fetch(signal, onRows);
			return new Map(
				[...tables].map(([mention, { snapshot, columns }]) => [mention, shown?.(snapshot, columns) ?? snapshot]),
			);
		},
	};
}

/** What a statement reads. */
function readerOf({ action }: Statement): Reader | undefined {
	switch (action.kind) {
		case 'query':
		case 'explain':
		case 'insert':
			return { plan: action.plan };
		case 'create table':
			return action.exists ? undefined : { plan: action.plan };
		case 'delete':
			return { condition: action.where };
		default:
			return undefined;
	}
}

/** A compiler for expressions without columns. */
function constantCompiler({ parameters, now }: Pick<ExecuteOptions, 'parameters' | 'now'>): Compiler {
	return createCompiler({
		database: { tables: new Map() },
		parameters: boundParameters(parameters),
		guard: new Guard({}),
		plain: false,
		functions: { now: now ?? Date.now() * 1000, poll: () => undefined },
		cursors: new Map(),
		slots: new Map(),
		recursions: new Map(),
	});
}
