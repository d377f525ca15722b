// HTTP Archive 1.2, for browsers' developer tools and other readers. Names of members outside the format begin with
// `_`.

import { charsetText } from '../decode/body-text.ts';
import { decodeContent } from '../decode/content-coding.ts';
import { mediaOf } from '../decode/media-kind.ts';
import { addressAuthority, addressIp } from '../store/address-parts.ts';
import type { ExchangeMessage } from '../store/exchange-messages.ts';
import type { FieldLine } from '../store/exchange-row.ts';
import type { SqlValue } from '../store/table.ts';
import type { Body } from './body-lines.ts';
import { base64 } from './cell-text.ts';
import { type ExchangeDetail, headerValue, messageBody, serverAddress } from './exchange-parts.ts';
import { type ExchangeWriter, type ExchangeWriterOptions, writtenExchange } from './exchange-writer.ts';
import { formParams, pairs } from './form-params.ts';
import { requestCookies, responseCookies } from './har-cookies.ts';
import { escapeInJson } from './json-text.ts';

/** Writes one line per exchange, with visible characters only. */
export function createHarWriter(options: ExchangeWriterOptions): ExchangeWriter {
	const creator = { name: 'tinytap', version: options.version };
	const comment = options.redactor === null ? undefined : 'secrets are replaced by REDACTED-LENGTH-HASH';
	let separator = '\n';
	return {
		begin: () => `{"log":{"version":"1.2","creator":${json(creator)},"comment":${json(comment ?? '')},"entries":[`,
		exchange(exchange) {
			const text = separator + json(harEntry(writtenExchange(exchange, options)));
			separator = ',\n';
			return text;
		},
		end: () => '\n]}}\n',
	};
}

function json(value: unknown): string {
	return escapeInJson(
		JSON.stringify(value, (_, member: unknown) => (typeof member === 'bigint' ? Number(member) : member)),
	);
}

type NameValue = { readonly name: string; readonly value: string };

function harEntry(exchange: ExchangeDetail): object {
	const { columns } = exchange;
	const text = (name: string): string => {
		const value = columns[name];
		return typeof value === 'string' ? value : '';
	};
	const number = (name: string): number | null => {
		const value = columns[name];
		return typeof value === 'number' && Number.isFinite(value) ? value : null;
	};
	const timings = timingsOf(exchange.sendMs ?? 0, number('ttfb_ms'), number('duration_ms'));
	const requestBody = messageBody(exchange, 'req');
	const responseBody = messageBody(exchange, 'res');
	const responseType = headerValue(exchange.responseHeaders, 'content-type');
	const url = harUrl(exchange);
	return {
		startedDateTime: text('ts'),
		time: timings.send + timings.wait + timings.receive,
		request: {
			method: text('method'),
			url: url.uri,
			httpVersion: versionText(columns.req_http_version),
			cookies: requestCookies(exchange.requestHeaders),
			headers: nameValues(exchange.requestHeaders),
			queryString: pairs(text('query_string')),
			...postData(requestBody, headerValue(exchange.requestHeaders, 'content-type')),
			headersSize: -1,
			bodySize: number('req_body_bytes') ?? -1,
			// Where there is no postData to have it.
			...(requestBody.raw === null && requestBody.note !== null ? { comment: requestBody.note } : {}),
		},
		response: {
			status: number('status') ?? 0,
			statusText: text('status_text'),
			httpVersion: versionText(columns.http_version),
			cookies: responseCookies(exchange.responseHeaders, Date.parse(text('ts')) + timings.send + timings.wait),
			headers: nameValues(exchange.responseHeaders),
			content: content(responseBody, responseType),
			redirectURL: headerValue(exchange.responseHeaders, 'location') ?? '',
			headersSize: -1,
			bodySize: number('res_body_bytes') ?? -1,
		},
		cache: {},
		timings,
		...address(exchange),
		connection: String(columns.conn ?? ''),
		_id: columns.id ?? null,
		...(url.target === undefined ? {} : { _target: url.target }),
		_state: text('state'),
		_reason: columns.reason ?? null,
		_side: columns.side ?? null,
		_pid: columns.pid ?? null,
		_comm: columns.comm ?? null,
		_local: columns.local ?? null,
		_remote: columns.remote ?? null,
		...(typeof columns.tls === 'string' ? { _tls: columns.tls } : {}),
		_via: columns.vias ?? columns.via ?? null,
		_lostBytes: columns.lost_bytes ?? 0,
		_anomalies: columns.anomalies ?? null,
		...grpcMembers(exchange),
		...messageMembers(exchange),
	};
}

