// A row of numbers as a row of small bars.

const BARS = '▁▂▃▄▅▆▇█';
/** Characters of a sparkline. */
const MOST = 60;

/**
 * One bar for each number, at most 60: then each stands for the mean of several. NULL is a space. Bars grow from 0, or from
 * the smallest number if that is negative.
 */
export function sparkline(numbers: readonly (number | null)[]): string {
	const columns = numbers.length <= MOST ? numbers : means(numbers);
	const known = columns.filter((number): number is number => number !== null && Number.isFinite(number));
	const low = Math.min(0, ...known);
	const range = Math.max(0, ...known) - low;
	return columns
		.map((number) => {
			if (number === null) return ' ';
			const share = range === 0 ? 0 : (number - low) / range;
			return BARS[Math.max(0, Math.min(BARS.length - 1, Math.floor(share * BARS.length)))]!;
		})
		.join('');
}

/** Of each of MOST stretches of the list, the mean of its numbers. */
function means(numbers: readonly (number | null)[]): (number | null)[] {
	return Array.from({ length: MOST }, (_, column) => {
		const from = Math.floor((column * numbers.length) / MOST);
		const stretch = numbers.slice(from, Math.floor(((column + 1) * numbers.length) / MOST));
		const known = stretch.filter((number): number is number => number !== null);
		// Shares are added, because a sum may be too large.
		return known.length === 0 ? null : known.reduce((sum, number) => sum + number / known.length, 0);
	});
}
