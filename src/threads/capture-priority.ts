// The capture thread's CPU priority. It is high only while much input arrives: when all cores are busy, an equal share
// is too little to keep up with many threads. At other times, a high priority would only delay the watched programs, by
// some hundred microseconds at a time.
export type CapturePriority = {
	/** Call this after each read of the ring, with the number of bytes and the time. */
	came(bytes: number, nowMs: number): void;
};

/** The priority is lowered again after this long without much input. */
const CALM_MS = 500;

/**
 * Calls `hurry(true)` when a read returns more than `much` bytes, and `hurry(false)` some time after the last such
 * read.
 */
export function capturePriority(much: number, hurry: (on: boolean) => void): CapturePriority {
	let isHurried = false;
	let muchAt = 0;
	const change = (on: boolean) => {
		isHurried = on;
		hurry(on);
	};
	return {
		came(bytes, nowMs) {
			if (bytes > much) {
				muchAt = nowMs;
				if (!isHurried) change(true);
			} else if (isHurried && nowMs - muchAt > CALM_MS) change(false);
		},
	};
}
