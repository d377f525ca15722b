// The type of a shell command.
import { UserError } from '../../base/errors.ts';
import type { CommandName } from '../command-names.ts';
import type { ShellSession } from '../shell-session.ts';

/** The kind of a command's argument, for completion. */
export type ArgumentKind =
	| 'topic'
	| 'table'
	| 'format'
	| 'query'
	| 'query and values'
	| 'condition'
	| 'name and statement'
	| 'setting'
	| 'file'
	| 'export'
	| 'text'
	| 'statement';

/** What a command may use of the other commands. */
export type CommandTable = {
	readonly commands: readonly Command[];
	/** Throws a UserError if there is no such command, or if it is refused here. */
	readonly check: (shell: ShellSession, text: string, inScript: boolean) => void;
	/** Runs a command as it was typed. Returns `quit` to end the shell. Rejects with a UserError. */
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
	/** The command works only at the prompt, not in scripts; a function decides by the argument. */
	readonly promptOnly?: boolean | ((argument: string) => boolean);
	/** It also works in a script that is run with --unsafe. */
	readonly trusted?: boolean;
	/** Refused with --safe, or refused only with certain arguments. */
	readonly unsafe?: boolean | ((argument: string) => boolean);
	readonly argument?: ArgumentKind;
	/** Option names, for completion. */
	readonly options?: readonly string[];
	/**
	 * The words that may follow `before`, the argument so far, for completion. Undefined where the kind of the argument
	 * decides.
	 */
	readonly words?: (before: string) => readonly string[] | undefined;
	/**
	 * Returns `quit` to end the shell. `sql` is the statement before the command, as in `SELECT 1 \gx`. It is
	 * undefined if the command stands alone or does not end statements.
	 */
	readonly run: (
		shell: ShellSession,
		argument: string,
		table: CommandTable,
		sql: string | undefined,
		/** The command is in a file or pipe, so somebody else may have written it. */
		inScript: boolean,
	) => Promise<'quit' | undefined> | 'quit' | undefined;
};

/** Related commands, listed together in `.help`. */
export type CommandGroup = { readonly title: string; readonly commands: readonly Command[] };

/** For errors; elsewhere it has to be escaped. */
export function notCapturing(recording: string): string {
	return `nothing is captured: the recording ${recording} is open`;
}

/** Throws a UserError if a recording is open, because then there is no capture to change. */
export function requireLive({ threads: { recording, isCapturing } }: ShellSession): void {
	if (isCapturing) return;
	if (recording === undefined)
		throw new UserError(
			'nothing is captured on this host: tinytap was started with --store',
			'ERR_NOT_CAPTURING',
			'Start tinytap without --store, and use .connect.',
		);
	throw new UserError(
		notCapturing(recording),
		'ERR_NOT_CAPTURING',
		'Choose rows in SQL, e.g. WHERE local_port = 80; to capture, start tinytap without --replay.',
	);
}
