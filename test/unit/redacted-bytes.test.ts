// Secrets in captured bytes, found and overwritten: heads, JSON, any text, bodies that are compressed again.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateRawSync, gunzipSync } from 'node:zlib';
import { type BodyScanner, bodyScanner, type Extent } from '../../src/output/body-secrets.ts';
import { headSecrets, isStart, isWholeStart, maybeStart, readHead } from '../../src/output/head-secrets.ts';
import { JsonSecrets } from '../../src/output/json-secrets.ts';
import { Replacements, SoughtSecrets } from '../../src/output/overwriting.ts';
import { refitted } from '../../src/output/refitted-gzip.ts';
import { type Place, SecretFinder } from '../../src/output/secret-finder.ts';

const ignored = () => new SecretFinder(() => undefined);

/** The text with stars in these places. */
function starred(text: string, places: readonly Place[]): string {
	let result = text;
	for (const { start, end } of places) result = result.slice(0, start) + '*'.repeat(end - start) + result.slice(end);
	return result;
}

test('a body is compressed again into exactly as many bytes, or into asterisks', () => {
	const content = Buffer.from('a body, a body, a body with REDACTED-12345678');
	const least = 18 + deflateRawSync(content, { level: 9 }).length;
	for (const more of [0, 1, 2, 100]) {
		const member = refitted(content, least + more)!;
		assert.equal(member.length, least + more);
		assert.ok(gunzipSync(member).equals(content), `${more}`);
		assert.deepEqual([member[3], member[8], member[9]], [more === 0 ? 0 : 16, 2, 255]);
	}
	const blank = refitted(content, least - 1)!;
	assert.deepEqual([blank.length, gunzipSync(blank).toString()], [least - 1, '*'.repeat(content.length)]);
	const smallest = 18 + deflateRawSync('*'.repeat(content.length), { level: 9 }).length;
	assert.ok(refitted(content, smallest) !== undefined);
	assert.equal(refitted(content, smallest - 1), undefined);
});

test('secrets of JSON are values with telling names, numbers too, and texts that tell it themselves', () => {
	const scan = (text: string, extent: 'soft' | 'hard' | 'final' = 'final') => {
		const { decided, places } = new JsonSecrets(ignored()).scan(text, extent);
		return [starred(text, places), decided];
	};
	const whole = (text: string, expected: string) => assert.deepEqual(scan(text), [expected, text.length]);
	whole('{"a":"plain","password":"hunter2"}', '{"a":"plain","password":"*******"}');
	whole('{"pin":12345,"code":404,"n":12345}', '{"pin":*****,"code":404,"n":12345}');
	whole(
		'{"secrets_x":1,"token":[123456,"ab",{"x":"cd"}],"y":"cd"}',
		'{"secrets_x":1,"token":[******,"**",{"x":"**"}],"y":"cd"}',
	);
	// Something that is not JSON, before a string and at the end.
	whole('password=hunter22 "a" password=hunter33', 'password=******** "a" password=********');
	whole('{"password":"hunt', '{"password":"****');
	// At the end of a part, it is not clear yet how long a number or a string is, and whether the string is a name.
	assert.deepEqual(scan('{"pin":12345', 'soft'), ['{"pin":12345', 7]);
	assert.deepEqual(scan('{"pin":12345,', 'soft'), ['{"pin":*****,', 13]);
	assert.deepEqual(scan('{"pin":12345', 'hard'), ['{"pin":*****', 12]);
	assert.deepEqual(scan('{"password":"hunt', 'soft'), ['{"password":"hunt', 12]);
	assert.deepEqual(scan('{"a":1,"passw', 'hard'), ['{"a":1,"*****', 13]);
	// The digits of a number are replaced by digits.
	const { places } = new JsonSecrets(ignored()).scan('{"pin":12345}', 'final');
	assert.deepEqual(
		places.map(({ digits }) => digits),
		[true],
	);
});

