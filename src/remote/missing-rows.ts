// Which rows may be missing in a result: gaps in the store that the statement's conditions on time and host do not exclude.
import type { RowCondition, WantedRows } from '../store/row-source.ts';
import type { StoreConnection } from './store-connection.ts';
import type { RemoteTable } from './store-layout.ts';
import type { StatementLimits } from './store-source.ts';
import { conditionText, fromText, textLiteral } from './store-sql.ts';
import { cellText } from './tab-separated.ts';

/** Tables in whose rows a gap shows, by the table that it names. */
const GAPS_OF: ReadonlyMap<string, string> = new Map([
	['exchanges', 'exchanges'],
	['headers', 'exchanges'],
	['connections', 'connections'],
	['blind_spots', 'blind_spots'],
]);
const LOOK_SECONDS = 10;

type Reads = readonly Pick<WantedRows, 'table' | 'conditions'>[];

/** Sentences about what is missing; none if nothing is. */
export async function missingRows(
	connection: StoreConnection,
	tables: ReadonlyMap<string, RemoteTable>,
	reads: Reads,
	{ skipsShards }: StatementLimits,
	signal: AbortSignal,
): Promise<string[]> {
	const gaps = tables.get('gaps');
	const read = reads.filter(({ table }) => GAPS_OF.has(table));
	if (gaps === undefined || read.length === 0) return [];
	const conditions = read.map(({ table, conditions: all }) =>
		[...ofTable(table, gaps), ...gapConditions(all, tables.get(table)!, gaps)].join(' AND '),
	);
	const where = conditions.includes('') ? '' : ` WHERE (${[...new Set(conditions)].join(') OR (')})`;
	const sql = `SELECT reason, sum(rows), countIf(isNull(rows)), uniqExact(host_name) FROM ${fromText(gaps, connection.database)}${where} GROUP BY reason ORDER BY reason`;
	const found = await connection.all(sql, { signal, seconds: LOOK_SECONDS, maxRows: 1000, skipsShards });
	return found.length === 0 ? [] : [sentence(found)];
}

/** Gaps of one table. Older agents do not name it. */
function ofTable(table: string, gaps: RemoteTable): string[] {
	const isNamed = gaps.columns.some(({ name }) => name === 'table_name');
	return isNamed ? [`table_name IN ('', ${textLiteral(GAPS_OF.get(table)!)})`] : [];
}

/** The conditions on host and time, for rows of `gaps`. */
function gapConditions(conditions: readonly RowCondition[], table: RemoteTable, gaps: RemoteTable): string[] {
	const place = (name: string) => gaps.columns.findIndex((column) => column.name === name);
	return conditions.flatMap((condition): string[] => {
		if (!('column' in condition)) return [];
		const { name } = table.columns[condition.column]!;
		if (name === 'host_name' || name === 'run')
			return [conditionText({ ...condition, column: place(name) }, gaps) ?? []].flat();
		if (name !== 'ts' || condition.kind !== 'compare') return [];
		const { operator, value } = condition;
		const ends = { kind: 'compare', column: place('to_ts'), operator: '>=', value } as const;
		const begins = { kind: 'compare', column: place('from_ts'), operator: '<=', value } as const;
		const wanted =
			operator === '=' ? [ends, begins] : operator === '<>' ? [] : operator.startsWith('>') ? [ends] : [begins];
		return wanted.flatMap((each) => conditionText(each, gaps) ?? []);
	});
}

function sentence(found: readonly (readonly string[])[]): string {
	const parts = found.map(([reason, rows, unknown, hosts]) => {
		const count = Number(rows === '\\N' ? 0 : rows);
		const known = count > 0 ? `${count} rows` : '';
		const more = Number(unknown) > 0 ? `${known === '' ? 'an' : ' and an'} unknown number` : '';
		return `${known}${more} of ${hosts === '1' ? '1 host' : `${hosts} hosts`} (${cellText(reason!)})`;
	});
	return `rows may be missing from the store: ${parts.join(', ')}; SELECT * FROM gaps shows when`;
}
