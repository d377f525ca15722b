// Hashes, compares and copies short ranges of bytes, four bytes at a time. For texts of heads, a call into native code
// costs more than it saves.
import { randomInt } from 'node:crypto';

/** Secret, so that nobody can send texts that collide on purpose. */
export const HASH_SEED = randomInt(2 ** 32 - 1) | 0;

const FACTOR = 0x9e3779b1 | 0;
/** Longer ranges are copied by native code. */
const LONG = 256;
/** Above this, setting up memcpy() pays off, because set() copies to shared memory by words or even bytes. */
const VERY_LONG = 16_384;

/** Continues a hash over `length` bytes. */
export function hashRange(view: DataView, start: number, length: number, seed: number): number {
	let hash = seed ^ length;
	let at = start;
	for (const end = start + (length & ~3); at < end; at += 4) {
		hash = Math.imul(hash ^ view.getUint32(at, true), FACTOR);
		hash ^= hash >>> 15;
	}
	for (const end = start + length; at < end; at++) hash = Math.imul(hash ^ view.getUint8(at), FACTOR);
	return hash ^ (hash >>> 13);
}

export function sameRange(a: DataView, aStart: number, b: DataView, bStart: number, length: number): boolean {
	const whole = length & ~3;
	let i = 0;
	for (; i < whole; i += 4) if (a.getUint32(aStart + i, true) !== b.getUint32(bStart + i, true)) return false;
	for (; i < length; i++) if (a.getUint8(aStart + i) !== b.getUint8(bStart + i)) return false;
	return true;
}

/** A piece of memory, as bytes and as words at any offset. */
export type Memory = { readonly bytes: Uint8Array; readonly view: DataView };
export type WritableMemory = Memory & { readonly bytes: Buffer };

export function copyRange(from: Memory, start: number, to: WritableMemory, at: number, length: number): void {
	if (length > LONG) {
		const range = from.bytes.subarray(start, start + length);
		if (length < VERY_LONG) to.bytes.set(range, at);
		else to.bytes.fill(range, at, at + length);
		return;
	}
	const source = from.view;
	const target = to.view;
	const whole = length & ~3;
	let i = 0;
	for (; i < whole; i += 4) target.setUint32(at + i, source.getUint32(start + i, true), true);
	for (; i < length; i++) target.setUint8(at + i, source.getUint8(start + i));
}
