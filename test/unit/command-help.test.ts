// --help of each command: examples, and options in groups.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createProgram } from '../../src/commands/program.ts';
import { standardOutput } from '../../src/output/output-stream.ts';

const program = createProgram(() => undefined);

/** What `--help` prints. */
function helpOf(name: string): string {
	const command = name === '' ? program : program.commands.find((each) => each.name() === name)!;
	let text = '';
	const output = standardOutput();
	const { write } = output;
	output.write = ((part: string) => {
		text += part;
		return true;
	}) as typeof output.write;
	try {
		command.outputHelp();
	} finally {
		output.write = write;
	}
	return text;
}

for (const name of ['', ...program.commands.map((command) => command.name())])
	test(`the help of tinytap ${name} has at least two examples`, () => {
		const examples = /^Examples:\n((?: {2}.*\n?)+)/m.exec(helpOf(name))?.[1] ?? '';
		assert.ok(examples.split('\n').filter((line) => /tinytap/.test(line)).length >= 2, helpOf(name));
	});

test('options that all captures have are in groups, and those of the command itself come first', () => {
	const titles = (text: string) => [...text.matchAll(/^([A-Z][a-z ]+):$/gm)].map(([, title]) => title);
	assert.deepEqual(titles(helpOf('tail')), [
		'Options',
		'What is read',
		'Limits',
		'Output',
		'Rights and files',
		'Examples',
	]);
	assert.match(helpOf('tail'), /^Limits:\n(?: {2}.*\n)*? {2}--max-memory <size> /m);
	// Only what every command has, and its own ones.
	const own = /^Options:\n((?: {2}.*\n)+)/m.exec(helpOf('record'))?.[1] ?? '';
	assert.deepEqual(
		own.match(/--[a-z]+/g)?.filter((name) => name !== '--rotate'),
		['--compress', '--keep', '--where', '--otlp', '--metrics', '--metrics', '--help'],
	);
});
