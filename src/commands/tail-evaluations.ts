// `tinytap tail --query` with a query that needs the whole table: runs it again and again. On a terminal each result
// replaces the one before it; elsewhere the results are printed one after another, with the time in a first column.
import { UserError } from '../base/errors.ts';
import { wait } from '../base/wait.ts';
import { standardOutput } from '../output/output-stream.ts';
import type { RowWriter } from '../output/row-format.ts';
import { forTerminal } from '../output/terminal-text.ts';
import { Frames } from '../shell/frames.ts';
import type { ShellSession } from '../shell/shell-session.ts';
import type { Sink } from '../shell/sink.ts';
import { formatTimestamp } from '../store/timestamp.ts';
import type { ResultColumn } from '../threads/messages.ts';
import type { Threads } from '../threads/threads.ts';
import type { TailQuery } from './tail-plan.ts';

/** Default of `--every`. */
const EVERY_MS = 1000;
/** Lines of a frame that are not rows: title, header, rule, footer, loss, and the cursor's line. */
const OTHER_LINES = 6;
/** How often to check whether a slow terminal accepts output again. */
const SLOW_MS = 50;

/** Runs the query once and prints its result. */
type Evaluation = () => Promise<void>;

export type Repetition = {
	readonly query: TailQuery;
	/** Maximum number of evaluations. */
	readonly most: number;
	/** Aborted when the capture has ended: the query runs once more. */
	readonly ended: AbortSignal;
	/** Aborted by Ctrl-C, or if nobody reads the rows any more: the query runs no more. */
	readonly stopped: AbortSignal;
};

/** Draws each result in place of the one before it. */
export async function drawEvaluations(shell: ShellSession, { query, ...how }: Repetition): Promise<void> {
	const output = standardOutput();
	const frames = new Frames(output);
	// At another width lines wrap elsewhere, so the old frame cannot be overwritten.
	const redraw = () => frames.restart();
	output.on('resize', redraw);
	try {
		await repeat({ query, ...how, isFirstAtOnce: true }, async () => {
			const text = await shell.render(query.step.sql, Math.max(1, (output.rows ?? 24) - OTHER_LINES));
			if (how.stopped.aborted) return;
			const clock = shell.screenTime.clock(new Date().toISOString()).slice(0, 8);
			const title = `${clock}  ${forTerminal(query.name)}, every ${everyOf(query) / 1000} s; Ctrl-C ends it`;
			frames.draw([shell.screenTheme.dim(title), ...text.trimEnd().split('\n')]);
			// While the terminal accepts no output, draw no further frame.
			while (!output.isIdle && !output.closed && !how.stopped.aborted && !how.ended.aborted) await wait(SLOW_MS);
		});
	} finally {
		output.off('resize', redraw);
	}
}

export type Appending = {
	readonly threads: Threads;
	readonly sink: Sink;
	readonly timeoutMs: number;
	/** The statement sees no secrets. */
	readonly redact: boolean;
	readonly writer: (columns: readonly ResultColumn[]) => RowWriter;
};

/** Writes the rows of each evaluation, with its time in the column `at`. */
export async function appendEvaluations(
	{ threads, sink, timeoutMs, redact, writer: createWriter }: Appending,
	{ query, ...how }: Repetition,
): Promise<void> {
	let writer: RowWriter | undefined;
	await repeat({ query, ...how, isFirstAtOnce: false }, async () => {
		const at = formatTimestamp(Date.now() * 1000);
		for await (const part of threads.run(query.step.sql, { timeoutMs, parameters: query.parameters, redact })) {
			if (part.type === 'columns' && writer === undefined) {
				writer = createWriter([{ name: 'at', type: 'datetime' }, ...part.columns]);
				await sink.write(writer.begin());
			} else if (part.type === 'rows') {
				await sink.writeRows(part.rows.map((row) => writer!.rows([[at, ...row]])));
			}
			if (sink.closed) return;
		}
	});
	if (writer !== undefined) await sink.write(writer.end());
}

function everyOf({ everyMs = EVERY_MS }: TailQuery): number {
	return everyMs;
}

/** One evaluation per interval, and one after the end of the capture. A slow one delays the next. */
async function repeat(
	{ query, most, ended, stopped, isFirstAtOnce }: Repetition & { readonly isFirstAtOnce: boolean },
	evaluate: Evaluation,
): Promise<void> {
	const either = AbortSignal.any([ended, stopped]);
	if (!isFirstAtOnce) await wait(everyOf(query), either);
	for (let done = 0; done < most && !stopped.aborted; done++) {
		const begin = performance.now();
		const isLast = ended.aborted;
		try {
			await evaluate();
		} catch (error) {
			// Ctrl-C cancels the running statement.
			if (!(error instanceof UserError) || error.code !== 'ERR_SQL_CANCELLED' || !stopped.aborted) throw error;
		}
		if (isLast) return;
		if (done + 1 < most) await wait(Math.max(0, everyOf(query) - (performance.now() - begin)), either);
	}
}
