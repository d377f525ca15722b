// A collector for tests: an HTTP server that keeps the OTLP requests it gets, and answers as it is told.
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { type DecodedPoint, type DecodedSpan, decodePoints, decodeSpans } from './otlp-decoder.ts';

export type Received = {
	readonly path: string;
	readonly headers: IncomingHttpHeaders;
	/** As sent. */
	readonly bytes: Buffer;
	/** Uncompressed. */
	readonly text: string;
	readonly atMs: number;
};

/** Answers one request. */
export type Reaction = (response: ServerResponse, received: Received) => void;

export const ACCEPT: Reaction = (response) => void response.setHeader('content-type', 'application/json').end('{}');

/** Answers with a status, fields and a body. */
export function answering(status: number, headers: Record<string, string> = {}, body: unknown = {}): Reaction {
	return (response) =>
		void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

export type Collector = {
	readonly url: string;
	readonly port: number;
	readonly received: readonly Received[];
	/** The next requests are answered in these ways; all others are accepted. */
	readonly reactions: Reaction[];
	/** All spans and points of requests that the decoder accepts. Throws if it does not. */
	readonly spans: () => DecodedSpan[];
	readonly points: () => DecodedPoint[];
	readonly stop: () => Promise<void>;
};

/** Starts one on a free port of loopback. `tls`: with this certificate and key. */
export async function startCollector(tls?: { readonly cert: string; readonly key: string }): Promise<Collector> {
	const received: Received[] = [];
	const reactions: Reaction[] = [];
	const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
		const chunks: Buffer[] = [];
		for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
		const bytes = Buffer.concat(chunks);
		const isCompressed = request.headers['content-encoding'] === 'gzip';
		const text = (isCompressed ? gunzipSync(bytes) : bytes).toString('utf8');
		const one = { path: request.url ?? '', headers: request.headers, bytes, text, atMs: performance.now() };
		received.push(one);
		(reactions.shift() ?? ACCEPT)(response, one);
	};
	// A request that ends early is one that its sender has given up.
	const take = (request: IncomingMessage, response: ServerResponse) =>
		void answer(request, response).catch(() => undefined);
	const server = tls === undefined ? createServer(take) : createTlsServer(tls, take);
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	const { port } = server.address() as AddressInfo;
	const of = (signal: string) => received.filter(({ path }) => path === `/v1/${signal}`);
	return {
		url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
		port,
		received,
		reactions,
		spans: () => of('traces').flatMap(({ text }) => decodeSpans(JSON.parse(text))),
		points: () => of('metrics').flatMap(({ text }) => decodePoints(JSON.parse(text))),
		stop: async () => {
			server.closeAllConnections();
			await new Promise((resolve) => server.close(resolve));
		},
	};
}
