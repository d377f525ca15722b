// Redirected results: `.output`, `.once`, `\g FILE`.
import { closeSync, writeSync } from 'node:fs';
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import type { Writable } from 'node:stream';
import { systemCode, type UserError, usageError } from '../base/errors.ts';
import { fileError } from '../base/file-error.ts';
import type { InvokingUser } from '../base/invoking-user.ts';
import { NewFile } from '../base/new-file.ts';
import { createUserFile } from '../base/user-files.ts';
import { outputError } from './error-text.ts';
import { type Sink, unmixed } from './sink.ts';
import { lendTerminal, startForUser } from './user-program.ts';

export type ResultOutput = {
	readonly sink: Sink;
	/** The name for messages. */
	readonly name: string;
	/** Whether results go to a program, which may print on the terminal. */
	readonly isProgram: boolean;
	/** Whether a result has been written. */
	readonly isUsed: boolean;
	/** Resolves when everything is written and, for a program, when it has ended. */
	close(): Promise<void>;
};

export type OutputTarget =
	| { readonly type: 'screen' }
	| { readonly type: 'file'; readonly path: string; readonly force: boolean }
	| { readonly type: 'program'; readonly command: string };

/** Parses `[--force] FILE`, `| COMMAND`, `off`. */
export function parseTarget(argument: string, user: InvokingUser): OutputTarget {
	const [, force, rest = ''] = /^(--force(?:\s+|$))?([\s\S]*)$/.exec(argument.trim()) ?? [];
	if (rest.startsWith('|')) {
		const command = rest.slice(1).trim();
		if (command === '') throw usageError('expected a command after |, got nothing');
		return { type: 'program', command };
	}
	if (/^(off|stdout)?$/i.test(rest)) return { type: 'screen' };
	return { type: 'file', path: userPath(rest, user), force: force !== undefined };
}

/** Reads a file name as typed, with or without quotes; `~/` is the user's home. */
export function userPath(text: string, user: InvokingUser): string {
	const name = /^(["']).*\1$/s.test(text) && text.length > 2 ? text.slice(1, -1) : text;
	return name.startsWith('~/') ? resolve(user.other ? user.home : homedir(), name.slice(2)) : name;
}

/**
 * Creates a file of the user with mode 0600. Throws a UserError if it exists (unless `force`) or cannot be
 * created.
 */
export function openFile(path: string, user: InvokingUser, force: boolean): ResultOutput {
	let fd: number;
	try {
		fd = createUserFile(path, user, force);
	} catch (error) {
		throw newFileError(path, error, force);
	}
	let isUsed = false;
	return {
		sink: fileSink(
			fd,
			(code) => outputError(code),
			() => {
				isUsed = true;
			},
		),
		name: path,
		isProgram: false,
		get isUsed() {
			return isUsed;
		},
		close: async () => closeSync(fd),
	};
}

/** The same for a file that is either whole or absent: `keep()` completes it, `discard()` removes it unless it was kept. */
export function openWholeFile(
	path: string,
	user: InvokingUser,
	force: boolean,
): ResultOutput & { readonly keep: () => void; readonly discard: () => void } {
	const attempt = <T>(work: () => T): T => {
		try {
			return work();
		} catch (error) {
			throw newFileError(path, error, force);
		}
	};
	const file = attempt(() => new NewFile(path, user, force));
	return {
		sink: fileSink(file.fd, outputError),
		name: path,
		isProgram: false,
		// That would end the redirection of `.once`.
		isUsed: false,
		close: async () => undefined,
		keep: () => attempt(() => file.keep()),
		discard: () => file.discard(),
	};
}

/** The error of a file that cannot be created. */
export function newFileError(path: string, error: unknown, force: boolean): UserError {
	const exists = force
		? 'Only regular files can be replaced: choose a new name.'
		: 'Choose a new name, or write --force before it to replace the file.';
	const isThere = systemCode(error) === 'EEXIST';
	return fileError(path, error, isThere ? exists : 'The directory must exist and be writable.');
}

/** Writes into an open file. `problem` makes the error for the code of a system error. */
export function fileSink(fd: number, problem: (code: string) => UserError, before: () => void = () => undefined): Sink {
	const put = async (bytes: Uint8Array) => {
		before();
		try {
			for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
		} catch (error) {
			throw problem(systemCode(error) ?? String(error));
		}
	};
	return unmixed({
		write: (text) => put(Buffer.from(text)),
		writeBytes: put,
		writeRows: (texts) => put(Buffer.from(texts.join(''))),
		closed: false,
		gone: new Promise(() => undefined),
		discard: () => undefined,
	});
}

export type ProgramWays = {
	/** Called on Ctrl-C while the program has the terminal. */
	readonly onInterrupt: () => void;
	/** Whether the program has the terminal from its start, or only while `close()` waits for its end. */
	readonly hasTerminal: boolean;
};

/**
 * Starts `command` with /bin/sh as the user when the first result arrives. If it stops reading, the output ends
 * quietly.
 */
export function openProgram(command: string, user: InvokingUser, ways: ProgramWays): ResultOutput {
	let program: RunningProgram | undefined;
	let tellGone: () => void = () => undefined;
	const gone = new Promise<void>((resolve) => {
		tellGone = resolve;
	});
	const put = async (text: string | Uint8Array) => {
		if (text.length === 0) return;
		program ??= startProgram(command, user, ways, tellGone);
		if (program.failure !== undefined) throw outputError(program.failure);
		if (program.closed || program.stdin.write(text)) return;
		const { stdin } = program;
		await Promise.race([new Promise<void>((resolve) => stdin.once('drain', resolve)), gone]);
	};
	return {
		sink: unmixed({
			write: put,
			writeBytes: put,
			writeRows: (texts) => put(texts.join('')),
			get closed() {
				return program?.closed === true;
			},
			gone,
			discard: () => undefined,
		}),
		name: `| ${command}`,
		isProgram: true,
		get isUsed() {
			return program !== undefined;
		},
		close: async () => {
			if (program === undefined) return;
			const takeBack = lendTerminal(ways.onInterrupt);
			program.stdin.end();
			await program.ended;
			takeBack();
		},
	};
}

type RunningProgram = {
	readonly stdin: Writable;
	/** The program reads no more. */
	closed: boolean;
	/** The system error's code if the program could not be started. */
	failure: string | undefined;
	readonly ended: Promise<void>;
};

function startProgram(
	command: string,
	user: InvokingUser,
	{ onInterrupt, hasTerminal }: ProgramWays,
	tellGone: () => void,
): RunningProgram {
	const takeBack = hasTerminal ? lendTerminal(onInterrupt) : () => undefined;
	const child = startForUser('/bin/sh', ['-c', command], user, ['pipe', 'inherit', 'inherit']);
	const program: RunningProgram = {
		stdin: child.stdin!,
		closed: false,
		failure: undefined,
		ended: new Promise<void>((resolve) => {
			const end = (error?: Error) => {
				if (error !== undefined) program.failure = systemCode(error) ?? String(error);
				takeBack();
				resolve();
			};
			child.once('error', end);
			child.once('close', () => end());
		}),
	};
	// EPIPE: the program has read as much as it wanted.
	for (const event of ['error', 'close'])
		program.stdin.on(event, () => {
			program.closed = true;
			tellGone();
		});
	return program;
}
