// Servers and clients that speak HTTP/2 in clear text.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../support/servers.ts';
import { runCommand } from './clients.ts';
import { content, fileWishes, programWishes, type Wish } from './http2-wishes.ts';
import type { Need, Site } from './server-kind.ts';
import { FIXTURES } from './site.ts';
import { startOn } from './start-server.ts';

export type Http2Server = {
	readonly name: string;
	readonly needs: readonly Need[];
	readonly version: readonly string[];
	/** Whether it accepts `Upgrade: h2c`. */
	readonly upgrades: boolean;
	/** Whether it says in fields what it got and sent: programs of ours. */
	readonly says: boolean;
	readonly wishes: readonly Wish[];
	/** Whether the bytes of files may be sent by sendfile. */
	readonly zeroCopy?: boolean;
	/** Starts it; returns its ports, that of its clients first. */
	readonly start: (site: Site) => Promise<readonly number[]>;
};

export type Http2Client = {
	readonly name: string;
	readonly needs: readonly Need[];
	readonly version: readonly string[];
	/** Whether each request has fields and a body of its own. */
	readonly writes: boolean;
	/** Whether it refuses to send a head of several frames. */
	readonly shortHeads?: boolean;
	/** Responses that are larger than this do not fit into its buffer. */
	readonly bodyMost?: number;
	/** Whether the first request of a connection is upgraded from HTTP/1. */
	readonly upgrades?: boolean;
	/** How often it sends each request. */
	readonly times: number;
	/** Sends the requests; throws unless it received all bodies, by what it says itself. */
	readonly ask: (port: number, wishes: readonly Wish[], site: Site) => Promise<void>;
};

const NODE = { needs: [], version: [process.execPath, '--version'] } as const;
const GO = {
	needs: [
		{ command: 'go', package: 'golang-go' },
		{ file: '/usr/share/gocode/src/golang.org/x/net/http2', package: 'golang-golang-x-net-dev' },
	],
	version: ['go', 'version'],
} as const;
const PYTHON = {
	needs: [{ file: '/usr/lib/python3/dist-packages/h2', package: 'python3-h2' }],
	version: ['/usr/bin/python3', '-c', 'import h2; print(h2.__version__)'],
} as const;
const NODE_PROGRAM = join(FIXTURES, 'http2_program.mjs');
const PYTHON_PROGRAM = join(FIXTURES, 'http2_program.py');

const EVERYTHING = programWishes({ interim: true, push: true, trailer: true });
const NO_PUSH = programWishes({ interim: true, push: false, trailer: true });
const PLAIN = programWishes({ interim: false, push: false, trailer: false });
/** Without a head of several frames, which these refuse. */
const SHORT_HEADS = (wishes: readonly Wish[]) => wishes.filter(({ field }) => field === 0);

export const HTTP2_SERVERS: Readonly<Record<string, Http2Server>> = {
	node: program('node http2', NODE, EVERYTHING, () => [process.execPath, NODE_PROGRAM]),
	go: { ...program('Go x/net h2c', GO, NO_PUSH, (site) => [site.compiled('http2_program')]), upgrades: true },
	python: program('python3-h2', PYTHON, SHORT_HEADS(NO_PUSH), () => ['/usr/bin/python3', PYTHON_PROGRAM]),
	hypercorn: {
		name: 'hypercorn',
		needs: [{ file: '/usr/lib/python3/dist-packages/hypercorn', package: 'python3-hypercorn' }],
		version: ['/usr/bin/python3', '-c', 'from importlib.metadata import version; print(version("hypercorn"))'],
		upgrades: true,
		says: true,
		wishes: SHORT_HEADS(PLAIN),
		start: async () => {
			const port = await freePort();
			const bind = ['--bind', `127.0.0.1:${port}`, '--keep-alive', '60', 'http2_app:application'];
			await startOn(port, ['/usr/bin/python3', '-m', 'hypercorn', ...bind], { PYTHONPATH: FIXTURES });
			return [port];
		},
	},
	nghttpd: {
		...{
			name: 'nghttpd',
			needs: [{ command: 'nghttpd', package: 'nghttp2-server' }],
			version: ['nghttpd', '--version'],
		},
		...{ upgrades: false, says: false, wishes: fileWishes(4) },
		start: async ({ root }) => {
			const port = await freePort();
			await startOn(port, ['nghttpd', '--no-tls', '-d', root, String(port)], {});
			return [port];
		},
	},
	nginx: files('nginx', { command: 'nginx', package: 'nginx-light' }, ['nginx', '-v'], async (site, port) => {
		const path = join(site.temporary, 'http2-nginx.conf');
		writeFileSync(path, nginxConfiguration(site, port));
		await startOn(port, ['nginx', '-p', site.temporary, '-c', path], {});
	}),
	apache: {
		...files(
			'Apache, mod_http2',
			{ command: 'apache2', package: 'apache2-bin' },
			['apache2', '-v'],
			async (site, port) => {
				const path = join(site.temporary, 'http2-apache.conf');
				writeFileSync(path, apacheConfiguration(site, port));
				await startOn(port, ['apache2', '-f', path, '-D', 'FOREGROUND'], {});
			},
		),
		upgrades: true,
	},
	nghttpx: {
		...{ name: 'nghttpx, proxy to node http2', needs: [{ command: 'nghttpx', package: 'nghttp2-proxy' }] },
		...{ version: ['nghttpx', '--version'], upgrades: true, says: true, wishes: PLAIN },
		start: async () => {
			const back = await freePort();
			await startOn(back, [process.execPath, NODE_PROGRAM, 'serve', String(back)], {});
			const front = await freePort();
			const ends = [`-f127.0.0.1,${front};no-tls`, `-b127.0.0.1,${back};;proto=h2`];
			await startOn(front, ['nghttpx', ...ends, '--workers=1', '--no-ocsp', '--errorlog-file=/dev/null'], {});
			return [front, back];
		},
	},
};

