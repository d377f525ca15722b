// More traffic than the ring holds: the loss is counted exactly, and later exchanges are right.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import * as wire from '../../decoder-as/assembly/wire/capture-event.ts';
import { processUser } from '../../src/base/invoking-user.ts';
import { FRAME_PAYLOAD_MAX, RecordingReader } from '../../src/capture/recording.ts';
import { eventually } from '../../support/eventually.ts';
import { parseRecords } from '../../support/parsed-records.ts';
import { startNginx, startProgram, temporaryDirectory } from '../../support/servers.ts';
import { parseRows, runTinytap, startTinytap } from '../../support/tinytap.ts';

const run = promisify(execFile);

/** CONNECTIONS × EACH requests; prints the bytes sent and received. */
const LOAD = `
import socket, sys, threading
port, connections, each, path = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
total = [0] * connections
def drive(number):
    connection = socket.create_connection(('127.0.0.1', port))
    for i in range(each):
        request = b'GET /%s?%d.%d HTTP/1.1\\r\\nHost: load\\r\\n\\r\\n' % (path.encode(), number, i)
        connection.sendall(request)
        data = b''
        while not data.endswith(b'0123456789'):
            data += connection.recv(65536)
        total[number] += len(request) + len(data)
    connection.close()
threads = [threading.Thread(target=drive, args=(n,)) for n in range(connections)]
for t in threads: t.start()
for t in threads: t.join()
print(sum(total))
`;

/** Bytes of the connections' streams that a recording's records account for, and the loss that it reports. */
function bytesOf(path: string): { seen: number; lost: number; lostEvents: number } {
	const reader = new RecordingReader(path, processUser());
	const into = new Uint8Array(FRAME_PAYLOAD_MAX);
	let seen = 0;
	let lost = 0;
	let lostEvents = 0;
	try {
		for (let length = reader.nextBatch(into); length > 0; length = reader.nextBatch(into)) {
			for (const record of parseRecords(into.slice(0, length))) {
				if (record.kind === wire.CAPTURE_DATA) seen += record.bytes;
				if (record.kind === wire.CAPTURE_LOSS && record.callBytes === wire.LOSS_RING_FULL) {
					lost = Number(record.conn);
					lostEvents = Number(record.offset);
				}
			}
		}
	} finally {
		reader.close();
	}
	return { seen, lost, lostEvents };
}

test('with a ring of 64 KiB and the reader stopped, seen + lost = sent; the next 100 requests are right', async () => {
	const nginx = await startNginx({ sendfile: true, server: 'location / { return 200 "0123456789"; }', workers: 2 });
	const directory = temporaryDirectory();
	const load = join(directory.path, 'load.py');
	const recording = join(directory.path, 'overload.tinytap');
	writeFileSync(load, LOAD);
	const tinytap = startTinytap([
		'record',
		recording,
		'--ring-size',
		'64KiB',
		'--port',
		String(nginx.port),
		'--comm',
		'nginx',
	]);
	try {
		await tinytap.attached();
		const running = startProgram('python3', [load, String(nginx.port), '20', '500', 'load']);
		tinytap.child.kill('SIGSTOP');
		// The load runs to its end while nobody reads.
		const first = await eventually(
			() => /^\d+$/m.exec(running.output())?.[0],
			() => `the load did not end: ${running.output()}`,
			120,
		);
		tinytap.child.kill('SIGCONT');
		const { stdout: second } = await run('python3', [load, String(nginx.port), '4', '25', 'after']);
		tinytap.interrupt();
		const { code, stderr } = await tinytap.finished;
		assert.equal(code, 0, stderr);

		const { seen, lost, lostEvents } = bytesOf(recording);
		assert.ok(lost > 0 && lostEvents > 0, 'the ring was full');
		assert.equal(seen + lost, Number(first) + Number(second));

		const replay = await runTinytap([
			'query',
			"SELECT count(*) AS n, sum(state = 'complete') AS complete, sum(status = 200) AS ok, sum(res_body = '0123456789') AS whole, sum(lost_bytes) AS lost FROM exchanges WHERE path = '/after'; SELECT sum(path = '/load' AND state = 'complete' AND (lost_bytes > 0 OR res_body != '0123456789')) AS mixed FROM exchanges; SELECT events > 0 AS counted FROM loss WHERE reason = 'ring_full'",
			'--replay',
			recording,
			'--format',
			'ndjson',
			'--quiet',
		]);
		assert.deepEqual(parseRows(replay.stdout), [
			{ n: 100, complete: 100, ok: 100, whole: 100, lost: 0 },
			{ mixed: 0 },
			{ counted: 1 },
		]);
	} finally {
		tinytap.child.kill('SIGCONT');
		await tinytap.stop();
		await nginx.stop();
		nginx.remove();
		directory.remove();
	}
});
