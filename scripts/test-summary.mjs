// A reporter of Node's test runner: one line with the figures of a run, and a line for each test that did not pass.
import { relative } from 'node:path';

// biome-ignore lint/style/noDefaultExport: Node takes a reporter from there.
export default async function* summary(events) {
	const started = Date.now();
	const count = { passed: 0, failed: 0, skipped: 0 };
	const failures = [];
	for await (const { type, data } of events) {
		if ((type !== 'test:pass' && type !== 'test:fail') || data.details?.type === 'suite') continue;
		// The runner reports a file as a test when its process fails.
		if (type === 'test:fail') {
			count.failed++;
			failures.push(`  failed: ${fileOf(data)}: ${data.name}\n`);
		} else if (data.skip !== undefined || data.todo !== undefined) {
			count.skipped++;
			failures.push(`  skipped: ${fileOf(data)}: ${data.name}\n`);
		} else count.passed++;
	}
	const seconds = Math.round((Date.now() - started) / 1000);
	yield `${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped, ${seconds} s\n${failures.join('')}`;
}

function fileOf({ file }) {
	return file === undefined ? '' : relative(process.cwd(), file);
}
