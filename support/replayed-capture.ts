// Settings of a capture that replays a recording, with the usual limits.

import { FILES } from '../src/base/installation.ts';
import { processUser } from '../src/base/invoking-user.ts';
import type { CaptureSettings } from '../src/capture/capture-settings.ts';

export function replayedCapture(path: string, changes: Partial<CaptureSettings> = {}): CaptureSettings {
	return {
		replay: { path },
		user: processUser(),
		filters: { pids: [], comms: [], ports: [], cgroups: [] },
		bodyLimit: undefined,
		maxMemory: 256 << 20,
		maxRows: Number.POSITIVE_INFINITY,
		ringSize: 16 << 20,
		callLimit: 4 << 20,
		iovecLimit: 8,
		count: Number.POSITIVE_INFINITY,
		verbose: false,
		attacher: undefined,
		files: FILES,
		...changes,
	};
}
