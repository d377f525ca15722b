// How requests reach a collector: what is repeated and when, what is given up, and what may wait. The collectors are real
// servers on loopback.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { processUser } from '../../src/base/invoking-user.ts';
import { deliver, type Outcome } from '../../src/telemetry/delivery.ts';
import { OtlpExporter } from '../../src/telemetry/otlp-exporter.ts';
import { type Environment, otlpSettings } from '../../src/telemetry/otlp-settings.ts';
import { SpanQueue } from '../../src/telemetry/span-queue.ts';
import { newUploadCounts } from '../../src/telemetry/upload-counts.ts';
import { retryAfter, Uploader } from '../../src/telemetry/uploader.ts';
import { OwnSockets } from '../../src/threads/own-sockets.ts';
import { answering, type Collector, type Reaction, startCollector } from '../../support/collector.ts';
import { eventually } from '../../support/eventually.ts';
import { observedExchange } from '../../support/observed-exchange.ts';
import { temporaryDirectory } from '../../support/servers.ts';

const directory = temporaryDirectory();
after(directory.remove);

const BODY = '{"resourceSpans":[]}';

type Sent = {
	readonly outcome: Outcome;
	readonly counts: ReturnType<typeof newUploadCounts>['requests']['traces'];
	readonly reasons: readonly string[];
	readonly collector: Collector;
	/** Between the first two requests. */
	readonly pauseMs: number;
};

/** Delivers a request to a collector that reacts in these ways, one after another. */
async function sent(
	reactions: readonly Reaction[],
	environment: Environment = {},
	work: (hurry: AbortController, uploader: Uploader) => void = () => undefined,
): Promise<Sent> {
	const collector = await startCollector();
	collector.reactions.push(...reactions);
	const { traces } = otlpSettings(collector.url, environment, processUser());
	const uploader = new Uploader(traces!, new OwnSockets());
	const counts = newUploadCounts().requests.traces;
	const reasons: string[] = [];
	const hurry = new AbortController();
	try {
		const outcome = await deliver(await uploader.encode(BODY), {
			post: (body) => uploader.post(body),
			counts,
			onRepeat: (reason) => {
				reasons.push(reason);
				work(hurry, uploader);
			},
			hurry: hurry.signal,
		});
		const [first, second] = collector.received;
		return { outcome, counts, reasons, collector, pauseMs: (second?.atMs ?? 0) - (first?.atMs ?? 0) };
	} finally {
		uploader.close();
		await collector.stop();
	}
}

const ACCEPTED = { what: 'accepted', rejected: 0, message: '' };

test('a request is JSON, compressed, with the headers of the environment', async () => {
	const environment = {
		OTEL_EXPORTER_OTLP_HEADERS: 'x-first=ignored',
		OTEL_EXPORTER_OTLP_TRACES_HEADERS: ' authorization=Bearer%20abc%3D , X-Scope=a b',
	};
	const { outcome, counts, collector } = await sent([], environment);
	assert.deepEqual([outcome, counts], [ACCEPTED, { accepted: 1, repeated: 0, failed: 0 }]);
	const [{ path, headers, text } = assert.fail()] = collector.received;
	assert.deepEqual([path, text, headers['content-type']], ['/v1/traces', BODY, 'application/json']);
	assert.deepEqual(
		[headers['content-encoding'], headers['content-length']],
		['gzip', String(collector.received[0]?.bytes.length)],
	);
	assert.deepEqual([headers.authorization, headers['x-scope'], headers['x-first']], ['Bearer abc=', 'a b', undefined]);
	assert.match(headers['user-agent'] ?? '', /^tinytap\/\d/);
	const plain = await sent([], { OTEL_EXPORTER_OTLP_COMPRESSION: 'none' });
	assert.deepEqual(
		[plain.collector.received[0]?.headers['content-encoding'], plain.collector.received[0]?.bytes.toString()],
		[undefined, BODY],
	);
});

test('429, 502, 503, 504 and lost connections are repeated, until the request is accepted', async () => {
	const reset: Reaction = (response) => void response.socket?.resetAndDestroy();
	const cut: Reaction = (response) => {
		response.writeHead(200, { 'content-length': '1000' }).write('{');
		response.socket?.end();
	};
	const soon = { 'retry-after': '0' };
	const reactions = [429, 502, 503, 504].map((status) => answering(status, soon, { message: `no ${status}` }));
	const { outcome, counts, reasons } = await sent(reactions);
	assert.deepEqual([outcome, counts], [ACCEPTED, { accepted: 1, repeated: 4, failed: 0 }]);
	assert.deepEqual(
		reasons,
		[429, 502, 503, 504].map((status) => `it answered ${status}: no ${status}`),
	);
	for (const lost of [reset, cut]) {
		const again = await sent([lost]);
		assert.deepEqual([again.outcome, again.counts.repeated], [ACCEPTED, 1]);
		assert.match(again.reasons[0] ?? '', /reset|aborted/);
	}
});

