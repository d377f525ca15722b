// Writes docs/errors.md from the table of error codes; --check: exit 1 if it is stale.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERROR_CODES } from '../src/base/error-codes.ts';

const path = join(import.meta.dirname, '../docs/errors.md');

const text = document();
if (process.argv.includes('--check')) {
	if (readFileSync(path, 'utf8') !== text) {
		console.error('docs/errors.md is stale: npm run generate');
		process.exitCode = 1;
	}
} else writeFileSync(path, text);

function document(): string {
	const rows = ERROR_CODES.map(
		([code, { meaning, hint, exit }]) => `| \`${code}\` | ${cell(meaning)} | ${cell(hint)} | ${exit ?? 1} |`,
	);
	return `# Errors

\`npm run generate\` writes this page from \`src/base/error-codes.ts\`.

The message of an error that you can fix is one sentence with a code in brackets, often followed by a hint. \`tinytap help CODE\` (at the prompt \`.help CODE\`) prints the entry for
a code, and \`tinytap help errors\` lists the codes. The last column is the exit status of a command that ends with the error. An error without a code
is an internal error: please report it with its output.

| code | meaning | what to do | exit |
|---|---|---|---|
${rows.join('\n')}
`;
}

function cell(text: string): string {
	return text.replaceAll('|', '\\|');
}
