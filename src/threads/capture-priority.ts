// How much of the CPU the capture thread asks for. It gets a high priority only while much is waiting: when all cores are
// busy, an equal share is too little for what many threads produce. Otherwise its runs of some hundred microseconds would
// delay the answers of the programs being watched.
import { constants, getPriority, setPriority } from 'node:os';

export type CapturePriority = {
	/** Called after each read of the ring: how many bytes came, and when (in milliseconds). */
	came(bytes: number, nowMs: number): void;
};

/** The priority is lowered again after this long without much input. */
const CALM_MS = 500;

/**
 * Priority of the calling thread, raised while more than `much` bytes come at a time. `set` is for tests: it gets the
 * niceness.
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

/** Linux means the calling thread alone when the pid is 0. */
function setOwn(nice: number): void {
	try {
		setPriority(0, nice);
	} catch {
		// Not allowed without CAP_SYS_NICE. Lost events are counted anyway.
	}
}
