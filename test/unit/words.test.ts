// The documented words and the numbers they stand for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as wire from '../../decoder-as/assembly/wire/capture-event.ts';
import * as layout from '../../decoder-as/assembly/wire/output-layout.ts';
import {
	ANOMALIES,
	ANOMALY_DESCRIPTIONS,
	anomalyWords,
	BLIND_SPOTS,
	connectionSyscalls,
	DIRECTIONS,
	eventFlags,
	eventName,
	FLAG_WORDS,
	PROCESS_SIDES,
	PROTOCOLS,
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
	const meanings = ANOMALY_DESCRIPTIONS.map(([, meaning]) => meaning);
	for (const meaning of meanings) assert.match(meaning, /^[\w"].* .* .*[^.]$/);
	assert.equal(new Set(meanings).size, meanings.length);
	assert.equal(anomalyWords(1, 0), 'bare-lf');
	for (const [bit, word] of ANOMALIES.entries())
		assert.equal(bit < 32 ? anomalyWords(1 << bit, 0) : anomalyWords(0, 1 << (bit - 32)), word);
	assert.equal(anomalyWords(-1, -1), ANOMALIES.join());
	assert.equal(anomalyWords(0b11, 1), `bare-lf,leading-crlf,${ANOMALIES[32]}`);
	assert.equal(anomalyWords(0, 2), 'long-headers');
	assert.equal(anomalyWords(0, 0), null);
});

test('the words match the constants', () => {
	const wordsOf = (prefix: string, source: object, space: string) =>
		Object.entries(source as Record<string, number>)
			.filter(([name]) => name.startsWith(prefix))
			.map(([name, value]) => [value, name.slice(prefix.length).toLowerCase().replaceAll('_', space)] as const);
	for (const [words, prefix, source, others] of [
		[STATES, 'STATE_', layout, {}],
		[REASONS, 'REASON_', layout, { none: null }],
		[PROCESS_SIDES, 'SIDE_', layout, { unknown: null }],
		[PROTOCOLS, 'PROTOCOL_', layout, {}],
		[DIRECTIONS, 'DIRECTION_', wire, { none: null }],
	] as const) {
		const all = wordsOf(prefix, source, ' ');
		for (const [value, word] of all) assert.equal(words[value], word in others ? null : word, `${prefix} ${word}`);
		const further = words.slice(all.length).filter((word) => word !== null);
		assert.equal(further.length, words === REASONS ? 30 : 0);
	}
	assert.deepEqual(BLIND_SPOTS, [null, 'io_uring', 'tls', 'http2', 'splice', '32-bit', 'aio']);
	for (const [value, word] of wordsOf('SYSCALL_', wire, '_'))
		assert.equal(SYSCALL_NAMES[value]?.toLowerCase() ?? null, word === 'none' || word === 'max' ? null : word);
	const libraries = SYSCALL_NAMES.slice(wire.SYSCALL_SSL_READ);
	assert.deepEqual(libraries, [
		'SSL_read',
		'SSL_write',
		'SSL_sendfile',
		'gnutls_record_recv',
		'gnutls_record_send',
		'PR_Read',
		'PR_Write',
		null,
	]);
	for (const [bit, word] of wordsOf('FLAG_', wire, '_')) assert.equal(eventFlags(bit), word);
	assert.equal(eventFlags(-1), FLAG_WORDS.map(([, word]) => word).join());
	for (const [place, [bit]] of FLAG_WORDS.entries()) assert.ok(place === 0 || bit > FLAG_WORDS[place - 1]![0]);
});

test('an event without a call is named after what happened', () => {
	const kinds = [
		'DATA',
		'OPEN',
		'CLOSE',
		'EOF',
		'SHUTDOWN',
		'ERROR',
		'PROCESS_EXIT',
		'PROCESS_EXEC',
		'SHARE',
		'PEEK',
		'BLIND_SPOT',
		'UNSEEN',
	];
	for (const kind of kinds) {
		const number = (wire as unknown as Record<string, number>)[`CAPTURE_${kind}`]!;
		assert.equal(eventName(wire.SYSCALL_NONE, number), kind.toLowerCase());
		assert.equal(eventName(wire.SYSCALL_READ, number), 'read');
	}
	assert.equal(eventName(wire.SYSCALL_NONE, 250), null);
	assert.equal(connectionSyscalls('\x08\x0f\xff'), 'write,sendfile,?');
	assert.equal(connectionSyscalls(null), null);
});

test('every reason and state of the layout has a word', () => {
	const count = (prefix: string) => Object.keys(layout).filter((name) => name.startsWith(prefix)).length;
	assert.equal(REASONS.filter((word) => word !== null && !word.includes(':')).length, count('REASON_') - 1);
	// Those with an error code of HTTP/2.
	assert.deepEqual(
		[layout.RESET_REASON + 8, layout.RESET_REASON + 14, layout.GOAWAY_REASON].map((code) => REASONS[code]),
		['reset: CANCEL', 'reset: unknown code', 'goaway: NO_ERROR'],
	);
	assert.equal(REASONS.filter((word) => word?.includes(':')).length, 30);
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
