// Messages between real programs in clear text: WebSocket with the library ws, with and without compression, also through nginx;
// server-sent events of Node, coded or not, also through nginx. The rows of `messages` are compared with what the programs say
// that they sent.
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../support/servers.ts';
import { parseRows, startTinytap } from '../../support/tinytap.ts';
import { CAPTURE_OPTIONS } from './captured-row.ts';
import { runCommand } from './clients.ts';
import { installPeers, peerVersion } from './http2-grpc.ts';
import { install, missing, versionOf } from './packages.ts';
import type { Need, Site } from './server-kind.ts';
import { FIXTURES } from './site.ts';
import { isEnding, remember, startOn, stopAll, unlessEnding } from './start-server.ts';

/** The word for --only. */
export const MESSAGE_GROUP = 'messages';

const PROGRAM = join(FIXTURES, 'message_program.mjs');
const NGINX: readonly Need[] = [{ command: 'nginx', package: 'nginx-light' }];
const KEPT = join(import.meta.dirname, '../../build/compat');

/** The result of one server with one client. */
export type MessageTrial = {
	readonly server: string;
	readonly client: string;
	readonly versions: readonly [server: string, client: string];
	/** Why it was not available; undefined if it ran. */
	readonly absent: string | undefined;
	/** Messages that were compared, on all sides of all hops. */
	readonly messages: number;
	readonly failures: readonly string[];
};

type Kind = { readonly name: string; readonly proxied: boolean; readonly words: readonly string[] };

const KINDS: readonly Kind[] = [
	...[false, true].map((proxied) => ({ name: 'WebSocket', proxied, words: ['ask'] })),
	...['none', 'gzip', 'deflate', 'br'].flatMap((coding) =>
		[false, true].map((proxied) => ({
			name: coding === 'none' ? 'events' : `events, ${coding}`,
			proxied,
			words: ['read', coding],
		})),
	),
];

/** A message as a program says that it sent it. */
type Said = {
	readonly id: string;
	readonly side: 'server' | 'client';
	readonly kind: string;
	readonly bytes: number;
	readonly hash: string;
	readonly event?: string | null;
	readonly eventId?: string | null;
	readonly code?: number;
};

const SQL = `SELECT e.side, e.state, e.pair_id, e.local, e.remote, e.query_string, m.exchange_id, m.seq, m.direction, m.kind, m.event, m.event_id,
	m.bytes, m.data_raw, m.data, m.close_code, m.note
	FROM messages m JOIN exchanges e ON e.id = m.exchange_id ORDER BY m.exchange_id, m.seq;
SELECT sum(events) AS lost FROM loss WHERE kind = 'lost';`;

export async function tryMessages(site: Site): Promise<readonly MessageTrial[]> {
	install(NGINX);
	installPeers();
	const trials: MessageTrial[] = [];
	for (const kind of KINDS) {
		if (isEnding()) break;
		const trial = await tryOne(kind, site);
		trials.push(trial);
		const result = trial.absent ?? `${trial.messages} messages, ${trial.failures.length} failures`;
		console.error(`compat: ${trial.client} → ${trial.server}: ${result}`);
		for (const failure of trial.failures.slice(0, 20)) console.error(`  ${failure}`);
	}
	return trials;
}

async function tryOne(kind: Kind, site: Site): Promise<MessageTrial> {
	const isSocket = kind.words[0] === 'ask';
	const library = isSocket ? peerVersion('ws') : process.version.slice(1);
	const origin = isSocket ? 'ws' : `node, ${kind.name}`;
	const names = {
		server: kind.proxied ? `nginx, proxy to ${origin}` : origin,
		client: isSocket ? 'ws' : 'node',
		versions: [kind.proxied ? versionOf(['nginx', '-v']) : library, library] as const,
	};
	const absent = kind.proxied ? missing(NGINX) : undefined;
	if (absent !== undefined) return { ...names, absent, messages: 0, failures: [] };
	const recording = join(site.temporary, 'messages-recording');
	const log = join(site.temporary, 'messages-said');
	try {
		writeFileSync(log, '');
		const ports = await startServers(kind.proxied, log, site);
		const { rows, lost, printed } = await capture(ports, recording, kind.words, site);
		const said = [...linesOf(readFileSync(log, 'utf8')), ...linesOf(printed)];
		const failures = [
			...ports.flatMap((port) => hopFailures(rows, port, said)),
			...(lost === 0 ? [] : [`${lost} events were lost`]),
		];
		if (failures.length > 0) {
			mkdirSync(KEPT, { recursive: true });
			copyFileSync(recording, join(KEPT, `messages ${kind.name}${kind.proxied ? ' proxied' : ''}.tinytap`));
		}
		return { ...names, absent: undefined, messages: rows.length, failures };
	} catch (error) {
		return {
			...names,
			absent: undefined,
			messages: 0,
			failures: [error instanceof Error ? error.message : String(error)],
		};
	} finally {
		await stopAll();
	}
}

