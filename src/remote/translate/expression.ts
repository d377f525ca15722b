// Expressions as ClickHouse's SQL, with the same values for all rows. Whatever is not known to be the same is refused. Where
// only rare values differ, such as sums beyond 64 bits, the store is told to refuse them (`unless`).
import type { Bound, Comparison, Compiler, Value } from '../../sql/sql-plans.ts';
import { constantMeasure, converted, Interval, likeItems, parseInstant, Real } from '../../sql/sql-plans.ts';
import { isWhole, numberLiteral, textLiteral, timeText } from '../store-sql.ts';
import { FUNCTIONS } from './functions.ts';
import {
	asInt,
	asReal,
	commonKind,
	type Kind,
	MUCH,
	refuse,
	type Translated,
	translated,
	unless,
} from './translated.ts';

type Node<K extends Bound['kind']> = Extract<Bound, { kind: K }>;

/** What an expression can read besides constants. */
export type Names = {
	readonly column: (column: Node<'column'>) => Translated;
	/** The value of a header field or label: of the column with JSON, and the name. */
	readonly field: (column: Bound, name: string) => Translated | undefined;
	/** The result of an aggregate of the SELECT with this owner. */
	readonly aggregate: (owner: object, slot: number) => Translated;
};

const NULL: Translated = { text: 'NULL', kind: 'null', nullable: true };

export class ExpressionTranslator {
	readonly #names: Names;
	readonly #c: Compiler;

	constructor(names: Names, c: Compiler) {
		this.#names = names;
		this.#c = c;
	}

	/** Throws NotThere. */
	value(expression: Bound): Translated {
		if (expression.constant) return this.#constant(expression);
		switch (expression.kind) {
			case 'column':
				return this.#names.column(expression);
			case 'present':
				if (expression.source.nullable) refuse('of an outer join');
				return this.value(expression.operand);
			case 'aggregate':
				return this.#names.aggregate(expression.owner, expression.slot);
			case 'negate':
				return this.#negate(expression);
			case 'arithmetic':
				return this.#arithmetic(expression);
			case 'concat':
				return this.#concat(expression);
			case 'compare':
				return this.#compare(expression.comparison, expression.operator);
			case 'is':
				return this.#is(expression);
			case 'not': {
				const operand = this.value(expression.operand);
				return translated(`(NOT ${this.#truthOf(operand)})`, 'truth', operand.nullable);
			}
			case 'and':
			case 'or':
				return this.#logic(expression);
			case 'is truth':
				return this.#isTruth(expression);
			case 'in list':
				return this.#inList(expression);
			case 'match':
				return this.#match(expression);
			case 'case':
				return this.#case(expression);
			case 'coalesce':
				return this.#coalesce(expression);
			case 'cast':
				return this.#cast(expression);
			case 'call':
				return this.#call(expression);
			case 'window':
				return refuse('window functions are computed here');
			case 'query':
			case 'exists':
			case 'in query':
				return refuse('a subquery in an expression is computed here');
			default:
				return refuse(`${expression.kind} is computed here`);
		}
	}

	/** A condition that is 1 where the expression is true, else 0 or NULL. */
	condition(expression: Bound): string {
		return this.#truthOf(this.value(expression));
	}

	/** The value of a constant, which is computed here; undefined if that fails. */
	constantValue(expression: Bound): Value | undefined {
		try {
			return this.#c.any(expression)();
		} catch {
			// The statement reports the error when it runs here.
			return undefined;
		}
	}

