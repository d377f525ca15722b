// Exchanges as rows for a store, and rows as files.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { directoryDestination, fileName } from '../../src/agent/directory-destination.ts';
import { createExchangeRow, jsonValue, type RowSettings } from '../../src/agent/exchange-row.ts';
import { FILE_FORMATS } from '../../src/agent/file-format.ts';
import { createLossRows } from '../../src/agent/loss-rows.ts';
import { nativeLines } from '../../src/agent/native-format.ts';
import type { SpoolItem } from '../../src/agent/spool.ts';
import { SENT_COLUMNS } from '../../src/agent/store-tables.ts';
import { processUser } from '../../src/base/invoking-user.ts';
import type { ExchangeRecord } from '../../src/store/exchange-detail.ts';
import { LOSS_REASONS } from '../../src/store/loss-table.ts';
import type { SqlValue } from '../../src/store/table.ts';
import { blockOfRows } from '../../support/row-blocks.ts';
import { temporaryDirectory } from '../../support/servers.ts';

const ALL: RowSettings = { bodies: { of: 'all' }, bodiesText: 'all', headers: undefined };

function exchange(columns: Record<string, SqlValue>, fields: ExchangeRecord['requestHeaders'] = []): ExchangeRecord {
	const defaults = { id: 1, ts: '2026-11-22T12:56:01.123456Z', state: 'complete', status: 200 };
	return {
		columns: { ...defaults, ...columns },
		requestTarget: null,
		sendMs: null,
		requestHeaders: fields,
		responseHeaders: [],
	};
}

/** The columns of the row, its time, and its request's fields. */
function rowOf(record: ExchangeRecord, settings: Partial<RowSettings> = {}): Record<string, unknown> {
	const { values, tsUs, req } = createExchangeRow({ ...ALL, ...settings })(record);
	return { ...Object.fromEntries(SENT_COLUMNS.map(({ name }, index) => [name, values[index]])), tsUs, req };
}

test('numbers keep all digits, times have microseconds, and texts as JSON are valid Unicode', () => {
	const row = rowOf(exchange({ conn: 2n ** 60n, duration_ms: Number.POSITIVE_INFINITY, query_string: '' }));
	assert.equal(row.tsUs, Date.UTC(2026, 10, 22, 12, 56, 1) * 1000 + 123_456);
	assert.deepEqual([row.conn, row.query_string, row.url], [2n ** 60n, '', null]);
	assert.deepEqual([2n ** 60n, Number.POSITIVE_INFINITY, 0.25, '/\ud800x"\u0000', '', null].map(jsonValue), [
		'1152921504606846976',
		'null',
		'0.25',
		'"/\ufffdx\\"\\u0000"',
		'""',
		'null',
	]);
});

test('an exchange without a time gets that of its arrival, because stores sort by it', () => {
	const before = Date.now() * 1000;
	const { tsUs } = rowOf(exchange({ ts: null }));
	assert.equal(Number(tsUs) >= before && Number(tsUs) <= Date.now() * 1000, true);
});

test('bodies are those that were chosen; of others, the note says that they were not sent', () => {
	const bodies = {
		req_body: 'ask',
		req_body_bytes: 3,
		req_captured_bytes: 3,
		res_body: '',
		res_body_bytes: 0,
		res_captured_bytes: 0,
	};
	const sent = (columns: Record<string, SqlValue>, of: RowSettings['bodies']) =>
		rowOf(exchange({ ...bodies, ...columns }), { bodies: of, bodiesText: 'TEXT' }).req_body === 'ask';
	const statuses = [200, 302, 400, 503, null];
	assert.deepEqual(
		statuses.map((status) => sent({ status }, { of: 'errors' })),
		[false, false, true, true, true],
	);
	assert.deepEqual(
		['complete', 'upgraded', 'incomplete', 'unanswered'].map((state) => sent({ state }, { of: 'errors' })),
		[false, false, true, true],
	);
	assert.deepEqual(
		[1, 2, 3, 4, 5, 6].map((id) => sent({ id }, { of: 'sample', every: 3 })),
		[false, false, true, false, false, true],
	);
	assert.deepEqual([sent({}, { of: 'none' }), sent({}, { of: 'all' })], [false, true]);
	const none = rowOf(exchange(bodies), { bodies: { of: 'none' }, bodiesText: 'none' });
	assert.deepEqual(
		[none.req_body, none.req_captured_bytes, none.req_body_bytes, none.req_body_note],
		[null, 0, 3, 'body: 3 bytes not sent (--bodies none)'],
	);
	// An empty body needs no note.
	assert.deepEqual([none.res_body, none.res_captured_bytes, none.res_body_note], ['', 0, null]);
});

test('fields keep their order, case and repeats; some or none can be chosen, by names in any case', () => {
	const line = (name: string, value: string, trailer = false) => ({ name, value, trailer });
	const record = exchange({}, [line('Accept', 'a'), line('X-One', '1'), line('accept', 'b'), line('X-End', 'z', true)]);
	const chosen = (headers: readonly string[] | undefined) => {
		const { names, values, trailers } = createExchangeRow({ ...ALL, headers })(record).req;
		return [names, values, trailers];
	};
	assert.deepEqual(chosen(undefined), [['Accept', 'X-One', 'accept', 'X-End'], ['a', '1', 'b', 'z'], 1]);
	assert.deepEqual(chosen(['accept']), [['Accept', 'accept'], ['a', 'b'], 0]);
	assert.deepEqual(chosen([]), [[], [], 0]);
});

