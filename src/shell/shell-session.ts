// The state of a shell, whether at a prompt, in a pipe or in a script: the capture, the format of results, the output.
import { resolve } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { isUrl, type StoreAddress, storeAddress } from '../agent/store-address.ts';
import { usageError } from '../base/errors.ts';
import { version } from '../base/installation.ts';
import { wait } from '../base/wait.ts';
import type { CaptureFilters } from '../capture/capture-settings.ts';
import { secondsText } from '../output/auto-table.ts';
import type { ChartKind } from '../output/chart/chart.ts';
import type { ChartWish } from '../output/chart/chart-wish.ts';
import { type DisplayedTime, displayedTime, UTC_TIME } from '../output/displayed-time.ts';
import { standardError, standardOutput } from '../output/output-stream.ts';
import { screenRows } from '../output/painted-line.ts';
import { isBinary, isShared } from '../output/result-format.ts';
import { createTailLines, STORE_TAIL_COLUMNS, TAIL_COLUMNS } from '../output/tail-line.ts';
import { createMessageLines, MESSAGE_LINE_COLUMNS } from '../output/tail-message-line.ts';
import { forTerminal } from '../output/terminal-text.ts';
import { type Background, plainTheme, type Theme, themeOn } from '../output/theme.ts';
import { cancelledError } from '../sql/sql-light.ts';
import type { ParameterValue } from '../store/table.ts';
import type { AttachedEnd } from '../threads/attached-recording.ts';
import type { AttachedLoss, StorePlace } from '../threads/messages.ts';
import type { Threads } from '../threads/threads.ts';
import { type Checks, SAMPLE_ROWS } from './checks.ts';
import { errorText } from './error-text.ts';
import { type Export, exportExchanges, exportSentence, writeExchanges } from './export.ts';
import type { Frames } from './frames.ts';
import { openPage } from './open-page.ts';
import { withPager } from './pager.ts';
import { type Progress, startProgress } from './progress.ts';
import { type Report, reportSentence, writeReport } from './report.ts';
import { requireHere } from './require-here.ts';
import type { ResultOutput } from './result-output.ts';
import { lossSentence, type Printed, type PrintStyle, printResult } from './result-printer.ts';
import type { SessionSettings } from './settings.ts';
import { ShellSettings } from './shell-settings.ts';
import type { Sink } from './sink.ts';

export type ShellParts = {
	readonly options: SessionSettings;
	readonly threads: Threads;
	readonly sink: Sink;
	/** The shell is used on a terminal: colours, footers, and messages on the same screen. */
	readonly interactive: boolean;
	/** Starts a capture from a recording, for `.open`. */
	readonly open: (path: string) => Promise<Threads>;
	/** Prints messages that are not results, on stderr or above the prompt. Everything in them is safe for a terminal. */
	readonly tell: (text: string) => void;
	/** Whether the last line of the terminal is free for the progress line. */
	readonly isLineFree?: () => boolean;
};

/** `option`: the one that has the URL, for errors. */
export type ConnectOptions = {
	readonly credentials?: string | undefined;
	readonly ca?: string | undefined;
	readonly option?: string;
};

type Lost = { readonly lostEvents: number; readonly lostBytes: number };

/** The first line of a tail. */
const TAIL_NOTE = 'Ctrl-C or .tail off ends the tail; .show ID shows an exchange in full';

const NOTHING_LOST: Lost = { lostEvents: 0, lostBytes: 0 };

/** Lines of the drawing of a chart; `around`: those that the screen needs for its axis, legend and the prompt. */
const CHART_ROWS = { least: 5, most: 20, around: 8 };

