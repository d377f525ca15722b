// The page of a report, as far as it needs no browser: its filter, its numbers and axes, the graph, JSON and hexadecimal.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hexDump } from '../../src/output/hex-dump.ts';
import { exactPart, readFilter } from '../../src/report/page/filter.ts';
import { layOutGraph, mergeAlike } from '../../src/report/page/graph-layout.ts';
import { hexLines } from '../../src/report/page/hex.ts';
import { type JsonNode, parseJsonTree } from '../../src/report/page/json-parse.ts';
import { Rows } from '../../src/report/page/rows.ts';
import { groupRows, logBinOf, logBins, logBorder, quantile, sortedValues } from '../../src/report/page/statistics.ts';
import { timeAxis, timeBinOf, timeBins } from '../../src/report/page/time-bins.ts';
import {
	bytesText,
	clockText,
	durationText,
	linearMarks,
	logMarks,
	percentText,
	plural,
	stepText,
	timeStep,
} from '../../src/report/page/units.ts';
import { View } from '../../src/report/page/view.ts';
import { ReportBuilder } from '../../src/report/report-builder.ts';
import type { ReportRows } from '../../src/report/report-data.ts';
import type { SqlValue } from '../../src/store/table.ts';

const SERVED = {
	side: 'server',
	comm: 'nginx',
	host: 'shop',
	method: 'GET',
	state: 'complete',
	via: 'sendfile',
	conn: 1,
	pid: 5,
};

/** Four exchanges; 3 and 4 are the same one. */
const EXCHANGES: Record<string, SqlValue>[] = [
	{
		...SERVED,
		id: 1,
		path: '/a/7',
		status: 200,
		duration_ms: 5,
		ttfb_ms: 2,
		res_body_bytes: 2048,
		remote: '203.0.113.9:4000',
		ts: at(0),
	},
	{
		...SERVED,
		id: 2,
		path: '/A b',
		status: 503,
		duration_ms: 250,
		res_body_bytes: 0,
		remote: '[::1]:4000',
		ts: at(1500),
		content_type: 'text/html',
		method: 'POST',
	},
	{
		...SERVED,
		id: 3,
		pair_id: 4,
		path: '/c',
		status: null,
		state: 'unanswered',
		reason: 'peer closed',
		remote: '127.0.0.1:9',
		ts: at(2000),
	},
	{
		...SERVED,
		id: 4,
		pair_id: 3,
		path: '/c',
		side: 'client',
		comm: 'curl',
		status: null,
		state: 'unanswered',
		remote: '127.0.0.1:80',
		ts: at(1999),
		conn: 2,
	},
];

function at(ms: number): string {
	return `${new Date(Date.UTC(2026, 10, 22, 12) + ms).toISOString().slice(0, -1)}000Z`;
}

function rowsOf(exchanges: readonly Record<string, SqlValue>[]): Rows {
	const builder = new ReportBuilder(100);
	for (const columns of exchanges) {
		const template = typeof columns.path === 'string' ? columns.path.replace(/\d+/, ':id') : null;
		builder.add({ columns, requestHeaders: [], responseHeaders: [] }, template);
	}
	return new Rows(JSON.parse(builder.rows()) as ReportRows);
}

const rows = rowsOf(EXCHANGES);

