// The interactive shell: a node:repl whose lines are statements and dot commands. Node's evaluation, preview, commands and
// Ctrl-C handling are replaced; its line editing, history and search stay.
import { clearScreenDown, cursorTo, moveCursor } from 'node:readline';
import { type REPLServer, Recoverable, type ReplOptions, start } from 'node:repl';
import type { InvokingUser } from '../invoking-user.ts';
import { isComplete, splitStatements } from '../sql/lexer.ts';
import { type Completed, complete } from './completion.ts';
import { runDotCommand } from './dot-commands.ts';
import { errorText } from './error-text.ts';
import { HISTORY_ENTRIES, History } from './history.ts';
import type { ShellSession } from './shell-session.ts';

/** A second Ctrl-C sooner than that is impatience. */
const CANCEL_PATIENCE_MS = 1000;

/** What people type in other shells. */
const BARE_WORDS: ReadonlyMap<string, string> = new Map([
	['help', '.help'],
	['?', '.help'],
	['\\?', '.help'],
	['exit', '.quit'],
	['quit', '.quit'],
	['\\q', '.quit'],
]);

/** What readline keeps but its types do not name. */
type ReadlineState = { history: string[]; prevRows: number };

type EvaluateCallback = (error: Error | null, result: unknown) => void;

/** A prompt on the terminal; `print` works before the shell exists. */
export class Prompt {
	/** Resolves when the person leaves. */
	readonly left: Promise<void>;
	readonly #repl: REPLServer & ReadlineState;
	readonly #evaluateLine: (line: string) => void;
	readonly #history: History;
	readonly #lines: string[] = [];
	#shell: ShellSession | undefined;
	#busy = true;
	/** Lines of a statement that is not complete yet. */
	#pending: string[] = [];
	#interrupts = 0;
	/** When Ctrl-C was pressed while a statement ran. */
	#cancelledAt: number | undefined;

