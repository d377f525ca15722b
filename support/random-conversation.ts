// Random HTTP/1.x conversations determined by a seed: mostly well-formed, in all framings, sometimes odd.
import * as wire from '../decoder-as/assembly/wire/capture-event.ts';
import { type ConnectionTape, Tape } from './record-builder.ts';
import { type Call, UNSEEN } from './reference-decoder.ts';

export type Random = {
	/** A whole number from `low` to `high`, both included. */
	between(low: number, high: number): number;
	chance(probability: number): boolean;
	pick<T>(items: readonly T[]): T;
};

/** Always the same numbers for the same seed (mulberry32). */
export function seededRandom(seed: number): Random {
	let state = seed >>> 0;
	const next = (): number => {
		state = (state + 0x6d2b79f5) >>> 0;
		let mixed = Math.imul(state ^ (state >>> 15), state | 1);
		mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
	};
	return {
		between: (low, high) => low + Math.floor(next() * (high - low + 1)),
		chance: (probability) => next() < probability,
		pick: (items) => items[Math.floor(next() * items.length)]!,
	};
}

const METHODS = ['GET', 'GET', 'GET', 'POST', 'PUT', 'HEAD', 'DELETE', 'OPTIONS', 'PATCH', 'CONNECT', 'PURGE', 'X-ODD'];
const STATUSES = [
	'200 OK',
	'200 OK',
	'201 Created',
	'204 No Content',
	'205 Reset Content',
	'206 Partial Content',
	'301 Moved',
	'304 Not Modified',
	'404 Not Found',
	'500 Oh no',
	'200',
	'299 ',
	'101 Switching Protocols',
];
const FIELDS = [
	// Bodies with messages.
	...['text/event-stream', 'application/x-ndjson', 'application/grpc', 'multipart/x-mixed-replace; boundary=x'].map(
		(type) => `Content-Type: ${type}`,
	),
	'Content-Encoding: gzip',
	'Accept: */*',
	'X-Empty:',
	'Cookie: a=b; c=d',
	'X-Long: '.padEnd(200, 'x'),
	'Set-Cookie: a=1',
	'set-cookie: b=2',
	'X-High: \xe4\xf6',
	'Connection: keep-alive',
	'Connection: close',
	'Via:\t1.1 proxy \t',
	'__proto__: 1',
];

/** The calls of a server on one connection. */
export function randomCalls(random: Random): Call[] {
	const calls: Call[] = [];
	const exchanges = random.between(1, 6);
	let held = '';
	const flush = (direction: 'in' | 'out', text: string): void => {
		for (let at = 0; at < text.length; ) {
			const length = random.chance(0.6) ? text.length : random.between(1, Math.max(1, text.length));
			calls.push({ direction, bytes: text.slice(at, at + length) });
			at += length;
		}
	};
	for (let i = 0; i < exchanges; i++) {
		const method = random.pick(METHODS);
		flush('in', request(random, method));
		held += response(random, method);
		// Pipelined requests are answered together.
		if (random.chance(0.25)) continue;
		flush('out', held);
		held = '';
	}
	flush('out', held);
	if (random.chance(0.1)) calls.pop();
	return calls;
}

function lineEnd(random: Random): string {
	return random.chance(0.03) ? '\n' : '\r\n';
}

function someFields(random: Random): string[] {
	return Array.from({ length: random.between(0, 4) }, () => random.pick(FIELDS));
}

function join(random: Random, lines: readonly string[]): string {
	return lines.map((line) => line + lineEnd(random)).join('') + lineEnd(random);
}

function content(random: Random, mayBeUnseen: boolean): string {
	const kind = random.between(0, 9);
	if (kind === 0) return '';
	if (kind === 1 && mayBeUnseen) return UNSEEN.repeat(random.between(1, 3000));
	if (kind === 2 && mayBeUnseen) return `seen${UNSEEN.repeat(random.between(1, 50))}`;
	if (kind === 3) return 'GET /inner HTTP/1.1\r\nHost: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc';
	if (kind === 4)
		return String.fromCharCode(...Array.from({ length: random.between(1, 300) }, () => random.between(0, 255)));
	return 'text '.repeat(random.between(1, random.chance(0.1) ? 4000 : 60));
}

