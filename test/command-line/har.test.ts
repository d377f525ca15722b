// HAR files of recordings made from tapes, written by the built CLI and compared with the schema of HAR 1.2 and with
// what was sent.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, describe, it, test } from 'node:test';
import { formParams, pairs } from '../../src/output/form-params.ts';
import { cookieDate, requestCookies, responseCookies } from '../../src/output/har-cookies.ts';
import { harProblems } from '../../support/har-check.ts';
import { type ConnectionTape, Tape } from '../../support/record-builder.ts';
import { temporaryDirectory } from '../../support/servers.ts';
import { recordTape } from '../../support/tape-recording.ts';
import { parseRows, runTinytap } from '../../support/tinytap.ts';

const directory = temporaryDirectory();
after(directory.remove);
const DEMO = join(import.meta.dirname, '../../recordings/demo.tinytap');
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
let recordings = 0;

type Message = Record<string, unknown> & {
	httpVersion: string;
	cookies: Record<string, unknown>[];
	bodySize: number;
	postData?: { mimeType: string; text: string; params?: Record<string, unknown>[] };
};
type Entry = Record<string, unknown> & {
	time: number;
	request: Message & { url: string };
	response: Message;
	timings: { send: number; wait: number; receive: number };
};

async function harOf(recording: string): Promise<Entry[]> {
	const sql = 'SELECT id FROM exchanges ORDER BY id';
	const words = ['query', sql, '--replay', recording, '--format', 'har', '--no-redact', '--body-limit', 'none'];
	const { code, stdout, stderr } = await runTinytap(words);
	assert.equal(code, 0, stderr);
	const archive = JSON.parse(stdout) as { log: { entries: Entry[] } };
	assert.deepEqual(harProblems(archive), []);
	return archive.log.entries;
}

/** The entries of conversations, each on its own connection, and the rows of `sql`. */
async function entriesOf(talks: readonly ((server: ConnectionTape) => void)[], sql?: string) {
	const tape = new Tape();
	tape.clock(1_700_000_000_000_000_000n);
	for (const [index, talk] of talks.entries())
		talk(tape.server(index + 1, { local: '10.0.0.1:8080', remote: '10.0.0.2:4000' }).open());
	tape.end();
	const path = join(directory.path, `tape-${recordings++}`);
	recordTape(path, tape);
	const entries = await harOf(path);
	const rows = sql === undefined ? undefined : await runTinytap(['query', sql, '--replay', path, '--format', 'ndjson']);
	return { entries, rows: rows === undefined ? [] : parseRows(rows.stdout) };
}

const talk =
	(request: string | Uint8Array, response = OK) =>
	(server: ConnectionTape) =>
		void server.in(request).out(response);

test('the demo recording is a valid archive', async () => {
	const entries = await harOf(DEMO);
	assert.ok(entries.length > 20);
});

test('each message has its own version, in HAR and in SQL', async () => {
	const { entries, rows } = await entriesOf(
		[
			talk('GET /a HTTP/1.0\r\nHost: h\r\n\r\n'),
			talk('GET /b HTTP/1.1\r\nHost: h\r\n\r\n', OK.replace('1.1', '1.0')),
			talk('GET /c HTTP/1.1\r\nHost: h\r\n\r\n'),
			(server) => server.in('GET /d HTTP/1.0\r\nHost: h\r\n\r\n').eof().close(),
		],
		'SELECT req_http_version AS q, http_version AS r FROM exchanges ORDER BY id',
	);
	assert.deepEqual(
		entries.map(({ request, response }) => [request.httpVersion, response.httpVersion]),
		[
			['HTTP/1.0', 'HTTP/1.1'],
			['HTTP/1.1', 'HTTP/1.0'],
			['HTTP/1.1', 'HTTP/1.1'],
			['HTTP/1.0', ''],
		],
	);
	assert.deepEqual(rows, [
		{ q: '1.0', r: '1.1' },
		{ q: '1.1', r: '1.0' },
		{ q: '1.1', r: '1.1' },
		{ q: '1.0', r: null },
	]);
});

