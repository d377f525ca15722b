// npm run release: makes the packages in build/packages.
//   npm run release -- [npm|deb|rpm|single|sums|all] [--arch x64|arm64] [--fast]
// --fast: compress less, to try them.
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { packDeb } from './release/deb.ts';
import { nodeBinary } from './release/node-binary.ts';
import { packNpm, prepareNpm, restoreNpm } from './release/npm-package.ts';
import { ARCHITECTURES, type Architecture, manifest, PACKAGES, ROOT } from './release/places.ts';
import { packRpm } from './release/rpm.ts';
import { packSingle } from './release/single-file.ts';
import { writeSums } from './release/sums.ts';

/** Promised sizes, by the ends of names. */
const MOST_BYTES = [
	['.tgz', 5_000_000],
	['.deb', 30_000_000],
	['.rpm', 30_000_000],
	['-linux-x64', 40_000_000],
	['-linux-arm64', 40_000_000],
] as const;

const fast = process.argv.includes('--fast');
const words = process.argv.slice(2).filter((word) => word !== '--fast');
const at = words.indexOf('--arch');
const [wanted] = at < 0 ? [] : words.splice(at, 2).slice(1);
const [kind = 'all', ...more] = words;

/** The npm package; made if it is missing. The others are made from it. */
function tarball(): string {
	const path = join(PACKAGES, `tinytap-${manifest().version}.tgz`);
	return existsSync(path) ? path : packNpm();
}

/** The chosen architecture, or all for which the npm package has programs. */
function architectures(): readonly Architecture[] {
	if (wanted !== undefined) return ARCHITECTURES.filter((name) => name === wanted);
	return ARCHITECTURES.filter((name) => existsSync(join(ROOT, `dist/linux-${name}/tinytap-launcher`)));
}

const each = (pack: (tarball: string, architecture: Architecture, fast: boolean) => string) => () => {
	const from = tarball();
	return architectures().map((architecture) => pack(from, architecture, fast));
};

const KINDS: Readonly<Record<string, () => readonly string[]>> = {
	npm: () => [packNpm()],
	deb: each(packDeb),
	rpm: each(packRpm),
	single: each(packSingle),
	sums: writeSums,
	all: () => [packNpm(), ...['deb', 'rpm', 'single', 'sums'].flatMap((kind) => KINDS[kind]!())],
	// Prints where the Node of packages is.
	node: () => architectures().map((architecture) => join(nodeBinary(architecture), 'node')),
	// Called by npm pack.
	'npm-prepare': () => {
		prepareNpm();
		return [];
	},
	'npm-restore': () => {
		restoreNpm();
		return [];
	},
};

const make = KINDS[kind];
if (make === undefined || more.length > 0 || (wanted !== undefined && architectures().length === 0)) {
	console.error(
		`release: expected one of ${Object.keys(KINDS).join(', ')}, and --arch x64 or arm64; got ${process.argv.slice(2).join(' ')}`,
	);
	process.exitCode = 2;
} else {
	for (const path of make()) {
		console.log(path);
		const most = MOST_BYTES.find(([ending]) => path.endsWith(ending))?.[1];
		if (!fast && most !== undefined && statSync(path).size > most) {
			console.error(`release: expected at most ${most} bytes in ${path}, got ${statSync(path).size}`);
			process.exitCode = 1;
		}
	}
}
