// Splits typed or pasted text into statements and commands, and tells whether it is complete. Reads the text only once,
// however long it is.
import { type Token, tokensFrom } from '../sql/sql-light.ts';
import { endsStatement, isCommandLine } from './command-names.ts';
import { beginsNoStatement } from './meant-command.ts';

export type TypedStep =
	| { readonly type: 'command'; readonly text: string }
	/** `ending`: the command that ends the statement, such as `\gx`; undefined for `;`. */
	| { readonly type: 'statement'; readonly sql: string; readonly ending: string | undefined };

export type TypedText = {
	/** False: the last statement has not ended, or a quote or comment is open. */
	readonly isComplete: boolean;
	readonly steps: readonly TypedStep[];
	/** History entries: the lines of each statement and command, as they were typed. */
	readonly entries: readonly string[];
	/** Where a command inside an open statement begins, if the text ends with it. */
	readonly commandAt: number | undefined;
};

export function readTypedText(text: string): TypedText {
	const reader = new TypedTextReader(text);
	reader.read();
	return reader;
}

class TypedTextReader {
	readonly steps: TypedStep[] = [];
	readonly entries: string[] = [];
	commandAt: number | undefined;
	readonly #text: string;
	/** Where the open statement's first token begins and its last one ends; undefined if no statement is open. */
	#statement: { start: number; end: number } | undefined;
	/** Text of the open statement before a command inside it. */
	#earlier = '';
	/** Where the lines begin that belong to no entry yet, and the lines collected before a command. */
	#entryStart = 0;
	#entryParts: string[] = [];
	/** A statement has ended in these lines. */
	#hasEnded = false;

	constructor(text: string) {
		this.#text = text;
	}

	get isComplete(): boolean {
		return !this.#isOpen;
	}

	get #isOpen(): boolean {
		return this.#statement !== undefined || this.#earlier !== '';
	}

	read(): void {
		let at = 0;
		while (at < this.#text.length) at = this.#isCommandAt(at) ? this.#command(at) : this.#statements(at);
		if (this.#isHopeless()) this.#finishStatement(undefined);
		this.#finishEntry(this.#text.length);
	}

	#isCommandAt(lineStart: number): boolean {
		return isCommandLine(this.#text.slice(lineStart, this.#lineEnd(lineStart)), this.#isOpen);
	}

	/** Whether the open statement is one line that can begin no statement. */
	#isHopeless(): boolean {
		if (this.#statement === undefined || this.#earlier !== '') return false;
		const sql = this.#text.slice(this.#statement.start, this.#statement.end);
		return !sql.includes('\n') && beginsNoStatement(sql);
	}

	/** Reads a command to the end of its line and returns where the next line begins. */
	#command(start: number): number {
		const end = this.#lineEnd(start);
		const command = this.#text.slice(start, end);
		if (this.#statement !== undefined) this.#earlier += this.#text.slice(this.#statement.start, start);
		this.#statement = undefined;
		if (this.#isOpen) {
			const lines = this.#text.slice(this.#entryStart, start).trimEnd();
			if (lines !== '') this.#entryParts.push(lines);
			if (end === this.#text.length) this.commandAt = start;
		} else if (start > this.#entryStart) this.#finishEntry(start);
		this.steps.push({ type: 'command', text: command.trim() });
		this.entries.push(command);
		this.#entryStart = end + 1;
		return end + 1;
	}

	/** Reads statements up to the next command or the end, and returns where they end. */
	#statements(start: number): number {
		const text = this.#text;
		for (const token of tokensFrom(text, start)) {
			if (token.kind === 'space') {
				const command = this.#lineBreaks(token);
				if (command !== undefined) return command;
			} else if (token.kind === 'operator' && text[token.start] === ';') this.#finishStatement(undefined);
			else if (token.kind === 'bad' && text[token.start] === '\\') return this.#backslash(token.start);
			else if (token.kind !== 'comment' || !token.closed) {
				if (this.#statement === undefined) this.#statement = { start: token.start, end: token.end };
				else this.#statement.end = token.end;
			}
		}
		return text.length;
	}

	/** The position of a command at the start of the line after this space. */
	#lineBreaks({ start, end }: Token): number | undefined {
		const first = this.#text.indexOf('\n', start);
		if (first < 0 || first >= end) return undefined;
		if (this.#hasEnded && !this.#isOpen) this.#finishEntry(first);
		const lineStart = this.#text.lastIndexOf('\n', end - 1) + 1;
		return this.#isCommandAt(lineStart) ? lineStart : undefined;
	}

	/** Reads a command that begins with a backslash. */
	#backslash(start: number): number {
		const end = this.#lineEnd(start);
		const command = this.#text.slice(start, end).trim();
		const last = this.steps.at(-1);
		if (!endsStatement(command) || !(this.#isOpen || this.#hasEnded)) return this.#command(start);
		if (this.#isOpen) this.#finishStatement(command);
		else if (last?.type === 'statement') this.steps.splice(-1, 1, { ...last, ending: command });
		this.#finishEntry(end);
		return end + 1;
	}

	#finishStatement(ending: string | undefined): void {
		const statement = this.#statement;
		const sql = this.#earlier + (statement === undefined ? '' : this.#text.slice(statement.start, statement.end));
		if (sql !== '') this.steps.push({ type: 'statement', sql, ending });
		this.#statement = undefined;
		this.#earlier = '';
		this.#hasEnded = true;
	}

	#finishEntry(end: number): void {
		const lines = this.#text.slice(this.#entryStart, end);
		const entry = withoutBlankLines([...this.#entryParts, lines].join('\n'));
		if (entry.trim() !== '') this.entries.push(entry);
		this.#entryParts = [];
		this.#entryStart = end + 1;
		this.#hasEnded = false;
	}

	#lineEnd(start: number): number {
		const end = this.#text.indexOf('\n', start);
		return end < 0 ? this.#text.length : end;
	}
}

/** Removes blank lines at the beginning and at the end. */
function withoutBlankLines(text: string): string {
	const length = text.trimEnd().length;
	const lineEnd = text.indexOf('\n', length);
	return text.slice(0, lineEnd < 0 ? text.length : lineEnd).replace(/^(?:[ \t]*\n)+/, '');
}
