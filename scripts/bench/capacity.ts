// How much traffic tinytap keeps up with: loss at the highest rate the machine can serve, the highest rate of large
// bodies without loss, and what remains of a burst that overflows the ring.

import { parseRows } from '../../support/tinytap.ts';
import { CONNECTIONS, paced, wrk } from './load.ts';
import { type Goal, publish } from './page.ts';
import { interrupt, turn, untilDetached } from './processes.ts';
import { requirePrograms, versionsOf } from './programs.ts';
import { figure, table } from './rounds.ts';
import { type Report, startTinytap, tinytap, untilCapturing } from './tracers.ts';
import { type Body, FILE, LARGE, SMALL, startNginx, type WebServer } from './web-server.ts';

export type CapacityOptions = { readonly seconds: number; readonly write: boolean; readonly command: string };

const PROGRAMS = ['bpftool', 'nginx', 'wrk'] as const;
const MB = 1e6;
const BODY_RATES = [100, 200, 300, 400, 500, 750, 1000];
/** A ring this small is full before the reader polls. */
const BURST_RING = '64KiB';
const AFTER = 1000;

type Step = { readonly what: string; readonly reached: string; readonly rows: number; readonly lost: number };

export async function benchCapacity({ seconds, write, command }: CapacityOptions): Promise<void> {
	requirePrograms(PROGRAMS);
	const server = await startNginx();
	try {
		const small: Step[] = [];
		for (const both of [false, true]) small.push(await turn(() => asFastAsItGoes(server, SMALL, both, seconds)));
		const files = await turn(() => asFastAsItGoes(server, FILE, false, seconds));
		const large: (Step & { megabytes: number })[] = [];
		for (const rate of BODY_RATES) {
			const step = await turn(() => largeBodies(server, rate, Math.min(seconds, 10)));
			large.push(step);
			console.log(step.what, step.reached, step.lost);
		}
		const burst = await turn(() => tooMuch(server, Math.min(seconds, 3)));
		const steps = [...small, files, ...large];
		const kept = large.findIndex(({ lost }) => lost > 0);
		// The rate that the client actually reached, which may be lower than requested.
		const highest = Math.max(0, ...large.slice(0, kept < 0 ? large.length : kept).map(({ megabytes }) => megabytes));
		const lostSmall = small.map(({ lost }) => lost);
		const goals: Goal[] = [
			{
				goal: `nothing lost for ${seconds} s at the highest rate wrk drives through nginx, 200 bytes`,
				figure: `server side ${lostSmall[0]}, both ends ${lostSmall[1]} lost`,
				met: lostSmall.every((lost) => lost === 0),
			},
			{ goal: '500 MB/s of bodies without loss', figure: `${figure(highest)} MB/s`, met: highest >= 500 },
		];
		publish(
			{
				name: 'capacity',
				title: 'Capacity',
				method: `nginx runs with 2 workers on loopback; tinytap uses its default ring (16 MiB) and body limit (64 KiB). wrk sends requests over ${CONNECTIONS} connections as fast as they are answered for ${seconds} s;
our own client requests bodies of 1 MiB (Content-Length, \`writev\`) at fixed rates for ${Math.min(seconds, 10)} s. Every response is compared with the rows: without loss there are as many complete rows as responses.
Then wrk floods a ring of ${BURST_RING}, and ${AFTER} slow requests follow on new connections. Each of those must have its complete row.`,
				command,
				versions: versionsOf(PROGRAMS),
				goals,
				figures: `${table(
					['load', 'reached', 'rows', 'events lost'],
					steps.map(({ what, reached, rows, lost }) => [
						what,
						reached,
						rows.toLocaleString('en-US'),
						lost.toLocaleString('en-US'),
					]),
				)}\n\n${burst}`,
			},
			write,
		);
	} finally {
		await server.stop();
	}
}

