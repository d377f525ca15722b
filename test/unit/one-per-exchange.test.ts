// For an exchange seen from both sides, a tail prints the server's row.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OnePerExchange } from '../../src/threads/one-per-exchange.ts';

const WAITS = { known: 200, unknown: 10 };
const client = (id: number, pairId = Number.NaN) => ({ id, pairId, isClient: true });
const server = (id: number, pairId = Number.NaN) => ({ id, pairId, isClient: false });

test("the server's row is returned at once and the client's row never, whichever comes first", () => {
	const sides = new OnePerExchange<string>(WAITS);
	assert.deepEqual(sides.take(client(1), 'c1', 0), []);
	assert.deepEqual(sides.take(server(2, 1), 's2', 9), ['s2']);
	assert.deepEqual(sides.take(server(3), 's3', 20), ['s3']);
	assert.deepEqual(sides.take(client(4, 3), 'c4', 30), []);
	assert.equal(sides.nextDue, undefined);
	assert.deepEqual(sides.rest(), []);
});

test("a client's row is returned after the wait, and a server's row after that is not", () => {
	const sides = new OnePerExchange<string>(WAITS);
	sides.take(client(1, 2), 'c1', 0);
	sides.take(client(3, 4), 'c3', 100);
	assert.equal(sides.nextDue, 200);
	assert.deepEqual(sides.due(199), []);
	assert.deepEqual(sides.due(200), ['c1']);
	assert.deepEqual(sides.take(server(2, 1), 's2', 250), []);
	assert.deepEqual(sides.take(server(9), 's9', 300), ['c3', 's9']);
});

test("a client's row waits only briefly if no row of another side is known, and not for rows before it", () => {
	const sides = new OnePerExchange<string>(WAITS);
	sides.take(client(1, 2), 'c1', 0);
	sides.take(client(3), 'c3', 5);
	sides.take(client(5, 0), 'c5', 6);
	assert.equal(sides.nextDue, 15);
	assert.deepEqual(sides.take(server(4, 3), 's4', 14), ['s4'], 'its other side was found in time');
	assert.deepEqual(sides.due(16), ['c5']);
	assert.equal(sides.nextDue, 200);
	assert.deepEqual(sides.rest(), ['c1']);
});

test('at the end the waiting rows are returned in order; rows without a side are returned at once', () => {
	const sides = new OnePerExchange<string>(WAITS);
	for (const id of [1, 2, 3]) sides.take(client(id), `c${id}`, id);
	assert.deepEqual(sides.take({ id: 4, pairId: 0, isClient: false }, 'none', 5), ['none']);
	assert.deepEqual(sides.rest(), ['c1', 'c2', 'c3']);
});

test('memory is bounded: the oldest row stops waiting, and old rows are forgotten', () => {
	const sides = new OnePerExchange<number>(WAITS);
	let given = 0;
	for (let id = 1; id <= 5000; id++) given += sides.take(client(id), id, 0).length;
	assert.equal(given, 3000);
	for (let id = 5001; id <= 60_000; id++) sides.take(server(id), id, 0);
	assert.deepEqual(sides.take(client(70_000, 60_000), 70_000, 0), []);
	assert.equal(sides.take(server(70_001, 1), 70_001, 0).length, 1, 'row 1 is forgotten');
});
