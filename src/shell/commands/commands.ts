// All commands of the shell, and running one of them.
import { distance } from 'fastest-levenshtein';
import { UserError, usageError } from '../../base/errors.ts';
import { commandName } from '../command-names.ts';
import type { ShellSession } from '../shell-session.ts';
import { CAPTURE_COMMANDS } from './capture-commands.ts';
import type { Command, CommandGroup, CommandTable } from './command.ts';
import { EXCHANGE_COMMANDS } from './exchange-commands.ts';
import { createHelp } from './help-command.ts';
import { QUERY_COMMANDS } from './query-commands.ts';
import { RESULT_COMMANDS } from './result-commands.ts';
import { SETTING_COMMANDS } from './setting-commands.ts';
import { TABLE_COMMANDS } from './table-commands.ts';

const HELP = createHelp(() => COMMAND_GROUPS);

/** All commands, as `.help` lists them. Completion and the documentation are loops over this, too. */
export const COMMAND_GROUPS: readonly CommandGroup[] = [
	TABLE_COMMANDS,
	RESULT_COMMANDS,
	EXCHANGE_COMMANDS,
	QUERY_COMMANDS,
	CAPTURE_COMMANDS,
	SETTING_COMMANDS,
	{
		title: 'The shell',
		commands: [
			HELP.command,
			{
				name: 'quit',
				usage: '.quit',
				description: 'exit (also .exit, Ctrl-D)',
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

const TABLE: CommandTable = { commands: COMMANDS, run: runCommand };

/** Runs a line that begins with a dot. Throws a UserError for an unknown command. */
export async function runCommand(shell: ShellSession, line: string, inScript: boolean): Promise<'quit' | undefined> {
	const match = /^\.(\S*)\s*([\s\S]*)$/.exec(line.trim());
	const name = commandName(match?.[1] ?? '');
	const command = findCommand(name);
	if (inScript && command.promptOnly === true) {
		throw new UserError(`.${command.name} works only at the prompt, not in scripts`, 'ERR_PROMPT_ONLY');
	}
	return await command.run(shell, (match?.[2] ?? '').trim(), TABLE);
}

function findCommand(name: string): Command {
	const wanted = name === 'exit' ? 'quit' : name;
	const command = COMMANDS.find((each) => each.name === wanted);
	if (command !== undefined) return command;
	const near = COMMANDS.find((each) => distance(each.name, name) <= 2);
	throw usageError(
		`there is no command .${name}`,
		near === undefined ? '.help lists the commands; SQL statements end with ;' : `Did you mean .${near.name}?`,
	);
}
