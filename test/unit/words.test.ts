// The documented words and the numbers they stand for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as wire from '../../decoder-as/assembly/wire/capture-event.ts';
import * as layout from '../../decoder-as/assembly/wire/output-layout.ts';
import {
	ANOMALIES,
	ANOMALY_DESCRIPTIONS,
	anomalyWords,
	eventFlags,
	eventName,
	REASONS,
	STATES,
	SYSCALL_NAMES,
	syscallList,
} from '../../src/decode/words.ts';

test('every anomaly has a word and a meaning, in the order of the numbers', () => {
	assert.deepEqual(
		ANOMALY_DESCRIPTIONS.map(([word]) => word),
		ANOMALIES,
	);
	assert.equal(anomalyWords(1, 0), 'bare-lf');
	assert.equal(anomalyWords(0, 2), 'long-headers');
	assert.equal(anomalyWords(0, 0), null);
});

test('every reason and state of the layout has a word', () => {
	const count = (prefix: string) => Object.keys(layout).filter((name) => name.startsWith(prefix)).length;
	assert.equal(REASONS.length, count('REASON_'));
	assert.equal(REASONS.filter((word) => word === null).length, 1);
	assert.equal(STATES.length, count('STATE_'));
});

test('syscalls and flags have their documented names', () => {
	assert.equal(SYSCALL_NAMES[wire.SYSCALL_SENDFILE], 'sendfile');
	assert.equal(SYSCALL_NAMES[wire.SYSCALL_PWRITEV2], 'pwritev2');
	assert.equal(SYSCALL_NAMES[wire.SYSCALL_NONE], null);
	assert.equal(syscallList('\x08\x0f'), 'write+sendfile');
	assert.equal(syscallList(''), null);
	assert.equal(eventFlags(wire.FLAG_ZERO_COPY | wire.FLAG_PART), 'zero_copy,part');
	assert.equal(eventFlags(0), null);
	assert.equal(eventName(wire.SYSCALL_NONE, wire.CAPTURE_PROCESS_EXIT), 'process_exit');
});
