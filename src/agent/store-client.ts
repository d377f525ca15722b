// Requests to ClickHouse over HTTP, one at a time.
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { systemCode, UserError } from '../base/errors.ts';
import { version } from '../base/installation.ts';
import { systemProblem } from '../base/system-problem.ts';
import { createAgent, type OnSocket } from './proxy.ts';
import type { StoreAddress } from './store-address.ts';

export type StoreRequest = {
	readonly query: string;
	/** Data of an INSERT, compressed by gzip. */
	readonly body?: Buffer;
	readonly settings?: Readonly<Record<string, string | number>>;
	readonly signal?: AbortSignal;
	/** Receives the pieces of a result as they arrive. `text` of the answer is then empty, unless it is an error. */
	readonly take?: (piece: Buffer) => Promise<void> | void;
};

export type StoreAnswer = {
	readonly status: number;
	/** ClickHouse's number of an error; undefined if there is none. */
	readonly errorCode: number | undefined;
	/** The result, or the beginning of the error's text. */
	readonly text: string;
	readonly retryAfterMs: number | undefined;
};

/** There was no answer. `message` says why, for the user. */
export class NoAnswer extends Error {}

/** The store refused a statement. */
export class StoreError extends UserError {
	/** ClickHouse's number of the error; undefined if the answer has none. */
	readonly number: number | undefined;

	constructor(message: string, number: number | undefined) {
		super(message, 'ERR_STORE');
		this.number = number;
	}
}

/** How long a connection may take, and how long the store may be silent. */
export type Patience = { readonly connectMs: number; readonly silentMs: number };

const PATIENCE: Patience = { connectMs: 10_000, silentMs: 120_000 };
/** The rest of a longer answer is not read. */
const ANSWER_BYTES = 8 << 20;

/** Why there is no answer on a connection that the store had closed. */
export const RESET = 'the connection was reset';

const PROBLEMS: Readonly<Record<string, string>> = {
	ECONNREFUSED: 'nothing listens there',
	ECONNRESET: RESET,
	EPIPE: RESET,
	ETIMEDOUT: 'the connection timed out',
	EHOSTUNREACH: 'the host cannot be reached',
	ENETUNREACH: 'the network cannot be reached',
	ENOTFOUND: 'the name of the host is not known',
	EAI_AGAIN: 'the name of the host cannot be looked up now',
};

export class StoreClient {
	readonly address: StoreAddress;
	readonly #patience: Patience;
	readonly #agent: ReturnType<typeof createAgent>;

	constructor(address: StoreAddress, onSocket: OnSocket = () => undefined, patience = PATIENCE) {
		this.address = address;
		this.#patience = patience;
		const tls = address.ca === undefined ? {} : { ca: address.ca };
		this.#agent = createAgent(address.url, tls, onSocket, userAgent());
	}

