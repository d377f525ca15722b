// A message of an exchange as bytes on the wire: its head as it was sent, and its body.
import type { FieldLine } from '../store/exchange-row.ts';
import type { SqlValue } from '../store/table.ts';
import { type ExchangeDetail, messageBody } from './exchange-parts.ts';

export type WireMessage = {
	readonly bytes: Buffer;
	/** Bytes after them that are not held. */
	readonly unheld: number;
	/** Bytes at the very end. */
	readonly tail: Buffer;
};

/** Undefined if the request was not seen. */
export function wireRequest(exchange: ExchangeDetail): WireMessage | undefined {
	const { columns, requestTarget, requestHeaders } = exchange;
	if (typeof columns.method !== 'string') return undefined;
	const query = typeof columns.query_string === 'string' ? `?${columns.query_string}` : '';
	const parts = `${String(columns.path ?? '')}${query}`;
	const target = requestTarget == null ? parts : (requestTarget.bytes ?? requestTarget.text);
	const version =
		typeof columns.req_http_version === 'string' ? ` HTTP/${versionOnWire(columns.req_http_version)}` : '';
	return message(exchange, 'req', [columns.method, ' ', target, version], requestFields(exchange, requestHeaders));
}

/** Undefined if there was no response. */
export function wireResponse(exchange: ExchangeDetail): WireMessage | undefined {
	const { columns, responseHeaders } = exchange;
	if (typeof columns.status !== 'number') return undefined;
	const line = `HTTP/${versionOnWire(columns.http_version)} ${columns.status} ${String(columns.status_text ?? '')}`;
	return message(exchange, 'res', [line], responseHeaders);
}

/** A message of HTTP/2 is written as one of HTTP/1.1, which every reader understands. */
function versionOnWire(version: SqlValue | undefined): string {
	return typeof version === 'string' && version !== '2' ? version : '1.1';
}

/** In HTTP/2, the authority takes the place of Host. */
function requestFields({ columns }: ExchangeDetail, fields: readonly FieldLine[]): readonly FieldLine[] {
	const { host } = columns;
	const needsHost =
		columns.req_http_version === '2' && typeof host === 'string' && !fields.some(({ name }) => isNamed(name, 'host'));
	return needsHost ? [{ name: 'host', value: host, trailer: false }, ...fields] : fields;
}

type Text = string | Uint8Array;

function message(
	exchange: ExchangeDetail,
	which: 'req' | 'res',
	line: Text[],
	fields: readonly FieldLine[],
): WireMessage {
	const held = Buffer.from(messageBody(exchange, which).raw ?? new Uint8Array(0));
	const total = Number(exchange.columns[`${which}_body_bytes`] ?? 0);
	const isDecoded = exchange.bodiesDecoded === true;
	// A body without its coding, or with other bytes, has another length than was captured.
	const captured = Number(exchange.columns[`${which}_captured_bytes`] ?? total);
	const unheld = Math.max(0, total - (isDecoded && held.length > 0 ? captured : held.length));
	const isHttp2 = exchange.columns[which === 'req' ? 'req_http_version' : 'http_version'] === '2';
	const hasLength = fields.some(({ name }) => isNamed(name, 'content-length'));
	const isFramed = isHttp2 && (total > 0 || held.length > 0) && !hasLength;
	const isChunked =
		isFramed || fields.some(({ name, value }) => isNamed(name, 'transfer-encoding') && /chunked/i.test(value));
	const head: Text[] = [...line, '\r\n'];
	if (isFramed) head.push('transfer-encoding: chunked\r\n');
	for (const field of fields) {
		if (field.trailer || field.name.startsWith(':')) continue;
		if (isDecoded && isNamed(field.name, 'content-encoding')) continue;
		const isLength = isDecoded && held.length > 0 && isNamed(field.name, 'content-length');
		head.push(...fieldLine(field, isLength ? String(held.length + unheld) : undefined));
	}
	head.push('\r\n');
	if (!isChunked) return { bytes: joined([...head, held]), unheld, tail: Buffer.alloc(0) };
	// In one chunk.
	const size = held.length + unheld;
	const [begin, end] = size === 0 ? ['', ''] : [`${size.toString(16)}\r\n`, '\r\n'];
	const trailers = fields.filter(({ trailer }) => trailer).flatMap((field) => fieldLine(field));
	return { bytes: joined([...head, begin, held]), unheld, tail: joined([end, '0\r\n', ...trailers, '\r\n']) };
}

function joined(texts: readonly Text[]): Buffer {
	return Buffer.concat(texts.map((text) => (typeof text === 'string' ? Buffer.from(text) : text)));
}

function fieldLine(field: FieldLine, value?: string): Text[] {
	return [field.nameBytes ?? field.name, ': ', value ?? field.valueBytes ?? field.value, '\r\n'];
}

function isNamed(name: string, lower: string): boolean {
	return name.toLowerCase() === lower;
}
