// Finds secrets in texts: whether one of them is in a text depends on nothing else, so each text is searched once, for all
// of them.

/** What redaction looks for after it has found secrets in a value. */
export class Secrets {
	/** Their number in the index; -1: they are in none. */
	id = -1;
	readonly texts: readonly string[];

	constructor(texts: readonly string[]) {
		this.texts = shortest(texts);
	}
}

/** What redaction has found in one row. A list that is emptied would have to grow again. */
export class RowSecrets {
	/** The first `count` of these. */
	readonly items: Secrets[] = [];
	count = 0;

	add(secrets: Secrets): void {
		this.items[this.count++] = secrets;
	}

	/** Whether one of them has one of these numbers. */
	areAmong(ids: ReadonlySet<number>): boolean {
		for (let place = 0; place < this.count; place++) if (ids.has(this.items[place]!.id)) return true;
		return false;
	}
}

/** Comparing more texts with each other would take too long. */
const MOST_COMPARED = 100;

/** The texts that have no other one as a part: where a longer one is, the shorter one is, too. */
function shortest(texts: readonly string[]): readonly string[] {
	const all = [...new Set(texts)];
	if (all.length > MOST_COMPARED) return all;
	return all.filter((one) => !all.some((other) => other !== one && one.includes(other)));
}

/** The bytes by which texts are found first. Redaction looks for none that is shorter. */
const KEY_BYTES = 4;
/** A bit for each hash of a key says whether a text begins with such a key. */
const HASH_BITS = 18;

export class SecretIndex {
	/** How many secrets it has; their numbers are below this. */
	count = 0;
	readonly #begins = new Int32Array(1 << (HASH_BITS - 5));
	readonly #texts = new Map<number, { readonly id: number; readonly bytes: Buffer }[]>();

	add(secrets: Secrets): void {
		secrets.id = this.count++;
		for (const text of secrets.texts) {
			const bytes = Buffer.from(text);
			const key = bytes.readInt32BE(0);
			const hash = hashOf(key);
			this.#begins[hash >> 5]! |= 1 << (hash & 31);
			const others = this.#texts.get(key);
			if (others === undefined) this.#texts.set(key, [{ id: secrets.id, bytes }]);
			else others.push({ id: secrets.id, bytes });
		}
	}

	/** The numbers of secrets, from `least` on, of which a text is in `bytes` from `start` to `end - 1`; undefined: none. */
	find(bytes: Buffer, start: number, end: number, least: number): Set<number> | undefined {
		if (this.count === 0) return undefined;
		const begins = this.#begins;
		let found: Set<number> | undefined;
		let key = 0;
		for (let at = start; at < end; at++) {
			key = (key << 8) | bytes[at]!;
			const hash = Math.imul(key, MULTIPLIER) >>> (32 - HASH_BITS);
			if ((begins[hash >> 5]! & (1 << (hash & 31))) === 0) continue;
			const from = at - KEY_BYTES + 1;
			if (from < start) continue;
			for (const text of this.#texts.get(key) ?? []) {
				if (text.id < least || from + text.bytes.byteLength > end) continue;
				if (text.bytes.compare(bytes, from, from + text.bytes.byteLength) !== 0) continue;
				found ??= new Set();
				found.add(text.id);
			}
		}
		return found;
	}
}

const MULTIPLIER = 0x9e3779b1 | 0;

function hashOf(key: number): number {
	return Math.imul(key, MULTIPLIER) >>> (32 - HASH_BITS);
}
