// `.watch`: runs a statement repeatedly and redraws its result in place.
import { UserError } from '../base/errors.ts';
import type { OutputStream } from '../output/output-stream.ts';
import { Frames } from './frames.ts';
import { grabKeys } from './key-grab.ts';
import type { ShellSession } from './shell-session.ts';

/** Lines of a frame that are not rows: title, header, rule, footer, and the cursor's line. */
const OTHER_LINES = 6;

/** How often to check whether a slow terminal accepts output again. */
const SLOW_MS = 50;

/** Draws the result of `sql` every `everyMs` until `q` or Ctrl-C is pressed. Rejects with the statement's error. */
export async function watchStatement(
	shell: ShellSession,
	output: OutputStream,
	sql: string,
	everyMs: number,
): Promise<void> {
	shell.last = { sql, printed: undefined };
	const frames = new Frames(output);
	shell.frames = frames;
	let isEnded = false;
	const end = () => {
		isEnded = true;
		shell.cancel();
	};
	const release = grabKeys(({ name, ctrl }) => {
		const ends = ctrl === true ? name === 'c' || name === 'd' : name === 'q';
		if (!ends) return undefined;
		end();
		return 'last';
	});
	// At another width lines wrap elsewhere, so the old frame cannot be overwritten.
	const redraw = () => frames.restart();
	output.on('resize', redraw);
	try {
		while (!isEnded) {
			const begin = performance.now();
			const rows = Math.max(1, (output.rows ?? 24) - OTHER_LINES);
			const text = await shell.render(sql, rows);
			if (isEnded) break;
			frames.draw([title(shell, everyMs), ...text.trimEnd().split('\n')]);
			// While the terminal accepts no output, draw no further frame.
			while (!output.isIdle && !output.closed) await shell.wait(SLOW_MS);
			await shell.wait(Math.max(0, everyMs - (performance.now() - begin)));
		}
	} catch (error) {
		// Ctrl-C, as a key or a signal.
		if (!(error instanceof UserError) || error.code !== 'ERR_SQL_CANCELLED') throw error;
	} finally {
		release();
		output.off('resize', redraw);
		shell.frames = undefined;
	}
}

function title(shell: ShellSession, everyMs: number): string {
	const clock = shell.screenTime.clock(new Date().toISOString()).slice(0, 8);
	return shell.screenTheme.dim(`${clock}  every ${everyMs / 1000} s; q or Ctrl-C ends it`);
}
