// Finds earlier entries of the history: step by step (Up, Down), by a part of their text (Ctrl-R), or as a suggestion,
// the newest entry that continues what is typed.

/** Entries, newest first. */
export type Entries = readonly string[];

/** Steps through the entries that begin with what was typed. */
export class HistoryWalk {
	readonly #entries: Entries;
	/** What was typed before the first step. Entries must begin with the part before the cursor. */
	readonly #typed: string;
	readonly #prefix: string;
	#index = -1;
	#current: string;

	constructor(entries: Entries, typed: string, prefix: string) {
		this.#entries = entries;
		this.#typed = typed;
		this.#prefix = prefix;
		this.#current = typed;
	}

	/** The next older entry; undefined if there is none. */
	older(): string | undefined {
		for (let at = this.#index + 1; at < this.#entries.length; at++) {
			const entry = this.#entries[at]!;
			if (entry.startsWith(this.#prefix) && entry !== this.#current) return this.#take(at, entry);
		}
		return undefined;
	}

	/** The next newer entry, and finally what was typed. Undefined if that is already shown. */
	newer(): string | undefined {
		for (let at = this.#index - 1; at >= 0; at--) {
			const entry = this.#entries[at]!;
			if (entry.startsWith(this.#prefix) && entry !== this.#current) return this.#take(at, entry);
		}
		return this.#index < 0 ? undefined : this.#take(-1, this.#typed);
	}

	#take(index: number, text: string): string {
		this.#index = index;
		this.#current = text;
		return text;
	}
}

/** The newest entry that begins with the typed text and is longer. */
export function suggestionFor(entries: Entries, text: string): string | undefined {
	if (text.trim() === '') return undefined;
	return entries.find((entry) => entry.length > text.length && entry.startsWith(text))?.slice(text.length);
}

/** A search for entries that contain a text. */
export class HistorySearch {
	readonly #entries: Entries;
	needle = '';
	/** Undefined if nothing was searched for yet or nothing was found. */
	found: string | undefined;
	isForward = false;
	#index = 0;

	constructor(entries: Entries) {
		this.#entries = entries;
	}

	/** Where the searched text is in the entry that was found. */
	get place(): number {
		return this.found === undefined ? -1 : placeOf(this.needle, this.found);
	}

	get hasFailed(): boolean {
		return this.needle !== '' && this.found === undefined;
	}

	/** Searches for another text, starting at the newest entry. */
	search(needle: string): void {
		this.needle = needle;
		this.#index = 0;
		this.found = undefined;
		if (needle !== '') this.#find(0, 1);
	}

	/** Finds the next match, older or newer. */
	next(isForward: boolean): void {
		this.isForward = isForward;
		if (this.needle === '' || this.found === undefined) return;
		const step = isForward ? -1 : 1;
		this.#find(this.#index + step, step);
	}

	#find(from: number, step: 1 | -1): void {
		for (let at = from; at >= 0 && at < this.#entries.length; at += step) {
			const entry = this.#entries[at]!;
			if (entry === this.found || placeOf(this.needle, entry) < 0) continue;
			this.#index = at;
			this.found = entry;
			return;
		}
	}
}

/** Lower-case letters also match capitals. */
function placeOf(needle: string, entry: string): number {
	return needle === needle.toLowerCase() ? entry.toLowerCase().indexOf(needle) : entry.indexOf(needle);
}
