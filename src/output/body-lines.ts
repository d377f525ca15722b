// Bodies in readable form, as complete lines that are safe to print.

import { charsetText } from '../decode/body-text.ts';
import { decodeContent } from '../decode/content-coding.ts';
import { mediaOf } from '../decode/media-kind.ts';
import { hexDump } from './hex-dump.ts';
import { reformatJson } from './json-text.ts';
import { forTerminal } from './terminal-text.ts';
import type { Theme } from './theme.ts';

export type Body = {
	/** Held bytes after transfer decoding; null if there are none. */
	readonly raw: Uint8Array | null;
	/** True length after transfer decoding. */
	readonly total: number;
	/** Why it is not held in full or cannot be decoded; otherwise null. */
	readonly note: string | null;
	readonly contentType: string | null;
	readonly contentEncoding: string | null;
};

export type BodyLinesOptions = { readonly theme: Theme; readonly raw: boolean };

/** Maximum bytes of binary content shown as hex. A last line says how many more there are. */
export const HEX_DUMP_BYTES = 4096;

/**
 * JSON is indented, other text complete and unchanged, images, archives and the like are `[image/png, 68 bytes]`, the
 * rest is hex. The note about what is not held follows. '' for an empty body.
 */
export function bodyLines(body: Body, options: BodyLinesOptions): string {
	const { theme, raw } = options;
	const note = body.note === null ? '' : `${theme.note(forTerminal(body.note, { raw }))}\n`;
	if (body.raw === null || body.raw.length === 0) return note;
	const content = decodeContent(body.raw, body.contentEncoding);
	const media = mediaOf(body.contentType, content.bytes);
	const how = { raw, partial: body.note !== null || content.stopped !== null };
	let lines: string;
	if (media.kind === 'json' || media.kind === 'text') {
		const text = charsetText(content.bytes, body.contentType);
		const mayBeJson = media.kind === 'json' || body.contentType === null;
		lines = (mayBeJson ? jsonLines(text, how) : null) ?? textLines(text, how);
	} else if (media.kind === 'binary') lines = hexDump(content.bytes, HEX_DUMP_BYTES);
	else lines = `${theme.note(`[${forTerminal(media.type ?? media.kind, { raw })}, ${byteCount(body.total)}]`)}\n`;
	return lines + note;
}

export type TextLinesOptions = {
	readonly raw: boolean;
	/** The text may end early. */
	readonly partial: boolean;
};

/** Indents JSON objects and lists, with all digits of their numbers. Null if `text` is something else. */
export function jsonLines(text: string, options: TextLinesOptions): string | null {
	if (!/^\s*[[{]/.test(text)) return null;
	const pretty = reformatJson(text, { indent: 2, partial: options.partial });
	return pretty === null ? null : `${forTerminal(pretty, { raw: options.raw, lineFeeds: true })}\n`;
}

/** The lines of a text. They may end in CR LF or LF; all other control characters are escaped. */
export function textLines(text: string, options: TextLinesOptions): string {
	if (text === '') return '';
	const lines = options.raw ? text : forTerminal(text.replaceAll('\r\n', '\n'), { lineFeeds: true });
	return lines.endsWith('\n') ? lines : `${lines}\n`;
}

function byteCount(count: number): string {
	return count === 1 ? '1 byte' : `${count} bytes`;
}
