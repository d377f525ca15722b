// Conversations in simulated time: a client and a server on one connection, each with its habits, and what a capture on
// either side records of them. After a loss, or if the capture began in the middle, pairing depends on timing. So in
// this simulation bytes take time to travel, wait in the receiver's socket, and answers take time.
import * as wire from '../decoder-as/assembly/wire/capture-event.ts';
import type { ExchangeRow } from './decoded-rows.ts';
import { namesIn } from './loss.ts';
import type { Random } from './random-conversation.ts';
import { type ConnectionOptions, Tape } from './record-builder.ts';

/** An exchange that one side saw completely, and whose pairing is certain from the capture. */
export type Certain = { readonly conn: number; readonly exchange: number };

export type TimedConversation = {
	readonly records: Uint8Array[];
	readonly certain: readonly Certain[];
	/**
	 * A client that sends while a 408 is in flight takes it for the answer to its oldest waiting request. A capture
	 * that has lost nothing since the beginning cannot know better. This holds for exchanges below this number.
	 */
	readonly takes408Below: number;
	/** A description of the case, for people. */
	readonly description: string;
};

const SERVER_CONN = 1;
const CLIENT_CONN = 2;
/** Responses that nobody asked for have exchange numbers from here on. */
const UNASKED = 9000;
/** In microseconds. Answers take at most 600 ms, so after a pause this long no answer is outstanding. */
const PAUSE = 15_000_000;
const SILENCE = 5_000;

type Side = 'client' | 'server';

/** A call of one side, or the end of that side. */
type Call = {
	readonly side: Side;
	/** When it began, and when it returned. */
	readonly began: number;
	readonly at: number;
	readonly kind: 'in' | 'out' | 'eof' | 'shutdown' | 'close';
	readonly offset: number;
	readonly bytes: string;
	readonly tid: number;
	readonly allRead: boolean;
};

/** Exchange `id` as one side saw it. `turn`: it began after a pause. */
type Seen = { sent: number; answered: number; turn: boolean };

/** One end of the connection: the bytes that have arrived, and the tasks that wait for them. */
class End {
	readonly side: Side;
	arrived = '';
	over = false;
	readOffset = 0;
	writeOffset = 0;
	waiting: Task | undefined;
	lastCall = 0;
	lastNoted = 0;
	/** Until this time its sending thread is in its last call. */
	busyUntil = 0;

	constructor(side: Side) {
		this.side = side;
	}
}

/** Yields how long it sleeps, in microseconds, or the end whose bytes it waits for. */
type Task = Generator<number | End, void, undefined>;

class World {
	readonly random: Random;
	readonly calls: Call[] = [];
	readonly client = new End('client');
	readonly server = new End('server');
	readonly seen = { client: new Map<number, Seen>(), server: new Map<number, Seen>() };
	/** The client sends and receives in separate threads. */
	readonly twoThreads: boolean;
	readonly transit: number;
	/** Offset in the server's stream at which the unasked response begins. */
	unaskedOffset = Number.POSITIVE_INFINITY;
	now = 1_000_000;
	private readonly queue: { at: number; run: () => void }[] = [];

	constructor(random: Random) {
		this.random = random;
		this.twoThreads = random.chance(0.2);
		this.transit = random.between(15, 300);
	}

	start(task: Task): void {
		this.later(0, () => this.resume(task));
	}

	later(delay: number, run: () => void): void {
		const at = this.now + delay;
		let index = this.queue.length;
		while (index > 0 && this.queue[index - 1]!.at > at) index--;
		this.queue.splice(index, 0, { at, run });
	}

	/** Runs until nothing is left to do. */
	run(): void {
		for (let next = this.queue.shift(); next !== undefined; next = this.queue.shift()) {
			this.now = next.at;
			next.run();
		}
	}

	write(end: End, bytes: string): void {
		const { random } = this;
		const peer = end === this.client ? this.server : this.client;
		// The sending thread may return from its call late, after the answer.
		const late = this.twoThreads && end === this.client && random.chance(0.1) ? random.between(1, 800) : 0;
		end.busyUntil = this.now + late;
		const silent = this.now - end.lastCall >= SILENCE;
		this.note(end, 'out', end.writeOffset, bytes, late, silent && end.arrived === '');
		end.writeOffset += bytes.length;
		this.later(this.transit, () => {
			peer.arrived += bytes;
			this.wake(peer);
		});
	}

