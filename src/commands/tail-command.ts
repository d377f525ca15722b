// `tinytap tail`: prints each exchange as it completes, or what a query returns for it.
import { EXIT, UserError, usageError } from '../base/errors.ts';
import { version } from '../base/installation.ts';
import { wait } from '../base/wait.ts';
import { limitOutput, standardOutput } from '../output/output-stream.ts';
import { createResultWriter, isShared, type RowByRowFormat } from '../output/result-format.ts';
import type { RowWriter } from '../output/row-format.ts';
import { BODY_COLUMNS, createTailBodies } from '../output/tail-bodies.ts';
import { createTailLines, STORE_TAIL_COLUMNS, TAIL_COLUMNS } from '../output/tail-line.ts';
import { createMessageLines, MESSAGE_LINE_COLUMNS } from '../output/tail-message-line.ts';
import { forTerminal } from '../output/terminal-text.ts';
import { COMMAND_TABLE } from '../shell/commands/commands.ts';
import { errorText } from '../shell/error-text.ts';
import { lossSentence } from '../shell/result-printer.ts';
import { RowProgram } from '../shell/row-program.ts';
import type { Sink } from '../shell/sink.ts';
import { StepRunner } from '../shell/steps.ts';
import { INTERRUPTED_MS } from '../threads/interrupts.ts';
import type { ResultColumn } from '../threads/messages.ts';
import type { CaptureEnd, TailRows } from '../threads/threads.ts';
import { type CommandContext, withCapture } from './command-context.ts';
import { type Options, withTelemetry } from './options.ts';
import { say } from './running-capture.ts';
import { appendEvaluations, drawEvaluations } from './tail-evaluations.ts';
import { planTail, type TailOptions, type TailPlan, type TailQuery } from './tail-plan.ts';

/** After the capture has ended, how long rows wait for a terminal that accepts no output. */
const TERMINAL_MS = 2000;

/** After the capture has failed, how long to wait for its last rows. */
const LAST_ROWS_MS = 500;

/** Rows of a rehearsal: enough to compile the printing and to collect the garbage of the start. */
const REHEARSED_ROWS = 1000;

/** How often to look whether rows have been dropped. */
const SLOW_READER_MS = 500;

/** Default time limit of a query from a file. */
const FILE_TIMEOUT_MS = 10_000;

/** The columns printed when lines are not fitted to a terminal. */
const FILE_COLUMNS = 'ts, comm, side, method, host, path, status, duration_ms, res_body_bytes, via';
const FILE_MESSAGE_COLUMNS = 'ts, exchange_id, seq, direction, kind, event, bytes, data, close_code, note';

/** The command while it runs. */
type Tail = CommandContext & {
	readonly plan: TailPlan;
	/** Rows go to a terminal, in no chosen format: one per exchange, fitted to the width. */
	readonly isForPeople: boolean;
	/** The program of `--exec`. */
	readonly program: RowProgram | undefined;
	/** Where rows go: stdout, or the program of `--exec`. */
	readonly rowSink: Sink;
	/** `--count`: rows, or evaluations of a query that needs the whole table. */
	readonly most: number;
};

/**
 * Runs the command; resolves to the exit status. On a terminal and without `--format` it prints one row per exchange;
 * otherwise one per side, at once.
 */
export async function tailCommand(options: Options, own: TailOptions): Promise<number> {
	const plan = planTail(options, own);
	return await withCapture(withTelemetry(awaited(uncounted(options)), plan), async (context) => {
		const { shell, threads, interrupts } = context;
		const { query } = plan;
		shell.timeoutMs = options.timeoutMs ?? (query === undefined ? 0 : FILE_TIMEOUT_MS);
		shell.parameters = query?.parameters ?? [];
		const output = standardOutput();
		const isForPeople = output.isTTY && plan.format === undefined;
		const isWhole = query !== undefined && (await needsWholeTable(context, query));
		const rows = isWhole ? undefined : wantedRows(context, plan, isForPeople);
		// The first part contains the columns, or the error of an invalid condition.
		const columns = (await rows?.next())?.value?.columns;
		const program = plan.exec === undefined ? undefined : await RowProgram.start(plan.exec, options.user);
		const tail: Tail = {
			...context,
			plan,
			isForPeople,
			program,
			rowSink: program?.sink ?? context.sink,
			most: options.count ?? Number.POSITIVE_INFINITY,
		};
		interrupts.first.then(() => limitOutput({ withinMs: INTERRUPTED_MS })).catch(() => undefined);
		// A terminal that accepts no output must not keep a finished capture alive, even without a signal.
		if (output.isTTY) threads.ended.then(() => output.limit({ idleMs: TERMINAL_MS })).catch(() => undefined);
		if (plan.exec === undefined) output.watchReader();
		const slowReader = tellSlowReader(context);
		const stop = () => void threads.stop().catch(() => undefined);
		if (program !== undefined) {
			Promise.race([program.ended, program.sink.gone]).then(stop, stop);
			interrupts.first.then(() => wait(INTERRUPTED_MS)).then(() => program.giveUp(), stop);
		}
		if (isWhole) await repeatQuery(tail, query);
		else if (rows !== undefined && columns !== undefined) await printRows(tail, rows, columns);
		await output.flush();
		const code = program === undefined ? EXIT.ok : await programStatus(tail, program);
		clearInterval(slowReader);
		reportLoss(tail, program?.waitingRows ?? 0);
		return code;
	});
}

