// Commands about how results are shown.
import { RESULT_FORMATS } from '../../output/result-format.ts';
import type { CommandGroup } from './command.ts';

export const RESULT_COMMANDS: CommandGroup = {
	title: 'Results',
	commands: [
		{
			name: 'mode',
			usage: '.mode FORMAT',
			description: `set the output format: ${RESULT_FORMATS.map(({ name }) => name).join(', ')}`,
			example: '.mode json',
			argument: 'format',
			run: (shell, argument) => {
				shell.settings.set('mode', argument);
				return undefined;
			},
		},
	],
};
