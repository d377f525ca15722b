// The options of the capturing commands: a table for commander, and their parsing.

import type { Command } from 'commander';
import { isUrl } from '../agent/store-address.ts';
import { usageError } from '../base/errors.ts';
import { FILES } from '../base/installation.ts';
import { type InvokingUser, invokingUser, processUser, userDirectories } from '../base/invoking-user.ts';
import { launch } from '../base/launch.ts';
import { parseDuration, parseInteger, parseSize } from '../base/quantity.ts';
import type { CaptureSettings, ReplayPlace, ReplaySettings } from '../capture/capture-settings.ts';
import { CONTROL_CAPTURE_LIMIT, CONTROL_IOVECS, CONTROL_RING_BYTES } from '../capture/control-limits.ts';
import { recordSettings } from '../capture/record-settings.ts';
import { standardError, standardOutput } from '../output/output-stream.ts';
import { createRedactor } from '../output/redaction.ts';
import { isResultFormat, RESULT_FORMATS } from '../output/result-format.ts';
import { createTheme, wantsColor } from '../output/theme.ts';
import { type Configuration, type ConfigurationFile, readConfiguration } from '../shell/configuration.ts';
import { checkedFilters, filtersText, parseCgroup, parseComm, parsePid, parsePorts } from '../shell/filters.ts';
import type { Presentation, SessionSettings } from '../shell/settings.ts';
import { formatElsewhere, nearest } from '../shell/shell-settings.ts';
import { parseInstant } from '../sql/sql-light.ts';
import type { TelemetryWanted } from '../telemetry/telemetry-wanted.ts';
import { MAX_MEMORY_LEAST } from '../threads/memory-shares.ts';

/** The option values as commander returns them. */
type RawOptions = {
	readonly replay?: string;
	readonly realtime?: string | true;
	readonly from?: string;
	readonly to?: string;
	readonly record?: string;
	readonly pid?: readonly string[];
	readonly comm?: readonly string[];
	readonly cgroup?: readonly string[];
	readonly port?: readonly string[];
	readonly tls?: boolean;
	readonly bodyLimit?: string;
	readonly maxMemory?: string;
	readonly maxRows?: string;
	readonly ringSize?: string;
	readonly callLimit?: string;
	readonly iovecLimit?: string;
	readonly format?: string;
	readonly color?: boolean;
	readonly user?: string;
	readonly keepRoot?: boolean;
	readonly proto?: readonly string[];
	readonly raw?: boolean;
	readonly redact?: boolean;
	readonly timeout?: string;
	readonly both?: boolean;
	readonly strict?: boolean;
	readonly quiet?: boolean;
	readonly verbose?: boolean;
	readonly force?: boolean;
	readonly safe?: boolean;
	readonly stay?: boolean;
	readonly config?: string;
	readonly for?: string;
	readonly count?: string;
	readonly otlp?: string | true;
	readonly metrics?: string;
	readonly metricsListen?: string;
	readonly store?: string;
	readonly credentials?: string;
	readonly ca?: string;
};

/** Everything a command needs, parsed. */
export type Options = SessionSettings & {
	readonly strict: boolean;
	/** Undefined if not given. */
	readonly forMs: number | undefined;
	readonly count: number | undefined;
	/** The words after `--`: the program to start and capture. */
	readonly command: readonly string[] | undefined;
	/** Keep the prompt after that program has ended. */
	readonly stay: boolean;
	/** The store whose tables statements read. */
	readonly store: StoreOptions | undefined;
	/** Undefined if none of its options was given. */
	readonly telemetry: TelemetryWanted | undefined;
};

/** A shell may capture beside a store, and a tail of one may have an end. */
export type StoreCommand = 'shell' | 'tail';

/** `--store` and the options that go with it. */
export type StoreOptions = {
	readonly url: string;
	readonly credentials: string | undefined;
	readonly ca: string | undefined;
};

const REDACTING = RESULT_FORMATS.filter(({ redacts }) => redacts).map(({ name }) => name);

const RING_SIZE = `${CONTROL_RING_BYTES >> 20}MiB`;
const CALL_LIMIT = `${CONTROL_CAPTURE_LIMIT >> 20}MiB`;

