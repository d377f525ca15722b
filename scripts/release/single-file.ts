// The single file: a program (packaging/single/single_file.c) followed by tinytap, Node, the C library and its loader.
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compileUnpacker, writeSingle } from '../../support/single-file.ts';
import { debianFiles, debianVersions } from './debian-packages.ts';
import { type Architecture, fixedEnvironment, manifest, NAMES, PACKAGES } from './places.ts';
import { copyright, normalize, unpackProgram } from './tree.ts';

const LOADERS: Readonly<Record<Architecture, string>> = {
	x64: 'ld-linux-x86-64.so.2',
	arm64: 'ld-linux-aarch64.so.1',
};
const LIBRARIES = ['libc.so.6', 'libm.so.6', 'libdl.so.2', 'libpthread.so.0', 'libstdc++.so.6', 'libgcc_s.so.1'];
/** Of Debian 12. The last one is linked into the program at the beginning. */
const PACKAGE_NAMES = ['libc6', 'libstdc++6', 'libgcc-s1', 'libzstd-dev'];

/** Makes it from the npm package; returns its path. */
export function packSingle(tarball: string, architecture: Architecture, fast: boolean): string {
	const debian = debianFiles(architecture, PACKAGE_NAMES);
	const tree = join(PACKAGES, `single-${architecture}`);
	rmSync(tree, { recursive: true, force: true });
	unpackProgram(tarball, architecture, tree);
	const native = join(tree, `dist/linux-${architecture}`);
	addLibraries(debian, architecture, native);
	writeFileSync(join(tree, 'COPYRIGHT'), copyright(tree, architecture, [libraryLicences(debian, architecture)]));
	normalize(tree);

	const work = `${tree}.work`;
	rmSync(work, { recursive: true, force: true });
	mkdirSync(work);
	const program = join(work, 'single_file');
	const { gnu } = NAMES[architecture];
	compileUnpacker(program, {
		compiler: process.arch === architecture ? 'gcc' : `${gnu}-gcc`,
		architecture,
		include: join(debian, 'usr/include'),
		zstd: join(debian, 'usr/lib', gnu, 'libzstd.a'),
	});
	const path = join(PACKAGES, `tinytap-${manifest().version}-linux-${architecture}`);
	writeSingle(path, { program, tree, work, fast, env: fixedEnvironment() });
	for (const folder of [tree, work]) rmSync(folder, { recursive: true });
	return path;
}

function addLibraries(debian: string, architecture: Architecture, native: string): void {
	const { gnu } = NAMES[architecture];
	mkdirSync(join(native, 'lib'));
	const places = [join(debian, 'lib', gnu), join(debian, 'usr/lib', gnu)];
	const find = (name: string) => {
		const place = places.find((folder) => readdirSync(folder).includes(name));
		if (place === undefined) throw new Error(`expected ${name} in ${places.join(' or ')}`);
		return join(place, name);
	};
	for (const name of LIBRARIES) copyFileSync(find(name), join(native, 'lib', name));
	// Node also names its loader as a library.
	copyFileSync(find(LOADERS[architecture]), join(native, 'lib', LOADERS[architecture]));
	copyFileSync(find(LOADERS[architecture]), join(native, 'loader'));
	chmodSync(join(native, 'loader'), 0o755);
}

function libraryLicences(debian: string, architecture: Architecture): string {
	const texts = ['libc6', 'gcc-12-base', 'libzstd-dev'].flatMap((name) => {
		try {
			return [readFileSync(join(debian, 'usr/share/doc', name, 'copyright'), 'utf8')];
		} catch {
			// A link to the directory of another package.
			return [];
		}
	});
	return `Debian packages in dist/linux-${architecture}: ${debianVersions(architecture).join(', ')}\n\n${texts.join('\n')}`;
}
