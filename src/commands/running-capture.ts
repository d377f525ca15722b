// One capture from a command's point of view: started, told about, ended by time, count or Ctrl-C.
import { EXIT, UserError } from '../base/errors.ts';
import { forTerminal } from '../output/terminal-text.ts';
import { filtersText } from '../shell/filters.ts';
import { lossSentence } from '../shell/result-printer.ts';
import type { DamageMessage } from '../threads/messages.ts';
import { type CaptureEnd, Threads } from '../threads/threads.ts';
import type { Options } from './options.ts';

/** Starts the threads; `announceAttached` waits until the capture runs. */
export function startCapture(options: Options, notice: (text: string) => void = say): Threads {
	const { capture, presentation } = options;
	return new Threads(capture, (message, hint) => {
		notice(`${presentation.errorTheme.warning('tinytap: warning:')} ${forTerminal(message)}\n`);
		if (hint !== undefined) notice(`${presentation.errorTheme.hint('hint:')} ${forTerminal(hint)}\n`);
	});
}

/** Resolves when the probes are attached, after saying so. */
export async function announceAttached(
	threads: Threads,
	options: Options,
	notice: (text: string) => void = say,
): Promise<void> {
	const remarks = await threads.attached;
	if (options.presentation.quiet) return;
	notice(`${captureSentence(options)}\n`);
	for (const remark of remarks) notice(`tinytap: ${forTerminal(remark)}\n`);
}

/** Ends the capture after `--for`, or when `interrupted` resolves, or by itself (replay, `--count`). */
export async function captureEnd(
	threads: Threads,
	options: Options,
	interrupted: Promise<unknown>,
): Promise<CaptureEnd> {
	let timer: NodeJS.Timeout | undefined;
	if (options.forMs !== undefined) timer = setTimeout(() => void threads.stop().catch(() => undefined), options.forMs);
	interrupted.then(() => threads.stop()).catch(() => undefined);
	try {
		return await threads.ended;
	} finally {
		clearTimeout(timer);
	}
}

/** Tells how a recording ended early. Throws a UserError when it is damaged, not merely cut off. */
export function reportDamage(damage: DamageMessage | undefined, options: Options): void {
	if (damage === undefined) return;
	const sentence = `${damage.path} is ${damage.what} at byte ${damage.offset}: ${damage.detail}`;
	if (damage.what === 'damaged') {
		throw new UserError(sentence, 'ERR_RECORDING_DAMAGED', 'What stands before the damage was read.');
	}
	if (!options.presentation.quiet)
		say(`${options.presentation.errorTheme.warning('tinytap: warning:')} ${forTerminal(sentence)}\n`);
}

/** With `--strict`: the UserError (exit code 3) when bytes were lost. */
export function strictError(threads: Threads, options: Options): UserError | undefined {
	const sentence = lossSentence(threads.status);
	if (!options.strict || sentence === undefined) return undefined;
	return new UserError(
		sentence,
		'ERR_LOSS',
		'A larger --ring-size or a filter (--port, --pid, --comm) may help.',
		EXIT.loss,
	);
}

/** To stderr. */
export function say(text: string): void {
	process.stderr.write(text);
}

function captureSentence(options: Options): string {
	const { command } = options;
	const { replay, filters, record } = options.capture;
	if (replay !== undefined) return `tinytap: replaying ${forTerminal(replay.path)}`;
	const into = record === undefined ? '' : `, recording to ${forTerminal(record.path)}`;
	return `tinytap: capturing HTTP/1.x of ${command === undefined ? filtersText(filters) : forTerminal(command.join(' '))}${into}`;
}
