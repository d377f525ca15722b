// --otlp and --metrics of the built program, over recordings: what a collector on loopback gets, and what is in the file.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
	chmodSync,
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { DURATION_BOUNDS } from '../../src/telemetry/duration-histogram.ts';
import { answering, type Collector, startCollector } from '../../support/collector.ts';
import type { DecodedSpan } from '../../support/otlp-decoder.ts';
import { prometheusSamples } from '../../support/prometheus-samples.ts';
import { temporaryDirectory } from '../../support/servers.ts';
import { recordTape } from '../../support/tape-recording.ts';
import { request, response, TimedTraffic, timeAt } from '../../support/timed-traffic.ts';
import { CLI, type Finished, NODE_FLAGS, runTinytap, TEST_ENV } from '../../support/tinytap.ts';

const directory = temporaryDirectory();
after(directory.remove);
let files = 0;

function recorded(traffic: TimedTraffic): string {
	const path = join(directory.path, `${files++}.tinytap`);
	recordTape(path, traffic.tape());
	return path;
}

/** Replays a recording with --otlp to a collector, and returns both ends. */
async function exported(
	path: string,
	words: readonly string[] = [],
	env: NodeJS.ProcessEnv = {},
	prepare: (collector: Collector) => void = () => undefined,
	command: 'record' | 'agent' = 'record',
): Promise<Finished & { readonly collector: Collector }> {
	const collector = await startCollector();
	prepare(collector);
	try {
		const file = join(directory.path, `${files++}.copy`);
		const work = command === 'record' ? [command, file] : [command];
		const finished = await runTinytap([...work, '--replay', path, '--otlp', collector.url, ...words], { env });
		return { ...finished, collector };
	} finally {
		await collector.stop();
	}
}

const SHOP = { pid: 10, comm: 'shop', exe: '/opt/shop/bin/shop' };
const STOCK = { pid: 20, comm: 'stock', exe: '/opt/stock' };
const CALLER = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' };
const traceparent = (flags: string) => `00-${CALLER.traceId}-${CALLER.spanId}-${flags}`;

/** By the path, or the URL, of the request. */
function spanFor(spans: readonly DecodedSpan[], path: string, kind = 'SERVER'): DecodedSpan {
	const found = spans.filter(
		({ attributes, kind: own }) =>
			own === `SPAN_KIND_${kind}` && String(attributes['url.path'] ?? attributes['url.full']).endsWith(path),
	);
	assert.equal(found.length, 1, `${found.length} ${kind} spans for ${path}`);
	return found[0]!;
}

