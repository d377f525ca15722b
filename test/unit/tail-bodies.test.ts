// The bodies below the lines of a tail.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { BODY_COLUMNS, createTailBodies } from '../../src/output/tail-bodies.ts';
import { displayWidth } from '../../src/output/terminal-text.ts';
import { compileProjection } from '../../src/sql/sql.ts';
import { EXCHANGE_COLUMNS } from '../../src/store/exchange-table.ts';
import type { SqlValue } from '../../src/store/table.ts';

type Message = {
	readonly body?: string | Uint8Array;
	readonly bytes?: number;
	readonly note?: string;
	readonly type?: string;
	readonly encoding?: string;
};

/** The values of BODY_COLUMNS for one message. */
function valuesOf({ body = '', bytes, note, type, encoding }: Message): SqlValue[] {
	const raw = typeof body === 'string' ? Buffer.from(body) : body;
	return [raw.subarray(0, 65536), bytes ?? raw.length, raw.length, note ?? null, type ?? null, encoding ?? null, null];
}

const shown = (request: Message, response: Message, columns = 60, options = {}): string =>
	createTailBodies(options)([...valuesOf(request), ...valuesOf(response)], columns);

test('the columns can be selected', () => {
	const { columns } = compileProjection(BODY_COLUMNS.join(', '), EXCHANGE_COLUMNS);
	assert.equal(columns.length, valuesOf({}).length * 2);
});

test('each body is marked with its direction; JSON is indented, coded bodies are decoded, images are named', () => {
	assert.equal(
		shown(
			{ body: '{"a":1}', type: 'application/json' },
			{ body: gzipSync('one\r\ntwo'), encoding: 'gzip', type: 'text/plain' },
		),
		'    > {\n    >   "a": 1\n    > }\n    < one\n    < two\n',
	);
	assert.equal(
		shown({}, { body: Uint8Array.of(0x89, 0x50, 0x4e, 0x47), bytes: 68, type: 'image/png' }),
		'    < [image/png, 68 bytes]\n',
	);
	assert.equal(shown({}, {}), '');
});

test('the first lines of a long body are shown, and its note', () => {
	const lines = Array.from({ length: 40 }, (_, index) => `line ${index}`).join('\n');
	const text = shown({}, { body: lines, note: 'body: first 1 of 2 bytes (body limit)', type: 'text/plain' }).split(
		'\n',
	);
	assert.deepEqual(text.slice(10), [
		'    < line 10',
		'    < … 29 more lines',
		'    < body: first 1 of 2 bytes (body limit)',
		'',
	]);
	assert.equal(
		shown({ bytes: 5, note: 'body: 5 bytes via sendfile — content not captured' }, {}),
		'    > body: 5 bytes via sendfile — content not captured\n',
	);
	assert.equal(
		shown({}, { body: 'one\ntwo', note: 'body: first 7 of 9 bytes (body limit)', type: 'text/plain' }),
		'    < one\n    < two\n    < body: first 7 of 9 bytes (body limit)\n',
	);
	const lines12 = Array.from({ length: 12 }, (_, index) => `line ${index}`).join('\n');
	assert.equal(shown({ body: lines12, type: 'text/plain' }, {}).split('\n').at(-2), '    > line 11');
	const exactly = shown({ body: 'x'.repeat(65_536), type: 'text/plain' }, {}, 30).split('\n');
	assert.deepEqual([exactly.length, exactly[0]!.slice(0, 9)], [2, '    > xxx']);
	const long = shown({ body: 'x'.repeat(70_000), type: 'text/plain' }, {}, 30).split('\n');
	assert.deepEqual([long.length, long[1]], [3, '    > … more lines']);
});

test('whatever a body contains, lines fit the terminal and cannot drive it', () => {
	const hostile = `\x1b[2J\x07\r\x9b1m${'\u{1f600}'.repeat(90)}\n\ttab\u202e\n`;
	for (const columns of [20, 61, 200]) {
		const text = shown({ body: hostile, type: 'text/plain' }, { body: Buffer.from(hostile, 'latin1') }, columns);
		assert.doesNotMatch(text, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
		for (const line of text.split('\n')) assert.ok(displayWidth(line) <= columns, JSON.stringify(line));
	}
});

test('redacted bodies are decoded already', () => {
	const body = { body: '{"token":"x"}', type: 'application/json; charset=utf-16', encoding: 'gzip' };
	assert.match(shown(body, {}, 60, { redacted: true }), /^ {4}> \{\n {4}> {3}"token": "x"\n/);
});
