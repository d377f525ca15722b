// Repeated field lines are not parsed again (decoder-as/assembly/http1/recalled-fields.ts): a head must give the same
// row whatever came before it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Decoder } from '../../src/decode/decoder.ts';
import { type ExchangeRow, feedRecords, newDecoder, takeOutput } from '../../support/decoded-rows.ts';
import { seededRandom } from '../../support/random-conversation.ts';
import { type ConnectionTape, Tape } from '../../support/record-builder.ts';

const REQUEST_FIELDS = [
	'Host: a.example',
	'Host: b.example',
	'Accept: */*',
	'Content-Length: 0',
	'Content-Length: 5',
	'Content-Length: 7',
	'Connection: keep-alive',
	'Connection: close     ',
	'connection:  Keep-Alive',
	'Transfer-Encoding: chunked',
	'Expect: 100-continue',
	'X-Long: 0123456789abcdef0123456789abcdef',
	'X-Long: 0123456789abcdef0123456789abcdeg',
	' folded',
	'Bad Name: 1',
	'No colon',
];

type Conversation = { readonly request: string; readonly response: string };

/** The parts of a row that do not depend on when and where it was captured. */
function essence({ id, conn, ts, local, remote, pairId, durationMs, ttfbMs, ...row }: ExchangeRow): object {
	return row;
}

/** The rows of records that leave nothing open. */
function rowsOf(decoder: Decoder, records: readonly Uint8Array[]): ExchangeRow[] {
	const rows = feedRecords(decoder, records).exchanges;
	for (let i = 0; i < 2; i++) decoder.decode(0);
	return [...rows, ...takeOutput(decoder).exchanges];
}

function speak(server: ConnectionTape, { request, response }: Conversation): void {
	server.in(request).out(response).close();
}

/** Heads made of few fields, so that many share fields, byte counts or first lines. */
function randomConversations(seed: number, count: number): Conversation[] {
	const random = seededRandom(seed);
	const below = (limit: number) => random.between(0, limit - 1);
	const kept: string[][] = [];
	return Array.from({ length: count }, () => {
		let fields = kept[below(12)];
		if (fields === undefined || below(4) === 0) {
			fields = Array.from({ length: 1 + below(5) }, () => REQUEST_FIELDS[below(REQUEST_FIELDS.length)]!);
			kept[below(12)] = fields;
		} else if (below(3) === 0) {
			fields = fields.with(below(fields.length), REQUEST_FIELDS[below(REQUEST_FIELDS.length)]!);
		}
		const body = ['', '', 'hello', '5\r\nhello\r\n0\r\n\r\n'][below(4)]!;
		const line = ['GET / HTTP/1.1', 'POST /path?query HTTP/1.1', 'GET /other HTTP/1.0'][below(3)]!;
		const lineEnd = below(20) === 0 ? '\n' : '\r\n';
		const answer = ['Date: today', 'Server: s', `Content-Length: ${below(3)}`, 'Connection: close'].slice(below(4));
		return {
			request: [line, ...fields, '', ''].join(lineEnd) + body,
			response: `HTTP/1.1 200 OK\r\n${answer.join('\r\n')}\r\n\r\n${'ok'.slice(0, below(3))}`,
		};
	});
}

test('a head gives the same row whatever heads came before it', () => {
	const seen = newDecoder();
	for (const [i, conversation] of randomConversations(1, 1000).entries()) {
		const tape = new Tape();
		speak(tape.server(i + 1).open(), conversation);
		const rows = rowsOf(seen, tape.records);
		assert.ok(rows.length > 0);
		assert.deepEqual(rows.map(essence), rowsOf(newDecoder(), tape.records).map(essence), JSON.stringify(conversation));
	}
});

test('repeated fields obey limits that were set after they were first read', () => {
	const head = (path: string) => `GET ${path} HTTP/1.1\r\nHost: h\r\n${'Field: value\r\n'.repeat(29)}\r\n`;
	const decoder = newDecoder();
	const rows: ExchangeRow[] = [];
	const say = (conn: number) => {
		const tape = new Tape();
		speak(tape.server(conn).open(), { request: head('/'), response: 'HTTP/1.1 204 No Content\r\n\r\n' });
		rows.push(...rowsOf(decoder, tape.records));
	};
	say(1);
	say(2);
	decoder.configure({ headerCountLimit: 7 });
	say(3);
	decoder.configure({ headerCountLimit: 1000, headerBytesLimit: 256 });
	say(4);
	assert.deepEqual(
		rows.map(({ reqHeaders, anomalies }) => ({ fields: reqHeaders.length, anomalies })),
		[
			{ fields: 30, anomalies: null },
			{ fields: 30, anomalies: null },
			{ fields: 7, anomalies: 'many-headers' },
			{ fields: rows[3]!.reqHeaders.length, anomalies: 'long-headers' },
		],
	);
	assert.ok(rows[3]!.reqHeaders.length < 20);
});
