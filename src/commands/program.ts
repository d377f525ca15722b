// The commands of tinytap and their options, as a table for commander.
import { Command } from 'commander';
import { EXIT, usageError } from '../base/errors.ts';
import { FILES, version } from '../base/installation.ts';
import { invokingUser, processUser } from '../base/invoking-user.ts';
import { EXPORT_FORMATS } from '../output/export-format.ts';
import { standardError, standardOutput } from '../output/output-stream.ts';
import { topicHelp } from '../shell/commands/commands.ts';
import { hidingNotices, queriesText } from '../shell/query-list.ts';
import { listQueries } from '../shell/saved-queries.ts';
import type { AgentCommandOptions } from './agent-plan.ts';
import { completedCommands, SHELLS } from './completion-model.ts';
import { completionScript } from './completion-scripts.ts';
import { diffCommand } from './diff-command.ts';
import { doctorCommand } from './doctor-command.ts';
import { type ExportOptions, exportCommand } from './export-command.ts';
import { FLEET_ACTIONS, type FleetOptions } from './fleet-options.ts';
import { infoCommand } from './info-command.ts';
import { type MergeOptions, mergeCommand } from './merge-command.ts';
import {
	addCaptureOptions,
	addComparingOptions,
	addEndOptions,
	addStoreOptions,
	addTelemetryOptions,
	parseOptions,
} from './options.ts';
import { queryCommand } from './query-command.ts';
import { type RecordOptions, recordCommand } from './record-command.ts';
import { type ReportOptions, reportCommand } from './report-command.ts';
import { runCommand } from './run-command.ts';
import { shellCommand } from './shell-command.ts';
import { tailCommand } from './tail-command.ts';
import type { TailOptions } from './tail-plan.ts';
import { commandHint } from './usage-hint.ts';

/** main() prints errors. */
const COMMAND_OUTPUT = {
	writeOut: (text: string) => void standardOutput().write(text),
	writeErr: () => undefined,
	getOutHelpWidth: () => standardOutput().columns ?? 80,
};

/** Takes one value per occurrence. */
const repeated = (value: string, before: string[] = []) => [...before, value];

const SET_OPTION: [string, string, (value: string, before?: string[]) => string[]] = [
	'--set <name=value>',
	'value of the parameter :name (repeatable)',
	repeated,
];

const FILE_OPTION: [string, string] = [
	'-o, --output <file>',
	'a new file; its extension gives the format (default: stdout)',
];

/** `-` is stdout. */
function fileOf(output: string | undefined): string | undefined {
	return output === '-' ? undefined : output;
}

/** What commander returns for `run`. */
type OwnRunOptions = {
	readonly set?: string[];
	readonly report?: string[];
	readonly output?: string;
	readonly unsafe?: boolean;
};

const QUERY_EXAMPLES = `
Examples:
  tinytap query "SELECT path, count(*) FROM exchanges GROUP BY ALL" --for 10s
  tinytap query "FROM exchanges WHERE status >= 500" --replay demo --format json
  tinytap query "SELECT path, duration_ms FROM exchanges" --replay demo -o paths.parquet`;

const DOCTOR_EXAMPLES = `
Examples:
  tinytap doctor                              what a capture by this user lacks
  sudo tinytap doctor --json | jq .capture    whether root can capture`;

const HELP_EXAMPLES = `
Examples:
  tinytap help tail                           a command; or a table, a function, a keyword
  tinytap help ERR_NO_PERMISSION              an error code`;

const PROGRAM_EXAMPLES = `
Examples:
  tinytap --port 8080                         capture one port, live
  tinytap --replay demo                       the bundled recording, as any user
  tinytap query "SELECT count(*) FROM exchanges" -- npm test`;

const RUN_EXAMPLES = `
Examples:
  tinytap run slow --for 30s --set top=5      a saved query; \`tinytap queries\` lists them
  tinytap run ./report.sql --replay FILE --set since=10m`;

const TAIL_EXAMPLES = `
Examples:
  tinytap tail --where "status >= 500" --bodies
  tinytap tail --messages --where "kind = 'text'"
  tinytap tail --query endpoints --every 2s    a saved query, redrawn every 2 seconds
  tinytap tail --columns "path, status" --exec 'jq -c .path'`;

