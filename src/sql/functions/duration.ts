// Durations and byte counts in readable form.

/** Milliseconds in readable form: `12.3 ms`, `1.5 s`, `2m 3s`. */
export function durationText(milliseconds: number): string {
	const sign = milliseconds < 0 ? '-' : '';
	const value = Math.abs(milliseconds);
	if (value === 0) return '0 ms';
	// A value that would round up to the next unit is shown in that unit: 999.9 ms is 1 s.
	if (rounded(value * 1000) < 1000) return `${sign}${rounded(value * 1000)} µs`;
	if (rounded(value) < 1000) return `${sign}${rounded(value)} ms`;
	if (rounded(value / 1000) < 60) return `${sign}${rounded(value / 1000)} s`;
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

/** To three significant digits. */
function rounded(value: number): number {
	return value >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];

/** Bytes in readable form: 51200 is `50 KiB`. */
export function bytesText(bytes: number): string {
	let value = Math.abs(bytes);
	let unit = 0;
	while ((unit === 0 ? value : rounded(value)) >= 1024 && unit < BYTE_UNITS.length - 1) {
		value /= 1024;
		unit++;
	}
	const text = unit === 0 ? value : rounded(value);
	return `${bytes < 0 ? '-' : ''}${text} ${BYTE_UNITS[unit]}`;
}
