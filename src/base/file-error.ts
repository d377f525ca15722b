// What the file system said, as an error for the user.
import { systemCode, UserError } from './errors.ts';
import { systemProblem } from './system-problem.ts';

/** A UserError for what the file system said of `path`; one that is a UserError already stays what it is. */
export function fileError(path: string, error: unknown, hint: string): UserError {
	if (error instanceof UserError) return error;
	const code = systemCode(error);
	if (code === undefined) throw error;
	return new UserError(`cannot open ${path}: ${systemProblem(code)}`, `ERR_FILE_${code}`, hint);
}
