// Exchanges and rows without their secrets, for output that is meant to be shared.

import { isUtf8 } from 'node:buffer';
import { charsetText } from '../decode/body-text.ts';
import { decodeContent } from '../decode/content-coding.ts';
import { mediaOf } from '../decode/media-kind.ts';
import type { ExchangeMessage, ExchangeMessages } from '../store/exchange-messages.ts';
import type { ExactText, FieldLine } from '../store/exchange-row.ts';
import type { SqlValue } from '../store/table.ts';
import type { ResultColumn } from './cell-text.ts';
import { type ExchangeDetail, messageBody } from './exchange-parts.ts';
import type { Redactor } from './redaction.ts';

/** Columns of exchanges without data from messages. All others are redacted, including those added later. */
export const HARMLESS_COLUMNS: ReadonlySet<string> = new Set([
	...[
		'ts',
		'state',
		'reason',
		'side',
		'comm',
		'thread_comm',
		'exe',
		'cgroup',
		'via',
		'vias',
		'req_via',
		'tls',
		'anomalies',
	],
	...['local', 'remote', 'local_ip', 'remote_ip', 'http_version', 'req_http_version', 'interim'],
]);

/**
 * The same exchange with secrets replaced in every field. Bodies come back as decoded UTF-8 text (`bodiesDecoded`). A
 * body that cannot be examined, or contains a secret seen elsewhere in the exchange, is withheld, and its note says so.
 */
export function redactExchange<T extends ExchangeDetail>(
	exchange: T,
	redactor: Redactor,
): Omit<T, 'columns'> & Pick<ExchangeDetail, 'columns' | 'bodiesDecoded'> {
	const scope = redactor.scope();
	const columns: Record<string, SqlValue> = {};
	const requestHeaders = redactFields(exchange.requestHeaders, scope);
	const responseHeaders = redactFields(exchange.responseHeaders, scope);
	for (const [name, value] of Object.entries(exchange.columns))
		columns[name] = HARMLESS_COLUMNS.has(name) ? value : redactColumn(name, value, scope);
	redactBody(exchange, 'req', columns, scope);
	redactBody(exchange, 'res', columns, scope);
	const messages = exchange.messages && redactMessages(exchange.messages, scope);
	const { requestTarget } = exchange;
	const target = requestTarget?.text ?? '';
	const redactedTarget = scope.url(target);

	// Now all secrets are known. They may also occur where nothing marks them as secret.
	const sweepFields = (fields: readonly FieldLine[]): FieldLine[] =>
		fields.map((field) => withTexts(field, scope.sweep(field.name), scope.sweep(field.value)));
	const sweepTarget = (sent: ExactText): ExactText => {
		const text = scope.sweep(redactedTarget);
		return text === target ? sent : { text };
	};
	for (const name of Object.keys(columns)) {
		const value = columns[name];
		if (HARMLESS_COLUMNS.has(name)) continue;
		if (typeof value === 'string') columns[name] = scope.sweep(value);
		else if (value instanceof Uint8Array) sweepBytes(columns, name, value, scope);
	}
	return {
		...exchange,
		columns,
		...(requestTarget == null ? {} : { requestTarget: sweepTarget(requestTarget) }),
		...(messages === undefined ? {} : { messages: sweepMessages(messages, scope) }),
		requestHeaders: sweepFields(requestHeaders),
		responseHeaders: sweepFields(responseHeaders),
		bodiesDecoded: true,
	};
}

/** Texts are redacted; bytes that were not decompressed have not been examined, so they are withheld. */
function redactMessages(all: ExchangeMessages, scope: Redactor): ExchangeMessages {
	return changedMessages(all, (message) => {
		if (message.raw === null) return message;
		if (message.text === null) return withheld(message);
		if (message.text.includes('\ufffd')) return message;
		const text = scope.text(message.text);
		return text === message.text ? message : { ...message, text, raw: Buffer.from(text) };
	});
}

/** Secrets seen anywhere in the exchange may also occur where nothing marks them. */
function sweepMessages(all: ExchangeMessages, scope: Redactor): ExchangeMessages {
	const swept = (text: string | null) => (text === null ? null : scope.sweep(text));
	return changedMessages(all, (message) => {
		const named = { ...message, event: swept(message.event), eventId: swept(message.eventId) };
		if (named.raw === null || named.text === null) return named;
		const text = scope.sweep(named.text);
		if (text !== named.text && !named.text.includes('\ufffd')) return { ...named, text, raw: Buffer.from(text) };
		return scope.holdsSecret(named.raw) ? withheld(named) : named;
	});
}

function changedMessages(
	{ messages, more }: ExchangeMessages,
	change: (message: ExchangeMessage) => ExchangeMessage,
): ExchangeMessages {
	return { messages: messages.map(change), more };
}

function withheld(message: ExchangeMessage): ExchangeMessage {
	const note = 'withheld by redaction';
	return { ...message, raw: null, text: null, note: message.note === null ? note : `${message.note}; ${note}` };
}

/** Redacts the rows of any statement, by column names and by the form of texts. */
export function createRowRedactor(
	columns: readonly ResultColumn[],
	redactor: Redactor,
): (row: readonly SqlValue[]) => SqlValue[] {
	const nameColumn = columns.findIndex(({ name }) => NAME_COLUMNS.has(name));
	const fields = columns.map(({ name }) => fieldOf(name));
	return (row) => {
		const scope = redactor.scope();
		const redacted = row.map((value, i) => {
			const column = columns[i]?.name ?? '';
			const field = VALUE_COLUMNS.has(column) && nameColumn !== -1 ? String(row[nameColumn]) : fields[i];
			if (typeof value === 'string' && field !== undefined) return scope.header(field, value);
			return redactColumn(column, value, scope);
		});
		return redacted.map((value) => {
			if (typeof value === 'string') return scope.sweep(value);
			return value instanceof Uint8Array && scope.holdsSecret(value) ? null : value;
		});
	};
}

