// Files of packets (pcap, pcapng) as sources of exchanges.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { LOSS_UNSEEN } from '../../decoder-as/assembly/wire/capture-event.ts';
import { UserError } from '../../src/base/errors.ts';
import { processUser } from '../../src/base/invoking-user.ts';
import { infoText } from '../../src/commands/info-command.ts';
import { recordingInfo } from '../../src/commands/recording-info.ts';
import {
	BuiltConnection,
	type BuiltPacket,
	fragments,
	frame,
	frames,
	ipPacket,
	LINKS,
	type LinkName,
	pcapFile,
	pcapngFile,
	RST,
	START_US,
	SYN,
	TUNNELS,
	tcpPacket,
	tunnelPacket,
} from '../../support/packet-builder.ts';
import { type ReplayedFile, replayFile } from '../../support/replayed-file.ts';
import { temporaryDirectory } from '../../support/servers.ts';
import { runTinytap } from '../../support/tinytap.ts';

const directory = temporaryDirectory();
after(directory.remove);

const CLIENT = { ip: '10.0.0.2', port: 40_000 };
const SERVER = { ip: '10.0.0.1', port: 80 };
const BODY = Buffer.from(Array.from({ length: 5000 }, (_, i) => `${i} `).join(''));

function request(path: string): string {
	return `GET ${path} HTTP/1.1\r\nHost: example\r\n\r\n`;
}

