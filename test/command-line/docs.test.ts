// Checks the documentation against the repository: npm run docs:check.
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { prepare } from '../../src/sql/sql.ts';
import { splitStatements } from '../../src/sql/sql-light.ts';
import { TABLES } from '../../src/store/database.ts';
import {
	anchorsOf,
	codeBlocks,
	linksOf,
	namesInFiles,
	pathsOf,
	sessionOf,
	shellWords,
} from '../../support/markdown.ts';
import { runTinytap } from '../../support/tinytap.ts';

const ROOT = join(import.meta.dirname, '../..');
const DEMO = join(ROOT, 'recordings/demo.tinytap');
/** Folders made by the build, which may be absent. */
const BUILT = ['build', 'dist', 'node_modules'];

const FILES = ['', 'docs', 'docs/decisions', '.github'].flatMap((folder) => {
	const path = join(ROOT, folder);
	if (!existsSync(path)) return [];
	return readdirSync(path)
		.filter((name) => name.endsWith('.md'))
		.map((name) => join(path, name));
});
const FOLDERS = readdirSync(ROOT, { withFileTypes: true })
	.filter((entry) => entry.isDirectory() && !BUILT.includes(entry.name) && entry.name !== '.git')
	.map(({ name }) => name);

const read = (path: string) => readFileSync(path, 'utf8');

test('links in the documentation lead to files and headings that exist', () => {
	const broken = FILES.flatMap((file) =>
		linksOf(read(file))
			.filter(({ target }) => !/^[a-z]+:/.test(target))
			.filter(({ target }) => {
				const [path = '', anchor] = target.split('#');
				const linked = path === '' ? file : join(dirname(file), path);
				return !existsSync(linked) || (anchor !== undefined && !anchorsOf(read(linked)).has(anchor));
			})
			.map(({ line, target }) => `${relative(ROOT, file)}:${line}: ${target}`),
	);
	assert.deepEqual(broken, []);
});

test('files that the documentation names exist', () => {
	const absent = FILES.flatMap((file) =>
		pathsOf(read(file), FOLDERS)
			.filter(({ target }) => ![ROOT, dirname(file)].some((base) => existsSync(join(base, target))))
			.map(({ line, target }) => `${relative(ROOT, file)}:${line}: ${target}`),
	);
	assert.deepEqual(absent, []);
});

test('functions are in the files that docs/architecture.md gives for them', () => {
	const page = read(join(ROOT, 'docs/architecture.md'));
	const tables = [
		page.slice(page.indexOf('## Where to find'), page.indexOf('## Design decisions')),
		page.slice(page.indexOf('## Root')),
	];
	const places = tables.flatMap(namesInFiles);
	assert.ok(places.length > 80, `only ${places.length} names found`);
	const absent = places.filter(({ name, path }) => !new RegExp(`\\b${name}\\b`).test(read(join(ROOT, path))));
	assert.deepEqual(absent, []);
});

/** Runs `work` in a directory with the files that the commands name. */
async function withExampleFiles<T>(work: (cwd: string) => Promise<T>): Promise<T> {
	const cwd = mkdtempSync(join(tmpdir(), 'tinytap-docs-'));
	try {
		for (const name of ['traffic', 'before', 'after']) copyFileSync(DEMO, join(cwd, `${name}.tinytap`));
		writeFileSync(join(cwd, 'report.sql'), 'SELECT count(*) FROM exchanges WHERE status >= 500;\n');
		return await work(cwd);
	} finally {
		rmSync(cwd, { recursive: true });
	}
}

test('the picture of the threads shows every message between them', () => {
	const page = read(join(ROOT, 'docs/architecture.md'));
	const picture = page.slice(page.indexOf('## The threads'), page.indexOf('## Facts from user space'));
	const messages = [...read(join(ROOT, 'src/threads/messages.ts')).matchAll(/readonly type: '([a-z-]+)'/g)];
	assert.ok(messages.length > 20, `only ${messages.length} messages found`);
	const shown = new Set(picture.match(/[a-z]+(-[a-z]+)*/g));
	assert.deepEqual(
		messages.map(([, type]) => type).filter((type) => !shown.has(type!)),
		[],
	);
	// An arrow begins with the name of a message, or is one of those that need none.
	const known = new Set(['start', 'SIGNAL_STOP', ...messages.map(([, type]) => type!)]);
	const arrows = [...picture.matchAll(/^\s*\w-?->>\w: ([\w-]+)/gm)].map(([, name]) => name!);
	assert.ok(arrows.length > 20, `only ${arrows.length} arrows found`);
	assert.deepEqual(
		arrows.filter((name) => !known.has(name)),
		[],
	);
});

