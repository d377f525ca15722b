// Results of the `.expect` lines of a script: failures are printed at once, and all are kept for reports.
import { UserError } from '../base/errors.ts';
import { formatRows } from '../output/row-format.ts';
import { forTerminal } from '../output/terminal-text.ts';
import type { Problem, TestCase } from '../output/test-report.ts';
import type { Unmet } from './expectations.ts';
import type { Sample } from './result-printer.ts';

/** Number of rows shown for a failure. */
export const SAMPLE_ROWS = 3;
const SAMPLE_COLUMNS = 100;
const NAME_LENGTH = 200;
/** Number of failures listed in the last error message. */
const FAILURES_SHOWN = 10;

/** The statement in one line, at most 200 characters. */
export function statementName(sql: string): string {
	const line = sql.replace(/\s+/g, ' ').trim();
	return line.length > NAME_LENGTH ? `${line.slice(0, NAME_LENGTH - 1)}…` : line;
}

export function placeText(file: string | undefined, line: number): string {
	return file === undefined ? `line ${line}` : `${file}:${line}`;
}

function failureText({ file, line, problem }: TestCase): string {
	return `${placeText(file, line)}: ${problem!.summary}`;
}

/** Describes a failed expectation: what was expected, the statement, and the first rows of its result. */
export function failureDetails(sql: string, { expected, got }: Unmet, { columns, rows, total }: Sample): string {
	const table = [...formatRows('table', { columns, rows }, { screenColumns: SAMPLE_COLUMNS })].join('');
	const more = total > rows.length ? `… ${total - rows.length} more\n` : '';
	const shown = rows.length === 0 ? '' : `${table}${more}`;
	const unmet = `expected: ${forTerminal(expected)}\ngot: ${forTerminal(got)}\n`;
	const text = `${unmet}${forTerminal(sql.trim(), { lineFeeds: true })}\n${shown}`;
	return text.replace(/^(?=.)/gm, '  ');
}

/** The checks of one run, in order. */
export class Checks {
	readonly list: TestCase[] = [];
	/** Errors that are in the list, or that only sum it up. */
	readonly #told = new WeakSet<Error>();

	add(check: TestCase): void {
		this.list.push(check);
	}

	/** Adds an error of a statement or command, or of the whole run, unless it is in the list. */
	addError(error: UserError, { file, line, name }: Pick<TestCase, 'file' | 'line' | 'name'>): void {
		if (this.#told.has(error)) return;
		const details = error.hint === undefined ? '' : forTerminal(error.hint, { lineFeeds: true });
		const problem: Problem = { kind: 'error', summary: `${error.message} [${error.code}]`, details };
		this.add({ file, line, name, seconds: 0, problem });
		this.told(error);
	}

	/** From now on, the list need not contain this error. Returns it. */
	told(error: UserError): UserError {
		this.#told.add(error);
		return error;
	}

	/** How many expectations there were, and how many of them failed. */
	get counts(): { readonly all: number; readonly failed: number } {
		const expectations = this.list.filter(({ problem }) => problem?.kind !== 'error');
		return { all: expectations.length, failed: expectations.filter(({ problem }) => problem !== undefined).length };
	}

	/** The error that ends a run with failed expectations. */
	failure(): UserError | undefined {
		const failed = this.list.filter(({ problem }) => problem?.kind === 'failure');
		if (failed.length === 0) return undefined;
		const shown = failed.slice(0, FAILURES_SHOWN).map((check) => failureText(check));
		if (failed.length > shown.length) shown.push(`and ${failed.length - shown.length} more`);
		const count = failed.length === 1 ? '' : `${failed.length} of ${this.counts.all} expectations failed: `;
		return this.told(new UserError(`${count}${shown.join('; ')}`, 'ERR_EXPECTATION'));
	}
}
