// An exchange as a row for a store of many hosts, and values as JSON. The columns that are the same for all rows of an agent
// are added elsewhere (origin.ts).
import { wallUs } from '../base/wall-clock.ts';
import { wellFormed } from '../output/secret-memory.ts';
import type { ExchangeRecord } from '../store/exchange-detail.ts';
import type { FieldLine } from '../store/exchange-row.ts';
import type { SqlValue } from '../store/table.ts';
import { SENT_COLUMNS } from './store-tables.ts';

/** Of which exchanges bodies are sent; `sample`: of one in `every`. */
export type BodyChoice = { readonly of: 'none' | 'errors' | 'all' } | { readonly of: 'sample'; readonly every: number };

/** Which parts of an exchange are sent. Plain data, so that threads can pass it on. */
export type RowSettings = {
	readonly bodies: BodyChoice;
	/** As given by the user, for the notes of bodies that are not sent. */
	readonly bodiesText: string;
	/** Names of fields in lower case; undefined: all are sent. */
	readonly headers: readonly string[] | undefined;
};

/** The fields of a message that are sent; the last `trailers` of them are trailers. */
export type SentFields = {
	readonly names: readonly string[];
	readonly values: readonly string[];
	readonly trailers: number;
};

export type ExchangeRow = {
	/** In the order of SENT_COLUMNS, without the time. */
	readonly values: readonly SqlValue[];
	/** The time of the exchange in microseconds since 1970. */
	readonly tsUs: number;
	readonly req: SentFields;
	readonly res: SentFields;
};

/** Columns that a row does not need, because it has the fields themselves. Making and redacting them takes time. */
export const ROW_LEAVES_OUT: readonly string[] = ['req_headers', 'res_headers'];

/** Creates a function that makes rows. */
export function createExchangeRow(settings: RowSettings): (exchange: ExchangeRecord) => ExchangeRow {
	const wanted = settings.headers === undefined ? undefined : new Set(settings.headers);
	const columns = SENT_COLUMNS.map(({ name }) => ({
		name,
		ofBody: /^(?:req|res)_(?:body|captured_bytes|body_note)$/.test(name),
	}));
	return (exchange) => {
		const { columns: record, requestHeaders, responseHeaders } = exchange;
		const hasBodies = sendsBodies(settings.bodies, record);
		return {
			values: columns.map(({ name, ofBody }) => {
				if (name === 'ts') return null;
				return ofBody && !hasBodies ? withoutBody(name, record, settings.bodiesText) : (record[name] ?? null);
			}),
			// Stores sort by it, so it cannot be NULL.
			tsUs: typeof record.ts === 'string' ? microseconds(record.ts) : wallUs(),
			req: sentFields(requestHeaders, wanted),
			res: sentFields(responseHeaders, wanted),
		};
	};
}

/** Whether bodies of this exchange are sent. An error is a status from 400 on, or an exchange that did not end well. */
export function sendsBodies(bodies: BodyChoice, { id, status, state }: ExchangeRecord['columns']): boolean {
	if (bodies.of === 'all') return true;
	if (bodies.of === 'none') return false;
	if (bodies.of === 'sample') return Number(id) % bodies.every === 0;
	return status === null || Number(status) >= 400 || (state !== 'complete' && state !== 'upgraded');
}

/** The value of a column of a body that is not sent. */
function withoutBody(name: string, columns: ExchangeRecord['columns'], bodies: string): SqlValue {
	const bytes = columns[`${name.slice(0, 3)}_body_bytes`];
	// There is nothing that could have been sent.
	if (bytes === null || bytes === undefined || Number(bytes) === 0) return columns[name] ?? null;
	if (name.endsWith('_note')) return `body: ${bytes} bytes not sent (--bodies ${bodies})`;
	return name.endsWith('_bytes') ? 0 : null;
}

function sentFields(lines: readonly FieldLine[], wanted: ReadonlySet<string> | undefined): SentFields {
	const sent = wanted === undefined ? lines : lines.filter(({ name }) => wanted.has(name.toLowerCase()));
	return {
		names: sent.map(({ name }) => name),
		values: sent.map(({ value }) => value),
		trailers: sent.reduce((sum, { trailer }) => sum + (trailer ? 1 : 0), 0),
	};
}

/** A value as JSON, except a blob. */
export function jsonValue(value: SqlValue): string {
	if (value === null) return 'null';
	if (typeof value === 'string') return jsonText(value);
	if (typeof value === 'bigint') return String(value);
	if (typeof value === 'number') return Number.isFinite(value) ? String(value) : 'null';
	throw new Error('expected a column that is not a blob');
}

const HALF_PAIR = /\p{Surrogate}/u;

/** A JSON string. Halves of surrogate pairs are replaced, because ClickHouse rejects a whole batch with one. */
export function jsonText(text: string): string {
	return JSON.stringify(HALF_PAIR.test(text) ? wellFormed(text) : text);
}

/** Microseconds since 1970 of a time as the tables here print it: `2026-11-22T12:56:01.123456Z`. */
function microseconds(text: string): number {
	return Date.parse(`${text.slice(0, 19)}Z`) * 1000 + Number(text.slice(20, 26));
}
