// Writes docs/tinytap.1, the manual page, from the tables of commands, options and shell commands; --check: exit 1 if it is
// stale. Its markup is that of groff_man(7).
import { readFileSync, writeFileSync } from 'node:fs';
import { type CompletedCommand, type CompletedOption, completedCommands } from '../src/commands/completion-model.ts';
import { createProgram } from '../src/commands/program.ts';
import { COMMAND_GROUPS } from '../src/shell/commands/commands.ts';

const PAGE = new URL('../docs/tinytap.1', import.meta.url);

const text = manualPage();
if (process.argv.includes('--check')) {
	if (readFileSync(PAGE, 'utf8') !== text) {
		console.error('docs/tinytap.1 is stale: npm run generate');
		process.exitCode = 1;
	}
} else writeFileSync(PAGE, text);

function manualPage(): string {
	const program = createProgram(() => undefined);
	const [whole, ...commands] = completedCommands(program) as [CompletedCommand, ...CompletedCommand[]];
	const common = new Set(whole.options.map(({ names }) => names.at(-1)!));
	const usageOf = (name: string) =>
		program.commands
			.find((each) => each.name() === name)!
			.usage()
			.replace(/^\[options\] ?/, '');
	return [
		`.\\" Written by npm run generate.`,
		`.TH TINYTAP 1 "" "tinytap ${program.version()}" "User Commands"`,
		section('NAME', ['tinytap \\- a SQL shell over the live HTTP traffic of this host']),
		section('SYNOPSIS', [
			'.B tinytap',
			'.RI [ options ]',
			'.RB [ \\-\\-',
			'.IR program " [" argument ...]]',
			'.br',
			'.B tinytap',
			'.IR command " [" options ]',
		]),
		section('DESCRIPTION', [
			paragraph(
				'tinytap captures the HTTP/1.x traffic of the programs on this host with eBPF programs on system call tracepoints, and answers questions about it in SQL. Without a command it opens a shell. With a program after --, it starts that program, captures only it and its children, and ends when it ends, with its exit status. Capturing needs root or the capabilities of the launcher; reading a recording needs neither.',
			),
		]),
		section(
			'COMMANDS',
			commands.map((command) => commandText(command, usageOf(command.name), common)),
		),
		section('OPTIONS', [
			paragraph('These options are for tinytap without a command and for every command that captures or replays.'),
			...whole.options.map(optionLines),
		]),
		section('COMMANDS OF THE SHELL', [
			paragraph('Statements end with a semicolon. Commands begin with a dot or a backslash; .help explains each.'),
			...COMMAND_GROUPS.flatMap(({ title, commands: own }) => [
				`.SS ${quoted(title)}`,
				...own.map(({ usage, description }) => tagged(bold(usage), description)),
			]),
		]),
		section('FILES', [
			tagged(italic('~/.config/tinytap/config.toml'), 'settings of the shell and default options'),
			tagged(italic('~/.config/tinytap/rc.sql'), 'statements and commands that an interactive shell runs at its start'),
			tagged(italic('~/.config/tinytap/queries/'), 'your saved queries'),
			tagged(italic('.tinytap/queries/'), 'saved queries of a project'),
			tagged(italic('~/.local/state/tinytap/history'), 'the history of the prompt'),
		]),
		section('ENVIRONMENT', [
			tagged(bold('NO_COLOR'), 'if set, no colours are used'),
			tagged(bold('PAGER'), 'shows results and texts that are longer than the screen (default: less -FRSX)'),
			tagged(`${bold('VISUAL')}, ${bold('EDITOR')}`, 'edits a statement after \\e'),
		]),
		section('EXIT STATUS', [
			tagged(bold('0'), 'success'),
			tagged(bold('1'), 'an error'),
			tagged(bold('2'), 'wrong usage'),
			tagged(bold('3'), 'with --strict: bytes were lost'),
			tagged(bold('4'), 'an .expect in a script failed'),
			tagged(bold('130'), 'interrupted'),
		]),
		section('EXAMPLES', [
			'.nf',
			...[
				'tinytap query "SELECT path, count(*) FROM exchanges GROUP BY path" --for 10s',
				'tinytap tail --where "status >= 500"',
				'tinytap record traffic.tinytap --port 8080 --for 60s',
				'tinytap --replay traffic.tinytap',
				'tinytap run checks.sql -- npm test',
			].map(escaped),
			'.fi',
		]),
	]
		.join('\n')
		.concat('\n');
}

function section(title: string, lines: readonly string[]): string {
	return `.SH ${quoted(title)}\n${lines.join('\n')}`;
}

function paragraph(sentences: string): string {
	return `.PP\n${escaped(sentences)}`;
}

/** A term, and below it, indented, what it means. */
function tagged(term: string, meaning: string): string {
	return `.TP\n${term}\n${escaped(meaning)}`;
}

function commandText(
	{ name, description, options }: CompletedCommand,
	usage: string,
	common: ReadonlySet<string>,
): string {
	const own = options.filter(({ names }) => !common.has(names.at(-1)!));
	const list = own.map(optionLines);
	const inner = list.length === 0 ? '' : `\n.RS\n${list.join('\n')}\n.RE`;
	return `${tagged(`${bold(`tinytap ${name}`)} ${escaped(usage)}`.trimEnd(), description)}${inner}`;
}

function optionLines({ names, description, valueName, isOptional }: CompletedOption): string {
	const flags = names.map(bold).join(', ');
	const value = isOptional ? ` [${italic(valueName)}]` : ` ${italic(valueName)}`;
	return tagged(valueName === '' ? flags : `${flags}${value}`, description);
}

function bold(words: string): string {
	return `\\fB${escaped(words)}\\fR`;
}

function italic(words: string): string {
	return `\\fI${escaped(words)}\\fR`;
}

/** A text as it is: - is a minus, which can be copied, and no line is taken for a request. */
function escaped(words: string): string {
	return words
		.replaceAll('\\', '\\e')
		.replaceAll('-', '\\-')
		.replace(/^([.'])/gm, '\\&$1');
}

function quoted(title: string): string {
	return `"${escaped(title)}"`;
}
