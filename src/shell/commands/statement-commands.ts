// Commands that end a statement, or run the last one again.
import { usageError } from '../../base/errors.ts';
import { CHART_KINDS, type ChartKind } from '../../output/chart/chart.ts';
import { readChartWish } from '../../output/chart/chart-wish.ts';
import { standardOutput } from '../../output/output-stream.ts';
import type { NamedScript } from '../query-values.ts';
import { listQueries } from '../saved-queries.ts';
import type { ShellSession } from '../shell-session.ts';
import { watchStatement } from '../watch.ts';
import type { CommandGroup } from './command.ts';
import { withSavedQuery } from './query-commands.ts';

const CHART_ARGUMENT = new RegExp(`^(${CHART_KINDS.join('|')}(?=\\s|$))?\\s*([\\s\\S]*)$`);

export const STATEMENT_COMMANDS: CommandGroup = {
	title: 'Statements',
	commands: [
		{
			name: 'g',
			usage: 'STATEMENT \\g [FILE | "|" COMMAND]',
			description:
				'run the statement, as ; does, and write its result to FILE or COMMAND; alone: run the last one again',
			example: 'SELECT * FROM exchanges \\g | less',
			argument: 'file',
			run: async (shell, argument, table, sql, inScript) => {
				if (argument !== '') await table.run(shell, `.once ${argument}`, inScript);
				await shell.run(sql ?? lastStatement(shell));
				return undefined;
			},
		},
		{
			name: 'gx',
			usage: 'STATEMENT \\gx',
			description: 'run the statement and print one column per line; alone: run the last one again',
			example: 'SELECT * FROM exchanges LIMIT 1 \\gx',
			run: async (shell, argument, _table, sql) => {
				expectNothing('\\gx', argument);
				await shell.run(sql ?? lastStatement(shell), true);
				return undefined;
			},
		},
		{
			name: 'watch',
			usage: '.watch [SECONDS] STATEMENT | NAME',
			description:
				'run a statement or saved query every 2 seconds (or SECONDS) and redraw its result in place until q or Ctrl-C',
			example: '.watch 1 SELECT status, count(*) FROM exchanges GROUP BY status',
			promptOnly: true,
			argument: 'statement',
			run: async (shell, argument, _table, sql) => {
				const [, seconds, statement = ''] = /^(\d+(?:\.\d+)?(?=\s|$))?\s*([\s\S]*)$/.exec(argument)!;
				const everyMs = Number(seconds ?? 2) * 1000;
				if (everyMs < 100 || everyMs > 86_400_000)
					throw usageError(`.watch: expected 0.1 to 86400 seconds, got ${seconds}`);
				const watch = async (watched: string) => await watchStatement(shell, standardOutput(), watched, everyMs);
				const text = statement.replace(/;\s*$/, '');
				const named = savedQueryIn(shell, text);
				if (named === undefined) await watch(text || sql || lastStatement(shell));
				else await withSavedQuery(shell, named, async (script) => await watch(onlyStatement('.watch', script)));
				return undefined;
			},
		},
		{
			name: 'chart',
			usage: `.chart [${CHART_KINDS.join(' | ')}] [STATEMENT | NAME]`,
			description:
				'draw the result of a statement or saved query (alone: of the last one): lines over time, bars by category, a histogram of one column of numbers, a heat map of times and numbers',
			example: '.chart SELECT host, count(*) FROM exchanges GROUP BY host',
			argument: 'statement',
			run: async (shell, argument, _table, sql) => {
				const [, kind, statement = ''] = CHART_ARGUMENT.exec(argument)!;
				const draw = async (drawn: string, charts: readonly string[] = []) => {
					await shell.run(drawn, false, (kind as ChartKind | undefined) ?? readChartWish(charts) ?? 'any');
				};
				const text = statement.replace(/;\s*$/, '');
				const named = savedQueryIn(shell, text);
				if (named === undefined) await draw(text || sql || lastStatement(shell));
				else
					await withSavedQuery(
						shell,
						named,
						async (script) => await draw(onlyStatement('.chart', script), script.header.charts),
					);
				return undefined;
			},
		},
		{
			name: 'edit',
			usage: '[STATEMENT] \\e',
			description: 'edit the typed statement in $VISUAL or $EDITOR; alone: edit the last one',
			example: 'SELECT path FROM exchanges \\e',
			promptOnly: true,
			// An editor can write any file and start any program.
			unsafe: true,
			run: async (shell, argument) => {
				expectNothing('\\e', argument);
				if (shell.editStatement === undefined) throw usageError('\\e works only at the prompt');
				await shell.editStatement();
				return undefined;
			},
		},
	],
};

/** The part of `NAME …` or `.run NAME …` after `.run`; undefined if the text is a statement. */
function savedQueryIn(shell: ShellSession, text: string): string | undefined {
	const [, run, named = ''] = /^(\.run\b)?\s*([\s\S]*)$/.exec(text) ?? [];
	if (run !== undefined) return named;
	const [name] = named.split(/\s/, 1);
	return listQueries(shell.options.directories.queries).some((query) => query.name === name) ? named : undefined;
}

/** Throws a UserError unless the script is one statement, which alone can be redrawn or drawn. */
function onlyStatement(command: string, { name, steps }: NamedScript): string {
	const [step, ...others] = steps;
	if (step?.type === 'statement' && others.length === 0) return step.sql;
	throw usageError(`${command}: expected a query of one statement, and ${name} has ${steps.length} steps`);
}

/** Throws a UserError if no statement has run yet. */
export function lastStatement({ last }: ShellSession): string {
	if (last === undefined) throw usageError('expected a statement, got none', 'No statement has run yet.');
	return last.sql;
}

function expectNothing(command: string, argument: string): void {
	if (argument !== '') throw usageError(`${command}: expected nothing after it, got ${JSON.stringify(argument)}`);
}
