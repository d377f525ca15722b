// Completion of commands and statements, parameters, and the progress line.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { processUser } from '../../src/base/invoking-user.ts';
import { type CompletionContext, complete, schemaOf } from '../../src/shell/completion.ts';
import { literalText, parseParameter } from '../../src/shell/parameters.ts';
import { progressText } from '../../src/shell/progress.ts';
import { classify } from '../../src/sql/sql-light.ts';
import { TABLES } from '../../src/store/database.ts';

const CONTEXT: CompletionContext = {
	ownTables: [
		{ name: 'my_view', isView: true, columns: [{ name: 'my_column', type: 'int', description: '' }] },
		{ name: 'my_table', isView: false, columns: [] },
	],
	queries: [],
};

/** What Tab offers at the end of a text, or at `|`. */
function offers(text: string, changes: Partial<CompletionContext> = {}): string[] {
	const cursor = text.includes('|') ? text.indexOf('|') : text.length;
	const { items } = complete({ ...CONTEXT, ...changes }, text.replace('|', ''), cursor);
	return items.map((item) => item.text);
}

test('Tab offers commands after a dot, and their arguments', () => {
	assert.deepEqual(offers('.sch'), ['.schema']);
	assert.deepEqual(offers('.q'), ['.queries', '.quit']);
	assert.deepEqual(offers('.schema my'), ['my_view', 'my_table']);
	assert.deepEqual(offers('.mode js'), ['json']);
	assert.ok(offers('.tail WHERE dur').includes('duration_ms'));
	assert.ok(offers('.tail dur').includes('duration_ms'));
	assert.ok(offers('.save name SELECT dur').includes('duration_ms'));
	assert.deepEqual(offers('.show 1'), []);
	assert.deepEqual(offers('.show 1 --h'), ['--headers', '--hex']);
	assert.deepEqual(offers('.tail --'), ['--both', '--messages']);
	assert.ok(offers('.tail --both --messages WHERE close').includes('close_code'));
	assert.ok(offers('.tail --both WHERE dur').includes('duration_ms'));
	assert.ok(offers('.watch 0.5 SELECT dur').includes('duration_ms'));
	assert.deepEqual(offers('.set timezone Europe/Ber'), ['Europe/Berlin']);
	assert.deepEqual(offers('.help ERR_NO_TR'), ['ERR_NO_TRACEFS']);
	assert.deepEqual(offers('.help fun'), ['functions']);
	assert.deepEqual(offers('.nosuch x'), []);
	assert.deepEqual(offers('.expanded a'), ['auto']);
	assert.deepEqual(offers('.headers '), ['on', 'off']);
	assert.deepEqual(offers('.headers on '), []);
	assert.deepEqual(offers('.record st'), ['start', 'stop']);
	assert.deepEqual(offers('.capture '), ['all', 'pid', 'comm', 'port', 'cgroup', 'tls']);
	assert.deepEqual(offers('.capture tls '), ['on', 'off']);
	assert.deepEqual(offers('.capture port 80 p'), ['pid', 'port']);
	assert.deepEqual(offers('.capture port '), []);
	assert.deepEqual(offers('.tail w'), ['where']);
	assert.ok(offers('.tail ').includes('WHERE') && offers('.tail ').includes('status'));
	assert.ok(offers('.show ').includes('--body'));
});

test('Tab completes commands that end a statement, and those that are sentences', () => {
	assert.deepEqual(offers('SELECT 1 \\g'), ['\\g', '\\gx']);
	assert.deepEqual(offers('SELECT 1,\n2 \\w'), ['\\watch']);
	assert.deepEqual(offers("SELECT '\\g"), []);
	assert.deepEqual(offers('show '), ['tables', 'columns from ']);
	assert.deepEqual(offers('SHOW COLUMNS FROM lo'), ['loss']);
	assert.deepEqual(offers('pragma table_info(lo'), ['loss']);
	assert.deepEqual(offers('help time_b'), ['time_bucket']);
});

test('Tab offers the tables of attached recordings, and their columns', () => {
	const column = { name: 'some_column', type: 'int', description: '' } as const;
	const attachedTables = [
		{ name: 'before.exchanges', columns: [column] },
		{ name: 'before.loss', columns: [] },
	];
	const tables = [...TABLES, ...attachedTables];
	const changes = { tables };
	assert.deepEqual(offers('.schema bef', changes), ['before.exchanges', 'before.loss']);
	assert.deepEqual(offers('SELECT * FROM bef', changes), ['before.exchanges', 'before.loss']);
	assert.deepEqual(offers('SELECT * FROM before.ex', changes), ['exchanges']);
	assert.deepEqual(offers('SELECT so| FROM before.exchanges', changes), ['some_column']);
	assert.deepEqual(offers('SELECT b.so| FROM before.exchanges b', changes), ['some_column']);
	assert.deepEqual(offers('DELETE FROM bef', changes), []);
	assert.deepEqual(offers('ATT'), ['ATTACH']);
	const schema = schemaOf([], tables);
	const unknown = (text: string) =>
		classify(text, schema)
			.filter((token) => token.class === 'unknown')
			.map(({ start, end }) => text.slice(start, end));
	assert.deepEqual(unknown('SELECT some_column FROM before.exchanges, before.nothing'), ['nothing']);
});

