// One exchange in full, as `.show` prints it.

import { bodyCodings } from '../decode/content-coding.ts';
import type { ExchangeCalls } from '../store/exchange-calls.ts';
import type { ExactText, FieldLine } from '../store/exchange-row.ts';
import type { SqlValue } from '../store/table.ts';
import { type Body, type BodyForm, bodyLines } from './body-lines.ts';
import { callLines } from './call-lines.ts';
import { numberText } from './cell-text.ts';
import { type DisplayedTime, UTC_TIME } from './displayed-time.ts';
import { forTerminal } from './terminal-text.ts';
import { plainTheme, type Theme } from './theme.ts';
import { timingBar } from './timing-bar.ts';

/** Everything known about an exchange; plain data, so that threads can pass it on. */
export type ExchangeDetail = {
	/** The columns of `exchanges` by name. All keys are our own names. A missing column is NULL. */
	readonly columns: Readonly<Record<string, SqlValue>>;
	/** As sent; null if it was not seen. Undefined: only its parts are known, from the columns. */
	readonly requestTarget?: ExactText | null;
	/** Field lines in order, with names as sent. Includes trailers. */
	readonly requestHeaders: readonly FieldLine[];
	readonly responseHeaders: readonly FieldLine[];
	/** Milliseconds from the request's first byte to its last one; null if it was not seen. */
	readonly sendMs?: number | null;
	/** Only if they were asked for. */
	readonly calls?: ExchangeCalls;
	/** Set after redaction: the raw bodies are UTF-8 text or decoded content, whatever the headers say. */
	readonly bodiesDecoded?: boolean;
};

/** What of an exchange is shown. */
export type DetailPart = 'facts' | 'headers' | 'body';

export type DetailViewOptions = {
	/** Default: no colours. */
	readonly theme?: Theme;
	readonly raw?: boolean;
	/** Default: UTC. */
	readonly time?: DisplayedTime;
	/** Default: all. */
	readonly parts?: readonly DetailPart[];
	/** Default: both. */
	readonly messages?: readonly ('req' | 'res')[];
	readonly bodies?: BodyForm;
};

type Shown = Required<DetailViewOptions>;

/** Facts, then request line, headers and body, then the same for the response. Ends with a line end. */
export function detailView(exchange: ExchangeDetail, options: DetailViewOptions = {}): string {
	const shown: Shown = {
		theme: plainTheme,
		raw: false,
		time: UTC_TIME,
		parts: ['facts', 'headers', 'body'],
		messages: ['req', 'res'],
		bodies: 'readable',
		...options,
	};
	return [
		shown.parts.includes('facts') ? factLines(exchange, shown) : '',
		shown.messages.includes('req') ? requestLines(exchange, shown) : '',
		shown.messages.includes('res') ? responseLines(exchange, shown) : '',
	]
		.filter((part) => part !== '')
		.join('\n');
}

/** The value of the first field with this name that is not a trailer; null if there is none. */
export function headerValue(headers: readonly FieldLine[], lowerName: string): string | null {
	return headers.find((line) => !line.trailer && line.name.toLowerCase() === lowerName)?.value ?? null;
}

/** The server's end of the connection: `local` or `remote`, depending on the side; null if it is not known. */
export function serverAddress({ side, local, remote }: ExchangeDetail['columns']): string | null {
	const end = side === 'client' ? remote : side === 'server' ? local : null;
	return typeof end === 'string' ? end : null;
}

export function messageBody(exchange: ExchangeDetail, message: 'req' | 'res'): Body {
	const { columns, bodiesDecoded: decoded } = exchange;
	const headers = message === 'req' ? exchange.requestHeaders : exchange.responseHeaders;
	const bytes = columns[`${message}_body_raw`] ?? null;
	const note = columns[`${message}_body_note`] ?? null;
	const contentType = headerValue(headers, 'content-type');
	return {
		raw: bytes instanceof Uint8Array ? bytes : null,
		total: Number(columns[`${message}_body_bytes`] ?? 0),
		note: typeof note === 'string' ? note : null,
		contentType: decoded === true && contentType !== null ? utf8Type(contentType) : contentType,
		contentEncoding: decoded === true ? null : bodyCodings(headers),
	};
}

/** The content type of a decoded body. It is UTF-8, whatever the field or the page itself declares. */
function utf8Type(contentType: string): string {
	const type = contentType.split(';', 1)[0]!;
	return /html|xml/i.test(type) ? `${type}; charset=utf-8` : type;
}

/** `GET /path?query HTTP/1.1`, as far as known; null if the request was not seen. */
function requestLine(columns: ExchangeDetail['columns']): string | null {
	const { method, path, query_string: query } = columns;
	if (typeof method !== 'string') return null;
	const target = typeof query === 'string' ? `${path ?? ''}?${query}` : `${path ?? ''}`;
	return `${method} ${target} ${versionText(columns.req_http_version)}`;
}

function versionText(version: SqlValue | undefined): string {
	return `HTTP/${version ?? '1.1'}`;
}

