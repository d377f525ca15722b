// Servers that speak HTTPS, each with the TLS library it uses.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../support/servers.ts';
import type { Need, Site } from './server-kind.ts';
import { FIXTURES } from './site.ts';
import { startOn } from './start-server.ts';
import { type Certificates, content, type TlsPlan } from './tls-plan.ts';

/** A value of column `tls`. */
export type TlsLibrary = 'openssl' | 'gnutls' | 'nss';

export type Started = {
	readonly port: number;
	/** The port in clear text that it passes requests on to. */
	readonly back?: number;
};

export type TlsServer = {
	readonly name: string;
	readonly library: TlsLibrary;
	readonly needs: readonly Need[];
	readonly version: readonly string[];
	/** GET is answered with files, not with bodies that hold the id of their request. */
	readonly files: boolean;
	/** Which requests are passed on to `back`. */
	readonly passes: 'none' | 'posts' | 'all';
	/** Ends the connection after each response, and only knows GET. */
	readonly single?: boolean;
	readonly http2?: boolean;
	/** False: the port it says is that of a proxy's own connection. */
	readonly saysPort?: boolean;
	readonly start: (site: Site, tls: Certificates, plan: TlsPlan) => Promise<Started>;
};

const PROGRAM = join(FIXTURES, 'tls_program.mjs');
const PEERS = join(import.meta.dirname, 'tls-peers');
const NODE24 = join(PEERS, `node_modules/node-linux-${process.arch}/bin/node`);
export const PYTHON: readonly Need[] = [{ file: '/usr/bin/python3', package: 'python3' }];

/** Node's executables by name; the second is a peer that npm installs. */
export const NODES: Readonly<Record<'this' | '24', string>> = { this: process.execPath, '24': NODE24 };

/** Installs Node 24 with npm, unless it is there. */
export function installNode24(): void {
	if (existsSync(NODE24)) return;
	console.error('compat: installing Node 24 with npm');
	spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: PEERS, stdio: ['ignore', 2, 2] });
}

/** An HTTP/1.1 server in clear text, for proxies. */
export async function startBack(): Promise<number> {
	const port = await freePort();
	await startOn(port, [process.execPath, PROGRAM, 'clear', String(port)], {});
	return port;
}

export const TLS_SERVERS: Readonly<Record<string, TlsServer>> = {
	nginx: {
		...{ name: 'nginx', library: 'openssl', needs: [{ command: 'nginx', package: 'nginx-light' }] },
		...{ version: ['nginx', '-v'], files: true, passes: 'posts', http2: true },
		start: async (site, tls) => await startNginx(site, tls),
	},
	apache: {
		...{ name: 'Apache, mod_ssl', library: 'openssl', needs: [{ command: 'apache2', package: 'apache2-bin' }] },
		...{ version: ['apache2', '-v'], files: true, passes: 'posts', http2: true },
		start: startApache,
	},
	'lighttpd-openssl': lighttpd('openssl', 'openssl'),
	'lighttpd-gnutls': lighttpd('gnutls', 'gnutls'),
	'lighttpd-nss': lighttpd('nss', 'nss'),
	haproxy: {
		...{ name: 'HAProxy', library: 'openssl', needs: [{ command: 'haproxy', package: 'haproxy' }] },
		...{ version: ['haproxy', '-v'], files: false, passes: 'all', http2: true },
		start: startHaproxy,
	},
	'python-threads': python('Python http.server, threads', 'threads'),
	'python-asyncio': python('Python asyncio', 'asyncio'),
	node: node('Node', NODES.this),
	node24: node('Node 24', NODES['24']),
	s_server: {
		...{ name: 'openssl s_server', library: 'openssl', needs: [{ command: 'openssl', package: 'openssl' }] },
		...{ version: ['openssl', 'version'], files: true, passes: 'none', single: true },
		start: startSServer,
	},
	stunnel: {
		...{ name: 'stunnel', library: 'openssl', needs: [{ command: 'stunnel', package: 'stunnel4' }] },
		...{ version: ['stunnel', '-version'], files: false, passes: 'all', saysPort: false },
		start: startStunnel,
	},
};

