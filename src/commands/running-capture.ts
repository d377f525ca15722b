// One capture from start to end: the threads, the program after `--`, and the messages about them.

import { closeSync } from 'node:fs';
import { storeName } from '../agent/store-address.ts';
import { EXIT, UserError, usageError } from '../base/errors.ts';
import { launch } from '../base/launch.ts';
import { howToGetRights, mayStartLauncher, startCommand } from '../capture/launcher-access.ts';
import { damageText } from '../capture/recording-damage.ts';
import { standardError } from '../output/output-stream.ts';
import { forTerminal } from '../output/terminal-text.ts';
import { filtersText } from '../shell/filters.ts';
import { lossSentence } from '../shell/result-printer.ts';
import type { DamageMessage } from '../threads/messages.ts';
import { type CaptureEnd, Threads } from '../threads/threads.ts';
import { type HeldCommand, heldCommand } from './held-command.ts';
import type { Options } from './options.ts';

export type CaptureWays = {
	/** stdin of the program after `--`: `ignore` at a prompt, which needs the terminal's input itself. */
	readonly stdin?: 'inherit' | 'ignore';
	/** Shows messages about the capture; on stderr by default. */
	readonly notice?: (text: string) => void;
};

export class RunningCapture {
	readonly threads: Threads;
	readonly #options: Options;
	readonly #held: HeldCommand | undefined;
	readonly #notice: (text: string) => void;

	/** Starts the threads and the (held) program after `--`; `attached` waits until the capture runs. */
	static async start(options: Options, { stdin = 'inherit', notice = say }: CaptureWays = {}): Promise<RunningCapture> {
		const { command } = options;
		if (capturesHere(options)) requireAttacher();
		else if (!attacherInUse) dismissAttacher();
		attacherInUse = true;
		if (command === undefined) return new RunningCapture(options, undefined, notice);
		if (launch?.command === undefined) throw new UserError('the launcher holds no program', 'ERR_LAUNCH');
		const held = heldCommand(command, launch.command, stdin);
		return new RunningCapture(withPid(options, held.pid), held, notice);
	}

	private constructor(options: Options, held: HeldCommand | undefined, notice: (text: string) => void) {
		this.#options = options;
		this.#held = held;
		this.#notice = notice;
		const { errorTheme } = options.presentation;
		const warn = (message: string, hint?: string) => {
			notice(`${errorTheme.warning('tinytap: warning:')} ${forTerminal(message)}\n`);
			if (hint !== undefined) notice(`${errorTheme.hint('hint:')} ${forTerminal(hint)}\n`);
		};
		this.threads = new Threads(options.capture, warn, options.presentation.redactsAll);
	}

