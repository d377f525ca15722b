// Runs unit tests for scripts/mutate.ts. It keeps all modules in memory, and evaluates them again for each mutant with
// one module replaced. Starting Node, node:test and all test files for each mutant would take most of the time.
//
// Messages: { modules, externals } first, then one plan after another: { replaced: [path, code] or null; mutant: number
// of the decoder's mutant that is on, or -1; tests: their names and files in their order, or null for all tests of the
// files `files` that do not begin with one of `skip`; keepGoing; bodies: how many functions, or mutants of the decoder,
// report that they are reached }. Prints `start NAME`, then `ok MILLISECONDS` or `failed MESSAGE`, for each test
// (`group NAME` with the time of its callback), and `end` at the end.
import { createHash } from 'node:crypto';
import { readFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Script } from 'node:vm';

/** Compiled functions of the modules' code, by path. */
const functions = new Map();
const externals = new Map();
/** Rejects the promise of the test that is running. */
let uncaught = () => {};
process.on('uncaughtException', (error) => uncaught(error));

/** What the decoder with switches for mutants (mutant-switches.ts) imports. */
let switches = {};
const { Instance, Module } = WebAssembly;
WebAssembly.Instance = new Proxy(Instance, {
	construct: (target, [module, imports]) => new target(module, { ...imports, env: { ...imports?.env, ...switches } }),
});
/** The newest decoders, by their bytes: compiled once, because V8 optimises them while they run. */
const decoders = new Map();
WebAssembly.Module = new Proxy(Module, {
	construct(target, [bytes]) {
		const hash = createHash('sha256').update(bytes).digest('hex');
		const module = decoders.get(hash) ?? new target(bytes);
		decoders.delete(hash);
		decoders.set(hash, module);
		if (decoders.size > 3) decoders.delete(decoders.keys().next().value);
		return module;
	},
});

process.on('message', async (message) => {
	if (message.modules === undefined) await run(message);
	else {
		for (const [path, code] of message.modules) functions.set(path, compiled(path, code));
		for (const name of message.externals) externals.set(name, { __esModule: true, ...(await import(name)) });
		writeSync(1, '\nready\n');
	}
});

function compiled(path, code) {
	return new Script(`(function (require, module, exports) {${code}\n})`, { filename: path }).runInThisContext();
}

async function run({ replaced, files, ...plan }) {
	/** Collected tests by name: { file, run }. */
	const collected = new Map();
	const befores = new Map();
	const afters = [];
	/** By file: called before each test. */
	const beforeEaches = new Map();
	/** A function whose body begins with `REACHED[17] = 1;` was reached if element 17 is not 0. */
	globalThis.REACHED = new Uint8Array(plan.bodies);
	const number = (value) => new WebAssembly.Global({ value: 'i32' }, value);
	const reached = (mutant) => {
		REACHED[mutant] = 1;
	};
	switches = { mutant: number(plan.mutant), measuring: number(plan.bodies > 0 ? 1 : 0), reached };
	const own = replaced === null ? undefined : compiled(...replaced);
	const evaluated = new Map();

	/** The exports of node:test, as a test file sees them. */
	const testsOf = (file) => {
		let prefix = `${file}: `;
		const test = (name, ...rest) => {
			const options = typeof rest[0] === 'object' ? rest[0] : {};
			if (options.skip || plan.skip.some((each) => (prefix + name).startsWith(each))) return;
			let id = prefix + name;
			while (collected.has(id)) id += '+';
			collected.set(id, { file, run: rest.at(-1) });
		};
		const describe = (name, ...rest) => {
			const outer = prefix;
			prefix += `${name}: `;
			// The preparations of a group may take seconds.
			if (plan.tests?.some(([each]) => each.startsWith(prefix)) ?? !plan.skip.includes(prefix)) {
				const before = cpuMs();
				rest.at(-1)();
				if (plan.keepGoing) writeSync(1, `\ngroup ${prefix}\nok ${cpuMs() - before}\n`);
			}
			prefix = outer;
		};
		const before = (callback) => befores.set(file, [...(befores.get(file) ?? []), callback]);
		const beforeEach = (callback) => beforeEaches.set(file, [...(beforeEaches.get(file) ?? []), callback]);
		const after = (callback) => afters.push(callback);
		return { __esModule: true, test, it: test, describe, suite: describe, before, beforeEach, after };
	};

	const evaluate = (path) => {
		const known = evaluated.get(path);
		if (known !== undefined) return known.exports;
		const module = { exports: {} };
		evaluated.set(path, module);
		const require = (name) => {
			if (name === 'node:test') return testsOf(path);
			return name.startsWith('.') ? evaluate(join(dirname(path), name)) : externals.get(name);
		};
		(path === replaced?.[0] ? own : functions.get(path))(require, module, module.exports);
		return module.exports;
	};

	const printReached = (name) => {
		const numbers = [];
		REACHED.forEach((is, number) => is && numbers.push(number));
		REACHED.fill(0);
		if (numbers.length > 0) writeSync(1, `\nreached ${name}\n${numbers.join(' ')}\n`);
	};

	/** What a test receives. */
	const context = { diagnostic() {}, test: async (...rest) => rest.at(-1)(context) };
	const begun = new Set();
	let hasFailed = false;
	/** Returns whether to continue. Output is written at once, because a test may never return. */
	const attempt = async (name, callback) => {
		writeSync(1, `\nstart ${name}\n`);
		const started = cpuMs();
		try {
			const thrown = new Promise((_, reject) => {
				uncaught = reject;
			});
			await Promise.race([callback(), thrown]);
			writeSync(1, `ok ${cpuMs() - started}\n`);
		} catch (error) {
			hasFailed = true;
			writeSync(1, `failed ${String(error?.message ?? error).split('\n')[0]}\n`);
		}
		uncaught = () => {};
		if (plan.bodies > 0) printReached(name);
		return plan.keepGoing || !hasFailed;
	};

	const load = (files) => attempt('while the tests load', () => files.forEach(evaluate));
	let goesOn = await load(files);
	for (const [name, file] of plan.tests ?? [...collected].map(([name, { file }]) => [name, file])) {
		// Each file when its first test is due, because an earlier one may notice the fault.
		if (goesOn && !evaluated.has(file)) goesOn = await load([file]);
		if (!goesOn) break;
		const { run } = collected.get(name) ?? {};
		goesOn = await attempt(name, async () => {
			if (run === undefined) throw new Error('it is not there');
			if (!begun.has(file)) for (const before of befores.get(file) ?? []) await before();
			begun.add(file);
			for (const before of beforeEaches.get(file) ?? []) await before();
			await run(context);
		});
	}
	try {
		for (const after of afters) await after();
	} catch (error) {
		hasFailed = true;
		writeSync(1, `\nstart after the tests\nfailed ${error}\n`);
	}
	writeSync(1, `\nend ${hasFailed}\n`);
}

/** The CPU time of this process and of those it has started and awaited. */
function cpuMs() {
	const { user, system } = process.cpuUsage();
	// The name, which may contain spaces, is in brackets; cutime and cstime are in hundredths of a second.
	const [cutime, cstime] = readFileSync('/proc/self/stat', 'latin1').split(') ')[1].split(' ').slice(13, 15);
	return (user + system) / 1000 + 10 * (Number(cutime) + Number(cstime));
}
