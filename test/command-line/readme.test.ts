// The session in README.md matches the bundled recording.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { greeting } from '../../src/shell/greeting.ts';
import { CLI, runTinytap } from '../../support/tinytap.ts';

const ROOT = join(CLI, '../..');

type Asked = { readonly input: string; readonly output: readonly string[] };

/** The inputs of the session, each with the output that follows. */
function session(text: string): { readonly head: readonly string[]; readonly asked: readonly Asked[] } {
	const block = /^## A session$[\s\S]*?^```\n([\s\S]*?)^```$/m.exec(text)?.[1] ?? '';
	const [head = '', ...rest] = block.split(/^tinytap \(demo\)> /m);
	const asked = rest.map((part) => {
		const lines = part.trimEnd().split('\n');
		const inputs = 1 + lines.slice(1).findIndex((line) => !line.startsWith('... '));
		const end = inputs === 0 ? lines.length : inputs;
		return {
			input: lines
				.slice(0, end)
				.join('\n')
				.replace(/^\.\.\. /gm, ''),
			output: lines.slice(end),
		};
	});
	return { head: head.trimEnd().split('\n'), asked };
}

test('the session in README is what the bundled recording gives', async () => {
	const { head, asked } = session(readFileSync(join(ROOT, 'README.md'), 'utf8'));
	assert.deepEqual(head, [
		'$ tinytap --replay demo',
		'tinytap: replaying demo',
		greeting(),
		// The prompt's own test compares this line with the screen.
		'Try: FROM exchanges WHERE status >= 500;   .show 52   .run slow',
	]);
	assert.ok(asked.length >= 3);
	for (const { input, output } of asked) {
		const { code, stdout, stderr } = await runTinytap(['--replay', 'demo'], {
			cwd: ROOT,
			input: `${input}\n`,
		});
		assert.equal(code, 0, stderr);
		const lines = stdout
			.trimEnd()
			.split('\n')
			.map((line) => line.trimEnd());
		// The line with the number of rows is not written to a pipe.
		const footer = input.startsWith('.') ? [] : [`(${lines.length - 2} ${lines.length === 3 ? 'row' : 'rows'})`];
		assert.deepEqual([...lines, ...footer], output, input);
	}
});

test('the commands and options that README shows exist', async () => {
	const uses =
		/^## Examples$[\s\S]*?^```\n([\s\S]*?)^```$/m.exec(readFileSync(join(ROOT, 'README.md'), 'utf8'))?.[1] ?? '';
	const lines = uses
		.split('\n')
		.map((line) => line.replace(/ #.*$/, '').trim())
		.filter((line) => line !== '');
	assert.ok(lines.length >= 7);
	const saved = (await runTinytap(['queries'], { cwd: ROOT })).stdout;
	for (const line of lines) {
		const [program, ...words] = [...line.matchAll(/"[^"]*"|\S+/g)].map(([word]) => word);
		assert.equal(program, 'tinytap', line);
		const command = words.filter((word) => !word.startsWith('-')).slice(0, 1);
		const help = await runTinytap([...command, '--help']);
		assert.equal(help.code, 0, line);
		assert.match(help.stdout, new RegExp(`^Usage: ${['tinytap', ...command].join(' ')} `), line);
		for (const option of words.filter((word) => word.startsWith('-'))) {
			assert.match(help.stdout, new RegExp(`^  ${option},? `, 'm'), line);
		}
		if (words[0] === 'run' && !words[1]!.endsWith('.sql')) assert.match(saved, new RegExp(`^${words[1]} `, 'm'));
	}
});
