// Random streams of messages, determined by a seed: in bodies and on WebSocket connections, cut into any calls, with damaged
// and missing bytes.
import type { MessageRow } from './decoded-rows.ts';
import { MessageDeflater, socketFrame } from './message-frames.ts';
import type { Random } from './random-conversation.ts';
import { Tape } from './record-builder.ts';
import { type ReferenceMessage, referenceMessages, type StreamForm } from './reference-messages.ts';

export type MessageCase = {
	readonly tape: Tape;
	/** What the rows of each direction must say, in order. */
	readonly expected: Readonly<Record<'in' | 'out', readonly ReferenceMessage[]>>;
	readonly bodyLimit: number;
};

const BOUNDARY = 'b-0';
const TYPES: Readonly<Record<Exclude<StreamForm, 'websocket'>, string>> = {
	grpc: 'application/grpc',
	events: 'text/event-stream',
	lines: 'application/x-ndjson',
	parts: `multipart/x-mixed-replace; boundary=${BOUNDARY}`,
};
const FORMS: readonly StreamForm[] = ['websocket', 'websocket', 'grpc', 'events', 'lines', 'parts'];
/** What lines and events may consist of. */
const PIECES = [
	...['data: ', 'data:', 'data', 'event: a', 'event', 'id: 7', 'id:\0', 'id', ': note', 'retry: 1', 'datax: 1', 'da'],
	...['\n', '\n', '\n\n', '\r\n', '\r\n\r\n', '\r', '\r\r', '\xef\xbb\xbf', '{"a":1}', ' ', 'x', ':', '\0'],
];
const PART_PIECES = [
	...[`--${BOUNDARY}`, `--${BOUNDARY}\r\n`, `\r\n--${BOUNDARY}\r\n\r\n`, `\n--${BOUNDARY}\nContent-Type: a/b\n\n`],
	...['\r\n', '\n', '\r', '-', '--', '--b', `--${BOUNDARY}--`, 'content-type: x \r\n', 'x', '\r\n\r\n', 'xyz'],
];

