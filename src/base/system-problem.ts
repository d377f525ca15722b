// System errors in words.
const SYSTEM_PROBLEMS: ReadonlyMap<string, string> = new Map([
	['ENOENT', 'no such file or directory'],
	['EEXIST', 'it already exists'],
	['EACCES', 'permission denied'],
	['EPERM', 'operation not permitted'],
	['EISDIR', 'it is a directory'],
	['ENOTDIR', 'a part of the path is not a directory'],
	['ELOOP', 'it is a symbolic link'],
	['ENOSPC', 'no space left on the device'],
	['EROFS', 'the file system is read-only'],
]);

/** The meaning of a system error's code, in words. */
export function systemProblem(code: string): string {
	return SYSTEM_PROBLEMS.get(code) ?? code;
}
