// Whether a condition holds for a row, so that rows that a statement does not need take no memory.

import { compareText } from '../../sql/sql-light.ts';
import type { ConditionValue, LikeItem, RowCondition, RowOperator } from '../../store/row-source.ts';
import type { SqlValue } from '../../store/table.ts';

/** Reads a column's value in a row. Instants are microseconds since 1970. */
export type ValueReader = (row: number) => SqlValue;
type RowTest = (row: number) => boolean;

/** Compiles a condition. `reader` returns the reader of the column with this number. */
export function conditionTest(condition: RowCondition, reader: (column: number) => ValueReader): RowTest {
	if (condition.kind === 'and' || condition.kind === 'or') {
		const tests = condition.conditions.map((each) => conditionTest(each, reader));
		return condition.kind === 'and'
			? (row) => tests.every((test) => test(row))
			: (row) => tests.some((test) => test(row));
	}
	const value = reader(condition.column);
	switch (condition.kind) {
		case 'null':
			return (row) => (value(row) === null) !== condition.not;
		case 'in':
			return (row) => {
				const given = value(row);
				return given !== null && condition.values.some((each) => compare(given, each) === 0) !== condition.not;
			};
		case 'like': {
			const pattern = new RegExp(`^${condition.pattern.map(itemPattern).join('')}$`, 'su');
			return (row) => {
				const given = value(row);
				return (
					given !== null &&
					pattern.test(String(given).replace(/[A-Z]/g, (letter) => letter.toLowerCase())) !== condition.not
				);
			};
		}
		case 'compare': {
			const holds = HOLDS[condition.operator];
			return (row) => {
				const given = value(row);
				return given !== null && holds(compare(given, condition.value));
			};
		}
	}
}

const HOLDS: Readonly<Record<RowOperator, (order: number) => boolean>> = {
	'=': (order) => order === 0,
	'<>': (order) => order !== 0,
	'<': (order) => order < 0,
	'<=': (order) => order <= 0,
	'>': (order) => order > 0,
	'>=': (order) => order >= 0,
};

function compare(given: NonNullable<SqlValue>, value: ConditionValue): number {
	if (typeof given === 'string' && typeof value === 'string') return compareText(given, value);
	if (typeof given === 'string' || typeof value === 'string' || typeof given === 'object')
		throw new Error('a condition compares values of two types');
	return given < value ? -1 : given > value ? 1 : 0;
}

function itemPattern(item: LikeItem): string {
	if (item === 'one') return '.';
	return item === 'many' ? '.*' : item.text.replace(/[\\^$.*+?()[\]{}|/-]/g, (sign) => `\\${sign}`);
}
