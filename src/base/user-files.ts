// Files of the invoking user, used by a process that may be root. The user can replace any part of a path with a link
// at any moment, so no path is trusted: a directory or file is opened, then checked, and then used only through its
// descriptor. Root does nothing for a user that this user could not do.
import {
	appendFileSync,
	closeSync,
	constants,
	fchmodSync,
	fchownSync,
	fstatSync,
	fsyncSync,
	lstatSync,
	mkdirSync,
	openSync,
	readdirSync,
	readlinkSync,
	readSync,
	renameSync,
	type Stats,
	statSync,
	unlinkSync,
	writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { systemCode, UserError } from './errors.ts';
import { type InvokingUser, userGroups } from './invoking-user.ts';

const { O_APPEND, O_CREAT, O_DIRECTORY, O_EXCL, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

/** A Linux flag that Node does not define: opens a path without access to its content. */
const O_PATH = 0o10000000;

/** Permission bits of one class (owner, group, others) in a mode. */
const MAY_READ = 4;
const MAY_WRITE = 2;
const MAY_SEARCH = 1;
const STICKY = 0o1000;

/** Far more than any SQL text needs. */
export const MAX_TEXT_BYTES = 16 * 1024 * 1024;

/** Identifies a file, even if it has been renamed. */
export type FileIdentity = { readonly dev: number; readonly ino: number };

/** An open directory of the user. Names are resolved in this directory even if its path changes in the meantime. */
export class UserDirectory {
	readonly path: string;
	readonly #fd: number;
	readonly #user: InvokingUser;

	private constructor(path: string, fd: number, user: InvokingUser) {
		this.path = path;
		this.#fd = fd;
		this.#user = user;
	}

	/** Opens a directory that belongs to the user. Creates missing directories with mode 0700. */
	static own(path: string, user: InvokingUser): UserDirectory {
		const fd = openOrMake(resolve(path), user);
		const directory = new UserDirectory(path, fd, user);
		if (isRoot() && fstatSync(fd).uid !== user.uid) {
			directory.close();
			throw refused(path, `it does not belong to ${user.name}`);
		}
		return directory;
	}

	/** Opens a directory that the user can write to. */
	static writable(path: string, user: InvokingUser): UserDirectory {
		const fd = openSync(path, O_RDONLY | O_DIRECTORY);
		const directory = new UserDirectory(path, fd, user);
		if (!mayUse(fd, user, MAY_WRITE | MAY_SEARCH)) {
			directory.close();
			throw refused(path, `${user.name} may not write there`);
		}
		return directory;
	}

	/** Creates a new file, mode 0600, owned by the user. Returns its descriptor. */
	create(name: string): number {
		const fd = openSync(this.#below(name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
		try {
			this.#giveAway(fd);
		} catch (error) {
			// It fails, for example, on a file system without owners.
			closeSync(fd);
			unlinkSync(this.#below(name));
			throw error;
		}
		return fd;
	}

	/**
	 * Removes a regular file; programs that have it open keep it. False for other files, and if it does not belong to
	 * the user. `which`: only if it is still this one.
	 */
	remove(name: string, which?: FileIdentity): boolean {
		if (!this.#mayRemove(name, which)) return false;
		unlinkSync(this.#below(name));
		return true;
	}

	/** Whether this name is unused, or used by a file that remove() would remove. */
	isFree(name: string): boolean {
		return this.#mayRemove(name) || lstatSync(this.#below(name), { throwIfNoEntry: false }) === undefined;
	}

	/** Renames a file. Replaces a file that remove() would remove; returns false if there is any other. */
	move(name: string, to: string): boolean {
		if (!this.isFree(to)) return false;
		// A link that gets this name in the meantime is replaced, not followed.
		renameSync(this.#below(name), this.#below(to));
		return true;
	}

	/** Appends to a file of the user, and makes it readable only by that user. Creates it if it does not exist. */
	append(name: string, text: string): void {
		const fd = this.#openOwn(name) ?? this.create(name);
		try {
			if ((fstatSync(fd).mode & 0o077) !== 0) fchmodSync(fd, 0o600);
			appendFileSync(fd, text);
		} finally {
			closeSync(fd);
		}
	}

	/** Replaces the content of `name` atomically; returns whether the file existed before. */
	replace(name: string, text: string): boolean {
		const temporary = `.${name}.${process.pid}.tmp`;
		const fd = this.create(temporary);
		try {
			try {
				writeFileSync(fd, text);
				fsyncSync(fd);
			} finally {
				closeSync(fd);
			}
			const replaced = lstatSync(this.#below(name), { throwIfNoEntry: false }) !== undefined;
			// A link under this name is replaced, not followed.
			renameSync(this.#below(temporary), this.#below(name));
			return replaced;
		} catch (error) {
			unlinkSync(this.#below(temporary));
			throw error;
		}
	}

	/** The names of the regular files, each with its size. */
	files(): { readonly name: string; readonly bytes: number }[] {
		return readdirSync(this.#below('.')).flatMap((name) => {
			const stat = lstatSync(this.#below(name), { throwIfNoEntry: false });
			return stat?.isFile() === true ? [{ name, bytes: stat.size }] : [];
		});
	}

	/** Opens a regular file of the user for reading; undefined if there is none. */
	open(name: string): number | undefined {
		return this.#openOwn(name, O_RDONLY);
	}

	/** Makes created, renamed and removed names survive a crash of the machine. */
	sync(): void {
		if (process.platform !== 'win32') fsyncSync(this.#fd);
	}

	close(): void {
		closeSync(this.#fd);
	}

	#mayRemove(name: string, which?: FileIdentity): boolean {
		const stat = lstatSync(this.#below(name), { throwIfNoEntry: false });
		if (stat?.isFile() !== true) return false;
		if (which !== undefined && (stat.dev !== which.dev || stat.ino !== which.ino)) return false;
		const directory = fstatSync(this.#fd);
		const isOthers = stat.uid !== this.#user.uid && directory.uid !== this.#user.uid;
		return !(actsForAnother(this.#user) && (directory.mode & STICKY) !== 0 && isOthers);
	}

	/** Opens an existing file, by default for appending; undefined if there is none. */
	#openOwn(name: string, how = O_WRONLY | O_APPEND): number | undefined {
		let fd: number;
		try {
			fd = openSync(this.#below(name), how | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
		} catch (error) {
			if (systemCode(error) === 'ENOENT') return undefined;
			throw error;
		}
		const stat = fstatSync(fd);
		// A hard link to another user's file is a regular file, too.
		if (stat.isFile() && (!isRoot() || stat.uid === this.#user.uid)) return fd;
		closeSync(fd);
		throw refused(join(this.path, name), `it does not belong to ${this.#user.name}`);
	}

	#giveAway(fd: number): void {
		if (this.#user.other) fchownSync(fd, this.#user.uid, this.#user.gid);
		// Regardless of the umask.
		fchmodSync(fd, 0o600);
	}

	#below(name: string): string {
		return below(this.#fd, this.path, name);
	}
}

/** Creates a file, mode 0600, owned by the user, where the user can write. `force` replaces a regular file. */
export function createUserFile(path: string, user: InvokingUser, force: boolean): number {
	const directory = UserDirectory.writable(dirname(path), user);
	try {
		if (force) directory.remove(basename(path));
		return directory.create(basename(path));
	} finally {
		directory.close();
	}
}

/** Removes a regular file that the user may remove; with `which`, only if it is still this one. False if it did not. */
export function removeUserFile(path: string, user: InvokingUser, which?: FileIdentity): boolean {
	const directory = UserDirectory.writable(dirname(path), user);
	try {
		return directory.remove(basename(path), which);
	} finally {
		directory.close();
	}
}

/** Opens a file (or pipe, device, directory) that the user can read. */
export function openUserFile(path: string, user: InvokingUser): number {
	// Without O_NONBLOCK, opening a pipe without a writer would block.
	const flags = O_RDONLY | O_NONBLOCK | O_NOCTTY;
	if (!actsForAnother(user) || process.platform !== 'linux') return openSync(path, flags);
	// Opening a pipe or a device has effects, so permissions are checked on an O_PATH descriptor first.
	const found = openSync(path, O_PATH);
	try {
		if (!mayUse(found, user, MAY_READ)) throw refused(path, `${user.name} may not read it`);
		return openSync(descriptorPath(found), flags);
	} finally {
		closeSync(found);
	}
}

/** The same for a file in a directory that somebody else may have filled: does not open links, pipes and devices. */
function openPlainFile(path: string, user: InvokingUser): number {
	if (process.platform !== 'linux') return openSync(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
	const found = openSync(path, O_PATH | O_NOFOLLOW);
	try {
		if (!fstatSync(found).isFile()) throw refused(path, 'it is not a regular file');
		return openUserFile(descriptorPath(found), user);
	} finally {
		closeSync(found);
	}
}

/**
 * Reads a file that controls what tinytap does. Throws a UserError unless it belongs to the user or root, and nobody
 * else may write to it. `isSecret`: nor read it.
 */
export function readOwnFile(path: string, user: InvokingUser, isSecret = false): string {
	const fd = openUserFile(path, user);
	try {
		const stat = fstatSync(fd);
		if (!stat.isFile()) throw refused(path, 'it is not a regular file');
		if (process.platform !== 'win32') {
			if (stat.uid !== user.uid && stat.uid !== 0)
				throw distrusted(path, `it belongs to neither ${user.name} nor root`);
			// A group that only this user is in, as on many systems, does not count as somebody else.
			const mayOthers = (bit: number) =>
				(stat.mode & bit) !== 0 || ((stat.mode & (bit << 3)) !== 0 && stat.gid !== user.gid);
			if (mayOthers(MAY_WRITE)) throw distrusted(path, 'others may write to it');
			if (isSecret && mayOthers(MAY_READ)) throw exposed(path);
		}
		return readText(fd, path);
	} finally {
		closeSync(fd);
	}
}

export type Reading = {
	/** Links are not followed. */
	readonly isPlain?: boolean;
	/** Read only this much of the beginning. */
	readonly bytes?: number;
};

/** Reads the text of a regular file that the user can read. */
export function readUserFile(path: string, user: InvokingUser, { isPlain = false, bytes }: Reading = {}): string {
	const fd = isPlain ? openPlainFile(path, user) : openUserFile(path, user);
	try {
		const stat = fstatSync(fd);
		if (!stat.isFile() && !stat.isDirectory()) throw refused(path, 'it is not a regular file');
		if (bytes === undefined) return readText(fd, path);
		const start = Buffer.alloc(bytes);
		return start.toString('utf8', 0, readSync(fd, start));
	} finally {
		closeSync(fd);
	}
}

/** The same, but also reads pipes and terminals, up to their end. */
export function readUserInput(path: string, user: InvokingUser): string {
	const fd = openUserFile(path, user);
	try {
		const stat = fstatSync(fd);
		if (stat.isFile() || stat.isDirectory() || process.platform !== 'linux') return readText(fd, path);
		// Opened again without O_NONBLOCK, so that reads wait.
		const waiting = openSync(descriptorPath(fd), O_RDONLY | O_NOCTTY);
		try {
			return readText(waiting, path);
		} finally {
			closeSync(waiting);
		}
	} finally {
		closeSync(fd);
	}
}

/** The last lines of a regular file that the user can read, at most `bytes` of them. */
export function readLastLines(path: string, user: InvokingUser, bytes: number): string {
	const fd = openUserFile(path, user);
	try {
		const stat = fstatSync(fd);
		if (!stat.isFile()) throw refused(path, 'it is not a regular file');
		const text = Buffer.alloc(Math.min(bytes, stat.size));
		const read = readSync(fd, text, 0, text.length, stat.size - text.length);
		const from = read < stat.size ? text.indexOf('\n') + 1 : 0;
		return text.toString('utf8', from, read);
	} finally {
		closeSync(fd);
	}
}

/** Reads to the end, up to a limit far above the size of any SQL text. */
function readText(fd: number, path: string): string {
	const chunks: Buffer[] = [];
	let length = 0;
	for (;;) {
		const chunk = Buffer.alloc(64 * 1024);
		const bytes = readSync(fd, chunk);
		if (bytes === 0) return Buffer.concat(chunks).toString('utf8');
		chunks.push(chunk.subarray(0, bytes));
		length += bytes;
		if (length > MAX_TEXT_BYTES) throw tooLong(path);
	}
}

/** The error for a text of more than MAX_TEXT_BYTES. */
export function tooLong(path: string): UserError {
	return new UserError(
		`cannot read ${path}: expected at most ${MAX_TEXT_BYTES >> 20} MiB of text, got more`,
		'ERR_FILE_SIZE',
		'Give a file of SQL statements.',
	);
}

/** Which names to list: all, only those of regular files, or all, with a `/` after directories. */
export type Listed = 'all' | 'plain files' | 'directories marked';

/** The names in a directory that the user can read. */
export function listUserDirectory(path: string, user: InvokingUser, listed: Listed = 'all'): string[] {
	const fd = openUserFile(path, user);
	try {
		if (!fstatSync(fd).isDirectory()) return [];
		const entries = readdirSync(process.platform === 'linux' ? descriptorPath(fd) : path, { withFileTypes: true });
		return entries
			.filter((entry) => listed !== 'plain files' || entry.isFile())
			.map((entry) => (listed === 'directories marked' && entry.isDirectory() ? `${entry.name}/` : entry.name));
	} finally {
		closeSync(fd);
	}
}

/** Opens a directory. Creates missing directories with mode 0700, owned by the user. */
function openOrMake(path: string, user: InvokingUser): number {
	try {
		return openSync(path, O_RDONLY | O_DIRECTORY);
	} catch (error) {
		if (systemCode(error) !== 'ENOENT' || dirname(path) === path) throw error;
	}
	const parent = openOrMake(dirname(path), user);
	try {
		if (isRoot() && fstatSync(parent).uid !== user.uid) {
			throw refused(dirname(path), `it does not belong to ${user.name}`);
		}
		const place = below(parent, dirname(path), basename(path));
		try {
			mkdirSync(place, { mode: 0o700 });
		} catch (error) {
			// Another tinytap has created it in the meantime.
			if (systemCode(error) !== 'EEXIST') throw error;
		}
		const fd = openSync(place, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
		// Change the owner only if this is certainly the new directory: the user can move another one to this path.
		if (user.other && fstatSync(fd).uid !== user.uid && readdirSync(below(fd, path, '.')).length === 0) {
			fchownSync(fd, user.uid, user.gid);
		}
		return fd;
	} finally {
		closeSync(parent);
	}
}

/** The path of a name in an open directory, because Node has no openat(2). A different user occurs only on Linux. */
function below(fd: number, path: string, name: string): string {
	if (process.platform !== 'linux') return join(path, name);
	return `${descriptorPath(fd)}/${name}`;
}

function descriptorPath(fd: number): string {
	return `/proc/self/fd/${fd}`;
}

/** Whether the user has this permission. Needed only if root acts for another user; otherwise the kernel checks. */
function mayUse(fd: number, user: InvokingUser, wanted: number): boolean {
	if (!actsForAnother(user)) return true;
	const groups = userGroups(user);
	if (!allows(fstatSync(fd), user, groups, wanted)) return false;
	if (process.platform !== 'linux') return true;
	// The real path; pipes and sockets have none.
	const real = readlinkSync(descriptorPath(fd));
	if (!real.startsWith('/')) return true;
	for (let directory = dirname(real); ; directory = dirname(directory)) {
		const stat = statSync(directory, { throwIfNoEntry: false });
		if (stat !== undefined && !allows(stat, user, groups, MAY_SEARCH)) return false;
		if (directory === '/') return true;
	}
}

function allows(stat: Stats, user: InvokingUser, groups: ReadonlySet<number>, wanted: number): boolean {
	const shift = stat.uid === user.uid ? 6 : groups.has(stat.gid) ? 3 : 0;
	return ((stat.mode >> shift) & wanted) === wanted;
}

function isRoot(): boolean {
	return process.geteuid?.() === 0;
}

function actsForAnother(user: InvokingUser): boolean {
	return isRoot() && user.uid !== 0;
}

function distrusted(path: string, why: string): UserError {
	return new UserError(
		`cannot trust ${path}: ${why}`,
		'ERR_FILE_EACCES',
		'This file controls what tinytap does. Check it, then make it yours: chown it, and chmod go-w.',
	);
}

function exposed(path: string): UserError {
	return new UserError(
		`cannot trust ${path}: others may read it`,
		'ERR_FILE_EACCES',
		`It contains a secret: chmod go-rwx ${path}`,
	);
}

function refused(path: string, why: string): UserError {
	return new UserError(
		`cannot open ${path}: ${why}`,
		'ERR_FILE_EACCES',
		'Even as root, tinytap touches only files that the user of the session may touch; --user sets that user.',
	);
}