function response(body: Buffer | string): Buffer {
	const bytes = Buffer.from(body);
	return Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes.length}\r\n\r\n`), bytes]);
}

/** Two exchanges on one connection. */
function conversation(client = CLIENT, server = SERVER): BuiltConnection {
	return new BuiltConnection(client, server)
		.open()
		.send('client', request('/one'))
		.send('server', response(BODY))
		.send('client', request('/two'))
		.send('server', response('short'))
		.close();
}

let files = 0;

function replay(file: Buffer): ReplayedFile {
	const path = join(directory.path, `${files++}.pcap`);
	writeFileSync(path, file);
	return replayFile(path);
}

function short({ rows }: ReplayedFile): unknown[] {
	return rows.map(({ state, side, path, status, resBody }) => [state, side, path, status, resBody?.length]);
}

const WHOLE = [
	['complete', 'server', '/one', 200, BODY.length],
	['complete', 'server', '/two', 200, 5],
];

test('a conversation in packets has the rows of its server, with every byte and without calls and processes', () => {
	const replayed = replay(pcapFile(frames(conversation().packets)));
	assert.deepEqual(short(replayed), WHOLE);
	const [one, two] = replayed.rows;
	assert.equal(one!.resBody, BODY.toString('latin1'));
	assert.deepEqual([one!.local, one!.remote], ['10.0.0.1:80', '10.0.0.2:40000']);
	assert.deepEqual([one!.pid, one!.tid, one!.comm, one!.threadComm, one!.via], [0, 0, null, null, null]);
	// The fourth packet has the request, and the connection's packets are 1 ms apart.
	assert.equal(one!.ts, START_US + 3000);
	const packets = Math.ceil(response(BODY).length / 1460);
	assert.equal(one!.durationMs, 1 + packets);
	assert.equal(one!.ttfbMs, 2);
	assert.equal(two!.conn, one!.conn);
	assert.deepEqual(replayed.warnings, []);
	assert.equal(replayed.damage, undefined);
	assert.deepEqual(
		replayed.lost.filter((bytes) => bytes !== 0),
		[],
	);
	assert.equal(replayed.connections.length, 1);
});

for (const link of Object.keys(LINKS) as LinkName[]) {
	test(`link layer ${link}, IPv4 and IPv6`, () => {
		for (const [client, server] of [
			[CLIENT, SERVER],
			[
				{ ip: '2001:db8::2', port: 40_000 },
				{ ip: '2001:db8::1', port: 8080 },
			],
		] as const) {
			const replayed = replay(pcapFile(frames(conversation(client, server).packets, link), { link: LINKS[link] }));
			assert.deepEqual(short(replayed), WHOLE);
			const name = ({ ip, port }: { ip: string; port: number }) =>
				ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
			assert.deepEqual([replayed.rows[0]!.local, replayed.rows[0]!.remote], [name(server), name(client)]);
		}
	});
}

test('both byte orders and all resolutions of pcap and pcapng give the same times', () => {
	const packets = frames(conversation().packets, 'ethernet', START_US + 123_456);
	const variants: [string, Buffer][] = [];
	for (const bigEndian of [false, true]) {
		for (const nanoseconds of [false, true])
			variants.push([`pcap ${bigEndian} ${nanoseconds}`, pcapFile(packets, { bigEndian, nanoseconds })]);
		for (const kind of ['enhanced', 'obsolete'] as const)
			variants.push([`pcapng ${bigEndian} ${kind}`, pcapngFile(packets, { bigEndian, kind })]);
		for (const resolution of [6, 9, 0x80 | 20, 0x80 | 32])
			variants.push([
				`pcapng ${bigEndian} ${resolution}`,
				pcapngFile(packets, { bigEndian, resolution, offset: 86_400 }),
			]);
	}
	for (const [name, file] of variants) {
		const replayed = replay(file);
		assert.deepEqual(short(replayed), WHOLE, name);
		assert.equal(Math.abs(replayed.rows[0]!.ts - (START_US + 126_456)) <= 1, true, name);
	}
	const patched = replay(pcapFile(packets, { patched: true }));
	assert.deepEqual([short(patched), patched.rows[0]!.ts], [WHOLE, START_US + 126_456]);
	const simple = replay(pcapngFile(packets, { kind: 'simple', secrets: true }));
	assert.deepEqual(short(simple), WHOLE);
	assert.deepEqual(simple.warnings, [
		`FILE: ${packets.length} packets without a time: they get that of the packet before`,
		'FILE: its secrets of TLS are not used: encrypted connections stay unread (table blind_spots)',
	]);
	assert.equal(
		replay(pcapngFile(packets, { version: 2 })).damage,
		'damaged: a section has version 2 of pcapng: expected 1',
	);
});

test('several sections and interfaces in one pcapng file', () => {
	const first = conversation().packets;
	const second = conversation({ ip: '10.0.0.3', port: 40_001 }).packets;
	const file = Buffer.concat([
		pcapngFile(frames(first), { bigEndian: true }),
		pcapngFile(frames(second, 'raw', START_US + 1e6), { link: LINKS.raw }),
	]);
	assert.deepEqual(short(replay(file)), [...WHOLE, ...WHOLE]);
	// In one section: other link layers, units of time and beginnings.
	const interfaces = [
		{},
		{ link: LINKS['linux cooked 2'], resolution: 9, offset: -3600 },
		{ link: LINKS.raw, resolution: 0x80 | 20 },
	];
	const links = ['ethernet', 'linux cooked 2', 'raw'] as const;
	const packets = first.map(
		({ members }, i): BuiltPacket => ({
			us: START_US + i * 1000,
			bytes: frame(links[i % 3]!, tcpPacket(members)),
			interface: i % 3,
		}),
	);
	const mixed = replay(pcapngFile(packets, { interfaces }));
	assert.deepEqual(short(mixed), WHOLE);
	assert.equal(Math.abs(mixed.rows[0]!.ts - (START_US + 3000)) <= 1, true);
	assert.match(replay(pcapngFile(packets)).damage!, /^damaged: a packet names interface 1, which is not described$/);
});

test('packets in any order, twice, and overlapping, around the wrap of the sequence numbers', () => {
	const settings = fc.record({
		initial: fc.constantFrom(0, 1000, 0xffff_ffff, 0xffff_f000, 0x7fff_ff00),
		most: fc.integer({ min: 20, max: 3000 }),
		overlap: fc.integer({ min: 0, max: 40 }),
		swaps: fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 3 })), { maxLength: 8 }),
		copies: fc.array(fc.nat(), { maxLength: 8 }),
	});
	fc.assert(
		fc.property(settings, ({ initial, most, overlap, swaps, copies }) => {
			const connection = new BuiltConnection(CLIENT, SERVER, { client: initial, server: initial })
				.open()
				.send('client', request('/one'))
				.send('server', response(BODY), most);
			// Packets of the response repeat the end of the one before.
			const bytes = response(BODY);
			const packets = connection.packets.map(({ from, members }) => {
				const at = (members.sequence - initial - 1) >>> 0;
				const payload = Buffer.from(members.payload ?? '');
				const more = Math.min(overlap, at);
				if (from === 'client' || payload.length === 0 || more === 0) return { members };
				const longer = bytes.subarray(at - more, at + payload.length);
				return { members: { ...members, sequence: members.sequence - more, payload: longer } };
			});
			const first = packets.slice(0, 4);
			const rest = packets.slice(4);
			for (const [at, by] of swaps) {
				const i = at % rest.length;
				const j = Math.min(rest.length - 1, i + by);
				[rest[i], rest[j]] = [rest[j]!, rest[i]!];
			}
			for (const at of copies) rest.splice(at % rest.length, 0, rest[at % rest.length]!);
			const replayed = replay(pcapFile(frames([...first, ...rest])));
			assert.equal(replayed.rows[0]!.resBody, BODY.toString('latin1'));
			assert.deepEqual(
				replayed.lost.filter((missing) => missing !== 0),
				[],
			);
		}),
		{ numRuns: 60 },
	);
});

test('bytes that no packet contains are a gap of known size, and later exchanges are whole', () => {
	const { packets } = conversation();
	const isMissing = ({ from, members }: (typeof packets)[number]) =>
		from === 'server' && (members.payload?.length ?? 0) === 1460;
	const lost = packets.filter(isMissing).slice(2, 4);
	const replayed = replay(pcapFile(frames(packets.filter((packet) => !lost.includes(packet)))));
	const [one, two] = replayed.rows;
	assert.deepEqual([one!.state, one!.reason, one!.lostBytes], ['incomplete', 'bytes lost', 2920]);
	assert.equal(one!.resBody!.length, BODY.length - 2920);
	assert.deepEqual([two!.state, two!.path], ['complete', '/two']);
	assert.equal(replayed.lost[LOSS_UNSEEN], 2920);
	assert.deepEqual(replayed.warnings, ['FILE: 2920 bytes of TCP connections are in no packet']);
});

test('a response whose request is missing is given to no other request', () => {
	const { packets } = conversation();
	const replayed = replay(
		pcapFile(frames(packets.filter(({ members }) => !String(members.payload ?? '').includes('/one')))),
	);
	assert.deepEqual(
		replayed.rows.map(({ path, status, reason }) => [path, status, reason]),
		[
			[null, 200, 'request not seen'],
			['/two', 0, 'bytes lost'],
			[null, 200, 'request not seen'],
		],
	);
});

test('bytes missing at the very end are known from the FIN, and from the acknowledgement', () => {
	for (const closes of [true, false]) {
		const connection = new BuiltConnection(CLIENT, SERVER)
			.open()
			.send('client', request('/one'))
			.send('server', response(BODY));
		if (closes) connection.close();
		const last = connection.packets.findLast(({ members }) => (members.payload?.length ?? 0) > 0)!;
		const replayed = replay(pcapFile(frames(connection.packets.filter((packet) => packet !== last))));
		assert.deepEqual(replayed.warnings, [
			`FILE: ${last.members.payload!.length} bytes of TCP connections are in no packet`,
		]);
		assert.equal(replayed.rows[0]!.state, 'incomplete');
	}
});

test('packets cut by the snapshot length keep their true size', () => {
	const cut = frames(conversation().packets).map(
		({ us, bytes }): BuiltPacket => ({
			us,
			bytes: bytes.subarray(0, 300),
			original: bytes.length,
		}),
	);
	for (const file of [pcapFile(cut), pcapngFile(cut)]) {
		const replayed = replay(file);
		assert.deepEqual(
			replayed.rows.map(({ state, resBodyBytes }) => [state, resBodyBytes]),
			[
				['complete', BODY.length],
				['complete', 5],
			],
		);
		const [one] = replayed.rows;
		assert.equal(one!.resBody!.length < BODY.length, true);
		const missing = BODY.length - one!.resBody!.length;
		assert.deepEqual(replayed.warnings, [`FILE: its packets were cut: ${missing} bytes are missing`]);
	}
});

test('heads cut by the snapshot length make rows of what is left, each request and each response', () => {
	const head = (line: string) => `${line}\r\nHost: example\r\nX-Filler: ${'x'.repeat(100)}\r\n\r\n`;
	const connection = new BuiltConnection(CLIENT, SERVER).open();
	for (const name of ['one', 'two', 'three'])
		connection.send('client', head(`GET /${name} HTTP/1.1`)).send('server', head('HTTP/1.1 304 Not Modified'));
	const cut = frames(connection.close().packets).map(
		({ us, bytes }): BuiltPacket => ({ us, bytes: bytes.subarray(0, 96), original: bytes.length }),
	);
	const { rows } = replay(pcapFile(cut));
	assert.deepEqual(
		rows.map(({ path }) => path).filter((path) => path !== null),
		['/one', '/two', '/three'],
	);
	assert.equal(rows.filter(({ status }) => status === 304).length, 3);
	assert.deepEqual([...new Set(rows.map(({ state }) => state))].toSorted(), ['incomplete', 'unanswered']);
});

test('a connection that was open before begins in the middle; the bytes tell who the client is', () => {
	const high = { ip: '10.0.0.1', port: 50_000 };
	const { packets } = conversation(CLIENT, high);
	const replayed = replay(pcapFile(frames(packets.slice(3))));
	const requests = replayed.rows.filter(({ path }) => path !== null);
	// Until a silence, nothing tells which response belongs to which request.
	assert.deepEqual(
		requests.map(({ path, side, local, reason }) => [path, side, local, reason]),
		[
			['/one', 'server', '10.0.0.1:50000', 'capture began'],
			['/two', 'server', '10.0.0.1:50000', 'capture began'],
		],
	);
});

test('a reset ends a connection, and the same endpoints begin another', () => {
	const first = new BuiltConnection(CLIENT, SERVER).open().send('client', request('/one'));
	const reset = { members: { from: SERVER, to: CLIENT, sequence: 900_001, flags: RST } };
	const second = new BuiltConnection(CLIENT, SERVER, { client: 5, server: 77 })
		.open()
		.send('client', request('/two'))
		.send('server', response('x'))
		.close();
	const replayed = replay(pcapFile(frames([...first.packets, reset, ...second.packets])));
	assert.deepEqual(
		replayed.rows.map(({ path, state, conn }) => [path, state, conn]),
		[
			['/one', 'unanswered', 1],
			['/two', 'complete', 2],
		],
	);
	// Without the reset, the SYN tells.
	assert.equal(replay(pcapFile(frames([...first.packets, ...second.packets]))).rows.length, 2);
});

test('data in a SYN counts (TCP Fast Open)', () => {
	const text = request('/fast');
	const syn = { from: CLIENT, to: SERVER, sequence: 9, flags: SYN, payload: text };
	const answer = { from: SERVER, to: CLIENT, sequence: 99, flags: SYN, acknowledged: 10 + text.length };
	const reply = { from: SERVER, to: CLIENT, sequence: 100, acknowledged: 10 + text.length, payload: response('ok') };
	const replayed = replay(pcapFile(frames([syn, answer, reply].map((members) => ({ members })))));
	assert.deepEqual(short(replayed), [['complete', 'server', '/fast', 200, 2]]);
});

test('tunnels are unpacked, also inside each other', () => {
	const inner = conversation().packets.map(({ members }) => tcpPacket(members));
	const file = (wrap: (ip: Buffer) => Buffer) =>
		pcapFile(inner.map((ip, i): BuiltPacket => ({ us: START_US + i * 1000, bytes: frame('ethernet', wrap(ip)) })));
	for (const name of Object.keys(TUNNELS) as (keyof typeof TUNNELS)[]) {
		const replayed = replay(file((ip) => tunnelPacket(name, ip)));
		assert.deepEqual([short(replayed), replayed.warnings], [WHOLE, []], name);
	}
	assert.deepEqual(short(replay(file((ip) => tunnelPacket('GRE', tunnelPacket('VXLAN', ip))))), WHOLE);
	const deep = replay(file((ip) => [1, 2, 3, 4].reduce((packet) => tunnelPacket('GRE', packet), ip)));
	assert.match(deep.warnings[0]!, /^FILE: not read: \d+ packets in a tunnel that tinytap cannot read$/);
});

test('IPv6 extension headers are skipped, and so is the fragment header of a whole packet', () => {
	const [client, server] = [
		{ ip: '2001:db8::2', port: 40_000 },
		{ ip: '2001:db8::1', port: 80 },
	];
	const packets = conversation(client, server).packets.map(({ members }, i) => {
		const tcp = tcpPacket(members).subarray(40);
		// Hop-by-hop options, a routing header of 24 bytes, options, authentication, a fragment header.
		const headers = [
			...[43, 0, 1, 4, 0, 0, 0, 0],
			...[60, 2, 4, 0, ...new Array<number>(20).fill(0)],
			...[51, 0, 1, 4, 0, 0, 0, 0],
			...[44, 4, ...new Array<number>(22).fill(0)],
			...[6, 0, 0, 0, 0, 0, 0, 9],
		];
		const ip = ipPacket(members.from.ip, members.to.ip, 0, Buffer.concat([Buffer.from(headers), tcp]));
		return { us: START_US + i * 1000, bytes: frame('ethernet', ip) };
	});
	const replayed = replay(pcapFile(packets));
	assert.deepEqual([short(replayed), replayed.warnings], [WHOLE, []]);
});

test('fragments of IP are put together, in any order and more than once; incomplete ones are counted', () => {
	for (const [client, server] of [
		[CLIENT, SERVER],
		[
			{ ip: '2001:db8::2', port: 40_000 },
			{ ip: '2001:db8::1', port: 80 },
		],
	] as const) {
		const whole = conversation(client, server).packets.map(({ members }) => tcpPacket(members));
		const pieces = whole.map((ip, i) => fragments(ip, 400, i));
		const sent = pieces.flatMap((each, i) => (i % 2 === 0 ? each.toReversed() : [...each, ...each]));
		const file = (packets: readonly Buffer[]) =>
			pcapFile(packets.map((ip, i): BuiltPacket => ({ us: START_US + i * 1000, bytes: frame('ethernet', ip) })));
		const replayed = replay(file(sent));
		assert.deepEqual([short(replayed), replayed.warnings], [WHOLE, []]);
		// Without the second fragment of a packet of the response.
		const at = pieces.findLastIndex((each) => each.length === 4);
		const missing = replay(file(pieces.flatMap((each, i) => (i === at ? each.filter((_, j) => j !== 1) : each))));
		assert.deepEqual(missing.warnings, [
			'FILE: not read: 3 packets of incomplete fragmented IP',
			'FILE: 1460 bytes of TCP connections are in no packet',
		]);
		assert.equal(missing.rows[0]!.state, 'incomplete');
	}
	// After half a minute, its id is used for another packet.
	const [first, second] = [request(`/${'a'.repeat(700)}`), request(`/${'b'.repeat(700)}`)].map((payload, i) =>
		fragments(tcpPacket({ from: { ...CLIENT, port: 40_000 + i }, to: SERVER, sequence: 1, payload }), 400, 7),
	);
	const reused = [first![0]!, ...second!].map(
		(ip, i): BuiltPacket => ({ us: START_US + (i > 0 ? 31e6 : 0), bytes: frame('ethernet', ip) }),
	);
	const { rows, warnings } = replay(pcapFile(reused));
	assert.deepEqual(
		[rows.map(({ path }) => path?.[1]), warnings],
		[['b'], ['FILE: not read: 1 packet of incomplete fragmented IP']],
	);
	// As many bytes as the whole has, but some twice and others not at all.
	const long = tcpPacket({ from: CLIENT, to: SERVER, sequence: 1, payload: Buffer.alloc(980, 'x') });
	const [one, two] = [fragments(long, 400, 9), fragments(long, 200, 9)];
	const overlapping = Buffer.from(one[1]!);
	overlapping.writeUInt16BE(0x2000 + 200 / 8, 6);
	const mixed = [one[0]!, overlapping, two[4]!].map(
		(ip, i): BuiltPacket => ({ us: START_US + i, bytes: frame('ethernet', ip) }),
	);
	assert.deepEqual(replay(pcapFile(mixed)).warnings, ['FILE: not read: 3 packets of incomplete fragmented IP']);
	// Within a tunnel, and around one.
	const inner = conversation().packets.map(({ members }) => tcpPacket(members));
	for (const wrapped of [
		inner.flatMap((ip, i) => fragments(ip, 600, i).map((piece) => tunnelPacket('VXLAN', piece))),
		inner.flatMap((ip, i) => fragments(tunnelPacket('VXLAN', ip), 600, i)),
	]) {
		const built = wrapped.map((ip, i): BuiltPacket => ({ us: START_US + i * 1000, bytes: frame('ethernet', ip) }));
		assert.deepEqual(short(replay(pcapFile(built))), WHOLE);
	}
});

test('packets that a network card will divide have length 0, and their checksums are wrong', () => {
	const packets = new BuiltConnection(CLIENT, SERVER)
		.open()
		.send('client', request('/one'))
		.send('server', response(Buffer.alloc(100_000, 'x')), 200_000)
		.close().packets;
	const built = packets.map(({ members }, i): BuiltPacket => {
		const length = members.payload?.length ?? 0;
		const ip = tcpPacket(length > 60_000 ? { ...members, payload: '' } : members);
		const whole = length > 60_000 ? Buffer.concat([ip, Buffer.from(members.payload!)]) : ip;
		if (length > 60_000) whole.writeUInt16BE(0, 2);
		whole.writeUInt16BE(0xdead, 10);
		return { us: START_US + i * 1000, bytes: frame('ethernet', whole) };
	});
	assert.deepEqual(short(replay(pcapFile(built))), [['complete', 'server', '/one', 200, 100_000]]);
});

test('what is not TCP, or cannot be read, is counted by what it is', () => {
	const inner = conversation().packets.map(({ members }) => tcpPacket(members));
	const fragment = Buffer.from(inner[0]!);
	fragment.writeUInt16BE(0x2000, 6);
	const udp = (port: number) => Buffer.of(0xc0, 1, port >> 8, port & 255, 0, 8, 0, 0);
	const ip = (protocol: number, payload: Buffer | readonly number[]) =>
		frame('ethernet', ipPacket('10.0.0.1', '10.0.0.2', protocol, Buffer.from(payload)));
	const odd = [
		ip(17, udp(53)),
		ip(1, Buffer.alloc(30)),
		ip(17, udp(443)),
		ip(50, Buffer.alloc(30)),
		// PPTP, and VXLAN without its flag.
		ip(47, [0x30, 1, 0x88, 0x0b, 0, 0, 0, 0]),
		ip(17, Buffer.concat([udp(4789), Buffer.alloc(30)])),
		Buffer.from([...new Array<number>(12).fill(2), 0x08, 0x06, ...new Array<number>(28).fill(0)]),
		frame('ethernet', fragment),
		frame('ethernet', inner[0]!).subarray(0, 30),
	];
	const replayed = replay(pcapFile(odd.map((bytes, i) => ({ us: START_US + i, bytes }))));
	assert.deepEqual(replayed.rows, []);
	assert.deepEqual(replayed.warnings, [
		'FILE: not read: 1 packet of incomplete fragmented IP, 3 packets without TCP, 1 packet of QUIC (HTTP/3), 1 packet encrypted by IPsec, ' +
			'1 packet in a tunnel that tinytap cannot read, 1 packet without IP, 1 packet cut inside the headers',
	]);
	const packets = frames(conversation().packets);
	const wifi = replay(pcapFile(packets, { link: 105 })).warnings;
	assert.deepEqual(wifi, [`FILE: not read: ${packets.length} packets of link layer Wi-Fi (type 105)`]);
	assert.deepEqual(replay(pcapFile([], {})).warnings, ['FILE: it contains no packets']);
});

test('of bytes that were sent twice with another content, the first count', () => {
	const { packets } = conversation();
	const at = packets.findIndex(({ from, members }) => from === 'server' && (members.payload?.length ?? 0) > 0);
	const forged = packets[at]!.members;
	const other = { members: { ...forged, payload: Buffer.alloc(forged.payload!.length, '!') } };
	const replayed = replay(pcapFile(frames([...packets.slice(0, at + 1), other, ...packets.slice(at + 1)])));
	assert.deepEqual(short(replayed), WHOLE);
	assert.equal(replayed.rows[0]!.resBody, BODY.toString('latin1'));
	const different = [...Buffer.from(forged.payload!)].filter((byte) => byte !== '!'.charCodeAt(0)).length;
	assert.deepEqual(replayed.warnings, [
		`FILE: ${different} bytes were sent again with another content: the first one counts`,
	]);
	// A part of two packets, with other bounds; keep-alive sends the byte before the next one.
	const parts = (...payloads: [sequence: number, payload: Buffer | string][]) =>
		payloads.map(([sequence, payload]) => ({
			members: { from: CLIENT, to: SERVER, sequence, acknowledged: 1, payload },
		}));
	const start = new BuiltConnection(CLIENT, SERVER).open().packets;
	const text = request('/parts');
	const sent = parts(
		[1001, text.slice(0, 10)],
		[1011, text.slice(10)],
		[1005, `${text.slice(4, 14)}XY`],
		[1000 + text.length, '\0'],
	);
	const overlapping = replay(pcapFile(frames([...start, ...sent])));
	assert.deepEqual(
		[overlapping.rows[0]!.path, overlapping.warnings],
		['/parts', ['FILE: 2 bytes were sent again with another content: the first one counts']],
	);
});

test('bytes after the end of a connection are counted, and a message begins another one', () => {
	const { packets } = conversation();
	const reset = { members: { from: CLIENT, to: SERVER, sequence: 900, flags: RST } };
	const sent = packets.findIndex(({ from, members }) => from === 'server' && (members.payload?.length ?? 0) > 0);
	// The rest of the response crosses the reset; of the packets before it, one is sent again.
	const late = packets.slice(sent + 1).filter(({ members }) => members.payload?.length === 1460);
	const replayed = replay(pcapFile(frames([...packets.slice(0, sent + 1), reset, packets[sent]!, ...late])));
	assert.equal(replayed.connections.length, 1);
	assert.match(
		replayed.warnings.join(),
		/^FILE: not read: \d+ bytes after the end of their connections, or far from their sequence numbers$/,
	);
	// The same endpoints, with neither SYN nor the packets before.
	const again = new BuiltConnection(CLIENT, SERVER, { client: 5_000_000, server: 6_000_000 })
		.send('client', request('/again'))
		.send('server', response('x'));
	const both = replay(pcapFile(frames([...packets, ...again.packets])));
	assert.deepEqual(
		both.rows.filter(({ path }) => path !== null).map(({ path, conn, reason }) => [path, conn, reason]),
		[
			['/one', 1, null],
			['/two', 1, null],
			['/again', 2, 'capture began'],
		],
	);
});

test('many connections at once, of both versions of IP, and others with the same endpoints after them', () => {
	const spoken = (round: number) =>
		Array.from({ length: 600 }, (_, i) => {
			const ip = (host: number) => (i % 2 === 0 ? `10.0.${host}.${i >> 2}` : `2001:db8::${host}:${(i >> 2) + 1}`);
			const client = { ip: ip(1), port: 40_000 + (i & 3) };
			return new BuiltConnection(client, { ip: ip(2), port: 80 }, { client: round * 1000 })
				.open()
				.send('client', request(`/${round}/${i}`))
				.send('server', response(`${round} ${i}`));
		});
	const rounds = [1, 2].map(spoken);
	// In turn: the first packet of each connection, then the second ones …
	const packets = rounds.flatMap((all) => all[0]!.packets.flatMap((_, at) => all.map((each) => each.packets[at]!)));
	const { rows } = replay(pcapFile(frames(packets)));
	assert.equal(rows.length, 1200);
	for (const { path, resBody, state } of rows)
		assert.deepEqual([`/${resBody!.replace(' ', '/')}`, state], [path, 'complete']);
	assert.equal(new Set(rows.map(({ conn }) => conn)).size, 1200);
});

test('numbers far from those of the connection belong to another one, and are no hole', () => {
	const open = new BuiltConnection(CLIENT, SERVER).open().send('client', request('/one')).send('server', response('x'));
	for (const away of [2 ** 31, 2 ** 30, -(2 ** 30)]) {
		const initial = { client: (1000 + away) >>> 0, server: (900_000 + away) >>> 0 };
		const other = new BuiltConnection(CLIENT, SERVER, initial).send('client', request('/other'));
		const replayed = replay(pcapFile(frames([...open.packets, ...other.packets])));
		assert.deepEqual(
			[replayed.rows.map(({ path }) => path), replayed.warnings],
			[['/one', '/other'], []],
			String(away),
		);
		// Something that begins no message is not read, and counted.
		const stray = new BuiltConnection(CLIENT, SERVER, initial).send('client', 'stray');
		assert.deepEqual(replay(pcapFile(frames([...open.packets, ...stray.packets]))).warnings, [
			'FILE: not read: 5 bytes after the end of their connections, or far from their sequence numbers',
		]);
	}
});

test('TLS and HTTP/2 are blind spots', () => {
	const hello = Buffer.from([22, 3, 1, 0, 50, 1, ...new Array<number>(49).fill(0)]);
	const spoken = [hello, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'].flatMap(
		(text, i) =>
			new BuiltConnection({ ...CLIENT, port: 41_000 + i }, { ...SERVER, port: 8443 + i })
				.open()
				.send('client', text)
				.close().packets,
	);
	const { rows, connections, blindSpots } = replay(pcapFile(frames(spoken)));
	assert.deepEqual(rows, []);
	assert.deepEqual(connections.map(({ protocol }) => protocol).toSorted(), ['http2', 'tls']);
	assert.deepEqual(
		blindSpots.map(({ what, pid, comm, times }) => [what, pid, comm, times]),
		[
			['tls', 0, null, 1],
			['http2', 0, null, 1],
		],
	);
});

test('compressed files, other formats and no regular files are refused in one sentence', () => {
	const refused: [Buffer | string, RegExp][] = [
		[gzipSync(pcapFile(frames(conversation().packets))), /was compressed with gzip, not by tinytap$/],
		[Buffer.from('28b52ffd00000000', 'hex'), /was compressed with zstd, not by tinytap$/],
		[Buffer.from('04224d1800000000', 'hex'), /was compressed with lz4, not by tinytap$/],
		[Buffer.from('fd377a585a000000', 'hex'), /was compressed with xz, not by tinytap$/],
		['BZh91AY&SY', /was compressed with bzip2, not by tinytap$/],
		['', /it is empty$/],
		[Buffer.from('\ufeff{"log"', 'utf16le'), /is a text in UTF-16$/],
		['snoop\0\0\0', /it does not begin like a recording$/],
		[Buffer.from('d4c3', 'hex'), /it does not begin like a recording$/],
	];
	for (const [content, message] of refused)
		assert.throws(
			() => replay(Buffer.from(content)),
			(error) => error instanceof UserError && error.code === 'ERR_NOT_A_RECORDING' && message.test(error.message),
			String(message),
		);
	// The header of a file without packets may be cut, too.
	assert.match(replay(pcapFile([]).subarray(0, 20)).damage!, /^truncated: the file ends inside its header$/);
});

test('info tells what is in a file of packets', () => {
	const path = join(directory.path, 'info.pcapng');
	writeFileSync(path, pcapngFile(frames(conversation().packets), { dropped: [2], writer: 'dumpcap 4.0' }));
	const info = recordingInfo(path, processUser());
	const packets = conversation().packets.length;
	const { format, format_version, records, link_layers, written_by, exchanges, connections, start, state } = info;
	assert.deepEqual(
		{ format, format_version, records, link_layers, written_by, exchanges, connections, start, state },
		{
			...{ format: 'pcapng', format_version: null, records: null, link_layers: ['Ethernet (type 1)'] },
			...{ written_by: 'dumpcap 4.0', exchanges: { server: 2, client: 0, unknown: 0 }, connections: 1 },
			...{ start: '2026-11-22T12:00:00.000000Z', state: 'complete' },
		},
	);
	const text = infoText(info);
	for (const line of [
		'format       pcapng',
		`packets      ${packets}`,
		'written by   dumpcap 4.0',
		'exchanges    2 server, 0 client',
		'note         the program that captured it dropped 2 packets',
	])
		assert.equal(text.split('\n').includes(line), true, `${line}\n${text}`);
	assert.equal(/^(version|records|entries) /m.test(text), false, text);
});

test('what the capturing program dropped is told', () => {
	// The counter is a total: the last one counts.
	const { warnings } = replay(pcapngFile(frames(conversation().packets), { dropped: [3, 7] }));
	assert.deepEqual(warnings, ['FILE: the program that captured it dropped 7 packets']);
});

test('a file cut at any byte gives the packets before, and says that it is cut', () => {
	for (const file of [pcapFile(frames(conversation().packets)), pcapngFile(frames(conversation().packets))]) {
		for (let length = 28; length < file.length; length += 97) {
			const { rows, damage } = replay(file.subarray(0, length));
			assert.equal(rows.length <= 2, true, String(length));
			// A cut between two packets cannot be seen.
			if (damage !== undefined) assert.match(damage, /^truncated: the file ends inside/);
		}
		assert.match(replay(file.subarray(0, file.length - 1)).damage!, /^truncated: /);
	}
});

test('flipped bytes never crash the reader, nor make it read on without end', () => {
	const whole = { pcap: pcapFile(frames(conversation().packets)), pcapng: pcapngFile(frames(conversation().packets)) };
	fc.assert(
		fc.property(
			fc.constantFrom('pcap', 'pcapng'),
			fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 12 }),
			(format, flips) => {
				const damaged = Buffer.from(whole[format]);
				// The first bytes say what the file is.
				for (const [at, value] of flips) damaged[12 + (at % (damaged.length - 12))] = value;
				assert.equal(replay(damaged).rows.length <= 8, true);
			},
		),
		{ numRuns: 100 },
	);
});

test('a recording made of packets says nothing about this host', async () => {
	const pcap = join(directory.path, 'copied.pcap');
	const path = join(directory.path, 'copied.tinytap');
	writeFileSync(pcap, pcapFile(frames(conversation().packets)));
	const recorded = await runTinytap(['record', path, '--replay', pcap]);
	assert.equal(recorded.code, 0, recorded.stderr);
	const info = await runTinytap(['info', path, '--json']);
	const { host, kernel, boot_id, filters, exchanges, start } = JSON.parse(info.stdout) as Record<string, unknown>;
	assert.deepEqual(
		[host, kernel, boot_id, filters].filter((fact) => fact !== undefined && fact !== null),
		[],
	);
	assert.deepEqual([exchanges, start], [{ server: 2, client: 0, unknown: 0 }, '2026-11-22T12:00:00.000000Z']);
	const strict = await runTinytap([
		'query',
		'SELECT path FROM exchanges',
		'--replay',
		path,
		'--format',
		'csv',
		'--strict',
	]);
	assert.deepEqual([strict.code, strict.stdout], [0, 'path\n"/one"\n"/two"\n']);
});
