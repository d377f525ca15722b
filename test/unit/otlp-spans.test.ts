// Spans and metrics: which span is the parent of which, what is sampled, and what bounds the number of series.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { RecentMap } from '../../src/base/recent-map.ts';
import { LOSS_REASONS } from '../../src/store/loss-table.ts';
import { DURATION_BOUNDS, DurationHistogram } from '../../src/telemetry/duration-histogram.ts';
import { ExchangeCounts } from '../../src/telemetry/exchange-counts.ts';
import { HttpMetrics } from '../../src/telemetry/http-metrics.ts';
import { KNOWN_METHODS } from '../../src/telemetry/known-methods.ts';
import { parseListenAddress } from '../../src/telemetry/metrics-server.ts';
import {
	errorType,
	type Observed,
	observedColumns,
	placeOf,
	readCounted,
	readObserved,
	serverOf,
} from '../../src/telemetry/observed.ts';
import { METRICS, prometheusText } from '../../src/telemetry/prometheus-text.ts';
import { createSampler } from '../../src/telemetry/sampler.ts';
import { parseTraceparent, SpanLinks } from '../../src/telemetry/span-links.ts';
import { spanOf } from '../../src/telemetry/spans.ts';
import { newUploadCounts } from '../../src/telemetry/upload-counts.ts';
import { observedExchange } from '../../support/observed-exchange.ts';
import { decodePoints } from '../../support/otlp-decoder.ts';
import { prometheusSamples } from '../../support/prometheus-samples.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

const always = createSampler();
const client = (id: number, changes: Partial<Observed> = {}) => observedExchange(id, { side: 'client', ...changes });
const ids = (settled: ReturnType<SpanLinks['settled']>) => settled.map(([{ id }]) => id);

test('a span waits a second, and for its parent longer; then it begins a trace', () => {
	const links = new SpanLinks(always);
	links.take(client(5, { parentId: 4 }), 0);
	links.take(client(7, { parentId: 6 }), 0);
	links.take(observedExchange(8), 0);
	assert.deepEqual(ids(links.settled(999)), []);
	assert.deepEqual([ids(links.settled(1000)), links.waiting], [[8], 2]);
	links.take(observedExchange(4, { traceparent: `00-${TRACE}-${SPAN}-01` }), 20_000);
	// The parent is known, so the child need not wait; the parent itself waits for its second.
	const [[, child] = assert.fail(), ...none] = links.settled(20_000);
	assert.deepEqual([child.traceId, none], [TRACE, []]);
	const [[{ id }, parent] = assert.fail()] = links.settled(21_000);
	assert.deepEqual([id, child.parentSpanId, parent.parentSpanId], [4, parent.spanId, SPAN]);
	assert.deepEqual([ids(links.settled(29_999)), ids(links.settled(30_000)), links.waiting], [[], [7], 0]);
});

test('the client of a pair is found by either row, and a parent that came too late changes nothing', () => {
	for (const [serverPair, clientPair] of [
		[2, null],
		[null, 1],
	] as const) {
		const links = new SpanLinks(always);
		links.take(observedExchange(1, { pairId: serverPair }), 0);
		links.take(client(2, { pairId: clientPair }), 10);
		const contexts = new Map(links.settled(2000).map(([{ id }, context]) => [id, context]));
		assert.equal(contexts.get(1)?.parentSpanId, contexts.get(2)?.spanId);
		assert.deepEqual([contexts.get(1)?.isRemote, contexts.get(2)?.isRemote], [true, undefined]);
	}
	const links = new SpanLinks(always);
	links.take(observedExchange(1), 0);
	const [[, early] = assert.fail()] = links.settled(1000);
	links.take(client(2, { pairId: 1 }), 2000);
	const [[, late] = assert.fail()] = links.settled(3000);
	assert.deepEqual(
		[early.parentSpanId, late.parentSpanId, early.traceId === late.traceId],
		[undefined, undefined, false],
	);
});

