// The rows of a capture with --tls, and what is wrong with them by what the peers say.
import { parseRows, startTinytap } from '../../support/tinytap.ts';
import { sha256 } from './bodies.ts';
import { CAPTURE_OPTIONS } from './captured-row.ts';
import { remember, unlessEnding } from './start-server.ts';
import type { Statement } from './tls-plan.ts';
import type { TlsLibrary } from './tls-servers.ts';

export type TlsRow = {
	readonly id: number;
	readonly pairId: number | null;
	readonly parentId: number | null;
	readonly side: string;
	/** Ports of the two ends; NaN if the row has no addresses. */
	readonly serverPort: number;
	readonly clientPort: number;
	/** From the query string; '' if there is none. */
	readonly request: string;
	readonly url: string;
	readonly comm: string;
	readonly status: number | null;
	readonly version: string | null;
	/** `complete`, or the state and its reason. */
	readonly state: string;
	readonly anomalies: string | null;
	readonly lost: number;
	readonly tls: string | null;
	readonly via: string | null;
	readonly reqVia: string | null;
	readonly connection: number | null;
	/** Lengths, and SHA-256 of what is held. */
	readonly sent: number;
	readonly sentHeld: string;
	readonly got: number;
	readonly gotHeld: string;
	/** Of the request's body, and of the response's. */
	readonly sentNote: string | null;
	readonly gotNote: string | null;
};

/** Path, library and what became of it, as in the table. */
export type LibraryRow = Readonly<Record<string, unknown>>;

export type TlsCapture = {
	readonly rows: readonly TlsRow[];
	readonly libraries: readonly LibraryRow[];
	readonly messages: readonly LibraryRow[];
	/** Events of the whole host: by reason. */
	readonly loss: ReadonlyMap<string, number>;
	/** What tinytap printed. */
	readonly printed: string;
};

const SQL = `SELECT id, pair_id, parent_id, side, local, remote, url, query_string, comm, status, http_version, state, reason, anomalies, lost_bytes,
	tls, via, req_via, conn, req_body_bytes, req_body_raw, req_body_note, res_body_bytes, res_body_raw, res_body_note
	FROM exchanges ORDER BY id;
SELECT * FROM tls_libraries;
SELECT exchange_id, seq, direction, kind, bytes, data FROM messages ORDER BY exchange_id, seq;
SELECT reason AS loss_reason, events FROM loss WHERE events > 0;`;

export type CaptureRun = {
	readonly ports: readonly number[];
	readonly recording: string;
	/** Additional options. */
	readonly options?: readonly string[];
};

/** Captures with --tls what uses these ports while `work` runs. */
export async function captureTls(
	{ ports, recording, options = [] }: CaptureRun,
	work: () => Promise<void>,
): Promise<TlsCapture> {
	const filters = ports.flatMap((port) => ['--port', String(port)]);
	const more = ['--tls', '--max-memory', '1GiB', '--record', recording, '--force', ...options, ...filters];
	const tinytap = startTinytap(['query', SQL, ...CAPTURE_OPTIONS, ...more]);
	remember({ pid: tinytap.child.pid ?? -1, stop: tinytap.stop, output: tinytap.stderr });
	await unlessEnding(tinytap.attached());
	await unlessEnding(work());
	tinytap.interrupt();
	const { code, stdout, stderr } = await tinytap.finished;
	if (code !== 0) throw new Error(`tinytap query ended with ${code}: ${stderr}`);
	const lines = parseRows(stdout);
	return {
		rows: lines.filter((line) => 'pair_id' in line).map(rowOf),
		libraries: lines.filter((line) => 'library' in line),
		messages: lines.filter((line) => 'exchange_id' in line),
		loss: new Map(
			lines.filter((line) => 'loss_reason' in line).map((line) => [String(line.loss_reason), Number(line.events)]),
		),
		printed: stderr,
	};
}