	/** Writes nothing more. */
	finish(end: End, kind: 'shutdown' | 'close'): void {
		const peer = end === this.client ? this.server : this.client;
		this.note(end, kind, end.writeOffset, '', 0, false);
		this.later(this.transit, () => {
			peer.over = true;
			this.wake(peer);
		});
	}

	/** Takes all or part of what has arrived; '' at the end. */
	*read(end: End): Generator<number | End, string, undefined> {
		while (end.arrived === '' && !end.over) yield end;
		if (end.arrived === '') {
			this.note(end, 'eof', end.readOffset, '', 0, false);
			return '';
		}
		const most = end.arrived.length;
		const bytes = end.arrived.slice(0, this.random.chance(0.7) ? most : this.random.between(1, most));
		end.arrived = end.arrived.slice(bytes.length);
		this.note(end, 'in', end.readOffset, bytes, 0, false);
		end.readOffset += bytes.length;
		return bytes;
	}

	private note(end: End, kind: Call['kind'], offset: number, bytes: string, late: number, allRead: boolean): void {
		const tid = end === this.client ? (this.twoThreads && kind === 'out' ? 201 : 200) : 100;
		// A call itself takes some time.
		const at = Math.max(this.now + late, end.lastNoted + 1);
		end.lastNoted = at;
		this.calls.push({ side: end.side, began: this.now, at, kind, offset, bytes, tid, allRead });
		if (bytes !== '') end.lastCall = this.now;
	}

	private wake(end: End): void {
		const task = end.waiting;
		end.waiting = undefined;
		if (task !== undefined) this.later(this.random.between(2, 60), () => this.resume(task));
	}

	private resume(task: Task): void {
		const { done, value } = task.next();
		if (done === true) return;
		if (typeof value === 'number') this.later(value, () => this.resume(task));
		else if (value.arrived !== '' || value.over) this.later(0, () => this.resume(task));
		else value.waiting = task;
	}
}

// ---- The client -----------------------------------------------------------------------------------------------------

type Phase =
	| { readonly kind: 'one by one'; readonly count: number; readonly think: number }
	| { readonly kind: 'window'; readonly count: number; readonly size: number; readonly abort: boolean }
	| { readonly kind: 'bursts'; readonly count: number; readonly size: number }
	| { readonly kind: 'pause' };

type Ending = 'close' | 'half close' | 'server closes' | 'unread request' | 'timed out';

