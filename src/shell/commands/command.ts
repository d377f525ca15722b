// What a command of the shell is.
import { UserError } from '../../base/errors.ts';
import { forTerminal } from '../../output/terminal-text.ts';
import type { CommandName } from '../command-names.ts';
import type { ShellSession } from '../shell-session.ts';

/** The kind of a command's argument, for completion. */
export type ArgumentKind =
	| 'topic'
	| 'table'
	| 'format'
	| 'query'
	| 'condition'
	| 'name and statement'
	| 'setting'
	| 'file'
	| 'text'
	| 'statement';

/** What a command can use of the others. */
export type CommandTable = {
	readonly commands: readonly Command[];
	/** Runs a command as it was typed. Returns `quit` to end the shell; rejects with a UserError. */
	readonly run: (shell: ShellSession, text: string, inScript: boolean) => Promise<'quit' | undefined>;
	/** Runs a statement that ended with `;` or with a command such as `\gx`. */
	readonly runStatement: (
		shell: ShellSession,
		sql: string,
		ending: string | undefined,
		inScript: boolean,
	) => Promise<void>;
};

export type Command = {
	readonly name: CommandName;
	readonly usage: string;
	readonly description: string;
	readonly example: string;
	/** Only at the prompt, not in scripts; or only with certain arguments. */
	readonly promptOnly?: boolean | ((argument: string) => boolean);
	readonly argument?: ArgumentKind;
	/** For completion. */
	readonly options?: readonly string[];
	/**
	 * Returns `quit` to end the shell. `sql` is the statement that the command ends, as in `SELECT 1 \gx`; it is undefined
	 * if the command stands alone, and for commands that end no statement.
	 */
	readonly run: (
		shell: ShellSession,
		argument: string,
		table: CommandTable,
		sql: string | undefined,
		/** The command is in a file or pipe, and so may come from somebody else. */
		inScript: boolean,
	) => Promise<'quit' | undefined> | 'quit' | undefined;
};

/** Commands that belong together, as `.help` lists them. */
export type CommandGroup = { readonly title: string; readonly commands: readonly Command[] };

export function notCapturing(recording: string): string {
	return `nothing is captured: the recording ${forTerminal(recording)} is open`;
}

/** Throws a UserError if a recording is open: there is no capture to change. */
export function requireLive({ threads: { recording } }: ShellSession): void {
	if (recording === undefined) return;
	throw new UserError(
		notCapturing(recording),
		'ERR_NOT_CAPTURING',
		'Choose rows in SQL, e.g. WHERE local_port = 80; to capture, start tinytap without --replay.',
	);
}
