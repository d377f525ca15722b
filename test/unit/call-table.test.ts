// Compares the table of system calls in bpf/calls.bpf.h with the system's headers and with the ids of the wire format.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as event from '../../decoder-as/assembly/wire/capture-event.ts';

const root = join(import.meta.dirname, '../..');
const table = readFileSync(join(root, 'bpf/calls.bpf.h'), 'utf8');

/** Lines of the table: name, numbers, and the other columns. */
const calls = [...table.matchAll(/\bEACH\((\w+), (\w+), (\w+), ([^)]*)\)/g)].map(([, name, x64, arm64, rest]) => ({
	name: name!,
	numbers: { x64: x64!, arm64: arm64! },
	columns: rest!.split(', '),
}));

/** The numbers that a C header defines, by name; a definition in terms of another name is resolved. */
function systemNumbers(header: string): (name: string) => string | undefined {
	const text = execFileSync('g++', ['-E', '-dM', '-D__ARCH_WANT_SYS_CLONE3', '-x', 'c', '-'], {
		input: `#include <${header}>\n`,
		encoding: 'utf8',
	});
	const defined = new Map([...text.matchAll(/^#define (\w+) (\w+)$/gm)].map(([, name, value]) => [name!, value!]));
	const resolve = (word: string | undefined): string | undefined =>
		word === undefined || /^\d+$/.test(word) ? word : resolve(defined.get(word));
	// The kernel's tracepoint has a different name from the call.
	return (name) => resolve(defined.get(`__NR_${name === 'sendfile64' ? 'sendfile' : name}`));
}

test('every call has the number that the system headers give it', () => {
	assert.ok(calls.length >= 30, `${calls.length} calls`);
	const arm64 = systemNumbers('asm-generic/unistd.h');
	const here = systemNumbers('sys/syscall.h');
	for (const { name, numbers } of calls) {
		assert.equal(numbers.arm64, arm64(name) ?? 'NO_CALL', `${name} on arm64`);
		const own = process.arch === 'arm64' ? numbers.arm64 : numbers.x64;
		assert.equal(own, here(name) ?? 'NO_CALL', `${name} on ${process.arch}`);
	}
});

test('every call has one line, and its id, direction and name agree', () => {
	assert.equal(new Set(calls.map(({ name }) => name)).size, calls.length);
	const dataCalls = calls.filter(({ columns }) => columns.length > 1);
	assert.ok(dataCalls.length >= 14, `${dataCalls.length} calls that move bytes`);
	for (const { name, columns } of dataCalls) {
		const [id, direction, , , kind] = columns;
		assert.equal(id, `SYSCALL_${name.toUpperCase()}`);
		assert.ok(id in event, id);
		assert.equal(direction, /read|recv/.test(name) ? 'DIRECTION_IN' : 'DIRECTION_OUT', name);
		assert.equal(kind, /read|write/.test(name) ? 'FILES_TOO' : 'SOCKETS_ONLY', name);
	}
});
