// Splits a script into steps: statements, and lines that begin with a dot.
import { splitStatements } from '../sql/sql-light.ts';
import { isCommandLine } from './command-names.ts';

export type Step =
	| { readonly type: 'statement'; readonly sql: string; readonly line: number; readonly vertical: boolean }
	| { readonly type: 'command'; readonly text: string; readonly line: number };

/** Reads lines one by one and returns the steps they complete. */
export class ScriptReader {
	#buffer = '';
	#startLine = 0;
	#line = 0;

	/** Steps that this line completes. */
	push(text: string): Step[] {
		this.#line++;
		// SQL takes a byte order mark for white space, as do commands.
		const line = text.replace(/\r$/, '');
		if (isCommandLine(this.#buffer, line)) return [{ type: 'command', text: line.trim(), line: this.#line }];
		if (this.#isBlank()) {
			this.#buffer = '';
			this.#startLine = this.#line;
		}
		this.#buffer += this.#buffer === '' ? line : `\n${line}`;
		const vertical = /\\G\s*$/.test(line);
		if (vertical) this.#buffer = this.#buffer.replace(/\\G\s*$/, ';');
		const statements = splitStatements(this.#buffer);
		const steps: Step[] = [];
		let rest = '';
		for (const { text, complete } of statements) {
			if (complete) steps.push({ type: 'statement', sql: text, line: this.#startLine, vertical });
			else rest = text;
		}
		if (steps.length > 0) {
			this.#buffer = rest;
			this.#startLine = this.#line;
		}
		return steps;
	}

	/** The remaining steps at the end of the text, where the last statement needs no `;`. */
	end(): Step[] {
		const sql = this.#buffer;
		this.#buffer = '';
		if (splitStatements(sql).length === 0) return [];
		return [{ type: 'statement', sql, line: this.#startLine, vertical: false }];
	}

	#isBlank(): boolean {
		return this.#buffer.trim() === '' || splitStatements(this.#buffer).length === 0;
	}
}

/** All steps of a whole text. */
export function scriptSteps(text: string): Step[] {
	const reader = new ScriptReader();
	const steps = text.split('\n').flatMap((line) => reader.push(line));
	return [...steps, ...reader.end()];
}
