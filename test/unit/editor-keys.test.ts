// What keys mean at the prompt.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { meaningOf } from '../../src/shell/editor/keys.ts';

test('letters of all scripts type text; keys without a meaning and control characters do nothing', () => {
	for (const text of ['a', ' ', 'é', '日', '👩', '\u200d', '\u202e'])
		assert.equal(meaningOf(text, { sequence: text }), undefined);
	// Ctrl-\ and Ctrl-], which node:readline does not name, and a C1 character.
	for (const text of ['\x1c', '\x1d', '\x00', '\x9b']) assert.equal(meaningOf(text, { sequence: text }), 'ignore');
	assert.equal(meaningOf(undefined, { name: 'f5', sequence: '\x1b[15~' }), 'ignore');
	assert.equal(meaningOf('q', { name: 'q', ctrl: true, sequence: '\x11' }), 'ignore');
	assert.equal(meaningOf('\x1f', { sequence: '\x1f' }), 'undo');
	assert.equal(meaningOf('\r', { name: 'return', sequence: '\r' }), 'accept');
	assert.equal(meaningOf('\t', { name: 'tab', sequence: '\t' }), 'complete');
});
