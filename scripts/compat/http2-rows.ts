// The rows of a capture of HTTP/2 as these checks read them, and what is wrong with them.
import { parseRows, startTinytap } from '../../support/tinytap.ts';
import { CAPTURE_OPTIONS } from './captured-row.ts';
import type { Http2Client, Http2Server } from './http2-peers.ts';
import { content, pushedWish, type Wish } from './http2-wishes.ts';
import { remember, unlessEnding } from './start-server.ts';

export type Http2Row = Readonly<Record<string, unknown>> & {
	readonly id: number;
	readonly pair_id: number | null;
	readonly side: 'server' | 'client';
	readonly stream_id: number | null;
	/** Port of the server, and of the client. */
	readonly serverPort: number;
	readonly clientPort: number;
	/** The path with its query. */
	readonly target: string;
	readonly fields: readonly Http2Field[];
};

export type Http2Field = {
	readonly message: 'request' | 'response';
	readonly name: string;
	readonly value: string;
	readonly trailer: boolean;
};

/** The result of a capture. */
export type Http2Capture = {
	readonly rows: readonly Http2Row[];
	readonly protocols: ReadonlyMap<string, number>;
	/** Events of kind `lost` of the whole host while it was captured. */
	readonly lost: number;
};

const SQL = `SELECT id, pair_id, side, stream_id, local, remote, method, path, query_string, host, http_version, req_http_version, status, interim,
	state, reason, anomalies, lost_bytes, duration_ms, ttfb_ms, via, req_via, req_body_bytes, req_captured_bytes, req_body_raw,
	res_body_bytes, res_captured_bytes, res_body_raw, res_body_note, grpc_service, grpc_method, grpc_status, grpc_message, comm
	FROM exchanges ORDER BY id;
SELECT exchange_id, message, raw_name, header_value, trailer FROM headers ORDER BY exchange_id, message, seq;
SELECT protocol, count(*) AS connections FROM connections GROUP BY protocol;
SELECT sum(events) AS lost FROM loss WHERE kind = 'lost';`;

/** Captures everything on the ports while `work` runs, with bodies of any size. */
export async function captureHttp2(
	ports: readonly number[],
	recording: string,
	work: () => Promise<void>,
): Promise<Http2Capture> {
	const filters = ports.flatMap((port) => ['--port', String(port)]);
	const options = [...CAPTURE_OPTIONS, '--max-memory', '1GiB', '--record', recording, '--force', ...filters];
	const tinytap = startTinytap(['query', SQL, ...options]);
	remember({ pid: tinytap.child.pid ?? -1, stop: tinytap.stop, output: tinytap.stderr });
	await unlessEnding(tinytap.attached());
	await unlessEnding(work());
	tinytap.interrupt();
	const { code, stdout, stderr } = await tinytap.finished;
	if (code !== 0) throw new Error(`tinytap query ended with ${code}: ${stderr}`);
	const lines = parseRows(stdout);
	const fields = new Map<number, Http2Field[]>();
	for (const { exchange_id, message, raw_name, header_value, trailer } of lines.filter((line) => 'raw_name' in line)) {
		const list = fields.get(Number(exchange_id)) ?? [];
		fields.set(Number(exchange_id), list);
		const which = message === 'request' ? 'request' : 'response';
		list.push({
			message: which,
			name: String(raw_name),
			value: String(header_value),
			trailer: trailer === 1 || trailer === true,
		});
	}
	return {
		rows: lines.filter((line) => 'stream_id' in line).map((line) => rowOf(line, fields)),
		protocols: new Map(
			lines.filter((line) => 'connections' in line).map((line) => [String(line.protocol), Number(line.connections)]),
		),
		lost: Number(lines.find((line) => 'lost' in line)?.lost ?? Number.NaN),
	};
}

function rowOf(line: Readonly<Record<string, unknown>>, fields: ReadonlyMap<number, readonly Http2Field[]>): Http2Row {
	const [local, remote] = [line.local, line.remote].map((address) => Number(/:(\d+)$/.exec(String(address))?.[1] ?? 0));
	const isServer = line.side === 'server';
	return {
		...line,
		id: Number(line.id),
		pair_id: line.pair_id === null ? null : Number(line.pair_id),
		side: isServer ? 'server' : 'client',
		stream_id: line.stream_id === null ? null : Number(line.stream_id),
		serverPort: (isServer ? local : remote) ?? 0,
		clientPort: (isServer ? remote : local) ?? 0,
		target: line.query_string === null ? String(line.path) : `${String(line.path)}?${String(line.query_string)}`,
		fields: fields.get(Number(line.id)) ?? [],
	};
}

/** Rows that do not refer to each other, and loss. */
export function pairFailures({ rows, lost }: Http2Capture): string[] {
	const byId = new Map(rows.map((row) => [row.id, row]));
	const failures = lost === 0 ? [] : [`${lost} events lost`];
	for (const row of rows) {
		const pair = byId.get(row.pair_id ?? 0);
		const same = pair?.pair_id === row.id && pair.side !== row.side && pair.stream_id === row.stream_id;
		if (!same || pair.target !== row.target)
			failures.push(`${nameOf(row)} has no pair, or a wrong one (${row.pair_id})`);
	}
	return failures;
}