async function asFastAsItGoes(server: WebServer, body: Body, both: boolean, seconds: number): Promise<Step> {
	const filter = both ? ['--port', String(server.ports[body.kind])] : ['--comm', 'nginx'];
	const tracing = await tinytap('', [...filter, '--max-memory', '8GiB']).start(server);
	const { requests, rate } = await wrk(server.ports[body.kind], body.path, seconds);
	const report = await tracing.stop();
	const rows = check(report, both ? ['server', 'client'] : ['server'], requests, requests + CONNECTIONS, body);
	const what = `${body.name}, wrk, ${both ? 'both ends' : 'server side'}`;
	return { what, reached: `${figure(rate)} requests/s`, rows, lost: report.lost };
}

async function largeBodies(server: WebServer, rate: number, seconds: number): Promise<Step & { megabytes: number }> {
	const tracing = await tinytap('', ['--comm', 'nginx', '--max-memory', '2GiB']).start(server);
	const wanted = (rate * MB) / LARGE.bytes;
	const { done, rate: reached } = await paced(server.ports.writev, {
		rate: wanted,
		seconds,
		path: LARGE.path,
		bytes: LARGE.bytes,
		connections: 16,
	});
	const report = await tracing.stop();
	const rows = check(report, ['server'], done, done, LARGE);
	const megabytes = (reached * LARGE.bytes) / MB;
	const what = `${LARGE.name}, ${rate} MB/s`;
	return { what, reached: `${figure(megabytes)} MB/s`, megabytes, rows, lost: report.lost };
}

/** Without loss, every response must have a complete row with the body's length. */
function check({ rows, lost }: Report, sides: readonly string[], least: number, most: number, body: Body): number {
	for (const side of sides) {
		const found = rows.find((r) => r.side === side);
		if (lost > 0) continue;
		if (found === undefined || found.complete < least || found.rows > most || found.body < found.complete * body.bytes)
			throw new Error(`expected ${least} to ${most} rows of side ${side} without loss, got ${JSON.stringify(rows)}`);
	}
	return rows.reduce((sum, r) => sum + r.rows, 0);
}

/** Causes loss on purpose, and checks the exchanges after it. */
async function tooMuch(server: WebServer, seconds: number): Promise<string> {
	const sql = `SELECT count(*) FILTER (WHERE path LIKE '/after/%' AND state = 'complete') AS after, count(DISTINCT path) FILTER (WHERE path LIKE '/after/%') AS paths,
		count(*) AS rows, count(*) FILTER (WHERE state = 'incomplete') AS incomplete, count(*) FILTER (WHERE lost_bytes > 0) AS touched FROM exchanges`;
	const words = ['--comm', 'nginx', '--ring-size', BURST_RING, '--max-memory', '4GiB', '--format', 'ndjson'];
	const started = startTinytap(['query', sql, ...words]);
	await untilCapturing(started);
	const { requests } = await wrk(server.ports.small, SMALL.path, seconds);
	const { done } = await paced(server.ports.small, {
		rate: 500,
		seconds: AFTER / 500,
		path: '/after/#',
		bytes: SMALL.bytes,
		connections: 7,
	});
	await interrupt(started);
	await untilDetached();
	const [row] = parseRows(started.stdout());
	const { after, paths, rows, incomplete, touched } = row as Record<string, number>;
	const lost = Number(/(\d+) events were lost/.exec(started.stderr())?.[1] ?? 0);
	const whole = after === done && paths === done ? 'all' : `${after}`;
	return `With a ring of ${BURST_RING}, ${requests.toLocaleString('en-US')} requests from wrk gave ${(Number(rows) - Number(after)).toLocaleString('en-US')} rows; ${lost.toLocaleString('en-US')} events are counted as lost, ${Number(touched).toLocaleString('en-US')} rows say that
they lack bytes, and ${Number(incomplete).toLocaleString('en-US')} are incomplete. Of the ${done.toLocaleString('en-US')} requests after the flood ${whole} are complete.`;
}
