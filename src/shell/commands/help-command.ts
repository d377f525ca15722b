// Help about commands, tables, functions, keywords and errors.
import { distance } from 'fastest-levenshtein';
import { ERROR_CODES } from '../../base/error-codes.ts';
import { type UserError, usageError } from '../../base/errors.ts';
import { standardOutput } from '../../output/output-stream.ts';
import { plainTheme, type Theme } from '../../output/theme.ts';
import { type Entry, twoColumns, wrapText } from '../../output/two-columns.ts';
import { FUNCTION_ALIASES, FUNCTION_DOCS, KEYWORDS } from '../../sql/sql-light.ts';
import { TABLES } from '../../store/database.ts';
import type { Column } from '../../store/table.ts';
import { COMMAND_FORMS, namedCommand } from '../command-names.ts';
import { errorEntries, errorHelp } from '../error-help.ts';
import type { Command, CommandGroup } from './command.ts';
import { allTables, schemaText } from './table-commands.ts';

/** What to type first for common questions. Exported for tests. */
export const FIRST_STEPS: readonly Entry[] = [
	{ name: '.tail', text: 'exchanges as they happen; Ctrl-C ends it' },
	{ name: '.tail WHERE status >= 500', text: 'only failed ones' },
	{ name: '.show', text: 'the latest exchange in full' },
	{ name: '.show 12', text: 'the one with id 12; .next and .prev step' },
	{ name: '.run slow', text: 'the slowest endpoints' },
	{ name: '.queries', text: 'what else .run can answer' },
	{ name: 'FROM exchanges;', text: 'all exchanges as a table' },
	{ name: '.schema exchanges', text: 'the columns of the table, for SQL' },
	{ name: '.save mine', text: 'keep the last statement; .run mine runs it again' },
	{ name: '.help output', text: 'one part of this list; Tab completes commands' },
];

type HelpPage = {
	readonly groups: readonly CommandGroup[];
	readonly tables: readonly { readonly name: string; readonly columns: readonly Column[] }[];
	readonly theme: Theme;
	/** Width of the screen; Infinity if the output is not a terminal. */
	readonly width: number;
};

/** Help about all topics, including the commands in `groups`. */
export function createHelp(groups: () => readonly CommandGroup[]): {
	readonly command: Command;
	/** Throws a UserError for an unknown topic. */
	readonly topic: (topic: string) => string;
} {
	const command: Command = {
		name: 'help',
		usage: '.help [TOPIC]',
		description:
			'list the commands, or explain a command, group, table, function, keyword or error code; the topics functions, keywords and errors list them',
		example: '.help time_bucket',
		argument: 'topic',
		run: async (shell, argument) => {
			const page: HelpPage = {
				groups: groups(),
				tables: allTables(shell),
				theme: shell.theme,
				width: shell.listWidth,
			};
			await shell.page(argument === '' ? commandList(page) : topicHelp(argument, page));
			return undefined;
		},
	};
	const width = () => standardOutput().columns ?? Number.POSITIVE_INFINITY;
	return {
		command,
		topic: (topic) => topicHelp(topic, { groups: groups(), tables: TABLES, theme: plainTheme, width: width() }),
	};
}

function commandList(page: HelpPage): string {
	const names = page.groups.map(groupTopic).join(', ');
	return [
		paragraph(
			'SQL statements end with ; and may span several lines. A command takes one line and works inside an open statement, too.',
			page,
		),
		`\n${page.theme.header('First steps')}\n${columns(FIRST_STEPS, page)}`,
		...page.groups.map((group) => groupText(group, page)),
		'\n',
		paragraph(
			`.help NAME explains one of them. .help with ${names} lists a group; .help functions, keywords and errors list them.`,
			page,
		),
	].join('');
}

/** The word that names a group in `.help`. */
export function groupTopic({ title }: CommandGroup): string {
	return title.toLowerCase().split(' ').at(-1)!;
}

function groupText({ title, commands }: CommandGroup, page: HelpPage): string {
	return `\n${page.theme.header(title)}\n${columns(commands.map(commandEntry), page)}`;
}

