// Redacts JSON as text. This keeps numbers and order, and works on text that was cut or is not quite JSON. It takes
// linear time, because every string is read only once.
import { isSensitiveName } from './sensitive-names.ts';

export type JsonRedaction = {
	readonly secret: (value: string) => string;
	readonly freeText: (text: string) => string;
	/** For members named like a structured header field (Authorization, Cookie). */
	readonly header: (name: string, value: string) => string;
};

/** Redacts values of sensitive members, at any depth below them, and secrets within other strings. */
export function redactJson(text: string, how: JsonRedaction): string {
	let out = '';
	let at = 0;
	let depth = 0;
	/** Depth of the sensitive member whose list or object is being read, or -1. */
	let within = -1;
	/** The name of the member whose value comes next. */
	let name: string | null = null;

	while (at < text.length) {
		const character = text[at] as string;
		if (character === '"') {
			const end = stringEnd(text, at);
			const closed = end <= text.length && text[end - 1] === '"' && end - at > 1;
			const inside = text.slice(at + 1, closed ? end - 1 : end);
			const isName = name === null && /^\s{0,20}:/.test(text.slice(end, end + 24));
			if (isName) {
				name = unescaped(inside);
				out += text.slice(at, end);
			} else {
				out += `"${redactString(inside, name, within !== -1, how)}${closed ? '"' : ''}`;
				name = null;
			}
			at = end;
			continue;
		}
		if (character === '{' || character === '[') {
			if (within === -1 && name !== null && isSensitiveName(name)) within = depth;
			depth++;
			name = null;
		} else if (character === '}' || character === ']') {
			depth--;
			if (depth <= within) within = -1;
			name = null;
		} else if (character === ',') name = null;
		else if (/[-0-9]/.test(character)) {
			const end = numberEnd(text, at);
			const number = text.slice(at, end);
			// A `code` can also be a status or an error number, so only long numbers are secrets.
			const sensitive = within !== -1 || (name !== null && isSensitiveName(name) && number.length > 4);
			out += sensitive ? `"${how.secret(number)}"` : number;
			at = end;
			name = null;
			continue;
		}
		out += character;
		at++;
	}
	return out;
}

function redactString(inside: string, name: string | null, within: boolean, how: JsonRedaction): string {
	const sensitive = within || (name !== null && isSensitiveName(name));
	if (!sensitive && inside.length < 4) return inside;
	const value = unescaped(inside);
	const redacted = sensitive
		? name !== null && /authorization$|cookie$/i.test(name)
			? how.header(name, value)
			: how.secret(value)
		: how.freeText(value);
	return redacted === value ? inside : JSON.stringify(redacted).slice(1, -1);
}

/** The index after the string that begins at `from`, or the text's length if it does not end. */
function stringEnd(text: string, from: number): number {
	for (let at = from + 1; at < text.length; at++) {
		const character = text[at];
		if (character === '\\') at++;
		else if (character === '"') return at + 1;
	}
	return text.length;
}

function numberEnd(text: string, from: number): number {
	let at = from;
	while (at < text.length && /[-+.0-9eE]/.test(text[at] as string)) at++;
	return at;
}

function unescaped(inside: string): string {
	if (!inside.includes('\\')) return inside;
	try {
		return String(JSON.parse(`"${inside}"`));
	} catch {
		// Cut inside an escape, or not JSON: leave it unchanged.
		return inside;
	}
}
