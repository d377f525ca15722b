// Frames of HTTP/2 and header blocks for tests, byte by byte (RFC 9113, RFC 7541).

export const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

export const TYPES = {
	data: 0,
	headers: 1,
	priority: 2,
	rstStream: 3,
	settings: 4,
	pushPromise: 5,
	ping: 6,
	goaway: 7,
	windowUpdate: 8,
	continuation: 9,
} as const;
export type FrameType = keyof typeof TYPES;

export const END_STREAM = 1;
export const END_HEADERS = 4;
export const PADDED = 8;
export const PRIORITY = 32;

export type HeaderField = readonly [name: string, value: string];

/** One frame. Text is latin1. */
export function frame(
	type: FrameType | number,
	stream: number,
	payload: string | Uint8Array = '',
	flags = 0,
): Uint8Array {
	const bytes = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload;
	const header = Buffer.alloc(9);
	header.writeUIntBE(bytes.length, 0, 3);
	header[3] = typeof type === 'number' ? type : TYPES[type];
	header[4] = flags;
	header.writeUInt32BE(stream, 5);
	return Buffer.concat([header, bytes]);
}

/** The payload of a padded frame: set flag PADDED. */
export function padded(content: string | Uint8Array, padding: number): Uint8Array {
	const bytes = typeof content === 'string' ? Buffer.from(content, 'latin1') : content;
	return Buffer.concat([Buffer.of(padding), bytes, Buffer.alloc(padding)]);
}

export function number32(value: number): Uint8Array {
	const bytes = Buffer.alloc(4);
	bytes.writeUInt32BE(value);
	return bytes;
}

export function settings(values: Readonly<Record<number, number>> = {}): Uint8Array {
	const parts = Object.entries(values).map(([key, value]) => {
		const bytes = Buffer.alloc(6);
		bytes.writeUInt16BE(Number(key), 0);
		bytes.writeUInt32BE(value, 2);
		return bytes;
	});
	return frame('settings', 0, Buffer.concat(parts));
}

/** Block in a HEADERS frame that ends the head, and with `end` the stream. */
export function headers(stream: number, block: Uint8Array, end = false): Uint8Array {
	return frame('headers', stream, block, END_HEADERS | (end ? END_STREAM : 0));
}

export function data(stream: number, body: string | Uint8Array, end = false): Uint8Array {
	return frame('data', stream, body, end ? END_STREAM : 0);
}

/** An integer whose first byte has `bits` bits for it, and `first` in the others. */
export function integer(value: number, bits: number, first: number): Uint8Array {
	const most = (1 << bits) - 1;
	if (value < most) return Uint8Array.of(first | value);
	const bytes = [first | most];
	let rest = value - most;
	for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
	bytes.push(rest);
	return Uint8Array.from(bytes);
}

/** A string without Huffman code. */
export function plainString(text: string): Uint8Array {
	const bytes = Buffer.from(text, 'latin1');
	return Buffer.concat([integer(bytes.length, 7, 0), bytes]);
}

/** A block of fields with literal names and values, none of which is added to the table. */
export function literalBlock(fields: readonly HeaderField[]): Uint8Array {
	return Buffer.concat(
		fields.map(([name, value]) => Buffer.concat([Uint8Array.of(0), plainString(name), plainString(value)])),
	);
}

/** A field that is added to the table. */
export function indexedField([name, value]: HeaderField): Uint8Array {
	return Buffer.concat([Uint8Array.of(0x40), plainString(name), plainString(value)]);
}

/** A field of the tables. */
export function tableField(index: number): Uint8Array {
	return integer(index, 7, 0x80);
}

export function requestBlock(path: string, more: readonly HeaderField[] = [], method = 'GET'): Uint8Array {
	return literalBlock([
		[':method', method],
		[':scheme', 'http'],
		[':path', path],
		[':authority', 'example.com'],
		...more,
	]);
}

export function responseBlock(status: number, more: readonly HeaderField[] = []): Uint8Array {
	return literalBlock([[':status', String(status)], ...more]);
}
