// Formats instants, which are microseconds since the epoch (exact in a double until the year 2255).

/** `2026-11-22T12:56:01.123456Z`; null for NaN. */
export function formatTimestamp(microseconds: number): string | null {
	if (Number.isNaN(microseconds)) return null;
	const milliseconds = Math.floor(microseconds / 1000);
	const rest = microseconds - milliseconds * 1000;
	const date = new Date(milliseconds);
	if (Number.isNaN(date.getTime())) return null;
	return `${date.toISOString().slice(0, -1)}${Math.floor(rest).toString().padStart(3, '0')}Z`;
}
