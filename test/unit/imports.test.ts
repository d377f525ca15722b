// Which part of the program may import which. docs/architecture.md explains the parts.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '../..');

type Import = { readonly from: string; readonly to: string };

/** Each rule is one test. `breaks` returns what is wrong with an import, or undefined. */
type Rule = { readonly title: string; readonly below: string; readonly breaks: (edge: Import) => string | undefined };

/** From left to right: a folder may import from itself and from those before it. */
const FOLDERS = [
	'base',
	'capture',
	'decode',
	'store',
	'sql',
	'output',
	'report',
	'agent',
	'remote',
	'threads',
	'telemetry',
	'shell',
	'commands',
];
const ROOMS_OF_SQL = [
	'limits',
	'values',
	'text',
	'grammar',
	'patterns',
	'functions',
	'bind',
	'editor',
	'evaluate',
	'run',
	'elsewhere',
	'statements',
];
const DOORS_OF_SQL = ['src/sql/sql.ts', 'src/sql/sql-light.ts', 'src/sql/sql-plans.ts'];

/** These files wire the program, one for each thread: each may import from every folder, and nothing imports them. */
const WIRES = ['src/cli.ts', 'src/threads/capture-thread.ts', 'src/threads/query-thread.ts'];

/**
 * Rooms of the decoder, each with the other rooms that it may import from. Files outside the rooms may import
 * anything; a room that is not listed may not be imported.
 */
const ROOMS_OF_DECODER: Readonly<Record<string, readonly string[]>> = {
	wire: [],
	memory: ['wire'],
	http1: ['wire', 'memory'],
	http2: ['wire', 'memory'],
	tls: ['wire', 'memory'],
	items: ['wire', 'memory'],
	tables: ['wire', 'memory'],
	rows: ['wire', 'memory', 'items', 'tables'],
	protocols: ['wire', 'memory', 'http1', 'http2', 'tls', 'items', 'tables', 'rows'],
	connections: ['wire', 'memory', 'tables', 'rows', 'protocols'],
};

/** Besides its own folder, a file may import from folders that come before it in `order`. */
function inOrder(base: string, order: readonly string[]): Rule['breaks'] {
	const place = (path: string) => order.indexOf(folderIn(base, path));
	return ({ from, to }) => {
		if (!to.startsWith(`${base}/`)) return undefined;
		if (place(to) < 0) return 'it is in none of the folders';
		return place(to) <= place(from) ? undefined : `${folderIn(base, to)} comes after ${folderIn(base, from)}`;
	};
}

/** Besides its own folder, a file may import from those that `allowed` lists for it. */
function asAllowed(base: string, allowed: Readonly<Record<string, readonly string[]>>): Rule['breaks'] {
	return ({ from, to }) => {
		const [own, other] = [folderIn(base, from), folderIn(base, to)];
		if (dirname(from) === base || !to.startsWith(`${base}/`) || own === other) return undefined;
		return allowed[own]?.includes(other) ? undefined : `${own} may use only ${allowed[own]?.join(', ') ?? 'itself'}`;
	};
}

/** The folder directly below `base` that contains `path`; for a file in `base` itself, its name. */
function folderIn(base: string, path: string): string {
	return relative(base, path).split('/')[0]!;
}

