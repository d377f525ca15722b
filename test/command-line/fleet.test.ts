// `tinytap fleet` with real ClickHouse servers.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { Agent } from '../../src/agent/agent.ts';
import { clickhouseDestination } from '../../src/agent/clickhouse-destination.ts';
import { withSeconds } from '../../src/agent/native-format.ts';
import { storeAddress } from '../../src/agent/store-address.ts';
import { StoreClient } from '../../src/agent/store-client.ts';
import { UserError } from '../../src/base/errors.ts';
import { processUser } from '../../src/base/invoking-user.ts';
import { fleetCommand } from '../../src/commands/fleet-command.ts';
import type { FleetOptions } from '../../src/commands/fleet-options.ts';
import { standardOutput } from '../../src/output/output-stream.ts';
import { type ClickHouse, newNode, startClickHouse } from '../../support/clickhouse.ts';
import { eventually } from '../../support/eventually.ts';
import { blockOfRows } from '../../support/row-blocks.ts';
import { temporaryDirectory } from '../../support/servers.ts';

let stores: ClickHouse[] = [];

before(async () => {
	const nodes = [await newNode(), await newNode()];
	stores = await Promise.all([nodes, [...nodes].reverse()].map((each) => startClickHouse({ nodes: each })));
});
after(async () => {
	await Promise.all(stores.map((store) => store.stop()));
});

/** Runs `tinytap fleet ACTION` in this process; resolves to its exit status and output, or its error. */
async function fleet(action: string, options: FleetOptions, credentials: readonly string[] = []) {
	const [user = '', password = ''] = credentials;
	Object.assign(process.env, { CLICKHOUSE_USER: user, CLICKHOUSE_PASSWORD: password });
	let stdout = '';
	const output = standardOutput();
	const { write } = output;
	output.write = ((text: string) => {
		stdout += text;
		return true;
	}) as typeof output.write;
	try {
		return { code: await fleetCommand(action, { portable: true, color: false, ...options }), stdout, error: '' };
	} catch (error) {
		if (!(error instanceof UserError)) throw error;
		return { code: error.exitCode, stdout, error: error.message };
	} finally {
		output.write = write;
	}
}

test('init creates the tables, check verifies them, and columns that are missing are named and added', async () => {
	const [store] = stores as [ClickHouse];
	const place = { store: `${store.url}/one` };
	const empty = await fleet('check', place);
	assert.equal(empty.code, 1, empty.error);
	assert.match(
		empty.stdout,
		/^failed +tables +the database one has no exchanges, connections, loss, blind_spots, gaps/m,
	);
	const made = await fleet('init', place);
	assert.deepEqual(
		[made.code, made.stdout],
		[0, `one at 127.0.0.1:${store.node.http} has all tables of this version\n`],
	);
	await store.ask('ALTER TABLE one.exchanges DROP COLUMN user_agent');
	const lacking = await fleet('check', place);
	assert.equal(lacking.code, 0);
	assert.match(lacking.stdout, /^warning +tables +one lacks 1 columns of this version$/m);
	const added = 'ALTER TABLE one.exchanges ADD COLUMN user_agent Nullable(String) AFTER content_encoding';
	assert.equal((await fleet('ddl', place)).stdout, `${added};\n\n`);
	assert.match((await fleet('init', place)).stdout, /; 1 columns were added$/m);
	const whole = await fleet('check', place);
	assert.equal(
		whole.stdout,
		[
			'ok       version     ClickHouse 18.16.1, tinytap 0.1.0',
			"ok       clock       the store's clock agrees with this host's",
			'ok       tables      one has all tables and columns of this version',
			'ok       may insert  the user default may do it',
			'ok       may read    the user default may do it',
			'ok       agents      0 hosts sent exchanges in the last day\n',
		].join('\n'),
	);
});

