// Random conversations in HTTP/2, determined by a seed: streams whose frames are interleaved, padded and cut, pushed
// responses, interim responses, trailers, resets. What belongs to a stream is recognised by its number.
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

/** What one direction still has to send of a stream. */
type Side = { readonly steps: (() => Uint8Array)[] };
type Stream = { readonly id: number; readonly asks: Side; readonly answers: Side };

/** The byte that bodies of a stream consist of. */
export function bodyByte(stream: number, direction: 'in' | 'out'): string {
	return String.fromCharCode(33 + ((stream * 2 + (direction === 'in' ? 0 : 1)) % 90));
}

/** The calls of a server on one connection. */
export function randomHttp2(random: Random): Http2Call[] {
	const encoders = { in: new HpackEncoder(random), out: new HpackEncoder(random) };
	const sent: { direction: 'in' | 'out'; bytes: Uint8Array }[] = [];
	const send = (direction: 'in' | 'out', bytes: Uint8Array) => sent.push({ direction, bytes });
	const begins = [
		() => send('in', Buffer.from(PREFACE)) && send('in', settings(random.chance(0.5) ? { 4: 65535 } : {})),
		() => send('out', settings({ 3: 100 })),
	];
	for (const begin of random.chance(0.3) ? begins.toReversed() : begins) begin();

	const wanted = random.between(1, 12);
	const open: Stream[] = [];
	let [nextId, nextPush] = [1, 2];
	while (nextId <= wanted * 2 || open.length > 0) {
		if (nextId <= wanted * 2 && (open.length === 0 || random.chance(0.4))) {
			// Streams begin in the order of their numbers.
			const stream = newStream(random, nextId, encoders);
			send('in', stream.asks.steps.shift()!());
			open.push(stream);
			nextId += 2;
			continue;
		}
		const stream = random.pick(open);
		// The answer may begin, and end, before the request has ended.
		const side = stream.asks.steps.length === 0 || random.chance(0.4) ? stream.answers : stream.asks;
		const direction = side === stream.asks ? 'in' : 'out';
		const step = side.steps.shift();
		if (step !== undefined) send(direction, step());
		if (random.chance(0.03)) {
			send(random.pick(['in', 'out']), frame('rstStream', stream.id, number32(random.between(0, 15))));
			open.splice(open.indexOf(stream), 1);
			continue;
		}
		if (random.chance(0.05) && stream.answers.steps.length > 0 && stream.id % 2 === 1) {
			const id = nextPush;
			nextPush += 2;
			const block = encoders.out.encode(requestFields(random, id, 'GET'));
			for (const part of blockFrames(random, 'pushPromise', stream.id, Buffer.concat([number32(id), block]), false))
				send('out', part);
			open.push({ id, asks: { steps: [] }, answers: answerOf(random, id, encoders.out) });
		}
		if (random.chance(0.1)) send(random.pick(['in', 'out']), otherFrame(random, stream.id));
		if (stream.asks.steps.length === 0 && stream.answers.steps.length === 0) open.splice(open.indexOf(stream), 1);
	}
	return inCalls(random, sent);
}

function newStream(random: Random, id: number, encoders: { in: HpackEncoder; out: HpackEncoder }): Stream {
	const method = random.pick(['GET', 'GET', 'POST', 'PUT', 'HEAD', 'CONNECT', 'X-ODD']);
	const asks = messageSteps(random, id, 'in', encoders.in, [requestFields(random, id, method)]);
	return { id, asks: { steps: asks }, answers: answerOf(random, id, encoders.out) };
}

function answerOf(random: Random, id: number, encoder: HpackEncoder): Side {
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
	return { steps: messageSteps(random, id, 'out', encoder, heads) };
}

/** The frames of a message: heads, data, perhaps trailers. Blocks are encoded when they are sent. */
function messageSteps(
	random: Random,
	id: number,
	direction: 'in' | 'out',
	encoder: HpackEncoder,
	heads: readonly HeaderField[][],
): (() => Uint8Array)[] {
	const pieces = random.chance(0.4) ? 0 : random.between(1, 4);
	const trailers = random.chance(0.2);
	const steps: (() => Uint8Array)[] = [];
	const block = (fields: readonly HeaderField[], ends: boolean) => () =>
		Buffer.concat(blockFrames(random, 'headers', id, encoder.encode(fields), ends));
	for (const [i, head] of heads.entries()) {
		steps.push(block(head, i === heads.length - 1 && pieces === 0 && !trailers));
	}
	for (let i = 0; i < pieces; i++) {
		const body = bodyByte(id, direction).repeat(random.chance(0.1) ? 0 : random.between(1, 3000));
		const end = i === pieces - 1 && !trailers ? END_STREAM : 0;
		steps.push(() =>
			random.chance(0.2)
				? frame('data', id, padded(body, random.between(0, 255)), PADDED | end)
				: frame('data', id, body, end),
		);
	}
	if (trailers) steps.push(block([['x-exchange', String(id)], ...someFields(random)], true));
	return steps;
}

function requestFields(random: Random, id: number, method: string): HeaderField[] {
	const path: HeaderField[] =
		method === 'CONNECT'
			? []
			: [
					[':scheme', 'http'],
					[':path', `/exchange/${id}`],
				];
	const host: HeaderField = [':authority', random.pick(['a.example', 'b.example:8080'])];
	return [[':method', method], ...path, host, ['x-exchange', String(id)], ...someFields(random)];
}

function someFields(random: Random): HeaderField[] {
	return Array.from({ length: random.between(0, 4) }, () =>
		random.pick<HeaderField>([
			['accept', '*/*'],
			['cookie', 'a=b'],
			['x-long', 'l'.repeat(300)],
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
	const cuts = random.chance(0.2) ? random.between(1, 3) : 0;
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
		frame(0x20, id, 'unknown'),
	]);
}

/** Joins what is sent in one direction, and cuts it into calls. */
function inCalls(random: Random, sent: readonly Http2Call[]): Http2Call[] {
	const calls: Http2Call[] = [];
	const joins = random.chance(0.5);
	const tiny = random.chance(0.2);
	for (let i = 0; i < sent.length; ) {
		const { direction } = sent[i]!;
		const parts = [sent[i++]!.bytes];
		while (joins && i < sent.length && sent[i]!.direction === direction) parts.push(sent[i++]!.bytes);
		const bytes = Buffer.concat(parts);
		if (calls.length === 0 && direction === 'out') {
			// The settings of a server that begins are recognised if they come in one call.
			calls.push({ direction, bytes });
			continue;
		}
		for (let at = 0; at < bytes.length; ) {
			const length = tiny ? random.between(1, 30) : random.chance(0.7) ? bytes.length : random.between(1, bytes.length);
			calls.push({ direction, bytes: bytes.subarray(at, at + length) });
			at += length;
		}
	}
	return calls;
}
