// Debian's kernels as files: found, downloaded and unpacked by apt and dpkg-deb in separate directories.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Architecture } from './architecture.ts';
import { type Apt, privateApt } from './private-apt.ts';

export type KernelPackage = {
	/** `6.1`, `6.12` … */
	readonly series: string;
	/** Name and version, `linux-image-6.1.0-56-cloud-amd64 6.1.192-2`. */
	readonly title: string;
	/** The compressed kernel image, ready for an emulator. */
	readonly image: string;
};

/**
 * The newest package of each series, kept in `directory` and reused from there. Series that the mirror does not have
 * (any more) are left out.
 */
export function kernelPackages(
	series: readonly string[],
	directory: string,
	architecture: Architecture,
	options: { readonly refresh: boolean },
): KernelPackage[] {
	if (options.refresh) for (const name of series) rmSync(join(directory, name), { recursive: true, force: true });
	const kept = series.map((name) => keptKernel(name, directory));
	if (kept.every((kernel) => kernel !== undefined)) return kept;
	const apt = privateApt(directory, architecture);
	const names = apt('apt-cache', ['search', '--names-only', `^linux-image-[56].*-cloud-${architecture.debian}$`])
		.split('\n')
		.map((line) => line.split(' ')[0] ?? '');
	return series.flatMap((name, index) => {
		const known = kept[index];
		if (known !== undefined) return [known];
		const newest = names
			.filter((candidate) => isOfSeries(candidate, name))
			.sort(new Intl.Collator('en', { numeric: true }).compare)
			.at(-1);
		return newest === undefined ? [] : [download(apt, newest, name, directory)];
	});
}

/** Neither a meta-package nor another release's backport (`0.deb11`). */
function isOfSeries(packageName: string, series: string): boolean {
	return packageName.startsWith(`linux-image-${series}.`) && !packageName.includes('.deb1');
}

function keptKernel(series: string, directory: string): KernelPackage | undefined {
	const folder = join(directory, series);
	if (!existsSync(folder)) return undefined;
	const files = readdirSync(folder);
	const image = files.find((file) => file.startsWith('vmlinuz-'));
	const title = files.find((file) => file.startsWith('linux-image-'));
	if (image === undefined || title === undefined) return undefined;
	return { series, title: title.replace('_', ' '), image: join(folder, image) };
}

function download(apt: Apt, name: string, series: string, directory: string): KernelPackage {
	const folder = join(directory, series);
	rmSync(folder, { recursive: true, force: true });
	mkdirSync(folder, { recursive: true });
	apt('apt-get', ['-q', 'download', name], folder);
	const file = readdirSync(folder).find((entry) => entry.endsWith('.deb'));
	if (file === undefined) throw new Error(`expected apt-get to download ${name}, found no package in ${folder}`);
	const unpack = 'dpkg-deb --fsys-tarfile "$0" | tar x --wildcards --strip-components=2 "./boot/vmlinuz-*"';
	execFileSync('bash', ['-o', 'pipefail', '-c', unpack, file], { cwd: folder });
	rmSync(join(folder, file));
	// In file names apt writes special characters of a version as %XX.
	const [packageName, version] = decodeURIComponent(file).split('_');
	writeFileSync(join(folder, `${packageName}_${version}`), '');
	const kernel = keptKernel(series, directory);
	if (kernel === undefined) throw new Error(`expected a kernel in ${name}, found none`);
	return kernel;
}
