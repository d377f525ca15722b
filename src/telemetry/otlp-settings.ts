// Where OTLP goes and how: the option --otlp and the environment variables that OpenTelemetry specifies.
import { usageError } from '../base/errors.ts';
import { fileError } from '../base/file-error.ts';
import type { InvokingUser } from '../base/invoking-user.ts';
import { readUserFile } from '../base/user-files.ts';
import { KNOWN_METHODS, type KnownMethods } from './known-methods.ts';
import { createSampler, type Sampler } from './sampler.ts';
import type { Signal } from './upload-counts.ts';

/** Where one signal is sent. */
export type Endpoint = {
	readonly url: URL;
	readonly headers: Readonly<Record<string, string>>;
	readonly timeoutMs: number;
	readonly isCompressed: boolean;
	readonly ca: string | undefined;
	readonly certificate: string | undefined;
	readonly key: string | undefined;
};

export type OtlpSettings = {
	/** Undefined if a signal is not sent. */
	readonly traces: Endpoint | undefined;
	readonly metrics: Endpoint | undefined;
	/** The service that all spans are of; undefined: the name of each process. */
	readonly serviceName: string | undefined;
	readonly resource: readonly (readonly [key: string, value: string])[];
	readonly knownMethods: KnownMethods;
	readonly sampler: Sampler;
	/** How long spans wait for others to be sent with them, how many are sent together, and how many may wait. */
	readonly delayMs: number;
	readonly batchSpans: number;
	readonly queueSpans: number;
	readonly metricsEveryMs: number;
	readonly valueLength: number;
};

export type Environment = Readonly<Record<string, string | undefined>>;

const DEFAULT_ENDPOINT = 'http://localhost:4318';
/** Longer values are cut, because a URL can have 64 KiB. */
const VALUE_LENGTH = 4096;
const MS_MAX = 2 ** 31 - 1;

/** `url`: the value of --otlp; undefined if none was given. Throws a UserError for the first value that is not valid. */
export function otlpSettings(url: string | undefined, environment: Environment, user: InvokingUser): OtlpSettings {
	const read = (name: string) => environment[name]?.trim() || undefined;
	const endpoint = (signal: Signal): Endpoint | undefined =>
		isSent(signal, read) ? readEndpoint(signal, url, read, user) : undefined;
	const resource = pairs(read('OTEL_RESOURCE_ATTRIBUTES'), 'OTEL_RESOURCE_ATTRIBUTES');
	const batchSpans = whole(read, 'OTEL_BSP_MAX_EXPORT_BATCH_SIZE', 512, 1, 100_000);
	const methods = read('OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS')?.split(',');
	checkTemporality(read);
	return {
		traces: endpoint('traces'),
		metrics: endpoint('metrics'),
		serviceName: read('OTEL_SERVICE_NAME') ?? resource.find(([key]) => key === 'service.name')?.[1],
		resource: resource.filter(([key]) => key !== 'service.name'),
		knownMethods: methods === undefined ? KNOWN_METHODS : new Set(methods.map((method) => method.trim())),
		sampler: createSampler(read('OTEL_TRACES_SAMPLER'), read('OTEL_TRACES_SAMPLER_ARG')),
		delayMs: whole(read, 'OTEL_BSP_SCHEDULE_DELAY', 5000, 0, MS_MAX),
		batchSpans,
		queueSpans: Math.max(batchSpans, whole(read, 'OTEL_BSP_MAX_QUEUE_SIZE', 8192, 1, 1_000_000)),
		metricsEveryMs: whole(read, 'OTEL_METRIC_EXPORT_INTERVAL', 60_000, 1, MS_MAX),
		valueLength: whole(read, 'OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT', VALUE_LENGTH, 0, 1 << 20),
	};
}

type Read = (name: string) => string | undefined;

function isSent(signal: Signal, read: Read): boolean {
	const name = `OTEL_${signal.toUpperCase()}_EXPORTER`;
	const exporter = read(name) ?? 'otlp';
	if (exporter === 'otlp' || exporter === 'none') return exporter === 'otlp';
	throw usageError(`${name}: expected otlp or none, got ${JSON.stringify(exporter)}`);
}

function readEndpoint(signal: Signal, url: string | undefined, read: Read, user: InvokingUser): Endpoint {
	/** A variable for this signal only comes before the one for all signals. */
	const named = (name: string): readonly [name: string, value: string] | undefined => {
		const own = `OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_${name}`;
		const common = `OTEL_EXPORTER_OTLP_${name}`;
		const value = read(own);
		if (value !== undefined) return [own, value];
		const all = read(common);
		return all === undefined ? undefined : [common, all];
	};
	const file = (name: string): string | undefined => {
		const found = named(name);
		return found === undefined ? undefined : readFile(...found, user);
	};
	const headers = named('HEADERS');
	const compression = named('COMPRESSION');
	const timeout = named('TIMEOUT');
	const [certificate, key] = [file('CLIENT_CERTIFICATE'), file('CLIENT_KEY')];
	if ((certificate === undefined) !== (key === undefined))
		throw usageError(
			'OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: expected it together with OTEL_EXPORTER_OTLP_CLIENT_KEY, got only one',
		);
	return {
		url: target(signal, url, read, named('PROTOCOL')),
		headers: Object.assign(
			Object.create(null),
			Object.fromEntries(headers === undefined ? [] : headerPairs(...headers)),
		),
		timeoutMs: timeout === undefined ? 10_000 : wholeText(timeout[1], timeout[0], 1, MS_MAX),
		isCompressed: isCompressed(compression),
		ca: file('CERTIFICATE'),
		certificate,
		key,
	};
}

