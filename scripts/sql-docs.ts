// Writes the list of functions in docs/sql.md from the table of functions in src/sql; --check: exit 1 if it is stale.
import { readFileSync, writeFileSync } from 'node:fs';
import { FUNCTION_ALIASES, FUNCTION_DOCS, type FunctionDoc } from '../src/sql/sql.ts';

const PAGE = new URL('../docs/sql.md', import.meta.url);
const BEGIN = '<!-- functions: written by npm run generate -->';
const END = '<!-- end of functions -->';

const HEADINGS: Record<FunctionDoc['group'], string> = {
	text: 'Text',
	number: 'Numbers',
	general: 'Any values',
	date: 'Dates and times',
	json: 'JSON',
	table: 'Tables',
	http: 'HTTP',
	aggregate: 'Aggregates',
	window: 'Window functions',
};

const INTRODUCTIONS: Partial<Record<FunctionDoc['group'], string>> = {
	aggregate:
		'In the examples `x` is 1, 2, 3, 4. Every aggregate takes `FILTER (WHERE …)`, `OVER (…)` and, with one argument, `DISTINCT`.',
	table:
		'These functions stand in `FROM`. Their arguments may use the tables before them: `SELECT e.id, j.key, j.value FROM exchanges e, json_each(e.req_headers) j`.',
	window: 'In the examples `x` is 1, 2, 3, 4 in this order, and the results shown are those of the third row.',
};

const page = readFileSync(PAGE, 'utf8');
const text = withFunctions(page);
if (process.argv.includes('--check')) {
	if (text !== page) {
		console.error('docs/sql.md is stale: npm run generate');
		process.exitCode = 1;
	}
} else writeFileSync(PAGE, text);

/** The page with an up-to-date list of functions. */
function withFunctions(page: string): string {
	const start = page.indexOf(BEGIN);
	const end = page.indexOf(END);
	if (start < 0 || end < start) throw new Error(`docs/sql.md has no ${BEGIN} … ${END}`);
	const sections = Object.entries(HEADINGS).map(([group, heading]) => section(group as FunctionDoc['group'], heading));
	return `${page.slice(0, start + BEGIN.length)}\n\n${sections.join('\n')}\n${aliasLine()}\n\n${page.slice(end)}`;
}

function section(group: FunctionDoc['group'], heading: string): string {
	const lines = FUNCTION_DOCS.filter((entry) => entry.group === group).map(functionLine);
	const introduction = INTRODUCTIONS[group] === undefined ? '' : `${INTRODUCTIONS[group]}\n\n`;
	return `### ${heading}\n\n${introduction}| function | result | example |\n|---|---|---|\n${lines.join('\n')}\n`;
}

function functionLine({ signature, doc, example: [sql, result] }: FunctionDoc): string {
	const shown = result === null ? 'NULL' : typeof result === 'string' ? `'${result}'` : String(result);
	return `| ${code(signature)} | ${cell(doc)} | ${code(sql)} → ${code(shown)} |`;
}

function code(text: string): string {
	return `\`${cell(text)}\``;
}

function cell(text: string): string {
	return text.replaceAll('|', '\\|');
}

function aliasLine(): string {
	const aliases = [...FUNCTION_ALIASES].map(([alias, name]) => `\`${alias}\` is \`${name}\``);
	return `Other names: ${aliases.join(', ')}. The operators \`->\` and \`->>\` are described under JSON above.`;
}
