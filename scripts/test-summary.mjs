// A reporter of Node's test runner: one JSON object with the tests of a run, for scripts/run-tests.mjs.
import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { dirname, join, relative } from 'node:path';

// biome-ignore lint/style/noDefaultExport: Node takes a reporter from there.
export default async function* summary(events) {
	const started = Date.now();
	const tests = [];
	for await (const { type, data } of events) {
		if ((type !== 'test:pass' && type !== 'test:fail') || data.details?.type === 'suite') continue;
		const test = { status: 'passed', file: fileOf(data), title: data.name, ms: Math.round(data.details.duration_ms) };
		// The runner reports a file as a test when its process fails.
		if (type === 'test:fail') {
			const error = data.details.error?.cause ?? data.details.error;
			Object.assign(test, { status: 'failed', message: String(error?.message ?? error), place: placeOf(error?.stack) });
		} else if (data.skip !== undefined || data.todo !== undefined) test.status = 'skipped';
		tests.push(test);
	}
	yield `${JSON.stringify({ seconds: Math.round((Date.now() - started) / 1000), tests })}\n`;
}

/** The source of a test; scripts/bundle-tests.mjs says where Node runs it. */
function fileOf({ file }) {
	if (file === undefined) return '';
	return relative(process.cwd(), file)
		.replace(/^build\/test\/js\//, '')
		.replace(/\.mjs$/, '.ts');
}

/**
 * File and line of the source in which an error was thrown, by the bundle's map. Node could map every stack itself
 * (--enable-source-maps), but then the first error that a test catches takes longer than some of the tests' limits.
 */
function placeOf(stack) {
	const [, path, line, column] = /([^\s(]*\/build\/test\/js\/[^\s:]*\.mjs):(\d+):(\d+)/.exec(stack ?? '') ?? [];
	if (path === undefined) return undefined;
	const file = path.replace(/^file:\/\//, '');
	try {
		const map = new SourceMap(JSON.parse(readFileSync(`${file}.map`, 'utf8')));
		const { originalSource, originalLine } = map.findEntry(Number(line) - 1, Number(column) - 1);
		return `${relative(process.cwd(), join(dirname(file), originalSource))}:${originalLine + 1}`;
	} catch {
		// Without its map, the place in the bundle has to do.
		return `${relative(process.cwd(), file)}:${line}`;
	}
}