	/** Sends a statement, and data if it is an INSERT. Throws NoAnswer, and what `take` throws. */
	async post({ query, body, settings = {}, signal, take }: StoreRequest): Promise<StoreAnswer> {
		const { url, user, password } = this.address;
		const parameters = new URLSearchParams({
			...Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, String(value)])),
			...(body === undefined ? {} : { query }),
		});
		const content = body ?? Buffer.from(query);
		try {
			return await this.#exchange(
				new URL(`?${parameters}`, url),
				{
					'user-agent': userAgent(),
					'content-length': String(content.byteLength),
					...(body === undefined ? {} : { 'content-encoding': 'gzip' }),
					...(user === undefined ? {} : { 'x-clickhouse-user': user }),
					...(password === undefined ? {} : { 'x-clickhouse-key': password }),
				},
				content,
				signal,
				take,
			);
		} catch (error) {
			throw error instanceof NoAnswer || error instanceof UserError ? error : new NoAnswer(problemText(error));
		}
	}

	/** The rows of a query. Throws like ask(). */
	async rows<T>(query: string, settings: StoreRequest['settings'] = {}): Promise<T[]> {
		const answer = await this.ask(`${query} FORMAT JSONCompact`, settings);
		return (JSON.parse(answer) as { data: T[] }).data;
	}

	/** The answer to a statement. Throws a StoreError if it is an error, and a UserError if there is none. */
	async ask(query: string, settings: StoreRequest['settings'] = {}): Promise<string> {
		let answer: StoreAnswer;
		try {
			answer = await this.post({ query, settings });
		} catch (error) {
			if (!(error instanceof NoAnswer)) throw error;
			throw new UserError(`the store ${this.address.url.host} does not answer: ${error.message}`, 'ERR_STORE');
		}
		if (answer.errorCode === undefined && answer.status === 200) return answer.text;
		throw new StoreError(
			`the store ${this.address.url.host} refused a statement: ${errorLine(answer)}`,
			answer.errorCode,
		);
	}

	close(): void {
		this.#agent.destroy();
	}

	async #exchange(
		url: URL,
		headers: Readonly<Record<string, string>>,
		content: Buffer,
		signal: AbortSignal | undefined,
		take: StoreRequest['take'],
	): Promise<StoreAnswer> {
		const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
		const { connectMs, silentMs } = this.#patience;
		let timer: NodeJS.Timeout | undefined;
		try {
			return await new Promise<StoreAnswer>((resolve, reject) => {
				const request = send(url, {
					method: 'POST',
					agent: this.#agent,
					headers,
					...(signal === undefined ? {} : { signal }),
				});
				const late = (what: string, ms: number) => {
					clearTimeout(timer);
					timer = setTimeout(() => request.destroy(new NoAnswer(`${what} within ${ms / 1000} s`)), ms);
				};
				late('no connection', connectMs);
				request.on('socket', (socket) => {
					const isReady = () => late('it did not answer', silentMs);
					if (socket.connecting) socket.once('encrypted' in socket ? 'secureConnect' : 'connect', isReady);
					else isReady();
				});
				request.on('error', reject);
				request.on('response', (response) => readAnswer(response, take).then(resolve, reject));
				request.end(content);
			});
		} finally {
			clearTimeout(timer);
		}
	}
}

function userAgent(): string {
	return `tinytap/${version()}`;
}

async function readAnswer(response: IncomingMessage, take: StoreRequest['take']): Promise<StoreAnswer> {
	const chunks: Buffer[] = [];
	let bytes = 0;
	const passesOn = take !== undefined && response.statusCode === 200;
	for await (const chunk of response as AsyncIterable<Buffer>) {
		if (passesOn) {
			await take(chunk);
			continue;
		}
		chunks.push(chunk);
		bytes += chunk.byteLength;
		if (bytes > ANSWER_BYTES) break;
	}
	const status = response.statusCode ?? 0;
	const text = Buffer.concat(chunks).toString('utf8');
	const header = Number(response.headers['x-clickhouse-exception-code'] ?? Number.NaN);
	// Before ClickHouse 20 only the text has the number. A successful INSERT has no text.
	const inText = Number(/^Code: (\d+)[.,]/.exec(text)?.[1] ?? Number.NaN);
	const errorCode = [header, inText].find((code) => !Number.isNaN(code));
	const seconds = Number(response.headers['retry-after'] ?? Number.NaN);
	return { status, errorCode, text, retryAfterMs: Number.isNaN(seconds) ? undefined : seconds * 1000 };
}

/** The error of an answer in one line, without a stack trace. */
export function errorLine({ status, text }: StoreAnswer): string {
	const line = text
		.replace(/\s+/g, ' ')
		.replace(/ Stack trace:.*$/, '')
		.trim();
	const short = line.length > 300 ? `${line.slice(0, 300)}…` : line;
	return short === '' ? `HTTP status ${status}` : `HTTP status ${status}, ${short}`;
}

function problemText(error: unknown): string {
	const code = systemCode(error);
	if (code !== undefined && Object.hasOwn(PROBLEMS, code)) return PROBLEMS[code]!;
	if (code === 'ABORT_ERR') return 'it was given up';
	if (error instanceof AggregateError && error.errors.length > 0) return problemText(error.errors[0]);
	// TLS, for example: `self-signed certificate`.
	if (error instanceof Error && error.message !== '') return error.message;
	return code === undefined ? String(error) : systemProblem(code);
}
