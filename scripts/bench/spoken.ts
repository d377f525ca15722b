// Conversations like those of real programs, always the same ones: what a client sent and a server answered, by
// exchange.
import { type ConnectionTape, Tape } from '../../support/record-builder.ts';

export type Spoken = { readonly request: Buffer; readonly response: Buffer };

export type Kind = {
	readonly name: string;
	/** Bytes of a body to keep, as with --body-limit; undefined: the default. */
	readonly bodyLimit?: number;
	/** The share of the requested exchanges to measure, so that there are fewer large ones. */
	readonly share: number;
	exchange(number: number): Spoken;
};

const BROWSER =
	'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36\r\n' +
	'sec-ch-ua: "Chromium";v="130", "Not?A_Brand";v="99"\r\nsec-ch-ua-mobile: ?0\r\nsec-ch-ua-platform: "Linux"\r\n' +
	'Accept: image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8\r\nSec-Fetch-Site: same-origin\r\n' +
	'Sec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image\r\nReferer: https://shop.example.org/products/list?page=3\r\n' +
	'Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9,de;q=0.8\r\n' +
	'Cookie: session=3f786850e387550fdab836ed7e6dc881de23001b; theme=dark; seen=1795348800; cart=17,42,99\r\n';

const SERVED =
	'Server: nginx/1.27.2\r\nDate: Sun, 22 Nov 2026 12:00:00 GMT\r\nLast-Modified: Fri, 20 Nov 2026 08:30:00 GMT\r\n' +
	'Connection: keep-alive\r\nETag: "673d9a58-2f3c"\r\nCache-Control: public, max-age=3600\r\nVary: Accept-Encoding\r\n';

const body = Buffer.alloc(65536, 'The quick brown fox jumps over the lazy dog. ');

function spoken(request: string, response: string, content: Buffer = Buffer.alloc(0)): Spoken {
	return {
		request: Buffer.from(request, 'latin1'),
		response: Buffer.concat([Buffer.from(response, 'latin1'), content]),
	};
}

function browserGet(number: number): Spoken {
	return spoken(
		`GET /static/images/products/${number}.webp?v=${number % 7} HTTP/1.1\r\nHost: shop.example.org\r\nConnection: keep-alive\r\n${BROWSER}\r\n`,
		`HTTP/1.1 304 Not Modified\r\n${SERVED}\r\n`,
	);
}

function jsonCall(number: number): Spoken {
	const sent = `{"order":${number},"items":[{"sku":"A-${number % 100}","count":2},{"sku":"B-17","count":1}],"note":"leave at the door"}`;
	const answered = `{"order":${number},"state":"accepted","total":{"amount":"${number % 997}.50","currency":"EUR"},"lines":[${'{"sku":"A","price":"1.25"},'.repeat(12)}{}]}`;
	return spoken(
		`POST /api/v2/orders HTTP/1.1\r\nHost: api.example.org\r\nUser-Agent: Go-http-client/1.1\r\nContent-Length: ${sent.length}\r\nContent-Type: application/json\r\nAuthorization: Bearer eyJhbGciOiJIUzI1NiJ9.e30.${number}\r\nAccept-Encoding: gzip\r\n\r\n${sent}`,
		`HTTP/1.1 201 Created\r\nContent-Type: application/json; charset=utf-8\r\nX-Request-Id: ${number}\r\nDate: Sun, 22 Nov 2026 12:00:00 GMT\r\nContent-Length: ${answered.length}\r\n\r\n${answered}`,
	);
}

function chunkedPage(number: number): Spoken {
	const sizes = Array.from({ length: 8 }, (_, i) => 300 + ((number + i * 37) % 400));
	const chunks = sizes.map((size) => `${size.toString(16)}\r\n${body.toString('latin1', 0, size)}\r\n`).join('');
	return spoken(
		`GET /pages/${number} HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n`,
		`HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nTransfer-Encoding: chunked\r\nDate: Sun, 22 Nov 2026 12:00:00 GMT\r\n\r\n${chunks}0\r\n\r\n`,
	);
}

function download(number: number): Spoken {
	return spoken(
		`GET /files/${number} HTTP/1.1\r\nHost: files.example.org\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n`,
		`HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: ${body.length}\r\nDate: Sun, 22 Nov 2026 12:00:00 GMT\r\n\r\n`,
		body,
	);
}

/** The first kinds are for the heads, the last ones for the bodies. */
export const KINDS: readonly Kind[] = [
	{ name: 'heads: browser GETs, 304', share: 1, exchange: browserGet },
	{ name: 'JSON API', share: 1, exchange: jsonCall },
	{ name: 'chunked pages', share: 0.5, exchange: chunkedPage },
	{ name: '64 KiB bodies, kept', share: 0.04, exchange: download },
	{ name: '64 KiB bodies, skipped', share: 0.04, bodyLimit: 0, exchange: download },
];

/** As much as the capture thread takes from the kernel at a time. */
export const BATCH_BYTES = 1 << 20;

const CONNECTIONS = 50;

/**
 * The exchanges as batches of capture records, on keep-alive connections that take turns; each `round` uses other
 * connections and later times.
 */
export function batchesOf(list: readonly Spoken[], round = 0): Uint8Array[] {
	const tape = new Tape();
	const first = round * CONNECTIONS + 1;
	tape.timeNs = BigInt(round + 1) * 10n ** 12n;
	const connections: ConnectionTape[] = Array.from({ length: Math.min(CONNECTIONS, list.length) }, (_, i) =>
		tape
			.server(first + i, { local: '10.0.0.1:80', remote: `10.0.1.${i + 1}:${1024 + first + i}`, pid: 100 + (i % 4) })
			.open(),
	);
	const batches: Uint8Array[] = [];
	let bytes = 0;
	for (const [i, { request, response }] of list.entries()) {
		connections[i % connections.length]!.in(request).out(response);
		bytes += request.length + response.length;
		if (bytes < BATCH_BYTES && i + 1 !== list.length) continue;
		batches.push(tape.batch());
		tape.records.length = 0;
		bytes = 0;
	}
	return batches;
}
