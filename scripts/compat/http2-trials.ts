// Peers that talk HTTP/2 in clear text to each other, while tinytap and tcpdump capture. The rows are compared with what the
// peers say, and with what tshark reads in the packets.
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { compareWithTshark } from './http2-by-tshark.ts';
import { askGrpc, grpcFailures, installPeers, peerVersion, startGrpc } from './http2-grpc.ts';
import { HTTP2_CLIENTS, HTTP2_SERVERS, type Http2Client, type Http2Server } from './http2-peers.ts';
import { captureHttp2, type Http2Capture, type Http2Row, hopFailures, pairFailures } from './http2-rows.ts';
import { install, missing, versionOf } from './packages.ts';
import { startTcpdump } from './packets.ts';
import type { Need, Site } from './server-kind.ts';
import { isEnding, printed, stopAll } from './start-server.ts';

/** The word for --only. */
export const HTTP2_GROUP = 'http2';

/** Who talks to whom. */
const PAIRS: readonly (readonly [server: string, clients: readonly string[]])[] = [
	['node', ['node', 'go', 'python', 'curl', 'nghttp', 'h2load']],
	['go', ['go', 'node', 'curl', 'upgrade', 'nghttp', 'h2load']],
	['python', ['python', 'node', 'curl', 'h2load']],
	['hypercorn', ['curl', 'upgrade', 'node', 'h2load']],
	['nghttpd', ['nghttp', 'h2load', 'curl', 'node']],
	['nginx', ['nghttp', 'h2load', 'curl', 'go']],
	['apache', ['nghttp', 'h2load', 'curl', 'upgrades', 'python']],
	['nghttpx', ['upgrade', 'h2load', 'node']],
];

const PACKET_TOOLS: readonly Need[] = [
	{ command: 'tcpdump', package: 'tcpdump' },
	{ command: 'tshark', package: 'tshark' },
];
/** How often a capture is repeated if tcpdump drops packets. */
const ATTEMPTS = 3;
const KEPT = join(import.meta.dirname, '../../build/compat');

/** The result of one server with one client. */
export type Http2Trial = {
	readonly server: string;
	readonly client: string;
	readonly versions: readonly [server: string, client: string];
	/** Why it was not available; undefined if it ran. */
	readonly absent: string | undefined;
	readonly rows: readonly Http2Row[];
	/** Streams and fields that tshark read. */
	readonly streams: number;
	readonly fields: number;
	readonly failures: readonly string[];
};

export async function tryHttp2(site: Site): Promise<readonly Http2Trial[]> {
	const peers = PAIRS.flatMap(([server, clients]) => [
		HTTP2_SERVERS[server]!,
		...clients.map((name) => HTTP2_CLIENTS[name]!),
	]);
	install([...PACKET_TOOLS, ...peers.flatMap(({ needs }) => needs)]);
	installPeers();
	const trials: Http2Trial[] = [];
	const add = async (trial: Promise<Http2Trial>) => {
		const one = await trial;
		trials.push(one);
		const result = one.absent ?? `${one.rows.length} rows, ${one.failures.length} failures`;
		console.error(`compat: ${one.client} → ${one.server}: ${result}`);
		for (const failure of one.failures.slice(0, 20)) console.error(`  ${failure}`);
	};
	for (const [server, clients] of PAIRS)
		for (const client of clients)
			if (!isEnding()) await add(tryPair(HTTP2_SERVERS[server]!, HTTP2_CLIENTS[client]!, site));
	for (const proxied of [false, true]) if (!isEnding()) await add(tryGrpc(proxied, site));
	return trials;
}

async function tryPair(server: Http2Server, client: Http2Client, site: Site): Promise<Http2Trial> {
	const { writes, shortHeads = !writes, bodyMost = Number.POSITIVE_INFINITY } = client;
	const wishes = server.wishes.filter(
		({ sends, field, wants }) => (writes || sends === 0) && (field === 0 || !shortHeads) && wants.length <= bodyMost,
	);
	return await tryOne(
		{ server, client, start: () => server.start(site), ask: ([port = 0]) => client.ask(port, wishes, site) },
		({ rows }, ports) =>
			ports.flatMap((port, i) => {
				const mine = rows.filter((row) => row.serverPort === port);
				return hopFailures(mine, server, client, wishes, i === 0);
			}),
		site,
	);
}

