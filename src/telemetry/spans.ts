// An exchange as a span in OTLP's JSON, with the attributes of the semantic conventions for HTTP.
import { isIP } from 'node:net';
import { basename } from 'node:path';
import { type KnownMethods, knownMethod, OTHER_METHOD } from './known-methods.ts';
import { errorType, type Observed, placeOf, serverOf } from './observed.ts';
import { type AttributeValue, attributesText, type Resource, SCHEMA_URL, type Scope } from './otlp-json.ts';
import type { SpanContext } from './span-links.ts';

const KIND_SERVER = 2;
const KIND_CLIENT = 3;
const STATUS_ERROR = 2;
/** Bits above the trace flags: whether it is known that the parent is of another process, and whether it is. */
const HAS_IS_REMOTE = 0x100;
const IS_REMOTE = 0x200;

/** Limit of the W3C for what must be passed on. */
const TRACE_STATE_MAX = 512;

export type SpanSettings = { readonly knownMethods: KnownMethods; readonly valueLength: number };

/** The span of an exchange as JSON; undefined if its request was not seen or could not be read. */
export function spanOf(exchange: Observed, context: SpanContext, settings: SpanSettings): string | undefined {
	const { method: sent, side } = exchange;
	if (sent === null) return undefined;
	const method = knownMethod(sent, settings.knownMethods);
	const error = errorType(exchange);
	const { traceId, spanId, parentSpanId, traceState, traceFlags, isRemote } = context;
	const remoteBits = isRemote === undefined ? 0 : HAS_IS_REMOTE | (isRemote ? IS_REMOTE : 0);
	const state = traceState === undefined || traceState.length > TRACE_STATE_MAX ? undefined : traceState;
	// The route of a request is known only to the server's framework.
	const name = method === OTHER_METHOD ? 'HTTP' : method;
	const attributes = attributesText(
		[
			['http.request.method', method],
			['http.request.method_original', method === sent ? undefined : sent],
			['http.response.status_code', exchange.status],
			['error.type', error],
			['network.protocol.version', exchange.httpVersion],
			...(side === 'server' ? serverAttributes(exchange) : clientAttributes(exchange)),
			['user_agent.original', exchange.userAgent],
			['http.request.body.size', exchange.reqBodyBytes],
			['http.response.body.size', exchange.status === null ? undefined : exchange.resBodyBytes],
			['process.pid', exchange.pid],
			['process.executable.name', exchange.exe === null ? exchange.comm : basename(exchange.exe)],
			...captureAttributes(exchange),
		],
		settings.valueLength,
	);
	return [
		`{"traceId":"${traceId}","spanId":"${spanId}"`,
		state === undefined ? '' : `,"traceState":${JSON.stringify(state)}`,
		parentSpanId === undefined ? '' : `,"parentSpanId":"${parentSpanId}"`,
		`,"flags":${traceFlags | remoteBits},"name":${JSON.stringify(name)}`,
		`,"kind":${side === 'server' ? KIND_SERVER : KIND_CLIENT}`,
		`,"startTimeUnixNano":"${exchange.startNs}","endTimeUnixNano":"${exchange.endNs}","attributes":`,
		attributes,
		`,"status":${error === undefined ? '{}' : `{"code":${STATUS_ERROR}}`}}`,
	].join('');
}

type Pairs = readonly (readonly [key: string, value: AttributeValue])[];

function serverAttributes(exchange: Observed): Pairs {
	const server = serverOf(exchange, exchange.local);
	const peer = placeOf(exchange.remote);
	const forwarded = exchange.forwardedFor?.split(',')[0]?.trim() ?? '';
	return [
		['url.scheme', exchange.scheme],
		['url.path', exchange.path],
		['url.query', exchange.query],
		['server.address', server?.address],
		['server.port', server?.port],
		['client.address', isIP(forwarded) === 0 ? peer?.address : forwarded],
		['network.peer.address', peer?.address],
		['network.peer.port', peer?.port],
	];
}

function clientAttributes(exchange: Observed): Pairs {
	const server = serverOf(exchange, exchange.remote);
	const peer = placeOf(exchange.remote);
	return [
		['url.full', exchange.url === null ? undefined : withoutCredentials(exchange.url)],
		['server.address', server?.address],
		['server.port', server?.port],
		['network.peer.address', peer?.address],
		['network.peer.port', peer?.port],
	];
}

/** The conventions forbid them, with --no-redact, too. */
function withoutCredentials(url: string): string {
	return url.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#@]*@/i, '$1REDACTED:REDACTED@');
}

/** What the conventions have no name for: an exchange that was not seen to its end, and why. */
function captureAttributes({ state, reason, lostBytes }: Observed): Pairs {
	if (state === 'complete' && lostBytes === 0) return [];
	return [
		['tinytap.exchange.state', state],
		['tinytap.exchange.reason', reason],
		['tinytap.exchange.lost_bytes', lostBytes === 0 ? undefined : lostBytes],
	];
}

/** Spans of one service as JSON. */
export type ServiceSpans = { readonly service: string; readonly spans: readonly string[] };

/** The request that sends spans. They are JSON already, because their size was needed before. */
export function traceRequest(
	services: readonly ServiceSpans[],
	resource: (service: string) => Resource,
	scope: Scope,
): string {
	const schema = JSON.stringify(SCHEMA_URL);
	const parts = services.map(
		({ service, spans }) =>
			`{"resource":${JSON.stringify(resource(service))},"scopeSpans":[{"scope":${JSON.stringify(scope)},` +
			`"spans":[${spans.join(',')}],"schemaUrl":${schema}}],"schemaUrl":${schema}}`,
	);
	return `{"resourceSpans":[${parts.join(',')}]}`;
}
