// Commands about how results are shown.
import { RESULT_FORMATS } from '../../output/result-format.ts';
import { forTerminal } from '../../output/terminal-text.ts';
import type { CommandName } from '../command-names.ts';
import { SETTINGS, type SettingName } from '../shell-settings.ts';
import type { Command, CommandGroup } from './command.ts';

/** A command that is a shorthand for `.set NAME`. */
export function settingCommand(name: SettingName & CommandName): Command {
	const { description, values } = SETTINGS[name];
	return {
		name,
		usage: `.${name} [${values === undefined ? 'VALUE' : values.join('|')}]`,
		description: `${description}; without a value, print it`,
		example: EXAMPLES[name] ?? `.${name}`,
		words: firstOf(values ?? []),
		run: (shell, argument) => {
			if (argument === '') shell.tell(`${forTerminal(shell.settings.print(name))}\n`);
			else shell.settings.set(name, argument);
			return undefined;
		},
	};
}

/** Completes the first word of an argument. */
function firstOf(words: readonly string[]): (before: string) => readonly string[] {
	return (before) => (before === '' ? words : []);
}

const EXAMPLES: { readonly [N in SettingName]?: string } = {
	maxrows: '.maxrows 100',
	width: '.width 0 40',
	nullvalue: ".nullvalue '-'",
	headers: '.headers off',
	separator: '.separator tab',
	pager: '.pager off',
	echo: '.echo on',
	bail: '.bail off',
};

export const RESULT_COMMANDS: CommandGroup = {
	title: 'Results',
	commands: [
		{
			name: 'mode',
			usage: '.mode [FORMAT]',
			description: `set the output format: ${RESULT_FORMATS.map(({ name }) => name).join(', ')}`,
			example: '.mode json',
			argument: 'format',
			run: (shell, argument) => {
				if (argument === '') shell.tell(`${shell.settings.print('mode')}\n`);
				else shell.settings.set('mode', argument);
				return undefined;
			},
		},
		{
			name: 'last',
			usage: '.last',
			description: 'show the last result again, with all rows and columns, in the pager',
			example: '.last',
			run: async (shell) => {
				await shell.showLast();
				return undefined;
			},
		},
		{
			name: 'expanded',
			usage: '.expanded [on|off|auto]',
			description: `${SETTINGS.expanded.description}; without a value, switch it`,
			example: '.expanded auto',
			words: firstOf(SETTINGS.expanded.values ?? []),
			run: (shell, argument) => {
				const { values } = shell.settings;
				if (argument === '') values.expanded = values.expanded === 'off' ? 'on' : 'off';
				else shell.settings.set('expanded', argument);
				shell.tell(`expanded is ${values.expanded}\n`);
				return undefined;
			},
		},
		{
			name: 'timer',
			usage: '.timer [on|off]',
			description: `${SETTINGS.timer.description}; without a value, switch it`,
			example: '.timer on',
			words: firstOf(SETTINGS.timer.values ?? []),
			run: (shell, argument) => {
				const { values } = shell.settings;
				if (argument === '') values.timer = !values.timer;
				else shell.settings.set('timer', argument);
				shell.tell(`timer is ${shell.settings.print('timer')}\n`);
				return undefined;
			},
		},
		...(['maxrows', 'width', 'nullvalue', 'headers', 'separator', 'pager'] as const).map(settingCommand),
	],
};
