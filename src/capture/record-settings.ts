// Settings of a new recording.
import { hostname, release } from 'node:os';
import { usageError } from '../base/errors.ts';
import { version } from '../base/installation.ts';
import type { CaptureSettings } from './capture-settings.ts';

/** The settings of a new recording at `path`. Throws a UserError if it should be redacted. */
export function recordSettings(
	path: string,
	{ force, redact }: { readonly force: boolean; readonly redact: boolean },
): NonNullable<CaptureSettings['record']> {
	if (redact) {
		throw usageError(
			'--redact: recordings cannot be redacted yet',
			'Record without --redact. --replay FILE --redact then shows the recording without secrets.',
		);
	}
	return {
		path,
		force,
		meta: { tinytap: version(), host: hostname(), kernel: release(), started: new Date().toISOString() },
	};
}
