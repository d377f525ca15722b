// The table of dot commands. Help and completion use it, too.
import { distance } from 'fastest-levenshtein';
import { UserError, usageError } from '../base/errors.ts';
import { parseDuration, parseInteger } from '../base/quantity.ts';
import { requireProcesses } from '../capture/host-facts.ts';
import { curlLine } from '../output/curl-line.ts';
import { detailView, type ExchangeDetail } from '../output/detail-view.ts';
import { redactExchange } from '../output/redacted-exchange.ts';
import { isResultFormat, RESULT_FORMATS } from '../output/result-format.ts';
import { forTerminal } from '../output/terminal-text.ts';
import { FUNCTION_ALIASES, FUNCTION_DOCS, KEYWORDS } from '../sql/sql-light.ts';
import { TABLES } from '../store/database.ts';
import type { Column } from '../store/table.ts';
import { type CommandName, commandName } from './command-names.ts';
import { errorHelp } from './error-help.ts';
import { filtersText, parseFilters } from './filters.ts';
import { literalText, parseParameter } from './parameters.ts';
import { findQuery, hidingNotice, listQueries, readQuery, saveQuery } from './saved-queries.ts';
import { scriptSteps } from './script.ts';
import type { ShellSession } from './shell-session.ts';

export type DotCommand = {
	readonly name: CommandName;
	readonly usage: string;
	readonly description: string;
	/** Only at the prompt, not in scripts. */
	readonly promptOnly?: boolean;
	/** The kind of argument, for completion. */
	readonly argument?: 'topic' | 'table' | 'format' | 'query' | 'condition' | 'name and statement';
	/** Returns `quit` to end the shell. */
	readonly run: (shell: ShellSession, argument: string) => Promise<'quit' | undefined> | 'quit' | undefined;
};

