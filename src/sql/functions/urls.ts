// Functions for URLs and their queries.
import { encodeUtf8, toText, type Value } from '../values/value.ts';
import type { ScalarFunction } from './function-table.ts';
import { httpDoc } from './http.ts';
import { jsonOf } from './json.ts';
import { pathShaper } from './path-shape.ts';

export const URL_FUNCTIONS: readonly ScalarFunction[] = [
	{
		...httpDoc(
			'url_decode',
			'url_decode(text)',
			'%XX decoded, as UTF-8; a + stays, and so does a % without two digits',
			["url_decode('caf%C3%A9%20au+lait')", 'café au+lait'],
			1,
		),
		type: 'text',
		strict: true,
		create: () => (text) => decodePercent(toText(text!)),
	},
	{
		...httpDoc(
			'url_encode',
			'url_encode(text)',
			'every byte but A-Z a-z 0-9 - . _ ~ as %XX',
			["url_encode('a&b=ä')", 'a%26b%3D%C3%A4'],
			1,
		),
		type: 'text',
		strict: true,
		create: () => (value) => encodePercent(value!),
	},
	{
		...httpDoc(
			'url_param',
			'url_param(url, name)',
			"the first parameter of this name in a URL, a request target or a query string, decoded; '' without a value, NULL if there is none",
			["url_param('http://h/search?q=a%20b+c&n=2', 'q')", 'a b c'],
			2,
		),
		type: 'text',
		strict: true,
		create: () => (url, name) => {
			const wanted = toText(name!);
			for (const [each, value] of parametersOf(toText(url!))) if (each === wanted) return value;
			return null;
		},
	},
	{
		...httpDoc(
			'path_shape',
			'path_shape(path)',
			'the path of a request target or URL with :id in place of numbers, dates, UUIDs, hashes and tokens',
			["path_shape('/users/42/orders/2026-11-30?page=2')", '/users/:id/orders/:id'],
			1,
		),
		type: 'text',
		strict: true,
		create: () => {
			const shape = pathShaper();
			return (text) => shape(toText(text!));
		},
	},
	{
		...httpDoc(
			'query_params',
			'query_params(url)',
			'all parameters of a URL, a request target or a query string as a JSON object; repeated ones as an array',
			["query_params('/search?q=a+b&tag=x&tag=y')", '{"q":"a b","tag":["x","y"]}'],
			1,
		),
		type: 'text',
		output: 'json',
		strict: true,
		create: () => (url) => {
			const values = new Map<string, string[]>();
			for (const [name, value] of parametersOf(toText(url!))) {
				const list = values.get(name);
				if (list === undefined) values.set(name, [value]);
				else list.push(value);
			}
			const fields = [...values].map(([name, list]) => {
				const texts = list.map((value) => jsonOf(value, undefined));
				return `${jsonOf(name, undefined)}:${texts.length === 1 ? texts[0] : `[${texts.join(',')}]`}`;
			});
			return `{${fields.join(',')}}`;
		},
	},
];

function decodePercent(text: string): string {
	if (!text.includes('%')) return text;
	// Decoded in runs, because a character can take several bytes. Bytes that are not UTF-8 become U+FFFD.
	return text.replace(/(?:%[0-9a-f]{2})+/gi, (run) => Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'));
}

function encodePercent(value: Exclude<Value, null>): string {
	const bytes = value instanceof Uint8Array ? value : encodeUtf8(toText(value));
	let result = '';
	for (const byte of bytes) {
		const character = String.fromCharCode(byte);
		result += /[A-Za-z0-9._~-]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
	}
	return result;
}

/** The names and values of a query, decoded as forms are: `+` is a space. */
function* parametersOf(url: string): Generator<[name: string, value: string]> {
	for (const part of queryOf(url).split('&')) {
		if (part === '') continue;
		const equals = part.indexOf('=');
		const decode = (text: string) => decodePercent(text.replaceAll('+', ' '));
		if (equals < 0) yield [decode(part), ''];
		else yield [decode(part.slice(0, equals)), decode(part.slice(equals + 1))];
	}
}

/** The query of a URL or a request target. Any other text is a query itself. */
function queryOf(url: string): string {
	const hash = url.indexOf('#');
	const whole = hash < 0 ? url : url.slice(0, hash);
	const mark = whole.indexOf('?');
	if (/^(?:[a-z][a-z0-9+.-]*:\/\/|\/|\*)/i.test(whole)) return mark < 0 ? '' : whole.slice(mark + 1);
	// In `a=b?c` the question mark is part of a value.
	return mark >= 0 && !/[=&]/.test(whole.slice(0, mark)) ? whole.slice(mark + 1) : whole;
}
