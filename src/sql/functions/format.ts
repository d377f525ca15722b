// format(): SQLite's printf.

import { SqlError } from '../limits/sql-error.ts';
import { toDouble, toInteger, toText, type Value } from '../values/value.ts';
import { fixedText } from './decimal.ts';

const DIRECTIVE = /%([-+ 0#,!]*)(\*|\d+)?(?:\.(\*|\d+))?(?:l|ll)?(.?)/g;
const MAX_WIDTH = 10_000;
const MAX_LENGTH = 1_000_000;

export function formatText(format: string, values: readonly Value[]): string {
	let index = 0;
	const next = (): Value => values[index++] ?? null;
	let length = 0;
	return format.replace(
		DIRECTIVE,
		(_, flags: string, widthText: string | undefined, precisionText: string | undefined, kind: string) => {
			if (kind === '%') return '%';
			const number = (text: string | undefined) =>
				text === undefined ? undefined : text === '*' ? Number(toInteger(next()) ?? 0) : Number(text);
			const givenWidth = number(widthText) ?? 0;
			const width = Math.abs(givenWidth);
			const precision = number(precisionText);
			if (width > MAX_WIDTH || (precision ?? 0) > MAX_WIDTH)
				throw new SqlError(`a width in format() is over ${MAX_WIDTH}`, 'ERR_SQL_TOO_LARGE');
			const text = directive(kind, flags, precision, next);
			length += text.length + width;
			if (length > MAX_LENGTH) throw new SqlError('the result of format() is too long', 'ERR_SQL_TOO_LARGE');
			if (flags.includes('-') || givenWidth < 0) return text.padEnd(width);
			const isNumber = /[diufeEgGxXo]/.test(kind);
			if (!flags.includes('0') || !isNumber) return text.padStart(width);
			const sign = /^[-+ ]/.exec(text)?.[0] ?? '';
			return sign + text.slice(sign.length).padStart(width - sign.length, '0');
		},
	);
}

function directive(kind: string, flags: string, precision: number | undefined, next: () => Value): string {
	switch (kind) {
		case 'd':
		case 'i':
			return signed(grouped(String(toInteger(next()) ?? 0), flags), flags);
		case 'u':
			return grouped(String(BigInt.asUintN(64, BigInt(toInteger(next()) ?? 0))), flags);
		case 'f':
			return signed(grouped(fixed(toDouble(next()) || 0, precision ?? 6), flags), flags);
		case 'e':
		case 'E':
		case 'g':
		case 'G': {
			const text = scientific(kind.toLowerCase(), toDouble(next()) || 0, precision ?? 6);
			return signed(kind === kind.toUpperCase() ? text.toUpperCase() : text, flags);
		}
		case 'x':
		case 'X':
		case 'o': {
			const digits = BigInt.asUintN(64, BigInt(toInteger(next()) ?? 0)).toString(kind === 'o' ? 8 : 16);
			const prefix = flags.includes('#') && digits !== '0' ? (kind === 'o' ? '0' : '0x') : '';
			return prefix + (kind === 'X' ? digits.toUpperCase() : digits);
		}
		case 'c': {
			const value = next();
			const first = value === null ? '' : ([...toText(value)][0] ?? '');
			return first.repeat(Math.max(1, precision ?? 1));
		}
		case 's':
		case 'z': {
			const value = next();
			const text = value === null ? '' : toText(value);
			return precision === undefined ? text : [...text].slice(0, precision).join('');
		}
		case 'q':
		case 'w': {
			const value = next();
			const mark = kind === 'q' ? "'" : '"';
			return value === null ? '(NULL)' : toText(value).replaceAll(mark, mark + mark);
		}
		case 'Q': {
			const value = next();
			return value === null ? 'NULL' : `'${toText(value).replaceAll("'", "''")}'`;
		}
		default:
			throw new SqlError(`format() does not know %${kind}`, 'ERR_SQL_VALUE');
	}
}

function fixed(value: number, precision: number): string {
	if (!Number.isFinite(value)) return value > 0 ? 'Inf' : '-Inf';
	const text = fixedText(value, Math.min(100, precision));
	// A negative number that is rounded to 0 keeps its sign.
	return value < 0 && !text.startsWith('-') ? `-${text}` : text;
}

function scientific(kind: string, value: number, precision: number): string {
	if (!Number.isFinite(value)) return value > 0 ? 'Inf' : '-Inf';
	const digits = Math.min(100, precision);
	const exponent = (text: string) => text.replace(/e([+-])(\d)$/, 'e$10$2');
	if (kind === 'e') return exponent(value.toExponential(digits));
	const significant = Math.max(1, digits);
	const power = value === 0 ? 0 : Number(value.toExponential(significant - 1).split('e')[1]);
	const text =
		power < -4 || power >= significant
			? value.toExponential(significant - 1)
			: value.toFixed(Math.max(0, significant - 1 - power));
	return exponent(text.replace(/(\.\d*?)0+(e|$)/, '$1$2').replace(/\.(e|$)/, '$1'));
}

function grouped(text: string, flags: string): string {
	if (!flags.includes(',')) return text;
	const [whole, fraction] = text.split('.') as [string, string | undefined];
	const groups = whole.replace(/\B(?=(\d{3})+$)/g, ',');
	return fraction === undefined ? groups : `${groups}.${fraction}`;
}

function signed(text: string, flags: string): string {
	if (text.startsWith('-')) return text;
	return flags.includes('+') ? `+${text}` : flags.includes(' ') ? ` ${text}` : text;
}
