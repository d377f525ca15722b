// Clients that speak HTTPS, each with the TLS library it uses. Each sends a plan and says what became of every request.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha256 } from './bodies.ts';
import { runCommand } from './clients.ts';
import type { Need, Site } from './server-kind.ts';
import { FIXTURES } from './site.ts';
import { type Certificates, content, type Statement, type TlsPlan, type TlsRequest } from './tls-plan.ts';
import { NODES, PYTHON, type TlsLibrary } from './tls-servers.ts';

export type TlsClient = {
	readonly name: string;
	readonly library: TlsLibrary;
	readonly needs: readonly Need[];
	readonly version: readonly string[];
	/** Needs responses with a length, on a connection that stays open. */
	readonly keeps?: boolean;
	/** Sends only GETs. */
	readonly gets?: boolean;
	readonly http2?: boolean;
	readonly ask: (port: number, plan: TlsPlan, tls: Certificates, site: Site) => Promise<Statement[]>;
};

/** How many connections there are at a time, of clients that have a process for each. */
const AT_ONCE = 10;

const PYTHON_PROGRAM = ['/usr/bin/python3', join(FIXTURES, 'tls_client.py')];
const NODE_PROGRAM = join(FIXTURES, 'tls_program.mjs');
const CURL: readonly Need[] = [{ command: 'curl', package: 'curl' }];

export const TLS_CLIENTS: Readonly<Record<string, TlsClient>> = {
	curl: curl('curl', false),
	'curl-http2': curl('curl, HTTP/2', true),
	wget: {
		...{ name: 'wget', library: 'gnutls', needs: [{ command: 'wget', package: 'wget' }] },
		...{ version: ['wget', '--version'], gets: true, ask: askByWget },
	},
	'http.client': python('Python http.client, threads', 'http.client', PYTHON),
	requests: python('Python requests', 'requests', [
		...PYTHON,
		{ file: '/usr/lib/python3/dist-packages/requests', package: 'python3-requests' },
	]),
	asyncio: python('Python asyncio', 'asyncio', PYTHON),
	node: node('Node', NODES.this),
	node24: node('Node 24', NODES['24']),
	s_client: {
		...python('openssl s_client', 's_client', [...PYTHON, { command: 'openssl', package: 'openssl' }]),
		version: ['openssl', 'version'],
	},
};

function python(name: string, library: string, needs: readonly Need[]): TlsClient {
	const version = ['/usr/bin/python3', '--version'];
	return {
		...{ name, library: 'openssl', needs, version, keeps: true },
		ask: async (port, plan, tls, site) => await askByProgram([...PYTHON_PROGRAM, library], port, plan, tls, site),
	};
}

function node(name: string, program: string): TlsClient {
	return {
		...{ name, library: 'openssl', needs: [{ file: program, package: 'node (by npm)' }], keeps: true },
		version: [program, '--version'],
		ask: async (port, plan, tls, site) => await askByProgram([program, NODE_PROGRAM, 'ask'], port, plan, tls, site),
	};
}

/** What such a program reads from stdin. `pause`, `nap`: after how many requests it waits for a line, and for a second. */
export function planText(
	port: number,
	plan: TlsPlan,
	tls: Certificates,
	pause: number | null = null,
	nap: number | null = null,
): string {
	const words = { port, authority: tls.authority, at_once: pause === null ? AT_ONCE : plan.length, pause, nap };
	return `${JSON.stringify({ ...words, connections: plan })}\n`;
}

/** What such a program prints. */
export function statementsIn(printed: string): Statement[] {
	return printed
		.split('\n')
		.filter((line) => line.startsWith('{'))
		.map((line) => {
			const said = JSON.parse(line);
			return {
				...{ id: said.id, connection: said.connection, port: said.port, status: said.status },
				...{ sent: said.sent, got: said.got, gotBytes: said.got_bytes },
				...sayings(said.fields),
			};
		});
}

export function programWords(client: 'http.client' | 'asyncio' | 'node' | 'node24'): readonly string[] {
	if (client === 'node') return [NODES.this, NODE_PROGRAM, 'ask'];
	return client === 'node24' ? [NODES['24'], NODE_PROGRAM, 'ask'] : [...PYTHON_PROGRAM, client];
}

async function askByProgram(words: readonly string[], port: number, plan: TlsPlan, tls: Certificates, site: Site) {
	return statementsIn((await runCommand(words, planText(port, plan, tls), site)).toString());
}

/** What the server says in fields of the response. Proxies to stunnel's back cannot tell the port: see `peerUnknown`. */
function sayings(fields: Readonly<Record<string, string>>): Pick<Statement, 'peer' | 'serverGot' | 'serverId'> {
	const peer = fields['x-peer'];
	return {
		peer: peer === undefined ? null : Number(peer),
		serverGot: fields['x-got'] ?? null,
		serverId: fields['x-id'] ?? null,
	};
}

