// Random conversations in HTTP/2, determined by a seed: streams whose frames are interleaved, padded and cut, pushed
// responses, interim responses, trailers, resets, GOAWAY, `Upgrade: h2c`, tables of any size, bodies sent by sendfile. What
// belongs to a stream is recognised by its number.
import { HpackEncoder } from './hpack.ts';
import {
	END_HEADERS,
	END_STREAM,
	frame,
	type HeaderField,
	number32,
	PADDED,
	PREFACE,
	PRIORITY,
	padded,
	settings,
} from './http2-frames.ts';
import type { Random } from './random-conversation.ts';
import type { Http2Call } from './reference-http2.ts';

/** Bytes sent at once. `unseen`: by sendfile, so that only their number is captured. */
type Part = { readonly bytes: Uint8Array; readonly unseen?: boolean };
/** What one direction still has to send of a stream. */
type Side = { readonly steps: (() => readonly Part[])[] };
type Stream = { readonly id: number; readonly asks: Side; readonly answers: Side };
type Encoders = { readonly in: HpackEncoder; readonly out: HpackEncoder };

/** Bytes of a body that are not captured. */
export const UNSEEN = '\0';

export type Http2Conversation = {
	/** Whose calls are captured. Their directions are always those of the server. */
	readonly side: 'server' | 'client';
	readonly calls: readonly Http2Call[];
	/** The calls in the order in which they are captured. A client's answer may be captured before its request. */
	readonly captured: readonly Http2Call[];
};

/** The byte that bodies of a stream consist of. */
export function bodyByte(stream: number, direction: 'in' | 'out'): string {
	return String.fromCharCode(33 + ((stream * 2 + (direction === 'in' ? 0 : 1)) % 90));
}

/** The calls of one side of one connection. */
export function randomHttp2(random: Random): Http2Conversation {
	const side = random.chance(0.3) ? 'client' : 'server';
	const talk = new Talk(random, side);
	const sent = talk.parts();
	const calls = inCalls(random, sent);
	const mayMove = side === 'client' && !talk.isOrdered && random.chance(0.5);
	return { side, calls, captured: mayMove ? moved(random, calls) : calls };
}

type Sent = Part & { readonly direction: 'in' | 'out' };

/** A conversation while it is made. */
class Talk {
	/** Whether something ends streams, so that the order of requests and answers matters. */
	isOrdered = false;
	readonly #random: Random;
	readonly #side: 'server' | 'client';
	readonly #encoders: Encoders;
	readonly #tables: Readonly<Record<'in' | 'out', number>>;
	readonly #sent: Sent[] = [];
	readonly #open: Stream[] = [];
	#nextId = 1;
	#nextPush = 2;
	#isClosing = false;

	constructor(random: Random, side: 'server' | 'client') {
		this.#random = random;
		this.#side = side;
		const table = () => (random.chance(0.2) ? random.pick([0, 200, 8192, 65536]) : 4096);
		this.#tables = { in: table(), out: table() };
		this.#encoders = { in: new HpackEncoder(random, this.#tables.in), out: new HpackEncoder(random, this.#tables.out) };
	}

