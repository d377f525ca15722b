// --otlp: turns exchanges into spans and metrics, and sends them to a collector.
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { version } from '../base/installation.ts';
import { wait } from '../base/wait.ts';
import type { OwnSockets } from '../threads/own-sockets.ts';
import { deliver, type Outcome } from './delivery.ts';
import { HttpMetrics } from './http-metrics.ts';
import type { Observed } from './observed.ts';
import { attributes, type Resource, type Scope } from './otlp-json.ts';
import type { OtlpSettings } from './otlp-settings.ts';
import { SpanLinks } from './span-links.ts';
import { SpanQueue } from './span-queue.ts';
import { spanOf, traceRequest } from './spans.ts';
import { newUploadCounts, type Signal } from './upload-counts.ts';
import { Uploader } from './uploader.ts';

/** How often spans are looked at whose parents may be known now. */
const LOOK_MS = 250;
/** After the last exchange, how long requests may take; then how long the last attempt of each may take. */
const FLUSH_MS = 10_000;
const LAST_ATTEMPT_MS = 2000;
/** After Ctrl-C. */
const INTERRUPTED_FLUSH_MS = 3000;

export type ExporterWays = {
	readonly settings: OtlpSettings;
	readonly own: OwnSockets;
	/** Exchanges are of this host and of now. */
	readonly isLive: boolean;
	/** Tells the user about a problem. */
	readonly tell: (message: string, hint?: string) => void;
};

export class OtlpExporter {
	readonly counts = newUploadCounts();
	readonly #settings: OtlpSettings;
	readonly #isLive: boolean;
	readonly #tell: ExporterWays['tell'];
	readonly #links: SpanLinks;
	readonly #queue: SpanQueue | undefined;
	readonly #uploaders: Readonly<Record<Signal, Uploader | undefined>>;
	readonly #hurry = new AbortController();
	readonly #timers: NodeJS.Timeout[];
	readonly #scope: Scope = { name: 'tinytap', version: version() };
	readonly #instance = randomUUID();
	readonly #resources = new Map<string, Resource>();
	#metrics: HttpMetrics | undefined;
	#sendingMetrics: Promise<void> | undefined;
	/** Of a recording: the time of its last exchange so far. */
	#lastUs = 0;
	/** Problems that have been told and are not over. */
	readonly #told = new Set<string>();

