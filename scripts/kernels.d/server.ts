// The servers of a check, each a process with its own name.
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../../support/eventually.ts';
import { FIRST_PART_BYTES, LONG_BODY_BYTES } from './findings.ts';
import { start } from './programs.ts';

/** The pause between the parts of a long response. */
const PAUSE_MS = 3000;

export type Server = {
	readonly name: string;
	readonly pid: number;
	readonly port: number;
	readonly stop: () => void;
};

/** Starts a server. `name`: name of a link to Node; `words` make it call serve(). */
export async function startServer(name: string, words: readonly string[]): Promise<Server> {
	const { child, output, errors } = start(`/usr/bin/${name}`, words);
	const port = await eventually(
		() => Number(/^port (\d+)$/m.exec(output())?.[1]) || undefined,
		() => `${name} does not listen: ${errors()}`,
		120,
	);
	return { name, pid: child.pid!, port, stop: () => child.kill('SIGKILL') };
}

export function serve(): void {
	const server = createServer((request, response) => {
		if (request.url === '/long') void sendLong(response);
		else if (request.method === 'GET') response.end(`you asked for ${request.url}\n`);
		else request.pipe(response);
	});
	server.listen(0, '127.0.0.1', () => console.log(`port ${(server.address() as AddressInfo).port}`));
}

async function sendLong(response: ServerResponse): Promise<void> {
	const body = Buffer.alloc(LONG_BODY_BYTES, 'a long response ');
	response.writeHead(200, { 'content-length': body.length });
	response.write(body.subarray(0, FIRST_PART_BYTES));
	await delay(PAUSE_MS);
	response.end(body.subarray(FIRST_PART_BYTES));
}