	#constant(expression: Bound): Translated {
		const value = this.constantValue(expression);
		if (value === undefined) return refuse('a constant has no value');
		return this.#literal(value, expression);
	}

	#literal(value: Value, { output }: Bound): Translated {
		if (value === null) return NULL;
		if (value instanceof Real) return real(value.value);
		if (value instanceof Interval)
			return value.months === 0
				? translated(`toInt64(${numberLiteral(value.micros)})`, 'interval', false)
				: refuse('an interval of months depends on the date');
		if (typeof value === 'bigint') return translated(bigLiteral(value), 'int', false);
		if (typeof value === 'number')
			return Number.isSafeInteger(value) ? translated(`toInt64(${numberLiteral(value)})`, 'int', false) : real(value);
		if (typeof value !== 'string') return refuse('blobs are computed here');
		if (output === 'datetime') {
			const instant = parseInstant(value);
			return Number.isInteger(instant)
				? translated(`toInt64(${numberLiteral(instant)})`, 'instant', false)
				: refuse('a time is not exact');
		}
		if (output === 'local' || output === 'date' || output === 'time') return refuse(`of the type ${output}`);
		if (!isWhole(value)) return refuse('a text is not valid Unicode');
		return translated(textLiteral(value), 'text', false);
	}

	/** As a condition. */
	#truthOf({ text, kind }: Translated): string {
		if (kind === 'truth') return text;
		if (kind === 'int' || kind === 'real') return `(${text} != 0)`;
		if (kind === 'null') return "CAST(NULL, 'Nullable(UInt8)')";
		return refuse(`a ${kind} as a condition is computed here`);
	}

	// ---- comparisons --------------------------------------------------------------------------------------------------

	/** A side of a comparison. A constant is converted here; other sides must need no conversion. */
	#side(side: Bound, affinity: Comparison['leftAffinity'], nocase: boolean): Translated {
		if (side.constant) {
			let value: Value;
			try {
				value = converted(this.#c.any(side), affinity, nocase)();
			} catch {
				return refuse('a constant has no value');
			}
			return this.#literal(value, { ...side, output: undefined });
		}
		const given = this.value(side);
		const isNumber = given.kind === 'int' || given.kind === 'truth' || given.kind === 'real';
		if ((affinity === 'numeric' && !isNumber) || (affinity === 'text' && given.kind !== 'text'))
			return refuse('values are converted before they are compared');
		return nocase && given.kind === 'text' ? { ...given, text: `lower(${given.text})`, time: undefined } : given;
	}

	#sides(comparison: Comparison): readonly [Translated, Translated] {
		const { left, right, leftAffinity, rightAffinity, nocase, scale } = comparison;
		if (scale === 'instant' || scale === 'interval') return [this.#onScale(left, scale), this.#onScale(right, scale)];
		if (scale !== undefined) return refuse(`a comparison of ${scale} times is computed here`);
		const sides = [this.#side(left, leftAffinity, nocase), this.#side(right, rightAffinity, nocase)] as const;
		const [a, b] = sides.map(({ kind }) => (kind === 'real' || kind === 'truth' ? 'int' : kind));
		if (a !== b && a !== 'null' && b !== 'null') return refuse('values of different types are compared here');
		if (a !== 'int' && a !== 'text' && a !== 'null') return refuse('times without a type are compared here');
		return sides;
	}

	/** Microseconds. */
	#onScale(side: Bound, scale: 'instant' | 'interval'): Translated {
		if (side.constant) {
			const number = constantMeasure(side, scale, this.#c);
			if (number === undefined) return refuse('a constant has no value');
			if (Number.isNaN(number)) return NULL;
			return Number.isInteger(number)
				? translated(`toInt64(${numberLiteral(number)})`, scale, false)
				: refuse('a time is not exact');
		}
		const given = this.value(side);
		return given.kind === scale ? given : refuse('a text is read as a time here');
	}

	#compare(comparison: Comparison, operator: string): Translated {
		const [left, right] = this.#sides(comparison);
		if (left.kind === 'null' || right.kind === 'null')
			return translated("CAST(NULL, 'Nullable(UInt8)')", 'truth', true);
		const text =
			this.#comparedTime(left, right, operator, comparison.right) ?? `${left.text} ${operator} ${right.text}`;
		return translated(`(${text})`, 'truth', left.nullable || right.nullable);
	}

	/** A stored time compared with a constant: rows are found without reading all of them. */
	#comparedTime({ time, text }: Translated, right: Translated, operator: string, constant: Bound): string | undefined {
		if (time === undefined || right.kind !== 'instant' || !constant.constant) return undefined;
		const us = constantMeasure(constant, 'instant', this.#c)!;
		return timeText(time, `${text} ${operator} ${right.text}`, operator as Parameters<typeof timeText>[2], us);
	}

	#is({ not, comparison }: Node<'is'>): Translated {
		const { left, right } = comparison;
		const isNull = (side: Bound) => {
			const { text, nullable } = this.value(side);
			return translated(nullable ? `(${not ? 'isNotNull' : 'isNull'}(${text}))` : not ? '1' : '0', 'truth', false);
		};
		if (right.type === 'null') return isNull(left);
		if (left.type === 'null') return isNull(right);
		const [a, b] = this.#sides(comparison);
		const same = `ifNull(${a.text} = ${b.text}, isNull(${a.text}) AND isNull(${b.text}))`;
		return translated(`(${not ? `NOT ${same}` : same})`, 'truth', false);
	}

	#logic({ kind, operands }: Node<'and' | 'or'>): Translated {
		const parts = operands.map((operand) => this.value(operand));
		const text = parts.map((part) => this.#truthOf(part)).join(kind === 'and' ? ' AND ' : ' OR ');
		return translated(
			`(${text})`,
			'truth',
			parts.some(({ nullable }) => nullable),
		);
	}

	#isTruth({ not, truth, operand }: Node<'is truth'>): Translated {
		const given = this.#truthOf(this.value(operand));
		const test = truth ? `ifNull(${given}, 0)` : `ifNull(NOT ${given}, 0)`;
		return translated(not ? `(NOT ${test})` : test, 'truth', false);
	}

	/** In ClickHouse, NULL is in no list, and not unknown. */
	#inList({ not, membership, items }: Node<'in list'>): Translated {
		if (items.length === 0) return translated(not ? '1' : '0', 'truth', false);
		if (membership.scale !== undefined) return refuse('a list of times is computed here');
		const left = this.#side(membership.left, membership.leftAffinity, membership.nocase);
		const all = items.map((item) => {
			if (!item.constant) return refuse('a list that is not constant is computed here');
			return this.#side(item, membership.rightAffinity, membership.nocase);
		});
		const known = all.filter(({ kind }) => kind !== 'null');
		const fits = ({ kind }: Translated) => (left.kind === 'truth' ? kind === 'int' : kind === left.kind);
		if (left.kind === 'null' || left.kind === 'instant' || left.kind === 'interval' || !known.every(fits))
			return refuse('a list of other types is computed here');
		const member = known.length === 0 ? '0' : `(${left.text} IN (${known.map(({ text }) => text).join(', ')}))`;
		const hasNull = known.length < all.length;
		const found = hasNull ? `if(${member}, ${not ? 0 : 1}, NULL)` : not ? `NOT ${member}` : member;
		const whole = left.nullable ? `if(isNull(${left.text}), NULL, ${found})` : `(${found})`;
		return translated(whole, 'truth', left.nullable || hasNull);
	}

	#match({ operator, not, operand, pattern, escape: escaping }: Node<'match'>): Translated {
		if (operator !== 'LIKE') return refuse(`${operator} is computed here`);
		const text = this.value(operand);
		if (text.kind !== 'text') return refuse('LIKE on other values than texts is computed here');
		if (!pattern.constant || escaping?.constant === false) return refuse('a pattern that varies is computed here');
		const given = this.constantValue(pattern);
		const sign = escaping === undefined ? undefined : this.constantValue(escaping);
		const isOne = escaping === undefined || (typeof sign === 'string' && [...sign].length === 1);
		if (typeof given !== 'string' || given.length > 1000 || !isWhole(given) || !isOne)
			return refuse('such a pattern is computed here');
		const items = likeItems(given, sign as string | undefined);
		// Nothing matches; NULL stays NULL.
		if (items === undefined) return refuse('such a pattern is computed here');
		const like = items
			.map((item) =>
				typeof item === 'object' ? item.text.replace(/[\\%_]/g, (letter) => `\\${letter}`) : item === 'one' ? '_' : '%',
			)
			.join('');
		return translated(
			`(lower(${text.text}) ${not ? 'NOT LIKE' : 'LIKE'} ${textLiteral(like)})`,
			'truth',
			text.nullable,
		);
	}

	// ---- values -------------------------------------------------------------------------------------------------------

	#negate({ operand }: Node<'negate'>): Translated {
		const given = this.value(operand);
		if (given.kind === 'real') return translated(`(-${given.text})`, 'real', given.nullable);
		if (given.kind !== 'int' && given.kind !== 'truth') return refuse('such a negation is computed here');
		return sum('-', translated('toInt64(0)', 'int', false), given);
	}

	#arithmetic({ operator, left, right, type }: Node<'arithmetic'>): Translated {
		const [a, b] = [this.value(left), this.value(right)];
		const nullable = a.nullable || b.nullable;
		const isNumber = ({ kind }: Translated) => kind === 'int' || kind === 'truth' || kind === 'real';
		if (!isNumber(a) || !isNumber(b) || (type !== 'int' && type !== 'real'))
			return refuse('arithmetic with other values than numbers is computed here');
		if (type === 'real') {
			const [x, y] = [asReal(a), asReal(b)];
			if (operator === '/') return translated(`(${x} / nullIf(${y}, 0))`, 'real', true);
			if (operator !== '+' && operator !== '-' && operator !== '*') return refuse(`${operator} is computed here`);
			return translated(`(${x} ${operator} ${y})`, 'real', nullable);
		}
		const [x, y] = [asInt(a), asInt(b)];
		switch (operator) {
			case '+':
			case '-':
			case '*':
				return sum(operator, a, b);
			case '/':
				return translated(`if(${y} = 0, NULL, intDivOrZero(${x}, ${y}) + ${tooSmall(x, y)})`, 'int', true);
			case '%':
				return translated(`if(${y} = 0, NULL, toInt64(moduloOrZero(${x}, ${y})) + ${tooSmall(x, y)})`, 'int', true);
			case '&':
				return translated(`bitAnd(${x}, ${y})`, 'int', nullable);
			case '|':
				return translated(`bitOr(${x}, ${y})`, 'int', nullable);
			default:
				return refuse(`${operator} is computed here`);
		}
	}

	#concat({ left, right }: Node<'concat'>): Translated {
		const parts = [this.value(left), this.value(right)].map((part) => {
			if (part.kind === 'text') return part;
			if (part.kind === 'int' || part.kind === 'truth') return { ...part, text: `toString(${part.text})` };
			return refuse(`the text of a ${part.kind} is made here`);
		});
		return translated(
			`concat(${parts.map(({ text }) => text).join(', ')})`,
			'text',
			parts.some(({ nullable }) => nullable),
		);
	}

	#case({ branches, otherwise }: Node<'case'>): Translated {
		const results = [...branches.map(({ result }) => this.value(result)), this.value(otherwise)];
		const kind = sameKind(results);
		const texts = branches.map(({ when }, index) => `${this.condition(when)}, ${typed(results[index]!, kind)}`);
		const nullable = results.some((result) => result.nullable);
		return translated(`multiIf(${texts.join(', ')}, ${typed(results.at(-1)!, kind)})`, kind, nullable);
	}

	#coalesce({ operands }: Node<'coalesce'>): Translated {
		const parts = operands.map((operand) => this.value(operand));
		const kind = sameKind(parts);
		const text = `coalesce(${parts.map((part) => typed(part, kind)).join(', ')})`;
		return translated(
			text,
			kind,
			parts.every(({ nullable }) => nullable),
		);
	}

	#cast({ operand, to }: Node<'cast'>): Translated {
		const given = this.value(operand);
		const isInt = given.kind === 'int' || given.kind === 'truth';
		if (to === 'integer' && isInt) return translated(asInt(given), 'int', given.nullable);
		if (to === 'real' && (isInt || given.kind === 'real')) return translated(asReal(given), 'real', given.nullable);
		if (to === 'text' && given.kind === 'text') return given;
		if (to === 'text' && isInt) return translated(`toString(${given.text})`, 'text', given.nullable);
		return refuse(`this CAST to ${to} is computed here`);
	}

	#call(expression: Node<'call'>): Translated {
		const { function: entry, arguments: list } = expression;
		const [first, second] = list;
		if ((entry.name === '[]' || entry.name === '->>' || entry.name === 'header') && list.length === 2) {
			const name = second!.constant ? this.constantValue(second!) : undefined;
			const field = typeof name === 'string' ? this.#names.field(first!, name) : undefined;
			if (field !== undefined) return field;
		}
		const translate = FUNCTIONS.get(entry);
		if (translate === undefined) return refuse(`${functionName(entry.name)} is computed here`);
		return translate(list, this);
	}
}

