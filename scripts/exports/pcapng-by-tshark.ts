// Packets as Wireshark's tshark dissects them: method, target and status of each exchange, and the bodies.
import { spawnSync } from 'node:child_process';
import { decodeContent } from '../../src/decode/content-coding.ts';
import { type ExchangeDetail, messageBody } from '../../src/output/exchange-parts.ts';
import { requireEqual, type Source } from './source.ts';

type Seen = {
	method: string | null;
	target: string | null;
	status: string | null;
	bodies: Record<'req' | 'res', string>;
};

/** Throws if tshark sees something else; returns what was compared. */
export async function comparePackets(source: Source): Promise<string> {
	const { path, bytes } = await source.export('pcapng');
	const seen = dissect(path, source.exchanges.length);
	const columns = ['method', 'target', 'status', 'request body', 'response body'].map((name) => ({ name }));
	let bodies = 0;
	const rows = source.exchanges.map((exchange, index) => {
		const { method, status } = exchange.columns;
		const wanted = (['req', 'res'] as const).map((message) => {
			const got = seen[index]!.bodies[message];
			const body = wholeBody(exchange, message);
			if (body === undefined) return got;
			bodies++;
			// It undoes the codings that it knows.
			return body.includes(got) ? got : body[0];
		});
		return [method ?? null, exchange.requestTarget?.text ?? null, status == null ? null : String(status), ...wanted];
	});
	requireEqual(
		'tshark',
		columns,
		seen.map(({ method, target, status, bodies: { req, res } }) => [method, target, status, req, res]),
		rows,
	);
	return `${rows.length} exchanges, ${bodies} bodies, ${bytes} bytes`;
}

/** As hex, with its coding and without; undefined if it is not held whole. */
function wholeBody(exchange: ExchangeDetail, message: 'req' | 'res'): string[] | undefined {
	const { raw, total, contentEncoding } = messageBody(exchange, message);
	const held = raw ?? new Uint8Array(0);
	if (held.length < total) return undefined;
	return [held, decodeContent(held, contentEncoding).bytes].map((bytes) => Buffer.from(bytes).toString('hex'));
}

function dissect(path: string, count: number): Seen[] {
	const { stdout, stderr, status } = spawnSync('tshark', ['-r', path, '-Y', 'http', '-T', 'pdml', '-J', 'http tcp'], {
		maxBuffer: 1 << 30,
	});
	if (status !== 0) throw new Error(`tshark: ${String(stderr)}`);
	const seen = Array.from(
		{ length: count },
		(): Seen => ({ method: null, target: null, status: null, bodies: { req: '', res: '' } }),
	);
	for (const packet of String(stdout).split('<packet>').slice(1)) {
		const field = (name: string, part: 'show' | 'value') =>
			new RegExp(`<field name="${name}"[^>]*? ${part}="([^"]*)"`).exec(packet)?.[1] ?? null;
		const exchange = seen[Number(field('tcp.stream', 'show'))]!;
		const [method, status] = [field('http.request.method', 'value'), field('http.response.code', 'show')];
		if (method !== null) {
			exchange.method = text(method);
			exchange.target = text(field('http.request.uri', 'value') ?? '');
		}
		if (status !== null) exchange.status = status;
		if (method !== null || status !== null)
			exchange.bodies[method === null ? 'res' : 'req'] = field('http.file_data', 'value') ?? '';
	}
	return seen;
}

function text(hex: string): string {
	return Buffer.from(hex, 'hex').toString();
}
