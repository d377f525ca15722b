// An exchange as spans and metrics see it: the columns that a tail reads for them, and their values by name.
import { wellFormed } from '../output/secret-memory.ts';
import type { SqlValue } from '../store/table.ts';

/** What metrics need. */
export type Counted = {
	readonly side: 'server' | 'client';
	/** Null if the request was not seen or could not be read. */
	readonly method: string | null;
	readonly status: number | null;
	/** Seconds; null if the response did not end. */
	readonly duration: number | null;
	readonly reqBodyBytes: number;
	readonly resBodyBytes: number;
	readonly state: string;
	readonly reason: string | null;
	readonly comm: string | null;
	readonly host: string | null;
	readonly scheme: string;
	readonly remote: string | null;
	/** Version of the response, or of the request if there is no response. */
	readonly httpVersion: string | null;
	readonly endUs: number;
};

/** What a span needs in addition. */
export type Observed = Counted & {
	readonly id: number;
	/** Nanoseconds since 1970. */
	readonly startNs: bigint;
	readonly endNs: bigint;
	readonly pairId: number | null;
	readonly parentId: number | null;
	readonly pid: number | null;
	readonly exe: string | null;
	readonly local: string | null;
	readonly path: string | null;
	readonly query: string | null;
	readonly url: string | null;
	readonly userAgent: string | null;
	readonly traceparent: string | null;
	readonly tracestate: string | null;
	readonly forwardedFor: string | null;
	readonly lostBytes: number;
};

const COUNTED_COLUMNS = [
	...['ts', 'side', 'method', 'status', 'duration_ms', 'req_body_bytes', 'res_body_bytes', 'state', 'reason', 'comm'],
	...['host', 'url', 'remote', 'http_version', 'req_http_version'],
];
const SPAN_COLUMNS = [
	...['id', 'pair_id', 'parent_id', 'pid', 'exe', 'local', 'path', 'query_string', 'user_agent', 'lost_bytes'],
	"header(req_headers, 'traceparent') AS traceparent",
	"header(req_headers, 'tracestate') AS tracestate",
	"header(req_headers, 'x-forwarded-for') AS forwarded",
];
const ALL_COLUMNS = [...COUNTED_COLUMNS, ...SPAN_COLUMNS];

/** The columns to read, as SQL: all of them, or only those for metrics. */
export function observedColumns(withSpans: boolean): string {
	return (withSpans ? ALL_COLUMNS : COUNTED_COLUMNS).join(', ');
}

const AT = new Map(ALL_COLUMNS.map((column, i) => [column.replace(/^.* AS /, ''), i]));

type Row = readonly SqlValue[];

function text(row: Row, column: string): string | null {
	const value = row[AT.get(column)!];
	if (typeof value !== 'string') return null;
	// Making a text well-formed copies it, and nearly all are.
	return SURROGATE.test(value) ? wellFormed(value) : value;
}

const SURROGATE = /[\ud800-\udfff]/;

function number(row: Row, column: string): number | null {
	const value = row[AT.get(column)!];
	return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : null;
}

/** Reads a row with the columns for metrics. Undefined if its time is not known. */
export function readCounted(row: Row): Counted | undefined {
	const startUs = microseconds(text(row, 'ts'));
	return startUs === undefined ? undefined : new CountedRow(row, startUs);
}

/** Reads a row with all columns. */
export function readObserved(row: Row): Observed | undefined {
	const startUs = microseconds(text(row, 'ts'));
	return startUs === undefined ? undefined : new ObservedRow(row, startUs);
}

/** A class, because V8 takes 70 times as long to spread an object of this size into another. */
class CountedRow implements Counted {
	readonly side: Counted['side'];
	readonly method: string | null;
	readonly status: number | null;
	readonly duration: number | null;
	readonly reqBodyBytes: number;
	readonly resBodyBytes: number;
	readonly state: string;
	readonly reason: string | null;
	readonly comm: string | null;
	readonly host: string | null;
	readonly scheme: string;
	readonly remote: string | null;
	readonly httpVersion: string | null;
	readonly endUs: number;

