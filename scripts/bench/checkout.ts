// The two checkouts to compare: the working tree, and a commit unpacked in build/. Builds both.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { adjustImports } from '../../support/imports-of-checkout.ts';

const ROOT = join(import.meta.dirname, '../..');
const OTHERS = join(ROOT, 'build/bench/against');

/**
 * The code that runs in each measured checkout; the first file is the one that is started. A commit that does not have
 * these files yet gets their first version.
 */
export const WORK_FILES = ['scripts/bench/quick-work.ts', 'scripts/bench/decoder-run.ts'] as const;

export type Checkout = {
	/** The name to print. */
	readonly name: string;
	readonly folder: string;
};

/** A problem that is explained to the user in one sentence. */
export class CheckoutError extends Error {}

/** The working tree, including uncommitted changes. */
export function thisCheckout(): Checkout {
	build(ROOT);
	const changed = git('status', '--porcelain', '--untracked-files=no') !== '';
	return { name: `${git('rev-parse', '--short', 'HEAD')}${changed ? ' and uncommitted changes' : ''}`, folder: ROOT };
}

/** The commit to compare the last change with: HEAD if there are uncommitted changes, otherwise HEAD's parent. */
export function commitBefore(): string {
	return git('status', '--porcelain', '--untracked-files=no') === '' ? 'HEAD^' : 'HEAD';
}

/** Unpacks and builds the commit. The checkout is kept until another commit is requested. */
export function checkoutOf(ref: string): Checkout {
	const { status, stdout } = spawnSync(
		'git',
		['rev-parse', '--verify', '--quiet', '--end-of-options', `${ref}^{commit}`],
		{
			cwd: ROOT,
			encoding: 'utf8',
		},
	);
	if (status !== 0) throw new CheckoutError(`expected a commit after --against, got ${ref}`);
	const commit = stdout.trim();
	const folder = join(OTHERS, commit);
	mkdirSync(OTHERS, { recursive: true });
	for (const other of readdirSync(OTHERS)) if (other !== commit) rmSync(join(OTHERS, other), { recursive: true });
	if (!existsSync(folder)) {
		const unfinished = `${folder}.new`;
		mkdirSync(unfinished, { recursive: true });
		const files = execFileSync('git', ['archive', commit], { cwd: ROOT, maxBuffer: 2 ** 30 });
		execFileSync('tar', ['-x', '-C', unfinished], { input: files });
		// The linter refuses a second configuration in a subdirectory.
		rmSync(join(unfinished, 'biome.json'), { force: true });
		linkPackages(unfinished);
		renameSync(unfinished, folder);
	}
	for (const file of WORK_FILES) if (!has(commit, file)) writeFileSync(join(folder, file), workFile(file, folder));
	build(folder);
	return { name: git('rev-parse', '--short', commit), folder };
}

/** Avoids installing the same packages again. Links single files, so that npm in one checkout cannot change the other. */
function linkPackages(folder: string): void {
	const installed = join(ROOT, 'node_modules/.tinytap-lock');
	if (!existsSync(installed) || !readFileSync(installed).equals(readFileSync(join(folder, 'package-lock.json'))))
		return;
	execFileSync('cp', ['-al', join(ROOT, 'node_modules'), join(folder, 'node_modules')]);
}

/** Builds what is out of date. */
function build(folder: string): void {
	const { status, stdout, stderr } = spawnSync(join(folder, 'scripts/build'), { cwd: folder, encoding: 'utf8' });
	if (status !== 0) throw new CheckoutError(`${folder} cannot be built:\n${stdout}${stderr}`);
}

function has(commit: string, file: string): boolean {
	return spawnSync('git', ['cat-file', '-e', `${commit}:${file}`], { cwd: ROOT, stdio: 'ignore' }).status === 0;
}

/** The first version of the file, with imports adapted to the layout of the folder. */
function workFile(file: string, folder: string): string {
	const added = git('log', '--diff-filter=A', '--format=%H', '--', WORK_FILES[0]).split('\n').at(-1);
	const first = added ? git('show', `${added}:${file}`) : readFileSync(join(ROOT, file), 'utf8');
	const files = [...WORK_FILES, ...sourcesBelow(folder).map((path) => relative(folder, path))];
	return adjustImports(first, file, files);
}

function sourcesBelow(folder: string): string[] {
	return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
		const path = join(folder, entry.name);
		if (entry.isDirectory()) return entry.name === 'node_modules' || entry.name === 'build' ? [] : sourcesBelow(path);
		return path.endsWith('.ts') ? [path] : [];
	});
}

function git(...words: string[]): string {
	return execFileSync('git', words, { cwd: ROOT, encoding: 'utf8' }).trim();
}