function chunks(random: Random, text: string): string {
	let framed = '';
	for (let at = 0; at < text.length; ) {
		const size = random.between(1, Math.max(1, text.length - at));
		const zeros = random.chance(0.1) ? '00' : '';
		const digits = random.chance(0.5) ? size.toString(16) : size.toString(16).toUpperCase();
		const extension = random.chance(0.1) ? random.pick([';a', ';a=b', ';a="b;c"', ' ;x']) : '';
		framed += `${zeros}${digits}${extension}${lineEnd(random)}${text.slice(at, at + size)}${lineEnd(random)}`;
		at += size;
	}
	const trailers = random.chance(0.2) ? `X-Sum: 1${lineEnd(random)}` : '';
	return `${framed}0${lineEnd(random)}${trailers}${lineEnd(random)}`;
}

/** A body and the fields that frame it. */
function framed(random: Random, mayBeUnseen: boolean): { fields: string[]; body: string } {
	const text = content(random, mayBeUnseen);
	if (random.chance(0.35))
		return {
			fields: [random.chance(0.8) ? 'Transfer-Encoding: chunked' : 'transfer-encoding:CHUNKED'],
			body: chunks(random, text),
		};
	const lengths = random.chance(0.05)
		? [`Content-Length: ${text.length}`, `Content-Length: ${text.length}`]
		: [`Content-Length: ${text.length}`];
	return {
		fields: random.chance(0.02) ? [`Content-Length: ${text.length + random.between(1, 5)}`] : lengths,
		body: text,
	};
}

function request(random: Random, method: string): string {
	const target =
		method === 'CONNECT'
			? 'example.com:443'
			: random.pick(['/', '/a/b?c=d', '*', 'http://example.com/x', `/${'p'.repeat(random.between(1, 400))}`]);
	const version = random.chance(0.1) ? 'HTTP/1.0' : 'HTTP/1.1';
	const line = random.chance(0.02)
		? random.pick(['BAD LINE', 'GET /', 'G T / HTTP/1.1', ''])
		: `${method} ${target} ${version}`;
	const withBody = ['POST', 'PUT', 'PATCH'].includes(method) || random.chance(0.05);
	const { fields, body } = withBody && method !== 'CONNECT' ? framed(random, false) : { fields: [], body: '' };
	const upgrade = random.chance(0.03) ? ['Connection: upgrade', 'Upgrade: websocket'] : [];
	const before = random.chance(0.05) ? '\r\n' : '';
	return before + join(random, [line, 'Host: example.com', ...someFields(random), ...fields, ...upgrade]) + body;
}

function response(random: Random, method: string): string {
	const interim = random.chance(0.08)
		? join(random, [`HTTP/1.1 ${random.pick(['100 Continue', '103 Early Hints', '102 X'])}`])
		: '';
	const status = random.pick(STATUSES);
	if (status.startsWith('101') && random.chance(0.8)) return response(random, method);
	const line = random.chance(0.02)
		? random.pick(['HTTP/1.1 2x0 Odd', 'HTTP/1.1', 'no response'])
		: `HTTP/1.${random.chance(0.1) ? 0 : 1} ${status}`;
	const { fields, body } = framed(random, true);
	const bodiless =
		method === 'HEAD' || /^(204|304|101)/.test(status) || (method === 'CONNECT' && status.startsWith('2'));
	const untilClose = !bodiless && !status.startsWith('205') && random.chance(0.05);
	const head = join(random, [
		line,
		...someFields(random),
		...(untilClose || (bodiless && random.chance(0.5)) ? [] : fields),
	]);
	const tail = bodiless ? '' : untilClose ? content(random, true) : body;
	return interim + head + tail;
}

/** How a client on one connection sends: waits for each response, sends several at a time, or keeps some in flight. */
type Habit = 'one by one' | 'bursts' | 'window' | 'now and then bursts';

/**
 * Exchanges that name themselves, on several connections, and their records with some lost, duplicated and moved.
 * Clients pipeline in every way; servers may or may not answer the requests they have read before they read on.
 */