const RULES: readonly Rule[] = [
	{
		title: 'a folder of src/ imports only from those on its left',
		below: 'src',
		breaks: (edge) => (WIRES.includes(edge.from) ? undefined : inOrder('src', FOLDERS)(edge)),
	},
	{
		title: 'the program imports only constants from decoder-as/',
		below: 'src',
		breaks: ({ to }) =>
			!to.startsWith('decoder-as/') || /\/(capture-event|output-layout)\.ts$/.test(to)
				? undefined
				: 'only capture-event.ts and output-layout.ts are for both sides',
	},
	{
		title: 'other folders import only the entry files of src/sql',
		below: 'src',
		breaks: ({ from, to }) =>
			from.startsWith('src/sql/') || !to.startsWith('src/sql/') || DOORS_OF_SQL.includes(to)
				? undefined
				: `the entry files are ${DOORS_OF_SQL.join(' and ')}`,
	},
	{
		title: 'a room of src/sql imports only from those before it',
		below: 'src/sql',
		breaks: (edge) => (DOORS_OF_SQL.includes(edge.from) ? undefined : inOrder('src/sql', ROOMS_OF_SQL)(edge)),
	},
	{
		title: 'a room of the decoder imports only from the rooms listed for it',
		below: 'decoder-as/assembly',
		breaks: asAllowed('decoder-as/assembly', ROOMS_OF_DECODER),
	},
	{
		title: 'nothing imports the files that wire the program',
		below: 'src',
		breaks: ({ to }) => (WIRES.includes(to) ? 'it starts a thread when it is loaded' : undefined),
	},
	{
		title: 'src/ imports neither tests nor tools',
		below: 'src',
		breaks: ({ to }) => (/^(test|scripts|support)\//.test(to) ? 'it is not part of the program' : undefined),
	},
	{
		title: 'tests import no tools',
		below: 'test',
		breaks: ({ to }) => (to.startsWith('scripts/') ? 'shared code is in support/' : undefined),
	},
	{
		title: 'tools import no tests',
		below: 'scripts',
		breaks: ({ to }) => (to.startsWith('test/') ? 'shared code is in support/' : undefined),
	},
	{
		title: 'support/ imports neither tests nor tools',
		below: 'support',
		breaks: ({ to }) => (/^(test|scripts)\//.test(to) ? 'shared code is in support/' : undefined),
	},
];

/** Every relative import in the source files below a folder: static, dynamic, of types, re-exports. */
function importsBelow(folder: string): Import[] {
	return edgesBelow(
		folder,
		(name) => /\.(ts|mjs|js)$/.test(name) || !name.includes('.'),
		/(?:\bfrom|\bimport|\brequire)\s*\(?\s*(['"`])(\.[^'"`]*)\1/g,
	);
}

/** What C and C++ files include of each other. */
function includesBelow(folder: string): Import[] {
	return edgesBelow(folder, (name) => /\.(c|cc|h)$/.test(name), /^#\s*include\s*(")([^"]+)"/gm);
}

/** `pattern`: its second group is the path of the other file, relative to the one that names it. */
function edgesBelow(folder: string, isSource: (name: string) => boolean, pattern: RegExp): Import[] {
	const files = readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
		.filter((entry) => entry.isFile() && !/node_modules/.test(entry.parentPath) && isSource(entry.name))
		.map((entry) => relative(ROOT, join(entry.parentPath, entry.name)));
	return files.flatMap((from) =>
		[...readFileSync(join(ROOT, from), 'utf8').matchAll(pattern)].map((match) => ({
			from,
			to: join(dirname(from), match[2]!),
		})),
	);
}

for (const { title, below, breaks } of RULES) {
	test(title, () => {
		const imports = importsBelow(below);
		assert.ok(imports.length > 10, `only ${imports.length} imports found below ${below}`);
		const broken = imports.flatMap((edge) => {
			const why = breaks(edge);
			return why === undefined ? [] : [`${edge.from} imports ${edge.to}: ${why}`];
		});
		assert.deepEqual(broken, []);
	});
}

test('bpf/ includes only its own files, and native/ besides its own only those of bpf/', () => {
	const includes = [...includesBelow('bpf'), ...includesBelow('native')];
	assert.ok(includes.length > 50, `only ${includes.length} found`);
	assert.deepEqual(
		includes.filter(
			({ from, to }) => !to.startsWith('bpf/') && !(from.startsWith('native/') && to.startsWith('native/')),
		),
		[],
	);
});

// biome finds cycles in the other folders, but does not read AssemblyScript.
test('the decoder has no import cycles', () => {
	const imports = importsBelow('decoder-as/assembly').map(({ from, to }) => ({ from, to: `${to}.ts` }));
	const done = new Set<string>();
	const cycles: string[] = [];
	const visit = (path: string, above: readonly string[]): void => {
		const before = above.indexOf(path);
		if (before >= 0) cycles.push([...above.slice(before), path].join(' → '));
		if (before >= 0 || done.has(path)) return;
		for (const { from, to } of imports) if (from === path) visit(to, [...above, path]);
		done.add(path);
	};
	visit('decoder-as/assembly/index.ts', []);
	assert.ok(done.size > 40, `only ${done.size} files visited`);
	assert.deepEqual(cycles, []);
});

test('every folder of src/ and every room is listed in the order', () => {
	const folders = (path: string) =>
		readdirSync(join(ROOT, path), { withFileTypes: true })
			.filter((entry) => entry.isDirectory())
			.map(({ name }) => name);
	assert.deepEqual(folders('src').sort(), [...FOLDERS].sort());
	assert.deepEqual(folders('src/sql').sort(), [...ROOMS_OF_SQL].sort());
	assert.deepEqual(folders('decoder-as/assembly').sort(), Object.keys(ROOMS_OF_DECODER).sort());
	const loose = (path: string) =>
		readdirSync(join(ROOT, path), { withFileTypes: true })
			.filter((entry) => entry.isFile())
			.map(({ name }) => `${path}/${name}`);
	assert.deepEqual(loose('src').sort(), ['src/cli.ts', 'src/globals.d.ts']);
	assert.deepEqual(loose('src/sql').sort(), [...DOORS_OF_SQL].sort());
});

test('no source file is longer than 900 lines', () => {
	// Files written by a script, and data.
	const generated = /^(docs\/server-compatibility\.md|test\/fixtures\/)/;
	const folders = ['bin', 'bpf', 'decoder-as', 'docs', 'native', 'queries', 'scripts', 'src', 'support', 'test'];
	const own = folders
		.flatMap((folder) => readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true }))
		.filter((entry) => entry.isFile() && !/\/(node_modules|__pycache__)(\/|$)/.test(entry.parentPath))
		.map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
		.filter((path) => !generated.test(path));
	assert.ok(own.length > 300, `only ${own.length} files found`);
	const lines = (path: string) => readFileSync(join(ROOT, path), 'latin1').split('\n').length - 1;
	assert.deepEqual(
		own.filter((path) => lines(path) > 900),
		[],
	);
});
