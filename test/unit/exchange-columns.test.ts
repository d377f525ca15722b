// Exchanges of all kinds over several segments: the tables return what was sent, whichever way they are read.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exchangeRecord, type WantedExchange } from '../../src/store/exchange-detail.ts';
import type { ExchangeStore, StoreLimits, StoreSnapshot } from '../../src/store/exchange-store.ts';
import { formatTimestamp } from '../../src/store/timestamp.ts';
import { wireText } from '../../src/store/wire-text.ts';
import { Tape } from '../../support/record-builder.ts';
import { GET, stored } from '../../support/stored-exchanges.ts';

/** Exchanges with fields, targets and bodies of all kinds, some of each kind in each of several segments. */
function variedExchanges(count: number) {
	let seed = 5;
	const random = (below: number) => {
		seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
		return (seed >>> 16) % below;
	};
	const names = [
		'X-One',
		'x-one',
		'Y-One',
		'Dontent-Type',
		'Vser-Agent',
		'Accept',
		'Content-Type',
		'User-Agent',
		'Cookie',
		'Set-Cookie',
		'X-L\u00f6ng',
		'Via',
	];
	const letters = 'abcdefghijklmnopqrstuvwxyz';
	const text = (length: number) => Array.from({ length }, () => letters[random(26)]).join('');
	const line = (): [name: string, value: string] => {
		const name = random(8) === 0 ? `X-${text(1 + random(200))}` : names[random(names.length)]!;
		const lengths = [0, 1, 5, 40, 127, 128, 300, ...(random(40) === 0 ? [17_000] : [])];
		return [name, random(3) === 0 ? `value ${random(5)}` : text(lengths[random(lengths.length)]!)];
	};
	return Array.from({ length: count }, (_, i) => {
		const request = [
			['Host', `h${i % 5}`] as [string, string],
			...Array.from({ length: random(i % 50 === 0 ? 90 : 6) }, line),
		];
		const response = Array.from({ length: random(5) }, line);
		const trailers =
			i % 4 === 0
				? Array.from({ length: random(3) }, (_, at): [string, string] => [`T${at}`, text([3, 64, 8][random(3)]!)])
				: [];
		const path = `/${text(random(30))}`;
		const query = [undefined, '', 'a=b', text(50)][random(4)];
		const requestBody = text([0, 0, 3, 500][random(4)]!);
		const body = text([0, 1, 100, 5000][random(4)]!);
		return {
			request,
			response,
			trailers,
			path,
			query,
			requestBody,
			body,
			status: [200, 204, 404, 503][random(4)]!,
			isChunked: i % 4 === 0,
		};
	});
}

/** The response of exchange `i`. */
function responseOf(
	{ response, trailers, body, status, isChunked }: ReturnType<typeof variedExchanges>[number],
	i: number,
) {
	const lines = (list: readonly (readonly [string, string])[]) =>
		list.map(([name, value]) => `${name}: ${value}\r\n`).join('');
	const coding = isChunked ? 'Transfer-Encoding: chunked\r\n' : `Content-Length: ${body.length}\r\n`;
	const chunk = body === '' ? '' : `${body.length.toString(16)}\r\n${body}\r\n`;
	const rest = isChunked ? `${chunk}0\r\n${lines(trailers)}\r\n` : body;
	const head = `HTTP/1.1 ${status === 204 ? 201 : status} R${i % 3}\r\n${coding}${lines(response)}\r\n`;
	return Buffer.from(head + rest, 'latin1');
}

function tapeOfVaried(exchanges: ReturnType<typeof variedExchanges>): Tape {
	const tape = new Tape();
	tape.clock(1_700_000_000_000_000_000n);
	const servers = [1, 2, 3].map((number) =>
		tape
			.server(number, {
				...{ local: `127.0.0.1:80${number}`, remote: `[::${number}]:4000` },
				pid: 100 + number,
				tid: 200 + number,
			})
			.open(),
	);
	const lines = (list: readonly (readonly [string, string])[]) =>
		list.map(([name, value]) => `${name}: ${value}\r\n`).join('');
	for (const [i, each] of exchanges.entries()) {
		const { request, path, query, requestBody } = each;
		const head = `POST ${path}${query === undefined ? '' : `?${query}`} HTTP/1.1\r\n${lines(request)}Content-Length: ${requestBody.length}\r\n\r\n`;
		const server = servers[i % 3]!;
		server.in(Buffer.from(head + requestBody, 'latin1'));
		server.out(responseOf(each, i));
	}
	return tape;
}

