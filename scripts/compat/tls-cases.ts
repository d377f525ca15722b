// Conditions in which mapping TLS to connections can go wrong: short lives, reused objects, libraries that appear while
// capturing, mount namespaces, connections older than the capture, and what else runs inside TLS.
import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort, stopChild } from '../../support/servers.ts';
import { runCommand } from './clients.ts';
import type { Need, Site } from './server-kind.ts';
import { FIXTURES } from './site.ts';
import { remember, startOn, unlessEnding } from './start-server.ts';
import { askByCurl, planText, programWords, statementsIn, TLS_CLIENTS } from './tls-clients.ts';
import { type Certificates, disagreements, type Statement, type TlsPlan, tlsPlan } from './tls-plan.ts';
import {
	captureTls,
	judgeHop,
	judgeOlder,
	judgeParents,
	type LibraryRow,
	type TlsCapture,
	unnoticed,
} from './tls-rows.ts';
import { PYTHON, startNginx, startPython, TLS_SERVERS } from './tls-servers.ts';

export type CaseResult = {
	/** Exchanges that the peers speak of, and rows expected of them. */
	readonly exchanges: number;
	readonly expected: number;
	readonly wrong: number;
	readonly missing: number;
	/** What else is said on the page. */
	readonly remark: string;
	readonly failures: readonly string[];
};

export type TlsCase = {
	readonly name: string;
	readonly server: string;
	readonly needs: readonly Need[];
	readonly run: (site: Site, tls: Certificates) => Promise<CaseResult>;
};

const NGINX: readonly Need[] = [{ command: 'nginx', package: 'nginx-light' }];
const CURL: readonly Need[] = [{ command: 'curl', package: 'curl' }];
const GCC: readonly Need[] = [{ command: 'gcc', package: 'gcc' }];
const WEBSOCKETS: Need = { file: '/usr/lib/python3/dist-packages/websockets', package: 'python3-websockets' };
const OPENSSL_ENDS = { server: 'openssl', client: 'openssl' } as const;
/** Long enough to notice a new library on a busy machine. */
const NOTICE_MS = 2000;

export const TLS_CASES: readonly TlsCase[] = [
	{
		...{ name: '200 curls of one request each', server: 'nginx', needs: [...NGINX, ...CURL] },
		run: async (site, tls) => {
			const { port } = await startNginx(site, tls);
			return await talk(tlsPlan({ connections: 200, requests: 1, posts: false }), port, site, tls);
		},
	},
	{
		...{ name: 'reused addresses of SSL objects', server: 'nginx', needs: [...NGINX, ...CURL, ...GCC] },
		run: async (site, tls) => {
			const log = join(site.temporary, 'ssl-addresses');
			const env = { LD_PRELOAD: site.compiled('ssl_addresses'), TINYTAP_SSL_LOG: log };
			const { port, back } = await startNginx(site, tls, { env });
			const result = await talk(tlsPlan({ connections: 100, requests: 2 }), port, site, tls, [back]);
			const addresses = readFileSync(log, 'utf8').trim().split('\n');
			const again = addresses.length - new Set(addresses).size;
			const none = again === 0 ? ['no address was used again, so this shows nothing'] : [];
			const remark = `${again} of ${addresses.length} objects at an address used before`;
			return { ...result, remark, failures: [...result.failures, ...none] };
		},
	},
	{
		...{ name: 'a proxy that ends TLS, one request at a time', server: 'nginx', needs: [...NGINX, ...CURL] },
		run: async (site, tls) => {
			const { port, back } = await startNginx(site, tls);
			const capture: TlsCapture[] = [];
			const result = await talk(tlsPlan({ connections: 1, requests: 30 }), port, site, tls, [back], capture);
			const parents = judgeParents(capture[0]!.rows, port, back);
			const without =
				parents.known === parents.of ? [] : [`parent_id is known of ${parents.known} of ${parents.of} rows`];
			const failures = [...result.failures, ...parents.wrong, ...without];
			return { ...result, remark: `parent_id ${parents.known} of ${parents.of}`, failures };
		},
	},
	{
		...{ name: 'a library first mapped while capturing', server: 'Python http.server, threads' },
		needs: [...PYTHON, ...CURL],
		run: async (site, tls) => {
			const port = await freePort();
			const plan = tlsPlan({ connections: 10, requests: 10 });
			const [library, other] = [copyOfLibrary(site), copyOfLibrary(site)];
			let said: Statement[] = [];
			const capture = await captureTls({ ports: [port], recording: join(site.temporary, 'recording') }, async () => {
				await startPython('threads', tls, { at: port, env: { LD_LIBRARY_PATH: library } });
				said = await pausedClient(
					'http.client',
					{ port, plan, tls, pause: 0, env: { LD_LIBRARY_PATH: other } },
					async () => {
						await unlessEnding(delay(NOTICE_MS));
					},
				);
			});
			const result = judge(capture, { plan, said, port });
			const attached = [library, other].filter((path) => isAttached(capture.libraries, path));
			const unattached = attached.length === 2 ? [] : ['tls_libraries does not say that both copies are attached'];
			return { ...result, failures: [...result.failures, ...unattached] };
		},
	},
	{
		...{ name: 'first requests of ten new library files', server: 'nginx', needs: [...NGINX, ...CURL] },
		run: firstRequests,
	},
	...['before', 'while'].map(
		(when): TlsCase => ({
			...{ name: `both ends in mount namespaces of their own, from ${when} the capture`, needs: PYTHON },
			server: 'Python http.server, threads',
			run: async (site, tls) => await inNamespaces(when === 'before', site, tls),
		}),
	),
	...(
		[
			['http.client', 'nginx'],
			['node', 'nginx'],
			['http.client', 'node'],
			['node24', 'node24'],
			['node24', 'python-asyncio'],
			['http.client', 'python-threads'],
			['http.client', 'lighttpd-gnutls'],
			['http.client', 'lighttpd-nss'],
		] as const
	).map(
		([client, server]): TlsCase => ({
			name: `${TLS_CLIENTS[client]!.name}: connections older than the capture`,
			server: TLS_SERVERS[server]!.name,
			needs: [...TLS_CLIENTS[client]!.needs, ...TLS_SERVERS[server]!.needs],
			run: async (site, tls) => await midstream(client, server, site, tls),
		}),
	),
	{
		...{ name: 'WebSocket', server: 'Python websockets', needs: [...PYTHON, WEBSOCKETS] },
		run: talkOverWebSocket,
	},
];

