// Checks docs/event-schema.md against bpf/capture_event.h, independently of the script that writes the page.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as generated from '../../decoder-as/assembly/wire/capture-event.ts';

const root = join(import.meta.dirname, '../..');
const header = readFileSync(join(root, 'bpf/capture_event.h'), 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
const page = readFileSync(join(root, 'docs/event-schema.md'), 'utf8');

/** Cells of the table rows of the page. */
const rows = page
	.split('\n')
	.filter((line) => line.startsWith('| '))
	.map((line) =>
		line
			.split('|')
			.map((cell) => cell.trim())
			.slice(1, -1),
	);

test('the page lists every kind, syscall, direction, role, flag and reason with its number', () => {
	const values = [...header.matchAll(/^\s+([A-Z][A-Z0-9_]+) = (\d+),/gm)].map(([, name, value]) => [name, value]);
	assert.ok(values.length > 70, `${values.length} values`);
	for (const [name, value] of values) {
		const row = rows.find((cells) => cells[0] === name);
		assert.equal(row?.[1], value, name);
		assert.ok((row?.[2]?.length ?? 0) > 1, `${name} has a meaning`);
	}
	for (const wanted of ['SYSCALL_WRITEV', 'SYSCALL_READV', 'SYSCALL_SENDFILE', 'FLAG_ZERO_COPY']) {
		assert.ok(
			values.some(([name]) => name === wanted),
			wanted,
		);
	}
});

test('the page lists every member with its offset and type', () => {
	const body = /struct capture_event \{([\s\S]*?)\n\};/.exec(header)?.[1] ?? '';
	const sizes: Record<string, number> = { u8: 1, u16: 2, u32: 4, s32: 4, u64: 8 };
	let offset = 0;
	let members = 0;
	for (const [, type, name, count] of body.matchAll(/__(\w+) (\w+)(?:\[(\w+)\])?;/g)) {
		const row = rows.find((cells) => cells[1] === name && cells[0] === String(offset));
		assert.ok(row !== undefined, `${name} at ${offset}`);
		const length = count === undefined ? 1 : generated.CAPTURE_COMM_BYTES;
		assert.equal(row[2], count === undefined ? type : `${type}[${length}]`);
		assert.ok((row[3]?.length ?? 0) > 3, `${name} has a meaning`);
		offset += sizes[type!]! * length;
		members++;
	}
	assert.equal(offset, generated.CAPTURE_EVENT_HEADER_BYTES);
	assert.ok(members >= 19);
	assert.ok(page.includes(`The payload begins at offset ${offset}`));
});

test('the page names the version and the rule for increasing it', () => {
	assert.ok(page.includes(`Version of this format: **${generated.CAPTURE_EVENT_VERSION}**`));
	assert.match(page, /## Version rule/);
});
