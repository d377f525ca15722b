// The cost of being watched for a web server that speaks HTTP/2: as in overhead.ts, but with h2load, whose connections carry
// many requests at once.
import { H2LOAD_CLIENTS, H2LOAD_STREAMS, h2load } from './load.ts';
import type { OverheadOptions } from './overhead.ts';
import { publish } from './page.ts';
import { cpuUs, turn } from './processes.ts';
import { requirePrograms, versionsOf } from './programs.ts';
import { figure, type Spread, spreadOf, spreadText, table } from './rounds.ts';
import { type Report, type Tracer, tcpdump, tinytap, untraced } from './tracers.ts';
import { SMALL, startNginx, type WebServer } from './web-server.ts';

const PROGRAMS = ['h2load', 'nginx', 'tcpdump'] as const;
const MEMORY = ['--max-memory', '4GiB'];
const SERVER_SIDE = tinytap('tinytap, server side', ['--comm', 'nginx', ...MEMORY]);
const BOTH_ENDS = tinytap('tinytap, both ends', ({ http2Port }) => ['--port', String(http2Port), ...MEMORY]);
const TRACERS: readonly Tracer[] = [untraced, SERVER_SIDE, BOTH_ENDS, tcpdump];
const WARM_UP_S = 1;
/** Requests that may be on their way when h2load ends. */
const IN_FLIGHT = H2LOAD_CLIENTS * H2LOAD_STREAMS;

type Measurement = {
	readonly rate: number;
	/** CPU time per exchange of nginx and h2load, and of the tracer. */
	readonly watchedUs: number;
	readonly tracerUs: number;
	readonly lost: number;
};

export async function benchOverheadHttp2({ rounds, seconds, write, command }: OverheadOptions): Promise<void> {
	requirePrograms(PROGRAMS);
	const server = await startNginx();
	const measured = new Map(TRACERS.map(({ name }) => [name, [] as Measurement[]]));
	try {
		for (let round = 0; round < rounds; round++) {
			await turn(async () => {
				for (let i = 0; i < TRACERS.length; i++) {
					const tracer = TRACERS[(i + round) % TRACERS.length]!;
					const result = await measure(server, tracer, seconds);
					measured.get(tracer.name)!.push(result);
					console.log(
						`${round + 1}/${rounds} ${tracer.name}: ${figure(result.rate)} requests/s, ${figure(result.lost)} lost`,
					);
				}
			});
		}
	} finally {
		await server.stop();
	}
	const base = measured.get(untraced.name)!;
	const lost = Math.max(...[SERVER_SIDE, BOTH_ENDS].flatMap(({ name }) => measured.get(name)!.map((m) => m.lost)));
	const rows = TRACERS.map(({ name }) => {
		const list = measured.get(name)!;
		const of = (value: (m: Measurement, round: number) => number): string => spreadText(spread(list, value));
		return [
			name,
			of((m) => m.rate),
			of((m, round) => m.rate / base[round]!.rate),
			of((m, round) => base[round]!.watchedUs / (m.watchedUs + m.tracerUs)),
			of((m) => m.watchedUs),
			of((m) => m.tracerUs),
			figure(Math.max(...list.map((m) => m.lost))),
		];
	});
	publish(
		{
			name: 'overhead-http2',
			title: 'Cost to watched programs, HTTP/2',
			method: `As above, with HTTP/2 in clear text: nginx answers 200 bytes to \`h2load -t 2 -c ${H2LOAD_CLIENTS} -m ${H2LOAD_STREAMS}\`, which has ${H2LOAD_STREAMS} requests at once on each of ${H2LOAD_CLIENTS} connections. Their calls
carry the frames of many streams. After each measurement there must be as many complete rows as
h2load had answers (and up to ${IN_FLIGHT} more, which it leaves in flight), with all bytes of their bodies.`,
			command,
			versions: versionsOf(PROGRAMS),
			goals: [{ goal: 'nothing lost', figure: figure(lost), met: lost === 0 }],
			figures: table(['', 'requests/s', 'ratio', 'ratio by CPU', 'watched, µs', 'tracer, µs', 'lost'], rows),
		},
		write,
	);
}

function spread(list: readonly Measurement[], value: (m: Measurement, round: number) => number): Spread {
	return spreadOf(list.map(value));
}

async function measure(server: WebServer, tracer: Tracer, seconds: number): Promise<Measurement> {
	const tracing = await tracer.start(server);
	const warm = await h2load(server.http2Port, SMALL.path, WARM_UP_S);
	const before = { server: cpuUs(server.workers), tracer: cpuUs(tracing.pids) };
	const load = await h2load(server.http2Port, SMALL.path, seconds);
	const watched = cpuUs(server.workers) - before.server + load.cpuUs;
	const own = cpuUs(tracing.pids) - before.tracer;
	const report = await tracing.stop();
	check(tracer, report, warm.requests + load.requests);
	return {
		rate: load.rate,
		watchedUs: watched / load.requests,
		tracerUs: own / load.requests,
		lost: report.lost,
	};
}

/** Checks that everything h2load received is in the rows or counted as lost. */
function check(tracer: Tracer, { rows, lost }: Report, least: number): void {
	if (tracer !== SERVER_SIDE && tracer !== BOTH_ENDS) return;
	if (lost > 0) return;
	for (const side of tracer === BOTH_ENDS ? ['server', 'client'] : ['server']) {
		const found = rows.find((row) => row.side === side);
		const complete = found?.complete ?? 0;
		const most = least + 2 * IN_FLIGHT;
		const held = complete * SMALL.bytes;
		if (found === undefined || complete < least || found.rows > most || found.held < held)
			throw new Error(`${tracer.name}: expected ${least} to ${most} rows of side ${side}, got ${JSON.stringify(rows)}`);
	}
}
