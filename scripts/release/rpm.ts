// The .rpm of one architecture, from the same tree as the .deb.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Architecture, fixedEnvironment, manifest, NAMES, PACKAGES, ROOT, run } from './places.ts';
import { FEDORA_PLACES, installedTree } from './tree.ts';

/** Makes it from the npm package; returns its path. */
export function packRpm(tarball: string, architecture: Architecture, fast: boolean): string {
	const { version, description } = manifest();
	const { rpm } = NAMES[architecture];
	const tree = installedTree(tarball, architecture, 'rpm', FEDORA_PLACES);
	const work = join(PACKAGES, `rpmbuild-${architecture}`);
	rmSync(work, { recursive: true, force: true });
	mkdirSync(work, { recursive: true });
	const values: Record<string, string> = {
		VERSION: version,
		SUMMARY: description.split(',')[0]!,
		TREE: tree,
		LEVEL: fast ? '0' : '6',
	};
	const spec = readFileSync(join(ROOT, 'packaging/rpm/tinytap.spec'), 'utf8');
	writeFileSync(
		join(work, 'tinytap.spec'),
		spec.replace(/@([A-Z]+)@/g, (_, name: string) => values[name] ?? ''),
	);
	const options = ['-bb', '--quiet', '--target', `${rpm}-linux`, '--define', `_topdir ${work}`];
	run('rpmbuild', [...options, join(work, 'tinytap.spec')], {
		env: fixedEnvironment(),
		stdio: ['ignore', 'ignore', 'inherit'],
	});
	const [made = ''] = readdirSync(join(work, 'RPMS', rpm));
	const path = join(PACKAGES, made);
	cpSync(join(work, 'RPMS', rpm, made), path);
	for (const folder of [tree, work]) rmSync(folder, { recursive: true });
	return path;
}
