// A captured request as a command line for any POSIX shell. Captured text is hostile: it must not become an option, a
// file name or a second command, and must not control the terminal on which it is printed.

import type { FieldLine } from '../store/exchange-row.ts';
import { type ExchangeDetail, headerValue } from './exchange-parts.ts';
import {
	type Destination,
	destinationOf,
	fieldProblem,
	isChunked,
	sentScheme,
	TOKEN,
	targetOf,
} from './sent-request.ts';
import { forTerminal, splitUtf8 } from './terminal-text.ts';
import { escapeUnsafe } from './visible-text.ts';

export type CurlLine = {
	/** The command, without a line end; null if curl cannot send the request. */
	readonly command: string | null;
	/** What the command omits, or why there is no command; for `#` lines. */
	readonly remarks: readonly string[];
};

/** Linux limits an argument to 128 KiB. Longer bodies go through a pipe. */
const ARGUMENT_BYTES = 128 * 1024 - 1;
/** Each run of unprintable bytes in a word starts a printf. Bodies with more of them go through a pipe. */
const MAX_RUNS = 16;

/** An authority that curl copies into the Host field unchanged. */
const REPEATED = /^(?:[a-z][a-z0-9.-]*|\d+\.\d+\.\d+\.\d+)(?::(?!80$)\d+)?$/;
/** A target that curl sends exactly as written in the URL. */
const PLAIN_TARGET = /^\/[A-Za-z0-9\-._~!$&'()*+,;=:@%/[\]{}|]*(?:\?[A-Za-z0-9\-._~!$&'()*+,;=:@%/[\]{}|?]+)?$/;
/** Codings of a response that curl decodes with `--compressed`. */
const DECODED = /^(?:x-)?(?:gzip|deflate|br|zstd)$/i;

/**
 * Sends the same request line, fields and held body to the server that received the request. curl's own default
 * fields are turned off. Exceptions: curl puts the Host field first and calls it `Host`; curl chooses the sizes of
 * chunks; trailers are left out.
 */
export function curlLine(exchange: ExchangeDetail): CurlLine {
	const { method } = exchange.columns;
	const target = targetOf(exchange);
	if (typeof method !== 'string' || target === null) return refused('the request was not seen in full');
	if (!TOKEN.test(method)) return refused(`${forTerminal(method)} is not a method that curl can send`);
	const version = exchange.columns.req_http_version ?? '1.1';
	if (version === '0.9') return refused('curl cannot send HTTP/0.9');
	const destination = destinationOf(exchange, target.text);
	if (typeof destination === 'string') return refused(destination);

	const remarks: string[] = [];
	const body = bodyOf(exchange, remarks);
	if (version !== '1.0' && version !== '1.1' && version !== '2')
		remarks.push(`HTTP/${forTerminal(String(version))} becomes HTTP/1.1`);
	const words = ['curl', '--globoff', '--path-as-is'];
	if (method !== 'HEAD') words.push('--request', quote(method));
	else if (body === null) words.push('--head');
	else {
		words.push('--request', quote(method));
		remarks.push('curl waits for a body that the answer to HEAD does not have: end it with Ctrl-C');
	}
	if (version === '1.0') words.push('--http1.0');
	const scheme = sentScheme(exchange.columns);
	if (version === '2') words.push(scheme === 'https' ? '--http2' : '--http2-prior-knowledge');
	if (wantsDecoding(exchange)) words.push('--compressed');
	words.push(...wayWords(destination));
	if (PLAIN_TARGET.test(target.text)) words.push('--url', quote(`${scheme}://${destination.authority}${target.text}`));
	else {
		words.push('--request-target', quote(target.bytes ?? target.text));
		words.push('--url', quote(`${scheme}://${destination.authority}/`));
	}
	words.push(...fieldWords(exchange, destination.authority, body, remarks));
	if (body === null) return { command: words.join(' '), remarks };
	if (isForArgument(body)) return { command: [...words, '--data-raw', quote(body)].join(' '), remarks };
	return { command: `printf '${printfFormat(body)}' | ${words.join(' ')} --data-binary @-`, remarks };
}

/** Options that lead to the server, if the URL alone does not. */
function wayWords({ connectTo, unixSocket }: Destination): string[] {
	if (connectTo !== undefined) return ['--connect-to', quote(`::${connectTo}`)];
	if (unixSocket === undefined) return [];
	return unixSocket.startsWith('@')
		? ['--abstract-unix-socket', quote(unixSocket.slice(1))]
		: ['--unix-socket', quote(unixSocket)];
}

function refused(why: string): CurlLine {
	return { command: null, remarks: [why] };
}

/** The held body; null if no body is sent. Adds remarks about missing bytes. */
function bodyOf({ columns, requestHeaders, bodiesDecoded }: ExchangeDetail, remarks: string[]): Uint8Array | null {
	const { req_body_raw: held, req_body_note: note } = columns;
	if (typeof note === 'string') remarks.push(forTerminal(note));
	const bytes = held instanceof Uint8Array ? held : new Uint8Array(0);
	if (bytes.length > 0 && bodiesDecoded === true && headerValue(requestHeaders, 'content-encoding') !== null) {
		remarks.push('the body is sent decoded, although Content-Encoding says otherwise');
	}
	// An empty body in chunks has a last chunk.
	return bytes.length > 0 || isChunked(requestHeaders) ? bytes : null;
}

