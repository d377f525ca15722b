// Tries real servers and clients on this host: which system calls carry their bodies, and whether tinytap holds every byte.
//
//     npm run compat                          all of them; writes docs/server-compatibility.md
//     npm run compat -- --only nginx,go       some; prints the page instead
//     npm run compat -- --only messages       WebSocket and server-sent events
//     npm run compat -- --only tls            peers over TLS; writes docs/tls-peers.md
//     npm run compat -- --only tls:curl+node  of these the trials whose names contain all of these words; replaces their lines
//
// Exit status 1 if a body that passed through user memory is not held whole, a count is wrong, rows do not pair or bytes
// differ.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { type CapturedRow, captureExchanges, isOn } from './compat/captured-row.ts';
import { ask, CLIENTS, type Client, clientNamed } from './compat/clients.ts';
import { HTTP2_GROUP, type Http2Trial, tryHttp2 } from './compat/http2-trials.ts';
import { type Exchange, type Judged, judge } from './compat/judge.ts';
import { KINDS } from './compat/kinds.ts';
import { MESSAGE_GROUP, type MessageTrial, tryMessages } from './compat/message-trials.ts';
import { install, missing, versionOf } from './compat/packages.ts';
import { page, type Tried } from './compat/page.ts';
import { requestFor } from './compat/requests.ts';
import type { Hop, ServerKind, Site } from './compat/server-kind.ts';
import { createSite } from './compat/site.ts';
import { isEnding, printed, stopAll, stopForGood } from './compat/start-server.ts';
import { tlsPage } from './compat/tls-page.ts';
import { storedTrials, TLS_GROUP, type TlsTrial, tryTls } from './compat/tls-trials.ts';

const GROUPS = [...new Set(KINDS.map(({ group }) => group)), HTTP2_GROUP, MESSAGE_GROUP, TLS_GROUP];
const PAGE = join(import.meta.dirname, '../docs/server-compatibility.md');
const TLS_PAGE = join(import.meta.dirname, '../docs/tls-peers.md');
/** Where recordings of captures with failures are kept. */
const KEPT = join(import.meta.dirname, '../build/compat');

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
	const groups = wantedGroups(args);
	if (groups === undefined) return 2;
	if (process.getuid?.() !== 0) {
		console.error('compat: expected root, for capturing and for apt-get');
		return 1;
	}
	// stdout is reserved for the page.
	if (spawnSync(join(import.meta.dirname, 'build'), { stdio: ['ignore', 2, 2] }).status !== 0) return 1;
	const kinds = KINDS.filter(({ group }) => groups.includes(group));
	install([...kinds, ...kinds.flatMap(clientsOf)].flatMap(({ needs }) => needs));
	const { site, remove } = createSite();
	const tried: Tried[] = [];
	let trials: readonly Http2Trial[] = [];
	let messageTrials: readonly MessageTrial[] = [];
	let tlsTrials: readonly TlsTrial[] = [];
	process.once('SIGINT', stopForGood);
	process.once('SIGTERM', stopForGood);
	try {
		for (const kind of kinds) {
			const one = await tryKind(kind, site);
			if (isEnding()) break;
			tried.push(one);
			console.error(
				`compat: ${kind.name}: ${one.absent ?? `${one.exchanges.length} exchanges, ${one.failures.length} failures`}`,
			);
			for (const failure of one.failures) console.error(`  ${failure}`);
		}
		if (groups.includes(HTTP2_GROUP) && !isEnding()) trials = await tryHttp2(site);
		if (groups.includes(MESSAGE_GROUP) && !isEnding()) messageTrials = await tryMessages(site);
		const overTls = groups.find((name) => name.split(':')[0] === TLS_GROUP);
		if (overTls !== undefined && !isEnding()) tlsTrials = await tryTls(site, overTls.split(':')[1]?.split('+') ?? []);
	} finally {
		await stopAll();
		remove();
	}
	// Exit at once: something may still be waiting for a server that will not start.
	if (isEnding()) process.exit(130);
	if (tlsTrials.length > 0) writeFileSync(TLS_PAGE, tlsPage(storedTrials()));
	const text = page(tried, CLIENTS, trials, messageTrials);
	if (groups.length === GROUPS.length) writeFileSync(PAGE, text);
	else if (tried.length + trials.length + messageTrials.length > 0) console.log(text);
	const failures = [...tried, ...trials, ...messageTrials, ...tlsTrials].flatMap((one) => one.failures);
	const absent = [
		...tried.filter((one) => one.absent !== undefined).map(({ kind }) => kind.name),
		...[...trials, ...messageTrials, ...tlsTrials]
			.filter((one) => one.absent !== undefined)
			.map(({ client, server }) => `${client} → ${server}`),
	];
	if (absent.length > 0) console.error(`compat: not available, so not tried: ${absent.join(', ')}`);
	console.error(failures.length === 0 ? 'compat: everything tried is correct' : `compat: ${failures.length} failures`);
	return failures.length === 0 ? 0 : 1;
}

