// Peers that speak HTTPS to each other while tinytap captures with --tls. Every row is compared with what the peers say about
// their sockets and bodies; what the comparison would not notice is a failure, too.
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha256 } from './bodies.ts';
import { install, missing, versionOf } from './packages.ts';
import type { Site } from './server-kind.ts';
import { isEnding, printed, stopAll } from './start-server.ts';
import { type CaseResult, TLS_CASES } from './tls-cases.ts';
import { TLS_CLIENTS, type TlsClient } from './tls-clients.ts';
import { type Certificates, disagreements, prepareSite, type Statement, tlsPlan } from './tls-plan.ts';
import {
	captureTls,
	closedEarly,
	type HopWish,
	judgeHop,
	judgeParents,
	type TlsCapture,
	unnoticed,
} from './tls-rows.ts';
import { installNode24, PYTHON, TLS_SERVERS, type TlsServer } from './tls-servers.ts';

/** The word for --only. */
export const TLS_GROUP = 'tls';

/** Who talks to whom. */
const PAIRS: readonly (readonly [server: string, clients: readonly string[]])[] = [
	['nginx', ['curl', 'curl-http2', 'wget', 'http.client', 'requests', 'asyncio', 'node', 'node24', 's_client']],
	['apache', ['curl', 'curl-http2', 'wget', 'requests', 'node']],
	['lighttpd-openssl', ['curl', 'wget', 'http.client', 'node24']],
	['lighttpd-gnutls', ['curl', 'wget', 'requests', 'node']],
	['lighttpd-nss', ['curl', 'wget', 'asyncio', 'node']],
	['haproxy', ['curl', 'curl-http2', 'wget', 'http.client', 'node24']],
	['python-threads', ['curl', 'wget', 'http.client', 'requests', 'asyncio', 'node', 's_client']],
	['python-asyncio', ['curl', 'wget', 'http.client', 'asyncio', 'node24']],
	['node', ['curl', 'curl-http2', 'wget', 'requests', 'asyncio', 'node', 's_client']],
	['node24', ['curl', 'curl-http2', 'wget', 'http.client', 'asyncio', 'node24', 's_client']],
	['s_server', ['curl', 'wget']],
	['stunnel', ['curl', 'wget', 'requests', 'node']],
];

/** SHA-256 of nothing: a GET. */
const NO_BODY = sha256(Buffer.alloc(0));
const KEPT = join(import.meta.dirname, '../../build/compat');

export type TlsTrial = CaseResult & {
	readonly server: string;
	readonly client: string;
	/** Undefined: the trial is of a condition, not of a pair. */
	readonly versions: readonly [server: string, client: string] | undefined;
	/** Why it was not available; undefined if it ran. */
	readonly absent: string | undefined;
};

/** `taken`: the day. */
export type StoredTrial = TlsTrial & { readonly taken: string };

const NOTHING = { exchanges: 0, expected: 0, wrong: 0, missing: 0, remark: '' } as const;

/** `only`: words that a trial's name must contain, all of them; none for every trial. */
export async function tryTls(site: Site, only: readonly string[] = []): Promise<readonly TlsTrial[]> {
	const wanted = (name: string) => only.every((word) => name.includes(word));
	const pairs = PAIRS.flatMap(([server, clients]) =>
		clients.map((client) => ({ name: `${client} → ${server}`, server, client })),
	).filter(({ name }) => wanted(name));
	const cases = TLS_CASES.filter(({ name }) => wanted(name));
	installNode24();
	const peers = pairs.flatMap(({ server, client }) => [TLS_SERVERS[server]!, TLS_CLIENTS[client]!]);
	const needs = [...peers, ...cases].flatMap((one) => one.needs).filter((need) => !need.package.endsWith('(by npm)'));
	install([...PYTHON, { command: 'openssl', package: 'openssl' }, ...needs]);
	const certificates = prepareSite(site);
	const trials: TlsTrial[] = [];
	const add = async (trial: Promise<TlsTrial>) => {
		const one = await trial;
		trials.push(one);
		if (!isEnding()) store(one);
		const result = `${one.exchanges} exchanges, ${one.expected} rows: ${one.wrong} wrong, ${one.missing} missing`;
		console.error(`compat: ${one.client} → ${one.server}: ${one.absent ?? result} ${one.remark}`);
		for (const failure of one.failures.slice(0, 12)) console.error(`  ${failure}`);
		if (one.failures.length > 12) console.error(`  … ${one.failures.length} failures`);
	};
	for (const { server, client } of pairs)
		if (!isEnding()) await add(tryPair(TLS_SERVERS[server]!, TLS_CLIENTS[client]!, certificates, site));
	for (const one of cases)
		if (!isEnding())
			await add(
				guarded({ server: one.server, client: one.name, versions: undefined }, one.needs, async () => {
					return await one.run(site, certificates);
				}),
			);
	return trials;
}

