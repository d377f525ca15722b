// Cgroups (v2): from paths to the numbers by which the kernel knows them.
import { type BigIntStats, readFileSync, statSync } from 'node:fs';
import { usageError } from '../base/errors.ts';

/** The ids of cgroups. A path may contain the directory where they are mounted. Throws a UserError for one that does not exist. */
export function cgroupIds(paths: readonly string[]): bigint[] {
	if (paths.length === 0) return [];
	const mount = mountPoint(readFileSync('/proc/self/mountinfo', 'utf8'));
	if (mount === undefined)
		throw usageError(
			'--cgroup: expected cgroups of version 2, which are not mounted here',
			'mount -t cgroup2 none /sys/fs/cgroup/unified',
		);
	return paths.map((path) => cgroupId(path, mount));
}

function cgroupId(path: string, mount: string): bigint {
	const directory = path === mount || path.startsWith(`${mount}/`) ? path : `${mount}${path}`;
	const [found, root] = [directory, mount].map((each) => statistics(each));
	// Its inode number is the id.
	if (found?.isDirectory() && found.dev === root?.dev) return found.ino;
	throw usageError(
		`--cgroup: expected the path of a cgroup (v2), and ${directory} is none`,
		'SELECT DISTINCT cgroup FROM exchanges, or /proc/PID/cgroup (the line that begins with 0::), shows paths.',
	);
}

function statistics(path: string): BigIntStats | undefined {
	try {
		return statSync(path, { bigint: true, throwIfNoEntry: false });
	} catch {
		// Part of the path is a file, or may not be read.
		return undefined;
	}
}

/** Where cgroups of version 2 are mounted: of several places, the first one. `mountinfo`: proc_pid_mountinfo(5). */
export function mountPoint(mountinfo: string): string | undefined {
	for (const line of mountinfo.split('\n')) {
		const [before = '', after = ''] = line.split(' - ');
		if (!after.startsWith('cgroup2 ')) continue;
		const point = before.split(' ')[4];
		if (point !== undefined)
			return point.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
	}
	return undefined;
}
