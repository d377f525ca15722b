// How long connections took to be made and to be read, and what their sockets measured.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as wire from '../../decoder-as/assembly/wire/capture-event.ts';
import { decodeRecords } from '../../support/decoded-rows.ts';
import { type ConnectionTape, Tape } from '../../support/record-builder.ts';

const REQUEST = 'GET / HTTP/1.1\r\nHost: h\r\n\r\n';
const RESPONSE = 'HTTP/1.1 204 No Content\r\n\r\n';

/** The times of the only connection on a tape. */
function timesOf(fill: (tape: Tape) => ConnectionTape | undefined): (number | null)[] {
	const tape = new Tape();
	fill(tape);
	const [row] = decodeRecords(tape.records).connections;
	return [row!.connectMs, row!.acceptWaitMs, row!.rttMs, row!.retransmits];
}

test('a client has the time of connecting, a server the time until its first bytes were read, both what the socket measured', () => {
	const connected = { connectNs: 12_345_678n, measured: { rttUs: 250, retransmits: 3 } };
	assert.deepEqual(
		timesOf((tape) => tape.client(1, connected).open().out(REQUEST).in(RESPONSE).close()),
		[12.345678, null, 0.25, 3],
	);
	const accepted = (tape: Tape) => {
		const server = tape.server(1, { measured: { rttUs: 0, retransmits: 0 } }).open();
		tape.pause(40);
		server.in(REQUEST.slice(0, 5));
		tape.pause(100);
		return server.in(REQUEST.slice(5)).out(RESPONSE).close();
	};
	assert.deepEqual(timesOf(accepted), [null, 41, null, 0]);
});

test('times that were not seen are NULL: of older connections and recordings, after a loss, while it is open', () => {
	const none = [null, null, null, null];
	const midstream = { flags: wire.FLAG_MIDSTREAM };
	assert.deepEqual(
		timesOf((tape) => tape.server(1, midstream).open().in(REQUEST).out(RESPONSE).closePlainly()),
		none,
	);
	const lost = (tape: Tape) => {
		const server = tape.server(1).open();
		server.inOffset = 10n;
		return server.in(REQUEST).out(RESPONSE).close();
	};
	assert.deepEqual(timesOf(lost), none);
	assert.deepEqual(
		timesOf((tape) => tape.client(1).open().out(REQUEST).in(RESPONSE).close()),
		none,
	);
	assert.deepEqual(
		timesOf((tape) => tape.client(1, { connectNs: 1n }).open().out(REQUEST).in(RESPONSE)),
		[0.000001, null, null, null],
	);
});
