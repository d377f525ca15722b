// Every error code, what it means and what to do about it: `help ERR_…` and docs/errors.md are made from this table.
import { constants } from 'node:os';
import { systemProblem } from './system-problem.ts';

/** Exit codes of the contract. */
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
		meaning: 'An argument, an option or a dot command is not as expected.',
		hint: '`tinytap --help`, `tinytap COMMAND --help` and `.help` show what is expected.',
		exit: EXIT.usage,
	},
	ERR_SCRIPT_TYPE: {
		meaning: 'The file given to `tinytap run` is not an SQL script.',
		hint: 'Write the script as SQL statements in a file that ends in .sql.',
		exit: EXIT.usage,
	},
	ERR_COMMAND: {
		meaning: 'The program after `--` could not be started, or not be held until capture began.',
		hint: 'Check its name, and that you may execute it.',
	},
	ERR_PROMPT_ONLY: {
		meaning: 'A script has a dot command that works only at the prompt.',
		hint: 'Remove the command from the script; `tinytap` opens the prompt.',
	},
	ERR_NO_QUERY: {
		meaning: 'No saved query has this name.',
		hint: '`.queries` and `tinytap queries` list the names.',
	},
	ERR_QUERY_NAME: {
		meaning: 'The name of a saved query has characters that are not allowed, or is too long.',
		hint: 'Use at most 64 letters, digits, ".", "_" and "-", and begin with a letter or digit.',
	},
	ERR_NO_EXCHANGE: {
		meaning: 'No exchange has this id; it may have been evicted.',
		hint: '`SELECT id, method, path FROM exchanges` lists the ids.',
	},
	ERR_NO_TABLE: {
		meaning: 'No table has this name.',
		hint: '`.tables` lists tables and views.',
	},
	ERR_EXPECTATION: {
		meaning: 'An `.expect` of a script did not hold.',
		hint: 'The message names the line, what was expected and what came.',
		exit: EXIT.expectation,
	},
	ERR_LOSS: {
		meaning: 'With `--strict`: bytes or events were lost, so results may be incomplete.',
		hint: '`SELECT * FROM loss` says why; a larger --ring-size or a filter (--port, --pid, --comm) may help.',
		exit: EXIT.loss,
	},
	ERR_INTERRUPTED: {
		meaning: 'Ctrl-C ended the command before its result was complete.',
		hint: 'Run it again; --for and --count end a capture by themselves.',
		exit: EXIT.interrupted,
	},
	ERR_OUTPUT: {
		meaning: 'A result could not be written.',
		hint: 'Check the space left where it goes. What was printed before is incomplete.',
	},
	ERR_QUERY_MEMORY: {
		meaning: 'A statement needed more memory than --max-memory leaves for statements.',
		hint: 'Select fewer columns or rows, add a LIMIT, or raise --max-memory.',
	},
	ERR_FILE_SIZE: {
		meaning: 'A file is larger than what is read of its kind.',
		hint: 'Check that it is the right file.',
	},
	ERR_NOT_A_RECORDING: {
		meaning: 'The file is not a recording of tinytap.',
		hint: '`tinytap record FILE` makes one.',
	},
	ERR_RECORDING_VERSION: {
		meaning: 'The recording was made by a newer version of tinytap.',
		hint: 'Update tinytap.',
	},
	ERR_RECORDING_DAMAGED: {
		meaning: 'Part of a recording cannot be read. Everything before the damage was read.',
		hint: 'Copy the file again from where it was made, if that one is whole.',
	},
	ERR_RECORDING_STOPPED: {
		meaning: 'A recording could not be written to its end, for example because the disk is full.',
		hint: 'What was written before can be replayed.',
	},
	ERR_PLATFORM: {
		meaning: 'Live capture needs Linux.',
		hint: 'Recordings can be read on any system: `tinytap --replay FILE`.',
	},
	ERR_ADDON: {
		meaning: 'The native addon is missing or does not fit this system.',
		hint: 'Run scripts/build in a checkout; libbpf (Debian: libbpf1) must be installed.',
	},
	ERR_OBJECT: {
		meaning: 'The BPF programs are missing, or were built from other sources than the addon.',
		hint: 'Build them again: scripts/build.',
	},
	ERR_NO_PERMISSION: {
		meaning: 'Capture needs root, or the capabilities CAP_BPF and CAP_PERFMON.',
		hint: 'Run it as root; `tinytap doctor` prints the line to use.',
	},
	ERR_NO_TRACEFS: {
		meaning: 'tracefs is not mounted, so there are no tracepoints to attach to.',
		hint: 'As root: mount -t tracefs none /sys/kernel/tracing',
	},
	ERR_LOAD: {
		meaning: 'The kernel refused the BPF programs.',
		hint: '`tinytap doctor` says what this kernel lacks.',
	},
	ERR_ATTACH: {
		meaning: 'The kernel refused to attach a program to a tracepoint.',
		hint: '`tinytap doctor` says what this kernel lacks.',
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
		meaning: 'A filter has more names, or longer ones, than the kernel looks at.',
		hint: 'Capture more and choose in SQL: WHERE comm IN (…).',
	},
	ERR_CLOSED: {
		meaning: 'The capture had ended when something was asked of it.',
		hint: 'Start a new capture.',
	},
	ERR_SQL_SYNTAX: {
		meaning: 'The text is not an SQL statement; a `^` shows where.',
		hint: 'docs/sql.md describes the statements; `.help keywords` lists the keywords.',
	},
	ERR_SQL_UNSUPPORTED: {
		meaning: 'The statement is SQL, but uses something that tinytap does not have.',
		hint: 'docs/sql.md lists what there is.',
	},
	ERR_SQL_NAME: {
		meaning: 'A table, column, view or window does not exist, or its name is ambiguous or taken.',
		hint: '`.tables` and `.schema` list the names; put the table before an ambiguous column: e.path.',
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
		meaning: 'A value cannot be used where it stands.',
		hint: 'The message says what was expected; CAST(x AS type) converts.',
	},
	ERR_SQL_TOO_LARGE: {
		meaning: 'A statement, text, pattern or result is larger than its limit.',
		hint: 'Select fewer columns or rows, or add a LIMIT; docs/sql.md lists the limits.',
	},
	ERR_SQL_TIME_LIMIT: {
		meaning: 'A statement ran longer than its time limit.',
		hint: 'Raise the limit with --timeout, or let the statement look at fewer rows.',
	},
	ERR_SQL_CANCELLED: {
		meaning: 'A statement was cancelled while it ran.',
		hint: 'Run it again.',
	},
} as const satisfies Record<string, ErrorEntry>;

/** Codes of errors of the file system end in the system's own name. */
const FILE_CODE = 'ERR_FILE_';

export type ErrorCode = keyof typeof ENTRIES | `${typeof FILE_CODE}${string}`;

/** All codes but those of the file system, which are one entry of the list: `ERR_FILE_*`. */
export const ERROR_CODES: readonly (readonly [code: string, entry: ErrorEntry])[] = [
	...Object.entries<ErrorEntry>(ENTRIES),
	['ERR_FILE_*', fileEntry('The code ends in the name of the system error, e.g. ERR_FILE_ENOENT.')],
];

/** What is known of a code; undefined when there is no such code. */
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
		hint: 'The message names the path. Files belong to the user of the session; --user says who that is.',
	};
}
