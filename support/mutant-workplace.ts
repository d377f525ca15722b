// Where scripts/mutate.ts tries mutants: copies of the checkout, with the bundled tests of an area.
import { type ChildProcess, execFileSync, fork, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
	type BuildContext,
	context,
	type Metafile,
	type OnLoadArgs,
	type OnResolveArgs,
	type PluginBuild,
} from 'esbuild';
import type { DecoderBuild } from './decoded-rows.ts';
import type { Body, Mutant } from './mutants.ts';

const ROOT = join(import.meta.dirname, '..');
/** CPU time of the longest tests, and preparations of groups of tests, that are used. */
const SLOW_MS = 1000;
/** CPU time, and time, after which a test does not end. */
const HANG_CPU_MS = 10_000;
const HANG_MS = 90_000;
/** Compilations after which a compiler is replaced, because it frees little. */
const COMPILATIONS = 40;

/** `reached`: keys of the bodies of functions that it reaches. */
export type Timed = {
	readonly name: string;
	readonly file: string;
	readonly ms: number;
	readonly reached: ReadonlySet<string>;
};

const children = new Set<ChildProcess>();

export function killChildren(): void {
	for (const child of children) child.kill('SIGKILL');
}

/** A copy of the checkout in which one mutant at a time is tried. */
export class Workplace {
	readonly #copy: string;
	readonly #build: DecoderBuild;
	readonly #bundle: string;
	#mutant: Mutant | undefined;
	/** Functions that say that they are reached: keys with their numbers. */
	#bodies = new Map<string, number>();
	#bodiesOf = new Map<string, Body[]>();
	#context: BuildContext<{ metafile: true }> | undefined;
	#metafile: Metafile | undefined;
	#compiler: ChildProcess | undefined;
	#compilations = 0;

	private constructor(copy: string, build: DecoderBuild) {
		this.#copy = copy;
		this.#build = build;
		this.#bundle = join(copy, 'build/mutant-tests.mjs');
	}

	/**
	 * `copy`: the directory to make; `tests`: matches the names of the test files; `build`: of the decoder. Mutants of the
	 * decoder need the debug build, which is the one that is compiled.
	 */
	static async create(copy: string, tests: RegExp, build: DecoderBuild): Promise<Workplace> {
		copyCheckout(copy);
		const place = new Workplace(copy, build);
		await place.#prepare(tests);
		return place;
	}

	async close(): Promise<void> {
		this.#compiler?.kill();
		await this.#context!.dispose();
	}

