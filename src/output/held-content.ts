// The bytes of a body that wait until it is known which of them are secret.
import { type BodyScanner, BYTES_TO_CHOOSE, type Extent } from './body-secrets.ts';
import type { Replacements, SoughtSecrets } from './overwriting.ts';
import { decideFirst, joined, type Piece, spread } from './pieces.ts';

/** What is known of a connection's secrets. */
export type Known = { readonly secrets: SoughtSecrets; readonly replacements: Replacements };

/** More of a body is not held. */
export const MOST_HELD = 1 << 20;

export class HeldContent {
	/** How many bytes wait. */
	bytes = 0;
	readonly #known: Known;
	/** Chooses the scanner by the first bytes. */
	readonly #choose: (beginning: Uint8Array) => BodyScanner;
	#pieces: Piece[] = [];
	#scanner: BodyScanner | undefined;
	/** Bytes of the body are missing before the first one that was taken. */
	#isAfterGap = false;

	constructor(known: Known, choose: (beginning: Uint8Array) => BodyScanner) {
		this.#known = known;
		this.#choose = choose;
	}

	take(piece: Piece): void {
		this.#pieces.push(piece);
		this.bytes += piece.bytes.length;
	}

	/** Overwrites the secrets in what is held, as far as `extent` says. False: the beginning is too short to tell. */
	settle(extent: Extent): boolean {
		const content = joined(this.#pieces);
		if (content.length === 0) return true;
		if (this.#scanner === undefined) {
			if (extent === 'soft' && content.length < BYTES_TO_CHOOSE) return false;
			const scanner = this.#choose(content.subarray(0, BYTES_TO_CHOOSE));
			this.#scanner = this.#isAfterGap ? scanner.afterGap() : scanner;
		}
		const text = content.toString('latin1');
		const { secrets, replacements } = this.#known;
		const { decided, places, bytes } = this.#scanner.scan(content, text, extent);
		if (bytes !== undefined) spread(bytes, this.#pieces);
		else {
			const all = [...places, ...secrets.placesIn(content.subarray(0, decided))];
			if (all.length > 0) {
				replacements.overwrite(content, text, all);
				spread(content, this.#pieces);
			}
		}
		this.#pieces = decideFirst(this.#pieces, decided);
		this.bytes -= decided;
		return true;
	}

	/** Bytes are missing here. Decides everything before. */
	gap(): void {
		this.settle('final');
		this.#scanner = this.#scanner?.afterGap();
		this.#isAfterGap = true;
	}
}
