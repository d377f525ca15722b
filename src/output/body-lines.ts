// Bodies in readable form, as complete lines that are safe to print.

import { charsetText } from '../decode/body-text.ts';
import { decodeContent } from '../decode/content-coding.ts';
import { mediaOf } from '../decode/media-kind.ts';
import { hexDump } from './hex-dump.ts';
import { reformatJson } from './json-text.ts';
import { multipartParts, type Part } from './multipart.ts';
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

/** `raw` and `hex` show the held bytes; `raw` shows them as text and with their content coding. */
export type BodyForm = 'readable' | 'raw' | 'hex' | 'raw hex';

export type BodyLinesOptions = { readonly theme: Theme; readonly raw: boolean; readonly form?: BodyForm };

/** The limit if hex was asked for. */
const ASKED_HEX_BYTES = 1024 * 1024;

/** Deeper nested parts are shown as text. */
const DEEPEST_PART = 3;

/** Maximum bytes of binary content shown as hex. A last line says how many more there are. */
export const HEX_DUMP_BYTES = 4096;

/**
 * JSON is indented, other text is complete and unchanged, images, archives and the like are `[image/png, 68 bytes]`,
 * and everything else is hex. A multipart body is shown part by part. The note about bytes that are not held follows.
 * '' for an empty body.
 */
export function bodyLines(body: Body, options: BodyLinesOptions): string {
	const { theme, raw, form = 'readable' } = options;
	const note = body.note === null ? '' : `${theme.note(forTerminal(body.note, { raw }))}\n`;
	if (body.raw === null || body.raw.length === 0) return note;
	if (form === 'raw') return bytesAsText(body.raw, raw) + note;
	if (form === 'raw hex') return hexDump(body.raw, ASKED_HEX_BYTES) + note;
	const content = decodeContent(body.raw, body.contentEncoding);
	if (form === 'hex') return hexDump(content.bytes, ASKED_HEX_BYTES) + note;
	const isPartial = body.note !== null || content.stopped !== null;
	return contentLines(content.bytes, body.contentType, { ...options, isPartial, total: body.total, depth: 0 }) + note;
}

type ContentOptions = BodyLinesOptions & {
	readonly isPartial: boolean;
	readonly total: number;
	/** The depth of a part inside others. */
	readonly depth: number;
};

function contentLines(content: Uint8Array, contentType: string | null, options: ContentOptions): string {
	const { theme, raw, isPartial } = options;
	const parts = options.depth < DEEPEST_PART ? multipartParts(content, contentType, !isPartial) : undefined;
	if (parts !== undefined && parts.length > 0)
		return parts.map((part, index) => partLines(part, `part ${index + 1} of ${parts.length}`, options)).join('\n');
	const media = mediaOf(contentType, content);
	const how = { raw, partial: isPartial };
	if (media.kind === 'json' || media.kind === 'text') {
		const text = charsetText(content, contentType);
		const mayBeJson = media.kind === 'json' || contentType === null;
		return (mayBeJson ? jsonLines(text, how) : null) ?? textLines(text, how);
	}
	if (media.kind === 'binary') return hexDump(content, HEX_DUMP_BYTES);
	if (media.kind === 'empty' && options.depth > 0) return '';
	return `${theme.note(`[${forTerminal(media.type ?? media.kind, { raw })}, ${byteCount(options.total)}]`)}\n`;
}

function partLines({ head, content, isWhole }: Part, title: string, options: ContentOptions): string {
	const { theme, raw } = options;
	const fields = head.split(/\r?\n/).filter((line) => line !== '');
	const contentType = fields.find((line) => /^content-type:/i.test(line))?.slice('content-type:'.length);
	const lines = contentLines(content, contentType?.trim() ?? null, {
		...options,
		isPartial: !isWhole,
		total: content.length,
		depth: options.depth + 1,
	});
	const rest = isWhole ? '' : `${theme.note('the rest is not held')}\n`;
	const between = lines === '' ? '' : '\n';
	return `${theme.dim(title)}\n${fields.map((line) => `${fieldText(line, theme, raw)}\n`).join('')}${between}${lines}${rest}`;
}

function fieldText(line: string, theme: Theme, raw: boolean): string {
	const colon = line.indexOf(':');
	if (colon < 0) return forTerminal(line, { raw });
	return `${theme.name(forTerminal(line.slice(0, colon), { raw }))}${forTerminal(line.slice(colon), { raw })}`;
}

/** The bytes unchanged, as far as they are text. */
function bytesAsText(bytes: Uint8Array, raw: boolean): string {
	const text = forTerminal(bytes, { raw, lineFeeds: true });
	return text.endsWith('\n') ? text : `${text}\n`;
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