const CAPTURE_OPTIONS: readonly (readonly [flags: string, description: string])[] = [
	['--replay <file>', 'read a recording, or a pcap, pcapng or HAR file, instead of capturing (needs no root)'],
	['--realtime [speed]', 'replay with the pauses of the capture; x2 is twice as fast'],
	['--from <time>', 'replay only exchanges from this time on: ISO, or a duration from the beginning such as 10s'],
	['--to <time>', 'end the replay at this time'],
	['--record <file>', 'write a recording while capturing'],
	['--pid <pid...>', 'only this process and its children (repeatable)'],
	['--comm <name...>', 'only processes with this name or this executable name (repeatable)'],
	[
		'--cgroup <path...>',
		'only processes in this cgroup (v2) or below it, e.g. /system.slice/nginx.service (repeatable)',
	],
	['--port <ports...>', 'only connections with this TCP port at either end: 80, 8000-8099, 80,8080 (repeatable)'],
	['--tls', 'also read what programs send and receive inside TLS, in OpenSSL, GnuTLS, NSS and BoringSSL'],
	[
		'--body-limit <size>',
		'maximum body bytes kept per message (0: none, "none": unlimited; default: the recording\'s, else 64KiB)',
	],
	['--max-memory <size>', 'memory limit for rows, decoder and statements (default 256MiB)'],
	['--max-rows <n>', 'maximum number of rows kept; the oldest are evicted first'],
	['--ring-size <size>', `size of the kernel ring buffer (default ${RING_SIZE})`],
	['--call-limit <size>', `maximum bytes kept per call ("none": unlimited; default ${CALL_LIMIT})`],
	[
		'--iovec-limit <n>',
		`maximum buffers read from one vectored call, 1 to ${CONTROL_IOVECS} (default ${CONTROL_IOVECS})`,
	],
	['--format <format>', `output format: ${RESULT_FORMATS.map(({ name }) => name).join(', ')}`],
	['--no-color', 'do not use colours (like setting NO_COLOR)'],
	['--user <name>', 'read and write files as this user (default: the sudo user, else the current one)'],
	['--keep-root', 'do not drop root privileges'],
	['--redact', 'replace secrets with placeholders in everything that is printed, exported or recorded'],
	['--no-redact', `do not replace secrets in ${REDACTING.join(', ')}, .curl, .export and .report`],
	['--proto <file...>', 'names of the fields of gRPC messages, for .show: a .proto file (repeatable)'],
	['--raw', 'do not escape control characters in text formats'],
	['--timeout <duration>', 'time limit for a statement, e.g. 10s'],
	['--both', "print both sides' rows of an exchange in a tail on a terminal, not only the server's"],
	['--strict', 'exit with status 3 if bytes were lost'],
	['--quiet', 'print only results and errors'],
	['--verbose', 'report each step of starting the capture, and how long it took'],
	['--force', 'replace existing files'],
	['--safe', 'ignore queries of the working directory; refuse commands that read or write files'],
	['--stay', 'keep the prompt when the program after -- has ended'],
	['--config <file>', 'file of settings and default options (default: config.toml in your configuration directory)'],
];

const END_OPTIONS: readonly (readonly [flags: string, description: string])[] = [
	['--for <duration>', 'end the capture after this time, e.g. 10s'],
	['--count <n>', 'end the capture after this many rows'],
];

const TELEMETRY_OPTIONS: readonly (readonly [flags: string, description: string])[] = [
	[
		'--otlp [url]',
		'send spans and metrics, secrets redacted, to an OpenTelemetry collector (OTLP/HTTP; default: OTEL_EXPORTER_OTLP_ENDPOINT, else http://localhost:4318)',
	],
	['--metrics <file>', 'keep a file of metrics for the textfile collector of Prometheus'],
	['--metrics-listen <address>', 'serve metrics to Prometheus; a port alone is one of 127.0.0.1'],
];

const STORE_OPTIONS: readonly (readonly [flags: string, description: string])[] = [
	[
		'--store <url|dir>',
		'ask the ClickHouse that agents send to (https://HOST:PORT/DATABASE), or the directory that they write to; tables of this host are then local.exchanges …',
	],
	['--credentials <file>', 'with --store: a file with "user = NAME" and "password = …"'],
	['--ca <file>', 'with --store: certificates of the authorities to trust, in PEM form'],
];

/** Adds the options of a command that can ask a store. */
export function addStoreOptions(command: Command): Command {
	for (const [flags, description] of STORE_OPTIONS) addOption(command, flags, description);
	return command;
}

/** Adds the options of every capturing command, except those that `command` already has with another meaning. */
export function addCaptureOptions(command: Command): Command {
	const own = new Set(command.options.map(({ long }) => long));
	for (const [flags, description] of CAPTURE_OPTIONS)
		if (!own.has(flags.split(' ')[0])) addOption(command, flags, description);
	return command;
}

