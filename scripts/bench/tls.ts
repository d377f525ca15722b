// What `--tls` costs: CPU time of nginx over HTTPS and in clear text, with and without it; attaching to a library that many
// processes have mapped; and what is left afterwards.
import { readFileSync } from 'node:fs';
import { BODY_BYTES, type HttpsServer, startHttps } from './https-server.ts';
import { CONNECTIONS, wrk } from './load.ts';
import { publish } from './page.ts';
import { cpuUs, turn } from './processes.ts';
import { requirePrograms, versionsOf } from './programs.ts';
import { figure, type Spread, spreadOf, spreadText, table } from './rounds.ts';
import { type AttachTimes, attachTimes, kernelTimes, type Leftovers, leftovers, privateLibrary } from './tls-probes.ts';
import { chosenPlaces, symbolPlaces } from './tls-readers.ts';
import { type Report, type Tracer, tinytap, untraced } from './tracers.ts';
import type { WebServer } from './web-server.ts';

export type TlsOptions = {
	readonly rounds: number;
	readonly seconds: number;
	readonly write: boolean;
	readonly command: string;
};

const PROGRAMS = ['bpftool', 'nginx', 'openssl', 'wrk'] as const;
const OPTIONS = ['--comm', 'nginx', '--max-memory', '2GiB'];
const WITHOUT = tinytap('tinytap', OPTIONS);
const WITH = tinytap('tinytap --tls', ['--tls', ...OPTIONS]);
/** Over HTTPS also the bare capture, for what the places of the probes are worth. */
const TRACERS: Readonly<Record<Scheme, readonly Tracer[]>> = {
	https: [untraced, WITHOUT, WITH, chosenPlaces, symbolPlaces],
	http: [untraced, WITHOUT, WITH],
};
const SCHEMES = ['https', 'http'] as const;
type Scheme = (typeof SCHEMES)[number];
const WARM_UP_S = 1;
/** Processes that have mapped the library. */
const FEW = 1;
const MANY = 1000;
const GOAL_US = 12;
const GOAL_MS = 150;
/** What counts as no difference: the medians' distance, and this part of the untraced time. */
const NOTHING = 0.03;

/** `kernel`: without tinytap's other work. */
type Times = AttachTimes & { readonly kernel: readonly number[] };

type Measurement = {
	readonly rate: number;
	/** CPU time of a request, in microseconds. */
	readonly nginx: number;
	readonly wrk: number;
	readonly tracer: number;
	readonly lost: number;
	readonly complete: number;
};

export async function benchTls({ rounds, seconds, write, command }: TlsOptions): Promise<void> {
	requirePrograms(PROGRAMS);
	const measured = new Map<string, Measurement[]>();
	const server = await startHttps();
	try {
		for (let round = 0; round < rounds; round++)
			for (const scheme of SCHEMES)
				await turn(async () => {
					for (let i = 0; i < TRACERS[scheme].length; i++) {
						const tracer = TRACERS[scheme][(i + round) % TRACERS[scheme].length]!;
						const result = await measure(server, tracer, scheme, seconds);
						const key = keyOf(scheme, tracer);
						measured.set(key, [...(measured.get(key) ?? []), result]);
						console.log(
							`${round + 1}/${rounds} ${key}: nginx ${figure(result.nginx)} µs, ${figure(result.rate)} requests/s, ${result.lost} lost`,
						);
					}
				});
	} finally {
		await server.stop();
	}
	const library = privateLibrary();
	try {
		const times = [];
		for (const count of [FEW, MANY])
			times.push({
				...(await attachTimes(library.path, count, rounds)),
				kernel: await kernelTimes(library.path, count, rounds),
			});
		const left = [
			await leftovers(library.path, 'Ctrl-C', (shell) => shell.child.kill('SIGTERM')),
			await leftovers(library.path, 'kill -9 of tinytap', (shell) => shell.child.kill('SIGKILL')),
			await leftovers(library.path, 'kill -9 of its helpers', (shell, helpers) => {
				for (const pid of helpers) if (/^tinytap-tls/m.test(nameOf(pid))) process.kill(pid, 'SIGKILL');
				shell.child.kill('SIGTERM');
			}),
		];
		publish(
			{
				name: 'tls',
				title: 'Plaintext of TLS',
				method: method(seconds, rounds),
				command,
				versions: versionsOf(PROGRAMS),
				goals: goals(measured, times, left),
				figures: figures(measured, times, left),
			},
			write,
		);
	} finally {
		library.remove();
	}
}