/** The state of one shell. */
export class ShellSession {
	readonly options: SessionSettings;
	readonly interactive: boolean;
	readonly tell: (text: string) => void;
	threads: Threads;
	/** The settings that `.set` changes. */
	readonly settings: ShellSettings;
	/** Time limit of a statement; 0 if there is none. */
	timeoutMs: number;
	/** Values for `:name` in statements. */
	parameters: readonly (readonly [string, ParameterValue])[] = [];
	/** The filters of the capture. */
	filters: CaptureFilters;
	/** Opens the prompt's text in the user's editor. Undefined without a prompt. */
	editStatement: (() => Promise<void>) | undefined;
	/** The last step of `.tour`; 0: none. */
	tourStep = 0;
	/** The frames that `.watch` draws. */
	frames: Frames | undefined;
	/** The exchange that `.show` showed last, for `.next` and `.prev`. */
	shownId: number | undefined;
	readonly #open: (path: string) => Promise<Threads>;
	readonly #isLineFree: () => boolean;
	#progress: Progress | undefined;
	/** Ctrl-C has ended the running statement; the rest of its rows are not printed. */
	#isCancelled = false;
	#isRunning = false;
	#isInterrupted = false;
	/** False after a partial line, such as JSON has between its rows. */
	#isAtLineStart = true;
	/** Loss totals at the last `.clear`. */
	#lostBefore: Lost = NOTHING_LOST;
	/** Lost events already reported to the user. */
	#toldEvents = 0;
	/** Attached recordings whose loss has been reported. */
	readonly #toldAttached = new Set<string>();
	/** What is missing in a store, as reported last. */
	#toldMissing: string | undefined;
	/** Lost events that the user has been told about or has looked up. */
	#readEvents = 0;
	#isPaused = false;
	#isHinted = false;
	/** The time zone of displayed times, and its converter. */
	#zone = 'utc';
	#zoneTime = UTC_TIME;
	/** The statements are an argument of the command, not a file or a pipe. */
	isTyped = false;
	/** --unsafe: the user trusts the scripts, which may write files and read any. */
	isTrusted = false;
	/** The files being read, innermost last. */
	readonly files: string[] = [];
	/** Where the running script keeps what its `.expect` lines found. */
	checks: Checks | undefined;
	/** The last statement and facts about its result. Failed statements have no result. */
	last: { readonly sql: string; readonly printed: Printed | undefined } | undefined;
	/** The last statement that ran to its end. */
	lastComplete: string | undefined;
	/** The theme built for the setting `theme`. */
	#painted: { readonly background: Background; readonly theme: Theme };
	/** The last query that had a result, for `.last`. */
	#shown:
		| {
				readonly sql: string;
				readonly parameters: ShellSession['parameters'];
				readonly vertical: boolean;
				readonly threads: Threads;
		  }
		| undefined;
	readonly #ownSink: Sink;
	/** Where `.output` or `.once` sends results. */
	#output: ResultOutput | undefined;
	#once: ResultOutput | undefined;
	#tail: { stop: () => void } | undefined;
	/** Aborts the current `.wait`. */
	#waiting: AbortController | undefined;

	constructor(parts: ShellParts) {
		this.options = parts.options;
		this.threads = parts.threads;
		this.#ownSink = this.#hiding(parts.sink);
		this.interactive = parts.interactive;
		this.tell = (text) => {
			this.hideProgress();
			parts.tell(this.frames?.above(text) ?? text);
		};
		this.#open = parts.open;
		this.#isLineFree = parts.isLineFree ?? (() => true);
		this.filters = parts.options.capture.filters;
		const { format } = parts.options.presentation;
		const configured = parts.interactive ? parts.options.settings : {};
		this.settings = new ShellSettings({ ...configured, ...(format === undefined ? {} : { mode: format }) });
		this.#painted = { background: 'dark', theme: parts.options.presentation.theme };
		this.timeoutMs = parts.options.timeoutMs ?? 0;
	}

	/** Where results are written. */
	get sink(): Sink {
		return this.output?.sink ?? this.#ownSink;
	}

	/** Where results are redirected; undefined if they go to the screen or stdout. */
	get output(): ResultOutput | undefined {
		return this.#once ?? this.#output;
	}

	/** Whether results are printed on the terminal. */
	get isOnScreen(): boolean {
		return this.interactive && this.output === undefined;
	}

	/** How results show times: on a terminal in the chosen zone, in files and pipes in UTC. */
	get time(): DisplayedTime {
		return this.output === undefined ? this.screenTime : UTC_TIME;
	}

