// Which rows may be missing in a result, according to the gaps in the store.
import { gapConditions, missingSentence, type Reads } from './gaps.ts';
import type { StoreConnection } from './store-connection.ts';
import type { RemoteTable } from './store-layout.ts';
import type { StatementLimits } from './store-source.ts';
import { conditionText, fromText } from './store-sql.ts';
import { cellText } from './tab-separated.ts';

const LOOK_SECONDS = 10;

/** Sentences about what is missing; none if nothing is. */
export async function missingRows(
	connection: StoreConnection,
	tables: ReadonlyMap<string, RemoteTable>,
	reads: Reads,
	{ skipsShards }: StatementLimits,
	signal: AbortSignal,
): Promise<string[]> {
	const wanted = gapConditions(reads, tables);
	if (wanted.length === 0) return [];
	const gaps = tables.get('gaps')!;
	const texts = wanted.map((conditions) => conditions.flatMap((each) => conditionText(each, gaps) ?? []).join(' AND '));
	const where = texts.includes('') ? '' : ` WHERE (${[...new Set(texts)].join(') OR (')})`;
	const sql = `SELECT reason, sum(rows), countIf(isNull(rows)), uniqExact(host_name) FROM ${fromText(gaps, connection.database)}${where} GROUP BY reason ORDER BY reason`;
	const found = await connection.all(sql, { signal, seconds: LOOK_SECONDS, maxRows: 1000, skipsShards });
	const totals = found.map(([reason, rows, unknown, hosts]) => ({
		reason: cellText(reason!) ?? '',
		rows: Number(rows === '\\N' ? 0 : rows),
		unknown: Number(unknown),
		hosts: Number(hosts),
	}));
	return totals.length === 0 ? [] : [missingSentence(totals)];
}
