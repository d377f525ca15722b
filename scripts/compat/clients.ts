// The clients, and the calls they use.
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { NAMESPACE } from './network-servers.ts';
import { always, type Carriers, type Need, type Site } from './server-kind.ts';

/** One request as given to a client; `body` and `into` are files. */
export type Request = {
	readonly url: string;
	readonly method: string;
	readonly headers: Readonly<Record<string, string>>;
	readonly body: string | null;
	readonly into: string;
	/** The unix socket to connect to, or null. */
	readonly socket: string | null;
};

export type Client = {
	readonly name: string;
	readonly needs: readonly Need[];
	readonly version: readonly string[];
	readonly request?: Carriers;
	readonly response?: Carriers;
	/** The commands to run, one after another, with their stdin. */
	readonly commands: (requests: readonly Request[], site: Site) => readonly Command[];
};

type Command = { readonly words: readonly string[]; readonly input?: string };

const FIXTURES = join(import.meta.dirname, 'fixtures');
const PYTHON: readonly Need[] = [{ file: '/usr/bin/python3', package: 'python3' }];

/** One of our own clients, which reads a JSON list from stdin and sends the requests one after another. */
const reading = (requests: readonly Request[], ...words: string[]): Command[] => [
	{ words, input: JSON.stringify(requests) },
];

export const CLIENTS: readonly Client[] = [
	{
		name: 'curl',
		needs: [{ command: 'curl', package: 'curl' }],
		version: ['curl', '--version'],
		request: always('sendto'),
		response: always('recvfrom'),
		// All requests on one connection, unless they ask to close it.
		commands: (requests) => {
			const lists = requests.some(({ headers }) => headers.Connection === 'close')
				? requests.map((request) => [request])
				: [requests];
			return lists.map((list) => ({ words: ['curl', '-sS', ...list.flatMap(curlWords).slice(1)] }));
		},
	},
	{
		name: 'curl in a namespace',
		needs: [{ command: 'curl', package: 'curl' }],
		version: ['curl', '--version'],
		request: always('sendto'),
		response: always('recvfrom'),
		commands: (requests) => [
			{ words: ['ip', 'netns', 'exec', NAMESPACE, 'curl', '-sS', ...requests.flatMap(curlWords).slice(1)] },
		],
	},
	{
		name: 'Java HttpClient',
		needs: [{ command: 'javac', package: 'default-jdk-headless' }],
		version: ['java', '-version'],
		request: always('write', 'writev'),
		response: always('read'),
		commands: (requests) => [
			{
				words: ['java', join(FIXTURES, 'HttpProgram.java'), 'ask'],
				input: requests
					.map(({ url, method, body, into, headers }) => {
						const type = headers['Content-Type'] ?? '';
						return `${`${method} ${url} ${body ?? '-'} ${into} ${type}`.trim()}\n`;
					})
					.join(''),
			},
		],
	},
	{
		name: 'wget',
		needs: [{ command: 'wget', package: 'wget' }],
		version: ['wget', '--version'],
		request: always('write'),
		response: always('read'),
		// One process per request, because wget -O concatenates what it gets.
		commands: (requests) =>
			requests.map(({ url, method, headers, body, into }) => ({
				words: [
					'wget',
					'-q',
					'-O',
					into,
					`--method=${method}`,
					...Object.entries(headers).map(([name, value]) => `--header=${name}: ${value}`),
					...(body === null ? [] : [`--body-file=${body}`]),
					url,
				],
			})),
	},
	...['urllib', 'http.client'].map(
		(library): Client => ({
			name: `Python ${library}`,
			needs: PYTHON,
			version: ['/usr/bin/python3', '--version'],
			request: always('sendto'),
			response: always('recvfrom'),
			commands: (requests) => reading(requests, '/usr/bin/python3', join(FIXTURES, 'http_client.py'), library),
		}),
	),
	...['http', 'fetch'].map(
		(library): Client => ({
			name: library === 'fetch' ? 'Node fetch' : 'Node http',
			needs: [],
			version: [process.execPath, '--version'],
			request: always('write', 'writev'),
			response: always('read'),
			commands: (requests) => reading(requests, process.execPath, join(FIXTURES, 'http_client.mjs'), library),
		}),
	),
	{
		name: 'Go net/http',
		needs: [{ command: 'go', package: 'golang-go' }],
		version: ['go', 'version'],
		request: always('write'),
		response: always('read'),
		commands: (requests, site) => reading(requests, site.compiled('http_program'), 'ask'),
	},
	{
		name: 'Ruby Net::HTTP',
		needs: [{ command: 'ruby', package: 'ruby' }],
		version: ['ruby', '--version'],
		request: always('sendto', 'write', 'writev'),
		response: always('recvfrom', 'read'),
		commands: (requests) => reading(requests, 'ruby', join(FIXTURES, 'http_client.rb')),
	},
	...(
		[
			['sendmsg', 'recvmsg'],
			['sendmmsg', 'recvmmsg'],
			['writev', 'readv'],
			['pwritev2', 'preadv2'],
			['sendfile', 'splice'],
		] as const
	).map(
		([send, receive]): Client => ({
			name: `C ${send}/${receive}`,
			needs: [{ command: 'gcc', package: 'gcc' }],
			version: ['gcc', '--version'],
			request: (target) => (send === 'sendfile' && target.requestBody === undefined ? ['write'] : [send]),
			response: (target) => (receive === 'splice' && target.responseBody?.length === 0 ? ['recvfrom'] : [receive]),
			commands: (requests, site) => [
				{
					words: [site.compiled('calls'), 'ask', new URL(requests[0]?.url ?? '').port, send, receive],
					input: requests
						.map(({ url, method, body, into }) => {
							const { pathname, search } = new URL(url);
							return `${method} ${pathname}${search} ${body ?? '-'} ${into}\n`;
						})
						.join(''),
				},
			],
		}),
	),
];

