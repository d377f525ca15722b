// The decoder alone, on one core: compared with other parsers, over many connections, and byte by byte.
import { Tape } from '../../support/record-builder.ts';
import { referenceRows } from '../../support/reference-decoder.ts';
import { countRows, decodeBatches, newDecoder, shortConnections } from './decoder-run.ts';
import { builtInParser, type Found, llhttpByteTime, llhttpWasm, type Rival } from './http-parsers.ts';
import { publish } from './page.ts';
import { figure, type Spread, spreadOf, spreadText, table } from './rounds.ts';
import { batchesOf, KINDS, type Kind, type Spoken } from './spoken.ts';

export type DecodeOptions = { readonly rows: number; readonly rounds: number; readonly write: boolean };

const MIB = 2 ** 20;
/** The reference decoder rereads its streams at every call, so more exchanges would only slow it down. */
const REFERENCE_EXCHANGES = 20;

export function benchDecode({ rows, rounds, write }: DecodeOptions): void {
	const rivals = [llhttpWasm(false), llhttpWasm(true), builtInParser()];
	const measured = KINDS.map((kind) => measureKind(kind, Math.ceil(rows * kind.share), rounds, rivals));
	measureConnections(50_000);
	const connections = [10_000, 100_000, 1_000_000].map(measureConnections);
	const single = BYTE_INPUTS.map(measureBytes);

	const heads = measured[0]!;
	const times = (rival: number) => figure(heads.ours.messages.median / heads.rivals[rival]!.messages.median);
	const ratio = heads.ours.messages.median / heads.rivals[1]!.messages.median;
	const bodies = measured.filter(({ name }) => name.startsWith('64 KiB'));
	const slowest = Math.min(...bodies.map(({ ours }) => ours.bytes.median));
	const growth = connections[2]!.perEvent / connections[1]!.perEvent;
	const worst = Math.max(...single.map(({ small }) => small.bytewise / small.whole));
	publish(
		{
			name: 'decode',
			title: 'Decoder',
			method: `Each parser reads the same exchanges. The parsers take turns in one process on one core, ${rounds} rounds after one to warm up. The bytes
are in the parser's memory before the clock starts. The decoder reads capture records and hands out rows: messages paired, fields
listed, bodies kept up to the limit; one decoder handles all rounds, on new connections. The other parsers get each message whole and report spans. In one run
the spans of llhttp in WASM are only counted, in another they are kept as texts; Node's own parser makes texts. Each parser reports how many messages and body
bytes it found, and all must agree. A message is a request or a response.

Connections: each is opened, has one exchange and is closed, in four records; the memory limit is 256 MiB. Byte by byte: a new decoder reads the same input in
pieces of 16 KiB and in records of one byte (88 bytes of header each). llhttp gets everything in one call, and then one call per byte; its spans are not even counted.`,
			command: `npm run bench -- decode --rows ${rows} --rounds ${rounds}`,
			versions: Object.fromEntries(rivals.map(({ name, version }) => [name, version])),
			goals: [
				{
					goal: 'heads: 3 times the messages a second of llhttp in WASM',
					figure: `${times(1)} times when llhttp's fields are kept as texts, ${times(0)} times when they are only counted`,
					met: ratio >= 3,
				},
				{ goal: 'bodies kept or skipped: 3 GB/s', figure: `${figure(slowest / 1e9)} GB/s`, met: slowest >= 3e9 },
				{
					goal: 'linear up to 1,000,000 connections: a record costs at most 1.5 times as much as with 100,000',
					figure: `${figure(growth)} times`,
					met: growth <= 1.5,
				},
				{
					goal: '20,000 bytes one by one: at most 20 times as long as in one piece',
					figure: `${figure(worst)} times`,
					met: worst <= 20,
				},
			],
			figures: [
				table(
					['exchanges', 'parser', 'thousand messages/s', 'MB/s', 'times llhttp with fields kept'],
					measured.flatMap(({ name, ours, rivals: others, reference }) =>
						[ours, ...others, reference].map(({ parser, messages, bytes }) => [
							name,
							parser,
							spreadText(scaled(messages, 1e3)),
							spreadText(scaled(bytes, 1e6)),
							figure(messages.median / others[1]!.messages.median),
						]),
					),
				),
				table(
					['connections', 'ns a record', 'memory in use'],
					connections.map(({ count, perEvent, memory }) => [
						count.toLocaleString('en-US'),
						figure(perEvent),
						`${figure(memory / MIB)} MiB`,
					]),
				),
				table(
					bytewiseHead(''),
					single.map(({ name, small, large }) => [
						name,
						...[small, large].flatMap(({ bytewise, whole }) => [
							figure(bytewise),
							figure(whole),
							figure(bytewise / whole),
						]),
					]),
				),
				table(
					bytewiseHead('llhttp (WASM): '),
					single.map(({ name, small, large }) => [
						name,
						...[small, large].flatMap(({ llhttp }) =>
							llhttp === undefined
								? ['refused', '', '']
								: [figure(llhttp.bytewise), figure(llhttp.whole), figure(llhttp.bytewise / llhttp.whole)],
						),
					]),
				),
			].join('\n\n'),
		},
		write,
	);
}

