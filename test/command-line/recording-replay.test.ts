// Replays with the pauses of the capture, and replays of a part of a recording.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Command } from 'commander';
import * as wire from '../../decoder-as/assembly/wire/capture-event.ts';
import { processUser } from '../../src/base/invoking-user.ts';
import type { ReplaySettings } from '../../src/capture/capture-settings.ts';
import { RecordingWriter } from '../../src/capture/recording.ts';
import { recordingSource } from '../../src/capture/recording-source.ts';
import { Records } from '../../src/capture/records.ts';
import { addCaptureOptions, parseOptions } from '../../src/commands/options.ts';
import { eventually } from '../../support/eventually.ts';
import { buildBatch, Tape } from '../../support/record-builder.ts';
import { temporaryDirectory } from '../../support/servers.ts';
import { parseRows, runTinytap, startTinytap } from '../../support/tinytap.ts';

const directory = temporaryDirectory();
after(directory.remove);
const user = processUser();
const NO_FILTERS = { pids: [], comms: [], ports: [], cgroups: [] };
const WALL_NS = 1_700_000_000_000_000_000n;
let files = 0;

function recorded(...batches: Uint8Array[]): string {
	const path = join(directory.path, `replay-${files++}.tinytap`);
	const writer = new RecordingWriter(path, {}, { user });
	for (const batch of batches) writer.writeBatch(batch);
	writer.close();
	return path;
}