/** Whether the answer is likely to need `--compressed`, which sends nothing if the request has Accept-Encoding. */
function wantsDecoding({ requestHeaders, responseHeaders }: ExchangeDetail): boolean {
	if (headerValue(requestHeaders, 'accept-encoding') === null) return false;
	return DECODED.test(headerValue(responseHeaders, 'content-encoding')?.trim() ?? '');
}

/** The options for all fields. */
function fieldWords(exchange: ExchangeDetail, authority: string, body: Uint8Array | null, remarks: string[]): string[] {
	const words: string[] = [];
	const sent = new Set<string>();
	for (const [index, field] of exchange.requestHeaders.entries()) {
		const name = field.name.toLowerCase();
		const why = reasonToLeaveOut(field, sent.has('host'));
		if (why !== null) {
			remarks.push(`field ${forTerminal(field.name)} is left out: ${why}`);
			continue;
		}
		sent.add(name);
		// curl adds this field itself, in the same place.
		if (index === 0 && field.name === 'Host' && field.value === authority && REPEATED.test(authority)) continue;
		const value = name === 'content-length' ? lengthText(exchange, field.value, body, remarks) : field.value;
		words.push('--header', quote(headerBytes(field, value)));
	}
	// In HTTP/2 the URL's authority takes the place of Host.
	const isHttp2 = exchange.columns.req_http_version === '2';
	const own = [
		'Accept',
		...(isHttp2 ? [] : ['Host']),
		'User-Agent',
		...(body === null ? [] : ['Content-Type', 'Expect']),
	];
	for (const name of own) if (!sent.has(name.toLowerCase())) words.push('--header', quote(`${name}:`));
	return words;
}

/** Why the field is not sent; null if it is. */
function reasonToLeaveOut(field: FieldLine, hasHost: boolean): string | null {
	const { name, value } = field;
	const problem = fieldProblem(field, hasHost);
	if (problem !== null) return problem;
	if (name.startsWith('@')) return 'curl would take it for a file';
	// curl drops a field without a visible value, and some fields it cannot be told to send empty.
	if (value === '' ? name.includes(';') : /^\s*$/.test(value)) return 'curl cannot send it';
	if (headerBytes(field, value).length > ARGUMENT_BYTES) return 'it is longer than an argument may be';
	return null;
}

/** curl drops a field written `Name:`, and sends an empty one for `Name;`. */
function headerBytes(field: FieldLine, value: string): Buffer {
	const name = field.nameBytes ?? Buffer.from(field.name);
	if (value === '') return Buffer.concat([name, Buffer.from(';')]);
	const text = value === field.value ? (field.valueBytes ?? Buffer.from(value)) : Buffer.from(value);
	return Buffer.concat([name, Buffer.from(': '), text]);
}

/** The Content-Length to send: as captured, unless the server would wait for bytes that never arrive. */
function lengthText({ columns }: ExchangeDetail, value: string, body: Uint8Array | null, remarks: string[]): string {
	const bytes = body?.length ?? 0;
	if (!/^\d+$/.test(value) || Number(value) === bytes) return value;
	// An announced body that the server did not want (Expect: 100-continue).
	if (bytes === 0 && Number(columns.req_body_bytes ?? 0) === 0 && columns.state === 'complete') return value;
	remarks.push(`Content-Length is ${bytes} instead of ${value}`);
	return String(bytes);
}

/** Whether the body can be one word of the command. */
function isForArgument(body: Uint8Array): boolean {
	if (body.length > ARGUMENT_BYTES || body.includes(0)) return false;
	let runs = 0;
	for (const part of splitUtf8(body)) {
		if (typeof part === 'number') runs++;
		else
			escapeUnsafe(part, (characters) => {
				if (characters !== '\n') runs++;
				return '';
			});
		if (runs > MAX_RUNS) return false;
	}
	return true;
}

/** The bytes as a format of printf, inside single quotes. */
function printfFormat(bytes: Uint8Array): string {
	const escaped = (characters: string | Uint8Array) => octal(Buffer.from(characters));
	return splitUtf8(bytes)
		.map((part, index) => {
			if (typeof part === 'number') return octal(Uint8Array.of(part));
			// printf would take a dash at the beginning for an option.
			const text = part
				.replace(/[\\%']/g, escaped)
				.replaceAll('\n', '\\n')
				.replace(index === 0 ? /^-/ : /$^/, escaped);
			return escapeUnsafe(text, escaped);
		})
		.join('');
}

/**
 * One word for sh, bash and zsh with exactly these bytes. Line feeds stay as they are inside the quotes; printf
 * produces unprintable bytes when the command runs.
 */
export function quote(text: string | Uint8Array): string {
	const parts = typeof text === 'string' ? [text] : splitUtf8(text);
	let quoted = '';
	let bytes: number[] = [];
	const flush = () => {
		if (bytes.length > 0) quoted += printed(Uint8Array.from(bytes));
		bytes = [];
	};
	for (const part of parts) {
		if (typeof part === 'number') {
			bytes.push(part);
			continue;
		}
		flush();
		quoted += escapeUnsafe(part.replaceAll("'", "'\\''"), (characters) =>
			characters === '\n' ? characters : printed(Buffer.from(characters)),
		);
	}
	flush();
	return `'${quoted}'`;
}

/** Closes the single quotes and opens them again. The output never ends in a line feed, which `$(…)` would drop. */
function printed(bytes: Uint8Array): string {
	return `'"$(printf '${octal(bytes)}')"'`;
}

function octal(bytes: Uint8Array): string {
	let text = '';
	for (const byte of bytes) text += `\\${byte.toString(8).padStart(3, '0')}`;
	return text;
}
