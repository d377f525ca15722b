// Bytes moved by io_uring or Linux AIO, which no call shows: counted holes, and no response given to the wrong request.
import assert from 'node:assert/strict';
import { basename, join } from 'node:path';
import { describe, it } from 'node:test';
import { FLAG_AFTER_UNSEEN, DIRECTION_OUT as OUT } from '../../decoder-as/assembly/wire/capture-event.ts';
import { BPF_OBJECTS, runScenario, startCapture } from '../../support/captured-records.ts';
import { parseRows, runTinytap } from '../../support/tinytap.ts';

const FIXTURE = join(import.meta.dirname, '../../support/socket_calls/run.py');
const RESPONSE_BYTES = 'HTTP/1.1 201 OK\r\nContent-Length: 1000\r\n\r\n'.length + 1000;
const REQUEST_BYTES = 'GET /1 HTTP/1.1\r\nHost: a\r\n\r\n'.length;

type Row = Record<string, string | number | null>;

/** The exchanges of one run, by side, with its loss and its blind spots. */
async function watch(
	...scenario: readonly string[]
): Promise<{ server: Row[]; client: Row[]; lost: Row; spots: Row[] }> {
	const sql = `SELECT 'row' AS what, side, path, status, state, reason, lost_bytes, res_body_note AS note FROM exchanges
		UNION ALL SELECT 'loss', kind, reason, events, NULL, NULL, bytes, NULL FROM loss WHERE kind = 'lost' AND events > 0
		UNION ALL SELECT 'spot', what, NULL, NULL, NULL, NULL, NULL, NULL FROM blind_spots`;
	const words = ['query', sql, '--format', 'ndjson', '--', 'python3', FIXTURE, ...scenario];
	const { code, stdout, stderr } = await runTinytap(words);
	assert.equal(code, 0, stderr);
	const rows = parseRows(stdout) as Row[];
	const of = (what: string, side?: string) =>
		rows
			.filter((row) => row.what === what && (side === undefined || row.side === side))
			.map(({ what: _what, side: _side, ...row }) => row);
	const lost = rows.filter((row) => row.what === 'loss');
	return {
		server: of('row', 'server'),
		client: of('row', 'client'),
		lost: Object.fromEntries(lost.map((row) => [row.path, row.lost_bytes])) as Row,
		spots: rows.filter((row) => row.what === 'spot').map((row) => ({ what: row.side ?? null })),
	};
}

const whole = (path: string, status: number) => ({
	path,
	status,
	state: 'complete',
	reason: null,
	lost_bytes: 0,
	note: null,
});

for (const [how, spot] of [
	['uring', 'io_uring'],
	['aio', 'aio'],
] as const) {
	describe(`bytes that move by ${spot}`, () => {
		it('a whole response: its request is unanswered, and does not get the next response', async () => {
			const { server, client, lost, spots } = await watch('unseen', how, 'response');
			assert.deepEqual(client, [whole('/1', 201), whole('/2', 202)]);
			assert.deepEqual(lost, { unseen: RESPONSE_BYTES });
			assert.deepEqual(spots, [{ what: spot }]);
			assert.equal(server.find((row) => row.path === '/1')!.status, null);
			assert.ok(server.every((row) => row.status !== 202 || row.path === '/2' || row.path === null));
		});

		it('the last response: its request is unanswered because bytes were lost', async () => {
			const { server, lost } = await watch('unseen', how, 'last');
			assert.deepEqual(lost, { unseen: RESPONSE_BYTES });
			const [row, ...more] = server;
			assert.deepEqual(more, []);
			assert.deepEqual([row!.path, row!.status, row!.state, row!.reason], ['/1', null, 'unanswered', 'bytes lost']);
		});

		it('a whole request: its response has no request, and the next exchange is complete', async () => {
			const { server, lost } = await watch('unseen', how, 'request');
			assert.deepEqual(lost, { unseen: REQUEST_BYTES });
			assert.ok(
				server.every((row) => row.status !== 201 || row.path === null),
				JSON.stringify(server),
			);
			assert.ok(server.some((row) => row.path === '/2'));
		});

		it('part of a body: counted in its row, and the next exchange is complete', async () => {
			const { server, lost } = await watch('unseen', how, 'body');
			assert.deepEqual(lost, { unseen: 400 });
			assert.deepEqual(server, [
				{
					path: '/1',
					status: 201,
					state: 'incomplete',
					reason: 'bytes lost',
					lost_bytes: 400,
					note: 'body: 600 of 1000 bytes; 400 lost (unseen)',
				},
				whole('/2', 202),
			]);
		});

		it('part of a head: the request does not get a later response', async () => {
			const { server, lost } = await watch('unseen', how, 'head');
			assert.equal(lost.unseen, 10);
			assert.ok(server.every((row) => row.status !== 202 || row.path === '/2' || row.path === null));
		});
	});
}

describe('bytes that move by aio on a unix socket, which does not count them', () => {
	for (const kind of ['pair', 'path']) {
		for (const [case_, files] of [
			['asks', 0],
			['hears', 100],
			['begins', 0],
			['answers', 100],
			['takes', 0],
		] as const) {
			it(`${kind}, ${case_}, after ${files} requests for a file: no response is given to another's request, and pairing returns after a pause`, async () => {
				const { server, client, spots } = await watch('unseen_uncounted', kind, case_, String(files));
				const rows = [...server, ...client];
				assert.ok(
					rows.every(({ path, status }) => path === null || status === null || path === `/${Number(status) - 200}`),
					JSON.stringify(rows),
				);
				assert.deepEqual(spots, [{ what: 'aio' }]);
				const fourth = rows.filter(({ path, status }) => path === '/4' && status === 204);
				assert.equal(fourth.length, 2, JSON.stringify(rows));
				// The unseen bytes are missing somewhere, and that row says so.
				assert.ok(
					rows.some(({ reason }) => reason === 'bytes lost' || reason === 'request not seen'),
					JSON.stringify(rows),
				);
			});
		}
	}
});

for (const objectPath of BPF_OBJECTS) {
	it(`the hole is where the bytes are missing, and marked (${basename(objectPath)})`, async () => {
		const test = startCapture({ objectPath });
		try {
			for (const how of ['uring', 'aio']) {
				const run = await runScenario(test, 'unseen', how, 'body');
				const sent = run.data(run.conn('server'), OUT);
				const head = RESPONSE_BYTES - 1000;
				assert.deepEqual(
					sent.map((each) => [each.offset, each.bytes, each.flags]),
					[
						[0, head + 300, 0],
						[head + 700, 300, FLAG_AFTER_UNSEEN],
						[RESPONSE_BYTES, RESPONSE_BYTES, 0],
					],
				);
			}
		} finally {
			test.capture.close();
		}
	});
}

it('a descriptor that io_uring closes and reopens is another connection', async () => {
	const { server } = await watch('unseen_reuse');
	assert.deepEqual(server.map((row) => [row.path, row.status, row.state]).sort(), [
		['/first', 200, 'incomplete'],
		['/second', 200, 'complete'],
	]);
});
