// A store that fails on demand: ClickHouse's HTTP interface as far as inserts use it. It recognises the tokens of inserts,
// as ClickHouse does.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';

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
	behave: (request: number, table: string) => Behaviour;
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
		const table = /^INSERT INTO \w+\.(\w+) FORMAT JSONEachRow$/.exec(url.searchParams.get('query') ?? '')?.[1];
		if (table === undefined) throw new Error(`expected an INSERT, got ${url}`);
		const behaviour = store.behave(requests.length, table);
		if (behaviour === 'silent') return;
		if (behaviour === 'reset') request.socket.destroy();
		else if (typeof behaviour === 'object') response.writeHead(behaviour.status).end(behaviour.text);
		else {
			keep(url.searchParams.get('insert_deduplication_token'), table, body);
			if (behaviour === 'die') request.socket.destroy();
			else response.end();
		}
	};
	const keep = (token: string | null, table: string, body: Buffer) => {
		if (token !== null && tokens.has(token)) return;
		if (token !== null) tokens.add(token);
		const rows = gunzipSync(body).toString('utf8').trimEnd().split('\n');
		tables.set(table, [...(tables.get(table) ?? []), ...rows.map((row) => JSON.parse(row) as StoredRow)]);
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
