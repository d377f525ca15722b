// Checkouts to compare: this one, as it stands, and one of a commit below build/. Both are built here.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');
const OTHERS = join(ROOT, 'build/bench/against');

/**
 * What runs in a checkout to be measured. A commit from before these files gets them as they were first. The first one is the process that is started.
 */
export const WORK_FILES = ['scripts/bench/quick-work.ts', 'scripts/bench/decoder-run.ts'] as const;

export type Checkout = {
	/** For people. */
	readonly name: string;
	readonly folder: string;
};

/** A sentence for whoever typed the command. */
export class CheckoutError extends Error {}

/** The working tree, uncommitted changes included. */
export function thisCheckout(): Checkout {
	build(ROOT);
	const changed = git('status', '--porcelain', '--untracked-files=no') !== '';
	return { name: `${git('rev-parse', '--short', 'HEAD')}${changed ? ' and uncommitted changes' : ''}`, folder: ROOT };
}

/** What the last change is compared with: HEAD while it is uncommitted, then HEAD's parent. */
export function commitBefore(): string {
	return git('status', '--porcelain', '--untracked-files=no') === '' ? 'HEAD^' : 'HEAD';
}

/** A checkout of the commit, built. It is kept until another one is asked for. */
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
		// The linter refuses a second configuration below its own.
		rmSync(join(unfinished, 'biome.json'), { force: true });
		linkPackages(unfinished);
		renameSync(unfinished, folder);
	}
	for (const file of WORK_FILES) if (!has(commit, file)) writeFileSync(join(folder, file), workFile(file, folder));
	build(folder);
	return { name: git('rev-parse', '--short', commit), folder };
}

/** The same packages need not be installed again. Links to files, so that installing others here would leave ours alone. */
function linkPackages(folder: string): void {
	const installed = join(ROOT, 'node_modules/.tinytap-lock');
	if (!existsSync(installed) || !readFileSync(installed).equals(readFileSync(join(folder, 'package-lock.json'))))
		return;
	execFileSync('cp', ['-al', join(ROOT, 'node_modules'), join(folder, 'node_modules')]);
}

/** Builds what is stale. */
function build(folder: string): void {
	const { status, stdout, stderr } = spawnSync(join(folder, 'scripts/build'), { cwd: folder, encoding: 'utf8' });
	if (status !== 0) throw new CheckoutError(`${folder} cannot be built:\n${stdout}${stderr}`);
}

function has(commit: string, file: string): boolean {
	return spawnSync('git', ['cat-file', '-e', `${commit}:${file}`], { cwd: ROOT, stdio: 'ignore' }).status === 0;
}

/** The file as it was first, with its imports led to where those files are in the folder. */
function workFile(file: string, folder: string): string {
	const added = git('log', '--diff-filter=A', '--format=%H', '--', WORK_FILES[0]).split('\n').at(-1);
	const first = added ? git('show', `${added}:${file}`) : readFileSync(join(ROOT, file), 'utf8');
	const paths = new Map(filesBelow(folder).map((path) => [basename(path), path]));
	const from = dirname(join(folder, file));
	return first.replace(/(?<= from ')\.[^']+(?=';)/g, (specifier) => {
		const path = paths.get(basename(specifier));
		if (existsSync(join(from, specifier)) || path === undefined) return specifier;
		return `./${relative(from, path)}`;
	});
}

function filesBelow(folder: string): string[] {
	return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
		const path = join(folder, entry.name);
		if (entry.isDirectory()) return entry.name === 'node_modules' || entry.name === 'build' ? [] : filesBelow(path);
		return path.endsWith('.ts') ? [path] : [];
	});
}

function git(...words: string[]): string {
	return execFileSync('git', words, { cwd: ROOT, encoding: 'utf8' }).trim();
}