async function tryGrpc(proxied: boolean, site: Site): Promise<Http2Trial> {
	const version = ['echo', peerVersion('@grpc/grpc-js')];
	const needs: readonly Need[] = proxied ? [{ command: 'nginx', package: 'nginx-light' }] : [];
	const server = {
		name: proxied ? 'nginx grpc_pass, proxy to grpc-js' : 'grpc-js',
		needs,
		version: proxied ? ['nginx', '-v'] : version,
	};
	let said: Awaited<ReturnType<typeof askGrpc>> = [];
	return await tryOne(
		{
			...{ server, client: { name: 'grpc-js', needs: [], version } },
			start: () => startGrpc(site, proxied),
			ask: async ([port = 0]) => {
				said = await askGrpc(port, proxied, site);
			},
		},
		({ rows }, ports) =>
			ports.flatMap((port) =>
				grpcFailures(
					rows.filter((row) => row.serverPort === port),
					said,
				),
			),
		site,
	);
}

type Peer = Pick<Http2Server, 'name' | 'needs' | 'version'>;
type Talk = {
	readonly server: Peer;
	readonly client: Peer & { readonly upgrades?: boolean };
	readonly start: () => Promise<readonly number[]>;
	readonly ask: (ports: readonly number[]) => Promise<void>;
};

async function tryOne(
	{ server, client, start, ask }: Talk,
	judge: (capture: Http2Capture, ports: readonly number[]) => readonly string[],
	site: Site,
): Promise<Http2Trial> {
	const names = { server: server.name, client: client.name };
	const nothing = { rows: [], streams: 0, fields: 0 };
	const absent = missing([...server.needs, ...client.needs]);
	if (absent !== undefined) return { ...names, ...nothing, absent, versions: ['', ''], failures: [] };
	const versions = [versionOf(server.version), versionOf(client.version)] as const;
	const recording = join(site.temporary, 'recording');
	const packets = join(site.temporary, 'packets.pcap');
	try {
		const ports = await start();
		for (let attempt = 0; ; attempt++) {
			const tcpdump = await startTcpdump(packets, ports);
			const capture = await captureHttp2(ports, recording, () => ask(ports));
			const dropped = await tcpdump.finish();
			if (dropped > 0) {
				if (attempt === ATTEMPTS)
					throw new Error(`tcpdump dropped packets ${ATTEMPTS + 1} times, ${dropped} the last time`);
				continue;
			}
			const seen = await compareWithTshark(packets, ports, client.upgrades === true, capture.rows);
			const failures = [
				...judge(capture, ports),
				...pairFailures(capture),
				...seen.failures.map((each) => `tshark: ${each}`),
			];
			if (failures.length > 0) keep([recording, packets], `${client.name} to ${server.name}`);
			return {
				...names,
				versions,
				absent: undefined,
				rows: capture.rows,
				streams: seen.streams,
				fields: seen.fields,
				failures,
			};
		}
	} catch (error) {
		const failure = `${error instanceof Error ? error.message : String(error)}\n${printed()}`.trim();
		return { ...names, ...nothing, versions, absent: undefined, failures: [failure] };
	} finally {
		await stopAll();
	}
}

/** Keeps the files of a failure for examination. */
function keep(paths: readonly string[], name: string): void {
	mkdirSync(KEPT, { recursive: true });
	for (const path of paths) {
		const kept = join(KEPT, `${name.replaceAll(/[^\w.-]+/g, '-')}.${path.endsWith('pcap') ? 'pcap' : 'tinytap'}`);
		copyFileSync(path, kept);
		console.error(`compat: kept in ${kept}`);
	}
}
