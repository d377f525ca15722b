// Finds secrets in captured bytes: where they are, so that they can be overwritten without moving anything else.
// Texts are bytes as Latin-1, so an index is also the offset of a byte.
import { type Replace, redactionBy } from './redaction.ts';

/** Bytes to overwrite. */
export type Place = {
	readonly start: number;
	readonly end: number;
	/** The secret, if it is not the bytes themselves (encoded in another way); null: no single secret, blank them. */
	readonly secret?: string | null;
	/** A number in JSON: it stays one. */
	readonly digits?: boolean;
};

/** Each secret is replaced by one character of the private use area. No Latin-1 text contains one. */
const FIRST_MARK = 0xe000;
const MARKS = 0xf900 - FIRST_MARK;
const ALL_MARKS = /[\ue000-\uf8ff]/g;

export class SecretFinder {
	/** Called for each secret, and each form of one, that may also occur elsewhere. */
	readonly #found: (secret: string) => void;
	readonly #redaction: ReturnType<typeof redactionBy>;
	/** The text that each mark stands for. */
	#marked: string[] = [];
	#tooMany = false;

	constructor(found: (secret: string) => void) {
		this.#found = found;
		const mark: Replace = Object.assign((value: string) => this.#mark(value), { inPlace: true });
		this.#redaction = redactionBy(mark);
	}

	/** Secrets in a URL or a request target. */
	url(text: string): Place[] {
		return this.#places(text, this.#redaction.url);
	}

	/** Secrets in a form or a query. */
	form(text: string): Place[] {
		return this.#places(text, this.#redaction.form);
	}

	/** Secrets in the value of a field, which must be without blanks around it. */
	header(name: string, value: string): Place[] {
		return this.#places(value, (text) => this.#redaction.header(name, text));
	}

	/** Secrets in any text. */
	freeText(text: string): Place[] {
		return this.#places(text, this.#redaction.freeText);
	}

	/** The whole text, which is a secret. */
	whole(text: string, secret = text): Place[] {
		if (text === '') return [];
		this.#found(secret);
		return [{ start: 0, end: text.length, ...(secret === text ? {} : { secret }) }];
	}

	#mark(value: string): string {
		const plain = value.replace(ALL_MARKS, (mark) => this.#marked[mark.charCodeAt(0) - FIRST_MARK] ?? mark);
		if (plain === '' || (value.length === 1 && plain !== value)) return value;
		this.#found(unpatched(plain));
		if (this.#marked.length === MARKS) {
			this.#tooMany = true;
			return value;
		}
		return String.fromCharCode(FIRST_MARK + this.#marked.push(plain) - 1);
	}

	/** Where `redact` puts marks. If it changes anything else, everything. */
	#places(text: string, redact: (text: string) => string): Place[] {
		// To patterns, 0xA0 is white space, but here it is usually a part of a UTF-8 character.
		const patched = text.includes('\u00a0') ? text.replaceAll('\u00a0', PATCH) : text;
		if (this.#marked.length > 0) this.#marked = [];
		this.#tooMany = false;
		const redacted = redact(patched);
		if (redacted === patched) return [];
		const places: Place[] = [];
		let at = 0;
		for (let i = 0; i < redacted.length; i++) {
			const mark = this.#marked[redacted.charCodeAt(i) - FIRST_MARK];
			if (!patched.startsWith(mark ?? redacted[i]!, at)) return this.#everything(text);
			const start = at;
			at += mark?.length ?? 1;
			if (mark !== undefined) places.push({ start, end: at });
		}
		return at === text.length && !this.#tooMany ? places : this.#everything(text);
	}

	#everything(text: string): Place[] {
		return [{ start: 0, end: text.length, secret: null }];
	}
}

const PATCH = '\u0100';

function unpatched(text: string): string {
	return text.replaceAll(PATCH, '\u00a0');
}

/** Adds places as they are in a longer text, in which their text begins at `by`. */
export function addPlaces(all: Place[], places: readonly Place[], by: number): void {
	for (const place of places) all.push({ ...place, start: place.start + by, end: place.end + by });
}

/** The places as they are in a longer text, in which their text begins at `by`. */
export function shifted(places: readonly Place[], by: number): Place[] {
	const all: Place[] = [];
	addPlaces(all, places, by);
	return all;
}