test('timings are the times of the messages: a slow upload is send, a slow server wait, a slow download receive', async () => {
	const head = 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\n';
	const { entries } = await entriesOf([
		(server) => {
			// Each call takes 1 ms of its own.
			server.in(`${head}abc`);
			server.tape.pause(299);
			server.in('def');
			server.tape.pause(19);
			server.out(OK.slice(0, -2));
			server.tape.pause(2);
			server.out('ok');
		},
		(server) => {
			server.in(`${head}abcdef`);
			server.tape.pause(399);
			server.out(OK.replace('\r\n', '\r\nSet-Cookie: a=1; Max-Age=60\r\n').slice(0, 20));
			server.tape.pause(499);
			server.out(OK.replace('\r\n', '\r\nSet-Cookie: a=1; Max-Age=60\r\n').slice(20));
		},
		// Answered before the request has arrived.
		(server) => {
			server.in(`${head}abc`).out(OK);
			server.tape.pause(98);
			server.in('def');
		},
		// Never answered.
		(server) => {
			server.in(`${head}abc`);
			server.tape.pause(199);
			server.in('def').eof().close();
		},
		// Never seen.
		(server) => server.out(OK).close(),
	]);
	const rounded = ({ send, wait, receive }: Entry['timings']) =>
		[send, wait, receive].map((part) => Number(part.toFixed(6)));
	assert.deepEqual(
		entries.map(({ timings }) => rounded(timings)),
		[[300, 20, 3], [0, 400, 500], [100, 0, 0], [200, 0, 0], ...(entries.length === 5 ? [[0, 0, 0]] : [])],
	);
	assert.equal(Number(entries[0]!.time.toFixed(6)), 323);
	// Max-Age counts from the beginning of the answer.
	const [cookie] = entries[1]!.response.cookies;
	assert.equal(Date.parse(String(cookie!.expires)) - Date.parse(String(entries[1]!.startedDateTime)), 60_400);
});

test('URLs are absolute and percent-encoded where necessary; then the target as sent is kept, too', async () => {
	const get = (target: string, fields = 'Host: shop.example\r\n') => talk(`GET ${target} HTTP/1.1\r\n${fields}\r\n`);
	const { entries } = await entriesOf([
		get('/a?b=c'),
		get('/a', ''),
		get('http://other.example:81/x?y'),
		get('https://other.example/'),
		get('/gr\xc3\xbcn?q={"a"}&p=100%&r=%41'),
		get('/a#b'),
		get('/\xff'),
		get('nonsense'),
		get('/x', 'Host: a b\r\n'),
		get('/x', 'Host: \r\n'),
		get('/x', 'Host: u@h/p?q#f\r\n'),
		talk('OPTIONS * HTTP/1.1\r\nHost: shop.example\r\n\r\n'),
		talk('CONNECT other.example:443 HTTP/1.1\r\nHost: other.example:443\r\n\r\n', OK.replace('200', '405')),
		(server) => server.out(OK).close(),
	]);
	const urls = entries.map(({ request, _target }) => [request.url, ...(_target === undefined ? [] : [_target])]);
	assert.deepEqual(urls.slice(0, 13), [
		['http://shop.example/a?b=c'],
		['http://10.0.0.1:8080/a'],
		['http://other.example:81/x?y'],
		['https://other.example/'],
		['http://shop.example/gr%C3%BCn?q=%7B%22a%22%7D&p=100%25&r=%41', '/grün?q={"a"}&p=100%&r=%41'],
		['http://shop.example/a%23b', '/a#b'],
		['http://shop.example/%C3%BF', '/ÿ'],
		['http://shop.example/nonsense'],
		['http://10.0.0.1:8080/x'],
		['http://10.0.0.1:8080/x'],
		['http://10.0.0.1:8080/x'],
		['http://shop.example', '*'],
		['http://other.example:443'],
	]);
});

