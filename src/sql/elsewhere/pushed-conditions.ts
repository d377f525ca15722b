// Conditions on one table as data, for a source of rows: what follows from a WHERE and does not need SQL to test. A condition
// that cannot be written this way is left out, because the statement tests the whole WHERE itself.
import type { ConditionValue, LikeItem, RowCondition, RowOperator } from '../../store/row-source.ts';
import type { Bound, CompareOperator, Comparison, Source } from '../bind/bound.ts';
import { constantMeasure, converted, OPPOSITE } from '../evaluate/compile-comparison.ts';
import type { Compiler } from '../evaluate/runtime.ts';
import { foldAscii, Real, type Value } from '../values/value.ts';

/** The operator with its sides exchanged. */
const MIRRORED: Record<CompareOperator, CompareOperator> = {
	'=': '=',
	'<>': '<>',
	'<': '>',
	'<=': '>=',
	'>': '<',
	'>=': '<=',
};

/** Longer patterns are left out: the statement reports those that are too long. */
const MAX_PATTERN = 1000;
const MAX_LIST = 10_000;

/** What holds for all rows of `source` for which all `conditions` are true. */
export function pushedConditions(conditions: readonly Bound[], source: Source, c: Compiler): RowCondition[] {
	const pusher = new Pusher(source, c);
	return conditions.flatMap((condition) => {
		const pushed = pusher.when(condition, true);
		return pushed === undefined ? [] : pushed.kind === 'and' ? pushed.conditions : [pushed];
	});
}

type Node<K extends Bound['kind']> = Extract<Bound, { kind: K }>;

class Pusher {
	readonly #source: Source;
	readonly #c: Compiler;

	constructor(source: Source, c: Compiler) {
		this.#source = source;
		this.#c = c;
	}

	/** A condition that holds whenever `expression` is true or, if `wanted` is false, whenever it is false. */
	when(expression: Bound, wanted: boolean): RowCondition | undefined {
		switch (expression.kind) {
			case 'and':
			case 'or':
				return (expression.kind === 'and') === wanted
					? all(expression.operands.map((operand) => this.when(operand, wanted)))
					: any(expression.operands.map((operand) => this.when(operand, wanted)));
			case 'not':
				return this.when(expression.operand, !wanted);
			case 'is truth':
				return expression.not === wanted ? undefined : this.when(expression.operand, expression.truth);
			case 'compare':
				return this.#compare(expression.comparison, wanted ? expression.operator : OPPOSITE[expression.operator]);
			case 'is':
				return this.#is(expression, wanted);
			case 'in list':
				return this.#inList(expression, wanted);
			case 'match':
				return this.#like(expression, wanted);
			case 'column': {
				const column = this.#column(expression);
				if (column === undefined || (expression.type !== 'int' && expression.type !== 'real')) return undefined;
				return { kind: 'compare', column, operator: wanted ? '<>' : '=', value: 0 };
			}
			default:
				return undefined;
		}
	}

	/** The column's place, if the expression is a column of the source. */
	#column(expression: Bound): number | undefined {
		if (expression.kind === 'present') return this.#column(expression.operand);
		if (expression.kind !== 'column' || expression.source !== this.#source) return undefined;
		return expression.index;
	}

	#compare(comparison: Comparison, operator: CompareOperator): RowCondition | undefined {
		const { left, right } = comparison;
		if (this.#column(left) === undefined)
			return this.#column(right) === undefined || !left.constant
				? undefined
				: this.#compareColumn(mirrored(comparison), MIRRORED[operator]);
		return right.constant ? this.#compareColumn(comparison, operator) : undefined;
	}

