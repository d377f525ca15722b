// Commands about the settings of the shell.
import { forTerminal } from '../../output/terminal-text.ts';
import { twoColumns } from '../../output/two-columns.ts';
import { saveSetting } from '../configuration.ts';
import { SETTING_NAMES, SETTINGS, settingName } from '../shell-settings.ts';
import type { CommandGroup } from './command.ts';

export const SETTING_COMMANDS: CommandGroup = {
	title: 'Settings',
	commands: [
		{
			name: 'set',
			usage: '.set [NAME [VALUE]] [--save]',
			description: 'change or print a setting; without NAME, list all; --save: keep it for later sessions',
			example: '.set timezone local --save',
			promptOnly: (argument) => argument.endsWith(' --save'),
			argument: 'setting',
			run: async (shell, argument, table) => {
				const [, text = '', save] = /^([\s\S]*?)(\s--save)?$/.exec(argument) ?? [];
				const [, name, value] = /^(\S+)(?:\s+([\s\S]*))?$/.exec(text) ?? [];
				if (name === undefined) return await table.run(shell, '.settings', true);
				if (value === undefined) shell.tell(`${forTerminal(shell.settings.print(settingName(name)))}\n`);
				else shell.settings.set(name, value);
				if (save === undefined) return undefined;
				const { configurationFile } = shell.options;
				saveSetting(configurationFile, settingName(name), shell.settings);
				shell.tell(`saved in ${forTerminal(configurationFile.path)}\n`);
				return undefined;
			},
		},
		{
			name: 'settings',
			usage: '.settings',
			description: 'list the settings and their values',
			example: '.settings',
			run: async (shell) => {
				const { theme, listWidth: width, settings } = shell;
				const widest = Math.max(...SETTING_NAMES.map((name) => name.length));
				const entries = SETTING_NAMES.map((name) => {
					const value = forTerminal(settings.print(name));
					const text = SETTINGS[name].description;
					return { name: `${name.padEnd(widest)}  ${value}`, text };
				});
				await shell.page(twoColumns(entries, { width, paintName: theme.name }));
				return undefined;
			},
		},
	],
};