test('exchanges become spans by the conventions, and histograms, which a decoder of the protocol accepts', async () => {
	const traffic = new TimedTraffic();
	const agent = { 'User-Agent': 'Browser/1', 'X-Forwarded-For': '203.0.113.9, 10.1.1.1' };
	const traced = { ...agent, traceparent: traceparent('01'), tracestate: 'vendor=1' };
	traffic
		.server(SHOP, '192.0.2.7')
		.exchange(0, request('/cart?page=2', traced, 'four'), response(200, 'twelve bytes'), { ms: 30 })
		.exchange(100, request('/gone', {}, '', 'shop:8080'), response(404), { ms: 0.25 })
		.exchange(200, request('/broken', { traceparent: traceparent('01').toUpperCase() }, '', null), response(503), {
			ms: 20_000,
		})
		.exchange(21_000, request('/quiet', { traceparent: traceparent('00') }), response(200))
		.exchange(22_000, request('/tea', {}, '', 'shop', 'BREW'), response(418));
	traffic.server(SHOP, '192.0.2.8', 23_000).ask(23_100, request('/never')).peerCloses(23_500);
	traffic
		.client(SHOP, '198.51.100.1:80', 24_000)
		.exchange(24_000, request('http://user:pw@api/items', traced, '', 'api'), response(404), { ms: 5 });
	const { code, stderr, collector } = await exported(
		recorded(traffic),
		['--metrics', join(directory.path, 'all.prom')],
		{
			OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test%20bed,host.name=elsewhere',
		},
	);
	assert.equal(code, 0, stderr);
	const spans = collector.spans();
	assert.equal(spans.length, 6);
	assert.equal(new Set(spans.map(({ spanId }) => spanId)).size, 6);
	assert.ok(spans.every(({ spanId, traceId }) => spanId !== CALLER.spanId && !/^0+$/.test(spanId + traceId)));

	const { resource, ...cart } = spanFor(spans, '/cart');
	assert.deepEqual(cart, {
		service: 'shop',
		traceId: CALLER.traceId,
		spanId: cart.spanId,
		parentSpanId: CALLER.spanId,
		traceState: 'vendor=1',
		// Sampled, and the parent is of another process.
		flags: 0x301,
		name: 'POST',
		kind: 'SPAN_KIND_SERVER',
		startNs: BigInt(Date.parse(timeAt(0))) * 1_000_000n,
		endNs: BigInt(Date.parse(timeAt(30))) * 1_000_000n,
		attributes: {
			'http.request.method': 'POST',
			'http.response.status_code': 200,
			'network.protocol.version': '1.1',
			'url.scheme': 'http',
			'url.path': '/cart',
			'url.query': 'page=2',
			'server.address': 'shop',
			'server.port': 80,
			'client.address': '203.0.113.9',
			'network.peer.address': '192.0.2.7',
			'network.peer.port': cart.attributes['network.peer.port']!,
			'user_agent.original': 'Browser/1',
			'http.request.body.size': 4,
			'http.response.body.size': 12,
			'process.pid': 10,
			'process.executable.name': 'shop',
		},
		status: 'STATUS_CODE_UNSET',
	} satisfies Omit<DecodedSpan, 'resource'>);
	assert.deepEqual(resource, {
		'service.name': 'shop',
		'deployment.environment.name': 'test bed',
		'host.name': 'elsewhere',
		'service.instance.id': resource['service.instance.id'],
		'telemetry.sdk.name': 'tinytap',
		'telemetry.sdk.language': 'nodejs',
		'telemetry.sdk.version': resource['telemetry.sdk.version'],
	});
	const gone = spanFor(spans, '/gone');
	assert.deepEqual(
		[gone.status, gone.attributes['error.type'], gone.attributes['server.port']],
		['STATUS_CODE_UNSET', undefined, 8080],
	);
	assert.deepEqual([gone.parentSpanId, gone.flags], ['', 1]);
	const broken = spanFor(spans, '/broken');
	assert.deepEqual([broken.status, broken.attributes['error.type']], ['STATUS_CODE_ERROR', '503']);
	assert.deepEqual([broken.attributes['server.address'], broken.parentSpanId], ['10.0.0.1', '']);
	const tea = spanFor(spans, '/tea');
	assert.deepEqual(
		[tea.name, tea.attributes['http.request.method'], tea.attributes['http.request.method_original']],
		['HTTP', '_OTHER', 'BREW'],
	);
	const never = spanFor(spans, '/never');
	assert.deepEqual(
		[
			never.status,
			never.attributes['error.type'],
			never.attributes['tinytap.exchange.state'],
			never.attributes['http.response.status_code'],
		],
		['STATUS_CODE_ERROR', 'peer_closed', 'unanswered', undefined],
	);
	const call = spanFor(spans, '/items', 'CLIENT');
	assert.deepEqual([call.parentSpanId, call.traceId, call.flags], [CALLER.spanId, CALLER.traceId, 0x101]);
	assert.deepEqual(
		[call.status, call.attributes['error.type'], call.attributes['server.address']],
		['STATUS_CODE_ERROR', '404', 'api'],
	);
	assert.doesNotMatch(String(call.attributes['url.full']), /user|pw/);

	const points = collector.points();
	const ofCart = points.filter(({ attributes }) => attributes['http.request.method'] === 'POST');
	assert.equal(ofCart.length, 1);
	// The span that its caller does not want is counted, too.
	const ofQuiet = points.filter(
		({ attributes, count }) => attributes['http.response.status_code'] === 200 && count === 1,
	);
	assert.equal(ofQuiet.length, 2);
	assert.deepEqual(
		{ ...ofCart[0]!, timeNs: 0n },
		{
			service: 'shop',
			metric: 'http.server.request.duration',
			unit: 's',
			temporality: 'AGGREGATION_TEMPORALITY_CUMULATIVE',
			attributes: {
				'http.request.method': 'POST',
				'url.scheme': 'http',
				'http.response.status_code': 200,
				'network.protocol.version': '1.1',
			},
			startNs: cart.startNs,
			timeNs: 0n,
			count: 1,
			sum: 0.03,
			buckets: DURATION_BOUNDS.map((bound) => Number(bound === 0.05)).concat(0),
			bounds: [...DURATION_BOUNDS],
		},
	);
	const [slow] = points.filter(({ attributes }) => attributes['error.type'] === '503');
	assert.deepEqual([slow?.buckets.at(-1), slow?.sum, slow?.attributes['error.type']], [1, 20, '503']);
	const [client] = points.filter(({ metric }) => metric === 'http.client.request.duration');
	assert.deepEqual(
		[client?.attributes['server.address'], client?.attributes['server.port'], client?.count],
		['api', 80, 1],
	);
	assert.ok(points.every(({ timeNs, startNs }) => timeNs >= startNs));
	const samples = new Map(prometheusSamples(readFileSync(join(directory.path, 'all.prom'), 'utf8')));
	assert.equal(samples.get('tinytap_otlp_spans_total{outcome=sent}'), 6);
	assert.equal(samples.get('tinytap_otlp_spans_total{outcome=unsampled}'), 1);
});

