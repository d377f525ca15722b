// Traffic of two recordings, and what the saved query `diff` says about them.
import type { SqlValue } from '../src/store/table.ts';
import { databaseOf, withOld } from './bundled-queries.ts';
import { type Fields, request, response, TimedTraffic } from './timed-traffic.ts';

const json = { 'Content-Type': 'application/json; charset=utf-8' };
const html = { 'Content-Type': 'text/html' };
type Answer = {
	readonly path: string;
	readonly status?: number;
	readonly ms?: number;
	readonly body?: string;
	readonly fields?: Fields;
};
const traffic = (answers: readonly Answer[]) => {
	const all = new TimedTraffic();
	const server = all.server({ pid: 100, comm: 'shop' }, '10.0.0.9');
	answers.forEach(({ path, status = 200, ms = 10, body = '', fields = {} }, i) => {
		server.exchange(i * 1000, request(path), response(status, body, fields), { ms });
	});
	return databaseOf(all);
};
const times = (count: number, answer: (i: number) => Answer) => Array.from({ length: count }, (_, i) => answer(i));
const before = traffic([
	{ path: '/gone/1' },
	...times(6, (i) => ({ path: `/slow/${i}`, ms: 10 })),
	...times(5, (i) => ({ path: '/tail', ms: i === 4 ? 20 : 10 })),
	...times(4, () => ({ path: '/few', ms: 10 })),
	...times(10, (i) => ({ path: '/fails', status: i === 0 ? 500 : 200 })),
	...times(5, () => ({ path: '/page', fields: html })),
	{ path: '/list', body: '[{"id":1,"name":"x"}]', fields: json },
	{ path: '/one', body: '{"id":1,"name":"x"}', fields: json },
	{ path: '/one', body: '{"id":1', fields: json },
	{ path: '/same', body: '{"id":1}', fields: json },
]);
const now = traffic([
	...times(6, (i) => ({ path: `/slow/${i}`, ms: 15 })),
	...times(5, (i) => ({ path: '/tail', ms: i === 4 ? 60 : 10 })),
	...times(4, () => ({ path: '/few', ms: 100, status: 404 })),
	...times(10, (i) => ({ path: '/fails', status: i < 2 ? 500 : 200 })),
	...times(5, () => ({ path: '/page', fields: json, body: '7' })),
	{ path: '/list', body: '[{"id":1},{"other":2}]', fields: json },
	{ path: '/one', body: '{"id":2,"price":3,"unit":"EUR"}', fields: json },
	{ path: '/same', body: '{"id":2}', fields: json },
	{ path: '/new' },
]);
const row = (
	change: string,
	path: string,
	requests: readonly number[],
	ms: readonly (number | null)[],
	old: string | null = null,
	later: string | null = null,
) => [change, 'GET', path, ...requests, ...ms, old, later];
const tens = [10, 10, 10, 10];
const slow = row('slower', '/slow/:id', [6, 6], [10, 15, 10, 15]);
const failing = row('statuses', '/fails', [10, 10], tens, '200 (90%), 500 (10%)', '200 (80%), 500 (20%)');
const rows = [
	row('gone', '/gone/:id', [1, 0], [10, null, 10, null]),
	row('new', '/new', [0, 1], [null, 10, null, 10]),
	slow,
	row('slower', '/tail', [5, 5], [10, 10, 18, 50]),
	failing,
	row('content types', '/page', [5, 5], tens, 'text/html', 'application/json'),
	row('json keys', '/list', [1, 1], tens, 'name', null),
	row('json keys', '/one', [2, 1], tens, 'name', 'price, unit'),
];
const few = row('slower', '/few', [4, 4], [10, 100, 10, 100]);
const fewStatuses = row('statuses', '/few', [4, 4], [10, 100, 10, 100], '200 (100%)', '404 (100%)');
const without = (one: SqlValue[]) => rows.filter((each) => each !== one);
const both = withOld(now, before);

/** What the query answers with each of these values. */
export const DIFFERENCES = [
	{ database: both, rows, values: {} },
	{ database: both, rows: without(slow), values: { factor: '1.6' } },
	{ database: both, rows: without(slow), values: { more_ms: '5.1' } },
	{ database: both, rows: without(failing), values: { share: '0.11' } },
	{
		database: both,
		rows: [...rows.slice(0, 2), few, ...rows.slice(2, 5), fewStatuses, ...rows.slice(5)],
		values: { least: '4' },
	},
	{ database: withOld(before, before), rows: [], values: {} },
] as const;