function rowOf(row: Readonly<Record<string, unknown>>): TlsRow {
	const text = (name: string) => (typeof row[name] === 'string' ? (row[name] as string) : null);
	const number = (name: string) => (row[name] === null || row[name] === undefined ? null : Number(row[name]));
	const side = String(row.side);
	const portIn = (name: string) => Number(/:(\d+)$/.exec(text(name) ?? '')?.[1]);
	const held = (name: string) => sha256(Buffer.from(text(name) ?? '', 'base64'));
	return {
		...{ id: Number(row.id), pairId: number('pair_id'), parentId: number('parent_id'), side },
		serverPort: portIn(side === 'server' ? 'local' : 'remote'),
		clientPort: portIn(side === 'server' ? 'remote' : 'local'),
		request: new URLSearchParams(text('query_string') ?? '').get('id') ?? '',
		...{ url: text('url') ?? '', comm: String(row.comm), status: number('status'), version: text('http_version') },
		state: row.reason === null ? String(row.state) : `${String(row.state)} (${String(row.reason)})`,
		...{ anomalies: text('anomalies'), lost: Number(row.lost_bytes), tls: text('tls') },
		...{ via: text('via'), reqVia: text('req_via'), connection: number('conn') },
		...{ sent: Number(row.req_body_bytes), sentHeld: held('req_body_raw'), sentNote: text('req_body_note') },
		...{ got: Number(row.res_body_bytes), gotHeld: held('res_body_raw'), gotNote: text('res_body_note') },
	};
}

/** What the two ends are expected to be. `null`: in clear text. */
export type Ends = { readonly server: TlsLibrary | null; readonly client: TlsLibrary | null };

/** The functions that move plaintext, by the value of `tls`. */
const FUNCTIONS: Readonly<Record<TlsLibrary, RegExp>> = {
	openssl: /^SSL_(read|write|sendfile)/,
	gnutls: /^gnutls_record_(recv|send)/,
	nss: /^PR_(Read|Write|Recv|Send)/,
};

/** What is wrong with the rows of one port. */
export type Verdict = {
	/** Rows that differ from what the peers say, and rows that nobody speaks of. */
	readonly wrong: readonly string[];
	/** Rows that there should have been, and are not; and those without a connection. */
	readonly missing: readonly string[];
};

export type HopWish = {
	readonly port: number;
	readonly ends: Ends;
	readonly http2: boolean;
	/** Whether ports of statements are those of this hop. */
	readonly ports: boolean;
	/** Which sides are expected; both if absent. */
	readonly sides?: readonly ('server' | 'client')[];
};

/** Compares the rows of a hop with the statements on its exchanges. */
export function judgeHop(rows: readonly TlsRow[], said: readonly Statement[], wish: HopWish): Verdict {
	const wrong: string[] = [];
	const missing: string[] = [];
	const byRequest = new Map<string, TlsRow[]>();
	const known = new Set(said.map(({ id }) => id));
	const hop = rows.filter(
		({ serverPort, request }) => serverPort === wish.port || (Number.isNaN(serverPort) && known.has(request)),
	);
	for (const row of hop) {
		byRequest.set(row.request, [...(byRequest.get(row.request) ?? []), row]);
		if (!known.has(row.request)) wrong.push(`${nameOf(row)}: nobody speaks of this exchange (${row.state})`);
	}
	for (const statement of said) {
		const found = byRequest.get(statement.id) ?? [];
		const pair: TlsRow[] = [];
		for (const side of wish.sides ?? (['server', 'client'] as const)) {
			const mine = found.filter((row) => row.side === side);
			const [row] = mine;
			if (mine.length > 1) wrong.push(`${statement.id}: ${mine.length} rows of side ${side}`);
			if (row === undefined) missing.push(`${statement.id}: no row of side ${side}`);
			else if (row.anomalies?.includes('tls-unmapped')) missing.push(`${nameOf(row)}: tls-unmapped`);
			else {
				pair.push(row);
				wrong.push(...rowProblems(row, statement, wish).map((problem) => `${nameOf(row)}: ${problem}`));
			}
		}
		const [one, other] = pair;
		if (one !== undefined && other !== undefined && (one.pairId !== other.id || other.pairId !== one.id))
			wrong.push(`${nameOf(one)}: pair_id ${one.pairId}, and of the other side ${other.pairId}`);
	}
	// Requests that the client sent over one connection are on one connection in the rows, and others on others.
	for (const side of wish.ports ? (wish.sides ?? ['server', 'client']) : [])
		wrong.push(
			...connectionProblems(
				hop.filter((row) => row.side === side),
				said,
			),
		);
	return { wrong, missing };
}

/**
 * Compares the rows of connections that are older than the capture: until something proves which response belongs to which
 * request, they are in rows of their own, and say so. Every request has a row, except those that `mayLack` one; what a row
 * says must be right.
 */
