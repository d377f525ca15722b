// The tree of files that .deb and .rpm install, made from the npm package and Node.
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { nodeBinary } from './node-binary.ts';
import { ARCHITECTURES, type Architecture, PACKAGES, ROOT, run, sourceDate } from './places.ts';

/** Where files of each kind belong. */
export type Places = { readonly zsh: string };
export const DEBIAN_PLACES: Places = { zsh: 'usr/share/zsh/vendor-completions' };
export const FEDORA_PLACES: Places = { zsh: 'usr/share/zsh/site-functions' };

/** Installed, but neither enabled nor started. */
export const SERVICES = ['tinytap-agent', 'tinytap-record'] as const;

/** Unpacks the npm package `tarball` to `folder`, without the programs for other architectures. */
export function unpackProgram(tarball: string, architecture: Architecture, folder: string): void {
	mkdirSync(folder, { recursive: true });
	run('tar', ['xzf', tarball, '--strip-components=1', '--no-same-owner', '-C', folder]);
	for (const other of ARCHITECTURES)
		if (other !== architecture) rmSync(join(folder, `dist/linux-${other}`), { recursive: true, force: true });
	const native = join(folder, `dist/linux-${architecture}`);
	if (!existsSync(native)) throw new Error(`${tarball} has no programs for linux-${architecture}`);
	// A single-file program or a package with a Node of its own does not need what finds one.
	for (const name of ['bin', 'dist/index.js', 'dist/index.d.ts', 'README.md'])
		rmSync(join(folder, name), { recursive: true, force: true });
	cpSync(join(nodeBinary(architecture), 'node'), join(native, 'node'));
	chmodSync(join(native, 'node'), 0o755);
}

/** Makes the tree in a new directory; returns its path. */
export function installedTree(tarball: string, architecture: Architecture, kind: string, places: Places): string {
	const tree = join(PACKAGES, `${kind}-${architecture}`);
	rmSync(tree, { recursive: true, force: true });
	const program = join(tree, 'usr/lib/tinytap');
	unpackProgram(tarball, architecture, program);
	const native = `dist/linux-${architecture}`;
	mkdirSync(join(tree, 'usr/bin'), { recursive: true });
	symlinkSync(`../lib/tinytap/${native}/tinytap-launcher`, join(tree, 'usr/bin/tinytap'));
	const move = (from: string, to: string) => {
		const path = join(tree, to);
		mkdirSync(dirname(path), { recursive: true });
		cpSync(join(program, from), path);
		rmSync(join(program, from));
	};
	move('dist/completions/tinytap.bash', 'usr/share/bash-completion/completions/tinytap');
	move('dist/completions/_tinytap', `${places.zsh}/_tinytap`);
	move('dist/completions/tinytap.fish', 'usr/share/fish/vendor_completions.d/tinytap.fish');
	rmSync(join(program, 'dist/completions'), { recursive: true });
	write(tree, 'usr/share/man/man1/tinytap.1.gz', compressed(join(program, 'docs/tinytap.1')));
	rmSync(join(program, 'docs'), { recursive: true });
	write(tree, 'usr/share/doc/tinytap/changelog.gz', compressed(join(ROOT, 'CHANGELOG.md')));
	write(tree, 'usr/share/doc/tinytap/copyright', copyright(program, architecture));
	rmSync(join(program, 'LICENSE'));
	rmSync(join(program, 'dist/licenses.txt'));
	for (const name of SERVICES) {
		copy(`packaging/${name}.service`, join(tree, `usr/lib/systemd/system/${name}.service`));
		copy(`packaging/${name}.default`, join(tree, `etc/default/${name}`));
	}
	normalize(tree);
	return tree;
}

/** Modes and times that do not depend on who builds, or when. */
export function normalize(tree: string): void {
	run('find', [tree, '-type', 'd', '-exec', 'chmod', '0755', '{}', '+']);
	run('find', [tree, '-type', 'f', '-perm', '/0111', '-exec', 'chmod', '0755', '{}', '+']);
	run('find', [tree, '-type', 'f', '!', '-perm', '/0111', '-exec', 'chmod', '0644', '{}', '+']);
	run('find', [tree, '-exec', 'touch', '--no-dereference', '--date', `@${sourceDate()}`, '{}', '+']);
}

/** All licences, as one text. */
export function copyright(program: string, architecture: Architecture, more: readonly string[] = []): string {
	const texts = [join(program, 'LICENSE'), join(program, 'dist/licenses.txt')].map((path) =>
		readFileSync(path, 'utf8'),
	);
	const node = readFileSync(join(nodeBinary(architecture), 'LICENSE'), 'utf8');
	return [...texts, ...more, `Node.js, in dist/linux-${architecture}/node:\n\n${node}`].join('\n');
}

function compressed(path: string): Buffer {
	return gzipSync(readFileSync(path), { level: 9 });
}

function copy(from: string, to: string): void {
	mkdirSync(dirname(to), { recursive: true });
	cpSync(join(ROOT, from), to);
}

function write(tree: string, name: string, content: string | Buffer): void {
	mkdirSync(dirname(join(tree, name)), { recursive: true });
	writeFileSync(join(tree, name), content);
}
