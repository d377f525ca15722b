// A short run of scripts/fuzz, always with the same cases, so that everybody sees the same failures.
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, it, test } from 'node:test';
import { promisify } from 'node:util';
import { referenceRows } from '../../support/reference-decoder.ts';

const FUZZ = join(import.meta.dirname, '../../scripts/fuzz');
/** Together these take one core less than a minute. The debug build is slower. */
const CASES = { release: 80_000, debug: 20_000 };

describe('cases of the fuzzer, nearly all mutated', { concurrency: true }, () => {
	for (const [build, count] of Object.entries(CASES)) {
		it(`show no trap, no hang, no difference from the reference and no mixed rows: ${build} build`, async () => {
			const given = ['--build', build, '--seed', '5', '--from', '0', '--count', String(count)];
			const { stdout } = await promisify(execFile)(FUZZ, given);
			assert.match(stdout, new RegExp(`^${count} cases of seed 5, 0 to ${count - 1}: no difference$`, 'm'));
		});
	}
});

test('a wrong number and an unknown option are refused in one sentence', () => {
	const { status, stderr } = spawnSync(FUZZ, ['--count', 'many'], { encoding: 'utf8' });
	assert.equal(status, 2);
	assert.match(stderr, /expected a whole number after --count, got "many"/);
	const build = spawnSync(FUZZ, ['--build', 'fast'], { encoding: 'utf8' });
	assert.equal(build.status, 2);
	assert.match(build.stderr, /expected release, debug or both after --build, got "fast"/);
	const unknown = spawnSync(FUZZ, ['--bogus'], { encoding: 'utf8' });
	assert.equal(unknown.status, 2);
	assert.match(unknown.stderr, /^Unknown option '--bogus'.*\n$/);
});

test('the reference decoder itself reads the messages of RFC 9112', () => {
	const { rows, whole } = referenceRows(
		[
			{
				direction: 'in',
				bytes:
					'POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\nHEAD / HTTP/1.1\r\n\r\n',
			},
			{
				direction: 'out',
				bytes:
					'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 204\r\nContent-Length: 9\r\n\r\n',
			},
		],
		true,
	);
	assert.equal(whole, true);
	assert.deepEqual(
		rows.map((row) => [row.method, row.reqBody, row.interim, row.status, row.resBody, row.resEnded]),
		[
			['POST', 'abc', [100], 200, 'ok', true],
			['HEAD', '', [], 204, '', true],
		],
	);
	assert.deepEqual(rows[0]!.reqHeaders.at(-1), { name: 'X', value: 'y', trailer: true });
});