export function clientNamed(name: string): Client {
	const found = CLIENTS.find((client) => client.name === name);
	if (found === undefined) throw new Error(`expected the name of a client, got ${name}`);
	return found;
}

/** Runs the client's commands to their end. Throws a command's error output if it failed or hung. */
export async function ask(client: Client, requests: readonly Request[], site: Site): Promise<void> {
	for (const { words, input } of client.commands(requests, site)) await runCommand(words, input ?? '', site);
}

/** Returns what it printed on stdout. */
export async function runCommand(words: readonly string[], input: string, site: Site): Promise<Buffer> {
	const [command = '', ...args] = words;
	const output = join(site.temporary, 'client-output');
	const printed = openSync(output, 'w');
	const child = spawn(command, args, { stdio: ['pipe', printed, 'pipe'] });
	closeSync(printed);
	let complaint = '';
	child.stderr?.setEncoding('utf8').on('data', (text: string) => {
		complaint += text;
	});
	child.stdin?.on('error', () => {
		// The client ended without reading its input; its exit status, below, reports that.
	});
	child.stdin?.end(input);
	const timer = setTimeout(() => child.kill('SIGKILL'), 120_000);
	const ended = await new Promise<string>((resolve) => {
		child.on('error', (error) => resolve(error.message));
		child.on('close', (code, signal) => resolve(code === 0 ? '' : `ended with ${code ?? signal}`));
	});
	clearTimeout(timer);
	if (ended !== '') throw new Error(`${words.slice(0, 4).join(' ')} … ${ended}: ${complaint.trim()}`);
	return readFileSync(output);
}

function curlWords({ url, method, headers, body, into, socket }: Request): string[] {
	return [
		'--next',
		'-o',
		into,
		...(method === 'PUT' ? ['-X', 'PUT'] : []),
		...Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]),
		...(body === null ? [] : ['--data-binary', `@${body}`]),
		...(socket === null ? [] : socketWords(socket)),
		url,
	];
}

function socketWords(socket: string): string[] {
	return socket.startsWith('@') ? ['--abstract-unix-socket', socket.slice(1)] : ['--unix-socket', socket];
}
