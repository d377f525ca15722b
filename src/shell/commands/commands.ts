// Lists all commands of the shell and runs them.
import { distance } from 'fastest-levenshtein';
import { UserError, usageError } from '../../base/errors.ts';
import { readAttachStatement } from '../../sql/sql-light.ts';
import { runAttachStatement } from '../attach.ts';
import { COMMAND_WORDS, type CommandName, namedCommand } from '../command-names.ts';
import type { ShellSession } from '../shell-session.ts';
import { CAPTURE_COMMANDS } from './capture-commands.ts';
import type { Command, CommandGroup, CommandTable } from './command.ts';
import { EXCHANGE_COMMANDS } from './exchange-commands.ts';
import { foreignCommand } from './foreign-commands.ts';
import { createHelp } from './help-command.ts';
import { OUTPUT_COMMANDS } from './output-commands.ts';
import { QUERY_COMMANDS } from './query-commands.ts';
import { RESULT_COMMANDS } from './result-commands.ts';
import { SETTING_COMMANDS } from './setting-commands.ts';
import { STATEMENT_COMMANDS } from './statement-commands.ts';
import { STATUS_COMMANDS } from './status-commands.ts';
import { STORE_COMMANDS } from './store-commands.ts';
import { TABLE_COMMANDS } from './table-commands.ts';
import { TOUR_COMMAND } from './tour-command.ts';

const HELP = createHelp(() => COMMAND_GROUPS);

/** All commands, in the order of `.help`. Completion and the documentation are generated from this list. */
export const COMMAND_GROUPS: readonly CommandGroup[] = [
	STATEMENT_COMMANDS,
	TABLE_COMMANDS,
	RESULT_COMMANDS,
	OUTPUT_COMMANDS,
	EXCHANGE_COMMANDS,
	QUERY_COMMANDS,
	CAPTURE_COMMANDS,
	STORE_COMMANDS,
	STATUS_COMMANDS,
	SETTING_COMMANDS,
	{
		title: 'The shell',
		commands: [
			HELP.command,
			TOUR_COMMAND,
			{
				name: 'quit',
				usage: '.quit',
				description: 'exit (also Ctrl-D)',
				example: '.quit',
				promptOnly: true,
				run: () => 'quit',
			},
		],
	},
];

export const COMMANDS: readonly Command[] = COMMAND_GROUPS.flatMap(({ commands }) => commands);

/** For `tinytap help TOPIC`: everything .help explains, and the tables. */
export const topicHelp = HELP.topic;

export const COMMAND_TABLE: CommandTable = {
	commands: COMMANDS,
	check: (...typed) => void allowedCommand(...typed),
	run: runCommand,
	runStatement,
};

/** Runs a command as it was typed. Throws a UserError if it does not exist. */
export async function runCommand(shell: ShellSession, text: string, inScript: boolean): Promise<'quit' | undefined> {
	try {
		return await runNamed(shell, text, inScript, undefined);
	} finally {
		await shell.settleOutput(false);
	}
}

/** Runs a statement that ended with `;` or with a command such as `\gx`. */
export async function runStatement(
	shell: ShellSession,
	sql: string,
	ending: string | undefined,
	inScript: boolean,
): Promise<void> {
	try {
		const attaching = readAttachStatement(sql);
		if (attaching !== undefined) await runAttachStatement(shell, sql, attaching);
		else if (ending === undefined) await shell.run(sql);
		else await runNamed(shell, ending, inScript, sql);
	} finally {
		await shell.settleOutput(true);
	}
}

/** The command that was typed. Throws a UserError if there is none, or if it is refused here. */
function allowedCommand(
	shell: ShellSession,
	text: string,
	inScript: boolean,
): { readonly command: Command; readonly argument: string } {
	const { word, name, argument } = namedCommand(text);
	const command = COMMANDS.find((each) => each.name === name);
	if (name === undefined || command === undefined) throw unknownCommand(word, name);
	const applies = (limit: Command['unsafe']) => (typeof limit === 'function' ? limit(argument) : limit === true);
	const isTrusted = shell.isTrusted && command.trusted === true;
	if (inScript && !isTrusted && applies(command.promptOnly))
		throw new UserError(
			`${word} works only at the prompt, not in scripts`,
			'ERR_PROMPT_ONLY',
			command.trusted === true ? 'If you trust the script: tinytap run --unsafe FILE.' : undefined,
		);
	if (shell.options.safe && applies(command.unsafe))
		throw new UserError(`${text} is refused with --safe`, 'ERR_SAFE', 'Start tinytap without --safe.');
	return { command, argument };
}

async function runNamed(
	shell: ShellSession,
	text: string,
	inScript: boolean,
	sql: string | undefined,
): Promise<'quit' | undefined> {
	const { command, argument } = allowedCommand(shell, text, inScript);
	return await command.run(
		shell,
		(command.argument === 'text' ? argument : argument.replace(/\s*;$/, '')).trim(),
		COMMAND_TABLE,
		sql,
		inScript,
	);
}

function unknownCommand(word: string, name: CommandName | undefined): UserError {
	const foreign = foreignCommand(word);
	if (foreign?.reason !== undefined) return usageError(`${word} is refused: ${foreign.reason}`, foreign.instead);
	if (name !== undefined) return usageError(`${word} works only in scripts`);
	const [near] = COMMAND_WORDS.filter((each) => each[0] === word[0] && each.length > 3)
		.map((each) => ({ each, away: word.length > 2 && each.startsWith(word) ? 1 : distance(each, word) }))
		.filter(({ each, away }) => away <= (each.length > 4 ? 2 : 1))
		.sort((one, other) => one.away - other.away);
	return usageError(
		`there is no command ${word}`,
		foreign?.instead ??
			(near === undefined ? '.help lists the commands; SQL statements end with ;' : `Did you mean ${near.each}?`),
	);
}
