// Commands about tables and their columns.
import { UserError } from '../../base/errors.ts';
import { forTerminal } from '../../output/terminal-text.ts';
import { TABLES } from '../../store/database.ts';
import type { Column } from '../../store/table.ts';
import type { CommandGroup } from './command.ts';

export const TABLE_COMMANDS: CommandGroup = {
	title: 'Tables',
	commands: [
		{
			name: 'tables',
			usage: '.tables',
			description: 'list tables and views',
			example: '.tables',
			run: async (shell) => {
				const own = shell.threads.ownTables.map(
					({ name, isView }) => `${forTerminal(name)} (${isView ? 'view' : 'temporary'})`,
				);
				await shell.sink.write(`${[...TABLES.map(({ name }) => name), ...own].join('\n')}\n`);
				return undefined;
			},
		},
		{
			name: 'schema',
			usage: '.schema [TABLE]',
			description: 'list the columns of a table, or of all tables',
			example: '.schema exchanges',
			argument: 'table',
			run: async (shell, argument) => {
				await shell.sink.write(schemaText(argument, [...TABLES, ...shell.threads.ownTables]));
				return undefined;
			},
		},
	],
};

/** The columns of a table, of all tables for an empty name. */
export function schemaText(argument: string, all: readonly { name: string; columns: readonly Column[] }[]): string {
	const wanted = argument.replace(/;$/, '').toLowerCase();
	const tables = all.filter(({ name }) => wanted === '' || name.toLowerCase() === wanted);
	if (tables.length === 0) {
		throw new UserError(
			`there is no table ${JSON.stringify(argument)}`,
			'ERR_NO_TABLE',
			`Tables: ${all.map(({ name }) => name).join(', ')}.`,
		);
	}
	return tables
		.map(({ name, columns }) => {
			const nameWidth = Math.max(...columns.map((column) => forTerminal(column.name).length));
			const lines = columns.map((column) =>
				`  ${forTerminal(column.name).padEnd(nameWidth)}  ${column.type.padEnd(8)}  ${column.description}`.trimEnd(),
			);
			return `${forTerminal(name)}\n${lines.map((line) => `${line}\n`).join('')}`;
		})
		.join('\n');
}
