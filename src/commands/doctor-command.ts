// `tinytap doctor`: checks what works on this machine, what does not, what that affects and how to fix it.
import { EXIT } from '../base/errors.ts';
import { FILES } from '../base/installation.ts';
import { launch } from '../base/launch.ts';
import { preflight } from '../capture/preflight.ts';
import { checksText } from '../output/checks-text.ts';
import { standardOutput } from '../output/output-stream.ts';
import { createTheme, wantsColor } from '../output/theme.ts';

/** Prints the checks; resolves to 1 if capturing is impossible. */
export async function doctorCommand(json: boolean): Promise<number> {
	const files = { bpfObject: FILES.bpfObject, addon: FILES.addon, decoder: FILES.decoder };
	const checks = preflight(files, launch?.attacher);
	const possible = checks.every(({ status }) => status !== 'failed');
	const color = process.argv.includes('--no-color') ? false : undefined;
	const theme = createTheme(wantsColor(standardOutput(), process.env, color));
	standardOutput().write(
		json ? `${JSON.stringify({ capture: possible, checks }, null, 2)}\n` : checksText(checks, theme),
	);
	return possible ? EXIT.ok : EXIT.runtime;
}
