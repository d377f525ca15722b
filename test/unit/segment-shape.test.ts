// V8 compiles code for the shapes (hidden classes) of the objects it meets. If each segment had its own shape, V8 would
// compile all code that uses segments again for each of them.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

const STORE = join(import.meta.dirname, '../../src/store');

test('all segments have one shape, and so do the writers of their rows', () => {
	const program = `
		import { RowWriter } from ${JSON.stringify(join(STORE, 'row-writer.ts'))};
		import { createSegment } from ${JSON.stringify(join(STORE, 'segment.ts'))};
		const segments = Array.from({ length: 40 }, (_, i) => createSegment(i, 64, 65536));
		const writers = segments.map((segment) => new RowWriter(segment));
		const others = (all) => all.filter((each) => !%HaveSameMap(each, all[0])).length;
		console.log(others(segments), others(writers), ...['f64', 'u32', 'text', 'u16', 'u8'].map((kind) => others(segments.map((each) => each[kind]))));
		console.log(others([{ a: 1 }, { b: 1 }]));`;
	const said = execFileSync(
		process.execPath,
		['--allow-natives-syntax', '--no-warnings', '--import', 'tsx', '--input-type=module', '-e', program],
		{ encoding: 'utf8' },
	);
	assert.equal(said, '0 0 0 0 0 0 0\n1\n');
});
