// Collects exchanges for the page of a report: columns for its table, and details in parts, which are compressed until
// they are written, because the table comes first in the file.
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { type ExchangeDetail, messageBody } from '../output/exchange-parts.ts';
import type { FieldLine } from '../store/exchange-row.ts';
import { EXCHANGE_COLUMNS } from '../store/exchange-table.ts';
import type { SqlValue } from '../store/table.ts';
import { reportBody } from './report-body.ts';
import {
	type Detail,
	type DetailItems,
	type DetailMessage,
	NUMBER_COLUMNS,
	type NumberColumn,
	type ReportRows,
	TEXT_COLUMNS,
	type TextColumn,
} from './report-data.ts';
import { chosenItems, reportItem } from './report-items.ts';
import {
	ALL_BODIES_BYTES,
	ALL_HEADS_CHARACTERS,
	ALL_ITEMS,
	CELL_CHARACTERS,
	HEAD_CHARACTERS,
	ITEM_BYTES,
} from './report-limits.ts';
import { dataJson } from './report-page.ts';

export const DETAILS_PER_PART = 100;

/** Columns that the detail shows in another way, or that say the same as others. */
const NOT_FACTS = new Set<string>([
	...[...TEXT_COLUMNS, ...NUMBER_COLUMNS],
	...['req_headers', 'res_headers', 'req_body', 'res_body', 'req_body_raw', 'res_body_raw'],
	...['req_body_note', 'res_body_note', 'local_ip', 'local_port', 'remote_ip', 'remote_port', 'query_string'],
]);
const FACTS = EXCHANGE_COLUMNS.map(({ name }) => name).filter((name) => !NOT_FACTS.has(name));

/** Texts by number; each is stored once. */
class Strings {
	readonly list: string[] = [];
	/** Characters of all texts. */
	size = 0;
	readonly #numbers = new Map<string, number>();

	number(text: string): number {
		const known = this.#numbers.get(text);
		if (known !== undefined) return known;
		this.#numbers.set(text, this.list.length);
		this.size += text.length;
		return this.list.push(text) - 1;
	}
}

export class ReportBuilder {
	cutBodies = 0;
	cutHeads = 0;
	/** Messages inside exchanges that are left out. */
	cutItems = 0;
	#itemsLeft = ALL_ITEMS;
	readonly #bodyLimit: number;
	/** Unlike the limit of a body, these are reached only by exchanges that turn out larger than their rows say. */
	#bodiesLeft = 2 * ALL_BODIES_BYTES;
	#headsLeft: number;
	readonly #strings = new Strings();
	readonly #texts = columnsOf<TextColumn, number>(TEXT_COLUMNS);
	readonly #numbers = columnsOf<NumberColumn, number | null>(NUMBER_COLUMNS);
	#part = { strings: new Strings(), exchanges: [] as Detail[] };
	readonly #parts: Uint8Array[] = [];

	constructor(bodyLimit: number, headsLimit = ALL_HEADS_CHARACTERS) {
		this.#bodyLimit = bodyLimit;
		this.#headsLeft = headsLimit;
	}

