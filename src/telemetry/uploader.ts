// Sends one request at a time to a collector: OTLP over HTTP, in JSON.
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { createAgent } from '../agent/proxy.ts';
import { systemCode } from '../base/errors.ts';
import { version } from '../base/installation.ts';
import { type OwnSockets, socketAddress } from '../threads/own-sockets.ts';
import type { Endpoint } from './otlp-settings.ts';

/** What a collector answered, or why there is no answer. */
export type Answer =
	| { readonly status: number; readonly retryAfterMs: number | undefined; readonly body: string }
	| { readonly problem: string };

const USER_AGENT = `tinytap/${version()}`;

const compress = promisify(gzip);
/** Fast compression saves nearly as much, because requests are repetitive. */
const GZIP_LEVEL = 1;
/** The rest of a longer answer is not read. */
const ANSWER_BYTES = 64 << 10;

export class Uploader {
	readonly #endpoint: Endpoint;
	readonly #agent: ReturnType<typeof createAgent>;
	#running: ClientRequest | undefined;
	#isClosed = false;

	/** `own`: knows the sockets, so that what a collector on this host receives is not captured. */
	constructor(endpoint: Endpoint, own: OwnSockets) {
		this.#endpoint = endpoint;
		const { ca, certificate: cert, key } = endpoint;
		const onSocket = (socket: Socket) => {
			const { localAddress, localPort } = socket;
			if (localAddress === undefined || localPort === undefined) return;
			socket.once('close', own.add(socketAddress(localAddress, localPort)));
		};
		this.#agent = createAgent(endpoint.url, definedOnly({ ca, cert, key }), onSocket, USER_AGENT);
	}

	/** Where requests go, for messages. */
	get place(): string {
		return this.#endpoint.url.origin;
	}

	/** The body as it is sent. */
	async encode(json: string): Promise<Buffer> {
		return this.#endpoint.isCompressed ? await compress(json, { level: GZIP_LEVEL }) : Buffer.from(json);
	}

	/** Sends a body that encode() made. Never rejects. */
	async post(body: Buffer): Promise<Answer> {
		if (this.#isClosed) return { problem: 'it was given up' };
		const { url, headers, timeoutMs, isCompressed } = this.#endpoint;
		const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
		let timer: NodeJS.Timeout | undefined;
		try {
			return await new Promise<Answer>((resolve, reject) => {
				const request = send(url, {
					method: 'POST',
					agent: this.#agent,
					headers: {
						...headers,
						'user-agent': USER_AGENT,
						'content-type': 'application/json',
						'content-length': body.length,
						...(isCompressed ? { 'content-encoding': 'gzip' } : {}),
					},
				});
				this.#running = request;
				timer = setTimeout(() => request.destroy(new Error(`no answer after ${timeoutMs} ms`)), timeoutMs);
				request.on('error', reject);
				request.on('response', (response) => readAnswer(response).then(resolve, reject));
				request.end(body);
			});
		} catch (error) {
			return { problem: problemOf(error) };
		} finally {
			clearTimeout(timer);
			this.#running = undefined;
		}
	}

	/** Gives up the running request. */
	close(): void {
		this.#isClosed = true;
		this.#running?.destroy(new Error('it was given up'));
		this.#agent.destroy();
	}
}

async function readAnswer(response: IncomingMessage): Promise<Answer> {
	const chunks: Buffer[] = [];
	let bytes = 0;
	for await (const chunk of response as AsyncIterable<Buffer>) {
		chunks.push(chunk);
		bytes += chunk.length;
		// Leaving the loop closes the connection.
		if (bytes > ANSWER_BYTES) break;
	}
	return {
		status: response.statusCode ?? 0,
		retryAfterMs: retryAfter(response.headers['retry-after'], Date.now()),
		body: Buffer.concat(chunks).toString('utf8', 0, ANSWER_BYTES),
	};
}

/** The value of Retry-After, seconds or a date, as milliseconds from `nowMs` on; undefined if it is missing or invalid. */
export function retryAfter(value: string | undefined, nowMs: number): number | undefined {
	const text = value?.trim() ?? '';
	if (/^\d+$/.test(text)) return Number(text) * 1000;
	const at = /^[A-Z][a-z]{2}, /.test(text) ? Date.parse(text) : Number.NaN;
	return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}

const PROBLEMS: Readonly<Record<string, string>> = {
	ECONNREFUSED: 'the connection was refused',
	ECONNRESET: 'the connection was reset',
	EPIPE: 'the connection was closed',
	ENOTFOUND: 'its name is unknown',
	EAI_AGAIN: 'its name could not be looked up',
	ETIMEDOUT: 'the connection timed out',
	EHOSTUNREACH: 'its host cannot be reached',
	ENETUNREACH: 'its network cannot be reached',
};

/** A connection to a name with several addresses fails with one error for each. */
function problemOf(error: unknown): string {
	const first = error instanceof AggregateError ? error.errors[0] : error;
	const known = PROBLEMS[systemCode(first) ?? ''];
	return known ?? (first instanceof Error ? first.message : String(first));
}

function definedOnly<T extends object>(options: T): Partial<T> {
	return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;
}
