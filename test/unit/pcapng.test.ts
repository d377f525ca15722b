// Exchanges written as packets, byte by byte: blocks of pcapng, IP, TCP, and the messages in them.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { ExchangeDetail } from '../../src/output/exchange-parts.ts';
import { createPcapngWriter } from '../../src/output/pcapng.ts';
import { createRedactor, type Redactor } from '../../src/output/redaction.ts';
import type { FieldLine } from '../../src/store/exchange-row.ts';
import type { SqlValue } from '../../src/store/table.ts';

const FIN = 1;
const SYN = 2;
const PUSH = 8;
const ACK = 16;

type Packet = {
	readonly us: number;
	/** In hexadecimal digits. */
	readonly source: string;
	readonly target: string;
	readonly ports: readonly [source: number, target: number];
	readonly sequence: number;
	readonly acknowledged: number;
	readonly flags: number;
	readonly payload: Buffer;
	/** Length of the payload before it was cut. */
	readonly length: number;
	readonly comment: string | undefined;
};

type Block = { readonly type: number; readonly body: Buffer };

function blocksOf(bytes: Buffer): Block[] {
	const blocks: Block[] = [];
	for (let at = 0; at < bytes.length; ) {
		const length = bytes.readUInt32LE(at + 4);
		assert.equal(length % 4, 0);
		assert.equal(bytes.readUInt32LE(at + length - 4), length);
		blocks.push({ type: bytes.readUInt32LE(at), body: bytes.subarray(at + 8, at + length - 4) });
		at += length;
	}
	return blocks;
}

/** Texts of options by code. They end with an empty one, if there are any. */
function optionsOf(bytes: Buffer): Record<number, string> {
	const options: Record<number, string> = {};
	if (bytes.length === 0) return options;
	let at = 0;
	for (let code = bytes.readUInt16LE(0); code !== 0; code = bytes.readUInt16LE(at)) {
		const length = bytes.readUInt16LE(at + 2);
		options[code] = bytes.toString('utf8', at + 4, at + 4 + length);
		const padding = bytes.subarray(at + 4 + length, at + 4 + length + (-length & 3));
		assert.equal(
			padding.every((byte) => byte === 0),
			true,
		);
		at += 4 + length + padding.length;
	}
	assert.deepEqual([...bytes.subarray(at)], [0, 0, 0, 0]);
	return options;
}

/** Checks everything in the block and in both headers that is the same in all packets. */
function packetOf({ type, body }: Block): Packet {
	assert.equal(type, 6);
	assert.equal(body.readUInt32LE(0), 0, 'the first interface');
	const us = body.readUInt32LE(4) * 2 ** 32 + body.readUInt32LE(8);
	const captured = body.readUInt32LE(12);
	const original = body.readUInt32LE(16);
	const bytes = body.subarray(20, 20 + captured);
	const { 1: comment, ...others } = optionsOf(body.subarray(20 + captured + (-captured & 3)));
	assert.deepEqual(others, {});
	const isV4 = bytes[0]! >> 4 === 4;
	const headerBytes = isV4 ? 20 : 40;
	if (isV4) {
		assert.deepEqual([bytes[0], bytes[1], bytes.readUInt32BE(4), bytes[8], bytes[9]], [0x45, 0, 0, 64, 6]);
		assert.equal(bytes.readUInt16BE(2), original);
		let sum = 0;
		for (let at = 0; at < 20; at += 2) sum += bytes.readUInt16BE(at);
		assert.equal((sum & 0xffff) + (sum >>> 16), 0xffff, 'the checksum');
	} else {
		assert.deepEqual([bytes.readUInt32BE(0), bytes[6], bytes[7]], [0x6000_0000, 6, 64]);
		assert.equal(bytes.readUInt16BE(4), original - 40);
	}
	const tcp = bytes.subarray(headerBytes);
	// Header length, window, no checksum, no urgent data.
	assert.deepEqual([tcp[12], tcp.readUInt16BE(14), tcp.readUInt32BE(16)], [0x50, 65_535, 0]);
	const hex = (from: number, length: number) => bytes.toString('hex', from, from + length);
	return {
		us,
		source: isV4 ? hex(12, 4) : hex(8, 16),
		target: isV4 ? hex(16, 4) : hex(24, 16),
		ports: [tcp.readUInt16BE(0), tcp.readUInt16BE(2)],
		sequence: tcp.readUInt32BE(4),
		acknowledged: tcp.readUInt32BE(8),
		flags: tcp[13]!,
		payload: tcp.subarray(20),
		length: original - headerBytes - 20,
		comment,
	};
}