function program(
	name: string,
	{ needs, version }: Pick<Http2Server, 'needs' | 'version'>,
	wishes: readonly Wish[],
	words: (site: Site) => readonly string[],
): Http2Server {
	return {
		...{ name, needs, version, wishes, upgrades: false, says: true },
		start: async (site) => {
			const port = await freePort();
			await startOn(port, [...words(site), 'serve', String(port)], {});
			return [port];
		},
	};
}

function files(
	name: string,
	need: Need,
	version: readonly string[],
	start: (site: Site, port: number) => Promise<void>,
): Http2Server {
	return {
		...{ name, needs: [need], version, upgrades: false, says: false, zeroCopy: true, wishes: fileWishes(4) },
		start: async (site) => {
			const port = await freePort();
			await start(site, port);
			return [port];
		},
	};
}

function nginxConfiguration({ root, temporary }: Site, port: number): string {
	return `daemon off; user root; worker_processes 2; pid ${temporary}/http2-nginx.pid; error_log stderr; events {}
http {
  access_log off; sendfile on; types { text/plain txt; image/png png; }
  server { listen 127.0.0.1:${port} http2; root ${root}; }
}
`;
}

function apacheConfiguration({ root, temporary }: Site, port: number): string {
	const modules = ['mpm_event', 'authz_core', 'mime', 'http2'];
	return `ServerRoot ${temporary}
ServerName localhost
Listen 127.0.0.1:${port}
PidFile ${temporary}/http2-apache.pid
ErrorLog ${temporary}/http2-apache.log
${modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so\n`).join('')}
Protocols h2c http/1.1
H2Direct on
H2Upgrade on
User www-data
Group www-data
TypesConfig /dev/null
AddType text/plain .txt
AddType image/png .png
DocumentRoot ${root}
`;
}

// ---- Clients --------------------------------------------------------------------------------------------------------

const CURL = { needs: [{ command: 'curl', package: 'curl' }], version: ['curl', '--version'] } as const;
const LOAD_CLIENTS = 8;
const MANY = 1000;

export const HTTP2_CLIENTS: Readonly<Record<string, Http2Client>> = {
	node: writing('node http2', NODE, () => [process.execPath, NODE_PROGRAM, 'ask']),
	go: writing('Go x/net http2', GO, (site) => [site.compiled('http2_program'), 'ask']),
	python: { ...writing('python3-h2', PYTHON, () => ['/usr/bin/python3', PYTHON_PROGRAM, 'ask']), shortHeads: true },
	curl: curl('curl --http2-prior-knowledge', '--http2-prior-knowledge', 1),
	upgrade: { ...curl('curl --http2', '--http2', MANY), upgrades: true },
	upgrades: { ...curl('curl --http2, many connections', '--http2', 1), upgrades: true, bodyMost: 16_000 },
	nghttp: {
		name: 'nghttp',
		...{ needs: [{ command: 'nghttp', package: 'nghttp2-client' }], version: ['nghttp', '--version'] },
		...{ writes: false, times: 1 },
		ask: async (port, wishes, site) => {
			const printed = await runCommand(
				['nghttp', '--no-push', ...wishes.map(({ path }) => `http://127.0.0.1:${port}${path}`)],
				'',
				site,
			);
			const wanted = wishes.reduce((sum, { wants }) => sum + wants.length, 0);
			if (printed.length !== wanted) throw new Error(`nghttp: expected ${wanted} bytes, got ${printed.length}`);
		},
	},
	h2load: {
		name: `h2load -c ${LOAD_CLIENTS} -m 32`,
		...{ needs: [{ command: 'h2load', package: 'nghttp2-client' }], version: ['h2load', '--version'] },
		writes: false,
		// Each of its clients sends every request of the list twice.
		times: LOAD_CLIENTS * 2,
		ask: async (port, wishes, site) => {
			const list = join(site.temporary, 'h2load-list');
			writeFileSync(list, wishes.map(({ path }) => `http://127.0.0.1:${port}${path}\n`).join(''));
			const count = wishes.length * LOAD_CLIENTS * 2;
			const options = ['-n', String(count), '-c', String(LOAD_CLIENTS), '-m', '32', '-i', list];
			const printed = (await runCommand(['h2load', ...options], '', site)).toString();
			const bytes = /\((\d+)\) data/.exec(printed)?.[1];
			const succeeded = /, (\d+) succeeded/.exec(printed)?.[1];
			const wanted = wishes.reduce((sum, { wants }) => sum + wants.length, 0) * LOAD_CLIENTS * 2;
			if (succeeded !== String(count) || bytes !== String(wanted))
				throw new Error(`h2load: expected ${count} successes and ${wanted} bytes:\n${printed}`);
		},
	},
};

