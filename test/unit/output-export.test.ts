// HAR, HTML and curl lines.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { describe, it, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { curlLine, quote } from '../../src/output/curl-line.ts';
import { createCurlWriter } from '../../src/output/curl-script.ts';
import type { ExchangeDetail } from '../../src/output/exchange-parts.ts';
import { createHarWriter } from '../../src/output/har.ts';
import { createHtmlRowWriter } from '../../src/output/html.ts';
import { rowsWithoutBodies } from '../../src/output/left-out-bodies.ts';
import { createRedactor } from '../../src/output/redaction.ts';
import { isBinary } from '../../src/output/result-format.ts';
import type { SqlValue } from '../../src/store/table.ts';
import { harProblems } from '../../support/har-check.ts';
import { temporaryDirectory } from '../../support/servers.ts';

type Headers = readonly (readonly [name: string, value: string])[];

const usual: Readonly<Record<string, SqlValue>> = {
	id: 7,
	ts: '2026-11-22T12:56:01.123456Z',
	state: 'complete',
	side: 'server',
	pid: 812,
	comm: 'shop',
	conn: 3,
	local: '127.0.0.1:80',
	remote: '127.0.0.1:41234',
	method: 'POST',
	path: '/items',
	query_string: 'page=2&x',
	host: 'shop.example',
	url: 'http://shop.example/items?page=2&x',
	http_version: '1.0',
	req_http_version: '1.1',
	status: 200,
	status_text: 'OK',
	duration_ms: 12.5,
	ttfb_ms: 3,
	req_body_bytes: 3,
	res_body_bytes: 7,
	req_body_raw: Buffer.from('a=b'),
	res_body_raw: Buffer.from('{"a":1}'),
	vias: 'write+sendfile',
	lost_bytes: 0,
};

function exchange(
	columns: Readonly<Record<string, SqlValue>>,
	request: Headers = [],
	response: Headers = [],
): ExchangeDetail {
	const lines = (headers: Headers) => headers.map(([name, value]) => ({ name, value, trailer: false }));
	return {
		columns: { ...usual, ...columns },
		sendMs: 2,
		requestHeaders: lines(request),
		responseHeaders: lines(response),
	};
}

const attacks = [
	'\x1b]0;x\x07',
	'\x9b31m',
	'\u202e',
	'\u2028',
	'\u{e0041}',
	'\ud800',
	'\r\n',
	`e${'\u0301'.repeat(99)}`,
	'\0',
];
const forbidden =
	/[\0-\x09\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ue000-\uf8ff\p{Cs}\u{e0000}-\u{e0fff}]|\p{M}{9}/u;

/** An exchange in which every text, in heads and bodies, is `text`. */
function hostile(text: string): ExchangeDetail {
	const texts = Object.fromEntries(
		Object.entries(usual).map(([name, value]) => [name, typeof value === 'string' ? text : value]),
	);
	const pairs: Headers = [
		[text, text],
		['Content-Type', text],
		['Cookie', text],
		['Set-Cookie', text],
		['Location', text],
	];
	const body = Buffer.from(text);
	return exchange({ ...texts, req_body_note: text, req_body_raw: body, res_body_raw: body }, pairs, pairs);
}

