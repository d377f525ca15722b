// docs/server-compatibility.md: tables of what was tried and seen.
import { cpus, release } from 'node:os';
import { CAPTURE_OPTIONS, type CapturedBody, type CapturedRow } from './captured-row.ts';
import type { Client } from './clients.ts';
import type { Http2Row } from './http2-rows.ts';
import type { Http2Trial } from './http2-trials.ts';
import type { Judged } from './judge.ts';
import type { MessageTrial } from './message-trials.ts';
import { missing, versionOf } from './packages.ts';
import type { ServerKind } from './server-kind.ts';

/** The result of trying one server. */
export type Tried = {
	readonly kind: ServerKind;
	/** Why it was not available; undefined if it ran. */
	readonly absent: string | undefined;
	readonly version: string;
	readonly exchanges: readonly Judged[];
	readonly failures: readonly string[];
};

export function page(
	tried: readonly Tried[],
	clients: readonly Client[],
	trials: readonly Http2Trial[],
	messages: readonly MessageTrial[],
): string {
	const ran = tried.filter(({ absent }) => absent === undefined);
	const wanted = new Set(tried.flatMap(({ kind }) => kind.clients ?? ['curl']));
	const count = ran.reduce((sum, { exchanges }) => sum + exchanges.length, 0);
	const failures = [
		...tried.flatMap((one) => one.failures.map((failure) => `${one.kind.name}: ${failure}`)),
		...[...trials, ...messages].flatMap((one) =>
			one.failures.map((failure) => `${one.client} → ${one.server}: ${failure}`),
		),
	];
	return `# Servers and clients

\`npm run compat\` writes this page (it needs root; \`npm run compat -- --only ${[...new Set(tried.map(({ kind }) => kind.group))].slice(0, 2).join(',')}\` runs some servers and prints the page instead). It starts each server on loopback,
on a unix socket or in its own namespace, requests known bodies while \`tinytap query … ${CAPTURE_OPTIONS.join(' ')} --port PORT\` captures (without a port for unix sockets), and compares. If a body was in a program's
memory, the row must hold it whole, with the same SHA-256 as the bytes sent. If it was sent by \`sendfile\` or \`splice\`, the row must give its exact length and say so. The
rows of both ends must refer to each other in \`pair_id\`. Otherwise the script exits with 1 and lists what failed.

Linux ${release()} ${process.arch}, ${cpus().length} CPUs, Node ${process.version}. ${count} exchanges over ${ran.length} servers; ${failures.length === 0 ? 'all correct' : `${failures.length} failures`}.
${failures.length === 0 ? '' : `\n## What failed\n\n${failures.map((failure) => `- ${cell(failure)}\n`).join('')}`}
## Servers

The table shows the server's system calls: those that received the request and those that sent the response (\`vias\`, in order of first use), for bodies of 200 bytes, 51,200 bytes and
1 MiB. A server that makes responses in several ways has one line for each.

| server | version | received by | 200 | 51,200 | 1 MiB | held of 1 MiB |
|---|---|---|---|---|---|---|
${tried.map(summary).join('')}
## Clients

| client | version | sent by | received by |
|---|---|---|---|
${clients
	.filter(({ name }) => wanted.has(name))
	.map((client) => clientSummary(client, ran))
	.join('')}
${http2Section(trials)}${messageSection(messages)}## Every exchange

*held* is how much of the body the row holds; if the request had a body, the first figure is for the request and the second for the response. *same* names the rows whose held bytes
have the same SHA-256 as the file (or as what the client received, if the server generated or compressed the body).

${ran.map(details).join('\n')}`;
}

function http2Section(trials: readonly Http2Trial[]): string {
	if (trials.length === 0) return '';
	const rows = trials.reduce((sum, one) => sum + one.rows.length, 0);
	const fields = trials.reduce((sum, one) => sum + one.fields, 0);
	return `## HTTP/2

Peers that talk HTTP/2 in clear text, many requests at once on a connection: GETs and POSTs from 0 to 300,000 bytes, at the edges of frames and windows; where both can, also a field of 20,000 bytes,
trailers, interim responses and a pushed response. \`curl --http2\` begins with \`Upgrade: h2c\`. Both ends are captured. Each row must have what the peers say that they sent: the id of its request in path, fields
and body, the sizes that the server says it got and sent, and every byte of both bodies (those that \`sendfile\` moves only in the row of the receiver). A stream without its two rows, rows that do not refer to each other, and any loss are failures.
gRPC calls are unary, of streams in either and both directions, failing at once and after messages, cancelled, and out of time.
Meanwhile tcpdump captures the same connections, and tshark's streams must be those of the rows, with the same fields, trailers included, and as many bytes of data. ${rows.toLocaleString('en')} rows, ${fields.toLocaleString('en')} fields.

| server | version | client | version | rows | server: in | server: out | client: out | client: in | result |
|---|---|---|---|---|---|---|---|---|---|
${trials.map(http2Line).join('')}
`;
}

function messageSection(trials: readonly MessageTrial[]): string {
	if (trials.length === 0) return '';
	const messages = trials.reduce((sum, one) => sum + one.messages, 0);
	return `## Messages

WebSocket with the library ws: without compression, with permessage-deflate, and with a window for each message; texts and binary messages from 0 to 200,000 bytes, also in fragments, pings, pongs and close frames, on several connections at once.
Server-sent events of Node as they are and with gzip, deflate and br, flushed after each event. Both ends of each hop are captured. In each direction, the rows must be exactly the messages that the programs say that they sent, in
their order: kind, length, SHA-256 of the content, name, id and close code. A message without its row, a row with a note, an exchange without the other side's row, and any loss are failures. ${messages.toLocaleString('en')} rows.

| server | version | client | version | rows | result |
|---|---|---|---|---|---|
${trials.map(messageLine).join('')}
`;
}