const SMALL_SEGMENTS: StoreLimits = { memoryBytes: 4 << 20, rows: Number.POSITIVE_INFINITY };

test('exchanges of all kinds read back as they were sent, over several segments', () => {
	const sent = variedExchanges(300);
	const { rows, database, store } = stored(tapeOfVaried(sent), SMALL_SEGMENTS);
	assert.ok(store.snapshot().segments.length >= 3 && store.evictedRows === 0);
	const read = rows('exchanges');
	assert.equal(read.length, sent.length);
	const headers = rows('headers');
	let header = 0;
	// In the order in which they were written.
	assert.equal(new Set(read.map(({ id }) => id)).size, sent.length);
	for (const row of read) {
		const i = Number(row.id) - 1;
		const each = sent[i]!;
		assert.deepEqual(
			[row.path, row.query_string ?? undefined, row.host, row.method, row.status, row.status_text],
			[each.path, each.query, `h${i % 5}`, 'POST', each.status === 204 ? 201 : each.status, `R${i % 3}`],
		);
		assert.deepEqual([row.req_body, row.res_body], [each.requestBody, each.body]);
		assert.deepEqual([row.pid, row.tid, row.comm, row.side], [101 + (i % 3), 201 + (i % 3), 'server', 'server']);
		assert.deepEqual(
			[row.via, row.vias, row.req_via],
			each.body === '' ? [row.via, row.vias, 'read'] : ['write', 'write', 'read'],
		);
		assert.deepEqual(
			[row.req_captured_bytes, row.res_wire_bytes],
			[each.requestBody.length, responseOf(each, i).length],
		);
		assert.deepEqual(Buffer.from(row.res_body_raw as Uint8Array).toString(), each.body);
		assert.deepEqual([row.req_body_bytes, row.res_body_bytes], [each.requestBody.length, each.body.length]);
		assert.deepEqual([row.res_captured_bytes, row.res_body_note, row.lost_bytes], [each.body.length, null, 0]);
		const lines = [
			...each.request.map((line) => ['request', ...line, 0]),
			['request', 'Content-Length', String(each.requestBody.length), 0],
			each.isChunked
				? ['response', 'Transfer-Encoding', 'chunked', 0]
				: ['response', 'Content-Length', String(each.body.length), 0],
			...each.response.map((line) => ['response', ...line, 0]),
			...each.trailers.map((line) => ['response', ...line, 1]),
		];
		const values = new Map<string, string[]>();
		let sequence = 0;
		let before = 'request';
		for (const [message, name, value, trailer] of lines as [string, string, string, number][]) {
			sequence = message === before ? sequence : 0;
			before = message;
			assert.deepEqual(headers[header++], {
				...{ exchange_id: i + 1, message, seq: sequence++, name: name.toLowerCase(), raw_name: name },
				...{ header_value: value, trailer },
			});
			const key = `${message} ${name.toLowerCase()}`;
			values.set(key, [...(values.get(key) ?? []), value]);
		}
		const json = (message: string) =>
			Object.fromEntries(
				[...values]
					.filter(([key]) => key.startsWith(message))
					.map(([key, list]) => {
						const name = key.slice(message.length + 1);
						return [name, name === 'set-cookie' && list.length > 1 ? list : list.join(name === 'cookie' ? '; ' : ', ')];
					}),
			);
		assert.deepEqual(JSON.parse(String(row.req_headers)), json('request'));
		assert.deepEqual(JSON.parse(String(row.res_headers)), json('response'));
		assert.equal(row.content_type, values.get('response content-type')?.[0] ?? null);
		assert.equal(row.user_agent, values.get('request user-agent')?.[0] ?? null);
		assert.deepEqual([row.local_port, row.remote_ip], [801 + (i % 3), `::${(i % 3) + 1}`]);
		const detail = exchangeRecord(database.exchanges, { id: i + 1 })!;
		assert.equal(detail.requestHeaders.length, each.request.length + 1);
		assert.deepEqual(
			detail.responseHeaders.slice(1).map(({ name, value, trailer }) => [name, value, trailer]),
			[...each.response.map((line) => [...line, false]), ...each.trailers.map((line) => [...line, true])],
		);
	}
	assert.equal(header, headers.length);
});