	/** The same for text that always goes to the terminal. */
	get screenTime(): DisplayedTime {
		const zone = standardOutput().isTTY ? this.settings.values.timezone : 'utc';
		if (zone !== this.#zone) this.#zoneTime = displayedTime(zone);
		this.#zone = zone;
		return this.#zoneTime;
	}

	/** Prints a text, in the pager if it is longer than the screen. */
	async page(text: string): Promise<void> {
		const { columns = 80, rows = 24 } = standardOutput();
		const isLong = this.isOnScreen && screenRows(text, columns) >= rows;
		if (isLong) await this.paged((sink) => sink.write(text));
		else await this.sink.write(text);
	}

	/** The width at which lists wrap; Infinity if they do not go to the screen. */
	get listWidth(): number {
		return this.isOnScreen ? (standardOutput().columns ?? 80) : Number.POSITIVE_INFINITY;
	}

	/** Colours of the prompt and of messages. */
	get screenTheme(): Theme {
		const background = this.settings.values.theme;
		if (background !== this.#painted.background)
			this.#painted = { background, theme: themeOn(background, this.options.presentation.theme) };
		return this.#painted.theme;
	}

	/** Colours of results. */
	get theme(): Theme {
		return this.output === undefined ? this.screenTheme : plainTheme;
	}

	/** Sends results to `output` from now on; with `once`, only the next one. */
	async setOutput(output: ResultOutput | undefined, once: boolean): Promise<void> {
		const before = once ? this.#once : this.#output;
		if (once) this.#once = output;
		else this.#output = output;
		await before?.close();
	}

	/**
	 * Called after a statement or command: closes the output of `.once`, and that of a program that no longer
	 * reads.
	 */
	async settleOutput(isStatement: boolean): Promise<void> {
		if (this.#once !== undefined && (isStatement || this.#once.isUsed)) await this.setOutput(undefined, true);
		const output = this.#output;
		if (output?.sink.closed !== true) return;
		await this.setOutput(undefined, false);
		this.tell(`${forTerminal(output.name)} has ended; results go to the screen again\n`);
	}

	/** Runs one statement and prints its result, or a chart of it. Rejects with its error. */
	async run(sql: string, vertical = false, chart?: ChartKind | ChartWish | 'any'): Promise<Printed> {
		this.last = { sql, printed: undefined };
		const style = chart === undefined ? this.#style(vertical) : this.#chartStyle(chart);
		this.#requirePlace(style);
		const { maxrows } = this.settings.values;
		const ends = style.format === 'auto' ? { first: Math.ceil(maxrows / 2), last: Math.floor(maxrows / 2) } : undefined;
		const printed = await this.#watched(() =>
			printResult(
				this.threads.run(sql, {
					timeoutMs: this.timeoutMs,
					parameters: this.parameters,
					ends,
					redact: seesNoSecrets(style),
					skipsShards: this.#skipsShards,
				}),
				this.sink,
				style,
			),
		);
		this.last = { sql, printed };
		this.lastComplete = sql;
		if (printed.hasColumns) {
			this.#shown = { sql, parameters: this.parameters, vertical, threads: this.threads };
		}
		// It has names, which may come from a file that somebody else wrote.
		if (printed.notice !== undefined && !this.options.presentation.quiet) this.tell(`${forTerminal(printed.notice)}\n`);
		if (this.settings.values.timer && !printed.showsTime) {
			this.tell(`${this.asideTheme.dim(secondsText(printed.seconds))}\n`);
		}
		if (printed.readsCaptured) this.#tellLoss(this.#sinceClear(printed));
		for (const lost of printed.attachedLoss) this.#tellAttachedLoss(lost);
		for (const sentence of printed.missing) this.#tellMissing(sentence);
		if (printed.readsCaptured && printed.rows === 0) this.#hintIfNothingCaptured();
		if (/\bloss\b/i.test(sql)) this.markLossRead(printed);
		return printed;
	}

	/**
	 * The result of a statement as text with at most `rows` rows, followed by a note about loss that may have
	 * affected it.
	 */
	async render(sql: string, rows: number): Promise<string> {
		let text = '';
		const add = async (more: string) => {
			text += more;
		};
		const sink: Sink = {
			write: add,
			writeRows: (texts) => add(texts.join('')),
			closed: false,
			gone: new Promise(() => undefined),
			discard: () => undefined,
		};
		const style = this.#style(false);
		requireText(style);
		const ends = style.format === 'auto' ? { first: rows, last: 0 } : undefined;
		const { timeoutMs, parameters } = this;
		const options = { timeoutMs, parameters, ends, redact: seesNoSecrets(style), skipsShards: this.#skipsShards };
		const printed = await printResult(this.threads.run(sql, options), sink, style);
		const lost = this.#sinceClear(printed);
		const sentence = printed.readsCaptured ? lossSentence(lost) : undefined;
		if (sentence !== undefined) {
			this.#toldEvents = Math.max(this.#toldEvents, lost.lostEvents);
			this.markLossRead(printed);
		}
		return [sentence, ...printed.attachedLoss.map(lossSentence), ...printed.missing]
			.filter((each) => each !== undefined)
			.reduce((all, each) => `${all}${this.asideTheme.loss(`tinytap: ${each}`)}\n`, text);
	}

	/** Shows the result of the last query again: in full, computed from the rows that it saw, in the pager. */
	async showLast(): Promise<void> {
		const shown = this.#shown;
		if (shown === undefined || shown.threads !== this.threads)
			throw usageError('.last: expected a result, got none', 'No query has run yet on these tables.');
		const { sql, parameters, vertical } = shown;
		const style = this.#style(vertical);
		this.#requirePlace(style);
		const full: PrintStyle = {
			...style,
			format: style.format === 'auto' ? 'table' : style.format,
			screenColumns: undefined,
		};
		const again = { timeoutMs: this.timeoutMs, parameters, again: true, redact: seesNoSecrets(full) };
		const printed = await this.paged((sink) => printResult(this.threads.run(sql, again), sink, full));
		if (printed.evicted === 0) return;
		const rows = printed.evicted === 1 ? '1 row' : `${printed.evicted} rows`;
		this.tell(`${rows} ${printed.evicted === 1 ? 'has' : 'have'} been evicted since then\n`);
	}

	/** Asks a store from now on. Credentials come from the environment. */
	async connect(url: string, { credentials, ca, option = '.connect' }: ConnectOptions = {}): Promise<void> {
		const { user } = this.options;
		const place = isUrl(url)
			? serverPlace(storeAddress(url, { option, credentials, ca, user, environment: process.env }))
			: { directory: resolve(url), user };
		this.stopTail();
		await this.#watched(() => this.threads.connect(place));
	}

	/** Sends a statement to the store as it is, and prints its result. */
	async runThere(sql: string): Promise<void> {
		const style = this.#style(false);
		this.#requirePlace(style);
		const { timeoutMs } = this;
		const redact = seesNoSecrets(style);
		const there = { timeoutMs, raw: true, redact, skipsShards: this.#skipsShards };
		await this.#watched(() => printResult(this.threads.run(sql, there), this.sink, style));
	}

	get #skipsShards(): boolean {
		return this.settings.values.shards === 'available';
	}

	/** Exports exchanges to a file, or without a path to stdout, and says how many. */
	async export(wanted: Export & { readonly path: string | undefined }): Promise<void> {
		const { threads, parameters, timeoutMs, options } = this;
		requireHere(this.threads);
		const { raw } = options.presentation;
		const exchanges = (ids: readonly number[]) => this.#exchanges(ids);
		const ways = { threads, user: options.user, parameters, timeoutMs, raw, exchanges };
		const { path } = wanted;
		const exported = await this.#watched(() =>
			path === undefined ? writeExchanges(wanted, ways, this.sink) : exportExchanges({ ...wanted, path }, ways),
		);
		const place = path === undefined ? 'stdout' : forTerminal(path);
		if (!options.presentation.quiet) this.tell(`${exportSentence(place, exported, wanted.format)}\n`);
		this.#tellLoss(this.#sinceClear(exported));
	}

	/** Writes a page with exchanges, says how many, and with `open` shows it in the browser. */
	async report(wanted: Report, open: boolean): Promise<void> {
		requireHere(this.threads);
		const { threads, parameters, timeoutMs, options } = this;
		const exchanges = (ids: readonly number[]) => this.#exchanges(ids);
		const ways = { threads, user: options.user, parameters, timeoutMs, exchanges };
		const reported = await this.#watched(() => writeReport(wanted, ways));
		const path = forTerminal(wanted.path);
		if (!options.presentation.quiet) this.tell(`${reportSentence(path, reported)}\n`);
		this.#tellLoss(this.#sinceClear(reported));
		const problem = open ? await openPage(wanted.path, options.user) : undefined;
		if (problem !== undefined) this.tell(`${forTerminal(problem)}: open ${path} in a browser\n`);
	}

	/** For formats that print exchanges. */
	async *#exchanges(ids: readonly number[]): ReturnType<Threads['showAll']> {
		requireHere(this.threads);
		for await (const exchange of this.threads.showAll(ids)) {
			yield exchange;
			// Let the event loop run, so that Ctrl-C is handled.
			await setImmediate();
			if (this.#isCancelled) throw cancelledError();
		}
	}

	/** Runs `work` with the pager as its output, if the output goes to the terminal. */
	async paged<T>(work: (sink: Sink) => Promise<T>): Promise<T> {
		const { sink } = this;
		if (!this.isOnScreen || !this.settings.values.pager || !standardOutput().canRedraw)
			return await this.#watched(() => work(sink));
		const { user, safe } = this.options;
		return await withPager(work, { user, safe, sink, onInterrupt: () => this.cancel(), tell: this.tell });
	}

	/** Whether there is loss that the user has neither been told about nor looked up. */
	get hasNewLoss(): boolean {
		return this.#sinceClear(this.threads.status).lostEvents > this.#readEvents;
	}

	/** Notes that the user has seen the loss counters. */
	markLossRead(lost: Lost = this.threads.status): void {
		this.#readEvents = Math.max(this.#readEvents, this.#sinceClear(lost).lostEvents);
	}

	/** Whether capturing is paused until `resume()`. */
	get isPaused(): boolean {
		return this.#isPaused;
	}

	pause(): void {
		this.threads.pause();
		this.#isPaused = true;
	}

	resume(): void {
		this.threads.resume();
		this.#isPaused = false;
	}

	/** Empties the tables. Earlier loss no longer affects results. */
	clear(): void {
		const { lostEvents, lostBytes } = this.threads.status;
		this.threads.clear();
		this.#lostBefore = { lostEvents, lostBytes };
		this.#forgetTold();
	}

	#sinceClear({ lostEvents, lostBytes }: Lost): Lost {
		const before = this.#lostBefore;
		return { lostEvents: lostEvents - before.lostEvents, lostBytes: lostBytes - before.lostBytes };
	}

	#forgetTold(): void {
		this.#toldEvents = 0;
		this.#readEvents = 0;
	}

