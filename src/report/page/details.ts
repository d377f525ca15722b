// Finds the details of an exchange in the page. They are in parts, which are parsed when they are needed, because
// parsing all of them at the start would take seconds.
import { DETAILS_ID, type Detail, type DetailsPart } from '../report-data.ts';

export type FoundDetail = { readonly detail: Detail; readonly strings: readonly string[] };

const PARTS_KEPT = 8;

export class Details {
	readonly #perPart: number;
	readonly #parts = new Map<number, DetailsPart>();

	constructor(perPart: number) {
		this.#perPart = perPart;
	}

	/** Undefined if the page ends before them, because the file was cut. */
	async of(row: number): Promise<FoundDetail | undefined> {
		const number = Math.floor(row / this.#perPart);
		const part = this.#parts.get(number) ?? (await this.#read(number));
		const detail = part?.exchanges[row % this.#perPart];
		return detail === undefined ? undefined : { detail, strings: part!.strings };
	}

	async #read(number: number): Promise<DetailsPart | undefined> {
		const id = DETAILS_ID + number;
		// The element may be there although its end is not.
		const isWhole = () => document.getElementById(id)?.nextSibling !== null && document.getElementById(id) !== null;
		if (!isWhole() && document.readyState === 'loading')
			await new Promise((done) => document.addEventListener('DOMContentLoaded', done, { once: true }));
		const text = document.getElementById(id)?.textContent;
		if (text === undefined || text === null) return undefined;
		const part = JSON.parse(text) as DetailsPart;
		this.#parts.set(number, part);
		if (this.#parts.size > PARTS_KEPT) this.#parts.delete(this.#parts.keys().next().value!);
		return part;
	}
}
