// What the hellos of TLS tell about a connection: names, versions, ciphers, fingerprints.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as layout from '../../decoder-as/assembly/wire/output-layout.ts';
import { ja4, protocolNames } from '../../src/decode/tls-hello.ts';
import { CONNECTION_COLUMNS, entryTable } from '../../src/store/entry-table.ts';
import { decodeRecords, feedRecords, newDecoder, takeOutput } from '../../support/decoded-rows.ts';
import { type ConnectionTape, Tape } from '../../support/record-builder.ts';
import { type Certificate, type Handshake, makeCertificate, shakeHands } from '../../support/tls-handshake.ts';

const NAMES = ['sni', 'alpn', 'tls_version', 'cipher', 'ech', 'ja4'] as const;
type Facts = Record<(typeof NAMES)[number], string | null>;
const NOTHING: Facts = { sni: null, alpn: null, tls_version: null, cipher: null, ech: null, ja4: null };

let certificate: Certificate;
let modern: Handshake;
let older: Handshake;

before(async () => {
	certificate = makeCertificate();
	const client = { servername: 'shop.example', ALPNProtocols: ['h2', 'http/1.1'] };
	modern = await shakeHands(certificate, client, { ALPNProtocols: ['h2'] });
	older = await shakeHands(certificate, { ...client, maxVersion: 'TLSv1.2' }, { ALPNProtocols: ['http/1.1'] });
});

/** The TLS columns of the only connection of these records. */
function factsOf(records: readonly Uint8Array[], recordsPerBatch = 100): Facts {
	const decoder = newDecoder();
	feedRecords(decoder, records, { recordsPerBatch });
	decoder.snapshot(layout.SNAPSHOT_CONNECTIONS);
	const table = entryTable('connections', CONNECTION_COLUMNS, layout.ENTRY_CONNECTION, decoder.output().slice().buffer);
	assert.equal(table.rowCount, 1);
	const value = (name: string) => table.reader(CONNECTION_COLUMNS.findIndex((column) => column.name === name)).value(0);
	return Object.fromEntries(NAMES.map((name) => [name, value(name)])) as Facts;
}

/** The connection as its client's (or server's) process moves it, in calls of `size` bytes at most. */
function replay(
	handshake: Handshake,
	end: ConnectionTape,
	side: 'client' | 'server',
	size = Number.POSITIVE_INFINITY,
): void {
	for (const { from, bytes } of handshake.writes) {
		for (let at = 0; at < bytes.length; at += size) {
			const part = bytes.subarray(at, Math.min(bytes.length, at + size));
			if (from === side) end.out(part);
			else end.in(part);
		}
	}
}

function tapeOf(handshake: Handshake, side: 'client' | 'server', size?: number): Uint8Array[] {
	const tape = new Tape();
	replay(handshake, (side === 'client' ? tape.client(1) : tape.server(1)).open(), side, size);
	return tape.records;
}

test('both ends of TLS 1.3 and 1.2 tell names, version and cipher, in calls of any size', () => {
	for (const [handshake, version, alpn] of [
		[modern, '1.3', 'h2,http/1.1'],
		[older, '1.2', 'h2,http/1.1; chosen: http/1.1'],
	] as const) {
		for (const side of ['client', 'server'] as const) {
			for (const size of [undefined, 1, 3, 5, 100]) {
				for (const recordsPerBatch of [1, 100]) {
					const facts = factsOf(tapeOf(handshake, side, size), recordsPerBatch);
					assert.match(facts.ja4 ?? '', version === '1.3' ? /^t13d\d{4}h2_/ : /^t12d\d{4}h2_/);
					assert.deepEqual(
						{ ...facts, ja4: '' },
						{ sni: 'shop.example', alpn, tls_version: version, cipher: handshake.cipher, ech: 'no', ja4: '' },
						`${version}, ${side}, ${size}`,
					);
				}
			}
		}
	}
});

test('a retried hello, a resumed session and a client without a name', async () => {
	const retried = await shakeHands(certificate, { ecdhCurve: 'X25519:P-384' }, { ecdhCurve: 'P-384' });
	const hellos = retried.writes.filter(({ from, bytes }) => from === 'client' && bytes.includes(Buffer.from([3, 3])));
	assert.equal(hellos.length > 1, true);
	const facts = factsOf(tapeOf(retried, 'client', 7));
	assert.deepEqual([facts.sni, facts.alpn, facts.tls_version, facts.cipher], [null, null, '1.3', retried.cipher]);
	assert.match(facts.ja4!, /^t13i\d{4}00_/);

	for (const [first, version] of [
		[modern, '1.3'],
		[older, '1.2'],
	] as const) {
		const limits = version === '1.2' ? { maxVersion: 'TLSv1.2' as const } : {};
		const context = { ticketKeys: Buffer.alloc(48, 1) };
		const { session } = await shakeHands(certificate, { servername: 'a.example', ...limits }, context);
		assert.notEqual(session, undefined);
		const again = await shakeHands(certificate, { servername: 'a.example', session: session!, ...limits }, context);
		assert.equal(again.resumed, true, first.version!);
		const resumed = factsOf(tapeOf(again, 'server'));
		assert.deepEqual([resumed.sni, resumed.tls_version, resumed.cipher], ['a.example', version, again.cipher]);
	}
});