export const DOT_COMMANDS: readonly DotCommand[] = [
	{
		name: 'help',
		usage: '.help [functions | keywords | errors | NAME]',
		description: 'list commands, functions, keywords or errors, or explain one of them',
		argument: 'topic',
		run: async (shell, argument) => {
			await shell.sink.write(argument === '' ? helpText() : (errorHelp(argument) ?? sqlHelp(argument)));
			return undefined;
		},
	},
	{
		name: 'tables',
		usage: '.tables',
		description: 'list tables and views',
		run: async (shell) => {
			const own = shell.threads.ownTables.map(
				({ name, isView }) => `${forTerminal(name)} (${isView ? 'view' : 'temporary'})`,
			);
			await shell.sink.write(`${[...TABLES.map(({ name }) => name), ...own].join('\n')}\n`);
			return undefined;
		},
	},
	{
		name: 'schema',
		usage: '.schema [TABLE]',
		description: 'list the columns of a table, or of all tables',
		argument: 'table',
		run: async (shell, argument) => {
			await shell.sink.write(schemaText(argument, [...TABLES, ...shell.threads.ownTables]));
			return undefined;
		},
	},
	{
		name: 'show',
		usage: '.show ID',
		description: 'show one exchange in full: heads, bodies, notes',
		run: async (shell, argument) => {
			const exchange = await exchangeOf(shell, '.show', argument);
			await shell.sink.write(detailView(exchange, { theme: shell.theme, raw: shell.options.presentation.raw }));
			return undefined;
		},
	},
	{
		name: 'curl',
		usage: '.curl ID',
		description: 'print the request as a curl command, secrets redacted',
		run: async (shell, argument) => {
			const exchange = await exchangeOf(shell, '.curl', argument);
			const { redactor } = shell.options.presentation;
			const { command, remarks } = curlLine(redactor === null ? exchange : redactExchange(exchange, redactor));
			await shell.sink.write(
				`${remarks.map((remark) => `# ${remark}\n`).join('')}${command === null ? '' : `${command}\n`}`,
			);
			return undefined;
		},
	},
	{
		name: 'tail',
		usage: '.tail [WHERE CONDITION] | off',
		description: 'print each exchange as it completes',
		promptOnly: true,
		argument: 'condition',
		run: (shell, argument) => {
			const condition = argument
				.replace(/;\s*$/, '')
				.replace(/^where\b/i, '')
				.trim();
			if (condition.toLowerCase() === 'off') {
				shell.tell(shell.stopTail() ? 'tail is off\n' : 'no tail was running\n');
			} else shell.startTail(condition === '' ? undefined : condition);
			return undefined;
		},
	},
	{
		name: 'save',
		usage: '.save NAME SQL',
		description: 'save a statement under a name',
		promptOnly: true,
		argument: 'name and statement',
		run: async (shell, argument) => {
			const match = /^(\S+)\s+(\S[\s\S]*)$/.exec(argument);
			if (match === null) throw usageError('.save: expected a name and a statement, as in .save slow SELECT …');
			const [, name, sql] = match as unknown as [string, string, string];
			// Reports errors now rather than when the query runs. Parameters are not set yet.
			for (const step of scriptSteps(sql)) if (step.type === 'statement') await shell.threads.check(step.sql);
			const { options } = shell;
			const replaced = saveQuery(
				options.directories.userQueries,
				name,
				sql.trim().endsWith(';') ? sql : `${sql};`,
				options.user,
			);
			shell.tell(`${replaced ? 'replaced' : 'saved'} ${forTerminal(name)}; run it with .run ${forTerminal(name)}\n`);
			return undefined;
		},
	},
	{
		name: 'run',
		usage: '.run NAME',
		description: 'run a saved query',
		argument: 'query',
		run: async (shell, argument) => {
			const query = findQuery(shell.options.directories.queries, argument);
			const notice = hidingNotice(query);
			if (notice !== undefined) shell.tell(`${forTerminal(notice)}\n`);
			for (const step of scriptSteps(readQuery(query))) {
				if (step.type === 'statement') await shell.run(step.sql, step.vertical);
				else await runDotCommand(shell, step.text, true);
			}
			return undefined;
		},
	},
	{
		name: 'queries',
		usage: '.queries',
		description: 'list saved queries',
		run: async (shell) => {
			await shell.sink.write(queriesText(shell.options.directories.queries));
			return undefined;
		},
	},
	{
		name: 'mode',
		usage: '.mode FORMAT',
		description: `set the output format: ${RESULT_FORMATS.map(({ name }) => name).join(', ')}`,
		argument: 'format',
		run: (shell, argument) => {
			if (!isResultFormat(argument)) {
				throw usageError(
					`.mode: expected one of ${RESULT_FORMATS.map(({ name }) => name).join(', ')}, got ${JSON.stringify(argument)}`,
				);
			}
			shell.format = argument;
			return undefined;
		},
	},
	{
		name: 'param',
		usage: '.param [NAME [VALUE]]',
		description: 'set :NAME for statements, or unset it if VALUE is missing; without NAME, list all',
		run: (shell, argument) => {
			const [, name, value = ''] = /^:?(\S*)\s*([\s\S]*)$/.exec(argument)!;
			if (name === '') {
				const lines = shell.parameters.map(([each, given]) => `:${each} = ${forTerminal(literalText(given))}\n`);
				shell.tell(lines.length === 0 ? 'no parameters\n' : lines.join(''));
				return undefined;
			}
			const others = shell.parameters.filter(([each]) => each !== name);
			shell.parameters = value === '' ? others : [...others, parseParameter(`${name}=${value}`, '.param')];
			return undefined;
		},
	},
	{
		name: 'wait',
		usage: '.wait DURATION',
		description: 'wait before continuing, e.g. .wait 5s',
		run: async (shell, argument) => {
			await shell.wait(parseDuration(argument, '.wait'));
			return undefined;
		},
	},
	{
		name: 'capture',
		usage: '.capture [all | pid N … comm NAME … port N|N-M …]',
		description: 'set what is captured from now on',
		promptOnly: true,
		run: (shell, argument) => {
			const { recording } = shell.threads;
			if (argument === '' && recording !== undefined) {
				shell.tell(`${notCapturing(recording)}\n`);
				return undefined;
			}
			if (argument !== '') {
				requireLive(shell);
				const filters = parseFilters(argument);
				requireProcesses(filters.pids);
				shell.filters = filters;
				shell.threads.setFilters(shell.filters);
			}
			shell.tell(`capturing ${filtersText(shell.filters)}\n`);
			return undefined;
		},
	},
	{
		name: 'pause',
		usage: '.pause',
		description: 'stop capturing until .resume',
		promptOnly: true,
		run: (shell) => {
			requireLive(shell);
			shell.threads.pause();
			shell.tell('paused\n');
			return undefined;
		},
	},
	{
		name: 'resume',
		usage: '.resume',
		description: 'continue capturing after .pause',
		promptOnly: true,
		run: (shell) => {
			requireLive(shell);
			shell.threads.resume();
			shell.tell('capturing\n');
			return undefined;
		},
	},
	{
		name: 'clear',
		usage: '.clear',
		description: 'empty the tables and reset the loss counters',
		promptOnly: true,
		run: (shell) => {
			shell.clear();
			return undefined;
		},
	},
	{
		name: 'open',
		usage: '.open RECORDING',
		description: 'end the capture and open a recording',
		promptOnly: true,
		run: async (shell, argument) => {
			if (argument === '') throw usageError('.open: expected the name of a recording');
			await shell.open(argument);
			return undefined;
		},
	},
	{
		name: 'quit',
		usage: '.quit',
		description: 'exit (also .exit, Ctrl-D)',
		promptOnly: true,
		run: () => 'quit',
	},
];

/** Runs a line that begins with a dot. Throws a UserError for an unknown command. */
export async function runDotCommand(shell: ShellSession, line: string, inScript: boolean): Promise<'quit' | undefined> {
	const match = /^\.(\S*)\s*([\s\S]*)$/.exec(line.trim());
	const name = commandName(match?.[1] ?? '');
	const command = findCommand(name);
	if (inScript && command.promptOnly === true) {
		throw new UserError(`.${command.name} works only at the prompt, not in scripts`, 'ERR_PROMPT_ONLY');
	}
	return await command.run(shell, (match?.[2] ?? '').trim());
}