	/** Prints a hint at the prompt after the first empty result, if no exchange has been captured yet. */
	#hintIfNothingCaptured(): void {
		const { recording, status } = this.threads;
		if (this.#isHinted || !this.interactive || recording !== undefined || status.rows > 0) return;
		this.#isHinted = true;
		this.tell(`${this.asideTheme.hint('hint:')} nothing captured yet: is there HTTP traffic? Try .status, .doctor\n`);
	}

	/** Reports loss once, until there is more. */
	#tellLoss(lost: Lost): void {
		const sentence = lossSentence(lost);
		if (sentence === undefined || lost.lostEvents <= this.#toldEvents) return;
		this.#toldEvents = lost.lostEvents;
		this.#readEvents = Math.max(this.#readEvents, lost.lostEvents);
		this.tell(`${this.asideTheme.loss(`tinytap: ${sentence}`)}\n`);
	}

	/** Reports loss of an attached recording once. */
	#tellAttachedLoss(lost: AttachedLoss): void {
		const sentence = lossSentence(lost);
		if (sentence === undefined || this.#toldAttached.has(lost.name)) return;
		this.#toldAttached.add(lost.name);
		this.tell(`${this.asideTheme.loss(`tinytap: ${sentence}`)}\n`);
	}

	/** Reports what is missing in a store, until something else is. */
	#tellMissing(sentence: string): void {
		if (this.#toldMissing === sentence && this.interactive) return;
		this.#toldMissing = sentence;
		this.tell(`${this.asideTheme.loss(`tinytap: ${sentence}`)}\n`);
	}

