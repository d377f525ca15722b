// Compares the import of packets with tshark and with a live capture: tcpdump and tinytap capture the same exchanges of the
// servers and clients of `npm run compat`; then tinytap and tshark read tcpdump's file.
//
//     npm run imports                         all servers over TCP
//     npm run imports -- --only nginx,go      some
//
// Exit status 1 if the three do not agree on every exchange: its method, target, host, status, content type, and the lengths
// of its bodies; tinytap's two also on the bytes of the bodies.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runTinytap, startTinytap } from '../support/tinytap.ts';
import { CAPTURE_OPTIONS } from './compat/captured-row.ts';
import { ask, type Client, clientNamed } from './compat/clients.ts';
import { KINDS } from './compat/kinds.ts';
import { install, missing } from './compat/packages.ts';
import { startTcpdump } from './compat/packets.ts';
import { requestFor } from './compat/requests.ts';
import type { Hop, ServerKind, Site } from './compat/server-kind.ts';
import { createSite } from './compat/site.ts';
import { isEnding, remember, stopAll, stopForGood, unlessEnding } from './compat/start-server.ts';
import { differences, EXCHANGE_SQL, serverExchanges } from './imports/exchange.ts';
import { tsharkExchanges } from './imports/tshark.ts';

const TOOLS = [
	{ command: 'tcpdump', package: 'tcpdump' },
	{ command: 'tshark', package: 'tshark' },
];
/** Unix sockets have no packets. */
const OVER_TCP = KINDS.filter(({ group }) => group !== 'unix');
/** How often a capture is repeated if tcpdump drops packets. */
const ATTEMPTS = 3;
/** Where files with differences are kept. */
const KEPT = join(import.meta.dirname, '../build/imports');

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
	const groups = [...new Set(OVER_TCP.map(({ group }) => group))];
	const wanted = args.length === 0 ? groups : (args[1] ?? '').split(',');
	if (args.length > 0 && (args[0] !== '--only' || args.length > 2 || wanted.some((name) => !groups.includes(name)))) {
		console.error(`expected --only with names of ${groups.join(', ')}, got ${args.join(' ')}`);
		return 2;
	}
	if (process.getuid?.() !== 0) {
		console.error('imports: expected root, for capturing and for apt-get');
		return 1;
	}
	if (spawnSync(join(import.meta.dirname, 'build'), { stdio: 'inherit' }).status !== 0) return 1;
	const kinds = OVER_TCP.filter(({ group }) => wanted.includes(group));
	install([
		...TOOLS,
		...kinds.flatMap(({ needs }) => needs),
		...kinds.flatMap(clientsOf).flatMap(({ needs }) => needs),
	]);
	const { site, remove } = createSite();
	process.once('SIGINT', stopForGood);
	process.once('SIGTERM', stopForGood);
	let exchanges = 0;
	let failures = 0;
	try {
		for (const kind of kinds) {
			const absent = missing(kind.needs);
			if (absent !== undefined) console.log(`${kind.name}: not tried: ${absent}`);
			else {
				const one = await tryKind(kind, site);
				exchanges += one.exchanges;
				failures += one.failures.length;
				console.log(`${kind.name}: ${one.exchanges} exchanges, ${one.failures.length} differences`);
				for (const failure of one.failures) console.log(`  ${failure}`);
			}
			if (isEnding()) break;
		}
	} finally {
		await stopAll();
		remove();
	}
	if (isEnding()) process.exit(130);
	console.log(`${exchanges} exchanges, ${failures} differences`);
	return failures === 0 && exchanges > 0 ? 0 : 1;
}

function clientsOf(kind: ServerKind): Client[] {
	return (kind.clients ?? ['curl']).map(clientNamed);
}

type Tried = { exchanges: number; failures: string[] };

async function tryKind(kind: ServerKind, site: Site): Promise<Tried> {
	const tried: Tried = { exchanges: 0, failures: [] };
	try {
		const hops = (await kind.start(site)).filter(({ socket }) => socket === undefined);
		for (const client of clientsOf(kind).filter(({ needs }) => missing(needs) === undefined)) {
			let one = await compareOne(kind, client, hops, site);
			// On a busy machine, tcpdump may miss packets.
			for (let again = 0; one === undefined && again < ATTEMPTS; again++)
				one = await compareOne(kind, client, hops, site);
			if (one === undefined) throw new Error(`tcpdump dropped packets ${ATTEMPTS + 1} times`);
			tried.exchanges += one.exchanges;
			tried.failures.push(...one.failures.map((failure) => `${client.name}: ${failure}`));
		}
	} catch (error) {
		tried.failures.push(error instanceof Error ? error.message : String(error));
	} finally {
		await stopAll();
	}
	return tried;
}

/** One client sends all requests while tcpdump and tinytap capture. Undefined: tcpdump dropped packets. */
async function compareOne(
	kind: ServerKind,
	client: Client,
	hops: readonly Hop[],
	site: Site,
): Promise<Tried | undefined> {
	const [front] = hops;
	if (front === undefined) return { exchanges: 0, failures: [] };
	const requests = kind.targets.map((target, number) => requestFor(target, number, front, site));
	const ports = hops.map(({ port }) => port);
	const path = join(site.temporary, 'packets.pcap');
	const tcpdump = await startTcpdump(path, ports);
	const tinytap = startTinytap(['query', EXCHANGE_SQL, ...CAPTURE_OPTIONS, ...ports.flatMap(portOption)]);
	remember({ pid: tinytap.child.pid ?? -1, stop: tinytap.stop, output: tinytap.stderr });
	await unlessEnding(tinytap.attached());
	await unlessEnding(ask(client, requests, site));
	tinytap.interrupt();
	const live = await tinytap.finished;
	if (live.code !== 0) throw new Error(`tinytap query ended with ${live.code}: ${live.stderr}`);
	const dropped = await tcpdump.finish();
	for (const { into } of requests) rmSync(into);
	if (dropped > 0) return undefined;
	const imported = await runTinytap(['query', EXCHANGE_SQL, ...CAPTURE_OPTIONS, '--replay', path]);
	if (imported.code !== 0) throw new Error(`tinytap --replay ended with ${imported.code}: ${imported.stderr}`);
	const got = serverExchanges(imported.stdout);
	const failures = [
		...differences(serverExchanges(live.stdout), got, { bodies: true, states: true }).map((each) => `live: ${each}`),
		...differences(tsharkExchanges(path, ports), got, { bodies: false, states: false }).map(
			(each) => `tshark: ${each}`,
		),
		...warningsOf(imported.stderr),
	];
	if (got.length < requests.length) failures.push(`expected ${requests.length} exchanges or more, got ${got.length}`);
	if (failures.length > 0) keep(path, `${kind.name} ${client.name}`);
	return { exchanges: got.length, failures };
}

function portOption(port: number): string[] {
	return ['--port', String(port)];
}

/** A complete file has none. */
function warningsOf(stderr: string): string[] {
	return stderr.split('\n').filter((line) => line.startsWith('tinytap: warning'));
}

/** Keeps a file for examination. */
function keep(path: string, name: string): void {
	mkdirSync(KEPT, { recursive: true });
	const kept = join(KEPT, `${name.replaceAll(/[^\w.-]+/g, '-')}.pcap`);
	copyFileSync(path, kept);
	console.log(`the packets are kept in ${kept}`);
}
