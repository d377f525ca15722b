// Runs tests in steps: node scripts/run-tests.mjs all|unit|FILE…. TAP goes to stdout, one document for each step, then a
// summary. scripts/test calls it.
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, constants, setPriority } from 'node:os';
import { basename } from 'node:path';
import { bundled, bundleTests } from './bundle-tests.mjs';

const PLACE = 'build/test';
/** No test takes this long; one that hangs must not hide the results of the others. */
const TEST_TIMEOUT_MS = 600_000;

/**
 * So many unit tests share a process, because starting one takes as long as the tests of most files. Neighbours use
 * the same modules.
 */
const FILES_A_PROCESS = 12;

const CORES = Math.max(2, availableParallelism());

/** Live tests that measure time, memory or loss under load, count the processes of a user, or look for probes of others. */
const ALONE = [
	'bombs',
	'capture-controls',
	'early-load',
	'ends',
	'foreign-environment',
	'leftovers',
	'long-statement',
	'memory-limit',
	'missed',
	'overload',
	'process-limits',
	'silent-helper',
	'stuck-output',
	'tls-helper',
];

/** Unit tests that take much memory or time on purpose: bombs, floods, statements that reach their limits. */
const BOUNDS = ['decoder-bombs', 'content-coding', 'sql-limits', 'sql-find'];

const nameOf = (file) => basename(file, '.test.ts');
const isIn = (folder) => (file) => file.startsWith(`test/${folder}/`);
const isAlone = (file) => ALONE.includes(nameOf(file));
const isBound = (file) => BOUNDS.includes(nameOf(file));

/**
 * `takes`: which files belong to the step; `first`: those that take longest, so that no core waits for them at the end;
 * `shared`: several other files run in one process; `concurrency`: processes at a time; `env`: additional variables.
 */
const STEPS = [
	{
		name: 'unit',
		takes: (file) => isIn('unit')(file) && !isBound(file),
		first: ['export-formats', 'sql-batches', 'output-hostile', 'exchange-store', 'sql-oracle'],
		shared: true,
		// Some wait for servers and pauses.
		concurrency: CORES + 1,
	},
	// These look only at the traffic of their own ports and programs, and mostly wait.
	{
		name: 'live',
		takes: (file) => isIn('e2e')(file) && !isAlone(file),
		first: ['midstream', 'native-addon', 'helper-requests', 'symlink-races', 'unseen', 'prompt', 'hostile-terminal'],
		concurrency: 2,
	},
	{ name: 'live-alone', takes: (file) => isIn('e2e')(file) && isAlone(file), concurrency: 1 },
	{ name: 'bounds', takes: (file) => isIn('unit')(file) && isBound(file), concurrency: CORES },
	{ name: 'fuzz', takes: isIn('fuzz'), concurrency: CORES },
	{
		// The decoder's tests again, on the build whose assertions find what no row shows.
		name: 'debug-decoder',
		takes: (file) => isIn('unit')(file) && nameOf(file).startsWith('decoder'),
		first: ['decoder-bombs'],
		shared: true,
		concurrency: CORES,
		env: { TINYTAP_DECODER: 'debug' },
	},
	{
		name: 'command-line',
		takes: isIn('command-line'),
		first: ['replay', 'threads', 'running-capture'],
		concurrency: CORES,
	},
	// These mostly wait.
	{ name: 'terminal', takes: isIn('terminal'), concurrency: CORES + 1 },
];

function filesOf(words) {
	const [what] = words;
	if (what !== 'all' && what !== 'unit') return words;
	const folders = ['unit', 'fuzz', 'command-line', ...(what === 'all' ? ['terminal', 'e2e'] : [])];
	return folders.flatMap((folder) =>
		readdirSync(`test/${folder}`)
			.filter((name) => name.endsWith('.test.ts'))
			.map((name) => `test/${folder}/${name}`),
	);
}

/** The files that Node runs, each in its own process. */
function programsOf({ name, shared, first = [] }, files) {
	const early = first.flatMap((each) => files.filter((file) => nameOf(file) === each));
	const others = files.filter((file) => !early.includes(file));
	if (shared !== true) return [...early, ...others].map(bundled);
	for (const file of others) {
		if (/\b(before|after)Each\b/.test(readFileSync(file, 'utf8')))
			throw new Error(
				`${file}: beforeEach and afterEach would apply to other files in the same process; call a function`,
			);
	}
	mkdirSync(`${PLACE}/js/${name}`, { recursive: true });
	const shares = [];
	while (others.length > 0) {
		const path = `${PLACE}/js/${name}/files-${shares.length + 1}.mjs`;
		const share = others.splice(0, FILES_A_PROCESS);
		writeFileSync(path, share.map((file) => `import '../../../../${bundled(file)}';\n`).join(''));
		shares.push(path);
	}
	return [...early.map(bundled), ...shares];
}

