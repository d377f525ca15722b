// Statements over a store of many hosts: two servers of ClickHouse 18, which make a cluster of two shards. ClickHouse computes
// only what every version does in the same way: rows for conditions. `npm run fleet` does the same with the current version.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { tableStatements } from '../../src/agent/clickhouse-ddl.ts';
import { type ClickHouse, newNode, startClickHouse } from '../../support/clickhouse.ts';
import { eventually } from '../../support/eventually.ts';
import { temporaryDirectory } from '../../support/servers.ts';
import { seeded } from '../../support/sql-sample.ts';
import { compareAnswers, openLink } from '../../support/store-parity.ts';
import { StoreQueryMaker } from '../../support/store-queries.ts';
import { insertExchanges, insertRows, madeRows, memoryRows } from '../../support/store-rows.ts';
import { runTinytap, startTinytap } from '../../support/tinytap.ts';

const ROWS = madeRows(1000);
let stores: ClickHouse[] = [];
let url = '';
const directory = temporaryDirectory();

before(async () => {
	const nodes = [await newNode(), await newNode()];
	stores = await Promise.all([nodes, [...nodes].reverse()].map((each) => startClickHouse({ nodes: each })));
	const [first] = stores as [ClickHouse];
	url = `${first.url}/one`;
	const form = { database: 'one', cluster: undefined, ttlDays: undefined, portable: true };
	for (const statement of tableStatements(form)) await first.ask(statement);
	await insertRows(ROWS, { url: first.url, database: 'one', portable: true });
});
after(async () => {
	await Promise.all(stores.map((store) => store.stop()));
	directory.remove();
});

/** Runs a script that may connect, as its user trusts it. */
async function script(text: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}) {
	const path = `${directory.path}/script.sql`;
	writeFileSync(path, text);
	return await runTinytap(['run', path, '--unsafe', '--format', 'csv', ...args], { env });
}

test('random statements give the same rows as over the same rows in memory', async () => {
	const link = await openLink(url);
	const memory = memoryRows(ROWS, link.layout);
	const maker = new StoreQueryMaker(seeded(5));
	const differences: string[] = [];
	let answered = 0;
	for (let made = 0; made < 100; made++) {
		const sql = maker.statement();
		const { way, difference } = await compareAnswers(sql, memory, link);
		if (difference !== undefined) differences.push(`${sql}: ${difference}`);
		if (way === 'rows') answered++;
		// Version 18 computes nothing.
		assert.equal(way === 'rows' || way === 'error here', true, `${way}: ${sql}`);
	}
	link.close();
	assert.deepEqual(differences, []);
	assert.equal(answered > 85, true, `${answered} were answered`);
});

test('a store is asked, this host is local, and gaps are told below the result', async () => {
	const sql =
		"SELECT host_name, count(*) AS n FROM exchanges WHERE ts < '2026-11-22T12:00:30Z' GROUP BY ALL ORDER BY 1";
	const got = await runTinytap(['query', sql, '--store', url, '--format', 'json', '--replay', 'demo']);
	assert.equal(got.code, 0, got.stderr);
	const early = ROWS.filter(({ values }) => Number(values.ts) < Date.UTC(2026, 10, 22, 12, 0, 30) * 1000);
	const expected = [...new Set(early.map(({ values }) => String(values.host_name)))].sort().map((host) => ({
		host_name: host,
		n: early.filter(({ values }) => values.host_name === host).length,
	}));
	assert.deepEqual(JSON.parse(got.stdout), expected);
	assert.match(
		got.stderr,
		/^tinytap: rows may be missing from the store: an unknown number of 1 host \(not running\), 12 rows of 1 host \(spool full\); SELECT \* FROM gaps shows when$/m,
	);
	const statements = [
		"SELECT count(*) FROM exchanges WHERE ts > '2026-11-22T13:00:00Z' AND host_name = 'db'",
		'SELECT count(*) FROM local.exchanges',
		"EXPLAIN SELECT path FROM exchanges WHERE status = 200 AND path LIKE '/a_i%' AND ts >= '2026-11-22T13:00:00Z'",
		'SELECT method, count(*) FROM local.exchanges e JOIN gaps g ON g.rows IS NULL GROUP BY 1 ORDER BY 2 DESC LIMIT 1',
		'.tables',
	];
	const run = await script(`${statements.slice(0, -1).join(';\n')};\n.tables\n`, ['--store', url, '--replay', 'demo']);
	assert.equal(run.code, 0, run.stderr);
	const lines = run.stdout.split(/\r?\n/);
	const late = ROWS.filter(
		({ values }) => values.host_name === 'db' && Number(values.ts) > Date.UTC(2026, 10, 22, 13) * 1000,
	);
	assert.equal(lines[1], String(late.length));
	assert.equal(lines[3], '56');
	assert.match(
		run.stdout,
		/FROM one\.exchanges WHERE status = 200 AND lower\(path\) LIKE '\/a%i%' AND \(ts_us >= 1795352400000000 AND ts >= toDateTime\(1795352400\)\) LIMIT 1 BY host_name, ts_us, run, seq LIMIT 1000001/,
	);
	assert.match(run.stdout, /^"GET",\d+$/m);
	assert.match(run.stdout, /\bheaders\n[\s\S]*\blocal\.inflight\n/);
	// The gap ended before these rows, and on other hosts.
	assert.doesNotMatch(run.stderr, /may be missing/);
});