test('at the end, and when too many wait, nothing waits; a ring of parents ends', () => {
	const links = new SpanLinks(always);
	for (let id = 1; id <= 5003; id++) links.take(client(id, { parentId: 100_000 + id }), 0);
	assert.deepEqual(ids(links.settled(0)), [1, 2, 3]);
	assert.equal(links.settled(0, true).length, 5000);
	links.take(client(1, { parentId: 2 }), 0);
	links.take(client(2, { parentId: 1 }), 0);
	assert.deepEqual(ids(links.settled(0, true)), [1, 2]);
});

test('only recent spans are remembered, so that memory stays bounded', () => {
	const recent = new RecentMap<number, number>(10);
	for (let key = 1; key <= 35; key++) recent.set(key, -key);
	assert.deepEqual(
		[20, 21, 30, 31, 35, 36].map((key) => recent.get(key)),
		[undefined, -21, -30, -31, -35, undefined],
	);
});

test('a traceparent is read as the W3C says', () => {
	const read = (text: string | null) => parseTraceparent(text)?.traceFlags;
	assert.deepEqual(
		[`00-${TRACE}-${SPAN}-01`, ` 00-${TRACE}-${SPAN}-00 `, `cc-${TRACE}-${SPAN}-03-what`, `cc-${TRACE}-${SPAN}-09`].map(
			read,
		),
		[1, 0, 3, 9],
	);
	for (const wrong of [
		...[null, '', `ff-${TRACE}-${SPAN}-01`, `00-${TRACE}-${SPAN}-01-x`, `00-${TRACE}-${SPAN}-1`, `00-${TRACE}-${SPAN}`],
		...[`00-${'0'.repeat(32)}-${SPAN}-01`, `00-${TRACE}-${'0'.repeat(16)}-01`, `00-${TRACE.toUpperCase()}-${SPAN}-01`],
		`00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`,
	])
		assert.equal(read(wrong), undefined, String(wrong));
});

test('samplers follow the parent or the trace id, in the ratio asked for', () => {
	const traceIds = Array.from({ length: 4000 }, (_, i) => (i * 0x9e3779b97f4a7).toString(16).padStart(32, '0'));
	const share = (name: string, argument?: string, parent?: boolean) => {
		const sampler = createSampler(name, argument);
		return traceIds.filter((id) => sampler(id, parent)).length / traceIds.length;
	};
	assert.deepEqual([share('always_on'), share('always_off'), share('always_on', '1', false)], [1, 0, 1]);
	for (const name of ['traceidratio', 'parentbased_traceidratio']) {
		const quarter = share(name, '0.25');
		assert.ok(Math.abs(quarter - 0.25) < 0.03, `${quarter}`);
	}
	assert.deepEqual([share('parentbased_always_off', '1', true), share('parentbased_always_on', '1', false)], [1, 0]);
	const links = new SpanLinks(createSampler('parentbased_always_on'));
	links.take(client(2, { parentId: 1 }), 0);
	links.take(observedExchange(1, { traceparent: `00-${TRACE}-${SPAN}-00` }), 0);
	assert.deepEqual(
		links.settled(0, true).map(([, { isSampled, traceFlags }]) => [isSampled, traceFlags]),
		[
			[false, 0],
			[false, 0],
		],
	);
});

