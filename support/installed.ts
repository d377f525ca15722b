// A copy of the build in a directory of root that everybody may read, as a package would install it. The checkout
// itself may be in somebody's home.
import { chmodSync, copyFileSync, cpSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from './servers.ts';
import { CLI } from './tinytap.ts';

export type Installed = {
	readonly path: string;
	readonly launcher: string;
	/** The program that the launcher runs in Node. */
	readonly program: string;
	readonly remove: () => void;
};

const CHECKOUT = join(CLI, '../..');

export function installed(): Installed {
	const { path, remove } = temporaryDirectory();
	for (const part of ['build', 'dist', 'queries', 'recordings']) {
		mkdirSync(join(path, part), { mode: 0o755 });
		for (const entry of readdirSync(join(CHECKOUT, part), { withFileTypes: true }))
			if (entry.isFile()) cpSync(join(CHECKOUT, part, entry.name), join(path, part, entry.name));
	}
	copyFileSync(join(CHECKOUT, 'package.json'), join(path, 'package.json'));
	chmodSync(path, 0o755);
	return {
		path,
		launcher: join(path, 'build/tinytap-launcher'),
		program: join(path, 'dist/tinytap.cjs'),
		remove,
	};
}