type Source = Pick<Packet, 'source' | 'ports'>;

function isSameEnd(a: Source, b: Source): boolean {
	return a.source === b.source && a.ports[0] === b.ports[0];
}

/** Checks that the packets are one connection from its handshake to its end, without gaps; returns them. */
function packetsOf(exchange: ExchangeDetail, redactor: Redactor | null = null): Packet[] {
	const written = createPcapngWriter({ redactor, version: '1.2.3' }).exchange(exchange);
	const packets = blocksOf(Buffer.from(written!)).map(packetOf);
	const [first] = packets;
	const ends = [first!.source, ...first!.ports, first!.target];
	const next = [first!.sequence, packets[1]!.sequence];
	for (const { source, ports, target, ...packet } of packets) {
		const isClient = isSameEnd({ source, ports }, first!);
		assert.deepEqual(isClient ? [source, ...ports, target] : [target, ports[1], ports[0], source], ends);
		const [own, other] = isClient ? [0, 1] : [1, 0];
		assert.equal(packet.sequence, next[own]);
		assert.equal(packet.acknowledged, (packet.flags & ACK) === 0 ? 0 : next[other]);
		next[own] = (next[own]! + packet.length + ((packet.flags & (SYN | FIN)) === 0 ? 0 : 1)) % 2 ** 32;
	}
	assert.deepEqual(kinds(packets.slice(0, 3), first!), ['> SYN', '< SYN ACK', '> ACK']);
	assert.deepEqual(kinds(packets.slice(-3), first!), ['< FIN ACK', '> FIN ACK', '< ACK']);
	return packets;
}

/** The direction, the flags, and the length of the payload. */
function kinds(packets: readonly Packet[], first = packets[0]!): string[] {
	const names = [
		[FIN, 'FIN'],
		[SYN, 'SYN'],
		[PUSH, 'PUSH'],
		[ACK, 'ACK'],
	] as const;
	return packets.map(({ flags, length, ...ends }) => {
		const set = names.flatMap(([bit, name]) => ((flags & bit) === 0 ? [] : [name]));
		assert.equal(flags & ~(FIN | SYN | PUSH | ACK), 0);
		return [isSameEnd(ends, first) ? '>' : '<', ...set, ...(length === 0 ? [] : [length])].join(' ');
	});
}

/** What each end sent; bytes that are not held are dots. */
function messages(packets: readonly Packet[]): [request: string, response: string] {
	const sent = (isClient: boolean) =>
		packets
			.filter((packet) => isSameEnd(packet, packets[0]!) === isClient)
			.map(({ payload, length }) => payload.toString('latin1') + '.'.repeat(length - payload.length))
			.join('');
	return [sent(true), sent(false)];
}

type Members = Partial<Omit<ExchangeDetail, 'columns'>> & { readonly columns?: Readonly<Record<string, SqlValue>> };

const START = Date.UTC(2026, 10, 22, 12, 56, 1, 123) * 1000 + 456;

function exchange({ columns, ...others }: Members = {}): ExchangeDetail {
	return {
		columns: {
			id: 7,
			ts: '2026-11-22T12:56:01.123456Z',
			state: 'complete',
			side: 'server',
			local: '10.0.0.1:8080',
			remote: '10.0.0.2:41234',
			method: 'GET',
			path: '/a',
			query_string: null,
			req_http_version: '1.1',
			http_version: '1.0',
			status: 200,
			status_text: 'OK',
			ttfb_ms: 3,
			duration_ms: 12.5,
			req_body_bytes: 0,
			res_body_bytes: 0,
			...columns,
		},
		sendMs: 2,
		requestHeaders: [],
		responseHeaders: [],
		...others,
	};
}

