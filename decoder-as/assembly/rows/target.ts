// Splits a request target (RFC 9112 section 3.2) into authority and path; the query begins at pathEnd if there is a `?`.
// The results are module variables, so that no object is allocated.
import { findByte, isToken } from '../memory/bytes';

export let authorityStart: usize = 0;
export let authorityEnd: usize = 0;
export let pathStart: usize = 0;
export let pathEnd: usize = 0;

export function targetParts(start: usize, end: usize, isConnect: bool): void {
	authorityStart = 0;
	authorityEnd = 0;
	pathStart = start;
	// absolute-form: scheme "://" authority path.
	let at = start;
	while (at < end && isToken(load<u8>(at))) at++;
	if (at > start && end - at >= 3 && load<u8>(at) == 58 && load<u8>(at, 1) == 47 && load<u8>(at, 2) == 47) {
		authorityStart = at + 3;
		at = authorityStart;
		while (at < end && load<u8>(at) != 47 && load<u8>(at) != 63 && load<u8>(at) != 35) at++;
		authorityEnd = at;
		// Userinfo is not part of the host.
		const userinfo = findByte(authorityStart, authorityEnd, 64);
		if (userinfo != authorityEnd) authorityStart = userinfo + 1;
		pathStart = at;
	} else if (isConnect && load<u8>(start) != 47) {
		authorityStart = start;
		authorityEnd = end;
		pathStart = end;
		pathEnd = end;
		return;
	}
	pathEnd = findByte(pathStart, end, 63);
}
