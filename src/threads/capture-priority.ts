// The capture thread's CPU priority. It is high only while much input arrives: when all cores are busy, an equal share
// is too little for what many threads produce. At other times a high priority would only delay the watched programs, by
// some hundred microseconds at a time.
import { constants, getPriority, setPriority } from 'node:os';

export type CapturePriority = {
	/** To be called after each read of the ring, with the number of bytes and the time. */
	came(bytes: number, nowMs: number): void;
};

/** The priority is lowered again after this long without much input. */
const CALM_MS = 500;

/**
 * Raises the priority of the calling thread while reads return more than `much` bytes. `set` sets the niceness; tests
 * replace it.
 */
export function capturePriority(much: number, set: (nice: number) => void = setOwn): CapturePriority {
	const usual = getPriority(0);
	const hurried = Math.min(usual, constants.priority.PRIORITY_HIGH);
	let isHurried = false;
	let muchAt = 0;
	const change = (hurry: boolean) => {
		isHurried = hurry;
		set(hurry ? hurried : usual);
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

/** On Linux, pid 0 means only the calling thread. */
function setOwn(nice: number): void {
	try {
		setPriority(0, nice);
	} catch {
		// Needs CAP_SYS_NICE. Without it more events may be lost; they are counted.
	}
}
