// Settings of a new recording.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname, release } from 'node:os';
import { basename, dirname, extname, join } from 'node:path';
import { version } from '../base/installation.ts';
import type { RecordSettings } from './capture-settings.ts';

/** Returns the settings of a new recording at `path`. `filters`: what is captured, for people. */
export function recordSettings(
	path: string,
	how: Pick<RecordSettings, 'force' | 'compress' | 'rotate' | 'keep'> & {
		readonly filters: string;
		readonly redact: boolean;
		/** Whether plaintext of TLS is captured. */
		readonly tls: boolean;
	},
): RecordSettings {
	const { filters, tls, ...rest } = how;
	const boot = bootId();
	return {
		path,
		...rest,
		meta: {
			tinytap: version(),
			host: hostname(),
			kernel: release(),
			...(boot === undefined ? {} : { boot_id: boot }),
			recording: randomUUID(),
			filters,
			...(tls ? { tls: 'plaintext' } : {}),
			...(how.redact ? { redacted: 'yes' } : {}),
		},
	};
}

/** The id of this boot of the host, the same in its containers; undefined if the system is not Linux. */
function bootId(): string | undefined {
	try {
		return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
	} catch {
		// Not Linux, or no /proc.
		return undefined;
	}
}

/** The name of file number `part` of a rotation, started at `started`: `name-20261122T125601Z-0001.tinytap`. */
export function rotatedPath(path: string, started: Date, part: number): string {
	const extension = extname(path);
	const time = started.toISOString().replace(/[-:]|\.\d+/g, '');
	return join(dirname(path), `${basename(path, extension)}-${time}-${String(part).padStart(4, '0')}${extension}`);
}
