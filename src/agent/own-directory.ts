// A directory that an agent writes to, or a sentence that says why it cannot.
import { fileError } from '../base/file-error.ts';
import type { InvokingUser } from '../base/invoking-user.ts';
import { UserDirectory } from '../base/user-files.ts';

/** Opens a directory that belongs to the user; creates it if it is missing. Throws a UserError. */
export function ownDirectory(path: string, user: InvokingUser, hint: string): UserDirectory {
	try {
		return UserDirectory.own(path, user);
	} catch (error) {
		throw fileError(path, error, hint);
	}
}
