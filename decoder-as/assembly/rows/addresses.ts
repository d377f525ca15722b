// Addresses of a connection as text: from the fixed form in CAPTURE_OPEN and CAPTURE_CLOSE, or from user space's answer.
import { begins, findByte, hexValue, isDigit } from '../memory/bytes';
import { allocate, release } from '../memory/memory';
import { Connection } from '../memory/state';
import {
	CAPTURE_ADDRESS_BYTES,
	CAPTURE_ADDRESSES_BYTES,
	CAPTURE_OPEN_UNIX_BYTES,
	CAPTURE_UNIX_NAME_BYTES,
} from '../wire/capture-event';
import { findMirror } from './mirrors';

const AF_UNIX: u32 = 1;
const AF_INET: u32 = 2;
const AF_INET6: u32 = 10;
/** `[xxxx:…:xxxx%4294967295]:65535`, or a path; longer answers are cut. */
const TEXT_BYTES: u32 = 160;
const text = memory.data(160, 8);
let length: u32 = 0;

/** Reads the addresses at `at`: the peer's, then the local one. A known address is kept. `bytes` includes what follows. */
export function learnAddresses(connection: Connection, at: usize, bytes: u32): void {
	if (load<u16>(at) == AF_UNIX && bytes >= <u32>CAPTURE_OPEN_UNIX_BYTES) learnUnixEnds(connection, at);
	if (connection.remoteLength == 0) setRemote(connection, formatAddress(at));
	if (connection.localLength == 0) setLocal(connection, formatAddress(at + CAPTURE_ADDRESS_BYTES));
	findMirror(connection);
}

/** Reads the socket numbers and names of both ends, so user space need not be asked. */
function learnUnixEnds(connection: Connection, at: usize): void {
	const names = at + CAPTURE_ADDRESSES_BYTES + 16;
	if (connection.peerNumber == 0) connection.peerNumber = load<u64>(at, 8);
	if (connection.socketNumber == 0) connection.socketNumber = load<u64>(at + CAPTURE_ADDRESS_BYTES, 8);
	const remote = formatName(names, load<u64>(at + CAPTURE_ADDRESSES_BYTES));
	if (connection.remoteLength == 0) setRemote(connection, remote);
	const local = formatName(names + CAPTURE_UNIX_NAME_BYTES, load<u64>(at + CAPTURE_ADDRESSES_BYTES, 8));
	if (connection.localLength == 0) setLocal(connection, local);
	connection.answered = true;
}

/** Writes `unix:/path` into `text`, or `unix:@name` for the abstract namespace, whose names may contain NUL. */
function formatName(at: usize, bytes: u64): u32 {
	length = 0;
	const end = at + <usize>min<u64>(bytes, CAPTURE_UNIX_NAME_BYTES);
	if (at == end) return 0;
	put(117);
	put(110);
	put(105);
	put(120);
	put(58);
	const abstract = load<u8>(at) == 0;
	if (abstract) put(64);
	for (let i = abstract ? at + 1 : at; i < end && (abstract || load<u8>(i) != 0); i++) put(load<u8>(i));
	return length;
}

/** Reads `local LF remote LF` in [at, end), as found by user space. */
export function learnAddressTexts(connection: Connection, at: usize, end: usize): void {
	const localEnd = findByte(at, end, 10);
	if (connection.localLength == 0) setLocal(connection, copyText(at, localEnd));
	if (localEnd < end) {
		const remoteEnd = findByte(localEnd + 1, end, 10);
		if (connection.remoteLength == 0) setRemote(connection, copyText(localEnd + 1, remoteEnd));
	}
	findMirror(connection);
}

/**
 * Reads the client's address from a preamble of the PROXY protocol, version 1: [at, end) is `PROXY`, a family, and its words
 * `source destination port port`.
 */
export function learnToldText(connection: Connection, at: usize, end: usize): void {
	const family = findByte(at, end, 32) + 1;
	const source = findByte(family, end, 32) + 1;
	const sourceEnd = findByte(source, end, 32);
	const port = findByte(sourceEnd + 1, end, 32) + 1;
	const portEnd = findByte(port, end, 32);
	// UNKNOWN has no addresses.
	if (portEnd >= end || sourceEnd - source > 45 || portEnd - port > 5 || !isAddress(source, sourceEnd)) return;
	for (let digit = port; digit < portEnd; digit++) if (!isDigit(load<u8>(digit))) return;
	const six = findByte(source, sourceEnd, 58) != sourceEnd;
	length = 0;
	if (six) put(91);
	for (let i = source; i < sourceEnd; i++) put(load<u8>(i));
	if (six) put(93);
	put(58);
	for (let i = port; i < portEnd; i++) put(load<u8>(i));
	setTold(connection);
}

/** Whether there are only hex digits, dots and colons. */
function isAddress(at: usize, end: usize): bool {
	for (let i = at; i < end; i++) {
		if (hexValue(load<u8>(i)) < 0 && load<u8>(i) != 46 && load<u8>(i) != 58) return false;
	}
	return end > at;
}

/** The same for version 2: command, family, two bytes of length, addresses. `end`: the end of the available part. */
export function learnToldBytes(connection: Connection, at: usize, end: usize): void {
	if (load<u8>(at) != 0x21) return;
	const family = load<u8>(at, 1) >> 4;
	const size: u32 = family == 1 ? 4 : 16;
	if ((family != 1 && family != 2) || <u32>(end - at) < 4 + size * 2 + 4) return;
	length = 0;
	if (family == 1) {
		putIpv4(at + 4);
	} else if (isMapped(at + 4)) {
		putIpv4(at + 16);
	} else {
		put(91);
		putIpv6(at + 4);
		put(93);
	}
	put(58);
	putNumber(bswap<u16>(load<u16>(at + 4 + size * 2)));
	setTold(connection);
}

