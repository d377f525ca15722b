// Traffic at chosen times, seen from a server, a client or both: what tests of queries need to know the rows beforehand.
// Times are milliseconds after START_MS.
import * as wire from '../decoder-as/assembly/wire/capture-event.ts';
import type { DatabaseSnapshot, TableSnapshot } from '../src/store/table.ts';
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

/** What an end of a connection does. */
type Step = {
	readonly at: number;
	readonly end: End;
	readonly what:
		| { readonly kind: 'open' | 'peer closes' | 'closes' }
		| { readonly kind: 'fails'; readonly errno: number }
		| { readonly kind: 'request' | 'response'; readonly bytes: string; readonly call: CallOptions }
		| { readonly kind: 'sendfile'; readonly count: number };
};

/** One end of a connection. */
export class End {
	readonly process: Process;
	readonly isServer: boolean;
	readonly options: ConnectionOptions;
	/** Both ends are of this host, and the other one is another End. */
	readonly hasOther: boolean;
	readonly #steps: Step[];

	constructor(steps: Step[], process: Process, isServer: boolean, options: ConnectionOptions, hasOther: boolean) {
		this.#steps = steps;
		this.process = process;
		this.isServer = isServer;
		this.options = options;
		this.hasOther = hasOther;
	}

	/** A request at `at` and its response. */
	exchange(at: number, asked: string, answer: string, course: Course = {}): this {
		const { ms = 10, sending = 0, sendfile, call = {} } = course;
		const first = at + sending + (course.ttfb ?? 0);
		this.ask(at, asked, sending);
		if (sendfile !== undefined) {
			this.answer(first, answer, call);
			this.#add(at + ms, { kind: 'sendfile', count: sendfile });
		} else if (course.ttfb !== undefined && first < at + ms) {
			const headEnd = answer.indexOf('\r\n\r\n') + 4;
			this.answer(first, answer.slice(0, headEnd), call);
			this.answer(at + ms, answer.slice(headEnd), call);
		} else this.answer(at + ms, answer, call);
		return this;
	}

	/** A request, in two parts if `sending` is given. */
	ask(at: number, bytes: string, sending = 0): this {
		const cut = sending === 0 ? bytes.length : Math.floor(bytes.length / 2);
		this.#add(at, { kind: 'request', bytes: bytes.slice(0, cut), call: {} });
		if (sending > 0) this.#add(at + sending, { kind: 'request', bytes: bytes.slice(cut), call: {} });
		return this;
	}

	answer(at: number, bytes: string, call: CallOptions = {}): this {
		this.#add(at, { kind: 'response', bytes, call });
		return this;
	}

	/** The other end closes, and this one 1 ms later, too. */
	peerCloses(at: number): this {
		this.#add(at, { kind: 'peer closes' });
		return this;
	}

	closes(at: number): this {
		this.#add(at, { kind: 'closes' });
		return this;
	}

	/** A call fails with this error, and then it closes. */
	fails(at: number, errno: number): this {
		this.#add(at, { kind: 'fails', errno });
		return this;
	}

	#add(at: number, what: Step['what']): void {
		this.#steps.push({ at, end: this, what });
	}
}

/** Connections whose calls are recorded in the order of their times. */
export class TimedTraffic {
	readonly #steps: Step[] = [];
	#connections = 0;

	/** A connection from `from` that the process accepted at `at`. */
	server(process: Process, from: string, at = 0): End {
		return this.#end(process, true, at, { local: '10.0.0.1:80', remote: this.#address(from) });
	}

	/** A connection that the process made to `to` at `at`. */
	client(process: Process, to: string, at = 0, times: Pick<ConnectionOptions, 'connectNs' | 'measured'> = {}): End {
		return this.#end(process, false, at, { local: this.#address('10.0.0.1'), remote: to, ...times });
	}

	/** A connection between two processes of this host. */
	pair(server: Process, client: Process, at = 0): Pair {
		const address = this.#address('127.0.0.1');
		const asks = this.#end(client, false, at, { local: address, remote: '127.0.0.1:80' }, true);
		return new Pair(this.#end(server, true, at, { local: '127.0.0.1:80', remote: address }, true), asks);
	}

	/**
	 * What a capture would have recorded. `mirrored`: the clients of all servers are of this host, too, so each exchange of a
	 * server is also seen from the client, half a millisecond earlier and later.
	 */
	tape({ mirrored = false } = {}): Tape {
		const tape = new Tape();
		tape.clock(BigInt(START_MS) * 1_000_000n);
		const steps = this.#steps.flatMap((step) => {
			const { end } = step;
			return mirrored && end.isServer && !end.hasOther ? [step, mirrorOf(step)] : [step];
		});
		const player = new Player(tape);
		for (const step of steps.toSorted((a, b) => a.at - b.at)) player.play(step);
		return tape;
	}

	#end(process: Process, isServer: boolean, at: number, options: ConnectionOptions, hasOther = false): End {
		this.#connections++;
		const end = new End(this.#steps, process, isServer, options, hasOther);
		this.#steps.push({ at, end, what: { kind: 'open' } });
		return end;
	}

	/** A port of its own for each connection. */
	#address(ip: string): string {
		return `${ip}:${40_001 + this.#connections}`;
	}
}

