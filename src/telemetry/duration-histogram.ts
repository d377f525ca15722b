// Durations in buckets, as OTLP and Prometheus count them.

/** Upper limits in seconds, inclusive: those that the semantic conventions give for the duration of HTTP requests. */
export const DURATION_BOUNDS: readonly number[] = [
	0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
];

export class DurationHistogram {
	/** One more than there are limits: the last one has all that are longer. */
	readonly buckets: number[] = Array(DURATION_BOUNDS.length + 1).fill(0);
	count = 0;
	sum = 0;
	min = Number.POSITIVE_INFINITY;
	max = 0;

	record(seconds: number): void {
		let bucket = 0;
		while (bucket < DURATION_BOUNDS.length && seconds > DURATION_BOUNDS[bucket]!) bucket++;
		this.buckets[bucket]!++;
		this.count++;
		this.sum += seconds;
		this.min = Math.min(this.min, seconds);
		this.max = Math.max(this.max, seconds);
	}
}
