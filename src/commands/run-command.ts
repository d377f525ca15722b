// `tinytap run FILE|NAME`: a script or a saved query.
import { EXIT, UserError, usageError } from '../errors.ts';
import type { Options } from '../options.ts';
import { findQuery } from '../saved-queries.ts';
import { StepRunner } from '../shell/batch.ts';
import { readText } from '../shell/dot-commands.ts';
import { scriptSteps } from '../shell/script.ts';
import type { SqlValue } from '../store/table.ts';
import { withCapture } from './command-context.ts';

/** A statement in a file may take so long unless --timeout says otherwise. */
const FILE_TIMEOUT_MS = 10_000;

/** Runs the command; resolves to the exit status. With --for or --count (or a recording) the capture ends first. */
export async function runCommand(
	options: Options,
	name: string,
	sets: readonly string[],
	unsafe: boolean,
): Promise<number> {
	if (/\.m?js$/.test(name)) {
		throw new UserError(
			unsafe ? 'JavaScript files cannot be run yet' : 'expected an .sql file; a JavaScript file needs --unsafe',
			'ERR_SCRIPT_TYPE',
			'Write the script as SQL statements in a file that ends in .sql.',
			EXIT.usage,
		);
	}
	const isFile = name.includes('/') || name.endsWith('.sql');
	const path = isFile ? name : findQuery(options.directories.queries, name).path;
	const steps = scriptSteps(readText(path));
	const parameters = sets.map(parseSet);
	const captureFirst =
		options.forMs !== undefined ||
		options.count !== undefined ||
		options.capture.replay !== undefined ||
		options.command !== undefined;
	return await withCapture(options, async ({ threads, shell, attached, captured, query }) => {
		shell.timeoutMs = options.timeoutMs ?? FILE_TIMEOUT_MS;
		shell.parameters = parameters;
		const runner = new StepRunner(shell, path);
		await runner.check(steps[0]);
		await attached();
		if (captureFirst) await captured();
		await query(() => runner.runAll(steps));
		if (!captureFirst) await threads.stop();
		const failure = runner.expectationError();
		if (failure !== undefined) throw failure;
		return EXIT.ok;
	});
}

/** `name=value`: a value that reads as a number is one. */
function parseSet(text: string): readonly [string, SqlValue] {
	const match = /^([A-Za-z_]\w*)=([\s\S]*)$/.exec(text);
	if (match === null) throw usageError(`--set: expected name=value, got ${JSON.stringify(text)}`);
	const [, name, value] = match as unknown as [string, string, string];
	const isNumber = /^-?(\d+(\.\d+)?|\.\d+)(e[+-]?\d+)?$/i.test(value);
	return [name, isNumber && (!/^-?\d+$/.test(value) || Number.isSafeInteger(Number(value))) ? Number(value) : value];
}
