// The interactive shell: reads statements and commands and runs them one after another.
import type { InvokingUser } from '../base/invoking-user.ts';
import { launch } from '../base/launch.ts';
import { limitOutput } from '../output/output-stream.ts';
import { forTerminal } from '../output/terminal-text.ts';
import { plainTheme } from '../output/theme.ts';
import { isCommandLine } from './command-names.ts';
import { runCommand, runStatement } from './commands/commands.ts';
import { type CompletionContext, complete, schemaOf } from './completion.ts';
import { createHighlighter } from './editor/highlight.ts';
import { errorText } from './error-text.ts';
import { editText } from './external-editor.ts';
import { HISTORY_ENTRIES, History } from './history.ts';
import { LineEditor } from './line-editor.ts';
import { explainedAsCommand } from './meant-command.ts';
import { promptText } from './prompt-text.ts';
import { listQueries } from './saved-queries.ts';
import type { ShellSession } from './shell-session.ts';
import { readTypedText, type TypedText } from './typed-text.ts';
import { whenTerminalIsOurs } from './user-program.ts';

/** A second Ctrl-C within this time is ignored. */
const CANCEL_PATIENCE_MS = 1000;

/** How often a waiting prompt checks for new loss. The kernel's counters are read at the same interval. */
const LOOK_MS = 250;

const STILL_OPEN =
	'the statement above is still open: ; ends it, Ctrl-C discards it; commands inside it begin with a dot\n';

/** When leaving, how long to wait for a terminal that accepts no output. */
const LEAVE_MS = 500;

/** A complete text, or a command inside an open statement, which continues with `rest`. */
type Entered = { readonly text: string; readonly typed: TypedText };

/** A prompt on the terminal. `print` works before the shell exists. */
export class Prompt {
	/** Resolves when the user leaves. */
	readonly left: Promise<void>;
	readonly #editor: LineEditor;
	readonly #history: History;
	/** Texts that wait for the running one to end. */
	readonly #ahead: Entered[] = [];
	/** Statements and commands, newest first. */
	readonly #entries: string[];
	#shell: ShellSession | undefined;
	#busy = true;
	#hasLeft = false;
	#interrupts = 0;
	/** When Ctrl-C was pressed while a statement ran. */
	#cancelledAt: number | undefined;

