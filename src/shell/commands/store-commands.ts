// Commands about a store of many hosts.
import { usageError } from '../../base/errors.ts';
import { forTerminal } from '../../output/terminal-text.ts';
import type { CommandGroup } from './command.ts';

export const STORE_COMMANDS: CommandGroup = {
	title: 'Many hosts',
	commands: [
		{
			name: 'connect',
			usage: '.connect [URL | DIR | off]',
			description:
				'ask the ClickHouse that agents send to (https://HOST:PORT/DATABASE), or the directory that they write to; tables of this host are then local.exchanges and so on',
			example: '.connect https://clickhouse.example.com:8443/tinytap',
			promptOnly: true,
			trusted: true,
			unsafe: true,
			argument: 'text',
			words: (before) => (before === '' ? ['off'] : []),
			run: async (shell, argument) => {
				if (argument === 'off') {
					if (shell.threads.storeName === undefined) throw usageError('.connect off: no store is asked');
					await shell.threads.disconnect();
				} else if (argument !== '') await shell.connect(argument);
				const { storeName } = shell.threads;
				shell.tell(
					storeName === undefined
						? 'tables are those of this host\n'
						: `tables are those of the store ${forTerminal(storeName)}; local.exchanges is this host\n`,
				);
				return undefined;
			},
		},
		{
			name: 'store',
			usage: '.store SQL',
			description: "send a statement to the store as it is, in ClickHouse's own SQL",
			example: '.store SELECT host_name, count() FROM exchanges GROUP BY host_name',
			promptOnly: true,
			trusted: true,
			unsafe: true,
			argument: 'text',
			run: async (shell, argument) => {
				const sql = argument.replace(/;\s*$/, '');
				if (sql === '') throw usageError(".store: expected a statement of ClickHouse's SQL, got nothing");
				if (shell.threads.storeName === undefined)
					throw usageError('.store: no store is asked', '.connect URL asks one; so does tinytap --store URL.');
				await shell.runThere(sql);
				return undefined;
			},
		},
	],
};
