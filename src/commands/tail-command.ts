// `tinytap tail`: prints each exchange as it completes.
import { EXIT, usageError } from '../base/errors.ts';
import { version } from '../base/installation.ts';
import type { DisplayedTime } from '../output/displayed-time.ts';
import { limitOutput, standardOutput } from '../output/output-stream.ts';
import { createResultWriter, isShared, printsExchanges } from '../output/result-format.ts';
import type { RowWriter } from '../output/row-format.ts';
import { createTailLines, TAIL_COLUMNS } from '../output/tail-line.ts';
import { lossSentence } from '../shell/result-printer.ts';
import { INTERRUPTED_MS } from '../threads/interrupts.ts';
import { withCapture } from './command-context.ts';
import type { Options } from './options.ts';
import { say } from './running-capture.ts';

/** After the capture has ended, how long rows wait for a terminal that accepts no output. */
const TERMINAL_MS = 2000;

/** After the capture has failed, how long to wait for its last rows. */
const LAST_ROWS_MS = 500;

/** The columns printed when lines are not fitted to a terminal. */
const FILE_COLUMNS = 'ts, comm, side, method, host, path, status, duration_ms, res_body_bytes, via';

/**
 * Runs the command; resolves to the exit status. `--count` counts printed rows. On a terminal and without `--format`
 * it prints one row per exchange; otherwise one per side, at once.
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
			redact: presentation.redactor !== null && isShared(format),
		});
		// The first part contains the columns, or the error of an invalid condition.
		const head = await rows.next();
		if (head.done === true) return EXIT.ok;
		await attached();
		const end = captured();
		// Report the error after the rows before it. After a failure the rows may never end by themselves.
		const failed = new Promise<never>((_, reject) => {
			end.catch((error: unknown) => setTimeout(reject, LAST_ROWS_MS, error));
		});
		failed.catch(() => undefined);
		interrupts.first.then(() => limitOutput({ withinMs: INTERRUPTED_MS })).catch(() => undefined);
		// A terminal that accepts no output must not keep a finished capture alive, even without a signal.
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
		// With --strict, loss is an error instead.
		const loss = options.strict ? undefined : lossSentence(threads.status);
		if (loss !== undefined && threads.status.lostEvents > dropped) say(`tinytap: ${loss}\n`);
		return EXIT.ok;
	});
}

/** Writes one line per exchange, fitted to the terminal's current width. */
function lineWriter({ presentation: { theme, raw } }: Options, time: () => DisplayedTime): RowWriter {
	const lines = createTailLines({ theme, raw, time });
	const width = () => standardOutput().columns || 80;
	return {
		begin: () => lines.head(width()),
		rows: (rows) => rows.map((row) => lines.line(row, width())).join(''),
		end: () => '',
	};
}

/** The same options without `--count`: the capture continues until enough rows have passed the filter. */
function uncounted(options: Options): Options {
	return { ...options, capture: { ...options.capture, count: Number.POSITIVE_INFINITY } };
}
