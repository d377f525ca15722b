// Tab completion in commands and statements.
import { ERROR_CODES } from '../base/error-codes.ts';
import { systemCode, UserError } from '../base/errors.ts';
import type { InvokingUser } from '../base/invoking-user.ts';
import { listUserDirectory } from '../base/user-files.ts';
import { EXPORT_FORMATS } from '../output/export-format.ts';
import { RESULT_FORMATS } from '../output/result-format.ts';
import { completionsAt, FUNCTION_ALIASES, FUNCTION_DOCS, type Schema, type ValuesAt } from '../sql/sql-light.ts';
import { TABLES } from '../store/database.ts';
import type { NamedTable, SqlValue } from '../store/table.ts';
import type { ColumnValues, OwnTable } from '../threads/messages.ts';
import { backslashIn, COMMAND_WORDS, namedCommand } from './command-names.ts';
import type { ArgumentKind, Command } from './commands/command.ts';
import { COMMANDS } from './commands/commands.ts';
import type { Completions } from './editor/completing.ts';
import type { MenuItem } from './editor/menu.ts';
import { lineStart } from './editor/text-edits.ts';
import { splitExport } from './export-arguments.ts';
import type { ParameterType } from './parameters.ts';
import { listQueries, type QueryDirectories } from './saved-queries.ts';
import { SETTING_NAMES, SETTINGS } from './shell-settings.ts';
import { readTypedText } from './typed-text.ts';

export type CompletionContext = {
	readonly ownTables: readonly OwnTable[];
	/** All other tables. Undefined: those of this host. */
	readonly tables?: readonly NamedTable[];
	readonly queries: QueryDirectories;
	/** The user whose files are completed. Undefined: files are not completed. */
	readonly user?: InvokingUser;
	/** Finds values of a column. Undefined while a statement runs. */
	readonly values?: (wanted: ColumnValues) => Promise<readonly SqlValue[]>;
};

/** Returns the completions to offer for Tab. */
export function complete(context: CompletionContext, text: string, cursor: number): Completions {
	const start = lineStart(text, cursor);
	const line = text.slice(start, cursor);
	const at = commandStart(text.slice(0, start), line);
	if (at === undefined) {
		const isFirst = text.slice(0, start).trim() === '';
		const found =
			(isFirst ? sentenceCompletions(line, cursor, context) : undefined) ?? sqlCompletions(text, cursor, context);
		const isEmpty = isFirst && line.trim() === '';
		return isEmpty ? { ...found, items: [...found.items, ...commandItems('.')] } : found;
	}
	const [, word = '', space, argument = ''] = /^(\S+)(\s+)?(.*)$/s.exec(line.slice(at))!;
	if (space === undefined) return completions(commandItems(word), word, cursor);
	const { name } = namedCommand(`${word} x`);
	const found = COMMANDS.find((each) => each.name === name);
	const last = /\S*$/.exec(argument)![0];
	const words = found?.words?.(argument.slice(0, argument.length - last.length).trim());
	if (words !== undefined) return completions(itemsOf(words), last, cursor);
	const isOption = last.startsWith('-') || (last === '' && found?.argument === undefined);
	if (found?.options !== undefined && isOption) return completions(itemsOf(found.options), last, cursor);
	return found?.argument === undefined
		? { start: cursor, items: [] }
		: argumentCompletions(found.argument, argument, cursor, context);
}

/** Where the command in `line` begins. Undefined if there is none. */
function commandStart(before: string, line: string): number | undefined {
	const begin = /^\s*(?=[.\\](?!\d))/.exec(line);
	if (begin !== null && isOutsideQuotes(before)) return begin[0].length;
	return line.includes('\\') ? backslashIn(before, line) : undefined;
}