function field(name: string, value: string, trailer = false): FieldLine {
	return { name, value, trailer };
}

/** The columns of a body. */
function body(message: 'req' | 'res', held: string | Uint8Array | null, bytes = held?.length ?? 0) {
	return {
		[`${message}_body_raw`]: held === null ? null : Buffer.from(held as string),
		[`${message}_body_bytes`]: bytes,
	};
}

describe('the beginning of a file', () => {
	it('says who wrote it, what the packets are, and whether secrets are replaced', () => {
		const about = 'HTTP exchanges captured by tinytap 1.2.3 from system calls. TCP and IP headers are synthesised.';
		for (const [redactor, comment] of [
			[null, about],
			[createRedactor(), `${about} Secrets are replaced by REDACTED-LENGTH-HASH.`],
		] as const) {
			const writer = createPcapngWriter({ redactor, version: '1.2.3' });
			const [section, description, ...others] = blocksOf(Buffer.from(writer.begin()));
			assert.deepEqual(others, []);
			assert.equal(section!.type, 0x0a0d0d0a);
			// The byte order, version 1.0, a section of unknown length.
			assert.equal(section!.body.toString('hex', 0, 16), `4d3c2b1a01000000${'ff'.repeat(8)}`);
			assert.deepEqual(optionsOf(section!.body.subarray(16)), { 1: comment, 4: 'tinytap 1.2.3' });
			assert.equal(description!.type, 1);
			// Raw IP packets, not cut.
			assert.equal(description!.body.toString('hex'), '6500000000000000');
			assert.equal(writer.end().length, 0);
		}
	});
});

describe('a connection', () => {
	it('has a handshake, a packet of the first line, one of the rest, acknowledgements and an end', () => {
		const packets = packetsOf(exchange());
		const request = 'GET /a HTTP/1.1\r\n\r\n';
		const response = 'HTTP/1.0 200 OK\r\n\r\n';
		assert.deepEqual(messages(packets), [request, response]);
		assert.deepEqual(kinds(packets), [
			...['> SYN', '< SYN ACK', '> ACK'],
			...[`> PUSH ACK ${request.length - 2}`, '> PUSH ACK 2', '< ACK'],
			...[`< PUSH ACK ${response.length - 2}`, '< PUSH ACK 2', '> ACK'],
			...['< FIN ACK', '> FIN ACK', '< ACK'],
		]);
		const [sent, answered, end] = [START + 2000, START + 5000, START + 12_500];
		assert.deepEqual(
			packets.map(({ us }) => us),
			[START, START, START, START, sent, sent, answered, end, end, end, end, end],
		);
		assert.deepEqual(
			[packets[0]!.source, packets[0]!.target, ...packets[0]!.ports],
			['0a000002', '0a000001', 41_234, 8080],
		);
	});

	it('has each message in one piece if it took no time', () => {
		const packets = packetsOf(exchange({ sendMs: 0, columns: { ttfb_ms: 0, duration_ms: 0 } }));
		assert.deepEqual(kinds(packets).slice(3, -3), ['> PUSH ACK 19', '< ACK', '< PUSH ACK 19', '> ACK']);
	});

	it('has only the message that was seen', () => {
		assert.deepEqual(messages(packetsOf(exchange({ columns: { method: null } }))), ['', 'HTTP/1.0 200 OK\r\n\r\n']);
		assert.deepEqual(messages(packetsOf(exchange({ columns: { status: null } }))), ['GET /a HTTP/1.1\r\n\r\n', '']);
	});

	it('begins with numbers that differ between exchanges and directions, over the whole range', () => {
		const numbers = Array.from({ length: 40 }, (_, i) => packetsOf(exchange({ columns: { id: i + 1 } })).slice(0, 2));
		for (const end of [0, 1]) {
			const first = numbers.map((packets) => packets[end]!.sequence);
			assert.equal(new Set(first).size, first.length);
			// All 32 bits are used.
			assert.equal(first.reduce((all, number) => all | number, 0) >>> 0, 2 ** 32 - 1);
		}
		assert.equal(
			numbers.every(([client, server]) => client!.sequence !== server!.sequence),
			true,
		);
		assert.deepEqual(
			packetsOf(exchange({ columns: { id: null } }))
				.slice(0, 2)
				.map(({ sequence }) => sequence),
			[0, 0],
		);
	});
});