test('of the versions of a connection, only the latest one is a row', async () => {
	const [first] = stores as [ClickHouse];
	const version = (seq: number, exchanges: number) =>
		`('a', 1, ${seq}, 7, 1795348800, 1795348800000000, ${exchanges}, 1795348800)`;
	await first.ask(
		`INSERT INTO one.connections (host_name, run, seq, id, opened, opened_us, exchanges, last_ts) VALUES ${version(1, 3)}, ${version(2, 5)}`,
	);
	await first.ask(
		`INSERT INTO one.connections (host_name, run, seq, id, opened, opened_us, exchanges, last_ts) VALUES ${version(3, 9)}`,
	);
	const sql = "SELECT id, seq, exchanges, opened FROM connections WHERE host_name = 'a'";
	const got = await runTinytap(['query', sql, '--store', url, '--format', 'ndjson', '--quiet']);
	assert.equal(got.stdout, '{"id":7,"seq":3,"exchanges":9,"opened":"2026-11-22T12:00:00.000000Z"}\n', got.stderr);
});

test('errors are one sentence with a hint: names, rights, limits, and commands that know only this host', async () => {
	const failing = async (sql: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}) => {
		const { code, stderr } = await runTinytap(['query', sql, '--store', url, ...args], { env });
		assert.equal(code === 0, false, sql);
		return stderr;
	};
	assert.match(
		await failing('FROM inflight'),
		/unknown table inflight \[ERR_SQL_NAME\][\s\S]*hint: the store has no such table; local\.inflight is that of this host/,
	);
	const wrong = await failing('FROM gaps', [], { CLICKHOUSE_USER: 'sender', CLICKHOUSE_PASSWORD: 'wrong' });
	assert.match(
		wrong,
		/error: the store 127\.0\.0\.1:\d+ refused the user name or the password \(ClickHouse error 193\) \[ERR_STORE_RIGHTS\]/,
	);
	assert.match(
		await failing('SELECT id FROM exchanges LIMIT 1', ['--format', 'har']),
		/a store is asked \[ERR_STORE_ONLY_HERE\]/,
	);
	assert.match(await failing('FROM gaps', ['--port', '80']), /expected --store or --port, got both/);
	const elsewhere = await runTinytap(['query', 'FROM gaps', '--store', `${url}x`]);
	assert.match(elsewhere.stderr, /has no table exchanges of tinytap in the database onex[^\n]*\[ERR_STORE\]/);
	const nowhere = await runTinytap(['query', 'FROM gaps', '--store', 'http://127.0.0.1:1/x']);
	assert.match(nowhere.stderr, /the store 127\.0\.0\.1:1 does not answer: nothing listens there \[ERR_STORE\]/);
});

test('a read-only user may ask, and .store sends the SQL of ClickHouse, limited in time', async () => {
	const [first] = stores as [ClickHouse];
	const reader = { CLICKHOUSE_USER: 'reader' };
	const statements = [
		`.connect ${url}`,
		'SELECT count(*) FROM exchanges;',
		'.store SELECT host_name, uniqExact(path) AS paths, 0.5 AS half, [1, 2] AS list FROM one.exchanges GROUP BY host_name ORDER BY host_name LIMIT 1',
		'.connect off',
		'SELECT count(*) FROM exchanges;',
	];
	const got = await script(statements.join('\n'), ['--replay', 'demo'], reader);
	assert.equal(got.code, 0, got.stderr);
	const paths = new Set(
		ROWS.filter(({ values }) => values.host_name === 'db' && values.path !== null).map(({ values }) => values.path),
	);
	assert.match(
		got.stdout.replaceAll('\r', ''),
		new RegExp(
			`^"count\\(\\*\\)"\n1000\nhost_name,paths,half,list\n"db",${paths.size},0\\.5,"\\[1,2\\]"\n"count\\(\\*\\)"\n56\n$`,
		),
	);
	const writing = await script(`.connect ${url}\n.store DROP TABLE one.gaps\n`, ['--replay', 'demo']);
	assert.match(writing.stderr, /does not allow this user to do that \(ClickHouse error 164\) \[ERR_STORE_RIGHTS\]/);
	assert.equal((await first.rows('SELECT count() FROM one.gaps'))[0]![0], '2');
	const endless = '.store SELECT count() FROM system.numbers WHERE NOT ignore(number)';
	const late = await script(`.connect ${url}\n${endless}\n`, ['--replay', 'demo', '--timeout', '1s']);
	assert.match(late.stderr, /time limit[^\n]*\[ERR_(STORE_LIMIT|SQL_TIME_LIMIT)\]/);
});

