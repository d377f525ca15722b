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
	['EDQUOT', 'the disk quota is used up'],
	['EFBIG', 'it would become larger than the limit for files (ulimit -f)'],
	['EIO', 'the device reports an error'],
	['EMFILE', 'too many open files (ulimit -n)'],
	['ENFILE', 'too many open files on this machine'],
	['ENOMEM', 'not enough memory'],
	['ETIMEDOUT', 'the terminal did not accept it in time'],
]);

/** The meaning of a system error's code, in words. */
export function systemProblem(code: string): string {
	return SYSTEM_PROBLEMS.get(code) ?? code;
}
