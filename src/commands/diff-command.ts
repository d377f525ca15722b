// `tinytap diff OLD NEW`: which endpoints changed between two recordings. The saved query `diff` finds them.
import { EXIT, UserError, usageError } from '../base/errors.ts';
import { attachRecording } from '../shell/attach.ts';
import { COMMAND_TABLE } from '../shell/commands/commands.ts';
import { splitParameter } from '../shell/parameters.ts';
import { loadQuery, scriptValues } from '../shell/query-values.ts';
import { findQuery } from '../shell/saved-queries.ts';
import { StepRunner } from '../shell/steps.ts';
import { withCapture } from './command-context.ts';
import type { Options } from './options.ts';

/** Runs the command; resolves to the exit status. `sets`: NAME=VALUE for the parameters of the query. */
export async function diffCommand(
	options: Options,
	[older, newer]: readonly [older: string, newer: string],
	sets: readonly string[],
): Promise<number> {
	const { capture, directories, command } = options;
	if (capture.replay !== undefined || capture.record !== undefined || command !== undefined)
		throw usageError('diff: expected two recordings and nothing to capture or to replay', 'tinytap diff OLD NEW');
	// A query of the working directory must not take its place.
	const bundled = directories.queries.filter(({ place }) => place === 'bundled');
	const script = loadQuery(findQuery(bundled, 'diff'));
	const given = sets.map((text) => splitParameter(text, '--set'));
	const parameters = scriptValues(script, given, []);
	const replaying = { ...options, capture: { ...capture, replay: { path: newer } } };
	return await withCapture(replaying, async ({ shell, attached, captured, query, interrupts }) => {
		shell.parameters = parameters;
		const runner = new StepRunner(shell, COMMAND_TABLE);
		await attached();
		await query(async () => {
			// At once, so that each recording gets half of the memory.
			await attachRecording(shell, 'old', older);
			await captured();
			if (interrupts.count > 0) throw new UserError('interrupted', 'ERR_INTERRUPTED');
			await runner.runAll(script.steps);
		});
		const failure = runner.endError();
		if (failure !== undefined) throw failure;
		return EXIT.ok;
	});
}
