// Traffic of a small shop, as a capture of its host records it: nginx answers clients elsewhere from files and through two
// services, which call each other. Always the same, with slow times, failures and a deployment in the middle.
import type { Tape } from './record-builder.ts';
import { type End, type Pair, type Process, request, response, TimedTraffic, WRITEV } from './timed-traffic.ts';

const NGINX: Process = { pid: 310, comm: 'nginx' };
const SHOP: Process = { pid: 421, comm: 'shop' };
const PAYMENTS: Process = { pid: 733, comm: 'payments' };
const MAILER: Process = { pid: 808, comm: 'mailer' };

/** Milliseconds that the traffic takes. */
const SPAN_MS = 120_000;

type Connection<Kind> = { readonly end: Kind; freeAt: number };

/** About `rows` rows of the table `exchanges`. */
export function shopTraffic(rows: number): Tape {
	const shop = new Shop(rows);
	return shop.tape();
}

class Shop {
	readonly #traffic = new TimedTraffic();
	readonly #random = seeded(7);
	readonly #fronts: Connection<End>[] = [];
	readonly #shops: Connection<Pair>[] = [];
	readonly #payments: Connection<Pair>[] = [];
	readonly #outside: Connection<End>[] = [];
	#left: number;

	constructor(rows: number) {
		this.#left = rows;
		const visits = Math.ceil(rows / 2.6);
		for (let visit = 0; this.#left > 0; visit++) {
			// The evening is busier than the morning, and a visitor comes whenever they like.
			const at = (SPAN_MS * (visit + this.#random())) / visits;
			this.#visit(at + 900 * Math.sin(at / 9000));
		}
	}

	tape(): Tape {
		return this.#traffic.tape();
	}

	#visit(at: number): void {
		const start = Math.max(1, at);
		const dice = this.#random();
		if (dice < 0.3) this.#file(start);
		else if (dice < 0.36) this.#missing(start);
		else this.#order(start, dice);
	}

	#file(at: number): void {
		const ms = 0.4 + 3 * this.#random() ** 3;
		const size = [1840, 51_200, 204_800][Math.floor(3 * this.#random())]!;
		const head = `HTTP/1.1 200 OK\r\nContent-Type: image/webp\r\nContent-Length: ${size}\r\n\r\n`;
		const name = ['lamp', 'shade', 'table', 'chair'][Math.floor(4 * this.#random())];
		this.#front(at, ms).exchange(at, ask(`/static/${name}.webp`), head, { ms, ttfb: ms / 4, sendfile: size });
		this.#left--;
	}

	#missing(at: number): void {
		const ms = 0.3 + this.#random();
		const body = '<!doctype html><title>404</title><h1>Not found</h1>\n';
		this.#front(at, ms).exchange(at, ask('/favicon.png'), response(404, body, { 'Content-Type': 'text/html' }), { ms });
		this.#left--;
	}

	#order(at: number, dice: number): void {
		const isDeploying = at > 70_000 && at < 74_500;
		const isSlow = at > 30_000 && at < 44_000;
		const id = 1000 + Math.floor(this.#random() * 9000);
		const isPost = dice > 0.86;
		const path = isPost
			? '/api/orders'
			: dice < 0.62
				? `/api/orders/${id}`
				: dice < 0.8
					? `/api/search?q=lamp+${id}`
					: '/api/cart';
		const base = isPost ? 38 : path.startsWith('/api/search') ? 21 : 6;
		const ms = base * (isSlow ? 3.4 : 1) * Math.exp(1.1 * (this.#random() + this.#random() + this.#random() - 1.5));
		const fails = isDeploying && this.#random() < 0.55;
		const body = isPost
			? JSON.stringify({ items: ['lamp', 'shade'], card: 'tok_4242', note: 'Grüße & <b>thanks</b>' })
			: '';
		const asked = ask(path, body, id);
		const json = JSON.stringify({
			id,
			total: 129.5,
			currency: 'EUR',
			items: [
				{ name: 'lamp', count: 1 },
				{ name: 'shade', count: 2 },
			],
			paid: !isPost,
		});
		const answer = fails ? problem(502, 'bad gateway') : reply(isPost ? 201 : 200, json);
		const front = this.#front(at, ms + 2);
		front.exchange(at, asked, answer, { ms: ms + 2, ttfb: ms + 1.2, sending: isPost ? 0.6 : 0, call: WRITEV });
		this.#left--;
		if (fails && this.#random() < 0.7) return;
		const inner = Math.max(1.5, ms - 2);
		this.#shop(at + 1, inner + 3).exchange(
			at + 2,
			asked,
			fails ? problem(503, 'shutting down') : reply(isPost ? 201 : 200, json),
			{ ms: inner, ttfb: inner * 0.9 },
		);
		this.#left -= 2;
		if (!isPost || fails) return;
		const pay = Math.max(1, inner * 0.7);
		const isRefused = this.#random() < 0.06;
		this.#payment(at + 3, pay + 3).exchange(
			at + 4,
			request(
				'/v1/charges',
				{ Authorization: `Bearer sk_live_${id}`, 'Content-Type': 'application/json' },
				JSON.stringify({ amount: 12_950, password: 'hunter2' }),
				'payments',
			),
			isRefused
				? problem(402, 'card refused')
				: reply(200, JSON.stringify({ charge: `ch_${id}`, status: 'succeeded' })),
			{ ms: pay, ttfb: pay * 0.95 },
		);
		this.#left -= 2;
		if (this.#random() < 0.4) this.#mail(at + ms, id);
	}

	#mail(at: number, id: number): void {
		const ms = 60 + 200 * this.#random();
		const end = take(this.#outside, at, ms, () => this.#traffic.client(MAILER, '198.51.100.25:80', at - 3));
		end.exchange(
			at,
			request('/send', { 'Content-Type': 'application/json' }, JSON.stringify({ order: id }), 'mail.example.net'),
			reply(202, '{"queued":true}'),
			{ ms },
		);
		this.#left--;
	}

	#front(at: number, ms: number): End {
		const from = () => `203.0.113.${1 + Math.floor(this.#random() * 40)}`;
		return take(this.#fronts, at, ms, () => this.#traffic.server(NGINX, from(), at - 0.5));
	}

	#shop(at: number, ms: number): Pair {
		return take(this.#shops, at, ms, () => this.#traffic.pair(SHOP, NGINX, at - 0.5));
	}

	#payment(at: number, ms: number): Pair {
		return take(this.#payments, at, ms, () => this.#traffic.pair(PAYMENTS, SHOP, at - 0.5));
	}
}

/** A connection that is free at this time, or a new one. */
function take<Kind>(connections: Connection<Kind>[], at: number, ms: number, open: () => Kind): Kind {
	let connection = connections.find(({ freeAt }) => freeAt + 1 < at);
	if (connection === undefined) {
		connection = { end: open(), freeAt: 0 };
		connections.push(connection);
	}
	connection.freeAt = at + ms;
	return connection.end;
}

function ask(target: string, body = '', id = 0): string {
	const fields = {
		'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64)',
		Accept: '*/*',
		Cookie: `session=s3cr3t${id % 17}`,
		...(body === '' ? {} : { 'Content-Type': 'application/json' }),
	};
	return request(target, fields, utf8(body), 'shop.example');
}

function reply(status: number, json: string): string {
	return response(status, utf8(json), { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
}

function problem(status: number, error: string): string {
	return response(status, JSON.stringify({ error }), { 'Content-Type': 'application/problem+json' });
}

/** Records contain the characters of a text as bytes. */
function utf8(text: string): string {
	return Buffer.from(text).toString('latin1');
}

function seeded(seed: number): () => number {
	let state = seed;
	return () => {
		state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
		return state / 4_294_967_296;
	};
}
