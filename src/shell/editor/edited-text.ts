// The edited text, with undo and a kill ring (Ctrl-Y).
import { EDITS, type EditName, insert } from './text-edits.ts';

type State = { readonly text: string; readonly cursor: number };

/** The object that holds the text and the cursor. */
export type TextHolder = { line: string; cursor: number };

const MAX_UNDO = 200;
const MAX_KILLED = 20;

export class EditedText {
	readonly #holder: TextHolder;
	readonly #undo: State[] = [];
	#redo: State[] = [];
	/** The kill ring: deleted texts, newest first. */
	readonly #killed: string[] = [];
	/**
	 * The kind of the last change. Consecutive changes of one kind are undone together, and consecutive deletions
	 * are pasted together.
	 */
	#last: EditName | 'insert' | 'yank' | undefined;
	/** What Ctrl-Y inserted last: its index in the kill ring, and its length. */
	#yanked = { index: 0, length: 0 };

	constructor(holder: TextHolder) {
		this.#holder = holder;
	}

	get text(): string {
		return this.#holder.line;
	}

	get cursor(): number {
		return this.#holder.cursor;
	}

	/** Replaces the text. This can be undone. */
	set(text: string, cursor = text.length): void {
		if (text !== this.text) this.#keep();
		this.#last = undefined;
		this.#put(text, cursor);
	}

	/** Starts a new text without undo history. */
	reset(text = '', cursor = text.length): void {
		this.#undo.length = 0;
		this.#redo = [];
		this.#last = undefined;
		this.#put(text, cursor);
	}

	insert(added: string): void {
		if (this.#last !== 'insert' || added.includes('\n')) this.#keep();
		this.#last = 'insert';
		const { text, cursor } = insert(this.text, this.cursor, added);
		this.#put(text, cursor);
	}

	edit(name: EditName): void {
		const { text, cursor } = this;
		const edited: ReturnType<(typeof EDITS)[EditName]> & { readonly killed?: string } = EDITS[name](text, cursor);
		if (edited.text !== text && name !== this.#last) this.#keep();
		if (edited.killed !== undefined && edited.killed !== '')
			this.#addKilled(edited.killed, edited.cursor < cursor, name);
		this.#last = name;
		this.#put(edited.text, edited.cursor);
	}

	/** Inserts the last deleted text. */
	yank(): void {
		this.#yank(0, 0);
	}

	/** Replaces what yank() inserted by the text deleted before it. */
	yankPop(): void {
		if (this.#last === 'yank') this.#yank((this.#yanked.index + 1) % this.#killed.length, this.#yanked.length);
	}

	undo(): void {
		this.#step(this.#undo, this.#redo);
	}

	redo(): void {
		this.#step(this.#redo, this.#undo);
	}

	#yank(index: number, replaced: number): void {
		const text = this.#killed[index];
		if (text === undefined) return;
		this.#keep();
		const start = this.cursor - replaced;
		this.#put(this.text.slice(0, start) + text + this.text.slice(this.cursor), start + text.length);
		this.#yanked = { index, length: text.length };
		this.#last = 'yank';
	}

	#addKilled(text: string, isLeft: boolean, name: EditName): void {
		if (name === this.#last) {
			const before = this.#killed.shift() ?? '';
			this.#killed.unshift(isLeft ? text + before : before + text);
		} else this.#killed.unshift(text);
		if (this.#killed.length > MAX_KILLED) this.#killed.pop();
	}

	#keep(): void {
		this.#redo = [];
		this.#undo.push({ text: this.text, cursor: this.cursor });
		if (this.#undo.length > MAX_UNDO) this.#undo.shift();
	}

	#step(from: State[], to: State[]): void {
		const state = from.pop();
		if (state === undefined) return;
		to.push({ text: this.text, cursor: this.cursor });
		this.#last = undefined;
		this.#put(state.text, state.cursor);
	}

	#put(text: string, cursor: number): void {
		this.#holder.line = text;
		this.#holder.cursor = cursor;
	}
}
