// The notes about bodies that are not held in full or cannot be decoded.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
	UNHELD_BODY_LIMIT,
	UNHELD_CAPTURE_LIMIT,
	UNHELD_DISCARDED,
	UNHELD_FAULT,
	UNHELD_IOVEC_LIMIT,
	UNHELD_LOST,
	UNHELD_MAX,
	UNHELD_MEMORY,
	UNHELD_OTHER,
	UNHELD_SENDFILE,
	UNHELD_SPLICE,
	UNHELD_UNSEEN,
} from '../../decoder-as/assembly/wire/output-layout.ts';
import { type BodyAccount, bodyNote } from '../../src/decode/body-note.ts';
import type { DecodedContent } from '../../src/decode/content-coding.ts';

type Unheld = readonly (readonly [why: number, bytes: number])[];

function note(total: number, captured: number, unheld: Unheld, prefix = true): string | null {
	const bytes = new Float64Array(UNHELD_MAX);
	for (const [why, count] of unheld) bytes[why] = count;
	return bodyNote({ total, captured, unheld: bytes, prefix });
}

describe('body notes', () => {
	it('are absent when the whole body is held, or no message was seen', () => {
		assert.equal(note(0, 0, []), null);
		assert.equal(note(17, 17, []), null);
		assert.equal(note(Number.NaN, 0, []), null);
	});

	const cases: readonly (readonly [total: number, captured: number, Unheld, prefix: boolean, expected: string])[] = [
		// The documented forms.
		[51200, 0, [[UNHELD_SENDFILE, 51200]], false, 'body: 51200 bytes via sendfile — content not captured'],
		[
			51200,
			512,
			[[UNHELD_SENDFILE, 50688]],
			true,
			'body: first 512 of 51200 bytes; 50688 via sendfile — content not captured',
		],
		[1048576, 65536, [[UNHELD_BODY_LIMIT, 983040]], true, 'body: first 65536 of 1048576 bytes (body limit)'],
		[300000, 200000, [[UNHELD_IOVEC_LIMIT, 100000]], true, 'body: first 200000 of 300000 bytes (iovec limit)'],
		[51200, 40000, [[UNHELD_LOST, 11200]], false, 'body: 40000 of 51200 bytes; 11200 lost (ring full)'],
		// A single byte each.
		[101, 100, [], true, 'body: first 100 of 101 bytes; 1 not captured'],
		[101, 100, [[UNHELD_OTHER, 1]], true, 'body: first 100 of 101 bytes; 1 not captured'],
		[1, 0, [[UNHELD_SENDFILE, 1]], true, 'body: 1 bytes via sendfile — content not captured'],
		[
			102,
			100,
			[
				[UNHELD_SPLICE, 1],
				[UNHELD_LOST, 1],
			],
			true,
			'body: first 100 of 102 bytes; 1 via splice — content not captured; 1 lost (ring full)',
		],
		[101, 100, [[UNHELD_BODY_LIMIT, 1]], true, 'body: first 100 of 101 bytes (body limit)'],
		[
			102,
			1,
			[
				[UNHELD_BODY_LIMIT, 1],
				[UNHELD_MEMORY, 100],
			],
			true,
			'body: first 1 of 102 bytes; 1 cut (body limit); 100 cut (memory limit)',
		],
		[2, 1, [[UNHELD_FAULT, 1]], false, 'body: 1 of 2 bytes; 1 lost (unreadable memory)'],
		[
			2,
			0,
			[
				[UNHELD_BODY_LIMIT, 1],
				[UNHELD_UNSEEN, 1],
			],
			true,
			'body: 0 of 2 bytes (body limit); 1 lost (unseen)',
		],
		[
			2,
			0,
			[
				[UNHELD_BODY_LIMIT, 1],
				[UNHELD_LOST, 1],
			],
			true,
			'body: 0 of 2 bytes (body limit); 1 lost (ring full)',
		],
		// Each reason alone, with and without held bytes.
		[300, 100, [[UNHELD_SPLICE, 200]], true, 'body: first 100 of 300 bytes; 200 via splice — content not captured'],
		[8192, 0, [[UNHELD_SPLICE, 8192]], true, 'body: 8192 bytes via splice — content not captured'],
		[300, 100, [[UNHELD_CAPTURE_LIMIT, 200]], true, 'body: first 100 of 300 bytes (call limit)'],
		[300, 100, [[UNHELD_MEMORY, 200]], true, 'body: first 100 of 300 bytes (memory limit)'],
		[300, 0, [[UNHELD_BODY_LIMIT, 300]], true, 'body: first 0 of 300 bytes (body limit)'],
		[300, 0, [[UNHELD_BODY_LIMIT, 300]], false, 'body: first 0 of 300 bytes (body limit)'],
		[300, 0, [[UNHELD_LOST, 300]], false, 'body: 0 of 300 bytes; 300 lost (ring full)'],
		[300, 100, [[UNHELD_LOST, 200]], true, 'body: first 100 of 300 bytes; 200 lost (ring full)'],
		[300, 100, [[UNHELD_FAULT, 200]], true, 'body: first 100 of 300 bytes; 200 lost (unreadable memory)'],
		[300, 0, [[UNHELD_FAULT, 300]], true, 'body: 0 of 300 bytes; 300 lost (unreadable memory)'],
		[300, 200, [[UNHELD_DISCARDED, 100]], false, 'body: 200 of 300 bytes; 100 discarded by the program (MSG_TRUNC)'],
		[300, 200, [[UNHELD_OTHER, 100]], true, 'body: first 200 of 300 bytes; 100 not captured'],
		[300, 200, [[UNHELD_UNSEEN, 100]], false, 'body: 200 of 300 bytes; 100 lost (unseen)'],
		// Bytes without a reason are named, too.
		[300, 200, [], true, 'body: first 200 of 300 bytes; 100 not captured'],
		[300, 0, [], false, 'body: 0 of 300 bytes; 300 not captured'],
		[300, 100, [[UNHELD_LOST, 150]], false, 'body: 100 of 300 bytes; 150 lost (ring full); 50 not captured'],
		// Combinations.
		[
			51200,
			0,
			[
				[UNHELD_SENDFILE, 50000],
				[UNHELD_LOST, 1200],
			],
			false,
			'body: 0 of 51200 bytes; 50000 via sendfile — content not captured; 1200 lost (ring full)',
		],
		[
			300,
			0,
			[
				[UNHELD_SENDFILE, 200],
				[UNHELD_SPLICE, 100],
			],
			false,
			'body: 0 of 300 bytes; 200 via sendfile — content not captured; 100 via splice — content not captured',
		],
		[
			200000,
			65536,
			[
				[UNHELD_BODY_LIMIT, 84464],
				[UNHELD_SENDFILE, 50000],
			],
			true,
			'body: first 65536 of 200000 bytes (body limit); 50000 via sendfile — content not captured',
		],
		[
			1000,
			100,
			[
				[UNHELD_BODY_LIMIT, 500],
				[UNHELD_IOVEC_LIMIT, 400],
			],
			true,
			'body: first 100 of 1000 bytes; 500 cut (body limit); 400 cut (iovec limit)',
		],
		[
			1000,
			100,
			[
				[UNHELD_BODY_LIMIT, 400],
				[UNHELD_LOST, 500],
			],
			false,
			'body: 100 of 1000 bytes (body limit); 500 lost (ring full)',
		],
		[
			1000,
			0,
			[
				[UNHELD_BODY_LIMIT, 400],
				[UNHELD_LOST, 600],
			],
			false,
			'body: 0 of 1000 bytes (body limit); 600 lost (ring full)',
		],
	];
	for (const [total, captured, unheld, prefix, expected] of cases) {
		it(expected, () => assert.equal(note(total, captured, unheld, prefix), expected));
	}

	it('account for every byte in every combination of reasons', () => {
		// The entries after the last reason are unused.
		const reasons = UNHELD_UNSEEN + 1;
		assert.ok(reasons > UNHELD_MAX - 2);
		for (let mask = 1; mask < 1 << reasons; mask++) {
			for (const captured of [0, 7]) {
				const unheld: [number, number][] = [];
				for (let why = 0; why < reasons; why++) if (mask & (1 << why)) unheld.push([why, 1000 + why]);
				const total = captured + unheld.reduce((sum, [, bytes]) => sum + bytes, 0);
				const text = note(total, captured, unheld);
				assert.match(text ?? '', /^body: [\x20-\x7e—]+$/);
				for (const [why, bytes] of unheld) {
					const limit = [UNHELD_BODY_LIMIT, UNHELD_CAPTURE_LIMIT, UNHELD_IOVEC_LIMIT, UNHELD_MEMORY].includes(why);
					if (!limit) assert.ok(text?.includes(String(bytes)), `${bytes} in ${text}`);
				}
				assert.equal(text?.includes('not captured') ?? false, (mask & 0b1000000011) !== 0, `${text}`);
			}
		}
	});

	it('say why a body that is held, whole or in part, cannot be read', () => {
		const unheld = new Float64Array(UNHELD_MAX);
		const of = (content: Partial<DecodedContent> | null, more: Partial<BodyAccount> = {}) =>
			bodyNote({
				...{ total: 10, captured: 10, unheld, prefix: true },
				content:
					content === null ? null : { bytes: new Uint8Array(0), applied: [], stopped: null, unended: null, ...content },
				...more,
			});
		assert.equal(of(null), null);
		assert.equal(of({}), null);
		assert.equal(of({ stopped: 'gzip: damaged data' }), 'body: 10 bytes, not decoded (gzip: damaged data)');
		assert.equal(of({ stopped: 'a: b', applied: ['br'] }), 'body: 10 bytes, decoded in part (a: b)');
		assert.equal(of({ stopped: 'a: b' }, { total: 1, captured: 1 }), 'body: 1 byte, not decoded (a: b)');
		// A coding may be unfinished if the body is.
		const unended = { unended: 'br: unexpected end', applied: ['br'] };
		assert.equal(of(unended), null);
		assert.equal(of(unended, { ended: false }), null);
		assert.equal(of(unended, { ended: true }), 'body: 10 bytes, decoded in part (br: unexpected end)');
		assert.equal(of(unended, { ended: true, total: 12 }), 'body: first 10 of 12 bytes; 2 not captured');
		assert.equal(
			of({ stopped: 'a: b' }, { total: 12 }),
			'body: first 10 of 12 bytes; 2 not captured; not decoded (a: b)',
		);
	});
});
