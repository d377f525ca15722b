// Conversations damaged at random: bytes flipped, removed, repeated or moved, and pieces of HTTP inserted out of place.
import * as wire from '../decoder-as/assembly/wire/capture-event.ts';
import type { Random } from './random-conversation.ts';
import { buildAddress } from './record-builder.ts';
import { type Call, UNSEEN } from './reference-decoder.ts';

/** Pieces that parsers tend to misread. */
const PIECES = [
	'\r\n',
	'\n',
	'\r',
	'\r\n\r\n',
	'\0',
	' ',
	'\t',
	':',
	';',
	',',
	'"',
	'HTTP/1.1',
	'HTTP/1.1 200 OK\r\n\r\n',
	'HTTP/1.1 100 Continue\r\n\r\n',
	'HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n',
	'HTTP/2.0',
	'GET / HTTP/1.1\r\nHost: h\r\n\r\n',
	'GET /\r\n',
	'CONNECT h:1 HTTP/1.1\r\n\r\n',
	'Content-Length: 5\r\n',
	'Content-Length: 18446744073709551616\r\n',
	'Content-Length: -1\r\n',
	'Transfer-Encoding: chunked\r\n',
	'Transfer-Encoding: gzip\r\n',
	'Connection: upgrade\r\nUpgrade: websocket\r\n',
	'Expect: 100-continue\r\n',
	' folded\r\n',
	'0\r\n\r\n',
	'ffffffffffffffff\r\n',
	'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
	'PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n',
	'\r\n\r\n\0\r\nQUIT\n!\x11\0\x0c',
	'\x16\x03\x01\x02\0\x01',
	'*1\r\n$4\r\nPING\r\n',
	'\xff',
];

/** The calls after one to four random changes. */
export function mutateCalls(random: Random, calls: readonly Call[]): Call[] {
	const mutated = [...calls];
	for (let times = random.between(1, 4); times > 0 && mutated.length > 0; times--) {
		const index = random.between(0, mutated.length - 1);
		const { direction, bytes } = mutated[index]!;
		if (random.chance(0.05)) {
			if (random.chance(0.5)) mutated.splice(index, 1);
			else mutated.splice(random.between(0, mutated.length - 1), 0, ...mutated.splice(index, 1));
			continue;
		}
		const text = mutateText(random, bytes, () => random.pick(calls).bytes);
		mutated[index] = { direction, bytes: direction === 'in' ? text.replaceAll(UNSEEN, 'x') : text };
	}
	return mutated.filter(({ bytes }) => bytes !== '');
}

function mutateText(random: Random, text: string, other: () => string): string {
	const at = random.between(0, text.length);
	const end = Math.min(text.length, at + random.between(1, random.chance(0.2) ? 200 : 8));
	switch (random.between(0, 5)) {
		case 0:
			return text.slice(0, at) + random.pick(PIECES) + text.slice(at);
		case 1:
			return text.slice(0, at) + random.pick(PIECES) + text.slice(end);
		case 2:
			return text.slice(0, at) + text.slice(end);
		case 3:
			return text.slice(0, end) + text.slice(at);
		case 4: {
			const source = other();
			const from = random.between(0, source.length);
			return text.slice(0, at) + source.slice(from, from + random.between(1, 60)) + text.slice(at);
		}
		default:
			if (at === text.length || text[at] === UNSEEN) return text;
			return (
				text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ (1 << random.between(0, 7))) + text.slice(at + 1)
			);
	}
}

const EMPTY = Buffer.alloc(0);
const ADDRESSES = Buffer.concat([buildAddress('10.0.0.2:999'), buildAddress('10.0.0.1:80')]);
const RUNS = new RegExp(`${UNSEEN}+|[^${UNSEEN}]+`, 'g');
const SERVER_PID = 100;
const STEP_NS = 1_000_000n;

/**
 * The records of a server process's connection as one batch, from opening to closing. Does the same as Tape in
 * record-builder.ts without its conveniences, because fuzzing spends its time here. A call becomes one record, or
 * several records of `part` bytes.
 */
