// The streams of HTTP/2 in a file of packets as tshark reads them, compared with the rows of a capture of the same traffic.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Http2Row } from './http2-rows.ts';

/** One direction of a stream. */
type Seen = {
	/** `NAME: VALUE` of all its header blocks in order. Those of interim responses are left out, whose fields are in no row. */
	fields: string[];
	bytes: number;
};
type Stream = { request: Seen; response: Seen };

const DATA = 0;
const HEADERS = 1;
const PUSH_PROMISE = 5;
const CONTINUATION = 9;

/**
 * What differs between the rows and what tshark sees, one sentence each, and how many streams and fields were compared.
 * `upgrades`: connections to the first port begin in HTTP/1.
 */
export async function compareWithTshark(
	packets: string,
	ports: readonly number[],
	upgrades: boolean,
	rows: readonly Http2Row[],
): Promise<{ readonly failures: readonly string[]; readonly streams: number; readonly fields: number }> {
	const seen = await dissect(packets, ports, upgrades);
	const failures: string[] = [];
	let fields = 0;
	const compared = new Set<string>();
	for (const row of rows) {
		const key = `${row.serverPort} ${row.clientPort} ${row.stream_id}`;
		const stream = seen.get(key);
		if (stream === undefined) {
			failures.push(
				`row ${row.id}: tshark sees no stream ${row.stream_id} between ports ${row.serverPort} and ${row.clientPort}`,
			);
			continue;
		}
		compared.add(key);
		const isUpgraded = row.req_http_version === '1.1';
		for (const message of ['request', 'response'] as const) {
			// tshark shows an upgraded request as HTTP/1.
			if (message === 'request' && isUpgraded) continue;
			const other = stream[message].fields.toSorted();
			const own = fieldsOf(row, message, other);
			fields += own.length;
			if (own.join('\n') !== other.join('\n')) {
				const differ = [...own.filter((one) => !other.includes(one)), ...other.filter((one) => !own.includes(one))];
				failures.push(
					`row ${row.id}, ${message}: fields differ from tshark's: ${differ.slice(0, 3).join(', ').slice(0, 300)}`,
				);
			}
			const bytes = Number(message === 'request' ? row.req_body_bytes : row.res_body_bytes);
			if (bytes !== stream[message].bytes)
				failures.push(`row ${row.id}, ${message}: ${bytes} bytes of data, tshark sees ${stream[message].bytes}`);
		}
	}
	for (const key of seen.keys()) if (!compared.has(key)) failures.push(`tshark sees stream ${key}, which has no row`);
	return { failures, streams: compared.size, fields };
}

/**
 * All fields of the message, with the pseudo-headers that are columns; `:scheme` is none. The host may come from the field
 * `host` instead.
 */
function fieldsOf(row: Http2Row, message: 'request' | 'response', other: readonly string[]): string[] {
	const named = row.fields.some(({ name, value }) => name === 'host' && value === row.host);
	const host = named && !other.some((field) => field.startsWith(':authority')) ? null : row.host;
	const pseudo: [string, unknown][] =
		message === 'response'
			? [[':status', row.status]]
			: [
					[':method', row.method],
					[':path', row.target],
					[':authority', host],
				];
	const first = pseudo.filter(([, value]) => value !== null).map(([name, value]) => ({ name, value: String(value) }));
	const own = row.fields.filter((field) => field.message === message);
	return [...first, ...own].map(({ name, value }) => `${name}: ${value}`).toSorted();
}

async function dissect(packets: string, ports: readonly number[], upgrades: boolean): Promise<Map<string, Stream>> {
	const options = [
		'-n',
		'-r',
		packets,
		'-Y',
		'http2',
		'-T',
		'pdml',
		'-J',
		'http2 tcp',
		'-o',
		'tcp.reassemble_out_of_order:TRUE',
	];
	// What it thinks of a message must not end its reading of the packet.
	for (const protocol of ['grpc', 'protobuf']) options.push('--disable-protocol', protocol);
	const as = ports.flatMap((port, i) => ['-d', `tcp.port==${port},${upgrades && i === 0 ? 'http' : 'http2'}`]);
	const child = spawn('tshark', [...options, ...as], {
		stdio: ['ignore', 'pipe', 'pipe'],
	});
	let complaint = '';
	child.stderr.setEncoding('utf8').on('data', (text: string) => {
		complaint += text;
	});
	const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
	const reader = new FrameReader(new Set(ports));
	for await (const line of createInterface({ input: child.stdout })) reader.take(line);
	if ((await ended) !== 0) throw new Error(`tshark failed: ${complaint}`);
	reader.finish();
	return reader.streams;
}

/** Reads tshark's fields, one line each, frame by frame. */
class FrameReader {
	readonly streams = new Map<string, Stream>();
	readonly #ports: ReadonlySet<number>;
	#from = 0;
	#to = 0;
	#frame: { type: number; id: number; length: number; padding: number; promised: number; fields: string[] } | undefined;
	#name = '';

	constructor(ports: ReadonlySet<number>) {
		this.#ports = ports;
	}

	take(line: string): void {
		if (line.includes('<packet>')) this.finish();
		const name = /<field name="([^"]*)"/.exec(line)?.[1];
		if (name === undefined) return;
		const show = / show="([^"]*)"/.exec(line)?.[1] ?? '';
		if (name === 'tcp.srcport') this.#from = Number(show);
		else if (name === 'tcp.dstport') this.#to = Number(show);
		else if (name === 'http2.stream') {
			this.finish();
			this.#frame = { type: -1, id: 0, length: 0, padding: 0, promised: 0, fields: [] };
		}
		const frame = this.#frame;
		if (frame === undefined) return;
		if (name === 'http2.type') frame.type = Number(show);
		else if (name === 'http2.streamid') frame.id = Number(show);
		else if (name === 'http2.length') frame.length = Number(show);
		else if (name === 'http2.padding') frame.padding = Number(show) + 1;
		else if (name === 'http2.push_promise.promised_stream_id') frame.promised = Number(show);
		else if (name === 'http2.header.name') this.#name = show;
		else if (name === 'http2.header.value') frame.fields.push(`${this.#name}: ${unescaped(show)}`);
	}

	finish(): void {
		const frame = this.#frame;
		this.#frame = undefined;
		if (frame === undefined || frame.id === 0) return;
		const asks = this.#ports.has(this.#to);
		const [server, client] = asks ? [this.#to, this.#from] : [this.#from, this.#to];
		const streamOf = (id: number): Stream => {
			const key = `${server} ${client} ${id}`;
			const known = this.streams.get(key);
			if (known !== undefined) return known;
			const stream = { request: { fields: [], bytes: 0 }, response: { fields: [], bytes: 0 } };
			this.streams.set(key, stream);
			return stream;
		};
		const fields = frame.fields.filter((field) => !field.startsWith(':scheme: '));
		if (frame.type === PUSH_PROMISE) streamOf(frame.promised).request.fields.push(...fields);
		if (frame.type !== DATA && frame.type !== HEADERS && frame.type !== CONTINUATION) return;
		const message = streamOf(frame.id)[asks ? 'request' : 'response'];
		if (frame.type === DATA) message.bytes += frame.length - frame.padding;
		else if (!fields.some((field) => /^:status: 1/.test(field))) message.fields.push(...fields);
	}
}

function unescaped(text: string): string {
	const names: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };
	return text.replaceAll(/&(?:#x([\da-f]+)|(\w+));/gi, (whole, hex: string | undefined, name: string | undefined) =>
		hex === undefined ? (names[name ?? ''] ?? whole) : String.fromCharCode(Number.parseInt(hex, 16)),
	);
}
