// Every error code, its meaning and a remedy. `help ERR_…` and docs/errors.md are generated from this table.
import { constants } from 'node:os';
import { systemProblem } from './system-problem.ts';

/** Exit statuses. Scripts rely on them. */
export const EXIT = { ok: 0, runtime: 1, usage: 2, loss: 3, expectation: 4, interrupted: 130 } as const;

export type ErrorEntry = {
	/** One sentence. */
	readonly meaning: string;
	/** What to do about it. */
	readonly hint: string;
	/** Exit status of a command that ends with this error; default 1. */
	readonly exit?: number;
};

const ENTRIES = {
	ERR_USAGE: {
		meaning: 'An argument, option or dot command is not valid.',
		hint: '`tinytap --help`, `tinytap COMMAND --help` and `.help` show what is expected.',
		exit: EXIT.usage,
	},
	ERR_SCRIPT_TYPE: {
		meaning: 'The file given to `tinytap run` is not an SQL script.',
		hint: 'Write the script as SQL statements in a file that ends in .sql.',
		exit: EXIT.usage,
	},
	ERR_COMMAND: {
		meaning: 'The program after `--` or of `--exec` was not found, or may not be executed (exit status 126).',
		hint: 'Check its name, and that you are allowed to execute it.',
		exit: 127,
	},
	ERR_EXEC: {
		meaning: "The program of `tail --exec` failed. The exit status is the program's, or 128+N if signal N killed it.",
		hint: 'The program reads one JSON object per line from its stdin, until the end of its input.',
	},
	ERR_PROMPT_ONLY: {
		meaning: 'A script contains a dot command that works only at the prompt.',
		hint: 'Remove the command from the script; `tinytap` opens the prompt.',
	},
	ERR_SAFE: {
		meaning: 'With `--safe`, commands that read or write files or start programs are refused.',
		hint: 'Start tinytap without --safe.',
	},
	ERR_NOT_CAPTURING: {
		meaning: 'A command would change the live capture, but a recording is open.',
		hint: 'Choose rows in SQL; to capture, start tinytap without --replay.',
	},
	ERR_NO_QUERY: {
		meaning: 'No saved query has this name.',
		hint: '`.queries` and `tinytap queries` list the names.',
	},
	ERR_QUERY_NAME: {
		meaning: 'The name of a saved query contains characters that are not allowed, or is too long.',
		hint: 'Use at most 64 letters, digits, ".", "_" and "-", and begin with a letter or digit.',
	},
	ERR_QUERY_HEADER: {
		meaning:
			'The comment at the beginning of a saved query or script declares a parameter in a way that cannot be read.',
		hint: 'Write `-- :NAME TYPE = DEFAULT description`; docs/queries.md lists the types.',
		exit: EXIT.usage,
	},
	ERR_QUERY_PARAMETER: {
		meaning: 'A parameter of a saved query or script has no value, one of another type, or does not exist.',
		hint: '`.queries NAME` and `tinytap queries NAME` list the parameters of a query with their types.',
		exit: EXIT.usage,
	},
	ERR_NO_EXCHANGE: {
		meaning: 'No exchange has this id; it may have been evicted.',
		hint: '`SELECT id, method, path FROM exchanges` lists the ids.',
	},
	ERR_NO_BODY: {
		meaning: 'The exchange has no body that could be saved: it is empty, or none of it was captured.',
		hint: '`.show ID` says why a body is not held.',
	},
	ERR_NO_CONNECTION: {
		meaning: 'No connection has this id; it may have been evicted.',
		hint: '`SELECT id, comm, local, remote FROM connections` lists the ids.',
	},
	ERR_CLIPBOARD: {
		meaning:
			'The text cannot be copied: the setting `clipboard` is off, the output is not a terminal, or the text is too long.',
		hint: '`.set clipboard on` allows it; `.curl ID` prints the command.',
	},
	ERR_NO_TABLE: {
		meaning: 'No table has this name.',
		hint: '`.tables` lists tables and views.',
	},
	ERR_EXPECTATION: {
		meaning: 'An `.expect` in a script failed.',
		hint: 'The message gives the line, the expected value and the actual one.',
		exit: EXIT.expectation,
	},
	ERR_WAIT: {
		meaning: 'The condition of `.wait until` did not become true in time, or before the capture ended.',
		hint: 'Run the statement alone to see its value. To wait longer, write a duration after it: `.wait until SELECT … 60s`.',
	},
	ERR_CONFIGURATION: {
		meaning: 'The configuration has a mistake; the message names the file and the line.',
		hint: '`.settings` lists the settings and their values; docs/shell.md describes the file.',
		exit: EXIT.usage,
	},
	ERR_STEPS: {
		meaning:
			'After `.bail off`, statements or commands of a script failed; their errors were printed when they occurred.',
		hint: 'With `.bail on`, the default, the first error ends the script.',
	},
	ERR_LOSS: {
		meaning: 'With `--strict`: bytes or events were lost, so results may be incomplete.',
		hint: '`SELECT * FROM loss` shows why; a larger --ring-size or a filter (--port, --pid, --comm) may help.',
		exit: EXIT.loss,
	},
	ERR_INTERRUPTED: {
		meaning: 'Ctrl-C ended the command before its result was complete.',
		hint: 'Run it again; --for and --count end a capture by themselves.',
		exit: EXIT.interrupted,
	},
	ERR_LISTEN: {
		meaning: 'The address given to `--metrics-listen` cannot be listened on.',
		hint: 'Choose another port, or an address of this host.',
	},
	ERR_OUTPUT: {
		meaning: 'A result could not be written.',
		hint: 'Check that there is space left where it is written. The output printed so far is incomplete.',
	},
	ERR_FORMAT: {
		meaning: 'A result does not fit into its output format.',
		hint: 'The message says which value does not fit. Convert it (CAST), or choose another --format.',
	},
	ERR_QUERY_MEMORY: {
		meaning: 'A statement needed more memory than --max-memory leaves for statements.',
		hint: 'Select fewer columns or rows, add a LIMIT, or raise --max-memory.',
	},
	ERR_FILE_SIZE: {
		meaning: 'A file is larger than the limit for its kind.',
		hint: 'Check that it is the right file.',
	},
	ERR_PROTO: {
		meaning: 'A file given with --proto is not a protobuf schema, or refers to something that is not defined.',
		hint: 'Check the file with protoc. Imports are read relative to the directory of the file.',
	},
	ERR_NOT_A_RECORDING: {
		meaning: 'The file is not a tinytap recording.',
		hint: '`tinytap record FILE` makes one.',
	},
	ERR_RECORDING_VERSION: {
		meaning: 'The recording was made by a newer version of tinytap.',
		hint: 'Update tinytap.',
	},
	ERR_RECORDING_DAMAGED: {
		meaning: 'Part of a recording cannot be read. Everything else in it was read.',
		hint: 'If the original file is intact, copy it again.',
	},
	ERR_RECORDING_STOPPED: {
		meaning: 'A recording could not be completed, for example because the disk is full.',
		hint: 'The part already written can be replayed.',
	},
	ERR_ATTACH_LIMIT: {
		meaning: 'A recording cannot be attached: too many are, or --max-memory leaves too little memory for it.',
		hint: 'DETACH another recording, or raise --max-memory.',
	},
	ERR_STORE: {
		meaning: 'A store of many hosts does not answer, or refused a statement.',
		hint: 'Check the URL and the credentials; `tinytap fleet check --store URL` checks the rest.',
	},
	ERR_STORE_LIMIT: {
		meaning: 'A store of many hosts ended a statement, because it would take more time, memory or rows than allowed.',
		hint: 'Narrow it with WHERE, for example by ts and host_name; EXPLAIN shows what the store is asked.',
	},
	ERR_STORE_RIGHTS: {
		meaning: 'A store of many hosts refused the user name or password, or the user may not read its tables.',
		hint: 'Set CLICKHOUSE_USER and CLICKHOUSE_PASSWORD, or use --credentials FILE; `tinytap fleet check` checks rights.',
	},
	ERR_STORE_SHARD: {
		meaning: 'A shard of a store of many hosts cannot be reached, so rows would be missing.',
		hint: '`.set shards available` asks only shards that can be reached, and says so below each result.',
	},
	ERR_STORE_ONLY_HERE: {
		meaning: 'A command shows exchanges of this host, but a store of many hosts is being asked.',
		hint: '`.connect off` returns to this host; `SELECT … \\gx` shows rows of the store in full.',
	},
	ERR_AGENT_SPOOL: {
		meaning: 'Another agent uses the same spool.',
		hint: 'Give each agent a spool of its own: --spool DIR.',
	},
	ERR_MERGE: {
		meaning:
			'The recordings cannot be merged: they are from different hosts or boots, one was given twice, or one is a file of another program.',
		hint: 'Merge only recordings of one host and one boot; `tinytap info FILE` shows both.',
	},
	ERR_PLATFORM: {
		meaning: 'Live capture needs Linux.',
		hint: 'Recordings can be read on any system: `tinytap --replay FILE`.',
	},
	ERR_ADDON: {
		meaning: 'The native addon is missing or was not built for this system.',
		hint: 'Install tinytap again; in a checkout: npm run build. `tinytap doctor` checks the rest.',
	},
	ERR_OBJECT: {
		meaning: 'The BPF programs are missing, or do not match the addon.',
		hint: 'Install tinytap again; in a checkout: npm run build.',
	},
	ERR_LAUNCH: {
		meaning: 'The launcher could not prepare the session, or tinytap was started without it.',
		hint: 'Start it with `tinytap` (in a checkout: `npm start`), not with node.',
	},
	ERR_DROP: {
		meaning: 'Root privileges could not be dropped, so nothing was started.',
		hint: 'In a container, allow CAP_SETUID, CAP_SETGID and CAP_SETPCAP; --keep-root does without this protection.',
	},
	ERR_HELPER: {
		meaning: 'The process that loads the BPF programs and keeps them attached has ended, so nothing more is captured.',
		hint: 'Start the capture again. If nobody has killed that process, please report it.',
	},
	ERR_NO_PERMISSION: {
		meaning: 'Capture needs root, or the capabilities CAP_BPF and CAP_PERFMON.',
		hint: 'Run it as root; `tinytap doctor` prints the command to use.',
	},
	ERR_NO_BPF: {
		meaning: 'This process has the privileges to load BPF programs, but something blocks bpf(2).',
		hint: 'A seccomp filter (containers have one) or a security module blocks it: allow it, or run tinytap outside.',
	},
	ERR_LIMIT: {
		meaning: 'A limit of this process (ulimit) is too low to start.',
		hint: 'Raise it in the shell that starts tinytap: ulimit -n 1024, ulimit -v unlimited.',
	},
	ERR_NO_TRACEFS: {
		meaning: 'tracefs is not mounted, so there are no tracepoints to attach to.',
		hint: 'As root: mount -t tracefs none /sys/kernel/tracing',
	},
	ERR_LOAD: {
		meaning: 'The kernel refused the BPF programs.',
		hint: '`tinytap doctor` shows what this kernel lacks.',
	},
	ERR_ATTACH: {
		meaning: 'The kernel refused to attach a program to a tracepoint.',
		hint: '`tinytap doctor` shows what this kernel lacks.',
	},
	ERR_TLS: {
		meaning:
			'The plaintext of TLS cannot be read: the kernel refused the programs for TLS libraries, or to attach them.',
		hint: '`tinytap doctor` shows what this kernel lacks. Everything else is captured.',
	},
	ERR_RING: {
		meaning: 'The ring buffer shared with the kernel could not be mapped or read.',
		hint: 'Try a smaller --ring-size.',
	},
	ERR_MAP: {
		meaning: 'A table shared with the kernel could not be mapped or written.',
		hint: 'Free some memory, or name fewer processes in the filter.',
	},
	ERR_FILTER: {
		meaning: 'A filter has too many values, or a name that is too long.',
		hint: 'Capture more and filter in SQL: WHERE comm IN (…).',
	},
	ERR_CLOSED: {
		meaning: 'The capture has already ended.',
		hint: 'Start a new capture.',
	},
	ERR_SQL_SYNTAX: {
		meaning: 'The text is not a valid SQL statement; a `^` marks the place.',
		hint: 'docs/sql.md describes the statements; `.help keywords` lists the keywords.',
	},
	ERR_SQL_UNSUPPORTED: {
		meaning: 'The statement is valid SQL, but uses a feature that tinytap does not support.',
		hint: 'docs/sql.md lists what is supported.',
	},
	ERR_SQL_NAME: {
		meaning: 'A table, column, view or window does not exist, or its name is ambiguous or taken.',
		hint: '`.tables` and `.schema` list the names; qualify an ambiguous column with its table: e.path.',
	},
	ERR_SQL_FUNCTION: {
		meaning: 'A function does not exist, has the wrong number of arguments, or is an aggregate in the wrong place.',
		hint: '`.help functions` lists functions with their arguments.',
	},
	ERR_SQL_READ_ONLY: {
		meaning: 'A statement would change captured tables, which are read-only.',
		hint: 'Create a view or a temporary table of your own.',
	},
	ERR_SQL_PARAMETER: {
		meaning: 'A parameter has no value, or its name is not valid.',
		hint: '`.param NAME VALUE` or `--set NAME=VALUE` sets it.',
	},
	ERR_SQL_VALUE: {
		meaning: 'A value is not valid where it is used.',
		hint: 'The message says what was expected; CAST(x AS type) converts.',
	},
	ERR_SQL_TYPE: {
		meaning: 'Values are compared or combined whose types do not fit, such as a datetime and a number.',
		hint: 'The hint of the message says what to write; docs/sql.md describes the types.',
	},
	ERR_SQL_TOO_LARGE: {
		meaning: 'A statement, text, pattern or result is larger than its limit.',
		hint: 'Select fewer columns or rows, or add a LIMIT; docs/sql.md lists the limits.',
	},
	ERR_SQL_TIME_LIMIT: {
		meaning: 'A statement ran longer than its time limit.',
		hint: 'Raise the limit with --timeout, or make the statement read fewer rows.',
	},
	ERR_SQL_CANCELLED: {
		meaning: 'A statement was cancelled while it ran.',
		hint: 'Run it again.',
	},
} as const satisfies Record<string, ErrorEntry>;

