// gRPC with @grpc/grpc-js: calls of every kind, also through nginx.
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../support/servers.ts';
import { runCommand } from './clients.ts';
import type { Http2Row } from './http2-rows.ts';
import type { Site } from './server-kind.ts';
import { FIXTURES } from './site.ts';
import { startOn } from './start-server.ts';

const PEERS = join(import.meta.dirname, 'peers');
const PROGRAM = join(FIXTURES, 'grpc_program.mjs');
const CANCELLED = 'reset: CANCEL';
const DEADLINE_EXCEEDED = 4;

/** What the client says about a call: bytes of its messages with their prefixes, and the status. */
type Said = {
	readonly id: string;
	readonly method: string;
	readonly sent: number;
	readonly got: number;
	readonly status: number;
	readonly details: string;
};

/** Installs the peers that are packages of npm. */
export function installPeers(): void {
	if (['@grpc/grpc-js', 'ws'].every((name) => existsSync(join(PEERS, 'node_modules', name)))) return;
	console.error('compat: installing @grpc/grpc-js and ws with npm');
	spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: PEERS, stdio: ['ignore', 2, 2] });
}

/** The version of such a package. */
export function peerVersion(name: string): string {
	const args = ['-p', `require(${JSON.stringify(`${name}/package.json`)}).version`];
	return spawnSync(process.execPath, args, { cwd: PEERS, encoding: 'utf8' }).stdout.trim();
}

/** Starts the server, and nginx before it if it is `proxied`; returns the ports, that of the client first. */
export async function startGrpc({ temporary }: Site, proxied: boolean): Promise<readonly number[]> {
	const back = await freePort();
	await startOn(back, [process.execPath, PROGRAM, 'serve', String(back)], {});
	if (!proxied) return [back];
	const front = await freePort();
	const path = join(temporary, 'grpc-nginx.conf');
	writeFileSync(
		path,
		`daemon off; user root; worker_processes 1; pid ${temporary}/grpc-nginx.pid; error_log stderr; events {}
http {
  access_log off; client_max_body_size 0;
  upstream stock { server 127.0.0.1:${back}; keepalive 4; }
  server { listen 127.0.0.1:${front} http2; location / { grpc_pass grpc://stock; grpc_socket_keepalive on; } }
}
`,
	);
	await startOn(front, ['nginx', '-p', temporary, '-c', path], {});
	return [front, back];
}

export async function askGrpc(port: number, proxied: boolean, site: Site): Promise<readonly Said[]> {
	const words = [process.execPath, PROGRAM, 'ask', String(port), proxied ? 'proxied' : 'all'];
	const printed = (await runCommand(words, '', site)).toString();
	return printed
		.trim()
		.split('\n')
		.map((line) => JSON.parse(line) as Said);
}

/** What is wrong in the rows of one hop. */
export function grpcFailures(rows: readonly Http2Row[], said: readonly Said[]): string[] {
	const failures: string[] = [];
	const ids = new Set(said.map(({ id }) => id));
	const idOf = (row: Http2Row) =>
		row.fields.find(({ message, name }) => message === 'request' && name === 'x-id')?.value ?? '';
	for (const row of rows) if (!ids.has(idOf(row))) failures.push(`row ${row.id} (${row.target}) belongs to no call`);
	for (const side of ['server', 'client'] as const) {
		for (const call of said) {
			const found = rows.filter((row) => row.side === side && idOf(row) === call.id);
			if (found.length !== 1) failures.push(`${side}: expected 1 row of ${call.id}, got ${found.length}`);
			for (const row of found)
				failures.push(...callProblems(row, call).map((problem) => `${side}, ${call.id}: ${problem}`));
		}
	}
	return failures;
}

function callProblems(row: Http2Row, { id, method, sent, got, status, details }: Said): string[] {
	const problems: string[] = [];
	const expect = (what: string, expected: unknown, found: unknown) => {
		if (expected !== found) problems.push(`${what}: expected ${String(expected)}, got ${String(found)}`);
	};
	const fieldOf = (name: string, trailer: boolean) =>
		row.fields.find((field) => field.message === 'response' && field.name === name && field.trailer === trailer)?.value;
	expect('grpc_service', 'shop.Stock', row.grpc_service);
	expect('grpc_method', method, row.grpc_method);
	expect('method', 'POST', row.method);
	expect('anomalies', null, row.anomalies);
	expect('lost_bytes', 0, row.lost_bytes);
	expect('req_body_bytes', sent, row.req_body_bytes);
	expect('req_captured_bytes', sent, row.req_captured_bytes);
	// A server that notices the deadline first answers, perhaps while its client resets the call.
	if (method === 'Deadline' && row.grpc_status === DEADLINE_EXCEEDED) return problems;
	if (method === 'Cancel' || method === 'Deadline') {
		expect('state', method === 'Cancel' ? 'incomplete' : 'unanswered', row.state);
		expect('reason', CANCELLED, row.reason);
		expect('grpc_status', null, row.grpc_status);
		if (method === 'Cancel') expect('res_body_bytes', got, row.res_body_bytes);
		return problems;
	}
	expect('state', 'complete', row.reason === null ? row.state : `${String(row.state)} (${String(row.reason)})`);
	expect('status', 200, row.status);
	expect('grpc_status', status, row.grpc_status);
	expect('grpc_message', details === '' || status === 0 ? row.grpc_message : details, row.grpc_message);
	expect('res_body_bytes', got, row.res_body_bytes);
	expect('res_captured_bytes', got, row.res_captured_bytes);
	// A call that fails at once has its trailers in its only block of fields.
	expect('x-end', id, fieldOf('x-end', method !== 'Fail'));
	if (method !== 'Fail') expect('x-id', id, fieldOf('x-id', false));
	return problems;
}