	constructor({ settings, own, isLive, tell }: ExporterWays) {
		this.#settings = settings;
		this.#isLive = isLive;
		this.#tell = tell;
		this.#links = new SpanLinks(settings.sampler);
		const { traces, metrics } = settings;
		this.#uploaders = {
			traces: traces === undefined ? undefined : new Uploader(traces, own),
			metrics: metrics === undefined ? undefined : new Uploader(metrics, own),
		};
		this.#queue =
			traces === undefined
				? undefined
				: new SpanQueue({
						...settings,
						send: (batch) => this.#send('traces', traceRequest(batch, this.#resource, this.#scope)),
						onSent: (spans, outcome) => this.#countSpans(spans, outcome),
					});
		if (isLive) this.#metrics = new HttpMetrics(settings.knownMethods, BigInt(Date.now()) * 1_000_000n);
		this.#timers = [
			setInterval(() => this.#takeSettled(false), LOOK_MS),
			setInterval(() => void this.#sendMetrics(), settings.metricsEveryMs),
		];
		for (const timer of this.#timers) timer.unref();
	}

	/** Takes an exchange that has ended. */
	take(exchange: Observed): void {
		this.#lastUs = Math.max(this.#lastUs, exchange.endUs);
		// The metrics of a recording begin with it.
		this.#metrics ??= new HttpMetrics(this.#settings.knownMethods, exchange.startNs);
		if (this.#uploaders.metrics !== undefined) this.#metrics.record(exchange, this.#service(exchange));
		if (this.#queue !== undefined) this.#links.take(exchange, this.#nowMs);
	}

	/** For a recording, which can wait: resolves when more exchanges can be taken without dropping any. */
	async room(): Promise<void> {
		this.#takeSettled(false);
		await this.#queue?.room();
	}

	/** Sends everything that is left. After `interrupted`, the user does not want to wait long. */
	async finish(interrupted: Promise<unknown>): Promise<void> {
		for (const timer of this.#timers) clearInterval(timer);
		const flushed = this.#flush();
		const patience = new AbortController();
		const soon = interrupted.then(() => wait(INTERRUPTED_FLUSH_MS, patience.signal));
		await Promise.race([flushed, wait(FLUSH_MS, patience.signal), soon]);
		this.#hurry.abort();
		await Promise.race([flushed, wait(LAST_ATTEMPT_MS, patience.signal)]);
		patience.abort();
		this.close();
		await flushed;
	}

	/** Gives up what was not sent. */
	close(): void {
		for (const timer of this.#timers) clearInterval(timer);
		this.#hurry.abort();
		for (const uploader of Object.values(this.#uploaders)) uploader?.close();
		this.counts.spans.dropped += this.#queue?.clear() ?? 0;
	}

	/** What became of the spans, if not all of them were sent; undefined if they were. */
	get missing(): string | undefined {
		const { dropped, rejected } = this.counts.spans;
		const parts = [
			...(dropped > 0 ? [`${dropped} could not be sent`] : []),
			...(rejected > 0 ? [`the collector rejected ${rejected}`] : []),
		];
		return parts.length === 0 ? undefined : `--otlp: of the spans, ${parts.join(' and ')}`;
	}

	async #flush(): Promise<void> {
		await this.#sendingMetrics;
		const metrics = this.#sendMetrics();
		// Of a recording, every span that is settled can wait for room.
		for (const [exchange, context] of this.#links.settled(this.#nowMs, true)) {
			if (!this.#hurry.signal.aborted) await this.#queue?.room();
			this.#enqueue(exchange, context);
		}
		await Promise.all([metrics, this.#queue?.flush()]);
	}

	#takeSettled(isEnd: boolean): void {
		for (const [exchange, context] of this.#links.settled(this.#nowMs, isEnd)) this.#enqueue(exchange, context);
	}

	#enqueue(...[exchange, context]: ReturnType<SpanLinks['settled']>[number]): void {
		const span = spanOf(exchange, context, this.#settings);
		if (span === undefined) return;
		if (!context.isSampled) this.counts.spans.unsampled++;
		else if (this.#queue?.add(this.#service(exchange), span) === false) {
			this.counts.spans.dropped++;
			this.#tellOnce('full', 'spans are being dropped, because the collector does not take them fast enough');
		}
	}

	async #sendMetrics(): Promise<void> {
		const metrics = this.#metrics;
		// The next ones will contain these, too.
		if (this.#uploaders.metrics === undefined || metrics === undefined || metrics.isEmpty) return;
		if (this.#sendingMetrics !== undefined) return;
		const nowNs = this.#isLive ? BigInt(Date.now()) * 1_000_000n : BigInt(Math.ceil(this.#lastUs)) * 1000n;
		this.#sendingMetrics = this.#send('metrics', metrics.request(nowNs, this.#resource, this.#scope)).then(
			(outcome) => {
				if (outcome.what === 'accepted') this.#tellPartial('metrics', outcome);
				this.#sendingMetrics = undefined;
			},
		);
		await this.#sendingMetrics;
	}

	async #send(signal: Signal, json: string): Promise<Outcome> {
		const uploader = this.#uploaders[signal]!;
		const outcome = await deliver(await uploader.encode(json), {
			post: (body) => uploader.post(body),
			counts: this.counts.requests[signal],
			onRepeat: (reason) =>
				this.#tellOnce(signal, `${uploader.place} does not take ${signal}: ${reason}; trying again`),
			hurry: this.#hurry.signal,
		});
		if (outcome.what === 'accepted') this.#told.delete(signal);
		else
			this.#tellOnce(signal, `${uploader.place} does not take ${signal}: ${outcome.message}`, hintFor(uploader.place));
		return outcome;
	}

	#countSpans(spans: number, outcome: Outcome): void {
		const { counts } = this;
		if (outcome.what === 'failed') {
			counts.spans.dropped += spans;
			return;
		}
		const rejected = Math.min(spans, outcome.rejected);
		counts.spans.rejected += rejected;
		counts.spans.sent += spans - rejected;
		this.#tellPartial('traces', outcome);
	}

	#tellPartial(signal: Signal, { rejected, message }: Extract<Outcome, { what: 'accepted' }>): void {
		if (rejected === 0 && message === '') return;
		const what = signal === 'traces' ? 'spans' : 'points';
		const said = message === '' ? '' : `: ${message}`;
		const did = rejected === 0 ? 'says' : `rejected ${rejected} ${what}`;
		this.#tellOnce(`partial ${signal}`, `the collector ${did}${said}`);
	}

	/** Tells about a kind of problem once, until it is over. */
	#tellOnce(kind: string, message: string, hint?: string): void {
		if (this.#told.has(kind)) return;
		this.#told.add(kind);
		this.#tell(`--otlp: ${message.slice(0, 400)}`, hint);
	}

	#service({ comm }: Observed): string {
		return this.#settings.serviceName ?? comm ?? 'unknown_service';
	}

	readonly #resource = (service: string): Resource => {
		const known = this.#resources.get(service);
		if (known !== undefined) return known;
		const given = new Set(this.#settings.resource.map(([key]) => key));
		const own = [
			['service.instance.id', this.#instance],
			// A recording may come from another host.
			...(this.#isLive ? [['host.name', hostname()] as const] : []),
			['telemetry.sdk.name', 'tinytap'],
			['telemetry.sdk.language', 'nodejs'],
			['telemetry.sdk.version', version()],
		] as const;
		const all = [
			['service.name', service] as const,
			...this.#settings.resource,
			...own.filter(([key]) => !given.has(key)),
		];
		const made = { attributes: attributes(all) };
		if (this.#resources.size > 1000) this.#resources.clear();
		this.#resources.set(service, made);
		return made;
	};

	get #nowMs(): number {
		return this.#isLive ? performance.now() : this.#lastUs / 1000;
	}
}

function hintFor(place: string): string | undefined {
	return place.endsWith(':4317') ? 'Port 4317 is usually for gRPC; OTLP over HTTP usually has port 4318.' : undefined;
}
