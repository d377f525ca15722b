// --otlp, --metrics and --metrics-listen: follows the exchanges of a capture and passes them on. Loaded only when one
// of these options is given.
import { UserError } from '../base/errors.ts';
import { version } from '../base/installation.ts';
import type { InvokingUser } from '../base/invoking-user.ts';
import { wait } from '../base/wait.ts';
import { LOSS_REASONS } from '../store/loss-table.ts';
import type { CaptureTotals } from '../threads/messages.ts';
import type { TailRows, Threads } from '../threads/threads.ts';
import { ExchangeCounts } from './exchange-counts.ts';
import { KNOWN_METHODS } from './known-methods.ts';
import { MetricsFile } from './metrics-file.ts';
import { isLoopback, type ListenAddress, MetricsServer, parseListenAddress } from './metrics-server.ts';
import { observedColumns, readCounted, readObserved } from './observed.ts';
import { OtlpExporter } from './otlp-exporter.ts';
import { type Environment, type OtlpSettings, otlpSettings } from './otlp-settings.ts';
import { prometheusText } from './prometheus-text.ts';
import type { TelemetryWanted } from './telemetry-wanted.ts';

/** How often the file is written. */
const FILE_MS = 10_000;
/** The capture thread answers within milliseconds, unless it has failed. */
const TOTALS_MS = 2000;

/** The options, checked. */
export type TelemetryPlan = {
	readonly otlp: OtlpSettings | undefined;
	readonly file: MetricsFile | undefined;
	readonly listen: ListenAddress | undefined;
	readonly where: string | undefined;
};

/** Throws a UserError for the first option or environment variable that is not valid. */
export function planTelemetry(
	{ otlp, metrics, metricsListen, where, hostName }: TelemetryWanted,
	environment: Environment,
	{ user, force }: { readonly user: InvokingUser; readonly force: boolean },
): TelemetryPlan {
	const settings = otlp === undefined ? undefined : otlpSettings(otlp === true ? undefined : otlp, environment, user);
	return {
		otlp: settings && hostName !== undefined ? withHostName(settings, hostName) : settings,
		file: metrics === undefined ? undefined : new MetricsFile(metrics, user, force),
		listen: metricsListen === undefined ? undefined : parseListenAddress(metricsListen),
		where,
	};
}

function withHostName(settings: OtlpSettings, hostName: string): OtlpSettings {
	const others = settings.resource.filter(([key]) => key !== 'host.name');
	return { ...settings, resource: [...others, ['host.name', hostName]] };
}

export type TelemetryWays = {
	readonly threads: Threads;
	/** Spans have no secrets. */
	readonly redact: boolean;
	readonly isLive: boolean;
	/** Shows a sentence, or a problem. */
	readonly notice: (sentence: string) => void;
	readonly warn: (message: string, hint?: string) => void;
};

export class Telemetry {
	readonly #plan: TelemetryPlan;
	readonly #ways: TelemetryWays;
	readonly #counts: ExchangeCounts;
	readonly #exporter: OtlpExporter | undefined;
	readonly #startSeconds = Date.now() / 1000;
	#server: MetricsServer | undefined;
	#timer: NodeJS.Timeout | undefined;
	#reading: Promise<void> = Promise.resolve();
	#isCapturing = true;
	#dropped = 0;
	#toldFile = false;
	#totals: CaptureTotals = { loss: LOSS_REASONS.map(() => ({ events: 0, bytes: 0, lastUs: 0 })), blindSpots: [] };

	/** Begins to follow the capture. Rejects with a UserError if the condition or the file is not valid. */
	static async start(plan: TelemetryPlan, ways: TelemetryWays): Promise<Telemetry> {
		const telemetry = new Telemetry(plan, ways);
		try {
			await telemetry.#start();
			return telemetry;
		} catch (error) {
			telemetry.close();
			throw error;
		}
	}

	private constructor(plan: TelemetryPlan, ways: TelemetryWays) {
		this.#plan = plan;
		this.#ways = ways;
		this.#counts = new ExchangeCounts(plan.otlp?.knownMethods ?? KNOWN_METHODS);
		const { threads, isLive, warn } = ways;
		if (plan.otlp !== undefined)
			this.#exporter = new OtlpExporter({ settings: plan.otlp, own: threads.ownSockets, isLive, tell: warn });
	}

