// Tab: inserts what all completions have in common, then lists them, then goes through the list.
import type { Theme } from '../../output/theme.ts';
import type { DrawnRow } from './drawn-area.ts';
import type { EditedText } from './edited-text.ts';
import type { KeyMeaning } from './keys.ts';
import { commonBeginning, type MenuItem, type MenuSize, menuRows } from './menu.ts';

export type Completions = {
	/** Offset of the text that they replace, up to the cursor. */
	readonly start: number;
	readonly items: readonly MenuItem[];
	/** Better ones, which have to be asked for. */
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
	/** The completions of the last Tab, which inserted nothing: another Tab lists them. */
	#offered: State | undefined;
	#open: State | undefined;
	/** What is asked for; undefined if the answer is no longer wanted. */
	#asked: { isListed: boolean } | undefined;

	constructor(edited: EditedText, complete: (text: string, cursor: number) => Completions, redraw: () => void) {
		this.#edited = edited;
		this.#complete = complete;
		this.#redraw = redraw;
	}

	/** Tab without a menu. */
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
				// A key was pressed meanwhile.
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

	/** A key while the menu is open; false if the key ends it and then does what it always does. */
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

	/** Closes the menu and forgets what Tab has offered. */
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
		// The quote at the end of one value may be half of one inside another.
		const common = items.length > 1 && beginning.length > 1 ? beginning.replace(/'+$/, '') : beginning;
		if (items.length === 1 || common.length > typed.length) this.#insert({ text, cursor, start }, common);
		if (items.length > 1) {
			const now = this.#edited;
			this.#offered = { text: now.text, cursor: now.cursor, start, items, selected: -1 };
		}
	}

	#insert({ text, cursor, start }: { text: string; cursor: number; start: number }, added: string): void {
		// The closing quote of a value may be there already.
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
