// A new file of the invoking user that is whole or does not exist.
import { randomBytes } from 'node:crypto';
import { closeSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { InvokingUser } from './invoking-user.ts';
import { UserDirectory } from './user-files.ts';

/** Until `keep()`, the file is written, mode 0600. If the process ends before, nothing of it is left. */
export class NewFile {
	/** For writing. */
	readonly fd: number;
	readonly #directory: UserDirectory;
	readonly #name: string;
	/** Its name until it is whole. It has one of its own if it is to replace another file. */
	readonly #writtenAs: string;
	readonly #onExit = () => this.discard();
	#isOpen = true;

	/** Throws system errors, such as EEXIST: without `force` if there is a file, and with it if that is not a regular one. */
	constructor(path: string, user: InvokingUser, force: boolean) {
		this.#directory = UserDirectory.writable(dirname(path), user);
		this.#name = basename(path);
		this.#writtenAs = force ? `.tinytap-${randomBytes(6).toString('hex')}` : this.#name;
		try {
			if (force && !this.#directory.isFree(this.#name)) throw this.#taken();
			this.fd = this.#directory.create(this.#writtenAs);
		} catch (error) {
			this.#directory.close();
			throw error;
		}
		process.once('exit', this.#onExit);
	}

	/** Everything is written. Throws system errors; then the file is gone. */
	keep(): void {
		try {
			if (this.#writtenAs !== this.#name && !this.#directory.move(this.#writtenAs, this.#name)) throw this.#taken();
		} catch (error) {
			this.discard();
			throw error;
		}
		this.#close();
	}

	/** Removes what was written. Nothing happens after `keep()`. */
	discard(): void {
		if (!this.#isOpen) return;
		this.#directory.remove(this.#writtenAs);
		this.#close();
	}

	#taken(): Error {
		return Object.assign(new Error(`${this.#name} is not a regular file`), { code: 'EEXIST' });
	}

	#close(): void {
		this.#isOpen = false;
		process.removeListener('exit', this.#onExit);
		closeSync(this.fd);
		this.#directory.close();
	}
}
