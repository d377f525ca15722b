// Where the files of this installation are, and its version.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const root = packageDirectory(import.meta.dirname);

const programWithRights = join(root, 'build/tinytap-launcher');

export const FILES = {
	bpfObject: join(root, 'build/tinytap.bpf.o'),
	addon: join(root, 'build/tinytap.node'),
	decoder: join(root, 'build/decoder.wasm'),
	/** The bundled programs of the threads. */
	threads: join(root, 'dist'),
	demoRecording: join(root, 'recordings/demo.tinytap'),
	bundledQueries: join(root, 'queries'),
	/** What users start: in a checkout a script, which also builds what is missing. */
	launcher: existsSync(join(root, 'scripts/tinytap')) ? join(root, 'scripts/tinytap') : programWithRights,
	/** The privileged program that starts this one. */
	programWithRights,
} as const;

/** The version in package.json. */
export function version(): string {
	const text = readFileSync(join(root, 'package.json'), 'utf8');
	const manifest: unknown = JSON.parse(text);
	if (manifest !== null && typeof manifest === 'object' && 'version' in manifest) return String(manifest.version);
	return 'unknown';
}

/** The nearest directory with a package.json: one above dist/ (built), two above this file (from source). */
function packageDirectory(from: string): string {
	const parent = dirname(from);
	return parent === from || existsSync(join(from, 'package.json')) ? from : packageDirectory(parent);
}
