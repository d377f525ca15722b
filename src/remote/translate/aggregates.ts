// Our aggregates as ClickHouse's.
import type { AggregateCall, Bound } from '../../sql/sql-plans.ts';
import type { ExpressionTranslator } from './expression.ts';
import { asInt, asReal, MUCH, refuse, type Translated, translated, unless } from './translated.ts';

const QUANTILES: Readonly<Record<string, number>> = { median: 0.5, p50: 0.5, p90: 0.9, p95: 0.95, p99: 0.99 };

/** Throws NotThere. */
export function aggregate(call: AggregateCall, t: ExpressionTranslator): Translated {
	const { function: entry, arguments: list, distinct, filter, order } = call;
	if (order.length > 0) return refuse(`${entry.name}() with an order is computed here`);
	const condition = filter === undefined ? undefined : `ifNull(${t.condition(filter)}, 0)`;
	/** A call of one of ClickHouse's aggregates, for the rows of FILTER. */
	const apply = (name: string, argument: string) =>
		condition === undefined ? `${name}(${argument})` : `${name}If(${argument}, ${condition})`;
	const [first] = list;
	if (entry.name === 'count' && first === undefined)
		return translated(condition === undefined ? 'toInt64(count())' : `toInt64(countIf(${condition}))`, 'int', false);
	if (first === undefined || list.length > 1) return refuse(`${entry.name}() is computed here`);
	if (distinct && entry.name !== 'count') return refuse(`${entry.name}(DISTINCT) is computed here`);
	if (entry.name === 'count_if') {
		const both = [t.condition(first), ...(condition === undefined ? [] : [condition])];
		return translated(`toInt64(countIf(ifNull(${both.join(' AND ')}, 0)))`, 'int', false);
	}
	const given = t.value(first);
	if (entry.name === 'count') return counted(given, first, distinct, apply);
	if (entry.name === 'min' || entry.name === 'max') return extreme(entry.name, given, first, apply);
	const isInt = given.kind === 'int' || given.kind === 'truth';
	if (!isInt && given.kind !== 'real') return refuse(`${entry.name}() of other values than numbers is computed here`);
	const reals = nullable(asReal(given), given);
	switch (entry.name) {
		case 'sum': {
			if (!isInt) return translated(apply('sum', reals), 'real', true);
			const tooLarge = unless(`${apply('sum', `abs(${reals})`)} > ${MUCH}`);
			return translated(`(${apply('sum', nullable(asInt(given), given))} + ${tooLarge})`, 'int', true);
		}
		case 'total':
			return translated(`ifNull(${apply('sum', reals)}, 0.)`, 'real', false);
		case 'avg':
			return translated(apply('avg', reals), 'real', true);
		default: {
			const q = QUANTILES[entry.name];
			if (q === undefined) return refuse(`${entry.name}() is computed here`);
			return translated(quantile(apply('groupArray', reals), q), 'real', true);
		}
	}
}

type Apply = (name: string, argument: string) => string;

function counted(given: Translated, argument: Bound, distinct: boolean, apply: Apply): Translated {
	if (!distinct) return translated(`toInt64(${apply('count', given.text)})`, 'int', false);
	if (argument.nocase) return refuse('texts without case are compared here');
	return translated(`toInt64(${apply('uniqExact', keyText(given))})`, 'int', false);
}

function extreme(name: string, given: Translated, argument: Bound, apply: Apply): Translated {
	if (given.kind === 'null' || (given.kind === 'text' && argument.nocase))
		return refuse(`such a ${name}() is computed here`);
	return translated(apply(name, nullable(given.text, given)), given.kind, true);
}

/** Without rows, ClickHouse's aggregates of values that cannot be NULL are 0 or empty. */
function nullable(text: string, given: Translated): string {
	return given.nullable ? text : `toNullable(${text})`;
}

/** A value by which rows are told apart: 0 and -0 are equal. */
export function keyText({ text, kind }: Translated): string {
	return kind === 'real' ? `(${text} + 0.)` : text;
}

/** Interpolated in the same way as here. `list`: an expression for all values. */
function quantile(list: string, q: number): string {
	const at = `(${q} * (length(s) - 1))`;
	const below = `s[toUInt32(floor${at}) + 1]`;
	const above = `s[toUInt32(floor${at}) + 2]`;
	const part = `(${at} - floor${at})`;
	const value = `${below} + if(${part} = 0 OR ${above} = ${below}, 0., (${above} - ${below}) * ${part})`;
	return `arrayMap(s -> if(empty(s), NULL, ${value}), [arraySort(${list})])[1]`;
}
