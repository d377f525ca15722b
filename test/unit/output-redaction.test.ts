// Redaction of secrets in texts, exchanges and rows.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { curlLine } from '../../src/output/curl-line.ts';
import { detailView } from '../../src/output/detail-view.ts';
import type { ExchangeDetail } from '../../src/output/exchange-parts.ts';
import { createHarWriter } from '../../src/output/har.ts';
import { createHtmlRowWriter } from '../../src/output/html.ts';
import { createRowRedactor, redactExchange } from '../../src/output/redacted-exchange.ts';
import { createRedactor } from '../../src/output/redaction.ts';
import { isShared } from '../../src/output/result-format.ts';
import { isSensitiveName } from '../../src/output/sensitive-names.ts';
import type { FieldLine } from '../../src/store/exchange-row.ts';
import type { SqlValue } from '../../src/store/table.ts';

const key = Buffer.alloc(32, 7);
const SHAPE = /REDACTED-\d+-[0-9a-f]{8}/g;

/** The text with every placeholder replaced by `*`. */
function starred(text: string): string {
	return text.replace(SHAPE, '*');
}

describe('sensitive names', () => {
	it('include the usual credentials, in every spelling', () => {
		const names = [
			...[
				'Authorization',
				'proxy-authorization',
				'COOKIE',
				'Set-Cookie',
				'X-Api-Key',
				'x-auth-token',
				'X-Amz-Security-Token',
			],
			...[
				'X-Session-Token',
				'client_secret',
				'token',
				'key',
				'sig',
				'signature',
				'password',
				'secret',
				'code',
				'access_token',
			],
			...[
				'id_token',
				'accessToken',
				'userPassword',
				'apiKey',
				'api_key',
				'refresh-token',
				'X-Amz-Signature',
				'user[password]',
			],
		];
		for (const name of names) assert.ok(isSensitiveName(name), name);
	});

	it('do not include ordinary ones', () => {
		for (const name of [
			'host',
			'accept',
			'content-type',
			'id',
			'page',
			'q',
			'monkey',
			'status',
			'keyboard',
			'tokens_used',
			'etag',
		]) {
			assert.ok(!isSensitiveName(name), name);
		}
	});

	it('are recognised by the last 64 characters', () => {
		for (const name of ['client-secret', `${'x'.repeat(300)}Token`, `a${'-'.repeat(61)}jwt`])
			assert.ok(isSensitiveName(name), name);
		for (const name of [`a${'-'.repeat(60)}jwt`, `password${'x'.repeat(57)}`]) assert.ok(!isSensitiveName(name), name);
	});

	it('are replaced in the formats that are meant to be shared', () => {
		for (const format of ['html', 'har', 'curl'] as const) assert.ok(isShared(format), format);
		for (const format of ['auto', 'table', 'box', 'csv', 'json', 'ndjson', 'markdown', 'line'] as const)
			assert.ok(!isShared(format), format);
	});
});

