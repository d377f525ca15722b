// Help about commands, functions, keywords and errors.
import { UserError, usageError } from '../../base/errors.ts';
import { FUNCTION_ALIASES, FUNCTION_DOCS, KEYWORDS } from '../../sql/sql-light.ts';
import { TABLES } from '../../store/database.ts';
import { errorHelp } from '../error-help.ts';
import type { Command, CommandGroup } from './command.ts';
import { schemaText } from './table-commands.ts';

/** Help about everything, among it `groups` of commands. */
export function createHelp(groups: () => readonly CommandGroup[]): {
	readonly command: Command;
	readonly topic: (topic: string) => string;
} {
	const command: Command = {
		name: 'help',
		usage: '.help [functions | keywords | errors | NAME]',
		description: 'list commands, functions, keywords or errors, or explain one of them',
		example: '.help time_bucket',
		argument: 'topic',
		run: async (shell, argument) => {
			await shell.sink.write(
				argument === '' ? commandList(groups()) : (errorHelp(argument) ?? sqlHelp(argument, groups())),
			);
			return undefined;
		},
	};
	return { command, topic: (topic) => topicHelp(topic, groups()) };
}

function commandList(groups: readonly CommandGroup[]): string {
	const all = groups.flatMap(({ commands }) => commands);
	const width = Math.max(...all.map(({ usage }) => usage.length));
	const lines = all.map(({ usage, description }) => `  ${usage.padEnd(width)}  ${description}\n`);
	return `SQL statements end with ; (or with \\G to print one column per line) and may span several lines.\n${lines.join('')}`;
}

/** For `tinytap help TOPIC`: everything .help explains, and the tables. */
function topicHelp(topic: string, groups: readonly CommandGroup[]): string {
	const ofErrors = errorHelp(topic);
	if (ofErrors !== undefined) return ofErrors;
	if (TABLES.some(({ name }) => name === topic.toLowerCase())) return schemaText(topic, TABLES);
	if (topic === 'commands') return commandList(groups);
	try {
		return sqlHelp(topic, groups);
	} catch (error) {
		if (!(error instanceof UserError)) throw error;
		throw usageError(
			`help: there is no command, table, function or keyword ${JSON.stringify(topic)}`,
			'`tinytap help` lists the commands. Other topics: `commands` (at the prompt), `functions`, `keywords`, `errors`, an error code, or the name of a table.',
		);
	}
}

/** Functions, keywords, or one of them; a command's line for its name. */
function sqlHelp(argument: string, groups: readonly CommandGroup[]): string {
	const functions = FUNCTION_DOCS.map(({ signature, doc }) => [signature, doc] as const);
	const keywords = KEYWORDS.map(({ word, doc }) => [word, doc] as const);
	const wanted = argument.replace(/^\.|\($/g, '').toLowerCase();
	if (wanted === 'functions') return helpLines(functions);
	if (wanted === 'keywords') return helpLines(keywords);
	const name = FUNCTION_ALIASES.get(wanted) ?? wanted;
	const found = [
		...groups
			.flatMap(({ commands }) => commands)
			.filter((command) => command.name === wanted)
			.map(({ usage, description }) => [usage, description] as const),
		...FUNCTION_DOCS.filter((entry) => entry.name === name).map(
			({ signature, doc, example: [sql, result] }) => [signature, `${doc}; ${sql} gives ${String(result)}`] as const,
		),
		...keywords.filter(([word]) => word.toLowerCase().split(' ').includes(wanted)),
	];
	if (found.length > 0) return helpLines(found);
	throw usageError(
		`.help: there is no command, function or keyword ${argument}`,
		'.help, .help functions, .help keywords and .help errors list what is available.',
	);
}

function helpLines(entries: readonly (readonly [string, string])[]): string {
	const width = Math.min(30, Math.max(...entries.map(([name]) => name.length)));
	return entries.map(([name, text]) => `  ${name.padEnd(width)}  ${text}\n`).join('');
}
