// Commands that redirect results, and commands that print text.
import { usageError } from '../../base/errors.ts';
import { exportFormat } from '../../output/export-format.ts';
import { createRedactor } from '../../output/redaction.ts';
import { forTerminal } from '../../output/terminal-text.ts';
import { EXPORT, type ExportArguments, parseExport, REPORT } from '../export-arguments.ts';
import { requirePageName } from '../report.ts';
import { openFile, openProgram, parseTarget, type ResultOutput, userPath } from '../result-output.ts';
import type { ShellSession } from '../shell-session.ts';
import type { CommandGroup } from './command.ts';

export const OUTPUT_COMMANDS: CommandGroup = {
	title: 'Output',
	commands: [
		{
			name: 'output',
			usage: '.output [--force] FILE | "|" COMMAND | off',
			description: 'write results to a new file, or to the input of a command, until .output off',
			example: '.output results.csv',
			promptOnly: true,
			trusted: true,
			unsafe: true,
			argument: 'file',
			run: async (shell, argument) => {
				const output = openTarget(shell, argument, false);
				await shell.setOutput(output, false);
				if (output !== undefined) shell.tell(`results go to ${forTerminal(output.name)}; .output off ends this\n`);
				return undefined;
			},
		},
		{
			name: 'once',
			usage: '.once [--force] FILE | "|" COMMAND',
			description: 'write the next result to a new file, or to the input of a command',
			example: ".once | grep -c ' 500 '",
			promptOnly: true,
			trusted: true,
			unsafe: true,
			argument: 'file',
			run: async (shell, argument) => {
				const output = openTarget(shell, argument, true);
				if (output === undefined) throw usageError('.once: expected FILE or | COMMAND, got nothing');
				await shell.setOutput(output, true);
				return undefined;
			},
		},
		{
			name: 'export',
			usage: '.export [--force] [--format FORMAT] [--keep-bodies "CONDITION"] [--no-redact] FILE [WHERE CONDITION]',
			description:
				'write exchanges, secrets redacted, to a new file, in the format of its extension: .har, .parquet, .pcapng, .sh (curl commands), .hurl, .raw, .sql, .csv, .json, .ndjson, .md, .html, .txt',
			example: '.export errors.har WHERE status >= 500',
			promptOnly: true,
			trusted: true,
			unsafe: true,
			argument: 'export',
			options: EXPORT.options,
			run: async (shell, argument) => {
				const parsed = parseExport(argument);
				const { file, format, where, keepBodies } = parsed;
				const path = userPath(file, shell.options.user);
				await shell.export({
					...{ path, where, keepBodies, redactor: redactorFor(shell, EXPORT.name, parsed) },
					format: exportFormat(EXPORT.name, path, format),
					force: parsed.force || shell.options.force,
				});
				return undefined;
			},
		},
		{
			name: 'report',
			usage: '.report [--force] [--keep-bodies "CONDITION"] [--no-redact] [--open] FILE.html [WHERE CONDITION]',
			description:
				'write a page to look at exchanges in a browser, secrets redacted: charts, waterfall, service map, loss, a table with every head and body; --open shows it',
			example: '.report --open slow.html WHERE duration_ms > 500',
			promptOnly: true,
			trusted: true,
			unsafe: true,
			argument: 'export',
			options: REPORT.options,
			run: async (shell, argument) => {
				const parsed = parseExport(argument, REPORT);
				const { user, force } = shell.options;
				const path = userPath(parsed.file, user);
				requirePageName(REPORT.name, path);
				const redactor = redactorFor(shell, REPORT.name, parsed);
				const { where, keepBodies, open } = parsed;
				await shell.report({ path, where, keepBodies, redactor, force: parsed.force || force }, open);
				return undefined;
			},
		},
		{
			name: 'print',
			usage: '.print TEXT',
			description: 'print a text between the results',
			example: '.print slowest endpoints:',
			argument: 'text',
			run: async (shell, argument) => {
				const text = /^(["']).*\1$/s.test(argument) && argument.length > 1 ? argument.slice(1, -1) : argument;
				await shell.sink.write(`${forTerminal(text)}\n`);
				return undefined;
			},
		},
	],
};

/** Null: secrets stay. */
function redactorFor({ options: { presentation } }: ShellSession, name: string, { redact }: ExportArguments) {
	const { redactor, redactsAll } = presentation;
	if (redact === false && redactsAll)
		throw usageError(
			`${name} --no-redact: this session shows no secrets (--redact)`,
			'Start tinytap without --redact.',
		);
	return redact === undefined ? redactor : redact ? (redactor ?? createRedactor()) : null;
}

/** Returns undefined for the screen. */
function openTarget(shell: ShellSession, argument: string, once: boolean): ResultOutput | undefined {
	const { user, force } = shell.options;
	const target = parseTarget(argument, user);
	if (target.type === 'screen') return undefined;
	if (target.type === 'file') {
		const { mode } = shell.settings.values;
		if (/\.parquet$/i.test(target.path) && mode !== 'parquet')
			throw usageError(
				`expected the format parquet for results in ${forTerminal(target.path)}, got ${mode}`,
				'Before this command: .mode parquet',
			);
		return openFile(target.path, user, force || target.force);
	}
	return openProgram(target.command, user, { onInterrupt: () => shell.cancel(), hasTerminal: once });
}