	constructor(row: Row, startUs: number) {
		const milliseconds = number(row, 'duration_ms');
		this.side = text(row, 'side') === 'client' ? 'client' : 'server';
		this.method = text(row, 'method');
		this.status = number(row, 'status');
		this.duration = milliseconds === null ? null : milliseconds / 1000;
		this.reqBodyBytes = number(row, 'req_body_bytes') ?? 0;
		this.resBodyBytes = number(row, 'res_body_bytes') ?? 0;
		this.state = text(row, 'state') ?? 'complete';
		this.reason = text(row, 'reason');
		this.comm = text(row, 'comm');
		this.host = text(row, 'host');
		this.scheme = schemeOf(text(row, 'url'));
		this.remote = text(row, 'remote');
		this.httpVersion = text(row, 'http_version') ?? text(row, 'req_http_version');
		this.endUs = startUs + (milliseconds ?? 0) * 1000;
	}
}

class ObservedRow extends CountedRow implements Observed {
	readonly id: number;
	readonly startNs: bigint;
	readonly endNs: bigint;
	readonly pairId: number | null;
	readonly parentId: number | null;
	readonly pid: number | null;
	readonly exe: string | null;
	readonly local: string | null;
	readonly path: string | null;
	readonly query: string | null;
	readonly url: string | null;
	readonly userAgent: string | null;
	readonly traceparent: string | null;
	readonly tracestate: string | null;
	readonly forwardedFor: string | null;
	readonly lostBytes: number;

	constructor(row: Row, startUs: number) {
		super(row, startUs);
		this.id = number(row, 'id') ?? 0;
		this.startNs = BigInt(startUs) * 1000n;
		this.endNs = this.startNs + BigInt(Math.round((this.duration ?? 0) * 1e9));
		this.pairId = number(row, 'pair_id');
		this.parentId = number(row, 'parent_id');
		this.pid = number(row, 'pid');
		this.exe = text(row, 'exe');
		this.local = text(row, 'local');
		this.path = text(row, 'path');
		this.query = text(row, 'query_string');
		this.url = text(row, 'url');
		this.userAgent = text(row, 'user_agent');
		this.traceparent = text(row, 'traceparent');
		this.tracestate = text(row, 'tracestate');
		this.forwardedFor = text(row, 'forwarded');
		this.lostBytes = number(row, 'lost_bytes') ?? 0;
	}
}

function schemeOf(url: string | null): string {
	if (url === null || url.startsWith('http:')) return 'http';
	return /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase() ?? 'http';
}

/** `2026-11-22T12:56:01.123456Z` in microseconds since 1970. */
function microseconds(time: string | null): number | undefined {
	if (time === null) return undefined;
	const seconds = Date.parse(`${time.slice(0, 19)}Z`);
	return Number.isNaN(seconds) ? undefined : seconds * 1000 + Number(time.slice(20, 26));
}

/** An address and a port; the port is undefined for a unix socket, which has only a path. */
export type Place = { readonly address: string; readonly port: number | undefined };

/** Splits `ip:port`, `[v6]:port` or `unix:/path`. */
export function placeOf(socket: string | null): Place | undefined {
	if (socket === null) return undefined;
	if (socket.startsWith('unix:')) return { address: socket.slice('unix:'.length), port: undefined };
	const match = /^\[?(.*?)\]?:(\d+)$/.exec(socket);
	return match === null ? undefined : { address: match[1]!, port: Number(match[2]) };
}

/** The server that the request names, or else the socket at the server's end. */
export function serverOf({ host, scheme }: Counted, socket: string | null): Place | undefined {
	if (host === null || host === '') return placeOf(socket);
	const port = /:(\d{1,5})$/.exec(host);
	const address = (port === null ? host : host.slice(0, port.index)).replace(/^\[(.*)\]$/, '$1');
	return { address, port: port === null ? (scheme === 'https' ? 443 : 80) : Number(port[1]) };
}

/** Reasons that say something about the capture, and nothing about the exchange. */
const OF_CAPTURE: ReadonlySet<string> = new Set([
	...['bytes lost', 'evicted', 'capture ended', 'request not seen', 'too many waiting', 'head not captured'],
	'capture began',
]);

/**
 * `error.type`: the status if it is an error for this side, or else why the exchange did not end well. Undefined if it is no
 * error, or not known to be one.
 */
export function errorType({ side, status, state, reason }: Counted): string | undefined {
	if (status !== null && status >= (side === 'client' ? 400 : 500)) return String(status);
	if (state !== 'incomplete' && state !== 'unanswered') return undefined;
	return reason === null || OF_CAPTURE.has(reason) ? undefined : reason.replaceAll(' ', '_');
}
