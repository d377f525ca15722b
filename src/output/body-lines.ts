// Bodies for reading: complete lines, safe to print, whole.

import { reformatJson } from './json-text.ts';
import { forTerminal } from './terminal-text.ts';

export type TextLinesOptions = {
	readonly raw: boolean;
	/** The text may end early. */
	readonly partial: boolean;
};

/** JSON objects and lists indented, with every digit of their numbers; null when `text` is not that. */
export function jsonLines(text: string, options: TextLinesOptions): string | null {
	if (!/^\s*[[{]/.test(text)) return null;
	const pretty = reformatJson(text, { indent: 2, partial: options.partial });
	return pretty === null ? null : `${forTerminal(pretty, { raw: options.raw, lineFeeds: true })}\n`;
}

/** Text as it is, line by line: CR LF ends a line as LF does, all other controls are escaped. */
export function textLines(text: string, options: TextLinesOptions): string {
	if (text === '') return '';
	const lines = options.raw ? text : forTerminal(text.replaceAll('\r\n', '\n'), { lineFeeds: true });
	return lines.endsWith('\n') ? lines : `${lines}\n`;
}
