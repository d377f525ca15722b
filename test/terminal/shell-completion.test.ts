// `tinytap completion bash|zsh|fish`: what the shells themselves complete with it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openTerminal } from '../../support/terminal.ts';
import { runTinytap, TEST_ENV } from '../../support/tinytap.ts';

const directory = mkdtempSync(join(tmpdir(), 'tinytap-completion-'));
after(() => rmSync(directory, { recursive: true }));
const queries = join(directory, '.tinytap/queries');
mkdirSync(queries, { recursive: true });
// A name that would run a program if a shell evaluated it.
for (const name of ['slow-of-project', '$(touch broken)', '`touch broken`', "x'; touch broken; '"])
	writeFileSync(join(queries, `${name}.sql`), 'SELECT 1;\n');
writeFileSync(
	join(queries, 'own.set.sql'),
	'-- Own\n-- :most int = 5 rows\n-- :Name text\n\nSELECT 1;\n-- :late int\n',
);
writeFileSync(join(queries, 'evil.sql'), '-- Evil\n-- :$(touch broken) int\n-- :a`touch broken` int\nSELECT 1;\n');
writeFileSync(join(directory, 'traffic.tinytap'), '');

const SLOW = ['slow', 'slow-downloads', 'slow-of-project', 'slow-requests', 'slow-uploads'];
const FORMATS = ['auto', 'table', 'box', 'csv', 'json', 'ndjson', 'markdown', 'line', 'html', 'har', 'parquet'];
/** By what is typed: what may follow. */
const CASES: readonly (readonly [typed: string, offered: readonly string[]])[] = [
	['tinytap ta', ['tail']],
	['tinytap run slow', SLOW],
	['tinytap --port 80 run --quiet slow', SLOW],
	['tinytap run touc', []],
	['tinytap query --form', ['--format']],
	['tinytap query --format ', FORMATS],
	['tinytap run x.sql --report j', ['junit=']],
	['tinytap info --j', ['--json']],
	['tinytap help ta', ['tail']],
	['tinytap doctor --repl', []],
	['tinytap record --compress --rot', ['--rotate']],
	['tinytap completion ', ['bash', 'zsh', 'fish']],
	['tinytap run own.', ['own.set']],
	['tinytap run --port 80 slow --set ', ['since=', 'top=']],
	['tinytap run own.set --set m', ['most=']],
	['tinytap tail --query own.set --set ', ['most=', 'Name=']],
	['tinytap run evil --set ', []],
	['tinytap run anomalies --set ', []],
];

async function scriptFor(shell: string): Promise<string> {
	const { code, stdout, stderr } = await runTinytap(['completion', shell]);
	assert.equal(code, 0, stderr);
	const path = join(directory, `completion.${shell}`);
	writeFileSync(path, stdout);
	return path;
}

function runShell(program: string, script: string): string {
	return execFileSync(program, ['-c', script], { encoding: 'utf8', cwd: directory, env: TEST_ENV });
}

test('bash completes commands, options, values and saved queries, and never evaluates their names', async () => {
	const tries = CASES.map(([typed]) => {
		const words = typed.split(' ').map((word) => `'${word}'`);
		return `COMP_WORDS=(${words.join(' ')}); COMP_CWORD=${words.length - 1}
			_tinytap tinytap "\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[COMP_CWORD - 1]}"; echo "\${COMPREPLY[*]}"`;
	});
	const split = `COMP_WORDS=(tinytap query --format = c); COMP_CWORD=4; _tinytap tinytap c =; echo "\${COMPREPLY[*]}"
		COMP_WORDS=(tinytap -- bas); COMP_CWORD=2; _tinytap tinytap bas --; echo "\${COMPREPLY[*]}"`;
	const output = runShell('bash', `source ${await scriptFor('bash')}; ${tries.join('\n')}\n${split}`).split('\n');
	for (const [index, [typed, offered]] of CASES.entries())
		assert.deepEqual(new Set(output[index]!.split(' ').filter((word) => word !== '')), new Set(offered), typed);
	assert.equal(output[CASES.length], 'csv');
	assert.ok(output[CASES.length + 1]!.split(' ').includes('bash'), 'commands after --');
	assert.ok(!existsSync(join(directory, 'broken')));
});

test('fish completes the same', async () => {
	const tries = CASES.map(([typed]) => `complete -C '${typed}'; echo ---`);
	const script = `source ${await scriptFor('fish')}; ${tries.join('; ')}; complete -C 'tinytap tail -- fis'; echo ---; complete -C 'tinytap info traf'`;
	const output = runShell('fish', script)
		.split('---\n')
		.map((part) => part.split('\n').map((line) => line.split('\t')[0]!));
	for (const [index, [typed, offered]] of CASES.entries())
		assert.deepEqual(new Set(output[index]!.filter((word) => word !== '')), new Set(offered), typed);
	assert.ok(output[CASES.length]!.includes('fish'), 'commands after --');
	assert.deepEqual(output[CASES.length + 1], ['traffic.tinytap', '']);
	assert.ok(!existsSync(join(directory, 'broken')));
});

test('zsh completes the same', async () => {
	const script = await scriptFor('zsh');
	const terminal = await openTerminal(`sh -c "cd ${directory}; exec zsh -f"`, { columns: 120, rows: 40 });
	try {
		await terminal.type(`autoload -Uz compinit; compinit -u -D; source ${script}; PS1='z> '; clear`);
		await terminal.press('Enter');
		await terminal.shows('z> ');
		for (const [typed, completed] of [
			['tinytap ta', 'tinytap tail'],
			['tinytap run slow-of', 'tinytap run slow-of-project'],
			['tinytap --port 80 query --form', 'tinytap --port 80 query --format='],
			['tinytap query --format=nd', 'tinytap query --format=ndjson'],
			['tinytap info traf', 'tinytap info traffic.tinytap'],
			['tinytap run traffic --set bu', 'tinytap run traffic --set bucket='],
			['tinytap tail -- ls --almo', 'tinytap tail -- ls --almost-all'],
		] as const) {
			await terminal.type(typed);
			await terminal.press('Tab');
			await terminal.shows(`z> ${completed}`);
			await terminal.press('C-u');
		}
		await terminal.type('tinytap run slow');
		await terminal.press('Tab');
		await terminal.press('Tab');
		for (const name of SLOW) await terminal.shows(name, 1);
		assert.ok(!existsSync(join(directory, 'broken')));
	} finally {
		await terminal.close();
	}
});
