// What leaves a host by `tinytap agent`: rows to a store and to files, what waits in the spool, and spans to a collector.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { parquetReadObjects } from 'hyparquet';
import { startCollector } from '../../support/collector.ts';
import { startFakeStore } from '../../support/fake-store.ts';
import { Tape } from '../../support/record-builder.ts';
import { CANARY, canaryForms, PLACES, request, response, urlForm } from '../../support/secret-places.ts';
import { temporaryDirectory } from '../../support/servers.ts';
import { recordTape } from '../../support/tape-recording.ts';
import { parseRows, runTinytap } from '../../support/tinytap.ts';

const JSON_TYPE = 'Content-Type: application/json';
const zipped = gzipSync(JSON.stringify({ refresh_token: CANARY })).toString('latin1');

/** Requests with a secret, and their responses. */
const EXCHANGES: readonly (readonly [request: string, response: string])[] = [
	...PLACES.map((place) => [place.request, place.response ?? response()] as const),
	[request('/gzip', [JSON_TYPE, 'Content-Encoding: gzip'], zipped), response()],
	[request('/odd', [`aUTHORIZATION:Bearer ${CANARY}`, `X-AMZ-Security-Token: ${CANARY}`]), response()],
	[request('/folded', [`Authorization: Bearer\r\n ${CANARY}`]), response()],
	[request(`http://user:${urlForm(CANARY)}@shop/userinfo`), response()],
	...['key', 'sig', 'signature', 'secret', 'id_token'].map(
		(name) => [request(`/q?a=1&${name}=${urlForm(CANARY)}`), response()] as const,
	),
	...['Proxy-Authorization: Bearer', 'X-Auth-Token:', 'X-Session-Secret:'].map(
		(start) => [request('/fields', [`${start} ${CANARY}`]), response([`X-Refresh-Token: ${CANARY}`])] as const,
	),
];

/** A recording of all of them, each on a connection of its own, in calls of a few bytes. */
function recorded(path: string): void {
	const tape = new Tape();
	tape.clock(1_700_000_000_000_000_000n);
	for (const [index, [sent, answered]] of EXCHANGES.entries()) {
		const server = tape.server(index + 1, { local: '127.0.0.1:80', remote: `127.0.0.1:${4000 + index}` }).open();
		for (let at = 0; at < sent.length; at += 17) server.in(sent.slice(at, at + 17));
		for (let at = 0; at < answered.length; at += 17) server.out(answered.slice(at, at + 17));
		server.close();
	}
	recordTape(path, tape);
}

function filesBelow(path: string): string[] {
	return readdirSync(path, { recursive: true, withFileTypes: true })
		.filter((entry) => entry.isFile())
		.map((entry) => join(entry.parentPath, entry.name));
}

/** What is in a file, uncompressed. */
async function textOf(path: string): Promise<string> {
	const bytes = readFileSync(path);
	if (path.endsWith('.gz')) return gunzipSync(bytes).toString('utf8');
	if (!path.endsWith('.parquet')) return bytes.toString('latin1');
	return JSON.stringify(await parquetReadObjects({ file: new Uint8Array(bytes).buffer }), (_, value) =>
		typeof value === 'bigint' ? String(value) : value,
	);
}

test('AT-9: no secret leaves with an agent or with OTLP, plain, in a URL or in base64; with --no-redact they do', async () => {
	const directory = temporaryDirectory();
	const recording = join(directory.path, 'secrets.tinytap');
	recorded(recording);
	const store = await startFakeStore();
	// The rows stay in the spool as they would have been sent.
	store.behave = (_, table) => (table === 'exchanges' ? { status: 400, text: '' } : 'ok');
	const collector = await startCollector();
	const run = async (name: string, ...words: readonly string[]) => {
		const spool = ['--spool', join(directory.path, name, 'spool')];
		const ended = await runTinytap(['agent', '--replay', recording, '--bodies', 'all', ...words, ...spool]);
		assert.equal(ended.code, 0, ended.stderr);
		const files = filesBelow(join(directory.path, name));
		return [ended.stderr, ...(await Promise.all(files.map(textOf)))].join('\n');
	};
	try {
		const out = (name: string) => join(directory.path, name, 'out');
		const [sent, ndjson, parquet, plain, spans] = await Promise.all([
			run('store', '--to', store.url),
			run('ndjson', '--to', out('ndjson'), '--format', 'ndjson'),
			run('parquet', '--to', out('parquet')),
			run('plain', '--to', out('plain'), '--format', 'ndjson', '--no-redact', '--quiet'),
			runTinytap(['agent', '--replay', recording, '--otlp', collector.url]),
		]);
		assert.equal(spans.code, 0, spans.stderr);
		assert.equal(collector.spans().length, EXCHANGES.length);
		const all = { sent, ndjson, parquet, otlp: spans.stderr + collector.received.map(({ text }) => text).join('\n') };
		for (const [name, text] of Object.entries(all)) {
			assert.equal(text.length > 10_000, true, `${name}: ${text.length}`);
			const found = canaryForms().filter(
				(form) => text.includes(form) || text.includes(JSON.stringify(form).slice(1, -1)),
			);
			assert.deepEqual(
				found,
				[],
				`${name}: ${found.map((form) => text.slice(text.indexOf(form) - 200, text.indexOf(form) + 50))}`,
			);
		}
		// Every one of these exchanges has a secret that would have been found.
		const rows = parseRows(
			plain
				.split('\n')
				.filter((line) => line.includes('"req_header_names"'))
				.join('\n'),
		);
		assert.equal(rows.length, EXCHANGES.length);
		for (const row of rows) {
			const text = JSON.stringify(row);
			assert.equal(
				canaryForms().some((form) => text.includes(form)),
				true,
				text,
			);
		}
	} finally {
		await collector.stop();
		await store.close();
		directory.remove();
	}
});
