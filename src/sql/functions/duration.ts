// Durations and byte counts as people write them.
import { SqlError } from '../limits/sql-error.ts';

/** Longer texts are cut: they are not durations. */
const MAX_LENGTH = 100;

const UNITS = new Map([
	['us', 1],
	['µs', 1],
	['ms', 1_000],
	['s', 1_000_000],
	['m', 60_000_000],
	['min', 60_000_000],
	['h', 3_600_000_000],
	['d', 86_400_000_000],
	['w', 604_800_000_000],
]);

/** `500ms`, `10s`, `1h30m` … in microseconds. */
export function parseDuration(text: string): number {
	const parts = [...text.slice(0, MAX_LENGTH).matchAll(/\s*(\d+(?:\.\d+)?)\s*([a-zµ]+)\s*/gi)];
	const total = parts.reduce(
		(sum, [, count, unit]) => sum + Number(count) * (UNITS.get(unit!.toLowerCase()) ?? Number.NaN),
		0,
	);
	const covered = parts.reduce((length, [whole]) => length + whole.length, 0);
	if (parts.length === 0 || covered !== text.length || Number.isNaN(total)) {
		throw new SqlError(
			`expected a duration such as 500ms, 10s, 5m, 2h or 1d, got ${text.slice(0, 40)}`,
			'ERR_SQL_VALUE',
		);
	}
	return total;
}

/** Milliseconds in readable form: `12.3 ms`, `1.5 s`, `2m 3s`. */
export function durationText(milliseconds: number): string {
	const sign = milliseconds < 0 ? '-' : '';
	const value = Math.abs(milliseconds);
	if (value < 1) return `${sign}${short(value * 1000)} µs`;
	if (value < 1000) return `${sign}${short(value)} ms`;
	if (value < 60_000) return `${sign}${short(value / 1000)} s`;
	const seconds = Math.round(value / 1000);
	const parts: [number, string][] = [
		[Math.floor(seconds / 86_400), 'd'],
		[Math.floor(seconds / 3600) % 24, 'h'],
		[Math.floor(seconds / 60) % 60, 'm'],
		[seconds % 60, 's'],
	];
	const first = parts.findIndex(([count]) => count > 0);
	return (
		sign +
		parts
			.slice(first, first + 2)
			.map(([count, unit]) => `${count}${unit}`)
			.join(' ')
	);
}

/** With three significant digits. */
function short(value: number): string {
	return value >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** Bytes in readable form: 51200 is `50 KiB`. */
export function bytesText(bytes: number): string {
	let value = Math.abs(bytes);
	let unit = 0;
	while (value >= 1024 && unit < BYTE_UNITS.length - 1) {
		value /= 1024;
		unit++;
	}
	const text = unit === 0 ? String(value) : short(value);
	return `${bytes < 0 ? '-' : ''}${text} ${BYTE_UNITS[unit]}`;
}
