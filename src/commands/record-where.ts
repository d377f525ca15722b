// `record --where`: everything is recorded into a temporary file first. From that, the connections with an exchange that
// passes the condition are copied into the wanted file.

import { systemCode, UserError } from '../base/errors.ts';
import { systemProblem } from '../base/system-problem.ts';
import { removeUserFile } from '../base/user-files.ts';
import { copyConnections } from '../capture/filter-recording.ts';
import { RecordingReader, RecordingWriter } from '../capture/recording.ts';
import { withoutSecrets } from '../shell/history-secrets.ts';
import { Threads } from '../threads/threads.ts';
import { type Options, withReplay } from './options.ts';

/** Where everything is recorded first. */
export function unfilteredPath(path: string): string {
	return `${path}.part`;
}

/** What is written at the end. */
export type Filtered = { readonly exchanges: number; readonly connections: number; readonly bytes: number };

/** Writes the recording at `path` from the unfiltered one beside it, and removes that. */
export async function filterRecorded(
	path: string,
	where: string,
	options: Options,
	compress: boolean,
): Promise<Filtered> {
	const { user, force } = options;
	const unfiltered = unfilteredPath(path);
	const { conns, exchanges } = await matching(unfiltered, where, options);
	const reader = new RecordingReader(unfiltered, user);
	reader.close();
	const shown = options.presentation.redactsAll ? withoutSecrets(where) : where;
	const writer = new RecordingWriter(path, { ...reader.meta, where: shown }, { user, force, compress });
	try {
		copyConnections(unfiltered, writer, conns, user);
		writer.close();
	} catch (error) {
		writer.abandon();
		removeUserFile(path, user, writer.file);
		const code = systemCode(error);
		if (code === undefined || error instanceof UserError) throw error;
		throw new UserError(
			`cannot write ${path}: ${systemProblem(code)}`,
			`ERR_FILE_${code}`,
			`Everything that was recorded is in ${unfiltered}.`,
		);
	}
	removeUserFile(unfiltered, user);
	return { exchanges, connections: conns.size, bytes: writer.bytes };
}

/** The connections with exchanges that pass the condition. A replay waits for this reader, so none is missed. */
async function matching(
	path: string,
	where: string,
	options: Options,
): Promise<{ conns: Set<bigint>; exchanges: number }> {
	const threads = new Threads(
		withReplay({ ...options.capture, count: Number.POSITIVE_INFINITY }, path),
		() => undefined,
	);
	const conns = new Set<bigint>();
	let exchanges = 0;
	try {
		for await (const { rows } of threads.tail(where, 'conn', { fromStart: true })) {
			exchanges += rows.length;
			for (const [conn] of rows) conns.add(BigInt(String(conn)));
		}
		return { conns, exchanges };
	} finally {
		await threads.close();
	}
}