test('blocks are taken with times in seconds, and the time of arrival is set', async () => {
	const store = stores[0]!;
	await fleetCommand('init', { store: `${store.url}/blocks`, portable: true, color: false });
	const origin = { hostName: 'h', run: 7, agentVersion: '1', labels: [['env', 'é']] as const };
	const row = (id: number) => ({
		id,
		ts_us: 1_795_348_800_123_456 + id,
		method: 'GET',
		path: '/é"',
		duration_ms: 0.25,
	});
	const none = { id: 3, ts_us: 1_795_348_800_000_000, method: null, path: null, duration_ms: null };
	const fields = { req_header_names: ['A', 'B'], req_header_values: ['1', ''], status: 200 };
	const two = [blockOfRows(origin, 1, [row(1), { ...row(2), ...fields }]), blockOfRows(origin, 3, [none])];
	const body = Buffer.concat(two.map(({ bytes }) => bytes));
	const user = processUser();
	const options = { option: '--to', credentials: undefined, ca: undefined, user, environment: {} };
	const client = new StoreClient(storeAddress(`${store.url}/blocks`, options));
	const answer = await client.post({
		query: 'INSERT INTO blocks.exchanges FORMAT Native',
		body: gzipSync(withSeconds(gunzipSync(body))),
		settings: { input_format_skip_unknown_fields: 1 },
	});
	client.close();
	assert.deepEqual([answer.status, answer.errorCode, answer.text], [200, undefined, '']);
	const columns = 'seq, id, toUInt32(ts), ts_us, method, path, status, duration_ms, label_values, req_header_values';
	assert.deepEqual(await store.rows(`SELECT ${columns}, now() - ingested_at < 60 FROM blocks.exchanges ORDER BY seq`), [
		['1', '1', 1_795_348_800, '1795348800123457', 'GET', '/é"', null, 0.25, ['é'], [], 1],
		['2', '2', 1_795_348_800, '1795348800123458', 'GET', '/é"', '200', 0.25, ['é'], ['1', ''], 1],
		['3', '3', 1_795_348_800, '1795348800000000', null, null, null, null, ['é'], [], 1],
	]);
});

test('a user who may only read is told so, and a wrong password is one sentence', async () => {
	const [store] = stores as [ClickHouse];
	const place = { store: `${store.url}/one` };
	await fleet('init', place);
	const reading = await fleet('check', place, ['reader']);
	assert.match(reading.stdout, /^warning +may insert .*Code: 164\b/m);
	assert.match(reading.stdout, /^ok +may read +the user reader may do it$/m);
	const wrong = await fleet('check', place, ['sender', 'wrong']);
	assert.equal(wrong.code, 1);
	assert.match(wrong.error, /^the store 127\.0\.0\.1:\d+ refused a statement: HTTP status 401, Code: 193\b.*$/);
	assert.doesNotMatch(wrong.error, /Stack trace|\n/);
});

test('on a cluster, rows go to the shard of their host, and every node answers for all', async () => {
	for (const { url } of stores) assert.equal((await fleet('init', { store: `${url}/two`, cluster: 'shards' })).code, 0);
	const [first, second] = stores as [ClickHouse, ClickHouse];
	const rows = Array.from({ length: 7 }, (_, host) => `('web-${host}',1,1,1,0,5,['Host','X-End'],['a','b'],1)`);
	const columns = 'host_name, run, seq, id, ts, ts_us, req_header_names, req_header_values, req_trailers';
	await first.ask(`INSERT INTO two.exchanges (${columns}) VALUES ${rows.join()}`, { insert_distributed_sync: 1 });
	const counts = async (sql: string) =>
		await Promise.all(stores.map(async (store) => Number((await store.rows(sql))[0]![0])));
	assert.deepEqual(await counts('SELECT count() FROM two.exchanges'), [7, 7]);
	const local = await counts('SELECT count() FROM two.exchanges_local');
	assert.equal(local[0]! + local[1]!, 7);
	assert.equal(Math.min(...local) > 0, true, `${local} rows on the shards`);
	assert.deepEqual(
		await second.rows(
			"SELECT message, seq, name, raw_name, header_value, trailer FROM two.headers WHERE host_name = 'web-3' ORDER BY seq",
		),
		[
			['request', '0', 'host', 'Host', 'a', '0'],
			['request', '1', 'x-end', 'X-End', 'b', '1'],
		],
	);
	// A connection is sent again with other numbers: the row with the highest seq stays, in whatever order they came.
	for (const seq of [2, 3, 1]) {
		const values = `('web-1',1,${seq},4,${1e15},${seq === 1 ? 'NULL' : 2e15},${seq * 10}), ('web-2',1,${seq},4,${1e15},NULL,7)`;
		await first.ask(
			`INSERT INTO two.connections (host_name, run, seq, id, opened_us, closed_us, bytes_in) VALUES ${values}`,
			{ insert_distributed_sync: 1 },
		);
	}
	assert.deepEqual(
		await second.rows(
			`SELECT host_name, seq, closed_us, bytes_in FROM
				(SELECT opened_us, run, id, host_name, seq, closed_us, bytes_in FROM two.connections FINAL) ORDER BY host_name`,
		),
		[
			['web-1', '3', '2000000000000000', '30'],
			['web-2', '3', null, '7'],
		],
	);
	assert.match(
		(await fleet('check', { store: `${second.url}/two`, cluster: 'shards' })).stdout,
		/^ok +agents +7 hosts/m,
	);
});

