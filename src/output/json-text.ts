// Handles JSON as text. Numbers keep all digits, keys keep their order and repeats, and nothing captured becomes a
// property of an object.

import { escapeUnsafe } from './visible-text.ts';

export type ReformatOptions = {
	/** Spaces per level; 0: everything on one line without blanks. */
	readonly indent: number;
	/** Accept a text that ends early (a body held in part). */
	readonly partial?: boolean;
};

/** Deeper texts are not indented, because their blanks would grow with the square of the depth. */
const MAX_INDENTED_DEPTH = 100;

/** Reformats the white space of `text`, token by token; null if it is not JSON (RFC 8259). Linear, not recursive. */
export function reformatJson(text: string, options: ReformatOptions): string | null {
	const { indent } = options;
	const closers: number[] = [];
	let out = '';
	let at = 0;
	let expect: 'value' | 'value or ]' | 'key' | 'key or }' | ': ' | ', or end' = 'value';

	const newLine = (): string => (indent === 0 ? '' : `\n${' '.repeat(indent * closers.length)}`);

	for (;;) {
		at = skipBlanks(text, at);
		if (at === text.length) {
			if (expect === ', or end' && closers.length === 0) return out;
			return options.partial === true ? out : null;
		}
		const unit = text.charCodeAt(at);
		if (expect === ', or end') {
			if (closers.length === 0) return null;
			if (unit === COMMA) {
				out += `,${newLine()}`;
				expect = closers[closers.length - 1] === CLOSE_BRACE ? 'key' : 'value';
			} else if (unit === closers[closers.length - 1]) {
				closers.pop();
				out += newLine() + text[at];
			} else return null;
			at++;
			continue;
		}
		if (expect === ': ') {
			if (unit !== COLON) return null;
			out += indent === 0 ? ':' : ': ';
			expect = 'value';
			at++;
			continue;
		}
		const mayClose = expect === 'key or }' || expect === 'value or ]';
		if (mayClose && unit === closers[closers.length - 1]) {
			closers.pop();
			out += text[at++];
			expect = ', or end';
			continue;
		}
		// White space before the first item of a list or object, which only now proves not to be empty.
		const lead: string = mayClose ? newLine() : '';
		if (expect === 'key' || expect === 'key or }') {
			if (unit !== QUOTE) return null;
			const end = stringEnd(text, at);
			if (end === NOT_JSON) return null;
			if (end === CUT) return options.partial === true ? out + lead + text.slice(at) : null;
			out += lead + text.slice(at, end);
			at = end;
			expect = ': ';
			continue;
		}
		if (unit === OPEN_BRACE || unit === OPEN_BRACKET) {
			out += lead + text[at++];
			closers.push(unit === OPEN_BRACE ? CLOSE_BRACE : CLOSE_BRACKET);
			if (indent > 0 && closers.length > MAX_INDENTED_DEPTH) return null;
			expect = unit === OPEN_BRACE ? 'key or }' : 'value or ]';
			continue;
		}
		const end = unit === QUOTE ? stringEnd(text, at) : scalarEnd(text, at);
		if (end === NOT_JSON) return null;
		if (end === CUT) return options.partial === true ? out + lead + text.slice(at) : null;
		out += lead + text.slice(at, end);
		at = end;
		expect = ', or end';
	}
}

/** A JSON string literal that is safe to print: control and invisible characters are escaped. */
export function jsonString(text: string): string {
	return escapeInJson(JSON.stringify(text));
}

/** Escapes control and invisible characters in a JSON text, which can only be inside strings. */
export function escapeInJson(json: string): string {
	// Ten times as fast as looking at every character, if one of them is beyond Latin-1.
	return PRINTABLE_ASCII.test(json) ? json : json.replace(OTHER_THAN_ASCII, (run) => escapeUnsafe(run, unicodeEscapes));
}

const PRINTABLE_ASCII = /^[\x20-\x7e]*$/;
const OTHER_THAN_ASCII = /[^\x20-\x7e]+/g;

function unicodeEscapes(characters: string): string {
	let escaped = '';
	for (let i = 0; i < characters.length; i++) {
		escaped += `\\u${characters.charCodeAt(i).toString(16).padStart(4, '0')}`;
	}
	return escaped;
}

const NOT_JSON = -1;
/** The text ended within the token. */
const CUT = -2;

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

function skipBlanks(text: string, from: number): number {
	let at = from;
	while (at < text.length) {
		const unit = text.charCodeAt(at);
		if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) break;
		at++;
	}
	return at;
}

/** The index after the string that begins at `from`, NOT_JSON or CUT. */
function stringEnd(text: string, from: number): number {
	let at = from + 1;
	while (at < text.length) {
		const unit = text.charCodeAt(at);
		if (unit === QUOTE) return at + 1;
		if (unit < 0x20) return NOT_JSON;
		if (unit !== BACKSLASH) {
			at++;
			continue;
		}
		const code = text.slice(at + 1, at + 6);
		if (code.startsWith('u')) {
			if (!/^u[0-9a-f]*$/i.test(code)) return NOT_JSON;
			if (code.length < 5) return CUT;
			at += 6;
		} else {
			if (code !== '' && !'"\\/bfnrt'.includes(code[0] as string)) return NOT_JSON;
			at += 2;
		}
	}
	return CUT;
}

const SCALAR = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null/y;
const SCALAR_TO_THE_END = /[-+.0-9a-zA-Z]+$/y;

function scalarEnd(text: string, from: number): number {
	SCALAR.lastIndex = from;
	const found = SCALAR.exec(text);
	const end = found === null ? from : from + found[0].length;
	const next = text.charCodeAt(end);
	if (found !== null && (end === text.length || END_OF_SCALAR.has(next))) return end;
	SCALAR_TO_THE_END.lastIndex = from;
	return SCALAR_TO_THE_END.test(text) && /^[-0-9tfn]/.test(text[from] as string) ? CUT : NOT_JSON;
}

const END_OF_SCALAR = new Set([0x20, 0x09, 0x0a, 0x0d, COMMA, CLOSE_BRACKET, CLOSE_BRACE]);