test('all ways to read a column agree with its value', () => {
	const tape = tapeOfVaried(variedExchanges(150));
	// Unfinished ones, and one without a request.
	const open = tape.server(9, { local: '127.0.0.1:80', remote: '127.0.0.1:4000' }).open();
	open.in(GET('/open', 'Content-Type: text/plain\r\n'));
	const late = tape.server(10, { local: '127.0.0.1:80', remote: '127.0.0.1:4001' }).open();
	late.out('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: a/b\r\n\r\nok');
	const { database } = stored(tape, SMALL_SEGMENTS, true);
	for (const table of database.tables.values()) {
		const all = Int32Array.from({ length: table.rowCount }, (_, row) => row);
		/** Calls `work` with batches of rows, every third one in one piece of memory. */
		const pieces = (work: (rows: Int32Array, count: number) => void) => {
			for (let from = 0; from < table.rowCount; ) {
				const end = table.pieceEnd?.(from) ?? table.rowCount;
				assert.ok(end > from && end <= table.rowCount);
				const rows = all.slice(from, end).filter((row) => row % 3 === from % 3);
				work(rows, rows.length);
				from = end;
			}
		};
		for (const [index, column] of table.columns.entries()) {
			const where = `${table.name}.${column.name}`;
			const values = Array.from(all, (row) => table.reader(index).value(row));
			const reader = table.reader(index);
			for (const row of [table.rowCount - 1, 0, table.rowCount >> 1])
				if (row in values) assert.deepEqual(reader.value(row), values[row], where);
			const isTime = column.type === 'datetime';
			if (reader.number !== undefined) {
				const same = (number: number, value: unknown) =>
					value === null ? Number.isNaN(number) : isTime ? formatTimestamp(number) === value : number === value;
				for (const row of all) assert.ok(same(reader.number(row), values[row]), `${where} ${row}`);
				pieces((rows, count) => {
					const into = new Float64Array(count + 1).fill(-7);
					table.reader(index).numbers?.(rows, count, into);
					if (reader.numbers === undefined) return;
					for (const [i, row] of rows.entries()) assert.ok(same(into[i]!, values[row]), `${where} ${row}`);
					assert.equal(into[count], -7);
				});
			}
			if (reader.code !== undefined) {
				const byCode = new Map<number, unknown>();
				for (const row of all) {
					const code = reader.code(row);
					assert.equal(code === -1, values[row] === null, `${where} ${row}`);
					assert.equal(byCode.has(code) ? byCode.get(code) : values[row], values[row], `${where} ${row}`);
					byCode.set(code, values[row]);
				}
				assert.equal(new Set(byCode.values()).size, byCode.size, where);
				const codes = table.reader(index).codes === undefined ? undefined : table.reader(index);
				const seen = new Map<number, unknown>();
				if (codes !== undefined)
					pieces((rows, count) => {
						const into = new Int32Array(count);
						codes.codes!(rows, count, into);
						for (const [i, row] of rows.entries()) {
							assert.equal(into[i] === -1, values[row] === null, where);
							assert.equal(seen.has(into[i]!) ? seen.get(into[i]!) : values[row], values[row], where);
							seen.set(into[i]!, values[row]);
						}
					});
			}
			const { spans } = reader;
			if (spans !== undefined) {
				for (const row of all) {
					const isThere = spans.locate(row);
					assert.equal(isThere, values[row] !== null, where);
					if (isThere) assert.equal(wireText(Buffer.from(spans.bytes), spans.start, spans.end), values[row], where);
				}
				pieces((rows, count) => {
					const starts = new Int32Array(count);
					const ends = new Int32Array(count);
					const bytes = Buffer.from(spans.locateAll(rows, count, starts, ends));
					for (const [i, row] of rows.entries())
						assert.equal(starts[i] === -1 ? null : wireText(bytes, starts[i]!, ends[i]!), values[row], where);
				});
			}
			if (reader.size !== undefined) {
				const raw = table.reader(table.columns.findIndex(({ name }) => name === `${column.name.slice(0, 8)}_raw`));
				for (const row of all)
					assert.equal(reader.size(row), (raw.value(row) as Uint8Array | null)?.length ?? Number.NaN, where);
			}
			if (reader.field !== undefined) {
				for (const row of all) {
					const fields =
						values[row] === null ? {} : (JSON.parse(String(values[row])) as Record<string, string | string[]>);
					for (const name of ['host', 'content-type', 'cookie', 'set-cookie', 'x-one', 'absent']) {
						const found = reader.field(row, name);
						if (found !== undefined) assert.equal(found, fields[name] ?? null, `${where} ${row} ${name}`);
						else
							assert.ok(
								fields[name] === undefined ||
									/, |; |object/.test(`${fields[name]} ${typeof fields[name]}`) ||
									/[^\0-\x7f]/.test(String(values[row])),
								`${where} ${row} ${name}`,
							);
					}
				}
			}
			if (table.find !== undefined) {
				for (const row of [0, 1, table.rowCount >> 1, table.rowCount - 1]) {
					const value = values[row];
					if (typeof value !== 'number') continue;
					const found = table.find(index, value);
					if (found !== undefined)
						assert.deepEqual(
							[...found],
							values.flatMap((each, at) => (each === value ? [at] : [])),
							where,
						);
				}
				const none = table.find(index, 123_456_789);
				if (none !== undefined) assert.deepEqual([...none], []);
			}
		}
	}
	for (const name of ['exchanges', 'headers', 'inflight'])
		assert.ok(database.tables.get(name)!.find!(0, 5)!.length > 0 || name === 'inflight', name);
});

