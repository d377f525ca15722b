// The command line: parses the arguments and sets the exit status. The commands are in src/commands.
import { setFlagsFromString } from 'node:v8';
import { Command, CommanderError } from 'commander';
import { EXIT, UserError, usageError } from './base/errors.ts';
import { FILES, version } from './base/installation.ts';
import { invokingUser, processUser } from './base/invoking-user.ts';
import { launch } from './base/launch.ts';
import { explainedByDirectory } from './base/working-directory.ts';
import { loadNativeAddon } from './capture/native-addon.ts';
import { explainedByLimits } from './capture/process-limits.ts';
import { completedCommands, SHELLS } from './commands/completion-model.ts';
import { completionScript } from './commands/completion-scripts.ts';
import { diffCommand } from './commands/diff-command.ts';
import { doctorCommand } from './commands/doctor-command.ts';
import { infoCommand } from './commands/info-command.ts';
import { type MergeOptions, mergeCommand } from './commands/merge-command.ts';
import { addCaptureOptions, addComparingOptions, addEndOptions, parseOptions } from './commands/options.ts';
import { queryCommand } from './commands/query-command.ts';
import { type RecordOptions, recordCommand } from './commands/record-command.ts';
import { runCommand } from './commands/run-command.ts';
import { shellCommand } from './commands/shell-command.ts';
import { tailCommand } from './commands/tail-command.ts';
import type { TailOptions } from './commands/tail-plan.ts';
import { commandHint, usageHint } from './commands/usage-hint.ts';
import { standardError, standardOutput } from './output/output-stream.ts';
import { createTheme, wantsColor } from './output/theme.ts';
import { topicHelp } from './shell/commands/commands.ts';
import { errorText, outputError } from './shell/error-text.ts';
import { hidingNotices, queriesText } from './shell/query-list.ts';
import { listQueries } from './shell/saved-queries.ts';

// Needed when tinytap is started without the flags of bin/tinytap. It also applies to the threads, which start later.
setFlagsFromString('--disallow-code-generation-from-strings');
// Otherwise Node would open a debugger port, through which everybody on this host could run code as root.
process.on('SIGUSR1', () => undefined);

const words = process.argv.slice(2);
const dashes = words.indexOf('--');
/** Arguments for tinytap, and those for the program it starts. */
const own = dashes < 0 ? words : words.slice(0, dashes);
const afterDashes = dashes < 0 ? undefined : words.slice(dashes + 1);
/** commander passes tinytap's arguments on in a single call, so their number is limited. */
const ARGUMENTS_MAX = 10_000;

/** main() prints errors. */
const COMMAND_OUTPUT = {
	writeOut: (text: string) => void standardOutput().write(text),
	writeErr: () => undefined,
	getOutHelpWidth: () => standardOutput().columns ?? 80,
};

/** Takes one value per occurrence. */
const SET_OPTION: [string, string, (value: string, before?: string[]) => string[]] = [
	'--set <name=value>',
	'value of the parameter :name (repeatable)',
	(value, before = []) => [...before, value],
];

const RUN_EXAMPLES = `
Examples:
  tinytap run slow --for 30s --set top=5      a saved query; \`tinytap queries\` lists them
  tinytap run ./report.sql --replay FILE --set since=10m`;

const TAIL_EXAMPLES = `
Examples:
  tinytap tail --where "status >= 500" --bodies
  tinytap tail --query endpoints --every 2s    a saved query, redrawn every 2 seconds
  tinytap tail --columns "path, status" --exec 'jq -c .path'`;

const QUERIES_HELP = `
Saved queries are files NAME.sql, looked for in .tinytap/queries of the working
directory, in ~/.config/tinytap/queries, and among those that come with tinytap.

Examples:
  tinytap queries latency                     those about latency
  tinytap queries slow                        what slow shows, and its parameters
  tinytap run slow --replay FILE --set top=5`;