test('a handshake in a tunnel is read, and then neither direction is copied', () => {
	for (const side of ['client', 'server'] as const) {
		const tape = new Tape();
		const end = (side === 'client' ? tape.client(1) : tape.server(1)).open();
		const [ask, answer] = side === 'client' ? (['out', 'in'] as const) : (['in', 'out'] as const);
		end[ask]('CONNECT shop.example:443 HTTP/1.1\r\nHost: shop.example:443\r\n\r\n');
		end[answer]('HTTP/1.1 200 Connection established\r\n\r\n');
		replay(modern, end, side, 50);
		const facts = factsOf(tape.records, 1);
		assert.deepEqual([facts.sni, facts.tls_version, facts.cipher], ['shop.example', '1.3', modern.cipher]);
		const { skips } = decodeRecords(tape.records, { recordsPerBatch: 1 });
		assert.deepEqual(skips.map(({ direction }) => direction).sort(), ['in', 'out'], side);
	}
	assert.deepEqual(decodeRecords(tapeOf(modern, 'client', 50), { recordsPerBatch: 1 }).skips, []);
});

test('a handshake after a preamble of the PROXY protocol is read, in the same call or the next', () => {
	const [first, ...rest] = modern.writes;
	const second = '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x0a\0\0\x01\x0a\0\0\x02\x9c\x40\x01\xbb';
	for (const preamble of ['PROXY TCP4 10.0.0.1 10.0.0.2 40000 443\r\n', 'PROXY UNKNOWN\r\n', second]) {
		for (const together of [true, false]) {
			const tape = new Tape();
			const server = tape.server(1).open();
			if (together) server.in(preamble + first!.bytes.toString('latin1'));
			else server.in(preamble).in(first!.bytes);
			replay({ ...modern, writes: rest }, server, 'server', 60);
			const facts = factsOf(tape.records, 1);
			assert.deepEqual(
				[facts.sni, facts.tls_version],
				['shop.example', '1.3'],
				`${JSON.stringify(preamble)} ${together}`,
			);
			const { skips, connections } = decodeRecords(tape.records, { recordsPerBatch: 1 });
			assert.equal(connections[0]!.protocol, 'tls');
			assert.deepEqual(skips.map(({ direction }) => direction).sort(), ['in', 'out']);
		}
	}
});

test('a server that answers in HTTP leaves what the client said', () => {
	const tape = new Tape();
	const server = tape.server(1).open();
	server.in(modern.writes[0]!.bytes).out('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n');
	const { exchanges } = decodeRecords(tape.records);
	assert.deepEqual(
		exchanges.map((row) => row.status),
		[400],
	);
	assert.deepEqual([factsOf(tape.records).sni, factsOf(tape.records).tls_version], ['shop.example', null]);
});

test('hellos that are cut, lost, damaged or too long tell nothing', () => {
	const hello = modern.writes[0]!.bytes;
	const of = (fill: (end: ConnectionTape) => void) => {
		const tape = new Tape();
		fill(tape.client(1).open());
		return factsOf(tape.records, 1);
	};
	assert.equal(of((end) => end.out(hello)).sni, 'shop.example');
	for (let length = 1; length < hello.length; length++)
		assert.deepEqual(
			of((end) => end.out(hello.subarray(0, length))),
			NOTHING,
			String(length),
		);
	assert.deepEqual(
		of((end) => end.out(hello.subarray(0, 90)).sendfile(20).out(hello.subarray(110))),
		NOTHING,
	);
	// The lengths of the message, the session id, the ciphers, the compression methods and the extensions.
	const ciphers = 44 + hello[43]!;
	const compression = ciphers + 2 + hello.readUInt16BE(ciphers);
	const lengths = [6, 7, 8, 43, ciphers, ciphers + 1, compression, compression + 2, compression + 3];
	for (const at of lengths) {
		for (const change of [1, 0x80, 0xff]) {
			const damaged = Buffer.from(hello);
			damaged[at]! ^= change;
			assert.deepEqual(
				of((end) => end.out(damaged)),
				NOTHING,
				`byte ${at}, changed by ${change}`,
			);
		}
	}
	for (let at = 0; at < hello.length; at++) {
		const damaged = Buffer.from(hello);
		damaged[at]! ^= 0xff;
		assert.deepEqual(of((end) => end.out(damaged).out(hello)).tls_version, null);
	}
	const long = Buffer.concat([Buffer.from([0x16, 3, 1, 0x40, 0, 1, 0, 0x60, 0]), Buffer.alloc(30_000)]);
	assert.deepEqual(
		of((end) => end.out(long)),
		NOTHING,
	);
});