test('a tail follows rows by their arrival, each once, in the order in which they were sent', async (t) => {
	const [first] = stores as [ClickHouse];
	const words = [
		'tail',
		'--store',
		url,
		'--where',
		"comm = 'tailed'",
		'--columns',
		'host_name, id, status',
		'--format',
		'ndjson',
	];
	const tinytap = startTinytap([...words, '--count', '23']);
	const rows = madeRows(23, 77).map((row, index) => {
		const place = { host_name: 'web', run: 9, id: index + 1, seq: index + 1 };
		return { ...row, values: { ...row.values, ...place, comm: 'tailed', ts: Date.now() * 1000, status: 200 } };
	});
	const single = 7;
	await eventually(
		async () => (/asking the store/.test(tinytap.stderr()) ? true : undefined),
		() => tinytap.stderr(),
	);
	// The tail begins at some instant after that, so the first row is sent until it is seen.
	const target = { url: first.url, database: 'one', portable: true };
	const delays: number[] = [];
	const seen = () => tinytap.stdout().split('\n').length - 1;
	for (const [index, next] of rows.slice(0, single).entries()) {
		const begun = performance.now();
		await insertExchanges([next], target);
		let again = index + 1;
		await eventually(
			async () => {
				if (index === 0 && seen() === 0 && performance.now() - begun > 3000 * again)
					await insertExchanges([{ ...next, values: { ...next.values, seq: -again++ } }], target);
				return seen() > index ? true : undefined;
			},
			() => `${seen()} of ${index + 1} rows were printed: ${tinytap.stderr()}`,
		);
		delays.push(performance.now() - begun);
	}
	await insertExchanges(rows.slice(single).reverse(), target);
	const { code, stdout } = await tinytap.finished;
	assert.equal(code, 0);
	const ids = stdout
		.trimEnd()
		.split('\n')
		.map((line) => (JSON.parse(line) as { id: number }).id);
	assert.deepEqual(
		ids,
		rows.map((_, index) => index + 1),
	);
	const median = delays.sort((a, b) => a - b)[single >> 1]!;
	// On a busy machine it says nothing, so it is only reported.
	t.diagnostic(`half of the rows were printed within ${median.toFixed(0)} ms`);
});

test('Ctrl-C ends the statement in the store, too', async () => {
	const [first] = stores as [ClickHouse];
	for (const user of ['default', 'reader']) {
		const path = `${directory.path}/endless.sql`;
		writeFileSync(
			path,
			`.connect ${url}\n.store SELECT count() FROM system.numbers WHERE NOT ignore(number, '${user}')\n`,
		);
		const tinytap = startTinytap(['run', path, '--unsafe', '--replay', 'demo', '--timeout', '50s'], {
			env: { CLICKHOUSE_USER: user },
		});
		const running = async () =>
			Number(
				(
					await first.rows(
						`SELECT count() FROM system.processes WHERE query LIKE '%, \\'${user}\\')%' AND query NOT LIKE '%processes%'`,
					)
				)[0]![0],
			);
		await eventually(
			async () => ((await running()) === 1 ? true : undefined),
			() => `not running: ${tinytap.stderr()}`,
		);
		tinytap.interrupt();
		assert.equal((await tinytap.finished).code, 130);
		await eventually(
			async () => ((await running()) === 0 ? true : undefined),
			() => `still running for ${user}`,
		);
	}
});

test('a shard that cannot be reached is an error, unless the user takes the rows of the others', async () => {
	const form = { database: 'two', cluster: 'shards', ttlDays: undefined, portable: true };
	for (const store of stores) for (const statement of tableStatements(form)) await store.ask(statement);
	const [first, second] = stores as [ClickHouse, ClickHouse];
	await insertExchanges(ROWS.slice(0, 100), { url: first.url, database: 'two', portable: true });
	const place = `${first.url}/two`;
	await eventually(
		async () => (Number((await first.rows('SELECT count() FROM two.exchanges'))[0]![0]) === 100 ? true : undefined),
		() => 'not all rows have arrived',
	);
	const all = await runTinytap(['query', 'SELECT count(*) FROM exchanges', '--store', place, '--format', 'csv']);
	assert.match(all.stdout, /^100\r?$/m, all.stderr);
	const [[here] = [0]] = await first.rows('SELECT count() FROM two.exchanges_local');
	await second.kill();
	const refused = await runTinytap(['query', 'SELECT count(*) FROM exchanges', '--store', place]);
	assert.equal(refused.code, 1);
	assert.match(
		refused.stderr,
		/cannot reach one of its shards, so rows would be missing \(ClickHouse error 279\) \[ERR_STORE_SHARD\]\nhint: \.set shards available/,
	);
	const some = await script('.set shards available\nSELECT count(*) FROM exchanges;\n', ['--store', place]);
	assert.equal(some.code, 0, some.stderr);
	assert.match(some.stdout.replaceAll('\r', ''), new RegExp(`^${here}$`, 'm'));
	assert.match(some.stderr, /^tinytap: a shard of the store cannot be reached: the rows of its hosts are missing$/m);
});
