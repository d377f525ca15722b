// Hints for command-line errors: what to use instead of the options of other tools.
import { nearest } from '../shell/shell-settings.ts';

/** What to use here → options of other tools that users may try. */
const GUESSED_OPTIONS: Readonly<Record<string, string>> = {
	'--replay FILE reads a recording.': '-r --read --open --input --in --recording --load',
	'--record FILE writes a recording while capturing.': '-w --write --save --out',
	'`tinytap query "SQL"` runs one statement.': '-c -e --command --execute --eval --sql --query --cmd',
	'`tinytap run FILE` runs a file of statements.': '-f --file --script --init',
	'--port, --pid and --comm choose what is captured.': '-p -i --interface --process --filter --ports --pids --name',
	'--format csv, --format json … choose the output format.':
		'--csv --json --ndjson --jsonl --markdown --table --line --box --html --har --parquet --output-format --mode -csv -json -line -box',
	'`--for 10s` ends the capture after a time, `--count N` after N rows.': '-n -t --time --duration --limit --seconds',
	'`tinytap export` and `tinytap report` have it; `record --body-limit 0` keeps no bodies.': '--keep-bodies',
	'--no-color switches colours off.': '--no-colors --no-colour --plain --monochrome',
	'`tinytap version` prints the version.': '-v',
	'tinytap captures only the host it runs on; `tinytap agent` sends exchanges of many hosts to one ClickHouse.':
		'--host --url --connect -H --clickhouse --remote',
};

/** What to use here → commands that users may try. */
const GUESSED_COMMANDS: Readonly<Record<string, string>> = {
	'`tinytap` without a command opens the shell and captures.': 'shell repl cli prompt start capture live sniff attach',
	'`tinytap --replay FILE` opens a recording.': 'replay open read load play',
	'`tinytap query "SQL"` runs one statement.': 'sql exec execute select from eval',
	'`tinytap tail` prints exchanges as they complete.': 'follow log logs stream watch monitor trace dump',
	'`tinytap record FILE` writes a recording.': 'save write rec',
	'`tinytap queries` lists saved queries.': 'list saved ls',
	'`tinytap agent` sends exchanges to a ClickHouse, or writes them to files by hour.':
		'send ship upload forward daemon',
	'`tinytap fleet` prepares a ClickHouse for agents.': 'ddl init migrate schema clickhouse cluster',
	'`tinytap doctor` checks this machine.': 'check test diagnose status preflight',
};

/** The hint for an unknown command: `word` may be a file, a statement, or nearly one of `names`. */
export function commandHint(word: string, names: readonly string[]): string {
	const meant = Object.entries(GUESSED_COMMANDS).find(([, words]) => words.split(' ').includes(word.toLowerCase()));
	if (meant !== undefined) return meant[0];
	const near = nearest(word, names);
	if (near !== undefined) return `Did you mean ${near}?`;
	if (/\.(sql|js|mjs)$/i.test(word)) return '`tinytap run FILE` runs a file of statements.';
	if (/^\w+\s/.test(word)) return '`tinytap query "SQL"` runs one statement.';
	if (/[./]/.test(word)) return '`tinytap --replay FILE` opens a recording.';
	return '`tinytap --help` lists commands and options.';
}

/** The hint for any other command-line error with this message. */
export function usageHint(message: string): string {
	const option = /unknown option '([^'=]*)/.exec(message)?.[1];
	const meant = Object.entries(GUESSED_OPTIONS).find(([, guesses]) => guesses.split(' ').includes(option ?? ''));
	return meant?.[0] ?? '`tinytap --help` lists commands and options.';
}