function* runClient(world: World, phases: readonly Phase[], ending: Ending): Task {
	const { random, client } = world;
	let next = 1;
	let pending = '';
	let turn = false;
	let closed = false;
	function* ask(more = ''): Task {
		if (world.now < client.busyUntil) yield client.busyUntil - world.now;
		const id = next++;
		world.seen.client.set(id, { sent: world.now, answered: 0, turn });
		turn = false;
		const cookie = random.chance(0.3) ? `Cookie: ${'c'.repeat(random.between(1, 200))}\r\n` : '';
		world.write(client, `GET /exchange/${id} HTTP/1.1\r\nHost: h\r\n${cookie}\r\n${more}`);
	}
	function* answer(): Task {
		while (!closed) {
			const head = /^(.*?\r\n\r\n)/s.exec(pending)?.[1];
			if (head !== undefined) {
				const length = head.length + Number(/Content-Length: (\d+)/.exec(head)![1]);
				if (pending.length >= length) {
					const id = Number(/X-Exchange: (\d+)/.exec(head)![1]);
					pending = pending.slice(length);
					const seen = world.seen.client.get(id);
					if (seen !== undefined) seen.answered = world.now;
					return;
				}
			}
			const bytes = yield* world.read(client);
			if (bytes === '') closed = true;
			pending += bytes;
		}
	}
	yield random.between(0, 1000);
	for (const phase of phases) {
		if (closed) break;
		if (phase.kind === 'pause') {
			yield PAUSE + random.between(0, 1_000_000);
			turn = true;
		} else if (phase.kind === 'one by one') {
			for (let i = 0; i < phase.count && !closed; i++) {
				yield* ask();
				yield* answer();
				yield phase.think === 0 ? random.between(5, 300) : random.between(1, phase.think);
			}
		} else if (phase.kind === 'bursts') {
			for (let i = 0; i < phase.count && !closed; i++) {
				for (let sent = 0; sent < phase.size; sent++) {
					yield* ask();
					yield random.between(2, 100);
				}
				for (let got = 0; got < phase.size; got++) yield* answer();
				yield random.between(5, 2000);
			}
		} else {
			for (let sent = 0; sent < phase.size; sent++) {
				yield* ask();
				yield random.between(2, 50);
			}
			for (let i = 0; i < phase.count && !closed; i++) {
				const together = random.chance(0.1) && phase.size > 1 ? 2 : 1;
				for (let got = 0; got < together; got++) yield* answer();
				for (let sent = 0; sent < together; sent++) {
					yield random.between(5, 400);
					yield* ask();
				}
			}
			if (phase.abort) {
				world.finish(client, 'close');
				return;
			}
			for (let got = 0; got < phase.size; got++) yield* answer();
		}
	}
	if (ending === 'unread request' && !closed) {
		yield* ask('x=1');
		yield* answer();
		yield* answer();
	} else if (ending === 'timed out' && !closed) {
		yield PAUSE * 2;
		if (client.arrived !== '') yield* answer();
	} else if (ending === 'half close' && !closed) {
		yield* ask();
		yield random.between(0, 50);
		world.finish(client, 'shutdown');
		yield* answer();
	}
	if (ending === 'server closes' || ending === 'unread request' || ending === 'timed out')
		while (!closed) yield* answer();
	yield random.between(0, 3000);
	world.finish(client, 'close');
}

// ---- The server -----------------------------------------------------------------------------------------------------

type Server = { readonly ahead: boolean; readonly usual: number; readonly early: boolean; readonly ending: Ending };

function responseTo(random: Random, id: number, status = '200 OK', more = ''): string {
	const body = Array.from({ length: random.between(0, 4) }, (_, line) => `<exchange ${id} line ${line}>`).join('\n');
	return `HTTP/1.1 ${status}\r\nX-Exchange: ${id}\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`;
}

function runServer(world: World, { ahead, usual, early, ending }: Server): void {
	const { random, server } = world;
	const due: { at: number; id: number }[] = [];
	let hungUp = false;
	let unread = '';
	let ended = false;
	let answering = false;
	const service = (): number => (random.chance(0.02) ? 20 : 1) * usual * (0.5 + random.between(0, 1000) / 1000);
	const hangUp = (status: string): void => {
		world.unaskedOffset = server.writeOffset;
		world.write(server, responseTo(random, UNASKED + due.length, status, 'Connection: close\r\n'));
		world.finish(server, 'shutdown');
		hungUp = true;
	};
	const respond = (id: number): void => {
		if (hungUp) return;
		const seen = world.seen.server.get(id);
		if (seen !== undefined) seen.answered = world.now;
		if (early && id === 1) return;
		const text = responseTo(random, id);
		const cut = random.chance(0.7) ? text.length : random.between(1, text.length);
		world.write(server, text.slice(0, cut));
		if (cut < text.length) world.write(server, text.slice(cut));
	};
	/** The next request that has arrived completely. */
	const takeRequest = (): number | undefined => {
		const match = /^GET \/exchange\/(\d+) .*?\r\n\r\n/s.exec(unread);
		if (match === null) return undefined;
		unread = unread.slice(match[0].length);
		const id = Number(match[1]);
		world.seen.server.set(id, { sent: world.now, answered: 0, turn: world.seen.client.get(id)!.turn });
		return id;
	};
	function* writer(): Task {
		while (!ended || due.length > 0) {
			const next = due.shift();
			if (next === undefined) {
				yield 200;
			} else {
				answering = true;
				yield Math.max(0, next.at - world.now);
				respond(next.id);
				answering = false;
			}
			if (due.length === 0 && unread === 'x=1' && !hungUp) hangUp('400 Bad Request');
		}
	}
	function* reader(): Task {
		if (early) world.write(server, responseTo(random, 1));
		while (true) {
			const bytes = yield* world.read(server);
			if (bytes === '') break;
			unread += bytes;
			for (let id = takeRequest(); id !== undefined; id = takeRequest()) {
				if (ahead) {
					due.push({ at: world.now + service(), id });
				} else {
					yield service();
					respond(id);
				}
			}
			if (!ahead && unread === 'x=1' && !hungUp) hangUp('400 Bad Request');
		}
		ended = true;
		while (due.length > 0 || answering) yield 200;
		world.finish(server, 'close');
	}
	function* watchdog(): Task {
		// If the client pauses for good, the server loses patience or closes silently.
		let quiet = 0;
		while (!ended && !hungUp) {
			const before = server.readOffset + server.writeOffset;
			yield PAUSE / 4;
			quiet = before === server.readOffset + server.writeOffset ? quiet + 1 : 0;
			if (quiet < 6) continue;
			if (ending === 'timed out') hangUp('408 Request Timeout');
			else world.finish(server, 'shutdown');
			hungUp = true;
		}
	}
	world.start(reader());
	if (ahead) world.start(writer());
	if (ending === 'timed out' || ending === 'server closes') world.start(watchdog());
}