export function quickBatch(calls: readonly Call[], conn: number, part: number): Buffer {
	const pieces: { direction: number; bytes: Buffer; length: number; seen: boolean }[] = [];
	let size = 3 * (wire.CAPTURE_EVENT_HEADER_BYTES + wire.CAPTURE_CLOSE_BYTES + 8);
	for (const { direction, bytes } of calls) {
		for (const [run] of bytes.matchAll(RUNS)) {
			const seen = run[0] !== UNSEEN;
			const step = seen ? part : run.length;
			for (let at = 0; at < run.length; at += step) {
				const text = run.slice(at, at + step);
				const payload = seen ? Buffer.from(text, 'latin1') : EMPTY;
				const to = seen && direction === 'in' ? wire.DIRECTION_IN : wire.DIRECTION_OUT;
				pieces.push({ direction: to, bytes: payload, length: text.length, seen });
				size += wire.CAPTURE_EVENT_HEADER_BYTES + payload.length + 8;
			}
		}
	}
	const batch = Buffer.alloc(size);
	const offsets = [0, 0, 0];
	let time = BigInt(conn) * 1_000_000_000n;
	let at = 0;
	const write = (kind: number, payload: Buffer, direction: number, bytes: number, syscall: number, flags = 0): void => {
		time += STEP_NS;
		const length = wire.CAPTURE_EVENT_HEADER_BYTES + payload.length;
		batch.writeUInt32LE(length, at + wire.EVENT_SIZE);
		batch[at + wire.EVENT_VERSION] = wire.CAPTURE_EVENT_VERSION;
		batch[at + wire.EVENT_KIND] = kind;
		batch[at + wire.EVENT_SYSCALL] = syscall;
		batch[at + wire.EVENT_DIRECTION] = direction;
		batch.writeUInt32LE(flags, at + wire.EVENT_FLAGS);
		batch.writeUInt32LE(wire.ROLE_ACCEPTED, at + wire.EVENT_CONN_FLAGS);
		batch.writeUInt32LE(SERVER_PID, at + wire.EVENT_PID);
		batch.writeUInt32LE(SERVER_PID, at + wire.EVENT_TID);
		batch.writeInt32LE(7, at + wire.EVENT_FD);
		batch.writeUInt32LE(bytes, at + wire.EVENT_CALL_BYTES);
		batch.writeUInt32LE(bytes, at + wire.EVENT_BYTES);
		batch.writeUInt32LE(payload.length, at + wire.EVENT_CAPTURED_BYTES);
		batch.writeBigUInt64LE(time, at + wire.EVENT_TIME_NS);
		batch.writeBigUInt64LE(BigInt(conn), at + wire.EVENT_CONN);
		batch.writeBigUInt64LE(BigInt(offsets[direction]!), at + wire.EVENT_STREAM_OFFSET);
		payload.copy(batch, at + wire.CAPTURE_EVENT_HEADER_BYTES);
		offsets[direction]! += bytes;
		at += (length + 7) & ~7;
	};
	write(wire.CAPTURE_OPEN, ADDRESSES, 0, 0, wire.SYSCALL_ACCEPT4);
	for (const { direction, bytes, length, seen } of pieces) {
		const syscall =
			direction === wire.DIRECTION_IN ? wire.SYSCALL_READ : seen ? wire.SYSCALL_WRITE : wire.SYSCALL_SENDFILE;
		write(wire.CAPTURE_DATA, bytes, direction, length, syscall, seen ? 0 : wire.FLAG_ZERO_COPY);
	}
	write(wire.CAPTURE_EOF, EMPTY, wire.DIRECTION_IN, 0, wire.SYSCALL_READ);
	const ends = Buffer.alloc(16);
	ends.writeBigUInt64LE(BigInt(offsets[wire.DIRECTION_IN]!), 0);
	ends.writeBigUInt64LE(BigInt(offsets[wire.DIRECTION_OUT]!), 8);
	write(wire.CAPTURE_CLOSE, Buffer.concat([ADDRESSES, ends]), 0, 0, wire.SYSCALL_CLOSE);
	return batch.subarray(0, at);
}