/** Codes of file system errors end in the name of the system error. */
const FILE_CODE = 'ERR_FILE_';

export type ErrorCode = keyof typeof ENTRIES | `${typeof FILE_CODE}${string}`;

/** All codes; those of the file system share one entry, `ERR_FILE_*`. */
export const ERROR_CODES: readonly (readonly [code: string, entry: ErrorEntry])[] = [
	...Object.entries<ErrorEntry>(ENTRIES),
	['ERR_FILE_*', fileEntry('The code ends in the name of the system error, e.g. ERR_FILE_ENOENT.')],
];

/** The entry of a code; undefined if there is no such code. */
export function errorEntry(code: string): ErrorEntry | undefined {
	if (Object.hasOwn(ENTRIES, code)) return ENTRIES[code as keyof typeof ENTRIES];
	if (code === 'ERR_FILE_*') return fileEntry('The code ends in the name of the system error.');
	const name = code.startsWith(FILE_CODE) ? code.slice(FILE_CODE.length) : '';
	return Object.hasOwn(constants.errno, name) ? fileEntry(`The system says: ${systemProblem(name)}.`) : undefined;
}

export function isErrorCode(code: string): code is ErrorCode {
	return errorEntry(code) !== undefined;
}

function fileEntry(detail: string): ErrorEntry {
	return {
		meaning: `A file or directory could not be opened, read or written. ${detail}`,
		hint: 'The message names the path. Files are read and written as the user of the session, which --user sets.',
	};
}