describe('the times of packets', () => {
	const timesOf = (columns: Readonly<Record<string, SqlValue>>, sendMs: number | null = null) => [
		...new Set(
			packetsOf(exchange({ sendMs, columns: { ttfb_ms: null, duration_ms: null, ...columns } })).map(({ us }) => us),
		),
	];

	it('are exact to the microsecond, however many digits they have', () => {
		const second = Date.UTC(2026, 10, 22, 12, 56, 1) * 1000;
		for (const [digits, us] of [
			['', 0],
			['.5', 500_000],
			['.123', 123_000],
			['.1234', 123_400],
			['.12345', 123_450],
			['.123456', 123_456],
			['.123456789', 123_456],
		] as const)
			assert.deepEqual(timesOf({ ts: `2026-11-22T12:56:01${digits}Z` }), [second + us]);
	});

	it('are counted from 1970 if the time is unknown or before', () => {
		for (const ts of [null, 'soon', '1969-12-31T23:59:59.5Z'])
			assert.deepEqual(timesOf({ ts, ttfb_ms: 1, duration_ms: 2 }), [0, 1000, 2000]);
	});

	it('never go back', () => {
		assert.deepEqual(timesOf({ ttfb_ms: 3, duration_ms: 1 }, 2), [START, START + 2000, START + 5000]);
		assert.deepEqual(timesOf({ ttfb_ms: -3, duration_ms: -1 }, -2), [START]);
		assert.deepEqual(timesOf({ ttfb_ms: '3', duration_ms: 1.0006 }, 0), [START, START + 1001]);
	});
});

describe('the comment of the first packet', () => {
	const commentOf = (columns: Readonly<Record<string, SqlValue>>) => {
		const [first, ...others] = packetsOf(exchange({ columns }));
		assert.equal(
			others.every(({ comment }) => comment === undefined),
			true,
		);
		return first!.comment;
	};

	it('says what packets cannot', () => {
		assert.equal(commentOf({}), 'exchange 7; seen by the server');
		assert.equal(commentOf({ side: null, comm: null, pid: null, vias: null, reason: null }), 'exchange 7');
		assert.equal(commentOf({ side: 'client', pid: 12 }), 'exchange 7; pid 12; seen by the client');
		const { side: _, ...others } = exchange().columns;
		assert.equal(packetsOf({ ...exchange(), columns: others })[0]!.comment, 'exchange 7');
		assert.equal(
			commentOf({
				...{ comm: 'shöp', pid: 812, vias: 'write+sendfile', state: 'aborted', reason: 'reset' },
				...{ req_body_note: 'cut', res_body_note: 'withheld' },
			}),
			'exchange 7; process shöp; pid 812; seen by the server; via write+sendfile; aborted: reset; cut; withheld',
		);
	});

	it('is cut at the length that an option can have', () => {
		const text = commentOf({ vias: 'v'.repeat(70_000) })!;
		assert.equal(text.length, 65_535);
		assert.equal(text.startsWith('exchange 7; seen by the server; via vvv'), true);
	});
});