/** Headings in --help, and the options below them. A command's own options come first. */
const OPTION_GROUPS: readonly (readonly [title: string, options: RegExp])[] = [
	['What is read:', /^--(replay|realtime|from|to|record|port|pid|comm|container|cgroup|store|credentials|ca|tls)\b/],
	['Limits:', /^--(for|count|[a-z]+-limit|max-[a-z]+|ring-size|timeout)\b/],
	['Output:', /^--(format|no-color|redact|no-redact|raw|proto|both|strict|quiet|verbose)\b/],
	['Rights and files:', /^--(user|keep-root|force|safe|unsafe|config|stay)\b/],
];

function addOption(command: Command, flags: string, description: string): void {
	const option = command.createOption(flags.replace('...', ''), description);
	// Each option takes one value, as in `--pid 1 --pid 2`, so that a positional argument can follow.
	if (flags.includes('...')) option.argParser((value: string, before: string[] = []) => [...before, value]);
	const title = OPTION_GROUPS.find(([, options]) => options.test(flags))?.[0];
	command.addOption(title === undefined ? option : option.helpGroup(title));
}

/** The capture options that also apply to reading two recordings. */
const COMPARING =
	/^--(body-limit|max-memory|max-rows|format|no-color|user|redact|no-redact|raw|timeout|strict|quiet|config)\b/;

/** Adds the options of a command that reads recordings only. */
export function addComparingOptions(command: Command): Command {
	for (const [flags, description] of CAPTURE_OPTIONS) if (COMPARING.test(flags)) addOption(command, flags, description);
	return command;
}

export function addEndOptions(command: Command): Command {
	for (const [flags, description] of END_OPTIONS) addOption(command, flags, description);
	return command;
}

/** Adds the options of a command that may run for long without a shell. */
export function addTelemetryOptions(command: Command): Command {
	for (const [flags, description] of TELEMETRY_OPTIONS) addOption(command, flags, description);
	return command;
}

/** Parses commander's values. `command` is the part after `--`; `kind`: of a command that differs with --store. Throws a UserError for the first invalid value. */
export function parseOptions(parsed: Command, command?: readonly string[], kind?: StoreCommand): Options {
	const typed = mergedOptions(parsed);
	// `--keep-root` was the value of another option. The launcher cannot tell; only this parser can.
	if (launch?.mode === 'keep-root' && typed.keepRoot !== true) {
		throw usageError(
			'--keep-root: expected an option of its own, got the value of another option',
			'Write --NAME=--keep-root.',
		);
	}
	if (typed.keepRoot === true && launch !== undefined && launch.mode !== 'keep-root')
		throw usageError('--keep-root: only root can keep root privileges');
	const user = invokingUser(typed.user);
	const directories = userDirectories(user);
	const configurationFile: ConfigurationFile = {
		path: typed.config ?? `${directories.config}/config.toml`,
		isGiven: typed.config !== undefined,
		user,
	};
	const configuration = readConfiguration(configurationFile);
	const raw: RawOptions = { ...camelCased(configuration.options), ...typed };
	const userQueries = `${directories.config}/queries`;
	if (raw.replay !== undefined && raw.record !== undefined) {
		throw usageError('expected --replay or --record, got both', 'A recording is already a file: copy it.');
	}
	if (raw.replay === undefined) {
		const given = (['realtime', 'from', 'to'] as const).find((name) => raw[name] !== undefined);
		if (given !== undefined)
			throw usageError(
				`--${given}: expected it together with --replay FILE`,
				'It selects the part of a recording to replay.',
			);
	}
	if (raw.quiet === true && raw.verbose === true) throw usageError('expected --quiet or --verbose, got both');
	if (command !== undefined && raw.replay !== undefined) {
		throw usageError('expected --replay or a command after --, got both');
	}
	const count = raw.count === undefined ? undefined : parseInteger(raw.count, '--count', 1, Number.MAX_SAFE_INTEGER);
	return {
		capture: {
			...captureSettings(raw, user),
			count: count ?? Number.POSITIVE_INFINITY,
			...(raw.store !== undefined && isIdle(raw, command, kind) ? { idle: true } : {}),
		},
		presentation: presentation(raw),
		user,
		force: raw.force === true,
		safe: raw.safe === true,
		configurationFile,
		settings: configuration.settings,
		directories: {
			startFile: `${directories.config}/rc.sql`,
			history: `${directories.state}/history`,
			userQueries,
			queries: [
				...(raw.safe === true ? [] : [{ place: 'project', path: `${process.cwd()}/.tinytap/queries`, user } as const]),
				{ place: 'user', path: userQueries, user },
				// Where earlier versions saved them.
				{ place: 'user', path: `${directories.data}/queries`, user },
				{ place: 'bundled', path: FILES.bundledQueries, user: processUser() },
			],
		},
		proto: raw.proto ?? [],
		both: raw.both === true,
		strict: raw.strict === true,
		timeoutMs: raw.timeout === undefined ? undefined : parseDuration(raw.timeout, '--timeout'),
		forMs: raw.for === undefined ? undefined : parseDuration(raw.for, '--for'),
		count,
		command,
		stay: raw.stay === true,
		store: storeOptions(raw),
		telemetry: telemetryWanted(raw),
	};
}

