// Recordings of a running capture: a sequence of files, each of which can be replayed alone.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as wire from '../../decoder-as/assembly/wire/capture-event.ts';
import { processUser } from '../../src/base/invoking-user.ts';
import type { BatchSource } from '../../src/capture/batch-source.ts';
import type { RecordSettings } from '../../src/capture/capture-settings.ts';
import { clockRecord, endRecord, lossRecord, processFact } from '../../src/capture/fact-record.ts';
import { rotatedPath } from '../../src/capture/record-settings.ts';
import { Records } from '../../src/capture/records.ts';
import { mergeCommand } from '../../src/commands/merge-command.ts';
import { recordingInfo } from '../../src/commands/recording-info.ts';
import { CaptureRecorder } from '../../src/threads/capture-recorder.ts';
import type { RecordingEnd } from '../../src/threads/messages.ts';
import { newDecoder } from '../../support/decoded-rows.ts';
import { buildBatch, Tape } from '../../support/record-builder.ts';
import { ownRow, recordsOf, rowsOfRecording } from '../../support/recorded-rows.ts';
import { temporaryDirectory } from '../../support/servers.ts';

const user = processUser();
const WALL_NS = 1_700_000_000_000_000_000n;
const META = { host: 'h', boot_id: 'b', recording: 'r', tinytap: '1' };

/** A capture whose kernel is a tape. Loss counters grow by one each time they are read. */
class TestCapture {
	readonly directory = temporaryDirectory();
	readonly warnings: string[] = [];
	readonly tape = new Tape();
	lostBytes = 0;
	readonly #decoder = newDecoder();
	readonly recorder: CaptureRecorder;
	readonly source: BatchSource;
	#taken = 0;
	lost = 0n;

