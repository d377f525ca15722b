// Usual field lines: a token, a colon, a value without control characters, CR LF. They are read in one pass over their
// record. All other lines are left to the reader of single lines (head.ts).
import { findControl, isSpace, lastOf, tokenMask, trimSpace } from '../memory/bytes';
import { Message } from '../memory/state';
import { FIELD_OTHER, addField, readMeaning } from './head';

/** Names of framing fields and Host are no longer than this. */
const LONGEST_MEANING: u32 = 17;

/**
 * Reads plain lines of the head that begins at `base`, from `from` on, as far as they lie in [from, end). Returns where
 * the first line begins that is not plain or not whole.
 */
export function readPlainFields(message: Message, base: usize, from: usize, end: usize): usize {
	let at = from;
	while (true) {
		const colon = findColon(at, end);
		if (colon == 0) return at;
		let value = colon + 1;
		while (value < end && isSpace(load<u8>(value))) value++;
		const stop = findControl(value, end);
		if (end - stop < 2 || stop == end || load<u16>(stop) != 0x0a0d) return at;
		const valueEnd = trimSpace(value, stop);
		const nameLength = <u32>(colon - at);
		message.lastField = FIELD_OTHER;
		addField(message, <u32>(at - base), nameLength, <u32>(value - base), <u32>(valueEnd - value), false);
		if (nameLength <= LONGEST_MEANING) readMeaning(message, base, at, colon, value, valueEnd, true);
		at = stop + 2;
	}
}

/** The colon after a token that begins at `from`; 0 if it is not within reach. */
function findColon(from: usize, end: usize): usize {
	let at = from;
	while (at + 16 <= end) {
		const others = ~tokenMask(at) & 0xffff;
		if (others != 0) {
			// The first byte that is not a token character is the colon, and not the line's first byte.
			const first = at + ctz(others);
			return load<u8>(first) == 58 && first != from ? first : 0;
		}
		at += 16;
	}
	if (at >= end) return 0;
	const others = lastOf(~tokenMask(end - 16) & 0xffff, at, end);
	if (others == 0) return 0;
	const first = at + ctz(others);
	return load<u8>(first) == 58 && first != from ? first : 0;
}