/** A replay with pauses begins when its rows are followed. */
function awaited(options: Options): Options {
	const { replay } = options.capture;
	if (replay?.speed === undefined) return options;
	return { ...options, capture: { ...options.capture, replay: { ...replay, awaitsTail: true } } };
}

/** Whether the query has to run again for each result. Throws a UserError if it is not a SELECT. */
async function needsWholeTable({ shell }: CommandContext, { step, place, everyMs }: TailQuery): Promise<boolean> {
	const followedBy = await new StepRunner(shell, COMMAND_TABLE, { place }).check(step);
	if (followedBy === undefined)
		throw usageError(
			`--query: expected a SELECT in ${place}, got another statement`,
			'`tinytap run` runs any statement.',
		);
	return followedBy === 'whole' || everyMs !== undefined;
}

/** Prints rows as they come, until the capture ends or enough are printed. */
async function printRows(tail: Tail, rows: AsyncGenerator<TailRows>, columns: readonly ResultColumn[]): Promise<void> {
	const { most, rowSink, attached, captured } = tail;
	await attached();
	const end = captured();
	// Report the error after the rows before it. After a failure the rows may never end by themselves.
	const failed = new Promise<never>((_, reject) => {
		end.catch((error: unknown) => setTimeout(reject, LAST_ROWS_MS, error));
	});
	failed.catch(() => undefined);
	begin(tail, () => {
		const writer = rowWriter(tail, columns);
		const row = columns.map(() => null);
		for (let i = 0; i < REHEARSED_ROWS; i++) writer.rows([row]);
	});
	const writer = rowWriter(tail, columns);
	await rowSink.write(writer.begin());
	let printed = 0;
	const ended = endOfStoreTail(tail);
	while (printed < most && !rowSink.closed) {
		const next = await Promise.race([rows.next(), failed, ...(ended === undefined ? [] : [ended])]);
		if (next === undefined || next.done === true) break;
		const some = next.value.rows.slice(0, most - printed);
		printed += some.length;
		await rowSink.writeRows(some.map((row) => writer.rows([row])));
	}
	await rowSink.write(writer.end());
	await endOf(tail, end, printed >= most);
}

/** A tail of a store ends only after --for, with Ctrl-C, or when nobody reads it. Undefined for other tails. */
function endOfStoreTail({ options, interrupts, rowSink }: Tail): Promise<undefined> | undefined {
	if (options.store === undefined) return undefined;
	const after = options.forMs === undefined ? [] : [wait(options.forMs)];
	return Promise.race([interrupts.first, rowSink.gone, ...after]).then(() => undefined);
}

/** Lets a replay with pauses begin, after a rehearsal: what is compiled during the first rows would delay them. */
function begin({ threads, options }: Tail, rehearse?: () => void): void {
	if (options.capture.replay?.awaitsTail !== true) return;
	rehearse?.();
	threads.begin();
}

/** The rows of a tail that need no other rows. */
function wantedRows({ threads, options }: CommandContext, plan: TailPlan, isForPeople: boolean) {
	const { query, where, bodies, messages, format = 'table' } = plan;
	const isStore = options.store !== undefined;
	const ofLines = messages ? MESSAGE_LINE_COLUMNS : isStore ? STORE_TAIL_COLUMNS : TAIL_COLUMNS;
	const ofRows = messages ? FILE_MESSAGE_COLUMNS : isStore ? `host_name, ${FILE_COLUMNS}` : FILE_COLUMNS;
	const columns = plan.columns ?? (isForPeople ? ofLines : ofRows);
	const of = messages ? ('messages' as const) : ('exchanges' as const);
	const extended = isForPeople && plan.columns === undefined && !isStore;
	const bodyColumns = isForPeople ? BODY_COLUMNS.join(', ') : 'req_body, res_body';
	const wanted =
		query === undefined
			? { where, columns: bodies ? `${columns}, ${bodyColumns}` : columns, of, extended }
			: { sql: query.step.sql, parameters: query.parameters };
	return threads.follow(wanted, {
		fromStart: true,
		onePerExchange: isForPeople && !options.both,
		redact: options.presentation.redactor !== null && isShared(format),
	});
}