/** What a gRPC call was, and its status. */
function grpcMembers({ columns }: ExchangeDetail): object {
	if (typeof columns.grpc_service !== 'string') return {};
	return {
		_grpc: {
			service: columns.grpc_service,
			method: columns.grpc_method ?? null,
			status: columns.grpc_status ?? null,
			message: columns.grpc_message ?? null,
		},
	};
}

const OPCODES: Readonly<Record<string, number>> = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 };

/** `_webSocketMessages` as Chrome writes them; other messages as `_messages`, with our own columns. */
function messageMembers({ columns, messages }: ExchangeDetail): object {
	if (messages === undefined) return {};
	const asked = columns.side === 'client' ? 'out' : 'in';
	const isSent = ({ direction }: ExchangeMessage) => direction === asked;
	const common = (message: ExchangeMessage) => ({
		type: isSent(message) ? 'send' : 'receive',
		time: message.ts === null ? 0 : (Date.parse(message.ts) + Number(message.ts.slice(23, 26)) / 1000) / 1000,
	});
	const more = messages.more === 0 ? {} : { _messagesLeftOut: messages.more };
	if (columns.state === 'upgraded') {
		return {
			_resourceType: 'websocket',
			_webSocketMessages: messages.messages.map((message) => {
				const isText = message.kind === 'text' && message.text !== null && !message.text.includes('\ufffd');
				return {
					...common(message),
					opcode: OPCODES[message.kind ?? ''] ?? -1,
					data: isText ? message.text : base64(message.raw ?? new Uint8Array(0)),
					// Readers take the data of a text message for a text.
					...(message.kind === 'text' && !isText ? { _encoding: 'base64' } : {}),
					...(message.bytes === null || message.bytes === (message.raw?.length ?? 0) ? {} : { _bytes: message.bytes }),
					...(message.note === null ? {} : { _note: message.note }),
				};
			}),
			...more,
		};
	}
	return {
		_messages: messages.messages.map((message) => {
			const isText = message.text !== null && message.kind !== 'grpc' && !message.text.includes('\ufffd');
			return {
				...common(message),
				kind: message.kind,
				...(message.event === null ? {} : { event: message.event }),
				...(message.eventId === null ? {} : { id: message.eventId }),
				size: message.bytes,
				...(message.raw === null
					? {}
					: isText
						? { data: message.text }
						: { data: base64(message.raw), encoding: 'base64' }),
				...(message.note === null ? {} : { note: message.note }),
			};
		}),
		...more,
	};
}

/** '' for a message that was not seen. */
function versionText(version: SqlValue | undefined): string {
	if (typeof version !== 'string') return '';
	return version === '2' ? 'HTTP/2.0' : `HTTP/${version}`;
}

/** The time of the request, the time until the answer began, and the time of the answer. */
function timingsOf(send: number, ttfb: number | null, duration: number | null) {
	const wait = ttfb ?? 0;
	return { send, wait, receive: Math.max(0, (duration ?? 0) - send - wait) };
}

/** What must be percent-encoded in a URI after its authority (RFC 3986). */
const NOT_IN_URI = /%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9\-._~:/?@!$&'()*+,;=%]/gu;

