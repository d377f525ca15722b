// Finds secrets in JSON, also in JSON that arrives in parts, is cut, or is not quite JSON.
import { addPlaces, type Place, type SecretFinder } from './secret-finder.ts';
import { isSensitiveName } from './sensitive-names.ts';

/** A `code` can also be a status or an error number, so only longer numbers are secrets. */
const LONGEST_CODE = 4;
/** Shorter strings contain no secrets unless their name says so. */
const LEAST_TEXT = 4;

export class JsonSecrets {
	readonly #finder: SecretFinder;
	#depth = 0;
	/** Depth of the sensitive member whose list or object is being read, or -1. */
	#within = -1;
	/** The name of the member whose value comes next. */
	#name: string | null = null;
	/** Within a string that was blanked. */
	#isCut = false;
	/** The next character is escaped. */
	#isEscape = false;

	constructor(finder: SecretFinder) {
		this.#finder = finder;
	}

	/** Decides as much of the text as `extent` says (src/output/body-secrets.ts). */
	scan(text: string, extent: 'soft' | 'hard' | 'final'): { readonly decided: number; readonly places: Place[] } {
		const places: Place[] = [];
		const isMore = extent !== 'final';
		let at = 0;
		if (this.#isCut) {
			at = stringEnd(text, this.#isEscape ? 1 : 0);
			this.#isCut = at > text.length;
			this.#isEscape = this.#isCut && endsInEscape(text, this.#isEscape ? 1 : 0);
			at = Math.min(at, text.length);
			places.push({ start: 0, end: this.#isCut ? at : at - 1, secret: null });
		}
		/** Where something other than strings, numbers and brackets began. */
		let loose = at;
		const between = (to: number): void => {
			const words = text.slice(loose, to);
			if (WORDS.test(words)) addPlaces(places, this.#finder.freeText(words), loose);
		};
		TOKEN.lastIndex = at;
		for (let token = TOKEN.exec(text); token !== null; token = TOKEN.exec(text)) {
			const [first] = token;
			at = token.index;
			if (first === '"') {
				between(at);
				const end = stringEnd(text, at + 1);
				// Whether it is a name depends on what follows it.
				const isUndecided = isMore && (end > text.length || !AFTER_STRING.test(text.slice(end, end + 24)));
				if (isUndecided && extent === 'soft') return { decided: at, places };
				if (isUndecided && end > text.length) {
					this.#isCut = true;
					this.#isEscape = endsInEscape(text, at + 1);
					places.push({ start: at + 1, end: text.length, secret: null });
					return { decided: text.length, places };
				}
				const inside = text.slice(at + 1, end > text.length ? text.length : end - 1);
				if (this.#name === null && BEFORE_VALUE.test(text.slice(end, end + 24))) this.#name = unescaped(inside);
				else {
					addPlaces(places, this.#string(inside), at + 1);
					this.#name = null;
				}
				loose = Math.min(end, text.length);
				TOKEN.lastIndex = loose;
				if (loose === text.length) break;
			} else if (first.length > 1 || !/[{}[\],]/.test(first)) {
				const end = at + first.length;
				if (isMore && end === text.length && extent === 'soft') {
					between(at);
					return { decided: at, places };
				}
				if (this.#isSecretNumber(first.length)) {
					between(at);
					addPlaces(
						places,
						this.#finder.whole(first).map((place) => ({ ...place, digits: true })),
						at,
					);
					loose = end;
				}
				this.#name = null;
			} else this.#bracket(first);
		}
		between(text.length);
		return { decided: text.length, places };
	}

	#bracket(character: string): void {
		if (character === '{' || character === '[') {
			if (this.#within === -1 && this.#name !== null && isSensitiveName(this.#name)) this.#within = this.#depth;
			this.#depth++;
			this.#name = null;
		} else if (character === '}' || character === ']') {
			this.#depth--;
			if (this.#depth <= this.#within) this.#within = -1;
			this.#name = null;
		} else if (character === ',') this.#name = null;
	}

	#isSecretNumber(length: number): boolean {
		return this.#within !== -1 || (this.#name !== null && isSensitiveName(this.#name) && length > LONGEST_CODE);
	}

	#string(inside: string): Place[] {
		const name = this.#name;
		const isSecret = this.#within !== -1 || (name !== null && isSensitiveName(name));
		if (!isSecret && inside.length < LEAST_TEXT) return [];
		const value = unescaped(inside);
		if (isSecret && !(name !== null && /authorization$|cookie$/i.test(name))) return this.#finder.whole(inside, value);
		const places = isSecret ? this.#finder.header(name!, value) : this.#finder.freeText(value);
		// In an escaped text, the places are elsewhere.
		return value === inside || places.length === 0 ? places : this.#finder.whole(inside, value);
	}
}

/** Something other than JSON, in which secrets have names. */
const WORDS = /[a-z]{2}.{0,64}[:=]|\s-|eyJ/i;
/** A string begins, brackets and commas, numbers. */
const TOKEN = /"|[{}[\],]|(?<![\w.-])-?\d[-+.\deE]*/g;
const AFTER_STRING = /\S/;
const BEFORE_VALUE = /^\s{0,20}:/;

/** The index after the closing quote; beyond the text if there is none. `from` is inside the string. */
function stringEnd(text: string, from: number): number {
	for (let at = from; ; ) {
		const quote = text.indexOf('"', at);
		if (quote === -1) return text.length + 1;
		if (!endsInEscape(text, from, quote)) return quote + 1;
		at = quote + 1;
	}
}

/** Whether a string that began at `from` or before has a backslash before `to` that escapes the next character. */
function endsInEscape(text: string, from: number, to = text.length): boolean {
	let backslashes = 0;
	while (to - backslashes > from && text[to - 1 - backslashes] === '\\') backslashes++;
	return backslashes % 2 === 1;
}

function unescaped(inside: string): string {
	if (!inside.includes('\\')) return inside;
	try {
		return Buffer.from(String(JSON.parse(`"${Buffer.from(inside, 'latin1').toString('utf8')}"`))).toString('latin1');
	} catch {
		// Cut inside an escape, or not JSON.
		return inside;
	}
}