test('the names of servers are listed with the blind spot of their process, once each, as far as there is room', () => {
	const decoder = newDecoder();
	const evidence = (): (string | null)[] => {
		decoder.snapshot(layout.SNAPSHOT_BLIND_SPOTS);
		return takeOutput(decoder).blindSpots.map((spot) => spot.evidence);
	};
	const meet = (conn: number, hello: Buffer) => {
		const tape = new Tape();
		tape.client(conn, { pid: 7 }).open().out(hello).close();
		feedRecords(decoder, tape.records);
	};
	const hello = modern.writes[0]!.bytes;
	const named = (name: string) => {
		const other = Buffer.from(hello);
		other.write(name, other.indexOf('shop.example'), 'latin1');
		return other;
	};
	meet(1, hello);
	meet(2, named('shoq.example'));
	meet(3, hello);
	assert.deepEqual(evidence(), ['TLS handshake on a connection; server names: shop.example, shoq.example']);
	for (let i = 0; i < 60; i++) meet(4 + i, named(`s${String(i).padStart(3, '0')}.example`));
	const [text] = evidence();
	assert.match(text!, /, s000\.example, .*\.example, and others$/);
	assert.equal(text!.length <= 500, true);
	decoder.finish();
});

/** What is kept of a client's hello, as the decoder writes it. */
function kept(hello: {
	version?: number;
	hasName?: boolean;
	ciphers: number[];
	extensions: number[];
	protocols?: string[];
	versions?: number[];
	algorithms?: number[];
}): Uint8Array {
	const words = (list: number[]) => Buffer.concat(list.map((word) => Buffer.from([word >> 8, word & 255])));
	const list = (bytes: Buffer) => Buffer.concat([words([bytes.length]), bytes]);
	const protocols = (hello.protocols ?? []).map((name) =>
		Buffer.concat([Buffer.from([name.length]), Buffer.from(name, 'latin1')]),
	);
	return Buffer.concat([
		words([hello.version ?? 0x0303, 0]).fill(hello.hasName === false ? 0 : layout.HELLO_HAS_NAME, 2, 3),
		list(words(hello.ciphers)),
		list(words(hello.extensions)),
		list(Buffer.from('a.example')),
		list(Buffer.concat(protocols)),
		list(words(hello.versions ?? [])),
		list(words(hello.algorithms ?? [])),
	]);
}

test('JA4 fingerprints are those that its authors publish for the same hello', () => {
	// From the examples in the technical details of JA4, with values of GREASE.
	const ciphers = [
		...[0x0a0a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030],
		...[0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035],
	];
	const extensions = [
		...[0x1a1a, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d],
		...[0x0005, 0x0023, 0x0012, 0x002b, 0xff01, 0x000b, 0x000a, 0x0015, 0xdada],
	];
	const algorithms = [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601];
	const chrome = { ciphers, extensions, algorithms, protocols: ['h2', 'http/1.1'], versions: [0x3a3a, 0x0304, 0x0303] };
	assert.equal(ja4(kept(chrome)), 't13d1516h2_8daaf6152771_e5627efa2ab1');
	assert.equal(ja4(kept({ ...chrome, hasName: false, protocols: [] })), 't13i151600_8daaf6152771_e5627efa2ab1');
	assert.match(ja4(kept({ ...chrome, protocols: ['\xab\xcd'] })), /^t13d1516ad_/);
	assert.match(ja4(kept({ ...chrome, protocols: ['a'], versions: [] })), /^t12d1516aa_/);
	assert.equal(ja4(kept({ version: 0x0301, ciphers: [], extensions: [] })), 't10d000000_000000000000_000000000000');
	assert.match(ja4(kept({ ...chrome, ciphers: Array.from({ length: 120 }, (_, i) => i) })), /^t13d9916h2_/);
});

test('names of protocols are one text, without what GREASE adds', () => {
	const client = kept({ ciphers: [], extensions: [], protocols: ['\x1a\x1a', 'h2', 'a,b;c%', '\0\xff'] });
	assert.equal(protocolNames(client, undefined), 'h2,a%2Cb%3Bc%25,%00%FF');
	assert.equal(protocolNames(kept({ ciphers: [], extensions: [] }), undefined), null);
});
