// Describes a server under test: how to install and start it, its requests, and which calls carry the bodies.
import { BODIES, type Body, body } from './bodies.ts';

/** Where a run keeps its files. */
export type Site = {
	/** Document root with the known bodies. */
	readonly root: string;
	/** For configuration files, sockets and what clients receive. */
	readonly temporary: string;
	/** A compiled fixture, built at first use; throws what the compiler said. */
	readonly compiled: (name: 'calls' | 'http_program' | 'http2_program' | 'ssl_addresses') => string;
};

/** One request to a server. */
export type Target = {
	/** Its name on the page: `51,200 chunked`. */
	readonly label: string;
	readonly method: 'GET' | 'POST' | 'PUT';
	/** Without a query string, because that is used to find the rows. */
	readonly path: string;
	readonly headers: Readonly<Record<string, string>>;
	readonly requestBody: Body | undefined;
	/** Undefined: whatever the server generates; the bytes that the client received are taken as correct. */
	readonly responseBody: Buffer | undefined;
	/** Any of these is correct. */
	readonly statuses: readonly number[];
	/** The client receives the response body compressed. */
	readonly gzip: boolean;
};

/**
 * The calls that may carry a body of a target, as in `via` or `req_via`; undefined: any call with the bytes in user memory.
 * Only if `sendfile` or `splice` is among them may the content be missing.
 */
export type Carriers = (target: Target) => readonly string[] | undefined;

/** One connection on the path of an exchange: client → proxy and proxy → backend are two. */
export type Hop = {
	readonly name: string;
	readonly port: number;
	/** The address where clients reach it; 127.0.0.1 if absent. */
	readonly host?: string;
	/** The unix socket used instead of host and port: a path, or `@NAME`. */
	readonly socket?: string;
	/** The server process's calls; the client's calls are in its own entry unless it is a proxy. */
	readonly server: { readonly request?: Carriers; readonly response?: Carriers };
	readonly client?: { readonly request?: Carriers; readonly response?: Carriers };
};

/** A required file or command, and the Debian package that contains it. */
export type Need = { readonly command?: string; readonly file?: string; readonly package: string };

export type ServerKind = {
	/** A word for --only. */
	readonly group: string;
	readonly name: string;
	readonly needs: readonly Need[];
	/** A command that prints the version. */
	readonly version: readonly string[];
	readonly targets: readonly Target[];
	/** Names from clients.ts; only curl if absent. */
	readonly clients?: readonly string[];
	/** Starts the server. Clients connect to the first hop. */
	readonly start: (site: Site) => Promise<readonly Hop[]>;
};

const PLAIN = { headers: {}, requestBody: undefined, statuses: [200], gzip: false } as const;

/** A GET of every body under a prefix. */
export function everyBody(prefix = '/', kind = ''): Target[] {
	return BODIES.map((one) => get(prefix, one, kind));
}

/** A GET of the bodies that are worth sending in pieces. */
export function bodiesInPieces(prefix: string, kind: string): Target[] {
	return ['200.txt', '51200.txt', '1048576.txt'].map((name) => get(prefix, body(name), kind));
}

function get(prefix: string, one: Body, kind: string): Target {
	const label = kind === '' ? one.label : `${one.label} ${kind}`;
	return { ...PLAIN, label, method: 'GET', path: prefix + one.name, responseBody: one.bytes };
}

/** POSTs whose body the server sends back. */
export function echoes(path = '/echo'): Target[] {
	return ['200.txt', '51200.txt', '1048576.txt'].map((name) => ({
		...PLAIN,
		label: `POST ${body(name).label}`,
		method: 'POST',
		path,
		headers: { 'Content-Type': 'application/octet-stream' },
		requestBody: body(name),
		responseBody: body(name).bytes,
	}));
}

/** Without a body, the carrier is that of the response's head. */
export function carried(head: readonly string[], bytes: readonly string[]): Carriers {
	return (target) => (target.responseBody?.length === 0 ? head : bytes);
}

/** The same carriers for every target. */
export function always(...calls: string[]): Carriers {
	return () => calls;
}
