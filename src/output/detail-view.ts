// One exchange in full, as `.show` prints it.

import type { ExchangeMessage } from '../store/exchange-messages.ts';
import type { SqlValue } from '../store/table.ts';
import { type BodyForm, bodyLines } from './body-lines.ts';
import { callLines } from './call-lines.ts';
import { numberText } from './cell-text.ts';
import { type DisplayedTime, UTC_TIME } from './displayed-time.ts';
import { type ExchangeDetail, messageBody } from './exchange-parts.ts';
import { messageLines as itemLines } from './message-lines.ts';
import type { ProtoSchema } from './proto-schema.ts';
import { forTerminal } from './terminal-text.ts';
import { plainTheme, type Theme } from './theme.ts';
import { timingBar } from './timing-bar.ts';

/** The parts of an exchange that can be shown. */
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
	/** Width of the screen. Default: no limit. */
	readonly columns?: number;
	/** What fields of gRPC messages are called. */
	readonly proto?: ProtoSchema | undefined;
};

type Shown = Required<Omit<DetailViewOptions, 'proto'>> & Pick<DetailViewOptions, 'proto'>;

/** Facts, then request line, headers and body, then the same for the response, then messages. Ends with a line end. */
export function detailView(exchange: ExchangeDetail, options: DetailViewOptions = {}): string {
	const shown: Shown = {
		theme: plainTheme,
		raw: false,
		time: UTC_TIME,
		parts: ['facts', 'headers', 'body'],
		messages: ['req', 'res'],
		bodies: 'readable',
		columns: Number.POSITIVE_INFINITY,
		...options,
	};
	return [
		shown.parts.includes('facts') ? factLines(exchange, shown) : '',
		shown.messages.includes('req') ? requestLines(exchange, shown) : '',
		shown.messages.includes('res') ? responseLines(exchange, shown) : '',
		shown.parts.includes('body') ? streamLines(exchange, shown) : '',
	]
		.filter((part) => part !== '')
		.join('\n');
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

function factLines(exchange: ExchangeDetail, { theme, raw, time, columns: screenColumns }: Shown): string {
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
	const ids = known('pid') ? `, pid ${say('pid')}, thread ${say('tid')}` : '';
	// Files of packets do not tell.
	if (ids !== '' || known('comm')) facts.push(['process', `${say('comm') || '?'}${ids}${thread}`]);
	if (known('cmdline')) facts.push(['command', say('cmdline')]);
	if (known('exe')) facts.push(['executable', say('exe')]);
	if (known('cgroup')) facts.push(['cgroup', say('cgroup')]);
	const arrow = columns.side === 'client' ? '→' : '←';
	facts.push(['connection', `${say('conn')}: ${say('local') || '?'} ${arrow} ${say('remote') || '?'}`]);
	if (known('stream_id')) facts.push(['stream', say('stream_id')]);
	if (known('tls')) facts.push(['tls', `plaintext, read in ${say('tls')}`]);
	if (known('grpc_service')) {
		const status = known('grpc_status') ? `, status ${say('grpc_status')}` : '';
		const message = known('grpc_message') ? ` (${say('grpc_message')})` : '';
		facts.push(['gRPC', `${say('grpc_service')}/${say('grpc_method')}${status}${message}`]);
	}
	if (known('remote_name')) facts.push(['name', say('remote_name')]);
	if (known('pair_id')) facts.push(['pair', `exchange ${say('pair_id')}, seen from the other side`]);

	const times = [
		known('duration_ms') ? `${say('duration_ms')} ms` : '',
		known('ttfb_ms') ? `first byte after ${say('ttfb_ms')} ms` : '',
	].filter((part) => part !== '');
	if (times.length > 0) facts.push(['time', times.join(', ')]);
	const milliseconds = (name: string) => (typeof columns[name] === 'number' ? columns[name] : null);
	const phases = {
		send: exchange.sendMs ?? null,
		firstByte: milliseconds('ttfb_ms'),
		whole: milliseconds('duration_ms'),
	};
	const timingAt = facts.length;
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
	const bar = timingBar(phases, screenColumns - width - 2);
	if (bar !== null) facts.splice(timingAt, 0, ['timing', bar]);
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

/** The messages inside the bodies that are shown, or of the upgraded connection. */
function streamLines({ columns, messages: all }: ExchangeDetail, shown: Shown): string {
	const { theme, raw, messages, bodies, proto } = shown;
	if (all === undefined || bodies !== 'readable') return '';
	const asked = columns.side === 'client' ? 'out' : 'in';
	const some = all.messages.filter(({ direction }) => messages.includes(direction === asked ? 'req' : 'res'));
	if (some.length === 0) return '';
	const began = typeof columns.ts === 'string' ? columns.ts : null;
	const { grpc_service: service, grpc_method: method } = columns;
	const typeOf = ({ direction }: ExchangeMessage) =>
		typeof service === 'string' && typeof method === 'string'
			? proto?.typeOf(service, method, direction === asked)
			: undefined;
	return `${theme.header('messages')}\n${itemLines({ messages: some, more: all.more }, began, { theme, raw, typeOf })}`;
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
