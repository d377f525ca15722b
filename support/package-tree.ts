// The build in the layout of a package, in a directory of root that everybody may read: what `npm pack` makes, without npm.
import { chmodSync, cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from './servers.ts';
import { CLI } from './tinytap.ts';

export type PackageTree = {
	readonly path: string;
	/** What a user starts. */
	readonly program: string;
	/** The directory with the programs for this machine. */
	readonly native: string;
	readonly remove: () => void;
};

const CHECKOUT = join(CLI, '../..');
const NATIVE = [
	'tinytap.node',
	'tinytap-launcher',
	'tinytap-attacher',
	'tinytap-helper',
	'tinytap-looker',
	'tinytap-tls-helper',
];
const OBJECTS = ['tinytap.bpf.o', 'tinytap-old.bpf.o', 'tinytap-tls.bpf.o'];

export function packageTree(): PackageTree {
	const { path, remove } = temporaryDirectory();
	const native = join(path, `dist/linux-${process.arch}`);
	mkdirSync(native, { recursive: true });
	for (const name of ['bin', 'queries', 'recordings', 'package.json'])
		cpSync(join(CHECKOUT, name), join(path, name), { recursive: true });
	const bundles = ['tinytap.cjs', 'capture-thread.cjs', 'query-thread.cjs', 'parquet-library.cjs', 'proto-library.cjs'];
	for (const name of [...bundles, 'report-page.js', 'report-page.css'])
		cpSync(join(CHECKOUT, 'dist', name), join(path, 'dist', name));
	cpSync(join(CHECKOUT, 'build/decoder.wasm'), join(path, 'dist/decoder.wasm'));
	for (const name of [...NATIVE, ...OBJECTS]) cpSync(join(CHECKOUT, 'build', name), join(native, name));
	chmodSync(path, 0o755);
	return { path, program: join(path, 'bin/tinytap'), native, remove };
}