async function tryPair(
	server: TlsServer,
	client: TlsClient,
	certificates: Certificates,
	site: Site,
): Promise<TlsTrial> {
	const versions = [versionOf(server.version), versionOf(client.version)] as const;
	const names = { server: server.name, client: client.name, versions };
	return await guarded(names, [...server.needs, ...client.needs], async () => {
		const plan = tlsPlan({ posts: client.gets !== true && server.single !== true });
		const { port, back } = await server.start(site, certificates, plan);
		const recording = join(site.temporary, 'recording');
		let said: Statement[] = [];
		const capture = await captureTls({ ports: [port, ...(back === undefined ? [] : [back])], recording }, async () => {
			said = await client.ask(port, plan, certificates, site);
		});
		if (server.saysPort === false) said = said.map((one) => ({ ...one, peer: null }));
		const result = judgePair(capture, { server, client, said, port, back });
		const broken = disagreements(plan, said, server.files).map((problem) => `the peers disagree: ${problem}`);
		if (result.failures.length > 0) keep(recording, `tls ${client.name} to ${server.name}`);
		return {
			...result,
			failures: [...broken, ...result.failures],
		};
	});
}

type Pair = {
	readonly server: TlsServer;
	readonly client: TlsClient;
	readonly said: readonly Statement[];
	readonly port: number;
	readonly back: number | undefined;
};

function judgePair(capture: TlsCapture, { server, client, said, port, back }: Pair) {
	const ends = { server: server.library, client: client.library };
	const wishes: [HopWish, readonly Statement[]][] = [[{ port, ends, http2: client.http2 === true, ports: true }, said]];
	if (back !== undefined) {
		const clear = { port: back, ends: { server: null, client: null }, http2: false, ports: false };
		const passed = server.passes === 'all' ? said : said.filter(({ sent }) => sent !== NO_BODY);
		wishes.push([clear, passed]);
	}
	const wrong: string[] = [];
	const missing: string[] = [];
	const blind: string[] = [];
	for (const [wish, statements] of wishes) {
		const verdict = judgeHop(capture.rows, statements, wish);
		wrong.push(...verdict.wrong);
		missing.push(...verdict.missing);
		if (verdict.wrong.length + verdict.missing.length === 0)
			blind.push(...unnoticed(capture.rows, statements, wish).map((what) => `the comparison does not notice ${what}`));
	}
	const parents = back === undefined ? undefined : judgeParents(capture.rows, port, back);
	wrong.push(...(parents?.wrong ?? []));
	const early = capture.rows.filter((row) => row.serverPort === port && closedEarly(row, wishes[0]![0])).length;
	return {
		exchanges: said.length,
		expected: wishes.reduce((sum, [, statements]) => sum + 2 * statements.length, 0),
		wrong: wrong.length,
		missing: missing.length,
		remark: [
			...(parents === undefined ? [] : [`parent_id ${parents.known} of ${parents.of}`]),
			...(early === 0 ? [] : [`in ${early} streams the client closed before it read their end`]),
		].join('; '),
		failures: [...blind, ...wrong, ...missing],
	};
}

async function guarded(
	names: Pick<TlsTrial, 'server' | 'client' | 'versions'>,
	needs: TlsServer['needs'],
	run: () => Promise<CaseResult>,
): Promise<TlsTrial> {
	const absent = missing(needs);
	if (absent !== undefined) return { ...names, ...NOTHING, absent, failures: [] };
	try {
		return { ...names, absent, ...(await run()) };
	} catch (error) {
		const failure = `${error instanceof Error ? error.message : String(error)}\n${printed()}`.trim();
		return { ...names, ...NOTHING, absent, failures: [failure] };
	} finally {
		await stopAll();
	}
}

const STORED = join(KEPT, 'tls-trials.json');

/** How many pairs there are to try. */
export const PAIR_COUNT = PAIRS.reduce((sum, [, clients]) => sum + clients.length, 0);

/** The results of all trials so far, of this and earlier runs, in the order in which they are listed here. */
export function storedTrials(): readonly StoredTrial[] {
	const stored = existsSync(STORED) ? (JSON.parse(readFileSync(STORED, 'utf8')) as StoredTrial[]) : [];
	const order = [
		...PAIRS.flatMap(([server, clients]) =>
			clients.map((client) => nameOf(TLS_SERVERS[server]!, TLS_CLIENTS[client]!)),
		),
		...TLS_CASES.map(({ name, server }) => nameOf({ name: server }, { name })),
	];
	const placeOf = ({ server, client }: StoredTrial) => order.indexOf(nameOf({ name: server }, { name: client }));
	return stored.filter((one) => placeOf(one) >= 0).sort((one, other) => placeOf(one) - placeOf(other));
}

type Named = { readonly name: string };

function nameOf(server: Named, client: Named): string {
	return `${client.name} → ${server.name}`;
}

function store(trial: TlsTrial): void {
	mkdirSync(KEPT, { recursive: true });
	const others = storedTrials().filter(({ server, client }) => server !== trial.server || client !== trial.client);
	const taken = new Date().toISOString().slice(0, 10);
	writeFileSync(STORED, JSON.stringify([...others, { ...trial, taken }], null, '\t'));
}

/** Keeps the recording of a failure for examination. */
function keep(recording: string, name: string): void {
	mkdirSync(KEPT, { recursive: true });
	const kept = join(KEPT, `${name.replaceAll(/[^\w.-]+/g, '-')}.tinytap`);
	copyFileSync(recording, kept);
	console.error(`compat: kept in ${kept}`);
}