	async #start(): Promise<void> {
		const { threads, redact, notice, warn } = this.#ways;
		const { file, listen, where } = this.#plan;
		const columns = observedColumns(this.#exporter !== undefined);
		const onDropped = (rows: number) => {
			this.#dropped = rows;
		};
		const rows = threads.follow(
			{ where, columns },
			{ fromStart: true, redact: redact && this.#exporter !== undefined, onDropped },
		);
		// The first part has only the columns, or is the error of an invalid condition.
		await rows.next();
		this.#reading = this.#read(rows);
		// finish() reports it.
		this.#reading.catch(() => undefined);
		threads.ended.then(
			() => {
				this.#isCapturing = false;
			},
			() => undefined,
		);
		if (listen !== undefined) {
			this.#server = await MetricsServer.start(listen, () => this.#text(), threads.ownSockets);
			notice(`metrics at ${this.#server.url}`);
			if (!isLoopback(listen.ip))
				warn(
					'--metrics-listen: everybody who can reach this address can read the metrics',
					'They have numbers and names of methods, and nothing from messages.',
				);
		}
		if (file === undefined) return;
		// A file that cannot be written is an error now, later a warning.
		file.write(await this.#text());
		this.#timer = setInterval(() => void this.#writeFile(), FILE_MS).unref();
	}

	/**
	 * Waits for the last exchange and passes on everything that is left; after `interrupted`, not for long. Returns what could
	 * not be passed on, as a sentence.
	 */
	async finish(interrupted: Promise<unknown>): Promise<string | undefined> {
		// After a failure of the capture, the rows may never end by themselves.
		const ended = this.#ways.threads.ended.then(
			() => this.#reading,
			() => undefined,
		);
		await ended;
		await this.#exporter?.finish(interrupted);
		this.#isCapturing = false;
		if (this.#plan.file !== undefined) await this.#writeFile();
		this.close();
		const dropped = this.#dropped === 0 ? [] : [`${this.#dropped} exchanges were neither counted nor sent`];
		const parts = [...dropped, this.#exporter?.missing].filter((part) => part !== undefined);
		return parts.length === 0 ? undefined : parts.join('; ');
	}

	/** Ends everything at once. May be called twice. */
	close(): void {
		clearInterval(this.#timer);
		this.#server?.close();
		this.#server = undefined;
		this.#exporter?.close();
	}

	async #read(rows: AsyncGenerator<TailRows>): Promise<void> {
		const exporter = this.#exporter;
		for await (const part of rows) {
			for (const row of part.rows) {
				const observed = exporter === undefined ? undefined : readObserved(row);
				const counted = observed ?? readCounted(row);
				if (counted !== undefined) this.#counts.record(counted);
				if (observed !== undefined) exporter?.take(observed);
			}
			// A recording can wait until the collector has taken what there is.
			if (!this.#ways.isLive) await exporter?.room();
		}
	}

	async #text(): Promise<string> {
		const { threads } = this.#ways;
		const patience = new AbortController();
		const none = wait(TOTALS_MS, patience.signal).then(() => this.#totals);
		this.#totals = await Promise.race([threads.totals(), none]);
		patience.abort();
		return prometheusText({
			version: version(),
			startSeconds: this.#startSeconds,
			isCapturing: this.#isCapturing,
			rows: threads.status.rows,
			tableBytes: threads.storeBytes,
			residentBytes: process.memoryUsage.rss(),
			totals: this.#totals,
			counts: this.#counts,
			uploads: this.#exporter?.counts,
		});
	}

	async #writeFile(): Promise<void> {
		try {
			this.#plan.file?.write(await this.#text());
			this.#toldFile = false;
		} catch (error) {
			if (!(error instanceof UserError)) throw error;
			if (!this.#toldFile) this.#ways.warn(`--metrics: ${error.message}`, error.hint);
			this.#toldFile = true;
		}
	}
}
