// The CPU time of this process. Limits on it hold on a busy machine, too, unlike limits on elapsed time.

/** Milliseconds of CPU time so far, of all threads. */
export function cpuMs(): number {
	const { user, system } = process.cpuUsage();
	return (user + system) / 1000;
}