const EXPORT_HELP = `
Examples:
  tinytap export --replay shop.tinytap --where "status >= 500" -o errors.har
  tinytap export --replay shop.tinytap --format pcapng | wireshark -k -i -
  tinytap export --replay shop.tinytap --keep-bodies "status >= 500" -o shop.parquet
  tinytap export --for 30s -o traffic.sql && sqlite3 traffic.db < traffic.sql`;

const REPORT_HELP = `
The page needs no network and no other file: charts, a waterfall, who calls whom,
what was lost, and a table of the exchanges with their heads and bodies.

Examples:
  tinytap report --replay shop.tinytap -o shop.html --open
  tinytap report --for 30s --port 8080 -o shop.html --where "duration_ms > 100"`;

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

const AGENT_HELP = `
Every exchange is kept in the spool until the store has confirmed it. Secrets
are redacted, except with --no-redact. Credentials for a URL: CLICKHOUSE_USER and
CLICKHOUSE_PASSWORD, or a file.

Examples:
  tinytap agent --to https://clickhouse.example.com:8443/tinytap --credentials /etc/tinytap/store
  tinytap agent --to ~/http --bodies errors --where "status >= 400"
  tinytap agent --to http://localhost:8123 --replay shop.tinytap --host-name web-1`;

const FLEET_HELP = `
ddl prints the statements that create the tables; with --store, only those that
this store still needs. init runs them. check verifies tables, rights, clocks
and versions. Credentials: CLICKHOUSE_USER and CLICKHOUSE_PASSWORD, or a file.
ddl and init create the users tinytap_agent_user and tinytap_reader_user if
TINYTAP_AGENT_PASSWORD and TINYTAP_READER_PASSWORD are set.

Examples:
  tinytap fleet ddl --cluster main --ttl 30d
  tinytap fleet init --store https://clickhouse.example.com:8443/tinytap
  tinytap fleet check --store http://localhost:8123`;

const USER_OPTION: [string, string] = ['--user <name>', 'read and write files as this user (default: the sudo user)'];

/** A command's work; resolves to the exit status. */
export type Work = () => Promise<number>;
type SetWork = (work: Work) => void;
/** Adds a command that has no options yet. */
type NewCommand = (name: string, description: string) => Command;

/**
 * The program with its commands. Parsing gives the chosen command's work to `setWork`. `afterDashes`: the words after `--`.
 */
export function createProgram(setWork: SetWork, afterDashes?: readonly string[]): Command {
	const program = new Command('tinytap')
		.description('A SQL shell over the live HTTP/1.x and HTTP/2 traffic of this host.')
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

	addStoreOptions(addCaptureOptions(program))
		.addHelpText(
			'after',
			`\nWithout a command, tinytap opens the shell and captures live. "-- PROGRAM ARG…"\nat the end starts a program and captures only it and its children; tinytap ends\nwhen the program ends and returns its exit status.\n${PROGRAM_EXAMPLES}\n\nExit status: 0 success, 1 error, 2 wrong usage, 3 loss with --strict, 4 an .expect\nfailed, 130 interrupted.`,
		)
		.action((_options: unknown, self: Command) => {
			if (self.args.length > 0)
				throw usageError(unknownCommand(program, self.args[0]!), commandHint(self.args[0]!, commandNames(program)));
			setWork(() => shellCommand(parseOptions(self, afterDashes, 'shell')));
		});
	addCapturingCommands(command, setWork, afterDashes);
	addQueries(command, setWork, afterDashes);
	addRecordingCommands(command, setWork, afterDashes);
	addAgent(command, setWork, afterDashes);
	addFleet(command, setWork);
	addHelpCommands(command, setWork, program);
	return program;
}