describe('har', () => {
	const har = (...list: ExchangeDetail[]): string => {
		const writer = createHarWriter({ redactor: null, version: '0.1.0' });
		return writer.begin() + list.map((one) => writer.exchange(one)).join('') + writer.end();
	};

	it("has the members of HTTP Archive 1.2, and tinytap's own with an underscore", () => {
		const archive = JSON.parse(
			har(
				exchange(
					{},
					[
						['Host', 'shop.example'],
						['Cookie', 'a=1; b=2=3'],
						['Content-Type', 'application/x-www-form-urlencoded'],
					],
					[
						['Set-Cookie', 'c=4; Path=/'],
						['Location', '/there'],
						['Content-Type', 'application/json'],
					],
				),
			),
		);
		assert.deepEqual(harProblems(archive), []);
		const { log } = archive;
		assert.equal(log.version, '1.2');
		assert.deepEqual(log.creator, { name: 'tinytap', version: '0.1.0' });
		assert.deepEqual(log.entries, [
			{
				startedDateTime: '2026-11-22T12:56:01.123456Z',
				time: 12.5,
				request: {
					method: 'POST',
					url: 'http://shop.example/items?page=2&x',
					httpVersion: 'HTTP/1.1',
					cookies: [
						{ name: 'a', value: '1' },
						{ name: 'b', value: '2=3' },
					],
					headers: [
						{ name: 'Host', value: 'shop.example' },
						{ name: 'Cookie', value: 'a=1; b=2=3' },
						{ name: 'Content-Type', value: 'application/x-www-form-urlencoded' },
					],
					queryString: [
						{ name: 'page', value: '2' },
						{ name: 'x', value: '' },
					],
					postData: {
						mimeType: 'application/x-www-form-urlencoded',
						params: [{ name: 'a', value: 'b' }],
						text: 'a=b',
					},
					headersSize: -1,
					bodySize: 3,
				},
				response: {
					status: 200,
					statusText: 'OK',
					httpVersion: 'HTTP/1.0',
					cookies: [{ name: 'c', value: '4', path: '/', httpOnly: false, secure: false }],
					headers: [
						{ name: 'Set-Cookie', value: 'c=4; Path=/' },
						{ name: 'Location', value: '/there' },
						{ name: 'Content-Type', value: 'application/json' },
					],
					content: { size: 7, mimeType: 'application/json', text: '{"a":1}' },
					redirectURL: '/there',
					headersSize: -1,
					bodySize: 7,
				},
				cache: {},
				timings: { send: 2, wait: 3, receive: 7.5 },
				serverIPAddress: '127.0.0.1',
				connection: '3',
				_id: 7,
				_state: 'complete',
				_reason: null,
				_side: 'server',
				_pid: 812,
				_comm: 'shop',
				_local: '127.0.0.1:80',
				_remote: '127.0.0.1:41234',
				_via: 'write+sendfile',
				_lostBytes: 0,
				_anomalies: null,
			},
		]);
	});

	it('is a valid archive with no exchange and with several', () => {
		assert.deepEqual(JSON.parse(har()).log.entries, []);
		assert.deepEqual(
			JSON.parse(har(exchange({ id: 1 }), exchange({ id: 2 }))).log.entries.map((entry: { _id: number }) => entry._id),
			[1, 2],
		);
	});

	it('decodes bodies, keeps other bytes than text exactly, and says what is not held', () => {
		const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
		const coded = exchange({ res_body_raw: gzipSync('Grüße'), res_body_bytes: 99 }, [], [['Content-Encoding', 'gzip']]);
		const latin1 = exchange(
			{ res_body_raw: Uint8Array.of(0x47, 0xfc) },
			[],
			[['Content-Type', 'text/plain; charset=latin1']],
		);
		const binary = exchange({ res_body_raw: bytes, req_body_raw: bytes });
		const note = 'body: 51200 bytes via sendfile — content not captured';
		const absent = exchange({ res_body_raw: null, res_body_bytes: 51200, res_body_note: note });
		const program = `
import sys, json, base64
for entry in json.load(sys.stdin)["log"]["entries"]:
    content = entry["response"]["content"]
    data = base64.b64decode(content["text"]) if content.get("encoding") == "base64" else content.get("text", "").encode()
    print(data.hex(), content["size"], content.get("comment"), entry["request"].get("postData", {}).get("_encoding"))
`;
		const read = spawnSync('python3', ['-c', program], {
			input: har(coded, latin1, binary, absent),
			encoding: 'utf8',
			env: { ...process.env, PYTHONIOENCODING: 'utf8' },
		});
		assert.equal(read.status, 0, read.stderr);
		assert.deepEqual(read.stdout.trimEnd().split('\n'), [
			`${Buffer.from('Grüße').toString('hex')} 7 None None`,
			`${Buffer.from('Gü').toString('hex')} 2 None None`,
			`${Buffer.from(bytes).toString('hex')} 256 None base64`,
			` 51200 ${note} None`,
		]);
	});

	it('works without unknown facts', () => {
		const nothing = Object.fromEntries(Object.keys(usual).map((name) => [name, null]));
		const { sendMs: _, ...rest } = exchange({ ...nothing, state: 'incomplete' });
		const archive = JSON.parse(har(rest));
		assert.equal(archive.log.comment, '');
		const unknown = ['id', 'reason', 'side', 'pid', 'comm', 'local', 'remote', 'via', 'anomalies'];
		const message = { httpVersion: '', cookies: [], headers: [], headersSize: -1, bodySize: -1 };
		assert.deepEqual(archive.log.entries, [
			{
				startedDateTime: '',
				time: 0,
				request: { method: '', url: 'http://unknown.invalid', ...message, queryString: [] },
				response: { status: 0, statusText: '', ...message, content: { size: 0, mimeType: '' }, redirectURL: '' },
				cache: {},
				timings: { send: 0, wait: 0, receive: 0 },
				connection: '',
				_state: 'incomplete',
				_lostBytes: 0,
				...Object.fromEntries(unknown.map((name) => [`_${name}`, null])),
			},
		]);
		const big = JSON.parse(har(exchange({ id: 2n ** 40n, duration_ms: Number.POSITIVE_INFINITY }))).log.entries[0];
		assert.equal(big._id, 2 ** 40);
		assert.deepEqual(big.timings, { send: 2, wait: 3, receive: 0 });
	});

	it('says that secrets are replaced', () => {
		const writer = createHarWriter({ redactor: createRedactor(), version: '1' });
		const { log } = JSON.parse(
			writer.begin() + writer.exchange(exchange({}, [['Cookie', 'sid=abcdefgh']])) + writer.end(),
		);
		assert.equal(log.comment, 'secrets are replaced by REDACTED-LENGTH-HASH');
		assert.match(log.entries[0].request.cookies[0].value, /^REDACTED-8-/);
	});

	it('has absolute URLs, percent-encoded where necessary, and the target as sent if it differs', () => {
		const url = (columns: Readonly<Record<string, SqlValue>>, target?: string | null) => {
			const one = exchange({ host: 'h', query_string: null, ...columns });
			const requestTarget = typeof target === 'string' ? { text: target } : target;
			const [entry] = JSON.parse(har(requestTarget === undefined ? one : { ...one, requestTarget })).log.entries;
			return [entry.request.url, ...('_target' in entry ? [entry._target] : [])];
		};
		assert.deepEqual(url({ path: '/a' }), ['http://h/a']);
		assert.deepEqual(url({ path: '/a', query_string: 'b' }), ['http://h/a?b']);
		assert.deepEqual(url({ path: '/a' }, '/other?x'), ['http://h/other?x']);
		assert.deepEqual(url({ path: '/a' }, null), ['http://h']);
		assert.deepEqual(url({ path: null, query_string: 'b' }), ['http://h']);
		assert.deepEqual(url({ path: '/ü #%41%4' }), ['http://h/%C3%BC%20%23%41%254', '/ü #%41%4']);
		assert.deepEqual(url({ path: '*' }), ['http://h', '*']);
		assert.deepEqual(url({ path: 'a' }), ['http://h/a']);
		assert.deepEqual(url({ path: 'HTTP://[::1]:8/é' }), ['HTTP://[::1]:8/%C3%A9', 'HTTP://[::1]:8/é']);
		assert.deepEqual(url({ path: 'http://[x]é/' }), ['http://%5Bx%5D%C3%A9/', 'http://[x]é/']);
		assert.deepEqual(url({ method: 'CONNECT', path: 'db:443' }), ['http://db:443']);
		assert.deepEqual(url({ method: 'CONNECT', path: '/a' }), ['http://h/a']);
		assert.deepEqual(url({ method: 'GET', path: 'db:443' }), ['http://h/db:443']);
		for (const host of [null, '', 'a b', 'u@h', 'h/p', '[::1', 'h\x01', Buffer.from('h')])
			assert.deepEqual(url({ path: '/', host }), ['http://127.0.0.1/'], String(host));
		assert.deepEqual(url({ path: '/', host: '[::1]:81' }), ['http://[::1]:81/']);
		assert.deepEqual(url({ path: '/', host: 'ü:81' }), ['http://%C3%BC:81/']);
		assert.deepEqual(url({ path: '/', host: null, local: '[fe80::1%eth0]:8080' }), ['http://[fe80::1%25eth0]:8080/']);
		assert.deepEqual(url({ path: '/', host: null, side: 'client' }), ['http://127.0.0.1:41234/']);
	});

	it('counts the age of cookies from when the answer began', () => {
		const [entry] = JSON.parse(har(exchange({}, [], [['Set-Cookie', 'a=1; Max-Age=60']]))).log.entries;
		assert.equal(entry.response.cookies[0].expires, '2026-11-22T12:57:01.128Z');
	});

	it('has the ip of the server, without its port and brackets', () => {
		const ip = (columns: Readonly<Record<string, SqlValue>>) =>
			JSON.parse(har(exchange(columns))).log.entries[0].serverIPAddress;
		assert.equal(ip({ local: '[::1]:80' }), '::1');
		assert.equal(ip({ side: 'client', remote: '10.0.0.1:1' }), '10.0.0.1');
		for (const local of ['unix:/run/a:80', null, '10.0.0.1', '10.0.0.1:x'])
			assert.equal(ip({ local }), undefined, `${local}`);
	});

	it('contains only visible text, and everything that was sent', () => {
		for (const text of attacks) {
			const written = har(hostile(text));
			assert.equal(forbidden.exec(written.replaceAll('\n', '')), null, JSON.stringify(text));
			assert.equal(JSON.parse(written).log.entries[0].request.headers[0].value, text);
		}
		const names = ['__proto__', 'constructor', 'toString'];
		const [entry] = JSON.parse(
			har(
				exchange(
					{},
					names.map((name) => [name, name]),
				),
			),
		).log.entries;
		assert.deepEqual(
			entry.request.headers,
			names.map((name) => ({ name, value: name })),
		);
	});
});