/** Starts the server, and nginx before it if it is `proxied`; returns the ports, that of the client first. */
async function startServers(proxied: boolean, log: string, { temporary }: Site): Promise<readonly number[]> {
	const back = await freePort();
	await startOn(back, [process.execPath, PROGRAM, 'serve', String(back), log], {});
	if (!proxied) return [back];
	const front = await freePort();
	const path = join(temporary, 'messages-nginx.conf');
	writeFileSync(
		path,
		`daemon off; user root; worker_processes 1; pid ${temporary}/messages-nginx.pid; error_log stderr; events {}
http {
  access_log off;
  server { listen 127.0.0.1:${front};
    location /events { proxy_pass http://127.0.0.1:${back}; proxy_http_version 1.1; proxy_set_header Connection ""; }
    location / { proxy_pass http://127.0.0.1:${back}; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; }
  }
}
`,
	);
	await startOn(front, ['nginx', '-p', temporary, '-c', path], {});
	return [front, back];
}

type MessageRow = Readonly<Record<string, unknown>>;

async function capture(ports: readonly number[], recording: string, words: readonly string[], site: Site) {
	const filters = ports.flatMap((port) => ['--port', String(port)]);
	const options = [...CAPTURE_OPTIONS, '--max-memory', '1GiB', '--record', recording, '--force', ...filters];
	const tinytap = startTinytap(['query', SQL, ...options]);
	remember({ pid: tinytap.child.pid ?? -1, stop: tinytap.stop, output: tinytap.stderr });
	await unlessEnding(tinytap.attached());
	const [mode = '', ...others] = words;
	const asking = [process.execPath, PROGRAM, mode, String(ports[0]), ...others];
	const printed = (await unlessEnding(runCommand(asking, '', site))).toString();
	tinytap.interrupt();
	const { code, stdout, stderr } = await tinytap.finished;
	if (code !== 0) throw new Error(`tinytap query ended with ${code}: ${stderr}`);
	const lines = parseRows(stdout);
	const rows: readonly MessageRow[] = lines.filter((line) => 'seq' in line);
	return { rows, lost: Number(lines.find((line) => 'lost' in line)?.lost ?? Number.NaN), printed };
}

function linesOf(text: string): Said[] {
	const lines = text.split('\n').filter((line) => line !== '');
	return lines.map((line) => JSON.parse(line) as Said);
}

/** What is wrong in the rows of the connections to one port, on both sides. */
function hopFailures(rows: readonly MessageRow[], port: number, said: readonly Said[]): string[] {
	const failures: string[] = [];
	for (const side of ['server', 'client'] as const) {
		const address = side === 'server' ? 'local' : 'remote';
		const mine = rows.filter((row) => row.side === side && String(row[address]).endsWith(`:${port}`));
		for (const row of mine) {
			const place = `port ${port}, ${side}, exchange ${row.exchange_id}, message ${row.seq}`;
			if (row.note !== null) failures.push(`${place}: expected no note, got ${row.note}`);
			if (row.pair_id === null) failures.push(`${place}: its exchange has no row of the other side`);
		}
		for (const id of new Set(said.map((one) => one.id)))
			for (const sender of ['server', 'client'] as const) {
				const direction = sender === side ? 'out' : 'in';
				const found = mine.filter((row) => idOf(row) === id && row.direction === direction).map(foundText);
				const wanted = said.filter((one) => one.id === id && one.side === sender).map(saidText);
				if (found.join('\n') !== wanted.join('\n'))
					failures.push(difference(`port ${port}, ${side}, ${id}, ${direction}`, found, wanted));
			}
		const ids = new Set(said.map((one) => one.id));
		const others = mine.filter((row) => !ids.has(idOf(row)));
		if (others.length > 0) failures.push(`port ${port}, ${side}: ${others.length} messages that nobody sent`);
	}
	return failures;
}

function idOf(row: MessageRow): string {
	return new URLSearchParams(String(row.query_string)).get('id') ?? '';
}

function saidText({ kind, bytes, hash, event = null, eventId = null, code }: Said): string {
	// The code of a close frame counts as its content.
	const length = kind === 'close' ? bytes + 2 : bytes;
	return [kind, length, hash, event, eventId, code ?? null].join(' ');
}

function foundText(row: MessageRow): string {
	const content =
		row.kind === 'close' ? Buffer.from(String(row.data)) : Buffer.from(String(row.data_raw ?? ''), 'base64');
	const hash = createHash('sha256').update(content).digest('hex').slice(0, 16);
	return [row.kind, row.bytes, hash, row.event, row.event_id, row.close_code].map((value) => value ?? null).join(' ');
}

function difference(place: string, found: readonly string[], wanted: readonly string[]): string {
	const at = wanted.findIndex((text, index) => found[index] !== text);
	const [index, count] = [at < 0 ? wanted.length : at, `${found.length} of ${wanted.length} messages`];
	return `${place}: ${count}; the ${index + 1}. is ${found[index] ?? 'missing'}, expected ${wanted[index] ?? 'none'}`;
}
