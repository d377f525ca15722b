// The known bodies: the same on every run and different at every position, so that missing, doubled or moved pieces are
// noticed.
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';

export type Body = {
	/** File name in the document root. */
	readonly name: string;
	/** Its name on the page. */
	readonly label: string;
	readonly bytes: Buffer;
};

const SIZES = [0, 200, 8192, 51200, 1048576];

/** Bodies of every size, and a real image. */
export const BODIES: readonly Body[] = [
	...SIZES.map((size) => ({ name: `${size}.txt`, label: size.toLocaleString('en'), bytes: text(size) })),
	{ name: 'image.png', label: 'image', bytes: image(64) },
];

export function body(name: string): Body {
	const found = BODIES.find((one) => one.name === name);
	if (found === undefined) throw new Error(`expected the name of a known body, got ${name}`);
	return found;
}

/** Writes the files that the servers serve. */
export function writeBodies(directory: string): void {
	for (const { name, bytes } of BODIES) writeFileSync(join(directory, name), bytes);
}

export function sha256(bytes: Uint8Array): string {
	return createHash('sha256').update(bytes).digest('hex');
}

/** Lines of numbers and pseudo-random letters: text that gzip makes smaller, but not much. */
function text(size: number): Buffer {
	const lines: string[] = [];
	let random = size + 1;
	for (let length = 0, line = 0; length < size; line++) {
		let words = `line ${line}`;
		for (let word = 0; word < 5; word++) {
			random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
			words += ` ${random.toString(36)}`;
		}
		lines.push(words);
		length += words.length + 1;
	}
	return Buffer.from(`${lines.join('\n')}\n`.slice(0, size), 'latin1');
}

/** A PNG of side × side pixels in colours that do not compress. */
function image(side: number): Buffer {
	const rows: Buffer[] = [];
	let random = 1;
	for (let y = 0; y < side; y++) {
		const row = Buffer.alloc(1 + side * 3);
		for (let i = 1; i < row.length; i++) {
			random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
			row[i] = random >>> 24;
		}
		rows.push(row);
	}
	const header = Buffer.alloc(13);
	header.writeUInt32BE(side, 0);
	header.writeUInt32BE(side, 4);
	header.set([8, 2, 0, 0, 0], 8);
	return Buffer.concat([
		Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
		pngChunk('IHDR', header),
		pngChunk('IDAT', deflateSync(Buffer.concat(rows))),
		pngChunk('IEND', Buffer.alloc(0)),
	]);
}

function pngChunk(name: string, data: Buffer): Buffer {
	const named = Buffer.concat([Buffer.from(name, 'latin1'), data]);
	const chunk = Buffer.alloc(named.length + 8);
	chunk.writeUInt32BE(data.length, 0);
	named.copy(chunk, 4);
	chunk.writeUInt32BE(crc32(named), named.length + 4);
	return chunk;
}

/** PNG's checksum; zlib.crc32 needs a newer Node. */
function crc32(bytes: Buffer): number {
	let sum = 0xffffffff;
	for (const byte of bytes) {
		sum ^= byte;
		for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
	}
	return (sum ^ 0xffffffff) >>> 0;
}
