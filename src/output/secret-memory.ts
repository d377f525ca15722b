// Secrets and their placeholders.
import { createHmac } from 'node:crypto';

const PLACEHOLDER = /^REDACTED-\d+-[0-9a-f]{8}$/;
const MAX_REMEMBERED = 1000;
/** Shorter values are not searched for: they occur in too many places by accident. */
const LEAST_SWEPT = 6;

/** Replaces secrets by placeholders and remembers them, to find them in other places. */
export class SecretMemory {
	readonly #key: Uint8Array;
	/** Secret → placeholder. */
	readonly #seen = new Map<string, string>();

	constructor(key: Uint8Array) {
		this.#key = key;
	}

	/** The placeholder of a secret; an empty text or a placeholder stays as it is. */
	replace(value: string): string {
		if (value === '' || PLACEHOLDER.test(value)) return value;
		const known = this.#seen.get(value);
		if (known !== undefined) return known;
		const hash = createHmac('sha256', this.#key).update(value).digest('hex').slice(0, 8);
		const placeholder = `REDACTED-${Buffer.byteLength(value)}-${hash}`;
		if (this.#seen.size < MAX_REMEMBERED) this.#seen.set(value, placeholder);
		return placeholder;
	}

	/** Replaces remembered secrets in a text: plain, URL-encoded or in base64. */
	sweep(text: string): string {
		let swept = text;
		for (const [value, placeholder] of this.#longestFirst()) {
			for (const form of [value, encodeURIComponent(wellFormed(value)), Buffer.from(value).toString('base64')]) {
				if (swept.includes(form)) swept = swept.replaceAll(form, placeholder);
			}
		}
		return swept;
	}

	isIn(bytes: Uint8Array): boolean {
		const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
		return this.#longestFirst().some(([value]) => buffer.includes(value));
	}

	#longestFirst(): [secret: string, placeholder: string][] {
		return [...this.#seen]
			.filter(([value]) => value.length >= LEAST_SWEPT)
			.sort(([one], [other]) => other.length - one.length);
	}
}

/** encodeURIComponent refuses lone surrogates. */
export function wellFormed(text: string): string {
	return Buffer.from(text).toString('utf8');
}