function messageLine({ server, client, versions, absent, messages, failures }: MessageTrial): string {
	if (absent !== undefined) return `| ${server} | | ${client} | | | **not available**: ${cell(absent)} |\n`;
	const result = failures.length === 0 ? 'correct' : `**${failures.length} failures**`;
	return `| ${[server, versions[0], client, versions[1], messages.toLocaleString('en'), result].join(' | ')} |\n`;
}

function http2Line({ server, client, versions, absent, rows, failures }: Http2Trial): string {
	if (absent !== undefined) return `| ${server} | | ${client} | | | | | | | **not available**: ${cell(absent)} |\n`;
	const calls = (side: Http2Row['side'], column: string) =>
		words(rows.filter((row) => row.side === side && row[column] !== null).map((row) => String(row[column])));
	const result = failures.length === 0 ? 'correct' : `**${failures.length} failures**`;
	return `| ${[
		...[server, versions[0], client, versions[1], rows.length.toLocaleString('en')],
		...[calls('server', 'req_via'), calls('server', 'via'), calls('client', 'req_via'), calls('client', 'via'), result],
	].join(' | ')} |\n`;
}

/** One line for each way in which a server makes its responses: the words after the size in the labels of its GETs. */
function summary({ kind, absent, version, exchanges }: Tried): string {
	if (absent !== undefined) return `| ${kind.name} | **not available**: ${cell(absent)} | | | | | |\n`;
	const [first] = exchanges;
	const mine = exchanges.filter((one) => one.hop === first?.hop && one.client === first.client);
	const received = words(mine.map(({ server }) => server?.request.via));
	const ways = new Set(mine.filter(({ target }) => target.method === 'GET').map(({ target }) => wayOf(target.label)));
	return [...ways]
		.map((way) => {
			const sent = (size: string) => mine.find(({ target }) => target.label === `${size} ${way}`.trim())?.server;
			const big = sent('1,048,576')?.response;
			const name = way === '' || ways.size === 1 ? kind.name : `${kind.name}: ${way}`;
			const vias = ['200', '51,200', '1,048,576'].map((size) => sent(size)?.vias ?? '');
			return `| ${[name, version, received, ...vias, big === undefined ? '' : held(big)].join(' | ')} |\n`;
		})
		.join('');
}

function wayOf(label: string): string {
	return label.replace(/^(image|[\d,]+) ?/, '');
}

function clientSummary({ name, needs, version }: Client, ran: readonly Tried[]): string {
	const absent = missing(needs);
	if (absent !== undefined) return `| ${name} | **not available**: ${cell(absent)} | | |\n`;
	const rows = ran
		.flatMap(({ exchanges }) => exchanges)
		.filter((one) => one.client === name && one.hop.client === undefined)
		.map(({ asked }) => asked);
	const sent = words(rows.map((row) => row?.request.via));
	const received = words(rows.flatMap((row) => row?.vias?.split('+')));
	return `| ${name} | ${versionOf(version)} | ${sent} | ${received} |\n`;
}

function details({ kind, exchanges }: Tried): string {
	const hops = [...new Set(exchanges.map(({ hop }) => hop))];
	return hops
		.map(
			(hop) => `### ${hops.length > 1 ? `${kind.name}: ${hop.name}` : kind.name}

| client | request | server: in | server: out | server: held | client: out | client: in | client: held | rows pair | same |
|---|---|---|---|---|---|---|---|---|---|
${exchanges
	.filter((one) => one.hop === hop)
	.map(detail)
	.join('')}${notes(exchanges.filter((one) => one.hop === hop))}`,
		)
		.join('\n');
}

function detail(one: Judged): string {
	const { server, asked, target } = one;
	const paired =
		server !== undefined && asked !== undefined && server.pairId === asked.id && asked.pairId === server.id;
	const bodies = (row: CapturedRow | undefined) => {
		if (row === undefined) return 'no row';
		return target.requestBody === undefined ? held(row.response) : `${held(row.request)}; ${held(row.response)}`;
	};
	return `| ${[
		one.hop.client === undefined ? one.client : (asked?.comm ?? ''),
		target.label,
		server?.request.via ?? '',
		server?.vias ?? '',
		bodies(server),
		asked?.request.via ?? '',
		asked?.vias ?? '',
		bodies(asked),
		paired ? 'yes' : '**no**',
		one.failures.length === 0 ? one.compared : '**failed**',
	].join(' | ')} |\n`;
}

/** The notes seen, one line each: the contents of `res_body_note` for bodies that are not held whole. */
function notes(exchanges: readonly Judged[]): string {
	const seen = new Set<string>();
	for (const { server, asked } of exchanges) {
		for (const row of [server, asked]) {
			for (const [column, body] of [
				['req_body_note', row?.request],
				['res_body_note', row?.response],
			] as const) {
				if (body !== undefined && body.note !== null) seen.add(`- ${row?.side} row, \`${column}\`: \`${body.note}\`\n`);
			}
		}
	}
	return seen.size === 0 ? '' : `\n${[...seen].join('')}`;
}

function held({ captured, bytes }: CapturedBody): string {
	const total = bytes.toLocaleString('en');
	return captured === bytes ? (bytes === 0 ? '0' : `all ${total}`) : `${captured.toLocaleString('en')} of ${total}`;
}

/** Each word once, in order of first use. */
function words(list: readonly (string | null | undefined)[]): string {
	return [...new Set(list.filter((word) => word !== null && word !== undefined))].join(', ');
}

function cell(text: string): string {
	return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
