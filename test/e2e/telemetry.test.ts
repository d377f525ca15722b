// --otlp and --metrics-listen, live: a collector and a scraper on the same host see what programs do, and not each other.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, get, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { startCollector } from '../../support/collector.ts';
import { eventually } from '../../support/eventually.ts';
import { prometheusSamples } from '../../support/prometheus-samples.ts';
import { freePort } from '../../support/servers.ts';
import { parseRows, startTinytap } from '../../support/tinytap.ts';

async function answered(response: IncomingMessage): Promise<{ status: number; text: string }> {
	let text = '';
	for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) text += chunk;
	return { status: response.statusCode ?? 0, text };
}

/** Requests a page; `agent: false` gives each request a connection of its own. */
async function page(url: string, options: { method?: string; headers?: Record<string, string> } = {}) {
	const [response] = (await once(request(url, { agent: false, ...options }).end(), 'response')) as [IncomingMessage];
	return await answered(response);
}

const REQUESTS = 20;

test('spans and metrics of live traffic arrive; uploads and scrapes on this host are no rows', async () => {
	const collector = await startCollector();
	const app = createServer((_, response) => response.end('hello')).listen(0, '127.0.0.1');
	await once(app, 'listening');
	const { port } = app.address() as AddressInfo;
	const metricsPort = await freePort();
	const ports = [port, metricsPort, collector.port].flatMap((each) => ['--port', String(each)]);
	const tinytap = startTinytap(
		['tail', '--format', 'ndjson', '--columns', 'side, path, pid', '--otlp', collector.url, ...ports].concat(
			'--metrics-listen',
			String(metricsPort),
		),
		{ env: { OTEL_BSP_SCHEDULE_DELAY: '50', OTEL_METRIC_EXPORT_INTERVAL: '100', OTEL_SERVICE_NAME: 'app' } },
	);
	try {
		await tinytap.attached();
		const url = `http://127.0.0.1:${metricsPort}/metrics`;
		assert.match(tinytap.stderr(), new RegExp(`^tinytap: metrics at ${url}$`, 'm'));
		for (let i = 0; i < REQUESTS; i++)
			get(`http://127.0.0.1:${port}/${i}`, { agent: false }, (response) => response.resume());
		const samples = await eventually(
			async () => {
				const { status, text } = await page(url);
				assert.equal(status, 200);
				const all = new Map(prometheusSamples(text));
				const both = ['server', 'client'].map((side) =>
					all.get(`tinytap_exchanges_total{side=${side},method=GET,status_class=2xx}`),
				);
				return both.every((count) => count === REQUESTS) ? all : undefined;
			},
			() => `not all were counted: ${tinytap.stderr()}`,
		);
		assert.equal(samples.get('tinytap_capturing'), 1);
		const refused = [
			await page(url, { method: 'POST' }),
			await page(url.replace('/metrics', '/')),
			await page(url, { headers: { host: `rebound.example:${metricsPort}` } }),
		];
		assert.deepEqual(
			refused.map(({ status }) => status),
			[405, 404, 403],
		);
		// Spans wait for each other, so this needs several requests to the collector.
		await eventually(
			() => (collector.spans().length === 2 * REQUESTS ? true : undefined),
			() => `${collector.spans().length} spans: ${tinytap.stderr()}`,
		);
		const before = collector.received.length;
		await eventually(
			() => (collector.received.length > before + 3 ? true : undefined),
			() => 'metrics are sent again and again',
		);
		const excluded = new Map(prometheusSamples((await page(url)).text)).get(
			'tinytap_loss_events_total{reason=excluded,kind=by_design}',
		);
		assert.ok(excluded !== undefined && excluded >= before, `${excluded} excluded, ${before} requests`);
		tinytap.interrupt();
		const { code, stdout, stderr } = await tinytap.finished;
		assert.equal(code, 0, stderr);
		const rows = parseRows(stdout);
		const paths = new Set(rows.map(({ side, path }) => `${side} ${path}`));
		assert.deepEqual(
			[...paths].sort(),
			['client', 'server'].flatMap((side) => Array.from({ length: REQUESTS }, (_, i) => `${side} /${i}`)).sort(),
		);
		assert.equal(rows.length, 2 * REQUESTS);
		const spans = collector.spans();
		assert.equal(spans.length, 2 * REQUESTS);
		// The two ends of an exchange are parent and child.
		const byId = new Map(spans.map((span) => [span.spanId, span]));
		const servers = spans.filter(({ kind }) => kind === 'SPAN_KIND_SERVER');
		const children = servers.filter(
			({ parentSpanId, traceId, attributes }) =>
				byId.get(parentSpanId)?.traceId === traceId &&
				String(byId.get(parentSpanId)?.attributes['url.full']).endsWith(String(attributes['url.path'])),
		);
		assert.equal(children.length, REQUESTS);
		const last = collector.points().filter(({ metric }) => metric === 'http.server.request.duration');
		assert.equal(last.at(-1)?.count, REQUESTS);
		assert.ok(
			last.every(({ startNs }) => startNs === last[0]?.startNs),
			'counts begin at one time',
		);
	} finally {
		await tinytap.stop();
		await collector.stop();
		app.close();
	}
});
