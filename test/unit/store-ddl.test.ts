// The statements for a store of many hosts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
	identifier,
	literal,
	missingColumns,
	type StoreForm,
	storeStatements,
} from '../../src/agent/clickhouse-ddl.ts';
import { STORE_TABLES } from '../../src/agent/store-tables.ts';
import { EXCHANGE_COLUMNS } from '../../src/store/exchange-table.ts';

const MODERN: StoreForm = { database: 'tinytap', cluster: undefined, ttlDays: 7, portable: false };

/** The statement that begins with `start`. */
function statement(form: StoreForm, start: string): string {
	const found = storeStatements(form).filter((each) => each.startsWith(start));
	assert.equal(found.length, 1, start);
	return found[0]!;
}

test('a store has every column of exchanges, except raw bodies; fields are lists', () => {
	const names = new Set(STORE_TABLES.find(({ name }) => name === 'exchanges')!.columns.map(({ name }) => name));
	const absent = EXCHANGE_COLUMNS.map(({ name }) => name).filter((name) => !names.has(name));
	assert.deepEqual(absent, ['req_headers', 'res_headers', 'req_body_raw', 'res_body_raw']);
	for (const name of ['host_name', 'seq', 'req_header_names', 'res_header_values', 'res_trailers'])
		assert.equal(names.has(name), true, name);
});

test('types follow from the columns: words, numbers, times, bodies', () => {
	const created = statement(MODERN, 'CREATE TABLE IF NOT EXISTS tinytap.exchanges');
	for (const line of [
		'method LowCardinality(Nullable(String))',
		'remote Nullable(String) CODEC(ZSTD(1))',
		'status Nullable(Int64) CODEC(T64, ZSTD(1))',
		'duration_ms Nullable(Float64) CODEC(ZSTD(1))',
		"ts DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1))",
		"ingested_at DateTime64(6, 'UTC') DEFAULT now64(6) CODEC(Delta, ZSTD(1))",
		'res_body Nullable(String) CODEC(ZSTD(3))',
		'id Int64 CODEC(T64, ZSTD(1))',
		'INDEX trace_id_index trace_id TYPE bloom_filter GRANULARITY 4',
	])
		assert.equal(created.includes(`    ${line},\n`) || created.includes(`    ${line}\n`), true, line);
	assert.match(
		created,
		/\)\nENGINE = ReplacingMergeTree\nPARTITION BY toYYYYMMDD\(ts\)\nORDER BY \(host_name, ts, run, seq\)\nTTL toDateTime\(ts\) \+ INTERVAL 7 DAY\nSETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1$/,
	);
});

