// The interactive shell: reads lines and runs their statements and commands one after the other.
import { clearScreenDown, cursorTo, moveCursor } from 'node:readline';
import type { InvokingUser } from '../base/invoking-user.ts';
import { launch } from '../base/launch.ts';
import { limitOutput } from '../output/output-stream.ts';
import { isComplete, splitStatements } from '../sql/sql-light.ts';
import { readLine } from './command-names.ts';
import { runCommand, runStatement } from './commands/commands.ts';
import { type Completed, complete } from './completion.ts';
import { errorText } from './error-text.ts';
import { HISTORY_ENTRIES, History } from './history.ts';
import { type LineEditor, openLineEditor } from './line-editor.ts';
import { promptText } from './prompt-text.ts';
import type { ShellSession } from './shell-session.ts';
import { whenTerminalIsOurs } from './user-program.ts';

/** A second Ctrl-C within this time is ignored. */
const CANCEL_PATIENCE_MS = 1000;

/** When leaving, how long output waits for a terminal that takes nothing. */
const LEAVE_MS = 500;

/** The prompt while a statement is incomplete. */
const CONTINUATION = '... ';

/** A prompt on the terminal; `print` works before the shell exists. */
export class Prompt {
	/** Resolves when the user leaves. */
	readonly left: Promise<void>;
	readonly #editor: LineEditor;
	readonly #history: History;
	/** Typed lines that wait for the one before them. */
	readonly #lines: string[] = [];
	/** Statements and commands, newest first. */
	readonly #entries: string[];
	#shell: ShellSession | undefined;
	#busy = true;
	#hasLeft = false;
	/** Lines of an incomplete statement. */
	readonly #pending: string[] = [];
	/** While a statement runs: whether the typed text is on the screen. */
	#isTypedShown = false;
	#interrupts = 0;
	/** When Ctrl-C was pressed while a statement ran. */
	#cancelledAt: number | undefined;

