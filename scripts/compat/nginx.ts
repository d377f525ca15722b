// nginx as a file server, with and without sendfile, and as a proxy.
import { join } from 'node:path';
import { freePort, startNginx } from '../../support/servers.ts';
import { startNodeServer } from './application-servers.ts';
import { body, writeBodies } from './bodies.ts';
import {
	always,
	bodiesInPieces,
	type Carriers,
	carried,
	echoes,
	everyBody,
	type Hop,
	type Need,
	type ServerKind,
	type Target,
} from './server-kind.ts';
import { remember } from './start-server.ts';

const NGINX: readonly Need[] = [{ command: 'nginx', package: 'nginx-light' }];
const VERSION = ['nginx', '-v'];
const PUTS = 'location /put/ { dav_methods PUT; create_full_put_path on; }';

export const NGINX_KINDS: readonly ServerKind[] = [
	fileServer('nginx, sendfile on', true, '', carried(['writev'], ['sendfile'])),
	fileServer('nginx, sendfile off', false, '', always('writev'), ['curl', 'wget', 'Python urllib', 'Node fetch']),
	fileServer('nginx, aio threads', true, 'aio threads;', carried(['writev'], ['sendfile'])),
	{
		group: 'nginx',
		name: 'nginx, gzip',
		needs: NGINX,
		version: VERSION,
		targets: ['200.txt', '8192.txt', '51200.txt', '1048576.txt'].map((name) => gzipped(name)),
		start: async () =>
			await startNginxWith(true, 'gzip on; gzip_types text/plain; gzip_min_length 1;', {
				request: always('recvfrom'),
				response: always('writev'),
			}),
	},
	proxy('nginx, proxy (sendfile off)', false),
	proxy('nginx, proxy (sendfile on)', true),
	proxy('nginx, proxy to a unix socket', false, true),
];

function fileServer(
	name: string,
	sendfile: boolean,
	directives: string,
	response: Carriers,
	clients?: readonly string[],
): ServerKind {
	return {
		group: 'nginx',
		name,
		needs: NGINX,
		version: VERSION,
		targets: [...everyBody(), put('51200.txt'), put('1048576.txt')],
		...(clients === undefined ? {} : { clients }),
		start: async () =>
			await startNginxWith(sendfile, directives + PUTS, {
				request: always('recvfrom'),
				response: (target) => (target.method === 'PUT' ? ['writev'] : response(target)),
			}),
	};
}

/** An upload that nginx stores in a file. */
function put(name: string): Target {
	return {
		label: `PUT ${body(name).label}`,
		method: 'PUT',
		path: `/put/${name}`,
		headers: {},
		requestBody: body(name),
		responseBody: Buffer.alloc(0),
		// 204 if the file existed before.
		statuses: [201, 204],
		gzip: false,
	};
}

function gzipped(name: string): Target {
	return {
		label: `${body(name).label} gzip`,
		method: 'GET',
		path: `/${name}`,
		headers: { 'Accept-Encoding': 'gzip' },
		requestBody: undefined,
		responseBody: body(name).bytes,
		statuses: [200],
		gzip: true,
	};
}

/** nginx in front of node: two hops, each with a row for either side. `overUnix`: node listens on a unix socket. */
function proxy(name: string, sendfile: boolean, overUnix = false): ServerKind {
	return {
		group: 'nginx',
		name,
		needs: NGINX,
		version: VERSION,
		targets: [...everyBody(), ...bodiesInPieces('/chunked/', 'chunked'), ...echoes()],
		start: async (site) => {
			const port = overUnix ? 0 : await freePort();
			const socket = join(site.temporary, 'node.sock');
			await startNodeServer(site, overUnix ? { socket } : { port });
			const nginx = await startNginxWith(
				sendfile,
				`location / { proxy_pass http://${overUnix ? `unix:${socket}` : `127.0.0.1:${port}`}; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_max_temp_file_size 0; }`,
				{ request: always('recvfrom'), response: always('writev') },
			);
			const backend: Hop = {
				name: 'node behind nginx',
				port,
				...(overUnix ? { socket } : {}),
				server: { request: always('read'), response: always('write', 'writev') },
				// nginx puts a request body that is too large for memory into a file, and sends it by sendfile if that
				// is on.
				client: {
					request: (target) =>
						sendfile && (target.requestBody?.bytes.length ?? 0) > 16384 ? ['sendfile'] : ['writev'],
					response: always('recvfrom', 'readv'),
				},
			};
			return [...nginx, backend];
		},
	};
}

async function startNginxWith(sendfile: boolean, directives: string, server: Hop['server']): Promise<readonly Hop[]> {
	const nginx = await startNginx({ sendfile, server: directives });
	remember({
		...nginx,
		stop: async () => {
			await nginx.stop();
			nginx.remove();
		},
	});
	writeBodies(nginx.root);
	return [{ name: 'nginx', port: nginx.port, server }];
}
