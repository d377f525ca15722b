// Which agent uses a spool: one at a time. Its file also tells the next agent until when the last one ran.
import { randomBytes } from 'node:crypto';
import { closeSync, fstatSync, futimesSync, readFileSync } from 'node:fs';
import { UserError } from '../base/errors.ts';
import type { UserDirectory } from '../base/user-files.ts';
import { wallMs, wallUs } from '../base/wall-clock.ts';

const NAME = 'agent.json';
/** How often the file's time is renewed. */
const BEAT_MS = 1000;
/** At such a moment, exchanges that have just ended may not be in the spool yet. */
const LATE_MS = 1000;

type Content = {
	/** Random, the same for all agents that use this spool. */
	readonly id: string;
	/** The agent's process, and when it started, in the kernel's unit. */
	readonly pid: number;
	readonly startTime: string | null;
	/** When the agent stopped, in microseconds since 1970; null while it runs, or if it was killed. */
	readonly stoppedUs: number | null;
};

export class SpoolOwner {
	readonly id: string;
	/** When the agent before this one ended, in microseconds since 1970; undefined for the first one. */
	readonly previousEndUs: number | undefined;
	readonly #directory: UserDirectory;
	#fd: number | undefined;
	readonly #timer: NodeJS.Timeout;

	/** Takes the spool for this process. Throws a UserError if another agent uses it. */
	constructor(directory: UserDirectory) {
		this.#directory = directory;
		const before = readBefore(directory);
		if (before !== undefined && isRunning(before.content))
			throw new UserError(
				`another agent, process ${before.content.pid}, uses the spool ${directory.path}`,
				'ERR_AGENT_SPOOL',
				'Give each agent a spool of its own: --spool DIR.',
			);
		this.id = before?.content.id ?? randomBytes(8).toString('hex');
		this.previousEndUs = before?.endUs;
		this.#write(null);
		this.#timer = setInterval(() => this.#beat(), BEAT_MS);
		this.#timer.unref();
	}

	/** The agent stops in good order. */
	stop(): void {
		clearInterval(this.#timer);
		this.#write(wallUs());
		if (this.#fd !== undefined) closeSync(this.#fd);
		this.#fd = undefined;
	}

	#beat(): void {
		const now = wallMs() / 1000;
		if (this.#fd !== undefined) futimesSync(this.#fd, now, now);
	}

	#write(stoppedUs: number | null): void {
		const content: Content = { id: this.id, pid: process.pid, startTime: startTime(process.pid), stoppedUs };
		this.#directory.replace(NAME, `${JSON.stringify(content)}\n`);
		if (this.#fd !== undefined) closeSync(this.#fd);
		this.#fd = this.#directory.open(NAME);
	}
}

function readBefore(directory: UserDirectory): { readonly content: Content; readonly endUs: number } | undefined {
	const fd = directory.open(NAME);
	if (fd === undefined) return undefined;
	try {
		const content = JSON.parse(readFileSync(fd, 'utf8')) as Content;
		return { content, endUs: content.stoppedUs ?? Math.round((fstatSync(fd).mtimeMs - LATE_MS) * 1000) };
	} catch (error) {
		// Only a damaged disk can leave a part of the file.
		if (error instanceof SyntaxError) return undefined;
		throw error;
	} finally {
		closeSync(fd);
	}
}

function isRunning({ pid, startTime: started }: Content): boolean {
	if (pid === process.pid && started === startTime(pid)) return false;
	return started !== null && startTime(pid) === started;
}

/** When a process started, in clock ticks since the boot; null if it does not exist, or this is not Linux. */
function startTime(pid: number): string | null {
	try {
		const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
		// The name, in parentheses, can contain anything.
		return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
	} catch {
		// There is no such process any more.
		return null;
	}
}
