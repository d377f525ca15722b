// Commands about the settings of the shell.
import { forTerminal } from '../../output/terminal-text.ts';
import { SETTING_NAMES, SETTINGS, settingName } from '../shell-settings.ts';
import type { CommandGroup } from './command.ts';

export const SETTING_COMMANDS: CommandGroup = {
	title: 'Settings',
	commands: [
		{
			name: 'set',
			usage: '.set [NAME [VALUE]]',
			description: 'change a setting, or print it; without NAME, list all',
			example: '.set timezone local',
			argument: 'setting',
			run: async (shell, argument, table) => {
				const [, name, value] = /^(\S+)(?:\s+([\s\S]*))?$/.exec(argument) ?? [];
				if (name === undefined) return await table.run(shell, '.settings', true);
				if (value === undefined) shell.tell(`${forTerminal(shell.settings.print(settingName(name)))}\n`);
				else shell.settings.set(name, value);
				return undefined;
			},
		},
		{
			name: 'settings',
			usage: '.settings',
			description: 'list the settings and their values',
			example: '.settings',
			run: async (shell) => {
				const width = Math.max(...SETTING_NAMES.map((name) => name.length));
				const values = SETTING_NAMES.map((name) => forTerminal(shell.settings.print(name)));
				const valueWidth = Math.max(...values.map((value) => value.length));
				const lines = SETTING_NAMES.map(
					(name, i) => `  ${name.padEnd(width)}  ${values[i]!.padEnd(valueWidth)}  ${SETTINGS[name].description}\n`,
				);
				await shell.sink.write(lines.join(''));
				return undefined;
			},
		},
	],
};
