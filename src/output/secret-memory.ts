// Remembers secrets and their placeholders.
import { createHmac } from 'node:crypto';

const PLACEHOLDER = /^REDACTED-\d+-[0-9a-f]{8}$/;
const MAX_REMEMBERED = 1000;
/** Placeholders of longer secrets are not cached. */
const LONGEST_KEPT = 4096;
/** Shorter values are not searched for, because they occur in too many places by accident. */
const LEAST_SWEPT = 6;

/** Creates the placeholders of secrets, and caches them because many requests carry the same credentials. */
export class Placeholders {
	readonly #key: Uint8Array;
	#kept = new Map<string, string>();

	constructor(key: Uint8Array) {
		this.#key = key;
	}

	of(secret: string): string {
		const known = this.#kept.get(secret);
		if (known !== undefined) return known;
		const hash = createHmac('sha256', this.#key).update(secret).digest('hex').slice(0, 8);
		const placeholder = `REDACTED-${Buffer.byteLength(secret)}-${hash}`;
		if (secret.length > LONGEST_KEPT) return placeholder;
		if (this.#kept.size >= MAX_REMEMBERED) this.#kept.clear();
		this.#kept.set(secret, placeholder);
		return placeholder;
	}
}

/** A remembered secret, the forms in which it is searched for, and its placeholder. */
type Swept = { readonly forms: readonly string[]; readonly placeholder: string };

/** Replaces secrets by placeholders and remembers them, to find them in other places. */
export class SecretMemory {
	readonly #placeholders: Placeholders;
	/** Secret → placeholder. */
	readonly #seen = new Map<string, string>();
	/** The secrets that are searched for, longest first; undefined after a new one was added. */
	#swept: readonly Swept[] | undefined;

	constructor(placeholders: Placeholders) {
		this.#placeholders = placeholders;
	}

	/** The placeholder of a secret; an empty text or a placeholder is returned unchanged. */
	replace(value: string): string {
		if (value === '' || PLACEHOLDER.test(value)) return value;
		const known = this.#seen.get(value);
		if (known !== undefined) return known;
		const placeholder = this.#placeholders.of(value);
		if (this.#seen.size < MAX_REMEMBERED) {
			this.#seen.set(value, placeholder);
			this.#swept = undefined;
		}
		return placeholder;
	}

	/** Replaces remembered secrets in a text: plain, URL-encoded or in base64. */
	sweep(text: string): string {
		let swept = text;
		for (const { forms, placeholder } of this.#longestFirst()) {
			for (const form of forms) if (swept.includes(form)) swept = swept.replaceAll(form, placeholder);
		}
		return swept;
	}

	/** All forms that sweep() looks for; undefined if nothing was replaced yet. */
	get searched(): readonly string[] | undefined {
		return this.#seen.size === 0 ? undefined : this.#longestFirst().flatMap(({ forms }) => forms);
	}

	isIn(bytes: Uint8Array): boolean {
		const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
		return this.#longestFirst().some(({ forms }) => forms.some((form) => buffer.includes(form)));
	}

	#longestFirst(): readonly Swept[] {
		this.#swept ??= [...this.#seen]
			.filter(([value]) => value.length >= LEAST_SWEPT)
			.sort(([one], [other]) => other.length - one.length)
			.map(([value, placeholder]) => ({ forms: formsOf(value), placeholder }));
		return this.#swept;
	}
}

/** A secret, which may be URL-encoded, as it can be elsewhere: plain, URL-encoded, and in base64. */
function formsOf(secret: string): string[] {
	const plain = [secret, ...decodedForms(secret)];
	const forms = plain.flatMap((each) => [each, encodeURIComponent(wellFormed(each)), ...base64Forms(each)]);
	return [...new Set(forms)].filter((form) => form.length >= LEAST_SWEPT);
}

function decodedForms(text: string): string[] {
	if (!text.includes('%')) return [];
	try {
		// In a form, + is a blank.
		return [decodeURIComponent(text), decodeURIComponent(text.replaceAll('+', ' '))];
	} catch {
		// It is not URL-encoded.
		return [];
	}
}

/** In base64, alone or as a part of more: at each of the three positions, what does not depend on its neighbours. */
function base64Forms(text: string): string[] {
	const whole = Buffer.from(text).toString('base64');
	const parts = [0, 1, 2].map((before) => {
		const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(text)]);
		return bytes.toString('base64').slice(Math.ceil((before * 4) / 3), Math.floor((bytes.length * 4) / 3));
	});
	// Short ones occur by accident.
	return [whole, ...parts.filter((part) => part.length >= 2 * LEAST_SWEPT)].flatMap((each) => [
		each,
		each.replaceAll('+', '-').replaceAll('/', '_'),
	]);
}

/** encodeURIComponent refuses lone surrogates. */
export function wellFormed(text: string): string {
	return Buffer.from(text).toString('utf8');
}
