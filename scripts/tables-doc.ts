// Writes docs/tables.md from the tables in the code; --check: exit 1 if it is stale.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ANOMALY_DESCRIPTIONS, FLAG_WORDS, PROTOCOLS, REASONS, STATES, SYSCALL_NAMES } from '../src/decode/words.ts';
import { TABLES } from '../src/store/database.ts';
import { LOSS_REASONS } from '../src/store/loss-table.ts';

const path = join(import.meta.dirname, '../docs/tables.md');

const TABLE_TEXTS: Readonly<Record<string, string>> = {
	exchanges:
		'One row for each request with its response. It is created when the head of the request is complete and updated until the response ends.\nIf the request was not seen, the request columns are NULL. Without ORDER BY, the order of rows is unspecified.',
	headers:
		'One row for each field line, in order, with case and repeats. `seq` counts within a message; trailers follow the head.',
	messages:
		'One row for each message inside an exchange: server-sent events, messages of gRPC, WebSocket messages and control frames, lines of NDJSON, parts of multipart/x-mixed-replace.\n`--body-limit` applies to each of them, and they are rows for the whole life of a stream. They are evicted with their exchange.',
	connections: 'Connections that carried a recognised protocol: those open and the last closed ones.',
	events:
		'The most recent system calls on these connections, one row per call. A sendfile shows its out_fd and return value.',
	inflight: 'Exchanges that are not complete yet: the columns of `exchanges` and one more.',
	loss: 'What was not captured: one row per reason, zeros included.',
	blind_spots: 'Processes that did something tinytap cannot follow. They explain why traffic is missing.',
};

const text = document();
if (process.argv.includes('--check')) {
	if (readFileSync(path, 'utf8') !== text) {
		console.error('docs/tables.md is stale: npm run generate');
		process.exitCode = 1;
	}
} else writeFileSync(path, text);

function document(): string {
	const tables = TABLES.map(
		({ name, columns }) =>
			`## ${name}\n\n${TABLE_TEXTS[name] ?? ''}\n\n| column | type | meaning |\n|---|---|---|\n${columns
				.map((column) => `| ${column.name} | ${column.type} | ${column.description.replaceAll('|', '\\|')} |\n`)
				.join('')}`,
	);
	const words = (list: readonly (string | null)[]) =>
		list
			.filter((word) => word !== null)
			.map((word) => `\`${word}\``)
			.join(', ');
	return `# Tables

\`npm run generate\` writes this page from the code; \`.schema\` and \`DESCRIBE TABLE\` show the same. All tables are read-only.
Times are UTC with microseconds; comparisons with ISO texts are by instant. NULL and '' are always different.

${tables.join('\n')}
## Words

- \`state\`: ${words(STATES)}
- \`reason\`: ${words(REASONS)}
- \`via\`, \`req_via\`, \`events.syscall\`: ${words(SYSCALL_NAMES)}
- \`connections.protocol\`: ${words(PROTOCOLS)}
- \`events.flags\`: ${words(FLAG_WORDS.map(([, word]) => word))}
- \`loss.reason\` of kind \`lost\`: ${words(LOSS_REASONS.filter(({ kind }) => kind === 'lost').map(({ reason }) => reason))}
- \`loss.reason\` of kind \`by_design\`: ${words(LOSS_REASONS.filter(({ kind }) => kind === 'by_design').map(({ reason }) => reason))}

### anomalies

| word | meaning |
|---|---|
${ANOMALY_DESCRIPTIONS.map(([word, meaning]) => `| ${word} | ${meaning} |\n`).join('')}`;
}
