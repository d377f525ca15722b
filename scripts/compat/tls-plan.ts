// What the trials over TLS ask: connections of requests, each with an id of its own, and what the peers say about them.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha256 } from './bodies.ts';
import type { Site } from './server-kind.ts';

export type TlsRequest = {
	/** `RUN-CONNECTION-PLACE`, unique in a run. */
	readonly id: string;
	readonly method: 'GET' | 'POST';
	/** `/b/SIZE?id=ID`; below `/up`, where servers that only have files pass the request on. */
	readonly target: string;
	/** Size of the request's body, which is `content(id, body)`; null for none. */
	readonly body: number | null;
	/** Size of the response's body. */
	readonly size: number;
};

/** Requests of each connection, in order. */
export type TlsPlan = readonly (readonly TlsRequest[])[];

/** What the peers say about one exchange. */
export type Statement = {
	readonly id: string;
	/** Number of the client's connection in the plan. */
	readonly connection: number;
	/** The client's port by the client; null if the client cannot tell. */
	readonly port: number | null;
	/** The client's port by the server; null if the server cannot tell. */
	readonly peer: number | null;
	readonly status: number;
	/** SHA-256 of the request's body as sent, and of the response's body as received. */
	readonly sent: string;
	readonly got: string;
	readonly gotBytes: number;
	/** SHA-256 of the request's body as received by the server, and the id it received; null if the server cannot tell. */
	readonly serverGot: string | null;
	readonly serverId: string | null;
};

/** Sizes of the bodies of static files, which `content('file', SIZE)` fills. */
export const FILE_SIZES = [0, 146, 8192, 20_000, 51_200, 1 << 20];

/** Of each connection: sizes of request (null: GET) and response. 20,000 and more are several records of TLS. */
const STEPS: readonly (readonly [number | null, number])[] = [
	[null, 146],
	[300, 146],
	[null, 8192],
	[20_000, 20_000],
	[null, 51_200],
	[51_200, 146],
	[null, 146],
	[null, 20_000],
	[17, 8192],
	[null, 146],
];
/** Every tenth connection has larger bodies. */
const LARGE_EVERY = 10;
const LARGE = 1 << 20;

export const CONNECTIONS = 50;
export const REQUESTS = STEPS.length;

let runs = 0;

/** A plan with ids of its own. `posts`: whether the client and the server can do POST; otherwise every request is a GET. */
export function tlsPlan({ connections = CONNECTIONS, requests = REQUESTS, posts = true } = {}): TlsPlan {
	const run = `r${process.pid}x${++runs}`;
	return Array.from({ length: connections }, (_, connection) =>
		Array.from({ length: requests }, (__, place) => {
			const [wish = null, answer = 146] = STEPS[place % STEPS.length] ?? [];
			const large = connection % LARGE_EVERY === 0 && (place === 4 || place === 5);
			const body = posts ? (large && wish !== null ? LARGE : wish) : null;
			const size = large && body === null ? LARGE : answer;
			return tlsRequest(`${run}-${connection}-${place}`, body, size);
		}),
	);
}

export function tlsRequest(id: string, body: number | null, size: number): TlsRequest {
	const target = `${body === null ? '' : '/up'}/b/${size}?id=${id}`;
	return { id, method: body === null ? 'GET' : 'POST', target, body, size };
}

/** Numbered lines with the name, cut to `size` bytes: what the programs in fixtures send. */
export function content(name: string, size: number): Buffer {
	const lines: string[] = [];
	for (let length = 0, line = 0; length < size; line++) {
		const text = `${name} ${line}\n`;
		lines.push(text);
		length += text.length;
	}
	return Buffer.from(lines.join('').slice(0, size));
}

export type Certificates = {
	/** Certificate and key of `localhost` and 127.0.0.1, one file each, and both in one file. */
	readonly certificate: string;
	readonly key: string;
	readonly both: string;
	/** What clients must trust. */
	readonly authority: string;
};

/** Makes a key and a certificate, which is its own authority, and the files that static servers serve. */
export function prepareSite(site: Site): Certificates {
	const directory = join(site.temporary, 'tls');
	mkdirSync(directory, { recursive: true });
	mkdirSync(join(site.root, 'b'), { recursive: true });
	for (const size of FILE_SIZES) writeFileSync(join(site.root, 'b', String(size)), content('file', size));
	const certificate = join(directory, 'certificate.pem');
	const key = join(directory, 'key.pem');
	const names = 'subjectAltName=DNS:localhost,IP:127.0.0.1';
	openssl(
		...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', '-subj', '/CN=localhost', '-addext', names],
		...['-addext', 'basicConstraints=critical,CA:TRUE', '-keyout', key, '-out', certificate],
	);
	const both = join(directory, 'both.pem');
	// In this order for haproxy and stunnel.
	const { stdout } = spawnSync('cat', [certificate, key], { encoding: 'utf8' });
	writeFileSync(both, stdout);
	// Readable for workers that give up root.
	for (const file of [key, both]) chmodSync(file, 0o644);
	return { certificate, key, both, authority: certificate };
}

function openssl(...words: string[]): void {
	const { status, stderr, error } = spawnSync('openssl', words, { encoding: 'utf8' });
	if (status !== 0) throw new Error(`openssl ${words[0]} failed: ${error?.message ?? stderr}`);
}

/** What is inconsistent between what the two peers say and what was asked: then the trial itself is broken. */
export function disagreements(plan: TlsPlan, statements: readonly Statement[], files: boolean): string[] {
	const problems: string[] = [];
	const byId = new Map(statements.map((one) => [one.id, one]));
	if (byId.size !== statements.length) problems.push('the client speaks twice of one request');
	for (const request of plan.flat()) {
		const said = byId.get(request.id);
		if (said === undefined) {
			problems.push(`the client says nothing of ${request.id}`);
			continue;
		}
		const expect = (what: string, expected: unknown, got: unknown) => {
			if (got !== null && expected !== got)
				problems.push(`${request.id}, ${what}: expected ${String(expected)}, got ${String(got)}`);
		};
		const response = content(files && request.body === null ? 'file' : request.id, request.size);
		expect('status', 200, said.status);
		expect('bytes received', request.size, said.gotBytes);
		expect('received', sha256(response), said.got);
		expect('sent', sha256(content(request.id, request.body ?? 0)), said.sent);
		expect('received by the server', said.sent, said.serverGot);
		expect('id by the server', request.id, said.serverId);
		if (said.port !== null) expect('port by the server', said.port, said.peer);
	}
	return problems;
}
