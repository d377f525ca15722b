// What the capturing commands share: threads, Ctrl-C, stdout, and an orderly shutdown.
import { EXIT, UserError } from '../base/errors.ts';
import { limitOutput, standardOutput } from '../output/output-stream.ts';
import { forTerminal } from '../output/terminal-text.ts';
import { ShellSession } from '../shell/shell-session.ts';
import { createSink, type Sink } from '../shell/sink.ts';
import type { Telemetry, TelemetryPlan } from '../telemetry/telemetry.ts';
import { INTERRUPTED_MS, type Interrupts, listenForInterrupts } from '../threads/interrupts.ts';
import type { CaptureEnd, Threads } from '../threads/threads.ts';
import type { Options } from './options.ts';
import { RunningCapture, say } from './running-capture.ts';

export type CommandContext = {
	readonly options: Options;
	readonly threads: Threads;
	readonly sink: Sink;
	readonly interrupts: Interrupts;
	/** A shell without a prompt, for statements. */
	readonly shell: ShellSession;
	/** Resolves when the probes are attached and that has been announced. */
	attached(): Promise<void>;
	/** Waits until the capture ends (--for, --count, Ctrl-C, closed stdout, end of the recording) and reports damage. */
	captured(): Promise<CaptureEnd>;
	/** Runs statements. From then on, SIGINT cancels them (exit status 130). */
	query<T>(work: () => Promise<T>): Promise<T>;
};

/** Starts a capture, runs `work` with it, and always ends it. Resolves to the exit status. */
export async function withCapture(
	options: Options,
	work: (context: CommandContext) => Promise<number>,
): Promise<number> {
	const plan = await telemetryPlan(options);
	const interrupts = listenForInterrupts();
	const capture = await RunningCapture.start(options);
	const { threads } = capture;
	const sink = createSink(standardOutput());
	const shell = new ShellSession({
		options,
		threads,
		sink,
		interactive: false,
		tell: say,
		open: async () => {
			throw new UserError('.open works only at the prompt, not in scripts', 'ERR_PROMPT_ONLY');
		},
	});
	let damage: CaptureEnd['damage'];
	let telemetry: Telemetry | undefined;
	try {
		await connectStore(shell, options);
		telemetry = await startTelemetry(plan, options, threads);
		const working = work({
			options,
			threads,
			sink,
			interrupts,
			shell,
			attached: () => capture.attached(),
			captured: async () => {
				const end = await capture.ended(Promise.race([interrupts.first, sink.gone]));
				if (interrupts.count > 1) throw interrupted();
				damage = end.damage;
				return end;
			},
			query: async (run) => {
				interrupts.onInterrupt = () => {
					shell.interrupt();
					limitOutput({ withinMs: INTERRUPTED_MS });
				};
				try {
					return await run();
				} catch (error) {
					throw error instanceof UserError && error.code === 'ERR_SQL_CANCELLED' ? interrupted() : error;
				} finally {
					interrupts.onInterrupt = undefined;
				}
			},
		});
		// What was captured before a failure is passed on, too.
		await working.catch(() => undefined);
		const missing = await finishTelemetry(telemetry, threads, interrupts);
		const code = await working;
		if (missing !== undefined) reportMissing(missing, options);
		// Reported after the results, which contain everything before the damage.
		capture.reportDamage(damage);
		if (sink.closed) return EXIT.ok;
		if (code !== EXIT.interrupted) capture.checkLoss();
		return await capture.exitStatus(code);
	} finally {
		telemetry?.close();
		await capture.close();
	}
}

/** Asks the store of `--store`, if it is given. */
export async function connectStore(shell: ShellSession, { store }: Options): Promise<void> {
	if (store === undefined) return;
	const { url, credentials, ca } = store;
	await shell.connect(url, { credentials, ca, option: '--store' });
}

/** Checks the options of telemetry; undefined if there are none. Its code is loaded only if there are. */
async function telemetryPlan(options: Options): Promise<TelemetryPlan | undefined> {
	if (options.telemetry === undefined) return undefined;
	const { planTelemetry } = await import('../telemetry/telemetry.ts');
	return planTelemetry(options.telemetry, process.env, options);
}

async function startTelemetry(
	plan: TelemetryPlan | undefined,
	{ presentation, capture }: Options,
	threads: Threads,
): Promise<Telemetry | undefined> {
	if (plan === undefined) return undefined;
	const { Telemetry } = await import('../telemetry/telemetry.ts');
	const { quiet, redactor, errorTheme } = presentation;
	return await Telemetry.start(plan, {
		threads,
		redact: redactor !== null,
		isLive: capture.replay === undefined,
		notice: (sentence) => {
			if (!quiet) say(`tinytap: ${forTerminal(sentence)}\n`);
		},
		warn: (message, hint) => {
			say(`${errorTheme.warning('tinytap: warning:')} ${forTerminal(message)}\n`);
			if (hint !== undefined) say(`${errorTheme.hint('hint:')} ${forTerminal(hint)}\n`);
		},
	});
}

/** Ends the capture, if the command has not, and passes on what is left. Returns what could not be, as a sentence. */
async function finishTelemetry(
	telemetry: Telemetry | undefined,
	threads: Threads,
	interrupts: Interrupts,
): Promise<string | undefined> {
	if (telemetry === undefined) return undefined;
	threads.stop().catch(() => undefined);
	return await telemetry.finish(interrupts.first);
}

/** With --strict, that is an error. */
function reportMissing(missing: string, { strict, presentation }: Options): void {
	if (strict) throw new UserError(missing, 'ERR_LOSS', 'Look at the warnings before this one.');
	say(`${presentation.errorTheme.warning('tinytap: warning:')} ${forTerminal(missing)}\n`);
}

function interrupted(): UserError {
	return new UserError('interrupted', 'ERR_INTERRUPTED');
}
