// `tinytap run FILE|NAME`: runs a script or a saved query.
import { EXIT, UserError, usageError } from '../base/errors.ts';
import { Checks } from '../shell/checks.ts';
import { namedCommand } from '../shell/command-names.ts';
import { COMMAND_TABLE } from '../shell/commands/commands.ts';
import { errorText } from '../shell/error-text.ts';
import { splitParameter } from '../shell/parameters.ts';
import { type NamedScript, namedScript, scriptValues } from '../shell/query-values.ts';
import { StepRunner } from '../shell/steps.ts';
import { withCapture } from './command-context.ts';
import { findScript, readStdin } from './named-query.ts';
import type { Options } from './options.ts';
import { ReportFiles } from './report-files.ts';
import { intoFile, optionsForFile } from './result-file.ts';
import { say } from './running-capture.ts';

/** Default time limit of a statement in a file. */
const FILE_TIMEOUT_MS = 10_000;

/** Options of this command only. */
export type RunOptions = {
	/** NAME=VALUE. */
	readonly sets: readonly string[];
	/** KIND=FILE. */
	readonly reports: readonly string[];
	readonly unsafe: boolean;
	/** A new file for the results. */
	readonly output?: string | undefined;
};

/** Runs the command; resolves to the exit status. */
export async function runCommand(
	given: Options,
	name: string,
	{ sets, reports, unsafe, output }: RunOptions,
): Promise<number> {
	const options = optionsForFile(given, output);
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
	const found: Found =
		name === '-'
			? { script: namedScript('stdin', 'stdin', await readStdin()), place: undefined }
			: findScript(options, name);
	const values = sets.map((text) => splitParameter(text, '--set'));
	const parameters = scriptValues(found.script, values, []);
	const reportFiles = new ReportFiles(reports, options.user, options.force);
	const checks = new Checks();
	let code: number = EXIT.runtime;
	try {
		code = await runScript(options, found, { parameters, checks, isTrusted: unsafe, output });
		return code;
	} catch (error) {
		// Whatever ended the run is in the report.
		if (error instanceof UserError) checks.addError(error, { file: found.place, line: 1, name: `tinytap run ${name}` });
		throw error;
	} finally {
		writeReports(reportFiles, checks, options, code === EXIT.ok);
	}
}

/** A script, and its path for errors; stdin has none. */
type Found = { readonly script: NamedScript; readonly place: string | undefined };

type ScriptRun = {
	readonly parameters: ReturnType<typeof scriptValues>;
	readonly checks: Checks;
	readonly isTrusted: boolean;
	readonly output: string | undefined;
};

/** With --for, --count, -- COMMAND or a recording, the capture ends before the statements run. */
async function runScript(options: Options, { script, place }: Found, run: ScriptRun): Promise<number> {
	const { steps } = script;
	const captureFirst =
		options.forMs !== undefined ||
		options.count !== undefined ||
		options.capture.replay !== undefined ||
		options.command !== undefined;
	return await withCapture(options, async ({ threads, shell, attached, captured, query }) => {
		shell.timeoutMs = options.timeoutMs ?? FILE_TIMEOUT_MS;
		shell.parameters = run.parameters;
		shell.isTrusted = run.isTrusted;
		const runner = new StepRunner(shell, COMMAND_TABLE, {
			...(place === undefined ? {} : { place }),
			checks: run.checks,
		});
		await runner.checkAll(steps);
		await attached();
		if (captureFirst) await captured();
		let failure: unknown;
		await intoFile(shell, run.output, options, async () => {
			try {
				await query(() => runner.runAll(steps));
			} finally {
				await shell.setOutput(undefined, false);
			}
			failure = runner.endError();
			if (failure !== undefined && run.output !== undefined) throw failure;
		});
		if (!captureFirst) {
			// `tinytap run slow` alone: the statements ran as soon as the capture had begun.
			const waits = steps.some((step) => step.type === 'command' && namedCommand(step.text).name === 'wait');
			if (options.store === undefined && threads.status.rows === 0 && !waits && !options.presentation.quiet) {
				const { errorTheme } = options.presentation;
				say(`${errorTheme.hint('hint:')} nothing was captured before the script ran; --for 30s captures first\n`);
			}
			await threads.stop();
		}
		if (failure !== undefined) throw failure;
		const { all } = run.checks.counts;
		if (all > 0 && !options.presentation.quiet)
			say(`tinytap: ${all === 1 ? 'the expectation was met' : `all ${all} expectations were met`}\n`);
		return EXIT.ok;
	});
}

/** If the run has failed, a report that cannot be written must not hide why. */
function writeReports(files: ReportFiles, checks: Checks, { presentation }: Options, isSuccess: boolean): void {
	try {
		files.write(checks.list);
	} catch (error) {
		if (isSuccess || !(error instanceof UserError)) throw error;
		say(errorText(error, presentation.errorTheme));
	}
}
