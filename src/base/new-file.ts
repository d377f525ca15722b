// A new file of the invoking user that is either complete or absent.
import { randomBytes } from 'node:crypto';
import { closeSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { InvokingUser } from './invoking-user.ts';
import { UserDirectory } from './user-files.ts';

/** A file with mode 0600 that is being written. If the process ends before `keep()`, the file is removed. */
export class NewFile {
	/** Descriptor for writing. */
	readonly fd: number;
	readonly #directory: UserDirectory;
	readonly #name: string;
	/** The name while it is being written: a temporary one if it is to replace another file. */
	readonly #writtenAs: string;
	readonly #onExit = () => this.discard();
	#isOpen = true;

	/**
	 * Throws system errors. EEXIST means that there is a file of this name, or with `force`, that it is not a regular file.
	 */
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

	/** Completes the file. If that fails, removes it and throws the system error. */
	keep(): void {
		try {
			if (this.#writtenAs !== this.#name && !this.#directory.move(this.#writtenAs, this.#name)) throw this.#taken();
		} catch (error) {
			this.discard();
			throw error;
		}
		this.#close();
	}

	/** Removes the file. Does nothing after `keep()`. */
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