// A semicolon begins a new line of a Mermaid sequence, and # a comment, so the picture would not be drawn.
test('pictures contain no characters that end a line of them', () => {
	const pictures = FILES.flatMap((file) => [...read(file).matchAll(/^```mermaid\n(.*?)^```$/gms)]);
	assert.ok(pictures.length >= 2, `only ${pictures.length} pictures found`);
	assert.deepEqual(
		pictures.flatMap(([, lines]) => lines!.split('\n').filter((line) => /[;#]/.test(line))),
		[],
	);
});

test('commands that run one test file, or some of its tests, name tests that exist', () => {
	const commands = FILES.flatMap((file) => codeBlocks(read(file)).flatMap(({ lines }) => lines))
		.map(shellWords)
		.filter((words) => words.includes('--test'));
	assert.ok(commands.length >= 2, `only ${commands.length} commands found`);
	for (const words of commands) {
		const pattern = words.indexOf('--test-name-pattern');
		const name = pattern < 0 ? '' : words[pattern + 1]!;
		const titles = read(join(ROOT, words.at(-1)!)).match(/^\s*(?:test|it)\(.*/gm) ?? [];
		assert.ok(
			titles.some((title) => title.includes(name)),
			words.join(' '),
		);
	}
});

test('commands in the documentation run on the demo recording', async () => {
	const commands = FILES.flatMap((file) =>
		codeBlocks(read(file)).flatMap(({ line, lines }) =>
			lines
				.map((text, index) => ({ place: `${relative(ROOT, file)}:${line + index}`, words: shellWords(text) }))
				// These need a store.
				.filter(({ words }) => words[0] === 'tinytap' && !/^[\d(]|^(agent|fleet)$/.test(words[1] ?? ''))
				.filter(({ words }) => !words.includes('--store')),
		),
	);
	assert.ok(commands.length >= 5, `only ${commands.length} commands found`);
	for (const { place, words } of commands) {
		await withExampleFiles(async (cwd) => {
			// `record` creates this file itself.
			rmSync(join(cwd, words[1] === 'record' ? 'traffic.tinytap' : 'none'), { force: true });
			const live =
				!words.includes('--replay') &&
				!['doctor', 'queries', 'help', 'version', 'info', 'merge', 'diff'].includes(words[1] ?? '');
			const args = [...words.slice(1), ...(live ? ['--replay', DEMO] : [])];
			const { code, stderr } = await runTinytap(args, { cwd, input: '.quit\n' });
			assert.equal(code, 0, `${place}: ${words.join(' ')}: exit code ${code}: ${stderr}`);
		});
	}
});

test('statements in the documentation are valid', () => {
	const columns = TABLES.map(({ name, columns }) => [name, { columns }] as const);
	const attached = columns.map(([name, table]) => [`before.${name}`, table] as const);
	const schema = { tables: new Map([...columns, ...attached]) };
	const statements = FILES.flatMap((file) => codeBlocks(read(file), 'sql')).flatMap(({ lines }) => {
		// What follows `.wait until` is a statement and a duration.
		const sql = lines.map((line) => line.replace(/^\.wait until (.*) \d+s$/, '$1;').replace(/^\..*/, ''));
		return splitStatements(sql.join('\n')).map(({ text }) => text);
	});
	const queries = statements.filter((text) => !/^\s*(ATTACH|DETACH)\b/.test(text));
	assert.ok(queries.length >= 8, `only ${queries.length} statements found`);
	for (const text of queries) assert.doesNotThrow(() => prepare(text, schema), text);
});

test('sessions in the documentation print what they show, on the demo recording', async () => {
	const sessions = FILES.flatMap((file) =>
		codeBlocks(read(file)).flatMap((block) =>
			sessionOf(block).map((said) => ({ ...said, place: `${relative(ROOT, file)}:${said.line}` })),
		),
	);
	assert.ok(sessions.length >= 3, `only ${sessions.length} statements found`);
	for (const { place, typed, printed } of sessions) {
		const { code, stdout, stderr } = await runTinytap(['--replay', DEMO], { input: `${typed}\n` });
		assert.equal(code, 0, `${place}: ${stderr}`);
		assert.doesNotMatch(stderr, /^error/im, place);
		// Only a terminal shows the number of rows.
		if (printed !== '') assert.equal(stdout.trimEnd(), printed.replace(/\n\(\d+ rows?\)$/, ''), place);
	}
});

test('a check of Markdown finds links, paths, headings, commands and what a session prints', () => {
	const text =
		'# A, b & `c`\n\n[x](a.md#b "title") `[no](link)`\n## Same\n## Same\n```\n[no](block)\n```\n`src/a.ts` `x/y` `src/NAME.ts`\n';
	assert.deepEqual(linksOf(text), [{ line: 3, target: 'a.md#b' }]);
	assert.deepEqual(pathsOf(text, ['src']), [{ line: 9, target: 'src/a.ts' }]);
	assert.deepEqual(
		namesInFiles(
			'| it | `one`, `two` in `a.ts`, `six` in `c`; also: `three`, called from `four`, in `b` | `five` in it |',
		),
		[
			{ name: 'one', path: 'a.ts' },
			{ name: 'two', path: 'a.ts' },
			{ name: 'six', path: 'c' },
			{ name: 'three', path: 'b' },
			{ name: 'four', path: 'b' },
		],
	);
	assert.deepEqual([...anchorsOf(text)], ['a-b--c', 'same', 'same-1']);
	assert.deepEqual(shellWords(`tinytap query "SELECT '#' x" --a='b c' # "comment`), [
		'tinytap',
		'query',
		"SELECT '#' x",
		'--a=b c',
	]);
	const block = { line: 7, lines: ['$ tinytap', 'tinytap> SELECT', '... 1;', ' 1', '---', 'tinytap* (x.y)> .quit'] };
	assert.deepEqual(sessionOf(block), [
		{ line: 8, typed: 'SELECT\n1;', printed: ' 1\n---' },
		{ line: 12, typed: '.quit', printed: '' },
	]);
});
