// Writes the list of bundled queries in docs/queries.md from the headers in queries/; --check: exit 1 if it is stale.
import { readFileSync, writeFileSync } from 'node:fs';
import { processUser } from '../src/base/invoking-user.ts';
import { declarationText } from '../src/shell/query-header.ts';
import { listQueries, type SavedQuery } from '../src/shell/saved-queries.ts';

const PAGE = new URL('../docs/queries.md', import.meta.url);
const QUERIES = new URL('../queries', import.meta.url);
const BEGIN = '<!-- queries: written by npm run generate -->';
const END = '<!-- end of queries -->';

const page = readFileSync(PAGE, 'utf8');
const text = withQueries(page);
if (process.argv.includes('--check')) {
	if (text !== page) {
		console.error('docs/queries.md is stale: npm run generate');
		process.exitCode = 1;
	}
} else writeFileSync(PAGE, text);

function withQueries(page: string): string {
	const start = page.indexOf(BEGIN);
	const end = page.indexOf(END);
	if (start < 0 || end < start) throw new Error(`docs/queries.md has no ${BEGIN} … ${END}`);
	const lines = listQueries([{ place: 'bundled', path: QUERIES.pathname, user: processUser() }]).map(queryLine);
	const table = `| name | shows | parameters |\n|---|---|---|\n${lines.join('\n')}\n`;
	return `${page.slice(0, start + BEGIN.length)}\n\n${table}\n${page.slice(end)}`;
}

function queryLine({ name, header, problem }: SavedQuery): string {
	if (problem !== undefined) throw new Error(problem);
	const parameters = header.parameters.map((each) => `\`${declarationText(each).slice(1)}\``).join(', ');
	return `| \`${name}\` | ${header.title} | ${parameters} |`;
}
