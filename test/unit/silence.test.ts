// Warnings about privileged processes that do not answer.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silenceWarnings } from '../../src/capture/silence.ts';

test('the silence of the privileged processes is reported once, and so is its end, with the number of unanswered questions', () => {
	const warnings = silenceWarnings();
	const said = (helper: boolean, lookers: boolean, unanswered: number) =>
		warnings({ helper, lookers, unanswered }).map(({ message }) => message.replace(/:.*/, ''));
	assert.deepEqual(said(false, false, 2), []);
	assert.deepEqual(said(false, true, 3), ['the processes that look up sockets and executables do not answer']);
	assert.deepEqual(said(false, true, 9), []);
	assert.deepEqual(said(true, true, 12), ['the helper does not answer']);
	assert.deepEqual(said(true, false, 12), []);
	assert.deepEqual(said(false, false, 23), ['they answer again; 23 questions were left unanswered']);
	assert.deepEqual(said(false, false, 23), []);
	assert.deepEqual(said(true, false, 26), ['the helper does not answer']);
});
