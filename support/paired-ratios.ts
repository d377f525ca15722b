// Two sides measured by turns: each round gives one ratio, and the ratios' median has an interval.

export type Estimate = { readonly median: number; readonly low: number; readonly high: number };

/** How sure the interval is. With 15 rounds it goes from the third smallest ratio to the third largest. */
export const CONFIDENCE = 0.99;

/** Fewer give no interval worth the name. */
export const LEAST_ROUNDS = 15;

/**
 * The median and where that of endless rounds lies. Each round's ratio is above that one as often as below it, whatever
 * else is true of ratios: that alone says which places of the sorted list enclose it.
 */
export function medianWithInterval(ratios: readonly number[]): Estimate {
	const sorted = [...ratios].sort((a, b) => a - b);
	const count = sorted.length;
	const middle = count >> 1;
	const median = count % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
	const place = enclosingPlace(count);
	return { median, low: sorted[place]!, high: sorted[count - 1 - place]! };
}

/** The largest place from either end that both together still enclose the median with CONFIDENCE. */
function enclosingPlace(count: number): number {
	let place = 0;
	// The chance that at most `place` of `count` tosses are heads.
	let exactly = 0.5 ** count;
	let chance = exactly;
	for (;;) {
		exactly *= (count - place) / (place + 1);
		chance += exactly;
		if (2 * chance > 1 - CONFIDENCE) return place;
		place++;
	}
}

/** Of ratios: half and double make one. */
export function geometricMean(ratios: readonly number[]): number {
	return Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
}
