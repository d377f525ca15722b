// The prompt's history in the user's state directory: one line per statement or command, newest last. Line breaks
// inside a statement are stored as CR, which typed lines never contain, so files of earlier versions keep their
// meaning.
import { basename, dirname } from 'node:path';
import { systemCode } from '../base/errors.ts';
import { fileError } from '../base/file-error.ts';
import type { InvokingUser } from '../base/invoking-user.ts';
import { readLastLines, UserDirectory } from '../base/user-files.ts';
import { withoutSecrets } from './history-secrets.ts';

export const HISTORY_ENTRIES = 10_000;

/** Only this much of the end of the file is read. */
const HISTORY_BYTES = 8 * 1024 * 1024;

/** A file with more lines than this is shortened. */
const MOST_LINES = 2 * HISTORY_ENTRIES;

export class History {
	readonly #path: string;
	readonly #user: InvokingUser;
	readonly #warn: (text: string) => void;
	#isBroken = false;

	/** `warn` is called once if the history cannot be saved. The history of this session still works. */
	constructor(path: string, user: InvokingUser, warn: (text: string) => void) {
		this.#path = path;
		this.#user = user;
		this.#warn = warn;
	}

	/** The entries, newest first, as readline expects them. */
	read(): string[] {
		try {
			const lines = readLastLines(this.#path, this.#user, HISTORY_BYTES)
				.split('\n')
				.map((line) => line.replace(/\r$/, ''))
				.filter((line) => line !== '');
			const kept = lines.slice(-HISTORY_ENTRIES);
			if (lines.length > MOST_LINES) this.#write((directory, name) => directory.replace(name, `${kept.join('\n')}\n`));
			return kept.map((line) => line.replaceAll('\r', '\n')).reverse();
		} catch (error) {
			// The file does not exist yet, or cannot be read. append() reports problems.
			if (systemCode(error) === undefined) throw error;
			return [];
		}
	}

	/** Adds an entry of one or more lines, without the secrets in it. */
	append(entry: string): void {
		const line = withoutSecrets(entry).replaceAll('\n', '\r');
		this.#write((directory, name) => directory.append(name, `${line}\n`));
	}

	#write(write: (directory: UserDirectory, name: string) => void): void {
		if (this.#isBroken) return;
		try {
			const directory = UserDirectory.own(dirname(this.#path), this.#user);
			try {
				write(directory, basename(this.#path));
			} finally {
				directory.close();
			}
		} catch (error) {
			this.#isBroken = true;
			this.#warn(`history is not kept: ${fileError(this.#path, error, '').message}`);
		}
	}
}
