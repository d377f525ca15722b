// What secrets in a recording are overwritten with, and where else they occur.
import { createHmac } from 'node:crypto';
import type { Place } from './secret-finder.ts';

const LABEL = 'REDACTED-';
/** Hash digits after the label, and the length from which the label fits. */
const DIGITS = 8;
const LABELLED = LABEL.length + DIGITS;
const BLANK = '*';
const MAX_CACHED = 1000;
const LONGEST_CACHED = 4096;

/** Makes replacements of a given length. Equal secrets get the same hash. */
export class Replacements {
	readonly #key: Uint8Array;
	readonly #hashes = new Map<string, string>();

	constructor(key: Uint8Array) {
		this.#key = key;
	}

	/** Overwrites these places of `bytes`, which are `text`. */
	overwrite(bytes: Uint8Array, text: string, places: readonly Place[]): void {
		const inOrder = places.toSorted((one, other) => one.start - other.start || other.end - one.end);
		let done = 0;
		for (const { start, end, secret = text.slice(start, end), digits = false } of inOrder) {
			// A secret within another one is already gone.
			if (end <= done) continue;
			done = end;
			const replacement = secret === null ? BLANK.repeat(end - start) : this.#of(secret, end - start, digits);
			for (let at = start; at < end; at++) bytes[at] = replacement.charCodeAt(at - start);
		}
	}

	/** `REDACTED-1a2b3c4d---`; only the hash if that is longer than the secret. */
	#of(secret: string, length: number, digits: boolean): string {
		const hash = this.#hash(secret);
		if (digits) return decimal(hash, length);
		if (length < LABELLED) return hash.slice(0, length);
		return `${LABEL}${hash.slice(0, DIGITS)}`.padEnd(length, '-');
	}

	#hash(secret: string): string {
		const known = this.#hashes.get(secret);
		if (known !== undefined) return known;
		const hash = createHmac('sha256', this.#key).update(secret, 'latin1').digest('hex');
		if (secret.length > LONGEST_CACHED) return hash;
		if (this.#hashes.size >= MAX_CACHED) this.#hashes.clear();
		this.#hashes.set(secret, hash);
		return hash;
	}
}

/** A number without a leading zero. */
function decimal(hash: string, length: number): string {
	const all = BigInt(`0x${hash}`).toString();
	return `9${all.slice(1)}`.padEnd(length, '0').slice(0, length);
}

/** Shorter secrets are not searched for, because they occur in too many places by accident. */
const LEAST_SOUGHT = 6;
/** The same for their base64 forms, of which parts may be missing at both ends. */
const LEAST_BASE64 = 8;
/** Longer secrets are not searched for. */
const LONGEST_SOUGHT = 16_384;
const LEAST_PREFIX = 4;

type Form = { readonly bytes: Buffer; readonly secret: string };

/** Remembers the latest secrets, to find them where nothing marks them as secret. */
export class SoughtSecrets {
	readonly #most: number;
	/** Secret → its forms. */
	readonly #secrets = new Map<string, readonly Form[]>();
	/** Forms by their first four bytes; undefined after a change. */
	#index: Map<number, Form[]> | undefined;
	/** Not 0 at the hashes of these bytes. */
	#filter: Uint8Array | undefined;
	readonly #others: SoughtSecrets | undefined;

	/** `others` remembers them, too. */
	constructor(most: number, others?: SoughtSecrets) {
		this.#most = most;
		this.#others = others;
	}

	add(secret: string): void {
		if (secret.length >= LEAST_SOUGHT && secret.length <= LONGEST_SOUGHT) this.#formsOf(secret);
	}

	/** Its forms, which are remembered. */
	#formsOf(secret: string): readonly Form[] {
		const known = this.#secrets.get(secret);
		if (known !== undefined) return known;
		const forms = this.#others === undefined ? formsOf(secret) : this.#others.#formsOf(secret);
		if (this.#secrets.size >= this.#most) this.#secrets.delete(this.#secrets.keys().next().value!);
		this.#secrets.set(secret, forms);
		this.#index = undefined;
		return forms;
	}

	/** Where they occur: plain, URL-encoded, or in base64. */
	placesIn(bytes: Uint8Array): Place[] {
		if (this.#secrets.size === 0 || bytes.length < LEAST_PREFIX) return [];
		this.#index ??= this.#newIndex();
		const filter = this.#filter!;
		const places: Place[] = [];
		let next = (bytes[0]! << 16) | (bytes[1]! << 8) | bytes[2]!;
		for (let at = 0; at + 3 < bytes.length; at++) {
			next = (next << 8) | bytes[at + 3]!;
			if (filter[filterSlot(next)] === 0) continue;
			const forms = this.#index.get(next);
			if (forms === undefined) continue;
			const form = forms.find((one) => startsWith(bytes, at, one.bytes));
			if (form !== undefined) places.push({ start: at, end: at + form.bytes.length, secret: form.secret });
		}
		return places;
	}

	#newIndex(): Map<number, Form[]> {
		const index = new Map<number, Form[]>();
		const filter = new Uint8Array(FILTER_BYTES);
		this.#filter = filter;
		for (const form of [...this.#secrets.values()].flat()) {
			const prefix = form.bytes.readInt32BE(0);
			filter[filterSlot(prefix)] = 1;
			const same = index.get(prefix);
			if (same === undefined) index.set(prefix, [form]);
			else same.push(form);
		}
		// The longest one first, so that nothing of it is left.
		for (const forms of index.values()) forms.sort((one, other) => other.bytes.length - one.bytes.length);
		return index;
	}
}

const FILTER_BYTES = 4096;

function filterSlot(prefix: number): number {
	return (prefix ^ (prefix >>> 12) ^ (prefix >>> 20)) & (FILTER_BYTES - 1);
}

function formsOf(secret: string): Form[] {
	const bytes = Buffer.from(secret, 'latin1');
	const encoded = urlEncoded(bytes);
	const decoded = urlDecoded(secret);
	const texts = [secret, encoded, encoded.toLowerCase(), encoded.replaceAll('%20', '+'), ...base64Forms(bytes)];
	if (decoded.length >= LEAST_SOUGHT) texts.push(decoded, ...base64Forms(Buffer.from(decoded, 'latin1')));
	return [...new Set(texts)].map((text) => ({ bytes: Buffer.from(text, 'latin1'), secret }));
}

function urlEncoded(bytes: Buffer): string {
	let text = '';
	if (bytes.every((byte) => byte < 0x80)) return encodeURIComponent(bytes.toString('latin1'));
	for (const byte of bytes) {
		const character = String.fromCharCode(byte);
		text += /[\w.~!*'()-]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
	}
	return text;
}

function urlDecoded(text: string): string {
	return text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** The characters that base64 has for these bytes, whatever is before and after them, in both alphabets. */
function base64Forms(bytes: Buffer): string[] {
	return [0, 1, 2].flatMap((before) => {
		const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
		const core = text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
		if (core.length < LEAST_BASE64) return [];
		return [core, core.replaceAll('+', '-').replaceAll('/', '_')];
	});
}

function startsWith(bytes: Uint8Array, at: number, form: Buffer): boolean {
	if (at + form.length > bytes.length) return false;
	for (let i = 0; i < form.length; i++) if (bytes[at + i] !== form[i]) return false;
	return true;
}
