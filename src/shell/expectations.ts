// `.expect rows|value OP NUMBER`: checks the result of the previous statement.
import { usageError } from '../base/errors.ts';
import { parseInterval, totalMicros } from '../sql/sql-light.ts';
import type { SqlValue } from '../store/table.ts';
import type { Printed } from './result-printer.ts';

/** A condition that a result did not meet. */
export type Unmet = { readonly expected: string; readonly got: string };

/** Integers beyond 2^53 are bigints. JavaScript compares them with numbers exactly, except with ===. */
type Amount = number | bigint;

/** None is true for NaN, which stands for a value that is not a number. */
const OPERATORS: ReadonlyMap<string, (a: Amount, b: Amount) => boolean> = new Map([
	['=', (a, b) => a <= b && a >= b],
	['!=', (a, b) => a < b || a > b],
	['<', (a, b) => a < b],
	['<=', (a, b) => a <= b],
	['>', (a, b) => a > b],
	['>=', (a, b) => a >= b],
]);

type Expectation = {
	readonly subject: 'rows' | 'value';
	readonly operator: string;
	/** The number as written, and its value; of a duration, in milliseconds. */
	readonly number: string;
	readonly wanted: Amount;
	readonly isDuration: boolean;
};

/** Reads `rows|value OP NUMBER`. Throws a UserError if it is something else. */
export function readExpectation(text: string): Expectation {
	const match = /^(rows|value)\s*(=|!=|<=|>=|<|>)\s*(\S.*)$/i.exec(text.trim());
	const [, named = '', operator = '', number = ''] = match ?? [];
	const subject = named.toLowerCase() === 'rows' ? 'rows' : 'value';
	const isNumber = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i.test(number);
	const duration = isNumber || subject === 'rows' ? undefined : parseInterval(number);
	if (!isNumber && duration === undefined) {
		throw usageError(
			`.expect: expected rows or value, one of = != < <= > >= and a number, or for value a duration such as 500ms, got ${JSON.stringify(text)}`,
			'.expect rows = 0, or .expect value < 200ms',
		);
	}
	const wanted = duration === undefined ? amountOf(number) : totalMicros(duration) / 1000;
	return { subject, operator, number, wanted, isDuration: duration !== undefined };
}

/**
 * Checks the last result against `rows|value OP NUMBER`, where a duration such as 500ms stands for an interval or a
 * number of milliseconds. Returns undefined if it is met. Throws a UserError if it cannot be checked. `last`: the last
 * statement; its result is undefined if it failed.
 */
export function checkExpectation(
	text: string,
	last: { readonly printed: Printed | undefined } | undefined,
): Unmet | undefined {
	const { subject, operator, number, wanted, isDuration } = readExpectation(text);
	if (last === undefined) throw usageError('.expect: expected a statement before it, got none');
	const { printed } = last;
	if (printed === undefined) throw usageError('.expect: expected the result of a statement, but the statement failed');
	const actual = subject === 'rows' ? printed.rows : measured(printed, isDuration, number);
	if (OPERATORS.get(operator)!(actual, wanted)) return undefined;
	return {
		expected: `${subject} ${operator} ${number}`,
		got:
			subject === 'rows'
				? rowsText(printed.rows)
				: `value ${printed.rows === 0 ? 'of no row' : String(printed.firstValue ?? 'NULL')}`,
	};
}

function rowsText(rows: number): string {
	return rows === 1 ? '1 row' : `${rows} rows`;
}

/** Returns the value as a number; an interval in milliseconds. */
function measured({ firstValue, firstType }: Printed, isDuration: boolean, wanted: string): Amount {
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

/** Returns NaN if the value is not a number. */
function numberOf(value: SqlValue | undefined): Amount {
	if (typeof value === 'number' || typeof value === 'bigint') return value;
	return typeof value === 'string' && value.trim() !== '' ? amountOf(value.trim()) : Number.NaN;
}

function amountOf(text: string): Amount {
	const number = Number(text);
	return Number.isSafeInteger(number) || !/^[+-]?\d+$/.test(text) ? number : BigInt(text.replace('+', ''));
}
