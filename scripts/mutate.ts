// Mutation testing: plants small faults, one at a time, in a copy of the checkout and runs the unit tests of the part
// on it. A mutant is killed if a test fails or never ends, or if the code does not compile.
// Results are stored in build/mutants-AREA.json, so that a run can be continued. `--survivors` runs the surviving
// mutants again; `--list` only prints the results. test/fixtures/equivalent-mutants.json lists mutants that make no
// observable difference, each with the reason.
// All tests of an area that reach the function run in one process, the fastest first. Tests that take longer than a
// second and tests that start the whole program are left out. This can only lower the score.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { killChildren, Workplace } from '../support/mutant-workplace.ts';
import { findMutants, isGenerated, type Mutant, readEquivalents, sampleMutants } from '../support/mutants.ts';

const ROOT = join(import.meta.dirname, '..');

/** `files`: only those of the sources. */
type Area = { readonly sources: string; readonly files?: RegExp; readonly tests: RegExp };

const DECODER = 'decoder-as/assembly';

/** Where mutants are planted, and which test files must notice them if they reach the function. */
const AREAS: Readonly<Record<string, Area>> = {
	sql: { sources: 'src/sql', tests: /^(sql-|row-query|script)/ },
	output: {
		sources: 'src/output',
		tests:
			/^(output-|redacted-|recording-redaction|packet-files|pcapng|test-report|export|har|hurl|parquet|raw-messages|tail-(line|bodies)|displayed-time|exchange-views|line-diff|painted-line|two-columns)/,
	},
	store: {
		sources: 'src/store',
		tests:
			/^(exchange-(store|columns|calls|views)|store-parts|moment|connection-log|memory-shares|output-|sql-(batches|condition|find|suggestions)|har|tail-line)/,
	},
	decode: {
		sources: 'src/decode',
		tests: /^(content-coding|zstd|body-note|words|exchange-(store|columns)|decoder\.)/,
	},
	// On the debug build, whose assertions may kill mutants, too. Other decoder tests generate random cases.
	decoder: { sources: DECODER, tests: /^decoder(?!-(fuzz|bombs|interleave))/ },
	http2: { sources: DECODER, files: /http2/, tests: /^decoder-(http2|messages)/ },
};

type Outcome = 'killed' | 'survived' | 'equivalent';
type Result = { readonly outcome: Outcome; readonly by: string; readonly mutant: Mutant };

const { values, positionals } = parseArgs({
	allowPositionals: true,
	options: {
		count: { type: 'string', default: '500' },
		seed: { type: 'string', default: '1' },
		jobs: { type: 'string', default: '2' },
		survivors: { type: 'boolean', default: false },
		list: { type: 'boolean', default: false },
	},
});
const names = positionals.length > 0 ? positionals : Object.keys(AREAS);
for (const name of names) {
	if (AREAS[name] === undefined) {
		console.error(`expected ${Object.keys(AREAS).join(', ')}, got "${name}"`);
		process.exit(2);
	}
}
const count = wholeNumber('count', values.count);
const seed = wholeNumber('seed', values.seed);
const jobs = wholeNumber('jobs', values.jobs);
const equivalents = readEquivalents(ROOT);

const directory = mkdtempSync(join(tmpdir(), 'tinytap-mutate-'));
process.on('exit', () => {
	killChildren();
	rmSync(directory, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));

const lines = [
	'| area | mutants | in the sample | killed | equivalent | survived | score |',
	'|---|---|---|---|---|---|---|',
];
for (const name of names) lines.push(await mutateArea(name, AREAS[name]!));
console.log(lines.join('\n'));
process.exit();

async function mutateArea(name: string, area: Area): Promise<string> {
	const { sources, files = /./ } = area;
	const all = findMutants(ROOT, [sources]).filter(({ file }) => files.test(file) && !isGenerated(ROOT, file));
	const sample = sampleMutants(all, count, seed);
	const path = join(ROOT, `build/mutants-${name}.json`);
	const known = new Map<string, Result>();
	if (existsSync(path))
		for (const each of JSON.parse(readFileSync(path, 'utf8')) as Result[]) known.set(each.mutant.key, each);
	const results: Result[] = [];
	const waiting: Mutant[] = [];
	for (const mutant of sample) {
		const before = known.get(mutant.key);
		if (equivalents.has(mutant)) results.push({ outcome: 'equivalent', by: '', mutant });
		else if (before === undefined || (values.survivors && before.outcome !== 'killed')) waiting.push(mutant);
		else results.push({ ...before, mutant });
	}
	if (!values.list && waiting.length > 0) {
		const save = (result: Result) => {
			results.push(result);
			known.set(result.mutant.key, result);
			writeFileSync(path, JSON.stringify([...known.values()]));
			console.error(`${name} ${results.length}/${sample.length}: ${result.outcome} ${describe(result)}`);
		};
		const build = sources === DECODER ? 'debug' : 'release';
		// Read all at once, because the checkout may change in the meantime.
		const places = await Promise.all(
			Array.from({ length: Math.max(1, jobs) }, (_, job) =>
				Workplace.create(join(directory, `${name}-${job}`), area.tests, build),
			),
		);
		const memory = join(ROOT, `build/mutants-${name}-tests.json`);
		const { tests, leftOut } = await Workplace.measure(places, sources === DECODER ? sample : all, memory);
		for (const each of leftOut) console.error(`left out: ${each}`);
		const total = Math.round(tests.reduce((sum, { ms }) => sum + ms, 0));
		console.error(`${name}: ${tests.length} tests take ${total} ms`);
		const work = async (place: Workplace) => {
			for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
				const by = await place.try(mutant, tests);
				save({ outcome: by === undefined ? 'survived' : 'killed', by: by ?? '', mutant });
			}
			place.close();
		};
		await Promise.all(places.map(work));
	}
	const of = (outcome: Outcome) => results.filter((each) => each.outcome === outcome);
	const [killed, equivalent, survived] = [of('killed').length, of('equivalent').length, of('survived').length];
	const score = ((100 * killed) / (killed + survived)).toFixed(1);
	for (const each of of('survived')) console.error(`  survived: ${describe(each)}`);
	return `| ${name} | ${all.length} | ${results.length} | ${killed} | ${equivalent} | ${survived} | ${score} % |`;
}

function describe({ mutant: { file, line, text, replacement }, by }: Result): string {
	const short = (code: string) => (code.length > 60 ? `${code.slice(0, 57)}…` : code).replace(/\s+/g, ' ');
	return `${file}:${line} ${short(text)} → ${short(replacement)}${by === '' ? '' : ` (${by})`}`;
}

function wholeNumber(name: string, given: string): number {
	if (/^\d{1,9}$/.test(given)) return Number(given);
	console.error(`expected a whole number after --${name}, got "${given}"`);
	process.exit(2);
}
