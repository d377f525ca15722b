// How much of the CPU the capture thread asks for. At a moderate load it takes what the watched programs leave: what it
// does in one go, some hundred microseconds, would otherwise come between a request and its answer. It comes before
// everybody else while so much is waiting for it that an equal share would be too little.
import { constants, getPriority, setPriority } from 'node:os';

/** `spare`: runs while no other thread wants the CPU; `usual`: like others; `hurried`: before others. */
export type CaptureShare = 'spare' | 'usual' | 'hurried';

export type CapturePriority = {
	/**
	 * After each look into the ring: how many bytes came, when (in milliseconds), and for how long it may have waited for
	 * them.
	 */
	came(bytes: number, nowMs: number, waitMs: number): void;
};

/** So long nothing much has come before the thread asks for less. */
const CALM_MS = 500;
/** A look that is so much late: the machine has no time to spare. */
const LATE_MS = 100;
/** The thread is one among others for so long then; the second value is the limit of its doubling each time. */
const PATIENCE_MS = [5000, 300_000] as const;

/** Bytes that come at a time. */
export type CaptureLoad = { readonly moderate: number; readonly much: number };

/**
 * Share of the calling thread, which begins with the usual one: the least while no more than `moderate` bytes come at a
 * time, the largest after more than `much`. `set` is told each change.
 */
export function capturePriority({ moderate, much }: CaptureLoad, set: (share: CaptureShare) => void): CapturePriority {
	let share: CaptureShare = 'usual';
	let lastMs = Number.NaN;
	/** No less than the usual share, and than the largest one, until then. */
	let usualUntil = Number.NEGATIVE_INFINITY;
	let hurriedUntil = Number.NEGATIVE_INFINITY;
	let patience: number = PATIENCE_MS[0];
	return {
		came(bytes, nowMs, waitMs) {
			if (Number.isNaN(lastMs)) usualUntil = nowMs + CALM_MS;
			const isLate = nowMs - lastMs > waitMs + LATE_MS;
			lastMs = nowMs;
			if (bytes > much) hurriedUntil = nowMs + CALM_MS;
			if (bytes > moderate) usualUntil = Math.max(usualUntil, nowMs + CALM_MS);
			if (isLate && share === 'spare') {
				usualUntil = nowMs + patience;
				patience = Math.min(patience * 2, PATIENCE_MS[1]);
			}
			const wanted = nowMs <= hurriedUntil ? 'hurried' : nowMs <= usualUntil ? 'usual' : 'spare';
			if (wanted === share) return;
			share = wanted;
			set(share);
		},
	};
}

/** Sets the niceness of the calling thread, and by `useSpareTime` whether it is run at all while others want the CPU. */
export function shareSetter(useSpareTime: (only: boolean) => void): (share: CaptureShare) => void {
	const usual = getPriority(0);
	const hurried = Math.min(usual, constants.priority.PRIORITY_HIGH);
	return (share) => {
		useSpareTime(share === 'spare');
		try {
			// Linux means the calling thread alone when the pid is 0.
			setPriority(0, share === 'hurried' ? hurried : usual);
		} catch {
			// Not allowed without CAP_SYS_NICE: what is lost is counted.
		}
	};
}