function python(name: string, mode: 'threads' | 'asyncio'): TlsServer {
	return {
		...{ name, library: 'openssl', needs: PYTHON, version: ['/usr/bin/python3', '--version'] },
		...{ files: false, passes: 'none' },
		start: async (_site, tls) => await startPython(mode, tls),
	};
}

/** `env`: for a library of its own. `under`: the words before the program's. `at`: its port. */
export async function startPython(
	mode: 'threads' | 'asyncio',
	tls: Certificates,
	{ env = {}, under = [], at }: { env?: NodeJS.ProcessEnv; under?: readonly string[]; at?: number } = {},
): Promise<Started> {
	const port = at ?? (await freePort());
	const program = ['/usr/bin/python3', join(FIXTURES, 'tls_server.py'), mode, String(port), tls.certificate, tls.key];
	await startOn(port, [...under, ...program], env);
	return { port };
}

function node(name: string, program: string): TlsServer {
	return {
		...{ name, library: 'openssl', needs: [{ file: program, package: 'node (by npm)' }] },
		...{ version: [program, '--version'], files: false, passes: 'none', http2: true },
		start: async (_site, tls) => {
			const port = await freePort();
			await startOn(port, [program, PROGRAM, 'serve', String(port), tls.certificate, tls.key], {});
			return { port };
		},
	};
}

/** `env`: a preloaded library, for instance. */
export async function startNginx(
	{ temporary, root }: Site,
	tls: Certificates,
	{ env = {}, workers = 1 }: { env?: NodeJS.ProcessEnv; workers?: number } = {},
): Promise<Started & { back: number }> {
	const [port, back] = [await freePort(), await startBack()];
	const path = join(temporary, `tls-nginx-${port}.conf`);
	const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
	writeFileSync(
		path,
		`daemon off; user root; worker_processes ${workers}; pid ${temporary}/tls-nginx-${port}.pid; error_log stderr;
env LD_PRELOAD; env TINYTAP_SSL_LOG; events { worker_connections 1024; }
http {
  access_log off; client_max_body_size 0; client_body_buffer_size 2m; keepalive_requests 100000; sendfile on;
  ${folders.map((name) => `${name}_temp_path ${temporary}/nginx-${name};`).join(' ')}
  upstream back { server 127.0.0.1:${back}; keepalive 64; }
  ssl_certificate ${tls.certificate}; ssl_certificate_key ${tls.key};
  server {
    listen 127.0.0.1:${port} ssl http2 backlog=512; root ${root}; default_type text/plain;
    location / { add_header X-Peer $remote_port; add_header X-Id $arg_id; }
    location /up/ {
      proxy_pass http://back; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_hide_header X-Peer; add_header X-Peer $remote_port;
    }
  }
}
`,
	);
	await startOn(port, ['nginx', '-p', temporary, '-c', path], env);
	return { port, back };
}