function addCapturingCommands(command: NewCommand, setWork: SetWork, afterDashes?: readonly string[]): void {
	const query = command('query', 'capture (or replay), run the statement, print the result')
		.argument('<sql>', 'statement, or - to read it from stdin')
		.option(...SET_OPTION)
		.option(...FILE_OPTION)
		.addHelpText('after', QUERY_EXAMPLES)
		.action((sql: string, own: { set?: string[]; output?: string }, self: Command) =>
			setWork(() => queryCommand(parseOptions(self, afterDashes), sql, own.set ?? [], fileOf(own.output))),
		);
	addEndOptions(addStoreOptions(addCaptureOptions(query)));
	const tail = command('tail', 'print each exchange as it completes')
		.option('--where <condition>', 'an SQL condition, e.g. "status >= 400"')
		.option('--columns <list>', 'columns or expressions to print')
		.option('--bodies', 'print bodies: below each line on a terminal, else as the columns req_body, res_body')
		.option('--messages', 'print each message inside exchanges: events, WebSocket, gRPC … (the rows of `messages`)')
		.option('--query <file|name>', 'what a saved query or a file with one SELECT returns for each exchange')
		.option(...SET_OPTION)
		.option('--every <duration>', 'with --query: how often a query that needs all rows runs again (default 1s)')
		.option('--exec <command>', 'start COMMAND (without a shell) and write each row to its stdin as a JSON line')
		.action((own: TailOptions, self: Command) =>
			setWork(() => tailCommand(parseOptions(self, afterDashes, 'tail'), own)),
		);
	addEndOptions(addStoreOptions(addCaptureOptions(addTelemetryOptions(tail)))).addHelpText('after', TAIL_EXAMPLES);
	const run = command('run', 'run a saved query or a script')
		.argument('<file|name>', 'a file (with a / or ending in .sql), the name of a saved query, or - for stdin')
		.option(...SET_OPTION)
		.option(
			'--report <kind=file>',
			'write what the .expect lines found to a file: junit=FILE or tap=FILE (repeatable)',
			(value: string, before: string[] = []) => [...before, value],
		)
		.option(...FILE_OPTION)
		.option('--unsafe', 'trust the script: it may write files, start programs and read files elsewhere')
		.action((name: string, own: OwnRunOptions, self: Command) =>
			setWork(() => {
				const { set: sets = [], report: reports = [], unsafe = false, output } = own;
				return runCommand(parseOptions(self, afterDashes), name, { sets, reports, unsafe, output: fileOf(output) });
			}),
		);
	addEndOptions(addStoreOptions(addCaptureOptions(run))).addHelpText('after', RUN_EXAMPLES);
	const exports = command('export', 'write exchanges, secrets redacted, in a format of other programs')
		.option('--where <condition>', 'an SQL condition, e.g. "status >= 500"')
		.option(...FILE_OPTION)
		.option('--keep-bodies <condition>', 'only exchanges for which this is true keep their bodies: "status >= 500"')
		.addHelpText('after', EXPORT_HELP)
		.action((own: ExportOptions, self: Command) => {
			const wanted = { ...own };
			// Exports have formats that results do not have.
			self.setOptionValue('format', undefined);
			setWork(() => exportCommand(parseOptions(self, afterDashes), wanted));
		});
	addEndOptions(addCaptureOptions(exports));
	const format = exports.options.find(({ long }) => long === '--format');
	if (format !== undefined) format.description = `format: ${EXPORT_FORMATS.map(({ name }) => name).join(', ')}`;
	const report = command('report', 'write a page to look at exchanges in a browser, secrets redacted')
		.option('-o, --output <file>', 'the page to write: a new file that ends in .html')
		.option('--where <condition>', 'an SQL condition, e.g. "status >= 500"')
		.option('--keep-bodies <condition>', 'only exchanges for which this is true keep their bodies: "status >= 500"')
		.option('--open', 'show the page in the browser')
		.addHelpText('after', REPORT_HELP)
		.action((own: ReportOptions, self: Command) => setWork(() => reportCommand(parseOptions(self, afterDashes), own)));
	addEndOptions(addCaptureOptions(report));
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
	addEndOptions(addCaptureOptions(addTelemetryOptions(record)));
}

