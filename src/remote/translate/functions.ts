// Our functions as ClickHouse's, where they are the same.
import {
	type Bound,
	bucketOrigin,
	DIFFERENCE,
	FUNCTIONS_BY_NAME,
	Interval,
	lengthOfUnit,
	parseInterval,
	type ScalarFunction,
	SHIFTS,
} from '../../sql/sql-plans.ts';
import { asInt, commonKind, MUCH, refuse, type Translated, type Translator, translated, unless } from './translated.ts';

export type TranslateCall = (list: readonly Bound[], t: Translator) => Translated;

/** Reads an argument that must be a text. */
function textOf(argument: Bound, t: Translator): Translated {
	const given = t.value(argument);
	return given.kind === 'text' ? given : refuse('a function of texts gets another value');
}

/** A whole number that is constant, or undefined. */
function constantInt(argument: Bound | undefined, t: Translator): number | undefined {
	const value = argument?.constant === true ? t.constantValue(argument) : undefined;
	return typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined;
}

function constantText(argument: Bound | undefined, t: Translator): string | undefined {
	const value = argument?.constant === true ? t.constantValue(argument) : undefined;
	return typeof value === 'string' ? value : undefined;
}

/** A function of one text, with this name in ClickHouse. */
function ofText(name: string): TranslateCall {
	return ([argument, ...others], t) => {
		if (others.length > 0) return refuse('this function with several arguments is computed here');
		const { text, nullable } = textOf(argument!, t);
		return translated(`${name}(${text})`, 'text', nullable);
	};
}

/** A search for a text that is not empty. */
function search(write: (text: string, part: string) => string, kind: 'int' | 'truth'): TranslateCall {
	return ([whole, part], t) => {
		const { text, nullable } = textOf(whole!, t);
		if ((constantText(part, t) ?? '') === '') return refuse('a search for such a text is computed here');
		return translated(write(text, textOf(part!, t).text), kind, nullable);
	};
}

const substr: TranslateCall = ([whole, start, length], t) => {
	const { text, nullable } = textOf(whole!, t);
	const from = constantInt(start, t);
	const count = length === undefined ? undefined : constantInt(length, t);
	if (from === undefined || from < 1 || (length !== undefined && (count === undefined || count < 0)))
		return refuse('substr() with such positions is computed here');
	return translated(`substringUTF8(${text}, ${from}${count === undefined ? '' : `, ${count}`})`, 'text', nullable);
};

/** An instant cut to a multiple of `micros` after `from`. */
function cut({ text, kind, nullable }: Translated, micros: number, from: number): Translated {
	if (kind !== 'instant') return refuse('a text is read as a time here');
	return translated(`(${text} - positiveModulo(${text} - toInt64(${from}), toInt64(${micros})))`, 'instant', nullable);
}

function shift(sign: '+' | '-'): TranslateCall {
	return ([time, interval], t) => {
		const [a, b] = [t.value(time!), t.value(interval!)];
		if (a.kind !== 'instant' || b.kind !== 'interval') return refuse('such a shift of a time is computed here');
		return translated(`(${a.text} ${sign} ${b.text})`, 'instant', a.nullable || b.nullable);
	};
}

