// Where a store is, and with which credentials: from a URL, a file and the environment, never from arguments alone, which
// every user of this host can read.
import { usageError } from '../base/errors.ts';
import type { InvokingUser } from '../base/invoking-user.ts';
import { readOwnFile, readUserFile } from '../base/user-files.ts';

export type StoreAddress = {
	/** Scheme, host, port and path up to the database. */
	readonly url: URL;
	readonly database: string;
	readonly user: string | undefined;
	readonly password: string | undefined;
	/** Certificates of authorities, in PEM form, instead of Node's. */
	readonly ca: string | undefined;
};

export type AddressOptions = {
	/** The option that has the URL. */
	readonly option: string;
	/** A file with `user = …` and `password = …`. */
	readonly credentials: string | undefined;
	/** A file of certificates. */
	readonly ca: string | undefined;
	readonly user: InvokingUser;
	readonly environment: Readonly<Record<string, string | undefined>>;
};

const DEFAULT_DATABASE = 'tinytap';
/** ClickHouse's own ports. */
const DEFAULT_PORTS: Readonly<Record<string, string>> = { 'http:': '8123', 'https:': '8443' };

/** Whether `text` is meant as a URL rather than as a directory. */
export function isUrl(text: string): boolean {
	return /^[a-z][a-z0-9+.-]*:\/\//i.test(text);
}

/** What messages call the store at this URL, or in this directory. */
export function storeName(text: string): string {
	return isUrl(text) && URL.canParse(text) ? `the store ${new URL(text).host}` : `the files in ${text}`;
}

/** Throws a UserError if the URL or a file is not valid. */
export function storeAddress(text: string, options: AddressOptions): StoreAddress {
	const { option, environment } = options;
	const url = parsedUrl(text, option);
	const parts = url.pathname.split('/').filter((part) => part !== '');
	if (parts.length > 1 || url.search !== '' || url.hash !== '')
		throw usageError(`${option}: expected https://HOST:PORT/DATABASE, got ${JSON.stringify(text)}`);
	const file = options.credentials === undefined ? undefined : credentialsFrom(options.credentials, options.user);
	return {
		url: new URL(`${url.protocol}//${url.hostname}:${portOf(text) ?? DEFAULT_PORTS[url.protocol]}/`),
		database: parts[0] === undefined ? DEFAULT_DATABASE : decodeURIComponent(parts[0]),
		user: file?.user ?? (decodeURIComponent(url.username) || environment.CLICKHOUSE_USER || undefined),
		password: file?.password ?? (environment.CLICKHOUSE_PASSWORD || undefined),
		ca: options.ca === undefined ? undefined : readUserFile(options.ca, options.user),
	};
}

function parsedUrl(text: string, option: string): URL {
	const url = URL.canParse(text) ? new URL(text) : undefined;
	if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.hostname === '')
		throw usageError(`${option}: expected a URL such as https://HOST:8443/tinytap, got ${JSON.stringify(text)}`);
	if (url.password !== '')
		throw usageError(
			`${option}: expected a URL without a password, because other users of this host can read arguments`,
			'Set CLICKHOUSE_PASSWORD, or write `user = …` and `password = …` into a file for --credentials.',
		);
	return url;
}

/** The port as it is written. URL leaves out the default port of the scheme, which is not ClickHouse's. */
function portOf(text: string): string | undefined {
	return /^[^/]*\/\/[^/]*:(\d+)(?:\/|$)/.exec(text)?.[1];
}

/** Lines `user = NAME` and `password = …`; others that are empty or begin with # are ignored. */
function credentialsFrom(path: string, user: InvokingUser): { readonly user?: string; readonly password?: string } {
	const found = new Map<string, string>();
	for (const [index, line] of readOwnFile(path, user, true).split(/\r?\n/).entries()) {
		if (/^\s*(#|$)/.test(line)) continue;
		const match = /^\s*(user|password)\s*=\s*(.*?)\s*$/.exec(line);
		if (match === null)
			throw usageError(`${path}:${index + 1}: expected "user = NAME" or "password = …", got another line`);
		found.set(match[1]!, match[2]!);
	}
	const [name, password] = [found.get('user'), found.get('password')];
	return { ...(name === undefined ? {} : { user: name }), ...(password === undefined ? {} : { password }) };
}