test('Retry-After says how long, in seconds or as a date; without it the pause is random and grows', async () => {
	const later = await sent([answering(503, { 'retry-after': '1' })]);
	assert.ok(later.pauseMs >= 950, `${later.pauseMs} ms`);
	const backOff = await sent([answering(503)]);
	assert.ok(backOff.pauseMs >= 240 && backOff.pauseMs < 950 + later.pauseMs, `${backOff.pauseMs} ms`);
	const now = Date.parse('Wed, 21 Oct 2026 07:28:00 GMT');
	assert.deepEqual(
		['120', 'Wed, 21 Oct 2026 07:28:30 GMT', 'Wed, 21 Oct 2026 07:27:30 GMT', '-1', 'soon', '', undefined].map(
			(value) => retryAfter(value, now),
		),
		[120_000, 30_000, 0, undefined, undefined, undefined, undefined],
	);
});

test('any other answer is final, and says why', async () => {
	for (const status of [400, 401, 404, 413, 500, 501, 301]) {
		const { outcome, counts, reasons, collector } = await sent([
			answering(status, { location: '/' }, { message: 'bad\nspan' }),
		]);
		assert.deepEqual(outcome, { what: 'failed', message: `it answered ${status}: bad\nspan` });
		assert.deepEqual([counts, reasons, collector.received.length], [{ accepted: 0, repeated: 0, failed: 1 }, [], 1]);
	}
});

test('what a collector rejects, or says about an accepted request, is told, and the request is not repeated', async () => {
	for (const [partialSuccess, expected] of [
		[
			{ rejectedSpans: '3', errorMessage: 'too old' },
			{ rejected: 3, message: 'too old' },
		],
		[{ rejectedDataPoints: 2 }, { rejected: 2, message: '' }],
		[{ errorMessage: 'slow down' }, { rejected: 0, message: 'slow down' }],
		[
			{ rejectedSpans: -5, errorMessage: 7 },
			{ rejected: 0, message: '' },
		],
	] as const) {
		const { outcome, collector } = await sent([answering(200, {}, { partialSuccess })]);
		assert.deepEqual([outcome, collector.received.length], [{ what: 'accepted', ...expected }, 1]);
	}
	const notJson: Reaction = (response) => void response.end('<html>');
	assert.deepEqual((await sent([notJson])).outcome, ACCEPTED);
});

test('a collector that does not answer in time is asked again; at the end, pauses end and one more attempt is the last', async () => {
	const silent: Reaction = () => undefined;
	const slow = await sent([silent], { OTEL_EXPORTER_OTLP_TIMEOUT: '50' });
	assert.deepEqual([slow.outcome, slow.reasons], [ACCEPTED, ['no answer after 50 ms']]);
	const wait = { 'retry-after': '200' };
	const hurried = await sent([answering(503, wait), answering(503, wait)], {}, (hurry) => hurry.abort());
	assert.deepEqual([hurried.outcome.what, hurried.counts], ['failed', { accepted: 0, repeated: 1, failed: 1 }]);
	const closed = await sent([answering(503, wait)], {}, (hurry, uploader) => {
		uploader.close();
		hurry.abort();
	});
	assert.deepEqual(
		[closed.outcome, closed.collector.received.length],
		[{ what: 'failed', message: 'it was given up' }, 1],
	);
});

