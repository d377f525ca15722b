// What somebody meant who typed a command without its dot, or the name of a saved query alone.
import { UserError } from '../base/errors.ts';
import { forTerminal } from '../output/terminal-text.ts';
import { STATEMENT_WORDS } from '../sql/sql-light.ts';
import { COMMAND_WORDS } from './command-names.ts';
import { SETTING_NAMES } from './shell-settings.ts';

/** The error of a statement with a hint about the command that was meant; the same error if none was. */
export function explainedAsCommand(error: unknown, sql: string, queries: () => readonly string[]): unknown {
	if (!(error instanceof UserError) || !('position' in error) || error.position !== 0) return error;
	const meant = meantCommand(sql, queries);
	if (meant === undefined) return error;
	const hint = `commands begin with a dot: ${forTerminal(meant)}`;
	return Object.assign(new UserError(error.message, error.code, hint), { position: 0, sql });
}

/** Exported for tests. */
export function meantCommand(sql: string, queries: () => readonly string[]): string | undefined {
	const [, word = '', rest = ''] = /^([A-Za-z]\w*)(?:\s+([\s\S]*))?$/.exec(sql.trim()) ?? [];
	const command = `.${word.toLowerCase()}`;
	const isCommand = word !== '' && COMMAND_WORDS.includes(command);
	if (STATEMENT_WORDS.includes(word.toUpperCase())) {
		const isMeant =
			(command === '.show' && /^-?\d+\b/.test(rest)) ||
			(command === '.set' && SETTING_NAMES.some((name) => rest.toLowerCase().startsWith(name)));
		return isMeant ? `${command} ${rest}` : undefined;
	}
	if (isCommand) return `${command} ${rest}`.trim();
	// The name of a saved query may have hyphens, which its title does not need.
	const named = queries().find((name) => name === sql.trim().toLowerCase());
	return named === undefined ? undefined : `.run ${named}`;
}
