// Where the files of this installation are: a checkout, or a package (npm, .deb, .rpm, single file); and its version.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { arch, platform } from 'node:os';
import { dirname, join } from 'node:path';

const root = packageDirectory(import.meta.dirname);

const isCheckout = existsSync(join(root, 'scripts', 'build'));
/** In a checkout the build is separate from the bundles. A package has everything in dist/. */
const isBuiltHere = isCheckout || existsSync(join(root, 'build'));
const built = join(root, isBuiltHere ? 'build' : 'dist');
/** The programs and objects for this machine. */
const native = isBuiltHere ? built : join(built, `${platform()}-${arch()}`);

const programWithRights = join(native, 'tinytap-launcher');

/** What names the bundled recording wherever a recording can be named. A file of this name is `./demo`. */
export const DEMO_NAME = 'demo';

export const FILES = {
	bpfObject: join(native, 'tinytap.bpf.o'),
	addon: join(native, 'tinytap.node'),
	decoder: join(built, 'decoder.wasm'),
	/** The bundled programs of the threads. */
	threads: join(root, 'dist'),
	/** The code of the page that a report is. */
	reportScript: join(root, 'dist/report-page.js'),
	reportStyle: join(root, 'dist/report-page.css'),
	demoRecording: join(root, 'recordings/demo.tinytap'),
	bundledQueries: join(root, 'queries'),
	/** The privileged program that starts this one. */
	programWithRights,
	/** In a checkout, the script that also builds what is missing. */
	checkoutProgram: isCheckout ? join(root, 'scripts', 'tinytap') : undefined,
} as const;

/** What to do if files of this installation are missing or do not fit. */
export function howToRepair(): string {
	return isCheckout ? 'Run: npm run build' : 'Install tinytap again: a file of this package is missing or changed.';
}

/** Whether this package has its own Node, so that it need not be found in PATH. */
export function hasOwnNode(): boolean {
	return statSync(join(native, 'node'), { throwIfNoEntry: false })?.isFile() === true;
}

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