test('an archive of odd exchanges is valid, too', async () => {
	const { entries } = await entriesOf([
		talk('GET / HTTP/3.7\r\nHost: h\r\n\r\n', 'HTTP/1.1 999 \xff\r\nContent-Length: 0\r\n\r\n'),
		talk('GET /old\r\n', '<html>'),
		talk(
			'GET / HTTP/1.1\r\nHost: h\r\nCookie: ; =; a\r\n\r\n',
			'HTTP/1.1 204 No\r\nSet-Cookie:\r\nSet-Cookie: =;;Max-Age=x\r\n\r\n',
		),
		talk('POST / HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data\r\nContent-Length: 3\r\n\r\n\xff\0a'),
		talk('\x16\x03\x01 nonsense\r\n\r\n', 'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'),
		(server) =>
			server
				.in('GET / HTTP/1.1\r\nHost: h\r\n\r\n')
				.out('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nab')
				.sendfile(20),
	]);
	assert.ok(entries.length >= 5);
});

describe('cookies', () => {
	const fields = (name: string, ...values: string[]) => values.map((value) => ({ name, value, trailer: false }));
	const at = Date.UTC(2026, 10, 22, 12, 0, 0);
	const set = (value: string) => responseCookies(fields('Set-Cookie', value), at)[0];
	const plain = { httpOnly: false, secure: false };

	it('keep their attributes', () => {
		assert.deepEqual(
			set(
				'id=a=b; Path=/x; Domain=.Shop.example; Expires=Wed, 21 Oct 2026 07:28:00 GMT; HttpOnly; Secure; SameSite=lax; Partitioned; Priority=High',
			),
			{
				name: 'id',
				value: 'a=b',
				path: '/x',
				domain: '.Shop.example',
				expires: '2026-10-21T07:28:00.000Z',
				httpOnly: true,
				secure: true,
				sameSite: 'Lax',
				_attributes: ['Partitioned', 'Priority=High'],
			},
		);
		assert.deepEqual(set('a=1'), { name: 'a', value: '1', ...plain });
		assert.deepEqual(set(' a = "1" ;path=/;PATH=/y; ; samesite=Odd'), {
			...{ name: 'a', value: '"1"', path: '/y', ...plain },
			sameSite: 'Odd',
		});
		assert.deepEqual(
			responseCookies([...fields('set-cookie', 'a=1', 'b=2'), ...fields('X', 'c=3')], at).map(({ name }) => name),
			['a', 'b'],
		);
		assert.deepEqual(requestCookies([...fields('Cookie', 'a=1; b="x=y"; c', ' d= 4 ;'), ...fields('X', 'e=5')]), [
			{ name: 'a', value: '1' },
			{ name: 'b', value: '"x=y"' },
			{ name: 'c', value: '' },
			{ name: 'd', value: '4' },
		]);
	});

	it('expire at their Max-Age, counted from the answer, else at their date', () => {
		const expires = (attributes: string) => set(`a=1; ${attributes}`)?.expires;
		assert.equal(expires('Max-Age=3600'), '2026-11-22T13:00:00.000Z');
		assert.equal(expires('Max-Age=60; Expires=Wed, 21 Oct 2030 07:28:00 GMT'), '2026-11-22T12:01:00.000Z');
		assert.equal(expires('Max-Age=0'), '1970-01-01T00:00:00.000Z');
		assert.equal(expires('Max-Age=-1'), '1970-01-01T00:00:00.000Z');
		assert.equal(expires(`Max-Age=${'9'.repeat(400)}`), '9999-12-31T23:59:59.999Z');
		assert.equal(expires('Max-Age=soon'), undefined);
		assert.equal(expires('Expires=0'), undefined);
	});

	it('have dates in all forms that browsers read', () => {
		for (const text of [
			'Sun, 06 Nov 1994 08:49:37 GMT',
			'Sunday, 06-Nov-94 08:49:37 GMT',
			'Sun Nov  6 08:49:37 1994',
			'6 nov 1994 8:49:37',
			'06-NOVEMBER-1994;08:49:37',
		])
			assert.equal(cookieDate(text), Date.UTC(1994, 10, 6, 8, 49, 37), text);
		for (const [month, name] of 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ').entries())
			assert.equal(cookieDate(`09 ${name} 2026 01:02:03`), Date.UTC(2026, month, 9, 1, 2, 3), name);
		assert.equal(cookieDate('01 Jan 69 00:00:00'), Date.UTC(2069, 0, 1));
		assert.equal(cookieDate('01 Jan 70 00:00:00'), 0);
		for (const text of [
			'',
			'0',
			'06 Nov 1994',
			'06 Nov 08:49:37',
			'31 Feb 2026 00:00:00',
			'32 Jan 2026 00:00:00',
			'00 Jan 2026 00:00:00',
			'01 Jan 1600 00:00:00',
			'01 Jan 2026 24:00:00',
			'01 Jan 2026 00:60:00',
			'01 Jan 2026 00:00:60',
			'01 Foo 2026 00:00:00',
		])
			assert.equal(cookieDate(text), undefined, text);
	});
});

describe('posted forms', () => {
	it('have their decoded fields and their text', async () => {
		const body = 'a=1&b=two+words%21&%C3%BC=%C3%9F&empty=&flag&&bad=%FF%';
		const type = 'application/x-www-form-urlencoded; charset=UTF-8';
		const { entries } = await entriesOf([
			talk(
				`POST /?q=a+b&x HTTP/1.1\r\nHost: h\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
			),
		]);
		assert.deepEqual(entries[0]!.request.postData, {
			mimeType: type,
			params: [
				{ name: 'a', value: '1' },
				{ name: 'b', value: 'two words!' },
				{ name: 'ü', value: 'ß' },
				{ name: 'empty', value: '' },
				{ name: 'flag', value: '' },
				{ name: 'bad', value: '%FF%' },
			],
			text: body,
		});
		assert.deepEqual(entries[0]!.request.queryString, [
			{ name: 'q', value: 'a b' },
			{ name: 'x', value: '' },
		]);
	});

	const part = (disposition: string, content: string, fields = '') =>
		`--b(1)\r\nContent-Disposition: form-data; ${disposition}\r\n${fields}\r\n${content}\r\n`;
	const multipart = (body: string, isWhole = true) =>
		formParams(Buffer.from(body, 'latin1'), 'multipart/form-data; boundary="b(1)"', isWhole);

	it('of several parts have names, files and types', () => {
		const body = [
			'preamble\r\n',
			part('name="a"', 'one'),
			part('name=plain', ''),
			part('name="with %22 and \\" "', 'two\r\n--b(2)\r\nlines'),
			part('name="file"; filename="x;y.txt"', 'Gr\xc3\xbc\xc3\x9fe', 'Content-Type: text/plain\r\n'),
			part(
				'name="bin"; filename="p.png"; filename*=UTF-8\'\'%C3%BC+1.png',
				'\x89PNG\xff\0',
				'content-type: image/png\r\n',
			),
			'--b(1)--\r\nepilogue --b(1)\r\n',
		].join('');
		assert.deepEqual(multipart(body), [
			{ name: 'a', value: 'one' },
			{ name: 'plain', value: '' },
			{ name: 'with " and " ', value: 'two\r\n--b(2)\r\nlines' },
			{ name: 'file', value: 'Grüße', fileName: 'x;y.txt', contentType: 'text/plain' },
			{
				...{ name: 'bin', value: Buffer.from('\x89PNG\xff\0', 'latin1').toString('base64'), fileName: 'ü+1.png' },
				...{ contentType: 'image/png', _encoding: 'base64' },
			},
		]);
	});

	it('are listed as far as they are held', () => {
		const body = part('name="a"', 'one') + part('name="b"', 'two');
		for (let length = 0; length <= body.length; length++) {
			const params = multipart(body.slice(0, length), false) ?? [];
			for (const [index, { name, value, comment }] of params.entries()) {
				assert.equal(name, 'ab'[index]);
				const whole = ['one', 'two'][index]!;
				assert.ok(
					comment === undefined ? value === whole : `${whole}\r\n--b(1)\r`.startsWith(value),
					`${length}: ${value}`,
				);
				const ends = body.slice(0, length).match(/--b\(1\)(?:\r\n|$)/g)!.length;
				assert.equal(comment, index < ends - 1 ? undefined : 'the rest is not held');
			}
		}
		assert.equal(multipart(body.slice(0, -3), false)?.at(-1)?.value, 'tw');
	});

	it('begin at the first delimiter', () => {
		const preamble = 'Content-Disposition: form-data; name="no"\r\n\r\nno field\r\n';
		assert.deepEqual(multipart(preamble), []);
		assert.deepEqual(multipart(`${preamble}${part('name="a"', 'one')}--b(1)--`), [{ name: 'a', value: 'one' }]);
		assert.deepEqual(multipart('--b(1)\r\n\r\nno head\r\n--b(1)--'), [{ name: '', value: 'no head' }]);
	});

	it('have an entry only where there is a name or a value', () => {
		assert.deepEqual(pairs(''), []);
		assert.deepEqual(pairs('&a=1&&=2&?&'), [
			{ name: 'a', value: '1' },
			{ name: '', value: '2' },
			{ name: '?', value: '' },
		]);
	});

	it('of other types, or without a boundary, have none', () => {
		for (const type of [null, 'text/plain', 'multipart/form-data', 'multipart/mixed; boundary=b'])
			assert.equal(formParams(Buffer.from('a=b'), type, true), undefined);
	});
});

test('the schema finds what is wrong', async () => {
	const path = join(directory.path, 'plain');
	const tape = new Tape();
	tape
		.server(1, { local: '10.0.0.1:8080', remote: '10.0.0.2:4000' })
		.open()
		.in('GET / HTTP/1.1\r\nHost: h\r\n\r\n')
		.out(OK);
	recordTape(path, tape);
	const [entry] = await harOf(path);
	const problems = (change: (copy: Entry) => void) => {
		const copy = structuredClone(entry!);
		change(copy);
		return harProblems({ log: { version: '1.2', creator: { name: 'x', version: '1' }, entries: [copy] } }).length;
	};
	assert.equal(
		problems(() => undefined),
		0,
	);
	for (const change of [
		(copy) => Reflect.deleteProperty(copy, 'cache'),
		(copy) => Reflect.set(copy, 'other', 1),
		(copy) => Reflect.set(copy, 'startedDateTime', '22 Nov 2026'),
		(copy) => Reflect.set(copy, 'time', 1e6),
		(copy) => Reflect.set(copy.timings, 'wait', -1),
		(copy) => Reflect.set(copy.request, 'url', '/'),
		(copy) => Reflect.set(copy.request, 'url', 'http://h/ü'),
		(copy) => Reflect.set(copy.request, 'url', 'http://h/a#b'),
		(copy) => Reflect.set(copy.request, 'bodySize', null),
		(copy) => copy.request.cookies.push({ name: 'a', value: '1', expires: 'soon' }),
		(copy) => copy.request.cookies.push({ name: 'a' }),
		(copy) => Reflect.set(copy.response, 'content', {}),
		(copy) => Reflect.set(copy.response, 'status', '200'),
		(copy) => Reflect.set(copy, 'serverIPAddress', '10.0.0.1:8080'),
	] satisfies ((copy: Entry) => unknown)[])
		assert.ok(problems(change) > 0, String(change));
});
