// Makes control and invisible characters of captured text visible, for terminals, text files and the page of a report,
// in which they could hide or reorder text, too.

/**
 * Characters that no text output contains: controls (C0, DEL, C1), line and paragraph separators, lone surrogates, private
 * use and unassigned code points, format controls (bidi, zero-width, BOM, tags, soft hyphen …) and everything else that is
 * invisible (variation selectors, fillers).
 */
const UNSAFE = '\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}\\p{Cs}\\p{Co}\\p{Cn}\\p{Default_Ignorable_Code_Point}';

/**
 * Maximum number of marks on a base character. Further ones are escaped: thousands of them would cover neighbouring
 * lines.
 */
const MAX_MARKS = 8;

// Conjoining jamo stack like marks, in terminals that combine them.
const MARK = '[\\p{M}\\u1160-\\u11ff\\ud7b0-\\ud7fb]';
const TOO_MANY_MARKS = `(${MARK}{${MAX_MARKS}})(${MARK}+)`;
const ESCAPED = new RegExp(`[${UNSAFE}]|${TOO_MANY_MARKS}`, 'u');
const EACH_ESCAPED = new RegExp(ESCAPED, 'gu');

/** Text that looks like one of our escapes although nothing was escaped. */
const LOOKS_ESCAPED = /\\(?:x[0-9a-f]{2}|u\{[0-9a-f]+\})/i;

export const PLAIN_ASCII = /^[\x20-\x5b\x5d-\x7e]*$/;

/** See forTerminal(). `lineFeeds`: keep them, for texts of several lines. */
export function visibleText(text: string, lineFeeds = false): string {
	return !PLAIN_ASCII.test(text) && needsEscape(text, lineFeeds) ? escapeAll(text, lineFeeds) : text;
}

/** `\xNN` below U+0100, else `\u{HEX}`. */
export function escapeCodePoint(codePoint: number): string {
	const hex = codePoint.toString(16);
	return codePoint < 0x100 ? `\\x${hex.padStart(2, '0')}` : `\\u{${hex}}`;
}

/** For writers with their own escapes (JSON): replaces unsafe characters by the result of `escapeEach`. */
export function escapeUnsafe(text: string, escapeEach: (characters: string) => string): string {
	return text.replace(EACH_ESCAPED, (match: string, marks: string | undefined, excess: string | undefined) =>
		marks === undefined || excess === undefined ? escapeEach(match) : marks + escapeEach(excess),
	);
}

function needsEscape(text: string, lineFeeds: boolean): boolean {
	if (LOOKS_ESCAPED.test(text)) return true;
	return ESCAPED.test(lineFeeds ? text.replaceAll('\n', ' ') : text);
}

/** The same for a text in which something has to be escaped. */
export function escapeAll(text: string, lineFeeds: boolean): string {
	const doubled = text.replaceAll('\\', '\\\\');
	return escapeUnsafe(doubled, (characters) => {
		if (characters === '\n' && lineFeeds) return characters;
		let escaped = '';
		for (const character of characters) escaped += escapeCodePoint(character.codePointAt(0) as number);
		return escaped;
	});
}
