// What the `.expect` lines of a script found, as reports that CI systems read.
import { forTerminal } from './terminal-text.ts';
import { escapeUnsafe } from './visible-text.ts';

/** An `.expect` of a script, or a statement or command that failed. */
export type TestCase = {
	/** Path of the script; undefined for stdin. */
	readonly file: string | undefined;
	readonly line: number;
	/** The statement in one line, and the condition. */
	readonly name: string;
	/** Seconds that the statement took. */
	readonly seconds: number;
	/** Undefined: it held. `error`: it could not be checked, or a statement or command failed. */
	readonly problem?: Problem;
};

export type Problem = {
	readonly kind: 'failure' | 'error';
	readonly summary: string;
	/** Lines as they would be printed: captured text in them is escaped already. */
	readonly details: string;
};

export const REPORTS: Readonly<Record<string, (cases: readonly TestCase[]) => string>> = {
	junit: junitReport,
	tap: tapReport,
};

/** JUnit's XML, in the form that Jenkins, GitLab and GitHub's actions read; one `testsuite` for each file. */
export function junitReport(cases: readonly TestCase[]): string {
	const files = groupsOf(cases);
	const suites = [...files].map(
		([file, list]) =>
			`  <testsuite name="${xmlText(file)}" ${totals(list)}>\n${list.map(testcase).join('')}  </testsuite>\n`,
	);
	return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="tinytap" ${totals(cases)}>\n${suites.join('')}</testsuites>\n`;
}

function groupsOf(cases: readonly TestCase[]): Map<string, TestCase[]> {
	const groups = new Map<string, TestCase[]>();
	for (const each of cases) groups.set(fileName(each), [...(groups.get(fileName(each)) ?? []), each]);
	return groups;
}

function fileName({ file }: TestCase): string {
	return file ?? 'stdin';
}

function totals(cases: readonly TestCase[]): string {
	const of = (kind: string) => cases.filter(({ problem }) => problem?.kind === kind).length;
	const seconds = cases.reduce((sum, each) => sum + each.seconds, 0);
	return `tests="${cases.length}" failures="${of('failure')}" errors="${of('error')}" time="${seconds.toFixed(3)}"`;
}

function testcase(each: TestCase): string {
	const { line, name, seconds, problem } = each;
	const file = xmlText(fileName(each));
	const head = `    <testcase name="${xmlText(name)}" classname="${file}" file="${file}" line="${line}" time="${seconds.toFixed(3)}"`;
	if (problem === undefined) return `${head}/>\n`;
	const { kind, summary, details } = problem;
	return `${head}>\n      <${kind} message="${xmlText(summary)}">${xmlLines(details)}</${kind}>\n    </testcase>\n`;
}

/** XML 1.0 cannot contain control characters at all, so they are shown as in terminal output. */
function xmlText(text: string): string {
	return xmlEscaped(forTerminal(text));
}

function xmlLines(details: string): string {
	return details
		.split('\n')
		.map((line) => xmlEscaped(printable(line)))
		.join('\n');
}

function xmlEscaped(text: string): string {
	const names: Readonly<Record<string, string>> = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot', "'": 'apos' };
	return text.replace(/[&<>"']/g, (character) => `&${names[character]};`);
}

/** A line of details. Backslashes stay: they are part of escapes. */
function printable(line: string): string {
	return escapeUnsafe(line, (characters) => forTerminal(characters));
}

/** TAP, version 14, with YAML blocks for what failed. */
export function tapReport(cases: readonly TestCase[]): string {
	const plan = cases.length === 0 ? '1..0 # SKIP no .expect was reached' : `1..${cases.length}`;
	return `TAP version 14\n${plan}\n${cases.map(tapLine).join('')}`;
}

function tapLine(each: TestCase, index: number): string {
	const { line, name, seconds, problem } = each;
	const text = forTerminal(name).replace(/[\\#]/g, '\\$&');
	const head = `${problem === undefined ? 'ok' : 'not ok'} ${index + 1} - ${text}\n`;
	const facts = [`duration_ms: ${(seconds * 1000).toFixed(3)}`];
	if (problem !== undefined) {
		const details = problem.details.trimEnd().split('\n');
		facts.push(
			`message: ${JSON.stringify(forTerminal(problem.summary))}`,
			`severity: ${problem.kind === 'failure' ? 'fail' : 'error'}`,
			`at: ${JSON.stringify(forTerminal(`${fileName(each)}:${line}`))}`,
			'details: |2',
			...details.map((detail) => `  ${printable(detail)}`),
		);
	}
	return `${head}  ---\n${facts.map((fact) => `  ${fact}\n`).join('')}  ...\n`;
}