/** What is wrong in the rows of one hop, whose client sent all wishes. `front`: the client is `client`, otherwise a proxy. */
export function hopFailures(
	rows: readonly Http2Row[],
	server: Http2Server,
	client: Http2Client,
	wishes: readonly Wish[],
	front: boolean,
): string[] {
	const failures: string[] = [];
	const wanted = new Map(wishes.map((wish) => [wish.path, { wish, pushed: false }]));
	for (const { pushes } of wishes) {
		if (pushes === undefined) continue;
		const wish = pushedWish(pushes);
		wanted.set(wish.path, { wish, pushed: true });
	}
	for (const side of ['server', 'client'] as const) {
		const mine = rows.filter((row) => row.side === side);
		for (const [path, { wish, pushed }] of wanted) {
			const found = mine.filter((row) => row.target === path);
			// A client that refuses pushes gets none.
			if (found.length !== client.times && !(pushed && found.length === 0))
				failures.push(`${side}: expected ${client.times} rows of ${path}, got ${found.length}`);
			for (const row of found) {
				const problems = rowProblems(row, wish, { server, client: front ? client : undefined, pushed });
				failures.push(...problems.map((problem) => `${nameOf(row)}: ${problem}`));
			}
		}
		for (const row of mine) if (!wanted.has(row.target)) failures.push(`${nameOf(row)} belongs to no request`);
	}
	return failures;
}

function nameOf(row: Http2Row): string {
	return `row ${row.id} (${row.side}, stream ${row.stream_id}, ${String(row.method)} ${row.target})`;
}

type Context = { readonly server: Http2Server; readonly client: Http2Client | undefined; readonly pushed: boolean };

function rowProblems(row: Http2Row, wish: Wish, { server, client, pushed }: Context): string[] {
	const problems: string[] = [];
	const expect = (what: string, expected: unknown, got: unknown) => {
		if (expected !== got) problems.push(`${what}: expected ${String(expected)}, got ${String(got)}`);
	};
	const fieldOf = (message: string, name: string, trailer = false) =>
		row.fields.find((field) => field.message === message && field.name === name && field.trailer === trailer)?.value;
	const upgraded = row.stream_id === 1 && client?.upgrades === true;
	expect('state', 'complete', row.reason === null ? row.state : `${String(row.state)} (${String(row.reason)})`);
	expect('status', 200, row.status);
	expect('method', wish.sends > 0 ? 'POST' : 'GET', row.method);
	expect('http_version', '2', row.http_version);
	expect('req_http_version', upgraded ? '1.1' : '2', row.req_http_version);
	const interim = upgraded ? [101, ...wish.interim] : wish.interim;
	expect('interim', interim.length === 0 ? null : interim.join(), row.interim);
	expect('anomalies', pushed ? 'pushed' : null, row.anomalies);
	expect('lost_bytes', 0, row.lost_bytes);
	expect('parity of stream_id', pushed ? 0 : 1, (row.stream_id ?? 0) % 2);
	expect('duration_ms is a time', true, typeof row.duration_ms === 'number' && row.duration_ms >= 0);
	const sent = content(wish.id, wish.sends);
	problems.push(...bodyProblems('request', row.req_body_raw, [row.req_body_bytes, row.req_captured_bytes], sent));
	const moved = server.zeroCopy === true && row.side === 'server' && /sendfile/.test(String(row.res_body_note));
	if (moved) expect('res_body_bytes', wish.wants.length, row.res_body_bytes);
	else
		problems.push(
			...bodyProblems('response', row.res_body_raw, [row.res_body_bytes, row.res_captured_bytes], wish.wants),
		);
	if (client?.writes === true || pushed) expect('x-id of the request', wish.id, fieldOf('request', 'x-id'));
	if (wish.field > 0) expect('length of x-long', wish.field, fieldOf('request', 'x-long')?.length);
	if (server.says) {
		expect('x-id', wish.id, fieldOf('response', 'x-id'));
		expect('x-got', String(wish.sends), fieldOf('response', 'x-got'));
		expect('x-sent', String(wish.wants.length), fieldOf('response', 'x-sent'));
	}
	expect('trailer x-end', wish.trailer ? wish.id : undefined, fieldOf('response', 'x-end', true));
	return problems;
}

function bodyProblems(which: string, raw: unknown, [bytes, captured]: readonly unknown[], wanted: Buffer): string[] {
	const held = typeof raw === 'string' ? Buffer.from(raw, 'base64') : Buffer.alloc(0);
	if (bytes !== wanted.length || captured !== wanted.length)
		return [`${which}: expected ${wanted.length} bytes, got ${String(bytes)}, of which ${String(captured)} are held`];
	return held.equals(wanted) ? [] : [`${which}: the held bytes are not those that were sent`];
}
