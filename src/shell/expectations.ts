// `.expect rows|value OP NUMBER`: checks the result of the previous statement.
import { usageError } from '../base/errors.ts';
import { parseInterval, totalMicros } from '../sql/sql-light.ts';
import type { SqlValue } from '../store/table.ts';
import type { Printed } from './result-printer.ts';

/** A condition that a result did not meet. */
export type Unmet = { readonly expected: string; readonly got: string };

const OPERATORS: ReadonlyMap<string, (a: number, b: number) => boolean> = new Map([
	['=', (a, b) => a === b],
	['!=', (a, b) => a !== b],
	['<', (a, b) => a < b],
	['<=', (a, b) => a <= b],
	['>', (a, b) => a > b],
	['>=', (a, b) => a >= b],
]);

/**
 * Checks the last result against `rows|value OP NUMBER`, where a duration such as 500ms stands for an interval or a
 * number of milliseconds. Returns undefined if it is met. Throws a UserError if it cannot be checked.
 */
export function checkExpectation(text: string, last: Printed | undefined): Unmet | undefined {
	const match = /^(rows|value)\s*(=|!=|<=|>=|<|>)\s*(\S.*)$/i.exec(text.trim());
	const [, named = '', operator = '', number = ''] = match ?? [];
	const subject = named.toLowerCase();
	const isNumber = /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i.test(number);
	const duration = isNumber || subject === 'rows' ? undefined : parseInterval(number);
	if (!isNumber && duration === undefined) {
		throw usageError(
			`.expect: expected rows or value, one of = != < <= > >= and a number, or for value a duration such as 500ms, got ${JSON.stringify(text)}`,
		);
	}
	if (last === undefined) throw usageError('.expect: expected a statement before it');
	const actual = subject === 'rows' ? last.rows : measured(last, duration !== undefined, number);
	const wanted = duration === undefined ? Number(number) : totalMicros(duration) / 1000;
	if (OPERATORS.get(operator)!(actual, wanted)) return undefined;
	return {
		expected: `${subject} ${operator} ${number}`,
		got:
			subject === 'rows'
				? rowsText(last.rows)
				: `value ${last.rows === 0 ? 'of no row' : String(last.firstValue ?? 'NULL')}`,
	};
}

function rowsText(rows: number): string {
	return rows === 1 ? '1 row' : `${rows} rows`;
}

/** Returns the value as a number; an interval in milliseconds. */
function measured({ firstValue, firstType }: Printed, isDuration: boolean, wanted: string): number {
	if (firstType === 'interval') {
		if (!isDuration)
			throw usageError(`.expect: the value is an interval: expected a duration such as 500ms, got ${wanted}`);
		const interval = typeof firstValue === 'string' ? parseInterval(firstValue) : undefined;
		return interval === undefined ? Number.NaN : totalMicros(interval) / 1000;
	}
	if (firstType === 'datetime' || firstType === 'local' || firstType === 'date' || firstType === 'time') {
		throw usageError(
			`.expect: the value is a ${firstType}, which is not a number`,
			"Compare it in SQL, as in SELECT max(ts) > '2026-11-22' …, and write .expect value = 1.",
		);
	}
	return numberOf(firstValue);
}

/** Returns NaN if the value is not a number; then only != is true. */
function numberOf(value: SqlValue | undefined): number {
	if (typeof value === 'number' || typeof value === 'bigint') return Number(value);
	return typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN;
}
