// What a request may begin with, as far as that can be told from its first bytes.
import { findLineFeed, isSpace } from '../memory/bytes';
import { GET, readVersion } from './head';

/** A request line's method is looked for in this many bytes. */
const METHOD_LOOKAHEAD: u32 = 64;

/** … and its version in this many. */
const LINE_LOOKAHEAD: u32 = 8192;

/** Does it begin like a request line: a method, a space? */
export function mayBeRequest(from: usize, end: usize): bool {
	if (end - from >= 4 && load<u32>(from) == GET) return true;
	let at = from;
	const limit = min<usize>(end, from + METHOD_LOOKAHEAD);
	while (at < limit && isSpace(load<u8>(at))) at++;
	const method = at;
	// Any visible byte: whether it is a method at all its line will show.
	while (at < limit && isVisible(load<u8>(at))) at++;
	if (at == limit) return limit == end || endsLikeRequest(at, end);
	return at != method && isSpace(load<u8>(at));
}

export function isVisible(byte: u32): bool {
	return byte > 32 && byte < 127;
}

/** A method that is very long: does its line end with a version? */
function endsLikeRequest(from: usize, end: usize): bool {
	const limit = min<usize>(end, from + LINE_LOOKAHEAD);
	const feedAt = findLineFeed(from, limit);
	if (feedAt == limit) return limit == end;
	const lineEnd = load<u8>(feedAt - 1) == 13 ? feedAt - 1 : feedAt;
	return lineEnd - from > 9 && isSpace(load<u8>(lineEnd - 9)) && readVersion(lineEnd - 8, lineEnd) >= 0;
}
