// nginx with two workers that answers the same small body over HTTPS and in clear text.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../support/servers.ts';
import { childrenOf, interrupt, start, until } from './processes.ts';

export const BODY_BYTES = 146;

export type HttpsServer = {
	readonly ports: { readonly https: number; readonly http: number };
	readonly workers: readonly number[];
	readonly stop: () => Promise<void>;
};

export async function startHttps(): Promise<HttpsServer> {
	const directory = mkdtempSync(join(tmpdir(), 'tinytap-bench-'));
	const [certificate, key] = [join(directory, 'certificate.pem'), join(directory, 'key.pem')];
	const words = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost'];
	const made = spawnSync('openssl', [...words, '-keyout', key, '-out', certificate], { encoding: 'utf8' });
	if (made.status !== 0) throw new Error(`openssl could not make a certificate: ${made.stderr}`);
	const ports = { https: await freePort(), http: await freePort() };
	const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
	const configuration = join(directory, 'nginx.conf');
	writeFileSync(
		configuration,
		`daemon off; user root; worker_processes 2; pid ${directory}/pid; error_log ${directory}/error.log;
events { worker_connections 4096; }
http {
	access_log off; keepalive_requests 1000000000;
	${temporary.map((name) => `${name}_temp_path ${directory}/${name};`).join(' ')}
	ssl_certificate ${certificate}; ssl_certificate_key ${key};
	server {
		listen 127.0.0.1:${ports.http}; listen 127.0.0.1:${ports.https} ssl;
		location / { return 200 "${'x'.repeat(BODY_BYTES)}"; }
	}
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
		workers: childrenOf(server.pid),
		stop: async () => {
			await interrupt(server, 'SIGTERM');
			rmSync(directory, { recursive: true, force: true });
		},
	};
}
