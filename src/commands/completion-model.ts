// What a shell can complete on tinytap's command line, read from the table of its commands and options.
import type { Command, Option } from 'commander';
import { EXPORT_FORMATS } from '../output/export-format.ts';
import { RESULT_FORMATS } from '../output/result-format.ts';
import { REPORTS } from '../output/test-report.ts';
import { FLEET_ACTIONS } from './fleet-options.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type ShellName = (typeof SHELLS)[number];

/**
 * What can be written in a place: nothing, anything (not completed), files, users, names of saved queries, parameters of the
 * query on the line, or these words.
 */
export type Kind = 'none' | 'any' | 'file' | 'user' | 'query' | 'query or file' | 'parameter' | readonly string[];

export type CompletedOption = {
	/** `--format`, and `-h` where there is a short form. */
	readonly names: readonly string[];
	readonly description: string;
	readonly value: Kind;
	/** As help names it: `size`; '' if it takes none. */
	readonly valueName: string;
	/** It may be given without its value. */
	readonly isOptional: boolean;
};

export type CompletedCommand = {
	/** '' for tinytap without a command. */
	readonly name: string;
	readonly description: string;
	readonly options: readonly CompletedOption[];
	readonly argument: Kind;
};

const OPTION_VALUES: Readonly<Record<string, Kind>> = {
	replay: 'file',
	record: 'file',
	config: 'file',
	metrics: 'file',
	output: 'file',
	user: 'user',
	format: RESULT_FORMATS.map(({ name }) => name),
	report: Object.keys(REPORTS).map((kind) => `${kind}=`),
	query: 'query or file',
	set: 'parameter',
	spool: 'file',
	credentials: 'file',
	ca: 'file',
};

const ARGUMENTS: Readonly<Record<string, Kind>> = {
	run: 'query or file',
	queries: 'query',
	record: 'file',
	info: 'file',
	merge: 'file',
	diff: 'file',
	query: 'any',
	fleet: FLEET_ACTIONS,
	completion: SHELLS,
};

/** The program and its commands. */
export function completedCommands(program: Command): CompletedCommand[] {
	const names = program.commands.map((command) => command.name());
	return [program, ...program.commands].map((command) => {
		const isProgram = command === program;
		return {
			name: isProgram ? '' : command.name(),
			description: command.description(),
			options: command
				.createHelp()
				.visibleOptions(command)
				.map((option) => completedOption(option, command.name())),
			argument: isProgram || command.name() === 'help' ? names : (ARGUMENTS[command.name()] ?? 'none'),
		};
	});
}

function completedOption(
	{ short, long, flags, description, required, optional }: Option,
	command: string,
): CompletedOption {
	const takesValue = required || optional;
	const isExportFormat = command === 'export' && long === '--format';
	const value = isExportFormat ? EXPORT_FORMATS.map(({ name }) => name) : OPTION_VALUES[(long ?? '').slice(2)];
	return {
		names: [short, long].filter((name) => name !== undefined),
		description,
		value: takesValue ? (value ?? 'any') : 'none',
		valueName: /[<[]([^>\]]+)/.exec(flags)?.[1] ?? '',
		isOptional: optional,
	};
}