/** Completions in the commands that are sentences, such as `show tables`. Undefined if the line is none. */
function sentenceCompletions(line: string, cursor: number, context: CompletionContext): Completions | undefined {
	const [, topic] = /^\s*(?:help|\?)\s+(\S*)$/i.exec(line) ?? [];
	if (topic !== undefined) return completions(itemsOf(helpTopics()), topic, cursor);
	const [, shown] = /^\s*show\s+(\w*)$/i.exec(line) ?? [];
	if (shown !== undefined) return completions(itemsOf(['tables', 'columns from ']), shown.toLowerCase(), cursor);
	const [, table] = /^\s*(?:show\s+columns\s+from\s+|pragma\s+table_info\s*\(\s*)(\w*)$/i.exec(line) ?? [];
	return table === undefined ? undefined : argumentCompletions('table', table, cursor, context);
}

function itemsOf(texts: Iterable<string>): MenuItem[] {
	return [...texts].map((text) => ({ text, doc: '' }));
}

function isOutsideQuotes(before: string): boolean {
	// Inside a quote or comment, a command's name would be part of it.
	return before === '' || readTypedText(`${before}.help`).steps.some(({ type }) => type === 'command');
}

function commandItems(word: string): MenuItem[] {
	const describe = (command: Command | undefined) => command?.description ?? '';
	const byDot = COMMANDS.map((command) => ({ text: `.${command.name}`, doc: describe(command) }));
	if (!word.startsWith('\\')) return byDot;
	return COMMAND_WORDS.filter((each) => each.startsWith('\\')).map((each) => {
		const { name } = namedCommand(each);
		return { text: each, doc: describe(COMMANDS.find((command) => command.name === name)) };
	});
}

function argumentCompletions(
	kind: ArgumentKind,
	argument: string,
	cursor: number,
	context: CompletionContext,
): Completions {
	const among = (names: Iterable<string>) => completions(itemsOf(names), argument, cursor);
	const sql = (text: string) => {
		const { start, ...rest } = sqlCompletions(text, text.length, context);
		return { ...rest, start: cursor - (text.length - start) };
	};
	switch (kind) {
		case 'topic':
			return among(helpTopics());
		case 'table':
			return among(schemaOf(context.ownTables, context.tables).tables.keys());
		case 'format':
			return among(RESULT_FORMATS.map(({ name }) => name));
		case 'query':
		case 'query and values':
			return queryCompletions(kind, argument, cursor, context.queries);
		case 'condition': {
			// `--option` would be a comment in SQL.
			const condition = argument.replace(/^(?:--\w+\s+)*/, '');
			const table = /^(?:--\w+\s+)*--messages\s/.test(argument) ? 'messages' : 'exchanges';
			const found = sql(`SELECT * FROM ${table} ${/^\s*where\b/i.test(condition) ? '' : 'WHERE '}${condition}`);
			if (!/^\w*$/.test(condition)) return found;
			const begins = completions(itemsOf([/^[a-z]/.test(condition) ? 'where' : 'WHERE', 'off']), condition, cursor);
			return { ...begins, items: [...begins.items, ...found.items] };
		}
		case 'setting': {
			const [, name, value] = /^(\S+)\s+(.*)$/s.exec(argument) ?? [];
			if (name === undefined || value === undefined) return among(SETTING_NAMES);
			const known = SETTING_NAMES.find((each) => each === name.toLowerCase());
			return completions(itemsOf((known === undefined ? undefined : SETTINGS[known].values) ?? []), value, cursor);
		}
		case 'statement': {
			// .watch takes an interval and .chart a kind, then a statement or the name of a query.
			const text = argument.replace(/^(?:\d+(?:\.\d+)?|bars|line|histogram|heat)\s+/, '');
			const found = sql(text);
			const names = queryCompletions('query', text, cursor, context.queries);
			return /\s/.test(text) ? found : { ...names, items: [...found.items, ...names.items] };
		}
		case 'file':
			return fileCompletions(argument, cursor, context);
		case 'export':
			return exportCompletions(argument, cursor, context, sql);
		case 'text':
			return { start: cursor, items: [] };
		case 'name and statement': {
			const statement = /^\S+\s+(.*)$/s.exec(argument)?.[1];
			return statement === undefined ? { start: cursor, items: [] } : sql(statement);
		}
	}
}

/** Names of saved queries; after a name the parameters that have no value yet, after `parameter=` its default. */
function queryCompletions(
	kind: ArgumentKind,
	argument: string,
	cursor: number,
	directories: QueryDirectories,
): Completions {
	const queries = listQueries(directories);
	const [, name, given = ''] = /^(\S+)\s(.*)$/s.exec(argument) ?? [];
	if (name === undefined)
		return completions(
			queries.map(({ name: text, header }) => ({ text, doc: header.title })),
			argument,
			cursor,
		);
	const parameters = queries.find((query) => query.name === name)?.header.parameters;
	if (kind === 'query' || parameters === undefined) return { start: cursor, items: [] };
	const word = /\S*$/.exec(given)![0];
	const items = parameters
		.filter((parameter) => !new RegExp(`(?<=^|\\s):?${parameter.name}=\\S*\\s`).test(given))
		.flatMap(({ name: text, type, written, description }) => [
			{ text: `${text}=`, doc: `${type}  ${description}`.trimEnd() },
			...(word.startsWith(`${text}=`)
				? valuesOf(type, written).map((value) => ({ text: `${text}=${value}`, doc: '' }))
				: []),
		])
		.filter(({ text }) => text !== word);
	return completions(items, word, cursor);
}

function valuesOf(type: ParameterType, written: string | undefined): readonly string[] {
	if (type === 'bool') return ['true', 'false'];
	return written === undefined || /^null$/i.test(written) ? [] : [written];
}

/** Completes a file, then WHERE, then a condition; after --format, the formats. */
function exportCompletions(
	argument: string,
	cursor: number,
	context: CompletionContext,
	sql: (text: string) => Completions,
): Completions {
	const nothing = { start: cursor, items: [] };
	const word = /\S*$/.exec(argument)![0];
	const items = (texts: readonly string[]) => completions(itemsOf(texts), word, cursor);
	try {
		// Without the word being typed.
		const { words, file, condition } = splitExport(argument.slice(0, argument.length - word.length));
		if (condition !== undefined) return sql(`SELECT * FROM exchanges WHERE ${condition} ${word}`);
		if (words.at(-1) === '--keep-bodies') return nothing;
		if (words.at(-1) === '--format') return items(EXPORT_FORMATS.map(({ name }) => name));
		if (file === undefined) return fileCompletions(argument, cursor, context);
		return items([/^[a-z]/.test(word) ? 'where' : 'WHERE']);
	} catch (error) {
		// An open quote.
		if (error instanceof UserError) return nothing;
		throw error;
	}
}

/** Names in the directory named by the last word, or in the working directory. */
function fileCompletions(argument: string, cursor: number, { user }: CompletionContext): Completions {
	const word = /\S*$/.exec(argument)![0];
	const nothing = { start: cursor, items: [] };
	// The argument is a shell command, so its words may be anything.
	if (argument.trimStart().startsWith('|') || user === undefined) return nothing;
	const path = word.slice(0, word.lastIndexOf('/') + 1);
	try {
		const names = listUserDirectory(path === '' ? '.' : path, user, 'directories marked');
		const items = names
			// Skip hidden files unless the word begins with a dot, and names that the command would read as several
			// words.
			.filter((name) => (!name.startsWith('.') || word.slice(path.length).startsWith('.')) && !/\s/.test(name))
			.sort()
			.map((name) => ({ text: path + name, label: name, doc: '' }));
		return completions(items, word, cursor);
	} catch (error) {
		// The directory does not exist or cannot be read: offer nothing.
		if (systemCode(error) === undefined && !(error instanceof UserError)) throw error;
		return nothing;
	}
}

function helpTopics(): string[] {
	return [
		...['functions', 'keywords', 'errors'],
		...COMMANDS.map(({ name }) => name),
		...FUNCTION_DOCS.map(({ name }) => name),
		...FUNCTION_ALIASES.keys(),
		...ERROR_CODES.map(([code]) => code),
	];
}

/** The items that begin with `word`, which ends at the cursor. */
function completions(items: readonly MenuItem[], word: string, cursor: number): Completions {
	return { start: cursor - word.length, items: items.filter(({ text }) => text.startsWith(word)) };
}

/** Completions in SQL; keywords follow the case of the typed word. */
function sqlCompletions(text: string, position: number, context: CompletionContext): Completions {
	const found = completionsAt(text, position, schemaOf(context.ownTables, context.tables));
	const isSmall = /^[a-z]/.test(text.slice(found.start, position));
	const items: MenuItem[] = found.completions.map(({ kind, text: name, doc }) => ({
		text: kind === 'keyword' && isSmall ? name.toLowerCase() : name,
		doc,
	}));
	const { values } = found;
	if (values === undefined || context.values === undefined) return { start: found.start, items };
	const { start, table, column, where, typed } = values;
	const wanted = { table, column, typed, ...(where === undefined ? {} : { where }) };
	return { start, items, later: context.values(wanted).then((some) => valueItems(some, values)) };
}

/** Values written as SQL literals. */
function valueItems(values: readonly SqlValue[], { isText, suffix, typed }: ValuesAt): MenuItem[] {
	const texts = values.map((value) => {
		if (!isText) return { text: String(value), doc: '' };
		const quoted = `'${String(value).replaceAll("'", "''")}'`;
		return { text: quoted + suffix, label: quoted, doc: '' };
	});
	const order = new Intl.Collator('en', { numeric: true });
	return texts
		.filter(({ text }) => !isText || text.slice(1).toLowerCase().startsWith(typed.replaceAll("'", "''").toLowerCase()))
		.sort((one, other) => order.compare(one.text, other.text));
}

let known: { own: readonly OwnTable[]; others: readonly NamedTable[]; schema: Schema } | undefined;

/** All tables that statements can use. Equal input returns the same object. */
export function schemaOf(own: readonly OwnTable[], others: readonly NamedTable[] = TABLES): Schema {
	if (known?.own !== own || known.others !== others) {
		const tables = [...others, ...own].map(({ name, columns }) => [name, { columns }] as const);
		known = { own, others, schema: { tables: new Map(tables) } };
	}
	return known.schema;
}
