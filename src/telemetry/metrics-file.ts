// --metrics FILE: metrics for the textfile collector of node_exporter, replaced as a whole each time.
import { closeSync, fchmodSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { systemCode, UserError } from '../base/errors.ts';
import { fileError } from '../base/file-error.ts';
import type { InvokingUser } from '../base/invoking-user.ts';
import { readUserFile, UserDirectory } from '../base/user-files.ts';
import { FIRST_CHARACTERS } from './prometheus-text.ts';

/** node_exporter runs as another user. There is no captured text in the file. */
const MODE = 0o644;

export class MetricsFile {
	readonly #path: string;
	readonly #user: InvokingUser;

	/** Throws a UserError if another file has this name, except with `force`. */
	constructor(path: string, user: InvokingUser, force: boolean) {
		this.#path = path;
		this.#user = user;
		if (!force) this.#requireOwn();
	}

	/** Replaces the file. Throws a UserError if that is not possible. */
	write(text: string): void {
		const name = basename(this.#path);
		// The collector reads only names that end in .prom.
		const temporary = `.${name}.${process.pid}.tmp`;
		try {
			const directory = UserDirectory.writable(dirname(this.#path), this.#user);
			try {
				directory.remove(temporary);
				const fd = directory.create(temporary);
				try {
					fchmodSync(fd, MODE);
					writeFileSync(fd, text);
				} finally {
					closeSync(fd);
				}
				if (directory.move(temporary, name)) return;
				directory.remove(temporary);
				throw notRegular(this.#path);
			} finally {
				directory.close();
			}
		} catch (error) {
			throw fileError(
				this.#path,
				error,
				'The directory must exist, and the invoking user must be able to write to it.',
			);
		}
	}

	#requireOwn(): void {
		let start: string;
		try {
			start = readUserFile(this.#path, this.#user, { isPlain: true, bytes: FIRST_CHARACTERS.length });
		} catch (error) {
			if (systemCode(error) === 'ENOENT') return;
			throw systemCode(error) === 'ELOOP' ? notRegular(this.#path) : fileError(this.#path, error, HINT);
		}
		if (start !== '' && start !== FIRST_CHARACTERS)
			throw new UserError(`${this.#path} exists and has no metrics of tinytap`, 'ERR_FILE_EEXIST', HINT);
	}
}

const HINT = 'Choose a new name, or use --force to replace the file.';

function notRegular(path: string): UserError {
	return new UserError(`cannot write ${path}: it is not a regular file`, 'ERR_FILE_EEXIST', 'Choose another name.');
}
