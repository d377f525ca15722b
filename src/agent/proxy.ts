// Requests through a proxy: the agent for a URL, as HTTPS_PROXY, HTTP_PROXY and NO_PROXY say.
import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { type AgentOptions, Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { getProxyForUrl } from 'proxy-from-env';

/** Called with each new connection of an agent, before anything is sent on it. */
export type OnSocket = (socket: Socket) => void;

type Connected = (error: Error | null, socket?: Socket) => void;
/** Node documents this method for such uses, but its types lack it. */
type Connecting = { createConnection: (options: ConnectionOptions, connected: Connected) => Socket | undefined };

/** The agent for requests to `url`. `userAgent` names this program to the proxy. */
export function createAgent(url: URL, tls: AgentOptions, onSocket: OnSocket, userAgent: string): HttpAgent {
	const common = { keepAlive: true, maxSockets: 1 };
	// NODE_TLS_REJECT_UNAUTHORIZED must not turn verification off.
	const agent =
		url.protocol === 'https:' ? new HttpsAgent({ ...common, ...tls, rejectUnauthorized: true }) : new HttpAgent(common);
	const proxy = proxyFor(url);
	const connecting = agent as unknown as Connecting;
	const direct = connecting.createConnection.bind(agent);
	connecting.createConnection = (options, connected) => {
		if (proxy !== undefined) {
			tunnel(proxy, url, onSocket, userAgent).then(
				(socket) => connected(null, url.protocol === 'https:' ? connectTls({ ...options, socket }) : socket),
				(error: unknown) => connected(error as Error),
			);
			return undefined;
		}
		const socket = direct(options, connected);
		// Before Node's own listener, which sends what waits.
		socket?.prependOnceListener('connect', () => onSocket(socket));
		return socket;
	};
	return agent;
}

function proxyFor(url: URL): URL | undefined {
	const proxy = getProxyForUrl(url.href);
	return proxy === '' ? undefined : new URL(proxy);
}

/** A connection to `target` that the proxy passes on (RFC 9110 section 9.3.6). */
async function tunnel(proxy: URL, target: URL, onSocket: OnSocket, userAgent: string): Promise<Socket> {
	const authority = `${target.hostname}:${target.port || (target.protocol === 'https:' ? 443 : 80)}`;
	const credentials = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
	const request = (proxy.protocol === 'https:' ? httpsRequest : httpRequest)({
		host: proxy.hostname.replace(/^\[|\]$/g, ''),
		port: proxy.port || (proxy.protocol === 'https:' ? 443 : 80),
		method: 'CONNECT',
		path: authority,
		agent: false,
		headers: {
			host: authority,
			'user-agent': userAgent,
			...(credentials === ':' ? {} : { 'proxy-authorization': `Basic ${Buffer.from(credentials).toString('base64')}` }),
		},
	});
	request.once('socket', (socket) => socket.prependOnceListener('connect', () => onSocket(socket)));
	return await new Promise<Socket>((resolve, reject) => {
		request.once('error', reject);
		request.once('response', (response) => {
			response.destroy();
			reject(proxyError(proxy, response.statusCode));
		});
		request.once('connect', ({ statusCode }, socket) => {
			if (statusCode === 200) resolve(socket);
			else {
				socket.destroy();
				reject(proxyError(proxy, statusCode));
			}
		});
		request.end();
	});
}

function proxyError({ host }: URL, status: number | undefined): Error {
	return new Error(`the proxy ${host} answered CONNECT with ${status}`);
}