	/** Runs all tests without a fault; returns those that are to be used for the mutants, the fastest first. */
	async measure(mutants: readonly Mutant[]): Promise<{ tests: Timed[]; leftOut: string[] }> {
		for (const { file, body } of mutants) {
			if (body === undefined || isAssembly(file) || this.#bodies.has(bodyKey(file, body))) continue;
			this.#bodies.set(bodyKey(file, body), this.#bodies.size);
			this.#bodiesOf.set(file, [...(this.#bodiesOf.get(file) ?? []), body]);
		}
		const problem = await this.#rebuild();
		if (problem !== undefined) throw new Error(`without a fault: ${problem}`);
		const { output, failure } = await this.#run(undefined);
		if (failure !== undefined)
			throw new Error(`the tests end without a fault with "${failure}": ${output.slice(-1000)}`);
		const keys = [...this.#bodies.keys()];
		const reached = new Map<string, Set<string>>();
		for (const [, name, numbers] of output.matchAll(/^reached (.+)\n(.+)$/gm))
			reached.set(name!, new Set(numbers!.split(' ').map((number) => keys[Number(number)]!)));
		const atFirst = reached.get('at the beginning') ?? [];
		const tests: Timed[] = [];
		const leftOut: string[] = [];
		const slowGroups: string[] = [];
		for (const [, kind, name, verdict, rest] of output.matchAll(
			/^(start|group) (.+)\n(?:(?!start |group ).*\n)*?(ok|failed) (.*)$/gm,
		)) {
			const ms = Number(rest);
			if (kind === 'group') {
				if (ms > SLOW_MS) slowGroups.push(name!);
			} else if (slowGroups.some((group) => name!.startsWith(group)))
				leftOut.push(`${name} belongs to a group that prepares for seconds`);
			else if (verdict === 'failed') leftOut.push(`${name} fails without a fault: ${rest}`);
			else if (ms <= SLOW_MS)
				tests.push({
					name: name!,
					file: name!.slice(0, name!.indexOf(':')),
					ms,
					reached: new Set([...(reached.get(name!) ?? []), ...atFirst]),
				});
			else leftOut.push(`${name} takes ${Math.round(ms)} ms`);
		}
		return { tests: tests.sort((a, b) => a.ms - b.ms), leftOut };
	}

	/** Returns what noticed the mutant. */
	async try(mutant: Mutant, tests: readonly Timed[]): Promise<string | undefined> {
		this.#mutant = mutant;
		const problem = await this.#rebuild();
		if (problem !== undefined) return problem;
		const { file, body } = mutant;
		const chosen = tests.filter(
			(each) =>
				isAssembly(file) ||
				(body === undefined ? this.#importsOf(each.file).has(file) : each.reached.has(bodyKey(file, body))),
		);
		return (await this.#run(chosen)).failure;
	}

	async #prepare(names: RegExp): Promise<void> {
		const copy = this.#copy;
		const files = readdirSync(join(copy, 'test/unit'))
			.filter((file) => file.endsWith('.test.ts') && names.test(file))
			.map((file) => `./test/unit/${file}`);
		const collector = JSON.stringify(join(copy, 'support/mutant-tests.mjs'));
		this.#context = await context({
			stdin: {
				contents: [
					`import { runPlan } from ${collector};`,
					...files.map((file) => `import ${JSON.stringify(file)};`),
					'await runPlan();',
				].join('\n'),
				resolveDir: copy,
			},
			bundle: true,
			format: 'esm',
			platform: 'node',
			packages: 'external',
			outfile: this.#bundle,
			metafile: true,
			absWorkingDir: copy,
			logLevel: 'silent',
			plugins: [
				{
					name: 'mutant',
					setup: (api: PluginBuild) => {
						api.onResolve({ filter: /^node:test$/ }, ({ importer }: OnResolveArgs) =>
							importer.endsWith('.mjs')
								? { external: true }
								: { path: relative(copy, importer), namespace: 'tests-of' },
						);
						api.onLoad({ filter: /.*/, namespace: 'tests-of' }, ({ path }: OnLoadArgs) => ({
							contents: `import { testsOf } from ${collector};
export const { test, it, describe, suite, before, after } = testsOf(${JSON.stringify(path)});`,
							resolveDir: copy,
						}));
						// The bundle is one file, and each part has to know where it came from.
						api.onLoad({ filter: /\.ts$/ }, ({ path }: OnLoadArgs) => ({
							contents: this.#textOf(relative(copy, path))
								.replaceAll('import.meta.dirname', JSON.stringify(dirname(path)))
								.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href)),
							loader: 'ts',
						}));
					},
				},
			],
		});
	}

	/** A file's text, with the mutant if it is in this file. */
	#textOf(file: string): string {
		const text = readFileSync(join(this.#copy, file), 'utf8');
		if (this.#mutant === undefined) return this.#withMarks(file, text);
		if (this.#mutant.file !== file) return text;
		const { start, end, replacement } = this.#mutant;
		return text.slice(0, start) + replacement + text.slice(end);
	}

	/** A text whose functions say that they are reached (support/mutant-tests.mjs). */
	#withMarks(file: string, text: string): string {
		const marks = (this.#bodiesOf.get(file) ?? []).flatMap((body) => {
			const mark = `REACHED[${this.#bodies.get(bodyKey(file, body))}] = 1`;
			if (body.end === undefined) return [{ at: body.start, mark: `${mark};` }];
			return [
				{ at: body.start, mark: `(${mark}, ` },
				{ at: body.end, mark: ')' },
			];
		});
		let marked = text;
		for (const { at, mark } of marks.sort((a, b) => b.at - a.at))
			marked = marked.slice(0, at) + mark + marked.slice(at);
		return marked;
	}

	/** Returns what is wrong with the code. */
	async #rebuild(): Promise<string | undefined> {
		try {
			this.#metafile = (await this.#context!.rebuild()).metafile;
		} catch (error) {
			return `compiler: ${(error as Error).message.split('\n')[1]}`;
		}
		if (this.#build === 'release') return undefined;
		if (this.#mutant === undefined) return await this.#compile();
		const path = join(this.#copy, this.#mutant.file);
		const before = readFileSync(path, 'utf8');
		writeFileSync(path, this.#textOf(this.#mutant.file));
		const problem = await this.#compile();
		writeFileSync(path, before);
		return problem;
	}

	async #compile(): Promise<string | undefined> {
		if (this.#compilations++ % COMPILATIONS === 0) {
			this.#compiler?.kill();
			this.#compiler = fork(join(this.#copy, 'support/compile-mutant.mjs'), {
				cwd: this.#copy,
				stdio: 'ignore',
				execArgv: [],
			});
			children.add(this.#compiler);
		}
		const compiler = this.#compiler!;
		const answer = await new Promise<string>((resolve) => {
			compiler.once('message', (message) => resolve(message as string));
			compiler.once('exit', () => resolve('compiler: it ended'));
			compiler.send('');
		});
		compiler.removeAllListeners();
		if (compiler.exitCode !== null) this.#compilations = 0;
		return answer === '' ? undefined : answer;
	}

	/** Runs the tests (undefined: all, even after failures) until one hangs. */
	async #run(tests: readonly Timed[] | undefined): Promise<{ output: string; failure: string | undefined }> {
		const temporary = join(this.#copy, 'tmp');
		mkdirSync(temporary, { recursive: true });
		const plan = join(this.#copy, 'build/plan.json');
		writeFileSync(
			plan,
			JSON.stringify({
				tests: tests?.map(({ name }) => name) ?? null,
				keepGoing: tests === undefined,
				bodies: this.#bodies.size,
			}),
		);
		const child = spawn(process.execPath, ['--max-old-space-size=2000', this.#bundle, plan], {
			cwd: this.#copy,
			stdio: ['ignore', 'pipe', 'pipe'],
			env: { ...process.env, TMPDIR: temporary, TINYTAP_DECODER: this.#build },
		});
		children.add(child);
		let output = '';
		let [since, cpuThen] = [performance.now(), 0];
		for (const stream of [child.stdout, child.stderr])
			stream.on('data', (chunk: Buffer) => {
				output += chunk.toString();
				[since, cpuThen] = [performance.now(), cpuMsOf(child.pid!)];
			});
		let hangs = false;
		const timer = setInterval(() => {
			if (tests === undefined) return;
			hangs = cpuMsOf(child.pid!) - cpuThen > HANG_CPU_MS || performance.now() - since > HANG_MS;
			if (hangs) child.kill('SIGKILL');
		}, 1000);
		const status = await new Promise<number | null>((resolve) => child.on('close', resolve));
		clearInterval(timer);
		children.delete(child);
		rmSync(temporary, { recursive: true, force: true });
		if (status === 0 && /^end$/m.test(output)) return { output, failure: undefined };
		const last = [...output.matchAll(/^start (.+)$/gm)].at(-1)?.[1] ?? 'while the tests load';
		return { output, failure: hangs ? `hangs: ${last}` : last };
	}

	/** All files that a file imports, directly or not, with itself. */
	#importsOf(file: string): Set<string> {
		const found = new Set<string>();
		const follow = (each: string): void => {
			if (found.has(each)) return;
			found.add(each);
			for (const { path } of this.#metafile!.inputs[each]?.imports ?? []) follow(path);
		};
		follow(file);
		return found;
	}
}

/** What git knows and what is new, and build products. */
function copyCheckout(copy: string): void {
	const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: ROOT, encoding: 'utf8' });
	for (const file of files.split('\n')) {
		if (file === '' || !existsSync(join(ROOT, file))) continue;
		mkdirSync(join(copy, dirname(file)), { recursive: true });
		cpSync(join(ROOT, file), join(copy, file));
	}
	symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
	mkdirSync(join(copy, 'build'));
	for (const file of readdirSync(join(ROOT, 'build')))
		if (/^decoder.*\.wasm$/.test(file)) cpSync(join(ROOT, 'build', file), join(copy, 'build', file));
}

/** 0 if it has ended. */
function cpuMsOf(pid: number): number {
	try {
		const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.split(' ');
		return 10 * (Number(fields[11]) + Number(fields[12]));
	} catch {
		return 0;
	}
}

function isAssembly(file: string): boolean {
	return file.startsWith('decoder-as/');
}

function bodyKey(file: string, { start }: Body): string {
	return `${file} ${start}`;
}