/** The list of saved queries as text, for `.queries` and `tinytap queries`. */
export function queriesText(directories: Parameters<typeof listQueries>[0]): string {
	const queries = listQueries(directories);
	const width = Math.max(0, ...queries.map(({ name }) => name.length));
	return queries
		.map(({ name, place, description, hides }) => {
			const hidden = place === 'project' && hides.length > 0 ? ` (hides the ${hides.join(' and the ')} query)` : '';
			return `${name.padEnd(width)}  ${place.padEnd(7)}  ${forTerminal(description)}${hidden}`.trimEnd();
		})
		.map((line) => `${line}\n`)
		.join('');
}

function notCapturing(recording: string): string {
	return `nothing is captured: the recording ${forTerminal(recording)} is open`;
}

/** Throws a UserError if a recording is open: there is no capture to change. */
function requireLive({ threads: { recording } }: ShellSession): void {
	if (recording === undefined) return;
	throw new UserError(
		notCapturing(recording),
		'ERR_NOT_CAPTURING',
		'Choose rows in SQL, e.g. WHERE local_port = 80; to capture, start tinytap without --replay.',
	);
}

/** The exchange whose id is the command's argument. */
async function exchangeOf(shell: ShellSession, command: string, argument: string): Promise<ExchangeDetail> {
	const id = parseInteger(argument, command, 1, Number.MAX_SAFE_INTEGER);
	const exchange = await shell.threads.show(id);
	if (exchange !== undefined) return exchange;
	throw new UserError(
		`there is no exchange ${id}`,
		'ERR_NO_EXCHANGE',
		'To list the ids: SELECT id, method, path, status FROM exchanges;',
	);
}

function findCommand(name: string): DotCommand {
	const wanted = name === 'exit' ? 'quit' : name;
	const command = DOT_COMMANDS.find((each) => each.name === wanted);
	if (command !== undefined) return command;
	const near = DOT_COMMANDS.find((each) => distance(each.name, name) <= 2);
	throw usageError(
		`there is no command .${name}`,
		near === undefined ? '.help lists the commands; SQL statements end with ;' : `Did you mean .${near.name}?`,
	);
}

function helpText(): string {
	const width = Math.max(...DOT_COMMANDS.map(({ usage }) => usage.length));
	const lines = DOT_COMMANDS.map(({ usage, description }) => `  ${usage.padEnd(width)}  ${description}\n`);
	return `SQL statements end with ; (or with \\G to print one column per line) and may span several lines.\n${lines.join('')}`;
}

/** For `tinytap help TOPIC`: everything .help explains, and the tables. */
export function topicHelp(topic: string): string {
	const ofErrors = errorHelp(topic);
	if (ofErrors !== undefined) return ofErrors;
	if (TABLES.some(({ name }) => name === topic.toLowerCase())) return schemaText(topic, TABLES);
	if (topic === 'commands') return helpText();
	try {
		return sqlHelp(topic);
	} catch (error) {
		if (!(error instanceof UserError)) throw error;
		throw usageError(
			`help: there is no command, table, function or keyword ${JSON.stringify(topic)}`,
			'`tinytap help` lists the commands. Other topics: `commands` (at the prompt), `functions`, `keywords`, `errors`, an error code, or the name of a table.',
		);
	}
}

/** Functions, keywords, or one of them; a command's line for its name. */
function sqlHelp(argument: string): string {
	const functions = FUNCTION_DOCS.map(({ signature, doc }) => [signature, doc] as const);
	const keywords = KEYWORDS.map(({ word, doc }) => [word, doc] as const);
	const wanted = argument.replace(/^\.|\($/g, '').toLowerCase();
	if (wanted === 'functions') return helpLines(functions);
	if (wanted === 'keywords') return helpLines(keywords);
	const name = FUNCTION_ALIASES.get(wanted) ?? wanted;
	const found = [
		...DOT_COMMANDS.filter((command) => command.name === wanted).map(
			({ usage, description }) => [usage, description] as const,
		),
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

function schemaText(argument: string, all: readonly { name: string; columns: readonly Column[] }[]): string {
	const wanted = argument.replace(/;$/, '').toLowerCase();
	const tables = all.filter(({ name }) => wanted === '' || name.toLowerCase() === wanted);
	if (tables.length === 0) {
		throw new UserError(
			`there is no table ${JSON.stringify(argument)}`,
			'ERR_NO_TABLE',
			`Tables: ${all.map(({ name }) => name).join(', ')}.`,
		);
	}
	return tables
		.map(({ name, columns }) => {
			const nameWidth = Math.max(...columns.map((column) => forTerminal(column.name).length));
			const lines = columns.map((column) =>
				`  ${forTerminal(column.name).padEnd(nameWidth)}  ${column.type.padEnd(8)}  ${column.description}`.trimEnd(),
			);
			return `${forTerminal(name)}\n${lines.map((line) => `${line}\n`).join('')}`;
		})
		.join('\n');
}
