// Which gaps may affect a result: those that a statement's conditions on host, run and time do not exclude.
import type { RowCondition, WantedRows } from '../store/row-source.ts';
import type { RemoteTable } from './store-layout.ts';

/** Tables in whose rows a gap shows, by the table that it names. */
const GAPS_OF: ReadonlyMap<string, string> = new Map([
	['exchanges', 'exchanges'],
	['headers', 'exchanges'],
	['connections', 'connections'],
	['blind_spots', 'blind_spots'],
]);

export type Reads = readonly Pick<WantedRows, 'table' | 'conditions'>[];

/** The gaps of one reason: how many rows they lack, how many have no number, and of how many hosts they are. */
export type GapTotal = {
	readonly reason: string;
	readonly rows: number;
	readonly unknown: number;
	readonly hosts: number;
};

/** For each table that is read, conditions on rows of `gaps`. None if no gap can affect what is read. */
export function gapConditions(
	reads: Reads,
	tables: ReadonlyMap<string, RemoteTable>,
): readonly (readonly RowCondition[])[] {
	const gaps = tables.get('gaps');
	if (gaps === undefined) return [];
	return reads.flatMap(({ table, conditions }) => {
		const named = GAPS_OF.get(table);
		return named === undefined ? [] : [[...ofTable(named, gaps), ...likewise(conditions, tables.get(table)!, gaps)]];
	});
}

/** Gaps of one table. Older agents do not name it. */
function ofTable(name: string, gaps: RemoteTable): RowCondition[] {
	const column = placeOf('table_name', gaps);
	return column < 0 ? [] : [{ kind: 'in', column, not: false, values: ['', name] }];
}

/** The conditions on host, run and time, for rows of `gaps`. */
function likewise(conditions: readonly RowCondition[], table: RemoteTable, gaps: RemoteTable): RowCondition[] {
	return conditions.flatMap((condition): RowCondition[] => {
		if (!('column' in condition)) return [];
		const { name } = table.columns[condition.column]!;
		if (name === 'host_name' || name === 'run') return [{ ...condition, column: placeOf(name, gaps) }];
		if (name !== 'ts' || condition.kind !== 'compare') return [];
		const { operator, value } = condition;
		const ends = { kind: 'compare', column: placeOf('to_ts', gaps), operator: '>=', value } as const;
		const begins = { kind: 'compare', column: placeOf('from_ts', gaps), operator: '<=', value } as const;
		if (operator === '=') return [ends, begins];
		return operator === '<>' ? [] : operator.startsWith('>') ? [ends] : [begins];
	});
}

function placeOf(name: string, { columns }: RemoteTable): number {
	return columns.findIndex((column) => column.name === name);
}

/** The sentence that says what may be missing. */
export function missingSentence(totals: readonly GapTotal[]): string {
	const parts = totals.map(({ reason, rows, unknown, hosts }) => {
		const known = rows > 0 ? `${rows} rows` : '';
		const more = unknown > 0 ? `${known === '' ? 'an' : ' and an'} unknown number` : '';
		return `${known}${more} of ${hosts === 1 ? '1 host' : `${hosts} hosts`} (${reason})`;
	});
	return `rows may be missing from the store: ${parts.join(', ')}; SELECT * FROM gaps shows when`;
}
