// What is kept of a hello (RFC 8446 section 4.1, RFC 5246 section 7.4.1): the parts that name a server, versions and
// ciphers, without keys and random bytes. A hello whose lengths contradict each other is not kept.
// wire/output-layout.ts describes the result.
import { CHECKED } from '../memory/checks';
import { allocate, release } from '../memory/memory';
import { HELLO_FLAGS, HELLO_HAS_ECH, HELLO_HAS_NAME, HELLO_LISTS } from '../wire/output-layout';

/** A larger one is not kept. */
const KEPT_MOST: u32 = 2048;

const EXTENSION_SERVER_NAME: u32 = 0;
const EXTENSION_SIGNATURE_ALGORITHMS: u32 = 13;
const EXTENSION_ALPN: u32 = 16;
const EXTENSION_SUPPORTED_VERSIONS: u32 = 43;
const EXTENSION_ENCRYPTED_CLIENT_HELLO: u32 = 0xfe0d;
/** Bytes of the version and the random number. */
const RANDOM_END: u32 = 34;

/** The list found by findList(): its bytes and their number. */
let listAt: usize = 0;
let listBytes: u32 = 0;

/** Length of what was kept last. */
export let keptLength: u32 = 0;

@inline
function word(at: usize): u32 {
	return <u32>bswap<u16>(load<u16>(at));
}

/** Sets listAt and listBytes to the vector at `at`, whose length takes `size` bytes; returns its end, or 0 if it is cut. */
function findList(at: usize, end: usize, size: u32): usize {
	if (at + size > end) return 0;
	listBytes = size == 1 ? <u32>load<u8>(at) : word(at);
	listAt = at + size;
	return listAt + listBytes > end ? 0 : listAt + listBytes;
}

/** Returns a new block with what is kept of the client's hello [at, end), keptLength bytes; 0 if it cannot be read. */
export function keepClientHello(at: usize, end: usize): usize {
	if (end - at < RANDOM_END) return 0;
	const version = load<u16>(at);
	let next = findList(at + RANDOM_END, end, 1);
	if (next == 0) return 0;
	next = findList(next, end, 2);
	if (next == 0 || (listBytes & 1) != 0) return 0;
	const ciphers = listAt;
	const cipherBytes = listBytes;
	next = findList(next, end, 1);
	if (next == 0) return 0;
	let extensions = next;
	if (next < end) {
		if (findList(next, end, 2) != end) return 0;
		extensions = listAt;
	}
	return writeClient(version, ciphers, cipherBytes, extensions, end);
}

function writeClient(version: u16, ciphers: usize, cipherBytes: u32, extensions: usize, end: usize): usize {
	const count = countExtensions(extensions, end);
	if (count < 0) return 0;
	// No list is longer than the extensions.
	const room = <u32>HELLO_LISTS + 12 + cipherBytes + <u32>count * 2 + <u32>(end - extensions);
	if (room > KEPT_MOST + 16384) return 0;
	const kept = allocate(room);
	if (kept == 0) return 0;
	store<u16>(kept, version);
	let flags: i32 = 0;
	if (findExtension(extensions, end, EXTENSION_SERVER_NAME)) flags |= HELLO_HAS_NAME;
	if (findExtension(extensions, end, EXTENSION_ENCRYPTED_CLIENT_HELLO)) flags |= HELLO_HAS_ECH;
	store<u16>(kept, <u16>flags, HELLO_FLAGS);
	let to = writeList(kept + <u32>HELLO_LISTS, ciphers, cipherBytes);
	store<u16>(to, bswap<u16>(<u16>(count * 2)));
	to += 2;
	for (let at = extensions; at < end; at += 4 + word(at + 2)) {
		store<u16>(to, load<u16>(at));
		to += 2;
	}
	to = findName(extensions, end) ? writeList(to, listAt, listBytes) : writeList(to, 0, 0);
	to = writeExtension(to, extensions, end, EXTENSION_ALPN, 2);
	to = writeExtension(to, extensions, end, EXTENSION_SUPPORTED_VERSIONS, 1);
	to = writeExtension(to, extensions, end, EXTENSION_SIGNATURE_ALGORITHMS, 2);
	return fit(kept, <u32>(to - kept), room);
}