	constructor(historyFile: string, user: InvokingUser) {
		this.#history = new History(historyFile, user, (text) => this.print(`tinytap: ${text}\n`));
		this.#editor = openLineEditor({
			historySize: HISTORY_ENTRIES,
			complete: () => this.#complete(),
			// A line typed ahead waits for the one before it.
			onLine: (line) => {
				this.#lines.push(line);
				this.#next();
			},
			onInterrupt: () => this.interrupt(),
		});
		// The progress line makes room for text typed ahead.
		process.stdin.prependListener('keypress', () => {
			this.#shell?.hideProgress();
			this.#isTypedShown = true;
		});
		this.left = new Promise((resolve) =>
			this.#editor.on('exit', () => {
				this.#hasLeft = true;
				resolve();
			}),
		);
		this.#entries = this.#history.read();
		this.#editor.history = [...this.#entries];
	}

	/** Starts reading lines. */
	attach(shell: ShellSession): void {
		this.#shell = shell;
		this.#ready();
	}

	/** Whether the cursor's line is empty. */
	get isLineFree(): boolean {
		return this.#editor.line === '';
	}

	/** Removes typed text before a result is printed; the next prompt shows it again. */
	clearTyped(): void {
		const { output } = this.#editor;
		if (!this.#busy || this.#editor.line === '' || !this.#isTypedShown) return;
		this.#isTypedShown = false;
		moveCursor(output, 0, -this.#editor.prevRows);
		cursorTo(output, 0);
		clearScreenDown(output);
		this.#editor.prevRows = 0;
	}

	/** Prints whole lines above the prompt and the typed text. */
	print(text: string): void {
		whenTerminalIsOurs(() => this.#print(text));
	}

	#print(text: string): void {
		const { output } = this.#editor;
		this.#shell?.hideProgress();
		if (this.#busy) {
			this.clearTyped();
			output.write(text);
			return;
		}
		const { rows } = this.#editor.getCursorPos();
		moveCursor(output, 0, -rows);
		cursorTo(output, 0);
		clearScreenDown(output);
		output.write(text);
		// readline would move up by the rows it drew before.
		this.#editor.prevRows = 0;
		this.#editor.prompt(true);
	}

	#complete(): Completed {
		const { line, cursor } = this.#editor;
		const shell = this.#shell;
		if (shell === undefined) return [[], line];
		return complete({
			pending: this.#pending,
			line,
			cursor,
			ownTables: shell.threads.ownTables,
			queries: shell.options.directories.queries,
		});
	}

	/** Ctrl-C: cancels the running statement, else clears the typed text, else (pressed twice) leaves. */
	interrupt(): void {
		if (this.#busy) {
			// The statement is still being cancelled. If that takes too long, the next Ctrl-C leaves the shell.
			if (this.#cancelledAt !== undefined) {
				if (performance.now() - this.#cancelledAt > CANCEL_PATIENCE_MS) this.close();
				return;
			}
			this.#cancelledAt = performance.now();
			this.#lines.length = 0;
			this.#shell?.cancel();
			this.#shell?.sink.discard();

			return;
		}
		if (this.#editor.line !== '' || this.#pending.length > 0) {
			this.#interrupts = 0;
			const abandoned = this.#pending.splice(0).join('\n');
			this.#remember(abandoned, false);
			this.#editor.write(null, { ctrl: true, name: 'e' });
			this.#editor.output.write('^C\n');
			this.#editor.write(null, { ctrl: true, name: 'u' });
			this.#prompt();
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
		const ahead = this.#lines[0];
		if (ahead !== undefined) {
			// Shows the line as if it had been typed now.
			this.clearTyped();
			this.#editor.output.write(`${this.#promptText()}${ahead}\n`);
		}
		this.#busy = false;
		this.#cancelledAt = undefined;
		if (ahead === undefined) this.#prompt();
		this.#next();
	}

	#prompt(): void {
		this.#editor.setPrompt(this.#promptText());
		// Keeps text that was typed in the meantime, and the cursor position.
		this.#editor.prompt(true);
	}

	#promptText(): string {
		if (this.#pending.length > 0) return CONTINUATION;
		const { screenTheme: theme, hasNewLoss, isPaused, threads } = this.#shell!;
		const isRoot = launch?.mode === 'keep-root';
		return promptText({ theme, isRoot, hasNewLoss, isPaused, recording: threads.recording });
	}

	#next(): void {
		if (this.#busy || this.#shell === undefined) return;
		const line = this.#lines.shift();
		if (line === undefined) return;
		this.#interrupts = 0;
		const isFirst = this.#pending.length === 0;
		const open = this.#pending.join('\n');
		const { sql, command, ends } = readLine(open, line);
		if (command !== undefined && !ends) {
			this.#busy = true;
			this.#remember(line);
			// An open statement stays open, as does one that begins before the command.
			if (sql !== '') this.#pending.push(sql);
			this.#run(() => this.#command(command));
			return;
		}
		const text = isFirst ? sql : `${open}\n${sql}`;
		if (!ends && !isComplete(text)) {
			this.#pending.push(line);
			this.#ready();
			return;
		}
		this.#busy = true;
		this.#pending.length = 0;
		this.#remember(isFirst ? line : `${open}\n${line}`);
		this.#run(() => this.#statements(text, command));
	}

	/** Handles the next line only after `work` has ended. */
	#run(work: () => Promise<void>): void {
		work()
			.catch((error: unknown) => this.print(errorText(error, this.#shell!.screenTheme)))
			.finally(() => this.#ready());
	}

	/** Runs a command; an open statement stays open. */
	async #command(line: string): Promise<void> {
		if ((await runCommand(this.#shell!, line, false)) === 'quit') this.close();
	}

	/** Runs statements. `ending` is the command that ends the last one; undefined for a `;`. */
	async #statements(text: string, ending: string | undefined): Promise<void> {
		const shell = this.#shell!;
		const statements = splitStatements(text).map((statement) => statement.text);
		if (statements.length === 0 && ending !== undefined) await this.#command(ending);
		for (const [index, sql] of statements.entries()) {
			try {
				await runStatement(shell, sql, index === statements.length - 1 ? ending : undefined, false);
			} catch (error) {
				this.print(errorText(error, shell.screenTheme, sql));
				return;
			}
		}
	}

	/** Adds an entry. readline adds each typed line itself, so its list is replaced: one entry for each statement. */
	#remember(entry: string, isKept = true): void {
		if (entry.trim() === '') return;
		if (entry !== this.#entries[0]) this.#entries.unshift(entry);
		if (this.#entries.length > HISTORY_ENTRIES) this.#entries.pop();
		const open = [...this.#pending, ...this.#lines].filter((line) => line.trim() !== '');
		this.#editor.history = [...open.reverse(), ...this.#entries];
		if (isKept) this.#history.append(entry);
	}
}
