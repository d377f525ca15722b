// `tinytap`: the shell, with a prompt on a terminal and without one in a pipe.
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { EXIT, UserError } from '../base/errors.ts';
import { DEMO_NAME, FILES } from '../base/installation.ts';
import { limitOutput, standardError, standardOutput } from '../output/output-stream.ts';
import { forTerminal } from '../output/terminal-text.ts';
import { runPiped } from '../shell/batch.ts';
import { COMMAND_TABLE } from '../shell/commands/commands.ts';
import { errorText } from '../shell/error-text.ts';
import { greeting, STORE_SUGGESTIONS, seenIn, suggestions } from '../shell/greeting.ts';
import { projectQueriesText } from '../shell/query-list.ts';
import { restoreOnSignals } from '../shell/raw-terminal.ts';
import { ShellSession } from '../shell/shell-session.ts';
import { createSink } from '../shell/sink.ts';
import { runStartFile } from '../shell/start-file.ts';
import { INTERRUPTED_MS, listenForInterrupts } from '../threads/interrupts.ts';
import type { Threads } from '../threads/threads.ts';
import { connectStore, withCapture } from './command-context.ts';
import { type Options, withReplay } from './options.ts';
import { RunningCapture, say } from './running-capture.ts';

/** Runs the command; resolves to the exit status. */
export async function shellCommand(options: Options): Promise<number> {
	if (!process.stdin.isTTY || !standardOutput().isTTY) return await pipedShell(options);
	let capture: RunningCapture | undefined;
	try {
		capture = await RunningCapture.start(options, { stdin: 'ignore' });
		await capture.attached({ inOneLine: true });
	} catch (error) {
		await capture?.close();
		if (options.capture.replay !== undefined || !(error instanceof UserError) || !existsSync(FILES.demoRecording))
			throw error;
		say(errorText(error, options.presentation.errorTheme));
		if (!(await wantsDemo())) return EXIT.runtime;
		return await shellCommand({ ...options, capture: withReplay(options.capture, DEMO_NAME) });
	}
	const code = await interactiveShell(options, capture);
	// The user may leave the prompt before the program ends. What it does then is not captured.
	return await capture.exitStatus(code);
}

async function pipedShell(options: Options): Promise<number> {
	return await withCapture(options, async ({ shell, threads, attached, captured, query, interrupts }) => {
		await attached();
		if (options.capture.replay !== undefined) await captured();
		interrupts.first.then(() => process.stdin.destroy()).catch(() => undefined);
		const runner = await query(() => runPiped(shell, process.stdin));
		if (options.capture.replay === undefined) await threads.stop();
		const failure = runner.endError();
		if (failure !== undefined) throw failure;
		return interrupts.count > 0 ? EXIT.interrupted : EXIT.ok;
	});
}

async function interactiveShell(options: Options, first: RunningCapture): Promise<number> {
	// node:repl loads slowly, so only the prompt imports it.
	const { Prompt } = await import('../shell/prompt.ts');
	const prompt = new Prompt(options.directories.history, options.user);
	const print = (text: string) => prompt.print(text);
	let capture = first;
	const open = async (path: string): Promise<Threads> => {
		const replay = { ...options, command: undefined, capture: withReplay(options.capture, path) };
		const opened = await RunningCapture.start(replay, { notice: print });
		try {
			await opened.attached();
			opened.reportDamage((await opened.threads.ended).damage);
		} catch (error) {
			await opened.close();
			throw error;
		}
		capture = opened;
		return opened.threads;
	};
	const shell = new ShellSession({
		options,
		threads: first.threads,
		sink: createSink(standardOutput(), () => prompt.clearTyped()),
		interactive: true,
		tell: print,
		isLineFree: () => prompt.isLineFree,
		open,
	});
	try {
		await connectStore(shell, options);
	} catch (error) {
		await first.close();
		throw error;
	}
	if (!options.presentation.quiet) {
		// Omit the suggestions if the rows cannot be read.
		const isStore = options.store !== undefined;
		const seen = isStore ? undefined : await seenIn(first.threads).catch(() => undefined);
		const own = projectQueriesText(options.directories.queries);
		print(`${greeting()}\n${isStore ? STORE_SUGGESTIONS : suggestions(seen)}\n${own === undefined ? '' : `${own}\n`}`);
	}
	first.threads.ended
		.then(
			({ damage }) => first.reportDamage(damage),
			(error: unknown) => print(errorText(error, options.presentation.theme)),
		)
		.catch((error: unknown) => print(errorText(error, options.presentation.theme)));
	const interrupts = listenForInterrupts();
	interrupts.onInterrupt = () => prompt.interrupt();
	let isKilled = false;
	onKill(() => {
		isKilled = true;
		prompt.close();
	});
	first.commandEnd
		?.then((status) => {
			const stays = options.stay || capture !== first;
			const what = forTerminal(options.command?.[0] ?? '');
			print(`tinytap: ${what} has ended with status ${status}${stays ? '; .quit leaves' : ''}\n`);
			if (!stays) prompt.close();
		})
		.catch((error: unknown) => print(errorText(error, options.presentation.theme)));
	prompt.attach(shell, () => runStartFile(shell, COMMAND_TABLE));
	await prompt.left;
	shell.stopTail();
	// A program that receives results must get all of them.
	if (!isKilled) await shell.setOutput(undefined, false);
	try {
		// Stopping the capture completes the recording.
		await capture.threads.stop();
		capture.checkLoss();
	} finally {
		await capture.close();
	}
	return EXIT.ok;
}

/** Calls `close` when a signal should end the process. Its output must not wait for long then. */
function onKill(close: () => void): void {
	for (const signal of ['SIGTERM', 'SIGHUP'] as const) {
		process.removeAllListeners(signal).on(signal, () => {
			limitOutput({ withinMs: INTERRUPTED_MS });
			close();
		});
	}
}

async function wantsDemo(): Promise<boolean> {
	restoreOnSignals();
	const questions = createInterface({
		input: process.stdin,
		output: standardError() as unknown as NodeJS.WritableStream,
	});
	try {
		const answer = await questions.question('Open the bundled recording instead, to try the shell? [Y/n] ');
		return !/^\s*n/i.test(answer);
	} finally {
		questions.close();
	}
}
