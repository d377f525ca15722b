// `tinytap doctor`: checks what works on this machine, what does not, what that affects and how to fix it.
import { EXIT } from '../base/errors.ts';
import { FILES } from '../base/installation.ts';
import { launch } from '../base/launch.ts';
import type { Check } from '../capture/check.ts';
import { preflight } from '../capture/preflight.ts';
import { standardOutput } from '../output/output-stream.ts';
import { forTerminal } from '../output/terminal-text.ts';
import { createTheme, wantsColor } from '../output/theme.ts';

/** Prints the checks; resolves to 1 when no capture is possible. */
export async function doctorCommand(json: boolean): Promise<number> {
	const files = { bpfObject: FILES.bpfObject, addon: FILES.addon, decoder: FILES.decoder };
	const checks = preflight(files, launch?.attacher);
	const possible = checks.every(({ status }) => status !== 'failed');
	standardOutput().write(json ? `${JSON.stringify({ capture: possible, checks }, null, 2)}\n` : text(checks, possible));
	return possible ? EXIT.ok : EXIT.runtime;
}

function text(checks: readonly Check[], possible: boolean): string {
	const theme = createTheme(
		wantsColor(standardOutput(), process.env, process.argv.includes('--no-color') ? false : undefined),
	);
	const paint = { ok: theme.success, warning: theme.warning, failed: theme.error };
	const width = Math.max(...checks.map(({ name }) => name.length));
	const lines = checks.flatMap(({ name, status, detail, affects, fix }) => [
		`${paint[status](status.padEnd(7))}  ${name.padEnd(width)}  ${forTerminal(detail)}`,
		...(affects === undefined ? [] : [`${' '.repeat(9)}affects: ${affects}`]),
		...(fix === undefined ? [] : [`${' '.repeat(9)}${theme.hint('fix:')} ${forTerminal(fix)}`]),
	]);
	return `${lines.join('\n')}\n\n${possible ? 'Live capture is possible.' : 'Live capture is not possible; recordings can be read: tinytap --replay FILE'}\n`;
}
