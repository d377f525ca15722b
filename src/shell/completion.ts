// Tab completion in commands and statements.

import { ERROR_CODES } from '../base/error-codes.ts';
import { RESULT_FORMATS } from '../output/result-format.ts';
import { completionsAt, FUNCTION_DOCS, type Schema } from '../sql/sql-light.ts';
import { TABLES } from '../store/database.ts';
import type { OwnTable } from '../threads/messages.ts';
import type { ArgumentKind } from './commands/command.ts';
import { COMMANDS } from './commands/commands.ts';
import { listQueries, type QueryDirectories } from './saved-queries.ts';
import { SETTING_NAMES, SETTINGS } from './shell-settings.ts';

export type CompletionContext = {
	/** Lines of the statement before this one. */
	readonly pending: readonly string[];
	/** The whole line. */
	readonly line: string;
	readonly cursor: number;
	readonly ownTables: readonly OwnTable[];
	readonly queries: QueryDirectories;
};

/** The candidates for the last part of the line before the cursor, and that part. */
export type Completed = [completions: string[], replaced: string];

/** The completions for Tab. */
export function complete(context: CompletionContext): Completed {
	const { pending, line, cursor } = context;
	const before = line.slice(0, cursor);
	if (pending.length > 0 || !/^\s*\.(?!\d)/.test(before)) {
		const lines = pending.map((each) => `${each}\n`).join('');
		return sqlCompletions(`${lines}${line}`, lines.length + cursor, context);
	}
	const named = /^\s*(\.\w*)$/.exec(before)?.[1];
	if (named !== undefined)
		return matching(
			COMMANDS.map(({ name }) => `.${name}`),
			named,
		);
	const [, name, argument] = /^\s*\.(\w+)\s+(.*)$/s.exec(before) ?? [];
	const command = COMMANDS.find((each) => each.name === name);
	const option = /(?<=^|\s)--[\w-]*$/.exec(argument ?? '')?.[0];
	if (command?.options !== undefined && option !== undefined) return matching(command.options, option);
	return command?.argument === undefined || argument === undefined
		? [[], before]
		: argumentCompletions(command.argument, argument, context);
}

function argumentCompletions(kind: ArgumentKind, argument: string, context: CompletionContext): Completed {
	switch (kind) {
		case 'topic':
			return matching(helpTopics(), argument);
		case 'table':
			return matching([...schemaOf(context).tables.keys()], argument);
		case 'format':
			return matching(
				RESULT_FORMATS.map(({ name }) => name),
				argument,
			);
		case 'query':
			return matching(
				listQueries(context.queries).map(({ name }) => name),
				argument,
			);
		case 'condition': {
			// An option would be a comment.
			const condition = argument.replace(/^--\w+\s+/, '');
			const start = `SELECT * FROM exchanges ${/^\s*where\b/i.test(condition) ? '' : 'WHERE '}`;
			return sqlCompletions(start + condition, start.length + condition.length, context);
		}
		case 'setting': {
			const [, name, value] = /^(\S+)\s+(.*)$/s.exec(argument) ?? [];
			if (name === undefined || value === undefined) return matching(SETTING_NAMES, argument);
			const known = SETTING_NAMES.find((each) => each === name.toLowerCase());
			return matching((known === undefined ? undefined : SETTINGS[known].values) ?? [], value);
		}
		case 'statement': {
			// .watch has its seconds before the statement.
			const statement = argument.replace(/^\d+(?:\.\d+)?\s+/, '');
			return sqlCompletions(statement, statement.length, context);
		}
		case 'file':
		case 'text':
			return [[], argument];
		case 'name and statement': {
			const sql = /^\S+\s+(.*)$/s.exec(argument)?.[1];
			return sql === undefined ? [[], argument] : sqlCompletions(sql, sql.length, context);
		}
	}
}

function helpTopics(): string[] {
	return [
		...['functions', 'keywords', 'errors'],
		...COMMANDS.map(({ name }) => name),
		...FUNCTION_DOCS.map(({ name }) => name),
		...ERROR_CODES.map(([code]) => code),
	];
}

function matching(candidates: readonly string[], word: string): Completed {
	return [candidates.filter((candidate) => candidate.startsWith(word)), word];
}

/** Completions in SQL; keywords follow the case of the typed word. */
function sqlCompletions(text: string, position: number, context: CompletionContext): Completed {
	const { start, completions } = completionsAt(text, position, schemaOf(context));
	const word = text.slice(start, position);
	// Without a typed word, complete only after words that a table or column must follow.
	if (word === '' && !/\.$|\b(from|join|describe|desc|into)\s+$/i.test(text.slice(0, start))) return [[], word];
	const isSmall = /^[a-z]/.test(word);
	return [completions.map((each) => (each.kind === 'keyword' && isSmall ? each.text.toLowerCase() : each.text)), word];
}

function schemaOf({ ownTables }: CompletionContext): Schema {
	const tables = [...TABLES, ...ownTables].map(({ name, columns }) => [name, { columns }] as const);
	return { tables: new Map(tables) };
}
