// The working directory, which others can remove while tinytap is in it. Node cannot start a thread without one.
import { relative } from 'node:path';
import { UserError } from './errors.ts';

/** The shortest path by which the user, who is in the working directory, can reach a file. */
export function shortPath(path: string): string {
	try {
		return relative(process.cwd(), path);
	} catch {
		// The working directory has been removed.
		return path;
	}
}

/** Replaces an error caused by a missing working directory by a clear one; returns other errors unchanged. */
export function explainedByDirectory(error: unknown): unknown {
	if (!(error instanceof Error && error.message.endsWith(', uv_cwd'))) return error;
	return new UserError('the working directory has been removed', 'ERR_FILE_ENOENT', 'Change to another directory.');
}
