// Runs a capture of a recording with a held program, which the caller's shell has started as the launcher would have.
// Prints, as JSON, the exit statuses of commands that end with 0 and with 4, the notices and the number of rows.

import { Command } from 'commander';
import { UserError } from '../src/base/errors.ts';
import { addCaptureOptions, parseOptions } from '../src/commands/options.ts';
import { RunningCapture } from '../src/commands/running-capture.ts';

const [path, stdin] = process.argv.slice(2) as [string, 'inherit' | 'ignore'];
const command = addCaptureOptions(new Command()).parse(['--replay', path], { from: 'user' });
const options = { ...parseOptions(command), command: ['the-program'] };
const notices: string[] = [];
const capture = await RunningCapture.start(options, { stdin, notice: (text) => notices.push(text) });
try {
	await capture.attached();
	await capture.ended(new Promise(() => undefined));
	const statuses = [await capture.exitStatus(0), await capture.exitStatus(4)];
	console.log(JSON.stringify({ statuses, notices, rows: capture.threads.status.rows }));
} catch (error) {
	if (!(error instanceof UserError)) throw error;
	console.log(JSON.stringify({ error: { code: error.code, exitCode: error.exitCode } }));
} finally {
	await capture.close();
}