	/** Reads a recording into tables of its own. `name` must not be in use. */
	async attach(name: string, path: string): Promise<AttachedEnd> {
		this.#toldAttached.delete(name);
		return await this.#watched(() => this.threads.attach(name, path));
	}

	/** Ctrl-C: ends the running statement or wait. */
	cancel(): void {
		this.#isCancelled = this.#isRunning;
		this.threads.cancel();
		this.#waiting?.abort();
	}

	/** Ctrl-C in a script: ends the running step, and the script even if no step runs at this moment. */
	interrupt(): void {
		this.#isInterrupted = true;
		this.cancel();
	}

	/** Throws if the script was interrupted. */
	checkInterrupted(): void {
		if (this.#isInterrupted) throw cancelledError();
	}

	/** Waits for `.wait`. Rejects if cancelled. */
	async wait(milliseconds: number): Promise<void> {
		this.checkInterrupted();
		const waiting = new AbortController();
		this.#waiting = waiting;
		await wait(milliseconds, waiting.signal);
		this.#waiting = undefined;
		if (waiting.signal.aborted) throw cancelledError();
	}

	/** Removes the progress line before other output. */
	hideProgress(): void {
		this.#progress?.hide();
	}

	/** Shows the progress line while `work` runs, on a terminal. */
	async #watched<T>(work: () => Promise<T>): Promise<T> {
		this.#isRunning = true;
		try {
			return await this.#withProgress(work);
		} finally {
			this.#isRunning = false;
			this.#isCancelled = false;
		}
	}