// ---- Compared with other parsers ------------------------------------------------------------------------------------

type TimedFound = Found & { readonly seconds?: number };
type Rate = { readonly parser: string; readonly messages: Spread; readonly bytes: Spread };
type Measured = { readonly name: string; readonly ours: Rate; readonly rivals: Rate[]; readonly reference: Rate };

function measureKind(kind: Kind, count: number, rounds: number, rivals: readonly Rival[]): Measured {
	const list = Array.from({ length: count }, (_, i) => kind.exchange(i));
	const few = list.slice(0, REFERENCE_EXCHANGES);
	const decoder = newDecoder(kind);
	const ours = (round: number) => {
		const batches = batchesOf(list, round);
		return () => decodeBatches(decoder, batches);
	};
	const runs: { parser: string; list: readonly Spoken[]; prepare(round: number): () => TimedFound }[] = [
		{ parser: 'tinytap', list, prepare: ours },
		...rivals.map((rival) => ({ parser: rival.name, list, prepare: () => rival.prepare(list) })),
		{ parser: 'reference (TypeScript)', list: few, prepare: () => () => readSlowly(few) },
	];
	const seconds = runs.map(() => [] as number[]);
	const bodyBytes = (part: readonly Spoken[]) => decodeBatches(newDecoder(kind), batchesOf(part)).bodyBytes;
	const wanted = runs.map((run) => ({ messages: run.list.length * 2, bodyBytes: bodyBytes(run.list) }));
	for (let round = 0; round <= rounds; round++) {
		for (const [i, run] of runs.entries()) {
			const timed = run.prepare(round);
			const start = performance.now();
			const found = timed();
			const time = found.seconds ?? (performance.now() - start) / 1000;
			const { messages, bodyBytes: bytes } = wanted[i]!;
			if (found.messages !== messages || found.bodyBytes !== bytes)
				throw new Error(`${run.parser} finds ${JSON.stringify(found)} in ${kind.name}, not ${messages}, ${bytes}`);
			if (round > 0) seconds[i]!.push(time);
		}
	}
	const rates = runs.map((run, i): Rate => {
		const size = run.list.reduce((sum, { request, response }) => sum + request.length + response.length, 0);
		return {
			parser: run.parser,
			messages: spreadOf(seconds[i]!.map((time) => (run.list.length * 2) / time)),
			bytes: spreadOf(seconds[i]!.map((time) => size / time)),
		};
	});
	console.log(
		`${kind.name}: ${rates.map(({ parser, messages }) => `${parser} ${figure(messages.median / 1e3)}k/s`).join(', ')}`,
	);
	return { name: kind.name, ours: rates[0]!, rivals: rates.slice(1, -1), reference: rates.at(-1)! };
}

function readSlowly(list: readonly Spoken[]): Found {
	const found: Found = { messages: 0, bodyBytes: 0 };
	for (const { request, response } of list) {
		const { rows } = referenceRows(
			[
				{ direction: 'in', bytes: request.toString('latin1') },
				{ direction: 'out', bytes: response.toString('latin1') },
			],
			true,
		);
		for (const row of rows) {
			found.messages += 2;
			found.bodyBytes += row.reqBody.length + row.resBody.length;
		}
	}
	return found;
}

