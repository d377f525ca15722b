// Connection timing of real sockets.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '../../support/servers.ts';
import { runTinytap } from '../../support/tinytap.ts';

/** The server reads 100 ms after accept. A full backlog makes the last two clients send their SYN again after a second. */
const PROGRAM = `
import select, socket, threading, time
listener = socket.socket(); listener.bind(('127.0.0.1', 0)); listener.listen(0)
address = listener.getsockname()
def serve(count):
    for _ in range(count):
        connection, _ = listener.accept()
        time.sleep(0.1)
        connection.recv(1000); connection.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok')
        connection.recv(1000); connection.close()
def ask(path, blocking):
    client = socket.socket()
    client.setblocking(blocking)
    client.connect_ex(address)
    if not blocking: select.select([], [client], [])
    client.setblocking(True)
    client.sendall(b'GET /' + path + b' HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n'); client.recv(1000); client.close()
first = socket.create_connection(address)
clients = [threading.Thread(target=ask, args=each) for each in [(b'blocking', True), (b'background', False)]]
for client in clients: client.start()
def connecting():
    lines = [line.split() for line in open('/proc/net/tcp').readlines()[1:]]
    return sum(line[3] == '02' and int(line[2].split(':')[1], 16) == address[1] for line in lines)
while connecting() < 2: time.sleep(0.01)
first.sendall(b'GET /first HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')
server = threading.Thread(target=serve, args=(3,)); server.start()
first.recv(1000); first.close()
for thread in clients + [server]: thread.join()
`;

test('connect_ms, accept_wait_ms, rtt_ms and retransmits: blocking and in the background, with a SYN that had to be sent again', async () => {
	const directory = temporaryDirectory();
	try {
		const program = join(directory.path, 'program.py');
		writeFileSync(program, PROGRAM);
		const sql = `SELECT e.path, c.side, connect_ms, accept_wait_ms, rtt_ms, retransmits FROM connections c
			JOIN exchanges e ON e.conn = c.id ORDER BY c.side, e.path`;
		const { stdout, stderr, code } = await runTinytap(['query', sql, '--format', 'json', '--', 'python3', program]);
		assert.equal(code, 0, stderr);
		const rows = JSON.parse(stdout) as Record<string, number | string | null>[];
		assert.deepEqual(
			rows.map(({ side, path }) => `${side} ${path}`),
			[
				'client /background',
				'client /blocking',
				'client /first',
				'server /background',
				'server /blocking',
				'server /first',
			],
		);
		for (const { path, side, connect_ms, accept_wait_ms, rtt_ms, retransmits } of rows) {
			const label = JSON.stringify([path, side, connect_ms, accept_wait_ms, rtt_ms, retransmits]);
			assert.ok(Number(rtt_ms) > 0 && Number(retransmits) >= 0, label);
			if (side === 'server') {
				assert.equal(connect_ms, null, label);
				assert.ok(Number(accept_wait_ms) >= 100, label);
			} else {
				assert.equal(accept_wait_ms, null, label);
				assert.ok(Number(connect_ms) > (path === '/first' ? 0 : 500), label);
				assert.ok(Number(retransmits) >= (path === '/first' ? 0 : 1), label);
			}
		}
	} finally {
		directory.remove();
	}
});