/** Returns a new block with what is kept of the server's hello [at, end), keptLength bytes; 0 if it cannot be read. */
export function keepServerHello(at: usize, end: usize): usize {
	if (end - at < RANDOM_END) return 0;
	const version = load<u16>(at);
	const next = findList(at + RANDOM_END, end, 1);
	// The cipher suite and the compression method.
	if (next == 0 || next + 3 > end) return 0;
	const cipher = load<u16>(next);
	let extensions = next + 3;
	if (extensions < end) {
		if (findList(extensions, end, 2) != end) return 0;
		extensions = listAt;
	}
	if (countExtensions(extensions, end) < 0) return 0;
	const room = <u32>HELLO_LISTS + 2 + <u32>(end - extensions);
	const kept = allocate(room);
	if (kept == 0) return 0;
	// The version chosen by TLS 1.3; the version in front is then that of 1.2.
	const hasVersion = findExtension(extensions, end, EXTENSION_SUPPORTED_VERSIONS) && listBytes == 2;
	store<u16>(kept, hasVersion ? load<u16>(listAt) : version);
	store<u16>(kept, cipher, 2);
	const to = writeExtension(kept + <u32>HELLO_LISTS, extensions, end, EXTENSION_ALPN, 2);
	return fit(kept, <u32>(to - kept), room);
}

/** How many extensions [at, end) holds, or -1 if they do not end there. */
function countExtensions(at: usize, end: usize): i32 {
	let count = 0;
	while (at < end) {
		if (at + 4 > end) return -1;
		at += 4 + word(at + 2);
		count++;
	}
	return at == end ? count : -1;
}

/** Sets listAt and listBytes to the content of the first extension of this type. */
function findExtension(at: usize, end: usize, type: u32): bool {
	for (; at < end; at += 4 + word(at + 2)) {
		if (word(at) != type) continue;
		listAt = at + 4;
		listBytes = word(at + 2);
		return true;
	}
	return false;
}

/** Sets listAt and listBytes to the first host name of the extension server_name (RFC 6066 section 3). */
function findName(extensions: usize, end: usize): bool {
	if (!findExtension(extensions, end, EXTENSION_SERVER_NAME)) return false;
	const last = listAt + listBytes;
	if (findList(listAt, last, 2) != last) return false;
	for (let at = listAt; at < last; at = listAt + listBytes) {
		const type = load<u8>(at);
		if (findList(at + 1, last, 2) == 0) return false;
		if (type == 0) return listBytes != 0;
	}
	return false;
}

/** Writes the vector in an extension, whose length takes `size` bytes; an empty list if there is none. */
function writeExtension(to: usize, extensions: usize, end: usize, type: u32, size: u32): usize {
	if (!findExtension(extensions, end, type)) return writeList(to, 0, 0);
	const last = listAt + listBytes;
	if (findList(listAt, last, size) != last) return writeList(to, 0, 0);
	return writeList(to, listAt, listBytes);
}

function writeList(to: usize, from: usize, bytes: u32): usize {
	store<u16>(to, bswap<u16>(<u16>bytes));
	memory.copy(to + 2, from, bytes);
	return to + 2 + bytes;
}

/** Moves the `length` bytes of the block to one of their size. */
function fit(block: usize, length: u32, room: u32): usize {
	if (CHECKED) assert(length <= room, 'what is kept of a hello fits');
	const kept: usize = length > KEPT_MOST ? 0 : allocate(length);
	if (kept != 0) memory.copy(kept, block, length);
	release(block);
	keptLength = length;
	return kept;
}

/** Sets nameAt and nameBytes to the server's name in what is kept of a client's hello. */
export function findKeptName(kept: usize): void {
	let at = kept + <u32>HELLO_LISTS;
	at += 2 + word(at);
	at += 2 + word(at);
	nameAt = at + 2;
	nameBytes = word(at);
}

export let nameAt: usize = 0;
export let nameBytes: u32 = 0;