function target(
	signal: Signal,
	given: string | undefined,
	read: Read,
	protocol: readonly [string, string] | undefined,
): URL {
	if (given !== undefined) return withPath(parseUrl(given, '--otlp'), signal, '--otlp');
	if (protocol?.[1] === 'grpc')
		throw usageError(
			`${protocol[0]}: expected http/json or http/protobuf, got grpc`,
			'tinytap sends OTLP over HTTP: give the URL of that receiver (usually port 4318) with --otlp URL.',
		);
	const own = `OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_ENDPOINT`;
	const ownUrl = read(own);
	if (ownUrl !== undefined) return parseUrl(ownUrl, own);
	const name = 'OTEL_EXPORTER_OTLP_ENDPOINT';
	return withPath(parseUrl(read(name) ?? DEFAULT_ENDPOINT, name), signal, name);
}

function parseUrl(text: string, name: string): URL {
	const url = URL.canParse(text) ? new URL(text) : undefined;
	if (url === undefined || !/^https?:$/.test(url.protocol) || url.hostname === '')
		throw usageError(
			`${name}: expected a URL such as http://localhost:4318, got ${JSON.stringify(withoutUser(text))}`,
			name === '--otlp' ? 'Put other arguments before --otlp, or write --otlp=URL.' : undefined,
		);
	// Everybody on this host can read the arguments of a process.
	if (url.username !== '' || url.password !== '')
		throw usageError(
			`${name}: expected a URL without user and password, got one with them`,
			"Set OTEL_EXPORTER_OTLP_HEADERS, for example to authorization=Basic%20… in the service's environment.",
		);
	if (url.search !== '' || url.hash !== '')
		throw usageError(
			`${name}: expected a URL without ? and #, got one with them`,
			'Credentials belong in OTEL_EXPORTER_OTLP_HEADERS.',
		);
	return url;
}

function withoutUser(text: string): string {
	return text.replace(/\/\/[^/@]*@/, '//…@');
}

/** The URL of a signal below the collector's. */
function withPath(base: URL, signal: Signal, name: string): URL {
	if (/\/v1\/(traces|metrics|logs)\/?$/.test(base.pathname))
		throw usageError(
			`${name}: expected the URL of the collector without /v1/…, got ${base.href}`,
			'tinytap adds /v1/traces and /v1/metrics.',
		);
	const url = new URL(base);
	url.pathname = `${base.pathname.replace(/\/$/, '')}/v1/${signal}`;
	return url;
}

/** `key=value,key=value`, percent-encoded. */
function pairs(text: string | undefined, name: string): (readonly [key: string, value: string])[] {
	const parts = (text ?? '').split(',').map((part) => part.trim());
	return parts
		.filter((part) => part !== '')
		.map((part) => {
			const equals = part.indexOf('=');
			try {
				const [key, value] = [part.slice(0, equals), part.slice(equals + 1)].map((each) =>
					decodeURIComponent(each.trim()),
				);
				if (equals > 0 && key !== undefined && value !== undefined) return [key, value] as const;
			} catch (error) {
				if (!(error instanceof URIError)) throw error;
			}
			// Without its text, which may be a secret.
			throw usageError(`${name}: expected KEY=VALUE,KEY=VALUE, percent-encoded, got something else`);
		});
}

/** Fields that belong to the connection or the body. */
const RESERVED = /^(content-(type|length|encoding)|host|connection|transfer-encoding|expect|upgrade|te|trailer)$/;

function headerPairs(name: string, text: string): (readonly [key: string, value: string])[] {
	return pairs(text, name).map(([key, value]) => {
		const lower = key.toLowerCase();
		if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(lower) || RESERVED.test(lower))
			throw usageError(`${name}: expected names of header fields that a client may set, got ${JSON.stringify(key)}`);
		if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value))
			throw usageError(`${name}: expected a value without control characters for ${key}, got one with them`);
		return [lower, value];
	});
}

function isCompressed(found: readonly [name: string, value: string] | undefined): boolean {
	if (found === undefined || found[1] === 'gzip') return true;
	if (found[1] === 'none') return false;
	throw usageError(`${found[0]}: expected gzip or none, got ${JSON.stringify(found[1])}`);
}

function readFile(name: string, path: string, user: InvokingUser): string {
	try {
		return readUserFile(path, user);
	} catch (error) {
		throw fileError(path, error, `${name} names this file, which is read as ${user.name}.`);
	}
}

function checkTemporality(read: Read): void {
	const name = 'OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE';
	const value = read(name)?.toLowerCase() ?? 'cumulative';
	if (value !== 'cumulative') throw usageError(`${name}: expected cumulative, got ${JSON.stringify(value)}`);
}

function whole(read: Read, name: string, otherwise: number, least: number, most: number): number {
	const text = read(name);
	return text === undefined ? otherwise : wholeText(text, name, least, most);
}

function wholeText(text: string, name: string, least: number, most: number): number {
	const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
	if (value >= least && value <= most) return value;
	throw usageError(`${name}: expected a whole number from ${least} to ${most}, got ${JSON.stringify(text)}`);
}