test('an exchange is found by its id, or by its place among the others', () => {
	const { database, rows } = stored(tapeOfVaried(variedExchanges(60)), SMALL_SEGMENTS);
	const find = (wanted: WantedExchange) => exchangeRecord(database.exchanges, wanted)?.columns.id;
	assert.deepEqual([find({ id: 1 }), find({ id: 60 }), find({ id: 61 })], [1, 60, undefined]);
	assert.deepEqual(
		[find({ back: 0 }), find({ back: 1 }), find({ back: 59 }), find({ back: 60 })],
		[60, 59, 1, undefined],
	);
	assert.deepEqual(
		[find({ after: 0 }), find({ after: 1 }), find({ after: 59 }), find({ after: 60 })],
		[1, 2, 60, undefined],
	);
	assert.deepEqual([find({ before: 61 }), find({ before: 2 }), find({ before: 1 })], [60, 1, undefined]);
	const events = rows('events');
	const moves = events.filter(({ direction }) => direction !== null);
	assert.deepEqual([...new Set(moves.map(({ direction, syscall }) => `${direction} ${syscall}`))].sort(), [
		'in read',
		'out write',
	]);
	assert.equal(moves.length, 120);
	assert.ok(events.every(({ syscall }) => typeof syscall === 'string'));
});

test('of an exchange seen from both sides, the server counts among the others, unless it is the pair of the one before', () => {
	const tape = new Tape();
	tape.clock(1_700_000_000_000_000_000n);
	const server = tape.server(1, { local: '10.0.0.1:80', remote: '10.0.0.2:4000' }).open();
	const client = tape.client(2, { local: '10.0.0.1:5000', remote: '10.0.0.3:80' }).open();
	for (let i = 0; i < 2; i++) {
		server.in(GET('/asked')).out('HTTP/1.1 204 No Content\r\n\r\n');
		client.out(GET('/asks')).in('HTTP/1.1 204 No Content\r\n\r\n');
	}
	// 1 and 3 are the server's, 2 and 4 the client's; 3 and 4 are the same exchange.
	const { database, store } = stored(tape);
	store.pair(3, 4);
	const find = (wanted: WantedExchange) => exchangeRecord(database.exchanges, wanted)?.columns.id;
	assert.deepEqual([find({ back: 0 }), find({ back: 1 }), find({ back: 2 }), find({ back: 3 })], [3, 2, 1, undefined]);
	assert.deepEqual(
		[find({ after: 2 }), find({ after: 3 }), find({ before: 4 }), find({ before: 3 })],
		[3, undefined, 2, 2],
	);
	assert.equal(find({ id: 4 }), 4);
});

test('trace_id and span_id are parts of a valid traceparent; fields of a head that was not seen are NULL', () => {
	const [trace, span] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331'];
	const zeros = '0'.repeat(32);
	const tape = new Tape();
	tape.clock(1_700_000_000_000_000_000n);
	const server = tape.server(1, { local: '10.0.0.1:80', remote: '10.0.0.2:4000' }).open();
	for (const value of [
		`00-${trace}-${span}-01`,
		`00-${trace}-${span}-01-more`,
		`00-${zeros}-${span}-01`,
		`00-${trace}-${zeros.slice(16)}-01`,
		`00-${trace.slice(1)}-${span}-01`,
		'',
		null,
	])
		server.in(GET('/', value === null ? '' : `traceparent: ${value}\r\n`)).out('HTTP/1.1 204 No Content\r\n\r\n');
	server.in(GET('/'));
	const all = stored(tape).rows('exchanges');
	assert.deepEqual(
		all.map(({ trace_id, span_id }) => [trace_id, span_id]),
		[[trace, span], [trace, span], ...new Array(6).fill([null, null])],
	);
	assert.deepEqual(
		all.slice(-2).map(({ req_headers, res_headers }) => [req_headers, res_headers]),
		[
			['{"host":"example.com"}', '{}'],
			['{"host":"example.com"}', null],
		],
	);
});

