// `tinytap export`: captures or replays, then writes exchanges to a new file or to stdout.
import { EXIT, usageError } from '../base/errors.ts';
import { exportFormat } from '../output/export-format.ts';
import { standardOutput } from '../output/output-stream.ts';
import { isBinary } from '../output/result-format.ts';
import { withCapture } from './command-context.ts';
import type { Options } from './options.ts';
import { requireNewFile } from './result-file.ts';

/** Options of this command only. */
export type ExportOptions = {
	readonly format?: string;
	readonly where?: string;
	readonly output?: string;
	readonly keepBodies?: string;
};

/** Runs the command; resolves to the exit status. Secrets are redacted, except with --no-redact. */
export async function exportCommand(options: Options, own: ExportOptions): Promise<number> {
	const { where, output, keepBodies } = own;
	if (output === undefined && own.format === undefined)
		throw usageError('export: expected --format or a file (-o), got neither', EXAMPLE);
	const format = exportFormat('export', output ?? '', own.format);
	const file = output === '-' ? undefined : output;
	if (file === undefined && isBinary(format) && standardOutput().isTTY)
		throw usageError(`export --format ${format}: expected -o FILE or a pipe, because the format is binary`, EXAMPLE);
	if (keepBodies?.trim() === '')
		throw usageError('export --keep-bodies: expected an SQL condition, got nothing', '--keep-bodies "status >= 500"');
	if (file !== undefined && !options.force) requireNewFile(file, options.user);
	const { redactor } = options.presentation;
	return await withCapture(options, async ({ shell, attached, captured, query }) => {
		shell.timeoutMs = options.timeoutMs ?? 0;
		await attached();
		await captured();
		await query(() => shell.export({ path: file, format, where, keepBodies, redactor, force: options.force }));
		return EXIT.ok;
	});
}

const EXAMPLE = 'For example: tinytap export --replay shop.tinytap --where "status >= 500" -o errors.har';