test('a call belongs to the request that caused it, and a server to the client on the same host', async () => {
	const traffic = new TimedTraffic();
	const front = traffic.server(SHOP, '192.0.2.7');
	front.ask(0, request('/order'));
	traffic.pair(STOCK, SHOP).exchange(10, request('/reserve', {}, '', 'stock'), response(200), { ms: 20 });
	front.answer(50, response(200));
	const other = traffic.server(SHOP, '192.0.2.9', 60);
	other.ask(100, request('/traced', { traceparent: traceparent('01') }));
	traffic.pair(STOCK, SHOP, 60).exchange(110, request('/inner', {}, '', 'stock'), response(200), { ms: 20 });
	other.answer(150, response(200));
	traffic.server(SHOP, '192.0.2.7', 200).exchange(200, request('/health'), response(200));
	const words = ['--where', "path <> '/health'", '--host-name', 'web-1'];
	const env = { OTEL_SERVICE_NAME: 'all', OTEL_RESOURCE_ATTRIBUTES: 'host.name=other' };
	const { code, stderr, collector } = await exported(recorded(traffic), words, env, undefined, 'agent');
	assert.equal(code, 0, stderr);
	const spans = collector.spans();
	assert.deepEqual([...new Set(spans.map(({ resource }) => resource['host.name']))], ['web-1']);
	assert.deepEqual([spans.length, new Set(spans.map(({ service }) => service)).size], [6, 1]);
	for (const [outer, inner, parent] of [
		['/order', '/reserve', ''],
		['/traced', '/inner', CALLER.spanId],
	] as const) {
		const [top, call, server] = [spanFor(spans, outer), spanFor(spans, inner, 'CLIENT'), spanFor(spans, inner)];
		assert.deepEqual(
			[top.parentSpanId, call.parentSpanId, server.parentSpanId],
			[parent, top.spanId, call.spanId],
			outer,
		);
		assert.deepEqual([call.traceId, server.traceId], [top.traceId, top.traceId]);
		// A call of the same process, then a request from another one.
		assert.deepEqual([call.flags, server.flags], [0x101, 0x301]);
	}
	assert.equal(spanFor(spans, '/traced').traceId, CALLER.traceId);
	assert.notEqual(spanFor(spans, '/order').traceId, CALLER.traceId);
});

const CANARY = 'c4n4ry-S3cr3t/7+x=Zq';

/** The canary as it is, in URLs, and in base64 at each of the three positions. */
function canaryForms(): string[] {
	const cores = [0, 1, 2].map((before) => {
		const text = Buffer.concat([Buffer.alloc(before, 'a'), Buffer.from(CANARY)]).toString('base64');
		return text.slice(Math.ceil((before * 4) / 3), Math.floor(((before + CANARY.length) * 4) / 3));
	});
	const url = encodeURIComponent(CANARY);
	return [CANARY, JSON.stringify(CANARY).slice(1, -1), url, url.toLowerCase(), 'c4n4ry-S3cr3t', ...cores];
}

