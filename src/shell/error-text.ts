// The text of an error: one sentence, the place in the SQL text, a hint. Only internal errors show a stack.
import { UserError } from '../base/errors.ts';
import { systemProblem } from '../base/system-problem.ts';
import { explainedByDirectory } from '../base/working-directory.ts';
import { forTerminal } from '../output/terminal-text.ts';
import type { Theme } from '../output/theme.ts';
import { errorMark } from '../sql/sql-light.ts';

/** For a result that could not be written; `code` is the system error. */
export function outputError(code: string): UserError {
	return new UserError(
		`cannot write the result: ${systemProblem(code)}`,
		'ERR_OUTPUT',
		'The output printed so far is incomplete.',
	);
}

/** Complete lines for stderr or the shell. `error.position` is an offset in `sql`, which the error may have itself. */
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
	if (sql !== undefined && position !== undefined) {
		const { line, mark } = errorMark(sql, position);
		// The mark lines up only if nothing in the line was escaped.
		if (forTerminal(line) === line) text += `  ${line}\n  ${mark}\n`;
	}
	if (error.hint !== undefined) text += `${theme.hint('hint:')} ${forTerminal(error.hint)}\n`;
	return text;
}
