// What the capturing commands have in common: threads, Ctrl-C, stdout, and an orderly end.
import { EXIT, UserError } from '../base/errors.ts';
import { ShellSession } from '../shell/shell-session.ts';
import { createSink, type Sink } from '../shell/sink.ts';
import { type Interrupts, listenForInterrupts } from '../threads/interrupts.ts';
import type { CaptureEnd, Threads } from '../threads/threads.ts';
import { holdCommand } from './held-command.ts';
import type { Options } from './options.ts';
import { announceAttached, captureEnd, reportDamage, say, startCapture, strictError } from './running-capture.ts';

export type CommandContext = {
	readonly options: Options;
	readonly threads: Threads;
	readonly sink: Sink;
	readonly interrupts: Interrupts;
	/** A shell without a prompt, for statements. */
	readonly shell: ShellSession;
	/** Resolves when the probes are attached, after saying so. */
	attached(): Promise<void>;
	/** Ends the capture by `--for`, `--count`, Ctrl-C, a closed stdout or the recording's end; tells how a recording ended early. */
	captured(): Promise<CaptureEnd>;
	/** Runs statements; a SIGINT from now on ends them (exit status 130). */
	query<T>(work: () => Promise<T>): Promise<T>;
};

/** Starts a capture, lets `work` use it, ends it in any case. Resolves to the exit status. */
export async function withCapture(
	options: Options,
	work: (context: CommandContext) => Promise<number>,
): Promise<number> {
	const interrupts = listenForInterrupts();
	const held = options.command === undefined ? undefined : await holdCommand(options.command, options.user, 'inherit');
	const threads = startCapture(held === undefined ? options : withPid(options, held.pid));
	const sink = createSink(process.stdout);
	const shell = new ShellSession({
		options,
		threads,
		sink,
		interactive: false,
		tell: say,
		open: async () => {
			throw new UserError('.open is for the prompt, not for scripts', 'ERR_PROMPT_ONLY');
		},
	});
	let damage: CaptureEnd['damage'];
	try {
		const code = await work({
			options,
			threads,
			sink,
			interrupts,
			shell,
			attached: async () => {
				await announceAttached(threads, options);
				held?.release();
			},
			captured: async () => {
				const end = await captureEnd(
					threads,
					options,
					Promise.race([interrupts.first, sink.gone, ...(held === undefined ? [] : [held.ended])]),
				);
				if (interrupts.count > 1) throw interrupted();
				damage = end.damage;
				return end;
			},
			query: async (run) => {
				interrupts.onInterrupt = () => threads.cancel();
				try {
					return await run();
				} catch (error) {
					throw error instanceof UserError && error.code === 'ERR_SQL_CANCELLED' ? interrupted() : error;
				} finally {
					interrupts.onInterrupt = undefined;
				}
			},
		});
		// After the results: what stands before the damage was delivered.
		reportDamage(damage, options);
		if (sink.closed) return EXIT.ok;
		const loss = strictError(threads, options);
		if (loss !== undefined && code !== EXIT.interrupted) throw loss;
		return held === undefined || code !== EXIT.ok ? code : await held.ended;
	} finally {
		held?.abandon();
		await threads.close();
	}
}

/** The same capture of one process and its children. */
export function withPid(options: Options, pid: number): Options {
	const { filters } = options.capture;
	return { ...options, capture: { ...options.capture, filters: { ...filters, pids: [...filters.pids, pid] } } };
}

function interrupted(): UserError {
	return new UserError('interrupted', 'ERR_INTERRUPTED', undefined, EXIT.interrupted);
}