type Talk = {
	readonly plan: TlsPlan;
	readonly said: readonly Statement[];
	readonly port: number;
	readonly files?: boolean;
	readonly sides?: readonly ('server' | 'client')[];
};

/** curl sends the plan to a server that is started. */
async function talk(
	plan: TlsPlan,
	port: number,
	site: Site,
	tls: Certificates,
	more: readonly number[] = [],
	captures: TlsCapture[] = [],
): Promise<CaseResult> {
	let said: Statement[] = [];
	const run = { ports: [port, ...more], recording: join(site.temporary, 'recording') };
	const capture = await captureTls(run, async () => {
		said = await TLS_CLIENTS.curl!.ask(port, plan, tls, site);
	});
	captures.push(capture);
	return judge(capture, { plan, said, port, files: true });
}

function judge(capture: Pick<TlsCapture, 'rows'>, { plan, said, port, files = false, sides }: Talk): CaseResult {
	const wish = { port, ends: OPENSSL_ENDS, http2: false, ports: true, ...(sides === undefined ? {} : { sides }) };
	const { wrong, missing } = judgeHop(capture.rows, said, wish);
	const blind = wrong.length + missing.length === 0 ? unnoticed(capture.rows, said, wish) : [];
	return {
		...{ exchanges: said.length, expected: (sides?.length ?? 2) * said.length, remark: '' },
		...{ wrong: wrong.length, missing: missing.length },
		failures: [
			...disagreements(plan, said, files).map((problem) => `the peers disagree: ${problem}`),
			...blind.map((what) => `the comparison does not notice ${what}`),
			...wrong,
			...missing,
		],
	};
}

function libraryPath(): string {
	const { stdout } = spawnSync('ldconfig', ['-p'], { encoding: 'utf8' });
	const path = /libssl\.so\.3 .*=> (\S+)/.exec(stdout)?.[1];
	if (path === undefined) throw new Error('libssl.so.3 is not installed');
	return realpathSync(path);
}

/** A directory with a copy of the library, a file that nothing has mapped before. */
function copyOfLibrary(site: Site): string {
	const directory = mkdtempSync(join(site.temporary, 'library-'));
	copyFileSync(libraryPath(), join(directory, 'libssl.so.3'));
	return directory;
}

function isAttached(libraries: readonly LibraryRow[], directory: string): boolean {
	return libraries.some(
		({ path, attached }) => String(path).startsWith(directory) && (attached === true || attached === 1),
	);
}

type Asked = {
	readonly port: number;
	readonly plan: TlsPlan;
	readonly tls: Certificates;
	/** Number of requests before it waits. */
	readonly pause: number;
	/** Number of requests before each connection is silent for a second. */
	readonly nap?: number;
	readonly env?: NodeJS.ProcessEnv;
	/** Words before the program's. */
	readonly under?: readonly string[];
};

