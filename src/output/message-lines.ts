// The messages of an exchange as lines of the detail view.
import type { ExchangeMessage, ExchangeMessages } from '../store/exchange-messages.ts';
import { jsonLines, textLines } from './body-lines.ts';
import { hexDump } from './hex-dump.ts';
import type { ProtoType } from './proto-schema.ts';
import { protobufLines } from './protobuf-lines.ts';
import { forTerminal } from './terminal-text.ts';
import type { Theme } from './theme.ts';

/** If there are more messages, those in the middle are left out. */
const FIRST_MESSAGES = 20;
const LAST_MESSAGES = 10;
/** Bytes of binary messages shown as hex. */
const HEX_BYTES = 256;

export type MessageLinesOptions = {
	readonly theme: Theme;
	readonly raw: boolean;
	/** The type of a gRPC message, if it is known. */
	readonly typeOf?: ((message: ExchangeMessage) => ProtoType | undefined) | undefined;
};

/** A line `#1 +12.345 ms out event token, 18 bytes` and the content, for each message. `began`: when the request did. */
export function messageLines(
	{ messages, more }: ExchangeMessages,
	began: string | null,
	options: MessageLinesOptions,
): string {
	const { theme, raw } = options;
	const hidden = messages.length - FIRST_MESSAGES - LAST_MESSAGES;
	const lines = (some: readonly ExchangeMessage[]) =>
		some.map((message) => theme.dim(`${factsOf(message, began, raw)}\n`) + contentOf(message, options)).join('');
	const rest = more === 0 ? '' : theme.dim(`… ${more} more\n`);
	if (hidden <= 1) return lines(messages) + rest;
	const left = theme.dim(`… ${hidden} more messages\n`);
	return lines(messages.slice(0, FIRST_MESSAGES)) + left + lines(messages.slice(-LAST_MESSAGES)) + rest;
}

function factsOf(message: ExchangeMessage, began: string | null, raw: boolean): string {
	const { seq, direction, kind, event, eventId, bytes, closeCode } = message;
	const after =
		began === null || message.ts === null ? '' : ` +${((micros(message.ts) - micros(began)) / 1000).toFixed(3)} ms`;
	const named = event === null ? '' : ` ${forTerminal(event, { raw })}`;
	const id = eventId === null ? '' : `, id ${forTerminal(eventId, { raw })}`;
	const code = closeCode === null ? '' : ` ${closeCode}`;
	const size = bytes === null ? '' : `, ${bytes} ${bytes === 1 ? 'byte' : 'bytes'}`;
	return `#${seq}${after} ${direction ?? ''} ${kind ?? '?'}${named}${code}${id}${size}`;
}

/** Microseconds since the epoch. */
function micros(ts: string): number {
	return Date.parse(ts) * 1000 + Number(ts.slice(23, 26));
}

function contentOf(message: ExchangeMessage, { theme, raw, typeOf }: MessageLinesOptions): string {
	const note = message.note === null ? '' : `${theme.note(forTerminal(message.note, { raw }))}\n`;
	return bytesOf(message, raw, typeOf?.(message)) + note;
}

function bytesOf(
	{ kind, event, raw: bytes, text, note }: ExchangeMessage,
	raw: boolean,
	type: ProtoType | undefined,
): string {
	if (bytes === null || bytes.length === 0) return '';
	if (kind === 'grpc' && note === null) {
		const fields = protobufLines(bytes, raw, type);
		if (fields !== null) return `${fields.join('\n')}\n`;
	}
	const isText = text !== null && kind !== 'binary' && kind !== 'grpc' && !text.includes('\ufffd');
	if (!isText || (kind === 'part' && event !== null && !/text|json|xml/i.test(event))) return hexDump(bytes, HEX_BYTES);
	return jsonLines(text, { raw, partial: note !== null }) ?? textLines(text, { raw, partial: note !== null });
}
