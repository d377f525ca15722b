// `.tour`: ten steps through the bundled recording, each a sentence or two and something that runs.
import { basename } from 'node:path';
import { usageError } from '../../base/errors.ts';
import { DEMO_NAME, FILES } from '../../base/installation.ts';
import { wrapText } from '../../output/two-columns.ts';
import type { ShellSession } from '../shell-session.ts';
import type { Command, CommandTable } from './command.ts';

type Step = { readonly text: string; readonly runs: string };

/** Exported for tests. Every step works in the bundled recording. */
export const TOUR: readonly Step[] = [
	{
		text: 'Each request with its response is a row of the table exchanges. FROM alone shows all columns that fit; .schema exchanges lists them all.',
		runs: 'FROM exchanges;',
	},
	{
		text: 'It is SQL: choose columns, conditions, groups. A server here answered some requests with an error.',
		runs: 'SELECT path, status, count(*) FROM exchanges WHERE status >= 400 GROUP BY path, status;',
	},
	{
		text: '.show prints one exchange in full: its times, the system calls that carried it, header fields and bodies. .next and .prev go on from there.',
		runs: '.show 52',
	},
	{
		text: 'Both ends of a connection on this host are rows: a server’s and a client’s, with the same pair_id.',
		runs: "SELECT s.id, c.id AS client_id, s.path, round(c.duration_ms - s.duration_ms, 3) AS between_ms FROM exchanges s JOIN exchanges c ON c.id = s.pair_id WHERE s.side = 'server' ORDER BY between_ms DESC LIMIT 5;",
	},
	{
		text: 'Bytes that never pass through a program’s memory cannot be captured. They are counted, and the row says so.',
		runs: "SELECT id, path, via, res_body_bytes, res_body_note FROM exchanges WHERE via = 'sendfile' LIMIT 3;",
	},
	{
		text: "Header fields are a table, and columns: req_headers['user-agent'] is one of them.",
		runs: "SELECT name, header_value, count(*) FROM headers WHERE name LIKE 'content-%' GROUP BY ALL ORDER BY 3 DESC LIMIT 5;",
	},
	{
		text: 'path_shape() folds ids in paths, so that similar requests are one group; quantiles and sparklines tell how long they took.',
		runs: "SELECT path_shape(path) AS shape, count(*) AS n, round(p95(duration_ms), 1) AS p95, spark(duration_ms ORDER BY ts) AS ms FROM exchanges WHERE side = 'server' GROUP BY shape ORDER BY n DESC;",
	},
	{
		text: '.chart draws any result: bars, lines over time, histograms, heat maps.',
		runs: '.chart SELECT duration_ms FROM exchanges',
	},
	{
		text: 'Questions that come often are saved queries, with values to fill in; .queries lists them, .save keeps your own.',
		runs: '.run slow',
	},
	{
		text: 'What is missing is never a secret: loss counts what was not captured, by reason. On a live capture, .tail shows exchanges as they happen.',
		runs: 'SELECT reason, kind, events, bytes FROM loss WHERE events > 0;',
	},
];

/** Runs the steps with the commands in `table`. */
export const TOUR_COMMAND: Command = {
	name: 'tour',
	usage: '.tour [STEP]',
	description: `show what tinytap can do in ${TOUR.length} steps through the bundled recording; again: the next step`,
	example: '.tour',
	promptOnly: true,
	argument: 'text',
	run: async (shell, argument, table) => {
		const number = stepNumber(shell, argument);
		const { recording } = shell.threads;
		if (recording !== DEMO_NAME && basename(recording ?? '') !== basename(FILES.demoRecording))
			throw usageError(
				'.tour: expected the bundled recording, and other exchanges are open',
				`.open ${DEMO_NAME} changes to it; tinytap --replay ${DEMO_NAME} starts with it.`,
			);
		await walk(shell, table, number);
		return undefined;
	},
};

async function walk(shell: ShellSession, table: CommandTable, number: number): Promise<void> {
	const { text, runs } = TOUR[number - 1]!;
	const { dim, header } = shell.theme;
	const told = wrapText(text, shell.listWidth).join('\n');
	await shell.sink.write(`${header(`${number} of ${TOUR.length}`)}\n${told}\n${dim('>')} ${runs}\n`);
	shell.tourStep = number;
	if (runs.startsWith('.')) await table.run(shell, runs, false);
	else await table.runStatement(shell, runs.replace(/;$/, ''), undefined, false);
	const next = number < TOUR.length ? '.tour goes on' : 'That was the tour. .help lists all commands';
	await shell.sink.write(`${dim(next)}\n`);
}

function stepNumber({ tourStep }: ShellSession, argument: string): number {
	const number = argument === '' ? (tourStep % TOUR.length) + 1 : Number(argument);
	if (Number.isInteger(number) && number >= 1 && number <= TOUR.length) return number;
	throw usageError(`.tour: expected a step from 1 to ${TOUR.length}, got ${JSON.stringify(argument)}`);
}