function storeOptions({ store, credentials, ca }: RawOptions): StoreOptions | undefined {
	const other = credentials === undefined ? (ca === undefined ? undefined : 'ca') : 'credentials';
	if (store !== undefined && other !== undefined && !isUrl(store))
		throw usageError(`--${other}: expected it together with --store URL, got the directory ${JSON.stringify(store)}`);
	if (store !== undefined) return { url: store, credentials, ca };
	if (other !== undefined) throw usageError(`--${other}: expected it together with --store URL`);
	return undefined;
}

/** With --store, nothing is captured, except by a shell with the rights to. */
function isIdle(raw: RawOptions, command: readonly string[] | undefined, kind: StoreCommand | undefined): boolean {
	if (raw.replay !== undefined || (kind === 'shell' && launch?.attacher !== undefined)) return false;
	const capturing = ['record', 'port', 'pid', 'comm', 'cgroup', ...(kind === 'tail' ? [] : ['for', 'count'])] as const;
	const given = (capturing as readonly (keyof RawOptions)[]).find((name) => raw[name] !== undefined);
	if (given === undefined && command === undefined) return true;
	throw usageError(
		`expected --store or ${given === undefined ? 'a command after --' : `--${given}`}, got both`,
		'With --store, nothing is captured on this host; WHERE chooses rows.',
	);
}

/** The name that commander gives to `body-limit`. */
function camelCased(options: Configuration['options']): RawOptions {
	const entries = Object.entries(options).map(([name, value]) => [
		name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase()),
		value,
	]);
	return Object.fromEntries(entries);
}

/**
 * Merges options before and after the command. `--no-…` works in both places; in commander's own merge, defaults
 * would win.
 */
function mergedOptions(parsed: Command): RawOptions {
	const before: RawOptions = parsed.parent?.opts() ?? {};
	const after: RawOptions = parsed.opts();
	return {
		...before,
		...after,
		color: before.color !== false && after.color !== false,
	};
}

/** The same settings with a recording as the source, for `.open FILE`. */
export function withReplay(settings: CaptureSettings, path: string): CaptureSettings {
	const { record: _record, ...rest } = settings;
	return { ...rest, replay: { path } };
}

function captureSettings(raw: RawOptions, user: InvokingUser): CaptureSettings {
	const filters = checkedFilters({
		pids: (raw.pid ?? []).map((text) => parsePid(text, '--pid')),
		comms: (raw.comm ?? []).map((text) => parseComm(text, '--comm')),
		ports: (raw.port ?? []).flatMap((text) => parsePorts(text, '--port')),
		cgroups: (raw.cgroup ?? []).map((text) => parseCgroup(text, '--cgroup')),
	});
	const tls = raw.tls === true;
	const how = { force: raw.force === true, redact: raw.redact === true, filters: filtersText(filters), tls };
	return {
		...(raw.replay === undefined ? {} : { replay: replaySettings(raw.replay, raw) }),
		...(raw.record === undefined ? {} : { record: recordSettings(raw.record, how) }),
		filters,
		...(tls && raw.replay === undefined ? { tls } : {}),
		bodyLimit: raw.bodyLimit === undefined ? undefined : bodyLimit(raw.bodyLimit),
		maxMemory: atLeast(parseSize(raw.maxMemory ?? '256MiB', '--max-memory'), MAX_MEMORY_LEAST, '--max-memory', '64MiB'),
		maxRows: raw.maxRows === undefined ? Number.POSITIVE_INFINITY : parseInteger(raw.maxRows, '--max-rows', 1, 1e9),
		ringSize: ringSize(raw.ringSize ?? RING_SIZE),
		callLimit: callLimit(raw.callLimit ?? CALL_LIMIT),
		iovecLimit: parseInteger(raw.iovecLimit ?? String(CONTROL_IOVECS), '--iovec-limit', 1, CONTROL_IOVECS),
		count: Number.POSITIVE_INFINITY,
		verbose: raw.verbose === true,
		attacher: launch?.attacher,
		user,
		files: FILES,
	};
}