test('the certificate is verified: by the system, or by the CA that the environment names', async () => {
	const [cert, key] = ['cert.pem', 'key.pem'].map((name) => join(directory.path, name));
	const made = spawnSync('openssl', [
		...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
		...['-subj', '/CN=collector', '-addext', 'subjectAltName=IP:127.0.0.1', '-out', cert!, '-keyout', key!],
	]);
	assert.equal(made.status, 0, String(made.stderr));
	const collector = await startCollector({ cert: readFileSync(cert!, 'utf8'), key: readFileSync(key!, 'utf8') });
	const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED;
	process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
	try {
		const answers = [];
		for (const environment of [{}, { OTEL_EXPORTER_OTLP_CERTIFICATE: cert! }]) {
			const uploader = new Uploader(otlpSettings(collector.url, environment, processUser()).traces!, new OwnSockets());
			answers.push(await uploader.post(await uploader.encode(BODY)));
			uploader.close();
		}
		assert.match(JSON.stringify(answers[0]), /^{"problem":"self-signed certificate/);
		assert.equal('status' in answers[1]! && answers[1].status, 200);
		assert.equal(collector.received.length, 1);
	} finally {
		if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
		else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before;
		await collector.stop();
	}
});

test('the addresses of connections are known before a request is sent', async () => {
	const own = new OwnSockets(undefined, 0);
	let isKnown: boolean | undefined;
	const collector = await startCollector();
	collector.reactions.push((response) => {
		const peer = Buffer.from(`127.0.0.1:${response.socket?.remotePort}`);
		isKnown = own.find(peer, 0, peer.length) === 'connection';
		response.end('{}');
	});
	const uploader = new Uploader(otlpSettings(collector.url, {}, processUser()).traces!, own);
	await uploader.post(await uploader.encode(BODY));
	uploader.close();
	await collector.stop();
	assert.equal(isKnown, true);
});

test('spans go out in batches, one at a time; those for which there is no room are refused', async () => {
	const batches: { spans: number; services: string[]; done: () => void }[] = [];
	const outcomes: number[] = [];
	const queue = new SpanQueue({
		...{ delayMs: 1_000_000, batchSpans: 3, queueSpans: 5 },
		send: (batch, spans) =>
			new Promise<Outcome>((resolve) => {
				const services = batch.map(({ service, spans: some }) => `${service} ${some.join('')}`);
				batches.push({ spans, services, done: () => resolve({ what: 'accepted', rejected: 0, message: '' }) });
			}),
		onSent: (spans) => outcomes.push(spans),
	});
	const added = ['a', 'b', 'a', 'b', 'b', 'b', 'b', 'b', 'b'].map((service, i) => queue.add(service, String(i)));
	// Three are being sent, and five wait.
	assert.deepEqual([added.filter(Boolean).length, queue.isFull, batches.length], [8, true, 1]);
	assert.deepEqual(batches[0]?.services, ['a 02', 'b 1']);
	let hasRoom = false;
	const room = queue.room().then(() => {
		hasRoom = true;
	});
	batches[0]?.done();
	await room;
	assert.deepEqual([hasRoom, outcomes, batches.length, queue.length], [true, [3], 2, 2]);
	const flushed = queue.flush();
	for (let i = 1; i < 3; i++) {
		while (batches.length <= i) await new Promise(setImmediate);
		batches[i]?.done();
	}
	await flushed;
	assert.deepEqual([outcomes, queue.length], [[3, 3, 2], 0]);
	queue.add('a', 'x'.repeat(20 << 20));
	assert.equal(queue.add('a', '1'), true, 'a batch of this size is sent at once');
	assert.equal(queue.clear(), 1);
	batches[3]?.done();
});

test('spans that a slow collector leaves no room for are dropped, counted, and told once; metrics count them', async () => {
	const collector = await startCollector();
	const held: (() => void)[] = [];
	const told: string[] = [];
	collector.reactions.push((response) => void held.push(() => response.end('{}')));
	const environment = {
		OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '3',
		OTEL_BSP_MAX_QUEUE_SIZE: '3',
		OTEL_BSP_SCHEDULE_DELAY: '1000',
	};
	const exporter = new OtlpExporter({
		settings: otlpSettings(collector.url, environment, processUser()),
		own: new OwnSockets(),
		isLive: true,
		tell: (message) => told.push(message),
	});
	try {
		for (let id = 1; id <= 10; id++) exporter.take(observedExchange(id));
		const { spans } = exporter.counts;
		await eventually(
			() => (spans.dropped > 0 && held.length > 0 ? true : undefined),
			() => JSON.stringify(exporter.counts),
		);
		// Three are being sent, and three wait.
		assert.deepEqual(spans, { sent: 0, rejected: 0, dropped: 4, unsampled: 0 });
		held[0]?.();
		await exporter.finish(new Promise(() => undefined));
		assert.deepEqual(spans, { sent: 6, rejected: 0, dropped: 4, unsampled: 0 });
		assert.deepEqual(told, ['--otlp: spans are being dropped, because the collector does not take them fast enough']);
		assert.equal(exporter.missing, '--otlp: of the spans, 4 could not be sent');
		assert.equal(collector.spans().length, 6);
		assert.deepEqual(
			collector.points().map(({ count }) => count),
			[10],
		);
	} finally {
		exporter.close();
		await collector.stop();
	}
});

test('one sentence says which setting is not valid', () => {
	const messageOf = (environment: Environment, url?: string): string => {
		try {
			otlpSettings(url, environment, processUser());
		} catch (error) {
			return (error as Error).message;
		}
		return 'no error';
	};
	const prefix = 'OTEL_EXPORTER_OTLP_';
	const cases: readonly (readonly [string, Environment, string?])[] = [
		['--otlp: expected a URL such as http://localhost:4318, got "shop.tinytap"', {}, 'shop.tinytap'],
		['--otlp: expected a URL such as http://localhost:4318, got "ftp://…@x"', {}, 'ftp://u:secret@x'],
		['--otlp: expected a URL without user and password, got one with them', {}, 'http://u:secret@x'],
		['--otlp: expected a URL without ? and #, got one with them', {}, 'http://x/?token=secret'],
		['--otlp: expected the URL of the collector without /v1/…, got http://x/v1/traces', {}, 'http://x/v1/traces'],
		[`${prefix}ENDPOINT: expected a URL such as http://localhost:4318, got "x"`, { [`${prefix}ENDPOINT`]: 'x' }],
		[`${prefix}PROTOCOL: expected http/json or http/protobuf, got grpc`, { [`${prefix}PROTOCOL`]: 'grpc' }],
		[`${prefix}TIMEOUT: expected a whole number from 1 to 2147483647, got "5s"`, { [`${prefix}TIMEOUT`]: '5s' }],
		[`${prefix}COMPRESSION: expected gzip or none, got "zstd"`, { [`${prefix}COMPRESSION`]: 'zstd' }],
		[
			`${prefix}HEADERS: expected KEY=VALUE,KEY=VALUE, percent-encoded, got something else`,
			{ [`${prefix}HEADERS`]: 's3cret' },
		],
		[
			`${prefix}HEADERS: expected KEY=VALUE,KEY=VALUE, percent-encoded, got something else`,
			{ [`${prefix}HEADERS`]: 'a=%' },
		],
		[
			`${prefix}HEADERS: expected names of header fields that a client may set, got "Host"`,
			{ [`${prefix}HEADERS`]: 'Host=x' },
		],
		[
			`${prefix}HEADERS: expected a value without control characters for a, got one with them`,
			{ [`${prefix}HEADERS`]: 'a=b%0d%0ac' },
		],
		['OTEL_TRACES_EXPORTER: expected otlp or none, got "zipkin"', { OTEL_TRACES_EXPORTER: 'zipkin' }],
		[
			'OTEL_TRACES_SAMPLER_ARG: expected a number from 0 to 1, got "2"',
			{ OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '2' },
		],
		[
			'OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: expected cumulative, got "delta"',
			{ OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: 'delta' },
		],
		['no error', { [`${prefix}PROTOCOL`]: 'grpc', [`${prefix}ENDPOINT`]: '', OTEL_TRACES_SAMPLER: ' ' }, 'http://x'],
	];
	for (const [message, environment, url] of cases) assert.equal(messageOf(environment, url), message);
	assert.match(
		messageOf({ OTEL_TRACES_SAMPLER: 'xray' }),
		/^OTEL_TRACES_SAMPLER: expected one of always_on, .*, got "xray"$/,
	);
	assert.match(messageOf({ [`${prefix}CERTIFICATE`]: '/nowhere.pem' }), /^cannot open \/nowhere\.pem: no such file/);
	assert.match(
		messageOf({ [`${prefix}CLIENT_KEY`]: import.meta.filename }),
		/expected it together with .*, got only one$/,
	);
});

test('the environment names the places: for one signal as they are, for all with the path of each', () => {
	const places = (environment: Environment, url?: string) => {
		const { traces, metrics } = otlpSettings(url, environment, processUser());
		return [traces?.url.href, metrics?.url.href];
	};
	assert.deepEqual(places({}), ['http://localhost:4318/v1/traces', 'http://localhost:4318/v1/metrics']);
	const all = { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://otel.example/base/' };
	assert.deepEqual(places(all), ['https://otel.example/base/v1/traces', 'https://otel.example/base/v1/metrics']);
	const one = { ...all, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://spans:9/in' };
	assert.deepEqual(places(one), ['http://spans:9/in', 'https://otel.example/base/v1/metrics']);
	assert.deepEqual(places(one, 'http://x:1'), ['http://x:1/v1/traces', 'http://x:1/v1/metrics']);
	assert.deepEqual(places({ OTEL_METRICS_EXPORTER: 'none' }, 'http://x:1'), ['http://x:1/v1/traces', undefined]);
});