/** Exchanges /1 to /count, one every second; each response arrives half a second after its request. */
function secondsTape(count: number): Tape {
	const tape = new Tape();
	tape.timeNs = 0n;
	// Boot time 0 is WALL_NS.
	tape.clock(WALL_NS + 1_000_000n);
	const server = tape.server(1, { local: '127.0.0.1:80', remote: '127.0.0.1:4000' }).open();
	for (let i = 1; i <= count; i++) {
		tape.timeNs = BigInt(i) * 1_000_000_000n - 1_000_000n;
		server.in(`GET /${i} HTTP/1.1\r\nHost: h\r\n\r\n`);
		tape.timeNs += 499_000_000n;
		server.out('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
	}
	return tape;
}

type Handed = { readonly timeNs: bigint; readonly kind: number; readonly call: number; readonly atMs: number };

/** Everything that a replay returns, and when. */
function handedOut(settings: ReplaySettings): { records: Handed[]; waits: number } {
	const source = recordingSource(settings, user, NO_FILTERS);
	const into = new Uint8Array(source.batchBytes);
	const signals = new Int32Array(new SharedArrayBuffer(8));
	const records: Handed[] = [];
	let waits = 0;
	try {
		for (let call = 0; ; call++) {
			const length = source.nextBatch(into, 1000, signals);
			const atMs = performance.now();
			if (length < 0) return { records, waits };
			if (length === 0) waits++;
			const batch = new Records(into.subarray(0, length));
			while (batch.step()) records.push({ timeNs: batch.timeNs, kind: batch.kind, call, atMs });
		}
	} finally {
		source.close();
	}
}

test('a replay in real time returns no record before its time, all of them in order, and never waits long', () => {
	const tape = new Tape();
	tape.clock(WALL_NS);
	const server = tape.server(1).open();
	for (let i = 0; i < 6; i++) {
		server.in('GET / HTTP/1.1\r\nHost: h\r\n\r\n').out('HTTP/1.1 204 No Content\r\n\r\n');
		tape.pause(20);
	}
	// All records in one frame, and each in a separate frame.
	for (const path of [recorded(tape.batch()), recorded(...tape.records.map((record) => buildBatch([record])))]) {
		for (const speed of [1, 4]) {
			const { records, waits } = handedOut({ path, speed });
			assert.deepEqual(
				records.map(({ timeNs }) => timeNs),
				tape.records.map((record) => new Records(record).timeNs),
			);
			if (speed === 1) assert.ok(waits > 0, 'the caller gets time for other things');
			const [first] = records;
			for (const { timeNs, atMs } of records) {
				const dueMs = Number(timeNs - first!.timeNs) / 1e6 / speed;
				assert.ok(atMs - first!.atMs >= dueMs - 1, `${atMs - first!.atMs} ms, due at ${dueMs} ms`);
			}
		}
	}
	assert.equal(handedOut({ path: recorded(tape.batch()) }).waits, 0);
});

test('answers to the decoder come together with the records that raised the questions, whatever their time', () => {
	const tape = new Tape();
	tape.clock(WALL_NS);
	tape.server(1).open().in('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
	tape.pause(30);
	tape.factSocket(1, 'socket', '127.0.0.1:80', '127.0.0.1:4000');
	tape.factProcess(100, 'server');
	tape.pause(30);
	tape.processExit(100);
	const path = recorded(buildBatch(tape.records.slice(0, 3)), buildBatch(tape.records.slice(3)));
	const { records } = handedOut({ path, speed: 1 });
	const call = (kind: number) => records.find((record) => record.kind === kind)!.call;
	assert.equal(call(wire.CAPTURE_FACT_SOCKET), call(wire.CAPTURE_DATA));
	assert.equal(call(wire.CAPTURE_FACT_PROCESS), call(wire.CAPTURE_DATA));
	assert.ok(call(wire.CAPTURE_PROCESS_EXIT) > call(wire.CAPTURE_DATA));
});

test('--from and --to give the same rows as the whole recording; only exchanges open at the end are incomplete', async () => {
	const path = recorded(secondsTape(23).batch());
	const rows = async (...options: string[]) => {
		const sql = 'SELECT id, path, state, reason, status, ts FROM exchanges ORDER BY id';
		const { code, stdout, stderr } = await runTinytap([
			'query',
			sql,
			'--replay',
			path,
			'--format',
			'ndjson',
			...options,
		]);
		assert.equal(code, 0, stderr);
		return parseRows(stdout);
	};
	const all = await rows();
	assert.equal(all.length, 23);
	const second = (i: number) => new Date(Number(WALL_NS / 1_000_000n) + i * 1000).toISOString();
	// The clock is 1 ms after boot time 0, so the beginning is, too.
	assert.deepEqual(await rows('--from', '10s', '--to', '13700ms'), all.slice(10, 13));
	// Exchanges open when the replay began are complete; those open when it ended are cut.
	assert.deepEqual(await rows('--from', second(5.2)), all.slice(5));
	const cut = await rows('--to', second(3.2));
	assert.deepEqual(cut.slice(0, 2), all.slice(0, 2));
	assert.deepEqual([cut.length, cut[2]?.path, cut[2]?.state, cut[2]?.reason], [3, '/3', 'unanswered', 'capture ended']);
	// Up to --from at once, and then in real time.
	assert.deepEqual(await rows('--realtime=x100', '--from', '22s'), all.slice(22));
});

test('a replay in real time ends with --for, with Ctrl-C and with enough rows', async () => {
	const path = recorded(secondsTape(3600).batch());
	const tail = (...options: string[]) => [
		...['tail', '--replay', path, '--realtime', 'x4', '--format', 'ndjson', '--columns', 'id', ...options],
	];
	const limited = await runTinytap(tail('--for', '20ms'));
	assert.equal(limited.code, 0, limited.stderr);
	assert.match(limited.stderr, /^tinytap: replaying .* at 4 times its speed$/m);
	assert.deepEqual(
		parseRows((await runTinytap(tail('--count', '1'))).stdout).map(({ id }) => id),
		[1],
	);
	const running = startTinytap(tail());
	await eventually(
		() => running.stdout().includes('"id":1') || undefined,
		() => `no row: ${running.stderr()}`,
	);
	running.interrupt();
	const { code, stdout } = await running.finished;
	assert.equal(code, 0);
	assert.ok(parseRows(stdout).length < 3600);
});

test('positions and speeds that make no sense are rejected, with what was expected', () => {
	const path = recorded(secondsTape(2).batch());
	const parse = (...words: string[]) =>
		parseOptions(addCaptureOptions(new Command()).parse(words, { from: 'user' })).capture.replay;
	for (const [options, message] of [
		[['--replay', path, '--from', 'yesterday'], /--from: expected a time such as .*, got "yesterday"/],
		[['--replay', path, '--to', '2026-02-31'], /--to: expected a time/],
		[['--replay', path, '--from', '2s', '--to', '1s'], /expected --from before --to, got --from 2s --to 1s/],
		[['--replay', path, '--from', '2026-01-02', '--to', '2026-01-02'], /expected --from before --to/],
		[
			['--replay', path, '--realtime', 'fast'],
			/--realtime: expected nothing or a speed such as 2, x2 or x0.5, got "fast"/,
		],
		[['--replay', path, '--realtime', '0'], /--realtime: expected/],
		[['--from', '2s'], /--from: expected it together with --replay FILE/],
	] as const) {
		assert.throws(() => parse(...options), { code: 'ERR_USAGE', message });
	}
	const speed = (...words: string[]) => parse('--replay', path, ...words)?.speed;
	assert.deepEqual(
		[speed(), speed('--realtime'), speed('--realtime', '×2'), speed('--realtime=x0.5')],
		[undefined, 1, 2, 0.5],
	);
	assert.deepEqual(parse('--replay', path, '--from', '2026-01-02T03:04:05.678901+01:00', '--to', '10s'), {
		path,
		from: { epochUs: Date.UTC(2026, 0, 2, 2, 4, 5, 678) * 1000 + 901 },
		to: { afterMs: 10_000 },
	});
	const bare = recorded(new Tape().server(1).open().in('GET / HTTP/1.1\r\n\r\n').tape.batch());
	assert.throws(() => recordingSource({ path: bare, from: { afterMs: 1 } }, user, NO_FILTERS), {
		code: 'ERR_USAGE',
		message: /expected a clock at the beginning of .*, found none/,
	});
});
