// The exchanges in a file of packets as tshark reads them.
import { spawnSync } from 'node:child_process';
import type { ReadExchange } from './exchange.ts';

const FIELDS = [
	...['frame.number', 'tcp.stream', 'ip.src', 'ipv6.src', 'tcp.srcport', 'ip.dst', 'ipv6.dst', 'tcp.dstport'],
	...['http.request.method', 'http.request.uri', 'http.host', 'http.response.code', 'http.content_type'],
] as const;

/** Bodies as they are on the wire, without chunks. */
const OPTIONS = ['-o', 'http.decompress_body:FALSE', '-o', 'tcp.reassemble_out_of_order:TRUE'];

type Message = { readonly [name in (typeof FIELDS)[number]]: string } & { readonly bytes: number };

/** `ports`: of the servers. */
export function tsharkExchanges(path: string, ports: readonly number[]): ReadExchange[] {
	const as = ports.flatMap((port) => ['-d', `tcp.port==${port},http`]);
	const common = ['-n', '-r', path, '-Y', 'http', ...OPTIONS, ...as];
	const fields = FIELDS.flatMap((field) => ['-e', field]);
	const lines = tshark([...common, '-T', 'fields', '-E', 'occurrence=f', ...fields]).split('\n');
	const sizes = bodySizes(tshark([...common, '-V', '-O', 'http']));
	const streams = new Map<string, { requests: Message[]; responses: Message[] }>();
	for (const line of lines.filter((each) => each !== '')) {
		const values = line.split('\t');
		const members = Object.fromEntries(FIELDS.map((field, i) => [field, values[i] ?? '']));
		const message = { ...members, bytes: sizes.get(members['frame.number']!) ?? 0 } as Message;
		const stream = streams.get(message['tcp.stream']) ?? { requests: [], responses: [] };
		streams.set(message['tcp.stream'], stream);
		if (message['http.request.method'] !== '') stream.requests.push(message);
		// Interim responses belong to the same request as the final one.
		else if (!/^1(?!01)/.test(message['http.response.code'])) stream.responses.push(message);
	}
	return [...streams.values()].flatMap(({ requests, responses }) =>
		requests.map((request, i) => exchangeOf(request, responses[i])),
	);
}

function exchangeOf(request: Message, response: Message | undefined): ReadExchange {
	const end = (v4: string, v6: string, port: string) => `${v6 === '' ? v4 : `[${v6}]`}:${port}`;
	const client = end(request['ip.src'], request['ipv6.src'], request['tcp.srcport']);
	const server = end(request['ip.dst'], request['ipv6.dst'], request['tcp.dstport']);
	return {
		connection: `${client} ${server}`,
		method: request['http.request.method'],
		uri: request['http.request.uri'],
		host: request['http.host'],
		status: Number(response?.['http.response.code'] ?? 0),
		contentType: response?.['http.content_type'] ?? '',
		requestBytes: request.bytes,
		responseBytes: response?.bytes ?? 0,
		reason: '',
	};
}

/** By number of the frame: the length of the body, which no field gives. */
function bodySizes(text: string): Map<string, number> {
	const sizes = new Map<string, number>();
	let frame = '';
	for (const line of text.split('\n')) {
		frame = /^Frame (\d+):/.exec(line)?.[1] ?? frame;
		const size = /^ {4}(?:File Data|Content-encoded entity body \([^)]*\)): (\d+) bytes/.exec(line)?.[1];
		if (size !== undefined) sizes.set(frame, Number(size));
	}
	return sizes;
}

function tshark(args: readonly string[]): string {
	const { status, stdout, stderr, error } = spawnSync('tshark', args, { encoding: 'utf8', maxBuffer: 1 << 30 });
	if (status !== 0) throw new Error(`tshark ${args.slice(0, 6).join(' ')} … failed: ${error?.message ?? stderr}`);
	return stdout;
}
