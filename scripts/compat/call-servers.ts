// System calls that hardly any server uses, made by a fixture in C at both ends, and a proxy that moves bodies by
// splice.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../support/servers.ts';
import { startNodeServer } from './application-servers.ts';
import { always, bodiesInPieces, echoes, everyBody, type Hop, type ServerKind } from './server-kind.ts';
import { startOn, startServer } from './start-server.ts';

/** Pairs of calls; the client of the same name uses the same pair. */
const CALLS = [
	['sendmsg', 'recvmsg'],
	['sendmmsg', 'recvmmsg'],
	['writev', 'readv'],
	['pwritev2', 'preadv2'],
	['sendfile', 'recvfrom'],
	['splice', 'recvfrom'],
] as const;

export const CALL_SERVER_KINDS: readonly ServerKind[] = [
	...CALLS.map(
		([send, receive]): ServerKind => ({
			group: 'calls',
			name: `C, ${send}/${receive}`,
			needs: [{ command: 'gcc', package: 'gcc' }],
			version: ['gcc', '--version'],
			targets: [...everyBody(), ...echoes()],
			clients: receive === 'recvfrom' ? ['curl', 'C sendfile/splice'] : ['curl', `C ${send}/${receive}`],
			start: async (site) => {
				const program = site.compiled('calls');
				const zeroCopy = send === 'sendfile' || send === 'splice';
				return await startServer(
					(port) => [program, 'serve', String(port), send, receive],
					{
						request: always(receive),
						// sendfile and splice send only files; an echoed or empty body is sent by write.
						response: ({ method, responseBody }) =>
							zeroCopy && (method === 'POST' || responseBody?.length === 0) ? ['write'] : [send],
					},
					{ COMPAT_ROOT: site.root },
				);
			},
		}),
	),
	...(['sendfile', 'splice', 'sendmmsg'] as const).map(
		(send): ServerKind => ({
			group: 'calls',
			name: `C, ${send} in chunks`,
			needs: [{ command: 'gcc', package: 'gcc' }],
			version: ['gcc', '--version'],
			targets: bodiesInPieces('/chunked/', 'chunked'),
			start: async (site) => {
				const program = site.compiled('calls');
				return await startServer(
					(port) => [program, 'serve', String(port), send, 'recvmsg'],
					{ request: always('recvmsg'), response: always(send) },
					{ COMPAT_ROOT: site.root },
				);
			},
		}),
	),
	{
		group: 'haproxy',
		name: 'HAProxy, splice',
		needs: [{ command: 'haproxy', package: 'haproxy' }],
		version: ['haproxy', '-v'],
		targets: [...everyBody(), ...bodiesInPieces('/chunked/', 'chunked'), ...echoes()],
		start: async (site) => {
			const port = await freePort();
			await startNodeServer(site, { port });
			const front = await freePort();
			const configuration = join(site.temporary, 'haproxy.cfg');
			writeFileSync(configuration, haproxyConfiguration(front, port));
			await startOn(front, ['haproxy', '-db', '-f', configuration], {});
			// HAProxy splices the bytes that are in the socket when it looks, and copies the rest.
			const hops: readonly Hop[] = [
				{
					name: 'HAProxy',
					port: front,
					server: { request: always('recvfrom', 'splice'), response: always('sendto', 'splice') },
				},
				{
					name: 'node behind HAProxy',
					port,
					server: { request: always('read'), response: always('write', 'writev') },
					client: { request: always('sendto', 'splice'), response: always('recvfrom', 'splice') },
				},
			];
			return hops;
		},
	},
];

function haproxyConfiguration(front: number, back: number): string {
	return `defaults
  mode http
  timeout connect 10s
  timeout client 60s
  timeout server 60s
  option splice-request
  option splice-response
frontend front
  bind 127.0.0.1:${front}
  default_backend back
backend back
  server node 127.0.0.1:${back}
`;
}
