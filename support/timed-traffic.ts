// Traffic at chosen times, seen from a server, a client or both: what tests of queries need to know the rows beforehand.
// Times are milliseconds after START_MS.
import * as wire from '../decoder-as/assembly/wire/capture-event.ts';
import { formatTimestamp } from '../src/store/timestamp.ts';
import { type CallOptions, type ConnectionOptions, type ConnectionTape, Tape } from './record-builder.ts';

const START_MS = 1_700_000_000_000;
/** How much a tape adds to its clock before each record. */
const STEP_NS = 1_000_000n;

/** The column `ts` of a request that began at `ms`. */
export function timeAt(ms: number): string {
	return formatTimestamp((START_MS + ms) * 1000)!;
}

export type Process = { readonly pid: number; readonly comm: string; readonly cgroup?: string; readonly exe?: string };

export type Fields = Readonly<Record<string, string | readonly string[]>>;

/** A request to `host`; null: without the field Host. */
export function request(
	target: string,
	fields: Fields = {},
	body = '',
	host: string | null = 'shop',
	method?: string,
): string {
	const verb = method ?? (body === '' ? 'GET' : 'POST');
	const all: Fields = {
		...(host === null ? {} : { Host: host }),
		...fields,
		...(body === '' ? {} : { 'Content-Length': String(body.length) }),
	};
	return `${verb} ${target} HTTP/1.1\r\n${lines(all)}\r\n${body}`;
}

export function response(status: number, body = '', fields: Fields = {}): string {
	return `HTTP/1.1 ${status} Reason\r\n${lines({ ...fields, 'Content-Length': String(body.length) })}\r\n${body}`;
}

function lines(fields: Fields): string {
	return Object.entries(fields)
		.flatMap(([name, values]) =>
			(typeof values === 'string' ? [values] : values).map((value) => `${name}: ${value}\r\n`),
		)
		.join('');
}

/** How an exchange goes. */
export type Course = {
	/** From the request's first byte to the response's last; 10 if not given. */
	readonly ms?: number;
	/** From the request's last byte to the response's first; then the rest of the response follows at the end. */
	readonly ttfb?: number;
	/** From the request's first byte to its last. */
	readonly sending?: number;
	/** The response's body is this many bytes of a file, sent by sendfile. */
	readonly sendfile?: number;
	/** Options of the call that sends, or receives, the response. */
	readonly call?: CallOptions;
};

type Call = { readonly at: number; readonly run: () => void };

/** One end of a connection. */
export class End {
	readonly #calls: Call[];
	readonly #connection: ConnectionTape;
	readonly #isServer: boolean;

	constructor(calls: Call[], connection: ConnectionTape, isServer: boolean) {
		this.#calls = calls;
		this.#connection = connection;
		this.#isServer = isServer;
	}

	/** A request at `at` and its response. */
	exchange(at: number, asked: string, answer: string, course: Course = {}): this {
		const { ms = 10, sending = 0, sendfile, call = {} } = course;
		this.ask(at, asked, sending);
		const headEnd = answer.indexOf('\r\n\r\n') + 4;
		if (sendfile !== undefined) {
			this.#at(at + sending + (course.ttfb ?? 0), () => this.#connection.out(answer, call));
			this.#at(at + ms, () => this.#connection.sendfile(sendfile));
		} else if (course.ttfb !== undefined && at + sending + course.ttfb < at + ms) {
			this.answer(at + sending + course.ttfb, answer.slice(0, headEnd), call);
			this.answer(at + ms, answer.slice(headEnd), call);
		} else this.answer(at + ms, answer, call);
		return this;
	}

	/** A request, in two parts if `sending` is given. */
	ask(at: number, bytes: string, sending = 0): this {
		const cut = sending === 0 ? bytes.length : Math.floor(bytes.length / 2);
		this.#at(at, () => this.#move(bytes.slice(0, cut), !this.#isServer));
		if (sending > 0) this.#at(at + sending, () => this.#move(bytes.slice(cut), !this.#isServer));
		return this;
	}

