// The messages of one exchange, for the detail view and exports.
import type { SqlValue, TableSnapshot } from './table.ts';

/** One message; plain data, so that threads can pass it on. */
export type ExchangeMessage = {
	readonly seq: number;
	/** UTC, as in the column. */
	readonly ts: string | null;
	/** `in` or `out`. */
	readonly direction: string | null;
	/** `event`, `text` …; null for bytes that could not be told apart. */
	readonly kind: string | null;
	readonly event: string | null;
	readonly eventId: string | null;
	/** True length; null if it is not known. */
	readonly bytes: number | null;
	/** Held bytes, and the same as text; null if none are held. */
	readonly raw: Uint8Array | null;
	readonly text: string | null;
	readonly closeCode: number | null;
	readonly note: string | null;
};

export type ExchangeMessages = {
	readonly messages: readonly ExchangeMessage[];
	/** How many further ones there are. */
	readonly more: number;
};

/** Messages of one exchange are read up to this many bytes. */
const MOST_BYTES = 4 << 20;
/** What a message takes besides its bytes. */
const MESSAGE_BYTES = 200;

/** Reads the messages of exchanges from the table; undefined for one without messages. */
export function messagesReader(table: TableSnapshot): (exchange: number) => ExchangeMessages | undefined {
	const columns = table.columns.map(({ name }) => name);
	const at = (name: string) => columns.indexOf(name);
	let readers: Record<string, (row: number) => SqlValue> | undefined;
	return (exchange) => {
		const rows = table.find!(at('exchange_id'), exchange) ?? [];
		if (rows.length === 0) return undefined;
		readers ??= Object.fromEntries(columns.map((name, index) => [name, table.reader(index).value]));
		const messages: ExchangeMessage[] = [];
		for (let bytes = 0; messages.length < rows.length && bytes < MOST_BYTES; ) {
			const message = messageAt(readers, rows[messages.length]!);
			bytes += MESSAGE_BYTES + (message.raw?.byteLength ?? 0) * 2;
			messages.push(message);
		}
		return { messages, more: rows.length - messages.length };
	};
}

function messageAt(readers: Readonly<Record<string, (row: number) => SqlValue>>, row: number): ExchangeMessage {
	const value = (name: string) => readers[name]!(row);
	const text = (name: string) => {
		const found = value(name);
		return typeof found === 'string' ? found : null;
	};
	const number = (name: string) => {
		const found = value(name);
		return found === null ? null : Number(found);
	};
	const raw = value('data_raw');
	return {
		seq: Number(value('seq')),
		ts: text('ts'),
		direction: text('direction'),
		kind: text('kind'),
		event: text('event'),
		eventId: text('event_id'),
		bytes: number('bytes'),
		raw: raw instanceof Uint8Array ? raw : null,
		text: text('data'),
		closeCode: number('close_code'),
		note: text('note'),
	};
}
