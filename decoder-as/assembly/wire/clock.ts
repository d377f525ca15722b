// Converts CLOCK_BOOTTIME (the time in records) to the wall clock, with the anchors in the stream. The newest anchor counts,
// so a step of the wall clock shows in `ts` but never in a duration, which is a difference of boot times.

/** Time of the newest record. Time limits are measured with it, so that a replay decides as the capture did. */
export let now: u64 = 0;
let wallMinusBoot: i64 = 0;

export function advance(time: u64): void {
	if (time > now) now = time;
}

export function anchor(boot: u64, wall: u64): void {
	wallMinusBoot = <i64>(wall - boot);
}

/** Microseconds since the epoch; NaN for time 0, which imported records without a time have. */
export function wallMicroseconds(boot: u64): f64 {
	if (boot == 0) return NaN;
	return <f64>((<i64>boot + wallMinusBoot) / 1000);
}