// ---- The capture ----------------------------------------------------------------------------------------------------

function randomPhases(random: Random): Phase[] {
	return Array.from({ length: random.between(1, 4) }, (): Phase => {
		const count = random.between(1, 12);
		const kind = random.between(0, 9);
		if (kind < 3) return { kind: 'window', count, size: random.between(2, 8), abort: random.chance(0.2) };
		if (kind < 5) return { kind: 'bursts', count: random.between(1, 4), size: random.between(2, 5) };
		if (kind < 7) return { kind: 'pause' };
		return { kind: 'one by one', count, think: random.pick([0, 0, 1000, 100_000]) };
	});
}

/** `random` decides everything about a case. */
export function timedConversation(random: Random): TimedConversation {
	const world = new World(random);
	const phases = randomPhases(random);
	const ending = random.pick<Ending>([
		'close',
		'close',
		'close',
		'half close',
		'server closes',
		'unread request',
		'timed out',
	]);
	const usual = random.pick([50, 300, 2000, 10_000, 20_000]);
	const setup: Server = { ahead: random.chance(0.5), usual, early: random.chance(0.05), ending };
	runServer(world, setup);
	world.start(runClient(world, phases, ending));
	world.run();
	const calls = world.calls.toSorted((a, b) => a.at - b.at);
	const midstream = !setup.early && random.chance(0.6);
	// A capture may begin between any two calls.
	const first = midstream ? random.between(1, Math.max(1, Math.floor(calls.length / 2))) : 0;
	const sides = random.pick<readonly Side[]>([['client'], ['server'], ['client', 'server']]);
	const lossRate = random.pick([0, 0, 0.01, 0.05]);
	const tape = new Tape();
	const lost = new Set<Call>();
	const connections = { client: openSide(tape, 'client', midstream), server: openSide(tape, 'server', midstream) };
	if (!midstream) for (const side of sides) connections[side].open();
	const captured = calls.slice(first).filter(({ side }) => sides.includes(side));
	for (const call of captured) {
		const connection = connections[call.side];
		const before = tape.records.length;
		putCall(tape, connection, call);
		// The kernel's offsets include lost bytes.
		if (call.bytes !== '' && random.chance(lossRate)) {
			lost.add(call);
			tape.records.length = before;
		}
	}
	const description = JSON.stringify({ phases, ...setup, midstream, sides, lossRate, transit: world.transit });
	const certain = sides.flatMap((side) => certainOf(world, side, captured, lost, midstream, setup));
	const takes408Below = midstream
		? 0
		: firstInDoubt(
				world,
				[...lost].filter(({ side }) => side === 'client'),
			);
	return { records: tape.records, certain, takes408Below, description };
}

function openSide(tape: Tape, side: Side, midstream: boolean) {
	const flags = midstream ? wire.FLAG_MIDSTREAM : 0;
	const ends = {
		server: { local: '10.0.0.1:80', remote: '10.0.0.2:4000' },
		client: { local: '10.0.0.2:4000', remote: '10.0.0.1:80' },
	};
	const options: ConnectionOptions = { ...ends[side], flags, ...(midstream ? { role: wire.ROLE_UNKNOWN } : {}) };
	return side === 'server' ? tape.server(SERVER_CONN, options) : tape.client(CLIENT_CONN, options);
}

