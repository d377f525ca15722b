// Writes docs/errors.md from the table of error codes; --check: exit 1 when it is stale.
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

Written by \`npm run generate\` from \`src/base/error-codes.ts\`.

An error that you can fix is one sentence with its code in brackets, and often a hint. \`tinytap help CODE\` and, at the prompt, \`.help CODE\` print the entry for
a code; \`tinytap help errors\` lists the codes. The last column is the exit status of a command that ends with the error. An error without a code
is a fault in tinytap: please report it with the lines that it prints.

| code | meaning | what to do | exit |
|---|---|---|---|
${rows.join('\n')}
`;
}

function cell(text: string): string {
	return text.replaceAll('|', '\\|');
}
