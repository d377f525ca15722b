// Scripted conversations: every request names its exchange in its path and every response in its body, so a row that
// mixes two exchanges is noticed. Each conversation consists of a tape and the position of every message in its stream.
import * as wire from '../decoder-as/assembly/wire/capture-event.ts';
import { type ConnectionTape, Tape } from './record-builder.ts';

/** Much longer than any answer takes: calls are a millisecond apart. */
const PAUSE_MS = 250;

export type MessageRange = { readonly exchange: number; readonly direction: 'in' | 'out'; start: bigint; end: bigint };

export type Conversation = {
	readonly name: string;
	readonly tape: Tape;
	/** Ranges of all messages, interim responses included, in order. */
	readonly ranges: MessageRange[];
};

type Script = {
	readonly name: string;
	readonly side: 'server' | 'client';
	/** Writes the conversation. `send` puts bytes on the tape as calls of at most `read` bytes. */
	readonly write: (talk: Talk) => void;
	/** The server closes first. */
	readonly serverCloses?: boolean;
	/** Maximum bytes per call; by default each part is one call. */
	readonly read?: number;
};

/** One exchange of a script. */
export type Step = { readonly request: string; readonly response: readonly Part[]; readonly interim?: string };
export type Part = string | { readonly sendfile: number };

/** Puts the request and response of each exchange on a connection, whichever side is watched. */
class Talk {
	readonly connection: ConnectionTape;
	readonly ranges: MessageRange[] = [];
	readonly read: number;
	readonly side: 'server' | 'client';
	/** Bytes waiting to be moved in one call. */
	private held: { direction: 'in' | 'out'; bytes: string } | undefined;

	constructor(connection: ConnectionTape, side: 'server' | 'client', read: number) {
		this.connection = connection;
		this.side = side;
		this.read = read;
	}

	request(exchange: number, ...parts: string[]): void {
		this.message(exchange, this.side === 'server' ? 'in' : 'out', parts);
	}

	response(exchange: number, ...parts: Part[]): void {
		this.message(exchange, this.side === 'server' ? 'out' : 'in', parts);
	}

	private message(exchange: number, direction: 'in' | 'out', parts: readonly Part[]): void {
		const start = this.offset(direction);
		for (const part of parts) {
			if (typeof part === 'string') this.move(direction, part);
			else if (direction === 'out') {
				this.flush();
				this.connection.sendfile(part.sendfile);
			} else {
				this.move(direction, 'F'.repeat(part.sendfile));
			}
		}
		this.ranges.push({ exchange, direction, start, end: this.offset(direction) });
	}

	/** The client does nothing for a while, so everything it asked for has arrived. */
	pause(): void {
		this.flush();
		this.connection.tape.pause(PAUSE_MS);
	}

	/** Stream offset of the next byte of a direction. */
	private offset(direction: 'in' | 'out'): bigint {
		const moved = direction === 'in' ? this.connection.inOffset : this.connection.outOffset;
		return moved + BigInt(this.held?.direction === direction ? this.held.bytes.length : 0);
	}

	/** With a read size, consecutive bytes of one direction move in calls of that size, across message boundaries. */
	private move(direction: 'in' | 'out', bytes: string): void {
		if (this.read === Number.POSITIVE_INFINITY) {
			this.call(direction, bytes);
			return;
		}
		if (this.held !== undefined && this.held.direction !== direction) this.flush();
		this.held = { direction, bytes: (this.held?.bytes ?? '') + bytes };
	}

	flush(): void {
		const held = this.held;
		if (held === undefined) return;
		this.held = undefined;
		for (let at = 0; at < held.bytes.length; at += this.read)
			this.call(held.direction, held.bytes.slice(at, at + this.read));
	}

	private call(direction: 'in' | 'out', bytes: string): void {
		if (direction === 'in') this.connection.in(bytes);
		else this.connection.out(bytes);
	}
}

export const get = (id: number, more = '') => `GET /exchange/${id} HTTP/1.1\r\nHost: example.com\r\n${more}\r\n`;
export const head = (id: number) => `HEAD /exchange/${id} HTTP/1.1\r\nHost: example.com\r\n\r\n`;
export const post = (id: number, body: string) =>
	`POST /exchange/${id} HTTP/1.1\r\nHost: example.com\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
/** A body that names its exchange in every line. */
export const body = (id: number, lines: number) =>
	Array.from({ length: lines }, (_, line) => `<exchange ${id} line ${line}>`).join('\n');
export const ok = (id: number, text: string) =>
	`HTTP/1.1 200 OK\r\nX-Exchange: ${id}\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
