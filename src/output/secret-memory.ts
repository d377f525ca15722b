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
type Swept = { readonly value: string; readonly forms: readonly string[]; readonly placeholder: string };

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

	isIn(bytes: Uint8Array): boolean {
		const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
		return this.#longestFirst().some(({ value }) => buffer.includes(value));
	}

	#longestFirst(): readonly Swept[] {
		this.#swept ??= [...this.#seen]
			.filter(([value]) => value.length >= LEAST_SWEPT)
			.sort(([one], [other]) => other.length - one.length)
			.map(([value, placeholder]) => {
				const forms = [value, encodeURIComponent(wellFormed(value)), Buffer.from(value).toString('base64')];
				return { value, forms: [...new Set(forms)], placeholder };
			});
		return this.#swept;
	}
}

/** encodeURIComponent refuses lone surrogates. */
export function wellFormed(text: string): string {
	return Buffer.from(text).toString('utf8');
}