test('a filter finds words anywhere, texts in a column, and numbers with units', () => {
	const found = (text: string) => {
		const read = readFilter(text, rows);
		assert.equal('test' in read, true, `${text}: ${JSON.stringify(read)}`);
		return [0, 1, 2, 3].filter((row) => 'test' in read && read.test(row)).map((row) => row + 1);
	};
	for (const [text, ids] of [
		['', [1, 2, 3, 4]],
		['  /a ', [1, 2]],
		['/a b', [2]],
		['"/a b"', [2]],
		['"/a b', [2]],
		['-/a', [3, 4]],
		['-"/a b"', [1, 3, 4]],
		['NGINX get', [1, 3]],
		['status:5xx', [2]],
		['status:200', [1]],
		['status=503', [2]],
		['status>=300', [2]],
		['-status:none', [1, 2]],
		['method:post', [2]],
		['method=pos', []],
		['path:c', [3, 4]],
		['path=/c side:client', [4]],
		['type:html', [2]],
		['reason:closed', [3]],
		['duration>5', [2]],
		['duration>=5ms', [1, 2]],
		['duration<0.2s', [1]],
		['duration<0.01min', [1, 2]],
		['size:2KiB', [1]],
		['size<2049b', [1, 2]],
		['conn=2', [4]],
		['endpoint="GET /a/:id"', [1]],
		['caller:curl callee=nginx', [3, 4]],
		['caller:203.0.113.9', [1]],
		['caller=::1', [2]],
		['203.0.113.9:4000', [1]],
		['http://x', []],
		['#3', [3]],
		['no', [3, 4]],
	] as const)
		assert.deepEqual(found(text), ids, text);
	for (const [text, problem] of [
		['statsu>500', /^unknown key “statsu”: expected one of method, path,/],
		['duration>fast', /^duration: expected a number such as 100ms or 1\.5s$/],
		['size>1s', /^size: expected a number such as 4096 or 10KiB$/],
		['id<x', /^id: expected a number such as 42$/],
		['status:ok', /^status: expected a number such as 404, a class such as 5xx, or none$/],
		['path>3', /^path is a text: expected path:TEXT$/],
	] as const) {
		const read = readFilter(text, rows);
		assert.match('problem' in read ? read.problem : '', problem, text);
	}
	assert.equal(exactPart('callee', 'a "b"'), 'callee="a b"');
});

test('an exchange seen from both sides counts once, and a broken filter leaves the last one', () => {
	const view = new View(rows);
	let changes = 0;
	view.onChange(() => changes++);
	assert.deepEqual(
		[view.counted, view.listed, view.inFilter],
		[
			[0, 1, 2],
			[0, 1, 2],
			[0, 1, 2],
		],
	);
	view.setBothSides(true);
	assert.deepEqual(
		[view.counted, view.listed],
		[
			[0, 1, 2],
			[0, 1, 2, 3],
		],
	);
	view.setRange({ from: 1_500_000, to: 2_000_000 });
	assert.deepEqual([view.counted, view.listed, view.inFilter], [[1], [1, 3], [0, 1, 2]]);
	view.setFilter('duration>x');
	assert.deepEqual([view.counted, view.problem], [[1], 'duration: expected a number such as 100ms or 1.5s']);
	view.setFilter('status:5xx');
	assert.deepEqual([view.counted, view.problem], [[1], undefined]);
	view.toggleFilter('endpoint="GET /a/:id"');
	assert.deepEqual(
		[view.filterText, view.hasFilter('status:5xx'), view.counted],
		['status:5xx endpoint="GET /a/:id"', true, []],
	);
	view.toggleFilter('status:5xx');
	assert.deepEqual([view.filterText, changes], ['endpoint="GET /a/:id"', 6]);
	assert.deepEqual([rows.end, rows.numbers.ts[3]], [2_000_000, 1_999_000]);
	const names = (codes: Int32Array) => Array.from(codes, (code) => rows.partyNames[code] ?? null);
	assert.deepEqual(names(rows.callers), ['203.0.113.9', '::1', 'curl', 'curl']);
	assert.deepEqual(names(rows.callees), ['nginx', 'nginx', 'nginx', 'nginx']);
});

test('who calls whom is told by addresses where processes are not known', () => {
	const packets = rowsOf([
		{ ...EXCHANGES[0]!, comm: null, local: '10.0.0.1:80' },
		{ ...EXCHANGES[3]!, comm: null, local: '10.0.0.7:9', pair_id: null },
	]);
	const names = (codes: Int32Array) => Array.from(codes, (code) => packets.partyNames[code]);
	assert.deepEqual(
		[names(packets.callers), names(packets.callees)],
		[
			['203.0.113.9', '10.0.0.7'],
			['10.0.0.1:80', 'shop'],
		],
	);
});

test('endpoints have their host if there are several', () => {
	const two = rowsOf([EXCHANGES[0]!, { ...EXCHANGES[1]!, host: 'other' }, { id: 9, method: null }]);
	assert.deepEqual(two.endpointNames, ['GET shop/a/:id', 'POST other/A b']);
	assert.deepEqual([...two.endpoints], [0, 1, -1]);
});

