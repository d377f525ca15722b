// The command line: parses the arguments and sets the exit status. The commands are in src/commands.
import { setFlagsFromString } from 'node:v8';
import { CommanderError } from 'commander';
import { EXIT, UserError, usageError } from './base/errors.ts';
import { FILES } from './base/installation.ts';
import { launch } from './base/launch.ts';
import { explainedByDirectory } from './base/working-directory.ts';
import { loadNativeAddon } from './capture/native-addon.ts';
import { explainedByLimits } from './capture/process-limits.ts';
import { createProgram, type Work } from './commands/program.ts';
import { usageHint } from './commands/usage-hint.ts';
import { standardError, standardOutput } from './output/output-stream.ts';
import { createTheme, wantsColor } from './output/theme.ts';
import { errorText, outputError } from './shell/error-text.ts';

// Needed when tinytap is started without the flags of bin/tinytap. It also applies to the threads, which start later.
setFlagsFromString('--disallow-code-generation-from-strings');
// Otherwise Node would open a debugger port, through which everybody on this host could run code as root.
process.on('SIGUSR1', () => undefined);

const words = process.argv.slice(2);
const dashes = words.indexOf('--');
/** Arguments for tinytap, and those for the program it starts. */
const own = dashes < 0 ? words : words.slice(0, dashes);
const afterDashes = dashes < 0 ? undefined : words.slice(dashes + 1);
/** commander passes tinytap's arguments on in a single call, so their number is limited. */
const ARGUMENTS_MAX = 10_000;

async function main(): Promise<number> {
	// This process holds the socket to the attacher.
	if (launch?.attacher !== undefined) forbidTracing();
	if (afterDashes?.length === 0) throw usageError('expected a program after --, got nothing');
	if (own.length > ARGUMENTS_MAX) throw usageError(`expected at most ${ARGUMENTS_MAX} arguments, got ${own.length}`);
	let work: Work | undefined;
	const program = createProgram((chosen) => {
		work = chosen;
	}, afterDashes);
	try {
		await program.parseAsync([...process.argv.slice(0, 2), ...own]);
	} catch (error) {
		if (!(error instanceof CommanderError)) throw error;
		// --help and --version have already printed.
		if (error.exitCode === 0) return EXIT.ok;
		throw new UserError(
			error.message.replace(/^error: /, '').replaceAll('\n', ' '),
			'ERR_USAGE',
			usageHint(error.message),
		);
	}
	return work === undefined ? EXIT.ok : await work();
}

/**
 * How long the program's end waits for a terminal that accepts no output. A reader of a pipe may take as long as it
 * likes.
 */
const TERMINAL_MS = 10_000;

main()
	.catch((error: unknown) => {
		const sql = error instanceof Error && 'sql' in error && typeof error.sql === 'string' ? error.sql : undefined;
		return reported(error, sql);
	})
	.then(async (code) => {
		const output = standardOutput();
		const { droppedBytes } = output;
		if (output.isTTY) output.limit({ idleMs: TERMINAL_MS });
		standardError().limit({ idleMs: TERMINAL_MS });
		await output.flush();
		let status = code;
		if (code === EXIT.ok && output.failure !== undefined) status = reported(outputError(output.failure));
		else if (code === EXIT.ok && output.droppedBytes > droppedBytes) status = reported(outputError('ETIMEDOUT'));
		await standardError().flush();
		process.exit(status);
	});

function forbidTracing(): void {
	try {
		loadNativeAddon(FILES.addon).forbidTracing();
	} catch {
		// Without the addon there is no capture; whoever asks for one gets the reason.
	}
}

/** Prints an error; returns the exit status. */
function reported(found: unknown, sql?: string): number {
	const error = explainedByLimits(explainedByDirectory(found));
	const color = wantsColor(standardError(), process.env, process.argv.includes('--no-color') ? false : undefined);
	standardError().write(errorText(error, createTheme(color), sql));
	return error instanceof UserError ? error.exitCode : EXIT.runtime;
}
