// A file that unpacks itself and runs what it contains: packaging/single/single_file.c, a list of files, and their contents.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
/** single_file.c reads the same trailer. */
const MAGIC = 'TINYTAP-SINGLE-1';

/** Writes the file `path`, which unpacks the files below `tree`. Temporary files go to `work`. */
export function writeSingle(
	path: string,
	{
		program,
		tree,
		work,
		fast,
		env,
	}: { program: string; tree: string; work: string; fast: boolean; env?: NodeJS.ProcessEnv },
): void {
	const files = filesBelow(tree).map((name) => ({ name, ...modeAndSize(join(tree, name)) }));
	const list = Buffer.from(files.map(({ mode, size, name }) => `${mode.toString(8)} ${size} ${name}\n`).join(''));
	const content = compressed({ tree, work, fast, env });
	const code = readFileSync(program);
	const unpackedBytes = files.reduce((sum, { size }) => sum + size, 0);
	writeFileSync(path, Buffer.concat([code, list, content, trailer(code.length, list, content, unpackedBytes)]));
	chmodSync(path, 0o755);
}

function modeAndSize(path: string): { mode: number; size: number } {
	const { mode, size } = statSync(path);
	return { mode: mode & 0o777, size };
}

/** Compiles the program that the file begins with. `zstd`: the static library. */
export function compileUnpacker(
	output: string,
	{ compiler, architecture, include, zstd }: { compiler: string; architecture: string; include: string; zstd: string },
): void {
	execFileSync(compiler, [
		...['-static', '-O2', '-std=gnu17', '-Wall', '-Wextra', '-Werror', '-s', '-Wl,--build-id=none'],
		...[`-ffile-prefix-map=${ROOT}=.`, `-DARCHITECTURE="${architecture}"`, `-I${include}`],
		...['-o', output, join(ROOT, 'packaging/single/single_file.c'), zstd],
	]);
}

/** The files of the tree as a tar, compressed. */
function compressed({
	tree,
	work,
	fast,
	env = process.env,
}: {
	tree: string;
	work: string;
	fast: boolean;
	env: NodeJS.ProcessEnv | undefined;
}): Buffer {
	const tar = join(work, 'content.tar');
	const entries = readdirSync(tree).sort();
	const options = ['--format=ustar', '--sort=name', '--owner=0', '--group=0', '--numeric-owner'];
	execFileSync('tar', ['cf', tar, ...options, '-C', tree, ...entries], { env, stdio: 'inherit' });
	// One thread: several divide the input in a way that depends on the machine.
	const level = fast ? ['-3'] : ['-19', '--long=27'];
	execFileSync('zstd', ['-q', '--single-thread', '--check', ...level, tar, '-o', `${tar}.zst`]);
	return readFileSync(`${tar}.zst`);
}

function trailer(start: number, list: Buffer, content: Buffer, unpackedBytes: number): Buffer {
	const key = createHash('sha256').update(list).update(content).digest('hex').slice(0, 32);
	const numbers = [start, list.length, start + list.length, content.length, unpackedBytes];
	const bytes = Buffer.alloc(numbers.length * 8);
	for (const [index, number] of numbers.entries()) bytes.writeBigUInt64LE(BigInt(number), index * 8);
	return Buffer.concat([bytes, Buffer.from(key), Buffer.from(MAGIC)]);
}

function filesBelow(directory: string): string[] {
	const names = readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort();
	return names.filter((name) => statSync(join(directory, name)).isFile());
}