describe('a redactor', () => {
	const redactor = createRedactor(key);

	it('shows the length in bytes and a hash that is the same for equal secrets', () => {
		const one = redactor.secret('hunter2é');
		assert.match(one, /^REDACTED-9-[0-9a-f]{8}$/);
		assert.equal(redactor.secret('hunter2é'), one);
		assert.equal(createRedactor(key).secret('hunter2é'), one);
		assert.notEqual(redactor.secret('hunter3é'), one);
		assert.notEqual(createRedactor(Buffer.alloc(32, 8)).secret('hunter2é'), one);
		assert.equal(redactor.secret(''), '');
		assert.equal(redactor.secret(one), one);
	});

	it('keeps the text around secrets in header fields', () => {
		const cases: readonly (readonly [name: string, value: string, expected: string])[] = [
			['Authorization', 'Bearer abc.def', 'Bearer *'],
			['AUTHORIZATION', 'opaque', '*'],
			['Cookie', 'sid=1234567; theme=dark', 'sid=*; theme=*'],
			['Set-Cookie', 'sid=1234567; Path=/; HttpOnly', 'sid=*; Path=/; HttpOnly'],
			['Cookie2', ' sid = 1234567 ;flag;', ' sid = * ;*;'],
			['Set-Cookie', 'sid=1234567', 'sid=*'],
			['Set-Cookie', 'flag; Secure', '*; Secure'],
			['Proxy-Authorization', 'Digest  username="joe", nonce=1 ', 'Digest *'],
			['X-Api-Key', 'k-1', '*'],
			['X-Thing-Secret', 'a\n b', '*'],
			['Host', 'example.com', 'example.com'],
			['Referer', 'https://u:p@h/x?token=abc&page=2', 'https://*@h/x?token=*&page=2'],
			['Location', '/cb?code=4/abc&state=1', '/cb?code=*&state=1'],
			['Accept', 'text/html;q=0.9', 'text/html;q=0.9'],
		];
		for (const [name, value, expected] of cases) assert.equal(starred(redactor.header(name, value)), expected);
	});

	it('finds query keys, user info and fragments in URLs', () => {
		assert.equal(starred(redactor.url('/a?x=1&access_token=zz&sig=')), '/a?x=1&access_token=*&sig=');
		assert.equal(starred(redactor.url('http://h/#id_token=abc&x=1')), 'http://h/#id_token=*&x=1');
		assert.equal(starred(redactor.url('http://joe@h/a')), 'http://*@h/a');
		assert.equal(
			starred(decodeURIComponent(redactor.form(`next=${encodeURIComponent('https://h/?token=abc')}&a=b`))),
			'next=https://h/?token=*&a=b',
		);
		for (const plain of ['/plain/path', '/a/key=b&key=c', 'mailto:joe@h']) assert.equal(redactor.url(plain), plain);
		const scope = redactor.scope();
		assert.equal(starred(scope.url('ftp://joe:hunter2hunter2@h/')), 'ftp://*@h/');
		assert.equal(starred(scope.sweep('it was hunter2hunter2')), 'it was *');
		// Three URLs within each other.
		const nested = (depth: number): string =>
			depth === 0 ? 'http://h/?token=abc' : `http://h/?u=${encodeURIComponent(nested(depth - 1))}`;
		for (let depth = 0; depth < 6; depth++)
			assert.equal(decodeURIComponent(redactor.url(nested(depth))).includes('abc'), depth > 3, String(depth));
		assert.equal(redactor.url('/?a=%zz&b=http://h/?x=%'), '/?a=%zz&b=http://h/?x=%');
	});

	it('finds members in JSON and leaves everything else unchanged', () => {
		const json =
			'{ "user":"joe", "password" : "p\\"w", "n":12345678901234567890, "code":404,"pin":"1234",\n"token":{"a":["x",1,true]},"x":"y" }';
		assert.equal(
			starred(redactor.text(json, 'application/json')),
			'{ "user":"joe", "password" : "*", "n":12345678901234567890, "code":404,"pin":"*",\n"token":{"a":["*","*",true]},"x":"y" }',
		);
	});

	it('hides everything within a sensitive member, to its end and no further', () => {
		const cases: readonly (readonly [json: string, expected: string])[] = [
			[
				'{"token":["aaaa","bb",17,[3,{"x":"c"}]],"y":["aaaa",17]}',
				'{"token":["*","*","*",["*",{"x":"*"}]],"y":["aaaa",17]}',
			],
			['{"password":{"a":{"b":"one"},"c":"two"},"d":"three"}', '{"password":{"a":{"b":"*"},"c":"*"},"d":"three"}'],
			['[{"secret":[{},"one"],"x":"two"},"three"]', '[{"secret":[{},"*"],"x":"two"},"three"]'],
			[
				'{"secret":{"password":{"x":"one"},"y":"two"},"z":"three"}',
				'{"secret":{"password":{"x":"*"},"y":"*"},"z":"three"}',
			],
			['{"password":"","token":[""],"pin":1234,"code":12345}', '{"password":"","token":[""],"pin":1234,"code":"*"}'],
			['{"a":{"token":null},"b":"one","c":[true,"two"]}', '{"a":{"token":null},"b":"one","c":[true,"two"]}'],
			['{"token":-1.5e+30,"x":-1.5e+30}', '{"token":"*","x":-1.5e+30}'],
			[
				'{"set-cookie":"a=one; Path=/","authorization":"Bearer two"}',
				'{"set-cookie":"a=*; Path=/","authorization":"Bearer *"}',
			],
			['{"cookie":"a=","proxy_authorization":""}', '{"cookie":"a=","proxy_authorization":""}'],
			['{"\\u0070assword":"one","x":"\\u0074oken=two three"}', '{"\\u0070assword":"*","x":"token=* three"}'],
			// Not quite JSON: commas are missing, or names are followed by many blanks.
			['{"token":12345 "name":"one"}', '{"token":"*" "name":"one"}'],
			['{"token":12345 "one"}', '{"token":"*" "one"}'],
			['{"token" "one"}', '{"token" "one"}'],
			['{"password"                    :"one"}', '{"password"                    :"*"}'],
		];
		for (const [json, expected] of cases) assert.equal(starred(redactor.text(json, 'application/json')), expected);
	});

	it('finds members in truncated JSON', () => {
		assert.equal(starred(redactor.text('{"a":[1,{"secret":"abc')), '{"a":[1,{"secret":"*');
		assert.equal(starred(redactor.text('[{"password":"abc\\')), '[{"password":"*');
	});

	it('finds keys in forms', () => {
		const urlencoded = redactor.text('user=joe&password=a%20b&ok=1', 'application/x-www-form-urlencoded');
		assert.equal(starred(urlencoded), 'user=joe&password=*&ok=1');
		assert.equal(starred(redactor.text('code=abc')), 'code=*');
		assert.equal(starred(redactor.text('code=abc', 'text/plain')), 'code=abc');
		assert.equal(starred(redactor.text('code=a b')), 'code=a b');
		assert.equal(starred(redactor.text(' [{"code":"abc"}]')), ' [{"code":"*"}]');
		assert.equal(starred(redactor.text('"code":"abc"', 'application/x+json')), '"code":"*"');
		const cut = 'Content-Disposition: form-data; name="code"\r\n\r\nabc\r\n--B--\r\n';
		assert.equal(starred(redactor.text(cut, 'multipart/form-data; boundary=B')), cut.replace('abc', '*'));
		const untyped = `--B\r\n${cut}`;
		assert.equal(starred(redactor.text(untyped)), untyped.replace('abc', '*'));
		assert.equal(starred(redactor.text(untyped, 'text/plain')), untyped);
		const multipart =
			'--B\r\nContent-Disposition: form-data; name="password"\r\n\r\nhunter2\r\n--B\r\nContent-Disposition: form-data; name="x"\r\n\r\ny\r\n--B--\r\n';
		assert.equal(
			starred(redactor.text(multipart, 'multipart/form-data; boundary=B')),
			multipart.replace('hunter2', '*'),
		);
	});

	it('finds credentials in command lines, statements and other text', () => {
		const cases: readonly (readonly [text: string, expected: string])[] = [
			['curl -H Authorization: Bearer abc http://h/', 'curl -H Authorization: Bearer * http://h/'],
			["curl -H 'Cookie: a=b; c=d' -u joe:pw https://h/?key=k", "curl -H 'Cookie: a=*; c=*' -u joe:* https://h/?key=*"],
			['app --password hunter2 --verbose', 'app --password * --verbose'],
			['app --api-key=k1 --port 80', 'app --api-key=* --port 80'],
			[
				"SELECT * FROM t WHERE token = 'abc' AND path LIKE '%x%'",
				"SELECT * FROM t WHERE token = '*' AND path LIKE '%x%'",
			],
			['see eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl there', 'see * there'],
			['SELECT key, code FROM t', 'SELECT key, code FROM t'],
			['the code is: 12', 'the code is: 12'],
		];
		for (const [text, expected] of cases) assert.equal(starred(redactor.text(text)), expected);
	});

	it('knows every word of its lists, in each place where it looks for names', () => {
		const telling = [
			...['authorization', 'proxy-authorization', 'x-authorization', 'cookie', 'cookie2', 'set-cookie', 'set-cookie2'],
			...['jwt', 'session-id', 'sessionid', 'credential', 'credentials', 'client-assertion'],
			...['x-token', 'x-secret', 'x-password', 'x-passwd', 'x-passphrase', 'x-api-key', 'x-apikey', 'x-access-key'],
			...[
				'x-accesskey',
				'x-private-key',
				'x-privatekey',
				'x-secret-key',
				'x-account-key',
				'x-signature',
				'x-credential',
			],
		];
		const short = ['key', 'sig', 'signature', 'code', 'pass', 'pwd', 'pin', 'otp', 'sid', 'session', 'auth'];
		const value = 'hunter2hunter2';
		const hides = (text: string, what: string) => {
			assert.ok(!text.includes(value), `${what}: ${text}`);
			assert.match(text, /REDACTED-\d+-/, what);
		};
		for (const name of [...telling, ...short]) {
			const isCookie = /cookie/.test(name);
			const given = isCookie ? `a=${value}` : value;
			hides(redactor.header(name, given), `header ${name}`);
			hides(redactor.form(`a=1&${name}=${value}`), `form ${name}`);
			hides(redactor.url(`http://h/?a=1&${name}=${value}`), `query ${name}`);
			hides(redactor.url(`http://h/#${name}=${value}`), `fragment ${name}`);
			hides(redactor.text(JSON.stringify({ a: { [name]: value } }), 'application/json'), `JSON ${name}`);
			hides(redactor.text(`see /p?${name}=${value} there`, 'text/plain'), `query in a text ${name}`);
			hides(redactor.text(`${name}=${value}`, 'application/x-www-form-urlencoded'), `form body ${name}`);
			const part = `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n--b--\r\n`;
			hides(redactor.text(part, 'multipart/form-data; boundary=b'), `multipart ${name}`);
		}
		// Short words are ordinary words in other texts.
		for (const name of telling) {
			const given = /cookie/.test(name) ? `a=${value}` : value;
			hides(redactor.text(`with ${name}: ${given}`, 'text/plain'), `line ${name}`);
			if (!/cookie/.test(name)) hides(redactor.text(`run --${name} ${value}`, 'text/plain'), `option ${name}`);
		}
		for (const name of short.filter((word) => word !== 'signature')) {
			assert.ok(redactor.text(`with ${name}: ${value}`, 'text/plain').includes(value), `line ${name}`);
		}
	});

	it('takes linear time for any text', () => {
		const units = [
			'"',
			'\\"',
			'{"token":',
			'eyJ-',
			'a.',
			'://',
			'?a=',
			'token ',
			'Cookie:',
			' --token',
			'--B\r\n',
			'[',
			'%',
		];
		for (const unit of units) {
			const text = unit.repeat(Math.ceil(300000 / unit.length));
			for (const type of [null, 'application/json', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
				assert.ok(redactor.scope().text(text, type).length > 0);
			}
		}
	});
});

describe('a redacted exchange', () => {
	let number = 0;
	const canary = (): string => `CANARY${String(++number).padStart(3, '0')}xyzzy`;
	const canaries: string[] = [];
	const secret = (): string => {
		const value = canary();
		canaries.push(value);
		return value;
	};
	const fields = (list: readonly (readonly [string, string])[]): FieldLine[] =>
		list.map(([name, value]) => ({ name, value, trailer: false }));

	const cookie = secret();
	const echoed = secret();
	const requestBody = JSON.stringify({
		password: secret(),
		nested: { api_key: secret(), list: [{ token: secret() }] },
	});
	const responseBody = `{"echo":"${echoed}","access_token":"${secret()}","n":1.50,"next":"https://u:${secret()}@h/?sig=${secret()}"}`;
	const query = `page=2&token=${secret()}&redirect=${encodeURIComponent(`https://h/?code=${secret()}`)}`;
	const basic = secret();
	const gzipped = gzipSync(responseBody);
	const columns: Record<string, SqlValue> = {
		id: 1,
		ts: '2026-11-22T12:56:01.123456Z',
		state: 'complete',
		side: 'server',
		method: 'POST',
		path: '/login',
		query_string: query,
		host: 'h',
		url: `http://joe:${secret()}@h/login?${query}`,
		http_version: '1.1',
		status: 200,
		cmdline: `app --password ${secret()} --token=${secret()} --header X-Api-Key: ${echoed}`,
		req_headers: JSON.stringify({ authorization: `Bearer ${echoed}`, cookie: `sid=${cookie}` }),
		res_headers: JSON.stringify({ 'set-cookie': [`a=${cookie}; Path=/`] }),
		req_body: requestBody,
		res_body: responseBody,
		req_body_raw: Buffer.from(requestBody),
		res_body_raw: gzipped,
		req_body_bytes: requestBody.length,
		res_body_bytes: gzipped.length,
	};
	const exchange: ExchangeDetail = {
		columns,
		requestHeaders: fields([
			['AuThOrIzAtIoN', `Bearer ${echoed}`],
			['Proxy-Authorization', `Basic ${Buffer.from(`joe:${basic}`).toString('base64')}`],
			['X-Echo', `basic password ${basic}`],
			['Cookie', `sid=${cookie}; other=${secret()}`],
			['X-Custom-Token', `folded\n ${secret()}`],
			['Referer', `https://h/?password=${secret()}`],
			['Content-Type', 'application/json'],
		]),
		responseHeaders: fields([
			['Set-Cookie', `a=${cookie}; Path=/`],
			['X-Plain-Echo', `it was ${encodeURIComponent(echoed)} or ${Buffer.from(echoed).toString('base64')}`],
			['Location', `/next?access_token=${secret()}`],
			['Content-Type', 'application/json'],
			['Content-Encoding', 'gzip'],
		]),
	};

	function written(redact: boolean): string {
		const redactor = redact ? createRedactor(key) : null;
		const options = { redactor, version: '0.1.0' };
		const har = createHarWriter(options);
		const names = Object.keys(columns);
		const rows = createHtmlRowWriter(
			names.map((name) => ({ name, type: name.endsWith('headers') ? 'json' : null })),
			options,
		);
		const shared = redactor === null ? exchange : redactExchange(exchange, redactor);
		return [
			har.begin() + har.exchange(exchange) + har.end(),
			rows.begin() + rows.rows([names.map((name) => columns[name] ?? null)]) + rows.end(),
			detailView(shared),
			curlLine(shared).command ?? '',
		].join('\n');
	}

	it('contains none of its secrets in any format: plain, base64 or URL-encoded', () => {
		const text = written(true);
		for (const value of canaries) {
			for (const form of [value, Buffer.from(value).toString('base64'), encodeURIComponent(value)]) {
				const at = text.indexOf(form);
				assert.equal(at, -1, text.slice(Math.max(0, at - 100), at + 60));
			}
		}
		assert.ok(text.includes('REDACTED-'));
		assert.ok(text.includes('1.50'));
	});

	it('contains all of them without redaction, which proves that the test works', () => {
		const text = written(false);
		for (const value of canaries) assert.ok(text.includes(value), value);
	});

	it('recognises the same secret in two places', () => {
		const { requestHeaders, responseHeaders } = redactExchange(exchange, createRedactor(key));
		const [hash] = requestHeaders[3]?.value.match(SHAPE) ?? [];
		assert.ok(hash !== undefined && responseHeaders[0]?.value === `a=${hash}; Path=/`);
	});

	it('has decoded bodies, except those that are unreadable or contain a secret', () => {
		const body = redactExchange(exchange, createRedactor(key)).columns;
		assert.match(String(body.res_body), /^\{"echo":"REDACTED-\d+-[0-9a-f]{8}",/);
		assert.equal(Buffer.from(body.res_body_raw as Uint8Array).toString(), body.res_body);

		const unknown = {
			...exchange,
			columns: { ...columns, res_body_raw: Buffer.from('\x1f\x9d\x90echoed', 'latin1') },
			responseHeaders: fields([['Content-Encoding', 'compress']]),
		};
		const held = redactExchange(unknown, createRedactor(key)).columns;
		assert.deepEqual(
			[held.res_body_raw, held.res_body, held.res_body_note],
			[null, null, 'body: withheld by redaction'],
		);

		const png = Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n\xff', 'latin1'), Buffer.from(echoed)]);
		const image = {
			...exchange,
			columns: { ...columns, res_body_raw: png, res_body_note: 'body: first 9 of 10 bytes (body limit)' },
			responseHeaders: fields([['Content-Type', 'image/png']]),
		};
		assert.equal(
			redactExchange(image, createRedactor(key)).columns.res_body_note,
			'body: first 9 of 10 bytes (body limit); withheld by redaction',
		);
	});

	it('redacts the parts of posted forms, also next to files that are not text, and changes nothing else', () => {
		const part = (disposition: string, content: string) =>
			`--b\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${content}\r\n`;
		const form = (file: string, password: string) =>
			Buffer.from(
				`${part('name="a"', 'gr\xc3\xbcn')}${part('name="file"; filename="x"', file)}${part('name="password"', password)}--b--\r\n`,
				'latin1',
			);
		for (const file of ['a text', '\x89PNG\xff\0\xfe --b --', '\xff', 'a\0b']) {
			for (const password of ['hunter2 secret', 'gr\xfcn secret', 'gr\xc3\xbcn secret']) {
				const raw = form(file, password);
				const posted: ExchangeDetail = {
					columns: { ...columns, req_body_raw: raw, req_body_bytes: raw.length, req_body: null },
					requestHeaders: fields([['Content-Type', 'multipart/form-data; boundary=b']]),
					responseHeaders: [],
				};
				const redactor = createRedactor(key);
				const shared = redactExchange(posted, redactor);
				const written = Buffer.from(shared.columns.req_body_raw as Uint8Array).toString('latin1');
				const [placeholder] = /REDACTED-\d+-[0-9a-f]{8}/.exec(written) ?? [''];
				// The length is that of the bytes.
				assert.ok(placeholder.startsWith(`REDACTED-${password.includes('hunter2') ? 14 : 12}-`), placeholder);
				assert.equal(written, form(file, placeholder).toString('latin1'));
				const har = createHarWriter({ redactor, version: '0' });
				const { postData } = JSON.parse(har.exchange(posted)!).request;
				assert.equal(postData.mimeType, 'multipart/form-data; boundary=b');
				assert.deepEqual(postData.params[2], { name: 'password', value: placeholder });
				for (const text of [JSON.stringify(postData), curlLine(shared).command ?? '']) {
					assert.ok(!text.includes('secret') && !text.includes(Buffer.from('secret').toString('base64')));
				}
			}
		}
		const nameless = { ...exchange, columns: { ...columns, req_body_raw: Buffer.from('\xff password', 'latin1') } };
		const odd = { ...nameless, requestHeaders: fields([['Content-Type', 'multipart/form-data; boundary=b']]) };
		assert.equal(redactExchange(odd, createRedactor(key)).columns.req_body_note, 'body: withheld by redaction');
		const rows = createHtmlRowWriter([{ name: 'req_body', type: 'text' }], {
			redactor: createRedactor(key),
			version: '0',
		});
		assert.doesNotMatch(rows.rows([[form('x', 'hunter2 secret').toString()]]), /secret/);
	});

	it('redacts rows of the table headers by the name next to the value', () => {
		const options = { redactor: createRedactor(key), version: '0' };
		const table = createHtmlRowWriter(
			['name', 'header_value'].map((name) => ({ name, type: 'text' })),
			options,
		);
		const text = table.rows([
			['x-api-key', 'abc'],
			['accept', '*/*'],
		]);
		assert.match(text, /<td>x-api-key<\/td><td>REDACTED-3-[0-9a-f]{8}<\/td>/);
		assert.ok(text.includes('<td>*/*</td>'));
	});

	it('redacts what json_each() and columns such as headers[name] return, by the name', () => {
		const options = { redactor: createRedactor(key), version: '0' };
		const columnsOf = (names: readonly string[]) => names.map((name) => ({ name, type: null }));
		const each = createHtmlRowWriter(columnsOf(['key', 'value', 'atom', 'type']), options).rows([
			['cookie', 'a=secret1', 'a=secret8', 'text'],
			['authorization', 'Basic c2VjcmV0MjpzZWNyZXQy', 'Basic c2VjcmV0MjpzZWNyZXQy', 'text'],
			['accept', '*/*', '*/*', 'text'],
		]);
		assert.doesNotMatch(each, /secret\d|c2VjcmV0/);
		assert.ok(each.includes('<td>*/*</td>'));
		const names = [
			"req_headers['cookie']",
			"e.req_headers ->> 'Cookie'",
			"header(req_headers, 'Cookie')",
			"res_body::json['access_token']",
			"x -> 'a' ->> 'password'",
			"req_headers['accept']",
		];
		const parts = createHtmlRowWriter(columnsOf(names), options).rows([
			['a=secret3', 'a=secret4', 'a=secret5', 'secret6', 'secret7', '*/*'],
		]);
		assert.doesNotMatch(parts, /secret\d/);
		assert.ok(parts.includes('<td>*/*</td>'));
	});

	it('has no secrets in its path, in JSON without a column of its own, and no coding in images', () => {
		const shared = (columns: Record<string, SqlValue>, response: readonly (readonly [string, string])[]) =>
			redactExchange({ columns, requestHeaders: [], responseHeaders: fields(response) }, createRedactor(key)).columns;
		assert.match(String(shared({ path: '/#code=abc' }, []).path), /^\/#code=REDACTED-3-/);
		assert.match(String(shared({ url: '/#code=abc' }, []).url), /^\/#code=REDACTED-3-/);
		assert.match(String(shared({ query_string: 'code=abc' }, []).query_string), /^code=REDACTED-3-/);
		assert.equal(shared({ host: '/#code=abc' }, []).host, '/#code=abc');
		const gzip = ['Content-Encoding', 'gzip'] as const;
		const json = shared({ res_body_raw: gzipSync('{"pin":"abc"}') }, [['Content-Type', 'application/json'], gzip]);
		assert.match(Buffer.from(json.res_body_raw as Uint8Array).toString(), /^\{"pin":"REDACTED-3-[0-9a-f]{8}"\}$/);
		assert.equal(json.res_body, Buffer.from(json.res_body_raw as Uint8Array).toString());
		const png = Buffer.from('\x89PNG\r\n\x1a\n\xff', 'latin1');
		const image = shared({ res_body_raw: gzipSync(png) }, [['Content-Type', 'image/png'], gzip]);
		assert.deepEqual(Buffer.from(image.res_body_raw as Uint8Array), png);
	});

	it('keeps the bytes of names and values that say nothing secret, and the target as sent', () => {
		const bytes = (text: string) => Buffer.from(text, 'latin1');
		const line = (name: string, value: string): FieldLine => ({
			...{ name, value, trailer: false },
			...{ nameBytes: bytes(name), valueBytes: bytes(value) },
		});
		const target = { text: '/a?b=c', bytes: bytes('/a?b=c') };
		const sent: ExchangeDetail = {
			columns: { id: 1 },
			sendMs: 5,
			requestTarget: target,
			requestHeaders: [
				line('X', 'plain'),
				line('X-Token', 'hunter2hunter2'),
				line('hunter2hunter2', 'see hunter2hunter2'),
			],
			responseHeaders: [],
		};
		const shared = redactExchange(sent, createRedactor(key));
		assert.deepEqual(shared.requestHeaders[0], sent.requestHeaders[0]);
		const [, token, named] = shared.requestHeaders;
		assert.deepEqual([token!.name, token!.nameBytes, token!.valueBytes], ['X-Token', bytes('X-Token'), undefined]);
		assert.match(token!.value, /^REDACTED-14-[0-9a-f]{8}$/);
		assert.deepEqual([named!.name, named!.value], [token!.value, `see ${token!.value}`]);
		assert.deepEqual([named!.nameBytes, named!.valueBytes], [undefined, undefined]);
		assert.deepEqual([shared.sendMs, shared.requestTarget, shared.bodiesDecoded], [5, target, true]);
		const secretTarget = { text: '/a?token=hunter2', bytes: bytes('/a?token=hunter2') };
		const { requestTarget } = redactExchange({ ...sent, requestTarget: secretTarget }, createRedactor(key));
		assert.match(JSON.stringify(requestTarget), /^\{"text":"\/a\?token=REDACTED-7-[0-9a-f]{8}"\}$/);
		const { requestTarget: _, sendMs: __, ...parts } = sent;
		assert.deepEqual(Object.keys(redactExchange(parts, createRedactor(key))).sort(), [
			...['bodiesDecoded', 'columns', 'requestHeaders', 'responseHeaders'],
		]);
		assert.equal(redactExchange({ ...sent, requestTarget: null }, createRedactor(key)).requestTarget, null);
	});

	it('hides secrets of a row in its other columns, and bytes that contain one', () => {
		const redact = createRowRedactor(
			['password', 'note', 'raw', 'other', 'text'].map((name) => ({ name, type: null })),
			createRedactor(key),
		);
		const png = (text: string) => Buffer.concat([Buffer.from([0x89, 0xff]), Buffer.from(text)]);
		const row = redact([
			'"password":"hunter2hunter2"',
			'hunter2hunter2',
			png('hunter2hunter2'),
			png('x'),
			Buffer.from('hunter2hunter2'),
		]);
		assert.match(String(row[0]), /^"password":"REDACTED-14-/);
		assert.match(String(row[1]), /^REDACTED-14-[0-9a-f]{8}$/);
		assert.equal(row[2], null);
		assert.deepEqual(row[3], png('x'));
		// The next row has secrets of its own.
		assert.deepEqual(redact([1, 'hunter2hunter2', null, 2n, png('hunter2hunter2')]), [
			...[1, 'hunter2hunter2', null, 2n, png('hunter2hunter2')],
		]);
	});

	it('finds the longest secrets first, and ignores short ones', () => {
		const redactor = createRedactor(key).scope();
		const short = redactor.secret('abcdef');
		const long = redactor.secret('abcdefghijkl');
		assert.equal(redactor.secret('abcde').length, 'REDACTED-5-12345678'.length);
		assert.equal(redactor.sweep('abcde abcdef abcdefghijkl abcdefg'), `abcde ${short} ${long} ${short}g`);
		assert.equal(redactor.holdsSecret(Buffer.from('..abcdef..')), true);
		assert.equal(redactor.holdsSecret(Buffer.from('..abcde..')), false);
		// From the thousandth on, secrets are replaced but no longer remembered.
		for (let i = 0; i < 1100; i++) redactor.secret(`secret number ${i}.`);
		assert.match(redactor.sweep('secret number 996.'), /^REDACTED-18-/);
		assert.equal(redactor.sweep('secret number 997.'), 'secret number 997.');
	});

	it('does not change the original exchange', () => {
		const before = JSON.stringify(exchange);
		redactExchange(exchange, createRedactor(key));
		assert.equal(JSON.stringify(exchange), before);
	});
});

it('columns without data from messages stay as they are, even if they have the text of a secret', () => {
	const text = 'hunter2hunter2';
	const names = `ts state reason side comm thread_comm exe cgroup via vias req_via anomalies local remote local_ip
		remote_ip http_version req_http_version interim`.split(/\s+/);
	const exchange: ExchangeDetail = {
		columns: Object.fromEntries([...names, 'cmdline', 'host'].map((name) => [name, text])),
		requestHeaders: [{ name: 'Authorization', value: `Bearer ${text}`, trailer: false }],
		responseHeaders: [],
	};
	const { columns } = redactExchange(exchange, createRedactor());
	for (const name of names) assert.equal(columns[name], text, name);
	for (const name of ['cmdline', 'host']) assert.match(String(columns[name]), /^REDACTED/, name);
});
