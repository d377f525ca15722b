// The tables and columns that a statement can name, and suggestions for misspelt names.

import { distance } from 'fastest-levenshtein';
import type { Column, ColumnType } from '../../store/table.ts';
import type { Query } from '../grammar/syntax.ts';
import { SqlError } from '../limits/sql-error.ts';
import type { StaticType } from '../values/value.ts';
import type { Affinity, SourceColumn } from './bound.ts';
import { meantColumns, meantTables } from './guessed-names.ts';

/** A DatabaseSnapshot is also a Schema. The table `t` of an attached recording `a` has the key `a.t`. */
export type Schema = {
	readonly tables: ReadonlyMap<string, { readonly columns: readonly Column[] }>;
	/** The user's views, by lower-case name. */
	readonly views?: ReadonlyMap<string, View>;
};

export type View = {
	readonly name: string;
	readonly columns: readonly string[] | undefined;
	readonly query: Query;
	/** The SELECT as written. */
	readonly text: string;
};

const STATIC_TYPES: Record<ColumnType, StaticType> = {
	int: 'int',
	float: 'real',
	text: 'text',
	json: 'text',
	blob: 'blob',
	datetime: 'text',
	local: 'text',
	date: 'text',
	time: 'text',
	interval: 'interval',
};

const AFFINITIES: Record<ColumnType, Affinity> = {
	int: 'numeric',
	float: 'numeric',
	text: 'text',
	json: 'text',
	blob: 'none',
	datetime: 'text',
	local: 'text',
	date: 'text',
	time: 'text',
	interval: 'none',
};

/** A table's column as expressions see it. */
export function columnFacts(column: Column): SourceColumn {
	return {
		name: column.name,
		type: STATIC_TYPES[column.type],
		affinity: AFFINITIES[column.type],
		nocase: false,
		output: column.type,
		unit: /_ms$/i.test(column.name) && AFFINITIES[column.type] === 'numeric' ? 'ms' : undefined,
	};
}

/** The key of a table of an attached recording. Throws a SqlError if there is no such recording or table. */
export function attachedTable(schema: string, name: string, at: number, { tables }: Schema): string {
	const prefix = `${schema.toLowerCase()}.`;
	const all = [...tables.keys()].filter((key) => key.toLowerCase().startsWith(prefix));
	const known = all.find((key) => key.slice(prefix.length).toLowerCase() === name.toLowerCase());
	if (known !== undefined) return known;
	if (all.length > 0) {
		const names = all.map((key) => key.slice(prefix.length));
		const hint = meantTable(name, names, `tables are ${names.join(', ')}`);
		throw new SqlError(`unknown table ${name} in ${schema}`, 'ERR_SQL_NAME', at, hint);
	}
	const schemas = new Set([...tables.keys()].filter((key) => key.includes('.')).map((key) => key.split('.')[0]!));
	const attach = `ATTACH 'FILE' AS ${schema} gives a recording this name; for the tables of the capture, write ${name} alone`;
	throw new SqlError(`unknown schema ${schema}`, 'ERR_SQL_NAME', at, didYouMean(schema, schemas, attach));
}

/** A hint with the columns that somebody who guessed this name may mean, otherwise with the nearest ones. */
export function meantColumn(name: string, candidates: readonly string[], otherwise?: string): string | undefined {
	const meant = meantColumns(name, candidates);
	return meant.length > 0 ? suggestion(meant) : didYouMean(name, candidates, otherwise);
}

/** The same for tables. */
export function meantTable(name: string, candidates: readonly string[], otherwise?: string): string | undefined {
	const meant = meantTables(name, candidates);
	return meant.length > 0 ? suggestion(meant) : didYouMean(name, candidates, otherwise);
}

/** Maximum number of names to suggest. */
const MAX_NEAREST = 3;

/** A hint with the names nearest to `name`, or `otherwise` if no name is near. */
export function didYouMean(name: string, candidates: Iterable<string>, otherwise?: string): string | undefined {
	const wanted = name.toLowerCase();
	const limit = wanted.length <= 2 ? 0 : wanted.length <= 3 ? 1 : wanted.length <= 7 ? 2 : 3;
	let nearest: string[] = [];
	let nearestDistance = limit + 1;
	for (const candidate of new Set(candidates)) {
		const lower = candidate.toLowerCase();
		// A name that begins with the typed one counts as near, too: `duration_ms` for `duration`.
		const away = wanted.length >= 3 && lower.startsWith(wanted) ? 1 : distance(wanted, lower);
		if (away < nearestDistance) nearest = [];
		if (away <= Math.min(nearestDistance, limit)) {
			nearest.push(candidate);
			nearestDistance = away;
		}
	}
	return nearest.length === 0 ? otherwise : suggestion(nearest);
}

function suggestion(all: readonly string[]): string {
	const names = all.slice(0, MAX_NEAREST);
	return `did you mean ${names.length === 1 ? names[0] : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`}?`;
}
