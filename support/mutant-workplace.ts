// The places in which scripts/mutate.ts tries mutants: copies of the checkout, with the bundled tests of an area.
import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type TransformFailure, transform } from 'esbuild';
import type { DecoderBuild } from './decoded-rows.ts';
import { mayHaveSwitch, rejected, SWITCHES, withSwitches } from './mutant-switches.ts';
import type { Body, Mutant } from './mutants.ts';

const ROOT = join(import.meta.dirname, '..');
/** Tests, and preparations of groups of tests, that take more CPU time are not used. */
const SLOW_MS = 1000;
/** A test that takes more CPU time, or more time, counts as hanging. */
const HANG_CPU_MS = 5_000;
const HANG_MS = 90_000;
/** So does one that waits this long without using more CPU time than this. */
const IDLE_MS = 20_000;
const IDLE_CPU_MS = 50;
/** Number of runs after which a test process is replaced. */
const RUNS = 60;
/** Number of compilations after which a compiler is replaced, because it frees little memory. */
const COMPILATIONS = 40;

/** The decoder that the tests load, the one with switches for mutants, and the source of the switches. */
const LOADED = 'build/decoder-debug.wasm';
const SWITCHED = 'build/decoder-switches.wasm';
const SWITCH_SOURCE = 'decoder-as/assembly/switches.ts';

/** `reached`: keys of the function bodies that the test reaches, or of the decoder's mutants that matter to it. */
export type Timed = {
	readonly name: string;
	readonly file: string;
	readonly ms: number;
	readonly reached: ReadonlySet<string>;
};

type LeftOut = { readonly name: string; readonly why: string };
/** Facts about a test file. */
type Measured = {
	readonly hash: string;
	readonly textHash: string;
	readonly tests: readonly {
		readonly name: string;
		readonly file: string;
		readonly ms: number;
		readonly reached: readonly string[];
	}[];
	readonly leftOut: readonly LeftOut[];
};

/** The name that support/mutant-runner.mjs gives to the evaluation of the modules. */
const LOADING = 'while the tests load';

/** By file: how many of its mutants each test has killed. */
const kills = new Map<string, Map<string, number>>();
const children = new Set<ChildProcess>();

export function killChildren(): void {
	for (const child of children) child.kill('SIGKILL');
}

/** A copy of the checkout in which one mutant at a time is tried. */
export class Workplace {
	readonly #copy: string;
	readonly #build: DecoderBuild;
	readonly #tests: readonly string[];
	/** Function bodies that record being reached: their keys and numbers. */
	#bodies = new Map<string, number>();
	#bodiesOf = new Map<string, Body[]>();
	/** The decoder's mutants that have a switch: their keys and numbers. */
	#switches = new Map<string, number>();
	/** Code without a fault of all modules that the tests import, and the imports of each module. */
	readonly #modules = new Map<string, string>();
	readonly #imports = new Map<string, readonly string[]>();
	#runner: ChildProcess | undefined;
	#runs = 0;
	#compiler: ChildProcess | undefined;
	#compilations = 0;

	private constructor(copy: string, build: DecoderBuild, tests: readonly string[]) {
		this.#copy = copy;
		this.#build = build;
		this.#tests = tests;
	}

	/**
	 * `copy`: the directory to create; `tests`: matches the names of the test files; `build`: of the decoder. Mutants
	 * of the decoder need the debug build, which is the one that is compiled, with or without switches.
	 */
	static async create(copy: string, tests: RegExp, build: DecoderBuild): Promise<Workplace> {
		copyCheckout(copy);
		const files = ['test/unit', 'test/command-line'].flatMap((folder) =>
			readdirSync(join(copy, folder))
				.filter((file) => file.endsWith('.test.ts') && tests.test(file))
				.map((file) => `${folder}/${file}`),
		);
		const place = new Workplace(copy, build, files);
		await place.#takeIn(files);
		return place;
	}

	close(): void {
		this.#compiler?.kill();
		this.#stopRunner();
	}