export function judgeOlder(
	rows: readonly TlsRow[],
	said: readonly Statement[],
	wish: HopWish,
	mayLack: (id: string) => boolean,
): Verdict & { readonly whole: ReadonlyMap<string, ReadonlySet<string>> } {
	const wrong: string[] = [];
	const missing: string[] = [];
	const hop = rows.filter(({ serverPort }) => serverPort === wish.port);
	const open = (row: TlsRow) => /\((capture began|request not seen)\)$/.test(row.state);
	const whole = new Map<string, Set<string>>();
	for (const side of ['server', 'client'] as const) {
		const mine = hop.filter((row) => row.side === side);
		whole.set(side, new Set());
		for (const statement of said) {
			const found = mine.filter(({ request }) => request === statement.id);
			const [row] = found;
			if (found.length > 1) wrong.push(`${statement.id}: ${found.length} rows of side ${side}`);
			if (row === undefined) {
				if (!mayLack(statement.id)) missing.push(`${statement.id}: no row of side ${side}`);
			} else if (row.anomalies?.includes('tls-unmapped')) missing.push(`${nameOf(row)}: tls-unmapped`);
			else if (row.state === 'complete') {
				whole.get(side)!.add(statement.id);
				wrong.push(...rowProblems(row, statement, wish).map((problem) => `${nameOf(row)}: ${problem}`));
			} else if (!open(row)) wrong.push(`${nameOf(row)}: ${row.state}`);
			else if (row.clientPort !== (statement.port ?? statement.peer))
				wrong.push(`${nameOf(row)}: port ${row.clientPort}`);
		}
		const bodies = new Set(said.map(({ got }) => got));
		for (const row of mine)
			if (row.request === '' && !(open(row) && row.tls !== null && bodies.has(row.gotHeld)))
				wrong.push(`${nameOf(row)}: nobody speaks of this response (${row.state})`);
		wrong.push(...connectionProblems(mine, said));
	}
	return { wrong, missing, whole };
}

function connectionProblems(rows: readonly TlsRow[], said: readonly Statement[]): string[] {
	const portOf = new Map(said.map((one) => [one.id, one.port ?? one.peer]));
	const ports = new Map<number, number>();
	const problems: string[] = [];
	for (const row of rows) {
		const port = portOf.get(row.request);
		if (row.connection === null || port === undefined || port === null) continue;
		const before = ports.get(row.connection) ?? port;
		ports.set(row.connection, before);
		if (before !== port) problems.push(`${nameOf(row)}: connection ${row.connection} has ports ${before} and ${port}`);
	}
	return problems;
}

function nameOf({ id, side, comm, request }: TlsRow): string {
	return `row ${id} (${side}, ${comm}, ${request === '' ? 'no id' : request})`;
}

function rowProblems(row: TlsRow, said: Statement, wish: HopWish): string[] {
	const problems: string[] = [];
	const expect = (what: string, expected: unknown, got: unknown) => {
		if (expected !== got) problems.push(`${what}: expected ${String(expected)}, got ${String(got)}`);
	};
	const library = row.side === 'server' ? wish.ends.server : wish.ends.client;
	if (!closedEarly(row, wish)) expect('state', 'complete', row.state);
	expect('status', said.status, row.status);
	expect('http_version', wish.http2 ? '2' : 'HTTP/1', wish.http2 ? row.version : `HTTP/${row.version?.split('.')[0]}`);
	expect('anomalies', null, row.anomalies);
	expect('lost_bytes', 0, row.lost);
	expect('tls', library, row.tls);
	expect('scheme of url', wish.ends.server === null ? 'http' : 'https', row.url.split(':')[0]);
	expect('id in url', said.id, new URLSearchParams(row.url.split('?')[1] ?? '').get('id'));
	if (wish.ports) {
		if (said.port !== null) expect("the client's port by the client", said.port, row.clientPort);
		if (said.peer !== null) expect("the client's port by the server", said.peer, row.clientPort);
	}
	expect('res_body_bytes', said.gotBytes, row.got);
	// sendfile is only possible in clear text.
	const held = (note: string | null) => library !== null || !note?.includes('via sendfile');
	if (held(row.gotNote)) expect('SHA-256 of the response', said.got, row.gotHeld);
	if (held(row.sentNote)) expect('SHA-256 of the request', said.sent, row.sentHeld);
	if (library !== null)
		for (const [column, value] of [
			['via', row.via],
			['req_via', row.reqVia],
		] as const)
			if (!FUNCTIONS[library].test(value ?? '')) problems.push(`${column}: expected ${library}'s, got ${value}`);
	return problems;
}

