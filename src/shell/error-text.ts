// The text of an error: one sentence, the place in the SQL text, a hint. Only internal errors show a stack.
import stringWidth from 'string-width';
import { UserError } from '../base/errors.ts';
import { systemProblem } from '../base/system-problem.ts';
import { explainedByDirectory } from '../base/working-directory.ts';
import { standardError } from '../output/output-stream.ts';
import { forTerminal } from '../output/terminal-text.ts';
import type { Theme } from '../output/theme.ts';
import { errorLine } from '../sql/sql-light.ts';

/** The error for a result that could not be written; `code` is the system error. */
export function outputError(code: string): UserError {
	return new UserError(
		`cannot write the result: ${systemProblem(code)}`,
		'ERR_OUTPUT',
		'The output printed so far is incomplete.',
	);
}

/**
 * Complete lines for stderr or the shell. `error.position` is an offset in `sql`; the error's own `sql`, if it has
 * one, takes precedence.
 */
export function errorText(found: unknown, theme: Theme, statement?: string): string {
	const error = explainedByDirectory(found);
	const own = error instanceof Error && 'sql' in error && typeof error.sql === 'string' ? error.sql : undefined;
	const sql = own ?? statement;
	if (!(error instanceof UserError)) {
		const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
		const lines = stack.split('\n').map((line) => forTerminal(line));
		return `${theme.error('tinytap: internal error, please report it:')} ${lines.join('\n')}\n`;
	}
	let text = `${theme.error('tinytap: error:')} ${forTerminal(error.message)} ${theme.dim(`[${error.code}]`)}\n`;
	const position = 'position' in error && typeof error.position === 'number' ? error.position : undefined;
	if (sql !== undefined && position !== undefined)
		text += placeText(sql, position, standardError().columns ?? Number.POSITIVE_INFINITY);
	if (error.hint !== undefined) text += `${theme.hint('hint:')} ${forTerminal(error.hint)}\n`;
	return text;
}

const INDENT = 2;

/** The line that contains the position and a mark below it, shortened to fit the screen. Exported for tests. */
export function placeText(sql: string, position: number, columns: number): string {
	const { line, column } = errorLine(sql, position);
	const room = columns - INDENT - 1;
	const before = shown(line.slice(0, column));
	const after = shown(line.slice(column));
	if (stringWidth(before) + stringWidth(after) <= room) return markedText(before, after);
	// If the text after the position is long, too, the text before it gets two thirds of the screen.
	const least = Math.min(stringWidth(after), Math.floor(room / 3));
	const kept = stringWidth(before) <= room - least ? before : `…${lastOf(before, room - least - 1)}`;
	const left = room - stringWidth(kept);
	return markedText(kept, stringWidth(after) <= left ? after : `${firstOf(after, left - 1)}…`);
}

function markedText(before: string, after: string): string {
	const indent = ' '.repeat(INDENT);
	return `${indent}${before}${after}\n${indent}${' '.repeat(stringWidth(before))}^\n`;
}

function shown(text: string): string {
	return forTerminal(text.replaceAll('\t', '  '));
}

/** The beginning of a text, at most this many columns wide. */
function firstOf(text: string, columns: number): string {
	let kept = '';
	for (const character of text) {
		if (stringWidth(kept + character) > columns) break;
		kept += character;
	}
	return kept;
}

function lastOf(text: string, columns: number): string {
	let kept = '';
	for (const character of [...text].reverse()) {
		if (stringWidth(character + kept) > columns) break;
		kept = character + kept;
	}
	return kept;
}
