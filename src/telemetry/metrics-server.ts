// --metrics-listen: serves metrics to Prometheus.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { systemCode, UserError, usageError } from '../base/errors.ts';
import { systemProblem } from '../base/system-problem.ts';
import { type OwnSockets, socketAddress } from '../threads/own-sockets.ts';

export type ListenAddress = { readonly ip: string; readonly port: number };

const CONNECTIONS_MAX = 16;
const REQUEST_MS = 5000;
const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** `9464`, `127.0.0.1:9464` or `[::1]:9464`. A port alone is one of this host only. */
export function parseListenAddress(text: string): ListenAddress {
	const match = /^(?:(?:\[([^\]]+)\]|([^:[\]]*)):)?(\d{1,5})$/.exec(text);
	const host = match?.[1] ?? match?.[2] ?? '';
	const ip = host === '' || host === 'localhost' ? '127.0.0.1' : host;
	const port = Number(match?.[3] ?? Number.NaN);
	if (port <= 65535 && isIP(ip) !== 0) return { ip, port };
	throw usageError(
		`--metrics-listen: expected a port, or an IP address and a port such as 127.0.0.1:9464, got ${JSON.stringify(text)}`,
	);
}

export function isLoopback(ip: string): boolean {
	return ip.startsWith('127.') || ip === '::1' || /^::ffff:127\./i.test(ip);
}

export class MetricsServer {
	readonly #server: Server;
	readonly #ip: string;
	readonly #forget: (() => void)[] = [];

	/** Listens. Rejects with a UserError if that is not possible. */
	static async start(
		{ ip, port }: ListenAddress,
		text: () => Promise<string>,
		own: OwnSockets,
	): Promise<MetricsServer> {
		const server = createServer({
			requestTimeout: REQUEST_MS,
			headersTimeout: REQUEST_MS,
			keepAliveTimeout: REQUEST_MS,
		});
		server.maxConnections = CONNECTIONS_MAX;
		await new Promise<void>((resolve, reject) => {
			server.once('error', (error) => reject(listenError(error, ip, port)));
			server.listen({ host: ip, port, exclusive: true }, resolve);
		});
		// Such as EMFILE when it accepts a connection: the next scrape may succeed.
		server.on('error', () => undefined);
		const started = new MetricsServer(server, ip, own);
		server.on('request', (request, response) => {
			started.#answer(request, response, text).catch(() => response.destroy());
		});
		server.unref();
		return started;
	}

	private constructor(server: Server, ip: string, own: OwnSockets) {
		this.#server = server;
		this.#ip = ip;
		const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
		const isAny = ip === '0.0.0.0' || ip === '::';
		for (const each of isAny ? all.map(({ address }) => address) : [ip])
			this.#forget.push(own.add(socketAddress(each, this.#port), 'listener'));
	}

	/** Where it listens. */
	get url(): string {
		return `http://${socketAddress(this.#ip, this.#port)}/metrics`;
	}

	close(): void {
		this.#server.close();
		this.#server.closeAllConnections();
		for (const forget of this.#forget) forget();
	}

	get #port(): number {
		const address = this.#server.address();
		return address !== null && typeof address === 'object' ? address.port : 0;
	}

	async #answer(request: IncomingMessage, response: ServerResponse, text: () => Promise<string>): Promise<void> {
		const refuse = (status: number, message: string, fields: Record<string, string> = {}) =>
			response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', ...fields }).end(`${message}\n`);
		// A page in a browser on this host can reach the port under a name of its own.
		if (isLoopback(this.#ip) && !isLocalName(request.headers.host)) return void refuse(403, 'expected Host: localhost');
		if (request.method !== 'GET' && request.method !== 'HEAD')
			return void refuse(405, 'expected GET', { allow: 'GET, HEAD' });
		if (!/^\/metrics(\?|$)/.test(request.url ?? '')) return void refuse(404, 'expected /metrics');
		const body = Buffer.from(await text());
		response.writeHead(200, { 'content-type': CONTENT_TYPE, 'content-length': body.length });
		response.end(request.method === 'HEAD' ? undefined : body);
	}
}

function isLocalName(host: string | undefined): boolean {
	const name = (host ?? '')
		.replace(/:\d+$/, '')
		.replace(/^\[(.*)\]$/, '$1')
		.toLowerCase();
	return name === 'localhost' || isLoopback(name);
}

function listenError(error: Error, ip: string, port: number): UserError {
	const code = systemCode(error) ?? 'EIO';
	const why =
		code === 'EADDRINUSE'
			? 'the port is in use'
			: code === 'EADDRNOTAVAIL'
				? 'it is no address of this host'
				: systemProblem(code);
	return new UserError(
		`--metrics-listen: cannot listen on ${socketAddress(ip, port)}: ${why}`,
		'ERR_LISTEN',
		'Choose another port or address.',
	);
}
