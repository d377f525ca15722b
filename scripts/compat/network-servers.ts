// Servers that differ in how they are reached: dual-stack sockets, unix sockets, and namespaces like those of
// containers.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { freePort } from '../../support/servers.ts';
import { always, bodiesInPieces, echoes, everyBody, type Hop, type ServerKind, type Site } from './server-kind.ts';
import { FIXTURES } from './site.ts';
import { remember, startListening } from './start-server.ts';

const NODE_SERVER = join(FIXTURES, 'http_server.mjs');
const NODE = { request: always('read'), response: always('write', 'writev') };
const JAVA = { command: 'javac', package: 'default-jdk-headless' };
const PYTHON = { request: always('recvfrom'), response: always('sendto') };
const TARGETS = [...everyBody(), ...bodiesInPieces('/chunked/', 'chunked'), ...echoes()];
const UNIX_CLIENTS = ['curl', 'Node http', 'Python http.client'];

/** The namespace and the two ends of the virtual cable into it. */
export const NAMESPACE = 'tinytap-compat';
const OUTSIDE = '10.231.77.1';
const INSIDE = '10.231.77.2';

export const NETWORK_SERVER_KINDS: readonly ServerKind[] = [
	dualStack('by IPv4', '127.0.0.1', ['curl', 'Node http', 'Java HttpClient']),
	dualStack('by IPv6', '[::1]', ['curl', 'Node http', 'Java HttpClient']),
	{
		group: 'java',
		name: 'Java HttpServer',
		needs: [JAVA],
		version: ['java', '-version'],
		targets: TARGETS,
		clients: ['curl', 'Java HttpClient', 'Node fetch'],
		start: async ({ root }) => {
			const port = await freePort();
			const words = ['java', join(FIXTURES, 'HttpProgram.java'), 'serve', String(port)];
			await startListening({ port }, words, { COMPAT_ROOT: root });
			return [{ name: 'server', port, server: { request: always('read'), response: always('write') } }];
		},
	},
	{
		group: 'unix',
		name: 'node http, unix socket',
		needs: [],
		version: [process.execPath, '--version'],
		targets: TARGETS,
		clients: UNIX_CLIENTS,
		start: async (site) => await startAtSocket(site, (socket) => [process.execPath, NODE_SERVER, socket], NODE),
	},
	{
		group: 'unix',
		name: 'gunicorn, unix socket',
		needs: [{ command: 'gunicorn', package: 'gunicorn' }],
		version: ['gunicorn', '--version'],
		// Without the empty file, as over TCP.
		targets: TARGETS.filter(({ responseBody }) => responseBody?.length !== 0),
		clients: UNIX_CLIENTS,
		start: async (site) =>
			await startAtSocket(
				site,
				(socket) => [
					'gunicorn',
					...['--bind', `unix:${socket}`, '--chdir', FIXTURES, '--log-level', 'warning', 'wsgi_app:application'],
				],
				PYTHON,
			),
	},
	{
		group: 'unix',
		name: 'python3 http.server, abstract unix socket',
		needs: [{ command: 'python3', package: 'python3' }],
		version: ['python3', '--version'],
		targets: TARGETS,
		// Without Node, which pads the name that it connects to with NUL bytes.
		clients: ['curl', 'Python http.client'],
		start: async (site) =>
			await startAtSocket(
				site,
				(socket) => ['python3', join(FIXTURES, 'http_server.py'), socket],
				PYTHON,
				`@tinytap-compat-${process.pid}`,
			),
	},
	{
		group: 'namespace',
		name: 'node http in namespaces of its own',
		needs: [{ command: 'ip', package: 'iproute2' }],
		version: [process.execPath, '--version'],
		targets: TARGETS,
		clients: ['curl', 'Node http'],
		start: async (site) => {
			makeNamespace();
			// With its own pid namespace too, like a container.
			const prefix = ['ip', 'netns', 'exec', NAMESPACE, 'unshare', '--pid', '--fork', '--kill-child', '--mount-proc'];
			return [await startNode(site, INSIDE, prefix)];
		},
	},
	{
		group: 'namespace',
		name: 'node http, asked from another namespace',
		needs: [{ command: 'ip', package: 'iproute2' }],
		version: [process.execPath, '--version'],
		targets: TARGETS,
		clients: ['curl in a namespace'],
		start: async (site) => {
			makeNamespace();
			return [await startNode(site, OUTSIDE)];
		},
	},
];

function dualStack(way: string, host: string, clients: readonly string[]): ServerKind {
	return {
		group: 'dual-stack',
		name: `node http, dual-stack, ${way}`,
		needs: [],
		version: [process.execPath, '--version'],
		targets: TARGETS,
		clients,
		start: async (site) => [{ ...(await startNode(site, 'any')), host }],
	};
}

async function startNode({ root }: Site, address: string, prefix: readonly string[] = []): Promise<Hop> {
	const port = await freePort();
	const host = address === 'any' ? '127.0.0.1' : address;
	const words = [...prefix, process.execPath, NODE_SERVER, String(port), address];
	await startListening({ port, host }, words, { COMPAT_ROOT: root });
	return { name: 'server', port, host, server: NODE };
}

/** Servers do not remove their sockets. */
let sockets = 0;

async function startAtSocket(
	{ root, temporary }: Site,
	words: (socket: string) => readonly string[],
	server: Hop['server'],
	socket = join(temporary, `server-${++sockets}.sock`),
): Promise<Hop[]> {
	await startListening({ socket }, words(socket), { COMPAT_ROOT: root });
	return [{ name: 'server', port: 0, socket, server }];
}

function makeNamespace(): void {
	const run = (command: string) => execFileSync('ip', command.split(' '), { stdio: ['ignore', 'ignore', 'pipe'] });
	run(`netns add ${NAMESPACE}`);
	// This also removes the cable.
	const remove = async () => void run(`netns del ${NAMESPACE}`);
	remember({ pid: -1, stop: remove, output: () => '' });
	run(`link add ttcompat0 type veth peer name ttcompat1 netns ${NAMESPACE}`);
	run(`address add ${OUTSIDE}/30 dev ttcompat0`);
	run('link set ttcompat0 up');
	run(`-n ${NAMESPACE} address add ${INSIDE}/30 dev ttcompat1`);
	run(`-n ${NAMESPACE} link set ttcompat1 up`);
	run(`-n ${NAMESPACE} link set lo up`);
}
