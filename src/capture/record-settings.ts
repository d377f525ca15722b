// Settings of a new recording.
import { hostname, release } from 'node:os';
import { version } from '../base/installation.ts';
import type { CaptureSettings } from './capture-settings.ts';

/** The settings of a new recording at `path`. */
export function recordSettings(path: string, force: boolean): NonNullable<CaptureSettings['record']> {
	return {
		path,
		force,
		meta: { tinytap: version(), host: hostname(), kernel: release(), started: new Date().toISOString() },
	};
}
