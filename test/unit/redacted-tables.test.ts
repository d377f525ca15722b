// Statements over tables without secrets: whatever an expression does with a column, it cannot show one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { redactedExchanges, redactedRecords, redactedTables } from '../../src/output/redacted-tables.ts';
import { createRedactor } from '../../src/output/redaction.ts';
import { compileCondition, execute, prepare, Session } from '../../src/sql/sql.ts';
import { TABLES } from '../../src/store/database.ts';
import { EXCHANGE_COLUMNS } from '../../src/store/exchange-table.ts';
import { NO_NAMES } from '../../src/store/remote-names.ts';
import type { DatabaseSnapshot, SqlValue } from '../../src/store/table.ts';
import { Tape } from '../../support/record-builder.ts';
import { stored } from '../../support/stored-exchanges.ts';

const PASSWORD = 'hunter2-is-secret';
const TOKEN = 'tok.en/with+signs=99';
const COOKIE = 'c00kie5e55ion';
const SECRETS = [PASSWORD, TOKEN, COOKIE, encodeURIComponent(TOKEN)];

/** Three finished exchanges and one that is open. The secrets also stand where nothing says that they are secret. */
function tape(): Tape {
	const tape = new Tape();
	tape.clock(1_700_000_000_000_000_000n);
	const server = tape.server(1, { local: '127.0.0.1:80', remote: '127.0.0.1:4000' }).open();
	const login = JSON.stringify({ user: 'ann', password: PASSWORD });
	server.in(
		`POST /login/${COOKIE}?token=${encodeURIComponent(TOKEN)}&page=2 HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Type: application/json\r\nX-Trace: ${PASSWORD}\r\nContent-Length: ${login.length}\r\n\r\n${login}`,
	);
	const answer = gzipSync(`the password is ${PASSWORD}, and ${TOKEN} too`);
	server.out(
		Buffer.concat([
			Buffer.from(
				`HTTP/1.1 200 OK\r\nSet-Cookie: id=${COOKIE}; Path=/\r\nContent-Type: text/plain\r\nContent-Encoding: gzip\r\nContent-Length: ${answer.length}\r\n\r\n`,
			),
			answer,
		]),
	);
	server.in('GET /plain?page=3 HTTP/1.1\r\nHost: shop\r\nUser-Agent: test/1\r\n\r\n');
	server.out('HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno');
	server.in(`GET /again HTTP/1.1\r\nHost: shop\r\nCookie: id=${COOKIE}\r\nUser-Agent: ${COOKIE}\r\n\r\n`);
	server.out('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
	tape
		.server(2, { local: '127.0.0.1:80', remote: '127.0.0.1:4001' })
		.open()
		.in(`GET /open HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`);
	return tape;
}

const { database } = stored(tape(), undefined, true);
const names = () => NO_NAMES;
const redactor = createRedactor(Buffer.alloc(32, 7));
const schema = { tables: new Map(TABLES.map(({ name, columns }) => [name, { columns }])) };

async function rowsOf(sql: string, redacts = true, session = new Session()): Promise<SqlValue[][]> {
	const options = redacts ? { shown: (all: DatabaseSnapshot) => redactedTables(all, database, names, redactor) } : {};
	return (await execute(prepare(sql, schema, session), database, { session, ...options })).rows;
}

/** Everything a row says, blobs as text. */
function textOf(rows: readonly (readonly SqlValue[])[]): string {
	return rows
		.flat()
		.map((value) => (value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : String(value)))
		.join('\n');
}

/** The secret, or a part of it, that a text has. */
function secretIn(text: string): string | undefined {
	const forms = (secret: string) => [secret, secret.toUpperCase(), Buffer.from(secret).toString('hex').toUpperCase()];
	return SECRETS.flatMap((secret) => [...forms(secret), ...forms(secret.slice(3))]).find((form) => text.includes(form));
}

const LEAKY = [
	"SELECT substr(req_headers->>'authorization', 8) FROM exchanges",
	"SELECT req_headers['authorization'], header(req_headers, 'x-trace') FROM exchanges",
	'SELECT upper(req_body), res_body, req_body_raw, res_body_raw FROM exchanges',
	"SELECT replace(path, '/', ' '), query_string, url, substr(url, 20) FROM exchanges",
	"SELECT url_param(url, 'token') FROM exchanges",
	'SELECT raw_name || header_value FROM headers',
	"SELECT upper(header_value) FROM headers WHERE name = 'set-cookie'",
	'SELECT max(user_agent), group_concat(path) FROM exchanges',
	'SELECT DISTINCT user_agent FROM exchanges ORDER BY user_agent',
	'SELECT path, count(*) FROM exchanges GROUP BY path',
	'SELECT j.value FROM exchanges e, json_each(e.req_headers) j',
	"SELECT json_extract(req_body, '$.password') FROM exchanges",
	'SELECT * FROM inflight',
	'SELECT * FROM exchanges',
	'WITH all_of_it AS (SELECT hex(req_body_raw) AS h, res_headers AS r FROM exchanges) SELECT * FROM all_of_it',
];

test('no statement shows a secret, or a part of it, whatever it computes', async (t) => {
	for (const sql of LEAKY) {
		await t.test(sql, async (t) => {
			let shown: SqlValue[][];
			try {
				shown = await rowsOf(sql);
			} catch (error) {
				t.diagnostic(String(error));
				throw error;
			}
			assert.equal(secretIn(textOf(shown)), undefined);
			assert.ok(shown.length > 0);
		});
	}
	assert.notEqual(secretIn(textOf(await rowsOf('SELECT * FROM exchanges', false))), undefined);
});

test('tables without data from messages stay the same, numbers keep their fast readers, harmless field lines their values', async () => {
	const { tables } = redactedTables(database, database, names, redactor);
	for (const name of ['connections', 'events', 'loss', 'blind_spots'])
		assert.equal(tables.get(name), database.tables.get(name), name);
	for (const name of ['exchanges', 'inflight', 'headers']) assert.notEqual(tables.get(name), database.tables.get(name));
	const exchanges = tables.get('exchanges')!;
	for (const [index, { name, type }] of exchanges.columns.entries()) {
		const [shown, plain] = [exchanges.reader(index), database.tables.get('exchanges')!.reader(index)];
		// Of the harmless texts, too: the readers are those of the table.
		if (['int', 'float', 'datetime'].includes(type) || name === 'state')
			assert.deepEqual(Object.keys(shown), Object.keys(plain), name);
		else if (name.endsWith('body') || name === 'path') assert.deepEqual(Object.keys(shown), ['value'], name);
	}
	const lines =
		"SELECT exchange_id, message, seq, name, raw_name, header_value FROM headers WHERE header_value NOT LIKE '%" +
		COOKIE;
	const harmless = `${lines}%' AND name IN ('host', 'content-length', 'content-type') ORDER BY 1, 2, 3`;
	assert.deepEqual(await rowsOf(harmless), await rowsOf(harmless, false));
	const [cookie] = await rowsOf("SELECT raw_name, header_value FROM headers WHERE name = 'set-cookie'");
	assert.match(String(cookie), /^Set-Cookie,id=.+; Path=\/$/);
});

test('conditions cannot test for a secret, and everything else stays unchanged', async () => {
	const asked = [
		`req_headers->>'authorization' = 'Bearer ${TOKEN}'`,
		`path LIKE '%${COOKIE}%'`,
		`path GLOB '*${COOKIE}'`,
		`res_body REGEXP '${PASSWORD}'`,
		`user_agent = '${COOKIE}'`,
		`id IN (SELECT exchange_id FROM headers WHERE header_value LIKE '%${COOKIE}%')`,
	];
	for (const condition of asked) {
		assert.equal((await rowsOf(`SELECT id FROM exchanges WHERE ${condition}`)).length, 0, condition);
		assert.notEqual((await rowsOf(`SELECT id FROM exchanges WHERE ${condition}`, false)).length, 0, condition);
	}
	const plain = 'SELECT id, ts, method, path, status, via, req_headers, res_body FROM exchanges WHERE id = 2';
	assert.deepEqual(await rowsOf(plain), await rowsOf(plain, false));
	const numbers = 'SELECT status, count(*), sum(res_body_bytes), max(conn) FROM exchanges GROUP BY status ORDER BY 1';
	assert.deepEqual(await rowsOf(numbers), await rowsOf(numbers, false));
	const [[fields]] = (await rowsOf('SELECT count(*) FROM headers')) as [[number]];
	assert.deepEqual([[fields]], await rowsOf('SELECT count(*) FROM headers', false));
});

test('equal secrets have the same placeholder', async () => {
	const [[header, query, target]] = (await rowsOf(
		"SELECT substr(req_headers->>'authorization', 8), query_string, path FROM exchanges WHERE id = 1",
	)) as [[string, string, string]];
	assert.match(header, /^REDACTED-20-[0-9a-f]{8}$/);
	assert.match(query, /^token=REDACTED-\d+-[0-9a-f]{8}&page=2$/);
	const [[cookie]] = (await rowsOf("SELECT req_headers->>'cookie' FROM exchanges WHERE id = 3")) as [[string]];
	assert.equal(cookie, `id=${target.slice('/login/'.length)}`);
});

test('temporary tables made of captured rows show no secrets either', async () => {
	const session = new Session();
	await rowsOf(
		'CREATE TEMP TABLE kept AS SELECT id, req_headers, req_body, query_string FROM exchanges',
		false,
		session,
	);
	await rowsOf('CREATE VIEW seen AS SELECT upper(req_body) AS body FROM exchanges', false, session);
	const shown = await rowsOf('SELECT upper(req_headers), substr(req_body, 5), query_string FROM kept', true, session);
	assert.equal(secretIn(textOf(shown)), undefined);
	assert.equal(secretIn(textOf(await rowsOf('SELECT * FROM seen', true, session))), undefined);
});

test('tails show no secrets and cannot test for one', () => {
	const table = redactedExchanges(
		database.tables.get('exchanges')!,
		redactedRecords(database.exchanges, names, redactor),
	);
	const asks = compileCondition(`req_headers->>'authorization' = 'Bearer ${TOKEN}'`, EXCHANGE_COLUMNS);
	const isLogin = compileCondition("path LIKE '/login/%'", EXCHANGE_COLUMNS);
	const rows = Array.from({ length: table.rowCount }, (_, row) => row);
	assert.equal(rows.filter((row) => asks(table, row)).length, 0);
	assert.equal(rows.filter((row) => isLogin(table, row)).length, 1);
});
