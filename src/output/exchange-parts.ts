// An exchange and its parts, as all output formats use them.
import { bodyCodings } from '../decode/content-coding.ts';
import type { ExchangeCalls } from '../store/exchange-calls.ts';
import type { ExchangeMessages } from '../store/exchange-messages.ts';
import type { ExactText, FieldLine } from '../store/exchange-row.ts';
import type { SqlValue } from '../store/table.ts';
import type { Body } from './body-lines.ts';

/** Everything known about an exchange; plain data, so that threads can pass it on. */
export type ExchangeDetail = {
	/** The columns of `exchanges` by name. All keys are our own names. A missing column is NULL. */
	readonly columns: Readonly<Record<string, SqlValue>>;
	/** The target as sent; null if it was not seen. Undefined: only its parts are known, from the columns. */
	readonly requestTarget?: ExactText | null;
	/** Field lines in order, with names as sent. Includes trailers. */
	readonly requestHeaders: readonly FieldLine[];
	readonly responseHeaders: readonly FieldLine[];
	/** Milliseconds from the request's first byte to its last one; null if it was not seen. */
	readonly sendMs?: number | null;
	/** Present only if asked for. */
	readonly calls?: ExchangeCalls;
	/** Its rows of table `messages`, if there are any. */
	readonly messages?: ExchangeMessages;
	/** Set after redaction: the raw bodies are UTF-8 text or decoded content, whatever the headers say. */
	readonly bodiesDecoded?: boolean;
};

/** The value of the first field with this name that is not a trailer; null if there is none. */
export function headerValue(headers: readonly FieldLine[], lowerName: string): string | null {
	return headers.find((line) => !line.trailer && line.name.toLowerCase() === lowerName)?.value ?? null;
}

/** The server's end of the connection: `local` or `remote`, depending on the side; null if unknown. */
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