/** One connection with one stream of messages, of WebSocket in both directions. */
export function randomMessages(random: Random): MessageCase {
	const form = random.pick(FORMS);
	const bodyLimit = random.chance(0.3) ? random.between(0, 6) : 65_536;
	const tape = new Tape();
	const server = tape.server(1).open();
	const isSocket = form === 'websocket';
	const mayDeflate = isSocket && random.chance(0.5);
	if (isSocket) {
		const extension = mayDeflate ? 'Sec-WebSocket-Extensions: permessage-deflate\r\n' : '';
		server.in('GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n');
		server.out(`HTTP/1.1 101 Ok\r\nConnection: upgrade\r\nUpgrade: websocket\r\n${extension}\r\n`);
	} else {
		server.in('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
		server.out(`HTTP/1.1 200 OK\r\nContent-Type: ${TYPES[form]}\r\n\r\n`);
	}
	const streams = { in: [] as number[], out: [] as number[] };
	const lost = random.chance(0.4) ? random.pick([0.02, 0.1, 0.3]) : 0;
	const pending = { in: isSocket ? bytesOf(random, form, mayDeflate) : '', out: bytesOf(random, form, mayDeflate) };
	while (pending.in !== '' || pending.out !== '') {
		const direction = pending.out === '' || (pending.in !== '' && random.chance(0.5)) ? 'in' : 'out';
		const length = random.chance(0.5) ? random.between(1, 3) : random.between(1, 60);
		const call = Buffer.from(pending[direction].slice(0, length), 'latin1');
		pending[direction] = pending[direction].slice(length);
		if (!random.chance(lost)) {
			streams[direction].push(...call);
			server[direction](call);
			continue;
		}
		streams[direction].push(...new Array<number>(call.length).fill(-1));
		if (direction === 'in') server.inOffset += BigInt(call.length);
		else server.outOffset += BigInt(call.length);
	}
	const endsProperly = random.chance(0.5);
	if (endsProperly) server.close();
	else for (const stream of [streams.in, streams.out]) while (stream.at(-1) === -1) stream.pop();
	const options = { bodyLimit, endsProperly, boundary: BOUNDARY, mayDeflate };
	return {
		tape,
		bodyLimit,
		expected: {
			in: isSocket ? referenceMessages(form, streams.in, options) : [],
			out: referenceMessages(form, streams.out, options),
		},
	};
}

/** The bytes of one direction, as latin1. */
function bytesOf(random: Random, form: StreamForm, mayDeflate: boolean): string {
	const pieces: Buffer[] = [];
	const count = random.between(0, 12);
	const deflater = new MessageDeflater();
	let isOpen = false;
	for (let i = 0; i < count; i++) {
		if (form === 'events' || form === 'lines' || form === 'parts') {
			const some = form === 'parts' ? PART_PIECES : PIECES;
			for (let j = random.between(1, 8); j > 0; j--) pieces.push(Buffer.from(random.pick(some), 'latin1'));
			continue;
		}
		const payload = Buffer.alloc(random.chance(0.1) ? random.between(120, 300) : random.between(0, 12), 65 + i);
		if (form === 'grpc') {
			const prefix = Buffer.alloc(5);
			prefix[0] = random.chance(0.03) ? random.between(0, 255) : random.pick([0, 0, 1, 128]);
			prefix.writeUInt32BE(payload.length, 1);
			pieces.push(prefix, payload);
			continue;
		}
		const isControl = random.chance(0.3) && payload.length <= 125;
		const isLast = isControl || random.chance(0.6);
		const isCompressed = !isControl && !isOpen && mayDeflate && random.chance(0.3);
		const opcode = isControl ? random.pick([8, 9, 10]) : isOpen ? 0 : random.pick([1, 2]);
		const frame = socketFrame(opcode, isCompressed ? deflater.deflate(payload) : payload, {
			...(random.chance(0.5) ? { mask: random.between(0, 0x7fffffff) } : {}),
			...(random.chance(0.1) ? { lengthBytes: random.pick([2, 8] as const) } : {}),
			isLast,
			isCompressed,
		});
		if (!isControl) isOpen = !isLast;
		// Seldom a bit that does not belong there.
		if (random.chance(0.02)) frame[0]! ^= 1 << random.between(0, 7);
		pieces.push(frame);
	}
	const all = Buffer.concat(pieces).toString('latin1');
	return random.chance(0.2) ? all.slice(0, random.between(0, all.length)) : all;
}

/** What differs between the rows of the decoder and those that are expected; undefined if nothing does. */
export function messageDifference(rows: readonly MessageRow[], expected: MessageCase['expected']): string | undefined {
	for (const direction of ['in', 'out'] as const) {
		const found = rows
			.filter((row) => row.direction === direction)
			.map(({ kind, data, bytes, limited, missing, flags, event, eventId, noMemory, coding }) => {
				// A compressed message is held to its end, so that it can be decompressed.
				const isCompressed = coding !== 0;
				return {
					kind,
					data: isCompressed ? '' : data,
					bytes,
					limited: isCompressed ? 0 : limited + noMemory,
					missing,
					flags,
					event,
					eventId,
				};
			});
		const wanted = expected[direction].map((row, index) =>
			(rows.filter((each) => each.direction === direction)[index]?.coding ?? 0) === 0
				? row
				: { ...row, data: '', limited: 0, flags: found[index]!.flags },
		);
		for (let i = 0; i < Math.max(found.length, wanted.length); i++) {
			const [a, b] = [JSON.stringify(found[i]), JSON.stringify(wanted[i])];
			if (a !== b) return `message ${i + 1} ${direction}: ${a} instead of ${b}`;
		}
	}
	const orders = rows.map(({ seq }) => seq);
	return orders.every((seq, index) => seq === index + 1) ? undefined : `numbered ${orders}`;
}
