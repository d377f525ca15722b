// Debian's kernels as files: found, downloaded and unpacked by apt and dpkg-deb in separate directories. The machine's
// apt configuration and installed packages stay unchanged; only its mirror and its keys are used.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type KernelPackage = {
	/** `6.1`, `6.12` … */
	readonly series: string;
	/** Name and version, `linux-image-6.1.0-56-cloud-amd64 6.1.192-2`. */
	readonly title: string;
	/** The compressed kernel image, ready for an emulator. */
	readonly image: string;
};

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** The suites that contain the kernels: 5.10 is Debian 11's, 6.1 and 6.12 are those of Debian 12 and its backports. */
const SUITES = ['bullseye', 'bookworm', 'bookworm-backports'];
const SECURITY_SUITES = ['bullseye-security', 'bookworm-security'];

/**
 * The newest package of each series, kept in `directory` and reused from there. Series that the mirror does not have
 * (any more) are left out.
 */
export function kernelPackages(
	series: readonly string[],
	directory: string,
	options: { readonly refresh: boolean },
): KernelPackage[] {
	if (options.refresh) for (const name of series) rmSync(join(directory, name), { recursive: true, force: true });
	const kept = series.map((name) => keptKernel(name, directory));
	if (kept.every((kernel) => kernel !== undefined)) return kept;
	const apt = privateApt(directory);
	apt('apt-get', ['-q', 'update']);
	const names = apt('apt-cache', ['search', '--names-only', '^linux-image-[56].*-cloud-amd64$'])
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

type Apt = (command: string, args: readonly string[], cwd?: string) => string;

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

/** Runs apt with lists, cache and sources in `directory`. */
function privateApt(directory: string): Apt {
	const root = join(directory, 'apt');
	for (const folder of ['lists/partial', 'cache/archives/partial']) mkdirSync(join(root, folder), { recursive: true });
	writeFileSync(join(root, 'sources.list'), sources(root));
	writeFileSync(
		join(root, 'apt.conf'),
		[
			`Dir::State::lists "${root}/lists";`,
			`Dir::Cache "${root}/cache";`,
			`Dir::Etc::sourcelist "${root}/sources.list";`,
			'Dir::Etc::sourceparts "-";',
			'Acquire::Languages "none";',
			// apt's own user may not be able to access the directory.
			'APT::Sandbox::User "root";',
			'',
		].join('\n'),
	);
	return (command, args, cwd) =>
		execFileSync(command, args, { cwd, encoding: 'utf8', env: { ...process.env, APT_CONFIG: join(root, 'apt.conf') } });
}

/** The wanted suites at the mirror that this machine uses. */
function sources(root: string): string {
	// With an empty list directory, apt prints the address of each list, even if it has fetched them before.
	const args = ['update', '--print-uris', '-o', `Dir::State::lists=${root}/none`];
	mkdirSync(join(root, 'none/partial'), { recursive: true });
	const addresses = execFileSync('apt-get', args, { encoding: 'utf8' });
	const mirror = /'(\S+\/debian)\/dists\//.exec(addresses)?.[1];
	const security = /'(\S+\/debian-security)\/dists\//.exec(addresses)?.[1];
	if (mirror === undefined) throw new Error("expected a Debian mirror among this machine's sources of apt, found none");
	const lines = SUITES.map((suite) => `deb [signed-by=${KEYRING}] ${mirror} ${suite} main`);
	if (security !== undefined)
		lines.push(...SECURITY_SUITES.map((suite) => `deb [signed-by=${KEYRING}] ${security} ${suite} main`));
	return `${lines.join('\n')}\n`;
}