const DIFF_HELP = `
It runs the saved query diff: a row for each endpoint that is new or gone, became
slower, or answers with other statuses, content types or JSON keys.
\`tinytap queries diff\` describes its parameters.

Examples:
  tinytap diff before.tinytap after.tinytap
  tinytap diff before.tinytap after.tinytap --set factor=2 --format json`;

const USER_OPTION: [string, string] = ['--user <name>', 'read and write files as this user (default: the sudo user)'];

/** A command's work; resolves to the exit status. */
type Work = () => Promise<number>;
type SetWork = (work: Work) => void;
/** Adds a command that has no options yet. */
type NewCommand = (name: string, description: string) => Command;

function createProgram(setWork: SetWork): Command {
	const program = new Command('tinytap')
		.description('A SQL shell over the live HTTP/1.x traffic of this host.')
		.version(version(), '-V, --version', 'print the version')
		.helpOption('-h, --help', 'show this help')
		.helpCommand(false)
		.enablePositionalOptions()
		// Allowed, so that a mistyped command gets an error of its own.
		.allowExcessArguments(true)
		.showSuggestionAfterError(true)
		.exitOverride()
		.configureOutput(COMMAND_OUTPUT);
	const command: NewCommand = (name, description) =>
		program
			.command(name)
			.description(description)
			.helpOption('-h, --help', 'show this help')
			.allowExcessArguments(false)
			.exitOverride()
			.configureOutput(COMMAND_OUTPUT);

	addCaptureOptions(program)
		.addHelpText(
			'after',
			`\nWithout a command, tinytap opens the shell and captures live. "-- PROGRAM ARG…"\nat the end starts a program and captures only it and its children; tinytap ends\nwhen the program ends and returns its exit status.\n\nExit status: 0 success, 1 error, 2 wrong usage, 3 loss with --strict, 4 an .expect\nfailed, 130 interrupted.`,
		)
		.action((_options: unknown, self: Command) => {
			if (self.args.length > 0)
				throw usageError(unknownCommand(program, self.args[0]!), commandHint(self.args[0]!, commandNames(program)));
			setWork(() => shellCommand(parseOptions(self, afterDashes)));
		});
	addCapturingCommands(command, setWork);
	addOtherCommands(command, setWork, program);
	return program;
}

function addCapturingCommands(command: NewCommand, setWork: SetWork): void {
	const query = command('query', 'capture (or replay), run the statement, print the result')
		.argument('<sql>', 'statement, or - to read it from stdin')
		.option(...SET_OPTION)
		.action((sql: string, own: { set?: string[] }, self: Command) =>
			setWork(() => queryCommand(parseOptions(self, afterDashes), sql, own.set ?? [])),
		);
	addEndOptions(addCaptureOptions(query));
	const tail = command('tail', 'print each exchange as it completes')
		.option('--where <condition>', 'an SQL condition, e.g. "status >= 400"')
		.option('--columns <list>', 'columns or expressions to print')
		.option('--bodies', 'print bodies: below each line on a terminal, else as the columns req_body, res_body')
		.option('--query <file|name>', 'what a saved query or a file with one SELECT returns for each exchange')
		.option(...SET_OPTION)
		.option('--every <duration>', 'with --query: how often a query that needs all rows runs again (default 1s)')
		.option('--exec <command>', 'start COMMAND (without a shell) and write each row to its stdin as a JSON line')
		.action((own: TailOptions, self: Command) => setWork(() => tailCommand(parseOptions(self, afterDashes), own)));
	addEndOptions(addCaptureOptions(tail)).addHelpText('after', TAIL_EXAMPLES);
	const run = command('run', 'run a saved query or a script')
		.argument('<file|name>', 'a file (with a / or ending in .sql), or the name of a saved query')
		.option(...SET_OPTION)
		.option(
			'--report <kind=file>',
			'write what the .expect lines found to a file: junit=FILE or tap=FILE (repeatable)',
			(value: string, before: string[] = []) => [...before, value],
		)
		.option('--unsafe', 'allow JavaScript files (not supported yet)')
		.action((name: string, own: { set?: string[]; report?: string[]; unsafe?: boolean }, self: Command) =>
			setWork(() => {
				const { set: sets = [], report: reports = [], unsafe = false } = own;
				return runCommand(parseOptions(self, afterDashes), name, { sets, reports, unsafe });
			}),
		);
	addEndOptions(addCaptureOptions(run)).addHelpText('after', RUN_EXAMPLES);
	const record = command('record', 'capture into a recording, without a shell')
		.argument('<file>', 'the file to write')
		.option('--compress', 'compress the recording (gzip)')
		.option('--rotate <limits>', 'begin a new file at this size, after this time, or both: 100MiB,1h')
		.option('--keep <n>', 'with --rotate: keep only the newest files')
		.option('--where <condition>', 'keep only connections with an exchange that passes, e.g. "status >= 500"')
		.addHelpText(
			'after',
			'\nExamples:\n  tinytap record shop.tinytap --port 8080 --for 60s\n  tinytap record shop.tinytap --compress --rotate 100MiB,1h --keep 24\n  tinytap record errors.tinytap --where "status >= 500" --for 1h',
		)
		.action((file: string, own: RecordOptions, self: Command) =>
			setWork(() => recordCommand(parseOptions(self, afterDashes), file, own)),
		);
	addEndOptions(addCaptureOptions(record));
}

