// `tinytap record FILE`: writes the records of a capture to a file.

import { EXIT, UserError } from '../base/errors.ts';
import { recordSettings } from '../capture/record-settings.ts';
import { limitOutput } from '../output/output-stream.ts';
import { lossSentence } from '../shell/result-printer.ts';
import { INTERRUPTED_MS } from '../threads/interrupts.ts';
import { withCapture } from './command-context.ts';
import type { Options } from './options.ts';
import { say } from './running-capture.ts';

/** Runs the command; resolves to the exit status. */
export async function recordCommand(options: Options, path: string, force: boolean): Promise<number> {
	const record = recordSettings(path, { force, redact: options.presentation.redactsAll });
	return await withCapture(
		{ ...options, capture: { ...options.capture, record } },
		async ({ threads, attached, captured, interrupts }) => {
			interrupts.first.then(() => limitOutput({ withinMs: INTERRUPTED_MS })).catch(() => undefined);
			await attached();
			const end = await captured();
			if (end.recording?.complete === false) {
				throw new UserError(
					`the recording ended early: ${end.recording.bytes} bytes of it are in ${path}`,
					'ERR_RECORDING_STOPPED',
					'The part already written can be replayed.',
				);
			}
			if (!options.presentation.quiet && end.recording !== undefined) {
				say(`tinytap: recorded ${threads.status.rows} exchanges in ${end.recording.bytes} bytes\n`);
			}
			const loss = options.strict ? undefined : lossSentence(threads.status);
			if (loss !== undefined) say(`tinytap: ${loss}\n`);
			return EXIT.ok;
		},
	);
}