function putCall(tape: Tape, connection: ReturnType<typeof openSide>, call: Call): void {
	// The tape adds its own step to the time.
	tape.timeNs = BigInt(Math.round(call.at)) * 1000n - 1_000_000n;
	const options = { offset: BigInt(call.offset), tid: call.tid, unread: !call.allRead };
	if (call.kind === 'in') {
		connection.in(call.bytes, options);
		connection.inOffset = BigInt(call.offset + call.bytes.length);
	} else if (call.kind === 'out') {
		connection.out(call.bytes, options);
		connection.outOffset = BigInt(call.offset + call.bytes.length);
	} else if (call.kind === 'eof') {
		connection.inOffset = BigInt(call.offset);
		connection.eof();
	} else if (call.kind === 'shutdown') {
		connection.shutdown(1);
	} else {
		connection.outOffset = BigInt(call.offset);
		connection.close();
	}
}

/**
 * Exchanges that a capture must pair: from the beginning of a connection, or from the first request after a pause
 * that proves that nothing is outstanding, up to the first loss. A pause is proof only if a response was seen before
 * it.
 */
function certainOf(
	world: World,
	side: Side,
	captured: readonly Call[],
	lost: ReadonlySet<Call>,
	midstream: boolean,
	server: Server,
): Certain[] {
	const own = captured.filter((call) => call.side === side);
	const conn = side === 'server' ? SERVER_CONN : CLIENT_CONN;
	const begin = own.find(({ bytes }) => bytes !== '')?.began ?? Number.POSITIVE_INFINITY;
	const losses = own.filter((call) => lost.has(call)).map(({ began }) => began);
	const exchanges = [...world.seen[side]].toSorted(([a], [b]) => a - b);
	// If nothing was seen before the first response, it is unknown how long it took.
	const answeredAfter = exchanges.filter(([, { answered }]) => answered > begin).map(([, { answered }]) => answered);
	const certain: Certain[] = [];
	let proven = !midstream;
	for (const [exchange, { sent, answered, turn }] of exchanges) {
		if (losses.some((at) => at <= answered)) break;
		// An early response was sent before its request was read; an unanswered exchange has no pair.
		if (answered === 0 || sent < begin) continue;
		if (turn && answeredAfter.some((at) => at < sent)) proven = true;
		if (proven && !(server.early && exchange === 1 && side === 'server')) certain.push({ conn, exchange });
	}
	return certain;
}

/** The first exchange that, after these losses of the client, may be given an unasked response. */
function firstInDoubt(world: World, lost: readonly Call[]): number {
	if (lost.some(({ kind, offset }) => kind === 'in' && offset < world.unaskedOffset)) return 0;
	const firstLost = Math.min(...lost.filter(({ kind }) => kind === 'out').map(({ began }) => began));
	const after = [...world.seen.client].filter(([, { sent }]) => sent >= firstLost).map(([exchange]) => exchange);
	return Math.min(...after);
}

/** Rows that hold a response and another exchange's request. */
export function mixedRows(conversation: TimedConversation, rows: readonly ExchangeRow[]): ExchangeRow[] {
	const taken = (row: ExchangeRow) => {
		const exchange = Number(/\d+$/.exec(row.path ?? '')?.[0]);
		return row.conn === CLIENT_CONN && row.status === 408 && exchange < conversation.takes408Below;
	};
	// A body with a hole may join halves of two numbers.
	const names = (row: ExchangeRow) => namesIn(row.lostBytes > 0 ? { ...row, resBody: null } : row);
	return rows.filter((row) => names(row).size > 1 && !taken(row));
}

/** The number of exchanges that must be paired but are not. */
export function missedPairs(conversation: TimedConversation, rows: readonly ExchangeRow[]): number {
	const key = (conn: number, exchange: string | number) => `${conn} /exchange/${exchange}`;
	const paired = new Set(rows.filter(({ state }) => state === 'complete').map(({ conn, path }) => `${conn} ${path}`));
	return conversation.certain.filter(({ conn, exchange }) => !paired.has(key(conn, exchange))).length;
}