/** Runs a query again and again, until the capture ends or it has run often enough. */
async function repeatQuery(tail: Tail, query: TailQuery): Promise<void> {
	const { plan, isForPeople, most, shell, threads, rowSink, interrupts, attached, captured } = tail;
	const { presentation } = tail.options;
	await attached();
	begin(tail);
	const end = captured();
	const ended = new AbortController();
	const stopped = new AbortController();
	const stop = () => {
		stopped.abort();
		shell.cancel();
	};
	Promise.race([interrupts.first, rowSink.gone]).then(stop, stop);
	// A capture that has failed answers no statement any more.
	(endOfStoreTail(tail) ?? end).then(() => ended.abort(), stop);
	const how = { query, most, ended: ended.signal, stopped: stopped.signal };
	if (isForPeople) await drawEvaluations(shell, how);
	else {
		const format = plan.format ?? 'ndjson';
		const { timeoutMs } = shell;
		const redact = presentation.redactor !== null && isShared(format);
		const writer = (columns: readonly ResultColumn[]) => formatWriter(tail, format, columns);
		await appendEvaluations({ threads, sink: rowSink, timeoutMs, redact, writer }, how);
	}
	await endOf(tail, end, true);
}

/** Waits for the end of the capture; ends it if everything wanted is printed, or nobody reads it. */
async function endOf({ threads, rowSink }: Tail, end: Promise<CaptureEnd>, isDone: boolean): Promise<void> {
	if (isDone || rowSink.closed) void threads.stop().catch(() => undefined);
	await end;
}

/** Waits for the end of the program of `--exec`; reports it if it failed or was early. Resolves to the exit status. */
async function programStatus({ interrupts, options, rowSink }: Tail, program: RowProgram): Promise<number> {
	const wasClosed = rowSink.closed;
	const end = await program.finish();
	const name = forTerminal(program.name);
	// Ctrl-C reaches the program, too.
	if (end === undefined || interrupts.count > 0) return EXIT.ok;
	const { errorTheme, quiet } = options.presentation;
	if (end.status !== 0) {
		const error = new UserError(`--exec: ${name} ended with ${end.text}`, 'ERR_EXEC');
		say(errorText(error, errorTheme));
	} else if (wasClosed && !quiet) say(`tinytap: ${name} has ended, and with it the tail\n`);
	return end.status;
}

/** Says once, while the tail runs, that rows are dropped. Their number is known at the end. */
function tellSlowReader({ threads, options }: CommandContext): NodeJS.Timeout {
	const timer = setInterval(() => {
		if (threads.unprinted === 0) return;
		clearInterval(timer);
		if (!options.presentation.quiet)
			say('tinytap: rows are being dropped because they are not read in time (loss: output_dropped)\n');
	}, SLOW_READER_MS);
	return timer.unref();
}

/** Says how many rows could not be printed, and what else was lost. */
function reportLoss({ threads, options }: Tail, unread: number): void {
	const unprinted = standardOutput().droppedRows + unread;
	threads.countUnprinted(unprinted);
	const dropped = threads.droppedLines + unprinted;
	if (dropped > 0) say(`tinytap: ${dropped} rows could not be printed in time (loss: output_dropped)\n`);
	// With --strict, loss is an error instead.
	const loss = options.strict ? undefined : lossSentence(threads.status);
	if (loss !== undefined && threads.status.lostEvents > dropped) say(`tinytap: ${loss}\n`);
}

function rowWriter(tail: Tail, columns: readonly ResultColumn[]): RowWriter {
	const { plan, isForPeople, shell, options } = tail;
	const { theme, raw, redactsAll } = options.presentation;
	const width = () => standardOutput().columns || 80;
	if (!isForPeople) return formatWriter(tail, plan.format ?? 'table', columns);
	const isLines = plan.query === undefined && plan.columns === undefined;
	const ofBodies = plan.bodies ? BODY_COLUMNS.length : 0;
	// The number of messages follows.
	const first = columns.length - ofBodies - (plan.bodies && isLines && options.store === undefined ? 1 : 0);
	const shown = columns.slice(0, first);
	const createLines = plan.messages ? createMessageLines : createTailLines;
	const lines = createLines({ theme, raw, time: () => shell.screenTime });
	const rows: RowWriter = isLines
		? {
				begin: () => lines.head(width()),
				rows: (some) => some.map((row) => lines.line(row, width())).join(''),
				end: () => '',
			}
		: formatWriter(tail, 'table', shown);
	if (!plan.bodies) return rows;
	const bodies = createTailBodies({ theme, raw, redacted: redactsAll });
	return {
		begin: rows.begin,
		rows: (some) =>
			some
				.map((row) => {
					const last = first + ofBodies;
					return rows.rows([[...row.slice(0, first), ...row.slice(last)]]) + bodies(row.slice(first, last), width());
				})
				.join(''),
		end: rows.end,
	};
}

function formatWriter({ options, program }: Tail, format: RowByRowFormat, columns: readonly ResultColumn[]): RowWriter {
	const { theme, raw, redactor } = options.presentation;
	const screenColumns = program === undefined ? standardOutput().columns : undefined;
	return createResultWriter(format, columns, {
		redactor,
		version: version(),
		theme,
		raw,
		...(screenColumns === undefined ? {} : { screenColumns }),
	});
}

/** The same options without `--count`: the capture continues until enough rows have passed the filter. */
function uncounted(options: Options): Options {
	return { ...options, capture: { ...options.capture, count: Number.POSITIVE_INFINITY } };
}