/** Starts a client that waits on all its connections after `pause` requests, does `meanwhile`, and lets it go on. */
async function pausedClient(
	client: 'http.client' | 'node' | 'node24',
	{ port, plan, tls, pause, nap, env = {}, under = [] }: Asked,
	meanwhile: (goOn: () => Promise<void>) => Promise<void>,
): Promise<Statement[]> {
	const [command = '', ...args] = [...under, ...programWords(client)];
	const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } });
	let output = '';
	let complaint = '';
	child.stdout.setEncoding('utf8').on('data', (text: string) => {
		output += text;
	});
	child.stderr.setEncoding('utf8').on('data', (text: string) => {
		complaint += text;
	});
	remember({ pid: child.pid ?? -1, stop: () => stopChild(child), output: () => complaint });
	const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
	child.stdin.on('error', () => {
		// It has ended; what it printed says why.
	});
	child.stdin.write(planText(port, plan, tls, pause, nap));
	while (!/^paused$/m.test(output)) {
		if (child.exitCode !== null) throw new Error(`the client ended early: ${complaint}`);
		await unlessEnding(delay(10));
	}
	let gone = false;
	const goOn = async () => {
		gone = true;
		child.stdin.end('go on\n');
		await unlessEnding(ended);
	};
	await meanwhile(goOn);
	if (!gone) await goOn();
	if (child.exitCode !== 0) throw new Error(`the client ended with ${child.exitCode}: ${complaint}`);
	return statementsIn(output);
}

/** Words that run a program in a mount namespace of its own, with a copy of the library on a file system of its own. */
function namespaced(site: Site): readonly string[] {
	const directory = join(site.temporary, 'private');
	mkdirSync(directory, { recursive: true });
	const script = `mount -t tmpfs none "$1" && cp "$2" "$1/libssl.so.3" && export LD_LIBRARY_PATH="$1" && shift 2 && exec "$@"`;
	return ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', directory, libraryPath()];
}

async function inNamespaces(before: boolean, site: Site, tls: Certificates): Promise<CaseResult> {
	const port = await freePort();
	const plan = tlsPlan({ connections: 10, requests: 10 });
	const start = async () => void (await startPython('threads', tls, { at: port, under: namespaced(site) }));
	if (before) await start();
	let said: Statement[] = [];
	const capture = await captureTls({ ports: [port], recording: join(site.temporary, 'recording') }, async () => {
		if (!before) await start();
		said = await pausedClient('http.client', { port, plan, tls, pause: 0, under: namespaced(site) }, async () => {
			await unlessEnding(delay(NOTICE_MS));
		});
	});
	return judge(capture, { plan, said, port });
}

/** The first thing that a process does with a library that no process has mapped before. It may be too early to be seen. */
async function firstRequests(site: Site, tls: Certificates): Promise<CaseResult> {
	const { port } = await startNginx(site, tls);
	const plan = tlsPlan({ connections: 10, requests: 1, posts: false });
	const said: Statement[] = [];
	const capture = await captureTls({ ports: [port], recording: join(site.temporary, 'recording') }, async () => {
		for (const [number, requests] of plan.entries()) {
			const directory = copyOfLibrary(site);
			const under = ['env', `LD_LIBRARY_PATH=${directory}`];
			const task = { port, http2: false, requests, number, directory, authority: tls.authority, under };
			said.push(...(await askByCurl(task, site)));
		}
	});
	// The server's rows are complete; of the client's those that there are must be right.
	const server = judge(capture, { plan, said, port, files: true, sides: ['server'] });
	const seen = capture.rows.filter((row) => row.side === 'client' && row.serverPort === port);
	const client = judgeHop(seen, said, { port, ends: OPENSSL_ENDS, http2: false, ports: true, sides: ['client'] });
	const remark = `${seen.length} of ${said.length} seen; of the server all`;
	const wrong = [...client.wrong];
	return {
		...server,
		...{ wrong: server.wrong + wrong.length, expected: said.length + seen.length, remark },
		failures: [...server.failures, ...wrong],
	};
}

/** How many requests of each connection are sent before the capture. */
const BEFORE = 3;
/** … and before the silence that proves that no response is owed. */
const NAP = 7;

/**
 * Connections that exist when the capture begins. The first request on each may lack a row: a thread that waits for it in the
 * library is in a call that began before the probes; and of a library that only works on memory it takes a call to learn
 * which connection its session has.
 */
