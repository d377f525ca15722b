// A JSON API and its clients, for the benchmark `agent`: two processes that keep a rate of requests with what real ones
// carry: tokens, cookies, ids of requests, traces. They are programs of few system calls, which leave the CPU to what is
// measured.
//
//   node --import tsx scripts/bench/api-traffic.ts server
//   node --import tsx scripts/bench/api-traffic.ts client PORT RATE
import { createHash } from 'node:crypto';
import { connect, createServer, type Socket } from 'node:net';

const CONNECTIONS = 32;
/** People who are logged in; each has a token or a cookie. */
const PEOPLE = 200;
const TICK_MS = 5;

const AGENTS = [
	'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
	'okhttp/4.12.0',
	'Shop/7.31.2 (iPhone; iOS 18.1; Scale/3.00)',
];
const WORDS = ['lamp', 'garden table', 'blue shirt', 'usb cable', 'tea', 'running shoes', 'desk', 'rain jacket'];

const number = seeded(7);
const pick = <T>(list: readonly T[]): T => list[Math.floor(number() * list.length)]!;
const hex = (bytes: number): string =>
	Array.from({ length: bytes * 2 }, () => Math.floor(number() * 16).toString(16)).join('');

function seeded(seed: number): () => number {
	let state = seed;
	return () => {
		state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
		return state / 2 ** 32;
	};
}

/** The parts of one keep-alive connection's byte stream: calls `message` with each head and the length of its body. */
function heads(socket: Socket, message: (head: string) => void): void {
	let waiting = '';
	let body = 0;
	socket.setNoDelay(true).setEncoding('latin1');
	socket.on('data', (chunk) => {
		waiting += String(chunk);
		for (;;) {
			const skipped = Math.min(body, waiting.length);
			waiting = waiting.slice(skipped);
			body -= skipped;
			const end = body > 0 ? -1 : waiting.indexOf('\r\n\r\n');
			if (end < 0) return;
			const head = waiting.slice(0, end + 4);
			waiting = waiting.slice(end + 4);
			body = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
			message(head);
		}
	});
	socket.on('error', () => undefined);
}

function serve(): void {
	const order = (id: string) =>
		JSON.stringify({
			id: Number(id),
			state: 'shipped',
			customer: { id: (Number(id) * 7) % PEOPLE, name: 'Ann Example', city: 'Lisbon' },
			lines: [1, 2, 3].map((line) => ({ line, article: `A-${Number(id) + line}`, quantity: line, price: 19.9 * line })),
		});
	const found = JSON.stringify({
		total: 1234,
		items: Array.from({ length: 20 }, (_, i) => ({ id: i, title: `Article number ${i}`, price: i * 10 + 0.99 })),
	});
	const answers: Record<string, (id: string) => readonly [status: string, body: string]> = {
		orders: (id) => ['200 OK', order(id)],
		search: () => ['200 OK', found],
		created: (id) => ['201 Created', `{"id":${id},"state":"new"}`],
		users: () => ['404 Not Found', '{"error":"not found","code":404}'],
	};
	const server = createServer((socket) => {
		heads(socket, (head) => {
			const [, method, kind, id = '1'] = /^(\S+) \/api\/v1\/(\w+)(?:\/(\d+))?/.exec(head) ?? [];
			const [status, body] = answers[method === 'POST' ? 'created' : (kind ?? '')]!(id);
			const request = /\r\nx-request-id: (\S+)/i.exec(head)?.[1] ?? '';
			const tag = createHash('md5').update(body).digest('hex');
			socket.write(
				`HTTP/1.1 ${status}\r\nServer: shop/2.4\r\nDate: ${new Date().toUTCString()}\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: keep-alive\r\nCache-Control: private, max-age=0\r\nETag: W/"${tag}"\r\nVary: Accept-Encoding, Authorization\r\nX-Request-Id: ${request}\r\nStrict-Transport-Security: max-age=31536000; includeSubDomains\r\n\r\n${body}`,
			);
		});
	});
	server.listen(0, '127.0.0.1', () => {
		const address = server.address();
		console.log(typeof address === 'object' ? address?.port : address);
	});
}

function request(credentials: string, agent: string): string {
	const kind = number();
	const id = Math.floor(number() * 50_000);
	const body = kind < 0.15 ? JSON.stringify({ article: `A-${id}`, quantity: 2, note: 'please ring twice' }) : '';
	const target =
		kind < 0.15
			? '/api/v1/orders'
			: kind < 0.75
				? `/api/v1/orders/${id}`
				: kind < 0.95
					? `/api/v1/search?q=${encodeURIComponent(pick(WORDS))}&page=${1 + Math.floor(number() * 9)}&limit=20`
					: `/api/v1/users/${id}`;
	const content = body === '' ? '' : `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`;
	return `${body === '' ? 'GET' : 'POST'} ${target} HTTP/1.1\r\nHost: api.shop.example\r\nUser-Agent: ${agent}\r\nAccept: application/json\r\nAccept-Language: en-GB,en;q=0.8\r\nAccept-Encoding: gzip, br\r\n${credentials}${content}X-Request-Id: ${hex(4)}-${hex(2)}-${hex(2)}-${hex(2)}-${hex(6)}\r\ntraceparent: 00-${hex(16)}-${hex(8)}-01\r\nConnection: keep-alive\r\n\r\n${body}`;
}

function ask(port: number, rate: number): void {
	const people = Array.from({ length: PEOPLE }, (_, i) => {
		const token = `eyJhbGciOiJIUzI1NiJ9.${Buffer.from(`{"sub":"${i}","scope":"orders"}`).toString('base64url')}.${hex(22)}`;
		const credentials =
			i % 3 === 0
				? `Cookie: session=${hex(16)}; theme=dark-mode; consent=all\r\n`
				: `Authorization: Bearer ${token}\r\n`;
		return { credentials, agent: AGENTS[i % AGENTS.length]! };
	});
	const idle: Socket[] = [];
	for (let i = 0; i < CONNECTIONS; i++) {
		const socket = connect(port, '127.0.0.1', () => idle.push(socket));
		heads(socket, () => idle.push(socket));
	}
	const start = performance.now();
	let sent = 0;
	setInterval(() => {
		const due = ((performance.now() - start) / 1000) * rate;
		for (; sent < due && idle.length > 0; sent++) {
			const { credentials, agent } = pick(people);
			idle.shift()!.write(request(credentials, agent), 'latin1');
		}
	}, TICK_MS);
}

const [what, port, rate] = process.argv.slice(2);
if (what === 'server') serve();
else ask(Number(port), Number(rate));
