// Waits for a given time.

/** Resolves after `milliseconds`, or as soon as `signal` is aborted. */
export function wait(milliseconds: number, signal?: AbortSignal): Promise<void> {
	return new Promise((resolve) => {
		if (signal?.aborted === true) return resolve();
		const done = () => {
			clearTimeout(timer);
			signal?.removeEventListener('abort', done);
			resolve();
		};
		const timer = setTimeout(done, milliseconds);
		signal?.addEventListener('abort', done);
	});
}