async function midstream(
	client: 'http.client' | 'node' | 'node24',
	name: string,
	site: Site,
	tls: Certificates,
): Promise<CaseResult> {
	const server = TLS_SERVERS[name]!;
	const plan = tlsPlan({ connections: 20 });
	const { port } = await server.start(site, tls, plan);
	const captures: TlsCapture[] = [];
	const all = await pausedClient(client, { port, plan, tls, pause: BEFORE, nap: NAP }, async (goOn) => {
		const run = { ports: [port], recording: join(site.temporary, 'recording') };
		captures.push(
			await captureTls(run, async () => {
				await unlessEnding(delay(NOTICE_MS));
				await goOn();
			}),
		);
	});
	const placeOf = (id: string) => Number(id.split('-')[2]);
	const said = all.filter(({ id }) => placeOf(id) >= BEFORE);
	const { rows } = captures[0]!;
	const ends = { server: server.library, client: 'openssl' } as const;
	const wish = { port, ends, http2: false, ports: true };
	const { wrong, missing, whole } = judgeOlder(rows, said, wish, (id) => placeOf(id) === BEFORE);
	const after = said.filter(({ id }) => placeOf(id) > NAP);
	const counts = ['server', 'client'].map((side) => {
		const paired = whole.get(side)!;
		return `${side} ${paired.size} of ${said.length}, after the silence ${after.filter(({ id }) => paired.has(id)).length} of ${after.length}`;
	});
	const lacking = ['server', 'client'].map((side) => {
		const seen = new Set(rows.filter((row) => row.side === side).map((row) => row.request));
		return said.filter(({ id }) => placeOf(id) === BEFORE && !seen.has(id)).length;
	});
	const firsts = `first requests without a row: server ${lacking[0]}, client ${lacking[1]} of ${plan.length}`;
	return {
		...{ exchanges: said.length, expected: 2 * said.length, wrong: wrong.length, missing: missing.length },
		remark: `${firsts}; requests in one row with their responses: ${counts.join('; ')}`,
		failures: [
			...disagreements(plan, all, server.files).map((problem) => `the peers disagree: ${problem}`),
			...wrong,
			...missing,
		],
	};
}

type Spoken = { readonly id: string; readonly port: number; readonly said: readonly (readonly [string, string])[] };

async function talkOverWebSocket(site: Site, tls: Certificates): Promise<CaseResult> {
	const port = await freePort();
	const program = ['/usr/bin/python3', join(FIXTURES, 'tls_websocket.py')];
	await startOn(port, [...program, 'serve', String(port), tls.certificate, tls.key], {});
	let printed = '';
	const capture = await captureTls({ ports: [port], recording: join(site.temporary, 'recording') }, async () => {
		const words = [...program, 'ask', String(port), tls.authority, `w${process.pid}`];
		printed = (await runCommand(words, '', site)).toString();
	});
	const talks = printed
		.trim()
		.split('\n')
		.map((line) => JSON.parse(line) as Spoken);
	const wrong: string[] = [];
	const missing: string[] = [];
	for (const { id, port: own, said } of talks) {
		for (const side of ['server', 'client']) {
			const row = capture.rows.find((one) => one.request === id && one.side === side);
			if (row === undefined) {
				missing.push(`${id}: no row of side ${side}`);
				continue;
			}
			for (const [what, expected, got] of [
				['status', 101, row.status],
				['tls', 'openssl', row.tls],
				['port', own, row.clientPort],
			] as const)
				if (expected !== got) wrong.push(`${id}, ${side}: ${what}: expected ${expected}, got ${got}`);
			const echoed = said.filter(([sent, answer]) => {
				const { peer, text } = JSON.parse(answer) as { peer: number; text: string };
				return peer === own && text === sent;
			});
			if (echoed.length !== said.length) wrong.push(`${id}: the peers disagree`);
			const [asks, answers] = side === 'client' ? ['out', 'in'] : ['in', 'out'];
			for (const [direction, texts] of [
				[asks, said.map(([sent]) => sent)],
				[answers, said.map(([, answer]) => answer)],
			] as const) {
				const held = capture.messages.filter(
					(one) => one.exchange_id === row.id && one.direction === direction && one.kind === 'text',
				);
				if (held.map(({ data }) => data).join('\n') !== texts.join('\n'))
					wrong.push(
						`${id}, ${side}, ${direction}: expected ${texts.length} messages, got ${held.length}, or other texts`,
					);
			}
		}
	}
	return {
		...{ exchanges: talks.length, expected: 2 * talks.length, wrong: wrong.length, missing: missing.length },
		remark: `${talks.reduce((sum, { said }) => sum + 2 * said.length, 0)} messages`,
		failures: [...wrong, ...missing],
	};
}
