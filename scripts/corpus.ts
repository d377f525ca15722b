// Runs the cases of a corpus directory through the decoder: see scripts/corpus for usage and docs/corpora.md for what
// counts.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { judgeConversations } from '../support/corpora/conversations.ts';
import { judgeHpackStories } from '../support/corpora/hpack-stories.ts';
import { judgeParserCases } from '../support/corpora/parser-cases.ts';

const root = process.argv[2];
if (root === undefined || !existsSync(root)) {
	console.error('usage: scripts/corpus DIR [--verbose]');
	process.exit(2);
}
const verbose = process.argv.includes('--verbose');
const paths = walk(root);
const outcomes = [
	...judgeConversations(paths),
	...judgeHpackStories(paths),
	...paths
		.filter((path) => path.endsWith('.md') && basename(path) !== 'README.md')
		.flatMap((path) => judgeParserCases(path, relative(root, path))),
];
for (const { name, got, want, why } of outcomes) {
	const explained = verbose && got !== want && why !== undefined;
	console.log(`${name}: ${got}/${want}${explained ? `  ${why}` : ''}`);
}
console.log(`total: ${outcomes.filter(({ got, want }) => got === want).length} of ${outcomes.length}`);

function walk(path: string): string[] {
	if (!statSync(path).isDirectory()) return [path];
	return readdirSync(path)
		.toSorted()
		.flatMap((name) => walk(join(path, name)));
}
