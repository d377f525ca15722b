// The programs of the root file system and their libraries: this machine's own, or for another architecture Debian's.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { neededFiles } from '../../support/elf.ts';
import type { Architecture } from './architecture.ts';
import { privateApt } from './private-apt.ts';

/** Files of this machine to copy. */
export type GuestPrograms = {
	readonly busybox: string;
	readonly curl: string;
	readonly script: string;
	readonly node: string;
	/** Everything that the dynamic linker would load for a program, with its path in the guest, which has no leading slash. */
	readonly librariesOf: (program: string) => Map<string, string>;
};

const PACKAGES = ['busybox-static', 'curl', 'bsdutils', 'libstdc++6', 'libatomic1'];

export function guestPrograms(directory: string, architecture: Architecture): GuestPrograms {
	if (architecture.name === process.arch) {
		const path = (name: string) => execFileSync('sh', ['-c', 'command -v "$0"', name], { encoding: 'utf8' }).trim();
		return {
			...{ busybox: path('busybox'), curl: path('curl'), script: path('script'), node: process.execPath },
			librariesOf: (program) => libraries(program, '/', architecture),
		};
	}
	const root = debianRoot(directory, architecture);
	const path = (...names: string[]) => {
		const found = names.map((name) => join(root, name)).find((name) => existsSync(name));
		if (found === undefined) throw new Error(`expected ${names[0]} in Debian's packages, found none`);
		return found;
	};
	return {
		busybox: path('bin/busybox', 'usr/bin/busybox'),
		curl: path('usr/bin/curl'),
		script: path('usr/bin/script'),
		node: nodeFor(directory, architecture),
		librariesOf: (program) => libraries(program, root, architecture),
	};
}

function libraries(program: string, root: string, architecture: Architecture): Map<string, string> {
	const found = new Map<string, string>();
	const look = (file: string) => {
		const needed = neededFiles(file);
		if (needed.linker !== undefined) found.set(needed.linker.slice(1), join(root, needed.linker));
		for (const name of needed.libraries) {
			if (found.has(`lib/${name}`)) continue;
			const library = architecture.libraries.map((each) => join(root, each, name)).find((path) => existsSync(path));
			if (library === undefined) throw new Error(`expected ${name}, which ${file} needs, in ${root}`);
			found.set(`lib/${name}`, library);
			look(library);
		}
	};
	look(program);
	return found;
}

/** A directory with the packages and what they depend on, unpacked and not installed. */
function debianRoot(directory: string, architecture: Architecture): string {
	const root = join(directory, 'root');
	if (existsSync(root)) return root;
	const apt = privateApt(directory, architecture);
	const options = ['-o', 'Debug::NoLocking=true', '--no-install-recommends', '--download-only'];
	apt('apt-get', ['-q', '-y', ...options, 'install', ...PACKAGES]);
	const unfinished = `${root}.new`;
	rmSync(unfinished, { recursive: true, force: true });
	mkdirSync(unfinished);
	const archives = join(directory, 'apt/cache/archives');
	for (const file of readdirSync(archives).filter((name) => name.endsWith('.deb')))
		execFileSync('dpkg-deb', ['-x', join(archives, file), unfinished]);
	rmSync(archives, { recursive: true });
	renameSync(unfinished, root);
	return root;
}

/** The same version of Node as this one, from its npm package for the architecture. */
function nodeFor(directory: string, { name }: Architecture): string {
	const folder = join(directory, 'node');
	const node = join(folder, process.versions.node);
	if (existsSync(node)) return node;
	mkdirSync(folder, { recursive: true });
	const words = ['pack', '--silent', '--pack-destination', folder, `node-linux-${name}@${process.versions.node}`];
	const archive = execFileSync('npm', words, { encoding: 'utf8' }).trim();
	execFileSync('tar', ['-x', '-f', join(folder, archive), '-C', folder, 'package/bin/node']);
	renameSync(join(folder, 'package/bin/node'), node);
	rmSync(join(folder, archive));
	return node;
}