function fieldsOf(head: string): Record<string, string> {
	const fields: Record<string, string> = {};
	for (const line of head.split(/\r?\n/).slice(1)) {
		const colon = line.indexOf(':');
		if (colon > 0) fields[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
	}
	return fields;
}

/** A process for each connection. */
async function inProcesses(
	plan: TlsPlan,
	site: Site,
	ask: (requests: readonly TlsRequest[], number: number, directory: string, own: Site) => Promise<Statement[]>,
): Promise<Statement[]> {
	const all: Statement[] = [];
	const waiting = [...plan.entries()];
	const work = async () => {
		for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
			const [number, requests] = next;
			const directory = mkdtempSync(join(site.temporary, 'asked-'));
			try {
				all.push(...(await ask(requests, number, directory, { ...site, temporary: directory })));
			} finally {
				rmSync(directory, { recursive: true });
			}
		}
	};
	await Promise.all(Array.from({ length: AT_ONCE }, work));
	return all;
}

function curl(name: string, http2: boolean): TlsClient {
	return {
		...{ name, library: 'openssl', needs: CURL, version: ['curl', '--version'], http2 },
		ask: async (port, plan, tls, site) =>
			await inProcesses(plan, site, (requests, number, directory, own) =>
				askByCurl({ port, http2, requests, number, directory, authority: tls.authority }, own),
			),
	};
}

type CurlTask = {
	readonly port: number;
	/** All requests at once on one connection. */
	readonly http2: boolean;
	readonly requests: readonly TlsRequest[];
	readonly number: number;
	readonly directory: string;
	readonly authority: string;
	/** Words before curl's own, and its environment. */
	readonly under?: readonly string[];
};

export async function askByCurl(task: CurlTask, site: Site): Promise<Statement[]> {
	const { port, http2, requests, number, directory, authority, under = [] } = task;
	const parts = requests.map(({ id, method, target, body }, place) => {
		if (body !== null) writeFileSync(join(directory, `body-${place}`), content(id, body));
		return [
			`url = "https://localhost:${port}${target}"`,
			`cacert = "${authority}"`,
			'ipv4',
			'noproxy = "*"',
			'silent',
			'show-error',
			http2 ? 'http2' : 'http1.1',
			'header = "Expect:"',
			`output = "${directory}/got-${place}"`,
			`dump-header = "${directory}/head-${place}"`,
			`write-out = "${place} %{local_port} %{http_code}\\n"`,
			...(method === 'POST' ? [`data-binary = "@${directory}/body-${place}"`] : []),
		].join('\n');
	});
	const input = `${http2 ? 'parallel\nparallel-max = 10\n' : ''}${parts.join('\nnext\n')}\n`;
	const printed = (await runCommand([...under, 'curl', '-q', '-K', '-'], input, site)).toString();
	const said = new Map(
		printed
			.trim()
			.split('\n')
			.map((line) => [Number(line.split(' ')[0]), line.split(' ').slice(1).map(Number)] as const),
	);
	return requests.map(({ id, body }, place) => {
		const [local = 0, status = 0] = said.get(place) ?? [];
		const got = readFileSync(join(directory, `got-${place}`));
		const fields = fieldsOf(readFileSync(join(directory, `head-${place}`), 'latin1'));
		return {
			...{ id, connection: number, port: local, status, sent: sha256(content(id, body ?? 0)) },
			...{ got: sha256(got), gotBytes: got.length, ...sayings(fields) },
		};
	});
}

async function askByWget(port: number, plan: TlsPlan, tls: Certificates, site: Site): Promise<Statement[]> {
	return await inProcesses(plan, site, async (requests, number, directory, own) => {
		const into = join(directory, 'got');
		mkdirSync(into);
		const list = requests.map(({ target }) => `https://localhost:${port}${target}\n`).join('');
		const options = [
			'-q',
			'-4',
			'--no-proxy',
			'--save-headers',
			`--ca-certificate=${tls.authority}`,
			'-P',
			into,
			'-i',
			'-',
		];
		await runCommand(['wget', ...options], list, own);
		const files = new Map(readdirSync(into).map((name) => [name.slice(name.indexOf('id=') + 3), name]));
		return requests.map(({ id, body }) => {
			const whole = readFileSync(join(into, files.get(id) ?? ''));
			const end = whole.indexOf('\r\n\r\n');
			const head = whole.subarray(0, end).toString('latin1');
			const got = whole.subarray(end + 4);
			return {
				...{ id, connection: number, port: null, status: Number(/^HTTP\/1.\d (\d+)/.exec(head)?.[1]) },
				...{ sent: sha256(content(id, body ?? 0)), got: sha256(got), gotBytes: got.length, ...sayings(fieldsOf(head)) },
			};
		});
	});
}