function factLines(exchange: ExchangeDetail, { theme, raw, time }: Shown): string {
	const { columns } = exchange;
	const say = (name: string): string => {
		const value = columns[name] ?? null;
		if (value === null) return '';
		return forTerminal(typeof value === 'number' || typeof value === 'bigint' ? numberText(value) : value, { raw });
	};
	const known = (name: string): boolean => (columns[name] ?? null) !== null;
	const facts: [name: string, text: string][] = [];
	const state = known('reason') ? `${say('state')} (${say('reason')})` : say('state');
	const began = typeof columns.ts === 'string' ? forTerminal(time.whole(columns.ts), { raw }) : '';
	facts.push([`exchange ${say('id')}`, [state, say('side'), began].filter((part) => part !== '').join(', ')]);

	const thread = known('thread_comm') && say('thread_comm') !== say('comm') ? ` ${say('thread_comm')}` : '';
	facts.push(['process', `${say('comm') || '?'}, pid ${say('pid')}, thread ${say('tid')}${thread}`]);
	if (known('cmdline')) facts.push(['command', say('cmdline')]);
	if (known('exe')) facts.push(['executable', say('exe')]);
	if (known('cgroup')) facts.push(['cgroup', say('cgroup')]);
	const arrow = columns.side === 'client' ? '→' : '←';
	facts.push(['connection', `${say('conn')}: ${say('local') || '?'} ${arrow} ${say('remote') || '?'}`]);
	if (known('remote_name')) facts.push(['name', say('remote_name')]);
	if (known('pair_id')) facts.push(['pair', `exchange ${say('pair_id')}, seen from the other side`]);

	const times = [
		known('duration_ms') ? `${say('duration_ms')} ms` : '',
		known('ttfb_ms') ? `first byte after ${say('ttfb_ms')} ms` : '',
	].filter((part) => part !== '');
	if (times.length > 0) facts.push(['time', times.join(', ')]);
	const milliseconds = (name: string) => (typeof columns[name] === 'number' ? columns[name] : null);
	const bar = timingBar({
		send: exchange.sendMs ?? null,
		firstByte: milliseconds('ttfb_ms'),
		whole: milliseconds('duration_ms'),
	});
	if (bar !== null) facts.push(['timing', bar]);
	const carriers = [
		known('req_via') ? `request ${say('req_via')}` : '',
		known('vias') || known('via') ? `response ${say(known('vias') ? 'vias' : 'via')}` : '',
	].filter((part) => part !== '');
	if (carriers.length > 0) facts.push(['via', carriers.join(', ')]);
	if (exchange.calls !== undefined)
		for (const [index, line] of callLines(exchange.calls).entries()) facts.push([index === 0 ? 'calls' : '', line]);
	if (known('anomalies')) facts.push(['anomalies', say('anomalies')]);
	if (known('lost_bytes') && Number(columns.lost_bytes) > 0) facts.push(['lost', `${say('lost_bytes')} bytes`]);

	const width = Math.max(...facts.map(([name]) => name.length));
	return facts.map(([name, text]) => `${theme.dim(name.padEnd(width))}  ${text}\n`).join('');
}

function requestLines(exchange: ExchangeDetail, shown: Shown): string {
	const { theme, raw } = shown;
	const line = requestLine(exchange.columns);
	if (line === null && isMissing(exchange, 'req')) return `${theme.note('request not seen')}\n`;
	const head = line === null ? '' : `${theme.header(forTerminal(line, { raw }))}\n`;
	return messageLines(exchange, 'req', head, shown);
}

function responseLines(exchange: ExchangeDetail, shown: Shown): string {
	const { theme, raw } = shown;
	const { columns } = exchange;
	const interim =
		typeof columns.interim === 'string'
			? `${theme.dim(`interim responses: ${forTerminal(columns.interim.replaceAll(',', ', '), { raw })}`)}\n`
			: '';
	const status = columns.status ?? null;
	const text = typeof columns.status_text === 'string' ? columns.status_text : null;
	if (status === null && text === null && isMissing(exchange, 'res')) {
		return `${interim}${theme.note(columns.state === 'open' ? 'no response yet' : 'no response')}\n`;
	}
	// Without a status, the text is the first line as sent. A response that is only a body has no text.
	const line =
		status === null ? text : `${versionText(columns.http_version)} ${status}${text === null ? '' : ` ${text}`}`;
	const head = line === null ? '' : `${theme.status(Number(status), forTerminal(line, { raw }))}\n`;
	return messageLines(exchange, 'res', interim + head, shown);
}

/** Whether the message has neither fields nor a body. */
function isMissing({ columns, requestHeaders, responseHeaders }: ExchangeDetail, message: 'req' | 'res'): boolean {
	const fields = message === 'req' ? requestHeaders : responseHeaders;
	return fields.length === 0 && !(Number(columns[`${message}_body_bytes`] ?? 0) > 0);
}

function messageLines(exchange: ExchangeDetail, message: 'req' | 'res', head: string, shown: Shown): string {
	const { theme, raw, parts, bodies } = shown;
	const headers = message === 'req' ? exchange.requestHeaders : exchange.responseHeaders;
	const fields = (trailer: boolean): string =>
		headers
			.filter((line) => line.trailer === trailer)
			.map((line) => `${theme.name(forTerminal(line.name, { raw }))}: ${forTerminal(line.value, { raw })}\n`)
			.join('');
	const hasHead = parts.includes('headers');
	const body = parts.includes('body') ? bodyLines(messageBody(exchange, message), { theme, raw, form: bodies }) : '';
	const trailers = hasHead ? fields(true) : '';
	return [hasHead ? head + fields(false) : '', body, trailers === '' ? '' : `${theme.dim('trailers')}\n${trailers}`]
		.filter((part, i) => (i === 0 && hasHead) || part !== '')
		.join('\n');
}
