// The line editor of the prompt. node:repl reads the keys and holds the text and the cursor; this file decides what a
// key does and how the text looks. It evaluates nothing, and none of node:repl's commands exist.
import { emitKeypressEvents, type Interface } from 'node:readline';
import { type REPLServer, type ReplOptions, start } from 'node:repl';
import { Writable } from 'node:stream';
import { standardOutput } from '../output/output-stream.ts';
import type { Theme } from '../output/theme.ts';
import { Completing, type Completions } from './editor/completing.ts';
import { type Area, DrawnArea, type Picture } from './editor/drawn-area.ts';
import { DumbArea } from './editor/dumb-area.ts';
import { EditedText } from './editor/edited-text.ts';
import { HistorySearch, HistoryWalk, suggestionFor } from './editor/history-walk.ts';
import { type Key, type KeyMeaning, meaningOf } from './editor/keys.ts';
import { pictureOf, type Span } from './editor/picture.ts';
import { searchPicture } from './editor/search-view.ts';
import { type EditName, isOnFirstLine, isOnLastLine, lineStart } from './editor/text-edits.ts';
import { markPastes, restoreOnSignals } from './raw-terminal.ts';
import { lendTerminal, useTerminal } from './user-program.ts';

/** State of readline that its types do not declare. */
type ReadlineState = {
	line: string;
	cursor: number;
	_refreshLine(): void;
	_ttyWrite(text: string | undefined, key: Key): void;
};

export type LineEditorParts = {
	/** Entries of the history, newest first. */
	readonly entries: readonly string[];
	/** The current colours. */
	readonly theme: () => Theme;
	/**
	 * Enter was pressed. Undefined means that the text is incomplete and continues in another line. Otherwise `rest`
	 * stays in the editor, and `run` is called once the cursor is below the text.
	 */
	readonly enter: (text: string) => { readonly rest: string; readonly run: () => void } | undefined;
	readonly complete: (text: string, cursor: number) => Completions;
	/** Colours for the text. */
	readonly paint: (text: string, cursor: number) => readonly Span[];
	readonly wantsSuggestions: () => boolean;
	readonly interrupt: () => void;
	/** Opens the text in an external editor (Ctrl-X Ctrl-E). */
	readonly openEditor: () => void;
	/** Called before each key. */
	readonly onKey: () => void;
	readonly onExit: () => void;
};

/** The prompt of a statement's second and further lines. */
const CONTINUATION = '... ';

/** After this time, Escape counts as a key of its own rather than as the start of a sequence. */
const ESCAPE_MS = 100;

/** Longer texts get no colours and no suggestions. */
const LONG_TEXT = 10_000;

export class LineEditor {
	readonly #parts: LineEditorParts;
	readonly #repl: REPLServer & ReadlineState;
	readonly #area: Area = standardOutput().canRedraw ? new DrawnArea(standardOutput()) : new DumbArea(standardOutput());
	readonly #edited: EditedText;
	readonly #completing: Completing;
	#prompt = '';
	/** A statement is running. From the next key on, the text is shown without a prompt. */
	#isBusy = true;
	#isTypedShown = false;
	/** Another program has the terminal. */
	#isLent = false;
	#isClosed = false;
	#isDrawingDue = false;
	/** node:readline sets `isCompletionEnabled` to false while more characters of the same chunk follow. */
	readonly #chunkState = { escapeCodeTimeout: ESCAPE_MS, isCompletionEnabled: true };
	/** Characters of one chunk; they are inserted together. */
	#chunk = '';
	/** Tabs that followed these characters in the chunk. */
	#tabs = 0;
	/** Characters between the marks of a paste. */
	#paste: string[] | undefined;
	#walk: HistoryWalk | undefined;
	#search: HistorySearch | undefined;
	/** Ctrl-X was pressed, the first key of a chord. */
	#isChord = false;

