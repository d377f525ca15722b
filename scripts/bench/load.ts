// Two clients: wrk sends as fast as it gets answers; `paced` keeps a rate and measures latency from the time at which a
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
export async function wrk(port: number, path: string, seconds: number): Promise<Load> {
	const url = `http://127.0.0.1:${port}${path}`;
	const { stdout, cpuUs } = await runTimed('wrk', ['-t2', `-c${CONNECTIONS}`, `-d${seconds}s`, url]);
	const requests = Number(/(\d+) requests in/.exec(stdout)?.[1]);
	const rate = Number(/Requests\/sec:\s+(\S+)/.exec(stdout)?.[1]);
	if (!(requests > 0) || /Non-2xx|Socket errors/.test(stdout)) throw new Error(`wrk failed:\n${stdout}`);
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