test('no secret leaves: plain, in a URL or in base64; with --no-redact they do', async () => {
	const url = encodeURIComponent(CANARY);
	const base64 = Buffer.from(`user:${CANARY}`).toString('base64');
	const traffic = new TimedTraffic();
	const server = traffic.server(SHOP, '192.0.2.7');
	const requests = [
		request(`/a?token=${url}&page=1`),
		request(`/b/${url}/c`, { 'X-Api-Key': CANARY }),
		request('/d', { Authorization: `Basic ${base64}`, 'User-Agent': `agent ${CANARY} ${base64}` }),
		request('/e', { Cookie: `sid=${CANARY}`, tracestate: `v=${CANARY}`, traceparent: traceparent('01') }),
		request(`/f?next=${encodeURIComponent(`https://x/?access_token=${url}`)}`),
		request(`/g?q=${url}`, { 'Content-Type': 'application/json' }, JSON.stringify({ password: CANARY })),
		request(`/h?q=${url}`, { 'Content-Type': 'application/x-www-form-urlencoded' }, `password=${url}`),
		request(`http://u:${url}@shop/i`),
	];
	for (const [i, each] of requests.entries()) server.exchange(i * 100, each, response(200));
	const client = traffic.client(SHOP, '198.51.100.1:80', 1000);
	for (const [i, each] of requests.entries())
		client.exchange(1000 + i * 100, each, response(200, '', { 'Set-Cookie': `sid=${CANARY}` }));
	const path = recorded(traffic);
	const redacted = await exported(path);
	assert.equal(redacted.code, 0, redacted.stderr);
	assert.equal(redacted.collector.spans().length, 2 * requests.length);
	const text = redacted.collector.received.map((each) => each.text).join('\n') + redacted.stderr;
	assert.deepEqual(
		canaryForms().filter((form) => text.includes(form)),
		[],
	);
	const plain = await exported(path, ['--no-redact']);
	const all = plain.collector.received.map((each) => each.text).join('\n');
	assert.ok(all.includes(CANARY) && all.includes(url), 'the canaries are where they would be found');
	// The conventions forbid credentials in URLs in any case.
	assert.ok(!all.includes(`u:${url}@`));
});

test('what a collector rejects or does not take is told, counted, and an error with --strict', async () => {
	const traffic = new TimedTraffic();
	const server = traffic.server(SHOP, '192.0.2.7');
	for (let i = 0; i < 5; i++) server.exchange(i * 100, request(`/${i}`), response(200));
	const path = recorded(traffic);
	const file = join(directory.path, 'rejected.prom');
	const partial = { partialSuccess: { rejectedSpans: '2', errorMessage: 'too\x1b[31m old' } };
	const reactions = [
		answering(200, {}, partial),
		answering(400, {}, { message: 'no' }),
		answering(503, { 'retry-after': '0' }),
	];
	// One signal only, so that it is known which request comes first; batches of two, two and one.
	const env = { OTEL_METRICS_EXPORTER: 'none', OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '2' };
	const run = (words: readonly string[]) =>
		exported(path, [...words], env, (collector) => void collector.reactions.push(...reactions));
	const { code, stderr, collector } = await run(['--metrics', file]);
	assert.equal(code, 0, stderr);
	assert.equal(collector.received.length, 4);
	assert.match(stderr, /warning: --otlp: the collector rejected 2 spans: too\\x1b\[31m old\n/);
	assert.match(stderr, /warning: --otlp: http:\/\/127\.0\.0\.1:\d+ does not take traces: it answered 400: no\n/);
	assert.match(stderr, /warning: --otlp: of the spans, 2 could not be sent and the collector rejected 2\n/);
	const samples = new Map(prometheusSamples(readFileSync(file, 'utf8')));
	assert.deepEqual(
		['sent', 'rejected', 'dropped', 'unsampled'].map((outcome) =>
			samples.get(`tinytap_otlp_spans_total{outcome=${outcome}}`),
		),
		[1, 2, 2, 0],
	);
	assert.deepEqual(
		['accepted', 'repeated', 'failed'].map((outcome) =>
			samples.get(`tinytap_otlp_requests_total{signal=traces,outcome=${outcome}}`),
		),
		[2, 1, 1],
	);
	const strict = await run(['--strict']);
	assert.equal(strict.code, 3, strict.stderr);
	assert.match(strict.stderr, /error: --otlp: of the spans, 2 could not be sent.* \[ERR_LOSS\]/);
});

test('the file of metrics is replaced as a whole, readable for others, and never another file', async () => {
	const folder = join(directory.path, 'textfile');
	mkdirSync(folder);
	const file = join(folder, 'tinytap.prom');
	const tail = (...words: string[]) =>
		runTinytap(['tail', '--replay', 'demo', '--columns', 'id', '--format', 'csv', '--quiet', ...words]);
	const { code, stderr, stdout } = await tail('--metrics', file);
	assert.equal(code, 0, stderr);
	assert.equal(stdout.trim().split('\n').length - 1, 56, 'the tail prints every row beside it');
	assert.deepEqual([(statSync(file).mode & 0o777).toString(8), readdirSync(folder)], ['644', ['tinytap.prom']]);
	const text = readFileSync(file, 'utf8');
	const samples = prometheusSamples(text);
	assert.equal(new Set(samples.map(([name]) => name)).size, samples.length);
	const values = new Map(samples);
	const sum = (prefix: string) =>
		samples.reduce((all, [name, value]) => (name.startsWith(prefix) ? all + value : all), 0);
	assert.deepEqual(
		[sum('tinytap_exchanges_total'), values.get('tinytap_rows_total'), values.get('tinytap_capturing')],
		[56, 56, 0],
	);
	assert.equal(values.get('tinytap_exchanges_total{side=server,method=GET,status_class=5xx}'), 2);
	const labels = 'side=server,status_class=2xx';
	const buckets = samples
		.filter(([name]) => name.startsWith(`tinytap_exchange_duration_seconds_bucket{${labels},le=`))
		.map(([, value]) => value);
	assert.deepEqual(
		buckets,
		buckets.toSorted((a, b) => a - b),
	);
	const count = values.get(`tinytap_exchange_duration_seconds_count{${labels}}`);
	assert.deepEqual([buckets.length, buckets.at(-1), count], [DURATION_BOUNDS.length + 1, 23, 23]);
	assert.equal(text.match(/^# TYPE \S+ histogram$/gm)?.length, 1);
	assert.equal(values.get('tinytap_loss_bytes_total{reason=zero_copy,kind=by_design}'), 102_447);
	for (const what of ['io_uring', 'tls', 'http2']) assert.equal(values.get(`tinytap_blind_spots{what=${what}}`), 0);

	// A second run replaces its own file, with the numbers of --where.
	const again = await tail('--metrics', file, '--where', 'status >= 500');
	assert.equal(again.code, 0, again.stderr);
	const fewer = prometheusSamples(readFileSync(file, 'utf8')).filter(([name]) =>
		name.startsWith('tinytap_exchanges_total'),
	);
	assert.deepEqual(
		fewer.map(([, value]) => value),
		[2, 2],
	);

	const foreign = join(folder, 'foreign.prom');
	writeFileSync(foreign, 'node_up 1\n');
	const link = join(folder, 'link.prom');
	symlinkSync(foreign, link);
	for (const [path, message] of [
		[foreign, /foreign\.prom exists and has no metrics of tinytap \[ERR_FILE_EEXIST\]/],
		[link, /error: .*link\.prom.* \[ERR_FILE_\w+\]/],
		[join(folder, 'none/x.prom'), /cannot open .*none\/x\.prom: no such file or directory \[ERR_FILE_ENOENT\]/],
	] as const) {
		const refused = await tail('--metrics', path);
		assert.equal(refused.code, 1, refused.stderr);
		assert.match(refused.stderr, message);
	}
	const forced = await tail('--metrics', link, '--force');
	assert.equal(forced.code, 1, forced.stderr);
	assert.equal(readFileSync(foreign, 'utf8'), 'node_up 1\n');
	assert.equal((await tail('--metrics', foreign, '--force')).code, 0);
	assert.match(readFileSync(foreign, 'utf8'), /^# HELP tinytap_/);
	assert.ok(!existsSync(join(folder, '.foreign.prom')));
	chmodSync(folder, 0o755);
});

test('invalid options are errors before anything is replayed', async () => {
	for (const [words, message] of [
		[['--otlp', 'shop'], /--otlp: expected a URL such as .*, got "shop" \[ERR_USAGE\]/],
		[['--metrics-listen', '70000'], /--metrics-listen: expected a port, or an IP address and a port .*, got "70000"/],
		[
			['--metrics-listen', 'example:80'],
			/--metrics-listen: expected a port, or an IP address and a port .*, got "example:80"/,
		],
		[
			['--metrics-listen', '192.0.2.1:9464'],
			/cannot listen on 192\.0\.2\.1:9464: it is no address of this host \[ERR_LISTEN\]/,
		],
	] as const) {
		const { stdout, stderr } = await runTinytap(['tail', '--replay', 'demo', ...words]);
		assert.match(stderr, message);
		assert.deepEqual([stdout, /replaying/.test(stderr)], ['', false]);
	}
});

test('without these options, nothing of it is loaded', async () => {
	const probe = join(directory.path, 'probe.cjs');
	writeFileSync(
		probe,
		"process.on('exit', () => console.error('loaded:', process.moduleLoadList.filter((name) => /^NativeModule (https?|tls)$/.test(name)).join()));",
	);
	const run = (...words: string[]) =>
		spawnSync(
			process.execPath,
			[...NODE_FLAGS, '--require', probe, CLI, 'tail', '--replay', 'demo', '--count', '1', ...words],
			{
				env: TEST_ENV,
				encoding: 'utf8',
			},
		).stderr;
	assert.match(run(), /^loaded: ?$/m);
	assert.match(run('--metrics', join(directory.path, 'loaded.prom')), /^loaded: .*NativeModule http,/m);
});