/** Columns with the names of fields, and with their values: of the table headers, of json_each() and json_tree(). */
const NAME_COLUMNS: ReadonlySet<string> = new Set(['name', 'raw_name', 'key']);
const VALUE_COLUMNS: ReadonlySet<string> = new Set(['header_value', 'value', 'atom']);

/** The field that a column without an alias reads: `req_headers['cookie']`, `x ->> 'token'`, `header(res_headers, 'x')`. */
function fieldOf(column: string): string | undefined {
	return /(?:\[|->>?|\bheader\(.*,)\s*'([^']+)'\s*[\])]?$/i.exec(column.slice(-200))?.[1];
}

function redactFields(fields: readonly FieldLine[], scope: Redactor): FieldLine[] {
	return fields.map((field) => withTexts(field, field.name, scope.header(field.name, field.value)));
}

/** The field with these texts; its bytes are kept only if they say the same. */
function withTexts(field: FieldLine, name: string, value: string): FieldLine {
	return {
		name,
		value,
		trailer: field.trailer,
		...(field.nameBytes === undefined || name !== field.name ? {} : { nameBytes: field.nameBytes }),
		...(field.valueBytes === undefined || value !== field.value ? {} : { valueBytes: field.valueBytes }),
	};
}

/** A column of an exchange that is not among HARMLESS_COLUMNS, as redactExchange() redacts it before it sweeps. */
export function redactColumn(name: string, value: SqlValue, scope: Redactor): SqlValue {
	if (value instanceof Uint8Array) {
		const text = Buffer.from(value).toString('utf8');
		return text.includes('\ufffd') ? value : Buffer.from(scope.text(text));
	}
	if (typeof value !== 'string') return value;
	if (name === 'query_string') return scope.form(value);
	if (name === 'url' || name === 'path') return scope.url(value);
	return scope.text(value);
}

function redactBody(
	exchange: ExchangeDetail,
	message: 'req' | 'res',
	columns: Record<string, SqlValue>,
	scope: Redactor,
): void {
	const { raw, contentType, contentEncoding } = messageBody(exchange, message);
	if (raw === null) return;
	const content = decodeContent(raw, contentEncoding);
	const { kind } = mediaOf(contentType, content.bytes);
	// A body that was not decoded has not been examined.
	if (content.stopped !== null && content.applied.length === 0) {
		hold(columns, message, 'withheld by redaction');
		return;
	}
	const isText = kind === 'json' || kind === 'text';
	const isForm = contentType !== null && /^\s*multipart\/form-data\b/i.test(contentType);
	if (isForm && !(isText && isUtf8(content.bytes))) {
		const form = redactFormWithFiles(content.bytes, contentType, scope);
		if (form === null) hold(columns, message, 'withheld by redaction');
		else columns[`${message}_body_raw`] = form;
		return;
	}
	if (!isText) {
		columns[`${message}_body_raw`] = content.bytes;
		return;
	}
	const text = scope.text(charsetText(content.bytes, contentType), contentType);
	columns[`${message}_body_raw`] = Buffer.from(text);
	columns[`${message}_body`] = text;
}

/** A form that contains non-text bytes, with its parts redacted one by one; null if it has no parts. */
function redactFormWithFiles(body: Uint8Array, contentType: string, scope: Redactor): Uint8Array | null {
	// In ISO-8859-1, each character is a byte.
	const [start, ...parts] = splitForm(Buffer.from(body).toString('latin1'));
	if (start === undefined) return null;
	return Buffer.concat(
		parts.flatMap((part) => {
			const bytes = Buffer.from(part, 'latin1');
			const encoding = isUtf8(bytes) ? 'utf8' : 'latin1';
			const redacted = scope.text(start + bytes.toString(encoding), contentType);
			return [Buffer.from(start, 'latin1'), Buffer.from(redacted.slice(start.length), encoding)];
		}),
	);
}

/** The delimiter in the first line, and the text after each occurrence of it. */
function splitForm(text: string): string[] {
	const delimiter = /^(--[^\r\n]{1,200})\r?\n/.exec(text)?.[1];
	return delimiter === undefined ? [] : [delimiter, ...text.split(delimiter).slice(1)];
}

function sweepBytes(columns: Record<string, SqlValue>, name: string, value: Uint8Array, scope: Redactor): void {
	const text = Buffer.from(value).toString('utf8');
	if (!text.includes('\ufffd')) columns[name] = Buffer.from(scope.sweep(text));
	else if (scope.holdsSecret(value)) hold(columns, name.startsWith('req') ? 'req' : 'res', 'withheld by redaction');
}

function hold(columns: Record<string, SqlValue>, message: 'req' | 'res', why: string): void {
	columns[`${message}_body_raw`] = null;
	columns[`${message}_body`] = null;
	addNote(columns, message, why);
}

function addNote(columns: Record<string, SqlValue>, message: 'req' | 'res', note: string): void {
	const before = columns[`${message}_body_note`];
	columns[`${message}_body_note`] = typeof before === 'string' ? `${before}; ${note}` : `body: ${note}`;
}