describe('addresses', () => {
	const endsOf = (columns: Readonly<Record<string, SqlValue>>) => {
		const [{ source, target, ports }] = packetsOf(exchange({ columns })) as [Packet];
		return [source, ports[0], target, ports[1]];
	};
	const DOCUMENTED = ['c0000202', 1024 + 7, 'c0000201', 80];

	it('of both sides', () => {
		assert.deepEqual(endsOf({}), ['0a000002', 41_234, '0a000001', 8080]);
		assert.deepEqual(endsOf({ side: 'client' }), ['0a000001', 8080, '0a000002', 41_234]);
		assert.deepEqual(endsOf({ side: null }), ['0a000002', 41_234, '0a000001', 8080]);
	});

	it('of IPv6, in all spellings', () => {
		for (const [text, hex] of [
			['::1', '00000000000000000000000000000001'],
			['::', '00000000000000000000000000000000'],
			['2001:db8::', '20010db8000000000000000000000000'],
			['2001:db8::1:2', '20010db8000000000000000000010002'],
			['2001:DB8:0:1:2:3:AbCd:ffff', '20010db80000000100020003abcdffff'],
			['fe80::a%eth0', 'fe80000000000000000000000000000a'],
			['fe80::a%2', 'fe80000000000000000000000000000a'],
			['::ffff:10.1.2.254', '00000000000000000000ffff0a0102fe'],
			['::ffff:a01:2fe', '00000000000000000000ffff0a0102fe'],
			['64:ff9b::192.0.2.33', '0064ff9b0000000000000000c0000221'],
			['1:2:3:4:5:6:7.8.9.10', '0001000200030004000500060708090a'],
		] as const) {
			const other = '[2001:db8::99]:50000';
			const otherHex = '20010db8000000000000000000000099';
			assert.deepEqual(endsOf({ local: `[${text}]:443`, remote: other }), [otherHex, 50_000, hex, 443], text);
			assert.deepEqual(
				endsOf({ side: 'client', local: `[${text}]:9`, remote: other }),
				[hex, 9, otherHex, 50_000],
				text,
			);
		}
	});

	it('of unix sockets, unknown ones and those of two families are documented ones, with a port for each exchange', () => {
		for (const columns of [
			{ local: '/run/shop.sock', remote: null },
			{ local: 'unix:@shop', remote: 'unix:' },
			{ local: null, remote: null },
			{ local: undefined as unknown as null, remote: 80 },
			{ local: '10.0.0.1:80', remote: null },
			{ local: '10.0.0.1', remote: '10.0.0.2' },
			{ local: '10.0.0.1:80', remote: '[::1]:80' },
			{ local: '[::1]:80', remote: '10.0.0.1:80' },
			{ local: 'x10.0.0.1:80', remote: '10.0.0.2:80x' },
		])
			assert.deepEqual(endsOf(columns), DOCUMENTED);
		assert.deepEqual(endsOf({ local: null, remote: null, id: 60_008 })[1], 1032);
		assert.deepEqual(endsOf({ local: null, remote: null, id: null })[1], 1024);
	});

	it('of a client that is known, while the server is not', () => {
		assert.deepEqual(endsOf({ local: null }), ['0a000002', 41_234, 'c0000201', 80]);
		assert.deepEqual(endsOf({ side: 'client', remote: null }), ['0a000001', 8080, 'c0000201', 80]);
	});
});