	constructor(historyFile: string, user: InvokingUser) {
		this.#history = new History(historyFile, user, (text) => this.print(`tinytap: ${text}\n`));
		this.#repl = start({
			prompt: '',
			input: process.stdin,
			output: process.stdout,
			terminal: true,
			eval: (text: string, _context: unknown, _file: string, callback: EvaluateCallback) =>
				this.#evaluate(text, callback),
			writer: String,
			preview: false,
			ignoreUndefined: true,
			historySize: HISTORY_ENTRIES,
			completer: () => this.#complete(),
			// node:repl passes what readline knows on to it, though its types do not say so.
		} as ReplOptions) as REPLServer & ReadlineState;
		// Node runs a line that was typed ahead before the one before it has ended: lines wait here instead.
		this.#evaluateLine = this.#repl.listeners('line')[0] as (line: string) => void;
		this.#repl.removeAllListeners('line');
		this.#repl.on('line', (line: string) => {
			this.#lines.push(line);
			this.#next();
		});
		this.#repl.removeAllListeners('SIGINT');
		this.#repl.on('SIGINT', () => this.interrupt());
		// A long statement's line makes room for what is typed ahead.
		process.stdin.prependListener('keypress', () => this.#shell?.hideProgress());
		this.left = new Promise((resolve) => this.#repl.on('exit', () => resolve()));
		this.#repl.history = this.#history.read();
	}

	/** Begins to take lines. */
	attach(shell: ShellSession): void {
		this.#shell = shell;
		this.#ready();
	}

	/** Whether nothing is typed where the cursor stands. */
	get isLineFree(): boolean {
		return this.#repl.line === '';
	}

	/** Before a result is printed: what was typed meanwhile is taken off the line; the next prompt shows it again. */
	clearTyped(): void {
		const { output } = this.#repl;
		if (!this.#busy || this.#repl.line === '') return;
		cursorTo(output, 0);
		clearScreenDown(output);
		this.#repl.prevRows = 0;
	}

	/** Prints whole lines above the prompt and what is typed there. */
	print(text: string): void {
		const { output } = this.#repl;
		this.#shell?.hideProgress();
		if (this.#busy) {
			this.clearTyped();
			output.write(text);
			return;
		}
		const { rows } = this.#repl.getCursorPos();
		moveCursor(output, 0, -rows);
		cursorTo(output, 0);
		clearScreenDown(output);
		output.write(text);
		// readline would move up by the rows it drew before.
		this.#repl.prevRows = 0;
		this.#repl.prompt(true);
	}

	#complete(): Completed {
		const { line, cursor } = this.#repl;
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

	/** Ctrl-C: ends the running statement, else clears what is typed, else (twice) leaves. */
	interrupt(): void {
		if (this.#busy) {
			// The first one is still at work; only what does not end by it is left by another one.
			if (this.#cancelledAt !== undefined) {
				if (performance.now() - this.#cancelledAt > CANCEL_PATIENCE_MS) this.close();
				return;
			}
			this.#cancelledAt = performance.now();
			this.#lines.length = 0;
			this.#shell?.threads.cancel();
			return;
		}
		if (this.#repl.line !== '' || this.#pending.length > 0) {
			this.#interrupts = 0;
			this.#pending = [];
			this.#repl.clearBufferedCommand();
			this.#repl.output.write('^C\n');
			this.#repl.write(null, { ctrl: true, name: 'e' });
			this.#repl.write(null, { ctrl: true, name: 'u' });
			this.#prompt();
			return;
		}
		if (this.#interrupts++ > 0) {
			this.close();
			return;
		}
		this.print('(Ctrl-C again, Ctrl-D or .quit leaves)\n');
	}

	/** Leaves; the terminal is as it was. */
	close(): void {
		this.#shell?.hideProgress();
		this.#repl.close();
	}

	#ready(): void {
		this.#busy = false;
		this.#cancelledAt = undefined;
		this.#prompt();
		this.#next();
	}

	#prompt(): void {
		this.#repl.setPrompt(this.#promptText());
		this.#repl.displayPrompt();
	}

	#promptText(): string {
		const { theme, threads } = this.#shell!;
		const { lostEvents } = threads.status;
		const loss = lostEvents === 0 ? '' : ` ${theme.loss(`(${lostEvents} lost)`)}`;
		return `${theme.prompt('tinytap')}${loss}${theme.prompt('>')} `;
	}

	#next(): void {
		if (this.#busy || this.#shell === undefined) return;
		const line = this.#lines.shift();
		if (line === undefined) return;
		this.#interrupts = 0;
		const asked = this.#pending.length === 0 ? BARE_WORDS.get(line.trim().toLowerCase()) : undefined;
		if (asked !== undefined) {
			this.#lines.unshift(asked);
			this.#next();
			return;
		}
		if (this.#pending.length === 0 && line.trimStart().startsWith('.') && !/^\s*\.\d/.test(line)) {
			this.#busy = true;
			this.#remember([line]);
			this.#command(line).catch((error: unknown) => this.print(errorText(error, this.#shell!.theme)));
			return;
		}
		this.#evaluateLine(line);
	}

	async #command(line: string): Promise<void> {
		const shell = this.#shell!;
		try {
			if ((await runDotCommand(shell, line, false)) === 'quit') return this.close();
		} catch (error) {
			this.print(errorText(error, shell.theme));
		}
		this.#ready();
	}

	/** node:repl's eval: `text` is everything since the last statement. */
	#evaluate(text: string, callback: EvaluateCallback): void {
		const vertical = /\\G\s*$/.test(text);
		const sql = vertical ? text.replace(/\\G\s*$/, ';') : text;
		const lines = text.split('\n').slice(0, -1);
		if (!isComplete(sql)) {
			this.#pending = lines;
			callback(new Recoverable(new SyntaxError('incomplete')), undefined);
			this.#next();
			return;
		}
		this.#pending = [];
		this.#busy = true;
		this.#remember(lines);
		this.#statements(sql, vertical).finally(() => {
			this.#busy = false;
			this.#cancelledAt = undefined;
			this.#repl.setPrompt(this.#promptText());
			// Prints the prompt; the next line, if one was typed ahead, follows.
			callback(null, undefined);
			this.#next();
		});
	}

	async #statements(text: string, vertical: boolean): Promise<void> {
		const shell = this.#shell!;
		for (const { text: sql } of splitStatements(text)) {
			try {
				await shell.run(sql, vertical);
			} catch (error) {
				this.print(errorText(error, shell.theme, sql));
				return;
			}
		}
	}

	/** One history entry a statement: readline has made one a line. */
	#remember(lines: readonly string[]): void {
		const { history } = this.#repl;
		const typed = lines.filter((line) => line.trim() !== '');
		if (typed.length === 0) return;
		// A line comment would swallow what follows it on one line.
		const merged = typed.some((line) => line.includes('--')) ? undefined : typed.join(' ');
		if (merged !== undefined && typed.length > 1) {
			for (const line of [...typed].reverse()) if (history[0] === line) history.shift();
			if (history[0] !== merged) history.unshift(merged);
		}
		this.#history.append(merged === undefined ? typed : [merged]);
	}
}
