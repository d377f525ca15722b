// Requests and the statuses of their responses in the format of hurl (hurl.dev). Captured text is hostile: it must not
// become another line, a template or an escape.
import { isUtf8 } from 'node:buffer';
import type { FieldLine } from '../store/exchange-row.ts';
import { base64 } from './cell-text.ts';
import { type ExchangeDetail, headerValue } from './exchange-parts.ts';
import { type ExchangeWriter, type ExchangeWriterOptions, writtenExchange } from './exchange-writer.ts';
import { destinationOf, fieldProblem, sentScheme, targetOf } from './sent-request.ts';
import { forTerminal } from './terminal-text.ts';
import { escapeUnsafe } from './visible-text.ts';

/** Longer bodies, and those with more escapes than this, are base64. */
const TEXT_BYTES = 64 * 1024;
const TEXT_ESCAPES = 16;

/** Writes one entry per request, below comments with the exchange's id and what the entry omits. */
export function createHurlWriter(options: ExchangeWriterOptions): ExchangeWriter {
	const { redactor, version } = options;
	const note = redactor === null ? '' : '# Secrets are replaced by REDACTED-LENGTH-HASH.\n';
	return {
		begin: () => `# Requests captured by tinytap ${version}, with the statuses of their responses.\n${note}`,
		exchange(exchange) {
			const entry = hurlEntry(writtenExchange(exchange, options));
			return entry === null ? null : `\n${entry}`;
		},
		end: () => '',
	};
}

/** Null if hurl cannot send the request. */
function hurlEntry(exchange: ExchangeDetail): string | null {
	const { columns } = exchange;
	const { method } = columns;
	const target = targetOf(exchange);
	const version = columns.req_http_version ?? '1.1';
	if (typeof method !== 'string' || !/^[A-Z]+$/.test(method) || version === '0.9') return null;
	if (target === null || !target.text.startsWith('/')) return null;
	const destination = destinationOf(exchange, target.text);
	if (typeof destination === 'string' || destination.unixSocket?.startsWith('@') === true) return null;

	const remarks: string[] = [];
	const path = percentEncoded(target.bytes ?? Buffer.from(target.text));
	if (path !== target.text) remarks.push('characters of the target are percent-encoded');
	const options: string[] = [];
	if (version === '1.0') options.push('http1.0: true');
	if (destination.connectTo !== undefined) options.push(`connect-to: ::${destination.connectTo}`);
	if (destination.unixSocket !== undefined) options.push(`unix-socket: ${escaped(destination.unixSocket, '#')}`);
	// curl would remove these parts.
	if (/\/\.\.?(?:\/|\?|$)/.test(path)) options.push('path-as-is: true');
	const fields = fieldLines(exchange.requestHeaders, remarks);
	const body = bodyText(exchange, remarks);
	if (typeof columns.status !== 'number') remarks.push(noResponse(columns));
	return [
		...[`exchange ${Number(columns.id)}`, ...remarks].map((line) => `# ${line}`),
		`${method} ${sentScheme(columns)}://${destination.authority}${path}`,
		...fields,
		...(options.length === 0 ? [] : ['[Options]', ...options]),
		...(body === null ? [] : [body]),
		...(typeof columns.status === 'number' ? [`HTTP ${columns.status}`] : []),
		'',
	].join('\n');
}

function noResponse({ state, reason }: ExchangeDetail['columns']): string {
	return `no response: ${forTerminal(`${String(state)}${typeof reason === 'string' ? `, ${reason}` : ''}`)}`;
}

/** hurl accepts these characters in a URL; `#` would begin a fragment. */
const IN_URL = /^[A-Za-z0-9:/.\-?=&_%*,@~+!$'();[\]]$/;

function percentEncoded(bytes: Uint8Array): string {
	let text = '';
	for (const byte of bytes) {
		const character = String.fromCharCode(byte);
		text += IN_URL.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
	}
	return text;
}

function fieldLines(fields: readonly FieldLine[], remarks: string[]): string[] {
	const lines: string[] = [];
	let hasHost = false;
	for (const field of fields) {
		const name = field.name.toLowerCase();
		// Whatever the body is: hurl counts it.
		if (name === 'content-length' && !field.trailer) continue;
		const problem =
			fieldProblem(field, hasHost) ??
			(field.nameBytes === undefined && field.valueBytes === undefined ? null : 'its bytes are not UTF-8');
		if (problem !== null) {
			remarks.push(`field ${forTerminal(field.name)} is left out: ${problem}`);
			continue;
		}
		if (name === 'host') hasHost = true;
		lines.push(`${fieldName(field.name)}: ${escaped(field.value, '#')}`);
	}
	return lines;
}

function fieldName(name: string): string {
	return name.replace(/[^A-Za-z0-9_.-]/gu, codePoint);
}

/** The body as a line of hurl; null if there is none. */
function bodyText(exchange: ExchangeDetail, remarks: string[]): string | null {
	const { req_body_raw: held, req_body_note: note } = exchange.columns;
	if (typeof note === 'string') remarks.push(forTerminal(note));
	if (!(held instanceof Uint8Array) || held.length === 0) return null;
	if (exchange.bodiesDecoded === true && headerValue(exchange.requestHeaders, 'content-encoding') !== null)
		remarks.push('the body is sent decoded, although Content-Encoding says otherwise');
	if (held.length <= TEXT_BYTES && isUtf8(held)) {
		const text = escaped(Buffer.from(held).toString(), '`');
		if ((text.match(/\\/g)?.length ?? 0) <= TEXT_ESCAPES) return `\`${text}\``;
	}
	return `base64,${base64(held)};`;
}

/** A text in which nothing has a meaning of its own for hurl, on one line. `end`: what would end it. */
function escaped(text: string, end: '#' | '`'): string {
	// Templates begin with two braces.
	const plain = text.replace(/\\|\{\{+/g, (match) => (match === '\\' ? '\\\\' : [...match].map(codePoint).join('')));
	const ended = plain.replaceAll(end, codePoint(end)).replaceAll('#', codePoint('#'));
	return escapeUnsafe(ended, (characters) => [...characters].map(codePoint).join(''));
}

function codePoint(character: string): string {
	return `\\u{${character.codePointAt(0)!.toString(16)}}`;
}
