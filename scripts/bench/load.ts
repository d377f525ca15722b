// Two clients: wrk asks as fast as it is answered; `paced` keeps a rate and measures latency from when a request was due.

import { run, runTimed } from './processes.ts';
import { ownProgram } from './programs.ts';

export const CONNECTIONS = 64;

/** What wrk did. Each of its connections may have one more request on its way when it ends. */
export type Load = {
	readonly requests: number;
	readonly rate: number;
	/** CPU time of wrk itself. */
	readonly cpuUs: number;
};

/** Throws when a response was not a 200 or a connection failed: a rate of errors is none. */
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
	/** Requests that were sent more than a millisecond after they were due. */
	readonly late: number;
	readonly p50: number;
	readonly p90: number;
	readonly p99: number;
	readonly max: number;
};

/** `log`: a file that gets when each response ended. */
export async function paced(
	port: number,
	options: { rate: number; seconds: number; path: string; bytes: number; connections?: number; log?: string },
): Promise<Paced> {
	const { rate, seconds, path, bytes, connections = CONNECTIONS, log } = options;
	const words = [port, rate, seconds, connections, path, bytes, ...(log === undefined ? [] : [log])].map(String);
	return JSON.parse(await run(ownProgram('paced'), words)) as Paced;
}
