// Files that run in a checkout with another layout.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adjustImports } from '../../support/imports-of-checkout.ts';

const FILES = [
	'scripts/bench/spoken.ts',
	'scripts/bench/traffic.ts',
	'test/support/tape.ts',
	'src/a/twice.ts',
	'src/b/twice.ts',
];
const adjusted = (line: string) => adjustImports(line, 'scripts/bench/work.ts', FILES);

test('an import of a file that is elsewhere in the checkout is changed to its place there', () => {
	assert.equal(
		adjusted("import { Tape } from '../../support/tape.ts';"),
		"import { Tape } from '../../test/support/tape.ts';",
	);
	assert.equal(
		adjusted("import { takeIn } from '../../support/traffic.ts';"),
		"import { takeIn } from './traffic.ts';",
	);
});

test('imports of files in their place, of packages, and of unknown or ambiguous files stay as they are', () => {
	for (const line of [
		"import { batchesOf } from './spoken.ts';",
		"import { join } from 'node:path';",
		"import { x } from '../../src/absent.ts';",
		"import { y } from '../../src/twice.ts';",
	])
		assert.equal(adjusted(line), line);
});