function nameOf(pid: number): string {
	try {
		return readFileSync(`/proc/${pid}/comm`, 'utf8');
	} catch {
		// It has ended.
		return '';
	}
}

function keyOf(scheme: Scheme, { name }: Tracer): string {
	return `${scheme}, ${name}`;
}

async function measure(server: HttpsServer, tracer: Tracer, scheme: Scheme, seconds: number): Promise<Measurement> {
	const tracing = await tracer.start(server as unknown as WebServer);
	const port = server.ports[scheme];
	const warm = await wrk(port, '/', WARM_UP_S, scheme);
	const before = { server: cpuUs(server.workers), tracer: cpuUs(tracing.pids) };
	const load = await wrk(port, '/', seconds, scheme);
	const nginx = (cpuUs(server.workers) - before.server) / load.requests;
	const own = (cpuUs(tracing.pids) - before.tracer) / load.requests;
	const report = await tracing.stop();
	const complete = check(tracer, scheme, report, warm.requests + load.requests);
	return { rate: load.rate, nginx, wrk: load.cpuUs / load.requests, tracer: own, lost: report.lost, complete };
}

/** The number of rows. Throws if some are missing without being counted, or not whole, or if there should be none. */
function check(tracer: Tracer, scheme: Scheme, { rows, lost, captured = 0 }: Report, least: number): number {
	const found = rows.find(({ side }) => side === 'server');
	const complete = (found?.complete ?? 0) + (found?.evicted ?? 0);
	if (tracer === chosenPlaces || tracer === symbolPlaces) {
		if (lost === 0 && captured < least * BODY_BYTES)
			throw new Error(`${keyOf(scheme, tracer)}: expected ${least} bodies, got ${captured} bytes`);
		return 0;
	}
	const sees = tracer === WITH || (tracer === WITHOUT && scheme === 'http');
	if (!sees) {
		if (found !== undefined) throw new Error(`${keyOf(scheme, tracer)}: expected no rows, got ${JSON.stringify(rows)}`);
		return 0;
	}
	const most = least + 2 * CONNECTIONS;
	const whole = (found?.complete ?? 0) * BODY_BYTES <= (found?.held ?? 0);
	if (lost === 0 && (complete < least || complete > most || !whole))
		throw new Error(`${keyOf(scheme, tracer)}: expected ${least} to ${most} whole rows, got ${JSON.stringify(rows)}`);
	return complete;
}

type Measured = ReadonlyMap<string, readonly Measurement[]>;

/** Difference to the same round with another tracer, in microseconds of nginx. */
function added(measured: Measured, scheme: Scheme, tracer: Tracer, base: Tracer): Spread {
	const others = measured.get(keyOf(scheme, base))!;
	return spreadOf(measured.get(keyOf(scheme, tracer))!.map(({ nginx }, round) => nginx - others[round]!.nginx));
}

function signed({ median, min, max }: Spread): string {
	const one = (value: number) => `${value < 0 ? '−' : ''}${figure(Math.abs(value))}`;
	return `${one(median)} (${one(min)} to ${one(max)})`;
}

