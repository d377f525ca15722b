// The rows of a capture as this script reads them, and the query for them.
import { parseRows, startTinytap } from '../../support/tinytap.ts';
import type { Hop } from './server-kind.ts';
import { remember, unlessEnding } from './start-server.ts';

/** What tinytap reports about one body. */
export type CapturedBody = {
	/** True length. */
	readonly bytes: number;
	readonly captured: number;
	readonly note: string | null;
	/** Null if nothing was captured. */
	readonly raw: Buffer | null;
	readonly via: string | null;
};

export type CapturedRow = {
	readonly id: number;
	readonly side: string;
	readonly pairId: number | null;
	readonly comm: string;
	/** The server's end. */
	readonly address: string;
	/** Number of the case, from the query string. */
	readonly number: number;
	readonly state: string;
	readonly reason: string | null;
	readonly status: number | null;
	readonly vias: string | null;
	readonly lost: number;
	readonly anomalies: string | null;
	readonly request: CapturedBody;
	readonly response: CapturedBody;
};

const SQL = `SELECT id, side, pair_id, comm, local, remote, query_string, state, reason, status, vias, lost_bytes, anomalies,
	req_body_bytes, req_captured_bytes, req_body_note, req_body_raw, req_via,
	res_body_bytes, res_captured_bytes, res_body_note, res_body_raw, via
	FROM exchanges ORDER BY id`;

/** Large enough for all bodies of one capture, so that a busy machine loses no more than an idle one. */
export const CAPTURE_OPTIONS = ['--format', 'ndjson', '--body-limit', 'none', '--ring-size', '64MiB'];

/** The parameter of the query string that holds a case's number. */
export const CASE_NAME = 'case';

/** Captures everything on the hops while `work` runs, with bodies of any size, and records it into the file `recording`. */
export async function captureExchanges(
	hops: readonly Hop[],
	recording: string,
	work: () => Promise<void>,
): Promise<CapturedRow[]> {
	// A unix socket has no port, so then everything is captured.
	const filters = hops.some(({ socket }) => socket !== undefined)
		? []
		: hops.flatMap(({ port }) => ['--port', String(port)]);
	const tinytap = startTinytap(['query', SQL, ...CAPTURE_OPTIONS, '--record', recording, '--force', ...filters]);
	remember({ pid: tinytap.child.pid ?? -1, stop: tinytap.stop, output: tinytap.stderr });
	await unlessEnding(tinytap.attached());
	await unlessEnding(work());
	tinytap.interrupt();
	const { code, stdout, stderr } = await tinytap.finished;
	if (code !== 0) throw new Error(`tinytap query ended with ${code}: ${stderr}`);
	// Table `loss` covers the whole host; loss in these exchanges is visible in their rows.
	return parseRows(stdout).map(capturedRow);
}

/** Whether the row belongs to this hop. */
export function isOn({ address }: CapturedRow, { port, socket }: Hop): boolean {
	return socket === undefined ? address.endsWith(`:${port}`) : address === `unix:${socket}`;
}

function capturedRow(row: Readonly<Record<string, unknown>>): CapturedRow {
	const side = String(row.side);
	const address = textOrNull(side === 'server' ? row.local : row.remote) ?? '';
	return {
		id: Number(row.id),
		side,
		pairId: numberOrNull(row.pair_id),
		comm: String(row.comm),
		address,
		number: Number(new URLSearchParams(textOrNull(row.query_string) ?? '').get(CASE_NAME) ?? Number.NaN),
		state: String(row.state),
		reason: textOrNull(row.reason),
		status: numberOrNull(row.status),
		vias: textOrNull(row.vias),
		lost: Number(row.lost_bytes),
		anomalies: textOrNull(row.anomalies),
		request: capturedBody(row, 'req', row.req_via),
		response: capturedBody(row, 'res', row.via),
	};
}

function capturedBody(row: Readonly<Record<string, unknown>>, prefix: 'req' | 'res', via: unknown): CapturedBody {
	const raw = textOrNull(row[`${prefix}_body_raw`]);
	return {
		bytes: Number(row[`${prefix}_body_bytes`]),
		captured: Number(row[`${prefix}_captured_bytes`]),
		note: textOrNull(row[`${prefix}_body_note`]),
		raw: raw === null ? null : Buffer.from(raw, 'base64'),
		via: textOrNull(via),
	};
}

function textOrNull(value: unknown): string | null {
	return typeof value === 'string' ? value : null;
}

function numberOrNull(value: unknown): number | null {
	return value === null || value === undefined ? null : Number(value);
}
