// A captured request as a command line for any POSIX shell. Captured text is hostile: it must not become an option, a
// file name or a second command, and must not control the terminal on which it is printed.

import type { FieldLine } from '../store/exchange-row.ts';
import { type ExchangeDetail, headerValue } from './detail-view.ts';
import { escapeUnsafe, forTerminal, splitUtf8 } from './terminal-text.ts';

export type CurlLine = {
	/** The command, without a line end; null if curl cannot send the request. */
	readonly command: string | null;
	/** What the command omits, or why there is no command; for `#` lines. */
	readonly remarks: readonly string[];
};

/**
 * Sends the same target, fields (in order) and held body. curl adds Content-Length, Transfer-Encoding and a Host field
 * that equals the URL's; its own default fields are switched off. A request over a unix socket goes to the same socket.
 */
export function curlLine(exchange: ExchangeDetail): CurlLine {
	const { method, url } = exchange.columns;
	if (typeof method !== 'string' || typeof url !== 'string') return refused('the request was not seen in full');
	if (!/^[A-Za-z0-9!#$%&'*+.^_`|~][A-Za-z0-9!#$%&'*+.^_`|~-]*$/.test(method)) {
		return refused(`${forTerminal(method)} is not a method that curl can send`);
	}
	if (!/^https?:\/\/[^-@\s]/i.test(url)) return refused(`${forTerminal(url)} is not an http URL`);

	const remarks: string[] = [];
	const words = [
		'curl',
		'--globoff',
		'--path-as-is',
		...(method === 'HEAD' ? ['--head'] : ['--request', quote(method)]),
	];
	if (exchange.columns.req_http_version === '1.0') words.push('--http1.0');
	words.push(...socketWords(exchange), '--url', quote(url));
	const sent = new Set<string>();
	for (const field of exchange.requestHeaders) {
		sent.add(field.name.toLowerCase());
		const why = reasonToLeaveOut(field, url);
		if (why !== null) {
			if (why !== '') remarks.push(`field ${forTerminal(field.name)} is left out: ${why}`);
			continue;
		}
		// curl drops a field written `Name:`, and sends an empty field for `Name;`.
		words.push('--header', quote(field.value === '' ? `${field.name};` : `${field.name}: ${field.value}`));
	}
	for (const name of ['Accept', 'Host', 'User-Agent'])
		if (!sent.has(name.toLowerCase())) words.push('--header', quote(`${name}:`));

	const body = exchange.columns.req_body_raw;
	const note = exchange.columns.req_body_note;
	if (typeof note === 'string') remarks.push(forTerminal(note));
	if (!(body instanceof Uint8Array) || body.length === 0) return { command: words.join(' '), remarks };
	if (!sent.has('content-type')) words.push('--header', quote('Content-Type:'));
	if (exchange.bodiesDecoded === true && headerValue(exchange.requestHeaders, 'content-encoding') !== null) {
		remarks.push('the body is sent decoded, although Content-Encoding says otherwise');
	}
	// An argument cannot contain a NUL byte.
	if (body.includes(0)) return { command: `printf '${octal(body)}' | ${words.join(' ')} --data-binary @-`, remarks };
	words.push('--data-raw', quote(body));
	return { command: words.join(' '), remarks };
}

/** The options for the server's unix socket. */
function socketWords({ columns }: ExchangeDetail): string[] {
	const server = columns.side === 'server' ? columns.local : columns.remote;
	if (typeof server !== 'string' || !server.startsWith('unix:')) return [];
	const path = server.slice('unix:'.length);
	// Names in the abstract namespace may contain NUL bytes, which an argument cannot.
	if (path === '' || path.includes('\0')) return [];
	return path.startsWith('@') ? ['--abstract-unix-socket', quote(path.slice(1))] : ['--unix-socket', quote(path)];
}

function refused(why: string): CurlLine {
	return { command: null, remarks: [why] };
}

/** Why the field is not sent: '' if no remark is needed. Null if it is sent. */
function reasonToLeaveOut(field: FieldLine, url: string): string | null {
	const name = field.name.toLowerCase();
	if (field.trailer) return 'it is a trailer';
	if (name === 'content-length' || name === 'transfer-encoding') return '';
	if (name === 'host' && /^https?:\/\/([^/?#]*)/i.exec(url)?.[1] === field.value) return '';
	if (/^[-@]/.test(field.name)) return 'curl would take it for a file or an option';
	if (field.name === '' || /[:;\s]/.test(field.name)) return 'it is not a field name';
	return /[\r\n\0]/.test(field.value) ? 'its value contains a line end or NUL' : null;
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
