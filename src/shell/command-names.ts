// The names of the dot commands, to distinguish them from lines of an open statement. commands/ has the commands.
import { splitStatements, tokenize } from '../sql/sql-light.ts';

export const COMMAND_NAMES = [
	...['help', 'tables', 'schema', 'show', 'curl', 'tail', 'save', 'run', 'queries', 'mode', 'param', 'wait'],
	...['capture', 'pause', 'resume', 'clear', 'open', 'quit', 'exit', 'expect', 'set', 'settings'],
] as const;

export type CommandName = (typeof COMMAND_NAMES)[number];

const NAMES: ReadonlySet<string> = new Set(COMMAND_NAMES);

/**
 * Whether `line` is a command. `open` has the earlier lines of an incomplete statement. Without one, every line that begins
 * with a dot is a command; inside one, a line that begins with the name of a command, outside quotes and comments.
 */
export function isCommandLine(open: string, line: string): boolean {
	const name = /^\s*\.([^\s\d]\S*)?/.exec(line);
	if (name === null || /^\s*\.\d/.test(line)) return false;
	if (splitStatements(open).length === 0) return true;
	return NAMES.has(commandName(name[1] ?? '')) && tokenize(`${open}\n`).at(-1)?.closed === true;
}

/** The command's name, so that `.quit;` works like `.quit`. */
export function commandName(word: string): string {
	return word.replace(/;$/, '');
}