	/** The left side is a column, the right one a constant. */
	#compareColumn(comparison: Comparison, operator: RowOperator): RowCondition | undefined {
		const column = this.#column(comparison.left)!;
		const value = this.#constant(comparison, comparison.right);
		return value === undefined || value === null ? undefined : { kind: 'compare', column, operator, value };
	}

	/** The constant that the column `left` is compared with; null for NULL, undefined if it cannot be pushed. */
	#constant(
		{ left, rightAffinity, leftAffinity, nocase, scale }: Comparison,
		right: Bound,
	): ConditionValue | null | undefined {
		if (scale !== undefined) {
			if (scale !== 'instant' || left.output !== 'datetime') return undefined;
			const instant = constantMeasure(right, scale, this.#c);
			return instant === undefined ? undefined : Number.isNaN(instant) ? null : instant;
		}
		if (nocase || leftAffinity !== 'none' || left.output === 'datetime' || left.output === 'json') return undefined;
		const value = this.#value(right, rightAffinity);
		return value === null ? null : conditionValue(value, left);
	}

	/** Undefined if evaluation fails. Then the statement reports the error. */
	#value(constant: Bound, affinity: Comparison['rightAffinity'] = 'none'): Value | undefined {
		try {
			return converted(this.#c.any(constant), affinity, false)();
		} catch {
			return undefined;
		}
	}

	#is({ not, comparison }: Node<'is'>, wanted: boolean): RowCondition | undefined {
		const differs = not === wanted;
		const given = this.#column(comparison.left) === undefined ? mirrored(comparison) : comparison;
		const column = this.#column(given.left);
		if (column === undefined || !given.right.constant) return undefined;
		// A text that is no time differs from everything.
		const value = given.right.type === 'null' ? null : this.#constant(given, given.right);
		if (value === undefined) return undefined;
		if (value === null)
			return given.right.type === 'null' || this.#value(given.right) === null
				? { kind: 'null', column, not: differs }
				: undefined;
		if (!differs) return { kind: 'compare', column, operator: '=', value };
		return any([
			{ kind: 'compare', column, operator: '<>', value },
			{ kind: 'null', column, not: false },
		]);
	}

	#inList({ not, membership, items }: Node<'in list'>, wanted: boolean): RowCondition | undefined {
		const column = this.#column(membership.left);
		const isIn = not !== wanted;
		if (column === undefined || items.length === 0 || items.length > MAX_LIST) return undefined;
		const values: ConditionValue[] = [];
		for (const item of items) {
			const value = item.constant ? this.#constant({ ...membership, right: item }, item) : undefined;
			if (value === undefined) return undefined;
			// Nothing is known not to be in a list with NULL, so there is no such row, and this condition is weaker.
			if (value !== null) values.push(value);
		}
		if (values.length === 0) return undefined;
		return { kind: 'in', column, not: !isIn, values };
	}

	#like(
		{ operator, not, operand, pattern, escape: escaping }: Node<'match'>,
		wanted: boolean,
	): RowCondition | undefined {
		const column = this.#column(operand);
		if (column === undefined || operator !== 'LIKE' || operand.output !== 'text') return undefined;
		if (!pattern.constant || escaping?.constant === false) return undefined;
		const text = this.#value(pattern);
		const escapeText = escaping === undefined ? undefined : this.#value(escaping);
		if (typeof text !== 'string' || text.length > MAX_PATTERN) return undefined;
		if (escaping !== undefined && (typeof escapeText !== 'string' || [...escapeText].length !== 1)) return undefined;
		const items = likeItems(text, escapeText as string | undefined);
		return items === undefined ? undefined : { kind: 'like', column, not: not === wanted, pattern: items };
	}
}

function mirrored(comparison: Comparison): Comparison {
	const { left, right, leftAffinity, rightAffinity } = comparison;
	return { ...comparison, left: right, right: left, leftAffinity: rightAffinity, rightAffinity: leftAffinity };
}

/** The value as a condition has it, if it is comparable with the column; otherwise undefined. */
function conditionValue(value: Value | undefined, column: Bound): ConditionValue | undefined {
	const plain = value instanceof Real ? value.value : value;
	if (column.type === 'int' || column.type === 'real') {
		if (typeof plain === 'bigint') return plain;
		return typeof plain === 'number' && Number.isFinite(plain) ? plain : undefined;
	}
	return column.type === 'text' && typeof plain === 'string' ? plain : undefined;
}

/** The items of a LIKE pattern; undefined if it matches nothing. */
export function likeItems(pattern: string, escaping: string | undefined): LikeItem[] | undefined {
	const items: LikeItem[] = [];
	const addText = (text: string) => {
		const last = items.at(-1);
		if (typeof last === 'object') items[items.length - 1] = { text: last.text + foldAscii(text) };
		else items.push({ text: foldAscii(text) });
	};
	const points = [...pattern];
	for (let at = 0; at < points.length; at++) {
		const point = points[at]!;
		if (point === escaping) {
			if (++at >= points.length) return undefined;
			addText(points[at]!);
		} else if (point === '_') items.push('one');
		else if (point !== '%') addText(point);
		else if (items.at(-1) !== 'many') items.push('many');
	}
	return items;
}

/** All of the conditions that are known. */
function all(conditions: readonly (RowCondition | undefined)[]): RowCondition | undefined {
	const known = conditions.flatMap((each) =>
		each === undefined ? [] : each.kind === 'and' ? each.conditions : [each],
	);
	return known.length < 2 ? known[0] : { kind: 'and', conditions: known };
}

/** One of the conditions, if all are known. */
function any(conditions: readonly (RowCondition | undefined)[]): RowCondition | undefined {
	const known = conditions.filter((each) => each !== undefined);
	if (known.length !== conditions.length || known.length === 0) return undefined;
	return known.length === 1 ? known[0] : { kind: 'or', conditions: known };
}
