// How fast a file of packets is imported, in comparison with tshark: both read the same file in turn and print a line for
// each exchange (tshark: for each message).
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TINYTAP } from '../../support/tinytap.ts';
import { install } from '../compat/packages.ts';
import { writePacketTraffic } from './packet-traffic.ts';
import { publish } from './page.ts';
import { run, runTimed, turn } from './processes.ts';
import { figure, spreadOf, spreadText, table } from './rounds.ts';

const COLUMNS = 'ts,method,host,path,query_string,status,content_type,res_body_bytes';
const FIELDS = ['frame.time_epoch', 'http.request.method', 'http.host', 'http.request.uri', 'http.response.code'];
const MORE_FIELDS = ['http.content_type', 'http.content_length_header'];

const SQL = `SELECT count(*) + (SELECT events FROM loss WHERE reason = 'evicted') AS exchanges FROM exchanges`;

type Way = {
	readonly name: string;
	readonly words: readonly string[];
	/** The share of the exchanges that its output must show. */
	readonly least: number;
	/** The exchanges that its output shows. */
	count(output: string): number;
};

type Measured = { readonly seconds: number[]; readonly cpu: number[]; seen: number };

export async function benchImport({
	rows,
	rounds,
	write,
	command,
}: {
	rows: number;
	rounds: number;
	write: boolean;
	command: string;
}): Promise<void> {
	install([{ command: 'tshark', package: 'tshark' }]);
	const directory = mkdtempSync(join(tmpdir(), 'tinytap-bench-'));
	try {
		const path = join(directory, 'traffic.pcap');
		const output = join(directory, 'output');
		const { exchanges, packets, bytes } = writePacketTraffic(path, rows);
		console.log(`${exchanges} exchanges, ${packets} packets, ${figure(bytes / 1e6)} MB`);
		const ways = waysToRead(path);
		const measured = ways.map((): Measured => ({ seconds: [], cpu: [], seen: 0 }));
		// The first round fills the page cache, and is left out.
		for (let round = 0; round <= rounds; round++) {
			for (const [index, { name, words, least, count }] of ways.entries()) {
				const script = 'output=$1; shift; exec "$@" > "$output"';
				const { seconds, cpuUs } = await turn(() => runTimed('sh', ['-c', script, 'sh', output, ...words]));
				const seen = count(readFileSync(output, 'utf8'));
				if (seen > exchanges || seen < exchanges * least)
					throw new Error(`${name}: expected ${exchanges} exchanges, got ${seen}`);
				measured[index]!.seen = seen;
				console.log(
					`${name}: ${figure(seconds)} s, ${figure(cpuUs / 1e6)} s of CPU${round === 0 ? ' (warming up)' : ''}`,
				);
				if (round === 0) continue;
				measured[index]!.seconds.push(seconds);
				measured[index]!.cpu.push(cpuUs / 1e6);
			}
		}
		const tshark = measured[0]!;
		const ratios = measured.slice(1).map(({ seconds }) => spreadOf(seconds.map((own, i) => tshark.seconds[i]! / own)));
		const worst = Math.min(...ratios.map(({ median }) => median));
		const count = (number: number) => number.toLocaleString('en-US');
		publish(
			{
				name: 'import',
				title: 'Import',
				method: `\`scripts/bench/packet-traffic.ts\` makes a pcap file of ${count(exchanges)} exchanges in ${count(packets)} packets (${figure(bytes / 1e6)} MB), as tcpdump would have written it on Ethernet: up to 200 connections at a time, whose packets are mixed, with up to 40 exchanges each; segments of at most 1,448 bytes, acknowledgements, 1 of 400 segments sent again and 1 of 400 out of order. Half of the exchanges are JSON of 0.6 to 2.4 KB, 15 % POSTs, 12 % answers 304, 10 % chunked pages, 8 % compressed scripts, 5 % images, 0.1 % downloads of 0.5 to 2 MB.

Three programs read it in turn, ${rounds} times after one round to fill the page cache, and write into a file: \`tshark -r FILE -Y http -T fields\` with ${FIELDS.length + MORE_FIELDS.length} fields, \`tinytap tail --replay FILE\` with ${COLUMNS.split(',').length} columns, and \`tinytap query\`, which keeps what fits into its memory, heads and bodies, and counts the exchanges. tinytap must show every exchange. tshark misses some requests whose segments are out of order, because its option \`tcp.reassemble_out_of_order\` is off by default. The time is that of the whole process.`,
				command,
				versions: { tshark: await tsharkVersion() },
				goals: [
					{
						goal: 'at least as fast as tshark (median of the pairs)',
						figure: `${figure(worst)} times as fast in the slower way`,
						met: worst >= 1,
					},
				],
				figures: table(
					['program', 'seconds', 'MB a second', 'CPU seconds', "times tshark's speed", 'exchanges seen'],
					ways.map(({ name }, index) => {
						const { seconds, cpu, seen } = measured[index]!;
						const speed = spreadText(spreadOf(seconds.map((each) => bytes / 1e6 / each)));
						const ratio = index === 0 ? '' : spreadText(ratios[index - 1]!);
						return [name, spreadText(spreadOf(seconds)), speed, spreadText(spreadOf(cpu)), ratio, count(seen)];
					}),
				),
			},
			write,
		);
	} finally {
		rmSync(directory, { recursive: true });
	}
}

function waysToRead(path: string): readonly Way[] {
	const fields = [...FIELDS, ...MORE_FIELDS].flatMap((field) => ['-e', field]);
	const replay = ['--replay', path, '--quiet', '--format', 'csv'];
	return [
		{
			name: 'tshark',
			least: 0.99,
			words: ['tshark', '-n', '-r', path, '-Y', 'http', '-T', 'fields', '-E', 'occurrence=f', ...fields],
			// The second field is the method.
			count: (output) => output.split('\n').filter((line) => (line.split('\t')[1] ?? '') !== '').length,
		},
		{
			name: '`tinytap tail`',
			least: 1,
			words: [...TINYTAP, 'tail', '--columns', COLUMNS, ...replay],
			count: (output) => output.trimEnd().split('\n').length - 1,
		},
		{
			name: '`tinytap query`',
			least: 1,
			words: [...TINYTAP, 'query', SQL, ...replay],
			count: (output) => Number(output.split('\n')[1]),
		},
	];
}

async function tsharkVersion(): Promise<string> {
	return /\d+\.\d+\.\d+/.exec(await run('tshark', ['--version']))?.[0] ?? 'unknown';
}