function goals(measured: Measured, times: readonly Times[], left: readonly Leftovers[]) {
	const tls = added(measured, 'https', WITH, WITHOUT);
	const clear = added(measured, 'http', WITH, WITHOUT);
	const untracedClear = spreadOf(measured.get(keyOf('http', untraced))!.map(({ nginx }) => nginx)).median;
	const { kernel, attach } = times.find(({ processes }) => processes === MANY)!;
	const many = spreadOf(kernel);
	const lost = [...measured.values()].flat().reduce((sum, one) => sum + one.lost, 0);
	const remains = left.filter(({ ms }) => ms === null);
	return [
		{
			goal: `HTTPS: --tls adds at most ${GOAL_US} µs of nginx's CPU time to a request`,
			figure: `${signed(tls)}; in all ${signed(added(measured, 'https', WITH, untraced))} more than untraced`,
			met: tls.median <= GOAL_US,
		},
		{
			goal: `clear text: --tls adds nothing measurable (less than ${NOTHING * 100} % of the untraced time, or than the rounds differ)`,
			figure: signed(clear),
			met: clear.median <= NOTHING * untracedClear || clear.min <= 0,
		},
		{
			goal: 'places: the bare capture costs less than at the first instructions of the functions',
			figure: `${signed(added(measured, 'https', chosenPlaces, untraced))} µs instead of ${signed(added(measured, 'https', symbolPlaces, untraced))} µs`,
			met: added(measured, 'https', chosenPlaces, symbolPlaces).median < 0,
		},
		{ goal: 'nothing lost', figure: figure(lost), met: lost === 0 },
		{
			goal: `attached within ${GOAL_MS} ms with ${MANY.toLocaleString('en')} processes that have mapped the library`,
			figure: `${spreadText(many)} ms; after \`.capture tls on\`, with everything else that it does: ${spreadText(spreadOf(attach))} ms`,
			met: many.median <= GOAL_MS,
		},
		{
			goal: 'nothing is left afterwards',
			figure: remains.length === 0 ? 'nothing' : remains.map(({ how, left }) => `${how}: ${left}`).join('; '),
			met: remains.length === 0,
		},
	];
}

function figures(measured: Measured, times: readonly Times[], left: readonly Leftovers[]): string {
	const rows = SCHEMES.flatMap((scheme) =>
		TRACERS[scheme].map((tracer) => {
			const list = measured.get(keyOf(scheme, tracer))!;
			const of = (value: (m: Measurement) => number) => spreadText(spreadOf(list.map(value)));
			return [
				keyOf(scheme, tracer),
				of((m) => m.nginx),
				of((m) => m.wrk),
				of((m) => m.tracer),
				of((m) => m.rate),
				figure(Math.max(...list.map((m) => m.lost))),
			];
		}),
	);
	const attaching = times.map(({ processes, attach, detach, places, kernel }) => [
		processes.toLocaleString('en'),
		String(places),
		spreadText(spreadOf(kernel)),
		spreadText(spreadOf(attach)),
		spreadText(spreadOf(detach)),
	]);
	const ends = left.map(({ how, ms, left: what }) => [
		how,
		ms === null ? `**left**: ${what}` : `nothing after ${figure(ms)} ms`,
	]);
	return [
		table(['', 'nginx, µs', 'wrk, µs', 'tracer, µs', 'requests/s', 'lost'], rows),
		table(
			[
				'processes with the library',
				'probed bytes',
				'attach, ms',
				'after `.capture tls on`, ms',
				'after `.capture tls off`, ms',
			],
			attaching,
		),
		table(['ended by', 'left: programs, links, processes, changed bytes'], ends),
	].join('\n\n');
}

const method = (
	seconds: number,
	rounds: number,
) => `nginx with 2 workers answers ${BODY_BYTES} bytes to \`wrk -t2 -c${CONNECTIONS}\` over kept-alive connections, over HTTPS and in clear text, without a tracer, with tinytap, and with \`tinytap --tls\`
(\`${OPTIONS.join(' ')}\`). A measurement takes ${seconds} s, after ${WARM_UP_S} s to warm up; the three take turns in ${rounds} rounds, and differences are between measurements of the same round. Times are CPU time for each request.
wrk uses the same library, so its calls meet the probes, too, and are filtered out. There must be a complete row for each response, with all bytes of its body; over HTTPS without \`--tls\` there must be none.

*attach* is the time that the kernel takes for all probes of a copy of libssl. *after* is seen from outside, from the line \`.capture tls on\` until every probe is in the memory of the last process (or gone from it); meanwhile tinytap looks at all other libraries on the host, too. *Nothing left*: no byte of the library differs from its file in any
of ten processes, \`bpftool\` shows no program or link that was not there before, and tinytap's processes are gone.`;
