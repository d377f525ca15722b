// Servers that run an application: gunicorn, uvicorn, node, Go and puma.
import { join } from 'node:path';
import {
	always,
	bodiesInPieces,
	type Carriers,
	carried,
	echoes,
	everyBody,
	type Need,
	type ServerKind,
	type Site,
	type Target,
} from './server-kind.ts';
import { FIXTURES } from './site.ts';
import { startListening, startServer } from './start-server.ts';

const NODE_SERVER = join(FIXTURES, 'http_server.mjs');
const APPLICATION = [...everyBody(), ...bodiesInPieces('/chunked/', 'chunked'), ...echoes()];

export const APPLICATION_SERVER_KINDS: readonly ServerKind[] = [
	gunicorn('sync'),
	gunicorn('gthread'),
	uvicorn('asyncio', 'h11'),
	uvicorn('uvloop', 'httptools'),
	{
		group: 'node',
		name: 'node http',
		needs: [],
		version: [process.execPath, '--version'],
		targets: [...APPLICATION, ...bodiesInPieces('/file/', 'piped')],
		clients: [
			'curl',
			'wget',
			'Python urllib',
			'Python http.client',
			'Node http',
			'Node fetch',
			'Go net/http',
			'Ruby Net::HTTP',
		],
		start: async ({ root }) =>
			await startServer(
				(port) => [process.execPath, NODE_SERVER, String(port)],
				{ request: always('read'), response: always('write', 'writev') },
				{ COMPAT_ROOT: root },
			),
	},
	{
		group: 'go',
		name: 'Go net/http',
		needs: [{ command: 'go', package: 'golang-go' }],
		version: ['go', 'version'],
		targets: [
			...everyBody('/', 'ServeFile'),
			...everyBody('/memory/'),
			...bodiesInPieces('/chunked/', 'chunked'),
			...echoes(),
		],
		clients: ['curl', 'Go net/http'],
		start: async (site) => {
			const program = site.compiled('http_program');
			return await startServer(
				(port) => [program, 'serve', String(port)],
				{ request: always('read'), response: serveFile },
				{ COMPAT_ROOT: site.root },
			);
		},
	},
	{
		group: 'puma',
		name: 'puma',
		needs: [{ command: 'puma', package: 'puma' }],
		version: ['puma', '--version'],
		targets: APPLICATION,
		start: async ({ root }) =>
			await startServer(
				(port) => ['puma', '--quiet', '--bind', `tcp://127.0.0.1:${port}`, join(FIXTURES, 'config.ru')],
				{ request: always('recvfrom'), response: always('write') },
				{ COMPAT_ROOT: root },
			),
	},
];

/** A Node server as the backend of a proxy. */
export async function startNodeServer({ root }: Site, at: { port: number } | { socket: string }): Promise<void> {
	const where = 'socket' in at ? at.socket : String(at.port);
	await startListening(at, [process.execPath, NODE_SERVER, where], { COMPAT_ROOT: root });
}

/** http.ServeFile sniffs the first 512 bytes, writes them with the head, and sends the rest with sendfile. */
function serveFile(target: Target): readonly string[] {
	const byFile = target.method === 'GET' && target.path.lastIndexOf('/') === 0;
	return byFile && (target.responseBody?.length ?? 0) > 512 ? ['sendfile'] : ['write'];
}

function gunicorn(worker: 'sync' | 'gthread'): ServerKind {
	const wrapped: Carriers = (target) =>
		target.path.startsWith('/file/') ? carried(['sendto'], ['sendfile'])(target) : ['sendto'];
	return {
		group: 'gunicorn',
		name: `gunicorn, ${worker}`,
		needs: [{ command: 'gunicorn', package: 'gunicorn' }],
		version: ['gunicorn', '--version'],
		// Without the empty file: gunicorn 20.1 fails on it after the head and closes the connection.
		targets: [
			...APPLICATION,
			...everyBody('/file/', 'file_wrapper').filter(({ responseBody }) => responseBody?.length !== 0),
		],
		start: async ({ root }) =>
			await startServer(
				(port) => [
					'gunicorn',
					...['--bind', `127.0.0.1:${port}`, '--worker-class', worker, '--chdir', FIXTURES, '--log-level', 'warning'],
					'wsgi_app:application',
				],
				{ request: always('recvfrom'), response: wrapped },
				{ COMPAT_ROOT: root },
			),
	};
}

function uvicorn(loop: 'asyncio' | 'uvloop', parser: 'h11' | 'httptools'): ServerKind {
	const modules = '/usr/lib/python3/dist-packages';
	const fast: readonly Need[] = [
		{ file: `${modules}/uvloop`, package: 'python3-uvloop' },
		{ file: `${modules}/httptools`, package: 'python3-httptools' },
	];
	return {
		group: 'uvicorn',
		name: `uvicorn, ${loop}/${parser}`,
		needs: [{ command: 'uvicorn', package: 'uvicorn' }, ...(loop === 'uvloop' ? fast : [])],
		version: ['uvicorn', '--version'],
		targets: APPLICATION,
		start: async ({ root }) =>
			await startServer(
				(port) => [
					'uvicorn',
					...['--host', '127.0.0.1', '--port', String(port), '--loop', loop, '--http', parser],
					...['--app-dir', FIXTURES, '--lifespan', 'off', '--log-level', 'warning', 'asgi_app:application'],
				],
				loop === 'uvloop'
					? { request: always('read'), response: carried(['write'], ['writev']) }
					: { request: always('recvfrom'), response: always('sendto') },
				{ COMPAT_ROOT: root },
			),
	};
}
