// The .deb of one architecture.
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Architecture, fixedEnvironment, manifest, NAMES, PACKAGES, ROOT, run } from './places.ts';
import { DEBIAN_PLACES, installedTree, normalize, SERVICES } from './tree.ts';

/** Makes it from the npm package; returns its path. */
export function packDeb(tarball: string, architecture: Architecture, fast: boolean): string {
	const { version, description } = manifest();
	const { debian } = NAMES[architecture];
	const tree = installedTree(tarball, architecture, 'deb', DEBIAN_PLACES);
	const size = Number(run('du', ['-sk', '--apparent-size', tree]).split('\t')[0]);
	const sums = execFileSync('sh', ['-c', 'find etc usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum'], {
		cwd: tree,
	});
	const control = join(tree, 'DEBIAN');
	mkdirSync(control);
	for (const name of ['postinst', 'prerm', 'postrm']) cpSync(join(ROOT, 'packaging/deb', name), join(control, name));
	for (const name of ['postinst', 'prerm', 'postrm']) chmodSync(join(control, name), 0o755);
	writeFileSync(join(control, 'md5sums'), sums);
	writeFileSync(join(control, 'conffiles'), SERVICES.map((name) => `/etc/default/${name}\n`).join(''));
	writeFileSync(
		join(control, 'control'),
		`Package: tinytap
Version: ${version}
Architecture: ${debian}
Maintainer: tinytap authors <tinytap@localhost>
Installed-Size: ${size}
Depends: libc6 (>= 2.28), libstdc++6 (>= 8), libgcc-s1 (>= 3.4) | libgcc1
Suggests: less
Section: net
Priority: optional
Description: ${description.split(',')[0]}
 tinytap captures the HTTP/1.x traffic of the programs on this host with eBPF
 and answers questions about it in SQL. It brings its own Node.js.
`,
	);
	normalize(tree);
	const path = join(PACKAGES, `tinytap_${version}_${debian}.deb`);
	// Several threads would compress in blocks whose size depends on the machine.
	const options = ['--root-owner-group', '-Zxz', fast ? '-z0' : '-z6', '--threads-max=1'];
	run('dpkg-deb', [...options, '--build', tree, path], { env: fixedEnvironment() });
	rmSync(tree, { recursive: true });
	return path;
}
