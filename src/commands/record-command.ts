// `tinytap record FILE`: the capture's records, kept.
import { EXIT } from '../errors.ts';
import { type Options, recordSettings } from '../options.ts';
import { say } from '../running-capture.ts';
import { withCapture } from './command-context.ts';

/** Runs the command; resolves to the exit status. */
export async function recordCommand(options: Options, path: string, force: boolean): Promise<number> {
	const record = recordSettings(path, force, options.user);
	return await withCapture(
		{ ...options, capture: { ...options.capture, record } },
		async ({ threads, attached, captured }) => {
			await attached();
			const end = await captured();
			if (!options.presentation.quiet && end.recording !== undefined) {
				say(`tinytap: recorded ${threads.status.rows} exchanges in ${end.recording.bytes} bytes\n`);
			}
			return EXIT.ok;
		},
	);
}
