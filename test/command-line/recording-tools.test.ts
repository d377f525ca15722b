// `tinytap info` summarizes a recording, and `tinytap merge` merges several.
import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import * as wire from '../../decoder-as/assembly/wire/capture-event.ts';
import { processUser } from '../../src/base/invoking-user.ts';
import { bodyLimitMeta, type RecordingMeta, RecordingWriter } from '../../src/capture/recording.ts';
import { infoText } from '../../src/commands/info-command.ts';
import { mergeCommand } from '../../src/commands/merge-command.ts';
import { recordingInfo } from '../../src/commands/recording-info.ts';
import { pcapFile } from '../../support/packet-builder.ts';
import { buildBatch, Tape } from '../../support/record-builder.ts';
import { ownRow, rowsOfRecording } from '../../support/recorded-rows.ts';
import { temporaryDirectory } from '../../support/servers.ts';
import { runTinytap } from '../../support/tinytap.ts';

const directory = temporaryDirectory();
after(directory.remove);
const user = processUser();
let files = 0;
const newPath = () => join(directory.path, `tools-${files++}.tinytap`);
const WALL_NS = 1_700_000_000_000_000_000n;
/** Wall time of boot time 0 on every tape. */
const BOOT_WALL_NS = WALL_NS - 1_000_000_000n;
const HOST: RecordingMeta = { host: 'shop-1', kernel: '6.1', boot_id: 'b-1', tinytap: '1.2.3', filters: 'port 80' };

/** A recording of these records, in batches. */
function recorded(batches: readonly Uint8Array[], meta: RecordingMeta = HOST, compress = false): string {
	const path = newPath();
	const writer = new RecordingWriter(path, meta, { user, compress });
	for (const batch of batches) writer.writeBatch(batch);
	writer.close();
	return path;
}

/** A tape that starts at this boot time with a clock record. */
function tapeAt(timeNs: bigint): Tape {
	const tape = new Tape();
	tape.timeNs = timeNs;
	tape.clock(BOOT_WALL_NS + timeNs + 1_000_000n);
	return tape;
}

/** `count` requests with responses of a server on connection `conn`; returns the tape. */
function serve(tape: Tape, conn: number, names: readonly string[], pauseMs = 0): Tape {
	const server = tape.server(conn, { local: '127.0.0.1:80', remote: `127.0.0.1:${4000 + conn}` }).open();
	for (const name of names) {
		server
			.in(`GET /${name} HTTP/1.1\r\nHost: shop\r\n\r\n`)
			.out(`HTTP/1.1 200 OK\r\nContent-Length: ${name.length}\r\n\r\n${name}`);
		tape.pause(pauseMs);
	}
	server.close();
	return tape;
}

test('info summarizes a recording, as text and as JSON', async () => {
	const tape = serve(tapeAt(5_000_000_000n), 1, ['a', 'b', 'c']);
	const client = tape.client(2, { local: '127.0.0.1:5', remote: '10.0.0.1:80' }).open();
	client
		.out('GET /x HTTP/1.1\r\nHost: h\r\n\r\n')
		.in(`HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n${'x'.repeat(100)}`);
	tape.loss(wire.LOSS_RING_FULL, 3n, 4500n);
	const meta = { ...HOST, ...bodyLimitMeta(64), recording: 'r-1', part: 7, odd: '\x1b[31m' };
	for (const compress of [false, true]) {
		const path = recorded([buildBatch(tape.records.slice(0, 5)), buildBatch(tape.records.slice(5))], meta, compress);
		const info = recordingInfo(path, user);
		assert.deepEqual(info, {
			...{ file: path, format: 'tinytap', bytes: statSync(path).size, compression: compress ? 'gzip' : null },
			...{ format_version: 2, record_versions: [wire.CAPTURE_EVENT_VERSION] },
			...{
				tinytap: '1.2.3',
				host: 'shop-1',
				kernel: '6.1',
				boot_id: 'b-1',
				filters: 'port 80',
				where: null,
				redacted: false,
				tls: false,
				body_limit: 64,
			},
			...{ recording: 'r-1', part: 7, merged: null },
			...{ start: '2023-11-14T22:13:24.001000Z', end: '2023-11-14T22:13:24.013000Z', duration_ms: 12 },
			...{ frames: 2, records: tape.records.length, connections: 2 },
			...{ packets: null, entries: null, link_layers: null, written_by: null, notes: [] },
			exchanges: { server: 3, client: 1, unknown: 0 },
			loss: [
				{ reason: 'ring_full', kind: 'lost', events: 3, bytes: 4500 },
				{ reason: 'body_limit', kind: 'by_design', events: 1, bytes: 36 },
			],
			...{ state: 'complete', damage: null },
		});
		const text = infoText(info);
		for (const line of [
			`size         ${info.bytes} bytes${compress ? ', compressed (gzip)' : ''}`,
			'host         shop-1',
			'filters      port 80',
			'body limit   64 bytes',
			'part         7 of recording r-1',
			'duration     12 ms',
			'exchanges    3 server, 1 client',
			'loss         ring_full: 3 events, 4500 bytes (lost)',
		])
			assert.ok(text.split('\n').includes(line), `${line}\n${text}`);
	}
	// An empty recording by another program says nothing.
	const empty = recordingInfo(recorded([], { host: '\x1b]0;x' }), user);
	assert.deepEqual([empty.records, empty.start, empty.duration_ms, empty.body_limit], [0, null, null, null]);
	assert.match(infoText(empty), /^host +\\x1b\]0;x$/m);
	assert.match(infoText(empty), /^loss +none$/m);
});

