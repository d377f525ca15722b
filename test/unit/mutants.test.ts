// The faults of mutation testing (scripts/mutate.ts).
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { findMutants, readEquivalents, sampleMutants } from '../../support/mutants.ts';
import { temporaryDirectory } from '../../support/servers.ts';

const directory = temporaryDirectory();
after(directory.remove);

const SOURCE = `import type { Shape } from './shape.ts';
type Kind = 'round' | 1;
export function area(kind: Kind, size: number): number {
	if (kind === 'round') return Math.max(size, 0) * 3;
	report(!size);
	return size < 10 ? size : 10;
}
`;

/** Mutants of the source, each as the text of the changed lines. */
function mutantsOf(source: string) {
	const folder = join(directory.path, 'shapes');
	mkdirSync(folder, { recursive: true });
	writeFileSync(join(folder, 'area.ts'), source);
	return findMutants(directory.path, ['shapes']);
}

test('mutants are planted in code, not in types and imports', () => {
	const changed = mutantsOf(SOURCE).map(({ start, end, text, replacement, line }) => {
		assert.equal(SOURCE.slice(start, end), text);
		return (SOURCE.slice(0, start) + replacement + SOURCE.slice(end)).split('\n')[line - 1]!.trim();
	});
	assert.deepEqual(
		changed.sort(),
		[
			'if (false) return Math.max(size, 0) * 3;',
			"if (kind !== 'round') return Math.max(size, 0) * 3;",
			"if (kind === '?') return Math.max(size, 0) * 3;",
			"if (kind === 'round') return Math.max(size, 0) * 4;",
			"if (kind === 'round') return Math.max(size, 0) / 3;",
			"if (kind === 'round') return Math.max(size, 1) * 3;",
			"if (kind === 'round') return Math.min(size, 0) * 3;",
			'if (true) return Math.max(size, 0) * 3;',
			';',
			'report((size));',
			'return (10);',
			'return (size);',
			'return size < 10 ? size : 11;',
			'return size < 11 ? size : 10;',
			'return size <= 10 ? size : 10;',
		].sort(),
	);
});

test('the sample of a seed does not change when other lines change', () => {
	const keys = (source: string, seed: number) => sampleMutants(mutantsOf(source), 7, seed).map(({ key }) => key);
	const first = keys(SOURCE, 1);
	assert.equal(first.length, 7);
	assert.deepEqual(keys(SOURCE, 1), first);
	assert.notDeepEqual(keys(SOURCE, 2), first);
	const longer = keys(SOURCE.replace('\treport', '\tif (size < 3) return 17;\n\treport'), 1);
	// At most as many as the new line has mutants.
	assert.ok(longer.filter((key) => !first.includes(key)).every((key) => key.includes('return 17')));
	assert.equal(sampleMutants(mutantsOf(SOURCE), 500, 1).length, 15);
});

test('the equivalent mutants are still there, each with a reason', () => {
	const root = join(import.meta.dirname, '../..');
	const { all, has } = readEquivalents(root);
	const folders = [...new Set(all.map(({ file }) => file.split('/').slice(0, 2).join('/')))];
	const mutants = folders.length === 0 ? [] : findMutants(root, folders).filter(has);
	for (const each of all) {
		const where = `${each.file}: ${each.text} → ${each.replacement} in "${each.line}"`;
		assert.ok(each.reason.length > 20, where);
		const found = mutants.some(
			({ file, line, text, replacement }) =>
				file === each.file &&
				text === each.text &&
				replacement === each.replacement &&
				readFileSync(join(root, file), 'utf8').split('\n')[line - 1]!.trim() === each.line,
		);
		assert.ok(found, `no such mutant any more: ${where}`);
	}
});
