// `tinytap run FILE|NAME`: runs a script or a saved query.
import { EXIT, UserError, usageError } from '../base/errors.ts';
import { COMMAND_TABLE } from '../shell/commands/commands.ts';
import { splitParameter } from '../shell/parameters.ts';
import { scriptValues } from '../shell/query-values.ts';
import { StepRunner } from '../shell/steps.ts';
import { withCapture } from './command-context.ts';
import { findScript } from './named-query.ts';
import type { Options } from './options.ts';
import { ReportFiles } from './report-files.ts';

/** Default time limit of a statement in a file. */
const FILE_TIMEOUT_MS = 10_000;

/** Options of this command only. */
export type RunOptions = {
	/** NAME=VALUE. */
	readonly sets: readonly string[];
	/** KIND=FILE. */
	readonly reports: readonly string[];
	readonly unsafe: boolean;
};

/**
 * Runs the command; resolves to the exit status. With --for, --count, -- COMMAND or a recording, the capture ends before the
 * statements run.
 */
export async function runCommand(
	options: Options,
	name: string,
	{ sets, reports, unsafe }: RunOptions,
): Promise<number> {
	if (options.safe && unsafe) throw usageError('expected --safe or --unsafe, got both');
	if (/\.m?js$/.test(name)) {
		throw new UserError(
			unsafe
				? 'JavaScript files are not supported yet'
				: 'expected an .sql file; a JavaScript file needs --unsafe, which is not supported yet',
			'ERR_SCRIPT_TYPE',
			'Write the script as SQL statements in a file that ends in .sql.',
		);
	}
	const { script, place } = findScript(options, name);
	const given = sets.map((text) => splitParameter(text, '--set'));
	const parameters = scriptValues(script, given, []);
	const { steps } = script;
	const reportFiles = new ReportFiles(reports, options.user, options.force);
	const captureFirst =
		options.forMs !== undefined ||
		options.count !== undefined ||
		options.capture.replay !== undefined ||
		options.command !== undefined;
	return await withCapture(options, async ({ threads, shell, attached, captured, query }) => {
		shell.timeoutMs = options.timeoutMs ?? FILE_TIMEOUT_MS;
		shell.parameters = parameters;
		const runner = new StepRunner(shell, COMMAND_TABLE, { place });
		await runner.check(steps[0]);
		await attached();
		if (captureFirst) await captured();
		try {
			await query(() => runner.runAll(steps));
		} finally {
			reportFiles.write(runner.checks.list);
		}
		if (!captureFirst) await threads.stop();
		const failure = runner.endError();
		if (failure !== undefined) throw failure;
		return EXIT.ok;
	});
}