function addOtherCommands(command: NewCommand, setWork: SetWork, program: Command): void {
	command('queries', 'list saved queries, or describe one')
		.argument(
			'[words...]',
			'the name of a query, to describe it and its parameters; or words that a query must contain',
		)
		.option('--safe', 'ignore queries of the working directory')
		.addHelpText('after', QUERIES_HELP)
		.action((words: readonly string[], _options: unknown, self: Command) =>
			setWork(async () => {
				const { queries } = parseOptions(self, afterDashes).directories;
				standardError().write(hidingNotices(queries));
				standardOutput().write(queriesText(queries, words, standardOutput().columns ?? Number.POSITIVE_INFINITY));
				return EXIT.ok;
			}),
		);
	command('info', 'summarize a recording')
		.argument('<file>', 'a recording')
		.option('--json', 'as JSON')
		.option(...USER_OPTION)
		.addHelpText(
			'after',
			'\nExamples:\n  tinytap info traffic.tinytap\n  tinytap info traffic.tinytap --json | jq .loss',
		)
		.action((file: string, own: { json?: boolean; user?: string }) =>
			setWork(() => infoCommand(file, { json: own.json === true, user: invokingUser(own.user) })),
		);
	command('merge', 'merge several recordings into one, in order of time')
		.argument('<files...>', 'recordings of one host')
		.requiredOption('-o, --output <file>', 'the recording to write')
		.option('--compress', 'compress the recording (gzip)')
		.option('--force', 'replace an existing file')
		.option(...USER_OPTION)
		.addHelpText(
			'after',
			'\nExamples:\n  tinytap merge before.tinytap after.tinytap -o both.tinytap\n  tinytap merge shop-2026*.tinytap --compress -o shop.tinytap',
		)
		.action((files: string[], own: MergeOptions) => setWork(() => mergeCommand(files, own)));
	const diff = command('diff', 'say which endpoints changed between two recordings')
		.argument('<old>', 'the earlier recording')
		.argument('<new>', 'the later recording')
		.option(...SET_OPTION)
		.addHelpText('after', DIFF_HELP)
		.action((older: string, newer: string, own: { set?: string[] }, self: Command) =>
			setWork(() => diffCommand(parseOptions(self, afterDashes), [older, newer], own.set ?? [])),
		);
	addComparingOptions(diff);
	command('completion', 'print a script that completes the command line of tinytap')
		.argument('<shell>', 'bash, zsh or fish')
		.addHelpText(
			'after',
			'\nExamples:\n  source <(tinytap completion bash)          in ~/.bashrc; likewise for zsh\n  tinytap completion fish > ~/.config/fish/completions/tinytap.fish',
		)
		.action((name: string) =>
			setWork(async () => {
				const shell = SHELLS.find((each) => each === name);
				if (shell === undefined)
					throw usageError(`completion: expected bash, zsh or fish, got ${JSON.stringify(name)}`);
				const directory = { place: 'bundled', path: FILES.bundledQueries, user: processUser() } as const;
				const bundledNames = listQueries([directory]).map(({ name }) => name);
				standardOutput().write(completionScript(shell, completedCommands(program), bundledNames));
				return EXIT.ok;
			}),
		);
	command('help', 'explain a command, a dot command, a table, an SQL function, a keyword or an error code')
		.argument('[topic]', 'what to explain; by default, list the commands')
		.action((topic: string | undefined) =>
			setWork(async () => {
				printHelp(program, topic);
				return EXIT.ok;
			}),
		);
	command('version', 'print the version').action(() =>
		setWork(async () => {
			standardOutput().write(`${version()}\n`);
			return EXIT.ok;
		}),
	);
	command('doctor', 'check this machine and explain how to fix problems')
		.option('--json', 'as JSON')
		.action((own: { json?: boolean }) => setWork(() => doctorCommand(own.json === true)));
}