test('percentiles are interpolated, and bins of durations have borders of the same ratio', () => {
	assert.equal(Number.isNaN(quantile([], 0.5)), true);
	assert.deepEqual([quantile([7], 0.99), quantile([1, 2, 3, 4], 0.5), quantile([0, 10], 0.95)], [7, 2.5, 9.5]);
	assert.deepEqual([...sortedValues(Float64Array.of(3, Number.NaN, 1, 2), [0, 1, 2])], [1, 3]);
	assert.deepEqual(
		[...groupRows(Int32Array.of(4, -1, 4, 2), [0, 1, 2, 3])],
		[
			[4, [0, 2]],
			[2, [3]],
		],
	);
	for (const values of [[0.3, 2, 950], [5], [], [0, 0.0001], [1, 10, 100]]) {
		const bins = logBins(values, 10);
		for (const value of values) {
			const bin = logBinOf(bins, value);
			const inside = Math.max(value, 0.001);
			assert.equal(bin >= 0 && bin < bins.count, true);
			assert.equal(
				logBorder(bins, bin) <= inside * 1.000001 && inside < logBorder(bins, bin + 1) * 1.000001,
				true,
				`${value}`,
			);
		}
		assert.equal(bins.count >= 6, true);
	}
});

test('times are divided at natural places, and every time is in its bin', () => {
	const start = Date.UTC(2026, 10, 22, 12, 0, 0, 250) * 1000;
	for (const [span, most, step] of [
		[703_000, 120, 10_000],
		[120e6, 100, 2e6],
		[3600e6, 60, 120e6],
		[1, 10, 1],
		[400 * 86400e6, 50, 14 * 86400e6],
	] as const) {
		const bins = timeBins(start, 0, span, most);
		assert.equal(bins.step, step);
		assert.equal(bins.count <= most && bins.from <= 0 && bins.from + bins.count * bins.step >= span, true);
		assert.equal((start + bins.from) % bins.step, 0);
		for (const time of [0, span / 3, span - 1]) {
			const bin = timeBinOf(bins, time);
			assert.equal(bins.from + bin * step <= time && time < bins.from + (bin + 1) * step, true);
		}
	}
	assert.deepEqual(timeAxis(start, 0, 1_000_000, 330), [
		{ at: 82.5, text: '12:00:00.5' },
		{ at: 247.5, text: '12:00:01.0' },
	]);
	assert.equal(timeStep(10, 20), 1);
});

test('numbers have three digits and a unit, and axes have round marks', () => {
	const texts = (write: (value: number) => string, values: readonly number[]) => values.map(write);
	assert.deepEqual(
		texts(durationText, [0, 0.04, 0.8404, 12.345, 999.4, 999.6, 59_900, 60_000, 125_000, 7_260_000, Number.NaN]),
		[...['0 ms', '40 µs', '840 µs', '12.3 ms', '999 ms', '1 s', '59.9 s', '1 min 0 s', '2 min 5 s', '2 h 1 min', '–']],
	);
	assert.deepEqual(texts(bytesText, [0, 512, 1023, 51_200, 1_268_776, 5e12]), [
		'0 B',
		'512 B',
		'0.999 KiB',
		'50 KiB',
		'1.21 MiB',
		'4.55 TiB',
	]);
	assert.deepEqual(
		[percentText(0, 9), percentText(1, 9999), percentText(4, 1000), percentText(1, 8), percentText(1, 0)],
		['0 %', '< 0.1 %', '0.4 %', '13 %', '–'],
	);
	assert.deepEqual([plural(1, 'body', 'bodies'), plural(1840, 'body', 'bodies')], ['1 body', '1,840 bodies']);
	const noon = Date.UTC(2026, 10, 22, 12, 34, 56, 789) * 1000 + 123;
	assert.deepEqual(
		[1, 1000, 200_000, 1e6, 60e6, 86_400e6].map((step) => clockText(noon, step)),
		[...['12:34:56.789123', '12:34:56.789', '12:34:56.7', '12:34:56', '12:34', '2026-11-22']],
	);
	assert.deepEqual([5000, 2e6, 60e6, 6 * 3600e6, 86_400e6].map(stepText), ['5 ms', '2 s', '1 min', '6 h', '1 day']);
	assert.equal(clockText(-1000), '23:59:59.999');
	assert.deepEqual(
		[linearMarks(7, 4), linearMarks(1, 4, 1), linearMarks(0, 4, 1), linearMarks(134, 4)],
		[[0, 2, 4, 6, 8], [0, 1], [0], [0, 50, 100, 150]],
	);
	assert.deepEqual(logMarks(0.3, 30, 9), [0.5, 1, 2, 5, 10, 20]);
	assert.deepEqual(logMarks(0.3, 3000, 5), [1, 10, 100, 1000]);
});

