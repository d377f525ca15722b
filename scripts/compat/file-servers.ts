// File servers: python3, busybox, lighttpd, Apache and PHP's built-in one.
import { writeFileSync } from 'node:fs';
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
import { startServer } from './start-server.ts';

const PYTHON: readonly Need[] = [{ file: '/usr/bin/python3', package: 'python3' }];
const PYTHON_VERSION = ['/usr/bin/python3', '--version'];
const CGI = [...bodiesInPieces('/cgi-bin/pieces.cgi/', 'CGI'), ...echoes('/cgi-bin/echo.cgi')];

export const FILE_SERVER_KINDS: readonly ServerKind[] = [
	{
		group: 'python',
		name: 'python3 -m http.server',
		needs: PYTHON,
		version: PYTHON_VERSION,
		targets: everyBody(),
		start: async ({ root }) =>
			await startServer(
				(port) => ['/usr/bin/python3', '-m', 'http.server', '--bind', '127.0.0.1', '--directory', root, String(port)],
				{ request: always('recvfrom'), response: always('sendto') },
			),
	},
	{
		group: 'python',
		name: 'python3 http.server, HTTP/1.1',
		needs: PYTHON,
		version: PYTHON_VERSION,
		targets: [...everyBody(), ...bodiesInPieces('/chunked/', 'chunked'), ...echoes()],
		start: async (site) =>
			await startServer(
				(port) => ['/usr/bin/python3', join(FIXTURES, 'http_server.py'), String(port)],
				{ request: always('recvfrom'), response: always('sendto') },
				{ COMPAT_ROOT: site.root },
			),
	},
	{
		group: 'busybox',
		name: 'busybox httpd',
		needs: [{ command: 'busybox', package: 'busybox-static' }],
		version: ['busybox'],
		// After a script's response, busybox closes the connection without announcing it. A client that reuses the
		// connection loses a request.
		targets: [
			...everyBody(),
			...CGI.map((target) => ({ ...target, headers: { ...target.headers, Connection: 'close' } })),
		],
		start: async ({ root }) =>
			await startServer((port) => ['busybox', 'httpd', '-f', '-p', `127.0.0.1:${port}`, '-h', root], {
				request: always('read'),
				response: (target) =>
					target.path.startsWith('/cgi-bin/') ? ['write'] : carried(['write'], ['sendfile'])(target),
			}),
	},
	lighttpd('sendfile'),
	lighttpd('writev'),
	apache('On'),
	apache('Off'),
	{
		group: 'php',
		name: 'php -S',
		needs: [{ command: 'php', package: 'php-cli' }],
		version: ['php', '--version'],
		targets: [
			...everyBody(),
			...bodiesInPieces('/script/', 'readfile'),
			...bodiesInPieces('/closing/', 'without length'),
			...echoes(),
		],
		start: async ({ root }) =>
			await startServer(
				(port) => ['php', '-S', `127.0.0.1:${port}`, '-t', root, join(FIXTURES, 'router.php')],
				{ request: always('recvfrom'), response: always('sendto') },
				{ COMPAT_ROOT: root },
			),
	},
];

function lighttpd(backend: 'sendfile' | 'writev'): ServerKind {
	return {
		group: 'lighttpd',
		name: `lighttpd, ${backend}`,
		needs: [{ command: 'lighttpd', package: 'lighttpd' }],
		version: ['lighttpd', '-v'],
		targets: [...everyBody(), ...CGI],
		start: async (site) => {
			const configuration = join(site.temporary, 'lighttpd.conf');
			return await startServer(
				(port) => {
					writeFileSync(configuration, lighttpdConfiguration(site, port, backend));
					return ['lighttpd', '-D', '-f', configuration];
				},
				{ request: always('read'), response: lighttpdCarriers(backend) },
			);
		},
	};
}

/** It sends files above 16 KiB by sendfile, as well as script outputs and uploads that were spooled into files. */
function lighttpdCarriers(backend: 'sendfile' | 'writev'): Carriers {
	const big = (target: Target) => (target.responseBody?.length ?? 0) > 16384;
	if (backend === 'writev') return always('writev', 'write');
	return (target) => {
		if (!big(target)) return ['writev'];
		return target.path.startsWith('/cgi-bin/') ? ['writev', 'sendfile'] : ['sendfile'];
	};
}

function lighttpdConfiguration({ root, temporary }: Site, port: number, backend: string): string {
	return `server.bind = "127.0.0.1"
server.port = ${port}
server.document-root = "${root}"
server.network-backend = "${backend}"
server.upload-dirs = ("${temporary}")
server.modules = ("mod_cgi")
cgi.assign = (".cgi" => "")
mimetype.assign = (".txt" => "text/plain", ".png" => "image/png")
`;
}

function apache(sendfile: 'On' | 'Off'): ServerKind {
	return {
		group: 'apache',
		name: `Apache, EnableSendfile ${sendfile}`,
		needs: [{ command: 'apache2', package: 'apache2-bin' }],
		version: ['apache2', '-v'],
		targets: [...everyBody(), ...CGI],
		start: async (site) => {
			const configuration = join(site.temporary, 'apache.conf');
			return await startServer(
				(port) => {
					writeFileSync(configuration, apacheConfiguration(site, port, sendfile));
					return ['apache2', '-f', configuration, '-D', 'FOREGROUND'];
				},
				{ request: always('read'), response: apacheCarriers(sendfile) },
			);
		},
	};
}

/** It reads and writes files below 256 bytes instead. */
function apacheCarriers(sendfile: 'On' | 'Off'): Carriers {
	return (target) => {
		const file = !target.path.startsWith('/cgi-bin/') && (target.responseBody?.length ?? 0) >= 256;
		return sendfile === 'On' && file ? ['sendfile'] : ['writev'];
	};
}

function apacheConfiguration({ root, temporary }: Site, port: number, sendfile: string): string {
	const modules = ['mpm_event', 'authz_core', 'mime', 'alias', 'cgid'];
	return `ServerRoot ${temporary}
ServerName localhost
Listen 127.0.0.1:${port}
PidFile ${temporary}/apache.pid
ErrorLog ${temporary}/apache.log
${modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so\n`).join('')}
User www-data
Group www-data
TypesConfig /dev/null
AddType text/plain .txt
AddType image/png .png
EnableSendfile ${sendfile}
ScriptSock ${temporary}/apache-cgi
ScriptAlias /cgi-bin/ ${root}/cgi-bin/
DocumentRoot ${root}
`;
}