	parts(): readonly Sent[] {
		const random = this.#random;
		this.#begin();
		const last = random.between(1, random.chance(0.3) ? 12 : 4) * 2;
		const begins = () => this.#nextId <= last && !this.#isClosing;
		while (begins() || this.#open.length > 0) {
			if (begins() && (this.#open.length === 0 || random.chance(0.4))) this.#ask();
			else this.#continue(random.pick(this.#open));
		}
		return this.#sent;
	}

	#send(direction: 'in' | 'out', ...parts: readonly Part[]): void {
		this.#sent.push(...parts.map((part) => ({ ...part, direction })));
	}

	#begin(): void {
		const random = this.#random;
		if (random.chance(0.12)) this.#upgrade();
		// Each side announces the size of the other's table.
		const own: Record<number, number> = random.chance(0.5) ? { 4: 65535 } : {};
		if (this.#tables.out !== 4096) own[1] = this.#tables.out;
		const begins = [
			() => this.#send('in', { bytes: Buffer.from(PREFACE) }, { bytes: settings(own) }),
			() =>
				this.#send('out', { bytes: settings(this.#tables.in === 4096 ? { 3: 100 } : { 1: this.#tables.in, 3: 100 }) }),
		];
		for (const begin of random.chance(0.3) ? begins.toReversed() : begins) begin();
	}

	/** The first request comes in HTTP/1, and its answer is stream 1. */
	#upgrade(): void {
		const random = this.#random;
		this.isOrdered = true;
		const body = bodyByte(1, 'in').repeat(random.chance(0.3) ? random.between(1, 2000) : 0);
		const method = body === '' ? 'GET' : 'POST';
		const length = body === '' ? '' : `Content-Length: ${body.length}\r\n`;
		const upgrade = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n';
		const head = `${method} /exchange/1 HTTP/1.1\r\nHost: a.example\r\nX-Exchange: 1\r\n${upgrade}${length}\r\n`;
		this.#send('in', { bytes: Buffer.from(head + body) });
		const answer = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n';
		this.#send('out', { bytes: Buffer.from(answer) });
		this.#open.push({ id: 1, asks: { steps: [] }, answers: this.#answers(1) });
		this.#nextId = 3;
	}