	/**
	 * Resolves when the probes are attached and that has been announced, then releases the held program. `inOneLine`: the
	 * sentence about root is a part of the announcement, unless root keeps its privileges.
	 */
	async attached({ inOneLine = false } = {}): Promise<void> {
		const remarks = await this.threads.attached;
		if (!this.#options.presentation.quiet) {
			const isLive = capturesHere(this.#options);
			const joined = inOneLine && isLive && launch?.mode === 'root' ? ' (as root, without capabilities)' : '';
			this.#notice(`${captureSentence(this.#options, this.threads.readsTls)}${joined}\n`);
			const rights = isLive && joined === '' ? rightsSentence() : undefined;
			if (rights !== undefined) this.#notice(`${rights}\n`);
			for (const remark of remarks) this.#notice(`tinytap: ${forTerminal(remark)}\n`);
		}
		this.#held?.release();
	}

	/**
	 * Resolves when the capture ends: after `--for`, when `interrupted` resolves, when the program after `--` ends, or by itself
	 * (recording, `--count`).
	 */
	async ended(interrupted: Promise<unknown>): Promise<CaptureEnd> {
		const { threads } = this;
		const { forMs } = this.#options;
		const stop = () => void threads.stop().catch(() => undefined);
		const timer = forMs === undefined ? undefined : setTimeout(stop, forMs);
		interrupted.then(stop, () => undefined);
		this.#held?.ended.then(stop, () => undefined);
		try {
			return await threads.ended;
		} finally {
			clearTimeout(timer);
		}
	}

	/** Resolves to the exit status of the program after `--`; undefined if there is none. */
	get commandEnd(): Promise<number> | undefined {
		return this.#held?.ended;
	}

	/** Reports the part of a recording that could not be read. Throws a UserError if it is damaged rather than truncated. */
	reportDamage(damage: DamageMessage | undefined): void {
		if (damage === undefined) return;
		const sentence = `${damage.path} ${damageText(damage)}`;
		if (damage.what === 'damaged') {
			throw new UserError(sentence, 'ERR_RECORDING_DAMAGED', 'Everything else was read.');
		}
		const { quiet, errorTheme } = this.#options.presentation;
		if (!quiet) this.#notice(`${errorTheme.warning('tinytap: warning:')} ${forTerminal(sentence)}\n`);
	}

	/** With `--strict`: throws a UserError (exit code 3) if bytes were lost. */
	checkLoss(): void {
		const { status, attachedRecordings } = this.threads;
		const others = attachedRecordings.map(({ name, end }) =>
			lossSentence({ name, lostEvents: 0, lostBytes: 0, ...end }),
		);
		const sentence = [lossSentence(status), ...others].find((each) => each !== undefined);
		if (!this.#options.strict || sentence === undefined) return;
		throw new UserError(sentence, 'ERR_LOSS', 'A larger --ring-size or a filter (--port, --pid, --comm) may help.');
	}

	/** The exit status of a command that ended with `code`: if that is 0, the status of the program after `--`. */
	async exitStatus(code: number): Promise<number> {
		return this.#held === undefined || code !== EXIT.ok ? code : await this.#held.ended;
	}

	/** Ends the threads, and the program if it is still held. May be called twice. */
	async close(): Promise<void> {
		this.#held?.abandon();
		await this.threads.close();
	}
}

/** What to say if this process runs as root, with or without capabilities. */
function rightsSentence(): string | undefined {
	if (launch?.mode === 'keep-root') return 'tinytap: --keep-root: this process keeps all root privileges';
	if (launch?.mode === 'root') return 'tinytap: running as root, without its capabilities';
	return undefined;
}

/** Whether a capture already uses the socket to the attacher, or it is closed. */
let attacherInUse = false;

/** Ends the process that has the privileges to attach. Reading a recording does not need it. */
function dismissAttacher(): void {
	if (launch?.attacher !== undefined) closeSync(launch.attacher);
}

/** Throws a UserError unless there is a process with the privileges to attach. */
function requireAttacher(): void {
	if (launch?.attacher !== undefined || process.platform !== 'linux') return;
	// `--keep-root` and the like were the value of another option. The launcher cannot tell; only this parser can.
	if (launch !== undefined && launch.mode !== 'none')
		throw usageError(
			'--replay: expected an option of its own, got the value of another option',
			'Write --NAME=--replay.',
		);
	if (launch === undefined && mayStartLauncher()) {
		throw new UserError(
			'tinytap was started without its launcher, so it cannot capture',
			'ERR_LAUNCH',
			`Start it with ${startCommand()}; recordings can be read without it: --replay FILE.`,
		);
	}
	throw new UserError('capturing needs root', 'ERR_NO_PERMISSION', howToGetRights());
}

/** Whether rows come from the kernel. */
function capturesHere({ capture }: Options): boolean {
	return capture.replay === undefined && capture.idle !== true;
}

/** Writes to stderr. */
export function say(text: string): void {
	standardError().write(text);
}

/** The same options, restricted to one process and its children. */
function withPid(options: Options, pid: number): Options {
	const { filters } = options.capture;
	return { ...options, capture: { ...options.capture, filters: { ...filters, pids: [...filters.pids, pid] } } };
}

function captureSentence(options: Options, readsTls: boolean): string {
	const { command } = options;
	const { replay, filters, record } = options.capture;
	const store = options.store === undefined ? '' : `asking ${forTerminal(storeName(options.store.url))}`;
	if (options.capture.idle === true) return `tinytap: ${store}; nothing is captured on this host`;
	if (replay !== undefined) {
		const { path, speed } = replay;
		const pace = speed === undefined ? '' : speed === 1 ? ' in real time' : ` at ${speed} times its speed`;
		return `tinytap: replaying ${forTerminal(path)}${pace}`;
	}
	const into = record === undefined ? '' : `, recording to ${forTerminal(record.path)}`;
	return `tinytap: capturing HTTP/1.x and HTTP/2${readsTls ? ', also inside TLS,' : ''} of ${command === undefined ? filtersText(filters) : forTerminal(command.join(' '))}${into}`;
}
