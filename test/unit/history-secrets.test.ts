// Secrets are removed from statements before they enter the history.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withoutSecrets } from '../../src/shell/history-secrets.ts';
import { cpuMs } from '../../support/cpu-time.ts';

test('everything but the value of a secret is kept of a typed statement', () => {
	for (const [typed, kept] of [
		[
			"SELECT id FROM exchanges WHERE req_headers['authorization'] = 'Bearer abc123' AND path = '/a';",
			"SELECT id FROM exchanges WHERE req_headers['authorization'] = 'Bearer REDACTED' AND path = '/a';",
		],
		["SELECT 1 WHERE req_headers['Cookie'] LIKE '%sid=42%'", "SELECT 1 WHERE req_headers['Cookie'] LIKE '%REDACTED%'"],
		["SELECT 1 WHERE 's3cret' = req_headers->>'x-api-key'", "SELECT 1 WHERE 'REDACTED' = req_headers->>'x-api-key'"],
		[
			"WHERE json_extract(req_body, '$.user.password') IN ('a''b', 'c') OR status = 200",
			"WHERE json_extract(req_body, '$.user.password') IN ('REDACTED', 'REDACTED') OR status = 200",
		],
		[
			"WHERE header('cookie', req_headers) = 'x' -- find it",
			"WHERE header('cookie', req_headers) = 'REDACTED' -- find it",
		],
		[
			"WHERE instr(req_headers['authorization'], 'abc') > 0",
			"WHERE instr(req_headers['authorization'], 'REDACTED') > 0",
		],
		[
			"SELECT * FROM headers WHERE name = 'authorization' AND header_value = 'Basic dXNlcjpwYXNz'",
			"SELECT * FROM headers WHERE name = 'authorization' AND header_value = 'Basic REDACTED'",
		],
		["WHERE query_string LIKE '%access_token=abc%&a=b'", "WHERE query_string LIKE '%access_token=REDACTED%&a=b'"],
		['WHERE req_body = \'{"password": "x", "a": "b"}\'', 'WHERE req_body = \'{"password": "REDACTED", "a": "b"}\''],
		[
			"WHERE password BETWEEN 'a' AND 'b' AND path = 'c'",
			"WHERE password BETWEEN 'REDACTED' AND 'REDACTED' AND path = 'c'",
		],
		['WHERE access_token = 123 AND status = 5', 'WHERE access_token = REDACTED AND status = 5'],
		["WHERE req_headers['authorization'] = 'open", "WHERE req_headers['authorization'] = 'REDACTED'"],
		['-- curl -H "Authorization: Bearer abcdefgh"\nSELECT 1;', '-- curl -H "Authorization: REDACTED"\nSELECT 1;'],
		['.param token abc', '.param token REDACTED'],
		["SELECT 'Bearer abcdefghij' AS x, 'y' AS z;", "SELECT 'Bearer REDACTED' AS x, 'y' AS z;"],
		[
			".tail WHERE req_headers['cookie'] = 'a' AND host = 'b'",
			".tail WHERE req_headers['cookie'] = 'REDACTED' AND host = 'b'",
		],
		[
			"SELECT\n  /* all */ path\nFROM exchanges -- here\nWHERE req_headers['authorization'] LIKE 'Bearer %';",
			"SELECT\n  /* all */ path\nFROM exchanges -- here\nWHERE req_headers['authorization'] LIKE 'Bearer %';",
		],
	]) {
		assert.equal(withoutSecrets(typed!), kept);
	}
});

test('a statement without secrets is kept as it is', () => {
	for (const entry of [
		"SELECT req_headers['authorization'], 'label' AS x FROM exchanges WHERE path = '/login';",
		"SELECT count(*) FROM exchanges WHERE req_headers['cookie'] IS NOT NULL AND via = 'sendfile';",
		"SELECT * FROM headers WHERE name = 'host' AND header_value = 'shop';",
		"SELECT strftime('%H:%M', ts), 'a: b', 'x=y' FROM exchanges;",
		'SELECT key, value FROM json_each(\'{"a": "b"}\');',
		'.param wanted 5',
		'.show 5 --save token.bin',
		'',
		"SELECT '",
	])
		assert.equal(withoutSecrets(entry), entry);
	const begin = cpuMs();
	withoutSecrets(`SELECT '${'a='.repeat(200_000)}', ${'('.repeat(10_000)}'x`);
	withoutSecrets(`SELECT ${"password = 'x' AND ".repeat(20_000)}1`);
	assert.ok(cpuMs() - begin < 10_000, `${cpuMs() - begin} ms`);
});
