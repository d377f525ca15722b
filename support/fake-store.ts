// A store that fails on demand: ClickHouse's HTTP interface as far as inserts use it. It recognises the tokens of inserts,
// as ClickHouse does.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { nativeLines } from '../src/agent/native-format.ts';

export type StoredRow = Readonly<Record<string, unknown>>;

/**
 * How an insert is answered. `reset`: the connection ends before the rows are taken, `die`: after they were taken. `silent`:
 * never. A number is a status, with this text.
 */
export type Behaviour = 'ok' | 'reset' | 'die' | 'silent' | { readonly status: number; readonly text: string };

export type FakeStore = {
	readonly url: string;
	/** Rows by table, in the order of their arrival, each insert once. */
	readonly tables: Map<string, StoredRow[]>;
	/** The requests so far. */
	readonly requests: { readonly url: URL; readonly headers: IncomingMessage['headers']; readonly fromPort: number }[];
	/** Decides how each insert is answered. */
	behave: (request: number, table: string, format: string) => Behaviour;
	readonly rows: (table: string) => readonly StoredRow[];
	readonly close: () => Promise<void>;
};

export async function startFakeStore(): Promise<FakeStore> {
	const tokens = new Set<string>();
	const tables = new Map<string, StoredRow[]>();
	const requests: FakeStore['requests'] = [];
	const server = createServer((request, response) => {
		const chunks: Buffer[] = [];
		request.on('error', () => undefined);
		request.on('data', (chunk: Buffer) => chunks.push(chunk));
		request.on('end', () => answer(request, response, Buffer.concat(chunks)));
	});
	const answer = (request: IncomingMessage, response: ServerResponse, body: Buffer) => {
		const url = new URL(request.url ?? '', 'http://store');
		requests.push({ url, headers: request.headers, fromPort: request.socket.remotePort ?? 0 });
		const query = url.searchParams.get('query') ?? '';
		const [, table, format] = /^INSERT INTO \w+\.(\w+) FORMAT (JSONEachRow|Native)$/.exec(query) ?? [];
		if (table === undefined || format === undefined) throw new Error(`expected an INSERT, got ${url}`);
		const behaviour = store.behave(requests.length, table, format);
		if (behaviour === 'silent') return;
		if (behaviour === 'reset') request.socket.destroy();
		else if (typeof behaviour === 'object') response.writeHead(behaviour.status).end(behaviour.text);
		else {
			keep(url.searchParams.get('insert_deduplication_token'), table, format, body);
			if (behaviour === 'die') request.socket.destroy();
			else response.end();
		}
	};
	const keep = (token: string | null, table: string, format: string, body: Buffer) => {
		if (token !== null && tokens.has(token)) return;
		if (token !== null) tokens.add(token);
		const bytes = gunzipSync(body);
		const lines = format === 'Native' ? nativeLines(bytes, 'exchanges') : bytes.toString('utf8');
		const rows = lines
			.trimEnd()
			.split('\n')
			.map((line) => JSON.parse(line) as StoredRow);
		tables.set(table, [...(tables.get(table) ?? []), ...(format === 'Native' ? rows.map(withoutNulls) : rows)]);
	};
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	const store: FakeStore = {
		url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
		tables,
		requests,
		behave: () => 'ok',
		rows: (table) => tables.get(table) ?? [],
		close: async () => {
			server.closeAllConnections();
			await new Promise((resolve) => server.close(resolve));
		},
	};
	return store;
}

/** A row as an object without the columns that are NULL or empty. */
function withoutNulls(row: StoredRow): StoredRow {
	return Object.fromEntries(
		Object.entries(row).filter(([, value]) => value !== null && !(Array.isArray(value) && value.length === 0)),
	);
}