	constructor(historyFile: string, user: InvokingUser) {
		this.#history = new History(historyFile, user, (text) => this.print(`tinytap: ${forTerminal(text)}\n`));
		this.#entries = this.#history.read();
		let leave: () => void = () => undefined;
		this.left = new Promise((resolve) => {
			leave = resolve;
		});
		const theme = () => this.#shell?.screenTheme ?? plainTheme;
		const paint = createHighlighter(theme);
		this.#editor = new LineEditor({
			entries: this.#entries,
			theme,
			enter: (text) => this.#enter(text),
			// Keys may be typed before the shell exists.
			complete: (text, cursor) =>
				this.#shell === undefined
					? { start: cursor, items: [] }
					: complete(this.#completionContext(this.#shell), text, cursor),
			paint: (text, cursor) =>
				this.#shell?.settings.values.highlight === true
					? paint(text, cursor, schemaOf(this.#shell.threads.ownTables, this.#shell.threads.tables))
					: [],
			// Without colours, a suggestion could not be told from typed text.
			wantsSuggestions: () => this.#shell?.settings.values.suggestions === true && theme().suggestion(' ') !== ' ',
			interrupt: () => this.interrupt(),
			openEditor: () => {
				if (!this.#busy) this.#run(async () => void (await runCommand(this.#shell!, '\\e', false)));
			},
			// The progress line makes room for text typed ahead.
			onKey: () => this.#shell?.hideProgress(),
			onExit: () => {
				this.#hasLeft = true;
				leave();
			},
		});
	}

	/** Starts reading after `first`, which Ctrl-C can interrupt. */
	attach(shell: ShellSession, first: () => Promise<void>): void {
		this.#shell = shell;
		shell.editStatement = () => this.#edit(shell);
		setInterval(() => {
			if (!this.#busy && !this.#hasLeft) this.#editor.changePrompt(this.#promptText());
		}, LOOK_MS).unref();
		first()
			.catch((error: unknown) => this.print(errorText(error, shell.screenTheme)))
			.finally(() => this.#ready());
	}

	/** Whether the cursor's line is empty. */
	get isLineFree(): boolean {
		return this.#editor.text === '';
	}

	/** Removes typed text before a result is printed; the next prompt shows it again. */
	clearTyped(): void {
		this.#editor.clearTyped();
	}

	/** Prints whole lines above the prompt and the typed text. */
	print(text: string): void {
		whenTerminalIsOurs(() => {
			this.#shell?.hideProgress();
			this.#editor.print(text);
		});
	}

	/**
	 * Ctrl-C: cancels the running statement; otherwise clears the typed text; with nothing typed, ends the tail; without
	 * a tail, a second one leaves.
	 */
	interrupt(): void {
		if (this.#busy) {
			// The statement is still being cancelled. If that takes too long, the next Ctrl-C leaves the shell.
			if (this.#cancelledAt !== undefined) {
				if (performance.now() - this.#cancelledAt > CANCEL_PATIENCE_MS) this.close();
				return;
			}
			this.#cancelledAt = performance.now();
			this.#ahead.length = 0;
			this.#shell?.cancel();
			this.#shell?.sink.discard();
			return;
		}
		const { text } = this.#editor;
		if (text !== '') {
			this.#interrupts = 0;
			// An open statement of several lines took time to type, so Up brings it back (in this session only).
			if (text.includes('\n')) this.#remember(text, false);
			this.#editor.abandon();
			this.#prompt();
			return;
		}
		if (this.#shell?.stopTail() === true) {
			this.#interrupts = 0;
			this.print('tail is off\n');
			return;
		}
		if (this.#interrupts++ > 0) {
			this.close();
			return;
		}
		this.print('(to exit, press Ctrl-C again or Ctrl-D, or type .quit)\n');
	}

	/** Leaves and restores the terminal. */
	close(): void {
		this.#hasLeft = true;
		limitOutput({ idleMs: LEAVE_MS });
		this.#shell?.hideProgress();
		this.#editor.close();
	}

	#ready(): void {
		if (this.#hasLeft) return;
		this.#busy = false;
		this.#cancelledAt = undefined;
		const ahead = this.#ahead.shift();
		if (ahead === undefined) {
			this.#prompt();
			return;
		}
		// Show the text as if it had just been typed.
		this.#editor.echo(this.#promptText(), ahead.text);
		this.#runEntered(ahead);
	}

	#prompt(): void {
		this.#editor.ready(this.#promptText());
	}

	#promptText(): string {
		const { screenTheme: theme, hasNewLoss, isPaused, threads } = this.#shell!;
		const isRoot = launch?.mode === 'keep-root';
		return promptText({
			theme,
			isRoot,
			hasNewLoss,
			isPaused,
			holdsTls: threads.holdsTls,
			recording: threads.recording,
			store: threads.storeName,
		});
	}

	/** Enter: takes a complete text, or a command inside an open statement, which then continues. */
	#enter(text: string): { rest: string; run: () => void } | undefined {
		const typed = readTypedText(text);
		if (typed.isComplete) return { rest: '', run: () => this.#take({ text, typed }) };
		if (typed.commandAt === undefined) {
			const line = text.slice(text.lastIndexOf('\n') + 1);
			// Such as quit or help, which are commands only where a statement could begin.
			if (line !== text && isCommandLine(line, false)) this.print(STILL_OPEN);
			return undefined;
		}
		const command = text.slice(typed.commandAt);
		const before = text.slice(0, typed.commandAt).trimEnd();
		return { rest: `${before}\n`, run: () => this.#take({ text: command, typed: readTypedText(command) }) };
	}

	/** Runs a text, or queues it until the running one has ended. */
	#take(entered: Entered): void {
		for (const entry of entered.typed.entries) this.#remember(entry);
		if (this.#busy || this.#shell === undefined) this.#ahead.push(entered);
		else this.#runEntered(entered);
	}

	#runEntered({ typed }: Entered): void {
		this.#interrupts = 0;
		this.#run(() => this.#runSteps(typed));
	}

	/** Takes the next text only after `work` has ended. */
	#run(work: () => Promise<void>): void {
		this.#busy = true;
		this.#editor.busy();
		work()
			.catch((error: unknown) => this.print(errorText(error, this.#shell!.screenTheme)))
			.finally(() => this.#ready());
	}

	/** Opens the typed text, or the last statement, in the user's editor. The saved text becomes the typed text. */
	async #edit({ last, options }: ShellSession): Promise<void> {
		const typed = this.#editor.text.trim();
		const text = typed !== '' ? typed : last === undefined ? '' : `${last.sql};`;
		const edited = await editText(`${text}\n`, options.user);
		if (edited !== undefined) this.#editor.setText(edited.replace(/\r\n?/g, '\n').trimEnd());
	}

	/** Runs statements and commands until one fails. */
	async #runSteps({ steps }: TypedText): Promise<void> {
		const shell = this.#shell!;
		for (const step of steps) {
			if (this.#hasLeft) return;
			if (step.type === 'command') {
				if ((await runCommand(shell, step.text, false)) === 'quit') this.close();
				continue;
			}
			try {
				await runStatement(shell, step.sql, step.ending, false);
			} catch (error) {
				const names = () => ({
					queries: listQueries(shell.options.directories.queries).map(({ name }) => name),
					tables: [...schemaOf(shell.threads.ownTables, shell.threads.tables).tables.keys()],
				});
				const explained = explainedAsCommand(error, step.sql, names);
				this.print(errorText(explained, shell.screenTheme, step.sql));
				return;
			}
		}
	}

	#completionContext({ threads, options }: ShellSession): CompletionContext {
		const { ownTables, tables } = threads;
		const context = { ownTables, tables, queries: options.directories.queries, user: options.user };
		return this.#busy ? context : { ...context, values: (wanted) => threads.values(wanted) };
	}

	#remember(entry: string, isKept = true): void {
		if (entry.trim() === '') return;
		if (entry !== this.#entries[0]) this.#entries.unshift(entry);
		if (this.#entries.length > HISTORY_ENTRIES) this.#entries.pop();
		if (isKept) this.#history.append(entry);
	}
}
