// Text functions. As in SQLite, positions in a text count code points, from 1.
import { SqlError } from '../limits/sql-error.ts';
import { Interval, intervalText } from '../values/interval.ts';
import { applyNumeric, encodeUtf8, MAX_TEXT, Real, toInteger, toText, type Value } from '../values/value.ts';
import { formatText } from './format.ts';
import type { ScalarFunction } from './function-table.ts';

const GROUP = { group: 'text', strict: true } as const;
type Known = Exclude<Value, null>;

export const TEXT_FUNCTIONS: readonly ScalarFunction[] = [
	{
		name: 'length',
		signature: 'length(value)',
		doc: 'characters of a text, bytes of a blob',
		example: ["length('naïve')", 5],
		minArguments: 1,
		maxArguments: 1,
		type: 'int',
		create: () => (value) => (value instanceof Uint8Array ? value.length : codePointLength(toText(value!))),
		...GROUP,
	},
	{
		name: 'lower',
		signature: 'lower(text)',
		doc: 'A-Z become a-z; other letters stay',
		example: ["lower('GET /')", 'get /'],
		minArguments: 1,
		maxArguments: 1,
		type: 'text',
		create: () => (value) => toText(value!).replace(/[A-Z]+/g, (letters) => letters.toLowerCase()),
		...GROUP,
	},
	{
		name: 'upper',
		signature: 'upper(text)',
		doc: 'a-z become A-Z; other letters stay',
		example: ["upper('get')", 'GET'],
		minArguments: 1,
		maxArguments: 1,
		type: 'text',
		create: () => (value) => toText(value!).replace(/[a-z]+/g, (letters) => letters.toUpperCase()),
		...GROUP,
	},
	{
		name: 'substr',
		signature: 'substr(text, start [, length])',
		doc: 'part of a text or blob; a negative start counts from the end',
		example: ["substr('/api/users', 2, 3)", 'api'],
		minArguments: 2,
		maxArguments: 3,
		type: ([first]) => (first === 'blob' ? 'blob' : first === 'any' ? 'any' : 'text'),
		create: () => substr,
		...GROUP,
	},
	{
		name: 'left',
		signature: 'left(text, count)',
		doc: 'the first characters; a negative count leaves out the last ones',
		example: ["left('/api/users', 4)", '/api'],
		minArguments: 2,
		maxArguments: 2,
		type: ([first]) => (first === 'blob' ? 'blob' : first === 'any' ? 'any' : 'text'),
		create: () => (value, count) => {
			const length = countOf(count!, 'left');
			return substr(value!, 1, length >= 0 ? length : Math.max(0, lengthOf(value!) + length));
		},
		...GROUP,
	},
	{
		name: 'right',
		signature: 'right(text, count)',
		doc: 'the last characters; a negative count leaves out the first ones',
		example: ["right('/api/users', 5)", 'users'],
		minArguments: 2,
		maxArguments: 2,
		type: ([first]) => (first === 'blob' ? 'blob' : first === 'any' ? 'any' : 'text'),
		create: () => (value, count) => {
			const length = countOf(count!, 'right');
			const skipped = length >= 0 ? Math.max(0, lengthOf(value!) - length) : -length;
			return substr(value!, skipped + 1);
		},
		...GROUP,
	},
	{
		name: 'split_part',
		signature: 'split_part(text, separator, number)',
		doc: "one of the parts between separators, counted from 1, or from the end with -1; '' if there is none",
		example: ["split_part('/api/users/42', '/', 3)", 'users'],
		minArguments: 3,
		maxArguments: 3,
		type: 'text',
		create: () => (text, separator, number) => {
			const place = countOf(number!, 'split_part');
			if (place === 0)
				throw new SqlError(
					'the parts of split_part() are counted from 1, got 0',
					'ERR_SQL_VALUE',
					undefined,
					'-1 is the last part',
				);
			const between = toText(separator!);
			const parts = between === '' ? [toText(text!)] : toText(text!).split(between);
			return parts[place > 0 ? place - 1 : parts.length + place] ?? '';
		},
		...GROUP,
	},
	{
		name: 'instr',
		signature: 'instr(text, part)',
		doc: 'position of the first occurrence, 0 if there is none',
		example: ["instr('/api/users', 'users')", 6],
		minArguments: 2,
		maxArguments: 2,
		type: 'int',
		create: () => (text, part) => instr(text!, part!),
		...GROUP,
	},
	{
		name: 'replace',
		signature: 'replace(text, part, with)',
		doc: 'every occurrence of part replaced',
		example: ["replace('a-b-c', '-', '+')", 'a+b+c'],
		minArguments: 3,
		maxArguments: 3,
		type: 'text',
		create: () => (text, part, by) => {
			if (text === null || part === null) return null;
			// Nothing is replaced then, not even by NULL.
			if (toText(part!) === '') return toText(text!);
			return by === null ? null : replaceAll(toText(text!), toText(part!), toText(by!));
		},
		...GROUP,
		strict: false,
	},
	trim('trim', 'both ends', ["trim('  x ')", 'x'], true, true),
	trim('ltrim', 'the beginning', ["ltrim('007', '0')", '7'], true, false),
	trim('rtrim', 'the end', ["rtrim('/api/', '/')", '/api'], false, true),
	{
		name: 'concat',
		signature: 'concat(value, …)',
		doc: 'all values as one text; NULL counts as empty',
		example: ["concat('a', NULL, 1)", 'a1'],
		minArguments: 1,
		maxArguments: Number.POSITIVE_INFINITY,
		type: 'text',
		create:
			() =>
			(...values) =>
				values.map((value) => (value === null ? '' : toText(value))).join(''),
		...GROUP,
		strict: false,
	},
	{
		name: 'concat_ws',
		signature: 'concat_ws(separator, value, …)',
		doc: 'all values that are not NULL, joined with a separator',
		example: ["concat_ws(', ', 'a', NULL, 'b')", 'a, b'],
		minArguments: 2,
		maxArguments: Number.POSITIVE_INFINITY,
		type: 'text',
		create:
			() =>
			(separator, ...values) =>
				separator === null
					? null
					: values.flatMap((value) => (value === null ? [] : [toText(value)])).join(toText(separator)),
		...GROUP,
		strict: false,
	},
	{
		name: 'starts_with',
		signature: 'starts_with(text, beginning)',
		doc: '1 if the text begins with it; case-sensitive',
		example: ["starts_with('/api/users', '/api')", 1],
		minArguments: 2,
		maxArguments: 2,
		type: 'int',
		create: () => (text, part) => (toText(text!).startsWith(toText(part!)) ? 1 : 0),
		...GROUP,
	},
	{
		name: 'contains',
		signature: 'contains(text, part)',
		doc: '1 if the text contains the part; case-sensitive',
		example: ["contains('/api/users', 'users')", 1],
		minArguments: 2,
		maxArguments: 2,
		type: 'int',
		create: () => (text, part) => (toText(text!).includes(toText(part!)) ? 1 : 0),
		...GROUP,
	},
	{
		name: 'char',
		signature: 'char(code, …)',
		doc: 'the text of these Unicode code points',
		example: ['char(72, 84, 84, 80)', 'HTTP'],
		minArguments: 0,
		maxArguments: Number.POSITIVE_INFINITY,
		type: 'text',
		create:
			() =>
			(...codes) =>
				codes.map(codePointText).join(''),
		...GROUP,
		strict: false,
	},
	{
		name: 'unicode',
		signature: 'unicode(text)',
		doc: 'code point of the first character',
		example: ["unicode('A')", 65],
		minArguments: 1,
		maxArguments: 1,
		type: 'int',
		create: () => (text) => toText(text!).codePointAt(0) ?? null,
		...GROUP,
	},
	{
		name: 'hex',
		signature: 'hex(value)',
		doc: 'bytes of a blob or text as hexadecimal digits',
		example: ["hex('AZ')", '415A'],
		minArguments: 1,
		maxArguments: 1,
		type: 'text',
		create: () => (value) => (value === null ? '' : Buffer.from(bytesOf(value)).toString('hex').toUpperCase()),
		...GROUP,
		strict: false,
	},
	{
		name: 'unhex',
		signature: 'unhex(text)',
		doc: 'blob decoded from pairs of hexadecimal digits; NULL if there is anything else',
		example: ["CAST(unhex('415A') AS TEXT)", 'AZ'],
		minArguments: 1,
		maxArguments: 1,
		type: 'blob',
		create: () => (value) => {
			const text = toText(value!);
			return text.length % 2 === 0 && /^[0-9a-f]*$/i.test(text) ? new Uint8Array(Buffer.from(text, 'hex')) : null;
		},
		...GROUP,
	},
	{
		name: 'base64',
		signature: 'base64(value)',
		doc: 'bytes of a blob or text in base64',
		example: ["base64('user:secret')", 'dXNlcjpzZWNyZXQ='],
		minArguments: 1,
		maxArguments: 1,
		type: 'text',
		create: () => (value) => Buffer.from(bytesOf(value!)).toString('base64'),
		...GROUP,
	},
	{
		name: 'unbase64',
		signature: 'unbase64(text)',
		doc: 'blob decoded from base64; NULL if the text is not valid base64',
		example: ["CAST(unbase64('dXNlcjpzZWNyZXQ=') AS TEXT)", 'user:secret'],
		minArguments: 1,
		maxArguments: 1,
		type: 'blob',
		create: () => (value) => {
			const text = toText(value!).trim();
			return /^[A-Za-z0-9+/_-]*={0,2}$/.test(text) ? new Uint8Array(Buffer.from(text, 'base64')) : null;
		},
		...GROUP,
	},
	{
		name: 'quote',
		signature: 'quote(value)',
		doc: 'the value as an SQL literal',
		example: ["quote('it''s')", "'it''s'"],
		minArguments: 1,
		maxArguments: 1,
		type: 'text',
		create: () => quote,
		...GROUP,
		strict: false,
	},
	{
		name: 'format',
		signature: 'format(format, value, …)',
		doc: 'text made from a printf format: %d %s %.2f %x %05d %q …',
		example: ["format('%s took %.1f ms', '/api', 12.34)", '/api took 12.3 ms'],
		minArguments: 1,
		maxArguments: Number.POSITIVE_INFINITY,
		type: 'text',
		create:
			() =>
			(format, ...values) =>
				format === null ? null : formatText(toText(format), values),
		...GROUP,
		strict: false,
	},
];

