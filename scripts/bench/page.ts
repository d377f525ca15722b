// docs/performance.md: one section per benchmark. A benchmark calls publish() with its measurements; the result is
// stored in build/bench/NAME.json and becomes its section of the page. What a script cannot know (why a goal is missed,
// what was tried) is in scripts/bench/notes/NAME.md, which becomes the end of the section.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { table } from './rounds.ts';

const ROOT = join(import.meta.dirname, '../..');
const PAGE = join(ROOT, 'docs/performance.md');
const RESULTS = join(ROOT, 'build/bench');
const NOTES = join(import.meta.dirname, 'notes');

/** The order of the page; other sections come after these. */
const ORDER = [
	'overhead',
	'overhead-http2',
	'tls',
	'storm',
	'capacity',
	'decode',
	'decode-http2',
	'ingest',
	'sql',
	'latency',
	'shell',
	'replay',
	'import',
	'fleet',
	'store-tail',
	'growth',
	'agent',
];

const INTRODUCTION = `# Performance

\`npm run bench -- NAME\` writes this page: each run replaces its own section. Times apply to the machine they were measured on;
ratios between programs measured in the same run are more portable. Figures read *median (min–max)*.
Single runs scatter too much to show whether a change made tinytap slower. \`npm run bench -- quick\` compares two commits ([CONTRIBUTING.md](../CONTRIBUTING.md#did-a-change-make-it-slower)).
[Decisions](decisions/README.md) based on these figures have their own records.
`;

/** A goal of a benchmark and the result. */
export type Goal = {
	readonly goal: string;
	/** The printed result: a spread, a number, or why there is none. */
	readonly figure: string;
	readonly met: boolean;
};

/** Everything the page says about one benchmark, in the order of the page. Texts are Markdown. */
export type BenchResult = {
	/** As in `npm run bench -- NAME`. */
	readonly name: string;
	readonly title: string;
	/** What is measured and how, in sentences. */
	readonly method: string;
	/** The command that reproduces these figures. */
	readonly command: string;
	/** Versions of measured programs and packages other than Node. */
	readonly versions: Readonly<Record<string, string>>;
	readonly goals?: readonly Goal[];
	/** Tables and lists of figures. */
	readonly figures: string;
};

/** Stores the result and, unless `write` is false, writes it into the page. */
export function publish(result: BenchResult, write: boolean): void {
	const text = section(result, circumstances(result.command, result.versions));
	console.log(`\n${text}`);
	mkdirSync(RESULTS, { recursive: true });
	const kept = { ...result, circumstances: circumstances(result.command, result.versions) };
	writeFileSync(join(RESULTS, `${result.name}.json`), `${JSON.stringify(kept, null, '\t')}\n`);
	if (write) writeSection(result.name, text);
}

/** Renders the stored results again, after notes have changed. Sections without a result stay unchanged. */
export function renderPage(): void {
	if (!existsSync(RESULTS)) return;
	for (const file of readdirSync(RESULTS).filter((name) => name.endsWith('.json'))) {
		const result = JSON.parse(readFileSync(join(RESULTS, file), 'utf8')) as BenchResult & { circumstances: string };
		writeSection(result.name, section(result, result.circumstances));
	}
}

function section(result: BenchResult, taken: string): string {
	const { name, title, method, goals = [], figures } = result;
	const notes = join(NOTES, `${name}.md`);
	const parts = [`## ${title}`, method.trim(), taken];
	if (goals.length > 0)
		parts.push(
			table(
				['goal', 'measured', 'met'],
				goals.map(({ goal, figure, met }) => [goal, figure, met ? 'yes' : 'no']),
			),
		);
	parts.push(figures.trim());
	if (existsSync(notes)) parts.push(readFileSync(notes, 'utf8').trim());
	return parts.join('\n\n');
}

/** Replaces or adds the section that begins with this marker. `body` begins with the heading. */
function writeSection(name: string, body: string): void {
	const page = existsSync(PAGE) ? readFileSync(PAGE, 'utf8') : INTRODUCTION;
	const sections = new Map<string, string>();
	for (const [, other, text] of page.matchAll(/<!-- (\S+): written by [^>]*-->\n([\s\S]*?)\n<!-- end of \1 -->/g))
		sections.set(other!, text!);
	sections.set(name, body.trim());
	const place = (other: string) => (ORDER.includes(other) ? ORDER.indexOf(other) : ORDER.length);
	const texts = [...sections]
		.sort(([a], [b]) => place(a) - place(b))
		.map(
			([other, text]) => `<!-- ${other}: written by npm run bench -- ${other} -->\n${text}\n<!-- end of ${other} -->\n`,
		);
	writeFileSync(PAGE, [INTRODUCTION, ...texts].join('\n'));
}

/** When, where and with what the figures were measured, as lines of a list. */
function circumstances(command: string, versions: Readonly<Record<string, string>>): string {
	const cpu = cpus();
	const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
	const names = Object.entries({ Node: process.versions.node, V8: process.versions.v8, ...versions });
	return [
		`- Command: \`${command}\``,
		`- Taken: ${new Date().toISOString().slice(0, 16)}Z at commit ${commit()}`,
		`- Machine: ${cpu[0]?.model.trim() ?? 'unknown CPU'}, ${cpu.length} cores, ${memory}, Linux ${release()}, load of the last minute ${loadavg()[0]!.toFixed(1)}`,
		`- Versions: ${names.map(([name, version]) => `${name} ${version}`).join(', ')}`,
	].join('\n');
}

function commit(): string {
	try {
		return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8', cwd: import.meta.dirname }).trim();
	} catch {
		// An unpacked archive has no history.
		return 'unknown';
	}
}
