// Statements that read tables whose rows are elsewhere (row-source.ts): reads the rows before the statement runs.
import type { RowSource } from '../../store/row-source.ts';
import type { TableSnapshot } from '../../store/table.ts';
import type { Source } from '../bind/bound.ts';
import { type Reader, type RemoteLimits, readRemoteRows, wantedRows } from '../elsewhere/remote-rows.ts';
import type { Compiler } from '../evaluate/runtime.ts';
import { Guard } from '../limits/guard.ts';
import { createCompiler } from '../run/compile.ts';
import { boundParameters, type ExecuteOptions } from './execute.ts';
import type { Statement } from './statement.ts';

export type RemoteOptions = Pick<ExecuteOptions, 'parameters' | 'now'> & {
	readonly source: RowSource;
	readonly limits: RemoteLimits;
	readonly signal: AbortSignal;
	/** Called with the number of rows read so far. */
	readonly onRows?: ((rows: number) => void) | undefined;
};

/** The tables of FROM with the rows that were read for them: `fetched` of ExecuteOptions. */
export type Fetched = ReadonlyMap<Source, TableSnapshot>;

/**
 * Reads the rows of `source` that the statement needs. Throws a SqlError if they are too many, and what the source throws.
 */
export async function fetchRows(statement: Statement, options: RemoteOptions): Promise<Fetched> {
	const { source, limits, signal, onRows } = options;
	const reader = readerOf(statement);
	if (reader === undefined || statement.kind === 'explain') return new Map();
	const wanted = wantedRows(reader, source, limits, constantCompiler(options));
	return await readRemoteRows(wanted, source, limits, signal, onRows);
}

/** For EXPLAIN: what is read from the source, in lines. */
export function explainRows(statement: Statement, options: Omit<RemoteOptions, 'signal'>): string[] {
	const { source, limits } = options;
	const reader = readerOf(statement);
	if (reader === undefined) return [];
	const wanted = wantedRows(reader, source, limits, constantCompiler(options));
	const texts = new Set([...wanted.values()].map((want) => source.explain(want).join('\n')));
	return [...texts].flatMap((text) => [`read from ${source.name}:`, ...text.split('\n').map((line) => `  ${line}`)]);
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
