// The names of the commands and their aliases, as other shells spell them. This file also decides which part of a line
// is SQL and which is a command. The commands themselves are in commands/.
import { splitStatements, tokenize } from '../sql/sql-light.ts';

export const COMMAND_NAMES = [
	...['help', 'tables', 'schema', 'show', 'curl', 'tail', 'save', 'run', 'queries', 'mode', 'param', 'wait', 'g', 'gx'],
	...['capture', 'pause', 'resume', 'clear', 'open', 'quit', 'expect', 'set', 'settings'],
	...['maxrows', 'width', 'nullvalue', 'headers', 'timer', 'separator', 'pager', 'last', 'expanded'],
	...['output', 'once', 'export', 'report', 'print', 'read', 'status', 'doctor', 'echo', 'bail', 'record'],
	...['connect', 'store'],
	...['next', 'prev', 'conn', 'diff', 'copy', 'watch', 'chart', 'edit', 'tour'],
] as const;

export type CommandName = (typeof COMMAND_NAMES)[number];

/**
 * Aliases of the commands. A word in capitals after the first word is a required argument. Aliases that do not begin
 * with . or \ are recognised only when no statement is open.
 */
export const COMMAND_FORMS: { readonly [N in CommandName]?: readonly string[] } = {
	help: ['\\?', '\\h', '.h', 'help', 'help TOPIC', '?'],
	tables: ['\\dt', '\\d', '\\dt+', '\\dv', 'show tables'],
	schema: ['\\d TABLE', '\\d+ TABLE', 'show columns from TABLE', 'pragma table_info(TABLE)'],
	param: ['.parameter'],
	expanded: ['\\x', '.x'],
	g: ['\\g'],
	gx: ['\\gx', '\\G'],
	watch: ['\\watch'],
	chart: ['\\chart'],
	edit: ['\\e', '.e'],
	timer: ['\\timing'],
	output: ['\\o'],
	print: ['\\echo', '\\qecho'],
	read: ['\\i', '\\ir'],
	status: ['\\conninfo'],
	quit: ['.exit', '.q', '\\q', 'quit', 'exit', 'quit()', 'exit()', ':q'],
};

/** Commands that may end a statement, as in `SELECT 1 \gx`, and run it. */
const ENDINGS: ReadonlySet<CommandName> = new Set(['g', 'gx', 'watch', 'chart']);

export type ReadLine = {
	/** The part of the line before the command; all of it if there is none. */
	readonly sql: string;
	/** The command as it was typed. */
	readonly command: string | undefined;
	/** Whether the command runs the statement that the line ends. */
	readonly ends: boolean;
};

export type NamedCommand = {
	/** The first word, as it was typed. */
	readonly word: string;
	/** Undefined if there is no such command. */
	readonly name: CommandName | undefined;
	readonly argument: string;
};

type Form = { readonly name: CommandName; readonly word: string; readonly hasArgument: boolean };

const ALL_FORMS = COMMAND_NAMES.flatMap((name) =>
	[`.${name}`, ...(COMMAND_FORMS[name] ?? [])].map((form) => ({ name, form })),
);

/** Aliases that are one word, with or without an argument. */
const FORMS: readonly Form[] = ALL_FORMS.filter(({ form }) => isWord(form)).map(({ name, form }) => {
	const [word = '', ...rest] = form.split(' ');
	return { name, word, hasArgument: rest.length > 0 };
});

/** Aliases of several words. */
const SENTENCES = ALL_FORMS.filter(({ form }) => !isWord(form)).map(({ name, form }) => {
	return { name, pattern: sentencePattern(form) };
});

/** All first words of commands that begin with . or \. */
export const COMMAND_WORDS: readonly string[] = [...new Set(FORMS.map(({ word }) => word))];

const WORDS: ReadonlySet<string> = new Set(COMMAND_WORDS);

/**
 * Finds the command in a line. `open` is the text of the incomplete statement before the line. A line is a command if
 * it begins with a dot (inside a statement: with the name of a command, outside quotes and comments). A backslash
 * outside quotes and comments begins a command anywhere.
 */
export function readLine(open: string, line: string): ReadLine {
	const isInside = splitStatements(open).length > 0;
	if (isCommandLine(line, isInside) && (!isInside || tokenize(`${open}\n`).at(-1)?.closed === true))
		return { sql: '', command: line.trim(), ends: false };
	const at = line.includes('\\') ? backslashIn(open, line) : undefined;
	if (at === undefined) return { sql: line, command: undefined, ends: false };
	const command = line.slice(at).trim();
	return { sql: line.slice(0, at).trimEnd(), command, ends: endsStatement(command) };
}

/**
 * Whether the whole of `line`, which begins outside quotes and comments, is a command. `isInside`: a statement is
 * open.
 */
export function isCommandLine(line: string, isInside: boolean): boolean {
	if (!/^\s*\./.test(line)) return !isInside && sentence(line) !== undefined;
	if (/^\s*\.\d/.test(line)) return false;
	const [word = ''] = /^\S*[^\s;]/.exec(line.trim()) ?? [];
	return !isInside || WORDS.has(word);
}

/** Whether a backslash command runs the statement before it. */
export function endsStatement(command: string): boolean {
	const { name } = namedCommand(command);
	return name !== undefined && ENDINGS.has(name);
}

/** Resolves the name of a command and separates its argument. */
export function namedCommand(command: string): NamedCommand {
	const text = command.trim();
	const match = /^(\.\S*?|\\[^\s\\]*?)(;?)(?:\s+([\s\S]*))?$/.exec(text);
	const said = match === null ? sentence(text) : undefined;
	if (said !== undefined) return { word: text, ...said };
	const word = match?.[1] ?? text;
	const argument = match?.[3] ?? '';
	const forms = FORMS.filter((form) => form.word === word);
	const form = forms.find(({ hasArgument }) => hasArgument === (argument !== '')) ?? forms[0];
	return { word, name: form?.name, argument };
}

function isWord(form: string): boolean {
	return /^[.\\]/.test(form);
}

/** The position of the first backslash in `line` that is outside quotes and comments. `open`: the lines before it. */
export function backslashIn(open: string, line: string): number | undefined {
	const start = open === '' ? 0 : open.length + 1;
	const text = open === '' ? line : `${open}\n${line}`;
	const token = tokenize(text).find((each) => each.start >= start && each.kind === 'bad' && text[each.start] === '\\');
	return token === undefined ? undefined : token.start - start;
}

function sentence(line: string): { readonly name: CommandName; readonly argument: string } | undefined {
	for (const { name, pattern } of SENTENCES) {
		const match = pattern.exec(line.trim());
		if (match !== null) return { name, argument: (match[1] ?? '').replace(/^(["'`]?)(.*)\1$/, '$2') };
	}
	return undefined;
}

/** Turns `pragma table_info(TABLE)` into a pattern that captures the argument. */
function sentencePattern(form: string): RegExp {
	const words = form
		.replace(/[.*+?^${}|\\[\]]/g, '\\$&')
		.replace(/[()]/g, '\\s*\\$&\\s*')
		.replaceAll(' ', '\\s+')
		.replace(/[A-Z]+/, '([^\\s;()]+)');
	return new RegExp(`^${words}\\s*;?$`, 'i');
}