test('heads are read with folded lines and their framing, whose lines stay', () => {
	const head = [
		'POST /x?token=abcdef&y=1 HTTP/1.1',
		'Authorization: Bearer',
		'\tabc.def.ghi',
		'Content-Length: 5',
		' ',
		'Content-Length : 6',
		'X-Api-Key:   key-1234  ',
		'no field with token=hunter2secret',
		'Host: shop',
		'',
	].join('\r\n');
	const { places, framing } = headSecrets(head, ignored(), true);
	const left = starred(head, places);
	for (const secret of ['abcdef', 'def.ghi', 'key-1234', 'hunter2secret']) assert.ok(!left.includes(secret), left);
	for (const kept of ['POST /x?token=', '&y=1 HTTP/1.1', 'X-Api-Key:   ', 'Host: shop', 'Content-Length: 5'])
		assert.ok(left.includes(kept), kept);
	assert.deepEqual(
		framing.map(({ start, end }) => head.slice(start, end)),
		['Content-Length: 5', 'Content-Length : 6'],
	);
	// Without a start line the first line is a field.
	assert.equal(headSecrets('Content-Length: 5', ignored(), false).framing.length, 1);
	assert.equal(headSecrets('Content-Length: 5', ignored(), true).framing.length, 0);
	const read = (text: string) => {
		const { method, status, isSimple, isChunked, length, isUncertain, hasUnknownCoding } = readHead(text, ignored());
		return [method, status, isSimple, isChunked, length, isUncertain, hasUnknownCoding];
	};
	assert.deepEqual(read(head), ['POST', undefined, false, false, 5, true, false]);
	assert.deepEqual(read('HTTP/1.1 200 OK\nContent-Length: 5'), [undefined, 200, false, false, 5, false, false]);
	assert.deepEqual(read('get / HTTP/1.1\nTransfer-Encoding: gzip, Chunked;x\nA: b'), [
		...['GET', undefined, false, true, undefined, false, false],
	]);
	assert.deepEqual(read('GET /\n'), [undefined, undefined, true, false, undefined, false, false]);
	assert.deepEqual(read('GET / HTTP/1.1\nContent-Length: 5\nContent-Length: 5'), [
		...['GET', undefined, false, false, 5, false, false],
	]);
	for (const doubtful of ['Content-Length: 5\nContent-Length: 6', ': empty', 'none'])
		assert.equal(read(`GET / HTTP/1.1\n${doubtful}`)[5], true, doubtful);
	assert.equal(read('GET / HTTP/1.1\nTransfer-Encoding: rot13')[6], true);
});

test('the beginning of a head is recognised, whole or not', () => {
	const of = (text: string) => [isStart, isWholeStart, maybeStart].map((test) => test(Buffer.from(text, 'latin1')));
	assert.deepEqual(of('GET / HTTP/1.1\r\n'), [true, true, true]);
	assert.deepEqual(of('\r\nHTTP/1.1 200 OK\r\n'), [true, true, true]);
	assert.deepEqual(of('GET /path'), [true, false, true]);
	assert.deepEqual(of('BREW /path'), [true, false, true]);
	assert.deepEqual(of('BREW /path\r\n'), [false, false, true]);
	assert.deepEqual(of('\r\n'), [false, false, true]);
	for (const other of ['{GET / HTTP/1.1', '\x16\x03\x01', '"x"']) assert.deepEqual(of(other).slice(2), [false], other);
});

test('a secret is overwritten by a label from 17 characters on, by a hash below, and by digits in a number', () => {
	const replacements = new Replacements(Buffer.alloc(32, 1));
	const overwritten = (text: string, places: readonly Place[]) => {
		const bytes = Buffer.from(text, 'latin1');
		replacements.overwrite(bytes, text, places);
		return bytes.toString('latin1');
	};
	assert.match(overwritten('x'.repeat(16), [{ start: 0, end: 16 }]), /^[0-9a-f]{16}$/);
	assert.match(overwritten('x'.repeat(17), [{ start: 0, end: 17 }]), /^REDACTED-[0-9a-f]{8}$/);
	assert.match(overwritten('x'.repeat(20), [{ start: 0, end: 20 }]), /^REDACTED-[0-9a-f]{8}---$/);
	assert.match(overwritten('a=12345;', [{ start: 2, end: 7, digits: true }]), /^a=9\d{4};$/);
	assert.equal(overwritten('abcdef', [{ start: 1, end: 4, secret: null }]), 'a***ef');
	// A secret within another one.
	assert.match(
		overwritten('y'.repeat(30), [
			{ start: 4, end: 6 },
			{ start: 0, end: 30 },
		]),
		/^REDACTED-\w{8}-{13}$/,
	);
});

