// docs/tls-peers.md: what was tried over TLS, and the result.
import { cpus, release } from 'node:os';
import { CONNECTIONS, REQUESTS } from './tls-plan.ts';
import { PAIR_COUNT, type StoredTrial } from './tls-trials.ts';

export function tlsPage(trials: readonly StoredTrial[]): string {
	const ran = trials.filter(({ absent }) => absent === undefined);
	const sum = (value: (trial: StoredTrial) => number) =>
		ran.reduce((total, one) => total + value(one), 0).toLocaleString('en');
	const failures = ran.flatMap((one) => one.failures.map((failure) => `${one.client} → ${one.server}: ${failure}`));
	const pairs = trials.filter(({ versions }) => versions !== undefined);
	const cases = trials.filter(({ versions }) => versions === undefined);
	return `# Peers over TLS

\`npm run compat -- --only tls\` writes this page (root); \`--only tls:curl+nginx\` replaces only the trials whose names contain these words. Real servers and clients speak HTTPS on loopback while \`tinytap query --tls --port …\` captures both ends: ${CONNECTIONS} connections with
${REQUESTS} requests each, with bodies of up to 1 MiB. Each request has an id of its own, in its path and in its body. The client says which port its socket has, what it sent and what it received; the server says which port it
sees, and, where it can, what it received. Every row is compared with that: id, ports of both ends, status, lengths and SHA-256 of both bodies, \`tls\`, \`via\`, \`req_via\`, \`url\`, \`pair_id\`, and that rows of one \`conn\` are of one socket.

*wrong*: rows that differ from what the peers say, or that nobody speaks of. *missing*: expected rows that are not there, or whose connection is unknown (\`tls-unmapped\`). After each trial without complaints the statements and rows are falsified one at a
time (a hash, a port, a pair, two connections exchanged, a row less …), and the comparison must notice each.

Linux ${release()} ${process.arch}, ${cpus().length} CPUs. ${pairs.length} of ${PAIR_COUNT} pairs so far, and ${cases.length} conditions: ${sum((one) => one.exchanges)} exchanges, ${sum((one) => one.expected)} rows: ${sum((one) => one.wrong)} wrong, ${sum((one) => one.missing)} missing.
${failures.length === 0 ? '' : `\n## What failed\n\n${firstOfEach(ran)}`}
## Pairs

| server | version | client | version | exchanges | rows | wrong | missing | remark | taken |
|---|---|---|---|---|---|---|---|---|---|
${pairs.map((one) => line([one.server, one.versions?.[0] ?? '', one.client, one.versions?.[1] ?? ''], one)).join('')}
## Conditions

| what | server | exchanges | rows | wrong | missing | remark | taken |
|---|---|---|---|---|---|---|---|
${cases.map((one) => line([one.client, one.server], one)).join('')}`;
}

function line(names: readonly string[], trial: StoredTrial): string {
	const { absent, exchanges, expected, wrong, missing, remark, taken } = trial;
	const result =
		absent === undefined
			? [exchanges, expected, wrong, missing, remark]
			: ['', '', '', '', `**not available**: ${absent}`];
	return `| ${[...names, ...result, taken].map((text) => cell(String(text))).join(' | ')} |\n`;
}

/** A trial that fails does so in hundreds of rows. */
function firstOfEach(trials: readonly StoredTrial[]): string {
	return trials
		.filter(({ failures }) => failures.length > 0)
		.map(({ client, server, failures }) => {
			const [first = ''] = failures;
			return `- ${client} → ${server}: ${failures.length} failures, first: ${cell(first.slice(0, 300))}\n`;
		})
		.join('');
}

function cell(text: string): string {
	return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
