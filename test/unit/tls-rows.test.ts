// Plaintext of TLS right of the decoder: columns, exports, recordings, the tables and the prompt that speak of it.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import * as wire from '../../decoder-as/assembly/wire/capture-event.ts';
import * as layout from '../../decoder-as/assembly/wire/output-layout.ts';
import { processUser } from '../../src/base/invoking-user.ts';
import { copyConnections } from '../../src/capture/filter-recording.ts';
import { recordSettings } from '../../src/capture/record-settings.ts';
import { RecordingWriter } from '../../src/capture/recording.ts';
import { Records } from '../../src/capture/records.ts';
import { mergeCommand } from '../../src/commands/merge-command.ts';
import { recordingInfo } from '../../src/commands/recording-info.ts';
import { curlLine } from '../../src/output/curl-line.ts';
import { detailView } from '../../src/output/detail-view.ts';
import { createHarWriter } from '../../src/output/har.ts';
import { createHurlWriter } from '../../src/output/hurl.ts';
import { RecordingRedactor } from '../../src/output/recording-redactor.ts';
import { createTheme } from '../../src/output/theme.ts';
import { promptText } from '../../src/shell/prompt-text.ts';
import { SegmentCache } from '../../src/store/database.ts';
import { BLIND_SPOT_COLUMNS, entryTable } from '../../src/store/entry-table.ts';
import { recordReader } from '../../src/store/exchange-detail.ts';
import { NO_NAMES } from '../../src/store/remote-names.ts';
import { tlsLibraryTable } from '../../src/store/tls-library-table.ts';
import { withTlsReasons } from '../../src/store/tls-reasons.ts';
import { asPlaintext } from '../../support/as-plaintext.ts';
import { feedRecords, newDecoder } from '../../support/decoded-rows.ts';
import { seededRandom } from '../../support/random-conversation.ts';
import { buildBatch, Tape } from '../../support/record-builder.ts';
import { rowsOfRecording } from '../../support/recorded-rows.ts';
import { CANARY, canaryForms, PLACES, response } from '../../support/secret-places.ts';
import { temporaryDirectory } from '../../support/servers.ts';
import { GET, OK, stored, tableRows } from '../../support/stored-exchanges.ts';

const directory = temporaryDirectory();
after(directory.remove);
const user = processUser();
let files = 0;
const newPath = () => join(directory.path, `tls-${files++}.tinytap`);
const ENDS = { local: '10.0.0.1:8443', remote: '10.0.0.2:4000' };

/** One exchange inside TLS, with Host example.com. */
function tlsTape(conn = 1): Tape {
	const tape = new Tape();
	tape.clock(1_700_000_000_000_000_000n);
	const carrier = tape.server(conn, ENDS).open().shakeHands();
	const session = carrier.plaintext();
	session.in(GET('/a?b=c')).out(OK('hello'));
	session.close();
	carrier.close();
	return tape;
}

test('columns, the detail view and exports of an exchange inside TLS', () => {
	const { store, rows } = stored(tlsTape());
	const [row] = rows('exchanges');
	assert.deepEqual(
		[row!.tls, row!.url, row!.via, row!.vias, row!.req_via, row!.local],
		['openssl', 'https://example.com/a?b=c', 'SSL_write', 'SSL_write', 'SSL_read', ENDS.local],
	);
	const [connection] = rows('connections');
	assert.deepEqual([connection!.protocol, connection!.exchanges], ['http1', 1]);
	const record = recordReader(new SegmentCache().open(store.snapshot()), () => NO_NAMES)(0);
	assert.match(detailView(record), /^tls +plaintext, read in openssl$/m);
	assert.equal(
		curlLine(record).command,
		"curl --globoff --path-as-is --request 'GET' --connect-to '::10.0.0.1:8443' --url 'https://example.com/a?b=c' --header 'Accept:' --header 'User-Agent:'",
	);
	const har = createHarWriter({ version: '1', redactor: null });
	const { log } = JSON.parse([har.begin(), har.exchange(record), har.end()].join('')) as {
		log: { entries: { _tls: string; request: { url: string } }[] };
	};
	assert.deepEqual([log.entries[0]!.request.url, log.entries[0]!._tls], ['https://example.com/a?b=c', 'openssl']);
	const hurl = createHurlWriter({ version: '1', redactor: null });
	assert.match([hurl.begin(), hurl.exchange(record), hurl.end()].join(''), /^GET https:\/\/example\.com\/a\?b=c$/m);
	const clear = new Tape();
	clear.server(1, ENDS).open().in(GET('/')).out(OK('x'));
	const [other] = stored(clear).rows('exchanges');
	assert.deepEqual([other!.tls, other!.url], [null, 'http://example.com/']);
});