test('a graph runs from left to right, also with circles, and alike parties become one', () => {
	const edge = (from: number, to: number, weight = 1) => ({ from, to, weight });
	const layout = layOutGraph(5, [edge(0, 1, 9), edge(1, 2, 9), edge(2, 0, 2), edge(3, 1, 5), edge(4, 4, 3)]);
	assert.deepEqual([layout.columns, layout.rows], [3, 3]);
	assert.deepEqual(
		layout.places.map(({ column }) => column),
		[0, 1, 2, 0, 0],
	);
	assert.equal(new Set(layout.places.map(({ column, row }) => `${column} ${row}`)).size, 5);
	const call = (caller: number, callee: number, count: number) => ({
		caller,
		callee,
		rows: Array.from({ length: count }, (_, row) => 100 * caller + row),
	});
	const { merged, names } = mergeAlike(
		[call(0, 9, 5), call(1, 9, 3), call(2, 9, 1), call(9, 8, 2), call(3, 8, 2)],
		[...'abcdefghij'],
		2,
	);
	assert.deepEqual(names.slice(10), ['2 other callers']);
	assert.deepEqual(
		merged.map(({ caller, callee, rows: { length } }) => [caller, callee, length]),
		[
			[0, 9, 5],
			[1, 9, 3],
			[10, 9, 1],
			[9, 8, 2],
			[10, 8, 2],
		],
	);
});

/** A node as a value, with objects as lists of pairs. */
function plainTree({ kind, text, members, cut }: JsonNode): unknown {
	if (kind === 'object') return { cut, pairs: members.map((member) => [member.key, plainTree(member)]) };
	return kind === 'list' ? { cut, items: members.map(plainTree) } : `${kind} ${text}`;
}

test('a JSON tree keeps digits, order, repeats and dangerous keys, and ends where its text was cut', () => {
	const whole = '{"b": 12345678901234567890.10, "a": [true, null, "\\u003cb\\n"], "b": {}, "__proto__": {"x": []}}';
	const value = {
		cut: false,
		pairs: [
			['b', 'number 12345678901234567890.10'],
			['a', { cut: false, items: ['word true', 'word null', 'string <b\n'] }],
			['b', { cut: false, pairs: [] }],
			['__proto__', { cut: false, pairs: [['x', { cut: false, items: [] }]] }],
		],
	};
	assert.deepEqual(plainTree(parseJsonTree(whole, false)!), value);
	for (const [text, expected] of [
		['[1, 2', { cut: true, items: ['number 1', 'number 2'] }],
		['{"a": {"b": "x", "c": "unfin', { cut: true, pairs: [['a', { cut: true, pairs: [['b', 'string x']] }]] }],
		['{"a": 1, "b', { cut: true, pairs: [['a', 'number 1']] }],
		['{"a', { cut: true, pairs: [] }],
		['[{"a": tr', { cut: true, items: [{ cut: true, pairs: [] }] }],
	] as const) {
		assert.deepEqual(plainTree(parseJsonTree(text, true)!), expected, text);
		assert.equal(parseJsonTree(text, false), undefined, text);
	}
	// Every beginning of it is the beginning of a tree.
	for (let end = 1; end < whole.length; end++)
		assert.notEqual(parseJsonTree(whole.slice(0, end), true), undefined, whole.slice(0, end));
	for (const text of ['', 'x', '{a: 1}', '[1 2]', '{"a" 1}', '[1],', '{]', '[01]', '"a\nb"', "['a']"])
		assert.equal(parseJsonTree(text, true), undefined, text);
	assert.equal(plainTree(parseJsonTree(' 7 ', false)!), 'number 7');
	assert.equal(parseJsonTree('['.repeat(10_000), true), undefined);
	assert.equal(parseJsonTree(`[${'1,'.repeat(100_000)}1]`, false), undefined);
});

test('hexadecimal lines are those of .show --hex', () => {
	const bytes = Uint8Array.from({ length: 40 }, (_, index) => index * 7);
	const plain = (text: string) => text.replaceAll(/ +/g, ' ').replace(/\n$/, '');
	assert.equal(plain(hexLines(bytes, 100)), plain(hexDump(bytes, 100)));
	assert.equal(plain(hexLines(bytes, 16)), plain(hexDump(bytes, 16)));
});
