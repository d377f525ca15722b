// Damaged files of other programs: whatever is in them, the readers end, and say in one sentence what is wrong.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { UserError } from '../../src/base/errors.ts';
import {
	BuiltConnection,
	fragments,
	frame,
	frames,
	LINKS,
	type LinkName,
	pcapFile,
	pcapngFile,
	START_US,
	TUNNELS,
	tcpPacket,
	tunnelPacket,
} from '../../support/packet-builder.ts';
import { replayFile } from '../../support/replayed-file.ts';
import { temporaryDirectory } from '../../support/servers.ts';

const directory = temporaryDirectory();
after(directory.remove);

/** Cases for each kind of file. TINYTAP_FUZZ_RUNS: more of them, for a long run. */
const RUNS = Number(process.env.TINYTAP_FUZZ_RUNS ?? 150);

function packetFiles(): Buffer[] {
	const spoken = (port: number, v6 = false) => {
		const [client, server] = v6 ? ['2001:db8::2', '2001:db8::1'] : ['10.0.0.2', '10.0.0.1'];
		return new BuiltConnection({ ip: client!, port: 40_000 }, { ip: server!, port })
			.open()
			.send('client', 'POST /a HTTP/1.1\r\nHost: b\r\nContent-Length: 4\r\n\r\nbody')
			.send(
				'server',
				`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n${'x'.repeat(2000)}\r\n0\r\n\r\n`,
				700,
			)
			.close().packets;
	};
	const links = Object.keys(LINKS) as LinkName[];
	const interfaces = links.map((link) => ({ link: LINKS[link], resolution: 9 }));
	const everyLink = links.flatMap((link, i) =>
		spoken(8000 + i, i % 2 === 1).map(({ members }, j) => ({
			us: START_US + j * 1000,
			bytes: frame(link, tcpPacket(members)),
			interface: i,
		})),
	);
	const tunnels = (Object.keys(TUNNELS) as (keyof typeof TUNNELS)[]).flatMap((name, i) =>
		spoken(8000 + i).map(({ members }, j) => ({
			us: START_US + j * 1000,
			bytes: frame('vlan', tunnelPacket(name, tcpPacket(members))),
		})),
	);
	const divided = [false, true].flatMap((v6) =>
		spoken(80, v6)
			.flatMap(({ members }, i) => fragments(tcpPacket(members), 160, i))
			.map((ip, i) => ({ us: START_US + i * 1000, bytes: frame('ethernet', ip) })),
	);
	return [
		pcapFile(tunnels),
		pcapFile(divided),
		pcapFile(frames(spoken(80)), { bigEndian: true, nanoseconds: true }),
		pcapFile(frames(spoken(80)), { patched: true }),
		pcapngFile(everyLink, { interfaces, dropped: [1], writer: 'test', secrets: true }),
		pcapngFile(frames(spoken(80)), { bigEndian: true, kind: 'simple' }),
		pcapngFile(frames(spoken(80)), { kind: 'obsolete', offset: -5 }),
	];
}

function harFile(): Buffer {
	const entry = (number: number) => ({
		startedDateTime: '2026-11-22T12:00:00.5+01:00',
		time: 50,
		request: {
			...{ method: 'POST', url: `https://example.com:8443/a/${number}?b=c#d`, httpVersion: 'h2' },
			headers: [{ name: 'Content-Type', value: 'text/html; charset=shift_jis' }],
			postData: { mimeType: 'text/plain', text: 'grün' },
		},
		response: {
			...{ status: 200, statusText: 'OK', httpVersion: 'HTTP/1.1', bodySize: -1 },
			headers: [{ name: 'Content-Encoding', value: 'gzip, br' }],
			content: { size: 4, text: 'AAEC', encoding: 'base64' },
		},
		timings: { blocked: -1, send: 1, wait: 2, receive: 3 },
		_webSocketMessages: [],
	});
	const log = { creator: { name: 'a', version: '1' }, pages: [], entries: [1, 2, 3, 4].map(entry) };
	return Buffer.from(`\ufeff${JSON.stringify({ log }, null, 1)}`);
}

/** What happens to a file: bytes are replaced, lost or repeated, and lengths become extreme. */
const damage = fc.array(
	fc.record({
		kind: fc.constantFrom('byte', 'bit', 'number', 'remove', 'repeat', 'cut'),
		at: fc.nat(),
		length: fc.integer({ min: 1, max: 200 }),
		value: fc.constantFrom(0, 1, 7, 0x22, 0x5b, 0x7d, 0x7f, 0x80, 0xff),
	}),
	{ minLength: 1, maxLength: 6 },
);

type Damage = typeof damage extends fc.Arbitrary<infer T> ? T : never;

function damaged(file: Buffer, all: Damage): Buffer {
	let bytes = Buffer.from(file);
	for (const { kind, at: place, length, value } of all) {
		if (bytes.length < 16) break;
		const at = place % (bytes.length - 8);
		const to = Math.min(bytes.length, at + length);
		if (kind === 'byte') bytes[at] = value;
		else if (kind === 'bit') bytes[at]! ^= 1 << (value & 7);
		else if (kind === 'number') bytes.fill(value, at & ~3, (at & ~3) + 4);
		else if (kind === 'remove') bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(to)]);
		else if (kind === 'repeat') bytes = Buffer.concat([bytes.subarray(0, to), bytes.subarray(at)]);
		// Rarely, because nothing after it is tried.
		else if (value === 0xff) bytes = bytes.subarray(0, at);
	}
	return bytes;
}

for (const [name, files] of [
	['packets', packetFiles()],
	['HAR', [harFile()]],
] as const) {
	test(`damaged files of ${name} are read to an end, and what is wrong is told in a sentence`, () => {
		const path = join(directory.path, name);
		fc.assert(
			fc.property(fc.nat(files.length - 1), damage, (number, all) => {
				const bytes = damaged(files[number]!, all);
				writeFileSync(path, bytes);
				const sentences: string[] = [];
				try {
					const replayed = replayFile(path);
					sentences.push(...replayed.warnings, replayed.damage ?? '');
					// Each row has a head, which has bytes in the file.
					assert.equal(replayed.rows.length <= bytes.length / 16, true, String(replayed.rows.length));
				} catch (error) {
					if (!(error instanceof UserError)) throw error;
					assert.equal(error.code, 'ERR_NOT_A_RECORDING');
					sentences.push(error.message);
				}
				for (const sentence of sentences) assert.equal(/\n|undefined|NaN|\[object/.test(sentence), false, sentence);
			}),
			{ numRuns: RUNS },
		);
	});
}
