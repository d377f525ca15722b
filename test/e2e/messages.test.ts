// Messages between real programs, both ends of each connection captured.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { temporaryDirectory } from '../../support/servers.ts';
import { parseRows, runTinytap } from '../../support/tinytap.ts';

const PEERS = join(import.meta.dirname, '../fixtures/message-peers.mjs');

type Row = Readonly<Record<string, unknown>>;

describe('messages between real programs', () => {
	const temporary = temporaryDirectory();
	let messages: Row[] = [];
	let lost: Row[] = [];
	before(async () => {
		const script = join(temporary.path, 'all.sql');
		writeFileSync(
			script,
			`SELECT e.side, e.comm, e.path, e.state, m.* FROM messages m JOIN exchanges e ON e.id = m.exchange_id ORDER BY m.exchange_id, m.seq;
SELECT sum(events) AS lost FROM loss WHERE kind = 'lost';`,
		);
		const args = ['run', script, '--format', 'ndjson', '--', process.execPath, PEERS, temporary.path];
		const { code, stdout, stderr } = await runTinytap(args);
		assert.equal(code, 0, stderr);
		const rows = parseRows(stdout);
		messages = rows.filter((row) => 'seq' in row);
		lost = rows.filter((row) => 'lost' in row);
	});
	after(() => temporary.remove());

	const of = (path: string, side: string) => messages.filter((row) => row.path === path && row.side === side);

	it('events of Node and through nginx are rows of each side, with times of their own', () => {
		assert.deepEqual(lost, [{ lost: 0 }]);
		const exchanges = new Map<unknown, Row[]>();
		for (const row of messages.filter(({ path }) => path === '/events'))
			exchanges.set(row.exchange_id, [...(exchanges.get(row.exchange_id) ?? []), row]);
		const sides = [...exchanges.values()].map(([row]) => `${row!.side} ${row!.comm}`).toSorted();
		// Asked directly, and by nginx, which was asked, too.
		assert.deepEqual(sides, [
			'client nginx',
			'client node',
			'client node',
			'server nginx',
			'server node',
			'server node',
		]);
		for (const rows of exchanges.values()) {
			assert.deepEqual(
				rows.map((row) => [row.seq, row.kind, row.event, row.event_id, row.data, row.note]),
				Array.from({ length: 12 }, (_, i) => [i + 1, 'event', 'token', `${i}`, `{"token":${i}}`, null]),
			);
			const times = rows.map((row) => String(row.ts));
			assert.deepEqual(times, times.toSorted());
			if (rows[0]!.side === 'server' && rows[0]!.comm === 'node') assert.equal(new Set(times).size, 12);
			assert.equal(rows[0]!.direction, rows[0]!.side === 'server' ? 'out' : 'in');
		}
	});

	it('lines and parts are rows', () => {
		for (const side of ['server', 'client']) {
			assert.deepEqual(
				of('/lines', side).map((row) => [row.kind, row.data, row.note]),
				[0, 1, 2, 3].map((i) => ['text', `{"line":${i}}`, null]),
			);
			assert.deepEqual(
				of('/parts', side).map((row) => [row.kind, row.event, row.data, row.note]),
				[0, 1, 2].map((i) => ['part', 'text/plain', `part ${i}`, null]),
			);
		}
	});

	it('WebSocket messages are unmasked, joined and decompressed', () => {
		for (const side of ['server', 'client']) {
			const [toServer, toClient] = side === 'server' ? ['in', 'out'] : ['out', 'in'];
			const rows = of('/chat', side);
			assert.equal(rows[0]!.state, 'upgraded');
			assert.deepEqual(
				rows.filter((row) => row.direction === toClient).map((row) => [row.kind, row.data, row.close_code, row.note]),
				[
					...Array.from({ length: 8 }, (_, i) => [
						'text',
						JSON.stringify({ number: i, text: 'the same text again and again' }),
						null,
						null,
					]),
					['ping', 'are you there', null, null],
					['text', 'in two fragments', null, null],
					['close', 'enough', 4000, null],
				],
			);
			const sent = rows.filter((row) => row.direction === toServer);
			const kinds = sent.map((row) => row.kind);
			assert.deepEqual(kinds.toSorted(), ['binary', 'close', 'pong', 'text']);
			const one = (kind: string) => sent.find((row) => row.kind === kind)!;
			assert.deepEqual(
				[one('text').data, one('binary').data_raw, one('pong').data, one('close').close_code],
				['hello', 'AQID', 'are you there', 4000],
			);
		}
	});

	it('streams of HTTP/2 have messages of gRPC and WebSocket', () => {
		for (const side of ['server', 'client']) {
			const [toServer, toClient] = side === 'server' ? ['in', 'out'] : ['out', 'in'];
			const texts = (path: string, direction: string | undefined) =>
				of(path, side)
					.filter((row) => row.direction === direction)
					.map((row) => [row.kind, row.data, row.note]);
			assert.deepEqual(
				texts('/chat.Chat/Talk', toServer),
				[0, 1, 2].map((i) => ['grpc', `question ${i}`, null]),
			);
			assert.deepEqual(texts('/chat.Chat/Talk', toClient), [
				...[0, 1, 2].map((i) => ['grpc', `answer ${i}`, null]),
				['grpc', 'compressed', null],
			]);
			assert.deepEqual(
				of('/tunnel', side).map((row) => [row.direction, row.kind, row.data_raw, row.close_code]),
				[
					[toClient, 'text', 'd2VsY29tZQ==', null],
					[toServer, 'binary', 'CQgH', null],
					[toClient, 'close', 'A+g=', 1000],
				],
			);
		}
	});
});