function scaled({ median, min, max }: Spread, by: number): Spread {
	return { median: median / by, min: min / by, max: max / by };
}

// ---- Many connections -----------------------------------------------------------------------------------------------

function measureConnections(count: number): { count: number; perEvent: number; memory: number } {
	const decoder = newDecoder();
	const step = 10_000;
	const found: Found = { messages: 0, bodyBytes: 0 };
	let seconds = 0;
	let memory = 0;
	for (let first = 0; first < count; first += step) {
		const batch = shortConnections(first, step);
		decoder.input(batch.length).set(batch);
		const start = performance.now();
		decoder.decode(batch.length);
		seconds += (performance.now() - start) / 1000;
		memory = Math.max(memory, decoder.memoryUsed());
		countRows(decoder, found);
	}
	for (let i = 0; i < 2; i++) decoder.decode(0);
	decoder.finish();
	countRows(decoder, found);
	if (found.messages !== count * 2) throw new Error(`${found.messages} messages of ${count} connections`);
	console.log(`${count} connections: ${figure((seconds * 1e9) / (count * 4))} ns per record`);
	return { count, perEvent: (seconds * 1e9) / (count * 4), memory };
}

// ---- Byte by byte ---------------------------------------------------------------------------------------------------

const BYTE_INPUTS: readonly (readonly [name: string, head: string, piece: string])[] = [
	['body', 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000\r\n\r\n', 'x'],
	['chunks of 256 bytes', 'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n', `100\r\n${'x'.repeat(256)}\r\n`],
	['chunks of one byte', 'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n', '1\r\nx\r\n'],
	['one long field', 'GET / HTTP/1.1\r\nX: ', 'x'],
	['short fields', 'GET / HTTP/1.1\r\n', 'A: 456789\r\n'],
	['folded lines', 'GET / HTTP/1.1\r\nA: b\r\n', ' folded\r\n'],
	['one long request line', 'GET /', 'a'],
	['trailers', 'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n', 'T: 456789\r\n'],
	['requests', '', 'GET /x HTTP/1.1\r\nHost: h\r\n\r\n'],
	['lines of garbage', 'GET / HTTP/1.1\r\n\r\n', 'no message at all\n'],
	['garbage without a line', 'GET / HTTP/1.1\r\n\r\n(', 'g'],
];

type Bytes = { readonly bytewise: number; readonly whole: number };
type Compared = Bytes & { readonly llhttp: Bytes | undefined };

/** `whose`: text before the first figure. */
function bytewiseHead(whose: string): string[] {
	const times = ['in one piece', 'times'];
	return ['input', `${whose}20,000 bytes one by one, ns a byte`, ...times, '1,000,000 bytes one by one', ...times];
}

function measureBytes([name, head, piece]: (typeof BYTE_INPUTS)[number]): {
	name: string;
	small: Compared;
	large: Compared;
} {
	const measure = (bytes: number): Compared => {
		const text = head + piece.repeat(Math.ceil((bytes - head.length) / piece.length));
		const time = (size: number, runs: number): number => {
			const tape = new Tape();
			const server = tape.server(1, { local: '10.0.0.1:80', remote: '10.0.0.2:1024' }).open();
			for (let at = 0; at < text.length; at += size) server.in(text.slice(at, at + size));
			const batch = tape.batch();
			let best = Number.POSITIVE_INFINITY;
			for (let run = 0; run < runs; run++) {
				const decoder = newDecoder();
				decoder.input(batch.length).set(batch);
				const start = performance.now();
				decoder.decode(batch.length);
				best = Math.min(best, performance.now() - start);
			}
			return (best * 1e6) / text.length;
		};
		const bytewise = llhttpByteTime(text, 1, 7);
		const whole = llhttpByteTime(text, text.length, 30);
		return {
			bytewise: time(1, 7),
			whole: time(text.length, 30),
			llhttp: bytewise === undefined || whole === undefined ? undefined : { bytewise, whole },
		};
	};
	return { name, small: measure(20_000), large: measure(1_000_000) };
}