test('Tab offers saved queries after .run and .queries, then the parameters of the query', () => {
	const folder = mkdtempSync(join(tmpdir(), 'tinytap-queries-'));
	try {
		mkdirSync(join(folder, 'queries'));
		writeFileSync(join(folder, 'queries', 'slowest.sql'), 'SELECT 1;\n');
		const queries = [{ place: 'user' as const, path: join(folder, 'queries'), user: processUser() }];
		assert.deepEqual(offers('.run slo', { queries }), ['slowest']);
		const header = '-- title\n-- :top int = 20 rows\n-- :all bool\n-- :since duration = NULL\n';
		writeFileSync(join(folder, 'queries', 'given.sql'), `${header}SELECT 1;\n`);
		assert.deepEqual(offers('.run given ', { queries }), ['top=', 'all=', 'since=']);
		assert.deepEqual(offers('.run given top=5 ', { queries }), ['all=', 'since=']);
		assert.deepEqual(offers('.run given top=5 a', { queries }), ['all=']);
		assert.deepEqual(offers('.run given all=', { queries }), ['all=true', 'all=false']);
		assert.deepEqual(offers('.run given top=', { queries }), ['top=20']);
		assert.deepEqual(offers('.run given since=', { queries }), []);
		assert.deepEqual(offers('.run nosuch ', { queries }), []);
		assert.deepEqual(offers('.queries giv', { queries }), ['given']);
		assert.deepEqual(offers('.watch 5 s', { queries }), ['select', 'summarize', 'slowest']);
		assert.deepEqual(offers('.queries given ', { queries }), []);
	} finally {
		rmSync(folder, { recursive: true });
	}
});

test('Tab offers tables, columns, functions and keywords, in the case of the typed letters', () => {
	assert.deepEqual(offers('SELECT * FROM exch'), ['exchanges']);
	assert.deepEqual(offers('sel'), ['select']);
	assert.deepEqual(offers('SEL'), ['SELECT']);
	assert.ok(offers('SELECT path_s').includes('path_shape('));
	assert.ok(offers('SELECT sta').includes('status'));
	assert.ok(offers('SELECT * FROM headers h WHERE h.').includes('header_value'));
	assert.ok(!offers('SELECT * FROM headers h WHERE h.').includes('status'));
	assert.ok(offers('SELECT * FROM ').includes('loss'), 'all tables after FROM');
	assert.deepEqual(
		['SELECT', 'FROM', '.tail', '.help'].filter((each) => !offers('').includes(each)),
		[],
	);
	assert.deepEqual(offers("SELECT 'sta"), [], 'nothing inside a string');
});

test("Tab knows the user's own views and tables", () => {
	assert.deepEqual(offers('SELECT * FROM my_'), ['my_view', 'my_table']);
	assert.deepEqual(offers('SELECT my_c'), []);
	assert.deepEqual(offers('SELECT my_c| FROM my_view'), ['my_column']);
});

test('Tab takes the previous lines into account', () => {
	assert.ok(offers('SELECT *\nFROM headers AS h\nWHERE h.').includes('header_value'));
	assert.ok(offers('SELECT\n.5 + sta').includes('status'), 'a line that begins with a dot is not a command there');
});

test('parameters are numbers, texts or quoted texts', () => {
	assert.deepEqual(parseParameter('a=5', '--set'), ['a', 5]);
	assert.deepEqual(parseParameter('a=-1.5e3', '--set'), ['a', -1500]);
	assert.deepEqual(parseParameter('a=x=y', '--set'), ['a', 'x=y']);
	assert.deepEqual(parseParameter("a='5'", '--set'), ['a', '5']);
	assert.deepEqual(parseParameter("a='it''s'", '--set'), ['a', "it's"]);
	assert.deepEqual(parseParameter("a='it's'", '--set'), ['a', "'it's'"]);
	assert.deepEqual(parseParameter('a=', '--set'), ['a', '']);
	assert.deepEqual(parseParameter('a=9007199254740993', '--set'), ['a', '9007199254740993']);
	assert.throws(() => parseParameter('5', '--set'), { code: 'ERR_USAGE' });
	assert.equal(literalText("it's"), "'it''s'");
	assert.equal(literalText(5), '5');
});

test('the progress line of a long statement shows its time, its rows and how to end it', () => {
	assert.equal(progressText(3210, 12_345_678), 'running for 3.2 s, 12,345,678 rows read; Ctrl-C ends it');
	assert.equal(progressText(500, 0), 'running for 0.5 s; Ctrl-C ends it');
});

test('after .export Tab offers files, then WHERE, then what a condition can have; formats after --format', () => {
	const folder = mkdtempSync(join(tmpdir(), 'tinytap-files-'));
	try {
		writeFileSync(join(folder, 'before.har'), '');
		const user = processUser();
		assert.deepEqual(offers(`.export ${folder}/bef`, { user }), [`${folder}/before.har`]);
		assert.deepEqual(offers(`.export --format har --force ${folder}/b`, { user }), [`${folder}/before.har`]);
		assert.deepEqual(offers('.export --'), ['--force', '--format', '--keep-bodies', '--no-redact', '--redact']);
		assert.deepEqual(offers('.export --format nd'), ['ndjson']);
		assert.deepEqual(offers('.export a.har '), ['WHERE']);
		assert.deepEqual(offers('.export "a b.har" wh'), ['where']);
		assert.ok(offers('.export a.har WHERE dur').includes('duration_ms'));
		assert.ok(offers('.export --force a.har WHERE status >= 400 AND dur').includes('duration_ms'));
		assert.deepEqual(offers('.export "a b'), []);
	} finally {
		rmSync(folder, { recursive: true });
	}
});
