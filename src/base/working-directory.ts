// The working directory, which others can remove while tinytap is in it. Without one, Node starts no thread.
import { relative } from 'node:path';
import { UserError } from './errors.ts';

/** A path as short as possible for the user, who is in the working directory. */
export function shortPath(path: string): string {
	try {
		return relative(process.cwd(), path);
	} catch {
		// It has been removed.
		return path;
	}
}

/** The error of whatever needs the working directory as a clear one; any other as it is. */
export function explainedByDirectory(error: unknown): unknown {
	if (!(error instanceof Error && error.message.endsWith(', uv_cwd'))) return error;
	return new UserError('the working directory has been removed', 'ERR_FILE_ENOENT', 'Change to another directory.');
}