describe('messages', () => {
	const messagesOf = (members: Members, redactor: Redactor | null = null) =>
		messages(packetsOf(exchange(members), redactor));

	it('have the target as sent, and else its parts', () => {
		const end = '\r\n\r\n';
		const requestOf = (members: Members) => messagesOf(members)[0];
		assert.equal(requestOf({ columns: { query_string: 'b=1' } }), `GET /a?b=1 HTTP/1.1${end}`);
		assert.equal(requestOf({ columns: { query_string: '' } }), `GET /a? HTTP/1.1${end}`);
		assert.equal(requestOf({ columns: { path: null } }), `GET  HTTP/1.1${end}`);
		assert.equal(requestOf({ requestTarget: null }), `GET /a HTTP/1.1${end}`);
		assert.equal(requestOf({ requestTarget: { text: 'http://h/a' } }), `GET http://h/a HTTP/1.1${end}`);
		const bytes = Buffer.from('/\xff', 'latin1');
		assert.equal(requestOf({ requestTarget: { text: '/\ufffd', bytes } }), `GET /\xff HTTP/1.1${end}`);
	});

	it('have their own versions, and a simple request has none', () => {
		assert.deepEqual(messagesOf({ columns: { req_http_version: null, http_version: null, status_text: null } }), [
			'GET /a\r\n\r\n',
			'HTTP/1.1 200 \r\n\r\n',
		]);
	});

	it('have their fields in order, with the bytes that were sent', () => {
		const valueBytes = Buffer.from('\xe4', 'latin1');
		const nameBytes = Buffer.from('X-\xe4', 'latin1');
		const requestHeaders = [
			field('Host', 'shop'),
			{ ...field('X-\ufffd', '\ufffd'), nameBytes, valueBytes },
			field('HOST', ''),
		];
		const responseHeaders = [field('Content-Encoding', 'gzip'), field('Content-Length', '3'), field('X', 'é')];
		const [request, response] = messagesOf({
			requestHeaders,
			responseHeaders,
			columns: body('res', 'abc'),
		});
		assert.equal(request, 'GET /a HTTP/1.1\r\nHost: shop\r\nX-\xe4: \xe4\r\nHOST: \r\n\r\n');
		const utf8 = Buffer.from('é').toString('latin1');
		assert.equal(response, `HTTP/1.0 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\nX: ${utf8}\r\n\r\nabc`);
	});

	it('have the true lengths of bodies that are held in part or not at all', () => {
		const columns = { ...body('req', 'held', 10), ...body('res', null, 3) };
		const packets = packetsOf(exchange({ columns }));
		assert.deepEqual(messages(packets), ['GET /a HTTP/1.1\r\n\r\nheld......', 'HTTP/1.0 200 OK\r\n\r\n...']);
		assert.deepEqual(kinds(packets).slice(3, -3), [
			...['> PUSH ACK 26', '> PUSH ACK 3', '< ACK'],
			...['< PUSH ACK 21', '< PUSH ACK 1', '> ACK'],
		]);
		// Wireshark shows a head only if its packet is whole and complete, or cut.
		assert.match(
			packets.map(({ payload, length }) => `${payload.length}/${length}`).join(' '),
			/23\/26 0\/3.* 19\/21 0\/1/,
		);
		// More held than counted is no reason to cut it.
		assert.equal(messagesOf({ columns: body('res', 'held', 2) })[1], 'HTTP/1.0 200 OK\r\n\r\nheld');
		const { req_body_bytes: _, ...uncounted } = exchange().columns;
		assert.equal(messages(packetsOf({ ...exchange(), columns: uncounted }))[0], 'GET /a HTTP/1.1\r\n\r\n');
	});

	it('are one chunk if they are chunked, with trailers at the end', () => {
		const chunked = [field('Transfer-ENCODING', 'gzip, Chunked'), field('X-Sum', '1', true), field('X-End', '2', true)];
		const begin = 'HTTP/1.0 200 OK\r\nTransfer-ENCODING: gzip, Chunked\r\n\r\n';
		const end = '0\r\nX-Sum: 1\r\nX-End: 2\r\n\r\n';
		const responseOf = (columns: Record<string, SqlValue>) => messagesOf({ responseHeaders: chunked, columns })[1];
		assert.equal(responseOf(body('res', 'x'.repeat(26))), `${begin}1a\r\n${'x'.repeat(26)}\r\n${end}`);
		assert.equal(responseOf(body('res', 'half', 17)), `${begin}11\r\nhalf${'.'.repeat(13)}\r\n${end}`);
		assert.equal(responseOf(body('res', null)), begin + end);
		assert.equal(responseOf(body('res', null, 2)), `${begin}2\r\n..\r\n${end}`);
		// Only that field says so, and without chunks there is no place for trailers.
		assert.deepEqual(
			messagesOf({
				requestHeaders: [field('Transfer-Encoding', 'identity'), field('Expires', '0', true)],
				responseHeaders: [field('TE', 'chunked')],
				columns: body('req', 'abc'),
			}),
			['GET /a HTTP/1.1\r\nTransfer-Encoding: identity\r\n\r\nabc', 'HTTP/1.0 200 OK\r\nTE: chunked\r\n\r\n'],
		);
	});

	it('are in as many packets as they need, in IPv4 and IPv6', () => {
		const most = 65_535 - 60 - 20;
		for (const ends of [{ side: 'server' }, { local: '[::1]:80', remote: '[::1]:4000' }] as Members['columns'][]) {
			const held = 'a'.repeat(most);
			const columns = { ...ends, ...body('res', held + held, 3 * most + 1), duration_ms: null };
			const packets = packetsOf(exchange({ columns: { ...columns, ttfb_ms: null } }));
			const head = 'HTTP/1.0 200 OK\r\n\r\n';
			assert.deepEqual(kinds(packets).slice(6, -3), [
				...[most, most, most, head.length + 1].map((length) => `< PUSH ACK ${length}`),
				'> ACK',
			]);
			assert.deepEqual(
				packets.slice(6, -4).map(({ payload }) => payload.length),
				[most, most, head.length, 0],
			);
			const [, response] = messages(packets);
			assert.equal(response === head + held + held + '.'.repeat(most + 1), true);
		}
		// A message that fills a packet exactly is in one.
		const columns = { ...body('res', null, most - 19), duration_ms: null, ttfb_ms: null };
		assert.deepEqual(kinds(packetsOf(exchange({ columns }))).slice(6, -3), [`< PUSH ACK ${most}`, '> ACK']);
	});

	it('are whole without their secrets: bodies without coding, with the lengths that they have now', () => {
		const members: Members = {
			requestTarget: { text: '/a?token=c4n4ry-S3cr3t' },
			requestHeaders: [
				field('Authorization', 'Bearer c4n4ry-S3cr3t'),
				field('Content-Type', 'application/json'),
				field('Content-Length', '28'),
			],
			responseHeaders: [
				field('Content-Type', 'text/plain'),
				field('Content-Encoding', 'gzip'),
				field('CONTENT-LENGTH', '999'),
				field('X-Kept', 'yes'),
			],
			columns: {
				...body('req', '{"password":"c4n4ry-S3cr3t"}'),
				...body('res', gzipSync('the whole text')),
			},
		};
		const [request, response] = messagesOf(members, createRedactor());
		const [head = '', content = ''] = request.split('\r\n\r\n');
		assert.match(head, /^GET \/a\?token=REDACTED-[\w-]+ HTTP\/1\.1\r\nAuthorization: Bearer REDACTED-[\w-]+\r\n/);
		assert.match(content, /^\{"password":"REDACTED-[\w-]+"\}$/);
		assert.equal(head.endsWith(`\r\nContent-Type: application/json\r\nContent-Length: ${content.length}`), true);
		assert.equal(
			response,
			'HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nCONTENT-LENGTH: 14\r\nX-Kept: yes\r\n\r\nthe whole text',
		);
	});

	it('that are decoded have another length; what was not captured is missing after it', () => {
		const responseHeaders = [field('Content-Length', '40')];
		const begin = 'HTTP/1.0 200 OK\r\nContent-Length: ';
		const responseOf = (columns: Record<string, SqlValue>) =>
			messagesOf({ bodiesDecoded: true, responseHeaders, columns })[1];
		assert.equal(responseOf(body('res', 'text', 40)), `${begin}4\r\n\r\ntext`);
		const captured = { ...body('res', 'text', 40), res_captured_bytes: 10 };
		assert.equal(responseOf(captured), `${begin}34\r\n\r\ntext${'.'.repeat(30)}`);
		assert.equal(responseOf(body('res', null, 40)), `${begin}40\r\n\r\n${'.'.repeat(40)}`);
		assert.equal(responseOf(body('res', null, 0)), `${begin}40\r\n\r\n`);
	});
});
