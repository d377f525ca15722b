// Handles Tab: inserts what all completions have in common, then lists them, then cycles through the list.
import type { Theme } from '../../output/theme.ts';
import type { DrawnRow } from './drawn-area.ts';
import type { EditedText } from './edited-text.ts';
import type { KeyMeaning } from './keys.ts';
import { commonBeginning, type MenuItem, type MenuSize, menuRows } from './menu.ts';

export type Completions = {
	/** Start of the text that the completions replace; it ends at the cursor. */
	readonly start: number;
	readonly items: readonly MenuItem[];
	/** Better completions that another thread has to look up. */
	readonly later?: Promise<readonly MenuItem[]>;
};

type State = {
	readonly text: string;
	readonly cursor: number;
	readonly start: number;
	readonly items: readonly MenuItem[];
	selected: number;
};

export class Completing {
	readonly #edited: EditedText;
	readonly #complete: (text: string, cursor: number) => Completions;
	readonly #redraw: () => void;
	/** What the last Tab offered without inserting anything: the next Tab lists it. */
	#offered: State | undefined;
	#open: State | undefined;
	/** The pending request; undefined once its answer is no longer wanted. */
	#asked: { isListed: boolean } | undefined;

	constructor(edited: EditedText, complete: (text: string, cursor: number) => Completions, redraw: () => void) {
		this.#edited = edited;
		this.#complete = complete;
		this.#redraw = redraw;
	}

	/** Handles Tab while no menu is open. */
	start(): void {
		if (this.#asked !== undefined) {
			this.#asked.isListed = true;
			return;
		}
		const offered = this.#offered;
		if (offered !== undefined) {
			this.#list();
			return;
		}
		const { text, cursor } = this.#edited;
		const { start, items, later } = this.#complete(text, cursor);
		if (later === undefined) {
			this.#take(start, items);
			return;
		}
		const asked = { isListed: false };
		this.#asked = asked;
		later
			.then((more) => {
				// A key was pressed in the meantime.
				if (this.#asked !== asked) return;
				this.#asked = undefined;
				this.#take(start, more.length > 0 ? more : items);
				if (asked.isListed) this.#list();
				this.#redraw();
			})
			// No completions.
			.catch(() => {
				if (this.#asked === asked) this.#asked = undefined;
			});
	}

	/**
	 * Handles a key while the menu is open. Returns false if the key closed the menu and still has to do its usual
	 * work.
	 */
	key(meaning: KeyMeaning): boolean {
		if (meaning === 'complete' && this.#open === undefined) return false;
		const open = this.#open;
		if (open === undefined) return false;
		switch (meaning) {
			case 'complete':
			case 'down':
				this.#select(open, open.selected + 1);
				return true;
			case 'completeBack':
			case 'up':
				this.#select(open, open.selected < 0 ? open.items.length - 1 : open.selected - 1);
				return true;
			case 'accept': {
				const isChosen = open.selected >= 0;
				this.end();
				return isChosen;
			}
			case 'escape':
			case 'abort':
				this.#edited.set(open.text, open.cursor);
				this.end();
				return true;
			default:
				return false;
		}
	}

	/** Closes the menu and forgets what Tab offered. */
	end(): void {
		this.#open = undefined;
		this.#offered = undefined;
		this.#asked = undefined;
	}

	menu(size: MenuSize, theme: Theme): DrawnRow[] {
		return this.#open === undefined ? [] : menuRows(this.#open.items, this.#open.selected, size, theme);
	}

	#list(): void {
		this.#open = this.#offered;
		this.#offered = undefined;
	}

	#take(start: number, items: readonly MenuItem[]): void {
		if (items.length === 0) return;
		const { text, cursor } = this.#edited;
		const typed = text.slice(start, cursor);
		const beginning = commonBeginning(items.map((item) => item.text));
		// A closing quote shared by two values may be half of an escaped quote in a longer one.
		const common = items.length > 1 && beginning.length > 1 ? beginning.replace(/'+$/, '') : beginning;
		if (items.length === 1 || common.length > typed.length) this.#insert({ text, cursor, start }, common);
		if (items.length > 1) {
			const now = this.#edited;
			this.#offered = { text: now.text, cursor: now.cursor, start, items, selected: -1 };
		}
	}

	#insert({ text, cursor, start }: { text: string; cursor: number; start: number }, added: string): void {
		// The closing quote of a value may already be there.
		const after = added.endsWith("'") && text[cursor] === "'" ? cursor + 1 : cursor;
		this.#edited.set(text.slice(0, start) + added + text.slice(after), start + added.length);
	}

	#select(open: State, index: number): void {
		open.selected = index >= open.items.length || index < -1 ? -1 : index;
		const item = open.items[open.selected];
		if (item === undefined) this.#edited.set(open.text, open.cursor);
		else this.#insert(open, item.text);
	}
}