	/** Adds an exchange, from which secrets have been removed. `template`: its path with :id for ids. */
	add(exchange: ExchangeDetail, template: string | null): void {
		const { columns } = exchange;
		const derived: Readonly<Record<string, SqlValue>> = {
			template,
			ts: instantUs(columns.ts),
			send_ms: exchange.sendMs ?? null,
			req_why: whyNotHeld(columns.req_body_note),
			res_why: whyNotHeld(columns.res_body_note),
		};
		const value = (name: string): SqlValue => (name in derived ? derived[name]! : (columns[name] ?? null));
		for (const name of TEXT_COLUMNS) {
			const text = value(name);
			this.#texts[name].push(typeof text === 'string' ? this.#strings.number(cell(text)) : -1);
		}
		for (const name of NUMBER_COLUMNS) this.#numbers[name].push(numberOf(value(name)));
		const before = this.#part.strings.size;
		this.#part.exchanges.push(this.#detail(exchange));
		// What other exchanges of the part have, too, costs nothing.
		this.#headsLeft -= this.#part.strings.size - before;
		if (this.#part.exchanges.length === DETAILS_PER_PART) this.#endPart();
	}

	/** The rows as JSON. */
	rows(): string {
		const times = this.#numbers.ts;
		const start = times.reduce((least: number, ts) => Math.min(least, ts ?? least), Number.POSITIVE_INFINITY);
		const origin = Number.isFinite(start) ? start : 0;
		const rows: ReportRows = {
			start: origin,
			strings: this.#strings.list,
			texts: this.#texts,
			numbers: { ...this.#numbers, ts: times.map((ts) => (ts === null ? null : ts - origin)) },
		};
		return dataJson(rows);
	}

	/** The parts of the details as JSON, in order. */
	*details(): Generator<string> {
		if (this.#part.exchanges.length > 0) this.#endPart();
		for (const part of this.#parts) yield inflateRawSync(part).toString('utf8');
	}

	#endPart(): void {
		const { strings, exchanges } = this.#part;
		this.#parts.push(deflateRawSync(dataJson({ strings: strings.list, exchanges }), { level: 1 }));
		this.#part = { strings: new Strings(), exchanges: [] };
	}

	#detail(exchange: ExchangeDetail): Detail {
		const { strings } = this.#part;
		const { columns, requestTarget } = exchange;
		const facts = FACTS.flatMap((name): [number, number][] => {
			const value = columns[name] ?? null;
			if (value === null || value instanceof Uint8Array) return [];
			return [[strings.number(name), strings.number(this.#short(String(value)))]];
		});
		const items = this.#items(exchange);
		return {
			target: requestTarget == null ? -1 : strings.number(this.#short(requestTarget.text)),
			req: this.#message(exchange, 'req', exchange.requestHeaders),
			res: this.#message(exchange, 'res', exchange.responseHeaders),
			facts,
			...(items === undefined ? {} : { items }),
		};
	}

	/** The messages inside the exchange. */
	#items({ columns, messages }: ExchangeDetail): DetailItems | undefined {
		if (messages === undefined) return undefined;
		const { list, cut } = chosenItems(messages, this.#itemsLeft);
		this.#itemsLeft -= list.length;
		this.cutItems += cut?.count ?? 0;
		const began = instantUs(columns.ts);
		const items = list.map((message) => {
			const at = instantUs(message.ts ?? undefined);
			const limit = Math.max(0, Math.min(ITEM_BYTES, this.#bodyLimit, this.#bodiesLeft));
			const item = reportItem(message, columns.side === 'client', limit);
			if (item.body !== undefined) this.#bodiesLeft -= item.body.bytes - (item.body.cut ?? 0);
			return { ...item, after: at === null || began === null ? null : at - began };
		});
		return { list: items, ...(cut === undefined ? {} : { cut }) };
	}

	#message(exchange: ExchangeDetail, message: 'req' | 'res', lines: readonly FieldLine[]): DetailMessage {
		const { strings } = this.#part;
		const fields: [number, number, 1?][] = [];
		let room = Math.min(HEAD_CHARACTERS, this.#headsLeft);
		for (const { name, value, trailer } of lines) {
			room -= name.length + value.length;
			if (room < 0) break;
			const field = [strings.number(name), strings.number(value)] as const;
			fields.push(trailer ? [...field, 1] : [...field]);
		}
		const fieldsCut = lines.length - fields.length;
		if (fieldsCut > 0) this.cutHeads++;
		const held = messageBody(exchange, message);
		const body = reportBody(held, Math.max(0, Math.min(this.#bodyLimit, this.#bodiesLeft)));
		if (body?.cut !== undefined) this.cutBodies++;
		this.#bodiesLeft -= body === undefined ? 0 : body.bytes - (body.cut ?? 0);
		return {
			fields,
			...(fieldsCut === 0 ? {} : { fieldsCut }),
			...(body === undefined ? {} : { body }),
			...(held.note === null ? {} : { note: held.note }),
		};
	}

	/** A text of the detail, cut like a head. */
	#short(text: string): string {
		const room = Math.max(0, Math.min(HEAD_CHARACTERS, this.#headsLeft));
		return text.length <= room ? text : `${text.slice(0, room)}…`;
	}
}

function columnsOf<Name extends string, Value>(names: readonly Name[]): Record<Name, Value[]> {
	return Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, Value[]>;
}

function cell(text: string): string {
	return text.length <= CELL_CHARACTERS ? text : `${text.slice(0, CELL_CHARACTERS)}…`;
}

function numberOf(value: SqlValue): number | null {
	const number = typeof value === 'bigint' ? Number(value) : value;
	return typeof number === 'number' && Number.isFinite(number) ? number : null;
}

/** The microseconds since 1970 of `2026-11-22T12:56:01.123456Z`. */
function instantUs(text: SqlValue | undefined): number | null {
	if (typeof text !== 'string') return null;
	const seconds = Date.parse(`${text.slice(0, 19)}Z`);
	return seconds * 1000 + Number(/\.(\d{1,6})/.exec(text)?.[1]?.padEnd(6, '0') ?? 0);
}

/** The reason in a note, as people say it; null if there is no note. */
export function whyNotHeld(note: SqlValue | undefined): string | null {
	if (typeof note !== 'string') return null;
	return REASONS.find(([pattern]) => pattern.test(note))?.[1] ?? 'not captured';
}

/** A note can have several reasons. The first one here counts. */
const REASONS: readonly (readonly [pattern: RegExp, reason: string])[] = [
	[/lost \(/, 'lost'],
	[/via sendfile/, 'sent by sendfile'],
	[/via splice/, 'sent by splice'],
	[/body limit/, 'body limit'],
	[/call limit/, 'call limit'],
	[/iovec limit/, 'iovec limit'],
	[/memory limit/, 'memory limit'],
	[/discarded/, 'discarded by the program'],
	[/redaction/, 'withheld by redaction'],
	[/--keep-bodies/, 'left out by --keep-bodies'],
	[/not decoded|decoded in part/, 'content coding'],
];
