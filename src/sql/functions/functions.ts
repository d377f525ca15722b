// All SQL functions, by lower-case name.
import { AGGREGATES } from './aggregates.ts';
import { DATE_FUNCTIONS } from './dates.ts';
import type { AggregateFunction, FunctionDoc, ScalarFunction, WindowFunction } from './function-table.ts';
import { GENERAL_FUNCTIONS } from './general.ts';
import { HTTP_FUNCTIONS } from './http.ts';
import { JSON_FUNCTIONS } from './json.ts';
import { NUMBER_FUNCTIONS } from './numbers.ts';
import { REGEXP_FUNCTIONS } from './regexp-functions.ts';
import { STATISTICS } from './statistics.ts';
import { TABLE_FUNCTIONS as TABLES, type TableFunction } from './table-functions.ts';
import { TEXT_FUNCTIONS } from './text.ts';
import { URL_FUNCTIONS } from './urls.ts';
import { WINDOWS } from './windows.ts';

/** Names of functions in other databases. */
const ALIASES = new Map([
	['substring', 'substr'],
	['len', 'length'],
	['char_length', 'length'],
	['lcase', 'lower'],
	['ucase', 'upper'],
	['ceiling', 'ceil'],
	['pow', 'power'],
	['if', 'iif'],
	['printf', 'format'],
	['string_agg', 'group_concat'],
	['countif', 'count_if'],
	['stddev_samp', 'stddev'],
	['quantile_cont', 'percentile_cont'],
	['quantile_disc', 'percentile_disc'],
	['time_bucket', 'bucket'],
	['date_part', 'extract'],
	['datetrunc', 'date_trunc'],
	['path_template', 'path_shape'],
]);

function byName<T extends FunctionDoc>(lists: readonly (readonly T[])[]): ReadonlyMap<string, T> {
	const table = new Map(lists.flat().map((entry) => [entry.name, entry]));
	for (const [alias, name] of ALIASES) {
		const entry = table.get(name);
		if (entry !== undefined) table.set(alias, entry);
	}
	return table;
}

export const SCALAR_FUNCTIONS: ReadonlyMap<string, ScalarFunction> = byName([
	TEXT_FUNCTIONS,
	REGEXP_FUNCTIONS,
	NUMBER_FUNCTIONS,
	GENERAL_FUNCTIONS,
	DATE_FUNCTIONS,
	JSON_FUNCTIONS,
	HTTP_FUNCTIONS,
	URL_FUNCTIONS,
]);

export const AGGREGATE_FUNCTIONS: ReadonlyMap<string, AggregateFunction> = byName([AGGREGATES, STATISTICS]);

export const WINDOW_FUNCTIONS: ReadonlyMap<string, WindowFunction> = byName([WINDOWS]);

export const TABLE_FUNCTIONS: ReadonlyMap<string, TableFunction> = byName([TABLES]);

/** Each function once, in the order of the documentation, without operators that are implemented as functions. */
export const FUNCTION_DOCS: readonly FunctionDoc[] = [
	...[
		TEXT_FUNCTIONS,
		REGEXP_FUNCTIONS,
		NUMBER_FUNCTIONS,
		GENERAL_FUNCTIONS,
		DATE_FUNCTIONS,
		JSON_FUNCTIONS,
		TABLES,
		HTTP_FUNCTIONS,
		URL_FUNCTIONS,
		AGGREGATES,
		STATISTICS,
		WINDOWS,
	].flat(),
].filter((entry) => /^\w/.test(entry.name));

export const FUNCTION_ALIASES: ReadonlyMap<string, string> = ALIASES;

export function functionNames(): string[] {
	return [...FUNCTION_DOCS.map((entry) => entry.name), ...ALIASES.keys()];
}