	async #withProgress<T>(work: () => Promise<T>): Promise<T> {
		if (!standardError().canRedraw || this.options.presentation.quiet || this.output?.isProgram === true)
			return await work();
		const output = standardOutput();
		// Use the same queue as for rows, so that the line always appears between them.
		const stream = output.isTTY ? output : standardError();
		const progress = startProgress(stream, {
			rows: () => this.threads.progress,
			isFree: () => this.#isLineFree() && this.#isAtLineStart,
			isIdle: () => output.isIdle,
		});
		this.#isAtLineStart = true;
		this.#progress = progress;
		try {
			return await work();
		} finally {
			progress.end();
			this.#progress = undefined;
		}
	}

	#hiding(sink: Sink): Sink {
		const isCancelled = () => this.#isCancelled;
		return {
			write: async (text) => {
				if (text === '' || this.#isCancelled) return;
				this.hideProgress();
				this.#isAtLineStart = text.endsWith('\n');
				await sink.write(text);
				this.#progress?.show();
			},
			writeBytes: async (bytes) => {
				this.hideProgress();
				if (!this.#isCancelled) await sink.writeBytes?.(bytes);
			},
			beginBinary: (format) => sink.beginBinary?.(format),
			writeRows: async (texts) => {
				this.hideProgress();
				await sink.writeRows(texts);
			},
			get closed() {
				return sink.closed;
			},
			get discards() {
				return isCancelled();
			},
			gone: sink.gone,
			discard: () => sink.discard(),
		};
	}

	/**
	 * Prints each exchange that ends from now on, or each of a recording, if it matches `where`, or (`messages`) each message;
	 * with `both`, the rows of both sides. Replaces a running tail.
	 */
	startTail(where: string | undefined, { both = this.options.both, messages = false } = {}): void {
		this.stopTail();
		let stopped = false;
		const isStore = this.threads.storeName !== undefined;
		// Nothing is added to a recording, so its own exchanges are printed.
		const fromStart = !isStore && this.threads.recording !== undefined;
		const columns = messages ? MESSAGE_LINE_COLUMNS : isStore ? STORE_TAIL_COLUMNS : TAIL_COLUMNS;
		const of = messages ? 'messages' : 'exchanges';
		const rows = this.threads.follow({ where, columns, of, extended: !isStore }, { onePerExchange: !both, fromStart });
		const tail = {
			stop: () => {
				stopped = true;
				rows.return(undefined).catch(() => undefined);
			},
		};
		this.#tail = tail;
		const follow = async () => {
			const lines = (messages ? createMessageLines : createTailLines)({
				theme: this.screenTheme,
				raw: this.options.presentation.raw,
				time: () => this.screenTime,
			});
			const width = () => standardOutput().columns || 80;
			let isHeaded = false;
			for await (const part of rows) {
				if (stopped) return;
				if (!isHeaded) this.tell(`${fromStart ? '' : `${this.screenTheme.dim(TAIL_NOTE)}\n`}${lines.head(width())}`);
				isHeaded = true;
				if (part.rows.length === 0) continue;
				this.tell(part.rows.map((row) => lines.line(row, width())).join(''));
				// Until the terminal accepts more, the query thread drops and counts rows.
				await standardOutput().ready();
			}
		};
		follow()
			.catch((error: unknown) => {
				if (!stopped) this.tell(errorText(error, this.asideTheme, where));
			})
			.finally(() => {
				if (this.#tail === tail) this.#tail = undefined;
			});
	}

	/** Stops the tail. Returns whether one was running. */
	stopTail(): boolean {
		const running = this.#tail !== undefined;
		this.#tail?.stop();
		this.#tail = undefined;
		return running;
	}

	/** Ends the capture and opens a recording. */
	async open(path: string): Promise<void> {
		const threads = await this.#open(path);
		this.stopTail();
		const old = this.threads;
		for (const { name } of old.attachedRecordings) this.tell(`${name} detached\n`);
		this.threads = threads;
		this.#lostBefore = NOTHING_LOST;
		this.#forgetTold();
		this.#isPaused = false;
		this.shownId = undefined;
		await old.close();
	}

	#style(vertical: boolean): PrintStyle {
		const { presentation } = this.options;
		const { mode, maxrows, nullvalue, headers, width, separator, expanded } = this.settings.values;
		const screen = this.output === undefined ? standardOutput().columns : undefined;
		const isLines = vertical || expanded === 'on';
		const isFitted = mode === 'auto' && screen !== undefined && maxrows > 0;
		return {
			format: isLines ? 'line' : mode === 'auto' && !isFitted ? 'table' : mode,
			raw: presentation.raw,
			redactor: presentation.redactor,
			version: version(),
			exchanges: (ids) => this.#exchanges(ids),
			theme: this.theme,
			// With `.maxrows 0`, nothing is shortened.
			screenColumns: isFitted || (this.isOnScreen && mode !== 'auto') ? screen : undefined,
			footer: this.isOnScreen,
			nullText: nullvalue,
			headers,
			widest: width,
			separator,
			linesIfWide: expanded === 'auto',
			sampleRows: this.checks === undefined ? 0 : SAMPLE_ROWS,
			time: this.time,
		};
	}

	#chartStyle(kind: ChartKind | ChartWish | 'any'): PrintStyle {
		const screen = this.output === undefined ? standardOutput() : undefined;
		const rows = Math.max(CHART_ROWS.least, Math.min(CHART_ROWS.most, (screen?.rows ?? 24) - CHART_ROWS.around));
		const chart = { kind: kind === 'any' ? undefined : kind, rows, unicode: this.settings.values.unicode };
		return { ...this.#style(false), format: 'table', screenColumns: screen?.columns, chart };
	}

	/** Throws a UserError if results in this format cannot go where results go. */
	#requirePlace(style: PrintStyle): void {
		if (this.output === undefined && standardOutput().isTTY) requireText(style);
	}

	/** Colours of messages. */
	get asideTheme(): Theme {
		return this.interactive ? this.screenTheme : this.options.presentation.errorTheme;
	}
}

/** Throws a UserError if the format is binary. */
function requireText({ format }: PrintStyle): void {
	if (!isBinary(format)) return;
	throw usageError(
		`expected a file or a pipe for results in the format ${format}, which is binary, got a terminal`,
		'.once FILE before the statement, or tinytap query -o FILE; .mode auto prints tables again.',
	);
}

/** Whether the result is meant to be shared, so that its statement must see no secrets. */
function seesNoSecrets({ format, redactor }: PrintStyle): boolean {
	return redactor !== null && isShared(format);
}

function serverPlace({ url, ...rest }: StoreAddress): StorePlace {
	return { ...rest, url: url.href };
}