/** A program of ours that sends everything, many requests at once, and says what it received. */
function writing(
	name: string,
	{ needs, version }: Pick<Http2Client, 'needs' | 'version'>,
	words: (site: Site) => readonly string[],
): Http2Client {
	return {
		...{ name, needs, version, writes: true, times: 1 },
		ask: async (port, wishes, site) => {
			const list = wishes.map(({ id, path, sends, field }) => ({ id, path, sends, field }));
			const printed = await runCommand(words(site), JSON.stringify({ port, atOnce: 16, wishes: list }), site);
			const said = new Map(
				printed
					.toString()
					.trim()
					.split('\n')
					.map((line) => JSON.parse(line) as { id: string; status: number; bytes: number })
					.map((one) => [one.id, one]),
			);
			for (const { id, wants } of wishes) {
				const { status, bytes } = said.get(id) ?? {};
				if (status !== 200 || bytes !== wants.length)
					throw new Error(`${name}: expected 200 and ${wants.length} bytes of ${id}, got ${status} and ${bytes}`);
			}
		},
	};
}

/** `requests`: how many a connection carries. Debian's version cannot use one with prior knowledge, or Apache's, again. */
function curl(name: string, way: string, requests: number): Http2Client {
	return {
		...{ name, ...CURL, writes: true, shortHeads: true, times: 1 },
		ask: async (port, wishes, site) => {
			const format = ['-w', '%{http_version} %{http_code} %{size_download}\\n'];
			const wordsOf = ({ id, path, sends }: Wish) => {
				const body = join(site.temporary, `sent-${id}`);
				if (sends > 0) writeFileSync(body, content(id, sends));
				return [
					...['--next', '-sS', way, ...format, '-o', '/dev/null', '-H', `x-id: ${id}`],
					...(sends > 0 ? ['--data-binary', `@${body}`, '-H', 'expect:'] : []),
					`http://127.0.0.1:${port}${path}`,
				];
			};
			const got: string[] = [];
			for (let at = 0; at < wishes.length; at += requests) {
				const words = wishes.slice(at, at + requests).flatMap(wordsOf);
				const printed = await runCommand(['curl', ...words.slice(1)], '', site);
				got.push(...printed.toString().trim().split('\n'));
			}
			const wanted = wishes.map(({ wants }) => `2 200 ${wants.length}`);
			if (got.toSorted().join() !== wanted.toSorted().join())
				throw new Error(`${name}: expected ${wanted.join()}, got ${got.join()}`);
		},
	};
}