	/** Streams begin in the order of their numbers. */
	#ask(): void {
		const stream = this.#newStream(this.#nextId);
		this.#send('in', ...stream.asks.steps.shift()!());
		this.#open.push(stream);
		this.#nextId += 2;
	}

	#newStream(id: number): Stream {
		const random = this.#random;
		const method = random.pick(['GET', 'GET', 'POST', 'PUT', 'HEAD', 'CONNECT', 'X-ODD']);
		const unseen = this.#side === 'client';
		const head = requestFields(random, id, method);
		const steps = messageSteps(random, { id, direction: 'in', unseen }, this.#encoders.in, [head]);
		return { id, asks: { steps }, answers: this.#answers(id) };
	}

	#answers(id: number): Side {
		const unseen = this.#side === 'server';
		return answerOf(this.#random, { id, direction: 'out', unseen }, this.#encoders.out);
	}

	#continue(stream: Stream): void {
		const random = this.#random;
		const { asks, answers, id } = stream;
		// The answer may begin, and end, before the request has ended.
		const side = asks.steps.length === 0 || random.chance(0.4) ? answers : asks;
		const step = side.steps.shift();
		if (step !== undefined) this.#send(side === asks ? 'in' : 'out', ...step());
		if (random.chance(0.03)) this.#reset(stream);
		if (random.chance(0.05) && answers.steps.length > 0 && id % 2 === 1) this.#push(id);
		if (random.chance(0.1)) this.#send(random.pick(['in', 'out']), { bytes: otherFrame(random, id) });
		if (random.chance(0.01)) this.#goAway();
		if (asks.steps.length === 0 && answers.steps.length === 0) this.#open.splice(this.#open.indexOf(stream), 1);
	}

	/** One side ends the stream. What the other has sent in the meantime may follow. */
	#reset({ id, asks, answers }: Stream): void {
		const random = this.#random;
		this.isOrdered = true;
		const [direction, own, other] = random.pick([
			['in', asks, answers],
			['out', answers, asks],
		] as const);
		this.#send(direction, { bytes: frame('rstStream', id, number32(random.between(0, 15))) });
		own.steps.length = 0;
		other.steps.splice(random.chance(0.5) ? 0 : random.between(0, 2));
	}

	#push(parent: number): void {
		const random = this.#random;
		const id = this.#nextPush;
		this.#nextPush += 2;
		const block = this.#encoders.out.encode(requestFields(random, id, 'GET'));
		const promise = Buffer.concat([number32(id), block]);
		for (const bytes of blockFrames(random, 'pushPromise', parent, promise, false)) this.#send('out', { bytes });
		this.#open.push({ id, asks: { steps: [] }, answers: this.#answers(id) });
	}

	/** The server takes no more requests, and perhaps not the last ones either. */
	#goAway(): void {
		const random = this.#random;
		if (this.#isClosing) return;
		this.isOrdered = true;
		this.#isClosing = true;
		const warns = random.chance(0.3);
		const goAway = (last: number, code: number) => frame('goaway', 0, Buffer.concat([number32(last), number32(code)]));
		if (warns) this.#send('out', { bytes: goAway(0x7fffffff, 0) });
		const last = random.between(0, this.#nextId / 2) * 2 + 1;
		this.#send('out', { bytes: goAway(last, random.between(0, 15)) });
		for (const { id, answers } of this.#open) if (id > last && id % 2 === 1) answers.steps.length = 0;
	}
}

/** What a message is sent as. `unseen`: its data may be sent by sendfile. */
type Way = { readonly id: number; readonly direction: 'in' | 'out'; readonly unseen: boolean };

function answerOf(random: Random, way: Way, encoder: HpackEncoder): Side {
	const { id } = way;
	const heads: HeaderField[][] = [];
	while (random.chance(0.1))
		heads.push([
			[':status', random.pick(['100', '103'])],
			['x-exchange', String(id)],
		]);
	heads.push([
		[':status', random.pick(['200', '200', '204', '404', '500', '299'])],
		['x-exchange', String(id)],
		...someFields(random),
	]);
	return { steps: messageSteps(random, way, encoder, heads) };
}

/** The frames of a message: heads, data, perhaps trailers. Blocks are encoded when they are sent. */
function messageSteps(
	random: Random,
	{ id, direction, unseen }: Way,
	encoder: HpackEncoder,
	heads: readonly HeaderField[][],
): Side['steps'] {
	const pieces = random.chance(0.4) ? 0 : random.between(1, 4);
	const trailers = random.chance(0.2);
	const steps: Side['steps'] = [];
	const block = (fields: readonly HeaderField[], ends: boolean) => () =>
		blockFrames(random, 'headers', id, encoder.encode(fields), ends).map((bytes) => ({ bytes }));
	for (const [i, head] of heads.entries()) {
		steps.push(block(head, i === heads.length - 1 && pieces === 0 && !trailers));
	}
	for (let i = 0; i < pieces; i++) {
		const most = random.chance(0.3) ? 3000 : 100;
		const body = bodyByte(id, direction).repeat(random.chance(0.1) ? 0 : random.between(1, most));
		const end = i === pieces - 1 && !trailers ? END_STREAM : 0;
		steps.push(() => {
			if (unseen && body !== '' && random.chance(0.1)) {
				const bytes = frame('data', id, UNSEEN.repeat(body.length), end);
				return [{ bytes: bytes.subarray(0, 9) }, { bytes: bytes.subarray(9), unseen: true }];
			}
			if (random.chance(0.8)) return [{ bytes: frame('data', id, body, end) }];
			return [{ bytes: frame('data', id, padded(body, random.between(0, 255)), PADDED | end) }];
		});
	}
	if (trailers) steps.push(block([['x-exchange', String(id)], ...someFields(random)], true));
	return steps;
}

function requestFields(random: Random, id: number, method: string): HeaderField[] {
	const protocol: HeaderField[] = method === 'CONNECT' && random.chance(0.5) ? [[':protocol', 'websocket']] : [];
	const path: HeaderField[] =
		method === 'CONNECT' && protocol.length === 0
			? []
			: [
					[':scheme', 'http'],
					[':path', `/exchange/${id}`],
				];
	const host: HeaderField = [':authority', random.pick(['a.example', 'b.example:8080'])];
	return [[':method', method], ...protocol, ...path, host, ['x-exchange', String(id)], ...someFields(random)];
}

function someFields(random: Random): HeaderField[] {
	return Array.from({ length: random.between(0, 4) }, () =>
		random.pick<HeaderField>([
			['accept', '*/*'],
			['cookie', 'a=b'],
			['x-long', 'l'.repeat(300)],
			['x-huge', 'h'.repeat(random.chance(0.2) ? 5000 : 1000)],
			['x-empty', ''],
			['x-high', '\xe4\xf6'],
			['user-agent', 'random/1.0'],
			['cache-control', 'no-cache'],
			['x-any', String(random.between(0, 30))],
			['__proto__', '1'],
		]),
	);
}

/** A block in one or several frames, perhaps with padding and priority. */
function blockFrames(
	random: Random,
	type: 'headers' | 'pushPromise',
	id: number,
	block: Uint8Array,
	ends: boolean,
): Uint8Array[] {
	const cuts = random.chance(0.2) ? random.between(1, random.chance(0.1) ? 40 : 3) : 0;
	const least = type === 'pushPromise' ? 4 : 0;
	const places = Array.from({ length: cuts }, () => random.between(least, block.length)).toSorted((a, b) => a - b);
	const parts = [0, ...places].map((from, i) => block.subarray(from, places[i] ?? block.length));
	return parts.map((part, i) => {
		const end = i === parts.length - 1 ? END_HEADERS : 0;
		if (i > 0) return frame('continuation', id, part, end);
		let flags = end | (ends ? END_STREAM : 0);
		let payload = part;
		if (type === 'headers' && random.chance(0.1)) {
			flags |= PRIORITY;
			payload = Buffer.concat([number32(0), Uint8Array.of(15), payload]);
		}
		if (random.chance(0.1)) {
			flags |= PADDED;
			payload = padded(payload, random.between(0, 40));
		}
		return frame(type, id, payload, flags);
	});
}

function otherFrame(random: Random, id: number): Uint8Array {
	return random.pick([
		frame('ping', 0, Buffer.alloc(8)),
		frame('windowUpdate', random.pick([0, id]), number32(1000)),
		frame('priority', id, Buffer.concat([number32(0), Uint8Array.of(1)])),
		frame('settings', 0, '', 1),
		settings({ 4: 1000, 6: 16384 }),
		frame(0x20, id, 'unknown'),
		frame(0x0c, 0, Buffer.alloc(random.between(0, 300), 1)),
	]);
}

/** Joins what is sent in one direction, and cuts it into calls. */
function inCalls(random: Random, sent: readonly Sent[]): Http2Call[] {
	const calls: Http2Call[] = [];
	const joins = random.chance(0.5);
	const tiny = random.chance(0.15);
	for (let i = 0; i < sent.length; ) {
		const { direction, unseen = false } = sent[i]!;
		const parts = [sent[i++]!.bytes];
		const follows = () => i < sent.length && sent[i]!.direction === direction && sent[i]!.unseen !== true;
		while (joins && !unseen && follows()) parts.push(sent[i++]!.bytes);
		const bytes = Buffer.concat(parts);
		if (calls.length === 0 && direction === 'out') {
			// The settings of a server that begins are recognised if they come in one call.
			calls.push({ direction, bytes });
			continue;
		}
		for (let at = 0; at < bytes.length; ) {
			const length = tiny ? random.between(1, 30) : random.chance(0.7) ? bytes.length : random.between(1, bytes.length);
			calls.push({ direction, bytes: bytes.subarray(at, at + length), unseen });
			at += length;
		}
	}
	return calls;
}

/** Some requests of a client come after what it received next: its threads return from their calls in any order. */
function moved(random: Random, calls: readonly Http2Call[]): Http2Call[] {
	const order = [...calls];
	for (let i = 2; i + 1 < order.length; i++) {
		const [one, next] = [order[i]!, order[i + 1]!];
		if (one.direction !== 'in' || next.direction !== 'out' || random.chance(0.7)) continue;
		[order[i], order[i + 1]] = [next, one];
		i++;
	}
	return order;
}