/** An absolute URL, percent-encoded where necessary. `target` is the request target if the URL does not end with it. */
function harUrl({ columns, requestTarget }: ExchangeDetail): { uri: string; target?: string } {
	const { path, query_string: query } = columns;
	const parts = typeof path === 'string' ? `${path}${typeof query === 'string' ? `?${query}` : ''}` : '';
	const target = requestTarget === undefined ? parts : (requestTarget?.text ?? '');
	const absolute = /^([a-z][a-z0-9+.-]*:\/\/)([^/?#]+)(.*)$/is.exec(target);
	let uri = encoded(target);
	if (absolute !== null) uri = `${absolute[1]}${authority(absolute[2]!)}${encoded(absolute[3]!)}`;
	else if (columns.method === 'CONNECT' && !target.startsWith('/')) uri = `http://${authority(target)}`;
	else {
		const { host } = columns;
		const isHost =
			typeof host === 'string' && /^(?:[^/?#@[\]\s\\"<>^`{|}\p{Cc}]+|\[[0-9a-f:.%]+\](?::\d*)?)$/iu.test(host);
		const server = serverAddress(columns);
		const named = isHost ? authority(host) : server === null ? 'unknown.invalid' : addressAuthority(server);
		// TLS, or a request of HTTP/2, tells the scheme.
		const scheme = typeof columns.url === 'string' && columns.url.startsWith('https:') ? 'https' : 'http';
		uri = `${scheme}://${named}${target === '*' ? '' : /^(?:\/|$)/.test(target) ? uri : `/${uri}`}`;
	}
	return uri.endsWith(target) ? { uri } : { uri, target };
}

/** An IPv6 address keeps its brackets. */
function authority(text: string): string {
	return text.replace(/(\[[0-9a-f:.%]+\])|[^[]+|\[/gi, (part, ip: string | undefined) => ip ?? encoded(part));
}

function encoded(text: string): string {
	return text.replace(NOT_IN_URI, percentEncoded);
}

function percentEncoded(text: string): string {
	return [...Buffer.from(text)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
}

function nameValues(headers: readonly FieldLine[]): NameValue[] {
	return headers.map(({ name, value }) => ({ name, value }));
}

/** The server's address without its port. */
function address(exchange: ExchangeDetail): object {
	const server = serverAddress(exchange.columns);
	const ip = server === null ? null : addressIp(server);
	return ip === null ? {} : { serverIPAddress: ip };
}

/** HAR has no field for binary request bodies, so `_encoding` marks base64. Like browsers, gives both text and params. */
function postData(body: Body, contentType: string | null): object {
	if (body.raw === null || body.raw.length === 0) return {};
	const { text, encoding, bytes } = bodyContent(body);
	const params = formParams(bytes, contentType, body.note === null);
	return {
		postData: {
			mimeType: contentType ?? '',
			...(params === undefined ? {} : { params }),
			text,
			...(encoding === undefined ? {} : { _encoding: encoding }),
			...(body.note === null ? {} : { comment: body.note }),
		},
	};
}

function content(body: Body, contentType: string | null): object {
	const mimeType = contentType ?? '';
	const comment = body.note === null ? {} : { comment: body.note };
	if (body.raw === null || body.raw.length === 0) return { size: body.total, mimeType, ...comment };
	const { text, encoding, bytes } = bodyContent(body);
	return { size: bytes.length, mimeType, text, ...(encoding === undefined ? {} : { encoding }), ...comment };
}

/** The body without its content coding: as text if that keeps every byte or its charset is declared, else in base64. */
function bodyContent(body: Body): { text: string; encoding?: 'base64'; bytes: Uint8Array } {
	const { bytes } = decodeContent(body.raw as Uint8Array, body.contentEncoding);
	const { kind } = mediaOf(body.contentType, bytes);
	if (kind === 'json' || kind === 'text') {
		const text = charsetText(bytes, body.contentType);
		if (!text.includes('\ufffd')) return { text, bytes };
	}
	return { text: base64(bytes), encoding: 'base64', bytes };
}
