// Real servers on loopback for the live tests: started, waited for, stopped by pid.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './eventually.ts';

/** A running program; `stop` ends it and resolves when it is gone. */
export type Running = { readonly pid: number; readonly stop: () => Promise<void>; readonly output: () => string };

/** A new empty directory inside the system's temporary directory; `remove` deletes it. */
export function temporaryDirectory(): { readonly path: string; readonly remove: () => void } {
	const path = mkdtempSync(join(tmpdir(), 'tinytap-test-'));
	return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** A TCP port that nobody is listening on. */
export async function freePort(): Promise<number> {
	return await new Promise((resolve, reject) => {
		const server = createServer();
		server.on('error', reject);
		server.listen(0, '127.0.0.1', () => {
			const address = server.address();
			const port = address !== null && typeof address === 'object' ? address.port : 0;
			server.close(() => resolve(port));
		});
	});
}

/** Starts a program and collects its output. */
export function startProgram(
	command: string,
	args: readonly string[],
	options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Running {
	const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
	let output = '';
	child.stdout?.on('data', (chunk: Buffer) => {
		output += chunk.toString('utf8');
	});
	child.stderr?.on('data', (chunk: Buffer) => {
		output += chunk.toString('utf8');
	});
	child.on('error', (error) => {
		output += String(error);
	});
	return { pid: child.pid ?? -1, stop: () => stopChild(child), output: () => output };
}

/** Ends a child and waits until it is gone: SIGTERM first, then SIGKILL if it takes too long. */
export async function stopChild(child: ChildProcess): Promise<void> {
	if (child.exitCode !== null || child.signalCode !== null) return;
	const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
	child.kill('SIGTERM');
	const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
	await gone;
	clearTimeout(timer);
}

/** Resolves when something accepts connections on the port, or on the unix socket (a path, or `@NAME`). */
export async function listening(at: number | string, running: Running, host = '127.0.0.1'): Promise<void> {
	await eventually(
		async () => {
			// Node pads an abstract name with NUL bytes, which makes it a different name.
			if (typeof at === 'string' && at.startsWith('@')) {
				return readFileSync('/proc/net/unix', 'latin1').includes(` ${at}\n`) || undefined;
			}
			const accepted = await new Promise<boolean>((resolve) => {
				const socket = typeof at === 'string' ? connect(at) : connect(at, host);
				socket.on('connect', () => {
					socket.destroy();
					resolve(true);
				});
				socket.on('error', () => resolve(false));
			});
			return accepted || undefined;
		},
		() => `nothing listens on ${at}: ${running.output()}`,
	);
}

export type Nginx = Running & { readonly port: number; readonly root: string; readonly remove: () => void };

/** nginx in the foreground with its own document root; `server` goes into its server block. */
export async function startNginx(options: { sendfile: boolean; server?: string; workers?: number }): Promise<Nginx> {
	const directory = temporaryDirectory();
	const root = join(directory.path, 'root');
	mkdirSync(root, { mode: 0o755 });
	const port = await freePort();
	writeFileSync(
		join(directory.path, 'nginx.conf'),
		`user root; daemon off; worker_processes ${options.workers ?? 1}; pid ${directory.path}/pid; error_log stderr warn;
events { worker_connections 512; }
http {
  access_log off; sendfile ${options.sendfile ? 'on' : 'off'}; keepalive_requests 1000000;
  client_body_temp_path ${directory.path}/body; proxy_temp_path ${directory.path}/proxy; fastcgi_temp_path ${directory.path}/fastcgi;
  uwsgi_temp_path ${directory.path}/uwsgi; scgi_temp_path ${directory.path}/scgi;
  types { text/plain txt; text/html html; image/png png; application/json json; } default_type application/octet-stream;
  server { listen 127.0.0.1:${port}; root ${root}; ${options.server ?? ''} }
}`,
	);
	const running = startProgram('/usr/sbin/nginx', ['-c', join(directory.path, 'nginx.conf'), '-e', 'stderr']);
	await listening(port, running);
	return { ...running, port, root, remove: directory.remove };
}