/** Each request is handled by any of its threads, so SSL objects move between them. */
async function startApache({ temporary, root }: Site, tls: Certificates): Promise<Started> {
	const [port, back] = [await freePort(), await startBack()];
	const path = join(temporary, `tls-apache-${port}.conf`);
	const modules = ['mpm_event', 'authz_core', 'ssl', 'http2', 'proxy', 'proxy_http', 'headers', 'setenvif', 'mime'];
	const loaded = modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`);
	const path2 = join(temporary, 'tls-mime.types');
	writeFileSync(path2, 'text/plain txt\n');
	writeFileSync(
		path,
		`${loaded.join('\n')}
Listen 127.0.0.1:${port} https
ServerName localhost
PidFile ${temporary}/tls-apache-${port}.pid
ErrorLog ${temporary}/tls-apache.log
TypesConfig ${path2}
DocumentRoot ${root}
Protocols h2 http/1.1
StartServers 1
ServerLimit 1
ThreadsPerChild 64
MinSpareThreads 64
MaxSpareThreads 64
MaxRequestWorkers 64
KeepAlive On
KeepAliveTimeout 60
MaxKeepAliveRequests 0
SSLEngine on
SSLCertificateFile ${tls.certificate}
SSLCertificateKeyFile ${tls.key}
<Directory ${root}>
  Require all granted
</Directory>
ProxyPass /up/ http://127.0.0.1:${back}/up/
Header set X-Peer "expr=%{REMOTE_PORT}"
SetEnvIfExpr "%{QUERY_STRING} =~ /id=([-\\w]+)/" SAID=$1
Header set X-Id "%{SAID}e"
`,
	);
	await startOn(port, ['apache2', '-f', path, '-D', 'FOREGROUND'], {});
	return { port, back };
}

function lighttpd(backend: 'openssl' | 'gnutls' | 'nss', library: TlsLibrary): TlsServer {
	const module = `/usr/lib/lighttpd/mod_${backend}.so`;
	return {
		name: `lighttpd, mod_${backend}`,
		library,
		needs: [
			{ command: 'lighttpd', package: 'lighttpd' },
			{ file: module, package: `lighttpd-mod-${backend}` },
			{ file: '/usr/lib/lighttpd/mod_magnet.so', package: 'lighttpd-modules-lua' },
		],
		version: ['lighttpd', '-v'],
		files: true,
		passes: 'posts',
		start: async ({ temporary, root }, tls) => {
			const [port, back] = [await freePort(), await startBack()];
			const script = join(temporary, 'tls-lighttpd.lua');
			writeFileSync(
				script,
				`local r = lighty.r
r.resp_header["X-Peer"] = r.req_attr["request.remote-port"]
r.resp_header["X-Id"] = string.match(r.req_attr["uri.query"] or "", "id=([%w-]+)")
return 0
`,
			);
			const path = join(temporary, `tls-lighttpd-${port}.conf`);
			writeFileSync(
				path,
				`server.modules = ("mod_${backend}", "mod_magnet", "mod_proxy")
server.document-root = "${root}"
server.bind = "127.0.0.1"
server.port = ${port}
server.errorlog = "${temporary}/tls-lighttpd.log"
server.upload-dirs = ("${temporary}")
server.max-keep-alive-requests = 1000
server.max-keep-alive-idle = 60
server.feature-flags = ("server.h2proto" => "disable")
mimetype.assign = ("" => "text/plain")
ssl.engine = "enable"
ssl.pemfile = "${tls.certificate}"
ssl.privkey = "${tls.key}"
magnet.attract-response-start-to = ("${script}")
$HTTP["url"] =~ "^/up/" { proxy.server = ("" => (("host" => "127.0.0.1", "port" => ${back}))) }
`,
			);
			await startOn(port, ['lighttpd', '-D', '-f', path], {});
			return { port, back };
		},
	};
}

async function startHaproxy({ temporary }: Site, tls: Certificates): Promise<Started> {
	const [port, back] = [await freePort(), await startBack()];
	const path = join(temporary, `tls-haproxy-${port}.cfg`);
	writeFileSync(
		path,
		`global
  maxconn 1000
defaults
  mode http
  timeout connect 60s
  timeout client 60s
  timeout server 60s
frontend front
  bind 127.0.0.1:${port} ssl crt ${tls.both} alpn h2,http/1.1
  http-response set-header X-Peer %[src_port]
  default_backend back
backend back
  server one 127.0.0.1:${back}
`,
	);
	await startOn(port, ['haproxy', '-db', '-f', path], {});
	return { port, back };
}

async function startStunnel({ temporary }: Site, tls: Certificates): Promise<Started> {
	const [port, back] = [await freePort(), await startBack()];
	const path = join(temporary, `tls-stunnel-${port}.conf`);
	writeFileSync(
		path,
		`foreground = yes
pid =
debug = err
syslog = no
cert = ${tls.certificate}
key = ${tls.key}
[front]
accept = 127.0.0.1:${port}
connect = 127.0.0.1:${back}
TIMEOUTclose = 0
`,
	);
	await startOn(port, ['stunnel', path], {});
	return { port, back };
}

/** It takes the query for a part of the file's name, so each request has a file of its own. */
async function startSServer({ temporary }: Site, tls: Certificates, plan: TlsPlan): Promise<Started> {
	const port = await freePort();
	const root = join(temporary, `s_server-${port}`);
	mkdirSync(join(root, 'b'), { recursive: true });
	for (const { target, size } of plan.flat()) writeFileSync(join(root, target), content('file', size));
	const words = ['s_server', '-WWW', '-accept', `127.0.0.1:${port}`, '-cert', tls.certificate, '-key', tls.key];
	// `-C`: the directory of the files.
	await startOn(port, ['env', '-C', root, 'openssl', ...words], {});
	return { port };
}