function trim(
	name: string,
	where: string,
	example: readonly [string, string],
	atStart: boolean,
	atEnd: boolean,
): ScalarFunction {
	return {
		name,
		signature: `${name}(text [, characters])`,
		doc: `text without spaces (or any of the characters) at ${where}`,
		example,
		minArguments: 1,
		maxArguments: 2,
		type: 'text',
		create: () => (text, characters) => {
			const all = [...toText(text!)];
			const unwanted = new Set(characters === undefined ? [' '] : toText(characters!));
			let start = 0;
			let end = all.length;
			while (atStart && start < end && unwanted.has(all[start]!)) start++;
			while (atEnd && end > start && unwanted.has(all[end - 1]!)) end--;
			return all.slice(start, end).join('');
		},
		...GROUP,
	};
}

const SURROGATES = /[\ud800-\udfff]/;

/** Whether any character takes two UTF-16 units. */
function isWide(text: string): boolean {
	return SURROGATES.test(text);
}

function codePointLength(text: string): number {
	return isWide(text) ? [...text].length : text.length;
}

export function bytesOf(value: Known): Uint8Array {
	return value instanceof Uint8Array ? value : encodeUtf8(toText(value));
}

function codePointText(code: Value): string {
	const point = Number(toInteger(code) ?? 0);
	return point >= 0 && point <= 0x10ffff ? String.fromCodePoint(point) : '\ufffd';
}