export const chunked = (id: number, chunks: readonly string[]) =>
	`HTTP/1.1 200 OK\r\nX-Exchange: ${id}\r\nTransfer-Encoding: chunked\r\n\r\n${chunks
		.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`)
		.join('')}0\r\n\r\n`;

const plain = (talk: Talk, count: number) => {
	for (let id = 1; id <= count; id++) {
		talk.request(id, get(id));
		talk.response(id, ok(id, body(id, 3)));
		talk.pause();
	}
};

/** Bursts of requests, then their responses. */
const pipelined = (talk: Talk, bursts: number, size: number) => {
	for (let burst = 0; burst < bursts; burst++) {
		for (let i = 1; i <= size; i++) talk.request(burst * size + i, get(burst * size + i));
		for (let i = 1; i <= size; i++) talk.response(burst * size + i, ok(burst * size + i, body(burst * size + i, 2)));
		talk.pause();
	}
};

/** A client that keeps `size` requests in flight; the requests differ in size. */
const window = (talk: Talk, count: number, size: number) => {
	for (let id = 1; id <= count + size; id++) {
		if (id <= count) talk.request(id, get(id, `Cookie: ${'c'.repeat((id * 37) % 90)}\r\n`));
		if (id > size) talk.response(id - size, ok(id - size, body(id - size, 1 + ((id * 5) % 4))));
	}
};

const mixed = (talk: Talk) => {
	talk.request(1, get(1));
	talk.response(1, 'HTTP/1.1 200 OK\r\nX-Exchange: 1\r\nContent-Length: 300\r\n\r\n', { sendfile: 300 });
	talk.pause();
	talk.request(2, head(2));
	talk.response(2, 'HTTP/1.1 200 OK\r\nX-Exchange: 2\r\nContent-Length: 4000\r\n\r\n');
	talk.pause();
	talk.request(3, post(3, body(3, 8)).slice(0, 120), post(3, body(3, 8)).slice(120));
	talk.response(3, 'HTTP/1.1 100 Continue\r\n\r\n', chunked(3, [body(3, 2), body(3, 4)]));
	talk.pause();
	talk.request(4, get(4));
	talk.response(4, 'HTTP/1.1 204 No Content\r\nX-Exchange: 4\r\n\r\n');
	talk.pause();
	talk.request(
		5,
		`POST /exchange/5 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n`,
		`40\r\n${body(5, 9).slice(0, 64)}\r\n`,
		'0\r\n\r\n',
	);
	talk.response(5, chunked(5, [body(5, 1)]).slice(0, 60), chunked(5, [body(5, 1)]).slice(60));
	talk.pause();
	talk.request(6, get(6, `Cookie: ${'c'.repeat(500)}\r\n`));
	talk.response(6, 'HTTP/1.1 304 Not Modified\r\nX-Exchange: 6\r\nContent-Length: 77\r\n\r\n');
	talk.pause();
	talk.request(7, get(7));
	talk.response(7, ok(7, body(7, 40)).slice(0, 200), ok(7, body(7, 40)).slice(200, 700), ok(7, body(7, 40)).slice(700));
	talk.pause();
	talk.request(8, get(8, 'Connection: close\r\n'));
	talk.response(8, `HTTP/1.1 200 OK\r\nX-Exchange: 8\r\nConnection: close\r\n\r\n`, body(8, 5), body(8, 5));
};

/** A body whose text looks like messages. */
const nested = (talk: Talk) => {
	const inner = `${get(901)}HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc\n${get(902)}`;
	for (let id = 1; id <= 4; id++) {
		talk.request(id, post(id, inner + body(id, 2)));
		talk.response(id, ok(id, body(id, 1) + inner + inner).slice(0, 90), ok(id, body(id, 1) + inner + inner).slice(90));
		talk.pause();
	}
};

const bothSides = (name: string, write: (talk: Talk) => void, read?: number, serverCloses = false): Script[] =>
	(['server', 'client'] as const).map((side) => ({
		name: `${name}, ${side}${read === undefined ? '' : `, ${read} bytes a call`}`,
		side,
		write,
		serverCloses,
		...(read === undefined ? {} : { read }),
	}));

export const SCRIPTS: readonly Script[] = [
	...bothSides('plain', (talk) => plain(talk, 7)),
	...bothSides('plain', (talk) => plain(talk, 5), 50),
	...bothSides('pipelined', (talk) => pipelined(talk, 3, 5)),
	...bothSides('pipelined', (talk) => pipelined(talk, 3, 5), 130),
	...bothSides('pipelined', (talk) => pipelined(talk, 2, 4), 1000),
	...bothSides('one burst', (talk) => pipelined(talk, 1, 6)),
	...bothSides('window of two', (talk) => window(talk, 9, 2)),
	...bothSides('window of three', (talk) => window(talk, 9, 3)),
	...bothSides('mixed', mixed, undefined, true),
	...bothSides('mixed', mixed, 256, true),
	...bothSides('nested', nested),
	...bothSides('nested', nested, 100),
];

/** The conversation of a script on connection `conn`. At the end the client closes it. */
export function makeConversation(script: Script, conn = 1): Conversation {
	const tape = new Tape();
	const addresses = { local: '10.0.0.1:80', remote: '10.0.0.2:4000' };
	const connection =
		script.side === 'server'
			? tape.server(conn, addresses)
			: tape.client(conn, { local: addresses.remote, remote: addresses.local });
	connection.open().share(101);
	const talk = new Talk(connection, script.side, script.read ?? Number.POSITIVE_INFINITY);
	script.write(talk);
	talk.flush();
	// The client closes first, unless a body ends with the connection.
	if (script.side === 'server' || script.serverCloses === true) connection.eof();
	connection.close(wire.SYSCALL_CLOSE);
	return { name: script.name, tape, ranges: talk.ranges };
}
