// Small tables like the captured ones, with NULLs, repeated and awkward texts: the data for comparisons with SQLite.
import type { SqlValue } from '../src/store/table.ts';
import type { TestTable } from './sql-table.ts';

/** Texts that break careless quoting, prototype lookups and ordering by UTF-16 unit. */
export const HOSTILE_TEXTS: readonly string[] = [
	'__proto__',
	'constructor',
	'prototype',
	'hasOwnProperty',
	'toString',
	"it's",
	'"quoted"',
	'back\\slash',
	'\\',
	"\\'",
	"'; DROP TABLE exchanges; --",
	'line\nbreak',
	'\u2028',
	'\u00e4\u00f6\u00fc',
	'\u00c4',
	'\uffee',
	'\u{1f600}',
	'100%',
	'a_b',
	'[x]',
	'',
	' ',
	'null',
	'NULL',
	'12',
	'012',
	'1e3',
	' 7 ',
	'-5',
	'3.0',
	'0x1F',
	'GET',
	'get',
];

/** Texts that only a table can hold, because the sqlite3 program does not accept such characters in a query. */
const ODD_TEXTS: readonly string[] = [
	'\0',
	'a\0b',
	'a\0c',
	'a',
	'\0\0',
	'\u001b[2J\u001b[Hfake',
	'\u001b]0;owned\u0007',
	'\u001b[31m',
	'\u009b31m',
	'\r',
	'\r\n',
	'\u202eabc',
	'\ufeff',
	'\u200b',
	'\u007f',
	'\u0001',
	'=1+1',
	'@SUM(A1)',
	...HOSTILE_TEXTS,
];

/** A generator of numbers from 0 to 1, always the same for the same seed. */
export function seeded(seed: number): () => number {
	let state = seed >>> 0;
	return () => {
		state = (state + 0x6d2b79f5) >>> 0;
		let mixed = Math.imul(state ^ (state >>> 15), state | 1);
		mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
	};
}

export function sampleTables(seed = 1): TestTable[] {
	const random = seeded(seed);
	const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
	const orNull = <T>(value: T): T | null => (random() < 0.15 ? null : value);
	const exchanges: SqlValue[][] = [];
	for (let id = 1; id <= 53; id++) {
		const micros = String(Math.floor(random() * 1_000_000)).padStart(6, '0');
		const seconds = String(Math.floor(random() * 60)).padStart(2, '0');
		exchanges.push([
			id,
			`2026-11-22T12:${pick(['56', '57', '58'])}:${seconds}.${micros}Z`,
			pick(['complete', 'complete', 'open', 'incomplete']),
			orNull(pick(['peer closed', 'malformed'])),
			orNull(pick(['GET', 'POST', 'HEAD', 'get'])),
			orNull(
				random() < 0.4 ? pick(HOSTILE_TEXTS) : pick(['/', '/api/users', '/api/users/42', '/index.html', '/API/users']),
			),
			orNull(pick(['example.org', 'localhost:8080', 'EXAMPLE.ORG'])),
			orNull(pick([200, 200, 200, 304, 404, 500])),
			orNull(pick([0.25, 1, 1.5, 12.125, 250, 1e6, 3])),
			orNull(pick([0, 1, 512, 51200, 1048576, 9007199254740993n, -1])),
			orNull(pick(['write', 'writev', 'sendfile'])),
			pick([1, 2, 3, 4]),
			orNull(
				pick(['{"host":"example.org","accept":"*/*"}', '{"host":"x","__proto__":"y","set-cookie":["a","b"]}', '{}']),
			),
			orNull(new Uint8Array(pick([[], [1], [65, 66], [0xc3, 0xa4]]))),
			orNull(pick([1, 2, 3, 5, 8])),
		]);
	}
	const headers: SqlValue[][] = [];
	for (let row = 0; row < 97; row++) {
		headers.push([
			Math.floor(random() * 60),
			pick(['request', 'response']),
			Math.floor(random() * 4),
			orNull(pick(['host', 'accept', 'content-type', 'x-id', '__proto__', 'constructor'])),
			orNull(random() < 0.5 ? pick(HOSTILE_TEXTS) : pick(['text/html', '*/*', 'example.org', '42'])),
			pick([0, 0, 0, 1]),
		]);
	}
	const oddities: SqlValue[][] = [...ODD_TEXTS, ...ODD_TEXTS].map((text, index) => [
		index + 1,
		orNull(text),
		orNull(pick(ODD_TEXTS)),
	]);
	return [
		{
			name: 'exchanges',
			columns: [
				'id int',
				'ts datetime',
				'state text#',
				'reason text#',
				'method text#',
				'path text',
				'host text#',
				'status int',
				'duration_ms float',
				'res_body_bytes int',
				'via text#',
				'conn int',
				'req_headers json',
				'req_body_raw blob',
				'count int',
			],
			rows: exchanges,
		},
		{
			name: 'headers',
			columns: ['exchange_id int', 'message text#', 'seq int', 'name text#', 'header_value text', 'trailer int'],
			rows: headers,
		},
		{ name: 'oddities', columns: ['id int', 'label text#', 'body text'], rows: oddities },
		{ name: 'no_rows', columns: ['id int', 'path text', 'amount float'], rows: [] },
	];
}
