// tinytap run from the layout of a package: it finds its files, and says what a user of a package can do.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { packageTree } from '../../support/package-tree.ts';
import { temporaryDirectory } from '../../support/servers.ts';
import { TEST_ENV } from '../../support/tinytap.ts';

const tree = packageTree();
const place = temporaryDirectory();
after(() => {
	tree.remove();
	place.remove();
});

function start(args: readonly string[], options: { uid?: number; env?: NodeJS.ProcessEnv } = {}) {
	const { uid, env } = options;
	const ids = uid === undefined || process.getuid?.() !== 0 ? {} : { uid, gid: uid };
	return spawnSync(tree.program, args, { cwd: place.path, encoding: 'utf8', env: { ...TEST_ENV, ...env }, ...ids });
}

test('demo names the bundled recording for --replay, ATTACH, info, diff and merge, in a package and in any directory', () => {
	chmodSync(place.path, 0o777);
	writeFileSync(join(place.path, 'demo'), 'a file of that name is ./demo');
	writeFileSync(
		join(place.path, 'both.sql'),
		"ATTACH 'demo' AS d; SELECT count(*) AS n FROM d.exchanges, main.loss;\n",
	);
	const both = start(['run', './both.sql', '--replay', 'demo', '--format', 'csv'], { uid: 65534 });
	assert.deepEqual([both.status, /^n\n[1-9]\d+\n$/.test(both.stdout)], [0, true], both.stderr + both.stdout);
	assert.match(both.stderr, /^tinytap: replaying demo$/m);
	assert.match(start(['info', 'demo']).stdout, /^state {8}complete$/m);
	assert.equal(start(['diff', 'demo', 'demo']).status, 0);
	const { status, stderr } = start(['merge', 'demo', 'demo', '-o', 'two.tinytap']);
	assert.equal(status, 1);
	assert.match(stderr, /got the same one twice: demo and demo \[ERR_MERGE\]/);
	assert.match(start(['info', './demo']).stderr, /is not a tinytap recording|does not begin like a recording/);
});

type Report = { capture: boolean; checks: { name: string; status: string; detail: string; fix?: string }[] };

/** Where a report differs from the schema in docs/doctor.md, or has a check that is not in the table there. */
function problemsOf(report: Report): string[] {
	const page = readFileSync(join(import.meta.dirname, '../../docs/doctor.md'), 'utf8');
	const schema = JSON.parse(/^```json\n([\s\S]*?)^```$/m.exec(page)?.[1] ?? '');
	const named = new Set([...page.matchAll(/^\| `([a-z ]+)` \|/gm)].map(([, name]) => name));
	const { required, properties } = schema.properties.checks.items;
	return [
		...Object.keys(report).filter((member) => !(member in schema.properties)),
		...report.checks.flatMap((check) => [
			...required.filter((member: string) => !(member in check)),
			...Object.keys(check).filter((member) => !(member in properties)),
			...(properties.status.enum.includes(check.status) ? [] : [`${check.name}: ${check.status}`]),
			...(named.has(check.name) ? [] : [check.name]),
			// Whoever has a problem is told how to fix it.
			...(check.status === 'ok' || check.fix !== undefined ? [] : [`${check.name} has no fix`]),
		]),
	];
}

test('a package without one of its files says to install it again, and names no file of a checkout', () => {
	rmSync(join(tree.native, 'tinytap.bpf.o'));
	const { status, stdout } = start(['doctor', '--json']);
	assert.equal(status, 1);
	const report = JSON.parse(stdout) as Report;
	const { checks } = report;
	assert.equal(report.capture, false);
	assert.deepEqual(problemsOf(report), []);
	const missing = checks.find(({ detail }) => detail.endsWith('tinytap.bpf.o'));
	assert.equal(missing?.status, 'failed', stdout);
	assert.match(missing?.fix ?? '', /^Install tinytap again/);
	assert.doesNotMatch(stdout, /scripts\//);
});

test('the variables that tell the machine come from the system, not from the environment', () => {
	const { status, stdout } = start(['version'], {
		env: { HOSTTYPE: '../../elsewhere', OSTYPE: 'plan9', MACHTYPE: 'x' },
	});
	assert.deepEqual([status, /^\d+\.\d+\.\d+\n$/.test(stdout)], [0, true]);
});