	constructor() {
		const feed = (records: readonly Uint8Array[]) => this.decode(Buffer.concat(records), true);
		this.recorder = new CaptureRecorder({
			...{ decoder: this.#decoder, user, bodyLimit: () => 65_536, feed },
			warn: (message) => this.warnings.push(message),
			lost: (bytes) => {
				this.lostBytes += bytes;
			},
		});
		const clocks = () => [
			clockRecord(this.tape.timeNs, WALL_NS + this.tape.timeNs),
			lossRecord(this.tape.timeNs, wire.LOSS_RING_FULL, this.lost, this.lost * 10n),
		];
		this.source = {
			periodicRecords: clocks,
			lastRecords: () => [...clocks(), endRecord(this.tape.timeNs)],
			answer: ({ pid }: { pid: number }) =>
				processFact(this.tape.timeNs, pid, { comm: `p${pid}`, cgroup: '', cmdline: '', exe: '' }),
		} as unknown as BatchSource;
	}

	path(name: string): string {
		return join(this.directory.path, name);
	}

	files(): string[] {
		return readdirSync(this.directory.path).toSorted();
	}

	/** Opens the recording as the capture thread does. */
	open(settings: Partial<RecordSettings> & { path: string }): void {
		this.recorder.open({ force: false, meta: META, ...settings });
		this.decode(Buffer.concat(this.source.periodicRecords()), true);
	}

	/** Decodes what is new on the tape, as a batch. */
	take(): void {
		const records = this.tape.records.slice(this.#taken);
		this.#taken = this.tape.records.length;
		this.decode(buildBatch(records), false);
		this.recorder.rotateIfDue(this.source);
	}

	decode(batch: Uint8Array, counters: boolean): void {
		this.#decoder.input(batch.byteLength).set(batch);
		this.recorder.records(batch, counters);
		this.#decoder.decode(batch.byteLength);
		this.#decoder.clearOutput();
	}

	close(): RecordingEnd {
		for (const record of this.source.lastRecords()) this.decode(record, true);
		return this.recorder.close()!;
	}
}

/** Two connections side by side: one whose requests end within a batch, and one whose responses begin in the next one. */
function talk(capture: TestCapture, batches: number): void {
	const { tape } = capture;
	const quick = tape.server(1, { local: '127.0.0.1:80', remote: '127.0.0.1:4001' }).open();
	const slow = tape.server(2, { local: '127.0.0.1:80', remote: '127.0.0.1:4002', pid: 101 }).open();
	slow.in('GET /slow/0 HTTP/1.1\r\nHost: h\r\n\r\n');
	for (let i = 1; i <= batches; i++) {
		slow.out(`HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n${String(i).repeat(5000).slice(0, 5000)}`);
		tape.pause(50);
		quick.in(`GET /quick/${i} HTTP/1.1\r\nHost: h\r\n\r\n`).out(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`);
		tape.pause(50);
		slow.in(`GET /slow/${i} HTTP/1.1\r\nHost: h\r\n\r\n`);
		capture.lost++;
		capture.take();
	}
}

test('the files of a rotation are complete recordings; no loss is counted twice, and merged they equal the capture', async () => {
	for (const compress of [false, true]) {
		const capture = new TestCapture();
		const whole = new TestCapture();
		try {
			whole.open({ path: whole.path('whole.tinytap') });
			talk(whole, 13);
			whole.close();
			capture.open({
				path: capture.path('shop.tinytap'),
				compress,
				rotate: { bytes: 12_000, ms: Number.POSITIVE_INFINITY },
			});
			talk(capture, 13);
			const end = capture.close();
			const files = capture.files().map((name) => capture.path(name));
			assert.ok(files.length >= 4, files.join());
			assert.deepEqual([end.files, end.kept, end.complete], [files.length, files.length, true]);
			assert.equal(end.path, files.at(-1));
			assert.equal(
				files.reduce((sum, file) => sum + statSync(file).size, 0),
				end.bytes,
			);
			let lost = 0;
			let quick = 0;
			for (const [index, file] of files.entries()) {
				assert.match(file, new RegExp(`/shop-\\d{8}T\\d{6}Z-${String(index + 1).padStart(4, '0')}\\.tinytap$`));
				assert.equal(statSync(file).mode & 0o777, 0o600);
				const info = recordingInfo(file, user);
				assert.deepEqual([info.state, info.part, info.recording], ['complete', index + 1, 'r']);
				const losses = info.loss.filter(({ kind }) => kind === 'lost');
				assert.ok(
					losses.every(({ reason }) => reason === 'ring_full'),
					JSON.stringify(losses),
				);
				lost += losses[0]?.events ?? 0;
				const rows = rowsOfRecording(file);
				quick += rows.filter(({ target, state }) => target?.startsWith('/quick/') && state === 'complete').length;
				// Addresses and names are also known for connections older than the file.
				for (const row of rows) assert.match(`${row.local} ${row.comm}`, /^127\.0\.0\.1:80 (p\d+|server)$/);
			}
			assert.equal(lost, 13);
			assert.equal(quick, 13, 'none is cut by the end of a file');
			const output = capture.path('merged.tinytap');
			assert.equal(await mergeCommand(files.toReversed(), { output }), 0);
			const facts = (path: string) =>
				rowsOfRecording(path).map((row) => ({ ...ownRow(row), comm: null, cmdline: null, cgroup: null, exe: null }));
			// What a later file begins with is known there.
			const opened = recordsOf(output).filter((record) => new Records(record).kind === wire.CAPTURE_OPEN);
			assert.equal(opened.length, 2);
			assert.deepEqual(facts(output), facts(whole.path('whole.tinytap')));
			assert.deepEqual(recordingInfo(output, user).loss, recordingInfo(whole.path('whole.tinytap'), user).loss);
			// Without the second file its bytes are missing, so nothing is joined across the hole.
			const holed = capture.path('holed.tinytap');
			await mergeCommand([files[0]!, ...files.slice(2)], { output: holed });
			assert.ok(rowsOfRecording(holed).every(({ lostBytes }) => lostBytes === 0));
			assert.equal(recordingInfo(holed, user).connections, 4);
		} finally {
			capture.directory.remove();
			whole.directory.remove();
		}
	}
});

test('only the newest files are kept, and only files that this capture wrote are removed', () => {
	const capture = new TestCapture();
	try {
		const old = rotatedPath(capture.path('shop.tinytap'), new Date('2026-01-01T00:00:00Z'), 1);
		assert.equal(old, capture.path('shop-20260101T000000Z-0001.tinytap'));
		writeFileSync(old, 'of an earlier run');
		capture.open({ path: capture.path('shop.tinytap'), rotate: { bytes: 7000, ms: 1e9 }, keep: 2 });
		// Another program replaces the first file.
		const [first] = capture.files().slice(1);
		renameSync(capture.path(first!), capture.path('moved'));
		writeFileSync(capture.path(first!), 'of somebody else');
		talk(capture, 11);
		const end = capture.close();
		assert.ok(end.files! > 4);
		assert.equal(end.kept, 2);
		const left = capture.files().filter((name) => name !== 'moved');
		assert.equal(left.length, 4, left.join());
		assert.deepEqual(
			[readFileSync(old, 'utf8'), readFileSync(capture.path(first!), 'utf8')],
			['of an earlier run', 'of somebody else'],
		);
		assert.deepEqual(
			left.slice(-2).map((name) => recordingInfo(capture.path(name), user).part),
			[end.files! - 1, end.files],
		);
		assert.deepEqual(capture.warnings, []);
	} finally {
		capture.directory.remove();
	}
});

test('a file of a rotation never replaces another, and the capture continues without a recording if no file can be created', () => {
	const capture = new TestCapture();
	try {
		const path = capture.path('shop.tinytap');
		// Files with the names that would be chosen in the next minutes.
		const now = Date.now();
		for (let second = 0; second < 300; second++)
			writeFileSync(rotatedPath(path, new Date(now + second * 1000), 1), 'taken');
		capture.open({ path, rotate: { bytes: 7000, ms: 1e9 }, keep: 1 });
		talk(capture, 3);
		assert.match(capture.recorder.path!, /-00\d\d\.tinytap$/);
		assert.ok(capture.files().filter((name) => readFileSync(capture.path(name), 'latin1') === 'taken').length === 300);
		const last = capture.recorder.path!;
		renameSync(capture.directory.path, `${capture.directory.path}-gone`);
		talk(capture, 3);
		const end = capture.close();
		assert.deepEqual([end.complete, end.path], [false, last]);
		assert.match(capture.warnings.at(-1)!, /^recording to .*shop-.* stopped: .*; the capture continues$/);
		assert.ok(capture.lostBytes > 0);
		renameSync(`${capture.directory.path}-gone`, capture.directory.path);
		assert.equal(recordingInfo(last, user).state, 'complete', 'the file before it was closed properly');
	} finally {
		capture.directory.remove();
	}
});

test('a file also ends at its maximum age, and the counters of a recording that starts later start at 0', () => {
	const capture = new TestCapture();
	try {
		capture.lost = 5n;
		capture.open({ path: capture.path('aged.tinytap'), rotate: { bytes: Number.POSITIVE_INFINITY, ms: 0 } });
		talk(capture, 3);
		assert.equal(capture.close().files, 4);
		const later = new TestCapture();
		later.lost = 5n;
		later.decode(Buffer.concat(later.source.periodicRecords()), true);
		later.lost = 7n;
		later.recorder.start({ path: capture.path('later'), force: false, meta: META }, later.source);
		talk(later, 3);
		const end = later.recorder.stop(later.source);
		assert.deepEqual(end, { path: capture.path('later'), bytes: statSync(end.path).size, complete: true });
		assert.equal(later.recorder.path, undefined);
		assert.deepEqual(
			recordingInfo(end.path, user).loss.map(({ reason, events, bytes }) => [reason, events, bytes]),
			[['ring_full', 3, 30]],
		);
		later.directory.remove();
	} finally {
		capture.directory.remove();
	}
});

test('a connection between two exchanges when a file begins is paired from its first request on, without any pause', () => {
	const capture = new TestCapture();
	try {
		capture.open({ path: capture.path('busy.tinytap'), rotate: { bytes: 9000, ms: 1e9 } });
		const { tape } = capture;
		const addresses = { local: '127.0.0.1:80', remote: '127.0.0.1:4001' };
		const server = tape.server(1, addresses).open();
		const client = tape.client(2, { local: addresses.remote, remote: addresses.local }).open();
		const fresh = tape.server(3, { ...addresses, remote: '127.0.0.1:4003' }).open();
		for (let i = 1; i <= 101; i++) {
			const request = `GET /${i} HTTP/1.1\r\nHost: h\r\n\r\n`;
			const response = `HTTP/1.1 200 OK\r\nContent-Length: ${i}\r\n\r\n${'x'.repeat(i)}`;
			client.out(request);
			server.in(request).out(response);
			client.in(response);
			if (i % 3 === 0) capture.take();
		}
		fresh.in('GET /late HTTP/1.1\r\nHost: h\r\n\r\n').out('HTTP/1.1 204 No Content\r\n\r\n');
		capture.take();
		assert.ok(capture.close().files! >= 4);
		const rows = capture.files().flatMap((file) => rowsOfRecording(capture.path(file)));
		assert.deepEqual(
			rows.filter(({ state }) => state !== 'complete'),
			[],
		);
		for (const side of ['server', 'client']) {
			assert.deepEqual(
				rows.filter((row) => row.side === side).map(({ target, resBodyBytes }) => [target, resBodyBytes]),
				[...Array.from({ length: 101 }, (_, i) => [`/${i + 1}`, i + 1]), ...(side === 'server' ? [['/late', 0]] : [])],
			);
		}
		assert.ok(rows.every(({ pairId, target }) => target === '/late' || pairId > 0));
	} finally {
		capture.directory.remove();
	}
});

test('bytes lost right after the beginning of a file are detected, and no response is paired with another request', () => {
	const capture = new TestCapture();
	try {
		const { tape } = capture;
		const server = tape.server(1, { local: '127.0.0.1:80', remote: '127.0.0.1:4001' }).open();
		server.in('GET /before HTTP/1.1\r\nHost: h\r\n\r\n').out('HTTP/1.1 204 No Content\r\n\r\n');
		capture.take();
		const path = capture.path('later');
		capture.recorder.start({ path, force: false, meta: META }, capture.source);
		const lost = 'GET /lost HTTP/1.1\r\nHost: h\r\n\r\n';
		server.inOffset += BigInt(lost.length);
		server.out('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlost');
		server.in('GET /seen HTTP/1.1\r\nHost: h\r\n\r\n').out('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nseen');
		capture.take();
		capture.recorder.stop(capture.source);
		const rows = rowsOfRecording(path);
		assert.deepEqual(
			rows.map(({ target, reason, resBody }) => [target, reason, resBody]),
			[
				[null, 'request not seen', 'lost'],
				['/seen', 'bytes lost', null],
				[null, 'request not seen', 'seen'],
			],
		);
	} finally {
		capture.directory.remove();
	}
});
