// What `import 'tinytap'` gives: where the program is, and the types of what it prints as JSON, from the tables.
import { TABLES } from '../../src/store/database.ts';
import type { Column } from '../../src/store/table.ts';

const JSON_TYPES: Readonly<Record<Column['type'], string>> = {
	int: 'number',
	float: 'number',
	text: 'string',
	json: 'Record<string, string | string[]>',
	blob: 'string',
	datetime: 'string',
	local: 'string',
	date: 'string',
	time: 'string',
	interval: 'string',
};

export const API_MODULE = `import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const program = fileURLToPath(new URL('../bin/tinytap', import.meta.url));
export const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
`;

export function apiTypes(): string {
	const tables = TABLES.map(
		({ name, columns }) =>
			`/** A row of \`SELECT * FROM ${name}\` with \`--format json\` or \`ndjson\`. */\nexport interface ${interfaceName(name)} {\n${columns
				.map(
					({ name: column, type, description }) =>
						`\t/** ${description.replaceAll('*/', '* /')} */\n\treadonly ${column}: ${JSON_TYPES[type]} | null;\n`,
				)
				.join('')}}\n`,
	);
	return `/** Path of the program, to be started with arguments: \`spawn(program, ['query', 'SELECT 1', '--format', 'json'])\`. */
export declare const program: string;
/** The version of this package. */
export declare const version: string;

/** What \`tinytap doctor --json\` prints. */
export interface DoctorReport {
	/** Whether live capture is possible: no check has failed. */
	readonly capture: boolean;
	readonly checks: readonly DoctorCheck[];
}

export interface DoctorCheck {
	readonly name: string;
	/** \`failed\`: capture is impossible. \`warning\`: something is not seen, or tinytap is slower. */
	readonly status: 'ok' | 'warning' | 'failed';
	readonly detail: string;
	/** What the problem affects, and how to fix it. Absent if there is no problem. */
	readonly affects?: string;
	readonly fix?: string;
}

${tables.join('\n')}`;
}

/** `exchanges` → `Exchange`, `blind_spots` → `BlindSpot`. */
function interfaceName(table: string): string {
	const words = table.split('_').map((word) => `${word[0]?.toUpperCase()}${word.slice(1)}`);
	return words.join('').replace(/(?<=[^s])s$/, '');
}
