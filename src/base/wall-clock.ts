// The wall clock, which can be set at any time. Tests step it.
import { readFileSync } from 'node:fs';

/** A file with the number of milliseconds by which the clock is wrong; for tests only. */
const STEP_FILE = process.env.TINYTAP_CLOCK_STEP;

/** Milliseconds since 1970. */
export function wallMs(): number {
	return Date.now() + clockStepMs();
}

/** Microseconds since 1970. */
export function wallUs(): number {
	return wallMs() * 1000;
}

/** How far a test has stepped the clock. */
export function clockStepMs(): number {
	if (STEP_FILE === undefined) return 0;
	return Number(readFileSync(STEP_FILE, 'utf8'));
}