test('a span has no attribute without a value, and no more of a text than the limit', () => {
	const links = new SpanLinks(always);
	links.take(
		observedExchange(1, { url: null, path: `${'x'.repeat(9)}💡`, host: '', local: 'unix:/run/shop', remote: null }),
		0,
	);
	links.take(observedExchange(2, { method: null }), 0);
	const [span, none] = links
		.settled(0, true)
		.map(([each, context]) => spanOf(each, context, { knownMethods: KNOWN_METHODS, valueLength: 10 }));
	const attributes: { key: string; value: object }[] = JSON.parse(span ?? '{}').attributes;
	const values = new Map(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
	assert.deepEqual(
		['url.path', 'server.address', 'server.port', 'client.address', 'url.query'].map((key) => values.get(key)),
		['x'.repeat(9), '/run/shop', undefined, undefined, undefined],
	);
	assert.equal(none, undefined, 'the request was not seen');
});

test('rows are read by the names of their columns; those without a time are none', () => {
	const columns = observedColumns(true).split(/, (?![^(]*\))/);
	const row = (changes: Record<string, string | number | bigint | null>) =>
		columns.map((column) => changes[column.replace(/^.* AS /, '')] ?? null);
	const ts = '2026-11-22T15:55:28.829070Z';
	const read = readObserved(
		row({ id: 7n, ts, side: 'client', duration_ms: 0.730614, url: 'https://x/', method: 'GET', tracestate: 'a\ud800' }),
	);
	assert.deepEqual(
		[read?.id, read?.side, read?.startNs, read?.endNs, read?.scheme, read?.tracestate],
		[7, 'client', 1_795_362_928_829_070_000n, 1_795_362_928_829_800_614n, 'https', 'a\ufffd'],
	);
	assert.equal(readObserved(row({ id: 1 })), undefined);
	assert.ok(observedColumns(true).startsWith(`${observedColumns(false)}, `));
	assert.equal(readCounted(row({ ts, side: 'server' }))?.duration, null);
});

test('places and errors of an exchange', () => {
	assert.deepEqual(['10.0.0.1:80', '[::1]:8080', 'unix:/run/x', 'odd', null].map(placeOf), [
		{ address: '10.0.0.1', port: 80 },
		{ address: '::1', port: 8080 },
		{ address: '/run/x', port: undefined },
		undefined,
		undefined,
	]);
	const server = (host: string | null, scheme = 'http') => serverOf(observedExchange(1, { host, scheme }), '[::1]:81');
	assert.deepEqual(
		[server('shop:8080'), server('[::1]:99'), server('[::1]'), server('shop', 'https'), server(null)],
		[
			{ address: 'shop', port: 8080 },
			{ address: '::1', port: 99 },
			{ address: '::1', port: 80 },
			{ address: 'shop', port: 443 },
			{ address: '::1', port: 81 },
		],
	);
	const ended = (state: string, reason: string | null, status: number | null = null) =>
		errorType(observedExchange(1, { state, reason, status }));
	assert.deepEqual(
		[
			...[ended('complete', null, 404), ended('complete', null, 500), errorType(client(1, { status: 404 }))],
			...[
				ended('unanswered', 'connection reset'),
				ended('incomplete', 'process exited', 200),
				ended('incomplete', null),
			],
			...[ended('incomplete', 'capture ended', 200), ended('unanswered', 'bytes lost'), ended('upgraded', null, 101)],
		],
		[undefined, '500', '404', 'connection_reset', 'process_exited', undefined, undefined, undefined, undefined],
	);
});

test('the number of series and of services is bounded; what is beyond is counted together', () => {
	const metrics = new HttpMetrics(KNOWN_METHODS, 5n, 20);
	assert.equal(metrics.isEmpty, true);
	for (let i = 0; i < 50; i++) metrics.record(client(i, { host: `h${i}`, comm: null }), 'crawler');
	for (let i = 0; i < 200; i++) metrics.record(observedExchange(i), `service ${i}`);
	metrics.record(observedExchange(1, { duration: null }), 'crawler');
	metrics.record(observedExchange(1, { method: null }), 'crawler');
	const scope = { name: 'x', version: '1' };
	const resource = (service: string) => ({ attributes: [{ key: 'service.name', value: { stringValue: service } }] });
	const points = decodePoints(JSON.parse(metrics.request(9n, resource, scope)));
	assert.equal(new Set(points.map(({ service }) => service)).size, 101);
	assert.equal(points.filter(({ attributes }) => attributes['otel.metric.overflow'] === undefined).length, 20);
	const overflow = points.filter(({ attributes }) => attributes['otel.metric.overflow'] === true);
	assert.deepEqual([overflow[0]?.count, points.reduce((sum, { count }) => sum + count, 0)], [30, 250]);
	assert.deepEqual([points[0]?.startNs, points[0]?.timeNs], [5n, 9n]);
});

test('a duration is counted up to its limit, inclusive', () => {
	const histogram = new DurationHistogram();
	for (const seconds of [0, 0.005, 0.0050001, 10, 10.1]) histogram.record(seconds);
	assert.deepEqual(histogram.buckets, [2, 1, ...Array(DURATION_BOUNDS.length - 3).fill(0), 1, 1]);
	assert.deepEqual([histogram.count, histogram.min, histogram.max], [5, 0, 10.1]);
});

test('methods, statuses and hosts of clients create no further series for Prometheus', () => {
	const counts = new ExchangeCounts(KNOWN_METHODS);
	for (let i = 0; i < 500; i++)
		counts.record(
			observedExchange(i, {
				method: `M${i}`,
				status: i === 0 ? null : 99 + i,
				host: `h${i}`,
				duration: i === 1 ? null : 1,
			}),
		);
	counts.record(observedExchange(1, { method: null }));
	const measured = {
		...{
			version: '1"\\\n',
			startSeconds: 1.5,
			isCapturing: true,
			rows: 501,
			tableBytes: 0,
			residentBytes: 1e9,
			counts,
		},
		totals: {
			loss: LOSS_REASONS.map((_, i) => ({ events: i, bytes: i * 10, lastUs: 0 })),
			blindSpots: [['tls', 2]] as const,
		},
		uploads: newUploadCounts(),
	};
	const text = prometheusText(measured);
	const samples = new Map(prometheusSamples(text));
	const exchanges = [...samples].filter(([name]) => name.startsWith('tinytap_exchanges_total'));
	assert.deepEqual(
		[...exchanges].sort(),
		[
			...['1xx', '2xx', '3xx', '4xx'].map((name) => [`{side=server,method=_OTHER,status_class=${name}}`, 100]),
			['{side=server,method=_OTHER,status_class=5xx}', 99],
			['{side=server,method=_OTHER,status_class=none}', 1],
			['{side=server,method=none,status_class=2xx}', 1],
		]
			.map(([labels, count]) => [`tinytap_exchanges_total${labels}`, count])
			.sort(),
	);
	assert.equal(samples.get('tinytap_loss_bytes_total{reason=body_limit,kind=by_design}'), 80);
	assert.equal(samples.get('tinytap_blind_spots{what=tls}'), 2);
	assert.match(text, /^tinytap_build_info\{version="1\\"\\\\\\n"\} 1$/m);
	// Without --otlp there is nothing about it.
	assert.doesNotMatch(prometheusText({ ...measured, uploads: undefined }), /otlp/);
	assert.equal(text.match(/^# TYPE /gm)?.length, METRICS.length);
});

test('docs/telemetry.md has every metric, with its type and meaning', () => {
	const page = readFileSync(join(import.meta.dirname, '../../docs/telemetry.md'), 'utf8');
	for (const { name, type, help } of METRICS) {
		const row = page.split('\n').find((line) => line.startsWith(`| \`${name}\``));
		assert.ok(row?.endsWith(`| ${type} | ${help} |`), `${name}: ${row}`);
		assert.match(name, type === 'counter' ? /_total$/ : /^tinytap_(?!.*_total$)/);
	}
});

test('addresses to listen on: a port alone is one of this host only', () => {
	const read = (text: string) => Object.values(parseListenAddress(text)).join(' ');
	assert.deepEqual(['9464', ':9464', 'localhost:1', '0.0.0.0:9464', '[::1]:9464', '0'].map(read), [
		'127.0.0.1 9464',
		'127.0.0.1 9464',
		'127.0.0.1 1',
		'0.0.0.0 9464',
		'::1 9464',
		'127.0.0.1 0',
	]);
	for (const wrong of ['', 'x', '65536', 'host:80', '::1:80', '1.2.3:80', '80:'])
		assert.throws(() => read(wrong), { code: 'ERR_USAGE' });
});