function addAgent(command: NewCommand, setWork: SetWork, afterDashes?: readonly string[]): void {
	const agent = command('agent', 'send exchanges to a ClickHouse that has those of many hosts, or write files')
		.option('--to <url|dir>', 'https://HOST:PORT/DATABASE (see tinytap fleet), or a directory')
		.option('--where <condition>', 'send only exchanges that pass, e.g. "status >= 400"')
		.option('--bodies <choice>', 'of which exchanges bodies are sent: none (default), errors, sample=N (one in N), all')
		.option('--headers <names>', 'which fields are sent: all (default), none, or their names: content-type,user-agent')
		.option('--connections <choice>', 'whether rows of the table connections are sent: all (default), none')
		.option('--host-name <name>', "this host's name in the store (default: that of the system)")
		.option('--label <name=value>', 'a label for all exchanges (repeatable)', repeated)
		.option('--batch <time>', 'how long rows wait for others that are sent with them (default 5s; files: 1m)')
		.option('--spool <dir>', 'where exchanges wait until they are sent (default: agent in your state directory)')
		.option('--spool-size <size>', 'size of the spool; the oldest exchanges are dropped first (default 1GiB)')
		.option('--credentials <file>', 'a file with "user = NAME" and "password = …"')
		.option('--ca <file>', 'certificates of the authorities to trust, in PEM form')
		.addHelpText('after', AGENT_HELP)
		.action((own: AgentCommandOptions, self: Command) => {
			const wanted = { ...own };
			// Files have formats that results do not have, and --to is not a time.
			for (const name of ['format', 'to']) self.setOptionValue(name, undefined);
			setWork(async () => {
				// Loads HTTP and TLS, which other commands do not need.
				const { agentCommand } = await import('./agent-command.ts');
				return await agentCommand(parseOptions(self, afterDashes), wanted);
			});
		});
	addEndOptions(addCaptureOptions(addTelemetryOptions(agent)));
}

function addQueries(command: NewCommand, setWork: SetWork, afterDashes?: readonly string[]): void {
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
}

function addRecordingCommands(command: NewCommand, setWork: SetWork, afterDashes?: readonly string[]): void {
	command('info', 'summarize a recording, or a pcap, pcapng or HAR file')
		.argument('<file>', 'a recording, or a file of another program')
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
}

function addFleet(command: NewCommand, setWork: SetWork): void {
	command('fleet', 'prepare a ClickHouse in which the exchanges of many hosts are stored')
		.argument('<action>', FLEET_ACTIONS.join(', '))
		.option(
			'--store <url>',
			'the ClickHouse: https://HOST:PORT/DATABASE (default: port 8443, or 8123 for http; tinytap)',
		)
		.option('--cluster <name>', 'tables on each node of this cluster, and distributed ones above them')
		.option('--ttl <days>', 'delete rows after this many days, e.g. 30d, or none (default 7d)')
		.option('--portable', 'tables without what ClickHouse 18 lacks: codecs, maps, deletion, users')
		.option('--credentials <file>', 'a file with "user = NAME" and "password = …"')
		.option('--ca <file>', 'certificates of the authorities to trust, in PEM form')
		.option('--no-color', 'do not use colours (like setting NO_COLOR)')
		.option(...USER_OPTION)
		.addHelpText('after', FLEET_HELP)
		.action((action: string, own: FleetOptions) =>
			setWork(async () => {
				const { fleetCommand } = await import('./fleet-command.ts');
				return await fleetCommand(action, own);
			}),
		);
}

function addHelpCommands(command: NewCommand, setWork: SetWork, program: Command): void {
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
				const bundled = listQueries([directory]).map(({ name, header }) => ({
					name,
					parameters: header.parameters.map((parameter) => parameter.name),
				}));
				standardOutput().write(completionScript(shell, completedCommands(program), bundled));
				return EXIT.ok;
			}),
		);
	command('help', 'explain a command, a dot command, a table, an SQL function, a keyword or an error code')
		.argument('[topic]', 'what to explain; by default, list the commands')
		.addHelpText('after', HELP_EXAMPLES)
		.action((topic: string | undefined) =>
			setWork(async () => {
				printHelp(program, topic);
				return EXIT.ok;
			}),
		);
	command('version', 'print the version')
		.addHelpText('after', '\nExamples:\n  tinytap version\n  tinytap --version')
		.action(() =>
			setWork(async () => {
				standardOutput().write(`${version()}\n`);
				return EXIT.ok;
			}),
		);
	command('doctor', 'check this machine and explain how to fix problems')
		.option('--json', 'as JSON')
		.addHelpText('after', DOCTOR_EXAMPLES)
		.action((own: { json?: boolean }) => setWork(() => doctorCommand(own.json === true)));
}

/** A command's own help takes precedence over that of the dot command with the same name. */
function printHelp(program: Command, topic: string | undefined): void {
	const command = topic === undefined ? program : program.commands.find((each) => each.name() === topic);
	if (command !== undefined) command.outputHelp();
	else standardOutput().write(topicHelp(topic ?? ''));
}

function unknownCommand(program: Command, name: string): string {
	return `unknown command ${JSON.stringify(name)}: expected one of ${commandNames(program).join(', ')}`;
}

function commandNames(program: Command): string[] {
	return program.commands.map((each) => each.name());
}
