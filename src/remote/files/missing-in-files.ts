// Which rows may be missing in a result, according to the gaps in files.
import type { RowCondition } from '../../store/row-source.ts';
import type { SqlValue } from '../../store/table.ts';
import { type GapTotal, gapConditions, missingSentence, type Reads } from '../gaps.ts';
import type { FilesSource } from './files-source.ts';

const COLUMNS = ['host_name', 'reason', 'rows'] as const;

/** Sentences about what is missing; none if nothing is. */
export async function missingInFiles(source: FilesSource, reads: Reads, signal: AbortSignal): Promise<string[]> {
	const wanted = gapConditions(reads, source.tables);
	if (wanted.length === 0) return [];
	const places = COLUMNS.map((name) => source.tables.get('gaps')!.columns.findIndex((column) => column.name === name));
	const columns = places.toSorted((a, b) => a - b);
	const conditions: RowCondition[] = [
		{ kind: 'or', conditions: wanted.map((all) => ({ kind: 'and', conditions: all })) },
	];
	const totals = new Map<string, { rows: number; unknown: number; hosts: Set<SqlValue> }>();
	const read = source.read({ table: 'gaps', columns, conditions, atMost: Number.POSITIVE_INFINITY }, signal);
	for await (const batch of read) {
		const value = (name: (typeof COLUMNS)[number], row: number) =>
			batch.columns[columns.indexOf(places[COLUMNS.indexOf(name)]!)]![row]!;
		for (let row = 0; row < batch.rowCount; row++) {
			const reason = String(value('reason', row));
			const total = totals.get(reason) ?? { rows: 0, unknown: 0, hosts: new Set() };
			totals.set(reason, total);
			const rows = value('rows', row);
			if (rows === null) total.unknown++;
			else total.rows += Number(rows);
			total.hosts.add(value('host_name', row));
		}
	}
	const all = [...totals].map(([reason, { hosts, ...rest }]): GapTotal => ({ reason, ...rest, hosts: hosts.size }));
	all.sort((a, b) => (a.reason < b.reason ? -1 : 1));
	return all.length === 0 ? [] : [missingSentence(all)];
}
