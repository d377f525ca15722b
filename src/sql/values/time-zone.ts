// The clocks of time zones, according to the rules in JavaScript's Intl.
import { DAY, MINUTE } from './interval.ts';

/** Zones change their offsets at the ends of slots of this length. */
const SLOT = 15 * MINUTE;
/** Maximum number of slots whose offset is remembered. */
const MAX_SLOTS = 10_000;

export type TimeZone = {
	/** The time that the zone's clock and calendar show, in microseconds: 13:00 is the number of 13:00 UTC. */
	readonly localOf: (instant: number) => number;
	/**
	 * The instant at which the clock shows `local`. If it shows that twice or never, because it is set back or
	 * forward, the smaller offset applies, which is that of standard time.
	 */
	readonly instantOf: (local: number) => number;
};

/** Undefined if there is no such zone. */
export function timeZone(name: string): TimeZone | undefined {
	const offsetOf = zoneOffset(name);
	if (offsetOf === undefined) return undefined;
	return {
		localOf: (instant) => instant + offsetOf(instant),
		instantOf: (local) => {
			const before = offsetOf(local - DAY);
			const after = offsetOf(local + DAY);
			const smaller = Math.min(before, after);
			const larger = Math.max(before, after);
			const isSmaller = offsetOf(local - smaller) === smaller;
			const isLarger = offsetOf(local - larger) === larger;
			return local - (isLarger && !isSmaller ? larger : smaller);
		},
	};
}

export function timeZoneNames(): readonly string[] {
	return [...Intl.supportedValuesOf('timeZone'), 'UTC'];
}

/** The function that returns a zone's offset from UTC at an instant, in microseconds. */
function zoneOffset(name: string): ((instant: number) => number) | undefined {
	const format = formatOf(name);
	if (format === undefined) return undefined;
	const exact = (instant: number): number => {
		const milliseconds = Math.floor(instant / 1000);
		const seconds = Math.floor(milliseconds / 1000) * 1000;
		const fields = new Map(format.formatToParts(seconds).map(({ type, value }) => [type, Number(value)]));
		const field = (type: Intl.DateTimeFormatPartTypes) => fields.get(type)!;
		const local = new Date(0);
		local.setUTCFullYear(field('year'), field('month') - 1, field('day'));
		local.setUTCHours(field('hour'), field('minute'), field('second'));
		return (local.getTime() - seconds) * 1000;
	};
	const known = new Map<number, number | undefined>();
	const slotOffset = (slot: number): number | undefined => {
		const first = exact(slot * SLOT);
		return first === exact((slot + 1) * SLOT - 1) ? first : undefined;
	};
	let lastSlot = Number.NaN;
	let lastOffset: number | undefined;
	return (instant) => {
		const slot = Math.floor(instant / SLOT);
		if (slot !== lastSlot) {
			if (!known.has(slot)) {
				if (known.size >= MAX_SLOTS) known.clear();
				known.set(slot, slotOffset(slot));
			}
			lastSlot = slot;
			lastOffset = known.get(slot);
		}
		return lastOffset ?? exact(instant);
	};
}

function formatOf(name: string): Intl.DateTimeFormat | undefined {
	// Intl also accepts offsets, in which a plus means east; in PostgreSQL it means west.
	if (!/^[a-z]/i.test(name)) return undefined;
	try {
		return new Intl.DateTimeFormat('en-US', {
			timeZone: name,
			calendar: 'gregory',
			numberingSystem: 'latn',
			hourCycle: 'h23',
			year: 'numeric',
			month: 'numeric',
			day: 'numeric',
			hour: 'numeric',
			minute: 'numeric',
			second: 'numeric',
		});
	} catch (error) {
		// There is no zone with this name.
		if (error instanceof RangeError) return undefined;
		throw error;
	}
}
