// Computes plans in a store, as far as its SQL gives the same results.
import {
	type Compiler,
	type ComputedPart,
	Interval,
	intervalText,
	type PlanComputer,
	type Refusal,
} from '../../sql/sql-plans.ts';
import type { BatchColumn } from '../../store/row-source.ts';
import type { StoreConnection } from '../store-connection.ts';
import { integerOf, numberOf, type StatementLimits } from '../store-source.ts';
import { cellText } from '../tab-separated.ts';
import { QueryTranslator, type StoreTables, type TranslatedQuery } from './query.ts';
import { type Kind, NotThere } from './translated.ts';

/** Settings on which the meaning of a query depends. A user's profile may have others. */
const SETTINGS: Readonly<Record<string, string | number>> = {
	aggregate_functions_null_for_empty: 0,
	transform_null_in: 0,
	group_by_use_nulls: 0,
	prefer_column_name_to_alias: 0,
	short_circuit_function_evaluation: 'enable',
	limit: 0,
	offset: 0,
	extremes: 0,
};

export function storeComputer(
	connection: StoreConnection,
	store: StoreTables,
	limits: () => StatementLimits,
): PlanComputer {
	const compute = (
		c: Compiler,
		translate: (translator: QueryTranslator) => TranslatedQuery,
	): ComputedPart | Refusal => {
		try {
			return partOf(translate(new QueryTranslator(store, c)), connection, limits);
		} catch (error) {
			if (error instanceof NotThere) return { because: error.message };
			throw error;
		}
	};
	return {
		query: (plan, c) => compute(c, (translator) => translator.query(plan)),
		groups: (plan, c) => compute(c, (translator) => translator.groups(plan)),
	};
}

function partOf(
	{ text, columns, reads }: TranslatedQuery,
	connection: StoreConnection,
	limits: () => StatementLimits,
): ComputedPart {
	return {
		text,
		columns: columns.map(({ column }) => column),
		reads,
		async *read(atMost, signal) {
			const { seconds, skipsShards } = limits();
			const options = { signal, seconds, skipsShards, maxRows: atMost + 1, settings: SETTINGS };
			for await (const rows of connection.rows(limited(text, atMost + 1), options))
				yield {
					rowCount: rows.length,
					columns: columns.map(({ kind }, index) => valuesOf(rows, index, kind)),
				};
		},
	};
}

/** The query with at most this many rows. A subquery around it would lose its order. */
function limited(text: string, most: number): string {
	const own = / LIMIT (\d+)( OFFSET \d+)?$/.exec(text);
	if (own === null) return `${text} LIMIT ${most}`;
	return `${text.slice(0, own.index)} LIMIT ${Math.min(Number(own[1]), most)}${own[2] ?? ''}`;
}

function valuesOf(rows: readonly (readonly string[])[], index: number, kind: Kind): BatchColumn {
	switch (kind) {
		case 'int':
		case 'truth':
			return rows.map((row) => integerOf(row[index]!));
		case 'real':
		case 'instant':
			return Float64Array.from(rows, (row) => numberOf(row[index]!));
		case 'interval':
			return rows.map((row) => intervalOf(row[index]!));
		default:
			return rows.map((row) => cellText(row[index]!));
	}
}

function intervalOf(cell: string): string | null {
	return cell === '\\N' ? null : intervalText(new Interval(0, Number(cell)));
}