/** A command's own help takes precedence over that of the dot command with the same name. */
function printHelp(program: Command, topic: string | undefined): void {
	const command = topic === undefined ? program : program.commands.find((each) => each.name() === topic);
	if (command !== undefined) command.outputHelp();
	else standardOutput().write(topicHelp(topic ?? ''));
}

async function main(): Promise<number> {
	// This process holds the socket to the attacher.
	if (launch?.attacher !== undefined) forbidTracing();
	if (afterDashes?.length === 0) throw usageError('expected a program after --, got nothing');
	if (own.length > ARGUMENTS_MAX) throw usageError(`expected at most ${ARGUMENTS_MAX} arguments, got ${own.length}`);
	let work: Work | undefined;
	const program = createProgram((chosen) => {
		work = chosen;
	});
	try {
		await program.parseAsync([...process.argv.slice(0, 2), ...own]);
	} catch (error) {
		if (!(error instanceof CommanderError)) throw error;
		// --help and --version have already printed.
		if (error.exitCode === 0) return EXIT.ok;
		throw new UserError(
			error.message.replace(/^error: /, '').replaceAll('\n', ' '),
			'ERR_USAGE',
			usageHint(error.message),
		);
	}
	return work === undefined ? EXIT.ok : await work();
}

function unknownCommand(program: Command, name: string): string {
	return `unknown command ${JSON.stringify(name)}: expected one of ${commandNames(program).join(', ')}`;
}

function commandNames(program: Command): string[] {
	return program.commands.map((each) => each.name());
}

/**
 * How long the program's end waits for a terminal that accepts no output. A reader of a pipe may take as long as it
 * likes.
 */
const TERMINAL_MS = 10_000;

main()
	.catch((error: unknown) => {
		const sql = error instanceof Error && 'sql' in error && typeof error.sql === 'string' ? error.sql : undefined;
		return reported(error, sql);
	})
	.then(async (code) => {
		const output = standardOutput();
		const { droppedBytes } = output;
		if (output.isTTY) output.limit({ idleMs: TERMINAL_MS });
		standardError().limit({ idleMs: TERMINAL_MS });
		await output.flush();
		let status = code;
		if (code === EXIT.ok && output.failure !== undefined) status = reported(outputError(output.failure));
		else if (code === EXIT.ok && output.droppedBytes > droppedBytes) status = reported(outputError('ETIMEDOUT'));
		await standardError().flush();
		process.exit(status);
	});

function forbidTracing(): void {
	try {
		loadNativeAddon(FILES.addon).forbidTracing();
	} catch {
		// Without the addon there is no capture; whoever asks for one gets the reason.
	}
}

/** Prints an error; returns the exit status. */
function reported(found: unknown, sql?: string): number {
	const error = explainedByLimits(explainedByDirectory(found));
	const color = wantsColor(standardError(), process.env, process.argv.includes('--no-color') ? false : undefined);
	standardError().write(errorText(error, createTheme(color), sql));
	return error instanceof UserError ? error.exitCode : EXIT.runtime;
}