function setTold(connection: Connection): void {
	unmapText();
	release(connection.told);
	connection.toldLength = 0;
	connection.told = allocate(length);
	if (connection.told == 0) return;
	memory.copy(connection.told, text, length);
	connection.toldLength = length;
}

/** The addresses of `from` that `to` does not have yet. */
export function copyAddresses(from: Connection, to: Connection): void {
	if (to.remoteLength == 0 && from.remoteLength != 0) {
		to.remote = copyOf(from.remote, from.remoteLength);
		if (to.remote != 0) to.remoteLength = from.remoteLength;
	}
	if (to.localLength == 0 && from.localLength != 0) {
		to.local = copyOf(from.local, from.localLength);
		if (to.local != 0) to.localLength = from.localLength;
	}
	if (to.toldLength == 0 && from.toldLength != 0) {
		to.told = copyOf(from.told, from.toldLength);
		if (to.told != 0) to.toldLength = from.toldLength;
	}
	to.socketNumber = from.socketNumber;
	to.peerNumber = from.peerNumber;
}

function copyOf(at: usize, bytes: u32): usize {
	const copy = allocate(bytes);
	if (copy != 0) memory.copy(copy, at, bytes);
	return copy;
}

export function forgetAddresses(connection: Connection): void {
	release(connection.told);
	connection.told = 0;
	connection.toldLength = 0;
	release(connection.local);
	release(connection.remote);
	connection.local = 0;
	connection.remote = 0;
	connection.localLength = 0;
	connection.remoteLength = 0;
}

function setLocal(connection: Connection, bytes: u32): void {
	if (bytes == 0) return;
	const copy = allocate(bytes);
	if (copy == 0) return;
	memory.copy(copy, text, bytes);
	connection.local = copy;
	connection.localLength = bytes;
}

function setRemote(connection: Connection, bytes: u32): void {
	if (bytes == 0) return;
	const copy = allocate(bytes);
	if (copy == 0) return;
	memory.copy(copy, text, bytes);
	connection.remote = copy;
	connection.remoteLength = bytes;
}

function copyText(at: usize, end: usize): u32 {
	length = min<u32>(<u32>(end - at), TEXT_BYTES);
	memory.copy(text, at, length);
	unmapText();
	return length;
}

/** Turns `[::ffff:127.0.0.1]:80` in `text` into `127.0.0.1:80`. */
function unmapText(): void {
	if (!begins(text, text + length, '[::ffff:', false) && !begins(text, text + length, '[::FFFF:', false)) return;
	const end = findByte(text, text + length, 93);
	if (end == text + length) return;
	for (let at = text + 8; at < end; at++) if (!isDigit(load<u8>(at)) && load<u8>(at) != 46) return;
	const address = <u32>(end - text) - 8;
	const port = length - address - 9;
	memory.copy(text, text + 8, address);
	memory.copy(text + address, end + 1, port);
	length = address + port;
}

/** Whether it is an IPv4 address in IPv6 form, as used by dual-stack sockets. */
function isMapped(at: usize): bool {
	return load<u64>(at) == 0 && load<u16>(at, 8) == 0 && load<u16>(at, 10) == 0xffff;
}

/** Writes the address into `text`; its length, 0 when it is not known. */
function formatAddress(at: usize): u32 {
	const family = <u32>load<u16>(at);
	const port = bswap<u16>(load<u16>(at, 2));
	length = 0;
	if (family == AF_INET) {
		putIpv4(at + 4);
	} else if (family == AF_INET6 && isMapped(at + 8)) {
		putIpv4(at + 20);
	} else if (family == AF_INET6) {
		put(91);
		putIpv6(at + 8);
		const scope = load<u32>(at, 24);
		if (scope != 0) {
			put(37);
			putNumber(scope);
		}
		put(93);
	} else {
		return 0;
	}
	put(58);
	putNumber(port);
	return length;
}

function put(byte: u8): void {
	store<u8>(text + length++, byte);
}

function putNumber(value: u32): void {
	let digits: u32 = 1;
	for (let rest = value / 10; rest != 0; rest /= 10) digits++;
	let rest = value;
	for (let i = digits; i > 0; i--) {
		store<u8>(text + length + i - 1, <u8>(48 + (rest % 10)));
		rest /= 10;
	}
	length += digits;
}

function putIpv4(at: usize): void {
	for (let i = 0; i < 4; i++) {
		if (i != 0) put(46);
		putNumber(load<u8>(at + i));
	}
}

/** RFC 5952: the longest run of two or more zero groups is `::`. */
function putIpv6(at: usize): void {
	let best = -1;
	let bestLength = 1;
	for (let i = 0; i < 8; i++) {
		let run = 0;
		while (i + run < 8 && load<u16>(at + (i + run) * 2) == 0) run++;
		if (run > bestLength) {
			best = i;
			bestLength = run;
		}
		if (run > 0) i += run - 1;
	}
	for (let i = 0; i < 8; i++) {
		if (i == best) {
			put(58);
			if (i + bestLength == 8) put(58);
			i += bestLength - 1;
			continue;
		}
		if (i != 0) put(58);
		putHex(<u32>bswap<u16>(load<u16>(at + i * 2)));
	}
}

function putHex(value: u32): void {
	let shift: i32 = 12;
	while (shift > 0 && value >> shift == 0) shift -= 4;
	for (; shift >= 0; shift -= 4) {
		const digit = (value >> shift) & 15;
		put(<u8>(digit < 10 ? 48 + digit : 87 + digit));
	}
}
