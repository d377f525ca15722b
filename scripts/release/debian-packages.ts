// Files of Debian 12's packages for any architecture, without installing anything.
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ARCHITECTURES as MACHINES } from '../kernels.d/architecture.ts';
import { privateApt } from '../kernels.d/private-apt.ts';
import { type Architecture, DOWNLOADS, run, say } from './places.ts';

/** A directory with the unpacked packages. */
export function debianFiles(architecture: Architecture, names: readonly string[]): string {
	const folder = join(DOWNLOADS, `debian-${architecture}`);
	if (existsSync(folder)) return folder;
	say(`downloading for ${architecture}: ${names.join(' ')}`);
	const unpacked = `${folder}.new`;
	rmSync(unpacked, { recursive: true, force: true });
	mkdirSync(join(unpacked, 'packages'), { recursive: true });
	const apt = privateApt(unpacked, MACHINES[architecture]!);
	apt('apt-get', ['-q', 'download', ...names], join(unpacked, 'packages'));
	rmSync(join(unpacked, 'apt'), { recursive: true });
	for (const file of readdirSync(join(unpacked, 'packages')))
		run('dpkg-deb', ['-x', join(unpacked, 'packages', file), unpacked]);
	// Links to files of other packages.
	run('find', [unpacked, '-xtype', 'l', '-delete']);
	renameSync(unpacked, folder);
	return folder;
}

/** Names and versions of these packages. */
export function debianVersions(architecture: Architecture): string[] {
	const files = readdirSync(join(DOWNLOADS, `debian-${architecture}/packages`)).sort();
	return files.map((file) => decodeURIComponent(file.replace(/_[a-z0-9]+\.deb$/, '')).replace('_', ' '));
}