/** The process at the other end of mirrored servers. */
const MIRROR: Process = { pid: 900, comm: 'mirror' };
const mirrors = new WeakMap<End, End>();

/** The step as the client sees it. */
function mirrorOf({ at, end, what }: Step): Step {
	const { local = '', remote = '' } = end.options;
	const mirror = mirrors.get(end) ?? new End([], MIRROR, false, { local: remote, remote: local }, true);
	mirrors.set(end, mirror);
	switch (what.kind) {
		case 'open':
			return { at, end: mirror, what };
		case 'request':
			return { at: at - 0.5, end: mirror, what };
		case 'response':
			return { at: at + 0.5, end: mirror, what: { ...what, call: {} } };
		case 'sendfile':
			return { at: at + 0.5, end: mirror, what: { kind: 'response', bytes: 'x'.repeat(what.count), call: {} } };
		case 'peer closes':
			return { at: at - 0.5, end: mirror, what: { kind: 'closes' } };
		case 'closes':
		case 'fails':
			return { at: at + 0.5, end: mirror, what: { kind: 'peer closes' } };
	}
}

/** Writes steps on a tape. */
class Player {
	readonly #tape: Tape;
	readonly #startNs: bigint;
	readonly #connections = new Map<End, ConnectionTape>();
	/** Processes whose facts are known. */
	readonly #pids = new Set<number>();

	constructor(tape: Tape) {
		this.#tape = tape;
		this.#startNs = tape.timeNs;
	}

	play({ at, end, what }: Step): void {
		this.#tape.timeNs = this.#startNs + BigInt(Math.round(at * 1e6)) - STEP_NS;
		const connection = this.#connections.get(end) ?? this.#connect(end);
		switch (what.kind) {
			case 'open':
				return;
			case 'request':
			case 'response':
				if ((what.kind === 'request') === end.isServer) connection.in(what.bytes, what.call);
				else connection.out(what.bytes, what.call);
				return;
			case 'sendfile':
				connection.sendfile(what.count);
				return;
			case 'peer closes':
				connection.eof().close();
				return;
			case 'fails':
				connection.error(what.errno).close();
				return;
			case 'closes':
				connection.close();
		}
	}

	#connect(end: End): ConnectionTape {
		const { isServer, options } = end;
		const { pid, comm, cgroup, exe } = end.process;
		const number = this.#connections.size + 1;
		const all = { pid, comm, ...options };
		const connection = isServer ? this.#tape.server(number, all) : this.#tape.client(number, all);
		this.#connections.set(end, connection);
		connection.open();
		if (!this.#pids.has(pid) && (cgroup ?? exe) !== undefined) this.#tape.factProcess(pid, comm, cgroup, comm, exe);
		this.#pids.add(pid);
		return connection;
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

	/** What the server does from `at` on for `course.ms` begins 1 ms earlier for the client and ends 1 ms later. */
	exchange(at: number, asked: string, answer: string, course: Course = {}): this {
		const { ms = 10 } = course;
		this.server.exchange(at, asked, answer, course);
		this.client.exchange(at - 1, asked, answer, { ms: ms + 2 });
		return this;
	}
}

/** For a response that goes out by writev. */
export const WRITEV: CallOptions = { syscall: wire.SYSCALL_WRITEV };

/** The database without the rows that one side has of pairs. */
export function withoutPairsOf(side: 'client' | 'server', database: DatabaseSnapshot): DatabaseSnapshot {
	const tables = ['exchanges', 'inflight'].map((name): [string, TableSnapshot] => {
		const { columns, rowCount, reader } = database.tables.get(name)!;
		const read = (column: string) => reader(columns.findIndex((each) => each.name === column));
		const sides = read('side');
		const pairs = read('pair_id');
		const kept = [...Array(rowCount).keys()].filter((row) => sides.value(row) !== side || pairs.value(row) === null);
		const some = (index: number) => {
			const column = reader(index);
			return { value: (row: number) => column.value(kept[row]!) };
		};
		return [name, { name, columns, rowCount: kept.length, reader: some }];
	});
	return { tables: new Map([...database.tables, ...tables]) };
}
