// Stands in for node:test in the bundle that scripts/mutate.ts makes of many test files: collects their tests and runs those
// that the plan names, in its order, until one fails. Starting node:test and all of its files for each mutant would take
// most of the time.
import { readFileSync, writeSync } from 'node:fs';

/** A JSON file: { tests: names, or null for all; keepGoing; bodies: how many functions say that they are reached }. */
const plan = JSON.parse(readFileSync(process.argv[2], 'utf8'));

/** By name: { file, run }. */
const collected = new Map();
/** A function whose body begins with `REACHED[17] = 1;` was reached, if number 17 is not 0. */
globalThis.REACHED = new Uint8Array(plan.bodies);
const befores = new Map();
const afters = [];

/** What a test file imports from node:test. */
export function testsOf(file) {
	let prefix = `${file}: `;
	const test = (name, ...rest) => {
		const options = typeof rest[0] === 'object' ? rest[0] : {};
		if (options.skip) return;
		let id = prefix + name;
		while (collected.has(id)) id += '+';
		collected.set(id, { file, run: rest.at(-1) });
	};
	const describe = (name, ...rest) => {
		const outer = prefix;
		prefix += `${name}: `;
		// What a group prepares may take seconds.
		if (plan.tests?.some((each) => each.startsWith(prefix)) ?? true) {
			const before = cpuMs();
			rest.at(-1)();
			writeSync(1, `\ngroup ${prefix}\nok ${cpuMs() - before}\n`);
		}
		prefix = outer;
	};
	const before = (run) => befores.set(file, [...(befores.get(file) ?? []), run]);
	const after = (run) => afters.push(run);
	return { test, it: test, describe, suite: describe, before, after };
}

/** The CPU time of this process and of those it has started and awaited. */
function cpuMs() {
	const { user, system } = process.cpuUsage();
	// The name, which may contain spaces, is in brackets; cutime and cstime are in hundredths of a second.
	const [cutime, cstime] = readFileSync('/proc/self/stat', 'latin1').split(') ')[1].split(' ').slice(13, 15);
	return (user + system) / 1000 + 10 * (Number(cutime) + Number(cstime));
}

/**
 * Prints `start NAME`, then `ok MILLISECONDS` or `failed MESSAGE`, for each test (and `group NAME` with the time of its
 * callback); ends with 1 after the first failure, unless the plan says to keep going.
 */
export async function runPlan() {
	const { tests, keepGoing } = plan;
	const begun = new Set();
	printReached('at the beginning');
	let uncaught;
	process.on('uncaughtException', (error) => uncaught(error));
	for (const name of tests ?? collected.keys()) {
		const { file, run } = collected.get(name);
		// Written at once: a test may never return.
		writeSync(1, `\nstart ${name}\n`);
		const started = cpuMs();
		try {
			if (!begun.has(file)) for (const before of befores.get(file) ?? []) await before();
			begun.add(file);
			const thrown = new Promise((_, reject) => {
				uncaught = reject;
			});
			await Promise.race([run({ diagnostic() {} }), thrown]);
			writeSync(1, `ok ${cpuMs() - started}\n`);
		} catch (error) {
			writeSync(1, `failed ${String(error?.message ?? error).split('\n')[0]}\n`);
			if (!keepGoing) process.exit(1);
		}
		printReached(name);
	}
	for (const after of afters) await after();
	writeSync(1, '\nend\n');
	// Whatever a fault has left running must not keep the process.
	process.exit(0);
}

function printReached(name) {
	const numbers = [];
	REACHED.forEach((is, number) => is && numbers.push(number));
	REACHED.fill(0);
	if (numbers.length > 0) writeSync(1, `\nreached ${name}\n${numbers.join(' ')}\n`);
}