test('memory of evicted rows is used again as soon as no statement reads them', () => {
	const limits: StoreLimits = { memoryBytes: 3 << 20, rows: Number.POSITIVE_INFINITY };
	const exchanges = variedExchanges(1000).map((each) => ({
		...each,
		body: 'x'.repeat(6000),
		request: each.request.slice(0, 2),
	}));
	const tape = tapeOfVaried(exchanges);
	const records = [...tape.records];
	for (const kept of [0, 1]) {
		const buffers = new Set<unknown>();
		const snapshots: StoreSnapshot[] = [];
		const read = (now: ExchangeStore) => {
			const snapshot = now.snapshot();
			snapshots.push(snapshot);
			for (const { handle } of snapshot.segments) buffers.add(handle.buffer);
			if (snapshots.length > kept) now.release(snapshots.shift()!.id);
		};
		tape.records.push(...records.slice(tape.records.length));
		const { store } = stored(tape, limits, false, [], read, 60);
		assert.ok(store.evictedRows > 300, String(store.evictedRows));
		assert.ok(store.memoryBytes <= limits.memoryBytes + (1 << 20), String(store.memoryBytes));
		// About as many as fit within the limit.
		assert.ok(buffers.size <= 30, `${buffers.size} buffers`);
		assert.equal(store.rows + store.evictedRows, exchanges.length);
		store.clear();
		assert.deepEqual([store.rows, store.snapshot().segments.length], [0, 0]);
	}
});

test('pairs are set in the first and the last row, and bytes that are not held have a note', () => {
	const tape = tapeOfVaried(variedExchanges(10));
	const server = tape.server(9, { local: '127.0.0.1:80', remote: '127.0.0.1:4000' }).open();
	server.in(GET('/file')).out('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n').sendfile(1000);
	const { store, rows } = stored(tape, SMALL_SEGMENTS);
	const [first, last] = [rows('exchanges')[0]!.id, rows('exchanges').at(-1)!.id] as [number, number];
	store.pair(first, last);
	const paired = rows('exchanges').filter((row) => row.pair_id !== null);
	assert.deepEqual(
		paired.map((row) => [row.id, row.pair_id]),
		[
			[first, last],
			[last, first],
		],
	);
	const file = rows('exchanges').find((row) => row.path === '/file')!;
	assert.deepEqual(
		[file.req_body_note, file.res_body_note, file.via, file.vias],
		[null, 'body: 1000 bytes via sendfile — content not captured', 'sendfile', 'write+sendfile'],
	);
});

test('exchanges without fields are skipped in the table headers, and trailers stay trailers among many fields', () => {
	const tape = new Tape();
	tape.clock(1_700_000_000_000_000_000n);
	const many = Array.from({ length: 40 }, (_, i) => `R${i}: ${i}\r\n`).join('');
	const none = ['GET /none HTTP/1.0\r\n\r\n', 'HTTP/1.0 200 OK\r\n\r\n'] as const;
	const talks: readonly (readonly [request: string, response: string])[] = [
		none,
		none,
		[
			'POST /some HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nT1: t\r\nT2: u\r\n\r\n',
			`HTTP/1.1 200 OK\r\nContent-Length: 0\r\n${many}\r\n`,
		],
		none,
		['GET /last HTTP/1.1\r\nHost: last\r\n\r\n', 'HTTP/1.1 204 No\r\n\r\n'],
		none,
	];
	for (const [index, [request, response]] of talks.entries())
		tape
			.server(index + 1, { local: '127.0.0.1:80', remote: '127.0.0.1:4000' })
			.open()
			.in(request)
			.out(response)
			.close();
	const { rows, database, store } = stored(tape, SMALL_SEGMENTS);
	const headers = rows('headers');
	assert.equal(headers.length, 2 + 2 + 1 + 40 + 1);
	const idOf = (path: string) => rows('exchanges').find((row) => row.path === path)!.id;
	assert.deepEqual(
		headers.map((row) => row.exchange_id),
		[...new Array(45).fill(idOf('/some')), idOf('/last')],
	);
	assert.deepEqual(
		headers.filter((row) => row.trailer === 1).map((row) => [row.name, row.header_value, row.message]),
		[
			['t1', 't', 'request'],
			['t2', 'u', 'request'],
		],
	);
	const reader = database.tables.get('headers')!.reader(5);
	for (const row of [45, 0, 44, 20, 45]) assert.equal(reader.value(row), headers[row]!.header_value);
	assert.deepEqual([store.evictedRows, store.evictedBytes], [0, 0]);
});
