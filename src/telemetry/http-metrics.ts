// The durations of HTTP requests as OTLP metrics: cumulative histograms with the attributes of the semantic conventions.
import { DURATION_BOUNDS, DurationHistogram } from './duration-histogram.ts';
import { type KnownMethods, knownMethod } from './known-methods.ts';
import { type Counted, errorType, serverOf } from './observed.ts';
import { type Attribute, attributes, type Resource, SCHEMA_URL, type Scope } from './otlp-json.ts';

const CUMULATIVE = 2;

/** Of all services together, because each takes memory. Everything else is counted in one more series of its service. */
const SERIES_MAX = 2000;
/** Services beyond this number are one, because the name of a process is its own choice. */
const SERVICES_MAX = 100;
const OTHER_SERVICES = 'other';

const INSTRUMENTS = [
	{ side: 'server', name: 'http.server.request.duration', description: 'Duration of HTTP server requests.' },
	{ side: 'client', name: 'http.client.request.duration', description: 'Duration of HTTP client requests.' },
] as const;
type Side = (typeof INSTRUMENTS)[number]['side'];

type Series = { readonly attributes: readonly Attribute[]; readonly histogram: DurationHistogram };

type Instruments = Readonly<Record<Side, Map<string, Series>>>;

/** Adds up durations of all exchanges since the start. */
export class HttpMetrics {
	readonly #services = new Map<string, Instruments>();
	readonly #knownMethods: KnownMethods;
	readonly #startNs: bigint;
	readonly #seriesMax: number;
	#series = 0;

	constructor(knownMethods: KnownMethods, startNs: bigint, seriesMax = SERIES_MAX) {
		this.#knownMethods = knownMethods;
		this.#startNs = startNs;
		this.#seriesMax = seriesMax;
	}

	get isEmpty(): boolean {
		return this.#services.size === 0;
	}

	/** Counts an exchange, unless its request was not seen or its response did not end. */
	record(exchange: Counted, service: string): void {
		const { duration, method, side } = exchange;
		if (duration === null || method === null) return;
		const series = this.#instruments(service)[side];
		const known = knownMethod(method, this.#knownMethods);
		const error = errorType(exchange);
		const { scheme, status, httpVersion, host, remote } = exchange;
		const ofServer = side === 'client' ? host || `at ${remote}` : '';
		const key = `${known} ${scheme} ${status} ${error} ${httpVersion} ${ofServer}`;
		const found = series.get(key);
		if (found !== undefined) {
			found.histogram.record(duration);
			return;
		}
		const isKept = this.#series < this.#seriesMax;
		if (isKept) this.#series++;
		const all: readonly Attribute[] = isKept ? seriesAttributes(exchange, known, error) : OVERFLOW;
		seriesOf(series, isKept ? key : '', all).histogram.record(duration);
	}

	/** The request that sends everything counted so far. */
	request(nowNs: bigint, resource: (service: string) => Resource, scope: Scope): string {
		const resourceMetrics = [...this.#services].map(([service, instruments]) => ({
			resource: resource(service),
			scopeMetrics: [{ scope, metrics: this.#metrics(instruments, nowNs), schemaUrl: SCHEMA_URL }],
			schemaUrl: SCHEMA_URL,
		}));
		return JSON.stringify({ resourceMetrics });
	}

	#metrics(instruments: Instruments, nowNs: bigint) {
		return INSTRUMENTS.filter(({ side }) => instruments[side].size > 0).map(({ side, name, description }) => ({
			name,
			description,
			unit: 's',
			histogram: {
				aggregationTemporality: CUMULATIVE,
				dataPoints: [...instruments[side].values()].map(({ attributes: all, histogram }) => ({
					attributes: all,
					startTimeUnixNano: String(this.#startNs),
					timeUnixNano: String(nowNs),
					count: String(histogram.count),
					sum: histogram.sum,
					min: histogram.min,
					max: histogram.max,
					bucketCounts: histogram.buckets.map(String),
					explicitBounds: DURATION_BOUNDS,
				})),
			},
		}));
	}

	#instruments(service: string): Instruments {
		const known = this.#services.get(service);
		if (known !== undefined) return known;
		const name = this.#services.size < SERVICES_MAX ? service : OTHER_SERVICES;
		const made = this.#services.get(name) ?? { server: new Map(), client: new Map() };
		this.#services.set(name, made);
		return made;
	}
}

/** The name that the specification gives to it. */
const OVERFLOW: readonly Attribute[] = [{ key: 'otel.metric.overflow', value: { boolValue: true } }];

function seriesOf(series: Map<string, Series>, key: string, all: readonly Attribute[]): Series {
	const found = series.get(key) ?? { attributes: all, histogram: new DurationHistogram() };
	series.set(key, found);
	return found;
}

function seriesAttributes(exchange: Counted, method: string, error: string | undefined): Attribute[] {
	const server = exchange.side === 'client' ? serverOf(exchange, exchange.remote) : undefined;
	return attributes([
		['http.request.method', method],
		['url.scheme', exchange.scheme],
		['http.response.status_code', exchange.status],
		['error.type', error],
		['network.protocol.version', exchange.httpVersion],
		['server.address', server?.address],
		['server.port', server?.port],
	]);
}
