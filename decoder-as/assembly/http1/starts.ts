// Decides from the first bytes whether a request may begin here.
import { findLineFeed, isSpace } from '../memory/bytes';
import { GET, readVersion } from './head';

/** The method of a request line is searched for in this many bytes. */
const METHOD_LOOKAHEAD: u32 = 64;

/** … and its version in this many. */
const LINE_LOOKAHEAD: u32 = 8192;

/** Whether it begins like a request line: a method, a space. */
export function mayBeRequest(from: usize, end: usize): bool {
	if (end - from >= 4 && load<u32>(from) == GET) return true;
	let at = from;
	const limit = min<usize>(end, from + METHOD_LOOKAHEAD);
	while (at < limit && isSpace(load<u8>(at))) at++;
	const method = at;
	// Any visible byte: the rest of the line will show whether it is a method.
	while (at < limit && isVisible(load<u8>(at))) at++;
	if (at == limit) return limit == end || endsLikeRequest(at, end);
	return at != method && isSpace(load<u8>(at));
}

export function isVisible(byte: u32): bool {
	return byte > 32 && byte < 127;
}

/** Whether a line with a very long method ends with a version. */
function endsLikeRequest(from: usize, end: usize): bool {
	const limit = min<usize>(end, from + LINE_LOOKAHEAD);
	const feedAt = findLineFeed(from, limit);
	if (feedAt == limit) return limit == end;
	const lineEnd = load<u8>(feedAt - 1) == 13 ? feedAt - 1 : feedAt;
	return lineEnd - from > 9 && isSpace(load<u8>(lineEnd - 9)) && readVersion(lineEnd - 8, lineEnd) >= 0;
}