/** Passes records through the redactor of recordings, `perBatch` at a time. */
function redacted(records: readonly Uint8Array[], perBatch: number): Uint8Array[] {
	const redactor = new RecordingRedactor(() => 0);
	const batches: Uint8Array[] = [];
	for (let from = 0; from < records.length; from += perBatch)
		batches.push(...redactor.take(buildBatch(records.slice(from, from + perBatch))));
	return [...batches, ...redactor.drain()];
}

test('AT-9: in a redacted recording, no plaintext of TLS contains a secret, whatever ciphertext is between its calls', () => {
	const random = seededRandom(4);
	for (const { name, request, response: answered = response(), kept } of PLACES) {
		for (const step of [1 << 20, 5]) {
			const tape = new Tape();
			const server = tape.server(1, ENDS).open();
			const calls = (bytes: string | Uint8Array, move: (part: string) => void): void => {
				const text = Buffer.from(bytes as string, 'latin1').toString('latin1');
				for (let at = 0; at < text.length; at += step) move(text.slice(at, at + step));
			};
			calls(request, (part) => server.in(part));
			calls(answered, (part) => server.out(part));
			server.close();
			const before = asPlaintext(tape.records, random);
			for (const perBatch of [1, 1000]) {
				const streams = new Map<number, string>();
				for (const batch of redacted(before, perBatch)) {
					const records = new Records(batch);
					while (records.step()) {
						const flags = records.view.getUint32(records.at + wire.EVENT_FLAGS, true);
						if (records.kind !== wire.CAPTURE_DATA || (flags & wire.FLAG_PLAINTEXT) === 0) continue;
						const direction = records.view.getUint8(records.at + wire.EVENT_DIRECTION);
						const captured = records.view.getUint32(records.at + wire.EVENT_CAPTURED_BYTES, true);
						const payload = records.record.subarray(wire.CAPTURE_EVENT_HEADER_BYTES).subarray(0, captured);
						streams.set(direction, (streams.get(direction) ?? '') + Buffer.from(payload).toString('latin1'));
					}
				}
				const label = `${name}, calls of ${step} bytes, ${perBatch} records a batch`;
				const texts = [...streams.values()];
				assert.equal(texts.length, 2, label);
				for (const form of canaryForms())
					for (const text of texts) assert.ok(!text.includes(form), `${label}: ${text}`);
				for (const part of kept)
					assert.ok(
						texts.some((text) => (typeof part === 'string' ? text.includes(part) : part.test(text))),
						`${label}: ${part}`,
					);
			}
		}
	}
});

test('AT-9: a second session on the same connection is redacted, too', () => {
	const tape = new Tape();
	const carrier = tape.server(1, ENDS).open().shakeHands();
	carrier.plaintext().in(GET('/one')).out(OK('x'));
	// The end of the first session was lost.
	carrier
		.plaintext()
		.in(GET('/two', `Authorization: Bearer ${CANARY}\r\n`))
		.out(OK('y'));
	const bytes = Buffer.concat(redacted(tape.records, 2)).toString('latin1');
	assert.ok(bytes.includes('/two') && !bytes.includes(CANARY), bytes);
});

function recorded(tape: Tape, meta = {}): string {
	const path = newPath();
	const writer = new RecordingWriter(path, meta, { user });
	writer.writeBatch(tape.batch());
	writer.close();
	return path;
}

/** A session that is mapped to connection 5 after its request, and another connection. */
function mappedTape(): Tape {
	const tape = new Tape();
	tape.clock(1_700_000_000_000_000_000n);
	const carrier = tape.server(5, ENDS).open().shakeHands();
	const unmapped = tape.unmapped(900, { pid: 100, comm: 'server' });
	unmapped.add({ kind: wire.CAPTURE_OPEN });
	unmapped.in(GET('/mapped'));
	const session = unmapped.mapTo(carrier);
	session.out(OK('m'));
	session.close();
	carrier.close();
	tape.server(6, { remote: '10.0.0.3:1', local: '10.0.0.1:80' }).open().in(GET('/clear')).out(OK('c')).close();
	return tape;
}

