// Parsing sizes, durations and numbers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDuration, parseInteger, parseSize } from '../../src/base/quantity.ts';

test('sizes are bytes, with binary units', () => {
	const sizes: [string, number][] = [
		['64KiB', 65536],
		['1MiB', 1048576],
		['4096', 4096],
		['1.5KiB', 1536],
		['0', 0],
		['2gib', 2147483648],
		['10B', 10],
	];
	for (const [text, bytes] of sizes) assert.equal(parseSize(text, '--x'), bytes, text);
	for (const text of ['', 'KiB', '64kb', '1 MiB', '-1', '1e3', '0.3', 'none', '1.5', '99999999999999999999']) {
		assert.throws(
			() => parseSize(text, '--x'),
			{ code: 'ERR_USAGE', exitCode: 2, message: /--x: expected a size such as .* got/ },
			text,
		);
	}
});

test('durations have a unit', () => {
	const durations: [string, number][] = [
		['500ms', 500],
		['10s', 10000],
		['5m', 300000],
		['1.5s', 1500],
		['0s', 0],
		['2h', 7200000],
	];
	for (const [text, milliseconds] of durations) assert.equal(parseDuration(text, '--for'), milliseconds, text);
	for (const text of ['10', 's', '-1s', '1 s', '1d', '', '9999h']) {
		assert.throws(() => parseDuration(text, '--for'), { code: 'ERR_USAGE', message: /expected a duration/ }, text);
	}
});

test('whole numbers have bounds', () => {
	assert.equal(parseInteger('65535', '--port', 1, 65535), 65535);
	assert.throws(() => parseInteger('70000', '--port', 1, 65535), {
		message: '--port: expected a whole number from 1 to 65535, got "70000"',
	});
	for (const text of ['0', '1.0', '0x10', '', ' 1', '+1'])
		assert.throws(() => parseInteger(text, '--port', 1, 65535), text);
});