function replaySettings(path: string, { realtime, from, to }: RawOptions): ReplaySettings {
	const settings = {
		path,
		...(realtime === undefined ? {} : { speed: realtime === true ? 1 : parseSpeed(realtime) }),
		...(from === undefined ? {} : { from: parsePlace(from, '--from') }),
		...(to === undefined ? {} : { to: parsePlace(to, '--to') }),
	};
	if (isAfter(settings.from, settings.to))
		throw usageError(`expected --from before --to, got --from ${from} --to ${to}`);
	return settings;
}

/** Whether nothing can be between two positions. A time and a duration can be compared only when the recording is read. */
function isAfter(from: ReplayPlace | undefined, to: ReplayPlace | undefined): boolean {
	if (from === undefined || to === undefined) return false;
	if ('epochUs' in from) return 'epochUs' in to && from.epochUs >= to.epochUs;
	return 'afterMs' in to && from.afterMs >= to.afterMs;
}

/** `2`, `x2` or `×2`. */
function parseSpeed(text: string): number {
	const speed = Number(/^[x×]?(\d+(?:\.\d+)?)$/i.exec(text)?.[1]);
	if (speed > 0 && speed <= 1e6) return speed;
	throw usageError(
		`--realtime: expected nothing or a speed such as 2, x2 or x0.5, got ${JSON.stringify(text)}`,
		'Put other arguments before --realtime, or write --realtime=1.',
	);
}

/** An instant as in SQL, or a duration from the beginning. */
function parsePlace(text: string, name: string): ReplayPlace {
	const epochUs = parseInstant(text);
	if (!Number.isNaN(epochUs)) return { epochUs: Math.round(epochUs) };
	if (/^\d+(\.\d+)?(ms|s|m|h)$/.test(text)) return { afterMs: parseDuration(text, name) };
	throw usageError(
		`${name}: expected a time such as 2026-11-22T12:56:01Z, or a duration from the beginning such as 10s, got ${JSON.stringify(text)}`,
		'A time without a zone is UTC, like `ts`.',
	);
}

function telemetryWanted({ otlp, metrics, metricsListen }: RawOptions): TelemetryWanted | undefined {
	const isWanted = [otlp, metrics, metricsListen].some((given) => given !== undefined);
	return isWanted ? { otlp, metrics, metricsListen } : undefined;
}

/** The same options, with those of the command that its telemetry needs, too. */
export function withTelemetry(options: Options, own: Pick<TelemetryWanted, 'where' | 'hostName'>): Options {
	const { telemetry } = options;
	if (telemetry === undefined) return options;
	const { where, hostName } = own;
	return { ...options, telemetry: { ...telemetry, where, hostName } };
}

function presentation(raw: RawOptions): Presentation {
	if (raw.format !== undefined && !isResultFormat(raw.format)) {
		const names = RESULT_FORMATS.map(({ name }) => name);
		const near = nearest(raw.format, names);
		throw usageError(
			`--format: expected one of ${names.join(', ')}, got ${JSON.stringify(raw.format)}`,
			formatElsewhere(raw.format) ?? (near === undefined ? undefined : `Did you mean ${near}?`),
		);
	}
	// Without --no-color, commander sets `color` to true.
	const color = raw.color === false ? false : undefined;
	return {
		format: raw.format === undefined || !isResultFormat(raw.format) ? undefined : raw.format,
		raw: raw.raw === true,
		redactor: raw.redact === false ? null : createRedactor(),
		redactsAll: raw.redact === true,
		quiet: raw.quiet === true,
		theme: createTheme(wantsColor(standardOutput(), process.env, color)),
		errorTheme: createTheme(wantsColor(standardError(), process.env, color)),
	};
}

function bodyLimit(text: string): number {
	return text === 'none' ? Number.POSITIVE_INFINITY : parseSize(text, '--body-limit');
}

/** A lower limit would cut most heads. */
function callLimit(text: string): number {
	return text === 'none'
		? Number.POSITIVE_INFINITY
		: atLeast(parseSize(text, '--call-limit'), 1024, '--call-limit', '1KiB');
}

function ringSize(text: string): number {
	const bytes = atLeast(parseSize(text, '--ring-size'), 4096, '--ring-size', '4KiB');
	// The size of the kernel's ring has 32 bits.
	if (bytes <= 2 ** 31) return bytes;
	throw usageError(`--ring-size: expected at most 2GiB, got ${bytes} bytes`);
}

function atLeast(value: number, least: number, name: string, leastText: string): number {
	if (value >= least) return value;
	throw usageError(`${name}: expected at least ${leastText}, got ${value} bytes`);
}