export function lossyTape(random: Random): { whole: Uint8Array[]; lossy: Uint8Array[] } {
	const tape = new Tape();
	let id = 1;
	const talks = Array.from({ length: random.between(1, 4) }, (_, i) => {
		const connection = random.chance(0.5) ? tape.server(i + 1) : tape.client(i + 1);
		const habit = random.pick<Habit>(['one by one', 'bursts', 'window', 'now and then bursts', 'now and then bursts']);
		connection.open();
		return talk(random, connection, habit, () => id++);
	});
	const kept = new Set<Uint8Array>();
	for (let step = 0; step < 60 && id <= 40; step++) {
		const chosen = random.pick(talks);
		const before = tape.records.length;
		chosen.go();
		// The first records show how a client that never pauses behaves; without them it looks like any other.
		if (chosen.mustShow()) for (const record of tape.records.slice(before)) kept.add(record);
	}
	for (const { drain } of talks) if (random.chance(0.9)) drain();
	for (const { connection } of talks) if (random.chance(0.6)) connection.eof().close();
	return { whole: tape.records, lossy: lose(random, tape.records, kept) };
}

function talk(random: Random, connection: ConnectionTape, habit: Habit, nextId: () => number) {
	const asServer = connection.options.role === wire.ROLE_ACCEPTED;
	const window = random.between(2, 4);
	const sent: number[] = [];
	let rounds = 0;
	const send = (text: string, byServer: boolean): void => {
		const cut = random.chance(0.5) ? text.length : random.between(1, text.length);
		for (const part of [text.slice(0, cut), text.slice(cut)]) {
			if (part === '') continue;
			if (asServer === byServer) connection.out(part);
			else connection.in(part);
		}
	};
	const ask = (count: number): void => {
		const texts = Array.from({ length: count }, () => {
			const id = nextId();
			sent.push(id);
			return namedRequest(random, id);
		});
		// One call may read several requests.
		if (random.chance(0.2)) send(texts.join(''), false);
		else for (const text of texts) send(text, false);
	};
	const reply = (): void => {
		const id = sent.shift();
		if (id === undefined) return;
		if (habit !== 'window' && random.chance(0.03)) send('HTTP/1.1 103 Early Hints\r\n\r\n', true);
		send(namedResponse(random, id), true);
	};
	const drain = (): void => {
		while (sent.length > 0) reply();
	};
	const go = (): void => {
		rounds++;
		if (habit === 'window') {
			ask(window - sent.length);
			for (let replies = random.chance(0.8) ? 1 : 2; replies > 0 && sent.length > 1; replies--) reply();
			return;
		}
		ask(habit === 'bursts' || (habit === 'now and then bursts' && random.chance(0.2)) ? random.between(2, 5) : 1);
		drain();
	};
	return { connection, go, drain, mustShow: () => habit === 'window' && rounds <= 3 };
}

/** Loses a few records, many, or all of some period; duplicates some and moves some. */
function lose(random: Random, records: readonly Uint8Array[], kept: ReadonlySet<Uint8Array>): Uint8Array[] {
	const rate = random.pick([0.02, 0.08, 0.08, 0.25]);
	const from = random.chance(0.3) ? random.between(0, records.length) : records.length;
	const to = from + random.between(1, 12);
	const lossy = records.filter((record, i) => (!random.chance(rate) && (i < from || i >= to)) || kept.has(record));
	for (let i = 0; i + 1 < lossy.length; i++) {
		const luck = random.between(0, 99);
		if (luck < 2) [lossy[i], lossy[i + 1]] = [lossy[i + 1]!, lossy[i]!];
		else if (luck < 4) lossy.splice(i, 0, lossy[i]!);
	}
	return lossy;
}

function namedRequest(random: Random, id: number): string {
	const cookie = random.chance(0.2) ? `Cookie: ${'c'.repeat(random.between(1, 300))}\r\n` : '';
	return `GET /exchange/${id} HTTP/1.1\r\nHost: h\r\n${cookie}\r\n`;
}

function namedResponse(random: Random, id: number): string {
	const text = Array.from({ length: random.between(1, 6) }, (_, line) => `<exchange ${id} line ${line}>`).join('\n');
	const head = `HTTP/1.1 200 OK\r\nX-Exchange: ${id}\r\n`;
	return random.chance(0.3)
		? `${head}Transfer-Encoding: chunked\r\n\r\n${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`
		: `${head}Content-Length: ${text.length}\r\n\r\n${text}`;
}
