// Parses the sizes, durations and numbers of the command line and the prompt.
import { usageError } from './errors.ts';

const SIZE_UNITS: ReadonlyMap<string, number> = new Map([
	['', 1],
	['B', 1],
	['KIB', 1024],
	['MIB', 1024 ** 2],
	['GIB', 1024 ** 3],
]);

const DURATION_UNITS: ReadonlyMap<string, number> = new Map([
	['ms', 1],
	['s', 1000],
	['m', 60_000],
	['h', 3_600_000],
]);

/** `64KiB`, `1MiB` or `4096` in bytes. Errors name the option `name`. */
export function parseSize(text: string, name: string): number {
	const match = /^(\d+(?:\.\d+)?)([A-Za-z]*)$/.exec(text);
	const unit = SIZE_UNITS.get(match?.[2]?.toUpperCase() ?? '?');
	const bytes = unit === undefined ? Number.NaN : Number(match?.[1]) * unit;
	if (!Number.isSafeInteger(bytes)) throw expected(name, 'a size such as 64KiB, 1MiB or 4096', text);
	return bytes;
}

/** `500ms`, `10s` or `5m` in milliseconds. */
export function parseDuration(text: string, name: string): number {
	const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text);
	const unit = DURATION_UNITS.get(match?.[2] ?? '?');
	const milliseconds = unit === undefined ? Number.NaN : Number(match?.[1]) * unit;
	// Node's timers are limited to 2^31-1 milliseconds (24.8 days).
	if (!(milliseconds >= 0 && milliseconds < 2 ** 31)) throw expected(name, 'a duration such as 500ms, 10s or 5m', text);
	return milliseconds;
}

/** A whole number from `least` to `most`. */
export function parseInteger(text: string, name: string, least: number, most: number): number {
	const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
	if (!(value >= least && value <= most)) {
		const upTo = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
		throw expected(name, `a whole number ${upTo}`, text);
	}
	return value;
}

function expected(name: string, what: string, got: string): Error {
	return usageError(`${name}: expected ${what}, got ${JSON.stringify(got)}`);
}
