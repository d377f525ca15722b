// Recognises what was meant by a text that is no statement: a command without its dot, or the name of a saved query or table.
import { UserError } from '../base/errors.ts';
import { forTerminal } from '../output/terminal-text.ts';
import { STATEMENT_WORDS } from '../sql/sql-light.ts';
import { COMMAND_WORDS } from './command-names.ts';
import { foreignCommand } from './commands/foreign-commands.ts';
import { SETTING_NAMES } from './shell-settings.ts';

/** The names that a typed text may consist of. */
export type KnownNames = { readonly queries: readonly string[]; readonly tables: readonly string[] };

/** The error of a statement with a hint about what was meant; the same error if nothing comes to mind. */
export function explainedAsCommand(error: unknown, sql: string, names: () => KnownNames): unknown {
	if (!(error instanceof UserError) || !('position' in error) || error.position !== 0) return error;
	const hint = meantHint(sql, names);
	if (hint === undefined) return error;
	return Object.assign(new UserError(error.message, error.code, hint), { position: 0, sql });
}

/** Exported for tests. */
export function meantHint(sql: string, names: () => KnownNames): string | undefined {
	const text = sql.trim();
	if (text.startsWith('!')) return foreignCommand('\\!')?.instead;
	const command = meantCommand(text) ?? meantQuery(text, names().queries);
	if (command !== undefined) return `commands begin with a dot: ${forTerminal(command)}`;
	const table = names().tables.find((name) => name.toLowerCase() === text.toLowerCase());
	return table === undefined ? undefined : `FROM ${forTerminal(table)}; shows its rows`;
}

/**
 * Whether no line after this one can make a statement of it, because of the way it begins. `line`: the text of the open
 * statement, without space around it.
 */
export function beginsNoStatement(line: string): boolean {
	const [, word] = /^([A-Za-z_]\w*)/.exec(line) ?? [];
	if (word === undefined) return line !== '' && !/^(?:[("'`]|\/\*)/.test(line);
	return !STATEMENT_WORDS.includes(word.toUpperCase()) || meantCommand(line) !== undefined;
}

function meantCommand(text: string): string | undefined {
	const [, mark, word = '', rest = ''] = /^([/:]?)([A-Za-z]\w*)(?:\s+([\s\S]*))?$/.exec(text) ?? [];
	const command = `.${word.toLowerCase()}`;
	// As vi ends.
	if (mark === ':' && /^(wq|x)$/.test(word)) return '.quit';
	if (mark === '' && STATEMENT_WORDS.includes(word.toUpperCase())) {
		const isMeant =
			(command === '.show' && /^(?:-?\d+\b|--|$)/.test(rest)) ||
			(command === '.set' && SETTING_NAMES.some((name) => rest.toLowerCase().startsWith(name)));
		return isMeant ? `${command} ${rest}`.trim() : undefined;
	}
	return COMMAND_WORDS.includes(command) ? `${command} ${rest}`.trim() : undefined;
}

function meantQuery(text: string, queries: readonly string[]): string | undefined {
	// The name may have hyphens, which a word of SQL does not.
	const named = queries.find((name) => name === text.toLowerCase());
	return named === undefined ? undefined : `.run ${named}`;
}