test('loss is told when it has changed; what is excluded alone is no change', () => {
	const rows = createLossRows();
	const totals = LOSS_REASONS.map(() => ({ events: 0, bytes: 0, lastUs: 0 }));
	const at = (reason: string) => totals[LOSS_REASONS.findIndex((each) => each.reason === reason)]!;
	const told = (exchanges = 0) =>
		rows(totals, 1_000_005, exchanges).map(([members]) => JSON.parse(`{${members}}`) as Record<string, unknown>);
	assert.deepEqual(told(), []);
	at('excluded').events = 3;
	assert.deepEqual(told(), []);
	Object.assign(at('ring_full'), { events: 2, bytes: 100 });
	const time = { ts: '1970-01-01T00:00:01.000005Z', ts_us: 1_000_005 };
	assert.deepEqual(told(), [
		{ ...time, reason: 'ring_full', kind: 'lost', events: 2, bytes: 100 },
		{ ...time, reason: 'excluded', kind: 'by_design', events: 3, bytes: 0 },
	]);
	assert.deepEqual(told(), []);
	// Of an exchange that is a row, or of an upload of the agent.
	at('body_limit').events = 1;
	assert.deepEqual(told(), []);
	assert.deepEqual(told(1), [{ ...time, reason: 'body_limit', kind: 'by_design', events: 1, bytes: 0 }]);
	at('body_limit').events = 2;
	assert.deepEqual(told(1), []);
});

test('files of a batch are by hour, and a batch that is written twice replaces itself', async () => {
	const { path, remove } = temporaryDirectory();
	const hostName = 'a/../b c';
	const destination = directoryDestination({
		path,
		user: processUser(),
		hostName,
		format: FILE_FORMATS.get('ndjson')!,
	});
	const hour = (hours: number) => Date.UTC(2026, 0, 1, hours) * 1000;
	const lines = [hour(9), hour(9) + 1, hour(10) - 1, hour(10), hour(34)].map((us) => `{"ts_us":${us}}\n`).join('');
	const range = { run: 1, first: 1, rows: 5, fromUs: 1, toUs: 2 };
	const item: SpoolItem = {
		table: 'exchanges',
		token: 'id-1',
		rows: 5,
		range,
		form: 'lines',
		read: async () => gzipSync(lines),
	};
	const forever = new AbortController().signal;
	const folder = join(path, 'exchanges/host_name=a%2F..%2Fb%20c');
	for (let time = 0; time < 2; time++) {
		assert.deepEqual(await destination.deliver(item, forever), { what: 'done' });
		// An earlier agent was killed while it wrote a file.
		writeFileSync(join(folder, 'date=2026-01-01/hour=09/.id-1.ndjson.gz.tmp'), 'half');
	}
	const files = readdirSync(folder, { recursive: true })
		.map(String)
		.filter((name) => name.endsWith('.ndjson.gz'))
		.sort();
	assert.deepEqual(
		files,
		['01/hour=09', '01/hour=10', '02/hour=10'].map((place) => `date=2026-01-${place}/id-1.ndjson.gz`),
	);
	const rows = files.map(
		(file) =>
			gunzipSync(readFileSync(join(folder, file)))
				.toString('utf8')
				.split('\n').length - 1,
	);
	assert.deepEqual(rows, [3, 1, 1]);
	// A directory in the way is a problem that can be solved while the batch waits.
	writeFileSync(join(path, 'gaps'), '');
	const outcome = await destination.deliver(
		{ ...item, table: 'gaps', read: async () => gzipSync('{"from_ts_us":5}\n') },
		forever,
	);
	assert.equal(outcome.what, 'retry');
	remove();
});

test('blocks become the same files as their lines', async () => {
	const { path, remove } = temporaryDirectory();
	const origin = { hostName: 'h', run: 1, agentVersion: '1', labels: [['env', 'é']] as const };
	const hour = Date.UTC(2026, 0, 1, 9) * 1000;
	const fields = { req_header_names: ['A', 'b'], req_header_values: ['1', ''], method: 'GET', duration_ms: 0.25 };
	const rows = [hour, hour + 1, hour + 3_600_000_000].map((us, index) => ({
		...(index === 1 ? {} : fields),
		id: index + 1,
		ts_us: us,
		path: index === 0 ? null : `/é"${index}`,
	}));
	const block = blockOfRows(origin, 1, rows);
	const lines = nativeLines(gunzipSync(block.bytes), 'exchanges');
	const range = { run: 1, first: 1, rows: 3, fromUs: 1, toUs: 2 };
	const files = [...FILE_FORMATS].flatMap(([name, format]) =>
		(['lines', 'blocks'] as const).map(async (form) => {
			const to = join(path, `${name}-${form}`);
			const bytes = form === 'blocks' ? Buffer.from(block.bytes) : gzipSync(lines);
			const item: SpoolItem = { table: 'exchanges', token: 't', rows: 3, range, form, read: async () => bytes };
			const destination = directoryDestination({ path: to, user: processUser(), hostName: 'h', format });
			assert.deepEqual(await destination.deliver(item, new AbortController().signal), { what: 'done' });
			const names = readdirSync(to, { recursive: true, encoding: 'utf8' }).filter((each) => each.includes('/t.'));
			return names.sort().map((each) => [each, readFileSync(join(to, each)).toString('base64')]);
		}),
	);
	const [parquetLines, parquetBlocks, ndjsonLines, ndjsonBlocks] = await Promise.all(files);
	assert.equal(parquetLines!.length, 2);
	assert.deepEqual(parquetBlocks, parquetLines);
	assert.deepEqual(ndjsonBlocks, ndjsonLines);
	remove();
});

test('names of hosts become names of directories', () => {
	assert.deepEqual(['web-1', 'a b/c', '..', '.', "it's(*)", 'é'].map(fileName), [
		'web-1',
		'a%20b%2Fc',
		'%2E.',
		'%2E',
		'it%27s%28%2A%29',
		'%C3%A9',
	]);
});
