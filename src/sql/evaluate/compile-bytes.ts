// LIKE and = with ASCII constants, on text columns that can be tested as captured bytes.
import type { TextSpans } from '../../store/table.ts';
import type { Bound } from '../bind/bound.ts';
import { type ByteMatcher, byteEquality, byteLike } from '../patterns/byte-match.ts';
import { type Compiler, type Cursor, cursorOf, type Test } from './runtime.ts';

type ColumnNode = Extract<Bound, { kind: 'column' }>;

export type BytesCondition = {
	readonly column: ColumnNode;
	readonly spans: TextSpans;
	readonly cursor: Cursor;
	readonly matches: ByteMatcher;
	/** The result of `matches` for which the condition holds. It never holds for NULL. */
	readonly sought: boolean;
};

/** The condition on bytes that holds when `expression` is true or, if `wanted` is false, when it is false. */
export function bytesCondition(expression: Bound, wanted: boolean, c: Compiler): BytesCondition | undefined {
	if (c.runtime.plain) return undefined;
	if (expression.kind === 'match') {
		const { operand, pattern, escape: escaping, operator } = expression;
		if (operator !== 'LIKE' || operand.kind !== 'column') return undefined;
		const patternText = constantText(pattern, c);
		const escapeText = escaping === undefined ? undefined : constantText(escaping, c);
		if (patternText === undefined || (escaping !== undefined && escapeText?.length !== 1)) return undefined;
		return conditionOn(operand, byteLike(patternText, escapeText), expression.not !== wanted, c);
	}
	if (expression.kind !== 'compare' || (expression.operator !== '=' && expression.operator !== '<>')) return undefined;
	const { left, right, nocase, scale } = expression.comparison;
	if (nocase || scale !== undefined || left.type !== 'text' || right.type !== 'text') return undefined;
	const [column, other] = left.kind === 'column' ? [left, right] : [right, left];
	if (column.kind !== 'column') return undefined;
	const text = constantText(other, c);
	if (text === undefined) return undefined;
	return conditionOn(column, byteEquality(text), (expression.operator === '=') === wanted, c);
}

function conditionOn(
	column: ColumnNode,
	matches: ByteMatcher | undefined,
	sought: boolean,
	c: Compiler,
): BytesCondition | undefined {
	if (matches === undefined) return undefined;
	const cursor = cursorOf(column.source, c.runtime);
	const spans = cursor.table === undefined ? undefined : cursor.reader(column.index).spans;
	return spans === undefined ? undefined : { column, spans, cursor, matches, sought };
}

/** The text of a literal; undefined for everything else. */
function constantText(expression: Bound, c: Compiler): string | undefined {
	if (expression.kind !== 'constant') return undefined;
	const value = c.value(expression)();
	return typeof value === 'string' ? value : undefined;
}

export function bytesTest({ spans, cursor, matches, sought, column }: BytesCondition): Test {
	const test = () => spans.locate(cursor.row) && matches(spans.bytes, spans.start, spans.end) === sought;
	return column.source.nullable ? () => cursor.row >= 0 && test() : test;
}
