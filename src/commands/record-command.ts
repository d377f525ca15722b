// `tinytap record FILE`: writes the records of a capture to a file.

import { EXIT, UserError, usageError } from '../base/errors.ts';
import { parseDuration, parseInteger, parseSize } from '../base/quantity.ts';
import { removeUserFile } from '../base/user-files.ts';
import type { RecordSettings } from '../capture/capture-settings.ts';
import { recordSettings } from '../capture/record-settings.ts';
import { limitOutput } from '../output/output-stream.ts';
import { filtersText } from '../shell/filters.ts';
import { lossSentence } from '../shell/result-printer.ts';
import { INTERRUPTED_MS } from '../threads/interrupts.ts';
import type { Threads } from '../threads/threads.ts';
import { withCapture } from './command-context.ts';
import { type Options, withTelemetry } from './options.ts';
import { filterRecorded, unfilteredPath } from './record-where.ts';
import { requireNewFile } from './result-file.ts';
import { say } from './running-capture.ts';

/** The options of `record` itself, as commander returns them. */
export type RecordOptions = {
	readonly compress?: boolean;
	readonly rotate?: string;
	readonly keep?: string;
	readonly where?: string;
};

/** Smaller or shorter files would contain little more than their first records. */
const LEAST_BYTES = 64 << 10;
const LEAST_MS = 1000;

/** Runs the command; resolves to the exit status. */
export async function recordCommand(options: Options, path: string, given: RecordOptions): Promise<number> {
	const { replay, record: other, filters } = options.capture;
	if (replay?.from !== undefined)
		throw usageError('--from: expected it without record, which copies all records up to --to');
	if (replay !== undefined && given.rotate !== undefined)
		throw usageError('expected --rotate or --replay, got both', 'A replayed recording is copied to a single file.');
	if (other !== undefined) throw usageError('expected record FILE or --record FILE, got both');
	const { where, compress = false } = given;
	const { redactsAll } = options.presentation;
	if (where !== undefined && given.rotate !== undefined)
		throw usageError(
			'expected --rotate or --where, got both',
			'Which connections pass is known only at the end: record with --rotate, then filter the files one by one.',
		);
	if (where !== undefined && !options.force) requireNewFile(path, options.user);
	const record = recordSettings(where === undefined ? path : unfilteredPath(path), {
		force: options.force,
		redact: redactsAll,
		tls: options.capture.tls === true,
		compress: where === undefined && compress,
		...rotation(given),
		// Arguments of a program may be secrets.
		filters: options.command?.slice(0, redactsAll ? 1 : undefined).join(' ') ?? filtersText(filters),
	});
	if (where === undefined) return await capture(options, record);
	let rows: number | undefined;
	const take = (captured: number) => {
		rows = captured;
	};
	// Filter even what was recorded before a failure, such as a full disk.
	const outcome = await capture(options, record, where, take).catch((error: unknown) => ({ error }));
	if (rows === undefined) removeUserFile(record.path, options.user);
	else {
		const { exchanges, connections, bytes } = await filterRecorded(path, where, options, compress);
		if (!options.presentation.quiet)
			say(
				`tinytap: ${exchanges} of ${rows} exchanges passed: recorded their ${connections} connections in ${bytes} bytes\n`,
			);
	}
	if (typeof outcome === 'object') throw outcome.error;
	return outcome;
}

/** Captures into a recording; resolves to the exit status. `take` gets the number of exchanges once the capture has ended. */
async function capture(
	options: Options,
	record: RecordSettings,
	where?: string,
	take?: (rows: number) => void,
): Promise<number> {
	return await withCapture(
		withTelemetry({ ...options, capture: { ...options.capture, record } }, { where }),
		async ({ threads, attached, captured, interrupts }) => {
			interrupts.first.then(() => limitOutput({ withinMs: INTERRUPTED_MS })).catch(() => undefined);
			// An invalid condition is an error before anything is captured.
			if (where !== undefined) await isCondition(threads, where);
			await attached();
			const end = await captured();
			take?.(threads.status.rows);
			if (end.recording?.complete === false) {
				throw new UserError(
					`the recording ended early: ${end.recording.bytes} bytes of it are in ${end.recording.path}`,
					'ERR_RECORDING_STOPPED',
					'The part already written can be replayed.',
				);
			}
			if (!options.presentation.quiet && end.recording !== undefined && where === undefined) {
				const { bytes, files, kept } = end.recording;
				const several =
					files === undefined ? '' : ` in ${files} files${kept === files ? '' : ` (the last ${kept} are kept)`}`;
				say(`tinytap: recorded ${threads.status.rows} exchanges in ${bytes} bytes${several}\n`);
			}
			const loss = options.strict ? undefined : lossSentence(threads.status);
			if (loss !== undefined) say(`tinytap: ${loss}\n`);
			return EXIT.ok;
		},
	);
}

/** Throws a UserError if it is not an SQL condition. */
async function isCondition(threads: Threads, where: string): Promise<void> {
	const rows = threads.tail(where, 'conn');
	await rows.next();
	await rows.return(undefined);
}

/** `--rotate 100MiB,1h --keep 24`. */
function rotation({ rotate, keep }: RecordOptions): Pick<RecordSettings, 'rotate' | 'keep'> {
	if (rotate === undefined) {
		if (keep === undefined) return {};
		throw usageError('--keep: expected it together with --rotate', 'Without --rotate there is only one file.');
	}
	const limits = { bytes: Number.POSITIVE_INFINITY, ms: Number.POSITIVE_INFINITY };
	for (const part of rotate.split(',')) {
		const isAge = /^[\d.]+(ms|s|m|h)$/.test(part);
		const name = isAge ? 'ms' : 'bytes';
		if (limits[name] !== Number.POSITIVE_INFINITY || !/^\d/.test(part))
			throw usageError(
				`--rotate: expected a size, a duration, or both, such as 100MiB,1h, got ${JSON.stringify(rotate)}`,
			);
		limits[name] = isAge ? parseDuration(part, '--rotate') : parseSize(part, '--rotate');
	}
	if (limits.bytes < LEAST_BYTES) throw usageError(`--rotate: expected at least 64KiB, got ${limits.bytes} bytes`);
	if (limits.ms < LEAST_MS) throw usageError(`--rotate: expected at least 1s, got ${limits.ms} ms`);
	return {
		rotate: limits,
		...(keep === undefined ? {} : { keep: parseInteger(keep, '--keep', 1, Number.MAX_SAFE_INTEGER) }),
	};
}
