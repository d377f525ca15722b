// Reports of `.expect` results for CI systems: JUnit XML and TAP.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { junitReport, type TestCase, tapReport } from '../../src/output/test-report.ts';

const HOSTILE = "SELECT 'a]]>\"&<b>\x1b[2J\u202e' # not a directive \\ end";
const CASES: readonly TestCase[] = [
	{ file: 'a & b.sql', line: 3, name: 'SELECT 1 .expect rows = 1', seconds: 0.25 },
	{
		file: 'a & b.sql',
		line: 5,
		name: HOSTILE,
		seconds: 0.5,
		problem: { kind: 'failure', summary: `expected ${HOSTILE}`, details: `one \\x0a\n  ${HOSTILE}\n...\n---\n` },
	},
	{ file: undefined, line: 1, name: 'SELEC', seconds: 0, problem: { kind: 'error', summary: 'syntax', details: '' } },
];

test('a JUnit report is well-formed XML with every case, whatever the statements contain', () => {
	const report = junitReport(CASES);
	// Another reader of XML, which refuses what is not well-formed.
	const python = `
import json, sys, xml.etree.ElementTree as tree
root = tree.fromstring(sys.stdin.buffer.read())
print(json.dumps([root.attrib, [[suite.attrib, [[case.attrib, [[e.tag, e.attrib, e.text] for e in case]] for case in suite]] for suite in root]]))`;
	const read = JSON.parse(execFileSync('python3', ['-c', python], { input: report, encoding: 'utf8' }));
	const shown = "SELECT 'a]]>\"&<b>\\x1b[2J\\u{202e}' # not a directive \\\\ end";
	// Details are escaped already; what is not, cannot break the report.
	const inDetails = shown.replace('\\\\ end', '\\ end');
	const a = { classname: 'a & b.sql', file: 'a & b.sql' };
	assert.deepEqual(read, [
		{ name: 'tinytap', tests: '3', failures: '1', errors: '1', time: '0.750' },
		[
			[
				{ name: 'a & b.sql', tests: '2', failures: '1', errors: '0', time: '0.750' },
				[
					[{ name: 'SELECT 1 .expect rows = 1', ...a, line: '3', time: '0.250' }, []],
					[
						{ name: shown, ...a, line: '5', time: '0.500' },
						[['failure', { message: `expected ${shown}` }, `one \\x0a\n  ${inDetails}\n...\n---\n`]],
					],
				],
			],
			[
				{ name: 'stdin', tests: '1', failures: '0', errors: '1', time: '0.000' },
				[
					[
						{ name: 'SELEC', classname: 'stdin', file: 'stdin', line: '1', time: '0.000' },
						[['error', { message: 'syntax' }, null]],
					],
				],
			],
		],
	]);
});

test('a TAP report has a line for each case, and details that cannot be taken for another', () => {
	const lines = tapReport(CASES).split('\n');
	assert.deepEqual(lines.slice(0, 3), ['TAP version 14', '1..3', 'ok 1 - SELECT 1 .expect rows = 1']);
	const results = lines.filter((line) => /^(ok|not ok)/.test(line));
	assert.deepEqual(results, [
		'ok 1 - SELECT 1 .expect rows = 1',
		"not ok 2 - SELECT 'a]]>\"&<b>\\\\x1b[2J\\\\u{202e}' \\# not a directive \\\\\\\\ end",
		'not ok 3 - SELEC',
	]);
	assert.ok(lines.includes('  at: "a & b.sql:5"'));
	assert.ok(lines.includes('  severity: error'));
	// A line of the details that looks like the end of the block is indented.
	assert.deepEqual(
		lines.filter((line) => line.trim() === '...'),
		['  ...', '    ...', '  ...', '  ...'],
	);
	assert.equal(tapReport([]), 'TAP version 14\n1..0 # SKIP no .expect was reached\n');
});