/** Whose output goes to stdout now; the others wait. */
const printing = [];

/** Runs a step, and resolves with whether it passed. */
async function run(step, lowPriority) {
	const programs = programsOf(step, step.files);
	const child = spawn(
		process.execPath,
		[
			'--test',
			`--test-timeout=${TEST_TIMEOUT_MS}`,
			`--test-concurrency=${step.concurrency}`,
			'--test-reporter=tap',
			'--test-reporter-destination=stdout',
			'--test-reporter=./scripts/test-summary.mjs',
			`--test-reporter-destination=${PLACE}/${step.name}.json`,
			...programs,
		],
		{ stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...step.env } },
	);
	if (lowPriority) setPriority(child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
	const output = { held: [], ended: false };
	printing.push(output);
	child.stdout.on('data', (chunk) => {
		if (printing[0] === output) process.stdout.write(chunk);
		else output.held.push(chunk);
	});
	const status = await new Promise((resolve) => child.on('close', resolve));
	output.ended = true;
	while (printing[0]?.ended) {
		for (const chunk of printing.shift().held) process.stdout.write(chunk);
		for (const chunk of printing[0]?.held.splice(0) ?? []) process.stdout.write(chunk);
	}
	return status === 0;
}

/** What people read at the end: a line for each step, the slowest files, and every test that did not pass. */
function printSummary(steps, startedMs) {
	const results = steps.map(({ name }) => ({ name, ...readSummary(name) }));
	const lines = results.map(({ name, tests, seconds }) => {
		const count = (status) => tests.filter((test) => test.status === status).length;
		return `${name}: ${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} skipped, ${seconds} s`;
	});
	const times = new Map();
	for (const { name, tests } of results) {
		for (const { file, ms } of tests) {
			const key = `${name} ${basename(file)}`;
			times.set(key, (times.get(key) ?? 0) + ms);
		}
	}
	const slowest = [...times].sort(([, a], [, b]) => b - a).slice(0, 8);
	if (slowest.length > 1)
		lines.push(`slowest: ${slowest.map(([key, ms]) => `${key} ${Math.round(ms / 1000)} s`).join(', ')}`);
	for (const { name, tests } of results) {
		for (const { status, file, title, message, place } of tests) {
			if (status === 'passed') continue;
			lines.push(`${status}: ${name}: ${place ?? file}: ${title}`);
			if (message !== undefined)
				lines.push(
					...message
						.split('\n')
						.slice(0, 5)
						.map((line) => `    ${line}`),
				);
		}
	}
	lines.push(`all: ${Math.round((Date.now() - startedMs) / 1000)} s`);
	process.stdout.write(`${lines.map((line) => `# ${line}\n`).join('')}`);
}

/** What scripts/test-summary.mjs wrote about a step. */
function readSummary(name) {
	try {
		return JSON.parse(readFileSync(`${PLACE}/${name}.json`, 'utf8'));
	} catch (error) {
		// The step's process was killed.
		const test = { status: 'failed', file: '', title: 'the step did not end', message: error.message, ms: 0 };
		return { tests: [test], seconds: 0 };
	}
}

const startedMs = Date.now();
const files = filesOf(process.argv.slice(2));
rmSync(PLACE, { recursive: true, force: true });
mkdirSync(PLACE, { recursive: true });
for (const file of files) {
	if (STEPS.some((step) => step.takes(file))) continue;
	process.stderr.write(`expected test files in a folder of test/, such as test/unit/words.test.ts, got ${file}\n`);
	process.exit(2);
}
if (process.argv[2] === 'all') {
	const names = new Set(files.map(nameOf));
	const gone = [...ALONE, ...BOUNDS, ...STEPS.flatMap(({ first = [] }) => first)].filter((name) => !names.has(name));
	if (gone.length > 0) throw new Error(`scripts/run-tests.mjs names test files that do not exist: ${gone.join(', ')}`);
}
await bundleTests(files);
const steps = STEPS.map((step) => ({ ...step, files: files.filter(step.takes) })).filter(
	(step) => step.files.length > 0,
);
const isLive = ({ name }) => name.startsWith('live');
const hasLive = steps.some(isLive);
let passed = true;
const take = async (chosen, lowPriority) => {
	for (const step of chosen) if (!(await run(step, lowPriority))) passed = false;
};
await take(
	steps.filter(({ name }) => name === 'unit'),
	false,
);
// Live tests mostly wait, so the others run at the same time, with a lower CPU priority.
const others = steps.filter((step) => step.name !== 'unit' && !isLive(step));
await Promise.all([take(steps.filter(isLive), false), take(others, hasLive)]);
printSummary(steps, startedMs);
process.exitCode = passed ? 0 : 1;