function wantedGroups(args: readonly string[]): readonly string[] | undefined {
	if (args.length === 0) return GROUPS;
	const wanted = (args[1] ?? '').split(',');
	const unknown = wanted.filter((name) => !GROUPS.includes(name) && !name.startsWith(`${TLS_GROUP}:`));
	if (args[0] === '--only' && args.length === 2 && unknown.length === 0) return wanted;
	console.error(`expected --only with names of ${GROUPS.join(', ')}, got ${args.join(' ')}`);
	return undefined;
}

function clientsOf(kind: ServerKind): Client[] {
	return (kind.clients ?? ['curl']).map(clientNamed);
}

async function tryKind(kind: ServerKind, site: Site): Promise<Tried> {
	const absent = missing(kind.needs);
	if (absent !== undefined) return { kind, absent, version: '', exchanges: [], failures: [] };
	const version = versionOf(kind.version);
	try {
		const exchanges = await exchangesOf(kind, site);
		const failures = exchanges.flatMap((one) =>
			one.failures.map((failure) => `${one.client} → ${one.hop.name}, ${one.target.label}: ${failure}`),
		);
		return { kind, absent: undefined, version, exchanges, failures };
	} catch (error) {
		const failure = `${error instanceof Error ? error.message : String(error)}\n${printed()}`.trim();
		return { kind, absent: undefined, version, exchanges: [], failures: [failure] };
	} finally {
		await stopAll();
	}
}

/** Starts the server, lets every client send its requests, and judges the rows. */
async function exchangesOf(kind: ServerKind, site: Site): Promise<Judged[]> {
	const hops = await kind.start(site);
	const judged: Judged[] = [];
	for (const client of clientsOf(kind).filter(({ needs }) => missing(needs) === undefined))
		judged.push(...(await exchangesWith(client, kind, hops, site)));
	return judged;
}

/** One client sends all requests while tinytap captures. */
async function exchangesWith(client: Client, kind: ServerKind, hops: readonly Hop[], site: Site): Promise<Judged[]> {
	const [front] = hops;
	if (front === undefined) throw new Error(`${kind.name} has no port`);
	const requests = kind.targets.map((target, number) => requestFor(target, number, front, site));
	const recording = join(site.temporary, 'recording');
	const rows = await captureExchanges(hops, recording, () => ask(client, requests, site));
	const judged = kind.targets.flatMap((target, number) => {
		const into = requests[number]?.into ?? '';
		const exchange: Exchange = { number, target, client: client.name, received: readFileSync(into) };
		rmSync(into);
		return hops.map((hop) => {
			const one = judge(exchange, hop, hop.client ?? client, rows);
			const more = number === 0 ? strayRows(rows, hop, requests.length) : [];
			return { ...one, failures: [...transferFailures(exchange), ...one.failures, ...more] };
		});
	});
	if (judged.some(({ failures }) => failures.length > 0)) keepRecording(recording, `${kind.name} ${client.name}`);
	return judged;
}

/** Rows of the hop that do not belong to any request. */
function strayRows(rows: readonly CapturedRow[], hop: Hop, requests: number): string[] {
	return rows
		.filter((row) => isOn(row, hop) && !(row.number < requests))
		.map(({ id, side, state, reason }) => `row ${id} of side ${side} belongs to no request (${reason ?? state})`);
}

/** Keeps the recording of a rare failure for examination: `tinytap --replay FILE`. */
function keepRecording(recording: string, name: string): void {
	mkdirSync(KEPT, { recursive: true });
	const kept = join(KEPT, `${name.replaceAll(/[^\w.-]+/g, '-')}.tinytap`);
	copyFileSync(recording, kept);
	console.error(`compat: the capture is kept in ${kept}`);
}

/** Checks that the transfer itself worked, because the other checks mean nothing otherwise. */
function transferFailures({ target, received }: Exchange): string[] {
	const plain = target.gzip ? gunzipSync(received) : received;
	if (target.responseBody === undefined || plain.equals(target.responseBody)) return [];
	return [`the client received ${plain.length} bytes that are not the ${target.responseBody.length} expected`];
}
