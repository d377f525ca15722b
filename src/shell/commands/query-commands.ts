// Commands about saved queries and parameters.
import { UserError, usageError } from '../../base/errors.ts';
import { cutToWidth, forTerminal } from '../../output/terminal-text.ts';
import { type GivenValue, literalText, parseParameter } from '../parameters.ts';
import { hidingNotices, queriesText } from '../query-list.ts';
import { loadQuery, type NamedScript, scriptValues } from '../query-values.ts';
import { checkName, findQuery, hidingNotice, saveQuery } from '../saved-queries.ts';
import { savedText } from '../saved-text.ts';
import { scriptSteps } from '../script.ts';
import type { ShellSession } from '../shell-session.ts';
import { StepRunner } from '../steps.ts';
import type { CommandGroup, CommandTable } from './command.ts';
import { READ_COMMAND } from './read-command.ts';
import { settingCommand } from './result-commands.ts';
import { WAIT_COMMAND } from './wait-command.ts';

export const QUERY_COMMANDS: CommandGroup = {
	title: 'Saved queries and scripts',
	commands: [
		{
			name: 'run',
			usage: '.run NAME [PARAMETER=VALUE …]',
			description: 'run a saved query',
			example: '.run slow top=5 since=10m',
			argument: 'query and values',
			run: async (shell, argument, table) => {
				await runSaved(shell, argument, table);
				return undefined;
			},
		},
		READ_COMMAND,
		settingCommand('echo'),
		settingCommand('bail'),
		{
			name: 'queries',
			usage: '.queries [NAME | WORDS]',
			description: 'list saved queries, or those that contain all WORDS; with NAME, describe one and its parameters',
			example: '.queries latency',
			argument: 'query',
			run: async (shell, argument) => {
				const { queries } = shell.options.directories;
				const notices = hidingNotices(queries);
				if (notices !== '') shell.tell(notices);
				const words = argument.split(/\s+/).filter((word) => word !== '');
				await shell.page(queriesText(queries, words, shell.listWidth));
				return undefined;
			},
		},
		{
			name: 'save',
			usage: '.save NAME [SQL | -- TITLE]',
			description: 'save a statement under a name, by default the last one',
			example: '.save errors SELECT * FROM exchanges WHERE status >= 500',
			promptOnly: true,
			argument: 'name and statement',
			run: async (shell, argument) => {
				await save(shell, argument);
				return undefined;
			},
		},
		{
			name: 'param',
			usage: '.param [NAME [VALUE]]',
			description: 'set :NAME for statements, or unset it if VALUE is missing; without NAME, list all',
			example: '.param since 5m',
			run: (shell, argument) => {
				const [, name, value = ''] = /^:?(\S*)\s*([\s\S]*)$/.exec(argument)!;
				if (name === '') {
					const lines = shell.parameters.map(([each, given]) => `:${each} = ${forTerminal(literalText(given))}\n`);
					shell.tell(lines.length === 0 ? 'no parameters\n' : lines.join(''));
					return undefined;
				}
				if (name === undefined || !/^[A-Za-z_]\w*$/.test(name))
					throw usageError(
						`.param: expected a name of letters, digits and _, got ${JSON.stringify(name)}`,
						'Write .param since 5m.',
					);
				const others = shell.parameters.filter(([each]) => each !== name);
				shell.parameters = value === '' ? others : [...others, parseParameter(`${name}=${value}`, '.param')];
				return undefined;
			},
		},
		WAIT_COMMAND,
	],
};

/** Runs a saved query. */
async function runSaved(shell: ShellSession, argument: string, table: CommandTable): Promise<void> {
	await withSavedQuery(shell, argument, async ({ steps }, path) => {
		const runner = new StepRunner(shell, table, { place: path });
		await runner.runAll(steps);
		const failure = runner.endError();
		if (failure !== undefined) throw failure;
	});
}

/**
 * Calls `work` with the saved query that `NAME PARAMETER=VALUE …` names, while its parameters have their values; those of
 * the session are as before afterwards.
 */