test('copied and merged recordings keep which connection a session belongs to', async () => {
	const path = recorded(mappedTape());
	const copy = newPath();
	const writer = new RecordingWriter(copy, {}, { user });
	copyConnections(path, writer, new Set([5n]), user);
	writer.close();
	const rows = (file: string) =>
		rowsOfRecording(file)
			.map((row) => [row.path, row.local, row.anomalies])
			.toSorted();
	assert.deepEqual(rows(copy), [['/mapped', ENDS.local, null]]);
	const other = recorded(tlsTape(5), { tls: 'plaintext' });
	const merged = newPath();
	await mergeCommand([path, other], { output: merged });
	assert.deepEqual(rows(merged), [
		['/a', ENDS.local, null],
		['/clear', '10.0.0.1:80', null],
		['/mapped', ENDS.local, null],
	]);
	assert.deepEqual(
		[recordingInfo(path, user).tls, recordingInfo(other, user).tls, recordingInfo(merged, user).tls],
		[false, true, true],
	);
});

test('the metadata of a recording and the prompt say that plaintext of TLS is held', () => {
	const how = { force: false, redact: false, filters: 'this host' };
	assert.equal(recordSettings('/tmp/x', { ...how, tls: true }).meta.tls, 'plaintext');
	assert.equal(recordSettings('/tmp/x', { ...how, tls: false }).meta.tls, undefined);
	const facts = {
		theme: createTheme(false),
		isRoot: false,
		hasNewLoss: false,
		isPaused: true,
		recording: 'a/b.tinytap',
	};
	assert.equal(promptText({ ...facts, holdsTls: true }), 'tinytap (tls) (paused) (b.tinytap)> ');
	assert.equal(promptText({ ...facts, holdsTls: false }), 'tinytap (paused) (b.tinytap)> ');
});

test('tls_libraries shows what the helper found', () => {
	const common = {
		version: '3.0.17',
		place: 'ssl_read_internal+4',
		slow: false,
		processes: 3,
		attached: true,
		reason: '',
	};
	const rows = tableRows(
		tlsLibraryTable([
			{
				...common,
				path: '/usr/lib/libssl.so.3',
				library: wire.TLS_LIBRARY_OPENSSL,
				firstSeenUs: 1_700_000_000_000_000,
			},
			{
				path: '/opt/caf\xc3\xa9',
				library: 0,
				version: '',
				place: '',
				slow: true,
				processes: 1,
				attached: false,
				reason: 'java',
				firstSeenUs: 1_700_000_000_000_001,
			},
			{ ...common, path: '/x', library: 0, attached: false, reason: 'its symbols are stripped', firstSeenUs: 1 },
		]),
	);
	assert.deepEqual(rows[0], {
		...{ path: '/usr/lib/libssl.so.3', library: 'openssl', version: '3.0.17', place: 'ssl_read_internal+4', slow: 0 },
		...{ processes: 3, attached: 1, reason: null, first_seen: '2023-11-14T22:13:20.000000Z' },
	});
	assert.deepEqual(
		[rows[1]!.path, rows[1]!.library, rows[1]!.version, rows[1]!.place, rows[1]!.slow, rows[1]!.reason],
		['/opt/café', 'java', null, null, 1, 'java'],
	);
	assert.deepEqual([rows[2]!.library, rows[2]!.reason], [null, 'its symbols are stripped']);
});

test('the evidence of blind spots says why the plaintext of a process is not read', () => {
	const tape = new Tape();
	tape
		.server(1, { ...ENDS, pid: 100 })
		.open()
		.shakeHands();
	tape
		.server(2, { ...ENDS, pid: 200, remote: '10.0.0.2:2' })
		.open()
		.shakeHands();
	tape.add({ kind: wire.CAPTURE_BLIND_SPOT, pid: 100, callBytes: wire.BLIND_SPOT_IO_URING, comm: 'server' });
	const decoder = newDecoder();
	feedRecords(decoder, tape.records);
	decoder.snapshot(layout.SNAPSHOT_BLIND_SPOTS);
	const entries = decoder.output().slice().buffer;
	const changed = withTlsReasons(entries, (pid) => (pid === 100 ? 'java' : undefined));
	const spots = (buffer: ArrayBuffer) =>
		tableRows(entryTable('blind_spots', BLIND_SPOT_COLUMNS, layout.ENTRY_BLIND_SPOT, buffer))
			.map(({ pid, what, evidence, comm, times }) => [pid, what, evidence, comm, times])
			.toSorted();
	assert.deepEqual(spots(changed), [
		[100, 'io_uring', 'seen by the kernel', 'server', 1],
		[100, 'tls', 'TLS handshake on a connection; not read: java', 'server', 1],
		[200, 'tls', 'TLS handshake on a connection', 'server', 1],
	]);
});