function functionName(name: string): string {
	return /^\w+$/.test(name) ? `${name}()` : name;
}

function real(value: number): Translated {
	if (!Number.isFinite(value)) return refuse('an infinite number');
	return translated(`toFloat64(${numberLiteral(value)})`, 'real', false);
}

/** The smallest integer cannot be written as a negated one. */
function bigLiteral(value: bigint): string {
	return `toInt64('${value}')`;
}

/** Integers beyond 64 bits become REALs here. */
function sum(operator: '+' | '-' | '*', a: Translated, b: Translated): Translated {
	const [x, y] = [asInt(a), asInt(b)];
	const near = `abs(toFloat64(${x}) ${operator} toFloat64(${y}))`;
	return translated(`(${x} ${operator} ${y} + ${unless(`${near} > ${MUCH}`)})`, 'int', a.nullable || b.nullable);
}

/** The quotient of the smallest integer and -1 is too large. */
function tooSmall(x: string, y: string): string {
	return unless(`${y} = -1 AND toFloat64(${x}) < -${MUCH}`);
}

function sameKind(parts: readonly Translated[]): Kind {
	const kind = commonKind(parts);
	if (kind === undefined) return refuse('values of several types are chosen here');
	if (kind === 'null') return refuse('NULL alone is computed here');
	return kind;
}

function typed(part: Translated, kind: Kind): string {
	return kind === 'int' && part.kind === 'truth' ? asInt(part) : part.text;
}
