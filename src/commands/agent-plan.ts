// What `tinytap agent` does: its own options, checked.
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import type { BatchLimits } from '../agent/batcher.ts';
import type { BodyChoice, RowSettings } from '../agent/exchange-row.ts';
import { FILE_FORMATS, type FileFormat } from '../agent/file-format.ts';
import { isUrl, type StoreAddress, storeAddress } from '../agent/store-address.ts';
import { usageError } from '../base/errors.ts';
import { userDirectories } from '../base/invoking-user.ts';
import { parseDuration, parseInteger, parseSize } from '../base/quantity.ts';
import type { Options } from './options.ts';

/** The command's own options, as commander returns them. */
export type AgentCommandOptions = {
	readonly to?: string;
	readonly where?: string;
	readonly bodies?: string;
	readonly headers?: string;
	readonly connections?: string;
	readonly batch?: string;
	readonly hostName?: string;
	readonly label?: readonly string[];
	readonly spool?: string;
	readonly spoolSize?: string;
	readonly credentials?: string;
	readonly ca?: string;
	readonly format?: string;
};

export type AgentPlan = {
	readonly to: { readonly store: StoreAddress } | { readonly path: string; readonly format: FileFormat };
	readonly where: string | undefined;
	readonly rows: RowSettings;
	/** Whether rows of `connections` are sent. */
	readonly connections: boolean;
	readonly hostName: string;
	readonly labels: readonly (readonly [name: string, value: string])[];
	readonly spoolPath: string;
	readonly spoolBytes: number;
	readonly limits: BatchLimits;
};

const BATCH: Omit<BatchLimits, 'ms'> = { rows: 10_000, bytes: 8 << 20 };
/** The longest that rows wait for others. Files are larger, so that there are not too many. */
const STORE_MS = 5000;
const FILES_MS = 60_000;
const BATCH_LEAST_MS = 1000;
const BATCH_MOST_MS = 3_600_000;
const SPOOL_SIZE = '1GiB';
/** Less would drop rows whenever the store takes a moment. */
const SPOOL_LEAST = 16 << 20;

/** Throws a UserError for the first option that is not valid. */
export function planAgent(options: Options, own: AgentCommandOptions): AgentPlan {
	const { where, hostName = hostname() } = own;
	if (where?.trim() === '')
		throw usageError('--where: expected an SQL condition, got nothing', '--where "status >= 400"');
	if (hostName.trim() === '') throw usageError('--host-name: expected a name, got nothing');
	const to = destination(options, own);
	const bodiesText = own.bodies ?? 'none';
	const spoolBytes = parseSize(own.spoolSize ?? SPOOL_SIZE, '--spool-size');
	if (spoolBytes < SPOOL_LEAST) throw usageError(`--spool-size: expected at least 16MiB, got ${spoolBytes} bytes`);
	return {
		to,
		where,
		rows: { bodies: bodyChoice(bodiesText), bodiesText, headers: fieldNames(own.headers ?? 'all') },
		connections: sendsConnections(own.connections ?? 'all'),
		hostName,
		labels: (own.label ?? []).map(label),
		spoolPath: resolve(own.spool ?? `${userDirectories(options.user).state}/agent`),
		spoolBytes,
		limits: { ...BATCH, ms: own.batch === undefined ? ('store' in to ? STORE_MS : FILES_MS) : batchMs(own.batch) },
	};
}

function destination(options: Options, own: AgentCommandOptions): AgentPlan['to'] {
	const { to, credentials, ca, format } = own;
	if (to === undefined || to === '')
		throw usageError(
			'agent: expected --to URL or --to DIR, got nothing',
			'tinytap agent --to https://HOST:8443/tinytap',
		);
	if (isUrl(to)) {
		if (format !== undefined) throw usageError('--format: expected it together with --to DIR, got a URL');
		return {
			store: storeAddress(to, { option: '--to', credentials, ca, user: options.user, environment: process.env }),
		};
	}
	const other = credentials === undefined ? (ca === undefined ? undefined : 'ca') : 'credentials';
	if (other !== undefined) throw usageError(`--${other}: expected it together with --to URL, got a directory`);
	const [fallback] = FILE_FORMATS.keys();
	const chosen = FILE_FORMATS.get(format ?? fallback!);
	if (chosen === undefined)
		throw usageError(`--format: expected one of ${[...FILE_FORMATS.keys()].join(', ')}, got ${JSON.stringify(format)}`);
	return { path: resolve(to), format: chosen };
}

function bodyChoice(text: string): BodyChoice {
	if (text === 'none' || text === 'errors' || text === 'all') return { of: text };
	const every = /^sample=(.*)$/.exec(text)?.[1];
	if (every === undefined)
		throw usageError(
			`--bodies: expected none, errors, all, or sample=N for one exchange in N, got ${JSON.stringify(text)}`,
		);
	return { of: 'sample', every: parseInteger(every, '--bodies sample', 1, Number.MAX_SAFE_INTEGER) };
}

function batchMs(text: string): number {
	const ms = parseDuration(text, '--batch');
	if (ms < BATCH_LEAST_MS || ms > BATCH_MOST_MS)
		throw usageError(`--batch: expected a duration from 1s to 1h, got ${JSON.stringify(text)}`);
	return ms;
}

function sendsConnections(text: string): boolean {
	if (text === 'all' || text === 'none') return text === 'all';
	throw usageError(`--connections: expected all or none, got ${JSON.stringify(text)}`);
}

/** Names of fields in lower case; undefined: all. */
function fieldNames(text: string): readonly string[] | undefined {
	if (text === 'all') return undefined;
	if (text === 'none') return [];
	const names = text.split(',').map((name) => name.trim().toLowerCase());
	const wrong = names.find((name) => !/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name));
	if (wrong !== undefined)
		throw usageError(
			`--headers: expected all, none, or names such as content-type,user-agent, got ${JSON.stringify(text)}`,
		);
	return names;
}

function label(text: string): readonly [string, string] {
	const match = /^([A-Za-z_][\w.-]*)=(.*)$/s.exec(text);
	if (match === null) throw usageError(`--label: expected NAME=VALUE, got ${JSON.stringify(text)}`);
	return [match[1]!, match[2]!];
}
