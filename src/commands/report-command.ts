// `tinytap report`: captures or replays, then writes a page with the exchanges.
import { EXIT, usageError } from '../base/errors.ts';
import { requirePageName } from '../shell/report.ts';
import { withCapture } from './command-context.ts';
import type { Options } from './options.ts';

/** Options of this command only. */
export type ReportOptions = {
	readonly output?: string;
	readonly where?: string;
	readonly keepBodies?: string;
	readonly open?: boolean;
};

/** Runs the command; resolves to the exit status. Secrets are redacted, except with --no-redact. */
export async function reportCommand(options: Options, own: ReportOptions): Promise<number> {
	const { output, where, keepBodies, open = false } = own;
	if (output === undefined)
		throw usageError(
			'report: expected a file (-o FILE.html), got none',
			'For example: tinytap report --replay shop.tinytap -o shop.html',
		);
	requirePageName('report', output);
	if (keepBodies?.trim() === '')
		throw usageError('report --keep-bodies: expected an SQL condition, got nothing', '--keep-bodies "status >= 500"');
	const { redactor } = options.presentation;
	return await withCapture(options, async ({ shell, attached, captured, query }) => {
		shell.timeoutMs = options.timeoutMs ?? 0;
		await attached();
		await captured();
		await query(() => shell.report({ path: output, where, keepBodies, redactor, force: options.force }, open));
		return EXIT.ok;
	});
}
