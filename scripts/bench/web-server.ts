// nginx with two workers: small responses that it generates, files sent by writev, and the same files sent by sendfile.
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../support/servers.ts';
import { childrenOf, interrupt, start, until } from './processes.ts';

export type Body = {
	readonly name: string;
	readonly kind: 'small' | 'writev' | 'sendfile';
	readonly path: string;
	readonly bytes: number;
};

/** What the client requests. */
export const SMALL: Body = { name: '200 bytes', kind: 'small', path: '/', bytes: 200 };
export const FILE: Body = { name: '50 KiB, writev', kind: 'writev', path: '/50k', bytes: 51_200 };
export const SENDFILE: Body = { name: '50 KiB, sendfile', kind: 'sendfile', path: '/50k', bytes: 51_200 };
export const SENDFILE_SMALL: Body = { name: '615 bytes, sendfile', kind: 'sendfile', path: '/615', bytes: 615 };
export const LARGE: Body = { name: '1 MiB, writev', kind: 'writev', path: '/1m', bytes: 1 << 20 };

export type WebServer = {
	readonly ports: Readonly<Record<Body['kind'], number>>;
	/** The port of small responses over HTTP/2. */
	readonly http2Port: number;
	/** Pid of the process that started the workers. */
	readonly pid: number;
	readonly workers: readonly number[];
	readonly stop: () => Promise<void>;
};

export async function startNginx(): Promise<WebServer> {
	const directory = mkdtempSync(join(tmpdir(), 'tinytap-bench-'));
	const ports = { small: await freePort(), writev: await freePort(), sendfile: await freePort() };
	const http2Port = await freePort();
	const files = join(directory, 'files');
	mkdirSync(files);
	for (const { path, bytes } of [FILE, SENDFILE_SMALL, LARGE])
		writeFileSync(join(files, path.slice(1)), randomBytes(bytes).toString('base64').slice(0, bytes));
	const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
	const configuration = join(directory, 'nginx.conf');
	writeFileSync(
		configuration,
		`daemon off; user root; worker_processes 2; pid ${directory}/pid; error_log ${directory}/error.log;
events { worker_connections 4096; }
http {
	access_log off; keepalive_requests 1000000000;
	${temporary.map((name) => `${name}_temp_path ${directory}/${name};`).join(' ')}
	server { listen 127.0.0.1:${ports.small}; location / { return 200 "${'x'.repeat(SMALL.bytes)}"; } }
	server { listen 127.0.0.1:${http2Port} http2; location / { return 200 "${'x'.repeat(SMALL.bytes)}"; } }
	server { listen 127.0.0.1:${ports.writev}; root ${files}; sendfile off; }
	server { listen 127.0.0.1:${ports.sendfile}; root ${files}; sendfile on; }
}
`,
	);
	const server = start('nginx', ['-c', configuration, '-e', join(directory, 'error.log')]);
	await until(() => {
		if (server.child.exitCode !== null) throw new Error(`nginx ended: ${server.stderr()}`);
		return childrenOf(server.pid).length === 2;
	}, "nginx's workers");
	return {
		ports,
		http2Port,
		pid: server.pid,
		workers: childrenOf(server.pid),
		stop: async () => {
			await interrupt(server, 'SIGTERM');
			rmSync(directory, { recursive: true, force: true });
		},
	};
}
