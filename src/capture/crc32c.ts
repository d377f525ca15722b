// CRC-32C (Castagnoli), the checksum of frames: eight bytes at a time, one table for each.

/** 0x1EDC6F41 with its bits reversed. */
const POLYNOMIAL = 0x82f63b78;
const BYTES = 8;

const [T0, T1, T2, T3, T4, T5, T6, T7] = tables() as [
	...[Int32Array, Int32Array, Int32Array, Int32Array],
	...[Int32Array, Int32Array, Int32Array, Int32Array],
];

/** The checksum of `bytes`; `before`: that of the bytes before them. */
export function crc32c(bytes: Uint8Array, before = 0): number {
	let crc = ~before;
	let at = 0;
	for (const end = bytes.length & ~(BYTES - 1); at < end; at += BYTES) {
		crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
		crc =
			T7[crc & 255]! ^
			T6[(crc >>> 8) & 255]! ^
			T5[(crc >>> 16) & 255]! ^
			T4[crc >>> 24]! ^
			T3[bytes[at + 4]!]! ^
			T2[bytes[at + 5]!]! ^
			T1[bytes[at + 6]!]! ^
			T0[bytes[at + 7]!]!;
	}
	for (; at < bytes.length; at++) crc = (crc >>> 8) ^ T0[(crc ^ bytes[at]!) & 255]!;
	return ~crc >>> 0;
}

/** Table k: what a byte adds that is followed by k others. */
function tables(): Int32Array[] {
	const all = Array.from({ length: BYTES }, () => new Int32Array(256));
	for (let byte = 0; byte < 256; byte++) {
		let crc = byte;
		for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
		all[0]![byte] = crc;
	}
	for (let k = 1; k < BYTES; k++)
		for (let byte = 0; byte < 256; byte++) {
			const before = all[k - 1]![byte]!;
			all[k]![byte] = (before >>> 8) ^ all[0]![before & 255]!;
		}
	return all;
}
