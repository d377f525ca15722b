// The addresses of tinytap's own sockets, which the capture thread leaves out.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OwnSockets, socketAddress } from '../../src/threads/own-sockets.ts';
import { eventually } from '../../support/eventually.ts';

test('an address is found by its bytes, by both threads, until it is removed and a moment has passed', async () => {
	const main = new OwnSockets(undefined, 20);
	const capture = new OwnSockets(main.buffer);
	const has = (address: string, before = 'GET ') => {
		const bytes = Buffer.from(`${before}${address} tail`);
		return capture.find(bytes, before.length, address.length) !== undefined;
	};
	assert.deepEqual([capture.inUse, has('127.0.0.1:4000')], [false, false]);
	const removals = ['127.0.0.1:4000', '[::1]:4001'].map((address) => main.add(address));
	assert.deepEqual(
		[capture.inUse, has('127.0.0.1:4000'), has('[::1]:4001'), has('127.0.0.1:400'), has('127.0.0.1:40000'), has('')],
		[true, true, true, false, false, false],
	);
	removals[0]!();
	// The last exchange of a closed connection may come later.
	assert.equal(has('127.0.0.1:4000'), true);
	await eventually(
		() => !has('127.0.0.1:4000') || undefined,
		() => 'it is still there',
	);
	assert.deepEqual([capture.inUse, has('[::1]:4001')], [true, true]);
	main.add('10.0.0.1:1');
	assert.deepEqual([has('10.0.0.1:1'), has('[::1]:4001')], [true, true]);
});

test('with more sockets than there is room for, the first ones are known', () => {
	const own = new OwnSockets();
	const known = (address: string) => own.find(Buffer.from(address), 0, address.length) !== undefined;
	for (let port = 1; port <= 100; port++) own.add(`10.0.0.1:${port}`);
	own.add('x'.repeat(100));
	assert.deepEqual([known('10.0.0.1:1'), known('10.0.0.1:64'), known('10.0.0.1:65')], [true, true, false]);
});

test('a listener is known as one', () => {
	const own = new OwnSockets();
	own.add('127.0.0.1:9464', 'listener');
	own.add('127.0.0.1:4000');
	const kinds = ['127.0.0.1:9464', '127.0.0.1:4000', '127.0.0.1:4001'].map((address) =>
		own.find(Buffer.from(address), 0, address.length),
	);
	assert.deepEqual(kinds, ['listener', 'connection', undefined]);
});

test('addresses have the form of the columns local and remote', () => {
	assert.deepEqual(
		[socketAddress('127.0.0.1', 80), socketAddress('::1', 80), socketAddress('::ffff:10.0.0.1', 80)],
		['127.0.0.1:80', '[::1]:80', '10.0.0.1:80'],
	);
});
