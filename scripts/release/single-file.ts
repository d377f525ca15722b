// The single file: a program (packaging/single/single_file.c) followed by tinytap, Node, the C library and its loader.
import { createHash } from 'node:crypto';
import {
	chmodSync,
	copyFileSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	rmSync,
	statSync,
	writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { debianFiles, debianVersions } from './debian-packages.ts';
import { type Architecture, fixedEnvironment, manifest, NAMES, PACKAGES, ROOT, run } from './places.ts';
import { copyright, normalize, unpackProgram } from './tree.ts';

const LOADERS: Readonly<Record<Architecture, string>> = {
	x64: 'ld-linux-x86-64.so.2',
	arm64: 'ld-linux-aarch64.so.1',
};
const LIBRARIES = ['libc.so.6', 'libm.so.6', 'libdl.so.2', 'libpthread.so.0', 'libstdc++.so.6', 'libgcc_s.so.1'];
/** Of Debian 12. The last one is linked into the program at the beginning. */
const PACKAGE_NAMES = ['libc6', 'libstdc++6', 'libgcc-s1', 'libzstd-dev'];
/** single_file.c reads the same trailer. */
const MAGIC = 'TINYTAP-SINGLE-1';

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
	compileUnpacker(program, architecture, {
		include: join(debian, 'usr/include'),
		zstd: join(debian, 'usr/lib', NAMES[architecture].gnu, 'libzstd.a'),
	});
	const path = join(PACKAGES, `tinytap-${manifest().version}-linux-${architecture}`);
	writeSingle(path, { program, tree, work, fast });
	for (const folder of [tree, work]) rmSync(folder, { recursive: true });
	return path;
}

/** Writes the file `path`, which unpacks the files below `tree`. Temporary files go to `work`. */
export function writeSingle(
	path: string,
	{ program, tree, work, fast }: { program: string; tree: string; work: string; fast: boolean },
): void {
	const files = filesBelow(tree).map((name) => ({ name, ...modeAndSize(join(tree, name)) }));
	const list = Buffer.from(files.map(({ mode, size, name }) => `${mode.toString(8)} ${size} ${name}\n`).join(''));
	const content = compressed(tree, work, fast);
	const code = readFileSync(program);
	const unpackedBytes = files.reduce((sum, { size }) => sum + size, 0);
	writeFileSync(path, Buffer.concat([code, list, content, trailer(code.length, list, content, unpackedBytes)]));
	chmodSync(path, 0o755);
}

function modeAndSize(path: string): { mode: number; size: number } {
	const { mode, size } = statSync(path);
	return { mode: mode & 0o777, size };
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

/** The files of the tree as a tar, compressed. */
function compressed(tree: string, work: string, fast: boolean): Buffer {
	const tar = join(work, 'content.tar');
	const entries = readdirSync(tree).sort();
	const options = ['--format=ustar', '--sort=name', '--owner=0', '--group=0', '--numeric-owner'];
	run('tar', ['cf', tar, ...options, '-C', tree, ...entries], { env: fixedEnvironment() });
	// One thread: several divide the input in a way that depends on the machine.
	const level = fast ? ['-3'] : ['-19', '--long=27'];
	run('zstd', ['-q', '--single-thread', '--check', ...level, tar, '-o', `${tar}.zst`]);
	return readFileSync(`${tar}.zst`);
}

/** Compiles the program that the file begins with. `zstd`: the static library. */
export function compileUnpacker(
	output: string,
	architecture: Architecture,
	{ include, zstd }: { include: string; zstd: string },
): void {
	run(process.arch === architecture ? 'gcc' : `${NAMES[architecture].gnu}-gcc`, [
		...['-static', '-O2', '-std=gnu17', '-Wall', '-Wextra', '-Werror', '-s', '-Wl,--build-id=none'],
		...[`-ffile-prefix-map=${ROOT}=.`, `-DARCHITECTURE="${architecture}"`, `-I${include}`],
		...['-o', output, join(ROOT, 'packaging/single/single_file.c'), zstd],
	]);
}

function trailer(start: number, list: Buffer, content: Buffer, unpackedBytes: number): Buffer {
	const key = createHash('sha256').update(list).update(content).digest('hex').slice(0, 32);
	const numbers = [start, list.length, start + list.length, content.length, unpackedBytes];
	const bytes = Buffer.alloc(numbers.length * 8);
	for (const [index, number] of numbers.entries()) bytes.writeBigUInt64LE(BigInt(number), index * 8);
	return Buffer.concat([bytes, Buffer.from(key), Buffer.from(MAGIC)]);
}

function filesBelow(directory: string): string[] {
	const names = readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort();
	return names.filter((name) => statSync(join(directory, name)).isFile());
}