/** A count of characters or parts. */
function countOf(value: Known, name: string): number {
	const count = typeof value === 'string' ? applyNumeric(value) : value;
	const number = count instanceof Real ? count.value : count;
	if (typeof number === 'bigint') return number > 0n ? Number.MAX_SAFE_INTEGER : -Number.MAX_SAFE_INTEGER;
	if (typeof number === 'number' && Number.isInteger(number)) return number;
	throw new SqlError(
		`expected a whole number as last argument of ${name}(), got ${toText(value).slice(0, 40)}`,
		'ERR_SQL_VALUE',
	);
}

function lengthOf(value: Known): number {
	return value instanceof Uint8Array ? value.length : codePointLength(toText(value));
}

function instr(text: Known, part: Known): number {
	if (text instanceof Uint8Array && part instanceof Uint8Array) return Buffer.from(text).indexOf(part) + 1;
	const whole = toText(text);
	const at = whole.indexOf(toText(part));
	return at <= 0 ? at + 1 : codePointLength(whole.slice(0, at)) + 1;
}

function replaceAll(text: string, part: string, by: string): string {
	if (part === '') return text;
	const pieces = text.split(part);
	if (text.length + (pieces.length - 1) * by.length > MAX_TEXT)
		throw new SqlError('the result of replace() is too long', 'ERR_SQL_TOO_LARGE');
	return pieces.join(by);
}

function substr(value: Value, start: Value, length?: Value): Value {
	const isBlob = value instanceof Uint8Array;
	const text = isBlob ? '' : toText(value!);
	const hasPairs = !isBlob && isWide(text);
	const points: ArrayLike<unknown> = isBlob ? value : hasPairs ? [...text] : text;
	const { from, to } = substringRange(
		points.length,
		Number(toInteger(start)),
		length === undefined ? undefined : Number(toInteger(length)),
	);
	if (isBlob) return value.slice(from, to);
	return hasPairs ? (points as string[]).slice(from, to).join('') : text.slice(from, to);
}

/** SQLite's rules: a negative start counts from the end; a negative length means characters before the start. */
function substringRange(total: number, start: number, length: number | undefined): { from: number; to: number } {
	let from = start;
	let count = length === undefined ? total + Math.abs(start) + 1 : Math.abs(length);
	if (from < 0) {
		from += total;
		if (from < 0) {
			count = Math.max(0, count + from);
			from = 0;
		}
	} else if (from > 0) {
		from--;
	} else if (count > 0) {
		count--;
	}
	if (length !== undefined && length < 0) {
		from -= count;
		if (from < 0) {
			count += from;
			from = 0;
		}
	}
	return { from, to: from + Math.max(0, count) };
}

export function quote(value: Value): string {
	if (value === null) return 'NULL';
	if (typeof value === 'string') return `'${value.replaceAll("'", "''")}'`;
	if (value instanceof Interval) return `interval '${intervalText(value)}'`;
	if (value instanceof Uint8Array) return `X'${Buffer.from(value).toString('hex').toUpperCase()}'`;
	return toText(value);
}
