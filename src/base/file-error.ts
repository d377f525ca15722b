// What the file system said, in words.
import { systemCode, UserError } from './errors.ts';

const SYSTEM_PROBLEMS: ReadonlyMap<string, string> = new Map([
	['ENOENT', 'no such file or directory'],
	['EEXIST', 'it exists already'],
	['EACCES', 'permission denied'],
	['EPERM', 'operation not permitted'],
	['EISDIR', 'it is a directory'],
	['ENOTDIR', 'a part of the path is not a directory'],
	['ELOOP', 'it is a symbolic link'],
	['ENOSPC', 'no space left on the device'],
	['EROFS', 'the file system is read-only'],
]);

/** What a system error's code means, in words. */
export function systemProblem(code: string): string {
	return SYSTEM_PROBLEMS.get(code) ?? code;
}

/** A UserError for what the file system said of `path`; one that is a UserError already stays what it is. */
export function fileError(path: string, error: unknown, hint: string): UserError {
	if (error instanceof UserError) return error;
	const code = systemCode(error);
	if (code === undefined) throw error;
	return new UserError(`cannot open ${path}: ${systemProblem(code)}`, `ERR_FILE_${code}`, hint);
}
