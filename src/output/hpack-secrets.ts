// Overwrites the secrets in header blocks of HTTP/2. Blocks, strings and entries of the table keep their lengths, so that
// everything that refers to them stays right.
import type { Known } from './held-content.ts';
import { fillerOf, type HpackField, HpackTable, huffmanBits, huffmanCode, huffmanText } from './hpack.ts';
import type { Place, SecretFinder } from './secret-finder.ts';

/** Larger tables are not followed. */
const LARGEST_TABLE = 1 << 20;
const HUFFMAN = 0x80;

/** A string in a block: its bytes, whether they are Huffman code, and the index after it. */
type BlockString = {
	readonly bytes: Uint8Array;
	readonly isCoded: boolean;
	readonly text: string;
	readonly end: number;
};

export class HpackSecrets {
	readonly #table = new HpackTable();
	readonly #known: Known;
	readonly #finder: SecretFinder;

	constructor(known: Known, finder: SecretFinder) {
		this.#known = known;
		this.#finder = finder;
	}

	/** Overwrites a complete block. Returns its fields with their secrets; undefined if it cannot be read. */
	overwrite(block: Uint8Array): HpackField[] | undefined {
		const fields: HpackField[] = [];
		for (let at = 0; at < block.length; ) {
			const first = block[at]!;
			if ((first & 0x80) !== 0) {
				const index = integer(block, at, 7);
				const field = index && this.#table.at(index.value);
				if (index === undefined || field === undefined) return undefined;
				fields.push(field);
				at = index.end;
			} else if ((first & 0xe0) === 0x20) {
				const size = integer(block, at, 5);
				if (size === undefined || size.value > LARGEST_TABLE) return undefined;
				this.#table.resize(size.value);
				at = size.end;
			} else {
				const isKept = (first & 0x40) !== 0;
				const index = integer(block, at, isKept ? 6 : 4);
				if (index === undefined) return undefined;
				const named = index.value === 0 ? stringAt(block, index.end) : undefined;
				const name = index.value === 0 ? named?.text : this.#table.at(index.value)?.name;
				const value = stringAt(block, named?.end ?? index.end);
				if (name === undefined || value === undefined) return undefined;
				if (!this.#overwriteValue(name, value)) return undefined;
				const field = { name, value: value.text };
				// Only the lengths matter, and the secrets have to be known.
				if (isKept) this.#table.add(field);
				fields.push(field);
				at = value.end;
			}
		}
		return fields;
	}

	/** False if there is a secret that cannot be overwritten. */
	#overwriteValue(name: string, { bytes, isCoded, text }: BlockString): boolean {
		const found = name === ':path' ? this.#finder.url(text) : this.#finder.header(name, text);
		const places = [...found, ...this.#known.secrets.placesIn(Buffer.from(text, 'latin1'))];
		if (places.length === 0) return true;
		const changed = Buffer.from(text, 'latin1');
		this.#known.replacements.overwrite(changed, text, places);
		if (!isCoded) {
			bytes.set(changed);
			return true;
		}
		const fitted = fittedText(changed.toString('latin1'), places, bytes.length);
		if (fitted === undefined) return false;
		bytes.set(huffmanCode(fitted));
		return true;
	}
}

/** The text whose Huffman code has this length: the ends of the replacements become other characters. */
function fittedText(text: string, places: readonly Place[], bytes: number): string | undefined {
	const [least, most] = [8 * bytes - 7, 8 * bytes];
	const secret = new Uint8Array(text.length);
	for (const { start, end } of places) secret.fill(1, start, end);
	const positions = [...secret.keys()].filter((at) => secret[at] === 1);
	const characters = [...text];
	const bitsOf = (at: number) => huffmanBits(text[at]!);
	const others = characters.reduce((sum, _, at) => (secret[at] === 1 ? sum : sum + bitsOf(at)), 0);
	let kept = positions.reduce((sum, at) => sum + bitsOf(at), 0);
	for (let count = positions.length; count >= 0; count--) {
		const rest = positions.length - count;
		const filler = fillerOf(rest, least - others - kept, most - others - kept);
		if (filler !== undefined) {
			for (let i = 0; i < rest; i++) characters[positions[count + i]!] = filler[i]!;
			return characters.join('');
		}
		if (count > 0) kept -= bitsOf(positions[count - 1]!);
	}
	return undefined;
}

/** An integer with a prefix of some bits (RFC 7541, section 5.1); undefined if it is cut or too large. */
function integer(block: Uint8Array, at: number, bits: number): { value: number; end: number } | undefined {
	const most = 2 ** bits - 1;
	let value = block[at]! & most;
	if (value < most) return { value, end: at + 1 };
	for (let next = at + 1, factor = 1; next < block.length && factor < 2 ** 28; next++, factor *= 128) {
		const byte = block[next]!;
		value += (byte & 127) * factor;
		if (byte < 128) return { value, end: next + 1 };
	}
	return undefined;
}

function stringAt(block: Uint8Array, at: number): BlockString | undefined {
	if (at >= block.length) return undefined;
	const isCoded = (block[at]! & HUFFMAN) !== 0;
	const length = integer(block, at, 7);
	if (length === undefined || length.end + length.value > block.length) return undefined;
	const end = length.end + length.value;
	const bytes = block.subarray(length.end, end);
	const text = isCoded ? huffmanText(bytes) : Buffer.from(bytes).toString('latin1');
	return text === undefined ? undefined : { bytes, isCoded, text, end };
}
