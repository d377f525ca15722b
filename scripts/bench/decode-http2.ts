// HTTP/2 in the decoder, compared with Node's own http2, and header compression, compared with libnghttp2.
import { type ConnectionTape, Tape } from '../../support/record-builder.ts';
import type { DecodeOptions } from './decode.ts';
import { decodeBatches, newDecoder } from './decoder-run.ts';
import { libnghttp2, timeHpack } from './hpack.ts';
import { readByNode, recordTalk, type Said } from './http2-talk.ts';
import { publish } from './page.ts';
import { figure, type Spread, spreadOf, spreadText, table } from './rounds.ts';
import { BATCH_BYTES, KINDS, type Kind } from './spoken.ts';

/** Exchanges of one connection. */
const EXCHANGES = 2000;
const KIND_NAMES = ['heads: browser GETs, 304', 'JSON API', '64 KiB bodies, kept'];
const LEAST_TIMES = 2;
const LEAST_HPACK = 0.7;

type Measured = { readonly name: string; readonly ours: Spread; readonly node: Spread; readonly times: Spread };
type Hpack = { readonly name: string; readonly ours: Spread; readonly theirs: Spread; readonly times: Spread };

export async function benchHttp2({ rows, rounds, write }: DecodeOptions): Promise<void> {
	const versions = { libnghttp2: libnghttp2() };
	const measured: Measured[] = [];
	const hpack: Hpack[] = [];
	for (const kind of KINDS.filter(({ name }) => KIND_NAMES.includes(name))) {
		const list = Array.from({ length: Math.max(20, Math.ceil(EXCHANGES * kind.share)) }, (_, i) => kind.exchange(i));
		const said = await recordTalk(list);
		const connections = Math.ceil((rows * kind.share) / list.length);
		const one = await compare(kind, list, said, connections, rounds);
		measured.push(one);
		console.log(`HTTP/2, ${kind.name}: ${figure(one.ours.median / 1e3)}k/s, ${figure(one.times.median)} times Node's`);
		if (kind.share < 1) continue;
		for (const [direction, what] of [
			['in', 'requests'],
			['out', 'responses'],
		] as const) {
			const { ours, theirs } = timeHpack(said, direction, rounds);
			const times = spreadOf(ours.map((ns, i) => theirs[i]! / ns));
			hpack.push({ name: `${kind.name}, ${what}`, ours: spreadOf(ours), theirs: spreadOf(theirs), times });
			console.log(`HPACK, ${kind.name}, ${what}: ${figure(times.median)} times libnghttp2's`);
		}
	}
	const least = Math.min(...measured.map(({ times }) => times.median));
	const leastHpack = Math.min(...hpack.map(({ times }) => times.median));
	publish(
		{
			name: 'decode-http2',
			title: 'HTTP/2 in the decoder',
			method: `Node's client and server have the exchanges of the decoder's other measurements in memory, 20 at a time on a connection. The decoder reads both directions in calls as they
were sent. Node's server reads what the client sent, and its client, which has sent the same requests before, what the server answered, as fast as they can; they hand out an object of fields and the bytes of the body. The
readers take turns, ${rounds} rounds after one to warm up, and must find as many messages and bytes. HPACK: tinytap's reader, as a module of its own, and libnghttp2's inflater, in C, read the header blocks of these
conversations in turn, and must find as many fields and bytes.`,
			command: `npm run bench -- decode-http2 --rows ${rows} --rounds ${rounds}`,
			versions,
			goals: [
				{ goal: `${LEAST_TIMES} times Node's own http2`, figure: `${figure(least)} times`, met: least >= LEAST_TIMES },
				{
					goal: `HPACK: ${LEAST_HPACK} times libnghttp2's inflater`,
					figure: `${figure(leastHpack)} times`,
					met: leastHpack >= LEAST_HPACK,
				},
			],
			figures: [
				table(
					['exchanges', 'tinytap, thousand messages/s', "Node's http2", 'times'],
					measured.map(({ name, ours, node, times }) => [
						name,
						...[ours, node].map(({ median, min, max }) =>
							spreadText({ median: median / 1e3, min: min / 1e3, max: max / 1e3 }),
						),
						spreadText(times),
					]),
				),
				table(
					['HPACK', 'tinytap, ns a field', 'libnghttp2', 'times as fast'],
					hpack.map(({ name, ours, theirs, times }) => [name, spreadText(ours), spreadText(theirs), spreadText(times)]),
				),
			].join('\n\n'),
		},
		write,
	);
}

/** Messages a second, the readers in turn. */
async function compare(
	kind: Kind,
	list: Parameters<typeof readByNode>[0],
	said: readonly Said[],
	connections: number,
	rounds: number,
): Promise<Measured> {
	const decoder = newDecoder(kind);
	const ours: number[] = [];
	const node: number[] = [];
	const messages = list.length * 2 * connections;
	for (let round = 0; round <= rounds; round++) {
		const found = decodeBatches(decoder, batchesOf(said, connections, round));
		let seconds = 0;
		for (let i = 0; i < connections; i++) {
			const one = await readByNode(list, said);
			seconds += one.seconds;
			if (one.messages * connections !== found.messages || one.bodyBytes * connections !== found.bodyBytes)
				throw new Error(`HTTP/2, ${kind.name}: Node finds ${JSON.stringify(one)}, we find ${JSON.stringify(found)}`);
		}
		if (found.messages !== messages)
			throw new Error(`HTTP/2, ${kind.name}: ${found.messages} messages, not ${messages}`);
		// The first round warms up.
		if (round === 0) continue;
		ours.push(messages / found.seconds);
		node.push(messages / seconds);
	}
	const times = spreadOf(ours.map((rate, i) => rate / node[i]!));
	return { name: kind.name, ours: spreadOf(ours), node: spreadOf(node), times };
}

/** The conversation on new connections of a server, one after another. */
function batchesOf(said: readonly Said[], connections: number, round: number): Uint8Array[] {
	const batches: Uint8Array[] = [];
	for (let i = 1; i <= connections; i++) {
		const number = round * connections + i;
		const tape = new Tape();
		tape.timeNs = BigInt(number) * 10n ** 12n;
		const remote = `10.0.1.${number % 250}:${1024 + (number % 60_000)}`;
		const server: ConnectionTape = tape.server(number, { local: '10.0.0.1:80', remote }).open();
		let bytes = 0;
		for (const { direction, bytes: part } of said) {
			server[direction](part);
			bytes += part.length;
			if (bytes < BATCH_BYTES) continue;
			batches.push(tape.batch());
			tape.records.length = 0;
			bytes = 0;
		}
		server.close();
		batches.push(tape.batch());
	}
	return batches;
}
