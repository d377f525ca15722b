// Splits a script into steps: statements and commands.
import { splitStatements } from '../sql/sql-light.ts';
import { readLine } from './command-names.ts';

export type Step =
	| {
			readonly type: 'statement';
			readonly sql: string;
			readonly line: number;
			/** The command that ends the statement, such as `\gx`; undefined for `;`. */
			readonly ending: string | undefined;
	  }
	| { readonly type: 'command'; readonly text: string; readonly line: number };

/** Reads lines one by one and returns the steps they complete. */
export class ScriptReader {
	#buffer = '';
	#startLine = 0;
	#line = 0;
	/** The text so far has begun a statement. */
	#isOpen = false;

	/** Returns the steps that this line completes. */
	push(text: string): Step[] {
		this.#line++;
		// Both SQL and commands treat a byte order mark as white space.
		const line = text.replace(/\r$/, '');
		// Nothing in this line can end a statement, so the text so far need not be read again.
		if (this.#isOpen && !/[;\\]|^\s*\./.test(line)) {
			this.#buffer += `\n${line}`;
			return [];
		}
		const { sql, command, ends } = readLine(this.#buffer, line);
		const step = command === undefined ? undefined : ({ type: 'command', text: command, line: this.#line } as const);
		if (step !== undefined && !ends) {
			if (sql !== '') this.#add(sql);
			this.#isOpen ||= sql !== '';
			return [step];
		}
		this.#add(sql);
		const statements = splitStatements(this.#buffer);
		const steps: Step[] = [];
		let rest = '';
		for (const { text, complete } of statements) {
			if (complete || ends) steps.push({ type: 'statement', sql: text, line: this.#startLine, ending: undefined });
			else rest = text;
		}
		this.#isOpen = rest !== '';
		const last = steps.at(-1);
		if (step !== undefined && last?.type === 'statement') steps.splice(-1, 1, { ...last, ending: step.text });
		else if (step !== undefined) steps.push(step);
		if (steps.length > 0) {
			this.#buffer = rest;
			this.#startLine = this.#line;
		}
		return steps;
	}

	/** Returns the remaining steps at the end of the text. The last statement needs no `;`. */
	end(): Step[] {
		const sql = this.#buffer;
		this.#buffer = '';
		if (splitStatements(sql).length === 0) return [];
		return [{ type: 'statement', sql, line: this.#startLine, ending: undefined }];
	}

	#add(sql: string): void {
		if (this.#isBlank()) {
			this.#buffer = '';
			this.#startLine = this.#line;
		}
		this.#buffer += this.#buffer === '' ? sql : `\n${sql}`;
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
