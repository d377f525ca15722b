// The Node that packages bring: the program and its licence, from the npm package node-linux-ARCH.
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Architecture, DOWNLOADS, NODE_VERSION, run, say } from './places.ts';

/** LLVM's handles all architectures. Debian's package llvm has it without a version. */
function stripTool(): string {
	return ['llvm-strip', 'llvm-strip-14'].find((name) => existsSync(`/usr/bin/${name}`)) ?? 'llvm-strip';
}

/** A directory with `node` and `LICENSE`. */
export function nodeBinary(architecture: Architecture): string {
	const folder = join(DOWNLOADS, `node-linux-${architecture}-${NODE_VERSION}`);
	if (existsSync(folder)) return folder;
	say(`downloading Node ${NODE_VERSION} for ${architecture}`);
	const unpacked = `${folder}.new`;
	rmSync(unpacked, { recursive: true, force: true });
	mkdirSync(unpacked, { recursive: true });
	const [file = ''] = run('npm', ['pack', '--silent', `node-linux-${architecture}@${NODE_VERSION}`], { cwd: unpacked })
		.trim()
		.split('\n');
	run('tar', ['xzf', file, '--strip-components=1', 'package/LICENSE'], { cwd: unpacked });
	run('tar', ['xzf', file, '--strip-components=2', 'package/bin/node'], { cwd: unpacked });
	// Its symbols are an eighth of it, and nothing needs them.
	run(stripTool(), [join(unpacked, 'node')]);
	rmSync(join(unpacked, file));
	renameSync(unpacked, folder);
	return folder;
}
