// Estimates a median ratio. Both sides are measured in each round, and each round gives one ratio.

export type Estimate = { readonly median: number; readonly low: number; readonly high: number };

/** Confidence of the interval. With 15 rounds it reaches from the third smallest ratio to the third largest. */
export const CONFIDENCE = 0.99;

/** With fewer rounds the interval would be too wide to be useful. */
export const LEAST_ROUNDS = 15;

/**
 * The median of the ratios, and an interval for the true median. It assumes nothing about the distribution: a ratio is
 * equally likely to be above or below the true median, and this alone decides which positions of the sorted list
 * enclose it.
 */
export function medianWithInterval(ratios: readonly number[]): Estimate {
	const sorted = [...ratios].sort((a, b) => a - b);
	const count = sorted.length;
	const middle = count >> 1;
	const median = count % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
	const place = enclosingPlace(count);
	return { median, low: sorted[place]!, high: sorted[count - 1 - place]! };
}

/** How many ratios can be left out at each end so that the rest enclose the true median with CONFIDENCE. */
function enclosingPlace(count: number): number {
	let place = 0;
	// The chance of at most `place` heads in `count` tosses of a coin.
	let exactly = 0.5 ** count;
	let chance = exactly;
	for (;;) {
		exactly *= (count - place) / (place + 1);
		chance += exactly;
		if (2 * chance > 1 - CONFIDENCE) return place;
		place++;
	}
}

/** The mean for ratios (geometric): the mean of 0.5 and 2 is 1. */
export function geometricMean(ratios: readonly number[]): number {
	return Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
}
