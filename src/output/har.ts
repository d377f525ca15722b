// HTTP Archive 1.2, for browsers' developer tools and other readers. Names of fields outside the format begin with `_`.

import { charsetText } from '../decode/body-text.ts';
import { decodeContent } from '../decode/content-coding.ts';
import { mediaOf } from '../decode/media-kind.ts';
import type { FieldLine } from '../store/exchange-row.ts';
import type { Body } from './body-lines.ts';
import { base64 } from './cell-text.ts';
import { type ExchangeDetail, headerValue, messageBody } from './detail-view.ts';
import { escapeInJson } from './json-text.ts';
import { redactExchange } from './redacted-exchange.ts';
import type { Redactor } from './redaction.ts';

/** Returns the text of each step: begin once, exchange any number of times, end once. */
export type ExchangeWriter = {
	begin(): string;
	exchange(exchange: ExchangeDetail): string;
	end(): string;
};

export type ExchangeWriterOptions = {
	/** Null with `--no-redact`. */
	readonly redactor: Redactor | null;
	/** tinytap's version. */
	readonly version: string;
};

/** Writes one line per exchange, with visible characters only. */
export function createHarWriter(options: ExchangeWriterOptions): ExchangeWriter {
	const creator = { name: 'tinytap', version: options.version };
	const comment = options.redactor === null ? undefined : 'secrets are replaced by REDACTED-LENGTH-HASH';
	let separator = '\n';
	return {
		begin: () => `{"log":{"version":"1.2","creator":${json(creator)},"comment":${json(comment ?? '')},"entries":[`,
		exchange(exchange) {
			const shared = options.redactor === null ? exchange : redactExchange(exchange, options.redactor);
			const text = separator + json(harEntry(shared));
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
	const duration = number('duration_ms') ?? 0;
	const wait = number('ttfb_ms') ?? 0;
	const httpVersion = `HTTP/${text('http_version') || '1.1'}`;
	const requestBody = messageBody(exchange, 'req');
	const responseBody = messageBody(exchange, 'res');
	const remote = text('remote');
	return {
		startedDateTime: text('ts'),
		time: duration,
		request: {
			method: text('method'),
			url: text('url') || text('path'),
			httpVersion,
			cookies: requestCookies(exchange.requestHeaders),
			headers: nameValues(exchange.requestHeaders),
<<<<<<< HEAD
			queryString: queryPairs(text('query_string')),
=======
			queryString: pairs(text('query_string')),
>>>>>>> ba4b487 (output: redaction of forms with files; HAR names a form's parts then, too)
			...postData(requestBody, headerValue(exchange.requestHeaders, 'content-type')),
			headersSize: -1,
			bodySize: requestBody.total,
		},
		response: {
			status: number('status') ?? 0,
			statusText: text('status_text'),
			httpVersion,
			cookies: responseCookies(exchange.responseHeaders),
			headers: nameValues(exchange.responseHeaders),
			content: content(responseBody, headerValue(exchange.responseHeaders, 'content-type')),
			redirectURL: headerValue(exchange.responseHeaders, 'location') ?? '',
			headersSize: -1,
			bodySize: responseBody.total,
		},
		cache: {},
		timings: { send: 0, wait, receive: Math.max(0, duration - wait) },
		...(remote === '' || remote.startsWith('unix:') ? {} : { serverIPAddress: address(exchange) }),
		connection: String(columns.conn ?? ''),
		_id: columns.id ?? null,
		_state: text('state'),
		_reason: columns.reason ?? null,
		_side: columns.side ?? null,
		_pid: columns.pid ?? null,
		_comm: columns.comm ?? null,
		_local: columns.local ?? null,
		_remote: columns.remote ?? null,
		_via: columns.vias ?? columns.via ?? null,
		_lostBytes: columns.lost_bytes ?? 0,
		_anomalies: columns.anomalies ?? null,
	};
}

function nameValues(headers: readonly FieldLine[]): NameValue[] {
	return headers.map(({ name, value }) => ({ name, value }));
}

/** The server's address without its port: local or remote, depending on the side. */
function address(exchange: ExchangeDetail): string {
	const { side, local, remote } = exchange.columns;
	const end = side === 'server' ? local : remote;
	return typeof end === 'string' ? end.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1') : '';
}

function queryPairs(query: string): NameValue[] {
	if (query === '') return [];
	return query.split('&').map((pair) => splitPair(pair, '='));
}

<<<<<<< HEAD
function requestCookies(headers: readonly FieldLine[]): NameValue[] {
	return headers
		.filter(({ name }) => name.toLowerCase() === 'cookie')
		.flatMap(({ value }) => value.split(';'))
		.filter((cookie) => cookie.trim() !== '')
		.map((cookie) => splitPair(cookie.trim(), '='));
}

function responseCookies(headers: readonly FieldLine[]): NameValue[] {
	return headers
		.filter(({ name }) => name.toLowerCase() === 'set-cookie')
		.map(({ value }) => splitPair((value.split(';', 1)[0] as string).trim(), '='));
}

function splitPair(pair: string, separator: string): NameValue {
	const at = pair.indexOf(separator);
	return at === -1 ? { name: pair, value: '' } : { name: pair.slice(0, at), value: pair.slice(at + 1) };
}

/** HAR has no field for binary request bodies, so `_encoding` marks base64. */
function postData(body: Body, contentType: string | null): object {
	if (body.raw === null || body.raw.length === 0) return {};
	const { text, encoding } = bodyContent(body);
	return {
		postData: {
			mimeType: contentType ?? '',
=======
/** HAR has no field for binary request bodies, so `_encoding` marks base64. Like browsers, gives both text and params. */
function postData(body: Body, contentType: string | null): object {
	if (body.raw === null || body.raw.length === 0) return {};
	const { text, encoding, bytes } = bodyContent(body);
	const params = formParams(bytes, contentType, body.note === null);
	return {
		postData: {
			mimeType: contentType ?? '',
			...(params === undefined ? {} : { params }),
>>>>>>> ba4b487 (output: redaction of forms with files; HAR names a form's parts then, too)
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
	const { text, encoding, size } = bodyContent(body);
	return { size, mimeType, text, ...(encoding === undefined ? {} : { encoding }), ...comment };
}

/** The body without its content coding: as text if that keeps every byte or its charset is declared, else in base64. */
function bodyContent(body: Body): { text: string; encoding?: 'base64'; size: number } {
	const { bytes } = decodeContent(body.raw as Uint8Array, body.contentEncoding);
	const { kind } = mediaOf(body.contentType, bytes);
	if (kind === 'json' || kind === 'text') {
		const text = charsetText(bytes, body.contentType);
		if (!text.includes('\ufffd')) return { text, size: bytes.length };
	}
	return { text: base64(bytes), encoding: 'base64', size: bytes.length };
}
