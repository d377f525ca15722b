// What curl, and programs that use its library, can send of a captured request, and where to.
import { addressAuthority } from '../store/address-parts.ts';
import type { FieldLine } from '../store/exchange-row.ts';
import { type ExchangeDetail, headerValue, serverAddress } from './exchange-parts.ts';

/** A host and port that curl accepts in a URL; IPv4 only in its usual form, because curl converts others. */
const AUTHORITY =
	/^(?:(?=[^:]*[a-z])(?!0x)[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|(?:(?:0|[1-9]\d{0,2})(?:\.(?!$|:)|(?=$|:))){4}|\[[0-9a-f:.]+\])(?::[1-9]\d{0,4})?$/i;
/** RFC 9110 section 5.6.2. */
export const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;

/** The request target as sent; null if unknown. */
export function targetOf({ columns, requestTarget }: ExchangeDetail): { text: string; bytes?: Uint8Array } | null {
	if (requestTarget !== undefined) return requestTarget;
	const { path, query_string: query } = columns;
	if (typeof path !== 'string') return null;
	return { text: typeof query === 'string' ? `${path}?${query}` : path };
}

/** Where a request is sent. */
export type Destination = {
	/** The authority of the URL. */
	readonly authority: string;
	/** The host and port to connect to, if the authority may lead elsewhere. */
	readonly connectTo?: string;
	/** The path of the server's unix socket, or its name in the abstract namespace, which begins with `@`. */
	readonly unixSocket?: string;
};

/** Where the request is sent, or why it cannot be sent. */
export function destinationOf({ columns, requestHeaders }: ExchangeDetail, target: string): Destination | string {
	const scheme = sentScheme(columns);
	const server = serverAddress(columns);
	const named = headerValue(requestHeaders, 'host') ?? columns.host;
	const host = typeof named === 'string' && isAuthority(named) ? named : null;
	if (server?.startsWith('unix:') === true) {
		const path = server.slice('unix:'.length);
		// A name in the abstract namespace may contain NUL bytes, which an argument cannot.
		if (path === '' || path.includes('\0')) return "the server's unix socket has no name that curl can be given";
		return { authority: host ?? 'localhost', unixSocket: path };
	}
	if (server === null) {
		const origin = /^http:\/\/(?:[^/?#]*@)?([^/?#]*)/i.exec(target)?.[1];
		const authority = origin !== undefined && isAuthority(origin) ? origin : host;
		return authority === null ? 'neither the request nor the capture says which server got it' : { authority };
	}
	const address = addressAuthority(server);
	if (host === null || withPort(host, scheme) === withPort(address, scheme)) return { authority: host ?? address };
	// The name may lead to another server, or to none.
	return { authority: host, connectTo: withPort(address, scheme) };
}

function isAuthority(text: string): boolean {
	return AUTHORITY.test(text) && Number(/:(\d+)$/.exec(text.replace(/^\[.*\]/, ''))?.[1] ?? 80) <= 0xffff;
}

function withPort(authority: string, scheme: string): string {
	const port = scheme === 'https' ? 443 : 80;
	return /:\d+$/.test(authority.replace(/^\[.*\]/, '')) ? authority : `${authority}:${port}`;
}

/** How it went to its server: `https` if it was seen inside TLS. */
export function sentScheme({ tls }: ExchangeDetail['columns']): 'http' | 'https' {
	return typeof tls === 'string' ? 'https' : 'http';
}

/** Whether the body is sent in chunks. */
export function isChunked(fields: readonly FieldLine[]): boolean {
	return fields.some(
		({ name, value, trailer }) => !trailer && name.toLowerCase() === 'transfer-encoding' && /\bchunked\b/i.test(value),
	);
}

/** Why a field cannot be sent; null if it can. `hasHost`: a Host field was sent before. */
export function fieldProblem({ name, value, trailer }: FieldLine, hasHost: boolean): string | null {
	if (trailer) return 'it is a trailer';
	if (name === '' || /[:\r\n\0]/.test(name)) return 'it is not a field name';
	if (hasHost && name.toLowerCase() === 'host') return 'curl sends only one Host';
	return /\n(?![ \t])|\0/.test(value) ? 'its value contains a line end or NUL' : null;
}
