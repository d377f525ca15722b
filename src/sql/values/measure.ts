// The numbers by which times and intervals are compared.
import { hasZone, parseClock, parseInstant } from './instant.ts';
import { Interval, parseInterval, totalMicros } from './interval.ts';
import type { Value } from './value.ts';

/**
 * What a comparison measures in microseconds: instants since the epoch, times of a time zone's clock and calendar, times of
 * day, or intervals.
 */
export type Scale = 'instant' | 'local' | 'clock' | 'interval';

/** The value on the scale; NaN for NULL and for values that are not on it. */
export function measure(value: Value, scale: Scale): number {
	if (value instanceof Interval) return scale === 'interval' ? totalMicros(value) : Number.NaN;
	if (typeof value !== 'string') return Number.NaN;
	switch (scale) {
		case 'instant':
			return parseInstant(value);
		case 'local':
			return hasZone(value) ? Number.NaN : parseInstant(value);
		case 'clock':
			return parseClock(value);
		default: {
			const interval = parseInterval(value);
			return interval === undefined ? Number.NaN : totalMicros(interval);
		}
	}
}
