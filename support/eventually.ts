// Waiting with a deadline instead of sleeping.

/** Calls `probe` every `pauseMs` until it returns a value; throws `complaint()` after `seconds`. */
export async function eventually<T>(
	probe: () => Promise<T | undefined> | T | undefined,
	complaint: () => string,
	seconds = 30,
	pauseMs = 20,
): Promise<T> {
	const deadline = Date.now() + seconds * 1000;
	for (;;) {
		const answer = await probe();
		if (answer !== undefined) return answer;
		if (Date.now() > deadline) throw new Error(`${complaint()} (after ${seconds} s)`);
		await new Promise((resolve) => setTimeout(resolve, pauseMs));
	}
}