test('known secrets are found plain, URL-encoded and in base64, the longest of several', () => {
	const sought = new SoughtSecrets(10);
	for (const secret of ['abcdefgh', 'abcdefghijkl', 'gr\xc3\xbc\xc3\x9fe-geheim', 'short']) sought.add(secret);
	const found = (text: string) => starred(text, sought.placesIn(Buffer.from(text, 'latin1')).slice(0, 1));
	assert.equal(found('x abcdefghijkl y'), 'x ************ y');
	assert.equal(found('x abcdefghij y'), 'x ********ij y');
	assert.equal(found('x abcdefg y short'), 'x abcdefg y short');
	for (const form of ['gr\xc3\xbc\xc3\x9fe-geheim', 'gr%C3%BC%C3%9Fe-geheim', 'gr%c3%bc%c3%9fe-geheim'])
		assert.equal(found(`=${form}&`), `=${'*'.repeat(form.length)}&`);
	assert.ok(found(Buffer.from('gr\xc3\xbc\xc3\x9fe-geheim', 'latin1').toString('base64')).startsWith('*****'));
});

test('a finder knows every secret of a text, however many texts it has seen', () => {
	const finder = ignored();
	// More texts than there are marks.
	for (let i = 0; i < 7000; i++) {
		const value = `secret-${i}-value`;
		assert.deepEqual(finder.form(`a=1&password=${value}`), [{ start: 13, end: 13 + value.length }]);
	}
	const many = Array.from({ length: 7000 }, (_, i) => `password=secret${i}`).join('&');
	assert.deepEqual(finder.form(many), [{ start: 0, end: many.length, secret: null }]);
	// 0xA0 is a part of a letter, not a blank.
	const secrets: string[] = [];
	const utf8 = new SecretFinder((secret) => secrets.push(secret));
	const value = 'Bearer \xc3\xa0bcdef-ghi';
	assert.deepEqual(starred(value, utf8.header('authorization', value)), 'Bearer ***********');
	assert.deepEqual(secrets, ['\xc3\xa0bcdef-ghi']);
	assert.deepEqual(utf8.freeText('password=\xc3\xa0bcdefgh rest'), [{ start: 9, end: 18 }]);
});

test('of bodies that arrive in parts, what cannot wait for more is blanked up to its end', () => {
	const scanner = (contentType: string, beginning: string) => {
		const none = () => [];
		return bodyScanner(
			{ contentType, coding: null },
			Buffer.from(beginning, 'latin1'),
			ignored(),
			none,
			() => undefined,
		);
	};
	const scan = (body: BodyScanner, text: string, extent: Extent) => {
		const { decided, places } = body.scan(Buffer.from(text, 'latin1'), text, extent);
		return starred(text, places).slice(0, decided);
	};
	const lines = scanner('text/plain', 'a line');
	assert.equal(scan(lines, '{"pin":12345}\nplain\nmore', 'soft'), '{"pin":*****}\nplain\n');
	assert.equal(scan(lines, 'a line\n', 'hard'), 'a line\n');
	assert.equal(scan(lines, 'next\nrest of anoth', 'hard'), 'next\n*************');
	assert.equal(scan(lines, 'er line', 'soft'), '*******');
	assert.equal(scan(lines, ' again\nnext\n', 'soft'), '******\nnext\n');
	assert.equal(scan(lines.afterGap(), 'rest\nnext\n', 'soft'), '****\nnext\n');
	const form = scanner('application/x-www-form-urlencoded', 'a=1');
	assert.equal(scan(form, 'a=1&password=hunter2&b=2', 'soft'), 'a=1&password=*******&');
	assert.equal(scan(form.afterGap(), 'rest&pin=1234', 'final'), '****&pin=****');
	const parts = scanner('multipart/form-data; boundary=b', '--b');
	const head = '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n';
	assert.equal(scan(parts, `${head}long line`, 'hard'), `${head}*********`);
	assert.equal(scan(parts, ' goes on', 'hard'), '********');
	assert.equal(scan(parts, ' end\r\nopen line\r\n', 'soft'), '****\r\nopen line\r\n');
	// UTF-16 in either order, by its mark alone.
	for (const swaps of [false, true]) {
		const text = Buffer.from('\ufeffpassword=hunter2secret', 'utf16le');
		const wide = (swaps ? text.swap16() : text).toString('latin1');
		assert.equal(scan(scanner('text/plain', wide), wide, 'final'), '*'.repeat(wide.length), String(swaps));
	}
});