	answer(at: number, bytes: string, call: CallOptions = {}): this {
		this.#at(at, () => this.#move(bytes, this.#isServer, call));
		return this;
	}

	/** The other end closes, and this one 1 ms later, too. */
	peerCloses(at: number): this {
		this.#at(at, () => this.#connection.eof().close());
		return this;
	}

	closes(at: number): this {
		this.#at(at, () => this.#connection.close());
		return this;
	}

	#move(bytes: string, isOut: boolean, call: CallOptions = {}): void {
		if (isOut) this.#connection.out(bytes, call);
		else this.#connection.in(bytes, call);
	}

	#at(at: number, run: () => void): void {
		this.#calls.push({ at, run });
	}
}

/** Connections whose calls are recorded in the order of their times. */
export class TimedTraffic {
	readonly #tape = new Tape();
	readonly #calls: Call[] = [];
	/** Processes whose facts are told when they first have a connection. */
	readonly #pids = new Set<number>();
	#connections = 0;

	/** A connection from `from` that the process accepted at `at`. */
	server(process: Process, from: string, at = 0, options: ConnectionOptions = {}): End {
		return this.#end(process, true, at, { local: '10.0.0.1:80', remote: this.#address(from), ...options });
	}

	/** A connection that the process made to `to` at `at`. */
	client(process: Process, to: string, at = 0, options: ConnectionOptions = {}): End {
		return this.#end(process, false, at, { local: this.#address('10.0.0.1'), remote: to, ...options });
	}

	/** A connection between two processes of this host. What the server does at `at` begins 1 ms earlier for the client and ends 1 ms later. */
	pair(server: Process, client: Process, at = 0): Pair {
		const address = this.#address('127.0.0.1');
		const asks = this.client(client, '127.0.0.1:80', at, { local: address });
		return new Pair(this.server(server, '', at, { local: '127.0.0.1:80', remote: address }), asks);
	}

	/** What a capture would have recorded. */
	tape(): Tape {
		const tape = this.#tape;
		tape.clock(BigInt(START_MS) * 1_000_000n);
		const startNs = tape.timeNs;
		for (const { at, run } of this.#calls.toSorted((a, b) => a.at - b.at)) {
			tape.timeNs = startNs + BigInt(Math.round(at * 1e6)) - STEP_NS;
			run();
		}
		return tape;
	}

	#end(process: Process, isServer: boolean, at: number, options: ConnectionOptions): End {
		const { pid, comm, cgroup, exe } = process;
		const isNew = !this.#pids.has(pid);
		this.#pids.add(pid);
		const number = ++this.#connections;
		const all = { pid, comm, ...options };
		const connection = isServer ? this.#tape.server(number, all) : this.#tape.client(number, all);
		this.#calls.push({
			at,
			run: () => {
				connection.open();
				if (isNew && (cgroup ?? exe) !== undefined) this.#tape.factProcess(pid, comm, cgroup, comm, exe);
			},
		});
		return new End(this.#calls, connection, isServer);
	}

	/** A port of its own for each connection. */
	#address(ip: string): string {
		return `${ip}:${40_001 + this.#connections}`;
	}
}

/** Both ends of a connection. */
export class Pair {
	readonly server: End;
	readonly client: End;

	constructor(server: End, client: End) {
		this.server = server;
		this.client = client;
	}

	/** The server takes `course.ms`, the client waits 2 ms more. */
	exchange(at: number, asked: string, answer: string, course: Course = {}): this {
		const { ms = 10 } = course;
		this.server.exchange(at, asked, answer, course);
		this.client.exchange(at - 1, asked, answer, { ms: ms + 2 });
		return this;
	}
}

/** For a response that goes out by writev. */
export const WRITEV: CallOptions = { syscall: wire.SYSCALL_WRITEV };
