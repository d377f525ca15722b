// A hostile client of the privileged programs: whatever it sends, they answer the next request correctly.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../..');
const CLIENT = join(ROOT, 'test/fixtures/hostile_client.py');

test('the helper repairs the terminal when tinytap is gone, but not after a goodbye', async () => {
	await run('python3', [CLIENT, join(ROOT, 'build/tinytap-attacher'), 'terminal'], { timeout: 60_000 });
});

for (const [name, title] of [
	['sizes', 'requests of a wrong size are not answered'],
	['types', 'unknown types and requests out of turn change nothing, and nothing is loaded or attached twice'],
	['given', 'no map with addresses of the kernel’s memory is given to tinytap'],
	['dismissed', 'a connection is forgotten without it'],
	['numbers', 'ids of processes and descriptors may be any numbers, and no descriptor is left open'],
	['executables', 'paths of executables may be deleted, long or strange'],
	['hurry', 'only tinytap’s own threads can be hurried'],
	['flood', 'a client that asks without reading answers gets answers when it reads again'],
	['descriptors', 'descriptors that come with a request are not kept'],
	['stuck', 'files that cannot be closed hold up lookers, but not the helper, which detaches in time'],
	['copies', 'whoever has copies of the sockets cannot keep the helper and the lookers longer than tinytap'],
	['orphans', 'when the attacher or the helper is killed, no looker is left'],
	['reused', 'once tinytap has ended, no thread with its numbers can be hurried'],
	['outsiders', 'no signal but root’s kill -9 ends the helper, and other users may send it none'],
	['calls', 'should it be taken over, few system calls are left to it'],
	['goodbye', 'after a goodbye nobody listens'],
] as const) {
	test(`a hostile client of the helper: ${title}`, async () => {
		const { stderr } = await run('python3', [CLIENT, join(ROOT, 'build/tinytap-attacher'), name], { timeout: 120_000 });
		assert.equal(stderr, '');
	});
}
