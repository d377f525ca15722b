// Commands about saved queries and parameters.
import { usageError } from '../../base/errors.ts';
import { parseDuration } from '../../base/quantity.ts';
import { forTerminal } from '../../output/terminal-text.ts';
import { literalText, parseParameter } from '../parameters.ts';
import { findQuery, hidingNotice, listQueries, readQuery, saveQuery } from '../saved-queries.ts';
import { scriptSteps } from '../script.ts';
import { StepRunner } from '../steps.ts';
import type { CommandGroup } from './command.ts';
import { READ_COMMAND } from './read-command.ts';
import { settingCommand } from './result-commands.ts';

export const QUERY_COMMANDS: CommandGroup = {
	title: 'Saved queries and scripts',
	commands: [
		{
			name: 'run',
			usage: '.run NAME',
			description: 'run a saved query',
			example: '.run slow',
			argument: 'query',
			run: async (shell, argument, table) => {
				const query = findQuery(shell.options.directories.queries, argument);
				const notice = hidingNotice(query);
				if (notice !== undefined) shell.tell(`${forTerminal(notice)}\n`);
				const runner = new StepRunner(shell, table, { place: query.path });
				await runner.runAll(scriptSteps(readQuery(query)));
				const failure = runner.endError();
				if (failure !== undefined) throw failure;
				return undefined;
			},
		},
		READ_COMMAND,
		settingCommand('echo'),
		settingCommand('bail'),
		{
			name: 'queries',
			usage: '.queries',
			description: 'list saved queries',
			example: '.queries',
			run: async (shell) => {
				await shell.sink.write(queriesText(shell.options.directories.queries));
				return undefined;
			},
		},
		{
			name: 'save',
			usage: '.save NAME SQL',
			description: 'save a statement under a name',
			example: '.save errors SELECT * FROM exchanges WHERE status >= 500',
			promptOnly: true,
			argument: 'name and statement',
			run: async (shell, argument) => {
				const match = /^(\S+)\s+(\S[\s\S]*)$/.exec(argument);
				if (match === null) throw usageError('.save: expected a name and a statement, as in .save slow SELECT …');
				const [, name, sql] = match as unknown as [string, string, string];
				// Report errors now rather than when the query runs. Parameters have no values yet.
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
				const others = shell.parameters.filter(([each]) => each !== name);
				shell.parameters = value === '' ? others : [...others, parseParameter(`${name}=${value}`, '.param')];
				return undefined;
			},
		},
		{
			name: 'wait',
			usage: '.wait DURATION',
			description: 'wait before continuing, e.g. .wait 5s',
			example: '.wait 5s',
			run: async (shell, argument) => {
				await shell.wait(parseDuration(argument, '.wait'));
				return undefined;
			},
		},
	],
};

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