test('the portable form has only what ClickHouse 18 knows', () => {
	const all = storeStatements({ ...MODERN, portable: true }, { agent: 'x', reader: 'y' }).join('\n');
	assert.doesNotMatch(all, /CODEC|TTL|LowCardinality|DateTime64|Map\(|INDEX|SETTINGS|CREATE ROLE|CREATE USER|now64/);
	assert.match(all, / {4}ts DateTime\('UTC'\),\n {4}ts_us Int64,\n/);
	assert.match(all, /ORDER BY \(host_name, ts_us, run, seq\)/);
});

test('of a row that is sent again the last version stays, and it lives as long as the row changes', () => {
	const key = { connections: 'host_name, opened, run, id', blind_spots: 'host_name, ts, run, ifNull(pid, 0), what' };
	for (const name of ['connections', 'blind_spots'] as const) {
		const created = statement(MODERN, `CREATE TABLE IF NOT EXISTS tinytap.${name}\n`);
		const end = created.slice(created.lastIndexOf(')\nENGINE'));
		assert.equal(end.includes(`ENGINE = ReplacingMergeTree(seq)\n`), true, end);
		assert.equal(end.includes(`\nORDER BY (${key[name]})\nTTL toDateTime(last_ts) + INTERVAL 7 DAY\n`), true, end);
		assert.match(created, /\n {4}seq UInt64 /);
	}
	assert.match(
		statement({ ...MODERN, cluster: 'c' }, 'CREATE TABLE IF NOT EXISTS tinytap.blind_spots_local'),
		/ENGINE = ReplicatedReplacingMergeTree\('[^']+\/blind_spots_local', '\{replica\}', seq\)/,
	);
	const portable = statement({ ...MODERN, portable: true }, 'CREATE TABLE IF NOT EXISTS tinytap.connections');
	assert.match(portable, / {4}closed Nullable\(DateTime\('UTC'\)\),\n {4}closed_us Nullable\(Int64\),\n/);
	assert.match(
		portable,
		/ReplacingMergeTree\(seq\)\nPARTITION BY toYYYYMMDD\(opened\)\nORDER BY \(host_name, opened_us, run, id\)$/,
	);
});

test('without a time to live, nothing is deleted', () => {
	const all = storeStatements({ ...MODERN, ttlDays: undefined }).join('\n');
	assert.doesNotMatch(all, /TTL|ttl_only/);
	assert.match(all, /SETTINGS non_replicated_deduplication_window = 10000$/m);
});

test('a cluster has local tables, distributed ones above them, and agents may insert into both', () => {
	const form = { ...MODERN, cluster: 'my-cluster' };
	const local = statement(form, 'CREATE TABLE IF NOT EXISTS tinytap.gaps_local ON CLUSTER `my-cluster`\n');
	assert.match(
		local,
		/ENGINE = ReplicatedReplacingMergeTree\('\/clickhouse\/tables\/\{shard\}\/tinytap\/gaps_local', '\{replica\}'\)/,
	);
	assert.match(local, /SETTINGS replicated_deduplication_window = 10000/);
	assert.equal(
		statement(form, 'CREATE TABLE IF NOT EXISTS tinytap.gaps ON CLUSTER'),
		'CREATE TABLE IF NOT EXISTS tinytap.gaps ON CLUSTER `my-cluster` AS tinytap.gaps_local\nENGINE = Distributed(`my-cluster`, tinytap, gaps_local, cityHash64(host_name))',
	);
	const grants = storeStatements(form).filter((each) => each.startsWith('GRANT ON CLUSTER `my-cluster` INSERT ON'));
	assert.equal(grants.length, 2 * STORE_TABLES.length);
	// Without a coordination service, the statements are run on each node.
	const portable = storeStatements({ ...form, portable: true }).join('\n');
	assert.doesNotMatch(portable, /ON CLUSTER|Replicated/);
	assert.match(portable, /ENGINE = Distributed/);
});

test('the reader is limited, and users are created only with a password, of which only the hash is printed', () => {
	const profile = statement(MODERN, 'CREATE SETTINGS PROFILE');
	for (const limit of ['readonly = 2', 'max_execution_time = 60 MIN 1 MAX 300', 'max_result_rows'])
		assert.equal(profile.includes(limit), true, limit);
	assert.doesNotMatch(storeStatements(MODERN).join('\n'), /CREATE USER/);
	const all = storeStatements(MODERN, { agent: 'swordfish', reader: 'herring' }).join('\n');
	assert.doesNotMatch(all, /swordfish|herring/);
	// printf swordfish | sha256sum
	assert.match(
		all,
		/CREATE USER IF NOT EXISTS tinytap_agent_user IDENTIFIED WITH sha256_hash BY 'b9f195c5cc7ef6afadbfbc42892ad47d3b24c6bc94bb510c4564a90a14e8b799' DEFAULT ROLE tinytap_agent$/m,
	);
});

test('columns that a store lacks are added in their places, also to distributed tables', () => {
	const all = STORE_TABLES.map(({ name, columns }) => [name, new Set(columns.map((each) => each.name))] as const);
	const existing = new Map(all);
	existing.get('gaps')!.delete('rows');
	assert.deepEqual(
		missingColumns({ ...MODERN, portable: true }, new Map([['gaps', new Set(['host_name'])]])).slice(0, 2),
		[
			'ALTER TABLE tinytap.gaps ADD COLUMN run Int64 AFTER host_name',
			"ALTER TABLE tinytap.gaps ADD COLUMN ingested_at DateTime('UTC') DEFAULT now() AFTER run",
		],
	);
	assert.deepEqual(
		missingColumns(MODERN, existing).filter((each) => !each.includes('Map(')),
		['ALTER TABLE tinytap.gaps ADD COLUMN rows Nullable(Int64) CODEC(T64, ZSTD(1)) AFTER to_ts'],
	);
	const clustered = missingColumns({ ...MODERN, cluster: 'c' }, existing);
	assert.equal(
		clustered.includes('ALTER TABLE tinytap.gaps ON CLUSTER c ADD COLUMN rows Nullable(Int64) AFTER to_ts'),
		true,
		clustered.join('\n'),
	);
});

test('names and texts are quoted', () => {
	assert.equal(identifier('tinytap_2'), 'tinytap_2');
	assert.equal(identifier('a`b\\c d'), '`a\\`b\\\\c d`');
	assert.equal(literal("it's \\"), "'it\\'s \\\\'");
});