export async function withSavedQuery(
	shell: ShellSession,
	argument: string,
	work: (script: NamedScript, path: string) => Promise<void>,
): Promise<void> {
	const { name, given } = namedValues(argument);
	if (name === '') throw usageError('.run: expected the name of a saved query, got nothing', '.queries lists them.');
	const query = findQuery(shell.options.directories.queries, name);
	const notice = hidingNotice(query);
	if (notice !== undefined) shell.tell(`${forTerminal(notice)}\n`);
	const script = loadQuery(query);
	const { parameters } = shell;
	shell.parameters = scriptValues(script, given, parameters);
	try {
		await work(script, query.path);
	} finally {
		shell.parameters = parameters;
	}
}

/** `NAME a=1 b='two words'`. */
function namedValues(argument: string): { readonly name: string; readonly given: readonly GivenValue[] } {
	const [, name, rest] = /^(\S*)\s*([\s\S]*)$/.exec(argument) as unknown as [string, string, string];
	const given: GivenValue[] = [];
	let left = rest;
	while (left !== '') {
		const match = /^:?([A-Za-z_]\w*)=('(?:[^']|'')*'(?=\s|$)|[^\s']\S*|)(?:\s+|$)/.exec(left);
		if (match === null) {
			throw usageError(
				`.run: expected PARAMETER=VALUE after the name, got ${JSON.stringify(left)}`,
				left.includes("'")
					? "Write values with spaces in quotes: .run NAME path='/a b'. A quote in them is written twice."
					: `For example: .run slow top=5. .queries ${name} lists the parameters.`,
			);
		}
		given.push([match[1]!, match[2]!]);
		left = left.slice(match[0].length);
	}
	return { name, given };
}

async function save(shell: ShellSession, argument: string): Promise<void> {
	const [, name, rest] = /^(\S*)\s*([\s\S]*)$/.exec(argument) as unknown as [string, string, string];
	const title = /^--(.*)$/.exec(rest)?.[1]?.trim();
	if (name === '') {
		throw usageError(
			'.save: expected a name, got nothing',
			'.save slow keeps the last statement as slow, .save slow SELECT … another one.',
		);
	}
	checkName(name);
	const sql = title !== undefined || rest === '' ? await statementToSave(shell) : rest;
	await checkSteps(shell, sql).catch((error: unknown) => {
		throw rest === sql ? explainedAsName(error, name, sql) : error;
	});
	const { directories, user } = shell.options;
	const replaced = saveQuery(directories.userQueries, name, savedText(sql, title, shell.parameters), user);
	const shown = forTerminal(name);
	shell.tell(`${replaced ? 'replaced' : 'saved'} ${shown}; run it with .run ${shown}\n`);
	const { hides } = findQuery(directories.queries, name);
	if (hides.some(({ place }) => place === 'bundled'))
		shell.tell(`  it takes the place of the bundled query ${shown} while it exists\n`);
	// The statement is shown in case another one was meant.
	if (rest !== sql)
		shell.tell(`  ${shell.screenTheme.dim(cutToWidth(forTerminal(sql.replace(/\s+/g, ' ')), shell.listWidth - 3))}\n`);
}

/** The last statement; if it has an error that can be found without running it, the last one that ran to its end. */
async function statementToSave(shell: ShellSession): Promise<string> {
	const { last, lastComplete } = shell;
	if (last === undefined)
		throw usageError('.save: expected a statement, got none', 'Run one first, or write .save slow SELECT ….');
	if (last.sql === lastComplete || lastComplete === undefined) return last.sql;
	try {
		await checkSteps(shell, last.sql);
	} catch (error) {
		if (error instanceof UserError) return lastComplete;
		throw error;
	}
	return last.sql;
}

/** Reports errors now rather than when the query runs. Parameters have no values yet. */
async function checkSteps(shell: ShellSession, sql: string): Promise<void> {
	for (const step of scriptSteps(sql)) if (step.type === 'statement') await shell.threads.check(step.sql);
}

/** The error of a statement that is only words, because the name was meant to have several. */
function explainedAsName(error: unknown, name: string, sql: string): unknown {
	const isWords = /^[A-Za-z][\w-]*(?:\s+[\w-]+){0,3}$/.test(sql);
	if (!(error instanceof UserError) || !('position' in error) || error.position !== 0 || !isWords) return error;
	if (error.hint?.startsWith('did you mean') === true) return error;
	return usageError(
		`.save ${name}: expected a statement after the name, got ${JSON.stringify(sql)}`,
		`A name is one word, as in .save ${[name, ...sql.split(/\s+/)].join('-')}; -- begins a title.`,
	);
}
