// The messages inside an exchange (rows of `messages`) as the page of a report shows them.
import { protobufLines } from '../output/protobuf-lines.ts';
import type { ExchangeMessage, ExchangeMessages } from '../store/exchange-messages.ts';
import { reportBody } from './report-body.ts';
import type { DetailBody, DetailItem, DetailItems } from './report-data.ts';
import { FIRST_ITEMS, LAST_ITEMS } from './report-limits.ts';

/** The messages that the page has, at most `room`, and how many it leaves out. */
export function chosenItems(
	{ messages, more }: ExchangeMessages,
	room: number,
): { readonly list: readonly ExchangeMessage[]; readonly cut?: NonNullable<DetailItems['cut']> } {
	const most = Math.max(0, Math.min(room, FIRST_ITEMS + LAST_ITEMS));
	if (messages.length <= most) {
		const list = messages;
		return more === 0 ? { list } : { list, cut: { count: more, after: list.length } };
	}
	const last = more > 0 ? 0 : Math.floor((most * LAST_ITEMS) / (FIRST_ITEMS + LAST_ITEMS));
	const first = messages.slice(0, most - last);
	const list = last === 0 ? first : [...first, ...messages.slice(-last)];
	return { list, cut: { count: messages.length + more - list.length, after: first.length } };
}

/** `isClient`: the exchange was seen in the client. `limit`: bytes of the content. */
export function reportItem(message: ExchangeMessage, isClient: boolean, limit: number): Omit<DetailItem, 'after'> {
	const { seq, direction, kind, event, eventId, bytes, closeCode, note } = message;
	const body = contentOf(message, limit);
	return {
		seq,
		sent: (direction === 'out') === isClient ? 1 : 0,
		kind,
		bytes,
		...(event === null ? {} : { name: event }),
		...(eventId === null ? {} : { id: eventId }),
		...(closeCode === null ? {} : { code: closeCode }),
		...(body === undefined ? {} : { body }),
		...(note === null ? {} : { note }),
	};
}

const TEXT = 'text/plain; charset=utf-8';
const BINARY = 'application/octet-stream';

function contentOf({ kind, event, raw, text, note }: ExchangeMessage, limit: number): DetailBody | undefined {
	// The code of a close frame is apart from its reason.
	const held = kind === 'close' && text !== null ? Buffer.from(text) : raw;
	if (held === null || held.length === 0) return undefined;
	const isText = text !== null && kind !== 'binary' && kind !== 'grpc' && !text.includes('\ufffd');
	const declared = kind === 'part' && event !== null ? event : isText ? TEXT : BINARY;
	const body = reportBody({ raw: held, total: held.length, note, contentType: declared, contentEncoding: null }, limit);
	const fields = kind === 'grpc' && note === null ? protobufLines(held) : null;
	return body === undefined || fields === null ? body : { ...body, fields: fields.join('\n') };
}