function commandEntry(command: Command): Entry {
	const { name, usage, description, example } = command;
	const forms = (COMMAND_FORMS[name] ?? []).filter((form) => !usage.split(' ').includes(form)).join(', ');
	const remarks = [...(example === usage ? [] : [`e.g. ${example}`]), ...(forms === '' ? [] : [`also ${forms}`])];
	return { name: usage, text: description, ...(remarks.length === 0 ? {} : { remark: remarks.join('; ') }) };
}

/** The text of `tinytap help TOPIC` and `.help TOPIC`. */
function topicHelp(topic: string, page: HelpPage): string {
	const wanted = topic.replace(/\($/, '').toLowerCase();
	const ofErrors = errorHelp(topic);
	if (wanted === 'errors') return columns(errorEntries(), page);
	if (ofErrors !== undefined) return ofErrors;
	if (wanted === 'commands') return commandList(page);
	if (wanted === 'functions') return columns(functionEntries(), page);
	if (wanted === 'keywords') return columns(keywordEntries(), page);
	const texts = [
		...page.tables
			.filter(({ name }) => name.toLowerCase() === wanted)
			.map(({ name }) => schemaText(name, page.tables, page.width)),
		...page.groups.filter((group) => groupTopic(group) === wanted).map((group) => groupText(group, page).slice(1)),
		...explanations(topic.replace(/\($/, ''), page),
	];
	if (texts.length > 0) return texts.join('\n');
	throw unknownTopic(topic, page);
}

function explanations(topic: string, page: HelpPage): string[] {
	const wanted = topic.toLowerCase();
	const { name: command } = namedCommand(/^[.\\]/.test(topic) ? topic : `.${wanted}`);
	const isListed = page.groups.some((group) => groupTopic(group) === wanted);
	const name = FUNCTION_ALIASES.get(wanted) ?? wanted;
	const entries = [
		...(isListed ? [] : page.groups.flatMap(({ commands }) => commands.filter((each) => each.name === command))).map(
			commandEntry,
		),
		...FUNCTION_DOCS.filter((entry) => entry.name === name).map(({ signature, doc, example: [sql, result] }) => {
			return { name: signature, text: `${doc}; ${sql} gives ${String(result)}` };
		}),
		...keywordEntries().filter((entry) => entry.name.toLowerCase().split(' ').includes(wanted)),
	];
	return entries.length === 0 ? [] : [columns(entries, page)];
}

function functionEntries(): Entry[] {
	return FUNCTION_DOCS.map(({ signature, doc }) => ({ name: signature, text: doc }));
}

function keywordEntries(): Entry[] {
	return KEYWORDS.map(({ word, doc }) => ({ name: word, text: doc }));
}

function columns(entries: readonly Entry[], { width, theme }: HelpPage): string {
	return twoColumns(entries, { width, paintName: theme.name, paintRemark: theme.dim });
}

function paragraph(text: string, { width }: HelpPage): string {
	return wrapText(text, width - 1)
		.map((line) => `${line}\n`)
		.join('');
}

function unknownTopic(topic: string, { groups, tables }: HelpPage): UserError {
	const names = [
		...groups.flatMap((group) => [groupTopic(group), ...group.commands.map(({ name }) => `.${name}`)]),
		...tables.map(({ name }) => name),
		...FUNCTION_DOCS.map(({ name }) => name),
		...KEYWORDS.map(({ word }) => word),
		...ERROR_CODES.map(([code]) => code),
	];
	const wanted = topic.toLowerCase();
	const near = names.find((name) => distance(name.toLowerCase(), wanted) <= Math.min(2, wanted.length / 2));
	return usageError(
		`help: there is no command, table, function or keyword ${JSON.stringify(topic)}`,
		near === undefined
			? 'Topics: `commands` (at the prompt), `functions`, `keywords`, `errors`, an error code, or the name of a table or group.'
			: `Did you mean ${near}?`,
	);
}