describe('html', () => {
	const injections = [
		...[
			'<script>alert(1)</script>',
			'"><img src=x onerror=alert(1)>',
			"' onmouseover='alert(1)",
			'</pre></details><script>',
		],
		...[
			'<svg/onload=alert(1)>',
			'javascript:alert(1)',
			'<a href="javascript:alert(1)">x</a>',
			'<!--<img src="--><img src=x>',
		],
		...[
			'</title><script>',
			'</style><script>',
			'<![CDATA[<script>]]>',
			'&lt;script&gt;',
			'&#60;script&#62;',
			'`onclick=x`',
		],
		...[
			'+ADw-script+AD4-',
			'<math><mtext></p><style><img src=x>',
			'<iframe srcdoc="<script>">',
			'{{constructor}}',
			'\0<script>',
		],
		...attacks.filter((text) => !text.includes('\n')),
	];
	const options = { redactor: null, version: '0.1.0' };
	const table = (text: string): string => {
		const columns = [text, 'path', 'req_headers'].map((name) => ({
			name,
			type: name === 'req_headers' ? ('json' as const) : null,
		}));
		const writer = createHtmlRowWriter(columns, options);
		const long = `${text}${'x'.repeat(500)}`;
		const rows: SqlValue[][] = [
			[text, long, JSON.stringify({ [long]: long })],
			[1, null, Buffer.from(long)],
		];
		return writer.begin() + writer.rows(rows) + writer.end();
	};
	/** Every tag with its attributes. */
	const tags = (page: string): string[] => page.match(/<[^>]*>/g) ?? [];

	it('has the same tags whatever was captured', () => {
		const plain = tags(table('plain'));
		for (const text of injections) assert.deepEqual(tags(table(text)), plain, JSON.stringify(text));
		assert.ok(plain.every((tag) => tag.startsWith('<meta ') || !/script|href|src|\bon\w+=|<a\b|<img/i.test(tag)));
	});

	it('contains only visible text', () => {
		for (const text of attacks) {
			assert.equal(forbidden.exec(table(text).replaceAll('\n', '')), null, JSON.stringify(text));
		}
	});

	it('begins by forbidding everything that the page does not need', () => {
		const policy = `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`;
		const page = createHtmlRowWriter([], options).begin();
		assert.ok(page.indexOf(policy) > 0 && page.indexOf(policy) < page.indexOf('<title>'));
		assert.ok(page.indexOf('<meta charset="utf-8">') < page.indexOf(policy));
	});

	it('aligns numbers to the right, indents JSON and shows bytes as hex', () => {
		const columns = [
			{ name: 'n<', type: 'int' as const },
			{ name: 'j', type: 'json' as const },
			{ name: 't', type: 'text' as const },
		];
		const writer = createHtmlRowWriter(columns, options);
		assert.ok(writer.begin().endsWith('<tr><th class="n">n&lt;</th><th>j</th><th>t</th></tr></thead>\n<tbody>\n'));
		assert.equal(writer.end(), '</tbody>\n</table>\n</body>\n</html>\n');
		const long = JSON.stringify({ a: 'x'.repeat(120) });
		const folded = (summary: string, text: string) =>
			`<td><details><summary>${summary}</summary><pre>${text}</pre></details></td>`;
		const quoted = long.replaceAll('"', '&quot;');
		assert.equal(
			writer.rows([
				[1, '{"a":1}', 'y'.repeat(120)],
				[-0.5, long, long],
				[null, 'z\n', Buffer.from('hi')],
				[null, long.slice(0, -1), 'one\ntwo\nthree'],
			]),
			[
				`<tr><td class="n">1</td><td>{&quot;a&quot;:1}</td><td>${'y'.repeat(120)}</td></tr>\n`,
				`<tr><td class="n">-0.5</td>${folded(`{&quot;a&quot;:&quot;${'x'.repeat(114)} …`, `{\n  &quot;a&quot;: &quot;${'x'.repeat(120)}&quot;\n}\n`)}`,
				`${folded(`{&quot;a&quot;:&quot;${'x'.repeat(114)} …`, quoted)}</tr>\n`,
				`<tr><td class="null">NULL</td>${folded('z …', 'z\n')}`,
				`${folded('2 bytes', `00000000  68 69                                             |hi|\n`)}</tr>\n`,
				`<tr><td class="null">NULL</td>${folded(`{&quot;a&quot;:&quot;${'x'.repeat(114)} …`, quoted.slice(0, -1))}`,
				`${folded('one …', 'one\ntwo\nthree')}</tr>\n`,
			].join(''),
		);
		assert.doesNotMatch(writer.begin(), /REDACTED/);
		const redacting = createHtmlRowWriter([{ name: 'cookie', type: 'text' }], {
			redactor: createRedactor(),
			version: '1',
		});
		assert.match(redacting.begin(), /<p>Secrets are replaced by REDACTED-LENGTH-HASH\.<\/p>\n<table>/);
	});

	it('shows NULL and an empty text differently, and folds long texts', () => {
		const columns = [{ name: 'a', type: 'text' as const }];
		const writer = createHtmlRowWriter(columns, options);
		assert.equal(
			writer.rows([[null], [''], [9007199254740993n]]),
			'<tr><td class="null">NULL</td></tr>\n<tr><td></td></tr>\n<tr><td class="n">9007199254740993</td></tr>\n',
		);
		assert.equal(
			writer.rows([['one\ntwo <b>']]),
			'<tr><td><details><summary>one …</summary><pre>one\ntwo &lt;b&gt;</pre></details></td></tr>\n',
		);
	});
});

describe('the curl line', () => {
	/** The arguments that each command line passes to curl, run by a real shell that finds no other program. */
	function argumentsOf(shell: string, lines: readonly string[]): Buffer[][] {
		const program = ['curl() { printf \'%s\\0\' "$#" "$@"; }', ...lines].join('\n');
		const result = spawnSync(`/bin/${shell}`, ['-c', program], {
			env: { PATH: '/nonexistent' },
			stdio: ['ignore', 'pipe', 'pipe'],
		});
		assert.deepEqual([result.status, result.stderr.toString()], [0, '']);
		const words: Buffer[] = [];
		for (let at = 0; at < result.stdout.length; ) {
			const end = result.stdout.indexOf(0, at);
			words.push(result.stdout.subarray(at, end));
			at = end + 1;
		}
		const commands: Buffer[][] = [];
		for (let at = 0; at < words.length; ) {
			const count = Number(words[at]?.toString());
			commands.push(words.slice(at + 1, at + 1 + count));
			at += 1 + count;
		}
		return commands;
	}

	let seed = 22;
	const random = (below: number): number => {
		seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
		return (seed >>> 8) % below;
	};
	const pieces = [
		"'",
		'"',
		'\\',
		'$(id)',
		'`id`',
		'\n',
		'\r',
		'\x1b[2J',
		'!!',
		';',
		'&',
		'|',
		'<',
		'>',
		'*',
		'~',
		'#',
		'-o',
		'@/etc/passwd',
		'%s',
		'\xff',
		'\x80',
		'é',
		' ',
	];
	const randomBytes = (): Buffer =>
		Buffer.concat(
			Array.from({ length: random(12) }, () => {
				if (random(3) === 0) return Buffer.from([1 + random(255)]);
				const piece = pieces[random(pieces.length)] as string;
				return Buffer.from(piece, /[\x80-\xff]/.test(piece) && piece !== 'é' ? 'latin1' : 'utf8');
			}),
		);

	for (const shell of ['sh', 'bash']) {
		it(`quotes 500 random byte strings for ${shell} as one word each, printable and without running anything`, () => {
			const values = Array.from({ length: 500 }, randomBytes);
			const words = values.map(quote);
			for (const word of words) assert.equal(forbidden.exec(word.replaceAll('\n', '')), null, word);
			assert.deepEqual(
				argumentsOf(
					shell,
					words.map((word) => `curl ${word}`),
				),
				values.map((value) => [value]),
			);
		});

		it(`gives ${shell}'s curl the method, the URL, the fields and the body of the request`, () => {
			const body = 'a=\'b\' $(id) `id` "c" \\ \x1b[2J\n@x\n';
			const sent = exchange(
				{ method: 'PUT', path: "/it's", query_string: 'a=[1-9]{a,b}&b=$HOME', req_body_raw: Buffer.from(body) },
				[
					['Host', 'other:81'],
					['X-Quote', "it's"],
					['X-Empty', ''],
					['Content-Length', String(body.length)],
					['Accept', '*/*'],
				],
			);
			const { command, remarks } = curlLine(sent);
			assert.deepEqual(remarks, []);
			assert.deepEqual(argumentsOf(shell, [command ?? ''])[0]?.map(String), [
				...['--globoff', '--path-as-is', '--request', 'PUT', '--connect-to', '::127.0.0.1:80'],
				...['--url', "http://other:81/it's?a=[1-9]{a,b}&b=$HOME", '--header', "X-Quote: it's", '--header', 'X-Empty;'],
				...['--header', `Content-Length: ${body.length}`, '--header', 'Accept: */*', '--header', 'User-Agent:'],
				...['--header', 'Content-Type:', '--header', 'Expect:', '--data-raw', body],
			]);
		});
	}

	it('pipes a body with NUL bytes', () => {
		const body = Uint8Array.from({ length: 256 }, (_, i) => i);
		const { command } = curlLine(exchange({ req_body_raw: body }, [['Content-Type', 'x/y']]));
		assert.match(command ?? '', / --data-binary @-$/);
		const result = spawnSync('sh', ['-c', `curl() { cat; }\n${command}`], { encoding: 'buffer' });
		assert.deepEqual(new Uint8Array(result.stdout), body);
	});

	it('is a simple line for a simple request', () => {
		const request = { method: 'GET', path: '/', query_string: null, req_body_raw: null };
		const fields: Headers = [
			['Host', '127.0.0.1'],
			['User-Agent', 'x'],
			['Accept', '*/*'],
		];
		assert.equal(
			curlLine(exchange(request, fields)).command,
			"curl --globoff --path-as-is --request 'GET' --url 'http://127.0.0.1/' --header 'User-Agent: x' --header 'Accept: */*'",
		);
		assert.match(
			curlLine(exchange({ ...request, method: 'HEAD' }, fields)).command ?? '',
			/^curl --globoff --path-as-is --head --url /,
		);
		// Without the server's address, its name has to do.
		const [, ...others] = fields;
		for (const name of ['side', 'local']) {
			assert.match(
				curlLine(exchange({ ...request, [name]: null }, [['Host', 'h:81'], ...others])).command ?? '',
				/^curl --globoff --path-as-is --request 'GET' --url 'http:\/\/h:81\/' --header 'User-Agent: x'/,
			);
		}
		assert.deepEqual(curlLine(exchange({ ...request, local: null, host: null }, others)), {
			command: null,
			remarks: ['neither the request nor the capture says which server got it'],
		});
	});

	it('uses HTTP/1.0, no Host and the unix socket if the request did', () => {
		const target = { path: '/', query_string: null, host: null };
		const probe = { method: 'GET', ...target, req_http_version: '1.0', req_body_raw: null };
		assert.equal(
			curlLine(exchange({ ...probe, side: 'client', remote: '10.0.0.1:8080' }, [['Accept', '*/*']])).command,
			"curl --globoff --path-as-is --request 'GET' --http1.0 --url 'http://10.0.0.1:8080/' --header 'Accept: */*' --header 'Host:' --header 'User-Agent:'",
		);
		const overUnix = (columns: Record<string, string>) =>
			curlLine(exchange({ method: 'GET', ...target, req_body_raw: null, ...columns })).command ?? '';
		assert.match(
			overUnix({ side: 'server', local: "unix:/run/it's.sock", remote: 'unix:' }),
			/ --unix-socket '\/run\/it'\\''s\.sock' --url 'http:\/\/localhost\/'/,
		);
		assert.match(overUnix({ side: 'client', remote: 'unix:@name' }), / --abstract-unix-socket 'name' --url /);
		for (const remote of ['unix:', 'unix:@a\0b']) assert.equal(overUnix({ side: 'client', remote }), '');
	});

	it('refuses anything that curl would misread, and says so', () => {
		for (const method of ['-o/tmp/x', 'GET;id', 'G ET', ''])
			assert.equal(curlLine(exchange({ method })).command, null, method);
		for (const [name, value] of [
			['path', null],
			['method', null],
			['req_http_version', '0.9'],
		] as const) {
			const { command, remarks } = curlLine(exchange({ [name]: value }));
			assert.equal(command, null);
			assert.equal(remarks.length, 1);
		}
		assert.deepEqual(curlLine(exchange({ req_http_version: '1.2' })).remarks, ['HTTP/1.2 becomes HTTP/1.1']);
		const fields: Headers = [
			['@/etc/passwd', 'x'],
			['', 'x'],
			['A:b', 'x'],
			['A;b', ''],
			['X', 'a\nb'],
			['X', 'a\0b'],
			['X', '\v'],
			['X', 'x'.repeat(131_069)],
		];
		const { command, remarks } = curlLine(exchange({}, fields));
		assert.ok(!/passwd|A:b|A;b|X:/.test(command ?? ''), command ?? '');
		assert.deepEqual(remarks, [
			'field @/etc/passwd is left out: curl would take it for a file',
			'field  is left out: it is not a field name',
			'field A:b is left out: it is not a field name',
			'field A;b is left out: curl cannot send it',
			'field X is left out: its value contains a line end or NUL',
			'field X is left out: its value contains a line end or NUL',
			'field X is left out: curl cannot send it',
			'field X is left out: it is longer than an argument may be',
		]);
		assert.deepEqual(curlLine(exchange({}, [['X', 'x'.repeat(131_068)]])).remarks, []);
	});

	it('sends the target as it was sent, if curl would change it', () => {
		const line = (target: Partial<ExchangeDetail>, columns = {}) =>
			curlLine({ ...exchange({ method: 'GET', req_body_raw: null, ...columns }, [['Host', 'h']]), ...target });
		const url = " --url 'http://h/'";
		assert.ok(line({ requestTarget: { text: '/a b#c' } }).command?.includes(` --request-target '/a b#c'${url}`));
		const bytes = Buffer.from('/\xff', 'latin1');
		const printed = `'/'"$(printf '\\377')"''`;
		assert.ok(
			line({ requestTarget: { text: '/\ufffd', bytes } }).command?.includes(` --request-target ${printed}${url}`),
		);
		assert.ok(line({}, { path: '*', query_string: null }).command?.includes(` --request-target '*'${url}`));
		// The parts in the columns do not matter then.
		assert.ok(line({ requestTarget: { text: '/other' } }).command?.includes(" --url 'http://h/other'"));
		assert.equal(line({ requestTarget: null }).command, null);
	});

	it('sends an empty body in chunks, and only one Host', () => {
		const fields: Headers = [
			['Transfer-Encoding', 'gzip, Chunked'],
			['hOST', 'first'],
			['Host', 'second'],
		];
		const empty = exchange({ req_body_raw: new Uint8Array(0), req_body_bytes: 0 }, fields);
		const { command, remarks } = curlLine(empty);
		assert.match(command ?? '', / --data-raw ''$/);
		assert.match(command ?? '', / --header 'hOST: first' /);
		assert.deepEqual(remarks, ['field Host is left out: curl sends only one Host']);
		assert.match(curlLine(exchange({ req_body_raw: null }, fields)).command ?? '', / --data-raw ''$/);
		assert.doesNotMatch(curlLine(exchange({ req_body_raw: null }, fields.slice(1))).command ?? '', /--data/);
		const trailer = { ...empty, requestHeaders: empty.requestHeaders.map((line) => ({ ...line, trailer: true })) };
		assert.doesNotMatch(curlLine(trailer).command ?? '', /--data/);
	});

	it('is one word for up to sixteen runs of unprintable bytes and 128 KiB, otherwise a pipe', () => {
		const isPiped = (body: Uint8Array | string) => {
			const { command } = curlLine(exchange({ req_body_raw: Buffer.from(body) }));
			return command?.startsWith('printf ') === true && command.endsWith(' --data-binary @-');
		};
		assert.equal(isPiped('\x1ba'.repeat(16)), false);
		assert.equal(isPiped('\x1ba'.repeat(17)), true);
		assert.equal(isPiped('\n'.repeat(17)), false);
		assert.equal(isPiped(Buffer.from('\xffa'.repeat(16), 'latin1')), false);
		assert.equal(isPiped(Buffer.from('\xffa'.repeat(17), 'latin1')), true);
		assert.equal(isPiped('\0'), true);
		assert.equal(isPiped('x'.repeat(131_071)), false);
		assert.equal(isPiped('x'.repeat(131_072)), true);
		const format = (body: Uint8Array) =>
			/^printf '(.*?)' \|/s.exec(curlLine(exchange({ req_body_raw: body })).command ?? '')?.[1];
		assert.equal(format(Buffer.from("-\0-\xff-%\\'\n\x1b", 'latin1')), String.raw`\055\000-\377-\045\134\047\n\033`);
	});

	it('announces only as many bytes as it sends', () => {
		const announced = (length: string, columns: Readonly<Record<string, SqlValue>>) => {
			const { command, remarks } = curlLine(exchange(columns, [['Content-Length', length]]));
			return [/Content-Length: ([^']*)/.exec(command ?? '')?.[1], ...remarks];
		};
		const note = 'body: first 3 of 9 bytes (body limit)';
		assert.deepEqual(announced('9', { req_body_bytes: 9, req_body_note: note }), [
			...['3', note],
			'Content-Length is 3 instead of 9',
		]);
		assert.deepEqual(announced('9', { state: 'incomplete' }), ['3', 'Content-Length is 3 instead of 9']);
		assert.deepEqual(announced('003', {}), ['003']);
		assert.deepEqual(announced('3, 3', {}), ['3, 3']);
		// The server did not want the body that `Expect: 100-continue` announced.
		const none = { req_body_raw: new Uint8Array(0), req_body_bytes: 0 };
		assert.deepEqual(announced('500', none), ['500']);
		assert.deepEqual(announced('500', { ...none, state: 'unanswered' }), ['0', 'Content-Length is 0 instead of 500']);
	});

	it('contains only visible text', () => {
		for (const text of attacks) {
			const { command, remarks } = curlLine(
				exchange({ path: `/${text}`, req_body_raw: Buffer.from(text), req_body_note: text }, [
					[text, text],
					['X', text],
				]),
			);
			const written = [command, ...remarks].join('');
			assert.equal(forbidden.exec(written.replaceAll('\n', '')), null, JSON.stringify(text));
		}
	});

	it('begins with a note if secrets are replaced', () => {
		const begin = (redactor: ReturnType<typeof createRedactor> | null) =>
			createCurlWriter({ redactor, version: '1' }).begin();
		assert.equal(begin(null), '#!/bin/sh\n# Requests captured by tinytap 1.\n');
		assert.equal(begin(createRedactor()), `${begin(null)}# Secrets are replaced by REDACTED-LENGTH-HASH.\n`);
	});

	it('stays in quotes and comments in a script of many, whatever was sent', () => {
		const directory = temporaryDirectory();
		try {
			const writer = createCurlWriter({ redactor: null, version: '1' });
			const injections = ['\ntouch made\n', "'\ntouch made\n'", '"; touch made; "', '$(touch made)', '`touch made`'];
			const parts = [...attacks, ...injections].map((text) =>
				writer.exchange(
					exchange({ path: `/${text}`, host: text, req_body_raw: Buffer.from(text), req_body_note: text }, [
						[text, text],
						['X', text],
					]),
				),
			);
			assert.equal(parts.filter((part) => part !== null).length, attacks.length + injections.length);
			// In place of curl, a function that says how often it is called.
			const script = `curl() { echo called; }\n${writer.begin()}${parts.join('')}`;
			const ways = { cwd: directory.path, input: script, encoding: 'utf8' } as const;
			const { stdout, stderr } = spawnSync('sh', ways);
			assert.deepEqual([stdout, stderr], ['called\n'.repeat(parts.length), '']);
			assert.deepEqual(readdirSync(directory.path), []);
			assert.equal(writer.exchange(exchange({ method: null })), null);
		} finally {
			directory.remove();
		}
	});
});

test('a body that is left out has a note with its size; one of which nothing is held keeps its note', () => {
	const names = ['id', 'req_body', 'req_body_raw', 'req_body_bytes', 'req_body_note', 'res_body_note', 'res_body'];
	const without = rowsWithoutBodies(names.map((name) => ({ name, type: null })));
	const raw = new Uint8Array([1]);
	const note = 'body: 9 bytes via sendfile — content not captured';
	assert.deepEqual(without([1, 'held', raw, 4, null, note, null]), [
		...[1, null, null, 4, 'body: 4 bytes left out by --keep-bodies', note, null],
	]);
	assert.deepEqual(without([2, null, raw, 1, 'cut', null, 'x'])[4], 'body: 1 byte left out by --keep-bodies');
	assert.deepEqual(without([3, '', new Uint8Array(0), 0, null, null, '']), [
		3,
		'',
		new Uint8Array(0),
		0,
		null,
		null,
		'',
	]);
});

test('only Parquet files are bytes', () => {
	const names = ['table', 'csv', 'json', 'html', 'har', 'curl', 'hurl', 'parquet'] as const;
	assert.deepEqual(names.filter(isBinary), ['parquet']);
});
