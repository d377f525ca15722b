// Runs statements and commands read from a pipe: no prompt, no history.
import type { Readable } from 'node:stream';
import { MAX_TEXT_BYTES, tooLong } from '../base/user-files.ts';
import { COMMAND_TABLE } from './commands/commands.ts';
import { ScriptReader } from './script.ts';
import type { ShellSession } from './shell-session.ts';
import { StepRunner } from './steps.ts';

/** Runs the statements of a pipe as they arrive. */
export async function runPiped(shell: ShellSession, input: Readable): Promise<StepRunner> {
	const runner = new StepRunner(shell, COMMAND_TABLE);
	const reader = new ScriptReader();
	for await (const line of linesOf(input)) {
		for (const step of reader.push(line)) if ((await runner.run(step)) === 'quit') return runner;
		if (shell.sink.closed) return runner;
	}
	for (const step of reader.end()) await runner.run(step);
	return runner;
}

/**
 * Yields lines as they arrive. Only LF ends a line: text constants may contain a lone CR or U+2028, at which
 * readline would also split.
 */
async function* linesOf(input: Readable): AsyncGenerator<string> {
	let line = '';
	try {
		for await (const chunk of input.setEncoding('utf8') as AsyncIterable<string>) {
			let start = 0;
			for (let end = chunk.indexOf('\n'); end >= 0; end = chunk.indexOf('\n', start)) {
				yield line + chunk.slice(start, end);
				line = '';
				start = end + 1;
			}
			line += chunk.slice(start);
			if (line.length > MAX_TEXT_BYTES) throw tooLong('stdin');
		}
	} catch (error) {
		// Ctrl-C destroys the input.
		if (!(error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE')) throw error;
		return;
	}
	if (line !== '') yield line;
}