/** A client of HTTP/2 that has all bytes that `content-length` announces may go before it reads the frame that ends the stream. */
export function closedEarly(row: TlsRow, { http2 }: HopWish): boolean {
	return http2 && row.side === 'client' && row.state === 'incomplete (closed)';
}

/** Of a proxy: `parent_id` of its client rows. Wrong if it is that of another request; `known`: how many have one. */
export function judgeParents(
	rows: readonly TlsRow[],
	port: number,
	back: number,
): { wrong: string[]; known: number; of: number } {
	const fronts = new Map(
		rows.filter((row) => row.serverPort === port && row.side === 'server').map((row) => [row.id, row]),
	);
	const asked = rows.filter((row) => row.serverPort === back && row.side === 'client');
	const wrong: string[] = [];
	let known = 0;
	for (const row of asked) {
		if (row.parentId === null) continue;
		const parent = fronts.get(row.parentId);
		if (parent?.request === row.request) known++;
		else
			wrong.push(
				`${nameOf(row)}: parent_id ${row.parentId} is ${parent === undefined ? 'no row of its front' : nameOf(parent)}`,
			);
	}
	return { wrong, known, of: asked.length };
}

type Case = readonly [what: string, rows: readonly TlsRow[], said: readonly Statement[]];

/**
 * Proves that the comparison notices: judges the same rows with statements, and rows, that are falsified one at a time. Returns
 * the falsifications that it does not notice. Only for a verdict without complaints.
 */
export function unnoticed(rows: readonly TlsRow[], said: readonly Statement[], wish: HopWish): string[] {
	const other = said.find(({ connection }) => connection !== said[0]?.connection);
	if (said[0] === undefined || other === undefined) return [];
	const change = (changed: Partial<Statement>): readonly Statement[] => [{ ...said[0]!, ...changed }, ...said.slice(1)];
	const sides: readonly string[] = wish.sides ?? ['server', 'client'];
	const mine = rows.findIndex(
		(row) => row.request === said[0]!.id && row.serverPort === wish.port && sides.includes(row.side),
	);
	const alter = (changed: Partial<TlsRow>): readonly TlsRow[] =>
		rows.map((row, i) => (i === mine ? { ...row, ...changed } : row));
	const swapped = said.map((one) => {
		if (one === said[0]) return { ...other, id: one.id };
		return one === other ? { ...said[0]!, id: other.id } : one;
	});
	const cases: Case[] = [
		['a hash of the response', rows, change({ got: sha256(Buffer.from('falsified')) })],
		['a hash of the request', rows, change({ sent: sha256(Buffer.from('falsified')) })],
		['a length', rows, change({ gotBytes: said[0].gotBytes + 1 })],
		['a status', rows, change({ status: 404 })],
		['a request that nobody sent', rows, [...said, { ...said[0], id: 'falsified' }]],
		['a request that nobody speaks of', rows, said.slice(1)],
		['a row less', rows.filter((_, i) => i !== mine), said],
		['a row twice', [...rows, rows[mine]!], said],
		['tls', alter({ tls: 'go' }), said],
		['url', alter({ url: rows[mine]?.url.replace(/^\w+/, 'ftp') ?? '' }), said],
		['a pair', wish.sides === undefined ? alter({ pairId: 0 }) : [], said],
		['an incomplete row', alter({ state: 'incomplete (bytes lost)' }), said],
		['no connection', alter({ anomalies: 'tls-unmapped' }), said],
		['bytes lost', alter({ lost: 1 }), said],
	];
	if (wish.ends.server !== null) cases.push(['via', alter({ via: 'read' }), said]);
	if (wish.ports && said[0].port !== null) cases.push(["the client's port by the client", rows, change({ port: 1 })]);
	if (wish.ports && said[0].peer !== null) {
		cases.push(["the client's port by the server", rows, change({ peer: 1 })]);
		cases.push(['two connections exchanged', rows, swapped]);
	}
	return cases
		.filter(([, falseRows, falseSaid]) => {
			const { wrong, missing } = judgeHop(falseRows, falseSaid, wish);
			return wrong.length + missing.length === 0;
		})
		.map(([what]) => what);
}
