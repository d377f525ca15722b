// Conversations in HTTP/2: the exchanges of spoken.ts as Node's own client and server send them, and Node's http2 as a reader
// of the same bytes.
import { once } from 'node:events';
import http2 from 'node:http2';
import { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import type { Found } from './http-parsers.ts';
import type { Spoken } from './spoken.ts';

/** What one side sent at once. */
export type Said = { readonly direction: 'in' | 'out'; readonly bytes: Buffer };

type Message = { readonly headers: Record<string, string>; readonly body: Buffer };

/** Requests on their way at a time. */
const AT_ONCE = 20;
/** Windows and limits that never stop a reader. */
const WINDOW = 2 ** 31 - 1;
const WIDE = {
	maxSessionMemory: 4096,
	peerMaxConcurrentStreams: WINDOW,
	settings: { initialWindowSize: WINDOW, maxConcurrentStreams: WINDOW },
};

/** One end of a connection in memory. */
class End extends Duplex {
	other: End | undefined;
	readonly #seen: (bytes: Buffer) => void;

	constructor(seen: (bytes: Buffer) => void) {
		super({ highWaterMark: 1 << 24 });
		this.#seen = seen;
	}

	override _read(): void {
		// Bytes are pushed when the other end writes them.
	}

	override _write(bytes: Buffer, _encoding: string, done: () => void): void {
		this.#seen(bytes);
		this.other?.push(bytes);
		done();
	}
}

/** The conversation of Node's client with its server: both directions, as they were sent. */
export async function recordTalk(list: readonly Spoken[]): Promise<readonly Said[]> {
	const said: Said[] = [];
	const [client, server] = (['in', 'out'] as const).map(
		(direction) => new End((bytes) => said.push({ direction, bytes: Buffer.from(bytes) })),
	) as [End, End];
	client.other = server;
	server.other = client;
	const accepted = http2.performServerHandshake(server);
	accepted.on('stream', (stream, headers) => {
		const { headers: fields, body } = messageOf(list[Number(headers['x-number'])]!.response);
		stream.resume();
		stream.on('end', () => {
			stream.respond(fields, { endStream: body.length === 0 });
			if (body.length > 0) stream.end(body);
		});
	});
	const session = http2.connect('http://h', { createConnection: () => client });
	await once(session, 'connect');
	let next = 0;
	const ask = async () => {
		for (let i = next++; i < list.length; i = next++) {
			const stream = askOne(session, list[i]!, i);
			stream.resume();
			await once(stream, 'close');
		}
	};
	await Promise.all(Array.from({ length: AT_ONCE }, ask));
	const whole = [...said];
	session.destroy();
	accepted.destroy();
	return whole;
}

function askOne(session: http2.ClientHttp2Session, { request }: Spoken, number: number): http2.ClientHttp2Stream {
	const { headers, body } = messageOf(request);
	const stream = session.request({ ...headers, 'x-number': String(number) }, { endStream: body.length === 0 });
	if (body.length > 0) stream.end(body);
	return stream;
}

/** A message of HTTP/1 as fields of HTTP/2. */
function messageOf(bytes: Buffer): Message {
	const headEnd = bytes.indexOf('\r\n\r\n');
	const [line = '', ...fields] = bytes.toString('latin1', 0, headEnd).split('\r\n');
	const headers: Record<string, string> = {};
	const [first = '', second = ''] = line.split(' ');
	if (first.startsWith('HTTP/')) headers[':status'] = second;
	else Object.assign(headers, { ':method': first, ':path': second });
	for (const field of fields) {
		const [name = '', value = ''] = field.split(': ');
		const key = name.toLowerCase();
		if (key === 'host') headers[':authority'] = value;
		else if (key !== 'connection') headers[key] = value;
	}
	return { headers, body: bytes.subarray(headEnd + 4) };
}

/** Node's server reads what the client sent, and its client, which has sent the same requests, what the server answered. */
export async function readByNode(
	list: readonly Spoken[],
	said: readonly Said[],
): Promise<Found & { readonly seconds: number }> {
	const found = { messages: 0, bodyBytes: 0, seconds: 0 };
	const take = (stream: Duplex, left: { count: number; done: () => void }) => {
		stream.on('data', (bytes: Buffer) => {
			found.bodyBytes += bytes.length;
		});
		stream.on('end', () => {
			found.messages++;
			if (--left.count === 0) left.done();
		});
	};
	const feed = async (end: End, direction: 'in' | 'out', ended: Promise<void>) => {
		const bytes = said.filter((one) => one.direction === direction).map((one) => one.bytes);
		const start = performance.now();
		for (const part of bytes) end.push(part);
		await ended;
		found.seconds += (performance.now() - start) / 1000;
	};
	const countdown = () => {
		let done = () => {};
		const ended = new Promise<void>((resolve) => {
			done = resolve;
		});
		return { left: { count: list.length, done: () => done() }, ended };
	};

	const server = new End(() => {});
	const accepted = http2.performServerHandshake(server, WIDE);
	accepted.setLocalWindowSize(WINDOW);
	const requests = countdown();
	accepted.on('stream', (stream) => take(stream, requests.left));
	await turn();
	await feed(server, 'in', requests.ended);
	accepted.destroy();

	const client = new End(() => {});
	const session = http2.connect('http://h', { ...WIDE, createConnection: () => client });
	await once(session, 'connect');
	session.setLocalWindowSize(WINDOW);
	const responses = countdown();
	for (const [i, spoken] of list.entries()) take(askOne(session, spoken, i), responses.left);
	for (let i = 0; i < 10; i++) await turn();
	await feed(client, 'out', responses.ended);
	session.destroy();
	return found;
}
