// Turns errors of the file system into errors for the user.
import { systemCode, UserError } from './errors.ts';
import { systemProblem } from './system-problem.ts';

/** A UserError for a file system error at `path`. An error that is already a UserError is returned unchanged. */
export function fileError(path: string, error: unknown, hint: string): UserError {
	if (error instanceof UserError) return error;
	const code = systemCode(error);
	if (code === undefined) throw error;
	return new UserError(`cannot open ${path}: ${systemProblem(code)}`, `ERR_FILE_${code}`, hint);
}
