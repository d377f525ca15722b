// Commands that show exchanges.
import { UserError } from '../../base/errors.ts';
import { parseInteger } from '../../base/quantity.ts';
import { curlLine } from '../../output/curl-line.ts';
import { detailView, type ExchangeDetail } from '../../output/detail-view.ts';
import { redactExchange } from '../../output/redacted-exchange.ts';
import type { ShellSession } from '../shell-session.ts';
import type { CommandGroup } from './command.ts';

export const EXCHANGE_COMMANDS: CommandGroup = {
	title: 'Exchanges',
	commands: [
		{
			name: 'tail',
			usage: '.tail [--both] [WHERE CONDITION] | off',
			description: 'print each exchange as it completes, one line each (--both: one for each side)',
			example: '.tail WHERE status >= 500',
			promptOnly: true,
			argument: 'condition',
			run: (shell, argument) => {
				const both = /^--both\b/.test(argument);
				const condition = argument
					.replace(/^--both\b\s*/, '')
					.replace(/;\s*$/, '')
					.replace(/^where\b/i, '')
					.trim();
				if (condition.toLowerCase() === 'off') {
					shell.tell(shell.stopTail() ? 'tail is off\n' : 'no tail was running\n');
				} else shell.startTail(condition === '' ? undefined : condition, both || shell.options.both);
				return undefined;
			},
		},
		{
			name: 'show',
			usage: '.show ID',
			description: 'show one exchange in full: heads, bodies, notes',
			example: '.show 12',
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
			example: '.curl 12',
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
	],
};

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
