// The npm package. `npm pack` calls this before (prepare) and after (restore): it completes dist/ and, as long as npm packs,
// puts a package.json in place that says nothing about development.
import { chmodSync, copyFileSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { licences } from './licences.ts';
import { API_MODULE, apiTypes } from './package-api.ts';
import { ARCHITECTURES, type Architecture, manifest, PACKAGES, ROOT, run, say } from './places.ts';

const PROGRAMS = [
	'tinytap.node',
	'tinytap-launcher',
	'tinytap-attacher',
	'tinytap-helper',
	'tinytap-looker',
	'tinytap-tls-helper',
];
const OBJECTS = ['tinytap.bpf.o', 'tinytap-old.bpf.o', 'tinytap-tls.bpf.o'];
const SHELLS = { bash: 'tinytap.bash', zsh: '_tinytap', fish: 'tinytap.fish' };
/** Parts of package.json that only a checkout needs. */
const DEVELOPMENT = ['scripts', 'devDependencies', 'overrides'];

const MANIFEST = join(ROOT, 'package.json');
const KEPT_MANIFEST = join(ROOT, 'build/package.json');

/** Makes the package; returns its path. */
export function packNpm(): string {
	mkdirSync(PACKAGES, { recursive: true });
	const { version } = manifest();
	run('scripts/setup', ['pack', '--packages-only']);
	run('npm', ['pack', '--silent', '--pack-destination', PACKAGES]);
	const path = join(PACKAGES, `tinytap-${version}.tgz`);
	// The same tar, a fourteenth smaller than npm compresses it.
	run('gunzip', ['--force', path]);
	const tar = join(PACKAGES, `tinytap-${version}.tar`);
	run('libdeflate-gzip', ['-12', '-f', '-S', '.gz', tar]);
	renameSync(`${tar}.gz`, path);
	return path;
}

/** Before `npm pack`. */
export function prepareNpm(): void {
	restoreNpm();
	run('scripts/build', []);
	copyBuilt('decoder.wasm', join(ROOT, 'build/decoder.wasm'), 0o644);
	for (const architecture of ARCHITECTURES) copyNative(architecture);
	for (const [shell, file] of Object.entries(SHELLS)) {
		write(`completions/${file}`, run(process.execPath, [join(ROOT, 'dist/tinytap.cjs'), 'completion', shell]));
	}
	write('index.js', API_MODULE);
	write('index.d.ts', apiTypes());
	write('licenses.txt', licences([join(ROOT, 'build/release/licenses'), join(ROOT, 'prebuilt/licenses')]));
	const kept = Object.entries(manifest()).filter(([name]) => !DEVELOPMENT.includes(name));
	renameSync(MANIFEST, KEPT_MANIFEST);
	writeFileSync(MANIFEST, `${JSON.stringify(Object.fromEntries(kept), null, 2)}\n`);
	// The modes of a clone and of a build depend on the umask.
	const packed = ['package.json', 'bin', 'dist', 'docs/tinytap.1', 'queries', 'recordings', 'LICENSE', 'README.md'];
	run('chmod', ['-R', 'a+rX,go-w', ...packed]);
}

/** After `npm pack`, and before the next one if this one failed. */
export function restoreNpm(): void {
	if (existsSync(KEPT_MANIFEST)) renameSync(KEPT_MANIFEST, MANIFEST);
}

/** The programs and objects of one architecture, next to each other. */
function copyNative(architecture: Architecture): void {
	const folder = `linux-${architecture}`;
	rmSync(join(ROOT, 'dist', folder), { recursive: true, force: true });
	const places = [join(ROOT, 'prebuilt', folder), join(ROOT, 'build/release', folder)];
	const isOwn = architecture === process.arch;
	const programs = [...places, ...(isOwn ? [join(ROOT, 'build')] : [])].find((place) =>
		PROGRAMS.every((name) => existsSync(join(place, name))),
	);
	const objects = [join(ROOT, 'prebuilt/bpf', architecture), ...(isOwn ? [join(ROOT, 'build')] : [])].find((place) =>
		OBJECTS.every((name) => existsSync(join(place, name))),
	);
	if (programs === undefined || objects === undefined) {
		say(`without linux-${architecture}: ${programs === undefined ? 'its programs' : 'its BPF objects'} are not built`);
		return;
	}
	for (const name of PROGRAMS) copyBuilt(`${folder}/${name}`, join(programs, name), 0o755);
	for (const name of OBJECTS) copyBuilt(`${folder}/${name}`, join(objects, name), 0o644);
	if (programs === join(ROOT, 'build')) for (const name of PROGRAMS) run('strip', [join(ROOT, 'dist', folder, name)]);
}

function copyBuilt(name: string, from: string, mode: number): void {
	const path = join(ROOT, 'dist', name);
	mkdirSync(join(path, '..'), { recursive: true });
	copyFileSync(from, path);
	chmodSync(path, mode);
}

function write(name: string, text: string): void {
	const path = join(ROOT, 'dist', name);
	mkdirSync(join(path, '..'), { recursive: true });
	writeFileSync(path, text, { mode: 0o644 });
}