	constructor(parts: LineEditorParts) {
		this.#parts = parts;
		restoreOnSignals();
		// Called before node:repl calls it, in order to set a longer timeout after Escape.
		emitKeypressEvents(process.stdin, this.#chunkState as unknown as Interface);
		const repl = start({
			prompt: '',
			input: process.stdin,
			// Discard what readline draws.
			output: new Writable({ write: (_chunk, _encoding, done) => done() }),
			terminal: true,
			preview: false,
			// node:repl passes this option to readline, although its types do not declare it. tinytap keeps its own
			// history.
			historySize: 0,
		} as ReplOptions) as REPLServer & ReadlineState;
		for (const name of Object.keys(repl.commands)) delete (repl.commands as Record<string, unknown>)[name];
		repl.removeAllListeners('line');
		repl.removeAllListeners('SIGINT');
		repl._refreshLine = () => undefined;
		repl._ttyWrite = (text, key) => this.#key(text, key ?? {});
		repl.on('exit', () => {
			this.#isClosed = true;
			useTerminal(undefined);
			markPastes(false);
			parts.onExit();
		});
		this.#repl = repl;
		this.#edited = new EditedText(repl);
		this.#completing = new Completing(this.#edited, parts.complete, () => this.#invalidate());
		standardOutput().on('resize', () => {
			if (!this.#isLent) this.#area.resized(this.#isShown ? this.#picture() : undefined);
		});
		markPastes(true);
		useTerminal({ leave: () => this.#leaveTerminal(), takeBack: () => this.#takeTerminal() });
	}

	get text(): string {
		this.#insertChunk();
		return this.#edited.text;
	}

	/** Replaces the text. */
	setText(text: string): void {
		this.#insertChunk();
		this.#edited.reset(text);
		this.#endModes();
		this.#invalidate();
	}

	/** Shows the prompt for the next statement, together with any text typed in the meantime. */
	ready(prompt: string): void {
		this.#prompt = prompt;
		this.#isBusy = false;
		this.#draw();
	}

	/** Changes the prompt while text is being typed. Draws nothing if it is the same. */
	changePrompt(prompt: string): void {
		// A terminal that cannot erase shows the change at the next prompt.
		if (this.#isBusy || prompt === this.#prompt || !standardOutput().canRedraw) return;
		this.#prompt = prompt;
		this.#invalidate();
	}

	/** Called when a statement starts. */
	busy(): void {
		this.#isBusy = true;
		this.#isTypedShown = false;
	}

	/** Shows a text as if it had just been typed at `prompt`, and leaves it on the screen. */
	echo(prompt: string, text: string): void {
		this.clearTyped();
		this.#area.draw(this.#textPicture(text, text.length, prompt));
		this.#area.leave();
	}

	/** Hides text typed while a statement runs, until the next key. */
	clearTyped(): void {
		if (!this.#isBusy || !this.#isTypedShown) return;
		this.#isTypedShown = false;
		this.#area.clear();
	}

	/** Prints whole lines above the prompt and the typed text. */
	print(text: string): void {
		this.#isTypedShown = false;
		this.#area.printAbove(text, this.#isBusy || this.#isClosed ? undefined : this.#picture());
	}

	/** Discards the text, which stays on the screen with `^C` after it. */
	abandon(): void {
		this.#insertChunk();
		this.#endModes();
		const { text } = this.#edited;
		this.#area.draw(this.#textPicture(text, text.length, this.#prompt));
		this.#area.leave('^C');
		this.#edited.reset();
	}

	close(): void {
		if (this.#isClosed) return;
		if (this.#area.isShown) this.#area.leave();
		this.#repl.close();
	}

	get #isShown(): boolean {
		return !this.#isLent && !this.#isClosed && (!this.#isBusy || this.#isTypedShown);
	}

	/** Called before another program uses the terminal. */
	#leaveTerminal(): void {
		this.#area.clear();
		this.#isLent = true;
		markPastes(false);
	}

	#takeTerminal(): void {
		this.#isLent = false;
		if (this.#isClosed) return;
		markPastes(true);
		this.#area.forget();
		this.#invalidate();
	}

	#key(text: string | undefined, key: Key): void {
		if (this.#paste !== undefined) {
			if (key.name === 'paste-end') this.#endPaste();
			else this.#paste.push(text ?? key.sequence ?? '');
			return;
		}
		if (key.name === 'paste-start') {
			this.#insertChunk();
			this.#paste = [];
			return;
		}
		const keys = key.name === undefined ? escapeAndControl(key.sequence) : undefined;
		if (keys !== undefined) {
			for (const each of keys) this.#key(each.sequence, each);
			return;
		}
		this.#parts.onKey();
		this.#isTypedShown = this.#isBusy;
		this.#invalidate();
		const meaning = this.#isChord ? chordMeaning(key) : meaningOf(text, key);
		this.#isChord = false;
		if (meaning === 'complete' && !this.#chunkState.isCompletionEnabled) {
			this.#tabs++;
			return;
		}
		const isText = meaning === undefined;
		const isLineEnd = meaning === 'accept' && this.#endsNothing();
		if (!isText) this.#takeTabs();
		if ((isText || isLineEnd) && this.#search === undefined) {
			this.#completing.end();
			this.#walk = undefined;
			this.#chunk += '\t'.repeat(this.#tabs) + (isLineEnd ? '\n' : text);
			this.#tabs = 0;
			if (this.#chunkState.isCompletionEnabled) this.#insertChunk();
			return;
		}
		this.#insertChunk();
		if (this.#search !== undefined && this.#searchKey(this.#search, text, meaning)) return;
		if (meaning === undefined || this.#completing.key(meaning)) return;
		if (meaning !== 'complete') this.#completing.end();
		this.#act(meaning);
	}

	#act(meaning: KeyMeaning): void {
		const edited = this.#edited;
		switch (meaning) {
			case 'accept':
				this.#enter();
				return;
			case 'newline':
				edited.insert('\n');
				this.#walk = undefined;
				return;
			case 'interrupt':
				this.#parts.interrupt();
				return;
			case 'endOfInput':
				if (edited.text === '') this.close();
				else edited.edit('deleteRight');
				return;
			case 'clearScreen':
				this.#area.clearScreen(this.#picture());
				return;
			case 'suspend':
				this.#suspend();
				return;
			case 'up':
			case 'previous':
				if (meaning === 'up' && this.#walk === undefined && !isOnFirstLine(edited.text, edited.cursor))
					edited.edit('up');
				else this.#step('older');
				return;
			case 'down':
			case 'next':
				if (meaning === 'down' && !isOnLastLine(edited.text, edited.cursor)) edited.edit('down');
				else this.#step('newer');
				return;
			case 'search':
			case 'searchForward':
				this.#search = new HistorySearch(this.#parts.entries);
				return;
			case 'yank':
			case 'yankPop':
			case 'undo':
			case 'redo':
				this.#walk = undefined;
				edited[meaning]();
				return;
			case 'complete':
				this.#completing.start();
				return;
			case 'chord':
				this.#isChord = true;
				return;
			case 'editor':
				this.#area.clear();
				this.#parts.openEditor();
				return;
			case 'completeBack':
			case 'escape':
			case 'abort':
			case 'ignore':
				return;
			default:
				this.#edit(meaning);
		}
	}

	#edit(name: EditName): void {
		const suggestion = name === 'right' || name === 'end' ? this.#suggestion() : undefined;
		if (suggestion !== undefined) this.#edited.set(this.#edited.text + suggestion);
		else this.#edited.edit(name);
		this.#walk = undefined;
	}

	/** Shows an older or newer entry. The cursor is placed on the line from which the next step continues. */
	#step(direction: 'older' | 'newer'): void {
		const { text, cursor } = this.#edited;
		this.#walk ??= new HistoryWalk(this.#parts.entries, text, text.slice(0, cursor));
		const entry = this.#walk[direction]();
		if (entry === undefined) return;
		const firstEnd = entry.indexOf('\n');
		this.#edited.set(entry, direction === 'older' && firstEnd >= 0 ? firstEnd : entry.length);
	}

	#enter(): void {
		const { text } = this.#edited;
		const entered = this.#parts.enter(text);
		if (entered === undefined) {
			this.#edited.insert('\n');
			this.#walk = undefined;
			return;
		}
		this.#isDrawingDue = false;
		this.#area.draw(this.#textPicture(text, text.length, this.#isBusy ? '' : this.#prompt));
		this.#area.leave();
		this.#isTypedShown = false;
		this.#endModes();
		this.#edited.reset(entered.rest);
		entered.run();
	}

	/**
	 * Whether Enter in the middle of a pasted long text certainly ends no statement. Reading the whole text after
	 * each of its lines would take too long.
	 */
	#endsNothing(): boolean {
		if (this.#chunkState.isCompletionEnabled || this.#edited.text.length < LONG_TEXT) return false;
		const { text } = this.#edited;
		const start = this.#chunk.lastIndexOf('\n') + 1;
		const before = start > 0 ? '' : text.slice(lineStart(text, text.length));
		return !/[;\\]|\*\/|^\s*\./.test(before + this.#chunk.slice(start));
	}

	/**
	 * Handles a key during a history search. Returns false if the key ended the search and still has to do its
	 * usual work.
	 */
	#searchKey(search: HistorySearch, text: string | undefined, meaning: KeyMeaning | undefined): boolean {
		switch (meaning) {
			case undefined:
				search.search(search.needle + (text ?? ''));
				return true;
			case 'deleteLeft':
				search.search(search.needle.slice(0, -1));
				return true;
			case 'search':
			case 'searchForward':
				search.next(meaning === 'searchForward');
				return true;
			case 'interrupt':
			case 'abort':
				this.#search = undefined;
				return true;
			case 'ignore':
				return true;
			default:
				this.#search = undefined;
				if (search.found !== undefined) this.#edited.set(search.found);
				return meaning === 'escape' || meaning === 'complete';
		}
	}

	#endPaste(): void {
		const text = this.#paste!.join('').replace(/\r\n?/g, '\n');
		this.#paste = undefined;
		this.#parts.onKey();
		this.#isTypedShown = this.#isBusy;
		this.#invalidate();
		if (this.#search !== undefined) {
			this.#search.search(this.#search.needle + text.replaceAll('\n', ' '));
			return;
		}
		this.#completing.end();
		this.#walk = undefined;
		if (text !== '') this.#edited.insert(text);
	}

	/** Tabs at the end of a chunk are keys; Tabs followed by text were pasted. */
	#takeTabs(): void {
		for (; this.#tabs > 0; this.#tabs--) {
			this.#insertChunk();
			if (!this.#completing.key('complete')) this.#completing.start();
		}
	}

	#insertChunk(): void {
		if (this.#chunk === '') return;
		this.#edited.insert(this.#chunk);
		this.#chunk = '';
	}

	#endModes(): void {
		this.#search = undefined;
		this.#walk = undefined;
		this.#completing.end();
	}

	#suspend(): void {
		this.#area.leave();
		const takeBack = lendTerminal();
		process.once('SIGCONT', takeBack);
		process.kill(process.pid, 'SIGTSTP');
	}

	/** Draws once, after all keys that are already available have been handled. */
	#invalidate(): void {
		if (this.#isDrawingDue) return;
		this.#isDrawingDue = true;
		queueMicrotask(() => {
			if (this.#isDrawingDue) this.#draw();
		});
	}

	#draw(): void {
		this.#isDrawingDue = false;
		this.#takeTabs();
		if (!this.#isShown) return;
		this.#insertChunk();
		this.#area.draw(this.#picture());
	}

	#suggestion(): string | undefined {
		const { text, cursor } = this.#edited;
		const isAtEnd = cursor === text.length && text.length < LONG_TEXT;
		if (!isAtEnd || this.#isBusy || !this.#parts.wantsSuggestions()) return undefined;
		return suggestionFor(this.#parts.entries, text);
	}

	#picture(): Picture {
		this.#insertChunk();
		const { text, cursor } = this.#edited;
		const prompt = this.#isBusy ? '' : this.#prompt;
		const { columns, rows } = this.#area;
		if (this.#search !== undefined) return searchPicture(this.#search, prompt, text, columns, this.#parts.theme());
		const menu = this.#completing.menu({ columns, rows: Math.min(10, Math.floor(rows / 2)) }, this.#parts.theme());
		const suggestion = menu.length > 0 ? undefined : this.#suggestion();
		const picture = this.#textPicture(text, cursor, prompt, rows - menu.length, suggestion);
		return menu.length === 0 ? picture : { ...picture, rows: [...picture.rows, ...menu] };
	}

	#textPicture(
		text: string,
		cursor: number,
		prompt: string,
		rows = this.#area.rows,
		suggestion: string | undefined = undefined,
	): Picture {
		const spans = text.length < LONG_TEXT ? this.#parts.paint(text, cursor) : [];
		const { columns } = this.#area;
		const { suggestion: paintSuggestion } = this.#parts.theme();
		const view = { text, cursor, prompt, continuation: CONTINUATION, spans, paintSuggestion };
		return pictureOf(suggestion === undefined ? view : { ...view, suggestion }, columns, rows);
	}
}

/** Escape and a control key that arrived together, for which node:readline has no name. */
function escapeAndControl(sequence = ''): Key[] | undefined {
	const code = /^\x1b[\x01-\x1a]$/.test(sequence) ? sequence.charCodeAt(1) : undefined;
	if (code === undefined) return undefined;
	const name = String.fromCharCode(code + 0x60);
	return [
		{ name: 'escape', sequence: '\x1b' },
		{ name, ctrl: true, sequence: sequence.slice(1) },
	];
}

function chordMeaning({ name, ctrl }: Key): KeyMeaning {
	return ctrl === true && name === 'e' ? 'editor' : 'ignore';
}
