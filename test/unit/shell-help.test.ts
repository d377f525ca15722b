// .help and the descriptions of commands.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { usageError } from '../../src/base/errors.ts';
import { COMMAND_FORMS, COMMAND_WORDS, namedCommand, readLine } from '../../src/shell/command-names.ts';
import { COMMAND_GROUPS, COMMANDS, runCommand, topicHelp } from '../../src/shell/commands/commands.ts';
import { FOREIGN_WORDS, foreignCommand } from '../../src/shell/commands/foreign-commands.ts';
import { FIRST_STEPS, groupTopic } from '../../src/shell/commands/help-command.ts';
import { beginsNoStatement, explainedAsCommand, meantHint } from '../../src/shell/meant-command.ts';
import type { ShellSession } from '../../src/shell/shell-session.ts';
import { SETTING_NAMES } from '../../src/shell/shell-settings.ts';
import { isComplete } from '../../src/sql/sql.ts';

test('every command has a description and an example, which is that command', () => {
	for (const { name, description, example } of COMMANDS) {
		assert.notEqual(description, '', name);
		const { command, sql } = readLine('', example);
		assert.equal(namedCommand(command ?? '').name, name, example);
		if (!example.startsWith('.')) assert.notEqual(sql, '', example);
	}
});

test('.help explains each command by its name, its other forms and its group', () => {
	const list = topicHelp('commands');
	for (const { name, usage, description } of COMMANDS) {
		for (const topic of [name, `.${name}`, ...(COMMAND_FORMS[name] ?? []).filter((form) => /^[.\\]\S+$/.test(form))]) {
			// \d alone is another command than \d with a table.
			if (topic !== '\\d') assert.ok(topicHelp(topic).includes(usage), topic);
		}
		assert.ok(list.includes(usage) && list.includes(description), name);
	}
	const topics = COMMAND_GROUPS.map(groupTopic);
	assert.equal(new Set(topics).size, topics.length, 'topics of groups are different');
	for (const group of COMMAND_GROUPS)
		for (const { usage } of group.commands) assert.ok(topicHelp(groupTopic(group)).includes(usage), usage);
});

test('.help begins with what to type first, on one line each and on the first screen', () => {
	const lines = topicHelp('commands').split('\n');
	const begin = lines.indexOf('First steps');
	assert.ok(begin >= 0 && begin + FIRST_STEPS.length < 20, 'on the first screen');
	for (const { name } of FIRST_STEPS) {
		const { command } = readLine('', name);
		assert.ok(isComplete(name) || COMMANDS.some((each) => each.name === namedCommand(command ?? '').name), name);
		const line = lines.find((each) => each.startsWith(`  ${name}  `));
		assert.ok(line !== undefined && line.length < 80, name);
	}
});

test('.help of something unknown suggests the nearest topic', () => {
	const hintOf = (topic: string) => {
		try {
			topicHelp(topic);
		} catch (error) {
			return error instanceof Error && 'hint' in error ? error.hint : undefined;
		}
		return 'no error';
	};
	assert.equal(hintOf('exchange'), 'Did you mean exchanges?');
	assert.equal(hintOf('.moed'), 'Did you mean .mode?');
	assert.match(String(hintOf('nothing like it')), /^Topics: /);
});

test('commands of other shells lead to commands that exist', async () => {
	const shell = { options: {}, settleOutput: async () => undefined } as unknown as ShellSession;
	const errorOf = async (text: string) => {
		const error = await runCommand(shell, text, false).then(String, (each: unknown) => each);
		assert.ok(error instanceof Error && 'hint' in error, text);
		return { message: error.message, hint: String(error.hint) };
	};
	assert.equal(new Set(FOREIGN_WORDS).size, FOREIGN_WORDS.length);
	for (const word of FOREIGN_WORDS) {
		assert.equal(COMMAND_WORDS.includes(word), false, word);
		const { instead = '' } = foreignCommand(word) ?? {};
		assert.deepEqual(await errorOf(`${word} argument`), { message: `there is no command ${word}`, hint: instead });
		for (const [command] of instead.matchAll(/(?<=^| )[.\\][a-z]+/g))
			assert.ok(COMMAND_WORDS.includes(command), command);
		for (const [, setting] of instead.matchAll(/\.set ([a-z]+)/g))
			assert.ok(SETTING_NAMES.some((each) => each === setting));
	}
	assert.match((await errorOf('\\! ls')).message, /^\\! is refused: /);
	// The nearest command, but not for words too short to have one.
	assert.equal((await errorOf('.tabels')).hint, 'Did you mean .tables?');
	assert.equal((await errorOf('.opne x')).hint, 'Did you mean .open?');
	assert.equal((await errorOf('.tab')).hint, 'Did you mean .tables?');
	assert.match((await errorOf('\\k')).hint, /^\.help lists/);
	// Missing and wrong names.
	assert.match((await errorOf('.run')).message, /^\.run: expected the name of a saved query, got nothing$/);
	assert.match((await errorOf('.param 1x 5')).message, /^\.param: expected a name of letters, digits and _, got "1x"$/);
});

test('a command without its dot, and the name of a saved query or a table, lead to what was meant', () => {
	const names = () => ({ queries: ['slow', 'error-rates'], tables: ['exchanges'] });
	for (const [typed, meant] of [
		['tail', '.tail'],
		['Tail where status >= 500', '.tail where status >= 500'],
		['queries', '.queries'],
		['show 12 --body', '.show 12 --body'],
		['show', '.show'],
		['set timezone local', '.set timezone local'],
		['/help tail', '.help tail'],
		[':q', '.q'],
		[':wq', '.quit'],
		['slow', '.run slow'],
		['error-rates', '.run error-rates'],
		['show databases', undefined],
		['set x = 1', undefined],
		['slowest endpoints', undefined],
		['select 1', undefined],
		['(tail)', undefined],
	] as const)
		assert.equal(meantHint(typed, names), meant && `commands begin with a dot: ${meant}`, typed);
	assert.equal(meantHint('Exchanges', names), 'FROM exchanges; shows its rows');
	assert.match(meantHint('!ls', names) ?? '', /^\.once \| COMMAND/);
	const explained = explainedAsCommand(Object.assign(usageError('expected x', 'hint'), { position: 0 }), 'tail', names);
	assert.deepEqual(
		[String(explained), (explained as { hint?: string }).hint],
		['UserError: expected x', 'commands begin with a dot: .tail'],
	);
	const elsewhere = Object.assign(usageError('expected x', 'hint'), { position: 3 });
	assert.equal(explainedAsCommand(elsewhere, 'tail', names), elsewhere);
});

test('a line that can begin no statement is an error at once, any other one may continue', () => {
	for (const line of ['tail', 'q.show', 'exit(', '!ls', '/help', '123', ':x', '%time', 'show', 'show 12', 'été'])
		assert.equal(beginsNoStatement(line), true, line);
	for (const line of [
		'SELECT',
		'select*',
		'(SELECT 1',
		"'a",
		'/* why',
		'show tables',
		'set x',
		'VALUES(1',
		'from',
		'WITH"a"',
	])
		assert.equal(beginsNoStatement(line), false, line);
});