test('info counts what is left of a truncated or damaged recording, and reports the damage in its exit status', async () => {
	const tape = serve(tapeAt(0n), 1, ['a', 'b', 'c', 'd']);
	const path = recorded(tape.records.map((record) => buildBatch([record])));
	const bytes = readFileSync(path);
	const cut = newPath();
	writeFileSync(cut, bytes.subarray(0, -16));
	assert.deepEqual([recordingInfo(cut, user).state, recordingInfo(cut, user).loss], ['truncated', []]);
	bytes[bytes.length - 30]! ^= 1;
	const damaged = newPath();
	writeFileSync(damaged, bytes);
	const info = recordingInfo(damaged, user);
	assert.equal(info.state, 'damaged');
	assert.equal(info.records, tape.records.length - 1);
	assert.deepEqual(info.exchanges, { server: 4, client: 0, unknown: 0 });
	assert.deepEqual(info.loss, [{ reason: 'decode_gap', kind: 'lost', events: 1, bytes: info.damage!.missingBytes }]);
	const told = await runTinytap(['info', damaged]);
	assert.equal(told.code, 1);
	assert.match(
		told.stdout,
		/^state +damaged at byte \d+: a frame's checksum does not match its bytes; \d+ bytes of the file/m,
	);
	const json = await runTinytap(['info', cut, '--json']);
	assert.deepEqual([json.code, JSON.parse(json.stdout)], [0, JSON.parse(JSON.stringify(recordingInfo(cut, user)))]);
});

test('merged recordings are in order of time, with separate connections, and losses are added up', async () => {
	const a = serve(tapeAt(0n), 1, ['a1', 'a2', 'a3', 'a4'], 10);
	a.loss(wire.LOSS_RING_FULL, 2n, 20n);
	const b = serve(tapeAt(5_000_000n), 1, ['b1', 'b2', 'b3'], 10);
	b.loss(wire.LOSS_RING_FULL, 5n, 50n);
	b.loss(wire.LOSS_MAP_FULL, 1n, 0n);
	const inputs = [
		recorded([b.batch()], { ...HOST, recording: 'b' }),
		recorded([a.batch()], { ...HOST, recording: 'a' }, true),
	];
	const output = newPath();
	assert.equal(await mergeCommand(inputs, { output, compress: true }), 0);
	const rows = rowsOfRecording(output);
	assert.deepEqual(
		rows.map(({ target }) => target),
		['/a1', '/b1', '/a2', '/b2', '/a3', '/b3', '/a4'],
	);
	assert.ok(rows.every(({ state }) => state === 'complete'));
	assert.equal(new Set(rows.map(({ conn }) => conn)).size, 2);
	const info = recordingInfo(output, user);
	assert.deepEqual(
		info.loss.map(({ reason, events, bytes }) => [reason, events, bytes]),
		[
			['ring_full', 7, 70],
			['map_full', 1, 0],
		],
	);
	assert.deepEqual(
		[info.state, info.merged, info.host, info.boot_id, info.compression],
		['complete', 2, 'shop-1', 'b-1', 'gzip'],
	);
	assert.equal(statSync(output).mode & 0o777, 0o600);
	// The end of one does not end the others, and the rows of each input are the same as when it is replayed alone.
	for (const [index, prefix] of ['/b', '/a'].entries()) {
		const alone = rowsOfRecording(inputs[index]!).map(ownRow);
		assert.deepEqual(rows.filter(({ target }) => String(target).startsWith(prefix)).map(ownRow), alone);
	}
});

