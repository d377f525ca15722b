// Checks the rows of one exchange and lists what is wrong.
import { sha256 } from './bodies.ts';
import { type CapturedBody, type CapturedRow, isOn } from './captured-row.ts';
import type { Carriers, Hop, Target } from './server-kind.ts';

/** One exchange over one connection, as both ends saw it. */
export type Judged = {
	readonly target: Target;
	readonly client: string;
	readonly hop: Hop;
	readonly server: CapturedRow | undefined;
	readonly asked: CapturedRow | undefined;
	/** The result of comparing SHA-256 sums of the held bytes, for the page. */
	readonly compared: string;
	/** One sentence each; empty if everything is correct. */
	readonly failures: readonly string[];
};

export type Exchange = {
	readonly number: number;
	readonly target: Target;
	readonly client: string;
	/** What the client wrote into its file: the bytes on the wire after transfer decoding. */
	readonly received: Buffer;
};

type Ends = { readonly request?: Carriers | undefined; readonly response?: Carriers | undefined };

/** Finds the two rows of an exchange on a hop and judges them. `client`: the calls of the hop's client. */
export function judge(exchange: Exchange, hop: Hop, client: Ends, rows: readonly CapturedRow[]): Judged {
	const { number, target } = exchange;
	const failures: string[] = [];
	const here = rows.filter((row) => row.number === number && isOn(row, hop));
	const server = onlyOne('server', here, failures);
	const asked = onlyOne('client', here, failures);
	if (server !== undefined && asked !== undefined && (server.pairId !== asked.id || asked.pairId !== server.id)) {
		failures.push(`rows do not pair: server ${server.id} → ${server.pairId}, client ${asked.id} → ${asked.pairId}`);
	}
	const compared: string[] = [];
	const sent = target.requestBody?.bytes ?? Buffer.alloc(0);
	for (const [row, ends] of [
		[server, hop.server],
		[asked, client],
	] as const) {
		if (row === undefined) continue;
		failures.push(...rowFailures(row, target));
		const request = judgeBody(row.request, sent, ends.request?.(target));
		const response = judgeBody(row.response, exchange.received, ends.response?.(target));
		failures.push(...request.failures.map((failure) => `${row.side} row, request: ${failure}`));
		failures.push(...response.failures.map((failure) => `${row.side} row, response: ${failure}`));
		const same = [request.same, response.same].filter((words) => words !== '');
		if (same.length > 0) compared.push(`${row.side}: ${same.join('; ')}`);
	}
	return { target, client: exchange.client, hop, server, asked, compared: compared.join(', '), failures };
}

function onlyOne(side: string, rows: readonly CapturedRow[], failures: string[]): CapturedRow | undefined {
	const found = rows.filter((row) => row.side === side);
	if (found.length !== 1) failures.push(`expected 1 row of side ${side}, got ${found.length}`);
	return found[0];
}

function rowFailures(row: CapturedRow, target: Target): string[] {
	const failures: string[] = [];
	const expect = (name: string, expected: unknown, got: unknown): void => {
		if (expected !== got) failures.push(`${row.side} row: expected ${name} ${expected}, got ${got}`);
	};
	expect('state', 'complete', row.reason === null ? row.state : `${row.state} (${row.reason})`);
	if (!target.statuses.includes(row.status ?? 0))
		failures.push(`${row.side} row: expected status ${target.statuses.join(' or ')}, got ${row.status}`);
	expect('lost_bytes', 0, row.lost);
	expect('anomalies', null, row.anomalies);
	return failures;
}

/** `same`: which bytes were compared and found equal; '' if none. */
function judgeBody(
	body: CapturedBody,
	bytes: Buffer,
	carriers: readonly string[] | undefined,
): { readonly failures: readonly string[]; readonly same: string } {
	const failures: string[] = [];
	if (body.bytes !== bytes.length) failures.push(`expected ${bytes.length} bytes, got ${body.bytes}`);
	if (carriers !== undefined && !carriers.includes(body.via ?? 'none'))
		failures.push(`expected via ${carriers.join(' or ')}, got ${body.via}`);
	const held = body.raw ?? Buffer.alloc(0);
	if (held.length !== body.captured) failures.push(`says ${body.captured} bytes are held, has ${held.length}`);

	const zeroCopy = body.via === 'sendfile' || body.via === 'splice';
	if (!zeroCopy || bytes.length === 0) {
		if (body.captured !== bytes.length) failures.push(`holds ${body.captured} of ${bytes.length} bytes`);
		if (body.note !== null) failures.push(`expected no note, got ${JSON.stringify(body.note)}`);
		if (sha256(held) !== sha256(bytes)) failures.push('the SHA-256 of the held bytes differs');
		return { failures, same: bytes.length === 0 ? '' : 'all' };
	}
	const note = zeroCopyNote(bytes.length, body.captured, body.via ?? '');
	if (!note.includes(body.note ?? ''))
		failures.push(`expected note ${JSON.stringify(note[0])}, got ${JSON.stringify(body.note)}`);
	if (body.captured === 0) {
		if (body.raw !== null) failures.push('expected NULL for a body of which nothing was captured');
		return { failures, same: '' };
	}
	// Bytes written before the file come first; a proxy may copy any part.
	if (body.note?.startsWith('body: first ') && sha256(held) !== sha256(bytes.subarray(0, held.length)))
		failures.push(`the held ${held.length} bytes are not the first ones`);
	return { failures, same: body.note?.startsWith('body: first ') ? `first ${held.length.toLocaleString('en')}` : '' };
}

/** The documented notes for a body that was moved, wholly or partly, inside the kernel. */
function zeroCopyNote(total: number, held: number, call: string): string[] {
	if (held === 0) return [`body: ${total} bytes via ${call} — content not captured`];
	const rest = `${held} of ${total} bytes; ${total - held} via ${call} — content not captured`;
	return [`body: first ${rest}`, `body: ${rest}`];
}
