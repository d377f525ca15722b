// A source of rows in memory, for tests. It returns exactly the rows for which the conditions hold, in small batches, and only
// the columns that were asked for. Its reading of the conditions is its own, apart from the engine's.
import type { ConditionValue, LikeItem, RowCondition, RowSource, WantedRows } from '../src/store/row-source.ts';
import type { DatabaseSnapshot, SqlValue, TableSnapshot } from '../src/store/table.ts';

export type MemorySource = RowSource & { readonly asked: WantedRows[]; readonly given: { rows: number; of: number } };

export function memorySource({ tables }: DatabaseSnapshot, batchRows = 7): MemorySource {
	const asked: WantedRows[] = [];
	const given = { rows: 0, of: 0 };
	return {
		name: 'the rows in memory',
		tables,
		asked,
		given,
		async *read(wanted) {
			asked.push(wanted);
			const table = tables.get(wanted.table)!;
			const holds = wanted.conditions.map((condition) => tester(condition, table));
			const rows = Array.from({ length: table.rowCount }, (_, row) => row).filter((row) =>
				holds.every((test) => test(row)),
			);
			given.rows += rows.length;
			given.of += table.rowCount;
			const readers = wanted.columns.map((index) => table.reader(index));
			for (let from = 0; from < rows.length; from += batchRows) {
				const some = rows.slice(from, from + batchRows);
				yield { rowCount: some.length, columns: readers.map(({ value }) => some.map(value)) };
			}
		},
		explain: (wanted) => [JSON.stringify(wanted)],
	};
}

function tester(condition: RowCondition, table: TableSnapshot): (row: number) => boolean {
	if (condition.kind === 'and' || condition.kind === 'or') {
		const tests = condition.conditions.map((each) => tester(each, table));
		return (row) => (condition.kind === 'and' ? tests.every((test) => test(row)) : tests.some((test) => test(row)));
	}
	const reader = table.reader(condition.column);
	const isTime = table.columns[condition.column]!.type === 'datetime';
	const value = (row: number): SqlValue => {
		const given = reader.value(row);
		return isTime && given !== null ? reader.number!(row) : given;
	};
	switch (condition.kind) {
		case 'null':
			return (row) => (value(row) === null) !== condition.not;
		case 'in':
			return (row) => {
				const given = value(row);
				return given !== null && condition.values.some((each) => compared(given, each) === 0) !== condition.not;
			};
		case 'like': {
			const pattern = new RegExp(`^${condition.pattern.map(itemPattern).join('')}$`, 'su');
			return (row) => {
				const given = value(row);
				return given !== null && pattern.test(lower(String(given))) !== condition.not;
			};
		}
		default:
			return (row) => {
				const given = value(row);
				if (given === null) return false;
				const order = compared(given, condition.value);
				return {
					'=': order === 0,
					'<>': order !== 0,
					'<': order < 0,
					'<=': order <= 0,
					'>': order > 0,
					'>=': order >= 0,
				}[condition.operator];
			};
	}
}

function compared(given: SqlValue, other: ConditionValue): number {
	if (typeof given === 'string' && typeof other === 'string')
		return Buffer.compare(Buffer.from(given), Buffer.from(other));
	if (typeof given === 'string' || typeof other === 'string' || typeof given === 'object')
		throw new Error(`${String(given)} was compared with ${other}`);
	return given < other ? -1 : given > other ? 1 : 0;
}

function lower(text: string): string {
	return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function itemPattern(item: LikeItem): string {
	if (item === 'one') return '.';
	return item === 'many' ? '.*' : item.text.replace(/[\\^$.*+?()[\]{}|/-]/g, (sign) => `\\${sign}`);
}
