// Commands about tables and their columns.
import { distance } from 'fastest-levenshtein';
import { UserError } from '../../base/errors.ts';
import { forTerminal } from '../../output/terminal-text.ts';
import { twoColumns } from '../../output/two-columns.ts';
import type { NamedTable } from '../../store/table.ts';
import type { ShellSession } from '../shell-session.ts';
import type { CommandGroup } from './command.ts';

export const TABLE_COMMANDS: CommandGroup = {
	title: 'Tables',
	commands: [
		{
			name: 'tables',
			usage: '.tables [PATTERN]',
			description: 'list tables and views; * and % in PATTERN match anything',
			example: '.tables ex*',
			argument: 'table',
			run: async (shell, argument) => {
				const own = shell.threads.ownTables.map(
					({ name, isView }) => [name, `${forTerminal(name)} (${isView ? 'view' : 'temporary'})`] as const,
				);
				const wanted = patternOf(argument);
				const captured = shell.threads.tables.map(({ name }) => [name, name] as const);
				const found = [...captured, ...own].filter(([name]) => wanted.test(name));
				if (found.length === 0) throw noTable(argument, allTables(shell));
				await shell.page(`${found.map(([, shown]) => shown).join('\n')}\n`);
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
				await shell.page(schemaText(argument, allTables(shell), shell.listWidth));
				return undefined;
			},
		},
	],
};

/** All tables that a statement can use. */
export function allTables({ threads }: ShellSession): readonly NamedTable[] {
	return [...threads.tables, ...threads.ownTables];
}

/** The columns of a table, or of all tables if `argument` is empty, wrapped at `width`. */
export function schemaText(argument: string, all: readonly NamedTable[], width = Number.POSITIVE_INFINITY): string {
	const wanted = argument.replace(/;$/, '').toLowerCase();
	const tables = all.filter(({ name }) => wanted === '' || name.toLowerCase() === wanted);
	if (tables.length === 0) throw noTable(argument, all);
	return tables
		.map(({ name, columns }) => {
			const widest = Math.max(...columns.map((column) => forTerminal(column.name).length));
			const entries = columns.map((column) => {
				const title = `${forTerminal(column.name).padEnd(widest)}  ${column.type.padEnd(8)}`;
				return { name: title.trimEnd(), text: column.description };
			});
			return `${forTerminal(name)}\n${twoColumns(entries, { width, widest: widest + 12 })}`;
		})
		.join('\n');
}

/** `*` and `%` match anything. An empty text matches everything. */
function patternOf(text: string): RegExp {
	const escaped = text.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/[*%]/g, '.*');
	return new RegExp(`^${escaped === '' ? '.*' : escaped}$`, 'i');
}

function noTable(argument: string, all: readonly NamedTable[]): UserError {
	const near = all.find(({ name }) => distance(name.toLowerCase(), argument.toLowerCase()) <= 2);
	return new UserError(
		`there is no table ${JSON.stringify(argument)}`,
		'ERR_NO_TABLE',
		near === undefined ? `Tables: ${all.map(({ name }) => name).join(', ')}.` : `Did you mean ${near.name}?`,
	);
}