test('recordings of two hosts, of two boots, or given twice are rejected with a message, and nothing is written', async () => {
	const tape = serve(tapeAt(0n), 1, ['a']);
	const make = (meta: RecordingMeta, records = tape) => recorded([records.batch()], meta);
	const other = new Tape();
	other.clock(WALL_NS + 3_600_000_000_000n);
	const first = make({ ...HOST, recording: 'a' });
	const bare = make({});
	const pcap = newPath();
	writeFileSync(pcap, pcapFile([]));
	const har = newPath();
	writeFileSync(har, '{"log":{"entries":[]}}');
	for (const [second, message, with_ = first] of [
		[
			make({ ...HOST, host: 'shop-2', boot_id: 'b-2' }),
			/expected recordings of one host and one boot, but .* are of shop-1 and shop-2/,
		],
		[make({ ...HOST, boot_id: 'b-2' }), /are of shop-1 before and after a reboot/],
		[make({ host: 'shop-2' }), /are of shop-1 and shop-2/],
		[make({ host: 'shop-1' }, other), /have clocks that began at different times/],
		[make({ host: 'shop-1' }, new Tape()), /do not both have a clock/],
		[make({ ...HOST, recording: 'a' }), /expected different recordings, got the same one twice/],
		[bare, /expected different recordings, got the same one twice/, bare],
		[make({}), /expected different recordings, got the same one twice/, bare],
		[pcap, /^expected recordings, but .* is a pcap file$/],
		[har, /^expected recordings, but .* is a HAR file$/],
	] as const) {
		const output = newPath();
		await assert.rejects(mergeCommand([with_, second], { output }), { code: 'ERR_MERGE', message });
		assert.throws(() => statSync(output), { code: 'ENOENT' });
	}
	// Containers of one host have different names. Recordings by earlier versions have no boot id.
	const output = newPath();
	assert.equal(await mergeCommand([first, make({ ...HOST, host: 'web' }), bare], { output }), 0);
	const info = recordingInfo(output, user);
	assert.equal(info.host, 'shop-1; web; unknown');
	assert.equal(info.exchanges.server, 3);
	await assert.rejects(mergeCommand([first], { output }), { code: 'ERR_FILE_EEXIST' });
	await assert.rejects(mergeCommand([first, bare], { output: first, force: true }), {
		code: 'ERR_USAGE',
		message: /-o: expected another file/,
	});
	assert.equal(recordingInfo(first, user).exchanges.server, 1);
});

test('merging keeps what is left of a damaged recording, and its gap', async () => {
	const tape = serve(tapeAt(0n), 1, ['a', 'b', 'c', 'd']);
	const path = recorded(tape.records.map((record) => buildBatch([record])));
	const bytes = readFileSync(path);
	bytes[bytes.length - 30]! ^= 1;
	writeFileSync(path, bytes);
	const output = newPath();
	await assert.rejects(mergeCommand([path, recorded([serve(tapeAt(0n), 5, ['e']).batch()])], { output }), {
		code: 'ERR_RECORDING_DAMAGED',
		hint: 'Everything else is in the merged recording.',
	});
	const info = recordingInfo(output, user);
	assert.deepEqual([info.state, info.exchanges.server], ['complete', 5]);
	assert.deepEqual(info.loss, recordingInfo(path, user).loss);
});

test('record --where keeps whole connections with a matching exchange, and their rows are as before', async () => {
	const tape = tapeAt(0n);
	tape.factProcess(100, 'server', '', 'server --secret-of-100');
	tape.factProcess(200, 'client', '', 'client --of-200');
	serve(tape, 1, ['a', 'b', 'c']);
	serve(tape, 2, ['d', 'wanted', 'e']);
	const client = tape.client(3, { local: '127.0.0.1:9', remote: '10.0.0.1:80' }).open();
	client.out('GET /other HTTP/1.1\r\nHost: h\r\n\r\n').in('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
	tape.loss(wire.LOSS_RING_FULL, 3n, 30n);
	tape.end();
	const whole = recorded(
		tape.records.map((record) => buildBatch([record])),
		{ ...HOST, ...bodyLimitMeta(64) },
	);
	const path = newPath();
	const run = (output: string, where: string, ...options: string[]) =>
		runTinytap(['record', output, '--replay', whole, '--where', where, ...options]);
	const done = await run(path, "path = '/wanted'", '--strict', '--compress');
	assert.equal(done.code, 3, 'loss is told as without a condition');
	assert.match(done.stderr, /^tinytap: 1 of 7 exchanges passed: recorded their 1 connections in \d+ bytes$/m);
	const rows = rowsOfRecording(path);
	const expected = rowsOfRecording(whole).filter(({ conn }) => conn === 2);
	assert.deepEqual(rows.map(ownRow), expected.map(ownRow));
	assert.deepEqual(
		rows.map(({ target }) => target),
		['/d', '/wanted', '/e'],
	);
	const info = recordingInfo(path, user);
	assert.deepEqual(
		[info.where, info.host, info.body_limit, info.state, info.compression, info.connections],
		["path = '/wanted'", 'shop-1', 64, 'complete', 'gzip', 1],
	);
	assert.deepEqual(info.loss[0], { reason: 'ring_full', kind: 'lost', events: 3, bytes: 30 });
	assert.equal(statSync(path).mode & 0o777, 0o600);
	const bytes = gunzipSync(readFileSync(path)).toString('latin1');
	assert.ok(bytes.includes('secret-of-100') && !bytes.includes('of-200') && !bytes.includes('/other'));
	// The unfiltered recording is removed. An invalid condition or an existing file is an error before anything is recorded.
	assert.throws(() => statSync(`${path}.part`), { code: 'ENOENT' });
	const other = newPath();
	for (const [output, where, code, message] of [
		[other, 'path LIKE', 1, /ERR_SQL/],
		[path, 'true', 1, /ERR_FILE_EEXIST/],
	] as const) {
		const refused = await run(output, where);
		assert.equal(refused.code, code, refused.stderr);
		assert.match(refused.stderr, message);
		assert.throws(() => statSync(`${output}.part`), { code: 'ENOENT' });
	}
	assert.throws(() => statSync(other), { code: 'ENOENT' });
});
