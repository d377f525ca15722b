// `tinytap tail`: each exchange as it completes.
import { EXIT, usageError } from '../base/errors.ts';
import { version } from '../base/installation.ts';
import type { DisplayedTime } from '../output/displayed-time.ts';
import { limitOutput, standardOutput } from '../output/output-stream.ts';
import { createResultWriter, printsExchanges } from '../output/result-format.ts';
import type { RowWriter } from '../output/row-format.ts';
import { createTailLines, TAIL_COLUMNS } from '../output/tail-line.ts';
import { lossSentence } from '../shell/result-printer.ts';
import { INTERRUPTED_MS } from '../threads/interrupts.ts';
import { withCapture } from './command-context.ts';
import type { Options } from './options.ts';
import { say } from './running-capture.ts';

/** How long rows wait for a terminal that takes nothing, after the capture has ended. */
const TERMINAL_MS = 2000;

/** How long after a failure of the capture rows may still come. */
const LAST_ROWS_MS = 500;

/** The columns where lines are not made for the width of a terminal. */
const FILE_COLUMNS = 'ts, comm, side, method, host, path, status, duration_ms, res_body_bytes, via';

/**
 * Runs the command; resolves to the exit status. `--count` counts printed rows. On a terminal and without `--format` there
 * is one row for each exchange; otherwise one for each side, at once.
 */
export async function tailCommand(
	options: Options,
	where: string | undefined,
	columns: string | undefined,
): Promise<number> {
	const most = options.count ?? Number.POSITIVE_INFINITY;
	const { presentation } = options;
	const given = presentation.format === 'auto' ? undefined : presentation.format;
	const format = given ?? 'table';
	if (printsExchanges(format))
		throw usageError(
			`expected a row format for tail, got ${format}, which is a single document`,
			`Use \`tinytap query "SELECT id FROM exchanges" --format ${format}\`.`,
		);
	const output = standardOutput();
	const isForPeople = output.isTTY && given === undefined;
	const isLines = isForPeople && columns === undefined;
	return await withCapture(uncounted(options), async ({ shell, threads, sink, attached, captured, interrupts }) => {
		const rows = threads.tail(where, columns ?? (isLines ? TAIL_COLUMNS : FILE_COLUMNS), {
			fromStart: true,
			onePerExchange: isForPeople && !options.both,
		});
		// The first part contains the columns, or the error of an invalid condition.
		const head = await rows.next();
		if (head.done === true) return EXIT.ok;
		await attached();
		const end = captured();
		// An error is reported after the rows before it. The rows may not end by themselves then.
		const failed = new Promise<never>((_, reject) => {
			end.catch((error: unknown) => setTimeout(reject, LAST_ROWS_MS, error));
		});
		failed.catch(() => undefined);
		interrupts.first.then(() => limitOutput({ withinMs: INTERRUPTED_MS })).catch(() => undefined);
		// Even without a signal, a terminal that takes nothing does not keep a capture that has ended.
		if (output.isTTY) threads.ended.then(() => output.limit({ idleMs: TERMINAL_MS })).catch(() => undefined);
		const { theme, raw, redactor } = presentation;
		const screenColumns = output.columns;
		const writer = isLines
			? lineWriter(options, () => shell.screenTime)
			: createResultWriter(format, head.value.columns, {
					redactor,
					version: version(),
					theme,
					raw,
					...(screenColumns === undefined ? {} : { screenColumns }),
				});
		await sink.write(writer.begin());
		let printed = 0;
		for (;;) {
			const next = await Promise.race([rows.next(), failed]);
			if (next.done === true) break;
			const some = next.value.rows.slice(0, most - printed);
			printed += some.length;
			await sink.writeRows(some.map((row) => writer.rows([row])));
			if (printed >= most || sink.closed) break;
		}
		await sink.write(writer.end());
		if (printed >= most || sink.closed) void threads.stop().catch(() => undefined);
		await end;
		await output.flush();
		threads.countUnprinted(output.droppedRows);
		const dropped = threads.droppedLines + output.droppedRows;
		if (dropped > 0) say(`tinytap: ${dropped} rows could not be printed in time (loss: output_dropped)\n`);
		// With --strict it is an error.
		const loss = options.strict ? undefined : lossSentence(threads.status);
		if (loss !== undefined && threads.status.lostEvents > dropped) say(`tinytap: ${loss}\n`);
		return EXIT.ok;
	});
}

/** One line for each exchange, for the width that the terminal has then. */
function lineWriter({ presentation: { theme, raw } }: Options, time: () => DisplayedTime): RowWriter {
	const lines = createTailLines({ theme, raw, time });
	const width = () => standardOutput().columns || 80;
	return {
		begin: () => lines.head(width()),
		rows: (rows) => rows.map((row) => lines.line(row, width())).join(''),
		end: () => '',
	};
}

/** The capture itself continues until enough rows have passed the filter. */
function uncounted(options: Options): Options {
	return { ...options, capture: { ...options.capture, count: Number.POSITIVE_INFINITY } };
}
