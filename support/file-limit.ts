// Limits the size of files, as if the disk were full.
import { spawnSync } from 'node:child_process';

/** Runs `work` while no file that this process writes may exceed `bytes`. */
export async function withFileLimit(bytes: number, work: () => Promise<void>): Promise<void> {
	const limit = (soft: string) => {
		const { status, stderr } = spawnSync('prlimit', ['--pid', String(process.pid), `--fsize=${soft}:`], {
			encoding: 'utf8',
		});
		if (status !== 0) throw new Error(`prlimit: ${stderr}`);
	};
	// Otherwise the signal would end the process.
	const ignore = () => undefined;
	process.on('SIGXFSZ', ignore);
	limit(String(bytes));
	try {
		await work();
	} finally {
		limit('unlimited');
		process.off('SIGXFSZ', ignore);
	}
}
