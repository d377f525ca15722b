// The clients: wrk and h2load send as fast as they get answers; `paced` keeps a rate and measures latency from the time at which a
// request was due.

import { run, runTimed } from './processes.ts';
import { ownProgram } from './programs.ts';

export const CONNECTIONS = 64;

/** Results of wrk. When it ends, each of its connections may have one more request in flight. */
export type Load = {
	readonly requests: number;
	readonly rate: number;
	/** CPU time of wrk itself. */
	readonly cpuUs: number;
};

/** Throws if a response was not a 200 or a connection failed, because a rate of errors means nothing. */
export async function wrk(port: number, path: string, seconds: number, scheme = 'http'): Promise<Load> {
	const url = `${scheme}://127.0.0.1:${port}${path}`;
	const { stdout, cpuUs } = await runTimed('wrk', ['-t2', `-c${CONNECTIONS}`, `-d${seconds}s`, url]);
	const requests = Number(/(\d+) requests in/.exec(stdout)?.[1]);
	const rate = Number(/Requests\/sec:\s+(\S+)/.exec(stdout)?.[1]);
	if (!(requests > 0) || /Non-2xx|Socket errors/.test(stdout)) throw new Error(`wrk failed:\n${stdout}`);
	return { requests, rate, cpuUs };
}

/** Connections of h2load, and requests at once on each. */
export const H2LOAD_CLIENTS = 8;
export const H2LOAD_STREAMS = 32;

/** The same over HTTP/2. When it ends, each stream may have one more request in flight. */
export async function h2load(port: number, path: string, seconds: number): Promise<Load> {
	const options = ['-t', '2', '-c', String(H2LOAD_CLIENTS), '-m', String(H2LOAD_STREAMS), '-D', String(seconds)];
	const { stdout, cpuUs } = await runTimed('h2load', [...options, `http://127.0.0.1:${port}${path}`]);
	const requests = Number(/, (\d+) succeeded, 0 failed, 0 errored/.exec(stdout)?.[1]);
	const rate = Number(/finished in \S+, (\S+) req\/s/.exec(stdout)?.[1]);
	if (!(requests > 0)) throw new Error(`h2load failed:\n${stdout}`);
	return { requests, rate, cpuUs };
}

/** Latencies in microseconds. */
export type Paced = {
	readonly done: number;
	readonly rate: number;
	/** Requests sent more than a millisecond after they were due. */
	readonly late: number;
	readonly p50: number;
	readonly p90: number;
	readonly p99: number;
	readonly max: number;
};

/** `log`: a file for the end times of responses. */
export async function paced(
	port: number,
	options: { rate: number; seconds: number; path: string; bytes: number; connections?: number; log?: string },
): Promise<Paced> {
	const { rate, seconds, path, bytes, connections = CONNECTIONS, log } = options;
	const words = [port, rate, seconds, connections, path, bytes, ...(log === undefined ? [] : [log])].map(String);
	return JSON.parse(await run(ownProgram('paced'), words)) as Paced;
}