/** By their names in our SQL. */
const NAMED: Readonly<Record<string, TranslateCall>> = {
	lower: ofText('lower'),
	upper: ofText('upper'),
	trim: ofText('trimBoth'),
	ltrim: ofText('trimLeft'),
	rtrim: ofText('trimRight'),
	length: ([argument], t) => {
		const { text, nullable } = textOf(argument!, t);
		return translated(`toInt64(lengthUTF8(${text}))`, 'int', nullable);
	},
	substr,
	left: ([whole, count], t) => {
		const { text, nullable } = textOf(whole!, t);
		const length = constantInt(count, t);
		if (length === undefined || length < 0) return refuse('left() with such a length is computed here');
		return translated(`substringUTF8(${text}, 1, ${length})`, 'text', nullable);
	},
	replace: ([whole, part, by], t) => {
		const { text, nullable } = textOf(whole!, t);
		if ((constantText(part, t) ?? '') === '' || constantText(by, t) === undefined)
			return refuse('replace() with such texts is computed here');
		return translated(`replaceAll(${text}, ${textOf(part!, t).text}, ${textOf(by!, t).text})`, 'text', nullable);
	},
	instr: search((text, part) => `toInt64(positionUTF8(${text}, ${part}))`, 'int'),
	contains: search((text, part) => `(position(${text}, ${part}) > 0)`, 'truth'),
	starts_with: search((text, part) => `startsWith(${text}, ${part})`, 'truth'),
	abs: ([argument], t) => {
		const given = t.value(argument!);
		if (given.kind === 'real') return translated(`abs(${given.text})`, 'real', given.nullable);
		if (given.kind !== 'int') return refuse('abs() of other values than numbers is computed here');
		const tooLarge = unless(`abs(toFloat64(${given.text})) > ${MUCH}`);
		return translated(`(toInt64(abs(${given.text})) + ${tooLarge})`, 'int', given.nullable);
	},
	round: ([argument, digits], t) => {
		const { text, kind, nullable } = t.value(argument!);
		if (kind !== 'real' || (digits !== undefined && constantInt(digits, t) !== 0))
			return refuse('round() to decimal places is computed here');
		const rounded = `if(${text} < 0, -floor(0.5 - ${text}), floor(${text} + 0.5))`;
		return translated(`if(abs(${text}) >= 4503599627370496, ${text}, ${rounded})`, 'real', nullable);
	},
	floor: whole('floor'),
	ceil: whole('ceil'),
	trunc: whole('trunc'),
	ifnull: (list, t) => {
		const [value, otherwise] = list.map((each) => t.value(each)) as [Translated, Translated];
		const kind = commonKind([value, otherwise]);
		if (kind === undefined || kind === 'null') return refuse('values of several types are chosen here');
		const texts = [value, otherwise].map((each) => (kind === 'int' ? asInt(each) : each.text));
		return translated(`ifNull(${texts.join(', ')})`, kind, value.nullable && otherwise.nullable);
	},
	nullif: (list, t) => {
		const [value, other] = list.map((each) => t.value(each)) as [Translated, Translated];
		const kind = commonKind([value, other]);
		if ((kind !== 'int' && kind !== 'text') || other.kind === 'null') return refuse('such a nullif() is computed here');
		if (list.some(({ nocase }) => nocase)) return refuse('texts without case are compared here');
		return translated(`nullIf(${kind === 'int' ? asInt(value) : value.text}, ${other.text})`, kind, true);
	},
	bucket: ([time, width], t) => {
		const given = width!.constant ? t.constantValue(width!) : undefined;
		const interval = typeof given === 'string' ? parseInterval(given) : given;
		if (!(interval instanceof Interval) || interval.months !== 0 || interval.micros <= 0)
			return refuse('bucket() of such a width is computed here');
		return cut(t.value(time!), interval.micros, bucketOrigin());
	},
	date_trunc: ([unit, time], t) => {
		const length = lengthOfUnit(constantText(unit, t) ?? '');
		if (length === undefined) return refuse('date_trunc() to such a unit is computed here');
		return cut(t.value(time!), length.micros, length.from);
	},
	epoch_ms: ([argument], t) => {
		const { text, kind, nullable } = t.value(argument!);
		if (kind !== 'instant' && kind !== 'interval') return refuse('a text is read as a time here');
		return translated(`(toFloat64(${text}) / 1000)`, 'real', nullable);
	},
};

function whole(name: string): TranslateCall {
	return ([argument], t) => {
		const given = t.value(argument!);
		if (given.kind === 'int') return given;
		if (given.kind !== 'real') return refuse(`${name}() of other values than numbers is computed here`);
		return translated(`${name}(${given.text})`, 'real', given.nullable);
	};
}

/** By the definition of the function, which an operator may be, too. */
export const FUNCTIONS: ReadonlyMap<ScalarFunction, TranslateCall> = new Map<ScalarFunction, TranslateCall>([
	...Object.entries(NAMED).map(([name, translate]) => [FUNCTIONS_BY_NAME.get(name)!, translate] as const),
	[SHIFTS['+'], shift('+')],
	[SHIFTS['-'], shift('-')],
	[
		DIFFERENCE,
		([later, earlier], t) => {
			const [a, b] = [t.value(later!), t.value(earlier!)];
			if (a.kind !== 'instant' || b.kind !== 'instant') return refuse('a text is read as a time here');
			return translated(`(${a.text} - ${b.text})`, 'interval', a.nullable || b.nullable);
		},
	],
]);