	/** Makes functions record that they are reached, while tests are measured. */
	#mark(mutants: readonly Mutant[]): void {
		for (const { file, body } of mutants) {
			if (body === undefined || isAssembly(file) || this.#bodies.has(bodyKey(file, body))) continue;
			this.#bodies.set(bodyKey(file, body), this.#bodies.size);
			this.#bodiesOf.set(file, [...(this.#bodiesOf.get(file) ?? []), body]);
		}
	}

	/**
	 * Runs all tests without a fault, each file in one of the places, and returns the tests to use for the mutants.
	 * Mutants of the decoder get their switches here.
	 * What it learns about a test file is stored in the file `memory`. It stays valid as long as the test file and
	 * everything it imports are unchanged; the choice of tests to leave out, as long as the test file itself is
	 * unchanged.
	 */
	static async measure(
		places: readonly Workplace[],
		mutants: readonly Mutant[],
		memory: string,
	): Promise<{ tests: Timed[]; leftOut: string[] }> {
		const known = existsSync(memory)
			? (JSON.parse(readFileSync(memory, 'utf8')) as Record<string, Measured | undefined>)
			: {};
		const files = places[0]!.#tests;
		const waiting = [...files];
		const work = async (place: Workplace) => {
			place.#mark(mutants);
			if (place.#build === 'debug') await place.#compileSwitches(mutants);
			for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
				const hash = place.#hashOf(file, ...[...place.#importsOf(file)].sort(), 'build/decoder.wasm', SWITCHED);
				const textHash = place.#hashOf(file);
				const before = known[file];
				if (before?.hash === hash) continue;
				const leftOut = before?.textHash === textHash ? before.leftOut : [];
				known[file] = { hash, textHash, ...(await place.#measureFile(file, leftOut)) };
				writeFileSync(memory, JSON.stringify(known));
			}
			place.#stopRunner();
		};
		await Promise.all(places.map(work));
		const all = files.map((file) => known[file]!);
		return {
			tests: all.flatMap(({ tests }) => tests.map((test) => ({ ...test, reached: new Set(test.reached) }))),
			leftOut: all.flatMap(({ leftOut }) => leftOut.map(({ name, why }) => `${name}: ${why}`)),
		};
	}

	async #measureFile(file: string, leftOut: readonly LeftOut[]): Promise<Pick<Measured, 'tests' | 'leftOut'>> {
		const skip = leftOut.map(({ name }) => name);
		const count = Math.max(this.#bodies.size, this.#switches.size);
		const { output, failure } = await this.#run([file], undefined, null, { skip, bodies: count });
		if (failure !== undefined)
			throw new Error(`${file} ends without a fault with "${failure}": ${output.slice(-1000)}`);
		const keys = [...(this.#switches.size > 0 ? this.#switches : this.#bodies).keys()];
		const reached = new Map<string, string[]>();
		for (const [, name, numbers] of output.matchAll(/^reached (.+)\n(.+)$/gm))
			reached.set(
				name!,
				numbers!.split(' ').map((number) => keys[Number(number)]!),
			);
		const atFirst = reached.get(LOADING) ?? [];
		const measured = { tests: [] as Measured['tests'][number][], leftOut: [...leftOut] };
		for (const [, kind, name, verdict, rest] of output.matchAll(
			/^(start|group) (.+)\n(?:(?!start |group ).*\n)*?(ok|failed) (.*)$/gm,
		)) {
			const ms = Number(rest);
			const leaveOut = (why: string) => measured.leftOut.push({ name: name!, why });
			if (kind === 'group') {
				if (ms > SLOW_MS) leaveOut('a group that prepares for seconds');
			} else if (name === LOADING) {
				if (verdict === 'failed' && !skip.includes(LOADING)) leaveOut(`${file} cannot be loaded: ${rest}`);
			} else if (measured.leftOut.some((each) => name!.startsWith(each.name))) continue;
			else if (verdict === 'failed') leaveOut(`fails without a fault: ${rest}`);
			else if (ms > SLOW_MS) leaveOut(`takes ${Math.round(ms)} ms`);
			else measured.tests.push({ name: name!, file, ms, reached: [...(reached.get(name!) ?? []), ...atFirst] });
		}
		return measured;
	}

	/** A hash of the files' texts. */
	#hashOf(...files: readonly string[]): string {
		const hash = createHash('sha256');
		for (const file of files) {
			const path = join(this.#copy, file);
			if (existsSync(path)) hash.update(file).update(readFileSync(path));
		}
		return hash.digest('hex');
	}

	/** Returns the test that killed the mutant, if any. */
	async try(mutant: Mutant, tests: readonly Timed[]): Promise<string | undefined> {
		const switched = this.#switches.get(mutant.key);
		if (switched !== undefined) this.#load(SWITCHED);
		const problem = switched === undefined ? await this.#compileMutant(mutant) : undefined;
		if (problem !== undefined) return problem;
		// The decoder is compiled by its own compiler, and esbuild does not know its decorators.
		let code = '';
		try {
			if (!isAssembly(mutant.file)) code = await codeOf(join(this.#copy, mutant.file), this.#textWith(mutant));
		} catch (error) {
			return `compiler: ${(error as TransformFailure).errors[0]?.text}`;
		}
		const { file, body } = mutant;
		const chosen = tests.filter(({ file: test, reached }) => {
			if (isAssembly(file)) return switched === undefined || reached.has(mutant.key);
			return body === undefined ? this.#importsOf(test).has(file) : reached.has(bodyKey(file, body));
		});
		// First the tests that have killed other mutants of the file, then the fastest.
		const before = kills.get(file) ?? new Map<string, number>();
		const killsOf = ({ name }: Timed) => before.get(name) ?? 0;
		chosen.sort((a, b) => killsOf(b) - killsOf(a) || a.ms - b.ms);
		const replaced = this.#modules.has(file) && !isAssembly(file) ? ([file, code] as const) : null;
		const { failure } = await this.#run([], chosen, replaced, { skip: [], bodies: 0, mutant: switched });
		if (failure !== undefined) kills.set(file, before.set(failure, (before.get(failure) ?? 0) + 1));
		return failure;
	}

	/** Transforms files and everything they import, directly or indirectly. */
	async #takeIn(files: readonly string[]): Promise<void> {
		for (const file of files) {
			if (this.#modules.has(file)) continue;
			this.#modules.set(file, '');
			const path = join(this.#copy, file);
			const code = await codeOf(path, readFileSync(path, 'utf8'));
			this.#modules.set(file, code);
			const imports = [...code.matchAll(/\brequire\("([^"]+)"\)/g)].map(([, name]) =>
				name!.startsWith('.') ? join(dirname(file), name!) : name!,
			);
			this.#imports.set(file, imports);
			await this.#takeIn(imports.filter((each) => existsSync(join(this.#copy, each)) && /\.m?[tj]s$/.test(each)));
		}
	}

	#textWith({ file, start, end, replacement }: Mutant): string {
		const text = readFileSync(join(this.#copy, file), 'utf8');
		return text.slice(0, start) + replacement + text.slice(end);
	}

	/** The text with functions that record being reached (support/mutant-runner.mjs). */
	#withMarks(file: string): string {
		const marks = (this.#bodiesOf.get(file) ?? []).flatMap((body) => {
			const mark = `REACHED[${this.#bodies.get(bodyKey(file, body))}] = 1`;
			if (body.end === undefined) return [{ at: body.start, mark: `${mark};` }];
			return [
				{ at: body.start, mark: `(${mark}, ` },
				{ at: body.end, mark: ')' },
			];
		});
		let marked = readFileSync(join(this.#copy, file), 'utf8');
		for (const { at, mark } of marks.sort((a, b) => b.at - a.at))
			marked = marked.slice(0, at) + mark + marked.slice(at);
		return marked;
	}

	/** Compiles the decoder with the mutant, if the mutant is in it; returns the error if the code does not compile. */
	async #compileMutant(mutant: Mutant): Promise<string | undefined> {
		if (!isAssembly(mutant.file)) return undefined;
		const path = join(this.#copy, mutant.file);
		const before = readFileSync(path, 'utf8');
		writeFileSync(path, this.#textWith(mutant));
		// Not optimised, which would take most of the time.
		const problem = await this.#compile({ entries: [], level: 0, output: LOADED });
		writeFileSync(path, before);
		return problem?.split('\n')[0];
	}

	/** Compiles the decoder with a switch for each mutant that can have one. */
	async #compileSwitches(mutants: readonly Mutant[]): Promise<void> {
		const files = [...new Set(mutants.map(({ file }) => file))];
		const texts = new Map(files.map((file) => [file, readFileSync(join(this.#copy, file), 'utf8')]));
		writeFileSync(join(this.#copy, SWITCH_SOURCE), SWITCHES);
		let able = mutants.filter(mayHaveSwitch);
		let problem: string | undefined;
		do {
			this.#switches = new Map(able.map(({ key }, number) => [key, number]));
			for (const [file, text] of texts) {
				const own = able.filter((each) => each.file === file);
				writeFileSync(join(this.#copy, file), withSwitches(text, own, this.#switches));
			}
			problem = await this.#compile({ entries: [SWITCH_SOURCE], level: 2, output: SWITCHED });
			if (problem === undefined) break;
			const wrong = new Set(rejected(problem, able, texts));
			if (wrong.size === 0) throw new Error(`the decoder with switches: ${problem}`);
			able = able.filter((mutant) => !wrong.has(mutant));
		} while (problem !== undefined);
		for (const [file, text] of texts) writeFileSync(join(this.#copy, file), text);
		rmSync(join(this.#copy, SWITCH_SOURCE));
		this.#load(SWITCHED);
	}

	/** Makes it the decoder that the tests load. */
	#load(decoder: string): void {
		cpSync(join(this.#copy, decoder), join(this.#copy, LOADED));
	}

	/** Returns what is wrong with the code. */
	async #compile(order: { entries: readonly string[]; level: number; output: string }): Promise<string | undefined> {
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
			compiler.send(order);
		});
		compiler.removeAllListeners();
		if (compiler.exitCode !== null) this.#compilations = 0;
		return answer === '' ? undefined : answer;
	}

	/**
	 * Runs tests (undefined: all of `files`, even after failures) until one hangs, with one module replaced, or with the
	 * mutant number `mutant` switched on.
	 */
	async #run(
		files: readonly string[],
		tests: readonly Timed[] | undefined,
		replaced: readonly [path: string, code: string] | null,
		{ skip, bodies, mutant = -1 }: { skip: readonly string[]; bodies: number; mutant?: number | undefined },
	): Promise<{ output: string; failure: string | undefined }> {
		const temporary = join(this.#copy, 'tmp');
		mkdirSync(temporary, { recursive: true });
		if (this.#runs++ % RUNS === 0) this.#stopRunner();
		const runner = this.#runner ?? (await this.#startRunner(temporary, bodies > 0));
		let output = '';
		let [since, cpuThen] = [performance.now(), cpuMsOf(runner.pid!)];
		let hangs = false;
		let [idleSince, idleCpu] = [since, cpuThen];
		const timer = setInterval(() => {
			const [now, cpu] = [performance.now(), cpuMsOf(runner.pid!)];
			if (cpu - idleCpu > IDLE_CPU_MS) [idleSince, idleCpu] = [now, cpu];
			hangs = cpu - cpuThen > HANG_CPU_MS || now - since > HANG_MS || now - idleSince > IDLE_MS;
			if (hangs && tests !== undefined) runner.kill('SIGKILL');
		}, 1000);
		const ended = new Promise<void>((resolve) => {
			const take = (chunk: Buffer) => {
				output += chunk.toString();
				[since, cpuThen] = [performance.now(), cpuMsOf(runner.pid!)];
				if (/^end (true|false)$/m.test(output)) resolve();
			};
			for (const stream of [runner.stdout!, runner.stderr!]) stream.removeAllListeners('data').on('data', take);
			runner.once('close', () => resolve());
		});
		const chosen = tests?.map(({ name, file }) => [name, file]) ?? null;
		runner.send({ files, tests: chosen, replaced, skip, bodies, mutant, keepGoing: tests === undefined });
		await ended;
		clearInterval(timer);
		runner.removeAllListeners('close');
		const verdict = /^end (true|false)$/m.exec(output)?.[1];
		// Nothing that a fault has left behind may affect the next mutant.
		if (verdict === undefined) this.#stopRunner();
		rmSync(temporary, { recursive: true, force: true });
		if (verdict === 'false' || (verdict === 'true' && tests === undefined)) return { output, failure: undefined };
		const last = [...output.matchAll(/^start (.+)$/gm)].at(-1)?.[1] ?? LOADING;
		return { output, failure: hangs ? `hangs: ${last}` : last };
	}

	async #startRunner(temporary: string, isMarked: boolean): Promise<ChildProcess> {
		const modules: [path: string, code: string][] = [];
		for (const [file, code] of this.#modules) {
			const isOwn = isMarked && this.#bodiesOf.has(file);
			modules.push([file, isOwn ? await codeOf(join(this.#copy, file), this.#withMarks(file)) : code]);
		}
		const externals = new Set([...this.#imports.values()].flat().filter((name) => !this.#modules.has(name)));
		externals.delete('node:test');
		const runner = fork(join(this.#copy, 'support/mutant-runner.mjs'), {
			cwd: this.#copy,
			silent: true,
			execArgv: ['--max-old-space-size=2000'],
			env: { ...process.env, TMPDIR: temporary, TINYTAP_DECODER: this.#build },
		});
		children.add(runner);
		this.#runner = runner;
		await new Promise<void>((resolve, reject) => {
			let said = '';
			for (const stream of [runner.stdout!, runner.stderr!])
				stream.on('data', (chunk: Buffer) => {
					said += chunk.toString();
					if (/^ready$/m.test(said)) resolve();
				});
			runner.once('close', () => reject(new Error(`the tests do not start: ${said}`)));
			runner.send({ modules, externals: [...externals] });
		});
		runner.removeAllListeners('close');
		return runner;
	}

	#stopRunner(): void {
		if (this.#runner === undefined) return;
		this.#runner.kill('SIGKILL');
		children.delete(this.#runner);
		this.#runner = undefined;
	}

	/** All files that a file imports, directly or indirectly, and the file itself. */
	#importsOf(file: string): Set<string> {
		const found = new Set<string>();
		const follow = (each: string): void => {
			if (found.has(each)) return;
			found.add(each);
			for (const path of this.#imports.get(each) ?? []) follow(path);
		};
		follow(file);
		return found;
	}
}

/** Copies the files that git tracks, new files, and build products. */
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

/** 0 if the process has ended. */
function cpuMsOf(pid: number): number {
	try {
		const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.split(' ');
		return 10 * (Number(fields[11]) + Number(fields[12]));
	} catch {
		return 0;
	}
}

/** The file's code in a form that support/mutant-runner.mjs can evaluate. */
async function codeOf(path: string, text: string): Promise<string> {
	const placed = text
		.replaceAll('import.meta.dirname', JSON.stringify(dirname(path)))
		.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href));
	const { code } = await transform(placed, {
		loader: 'ts',
		format: 'cjs',
		platform: 'node',
		target: 'node20',
		supported: { 'dynamic-import': false },
		logLevel: 'silent',
	});
	return code;
}

function isAssembly(file: string): boolean {
	return file.startsWith('decoder-as/');
}

function bodyKey(file: string, { start }: Body): string {
	return `${file} ${start}`;
}
