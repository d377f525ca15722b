// `tinytap query "SQL"`: captures, then runs the statement.
import { EXIT, usageError } from '../base/errors.ts';
import { COMMAND_TABLE } from '../shell/commands/commands.ts';
import { parseParameter } from '../shell/parameters.ts';
import { scriptSteps } from '../shell/script.ts';
import { StepRunner } from '../shell/steps.ts';
import { withCapture } from './command-context.ts';
import { readStdin } from './named-query.ts';
import type { Options } from './options.ts';
import { intoFile, optionsForFile } from './result-file.ts';

/** Runs the command; resolves to the exit status. `text` is SQL, or `-` for stdin. `output`: a new file for the results. */
export async function queryCommand(
	given: Options,
	text: string,
	sets: readonly string[],
	output?: string,
): Promise<number> {
	const parameters = sets.map((each) => parseParameter(each, '--set'));
	const steps = scriptSteps(text === '-' ? await readStdin() : text);
	if (steps.length === 0) throw usageError('expected an SQL statement, got an empty text');
	const options = optionsForFile(given, output);
	return await withCapture(options, async ({ shell, attached, captured, query }) => {
		shell.parameters = parameters;
		shell.isTyped = text !== '-';
		const runner = new StepRunner(shell, COMMAND_TABLE);
		await runner.checkAll(steps);
		await attached();
		await captured();
		await intoFile(shell, output, options, async () => {
			await query(() => runner.runAll(steps));
			const failure = runner.endError();
			if (failure !== undefined) throw failure;
		});
		return EXIT.ok;
	});
}
