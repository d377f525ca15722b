// Durations and byte counts in readable form.

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
