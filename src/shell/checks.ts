// Results of the `.expect` lines of a script: failures are printed at once, and all are kept for reports.
import { UserError } from '../base/errors.ts';
import { formatRows } from '../output/row-format.ts';
import { forTerminal } from '../output/terminal-text.ts';
import type { TestCase } from '../output/test-report.ts';
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

	add(check: TestCase): void {
		this.list.push(check);
	}

	/** The error that ends a run with failed expectations. */
	failure(): UserError | undefined {
		const expectations = this.list.filter(({ problem }) => problem?.kind !== 'error');
		const failed = expectations.filter(({ problem }) => problem !== undefined);
		if (failed.length === 0) return undefined;
		const shown = failed.slice(0, FAILURES_SHOWN).map((check) => failureText(check));
		if (failed.length > shown.length) shown.push(`and ${failed.length - shown.length} more`);
		const count = failed.length === 1 ? '' : `${failed.length} of ${expectations.length} expectations failed: `;
		return new UserError(`${count}${shown.join('; ')}`, 'ERR_EXPECTATION');
	}
}
