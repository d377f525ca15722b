// Writes the messages of a HAR entry as HTTP/1, so that the decoder reads them like captured ones. HAR keeps bodies
// without their codings: they are coded again, as the fields say, and Content-Length is adapted.
import { brotliCompressSync, constants, deflateSync, gzipSync } from 'node:zlib';
import type { HarEntry, HarMessage } from './har-entry.ts';

/** A message on the wire. */
export type WireMessage = {
	readonly head: Buffer;
	readonly body: Buffer;
	/** Bytes of the body that the file does not hold. */
	readonly unheld: number;
};

const CODERS: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
	gzip: (bytes) => gzipSync(bytes, { level: 1 }),
	'x-gzip': (bytes) => gzipSync(bytes, { level: 1 }),
	deflate: (bytes) => deflateSync(bytes, { level: 1 }),
	br: (bytes) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }),
	identity: (bytes) => bytes,
};

export function requestMessage(entry: HarEntry): WireMessage {
	const { method, request } = entry;
	const target = entry.own.target ?? targetOf(entry);
	const host = request.headers.some(([name]) => /^host$/i.test(name)) ? [] : hostField(entry);
	const more = [...host, ...upgradeFields(entry, request)];
	const line = `${word(method)} ${target.replace(/[\0-\x20\x7f]+/g, '%20')} ${version(entry.request, entry.response)}`;
	const { size = 0, bytes } = request.body;
	const hasBody = size > 0 || (bytes?.length ?? 0) > 0;
	return message(line, request, more, hasBody, true);
}

/** Undefined if there was no response. */
export function responseMessage(entry: HarEntry): WireMessage | undefined {
	const { status, statusText, request, response } = entry;
	if (status === 0) return undefined;
	const line = `${version(response, request)} ${status} ${value(statusText)}`;
	return message(line, response, upgradeFields(entry, response), mayHaveBody(entry), false);
}

/** Browsers may leave out the fields of an upgrade, without which nothing tells that frames follow. */
function upgradeFields({ socketMessages }: HarEntry, { headers }: HarMessage): (readonly [string, string])[] {
	const missing = (wanted: string) => !headers.some(([name]) => name.toLowerCase() === wanted);
	if (socketMessages.length === 0) return [];
	return [
		...(missing('connection') ? [['Connection', 'Upgrade'] as const] : []),
		...(missing('upgrade') ? [['Upgrade', 'websocket'] as const] : []),
	];
}

/** Whether a response to this request with this status has a body (RFC 9112, section 6.3). */
export function mayHaveBody({ method, status }: HarEntry): boolean {
	return method !== 'HEAD' && status >= 200 && status !== 204 && status !== 304;
}

function message(
	line: string,
	{ headers, body }: HarMessage,
	more: readonly (readonly [string, string])[],
	hasBody: boolean,
	isRequest: boolean,
): WireMessage {
	const fields: (readonly [string, string])[] = [...more];
	let coding = '';
	let isChunked = false;
	// A response may also end with its connection.
	let hasLength = isRequest;
	for (const [name, text] of headers) {
		// HTTP/2's pseudo fields are in the first line.
		if (name === '' || name.startsWith(':')) continue;
		const lower = name.toLowerCase();
		if (lower === 'transfer-encoding') isChunked = hasBody && body.bytes !== undefined && /chunked/i.test(text);
		if (lower === 'content-length') hasLength = true;
		if (hasBody && (lower === 'content-length' || lower === 'transfer-encoding')) continue;
		if (lower === 'content-encoding') coding = text.trim().toLowerCase();
		fields.push([name, text]);
	}
	const coded = hasBody ? code(body.bytes ?? Buffer.alloc(0), coding) : Buffer.alloc(0);
	const bytes = coded ?? body.bytes ?? Buffer.alloc(0);
	// The file has the body without this coding, and it cannot be made again.
	const kept = coded !== undefined ? fields : fields.filter(([name]) => name.toLowerCase() !== 'content-encoding');
	const unheld = hasBody && body.bytes === undefined ? (body.size ?? 0) : 0;
	const framing: (readonly [string, string])[] = [];
	if (hasBody && isChunked) framing.push(['Transfer-Encoding', 'chunked']);
	else if (hasBody && hasLength) framing.push(['Content-Length', String(bytes.length + unheld)]);
	const lines = [...kept, ...framing].map(([name, text]) => `${word(name)}: ${value(text)}\r\n`);
	return {
		head: Buffer.from(`${line}\r\n${lines.join('')}\r\n`),
		body: isChunked ? chunked(bytes) : bytes,
		unheld,
	};
}

/** Undefined if the coding is unknown. Several are applied in order. */
function code(bytes: Buffer, codings: string): Buffer | undefined {
	let coded = bytes;
	if (bytes.length === 0) return bytes;
	for (const coding of codings.split(',')) {
		const name = coding.trim();
		if (name === '') continue;
		const coder = Object.hasOwn(CODERS, name) ? CODERS[name] : undefined;
		if (coder === undefined) return undefined;
		coded = coder(coded);
	}
	return coded;
}

function chunked(bytes: Buffer): Buffer {
	const first = bytes.length === 0 ? [] : [Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')];
	return Buffer.concat([...first, Buffer.from('0\r\n\r\n')]);
}

/** The request target: what follows the authority of the URL. */
function targetOf({ method, url }: HarEntry): string {
	const match = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)([^#]*)/i.exec(url);
	if (match === null) return url === '' ? '/' : url.replace(/#.*$/, '');
	if (method === 'CONNECT') return match[1]!;
	return match[2]!.startsWith('/') ? match[2]! : `/${match[2]!}`;
}

function hostField({ request, url }: HarEntry): (readonly [string, string])[] {
	const authority = request.headers.find(([name]) => name.toLowerCase() === ':authority')?.[1];
	const host = authority ?? /^[a-z][a-z0-9+.-]*:\/\/(?:[^/?#@]*@)?([^/?#]*)/i.exec(url)?.[1] ?? '';
	return host === '' ? [] : [['Host', host]];
}

/** `HTTP/1.1`; browsers write `h2`, `http/2.0`, `HTTP/3` …, tinytap nothing for a message that was not seen. */
const VERSION = /^(?:http\/|h)(\d)(?:\.(\d))?/i;

/** The version of a message, otherwise that of the other one. */
function version(own: HarMessage, other: HarMessage): string {
	const match = VERSION.exec(own.version) ?? VERSION.exec(other.version);
	return match === null ? 'HTTP/1.1' : `HTTP/${match[1]}.${match[2] ?? '0'}`;
}

/** Whether neither message of an entry tells its version. */
export function lacksVersion({ request, response }: HarEntry): boolean {
	return !VERSION.test(request.version) && !VERSION.test(response.version);
}

/** A token (RFC 9110, section 5.6.2): other characters would end a method or a name. */
function word(text: string): string {
	return text.replace(/[^!#$%&'*+\-.^_`|~0-9A-Za-z]+/g, '-') || '-';
}

function value(text: string): string {
	return text.replace(/[\r\n\0]+/g, ' ');
}