test('a store or a shard that is killed while rows are sent has all of them once when it is back', async () => {
	for (const { url } of stores) await fleet('init', { store: `${url}/three`, cluster: 'shards' });
	const [first, second] = stores as [ClickHouse, ClickHouse];
	// As if an earlier version had made the tables: agents send the other columns.
	for (const { ask } of stores)
		for (const name of ['exchanges', 'exchanges_local']) await ask(`ALTER TABLE three.${name} DROP COLUMN user_agent`);
	// A host whose rows are on the first shard, and one whose rows are on the second.
	const names = "SELECT concat('h', toString(number)) AS name FROM system.numbers LIMIT 20";
	const shards = await first.rows(
		`SELECT cityHash64(name) % 2 AS shard, any(name) FROM (${names}) GROUP BY shard ORDER BY shard`,
	);
	const hosts = shards.map(([, name]) => String(name));
	const directory = temporaryDirectory();
	const user = processUser();
	const options = { option: '--to', credentials: undefined, ca: undefined, user, environment: {} };
	const told: string[] = [];
	const start = async (hostName: string) =>
		await Agent.start({
			destination: clickhouseDestination(new StoreClient(storeAddress(`${first.url}/three`, options))),
			origin: { hostName, run: 1, agentVersion: '1', labels: [] },
			limits: { rows: 100, bytes: 1 << 20, ms: 20 },
			backoff: { leastMs: 5, mostMs: 50 },
			spool: { path: `${directory.path}/${hostName}`, limitBytes: 1 << 30, user },
			isLive: true,
			tell: (message) => void told.push(message),
		});
	const agents = await Promise.all(hosts.map(start));
	const forever = new AbortController().signal;
	const take = async (from: number, count: number) => {
		const rows = Array.from({ length: count }, (_, i) => ({ id: from + i, ts_us: from + i }));
		for (const [i, agent] of agents.entries()) {
			const origin = { hostName: hosts[i]!, run: 1, agentVersion: '1', labels: [] };
			await agent.take(blockOfRows(origin, from, rows), 0, forever);
		}
	};
	const isTold = async (pattern: RegExp) =>
		await eventually(
			() => (told.some((message) => pattern.test(message)) ? true : undefined),
			() => told.join('\n'),
		);
	try {
		await take(1, 100);
		await second.kill();
		await take(101, 100);
		await isTold(/does not accept rows: HTTP status \d+, Code: (?:279|210)\b/);
		await first.kill();
		await take(201, 100);
		await isTold(/does not accept rows: (?:nothing listens there|the connection was reset)/);
		await Promise.all([first.restart(), second.restart()]);
		await Promise.all(agents.map((agent) => agent.finish(forever)));
		const count =
			'SELECT host_name, count(), uniqExact(seq) FROM three.exchanges_local FINAL GROUP BY host_name ORDER BY host_name';
		for (const [index, store] of [first, second].entries())
			assert.deepEqual(await store.rows(count), [[hosts[index], '300', '300']]);
		assert.deepEqual(
			agents.map(({ counts }) => counts.lost),
			[0, 0],
		);
	} finally {
		for (const agent of agents) agent.close();
		directory.remove();
	}
});

test('a password in a URL is refused, and so are options that contradict each other', async () => {
	const refused = async (action: string, options: FleetOptions = {}) => (await fleet(action, options)).error;
	assert.match(
		await refused('check', { store: 'http://a:secret@host' }),
		/^--store: expected a URL without a password/,
	);
	assert.match(await refused('check', { store: 'ftp://host' }), /^--store: expected a URL such as /);
	assert.match(
		await refused('check', { store: 'http://host/a/b' }),
		/^--store: expected https:\/\/HOST:PORT\/DATABASE/,
	);
	assert.equal(await refused('init'), 'fleet init: expected --store URL, got nothing');
	assert.equal(await refused('ddl', { ttl: '3d' }), 'expected --portable or --ttl, got both');
	assert.match(await refused('ddl', { ttl: '3h', portable: false }), /^--ttl: expected a number of days such as 7d/);
	assert.equal(await refused('ddl', { ca: 'x' }), '--ca: expected it together with --store URL');
	assert.equal(await refused('drop'), 'fleet: expected ddl, init, check, got "drop"');
});
