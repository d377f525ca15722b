// Gathers the first handshake message of one direction of TLS (RFC 8446 sections 4 and 5.1): the client's or the server's
// hello, which may be spread over several records and calls. Everything else is passed over.
import { CHECKED } from '../memory/checks';
import { allocate, release } from '../memory/memory';
import { Hello } from '../memory/state';

/** What readHello answers. */
export const HELLO_MORE: i32 = 0;
export const HELLO_WHOLE: i32 = 1;
/** No hello comes, or it cannot be read. */
export const HELLO_NONE: i32 = 2;

export const CLIENT_HELLO: u32 = 1;
export const SERVER_HELLO: u32 = 2;
/** Type (1 byte) and length (3 bytes) of a handshake message. */
export const MESSAGE_HEADER: u32 = 4;

const RECORD_HEADER: u32 = 5;
const CHANGE_CIPHER_SPEC: u8 = 20;
export const HANDSHAKE: u8 = 22;
/** A record's payload may be this long: RFC 5246 section 6.2.3 allows 2,048 bytes more than plaintext has. */
const RECORD_MOST: u32 = 16384 + 2048;
/** Longer hellos are not read. The kernel sends no more of a direction either. */
const MESSAGE_MOST: u32 = 16384;

/** Takes bytes [from, end) of the stream: HELLO_*. After HELLO_WHOLE, hello.message holds the message. */
export function readHello(hello: Hello, from: usize, end: usize): i32 {
	let at = from;
	while (at < end) {
		if (hello.left == 0) {
			store<u8>(changetype<usize>(hello) + offsetof<Hello>('header') + hello.headerTaken, load<u8>(at++));
			if (++hello.headerTaken == RECORD_HEADER && !beginRecord(hello)) return HELLO_NONE;
			continue;
		}
		const length = min<u32>(hello.left, <u32>(end - at));
		if (hello.passing) {
			hello.left -= length;
			at += length;
			continue;
		}
		if (hello.need == 0) {
			hello.head = (hello.head << 8) | load<u8>(at++);
			hello.left--;
			if (++hello.headTaken == MESSAGE_HEADER && !beginMessage(hello)) return HELLO_NONE;
			continue;
		}
		const taken = min<u32>(length, hello.need - hello.length);
		memory.copy(hello.message + hello.length, at, taken);
		hello.length += taken;
		hello.left -= taken;
		at += taken;
		if (CHECKED) assert(hello.length <= hello.need, 'a hello is no longer than announced');
		if (hello.length == hello.need) return HELLO_WHOLE;
	}
	return HELLO_MORE;
}

function beginRecord(hello: Hello): bool {
	const header = changetype<usize>(hello) + offsetof<Hello>('header');
	const type = load<u8>(header);
	hello.left = <u32>bswap<u16>(load<u16>(header, 3));
	hello.headerTaken = 0;
	hello.passing = type == CHANGE_CIPHER_SPEC;
	return (type == HANDSHAKE || hello.passing) && load<u8>(header, 1) == 3 && hello.left != 0 && hello.left <= RECORD_MOST;
}

function beginMessage(hello: Hello): bool {
	const type = hello.head >> 24;
	const length = hello.head & 0xffffff;
	if ((type != CLIENT_HELLO && type != SERVER_HELLO) || length == 0 || length > MESSAGE_MOST) return false;
	hello.message = allocate(length);
	hello.need = length;
	return hello.message != 0;
}

export function freeHello(hello: Hello): void {
	if (changetype<usize>(hello) == 0) return;
	release(hello.message);
	release(changetype<usize>(hello));
}
